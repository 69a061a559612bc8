// This file holds the index: bookings by what they touch and when, and windows by what they are for.

package calendar

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Index holds bookings and windows, so that a question touches only what it is about. It is safe for any number of
// goroutines: questions run at once, and changes between them.
type Index struct {
	mu        sync.RWMutex
	bookings  map[itsm.ID]*Booking
	touched   map[Touch]*intervals
	schedules map[Touch][]*Schedule
}

// NewIndex makes an index of bookings and windows. Two bookings of one change, and what [Booking.Validate]
// refuses, are ErrInvalid, with every fault.
func NewIndex(bookings []Booking, windows []*Schedule) (*Index, error) {
	x := &Index{bookings: make(map[itsm.ID]*Booking, len(bookings)), touched: map[Touch]*intervals{}, schedules: map[Touch][]*Schedule{}}
	var f itsm.Faults
	for i, b := range bookings {
		field := fmt.Sprintf("bookings[%d]", i)
		f.Merge(field, b.Validate())
		if x.bookings[b.Change] != nil {
			f.Add(field+".change", "has another booking already")
		}
		b = b.clone()
		x.bookings[b.Change] = &b
	}
	if err := f.Err("change calendar"); err != nil {
		return nil, err
	}
	for _, b := range bookings {
		booked := x.bookings[b.Change]
		for _, k := range booked.Touches() {
			x.intervals(k).add(booked)
		}
	}
	for _, of := range x.touched {
		of.sort()
	}
	for _, w := range windows {
		for _, k := range w.window.Touches() {
			x.schedules[k] = append(x.schedules[k], w)
		}
	}
	return x, nil
}

// clone shares nothing with the booking.
func (b Booking) clone() Booking {
	b = b.instants()
	b.CIs, b.Services = slices.Clone(b.CIs), slices.Clone(b.Services)
	b.Implementers, b.Sites = slices.Clone(b.Implementers), slices.Clone(b.Sites)
	return b
}

// Put books a change, in place of what was booked of it before. ErrInvalid has every fault of the booking.
func (x *Index) Put(b Booking) error {
	if err := b.Validate(); err != nil {
		return err
	}
	b = b.clone()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(b.Change)
	x.bookings[b.Change] = &b
	for _, k := range b.Touches() {
		x.intervals(k).insert(&b)
	}
	return nil
}

// Remove takes a change off the calendar, and says whether it was on it.
func (x *Index) Remove(change itsm.ID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.remove(change)
}

func (x *Index) remove(change itsm.ID) bool {
	b := x.bookings[change]
	if b == nil {
		return false
	}
	for _, k := range b.Touches() {
		if of := x.touched[k]; of.remove(b) {
			delete(x.touched, k)
		}
	}
	delete(x.bookings, change)
	return true
}

func (x *Index) intervals(k Touch) *intervals {
	of := x.touched[k]
	if of == nil {
		of = &intervals{}
		x.touched[k] = of
	}
	return of
}

// Conflicts gives the conflicts of a change with all that is booked and with all windows, as they are listed by
// [ConflictKinds]. What is booked of the change itself does not count. ErrInvalid has every fault of the booking.
func (x *Index) Conflicts(b Booking) ([]Conflict, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	b = b.instants()
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := Against(b, x.windows(&b))
	c := newCandidate(b)
	for _, other := range x.meeting(&b, b.Planned) {
		all = append(all, c.with(*other)...)
	}
	slices.SortFunc(all, compare)
	return all, nil
}

// meeting gives the bookings that may conflict with one in a span, each once.
func (x *Index) meeting(b *Booking, in Span) []*Booking {
	found := map[itsm.ID]*Booking{}
	for _, k := range b.Meets() {
		if of := x.touched[k]; of != nil {
			of.overlapping(in, func(other *Booking) {
				if other.Change != b.Change {
					found[other.Change] = other
				}
			})
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *Booking) int { return cmp.Compare(a.Change, b.Change) })
}

// windows gives the windows that may be for a booking, each once.
func (x *Index) windows(b *Booking) []*Schedule {
	var all []*Schedule
	seen := map[*Schedule]bool{}
	for _, k := range b.Windows() {
		for _, w := range x.schedules[k] {
			if !seen[w] {
				seen[w] = true
				all = append(all, w)
			}
		}
	}
	return all
}

// intervals holds the bookings of one touch by their planned windows: apart by the magnitude of their
// length, and of one magnitude by their begin. So about what overlaps a span is all that is looked at.
type intervals struct {
	of [Magnitudes][]*Booking
}

func (b *Booking) magnitude() int { return Magnitude(b.Planned.Length()) }

func before(a, b *Booking) int {
	return cmp.Or(a.Planned.Begin.Compare(b.Planned.Begin), cmp.Compare(a.Change, b.Change))
}

// add adds a booking, to be sorted later.
func (n *intervals) add(b *Booking) { n.of[b.magnitude()] = append(n.of[b.magnitude()], b) }

func (n *intervals) sort() {
	for _, list := range n.of {
		slices.SortFunc(list, before)
	}
}

func (n *intervals) insert(b *Booking) {
	list := &n.of[b.magnitude()]
	at, _ := slices.BinarySearchFunc(*list, b, before)
	*list = slices.Insert(*list, at, b)
}

// remove takes a booking out, and says whether none is left.
func (n *intervals) remove(b *Booking) bool {
	list := &n.of[b.magnitude()]
	if at, found := slices.BinarySearchFunc(*list, b, before); found {
		*list = slices.Delete(*list, at, at+1)
	}
	return !slices.ContainsFunc(n.of[:], func(list []*Booking) bool { return len(list) > 0 })
}

// overlapping calls fn for each booking whose planned window overlaps the span.
func (n *intervals) overlapping(in Span, fn func(*Booking)) {
	for m, list := range n.of {
		from := in.Begin.Add(-Longest(m))
		at, _ := slices.BinarySearchFunc(list, from, func(b *Booking, t time.Time) int { return b.Planned.Begin.Compare(t) })
		for ; at < len(list) && list[at].Planned.Begin.Before(in.End); at++ {
			if list[at].Planned.End.After(in.Begin) {
				fn(list[at])
			}
		}
	}
}
