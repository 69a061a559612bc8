package routing_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

func TestD2TheFirstRuleThatMatchesDecidesAndTheOthersSayWhyNot(t *testing.T) {
	s := routing.RuleSet{
		Rules: []routing.Rule{
			rule("important people", equal("requester.vip", true), "vip desk"),
			rule("network in Graz", and(in("category", "network", "vpn"), or(equal("requester.site", "Graz"), leaf("requester.site", storage.Prefix, "AT-"))), "network graz"),
			rule("not the servers", not(leaf("priority", storage.AtMost, int64(2))), "second line"),
			rule("neither", not(and(equal("category", "vpn"), null("service"))), "third line"),
			rule("vpn", equal("category", "vpn"), "network"),
			rule("the rest", storage.Condition{}, "desk"),
		},
		Default: "nobody",
	}
	require.NoError(t, s.Check(vocabulary()))
	d, err := s.Decide(routing.Facts{"category": "vpn", "priority": int64(2), "requester.vip": false, "requester.site": "Wien"}, nil)
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeRule, d.Outcome)
	require.Equal(t, "vpn", d.Rule)
	require.EqualValues(t, "network", d.Group)
	require.Empty(t, d.Assignee)
	require.Equal(t, `rule "important people" does not match: requester.vip is false, not true
rule "network in Graz" does not match: requester.site is "Wien", not "Graz"; requester.site is "Wien", not beginning with "AT-"
rule "not the servers" does not match: priority is 2, which must not be at most 2
rule "neither" does not match: what must not hold does: (category "vpn" and service absent)
rule "vpn" matches
assigned to network
`, d.String())
	require.Equal(t, []routing.Part{
		{Path: "of[1].of[0]", Condition: equal("requester.site", "Graz"), Value: "Wien"},
		{Path: "of[1].of[1]", Condition: leaf("requester.site", storage.Prefix, "AT-"), Value: "Wien"},
	}, d.Tried[1].Failed)
	require.Len(t, d.Tried, 5, "what comes behind the rule that matched is not tried")

	// What is not known is null: it holds for no comparison, and so for the not of each.
	d, err = s.Decide(routing.Facts{"category": "vpn"}, nil)
	require.NoError(t, err)
	require.Equal(t, "not the servers", d.Rule)
	require.Equal(t, "requester.vip is absent, not true", d.Tried[0].Failed[0].String())

	// A decision and its reasons can be kept.
	var again routing.Decision
	require.NoError(t, json.Unmarshal(must(json.Marshal(d)), &again))
	require.Equal(t, d.String(), again.String())
}

func TestD2NoRuleMatchedIsAnOutcome(t *testing.T) {
	s := routing.RuleSet{Rules: []routing.Rule{rule("one", in("category", "a", "b", "c", "d", "e", "f", "g"), "desk")}}
	d, err := s.Decide(routing.Facts{"category": "x"}, nil)
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeNone, d.Outcome)
	require.Empty(t, d.Group)
	require.Equal(t, `rule "one" does not match: category is "x", not one of "a", "b", "c", "d", "e", 2 more
no rule matches, and there is no default group
`, d.String())
	s.Default = "first line"
	d, err = s.Decide(routing.Facts{"category": "x"}, nil)
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeDefault, d.Outcome)
	require.EqualValues(t, "first line", d.Group)
	require.Contains(t, d.String(), "no rule matches, so the default group has it: first line\n")
}

func TestD3APersonIsChosenByTheMethod(t *testing.T) {
	away, left := person("aaa", 0), person("aab", 0)
	away.Available, left.Active = false, false
	skilled := func(id itsm.ID, load int, skills map[string]int) routing.Candidate {
		c := person(id, load)
		c.Skills = skills
		return c
	}
	capped := person("cap", 2)
	capped.Capacity = 2
	needs := []routing.Skill{{Name: "oracle", Level: 2}, {Name: "linux", Level: 1}}
	for name, c := range map[string]struct {
		person   routing.Selection
		people   []routing.Candidate
		last     itsm.ID
		want     itsm.ID
		why      string
		excluded map[itsm.ID]string
	}{
		"none":                     {people: []routing.Candidate{person("ana", 0)}},
		"round robin begins":       {routing.Selection{Method: routing.MethodRoundRobin}, []routing.Candidate{person("cem", 0), person("bob", 9)}, "", "bob", "bob has the first turn", nil},
		"round robin goes on":      {routing.Selection{Method: routing.MethodRoundRobin}, []routing.Candidate{person("cem", 9), person("bob", 0), person("dan", 0)}, "bob", "cem", "cem has the turn after bob", nil},
		"round robin starts again": {routing.Selection{Method: routing.MethodRoundRobin}, []routing.Candidate{person("cem", 9), person("bob", 0)}, "cem", "bob", "bob has the turn after cem", nil},
		"round robin after one who left the group": {routing.Selection{Method: routing.MethodRoundRobin}, []routing.Candidate{person("ada", 0), person("cem", 9)}, "bob", "cem", "cem has the turn after bob", nil},
		"round robin passes over": {routing.Selection{Method: routing.MethodRoundRobin}, []routing.Candidate{away, left, capped, person("dan", 0)}, "aaa", "dan", "dan has the turn after aaa",
			map[itsm.ID]string{"aaa": "is not available", "aab": "is not active", "cap": "has 2 open records of 2"}},
		"least load":        {routing.Selection{Method: routing.MethodLeastLoad}, []routing.Candidate{person("ana", 3), person("bob", 2), person("cem", 4)}, "", "bob", "bob has the fewest open records of those who can take it: 2", nil},
		"least load, a tie": {routing.Selection{Method: routing.MethodLeastLoad}, []routing.Candidate{person("cem", 2), person("bob", 2)}, "bob", "bob", "bob has the fewest open records of those who can take it: 2", nil},
		"least load with the rule's capacity": {routing.Selection{Method: routing.MethodLeastLoad, Capacity: 3}, []routing.Candidate{person("ana", 3), person("bob", 4), capped, person("dan", 2)}, "", "dan",
			"dan has the fewest open records of those who can take it: 2",
			map[itsm.ID]string{"ana": "has 3 open records of 3", "bob": "has 4 open records of 3", "cap": "has 2 open records of 2"}},
		"skill": {routing.Selection{Method: routing.MethodSkill, Skills: needs}, []routing.Candidate{
			skilled("ana", 0, map[string]int{"oracle": 1, "linux": 3}), skilled("bob", 5, map[string]int{"oracle": 2, "linux": 1}),
			skilled("cem", 4, map[string]int{"oracle": 9, "linux": 1}), skilled("dan", 0, nil)}, "", "cem",
			"cem has the fewest open records of those who can take it: 4",
			map[itsm.ID]string{"ana": "has the skill oracle at level 1, not 2", "dan": "lacks the skill oracle; lacks the skill linux"}},
		"nobody": {routing.Selection{Method: routing.MethodLeastLoad}, []routing.Candidate{away}, "", "",
			"nobody can take it, and there is no overflow group, so desk has it without a person", map[itsm.ID]string{"aaa": "is not available"}},
		"an empty group": {routing.Selection{Method: routing.MethodRoundRobin}, nil, "", "",
			"nobody can take it, and there is no overflow group, so desk has it without a person", nil},
		"one person": {routing.Selection{Method: routing.MethodPerson, Person: "cem"}, []routing.Candidate{person("bob", 0), person("cem", 7)}, "", "cem",
			"cem is the person whom the rule names", map[itsm.ID]string{"bob": "is not the person whom the rule names"}},
		"one person who is full": {routing.Selection{Method: routing.MethodPerson, Person: "cem", Capacity: 7}, []routing.Candidate{person("cem", 7)}, "", "",
			"cem cannot take it, so desk has it without a person", map[itsm.ID]string{"cem": "has 7 open records of 7"}},
		"one person of another group": {routing.Selection{Method: routing.MethodPerson, Person: "zoe"}, []routing.Candidate{person("cem", 7)}, "", "",
			"zoe cannot take it, so desk has it without a person", map[itsm.ID]string{"cem": "is not the person whom the rule names"}},
		"every reason": {routing.Selection{Method: routing.MethodSkill, Skills: needs[:1]}, []routing.Candidate{{ID: "ana", Capacity: 1, Load: 1}}, "", "",
			"nobody can take it, and there is no overflow group, so desk has it without a person",
			map[itsm.ID]string{"ana": "is not active; is not available; has 1 open records of 1; lacks the skill oracle"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := routing.RuleSet{Rules: []routing.Rule{{Name: "all", Group: "desk", Person: c.person}}}
			require.NoError(t, s.Check(vocabulary()))
			d, err := s.Decide(nil, teams(map[itsm.ID]routing.Team{"desk": {Candidates: c.people, Last: c.last}}))
			require.NoError(t, err)
			require.EqualValues(t, "desk", d.Group)
			require.Equal(t, c.want, d.Assignee)
			if c.person.Method == routing.MethodNone {
				require.Empty(t, d.Groups)
				return
			}
			require.Len(t, d.Groups, 1)
			require.Equal(t, c.why, d.Groups[0].Why)
			require.Len(t, d.Groups[0].People, len(c.people))
			require.True(t, slices.IsSortedFunc(d.Groups[0].People, func(a, b routing.Considered) int {
				return storage.Compare(string(a.Person), string(b.Person))
			}))
			for _, p := range d.Groups[0].People {
				require.Equal(t, c.excluded[p.Person], p.Excluded, p.Person)
				require.Equal(t, p.Person == c.want, p.Chosen)
			}
			if c.person.Method == routing.MethodRoundRobin {
				require.Equal(t, c.want, d.Last)
			} else {
				require.Empty(t, d.Last)
			}
		})
	}
}

func TestD3WhereNobodyInAGroupCanTakeItItsOverflowGroupIsAsked(t *testing.T) {
	full := person("ana", 5)
	full.Capacity = 5
	groups := map[itsm.ID]routing.Team{
		"first": {Candidates: []routing.Candidate{full}}, "second": {Last: "x"},
		"third": {Candidates: []routing.Candidate{person("cem", 1), person("dan", 0)}, Last: "cem"},
	}
	s := routing.RuleSet{
		Rules:    []routing.Rule{{Name: "all", Group: "first", Person: routing.Selection{Method: routing.MethodRoundRobin}}},
		Overflow: map[itsm.ID]itsm.ID{"first": "second", "second": "third"},
	}
	d, err := s.Decide(nil, teams(groups))
	require.NoError(t, err)
	require.EqualValues(t, "third", d.Group)
	require.EqualValues(t, "dan", d.Assignee)
	require.EqualValues(t, "dan", d.Last)
	require.Equal(t, `rule "all" matches
ana of first has 5 open records of 5
first: nobody can take it, so second is asked
second: nobody can take it, so third is asked
third: dan has the turn after cem
assigned to dan of third
`, d.String())

	delete(groups, "third")
	d, err = s.Decide(nil, teams(groups))
	require.NoError(t, err)
	require.EqualValues(t, "first", d.Group, "whose work it is, where there is nobody anywhere")
	require.Empty(t, d.Assignee)
	require.Empty(t, d.Last)
	require.Equal(t, "nobody can take it, and there is no overflow group, so first has it without a person", d.Groups[2].Why)

	// A circle is refused by Check. Where two layers make one nevertheless it is gone round once.
	for _, to := range []itsm.ID{"first", "second"} {
		s.Overflow["second"] = to
		require.Error(t, s.Check(vocabulary()))
		d, err = s.Decide(nil, teams(groups))
		require.NoError(t, err)
		require.EqualValues(t, "first", d.Group)
		require.Len(t, d.Groups, 2)
		require.Equal(t, "nobody can take it, and its overflow groups go in a circle, so first has it without a person", d.Groups[1].Why)
	}
	s.Rules[0].Person = routing.Selection{Method: routing.MethodPerson, Person: "ana"}
	d, err = s.Decide(nil, teams(groups))
	require.NoError(t, err)
	require.Len(t, d.Groups, 1, "nobody stands in for the person whom a rule names")
}

func TestD3WithoutPeopleTheGroupSeesToItItself(t *testing.T) {
	s := routing.RuleSet{Rules: []routing.Rule{{Name: "all", Group: "desk", Person: routing.Selection{Method: routing.MethodLeastLoad}}}}
	d, err := s.Decide(nil, nil)
	require.NoError(t, err)
	require.EqualValues(t, "desk", d.Group)
	require.Equal(t, "nobody was asked who is in the group", d.Groups[0].Why)
}

func TestD3ATeamThatCannotBeIsRefused(t *testing.T) {
	s := routing.RuleSet{Rules: []routing.Rule{{Name: "all", Group: "desk", Person: routing.Selection{Method: routing.MethodLeastLoad}}}}
	boom := errors.New("boom")
	d, err := s.Decide(nil, func(itsm.ID) (routing.Team, error) { return routing.Team{}, boom })
	require.ErrorIs(t, err, boom)
	require.Zero(t, d)
	_, err = s.Decide(nil, teams(map[itsm.ID]routing.Team{"desk": {Candidates: []routing.Candidate{
		person("ana", 0), person("ana", 1), {ID: "bob", Load: -1, Capacity: -1}, {}}}}))
	require.Equal(t, []string{
		`candidates[1].id: "ana" is named twice`, "candidates[2].load: must not be negative",
		"candidates[2].capacity: must not be negative", "candidates[3].id: is required",
	}, faults(t, err))
}

func TestG7ATenantsRulesStandBeforeThoseOfItsProvider(t *testing.T) {
	provider := routing.Source{Tenant: "msp", Set: "s1", Number: 4}
	mine := routing.Source{Tenant: "acme", Set: "s2", Number: 2}
	base := routing.Layer{Source: provider, Set: routing.RuleSet{
		Rules:    []routing.Rule{rule("network", equal("category", "network"), "msp network"), rule("vpn", equal("category", "vpn"), "msp vpn")},
		Default:  "msp desk",
		Overflow: map[itsm.ID]itsm.ID{"msp network": "msp desk", "shared": "msp desk"},
	}}
	own := routing.Layer{Source: mine, Set: routing.RuleSet{
		Rules:    []routing.Rule{rule("printers", equal("category", "printer"), "house"), rule("vpn", equal("category", "vpn"), "our network")},
		Overflow: map[itsm.ID]itsm.ID{"shared": "house"},
	}}
	before := must(json.Marshal([]any{base, own}))
	m := routing.Effective(base, own)
	require.Equal(t, routing.Merged{
		Set: routing.RuleSet{
			Rules:    []routing.Rule{own.Set.Rules[0], own.Set.Rules[1], base.Set.Rules[0]},
			Default:  "msp desk",
			Overflow: map[itsm.ID]itsm.ID{"msp network": "msp desk", "shared": "house"},
		},
		RuleSources: []routing.Source{mine, mine, provider}, DefaultSource: provider,
		OverflowSources: map[itsm.ID]routing.Source{"msp network": provider, "shared": mine},
		Overridden:      []string{"vpn"},
	}, m)
	require.JSONEq(t, string(before), string(must(json.Marshal([]any{base, own}))))

	for category, want := range map[string]struct {
		group  itsm.ID
		source routing.Source
	}{"printer": {"house", mine}, "vpn": {"our network", mine}, "network": {"msp network", provider}, "mail": {"msp desk", provider}} {
		d, err := m.Decide(routing.Facts{"category": category}, nil)
		require.NoError(t, err)
		require.Equal(t, want.group, d.Group)
		require.Equal(t, want.source, d.Source)
	}
	d, err := m.Decide(routing.Facts{"category": "mail"}, nil)
	require.NoError(t, err)
	require.Equal(t, `rule "printers" (acme, version 2) does not match: category is "mail", not "printer"
rule "vpn" (acme, version 2) does not match: category is "mail", not "vpn"
rule "network" (msp, version 4) does not match: category is "mail", not "network"
no rule matches, so the default group (msp, version 4) has it: msp desk
`, d.String())

	own.Set.Default = "our desk"
	m = routing.Effective(base, own)
	require.Equal(t, mine, m.DefaultSource)
	require.Zero(t, routing.Effective(routing.Layer{}, routing.Layer{Source: mine}).DefaultSource, "there is no default group to come from anywhere")
	require.Equal(t, base.Set.Rules, routing.Effective(base, routing.Layer{}).Set.Rules)

	// An own rule that takes everything hides the base; that can be asked.
	own.Set.Rules = append(own.Set.Rules, rule("all ours", storage.Condition{}, "our desk"))
	require.Equal(t, []routing.Unreached{{Rule: 3, By: 2, Everything: true}}, routing.Effective(base, own).Set.Unreachable())
}

func TestD2X12ADryRunTellsWhatWouldHaveGoneElsewhere(t *testing.T) {
	before := routing.RuleSet{Rules: []routing.Rule{
		rule("network", equal("category", "network"), "network"),
		{Name: "mail", When: equal("category", "mail"), Group: "desk", Person: routing.Selection{Method: routing.MethodRoundRobin}},
	}}
	after := routing.RuleSet{Rules: []routing.Rule{
		rule("vip", equal("requester.vip", true), "vip"),
		rule("network", equal("category", "network"), "network"),
		{Name: "mail", When: equal("category", "mail"), Group: "desk", Person: routing.Selection{Method: routing.MethodRoundRobin}},
	}, Default: "rest"}
	records := []routing.Past{
		{ID: "1", Facts: routing.Facts{"category": "network"}},
		{ID: "2", Facts: routing.Facts{"category": "mail", "requester.vip": true}},
		{ID: "3", Facts: routing.Facts{"category": "mail"}},
		{ID: "4", Facts: routing.Facts{"category": "mail"}},
		{ID: "5", Facts: routing.Facts{"category": "printer"}},
	}
	history := func(yield func(routing.Past, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
	c, err := routing.DryRun(before, after, history, routing.DryRunOptions{})
	require.NoError(t, err)
	require.Equal(t, 5, c.Records)
	require.Equal(t, 2, c.Different)
	require.Equal(t, 2, c.OtherGroup)
	require.Equal(t, [2]int{1, 0}, c.Undecided)
	require.Equal(t, map[itsm.ID][2]int{"network": {1, 1}, "desk": {3, 2}, "vip": {0, 1}, "rest": {0, 1}}, c.Groups)
	require.EqualValues(t, "2", c.Differences[0].Record)
	require.EqualValues(t, "desk", c.Differences[0].Before.Group)
	require.Equal(t, "vip", c.Differences[0].After.Rule)

	// With people, each side has turns of its own: before, ana had 2 and so bob has 3.
	asked := map[itsm.ID]int{}
	c, err = routing.DryRun(before, after, history, routing.DryRunOptions{Limit: 1, People: func(p routing.Past, group itsm.ID) ([]routing.Candidate, error) {
		asked[p.ID]++
		return []routing.Candidate{person("ana", 0), person("bob", 0)}, nil
	}})
	require.NoError(t, err)
	require.Equal(t, map[itsm.ID]int{"2": 1, "3": 2, "4": 2}, asked)
	require.Equal(t, 4, c.Different, "3 and 4 go to the other person")
	require.Equal(t, 2, c.OtherGroup)
	require.Len(t, c.Differences, 1)

	boom := errors.New("boom")
	_, err = routing.DryRun(before, after, func(yield func(routing.Past, error) bool) { yield(routing.Past{}, boom) }, routing.DryRunOptions{})
	require.ErrorIs(t, err, boom)
	_, err = routing.DryRun(before, after, history, routing.DryRunOptions{People: func(routing.Past, itsm.ID) ([]routing.Candidate, error) { return nil, boom }})
	require.ErrorIs(t, err, boom)
}

func TestD1ARestrictedRecordPassesByWhatIsNotMeantForIt(t *testing.T) {
	s, err := routing.Parse([]byte(`{"rules": [{"name": "all", "group": "desk", "when": {}},
		{"name": "meant", "group": "security", "when": {"op": "equal", "column": "restricted", "values": [true]}}], "default": "desk"}`))
	require.NoError(t, err)
	require.Empty(t, s.Unreachable(), "what is restricted comes to the second rule")
	d, err := s.Decide(routing.Facts{"restricted": true}, nil)
	require.NoError(t, err)
	require.Equal(t, itsm.ID("security"), d.Group)
	require.Equal(t, "rule \"all\" is not for restricted records: its condition does not name them\nrule \"meant\" matches\nassigned to security\n", d.String())
	d, err = s.Decide(routing.Facts{"restricted": false}, nil)
	require.NoError(t, err)
	require.Equal(t, itsm.ID("desk"), d.Group)

	s.Rules = s.Rules[:1]
	d, err = s.Decide(routing.Facts{"restricted": true}, nil)
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeNone, d.Outcome)
	require.Contains(t, d.String(), "it is restricted, and no rule that names that matches\n")
}
