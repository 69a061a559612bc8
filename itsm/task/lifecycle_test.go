package task_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

const (
	pending    = task.StatePending
	isReady    = task.StateReady
	inProgress = task.StateInProgress
	onHold     = task.StateOnHold
	isDone     = task.StateDone
	failed     = task.StateFailed
	skipped    = task.StateSkipped
	cancelled  = task.StateCancelled

	stays = task.State("stays")
	back  = task.State("back")
)

var allStates = []task.State{pending, isReady, inProgress, onHold, isDone, failed, skipped, cancelled}

// decided is the lifecycle as it was decided, written apart from the table: action, from, to.
var decided = map[task.Action]map[task.State]task.State{
	task.ActionAssign:       {pending: stays, isReady: stays},
	task.ActionAccept:       {pending: stays, isReady: stays},
	task.ActionReassign:     {pending: stays, isReady: stays, inProgress: stays, onHold: stays},
	task.ActionStart:        {isReady: inProgress},
	task.ActionHold:         {isReady: onHold, inProgress: onHold},
	task.ActionResume:       {onHold: back},
	task.ActionComplete:     {isReady: isDone, inProgress: isDone},
	task.ActionFail:         {isReady: failed, inProgress: failed, onHold: failed},
	task.ActionSkip:         {pending: skipped, isReady: skipped, onHold: skipped},
	task.ActionCancel:       {pending: cancelled, isReady: cancelled, inProgress: cancelled, onHold: cancelled},
	task.ActionRetry:        {failed: isReady},
	task.ActionPrecede:      {pending: stays, isReady: stays},
	task.ActionEdit:         {pending: stays, isReady: stays, inProgress: stays, onHold: stays},
	task.ActionRecordEffort: {pending: stays, isReady: stays, inProgress: stays, onHold: stays, isDone: stays, failed: stays, skipped: stays, cancelled: stays},
}

// commands is each action as a command with input that fits, and another task of the parent that has
// ended well.
var commands = map[task.Action]func(ctx context.Context, p *task.Practice, id, other itsm.ID) (task.Task, error){
	task.ActionAssign: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Assign(ctx, mona, id, task.Assignment{Group: "network"})
	},
	task.ActionAccept: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Accept(ctx, mona, id, itsm.Command{})
	},
	task.ActionReassign: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Reassign(ctx, mona, id, task.Assignment{Assignee: "ivy"})
	},
	task.ActionStart: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Start(ctx, mona, id, itsm.Command{})
	},
	task.ActionHold: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Hold(ctx, mona, id, because("No spare part"))
	},
	task.ActionResume: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Resume(ctx, mona, id, itsm.Command{})
	},
	task.ActionComplete: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Complete(ctx, mona, id, task.Ending{Code: "fine"})
	},
	task.ActionFail: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Fail(ctx, mona, id, task.Ending{Command: because("The disk is full")})
	},
	task.ActionSkip: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Skip(ctx, mona, id, task.Ending{Command: because("Not needed")})
	},
	task.ActionCancel: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Cancel(ctx, mona, id, because("Withdrawn"))
	},
	task.ActionRetry: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Retry(ctx, mona, id, because("There is space now"))
	},
	task.ActionPrecede: func(ctx context.Context, p *task.Practice, id, other itsm.ID) (task.Task, error) {
		return p.AddEdge(ctx, mona, id, task.Precedence{Dependency: task.Dependency{Task: other}})
	},
	task.ActionEdit: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.Edit(ctx, mona, id, task.Edit{Title: ptr("Another title")})
	},
	task.ActionRecordEffort: func(ctx context.Context, p *task.Practice, id, _ itsm.ID) (task.Task, error) {
		return p.RecordEffort(ctx, mona, id, task.EffortEntry{Minutes: 30})
	},
}

// prepared is a task in the state, of Mona's where it is started, and another that is done.
func prepared(d *desk, s task.State) (t task.Task, other itsm.ID) {
	ctx := d.t.Context()
	must := func(changed task.Task, err error) {
		d.t.Helper()
		require.NoError(d.t, err)
		t = changed
	}
	parent := d.order()
	must(d.AddTask(ctx, mona, parent, task.Addition{Item: task.Item{Title: "Order the part"}}))
	must(d.Complete(ctx, mona, t.ID, task.Ending{}))
	other = t.ID
	must(d.AddTask(ctx, mona, parent, task.Addition{Item: task.Item{Title: "Gate"}}))
	gate := t.ID
	in := task.Addition{Item: task.Item{Title: "Install", Group: "ops", Due: d.now.Add(time.Hour)}}
	if s == pending {
		in.After = []task.Dependency{{Task: gate}}
	}
	must(d.AddTask(ctx, mona, parent, in))
	switch s {
	case inProgress, onHold:
		must(d.Accept(ctx, mona, t.ID, itsm.Command{}))
		must(d.Start(ctx, mona, t.ID, itsm.Command{}))
		if s == onHold {
			must(d.Hold(ctx, mona, t.ID, because("Lunch")))
		}
	case isDone:
		must(d.Complete(ctx, mona, t.ID, task.Ending{}))
	case failed:
		must(d.Fail(ctx, mona, t.ID, task.Ending{Command: because("It broke")}))
	case skipped:
		must(d.Skip(ctx, mona, t.ID, task.Ending{Command: because("Not needed")}))
	case cancelled:
		must(d.Cancel(ctx, mona, t.ID, because("Withdrawn")))
	}
	require.Equal(d.t, s, t.State)
	return t, other
}

func TestS7EveryActionInEveryState(t *testing.T) {
	for action, command := range commands {
		for _, s := range allStates {
			t.Run(fmt.Sprintf("%s while %s", action, s), func(t *testing.T) {
				d := openDesk(t, task.Options{}, engine.Options{})
				was, other := prepared(d, s)
				if action == task.ActionStart && s == isReady {
					var err error
					was, err = d.Accept(t.Context(), mona, was.ID, itsm.Command{})
					require.NoError(t, err)
				}
				before := d.snapshot()
				to, permitted := decided[action][s]
				_, err := command(t.Context(), d.Practice, was.ID, other)
				if !permitted {
					var refused *itsm.TransitionError
					require.ErrorAs(t, err, &refused)
					require.ErrorIs(t, err, itsm.ErrTransition)
					require.Equal(t, itsm.TransitionError{
						Kind: task.Kind, ID: was.ID, State: string(s), Action: string(action), Permitted: refused.Permitted,
					}, *refused)
					var want []string
					for other, from := range decided {
						if _, ok := from[s]; ok && !(was.Assignee != "" && other == task.ActionAssign) {
							want = append(want, string(other))
						}
					}
					require.ElementsMatch(t, want, refused.Permitted)
					require.Equal(t, before, d.snapshot(), "nothing is changed")
					return
				}
				require.NoError(t, err)
				want := to
				switch to {
				case stays:
					want = s
				case back:
					want = inProgress
				}
				after := d.get(was.ID)
				require.Equal(t, want, after.State)
				category, _ := d.Lifecycle().Category(want)
				require.Equal(t, category, after.Category)
				require.Equal(t, category.Open(), after.Open)
				require.Equal(t, !category.Open(), after.Outcome != "")
				require.Equal(t, was.Version+1, after.Version)
				e := d.last(was.ID)
				require.Equal(t, [3]string{string(action), string(s), string(want)}, [3]string{e.Action, e.From, e.To})
				require.Equal(t, [2]itsm.Category{was.Category, category}, [2]itsm.Category{e.FromCategory, e.ToCategory})
			})
		}
	}
	require.Len(t, commands, len(decided))
	for _, r := range task.StandardLifecycle().Rules() {
		require.True(t, r.System || decided[r.On] != nil, "%s is decided", r.On)
	}
}

func TestPermittedActionsAgreeWithTheCommands(t *testing.T) {
	for _, s := range allStates {
		t.Run(string(s), func(t *testing.T) {
			d := openDesk(t, task.Options{}, engine.Options{})
			one, _ := prepared(d, s)
			actions, err := d.PermittedActions(t.Context(), mona, one.ID)
			require.NoError(t, err)
			var got, want []string
			for _, a := range actions {
				got = append(got, a.Action)
				require.Equal(t, !(a.Action == "assign" && one.Assignee != ""), a.Permitted, "%+v", a)
			}
			for action, from := range decided {
				if _, ok := from[s]; ok {
					want = append(want, string(action))
				}
			}
			require.ElementsMatch(t, want, got)
		})
	}
}

func TestPermittedActionsSayWhyNot(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	one, _ := prepared(d, isReady)
	of := func(actor itsm.Actor) map[string]itsm.PermittedAction {
		actions, err := d.PermittedActions(t.Context(), actor, one.ID)
		require.NoError(t, err)
		byName := map[string]itsm.PermittedAction{}
		for _, a := range actions {
			byName[a.Action] = a
		}
		return byName
	}
	his := of(sam)
	require.True(t, his["start"].Permitted)
	require.Equal(t, []string{"assignee"}, his["start"].Missing)
	require.Equal(t, []string{"reason"}, his["fail"].Missing)
	require.True(t, his["skip"].Forbidden)
	require.Contains(t, his["skip"].Reason, "task.manage")
	require.NotContains(t, his, "release", "what the plan does is not offered")
	hers := of(ivy)
	require.True(t, hers["start"].Forbidden)
	require.Contains(t, hers["start"].Reason, "it is granted only on records where the actor is: group")
	_, err := d.PermittedActions(t.Context(), rita, one.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestWhatAnActionNeedsIsToldAtOnce(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	one, _ := prepared(d, isReady)
	ctx, before := t.Context(), d.snapshot()
	_, err := d.Start(ctx, mona, one.ID, itsm.Command{IfVersion: -1})
	require.Equal(t, []string{"if_version", "assignee"}, faults(t, err))
	_, err = d.Fail(ctx, mona, one.ID, task.Ending{Code: "a\x00b"})
	require.Equal(t, []string{"code", "reason"}, faults(t, err))
	_, err = d.Edit(ctx, mona, one.ID, task.Edit{
		Title: ptr(" "), Description: ptr("\xff"), Position: ptr(int64(-1)), PlannedMinutes: ptr(int64(task.MaxMinutes + 1)),
		Due: ptr(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)),
	})
	require.Equal(t, []string{"title", "description", "planned_minutes", "due", "position"}, faults(t, err))
	_, err = d.RecordEffort(ctx, mona, one.ID, task.EffortEntry{
		At: d.now.Add(time.Hour), Cost: itsm.Money{Currency: "XYZ"}, Text: "a\x01", Person: "a\nb",
	})
	require.Equal(t, []string{"person", "at", "cost.currency", "minutes", "text"}, faults(t, err))
	_, err = d.Reassign(ctx, mona, one.ID, task.Assignment{Group: "ops"})
	require.Equal(t, []string{"group or assignee"}, faults(t, err))
	_, err = d.Do(ctx, mona, one.ID, task.ActionStart, task.Input{})
	require.Equal(t, []string{"action"}, faults(t, err))
	_, err = d.Do(ctx, mona, one.ID, "dance", task.Input{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.Equal(t, before, d.snapshot(), "nothing is changed")
}

// A host's own state and action: parts are ordered, and the work turns out to be somebody else's.
func TestAHostsStatesActionsAndColumns(t *testing.T) {
	ordered, handed := task.State("ordered"), task.State("handed_over")
	vendor := storage.Custom[string](task.Table, "vendor")
	l, err := task.StandardLifecycle().Extend(
		[]task.StateOf{{Name: ordered, Category: itsm.CategoryWaiting}, {Name: handed, Category: itsm.CategoryClosed}},
		task.Rule{From: []task.State{inProgress}, On: "order", To: ordered, Permission: task.PermissionDo, Needs: []itsm.Field[*task.Case]{{
			Name: "vendor", Empty: func(c *task.Case) bool { v, ok := vendor.Of(&c.Head); return !ok || v == "" },
		}}},
		task.Rule{From: []task.State{ordered}, On: "arrived", Return: []task.State{inProgress}, Permission: task.PermissionDo},
		task.Rule{From: []task.State{ordered}, On: "hand_over", To: handed, Permission: task.PermissionDo},
		task.Rule{From: []task.State{ordered}, On: task.ActionCancel, To: cancelled, Needs: []itsm.Field[*task.Case]{task.NeedsReason}},
	)
	require.NoError(t, err)
	d := openDesk(t, task.Options{
		Lifecycle: l, Outcomes: map[task.State]task.Outcome{handed: task.OutcomeSkipped}, Columns: []storage.ColumnOf[task.Head]{vendor},
	}, engine.Options{})
	ctx := t.Context()
	one, _ := prepared(d, inProgress)
	after, err := d.AddTask(ctx, mona, one.Parent(), task.Addition{Item: task.Item{Title: "Bill it"}, After: []task.Dependency{{Task: one.ID}}})
	require.NoError(t, err)
	_, err = d.Do(ctx, mona, one.ID, "order", task.Input{Code: "x"})
	require.Equal(t, []string{"code", "vendor"}, faults(t, err))
	one, err = d.Do(ctx, mona, one.ID, "order", task.Input{Columns: []storage.Value[task.Head]{vendor.Value("Parts & Co")}, Data: []byte(`{"n":1}`)})
	require.NoError(t, err)
	require.Equal(t, []any{ordered, inProgress, 1}, []any{one.State, one.Before, one.Holds})
	one, err = d.Do(ctx, mona, one.ID, "hand_over", task.Input{Code: "vendor"})
	require.NoError(t, err)
	require.Equal(t, []any{handed, task.OutcomeSkipped, "vendor"}, []any{one.State, one.Outcome, one.Code})
	require.Equal(t, skipped, d.get(after.ID).State, "what was to follow it only when done follows the outcome that the host named")

	// The host's waiting state ends with the parent, too.
	two, _ := prepared(d, inProgress)
	_, err = d.Do(ctx, mona, two.ID, "order", task.Input{Columns: []storage.Value[task.Head]{vendor.Value("Parts & Co")}})
	require.NoError(t, err)
	require.NoError(t, d.host.Move(ctx, mona, two.Parent(), itsm.CategoryCancelled, nil))
	require.Equal(t, cancelled, d.get(two.ID).State)
}

func TestOptionsThatCannotBeAreToldAtOnce(t *testing.T) {
	e, err := engine.New(openDesk(t, task.Options{}, engine.Options{}).e.Store(), engine.Options{})
	require.NoError(t, err)
	l, err := task.StandardLifecycle().Extend(
		[]task.StateOf{{Name: "paused", Category: itsm.CategoryWaiting}},
		task.Rule{From: []task.State{isReady}, On: "pause", To: "paused"}, task.Rule{From: []task.State{"paused"}, On: "go_on", To: isReady})
	require.NoError(t, err)
	l, err = l.Without(nil, task.ActionBlock)
	require.NoError(t, err)
	_, err = task.New(e, task.Options{
		Lifecycle: l, Outcomes: map[task.State]task.Outcome{"gone": "well", isDone: task.OutcomeFailed},
		Columns: []storage.ColumnOf[task.Head]{nil, task.ByTitle},
	})
	require.Equal(t, []string{"lifecycle", "lifecycle", "outcomes", "outcomes", "outcomes.gone", "columns", "columns"}, faults(t, err))
	_, err = task.New(nil, task.Options{})
	require.Equal(t, []string{"engine"}, faults(t, err))
}

func TestAnEditThatChangesNothingIsNone(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	one, _ := prepared(d, isReady)
	before := d.snapshot()
	same, err := d.Edit(t.Context(), mona, one.ID, task.Edit{Title: ptr("Install"), Due: &one.Due})
	require.NoError(t, err)
	require.Equal(t, one, same)
	require.Equal(t, before, d.snapshot())
}

// A failed task can be tried again until somebody has acted on its failure.
func TestRetryTakesBackWhatFollowedTheFailure(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx := t.Context()
	plan := task.Plan{
		Tasks: []task.Item{
			{Name: "install", Title: "Install"}, {Name: "test", Title: "Test"}, {Name: "report", Title: "Report"}, {Name: "restore", Title: "Restore", Assignee: "mona"},
		},
		Edges: []task.Edge{
			{From: "install", To: "test"}, {From: "test", To: "report"}, {From: "install", To: "restore", Allows: task.AllowsFailed},
		},
	}
	states := func(parent itsm.Ref) map[string]task.State {
		g, err := d.Graph(ctx, mona, parent)
		require.NoError(t, err)
		out := map[string]task.State{}
		for _, one := range g.Tasks {
			out[one.Name] = one.State
		}
		return out
	}
	parent := d.order()
	g := d.add(parent, plan)
	install, _ := g.Task("install")
	restore, _ := g.Task("restore")
	_, err := d.Fail(ctx, mona, install.ID, task.Ending{Command: because("The disk is full")})
	require.NoError(t, err)
	require.Equal(t, map[string]task.State{"install": failed, "test": skipped, "report": skipped, "restore": isReady}, states(parent))
	test, _ := g.Task("test")
	require.Equal(t, `it comes after "Install" when done, which was failed`, d.get(test.ID).EndReason)
	report, _ := g.Task("report")
	e := d.last(report.ID)
	require.Equal(t, task.Skipped{Auto: true, Because: test.ID}, e.Data)
	require.True(t, e.System)

	again, err := d.Retry(ctx, mona, install.ID, because("There is space now"))
	require.NoError(t, err)
	require.Equal(t, 1, again.Retries)
	require.Equal(t, map[string]task.State{"install": isReady, "test": pending, "report": pending, "restore": pending}, states(parent))
	require.Equal(t, task.Revived{}, d.last(report.ID).Data)
	require.Zero(t, d.get(report.ID).Retries)

	_, err = d.Fail(ctx, mona, install.ID, task.Ending{Command: because("Still full")})
	require.NoError(t, err)
	_, err = d.Start(ctx, mona, restore.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.Retry(ctx, mona, install.ID, because("Once more"))
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "a task that follows its failure has started", refused.Reason)
	actions, err := d.PermittedActions(ctx, mona, install.ID)
	require.NoError(t, err)
	require.Equal(t, refused.Reason, actions[0].Reason)
	require.False(t, actions[0].Permitted)

	require.NoError(t, d.host.Move(ctx, mona, parent, itsm.CategoryClosed, nil))
	_, err = d.Retry(ctx, mona, install.ID, because("Once more"))
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "the record that it is about has ended", refused.Reason)
}

// A task that a host's own action started against its edges keeps no other from being tried again.
func TestWhatStartedAgainstItsEdgesFollowsNothing(t *testing.T) {
	l, err := task.StandardLifecycle().Extend(nil, task.Rule{From: []task.State{pending}, On: "force", To: inProgress, Permission: task.PermissionDo})
	require.NoError(t, err)
	d := openDesk(t, task.Options{Lifecycle: l}, engine.Options{})
	ctx := t.Context()
	g := d.add(d.order(), task.Plan{
		Tasks: []task.Item{{Name: "a", Title: "A"}, {Name: "b", Title: "B"}, {Name: "c", Title: "C"}},
		Edges: []task.Edge{{From: "a", To: "b"}},
	})
	_, err = d.Do(ctx, mona, g.Tasks[1].ID, "force", task.Input{})
	require.NoError(t, err)
	_, err = d.Fail(ctx, mona, g.Tasks[2].ID, task.Ending{Command: because("It broke")})
	require.NoError(t, err)
	_, err = d.Retry(ctx, mona, g.Tasks[2].ID, because("Again"))
	require.NoError(t, err)
	require.Equal(t, inProgress, d.get(g.Tasks[1].ID).State)
}
