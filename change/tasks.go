// This file holds what passes between a change and its tasks: when they let it start and end, and how they wait with it.

package change

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

// unready says what of its tasks keeps a change from starting: that one waits, or that there are open ones and none is ready
// or in work. Without open tasks nothing does.
func (p *Practice) unready(ctx context.Context, r storage.Reader, of itsm.Ref) ([]string, error) {
	groups, err := task.Table.CountBy(ctx, r, storage.AllOf(task.ByParentKind.Is(of.Kind), task.ByParentID.Is(of.ID), task.ByOpen.Is(true)),
		task.ByState, task.ByCategory)
	if err != nil {
		return nil, err
	}
	var open, ready, waiting int64
	for _, g := range groups {
		open += g.Count
		state, _ := g.Values[0].(string)
		category, _ := g.Values[1].(string)
		switch {
		case itsm.Category(category) == itsm.CategoryWaiting:
			waiting += g.Count
		case task.State(state) == task.StateReady || itsm.Category(category) == itsm.CategoryActive:
			ready += g.Count
		}
	}
	var unready []string
	if waiting > 0 {
		unready = append(unready, fmt.Sprintf("tasks on hold: %d", waiting))
	}
	if open > 0 && ready == 0 {
		unready = append(unready, fmt.Sprintf("no task is ready: %d wait for another or for their planned start", open-waiting))
	}
	return unready, nil
}

// openTasks says which open tasks keep a change from being complete.
func (p *Practice) openTasks(ctx context.Context, r storage.Reader, c Change) ([]string, error) {
	return task.Blockers[Change](p.tasks, p.o.OpenTasks)(ctx, r, c)
}

// heldWith is why a task waits with its change: what tells it from one that somebody held.
func (c *Change) heldWith() string { return "the change " + c.Number + " is held" }

// eachTask gives the open tasks of the change to fn, as they were before.
func (w *work) eachTask(ctx context.Context, fn func(t *task.Task) error) error {
	q := storage.Query[task.Head]{
		Where: storage.AllOf(task.ByParentKind.Is(Kind), task.ByParentID.Is(w.ID), task.ByOpen.Is(true)),
		Order: []storage.Order{task.ByPosition.Asc()}, Limit: storage.MaxPage,
	}
	var all []task.Task
	for t, err := range storage.Pages(q, func(q storage.Query[task.Head]) (storage.Page[task.Task], error) {
		return task.Table.Records(ctx, w.u, q)
	}) {
		if err != nil {
			return err
		}
		all = append(all, t)
	}
	for i := range all {
		if err := fn(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) holdTasks(ctx context.Context) error {
	if w.p.tasks == nil {
		return nil
	}
	tasks := w.p.tasks.In(w.u.Store())
	return w.eachTask(ctx, func(t *task.Task) error {
		if !tasks.Lifecycle().Has(t.State, task.ActionHold) {
			return nil
		}
		_, err := tasks.Hold(ctx, w.u.System(Kind), t.ID, itsm.Command{Reason: w.heldWith()})
		return err
	})
}

func (w *work) resumeTasks(ctx context.Context) error {
	if w.p.tasks == nil {
		return nil
	}
	tasks := w.p.tasks.In(w.u.Store())
	return w.eachTask(ctx, func(t *task.Task) error {
		if t.Category != itsm.CategoryWaiting || t.HoldReason != w.heldWith() || !tasks.Lifecycle().Has(t.State, task.ActionResume) {
			return nil
		}
		_, err := tasks.Resume(ctx, w.u.System(Kind), t.ID, itsm.Command{})
		return err
	})
}

// heldParent gives the change that a task is about, where it is held.
func (p *Practice) heldParent(ctx context.Context, u *engine.Unit, id itsm.ID) (*Change, error) {
	t, err := task.Table.Get(ctx, u, id)
	if err != nil || t.ParentKind != Kind {
		return nil, err
	}
	c, err := p.table.Get(ctx, u, t.ParentID)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil || !c.Held {
		return nil, err
	}
	return &c, nil
}

// taskReleased is the reaction to a task that becomes ready while its change is held: it waits, too.
func (p *Practice) taskReleased(ctx context.Context, u *engine.Unit, e itsm.Event, _ task.Released) error {
	c, err := p.heldParent(ctx, u, e.Record)
	if err != nil || c == nil || p.tasks == nil {
		return err
	}
	_, err = p.tasks.In(u.Store()).Hold(ctx, u.System(Kind), e.Record, itsm.Command{Reason: c.heldWith()})
	return err
}

// taskStarted and taskResumed keep people from working on the tasks of a change that is held.
func (p *Practice) taskStarted(ctx context.Context, u *engine.Unit, e itsm.Event, _ task.Started) error {
	return p.refuseWork(ctx, u, e)
}

func (p *Practice) taskResumed(ctx context.Context, u *engine.Unit, e itsm.Event, _ task.Resumed) error {
	return p.refuseWork(ctx, u, e)
}

func (p *Practice) refuseWork(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	c, err := p.heldParent(ctx, u, e.Record)
	if err != nil || c == nil {
		return err
	}
	return &itsm.TransitionError{Kind: e.Kind, ID: e.Record, State: e.From, Action: e.Action, Reason: c.heldWith()}
}
