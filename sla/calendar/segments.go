// This file holds why a calendar is closed.

package calendar

import (
	"iter"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
)

// Reason says why a span of time counts or does not.
type Reason string

// The reasons. Where several fit, the first in this order is given.
const (
	ReasonOpen     Reason = "open"
	ReasonBreak    Reason = "break"
	ReasonOverride Reason = "override" // weekly hours that an override does not have; its name is given
	ReasonHoliday  Reason = "holiday"  // weekly hours that a holiday removes; its name is given
	ReasonNoneOf   Reason = "none_of"  // would be open, but for a calendar of NoneOf, which is named
	ReasonAllOf    Reason = "all_of"   // would be open, but for a calendar of AllOf, which is named
	ReasonClosed   Reason = "closed"   // outside all hours
)

// Segment is a span of instants, [From, To), with the one reason why it is open or closed. Name is that
// of the holiday, override or calendar, where it has one.
type Segment struct {
	From, To time.Time
	Reason   Reason
	Name     string
}

// Segments gives all the time from one instant to another, in order, with what it is: the open time as
// [Calendar.Windows] gives it, and between that what is closed, cut where the reason changes. A holiday
// is named for the hours it removes, so that a holiday on a Sunday of an office is not seen. Two
// segments of one reason and name never touch.
func (c *Calendar) Segments(from, to time.Time) (iter.Seq[Segment], error) {
	a, b, _, err := c.span(from, to)
	if err != nil {
		return nil, err
	}
	return func(yield func(Segment) bool) {
		var last Segment
		for _, part := range parts(a, b) {
			for s := range c.segments(part.open, part.close) {
				if last.Reason == s.Reason && last.Name == s.Name {
					last.To = s.To
					continue
				}
				if last.Reason != "" && !yield(last) {
					return
				}
				last = s
			}
		}
		if last.Reason != "" {
			yield(last)
		}
	}, nil
}

// parts cuts a span so that the labels of each are few.
func parts(from, to int64) (all []span) {
	const length = 28 * daySeconds * second
	for from < to {
		next := min(from+length, to)
		all = append(all, span{open: from, close: next})
		from = next
	}
	return all
}

// labelled is time that is closed for a reason.
type labelled struct {
	reason Reason
	name   string
	spans  []span
}

var precedence = []Reason{ReasonBreak, ReasonOverride, ReasonHoliday, ReasonNoneOf, ReasonAllOf}

// segments computes [from, to) in nanoseconds, with seconds around it.
func (c *Calendar) segments(from, to int64) iter.Seq[Segment] {
	b := build{from: wall.FloorDiv(from, second), until: -wall.FloorDiv(-to, second)}
	open := b.of(c.rules)
	labels := b.labels(c.rules)
	slices.SortStableFunc(labels, func(x, y labelled) int {
		return slices.Index(precedence, x.reason) - slices.Index(precedence, y.reason)
	})
	return func(yield func(Segment) bool) {
		give := func(s span, reason Reason, name string) bool {
			s.open, s.close = max(s.open*second, from), min(s.close*second, to)
			return s.open >= s.close || yield(Segment{c.instant(s.open), c.instant(s.close), reason, name})
		}
		for s, isOpen := range gaps(open, b.from, b.until) {
			if isOpen {
				if !give(s, ReasonOpen, "") {
					return
				}
				continue
			}
			for _, at := range cut(s, labels) {
				reason, name := ReasonClosed, ""
				for _, l := range labels {
					if holds(l.spans, at.open) {
						reason, name = l.reason, l.name
						break
					}
				}
				if !give(at, reason, name) {
					return
				}
			}
		}
	}
}

// cut divides a span where labels begin and end.
func cut(s span, labels []labelled) (all []span) {
	edges := []int64{s.open, s.close}
	for _, l := range labels {
		for _, x := range l.spans {
			for _, edge := range [...]int64{x.open, x.close} {
				if s.open < edge && edge < s.close {
					edges = append(edges, edge)
				}
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i := 1; i < len(edges); i++ {
		all = append(all, span{open: edges[i-1], close: edges[i]})
	}
	return all
}

func holds(spans []span, at int64) bool {
	i, found := slices.BinarySearchFunc(spans, at, func(s span, at int64) int {
		switch {
		case s.close <= at:
			return -1
		case s.open > at:
			return 1
		}
		return 0
	})
	return found && i < len(spans)
}

// labels gives what would be open under the rules, but for a reason.
func (b *build) labels(r *rules) (all []labelled) {
	if r.own {
		all = b.ownLabels(r)
	}
	for _, other := range r.anyOf {
		all = append(all, b.labels(other)...)
	}
	base := b.base(r)
	for _, other := range r.noneOf {
		all = append(all, labelled{ReasonNoneOf, other.name, both(base, b.of(other))})
	}
	if !r.own && len(r.anyOf) == 0 {
		// AllOf alone says when it is open: what one lets through is closed for the others, and for
		// its own reasons.
		base = nil
		for _, other := range r.allOf {
			base = either(base, b.of(other))
			all = append(all, b.labels(other)...)
		}
	}
	for _, other := range r.allOf {
		all = append(all, labelled{ReasonAllOf, other.name, without(base, b.of(other))})
	}
	return all
}

// ownLabels gives what breaks, overrides and holidays take from the hours.
func (b *build) ownLabels(r *rules) (all []labelled) {
	clock := r.zone.Resolver(b.from-wall.Reach, b.until+wall.Reach)
	add := func(reason Reason, name string, readings []span) {
		if spans := b.resolve(slices.Clone(readings), clock); len(spans) > 0 {
			all = append(all, labelled{reason, name, spans})
		}
	}
	var hours, breaks []span
	for d := b.days(r); d.next(); {
		hours = either(hours, shift(d.hours(), d.day))
		breaks = either(breaks, shift(r.breaks[d.weekday], d.day))
		weekly := shift(r.week[d.weekday], d.day)
		switch {
		case d.override != nil:
			add(ReasonOverride, d.override.name, without(weekly, shift(d.override.hours, d.day)))
		case d.holiday:
			add(ReasonHoliday, r.holidays[d.holidays[0].of].Name, weekly)
		}
	}
	add(ReasonBreak, "", both(hours, breaks))
	return all
}

// shift gives windows of a day as readings.
func shift(windows []span, day int64) []span {
	windows = slices.Clone(windows)
	for i := range windows {
		windows[i].open += day * daySeconds
		windows[i].close += day * daySeconds
	}
	return windows
}
