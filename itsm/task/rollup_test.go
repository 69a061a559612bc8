package task_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
)

func TestS2_APartThatWasSkippedNeverLooksComplete(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx, parent := t.Context(), d.order()
	g := d.add(parent, task.Plan{Tasks: []task.Item{
		{Name: "a", Title: "A", PlannedMinutes: 30}, {Name: "b", Title: "B", PlannedMinutes: 90}, {Name: "c", Title: "C", Optional: true},
	}})
	_, err := d.Complete(ctx, mona, g.Tasks[0].ID, task.Ending{})
	require.NoError(t, err)
	_, err = d.Skip(ctx, mona, g.Tasks[1].ID, task.Ending{Command: because("Not needed")})
	require.NoError(t, err)
	g, err = d.Graph(ctx, mona, parent)
	require.NoError(t, err)
	s := g.RollUp(d.now)
	require.Equal(t, task.Counts{Open: 1, Done: 1, Skipped: 1}, s.Tasks)
	require.Equal(t, task.Counts{Done: 1, Skipped: 1}, s.Mandatory)
	require.Equal(t, map[itsm.Category]int{itsm.CategoryNew: 1, itsm.CategoryClosed: 1, itsm.CategoryCancelled: 1}, s.Categories)
	// The third weighs as much as the others on average, 60 of 180 minutes.
	require.InDelta(t, 30.0/180, s.ShareDone, 1e-12)
	require.InDelta(t, 120.0/180, s.ShareEnded, 1e-12)
	_, err = d.Complete(ctx, mona, g.Tasks[2].ID, task.Ending{})
	require.NoError(t, err)
	g, err = d.Graph(ctx, mona, parent)
	require.NoError(t, err)
	s = g.RollUp(d.now)
	require.Equal(t, 1.0, s.ShareEnded)
	require.Less(t, s.ShareDone, 1.0)
	require.False(t, s.Tasks.AllDone())
	require.Zero(t, s.Finish)
}

func TestTheFinishFollowsTheLongestWay(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	one := func(id itsm.ID, minutes int64, after ...itsm.ID) task.Task {
		n := task.Task{Head: task.Head{State: task.StatePending, Category: itsm.CategoryNew, Open: true, PlannedMinutes: minutes}}
		n.ID = id
		for _, a := range after {
			n.After = append(n.After, task.Dependency{Task: a})
		}
		return n
	}
	// d comes after b and c, which come after a; c is the longer way. They stand in any order.
	tasks := []task.Task{one("d", 10, "b", "c"), one("b", 20, "a"), one("c", 60, "a"), one("a", 30)}
	s := task.RollUp(tasks, now)
	require.Equal(t, now.Add(100*time.Minute), s.Finish)
	require.Equal(t, []itsm.ID{"a", "c", "d"}, s.CriticalPath)
	require.Equal(t, 4, s.Blocked)

	// b may only begin at 10:00 and so decides; a began twenty minutes ago and takes ten more.
	tasks[1].NotBefore = now.Add(80 * time.Minute)
	tasks[3].StartedAt, tasks[3].State, tasks[3].Category = now.Add(-20*time.Minute), task.StateInProgress, itsm.CategoryActive
	s = task.RollUp(tasks, now)
	require.Equal(t, now.Add(110*time.Minute), s.Finish)
	require.Equal(t, []itsm.ID{"b", "d"}, s.CriticalPath)

	// What takes longer than planned ends now, at the earliest.
	late := now.Add(time.Hour)
	s = task.RollUp(tasks[2:], late)
	require.Equal(t, late.Add(time.Hour), s.Finish)
	require.Equal(t, []itsm.ID{"a", "c"}, s.CriticalPath)

	// What has ended decides nothing any more, not even when it ended just now.
	over := []task.Task{one("b", 20, "a"), one("a", 30)}
	over[1].State, over[1].Open, over[1].Outcome, over[1].EndedAt = task.StateDone, false, task.OutcomeDone, now
	s = task.RollUp(over, now)
	require.Equal(t, now.Add(20*time.Minute), s.Finish)
	require.Equal(t, []itsm.ID{"b"}, s.CriticalPath)

	tasks[2].Due = now
	require.Zero(t, task.RollUp(tasks, now).Late, "it is due now")
	require.Equal(t, 1, task.RollUp(tasks, now.Add(1)).Late)
	empty := task.RollUp(nil, now)
	require.Zero(t, empty.ShareDone)
	require.False(t, empty.Tasks.AllDone())
}

func TestD12_EffortAddsUpByCurrency(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx, parent := t.Context(), d.order()
	g := d.add(parent, task.Plan{Tasks: []task.Item{{Title: "A", Group: "ops"}, {Title: "B", Group: "ops"}}})
	money := func(amount, currency string) itsm.Money {
		m, err := itsm.ParseMoney(amount, currency)
		require.NoError(t, err)
		return m
	}
	for i, e := range []task.EffortEntry{
		{Minutes: 30, Cost: money("10.10", "USD")},
		{Minutes: 15, Cost: money("0.20", "EUR"), Person: "ivy", At: d.now.Add(-time.Hour), Text: "On the phone"},
		{Cost: money("0.10", "EUR")},
	} {
		_, err := d.RecordEffort(ctx, sam, g.Tasks[i%2].ID, e)
		require.NoError(t, err)
	}
	g, err := d.Graph(ctx, mona, parent)
	require.NoError(t, err)
	s := g.RollUp(d.now)
	require.EqualValues(t, 45, s.Minutes)
	require.Equal(t, "[0.30 EUR 10.10 USD]", itsmString(s.Costs))
	second := g.Tasks[1].Effort[0]
	require.Equal(t, task.Effort{ID: second.ID, Person: "ivy", By: "sam", At: d.now.Add(-time.Hour), Minutes: 15, Cost: second.Cost, Text: "On the phone"}, second)
	require.NotEmpty(t, second.ID)
	told := d.last(g.Tasks[1].ID).Data.(task.EffortRecorded).Effort
	require.Equal(t, second.ID, told.ID)

	// One whose roles let nobody write on the task cannot book on it.
	_, err = d.RecordEffort(ctx, ivy, g.Tasks[0].ID, task.EffortEntry{Minutes: 5})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func itsmString(costs []itsm.Money) string {
	s := "["
	for i, c := range costs {
		if i > 0 {
			s += " "
		}
		s += c.String()
	}
	return s + "]"
}
