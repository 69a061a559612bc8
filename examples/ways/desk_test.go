package ways_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func Example_wholeDesk() {
	// README:desk
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	var desk *servicedesk.Desk
	desk, _ = servicedesk.New(memory.New(), servicedesk.Config{
		Engine:   engine.Options{Clock: func() time.Time { return now }},
		Incident: incident.Options{AutoClose: 3 * 24 * time.Hour},
		Modules: []engine.Module{{
			Name: "shop",
			// In the transaction of the command: an error here undoes it.
			Reactions: []engine.Reaction{engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, logged incident.Logged) error {
				if logged.Priority > itsm.PriorityCritical {
					return nil
				}
				_, err := desk.Incidents.In(u.Store()).Assign(ctx, u.System("shop"), e.Record, incident.Assignment{Group: "first-responders"})
				return err
			})},
			// After the commit: at least once, in order for each incident.
			Subscribers: []engine.Subscriber{{Name: "mail", Deliver: func(_ context.Context, e itsm.Event) error {
				fmt.Println(e.At.Format("Mon 15:04"), e.Type, "by", e.Actor)
				return nil
			}}},
		}},
	})

	agent := itsm.Actor{Tenant: "acme", ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	inc, _ := desk.Incidents.Log(ctx, agent, incident.Report{Title: "Nobody can log in", Requester: "rosa", Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh})
	_, _ = desk.Incidents.Resolve(ctx, agent, inc.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Certificate renewed"})

	_, _ = desk.Tick(ctx, now)                      // desk.Run(ctx, nil) in a server
	now = now.AddDate(0, 0, 3)                      // three days in no time
	ran, _ := desk.Tick(ctx, now)                   // closes what was due, and tells of it
	inc, _ = desk.Incidents.Get(ctx, agent, inc.ID) // as it is now
	fmt.Println(inc.Number, inc.State, ran.Jobs)
	// README:end

	// Output:
	// Mon 09:00 incident.logged.v1 by ada
	// Mon 09:00 incident.assigned.v1 by system:shop
	// Mon 09:00 incident.resolved.v1 by ada
	// Thu 09:00 incident.closed.v1 by system:incident.auto_close
	// INC0000001 closed 1
}
