// This file holds the set that a record is routed by, made ready to decide.

package routing

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// followed is a set that is followed, made ready to decide. It is shared and does not change.
type followed struct {
	merged Merged
	// terms are those that the conditions name.
	terms map[string]bool
	// unfit is what the set names that the vocabulary does not have, as an error; nil is nothing.
	unfit error
}

// following gives the set that holds, if it still fits the vocabulary. Whether rules are reachable
// is not asked again: it took long, and harms nothing.
func (p *Practice) following(ctx context.Context, r storage.Reader, v *Vocabulary) (Merged, error) {
	f, err := p.follow(ctx, r, v)
	if err != nil {
		return Merged{}, err
	}
	return f.merged, nil
}

// follow is following with what was made ready of the set. The set has no rules where none is active.
func (p *Practice) follow(ctx context.Context, r storage.Reader, v *Vocabulary) (*followed, error) {
	f, err := p.ready.Of(ctx, r, v.kind)
	if err != nil {
		return nil, err
	}
	return f, f.unfit
}

// makeReady makes what is active of a kind's family ready.
func (s *settings) makeReady(recordKind string, active versioned.Active[RuleSet]) (*followed, error) {
	v := s.vocabularies[recordKind]
	f := &followed{terms: map[string]bool{}}
	f.merged = Effective(active.Layers())
	var faults itsm.Faults
	c := checker{v: v, f: &faults}
	for i := range f.merged.Set.Rules {
		rule := &f.merged.Set.Rules[i]
		c.parts = 0
		c.condition(rule.When, "rules."+rule.Name, 1)
		f.name(rule.When)
	}
	f.unfit = faults.Err("active rule set for " + v.kind)
	return f, nil
}

// name notes the terms that a condition names.
func (f *followed) name(c storage.Condition) {
	if c.Column != "" {
		f.terms[c.Column] = true
	}
	for _, sub := range c.Of {
		f.name(sub)
	}
}
