// This file holds the oracle of the property tests: graphs as plain lists, and the fixpoint by
// sweeping over all of them until nothing changes.

package impact_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// kinds are every propagation and every flow.
var kinds = []impact.Kind{
	{Name: "depends on", Flow: impact.ToSource, Propagation: impact.Full},
	{Name: "powers", Flow: impact.ToTarget, Propagation: impact.Full},
	{Name: "connects to", Flow: impact.Both, Propagation: impact.Cap},
	{Name: "prefers", Flow: impact.ToSource, Propagation: impact.Soften},
	{Name: "needs wholly", Flow: impact.ToSource, Propagation: impact.Map(impact.Down, impact.Down)},
	{Name: "tolerates", Flow: impact.ToTarget, Propagation: impact.Map(impact.OK, impact.Down)},
	{Name: "caps", Flow: impact.ToSource, Propagation: impact.Cap},
	{Name: "documents", Flow: impact.NoFlow, Propagation: impact.None},
	{Name: "mentions", Flow: impact.ToSource, Propagation: impact.None},
}

func kindOf(name string) impact.Kind {
	return kinds[slices.IndexFunc(kinds, func(k impact.Kind) bool { return k.Name == name })]
}

// model is a graph as lists.
type model struct {
	cis       []string
	relations []impact.Relation
	groups    []impact.Group
}

func (m model) load(t require.TestingT, revision uint64) *impact.Snapshot {
	l, err := impact.NewLoader(kinds)
	require.NoError(t, err)
	for _, r := range m.relations {
		l.Relation(r)
	}
	for _, g := range m.groups {
		l.Group(g)
	}
	for _, id := range m.cis {
		l.CI(id)
	}
	s, err := l.Snapshot(revision)
	require.NoError(t, err)
	return s
}

// support is what holds one CI up.
type support struct {
	kind    impact.Kind
	members map[string]int
	need    int
	empty   impact.State
}

func (m model) supports() map[string][]support {
	out := map[string][]support{}
	for _, r := range m.relations {
		k := kindOf(r.Kind)
		add := func(owner, member string) {
			out[owner] = append(out[owner], support{kind: k, members: map[string]int{member: 1}, need: 1})
		}
		switch k.Flow {
		case impact.ToSource:
			add(r.Source, r.Target)
		case impact.ToTarget:
			add(r.Target, r.Source)
		case impact.Both:
			add(r.Source, r.Target)
			add(r.Target, r.Source)
		}
	}
	for _, g := range m.groups {
		s := support{kind: kindOf(g.Kind), members: map[string]int{}}
		total := 0
		for _, member := range g.Members {
			s.members[member.ID] = max(member.Weight, 1)
			total += s.members[member.ID]
		}
		s.need = g.Need.Count
		for g.Need.Percent > 0 && s.need*100 < total*g.Need.Percent {
			s.need++
		}
		switch g.Empty {
		case impact.EmptyDegraded:
			s.empty = impact.Degraded
		case impact.EmptyDown:
			s.empty = impact.Down
		}
		out[g.Owner] = append(out[g.Owner], s)
	}
	return out
}

// felt gives what the owner feels of a support, and whether it has lost anything.
func (s support) felt(states map[string]impact.State) (impact.State, bool) {
	if len(s.members) == 0 {
		return s.kind.Propagation.Of(s.empty), s.empty > impact.OK
	}
	works, well, whole := 0, 0, true
	for id, weight := range s.members {
		if states[id] < impact.Down {
			works += weight
		}
		if states[id] < impact.Degraded {
			well += weight
		} else {
			whole = false
		}
	}
	state := impact.OK
	switch {
	case works < s.need:
		state = impact.Down
	case well < s.need:
		state = impact.Degraded
	}
	return s.kind.Propagation.Of(state), !whole
}

// answer is what the oracle finds: states, and the rounds in which each was reached.
type answer struct {
	states  map[string]impact.State
	rounds  map[string]int
	partial bool
}

// solve sweeps. Each sweep sees only what the one before found, so that sweeps are rounds.
func (m model) solve(failures []impact.Failure, o impact.Options) answer {
	supports := m.supports()
	a := answer{map[string]impact.State{}, map[string]int{}, false}
	for _, f := range failures {
		a.states[f.ID] = max(a.states[f.ID], f.State)
	}
	sweep := func(emptyOnly bool) (map[string]impact.State, bool) {
		next, changed := maps.Clone(a.states), false
		for _, id := range m.cis {
			if slices.Contains(o.Unaffected, id) {
				continue
			}
			for _, s := range supports[id] {
				if emptyOnly && len(s.members) > 0 {
					continue
				}
				if felt, _ := s.felt(a.states); felt > next[id] {
					next[id], changed = felt, true
				}
			}
		}
		return next, changed
	}
	a.states, _ = sweep(true)
	for id := range a.states {
		a.rounds[id] = 0
	}
	// atRisk adds those that a sweep over some states would show to have lost something.
	atRisk := func(seen map[string]impact.State) map[string]impact.State {
		out := maps.Clone(a.states)
		for _, id := range m.cis {
			if out[id] != impact.OK || slices.Contains(o.Unaffected, id) {
				continue
			}
			for _, s := range supports[id] {
				if _, lost := s.felt(seen); lost && s.kind.Propagation != impact.None {
					out[id] = impact.AtRisk
				}
			}
		}
		return out
	}
	before := map[string]impact.State{}
	for round := 1; ; round++ {
		next, changed := sweep(false)
		if o.Depth > 0 && round > o.Depth {
			shown := atRisk(before)
			a.partial = changed || !maps.Equal(shown, atRisk(a.states))
			a.states = shown
			break
		}
		if !changed {
			a.states = atRisk(a.states)
			break
		}
		for id, state := range next {
			if state != a.states[id] {
				a.rounds[id] = round
			}
		}
		before, a.states = a.states, next
	}
	maps.DeleteFunc(a.states, func(_ string, s impact.State) bool { return s == impact.OK })
	return a
}

// drawModel draws a graph with cycles, groups, weights and empty groups, small enough that
// everything meets.
func drawModel(t *rapid.T, most int) model {
	var m model
	for i := range rapid.IntRange(1, most).Draw(t, "cis") {
		m.cis = append(m.cis, fmt.Sprintf("ci%02d", i))
	}
	m.relations = rapid.SliceOfN(drawRelation(m.cis), 0, 2*most).Draw(t, "relations")
	for i := range rapid.IntRange(0, most).Draw(t, "groups") {
		m.groups = append(m.groups, drawGroup(m.cis, fmt.Sprintf("g%d", i)).Draw(t, "group"))
	}
	return m
}

func drawRelation(cis []string) *rapid.Generator[impact.Relation] {
	return rapid.Custom(func(t *rapid.T) impact.Relation {
		return impact.Relation{Source: rapid.SampledFrom(cis).Draw(t, "source"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind").Name,
			Target: rapid.SampledFrom(cis).Draw(t, "target")}
	})
}

func drawGroup(cis []string, name string) *rapid.Generator[impact.Group] {
	return rapid.Custom(func(t *rapid.T) impact.Group {
		g := impact.Group{Owner: rapid.SampledFrom(cis).Draw(t, "owner"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind").Name, Name: name}
		weighted := rapid.Bool().Draw(t, "weighted")
		total := 0
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(cis), 0, min(5, len(cis)), rapid.ID[string]).Draw(t, "members") {
			member := impact.Member{ID: id}
			if weighted {
				member.Weight = rapid.IntRange(0, 4).Draw(t, "weight")
			}
			total += max(member.Weight, 1)
			g.Members = append(g.Members, member)
		}
		switch {
		case total == 0:
			g.Empty = rapid.SampledFrom([]impact.EmptyEffect{impact.EmptyOK, impact.EmptyOK, impact.EmptyDegraded, impact.EmptyDown}).Draw(t, "empty")
		case rapid.Bool().Draw(t, "percent"):
			g.Need = impact.Percent(rapid.IntRange(1, 100).Draw(t, "need"))
		default:
			g.Need = impact.AtLeast(rapid.IntRange(1, total).Draw(t, "need"))
		}
		return g
	})
}

func drawFailures(t *rapid.T, cis []string, label string) []impact.Failure {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) impact.Failure {
		return impact.Failure{ID: rapid.SampledFrom(cis).Draw(t, "id"),
			State: rapid.SampledFrom([]impact.State{impact.Degraded, impact.Down}).Draw(t, "state"), Planned: rapid.Bool().Draw(t, "planned")}
	}), 0, 4).Draw(t, label)
}

// states gives every CI that is not OK in an answer of the engine, as it says of each.
func states(t require.TestingT, m model, r *impact.Result) map[string]impact.State {
	out := map[string]impact.State{}
	for _, id := range m.cis {
		state, err := r.State(id)
		require.NoError(t, err)
		if state != impact.OK {
			out[id] = state
		}
	}
	return out
}
