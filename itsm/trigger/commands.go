// This file holds the commands: draft, revise, activate, publish.

package trigger

import (
	"context"
	"errors"
	"fmt"

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

// Draft is a request for a new version.
type Draft struct {
	itsm.Command
	Set Set `json:"set"`
}

// Revision is a request to change a draft.
type Revision struct {
	itsm.Command
	Set Set `json:"set"`
}

// Inheritance is a request to take over a provider's triggers.
type Inheritance struct {
	itsm.Command
	// Base is the provider's set, with the version that it is.
	Base Layer `json:"base"`
}

// Draft makes a new version of the tenant's own triggers, none of which fires until it is activated.
//
// A set with a fault is ErrInvalid with every fault, by the names of the JSON form: names that cannot
// be or are used twice, event types that nobody registered, kinds of record that the practice was not
// given, columns, fields and values that there are not, conditions that can never hold where that can
// be told, actions that are unknown or cannot run then, parameters that an action refuses,
// substitutions that are unknown, or not public in a text that requesters read.
func (p *Practice) Draft(ctx context.Context, actor itsm.Actor, r Draft) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionDraft, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := u.Authorize(ctx, PermissionManage, subject("")); err != nil {
			return Version{}, err
		}
		if err := p.sound(c, r.Set, "set"); err != nil {
			return Version{}, err
		}
		v := Version{Head: Head{Stack: StackOwn, State: StateDraft}, Body: Body{Set: r.Set.clone(), DraftReason: r.Reason}}
		if err := begin(ctx, u, &v); err != nil {
			return Version{}, err
		}
		if err := Table.Put(ctx, u, &v); err != nil {
			return Version{}, err
		}
		u.Emit(event(&v, actionDraft, "", Drafted{Number: v.Number}))
		return v, nil
	})
}

// Revise replaces the set of a draft. A version that is or was active is not changed any more: draft
// another.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, r Revision) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionRevise, Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		if err := p.sound(c, r.Set, "set"); err != nil {
			return err
		}
		if v.State != StateDraft {
			return notPermitted(v, actionRevise)
		}
		v.Set, v.RevisedBy = r.Set.clone(), actor.ID
		if err := Table.Put(ctx, u, v); err != nil {
			return err
		}
		u.Emit(event(v, actionRevise, v.State, Revised{Number: v.Number}))
		return nil
	})
}

// Activate makes a draft, or a version that was retired, the one whose triggers fire, and retires the
// one that was. What was sound when it was drafted is checked again: columns, fields and actions may
// have changed since. Events that have happened and are not delivered yet meet the new version.
func (p *Practice) Activate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionActivate, Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		if err := p.sound(c, v.Set, "set"); err != nil {
			return err
		}
		if v.State == StateActive {
			return notPermitted(v, actionActivate)
		}
		was := v.State
		v.ActivateReason = r.Reason
		return activate(ctx, u, v, was, actionActivate)
	})
}

// Inherit makes a provider's set the base of the tenant's triggers: a copy of it becomes the active
// version of the base. What the tenant has of its own stays: see [Effective]. Where the base is that
// very version already, nothing happens, and it is given as it is.
//
// The actor needs PermissionManage in the tenant. [Practice.Publish] does this for many tenants.
func (p *Practice) Inherit(ctx context.Context, actor itsm.Actor, r Inheritance) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionInherit, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := u.Authorize(ctx, PermissionManage, subject("")); err != nil {
			return Version{}, err
		}
		var f itsm.Faults
		f.Key("base.source.tenant", string(r.Base.Source.Tenant))
		f.Key("base.source.set", string(r.Base.Source.Set))
		if r.Base.Source.Number < 1 {
			f.Add("base.source.number", "must be 1 or more")
		}
		if r.Base.Source.Tenant == u.Tenant() {
			f.Add("base.source.tenant", "is the tenant itself")
		}
		f.Merge("", p.sound(c, r.Base.Set, "base.set"))
		if err := f.Err("triggers"); err != nil {
			return Version{}, err
		}
		if err := lock(ctx, u); err != nil {
			return Version{}, err
		}
		active, err := activeOf(ctx, u)
		if err != nil {
			return Version{}, err
		}
		if a := active[StackBase]; a != nil && a.Source == r.Base.Source {
			return *a, nil
		}
		v := Version{Head: Head{Stack: StackBase},
			Body: Body{Set: r.Base.Set.clone(), Source: r.Base.Source, DraftReason: r.Reason, ActivateReason: r.Reason}}
		if err := begin(ctx, u, &v); err != nil {
			return Version{}, err
		}
		return v, activate(ctx, u, &v, "", actionInherit)
	})
}

// Publish gives the actor's tenant's own active triggers to other tenants as their base: to each by
// [Practice.Inherit] in a transaction of its own, as the actor with what it was granted there. A tenant
// that has them already stays as it is, so that it can be repeated. The error joins those of the
// tenants where it failed, each named; the others have the triggers.
func (p *Practice) Publish(ctx context.Context, actor itsm.Actor, r itsm.Command, tenants ...storage.Tenant) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	if r.IfVersion != 0 {
		return storage.Invalid("publication", "if_version", "is for commands on one record")
	}
	var base Layer
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, rd storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionManage); err != nil {
			return err
		}
		active, err := activeOf(ctx, rd)
		if err != nil {
			return err
		}
		if active[StackOwn] == nil {
			return &storage.Error{Op: "publish", Table: Kind, Err: storage.ErrNotFound}
		}
		base = active[StackOwn].Layer()
		return nil
	})
	if err != nil {
		return err
	}
	var failures []error
	for _, t := range tenants {
		if _, err := p.Inherit(ctx, actor.In(t), Inheritance{Command: r, Base: base}); err != nil {
			failures = append(failures, fmt.Errorf("tenant %s: %w", t, err))
		}
	}
	return errors.Join(failures...)
}

// sound gives every fault of a command and its set.
func (p *Practice) sound(c engine.Call, s Set, field string) error {
	var f itsm.Faults
	f.Merge("", c.Validate())
	p.check(s, p.e.EventTypes(), field, &f)
	return f.Err("triggers")
}

// execute runs a command as the engine does. Who gives an old key again needs to be permitted still.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Version, error)) (Version, error) {
	return engine.Execute(ctx, p.e, Table, c, fn, func(ctx context.Context, u *engine.Unit, v Version, again bool) (Version, error) {
		if again {
			if err := u.Authorize(ctx, PermissionManage, subject(v.ID)); err != nil {
				return Version{}, err
			}
		}
		return v, nil
	})
}

// command runs a command on one version, when no other changes those of the tenant.
func (p *Practice) command(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit, *Version) error) (Version, error) {
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := u.Authorize(ctx, PermissionManage, subject(c.Target)); err != nil {
			return Version{}, err
		}
		if err := lock(ctx, u); err != nil {
			return Version{}, err
		}
		v, err := Table.Get(ctx, u, c.Target)
		if err != nil {
			return Version{}, err
		}
		return v, fn(ctx, u, &v)
	})
}

// lock keeps other commands from changing the tenant's versions.
func lock(ctx context.Context, u *engine.Unit) error { return u.Lock(ctx, Kind+"/set") }

// begin gives a new version its id and the next number of its stack. It is not put yet.
func begin(ctx context.Context, u *engine.Unit, v *Version) error {
	if err := lock(ctx, u); err != nil {
		return err
	}
	last, err := Table.List(ctx, u, storage.Query[Head]{Where: ByStack.Is(v.Stack), Order: []storage.Order{ByNumber.Desc()}, Limit: 1})
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

// activate makes a version the active one of its stack.
func activate(ctx context.Context, u *engine.Unit, v *Version, was State, action string) error {
	active, err := activeOf(ctx, u)
	if err != nil {
		return err
	}
	told := Activated{Stack: v.Stack, Number: v.Number}
	if old := active[v.Stack]; old != nil {
		told.Replaced = old.ID
		old.State, old.RetiredAt = StateRetired, u.Now()
		// What came by Records was read past the unit, which reads it again to compare.
		if err := Table.Put(ctx, u, old); err != nil {
			return err
		}
		u.Emit(event(old, actionRetire, StateActive, Retired{Stack: old.Stack, Number: old.Number, By: v.ID}))
	}
	v.State, v.ActivatedAt, v.ActivatedBy = StateActive, u.Now(), u.Actor().ID
	if err := Table.Put(ctx, u, v); err != nil {
		return err
	}
	u.Emit(event(v, action, was, told))
	return nil
}

func event(v *Version, action string, from State, data itsm.Payload) itsm.Event {
	return itsm.Event{Kind: Kind, Record: v.ID, Action: action, From: string(from), To: string(v.State),
		FromCategory: category(from), ToCategory: category(v.State), Data: data}
}

func category(s State) itsm.Category {
	switch s {
	case StateDraft:
		return itsm.CategoryNew
	case StateActive:
		return itsm.CategoryActive
	case StateRetired:
		return itsm.CategoryClosed
	}
	return ""
}

// notPermitted is the refusal of an action in a version's state, which names those that are.
func notPermitted(v *Version, action string) error {
	var permitted []string
	switch v.State {
	case StateDraft:
		permitted = []string{actionRevise, actionActivate}
	case StateRetired:
		permitted = []string{actionActivate}
	}
	return &itsm.TransitionError{Kind: Kind, ID: v.ID, State: string(v.State), Action: action, Permitted: permitted}
}
