// This file holds what is true of every graph: the engine against the oracle, and laws.

package impact_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

func TestX9M3M4M5M6ImpactIsTheFixpointThatSweepingFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 10)
		s := m.load(t, 1)
		failures := drawFailures(t, m.cis, "failures")
		o := impact.Options{Depth: rapid.IntRange(0, 4).Draw(t, "depth")}
		for _, id := range rapid.SliceOfN(rapid.SampledFrom(m.cis), 0, 2).Draw(t, "unaffected") {
			if !slices.ContainsFunc(failures, func(f impact.Failure) bool { return f.ID == id }) {
				o.Unaffected = append(o.Unaffected, id)
			}
		}
		r, err := s.Impact(failures, o)
		require.NoError(t, err)
		want := m.solve(failures, o)
		require.Equal(t, want.states, states(t, m, r))
		require.Equal(t, want.partial, r.Partial())

		own := map[string]impact.State{}
		var planned []impact.Failure
		for _, f := range failures {
			own[f.ID] = max(own[f.ID], f.State)
			if f.Planned {
				planned = append(planned, f)
			}
		}
		alone := m.solve(planned, o).states
		var counts impact.Counts
		listed := map[string]impact.State{}
		for _, one := range r.List() {
			require.NotContains(t, listed, one.ID)
			require.Greater(t, one.State, own[one.ID])
			require.Equal(t, alone[one.ID] >= one.State && len(planned) > 0, one.Planned, one.ID)
			listed[one.ID] = one.State
			switch one.State {
			case impact.AtRisk:
				counts.AtRisk++
				continue
			case impact.Degraded:
				counts.Degraded++
			case impact.Down:
				counts.Down++
			}
			require.Equal(t, want.rounds[one.ID], one.Round, one.ID)
		}
		require.Equal(t, counts, r.Counts())
		for id, state := range own {
			if want.states[id] == state {
				want.states[id] = 0
				delete(want.states, id)
			}
		}
		require.Equal(t, want.states, listed)
	})
}

func TestX9MoreFailuresNeverMakeAnythingBetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 12)
		s := m.load(t, 1)
		some := drawFailures(t, m.cis, "some")
		less, err := s.Impact(some, impact.Options{})
		require.NoError(t, err)
		more, err := s.Impact(append(some, drawFailures(t, m.cis, "more")...), impact.Options{})
		require.NoError(t, err)
		after := states(t, m, more)
		for id, state := range states(t, m, less) {
			require.GreaterOrEqual(t, after[id], state, id)
		}
		// What has failed may as well be said to have failed by itself.
		var again []impact.Failure
		for id, state := range after {
			if state != impact.AtRisk {
				again = append(again, impact.Failure{ID: id, State: state})
			}
		}
		same, err := s.Impact(again, impact.Options{})
		require.NoError(t, err)
		require.Equal(t, after, states(t, m, same))
	})
}

func TestX9AnswersDoNotDependOnNamesOrOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 12)
		failures := drawFailures(t, m.cis, "failures")
		r, err := m.load(t, 1).Impact(failures, impact.Options{})
		require.NoError(t, err)

		renamed := map[string]string{}
		for i, id := range rapid.Permutation(m.cis).Draw(t, "names") {
			renamed[m.cis[i]] = "x" + id
		}
		other := model{cis: rapid.Permutation(slices.Collect(maps.Values(renamed))).Draw(t, "cis")}
		for _, r := range rapid.Permutation(m.relations).Draw(t, "relations") {
			other.relations = append(other.relations, impact.Relation{Source: renamed[r.Source], Kind: r.Kind, Target: renamed[r.Target]})
		}
		for _, g := range rapid.Permutation(m.groups).Draw(t, "groups") {
			g.Owner = renamed[g.Owner]
			g.Members = rapid.Permutation(g.Members).Draw(t, "members")
			for i := range g.Members {
				g.Members[i].ID = renamed[g.Members[i].ID]
			}
			other.groups = append(other.groups, g)
		}
		var also []impact.Failure
		for _, f := range rapid.Permutation(failures).Draw(t, "failures") {
			f.ID = renamed[f.ID]
			also = append(also, f)
		}
		r2, err := other.load(t, 1).Impact(also, impact.Options{})
		require.NoError(t, err)
		want := map[string]impact.State{}
		for id, state := range states(t, m, r) {
			want[renamed[id]] = state
		}
		require.Equal(t, want, states(t, other, r2))
		require.Equal(t, r.Counts(), r2.Counts())
	})
}

func TestX9M9ExplanationsAreProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 10)
		s := m.load(t, 1)
		failures := drawFailures(t, m.cis, "failures")
		r, err := s.Impact(failures, impact.Options{})
		require.NoError(t, err)
		want := m.solve(failures, impact.Options{})
		for _, id := range slices.Sorted(maps.Keys(want.states)) {
			state := want.states[id]
			proof, err := r.Explain(id)
			require.NoError(t, err)
			require.Equal(t, state, proof.State)
			require.NoError(t, impact.Check(s, failures, impact.Options{}, proof), "%+v", proof)
			last := proof.Steps[len(proof.Steps)-1]
			if state != impact.AtRisk {
				require.Equal(t, want.rounds[id], last.Round)
			}
			require.NotEmpty(t, proof.String())

			altered, what := alter(t, m, proof)
			require.Error(t, impact.Check(s, failures, impact.Options{}, altered), "%s: %+v\nfrom %+v", what, altered, proof)
		}
		for _, id := range m.cis {
			if want.states[id] == impact.OK {
				_, err := r.Explain(id)
				require.Error(t, err)
			}
			why, err := r.WhyNot(id)
			require.NoError(t, err)
			require.Equal(t, want.states[id], why.State)
			for _, one := range why.Supports {
				require.LessOrEqual(t, one.Effect, max(why.State, impact.OK), id)
			}
		}
	})
}

// alter changes a proof in one place.
func alter(t *rapid.T, m model, p impact.Proof) (impact.Proof, string) {
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		p.Steps[i].Because = slices.Clone(p.Steps[i].Because)
	}
	at := rapid.IntRange(0, len(p.Steps)-1).Draw(t, "step")
	s := &p.Steps[at]
	otherID := func(not string) string {
		return rapid.SampledFrom(append(slices.DeleteFunc(slices.Clone(m.cis), func(id string) bool { return id == not }), "nobody")).Draw(t, "other id")
	}
	otherState := func(not impact.State) impact.State {
		all := []impact.State{impact.OK, impact.AtRisk, impact.Degraded, impact.Down, 7}
		return rapid.SampledFrom(slices.DeleteFunc(all, func(x impact.State) bool { return x == not })).Draw(t, "other state")
	}
	what := rapid.IntRange(0, 16).Draw(t, "what")
	switch {
	case what == 0:
		p.ID = otherID(p.ID)
	case what == 1:
		p.State = otherState(p.State)
	case what == 2:
		s.ID = otherID(s.ID)
	case what == 3:
		s.State = otherState(s.State)
	case what == 4:
		s.Round += rapid.SampledFrom([]int{-1, 1, 5}).Draw(t, "rounds")
	case what == 5:
		s.Own = otherState(s.Own)
	case what == 6:
		all := slices.DeleteFunc([]string{"", "depends on", "powers", "prefers", "caps", "none such"}, func(k string) bool { return k == s.Kind })
		s.Kind = rapid.SampledFrom(all).Draw(t, "kind")
	case what == 7:
		s.Group += "x"
	case what == 8:
		s.Relation = !s.Relation
	case what == 9:
		s.Need++
	case what == 10:
		s.Total--
	case what == 11:
		s.Requires = otherState(s.Requires)
	case what == 12:
		s.Because = append(s.Because, rapid.SampledFrom(m.cis).Draw(t, "more"))
	case what == 13 && len(s.Because) > 0:
		s.Because = s.Because[1:]
	case what == 14 && len(s.Because) > 0:
		s.Because[0] = otherID(s.Because[0])
	case what == 15:
		p.Steps = slices.Delete(p.Steps, at, at+1)
	default:
		p.Steps = slices.Insert(p.Steps, at, p.Steps[at])
	}
	return p, fmt.Sprintf("alteration %d of step %d", what, at)
}

func TestX9M7M10WhatIfIsApplyingAndUndoing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 10)
		s := m.load(t, 1)
		already, change := drawFailures(t, m.cis, "already"), drawFailures(t, m.cis, "change")
		w, err := s.WhatIf(already, change, impact.Options{})
		require.NoError(t, err)
		now := m.solve(already, impact.Options{}).states
		then := m.solve(append(slices.Clone(already), change...), impact.Options{}).states
		got := maps.Clone(now)
		for _, d := range w.Differences {
			require.Equal(t, now[d.ID], d.Before)
			require.NotEqual(t, d.Before, d.After)
			got[d.ID] = d.After
		}
		require.Equal(t, then, got)
		require.Equal(t, now, states(t, m, w.Before))
		for _, d := range impact.Compare(w.After, w.Before) {
			got[d.ID] = d.After
			if d.After == impact.OK {
				delete(got, d.ID)
			}
		}
		require.Equal(t, now, got)
	})
}
