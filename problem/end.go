// This file holds waiting and the ends: held, resumed, closed, cancelled, analysed anew.

package problem

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Hold says why a problem waits, and until when.
type Hold struct {
	itsm.Command
	// HoldReason is one of those of the [Options]. The Reason of the Command is free text for the audit
	// trail.
	HoldReason HoldReason `json:"hold_reason"`
	// Until resumes it at that time; zero waits without end.
	Until time.Time `json:"until,omitzero"`
}

// Hold lets a problem wait.
func (p *Practice) Hold(ctx context.Context, actor itsm.Actor, id itsm.ID, r Hold) (Problem, error) {
	return p.command(ctx, actor, id, ActionHold, r.Command, r, func(ctx context.Context, w *work) error {
		w.waitFor(r.HoldReason, r.Until)
		return w.fire(ctx, ActionHold, Held{HoldReason: r.HoldReason, Until: w.HoldUntil})
	})
}

func (w *work) waitFor(reason HoldReason, until time.Time) {
	if reason != "" && !slices.Contains(w.p.o.HoldReasons, reason) {
		w.faults.Addf("hold_reason", "must be one of: %s", list(w.p.o.HoldReasons))
	}
	w.HoldReason, w.HoldUntil = reason, storage.Instant(until)
	if !w.HoldUntil.IsZero() && !w.HoldUntil.After(w.now) {
		w.faults.Add("until", "must be after now")
	}
}

// Resume ends the wait: the problem goes back to the state before it.
func (p *Practice) Resume(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Problem, error) {
	return p.command(ctx, actor, id, ActionResume, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionResume, Resumed{HoldReason: w.HoldReason})
	})
}

// resumeDue is the job that ends a wait at its time.
func (p *Practice) resumeDue(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionResume, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		_, resumes, _ := p.dueOf(&w.Problem)
		switch {
		case resumes.IsZero() || !p.o.Lifecycle.Has(w.State, ActionResume):
			return nil // what it was for has passed, or the host resumes otherwise
		case resumes.After(w.now):
			return u.Schedule(ctx, jobOf(jobResume, id, resumes)) // it waits anew, for longer
		}
		return w.fire(ctx, ActionResume, Resumed{HoldReason: w.HoldReason, Until: w.HoldUntil})
	})
	return ifThere(err)
}

// Closing ends a resolved problem.
type Closing struct {
	itsm.Command
	// Lesson is what was learned.
	Lesson string `json:"lesson,omitempty"`
}

// Close ends a resolved problem that was observed for as long as the [Options] say and did not recur. The
// event [Closed] tells the lesson.
func (p *Practice) Close(ctx context.Context, actor itsm.Actor, id itsm.ID, r Closing) (Problem, error) {
	return p.command(ctx, actor, id, ActionClose, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("lesson", r.Lesson, MaxLong, false)
		w.Lesson = orElse(r.Lesson, w.Lesson)
		return w.fire(ctx, ActionClose, Closed{Code: w.Code, Lesson: w.Lesson})
	})
}

// autoClose is the job that closes a resolved problem when its observation has ended.
func (p *Practice) autoClose(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionAutoClose, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		closes, _, _ := p.dueOf(&w.Problem)
		switch {
		case closes.IsZero() || !p.o.Lifecycle.Has(w.State, ActionAutoClose):
			return nil // what it was for has passed, or the host closes otherwise
		case closes.After(u.Now()):
			return u.Schedule(ctx, jobOf(jobClose, id, closes)) // the host has lengthened the time
		}
		return w.fire(ctx, ActionAutoClose, Closed{Code: w.Code, Auto: true, Lesson: w.Lesson})
	})
	return ifThere(err)
}

// remindOfReview is the job that tells that an accepted risk is due to be reviewed.
func (p *Practice) remindOfReview(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	_, err := p.In(u.Store()).command(ctx, u.Actor(), itsm.ID(due.Key), ActionReview, itsm.Command{}, nil, func(_ context.Context, w *work) error {
		if w.ReviewAt.IsZero() || w.ReviewAt.After(w.now) || w.Risk == nil {
			return nil
		}
		w.action = ActionReview
		w.tell(w.State, w.State, RiskReviewDue{Approver: w.Risk.Approver, ReviewAt: w.ReviewAt})
		return nil
	})
	return ifThere(err)
}

// Recurrence says that a resolved problem happened again.
type Recurrence struct {
	itsm.Command
	// Record is by what that is known, such as an incident; none is known otherwise.
	Record *itsm.Ref `json:"record,omitempty"`
}

// Recur records that a resolved problem happened again: its observation begins anew. Whether it is
// analysed anew is for a person to decide.
func (p *Practice) Recur(ctx context.Context, actor itsm.Actor, id itsm.ID, r Recurrence) (Problem, error) {
	return p.command(ctx, actor, id, ActionRecur, r.Command, r, func(ctx context.Context, w *work) error {
		if r.Record != nil {
			if err := w.checkRef(ctx, "record", *r.Record); err != nil {
				return err
			}
		}
		if err := w.check(ctx, ActionRecur); err != nil {
			return err
		}
		w.Recurrences++
		w.ObserveFrom = w.now
		return w.move(Recurred{Record: r.Record, Count: w.Recurrences})
	})
}

// Reanalyse takes up again what is resolved or closed; the reason is required. What it takes goes by how it
// ended: "problem.reanalyse" without a code, and with one "problem.reanalyse_fixed",
// "problem.reanalyse_risk_accepted" or "problem.reanalyse_duplicate". Its fix, its accepted risk and its
// lesson are history then; a duplicate is none any more, and what moved to the other problem stays there.
func (p *Practice) Reanalyse(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Problem, error) {
	return p.command(ctx, actor, id, ActionReanalyse, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionReanalyse, Reanalysed{Code: w.Was.Code, Count: w.Reanalyses + 1})
	})
}

// Cancel ends a problem that is none. The reason is required.
func (p *Practice) Cancel(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Problem, error) {
	return p.command(ctx, actor, id, ActionCancel, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionCancel, Cancelled{})
	})
}

// Duplication says of which problem one is a duplicate.
type Duplication struct {
	itsm.Command
	// Of is the other problem, which must be open.
	Of itsm.ID `json:"of"`
}

// lockDuplicates keeps two problems from becoming duplicates of each other at once.
const lockDuplicates = "problem.duplicates"

// MarkDuplicate ends a problem as a duplicate of another, on which it takes "problem.edit". Its links
// become those of the other, by jobs, some at a time; incidents that wait for it wait on, and are resolved
// with the other. What is linked to a restricted problem stays with it where the other is not restricted.
func (p *Practice) MarkDuplicate(ctx context.Context, actor itsm.Actor, id itsm.ID, r Duplication) (Problem, error) {
	return p.command(ctx, actor, id, ActionMarkDuplicate, r.Command, r, func(ctx context.Context, w *work) error {
		var original *work
		if r.Of != "" {
			if err := w.u.Lock(ctx, lockDuplicates); err != nil {
				return err
			}
			var err error
			if original, err = w.original(ctx, r.Of); err != nil {
				return err
			}
		}
		w.DuplicateOf = r.Of
		w.Code = CodeDuplicate
		if err := w.fire(ctx, ActionMarkDuplicate, MarkedDuplicate{Of: r.Of}); err != nil || original == nil {
			return err
		}
		w.after = append(w.after, func(ctx context.Context) error {
			if _, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkDuplicateOf, From: w.Ref(), To: original.Ref()}); err != nil {
				return err
			}
			original.action, original.to = ActionMarkDuplicate, original.State
			original.tell(original.State, original.State, Duplicated{Duplicate: w.ID})
			if _, err := original.finish(ctx); err != nil {
				return err
			}
			return w.u.Schedule(ctx, jobOf(jobLinks, w.ID, w.now))
		})
		return nil
	})
}

// original finds the problem of which this one is a duplicate, or notes why it cannot be.
func (w *work) original(ctx context.Context, id itsm.ID) (*work, error) {
	if id == w.ID {
		w.faults.Add("of", "is the problem itself")
		return nil, nil
	}
	o, err := w.p.begin(ctx, w.u, id)
	if errors.Is(err, itsm.ErrNotFound) {
		w.faults.Add("of", "is not found")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !o.Open {
		// Which keeps duplicates from making a circle: what is one is not open.
		w.faults.Add("of", "is not open; name the problem that is worked on")
		return nil, nil
	}
	return o, o.authorize(ctx, PermissionEdit)
}

// split ends that a problem is a duplicate: it was taken up again.
func (w *work) split() {
	of := w.DuplicateOf
	if of == "" {
		return
	}
	w.DuplicateOf = ""
	w.after = append(w.after, func(ctx context.Context) error {
		_, err := w.u.RemoveLink(ctx, itsm.Link{Type: itsm.LinkDuplicateOf, From: w.Ref(), To: itsm.Ref{Kind: Kind, ID: of}})
		return err
	})
}
