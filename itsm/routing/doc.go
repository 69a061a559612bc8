// Package routing gives records to groups and people by rules that are data.
//
// A [RuleSet] is an ordered list of rules. Each has a condition, in the form of storage.Condition, a
// group, and perhaps a way to choose a person of it: in turn, by the least load, by skill and then
// load, or one person. The first rule whose condition holds decides; where none does, the default
// group has the record, or nobody.
//
//	{"rules": [
//	   {"name": "vip", "when": {"op": "equal", "column": "requester.vip", "values": [true]}, "group": "vip-desk"},
//	   {"name": "vpn", "when": {"op": "equal", "column": "category", "values": ["vpn"]}, "group": "network",
//	    "person": {"method": "skill", "skills": [{"name": "vpn", "level": 2}], "capacity": 8}}],
//	 "default": "desk",
//	 "overflow": {"network": "desk"}}
//
// The package does not know which records it routes. It is given their schema, and what else is to
// be known of them (the requester's site, whether they are a VIP), as a [Vocabulary].
//
// # Rules alone
//
// [Parse], [RuleSet.Check], [RuleSet.Unreachable], [RuleSet.Decide], [Effective] and [DryRun] are
// plain functions, without a store or a clock. Check tells everything that is wrong with a set at
// once, rules that are never reached among it. Decide gives a [Decision] with its reasons: which
// part of a condition decided against each rule that was tried, and why each person was or was not
// taken. The same input gives the same decision: whose turn it is comes in and goes out.
//
// # Rules that are kept
//
// A [Practice] keeps versions of rule sets for each tenant and kind of record, in the way of package
// versioned. One is drafted, revised, activated, and retired; none is ever lost, and the event log
// says who did what, when and why. [Practice.Route] decides by the active one inside the transaction that makes
// or changes a record: a host calls it in a reaction. Turns are kept in that transaction, and groups
// are locked while a person is chosen, so that units at once neither take the same turn nor fill
// the same last place.
//
// # Providers
//
// A provider publishes its rules to its tenants by Publish. They become the base there,
// and the tenant's own rules stand before them: [Effective] makes one set of both, and says of every
// rule, the default and each overflow group where it comes from.
package routing
