package task_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

// TestTasksOfARecordThatOneMayNotReadAreNotThere tries every way to a task of a secret parent, and
// compares each answer with that for a task that is not there.
func TestTasksOfARecordThatOneMayNotReadAreNotThere(t *testing.T) {
	d := openDesk(t, task.Options{MayRead: tasksuite.MayRead}, engine.Options{})
	ctx := t.Context()
	system := itsm.SystemActor("acme", "set_up")
	secret, err := d.host.Open(ctx, mona, "sam")
	require.NoError(t, err)
	g, err := d.Add(ctx, system, secret, task.Plan{Tasks: []task.Item{{Title: "A", Group: "network", Assignee: "ivy"}, {Title: "B"}}})
	require.NoError(t, err)
	one := g.Tasks[0].ID
	open := d.add(d.order(), task.Plan{Tasks: []task.Item{{Title: "Open", Group: "network"}}}).Tasks[0]

	for _, actor := range []itsm.Actor{mona, ivy} { // the second works on it
		for action, command := range commands {
			_, err := command(ctx, d.In(d.e.Store()), one, one)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%s", action)
		}
		_, err := d.Get(ctx, actor, one)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, missing := d.Get(ctx, actor, "no-such-task")
		require.Equal(t, len(missing.Error())-len("no-such-task"), len(err.Error())-len(one), "the error is that of one that is not there")
		_, err = d.Edit(ctx, actor, one, task.Edit{Command: itsm.Command{IfVersion: 99}})
		require.ErrorIs(t, err, itsm.ErrNotFound, "not even its version is told")
		_, err = d.History(ctx, actor, one)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.PermittedActions(ctx, actor, one)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.Graph(ctx, actor, secret)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		page, err := d.List(ctx, actor, task.Query{})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.Equal(t, open.ID, page.Items[0].ID)
		page, err = d.Of(ctx, actor, secret, task.Query{})
		require.NoError(t, err)
		require.Empty(t, page.Items)
		n, err := d.Count(ctx, actor, task.Query{})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		n, err = d.Count(ctx, actor, task.Query{Where: task.ByParentID.Is(secret.ID)})
		require.NoError(t, err)
		require.Zero(t, n)
		mine, err := d.Mine(ctx, actor, task.Query{})
		require.NoError(t, err)
		require.Empty(t, mine.Items)
	}
	_, err = d.AddTask(ctx, mona, secret, task.Addition{Item: task.Item{Title: "C"}})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	n, err := d.Count(ctx, sam, task.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 3, n, "it is for Sam")
}

func TestRequestersSeeNoTask(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx := t.Context()
	parent := d.order()
	one := d.add(parent, task.Plan{Tasks: []task.Item{{Title: "A"}}}).Tasks[0]
	_, err := d.Get(ctx, rita, one.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.List(ctx, rita, task.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Count(ctx, rita, task.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Graph(ctx, rita, parent)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.AddTask(ctx, rita, parent, task.Addition{Item: task.Item{Title: "B"}})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

// A host may let requesters follow the tasks of their records: they see what is done, and nothing
// internal.
func TestWhatIsInternalIsForThoseWhoMayReadIt(t *testing.T) {
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), itsm.Role{Name: "follower", Grants: []itsm.Grant{{Permission: task.PermissionRead}}})...)
	require.NoError(t, err)
	d := openDesk(t, task.Options{}, engine.Options{Authorizer: book})
	ctx, parent := t.Context(), d.order()
	one := d.add(parent, task.Plan{Tasks: []task.Item{{Title: "A", Description: "The key is under the mat", Assignee: "mona"}}}).Tasks[0]
	_, err = d.RecordEffort(ctx, mona, one.ID, task.EffortEntry{Minutes: 5})
	require.NoError(t, err)
	_, err = d.Hold(ctx, mona, one.ID, because("The customer does not pay"))
	require.NoError(t, err)
	follower := itsm.Actor{Tenant: "acme", ID: "flo", Roles: []itsm.RoleName{"follower"}}
	g, err := d.Graph(ctx, follower, parent)
	require.NoError(t, err)
	got, err := d.Get(ctx, follower, one.ID)
	require.NoError(t, err)
	require.Equal(t, g.Tasks[0], got)
	require.Equal(t, []any{"A", "", "", 0}, []any{got.Title, got.Description, got.HoldReason, len(got.Effort)})
	_, err = d.History(ctx, follower, one.ID)
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

// TestListsAgreeWithTheAuthorizerRecordByRecord gives random people random grants on random tasks of
// open and secret parents: a list has exactly those that Get gives.
func TestListsAgreeWithTheAuthorizerRecordByRecord(t *testing.T) {
	ids := []itsm.ID{"a", "b", "c"}
	scopes := []itsm.Scope{itsm.ScopeAll, itsm.ScopeGroup, itsm.ScopeAssignee, itsm.ScopeRequester, itsm.ScopeMember}
	rapid.Check(t, func(rt *rapid.T) {
		drawn := rapid.SliceOfDistinct(rapid.SampledFrom(scopes), rapid.ID[itsm.Scope]).Draw(rt, "scopes")
		grants := []itsm.Grant{}
		if len(drawn) > 0 {
			grants = append(grants, itsm.Grant{Permission: task.PermissionRead, Scopes: drawn})
		}
		book, err := itsm.NewRoleBook(itsm.Role{Name: "drawn", Grants: grants})
		require.NoError(rt, err)
		d := openDesk(t, task.Options{MayRead: tasksuite.MayRead}, engine.Options{Authorizer: book})
		maybe := rapid.SampledFrom(append([]itsm.ID{""}, ids...))
		system := itsm.SystemActor("acme", "setup")
		var added []task.Task
		for n := range rapid.IntRange(1, 8).Draw(rt, "tasks") {
			parent, err := d.host.Open(t.Context(), system, maybe.Draw(rt, "secret"))
			require.NoError(rt, err)
			one, err := d.AddTask(t.Context(), system, parent, task.Addition{Item: task.Item{
				Title: fmt.Sprint(n), Group: maybe.Draw(rt, "group"), Assignee: maybe.Draw(rt, "assignee"),
			}})
			require.NoError(rt, err)
			added = append(added, one)
		}
		actor := itsm.Actor{
			Tenant: "acme", ID: rapid.SampledFrom(ids).Draw(rt, "actor"), Roles: []itsm.RoleName{"drawn"},
			Groups: rapid.SliceOfDistinct(maybe, rapid.ID[itsm.ID]).Draw(rt, "groups"),
		}
		var want, got []itsm.ID
		for _, one := range added {
			if _, err := d.Get(t.Context(), actor, one.ID); err == nil {
				want = append(want, one.ID)
			} else {
				require.ErrorIs(rt, err, itsm.ErrNotFound)
			}
		}
		for h, err := range d.All(t.Context(), actor, task.Query{Limit: 3}) {
			if len(grants) == 0 {
				require.ErrorIs(rt, err, itsm.ErrForbidden)
				return
			}
			require.NoError(rt, err)
			got = append(got, h.ID)
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(rt, want, got)
		n, err := d.Count(t.Context(), actor, task.Query{})
		require.NoError(rt, err)
		require.Len(rt, got, int(n))
	})
}

func TestQueuesShowWhatCanBeTaken(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx := t.Context()
	g := d.add(d.order(), task.Plan{
		Tasks: []task.Item{
			{Name: "soon", Title: "Soon", Group: "ops", Due: d.now.Add(time.Minute)}, {Name: "whenever", Title: "Whenever", Group: "ops"},
			{Name: "first", Title: "First", Group: "ops", Due: d.now}, {Name: "later", Title: "Later", Group: "ops"}, {Name: "taken", Title: "Taken", Group: "ops", Assignee: "sam"},
			{Name: "others", Title: "Others", Group: "network"},
		},
		Edges: []task.Edge{{From: "soon", To: "later"}},
	})
	names := func(page storage.Page[task.Head], err error) (names []string) {
		require.NoError(t, err)
		for _, h := range page.Items {
			names = append(names, h.Name)
		}
		return names
	}
	require.Equal(t, []string{"first", "soon", "whenever"}, names(d.MyGroups(ctx, sam, task.Query{})))
	require.Equal(t, []string{"taken"}, names(d.Mine(ctx, sam, task.Query{})))
	soon, _ := g.Task("soon")
	_, err := d.Accept(ctx, sam, soon.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.Accept(ctx, mona, soon.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition, "another has it")
	require.Equal(t, []string{"soon", "taken"}, names(d.Mine(ctx, sam, task.Query{})))
	_, err = d.Complete(ctx, sam, soon.ID, task.Ending{})
	require.NoError(t, err)
	require.Equal(t, []string{"first", "whenever", "later"}, names(d.MyGroups(ctx, sam, task.Query{})))
	require.Equal(t, []string{"soon", "whenever", "first", "later", "taken", "others"}, names(d.Of(ctx, sam, g.Parent, task.Query{})))
}

func TestWhatIsOpenWarnsOrBlocksByPolicy(t *testing.T) {
	d := openDesk(t, task.Options{}, engine.Options{})
	ctx := t.Context()
	parent := d.order()
	order := tasksuite.Order{OrderHead: tasksuite.OrderHead{Meta: storage.Meta{ID: parent.ID}}}
	told := func(policy task.Blocking) (blockers []string, err error) {
		viewed := d.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
			blockers, err = task.Blockers[tasksuite.Order](d.Practice, policy)(ctx, r, order)
			return nil
		})
		require.NoError(t, viewed)
		return blockers, err
	}
	warnings := func() (warnings []string) {
		require.NoError(t, d.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) (err error) {
			warnings, err = d.Warnings(ctx, r, parent)
			return err
		}))
		return warnings
	}
	require.Empty(t, warnings(), "it has no tasks")
	g := d.add(parent, task.Plan{Tasks: []task.Item{{Title: "A"}, {Title: "B", Optional: true}}})
	require.Equal(t, []string{"open tasks: 2, 1 of them optional"}, warnings())
	for policy, want := range map[task.Blocking][]string{
		"": nil, task.BlockNothing: nil, task.BlockMandatory: {"open tasks: 1"}, task.BlockAll: {"open tasks: 2, 1 of them optional"},
	} {
		got, err := told(policy)
		require.NoError(t, err)
		require.Equal(t, want, got, "%s", policy)
	}
	_, err := d.Edit(ctx, mona, g.Tasks[1].ID, task.Edit{Optional: ptr(false)})
	require.NoError(t, err)
	require.Equal(t, []string{"open tasks: 2"}, warnings())
	_, err = d.Edit(ctx, mona, g.Tasks[1].ID, task.Edit{Optional: ptr(true)})
	require.NoError(t, err)
	_, err = told("perhaps")
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.Fail(ctx, mona, g.Tasks[0].ID, task.Ending{Command: because("It broke")})
	require.NoError(t, err)
	require.Equal(t, []string{"open tasks: 1, 1 of them optional", "failed tasks: 1"}, warnings())
	got, err := told(task.BlockMandatory)
	require.NoError(t, err)
	require.Empty(t, got)
}
