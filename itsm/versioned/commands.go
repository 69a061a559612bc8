// This file holds the commands: draft, revise, activate, retire, inherit, publish.

package versioned

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The actions of the events.
const (
	actionDraft    = "draft"
	actionRevise   = "revise"
	actionActivate = "activate"
	actionRetire   = "retire"
	actionInherit  = "inherit"
)

// permitted are the actions that people can take on a version of a state.
var permitted = map[State][]string{
	StateDraft: {actionRevise, actionActivate}, StateActive: {actionRetire}, StateRetired: {actionActivate},
}

var categories = map[State]itsm.Category{
	StateDraft: itsm.CategoryNew, StateActive: itsm.CategoryActive, StateRetired: itsm.CategoryClosed,
}

// Draft is a request for a new version.
type Draft[S any] struct {
	itsm.Command
	// Family is what it is to be a version of; empty where the practice has one family.
	Family string `json:"family,omitempty"`
	Set    S      `json:"set"`
}

// Revision is a request to change a draft.
type Revision[S any] struct {
	itsm.Command
	Set S `json:"set"`
}

// Inheritance is a request to take over a provider's version.
type Inheritance[S any] struct {
	itsm.Command
	// Family is what it is to be the base of; empty where the practice has one family.
	Family string `json:"family,omitempty"`
	// Base is the provider's set, with the version that it is.
	Base Layer[S] `json:"base"`
}

// Publication is a request to give other tenants a version as their base. Its key is that of the
// command in each of them.
type Publication struct {
	itsm.Command
	// Family is whose active version is given; empty where the practice has one family.
	Family string `json:"family,omitempty"`
}

// Draft makes a new version of the tenant's own, which nobody follows until it is activated. A set with
// a fault is ErrInvalid with every fault.
func (k *Keeper[S]) Draft(ctx context.Context, actor itsm.Actor, r Draft[S]) (Version[S], error) {
	c := k.call(actionDraft, actor, "", r.Command, r)
	return k.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (v Version[S], err error) {
		v.Head = Head{Family: r.Family, Stack: StackOwn, State: StateDraft}
		var f itsm.Faults
		f.Merge("", c.Validate())
		k.check(ctx, u, v.Head, r.Set, "set", &f)
		if err := f.Err("draft"); err != nil {
			return v, err
		}
		v.Body = Body[S]{Set: r.Set.Clone(), DraftReason: r.Reason}
		if err := k.begin(ctx, u, &v); err != nil {
			return v, err
		}
		err = k.put(ctx, u, &v, actionDraft, "", Drafted[S]{Family: v.Family, Number: v.Number})
		return v, err
	})
}

// Revise replaces the set of a draft. A version that is or was active is not changed any more: draft
// another.
func (k *Keeper[S]) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, r Revision[S]) (Version[S], error) {
	c := k.call(actionRevise, actor, id, r.Command, r)
	return k.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version[S]) error {
		var f itsm.Faults
		f.Merge("", c.Validate())
		k.check(ctx, u, v.Head, r.Set, "set", &f)
		if err := f.Err("revision"); err != nil {
			return err
		}
		if v.State != StateDraft {
			return k.refusal(v, actionRevise)
		}
		v.Set, v.RevisedBy = r.Set.Clone(), actor.ID
		if !slices.Contains(v.Revisers, actor.ID) {
			v.Revisers = append(slices.Clip(v.Revisers), actor.ID)
		}
		return k.put(ctx, u, v, actionRevise, v.State, Revised[S]{Family: v.Family, Number: v.Number})
	})
}

// Activate makes a draft, or a version that was retired, the one that is followed, and retires the one
// that was. Whatever was sound when it was drafted is checked again: what it speaks of may have changed
// since.
func (k *Keeper[S]) Activate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version[S], error) {
	c := k.call(actionActivate, actor, id, r, r)
	return k.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version[S]) error {
		var f itsm.Faults
		f.Merge("", c.Validate())
		k.check(ctx, u, v.Head, v.Set, "set", &f)
		if err := f.Err("activation"); err != nil {
			return err
		}
		if v.State == StateActive {
			return k.refusal(v, actionActivate)
		}
		active, err := ReadActive(ctx, u, k.table, v.Family)
		if err != nil {
			return err
		}
		v.ActivateReason = r.Reason
		return k.activate(ctx, u, active, v, actionActivate)
	})
}

// Retire has the version that is active, of the tenant's own or of the base, not be followed any more:
// what stands below it holds again.
func (k *Keeper[S]) Retire(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version[S], error) {
	c := k.call(actionRetire, actor, id, r, r)
	return k.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version[S]) error {
		if err := c.Validate(); err != nil {
			return err
		}
		if v.State != StateActive {
			return k.refusal(v, actionRetire)
		}
		if err := u.Revise(ctx, k.table.Name()); err != nil {
			return err
		}
		return k.retire(ctx, u, v, "")
	})
}

// Inherit makes a provider's set the base of a family: a copy of it becomes the active version of the
// base. What the tenant has of its own stays, and stands before it. Where the base is that very version
// already, nothing happens, and it is given as it is. [Keeper.Publish] does this for many tenants.
func (k *Keeper[S]) Inherit(ctx context.Context, actor itsm.Actor, r Inheritance[S]) (Version[S], error) {
	r.Base.Source.Provider = false // the giver's own base is a version of the giver, too
	c := k.call(actionInherit, actor, "", r.Command, r)
	return k.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (v Version[S], err error) {
		v.Head = Head{Family: r.Family, Stack: StackBase}
		var f itsm.Faults
		f.Merge("", c.Validate())
		f.Key("base.source.tenant", string(r.Base.Source.Tenant))
		f.Key("base.source.set", string(r.Base.Source.Set))
		if r.Base.Source.Number < 1 {
			f.Add("base.source.number", "must be 1 or more")
		}
		if r.Base.Source.Tenant == u.Tenant() {
			f.Add("base.source.tenant", "is the tenant itself")
		}
		k.check(ctx, u, v.Head, r.Base.Set, "base.set", &f)
		if err := f.Err("inheritance"); err != nil {
			return v, err
		}
		if err := k.lock(ctx, u, r.Family); err != nil {
			return v, err
		}
		active, err := ReadActive(ctx, u, k.table, r.Family)
		if err != nil {
			return v, err
		}
		if a := active.Base; a != nil && a.Source == r.Base.Source {
			return *a, nil
		}
		v.Body = Body[S]{Set: r.Base.Set.Clone(), Source: r.Base.Source, DraftReason: r.Reason, ActivateReason: r.Reason}
		if err := k.begin(ctx, u, &v); err != nil {
			return v, err
		}
		err = k.activate(ctx, u, active, &v, actionInherit)
		return v, err
	})
}

// Publish gives the version of a family that is active of the actor's tenant's own to other tenants as
// their base: to each by [Keeper.Inherit] in a transaction of its own, as the actor with what it was
// granted there. A tenant that has it already stays as it is, so that it can be repeated. The error joins
// those of the tenants where it failed, each named; the others have it. Where nothing is active it is
// ErrNotFound.
func (k *Keeper[S]) Publish(ctx context.Context, actor itsm.Actor, r Publication, tenants ...storage.Tenant) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	var f itsm.Faults
	k.family(r.Family, &f)
	if r.IfVersion != 0 {
		f.Add("if_version", "is for commands on one record")
	}
	if err := f.Err("publication"); err != nil {
		return err
	}
	var base Layer[S]
	err := k.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, rd storage.Reader) error {
		if err := k.e.Authorizer().Authorize(ctx, actor, k.manage, k.subject("")); err != nil {
			return err
		}
		active, err := ReadActive(ctx, rd, k.table, r.Family)
		if err != nil {
			return err
		}
		if active.Own == nil {
			return &storage.Error{Op: "publish", Table: k.table.Name(), Err: storage.ErrNotFound}
		}
		base = active.Own.Layer()
		return nil
	})
	if err != nil {
		return err
	}
	var failures []error
	for _, t := range tenants {
		if _, err := k.Inherit(ctx, actor.In(t), Inheritance[S]{Command: r.Command, Family: r.Family, Base: base}); err != nil {
			failures = append(failures, fmt.Errorf("tenant %s: %w", t, err))
		}
	}
	return errors.Join(failures...)
}

func (k *Keeper[S]) call(action string, actor itsm.Actor, target itsm.ID, c itsm.Command, request any) engine.Call {
	return engine.Call{Name: k.table.Name() + "." + action, Actor: actor, Command: c, Target: target, Request: request}
}

// execute runs a command of who may manage versions, as the engine does. Who gives an old key again needs
// to be permitted still.
func (k *Keeper[S]) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Version[S], error)) (Version[S], error) {
	return engine.Execute(ctx, k.e, k.table, c, func(ctx context.Context, u *engine.Unit) (Version[S], error) {
		if err := u.Authorize(ctx, k.manage, k.subject(c.Target)); err != nil {
			return Version[S]{}, err
		}
		return fn(ctx, u)
	}, func(ctx context.Context, u *engine.Unit, v Version[S], again bool) (Version[S], error) {
		if again {
			if err := u.Authorize(ctx, k.manage, k.subject(v.ID)); err != nil {
				return Version[S]{}, err
			}
		}
		k.show(ctx, c.Actor, &v)
		return v, nil
	})
}

// command runs a command on one version, when no other changes those of its family.
func (k *Keeper[S]) command(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit, *Version[S]) error) (Version[S], error) {
	return k.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version[S], error) {
		v, err := k.table.Get(ctx, u, c.Target)
		if err != nil {
			return v, err
		}
		if err := k.lock(ctx, u, v.Family); err != nil {
			return v, err
		}
		// It may have been changed while the lock was waited for.
		if v, err = k.table.Get(ctx, u, c.Target); err != nil {
			return v, err
		}
		err = fn(ctx, u, &v)
		return v, err
	})
}

// lock keeps other commands from changing the versions of a family, whose name may be as long as a
// lock's.
func (k *Keeper[S]) lock(ctx context.Context, u *engine.Unit, family string) error {
	return u.Lock(ctx, k.table.Name()+"/family/"+digest.Of(family))
}

// begin gives a new version its id and the next number of its family and stack. It is not put yet.
func (k *Keeper[S]) begin(ctx context.Context, u *engine.Unit, v *Version[S]) error {
	if err := k.lock(ctx, u, v.Family); err != nil {
		return err
	}
	last, err := k.table.List(ctx, u, storage.Query[Head]{
		Where: storage.AllOf(ByFamily.Is(v.Family), ByStack.Is(v.Stack)), Order: []storage.Order{ByNumber.Desc()}, Limit: 1,
	})
	if err != nil {
		return err
	}
	v.Number = 1
	if len(last.Items) > 0 {
		v.Number = last.Items[0].Number + 1
	}
	v.ID, v.DraftedBy = u.NewID(), u.Actor().ID
	return nil
}

// activate makes a version the active one of its family and stack.
func (k *Keeper[S]) activate(ctx context.Context, u *engine.Unit, active Active[S], v *Version[S], action string) error {
	told := Activated[S]{Family: v.Family, Stack: v.Stack, Number: v.Number}
	if old := *active.of(v.Stack); old != nil {
		told.Replaced = old.ID
		// What came by Records was read past the unit, which reads it again to compare.
		if err := k.retire(ctx, u, old, v.ID); err != nil {
			return err
		}
	}
	if err := u.Revise(ctx, k.table.Name()); err != nil {
		return err
	}
	was := v.State
	v.State, v.ActivatedAt, v.ActivatedBy = StateActive, u.Now(), u.Actor().ID
	return k.put(ctx, u, v, action, was, told)
}

// retire makes an active version a retired one.
func (k *Keeper[S]) retire(ctx context.Context, u *engine.Unit, v *Version[S], by itsm.ID) error {
	v.State, v.RetiredAt = StateRetired, u.Now()
	return k.put(ctx, u, v, actionRetire, StateActive, Retired[S]{Family: v.Family, Stack: v.Stack, Number: v.Number, By: by})
}

// put puts a version and tells of it.
func (k *Keeper[S]) put(ctx context.Context, u *engine.Unit, v *Version[S], action string, from State, data itsm.Payload) error {
	if err := k.table.Put(ctx, u, v); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: k.table.Name(), Record: v.ID, Action: action, From: string(from), To: string(v.State),
		FromCategory: categories[from], ToCategory: categories[v.State], Data: data})
	return nil
}

// refusal is that of an action in a version's state, which names those that are permitted.
func (k *Keeper[S]) refusal(v *Version[S], action string) error {
	return &itsm.TransitionError{Kind: k.table.Name(), ID: v.ID, State: string(v.State), Action: action, Permitted: slices.Clone(permitted[v.State])}
}
