// This file holds the hierarchy: which tenant stands below which, kept here or given by the host.

package settings

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxDepth is how many levels a hierarchy has at most, its top included.
const MaxDepth = 8

// Placement is where a tenant stands.
type Placement struct {
	Tenant storage.Tenant `json:"tenant"`
	// Parent is the one tenant above it, empty for none.
	Parent storage.Tenant `json:"parent,omitempty"`
	// Revision rises whenever the tenant gets another parent, and never falls: by it what comes late
	// from the parent before is told from what the new one says. It is at least 1.
	Revision int64 `json:"revision"`
}

// Hierarchy is the host's own hierarchy. It has no circles and at most [MaxDepth] levels. After each
// move the host calls [Practice.Refresh] for the tenant that moved. It is used by the jobs and by
// Preview, outside any transaction, and must be safe for several goroutines.
type Hierarchy interface {
	// Place gives where a tenant stands. One that stands nowhere has no parent.
	Place(ctx context.Context, t storage.Tenant) (Placement, error)
	// Below gives those directly below a tenant, in the order of their ids (as bytes), behind after,
	// at most limit.
	Below(ctx context.Context, parent, after storage.Tenant, limit int) ([]Placement, error)
}

// Place is the record of where a tenant stands, in the tenant that keeps the hierarchy. Its id is
// the tenant placed.
type Place struct {
	PlaceHead
	PlaceBody
}

// PlaceHead is all of a place.
type PlaceHead struct {
	storage.Meta
	// Parent is the one tenant above, empty for none.
	Parent storage.Tenant `json:"parent,omitempty"`
	// Height is how many levels there are below. When it changes the record's version rises.
	Height int64 `json:"height"`
	// Revision rises with each move.
	Revision int64 `json:"revision"`
}

// PlaceBody is empty: a place has nothing that lists do not show.
type PlaceBody struct{}

const placeKind = Kind + "_place"

// ByParent is the column of places by the tenant above.
var ByParent = storage.Col("parent", func(h *PlaceHead) *storage.Tenant { return &h.Parent })

var (
	placeByHeight   = storage.Col("height", func(h *PlaceHead) *int64 { return &h.Height })
	placeByRevision = storage.Col("revision", func(h *PlaceHead) *int64 { return &h.Revision })
	places          = storage.Define(placeKind, storage.Def[Place, PlaceHead, PlaceBody]{
		Parts:   func(p *Place) (*PlaceHead, *PlaceBody) { return &p.PlaceHead, &p.PlaceBody },
		Columns: []storage.ColumnOf[PlaceHead]{ByParent, placeByHeight, placeByRevision},
		Indexes: []storage.Index{storage.IndexOn(ByParent.Asc()), storage.IndexOn(ByParent.Asc(), placeByHeight.Desc())},
	})
)

// Move is a request to give a tenant its place.
type Move struct {
	itsm.Command
	// Parent is the tenant above, which has a place itself; empty makes it a top.
	Parent storage.Tenant `json:"parent,omitempty"`
}

// Place gives a tenant its place below another, or moves it there with all that are below it. The
// actor is in the tenant that keeps the hierarchy, and has PermissionPlace there. A circle, and more
// than [MaxDepth] levels, are ErrInvalid. What the tenant inherits changes when what is due has run.
func (p *Practice) Place(ctx context.Context, actor itsm.Actor, tenant storage.Tenant, r Move) (Place, error) {
	type request struct {
		Tenant storage.Tenant `json:"tenant"`
		Move
	}
	c := engine.Call{Name: Kind + ".place", Actor: actor, Command: r.Command, Target: itsm.ID(tenant), Request: request{tenant, r}}
	return engine.Execute(ctx, p.e, places, c, func(ctx context.Context, u *engine.Unit) (Place, error) {
		if err := p.mayPlace(ctx, actor); err != nil {
			return Place{}, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		f.Key("tenant", string(tenant))
		if r.Parent != "" {
			f.Key("parent", string(r.Parent))
		}
		if err := f.Err("place"); err != nil {
			return Place{}, err
		}
		if err := u.Lock(ctx, placeKind); err != nil {
			return Place{}, err
		}
		place, err := places.Get(ctx, u, itsm.ID(tenant))
		if errors.Is(err, storage.ErrNotFound) {
			if r.IfVersion > 0 {
				return Place{}, &itsm.VersionError{Kind: placeKind, ID: itsm.ID(tenant), Seen: r.IfVersion}
			}
			place, err = Place{PlaceHead: PlaceHead{Meta: storage.Meta{ID: itsm.ID(tenant)}}}, nil
		}
		if err != nil {
			return Place{}, err
		}
		if place.Version > 0 && place.Parent == r.Parent {
			return place, nil
		}
		if err := p.mayStand(ctx, u, &place, r.Parent); err != nil {
			return Place{}, err
		}
		from := place.Parent
		place.Parent = r.Parent
		place.Revision++
		if err := places.Put(ctx, u, &place); err != nil {
			return Place{}, err
		}
		u.Emit(itsm.Event{Kind: placeKind, Record: place.ID, Action: "place", Data: Placed{From: from, To: r.Parent}})
		for _, above := range []storage.Tenant{from, r.Parent} {
			if err := heighten(ctx, u, above); err != nil {
				return Place{}, err
			}
		}
		return place, scheduleRefresh(ctx, u, tenant)
	}, func(ctx context.Context, u *engine.Unit, place Place, again bool) (Place, error) {
		if again {
			return place, p.mayPlace(ctx, actor)
		}
		return place, nil
	})
}

// mayPlace is nil for who may see and change the hierarchy that is kept here. Who may not learns
// nothing of where it is kept.
func (p *Practice) mayPlace(ctx context.Context, actor itsm.Actor) error {
	if err := p.authorize(ctx, actor, PermissionPlace); err != nil {
		return err
	}
	switch {
	case p.hierarchy != nil:
		return storage.Invalid("place", "tenant", "stands in the host's own hierarchy")
	case p.registry == "":
		return storage.Invalid("place", "tenant", "cannot have a place: the practice has no registry")
	case actor.Tenant != p.registry:
		return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionPlace, Kind: placeKind,
			Reason: "the hierarchy is not kept in this tenant"}
	}
	return nil
}

// mayStand refuses a circle and too many levels.
func (p *Practice) mayStand(ctx context.Context, u *engine.Unit, place *Place, parent storage.Tenant) error {
	levels := int64(1) + place.Height
	path := []string{string(place.ID)}
	for above := parent; above != ""; levels++ {
		path = append(path, string(above))
		if itsm.ID(above) == place.ID {
			return storage.Invalid("place", "parent", "makes a circle: "+strings.Join(path, " -> "))
		}
		next, err := places.Get(ctx, u, itsm.ID(above))
		if errors.Is(err, storage.ErrNotFound) && above == parent {
			return storage.Invalid("place", "parent", "has no place itself")
		}
		if err != nil {
			return err
		}
		above = next.Parent
	}
	if levels > MaxDepth {
		return storage.Invalid("place", "parent", fmt.Sprintf("makes %d levels; at most %d are allowed", levels, MaxDepth))
	}
	return nil
}

// heighten sets how many levels are below a tenant and those above it, as far as that changes.
func heighten(ctx context.Context, u *engine.Unit, t storage.Tenant) error {
	for t != "" {
		place, err := places.Get(ctx, u, itsm.ID(t))
		if err != nil {
			return err
		}
		tallest, err := places.List(ctx, u, storage.Query[PlaceHead]{
			Where: ByParent.Is(t), Order: []storage.Order{placeByHeight.Desc()}, Limit: 1,
		})
		if err != nil {
			return err
		}
		height := int64(0)
		if len(tallest.Items) > 0 {
			height = tallest.Items[0].Height + 1
		}
		if place.Height == height {
			return nil
		}
		place.Height, place.Updated = height, u.Now()
		if err := places.Put(ctx, u.Quiet(), &place); err != nil {
			return err
		}
		t = place.Parent
	}
	return nil
}

// Places gives a page of the hierarchy that is kept here: [ByParent] narrows it to those directly
// below a tenant. The actor is in the tenant that keeps it, and has PermissionPlace there.
func (p *Practice) Places(ctx context.Context, actor itsm.Actor, q storage.Query[PlaceHead]) (storage.Page[PlaceHead], error) {
	var page storage.Page[PlaceHead]
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		if err := p.mayPlace(ctx, actor); err != nil {
			return err
		}
		var err error
		page, err = places.List(ctx, r, q)
		return err
	})
	return page, err
}

// PlaceHistory gives the events of a tenant's place, oldest first: who moved it, from where to where,
// when and why. The actor is in the tenant that keeps the hierarchy, and has PermissionPlace there.
func (p *Practice) PlaceHistory(ctx context.Context, actor itsm.Actor, tenant storage.Tenant) ([]itsm.Event, error) {
	var events []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.mayPlace(ctx, actor); err != nil {
			return err
		}
		if _, err := places.Get(ctx, r, itsm.ID(tenant)); err != nil {
			return err
		}
		var err error
		events, err = p.history(ctx, r, placeKind, itsm.ID(tenant))
		return err
	})
	return events, err
}

// tree gives the hierarchy as the jobs and previews walk it.
func (p *Practice) tree(e *engine.Engine) Hierarchy {
	switch {
	case p.hierarchy != nil:
		return p.hierarchy
	case p.registry != "":
		return kept{e, p.registry}
	}
	return flat{}
}

// kept is the hierarchy that is kept in the registry.
type kept struct {
	e        *engine.Engine
	registry storage.Tenant
}

func (k kept) read(ctx context.Context, fn func(ctx context.Context, r storage.Reader) error) error {
	return k.e.ReadTenants(ctx, itsm.SystemActor(k.registry, Kind), []storage.Tenant{k.registry}, fn)
}

func (k kept) Place(ctx context.Context, t storage.Tenant) (Placement, error) {
	out := Placement{Tenant: t}
	err := k.read(ctx, func(ctx context.Context, r storage.Reader) error {
		place, err := places.Get(ctx, r, itsm.ID(t))
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		out.Parent, out.Revision = place.Parent, place.Revision
		return err
	})
	return out, err
}

func (k kept) Below(ctx context.Context, parent, after storage.Tenant, limit int) ([]Placement, error) {
	var out []Placement
	err := k.read(ctx, func(ctx context.Context, r storage.Reader) error {
		where := ByParent.Is(parent)
		if after != "" {
			where = storage.AllOf(where, places.ByID().Above(itsm.ID(after)))
		}
		page, err := places.List(ctx, r, storage.Query[PlaceHead]{Where: where, Limit: limit})
		out = nil
		for _, h := range page.Items {
			out = append(out, Placement{storage.Tenant(h.ID), h.Parent, h.Revision})
		}
		return err
	})
	return out, err
}

// flat is no hierarchy.
type flat struct{}

func (flat) Place(_ context.Context, t storage.Tenant) (Placement, error) {
	return Placement{Tenant: t}, nil
}

func (flat) Below(context.Context, storage.Tenant, storage.Tenant, int) ([]Placement, error) {
	return nil, nil
}
