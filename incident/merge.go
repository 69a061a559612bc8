// This file holds duplicates: how one incident is merged into another with nothing lost, and how what
// was merged is found again.

package incident

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Merging says into which incident a duplicate is merged.
type Merging struct {
	itsm.Command
	// Into is the incident that describes the same and goes on; it must not be closed or cancelled.
	Into itsm.ID `json:"into"`
	// Notes are told to the requester of the duplicate, as those of a [Cancellation] are; empty is
	// "Duplicate".
	Notes string `json:"notes,omitempty"`
}

// notesOfDuplicate is what the requester of a duplicate reads where nobody wrote more.
const notesOfDuplicate = "Duplicate"

// Merge cancels an incident as a duplicate of another, which it takes "incident.cancel" on the one for
// and "incident.edit" on the other. Nothing is lost:
//
//   - The duplicate keeps its notes, events and number, and says where it went
//     ([Body].DuplicateOf); [Practice.MergedTimeline] of the other shows the stories of both, each note to those who
//     may read it where it was written.
//   - Its requester, affected person and watchers become watchers of the other, up to [MaxPeople]; of a
//     restricted duplicate only where the other is restricted too. The same goes for its links to other
//     records, which it keeps as well; what it was held for is a plain relation.
//   - Its children and parents become those of the other, and are no longer its own.
//   - Alerts that went to it go to the other, but not from a restricted one to one that is not.
//   - It has no jobs any more.
//
// It is refused where the other is the incident itself, is below it as a child, or is closed or cancelled:
// what was merged leads to the incident that is worked on ([Practice.Survivor]). A blank Reason of the
// Command is "Duplicate". [Practice.Cancel] with DuplicateOf does the same, where the actor may edit the
// other, and only links them where it may not.
func (p *Practice) Merge(ctx context.Context, actor itsm.Actor, duplicate itsm.ID, r Merging) (Incident, error) {
	return p.command(ctx, actor, duplicate, ActionCancel, r.Command, r, func(ctx context.Context, w *work) error {
		w.Reason = orElse(w.Reason, notesOfDuplicate)
		w.CancelReason = orElse(r.Notes, notesOfDuplicate)
		w.faults.Text("notes", r.Notes, MaxNotes, false)
		w.faults.Key("into", string(r.Into))
		return w.merge(ctx, "into", r.Into, true)
	})
}

// merge cancels the incident as a duplicate of another, which is named by the field of the request. Who
// may not edit that one is refused where it must, and otherwise leaves it as it is.
func (w *work) merge(ctx context.Context, field string, of itsm.ID, must bool) error {
	var original *work
	var estate estate
	if of != "" {
		// Two that become duplicates of each other at once would make a cycle, and so would families.
		if err := w.u.Lock(ctx, lockFamily); err != nil {
			return err
		}
		var err error
		if original, err = w.original(ctx, field, of); err != nil {
			return err
		}
	}
	takes := false
	if original != nil {
		err := w.u.Authorize(ctx, PermissionEdit, original.Was.Subject())
		if err != nil && (must || !isForbidden(err)) {
			return err
		}
		if takes = err == nil; takes {
			if estate, err = w.estate(ctx, field, original); err != nil {
				return err
			}
			if estate.alerts, err = w.holdAlerts(ctx, original); err != nil {
				return err
			}
		}
	}
	if w.Customers > 0 {
		w.faults.Add(field, "gets no incident that customers have; merge the other one into this one, or withdraw it first")
	}
	w.DuplicateOf = of
	if err := w.fire(ctx, ActionCancel, Cancelled{DuplicateOf: of}); err != nil || original == nil {
		return err
	}
	for _, l := range estate.moved {
		w.tell(w.State, w.State, Unlinked{Type: l.Type, To: l.To})
	}
	w.after = append(w.after, func(ctx context.Context) error {
		if _, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkDuplicateOf, From: w.Ref(), To: original.Ref()}); err != nil || !takes {
			return err
		}
		for _, l := range estate.moved {
			if _, err := w.u.RemoveLink(ctx, l); err != nil {
				return err
			}
		}
		for _, l := range estate.taken {
			if _, err := w.u.AddLink(ctx, l); err != nil {
				return err
			}
		}
		return original.takeOver(ctx, w, estate.taken, estate.alerts)
	})
	return nil
}

// estate is what the links of a duplicate come to: those that it loses, and those that its original
// gets, and the alerts that go to the duplicate and will go to the original.
type estate struct {
	moved, taken []itsm.Link
	alerts       []Alert
}

// estate looks at the links of a duplicate, and notes where its family cannot become that of the original.
func (w *work) estate(ctx context.Context, field string, original *work) (estate, error) {
	var e estate
	children, err := relatives(ctx, w.u, []itsm.ID{w.ID}, itsm.LinkParentOf)
	if err != nil {
		return e, err
	}
	below, met, err := generations(ctx, w.u, w.ID, itsm.LinkParentOf, original.ID)
	if err != nil {
		return e, err
	}
	if met {
		w.faults.Add(field, "is a child of this incident, through however many others; merge that one into this one")
		return e, nil
	}
	links, err := engine.Links(ctx, w.u, w.Ref())
	if err != nil {
		return e, err
	}
	theirs, err := engine.Links(ctx, w.u, original.Ref())
	if err != nil {
		return e, err
	}
	take := func(t itsm.LinkType, to itsm.Ref) {
		l := itsm.Link{Type: t, From: original.Ref(), To: to}
		if to != original.Ref() && !slices.Contains(theirs, l) && !slices.Contains(e.taken, l) {
			e.taken = append(e.taken, l)
		}
	}
	above, _, err := generations(ctx, w.u, original.ID, itsm.LinkChildOf, "")
	if err != nil {
		return e, err
	}
	for _, l := range links {
		switch {
		case l.To.Kind == Kind && l.Type == itsm.LinkParentOf:
			e.moved = append(e.moved, l)
			take(l.Type, l.To)
		case l.To.Kind == Kind && l.Type == itsm.LinkChildOf:
			e.moved = append(e.moved, l)
			// A parent that is below the original as it is does not come to stand above it.
			n, met, err := generations(ctx, w.u, l.To.ID, itsm.LinkChildOf, original.ID)
			if err != nil {
				return e, err
			}
			if !met && l.To != original.Ref() {
				take(l.Type, l.To)
				above = max(above, n+1)
			}
		case l.To == original.Ref(), w.Restricted && !original.Restricted:
		case l.Type == itsm.LinkHeldFor:
			take(itsm.LinkRelatedTo, l.To)
		case linkedBy(l.Type) == "":
			take(l.Type, l.To)
		}
	}
	if len(children) > 0 || len(e.moved) > 0 {
		lower, _, err := generations(ctx, w.u, original.ID, itsm.LinkParentOf, "")
		if err != nil {
			return e, err
		}
		if above+1+max(below, lower) > MaxGenerations {
			w.faults.Addf(field, "would have a family of more than %d generations", MaxGenerations)
		}
	}
	return e, nil
}

// split ends that an incident is a duplicate: it was taken up again, as a host's lifecycle may permit.
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

// Survivor gives the incident into which one was merged at last, through however many others, as Get
// does; of one that was not merged it is that one itself. The actor must be allowed to read both; where
// it may not read either it is ErrNotFound.
func (p *Practice) Survivor(ctx context.Context, actor itsm.Actor, id itsm.ID) (Incident, error) {
	var out Incident
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if i.DuplicateOf != "" {
			for i.DuplicateOf != "" { // which ends, as no incident becomes a duplicate of one that is
				if i, err = p.table.Get(ctx, r, i.DuplicateOf); err != nil {
					return notFoundAs(id, err)
				}
			}
			if i, err = p.find(ctx, r, actor, i.ID); err != nil {
				return notFoundAs(id, err)
			}
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &i)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, r, actor, internal, i)
		return err
	})
	return out, err
}

// notFoundAs names the incident that was asked for where one that it leads to is not found: who may not
// read that one does not learn its id.
func notFoundAs(id itsm.ID, err error) error {
	if isNotFound(err) {
		return &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
	}
	return err
}

// MergedTimeline gives the timeline of an incident together with those of all that were merged into it,
// through however many others, in time order. Of each it is what [Practice.Timeline] gives the actor;
// those that the actor may not read are left out. The event's Record, and the note's Subject, is the
// incident that an entry is of.
func (p *Practice) MergedTimeline(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]Entry, error) {
	var out []Entry
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		known := map[itsm.Ref]bool{}
		for level, all := []itsm.ID{id}, []itsm.ID{id}; len(level) > 0; {
			for _, id := range level {
				if id != i.ID {
					if i, err = p.find(ctx, r, actor, id); isNotFound(err) {
						continue
					} else if err != nil {
						return err
					}
				}
				entries, err := p.timeline(ctx, r, actor, &i, known)
				if err != nil {
					return err
				}
				out = append(out, entries...)
			}
			if level, err = relatives(ctx, r, level, itsm.LinkDuplicatedBy); err != nil {
				return err
			}
			level = slices.DeleteFunc(level, func(id itsm.ID) bool { return slices.Contains(all, id) })
			all = append(all, level...)
		}
		sortEntries(out)
		return nil
	})
	return out, err
}
