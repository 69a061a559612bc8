// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package change

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// Practice is the change practice over an engine. It is safe for any number of goroutines.
type Practice struct {
	e         *engine.Engine
	ballots   *ballot.Practice
	tasks     *task.Practice // nil for none
	templates *versioned.Keeper[Template]
	*settings
}

// settings are what every rebinding of a practice shares. They do not change.
type settings struct {
	o      Options
	table  storage.Table[Change, Head, Body]
	models map[ModelName]*Model
	// publicFields are the fields of Options without the internal ones.
	publicFields *itsm.FieldSet
	// internalColumns are the host's own columns that hold an internal field.
	internalColumns map[string]bool
}

// New makes the practice and registers it on the engine: its tables, events and reactions. ballots keeps what is
// decided in the gates of its changes, and leaves [PurposeAuthorise] of changes to the practice alone. It is ErrInvalid, with every fault, where an option cannot be, and where the engine
// is in use already or has the practice.
func New(e *engine.Engine, ballots *ballot.Practice, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	if ballots == nil {
		f.Add("ballots", "are required")
	}
	o, err := o.withDefaults()
	f.Merge("", err)
	var table storage.Table[Change, Head, Body]
	if err == nil {
		table, err = Table.With(o.Columns, o.Indexes...)
		f.Merge("", err)
	}
	if err := f.Err("change options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, ballots: ballots, tasks: o.Tasks, settings: &settings{o: o, table: table, models: map[ModelName]*Model{}, internalColumns: map[string]bool{}}}
	for i := range o.Models {
		p.models[o.Models[i].Name] = &o.Models[i]
	}
	var public []itsm.FieldDefinition
	for _, d := range o.Fields.Definitions() {
		if d.Internal {
			p.internalColumns[customPrefix+d.Name] = true
		} else {
			public = append(public, d)
		}
	}
	if p.publicFields, err = itsm.NewFieldSet(public...); err != nil {
		return nil, err
	}
	p.templates = p.keepTemplates()
	if err := e.Use(p.module()); err != nil {
		return nil, err
	}
	// No person asks for the authorisation of a change by a policy of their own.
	if err := ballots.Claim(Kind, PurposeAuthorise); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Practice) module() engine.Module {
	return engine.Module{
		Name: Kind,
		Tables: []*storage.Schema{p.table.Schema(), itemTable.Schema(), causedTable.Schema(),
			TemplateTable.Schema(), templateStateTable.Schema()},
		Events:    slices.Concat(eventTypes(), templateEvents()),
		Reactions: p.reactions(),
	}
}

func (p *Practice) reactions() []engine.Reaction {
	all := []engine.Reaction{engine.On(p.gatesDecided)}
	if p.tasks != nil {
		all = append(all, engine.On(p.taskReleased), engine.On(p.taskStarted), engine.On(p.taskResumed))
	}
	return all
}

// In gives the practice over another store: one joined to the host's own transaction, or that
// of an open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	in := &Practice{e: p.e.In(s), ballots: p.ballots.In(s), templates: p.templates.In(s), settings: p.settings}
	if p.tasks != nil {
		in.tasks = p.tasks.In(s)
	}
	return in
}

// Models gives the models that the practice follows, with what stands for their zero values.
func (p *Practice) Models() []Model { return slices.Clone(p.o.Models) }

// Model gives one of the models, and whether there is one of the name.
func (p *Practice) Model(name ModelName) (Model, bool) {
	m, ok := p.models[name]
	if !ok {
		return Model{}, false
	}
	return *m, true
}

// Table is the table with the host's own columns.
func (p *Practice) Table() storage.Table[Change, Head, Body] { return p.table }

// The host's own columns are told by their names, which storage.Custom makes.
const customPrefix = "x_"

func isCustom(column string) bool { return strings.HasPrefix(column, customPrefix) }

// execute runs a command as the engine does; the actor gets what it may see of the change. A
// command that was given under its key before is not run again: its result is read as the actor
// may read it now.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Change, error)) (Change, error) {
	return engine.Execute(ctx, p.e, p.table, c, fn, func(ctx context.Context, u *engine.Unit, ch Change, again bool) (Change, error) {
		if again {
			var err error
			if ch, err = p.find(ctx, u, c.Actor, ch.ID); err != nil {
				return Change{}, err
			}
		}
		internal, err := p.allows(ctx, c.Actor, PermissionReadInternal, &ch)
		if err != nil {
			return Change{}, err
		}
		return p.shown(ctx, u, c.Actor, internal, ch)
	})
}

// command runs one command on one change: it is loaded and the actor's permission for the
// action is asked; fn applies the input and fires; what came of it is put and told.
func (p *Practice) command(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, cmd itsm.Command, request any, fn func(context.Context, *work) error) (Change, error) {
	call := engine.Call{Name: Kind + "." + string(action), Actor: actor, Command: cmd, Target: id, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Change, error) {
		w, err := p.begin(ctx, u, id)
		if err != nil {
			return Change{}, err
		}
		if w.isAction(action) {
			if err := w.authorize(ctx, w.permission(action)); err != nil {
				return Change{}, err
			}
		}
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, w); err != nil {
			return Change{}, err
		}
		return w.finish(ctx)
	})
}

// isNotFound says whether there is no such record, or none that the actor may know of.
func isNotFound(err error) bool { return errors.Is(err, itsm.ErrNotFound) }

// isForbidden says whether an authorizer refused.
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }
