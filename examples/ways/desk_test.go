package ways_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func Example_wholeDesk() {
	// README:desk
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	incidents, _ := incident.New(e, incident.Options{AutoClose: 3 * 24 * time.Hour})
	_ = e.Use(engine.Module{
		Name: "desk",
		// In the transaction of the command: an error here undoes it.
		Reactions: []engine.Reaction{engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, logged incident.Logged) error {
			if logged.Priority > itsm.PriorityCritical {
				return nil
			}
			_, err := incidents.In(u.Store()).Assign(ctx, u.System("routing"), e.Record, incident.Assignment{Group: "first-responders"})
			return err
		})},
		// After the commit: at least once, in order for each incident.
		Subscribers: []engine.Subscriber{{Name: "mail", Deliver: func(_ context.Context, e itsm.Event) error {
			fmt.Println(e.At.Format("Mon 15:04"), e.Type, "by", e.Actor)
			return nil
		}}},
	})

	agent := itsm.Actor{Tenant: "acme", ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	inc, _ := incidents.Log(ctx, agent, incident.Report{Title: "Nobody can log in", Requester: "rosa", Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh})
	_, _ = incidents.Resolve(ctx, agent, inc.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Certificate renewed"})

	_, _ = e.Tick(ctx, now)                    // e.Run(ctx, nil) in a server
	now = now.AddDate(0, 0, 3)                 // three days in no time
	ran, _ := e.Tick(ctx, now)                 // closes what was due, and tells of it
	inc, _ = incidents.Get(ctx, agent, inc.ID) // as it is now
	fmt.Println(inc.Number, inc.State, ran.Jobs)
	// README:end

	// Output:
	// Mon 09:00 incident.logged.v1 by ada
	// Mon 09:00 incident.assigned.v1 by system:routing
	// Mon 09:00 incident.resolved.v1 by ada
	// Thu 09:00 incident.closed.v1 by system:incident.auto_close
	// INC0000001 closed 1
}
