// This file holds CIs that an observation found to be one: what is kept of them until people decide.

package cmdb

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// KindDuplicate is the kind of record that a pair of CIs is which may be one.
const KindDuplicate = "ci_duplicate"

// MaxFlagged is how many CIs are kept beside the oldest where an observation found many.
const MaxFlagged = 20

// Duplicate says that two CIs may be one. People merge them ([Practice.Merge]) or say that they are two
// ([Practice.DismissDuplicate]), which is not asked again.
type Duplicate struct {
	DuplicateHead
	DuplicateBody
}

// DuplicateHead is what duplicates are listed by.
type DuplicateHead struct {
	storage.Meta
	// First exists longer than Second.
	First  itsm.ID `json:"first"`
	Second itsm.ID `json:"second"`
	// Open says that nobody has decided yet.
	Open bool `json:"open"`
	// Source is whose observation found both.
	Source string `json:"source"`
}

// DuplicateBody is the rest of a duplicate.
type DuplicateBody struct {
	// Key is the source's own of what it observed, and Found says by which rule both were found.
	Key   string `json:"key,omitempty"`
	Found string `json:"found"`
	// Merged says that the two were made one; not open and not merged are two.
	Merged bool `json:"merged,omitempty"`
}

// The columns of duplicates.
var (
	DuplicateByFirst  = storage.Col("first", func(h *DuplicateHead) *itsm.ID { return &h.First })
	DuplicateBySecond = storage.Col("second", func(h *DuplicateHead) *itsm.ID { return &h.Second })
	DuplicateByOpen   = storage.BoolCol("open", func(h *DuplicateHead) *bool { return &h.Open })
	DuplicateBySource = storage.Col("source", func(h *DuplicateHead) *string { return &h.Source })
)

// DuplicateTable is the table of duplicates.
var DuplicateTable = storage.Define(KindDuplicate, storage.Def[Duplicate, DuplicateHead, DuplicateBody]{
	Parts:   func(d *Duplicate) (*DuplicateHead, *DuplicateBody) { return &d.DuplicateHead, &d.DuplicateBody },
	Columns: []storage.ColumnOf[DuplicateHead]{DuplicateByFirst, DuplicateBySecond, DuplicateByOpen, DuplicateBySource},
	Indexes: []storage.Index{
		storage.IndexOn(DuplicateByFirst.Asc(), DuplicateByOpen.Asc()),
		storage.IndexOn(DuplicateBySecond.Asc(), DuplicateByOpen.Asc()),
		storage.IndexOn(DuplicateByOpen.Asc()),
	},
})

func pairID(a, b itsm.ID) itsm.ID {
	return itsm.ID(digest.Of(string(min(a, b)), string(max(a, b))))
}

// flag keeps the CIs that an observation found as duplicates of the oldest of them.
func (o *observer) flag(ctx context.Context, told reconcile.Observation, id reconcile.Identification) error {
	if o.shadow != nil {
		return nil
	}
	for _, second := range id.Found[1:min(len(id.Found), MaxFlagged+1)] {
		d := Duplicate{DuplicateHead{Meta: storage.Meta{ID: pairID(id.Found[0].ID, second.ID)}, First: id.Found[0].ID, Second: second.ID, Open: true, Source: told.Source},
			DuplicateBody{Key: told.Key, Found: id.Reason}}
		_, err := DuplicateTable.Get(ctx, o.u, d.ID)
		if err == nil {
			continue // it was told before, and may be decided
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if err := DuplicateTable.Put(ctx, o.u, &d); err != nil {
			return err
		}
		o.told++
		o.u.Emit(itsm.Event{Kind: KindDuplicate, Record: d.ID, Action: "flag", Data: DuplicateFlagged{d.First, d.Second, d.Source, d.Found}})
	}
	return nil
}

// Duplicates gives a page of the pairs of CIs that may be one; without an order by their ids. Those of which the actor may not read both are
// left out, so that a page may have fewer items than its limit, or none, though others follow: Next tells.
func (p *Practice) Duplicates(ctx context.Context, actor itsm.Actor, q storage.Query[DuplicateHead]) (page storage.Page[Duplicate], err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		if page, err = DuplicateTable.Records(ctx, r, q); err != nil {
			return err
		}
		var ids []itsm.ID
		for _, d := range page.Items {
			ids = append(ids, d.First, d.Second)
		}
		slices.Sort(ids)
		may, err := headsOf(ctx, r, slices.Compact(ids), of.filter())
		page.Items = slices.DeleteFunc(page.Items, func(d Duplicate) bool {
			_, first := may[d.First]
			_, second := may[d.Second]
			return !first || !second
		})
		return err
	})
	if err != nil {
		return storage.Page[Duplicate]{}, err
	}
	return page, nil
}

func (p *Practice) mayReadDuplicate(ctx context.Context, r storage.Reader, actor itsm.Actor, d *Duplicate) error {
	for _, id := range []itsm.ID{d.First, d.Second} {
		if err := p.MayRead(ctx, r, actor, id); isNotFound(err) {
			return notFound(KindDuplicate, d.ID)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// DismissDuplicate says that two CIs are two. They are not told as duplicates again. It asks for [PermissionMerge] on both; what is decided
// is ErrTransition.
func (p *Practice) DismissDuplicate(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Duplicate, error) {
	call := engine.Call{Name: "ci.dismiss_duplicate", Actor: actor, Command: c, Target: id, Request: c}
	return executeOn(ctx, p, DuplicateTable, call, p.mayReadDuplicate, func(ctx context.Context, u *engine.Unit) (Duplicate, error) {
		d, err := DuplicateTable.Get(ctx, u, id)
		if err != nil {
			return Duplicate{}, err
		}
		if err := p.mayReadDuplicate(ctx, u, actor, &d); err != nil {
			return Duplicate{}, err
		}
		for _, ci := range []itsm.ID{d.First, d.Second} {
			h, err := p.find(ctx, u, actor, ci)
			if err != nil {
				return Duplicate{}, err
			}
			if err := u.Authorize(ctx, PermissionMerge, h.Subject()); err != nil {
				return Duplicate{}, err
			}
		}
		if !d.Open {
			return Duplicate{}, &itsm.TransitionError{Kind: KindDuplicate, ID: id, State: "decided", Action: "dismiss_duplicate", Reason: "it is decided"}
		}
		if err := call.Validate(); err != nil {
			return Duplicate{}, err
		}
		return d, settle(ctx, u, &d, false)
	})
}

// settle notes what was decided of a pair.
func settle(ctx context.Context, u *engine.Unit, d *Duplicate, merged bool) error {
	d.Open, d.Merged = false, merged
	if err := DuplicateTable.Put(ctx, u, d); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: KindDuplicate, Record: d.ID, Action: "settle", Data: DuplicateSettled{d.First, d.Second, merged}})
	return nil
}
