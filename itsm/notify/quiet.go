// This file holds when a message may come, by the clock on the wall of its reader.

package notify

import (
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
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
		if change := wall.Stays(at); !change.IsZero() && change.Before(end) {
			end = change.In(at.Location())
		}
		at = end
	}
	return time.Time{}, false
}

// nextEnd gives the first end of a window after the instant, as if the zone's offset stayed.
func nextEnd(quiet directory.Hours, at time.Time) (next time.Time) {
	_, offset := at.Zone()
	local := at.In(time.FixedZone("", offset))
	for _, w := range quiet {
		day := int(w.Day)
		if w.To <= w.From {
			day++ // it ends on the day after
		}
		days := (day - int(local.Weekday()) + 14) % 7
		end := time.Date(local.Year(), local.Month(), local.Day()+days, 0, w.To, 0, 0, local.Location())
		if !end.After(local) {
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
	// Where the clock skips the time, it is the instant at which it does; where it has it twice, the first.
	zone := wall.Clock{Location: at.Location()}
	for day := time.Date(at.Year(), at.Month(), at.Day(), shows.Hour(), shows.Minute(), 0, 0, time.UTC); ; day = day.AddDate(0, 0, 1) {
		if t := zone.First(day.Unix()); t.After(at) {
			return t.In(at.Location())
		}
	}
}

// when gives when a message that is made at an instant may be sent to its reader at the earliest, and
// whether it waits for a digest. quiet is how long of that it waits for the reader's own hours: what a
// person looks up in the program disturbs nobody, and waits for none.
func when(at time.Time, wait time.Duration, urgent bool, channel Channel, c Choice, p *Preferences, reader *directory.Person) (due time.Time, digest bool, quiet time.Duration) {
	due = at.Add(wait)
	if urgent {
		return due.UTC(), false, 0
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
	if channel == ChannelInApp {
		return due.UTC(), digest, 0
	}
	wanted := due
	// Quiet hours and working hours take turns until an instant is neither in the one nor out of the
	// other; where there is none, the quiet hours hold.
	for range 100 {
		end, ok := quietUntil(p.Quiet, due)
		if !ok {
			break
		}
		if due = end; !p.WorkingHoursOnly {
			break
		}
		works, ok := reader.Hours.Next(due)
		if !ok || works.Equal(due) {
			break
		}
		due = works
	}
	return due.UTC(), digest, due.Sub(wanted)
}
