// This file holds the practice: how it is made, what it registers on the engine, the one mechanism of
// its commands, and how it is rebound to another store.

package interaction

import (
	"context"
	"reflect"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Practice keeps interactions over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	*settings
}

// settings are what every rebinding of a practice shares. They do not change.
type settings struct {
	o Options
	// permissions are those of the actions that the lifecycle has, in whatever state.
	permissions map[Action]itsm.Permission
}

// New makes the practice and registers it on the engine: its table and events. It is ErrInvalid, with
// every fault, where an option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	o, err := o.withDefaults()
	f.Merge("", err)
	if err := f.Err("interaction options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, settings: &settings{o: o, permissions: map[Action]itsm.Permission{}}}
	for _, r := range o.Lifecycle.Rules() {
		if _, known := p.permissions[r.On]; !known {
			p.permissions[r.On] = r.Permission
		}
	}
	module := engine.Module{Name: Kind, Tables: []*storage.Schema{Table.Schema()}, Events: EventTypes()}
	if err := e.Use(module); err != nil {
		return nil, err
	}
	return p, nil
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), settings: p.settings}
}

// Lifecycle is the table of states and actions that the practice follows.
func (p *Practice) Lifecycle() *Lifecycle { return p.o.Lifecycle }

// execute runs a command as the engine does; the actor gets what it may see of the interaction. A
// command that was given under its key before is not run again: its result is read as the actor may
// read it now.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Interaction, error)) (Interaction, error) {
	return engine.Execute(ctx, p.e, Table, c, fn, func(ctx context.Context, u *engine.Unit, i Interaction, again bool) (Interaction, error) {
		if again {
			var err error
			if i, err = p.find(ctx, u, c.Actor, i.ID); err != nil {
				return Interaction{}, err
			}
		}
		return p.shown(ctx, u, c.Actor, i)
	})
}

// work is one command under way on one interaction. A command applies its input to the embedded case,
// notes faults, checks, and then moves.
type work struct {
	*Case
	p *Practice
	// u is the unit, nil where nothing is to be written.
	u      *engine.Unit
	actor  itsm.Actor
	now    func() attempt
	faults itsm.Faults
	// action was checked, and leads to the state.
	action Action
	to     State
	event  *itsm.Event // emitted when the record has been put
}

func (p *Practice) workOn(u *engine.Unit, i Interaction) *work {
	w := &work{Case: &Case{Interaction: i, Was: i, Reason: u.Command().Reason}, p: p, u: u, actor: u.Actor()}
	w.now = func() attempt {
		return attempt{Subject: w.Case, ID: w.ID, Actor: w.actor, Now: u.Now(), Faults: &w.faults}
	}
	return w
}

// command runs one command on one interaction: it is loaded and the actor's permission for the action is
// asked; fn applies the input and moves; what came of it is put and told.
func (p *Practice) command(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, cmd itsm.Command, request any, fn func(context.Context, *work) error) (Interaction, error) {
	call := engine.Call{Name: Kind + "." + string(action), Actor: actor, Command: cmd, Target: id, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Interaction, error) {
		i, err := p.find(ctx, u, actor, id)
		if err != nil {
			return Interaction{}, err
		}
		w := p.workOn(u, i)
		if permission, known := w.permission(action); known {
			if err := u.Authorize(ctx, permission, subject(&w.Was.Head)); err != nil {
				return Interaction{}, err
			}
		}
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, w); err != nil {
			return Interaction{}, err
		}
		return w.Interaction, w.finish(ctx)
	})
}

// permission is what the actor needs for the action in the state of the interaction; where the state has
// no such action, what it takes elsewhere. For what does not exist no one lacks a permission.
func (w *work) permission(a Action) (permission itsm.Permission, known bool) {
	if l := w.p.o.Lifecycle; l.Has(w.State, a) {
		return l.Permission(w.State, a), true
	}
	permission, known = w.p.permissions[a]
	return permission, known
}

// check says whether the action may be taken in the state with the input: all that is wrong with it at
// once. Nothing has been written by then.
func (w *work) check(ctx context.Context, a Action) error {
	to, err := w.p.o.Lifecycle.Fire(ctx, w.State, a, w.now())
	w.action, w.to = a, to
	return err
}

// move takes the action that was checked.
func (w *work) move(payload itsm.Payload) {
	from, next := w.category(w.State), w.category(w.to)
	w.event = &itsm.Event{
		Kind: Kind, Record: w.ID, Action: string(w.action), Data: payload, Internal: isInternal(payload),
		From: string(w.State), To: string(w.to), FromCategory: from, ToCategory: next,
	}
	if from == itsm.CategoryResolved && next.Open() {
		w.Reopens++
	}
	if next != itsm.CategoryCancelled {
		w.DiscardReason = ""
	}
	w.State, w.Open = w.to, next.Open()
}

// fire checks the action and takes it.
func (w *work) fire(ctx context.Context, a Action, payload itsm.Payload) error {
	if err := w.check(ctx, a); err != nil {
		return err
	}
	w.move(payload)
	return nil
}

// change is fire for an action that sets fields: where none of them is another now, nothing happened and
// nothing is told.
func (w *work) change(ctx context.Context, a Action, payload itsm.Payload) error {
	if err := w.check(ctx, a); err != nil {
		return err
	}
	if w.to != w.State || !reflect.DeepEqual(w.Interaction, w.Was) {
		w.move(payload)
	}
	return nil
}

func (w *work) category(s State) itsm.Category {
	c, _ := w.p.o.Lifecycle.Category(s)
	return c
}

// finish puts the record and emits what was told. A command that told nothing changed nothing.
func (w *work) finish(ctx context.Context) error {
	if w.event == nil {
		return nil
	}
	if err := Table.Put(ctx, w.u, &w.Interaction); err != nil {
		return err
	}
	w.u.Emit(*w.event)
	return nil
}
