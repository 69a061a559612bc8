// This file holds what is written about a change and to what it is linked: notes, links, restriction.

package change

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Note is what someone writes on a change.
type Note struct {
	itsm.Command
	Text string `json:"text"`
	// Visibility is who may read it; empty is internal.
	Visibility itsm.Visibility `json:"visibility,omitempty"`
}

// Note adds a note, in any state.
func (p *Practice) Note(ctx context.Context, actor itsm.Actor, id itsm.ID, r Note) (Change, error) {
	return p.command(ctx, actor, id, ActionNote, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("text", r.Text, itsm.MaxNote, true)
		visibility := orElse(r.Visibility, itsm.VisibilityInternal)
		if visibility != itsm.VisibilityInternal && visibility != itsm.VisibilityPublic {
			w.faults.Addf("visibility", "must be %q or %q", itsm.VisibilityPublic, itsm.VisibilityInternal)
		}
		if err := w.check(ctx, ActionNote); err != nil {
			return err
		}
		note, err := w.u.AddNote(ctx, w.Ref(), itsm.Note{Visibility: visibility, Text: r.Text})
		if err != nil {
			return err
		}
		return w.move(Noted{Note: note, Visibility: visibility})
	})
}

// Notes gives a page of the notes that the actor may read, oldest first; after is the Next of
// the page before. Those who may not read what is internal get the public ones.
func (p *Practice) Notes(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[engine.NoteRecord], error) {
	var page storage.Page[engine.NoteRecord]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		c, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &c)
		if err != nil {
			return err
		}
		page, err = engine.Notes(ctx, r, c.Ref(), internal, after, limit)
		return err
	})
	return page, err
}

// Relation links a change to another record: the change is Type To.
type Relation struct {
	itsm.Command
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// Link links a change to another record of the tenant, of which the actor must be allowed to
// know. A link that is there already stays as it is. What the change is about and what it is made for are set by
// [Practice.Edit] alone.
func (p *Practice) Link(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Change, error) {
	return p.command(ctx, actor, id, ActionLink, r.Command, r, func(ctx context.Context, w *work) error {
		if err := w.checkRelation(ctx, r); err != nil {
			return err
		}
		if err := w.check(ctx, ActionLink); err != nil {
			return err
		}
		added, err := w.u.AddLink(ctx, itsm.Link{Type: r.Type, From: w.Ref(), To: r.To})
		if err != nil || !added {
			return err
		}
		return w.move(Linked{Type: r.Type, To: r.To})
	})
}

// Unlink takes a link away. One that is not there, or to a record of which the actor may not
// know, is a fault.
func (p *Practice) Unlink(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Change, error) {
	return p.command(ctx, actor, id, ActionUnlink, r.Command, r, func(ctx context.Context, w *work) error {
		if err := w.checkRelation(ctx, r); err != nil {
			return err
		}
		if err := w.check(ctx, ActionUnlink); err != nil {
			return err
		}
		removed, err := w.u.RemoveLink(ctx, itsm.Link{Type: r.Type, From: w.Ref(), To: r.To})
		if err != nil {
			return err
		}
		if !removed {
			return itsm.Invalid(Kind, "to", "is not found")
		}
		return w.move(Unlinked{Type: r.Type, To: r.To})
	})
}

// checkRelation notes a relation that is not to be made or ended by hand.
func (w *work) checkRelation(ctx context.Context, r Relation) error {
	w.faults.Key("type", string(r.Type))
	by := ""
	switch r.Type {
	case itsm.LinkAffects:
		if r.To.Kind == KindCI {
			by = "the configuration items of the command Edit"
		}
	case itsm.LinkResolves:
		by = "the field For of the command Edit"
	case itsm.LinkCauses:
		by = "the incident"
	case itsm.LinkHolds, itsm.LinkHeldFor:
		by = "what waits for the change"
	}
	if by != "" {
		w.faults.Addf("type", "%s is set by %s alone", r.Type, by)
	}
	return w.checkRef(ctx, "to", r.To)
}

// Links gives the links of a change, read from its side, to records of which the actor may
// know.
func (p *Practice) Links(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Link, error) {
	var out []itsm.Link
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		c, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &c)
		if err != nil {
			return err
		}
		links, err := engine.Links(ctx, r, c.Ref())
		if err != nil {
			return err
		}
		for _, l := range links {
			may, err := p.mayKnow(ctx, r, actor, internal, l.To)
			if err != nil {
				return err
			}
			if may {
				out = append(out, l)
			}
		}
		return nil
	})
	return out, err
}

// Restrict keeps a change from all but its requester, its group and assignee, and those with "change.see_restricted".
func (p *Practice) Restrict(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionRestrict, r, r, func(ctx context.Context, w *work) error {
		w.Restricted = true
		return w.fire(ctx, ActionRestrict, Restricted{})
	})
}

// Unrestrict opens a change to all who may read changes.
func (p *Practice) Unrestrict(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionUnrestrict, r, r, func(ctx context.Context, w *work) error {
		w.Restricted = false
		return w.fire(ctx, ActionUnrestrict, Unrestricted{})
	})
}
