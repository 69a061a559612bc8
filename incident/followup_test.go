package incident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/memory"
)

const day = 24 * time.Hour

func TestD15FollowUpsThatCannotBeAreRefusedAtOnce(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	_, err = incident.New(e, incident.Options{HoldReasons: []incident.HoldRule{
		{Reason: "back", Reminders: []time.Duration{0, 2 * day, day}, ResolveAfter: day, ResolveCode: "magic", ResolveNotes: " "},
		{Reason: "half", ResolveCode: incident.CodeFixed, ResolveNotes: "x"},
		{Reason: "long", Reminders: make([]time.Duration, incident.MaxReminders+1), ResolveAfter: -day, ResolveNotes: notUTF8},
	}})
	require.Subset(t, faults(t, err), []string{
		"hold_reasons[0].reminders[0]", "hold_reasons[0].reminders[2]", "hold_reasons[0].resolve_after", "hold_reasons[0].resolve_code", "hold_reasons[0].resolve_notes",
		"hold_reasons[1].resolve_code", "hold_reasons[1].resolve_notes",
		"hold_reasons[2].reminders", "hold_reasons[2].resolve_after", "hold_reasons[2].resolve_code", "hold_reasons[2].resolve_notes",
	})
}

func TestD15TheRulesOfTheHostAreItsOwn(t *testing.T) {
	rules := []incident.HoldRule{{Reason: "caller", Reminders: []time.Duration{day}}}
	d := openDesk(t, incident.Options{HoldReasons: rules})
	rules[0].Reminders[0] = time.Hour // after the fact
	i := d.report()
	i, err := d.Hold(t.Context(), mona, i.ID, incident.Hold{HoldReason: "caller"})
	require.NoError(t, err)
	require.Equal(t, d.now, i.RemindFrom)
	ran, err := d.e.Tick(t.Context(), d.now.Add(2*time.Hour))
	require.NoError(t, err)
	require.Zero(t, ran.Jobs)
}

// A job that was written under another rule goes by the one that there is now.
func TestD15AHostMayChangeItsRules(t *testing.T) {
	store, now := memory.New(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	with := func(rule incident.HoldRule) (*engine.Engine, *incident.Practice) {
		e, err := engine.New(store, engine.Options{Clock: func() time.Time { return now }})
		require.NoError(t, err)
		rule.Reason = "caller"
		p, err := incident.New(e, incident.Options{HoldReasons: []incident.HoldRule{rule, {Reason: "other"}}})
		require.NoError(t, err)
		return e, p
	}
	_, p := with(incident.HoldRule{Reminders: []time.Duration{day, 2 * day}})
	i, err := p.Log(t.Context(), mona, incident.Report{Title: "x", Requester: "rita"})
	require.NoError(t, err)
	_, err = p.Hold(t.Context(), mona, i.ID, incident.Hold{HoldReason: "caller"})
	require.NoError(t, err)

	e, p := with(incident.HoldRule{Reminders: []time.Duration{3 * day}, ResolveAfter: 4 * day, ResolveCode: incident.CodeFixed, ResolveNotes: "Over"})
	reminders := func() int {
		got, err := p.Get(t.Context(), mona, i.ID)
		require.NoError(t, err)
		return got.Reminders
	}
	tick := func(d time.Duration) {
		now = now.Add(d)
		ran, err := e.Tick(t.Context(), now)
		require.NoError(t, err)
		require.Zero(t, ran.Failed+ran.Dead)
	}
	tick(day)
	require.Zero(t, reminders(), "the first is later now")
	tick(2 * day)
	require.Equal(t, 1, reminders())

	e, p = with(incident.HoldRule{}) // there is no rule for it any more
	tick(30 * day)
	got, err := p.Get(t.Context(), mona, i.ID)
	require.NoError(t, err)
	require.Equal(t, incident.StateOnHold, got.State)
}

func TestD15AnImportedIncidentIsRemindedOfBeforeItIsResolved(t *testing.T) {
	d := newImportDesk(t, incident.Options{HoldReasons: []incident.HoldRule{{
		Reason: "caller", Reminders: []time.Duration{day}, ResolveAfter: 3 * day, ResolveCode: incident.CodeByRequester, ResolveNotes: "No answer",
	}}})
	rows := life("A", "new", "on_hold", "on_hold")
	rows[1].HoldReason, rows[2].HoldReason = "caller", "caller"
	d.load(t, rows, incident.ImportOptions{})
	i := d.get(t, "A")
	require.Equal(t, incident.StateOnHold, i.State)
	require.Equal(t, rows[1].At, i.RemindFrom, "it has waited since the first of its rows that says so")
	states := func(now time.Time) (incident.State, int) {
		_, err := d.engine.Tick(t.Context(), now)
		require.NoError(t, err)
		i := d.get(t, "A")
		return i.State, i.Reminders
	}
	s, n := states(importNow)
	require.Equal(t, incident.StateOnHold, s)
	require.Equal(t, 1, n, "it is late, and told of once")
	s, n = states(importNow.Add(2*day - time.Minute))
	require.Equal(t, incident.StateOnHold, s)
	require.Equal(t, 1, n)
	s, _ = states(importNow.Add(2 * day))
	require.Equal(t, incident.StateResolved, s)
	require.Equal(t, itsm.ID("system:incident.follow_up"), d.get(t, "A").Resolution.By)
}
