package netbox_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/netbox"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

// small is a dump with one of each thing.
const small = `[
{"model": "dcim.cabletermination", "pk": 1, "fields": {"cable": 1, "cable_end": "A", "termination_type": ["dcim", "poweroutlet"], "termination_id": 1}},
{"model": "dcim.cabletermination", "pk": 2, "fields": {"cable": 1, "cable_end": "B", "termination_type": ["dcim", "powerport"], "termination_id": 1}},
{"model": "dcim.cabletermination", "pk": 3, "fields": {"cable": 2, "cable_end": "A", "termination_type": ["dcim", "powerport"], "termination_id": 2}},
{"model": "dcim.cabletermination", "pk": 4, "fields": {"cable": 2, "cable_end": "B", "termination_type": ["dcim", "powerfeed"], "termination_id": 1}},
{"model": "dcim.cabletermination", "pk": 5, "fields": {"cable": 3, "cable_end": "A", "termination_type": ["dcim", "interface"], "termination_id": 1}},
{"model": "dcim.cabletermination", "pk": 6, "fields": {"cable": 3, "cable_end": "B", "termination_type": ["circuits", "circuittermination"], "termination_id": 1}},
{"model": "dcim.poweroutlet", "pk": 1, "fields": {"device": 2}},
{"model": "dcim.powerport", "pk": 1, "fields": {"device": 1}},
{"model": "dcim.powerport", "pk": 2, "fields": {"device": 2}},
{"model": "dcim.interface", "pk": 1, "fields": {"device": 1, "mac_address": "00:00:5E:00:53:01"}},
{"model": "ipam.ipaddress", "pk": 1, "fields": {"address": "192.0.2.7/24", "assigned_object_type": ["dcim", "interface"], "assigned_object_id": 1}},
{"model": "dcim.device", "pk": 1, "fields": {"name": "web1", "description": "", "device_type": 1, "role": 1, "platform": 1, "serial": "S1", "site": 1, "rack": 1, "position": "12.0"}},
{"model": "dcim.device", "pk": 2, "fields": {"name": null, "device_type": 1, "device_role": 2, "site": 1}},
{"model": "dcim.device", "pk": 3, "fields": {"name": "blade", "device_type": 1, "role": 3, "site": 1, "rack": 1, "virtual_chassis": 1, "cluster": 1}},
{"model": "dcim.devicebay", "pk": 1, "fields": {"device": 1, "installed_device": 3}},
{"model": "dcim.devicetype", "pk": 1, "fields": {"manufacturer": 1, "model": "M1", "u_height": "1.0"}},
{"model": "dcim.manufacturer", "pk": 1, "fields": {"name": "Acme"}},
{"model": "dcim.devicerole", "pk": 1, "fields": {"slug": "web-server"}},
{"model": "dcim.devicerole", "pk": 2, "fields": {"slug": "pdu"}},
{"model": "dcim.devicerole", "pk": 3, "fields": {"slug": "oddity"}},
{"model": "dcim.platform", "pk": 1, "fields": {"name": "Debian 12"}},
{"model": "dcim.site", "pk": 1, "fields": {"name": "Berlin", "latitude": "52.520000"}},
{"model": "dcim.rack", "pk": 1, "fields": {"name": "R1", "site": 1, "u_height": 42}},
{"model": "dcim.powerpanel", "pk": 1, "fields": {"name": "P", "site": 1}},
{"model": "dcim.powerfeed", "pk": 1, "fields": {"name": "F", "power_panel": 1, "voltage": 230}},
{"model": "dcim.virtualchassis", "pk": 1, "fields": {"name": "VC"}},
{"model": "virtualization.cluster", "pk": 1, "fields": {"name": "C", "type": 1}},
{"model": "virtualization.clustertype", "pk": 1, "fields": {"name": "Proxmox"}},
{"model": "virtualization.virtualmachine", "pk": 1, "fields": {"name": "vm1", "cluster": 1, "vcpus": "2.00", "memory": 2048}},
{"model": "virtualization.virtualmachine", "pk": 2, "fields": {"name": "vm2", "device": 1}},
{"model": "tenancy.contact", "pk": 1, "fields": {"name": "Desk", "email": "desk@example.org"}},
{"model": "tenancy.contactassignment", "pk": 1, "fields": {"content_type": ["dcim", "device"], "object_id": 1, "contact": 1}},
{"model": "circuits.circuit", "pk": 1, "fields": {"anything": {"at": "all"}}}
]`

func read(t require.TestingT, text string, o netbox.Options) (told map[string]reconcile.Observation, faulty map[string][]itsm.Fault) {
	told, faulty = map[string]reconcile.Observation{}, map[string][]itsm.Fault{}
	for o, err := range netbox.Read(strings.NewReader(text), rules(t), o, now) {
		var bad *reconcile.RowError
		if errors.As(err, &bad) {
			require.NotEmpty(t, bad.Faults)
			faulty[bad.Key] = append(faulty[bad.Key], bad.Faults...)
			continue
		}
		require.NoError(t, err)
		told[o.Key] = o
	}
	return told, faulty
}

func to(relation, key, class string) reconcile.ObservedRelation {
	return reconcile.ObservedRelation{Type: relation, Other: reconcile.Pointer{Key: key, Class: class}}
}

func TestADumpTellsWhatIsInIt(t *testing.T) {
	told, faulty := read(t, small, netbox.Options{Roles: map[string]string{"oddity": schema.ClassStorage}})
	require.Empty(t, faulty)
	require.Len(t, told, 12)
	integer, text := schema.Integer, schema.Text
	require.Equal(t, reconcile.Observation{Source: "netbox", Key: "dcim.device/1", Class: schema.ClassHost, Name: "web1", At: now, Row: 12,
		Attributes: schema.Values{"manufacturer": text("Acme"), "model": text("M1"), "height": integer(1), "serial_number": text("S1"), "rack_position": integer(12),
			"operating_system": text("Debian 12"), "addresses": schema.List(text("192.0.2.7")), "hardware_addresses": schema.List(text("00:00:5e:00:53:01"))},
		Relations: []reconcile.ObservedRelation{to("powered_by", "dcim.device/2", "power"), to("supported_by", "tenancy.contact/1", "contact"),
			to("contained_in", "dcim.rack/1", "rack"), to("located_at", "dcim.site/1", "site")},
	}, told["dcim.device/1"])
	require.Equal(t, "Acme M1 (2)", told["dcim.device/2"].Name)
	require.Equal(t, text("distribution unit"), told["dcim.device/2"].Attributes["kind"])
	require.Contains(t, told["dcim.device/2"].Relations, to("powered_by", "dcim.powerfeed/1", "power"))
	require.Equal(t, schema.ClassStorage, told["dcim.device/3"].Class)
	require.Equal(t, []reconcile.ObservedRelation{to("contained_in", "dcim.device/1", "host"), to("located_at", "dcim.site/1", "site"),
		to("member_of", "dcim.virtualchassis/1", "cluster"), to("member_of", "virtualization.cluster/1", "cluster")}, told["dcim.device/3"].Relations)
	require.Equal(t, schema.Values{"processors": integer(2), "memory": integer(2048)}, told["virtualization.virtualmachine/1"].Attributes)
	require.Equal(t, []reconcile.ObservedRelation{to("runs_on", "virtualization.cluster/1", "cluster")}, told["virtualization.virtualmachine/1"].Relations)
	require.Equal(t, []reconcile.ObservedRelation{to("runs_on", "dcim.device/1", "host")}, told["virtualization.virtualmachine/2"].Relations)
	require.Equal(t, []reconcile.ObservedRelation{to("powered_by", "dcim.powerpanel/1", "power")}, told["dcim.powerfeed/1"].Relations)
}

func TestAFaultyObjectIsToldAndTheOthersAreRead(t *testing.T) {
	told, faulty := read(t, `[
		5, {"pk": 1}, {"model": "dcim.site", "fields": {}}, {"model": "dcim.site", "pk": 1},
		{"model": "dcim.site", "pk": 2, "fields": {"name": 7, "latitude": "91", "time_zone": true}},
		{"model": "dcim.rack", "pk": 1, "fields": {"name": "R", "site": 9, "u_height": "tall"}},
		{"model": "dcim.site", "pk": 3, "fields": {"name": "good"}}, {"model": "dcim.site", "pk": 3, "fields": {"name": "twice"}}
	]`, netbox.Options{})
	require.Len(t, told, 1)
	require.Equal(t, "good", told["dcim.site/3"].Name)
	require.Len(t, faulty[""], 5)
	fields := func(key string) (all []string) {
		for _, f := range faulty[key] {
			all = append(all, f.Field)
		}
		return all
	}
	require.Equal(t, []string{"fields.name", "fields.time_zone", "attributes.latitude"}, fields("dcim.site/2"))
	require.Equal(t, []string{"fields.site", "attributes.height"}, fields("dcim.rack/1"))
}

func TestAnInputThatBreaksEndsTheReading(t *testing.T) {
	var last error
	for _, err := range netbox.Read(iotest.TimeoutReader(iotest.HalfReader(strings.NewReader(small))), rules(t), netbox.Options{}, now) {
		last = err
	}
	require.ErrorIs(t, last, iotest.ErrTimeout)
}

// Whatever bytes come, each object is told canonically or with its faults.
func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Add(`[{"model": "dcim.devicebay", "pk": 1, "fields": {"device": 1, "installed_device": 1}}, {"model": "dcim.device", "pk": 1, "fields": {}}]`)
	c := rules(f)
	f.Fuzz(func(t *testing.T, text string) {
		for o, err := range netbox.Read(strings.NewReader(text), c, netbox.Options{}, now) {
			if err != nil {
				require.ErrorIs(t, err, itsm.ErrInvalid)
				continue
			}
			again, err := c.Canonical(o)
			require.NoError(t, err)
			require.Equal(t, o, again)
		}
	})
}
