package servicedesk_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A desk needs a store and nothing else. Here it has a clock that stands still, a group, and a rule
// that sends it what concerns the network.
func ExampleNew() {
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	desk, err := servicedesk.New(memory.New(), servicedesk.Config{
		Engine: engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("id-")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	boss := itsm.Actor{Tenant: "acme", ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	_, _ = desk.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "ned", Name: "Ned"})
	_, _ = desk.Directory.AddGroup(ctx, boss, directory.NewGroup{ID: "network", Name: "Network"})
	_, _ = desk.Directory.ChangeMembers(ctx, boss, "network", directory.MemberChange{Add: []itsm.ID{"ned"}})
	rules, err := routing.Parse([]byte(`{"rules": [{"name": "network", "group": "network",
		"when": {"op": "equal", "column": "category", "values": ["network"]}, "person": {"method": "least_load"}}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	draft, err := desk.Routing.Draft(ctx, boss, routing.Draft{Family: incident.Kind, Set: rules})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = desk.Routing.Activate(ctx, boss, draft.ID, itsm.Command{Reason: "First rules"})

	ada := itsm.Actor{Tenant: "acme", ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	logged, err := desk.Incidents.Log(ctx, ada, incident.Report{Title: "The VPN is down", Requester: "rosa", Category: "network"})
	fmt.Println(logged.Number, logged.State, logged.Group, logged.Assignee, err)

	// Output: INC0000001 assigned network ned <nil>
}
