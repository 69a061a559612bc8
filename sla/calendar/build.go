// This file holds how rules become spans of instants, for a part of the horizon.

package calendar

import (
	"slices"

	"github.com/itsmkit/itsmkit/internal/wall"
)

// build computes rules for the seconds [from, until), which all must be within what they know.
type build struct {
	from, until int64
	open        map[*rules][]span
	walks       map[*rules]days
}

// of gives when the rules are open. What several refer to is computed once.
func (b *build) of(r *rules) []span {
	if spans, ok := b.open[r]; ok {
		return spans
	}
	spans := b.base(r)
	for _, other := range r.allOf {
		spans = both(spans, b.of(other))
	}
	for _, other := range r.noneOf {
		spans = without(spans, b.of(other))
	}
	if b.open == nil {
		b.open = map[*rules][]span{}
	}
	b.open[r] = spans
	return spans
}

// base gives what allOf and noneOf are applied to.
func (b *build) base(r *rules) []span {
	if !r.own && len(r.anyOf) == 0 {
		return []span{{open: b.from, close: b.until}}
	}
	return either(b.own(r), b.any(r))
}

// any gives when one of anyOf is open.
func (b *build) any(r *rules) (spans []span) {
	for _, other := range r.anyOf {
		spans = either(spans, b.of(other))
	}
	return spans
}

// own gives the hours and overrides of the rules themselves, without the breaks.
func (b *build) own(r *rules) []span {
	if !r.own {
		return nil
	}
	d := b.days(r)
	perWeek := 0
	for _, windows := range r.week {
		perWeek += len(windows)
	}
	spans := make([]span, 0, (d.to-d.day+7)*int64(perWeek)/7+1)
	breaks := []span(nil)
	for d.next() {
		at := d.day * daySeconds
		for _, w := range d.hours() {
			spans = add(spans, at+w.open, at+w.close)
		}
		if r.hasBreaks {
			for _, w := range r.breaks[d.weekday] {
				breaks = add(breaks, at+w.open, at+w.close)
			}
		}
	}
	// Readings never go back, so breaks can be taken before they are instants.
	spans = without(spans, breaks)
	return b.resolve(spans, r.zone.Resolver(b.from-wall.Reach, b.until+wall.Reach))
}

// resolve turns spans of readings into spans of instants, in place.
func (b *build) resolve(spans []span, clock *wall.Resolver) []span {
	n := 0
	for _, s := range spans {
		open, close := max(clock.First(s.open), b.from), min(clock.First(s.close), b.until)
		switch {
		case open >= close: // skipped, or outside
		case n > 0 && open <= spans[n-1].close:
			spans[n-1].close = close
		default:
			spans[n] = span{open: open, close: close}
			n++
		}
	}
	return spans[:n]
}

// days walks civil dates in order and says what each one has.
type days struct {
	rules     *rules
	day, to   int64
	weekday   int
	override  *override
	holiday   bool
	overrides []override
	holidays  []dayRange
}

// days gives the dates of the rules for all that is built, from the beginning.
func (b *build) days(r *rules) *days {
	d, ok := b.walks[r]
	if !ok {
		d = *r.days(b.from, b.until)
		if b.walks == nil {
			b.walks = map[*rules]days{}
		}
		b.walks[r] = d
	}
	return &d
}

// days gives the dates whose windows can be open in the seconds [from, until): also those before and
// after, as zones are up to a day from UTC and a window may go on for a day.
func (r *rules) days(from, until int64) *days {
	first, last := wall.FloorDiv(from, daySeconds)-4, wall.FloorDiv(until, daySeconds)+3
	d := &days{rules: r, day: first - 1, to: last, overrides: r.overrides, holidays: r.holidaysIn(first, last)}
	d.weekday = weekdayOf(d.day)
	return d
}

// holidaysIn gives the holidays that have a day in [first, last], in order.
func (r *rules) holidaysIn(first, last int64) []dayRange {
	from, to := yearOf(first), yearOf(last)
	n := 0
	for i := range r.holidays {
		if n++; r.holidays[i].Every != nil {
			n += to - from
		}
	}
	all := make([]dayRange, 0, n)
	for i := range r.holidays {
		// A rule's days may be up to a year from where they began, and moved over New Year.
		r.holidays[i].in(from-1, to+1, i, func(days dayRange) {
			if days.from <= last && days.to > first {
				all = append(all, days)
			}
		})
	}
	slices.SortFunc(all, func(a, b dayRange) int {
		if a.from != b.from {
			return int(a.from - b.from)
		}
		return a.of - b.of
	})
	return all
}

// next goes to the next date and says whether there is one.
func (d *days) next() bool {
	if d.day >= d.to {
		return false
	}
	d.day++
	d.weekday = (d.weekday + 1) % 7
	for len(d.overrides) > 0 && d.overrides[0].to <= d.day {
		d.overrides = d.overrides[1:]
	}
	d.override = nil
	if len(d.overrides) > 0 && d.overrides[0].from <= d.day {
		d.override = &d.overrides[0]
	}
	// Of holidays that are over, those behind a longer one are passed when that is.
	for len(d.holidays) > 0 && d.holidays[0].to <= d.day {
		d.holidays = d.holidays[1:]
	}
	d.holiday = len(d.holidays) > 0 && d.holidays[0].from <= d.day
	return true
}

// hours gives the windows that open on the date.
func (d *days) hours() []span {
	switch {
	case d.override != nil:
		return d.override.hours
	case d.holiday:
		return nil
	}
	return d.rules.week[d.weekday]
}

// working gives the dates on which something is opened, in order: those on which a window of the rules'
// own opens that is open at all, and those on which another calendar adds time. A night shift so
// makes its opening date a working day, and not the next.
func (b *build) working(r *rules) []int32 {
	d := b.days(r)
	clock := r.zone.Resolver(b.from-wall.Reach, b.until+wall.Reach)
	own, joined := meets{b.of(r)}, meets{}
	switch {
	case len(r.anyOf) > 0:
		joined.all = both(b.any(r), b.of(r))
	case !r.own:
		joined.all = b.of(r)
	}
	// Each window of an office is a working day; where that is not so, the list grows and is cut.
	all := make([]int32, 0, min(int(d.to-d.day), len(b.of(r))))
	for d.next() {
		at := d.day * daySeconds
		if clock.First(at) < b.from {
			continue
		}
		works := false
		for _, w := range d.hours() {
			if works = own.any(max(clock.First(at+w.open), b.from), min(clock.First(at+w.close), b.until)); works {
				break
			}
		}
		if !works && len(joined.all) > 0 {
			works = joined.any(max(clock.First(at), b.from), min(clock.First(at+daySeconds), b.until))
		}
		if works {
			all = append(all, int32(d.day))
		}
	}
	if cap(all) > len(all)+len(all)/8 {
		all = slices.Clone(all)
	}
	return all
}

func yearOf(day int64) int { return dayTime(day).Year() }
