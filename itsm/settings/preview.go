// This file holds the question whom a change would affect.

package settings

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Proposal is a change that is not made yet.
type Proposal struct {
	Setting string `json:"setting"`
	Action  Action `json:"action"`
	// Value and Private are of ActionSet.
	Value   json.RawMessage `json:"value,omitempty"`
	Private bool            `json:"private,omitempty"`
}

// Affected is a tenant in which a change would make something else hold.
type Affected struct {
	Tenant storage.Tenant `json:"tenant"`
	Before State          `json:"before"`
	After  State          `json:"after"`
}

// Impact is what a change would do.
type Impact struct {
	// Here is the actor's own tenant before and after.
	Here Affected `json:"here"`
	// Below are the tenants below in which another value would hold, or which would be locked or
	// unlocked, level by level. Only those are named in which the actor has PermissionRead.
	Below []Affected `json:"below,omitempty"`
	// Unknown is how many more were come upon in which the actor has not: of them, and of those
	// below them, nothing is told.
	Unknown int `json:"unknown,omitempty"`
	// More says that MaxPreview tenants were looked at, and there may be others.
	More bool `json:"more,omitempty"`
}

// MaxPreview is how many tenants below a preview looks at.
const MaxPreview = 1000

// Preview says what a change in the actor's tenant would do there and below, and makes none. What is
// wrong with it is refused as the command would refuse it. It takes PermissionRead in the tenant; of
// those below, the actor learns of the ones in which it has it too, by what it was granted there (see
// itsm.Actor.In). It goes by what the tenants have inherited so far, each level as it is when it is
// read.
func (p *Practice) Preview(ctx context.Context, actor itsm.Actor, r Proposal) (Impact, error) {
	out := Impact{Here: Affected{Tenant: actor.Tenant}}
	var before, after *inherited
	var d *definition
	err := p.read(ctx, actor, func(ctx context.Context, rd storage.Reader) error {
		var f itsm.Faults
		var err error
		if d, err = p.known(r.Setting); err != nil {
			f.Merge("", err)
			return f.Err("proposal")
		}
		e, err := load(ctx, rd, r.Setting)
		if err != nil {
			return err
		}
		out.Here.Before, before = d.state(&e), d.passes(&e)
		_, err = d.apply(&e, r.Action, r.Value, r.Private, actor.ID, p.e.Now(), &f)
		if err := f.Err("proposal"); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		who, err := loadProfile(ctx, rd)
		e.ShownAs = who.Name
		out.Here.After, after = d.state(&e), d.passes(&e)
		return err
	})
	if err != nil || before.same(after) {
		return out, err
	}
	w := walker{p: p, actor: actor, d: d, out: &out, left: MaxPreview}
	level := []step{{actor.Tenant, after}}
	for len(level) > 0 && !out.More {
		if level, err = w.below(ctx, level); err != nil {
			return Impact{}, err
		}
	}
	return out, nil
}

// step is a tenant and what it would pass on.
type step struct {
	tenant storage.Tenant
	gives  *inherited
}

type walker struct {
	p     *Practice
	actor itsm.Actor
	d     *definition
	out   *Impact
	left  int
}

// below looks at those directly below a level, and gives those of them that would pass on another
// value.
func (w *walker) below(ctx context.Context, level []step) (next []step, err error) {
	for _, above := range level {
		for after := storage.Tenant(""); ; {
			limit := min(w.left, storage.MaxPage)
			if limit == 0 {
				w.out.More = true
				return nil, nil
			}
			found, err := w.p.tree(w.p.e).Below(ctx, above.tenant, after, limit)
			if err != nil {
				return nil, err
			}
			w.left -= len(found)
			more, err := w.look(ctx, found, above.gives)
			if err != nil {
				return nil, err
			}
			next = append(next, more...)
			if len(found) < limit {
				break
			}
			after = found[len(found)-1].Tenant
		}
	}
	return next, nil
}

// look reads those of the tenants that the actor may know, in one read.
func (w *walker) look(ctx context.Context, found []Placement, gives *inherited) (next []step, err error) {
	var mayKnow []storage.Tenant
	for _, place := range found {
		err := w.p.authorize(ctx, w.actor.In(place.Tenant), PermissionRead)
		switch {
		case errors.Is(err, itsm.ErrForbidden):
			w.out.Unknown++
		case err != nil:
			return nil, err
		default:
			mayKnow = append(mayKnow, place.Tenant)
		}
	}
	if len(mayKnow) == 0 {
		return nil, nil
	}
	own := map[storage.Tenant]entry{}
	err = w.p.e.ReadTenants(ctx, w.actor, mayKnow, func(ctx context.Context, r storage.Reader) error {
		clear(own)
		page, err := entries.Records(ctx, r, storage.Query[entryHead]{
			Where: entries.ByID().Is(itsm.ID(w.d.name)), Limit: len(mayKnow),
		})
		for _, e := range page.Items {
			own[e.Tenant] = e
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range mayKnow {
		e, ok := own[t]
		if !ok {
			e = none(t, w.d.name)
		}
		a := Affected{Tenant: t, Before: w.d.state(&e)}
		before := w.d.passes(&e)
		e.Inherited = gives
		a.After = w.d.state(&e)
		if !a.Before.holdsAs(a.After) {
			w.out.Below = append(w.out.Below, a)
		}
		if after := w.d.passes(&e); !before.same(after) {
			next = append(next, step{t, after})
		}
	}
	return next, nil
}
