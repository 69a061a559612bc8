// This file holds the clock on the wall: how an instant and the local time of a zone belong
// together, with the days on which the zone's offset changes.

package oncall

import (
	"time"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
	// monday is the Monday after the first day of 1970, which was a Thursday.
	monday = 4 * day
	// reach is more than any zone has ever been from UTC, and longer than any local time has
	// ever been repeated, in seconds.
	reach = 2 * day
)

// A wall is a clock on the wall of a zone that is never put back: where the zone repeats an hour,
// it stands at the end of the first pass until the second is over. Where the zone skips an hour,
// it jumps. Its readings are seconds of the local calendar, counted as if each day had 24 hours,
// from the beginning of 1970. They never go back, so that "from this reading to that one" is one
// span of instants, however the zone's offset changes.
type wall struct{ zone *time.Location }

// reads gives what the clock shows at an instant.
func (w wall) reads(t time.Time) int64 {
	t = t.In(w.zone)
	_, offset := t.Zone()
	now := t.Unix()
	shows := now + int64(offset)
	for start, _ := t.ZoneBounds(); !start.IsZero() && now-start.Unix() < reach; {
		before := start.Add(-time.Second)
		_, offset := before.Zone()
		shows = max(shows, start.Unix()-1+int64(offset))
		start, _ = before.ZoneBounds()
	}
	return shows
}

// first gives the first instant at which the clock shows the reading, or a later one where the
// zone skips it.
func (w wall) first(reading int64) time.Time {
	t := time.Unix(reading-reach, 0).In(w.zone)
	for {
		_, offset := t.Zone()
		start, end := t.ZoneBounds()
		at := reading - int64(offset)
		switch {
		case !start.IsZero() && at < start.Unix():
			return start.UTC() // the zone skips it here
		case end.IsZero() || at < end.Unix():
			return time.Unix(at, 0).UTC()
		case !end.After(t):
			// By a zone's rules for years to come, ZoneBounds ends the period of a leap year's last
			// day at its beginning: go on through the day by hours.
			end = t.Add(time.Hour)
			if at < end.Unix() {
				return time.Unix(at, 0).UTC()
			}
		}
		t = end
	}
}

// floorDiv divides and rounds down, for readings before 1970 too.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }
