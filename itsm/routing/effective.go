// This file holds how a tenant's rules stand before those of its provider.

package routing

import (
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
)

// Merged is the rule set that holds for a tenant, with the source of each of its values.
type Merged struct {
	Set RuleSet `json:"set"`
	// RuleSources are those of the rules, place by place.
	RuleSources []Source `json:"rule_sources"`
	// DefaultSource is that of the default group, where there is one.
	DefaultSource Source `json:"default_source,omitzero"`
	// OverflowSources are those of the overflow groups.
	OverflowSources map[itsm.ID]Source `json:"overflow_sources,omitempty"`
	// Overridden are the provider's rules that the tenant has replaced by its own of the same
	// name, in their order.
	Overridden []string `json:"overridden,omitempty"`
}

// Effective gives what holds for a tenant that has rules of its own on the base of its provider's.
// Its own rules stand before those of the base. One that has the name of a rule of the base
// replaces that rule. Its own default group, and its own overflow group of a group, take the place
// of the base's. Nothing that it is given is changed.
//
// Two sets without faults can make one with unreachable rules (an own rule that takes everything:
// see [RuleSet.Unreachable]) or with a circle of overflow groups, which a decision notices and says.
func Effective(base, own Layer) Merged {
	m := Merged{
		Set:         RuleSet{Default: own.Set.Default},
		RuleSources: make([]Source, 0, len(own.Set.Rules)+len(base.Set.Rules)),
	}
	m.DefaultSource = own.Source
	if m.Set.Default == "" {
		m.Set.Default, m.DefaultSource = base.Set.Default, base.Source
	}
	if m.Set.Default == "" {
		m.DefaultSource = Source{}
	}
	names := make(map[string]bool, len(own.Set.Rules))
	for _, r := range own.Set.Rules {
		names[r.Name] = true
		m.Set.Rules, m.RuleSources = append(m.Set.Rules, r), append(m.RuleSources, own.Source)
	}
	for _, r := range base.Set.Rules {
		if names[r.Name] {
			m.Overridden = append(m.Overridden, r.Name)
			continue
		}
		m.Set.Rules, m.RuleSources = append(m.Set.Rules, r), append(m.RuleSources, base.Source)
	}
	for _, l := range []Layer{base, own} {
		for _, group := range slices.Sorted(maps.Keys(l.Set.Overflow)) {
			if m.Set.Overflow == nil {
				m.Set.Overflow, m.OverflowSources = map[itsm.ID]itsm.ID{}, map[itsm.ID]Source{}
			}
			m.Set.Overflow[group], m.OverflowSources[group] = l.Set.Overflow[group], l.Source
		}
	}
	return m
}

// Decide is [RuleSet.Decide] of the set that holds, with the source of what decided.
func (m Merged) Decide(facts Facts, people People) (Decision, error) {
	d, err := m.Set.decide(facts, people, func(i int) Source { return m.RuleSources[i] })
	if d.Outcome == OutcomeDefault {
		d.Source = m.DefaultSource
	}
	return d, err
}
