// Package netbox reads an inventory out of NetBox (https://netbox.dev) as observations for [reconcile]: sites, racks,
// devices, what they are connected to and powered by, clusters and virtual machines. It is pure: it reads what a host
// gives it and asks no server.
//
// What it reads is what NetBox's own "manage.py dumpdata" writes, of version 3.3 or later: one JSON array of objects of
// {model, pk, fields}, in any order.
//
//	for o, err := range netbox.Read(file, rules, netbox.Options{}, now) {
//		…
//	}
//
// # What becomes of what
//
// Every CI's key is its model and number, as "dcim.device/96". Classes and relations are those of the shipped model,
// [schema.Shipped].
//
//	dcim.site                        site
//	dcim.rack                        rack, located at its site
//	dcim.device                      host, network_device, storage or power, as its role says; contained in the device in whose
//	                                 bay it is, or in its rack; located at its site; a member of its cluster
//	dcim.virtualchassis              cluster, of which its devices are members
//	dcim.powerpanel, dcim.powerfeed  power; a feed is powered by its panel
//	dcim.cable                       powered_by where it leads from a power port to what gives power, else connected_to
//	virtualization.cluster           cluster
//	virtualization.virtualmachine    virtual_machine, which runs on its cluster, or else on its device;
//	                                 a part of a processor counts as one
//	tenancy.contact                  contact, which supports what it is assigned to
//	ipam.ipaddress, dcim.interface   addresses of devices and virtual machines
//
// A device without a name has the one that NetBox shows: its virtual chassis and position, or its type, and its number.
// Circuits are read as no CIs, and cables that end at one, or that have one end, as no relations; nor are regions,
// modules, tenants, prefixes and VLANs read.
package netbox
