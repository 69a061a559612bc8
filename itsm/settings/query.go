// This file holds the reading of settings: one, all of a tenant, their versions and history, and the
// difference between two tenants.

package settings

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Get gives what holds of a setting in the actor's tenant, and where it comes from. It takes
// PermissionRead. Code that needs a value to act by, and acts for nobody, uses [Setting.Read].
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, setting string) (State, error) {
	var out State
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		d, err := p.known(setting)
		if err != nil {
			return err
		}
		e, err := load(ctx, r, setting)
		if err != nil {
			return err
		}
		out = d.state(&e)
		return p.name(ctx, r, &out.Provenance)
	})
	return out, err
}

// Effective gives what holds of every setting in the actor's tenant, in the order of their names. It
// takes PermissionRead.
func (p *Practice) Effective(ctx context.Context, actor itsm.Actor) ([]State, error) {
	var out []State
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		all, err := loadAll(ctx, r)
		if err != nil {
			return err
		}
		out = p.states(actor.Tenant, all)
		provenances := make([]*Provenance, len(out))
		for i := range out {
			provenances[i] = &out[i].Provenance
		}
		return p.name(ctx, r, provenances...)
	})
	return out, err
}

// read reads in the actor's tenant, if the actor may.
func (p *Practice) read(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionRead); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// states gives the states of all settings that are defined, of the entries of one tenant.
func (p *Practice) states(t storage.Tenant, all []entry) []State {
	own := map[storage.ID]*entry{}
	for i := range all {
		own[all[i].ID] = &all[i]
	}
	out := make([]State, len(p.all))
	for i, d := range p.all {
		e, ok := own[itsm.ID(d.name)]
		if !ok {
			x := none(t, d.name)
			e = &x
		}
		out[i] = d.state(e)
	}
	return out
}

// name adds the names of those who set own values. Nobody is asked for twice.
func (p *Practice) name(ctx context.Context, r storage.Reader, of ...*Provenance) error {
	if p.names == nil {
		return nil
	}
	known := map[itsm.ID]string{}
	add := func(o *Origin) error {
		if o.By == "" {
			return nil
		}
		name, ok := known[o.By]
		if !ok {
			var err error
			if name, err = p.names(ctx, r, o.By); err != nil {
				return err
			}
			known[o.By] = name
		}
		o.ByName = name
		return nil
	}
	for _, v := range of {
		if err := add(&v.Origin); err != nil {
			return err
		}
		for i := range v.Parts {
			if err := add(&v.Parts[i].Origin); err != nil {
				return err
			}
		}
	}
	return nil
}

// Versions gives a page of what the actor's tenant did to a setting, the newest first: who, when, why
// and the value. Give a page's Next for the one after it. It takes PermissionRead.
func (p *Practice) Versions(ctx context.Context, actor itsm.Actor, setting string, after storage.Cursor, limit int) (storage.Page[Version], error) {
	var page storage.Page[Version]
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := p.known(setting); err != nil {
			return err
		}
		var err error
		page, err = versions.Records(ctx, r, storage.Query[VersionHead]{
			Where: versionBySetting.Is(setting), Order: []storage.Order{versionByNumber.Desc()}, After: after, Limit: limit,
		})
		return err
	})
	return page, err
}

// History gives the events of a setting in the actor's tenant, oldest first: what was done here, and
// when something else was inherited. It takes PermissionRead.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, setting string) ([]itsm.Event, error) {
	var events []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionRead); err != nil {
			return err
		}
		if _, err := p.known(setting); err != nil {
			return err
		}
		var err error
		events, err = p.history(ctx, r, Kind, itsm.ID(setting))
		return err
	})
	return events, err
}

func (p *Practice) history(ctx context.Context, r storage.Reader, kind string, id itsm.ID) (events []itsm.Event, err error) {
	q := storage.EventQuery{Kind: kind, Record: id, Limit: storage.MaxLimit}
	for {
		page, err := p.e.History(ctx, r, q)
		if err != nil {
			return nil, err
		}
		events = append(events, page...)
		if len(page) < q.Limit {
			return events, nil
		}
		last := page[len(page)-1]
		q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
	}
}

// Profile gives how the actor's tenant presents itself to those below it. It takes PermissionRead.
func (p *Practice) Profile(ctx context.Context, actor itsm.Actor) (Profile, error) {
	var out Profile
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		who, err := loadProfile(ctx, r)
		out = Profile{Name: who.Name, Version: who.Version}
		return err
	})
	return out, err
}

// Difference is a setting that is not the same in two tenants.
type Difference struct {
	Setting string `json:"setting"`
	// A and B are what each has, as the tenant itself sees it.
	A State `json:"a"`
	B State `json:"b"`
}

// Diff compares two tenants: the settings whose value is another, or which are locked in one alone,
// in the order of their names, from one snapshot. The actor needs PermissionRead in both, by what it
// was granted there (see itsm.Actor.In), and is in neither by need.
func (p *Practice) Diff(ctx context.Context, actor itsm.Actor, a, b storage.Tenant) ([]Difference, error) {
	if a == b {
		return nil, storage.Invalid("diff", "b", "is the same tenant")
	}
	for _, t := range []storage.Tenant{a, b} {
		if err := p.authorize(ctx, actor.In(t), PermissionRead); err != nil {
			return nil, err
		}
	}
	var out []Difference
	err := p.e.ViewTenants(ctx, actor, []storage.Tenant{a, b}, func(ctx context.Context, r storage.Reader) error {
		all, err := loadAll(ctx, r)
		if err != nil {
			return err
		}
		of := map[storage.Tenant][]entry{}
		for _, e := range all {
			of[e.Tenant] = append(of[e.Tenant], e)
		}
		left, right := p.states(a, of[a]), p.states(b, of[b])
		out = nil
		for i := range left {
			if !left[i].holdsAs(right[i]) {
				out = append(out, Difference{left[i].Setting, left[i], right[i]})
			}
		}
		return nil
	})
	return out, err
}

// holdsAs says whether the same holds: the value, and whether it is locked.
func (s State) holdsAs(o State) bool {
	return sameJSON(s.Value, o.Value) && (s.LockedBy == "") == (o.LockedBy == "")
}

func sortedNames[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
