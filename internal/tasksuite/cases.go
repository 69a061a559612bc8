// This file holds the cases of concurrency, idempotency, time, parents and tenants.

package tasksuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

const many = 8

// fan is a plan of many tasks and one that comes after all of them.
func fan() task.Plan {
	p := task.Plan{Tasks: []task.Item{{Name: "last", Title: "Last"}}}
	for i := range many {
		name := fmt.Sprintf("t%d", i)
		p.Tasks = append(p.Tasks, task.Item{Name: name, Title: name, Assignee: "sam"})
		p.Edges = append(p.Edges, task.Edge{From: name, To: "last"})
	}
	return p
}

func (d *desk) add(t require.TestingT, ctx context.Context, actor itsm.Actor, parent itsm.Ref, p task.Plan) task.Graph {
	g, err := d.Add(ctx, actor, parent, p)
	require.NoError(t, err)
	return g
}

func id(t require.TestingT, g task.Graph, name string) itsm.ID {
	found, ok := g.Task(name)
	require.True(t, ok, "%s", name)
	return found.ID
}

func endTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	g := d.add(t, ctx, manager(acme), d.order(t, ctx, acme), fan())
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		_, err := d.Complete(ctx, member(acme), id(t, g, fmt.Sprintf("t%d", i)), task.Ending{})
		return err
	})...))
	last, err := d.Get(ctx, manager(acme), id(t, g, "last"))
	require.NoError(t, err)
	require.Equal(t, task.StateReady, last.State)
	require.Equal(t, []string{"task.added.v1", "task.released.v1"}, d.events(t, ctx, last.ID, manager(acme)))
}

func lastTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	p := fan()
	p.Tasks, p.Edges = p.Tasks[1:], nil
	g := d.add(t, ctx, manager(acme), order, p)
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		id := id(t, g, fmt.Sprintf("t%d", i))
		var err error
		if i == 0 {
			_, err = d.Skip(ctx, manager(acme), id, task.Ending{Command: itsm.Command{Reason: "Not needed"}})
		} else {
			_, err = d.Complete(ctx, member(acme), id, task.Ending{})
		}
		return err
	})...))
	n, told := d.ends(t, ctx, manager(acme), order)
	require.Equal(t, 1, n)
	require.Equal(t, task.Counts{Done: many - 1, Skipped: 1}, told.Tasks)
	require.False(t, told.Tasks.AllDone(), "one was skipped")
}

func edgesTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	g := d.add(t, ctx, manager(acme), d.order(t, ctx, acme), task.Plan{Tasks: []task.Item{{Name: "a", Title: "A"}, {Name: "b", Title: "B"}, {Name: "c", Title: "C"}}})
	ring := []string{"a", "b", "c", "a"}
	errs := together.Run(3, func(i int) error {
		_, err := d.AddEdge(ctx, manager(acme), id(t, g, ring[i+1]), task.Precedence{Dependency: task.Dependency{Task: id(t, g, ring[i])}})
		return err
	})
	refused := 0
	for _, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			refused++
		}
	}
	require.Equal(t, 1, refused, "two edges of the ring stand, and the third closes it")
}

func namesTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	errs := together.Run(many, func(i int) error {
		_, err := d.AddTask(ctx, manager(acme), order, task.Addition{Item: task.Item{Name: "call", Title: "Call"}})
		return err
	})
	added := 0
	for _, err := range errs {
		if err == nil {
			added++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	require.Equal(t, 1, added)
	n, err := d.Count(ctx, manager(acme), task.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func sameKey(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	p := fan()
	p.Key = "fulfil-1"
	first := d.add(t, ctx, manager(acme), order, p)
	require.Equal(t, first, d.add(t, ctx, manager(acme), order, p))
	require.Len(t, first.Tasks, many+1)
	p.Tasks[0].Title = "Other"
	_, err := d.Add(ctx, manager(acme), order, p)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.Add(ctx, manager(acme), d.order(t, ctx, acme), task.Plan{Command: itsm.Command{Key: "fulfil-1"}, Tasks: fan().Tasks, Edges: fan().Edges})
	require.ErrorIs(t, err, itsm.ErrInvalid, "another parent is another request")

	end := task.Ending{Command: itsm.Command{Key: "done-1"}}
	for range 3 {
		done, err := d.Complete(ctx, member(acme), id(t, first, "t0"), end)
		require.NoError(t, err)
		require.Equal(t, task.StateDone, done.State)
	}
	require.Equal(t, []string{"task.added.v1", "task.released.v1", "task.completed.v1"}, d.events(t, ctx, id(t, first, "t0"), manager(acme)))
}

func oneVersion(t *testing.T, d *desk) {
	ctx := t.Context()
	one, err := d.AddTask(ctx, manager(acme), d.order(t, ctx, acme), task.Addition{Item: task.Item{Title: "Call"}})
	require.NoError(t, err)
	won := 0
	for _, err := range together.Run(many, func(i int) error {
		_, err := d.Assign(ctx, manager(acme), one.ID, task.Assignment{Command: itsm.Command{IfVersion: one.Version}, Assignee: itsm.ID(fmt.Sprint("p", i))})
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrConflict)
	}
	require.Equal(t, 1, won)
}

func effortTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	one, err := d.AddTask(ctx, manager(acme), order, task.Addition{Item: task.Item{Title: "Call", Assignee: "sam"}})
	require.NoError(t, err)
	cost, err := itsm.NewMoney(decimal.RequireFromString("12.30"), "EUR")
	require.NoError(t, err)
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		_, err := d.RecordEffort(ctx, member(acme), one.ID, task.EffortEntry{Minutes: int64(i + 1), Cost: cost})
		return err
	})...))
	g, err := d.Graph(ctx, manager(acme), order)
	require.NoError(t, err)
	s := g.RollUp(d.clock())
	require.EqualValues(t, many*(many+1)/2, s.Minutes)
	require.Len(t, s.Costs, 1)
	require.Equal(t, "98.40 EUR", s.Costs[0].String())
}

func timers(t *testing.T, d *desk) {
	ctx := t.Context()
	order, now := d.order(t, ctx, acme), d.clock()
	g := d.add(t, ctx, manager(acme), order, task.Plan{
		Tasks: []task.Item{
			{Name: "backup", Title: "Back up", NotBefore: now.Add(time.Hour), Due: now.Add(3 * time.Hour)},
			{Name: "install", Title: "Install", NotBefore: now.Add(2 * time.Hour)},
		},
		Edges: []task.Edge{{From: "backup", To: "install"}},
	})
	backup, install := id(t, g, "backup"), id(t, g, "install")
	state := func(id itsm.ID) task.State {
		one, err := d.Get(ctx, manager(acme), id)
		require.NoError(t, err)
		return one.State
	}
	tick := func(by time.Duration) engine.Ran {
		ran, err := d.e.Tick(ctx, d.advance(by))
		require.NoError(t, err)
		require.Zero(t, ran.Failed+ran.Dead, "%+v", ran)
		return ran
	}
	require.Zero(t, tick(time.Hour-time.Microsecond).Jobs)
	require.Equal(t, task.StatePending, state(backup))
	require.Equal(t, 1, tick(time.Microsecond).Jobs)
	require.Equal(t, task.StateReady, state(backup))
	tick(time.Hour)
	require.Equal(t, task.StatePending, state(install), "its predecessor is open")
	tick(30 * time.Minute)
	require.Zero(t, count(d.events(t, ctx, backup, manager(acme)), "task.due.v1"))
	tick(time.Hour)
	tick(24 * time.Hour)
	require.Equal(t, 1, count(d.events(t, ctx, backup, manager(acme)), "task.due.v1"), "it is told once")
	later := d.clock().Add(time.Hour)
	_, err := d.Edit(ctx, manager(acme), backup, task.Edit{Due: &later})
	require.NoError(t, err)
	tick(time.Hour)
	require.Equal(t, 2, count(d.events(t, ctx, backup, manager(acme)), "task.due.v1"), "another due time is told anew")
	_, err = d.Assign(ctx, manager(acme), backup, task.Assignment{Assignee: "mona"})
	require.NoError(t, err)
	_, err = d.Fail(ctx, manager(acme), backup, task.Ending{Command: itsm.Command{Reason: "No space"}})
	require.NoError(t, err)
	_, err = d.Retry(ctx, manager(acme), backup, itsm.Command{Reason: "There is space now"})
	require.NoError(t, err)
	tick(time.Hour)
	require.Equal(t, 2, count(d.events(t, ctx, backup, manager(acme)), "task.due.v1"), "it was told of this due time")
	_, err = d.Complete(ctx, manager(acme), backup, task.Ending{})
	require.NoError(t, err)
	require.Equal(t, task.StateReady, state(install))

	// A planned start that is put off lets it wait again; one that is taken away lets it go.
	_, err = d.Edit(ctx, manager(acme), install, task.Edit{NotBefore: &later})
	require.NoError(t, err)
	require.Equal(t, task.StateReady, state(install), "it has passed")
	future := d.clock().Add(time.Hour)
	edited, err := d.Edit(ctx, manager(acme), install, task.Edit{NotBefore: &future})
	require.NoError(t, err)
	require.Equal(t, task.StatePending, edited.State)
	edited, err = d.Edit(ctx, manager(acme), install, task.Edit{NotBefore: &time.Time{}})
	require.NoError(t, err)
	require.Equal(t, task.StateReady, edited.State)
	require.Zero(t, tick(48*time.Hour).Jobs, "no timer is left")
}

func count[T comparable](list []T, what T) (n int) {
	for _, v := range list {
		if v == what {
			n++
		}
	}
	return n
}

func parentEnds(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	p := fan()
	p.Tasks[0].NotBefore, p.Tasks[1].Due = d.clock().Add(time.Hour), d.clock().Add(time.Hour)
	g := d.add(t, ctx, manager(acme), order, p)
	_, err := d.Complete(ctx, member(acme), id(t, g, "t1"), task.Ending{})
	require.NoError(t, err)

	require.NoError(t, d.host.Move(ctx, manager(acme), order, itsm.CategoryResolved, nil))
	n, err := d.Count(ctx, manager(acme), task.Query{Where: task.ByOpen.Is(true)})
	require.NoError(t, err)
	require.EqualValues(t, many, n, "resolving leaves them")

	boom := errors.New("boom")
	require.ErrorIs(t, d.host.Move(ctx, manager(acme), order, itsm.CategoryClosed, boom), boom)
	n, err = d.Count(ctx, manager(acme), task.Query{Where: task.ByOpen.Is(true)})
	require.NoError(t, err)
	require.EqualValues(t, many, n, "nor does a closing that fails end them")

	require.NoError(t, d.host.Move(ctx, manager(acme), order, itsm.CategoryClosed, nil))
	g, err = d.Graph(ctx, manager(acme), order)
	require.NoError(t, err)
	for _, one := range g.Tasks {
		if one.Name == "t1" {
			require.Equal(t, task.StateDone, one.State)
			continue
		}
		require.Equal(t, task.StateCancelled, one.State)
		require.Equal(t, "the order that it is about was closed", one.EndReason)
	}
	told, last := d.ends(t, ctx, manager(acme), order)
	require.Equal(t, 1, told)
	require.Equal(t, task.Counts{Done: 1, Cancelled: many}, last.Tasks)
	ran, err := d.e.Tick(ctx, d.advance(24*time.Hour))
	require.NoError(t, err)
	require.Zero(t, ran.Jobs, "their timers went with them")
	_, err = d.AddTask(ctx, manager(acme), order, task.Addition{Item: task.Item{Title: "One more"}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.NoError(t, d.host.Move(ctx, manager(acme), order, itsm.CategoryActive, nil))
	require.NoError(t, d.host.Move(ctx, manager(acme), order, itsm.CategoryCancelled, nil))
	require.NoError(t, d.host.Move(ctx, manager(acme), order, itsm.CategoryActive, nil))
	told, _ = d.ends(t, ctx, manager(acme), order)
	require.Equal(t, 1, told, "a parent that ends after its tasks tells nothing anew")
	_, err = d.AddTask(ctx, manager(acme), order, task.Addition{Item: task.Item{Title: "One more"}})
	require.NoError(t, err, "it is open again")
	require.NoError(t, d.host.Delete(ctx, manager(acme), order))
	open, err := d.Count(ctx, itsm.SystemActor(acme, "check"), task.Query{Where: task.ByOpen.Is(true)})
	require.NoError(t, err)
	require.Zero(t, open)
}

func tenants(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	g := d.add(t, ctx, manager(acme), order, fan())
	one := g.Tasks[0].ID
	stranger := manager(globex)
	_, err := d.Get(ctx, stranger, one)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Start(ctx, stranger, one, itsm.Command{IfVersion: 99})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.PermittedActions(ctx, stranger, one)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.History(ctx, stranger, one)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Graph(ctx, stranger, order)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.AddTask(ctx, stranger, order, task.Addition{Item: task.Item{Title: "Mine"}})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := d.Of(ctx, stranger, order, task.Query{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	n, err := d.Count(ctx, stranger, task.Query{})
	require.NoError(t, err)
	require.Zero(t, n)

	// A task of another tenant is no predecessor.
	other := d.add(t, ctx, stranger, d.order(t, ctx, globex), task.Plan{Tasks: []task.Item{{Title: "Theirs"}}})
	_, err = d.AddEdge(ctx, stranger, other.Tasks[0].ID, task.Precedence{Dependency: task.Dependency{Task: one}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func pages(t *testing.T, d *desk) {
	ctx := t.Context()
	var want []itsm.ID
	for n := range 3 {
		secret := itsm.ID("")
		if n == 1 {
			secret = "sam"
		}
		order, err := d.host.Open(ctx, manager(acme), secret)
		require.NoError(t, err)
		p := fan()
		for i := range p.Tasks {
			if i%3 > 0 {
				p.Tasks[i].Due = d.clock().Add(time.Duration(i) * time.Hour)
			}
		}
		g := d.add(t, ctx, itsm.SystemActor(acme, "set_up"), order, p)
		if secret == "" {
			for _, one := range g.Tasks {
				want = append(want, one.ID)
			}
		}
	}
	var got []itsm.ID
	var before int64
	for h, err := range d.All(ctx, manager(acme), task.Query{Limit: 4}) {
		require.NoError(t, err)
		require.LessOrEqual(t, before, h.DueOrder)
		before = h.DueOrder
		got = append(got, h.ID)
	}
	require.ElementsMatch(t, want, got)
	n, err := d.Count(ctx, manager(acme), task.Query{})
	require.NoError(t, err)
	require.Len(t, want, int(n))
	groups, err := d.CountBy(ctx, manager(acme), task.Query{}, task.ByState)
	require.NoError(t, err)
	require.Equal(t, []storage.Group{{Values: []any{"pending"}, Count: 2}, {Values: []any{"ready"}, Count: 2 * many}}, groups)
	mine, err := d.Mine(ctx, member(acme), task.Query{Limit: storage.MaxPage})
	require.NoError(t, err)
	require.Len(t, mine.Items, 3*many, "sam may read the secret one")
}

func nested(t *testing.T, d *desk) {
	ctx := t.Context()
	order := d.order(t, ctx, acme)
	broken := errors.New("the host changed its mind")
	both := func(fail error) error {
		return d.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
			in := d.In(u.Store())
			g, err := in.Add(ctx, manager(acme), order, fan())
			if err != nil {
				return err
			}
			for _, one := range g.Tasks {
				if one.Assignee != "" {
					if _, err := in.Complete(ctx, manager(acme), one.ID, task.Ending{}); err != nil {
						return err
					}
				}
			}
			g, err = in.Graph(ctx, manager(acme), order)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(g.Tasks, func(t task.Task) bool { return t.State == task.StateReady }); i < 0 {
				return errors.New("the unit does not read its own writes")
			}
			return fail
		})
	}
	require.ErrorIs(t, both(broken), broken)
	n, err := d.Count(ctx, manager(acme), task.Query{})
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, both(nil))
	n, err = d.Count(ctx, manager(acme), task.Query{Where: task.ByOutcome.Is(task.OutcomeDone)})
	require.NoError(t, err)
	require.EqualValues(t, many, n)
}
