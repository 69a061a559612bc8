// This file holds the commands and queries of rule sets: draft, revise, activate, publish.

package notify

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

// Draft is a request for a new version of a tenant's own rules.
type Draft struct {
	itsm.Command
	Set RuleSet `json:"set"`
}

// Revision is a request to change a draft.
type Revision struct {
	itsm.Command
	Set RuleSet `json:"set"`
}

// Inheritance is a request to take over a provider's rules.
type Inheritance struct {
	itsm.Command
	// Base is the provider's set, with the version that it is.
	Base Layer `json:"base"`
}

// Draft makes a new version of the tenant's own rules, which nobody follows until it is activated. A
// set with a fault is ErrInvalid with every fault: names that are empty or used twice, kinds of record
// and types of events that there are not, conditions that do not fit the record, audiences, channels
// and times that cannot be.
func (p *Practice) Draft(ctx context.Context, actor itsm.Actor, r Draft) (Version, error) {
	c := engine.Call{Name: KindRules + "." + actionDraft, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := p.checked(ctx, c, r.Set, "draft"); err != nil {
			return Version{}, err
		}
		v := Version{VersionHead{Stack: StackOwn, State: VersionDraft}, VersionBody{Set: r.Set.clone()}}
		if err := begin(ctx, u, &v); err != nil {
			return Version{}, err
		}
		if err := VersionTable.Put(ctx, u, &v); err != nil {
			return Version{}, err
		}
		u.Emit(versionEvent(&v, actionDraft, "", RulesDrafted{Number: v.Number}))
		return v, nil
	})
}

// Revise replaces the set of a draft. A version that is or was active is not changed any more: draft
// another.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, r Revision) (Version, error) {
	c := engine.Call{Name: KindRules + "." + actionRevise, Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		if err := p.checked(ctx, c, r.Set, "revision"); err != nil {
			return err
		}
		if v.State != VersionDraft {
			return notPermitted(v, actionRevise)
		}
		v.Set = r.Set.clone()
		if err := VersionTable.Put(ctx, u, v); err != nil {
			return err
		}
		u.Emit(versionEvent(v, actionRevise, v.State, RulesRevised{Number: v.Number}))
		return nil
	})
}

// Activate makes a draft, or a version that was retired, the one whose rules are followed, and retires
// the one that was. It is checked again, as records and events may have changed since it was drafted.
func (p *Practice) Activate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version, error) {
	c := engine.Call{Name: KindRules + "." + actionActivate, Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		if err := p.checked(ctx, c, v.Set, "activation"); err != nil {
			return err
		}
		if v.State == VersionActive {
			return notPermitted(v, actionActivate)
		}
		return activate(ctx, u, v, v.State, actionActivate)
	})
}

// Retire has the tenant's own active version, or the base of its provider, not be followed any more:
// what stands below it holds again.
func (p *Practice) Retire(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version, error) {
	c := engine.Call{Name: KindRules + "." + actionRetire, Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, v *Version) error {
		if err := c.Validate(); err != nil {
			return err
		}
		if v.State != VersionActive {
			return notPermitted(v, actionRetire)
		}
		v.State = VersionRetired
		if err := VersionTable.Put(ctx, u, v); err != nil {
			return err
		}
		u.Emit(versionEvent(v, actionRetire, VersionActive, RulesRetired{Stack: v.Stack, Number: v.Number}))
		return nil
	})
}

// Inherit makes a provider's set the base of the tenant's rules: a copy of it becomes the active version
// of the base. What the tenant has of its own stays, and comes first. Where the base is that very
// version already, nothing happens, and it is given as it is. [Practice.Publish] does this for many
// tenants.
func (p *Practice) Inherit(ctx context.Context, actor itsm.Actor, r Inheritance) (Version, error) {
	c := engine.Call{Name: KindRules + "." + actionInherit, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
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
		var set itsm.Faults
		r.Base.Set.check(p.known(), &set)
		f.Merge("base.set", set.Err("rule set"))
		if err := f.Err("inheritance"); err != nil {
			return Version{}, err
		}
		if err := lockRules(ctx, u); err != nil {
			return Version{}, err
		}
		active, err := activeOf(ctx, u)
		if err != nil {
			return Version{}, err
		}
		if a := active[StackBase]; a != nil && a.Source == r.Base.Source {
			return *a, nil
		}
		v := Version{VersionHead{Stack: StackBase}, VersionBody{Set: r.Base.Set.clone(), Source: r.Base.Source}}
		if err := begin(ctx, u, &v); err != nil {
			return Version{}, err
		}
		return v, activate(ctx, u, &v, "", actionInherit)
	})
}

// Publish gives the actor's tenant's own active rules to other tenants as their base: to each by
// [Practice.Inherit] in a transaction of its own, as the actor with what it was granted there. A tenant
// that has them already stays as it is, so that it can be repeated. The error joins those of the
// tenants where it failed, each named; the others have the rules.
func (p *Practice) Publish(ctx context.Context, actor itsm.Actor, r itsm.Command, tenants ...storage.Tenant) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	if r.IfVersion != 0 {
		return storage.Invalid("publication", "if_version", "is for commands on one record")
	}
	var base Layer
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, rd storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionManageRules, KindRules, ""); err != nil {
			return err
		}
		active, err := activeOf(ctx, rd)
		if err != nil {
			return err
		}
		if active[StackOwn] == nil {
			return &storage.Error{Op: "publish", Table: KindRules, Err: storage.ErrNotFound}
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

// checked gives every fault of a command and of a set.
func (p *Practice) checked(_ context.Context, c engine.Call, s RuleSet, what string) error {
	var f, set itsm.Faults
	f.Merge("", c.Validate())
	s.check(p.known(), &set)
	f.Merge("set", set.Err("rule set"))
	return f.Err(what)
}

// execute runs a command on rule sets. Who gives an old key again needs to be permitted still.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Version, error)) (Version, error) {
	may := func(ctx context.Context, u *engine.Unit, id itsm.ID) error {
		return u.Authorize(ctx, PermissionManageRules, &itsm.Subject{Kind: KindRules, ID: id})
	}
	return engine.Execute(ctx, p.e, VersionTable, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := may(ctx, u, c.Target); err != nil {
			return Version{}, err
		}
		return fn(ctx, u)
	}, func(ctx context.Context, u *engine.Unit, v Version, again bool) (Version, error) {
		if again {
			if err := may(ctx, u, v.ID); err != nil {
				return Version{}, err
			}
		}
		return v, nil
	})
}

// command runs a command on one version, when no other changes those of the tenant.
func (p *Practice) command(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit, *Version) error) (Version, error) {
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Version, error) {
		if err := lockRules(ctx, u); err != nil {
			return Version{}, err
		}
		v, err := VersionTable.Get(ctx, u, c.Target)
		if err != nil {
			return Version{}, err
		}
		return v, fn(ctx, u, &v)
	})
}

// lockRules keeps other commands from changing the versions of the tenant.
func lockRules(ctx context.Context, u *engine.Unit) error { return u.Lock(ctx, KindRules) }

// begin gives a new version its id and the next number of its stack. It is not put yet.
func begin(ctx context.Context, u *engine.Unit, v *Version) error {
	if err := lockRules(ctx, u); err != nil {
		return err
	}
	last, err := VersionTable.List(ctx, u, storage.Query[VersionHead]{
		Where: VersionByStack.Is(v.Stack), Order: []storage.Order{VersionByNumber.Desc()}, Limit: 1,
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

// activate makes a version the active one of its stack.
func activate(ctx context.Context, u *engine.Unit, v *Version, was VersionState, action string) error {
	active, err := activeOf(ctx, u)
	if err != nil {
		return err
	}
	told := RulesActivated{Stack: v.Stack, Number: v.Number}
	if old := active[v.Stack]; old != nil {
		told.Replaced = old.ID
		old.State = VersionRetired
		if err := VersionTable.Put(ctx, u, old); err != nil {
			return err
		}
		u.Emit(versionEvent(old, actionRetire, VersionActive, RulesRetired{Stack: old.Stack, Number: old.Number, By: v.ID}))
	}
	v.State, v.ActivatedAt, v.ActivatedBy = VersionActive, u.Now(), u.Actor().ID
	if err := VersionTable.Put(ctx, u, v); err != nil {
		return err
	}
	u.Emit(versionEvent(v, action, was, told))
	return nil
}

func versionEvent(v *Version, action string, from VersionState, data itsm.Payload) itsm.Event {
	category := map[VersionState]itsm.Category{
		VersionDraft: itsm.CategoryNew, VersionActive: itsm.CategoryActive, VersionRetired: itsm.CategoryClosed,
	}
	return itsm.Event{Kind: KindRules, Record: v.ID, Action: action, From: string(from), To: string(v.State),
		FromCategory: category[from], ToCategory: category[v.State], Data: data}
}

// notPermitted is the refusal of an action in a version's state, which names those that are.
func notPermitted(v *Version, action string) error {
	permitted := map[VersionState][]string{
		VersionDraft: {actionRevise, actionActivate}, VersionActive: {actionRetire}, VersionRetired: {actionActivate},
	}
	return &itsm.TransitionError{Kind: KindRules, ID: v.ID, State: string(v.State), Action: action, Permitted: permitted[v.State]}
}

// activeOf gives the active versions, by their stack.
func activeOf(ctx context.Context, r storage.Reader) (map[Stack]*Version, error) {
	page, err := VersionTable.Records(ctx, r, storage.Query[VersionHead]{Where: VersionByState.Is(VersionActive)})
	if err != nil {
		return nil, err
	}
	active := make(map[Stack]*Version, len(page.Items))
	for i := range page.Items {
		active[page.Items[i].Stack] = &page.Items[i]
	}
	return active, nil
}

// effective gives the rules that hold in the reader's tenant.
func (p *Practice) effective(ctx context.Context, r storage.Reader) (Merged, error) {
	active, err := activeOf(ctx, r)
	if err != nil {
		return Merged{}, err
	}
	var layers []Layer
	for _, s := range []Stack{StackOwn, StackBase} {
		if v := active[s]; v != nil {
			layers = append(layers, v.Layer())
		}
	}
	return Effective(append(layers, Layer{Set: p.shipped})...), nil
}

// viewRules reads one snapshot of the actor's tenant, if the actor may read rules.
func (p *Practice) viewRules(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionReadRules, KindRules, ""); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// Rules gives the rules that are followed in the actor's tenant, in their order, and where each comes
// from.
func (p *Practice) Rules(ctx context.Context, actor itsm.Actor) (m Merged, err error) {
	err = p.viewRules(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		m, err = p.effective(ctx, r)
		m = Merged{Rules: RuleSet{Rules: m.Rules}.clone().Rules, Sources: m.Sources}
		return err
	})
	return m, err
}

// Version gives a version of the rules.
func (p *Practice) Version(ctx context.Context, actor itsm.Actor, id itsm.ID) (v Version, err error) {
	err = p.viewRules(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		v, err = VersionTable.Get(ctx, r, id)
		return err
	})
	return v, err
}

// Versions gives a page of versions in the order asked for; none is by their ids, which is by when
// they were made.
func (p *Practice) Versions(ctx context.Context, actor itsm.Actor, q storage.Query[VersionHead]) (page storage.Page[VersionHead], err error) {
	err = p.viewRules(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = VersionTable.List(ctx, r, q)
		return err
	})
	return page, err
}
