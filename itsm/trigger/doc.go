// Package trigger answers events by actions, as data: event, condition, actions.
//
// A [Trigger] listens to events of one kind of record, by their types, actions and the categories that
// they leave and enter. Where its condition holds, its actions are taken in their order, all of them
// or none.
//
//	{"name": "escalate", "on": {"kind": "incident", "types": ["incident.edited.v1"]},
//	 "when": {"op": "and", "of": [
//	   {"op": "changed_to", "column": "priority", "values": [1]},
//	   {"op": "equal", "column": "event.system", "values": [false]}]},
//	 "actions": [{"action": "notify", "with": {"group": "duty", "text": "{{number}} is now {{priority}}"}}]}
//
// The package knows neither the records nor what can be done: it is given kinds of record as
// [RecordKind], and actions made by [Define], in [Options]. The one action that it brings itself is
// [ActionRefuse].
//
// # Conditions
//
// A condition is a storage.Condition. It names columns and custom fields ("priority",
// "fields.floor") as they are after the event, the same before it ("before.priority"), whether they
// changed ("changed.priority"), and the event ("event.action", "event.system", "event.to_category").
// [OpChanged], [OpChangedFrom] and [OpChangedTo] say the usual things shorter. The record is looked at as
// the event left it, though it has gone on since: what later events changed is taken back. In a
// transaction it is looked at as it stands there. What a record begins with counts as changed from
// nothing.
//
// # Once
//
// A trigger that runs after the commit is brought to its event by a subscriber of the engine, at least
// once and in order for each record. Its effect and the mark that it has fired, a [Firing] with an id
// of the event and the trigger's name, commit in one unit: so the effect happens once, whenever the
// process ends and whichever version of the set is active by then. A trigger that fails does not hold
// up the others, nor later events: its firing is tried again by a job, and ends as a dead letter of
// the engine. A trigger that runs in the transaction is a part of the command, and fails it where an
// action fails.
//
// # Chains
//
// What a trigger does has events of its own, which carry the chain of triggers that led to them
// (itsm.Cause), through reactions too. A trigger does not fire twice in one chain unless it may repeat,
// and never deeper than [Options].MaxDepth. One that is kept from firing has a firing that says so, and
// the event [Stopped]. A chain ends at a job that an action schedules, unless its handler gives its
// actor a cause.
//
// # Sets
//
// A [Practice] keeps versions of a tenant's set, in the way of package versioned: drafts of which one
// is activated; none is lost or changed after it was active. A set is refused with every fault when it is saved. A provider
// publishes its own to its tenants as their base, under which one of the same name replaces its
// trigger: see [Effective]. [Practice.Explain] says which triggers fire for an event and why, and
// [Practice.DryRun] compares a version with what is active, over the history.
package trigger
