// This file says what each kind of object tells of a CI.

package netbox

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

// kinds are the models that tell of CIs, those that others are in or run on first.
var kinds = []struct {
	model string
	tell  func(d *dump, o *object, told *reconcile.Observation)
}{
	{"dcim.site", tellSite},
	{"tenancy.contact", tellContact},
	{"dcim.rack", tellRack},
	{"virtualization.cluster", tellCluster},
	{"dcim.virtualchassis", tellChassis},
	{"dcim.powerpanel", tellPanel},
	{"dcim.powerfeed", tellFeed},
	{"dcim.device", tellDevice},
	{"virtualization.virtualmachine", tellVirtualMachine},
}

// describe tells what objects have alike.
func describe(o *object, told *reconcile.Observation, class string) {
	told.Class, told.Name = class, o.text("name")
	set(told, "description", o.value("description"))
}

// set tells a value that there is.
func set(told *reconcile.Observation, attribute string, v schema.Value) {
	if !v.IsZero() {
		told.Attributes[attribute] = v
	}
}

// setList tells a list that there is.
func setList(told *reconcile.Observation, attribute string, values []schema.Value) {
	if len(values) > 0 {
		told.Attributes[attribute] = schema.List(values...)
	}
}

func (d *dump) atSite(o *object) {
	if site := d.to(o, "site", "dcim.site"); site != nil {
		o.relate(schema.RelationLocatedAt, site, schema.ClassSite)
	}
}

func tellSite(_ *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassSite)
	set(told, "postal_address", o.value("physical_address"))
	set(told, "time_zone", o.value("time_zone"))
	set(told, "latitude", o.value("latitude"))
	set(told, "longitude", o.value("longitude"))
}

func tellContact(_ *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassContact)
	set(told, "email", o.value("email"))
	set(told, "telephone", o.value("phone"))
}

func tellRack(d *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassRack)
	set(told, "serial_number", o.value("serial"))
	set(told, "asset_tag", o.value("asset_tag"))
	set(told, "height", o.value("u_height"))
	d.atSite(o)
}

func tellCluster(d *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassCluster)
	if kind := d.to(o, "type", "virtualization.clustertype"); kind != nil {
		set(told, "technology", kind.value("name"))
	}
	d.atSite(o)
}

func tellChassis(_ *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassCluster)
	set(told, "technology", schema.Text("virtual chassis"))
}

func tellPanel(d *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassPower)
	set(told, "kind", schema.Text("panel"))
	d.atSite(o)
}

func tellFeed(d *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassPower)
	set(told, "kind", schema.Text("feed"))
	set(told, "voltage", o.value("voltage"))
	set(told, "capacity", o.value("available_power"))
	if panel := d.to(o, "power_panel", "dcim.powerpanel"); panel != nil {
		o.relate(schema.RelationPoweredBy, panel, schema.ClassPower)
	}
}

// roleOf gives the slug of a device's role; the field was renamed in version 3.6.
func (d *dump) roleOf(o *object) string {
	field := "role"
	if o.fields[field] == nil {
		field = "device_role"
	}
	role := d.objects["dcim.devicerole/"+o.number(field)]
	if role == nil {
		return ""
	}
	return role.text("slug")
}

// classOf gives the class of a device.
func (d *dump) classOf(o *object) string {
	slug := d.roleOf(o)
	if class, ok := d.options.Roles[slug]; ok {
		return class
	}
	for _, word := range strings.FieldsFunc(slug, func(r rune) bool { return r == '-' || r == '_' }) {
		switch word {
		case "server", "host", "hypervisor":
			return schema.ClassHost
		case "storage", "nas", "san":
			return schema.ClassStorage
		case "pdu", "ups", "power":
			return schema.ClassPower
		}
	}
	return schema.ClassNetworkDevice
}

// kindsOf are the kinds of devices of a class by what stands in the slug of a role, the first that does.
var kindsOf = map[string][][2]string{
	schema.ClassNetworkDevice: {{"panel", "patch panel"}, {"switch", "switch"}, {"router", "router"}, {"firewall", "firewall"},
		{"access-point", "access point"}, {"wireless", "access point"}, {"load-balancer", "load balancer"}},
	schema.ClassPower: {{"pdu", "distribution unit"}, {"ups", "uninterruptible supply"}},
}

func tellDevice(d *dump, o *object, told *reconcile.Observation) {
	describe(o, told, o.class)
	slug := d.roleOf(o)
	for _, kind := range kindsOf[o.class] {
		if strings.Contains(slug, kind[0]) {
			set(told, "kind", schema.Text(kind[1]))
			break
		}
	}
	kind := ""
	if t := d.to(o, "device_type", "dcim.devicetype"); t != nil {
		kind = t.text("model")
		if maker := d.to(t, "manufacturer", "dcim.manufacturer"); maker != nil {
			set(told, "manufacturer", maker.value("name"))
			kind = maker.text("name") + " " + kind
		}
		set(told, "model", t.value("model"))
		set(told, "height", t.value("u_height"))
	}
	set(told, "serial_number", o.value("serial"))
	set(told, "asset_tag", o.value("asset_tag"))
	set(told, "rack_position", o.value("position"))
	d.platform(o, told)
	setList(told, "addresses", o.addresses)
	setList(told, "hardware_addresses", o.hardwareAddresses)

	chassis := d.to(o, "virtual_chassis", "dcim.virtualchassis")
	if told.Name == "" {
		told.Name = fmt.Sprintf("%s (%s)", kind, o.pk)
		if chassis != nil {
			position, _ := o.value("vc_position").Text()
			told.Name = fmt.Sprintf("%s:%s (%s)", chassis.text("name"), position, o.pk)
		}
	}
	if rack := d.to(o, "rack", "dcim.rack"); o.bay == nil && rack != nil {
		o.relate(schema.RelationContainedIn, rack, schema.ClassRack)
	}
	if o.bay != nil {
		o.relate(schema.RelationContainedIn, o.bay, o.bay.class)
	}
	d.atSite(o)
	if chassis != nil {
		o.relate(schema.RelationMemberOf, chassis, schema.ClassCluster)
	}
	if cluster := d.to(o, "cluster", "virtualization.cluster"); cluster != nil {
		o.relate(schema.RelationMemberOf, cluster, schema.ClassCluster)
	}
}

// platform tells the operating system where the class has one.
func (d *dump) platform(o *object, told *reconcile.Observation) {
	if platform := d.to(o, "platform", "dcim.platform"); platform != nil {
		if _, ok := d.model.Attribute(told.Class, "operating_system"); ok {
			set(told, "operating_system", platform.value("name"))
		}
	}
}

// whole rounds a number up, as half a processor is scheduled on one. What is no number stays, and is told as a fault.
func whole(v schema.Value) schema.Value {
	text, _ := v.Text()
	n, err := decimal.NewFromString(text)
	if err != nil || len(text) > 20 || n.Exponent() > 20 || n.Exponent() < -20 {
		return v
	}
	return schema.Text(n.Ceil().String())
}

func tellVirtualMachine(d *dump, o *object, told *reconcile.Observation) {
	describe(o, told, schema.ClassVirtualMachine)
	set(told, "processors", whole(o.value("vcpus")))
	set(told, "memory", o.value("memory"))
	set(told, "disk", o.value("disk"))
	d.platform(o, told)
	setList(told, "addresses", o.addresses)
	setList(told, "hardware_addresses", o.hardwareAddresses)
	device := d.to(o, "device", "dcim.device")
	if cluster := d.to(o, "cluster", "virtualization.cluster"); cluster != nil {
		o.relate(schema.RelationRunsOn, cluster, schema.ClassCluster)
	} else if device != nil {
		o.relate(schema.RelationRunsOn, device, device.class)
	}
	d.atSite(o)
}
