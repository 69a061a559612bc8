package servicedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// A desk has no policies of its own; with one, incidents are measured by the hours of their requester's site, and the
// requester sees how they stand.
func TestL7IncidentsAreMeasuredByTheHoursOfTheRequestersSite(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	_, err := f.Directory.AddSite(ctx, boss, directory.NewSite{ID: "tokyo", Name: "Tokyo"})
	require.NoError(t, err)
	_, err = f.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "rosa", Name: "Rosa", Site: "tokyo"})
	require.NoError(t, err)
	_, err = f.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "ned", Name: "Ned"})
	require.NoError(t, err)
	log := func(requester itsm.ID) itsm.Ref {
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: requester})
		require.NoError(t, err)
		return itsm.Ref{Kind: incident.Kind, ID: i.ID}
	}
	timers, err := f.ServiceLevels.Of(ctx, ada, log("rosa"))
	require.NoError(t, err)
	require.Empty(t, timers)

	for name, zone := range map[string]string{"tokyo": "Asia/Tokyo", "desk": "Europe/London"} {
		d := calendar.Definition{Name: name, Zone: zone, Hours: []calendar.Hours{{From: "09:00", To: "17:00"}}}
		v, err := f.ServiceLevels.Calendars.Draft(ctx, boss, sla.CalendarDraft{Family: name, Set: sla.Calendar{Definition: d}})
		require.NoError(t, err)
		_, err = f.ServiceLevels.Calendars.Activate(ctx, boss, v.ID, itsm.Command{})
		require.NoError(t, err)
	}
	target := timer.Response("desk", nil, timer.Within(time.Hour))
	target.CalendarBy = "requester.site"
	v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		CustomerBy: "requester.site", Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)

	of := log("rosa")
	timers, err = f.ServiceLevels.Of(ctx, rosa, of)
	require.NoError(t, err)
	require.Len(t, timers, 1)
	tokyo := time.FixedZone("JST", 9*3600)
	require.Equal(t, 10, timers[0].Due.In(tokyo).Hour(), "the first hour of the next morning there")
	require.Equal(t, "tokyo", timers[0].Customer)
	timers, err = f.ServiceLevels.Of(ctx, ada, log("ned"))
	require.NoError(t, err)
	require.Equal(t, f.now.Add(time.Hour), timers[0].Due, "by those of the desk for one without a site")
	// Another who may not read the incident does not see it, here and through the desk.
	timers, err = f.ServiceLevels.Of(ctx, itsm.Actor{Tenant: rosa.Tenant, ID: "rob", Roles: rosa.Roles}, of)
	require.NoError(t, err)
	require.Empty(t, timers)
}
