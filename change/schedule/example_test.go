package schedule_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func ExamplePractice_Book() {
	ctx, now := context.Background(), time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	changes, err := schedule.New(e, schedule.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	evening := calendar.Span{Begin: now.Add(9 * time.Hour), End: now.Add(12 * time.Hour)}

	// A freeze, and a change on the mail relay. Package change books its changes itself; a desk with change records of its own does it
	// in the unit of the command that plans one.
	_, err = changes.DefineWindow(ctx, mona, schedule.WindowDefinition{Window: calendar.Window{
		Kind: calendar.WindowFreeze, Name: "Quarter end", Scope: calendar.Scope{All: true},
		Once: &calendar.Span{Begin: now.Add(11 * time.Hour), End: now.Add(48 * time.Hour)},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range []itsm.ID{"CHG-1", "CHG-2"} {
		err := e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			_, err := changes.Book(ctx, u, schedule.Entry{Booking: calendar.Booking{Change: id, Planned: evening,
				CIs: []calendar.CI{{ID: "relay", Relation: calendar.RelationOwn}}}})
			return err
		})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	conflicts, err := changes.Conflicts(ctx, mona, "CHG-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range conflicts {
		fmt.Println(c.Kind, "from", c.Span.Begin.Format(time.TimeOnly), "-", c.Why)
	}
	free, err := changes.Slots(ctx, mona, calendar.Booking{Change: "CHG-1", CIs: []calendar.CI{{ID: "relay", Relation: calendar.RelationOwn}}},
		calendar.SlotQuery{Length: 2 * time.Hour, From: evening.Begin, Until: evening.Begin.AddDate(0, 0, 7)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("free:", free.Slots[0].Planned)
	// Output:
	// freeze from 20:00:00 - the freeze "Quarter end" covers this change
	// same_ci from 18:00:00 - both work on CI relay
	// free: 2026-06-03 09:00:00 to 2026-06-03 11:00:00 UTC
}
