// Package change is the practice of change enablement: changes are drafted, judged, authorised, scheduled, made and
// reviewed, so that as many as possible succeed.
//
// [New] makes the practice over an engine and the ballots in which approvals are kept, and its zero [Options] are a preset
// that works:
//
//	ballots, err := ballot.New(e, ballot.Options{Resolve: people})
//	changes, err := change.New(e, ballots, change.Options{})
//
//	c, err := changes.Draft(ctx, sam, change.Draft{Title: "Replace the relay", Plans: plans, CIs: cis, Planned: window})
//	c, err = changes.Submit(ctx, sam, c.ID, itsm.Command{})
//	c, err = changes.Assess(ctx, mona, c.ID, change.Finding{Text: "…"})
//	// the gates decide, by ballots.Vote
//	c, err = changes.Start(ctx, ian, c.ID, itsm.Command{})
//	c, err = changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
//	c, err = changes.Close(ctx, mona, c.ID, change.Closing{})
//
// # Models
//
// A [Model] is data: which plans and assessments a change needs, what its gates are, when it needs a window and a review. Those
// that are shipped ([StandardModels]) are the standard change, which its approved template authorises; the normal change,
// whose risk decides who authorises it; the emergency, which is not assessed; and the retrospective change, which was made
// before it was recorded. Each follows the lifecycle of its [Type] ([StandardLifecycle]); a host extends it, and fires
// actions of its own by [Practice.Do].
//
// # The envelope
//
// What the gates decide about is fixed by a hash: plans, configuration items and their proposed changes, window, outage and
// risk ([Envelope]). A change is only started while it is exactly that. An edit outside of it opens the gates again, or takes
// the change back to draft, and the votes lapse; a move inside the authorised window only reschedules. Nobody decides about
// what they asked for, drafted or implement, nor implements what they decided about, but by an exemption that is named ([Options]).
//
// # Beside the states
//
// A change can be held whatever its state ([Practice.Hold]): its votes and tasks wait with it. That it was not authorised is a
// flag with a follow-up of its own ([Practice.FlagUnauthorised], [Practice.RecordDrift]), and never a type. Its tasks are those of
// package task.
//
// # Templates
//
// Standard changes are drafted from the approved version of a template ([Practice.DraftTemplate], [Practice.ApproveTemplate]). One whose
// changes fail is suspended by itself ([TemplatePolicy]) until somebody reinstates it.
//
// # What others ask
//
// A configuration management asks whether a change lets its items be edited ([Practice.Unlocks]) and makes what it proposed
// ([Options].Apply); a pipeline asks whether it may go on ([Practice.MayDeploy]); a report asks for [Practice.Measures].
package change
