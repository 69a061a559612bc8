// This file holds which rules can never be reached, as far as that can be told from the conditions.

package routing

import (
	"fmt"

	"github.com/itsmkit/itsmkit/internal/implication"
)

// Unreached is a rule that no record ever comes to.
type Unreached struct {
	// Rule is its place in the set.
	Rule int `json:"rule"`
	// By is the place of the earlier rule that takes all that it would match; -1 where its
	// condition can hold for no record.
	By int `json:"by"`
	// Everything says that the earlier rule matches every record.
	Everything bool `json:"everything,omitempty"`
}

// Problem says it in words. The set is the one that it was found in.
func (u Unreached) Problem(s RuleSet) string {
	switch {
	case u.By < 0:
		return "can never hold, so the rule is never reached"
	case u.Everything:
		return fmt.Sprintf("is never asked: the rule %s (rules[%d]) before it matches everything", quoted(s.Rules[u.By].Name), u.By)
	}
	return fmt.Sprintf("holds only where that of the rule %s (rules[%d]) before it does, so the rule is never reached", quoted(s.Rules[u.By].Name), u.By)
}

// Unreachable gives the rules that are never reached, in their order: the condition holds for no
// record, or only where that of an earlier rule holds.
//
// What it reports is so, whatever the facts are. It does not find everything. It sees what equal,
// in, the ranges, null and prefix on one column after the other say, joined by and; it goes into or
// on either side, part by part, and into not where what it denies is excluded. It does not see that
// several earlier rules together leave nothing over (true, then false), nor what follows from two
// columns at once, and it ends its search where a set is made to make it long.
func (s RuleSet) Unreachable() []Unreached { return s.unreachable(func(int) bool { return false }) }

// unreachable leaves out the rules whose conditions have faults.
func (s RuleSet) unreachable(skip func(i int) bool) []Unreached {
	var found []Unreached
	search := implication.NewSearch()
	what := make([]implication.Conjunction, len(s.Rules))
	for i := range s.Rules {
		if skip(i) {
			continue
		}
		what[i] = implication.Conjoin(s.Rules[i].When)
		if search.Impossible(what[i]) {
			found = append(found, Unreached{Rule: i, By: -1})
			continue
		}
		for j := range i {
			if skip(j) || namesRestricted(s.Rules[i].When) && !namesRestricted(s.Rules[j].When) {
				continue // what is restricted passes by the earlier one
			}
			if search.Follows(what[i], s.Rules[j].When) {
				found = append(found, Unreached{Rule: i, By: j, Everything: search.Follows(implication.Conjunction{}, s.Rules[j].When)})
				break
			}
		}
	}
	return found
}
