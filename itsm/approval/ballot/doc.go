// Package ballot keeps approvals of records: who is asked, who has voted, and what came of it, for a practice
// whose records must be approved. Package approval decides; this one stores, tells and reminds.
//
// A practice asks for approval in its own transaction, and follows the outcome:
//
//	approvals, err := ballot.New(e, ballot.Options{Resolve: host.approvers, MayRead: host.mayRead})
//	a, err := approvals.In(u.Store()).Request(ctx, u.System("change"), ballot.Request{
//		Parent: change.Ref(), Policy: policy, Facts: facts, Subject: approval.Subject{Hash: hash, Parties: parties},
//	})
//	engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, d ballot.Decided) error { … })
//
// # Rounds
//
// Each request is a round, a record of its own: [Approval]. [Practice.Revise] is for a record that was edited:
// what is not material leaves the round as it is, anything else begins another, and the old one stays as it
// ended, lapsed, with its votes. A record may be approved for several purposes, which do not know of each
// other. [Practice.Standing] is what a guard looks at. A practice whose records are approved by this alone claims the
// purpose ([Practice.Claim]), so that no person asks in its place, by a policy of their own.
//
// # Votes
//
// While a gate is open each of its approvers has an entry, so that [Practice.Waiting], what waits for my
// vote, is one indexed list. [Practice.Vote] casts a vote, the own one or, by a delegation that holds, that
// of another. All that a vote leads to happens in its transaction: the gate is decided, the next one opens,
// the round ends, and the practice that asked reacts to [Decided].
//
// # Time and holds
//
// Reminders and expiry are jobs of the engine, which run by its Tick. A record that is put on hold suspends
// its approvals; released, they ask again. One that is closed, cancelled or deleted has its open approvals
// withdrawn in the same transaction.
//
// # Who may know
//
// An approval is read by who has "approval.read" and may read the record ([Options].MayRead), and by who is
// asked to approve it. To vote takes "approval.vote" and being asked: separation of duties is the gate's, and
// a permission does not take its place.
package ballot
