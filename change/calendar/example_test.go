package calendar_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

func Example() {
	day := time.Date(2026, 6, 6, 0, 0, 0, 0, time.UTC) // a Saturday
	hours := func(from, to int) calendar.Span {
		return calendar.Span{Begin: day.Add(time.Duration(from) * time.Hour), End: day.Add(time.Duration(to) * time.Hour)}
	}
	booked := calendar.Booking{Change: "CHG-1", Planned: hours(1, 5), CIs: []calendar.CI{
		{ID: "database", Relation: calendar.RelationOwn},
		{ID: "shop", Relation: calendar.RelationImpacted, Via: "database"},
	}}
	nights := calendar.Window{ID: "nights", Kind: calendar.WindowMaintenance, Name: "Weekend nights", Scope: calendar.Scope{CIs: []itsm.ID{"shop"}},
		Rule: &rrule.Rule{Zone: "Europe/Vienna", Start: "2026-01-03T00:00:00", RRule: "FREQ=WEEKLY;BYDAY=SA,SU"}, Duration: "PT8H"}
	schedule, err := nights.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	index, err := calendar.NewIndex([]calendar.Booking{booked}, []*calendar.Schedule{schedule})
	if err != nil {
		fmt.Println(err)
		return
	}
	release := calendar.Booking{Change: "CHG-2", Planned: hours(4, 7), CIs: []calendar.CI{{ID: "shop", Relation: calendar.RelationOwn}}}
	conflicts, err := index.Conflicts(release)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range conflicts {
		fmt.Println(c.Kind, c.Other.ID, "from", c.Span)
		fmt.Println("  ", c.Why)
	}
	free, err := index.Slots(release, calendar.SlotQuery{From: day, Until: day.AddDate(0, 1, 0), Count: 2, Step: 15 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range free.Slots {
		fmt.Println("free:", s.Planned)
	}
	// Output:
	// outside_maintenance nights from 2026-06-06 06:00:00 to 2026-06-06 07:00:00 UTC
	//    CI shop is disturbed outside its maintenance windows ("Weekend nights")
	// upstream CHG-1 from 2026-06-06 04:00:00 to 2026-06-06 05:00:00 UTC
	//    the other's work on CI database disturbs CI shop, on which this change works
	// free: 2026-06-06 22:00:00 to 2026-06-07 01:00:00 UTC
	// free: 2026-06-07 01:00:00 to 2026-06-07 04:00:00 UTC
}

func ExampleParseWindow() {
	w, err := calendar.ParseWindow([]byte(`{"id": "year-end", "kind": "freeze", "name": "Year end", "reason": "the books close",
		"scope": {"models": ["normal"]}, "override": ["change_authority"],
		"rule": {"zone": "Europe/Vienna", "start": "2026-12-20T00:00:00", "rrule": "FREQ=YEARLY"}, "duration": "P16D"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	s, _ := w.Compile()
	now, frozen := s.At(time.Date(2027, 12, 24, 12, 0, 0, 0, time.UTC))
	fmt.Println(frozen, now)
	// Output:
	// true 2027-12-19 23:00:00 to 2028-01-04 23:00:00 UTC
}

func ExampleWriteICalendar() {
	w := calendar.Window{ID: "sunday", Kind: calendar.WindowMaintenance, Name: "Sunday morning", Scope: calendar.Scope{Services: []itsm.ID{"shop"}},
		Rule: &rrule.Rule{Start: "2026-01-04T02:00:00", RRule: "FREQ=WEEKLY;BYDAY=SU", Except: []string{"2026-01-11"}}, Duration: "PT4H"}
	var text strings.Builder
	err := calendar.WriteICalendar(&text, calendar.Export{Name: "Shop", Stamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Domain: "example.com"},
		[]calendar.Event{calendar.EventOf(w)})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Fprint(os.Stdout, strings.ReplaceAll(text.String(), "\r\n", "\n"))
	// Output:
	// BEGIN:VCALENDAR
	// PRODID:-//itsmkit//change calendar//EN
	// VERSION:2.0
	// X-WR-CALNAME:Shop
	// BEGIN:VEVENT
	// CATEGORIES:maintenance
	// DTSTAMP:20260101T000000Z
	// DTSTART:20260104T020000Z
	// DURATION:PT4H0M0S
	// EXDATE:20260111T020000Z
	// RRULE:FREQ=WEEKLY;BYDAY=SU
	// SEQUENCE:0
	// STATUS:CONFIRMED
	// SUMMARY:Sunday morning
	// TRANSP:TRANSPARENT
	// UID:maintenance-sunday@example.com
	// END:VEVENT
	// END:VCALENDAR
}
