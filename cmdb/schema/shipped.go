// This file holds the model that is shipped.

package schema

import (
	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// Names of the shipped classes, for code that reads or makes CIs of the shipped model.
const (
	ClassConfigurationItem = "configuration_item"
	ClassServiceItem       = "service_item"
	ClassBusinessService   = "business_service"
	ClassService           = "service"
	ClassOffering          = "offering"
	ClassSoftware          = "software"
	ClassApplication       = "application"
	ClassDatabase          = "database"
	ClassMiddleware        = "middleware"
	ClassInfrastructure    = "infrastructure"
	ClassDevice            = "device"
	ClassHost              = "host"
	ClassNetworkDevice     = "network_device"
	ClassStorage           = "storage"
	ClassPower             = "power"
	ClassVirtualMachine    = "virtual_machine"
	ClassCluster           = "cluster"
	ClassContainerPlatform = "container_platform"
	ClassCloudResource     = "cloud_resource"
	ClassCloudAccount      = "cloud_account"
	ClassLocation          = "location"
	ClassRack              = "rack"
	ClassSite              = "site"
	ClassContact           = "contact"
	ClassDocument          = "document"
)

// Names of the shipped types of relations.
const (
	RelationDependsOn       = "depends_on"
	RelationOptionallyUses  = "optionally_uses"
	RelationRunsOn          = "runs_on"
	RelationMemberOf        = "member_of"
	RelationConnectsThrough = "connects_through"
	RelationConnectedTo     = "connected_to"
	RelationPoweredBy       = "powered_by"
	RelationContainedIn     = "contained_in"
	RelationLocatedAt       = "located_at"
	RelationSupportedBy     = "supported_by"
	RelationDocumentedBy    = "documented_by"
)

// Shipped gives the model that is shipped, a copy of its own each time: edit it as data, and compile it. It compiles, and
// [Compiled.Lint] finds nothing in it. docs/configuration.md shows it as tables.
//
// It requires no attribute, in no state, so that an inventory can come in as it is: require what yours should have.
//
// What every CI has beside its attributes, as its name, its state, and who owns it, is no attribute. People are in a directory: a
// contact here is a desk, a supplier's line or a mailbox.
func Shipped() Model {
	return Model{Classes: shippedClasses(), Relations: shippedRelations()}
}

func shippedClasses() []Class {
	return []Class{
		{Name: ClassConfigurationItem, Abstract: true, Description: "Whatever is worth knowing of to deliver a service.", Attributes: []Attribute{
			{Name: "description", Type: TypeText, MaximumLength: 4000},
			{Name: "tags", Type: TypeText, List: true, MaximumLength: 100, Description: "Words by which people group what they look for."},
		}},

		{Name: ClassServiceItem, Parent: ClassConfigurationItem, Abstract: true, Description: "What is offered to people."},
		{Name: ClassBusinessService, Parent: ClassServiceItem, Impact: PartEnd, Description: "What the business does by means of services, as taking orders.", Attributes: []Attribute{
			{Name: "business_unit", Type: TypeText, MaximumLength: 200},
		}},
		{Name: ClassService, Parent: ClassServiceItem, Description: "A service that is run, as electronic mail."},
		{Name: ClassOffering, Parent: ClassServiceItem, Description: "A service as it is offered to some: with its level, price and region.", Attributes: []Attribute{
			{Name: "service_level", Type: TypeText, MaximumLength: 200},
		}},

		{Name: ClassSoftware, Parent: ClassConfigurationItem, Abstract: true, Description: "A program that runs somewhere.", Attributes: []Attribute{
			{Name: "vendor", Type: TypeText, MaximumLength: 200},
			{Name: "version", Type: TypeText, MaximumLength: 100, ChangeControlled: true},
			{Name: "ports", Label: "TCP and UDP ports", Type: TypeInteger, List: true, Minimum: Integer(1), Maximum: Integer(65535)},
		}},
		{Name: ClassApplication, Parent: ClassSoftware, Description: "A program that people or other programs use, as it is deployed.", Attributes: []Attribute{
			{Name: "url", Label: "URL", Type: TypeText, MaximumLength: 2000},
			{Name: "repository", Type: TypeText, MaximumLength: 2000, Description: "Where its source is."},
		}},
		{Name: ClassDatabase, Parent: ClassSoftware, Description: "A database, or an instance of a server of databases.", Attributes: []Attribute{
			{Name: "engine", Type: TypeText, MaximumLength: 100, Description: "As PostgreSQL."},
			{Name: "instance", Type: TypeText, MaximumLength: 200, Description: "What tells it from others on the same host."},
			{Name: "size", Type: TypeDecimal, Minimum: Integer(0), Unit: "GiB"},
		}},
		{Name: ClassMiddleware, Parent: ClassSoftware, Description: "What applications run in or talk through: a web server, a message broker.", Attributes: []Attribute{
			{Name: "kind", Type: TypeChoice, Choices: []string{"web server", "application server", "message broker", "cache", "proxy", "identity provider", "other"}},
		}},

		{Name: ClassInfrastructure, Parent: ClassConfigurationItem, Abstract: true, Description: "What software runs on and talks over.", Attributes: []Attribute{
			{Name: "fully_qualified_domain_name", Type: TypeText, MaximumLength: 253, Pattern: `[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*`},
			{Name: "addresses", Label: "IP addresses", Type: TypeAddress, List: true},
			{Name: "hardware_addresses", Type: TypeHardwareAddress, List: true},
		}},
		{Name: ClassDevice, Parent: ClassInfrastructure, Abstract: true, Description: "Hardware.", Attributes: []Attribute{
			{Name: "manufacturer", Type: TypeText, MaximumLength: 200},
			{Name: "model", Type: TypeText, MaximumLength: 200},
			{Name: "serial_number", Type: TypeText, MaximumLength: 200},
			{Name: "asset_tag", Type: TypeText, MaximumLength: 100},
			{Name: "rack_position", Type: TypeDecimal, Minimum: Integer(0), Maximum: Integer(100), Unit: "U", Description: "The lowest unit that it takes, from 1."},
			{Name: "height", Type: TypeDecimal, Minimum: Integer(0), Maximum: Integer(100), Unit: "U"},
			{Name: "power_draw", Type: TypeInteger, Minimum: Integer(0), Unit: "W"},
			{Name: "firmware", Type: TypeText, MaximumLength: 100, ChangeControlled: true},
			{Name: "warranty_until", Type: TypeDate},
		}},
		{Name: ClassHost, Parent: ClassDevice, Description: "A computer that can be touched.", Attributes: computer()},
		{Name: ClassNetworkDevice, Parent: ClassDevice, Description: "A switch, router, firewall, access point or load balancer.", Attributes: []Attribute{
			{Name: "kind", Type: TypeChoice, Choices: []string{"switch", "router", "firewall", "access point", "load balancer", "patch panel", "other"}},
			{Name: "operating_system", Type: TypeText, MaximumLength: 200},
		}},
		{Name: ClassStorage, Parent: ClassDevice, Description: "What holds data for others: an array, a filer, a tape library.", Attributes: []Attribute{
			{Name: "kind", Type: TypeChoice, Choices: []string{"block", "file", "object", "tape", "other"}},
			{Name: "capacity", Type: TypeDecimal, Minimum: Integer(0), Unit: "TiB"},
		}},
		{Name: ClassPower, Parent: ClassDevice, Description: "What others get current from: a feed, a panel, an uninterruptible supply, a strip.", Attributes: []Attribute{
			{Name: "kind", Type: TypeChoice, Choices: []string{"feed", "panel", "uninterruptible supply", "distribution unit", "generator", "other"}},
			{Name: "voltage", Type: TypeInteger, Minimum: Integer(-1000), Maximum: Integer(1_000_000), Unit: "V"},
			{Name: "capacity", Type: TypeInteger, Minimum: Integer(0), Unit: "W"},
		}},
		{Name: ClassVirtualMachine, Parent: ClassInfrastructure, Description: "A computer that another one runs.", Attributes: append([]Attribute{
			{Name: "instance_id", Label: "Instance id", Type: TypeText, MaximumLength: 200, Description: "What its platform calls it."},
		}, computer()...)},
		{Name: ClassCluster, Parent: ClassInfrastructure, Description: "Members that stand in for one another. How many of them must work is a redundancy group.", Attributes: []Attribute{
			{Name: "technology", Type: TypeText, MaximumLength: 200, Description: "As VMware vSphere."},
		}},
		{Name: ClassContainerPlatform, Parent: ClassInfrastructure, Description: "What runs containers, as a Kubernetes cluster or a namespace of one.", Attributes: []Attribute{
			{Name: "technology", Type: TypeText, MaximumLength: 200, Description: "As Kubernetes."},
			{Name: "version", Type: TypeText, MaximumLength: 100, ChangeControlled: true},
		}},
		{Name: ClassCloudResource, Parent: ClassInfrastructure, Description: "What a cloud provider runs: a bucket, a queue, a managed database.", Attributes: []Attribute{
			{Name: "resource_id", Label: "Resource id", Type: TypeText, MaximumLength: 500, Description: "What the provider calls it."},
			{Name: "resource_type", Type: TypeText, MaximumLength: 200},
			{Name: "region", Type: TypeText, MaximumLength: 100},
		}},

		{Name: ClassCloudAccount, Parent: ClassConfigurationItem, Impact: PartOrigin, Description: "An account, subscription or project of a cloud provider.", Attributes: []Attribute{
			{Name: "provider", Type: TypeText, MaximumLength: 200},
			{Name: "account_id", Label: "Account id", Type: TypeText, MaximumLength: 200, Description: "What the provider calls it."},
		}},

		{Name: ClassLocation, Parent: ClassConfigurationItem, Abstract: true, Description: "Where things are."},
		{Name: ClassRack, Parent: ClassLocation, Description: "A frame or cabinet that holds devices.", Attributes: []Attribute{
			{Name: "serial_number", Type: TypeText, MaximumLength: 200},
			{Name: "asset_tag", Type: TypeText, MaximumLength: 100},
			{Name: "height", Type: TypeInteger, Minimum: Integer(1), Maximum: Integer(100), Unit: "U"},
		}},
		{Name: ClassSite, Parent: ClassLocation, Description: "A place: a region, campus, building, floor or room.", Attributes: []Attribute{
			{Name: "kind", Type: TypeChoice, Choices: []string{"region", "campus", "building", "floor", "room", "other"}},
			{Name: "postal_address", Type: TypeText, MaximumLength: 500},
			{Name: "time_zone", Type: TypeText, MaximumLength: 100, Description: "A name of the IANA time zone database, as Europe/Berlin."},
			{Name: "latitude", Type: TypeDecimal, Minimum: Integer(-90), Maximum: Integer(90), Unit: "°"},
			{Name: "longitude", Type: TypeDecimal, Minimum: Integer(-180), Maximum: Integer(180), Unit: "°"},
		}},

		{Name: ClassContact, Parent: ClassConfigurationItem, Impact: PartOutside, Description: "Whom to turn to: a desk, a supplier's line, a mailbox.", Attributes: []Attribute{
			{Name: "kind", Type: TypeChoice, Choices: []string{"desk", "group", "supplier", "other"}},
			{Name: "email", Label: "E-mail address", Type: TypeText, MaximumLength: 320, Pattern: `[^@\s]+@[^@\s]+`},
			{Name: "telephone", Type: TypeText, MaximumLength: 50},
		}},
		{Name: ClassDocument, Parent: ClassConfigurationItem, Impact: PartOutside, Description: "What is written about others: a plan, a contract, a manual.", Attributes: []Attribute{
			{Name: "url", Label: "URL", Type: TypeText, MaximumLength: 2000},
			{Name: "kind", Type: TypeChoice, Choices: []string{"runbook", "design", "contract", "recovery plan", "manual", "other"}},
			{Name: "version", Type: TypeText, MaximumLength: 100},
			{Name: "valid_until", Type: TypeDate},
		}},
	}
}

// computer gives what hosts and virtual machines have alike.
func computer() []Attribute {
	return []Attribute{
		{Name: "operating_system", Type: TypeText, MaximumLength: 200},
		{Name: "operating_system_version", Type: TypeText, MaximumLength: 100, ChangeControlled: true},
		{Name: "processors", Type: TypeInteger, Minimum: Integer(0), Maximum: Integer(1_000_000), Description: "How many it schedules on: cores, or threads of cores."},
		{Name: "memory", Type: TypeInteger, Minimum: Integer(0), Unit: "MiB"},
		{Name: "disk", Type: TypeDecimal, Minimum: Integer(0), Unit: "GiB"},
	}
}

func shippedRelations() []RelationType {
	return []RelationType{
		{Name: RelationDependsOn, Inverse: "used_by", Flow: impact.ToSource, Propagation: impact.Full,
			Description: "The source does not work without the target.",
			Pairs: []Pair{
				{ClassBusinessService, ClassOffering}, {ClassBusinessService, ClassService}, {ClassOffering, ClassService},
				{ClassService, ClassService}, {ClassService, ClassSoftware}, {ClassService, ClassInfrastructure}, {ClassService, ClassCloudAccount},
				{ClassSoftware, ClassSoftware}, {ClassSoftware, ClassInfrastructure}, {ClassSoftware, ClassCloudAccount},
				{ClassInfrastructure, ClassInfrastructure}, {ClassInfrastructure, ClassSoftware},
			}},
		{Name: RelationOptionallyUses, Inverse: "optionally_used_by", Flow: impact.ToSource, Propagation: impact.Soften,
			Description: "The source works worse without the target, and as well with one that works badly.",
			Pairs: []Pair{
				{ClassServiceItem, ClassService}, {ClassService, ClassSoftware}, {ClassService, ClassInfrastructure},
				{ClassSoftware, ClassSoftware}, {ClassSoftware, ClassInfrastructure},
				{ClassInfrastructure, ClassInfrastructure}, {ClassInfrastructure, ClassSoftware},
			}},
		{Name: RelationRunsOn, Inverse: "runs", Flow: impact.ToSource, Propagation: impact.Full,
			Description: "The target runs the source.",
			Pairs: []Pair{
				{ClassSoftware, ClassHost}, {ClassSoftware, ClassNetworkDevice}, {ClassSoftware, ClassStorage}, {ClassSoftware, ClassVirtualMachine},
				{ClassSoftware, ClassCluster}, {ClassSoftware, ClassContainerPlatform}, {ClassSoftware, ClassCloudResource}, {ClassSoftware, ClassMiddleware},
				{ClassVirtualMachine, ClassHost}, {ClassVirtualMachine, ClassCluster}, {ClassVirtualMachine, ClassCloudResource},
				{ClassContainerPlatform, ClassHost}, {ClassContainerPlatform, ClassVirtualMachine}, {ClassContainerPlatform, ClassCluster},
				{ClassContainerPlatform, ClassCloudResource}, {ClassContainerPlatform, ClassContainerPlatform},
			}},
		{Name: RelationMemberOf, Inverse: "has_member", Flow: impact.ToTarget, Propagation: impact.Full,
			Description: "The target consists of such sources, and does not work without those that it needs. How many it needs is a redundancy group; a member that is in none is needed.",
			Pairs:       []Pair{{ClassInfrastructure, ClassCluster}, {ClassSoftware, ClassCluster}}},
		{Name: RelationConnectsThrough, Inverse: "connects", Flow: impact.ToSource, Propagation: impact.Full,
			Description: "The source reaches others by means of the target.",
			Pairs:       []Pair{{ClassInfrastructure, ClassNetworkDevice}}},
		{Name: RelationConnectedTo, Inverse: RelationConnectedTo, Flow: impact.NoFlow, Propagation: impact.None,
			Description: "There is a cable or link between the two. It does not say which of them needs the other: connects_through does.",
			Pairs:       []Pair{{ClassInfrastructure, ClassInfrastructure}}},
		{Name: RelationPoweredBy, Inverse: "powers", Flow: impact.ToSource, Propagation: impact.Full,
			Description: "The source gets its current from the target. Two supplies of which one suffices are a redundancy group.",
			Pairs:       []Pair{{ClassDevice, ClassPower}}},
		{Name: RelationContainedIn, Inverse: "contains", Flow: impact.ToSource, Propagation: impact.Full, MaximumTargets: 1,
			Description: "The source is inside the target and does not work without it.",
			Pairs: []Pair{
				{ClassDevice, ClassRack}, {ClassDevice, ClassDevice}, {ClassSite, ClassSite},
				{ClassVirtualMachine, ClassCloudAccount}, {ClassCluster, ClassCloudAccount}, {ClassContainerPlatform, ClassCloudAccount}, {ClassCloudResource, ClassCloudAccount},
			}},
		{Name: RelationLocatedAt, Inverse: "location_of", Flow: impact.ToSource, Propagation: impact.Full, MaximumTargets: 1,
			Description: "The source is at the target.",
			Pairs:       []Pair{{ClassInfrastructure, ClassSite}, {ClassRack, ClassSite}}},
		{Name: RelationSupportedBy, Inverse: "supports", Flow: impact.NoFlow, Propagation: impact.None,
			Description: "The target is whom to turn to about the source.",
			Pairs:       []Pair{{ClassConfigurationItem, ClassContact}}},
		{Name: RelationDocumentedBy, Inverse: "documents", Flow: impact.NoFlow, Propagation: impact.None,
			Description: "The target is written about the source.",
			Pairs:       []Pair{{ClassConfigurationItem, ClassDocument}}},
	}
}
