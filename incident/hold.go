// This file holds waiting: how it begins, goes on for another reason, and ends.

package incident

import (
	"context"
	"errors"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Hold says why an incident waits, for what and until when.
type Hold struct {
	itsm.Command
	// HoldReason is one of the hold reasons of the [Options]. The Reason of the Command is
	// free text for the audit trail.
	HoldReason HoldReason `json:"hold_reason"`
	// Until resumes it at that time; zero waits without end.
	Until time.Time `json:"until,omitzero"`
	// Note is written on it. Visibility is who may read the note: empty is public where the
	// reason needs a note, and internal elsewhere.
	Note       string          `json:"note,omitempty"`
	Visibility itsm.Visibility `json:"visibility,omitempty"`
	// Link is the record that it waits for: a problem, a change, a supplier's case.
	Link *itsm.Ref `json:"link,omitempty"`
}

// Hold lets an incident wait. What the reason needs is in its [HoldRule].
func (p *Practice) Hold(ctx context.Context, actor itsm.Actor, id itsm.ID, r Hold) (Incident, error) {
	return p.command(ctx, actor, id, ActionHold, r.Command, r, func(ctx context.Context, w *work) error {
		if err := w.hold(ctx, ActionHold, r); err != nil {
			return err
		}
		return w.move(Held{HoldReason: r.HoldReason, Until: w.HoldUntil, Link: w.HoldLink, Note: w.HoldNote})
	})
}

// ChangeHoldReason lets an incident that waits wait on for another reason.
func (p *Practice) ChangeHoldReason(ctx context.Context, actor itsm.Actor, id itsm.ID, r Hold) (Incident, error) {
	return p.command(ctx, actor, id, ActionChangeHoldReason, r.Command, r, func(ctx context.Context, w *work) error {
		if r.HoldReason != "" && r.HoldReason == w.Was.HoldReason {
			w.faults.Add("hold_reason", "must differ from what it is now")
		}
		if err := w.hold(ctx, ActionChangeHoldReason, r); err != nil {
			return err
		}
		return w.move(HoldReasonChanged{From: w.Was.HoldReason, HoldReason: r.HoldReason, Until: w.HoldUntil, Link: w.HoldLink, Note: w.HoldNote})
	})
}

// hold applies and checks a hold, and writes its note.
func (w *work) hold(ctx context.Context, a Action, r Hold) (err error) {
	rule, known := w.p.holdRule(r.HoldReason)
	if r.HoldReason != "" && !known {
		w.faults.Addf("hold_reason", "must be one of: %s", list(w.p.holdReasons()))
	}
	if r.Visibility == "" && rule.NeedsNote {
		r.Visibility = itsm.VisibilityPublic
	}
	w.write(r.Note, r.Visibility)
	if err := w.waitFor(ctx, r.HoldReason, r.Until, r.Link); err != nil {
		return err
	}
	if err := w.check(ctx, a); err != nil {
		return err
	}
	w.HoldNote, err = w.say(ctx)
	return err
}

// waitFor applies what an incident waits for.
func (w *work) waitFor(ctx context.Context, reason HoldReason, until time.Time, link *itsm.Ref) error {
	w.HoldReason, w.HoldUntil, w.HoldLink, w.HoldNote = reason, storage.Instant(until), nil, ""
	if !w.HoldUntil.IsZero() && !w.HoldUntil.After(w.now) {
		w.faults.Add("until", "must be after now")
	}
	if link == nil {
		return nil
	}
	ref := *link
	w.HoldLink = &ref
	return w.checkRef(ctx, "link", ref)
}

func (p *Practice) holdReasons() []HoldReason {
	names := make([]HoldReason, len(p.o.HoldReasons))
	for i, r := range p.o.HoldReasons {
		names[i] = r.Reason
	}
	return names
}

// putHoldLink links the incident to what it waits for now, and turns the link to what it
// waited for into a plain relation.
func (w *work) putHoldLink(ctx context.Context) error {
	was, now := w.Was.HoldLink, w.HoldLink
	if was != nil && (now == nil || *was != *now) {
		removed, err := w.u.RemoveLink(ctx, itsm.Link{Type: itsm.LinkHeldFor, From: w.Ref(), To: *was})
		if err != nil {
			return err
		}
		if removed {
			links, err := engine.Links(ctx, w.u, w.Ref())
			if err != nil {
				return err
			}
			related := false
			for _, l := range links {
				related = related || l.To == *was
			}
			if !related {
				if _, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkRelatedTo, From: w.Ref(), To: *was}); err != nil {
					return err
				}
			}
		}
	}
	if now != nil && (was == nil || *was != *now) {
		_, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkHeldFor, From: w.Ref(), To: *now})
		return err
	}
	return nil
}

// Resume ends the wait: the incident goes back to the state before it.
func (p *Practice) Resume(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Incident, error) {
	return p.command(ctx, actor, id, ActionResume, r, r, func(ctx context.Context, w *work) error {
		return w.resume(ctx, ResumedByPerson)
	})
}

func (w *work) resume(ctx context.Context, by ResumedBy) error {
	return w.fire(ctx, ActionResume, Resumed{HoldReason: w.HoldReason, By: by})
}

// LinkedDone says that a record is finished. An incident that waits for it, for a reason that a
// finished link ends, resumes; any other stays as it is. It asks for "incident.resume".
func (p *Practice) LinkedDone(ctx context.Context, actor itsm.Actor, id itsm.ID, ref itsm.Ref) (Incident, error) {
	return p.command(ctx, actor, id, ActionResume, itsm.Command{}, ref, func(ctx context.Context, w *work) error {
		rule, _ := p.holdRule(w.HoldReason)
		if !p.o.Lifecycle.Has(w.State, ActionResume) || !rule.LinkResumes || w.HoldLink == nil || *w.HoldLink != ref {
			return nil
		}
		return w.resume(ctx, ResumedByLink)
	})
}

// resumeDue is the job that ends a wait at its time, whatever its reason.
func (p *Practice) resumeDue(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionResume, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		_, resumes := p.dueOf(&w.Incident)
		if resumes.IsZero() || !p.o.Lifecycle.Has(w.State, ActionResume) {
			return nil // what it was for has passed, or the host resumes otherwise
		}
		return w.resume(ctx, ResumedByUntil)
	})
	return ifThere(err)
}

// ifThere takes a record that is gone for nothing left to do.
func ifThere(err error) error {
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	return err
}

// Reply is what a requester writes.
type Reply struct {
	itsm.Command
	Text string `json:"text"`
}

// Reply adds a public note of the requester or the affected person, or one that a system actor,
// such as a mail gateway, brings from them: the event is [ReplyReceived]. An incident that waits
// for the requester, and no other, resumes. A resolved one stays resolved, unless the [Options]
// reopen it: its event alerts. Where the lifecycle refuses to resume or to reopen, the reply is
// kept and nothing else happens.
//
// By anyone else it is a public note, told by [Noted], and the incident stays where it is.
func (p *Practice) Reply(ctx context.Context, actor itsm.Actor, id itsm.ID, r Reply) (Incident, error) {
	return p.command(ctx, actor, id, ActionReply, r.Command, r, func(ctx context.Context, w *work) error {
		w.require("text", r.Text)
		w.Note, w.Public = r.Text, true
		if err := w.check(ctx, ActionReply); err != nil {
			return err
		}
		answered := w.FirstResponse
		note, err := w.say(ctx)
		if err != nil {
			return err
		}
		if !actor.System && actor.ID != w.Requester && actor.ID != w.Affected {
			return w.noted(note, "")
		}
		w.FirstResponse = answered // whoever brings the requester's words responds to nothing
		if !w.RemindFrom.IsZero() {
			w.Reminders, w.RemindFrom = 0, w.now // who has written is not reminded as if silent
		}
		if err := w.move(ReplyReceived{Note: note}); err != nil {
			return err
		}
		rule, _ := p.holdRule(w.HoldReason)
		switch {
		case w.category(w.State) == itsm.CategoryWaiting && rule.ReplyResumes && p.o.Lifecycle.Has(w.State, ActionResume):
			return w.ifPermitted(func() error { return w.resume(ctx, ResumedByReply) })
		case w.category(w.State) == itsm.CategoryResolved && p.o.ReopenOnReply:
			return w.ifPermitted(func() error { return w.fire(ctx, ActionReopen, Reopened{Count: w.Reopens + 1}) })
		}
		return nil
	})
}

// ifPermitted takes a further action of a command. Where the state, a guard or a needed field
// refuses it, the command stands as if it had not been tried.
func (w *work) ifPermitted(take func() error) error {
	was, events, after := w.Incident, w.events, w.after
	err := take()
	if refusedByState(err) || errors.Is(err, itsm.ErrInvalid) {
		w.Incident, w.events, w.after, w.faults = was, events, after, itsm.Faults{}
		return nil
	}
	return err
}
