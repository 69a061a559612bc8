// This file holds the ends: resolved, reopened, closed, cancelled.

package incident

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// Resolution says how an incident was resolved.
type Resolution struct {
	itsm.Command
	// Code is one of those of the [Options]; Notes are told to the requester.
	Code  Code   `json:"code"`
	Notes string `json:"notes"`
}

// Resolve ends the work on an incident: its service works, if only by a workaround. It is
// closed by itself after the time that the [Options] say.
func (p *Practice) Resolve(ctx context.Context, actor itsm.Actor, id itsm.ID, r Resolution) (Incident, error) {
	return p.command(ctx, actor, id, ActionResolve, r.Command, r, func(ctx context.Context, w *work) error {
		if r.Code != "" && !slices.Contains(p.o.Codes, r.Code) {
			w.faults.Addf("code", "must be one of: %s", list(p.o.Codes))
		}
		return w.resolve(ctx, Resolved{Code: r.Code}, r.Notes)
	})
}

func (w *work) resolve(ctx context.Context, told Resolved, notes string) error {
	w.faults.Text("notes", notes, MaxNotes, false)
	w.Resolution = Outcome{Code: told.Code, Notes: notes, By: w.actor.ID}
	w.ResolvedAt = w.now
	return w.fire(ctx, ActionResolve, told)
}

// Reopening says why an incident is not resolved after all.
type Reopening struct {
	itsm.Command
	// Note is written on it, for its requester to read too.
	Note string `json:"note,omitempty"`
}

// Reopen takes up a resolved incident again, within the window of the [Options], and counts it.
func (p *Practice) Reopen(ctx context.Context, actor itsm.Actor, id itsm.ID, r Reopening) (Incident, error) {
	return p.command(ctx, actor, id, ActionReopen, r.Command, r, func(ctx context.Context, w *work) error {
		w.write(r.Note, itsm.VisibilityPublic)
		if err := w.check(ctx, ActionReopen); err != nil {
			return err
		}
		note, err := w.say(ctx)
		if err != nil {
			return err
		}
		return w.move(Reopened{Count: w.Reopens + 1, Note: note})
	})
}

// Confirm closes a resolved incident: its requester agrees.
func (p *Practice) Confirm(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Incident, error) {
	return p.command(ctx, actor, id, ActionConfirm, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionConfirm, Closed{})
	})
}

// autoClose is the job that closes a resolved incident when its time has passed. What keeps it open for
// now, such as a review that is due, has it tried again.
func (p *Practice) autoClose(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionAutoClose, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		closes, _ := p.dueOf(&w.Incident)
		switch {
		case closes.IsZero() || !p.o.Lifecycle.Has(w.State, ActionAutoClose):
			return nil // what it was for has passed, or the host closes otherwise
		case closes.After(u.Now()):
			return u.Schedule(ctx, jobOf(jobAutoClose, id, closes)) // the host has lengthened the time
		}
		return w.fire(ctx, ActionAutoClose, Closed{Auto: true})
	})
	return ifThere(err)
}

// Cancellation ends an incident that needs no resolution. The Reason of its Command is required; it is
// for the audit trail, and internal.
type Cancellation struct {
	itsm.Command
	// Notes are told to the requester: why, in words that are meant for them. They become
	// [Body].CancelReason.
	Notes string `json:"notes,omitempty"`
	// DuplicateOf is the incident that describes the same; it must not be closed or cancelled.
	// The two are linked. Where the actor may edit it, this one is merged into it, as
	// [Practice.Merge] does.
	DuplicateOf itsm.ID `json:"duplicate_of,omitempty"`
}

// Cancel ends an incident that is void, was withdrawn or is a duplicate.
func (p *Practice) Cancel(ctx context.Context, actor itsm.Actor, id itsm.ID, r Cancellation) (Incident, error) {
	return p.command(ctx, actor, id, ActionCancel, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("notes", r.Notes, MaxNotes, false)
		w.CancelReason = r.Notes
		if r.DuplicateOf == "" {
			return w.fire(ctx, ActionCancel, Cancelled{})
		}
		w.CancelReason = orElse(r.Notes, notesOfDuplicate)
		return w.merge(ctx, "duplicate_of", r.DuplicateOf, false)
	})
}

// original finds the incident of which this one is a duplicate, or notes why it cannot be.
func (w *work) original(ctx context.Context, field string, id itsm.ID) (*work, error) {
	if id == w.ID {
		w.faults.Add(field, "is the incident itself")
		return nil, nil
	}
	i, err := w.p.find(ctx, w.u, w.actor, id)
	if errors.Is(err, itsm.ErrNotFound) {
		w.faults.Add(field, "is not found")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if w.category(i.State) == itsm.CategoryCancelled {
		w.faults.Add(field, "is cancelled itself; name the incident that is worked on")
		return nil, nil
	}
	if w.category(i.State).Final() {
		w.faults.Add(field, "is closed")
		return nil, nil
	}
	o := w.p.workOn(w.u, i)
	o.Was = i
	return o, nil
}

// takeOver moves the watchers and the alerts of a duplicate to its original, and tells it of the duplicate and of the
// links that come with it.
func (w *work) takeOver(ctx context.Context, duplicate *work, links []itsm.Link, alerts []Alert) error {
	var people []itsm.ID
	if !duplicate.Restricted || w.Restricted { // who has to do with a restricted incident is not for others to read
		people = append([]itsm.ID{duplicate.Requester, duplicate.Affected}, duplicate.Watchers...)
	}
	followers := append([]itsm.ID{}, w.Watchers...)
	for _, person := range people {
		if len(followers) >= MaxPeople {
			break
		}
		if person != "" && person != w.Requester && person != w.Affected && !slices.Contains(followers, person) {
			followers = append(followers, person)
		}
	}
	if len(followers) > 0 {
		w.Watchers = followers
	}
	var tags []string
	if !duplicate.Restricted || w.Restricted {
		tags = w.adoptTags(duplicate.Tags)
	}
	if duplicate.Provided {
		w.Provided = true
		if err := w.adopt(ctx, duplicate); err != nil {
			return err
		}
	}
	if err := w.takeAlerts(ctx, alerts); err != nil {
		return err
	}
	w.action, w.to = ActionCancel, w.State
	w.tell(w.State, w.State, Duplicated{Duplicate: duplicate.ID})
	for _, l := range links {
		w.tell(w.State, w.State, Linked{Type: l.Type, To: l.To})
	}
	if len(tags) > 0 {
		w.tell(w.State, w.State, TagsAdded{Tags: tags})
	}
	_, err := w.finish(ctx)
	return err
}
