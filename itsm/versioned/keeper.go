// This file holds the keeper of versions: how it is made, and how it is rebound to another store.

package versioned

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are what a practice says of its versions; the zero value works.
type Options[S Set[S]] struct {
	// Family notes what is wrong with the name of a family, as faults of the field "family": that it is
	// no key, or not one of those that there are. Nil means that there is one, whose name is empty.
	Family func(family string, f *itsm.Faults)
	// Check notes all that is wrong with a set that is drafted, revised, activated or inherited in the
	// unit's tenant. Its fields are named as in the set's own JSON form: "rules[2].group". The family
	// has no fault. Nil refuses nothing.
	Check func(ctx context.Context, u *engine.Unit, family string, stack Stack, set S, f *itsm.Faults)
}

// Keeper keeps the versions of a tenant's sets, over an engine. A practice embeds it. It is safe for any
// number of goroutines.
type Keeper[S Set[S]] struct {
	e *engine.Engine
	*settings[S]
}

// settings are what every rebinding of a keeper shares. They do not change.
type settings[S Set[S]] struct {
	table        Table[S]
	read, manage itsm.Permission
	options      Options[S]
}

// New makes a keeper of the versions in a table, which [Define] made. It asks for the permission read
// for all that only reads, and for manage for the commands, both on all versions of the tenant: a grant
// in a narrower scope gives nothing. It registers nothing: the table and [EventTypes] are for the
// practice's module.
func New[S Set[S]](e *engine.Engine, t Table[S], read, manage itsm.Permission, o Options[S]) *Keeper[S] {
	return &Keeper[S]{e: e, settings: &settings[S]{table: t, read: read, manage: manage, options: o}}
}

// In gives the keeper over another store: one joined to the host's own transaction, or that of an open
// unit. What it does is then part of that transaction.
func (k *Keeper[S]) In(s storage.Store) *Keeper[S] {
	return &Keeper[S]{e: k.e.In(s), settings: k.settings}
}

// subject is what an authorizer is asked about: versions are nobody's own.
func (s *settings[S]) subject(id itsm.ID) *itsm.Subject {
	return &itsm.Subject{Kind: s.table.Name(), ID: id}
}

// family notes what is wrong with the name of a family, and says whether nothing is.
func (s *settings[S]) family(name string, f *itsm.Faults) bool {
	var own itsm.Faults
	switch {
	case s.options.Family != nil:
		s.options.Family(name, &own)
	case name != "":
		own.Add("family", "must be empty: there is one alone")
	}
	f.Merge("", own.Err(s.table.Name()))
	return own.Empty()
}

// check notes all that is wrong with a family and a set, which stands in the field of the request.
func (s *settings[S]) check(ctx context.Context, u *engine.Unit, h Head, set S, field string, f *itsm.Faults) {
	if !s.family(h.Family, f) || s.options.Check == nil {
		return
	}
	var own itsm.Faults
	s.options.Check(ctx, u, h.Family, h.Stack, set, &own)
	f.Merge(field, own.Err(s.table.Name()))
}
