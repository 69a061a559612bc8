// This file reads the objects of a dump and gives them as observations.

package netbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/internal/jsonrows"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// DefaultSource is the source of observations where the options name none.
const DefaultSource = "netbox"

// Options say how a dump is to be understood. The zero value works.
type Options struct {
	// Source is who tells the observations; empty is [DefaultSource].
	Source string
	// Roles gives the class of devices by the slug of their role. For one that it does not have, words in the slug
	// decide: "server" is a host, "storage", "nas" and "san" are storage, "pdu", "ups" and "power" are power, and all
	// others are network devices.
	Roles map[string]string
}

// Read reads a dump and gives what it tells, all observed at the instant given, canonical, and with the number of their
// object in the dump as row. What others are in or run on comes before them, so that a CI's host is known when it comes;
// cables may lead to devices that come later.
//
// The whole dump is read before the first observation comes, as its objects refer to one another in any order; only what
// matters is kept. An object that is faulty comes as a *reconcile.RowError, with all its faults, and the others are
// given all the same. Any other error is the last thing that is given.
func Read(in io.Reader, rules *reconcile.Compiled, options Options, at time.Time) iter.Seq2[reconcile.Observation, error] {
	return func(yield func(reconcile.Observation, error) bool) {
		if options.Source == "" {
			options.Source = DefaultSource
		}
		d := dump{options: options, model: rules.Model(), objects: map[string]*object{}}
		scan := jsonrows.New(in)
		for n := 1; ; n++ {
			raw, line, problem, err := scan.Next()
			if err != nil && problem == "" {
				if errors.Is(err, io.EOF) {
					break
				}
				yield(reconcile.Observation{}, fmt.Errorf("line %d: %w", line, err))
				return
			}
			if problem == "" {
				problem = d.add(n, raw)
			}
			if problem != "" && !yield(reconcile.Observation{}, faulty(n, "", itsm.Fault{Field: "object", Problem: problem})) {
				return
			}
		}
		d.relate()
		for _, kind := range kinds {
			for _, o := range d.byModel[kind.model] {
				told := reconcile.Observation{Source: options.Source, Key: o.key(), At: at, Row: o.row, Attributes: schema.Values{}}
				kind.tell(&d, o, &told)
				told.Relations = append(told.Relations, o.relations...)
				told, err := rules.Canonical(told)
				if len(o.faults) > 0 || err != nil {
					var invalid *storage.ValidationError
					if errors.As(err, &invalid) {
						o.faults = append(o.faults, invalid.Faults...)
					}
					told, err = reconcile.Observation{}, faulty(o.row, o.key(), o.faults...)
				}
				if !yield(told, err) {
					return
				}
			}
		}
	}
}

func faulty(row int, key string, faults ...itsm.Fault) error {
	return &reconcile.RowError{Row: row, Key: key, Faults: faults}
}

// object is one of the dump.
type object struct {
	model  string
	pk     string
	row    int
	fields map[string]any
	// relations are those that cables and assignments give it.
	relations []reconcile.ObservedRelation
	// class is that of a device, and bay the device in which it is.
	class string
	bay   *object
	// addresses and hardwareAddresses are those of its ports.
	addresses, hardwareAddresses []schema.Value
	faults                       []itsm.Fault
}

func (o *object) key() string { return o.model + "/" + o.pk }

// text gives a field that is a text, or "" where it is null or absent.
func (o *object) text(field string) string {
	switch v := o.fields[field].(type) {
	case nil:
	case string:
		return strings.TrimSpace(v)
	default:
		o.faults = append(o.faults, itsm.Fault{Field: "fields." + field, Problem: "must be a text"})
	}
	return ""
}

// value gives a field that is a number, or a text of one, as a value, which is none where the field is.
func (o *object) value(field string) schema.Value {
	switch v := o.fields[field].(type) {
	case nil:
	case string:
		if v = strings.TrimSpace(v); v != "" {
			return schema.Text(v)
		}
	case json.Number:
		return schema.Text(v.String())
	default:
		o.faults = append(o.faults, itsm.Fault{Field: "fields." + field, Problem: "must be a number"})
	}
	return schema.Value{}
}

// number gives a field that refers to another object; "" where it refers to none.
func (o *object) number(field string) string {
	switch v := o.fields[field].(type) {
	case nil:
	case json.Number:
		return v.String()
	default:
		o.faults = append(o.faults, itsm.Fault{Field: "fields." + field, Problem: "must be the number of an object"})
	}
	return ""
}

// kindOf gives a field that names a model, as ["dcim", "device"].
func (o *object) kindOf(field string) string {
	pair, ok := o.fields[field].([]any)
	if !ok || len(pair) != 2 {
		return ""
	}
	return fmt.Sprintf("%v.%v", pair[0], pair[1])
}

// dump are the objects that matter.
type dump struct {
	options Options
	model   *schema.Compiled
	objects map[string]*object // by key
	byModel map[string][]*object
}

// kept are the models that something is read of, and the fields.
var kept = map[string][]string{
	"dcim.site":                     {"name", "description", "physical_address", "time_zone", "latitude", "longitude"},
	"dcim.rack":                     {"name", "description", "site", "serial", "asset_tag", "u_height"},
	"dcim.manufacturer":             {"name"},
	"dcim.devicetype":               {"manufacturer", "model", "u_height"},
	"dcim.devicerole":               {"slug"},
	"dcim.platform":                 {"name"},
	"dcim.device":                   {"name", "description", "device_type", "role", "device_role", "platform", "serial", "asset_tag", "site", "rack", "position", "cluster", "virtual_chassis", "vc_position"},
	"dcim.devicebay":                {"device", "installed_device"},
	"dcim.virtualchassis":           {"name", "description"},
	"dcim.powerpanel":               {"name", "description", "site"},
	"dcim.powerfeed":                {"name", "description", "power_panel", "voltage", "available_power"},
	"dcim.interface":                {"device", "mac_address"},
	"dcim.frontport":                {"device"},
	"dcim.rearport":                 {"device"},
	"dcim.consoleport":              {"device"},
	"dcim.consoleserverport":        {"device"},
	"dcim.powerport":                {"device"},
	"dcim.poweroutlet":              {"device"},
	"dcim.cabletermination":         {"cable", "cable_end", "termination_type", "termination_id"},
	"ipam.ipaddress":                {"address", "assigned_object_type", "assigned_object_id"},
	"virtualization.clustertype":    {"name"},
	"virtualization.cluster":        {"name", "description", "type", "site"},
	"virtualization.virtualmachine": {"name", "description", "cluster", "device", "site", "platform", "vcpus", "memory", "disk"},
	"virtualization.vminterface":    {"virtual_machine", "mac_address"},
	"tenancy.contact":               {"name", "description", "phone", "email"},
	"tenancy.contactassignment":     {"content_type", "object_type", "object_id", "contact"},
}

// add takes in one object, or says what is wrong with it.
func (d *dump) add(row int, raw []byte) (problem string) {
	if !utf8.Valid(raw) {
		return "is not valid UTF-8"
	}
	var o struct {
		Model  string
		PK     json.Number
		Fields map[string]any
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&o); err != nil || o.Model == "" {
		return "is not a JSON object of model, pk and fields"
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "goes on after its JSON object"
	}
	fields, ok := kept[o.Model]
	if !ok {
		return ""
	}
	if storage.CheckKey(o.PK.String()) != "" || o.Fields == nil {
		return "has no pk or no fields"
	}
	one := &object{model: o.Model, pk: o.PK.String(), row: row, fields: make(map[string]any, len(fields))}
	for _, name := range fields {
		if v := o.Fields[name]; v != nil {
			one.fields[name] = v
		}
	}
	if d.objects[one.key()] != nil {
		return "stands there twice: " + one.key()
	}
	d.objects[one.key()] = one
	if d.byModel == nil {
		d.byModel = map[string][]*object{}
	}
	d.byModel[o.Model] = append(d.byModel[o.Model], one)
	return ""
}

// to gives the object of a model that a field refers to; nil where it refers to none.
func (d *dump) to(o *object, field, model string) *object {
	pk := o.number(field)
	if pk == "" {
		return nil
	}
	other := d.objects[model+"/"+pk]
	if other == nil {
		o.faults = append(o.faults, itsm.Fault{Field: "fields." + field, Problem: "refers to an object that is not there"})
	}
	return other
}

// relate gives objects what cables, bays and assignments say of them.
func (d *dump) relate() {
	for _, o := range d.byModel["dcim.device"] {
		o.class = d.classOf(o)
	}
	ends := map[string][2][]*object{}
	var cables []string
	for _, t := range d.byModel["dcim.cabletermination"] {
		cable := t.number("cable")
		port := d.objects[t.kindOf("termination_type")+"/"+t.number("termination_id")]
		both, known := ends[cable]
		if !known {
			cables = append(cables, cable)
		}
		side := 0
		if t.text("cable_end") == "B" {
			side = 1
		}
		both[side] = append(both[side], port)
		ends[cable] = both
	}
	for _, cable := range cables {
		for _, a := range ends[cable][0] {
			for _, b := range ends[cable][1] {
				d.connect(a, b)
			}
		}
	}
	for _, bay := range d.byModel["dcim.devicebay"] {
		if inside, outside := d.to(bay, "installed_device", "dcim.device"), d.to(bay, "device", "dcim.device"); inside != nil && outside != nil {
			inside.bay = outside
		}
	}
	for _, assigned := range d.byModel["tenancy.contactassignment"] {
		kind := assigned.kindOf("content_type")
		if kind == "" {
			kind = assigned.kindOf("object_type")
		}
		o, contact := d.objects[kind+"/"+assigned.number("object_id")], d.to(assigned, "contact", "tenancy.contact")
		if o != nil && contact != nil {
			o.relate(schema.RelationSupportedBy, contact, schema.ClassContact)
		}
	}
	for _, address := range d.byModel["ipam.ipaddress"] {
		port := d.objects[address.kindOf("assigned_object_type")+"/"+address.number("assigned_object_id")]
		if o := d.owner(port); o != nil {
			ip, _, _ := strings.Cut(address.text("address"), "/")
			o.addresses = append(o.addresses, schema.Text(ip))
		}
	}
	for _, model := range []string{"dcim.interface", "virtualization.vminterface"} {
		for _, port := range d.byModel[model] {
			if o, mac := d.owner(port), port.text("mac_address"); o != nil && mac != "" {
				o.hardwareAddresses = append(o.hardwareAddresses, schema.Text(mac))
			}
		}
	}
}

// owner gives the device or virtual machine of a port, or the feed that the port is.
func (d *dump) owner(port *object) *object {
	switch {
	case port == nil:
		return nil
	case port.model == "dcim.powerfeed":
		return port
	case port.fields["virtual_machine"] != nil:
		return d.objects["virtualization.virtualmachine/"+port.number("virtual_machine")]
	}
	return d.objects["dcim.device/"+port.number("device")]
}

// connect is what a cable between two ports says.
func (d *dump) connect(a, b *object) {
	from, to := d.owner(a), d.owner(b)
	if from == nil || to == nil || from == to {
		return
	}
	if b.model == "dcim.powerport" {
		a, b, from, to = b, a, to, from
	}
	if a.model == "dcim.powerport" && (b.model == "dcim.powerfeed" || b.model == "dcim.poweroutlet") && to.endClass() == schema.ClassPower {
		from.relate(schema.RelationPoweredBy, to, schema.ClassPower)
		return
	}
	// It reads the same both ways, so that one of the two tells it: always the same, however many cables there are.
	if from.key() > to.key() {
		from, to = to, from
	}
	from.relate(schema.RelationConnectedTo, to, to.endClass())
}

// endClass is the class of what a cable can end at.
func (o *object) endClass() string {
	if o.model == "dcim.powerfeed" {
		return schema.ClassPower
	}
	return o.class
}

// relate adds a relation once.
func (o *object) relate(relation string, other *object, class string) {
	r := reconcile.ObservedRelation{Type: relation, Other: reconcile.Pointer{Key: other.key(), Class: class}}
	if !slices.ContainsFunc(o.relations, func(has reconcile.ObservedRelation) bool {
		return has.Type == r.Type && has.Other.Key == r.Other.Key
	}) {
		o.relations = append(o.relations, r)
	}
}
