// Package task is the graph of tasks that incidents, problems, changes and requests share: what is
// to be done about a record, by whom, in which order, and what came of it.
//
// A task belongs to a parent, a record of any kind. Some are added one by one ([Practice.AddTask]),
// others all at once from a [Plan], which is data and can be kept in a catalogue:
//
//	tasks, err := task.New(e, task.Options{})
//	graph, err := tasks.Add(ctx, manager, change.Ref(), task.Plan{
//		Tasks: []task.Item{{Name: "backup", Title: "Back up"}, {Name: "install", Title: "Install"}, {Name: "restore", Title: "Restore"}},
//		Edges: []task.Edge{{From: "backup", To: "install"}, {From: "install", To: "restore", Allows: task.AllowsFailed}},
//	})
//
// # Readiness
//
// An edge says which outcomes of its predecessor let its successor begin, and, with When, which
// codes. A task is ready when every predecessor has ended as its edge allows, and not before its
// planned start. One of whose predecessors has ended otherwise can never be ready: it is skipped by
// itself, with the reason, and so are those after it that this leaves without a way. Nothing waits
// for ever, and where a failed task is tried again, what was skipped for it waits again.
//
// Whatever a command does to a plan it does in one transaction: two predecessors that end at the
// same time make their successor ready once, and none is missed.
//
// # Lifecycle
//
// [StandardLifecycle] is the table of states and actions; a host extends it, and fires actions of its
// own by [Practice.Do]. How a task ended is its [Outcome]: done, failed, skipped or cancelled. They
// are never mixed: [RollUp] and the event [AllEnded] count each, so that a parent one of whose tasks
// was skipped does not look complete.
//
// # The parent
//
// A task is seen by those who have "task.read" on it and may read its parent ([Options].MayRead).
// When the parent is closed, cancelled or deleted, its open tasks are cancelled in the same
// transaction; when it is resolved they stay. [Practice.Warnings] tells what is open or was not
// done, and [Blockers] makes of it what a practice asks before it resolves a record.
package task
