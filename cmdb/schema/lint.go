// This file holds the lint of a model: what is allowed, and is hardly meant.

package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// Concern says what a [Finding] is about.
type Concern string

// The concerns. "Impact" is a relation whose type flows one way at least and passes something on ([impact.None] passes nothing),
// between classes of which there can be CIs.
const (
	// ConcernNoImpact is a class that no impact can reach: nothing can impact its CIs, and their failure is felt by nothing.
	ConcernNoImpact Concern = "no_impact"
	// ConcernNotImpacted is a class whose failure is felt, and whose CIs nothing can impact. [PartOrigin] declares it as meant.
	ConcernNotImpacted Concern = "not_impacted"
	// ConcernNotFelt is a class whose CIs can be impacted, and whose failure is felt by nothing. [PartEnd] declares it as meant.
	ConcernNotFelt Concern = "not_felt"
	// ConcernNoEnd is a class whose failure is felt, but, however far it passes, by no class that is a [PartEnd]. It is looked
	// for where the model has such classes.
	ConcernNoEnd Concern = "no_end"
	// ConcernInside is a class that declares itself [PartOutside], and that an impact can reach.
	ConcernInside Concern = "inside"
	// ConcernNoClassBelow is an abstract class without a class below it that is not: there can be no CI of it.
	ConcernNoClassBelow Concern = "no_class_below"
	// ConcernNoPairs is a type of relation that is allowed nowhere.
	ConcernNoPairs Concern = "no_pairs"
	// ConcernEmptyPair is a pair of which one class has no CIs, as it and all below it are abstract.
	ConcernEmptyPair Concern = "empty_pair"
	// ConcernCoveredPair is a pair that another one of the same type allows already.
	ConcernCoveredPair Concern = "covered_pair"
	// ConcernNothingPasses is a type of relation that flows and passes nothing on.
	ConcernNothingPasses Concern = "nothing_passes"
)

// Finding is something that a model allows and that is hardly meant.
type Finding struct {
	Concern Concern `json:"concern"`
	// Class or Relation names what it is about.
	Class    string `json:"class,omitempty"`
	Relation string `json:"relation,omitempty"`
	// Problem says it in words, and what would mend it.
	Problem string `json:"problem"`
}

func (f Finding) String() string { return f.Class + f.Relation + " " + f.Problem }

// Lint looks for what the model allows and is hardly meant: above all for classes that no impact can reach, whose CIs would be
// missing in every answer without anybody being told. It goes by what relations the types allow, not by those that there are. The
// findings are those of classes in the order of the model, then those of relations in theirs. Without findings it is empty.
//
// Each class that is not abstract is looked at both ways. It can be impacted where a type of relation that flows and passes
// something on allows it, or a class above it, as the dependent end: the source where the flow is to the source, the target where it
// is to the target, either where it is both. Its failure is felt where such a type allows it as the other end. A relation counts
// only where there can be a CI at both of its ends. What a class needs of the two its [Part] says.
func (c *Compiled) Lint() []Finding {
	var found []Finding
	g := c.felt()
	for _, declared := range c.model.Classes {
		found = append(found, c.lintClass(g, c.classes[declared.Name])...)
	}
	for _, declared := range c.model.Relations {
		found = append(found, c.lintRelation(c.relations[declared.Name])...)
	}
	return found
}

// flows is which classes, of those that are not abstract, an impact can join.
type flows struct {
	// impacted are the classes that something can impact, with one type that does; felt are those whose failure something
	// feels.
	impacted, felt map[*class]string
	// reaches are the classes whose failure a class at the end can feel, however far away.
	reaches map[*class]bool
	hasEnd  bool
}

// edge is a failure of from that to feels.
type edge struct {
	from, to *class
	by       string
}

func (c *Compiled) felt() flows {
	g := flows{impacted: map[*class]string{}, felt: map[*class]string{}, reaches: map[*class]bool{}}
	var edges []edge
	for _, declared := range c.model.Relations {
		r := c.relations[declared.Name]
		if r.Flow == impact.NoFlow || r.Propagation == impact.None {
			continue
		}
		for _, p := range r.Pairs {
			source, target := c.classes[p.Source], c.classes[p.Target]
			if r.Flow != impact.ToTarget {
				edges = append(edges, edge{target, source, r.Name})
			}
			if r.Flow != impact.ToSource {
				edges = append(edges, edge{source, target, r.Name})
			}
		}
	}
	edges = slices.DeleteFunc(edges, func(e edge) bool { return e.from.empty() || e.to.empty() })
	for _, e := range edges {
		for _, one := range e.to.below {
			if !one.Abstract && g.impacted[one] == "" {
				g.impacted[one] = e.by
			}
		}
		for _, one := range e.from.below {
			if !one.Abstract && g.felt[one] == "" {
				g.felt[one] = e.by
			}
		}
	}
	for _, one := range c.classes {
		if !one.Abstract && one.plays() == PartEnd {
			g.reaches[one], g.hasEnd = true, true
		}
	}
	for more := true; more; {
		more = false
		// An edge that has served serves no more.
		edges = slices.DeleteFunc(edges, func(e edge) bool {
			if !slices.ContainsFunc(e.to.below, func(one *class) bool { return g.reaches[one] }) {
				return false
			}
			for _, one := range e.from.below {
				g.reaches[one], more = true, true
			}
			return true
		})
	}
	return g
}

// empty says that there can be no CI of the class.
func (c *class) empty() bool {
	return !slices.ContainsFunc(c.below, func(one *class) bool { return !one.Abstract })
}

func (c *Compiled) lintClass(g flows, one *class) []Finding {
	finding := func(concern Concern, format string, args ...any) []Finding {
		return []Finding{{Concern: concern, Class: one.Name, Problem: fmt.Sprintf(format, args...)}}
	}
	if one.Abstract {
		if one.empty() {
			return finding(ConcernNoClassBelow, "is abstract, and so is all below it: there can be no CI of it")
		}
		return nil
	}
	impactedBy, feltBy := g.impacted[one], g.felt[one]
	part := one.plays()
	switch {
	case part == PartOutside && impactedBy+feltBy != "":
		by := impactedBy
		if by == "" {
			by = feltBy
		}
		return finding(ConcernInside, "is declared to be outside of impacts, and %s passes them: leave its class out of the pairs, or declare another part", by)
	case part == PartOutside:
		return nil
	case impactedBy == "" && feltBy == "":
		return finding(ConcernNoImpact, "is reached by no impact: no relation that passes any allows it; add a pair, or declare it %s", PartOutside)
	case impactedBy == "" && part != PartOrigin:
		return finding(ConcernNotImpacted, "can be impacted by nothing, though its failure is felt (%s); add a pair, or declare it %s", feltBy, PartOrigin)
	case feltBy == "" && part != PartEnd:
		return finding(ConcernNotFelt, "is felt by nothing when it fails, though it can be impacted (%s); add a pair, or declare it %s", impactedBy, PartEnd)
	case g.hasEnd && !g.reaches[one]:
		return finding(ConcernNoEnd, "is felt when it fails (%s), but by nothing that is declared %s, however far it passes", feltBy, PartEnd)
	}
	return nil
}

func (c *Compiled) lintRelation(r *relation) (found []Finding) {
	add := func(concern Concern, format string, args ...any) {
		found = append(found, Finding{Concern: concern, Relation: r.Name, Problem: fmt.Sprintf(format, args...)})
	}
	if len(r.Pairs) == 0 {
		add(ConcernNoPairs, "is allowed between no classes")
	}
	if r.Flow != impact.NoFlow && r.Propagation == impact.None {
		add(ConcernNothingPasses, "flows and passes nothing on; give it the flow %s, or a propagation", impact.NoFlow)
	}
	for _, p := range r.Pairs {
		source, target := c.classes[p.Source], c.classes[p.Target]
		var empty []string
		for _, end := range []*class{source, target} {
			if end.empty() {
				empty = append(empty, end.Name)
			}
		}
		if len(empty) > 0 {
			add(ConcernEmptyPair, "allows %s to %s, and there can be no CI of %s", p.Source, p.Target, strings.Join(slices.Compact(empty), " and "))
		}
		if by, ok := r.covers(source, target, p); ok {
			add(ConcernCoveredPair, "allows %s to %s twice: %s to %s covers it", p.Source, p.Target, by.Source, by.Target)
		}
	}
	return found
}

// covers gives another pair that allows all that a pair does.
func (r *relation) covers(source, target *class, p Pair) (by Pair, ok bool) {
	for _, s := range source.line {
		for _, t := range target.line {
			for _, q := range []Pair{{s.Name, t.Name}, {t.Name, s.Name}} {
				turned := q.Source != s.Name || q.Target != t.Name
				if q != p && r.pairs[q] && (!turned || r.Symmetric()) {
					return q, true
				}
			}
		}
	}
	return Pair{}, false
}
