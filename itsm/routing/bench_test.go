package routing_test

import (
	"fmt"
	"testing"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
)

// rulesOf gives n rules of three comparisons each, of which the last alone matches the record.
func rulesOf(n int) (routing.RuleSet, routing.Facts) {
	var s routing.RuleSet
	for i := range n {
		s.Rules = append(s.Rules, routing.Rule{
			Name: fmt.Sprint("rule ", i), Group: itsm.ID(fmt.Sprint("group-", i)), Person: routing.Selection{Method: routing.MethodLeastLoad},
			When: and(equal("category", "network"), in("requester.site", fmt.Sprint("site-", i), fmt.Sprint("site-", i, "b")), leaf("priority", "at_most", int64(4))),
		})
	}
	return s, routing.Facts{"category": "network", "requester.site": fmt.Sprint("site-", n-1), "priority": int64(3)}
}

// BenchmarkD2Decide tries every rule and chooses one of twenty people.
func BenchmarkD2Decide(b *testing.B) {
	var team routing.Team
	for i := range 20 {
		team.Candidates = append(team.Candidates, person(itsm.ID(fmt.Sprintf("person-%02d", i)), i%7))
	}
	people := func(itsm.ID) (routing.Team, error) { return team, nil }
	for _, n := range []int{10, 100, 1000} {
		s, facts := rulesOf(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d, err := s.Decide(facts, people); err != nil || d.Assignee == "" {
					b.Fatal(d, err)
				}
			}
		})
	}
}

// BenchmarkD2Check also looks for rules that are never reached.
func BenchmarkD2Check(b *testing.B) {
	v := vocabulary()
	for _, n := range []int{10, 100, 1000} {
		s, _ := rulesOf(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Check(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
