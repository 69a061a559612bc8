// This file holds the cases.

package changecalsuite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
	"github.com/itsmkit/itsmkit/storage"
)

func rule(start string) *rrule.Rule { return &rrule.Rule{Start: start, RRule: "FREQ=DAILY"} }

// Two processes book changes on one CI at the same moment: of every two, one at least finds the other, and both have the
// conflict in the end.
func bookedAtOnce(t *testing.T, store storage.Store) {
	ctx := t.Context()
	one, two := newHost(t, store, schedule.Options{}), newHost(t, store, schedule.Options{})
	for round := range 5 {
		ci := itsm.ID(fmt.Sprint("db", round))
		var all sync.WaitGroup
		found := make([][]calendar.Conflict, 4)
		errs := make([]error, 4)
		for i := range found {
			all.Add(1)
			go func() {
				defer all.Done()
				h := []*host{one, two}[i%2]
				found[i], errs[i] = h.try(ctx, acme, entry(itsm.ID(fmt.Sprintf("chg%d-%d", round, i)), hours(1, 3), ci))
			}()
		}
		all.Wait()
		together := 0
		for i := range found {
			require.NoError(t, errs[i])
			together += len(found[i])
			require.Len(t, one.conflicts(t, ctx, itsm.ID(fmt.Sprintf("chg%d-%d", round, i))), 3)
		}
		require.Equal(t, 6, together, "each pair was found by the one that came later")
	}
}

func follow(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	require.Empty(t, h.book(t, ctx, entry("a", hours(1, 3), "db")))
	require.Equal(t, []string{"same_ci a"}, kinds(h.book(t, ctx, entry("b", hours(2, 4), "db"))))
	require.Equal(t, []string{"same_ci b"}, kinds(h.conflicts(t, ctx, "a")))
	require.Equal(t, hours(2, 3), h.conflicts(t, ctx, "a")[0].Span)

	// The same again is nothing new.
	before, err := h.p.Get(ctx, mona, "b")
	require.NoError(t, err)
	require.Len(t, h.book(t, ctx, entry("b", hours(2, 4), "db")), 1)
	after, err := h.p.Get(ctx, mona, "b")
	require.NoError(t, err)
	require.Equal(t, before, after)

	// One that moves has another overlap, or none.
	h.book(t, ctx, entry("b", hours(2.5, 4), "db"))
	require.Equal(t, hours(2.5, 3), h.conflicts(t, ctx, "a")[0].Span)
	h.book(t, ctx, entry("b", hours(3, 4), "db"))
	require.Empty(t, h.conflicts(t, ctx, "a"))
	require.Empty(t, h.conflicts(t, ctx, "b"))

	// Impact, services and people, from both sides.
	up := entry("up", hours(10, 12), "host")
	up.CIs = append(up.CIs, calendar.CI{ID: "vm", Relation: calendar.RelationImpacted, Via: "host"})
	up.Services, up.Implementers = []itsm.ID{"mail"}, []itsm.ID{"ian"}
	h.book(t, ctx, up)
	down := entry("down", hours(11, 13), "vm")
	down.Services, down.Implementers = []itsm.ID{"mail"}, []itsm.ID{"ian"}
	require.Equal(t, []string{"upstream up", "same_service up", "same_implementer up"}, kinds(h.book(t, ctx, down)))
	require.Equal(t, []string{"downstream down", "same_service down", "same_implementer down"}, kinds(h.conflicts(t, ctx, "up")))
	h.release(t, ctx, "up")
	h.release(t, ctx, "up")
	h.release(t, ctx, "never booked")
	require.Empty(t, h.conflicts(t, ctx, "down"))
	require.Empty(t, h.conflicts(t, ctx, "up"))
	h.book(t, ctx, up) // and again
	require.Len(t, h.conflicts(t, ctx, "down"), 3)

	// What cannot be is refused with every fault, and changes nothing.
	_, err = h.try(ctx, acme, schedule.Entry{Booking: calendar.Booking{Change: "down"}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.Len(t, h.conflicts(t, ctx, "down"), 3)

	// A draft is checked without being booked.
	checked, err := h.p.Check(ctx, mona, entry("draft", hours(11, 12), "vm").Booking)
	require.NoError(t, err)
	require.Len(t, checked, 2)
	require.Len(t, h.conflicts(t, ctx, "down"), 3)

	// The log tells of it.
	var types []string
	require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: schedule.Kind, Record: "a", Limit: 100})
		for _, e := range events {
			types = append(types, strings.TrimPrefix(e.Type, "change_booking."))
		}
		return err
	}))
	require.Equal(t, []string{"booked.v1", "conflicts_changed.v1", "conflicts_changed.v1"}, append(types[:2], types[len(types)-1]))
}

func windows(t *testing.T, store storage.Store) {
	ctx := t.Context()
	told := map[itsm.ID]int{}
	h := newHost(t, store, schedule.Options{Recheck: func(_ context.Context, _ *engine.Unit, change itsm.ID) error {
		told[change]++
		return nil
	}})
	for i := range 120 { // more than a job does at once
		h.book(t, ctx, entry(itsm.ID(fmt.Sprintf("c%03d", i)), hours(float64(i)/10, float64(i)/10+0.1), itsm.ID(fmt.Sprint("ci", i))))
	}
	h.book(t, ctx, entry("past", hours(-26, -25), "old")) // it is over: nobody wants to know any more
	w := h.define(t, ctx, freeze(hours(-30, 11.9)))
	h.tick(t, ctx)
	require.Equal(t, []string{"freeze " + string(w.ID)}, kinds(h.conflicts(t, ctx, "c000")))
	require.Len(t, h.conflicts(t, ctx, "c118"), 1)
	require.Empty(t, h.conflicts(t, ctx, "c119"))
	require.Empty(t, h.conflicts(t, ctx, "past"))
	require.Equal(t, 1, told["c000"])
	require.Zero(t, told["c119"])
	require.Len(t, h.book(t, ctx, entry("late", hours(11, 12), "new")), 1, "what is booked later finds it at once")

	// It is for others now, and later.
	moved := freeze(hours(11.9, 20))
	moved.Scope = calendar.Scope{CIs: []itsm.ID{"ci119", "ci1"}}
	w, err := h.p.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Window: moved})
	require.NoError(t, err)
	h.tick(t, ctx)
	require.Empty(t, h.conflicts(t, ctx, "c000"))
	require.Empty(t, h.conflicts(t, ctx, "late"))
	require.Len(t, h.conflicts(t, ctx, "c119"), 1)

	_, err = h.p.WithdrawWindow(ctx, mona, w.ID, itsm.Command{Reason: "not needed"})
	require.NoError(t, err)
	h.tick(t, ctx)
	require.Empty(t, h.conflicts(t, ctx, "c119"))

	// Maintenance windows: two of one CI count together.
	m := h.define(t, ctx, maintenance("ci0", "12:00:00"))
	h.tick(t, ctx)
	require.Equal(t, []string{"outside_maintenance " + string(m.ID)}, kinds(h.conflicts(t, ctx, "c000")))
	require.Empty(t, h.conflicts(t, ctx, "c001"))
	second := h.define(t, ctx, maintenance("ci0", "00:00:00"))
	h.tick(t, ctx)
	require.Empty(t, h.conflicts(t, ctx, "c000"))
	_, err = h.p.WithdrawWindow(ctx, mona, second.ID, itsm.Command{Reason: "not needed"})
	require.NoError(t, err)
	h.tick(t, ctx)
	require.Len(t, h.conflicts(t, ctx, "c000"), 1)
}

// A window is revised when its job has gone through some of the bookings: all of them have what it is now.
func overtaken(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	for i := range 120 {
		h.book(t, ctx, entry(itsm.ID(fmt.Sprintf("c%03d", i)), hours(float64(i)/10, float64(i)/10+0.1), itsm.ID(fmt.Sprint("ci", i))))
	}
	w := h.define(t, ctx, freeze(hours(0, 24)))
	h.step(t, ctx)
	_, err := h.p.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Window: freeze(hours(3, 24))})
	require.NoError(t, err)
	h.tick(t, ctx)
	for i := range 120 {
		require.Len(t, h.conflicts(t, ctx, itsm.ID(fmt.Sprintf("c%03d", i))), map[bool]int{true: 0, false: 1}[i < 30], i)
	}
}

// step runs one job.
func (h *host) step(t require.TestingT, ctx context.Context) {
	e, err := engine.New(h.e.Store(), engine.Options{Clock: h.clock.Now, TickLimit: 1})
	require.NoError(t, err)
	_, err = schedule.New(e, schedule.Options{})
	require.NoError(t, err)
	ran, err := e.Tick(ctx, h.clock.Now())
	require.NoError(t, err)
	require.Equal(t, 1, ran.Jobs)
}

// A window is made while changes are booked that it is for, and its job runs at the same time.
func windowAtOnce(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	other := newHost(t, store, schedule.Options{})
	var all sync.WaitGroup
	var errs [9]error
	for i := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			_, errs[i] = h.try(ctx, acme, entry(itsm.ID(fmt.Sprint("c", i)), hours(1, 2), itsm.ID(fmt.Sprint("ci", i))))
		}()
	}
	all.Add(1)
	go func() {
		defer all.Done()
		_, errs[8] = other.p.DefineWindow(ctx, mona, schedule.WindowDefinition{Window: freeze(hours(0, 24))})
		for range 3 {
			if _, err := other.e.Tick(ctx, other.clock.Now()); err != nil && errs[8] == nil {
				errs[8] = err
			}
		}
	}()
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	h.clock.Advance(time.Minute) // a job that had to be tried again is put off
	for range 5 {
		_, err := h.e.Tick(ctx, h.clock.Now())
		require.NoError(t, err)
	}
	for i := range 8 {
		require.Len(t, h.conflicts(t, ctx, itsm.ID(fmt.Sprint("c", i))), 1)
	}
}

func frozen(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	w := h.define(t, ctx, freeze(hours(0, 24)))
	other := freeze(hours(0, 24))
	other.Scope = calendar.Scope{Models: []string{"standard"}}
	h.define(t, ctx, other)
	ask := func(at float64) (all []schedule.Freeze) {
		require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) (err error) {
			all, err = h.p.Frozen(ctx, r, entry("a", hours(0, 1), "db").Booking, hours(at, at+1).Begin)
			return err
		}))
		return all
	}
	require.Empty(t, ask(-0.001))
	require.Empty(t, ask(24))
	got := ask(0)
	require.Len(t, got, 1)
	require.Equal(t, w.ID, got[0].Window.ID)
	require.Equal(t, hours(0, 24), got[0].Span)
	require.True(t, got[0].MayOverride(mona))
	require.False(t, got[0].MayOverride(ian))
}

func commands(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	for _, who := range []itsm.Actor{ian, rosa} {
		_, err := h.p.DefineWindow(ctx, who, schedule.WindowDefinition{Window: freeze(hours(0, 24))})
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	_, err := h.p.DefineWindow(ctx, mona, schedule.WindowDefinition{Command: itsm.Command{IfVersion: 3}, Window: calendar.Window{}})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Greater(t, len(invalid.Faults), 3, "every fault at once")

	once := schedule.WindowDefinition{Command: itsm.Command{Key: "k"}, Window: freeze(hours(0, 24))}
	w, err := h.p.DefineWindow(ctx, mona, once)
	require.NoError(t, err)
	again, err := h.p.DefineWindow(ctx, mona, once)
	require.NoError(t, err)
	require.Equal(t, w, again)

	got, err := h.p.GetWindow(ctx, ian, w.ID)
	require.NoError(t, err)
	require.Equal(t, w, got)
	_, err = h.p.GetWindow(ctx, rosa, w.ID)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.GetWindow(ctx, mona, "none")
	require.ErrorIs(t, err, itsm.ErrNotFound)

	_, err = h.p.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Command: itsm.Command{IfVersion: w.Version + 1}, Window: freeze(hours(1, 2))})
	require.ErrorIs(t, err, itsm.ErrConflict)
	_, err = h.p.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Window: maintenance("db", "00:00:00")})
	require.ErrorContains(t, err, "window.kind")
	revised, err := h.p.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Window: freeze(hours(1, 2))})
	require.NoError(t, err)
	require.Equal(t, w.Version+1, revised.Version)
	_, err = h.p.WithdrawWindow(ctx, mona, w.ID, itsm.Command{})
	require.ErrorContains(t, err, "reason")
	_, err = h.p.WithdrawWindow(ctx, mona, w.ID, itsm.Command{Reason: "over"})
	require.NoError(t, err)
	_, err = h.p.WithdrawWindow(ctx, mona, w.ID, itsm.Command{Reason: "over"})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = h.p.ReviseWindow(ctx, mona, w.ID, schedule.WindowDefinition{Window: freeze(hours(1, 2))})
	require.NoError(t, err)
	page, err := h.p.ListWindows(ctx, mona, storage.Query[schedule.WindowHead]{Where: schedule.ByWindowWithdrawn.Is(false)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)

	var types []string
	require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		types = nil
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: schedule.WindowKind, Record: w.ID, Limit: 100})
		for _, e := range events {
			types = append(types, e.Type)
		}
		return err
	}))
	require.Equal(t, []string{"change_window.defined.v1", "change_window.revised.v1", "change_window.withdrawn.v1", "change_window.revised.v1"}, types)
}

func slots(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	h.book(t, ctx, entry("a", hours(0, 4), "db"))
	h.book(t, ctx, entry("b", hours(5, 30), "db"))
	h.book(t, ctx, entry("elsewhere", hours(4, 5), "web"))
	h.define(t, ctx, freeze(hours(30, 31)))
	asked := entry("new", hours(0, 2), "db").Booking
	q := calendar.SlotQuery{From: day, Until: day.AddDate(0, 0, 7), Count: 2}
	got, err := h.p.Slots(ctx, ian, asked, q)
	require.NoError(t, err)
	require.Equal(t, []calendar.Span{hours(31, 33), hours(33, 35)}, []calendar.Span{got.Slots[0].Planned, got.Slots[1].Planned})
	require.Len(t, got.Slots[0].Passed, 3)
	q.Length = time.Hour
	got, err = h.p.Slots(ctx, ian, asked, q)
	require.NoError(t, err)
	require.Equal(t, hours(4, 5), got.Slots[0].Planned)
	asked.Change = "a" // its own booking is not in its way
	got, err = h.p.Slots(ctx, ian, asked, q)
	require.NoError(t, err)
	require.Equal(t, hours(0, 1), got.Slots[0].Planned)
	_, err = h.p.Slots(ctx, ian, asked, calendar.SlotQuery{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = h.p.Slots(ctx, rosa, asked, q)
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func busy(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	secret := entry("secret", hours(1, 3), "db")
	secret.Restricted, secret.Implementers = true, []itsm.ID{"eve"}
	h.book(t, ctx, secret)
	open := entry("open", hours(2, 4), "db")
	open.Implementers = []itsm.ID{"eve"}
	require.Len(t, h.book(t, ctx, open), 2)

	got, err := h.p.Conflicts(ctx, ian, "open")
	require.NoError(t, err)
	require.Equal(t, []schedule.Conflict{{Hidden: true, Conflict: calendar.Conflict{
		Kind: schedule.Busy, This: calendar.Side{Kind: calendar.SideChange, ID: "open"}, Other: calendar.Side{Kind: calendar.SideChange},
		Span: hours(2, 3), Why: "another change is booked then",
	}}}, got, "neither the CI nor the person, and not how many ties there are")
	checked, err := h.p.Check(ctx, ian, open.Booking)
	require.NoError(t, err)
	require.Equal(t, got, checked)
	_, err = h.p.Conflicts(ctx, ian, "secret")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Get(ctx, ian, "secret")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	found, err := h.p.Slots(ctx, ian, open.Booking, calendar.SlotQuery{From: day.Add(time.Hour), Until: day.AddDate(0, 0, 1)})
	require.NoError(t, err)
	require.NotEmpty(t, found.Slots[0].Passed)
	require.NotContains(t, fmt.Sprint(found), "secret")
	for _, c := range found.Slots[0].Passed {
		require.Equal(t, calendar.Side{Kind: calendar.SideChange}, c.Other)
		require.Equal(t, schedule.Busy, c.Kind)
		require.Empty(t, c.This.On)
	}
	var out strings.Builder
	require.NoError(t, h.p.Export(ctx, ian, &out, schedule.Export{Period: hours(0, 24)}))
	require.NotContains(t, out.String(), "secret")
	require.NotContains(t, out.String(), "eve")
	require.Contains(t, out.String(), "SUMMARY:Busy\r\n")
	require.Contains(t, out.String(), "SUMMARY:N-open Title of open\r\n")
	for _, narrowed := range []schedule.Export{{CIs: []itsm.ID{"db"}}, {Implementers: []itsm.ID{"eve"}}} {
		out.Reset()
		narrowed.Period = hours(0, 24)
		require.NoError(t, h.p.Export(ctx, ian, &out, narrowed))
		require.NotContains(t, out.String(), "SUMMARY:Busy", "which would say that it is on the CI, or who makes it")
		require.Contains(t, out.String(), "SUMMARY:N-open")
	}

	// Who may read is the host's to say.
	h = newHost(t, store, schedule.Options{MayRead: func(_ context.Context, _ storage.Reader, actor itsm.Actor, changes []itsm.ID) (map[itsm.ID]bool, error) {
		may := map[itsm.ID]bool{}
		for _, id := range changes {
			may[id] = actor.ID == "mona" || id == "open"
		}
		return may, nil
	}})
	got, err = h.p.Conflicts(ctx, mona, "open")
	require.NoError(t, err)
	require.Equal(t, itsm.ID("secret"), got[0].Other.ID)
	require.False(t, got[0].Hidden)
}

// A change that has more conflicts than are kept of one leaves some out; the changes on the other sides do not.
func crowded(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	const others, shared = 6, 200
	var cis []itsm.ID
	for i := range shared {
		cis = append(cis, itsm.ID(fmt.Sprintf("ci%03d", i)))
	}
	for i := range others {
		at := float64(i) + 1
		h.book(t, ctx, entry(itsm.ID(fmt.Sprint("c", i)), hours(at, at+0.5), cis...))
	}
	require.Len(t, h.book(t, ctx, entry("long", hours(0, 24), cis...)), schedule.MaxConflicts)
	b, err := h.p.Get(ctx, mona, "long")
	require.NoError(t, err)
	require.Equal(t, others*shared-schedule.MaxConflicts, b.LeftOut)
	for i := range others {
		require.Len(t, h.conflicts(t, ctx, itsm.ID(fmt.Sprint("c", i))), shared)
	}
	h.book(t, ctx, entry("long", hours(0, 25), cis...))
	require.Len(t, h.conflicts(t, ctx, "long"), schedule.MaxConflicts)
	for i := range others {
		require.Len(t, h.conflicts(t, ctx, itsm.ID(fmt.Sprint("c", i))), shared)
	}
	h.release(t, ctx, "long")
	for i := range others {
		require.Empty(t, h.conflicts(t, ctx, itsm.ID(fmt.Sprint("c", i))))
	}
}

func export(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{Domain: "example.com"})
	h.book(t, ctx, entry("a", hours(0, 4), "db"))
	h.book(t, ctx, entry("b", hours(0, 4), "web"))
	h.book(t, ctx, entry("later", hours(48, 50), "db"))
	h.book(t, ctx, entry("gone", hours(0, 4), "db"))
	h.release(t, ctx, "gone")
	f := h.define(t, ctx, freeze(hours(0, 24)))
	m := h.define(t, ctx, maintenance("web", "00:00:00"))
	uids := func(actor itsm.Actor, x schedule.Export) (all []string) {
		var out strings.Builder
		require.NoError(t, h.p.Export(ctx, actor, &out, x))
		for line := range strings.SplitSeq(out.String(), "\r\n") {
			if uid, ok := strings.CutPrefix(line, "UID:"); ok {
				all = append(all, strings.TrimSuffix(uid, "@example.com"))
			}
		}
		return all
	}
	short := func(all []string) (s []string) {
		for _, uid := range all {
			uid = strings.ReplaceAll(uid, string(f.ID), "F")
			s = append(s, strings.ReplaceAll(uid, string(m.ID), "M"))
		}
		return s
	}
	period := hours(0, 24)
	require.ElementsMatch(t, []string{"change-a", "change-b", "freeze-F", "maintenance-M"}, short(uids(ian, schedule.Export{Period: period})))
	require.ElementsMatch(t, []string{"change-a", "freeze-F"}, short(uids(ian, schedule.Export{Period: period, CIs: []itsm.ID{"db"}})))
	require.ElementsMatch(t, []string{"change-b", "maintenance-M"}, short(uids(ian, schedule.Export{Period: period, CIs: []itsm.ID{"web"}, WithoutFreezes: true})))
	require.ElementsMatch(t, []string{"change-later"}, short(uids(ian, schedule.Export{Period: hours(48, 49), WithoutMaintenance: true})))
	require.Empty(t, uids(ian, schedule.Export{Period: hours(100, 101), WithoutFreezes: true, WithoutMaintenance: true}))
	require.Equal(t, uids(ian, schedule.Export{Period: period}), uids(ian, schedule.Export{Period: period}))
	require.ErrorIs(t, h.p.Export(ctx, rosa, &strings.Builder{}, schedule.Export{Period: period}), itsm.ErrForbidden)
	require.ErrorIs(t, h.p.Export(ctx, ian, &strings.Builder{}, schedule.Export{}), itsm.ErrInvalid)
}

func tenants(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	h.book(t, ctx, entry("a", hours(0, 4), "db"))
	h.define(t, ctx, freeze(hours(0, 24)))
	all, err := h.try(ctx, globex, entry("b", hours(0, 4), "db"))
	require.NoError(t, err)
	require.Empty(t, all)
	h.tick(t, ctx)
	require.Len(t, h.conflicts(t, ctx, "a"), 1)
	_, err = h.p.Get(ctx, mona, "b")
	require.ErrorIs(t, err, itsm.ErrNotFound)
}
