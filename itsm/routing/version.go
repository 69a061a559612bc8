// This file holds the records: the versions of rule sets, and whose turn it is in a group.

package routing

import (
	"maps"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a version of a rule set is: the name of its table, the first part
// of the permissions and event types.
const Kind = "routing"

// VersionKind makes rule sets what package versioned keeps.
func (RuleSet) VersionKind() string { return Kind }

// Clone gives a copy that shares nothing but the values of conditions, which nobody changes.
func (s RuleSet) Clone() RuleSet {
	c := RuleSet{Default: s.Default, Rules: append(make([]Rule, 0, len(s.Rules)), s.Rules...)}
	if len(s.Overflow) > 0 {
		c.Overflow = maps.Clone(s.Overflow)
	}
	return c
}

// Table is the table of versions. The family of one is the kind of record that it routes.
var Table = versioned.Define[RuleSet]()

// What package versioned keeps of rule sets.
type (
	// Version is one version of a rule set of a tenant. Its family is the kind of record that it routes.
	Version = versioned.Version[RuleSet]
	// Layer is a rule set and where it comes from.
	Layer = versioned.Layer[RuleSet]
	// Source says where a value comes from: a version of a tenant's rule set.
	Source = versioned.Source
	// Draft is a request for a new version; its family is the kind of record that it is to route.
	Draft = versioned.Draft[RuleSet]
	// Revision is a request to change a draft.
	Revision = versioned.Revision[RuleSet]
	// Inheritance is a request to take over a provider's rules for a kind of record.
	Inheritance = versioned.Inheritance[RuleSet]
	// Publication is a request to give other tenants the rules for a kind of record.
	Publication = versioned.Publication
)

// turn says who had the last turn in a group. Its id is the group's.
type turn struct {
	turnHead
	turnBody
}

type turnHead struct {
	storage.Meta
	Last itsm.ID
}

type turnBody struct{}

var turnByLast = storage.Col("last", func(h *turnHead) *itsm.ID { return &h.Last })

var turnTable = storage.Define("routing_turn", storage.Def[turn, turnHead, turnBody]{
	Parts:   func(t *turn) (*turnHead, *turnBody) { return &t.turnHead, &t.turnBody },
	Columns: []storage.ColumnOf[turnHead]{turnByLast},
})
