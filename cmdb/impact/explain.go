// This file holds why a CI is impacted, as a proof.

package impact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// Proof says why a CI is in a state: a tree of steps from failures to the CI, each with the one
// support that failed it and of its members no more than are needed. Steps that several others rest
// on stand once. [Check] verifies one without the engine.
//
// Of all proofs it is the one of least depth that takes the earliest supports and members, in order of
// kind, group and id, so that the same graph and failures always give the same.
type Proof struct {
	// ID and State are what is proved: that the CI is at least as bad.
	ID    string `json:"id"`
	State State  `json:"state"`
	// Steps are in order of round, id and state; what a step rests on stands before it, and the last
	// one is what is proved.
	Steps []Step `json:"steps"`
}

// Step proves that a CI is at least in a state.
type Step struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Round is how many relations away the failures are that it rests on.
	Round int `json:"round"`
	// Own is the state in which the CI failed by itself, where that is the reason. Nothing of what
	// follows is set then.
	Own State `json:"own,omitempty"`
	// Kind, Group and Relation identify the support that failed it.
	Kind     string `json:"kind,omitempty"`
	Group    string `json:"group,omitempty"`
	Relation bool   `json:"relation,omitempty"`
	// Need is the weight of members that must work, out of Total.
	Need  int `json:"need,omitempty"`
	Total int `json:"total,omitempty"`
	// Because are the members that do not, in order of round and id. Each is at least in the state
	// Requires. For [AtRisk] one is enough. A group that has no members has none here either, and is
	// itself at least in that state.
	Because  []string `json:"because,omitempty"`
	Requires State    `json:"requires,omitempty"`
}

// Explain proves the state of a CI. It refuses a CI that is not impacted, for which [Result.WhyNot]
// answers, and one that is not in the graph as not found.
func (r *Result) Explain(id string) (Proof, error) {
	ci, err := r.s.number(id)
	if err != nil {
		return Proof{}, err
	}
	state := r.state(ci)
	if state == OK {
		return Proof{}, storage.Invalid("explanation", "id", fmt.Sprintf("%q is not impacted", brief(id)))
	}
	p := prover{r: r, done: map[claim]bool{}}
	todo := []claim{{ci, state}}
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.done[c] {
			continue
		}
		p.done[c] = true
		step, premises := p.step(c)
		p.steps = append(p.steps, step)
		todo = append(todo, premises...)
	}
	slices.SortFunc(p.steps, compareSteps)
	return Proof{ID: id, State: state, Steps: p.steps}, nil
}

func compareSteps(a, b Step) int {
	return cmp.Or(cmp.Compare(a.Round, b.Round), strings.Compare(a.ID, b.ID), cmp.Compare(a.State, b.State))
}

// claim is that a CI is at least in a state.
type claim struct {
	ci    uint32
	state State
}

type prover struct {
	r     *Result
	done  map[claim]bool
	steps []Step
}

// failing is a member that does not work as required.
type failing struct {
	ci     uint32
	id     string
	round  int
	weight int
}

// step proves one claim, and says on which others that rests.
func (p *prover) step(c claim) (Step, []claim) {
	id := p.r.s.id(c.ci)
	if own := levelState(p.r.own[c.ci]); c.state != AtRisk && own >= c.state {
		return Step{ID: id, State: c.state, Own: own}, nil
	}
	supports, _ := p.r.s.Supports(id)
	var best Step
	var premises []failing
	found := false
	for _, support := range supports {
		requires, spare := Degraded, 0
		if c.state != AtRisk {
			var felt bool
			if requires, felt = support.Propagation.needs(c.state); !felt {
				continue
			}
			spare = support.spare()
		} else if support.Propagation == None {
			continue
		}
		round, because, fails := 0, []failing(nil), len(support.Members) == 0 && support.Empty >= requires
		if !fails {
			because, fails = p.earliest(support, requires, spare)
			if !fails {
				continue
			}
			round = because[len(because)-1].round + 1
		}
		if found && round >= best.Round {
			continue
		}
		found, premises = true, because
		best = Step{ID: id, State: c.state, Round: round, Kind: support.Kind, Group: support.Group, Relation: support.Relation,
			Need: support.Need, Total: support.Total, Requires: requires}
	}
	claims := make([]claim, len(premises))
	for i, m := range premises {
		best.Because = append(best.Because, m.id)
		claims[i] = claim{m.ci, best.Requires}
	}
	return best, claims
}

// earliest gives the earliest members, by round and id, that weigh more than what a support can
// spare, without those that the others can do without.
func (p *prover) earliest(support Support, requires State, spare int) ([]failing, bool) {
	var all []failing
	for _, m := range support.Members {
		ci := p.r.s.find(m.ID)
		if round, ok := p.r.reached(ci, levelOf(requires)); ok {
			all = append(all, failing{ci, m.ID, round, m.Weight})
		}
	}
	slices.SortFunc(all, func(a, b failing) int {
		return cmp.Or(cmp.Compare(a.round, b.round), strings.Compare(a.id, b.id))
	})
	lost := 0
	for i, m := range all {
		if lost += m.weight; lost <= spare {
			continue
		}
		return slices.DeleteFunc(all[:i+1], func(m failing) bool {
			if lost-m.weight <= spare {
				return false
			}
			lost -= m.weight
			return true
		}), true
	}
	return nil, false
}

// String draws the proof as an indented tree, from the CI down to the failures. What failed by itself stands with the state in
// which it did; of what lies between, it says what is needed of it.
func (p Proof) String() string {
	steps := make(map[string]Step, len(p.Steps))
	key := func(id string, state State) string { return state.String() + " " + id }
	for _, s := range p.Steps {
		steps[key(s.ID, s.State)] = s
	}
	var b strings.Builder
	drawn := map[string]bool{}
	var draw func(id string, state State, depth int)
	draw = func(id string, state State, depth int) {
		s := steps[key(id, state)]
		is := state.String()
		switch {
		case s.Own != OK:
			is = s.Own.String() // which may be worse than what is proved of it
		case depth > 0 && state != Down:
			is = "at least " + is // more is not needed of it
		}
		fmt.Fprintf(&b, "%s%s is %s", strings.Repeat("  ", depth), id, is)
		again := drawn[key(id, state)]
		drawn[key(id, state)] = true
		switch {
		case s.Own != OK:
			b.WriteString(": it failed by itself\n")
			return
		case again:
			b.WriteString(": see above\n")
			return
		case s.Relation:
			fmt.Fprintf(&b, ": %s\n", s.Kind)
		case s.Total == 0:
			fmt.Fprintf(&b, ": %s, which has no members\n", groupTitle(s.Kind, s.Group))
		case s.State == AtRisk:
			fmt.Fprintf(&b, ": %s, of which %d of %d must work, has lost some\n", groupTitle(s.Kind, s.Group), s.Need, s.Total)
		default:
			fmt.Fprintf(&b, ": %s, of which %d of %d must work\n", groupTitle(s.Kind, s.Group), s.Need, s.Total)
		}
		for _, m := range s.Because {
			draw(m, s.Requires, depth+1)
		}
	}
	draw(p.ID, p.State, 0)
	return b.String()
}

func groupTitle(kind, group string) string {
	if group == "" {
		return kind
	}
	return kind + " " + group
}

// Redacted gives the proof for someone who may not see every CI: each that visible refuses becomes
// "hidden-1" and so on, and the names of its groups are left out. Nothing is cut: what is hidden still counts.
func (p Proof) Redacted(visible func(id string) bool) Proof {
	hidden := map[string]string{}
	name := func(id string) string {
		if id == "" || visible(id) {
			return id
		}
		if hidden[id] == "" {
			hidden[id] = fmt.Sprintf("hidden-%d", len(hidden)+1)
		}
		return hidden[id]
	}
	out := Proof{State: p.State, Steps: slices.Clone(p.Steps)}
	for i := range out.Steps {
		s := &out.Steps[i]
		if !visible(s.ID) {
			s.Group = ""
		}
		s.ID = name(s.ID)
		s.Because = slices.Clone(s.Because)
		for j, m := range s.Because {
			s.Because[j] = name(m)
		}
	}
	out.ID = name(p.ID)
	return out
}

// Standing is how a CI stands with everything that holds it up.
type Standing struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Unaffected says that the question took it for unaffected.
	Unaffected bool `json:"unaffected,omitempty"`
	// Supports are in order of what may still be lost, the least first.
	Supports []SupportStanding `json:"supports,omitempty"`
}

// SupportStanding is how one support stands.
type SupportStanding struct {
	Support
	// State is that of the support, and Effect what the CI feels of it.
	State  State `json:"state"`
	Effect State `json:"effect"`
	// Poor is the weight of members that are degraded or down, and Lost of those that are down.
	Poor int `json:"poor"`
	Lost int `json:"lost"`
	// Spare is the weight that may still go down before the CI feels it, and 0 where it does already.
	Spare int `json:"spare"`
}

// WhyNot says why a CI is not worse off than it is: how each support stands, and what it can still
// lose. It refuses an id that is not in the graph as not found.
func (r *Result) WhyNot(id string) (Standing, error) {
	ci, err := r.s.number(id)
	if err != nil {
		return Standing{}, err
	}
	out := Standing{ID: id, State: r.state(ci), Unaffected: slices.Contains(r.unaffected, ci)}
	supports, _ := r.s.Supports(id)
	for _, support := range supports {
		out.Supports = append(out.Supports, r.standing(support))
	}
	slices.SortStableFunc(out.Supports, func(a, b SupportStanding) int {
		// What passes nothing on comes last.
		return cmp.Or(cmp.Compare(btoi(a.Propagation == None), btoi(b.Propagation == None)), cmp.Compare(a.Spare, b.Spare))
	})
	return out, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *Result) standing(support Support) SupportStanding {
	st := SupportStanding{Support: support}
	for _, m := range support.Members {
		switch l := r.at(r.s.find(m.ID)); l {
		case levelDown:
			st.Lost += m.Weight
			st.Poor += m.Weight
		case levelDegraded:
			st.Poor += m.Weight
		}
	}
	switch spare := support.spare(); {
	case len(support.Members) == 0:
		st.State = support.Empty
	case st.Lost > spare:
		st.State = Down
	case st.Poor > spare:
		st.State = Degraded
	case st.Poor > 0:
		st.State = AtRisk
	}
	st.Effect = support.Propagation.Of(st.State)
	used := st.Lost
	if support.Propagation.Of(Degraded) > OK {
		used = st.Poor
	}
	st.Spare = max(support.spare()-used, 0)
	return st
}
