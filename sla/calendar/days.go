// This file holds targets in working days.

package calendar

import (
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// TimeOfDay says at which time of its day a target in working days ends: [KeepTime], [EndOfDay], or a
// time like "16:00", "24:00" at most.
type TimeOfDay string

// What is not a time on the clock.
const (
	// KeepTime is the local time of day of the beginning, open or not. A time that the day skips is
	// the first instant after the gap, one that it has twice the first.
	KeepTime TimeOfDay = "keep"
	// EndOfDay is the last closing of the windows that open on the day: for a night shift that is on
	// the next morning.
	EndOfDay TimeOfDay = "end"
)

// Valid says whether it is one of these or a time of day, such as "16:00" or "16:00:30".
func (t TimeOfDay) Valid() bool {
	_, isTime := timeOfDay(string(t))
	return t == KeepTime || t == EndOfDay || isTime
}

// WorkingDays gives the instant n working days after that of t: for 1, on the first working day after
// t's local date, whether that is one itself or not. A negative n counts back. For 0 the day is t's
// date if it is a working day, and otherwise the next; KeepTime then gives t itself. A working day is a date
// on which a window opens that is open at all, and of time from other calendars, a date that
// has some of it.
func (c *Calendar) WorkingDays(t time.Time, n int, at TimeOfDay) (time.Time, error) {
	seconds, _ := timeOfDay(string(at))
	if !at.Valid() {
		return time.Time{}, itsm.Invalid("working days", "at", fmt.Sprintf(`must be %s, %s or a time of day like "16:00"`, KeepTime, EndOfDay))
	}
	if _, _, err := c.at(t); err != nil {
		return time.Time{}, err
	}
	if n == 0 && at == KeepTime {
		return t.UTC(), nil
	}
	_, offset := t.In(c.Zone()).Zone()
	local := t.Unix() + int64(offset)
	day, err := c.workingDay(t, wall.FloorDiv(local, daySeconds), n)
	if err != nil {
		return time.Time{}, err
	}
	if at == EndOfDay {
		return c.endOfDay(day)
	}
	if at == KeepTime {
		seconds = wall.FloorMod(local, daySeconds)
	}
	end := c.rules.zone.First(day*daySeconds + seconds)
	if at == KeepTime {
		end = end.Add(time.Duration(t.Nanosecond()))
	}
	if _, _, err := c.at(end); err != nil {
		return time.Time{}, err
	}
	return end, nil
}

// workingDay gives the day that is n working days from another one, of which t is an instant.
func (c *Calendar) workingDay(t time.Time, day int64, n int) (int64, error) {
	_, table, err := c.at(t)
	for err == nil {
		i := table.workingIndex(day)
		switch {
		case n > len(table.working) || n < -len(table.working):
			i = n
		case n > 0:
			if i < len(table.working) && int64(table.working[i]) == day {
				i++
			}
			i += n - 1
		default:
			i += n
		}
		switch {
		case 0 <= i && i < len(table.working):
			return int64(table.working[i]), nil
		case i >= 0:
			table, err = c.later(table)
		case table.from == c.from:
			return 0, c.horizon()
		default:
			table = c.grow(table.from-1, table.until)
		}
	}
	return 0, err
}

// IsWorkingDay says whether the date is a working day, as [Calendar.WorkingDays] counts them.
func (c *Calendar) IsWorkingDay(d Date) (bool, error) {
	day, ok := d.day()
	if !ok {
		return false, itsm.Invalid("working day", "date", `must be a date like "2026-12-24"`)
	}
	ns, table, err := c.at(c.rules.zone.First(day * daySeconds))
	if err != nil {
		return false, err
	}
	if ns == c.until {
		return false, c.horizon()
	}
	if ns == table.until {
		table = c.grow(ns, ns+1)
	}
	i := table.workingIndex(day)
	return i < len(table.working) && int64(table.working[i]) == day, nil
}

// endOfDay gives the last closing of what opens on a working day.
func (c *Calendar) endOfDay(day int64) (time.Time, error) {
	r := c.rules
	first, last := r.zone.First(day*daySeconds).Unix(), r.zone.First((day+1)*daySeconds).Unix()
	b := build{from: max(first, c.from/second), until: min(last+2*daySeconds, c.until/second)}
	open := b.of(r)
	var of []span
	for d := b.days(r); d.next(); {
		if d.day != day {
			continue
		}
		clock := r.zone.Resolver(b.from, b.until)
		for _, w := range d.hours() {
			of = add(of, clock.First(day*daySeconds+w.open), clock.First(day*daySeconds+w.close))
		}
	}
	if len(r.anyOf) > 0 || !r.own {
		joined := open
		if len(r.anyOf) > 0 {
			joined = b.any(r)
		}
		of = either(of, both(joined, []span{{open: first, close: last}}))
	}
	if of = both(of, open); len(of) == 0 {
		return time.Time{}, c.horizon() // the day's only window begins behind it
	}
	return time.Unix(of[len(of)-1].close, 0).UTC(), nil
}
