// This file holds the events: what stands in the log of rule sets and preferences. A message has no
// events: what became of it stands in its own record.

package notify

import "github.com/itsmkit/itsmkit/itsm"

// RulesDrafted: a version of the rules was made.
type RulesDrafted struct {
	Number int64 `json:"number"`
}

// RulesRevised: a draft was changed.
type RulesRevised struct {
	Number int64 `json:"number"`
}

// RulesActivated: the rules of the version are followed from now on. Those of the base were published
// by the provider.
type RulesActivated struct {
	Stack  Stack `json:"stack"`
	Number int64 `json:"number"`
	// Replaced is the version that was active before, where there was one.
	Replaced itsm.ID `json:"replaced,omitempty"`
}

// RulesRetired: another version took its place.
type RulesRetired struct {
	Stack  Stack `json:"stack"`
	Number int64 `json:"number"`
	// By is that version.
	By itsm.ID `json:"by,omitempty"`
}

// PreferencesSet: a person's preferences were set, or erased with the person. What they are stands in their record alone, so that
// they can be erased.
type PreferencesSet struct{}

// EventType gives the type's name in the log.
func (RulesDrafted) EventType() string   { return "notification_rules.drafted.v1" }
func (RulesRevised) EventType() string   { return "notification_rules.revised.v1" }
func (RulesActivated) EventType() string { return "notification_rules.activated.v1" }
func (RulesRetired) EventType() string   { return "notification_rules.retired.v1" }
func (PreferencesSet) EventType() string { return "notification_preference.set.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[RulesDrafted](), itsm.EventOf[RulesRevised](), itsm.EventOf[RulesActivated](),
		itsm.EventOf[RulesRetired](), itsm.EventOf[PreferencesSet](),
	}
}
