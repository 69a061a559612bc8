// This file holds what keeps incidents that are parents and children of each other a family: no one
// is above oneself, and it has an end.

package incident

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxGenerations is the greatest number of generations of incidents that are parents and children:
// from one that has no parent, itself counted, to one that has no child.
const MaxGenerations = 10

// lockFamily is the lock of all that relates incidents of a tenant as family or as duplicates.
const lockFamily = "incident_family"

// checkFamily notes a relation by which an incident would be above itself, or a family would have
// too many generations.
func (w *work) checkFamily(ctx context.Context, r Relation) error {
	// A cycle may be made by several commands, each about other records: only one lock for all keeps
	// them from making one together.
	if err := w.u.Lock(ctx, lockFamily); err != nil {
		return err
	}
	other, err := w.p.table.Get(ctx, w.u, r.To.ID)
	if err != nil {
		return err
	}
	if w.DuplicateOf != "" || other.DuplicateOf != "" {
		w.faults.Add("to", "would relate an incident that was merged into another; relate that one")
		return nil
	}
	child, parent := w.ID, r.To.ID
	if r.Type == itsm.LinkParentOf {
		child, parent = parent, child
	}
	above, cyclic, err := generations(ctx, w.u, parent, itsm.LinkChildOf, child)
	if err != nil {
		return err
	}
	if cyclic {
		w.faults.Addf("to", "would be %s and %s this incident, through however many others; no incident is above itself", r.Type, r.Type.Inverse())
		return nil
	}
	below, _, err := generations(ctx, w.u, child, itsm.LinkParentOf, "")
	if err != nil {
		return err
	}
	if n := above + 1 + 1 + below; n > MaxGenerations {
		w.faults.Addf("to", "would make a family of more than %d generations", MaxGenerations)
	}
	return nil
}

// generations walks from an incident to its parents (itsm.LinkChildOf) or its children
// (itsm.LinkParentOf), and to theirs. It gives how many generations there are, and stops at more than
// there may be or where it meets the wanted one.
func generations(ctx context.Context, r storage.Reader, from itsm.ID, relation itsm.LinkType, wanted itsm.ID) (n int, met bool, err error) {
	level := []itsm.ID{from}
	for n <= MaxGenerations {
		if level, err = relatives(ctx, r, level, relation); err != nil || len(level) == 0 {
			return n, false, err
		}
		n++
		if slices.Contains(level, wanted) {
			return n, true, nil
		}
	}
	return n, false, nil
}

// relativesWhere are the filters of the links that tell of a relation of some incidents. A link is kept
// once, in the direction in which it was made, so there are two; no link is in both.
func relativesWhere(of []itsm.ID, relation itsm.LinkType) [2]storage.Filter[engine.LinkHead] {
	return [2]storage.Filter[engine.LinkHead]{
		storage.AllOf(engine.LinkByFromKind.Is(Kind), engine.LinkByFromID.In(of...), engine.LinkByType.Is(relation), engine.LinkByToKind.Is(Kind)),
		storage.AllOf(engine.LinkByToKind.Is(Kind), engine.LinkByToID.In(of...), engine.LinkByType.Is(relation.Inverse()), engine.LinkByFromKind.Is(Kind)),
	}
}

// farEnd is the relative that a link of the direction names.
func farEnd(h *engine.LinkHead, direction int) itsm.ID {
	if direction == 0 {
		return h.ToID
	}
	return h.FromID
}

// relatives gives the incidents of which any of some are the relation, each once.
func relatives(ctx context.Context, r storage.Reader, of []itsm.ID, relation itsm.LinkType) ([]itsm.ID, error) {
	var found []itsm.ID
	seen := map[itsm.ID]bool{}
	for some := range slices.Chunk(of, 100) {
		for direction, where := range relativesWhere(some, relation) {
			q := storage.Query[engine.LinkHead]{Where: where, Limit: storage.MaxPage}
			for h, err := range storage.Pages(q, func(q storage.Query[engine.LinkHead]) (storage.Page[engine.LinkHead], error) {
				return engine.LinkTable.List(ctx, r, q)
			}) {
				if err != nil {
					return nil, err
				}
				if id := farEnd(&h, direction); !seen[id] {
					seen[id] = true
					found = append(found, id)
				}
			}
		}
	}
	return found, nil
}

// hasRelatives says whether an incident is the relation of any.
func hasRelatives(ctx context.Context, r storage.Reader, of itsm.ID, relation itsm.LinkType) (bool, error) {
	for _, where := range relativesWhere([]itsm.ID{of}, relation) {
		page, err := engine.LinkTable.List(ctx, r, storage.Query[engine.LinkHead]{Where: where, Limit: 1})
		if err != nil || len(page.Items) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// countRelatives counts the incidents of which one is the relation.
func countRelatives(ctx context.Context, r storage.Reader, of itsm.ID, relation itsm.LinkType) (int64, error) {
	var all int64
	for _, where := range relativesWhere([]itsm.ID{of}, relation) {
		n, err := engine.LinkTable.Count(ctx, r, where)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// relativesLeft is where a walk through the relatives of an incident goes on.
type relativesLeft struct {
	Direction int            `json:"direction,omitempty"`
	After     storage.Cursor `json:"after,omitempty"`
}

// someRelatives gives at most some of the incidents of which one is the relation, from where the walk
// before ended; nil begins it, and is left at its end.
func someRelatives(ctx context.Context, r storage.Reader, of itsm.ID, relation itsm.LinkType, from *relativesLeft, limit int) ([]itsm.ID, *relativesLeft, error) {
	left := relativesLeft{}
	if from != nil {
		left = *from
	}
	var found []itsm.ID
	for direction, where := range relativesWhere([]itsm.ID{of}, relation) {
		if direction < left.Direction {
			continue
		}
		if direction > left.Direction {
			left = relativesLeft{Direction: direction}
		}
		if len(found) == limit {
			return found, &left, nil
		}
		page, err := engine.LinkTable.List(ctx, r, storage.Query[engine.LinkHead]{Where: where, After: left.After, Limit: limit - len(found)})
		if err != nil {
			return nil, nil, err
		}
		for n := range page.Items {
			found = append(found, farEnd(&page.Items[n], direction))
		}
		if page.Next != "" {
			left.After = page.Next
			return found, &left, nil
		}
	}
	return found, nil, nil
}
