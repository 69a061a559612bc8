// Package sla is service level management: the agreements of a desk on times, and a timer for each of their targets
// on each record. Package sla/timer computes; this one keeps, follows events and tells.
//
//	levels, err := sla.New(e, sla.Options{Kinds: []sla.RecordKind{{Schema: incident.Table.Schema(), HoldReason: "hold_reason"}}})
//	office, err := levels.Calendars.Draft(ctx, actor, sla.CalendarDraft{Family: "office", Set: sla.Calendar{Definition: definition}})
//	_, err = levels.Calendars.Activate(ctx, actor, office.ID, itsm.Command{})
//	gold, err := levels.Policies.Draft(ctx, actor, sla.PolicyDraft{Family: "gold", Set: sla.Policy{Policy: policy}})
//	_, err = levels.Policies.Activate(ctx, actor, gold.ID, itsm.Command{})
//	…
//	timers, err := levels.Of(ctx, actor, itsm.Ref{Kind: incident.Kind, ID: logged.ID})
//
// # Calendars and policies
//
// Both are versions, in the way of package versioned: drafted, activated, retired, never changed once they
// were active, and published by a provider to its tenants, whose own calendar or policy of the same name stands
// before it. A version counts from the instant at which it is activated.
//
// # Timers
//
// A timer begins in the transaction of the event that starts it, for any kind of record, the host's own too. It pins the
// version of its policy and those of the calendars that the policy counts by: an edit of either changes no timer that
// has begun. What it is follows from the events of its record, by the pinned versions, and from nothing else: [Practice.Rebuild]
// computes it anew from them. Events from before the policy held tell only how the record was, so that a new policy begins
// nothing on what is open already until something new happens there.
//
// What is known of a record beside its own values, as its customer's site, is asked of the host when a timer
// begins, and kept with it.
//
// # What happens by itself
//
// A record has one job, due at the first threshold or breach of its timers. It follows the timers by the delivery of the
// event that moved them: what was committed is delivered, before anything that falls due later. A threshold fires once in a cycle, a breach is told once in a cycle, at the first microsecond
// after due. After a downtime they come in their order, marked late by more than [LateAfter]. What was reached before something paused or ended a timer
// fires before that, whether a tick came between or not. They are events ([ThresholdReached], [Breached]) and actions of the
// host ([Options].Actions, [Options].ActionOf), which have a job of their own for each threshold. History that is written later, as by an import, fires nothing as it is
// written.
//
// # Decisions
//
// [Practice.Rebase] moves a timer to another version, explicitly and audited, or says what that would change.
// [Practice.SetDue] sets a date that a person has promised, beside the one that is computed.
//
// # Agreements
//
// [Practice.Agreements] keeps who promises what to whom, [Practice.Report] counts what became of it in a month, with the credits
// that follow, and [Practice.CheckChain] compares a promise with what it rests on.
//
// # Entitlements
//
// An agreement can say which records it covers: its term, hours and scope, and a block that was paid for before ([Entitlement]). A
// record is assessed in the transaction that logs it; [Practice.EntitlementOf] tells what was found, [Practice.Entitled] what would be. [Options].Refuse
// has records not logged that are not covered.
//
// # Who may read
//
// Who may read a record reads its timers. Those of operational level agreements and underpinning contracts are internal:
// they are for those who have [PermissionRead].
package sla
