package rrule_test

import (
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

func ExampleRule_Compile() {
	c, err := rrule.Rule{
		Zone: "Europe/Vienna", Start: "2026-01-01T09:00:00", RRule: "FREQ=MONTHLY;BYDAY=-1FR", Except: []string{"2026-12-25"},
	}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, at := range c.Next(time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC), 3) {
		fmt.Println(at)
	}
	fmt.Println("left out:", c.Excepted())
	// Output:
	// 2026-10-30 08:00:00 +0000 UTC
	// 2026-11-27 08:00:00 +0000 UTC
	// 2027-01-29 08:00:00 +0000 UTC
	// left out: [2026-12-25 09:00:00 +0000 UTC]
}
