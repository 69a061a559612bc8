// This file holds the decision: which rule, which group, which person, and why.

package routing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/internal/implication"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Outcome says what gave a record its group.
type Outcome string

// The outcomes.
const (
	// OutcomeRule: a rule matched.
	OutcomeRule Outcome = "rule"
	// OutcomeDefault: no rule matched, and the set has a default group.
	OutcomeDefault Outcome = "default"
	// OutcomeNone: no rule matched, and there is no default group. Nothing is decided.
	OutcomeNone Outcome = "none"
)

// Decision is who gets a record, and why. Its explanation quotes what stands in the record,
// internal fields too: it is for those who may read them.
type Decision struct {
	Outcome Outcome `json:"outcome"`
	// Rule is the name of the rule that matched.
	Rule string `json:"rule,omitempty"`
	// Source says where that rule, or the default group, comes from, where the set is an
	// effective one.
	Source Source `json:"source,omitzero"`
	// Group works on it; it may be an overflow group of the rule's.
	Group itsm.ID `json:"group,omitempty"`
	// Assignee is the person; empty leaves that to the group.
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Last is to be kept as the Team.Last of Group for the next decision; empty where there was
	// no turn.
	Last itsm.ID `json:"last,omitempty"`
	// Restricted says that the record is restricted, so that only rules which name that are for it.
	Restricted bool `json:"restricted,omitempty"`
	// Tried are the rules in their order, up to the one that matched.
	Tried []Trial `json:"tried,omitempty"`
	// Groups are the groups in which a person was looked for: the rule's, then overflow groups.
	Groups []GroupTrial `json:"groups,omitempty"`
}

// Trial is a rule that was tried.
type Trial struct {
	Rule    string `json:"rule"`
	Source  Source `json:"source,omitzero"`
	Matched bool   `json:"matched,omitempty"`
	// Restricted says that its condition holds, and that it does not decide all the same: the record is
	// restricted, and the condition does not name that. See [RuleSet].
	Restricted bool `json:"restricted,omitempty"`
	// Failed are the parts of its condition that decided against it: the first part of an and
	// that did not hold; all parts of an or.
	Failed []Part `json:"failed,omitempty"`
}

// Part is a part of a condition that did not hold.
type Part struct {
	// Path is where it stands in the condition: "of[1].of[0]"; empty is the whole.
	Path string `json:"path,omitempty"`
	// Condition is the part itself.
	Condition storage.Condition `json:"condition"`
	// Value is what the record has in the column that it compares: nil is null.
	Value any `json:"value,omitempty"`
}

// GroupTrial is a group in which a person was looked for.
type GroupTrial struct {
	Group  itsm.ID `json:"group"`
	Method Method  `json:"method"`
	// People are the group's, in the order of their ids.
	People []Considered `json:"people,omitempty"`
	// Why says how the person was chosen, or why nobody was.
	Why string `json:"why"`
}

// Decide gives the first rule's outcome whose condition holds for the facts, and why. The same set,
// facts and people give the same decision: what changes from one to the next, who had the last turn
// and how much everyone has, comes in with people. Nil people leaves every choice of a person to
// the group.
//
// The set must be one that Check passes. The error is one of people, or ErrInvalid where it gives
// a team that cannot be: a person twice, a negative load.
func (s RuleSet) Decide(facts Facts, people People) (Decision, error) {
	return s.decide(facts, people, nil)
}

func (s RuleSet) decide(facts Facts, people People, source func(i int) Source) (Decision, error) {
	get := facts.get
	d := Decision{Restricted: get(columnRestricted) == true, Tried: make([]Trial, 0, min(len(s.Rules), 16))}
	for i := range s.Rules {
		r := &s.Rules[i]
		t := Trial{Rule: r.Name, Matched: r.When.Match(get)}
		if source != nil {
			t.Source = source(i)
		}
		if !t.Matched {
			t.Failed = failed(r.When, get, "", nil)
			d.Tried = append(d.Tried, t)
			continue
		}
		if d.Restricted && !namesRestricted(r.When) {
			t.Matched, t.Restricted = false, true
			d.Tried = append(d.Tried, t)
			continue
		}
		d.Tried = append(d.Tried, t)
		d.Outcome, d.Rule, d.Source, d.Group = OutcomeRule, r.Name, t.Source, r.Group
		if err := s.person(&d, r, people); err != nil {
			return Decision{}, err
		}
		return d, nil
	}
	if s.Default == "" || d.Restricted {
		d.Outcome = OutcomeNone
		return d, nil
	}
	d.Outcome, d.Group = OutcomeDefault, s.Default
	return d, nil
}

// columnRestricted is the column by which every practice keeps a record to those who are named in it.
const columnRestricted = "restricted"

// namesRestricted says whether a condition itself asks for restricted records, by a part that is not denied.
func namesRestricted(c storage.Condition) bool {
	switch c.Op {
	case storage.And, storage.Or:
		return slices.ContainsFunc(c.Of, namesRestricted)
	case storage.Equal, storage.In:
		return c.Column == columnRestricted && slices.Contains(c.Values, any(true))
	}
	return false
}

// person looks for a person in the rule's group, then in its overflow groups. Where there is none
// the rule's own group has the record.
func (s RuleSet) person(d *Decision, r *Rule, people People) error {
	if r.Person.Method == MethodNone {
		return nil
	}
	if people == nil {
		d.Groups = []GroupTrial{{Group: r.Group, Method: r.Person.Method, Why: "nobody was asked who is in the group"}}
		return nil
	}
	for group := r.Group; ; {
		team, err := people(group)
		if err != nil {
			return err
		}
		if err := team.check(group); err != nil {
			return err
		}
		all, chosen := r.Person.choose(team)
		trial := GroupTrial{Group: group, Method: r.Person.Method, People: all}
		if chosen >= 0 {
			trial.Why = r.Person.reason(team, all[chosen])
			d.Groups = append(d.Groups, trial)
			d.Group, d.Assignee = group, all[chosen].Person
			if r.Person.Method == MethodRoundRobin {
				d.Last = d.Assignee
			}
			return nil
		}
		next, more := s.Overflow[group]
		circle := false
		for _, g := range d.Groups {
			circle = circle || g.Group == next
		}
		switch {
		case r.Person.Method == MethodPerson:
			trial.Why, more = fmt.Sprintf("%s cannot take it, so %s has it without a person", r.Person.Person, r.Group), false
		case !more:
			trial.Why = fmt.Sprintf("nobody can take it, and there is no overflow group, so %s has it without a person", r.Group)
		case circle || next == group:
			trial.Why, more = fmt.Sprintf("nobody can take it, and its overflow groups go in a circle, so %s has it without a person", r.Group), false
		default:
			trial.Why = fmt.Sprintf("nobody can take it, so %s is asked", next)
		}
		d.Groups = append(d.Groups, trial)
		if !more {
			return nil
		}
		group = next
	}
}

// failed gives the parts that decided against a condition that does not hold.
func failed(c storage.Condition, get func(string) any, path string, parts []Part) []Part {
	sub := func(i int) string {
		at := "of[" + strconv.Itoa(i) + "]"
		if path != "" {
			at = path + "." + at
		}
		return at
	}
	switch {
	case c.Op == storage.And:
		for i := range c.Of {
			if !c.Of[i].Match(get) {
				return failed(c.Of[i], get, sub(i), parts)
			}
		}
	case c.Op == storage.Or && len(c.Of) > 0:
		for i := range c.Of {
			parts = failed(c.Of[i], get, sub(i), parts)
		}
		return parts
	}
	p := Part{Path: path, Condition: c}
	if column := columnOf(c); column != "" {
		p.Value = get(column)
	}
	return append(parts, p)
}

// columnOf gives the one column that a comparison, or its not, is about.
func columnOf(c storage.Condition) string {
	if c.Op == storage.Not && len(c.Of) == 1 {
		return c.Of[0].Column
	}
	return c.Column
}

// String says it in one line: `category is "hardware", not equal "network"`.
func (p Part) String() string {
	if p.Condition.Op == storage.Not && len(p.Condition.Of) == 1 && implication.IsComparison(p.Condition.Of[0].Op) {
		return fmt.Sprintf("%s is %s, which must not be %s", p.Condition.Of[0].Column, shown(p.Value), wanted(p.Condition.Of[0]))
	}
	if implication.IsComparison(p.Condition.Op) {
		return fmt.Sprintf("%s is %s, not %s", p.Condition.Column, shown(p.Value), wanted(p.Condition))
	}
	if p.Condition.Op == storage.Or {
		return "or has no parts, so it never holds"
	}
	if p.Condition.Op == storage.Not && len(p.Condition.Of) == 1 {
		return "what must not hold does: " + sentence(p.Condition.Of[0])
	}
	return sentence(p.Condition) + " does not hold"
}

// shown is a value as it stands in an explanation.
func shown(v any) string {
	switch x := v.(type) {
	case nil:
		return "absent"
	case string:
		return quoted(x)
	}
	return fmt.Sprint(v)
}

var words = map[storage.Op]string{
	storage.Below: "below ", storage.AtMost: "at most ", storage.Above: "above ", storage.AtLeast: "at least ",
	storage.Prefix: "beginning with ", storage.Contains: "containing ",
}

// wanted says what a comparison asks for.
func wanted(c storage.Condition) string {
	switch c.Op {
	case storage.Null:
		return "absent"
	case storage.In:
		const most = 5
		var list []string
		for _, v := range c.Values[:min(len(c.Values), most)] {
			list = append(list, shown(v))
		}
		if more := len(c.Values) - most; more > 0 {
			list = append(list, fmt.Sprintf("%d more", more))
		}
		return "one of " + strings.Join(list, ", ")
	}
	if len(c.Values) != 1 {
		return string(c.Op)
	}
	return words[c.Op] + shown(c.Values[0])
}

// sentence writes a whole condition.
func sentence(c storage.Condition) string {
	switch c.Op {
	case storage.All:
		return "everything"
	case storage.And, storage.Or:
		parts := make([]string, len(c.Of))
		for i, sub := range c.Of {
			parts[i] = sentence(sub)
		}
		return "(" + strings.Join(parts, " "+string(c.Op)+" ") + ")"
	case storage.Not:
		if len(c.Of) == 1 {
			return "not " + sentence(c.Of[0])
		}
	}
	return c.Column + " " + wanted(c)
}

// Reason says in one line what decided: the rule or the default group, the version of the rule set
// that it stands in, and how the person was chosen. It is "" where nothing was decided.
func (d Decision) Reason() string {
	var b strings.Builder
	switch d.Outcome {
	case OutcomeRule:
		b.WriteString("rule " + quoted(d.Rule))
	case OutcomeDefault:
		b.WriteString("no rule matches: default group")
	default:
		return ""
	}
	if d.Source != (Source{}) {
		b.WriteString(" of " + d.Source.String())
	}
	if last := len(d.Groups) - 1; last >= 0 {
		b.WriteString("; " + d.Groups[last].Why)
	}
	return b.String()
}

// String explains the decision, a line for each step: the rules that were tried, the groups in
// which a person was looked for, and what came of it.
func (d Decision) String() string {
	var b strings.Builder
	from := func(s Source) string {
		if s == (Source{}) {
			return ""
		}
		return " (" + s.String() + ")"
	}
	for _, t := range d.Tried {
		if t.Restricted {
			fmt.Fprintf(&b, "rule %s%s is not for restricted records: its condition does not name them\n", quoted(t.Rule), from(t.Source))
			continue
		}
		if t.Matched {
			fmt.Fprintf(&b, "rule %s%s matches\n", quoted(t.Rule), from(t.Source))
			continue
		}
		parts := make([]string, len(t.Failed))
		for i, p := range t.Failed {
			parts[i] = p.String()
		}
		fmt.Fprintf(&b, "rule %s%s does not match: %s\n", quoted(t.Rule), from(t.Source), strings.Join(parts, "; "))
	}
	for _, g := range d.Groups {
		for _, p := range g.People {
			if p.Excluded != "" {
				fmt.Fprintf(&b, "%s of %s %s\n", p.Person, g.Group, p.Excluded)
			}
		}
		fmt.Fprintf(&b, "%s: %s\n", g.Group, g.Why)
	}
	switch {
	case d.Outcome == OutcomeNone:
		if d.Restricted {
			b.WriteString("it is restricted, and no rule that names that matches\n")
			break
		}
		b.WriteString("no rule matches, and there is no default group\n")
	case d.Outcome == OutcomeDefault:
		fmt.Fprintf(&b, "no rule matches, so the default group%s has it: %s\n", from(d.Source), d.Group)
	case d.Assignee != "":
		fmt.Fprintf(&b, "assigned to %s of %s\n", d.Assignee, d.Group)
	default:
		fmt.Fprintf(&b, "assigned to %s\n", d.Group)
	}
	return b.String()
}
