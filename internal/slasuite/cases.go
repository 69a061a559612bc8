// This file holds the cases of what timers do.

package slasuite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

func begins(t *testing.T, h *host) {
	ctx, ada := t.Context(), analyst(acme)
	version := h.usual(t, acme)
	i := h.log(t, acme)
	all := h.timers(t, ada, ref(i))
	require.Len(t, all, 2)
	response, resolution := all["gold.response"], all["gold.resolution"]
	require.Equal(t, at(2, "10:00"), response.Due)
	require.Equal(t, at(3, "17:00"), resolution.Due, "16 hours of two days of eight")
	require.Equal(t, version.ID, response.PolicyVersion)
	require.Equal(t, timer.SLA, response.Type)
	require.Equal(t, "2026-03", response.Month)
	require.Equal(t, []bool{true, true}, []bool{response.Open, resolution.Open})
	require.Equal(t, timer.PhaseRunning, response.Phase)
	require.Equal(t, monday, response.Started)
	require.Zero(t, response.Ended)

	h.clock.Advance(30 * time.Minute)
	_, err := h.incidents.Assign(ctx, manager(acme), i.ID, incident.Assignment{Assignee: "ada"})
	require.NoError(t, err)
	_, err = h.incidents.Start(ctx, manager(acme), i.ID, itsm.Command{})
	require.NoError(t, err)
	response = h.timers(t, ada, ref(i))["gold.response"]
	require.Equal(t, timer.OutcomeMet, response.Outcome)
	require.False(t, response.Open)
	require.Equal(t, []int{1, 1, 0}, []int{response.Cycles, response.Met, response.Breaches})
	require.Equal(t, at(2, "09:30"), response.Ended)
	require.Equal(t, []string{"met"}, h.happened(t, acme, response.ID))

	got, err := h.p.Get(ctx, ada, resolution.ID)
	require.NoError(t, err)
	require.Equal(t, timer.Duration(30*time.Minute), got.Reading.Open)
	require.Equal(t, timer.Duration(15*time.Hour+30*time.Minute), got.Reading.Remaining)
}

// informed is a note that the requester can read.
func informed() []timer.Match {
	return []timer.Match{{Types: []string{"incident.noted.v1"}, When: storage.Condition{Op: storage.Equal, Column: "event.internal", Values: []any{false}}}}
}

func updates(t *testing.T, h *host) {
	ctx, ada := t.Context(), analyst(acme)
	h.activateCalendar(t, manager(acme), office("office"))
	set := sla.Policy{Policy: timer.Policy{Name: "informed", Kind: incident.Kind, Targets: []timer.Target{
		timer.Update("office", informed(), nil, timer.Within(2*time.Hour)),
	}}}
	h.activate(t, manager(acme), set)
	i := h.log(t, acme)
	for _, wait := range []time.Duration{time.Hour, 3 * time.Hour, time.Hour} {
		h.clock.Advance(wait)
		h.tick(t)
		for _, visibility := range []itsm.Visibility{itsm.VisibilityInternal, itsm.VisibilityPublic} {
			_, err := h.incidents.Note(ctx, ada, i.ID, incident.Note{Text: "We are on it", Visibility: visibility})
			require.NoError(t, err)
		}
	}
	got := h.timers(t, ada, ref(i))["informed.update"]
	require.Equal(t, []int{4, 2, 1}, []int{got.Cycles, got.Met, got.Breaches})
	require.Equal(t, at(2, "16:00"), got.Due)
	require.Equal(t, []string{"met", "breached late", "missed", "met"}, h.happened(t, acme, got.ID))
}

func several(t *testing.T, h *host) {
	h.usual(t, acme)
	set := gold()
	set.Name, set.Title = "platinum", "Those who pay more"
	set.When = storage.Condition{Op: storage.Equal, Column: "impact", Values: []any{int64(1)}}
	h.activate(t, manager(acme), set)
	require.Len(t, h.timers(t, analyst(acme), ref(h.log(t, acme))), 2, "the other does not apply")
	i, err := h.incidents.Log(t.Context(), analyst(acme), incident.Report{Title: "All down", Requester: "rosa", Impact: 1, Urgency: 1})
	require.NoError(t, err)
	all := h.timers(t, analyst(acme), ref(i))
	require.Len(t, all, 4)
	require.Equal(t, at(2, "13:00"), all["platinum.resolution"].Due)
	// It applies to one that becomes so, and ceases to.
	_, err = h.incidents.Classify(t.Context(), analyst(acme), i.ID, incident.Classification{Impact: 3})
	require.NoError(t, err)
	all = h.timers(t, analyst(acme), ref(i))
	require.Equal(t, timer.PhaseIdle, all["platinum.resolution"].Phase)
	require.Equal(t, timer.OutcomeNone, all["platinum.resolution"].Outcome)
	require.Equal(t, []string{"cancelled"}, h.happened(t, acme, all["platinum.resolution"].ID))
	require.Equal(t, at(3, "17:00"), all["gold.resolution"].Due, "and the other has a longer goal, from the start")
}

func calendars(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	first := h.activateCalendar(t, mona, office("office"))
	holidays := office("holidays")
	holidays.Hours = []calendar.Hours{{From: "00:00", To: "24:00"}}
	holidays.Holidays = []calendar.Holiday{{Name: "Founders' day", Date: "2026-03-03"}}
	h.activateCalendar(t, mona, holidays)
	closed := office("office")
	closed.AllOf = []string{"holidays"}
	second := h.activateCalendar(t, mona, closed)
	require.EqualValues(t, 2, second.Number)
	h.activate(t, mona, gold())
	i := h.log(t, acme)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, at(4, "17:00"), got.Due, "Tuesday is closed by the other calendar")
	require.Len(t, got.Calendars, 2, "both are pinned")

	// Going back to the first is a decision for what begins then.
	_, err := h.p.Calendars.Activate(ctx, mona, first.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, at(3, "17:00"), h.timers(t, mona, ref(h.log(t, acme)))["gold.resolution"].Due)
	require.Equal(t, at(4, "17:00"), h.timers(t, mona, ref(i))["gold.resolution"].Due)
}

func (h *host) hold(t *testing.T, i incident.Incident, reason incident.HoldReason) {
	t.Helper()
	_, err := h.incidents.Hold(t.Context(), manager(acme), i.ID, incident.Hold{HoldReason: reason, Note: "Please answer"})
	require.NoError(t, err)
}

func (h *host) begin(t *testing.T, i incident.Incident) {
	t.Helper()
	_, err := h.incidents.Assign(t.Context(), manager(acme), i.ID, incident.Assignment{Assignee: "ada"})
	require.NoError(t, err)
	_, err = h.incidents.Start(t.Context(), manager(acme), i.ID, itsm.Command{})
	require.NoError(t, err)
}

func holds(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.clock.Advance(time.Hour)
	h.hold(t, i, incident.HoldCaller)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, timer.PhasePaused, got.Phase)
	require.Zero(t, got.Due)
	require.False(t, got.Reading.HasDue)
	due, defined, err := h.p.DueIfResumed(ctx, mona, got.ID, at(3, "09:00"))
	require.NoError(t, err)
	require.True(t, defined)
	require.Equal(t, at(4, "16:00"), due, "15 hours from Tuesday morning")
	h.goTo(t, at(3, "09:00"))
	require.Zero(t, h.tick(t).Jobs, "nothing fires while it is paused")
	require.Equal(t, []string{"paused caller"}, h.happened(t, acme, got.ID))
	_, err = h.incidents.Resume(ctx, mona, i.ID, itsm.Command{})
	require.NoError(t, err)
	got = h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, at(4, "16:00"), got.Due)
	require.Equal(t, timer.Duration(7*time.Hour), got.Reading.PausedOpen)

	h.clock.Advance(time.Hour)
	h.hold(t, i, incident.HoldCustomerScheduled)
	got = h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, timer.PhaseRunning, got.Phase, "another reason does not stop the clock")
	require.Equal(t, at(4, "16:00"), got.Due)
}

func priority(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.hold(t, i, incident.HoldCaller)
	h.clock.Advance(time.Hour)
	_, err := h.incidents.Resume(ctx, mona, i.ID, itsm.Command{})
	require.NoError(t, err)
	h.clock.Advance(2 * time.Hour)
	_, err = h.incidents.Classify(ctx, mona, i.ID, incident.Classification{Impact: 1, Urgency: 1})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, at(2, "14:00"), got.Due, "four hours from the start, and the hour of the pause")
	require.Equal(t, []string{"paused caller", "resumed", "due_changed"}, h.happened(t, acme, got.ID))
	h.goTo(t, at(2, "14:00"))
	h.tick(t)
	require.Equal(t, []string{"resolution half Mon 12:00 late", "resolution most Mon 13:00 late", "resolution due Mon 14:00"},
		h.told(t, acme, ref(i)), "half of it was reached as it was changed, and no tick came then")
}

// groupTarget is for the group that has it, from when it does.
func groupTarget() sla.Policy {
	return sla.Policy{Policy: timer.Policy{Name: "network", Type: timer.OLA, Kind: incident.Kind, Targets: []timer.Target{{
		Name: "solve", Calendar: "office", Goals: []timer.Goal{timer.Within(2 * time.Hour)},
		Start: []timer.Match{{When: storage.Condition{Op: storage.Equal, Column: "group", Values: []any{"network"}}}},
		Stop:  []timer.Match{{In: []itsm.Category{itsm.CategoryResolved, itsm.CategoryClosed}}},
		Cancel: []timer.Match{{In: []itsm.Category{itsm.CategoryCancelled}}, {When: storage.Condition{Op: storage.Not,
			Of: []storage.Condition{{Op: storage.Equal, Column: "group", Values: []any{"network"}}}}}},
	}}}}
}

func internalTarget(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	h.activate(t, mona, groupTarget())
	i := h.log(t, acme)
	require.Empty(t, h.timers(t, mona, ref(i)))
	h.goTo(t, at(3, "12:00"))
	_, err := h.incidents.Assign(ctx, mona, i.ID, incident.Assignment{Group: "network"})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["network.solve"]
	require.Equal(t, at(3, "14:00"), got.Due, "a group that gets it late is not late")
	require.Equal(t, timer.OutcomeOpen, got.Outcome)
	h.clock.Advance(time.Hour)
	_, err = h.incidents.Reassign(ctx, mona, i.ID, incident.Assignment{Group: "servers"})
	require.NoError(t, err)
	require.Equal(t, timer.PhaseIdle, h.timers(t, mona, ref(i))["network.solve"].Phase)
	h.clock.Advance(time.Hour)
	_, err = h.incidents.Reassign(ctx, mona, i.ID, incident.Assignment{Group: "network"})
	require.NoError(t, err)
	got = h.timers(t, mona, ref(i))["network.solve"]
	require.Equal(t, 2, got.Cycles)
	require.Equal(t, at(3, "16:00"), got.Due)
}

func readers(t *testing.T, h *host) {
	ctx, mona, rosa := t.Context(), manager(acme), requester(acme)
	h.usual(t, acme)
	for _, kind := range []timer.Type{timer.OLA, timer.UnderpinningContract} {
		set := gold()
		set.Name, set.Type = string(kind), kind
		h.activate(t, mona, set)
	}
	i := h.log(t, acme)
	all := h.timers(t, mona, ref(i))
	require.Len(t, all, 6)
	require.Equal(t, []string{"gold.resolution", "gold.response"}, slices.Sorted(keys(h.timers(t, rosa, ref(i)))))
	_, err := h.p.Get(ctx, rosa, all["gold.response"].ID)
	require.NoError(t, err)
	for _, name := range []string{"ola.response", "underpinning_contract.response"} {
		_, err = h.p.Get(ctx, rosa, all[name].ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = h.p.Explain(ctx, rosa, all[name].ID, -1, h.clock.Now())
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, _, err = h.p.Forecast(ctx, rosa, all[name].ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	_, err = h.p.List(ctx, rosa, sla.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.History(ctx, rosa, all["gold.response"].ID, storage.EventPosition{}, 10)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	// Another's incident.
	other := itsm.Actor{Tenant: acme, ID: "rob", Roles: []itsm.RoleName{itsm.RoleRequester}}
	require.Empty(t, h.timers(t, other, ref(i)))
	_, err = h.p.Get(ctx, other, all["gold.response"].ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func downtime(t *testing.T, h *host) {
	h.usual(t, acme)
	i := h.log(t, acme)
	h.goTo(t, at(5, "12:00"))
	for range 3 {
		h.tick(t)
	}
	all := h.timers(t, manager(acme), ref(i))
	require.Equal(t, []string{"threshold_reached half late", "threshold_reached most late", "threshold_reached due late", "breached late"}, h.happened(t, acme, all["gold.resolution"].ID))
	require.Equal(t, []string{"breached late"}, h.happened(t, acme, all["gold.response"].ID))
	require.Equal(t, []string{"resolution half Mon 17:00 late", "resolution most Tue 13:00 late", "resolution due Tue 17:00 late"}, h.told(t, acme, ref(i)))
	require.Equal(t, timer.OutcomeBreached, all["gold.resolution"].Outcome)
	require.Len(t, all["gold.resolution"].Told, 1)
	h.clock.Advance(1000 * time.Hour)
	require.Zero(t, h.tick(t).Jobs, "nothing is left to do")
}

func beforeTheEnd(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.goTo(t, at(3, "14:00"))
	_, err := h.incidents.Resolve(ctx, mona, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, []string{"threshold_reached half late", "threshold_reached most late", "met"}, h.happened(t, acme, got.ID))
	h.tick(t)
	require.Equal(t, []string{"resolution half Mon 17:00 late", "resolution most Tue 13:00 late"}, h.told(t, acme, ref(i)))
}

func failing(t *testing.T, h *host) {
	mona := manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.breaks(true)
	h.goTo(t, at(3, "13:00"))
	require.Equal(t, 2, h.tick(t).Failed)
	id := h.timers(t, mona, ref(i))["gold.resolution"].ID
	require.Equal(t, []string{"threshold_reached half late", "threshold_reached most"}, h.happened(t, acme, id))
	_, err := h.incidents.Note(t.Context(), mona, i.ID, incident.Note{Text: "Nothing is held up"})
	require.NoError(t, err)
	h.breaks(false)
	h.clock.Advance(time.Hour)
	h.tick(t)
	require.ElementsMatch(t, []string{"resolution half Mon 17:00 late", "resolution most Tue 13:00"}, h.told(t, acme, ref(i)))
	h.clock.Advance(time.Hour)
	h.tick(t)
	require.Len(t, h.told(t, acme, ref(i)), 2)
}

func escalation(t *testing.T, h *host) {
	h.activateCalendar(t, manager(acme), office("office"))
	set := gold()
	set.Targets = set.Targets[1:]
	set.Targets[0].Thresholds = []timer.Threshold{
		{Name: "warn", Offset: timer.Duration(-time.Hour), Actions: []string{"tell"}},
		{Name: "first", Offset: timer.Duration(time.Hour), Actions: []string{"tell"}},
		{Name: "second", Offset: timer.Duration(8 * time.Hour), Actions: []string{"tell"}},
	}
	h.activate(t, manager(acme), set)
	i := h.log(t, acme)
	for day := 2; day <= 5; day++ {
		for hour := range 24 {
			if when := time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC); !when.Before(h.clock.Now()) {
				h.goTo(t, when)
				h.tick(t)
			}
		}
	}
	require.Equal(t, []string{"resolution warn Tue 16:00", "resolution first Wed 10:00", "resolution second Wed 17:00"}, h.told(t, acme, ref(i)))
	require.Equal(t, []string{"threshold_reached warn", "breached late", "threshold_reached first", "threshold_reached second"},
		h.happened(t, acme, h.timers(t, manager(acme), ref(i))["gold.resolution"].ID))
}

func workers(t *testing.T, h *host) {
	ctx := t.Context()
	h.usual(t, acme)
	var all []incident.Incident
	for range 12 {
		all = append(all, h.log(t, acme))
	}
	h.goTo(t, at(3, "13:00"))
	var wg sync.WaitGroup
	failed := make(chan error, 8)
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := h.e.Tick(ctx, h.clock.Now())
			failed <- err
		}()
	}
	// Others work on them at the same time.
	wg.Add(1)
	go func() {
		defer wg.Done()
		for _, i := range all {
			if _, err := h.incidents.Note(ctx, manager(acme), i.ID, incident.Note{Text: "Looking"}); err != nil {
				failed <- err
			}
		}
	}()
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	h.clock.Advance(time.Minute)
	h.tick(t)
	for _, i := range all {
		id := h.timers(t, manager(acme), ref(i))["gold.resolution"].ID
		require.Equal(t, []string{"threshold_reached half late", "threshold_reached most"}, clean(h.happened(t, acme, id)))
		require.Len(t, h.told(t, acme, ref(i)), 2)
	}
}

// clean takes what is about when a worker came to it out of what was told.
func clean(told []string) []string {
	for i := range told {
		told[i] = strings.Replace(told[i], "most late", "most", 1)
	}
	return told
}

func exact(t *testing.T, h *host) {
	h.usual(t, acme)
	i := h.log(t, acme)
	id := h.timers(t, manager(acme), ref(i))["gold.response"].ID
	h.goTo(t, at(2, "10:00"))
	require.Zero(t, h.tick(t).Jobs, "at due it is not breached")
	require.Empty(t, h.happened(t, acme, id))
	h.clock.Advance(time.Microsecond)
	require.Equal(t, 1, h.tick(t).Jobs)
	require.Equal(t, []string{"breached"}, h.happened(t, acme, id))
	got, err := h.p.Get(t.Context(), manager(acme), id)
	require.NoError(t, err)
	require.Equal(t, timer.OutcomeBreached, got.Outcome)
}

func edits(t *testing.T, h *host) {
	mona := manager(acme)
	first := h.usual(t, acme)
	i := h.log(t, acme)
	before := h.timers(t, mona, ref(i))
	h.clock.Advance(time.Hour)
	shorter := gold()
	shorter.Targets[1].Goals = []timer.Goal{timer.Within(time.Hour)}
	second := h.activate(t, mona, shorter)
	late := office("office")
	late.Hours[0].From = "12:00"
	h.activateCalendar(t, mona, late)
	require.Equal(t, h.timers(t, mona, ref(i))["gold.resolution"].Timer, before["gold.resolution"].Timer, "nothing was written")
	_, err := h.incidents.Note(t.Context(), mona, i.ID, incident.Note{Text: "and nothing follows from another event"})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, at(3, "17:00"), got.Due)
	require.Equal(t, first.ID, got.PolicyVersion)
	j := h.timers(t, mona, ref(h.log(t, acme)))["gold.resolution"]
	require.Equal(t, second.ID, j.PolicyVersion)
	require.Equal(t, at(2, "13:00"), j.Due)
	// Even where the policy is not followed any more.
	_, err = h.p.Policies.Retire(t.Context(), mona, second.ID, itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, h.timers(t, mona, ref(h.log(t, acme))))
	h.begin(t, i)
	require.Equal(t, timer.PhaseStopped, h.timers(t, mona, ref(i))["gold.response"].Phase)
}

func rebase(t *testing.T, h *host) {
	ctx, mona, ada := t.Context(), manager(acme), analyst(acme)
	first := h.usual(t, acme)
	i, j := h.log(t, acme), h.log(t, acme)
	h.begin(t, i)
	h.hold(t, i, incident.HoldCaller)
	h.clock.Advance(time.Hour)
	_, err := h.incidents.Resume(ctx, mona, i.ID, itsm.Command{})
	require.NoError(t, err)
	was := h.timers(t, mona, ref(i))["gold.resolution"]
	shorter := gold()
	shorter.Targets[1].Goals = []timer.Goal{timer.Within(2 * time.Hour)}
	second := h.activate(t, mona, shorter)

	_, err = h.p.Rebase(ctx, ada, was.ID, sla.Rebasing{DryRun: true})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.Rebase(ctx, ada, was.ID, sla.Rebasing{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	would, err := h.p.Rebase(ctx, mona, was.ID, sla.Rebasing{DryRun: true})
	require.NoError(t, err)
	require.True(t, would.Changed)
	require.Equal(t, at(4, "10:00"), was.Due, "with the hour of its pause")
	require.Equal(t, at(2, "12:00"), would.After.Due, "two hours and the pause")
	require.Equal(t, was.Timer, h.timers(t, mona, ref(i))["gold.resolution"].Timer, "a dry run writes nothing")

	change, err := h.p.Rebase(ctx, mona, was.ID, sla.Rebasing{Command: itsm.Command{Reason: "The customer agreed", Key: "k"}})
	require.NoError(t, err)
	require.Equal(t, would, change)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, []any{second.ID, at(2, "12:00")}, []any{got.PolicyVersion, got.Due})
	require.Equal(t, "rebased", last(h.happened(t, acme, was.ID)))
	h.goTo(t, at(2, "12:00"))
	h.tick(t)
	require.Contains(t, h.told(t, acme, ref(i)), "resolution due Mon 12:00", "the job follows")

	// Back to the first, by name; and all others.
	_, err = h.p.Rebase(ctx, mona, was.ID, sla.Rebasing{Version: first.ID})
	require.NoError(t, err)
	require.Equal(t, first.ID, h.timers(t, mona, ref(i))["gold.resolution"].PolicyVersion)
	changed := 0
	for c, err := range h.p.RebaseAll(ctx, mona, sla.ByTarget.Is("resolution"), sla.Rebasing{Command: itsm.Command{Key: "all", Reason: "Agreed"}}) {
		require.NoError(t, err)
		if c.Changed {
			changed++
		}
	}
	require.Equal(t, 2, changed)
	require.Equal(t, at(2, "11:00"), h.timers(t, mona, ref(j))["gold.resolution"].Due)

	// What has ended is looked at, and never changed.
	_, err = h.incidents.Resolve(ctx, mona, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)
	_, err = h.p.Rebase(ctx, mona, was.ID, sla.Rebasing{Version: first.ID})
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	would, err = h.p.Rebase(ctx, mona, was.ID, sla.Rebasing{Version: first.ID, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, timer.OutcomeMet, would.After.Outcome)

	// Faults.
	draft, err := h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: gold()})
	require.NoError(t, err)
	for _, version := range []itsm.ID{draft.ID, "nothing"} {
		_, err = h.p.Rebase(ctx, mona, h.timers(t, mona, ref(j))["gold.resolution"].ID, sla.Rebasing{Version: version})
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err = h.p.Rebase(ctx, mona, "nothing", sla.Rebasing{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func last(list []string) string { return list[len(list)-1] }

func rebuild(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.clock.Advance(time.Hour)
	h.hold(t, i, incident.HoldCaller)
	h.clock.Advance(time.Hour)
	_, err := h.incidents.Resume(ctx, mona, i.ID, itsm.Command{})
	require.NoError(t, err)
	right := h.timers(t, mona, ref(i))["gold.resolution"]
	changes, err := h.p.Rebuild(ctx, mona, ref(i), itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, changes, "what is right stays as it is")

	// A fault of the program lost the pause, and the other timer.
	require.NoError(t, h.e.Store().Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		x, err := sla.TimerTable.Get(ctx, tx, right.ID)
		if err != nil {
			return err
		}
		x.State.Cycles[0].Pauses = nil
		x.Due = at(3, "17:00")
		if err := sla.TimerTable.Put(ctx, tx, &x); err != nil {
			return err
		}
		other := h.timers(t, mona, ref(i))["gold.response"].Timer
		return sla.TimerTable.Delete(ctx, tx, &other)
	}))
	_, err = h.p.Rebuild(ctx, analyst(acme), ref(i), itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	changes, err = h.p.Rebuild(ctx, mona, ref(i), itsm.Command{Reason: "repair"})
	require.NoError(t, err)
	require.Len(t, changes, 2)
	all := h.timers(t, mona, ref(i))
	require.Equal(t, right.State, all["gold.resolution"].State)
	require.Equal(t, right.Due, all["gold.resolution"].Due)
	require.Equal(t, timer.OutcomeMet, all["gold.response"].Outcome)
	require.Equal(t, "rebuilt", last(h.happened(t, acme, right.ID)))
}

func explanation(t *testing.T, h *host) {
	mona := manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.goTo(t, at(2, "16:00"))
	h.hold(t, i, incident.HoldCaller)
	h.goTo(t, at(3, "10:00"))
	_, err := h.incidents.Resume(t.Context(), mona, i.ID, itsm.Command{})
	require.NoError(t, err)
	h.goTo(t, at(3, "11:00"))
	x, err := h.p.Explain(t.Context(), requester(acme), h.timers(t, mona, ref(i))["gold.resolution"].ID, -1, h.clock.Now())
	require.NoError(t, err)
	var told []string
	for _, s := range x.Segments {
		told = append(told, strings.TrimSpace(s.From.Format("Mon 15:04")+" "+string(s.Reason)+" "+s.Name))
	}
	require.Equal(t, []string{"Mon 09:00 open", "Mon 16:00 paused caller", "Tue 10:00 open"}, told)
	require.Equal(t, timer.Duration(8*time.Hour), x.Reading.Open)
}

func forecast(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	_, found, err := h.p.NextBreach(ctx, mona, storage.Filter[sla.TimerHead]{})
	require.NoError(t, err)
	require.False(t, found)
	i := h.log(t, acme)
	h.clock.Advance(30 * time.Minute)
	j := h.log(t, acme)
	next, found, err := h.p.NextBreach(ctx, mona, storage.Filter[sla.TimerHead]{})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []any{i.ID, at(2, "10:00")}, []any{next.Subject, next.Due})
	when, which, found, err := h.p.FirstBreach(ctx, mona, ref(j))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []any{at(2, "10:30"), "response"}, []any{when, which.Target})
	h.begin(t, i)
	next, _, err = h.p.NextBreach(ctx, mona, storage.Filter[sla.TimerHead]{})
	require.NoError(t, err)
	require.Equal(t, j.ID, next.Subject)
	next, _, err = h.p.NextBreach(ctx, mona, sla.BySubject.Is(i.ID))
	require.NoError(t, err)
	require.Equal(t, at(3, "17:00"), next.Due)
	when, will, err := h.p.Forecast(ctx, mona, next.ID)
	require.NoError(t, err)
	require.True(t, will)
	require.Equal(t, at(3, "17:00"), when)
	h.hold(t, i, incident.HoldCaller)
	_, will, err = h.p.Forecast(ctx, mona, next.ID)
	require.NoError(t, err)
	require.False(t, will)
	_, found, err = h.p.NextBreach(ctx, mona, sla.BySubject.Is(i.ID))
	require.NoError(t, err)
	require.False(t, found)
}

func dueBefore(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	var want []itsm.ID
	for range 5 {
		want = append(want, h.log(t, acme).ID)
		h.clock.Advance(10 * time.Minute)
	}
	var got []itsm.ID
	q := sla.Query{Limit: 2}
	for {
		page, err := h.p.DueBefore(ctx, mona, at(2, "10:30"), q)
		require.NoError(t, err)
		for _, x := range page.Items {
			got = append(got, x.Subject)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	require.Equal(t, want[:3], got)
	h.begin(t, incident.Incident{Head: incident.Head{Meta: storage.Meta{ID: want[0]}}})
	page, err := h.p.DueBefore(ctx, mona, at(2, "10:30"), sla.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2, "what has ended is not due")
}

func reopened(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.clock.Advance(time.Hour)
	_, err := h.incidents.Resolve(ctx, mona, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)
	require.Equal(t, 1, h.timers(t, mona, ref(i))["gold.resolution"].Met)
	h.goTo(t, at(3, "09:00"))
	_, err = h.incidents.Reopen(ctx, mona, i.ID, incident.Reopening{Command: itsm.Command{Reason: "It is back"}})
	require.NoError(t, err)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, []any{timer.PhaseRunning, at(4, "16:00"), 0}, []any{got.Phase, got.Due, got.Met}, "the time in between is not counted, and the cycle has not ended")
	require.Equal(t, timer.PhaseStopped, h.timers(t, mona, ref(i))["gold.response"].Phase)
}

func (h *host) put(t *testing.T, o *order) {
	t.Helper()
	require.NoError(t, h.e.Update(t.Context(), manager(acme), func(ctx context.Context, u *engine.Unit) error {
		if o.ID == "" {
			o.ID = u.NewID()
		}
		return orders.Put(ctx, u, o)
	}))
}

func ownRecords(t *testing.T, h *host) {
	mona := manager(acme)
	h.activateCalendar(t, mona, office("office"))
	deliver := timer.Resolution("office", nil, timer.Goal{Name: "promised", By: "promised"}, timer.Within(8*time.Hour))
	deliver.Name = "deliver"
	deliver.Pause = []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting}}}
	h.activate(t, mona, sla.Policy{Policy: timer.Policy{Name: "delivery", Kind: "order", Targets: []timer.Target{deliver}}})
	o := order{orderHead: orderHead{State: "active"}}
	h.put(t, &o)
	of := itsm.Ref{Kind: "order", ID: o.ID}
	due := func() time.Time { return h.timers(t, mona, of)["delivery.deliver"].Due }
	require.Equal(t, at(2, "17:00"), due(), "its events tell no category: the host does")
	o.Promised = at(3, "12:00")
	h.put(t, &o)
	require.Equal(t, at(3, "12:00"), due())
	h.clock.Advance(time.Hour)
	o.State = "waiting"
	h.put(t, &o)
	require.Zero(t, due())
	h.clock.Advance(time.Hour)
	o.State = "active"
	h.put(t, &o)
	require.Equal(t, at(3, "13:00"), due())
	changes, err := h.p.Rebuild(t.Context(), mona, of, itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, changes)
	o.State = "closed"
	h.put(t, &o)
	require.Equal(t, timer.OutcomeMet, h.timers(t, mona, of)["delivery.deliver"].Outcome)
}

func ended(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	cancelled, duplicate, other := h.log(t, acme), h.log(t, acme), h.log(t, acme)
	_, err := h.incidents.Cancel(ctx, mona, cancelled.ID, incident.Cancellation{Command: itsm.Command{Reason: "By mistake"}})
	require.NoError(t, err)
	_, err = h.incidents.Merge(ctx, mona, duplicate.ID, incident.Merging{Into: other.ID})
	require.NoError(t, err)
	h.activate(t, mona, sla.Policy{Policy: timer.Policy{Name: "delivery", Kind: "order", Targets: []timer.Target{timer.Resolution("office", nil, timer.Within(time.Hour))}}})
	o := order{orderHead: orderHead{State: "active"}}
	h.put(t, &o)
	require.True(t, h.timers(t, mona, itsm.Ref{Kind: "order", ID: o.ID})["delivery.resolution"].Open)
	require.NoError(t, h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error { return orders.Delete(ctx, u, &o) }))
	for _, of := range []itsm.Ref{ref(cancelled), ref(duplicate), {Kind: "order", ID: o.ID}} {
		for name, x := range h.timers(t, mona, of) {
			require.Equal(t, []any{timer.PhaseIdle, timer.OutcomeNone, false}, []any{x.Phase, x.Outcome, x.Open}, name)
		}
		changes, err := h.p.Rebuild(ctx, mona, of, itsm.Command{})
		require.NoError(t, err)
		require.Empty(t, changes)
	}
	h.clock.Advance(1000 * time.Hour)
	h.tick(t)
	require.Empty(t, h.told(t, acme, ref(cancelled)))
	require.Empty(t, h.told(t, acme, ref(duplicate)))
	require.Len(t, h.told(t, acme, ref(other)), 3)
}

func facts(t *testing.T, h *host) {
	mona := manager(acme)
	h.usual(t, acme)
	h.log(t, acme)
	require.Zero(t, h.asked, "nobody names them")
	night := office("night")
	night.Hours = []calendar.Hours{{From: "00:00", To: "24:00"}}
	h.activateCalendar(t, mona, night)
	set := gold()
	set.When = storage.Condition{Op: storage.Not, Of: []storage.Condition{{Op: storage.Equal, Column: "requester.site", Values: []any{"moon"}}}}
	set.Targets[1].CalendarBy, set.CustomerBy = "requester.site", "requester.site"
	h.activate(t, mona, set)
	h.sites["rosa"] = "night"
	i := h.log(t, acme)
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Equal(t, at(3, "01:00"), got.Due, "by the calendar of the site")
	require.Equal(t, "night", got.Customer)
	require.Equal(t, sla.Facts{"requester.site": "night"}, got.Facts)
	h.sites["rosa"] = "moon"
	_, err := h.incidents.Note(t.Context(), mona, i.ID, incident.Note{Text: "She moved"})
	require.NoError(t, err)
	require.Equal(t, at(3, "01:00"), h.timers(t, mona, ref(i))["gold.resolution"].Due, "it is kept as it was")
	changes, err := h.p.Rebuild(t.Context(), mona, ref(i), itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, changes)
	require.Empty(t, h.timers(t, mona, ref(h.log(t, acme))))
	require.Nil(t, h.timers(t, requester(acme), ref(i))["gold.resolution"].Facts, "they are not for requesters")
}

func byHand(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	id := h.timers(t, mona, ref(i))["gold.resolution"].ID
	_, err := h.p.SetDue(ctx, mona, id, sla.ManualDue{Due: at(9, "12:00")})
	require.ErrorIs(t, err, itsm.ErrInvalid, "it takes a reason")
	_, err = h.p.SetDue(ctx, analyst(acme), id, sla.ManualDue{Due: at(9, "12:00"), Command: itsm.Command{Reason: "Promised"}})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.SetDue(ctx, mona, id, sla.ManualDue{Due: at(9, "12:00"), Command: itsm.Command{Reason: "Promised"}})
	require.NoError(t, err)
	_, err = h.incidents.Classify(ctx, mona, i.ID, incident.Classification{Impact: 1, Urgency: 1})
	require.NoError(t, err)
	_, err = h.p.Rebuild(ctx, mona, ref(i), itsm.Command{})
	require.NoError(t, err)
	got, err := h.p.Get(ctx, mona, id)
	require.NoError(t, err)
	require.Equal(t, []any{at(2, "13:00"), at(9, "12:00"), "Promised", itsm.ID("mona")}, []any{got.Due, got.ManualDue, got.ManualReason, got.ManualBy})
	h.goTo(t, at(3, "09:00"))
	h.tick(t)
	require.Contains(t, h.happened(t, acme, id), "breached late", "what is computed is breached all the same")
	_, err = h.p.SetDue(ctx, mona, id, sla.ManualDue{Command: itsm.Command{Reason: "It was done"}})
	require.NoError(t, err)
	got, err = h.p.Get(ctx, mona, id)
	require.NoError(t, err)
	require.Zero(t, got.ManualDue)
}

func faultsOf(t *testing.T, err error) (all []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		all = append(all, f.Field)
	}
	return all
}

func faults(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	bad := gold()
	bad.Name = "silver"
	bad.When = storage.Condition{Op: storage.Equal, Column: "colour", Values: []any{"red"}}
	bad.CustomerBy = "priority"
	bad.Targets[0].Calendar = "nowhere"
	bad.Targets[0].Stop = []timer.Match{{Types: []string{"incident.exploded.v1"}}}
	bad.Targets[0].CountFrom = "title"
	bad.Targets[1].Start = []timer.Match{{In: []itsm.Category{itsm.CategoryResolved}}}
	bad.Targets[1].Thresholds[0].Actions = []string{"explode"}
	bad.Targets[1].Goals[0].When = storage.Condition{Op: storage.Equal, Column: "event.action", Values: []any{"log"}}
	_, err := h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: bad})
	got := faultsOf(t, err)
	for _, want := range []string{"set.name", "set.when.column", "set.customer_by", "set.targets[0].calendar", "set.targets[0].stop[0].types[0]",
		"set.targets[0].count_from", "set.targets[1].start", "set.targets[1].thresholds[0].actions[0]", "set.targets[1].goals[0].when"} {
		require.Contains(t, got, want)
	}
	other := gold()
	other.Kind = "problem"
	_, err = h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: other})
	require.Contains(t, faultsOf(t, err), "set.kind")
	closed := calendar.Definition{Name: "closed", Zone: "Local", AnyOf: []string{"nowhere"}}
	_, err = h.p.Calendars.Draft(ctx, mona, sla.CalendarDraft{Family: "shut", Set: sla.Calendar{Definition: closed}})
	require.Subset(t, faultsOf(t, err), []string{"set.name", "set.zone"})
}

func fits(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	office := h.activateCalendar(t, mona, office("office"))
	h.activate(t, mona, gold())
	_, err := h.p.Calendars.Retire(ctx, mona, office.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrInvalid, "a policy counts by it")
	v, err := h.p.Calendars.Version(ctx, mona, office.ID)
	require.NoError(t, err)
	require.Equal(t, versioned.StateActive, v.State, "nothing has changed")
}

func openBefore(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	i := h.log(t, acme)
	h.clock.Advance(time.Hour)
	h.usual(t, acme)
	h.activate(t, mona, groupTarget())
	h.clock.Advance(time.Hour)
	_, err := h.incidents.Note(ctx, mona, i.ID, incident.Note{Text: "Still open"})
	require.NoError(t, err)
	require.Empty(t, h.timers(t, mona, ref(i)))
	_, err = h.incidents.Assign(ctx, mona, i.ID, incident.Assignment{Group: "network"})
	require.NoError(t, err)
	require.Equal(t, []string{"network.solve"}, slices.Sorted(keys(h.timers(t, mona, ref(i)))), "what becomes so begins")
	changes, err := h.p.Rebuild(ctx, mona, ref(i), itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, changes)
}

func horizon(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	short := office("office")
	short.Until = "2026-03-05"
	h.activateCalendar(t, mona, short)
	set := gold()
	set.Targets[1].Goals = []timer.Goal{timer.ForPriority(1, time.Hour), timer.Within(20 * time.Hour)}
	h.activate(t, mona, set)
	i := h.log(t, acme)
	h.begin(t, i)
	h.goTo(t, at(4, "12:00"))
	h.hold(t, i, incident.HoldCaller)
	h.goTo(t, at(12, "12:00"))
	_, err := h.incidents.Resume(ctx, mona, i.ID, itsm.Command{})
	require.NoError(t, err, "whoever works on it is not held up")
	got := h.timers(t, mona, ref(i))["gold.resolution"]
	require.Contains(t, got.Fault, "horizon", "it says so")
	require.Equal(t, timer.PhasePaused, got.Phase)
	h.activateCalendar(t, mona, office("office"))
	id := got.ID
	_, err = h.p.Rebase(ctx, mona, id, sla.Rebasing{})
	require.NoError(t, err)
	x, err := h.p.Get(ctx, mona, id)
	require.NoError(t, err)
	require.Empty(t, x.Fault)
	require.Equal(t, timer.PhaseRunning, x.Phase)
}

func provider(t *testing.T, h *host) {
	ctx := t.Context()
	roles := []itsm.RoleName{itsm.RoleITServiceManager}
	pat := itsm.Actor{Tenant: "msp", ID: "pat", Roles: roles, Elsewhere: map[itsm.Tenant]itsm.Membership{acme: {Roles: roles}}}
	h.usual(t, "msp")
	err := h.p.Policies.Publish(ctx, pat, versioned.Publication{Family: "gold"}, acme)
	require.ErrorIs(t, err, itsm.ErrInvalid, "the tenant has no such calendar yet")
	require.NoError(t, h.p.Calendars.Publish(ctx, pat, versioned.Publication{Family: "office"}, acme))
	require.NoError(t, h.p.Policies.Publish(ctx, pat, versioned.Publication{Family: "gold"}, acme))
	i := h.log(t, acme)
	require.Equal(t, at(3, "17:00"), h.timers(t, manager(acme), ref(i))["gold.resolution"].Due)
	// A calendar of the tenant's own stands before the provider's, and so does a policy.
	late := office("office")
	late.Hours[0].From = "13:00"
	h.activateCalendar(t, manager(acme), late)
	require.Equal(t, at(5, "17:00"), h.timers(t, manager(acme), ref(h.log(t, acme)))["gold.resolution"].Due)
	own := gold()
	own.Targets = own.Targets[:1]
	h.activate(t, manager(acme), own)
	require.Len(t, h.timers(t, manager(acme), ref(h.log(t, acme))), 1)
}

func permissions(t *testing.T, h *host) {
	ctx := t.Context()
	h.usual(t, acme)
	for _, who := range []itsm.Actor{analyst(acme), requester(acme)} {
		_, err := h.p.Policies.Draft(ctx, who, sla.PolicyDraft{Family: "gold", Set: gold()})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Calendars.Draft(ctx, who, sla.CalendarDraft{Family: "office", Set: sla.Calendar{Definition: office("office")}})
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	_, err := h.p.Policies.Active(ctx, analyst(acme), "gold")
	require.NoError(t, err)
	_, err = h.p.Policies.Active(ctx, requester(acme), "gold")
	require.ErrorIs(t, err, itsm.ErrForbidden)
	levels := itsm.Actor{Tenant: acme, ID: "lena", Roles: []itsm.RoleName{itsm.RoleServiceLevelManager}}
	_, err = h.p.Policies.Draft(ctx, levels, sla.PolicyDraft{Family: "gold", Set: gold()})
	require.NoError(t, err)
	i := h.log(t, acme)
	_, err = h.p.Rebuild(ctx, levels, ref(i), itsm.Command{})
	require.NoError(t, err)
	_, err = h.p.Rebuild(ctx, requester(acme), itsm.Ref{Kind: incident.Kind, ID: "nothing"}, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func tenantsApart(t *testing.T, h *host) {
	ctx := t.Context()
	h.usual(t, acme)
	h.usual(t, "globex")
	i, j := h.log(t, acme), h.log(t, "globex")
	mine, theirs := h.timers(t, manager(acme), ref(i)), h.timers(t, manager("globex"), ref(j))
	require.Len(t, mine, 2)
	require.Len(t, theirs, 2)
	_, err := h.p.Get(ctx, manager(acme), theirs["gold.response"].ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	require.Empty(t, h.timers(t, manager(acme), ref(j)))
	page, err := h.p.List(ctx, manager(acme), sla.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	_, err = h.p.Rebase(ctx, manager(acme), theirs["gold.response"].ID, sla.Rebasing{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	require.Empty(t, h.timers(t, manager("initech"), ref(h.log(t, "initech"))))
	h.goTo(t, at(5, "12:00"))
	h.tick(t)
	require.Len(t, h.told(t, acme, ref(i)), 3)
	require.Len(t, h.told(t, "globex", ref(j)), 3)
}

func undone(t *testing.T, h *host) {
	mona := manager(acme)
	h.usual(t, acme)
	boom := errors.New("boom")
	var id itsm.ID
	longer := gold()
	longer.Targets[1].Goals = []timer.Goal{timer.Within(100 * time.Hour)}
	err := h.e.Update(t.Context(), mona, func(ctx context.Context, u *engine.Unit) error {
		in := h.p.In(u.Store())
		v, err := in.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: longer})
		if err != nil {
			return err
		}
		if _, err := in.Policies.Activate(ctx, mona, v.ID, itsm.Command{}); err != nil {
			return err
		}
		i, err := h.incidents.In(u.Store()).Log(ctx, mona, incident.Report{Title: "VPN", Requester: "rosa"})
		id = i.ID
		if err != nil {
			return err
		}
		return boom
	})
	require.ErrorIs(t, err, boom)
	require.Empty(t, h.timers(t, mona, itsm.Ref{Kind: incident.Kind, ID: id}))
	require.Equal(t, at(3, "17:00"), h.timers(t, mona, ref(h.log(t, acme)))["gold.resolution"].Due, "what was not committed is not followed")
	h.clock.Advance(1000 * time.Hour)
	require.Zero(t, h.tick(t).Failed)
}
