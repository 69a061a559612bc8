package engine

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// LinkRecord is a link between two records of any kind of one tenant. It is kept once, in the
// direction in which it was made, and is found from both ends.
type LinkRecord struct {
	LinkHead
	LinkBody
}

// LinkHead is all of a link.
type LinkHead struct {
	storage.Meta
	Type     itsm.LinkType `json:"type"`
	FromKind string        `json:"from_kind"`
	FromID   storage.ID    `json:"from_id"`
	ToKind   string        `json:"to_kind"`
	ToID     storage.ID    `json:"to_id"`
}

// LinkBody is empty: a link has nothing that lists do not show.
type LinkBody struct{}

// The columns of the links' table.
var (
	LinkByType     = storage.Col("type", func(h *LinkHead) *itsm.LinkType { return &h.Type })
	LinkByFromKind = storage.Col("from_kind", func(h *LinkHead) *string { return &h.FromKind })
	LinkByFromID   = storage.Col("from_id", func(h *LinkHead) *storage.ID { return &h.FromID })
	LinkByToKind   = storage.Col("to_kind", func(h *LinkHead) *string { return &h.ToKind })
	LinkByToID     = storage.Col("to_id", func(h *LinkHead) *storage.ID { return &h.ToID })
)

// LinkTable is the table of all links.
var LinkTable = storage.Define("link", storage.Def[LinkRecord, LinkHead, LinkBody]{
	Parts:   func(r *LinkRecord) (*LinkHead, *LinkBody) { return &r.LinkHead, &r.LinkBody },
	Columns: []storage.ColumnOf[LinkHead]{LinkByType, LinkByFromKind, LinkByFromID, LinkByToKind, LinkByToID},
	Indexes: []storage.Index{
		storage.IndexOn(LinkByFromKind.Asc(), LinkByFromID.Asc()),
		storage.IndexOn(LinkByToKind.Asc(), LinkByToID.Asc()),
	},
})

// Link returns the link as a value.
func (h *LinkHead) Link() itsm.Link {
	return itsm.Link{Type: h.Type, From: itsm.Ref{Kind: h.FromKind, ID: h.FromID}, To: itsm.Ref{Kind: h.ToKind, ID: h.ToID}}
}

// linkID makes the same id for the same link, from whichever end it is made, so that it exists
// once.
func linkID(l itsm.Link) storage.ID {
	id := func(l itsm.Link) string {
		return digest.Of(string(l.Type), l.From.Kind, string(l.From.ID), l.To.Kind, string(l.To.ID))
	}
	return storage.ID(min(id(l), id(l.Inverse())))
}

// AddLink links two records; a link that is there already, made from either end, is left as it
// is, and added says so. It emits nothing: the practice's event about the record names the
// link. Whether the other record exists is for the practice to know.
func (u *Unit) AddLink(ctx context.Context, l itsm.Link) (added bool, err error) {
	if err := l.Validate(); err != nil {
		return false, err
	}
	id := linkID(l)
	if _, err := u.Quiet().Get(ctx, LinkTable.Schema(), u.Tenant(), id); !errors.Is(err, storage.ErrNotFound) {
		return false, err
	}
	r := LinkRecord{LinkHead: LinkHead{Type: l.Type, FromKind: l.From.Kind, FromID: l.From.ID, ToKind: l.To.Kind, ToID: l.To.ID}}
	r.ID, r.Created, r.Updated = id, u.Now(), u.Now()
	return true, LinkTable.Put(ctx, u.Quiet(), &r)
}

// RemoveLink removes a link, made from either end, and says whether there was one.
func (u *Unit) RemoveLink(ctx context.Context, l itsm.Link) (removed bool, err error) {
	quiet := u.Quiet()
	row, err := quiet.Get(ctx, LinkTable.Schema(), u.Tenant(), linkID(l))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, quiet.Delete(ctx, LinkTable.Schema(), row.ID, row.Version)
}

// Links gives the links of a record, each read from this record's side. It asks for no permission: that is for the practice.
func Links(ctx context.Context, r storage.Reader, of itsm.Ref) ([]itsm.Link, error) {
	var links []itsm.Link
	for _, end := range []struct {
		where   storage.Filter[LinkHead]
		inverse bool
	}{
		{storage.AllOf(LinkByFromKind.Is(of.Kind), LinkByFromID.Is(of.ID)), false},
		{storage.AllOf(LinkByToKind.Is(of.Kind), LinkByToID.Is(of.ID)), true},
	} {
		q := storage.Query[LinkHead]{Where: end.where, Limit: storage.MaxPage}
		for h, err := range storage.Pages(q, func(q storage.Query[LinkHead]) (storage.Page[LinkHead], error) { return LinkTable.List(ctx, r, q) }) {
			if err != nil {
				return nil, err
			}
			l := h.Link()
			if end.inverse {
				l = l.Inverse()
			}
			links = append(links, l)
		}
	}
	return links, nil
}
