// This file holds how what a tenant passes on comes to those below it: by durable jobs, each effect
// in a transaction of the tenant that inherits.

package settings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

const (
	pushKind    = Kind + ".push"
	refreshKind = Kind + ".refresh"
	// pushBatch is how many tenants one job reaches, well within a lease.
	pushBatch = 100
)

// pushJob has what a tenant passes on of a setting brought to those directly below it, behind one of
// them. It carries no value: what is passed on is read when it runs.
type pushJob struct {
	Setting string         `json:"setting"`
	After   storage.Tenant `json:"after,omitempty"`
}

// refreshJob has a tenant inherit everything anew from where it stands now.
type refreshJob struct {
	Tenant storage.Tenant `json:"tenant"`
}

// schedulePush writes the job. Each place in the row of tenants has a key of its own, so that a new
// change, which begins at the first, does not lose the rest of an older one's way.
func schedulePush(ctx context.Context, u *engine.Unit, setting string, after storage.Tenant) error {
	key := setting
	if after != "" {
		key += "/" + digest.Of(string(after))[:24]
	}
	return u.Schedule(ctx, engine.Task{Kind: pushKind, Key: key, Due: u.Now(), Payload: pushJob{setting, after}})
}

func scheduleRefresh(ctx context.Context, u *engine.Unit, tenant storage.Tenant) error {
	return u.Schedule(ctx, engine.Task{Kind: refreshKind, Key: string(tenant), Due: u.Now(), Payload: refreshJob{tenant}})
}

// push brings what the job's tenant passes on to a batch of those below it, and has the next batch
// brought. It may run twice, late, or beside another: stamps tell the newest.
func (p *Practice) push(ctx context.Context, e *engine.Engine, due engine.Due, job pushJob) error {
	var below []Placement
	gifts, err := p.given(ctx, e, due.Tenant, job.Setting, func() (err error) {
		below, err = p.tree(e).Below(ctx, due.Tenant, job.After, pushBatch)
		return err
	})
	if err != nil || len(below) == 0 {
		return err
	}
	if len(below) == pushBatch {
		err := e.Update(ctx, itsm.SystemActor(due.Tenant, Kind), func(ctx context.Context, u *engine.Unit) error {
			return schedulePush(ctx, u, job.Setting, below[len(below)-1].Tenant)
		})
		if err != nil {
			return err
		}
	}
	var failed []error
	for _, place := range below {
		err := e.Update(ctx, itsm.SystemActor(place.Tenant, Kind), func(ctx context.Context, u *engine.Unit) error {
			if err := u.Lock(ctx, lockName); err != nil {
				return err
			}
			who, err := loadProfile(ctx, u)
			if err != nil || place.Revision < who.Placed {
				return err // the tenant stands elsewhere by now
			}
			own, err := load(ctx, u, job.Setting)
			if err != nil {
				return err
			}
			return p.inherit(ctx, u, own, gifts[job.Setting], place.Revision)
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("tenant %s: %w", place.Tenant, err))
		}
	}
	return errors.Join(failed...)
}

// gift is what a tenant passes on of a setting: nil is nothing.
type gift struct {
	setting string
	merge   Merge
	what    *inherited
	version int64 // of the record above
}

// errMoved ends a job that met a move. It is tried again.
var errMoved = errors.New("a tenant was moved meanwhile")

// given gives what a tenant passes on of one setting, or of all where none is named, computed from
// what it and all above it have set themselves: not from their copies, which may still have
// something of a tenant that they stood below before, and that whoever inherits here never did. While
// it reads, and while then is run, none of them is moved, or it is errMoved.
func (p *Practice) given(ctx context.Context, e *engine.Engine, t storage.Tenant, setting string, then func() error) (map[string]gift, error) {
	line, err := p.line(ctx, e, t)
	if err != nil {
		return nil, err
	}
	own := make([]map[string]entry, len(line))
	at := map[storage.Tenant]int{}
	tenants := make([]storage.Tenant, len(line))
	for i, place := range line {
		own[i], at[place.Tenant], tenants[i] = map[string]entry{}, i, place.Tenant
	}
	q := storage.Query[entryHead]{Limit: storage.MaxPage}
	if setting != "" {
		q.Where = entries.ByID().Is(itsm.ID(setting))
	}
	err = e.ViewTenants(ctx, itsm.SystemActor(t, Kind), tenants, func(ctx context.Context, r storage.Reader) error {
		all, err := walk(q, func(q storage.Query[entryHead]) (storage.Page[entry], error) { return entries.Records(ctx, r, q) })
		for _, x := range all {
			own[at[x.Tenant]][string(x.ID)] = x
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	gifts := map[string]gift{}
	for i := range line {
		for name, g := range gifts { // of those above, to who has nothing here
			if _, ok := own[i][name]; !ok {
				g.version = 0
				gifts[name] = g
			}
		}
		for name, x := range own[i] {
			x.Inherited = gifts[name].what
			d := p.of(&x)
			gifts[name] = gift{name, d.merge, d.passes(&x), x.Version}
		}
	}
	if err := then(); err != nil {
		return nil, err
	}
	again, err := p.line(ctx, e, t)
	if err == nil && !slices.Equal(line, again) {
		err = errMoved
	}
	return gifts, err
}

// line gives a tenant and all above it, the top first.
func (p *Practice) line(ctx context.Context, e *engine.Engine, t storage.Tenant) (line []Placement, err error) {
	for above := t; above != ""; {
		if len(line) == MaxDepth {
			return nil, storage.Invalid("hierarchy", "parent", fmt.Sprintf("of %s goes in a circle, or has more than %d levels", t, MaxDepth))
		}
		place, err := p.tree(e).Place(ctx, above)
		if err != nil {
			return nil, err
		}
		place.Tenant = above
		line = append(line, place)
		above = place.Parent
	}
	slices.Reverse(line)
	return line, nil
}

// inherit takes a gift over, unless a newer one is there.
func (p *Practice) inherit(ctx context.Context, u *engine.Unit, e entry, g gift, placed int64) error {
	s := stamp{placed, g.version}
	if !s.after(e.Stamp) || e.Version == 0 && g.version == 0 && g.what.empty() {
		return nil
	}
	before := e
	e.Stamp = s
	if g.merge != "" {
		e.Merge = g.merge
	}
	if before.Inherited.same(g.what) {
		if e.Updated = u.Now(); e.Version == 0 {
			e.Created = u.Now()
		}
		return entries.Put(ctx, u.Quiet(), &e)
	}
	e.Inherited = g.what
	if err := entries.Put(ctx, u, &e); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: e.ID, Action: "inherit", Data: Inherited{Setting: g.setting}})
	if d := p.of(&e); !d.passes(&before).same(d.passes(&e)) {
		return schedulePush(ctx, u, d.name, "")
	}
	return nil
}

// refresh has a tenant inherit everything from the tenant that it stands below now, in one
// transaction: whoever reads sees what it inherited there, or what it inherits here.
func (p *Practice) refresh(ctx context.Context, e *engine.Engine, _ engine.Due, job refreshJob) error {
	place, err := p.tree(e).Place(ctx, job.Tenant)
	if err != nil {
		return err
	}
	above := map[string]gift{}
	if place.Parent != "" {
		above, err = p.given(ctx, e, place.Parent, "", func() error {
			again, err := p.tree(e).Place(ctx, job.Tenant)
			if err == nil && again.Revision != place.Revision {
				err = errMoved
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return e.Update(ctx, itsm.SystemActor(job.Tenant, Kind), func(ctx context.Context, u *engine.Unit) error {
		if err := u.Lock(ctx, lockName); err != nil {
			return err
		}
		who, err := loadProfile(ctx, u)
		if err != nil || place.Revision < who.Placed {
			return err
		}
		if who.Placed != place.Revision {
			who.Placed, who.Updated = place.Revision, u.Now()
			if who.Created.IsZero() {
				who.Created = u.Now()
			}
			if err := profiles.Put(ctx, u.Quiet(), &who); err != nil {
				return err
			}
		}
		all, err := loadAll(ctx, u)
		if err != nil {
			return err
		}
		own := map[string]entry{}
		gifts := map[string]gift{}
		for _, x := range all {
			own[string(x.ID)] = x
			gifts[string(x.ID)] = gift{setting: string(x.ID)}
		}
		maps.Copy(gifts, above)
		for _, name := range sortedNames(gifts) {
			x, ok := own[name]
			if !ok {
				x = none(u.Tenant(), name)
			}
			if err := p.inherit(ctx, u, x, gifts[name], place.Revision); err != nil {
				return err
			}
		}
		return nil
	})
}

// Refresh has the actor's tenant inherit everything anew from where it stands now, when what is due
// has run. A host with a [Hierarchy] of its own calls it after each move of the tenant; it also mends
// what a dead letter has left behind. It takes PermissionPlace in the tenant.
func (p *Practice) Refresh(ctx context.Context, actor itsm.Actor) error {
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := p.authorize(ctx, actor, PermissionPlace); err != nil {
			return err
		}
		return scheduleRefresh(ctx, u, actor.Tenant)
	})
}
