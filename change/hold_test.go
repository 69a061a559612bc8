package change_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/task"
)

var ballotQuery ballot.Query

func TestC21HoldSuspendsVotesAndTasksAndReleaseRestoresThem(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	// Given a change that waits for its gates, with three tasks: one ready, one that somebody holds, one that waits for another
	c := d.in(change.TypeNormal, change.StateAuthorising)
	graph, err := d.tasks.Add(ctx, mona, c.Ref(), task.Plan{
		Tasks: []task.Item{{Name: "ready", Title: "Back up", Assignee: "ian"}, {Name: "held", Title: "Order"}, {Name: "pending", Title: "Install", Assignee: "ian"}},
		Edges: []task.Edge{{From: "ready", To: "pending"}},
	})
	require.NoError(t, err)
	of := func(name string) task.Task {
		g, err := d.tasks.Graph(ctx, mona, c.Ref())
		require.NoError(t, err)
		found, ok := g.Task(name)
		require.True(t, ok)
		return found
	}
	held, _ := graph.Task("held")
	_, err = d.tasks.Hold(ctx, mona, held.ID, itsm.Command{Reason: "The supplier is slow"})
	require.NoError(t, err)

	// when it is held
	_, err = d.Hold(ctx, mona, c.ID, itsm.Command{})
	require.Equal(t, []string{"reason"}, faults(t, err))
	c = d.must(d.Hold(ctx, mona, c.ID, itsm.Command{Reason: "Budget"}))
	// then the votes are suspended, and the tasks wait
	require.True(t, c.Held)
	require.Equal(t, change.StateAuthorising, c.State)
	require.Error(t, d.vote(aude, c.ID, approval.ChoiceApprove, ""))
	require.Equal(t, task.StateOnHold, of("ready").State)
	require.Equal(t, task.StateOnHold, of("held").State)
	require.Equal(t, task.StatePending, of("pending").State)
	_, err = d.tasks.Resume(ctx, mona, of("ready").ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition, "nobody works on a change that is held")

	// only cancelling and releasing move it
	actions, err := d.PermittedActions(ctx, root, c.ID)
	require.NoError(t, err)
	var permitted []string
	for _, a := range actions {
		if a.Permitted {
			permitted = append(permitted, a.Action)
		}
	}
	require.Equal(t, []string{"cancel", "release", "note", "restrict"}, permitted)
	for _, do := range []func() (change.Change, error){
		func() (change.Change, error) { return d.Edit(ctx, mona, c.ID, change.Edit{Title: ptr("Other")}) },
		func() (change.Change, error) { return d.Return(ctx, mona, c.ID, because) },
		func() (change.Change, error) { return d.Reject(ctx, mona, c.ID, because) },
		func() (change.Change, error) { return d.Assign(ctx, mona, c.ID, change.Assignment{Assignee: "sam"}) },
		func() (change.Change, error) { return d.Hold(ctx, mona, c.ID, because) },
	} {
		_, err := do()
		var refused *itsm.TransitionError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "it is held; release or cancel it", refused.Reason)
		require.Equal(t, []string{"cancel", "release", "note", "restrict"}, refused.Permitted)
	}

	// A task that becomes ready meanwhile waits, too.
	_, err = d.tasks.AddTask(ctx, mona, c.Ref(), task.Addition{Item: task.Item{Name: "late", Title: "Tell the users"}})
	require.NoError(t, err)
	require.Equal(t, task.StateOnHold, of("late").State)

	// When it is released the votes are asked for again, and the tasks go on but for that which was held by hand.
	c = d.must(d.Release(ctx, mona, c.ID, itsm.Command{}))
	require.False(t, c.Held)
	require.Empty(t, c.HoldReason)
	require.Equal(t, task.StateReady, of("ready").State)
	require.Equal(t, task.StateReady, of("late").State)
	require.Equal(t, task.StateOnHold, of("held").State)
	require.Equal(t, task.StatePending, of("pending").State)
	d.approve(c.ID, aude)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)
}

func TestC21AHeldChangeCanBeCancelled(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.in(change.TypeNormal, change.StateScheduled)
	d.must(d.Hold(ctx, mona, c.ID, because))
	d.now = c.PlannedStart
	_, err := d.Start(ctx, ian, c.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	c = d.must(d.Cancel(ctx, mona, c.ID, because))
	require.Equal(t, change.StateCancelled, c.State)
	require.False(t, c.Held)
}

func TestC19C20TasksGateTheirChange(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.in(change.TypeNormal, change.StateScheduled)
	g, err := d.tasks.Add(ctx, mona, c.Ref(), task.Plan{Tasks: []task.Item{{Name: "swap", Title: "Swap", Assignee: "ian", NotBefore: c.PlannedEnd.Add(-time.Hour)}}})
	require.NoError(t, err)
	swap, _ := g.Task("swap")
	d.now = c.PlannedStart
	_, err = d.Start(ctx, ian, c.ID, itsm.Command{})
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"no task is ready: 1 wait for another or for their planned start"}, refused.Missing)

	_, err = d.tasks.Edit(ctx, mona, swap.ID, task.Edit{NotBefore: &time.Time{}})
	require.NoError(t, err)
	d.must(d.Start(ctx, ian, c.ID, itsm.Command{}))
	_, err = d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"open tasks: 1"}, refused.Missing)
	_, err = d.tasks.Start(ctx, ian, swap.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.tasks.Complete(ctx, ian, swap.ID, task.Ending{})
	require.NoError(t, err)
	c = d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	require.Equal(t, change.StateReview, c.State)
	require.True(t, c.Success)
}
