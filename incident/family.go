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

// relatives gives the incidents of which any of some are the relation, each once.
func relatives(ctx context.Context, r storage.Reader, of []itsm.ID, relation itsm.LinkType) ([]itsm.ID, error) {
	var found []itsm.ID
	seen := map[itsm.ID]bool{}
	read := func(where storage.Filter[engine.LinkHead], end func(*engine.LinkHead) itsm.ID) error {
		q := storage.Query[engine.LinkHead]{Where: where, Limit: storage.MaxPage}
		for h, err := range storage.Pages(q, func(q storage.Query[engine.LinkHead]) (storage.Page[engine.LinkHead], error) {
			return engine.LinkTable.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			if id := end(&h); !seen[id] {
				seen[id] = true
				found = append(found, id)
			}
		}
		return nil
	}
	// A link is kept once, in the direction in which it was made.
	for some := range slices.Chunk(of, 100) {
		err := read(storage.AllOf(engine.LinkByFromKind.Is(Kind), engine.LinkByFromID.In(some...), engine.LinkByType.Is(relation),
			engine.LinkByToKind.Is(Kind)), func(h *engine.LinkHead) itsm.ID { return h.ToID })
		if err != nil {
			return nil, err
		}
		err = read(storage.AllOf(engine.LinkByToKind.Is(Kind), engine.LinkByToID.In(some...), engine.LinkByType.Is(relation.Inverse()),
			engine.LinkByFromKind.Is(Kind)), func(h *engine.LinkHead) itsm.ID { return h.FromID })
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
