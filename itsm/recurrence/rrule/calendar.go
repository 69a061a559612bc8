// This file holds the occurrences of a rule: readings of the wall clock, and the instants that they are.

package rrule

import (
	"iter"
	"maps"
	"slices"
	"time"

	lib "github.com/teambition/rrule-go"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/storage"
)

// Calendar is a compiled [Rule]. It is immutable, and safe for any number of goroutines.
type Calendar struct {
	zone *time.Location
	// option generates readings of the wall clock, written as if they were of UTC.
	option     lib.ROption
	start      time.Time
	until      time.Time // an instant; zero is none
	except     map[time.Time]bool
	exceptDays map[string]bool
}

// slack is longer than any two readings of a wall clock may be out of order as instants, and more than
// any zone has ever been from UTC.
const slack = 48 * time.Hour

// prepare keeps the option with everything named that the rule takes from its start, so that it can be
// begun later than there.
func (c *Calendar) prepare(o lib.ROption) error {
	c.start, c.until = o.Dtstart, o.Until
	o.Until = time.Date(lastYear, time.December, 31, 23, 59, 59, 0, time.UTC)
	rule, err := lib.NewRRule(o)
	if err != nil {
		return err
	}
	interval := max(o.Interval, 1)
	o = rule.Options
	o.Interval = interval
	hour, minute, second := c.start.Clock()
	if len(o.Byhour) == 0 && o.Freq != lib.HOURLY {
		o.Byhour = []int{hour}
	}
	if len(o.Byminute) == 0 {
		o.Byminute = []int{minute}
	}
	if len(o.Bysecond) == 0 {
		o.Bysecond = []int{second}
	}
	c.option = o
	return nil
}

// readings gives the readings of the wall clock from one on, or from some time before it, in order.
func (c *Calendar) readings(from time.Time) func() (time.Time, bool) {
	o := c.option
	// A rule that does not count begins as late as it may, in a period that is whole intervals from its
	// first, so that a question costs the same however old the rule is.
	if o.Count == 0 && from.After(c.start) {
		o.Dtstart = c.later(from)
	}
	rule, err := lib.NewRRule(o)
	if err != nil {
		return func() (time.Time, bool) { return time.Time{}, false } // it was made before
	}
	next := rule.Iterator()
	return func() (time.Time, bool) {
		for {
			at, ok := next()
			if !ok || !c.except[at] && !c.exceptDays[at.Format(dayLayout)] {
				return at, ok
			}
		}
	}
}

// later gives a start that is not after from and has the same phase as the rule's.
func (c *Calendar) later(from time.Time) time.Time {
	o, start := &c.option, c.start
	hours := map[lib.Frequency]int{lib.HOURLY: 1, lib.DAILY: 24, lib.WEEKLY: 7 * 24}[o.Freq]
	months := map[lib.Frequency]int{lib.MONTHLY: 1, lib.YEARLY: 12}[o.Freq]
	if hours > 0 {
		period := time.Duration(hours*o.Interval) * time.Hour
		passed := from.Sub(start).Truncate(period)
		if o.Freq == lib.WEEKLY {
			passed -= period // as a week may begin before the day of the start
		}
		return start.Add(max(passed, 0))
	}
	period := months * o.Interval
	passed := (from.Year()-start.Year())*12 + int(from.Month()) - int(start.Month())
	if periods := passed/period - 1; periods > 0 {
		// Its day says nothing any more: the first of the month is there in every month.
		y, m, _ := start.Date()
		h, min, s := start.Clock()
		if o.Freq == lib.YEARLY {
			m = time.January
		}
		return time.Date(y, m+time.Month(periods*period), 1, h, min, s, 0, time.UTC)
	}
	return start
}

// From gives the occurrences at an instant and after it, in order, each once, in UTC. The zero time is
// before all of them.
func (c *Calendar) From(at time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		from := c.start
		if at.After(time.Unix(0, 0)) {
			from = at.UTC().Add(-slack)
		}
		next := c.readings(from)
		// Readings come in order, instants nearly so: what comes slack later is after what is kept.
		var kept []time.Time
		var last time.Time
		give := func(all bool) bool {
			for len(kept) > 0 && (all || kept[len(kept)-1].Sub(kept[0]) > slack) {
				first := kept[0]
				kept = kept[1:]
				if first.Before(at) || !last.IsZero() && !first.After(last) || !c.until.IsZero() && first.After(c.until) {
					continue
				}
				last = first
				if !yield(first) {
					return false
				}
			}
			return true
		}
		for {
			reading, ok := next()
			if !ok {
				give(true)
				return
			}
			instant := wall.Instant(reading, c.zone)
			if !c.until.IsZero() && instant.After(c.until.Add(2*slack)) {
				give(true)
				return
			}
			if reading.Before(from.Add(-slack)) {
				continue
			}
			i, _ := slices.BinarySearchFunc(kept, instant, time.Time.Compare)
			kept = slices.Insert(kept, i, instant)
			if !give(false) {
				return
			}
		}
	}
}

// First gives the first occurrence at an instant or after it; none is false.
func (c *Calendar) First(at time.Time) (time.Time, bool) {
	for t := range c.From(at) {
		return t, true
	}
	return time.Time{}, false
}

// After gives the first occurrence after an instant; none is false.
func (c *Calendar) After(at time.Time) (time.Time, bool) {
	return c.First(storage.Instant(at).Add(time.Microsecond))
}

// Next gives the next occurrences at an instant and after it, at most n.
func (c *Calendar) Next(at time.Time, n int) (all []time.Time) {
	if n <= 0 {
		return nil
	}
	for t := range c.From(at) {
		if all = append(all, t); len(all) == n {
			break
		}
	}
	return all
}

// Reading gives what the clock on the wall shows at the first occurrence, as if it were of UTC, the
// exceptions left aside: the DTSTART that other programs take the rule from, which want one that meets it.
func (c *Calendar) Reading() time.Time {
	all := *c
	all.except, all.exceptDays = nil, nil
	next := all.readings(c.start)
	for {
		at, ok := next()
		if !ok || !at.Before(c.start) {
			return at
		}
	}
}

// Last gives an instant after which the rule never occurs, by its COUNT or its UNTIL; false where it has neither.
func (c *Calendar) Last() (time.Time, bool) {
	if c.option.Count > 0 {
		var last time.Time
		for last = range c.From(time.Time{}) {
			continue
		}
		return last, true
	}
	return c.until, !c.until.IsZero()
}

// Zone gives the time zone of the rule.
func (c *Calendar) Zone() *time.Location { return c.zone }

// Excepted gives the readings of the clock on the wall that the exceptions leave out, as if they were of
// UTC, in order: of a whole day those at which the rule would have occurred.
func (c *Calendar) Excepted() (left []time.Time) {
	all := *c
	all.except, all.exceptDays = nil, nil
	leaves := func(at time.Time) bool { return c.except[at] || c.exceptDays[at.Format(dayLayout)] }
	if c.option.Count > 0 { // which is gone through from its start, whatever is asked
		for next := all.readings(c.start); ; {
			at, ok := next()
			switch {
			case !ok:
				return left
			case leaves(at):
				left = append(left, at)
			}
		}
	}
	days := map[string]bool{}
	for at := range c.except {
		days[at.Format(dayLayout)] = true
	}
	for day := range c.exceptDays {
		days[day] = true
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		begin, err := time.Parse(dayLayout, day)
		if err != nil {
			continue // a year of more than four digits, in which no rule occurs
		}
		for next := all.readings(begin); ; {
			at, ok := next()
			if !ok || !at.Before(begin.AddDate(0, 0, 1)) {
				break
			}
			if !at.Before(begin) && !at.Before(c.start) && leaves(at) {
				left = append(left, at)
			}
		}
	}
	return left
}
