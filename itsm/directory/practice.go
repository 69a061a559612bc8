// This file holds the practice: how it is made, what it registers on the engine, how it is rebound
// to another store, and the one way of all its commands.

package directory

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are the settings of the practice; the zero value works.
type Options struct {
	// ErasedName is what an erased person is called, before a code that tells one from another.
	// Empty is "Erased person".
	ErasedName string
	// GroupKinds are the kinds that groups may have. None allows all.
	GroupKinds []string
}

// Practice keeps the directory in the engine's store. It is a [Directory], and has the commands and
// queries of people. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	o Options
}

var _ Directory = (*Practice)(nil)

// New makes the practice and registers it on the engine: its tables, events and jobs. It is
// ErrInvalid, with every fault, where an option cannot be, and where the engine is in use already or
// has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	if o.ErasedName == "" {
		o.ErasedName = "Erased person"
	}
	f.Text("erased_name", o.ErasedName, MaxName-codeLength-1, true)
	o.GroupKinds = slices.Clone(o.GroupKinds)
	for i, kind := range o.GroupKinds {
		f.Text(at("group_kinds", i), kind, MaxName, true)
	}
	if err := f.Err("directory options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, o: o}
	if err := e.Use(p.module()); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Practice) module() engine.Module {
	return engine.Module{
		Name: "directory",
		Tables: []*storage.Schema{
			PersonTable.Schema(), OrganisationTable.Schema(), SiteTable.Schema(), GroupTable.Schema(), memberTable.Schema(),
		},
		Private: map[string][]string{KindPerson: toldFields},
		Events:  eventTypes(),
		Jobs:    []engine.JobHandler{engine.OnDue(jobForget, p.forget)},
	}
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice { return &Practice{e: p.e.In(s), o: p.o} }

// The actions, as events and the names of commands have them.
const (
	actionAdd           = "add"
	actionEdit          = "edit"
	actionErase         = "erase"
	actionChangeMembers = "change_members"
)

// commandOf is the call of a command on a record of the table.
func commandOf[R, H, B any](t storage.Table[R, H, B], action string, actor itsm.Actor, id itsm.ID, c itsm.Command, request any) engine.Call {
	return engine.Call{Name: "directory." + action + "_" + t.Name(), Actor: actor, Command: c, Target: id, Request: request}
}

// set takes over what a request gives.
func set[V any](to, given *V) {
	if given != nil {
		*to = *given
	}
}

// execute runs a command as the engine does; the actor gets what it may see of the record. A command
// that was given under its key before is not run again: its result is read as the actor may read it now.
func execute[R, H, B any](ctx context.Context, p *Practice, t storage.Table[R, H, B], c engine.Call, fn func(context.Context, *engine.Unit) (R, error)) (R, error) {
	return engine.Execute(ctx, p.e, t, c, fn, func(ctx context.Context, u *engine.Unit, rec R, again bool) (R, error) {
		if again {
			return find(ctx, p, u, c.Actor, t, t.Meta(&rec).ID)
		}
		return shown(ctx, p, c.Actor, rec)
	})
}

// create runs a command that makes a record. make gives it without its id, and notes its faults.
func create[R, H, B any](ctx context.Context, p *Practice, t storage.Table[R, H, B], c engine.Call, id itsm.ID, told itsm.Payload,
	fill func(context.Context, *engine.Unit, *itsm.Faults) (R, error),
) (R, error) {
	return execute(ctx, p, t, c, func(ctx context.Context, u *engine.Unit) (R, error) {
		var none R
		// It is no one's yet: only who may manage all may add one.
		if err := u.Authorize(ctx, PermissionManage, &itsm.Subject{Kind: t.Name()}); err != nil {
			return none, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		if err := checkNew(ctx, u, &f, t, id); err != nil {
			return none, err
		}
		rec, err := fill(ctx, u, &f)
		if err == nil {
			err = f.Err(t.Name())
		}
		if err != nil {
			return none, err
		}
		m := t.Meta(&rec)
		if m.ID = id; id == "" {
			m.ID = u.NewID()
		}
		if err := t.Put(ctx, u, &rec); err != nil {
			return none, err
		}
		u.Emit(itsm.Event{Kind: t.Name(), Record: m.ID, Action: actionAdd, Data: told})
		return rec, nil
	})
}

// checkNew notes an id that cannot be one, and one that is taken.
func checkNew[R, H, B any](ctx context.Context, r storage.Reader, f *itsm.Faults, t storage.Table[R, H, B], id itsm.ID) error {
	if id == "" {
		return nil
	}
	before := len(f.List())
	if f.Key("id", string(id)); len(f.List()) > before {
		return nil
	}
	if strings.HasPrefix(string(id), "system:") {
		f.Add("id", `begins with "system:", which names parts of the system`)
	}
	_, err := t.Get(ctx, r, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err == nil {
		f.Add("id", "is taken")
	}
	return err
}

// run runs a command on a record that is there: it is loaded, and the actor's permission is asked. fn
// has the faults of the command itself, adds its own, and writes where there are none.
func run[R, H, B any](ctx context.Context, p *Practice, t storage.Table[R, H, B], c engine.Call, permission itsm.Permission,
	fn func(context.Context, *engine.Unit, R, *itsm.Faults) (R, error),
) (R, error) {
	return execute(ctx, p, t, c, func(ctx context.Context, u *engine.Unit) (R, error) {
		var none R
		// Whole, and not as the actor may see it.
		rec, err := readable(ctx, p, u, c.Actor, t, c.Target)
		if err != nil {
			return none, err
		}
		if err := u.Authorize(ctx, permission, subject(t.Name(), c.Target)); err != nil {
			return none, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		return fn(ctx, u, rec, &f)
	})
}

// change runs a command that sets fields of a record. Where none of them is another now, nothing
// happened and nothing is told.
func change[R, H, B any](ctx context.Context, p *Practice, t storage.Table[R, H, B], c engine.Call, told itsm.Payload,
	apply func(context.Context, *engine.Unit, *R, *itsm.Faults) error,
) (R, error) {
	return run(ctx, p, t, c, PermissionManage, func(ctx context.Context, u *engine.Unit, was R, f *itsm.Faults) (R, error) {
		now, none := was, *new(R)
		if err := apply(ctx, u, &now, f); err != nil {
			return none, err
		}
		if err := f.Err(t.Name()); err != nil {
			return none, err
		}
		if reflect.DeepEqual(now, was) {
			return was, nil
		}
		if err := t.Put(ctx, u, &now); err != nil {
			return none, err
		}
		u.Emit(itsm.Event{Kind: t.Name(), Record: c.Target, Action: actionEdit, Data: told})
		return now, nil
	})
}
