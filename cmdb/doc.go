// Package cmdb keeps configuration items (CIs), how they hold each other up, and what they were at any instant, and answers what
// a failure brings about.
//
// # Configuration items
//
// A [CI] is of a class of the tenant's model (package cmdb/schema): the shipped one, the host's, or a version that the tenant
// follows of its own. Its attributes are held to the model; each has its source and the instant at which the source saw it, and each
// change its actor and reason. [Practice.Add] makes a CI, [Practice.Update] changes it, and its lifecycle takes it from planned to
// retired ([StandardLifecycle]). What is change-controlled only those may write whom [Options].Controlled lets; what discovery finds
// instead is kept as an [Observation] beside the value.
//
// # The graph
//
// [Practice.Relate] ties two CIs by a type of the model, and [Practice.PutGroup] says that an owner works while enough of some others do.
// What cannot be is refused with its reason. What ended stays, with when, by whom and why. All edits of a tenant's graph have one
// order: each takes its lock and the next revision, and stands in a log.
//
// A process keeps the graphs of the tenants that are asked about in memory. Each question reads the tenant's revision, and takes the graph
// further by the log where it is behind: what is committed when a question begins is in its answer, whichever process wrote it.
// There is no goroutine, and nothing to invalidate.
//
// # Questions
//
// [Practice.Impact], [Practice.WhatIf], [Practice.SinglePoints], [Practice.Causes] and [Practice.Neighbourhood] ask package cmdb/impact. Who
// asks is told of CIs that they may read. Others are computed through: they count, and are not named.
//
// # What records impact
//
// A record of another practice, as an incident or a change, names CIs by links or by [Practice.Concern]. What these impact is computed by
// one function for records of every kind, and kept CI by CI with where it comes from: computed, added by a person, or excluded by one.
// [Practice.CorrectImpact] is how people have their say, which stands whatever is computed again. [Practice.Impacted] reads it by record, and
// [Practice.ImpactedBy] by service. This package knows no other practice: whoever makes links tells [Practice.LinkChanged].
//
// # Groups and health
//
// A [DynamicGroup] is a [Selection] that has a name: whoever meets it when it is read is in it. [Practice.Health] counts what is missing, alone,
// stale, twice there, or not as an [Audit] expects it, by rules that are data; [Practice.CIHealth], [Practice.DuplicateHealth] and
// [Practice.RelationHealth] list what it counts, in pages. All of it is computed when it is asked for.
//
// # What sources tell
//
// [Practice.Observe] takes in what a source observed of a CI (package cmdb/reconcile): by the tenant's rules ([Options].Rules) it is found, in
// the unit that holds the lock of the graph, and made or updated, attribute by attribute. [Practice.Import] takes in many, all or none unless
// asked otherwise, in any order, and goes on where it was stopped. What may be one CI twice is told as a [Duplicate]; [Practice.Merge] makes it
// one. Every command keeps up by what CIs are found; after other rules [Practice.Reindex] does.
//
// # The past
//
// [Practice.GetAt] gives a CI as it was, and a [Question] with an instant asks about the graph as it was. A [Baseline] is a name for an
// instant, and [Practice.Compare] tells what differs between two: CIs with their attributes, relations, groups, and what services bring
// down and are brought down by. An [Outage] says when a CI did not work; questions can count outages as failures.
package cmdb
