// This file holds the fix of a problem, and the decision to do without one.

package problem

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// PlannedFix says how the cause of a problem is to be removed.
type PlannedFix struct {
	itsm.Command
	// Changes are those that remove it: at most [MaxFixChanges] records of which the actor may know. It
	// is linked to them.
	Changes []itsm.Ref `json:"changes,omitempty"`
	// Action is what is done where no change is needed. One of the two is required.
	Action string `json:"action,omitempty"`
}

// MaxFixChanges is the greatest number of changes of a fix.
const MaxFixChanges = 50

// PlanFix says how a known error is fixed.
func (p *Practice) PlanFix(ctx context.Context, actor itsm.Actor, id itsm.ID, r PlannedFix) (Problem, error) {
	return p.command(ctx, actor, id, ActionPlanFix, r.Command, r, func(ctx context.Context, w *work) error {
		changes := unique(r.Changes)
		if n := len(changes); n > MaxFixChanges {
			w.faults.Addf("changes", "are %d; at most %d are allowed", n, MaxFixChanges)
			changes = nil
		}
		w.faults.Text("action", r.Action, MaxLong, false)
		w.Fix = &Fix{Action: r.Action}
		for n, ref := range changes {
			if err := w.checkRef(ctx, at("changes", n), ref); err != nil {
				return err
			}
			w.Fix.Changes = append(w.Fix.Changes, FixChange{Change: ref})
			w.after = append(w.after, func(ctx context.Context) error {
				_, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkResolvedBy, From: w.Ref(), To: ref})
				return err
			})
		}
		return w.fire(ctx, ActionPlanFix, FixPlanned{Changes: changes, Action: r.Action})
	})
}

// ChangeOutcome says how a change of a fix ended.
type ChangeOutcome struct {
	itsm.Command
	Change  itsm.Ref `json:"change"`
	Outcome Outcome  `json:"outcome"`
}

// RecordOutcome records how a change of the fix ended; package servicedesk, or a host, does so when it
// ends. Where it was the last, the event [FixesEnded] tells that all have. The state stays: whether the
// fix works is for a person to verify. What was recorded already is recorded once.
func (p *Practice) RecordOutcome(ctx context.Context, actor itsm.Actor, id itsm.ID, r ChangeOutcome) (Problem, error) {
	return p.command(ctx, actor, id, ActionRecordOutcome, r.Command, r, func(ctx context.Context, w *work) error {
		if r.Outcome != OutcomeSuccessful && r.Outcome != OutcomeFailed {
			w.faults.Addf("outcome", "must be %s or %s", OutcomeSuccessful, OutcomeFailed)
		}
		n := -1
		if w.Fix != nil {
			n = slices.IndexFunc(w.Fix.Changes, func(c FixChange) bool { return c.Change == r.Change })
			if n >= 0 {
				may, err := p.mayKnow(ctx, w.u, actor, w.internal, r.Change)
				if err != nil {
					return err
				}
				if !may {
					n = -1
				}
			}
			if n < 0 {
				w.faults.Add("change", "is none of the changes that fix it")
			}
		}
		if err := w.check(ctx, ActionRecordOutcome); err != nil {
			return err
		}
		if w.Fix.Changes[n].Outcome == r.Outcome {
			return nil
		}
		fix := *w.Fix
		fix.Changes = slices.Clone(fix.Changes)
		fix.Changes[n].Outcome, fix.Changes[n].EndedAt = r.Outcome, w.now
		w.Fix = &fix
		if err := w.move(FixEnded{Change: r.Change, Outcome: r.Outcome}); err != nil {
			return err
		}
		if all, successful := fix.ended(); all {
			w.tell(w.State, w.State, FixesEnded{Successful: successful})
		}
		return nil
	})
}

// Verification says that the cause of a problem is removed.
type Verification struct {
	itsm.Command
	// Notes are told of it: also to those whose incidents waited for it, where the problem is not
	// restricted.
	Notes string `json:"notes,omitempty"`
}

// FixVerified says that the fix works. Every change of it must have ended successfully, and nothing that
// the [Options] ask for must be open. The problem is observed from then on.
func (p *Practice) FixVerified(ctx context.Context, actor itsm.Actor, id itsm.ID, r Verification) (Problem, error) {
	return p.command(ctx, actor, id, ActionFixVerified, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("notes", r.Notes, MaxLong, false)
		if err := w.check(ctx, ActionFixVerified); err != nil {
			return err
		}
		fix := Fix{}
		if w.Fix != nil {
			fix = *w.Fix
		}
		fix.Notes = r.Notes
		w.Fix = &fix
		return w.move(FixVerified{Notes: r.Notes})
	})
}

// FixFailed says that the fix does not work, and why, as the reason of the command: it is a known error
// again, and has no fix. What was tried stays in its history.
func (p *Practice) FixFailed(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Problem, error) {
	return p.command(ctx, actor, id, ActionFixFailed, r, r, func(ctx context.Context, w *work) error {
		if err := w.check(ctx, ActionFixFailed); err != nil {
			return err
		}
		w.Fix = nil
		w.FailedFixes++
		return w.move(FixFailed{Count: w.FailedFixes})
	})
}

// RiskAcceptance says who answers for that a problem stays. The reason of its command, which is required,
// says why.
type RiskAcceptance struct {
	itsm.Command
	// Approver is the person who accepts the risk.
	Approver itsm.ID `json:"approver"`
	// ReviewAt is when it is to be looked at again. It must be after now.
	ReviewAt time.Time `json:"review_at"`
}

// AcceptRisk ends a problem whose cause stays, with the code risk_accepted. Its known error stays
// published. When the review is due, the event [RiskReviewDue] tells.
func (p *Practice) AcceptRisk(ctx context.Context, actor itsm.Actor, id itsm.ID, r RiskAcceptance) (Problem, error) {
	return p.command(ctx, actor, id, ActionAcceptRisk, r.Command, r, func(ctx context.Context, w *work) error {
		w.acceptRisk(r)
		return w.fire(ctx, ActionAcceptRisk, RiskAccepted{Approver: r.Approver, ReviewAt: w.ReviewAt})
	})
}

// RenewRisk accepts the risk of a problem on, until another review.
func (p *Practice) RenewRisk(ctx context.Context, actor itsm.Actor, id itsm.ID, r RiskAcceptance) (Problem, error) {
	return p.command(ctx, actor, id, ActionRenewRisk, r.Command, r, func(ctx context.Context, w *work) error {
		w.acceptRisk(r)
		if r.Approver == "" {
			w.fault("approver", "is required")
		}
		if r.ReviewAt.IsZero() {
			w.fault("review_at", "is required")
		}
		if blank(r.Reason) {
			w.fault("reason", "is required")
		}
		return w.fire(ctx, ActionRenewRisk, RiskRenewed{Approver: r.Approver, ReviewAt: w.ReviewAt})
	})
}

func (w *work) acceptRisk(r RiskAcceptance) {
	w.checkID("approver", r.Approver)
	w.ReviewAt = storage.Instant(r.ReviewAt)
	if !w.ReviewAt.IsZero() && !w.ReviewAt.After(w.now) {
		w.faults.Add("review_at", "must be after now")
	}
	w.Risk = &Risk{Approver: r.Approver, By: w.actor.ID, At: w.now, Justification: r.Reason}
	w.Code = CodeRiskAccepted
}
