// This file holds how tasks come into being, and how they are put one before another.

package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Add makes the tasks of a plan, all of them or none, and gives the tasks that the parent has then.
// Those with nothing before them are ready at once, unless their planned start is later. It asks for
// "task.manage" on every task as it will be assigned; a parent that the actor may not read is not
// found. What [Plan.Validate] refuses is ErrInvalid with every fault, and so are names that the parent
// has already and more than [MaxTasks] tasks in all.
//
// A parent whose tasks were cancelled with it when it ended takes no more. One that had none when it
// ended is not known to have: a practice adds tasks while its own lifecycle lets it.
func (p *Practice) Add(ctx context.Context, actor itsm.Actor, parent itsm.Ref, plan Plan) (Graph, error) {
	request := struct {
		Parent itsm.Ref
		Plan   Plan
	}{parent, plan}
	call := engine.Call{Name: Kind + ".add_plan", Actor: actor, Command: plan.Command, Request: request}
	var g Graph
	_, err := engine.Execute(ctx, p.e, planTable, call, func(ctx context.Context, u *engine.Unit) (planRecord, error) {
		a := p.adding(u, parent)
		if err := a.open(ctx); err != nil {
			return planRecord{}, err
		}
		a.faults.Merge("", call.Validate())
		plan.check(&a.faults)
		ids := map[string]itsm.ID{}
		for i := range plan.Tasks {
			t := plan.Tasks[i].new("", parent)
			a.add(&t, fmt.Sprintf("tasks[%d].", i))
		}
		if err := a.check(ctx); err != nil {
			return planRecord{}, err
		}
		for i := range a.tasks {
			a.tasks[i].ID = u.NewID()
			ids[a.tasks[i].Name] = a.tasks[i].ID
		}
		for _, e := range plan.Edges {
			t := &a.tasks[a.named[e.To]]
			t.After = append(t.After, Dependency{Task: ids[e.From], Allows: e.Allows, When: e.When})
		}
		if err := a.put(ctx); err != nil {
			return planRecord{}, err
		}
		out, _, err := readPlan(ctx, u.Quiet(), parent)
		return out, err
	}, func(ctx context.Context, u *engine.Unit, r planRecord, again bool) (planRecord, error) {
		var err error
		g, err = p.graph(ctx, u, actor, parent)
		return r, err
	})
	if err != nil {
		return Graph{}, err
	}
	return g, nil
}

// Addition is one task to be added, and what comes before it.
type Addition struct {
	itsm.Command
	Item
	// After are tasks of the same parent. Their order has no meaning.
	After []Dependency `json:"after,omitempty"`
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head] `json:"-"`
}

// AddTask makes one task, as [Practice.Add] does. Where what comes before it has ended already in a way
// that its edge does not allow, it is skipped by itself at once.
func (p *Practice) AddTask(ctx context.Context, actor itsm.Actor, parent itsm.Ref, r Addition) (Task, error) {
	request := struct {
		Parent itsm.Ref
		Task   keyed
	}{parent, withColumns(r, r.Columns)}
	call := engine.Call{Name: Kind + ".add", Actor: actor, Command: r.Command, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Task, error) {
		a := p.adding(u, parent)
		if err := a.open(ctx); err != nil {
			return Task{}, err
		}
		a.faults.Merge("", call.Validate())
		r.Item.check("", &a.faults)
		t := r.Item.new("", parent)
		w := p.workOn(u, t)
		w.setColumns(r.Columns)
		a.faults.Merge("", w.faults.Err(Kind))
		t = w.Task
		place := places(a.there)
		for i := range r.After {
			checkEdge(fmt.Sprintf("after[%d].", i), &r.After[i], r.After[:i], place, &a.faults)
		}
		if len(r.After) > MaxDependencies {
			a.faults.Addf("after", "are %d; at most %d are allowed", len(r.After), MaxDependencies)
		}
		t.After = append(t.After, r.After...)
		a.add(&t, "")
		if err := a.check(ctx); err != nil {
			return Task{}, err
		}
		a.tasks[0].ID = u.NewID()
		if err := a.put(ctx); err != nil {
			return Task{}, err
		}
		return p.table.Get(ctx, u, a.tasks[0].ID)
	})
}

// adding is the adding of tasks to one parent under way.
type adding struct {
	p      *Practice
	u      *engine.Unit
	parent itsm.Ref
	plan   planRecord
	// there are the tasks that the parent has, tasks the new ones, named their places by name.
	there  []Task
	tasks  []Task
	named  map[string]int
	taken  map[string]bool
	last   int64 // the greatest position
	faults itsm.Faults
}

func (p *Practice) adding(u *engine.Unit, parent itsm.Ref) *adding {
	return &adding{p: p, u: u, parent: parent, named: map[string]int{}, taken: map[string]bool{}}
}

// open asks whether the actor may add tasks at all and may know of the parent, and reads what that has.
func (a *adding) open(ctx context.Context) error {
	if err := a.u.Authorize(ctx, PermissionManage, nil); err != nil {
		return err
	}
	a.faults.Key("parent.kind", a.parent.Kind)
	a.faults.Key("parent.id", string(a.parent.ID))
	if !a.faults.Empty() {
		return nil // there is nothing to look for
	}
	none := &storage.Error{Op: "get", Table: a.parent.Kind, ID: a.parent.ID, Err: storage.ErrNotFound}
	_, _, err := a.u.Load(ctx, a.parent)
	switch {
	case errors.Is(err, itsm.ErrNotFound):
		return none
	case errors.Is(err, itsm.ErrInvalid) && a.p.o.MayRead == nil:
		a.faults.Addf("parent.kind", "%q is not registered on the engine, and Options.MayRead does not say who may read it", clip(a.parent.Kind))
		return nil
	case err != nil && !errors.Is(err, itsm.ErrInvalid):
		return err
	}
	may, err := a.p.mayRead(ctx, a.u, a.u.Actor(), a.parent)
	if err != nil {
		return err
	}
	if !may {
		return none
	}
	if a.plan, _, err = readPlan(ctx, a.u.Quiet(), a.parent); err != nil {
		return err
	}
	if a.there, err = a.p.of(ctx, a.u, a.parent); err != nil {
		return err
	}
	for i := range a.there {
		a.taken[a.there[i].Name] = true
		a.last = max(a.last, a.there[i].Position)
	}
	if a.plan.ParentEnded {
		a.faults.Add("parent", "has ended, and its tasks with it")
	}
	return nil
}

// add takes a new task, its fields named after the prefix.
func (a *adding) add(t *Task, prefix string) {
	if t.Name != "" {
		if a.taken[t.Name] {
			a.faults.Addf(prefix+"name", "%q is the name of another task of the parent", clip(t.Name))
		}
		if _, twice := a.named[t.Name]; !twice { // which the plan tells
			a.named[t.Name] = len(a.tasks)
		}
	}
	if t.Position == 0 {
		t.Position = a.last + 1
	}
	a.last = max(a.last, t.Position)
	a.tasks = append(a.tasks, *t)
}

// check refuses everything that is wrong at once, and then asks for the permission on each task.
func (a *adding) check(ctx context.Context) error {
	if n := len(a.there) + len(a.tasks); n > MaxTasks && len(a.tasks) <= MaxTasks {
		a.faults.Addf("tasks", "would be %d of the parent; at most %d are allowed", n, MaxTasks)
	}
	if err := a.faults.Err(Kind); err != nil {
		return err
	}
	for i := range a.tasks {
		if err := a.u.Authorize(ctx, PermissionManage, subject(&a.tasks[i])); err != nil {
			return err
		}
	}
	return nil
}

// put writes the new tasks, and lets the plan follow.
func (a *adding) put(ctx context.Context) error {
	for i := range a.tasks {
		t := &a.tasks[i]
		w := a.p.workOn(a.u, *t)
		w.Was = Task{}
		w.event = &itsm.Event{
			Kind: Kind, Record: t.ID, Action: string(ActionAdd), Data: Added{Parent: a.parent, Name: t.Name},
			To: string(t.State), ToCategory: t.Category,
		}
		if err := w.store(ctx); err != nil {
			return err
		}
		a.there = append(a.there, w.Task)
	}
	return a.p.settleFrom(ctx, a.u, a.plan, a.there)
}

// checkEdge notes what is wrong with an edge from a task that is there.
func checkEdge(prefix string, d *Dependency, others []Dependency, place map[itsm.ID]int, f *itsm.Faults) {
	checkAllows(prefix, d.Allows, d.When, f)
	if _, known := place[d.Task]; d.Task == "" {
		f.Add(prefix+"task", "is required")
	} else if !known {
		f.Add(prefix+"task", "is not found among the tasks of the parent")
	}
	for i := range others {
		if others[i].Task == d.Task && d.Task != "" {
			f.Add(prefix+"task", "comes before it already")
			return
		}
	}
}

// Precedence puts another task before one.
type Precedence struct {
	itsm.Command
	Dependency
}

// AddEdge puts another task of the same parent before the task with the id, which must not have
// started. A task that was ready waits, where the other is open; it is skipped by itself where the
// other has ended in a way that the edge does not allow. An edge that closes a cycle, leads to the task
// itself or is there already is ErrInvalid.
func (p *Practice) AddEdge(ctx context.Context, actor itsm.Actor, id itsm.ID, r Precedence) (Task, error) {
	return p.command(ctx, actor, id, ActionPrecede, r.Command, r, func(ctx context.Context, w *work) error {
		tasks, err := w.others(ctx)
		if err != nil {
			return err
		}
		place := places(tasks)
		d := r.Dependency
		if d.Task == id {
			w.faults.Add("task", "is the task itself")
		} else {
			checkEdge("", &d, w.Was.After, place, &w.faults)
		}
		if len(w.Was.After) >= MaxDependencies {
			w.faults.Addf("task", "would be one of more than %d predecessors", MaxDependencies)
		}
		w.After = append(w.After[:len(w.After):len(w.After)], d)
		if from, known := place[d.Task]; known && d.Task != id {
			graph := before(tasks)
			to := place[id]
			graph[to] = append(graph[to], from)
			for _, c := range cycles(graph) {
				names := make([]string, len(c))
				for i, n := range c {
					names[i] = nameOf(&tasks[n])
				}
				w.faults.Addf("task", "makes a cycle: %s", path(names))
			}
		}
		w.follow = true
		return w.fire(ctx, ActionPrecede, EdgeAdded{d})
	})
}

// nameOf is how a task is told from others of its parent.
func nameOf(t *Task) string {
	if t.Name != "" {
		return t.Name
	}
	return string(t.ID)
}
