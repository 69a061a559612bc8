package enginetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// measure has a policy with two targets, and thresholds, hold.
func measure(tb testing.TB, levels *sla.Practice, boss itsm.Actor) {
	tb.Helper()
	ctx := context.Background()
	office := calendar.Definition{Name: "office", Zone: "Europe/London", Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}
	c, err := levels.Calendars.Draft(ctx, boss, sla.CalendarDraft{Family: "office", Set: sla.Calendar{Definition: office}})
	require.NoError(tb, err)
	_, err = levels.Calendars.Activate(ctx, boss, c.ID, itsm.Command{})
	require.NoError(tb, err)
	resolution := timer.Resolution("office", []string{"caller"}, timer.ForPriority(1, 4*time.Hour), timer.ForPriority(2, 8*time.Hour), timer.Within(40*time.Hour))
	resolution.Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}, {Name: "most", Share: timer.Percent(75)}}
	p, err := levels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{Policy: timer.Policy{
		Name: "gold", Kind: itsmincident.Kind, Targets: []timer.Target{timer.Response("office", nil, timer.Within(8*time.Hour)), resolution}}}})
	require.NoError(tb, err)
	_, err = levels.Policies.Activate(ctx, boss, p.ID, itsm.Command{})
	require.NoError(tb, err)
}

// BenchmarkAttachTimers logs incidents on two desks that take turns: one without policies of service levels, and one with a
// policy that attaches two timers to each in the transaction that logs it. The job for their first threshold follows by
// the delivery that both desks write, and is not in it.
func BenchmarkAttachTimers(b *testing.B) {
	boss := itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	for _, g := range []ground{{name: "memory"}, sqliteFull, sqliteNormal, durable} {
		b.Run(g.name, func(b *testing.B) {
			names := []string{"logged", "measured"}
			sides := make([]side, len(names))
			for n, store := range g.stores(b, len(names)) {
				desk, err := servicedesk.New(store, servicedesk.Config{})
				require.NoError(b, err)
				require.NoError(b, desk.Migrate(b.Context()))
				if n == 1 {
					measure(b, desk.ServiceLevels, boss)
				}
				report := itsmincident.Report{Title: "The VPN is down", Description: description, Requester: "rosa", Category: "network"}
				sides[n] = side{name: names[n], do: func(ctx context.Context, _ int) error {
					_, err := desk.Incidents.Log(ctx, boss, report)
					return err
				}}
				logged, err := desk.Incidents.Log(b.Context(), boss, report)
				require.NoError(b, err)
				timers, err := desk.ServiceLevels.Of(b.Context(), boss, itsm.Ref{Kind: itsmincident.Kind, ID: logged.ID})
				require.NoError(b, err)
				require.Len(b, timers, 2*n)
			}
			took := inTurn(b, 1, 10, sides...)
			for k, s := range sides {
				b.ReportMetric(1e6*median(took[k]), s.name+"-µs")
			}
			b.ReportMetric(median(ratios([][]float64{took[1], took[0]})), "measured/logged")
		})
	}
}
