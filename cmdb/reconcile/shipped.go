// This file holds the rules that are shipped.

package reconcile

import "github.com/itsmkit/itsmkit/cmdb/schema"

// Shipped gives rules for the shipped model, [schema.Shipped], a copy of its own each time: edit them as data, and
// compile them. They identify every class that can have CIs. They say nothing of whose word counts, as only a host
// knows its sources: the latest word does.
//
// A device is known by its serial number, its asset tag, its domain name, its name at its site and its name, in this
// order; a database or middleware by what tells it from others on what it runs on; a rack by its name at its site. What points to a rack, a database, middleware or a resource by its name
// alone finds it where one alone has the name.
func Shipped() Rules {
	const (
		serial, tag, domain = "serial_number", "asset_tag", "fully_qualified_domain_name"
	)
	by := func(attributes ...string) Entry { return Entry{Attributes: attributes, IgnoreCase: true} }
	within := func(relation, class string, attributes ...string) Entry {
		return Entry{Attributes: attributes, IgnoreCase: true, Within: &Within{Relation: relation, Class: class}}
	}
	// What is unique in another alone is pointed to by its name, and found where one alone has it.
	pointed := Entry{Attributes: []string{Name}, IgnoreCase: true, PointersOnly: true}
	identifier := func(class string, entries ...Entry) Identifier {
		for i := range entries {
			entries[i].Priority = i + 1
		}
		return Identifier{Class: class, Entries: entries}
	}
	unfilled := []string{"0", "-", "none", "null", "n/a", "na", "unknown", "not specified", "not available", "not applicable",
		"default string", "to be filled by o.e.m.", "invalid"}
	return Rules{
		Identification: []Identifier{
			identifier(schema.ClassBusinessService, by(Name)),
			identifier(schema.ClassService, by(Name)),
			identifier(schema.ClassOffering, by(Name)),
			identifier(schema.ClassApplication, by(Name)),
			identifier(schema.ClassDatabase,
				within(schema.RelationRunsOn, schema.ClassConfigurationItem, "instance"),
				within(schema.RelationRunsOn, schema.ClassConfigurationItem, Name), pointed),
			identifier(schema.ClassMiddleware,
				within(schema.RelationRunsOn, schema.ClassConfigurationItem, Name), pointed),
			identifier(schema.ClassDevice,
				by(serial), by(tag), by(domain), within(schema.RelationLocatedAt, schema.ClassSite, Name), by(Name)),
			identifier(schema.ClassVirtualMachine,
				by("instance_id"), by(domain), within(schema.RelationRunsOn, schema.ClassInfrastructure, Name), by(Name)),
			identifier(schema.ClassCluster, by(domain), by(Name)),
			identifier(schema.ClassContainerPlatform, by(domain), by(Name)),
			identifier(schema.ClassCloudResource,
				by("resource_id"), within(schema.RelationContainedIn, schema.ClassCloudAccount, Name), pointed),
			identifier(schema.ClassCloudAccount, by("provider", "account_id"), by(Name)),
			identifier(schema.ClassRack,
				by(serial), by(tag), within(schema.RelationLocatedAt, schema.ClassSite, Name), pointed),
			identifier(schema.ClassSite, by(Name)),
			identifier(schema.ClassContact, by("email"), by(Name)),
			identifier(schema.ClassDocument, by("url"), by(Name)),
		},
		Meaningless: []Meaningless{
			{Attribute: serial, Values: append([]string{"system serial number", "chassis serial number", "0123456789", "123456789", "xxxxxxxxxx"}, unfilled...)},
			{Attribute: tag, Values: append([]string{"no asset tag", "no asset information", "asset tag"}, unfilled...)},
			{Attribute: domain, Values: []string{"localhost", "localhost.localdomain"}},
			{Attribute: Name, Values: []string{"localhost", "localhost.localdomain"}},
		},
	}
}
