// This file holds what bookings and windows are found by: what they touch, and how long they are.

package calendar

import (
	"slices"
	"time"
)

// Touch is something that bookings have in common, or that a window is for: "own:db1". It is what an index,
// in memory or in a store, finds them by.
type Touch string

// What is touched, before the id.
const (
	touchOwn     = "own:"     // a CI that is worked on
	touchOther   = "touched:" // a CI that is touched otherwise
	touchService = "service:"
	touchPerson  = "person:"
	touchSite    = "site:"
	touchModel   = "model:"
	touchCI      = "ci:" // of a window
	touchAll     = "all:"
)

// MaxTouch is the greatest length of a touch in bytes.
const MaxTouch = 210

type touches []Touch

func (t *touches) add(kind string, id string) { *t = append(*t, Touch(kind+id)) }

// once gives them in order, each once.
func (t touches) once() []Touch {
	slices.Sort(t)
	return slices.Compact(t)
}

func addAll[S ~string](t *touches, kind string, ids []S) {
	for _, id := range ids {
		t.add(kind, string(id))
	}
}

// Touches gives by what other changes find a booking, in order, each once.
func (b *Booking) Touches() []Touch {
	all := make(touches, 0, len(b.CIs)+len(b.Services)+len(b.Implementers))
	for _, ci := range b.CIs {
		if ci.Relation == RelationOwn {
			all.add(touchOwn, string(ci.ID))
		} else {
			all.add(touchOther, string(ci.ID))
		}
	}
	addAll(&all, touchService, b.Services)
	addAll(&all, touchPerson, b.Implementers)
	return all.once()
}

// Scopes gives by what windows find a booking, beside its [Booking.Touches], in order, each once.
func (b *Booking) Scopes() []Touch {
	all := touches{touchAll}
	if b.Model != "" {
		all.add(touchModel, b.Model)
	}
	addAll(&all, touchSite, b.Sites)
	return all.once()
}

// Meets gives the [Booking.Touches] of the bookings that can conflict with this one, in order, each once.
func (b *Booking) Meets() []Touch {
	all := make(touches, 0, 2*len(b.CIs)+len(b.Services)+len(b.Implementers))
	for _, ci := range b.CIs {
		all.add(touchOwn, string(ci.ID))
		if ci.Relation == RelationOwn { // two that both only touch a CI are no conflict
			all.add(touchOther, string(ci.ID))
		}
	}
	addAll(&all, touchService, b.Services)
	addAll(&all, touchPerson, b.Implementers)
	return all.once()
}

// Windows gives the [Scope.Touches] of the windows that can be for the booking, in order, each once.
func (b *Booking) Windows() []Touch {
	all := touches{touchAll}
	for _, ci := range b.CIs {
		if ci.Relation == RelationOwn || ci.Relation == RelationImpacted {
			all.add(touchCI, string(ci.ID))
		}
	}
	addAll(&all, touchService, b.Services)
	addAll(&all, touchSite, b.Sites)
	if b.Model != "" {
		all.add(touchModel, b.Model)
	}
	return all.once()
}

// Touches gives by what bookings find a window, in order, each once: each CI and service of a maintenance
// window, and one list of a freeze, which every change that it covers meets.
func (w *Window) Touches() []Touch {
	c := &w.Scope
	var all touches
	switch {
	case w.Kind == WindowMaintenance:
		addAll(&all, touchCI, c.CIs)
		addAll(&all, touchService, c.Services)
	case len(c.CIs) > 0:
		addAll(&all, touchCI, c.CIs)
	case len(c.Services) > 0:
		addAll(&all, touchService, c.Services)
	case len(c.Sites) > 0:
		addAll(&all, touchSite, c.Sites)
	case len(c.Models) > 0:
		addAll(&all, touchModel, c.Models)
	default:
		all = touches{touchAll}
	}
	return all.once()
}

// Bookings gives by which of their [Booking.Touches] and [Booking.Scopes] a window finds the bookings that it can be
// for, in order, each once.
func (w *Window) Bookings() []Touch {
	var all touches
	for _, t := range w.Touches() {
		if id, ok := t.id(touchCI); ok {
			all.add(touchOwn, id)
			all.add(touchOther, id)
			continue
		}
		all = append(all, t)
	}
	return all.once()
}

func (t Touch) id(kind string) (string, bool) {
	if len(t) > len(kind) && string(t[:len(kind)]) == kind {
		return string(t[len(kind):]), true
	}
	return "", false
}

// magnitudes are how long the planned windows of each magnitude are at most.
var magnitudes = [...]time.Duration{time.Hour, 4 * time.Hour, 16 * time.Hour, 64 * time.Hour, 256 * time.Hour, 1024 * time.Hour, MaxLength}

// Magnitudes is how many magnitudes of length there are.
const Magnitudes = len(magnitudes)

// Magnitude gives the magnitude of the length of a booking, from 0: bookings of one magnitude that overlap a
// span begin in it, or less than [Longest] before it.
func Magnitude(length time.Duration) int {
	for m, most := range magnitudes {
		if length <= most {
			return m
		}
	}
	return Magnitudes - 1
}

// Longest gives how long a booking of the magnitude is at most.
func Longest(magnitude int) time.Duration { return magnitudes[magnitude] }
