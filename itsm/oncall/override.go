// This file holds overrides: who takes over, comes in addition, or is not on call after all.

package oncall

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// OverrideKind says what an override does.
type OverrideKind string

// The kinds.
const (
	// OverrideReplace lets Person be on call instead of Replaces, as long as that one would be;
	// without Replaces instead of everyone, or of nobody.
	OverrideReplace OverrideKind = "replace"
	// OverrideAdd lets Person be on call in addition.
	OverrideAdd OverrideKind = "add"
	// OverrideRemove takes Person off call, and whoever stands in for them.
	OverrideRemove OverrideKind = "remove"
)

// Override is a person and a span of time, beside the rota. Overrides apply in the order in which
// they were made, so of those that overlap the later one counts: who was to replace a person is
// replaced with them by a later override on that person, and a later override on the stand-in
// moves the stand-in alone.
type Override struct {
	// From is the first instant of it, To the first one after it.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Kind says what happens, and Person is whom the kind is about.
	Kind   OverrideKind `json:"kind"`
	Person itsm.ID      `json:"person"`
	// Replaces is who is replaced; for OverrideReplace alone.
	Replaces itsm.ID `json:"replaces,omitempty"`
}

// Check gives ErrInvalid with every fault of the override at once.
func (o Override) Check() error {
	var f itsm.Faults
	for _, t := range [...]struct {
		field string
		at    time.Time
	}{{"from", o.From}, {"to", o.To}} {
		if t.at.IsZero() {
			f.Add(t.field, "is required")
		} else if y := t.at.UTC().Year(); y < 1 || y > 9999 {
			f.Add(t.field, "must be in the years 1 to 9999")
		}
	}
	if !o.From.IsZero() && !o.To.IsZero() && !storage.Instant(o.From).Before(storage.Instant(o.To)) {
		f.Add("to", "must be after from")
	}
	switch o.Kind {
	case OverrideReplace, OverrideAdd, OverrideRemove:
	case "":
		f.Add("kind", `is required: "replace", "add" or "remove"`)
	default:
		f.Add("kind", `must be "replace", "add" or "remove"`)
	}
	f.Key("person", string(o.Person))
	if o.Replaces != "" {
		f.Key("replaces", string(o.Replaces))
		if o.Kind != OverrideReplace {
			f.Add("replaces", `is for overrides of the kind "replace"`)
		} else if o.Replaces == o.Person {
			f.Add("replaces", "must be another person")
		}
	}
	return f.Err("override")
}

func (c *compiler) overrides(overrides []Override) {
	for i, o := range overrides {
		c.Merge(fmt.Sprintf("overrides[%d]", i), o.Check())
	}
}

func instants(overrides []Override) []Override {
	out := slices.Clone(overrides)
	for i := range out {
		out[i].From, out[i].To = storage.Instant(out[i].From), storage.Instant(out[i].To)
	}
	return out
}

func (o *Override) covers(at time.Time) bool { return !at.Before(o.From) && at.Before(o.To) }

// place is one place on call: whose it is, and who stands there now, nobody where it is empty.
type place struct{ of, now itsm.ID }

// is says whether an override on the person is about this place.
func (p place) is(person itsm.ID) bool { return p.of == person || p.now == person }

// override applies the overrides to who has the turn.
func (t *Timetable) override(at time.Time, person itsm.ID, ok bool) []itsm.ID {
	var places []place
	if ok {
		places = append(places, place{person, person})
	}
	for i := range t.overrides {
		o := &t.overrides[i]
		if !o.covers(at) {
			continue
		}
		switch o.Kind {
		case OverrideReplace:
			if o.Replaces == "" && !slices.ContainsFunc(places, func(p place) bool { return p.now != "" }) {
				places = append(places, place{o.Person, o.Person})
			}
			for i, p := range places {
				if o.Replaces == "" || p.is(o.Replaces) {
					places[i].now = o.Person
				}
			}
		case OverrideAdd:
			if !slices.ContainsFunc(places, func(p place) bool { return p.now == o.Person }) {
				places = append(places, place{o.Person, o.Person})
			}
		case OverrideRemove:
			for i, p := range places {
				if p.is(o.Person) {
					places[i].now = ""
				}
			}
		}
	}
	var on []itsm.ID
	for _, p := range places {
		if p.now != "" {
			on = append(on, p.now)
		}
	}
	slices.Sort(on)
	return slices.Compact(on)
}
