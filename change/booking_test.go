package change_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// scheduled is a desk with a change schedule.
type scheduled struct {
	*changeDesk
	s *schedule.Practice
}

func scheduledDesk(t testing.TB, o change.Options) *scheduled {
	t.Helper()
	return scheduledDeskOver(t, memory.New(), o)
}

func scheduledDeskOver(t testing.TB, store storage.Store, o change.Options) *scheduled {
	t.Helper()
	d := &scheduled{changeDesk: &changeDesk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.ballots, err = ballot.New(d.e, ballot.Options{Resolve: resolve})
	require.NoError(t, err)
	d.tasks, err = task.New(d.e, task.Options{})
	require.NoError(t, err)
	d.s, err = schedule.New(d.e, schedule.Options{MayRead: func(ctx context.Context, r storage.Reader, actor itsm.Actor, ids []itsm.ID) (map[itsm.ID]bool, error) {
		return d.MayReadEach(ctx, r, actor, ids)
	}})
	require.NoError(t, err)
	o.Tasks, o.Schedule = d.tasks, d.s
	d.Practice, err = change.New(d.e, d.ballots, o)
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

func (d *scheduled) kinds(id itsm.ID) (all []calendar.ConflictKind) {
	d.t.Helper()
	conflicts, err := d.s.Conflicts(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	for _, c := range conflicts {
		all = append(all, c.Kind)
	}
	return all
}

func TestC14AChangeIsOnTheScheduleFromItsSubmissionToItsEnd(t *testing.T) {
	ctx := t.Context()
	d := scheduledDesk(t, change.Options{})
	c := d.draft()
	_, err := d.s.Get(ctx, mona, c.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound, "a draft books nothing")

	c = d.in(change.TypeNormal, change.StateScheduled)
	b, err := d.s.Get(ctx, mona, c.ID)
	require.NoError(t, err)
	require.True(t, b.Active)
	require.False(t, b.Entry.Tentative)
	require.Equal(t, calendar.Booking{Change: c.ID, Planned: calendar.Span{Begin: c.PlannedStart, End: c.PlannedEnd}, Model: string(c.Model),
		CIs: []calendar.CI{{ID: "relay", Relation: calendar.RelationOwn}}, Implementers: []itsm.ID{"ian"}}, b.Entry.Booking)
	require.Equal(t, c.Number, b.Entry.Number)

	other := d.draft()
	other = d.must(d.Submit(ctx, sam, other.ID, itsm.Command{}))
	require.Equal(t, []calendar.ConflictKind{calendar.SameCI, calendar.SameImplementer}, d.kinds(c.ID))
	require.EqualValues(t, []calendar.ConflictKind{calendar.SameCI, calendar.SameImplementer}, d.kinds(other.ID))
	found := false
	for _, f := range d.get(other.ID).RiskAssessment.Contributions {
		found = found || f.Factor == risk.FactorConflicts && f.Value == "2"
	}
	require.True(t, found, "conflicts are a risk")

	// Who does it, and when, is followed.
	d.must(d.Assign(ctx, mona, other.ID, change.Assignment{Group: "network", Assignee: "sam"}))
	require.Equal(t, []calendar.ConflictKind{calendar.SameCI}, d.kinds(c.ID))
	later := d.window(48 * time.Hour)
	d.must(d.Edit(ctx, sam, other.ID, change.Edit{Planned: &later}))
	require.Empty(t, d.kinds(c.ID))

	d.now = c.PlannedStart
	d.must(d.Start(ctx, ian, c.ID, itsm.Command{}))
	b, err = d.s.Get(ctx, mona, c.ID)
	require.NoError(t, err)
	require.True(t, b.Active)
	d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	b, err = d.s.Get(ctx, mona, c.ID)
	require.NoError(t, err)
	require.False(t, b.Active)
	d.must(d.Cancel(ctx, mona, other.ID, because))
	b, err = d.s.Get(ctx, mona, other.ID)
	require.NoError(t, err)
	require.False(t, b.Active)
}

func TestC15AChangeIsNotStartedInAFreezeUnlessOverriddenByRoleAndReason(t *testing.T) {
	ctx := t.Context()
	d := scheduledDesk(t, change.Options{})
	c := d.in(change.TypeNormal, change.StateScheduled)
	d.now = c.PlannedStart
	once := calendar.Span{Begin: d.now.Add(-time.Hour), End: d.now.Add(48 * time.Hour)}
	freeze := calendar.Window{Kind: calendar.WindowFreeze, Name: "Quarter end", Scope: calendar.Scope{CIs: []itsm.ID{"relay"}}, Once: &once}
	w, err := d.s.DefineWindow(ctx, mona, schedule.WindowDefinition{Window: freeze})
	require.NoError(t, err)
	refused := func(actor itsm.Actor, reason, why string) {
		t.Helper()
		_, err := d.Start(ctx, actor, c.ID, itsm.Command{Reason: reason})
		var transition *itsm.TransitionError
		require.ErrorAs(t, err, &transition)
		require.Contains(t, transition.Reason, why)
		require.Equal(t, change.StateScheduled, d.get(c.ID).State)
	}
	refused(ian, "It is urgent", `the freeze "Quarter end" covers it until`)
	refused(mona, "It is urgent", `the freeze "Quarter end" covers it until`) // nobody may

	freeze.Override = []itsm.RoleName{itsm.RoleChangeManager}
	_, err = d.s.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Window: freeze})
	require.NoError(t, err)
	refused(ian, "It is urgent", "covers it")
	refused(mona, " ", "give a reason")
	got := d.must(d.Start(ctx, mona, c.ID, itsm.Command{Reason: "The relay fails tonight otherwise"}))
	require.Equal(t, &change.FreezeOverride{By: "mona", At: d.now, Reason: "The relay fails tonight otherwise", Freeze: "Quarter end"}, got.FreezeOverride)
	require.True(t, told[change.Started](d.changeDesk, c.ID).FreezeOverridden)
}

func TestC14WhatAChangeTouchesIsAskedAnew(t *testing.T) {
	ctx := t.Context()
	impacted := []calendar.CI{{ID: "mail", Relation: calendar.RelationImpacted, Via: "relay"}, {ID: "relay", Relation: calendar.RelationImpacted, Via: "relay"}}
	d := scheduledDesk(t, change.Options{Touches: func(_ context.Context, _ storage.Reader, c change.Change) (change.Touched, error) {
		if len(c.CIs) > 0 && c.CIs[0] == "relay" {
			return change.Touched{CIs: impacted, Services: []itsm.ID{"messaging"}}, nil
		}
		return change.Touched{}, nil
	}})
	c := d.in(change.TypeNormal, change.StateScheduled)
	mail := d.draft(func(r *change.Draft) {
		r.CIs, r.Assignee, r.Planned = []itsm.ID{"mail"}, "sam", change.Window{Start: c.PlannedStart, End: c.PlannedEnd}
	})
	mail = d.must(d.Submit(ctx, sam, mail.ID, itsm.Command{}))
	require.Equal(t, []calendar.ConflictKind{calendar.Upstream}, d.kinds(mail.ID))
	require.Equal(t, []calendar.ConflictKind{calendar.Downstream}, d.kinds(c.ID))
	impacted = nil
	require.NoError(t, d.e.Update(ctx, itsm.SystemActor("acme", "impact"), func(ctx context.Context, u *engine.Unit) error { return d.Rebook(ctx, u, c.ID) }))
	require.Empty(t, d.kinds(mail.ID))
	require.Empty(t, d.kinds(c.ID))
}

// watched tells what its units lock and read, in order.
type watched struct {
	storage.Store
	saw *[]string
}

type watchedTx struct {
	storage.Tx
	saw *[]string
}

func (s watched) Update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, watchedTx{tx, s.saw}) })
}

func (x watchedTx) Lock(ctx context.Context, name string) error {
	*x.saw = append(*x.saw, "lock "+name)
	return x.Tx.Lock(ctx, name)
}

func (x watchedTx) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	*x.saw = append(*x.saw, "get "+s.Name())
	return x.Tx.Get(ctx, s, tenant, id)
}

// A unit that reads what others commit meanwhile must not book what it read before it had the schedule to itself.
func TestC14WhatIsBookedIsReadWhenNobodyElseBooks(t *testing.T) {
	ctx := t.Context()
	var saw []string
	touching := itsm.ID("mail")
	d := scheduledDeskOver(t, watched{memory.New(), &saw}, change.Options{Touches: func(context.Context, storage.Reader, change.Change) (change.Touched, error) {
		saw = append(saw, "touches")
		return change.Touched{Services: []itsm.ID{touching}}, nil
	}})
	c := d.in(change.TypeNormal, change.StateScheduled)
	touching, saw = "web", nil
	require.NoError(t, d.e.Update(ctx, itsm.SystemActor("acme", "impact"), func(ctx context.Context, u *engine.Unit) error { return d.Rebook(ctx, u, c.ID) }))
	lock, read := slices.Index(saw, "lock change_schedule"), slices.Index(saw, "get change")
	require.GreaterOrEqual(t, lock, 0)
	require.Less(t, lock, read, saw)
	require.Less(t, read, slices.Index(saw, "touches"), saw)

	later := change.Window{Start: c.PlannedStart.Add(time.Minute), End: c.PlannedEnd.Add(time.Minute)}
	touching, saw = "shop", nil
	d.must(d.Edit(ctx, sam, c.ID, change.Edit{Planned: &later}))
	require.Contains(t, saw[slices.Index(saw, "lock change_schedule"):], "touches", "what a command books is read again, too")
	b, err := d.s.Get(ctx, mona, c.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.ID{"shop"}, b.Entry.Services)
}
