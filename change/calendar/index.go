// This file holds the index: bookings by what they touch and when, and windows by what they are for.

package calendar

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Index holds bookings and windows, so that a question touches only what it is about. It is safe for any number of
// goroutines: questions run at once, and changes between them.
type Index struct {
	mu       sync.RWMutex
	bookings map[itsm.ID]*Booking
	touched  map[key]*intervals
	// maintenance are the windows of each CI and service, and freezes those by which one can be met.
	maintenance, freezes map[key][]*Schedule
}

// key is something that bookings have in common.
type key struct {
	what what
	id   string
}

type what uint8

const (
	ownCI     what = iota + 1 // a CI that is worked on
	touchedCI                 // a CI that is touched otherwise
	aService
	aPerson
	aCI // whichever way, for windows
	aSite
	aModel
	everything
)

// NewIndex makes an index of bookings and windows. Two bookings of one change, and what [Booking.Validate]
// refuses, are ErrInvalid, with every fault.
func NewIndex(bookings []Booking, windows []*Schedule) (*Index, error) {
	x := &Index{bookings: make(map[itsm.ID]*Booking, len(bookings)), touched: map[key]*intervals{},
		maintenance: map[key][]*Schedule{}, freezes: map[key][]*Schedule{}}
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
		for _, k := range booked.keys() {
			x.intervals(k).add(booked)
		}
	}
	for _, of := range x.touched {
		of.sort()
	}
	for _, w := range windows {
		x.window(w)
	}
	return x, nil
}

// window adds a window under what it can be met by: one list of a freeze's scope is enough for that.
func (x *Index) window(w *Schedule) {
	c := &w.window.Scope
	if w.window.Kind == WindowMaintenance {
		for _, k := range keysOf(aCI, c.CIs) {
			x.maintenance[k] = append(x.maintenance[k], w)
		}
		for _, k := range keysOf(aService, c.Services) {
			x.maintenance[k] = append(x.maintenance[k], w)
		}
		return
	}
	keys := []key{{everything, ""}}
	switch {
	case len(c.CIs) > 0:
		keys = keysOf(aCI, c.CIs)
	case len(c.Services) > 0:
		keys = keysOf(aService, c.Services)
	case len(c.Sites) > 0:
		keys = keysOf(aSite, c.Sites)
	case len(c.Models) > 0:
		keys = keysOf(aModel, c.Models)
	}
	for _, k := range keys {
		x.freezes[k] = append(x.freezes[k], w)
	}
}

// keysOf gives the keys of ids, each once.
func keysOf[S ~string](w what, ids []S) []key {
	all := make(map[key]struct{}, len(ids))
	for _, id := range ids {
		all[key{w, string(id)}] = struct{}{}
	}
	return slices.Collect(maps.Keys(all))
}

// keys gives under what the booking is found, each once.
func (b *Booking) keys() []key {
	all := make(map[key]struct{}, len(b.CIs)+len(b.Services)+len(b.Implementers))
	for _, ci := range b.CIs {
		w := touchedCI
		if ci.Relation == RelationOwn {
			w = ownCI
		}
		all[key{w, string(ci.ID)}] = struct{}{}
	}
	for _, id := range b.Services {
		all[key{aService, string(id)}] = struct{}{}
	}
	for _, id := range b.Implementers {
		all[key{aPerson, string(id)}] = struct{}{}
	}
	return slices.Collect(maps.Keys(all))
}

// asks gives under what the bookings are found that can conflict with this one, each once.
func (b *Booking) asks() []key {
	all := map[key]struct{}{}
	for _, k := range b.keys() {
		switch k.what {
		case ownCI:
			all[k], all[key{touchedCI, k.id}] = struct{}{}, struct{}{}
		case touchedCI: // two that both only touch it are no conflict
			all[key{ownCI, k.id}] = struct{}{}
		default:
			all[k] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(all))
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
	for _, k := range b.keys() {
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
	for _, k := range b.keys() {
		if of := x.touched[k]; of.remove(b) {
			delete(x.touched, k)
		}
	}
	delete(x.bookings, change)
	return true
}

func (x *Index) intervals(k key) *intervals {
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
	for _, k := range b.asks() {
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
	take := func(of map[key][]*Schedule, k key) {
		for _, w := range of[k] {
			if !seen[w] {
				seen[w] = true
				all = append(all, w)
			}
		}
	}
	take(x.freezes, key{everything, ""})
	take(x.freezes, key{aModel, b.Model})
	for _, ci := range b.CIs {
		if ci.Relation == RelationOwn || ci.Relation == RelationImpacted {
			take(x.freezes, key{aCI, string(ci.ID)})
			take(x.maintenance, key{aCI, string(ci.ID)})
		}
	}
	for _, id := range b.Services {
		take(x.freezes, key{aService, string(id)})
		take(x.maintenance, key{aService, string(id)})
	}
	for _, id := range b.Sites {
		take(x.freezes, key{aSite, string(id)})
	}
	return all
}

// intervals holds the bookings of one key by their planned windows: apart by the order of magnitude of their
// length, and of one magnitude by their begin. Those of a magnitude that overlap a span begin in it, or less
// than twice their own length before it; so about what overlaps is all that is looked at.
type intervals struct {
	of map[int][]*Booking
}

// magnitude is how many bits the length of a planned window has in microseconds.
func (b *Booking) magnitude() int { return bits.Len64(uint64(b.Planned.Length().Microseconds())) }

func before(a, b *Booking) int {
	return cmp.Or(a.Planned.Begin.Compare(b.Planned.Begin), cmp.Compare(a.Change, b.Change))
}

// add adds a booking, to be sorted later.
func (n *intervals) add(b *Booking) {
	if n.of == nil {
		n.of = map[int][]*Booking{}
	}
	n.of[b.magnitude()] = append(n.of[b.magnitude()], b)
}

func (n *intervals) sort() {
	for _, list := range n.of {
		slices.SortFunc(list, before)
	}
}

func (n *intervals) insert(b *Booking) {
	if n.of == nil {
		n.of = map[int][]*Booking{}
	}
	m := b.magnitude()
	at, _ := slices.BinarySearchFunc(n.of[m], b, before)
	n.of[m] = slices.Insert(n.of[m], at, b)
}

// remove takes a booking out, and says whether none is left.
func (n *intervals) remove(b *Booking) bool {
	m := b.magnitude()
	if at, found := slices.BinarySearchFunc(n.of[m], b, before); found {
		n.of[m] = slices.Delete(n.of[m], at, at+1)
	}
	if len(n.of[m]) == 0 {
		delete(n.of, m)
	}
	return len(n.of) == 0
}

// overlapping calls fn for each booking whose planned window overlaps the span.
func (n *intervals) overlapping(in Span, fn func(*Booking)) {
	for m, list := range n.of {
		longest := time.Duration(1<<m-1) * time.Microsecond
		from := in.Begin.Add(-longest)
		at, _ := slices.BinarySearchFunc(list, from, func(b *Booking, t time.Time) int { return b.Planned.Begin.Compare(t) })
		for ; at < len(list) && list[at].Planned.Begin.Before(in.End); at++ {
			if list[at].Planned.End.After(in.Begin) {
				fn(list[at])
			}
		}
	}
}
