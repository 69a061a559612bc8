// Package oncall says who is on call at an instant, and tells people one after the other until
// somebody takes what they are told of.
//
// # Who is on call
//
// A [Rota] is plain data: layers of people who take turns, in the local time of a zone, narrowed to
// windows of the week where that is wanted. [Rota.Compile] checks it and gives a [Timetable], which
// answers for any instant without a store or a clock:
//
//	table, err := rota.Compile(overrides...)
//	table.OnCall(t)            // who
//	table.Shifts(from, to)     // exact spans
//	table.NextHandOver(t)      // when others are
//	fmt.Print(table.Week(t))   // for people to read
//
// Hand-overs and windows keep to the clock on the wall. Where the clocks are put forward, what would
// happen at a time that is skipped happens at the first instant after it; where they are put back,
// what happens at a time that comes twice happens at the first. So a daily shift is 23 or 25 hours
// long then, an hourly one may be two hours or none at all, and nobody's hand-over moves. Of layers
// the later covers the earlier where it has somebody. Of [Override]s the later made counts.
//
// # Who is told
//
// A [Ladder] is steps of people, groups and schedules, each with a time to wait. [Ladder.Take] says
// what a step comes to at an instant: a step that reaches nobody is skipped at once, and where none is
// left the escalation is at its end. [Ladder.Forecast] plays all of it through.
//
// # Escalations
//
// [New] makes the practice over an engine. It keeps [Schedule]s, overrides and [Policy] records of a
// tenant, each change with its history, and runs an [Escalation] for what somebody must take:
//
//	e, err := calls.Start(ctx, actor, oncall.Page{Subject: ref, Policy: policy.ID, Summary: "…"})
//	e, err = calls.Acknowledge(ctx, ana, e.ID, itsm.Command{})
//
// Start takes the first step in its own transaction, unless the ladder waits before it; the further ones are durable jobs that the
// engine's Tick runs. Each step emits one event, [Paged], with who is to be told, and this package
// tells nobody itself: the host subscribes a sender to it. An acknowledgement cancels the next step
// in its own transaction. So does the end of the subject: whatever event says that a record is
// resolved, closed, cancelled or deleted ends its escalations, of whatever kind the record is. An
// escalation keeps to the version of the policy that it started with; who is on call is asked when a
// step is taken.
package oncall
