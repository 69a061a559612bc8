// This file holds the rule sets as they are kept: each version of a tenant's own rules, and of those that
// its provider published to it, and what holds of them.

package notify

import (
	"context"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// KindRules is the kind of record that a version of a rule set is: the name of its table, and the first
// part of the permissions on rules.
const KindRules = "notification_rules"

// VersionKind makes rule sets what package versioned keeps.
func (RuleSet) VersionKind() string { return KindRules }

// Clone gives a copy that shares nothing but the values of conditions, which nobody changes.
func (s RuleSet) Clone() RuleSet {
	c := RuleSet{Alone: s.Alone, Rules: slices.Clone(s.Rules)}
	for i := range c.Rules {
		r := &c.Rules[i]
		r.Events, r.Until = slices.Clone(r.Events), slices.Clone(r.Until)
		r.Audiences, r.Channels = slices.Clone(r.Audiences), slices.Clone(r.Channels)
		r.Data = maps.Clone(r.Data)
	}
	return c
}

// VersionTable is the table of versions. They are of one family, whose name is empty.
var VersionTable = versioned.Define[RuleSet]()

// What package versioned keeps of rule sets.
type (
	// Version is one version of a tenant's rule set.
	Version = versioned.Version[RuleSet]
	// Layer is a rule set and where it comes from. The zero Layer has no rules.
	Layer = versioned.Layer[RuleSet]
	// Source says where a rule comes from: a version of a tenant's rule set. The zero Source is the
	// library.
	Source = versioned.Source
	// Draft is a request for a new version of a tenant's own rules.
	Draft = versioned.Draft[RuleSet]
	// Revision is a request to change a draft.
	Revision = versioned.Revision[RuleSet]
	// Inheritance is a request to take over a provider's rules.
	Inheritance = versioned.Inheritance[RuleSet]
	// Publication is a request to give other tenants the rules.
	Publication = versioned.Publication
)

// holding gives the rules that hold, of the versions that are active.
func (s *settings) holding(a versioned.Active[RuleSet]) Merged {
	base, own := a.Layers()
	return Effective(own, base, Layer{Set: s.shipped})
}

// effective gives the rules that hold in the reader's tenant. They are shared, and do not change.
func (p *Practice) effective(ctx context.Context, r storage.Reader) (Merged, error) {
	return p.rules.Of(ctx, r, "")
}

// Rules gives the rules that are followed in the actor's tenant, in their order, and where each comes
// from.
func (p *Practice) Rules(ctx context.Context, actor itsm.Actor) (Merged, error) {
	active, err := p.Active(ctx, actor, "")
	if err != nil {
		return Merged{}, err
	}
	m := p.holding(active)
	m.Rules = RuleSet{Rules: m.Rules}.Clone().Rules
	return m, nil
}
