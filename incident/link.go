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
//
// A parent acts on its children, so [itsm.LinkChildOf] and [itsm.LinkParentOf] between incidents
// take "incident.edit" on both. No incident is above itself, through however many others, none that was
// merged into another is part of a family, and a family has at most [MaxGenerations]. What waits,
// duplicates and follow-ups are linked by commands of their own: Hold, Cancel and FollowUp.
func (p *Practice) Link(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Incident, error) {
	return p.command(ctx, actor, id, ActionLink, r.Command, r, func(ctx context.Context, w *work) error {
		right, err := w.checkRelation(ctx, r)
		if err != nil {
			return err
		}
		if right && r.isFamily() {
			if err := w.checkFamily(ctx, r); err != nil {
				return err
			}
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
// know, is a fault. It asks for what [Practice.Link] asks for.
func (p *Practice) Unlink(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Incident, error) {
	return p.command(ctx, actor, id, ActionUnlink, r.Command, r, func(ctx context.Context, w *work) error {
		if _, err := w.checkRelation(ctx, r); err != nil {
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

// linkedBy names the command that makes and ends the links of a type; it is empty where these are
// made by hand.
func linkedBy(t itsm.LinkType) string {
	switch t {
	case itsm.LinkHeldFor, itsm.LinkHolds:
		return "Hold or ChangeHoldReason"
	case itsm.LinkDuplicateOf, itsm.LinkDuplicatedBy:
		return "Cancel"
	case itsm.LinkFollowUpOf, itsm.LinkFollowedUpBy:
		return "FollowUp"
	}
	return ""
}

// isFamily says whether a relation makes one incident the parent of another.
func (r Relation) isFamily() bool {
	return r.To.Kind == Kind && (r.Type == itsm.LinkChildOf || r.Type == itsm.LinkParentOf)
}

// checkRelation notes a relation that is not to be made or ended by hand, and asks for what it
// takes on its other side. right says that there was nothing to note.
func (w *work) checkRelation(ctx context.Context, r Relation) (right bool, err error) {
	before := len(w.faults.List())
	w.faults.Key("type", string(r.Type))
	if by := linkedBy(r.Type); by != "" {
		w.faults.Addf("type", "%s is set by the command %s alone", r.Type, by)
	}
	if err := w.checkRef(ctx, "to", r.To); err != nil {
		return false, err
	}
	right = len(w.faults.List()) == before
	if !right || !r.isFamily() {
		return right, nil
	}
	other, err := w.p.find(ctx, w.u, w.actor, r.To.ID)
	if err != nil {
		return false, err
	}
	if other.Provided { // whose provider is told how many are affected
		w.after = append(w.after, func(ctx context.Context) error { return w.u.Schedule(ctx, jobOf(jobFacts, other.ID, w.now)) })
	}
	return true, w.u.Authorize(ctx, PermissionEdit, other.Subject())
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
