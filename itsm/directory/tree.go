// This file holds what keeps organisations, sites and groups trees: no one is above itself, and none
// is deeper than others can follow.

package directory

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxDepth is the greatest number of levels of a tree of organisations, sites or groups.
const MaxDepth = 10

// tree is how the records of a kind stand above each other.
type tree struct {
	kind   string
	parent func(ctx context.Context, r storage.Reader, id itsm.ID) (itsm.ID, error)
	// below gives the ids of the records directly below any of these.
	below func(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]itsm.ID, error)
}

func treeOf[R, H, B any](t storage.Table[R, H, B], byParent storage.Column[H, itsm.ID], parent func(*R) itsm.ID) tree {
	return tree{
		kind: t.Name(),
		parent: func(ctx context.Context, r storage.Reader, id itsm.ID) (itsm.ID, error) {
			rec, err := t.Get(ctx, r, id)
			return parent(&rec), err
		},
		below: func(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]itsm.ID, error) {
			heads, err := headsOf(ctx, r, t, byParent, ids)
			below := make([]itsm.ID, len(heads))
			for i := range heads {
				id, _ := t.ByID().Of(&heads[i])
				below[i] = id
			}
			return below, err
		},
	}
}

// check notes a parent that is not there, under which the record would be above itself, or the tree
// too deep. The tree is held still until the end of the unit, as two moves that are right by
// themselves may be wrong together. A new record has no id yet.
func (t tree) check(ctx context.Context, u *engine.Unit, f *itsm.Faults, id, was, parent itsm.ID) error {
	if parent == was || parent == "" {
		return nil
	}
	before := len(f.List())
	if f.Key("parent", string(parent)); len(f.List()) > before {
		return nil
	}
	if err := u.Lock(ctx, "directory_tree/"+t.kind); err != nil {
		return err
	}
	depth := 1 // of the record
	for above := parent; above != ""; depth++ {
		if above == id {
			f.Add("parent", "is the record itself or below it")
			return nil
		}
		if depth == MaxDepth {
			return t.deep(f)
		}
		next, err := t.parent(ctx, u, above)
		switch {
		case errors.Is(err, storage.ErrNotFound) && above == parent:
			f.Add("parent", "is not found")
			return nil
		case err != nil:
			return err
		}
		above = next
	}
	if id == "" {
		return nil
	}
	for level := []itsm.ID{id}; ; depth++ {
		below, err := t.below(ctx, u, level)
		if err != nil || len(below) == 0 {
			return err
		}
		if depth == MaxDepth {
			return t.deep(f)
		}
		level = below
	}
}

func (t tree) deep(f *itsm.Faults) error {
	f.Addf("parent", "would make a tree of more than %d levels", MaxDepth)
	return nil
}
