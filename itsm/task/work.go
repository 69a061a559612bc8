// This file holds the one mechanism of all commands: check, fire, put, emit.

package task

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// work is one command under way on one task. A command applies its input to the embedded case, notes
// faults, and then fires.
type work struct {
	*Case
	p *Practice
	// u is the unit, nil where nothing is to be written; r reads in it.
	u      *engine.Unit
	r      storage.Reader
	actor  itsm.Actor
	now    time.Time
	faults itsm.Faults
	event  *itsm.Event // emitted when the record has been put
	// follow says that the plan must follow. plan and tasks are as they were when the command first
	// looked at the other tasks: what it concluded stands only if none of them was changed meanwhile.
	follow bool
	plan   *planRecord
	tasks  []Task
}

func (p *Practice) workOn(u *engine.Unit, t Task) *work {
	return &work{
		Case: &Case{Task: t, Was: t, Reason: u.Command().Reason},
		p:    p, u: u, r: u, actor: u.Actor(), now: u.Now(),
	}
}

// permission is what the actor needs for the action in the state of the task; where the state has no
// such action, what it takes elsewhere.
func (w *work) permission(a Action) itsm.Permission {
	l := w.p.o.Lifecycle
	if permission, ok := w.p.permissions[a]; ok && !l.Has(w.State, a) {
		return permission
	}
	return l.Permission(w.State, a)
}

// facts loads what guards look at, for an action or, with none, for all: only what would open a task
// again has any.
func (w *work) facts(ctx context.Context, a Action) error {
	if w.Open || a != "" && !w.p.opening[a] {
		return nil
	}
	tasks, err := w.others(ctx)
	if err != nil {
		return err
	}
	w.Followers = followers(tasks, w.ID, w.now)
	w.ParentEnded = w.plan.ParentEnded
	return nil
}

// others reads the plan, and then the tasks of the same parent, this one included.
func (w *work) others(ctx context.Context) ([]Task, error) {
	if w.plan != nil {
		return w.tasks, nil
	}
	plan, _, err := readPlan(ctx, w.r, w.Parent())
	if err != nil {
		return nil, err
	}
	w.plan = &plan
	w.tasks, err = w.p.of(ctx, w.r, w.Parent())
	return w.tasks, err
}

func (w *work) attempt() attempt {
	return attempt{Subject: w.Case, ID: w.ID, Actor: w.actor, Now: w.now, Previous: string(w.Before), Faults: &w.faults}
}

// fire checks the action, with all that is wrong with the input at once, and takes it. Nothing has
// been written by then.
func (w *work) fire(ctx context.Context, a Action, payload itsm.Payload) error {
	if err := w.facts(ctx, a); err != nil {
		return err
	}
	l := w.p.o.Lifecycle
	to, err := l.Fire(ctx, w.State, a, w.attempt())
	if err != nil {
		return err
	}
	from, next := w.category(w.State), w.category(to)
	w.event = &itsm.Event{
		Kind: Kind, Record: w.ID, Action: string(a), Data: payload, Reason: w.Reason,
		From: string(w.State), To: string(to), FromCategory: from, ToCategory: next,
	}
	w.move(to, from, next)
	return nil
}

// move has the effects that hang on the categories of the states.
func (w *work) move(to State, from, next itsm.Category) {
	switch {
	case next != itsm.CategoryWaiting:
		w.Before, w.HoldReason = "", ""
	case from != itsm.CategoryWaiting:
		w.Before, w.HoldReason = w.State, w.Reason
		w.Holds++
	}
	switch {
	case from.Open() && !next.Open():
		w.EndedAt, w.EndReason = w.now, w.Reason
		w.Outcome = w.p.o.outcome(to)
		w.follow = true
	case !from.Open() && next.Open():
		if !w.AutoSkipped {
			w.Retries++
		}
		w.EndedAt, w.StartedAt, w.EndReason, w.Outcome, w.Code, w.AutoSkipped = time.Time{}, time.Time{}, "", OutcomeNone, "", false
		w.follow = true
	case !from.Open() && to != w.State:
		w.Outcome = w.p.o.outcome(to)
		w.follow = true
	}
	if next == itsm.CategoryActive && w.StartedAt.IsZero() {
		w.StartedAt = w.now
	}
	w.State, w.Category, w.Open = to, next, next.Open()
}

func (w *work) category(s State) itsm.Category {
	c, _ := w.p.o.Lifecycle.Category(s)
	return c
}

// finish stores the task and lets its plan follow. A command that told nothing changed nothing.
func (w *work) finish(ctx context.Context) error {
	if w.event == nil {
		return nil
	}
	if err := w.store(ctx); err != nil || !w.follow {
		return err
	}
	if w.plan == nil {
		return w.p.settle(ctx, w.u, w.Parent())
	}
	w.tasks[places(w.tasks)[w.ID]] = w.Task
	return w.p.settleFrom(ctx, w.u, *w.plan, w.tasks)
}

// store puts the task, emits its event, and sets its jobs.
func (w *work) store(ctx context.Context) error {
	w.DueOrder = dueOrder(w.Due)
	if err := w.p.table.Put(ctx, w.u, &w.Task); err != nil {
		return err
	}
	w.u.Emit(*w.event)
	was := &w.Was
	if was.Version == 0 {
		was = nil
	}
	return putJobs(ctx, w.u, was, &w.Task)
}
