package enginetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// BenchmarkLogOnADesk logs incidents on a desk: ones that stay with it, ones that are logged for a
// group, and ones that a rule gives to that group of ten. What routing adds to logging for a group is
// the difference of the last two: the record and its events are the same.
func BenchmarkLogOnADesk(b *testing.B) {
	for _, e := range engines {
		for _, c := range []struct {
			name   string
			report itsmincident.Report
			group  itsm.ID
			rules  bool
		}{
			{"logged", itsmincident.Report{}, "", false},
			{"logged for a group", itsmincident.Report{Group: "network"}, "network", false},
			{"routed to a group", itsmincident.Report{Category: "network"}, "network", true},
		} {
			b.Run(e.name+"/"+c.name, func(b *testing.B) {
				store, _ := e.store(b, sqlstore.Options{})
				desk, err := servicedesk.New(store, servicedesk.Config{})
				require.NoError(b, err)
				require.NoError(b, desk.Migrate(b.Context()))
				boss := itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
				if c.rules {
					staffNetwork(b, desk, boss)
				}
				report := c.report
				report.Title, report.Requester = "The VPN is down", "rosa"
				b.ResetTimer()
				for b.Loop() {
					logged, err := desk.Incidents.Log(b.Context(), boss, report)
					if err != nil || logged.Group != c.group {
						b.Fatal(logged.Group, err)
					}
				}
			})
		}
	}
}

// staffNetwork makes a group of ten and the rule that sends it what concerns the network.
func staffNetwork(tb testing.TB, desk *servicedesk.Desk, boss itsm.Actor) {
	tb.Helper()
	ctx := context.Background()
	var members []itsm.ID
	for n := range 10 {
		id := itsm.ID(fmt.Sprintf("n%d", n))
		_, err := desk.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: id, Name: "N"})
		require.NoError(tb, err)
		members = append(members, id)
	}
	_, err := desk.Directory.AddGroup(ctx, boss, directory.NewGroup{ID: "network", Name: "Network"})
	require.NoError(tb, err)
	_, err = desk.Directory.ChangeMembers(ctx, boss, "network", directory.MemberChange{Add: members})
	require.NoError(tb, err)
	rules, err := routing.Parse([]byte(`{"rules": [{"name": "network", "group": "network",
		"when": {"op": "equal", "column": "category", "values": ["network"]}}]}`))
	require.NoError(tb, err)
	draft, err := desk.Routing.Draft(ctx, boss, routing.Draft{Family: itsmincident.Kind, Set: rules})
	require.NoError(tb, err)
	_, err = desk.Routing.Activate(ctx, boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(tb, err)
}
