// This file holds when a message may come, by the clock on the wall of its reader.

package notify

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm/directory"
)

// quietUntil gives the first instant, from the given one on, that is not within the quiet hours by
// the clock of its location. ok is false where there is none.
func quietUntil(quiet directory.Hours, at time.Time) (next time.Time, ok bool) {
	if len(quiet) == 0 {
		return at, true
	}
	limit := at.Add(15 * 24 * time.Hour) // past a whole week, and what a change of the clock adds
	for at.Before(limit) {
		if !quiet.Within(at) {
			return at, true
		}
		// Where the zone's offset stays the clock runs evenly, and quiet ends where a window does.
		end := nextEnd(quiet, at)
		if _, change := at.ZoneBounds(); change.After(at) && change.Before(end) { // not so on the last day of a leap year to come
			end = change.In(at.Location())
		}
		at = end
	}
	return time.Time{}, false
}

// nextEnd gives the first end of a window after the instant, as if the zone's offset stayed.
func nextEnd(quiet directory.Hours, at time.Time) (next time.Time) {
	_, offset := at.Zone()
	wall := at.In(time.FixedZone("", offset))
	for _, w := range quiet {
		day := int(w.Day)
		if w.To <= w.From {
			day++ // it ends on the day after
		}
		days := (day - int(wall.Weekday()) + 14) % 7
		end := time.Date(wall.Year(), wall.Month(), wall.Day()+days, 0, w.To, 0, 0, wall.Location())
		if !end.After(wall) {
			end = end.AddDate(0, 0, 7)
		}
		if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next.In(at.Location())
}

// nextHour gives the next full hour of the clock, after the instant.
func nextHour(at time.Time) time.Time {
	_, offset := at.Zone()
	shift := time.Duration(offset) * time.Second
	return at.UTC().Add(shift).Truncate(time.Hour).Add(time.Hour - shift)
}

// nextDaily gives the next instant, after the given one, at which the clock of its location shows a
// time of the day.
func nextDaily(at time.Time, clock string) time.Time {
	shows, err := time.Parse("15:04", clock)
	if err != nil {
		shows, _ = time.Parse("15:04", DefaultDigestTime)
	}
	for days := 0; ; days++ {
		if t := wallTime(at, days, shows.Hour(), shows.Minute()); t.After(at) {
			return t
		}
	}
}

// wallTime gives the first instant at which the clock shows the time on the day that is so many days
// after that of the instant; where the clock skips it, the instant at which it does.
func wallTime(at time.Time, days, hour, minute int) time.Time {
	wall := time.Date(at.Year(), at.Month(), at.Day()+days, hour, minute, 0, 0, time.UTC)
	// The offset of the time is that which the zone has a day before, or that of a day after.
	_, before := wall.AddDate(0, 0, -1).In(at.Location()).Zone()
	_, after := wall.AddDate(0, 0, 1).In(at.Location()).Zone()
	first := wall.Add(-time.Duration(max(before, after)) * time.Second).In(at.Location())
	second := wall.Add(-time.Duration(min(before, after)) * time.Second).In(at.Location())
	for _, t := range []time.Time{first, second} {
		if t.Day() == wall.Day() && t.Hour() == hour && t.Minute() == minute {
			return t
		}
	}
	_, skipped := first.ZoneBounds()
	return skipped.In(at.Location())
}

// when gives when a message that is made at an instant may be sent to its reader at the earliest, and
// whether it waits for a digest.
func when(at time.Time, wait time.Duration, urgent bool, c Choice, p *Preferences, reader *directory.Person) (due time.Time, digest bool) {
	due = at.Add(wait)
	if urgent {
		return due.UTC(), false
	}
	zone, err := time.LoadLocation(reader.Zone)
	if err != nil {
		zone = time.UTC // a zone that this machine does not know must not keep a message back
	}
	due = due.In(zone)
	switch c.Digest {
	case DigestHourly:
		due, digest = nextHour(due).In(zone), true
	case DigestDaily:
		due, digest = nextDaily(due, c.At), true
	}
	// Quiet hours and working hours take turns until an instant is neither in the one nor out of the
	// other; where there is none, the quiet hours hold.
	for range 100 {
		quiet, ok := quietUntil(p.Quiet, due)
		if !ok {
			break
		}
		if due = quiet; !p.WorkingHoursOnly {
			break
		}
		works, ok := reader.Hours.Next(due)
		if !ok || works.Equal(due) {
			break
		}
		due = works
	}
	return due.UTC(), digest
}
