// This file holds local times as iCalendar means them.

package wall

import "time"

// Instant gives the instant at which the wall clock of a zone shows a reading (RFC 5545, 3.3.5): the
// first of two, and by the offset before where the zone skips it.
func Instant(reading time.Time, zone *time.Location) time.Time {
	shows := reading.Unix()
	t := time.Unix(shows-Reach, 0).In(zone)
	_, before := t.Zone()
	for {
		_, offset := t.Zone()
		start, _ := t.ZoneBounds()
		end := Stays(t)
		at := shows - int64(offset)
		switch {
		case !start.IsZero() && at < start.Unix():
			return time.Unix(shows-int64(before), 0).UTC()
		case end.IsZero() || at < end.Unix():
			return time.Unix(at, 0).UTC()
		}
		before = offset
		t = end
	}
}
