package recurrence_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func ExamplePractice_Define() {
	ctx, now := context.Background(), time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	schedules, err := recurrence.New(e, recurrence.Options{Handlers: map[string]recurrence.Handler{
		// A desk would log an incident by a template here: incidents.In(u.Store()).Log(…).
		"print": {Do: func(_ context.Context, _ *engine.Unit, o recurrence.Occurrence) error {
			fmt.Println(o.Number, o.Title, o.At.Format(time.RFC3339), string(o.Data))
			return nil
		}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
	_, err = schedules.Define(ctx, mona, recurrence.Definition{
		Title: "Check the backups", Handler: "print", Data: []byte(`{"template":"backup"}`),
		Rule: recurrence.Rule{Zone: "Europe/Vienna", Start: "2026-03-01T09:00:00", RRule: "FREQ=DAILY;COUNT=30"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		now = now.Add(24 * time.Hour)
		if _, err := e.Tick(ctx, now); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 1 Check the backups 2026-03-28T08:00:00Z {"template":"backup"}
	// 2 Check the backups 2026-03-29T07:00:00Z {"template":"backup"}
	// 3 Check the backups 2026-03-30T07:00:00Z {"template":"backup"}
}
