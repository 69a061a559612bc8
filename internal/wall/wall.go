// This file holds the clock on the wall: how an instant and the local time of a zone belong together,
// with the days on which the zone's offset changes.

package wall

import (
	"sort"
	"time"
)

// Reach is more than any zone has ever been from UTC, and longer than any local time has ever been
// repeated, in seconds.
const Reach = 2 * 24 * 60 * 60

// Stays gives the end of a span of instants, from this one on, during which the offset of its location is
// the same: the next change of it, or an instant before that. Zero means for ever. The end is always after the
// instant, so that going on from there comes to an end.
func Stays(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// By a zone's rules for years to come, ZoneBounds gives every year 365 days, and so ends the period
		// of a leap year's last day at the beginning of that day: go on through the day by hours.
		end = t.Add(time.Hour)
	}
	return end
}

// A Clock is a clock on the wall that is never put back: where the zone repeats an hour, it stands at
// the end of the first pass until the second is over; where the zone skips an hour, it jumps. Its
// readings are seconds of the civil calendar since 1970, as if each day had 24 hours. They never go
// back, so that "from this reading to that one" is one span of instants.
type Clock struct{ *time.Location }

// Reads gives what the clock shows at an instant.
func (z Clock) Reads(t time.Time) int64 {
	t = t.In(z.Location)
	_, offset := t.Zone()
	now := t.Unix()
	shows := now + int64(offset)
	for start, _ := t.ZoneBounds(); !start.IsZero() && now-start.Unix() < Reach; {
		before := start.Add(-time.Second)
		_, offset := before.Zone()
		shows = max(shows, start.Unix()-1+int64(offset))
		start, _ = before.ZoneBounds()
	}
	return shows
}

// First gives the first instant at which the clock shows the reading, or a later one where it is skipped.
func (z Clock) First(reading int64) time.Time {
	from := reading - Reach // it cannot have been yet
	for {
		p := z.period(from)
		if at, ok := p.first(reading); ok {
			return time.Unix(at, 0).UTC()
		}
		from = p.End
	}
}

// period gives what is known of the offset from an instant on.
func (z Clock) period(from int64) Period {
	t := time.Unix(from, 0).In(z.Location)
	_, offset := t.Zone()
	p := Period{from, longAhead, int64(offset)}
	if end := Stays(t); !end.IsZero() {
		p.End = end.Unix()
	}
	return p
}

// Period is a span of instants, in seconds since 1970, with one offset from UTC, in seconds.
type Period struct{ Start, End, Offset int64 }

// first gives the first instant at which a reading has been that was not before the period, if that is in
// it.
func (p Period) first(reading int64) (int64, bool) {
	at := reading - p.Offset
	return max(at, p.Start), at < p.End
}

// Resolver turns readings into instants. It remembers where it was, as they mostly rise; it is not for
// several goroutines.
type Resolver struct {
	periods []Period
	at      int
}

// The first and the last instant of a period that has no beginning or end.
const (
	longAgo   = -1 << 62
	longAhead = 1 << 62
)

// Resolver knows what readings from the first to the last need.
func (z Clock) Resolver(from, to int64) *Resolver {
	return &Resolver{periods: z.Periods(from-2*Reach, to+2*Reach)}
}

// Periods gives those that hold the instants [from, to], in order, each with another offset than the one
// before. The first has no beginning and the last no end.
func (z Clock) Periods(from, to int64) []Period {
	all := make([]Period, 0, 3+2*(to-from)/(365*24*60*60))
	for {
		p := z.period(from)
		from = p.End
		if last := len(all) - 1; last >= 0 && all[last].Offset == p.Offset {
			all[last].End = p.End
		} else {
			all = append(all, p)
		}
		if from > to {
			all[0].Start, all[len(all)-1].End = longAgo, longAhead
			return all
		}
	}
}

// First gives the first instant at which the clock shows the reading, or a later one where it is skipped.
func (r *Resolver) First(reading int64) int64 {
	p := r.periods
	// Go to the period of an instant at which the reading cannot have been yet, ...
	if p[r.at].End <= reading-Reach || r.at > 0 && p[r.at-1].End > reading-Reach {
		r.at = sort.Search(len(p), func(i int) bool { return p[i].End > reading-Reach })
	}
	// ... and from there on take the first that has it, or that begins behind it.
	for i := r.at; ; i++ {
		if at, ok := p[i].first(reading); ok {
			return at
		}
	}
}

// FloorDiv divides and rounds down, for readings before 1970 too.
func FloorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// FloorMod is what FloorDiv leaves: from 0 to below b.
func FloorMod(a, b int64) int64 { return a - FloorDiv(a, b)*b }
