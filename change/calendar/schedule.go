// This file holds the occurrences of a window, and what it covers.

package calendar

import (
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
	"github.com/itsmkit/itsmkit/storage"
)

// Schedule is a compiled [Window]. It is immutable, and safe for any number of goroutines.
type Schedule struct {
	window Window
	once   *Span
	rule   *rrule.Calendar
	days   int
	exact  time.Duration
}

// slack is more than a day of the clock on the wall may be longer than 24 hours.
const slack = 48 * time.Hour

// Window gives a copy of what the schedule was compiled from.
func (s *Schedule) Window() Window { return s.window.clone() }

// length is about how long an occurrence is: exact but for changes of the clock.
func (s *Schedule) length() time.Duration { return time.Duration(s.days)*24*time.Hour + s.exact }

// lasts gives the occurrence that begins at an instant.
func (s *Schedule) lasts(begin time.Time) Span {
	end := begin
	if s.days > 0 {
		local := begin.In(s.rule.Zone())
		reading := time.Date(local.Year(), local.Month(), local.Day()+s.days, local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
		end = wall.Instant(reading, s.rule.Zone())
	}
	return Span{begin, end.Add(s.exact)}
}

// Occurrences gives those that have time in common with a span, in order, whole. Those that overlap or touch
// are one. A span that is longer than two [MaxLength] is cut to that.
func (s *Schedule) Occurrences(within Span) []Span {
	within = within.instants()
	if within.Length() > 2*MaxLength {
		within.End = within.Begin.Add(2 * MaxLength)
	}
	if s.once != nil {
		if s.once.Overlaps(within) {
			return []Span{*s.once}
		}
		return nil
	}
	var all []Span
	for begin := range s.rule.From(within.Begin.Add(-s.length() - slack)) {
		if !begin.Before(within.End) {
			break
		}
		if o := s.lasts(begin); o.Overlaps(within) {
			all = append(all, o)
		}
	}
	return union(all)
}

// At gives the occurrence that an instant is in, as it is without those that touch it.
func (s *Schedule) At(t time.Time) (Span, bool) {
	t = storage.Instant(t)
	if all := s.Occurrences(Span{t, t.Add(time.Microsecond)}); len(all) > 0 {
		return all[0], true
	}
	return Span{}, false
}

// Bounds gives a span that holds every occurrence, and whether there is a last one: End is zero where there is
// none.
func (s *Schedule) Bounds() (Span, bool) {
	if s.once != nil {
		return *s.once, true
	}
	first, _ := s.rule.First(time.Time{})
	last, ends := s.rule.Last()
	if !ends {
		return Span{Begin: first}, false
	}
	end := last.Add(s.length())
	if s.days > 0 {
		end = end.Add(slack)
	}
	return Span{first, end}, true
}

// Covers says whether a freeze is for the change, whenever that is. It is false of a maintenance window.
func (s *Schedule) Covers(b Booking) bool {
	c := &s.window.Scope
	if s.window.Kind != WindowFreeze {
		return false
	}
	if c.All {
		return true
	}
	if len(c.CIs) > 0 && !slices.ContainsFunc(b.CIs, func(ci CI) bool {
		return (ci.Relation == RelationOwn || ci.Relation == RelationImpacted) && slices.Contains(c.CIs, ci.ID)
	}) {
		return false
	}
	if len(c.Services) > 0 && !meet(c.Services, b.Services) || len(c.Sites) > 0 && !meet(c.Sites, b.Sites) {
		return false
	}
	return len(c.Models) == 0 || slices.Contains(c.Models, b.Model)
}

// meet says whether two lists have a value in common.
func meet[T comparable](a, b []T) bool {
	if len(a)*len(b) < 64 {
		return slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
	}
	in := make(map[T]bool, len(a))
	for _, v := range a {
		in[v] = true
	}
	return slices.ContainsFunc(b, func(v T) bool { return in[v] })
}
