// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package task

import (
	"context"
	"errors"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Practice keeps tasks over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	*settings
}

// settings are what every rebinding of a practice shares. They do not change.
type settings struct {
	o     Options
	table storage.Table[Task, Head, Body]
	// permissions are those of the actions that the lifecycle has, in whatever state.
	permissions map[Action]itsm.Permission
	// opening are the actions that open a task that has ended, for which guards look at the others.
	opening map[Action]bool
}

// New makes the practice and registers it on the engine: its tables, events, jobs, and the reaction to
// the end of parents. It is ErrInvalid, with every fault, where an option cannot be, and where the
// engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	o, err := o.withDefaults()
	f.Merge("", err)
	var table storage.Table[Task, Head, Body]
	if err == nil {
		table, err = Table.With(o.Columns, o.Indexes...)
		f.Merge("", err)
	}
	if err := f.Err("task options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, settings: &settings{o: o, table: table, permissions: map[Action]itsm.Permission{}, opening: map[Action]bool{}}}
	for _, r := range o.Lifecycle.Rules() {
		if _, known := p.permissions[r.On]; !known {
			p.permissions[r.On] = r.Permission
		}
		for _, from := range r.From {
			was, _ := o.Lifecycle.Category(from)
			to, _ := o.Lifecycle.Category(r.To)
			if r.On != ActionRevive && !was.Open() && to.Open() {
				p.opening[r.On] = true
			}
		}
	}
	if err := e.Use(p.module()); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Practice) module() engine.Module {
	return engine.Module{
		Name:      Kind,
		Tables:    []*storage.Schema{p.table.Schema(), planTable.Schema()},
		Events:    EventTypes(),
		Reactions: []engine.Reaction{engine.OnAny(p.parentMoved)},
		Jobs: []engine.JobHandler{
			engine.OnDue(jobRelease, p.releaseDue),
			engine.OnDue(jobRemind, p.remindDue),
		},
	}
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), settings: p.settings}
}

// Lifecycle is the table of states and actions that the practice follows.
func (p *Practice) Lifecycle() *Lifecycle { return p.o.Lifecycle }

// Table is the table with the host's own columns.
func (p *Practice) Table() storage.Table[Task, Head, Body] { return p.table }

// execute runs a command as the engine does; the actor gets what it may see of the task. A command
// that was given under its key before is not run again: its result is read as the actor may read it
// now.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Task, error)) (Task, error) {
	return engine.Execute(ctx, p.e, p.table, c, fn, func(ctx context.Context, u *engine.Unit, t Task, again bool) (Task, error) {
		if again {
			var err error
			if t, err = p.find(ctx, u, c.Actor, t.ID); err != nil {
				return Task{}, err
			}
		}
		return p.shown(ctx, c.Actor, t)
	})
}

// command runs one command on one task: it is loaded and the actor's permission for the action is
// asked; fn applies the input and fires; what came of it is put and told, and the plan follows.
func (p *Practice) command(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, cmd itsm.Command, request any, fn func(context.Context, *work) error) (Task, error) {
	call := engine.Call{Name: Kind + "." + string(action), Actor: actor, Command: cmd, Target: id, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Task, error) {
		t, err := p.find(ctx, u, actor, id)
		if err != nil {
			return Task{}, err
		}
		w := p.workOn(u, t)
		if p.isAction(action) {
			if err := u.Authorize(ctx, w.permission(action), subject(&w.Was)); err != nil {
				return Task{}, err
			}
		}
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, w); err != nil {
			return Task{}, err
		}
		if err := w.finish(ctx); err != nil {
			return Task{}, err
		}
		return w.Task, nil
	})
}

// The kinds of jobs that the practice schedules; the key is the task's id.
const (
	jobRelease = "task.release"
	jobRemind  = "task.remind"
)

// jobOf is a job of a task. Those of one task run one at a time.
func jobOf(kind string, id itsm.ID, due time.Time) engine.Task {
	return engine.Task{Kind: kind, Key: string(id), Subject: Kind + "/" + string(id), Due: due}
}

// dueOf gives when a task may become ready by the clock, and when it is due and not told of yet; zero
// is never.
func dueOf(t *Task, now time.Time) (release, remind time.Time) {
	if t.State == StatePending && t.NotBefore.After(now) {
		release = t.NotBefore
	}
	if t.Open && !t.Due.Equal(t.Reminded) {
		remind = t.Due
	}
	return release, remind
}

// putJobs makes the jobs of a task what they must be after a change. was is nil for a new one.
func putJobs(ctx context.Context, u *engine.Unit, was, now *Task) error {
	var wasRelease, wasRemind time.Time
	if was != nil {
		wasRelease, wasRemind = dueOf(was, u.Now())
	}
	release, remind := dueOf(now, u.Now())
	for _, j := range []struct {
		kind     string
		was, due time.Time
	}{{jobRelease, wasRelease, release}, {jobRemind, wasRemind, remind}} {
		var err error
		switch {
		case j.was.Equal(j.due):
		case j.due.IsZero():
			err = u.Cancel(ctx, j.kind, string(now.ID))
		default:
			err = u.Schedule(ctx, jobOf(j.kind, now.ID, j.due))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// releaseDue is the job that looks at a plan when the planned start of a task has come.
func (p *Practice) releaseDue(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	t, err := p.table.Get(ctx, u, itsm.ID(due.Key))
	if err != nil {
		return ifThere(err)
	}
	if release, _ := dueOf(&t, u.Now()); !release.IsZero() {
		return u.Schedule(ctx, jobOf(jobRelease, t.ID, release)) // it was put off
	}
	return p.settle(ctx, u, t.Parent())
}

// remindDue is the job that tells that a task is due.
func (p *Practice) remindDue(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionRemind, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		_, remind := dueOf(&w.Task, w.u.Now())
		switch {
		case remind.IsZero() || !p.o.Lifecycle.Has(w.State, ActionRemind):
			return nil // it has ended, was told of, or the host tells otherwise
		case remind.After(w.u.Now()):
			return u.Schedule(ctx, jobOf(jobRemind, id, remind))
		}
		w.Reminded = w.Due
		return w.fire(ctx, ActionRemind, DueReached{Parent: w.Parent(), Due: w.Due, Group: w.Group, Assignee: w.Assignee})
	})
	return ifThere(err)
}

// ifThere takes a record that is gone for nothing left to do.
func ifThere(err error) error {
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	return err
}

// isForbidden says whether an authorizer refused.
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }
