// This file holds the entry, and what all cases use: a schedule over a store, a clock and people.

package changecalsuite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of the practice where it
// is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
	t.Run("C14Model", func(t *testing.T) { runModel(t, newStore(t)) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, store storage.Store)
}{
	{"C14TwoThatAreBookedAtOnceFindEachOther", bookedAtOnce},
	{"C14ConflictsFollowWhatIsBookedMovedAndReleased", follow},
	{"C14ConflictsFollowWindows", windows},
	{"C14AWindowThatIsChangedWhileItsJobRunsBeginsItAnew", overtaken},
	{"C14ABookingAndAWindowAtOnceFindEachOther", windowAtOnce},
	{"C15AFreezeStandsAgainstWhatItCovers", frozen},
	{"C15WindowsHaveCommandsAndAHistory", commands},
	{"C16FreeSlots", slots},
	{"C14WhatOneMayNotReadIsBusy", busy},
	{"C14WhatOneSideLeavesOutTheOtherStillHas", crowded},
	{"C14TheScheduleIsExported", export},
	{"C14TenantsStandApart", tenants},
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

// day is a Monday.
var day = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

var (
	mona = itsm.Actor{Tenant: acme, ID: "mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	ian  = itsm.Actor{Tenant: acme, ID: "ian", Roles: []itsm.RoleName{itsm.RoleChangeImplementer}}
	rosa = itsm.Actor{Tenant: acme, ID: "rosa", Roles: []itsm.RoleName{itsm.RoleRequester}}
)

type host struct {
	e     *engine.Engine
	p     *schedule.Practice
	clock *testclock.Clock
}

func newHost(t *testing.T, store storage.Store, o schedule.Options) *host {
	t.Helper()
	h := &host{clock: testclock.New(day.Add(-24 * time.Hour))}
	var err error
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now})
	require.NoError(t, err)
	h.p, err = schedule.New(h.e, o)
	require.NoError(t, err)
	if m, ok := store.(storage.Migrator); ok {
		require.NoError(t, m.Migrate(t.Context(), h.e.Schemas()...))
	}
	return h
}

// hours is a span of hours of the day.
func hours(from, to float64) calendar.Span {
	at := func(h float64) time.Time { return day.Add(time.Duration(h * float64(time.Hour))) }
	return calendar.Span{Begin: at(from), End: at(to)}
}

// entry is a change that works on CIs.
func entry(change itsm.ID, planned calendar.Span, cis ...itsm.ID) schedule.Entry {
	e := schedule.Entry{Booking: calendar.Booking{Change: change, Planned: planned, Model: "normal"}, Number: "N-" + string(change), Title: "Title of " + string(change)}
	for _, ci := range cis {
		e.CIs = append(e.CIs, calendar.CI{ID: ci, Relation: calendar.RelationOwn})
	}
	return e
}

func (h *host) try(ctx context.Context, tenant storage.Tenant, e schedule.Entry) (all []calendar.Conflict, err error) {
	err = h.e.Update(ctx, itsm.SystemActor(tenant, "test"), func(ctx context.Context, u *engine.Unit) error {
		all, err = h.p.Book(ctx, u, e)
		return err
	})
	return all, err
}

func (h *host) book(t require.TestingT, ctx context.Context, e schedule.Entry) []calendar.Conflict {
	all, err := h.try(ctx, acme, e)
	require.NoError(t, err)
	return all
}

func (h *host) release(t require.TestingT, ctx context.Context, change itsm.ID) {
	require.NoError(t, h.e.Update(ctx, itsm.SystemActor(acme, "test"), func(ctx context.Context, u *engine.Unit) error {
		return h.p.Release(ctx, u, change)
	}))
}

// conflicts gives the conflicts that are kept of a change, and holds their number to what its booking says.
func (h *host) conflicts(t require.TestingT, ctx context.Context, change itsm.ID) (all []calendar.Conflict) {
	shown, err := h.p.Conflicts(ctx, mona, change)
	require.NoError(t, err)
	for _, c := range shown {
		require.False(t, c.Hidden)
		all = append(all, c.Conflict)
	}
	b, err := h.p.Get(ctx, mona, change)
	require.NoError(t, err)
	require.EqualValues(t, len(all), b.Conflicts)
	require.Equal(t, len(all) > 0, b.Conflicting)
	return all
}

// kinds gives the kinds of conflicts, with the other sides.
func kinds(all []calendar.Conflict) (names []string) {
	for _, c := range all {
		names = append(names, string(c.Kind)+" "+string(c.Other.ID))
	}
	return names
}

// failed says why jobs failed.
func (h *host) failed(ctx context.Context) (errs []string) {
	_ = h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 100})
		for _, j := range jobs {
			errs = append(errs, j.Error)
		}
		return err
	})
	return errs
}

// tick does what is due.
func (h *host) tick(t require.TestingT, ctx context.Context) {
	for {
		ran, err := h.e.Tick(ctx, h.clock.Now())
		require.NoError(t, err)
		require.Zero(t, ran.Failed+ran.Dead, h.failed(ctx))
		if ran.Jobs+ran.Delivered == 0 {
			return
		}
	}
}

func (h *host) define(t require.TestingT, ctx context.Context, w calendar.Window) schedule.Window {
	made, err := h.p.DefineWindow(ctx, mona, schedule.WindowDefinition{Window: w})
	require.NoError(t, err)
	return made
}

// freeze is one of all changes.
func freeze(once calendar.Span) calendar.Window {
	return calendar.Window{Kind: calendar.WindowFreeze, Name: "Quarter end", Reason: "the books close", Scope: calendar.Scope{All: true}, Once: &once,
		Override: []itsm.RoleName{itsm.RoleChangeManager}}
}

// maintenance is a window of a CI, every day from an hour for an hour.
func maintenance(ci itsm.ID, hour string) calendar.Window {
	return calendar.Window{Kind: calendar.WindowMaintenance, Name: "Nightly", Scope: calendar.Scope{CIs: []itsm.ID{ci}}, Rule: rule("2026-01-01T" + hour), Duration: "PT1H"}
}
