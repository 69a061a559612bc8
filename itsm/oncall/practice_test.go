package oncall_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// calls is the practice over a store in memory, with a clock that stands until it is moved.
type calls struct {
	*oncall.Practice
	e   *engine.Engine
	now time.Time
}

func newCalls(t *testing.T, o oncall.Options) *calls {
	t.Helper()
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(),
		itsm.Role{Name: "manager", Grants: []itsm.Grant{{Permission: "oncall.*"}}},
		itsm.Role{Name: "reader", Grants: []itsm.Grant{{Permission: oncall.PermissionRead}}},
		itsm.Role{Name: "engineer", Grants: []itsm.Grant{
			{Permission: oncall.PermissionOverride, Scopes: []itsm.Scope{itsm.ScopeMember}},
			{Permission: oncall.PermissionAcknowledge, Scopes: []itsm.Scope{itsm.ScopeMember}},
		}},
		itsm.Role{Name: "pager", Grants: []itsm.Grant{{Permission: oncall.PermissionPage}}},
	)...)
	require.NoError(t, err)
	c := &calls{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	c.e, err = engine.New(memory.New(), engine.Options{Clock: func() time.Time { return c.now }, Authorizer: book})
	require.NoError(t, err)
	c.Practice, err = oncall.New(c.e, o)
	require.NoError(t, err)
	require.NoError(t, c.e.Migrate(t.Context()))
	return c
}

func actor(id itsm.ID, roles ...itsm.RoleName) itsm.Actor {
	return itsm.Actor{Tenant: "acme", ID: id, Roles: roles}
}

var mona = actor("mona", "manager")

func fields(t *testing.T, err error) (names []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.True(t, errors.As(err, &invalid), "%v", err)
	for _, f := range invalid.Faults {
		names = append(names, f.Field)
	}
	return names
}

func (c *calls) define(t *testing.T, people ...itsm.ID) (oncall.Schedule, oncall.Policy) {
	t.Helper()
	s, err := c.DefineSchedule(t.Context(), mona, oncall.ScheduleDefinition{Name: "Nights", Rota: oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{weekly(people...)}}})
	require.NoError(t, err)
	p, err := c.DefinePolicy(t.Context(), mona, oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Steps: []oncall.Step{
		{Minutes: 5, Targets: []oncall.Target{target(oncall.TargetSchedule, s.ID)}},
	}}})
	require.NoError(t, err)
	return s, p
}

func TestBadInputIsToldWithEveryFault(t *testing.T) {
	c := newCalls(t, oncall.Options{})
	ctx := t.Context()
	s, p := c.define(t, "ana")
	bad := itsm.Command{Key: "\x00", IfVersion: 1}

	_, err := c.DefineSchedule(ctx, mona, oncall.ScheduleDefinition{Command: bad, Rota: oncall.Rota{Zone: "Moon", Layers: []oncall.Layer{{}}}})
	require.Equal(t, []string{"key", "if_version", "name", "rota.zone", "rota.layers[0].rotation.every", "rota.layers[0].rotation.start"}, fields(t, err))
	_, err = c.DefinePolicy(ctx, mona, oncall.PolicyDefinition{Command: bad, Ladder: oncall.Ladder{Repeat: -1}})
	require.Equal(t, []string{"key", "if_version", "name", "ladder.steps", "ladder.repeat"}, fields(t, err))
	_, err = c.DefinePolicy(ctx, mona, oncall.PolicyDefinition{Ladder: oncall.Ladder{Steps: []oncall.Step{
		{Minutes: 5, Targets: []oncall.Target{target(oncall.TargetSchedule, s.ID), target(oncall.TargetSchedule, "none")}},
	}}})
	require.Equal(t, []string{"name", "ladder.steps[0].targets[1].id"}, fields(t, err))
	_, err = c.Override(ctx, mona, s.ID, oncall.OverrideRequest{Command: bad, Override: oncall.Override{To: c.now, Kind: oncall.OverrideAdd, Replaces: "ben"}})
	require.Equal(t, []string{"key", "if_version", "to", "person", "replaces"}, fields(t, err))
	_, err = c.Override(ctx, mona, s.ID, oncall.OverrideRequest{})
	require.Equal(t, []string{"to", "kind", "person"}, fields(t, err))
	_, err = c.Start(ctx, mona, oncall.Page{Command: bad})
	require.Equal(t, []string{"key", "if_version", "subject.kind", "subject.id", "summary", "policy"}, fields(t, err))
	_, err = c.Start(ctx, mona, oncall.Page{Subject: itsm.Ref{Kind: oncall.KindPolicy, ID: "none"}, Policy: p.ID, Summary: "Mail is down"})
	require.Equal(t, []string{"subject"}, fields(t, err))
	_, err = c.Timetable(ctx, mona, s.ID, c.now, c.now)
	require.Equal(t, []string{"to"}, fields(t, err))
	_, err = c.History(ctx, mona, itsm.Ref{Kind: "incident", ID: s.ID})
	require.Equal(t, []string{"kind"}, fields(t, err))
	_, err = oncall.New(nil, oncall.Options{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = oncall.New(c.e, oncall.Options{})
	require.ErrorIs(t, err, itsm.ErrInvalid)

	for _, kind := range []string{oncall.KindSchedule, oncall.KindPolicy} {
		id := map[string]itsm.ID{oncall.KindSchedule: s.ID, oncall.KindPolicy: p.ID}[kind]
		events, err := c.History(ctx, mona, itsm.Ref{Kind: kind, ID: id})
		require.NoError(t, err)
		require.Len(t, events, 1, "nothing was changed")
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	c := newCalls(t, oncall.Options{})
	ctx := t.Context()
	s, p := c.define(t, "ana", "ben")
	page := oncall.Page{Subject: itsm.Ref{Kind: "alert", ID: "A-17"}, Policy: p.ID, Summary: "Mail is down"}
	e, err := c.Start(ctx, actor("paul", "pager"), page)
	require.NoError(t, err)
	over := oncall.OverrideRequest{Override: oncall.Override{To: c.now.Add(time.Hour), Kind: oncall.OverrideReplace, Person: "cleo", Replaces: "ana"}}
	forbidden, notFound := itsm.ErrForbidden, itsm.ErrNotFound
	for _, a := range []struct {
		who                                                                  itsm.Actor
		define, read, override, start, escalation, acknowledge, cancel, list error
	}{
		{mona, nil, nil, nil, nil, nil, nil, nil, nil},
		{itsm.SystemActor("acme", "monitoring"), nil, nil, nil, nil, nil, nil, nil, nil},
		{actor("rita", "reader"), forbidden, nil, forbidden, forbidden, nil, forbidden, forbidden, nil},
		{actor("zoe"), forbidden, forbidden, notFound, forbidden, notFound, notFound, notFound, forbidden},
		// ana was told, and may act on what she was told of; that she is on the rota alone gives nothing.
		{actor("ana"), forbidden, forbidden, notFound, forbidden, nil, nil, forbidden, forbidden},
		{actor("ben"), forbidden, forbidden, notFound, forbidden, notFound, notFound, notFound, forbidden},
		{actor("ben", "engineer"), forbidden, forbidden, nil, forbidden, notFound, notFound, notFound, forbidden},
		{actor("dan", "engineer"), forbidden, forbidden, notFound, forbidden, notFound, notFound, notFound, forbidden},
		{actor("paul", "pager"), forbidden, forbidden, notFound, nil, nil, forbidden, nil, forbidden},
	} {
		t.Run(fmt.Sprint(a.who.ID, a.who.Roles), func(t *testing.T) {
			check := func(want error) func(any, error) {
				return func(_ any, err error) {
					t.Helper()
					if want == nil {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, want)
					}
				}
			}
			check(a.define)(c.DefineSchedule(ctx, a.who, oncall.ScheduleDefinition{Name: "Days", Rota: oncall.Rota{Zone: "UTC"}}))
			check(a.define)(c.DefinePolicy(ctx, a.who, oncall.PolicyDefinition{Name: "Days", Ladder: p.Ladder}))
			check(a.define)(c.ReviseSchedule(ctx, a.who, s.ID, oncall.ScheduleDefinition{Name: s.Name, Rota: s.Rota}))
			check(a.define)(c.RevisePolicy(ctx, a.who, p.ID, oncall.PolicyDefinition{Name: p.Name, Ladder: p.Ladder}))
			check(a.read)(c.Schedule(ctx, a.who, s.ID))
			check(a.read)(c.OnCall(ctx, a.who, s.ID, c.now))
			check(a.read)(c.Policy(ctx, a.who, p.ID))
			check(a.read)(c.Forecast(ctx, a.who, p.ID, c.now))
			check(a.read)(c.History(ctx, a.who, itsm.Ref{Kind: oncall.KindSchedule, ID: s.ID}))
			check(a.list)(c.Escalations(ctx, a.who, storage.Query[oncall.EscalationHead]{}))
			check(a.list)(c.Schedules(ctx, a.who, storage.Query[oncall.ScheduleHead]{}))
			check(a.list)(c.Policies(ctx, a.who, storage.Query[oncall.PolicyHead]{}))
			check(a.list)(c.Overrides(ctx, a.who, storage.Query[oncall.OverrideHead]{}))
			o, err := c.Override(ctx, a.who, s.ID, over)
			check(a.override)(o, err)
			if err == nil {
				check(a.override)(c.WithdrawOverride(ctx, a.who, o.ID, itsm.Command{}))
			}
			check(a.start)(c.Start(ctx, a.who, page)) // gives the one that there is
			check(a.escalation)(c.Escalation(ctx, a.who, e.ID))
			check(a.escalation)(c.History(ctx, a.who, itsm.Ref{Kind: oncall.KindEscalation, ID: e.ID}))
			check(a.acknowledge)(c.Acknowledge(ctx, a.who, e.ID, itsm.Command{}))
			check(a.acknowledge)(c.Escalate(ctx, a.who, e.ID, itsm.Command{}))
			if a.cancel != nil {
				check(a.cancel)(c.Cancel(ctx, a.who, e.ID, itsm.Command{}))
			}
		})
	}
	_, err = c.Cancel(ctx, actor("paul", "pager"), e.ID, itsm.Command{})
	require.NoError(t, err)
}

func TestSchedulesAndPoliciesHaveVersionsAndHistory(t *testing.T) {
	c := newCalls(t, oncall.Options{})
	ctx := t.Context()
	s, p := c.define(t, "ana")
	d := oncall.ScheduleDefinition{Command: itsm.Command{IfVersion: 1, Reason: "ben joins"}, Name: "Nights", Rota: oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{weekly("ana", "ben")}}}
	revised, err := c.ReviseSchedule(ctx, mona, s.ID, d)
	require.NoError(t, err)
	require.EqualValues(t, 2, revised.Version)
	_, err = c.ReviseSchedule(ctx, mona, s.ID, d)
	require.ErrorIs(t, err, itsm.ErrConflict)
	d.IfVersion = 2
	same, err := c.ReviseSchedule(ctx, mona, s.ID, d)
	require.NoError(t, err)
	require.Equal(t, revised, same, "nothing is new, and nothing is told")
	events, err := c.History(ctx, mona, itsm.Ref{Kind: oncall.KindSchedule, ID: s.ID})
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, "ben joins", events[1].Reason)
	require.Len(t, events[1].Changes, 1)
	require.Equal(t, "rota", events[1].Changes[0].Field)
	require.NotContains(t, string(events[1].Changes[0].Old), "ben")

	// A schedule that a policy names cannot be retired under it.
	_, err = c.RetireSchedule(ctx, mona, s.ID, itsm.Command{})
	var refused *itsm.TransitionError
	require.True(t, errors.As(err, &refused), "%v", err)
	require.Equal(t, []string{"Mail"}, refused.Missing)
	_, err = c.RetirePolicy(ctx, mona, p.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = c.RetireSchedule(ctx, mona, s.ID, itsm.Command{})
	require.NoError(t, err)
	on, err := c.OnCall(ctx, mona, s.ID, c.now)
	require.NoError(t, err)
	require.Empty(t, on)
	for _, again := range []func() error{
		func() error { _, err := c.RetireSchedule(ctx, mona, s.ID, itsm.Command{}); return err },
		func() error { _, err := c.RetirePolicy(ctx, mona, p.ID, itsm.Command{}); return err },
		func() error { _, err := c.ReviseSchedule(ctx, mona, s.ID, d); return err },
		func() error {
			_, err := c.RevisePolicy(ctx, mona, p.ID, oncall.PolicyDefinition{Name: "Mail", Ladder: p.Ladder})
			return err
		},
		func() error {
			_, err := c.Override(ctx, mona, s.ID, oncall.OverrideRequest{Override: oncall.Override{To: c.now.Add(time.Hour), Kind: oncall.OverrideAdd, Person: "ana"}})
			return err
		},
	} {
		d.IfVersion = 0
		require.ErrorIs(t, again(), itsm.ErrTransition)
	}
	_, err = c.DefinePolicy(ctx, mona, oncall.PolicyDefinition{Name: "Mail", Ladder: p.Ladder})
	require.Equal(t, []string{"ladder.steps[0].targets[0].id"}, fields(t, err))
}

func TestAnOverrideIsMadeOnceAndWithdrawnOnce(t *testing.T) {
	c := newCalls(t, oncall.Options{})
	ctx := t.Context()
	s, _ := c.define(t, "ana")
	r := oncall.OverrideRequest{Command: itsm.Command{Key: "swap"}, Override: oncall.Override{
		From: c.now.Add(-time.Hour), To: c.now.Add(time.Hour), Kind: oncall.OverrideReplace, Person: "ben", Replaces: "ana"}}
	o, err := c.Override(ctx, mona, s.ID, r)
	require.NoError(t, err)
	require.Equal(t, c.now, o.From, "what has been is not rewritten")
	again, err := c.Override(ctx, mona, s.ID, r)
	require.NoError(t, err)
	require.Equal(t, o, again)
	other, _ := c.define(t, "cleo")
	_, err = c.Override(ctx, mona, other.ID, r)
	require.ErrorIs(t, err, itsm.ErrInvalid, "the key was for another schedule")

	future := r
	future.Command, future.From, future.To = itsm.Command{}, c.now.Add(24*time.Hour), c.now.Add(48*time.Hour)
	later, err := c.Override(ctx, mona, s.ID, future)
	require.NoError(t, err)
	c.now = c.now.Add(30 * time.Minute)
	for id, ends := range map[itsm.ID]time.Time{o.ID: c.now, later.ID: later.From} {
		gone, err := c.WithdrawOverride(ctx, mona, id, itsm.Command{})
		require.NoError(t, err)
		require.True(t, gone.Withdrawn)
		require.Equal(t, ends, gone.To)
		_, err = c.WithdrawOverride(ctx, mona, id, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition)
	}
	table, err := c.Timetable(ctx, mona, s.ID, c.now.Add(-time.Hour), c.now.Add(72*time.Hour))
	require.NoError(t, err)
	require.Equal(t, []oncall.Override{{From: o.From, To: c.now, Kind: oncall.OverrideReplace, Person: "ben", Replaces: "ana"}}, table.Overrides())
	over := r
	over.Command = itsm.Command{}
	over.From, over.To = c.now, c.now.Add(time.Minute)
	o, err = c.Override(ctx, mona, s.ID, over)
	require.NoError(t, err)
	c.now = c.now.Add(time.Minute)
	_, err = c.WithdrawOverride(ctx, mona, o.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
}

func TestI12AGroupWithoutMembersIsSkipped(t *testing.T) {
	members := map[itsm.ID][]itsm.ID{"network": {"nora", "ned", "nora"}}
	boom := errors.New("directory is down")
	fails := false
	c := newCalls(t, oncall.Options{Members: func(_ context.Context, _ storage.Reader, group itsm.ID) ([]itsm.ID, error) {
		if fails {
			return nil, boom
		}
		people, ok := members[group]
		if !ok {
			return nil, itsm.ErrNotFound
		}
		return people, nil
	}})
	ctx := t.Context()
	p, err := c.DefinePolicy(ctx, mona, oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Repeat: 1, Steps: []oncall.Step{
		{Minutes: 5, Targets: []oncall.Target{target(oncall.TargetGroup, "nobody")}},
		{Minutes: 5, Targets: []oncall.Target{target(oncall.TargetGroup, "network")}},
	}}})
	require.NoError(t, err)
	page := oncall.Page{Subject: itsm.Ref{Kind: "alert", ID: "A-17"}, Policy: p.ID, Summary: "Mail is down"}
	fails = true
	_, err = c.Start(ctx, mona, page)
	require.ErrorIs(t, err, boom)
	fails = false
	e, err := c.Start(ctx, mona, page)
	require.NoError(t, err)
	require.Equal(t, oncall.Told{People: []itsm.ID{"ned", "nora"}}, e.Told)
	require.Equal(t, 2, e.Step)
}

// A subject outside of the engine pages nobody any more once the host says that it is not open.
func TestAHostsOwnSubjectIsAskedForBeforeEachStep(t *testing.T) {
	open := map[itsm.ID]bool{"A-1": true, "A-2": true}
	c := newCalls(t, oncall.Options{Open: func(_ context.Context, _ storage.Reader, subject itsm.Ref) (bool, error) {
		is, ok := open[subject.ID]
		if !ok {
			return false, itsm.ErrNotFound
		}
		return is, nil
	}})
	ctx := t.Context()
	_, p := c.define(t, "ana")
	p, err := c.RevisePolicy(ctx, mona, p.ID, oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Steps: p.Ladder.Steps, Repeat: 9}})
	require.NoError(t, err)
	var all []oncall.Escalation
	for _, id := range []itsm.ID{"A-1", "A-2"} {
		e, err := c.Start(ctx, mona, oncall.Page{Subject: itsm.Ref{Kind: "alert", ID: id}, Policy: p.ID, Summary: "Mail is down"})
		require.NoError(t, err)
		all = append(all, e)
	}
	open["A-1"] = false
	delete(open, "A-2")
	_, err = c.Escalate(ctx, mona, all[0].ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = c.e.Tick(ctx, c.now.Add(5*time.Minute))
	require.NoError(t, err)
	for _, e := range all {
		e, err = c.Escalation(ctx, mona, e.ID)
		require.NoError(t, err)
		require.Equal(t, oncall.StateCancelled, e.State)
		require.Equal(t, 1, e.Turn)
		_, err = c.Start(ctx, mona, oncall.Page{Subject: e.Subject(), Policy: p.ID, Summary: "Mail is down"})
		require.Equal(t, []string{"subject"}, fields(t, err))
	}
}

func TestADutyManagerCanForecastWhoWouldBeTold(t *testing.T) {
	c := newCalls(t, oncall.Options{})
	_, p := c.define(t, "ana", "ben")
	for week, person := range []itsm.ID{"ana", "ben", "ana"} {
		turns, err := c.Forecast(t.Context(), mona, p.ID, c.now.AddDate(0, 0, 7*week))
		require.NoError(t, err)
		require.Len(t, turns, 1)
		require.Equal(t, []itsm.ID{person}, turns[0].People)
	}
}

// The page of the documentation has the lifecycle that runs.
func TestTheDocumentationHasTheLifecycle(t *testing.T) {
	page, err := os.ReadFile("../../docs/oncall.md")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(page), "```mermaid\n"+oncall.StandardLifecycle().Mermaid()+"```\n"), "it should have\n%s", oncall.StandardLifecycle().Mermaid())
}
