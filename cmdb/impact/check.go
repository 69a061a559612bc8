// This file holds the checker of proofs. It shares nothing with the engine that finds them but the
// reading of a snapshot: no fixpoint, no counters, no log.

package impact

import (
	"fmt"
	"slices"
)

// Check verifies a proof against a snapshot and the failures it is to rest on: that each step follows
// from the steps before it and from what the snapshot says of the CI, that no step is left unused, and
// that each takes the earliest support and members among those the proof speaks of. Of the options,
// Unaffected and Depth count. The error says which step fails and why.
//
// A proof that passes shows that the CI is at least in the state. It does not show that it is not
// worse, nor that no shorter proof exists.
func Check(s *Snapshot, failures []Failure, o Options, p Proof) error {
	c := checker{s: s, own: map[string]State{}, proved: map[string]map[State]int{}, used: map[string]map[State]bool{}}
	for _, f := range failures {
		c.own[f.ID] = max(c.own[f.ID], f.State)
	}
	if len(p.Steps) == 0 {
		return refuse("steps", "are none")
	}
	for i, step := range p.Steps {
		at := fmt.Sprintf("steps[%d]", i)
		if i > 0 && compareSteps(p.Steps[i-1], step) >= 0 {
			return refuse(at, "is not in order of round, id and state")
		}
		if slices.Contains(o.Unaffected, step.ID) {
			return refuse(at+".id", "is a CI that is not affected")
		}
		if o.Depth > 0 && step.Round > o.Depth {
			return refuse(at+".round", fmt.Sprintf("is beyond the depth of %d", o.Depth))
		}
		if _, twice := c.proved[step.ID][step.State]; twice {
			return refuse(at, "proves what was proved before")
		}
		if step.State == AtRisk && i < len(p.Steps)-1 {
			return refuse(at+".state", "is at-risk, from which nothing follows")
		}
		if problem := c.step(step); problem != "" {
			return refuse(at, problem)
		}
		if c.proved[step.ID] == nil {
			c.proved[step.ID] = map[State]int{}
		}
		c.proved[step.ID][step.State] = step.Round
	}
	last := p.Steps[len(p.Steps)-1]
	if last.ID != p.ID || last.State != p.State {
		return refuse("steps", "do not end with what is to be proved")
	}
	for i, step := range p.Steps[:len(p.Steps)-1] {
		if !c.used[step.ID][step.State] {
			return refuse(fmt.Sprintf("steps[%d]", i), "is not used")
		}
	}
	return nil
}

func refuse(field, problem string) error { return refuseIn("proof", field, problem) }

type checker struct {
	s      *Snapshot
	own    map[string]State
	proved map[string]map[State]int // the round of what was proved
	used   map[string]map[State]bool
}

// step says what is wrong with a step, or nothing.
func (c *checker) step(step Step) string {
	if step.State != AtRisk && step.State != Degraded && step.State != Down {
		return "proves no state"
	}
	supports, err := c.s.Supports(step.ID)
	if err != nil {
		return "is about a CI that is not in the graph"
	}
	own := c.own[step.ID]
	if step.State != AtRisk && own >= step.State {
		bare := step.Kind == "" && step.Group == "" && !step.Relation && step.Need == 0 && step.Total == 0 && len(step.Because) == 0 && step.Requires == OK
		if step.Own != own || step.Round != 0 || !bare {
			return fmt.Sprintf("should say that the CI failed by itself, as %s", own)
		}
		return ""
	}
	if step.Own != OK {
		return "says that the CI failed by itself, which is not among the failures"
	}
	stated := slices.IndexFunc(supports, func(s Support) bool {
		if s.Kind != step.Kind || s.Relation != step.Relation {
			return false
		}
		if s.Relation {
			return step.Group == "" && len(step.Because) == 1 && step.Because[0] == s.Members[0].ID
		}
		return s.Group == step.Group
	})
	if stated < 0 {
		return "names a support that the CI does not have"
	}
	if s := supports[stated]; s.Need != step.Need || s.Total != step.Total {
		return fmt.Sprintf("does not state the support's need, which is %d of %d", s.Need, s.Total)
	}
	if problem := c.sound(step, supports[stated]); problem != "" {
		return problem
	}
	for i, s := range supports {
		round, ok := c.fires(step.State, s)
		if i != stated && ok && (round < step.Round || round == step.Round && i < stated) {
			return "could rest on another support that comes first"
		}
	}
	for _, m := range step.Because {
		if c.used[m] == nil {
			c.used[m] = map[State]bool{}
		}
		c.used[m][step.Requires] = true
	}
	return ""
}

// requires gives the least state of a support that does it, and the weight of members in that state
// that it takes.
func requires(state State, s Support) (of State, weight int, possible bool) {
	if state == AtRisk {
		return Degraded, 1, s.Propagation != None
	}
	if s.Propagation.Of(Degraded) >= state {
		return Degraded, s.Total - s.Need + 1, true
	}
	return Down, s.Total - s.Need + 1, s.Propagation.Of(Down) >= state
}

// sound says why a step does not follow from its support, or nothing.
func (c *checker) sound(step Step, s Support) string {
	of, weight, possible := requires(step.State, s)
	if !possible {
		return "does not follow: the kind passes less on"
	}
	if step.Requires != of {
		return fmt.Sprintf("requires of members that they are %s, and should %s", step.Requires, of)
	}
	if len(s.Members) == 0 {
		if len(step.Because) > 0 || s.Empty < of || step.Round != 0 {
			return "does not follow from a group without members"
		}
		return ""
	}
	lost, round := 0, 0
	least := s.Total
	weights := map[string]int{}
	for _, m := range s.Members {
		weights[m.ID] = m.Weight
	}
	for i, m := range step.Because {
		at, proved := c.proved[m][of]
		switch {
		case weights[m] == 0:
			return fmt.Sprintf("rests on %q, which is no member", brief(m))
		case slices.Contains(step.Because[:i], m):
			return fmt.Sprintf("rests on %q twice", brief(m))
		case !proved:
			return fmt.Sprintf("rests on %q, which is not proved to be %s", brief(m), of)
		}
		lost += weights[m]
		least = min(least, weights[m])
		round = max(round, at)
	}
	switch {
	case lost < weight:
		return fmt.Sprintf("does not follow: of members, %d must fail, and %d do", weight, lost)
	case lost-least >= weight:
		return "rests on more members than it takes"
	case step.Round != round+1:
		return fmt.Sprintf("is in round %d, and rests on round %d", step.Round, round)
	}
	return c.first(step, s, of, weight)
}

// first says why a step does not rest on the earliest members, or nothing.
func (c *checker) first(step Step, s Support, of State, weight int) string {
	sum, chosen := 0, []Member(nil)
	for _, m := range c.inOrder(s, of) {
		if sum >= weight {
			break
		}
		sum += m.Weight
		chosen = append(chosen, m)
	}
	var want []string
	for _, m := range chosen {
		if sum-m.Weight >= weight {
			sum -= m.Weight
			continue
		}
		want = append(want, m.ID)
	}
	if !slices.Equal(step.Because, want) {
		return "could rest on members that come first"
	}
	return ""
}

// inOrder gives the members that are proved to be in a state, by round and id.
func (c *checker) inOrder(s Support, of State) []Member {
	var proved []Member
	for _, m := range s.Members {
		if _, ok := c.proved[m.ID][of]; ok {
			proved = append(proved, m)
		}
	}
	slices.SortStableFunc(proved, func(a, b Member) int { return c.proved[a.ID][of] - c.proved[b.ID][of] })
	return proved
}

// fires gives the round in which a support does it by what was proved, and false where it does not.
func (c *checker) fires(state State, s Support) (int, bool) {
	of, weight, possible := requires(state, s)
	if !possible {
		return 0, false
	}
	if len(s.Members) == 0 {
		return 0, s.Empty >= of
	}
	sum := 0
	for _, m := range c.inOrder(s, of) {
		if sum += m.Weight; sum >= weight {
			return c.proved[m.ID][of] + 1, true
		}
	}
	return 0, false
}
