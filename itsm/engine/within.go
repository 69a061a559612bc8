// This file holds what a reaction can ask of the unit that it is in: what has changed since the event
// that it answers, and what was remembered.

package engine

import "github.com/itsmkit/itsmkit/itsm"

// Since gives what was changed of an event's record after the event, in this unit, as the log tells it,
// oldest first: other reactions, and commands that they gave, may have gone before. With it a reaction
// can take a record that it reads back to what it was at the event.
func (u *Unit) Since(e itsm.Event) []itsm.Change {
	var all []itsm.Change
	for i := range u.s.queue {
		later := &u.s.queue[i]
		if later.Kind == e.Kind && later.Record == e.Record && (later.Version > e.Version || later.Version == e.Version && later.N > e.N) {
			all = append(all, later.Changes...)
		}
	}
	if r, ok := u.s.records[recordKey{e.Kind, e.Record}]; ok { // what no event has told yet
		all = append(all, u.e.r.told(e.Kind, r.changes)...)
	}
	return all
}

// memory is what a unit keeps of the records of a kind.
type memory struct {
	kind  string
	value any
}

// Remember keeps a value that was made of the records of a kind, for the rest of the unit: under a key
// that is comparable and of a type of its own, as those of context values are. It is forgotten as soon as
// the unit writes a record of the kind. It spares reactions that answer every event what they have read.
func (u *Unit) Remember(key any, kind string, value any) {
	if u.s.memories == nil {
		u.s.memories = map[any]memory{}
	}
	u.s.memories[key] = memory{kind, value}
}

// Remembered gives what [Unit.Remember] keeps under a key, or nil.
func (u *Unit) Remembered(key any) any { return u.s.memories[key].value }

// wrote notes that a record of a kind is being written.
func (s *unitState) wrote(kind string) {
	s.writes++
	for key, m := range s.memories {
		if m.kind == kind {
			delete(s.memories, key)
		}
	}
}
