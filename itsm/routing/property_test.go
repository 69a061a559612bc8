package routing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// The columns that random conditions speak of, and every value that a record can have in them: a
// few texts of which some are prefixes of others, a few numbers, and null everywhere.
var domains = map[string][]any{
	"category":      {nil, "", "n", "net", "network", "nf", "vpn"},
	"priority":      {nil, int64(-1), int64(0), int64(1), int64(2), int64(3), int64(4)},
	"requester.vip": {nil, false, true},
}

var columns = []string{"category", "priority", "requester.vip"}

// everyRecord gives all combinations of the values.
func everyRecord() (all []routing.Facts) {
	for _, c := range domains["category"] {
		for _, p := range domains["priority"] {
			for _, v := range domains["requester.vip"] {
				all = append(all, routing.Facts{"category": c, "priority": p, "requester.vip": v})
			}
		}
	}
	return all
}

func genLeaf() *rapid.Generator[storage.Condition] {
	return rapid.Custom(func(t *rapid.T) storage.Condition {
		column := rapid.SampledFrom(columns).Draw(t, "column")
		value := rapid.SampledFrom(domains[column][1:])
		ops := []storage.Op{storage.Equal, storage.In, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Null}
		if column == "category" {
			ops = append(ops, storage.Prefix)
		}
		op := rapid.SampledFrom(ops).Draw(t, "op")
		switch op {
		case storage.Null:
			return null(column)
		case storage.In:
			return in(column, rapid.SliceOfN(value, 0, 3).Draw(t, "values")...)
		}
		return leaf(column, op, value.Draw(t, "value"))
	})
}

func genCondition(depth int) *rapid.Generator[storage.Condition] {
	return rapid.Custom(func(t *rapid.T) storage.Condition {
		// Mostly comparisons joined by and, as rules are.
		switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); {
		case kind == 0:
			return storage.Condition{}
		case depth == 0 || kind < 4:
			return genLeaf().Draw(t, "leaf")
		case kind < 8:
			return and(rapid.SliceOfN(genCondition(depth-1), 0, 3).Draw(t, "and")...)
		case kind < 10:
			return or(rapid.SliceOfN(genCondition(depth-1), 0, 3).Draw(t, "or")...)
		}
		return not(genCondition(depth-1).Draw(t, "not"))
	})
}

func genSelection() *rapid.Generator[routing.Selection] {
	return rapid.Custom(func(t *rapid.T) routing.Selection {
		s := routing.Selection{Method: rapid.SampledFrom([]routing.Method{routing.MethodNone, routing.MethodRoundRobin, routing.MethodLeastLoad,
			routing.MethodSkill, routing.MethodPerson}).Draw(t, "method")}
		switch s.Method {
		case routing.MethodNone:
			return s
		case routing.MethodPerson:
			s.Person = rapid.SampledFrom(everyone).Draw(t, "person")
		case routing.MethodSkill:
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"sql", "linux"}), 1, 2, rapid.ID[string]).Draw(t, "skills") {
				s.Skills = append(s.Skills, routing.Skill{Name: name, Level: rapid.IntRange(1, 3).Draw(t, "level")})
			}
		}
		s.Capacity = rapid.IntRange(0, 4).Draw(t, "capacity")
		return s
	})
}

var (
	everyone   = []itsm.ID{"ana", "bob", "cem", "dan", "eva"}
	everyGroup = []itsm.ID{"g1", "g2", "g3", "g4"}
)

func genCandidate(id itsm.ID) *rapid.Generator[routing.Candidate] {
	return rapid.Custom(func(t *rapid.T) routing.Candidate {
		c := routing.Candidate{ID: id, Active: rapid.IntRange(0, 5).Draw(t, "active") > 0, Available: rapid.IntRange(0, 5).Draw(t, "available") > 0,
			Capacity: rapid.IntRange(0, 4).Draw(t, "capacity"), Load: rapid.IntRange(0, 5).Draw(t, "load"), Skills: map[string]int{}}
		for _, name := range []string{"sql", "linux"} {
			if level := rapid.IntRange(0, 3).Draw(t, name); level > 0 {
				c.Skills[name] = level
			}
		}
		return c
	})
}

func genTeams() *rapid.Generator[map[itsm.ID]routing.Team] {
	return rapid.Custom(func(t *rapid.T) map[itsm.ID]routing.Team {
		all := map[itsm.ID]routing.Team{}
		for _, g := range everyGroup {
			var team routing.Team
			for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(everyone), 0, len(everyone), rapid.ID[itsm.ID]).Draw(t, "people") {
				team.Candidates = append(team.Candidates, genCandidate(id).Draw(t, string(id)))
			}
			team.Last = rapid.SampledFrom(append([]itsm.ID{"", "bea"}, everyone...)).Draw(t, "last")
			all[g] = team
		}
		return all
	})
}

// genSet gives sets without faults but for rules that are not reached.
func genSet() *rapid.Generator[routing.RuleSet] {
	return rapid.Custom(func(t *rapid.T) routing.RuleSet {
		s := routing.RuleSet{Default: rapid.SampledFrom([]itsm.ID{"", "g1"}).Draw(t, "default")}
		for i := range rapid.IntRange(0, 6).Draw(t, "rules") {
			s.Rules = append(s.Rules, routing.Rule{Name: fmt.Sprint("r", i), When: genCondition(2).Draw(t, "when"),
				Group: rapid.SampledFrom(everyGroup).Draw(t, "group"), Person: genSelection().Draw(t, "person")})
		}
		// Upwards only, so that there is no circle.
		for i, g := range everyGroup[:len(everyGroup)-1] {
			if rapid.Bool().Draw(t, "overflows") {
				if s.Overflow == nil {
					s.Overflow = map[itsm.ID]itsm.ID{}
				}
				s.Overflow[g] = rapid.SampledFrom(everyGroup[i+1:]).Draw(t, "to")
			}
		}
		return s
	})
}

func genFacts() *rapid.Generator[routing.Facts] { return rapid.SampledFrom(everyRecord()) }

// naive is what a decision must come to, written plainly and without anything of the package.
type naive struct {
	rule     string
	group    itsm.ID
	assignee itsm.ID
}

func naiveHolds(c storage.Condition, facts routing.Facts) bool {
	v := facts[c.Column]
	less := func(a, b any) bool {
		switch a := a.(type) {
		case string:
			return a < b.(string)
		case int64:
			return a < b.(int64)
		}
		return !a.(bool) && b.(bool)
	}
	switch c.Op {
	case "":
		return true
	case "and":
		return !slices.ContainsFunc(c.Of, func(x storage.Condition) bool { return !naiveHolds(x, facts) })
	case "or":
		return slices.ContainsFunc(c.Of, func(x storage.Condition) bool { return naiveHolds(x, facts) })
	case "not":
		return !naiveHolds(c.Of[0], facts)
	case "null":
		return v == nil
	}
	if v == nil {
		return false
	}
	switch c.Op {
	case "in":
		return slices.ContainsFunc(c.Values, func(x any) bool { return x == v })
	case "prefix":
		return len(v.(string)) >= len(c.Values[0].(string)) && v.(string)[:len(c.Values[0].(string))] == c.Values[0]
	}
	w := c.Values[0]
	return map[storage.Op]bool{"equal": v == w, "below": less(v, w), "at_most": !less(w, v), "above": less(w, v), "at_least": !less(v, w)}[c.Op]
}

func naiveDecide(s routing.RuleSet, facts routing.Facts, teams map[itsm.ID]routing.Team) naive {
	for _, r := range s.Rules {
		if !naiveHolds(r.When, facts) {
			continue
		}
		for g, more := r.Group, true; more && r.Person.Method != ""; g, more = s.Overflow[g], s.Overflow[g] != "" && r.Person.Method != "person" {
			if id, ok := naivePerson(r.Person, teams[g]); ok {
				return naive{r.Name, g, id}
			}
		}
		return naive{r.Name, r.Group, ""}
	}
	return naive{"", s.Default, ""}
}

func naivePerson(p routing.Selection, t routing.Team) (itsm.ID, bool) {
	var fit []routing.Candidate
	for _, c := range t.Candidates {
		capacity := c.Capacity
		if capacity == 0 {
			capacity = p.Capacity
		}
		ok := c.Active && c.Available && (capacity == 0 || c.Load < capacity) && (p.Method != "person" || c.ID == p.Person)
		for _, k := range p.Skills {
			ok = ok && c.Skills[k.Name] >= k.Level
		}
		if ok {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	slices.SortFunc(fit, func(a, b routing.Candidate) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if p.Method == "round_robin" {
		for _, c := range fit {
			if c.ID > t.Last {
				return c.ID, true
			}
		}
		return fit[0].ID, true
	}
	best := fit[0]
	for _, c := range fit {
		if c.Load < best.Load {
			best = c
		}
	}
	return best.ID, true
}

func TestD2D3ADecisionIsThatOfANaiveEvaluation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, facts, groups := genSet().Draw(t, "set"), genFacts().Draw(t, "facts"), genTeams().Draw(t, "teams")
		d, err := s.Decide(facts, teams(groups))
		require.NoError(t, err)
		require.Equal(t, naiveDecide(s, facts, groups), naive{d.Rule, d.Group, d.Assignee})

		// The reasons are true: each part that is named does not hold, and has the record's value.
		for _, trial := range d.Tried {
			if trial.Matched {
				continue
			}
			require.NotEmpty(t, trial.Failed)
			for _, p := range trial.Failed {
				require.False(t, naiveHolds(p.Condition, facts))
				if p.Condition.Column != "" {
					require.Equal(t, facts[p.Condition.Column], p.Value)
				}
				require.NotEmpty(t, p.String())
			}
		}
	})
}

func TestD3TheSameInputGivesTheSameDecisionInWhateverOrderPeopleCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, groups := genSet().Draw(t, "set"), genTeams().Draw(t, "teams")
		history := rapid.SliceOfN(genFacts(), 1, 8).Draw(t, "history")
		shuffle := rapid.Bool().Draw(t, "shuffle")
		run := func(again bool) (all []routing.Decision) {
			last := map[itsm.ID]itsm.ID{}
			for g, team := range groups {
				last[g] = team.Last
			}
			for _, facts := range history {
				d, err := s.Decide(facts, func(g itsm.ID) (routing.Team, error) {
					team := routing.Team{Candidates: slices.Clone(groups[g].Candidates), Last: last[g]}
					if again && shuffle {
						slices.Reverse(team.Candidates)
					}
					return team, nil
				})
				require.NoError(t, err)
				if d.Last != "" {
					last[d.Group] = d.Last
				}
				all = append(all, d)
			}
			return all
		}
		require.Equal(t, run(false), run(true))
	})
}

func TestD3RoundRobinGivesEveryoneTheSameWithinOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := routing.RuleSet{Rules: []routing.Rule{{Name: "all", Group: "g", Person: routing.Selection{Method: routing.MethodRoundRobin, Capacity: 3}}}}
		var team routing.Team
		got := map[itsm.ID]int{}
		for i := range rapid.IntRange(1, 8).Draw(t, "people") {
			c := genCandidate(itsm.ID(fmt.Sprint("p", i))).Draw(t, "person")
			team.Candidates = append(team.Candidates, c)
			if _, fits := naivePerson(s.Rules[0].Person, routing.Team{Candidates: []routing.Candidate{c}}); fits {
				got[c.ID] = 0
			}
		}
		team.Last = itsm.ID(rapid.SampledFrom([]string{"", "p0", "p3", "p9", "zz"}).Draw(t, "last"))
		for range rapid.IntRange(0, 40).Draw(t, "records") {
			d, err := s.Decide(nil, teams(map[itsm.ID]routing.Team{"g": team}))
			require.NoError(t, err)
			if len(got) == 0 {
				require.Empty(t, d.Assignee)
				continue
			}
			got[d.Assignee]++
			team.Last = d.Last
		}
		fewest, most := 1<<30, 0
		for _, n := range got {
			fewest, most = min(fewest, n), max(most, n)
		}
		if len(got) > 0 {
			require.LessOrEqual(t, most-fewest, 1, "%v", got)
		}
	})
}

func TestD3NobodyGetsMoreThanTheirCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSet().Draw(t, "set")
		groups := genTeams().Draw(t, "teams")
		load := map[itsm.ID]int{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "closes") == 0 {
				if id := rapid.SampledFrom(everyone).Draw(t, "who"); load[id] > 0 {
					load[id]--
				}
				continue
			}
			asked := map[itsm.ID]routing.Candidate{}
			d, err := s.Decide(genFacts().Draw(t, "facts"), func(g itsm.ID) (routing.Team, error) {
				team := routing.Team{Candidates: slices.Clone(groups[g].Candidates)}
				for i := range team.Candidates {
					c := &team.Candidates[i]
					c.Load = load[c.ID]
					asked[c.ID] = *c
				}
				return team, nil
			})
			require.NoError(t, err)
			if d.Assignee == "" {
				continue
			}
			load[d.Assignee]++
			capacity := asked[d.Assignee].Capacity
			if capacity == 0 {
				i := slices.IndexFunc(s.Rules, func(r routing.Rule) bool { return r.Name == d.Rule })
				capacity = s.Rules[i].Person.Capacity
			}
			if capacity > 0 {
				require.LessOrEqual(t, load[d.Assignee], capacity)
			}
		}
	})
}

// sound holds what is reported as unreachable to every record that there can be, and gives how many
// reports there were.
func sound(t require.TestingT, s routing.RuleSet, records []routing.Facts) int {
	all := s.Unreachable()
	for _, u := range all {
		for _, facts := range records {
			holds := naiveHolds(s.Rules[u.Rule].When, facts)
			switch {
			case u.By < 0:
				require.False(t, holds, "%v %+v", facts, s.Rules)
			case u.Everything:
				require.True(t, naiveHolds(s.Rules[u.By].When, facts), "%v %+v", facts, s.Rules)
			case holds:
				require.True(t, naiveHolds(s.Rules[u.By].When, facts), "%v %+v", facts, s.Rules)
			}
			require.NotEqual(t, s.Rules[u.Rule].Name, naiveDecide(s, facts, nil).rule)
		}
	}
	return len(all)
}

func TestD2ARuleReportedUnreachableNeverDecides(t *testing.T) {
	records := everyRecord()
	reported := 0
	rapid.Check(t, func(t *rapid.T) { reported += sound(t, genSet().Draw(t, "set"), records) })
	require.NotZero(t, reported, "the test has something to say")
}

// Alternatives are what the search goes into; they are rare in the sets above.
func TestD2ARuleOfAlternativesReportedUnreachableNeverDecides(t *testing.T) {
	records := everyRecord()
	reported := 0
	rapid.Check(t, func(t *rapid.T) {
		alternatives := rapid.Custom(func(t *rapid.T) storage.Condition {
			c := or(rapid.SliceOfN(genLeaf(), 1, 2).Draw(t, "or")...)
			if rapid.IntRange(0, 4).Draw(t, "not") == 0 {
				return not(c)
			}
			return c
		})
		when := rapid.Custom(func(t *rapid.T) storage.Condition { return and(rapid.SliceOfN(alternatives, 1, 3).Draw(t, "and")...) })
		for range 30 {
			s := routing.RuleSet{Rules: []routing.Rule{rule("a", alternatives.Draw(t, "a"), "g"), rule("b", when.Draw(t, "b"), "g")}}
			reported += sound(t, s, records)
		}
	})
	require.NotZero(t, reported)
}

// Of one column, every comparison is asked after every two.
func TestD2NoTwoComparisonsOfAColumnAreMisunderstood(t *testing.T) {
	ops := []storage.Op{storage.Equal, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Prefix}
	for _, column := range columns {
		leaves := []storage.Condition{null(column), in(column, domains[column][1], domains[column][2])}
		var records []routing.Facts
		for _, v := range domains[column] {
			records = append(records, routing.Facts{column: v})
			for _, op := range ops {
				if _, text := v.(string); v != nil && (text || op != storage.Prefix) {
					leaves = append(leaves, leaf(column, op, v))
				}
			}
		}
		for _, l := range leaves[:len(leaves):len(leaves)] {
			if l.Op == storage.Equal || l.Op == storage.Null {
				leaves = append(leaves, not(l))
			}
		}
		for _, a := range leaves {
			for i, b := range leaves {
				for _, c := range leaves[i:] {
					sound(t, routing.RuleSet{Rules: []routing.Rule{rule("a", a, "g"), rule("b", and(b, c), "g")}}, records)
				}
			}
		}
	}
}
