// This file holds how a process is made of a policy: which rules match, and whom its gates ask.

package approval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Facts are the values of a record by the names that conditions use, in the form of routing.Facts: a
// string, int64 or bool, a time in microseconds. What is absent, or nil, is null.
type Facts map[string]any

func (f Facts) get(name string) any { return f[name] }

// Resolve gives the persons behind a source: itself, where it is a person who may be asked; who holds the
// role; the people of the group. It is never asked about fields. Nobody, ErrNotFound and ErrInvalid make a
// fault that names the source; any other error is given as it is. Nil knows persons alone, and takes them
// for themselves.
type Resolve func(ctx context.Context, s Source) ([]itsm.ID, error)

// Case is what a process is made of, beside the policy.
type Case struct {
	// Kind is the kind of record, Round the number of the round; 0 is 1.
	Kind  string
	Round int
	Facts Facts
	// Subject is what is approved.
	Subject Subject
	At      time.Time
	Resolve Resolve
}

// matching gives the rules that decide: at most one under MatchFirst.
func (p Policy) matching(facts Facts) []*Rule {
	var out []*Rule
	for i := range p.Rules {
		if p.Rules[i].When.Match(facts.get) {
			out = append(out, &p.Rules[i])
			if p.Match != MatchAll {
				break
			}
		}
	}
	return out
}

// Build makes the process of a record: the gates of the rules that match, the first stage open. Where no
// rule matches it is rejected, or approved, as the policy says; where only automatic ones do it is approved.
//
// It is ErrInvalid, with every fault, where the policy, the facts or the subject cannot be; where a source
// gives nobody; and where a gate is left with nobody to ask, or with fewer than it needs, as those who
// could be are parties.
func Build(ctx context.Context, policy Policy, c Case) (Process, error) {
	var f itsm.Faults
	f.Merge("policy", policy.Check(nil))
	sound := f.Empty()
	f.Key("kind", c.Kind)
	if c.Round < 0 {
		f.Add("round", "must not be negative")
	}
	if c.At.IsZero() {
		f.Add("at", "is required")
	}
	c.Subject.check(&f, "subject")
	for _, name := range slices.Sorted(maps.Keys(c.Facts)) {
		switch c.Facts[name].(type) {
		case nil, string, int64, bool:
		default:
			f.Addf("facts", "have %s as a %T; allowed are string, int64 and bool", quoted(name), c.Facts[name])
		}
	}
	if !f.Empty() && !sound {
		return Process{}, f.Err("approval")
	}
	p := Process{
		Kind: c.Kind, Round: max(1, c.Round), Policy: policy.Name, Basis: BasisGates, State: StateOpen,
		Subject: Subject{Hash: c.Subject.Hash, Parties: slices.Clone(c.Subject.Parties)},
	}
	rules := policy.matching(c.Facts)
	for _, r := range rules {
		p.Rules = append(p.Rules, r.Name)
		for _, d := range r.Gates {
			if p.Gate(d.Name) == nil {
				p.Gates = append(p.Gates, Gate{Definition: d, Rule: r.Name, State: StatePending})
			}
		}
	}
	if len(p.Gates) > MaxGates {
		f.Addf("gates", "are %d of the rules that match; at most %d are allowed", len(p.Gates), MaxGates)
		return Process{}, f.Err("approval")
	}
	slices.SortStableFunc(p.Gates, func(a, b Gate) int { return cmp.Compare(a.Stage, b.Stage) })
	for i := range p.Gates {
		g := &p.Gates[i]
		at := "gates." + g.Name
		people := people(ctx, &f, at+".approvers", g.Approvers, c.Facts, c.Resolve)
		if len(people) == 0 {
			continue // which is told, source by source
		}
		g.Asked, g.Barred = p.bar(g, people)
		g.enough(&f, at)
	}
	if err := f.Err("approval"); err != nil {
		return Process{}, err
	}
	switch {
	case len(rules) == 0:
		p.Basis, p.State, p.Ended, p.Reason = BasisNoRule, StateRejected, c.At, "no rule of the policy matches, which rejects"
		if policy.Otherwise == OtherwiseApprove {
			p.State, p.Reason = StateApproved, "no rule of the policy matches, for which the policy says approved"
		}
	case len(p.Gates) == 0:
		p.Basis, p.State, p.Ended, p.Reason = BasisAutomatic, StateApproved, c.At, "rule "+quoted(rules[0].Name)+" approves without a vote"
	default:
		if err := p.settle(c.At); err != nil {
			return Process{}, err
		}
	}
	return p, nil
}

// people gives the persons whom sources name, each once, and notes each source that names nobody.
func people(ctx context.Context, f *itsm.Faults, at string, sources []Source, facts Facts, resolve Resolve) []Approver {
	var out []Approver
	place := map[itsm.ID]int{}
	for i, s := range sources {
		at := fmt.Sprintf("%s[%d]", at, i)
		ids, err := persons(ctx, s, facts, resolve)
		var invalid *itsm.ValidationError
		switch {
		case err == nil && len(ids) == 0, errors.Is(err, itsm.ErrNotFound):
			f.Addf(at, "the %s is nobody who could approve", s)
			continue
		case errors.As(err, &invalid) && len(invalid.Faults) > 0:
			f.Addf(at, "the %s is nobody who could approve: %s %s", s, invalid.Faults[0].Field, invalid.Faults[0].Problem)
			continue
		case err != nil:
			f.Merge(at, err)
			continue
		}
		for _, id := range ids {
			if problem := storage.CheckKey(string(id)); problem != "" {
				f.Addf(at, "the %s gives a person whose id %s", s, problem)
				continue
			}
			n, known := place[id]
			if !known {
				n = len(out)
				place[id] = n
				out = append(out, Approver{Person: id})
			}
			if !slices.Contains(out[n].From, s) {
				out[n].From = append(out[n].From, s)
			}
		}
	}
	return out
}

// persons gives those of one source.
func persons(ctx context.Context, s Source, facts Facts, resolve Resolve) ([]itsm.ID, error) {
	if s.Kind == SourceField || s.Kind == SourceGroupField {
		id, text := facts[s.Name].(string)
		if !text || id == "" {
			return nil, itsm.Invalid("approvers", s.Name, "is empty")
		}
		kind := SourcePerson
		if s.Kind == SourceGroupField {
			kind = SourceGroup
		}
		s = Source{Kind: kind, Name: id}
	}
	if resolve != nil {
		return resolve(ctx, s)
	}
	if s.Kind != SourcePerson {
		return nil, itsm.Invalid("approvers", string(s.Kind), "is not known: nothing was given to resolve it by")
	}
	return []itsm.ID{itsm.ID(s.Name)}, nil
}
