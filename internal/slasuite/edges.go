// This file holds cases at the edges: of what a calendar knows, of what is told twice, of texts from outside.

package slasuite

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// beyond has a threshold that lies where the calendar knows nothing any more.
func beyond(t *testing.T, h *host) {
	mona := manager(acme)
	short := office("office")
	short.Until = "2026-03-05"
	h.activateCalendar(t, mona, short)
	set := gold()
	set.Targets[1].Thresholds = append(set.Targets[1].Thresholds, timer.Threshold{Name: "long after", Offset: timer.Duration(40 * time.Hour), Actions: []string{"tell"}})
	h.activate(t, mona, set)
	i := h.log(t, acme)
	h.begin(t, i)
	h.goTo(t, at(2, "17:00"))
	h.tick(t)
	require.Equal(t, []string{"resolution half Mon 17:00"}, h.told(t, acme, ref(i)), "what comes before it is told")
	h.goTo(t, at(3, "17:00").Add(time.Microsecond))
	h.tick(t)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, []string{"threshold_reached half", "threshold_reached most late", "threshold_reached due", "breached"}, h.happened(t, acme, got.ID))
	require.Equal(t, timer.OutcomeBreached, got.Outcome)
	_, err := h.incidents.Resolve(t.Context(), mona, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)
	require.Equal(t, timer.PhaseStopped, h.timers(t, mona, ref(i))["gold.resolution"].Phase)
}

// again has a timer that was breached be due later, and pass that too.
func again(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	h.agree(t, mona, sla.Agreement{Name: "all", Type: timer.SLA, Provider: "desk", Policy: "gold"})
	i, err := h.incidents.Log(ctx, analyst(acme), incident.Report{Title: "VPN", Requester: "rosa", Impact: 1, Urgency: 1})
	require.NoError(t, err)
	h.begin(t, i)
	h.goTo(t, at(2, "14:00"))
	h.tick(t)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, timer.OutcomeBreached, got.Outcome)
	_, err = h.incidents.Classify(ctx, mona, i.ID, incident.Classification{Impact: 2, Urgency: 2})
	require.NoError(t, err)
	got = h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, at(3, "17:00"), got.Due)
	require.Equal(t, timer.OutcomeOpen, got.Outcome)
	h.goTo(t, at(4, "09:00"))
	h.tick(t)
	require.Equal(t, 1, strings.Count(strings.Join(h.happened(t, acme, got.ID), " "), "breached"), "it is told once in a cycle")
	page, err := h.p.List(ctx, mona, sla.Query{Where: sla.ByTarget.Is("resolution")})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, timer.OutcomeBreached, page.Items[0].Outcome, "and lists know that due has passed")
	report, err := h.p.Report(ctx, mona, "all", "2026-03", sla.Measured{})
	require.NoError(t, err)
	require.Equal(t, sla.Counts{Breached: 1}, report.Targets[0].Counts)
}

// longNames has the host name a customer longer than a column holds.
func longNames(t *testing.T, h *host) {
	mona := manager(acme)
	h.activateCalendar(t, mona, office("office"))
	set := gold()
	set.CustomerBy = "requester.site"
	h.activate(t, mona, set)
	for _, site := range []string{strings.Repeat("n", 300), "a\x00b", "\xff"} {
		h.sites["rosa"] = site
		i, err := h.incidents.Log(t.Context(), analyst(acme), incident.Report{Title: "VPN", Requester: "rosa", Impact: 2, Urgency: 2})
		require.NoError(t, err, "who reports an incident is not held up")
		got := h.timers(t, mona, ref(i))
		require.Len(t, got, 2)
		require.NotEmpty(t, got["gold.response"].Fault, "it says so")
		require.Empty(t, got["gold.response"].Customer)
	}
}

// factsOfAVersion has a version speak of a fact that the one before did not.
func factsOfAVersion(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	set := gold()
	set.CustomerBy = "requester.site"
	h.activate(t, mona, set)
	h.sites["rosa"], h.floors["rosa"] = "north", "third"
	i := h.log(t, acme)
	h.sites["rosa"] = "south"
	set.Targets[1].Goals = []timer.Goal{{
		When:   storage.Condition{Op: storage.Equal, Column: "requester.floor", Values: []any{"third"}},
		Within: timer.Duration(2 * time.Hour),
	}}
	h.activate(t, mona, set)
	id := h.timers(t, mona, ref(i))["gold.resolution"].ID
	for _, dry := range []bool{true, false} {
		_, err := h.p.Rebase(ctx, mona, id, sla.Rebasing{DryRun: dry})
		require.NoError(t, err)
	}
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, timer.PhaseRunning, got.Phase)
	require.Equal(t, at(2, "11:00"), got.Due)
	require.Equal(t, sla.Facts{"requester.site": "north", "requester.floor": "third"}, got.Facts, "what was known stays as it was")
}

// rebuilt has a timer be computed anew with all that it was begun with.
func rebuilt(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	set := gold()
	set.CustomerBy = "requester.site"
	h.activate(t, mona, set)
	h.sites["rosa"] = "north"
	i := h.log(t, acme)
	right := h.timers(t, mona, ref(i))["gold.response"]
	require.NoError(t, h.e.Store().Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		lost := right.Timer
		return sla.TimerTable.Delete(ctx, tx, &lost)
	}))
	_, err := h.p.Rebuild(ctx, mona, ref(i), itsm.Command{Reason: "A disk was lost"})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["gold.response"]
	require.Equal(t, right.State, got.State)
	require.Equal(t, "north", got.Customer)
	require.Equal(t, right.Month, got.Month)
	events, err := h.p.History(ctx, mona, got.ID, storage.EventPosition{}, 100)
	require.NoError(t, err)
	require.Equal(t, "A disk was lost", events[len(events)-1].Reason)
	require.Equal(t, itsm.ID("mona"), events[len(events)-1].Actor)
}

// sameKey has a rebase be given twice.
func sameKey(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	set := gold()
	set.Targets[1].Goals = []timer.Goal{timer.Within(8 * time.Hour)}
	v := h.activate(t, mona, set)
	id := h.timers(t, mona, ref(i))["gold.resolution"].ID
	r := sla.Rebasing{Command: itsm.Command{Key: "move"}}
	first, err := h.p.Rebase(ctx, mona, id, r)
	require.NoError(t, err)
	require.True(t, first.Changed)
	second, err := h.p.Rebase(ctx, mona, id, r)
	require.NoError(t, err)
	require.Equal(t, id, second.Timer)
	require.Equal(t, v.ID, second.To.Version)
	require.Equal(t, first.After, second.After)
	require.False(t, second.Changed, "it was done before")
}

// quietFaults has the reason for a fault be kept from those who may not read internal things.
func quietFaults(t *testing.T, h *host) {
	mona := manager(acme)
	short := office("office")
	short.Until = "2026-03-04"
	h.activateCalendar(t, mona, short)
	h.activate(t, mona, gold())
	i := h.log(t, acme)
	h.goTo(t, at(9, "12:00"))
	require.Contains(t, h.timers(t, mona, ref(i))["gold.resolution"].Fault, "horizon")
	require.Empty(t, h.timers(t, requester(acme), ref(i))["gold.resolution"].Fault)
}

// manyCalendars has more calendars than one can refer to.
func manyCalendars(t *testing.T, h *host) {
	mona := manager(acme)
	h.activateCalendar(t, mona, office("office"))
	set := gold()
	set.Targets[1].CalendarBy = "requester.site"
	h.activate(t, mona, set)
	for i := range calendar.MaxOthers + 5 {
		d := office(fmt.Sprintf("site %d", i))
		d.Hours[0].To = "16:00"
		if i > 0 {
			d.Hours, d.AnyOf = nil, []string{"site 0"}
		}
		h.activateCalendar(t, mona, d)
	}
	h.sites["rosa"] = "site 104"
	i := h.log(t, acme)
	require.Equal(t, at(4, "11:00"), h.timers(t, mona, ref(i))["gold.resolution"].Due, "16 hours of seven a day")
}

// newVersion has a target be paused before it begins, and its policy be edited meanwhile.
func newVersion(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	set := groupTarget()
	target := &set.Targets[0]
	target.CountFrom = "created"
	target.Pause = []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting}, Reasons: []string{"caller"}}}
	target.Goals = []timer.Goal{timer.Within(4 * time.Hour)}
	h.activate(t, mona, set)
	i := h.log(t, acme)
	h.begin(t, i)
	h.clock.Advance(time.Hour)
	h.hold(t, i, incident.HoldCaller)
	h.clock.Advance(time.Hour)
	_, err := h.incidents.Resume(ctx, mona, i.ID, itsm.Command{})
	require.NoError(t, err)
	target.Goals = []timer.Goal{timer.Within(5 * time.Hour)}
	v := h.activate(t, mona, set)
	h.clock.Advance(time.Hour)
	_, err = h.incidents.Reassign(ctx, mona, i.ID, incident.Assignment{Group: "network"})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["network.solve"]
	require.Equal(t, v.ID, got.PolicyVersion, "it began under it")
	require.Equal(t, at(2, "15:00"), got.Due, "five hours from when it was logged, and the hour of the pause")
	changes, err := h.p.Rebuild(ctx, mona, ref(i), itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, changes)
}
