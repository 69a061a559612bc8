package task_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
)

func TestS7_APlanThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	p := task.Plan{
		Command: itsm.Command{IfVersion: 3},
		Tasks: []task.Item{
			{Name: "a", Title: "A"}, {Name: "b", Title: "B"}, {Name: "c", Title: "C"}, {Name: "a", Title: ""},
			{Name: "x\x00", Title: "X", PlannedMinutes: -1},
		},
		Edges: []task.Edge{
			{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "c", To: "a"}, {From: "b", To: "b"}, {From: "a", To: "b", Allows: "never"},
			{From: "", To: "nowhere", When: []string{"yes", "yes"}},
		},
	}
	want := []string{
		"tasks[3].title", "tasks[3].name", "tasks[4].name", "tasks[4].planned_minutes",
		"edges[3]", "edges[4].allows", "edges[4]", "edges[5].when", "edges[5].from", "edges[5].to", "edges",
	}
	require.Equal(t, want, faults(t, p.Validate()))
	require.ErrorContains(t, p.Validate(), "make a cycle: a → b → c → a")

	d := openDesk(t, task.Options{}, engine.Options{})
	parent := d.order()
	before := d.snapshot()
	_, err := d.Add(t.Context(), mona, parent, p)
	require.Equal(t, append([]string{"if_version"}, want...), faults(t, err))
	_, err = d.Add(t.Context(), mona, itsm.Ref{Kind: "spaceship", ID: "a\nb"}, p)
	require.Equal(t, append([]string{"parent.id", "if_version"}, want...), faults(t, err))
	_, err = d.Add(t.Context(), mona, itsm.Ref{Kind: "spaceship", ID: "1"}, task.Plan{})
	require.Equal(t, []string{"parent.kind", "tasks"}, faults(t, err))
	_, err = d.Add(t.Context(), mona, itsm.Ref{Kind: parent.Kind, ID: "no-such"}, p)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	require.Equal(t, before, d.snapshot(), "nothing is changed")
}

func TestTheBoundsOfAPlan(t *testing.T) {
	p := task.Plan{Tasks: make([]task.Item, task.MaxTasks+1)}
	require.Equal(t, []string{"tasks"}, faults(t, p.Validate()))
	p = task.Plan{Tasks: make([]task.Item, task.MaxDependencies+2)}
	for i := range p.Tasks {
		p.Tasks[i] = task.Item{Name: fmt.Sprint(i), Title: "T"}
		if i > 0 {
			p.Edges = append(p.Edges, task.Edge{From: fmt.Sprint(i), To: "0"})
		}
	}
	require.Equal(t, []string{"edges[200].to"}, faults(t, p.Validate()))
	p.Tasks, p.Edges = p.Tasks[:task.MaxDependencies+1], p.Edges[:task.MaxDependencies]
	require.NoError(t, p.Validate())

	// Every task before every other: there are a great many cycles, and some are told.
	p = task.Plan{}
	for i := range 60 {
		p.Tasks = append(p.Tasks, task.Item{Name: fmt.Sprint(i), Title: "T"})
		for j := range 60 {
			if i != j {
				p.Edges = append(p.Edges, task.Edge{From: fmt.Sprint(i), To: fmt.Sprint(j)})
			}
		}
	}
	require.Len(t, faults(t, p.Validate()), 20)

	d := openDesk(t, task.Options{}, engine.Options{})
	parent := d.order()
	p = task.Plan{Tasks: make([]task.Item, task.MaxTasks)}
	for i := range p.Tasks {
		p.Tasks[i].Title = "T"
	}
	d.add(parent, p)
	_, err := d.AddTask(t.Context(), mona, parent, task.Addition{Item: task.Item{Title: "One too many"}})
	require.Equal(t, []string{"tasks"}, faults(t, err))
}

func TestATaskThatIsAddedLater(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx, parent := t.Context(), d.order()
	g := d.add(parent, task.Plan{Tasks: []task.Item{{Name: "a", Title: "A", Assignee: "mona"}, {Name: "b", Title: "B"}}})
	a, b := g.Tasks[0], g.Tasks[1]
	_, err := d.AddTask(ctx, mona, parent, task.Addition{
		Command: itsm.Command{IfVersion: 1}, Item: task.Item{Name: "a", NotBefore: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		After: []task.Dependency{{Task: a.ID}, {Task: a.ID}, {Task: "no-such"}, {}, {Task: b.ID, Allows: "x"}},
	})
	require.Equal(t, []string{"if_version", "title", "not_before", "after[1].task", "after[2].task", "after[3].task", "after[4].allows", "name"}, faults(t, err))

	c, err := d.AddTask(ctx, mona, parent, task.Addition{Item: task.Item{Name: "c", Title: "C"}, After: []task.Dependency{{Task: a.ID}}})
	require.NoError(t, err)
	require.Equal(t, pending, c.State)
	require.EqualValues(t, 3, c.Position)
	_, err = d.AddEdge(ctx, mona, c.ID, task.Precedence{Dependency: task.Dependency{Task: c.ID}})
	require.Equal(t, []string{"task"}, faults(t, err))
	_, err = d.AddEdge(ctx, mona, c.ID, task.Precedence{Dependency: task.Dependency{Task: a.ID, Allows: "x"}})
	require.Equal(t, []string{"allows", "task"}, faults(t, err))
	_, err = d.AddEdge(ctx, mona, a.ID, task.Precedence{Dependency: task.Dependency{Task: c.ID}})
	require.ErrorContains(t, err, "makes a cycle: a → c → a")

	// It is too late to put something before what has started.
	_, err = d.Start(ctx, mona, a.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.AddEdge(ctx, mona, a.ID, task.Precedence{Dependency: task.Dependency{Task: b.ID}})
	require.ErrorIs(t, err, itsm.ErrTransition)

	// What comes after an end that its edge does not allow is never waited for.
	_, err = d.Fail(ctx, mona, a.ID, task.Ending{Command: because("It broke")})
	require.NoError(t, err)
	require.Equal(t, skipped, d.get(c.ID).State)
	late, err := d.AddTask(ctx, mona, parent, task.Addition{Item: task.Item{Title: "Late"}, After: []task.Dependency{{Task: a.ID}}})
	require.NoError(t, err)
	require.Equal(t, []any{skipped, true}, []any{late.State, late.AutoSkipped})
	edge, err := d.AddEdge(ctx, mona, b.ID, task.Precedence{Dependency: task.Dependency{Task: a.ID, Allows: task.AllowsAny, When: []string{"no"}}})
	require.NoError(t, err)
	require.Equal(t, `it comes after "A" in any case with the code no, which was failed`, edge.EndReason)
}
