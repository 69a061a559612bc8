// This file holds sites: the record, its table, and its commands.

package directory

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Site is a place where people work and things stand: a campus, a building, a floor. Sites form trees.
type Site struct {
	SiteHead
	SiteBody
}

// SiteHead is what lists of sites show, filter and sort by.
type SiteHead struct {
	storage.Meta
	Name string `json:"name"`
	// Parent is the site of which it is a part.
	Parent itsm.ID `json:"parent,omitempty"`
	Active bool    `json:"active"`
}

// SiteBody is the rest of a site.
type SiteBody struct {
	// Address is the postal address, as it is written on a letter.
	Address string `json:"address,omitempty"`
	// Zone is a time zone of the IANA database. Empty is not known.
	Zone string `json:"zone,omitempty"`
}

// The columns of the table of sites.
var (
	SiteByName   = storage.Col("name", func(h *SiteHead) *string { return &h.Name })
	SiteByParent = storage.Col("parent", func(h *SiteHead) *itsm.ID { return &h.Parent })
	SiteByActive = storage.BoolCol("active", func(h *SiteHead) *bool { return &h.Active })
)

// SiteTable is the table of sites.
var SiteTable = storage.Define(KindSite, storage.Def[Site, SiteHead, SiteBody]{
	Parts:   func(s *Site) (*SiteHead, *SiteBody) { return &s.SiteHead, &s.SiteBody },
	Columns: []storage.ColumnOf[SiteHead]{SiteByName, SiteByParent, SiteByActive},
	Indexes: []storage.Index{
		storage.IndexOn(SiteByName.Asc()),
		storage.IndexOn(SiteByParent.Asc(), SiteByName.Asc()),
	},
})

var siteTree = treeOf(SiteTable, SiteByParent, func(s *Site) itsm.ID { return s.Parent })

// NewSite is a site to be added.
type NewSite struct {
	itsm.Command
	// ID is the host's own; empty makes one.
	ID      itsm.ID `json:"id,omitempty"`
	Name    string  `json:"name"`
	Parent  itsm.ID `json:"parent,omitempty"`
	Address string  `json:"address,omitempty"`
	Zone    string  `json:"zone,omitempty"`
}

// SiteEdit changes a site. A nil field stays as it is.
type SiteEdit struct {
	itsm.Command
	Name    *string  `json:"name,omitempty"`
	Parent  *itsm.ID `json:"parent,omitempty"`
	Active  *bool    `json:"active,omitempty"`
	Address *string  `json:"address,omitempty"`
	Zone    *string  `json:"zone,omitempty"`
}

// AddSite adds a site, which is active. Its parent must be in the directory.
func (p *Practice) AddSite(ctx context.Context, actor itsm.Actor, r NewSite) (Site, error) {
	c := commandOf(SiteTable, actionAdd, actor, "", r.Command, r)
	return create(ctx, p, SiteTable, c, r.ID, SiteAdded{}, func(ctx context.Context, u *engine.Unit, f *itsm.Faults) (Site, error) {
		s := Site{SiteHead{Name: r.Name, Parent: r.Parent, Active: true}, SiteBody{Address: r.Address, Zone: r.Zone}}
		return s, s.check(ctx, u, &Site{}, f)
	})
}

// EditSite changes a site. Where nothing is another than before, nothing happens. A parent that is
// the site itself or below it, or that would make the tree deeper than [MaxDepth], is a fault.
func (p *Practice) EditSite(ctx context.Context, actor itsm.Actor, id itsm.ID, r SiteEdit) (Site, error) {
	c := commandOf(SiteTable, actionEdit, actor, id, r.Command, r)
	return change(ctx, p, SiteTable, c, SiteEdited{}, func(ctx context.Context, u *engine.Unit, s *Site, f *itsm.Faults) error {
		was := *s
		set(&s.Name, r.Name)
		set(&s.Parent, r.Parent)
		set(&s.Active, r.Active)
		set(&s.Address, r.Address)
		set(&s.Zone, r.Zone)
		return s.check(ctx, u, &was, f)
	})
}

func (s *Site) check(ctx context.Context, u *engine.Unit, was *Site, f *itsm.Faults) error {
	f.Text("name", s.Name, MaxName, true)
	f.Text("address", s.Address, MaxText, false)
	if s.Zone != was.Zone { // an old one may be unknown to this machine
		checkZone(s.Zone, f)
	}
	return siteTree.check(ctx, u, f, s.ID, was.Parent, s.Parent)
}
