// This file holds links between a problem and other records, and how those of a duplicate become those of
// the other problem.

package problem

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Relation links a problem to another record: the problem is Type To.
type Relation struct {
	itsm.Command
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// Link links a problem to another record of the tenant, of which the actor must be allowed to know. A link
// that is there already stays as it is. The link is seen from both records; the event is this one's. An
// incident that the problem causes is linked by [itsm.LinkCauses], a CI that it is about by
// [itsm.LinkAffects]. What waits for it, duplicates and known errors are linked by commands of their own.
func (p *Practice) Link(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Problem, error) {
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

// Unlink takes a link away. One that is not there, or to a record of which the actor may not know, is a
// fault.
func (p *Practice) Unlink(ctx context.Context, actor itsm.Actor, id itsm.ID, r Relation) (Problem, error) {
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

// linkedBy names the command that makes and ends the links of a type; it is empty where these are made by
// hand.
func linkedBy(t itsm.LinkType) string {
	switch t {
	case itsm.LinkHeldFor, itsm.LinkHolds:
		return "Hold of the record that waits"
	case itsm.LinkDuplicateOf, itsm.LinkDuplicatedBy:
		return "MarkDuplicate"
	}
	return ""
}

// checkRelation notes a relation that is not to be made or ended by hand.
func (w *work) checkRelation(ctx context.Context, r Relation) error {
	w.faults.Key("type", string(r.Type))
	if by := linkedBy(r.Type); by != "" {
		w.faults.Addf("type", "%s is set by the command %s alone", r.Type, by)
	}
	return w.checkRef(ctx, "to", r.To)
}

// Links gives the links of a problem, read from its side, to records of which the actor may know. It reads
// them all: [Practice.LinkPage] gives some at a time.
func (p *Practice) Links(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Link, error) {
	var out []itsm.Link
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		found, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &found)
		if err != nil {
			return err
		}
		links, err := engine.Links(ctx, r, found.Ref())
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

// LinksLeft is where a walk through the links of a record goes on. The zero value begins it.
type LinksLeft struct {
	Direction int            `json:"direction,omitempty"`
	After     storage.Cursor `json:"after,omitempty"`
}

// LinkPage gives at most limit of the links of a record of any kind, read from its side, from where the
// walk before ended, and where it goes on; nil is its end. It asks for no permission: it is for jobs that
// do something about many records, some at a time.
func LinkPage(ctx context.Context, r storage.Reader, of itsm.Ref, from LinksLeft, limit int) ([]itsm.Link, *LinksLeft, error) {
	var links []itsm.Link
	for direction, where := range [...]storage.Filter[engine.LinkHead]{
		storage.AllOf(engine.LinkByFromKind.Is(of.Kind), engine.LinkByFromID.Is(of.ID)),
		storage.AllOf(engine.LinkByToKind.Is(of.Kind), engine.LinkByToID.Is(of.ID)),
	} {
		if direction < from.Direction {
			continue
		}
		if direction > from.Direction {
			from = LinksLeft{Direction: direction}
		}
		if len(links) >= limit {
			return links, &from, nil
		}
		page, err := engine.LinkTable.List(ctx, r, storage.Query[engine.LinkHead]{Where: where, After: from.After, Limit: limit - len(links)})
		if err != nil {
			return nil, nil, err
		}
		for n := range page.Items {
			l := page.Items[n].Link()
			if direction == 1 {
				l = l.Inverse()
			}
			links = append(links, l)
		}
		if page.Next != "" {
			from.After = page.Next
			return links, &from, nil
		}
	}
	return links, nil, nil
}

// linksAtOnce is how many links one job moves before it makes way for others.
const linksAtOnce = 100

// moveLinks is the job that makes the links of a duplicate those of its original, some at a time. Those by
// which records wait for it stay, and so do those to its own duplicates: who follows the fix of the
// original comes to them by its duplicates.
func (p *Practice) moveLinks(ctx context.Context, u *engine.Unit, due engine.Due, from LinksLeft) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionMoveLinks, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		if w.DuplicateOf == "" {
			return nil // it was taken up again
		}
		to := itsm.Ref{Kind: Kind, ID: w.DuplicateOf}
		original, err := p.table.Get(ctx, w.u, to.ID)
		if err != nil {
			return ifThere(err)
		}
		if w.Restricted && !original.Restricted {
			return nil
		}
		links, left, err := LinkPage(ctx, w.u, w.Ref(), from, linksAtOnce)
		if err != nil {
			return err
		}
		moved := 0
		for _, l := range links {
			if linkedBy(l.Type) != "" || l.To == to || l.To.Kind == KindKnownError {
				continue
			}
			if _, err := w.u.RemoveLink(ctx, l); err != nil {
				return err
			}
			if _, err := w.u.AddLink(ctx, itsm.Link{Type: l.Type, From: to, To: l.To}); err != nil {
				return err
			}
			moved++
		}
		if left != nil {
			next := jobOf(jobLinks, id, w.now)
			next.Payload = *left
			if err := w.u.Schedule(ctx, next); err != nil {
				return err
			}
		}
		if moved > 0 {
			w.action = ActionMoveLinks
			w.tell(w.State, w.State, LinksMoved{To: to.ID, Count: moved})
		}
		return nil
	})
	return ifThere(err)
}
