package icalendar_test

import (
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/calendar/icalendar"
)

func ExampleReadHolidays() {
	file := strings.NewReader(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Town Hall//EN
BEGIN:VEVENT
UID:1@example.com
SUMMARY:Spring Fair
DTSTART;VALUE=DATE:20240506
DTEND;VALUE=DATE:20240508
RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=1MO
EXDATE;VALUE=DATE:20270503
END:VEVENT
END:VCALENDAR
`)
	read, err := icalendar.ReadHolidays(file, icalendar.Options{Zone: "Europe/Dublin", From: "2026-01-01", Until: "2029-01-01"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range read.Holidays {
		fmt.Println(h.Name, h.Date, "to", h.To)
	}
	// Output:
	// Spring Fair 2026-05-04 to 2026-05-05
	// Spring Fair 2028-05-01 to 2028-05-02
}

func ExampleWriteHolidays() {
	d := calendar.Definition{Name: "desk", Zone: "Europe/Dublin", Holidays: []calendar.Holiday{{Name: "Christmas", Every: &calendar.Yearly{Day: "12-25", To: "12-26"}}}}
	var file strings.Builder
	err := icalendar.WriteHolidays(&file, d, icalendar.Export{From: "2026-01-01", Until: "2027-01-01", Stamp: stamp, Domain: "example.com"})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(strings.ReplaceAll(file.String(), "\r\n", "\n"))
	// Output:
	// BEGIN:VCALENDAR
	// PRODID:-//itsmkit//calendar//EN
	// VERSION:2.0
	// X-WR-CALNAME:desk
	// BEGIN:VEVENT
	// DTEND;VALUE=DATE:20261227
	// DTSTAMP:20260101T000000Z
	// DTSTART;VALUE=DATE:20261225
	// SUMMARY:Christmas
	// TRANSP:TRANSPARENT
	// UID:holiday-20261225-0@example.com
	// END:VEVENT
	// END:VCALENDAR
}
