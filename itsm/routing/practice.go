// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package routing

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all rule sets of the tenant: a grant in a narrower scope
// gives nothing here.
const (
	// PermissionRead lets read rule sets and their history, and ask what they would decide.
	PermissionRead itsm.Permission = "routing.read"
	// PermissionManage lets draft, revise, activate and publish them.
	PermissionManage itsm.Permission = "routing.manage"
)

// Candidates is what a host tells of the people of its groups.
type Candidates interface {
	// Candidates gives the people of a group as they are now: whether they are active and
	// available, their skills, their capacity, and how many open records of the kind, or of all
	// kinds, they have. r reads in the tenant: inside a command it is the open unit, which also
	// sees what the unit has written, and loads that are counted through it are as fresh as its
	// isolation allows. A group without people, or that is not there, has none.
	Candidates(ctx context.Context, r storage.Reader, recordKind string, group itsm.ID) ([]Candidate, error)
}

// Options are the practice's settings.
type Options struct {
	// Vocabularies say which kinds of record are routed, and what their rules can speak of: one
	// for each kind, at least one.
	Vocabularies []*Vocabulary
	// Candidates tells of the people of groups. Nil: rules choose groups alone, and one that
	// chooses a person is refused.
	Candidates Candidates
	// MayRoute says whether a rule may send records of the kind to the group, which it does by
	// nil; ErrNotFound and ErrInvalid make it a fault of the rule set. Nil does not ask, so that
	// any id will do.
	MayRoute func(ctx context.Context, r storage.Reader, recordKind string, group itsm.ID) error
}

// Practice keeps rule sets and routes by them, over an engine. It is safe for any number of
// goroutines. Its [versioned.Keeper] has the commands on versions: Draft, Revise, Activate, Retire,
// Inherit and Publish, and their reads. A set with a fault is refused: see [RuleSet.Check].
type Practice struct {
	*versioned.Keeper[RuleSet]
	*settings
}

// settings are what every rebinding of a practice shares. They do not change, but for what is kept ready.
type settings struct {
	vocabularies map[string]*Vocabulary
	candidates   Candidates
	mayRoute     func(context.Context, storage.Reader, string, itsm.ID) error
	ready        *versioned.Ready[RuleSet, *followed]
}

// New makes the practice and registers it on the engine. It is ErrInvalid, with every fault, where an
// option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	s := &settings{vocabularies: map[string]*Vocabulary{}, candidates: o.Candidates, mayRoute: o.MayRoute}
	if len(o.Vocabularies) == 0 {
		f.Add("vocabularies", "are required: without one no kind of record can be routed")
	}
	for i, v := range o.Vocabularies {
		at := fmt.Sprintf("vocabularies[%d]", i)
		if v == nil {
			f.Add(at, "is required")
			continue
		}
		if _, twice := s.vocabularies[v.kind]; twice {
			f.Addf(at, "is a second one of %s", v.kind)
		}
		s.vocabularies[v.kind] = v
	}
	if err := f.Err("routing options"); err != nil {
		return nil, err
	}
	s.ready = versioned.NewReady(Table, s.makeReady)
	p := &Practice{settings: s}
	p.Keeper = versioned.New(e, Table, PermissionRead, PermissionManage, versioned.Options[RuleSet]{
		Family: func(recordKind string, f *itsm.Faults) {
			if s.vocabularies[recordKind] == nil {
				f.Addf("family", "%s is not routed", quoted(recordKind))
			}
		},
		Check: p.refuse,
	})
	return p, e.Use(engine.Module{
		Name:   Kind,
		Tables: []*storage.Schema{Table.Schema(), turnTable.Schema()},
		Events: versioned.EventTypes[RuleSet](),
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{Keeper: p.Keeper.In(s), settings: p.settings}
}

// Vocabulary gives what the rules for a kind of record can speak of; ErrInvalid where the kind is
// not routed.
func (p *Practice) Vocabulary(recordKind string) (*Vocabulary, error) {
	v, ok := p.vocabularies[recordKind]
	if !ok {
		return nil, storage.Invalid("routing", "record_kind", fmt.Sprintf("%s is not routed", quoted(recordKind)))
	}
	return v, nil
}
