// This file holds what people write of days and times: dates, days of the week and times of day.

package calendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
)

// Date is a day of the civil calendar, of no zone: "2026-12-24". Empty is no date. A definition takes
// those of the years [MinYear] to [MaxYear].
type Date string

// The years that a date of a definition, and the horizon of a calendar, may have. The instants between
// them, and the time between any two, fit into Go's nanoseconds.
const (
	MinYear = 1900
	MaxYear = 2150
)

// DateOf gives the date on which the instant is in its own location.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// day gives the days since the first of 1970, which are stepped as in UTC: no zone skips or repeats one.
func (d Date) day() (int64, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil || t.Year() < MinYear || t.Year() > MaxYear {
		return 0, false
	}
	return t.Unix() / daySeconds, true
}

func dateOfDay(day int64) Date { return DateOf(dayTime(day)) }

// MonthDay is a day of every year: "12-24".
type MonthDay string

func (d MonthDay) parse() (month time.Month, day int, ok bool) {
	t, err := time.Parse(time.DateOnly, "2000-"+string(d)) // a leap year
	return t.Month(), t.Day(), err == nil
}

// Weekday is a day of the week by its English name.
type Weekday string

// The days of the week.
const (
	Monday    Weekday = "monday"
	Tuesday   Weekday = "tuesday"
	Wednesday Weekday = "wednesday"
	Thursday  Weekday = "thursday"
	Friday    Weekday = "friday"
	Saturday  Weekday = "saturday"
	Sunday    Weekday = "sunday"
)

// weekdays are in the order of [time.Weekday].
var weekdays = [...]Weekday{Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday}

const weekdayNames = "monday, tuesday, wednesday, thursday, friday, saturday or sunday"

// WeekdayOf gives the name of a day of the week.
func WeekdayOf(d time.Weekday) Weekday { return weekdays[d%7] }

// MondayToFriday gives the five days in their order.
func MondayToFriday() []Weekday { return []Weekday{Monday, Tuesday, Wednesday, Thursday, Friday} }

func (d Weekday) number() (int, bool) {
	for i, name := range weekdays {
		if d == name {
			return i, true
		}
	}
	return 0, false
}

// weekdayOf gives the place in [weekdays] of a day since 1970, which began on a Thursday.
func weekdayOf(day int64) int { return int(wall.FloorMod(day+4, 7)) }

const daySeconds = 24 * 60 * 60

// timeOfDay reads "09:00", "09:00:30" or "24:00" as seconds from the beginning of the day.
func timeOfDay(s string) (int64, bool) {
	layout := "15:04"
	if strings.Count(s, ":") == 2 {
		layout = time.TimeOnly
	}
	if s == "24:00" || s == "24:00:00" {
		return daySeconds, true
	}
	t, err := time.Parse(layout, s)
	if err != nil || len(s) != len(layout) {
		return 0, false
	}
	return int64(t.Hour()*3600 + t.Minute()*60 + t.Second()), true
}

// clock writes seconds from the beginning of a day, of which there may be more than a day has.
func clock(seconds int64) string {
	if seconds > daySeconds {
		return clock(seconds-daySeconds) + " on the next day"
	}
	s := fmt.Sprintf("%02d:%02d", seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		s += fmt.Sprintf(":%02d", seconds%60)
	}
	return s
}

// dayTime gives the beginning of a day as if it were in UTC.
func dayTime(day int64) time.Time { return time.Unix(day*daySeconds, 0).UTC() }
