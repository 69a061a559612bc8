// This file holds what is wrong with a rule set, told all at once.

package routing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
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
	case storage.Equal, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Prefix, storage.Contains:
		if len(x.Values) != 1 {
			c.f.Addf(at+".values", "must be one for %s; there are %d", x.Op, len(x.Values))
		}
	case storage.Null:
		if len(x.Values) != 0 {
			c.f.Add(at+".values", "must be none for null")
		}
	case storage.In:
	default:
		c.f.Add(at+".op", storage.CheckOp(x.Op))
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
	if x.Op == storage.Contains && t.Kind != storage.Text {
		c.f.Addf(at+".column", "%s is not text, so it contains none", x.Column)
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

// refuse notes all that is wrong with a set in the unit's tenant: its own faults, groups that are
// refused, people whom nobody could choose, and a circle of overflow groups with those that it will be
// merged with.
func (p *Practice) refuse(ctx context.Context, u *engine.Unit, recordKind string, stack versioned.Stack, s RuleSet, f *itsm.Faults) {
	sound := s.Check(p.vocabularies[recordKind])
	f.Merge("", sound)
	if p.candidates == nil {
		for i, r := range s.Rules {
			if r.Person.Method != MethodNone {
				f.Addf(fmt.Sprintf("rules[%d].person", i), "cannot be chosen: the practice has no candidates")
			}
		}
	}
	if sound != nil {
		return
	}
	if p.mayRoute != nil {
		for _, g := range s.groups() {
			f.Merge(g.field, p.mayRoute(ctx, u, recordKind, g.id))
		}
	}
	if stack != versioned.StackOwn {
		return
	}
	active, err := versioned.ReadActive(ctx, u, Table, recordKind)
	f.Merge("", err)
	if base, _ := active.Layers(); active.Base != nil {
		merged := Effective(base, Layer{Set: s})
		var circles itsm.Faults
		merged.Set.checkOverflow(&circles)
		for _, x := range circles.List() {
			f.Add(x.Field, "together with that of the provider "+x.Problem)
		}
	}
}

// named is a group and the place in a set that names it.
type named struct {
	id    itsm.ID
	field string
}

// groups gives each group that a set names once, where it does so first.
func (s RuleSet) groups() (all []named) {
	seen := map[itsm.ID]bool{}
	add := func(id itsm.ID, field string) {
		if id != "" && !seen[id] {
			seen[id] = true
			all = append(all, named{id, field})
		}
	}
	for i, r := range s.Rules {
		add(r.Group, fmt.Sprintf("rules[%d].group", i))
	}
	add(s.Default, "default")
	for _, group := range slices.Sorted(maps.Keys(s.Overflow)) {
		add(s.Overflow[group], "overflow."+string(group))
	}
	return all
}
