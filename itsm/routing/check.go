// This file holds what is wrong with a rule set, told all at once.

package routing

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Check reports every fault of the set at once, as a *storage.ValidationError whose fields are
// those of the JSON form: "rules[2].when.of[0]".
//
// Refused are names that are empty or used twice, rules without a group, columns, fields and facts
// that the vocabulary does not have, values of the wrong number or kind or that a field cannot have,
// selections that do not fit their method, overflow groups in a circle, what is beyond the bounds,
// and rules that are never reached: see [RuleSet.Unreachable].
func (s RuleSet) Check(v *Vocabulary) error {
	var f itsm.Faults
	faulty := s.check(v, &f)
	for _, u := range s.unreachable(func(i int) bool { return faulty[i] }) {
		f.Add(fmt.Sprintf("rules[%d].when", u.Rule), u.Problem(s))
	}
	return f.Err("rule set for " + v.kind)
}

// check notes all faults but unreachable rules, and says which rules' conditions have one.
func (s RuleSet) check(v *Vocabulary, f *itsm.Faults) (faulty map[int]bool) {
	faulty = map[int]bool{}
	if len(s.Rules) > MaxRules {
		f.Addf("rules", "are %d; at most %d are allowed", len(s.Rules), MaxRules)
		for i := range s.Rules {
			faulty[i] = true // too many to be compared with each other
		}
	}
	c := checker{v: v, f: f}
	first := map[string]int{}
	for i := range s.Rules {
		r, at := &s.Rules[i], fmt.Sprintf("rules[%d]", i)
		f.Text(at+".name", r.Name, MaxName, true)
		if j, twice := first[r.Name]; twice && r.Name != "" {
			f.Addf(at+".name", "%s is that of rules[%d] already", quoted(r.Name), j)
		} else if !twice {
			first[r.Name] = i
		}
		f.Key(at+".group", string(r.Group))
		was := len(f.List())
		c.values, c.parts = 0, 0
		c.condition(r.When, at+".when", 1)
		if c.parts > storage.MaxConditionParts {
			f.Addf(at+".when", "has more than %d parts", storage.MaxConditionParts)
		}
		if c.values > storage.MaxConditionValues {
			f.Addf(at+".when", "has %d values; at most %d are allowed", c.values, storage.MaxConditionValues)
		}
		c.allParts, c.allValues = c.allParts+c.parts, c.allValues+c.values
		faulty[i] = faulty[i] || len(f.List()) > was
		r.Person.check(at+".person", f)
	}
	if c.allParts > MaxParts || c.allValues > MaxParts {
		f.Addf("rules", "have %d conditions and %d values in all; at most %d of each are allowed", c.allParts, c.allValues, MaxParts)
		for i := range s.Rules {
			faulty[i] = true
		}
	}
	if s.Default != "" {
		f.Key("default", string(s.Default))
	}
	s.checkOverflow(f)
	return faulty
}

func (p Selection) check(at string, f *itsm.Faults) {
	if !slices.Contains(methods, p.Method) {
		f.Addf(at+".method", "is %s; allowed are round_robin, least_load, skill, person, or none at all", quoted(string(p.Method)))
		return
	}
	switch {
	case p.Method == MethodSkill && len(p.Skills) == 0:
		f.Add(at+".skills", "are required to choose by skill")
	case p.Method != MethodSkill && len(p.Skills) > 0:
		f.Add(at+".skills", "have a meaning only for the method skill")
	case len(p.Skills) > MaxSkills:
		f.Addf(at+".skills", "are %d; at most %d are allowed", len(p.Skills), MaxSkills)
	}
	for i, k := range p.Skills {
		name := fmt.Sprintf("%s.skills[%d]", at, i)
		f.Text(name+".name", k.Name, MaxName, true)
		if slices.ContainsFunc(p.Skills[:i], func(o Skill) bool { return o.Name == k.Name }) {
			f.Addf(name+".name", "%s is named twice", quoted(k.Name))
		}
		if k.Level < 1 {
			f.Add(name+".level", "must be 1 or more")
		}
	}
	switch {
	case p.Method == MethodPerson:
		f.Key(at+".person", string(p.Person))
	case p.Person != "":
		f.Add(at+".person", "has a meaning only for the method person")
	}
	switch {
	case p.Capacity < 0:
		f.Add(at+".capacity", "must not be negative")
	case p.Capacity > 0 && p.Method == MethodNone:
		f.Add(at+".capacity", "has a meaning only where a person is chosen")
	}
}

// checkOverflow notes each circle of overflow groups once.
func (s RuleSet) checkOverflow(f *itsm.Faults) {
	if len(s.Overflow) > MaxRules {
		f.Addf("overflow", "has %d groups; at most %d are allowed", len(s.Overflow), MaxRules)
		return
	}
	groups := slices.Sorted(maps.Keys(s.Overflow))
	for _, g := range groups {
		if problem := storage.CheckKey(string(g)); problem != "" {
			f.Addf("overflow", "has a group whose id %s", problem)
		}
		if problem := storage.CheckKey(string(s.Overflow[g])); problem != "" {
			f.Addf("overflow."+string(g), "names a group whose id %s", problem)
		}
	}
	const open, done = 1, 2
	state := map[itsm.ID]int{}
	for _, g := range groups {
		var path []itsm.ID
		at := g
		for state[at] == 0 {
			state[at] = open
			path = append(path, at)
			next, ok := s.Overflow[at]
			if !ok {
				break
			}
			at = next
		}
		// What is still open belongs to this path: the path ran into itself.
		if _, more := s.Overflow[at]; more && state[at] == open {
			if i := slices.Index(path, at); i >= 0 {
				var circle []string
				for _, x := range append(path[i:len(path):len(path)], at) {
					circle = append(circle, string(x))
				}
				f.Add("overflow", "goes in a circle: "+strings.Join(circle, " -> "))
			}
		}
		for _, x := range path {
			state[x] = done
		}
	}
}

// checker checks conditions against a vocabulary, as storage.Condition.Check does against a schema.
type checker struct {
	v                   *Vocabulary
	f                   *itsm.Faults
	values, parts       int // of one rule
	allValues, allParts int
}

func (c *checker) condition(x storage.Condition, at string, depth int) {
	if c.parts++; c.parts > storage.MaxConditionParts {
		return
	}
	if depth > storage.MaxConditionDepth {
		c.f.Addf(at, "is nested deeper than %d", storage.MaxConditionDepth)
		return
	}
	c.values += len(x.Values)
	switch x.Op {
	case storage.All:
		if x.Column != "" || len(x.Values) > 0 || len(x.Of) > 0 {
			c.f.Add(at+".op", "is empty, but there is something to compare")
		}
		return
	case storage.And, storage.Or, storage.Not:
		if x.Column != "" || len(x.Values) > 0 {
			c.f.Addf(at+".op", "%s takes conditions, not a column or values", x.Op)
		}
		if x.Op == storage.Not && len(x.Of) != 1 {
			c.f.Addf(at+".of", "of not must be one condition; there are %d", len(x.Of))
		}
		for i, sub := range x.Of {
			c.condition(sub, fmt.Sprintf("%s.of[%d]", at, i), depth+1)
		}
		return
	case storage.Equal, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Prefix:
		if len(x.Values) != 1 {
			c.f.Addf(at+".values", "must be one for %s; there are %d", x.Op, len(x.Values))
		}
	case storage.Null:
		if len(x.Values) != 0 {
			c.f.Add(at+".values", "must be none for null")
		}
	case storage.In:
	default:
		c.f.Addf(at+".op", "%s is unknown", quoted(string(x.Op)))
		return
	}
	if len(x.Of) > 0 {
		c.f.Addf(at+".of", "must be empty: %s takes no conditions", x.Op)
	}
	i, ok := c.v.byName[x.Column]
	if !ok {
		problem := c.v.refused[x.Column]
		if problem == "" {
			problem = fmt.Sprintf("is no column, field or fact of %s", c.v.kind)
		}
		c.f.Addf(at+".column", "%s %s", quoted(x.Column), problem)
		return
	}
	t := &c.v.terms[i]
	if x.Op == storage.Prefix && t.Kind != storage.Text {
		c.f.Addf(at+".column", "%s is not text, so it has no prefix", x.Column)
		return
	}
	for n, value := range x.Values {
		if problem := t.problem(x.Op, value); problem != "" {
			c.f.Addf(fmt.Sprintf("%s.values[%d]", at, n), "%s %s", x.Column, problem)
		}
	}
}

// problem says what is wrong with a value to compare the term with, or "".
func (t *Term) problem(op storage.Op, value any) string {
	if value == nil {
		return fmt.Sprintf("takes %s values; ask by null for what has none", t.Kind)
	}
	if problem := storage.CheckValue(storage.ColumnSpec{Name: t.Name, Kind: t.Kind}, value); problem != "" {
		return problem
	}
	text, _ := value.(string)
	switch {
	case op != storage.Equal && op != storage.In:
	case t.field == itsm.FieldChoice && !slices.Contains(t.Choices, text):
		return fmt.Sprintf("is never %s; it is one of: %s", quoted(text), strings.Join(t.Choices, ", "))
	case t.field == itsm.FieldDate:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return fmt.Sprintf("is never %s; it is a date such as 2026-05-31", quoted(text))
		}
	}
	return ""
}
