// This file holds the cases of definitions that seem right and are not: each is refused with words that help.

package slasuite

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// problemsOf gives what is wrong, by field.
func problemsOf(t *testing.T, err error) map[string]string {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	all := map[string]string{}
	for _, f := range invalid.Faults {
		all[f.Field] += f.Problem
	}
	return all
}

// A hold reason that no record has would never pause, and nobody would know.
func unknownReasons(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	bad := gold()
	bad.Targets[1].Pause[0].Reasons = []string{"calller", "vendor"}
	bad.Targets[1].Resume = []timer.Match{{Reasons: []string{"change", "chnage"}}}
	_, err := h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: bad})
	require.Equal(t, map[string]string{
		"set.targets[1].pause[0].reasons[0]":  `"calller" is no hold reason of incident; there are: caller, customer_scheduled, vendor, problem, change`,
		"set.targets[1].resume[0].reasons[1]": `"chnage" is no hold reason of incident; there are: caller, customer_scheduled, vendor, problem, change`,
	}, problemsOf(t, err))
	bad = promise("delivery", timer.SLA, time.Hour)
	bad.Kind = "order"
	bad.Targets[0].Pause = []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting}, Reasons: []string{"parts"}}}
	_, err = h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "delivery", Set: bad})
	require.Equal(t, map[string]string{"set.targets[0].pause[0].reasons[0]": `"parts" is no hold reason of order; it has none`}, problemsOf(t, err))
}

// What an agreement that holds needs of its policy stays.
func policyInUse(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	a := h.agree(t, mona, sla.Agreement{Name: "north", Type: timer.SLA, Provider: "desk", Policy: "gold", Attainment: map[string]decimal.Decimal{"response": number("90")}})
	id := h.active(t, "gold")
	_, err := h.p.Policies.Retire(ctx, mona, id, itsm.Command{})
	require.Equal(t, map[string]string{"agreement north": `needs policy "gold", which would not be active`}, problemsOf(t, err))
	v, err := h.p.Policies.Version(ctx, mona, id)
	require.NoError(t, err)
	require.Equal(t, versioned.StateActive, v.State, "nothing has changed")

	without := gold()
	without.Targets = without.Targets[1:]
	draft, err := h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: without})
	require.NoError(t, err)
	_, err = h.p.Policies.Activate(ctx, mona, draft.ID, itsm.Command{})
	require.Equal(t, map[string]string{"agreement north": `needs target "response" of policy "gold", which has: resolution`}, problemsOf(t, err))
	of := gold()
	of.Type = timer.OLA
	draft, err = h.p.Policies.Draft(ctx, mona, sla.PolicyDraft{Family: "gold", Set: of})
	require.NoError(t, err)
	_, err = h.p.Policies.Activate(ctx, mona, draft.ID, itsm.Command{})
	require.Equal(t, map[string]string{"agreement north": `is of the type sla; its policy "gold" would be of ola`}, problemsOf(t, err))

	_, err = h.p.Agreements.Retire(ctx, mona, a.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = h.p.Policies.Retire(ctx, mona, id, itsm.Command{})
	require.NoError(t, err)
}

// Who retires a calendar is told who needs it, and what there would be.
func calendarInUse(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	retire := func(v sla.CalendarVersion) map[string]string {
		t.Helper()
		_, err := h.p.Calendars.Retire(ctx, mona, v.ID, itsm.Command{})
		return problemsOf(t, err)
	}
	v := h.activateCalendar(t, mona, office("office"))
	days := h.activateCalendar(t, mona, office("days"))
	h.activate(t, mona, gold())
	h.activateCalendar(t, mona, office("always"))
	h.agree(t, mona, sla.Agreement{Name: "north", Type: timer.SLA, Provider: "desk", Entitlement: &sla.Entitlement{Kind: incident.Kind, Hours: "office"}})
	require.Equal(t, map[string]string{
		"policy gold":     `needs calendar "office" for response, resolution; there would be: always, days`,
		"agreement north": `needs calendar "office" for its hours; there would be: always, days`,
	}, retire(v))
	h.activateCalendar(t, mona, calendar.Definition{Name: "both", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}, AllOf: []string{"days"}})
	require.Equal(t, map[string]string{"calendar both": `needs calendar "days"; there would be: always, both, office`}, retire(days))
}

// A promise that rests on itself, by however many steps, says nothing.
func circles(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	h.activate(t, mona, promise("p", timer.OLA, time.Hour))
	a := func(name string, on ...string) sla.Agreement {
		x := sla.Agreement{Name: name, Type: timer.OLA, Provider: "desk", Policy: "p"}
		if len(on) > 0 {
			var rest sla.Rest
			for _, other := range on {
				rest.Sequence = append(rest.Sequence, sla.Rest{Parallel: []sla.Rest{{Agreement: other, Target: "solve"}}})
			}
			x.RestsOn = map[string]sla.Rest{"solve": rest}
		}
		return x
	}
	draft := func(x sla.Agreement) (sla.AgreementVersion, error) {
		return h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: x.Name, Set: x})
	}
	_, err := draft(a("one", "two", "one"))
	require.Equal(t, map[string]string{"set.rests_on": `is a circle: one, one`}, problemsOf(t, err))
	h.agree(t, mona, a("one", "two"))
	h.agree(t, mona, a("two", "three"))
	_, err = draft(a("three", "four", "one"))
	require.Equal(t, map[string]string{"set.rests_on": `is a circle: three, one, two, three`}, problemsOf(t, err))
	// Of two that were drafted before either was active the second is refused.
	four, err := draft(a("four", "five"))
	require.NoError(t, err)
	five, err := draft(a("five", "four"))
	require.NoError(t, err)
	_, err = h.p.Agreements.Activate(ctx, mona, four.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = h.p.Agreements.Activate(ctx, mona, five.ID, itsm.Command{})
	require.Equal(t, map[string]string{"set.rests_on": `is a circle: five, four, five`}, problemsOf(t, err))
}

// late tells by how much a tick may be after due.
func late(t *testing.T, h *host) {
	h.usual(t, acme)
	for _, x := range []struct {
		after time.Duration
		want  string
	}{{time.Microsecond, "breached"}, {time.Minute, "breached"}, {time.Minute + time.Microsecond, "breached late"}} {
		i := h.log(t, acme)
		h.clock.Advance(time.Hour + x.after)
		h.tick(t)
		require.Equal(t, []string{x.want}, h.happened(t, acme, h.timers(t, manager(acme), ref(i))["gold.response"].ID), x.after)
	}
}

// lateThresholds: they are late as breaches are.
func lateThresholds(t *testing.T, h *host) {
	h.activateCalendar(t, manager(acme), office("office"))
	set := gold()
	set.Targets[1].Thresholds = []timer.Threshold{
		{Name: "first", Offset: timer.Duration(-15 * time.Hour), Actions: []string{"tell"}},
		{Name: "second", Offset: timer.Duration(-14*time.Hour - 59*time.Minute), Actions: []string{"tell"}},
	}
	h.activate(t, manager(acme), set)
	i := h.log(t, acme)
	h.clock.Advance(time.Hour + time.Minute + 30*time.Second)
	h.tick(t)
	require.Equal(t, []string{"threshold_reached first late", "threshold_reached second"}, h.happened(t, acme, h.timers(t, manager(acme), ref(i))["gold.resolution"].ID))
	require.Equal(t, []string{"resolution first Mon 10:00 late", "resolution second Mon 10:01"}, h.told(t, acme, ref(i)))
}

// An answer by a clock must say of which hours it is.
func unknownGoal(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	h.activate(t, mona, promise("under", timer.OLA, time.Hour))
	h.agree(t, mona, sla.Agreement{Name: "under", Type: timer.OLA, Provider: "desk", Policy: "under"})
	over := promise("over", timer.SLA, time.Hour)
	over.Targets[0].Goals = []timer.Goal{timer.ForPriority(1, 2*time.Hour), timer.ForPriority(2, 4*time.Hour), timer.Within(8 * time.Hour)}
	h.activate(t, mona, over)
	h.agree(t, mona, sla.Agreement{Name: "over", Type: timer.SLA, Provider: "desk", Policy: "over",
		RestsOn: map[string]sla.Rest{"solve": {Agreement: "under", Target: "solve"}}})
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	report, err := h.p.CheckChain(ctx, mona, "over", "solve", "priority 2", from, from.AddDate(0, 1, 0))
	require.NoError(t, err)
	require.True(t, report.Kept)
	_, err = h.p.CheckChain(ctx, mona, "over", "solve", "priority 3", from, from.AddDate(0, 1, 0))
	require.Equal(t, map[string]string{"promise.goal": `"priority 3" is no goal of over: solve; there are: priority 1, priority 2; empty is the last`}, problemsOf(t, err))
	_, err = h.p.CheckChain(ctx, mona, "over", "slove", "", from, from.AddDate(0, 1, 0))
	require.Equal(t, `"slove" is no target of "over"; there are: solve`, problemsOf(t, err)["promise.target"])
}

// A pause cannot have ended before it began.
func resumedBefore(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	i := h.log(t, acme)
	h.begin(t, i)
	h.clock.Advance(time.Hour)
	h.hold(t, i, incident.HoldCaller)
	id := h.timers(t, mona, ref(i))["gold.resolution"].ID
	_, _, err := h.p.DueIfResumed(ctx, mona, id, at(2, "09:59"))
	require.Equal(t, map[string]string{"resumed": "must not be before 2026-03-02T10:00:00Z, when the pause began"}, problemsOf(t, err))
	_, _, err = h.p.DueIfResumed(ctx, mona, id, time.Time{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	due, defined, err := h.p.DueIfResumed(ctx, mona, id, at(2, "10:00"))
	require.NoError(t, err)
	require.True(t, defined)
	require.Equal(t, at(3, "17:00"), due)
}

// routed: that an incident was given to a group is no answer; that a person takes it is.
func routed(t *testing.T, h *host) {
	ctx, ada, mona := t.Context(), analyst(acme), manager(acme)
	h.usual(t, acme)
	phase := func(i incident.Incident) timer.Phase { return h.timers(t, mona, ref(i))["gold.response"].Phase }
	log := func() incident.Incident {
		t.Helper()
		i, err := h.incidents.Log(ctx, ada, incident.Report{Title: "VPN", Requester: "rosa", Group: "network", Impact: 2, Urgency: 2})
		require.NoError(t, err)
		require.Equal(t, timer.PhaseRunning, phase(i), "logged for a group")
		return i
	}
	i := h.log(t, acme)
	_, err := h.incidents.Assign(ctx, mona, i.ID, incident.Assignment{Group: "network", Assignee: "ada"})
	require.NoError(t, err)
	require.Equal(t, timer.PhaseRunning, phase(i), "assigned")
	_, err = h.incidents.Reassign(ctx, mona, i.ID, incident.Assignment{Group: "servers"})
	require.NoError(t, err)
	require.Equal(t, timer.PhaseRunning, phase(i), "reassigned")
	for name, answer := range map[string]func(id itsm.ID) error{
		"accepted":     func(id itsm.ID) error { _, err := h.incidents.Accept(ctx, ada, id, itsm.Command{}); return err },
		"acknowledged": func(id itsm.ID) error { _, err := h.incidents.Acknowledge(ctx, ada, id, incident.Moment{}); return err },
		"started": func(id itsm.ID) error {
			_, err := h.incidents.Assign(ctx, mona, id, incident.Assignment{Assignee: "ada"})
			if err != nil {
				_, err = h.incidents.Reassign(ctx, mona, id, incident.Assignment{Assignee: "ada"})
			}
			if err == nil {
				_, err = h.incidents.Start(ctx, ada, id, itsm.Command{})
			}
			return err
		},
		"resolved": func(id itsm.ID) error {
			_, err := h.incidents.Resolve(ctx, mona, id, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
			return err
		},
	} {
		i := log()
		require.NoError(t, answer(i.ID), name)
		require.Equal(t, timer.PhaseStopped, phase(i), name)
	}
}

// zonedReasons: people read the time of the hours.
func zonedReasons(t *testing.T, h *host) {
	mona := manager(acme)
	berlin := office("berlin")
	berlin.Zone = "Europe/Berlin"
	h.activateCalendar(t, mona, berlin)
	x := sla.Agreement{Name: "north", Type: timer.SLA, Provider: "desk", Entitlement: &sla.Entitlement{Kind: incident.Kind, Hours: "berlin"}}
	h.agree(t, mona, x)
	is := func(verdict sla.Verdict, reason string) {
		t.Helper()
		got := h.entitlement(t, h.log(t, acme))
		require.Equal(t, []any{verdict, reason}, []any{got.Verdict, got.Reason})
	}
	is(sla.Covered, "north covers it")
	h.goTo(t, at(27, "16:30"))
	is(sla.OutsideHours, "north does not cover it: berlin is closed at 2026-03-27T17:30:00+01:00 and opens at 2026-03-30T09:00:00+02:00")
	x.Entitlement.Until = at(28, "12:00")
	h.agree(t, mona, x)
	h.goTo(t, at(28, "12:00"))
	is(sla.OutsideTerm, "north does not cover it: the agreement held until 2026-03-28T13:00:00+01:00")
	berlin.Until = "2026-04-01"
	h.activateCalendar(t, mona, berlin)
	x.Entitlement.Until = time.Time{}
	h.agree(t, mona, x)
	h.goTo(t, time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC))
	is(sla.OutsideHours, "north does not cover it: whether berlin is open at 2026-04-20T12:00:00+02:00 is not known")
}
