// This file holds conflicts: what they are, those of two bookings, and those with windows.

package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// ConflictKind says what a conflict is.
type ConflictKind string

// The kinds of conflict.
const (
	// SameCI: both work on the same CI.
	SameCI ConflictKind = "same_ci"
	// ParentChild: one works on a parent of a CI that the other works on.
	ParentChild ConflictKind = "parent_child"
	// Upstream: the other disturbs a CI that this change works on, which depends on what the other works on.
	Upstream ConflictKind = "upstream"
	// Downstream: this change disturbs a CI that the other works on.
	Downstream ConflictKind = "downstream"
	// SameService: both disturb the same service.
	SameService ConflictKind = "same_service"
	// SameImplementer: the same person does both.
	SameImplementer ConflictKind = "same_implementer"
	// InFreeze: a freeze covers this change.
	InFreeze ConflictKind = "freeze"
	// OutsideMaintenance: this change disturbs a CI or service outside the maintenance windows that it has.
	OutsideMaintenance ConflictKind = "outside_maintenance"
	// OutsideWanted: this change is outside the window that it shall be in: [SlotQuery.Within].
	OutsideWanted ConflictKind = "outside_wanted"
)

// ConflictKinds are all kinds, in the order in which conflicts are listed.
func ConflictKinds() []ConflictKind {
	return []ConflictKind{InFreeze, OutsideMaintenance, OutsideWanted, SameCI, ParentChild, Upstream, Downstream, SameService, SameImplementer}
}

// SideKind says what a side of a conflict is.
type SideKind string

// The kinds of side.
const (
	SideChange      SideKind = "change"
	SideFreeze      SideKind = SideKind(WindowFreeze)
	SideMaintenance SideKind = SideKind(WindowMaintenance)
	SideWanted      SideKind = "wanted" // the window of [SlotQuery.Within]
)

// Side is one side of a conflict.
type Side struct {
	Kind SideKind `json:"kind"`
	// ID is the change's or the window's.
	ID itsm.ID `json:"id"`
	// On is the CI, service or person through which it is in the conflict; empty for a freeze and what it covers.
	On itsm.ID `json:"on,omitempty"`
}

// Conflict is one reason against a booking at one time.
type Conflict struct {
	Kind  ConflictKind `json:"kind"`
	This  Side         `json:"this"`
	Other Side         `json:"other"`
	// Span is the time that the sides have in common, and for maintenance the time that is outside.
	Span Span `json:"span"`
	// Why says it in a sentence.
	Why string `json:"why"`
}

// compare orders conflicts: by kind as they are listed, then by side and time.
func compare(a, b Conflict) int {
	return cmp.Or(
		cmp.Compare(slices.Index(ConflictKinds(), a.Kind), slices.Index(ConflictKinds(), b.Kind)),
		cmp.Compare(a.This.ID, b.This.ID), a.Span.Begin.Compare(b.Span.Begin), cmp.Compare(a.Other.ID, b.Other.ID),
		cmp.Compare(a.This.On, b.This.On), cmp.Compare(a.Other.On, b.Other.On), a.Span.End.Compare(b.Span.End),
	)
}

// Sort puts conflicts in the order in which they are listed: by kind, then by time and side.
func Sort(all []Conflict) { slices.SortFunc(all, compare) }

// Between gives the conflicts of two changes, as those of the first. A change has none with itself. Neither is
// checked: see [Booking.Validate].
func Between(this, other Booking) []Conflict {
	return newCandidate(this.instants()).with(other.instants())
}

// Against gives the conflicts of a change with freezes and maintenance windows. Those that are not for it are
// passed over; of a CI or service the maintenance windows count together. The booking is not checked: see
// [Booking.Validate].
func Against(b Booking, windows []*Schedule) (all []Conflict) {
	b = b.instants()
	for _, w := range windows {
		if w.Covers(b) {
			all = append(all, frozen(b, w)...)
		}
	}
	for _, m := range maintained(b, windows) {
		all = append(all, m.conflicts(b)...)
	}
	slices.SortFunc(all, compare)
	return all
}

// frozen gives the conflicts with a freeze that covers the change.
func frozen(b Booking, w *Schedule) (all []Conflict) {
	for _, o := range w.Occurrences(b.Planned) {
		if span, ok := o.Meet(b.Planned); ok {
			all = append(all, Conflict{InFreeze, Side{SideChange, b.Change, ""}, Side{SideFreeze, w.window.ID, ""}, span, w.why()})
		}
	}
	return all
}

// why says why a freeze is in the way.
func (s *Schedule) why() string {
	text := fmt.Sprintf("the freeze %q covers this change", s.window.Name)
	if s.window.Reason != "" {
		text += ": " + s.window.Reason
	}
	return text
}

// subject is a CI or service with its maintenance windows.
type subject struct {
	id      itsm.ID
	name    string // "CI" or "service"
	windows []*Schedule
}

// maintained gives what the change disturbs and has maintenance windows among these, in the order of ids.
func maintained(b Booking, windows []*Schedule) (all []*subject) {
	type key struct {
		service bool
		id      itsm.ID
	}
	of := map[key]*subject{}
	for _, w := range windows {
		if w.window.Kind != WindowMaintenance {
			continue
		}
		for service, list := range map[bool][]itsm.ID{false: w.window.Scope.CIs, true: w.window.Scope.Services} {
			for _, id := range list {
				k := key{service, id}
				if of[k] == nil {
					of[k] = &subject{id: id, name: map[bool]string{false: "CI", true: "service"}[service]}
				}
				if !slices.Contains(of[k].windows, w) {
					of[k].windows = append(of[k].windows, w)
				}
			}
		}
	}
	take := func(k key) {
		if s := of[k]; s != nil {
			all = append(all, s)
			delete(of, k) // once
		}
	}
	for _, ci := range b.CIs {
		if ci.Relation == RelationOwn || ci.Relation == RelationImpacted {
			take(key{false, ci.ID})
		}
	}
	for _, id := range b.Services {
		take(key{true, id})
	}
	for _, s := range all {
		slices.SortFunc(s.windows, func(a, b *Schedule) int { return cmp.Compare(a.window.ID, b.window.ID) })
	}
	return all
}

// occurrences gives when the subject may be disturbed.
func (s *subject) occurrences(within Span) []Span {
	var all []Span
	for _, w := range s.windows {
		all = append(all, w.Occurrences(within)...)
	}
	return union(all)
}

// outside is a conflict of a change with the subject's windows.
func (s *subject) outside(change itsm.ID, span Span) Conflict {
	names := make([]string, 0, 3)
	for i, w := range s.windows {
		if i == 3 {
			names = append(names, fmt.Sprintf("%d more", len(s.windows)-i))
			break
		}
		names = append(names, fmt.Sprintf("%q", w.window.Name))
	}
	return Conflict{OutsideMaintenance, Side{SideChange, change, s.id}, Side{SideMaintenance, s.windows[0].window.ID, s.id}, span,
		fmt.Sprintf("%s %s is disturbed outside its maintenance windows (%s)", s.name, s.id, strings.Join(names, ", "))}
}

// conflicts gives the times at which the change disturbs the subject outside its windows.
func (s *subject) conflicts(b Booking) (all []Conflict) {
	for _, span := range without(b.Disturbs(), s.occurrences(b.Disturbs())) {
		all = append(all, s.outside(b.Change, span))
	}
	return all
}

// candidate is a booking prepared to be held against others.
type candidate struct {
	Booking
	own      map[itsm.ID]bool
	family   map[itsm.ID][]CI // parents and children
	impacted map[itsm.ID][]CI
	services map[itsm.ID]bool
	people   map[itsm.ID]bool
}

func newCandidate(b Booking) *candidate {
	c := &candidate{Booking: b, own: map[itsm.ID]bool{}, family: map[itsm.ID][]CI{}, impacted: map[itsm.ID][]CI{},
		services: set(b.Services), people: set(b.Implementers)}
	for _, ci := range b.CIs {
		switch ci.Relation {
		case RelationOwn:
			c.own[ci.ID] = true
		case RelationParent, RelationChild:
			c.family[ci.ID] = append(c.family[ci.ID], ci)
		case RelationImpacted:
			c.impacted[ci.ID] = append(c.impacted[ci.ID], ci)
		}
	}
	return c
}

func set(ids []itsm.ID) map[itsm.ID]bool {
	all := make(map[itsm.ID]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all
}

// tie is what two changes have in common, whenever they are.
type tie struct {
	kind        ConflictKind
	this, other itsm.ID
	why         string
}

// ties gives what the candidate and another change have in common, each once.
func (c *candidate) ties(other *Booking) (all []tie) {
	if c.Change == other.Change {
		return nil
	}
	type key struct {
		kind        ConflictKind
		this, other itsm.ID
	}
	seen := map[key]bool{}
	add := func(kind ConflictKind, this, on itsm.ID, format string, args ...any) {
		if k := (key{kind, this, on}); !seen[k] {
			seen[k] = true
			all = append(all, tie{kind, this, on, fmt.Sprintf(format, args...)})
		}
	}
	via := func(ci CI) itsm.ID { return cmp.Or(ci.Via, ci.ID) }
	for _, ci := range other.CIs {
		switch ci.Relation {
		case RelationOwn:
			if c.own[ci.ID] {
				add(SameCI, ci.ID, ci.ID, "both work on CI %s", ci.ID)
			}
			for _, mine := range c.family[ci.ID] {
				add(ParentChild, via(mine), ci.ID, "the CIs %s and %s are parent and child", via(mine), ci.ID)
			}
			for _, mine := range c.impacted[ci.ID] {
				add(Downstream, via(mine), ci.ID, "work on CI %s disturbs CI %s, on which the other works", via(mine), ci.ID)
			}
		case RelationParent, RelationChild:
			if c.own[ci.ID] {
				add(ParentChild, ci.ID, via(ci), "the CIs %s and %s are parent and child", ci.ID, via(ci))
			}
		case RelationImpacted:
			if c.own[ci.ID] {
				add(Upstream, ci.ID, via(ci), "the other's work on CI %s disturbs CI %s, on which this change works", via(ci), ci.ID)
			}
		}
	}
	for _, id := range other.Services {
		if c.services[id] {
			add(SameService, id, id, "both disturb the service %s", id)
		}
	}
	for _, id := range other.Implementers {
		if c.people[id] {
			add(SameImplementer, id, id, "%s does both", id)
		}
	}
	return all
}

// spans gives the two spans that a kind of tie makes conflict where they overlap.
func (c *candidate) spans(kind ConflictKind, other *Booking) (mine, theirs Span) {
	mine, theirs = c.Planned, other.Planned
	switch kind {
	case Upstream:
		theirs = other.Disturbs()
	case Downstream:
		mine = c.Disturbs()
	case SameService:
		mine, theirs = c.Disturbs(), other.Disturbs()
	}
	return mine, theirs
}

// with gives the conflicts with another change.
func (c *candidate) with(other Booking) (all []Conflict) {
	if !c.Planned.Overlaps(other.Planned) {
		return nil
	}
	for _, t := range c.ties(&other) {
		if span, ok := c.meet(t.kind, &other); ok {
			all = append(all, Conflict{t.kind, Side{SideChange, c.Change, t.this}, Side{SideChange, other.Change, t.other}, span, t.why})
		}
	}
	slices.SortFunc(all, compare)
	return all
}

func (c *candidate) meet(kind ConflictKind, other *Booking) (Span, bool) {
	mine, theirs := c.spans(kind, other)
	return mine.Meet(theirs)
}

// shift gives how much later than the planned window's begin a span begins.
func (b *Booking) shift(s Span) time.Duration { return s.Begin.Sub(b.Planned.Begin) }
