package calendar_test

import (
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/sla/calendar"
)

// desk is the calendar of docs/calendar.md.
const desk = `{
  "name": "desk", "zone": "Europe/Berlin",
  "hours": [
    {"days": ["monday", "tuesday", "wednesday", "thursday", "friday"], "from": "08:00", "to": "18:00"},
    {"days": ["saturday"], "from": "22:00", "to": "02:00"}
  ],
  "breaks": [{"days": ["monday", "tuesday", "wednesday", "thursday", "friday"], "from": "12:00", "to": "12:30"}],
  "holidays": [
    {"name": "Good Friday", "every": {"easter": -2}},
    {"name": "Easter Monday", "every": {"easter": 1}},
    {"name": "Winter closing", "every": {"day": "12-24", "to": "01-02"}}
  ],
  "overrides": [
    {"name": "Stocktaking", "date": "2026-03-31", "hours": [{"from": "08:00", "to": "11:00"}]}
  ]
}`

func ExampleCompile() {
	definition, err := calendar.Parse([]byte(desk))
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := calendar.Compile(definition, calendar.Options{})
	if err != nil {
		fmt.Println(err) // names all that is wrong
		return
	}
	friday := time.Date(2026, 3, 27, 15, 0, 0, 0, time.UTC) // 16:00 in Berlin
	due, _ := c.Add(friday, 8*time.Hour)
	fmt.Println(due.In(c.Zone()).Format("Mon 2006-01-02 15:04"))
	open, _ := c.Between(friday, due)
	fmt.Println(open)
	// Output:
	// Mon 2026-03-30 10:00
	// 8h0m0s
}

func ExampleCalendar_Week() {
	definition, _ := calendar.Parse([]byte(desk))
	c, _ := calendar.Compile(definition, calendar.Options{})
	week, _ := c.Week(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	fmt.Print(week)
	// Output:
	// desk, Europe/Berlin
	//                0     3     6     9     12    15    18    21    24
	// Sat 2026-03-28 ............................................#### 2h
	// Sun 2026-03-29 ####  .......................................... 2h  (23h day)
	// Mon 2026-03-30 ................########.###########............ 9h30m
	// Tue 2026-03-31 ................######.......................... 3h  Stocktaking
	// Wed 2026-04-01 ................########.###########............ 9h30m
	// Thu 2026-04-02 ................########.###########............ 9h30m
	// Fri 2026-04-03 ................................................ Good Friday
}

func ExampleCalendar_Month() {
	definition, _ := calendar.Parse([]byte(desk))
	c, _ := calendar.Compile(definition, calendar.Options{})
	month, _ := c.Month(time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC))
	fmt.Print(month)
	// Output:
	// desk, April 2026, Europe/Berlin
	// Mon        Tue        Wed        Thu        Fri        Sat        Sun
	//                       01 9h30m   02 9h30m   03*-       04 2h      05 2h
	// 06*-       07 9h30m   08 9h30m   09 9h30m   10 9h30m   11 2h      12 2h
	// 13 9h30m   14 9h30m   15 9h30m   16 9h30m   17 9h30m   18 2h      19 2h
	// 20 9h30m   21 9h30m   22 9h30m   23 9h30m   24 9h30m   25 2h      26 2h
	// 27 9h30m   28 9h30m   29 9h30m   30 9h30m
	// 03 Fri Good Friday
	// 06 Mon Easter Monday
}

func ExampleCalendar_Segments() {
	definition, _ := calendar.Parse([]byte(desk))
	c, _ := calendar.Compile(definition, calendar.Options{})
	segments, err := c.Segments(time.Date(2026, 4, 2, 10, 0, 0, 0, time.UTC), time.Date(2026, 4, 3, 10, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	for s := range segments {
		fmt.Printf("%s %v %s %q\n", s.From.In(c.Zone()).Format("Mon 15:04"), s.To.Sub(s.From), s.Reason, s.Name)
	}
	// Output:
	// Thu 12:00 30m0s break ""
	// Thu 12:30 5h30m0s open ""
	// Thu 18:00 14h0m0s closed ""
	// Fri 08:00 4h0m0s holiday "Good Friday"
}

func ExampleCalendar_WorkingDays() {
	definition, _ := calendar.Parse([]byte(desk))
	c, _ := calendar.Compile(definition, calendar.Options{})
	thursday := time.Date(2026, 4, 2, 14, 0, 0, 0, time.UTC)
	for _, at := range []calendar.TimeOfDay{calendar.KeepTime, calendar.EndOfDay, "09:00"} {
		due, _ := c.WorkingDays(thursday, 2, at) // Saturday's night shift is one, Easter Monday none
		fmt.Println(due.In(c.Zone()).Format("Mon 2006-01-02 15:04"))
	}
	// Output:
	// Tue 2026-04-07 16:00
	// Tue 2026-04-07 18:00
	// Tue 2026-04-07 09:00
}
