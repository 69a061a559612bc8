// This file holds the events of rule sets: what stands in the log, and what others react to. Each is
// about a version of a rule set.

package routing

import "github.com/itsmkit/itsmkit/itsm/versioned"

// The events of the versions, whose family is the kind of record that is routed.
type (
	// Drafted: a version was made.
	Drafted = versioned.Drafted[RuleSet]
	// Revised: a draft was changed.
	Revised = versioned.Revised[RuleSet]
	// Activated: the rules of the version are followed from now on. One of the base was published by
	// its provider.
	Activated = versioned.Activated[RuleSet]
	// Retired: the rules of the version are not followed any more.
	Retired = versioned.Retired[RuleSet]
)
