// This file holds bookings: a change as the calendar sees it.

package calendar

import (
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
)

// The bounds of a booking.
const (
	MaxCIs          = 5000 // with those it impacts
	MaxServices     = 1000
	MaxImplementers = 200
	MaxSites        = 1000
)

// Relation says how a change touches a CI.
type Relation string

// The relations.
const (
	// RelationOwn: the change works on it.
	RelationOwn Relation = "own"
	// RelationParent: it is a parent of one that the change works on.
	RelationParent Relation = "parent"
	// RelationChild: it is a child of one that the change works on.
	RelationChild Relation = "child"
	// RelationImpacted: it depends on one that the change works on, directly or not.
	RelationImpacted Relation = "impacted"
)

var relations = []Relation{RelationOwn, RelationParent, RelationChild, RelationImpacted}

// CI is a CI that a change touches. One may be there several times, in different relations.
type CI struct {
	ID       itsm.ID  `json:"id"`
	Relation Relation `json:"relation"`
	// Via is the CI that the change works on and through which it touches this one; empty where that is
	// not known, and for [RelationOwn].
	Via itsm.ID `json:"via,omitempty"`
}

// Booking is a change on the calendar. Its JSON form is its fields.
type Booking struct {
	// Change is the change's id.
	Change itsm.ID `json:"change"`
	// Planned is when people work, at most [MaxLength].
	Planned Span `json:"planned"`
	// Outage is when others are disturbed, inside Planned; zero means in all of it.
	Outage Span `json:"outage,omitzero"`
	CIs    []CI `json:"cis,omitempty"`
	// Services are those that it disturbs.
	Services []itsm.ID `json:"services,omitempty"`
	// Implementers are the people who do it.
	Implementers []itsm.ID `json:"implementers,omitempty"`
	// Sites are where it is done, and Model is the kind of change that it is. Freezes may be for some alone.
	Sites []itsm.ID `json:"sites,omitempty"`
	Model string    `json:"model,omitempty"`
}

// Disturbs gives when the change disturbs others: its outage window, or its planned window where it has none.
func (b Booking) Disturbs() Span {
	if b.Outage.IsZero() {
		return b.Planned
	}
	return b.Outage
}

// Validate gives ErrInvalid with every fault.
func (b Booking) Validate() error {
	var f itsm.Faults
	f.Key("change", string(b.Change))
	b.Planned.check(&f, "planned", MaxLength)
	b.parts(&f)
	if !b.Outage.IsZero() {
		b.Outage.check(&f, "outage", MaxLength)
		if f.Empty() && !b.Planned.Holds(b.Outage) {
			f.Add("outage", "must lie in the planned window")
		}
	}
	return f.Err("booking")
}

// parts notes what is wrong with all but its windows and its id.
func (b Booking) parts(f *itsm.Faults) {
	if len(b.CIs) > MaxCIs {
		f.Addf("cis", "are %d; at most %d are allowed", len(b.CIs), MaxCIs)
	} else {
		for i, ci := range b.CIs {
			field := fmt.Sprintf("cis[%d]", i)
			f.Key(field+".id", string(ci.ID))
			if ci.Via != "" {
				f.Key(field+".via", string(ci.Via))
			}
			if !slices.Contains(relations, ci.Relation) {
				f.Addf(field+".relation", "is %.64q; allowed are own, parent, child and impacted", ci.Relation)
			}
		}
	}
	ids(f, "services", b.Services, MaxServices)
	ids(f, "implementers", b.Implementers, MaxImplementers)
	ids(f, "sites", b.Sites, MaxSites)
	if b.Model != "" {
		f.Key("model", b.Model)
	}
}

// ids notes what is wrong with a list of ids.
func ids[S ~string](f *itsm.Faults, field string, all []S, most int) {
	if len(all) > most {
		f.Addf(field, "are %d; at most %d are allowed", len(all), most)
		return
	}
	for i, id := range all {
		f.Key(fmt.Sprintf("%s[%d]", field, i), string(id))
	}
}

// instants gives the booking with its times as the library keeps them.
func (b Booking) instants() Booking {
	b.Planned, b.Outage = b.Planned.instants(), b.Outage.instants()
	return b
}
