// This file holds how a plan follows what happens to its tasks, in the same transaction: tasks are
// made ready, wait again, or are skipped, and the end of the last one is told.

package task

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// PlanKind is the kind of the record that each parent with tasks has: it counts them, and the event
// [AllEnded] is about it.
const PlanKind = "task_plan"

// planRecord is what is kept of the tasks of one parent together. It is put whenever one of them is
// added, ends or opens, or waits for something else, so that of two units which do so at the same
// time the second runs again and sees what the first has done.
type planRecord struct {
	planHead
	planBody
}

type planHead struct {
	storage.Meta
	ParentKind string  `json:"parent_kind"`
	ParentID   itsm.ID `json:"parent_id"`
	// Open is the number of open tasks.
	Open int64 `json:"open"`
}

type planBody struct {
	Tasks       Counts `json:"tasks"`
	Mandatory   Counts `json:"mandatory"`
	ParentEnded bool   `json:"parent_ended,omitempty"`
}

var planTable = storage.Define(PlanKind, storage.Def[planRecord, planHead, planBody]{
	Parts: func(r *planRecord) (*planHead, *planBody) { return &r.planHead, &r.planBody },
	Columns: []storage.ColumnOf[planHead]{
		storage.Col("parent_kind", func(h *planHead) *string { return &h.ParentKind }),
		storage.Col("parent_id", func(h *planHead) *itsm.ID { return &h.ParentID }),
		storage.Col("open", func(h *planHead) *int64 { return &h.Open }),
	},
})

// planID is the id of the plan of a parent, the same whoever makes it.
func planID(parent itsm.Ref) itsm.ID {
	return itsm.ID(digest.Of(parent.Kind, string(parent.ID)))
}

// readPlan gives the plan of a parent, or an empty one and false.
func readPlan(ctx context.Context, r storage.Reader, parent itsm.Ref) (planRecord, bool, error) {
	plan, err := planTable.Get(ctx, r, planID(parent))
	if errors.Is(err, itsm.ErrNotFound) {
		plan = planRecord{planHead: planHead{ParentKind: parent.Kind, ParentID: parent.ID}}
		plan.ID = planID(parent)
		return plan, false, nil
	}
	return plan, err == nil, err
}

// of gives all tasks of a parent in the order of their positions.
func (p *Practice) of(ctx context.Context, r storage.Reader, parent itsm.Ref) ([]Task, error) {
	q := storage.Query[Head]{
		Where: storage.AllOf(ByParentKind.Is(parent.Kind), ByParentID.Is(parent.ID)),
		Order: []storage.Order{ByPosition.Asc()}, Limit: storage.MaxPage,
	}
	var tasks []Task
	for t, err := range storage.Pages(q, func(q storage.Query[Head]) (storage.Page[Task], error) { return p.table.Records(ctx, r, q) }) {
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// settle moves every task of a parent to where its predecessors and the clock leave it.
func (p *Practice) settle(ctx context.Context, u *engine.Unit, parent itsm.Ref) error {
	plan, _, err := readPlan(ctx, u.Quiet(), parent)
	if err != nil {
		return err
	}
	tasks, err := p.of(ctx, u, parent)
	if err != nil {
		return err
	}
	return p.settleFrom(ctx, u, plan, tasks)
}

// settleFrom does so from the tasks as they stand, and the plan as it was read before anything else:
// where another unit has changed the tasks since, it is a conflict, and the command runs again.
func (p *Practice) settleFrom(ctx context.Context, u *engine.Unit, plan planRecord, tasks []Task) error {
	todo, _ := moves(tasks, u.Now())
	for _, m := range todo {
		if err := p.apply(ctx, u, tasks, m); err != nil {
			return err
		}
	}
	return p.tell(ctx, u, plan, tasks)
}

// apply does one move, and sets the task that it moved in the list.
func (p *Practice) apply(ctx context.Context, u *engine.Unit, tasks []Task, m move) error {
	t := &tasks[m.task]
	if t.State == StateSkipped { // it waits first, whatever follows
		if err := p.auto(ctx, u, t, ActionRevive, "", Revived{}); err != nil || m.to == waiting {
			return err
		}
	}
	switch m.to {
	case ready:
		return p.auto(ctx, u, t, ActionRelease, "", Released{})
	case waiting:
		return p.auto(ctx, u, t, ActionBlock, "", Blocked{})
	}
	because := &tasks[m.because]
	reason := ""
	for i := range t.After {
		if d := &t.After[i]; d.Task == because.ID {
			reason = whyDead(d, because)
		}
	}
	return p.auto(ctx, u, t, ActionSkip, reason, Skipped{Auto: true, Because: because.ID})
}

// auto takes an action of the plan's own on a task, as a system actor.
func (p *Practice) auto(ctx context.Context, u *engine.Unit, t *Task, a Action, reason string, payload itsm.Payload) error {
	w := p.workOn(u, *t)
	w.actor, w.Reason = u.System(Kind), reason
	if err := w.fire(ctx, a, payload); err != nil {
		return err
	}
	w.event.Actor, w.event.ActorName, w.event.System = w.actor.ID, w.actor.Name, true
	if s, ok := payload.(Skipped); ok {
		w.AutoSkipped = s.Auto
	}
	if err := w.store(ctx); err != nil {
		return err
	}
	*t = w.Task
	return nil
}

// tell puts the plan of the tasks, and tells when the last open one of them has ended.
func (p *Practice) tell(ctx context.Context, u *engine.Unit, plan planRecord, tasks []Task) error {
	was := plan.Tasks
	plan.Tasks, plan.Mandatory = Counts{}, Counts{}
	for i := range tasks {
		plan.Tasks.add(tasks[i].Outcome)
		if !tasks[i].Optional {
			plan.Mandatory.add(tasks[i].Outcome)
		}
	}
	plan.Open = int64(plan.Tasks.Open)
	if plan.Open > 0 || was.Open == 0 && was.Total() == plan.Tasks.Total() {
		if plan.Version == 0 {
			plan.Created = u.Now()
		}
		plan.Updated = u.Now()
		return planTable.Put(ctx, u.Quiet(), &plan)
	}
	if err := planTable.Put(ctx, u, &plan); err != nil {
		return err
	}
	system := u.System(Kind)
	u.Emit(itsm.Event{
		Kind: PlanKind, Record: plan.ID, Action: "all_ended", Actor: system.ID, ActorName: system.Name, System: true,
		Data: AllEnded{Parent: itsm.Ref{Kind: plan.ParentKind, ID: plan.ParentID}, Tasks: plan.Tasks, Mandatory: plan.Mandatory},
	})
	return nil
}
