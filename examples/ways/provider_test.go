package ways_test

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func Example_provider() {
	ctx := context.Background()
	e, _ := engine.New(memory.New(), engine.Options{})
	incidents, _ := incident.New(e, incident.Options{})

	// README:provider
	tara := itsm.Actor{Tenant: "provider", ID: "tara", Elsewhere: map[storage.Tenant]itsm.Membership{
		"acme":   {Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}},
		"globex": {Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}},
	}}
	for _, customer := range []storage.Tenant{"acme", "globex"} {
		_, err := incidents.Log(ctx, tara.In(customer), incident.Report{Title: "Mail is slow", Requester: "rosa"})
		if err != nil {
			fmt.Println(err)
		}
	}
	queue, _ := incidents.List(ctx, tara, incident.Query{Tenants: []storage.Tenant{"acme", "globex"}})
	for _, h := range queue.Items {
		full, err := incidents.Get(ctx, tara.In(h.Tenant), h.ID)
		fmt.Println(h.Tenant, full.Number, full.Title, err)
	}
	_, err := incidents.Get(ctx, tara.In("acme"), queue.Items[1].ID) // it is globex's
	fmt.Println(err != nil)
	// README:end

	// Unordered output:
	// acme INC0000001 Mail is slow <nil>
	// globex INC0000001 Mail is slow <nil>
	// true
}
