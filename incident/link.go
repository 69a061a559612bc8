// This file holds links between an incident and other records.

package incident

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Relation links an incident to another record: the incident is Type To.
type Relation struct {
	itsm.Command
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// Link links an incident to another record of the tenant, of which the actor must be allowed to
// know. A link that is there already stays as it is. The link is seen from both records; the
// event is this one's.
func (p *Practice) Link(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Incident, error) {
	return p.command(ctx, actor, id, ActionLink, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Key("type", string(r.Type))
		if err := w.checkRef(ctx, "to", r.To); err != nil {
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
func (p *Practice) Unlink(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Incident, error) {
	return p.command(ctx, actor, id, ActionUnlink, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Key("type", string(r.Type))
		if err := w.checkRef(ctx, "to", r.To); err != nil {
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

// Links gives the links of an incident, read from its side, to records of which the actor may
// know.
func (p *Practice) Links(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Link, error) {
	var out []itsm.Link
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &i)
		if err != nil {
			return err
		}
		links, err := engine.Links(ctx, r, i.Ref())
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
