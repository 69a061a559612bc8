// This file holds the commands: draft, revise, activate, publish.

package routing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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
	// RecordKind is the kind of record that it is to route.
	RecordKind string  `json:"record_kind"`
	Set        RuleSet `json:"set"`
}

// Revision is a request to change a draft.
type Revision struct {
	itsm.Command
	Set RuleSet `json:"set"`
}

// Inheritance is a request to take over a provider's rules.
type Inheritance struct {
	itsm.Command
	RecordKind string `json:"record_kind"`
	// Base is the provider's set, with the version that it is.
	Base Layer `json:"base"`
}

// Draft makes a new version of the tenant's own rules, which nobody follows until it is activated.
// A set with a fault is ErrInvalid with every fault: see [RuleSet.Check].
func (p *Practice) Draft(ctx context.Context, actor itsm.Actor, r Draft) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionDraft, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := u.Authorize(ctx, PermissionManage, subject("")); err != nil {
			return Version{}, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		p.check(ctx, u, r.RecordKind, r.Set, StackOwn, "set", &f)
		if err := f.Err("draft"); err != nil {
			return Version{}, err
		}
		v := Version{Head: Head{RecordKind: r.RecordKind, Stack: StackOwn, State: StateDraft},
			Body: Body{Set: r.Set.clone(), DraftReason: r.Reason}}
		if err := p.begin(ctx, u, &v); err != nil {
			return Version{}, err
		}
		if err := Table.Put(ctx, u, &v); err != nil {
			return Version{}, err
		}
		u.Emit(event(&v, actionDraft, "", Drafted{RecordKind: v.RecordKind, Number: v.Number}))
		return v, nil
	})
}

// Revise replaces the set of a draft. A version that is or was active is not changed any more:
// draft another.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, r Revision) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionRevise, Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		var f itsm.Faults
		f.Merge("", c.Validate())
		p.check(ctx, u, v.RecordKind, r.Set, v.Stack, "set", &f)
		if err := f.Err("revision"); err != nil {
			return err
		}
		if v.State != StateDraft {
			return notPermitted(v, actionRevise)
		}
		v.Set, v.RevisedBy = r.Set.clone(), actor.ID
		if err := Table.Put(ctx, u, v); err != nil {
			return err
		}
		u.Emit(event(v, actionRevise, v.State, Revised{RecordKind: v.RecordKind, Number: v.Number}))
		return nil
	})
}

// Activate makes a draft, or a version that was retired, the one whose rules are followed, and
// retires the one that was. Whatever was sound when it was drafted is checked again: the fields,
// the facts and the groups may have changed since.
func (p *Practice) Activate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionActivate, Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		var f itsm.Faults
		f.Merge("", c.Validate())
		p.check(ctx, u, v.RecordKind, v.Set, v.Stack, "set", &f)
		if err := f.Err("activation"); err != nil {
			return err
		}
		if v.State == StateActive {
			return notPermitted(v, actionActivate)
		}
		was := v.State
		v.ActivateReason = r.Reason
		return p.activate(ctx, u, v, was, actionActivate)
	})
}

// Inherit makes a provider's set the base of the tenant's rules: a copy of it becomes the active
// version of the base. What the tenant has of its own stays, and stands before it: see [Effective].
// Where the base is that very version already, nothing happens, and it is given as it is.
//
// The actor needs PermissionManage in the tenant. [Practice.Publish] does this for many tenants.
func (p *Practice) Inherit(ctx context.Context, actor itsm.Actor, r Inheritance) (Version, error) {
	c := engine.Call{Name: Kind + "." + actionInherit, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := u.Authorize(ctx, PermissionManage, subject("")); err != nil {
			return Version{}, err
		}
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
		p.check(ctx, u, r.RecordKind, r.Base.Set, StackBase, "base.set", &f)
		if err := f.Err("inheritance"); err != nil {
			return Version{}, err
		}
		if err := lock(ctx, u, r.RecordKind); err != nil {
			return Version{}, err
		}
		active, err := activeOf(ctx, u, r.RecordKind)
		if err != nil {
			return Version{}, err
		}
		if a := active[StackBase]; a != nil && a.Source == r.Base.Source {
			return *a, nil
		}
		v := Version{Head: Head{RecordKind: r.RecordKind, Stack: StackBase},
			Body: Body{Set: r.Base.Set.clone(), Source: r.Base.Source, DraftReason: r.Reason, ActivateReason: r.Reason}}
		if err := p.begin(ctx, u, &v); err != nil {
			return Version{}, err
		}
		if err := p.activate(ctx, u, &v, "", actionInherit); err != nil {
			return Version{}, err
		}
		return v, nil
	})
}

// Publish gives the actor's tenant's own active rules for a kind of record to other tenants as their
// base: to each by [Practice.Inherit] in a transaction of its own, as the actor with what it was
// granted there. A tenant that has them already stays as it is, so that it can be repeated. The
// error joins those of the tenants where it failed, each named; the others have the rules.
func (p *Practice) Publish(ctx context.Context, actor itsm.Actor, recordKind string, r itsm.Command, tenants ...storage.Tenant) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	if _, err := p.Vocabulary(recordKind); err != nil {
		return err
	}
	if r.IfVersion != 0 {
		return storage.Invalid("publication", "if_version", "is for commands on one record")
	}
	var base Layer
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, rd storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionManage, ""); err != nil {
			return err
		}
		active, err := activeOf(ctx, rd, recordKind)
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
		if _, err := p.Inherit(ctx, actor.In(t), Inheritance{Command: r, RecordKind: recordKind, Base: base}); err != nil {
			failures = append(failures, fmt.Errorf("tenant %s: %w", t, err))
		}
	}
	return errors.Join(failures...)
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

// command runs a command on one version, when no other changes those of its kind of record.
func (p *Practice) command(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit, *Version) error) (Version, error) {
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := u.Authorize(ctx, PermissionManage, subject(c.Target)); err != nil {
			return Version{}, err
		}
		v, err := Table.Get(ctx, u, c.Target)
		if err != nil {
			return Version{}, err
		}
		if err := lock(ctx, u, v.RecordKind); err != nil {
			return Version{}, err
		}
		// It may have been changed while the lock was waited for.
		if v, err = Table.Get(ctx, u, c.Target); err != nil {
			return Version{}, err
		}
		if err := fn(ctx, u, &v); err != nil {
			return Version{}, err
		}
		return v, nil
	})
}

// check notes all that is wrong with a set in the tenant, under the field of the request: its own
// faults, groups that are refused, people whom nobody could choose, and a circle of overflow groups
// with those that it will be merged with.
func (p *Practice) check(ctx context.Context, u *engine.Unit, recordKind string, s RuleSet, stack Stack, field string, f *itsm.Faults) {
	v, err := p.Vocabulary(recordKind)
	if err != nil {
		f.Merge("", err)
		return
	}
	sound := s.Check(v)
	f.Merge(field, sound)
	if p.candidates == nil {
		for i, r := range s.Rules {
			if r.Person.Method != MethodNone {
				f.Addf(fmt.Sprintf("%s.rules[%d].person", field, i), "cannot be chosen: the practice has no candidates")
			}
		}
	}
	if sound != nil {
		return
	}
	if p.mayRoute != nil {
		for _, g := range s.groups() {
			f.Merge(field+"."+g.field, p.mayRoute(ctx, u, recordKind, g.id))
		}
	}
	if stack != StackOwn {
		return
	}
	active, err := activeOf(ctx, u, recordKind)
	f.Merge(field, err)
	if base := active[StackBase]; base != nil {
		merged := Effective(base.Layer(), Layer{Set: s})
		var circles itsm.Faults
		merged.Set.checkOverflow(&circles)
		for _, x := range circles.List() {
			f.Add(field+"."+x.Field, "together with that of the provider "+x.Problem)
		}
	}
}

// named is a group and the place in a set that names it.
type named struct {
	id    itsm.ID
	field string
}

// groups gives each group that a set names once, where it does so first.
func (s RuleSet) groups() (all []named) {
	seen := map[itsm.ID]bool{}
	add := func(id itsm.ID, field string) {
		if id != "" && !seen[id] {
			seen[id] = true
			all = append(all, named{id, field})
		}
	}
	for i, r := range s.Rules {
		add(r.Group, fmt.Sprintf("rules[%d].group", i))
	}
	add(s.Default, "default")
	for _, group := range slices.Sorted(maps.Keys(s.Overflow)) {
		add(s.Overflow[group], "overflow."+string(group))
	}
	return all
}

// lock keeps other commands from changing the versions for a kind of record.
func lock(ctx context.Context, u *engine.Unit, recordKind string) error {
	return u.Lock(ctx, Kind+"/set/"+recordKind)
}

// begin gives a new version its id and the next number of its kind and stack. It is not put yet.
func (p *Practice) begin(ctx context.Context, u *engine.Unit, v *Version) error {
	if err := lock(ctx, u, v.RecordKind); err != nil {
		return err
	}
	last, err := Table.List(ctx, u, storage.Query[Head]{
		Where: storage.AllOf(ByRecordKind.Is(v.RecordKind), ByStack.Is(v.Stack)),
		Order: []storage.Order{ByNumber.Desc()}, Limit: 1,
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

// activate makes a version the active one of its kind of record and stack.
func (p *Practice) activate(ctx context.Context, u *engine.Unit, v *Version, was State, action string) error {
	active, err := activeOf(ctx, u, v.RecordKind)
	if err != nil {
		return err
	}
	told := Activated{RecordKind: v.RecordKind, Stack: v.Stack, Number: v.Number}
	if old := active[v.Stack]; old != nil {
		told.Replaced = old.ID
		old.State, old.RetiredAt = StateRetired, u.Now()
		// What came by Records was read past the unit, which reads it again to compare.
		if err := Table.Put(ctx, u, old); err != nil {
			return err
		}
		u.Emit(event(old, actionRetire, StateActive, Retired{RecordKind: old.RecordKind, Stack: old.Stack, Number: old.Number, By: v.ID}))
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
	switch {
	case v.State == StateDraft:
		permitted = []string{actionRevise, actionActivate}
	case v.State == StateRetired:
		permitted = []string{actionActivate}
	}
	return &itsm.TransitionError{Kind: Kind, ID: v.ID, State: string(v.State), Action: action, Permitted: permitted}
}
