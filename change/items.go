// This file holds the configuration items of changes: which changes are about an item, and the links to them.

package change

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// item says that a change is about a configuration item. It tells from the item to its changes without reading those that
// have ended.
type item struct {
	itemHead
	itemBody
}

type itemHead struct {
	storage.Meta
	Change itsm.ID `json:"change"`
	CI     itsm.ID `json:"ci"`
	// Active says that the change has not ended, and is still about the item.
	Active bool `json:"active"`
}

type itemBody struct{}

var (
	itemByChange = storage.Col("change", func(h *itemHead) *itsm.ID { return &h.Change })
	itemByCI     = storage.Col("ci", func(h *itemHead) *itsm.ID { return &h.CI })
	itemByActive = storage.BoolCol("active", func(h *itemHead) *bool { return &h.Active })
)

var itemTable = storage.Define("change_item", storage.Def[item, itemHead, itemBody]{
	Parts:   func(i *item) (*itemHead, *itemBody) { return &i.itemHead, &i.itemBody },
	Columns: []storage.ColumnOf[itemHead]{itemByChange, itemByCI, itemByActive},
	Indexes: []storage.Index{storage.IndexOn(itemByCI.Asc(), itemByActive.Asc())},
})

func itemID(change, ci itsm.ID) itsm.ID { return itsm.ID(digest.Of(string(change), string(ci))) }

// items are those of which something is another now.
type items struct {
	added, removed []itsm.ID
	// touched are all whose rows are to be put.
	touched []itsm.ID
	active  bool
}

// tellItems notes the event of what the change is about now, and gives what is to be put.
func (w *work) tellItems() items {
	var i items
	for _, ci := range w.CIs {
		if !slices.Contains(w.Was.CIs, ci) {
			i.added = append(i.added, ci)
		}
	}
	for _, ci := range w.Was.CIs {
		if !slices.Contains(w.CIs, ci) {
			i.removed = append(i.removed, ci)
		}
	}
	i.active = !w.category(w.State).Final()
	i.touched = slices.Concat(i.added, i.removed)
	if w.Was.ID != "" && i.active == w.category(w.Was.State).Final() {
		i.touched = slices.Concat(w.CIs, i.removed) // it ended, or lives again
	}
	if len(i.added)+len(i.removed) > 0 {
		w.tell(w.State, w.State, ItemsChanged{Added: i.added, Removed: i.removed})
	}
	return i
}

// putItems writes which changes are about which items, and the links.
func (w *work) putItems(ctx context.Context, i items) error {
	quiet := w.u.Quiet()
	var rows []*item
	for _, ci := range i.touched {
		row, err := itemTable.Get(ctx, quiet, itemID(w.ID, ci))
		if isNotFound(err) {
			row, err = item{itemHead: itemHead{Meta: storage.Meta{ID: itemID(w.ID, ci), Created: w.now}, Change: w.ID, CI: ci}}, nil
		}
		if err != nil {
			return err
		}
		row.Active, row.Updated = i.active && slices.Contains(w.CIs, ci), w.now
		rows = append(rows, &row)
	}
	if len(rows) > 0 {
		if err := itemTable.Put(ctx, quiet, rows...); err != nil {
			return err
		}
	}
	for _, ci := range i.added {
		if _, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkAffects, From: w.Ref(), To: itsm.Ref{Kind: KindCI, ID: ci}}); err != nil {
			return err
		}
	}
	for _, ci := range i.removed {
		if _, err := w.u.RemoveLink(ctx, itsm.Link{Type: itsm.LinkAffects, From: w.Ref(), To: itsm.Ref{Kind: KindCI, ID: ci}}); err != nil {
			return err
		}
	}
	return nil
}

// activeOn gives the changes that have not ended and are about a configuration item, at most limit of them where that is
// not 0.
func (p *Practice) activeOn(ctx context.Context, r storage.Reader, ci itsm.ID, limit int) ([]itsm.ID, error) {
	q := storage.Query[itemHead]{Where: storage.AllOf(itemByCI.Is(ci), itemByActive.Is(true)), Limit: storage.MaxPage}
	var ids []itsm.ID
	for h, err := range storage.Pages(q, func(q storage.Query[itemHead]) (storage.Page[itemHead], error) { return itemTable.List(ctx, r, q) }) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, h.Change); limit > 0 && len(ids) == limit {
			break
		}
	}
	return ids, nil
}

// putFor links the change to what it is made for, and takes the links away that ended.
func (w *work) putFor(ctx context.Context) error {
	if slices.Equal(w.For, w.Was.For) {
		return nil
	}
	for _, ref := range w.Was.For {
		if !slices.Contains(w.For, ref) {
			if _, err := w.u.RemoveLink(ctx, itsm.Link{Type: itsm.LinkResolves, From: w.Ref(), To: ref}); err != nil {
				return err
			}
		}
	}
	for _, ref := range w.For {
		if !slices.Contains(w.Was.For, ref) {
			if _, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkResolves, From: w.Ref(), To: ref}); err != nil {
				return err
			}
		}
	}
	return nil
}
