// This file holds spans of time.

package calendar

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxLength is the greatest length of a booking, and of one occurrence of a window.
const MaxLength = 366 * 24 * time.Hour

// The years that a span may be in.
const firstYear, lastYear = 1970, 2200

// Span is the time from Begin up to, and without, End, in UTC microseconds.
type Span struct {
	Begin time.Time `json:"begin"`
	End   time.Time `json:"end"`
}

// IsZero says that there is no span.
func (s Span) IsZero() bool { return s.Begin.IsZero() && s.End.IsZero() }

// Length is the time from Begin to End.
func (s Span) Length() time.Duration { return s.End.Sub(s.Begin) }

// Overlaps says whether the two have any time in common. Spans that touch have none.
func (s Span) Overlaps(o Span) bool { return s.Begin.Before(o.End) && o.Begin.Before(s.End) }

// Meet gives the time that the two have in common.
func (s Span) Meet(o Span) (Span, bool) {
	if !s.Overlaps(o) {
		return Span{}, false
	}
	if s.Begin.Before(o.Begin) {
		s.Begin = o.Begin
	}
	if s.End.After(o.End) {
		s.End = o.End
	}
	return s, true
}

// Holds says whether all of the other span is in this one.
func (s Span) Holds(o Span) bool { return !o.Begin.Before(s.Begin) && !o.End.After(s.End) }

// String writes the span for people, in UTC to the second.
func (s Span) String() string {
	return s.Begin.UTC().Format(time.DateTime) + " to " + s.End.UTC().Format(time.DateTime) + " UTC"
}

// instants gives the span as the library keeps time.
func (s Span) instants() Span {
	if !s.Begin.IsZero() {
		s.Begin = storage.Instant(s.Begin)
	}
	if !s.End.IsZero() {
		s.End = storage.Instant(s.End)
	}
	return s
}

// moved gives the span later by d.
func (s Span) moved(d time.Duration) Span { return Span{s.Begin.Add(d), s.End.Add(d)} }

// check notes what is wrong with a span of at most so long.
func (s Span) check(f *itsm.Faults, field string, most time.Duration) {
	known := func(name string, t time.Time) bool {
		if y := t.UTC().Year(); t.IsZero() || y < firstYear || y > lastYear {
			f.Addf(name, "must be an instant in the years %d to %d", firstYear, lastYear)
			return false
		}
		return true
	}
	begin, end := known(field+".begin", s.Begin), known(field+".end", s.End)
	switch {
	case !begin || !end:
	case !s.End.After(s.Begin):
		f.Add(field+".end", "must be after begin")
	case s.Length() > most:
		f.Addf(field+".end", "must be at most %d days after begin", most/(24*time.Hour))
	}
}

// union joins the spans that overlap or touch, in order.
func union(all []Span) (joined []Span) {
	slices.SortFunc(all, func(a, b Span) int { return a.Begin.Compare(b.Begin) })
	for _, s := range all {
		if n := len(joined) - 1; n >= 0 && !s.Begin.After(joined[n].End) {
			if s.End.After(joined[n].End) {
				joined[n].End = s.End
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// without gives the parts of a span that none of the joined spans has.
func without(s Span, joined []Span) (parts []Span) {
	at := s.Begin
	for _, j := range joined {
		if !j.Overlaps(s) {
			continue
		}
		if j.Begin.After(at) {
			parts = append(parts, Span{at, j.Begin})
		}
		at = j.End
	}
	if at.Before(s.End) {
		parts = append(parts, Span{at, s.End})
	}
	return parts
}

// LimitError says that a question would take more work than is allowed. It is ErrInvalid: ask for less.
type LimitError struct {
	// What there was too much of, and how much is allowed.
	What string
	Most int
}

// Error says what there was too much of.
func (e *LimitError) Error() string {
	return fmt.Sprintf("change calendar: more than %d %s; ask for a nearer horizon", e.Most, e.What)
}

// Is makes every LimitError ErrInvalid.
func (e *LimitError) Is(target error) bool { return target == storage.ErrInvalid }
