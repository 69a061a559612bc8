// This file holds the events: what stands in the log of rule sets and preferences. A message has no
// events: what became of it stands in its own record.

package notify

import (
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
)

// The events of the versions of the rules.
type (
	// RulesDrafted: a version of the rules was made.
	RulesDrafted = versioned.Drafted[RuleSet]
	// RulesRevised: a draft was changed.
	RulesRevised = versioned.Revised[RuleSet]
	// RulesActivated: the rules of the version are followed from now on. Those of the base were
	// published by the provider.
	RulesActivated = versioned.Activated[RuleSet]
	// RulesRetired: the rules of the version are not followed any more.
	RulesRetired = versioned.Retired[RuleSet]
)

// PreferencesSet: a person's preferences were set, or erased with the person. What they are stands in their record alone, so that
// they can be erased.
type PreferencesSet struct{}

// EventType gives the type's name in the log.
func (PreferencesSet) EventType() string { return "notification_preference.set.v1" }

func eventTypes() []itsm.EventType {
	return append(versioned.EventTypes[RuleSet](), itsm.EventOf[PreferencesSet]())
}
