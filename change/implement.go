// This file holds how a change is made and ends: started, completed, closed, cancelled.

package change

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Start begins the implementation: inside the planned window and the one that was authorised, with every gate decided for exactly what the change is
// now, its tasks ready, and no freeze that stands against it. Who has voted in the gates that authorised it neither starts
// nor completes it, unless the exemption of a gate lets an implementer vote. Who may override a freeze gives the Reason for that with the command.
func (p *Practice) Start(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionStart, r, r, func(ctx context.Context, w *work) error {
		if err := w.check(ctx, ActionStart); err != nil {
			return err
		}
		if !w.Case.Authorised { // whatever the host's table says
			return w.refusal(ctx, ActionStart, "what it is now was not authorised")
		}
		if w.Decider {
			return w.refusal(ctx, ActionStart, deciderReason)
		}
		if reason := w.outsideAuthorised(w.now); reason != "" {
			return w.refusal(ctx, ActionStart, reason)
		}
		if err := p.mayStart(ctx, w.u, &w.Change, r.Reason); err != nil {
			return err
		}
		w.ActualStart = w.now
		return w.move(Started{Hash: w.Approved.Hash, FreezeOverridden: w.FreezeOverride != nil})
	})
}

// Completion says how the implementation of a change went.
type Completion struct {
	itsm.Command
	Outcome Outcome `json:"outcome"`
	Notes   string  `json:"notes,omitempty"`
	// End is when it ended; zero is now. It is not before the start, and not in the future.
	End time.Time `json:"end,omitzero"`
	// Outage is the outage that there was.
	Outage Window `json:"outage,omitzero"`
	// Applied says of a change with issues that what it proposed for its configuration items was made. Those of a successful
	// one always are, those of one that was backed out or failed never.
	Applied bool `json:"applied,omitempty"`
}

// Complete ends the implementation, when the tasks have ended. The proposed changes to configuration items are made in the
// same transaction where it was successful: all of them, or the change is not complete.
func (p *Practice) Complete(ctx context.Context, actor itsm.Actor, id itsm.ID, r Completion) (Change, error) {
	return p.command(ctx, actor, id, ActionComplete, r.Command, r, func(ctx context.Context, w *work) error {
		if r.Outcome != "" && !slices.Contains(Outcomes(), r.Outcome) {
			w.faults.Addf("outcome", "is %.64q; allowed are %s", r.Outcome, list(Outcomes()))
		}
		if r.Applied && r.Outcome.Failure() {
			w.faults.Addf("applied", "cannot be of a change that was %s", r.Outcome)
		}
		w.faults.Text("notes", r.Notes, MaxNotes, false)
		end := storage.Instant(orElse(r.End, w.now))
		switch {
		case !writable(end) || end.After(w.now):
			w.faults.Add("end", "must not be in the future")
		case end.Before(w.ActualStart):
			w.faults.Add("end", "must not be before the start")
		}
		w.ActualOutage = r.Outage.instant()
		w.checkWindow("outage", w.ActualOutage)
		w.Change.Outcome, w.CompletionNotes = r.Outcome, r.Notes
		apply := len(w.Proposals) > 0 && (r.Outcome == OutcomeSuccessful || r.Outcome == OutcomeWithIssues && r.Applied)
		if apply && p.o.Apply == nil {
			w.faults.Add("proposals", "cannot be made: there is no configuration management to make them in")
		}
		if err := w.check(ctx, ActionComplete); err != nil {
			return err
		}
		if !w.Was.begun() { // whatever the host's table says
			return w.refusal(ctx, ActionComplete, "it was not started")
		}
		if w.Decider {
			return w.refusal(ctx, ActionComplete, deciderReason)
		}
		if apply {
			// The change is still being implemented by what is stored, so that what it controls is open to it.
			if err := p.o.Apply(ctx, w.u, w.Was); err != nil {
				return err
			}
			w.Applied = true
		}
		w.ActualEnd, w.Implemented, w.ImplementedAt = end, true, end.UnixMicro()
		return w.move(Completed{Outcome: r.Outcome, Applied: w.Applied})
	})
}

// Closing ends a change that was implemented.
type Closing struct {
	itsm.Command
	// Review is the text of the post-implementation review. It is required where the outcome or the model demands it.
	Review string `json:"review,omitempty"`
}

// Close ends a change after its review.
func (p *Practice) Close(ctx context.Context, actor itsm.Actor, id itsm.ID, r Closing) (Change, error) {
	return p.command(ctx, actor, id, ActionClose, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("review", r.Review, MaxNotes, false)
		w.Review = &Review{Text: r.Review, By: w.actor.ID, At: w.now}
		if err := w.check(ctx, ActionClose); err != nil {
			return err
		}
		w.after = append(w.after, w.judgeTemplate)
		return w.move(Closed{Outcome: w.Change.Outcome, Success: w.Change.Outcome == OutcomeSuccessful && w.CausedIncidents == 0})
	})
}

// Cancel ends a change that is not to be made, before its implementation. The Reason of the command is required. A retrospective
// change that is cancelled was recorded by mistake: it counts as not made. That asks for "change.record_retrospectively",
// and of somebody who is no party to it, or has the Exemption of the [Options]: anybody else is ErrForbidden. One that is
// unauthorised stays so, counts as made, and is still to be answered.
func (p *Practice) Cancel(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionCancel, r, r, func(ctx context.Context, w *work) error {
		w.EndReason = r.Reason
		if w.Type == TypeRetrospective {
			if err := w.mayUnrecord(ctx); err != nil {
				return err
			}
			if !w.Unauthorised {
				w.Implemented, w.ImplementedAt = false, 0
			}
		}
		return w.fire(ctx, ActionCancel, Cancelled{})
	})
}

// mayUnrecord refuses who would have a change that was made count as not made, and may not record one, or is a party to it:
// whatever the host's table says.
func (w *work) mayUnrecord(ctx context.Context) error {
	if err := w.authorize(ctx, PermissionRecordRetrospectively); err != nil {
		return err
	}
	duty := w.ownDuty()
	if duty == "" || w.actor.System {
		return nil
	}
	return &itsm.ForbiddenError{
		Actor: w.actor.ID, Tenant: w.actor.Tenant, Permission: PermissionRecordRetrospectively, Kind: Kind, ID: w.ID,
		Reason: "nobody cancels what was made and is their own, of which they are the " + duty,
	}
}

// Assignment says who implements a change.
type Assignment struct {
	itsm.Command
	// Group is the group; empty keeps the one it has.
	Group itsm.ID `json:"group,omitempty"`
	// Assignee is the person; empty is no one yet.
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// Assign gives a change to a group or a person to implement. Who has decided about a change in its gates and becomes its
// implementer has decided about their own: the gates are opened again. Once the implementation has begun that is refused.
func (p *Practice) Assign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Change, error) {
	return p.command(ctx, actor, id, ActionAssign, r.Command, r, func(ctx context.Context, w *work) error {
		w.Group, w.Assignee = orElse(r.Group, w.Group), r.Assignee
		w.checkID("group", w.Group)
		w.checkID("assignee", w.Assignee)
		if r.Group == "" && r.Assignee == "" {
			w.faults.Add("group or assignee", "is required to assign")
		}
		told := Assigned{FromGroup: w.Was.Group, FromAssignee: w.Was.Assignee, Group: w.Group, Assignee: w.Assignee}
		if w.Assignee == w.Was.Assignee || w.Asked == nil {
			return w.change(ctx, ActionAssign, told)
		}
		matters, err := w.partiesMatter(ctx)
		if err != nil {
			return err
		}
		if matters && w.Was.begun() {
			w.faults.Add("assignee", "has decided about the change in its gates, and it is being made")
		}
		if err := w.change(ctx, ActionAssign, told); err != nil {
			return err
		}
		switch {
		case matters:
			return w.rework(ctx, []string{"assignee"})
		case !w.Was.begun() && w.Type != TypeStandard:
			w.gates = gatesRevise
		}
		return nil
	})
}
