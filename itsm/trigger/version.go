// This file holds the records that triggers are kept in: the versions of a tenant's set.

package trigger

import (
	"slices"

	"github.com/itsmkit/itsmkit/itsm/versioned"
)

// Kind is the kind of record that a version of a set is: the name of its table, the first part of the
// permissions and event types.
const Kind = "trigger"

// VersionKind makes sets what package versioned keeps.
func (Set) VersionKind() string { return Kind }

// Clone gives a copy that shares nothing but what nobody changes.
func (s Set) Clone() Set { return Set{Triggers: slices.Clone(s.Triggers)} }

// Table is the table of versions. They are of one family, whose name is empty.
var Table = versioned.Define[Set]()

// What package versioned keeps of sets.
type (
	// Version is one version of a tenant's set. What is or was active is never changed.
	Version = versioned.Version[Set]
	// Layer is a set and where it comes from. The zero Layer has no triggers.
	Layer = versioned.Layer[Set]
	// Source says where a trigger comes from: a version of a tenant's set.
	Source = versioned.Source
	// Draft is a request for a new version.
	Draft = versioned.Draft[Set]
	// Revision is a request to change a draft.
	Revision = versioned.Revision[Set]
	// Inheritance is a request to take over a provider's triggers.
	Inheritance = versioned.Inheritance[Set]
	// Publication is a request to give other tenants the triggers.
	Publication = versioned.Publication
)
