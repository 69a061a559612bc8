package servicedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// What docs/calendar.md says of a calendar that ends: nothing is due and nothing is breached of what would be later; such
// timers are found by their lack of a due date and their Fault, and a longer calendar and RebaseAll bring them.
func TestTimersThatACalendarEndsBeforeAreFoundAndBrought(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	f.always(t)
	target := timer.Resolution("always", nil, timer.Within(4*time.Hour))
	v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		CustomerBy: "category", Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)
	short := calendar.Definition{Name: "always", Zone: "UTC", Until: "2026-03-04", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}
	c, err := f.ServiceLevels.Calendars.Draft(ctx, boss, sla.CalendarDraft{Family: short.Name, Set: sla.Calendar{Definition: short}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Calendars.Activate(ctx, boss, c.ID, itsm.Command{})
	require.NoError(t, err)

	log := func() itsm.ID {
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa", Category: "audio"})
		require.NoError(t, err, "who reports it is not held up")
		return i.ID
	}
	log() // is due well before
	f.at(t, 37*time.Hour)
	lost := []itsm.ID{log()} // two hours before the end
	f.at(t, 60*time.Hour)
	lost = append(lost, log())
	f.at(t, 300*time.Hour)

	find := func() (with []itsm.ID) {
		for h, err := range storage.Pages(storage.Query[sla.TimerHead]{Where: sla.ByDue.IsNull()}, func(q storage.Query[sla.TimerHead]) (storage.Page[sla.TimerHead], error) {
			return f.ServiceLevels.List(ctx, boss, sla.Query{Where: q.Where, After: q.After})
		}) {
			require.NoError(t, err)
			s, err := f.ServiceLevels.Get(ctx, boss, h.ID)
			require.NoError(t, err)
			require.Contains(t, s.Fault, "horizon")
			require.Zero(t, h.Breaches)
			with = append(with, h.Subject)
		}
		return with
	}
	require.ElementsMatch(t, lost, find())

	f.always(t)
	changed := map[itsm.ID]bool{}
	for c, err := range f.ServiceLevels.RebaseAll(ctx, boss, sla.ByPolicy.Is("gold"), sla.Rebasing{Command: itsm.Command{Reason: "The calendar goes on"}}) {
		require.NoError(t, err)
		changed[c.Subject.ID] = c.Changed
	}
	require.Len(t, changed, 3)
	require.Empty(t, find())
	f.at(t, 301*time.Hour)
	for _, id := range lost {
		require.True(t, changed[id])
		timers, err := f.ServiceLevels.Of(ctx, boss, itsm.Ref{Kind: incident.Kind, ID: id})
		require.NoError(t, err)
		require.Equal(t, []string{"breached", "audio", "2026-03"}, []string{string(timers[0].TimerHead.Outcome), timers[0].Customer, timers[0].Month})
		require.Len(t, timers[0].Told, 1, "the breach is told by the next Tick")
	}
}
