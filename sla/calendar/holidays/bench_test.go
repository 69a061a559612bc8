// This file compares the speed of the arithmetic with rickar/cal's, in one run: New York, Monday to Friday from 9 to
// 17, with the federal holidays.

package holidays_test

import (
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/us"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/calendar/holidays"
)

func ours(tb testing.TB) *calendar.Calendar {
	d := calendar.Definition{Name: "office", Zone: "America/New_York", Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}
	d, err := holidays.Add(d, "US", 2020, 2044)
	require.NoError(tb, err)
	c, err := calendar.Compile(d, calendar.Options{})
	require.NoError(tb, err)
	return c
}

func theirs(cached bool) *cal.BusinessCalendar {
	c := cal.NewBusinessCalendar()
	c.Cacheable = cached
	c.AddHoliday(us.Holidays...)
	return c
}

var sizes = []struct {
	name  string
	hours int
}{{"1h", 1}, {"8h", 8}, {"40h", 40}, {"90d", 504}, {"1y", 2000}, {"10y", 20_000}}

func start(tb testing.TB) time.Time {
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(tb, err)
	return time.Date(2021, 3, 3, 10, 20, 30, 0, zone)
}

func addOurs(c *calendar.Calendar, from time.Time, d time.Duration) func(b *testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Add(from, d); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func addTheirs(c *cal.BusinessCalendar, from time.Time, d time.Duration) func(b *testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.AddWorkHours(from, d)
		}
	}
}

// BenchmarkAdd shows both sides in one run, so that what else the machine does falls on both.
func BenchmarkAdd(b *testing.B) {
	from := start(b)
	mine, plain, cached := ours(b), theirs(false), theirs(true)
	for _, s := range sizes {
		d := time.Duration(s.hours) * time.Hour
		b.Run("itsmkit/"+s.name, addOurs(mine, from, d))
		b.Run("rickar/"+s.name, addTheirs(plain, from, d))
		b.Run("rickar cached/"+s.name, addTheirs(cached, from, d))
	}
}
