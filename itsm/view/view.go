// This file holds the records: views, with whom they are shared, and what a person has pinned.

package view

import (
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of the records.
const (
	Kind    = "view"
	KindPin = "view_pins"
)

// Sharing says who may see and run a view beside its owner.
type Sharing string

// The sharings.
const (
	// SharedWithNobody: its owner alone. It is the default.
	SharedWithNobody Sharing = "nobody"
	// SharedWithGroups: who works in one of the groups.
	SharedWithGroups Sharing = "groups"
	// SharedWithAll: everyone in the tenant who may read views.
	SharedWithAll Sharing = "all"
)

// View is a saved list. Its JSON form is one flat object.
type View struct {
	Head
	Body
}

// Head is what views are listed by.
type Head struct {
	storage.Meta
	Owner      itsm.ID `json:"owner"`
	RecordKind string  `json:"record_kind"`
	Title      string  `json:"title"`
	Sharing    Sharing `json:"sharing"`
}

// Body is the rest of a view.
type Body struct {
	Where   storage.Condition `json:"where,omitzero"`
	Order   []Order           `json:"order,omitempty"`
	Columns []string          `json:"columns"`
	// Groups are those with which it is shared.
	Groups []itsm.ID `json:"groups,omitempty"`
}

// Definition gives what the view asks for.
func (v *View) Definition() Definition {
	return Definition{Title: v.Title, RecordKind: v.RecordKind, Where: v.Where, Order: v.Order, Columns: v.Columns}
}

// The columns of views.
var (
	ByOwner      = storage.Col("owner", func(h *Head) *itsm.ID { return &h.Owner })
	ByRecordKind = storage.Col("record_kind", func(h *Head) *string { return &h.RecordKind })
	ByTitle      = storage.Col("title", func(h *Head) *string { return &h.Title })
	BySharing    = storage.Col("sharing", func(h *Head) *Sharing { return &h.Sharing })
)

// Table is the table of views.
var Table = storage.Define(Kind, storage.Def[View, Head, Body]{
	Parts:   func(v *View) (*Head, *Body) { return &v.Head, &v.Body },
	Columns: []storage.ColumnOf[Head]{ByOwner, ByRecordKind, ByTitle, BySharing},
	Indexes: []storage.Index{
		storage.IndexOn(ByOwner.Asc(), ByRecordKind.Asc(), ByTitle.Asc()), storage.IndexOn(BySharing.Asc(), ByRecordKind.Asc(), ByTitle.Asc()),
	},
})

// share says that a view is shared with a group.
type share struct {
	shareHead
	shareBody
}

type shareHead struct {
	storage.Meta
	View  itsm.ID
	Group itsm.ID
}

type shareBody struct{}

var (
	shareByView  = storage.Col("view", func(h *shareHead) *itsm.ID { return &h.View })
	shareByGroup = storage.Col("group", func(h *shareHead) *itsm.ID { return &h.Group })
	shareTable   = storage.Define("view_share", storage.Def[share, shareHead, shareBody]{
		Parts:   func(s *share) (*shareHead, *shareBody) { return &s.shareHead, &s.shareBody },
		Columns: []storage.ColumnOf[shareHead]{shareByView, shareByGroup},
		Indexes: []storage.Index{storage.IndexOn(shareByGroup.Asc(), shareByView.Asc()), storage.UniqueOn(shareByView.Asc(), shareByGroup.Asc())},
	})
)

// pins are the views that a person has pinned of one kind.
type pins struct {
	pinsHead
	pinsBody
}

type pinsHead struct {
	storage.Meta
	Owner      itsm.ID `json:"owner"`
	RecordKind string  `json:"record_kind"`
}

type pinsBody struct {
	Views []itsm.ID `json:"views"`
}

var (
	pinsByOwner = storage.Col("owner", func(h *pinsHead) *itsm.ID { return &h.Owner })
	pinsByKind  = storage.Col("record_kind", func(h *pinsHead) *string { return &h.RecordKind })
	pinsTable   = storage.Define(KindPin, storage.Def[pins, pinsHead, pinsBody]{
		Parts:   func(p *pins) (*pinsHead, *pinsBody) { return &p.pinsHead, &p.pinsBody },
		Columns: []storage.ColumnOf[pinsHead]{pinsByOwner, pinsByKind},
		Indexes: []storage.Index{storage.UniqueOn(pinsByOwner.Asc(), pinsByKind.Asc())},
	})
)

// MaxGroups is the greatest number of groups that a view is shared with, MaxPins of views of one kind
// that a person pins.
const (
	MaxGroups = 50
	MaxPins   = 50
)

// Saved: a view was made or changed.
type Saved struct {
	RecordKind string  `json:"record_kind"`
	Sharing    Sharing `json:"sharing"`
}

// Pinned: a person put their views in order.
type Pinned struct {
	Views []itsm.ID `json:"views"`
}

// EventType gives the type's name in the log.
func (Saved) EventType() string  { return "view.saved.v1" }
func (Pinned) EventType() string { return "view.pinned.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{itsm.EventOf[Saved](), itsm.EventOf[Pinned]()}
}
