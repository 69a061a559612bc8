// This file holds the arithmetic: who is on call at an instant, and when that changes.

package oncall

import (
	"iter"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Readings of a clock on the wall are seconds.
const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
	// monday is the Monday after the first day of 1970, which was a Thursday.
	monday = 4 * day
)

// Timetable is a rota that was checked, with its overrides. It is immutable, reads no clock and is
// safe for any number of goroutines. Make one by [Rota.Compile]; the zero value has nobody on call.
type Timetable struct {
	rota      Rota
	zone      *time.Location
	layers    []layer
	overrides []Override
}

// layer is a layer in readings of its zone's clock.
type layer struct {
	wall.Clock
	people []itsm.ID
	// turns says that not all participants are the same.
	turns bool
	// begin is the first reading at which there is somebody. Hand-overs are at anchor, which is not
	// after begin, and each time that every has passed since.
	begin, anchor, every int64
	// windows are spans of the week since Monday, in order and apart; none means always.
	windows []span
}

// at gives who has the turn at a reading.
func (l *layer) at(reading int64) (itsm.ID, bool) {
	if len(l.people) == 0 || reading < l.begin {
		return "", false
	}
	if l.windows != nil {
		of := wall.FloorMod(reading-monday, week)
		if !slices.ContainsFunc(l.windows, func(s span) bool { return s.from <= of && of < s.to }) {
			return "", false
		}
	}
	turn := wall.FloorDiv(reading-l.anchor, l.every)
	return l.people[wall.FloorMod(turn, int64(len(l.people)))], true
}

// next gives the first reading after this one at which somebody else may have the turn.
func (l *layer) next(reading int64) (int64, bool) {
	if len(l.people) == 0 {
		return 0, false
	}
	if reading < l.begin {
		return l.begin, true
	}
	var next int64
	found := false
	soonest := func(r int64) {
		if !found || r < next {
			next, found = r, true
		}
	}
	if l.turns {
		soonest(l.anchor + (wall.FloorDiv(reading-l.anchor, l.every)+1)*l.every)
	}
	if l.windows != nil {
		of := wall.FloorMod(reading-monday, week)
		monday := reading - of
		edge := l.windows[0].from + week
		for _, s := range l.windows {
			if s.to > of {
				edge = s.to
				if s.from > of {
					edge = s.from
				}
				break
			}
		}
		soonest(monday + edge)
	}
	return next, found
}

// Compile checks the rota and its overrides and makes them answer. It is ErrInvalid with every
// fault at once. Overrides are in the order in which they were made: of those that overlap, the
// later one counts.
func (r Rota) Compile(overrides ...Override) (*Timetable, error) {
	var c compiler
	zone, layers := c.rota(r)
	c.overrides(overrides)
	if err := c.Err("rota"); err != nil {
		return nil, err
	}
	return &Timetable{rota: r.clone(), zone: zone, layers: layers, overrides: instants(overrides)}, nil
}

// With gives the timetable with further overrides, made after those that it has. It is ErrInvalid
// with every fault of them.
func (t *Timetable) With(overrides ...Override) (*Timetable, error) {
	var c compiler
	c.overrides(overrides)
	if err := c.Err("overrides"); err != nil {
		return nil, err
	}
	out := *t
	out.overrides = append(slices.Clip(slices.Clone(t.overrides)), instants(overrides)...)
	return &out, nil
}

// Rota gives a copy of what the timetable was made of.
func (t *Timetable) Rota() Rota { return t.rota.clone() }

// Overrides gives a copy of the overrides, in the order in which they were made.
func (t *Timetable) Overrides() []Override { return slices.Clone(t.overrides) }

// Zone is the rota's time zone.
func (t *Timetable) Zone() *time.Location {
	if t.zone == nil {
		return time.UTC
	}
	return t.zone
}

// OnCall gives who is on call at an instant, in the order of their ids: one person, unless
// overrides add others or leave nobody.
func (t *Timetable) OnCall(at time.Time) []itsm.ID {
	person, ok := t.turn(at)
	return t.override(at, person, ok)
}

// turn gives who has the turn by the layers alone.
func (t *Timetable) turn(at time.Time) (itsm.ID, bool) {
	var clock reading
	for i := len(t.layers) - 1; i >= 0; i-- {
		l := &t.layers[i]
		if person, ok := l.at(clock.of(l.Clock, at)); ok {
			return person, true
		}
	}
	return "", false
}

// reading keeps what the last zone's clock shows, as most rotas have one zone.
type reading struct {
	wall.Clock
	shows int64
}

func (r *reading) of(clock wall.Clock, at time.Time) int64 {
	if r.Location != clock.Location {
		r.Clock, r.shows = clock, clock.Reads(at)
	}
	return r.shows
}

// change gives the first instant after this one at which somebody else may be on call.
func (t *Timetable) change(at time.Time) (time.Time, bool) {
	var next time.Time
	found := false
	soonest := func(i time.Time) {
		if !found || i.Before(next) {
			next, found = i, true
		}
	}
	var clock reading
	for i := len(t.layers) - 1; i >= 0; i-- {
		l := &t.layers[i]
		shows := clock.of(l.Clock, at)
		if r, ok := l.next(shows); ok {
			soonest(l.First(r))
		}
		if _, ok := l.at(shows); ok {
			break // those below do not show until this one changes
		}
	}
	for i := range t.overrides {
		for _, edge := range [...]time.Time{t.overrides[i].From, t.overrides[i].To} {
			if edge.After(at) {
				soonest(edge)
			}
		}
	}
	return next, found
}

// Shift is a span in which the same people are on call.
type Shift struct {
	// From and To are the first instant of it and the first one after it, in UTC.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// People are on call, in the order of their ids; none is a gap.
	People []itsm.ID `json:"people"`
}

// Shifts gives who is on call from one instant up to another: spans that follow each other, each
// as long as the same people are on call, cut to the time asked for. Spans in which nobody is on
// call are among them.
func (t *Timetable) Shifts(from, to time.Time) iter.Seq[Shift] {
	from, to = storage.Instant(from), storage.Instant(to)
	return func(yield func(Shift) bool) {
		if !from.Before(to) {
			return
		}
		s := Shift{From: from, People: t.OnCall(from)}
		for at := from; ; {
			next, ok := t.change(at)
			if !ok || !next.Before(to) {
				s.To = to
				yield(s)
				return
			}
			at = next
			people := t.OnCall(at)
			if slices.Equal(people, s.People) {
				continue
			}
			s.To = at
			if !yield(s) {
				return
			}
			s = Shift{From: at, People: people}
		}
	}
}

// lookAhead is how far NextHandOver looks.
const lookAhead = 5 * 366 * 24 * time.Hour

// NextHandOver gives the first instant after this one at which others are on call than at this
// one, or somebody instead of nobody, or nobody. It is false where that does not happen within
// five years.
func (t *Timetable) NextHandOver(at time.Time) (time.Time, bool) {
	at = storage.Instant(at)
	for s := range t.Shifts(at, at.Add(lookAhead)) {
		return s.To, s.To.Before(at.Add(lookAhead))
	}
	return time.Time{}, false
}
