// Package problem is the problem practice: the causes of incidents are found, worked around and removed,
// or somebody answers for that they stay.
//
// [New] makes the practice over an engine, and its zero [Options] are a preset that works:
//
//	problems, err := problem.New(e, problem.Options{})
//	err = e.Migrate(ctx)
//
//	p, err := problems.Register(ctx, mona, problem.Registration{Title: "Mail is late", Source: problem.SourceTrend})
//	p, err = problems.Accept(ctx, sam, p.ID, problem.Acceptance{Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh})
//	p, err = problems.Analyse(ctx, sam, p.ID, itsm.Command{})
//	p, err = problems.IdentifyCause(ctx, sam, p.ID, problem.IdentifiedCause{Causes: …})
//
// # Commands
//
// Every command names who gives it and is one transaction: the permission is asked, the whole input
// checked with every fault told at once, the lifecycle moved, the record put, its events told, its timers
// set. All of it happens or none. A request embeds [itsm.Command]: a key makes it safe to repeat, a
// version keeps it from overwriting what its author has not seen.
//
// A problem that the actor may not read is not found, by any command, query, link or duplicate; one that
// it may read but not change is forbidden. An action that the state does not permit is an
// [*itsm.TransitionError] that names those it does.
//
// # The lifecycle
//
// [StandardLifecycle] is the table of states and actions; [Practice.PermittedActions] reads it for a user
// interface, and a host gives another, extended by states and rules of its own, which [Practice.Do] fires.
// A problem whose fix was verified is resolved and observed; it is closed when it has not recurred. Other
// ends are an accepted risk, which is reviewed, and a duplicate, whose links the other problem gets.
//
// # Causes
//
// Causes are on configuration items or components. How they were found is data too: whys, and a cause tree
// ([Practice.RecordAnalysis]), which [MermaidWhys] and [MermaidTree] draw.
//
// # Known errors
//
// Identifying a cause drafts a [KnownError], which tells others by what the problem is recognised and how to
// live with it. It is published for staff or for everyone; workaround and fix follow from the problem. A
// known error may stand without one.
//
// # What recurs, and what is known
//
// [Practice.Observe] takes occurrences, as incidents tell of them; where they are alike and come often, a
// problem is proposed ([Proposal]), with the reason and the list. [Practice.Suggest] gives the known errors that
// are most like a matter, each with what its score is made of.
//
// # What others do about it
//
// The practice knows no incidents and no changes: it names them by [itsm.Ref] and tells by events what is to
// be done. Package servicedesk tells linked incidents of workarounds, and resolves what waits for a problem
// when it is fixed.
package problem
