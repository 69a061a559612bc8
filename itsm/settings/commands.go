// This file holds the commands of a tenant: set, clear, lock, unlock, and how it presents itself.

package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// Change is a request to set a setting.
type Change struct {
	itsm.Command
	// Value is the JSON form of the value.
	Value json.RawMessage `json:"value"`
	// Private keeps the value from the tenants below: they inherit what the tenant would have
	// without it.
	Private bool `json:"private,omitempty"`
}

// Set gives the actor's tenant a value of its own. A value that is not of the setting's type or that
// a validator refuses, merged with what is inherited where the setting is merged, is ErrInvalid with
// every fault; where the setting is locked above it is ErrTransition. Where the tenant has that very
// value already nothing happens. It takes PermissionSet.
//
// In the tenant itself the value holds when Set returns, and in every transaction that begins after
// it; in those below when what is due has run: see the package.
func (p *Practice) Set(ctx context.Context, actor itsm.Actor, setting string, r Change) (State, error) {
	return p.act(ctx, actor, setting, ActionSet, r)
}

// Clear takes the tenant's own value away, so that the inherited one holds again. Where it has none
// it is ErrTransition. It takes PermissionSet, and is permitted where the setting is locked.
func (p *Practice) Clear(ctx context.Context, actor itsm.Actor, setting string, r itsm.Command) (State, error) {
	return p.act(ctx, actor, setting, ActionClear, Change{Command: r})
}

// Lock keeps all tenants below from overriding a setting: they have what this tenant passes on,
// whether that is its own value, an inherited one or the default. What they have set themselves is
// kept, without effect. Where it is locked above already it is ErrTransition. It takes PermissionLock.
func (p *Practice) Lock(ctx context.Context, actor itsm.Actor, setting string, r itsm.Command) (State, error) {
	return p.act(ctx, actor, setting, ActionLock, Change{Command: r})
}

// Unlock ends a lock of this tenant: what those below have set themselves holds again. Where the
// tenant has not locked the setting it is ErrTransition. It takes PermissionLock.
func (p *Practice) Unlock(ctx context.Context, actor itsm.Actor, setting string, r itsm.Command) (State, error) {
	return p.act(ctx, actor, setting, ActionUnlock, Change{Command: r})
}

// permission is what an action takes.
func (a Action) permission() itsm.Permission {
	if a == ActionLock || a == ActionUnlock {
		return PermissionLock
	}
	return PermissionSet
}

func (p *Practice) act(ctx context.Context, actor itsm.Actor, setting string, a Action, r Change) (State, error) {
	type request struct {
		Setting string `json:"setting"`
		Change
	}
	c := engine.Call{Name: Kind + "." + string(a), Actor: actor, Command: r.Command, Target: itsm.ID(setting), Request: request{setting, r}}
	authorized := func(u *engine.Unit) error { return u.Authorize(ctx, a.permission(), subject("")) }
	var out State
	_, err := engine.Execute(ctx, p.e, entries, c, func(ctx context.Context, u *engine.Unit) (entry, error) {
		if err := authorized(u); err != nil {
			return entry{}, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		d, err := p.known(setting)
		if err != nil {
			f.Merge("", err)
			return entry{}, f.Err("setting")
		}
		e, err := p.open(ctx, u, setting, r.IfVersion)
		if err != nil {
			return entry{}, err
		}
		before := e
		did, err := d.apply(&e, a, r.Value, r.Private, u.Actor().ID, u.Now(), &f)
		if err := f.Err("setting " + setting); err != nil {
			return entry{}, err
		}
		if err != nil || !did {
			return e, err
		}
		who, err := loadProfile(ctx, u)
		if err != nil {
			return entry{}, err
		}
		return e, p.put(ctx, u, &e, before, a, who.Name, r.Reason)
	}, func(ctx context.Context, u *engine.Unit, e entry, again bool) (entry, error) {
		if again {
			if err := authorized(u); err != nil {
				return entry{}, err
			}
		}
		d, err := p.known(setting)
		if err != nil {
			return entry{}, err
		}
		out = d.state(&e)
		return e, p.name(ctx, u, &out.Provenance)
	})
	if err != nil {
		return State{}, err
	}
	return out, nil
}

// lockName serialises what changes the settings of one tenant: commands, and what comes from above.
const lockName = Kind

// open locks and reads the entry of a setting, which the caller has seen at a version.
func (p *Practice) open(ctx context.Context, u *engine.Unit, setting string, seen int64) (entry, error) {
	if err := u.Lock(ctx, lockName); err != nil {
		return entry{}, err
	}
	e, err := load(ctx, u, setting)
	if err == nil && e.Version == 0 && seen > 0 {
		err = &itsm.VersionError{Kind: Kind, ID: e.ID, Seen: seen}
	}
	return e, err
}

// apply does an action to an entry in memory, and says whether that changed anything. Bad input is
// noted as faults of the field "value".
func (d *definition) apply(e *entry, a Action, value json.RawMessage, private bool, by itsm.ID, at time.Time, f *itsm.Faults) (did bool, err error) {
	locked := e.Inherited.lockedBy()
	switch a {
	case ActionSet:
		if locked != "" {
			return false, d.refused(e, a)
		}
		value = d.accept(e, value, f)
		if !f.Empty() || e.Own != nil && e.Own.Private == private && sameJSON(e.Own.Value, value) {
			return false, nil
		}
		e.Own = &ownValue{Value: value, Private: private, By: by, At: at}
	case ActionClear:
		if e.Own == nil {
			return false, d.refused(e, a)
		}
		e.Own = nil
	case ActionLock:
		if locked != "" {
			return false, d.refused(e, a)
		}
		if e.Locks {
			return false, nil
		}
		e.Locks = true
	case ActionUnlock:
		if !e.Locks {
			return false, d.refused(e, a)
		}
		e.Locks = false
	default:
		f.Add("action", "must be set, clear, lock or unlock")
		return false, nil
	}
	return true, nil
}

// accept gives the canonical form of a value that may be set, or notes what is wrong with it.
func (d *definition) accept(e *entry, value json.RawMessage, f *itsm.Faults) json.RawMessage {
	if len(value) == 0 {
		f.Add("value", "is required")
		return nil
	}
	if len(value) > MaxValue {
		f.Addf("value", "must be at most %d bytes", MaxValue)
		return nil
	}
	parsed, err := d.parse(value)
	if err == nil && len(parsed) > MaxValue {
		f.Addf("value", "must be at most %d bytes", MaxValue)
		return nil
	}
	if err == nil {
		as := *e
		as.Own = &ownValue{Value: parsed}
		err = d.validate(d.state(&as).Value)
	}
	mergeFaults(f, "value", err)
	return parsed
}

// mergeFaults takes over the faults of a value, those of the whole value under the field itself.
func mergeFaults(f *itsm.Faults, field string, err error) {
	var faults itsm.Faults
	faults.Merge("", err)
	for _, x := range faults.List() {
		at := field
		if x.Field != "" {
			at += "." + x.Field
		}
		f.Add(at, x.Problem)
	}
}

// refused is the refusal of an action, which names those that are permitted.
func (d *definition) refused(e *entry, a Action) error {
	t := &itsm.TransitionError{Kind: Kind, ID: e.ID, Action: string(a), State: "open"}
	by := e.Inherited.lockedBy()
	switch {
	case by != "" && (a == ActionSet || a == ActionLock):
		t.State, t.Reason = "locked", "it is locked by "+by
	case a == ActionClear:
		t.Reason = "there is no value of its own"
	case a == ActionUnlock:
		t.Reason = "it is not locked here"
	}
	if by == "" {
		t.Permitted = append(t.Permitted, string(ActionSet))
	}
	if e.Own != nil {
		t.Permitted = append(t.Permitted, string(ActionClear))
	}
	if by == "" && !e.Locks {
		t.Permitted = append(t.Permitted, string(ActionLock))
	}
	if e.Locks {
		t.Permitted = append(t.Permitted, string(ActionUnlock))
	}
	return t
}

// put writes an entry that a command changed, its version and its event, and has what those below
// inherit pushed to them where that is another now.
func (p *Practice) put(ctx context.Context, u *engine.Unit, e *entry, before entry, a Action, shownAs, reason string) error {
	d := p.of(e)
	e.Number++
	e.ShownAs, e.Merge = shownAs, d.merge
	if err := entries.Put(ctx, u, e); err != nil {
		return err
	}
	v := Version{
		VersionHead: VersionHead{Setting: d.name, Number: e.Number, Action: a, By: u.Actor().ID},
		VersionBody: VersionBody{Locks: e.Locks, Reason: reason},
	}
	v.ID, v.Created, v.Updated = u.NewID(), u.Now(), u.Now()
	if e.Own != nil {
		v.Own = &Own{Value: e.Own.Value, Private: e.Own.Private}
	}
	if err := versions.Put(ctx, u.Quiet(), &v); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: e.ID, Action: string(a), Reason: reason, Data: Changed{Setting: d.name, Action: a, Number: e.Number}})
	if d.passes(&before).same(d.passes(e)) {
		return nil
	}
	return schedulePush(ctx, u, d.name, "")
}

// MaxDisplayName is the greatest length of a display name in characters.
const MaxDisplayName = 100

// Presentation is a request to present the tenant to those below under a name.
type Presentation struct {
	itsm.Command
	// Name is at most MaxDisplayName characters; empty takes it away.
	Name string `json:"name"`
}

// Profile is how a tenant presents itself to those below it.
type Profile struct {
	// Name is all that they ever see of it: not its id, nor who works there.
	Name string `json:"name"`
	// Version is that of the record, for a command's IfVersion.
	Version int64 `json:"version"`
}

// Present chooses the name under which those below the tenant see it as an origin and as who locked a
// setting. Without one they see "the organisation above". It takes PermissionSet.
func (p *Practice) Present(ctx context.Context, actor itsm.Actor, r Presentation) (Profile, error) {
	c := engine.Call{Name: Kind + ".present", Actor: actor, Command: r.Command, Target: profileID, Request: r}
	authorized := func(u *engine.Unit) error { return u.Authorize(ctx, PermissionSet, subject("")) }
	out, err := engine.Execute(ctx, p.e, profiles, c, func(ctx context.Context, u *engine.Unit) (profile, error) {
		if err := authorized(u); err != nil {
			return profile{}, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		f.Text("name", r.Name, MaxDisplayName, false)
		for _, x := range r.Name {
			if x < ' ' {
				f.Add("name", "must be one line")
				break
			}
		}
		if err := f.Err("presentation"); err != nil {
			return profile{}, err
		}
		if err := u.Lock(ctx, lockName); err != nil {
			return profile{}, err
		}
		who, err := loadProfile(ctx, u)
		if err != nil {
			return profile{}, err
		}
		if who.Version == 0 && r.IfVersion > 0 {
			return profile{}, &itsm.VersionError{Kind: profileKind, ID: profileID, Seen: r.IfVersion}
		}
		if who.Version > 0 && who.Name == r.Name {
			return who, nil
		}
		who.Name = r.Name
		if err := profiles.Put(ctx, u, &who); err != nil {
			return profile{}, err
		}
		u.Emit(itsm.Event{Kind: profileKind, Record: profileID, Action: "present", Data: Presented{}})
		return who, p.restamp(ctx, u, r.Name)
	}, func(ctx context.Context, u *engine.Unit, who profile, again bool) (profile, error) {
		if again {
			return who, authorized(u)
		}
		return who, nil
	})
	return Profile{Name: out.Name, Version: out.Version}, err
}

// restamp gives the tenant's own values and locks its new name, and has it pushed.
func (p *Practice) restamp(ctx context.Context, u *engine.Unit, name string) error {
	all, err := loadAll(ctx, u)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Own == nil && !e.Locks {
			continue
		}
		before := e
		e.ShownAs, e.Updated = name, u.Now()
		if err := entries.Put(ctx, u.Quiet(), &e); err != nil {
			return err
		}
		if d := p.of(&e); !d.passes(&before).same(d.passes(&e)) {
			if err := schedulePush(ctx, u, d.name, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func sorted(m map[string]*definition) (all []*definition) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[name])
	}
	return all
}

func at(setting string) string { return fmt.Sprintf("settings.%s", setting) }
