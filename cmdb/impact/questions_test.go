// This file holds the questions that ask many times over, against trying everything.

package impact_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

func TestM11SinglePointsAreWhatTryingEveryCIFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 10)
		s := m.load(t, 1)
		o := impact.PointOptions{State: rapid.SampledFrom([]impact.State{impact.OK, impact.Degraded, impact.Down}).Draw(t, "state"),
			Given: drawFailures(t, m.cis, "given")}
		id := rapid.SampledFrom(m.cis).Draw(t, "id")
		got, err := s.SinglePoints(t.Context(), id, o)
		require.NoError(t, err)
		least := max(o.State, cmp.Or(o.State, impact.Down))
		var want []string
		if m.solve(o.Given, impact.Options{}).states[id] >= least {
			require.True(t, got.Already)
		} else {
			require.False(t, got.Already)
			for _, ci := range m.cis {
				if ci != id && m.solve(append(slices.Clone(o.Given), impact.Failed(ci)...), impact.Options{}).states[id] >= least {
					want = append(want, ci)
				}
			}
		}
		var ids []string
		for _, p := range got.Points {
			ids = append(ids, p.ID)
		}
		require.ElementsMatch(t, want, ids)
	})
}

func TestCircularSupportIsWhatFallsWhenNothingHoldsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 10)
		// Support is about what is down. Where degraded alone takes an owner down, what rests on
		// it in a circle may do so without being support.
		for i := range m.relations {
			if m.relations[i].Kind == "needs wholly" {
				m.relations[i].Kind = "depends on"
			}
		}
		for i := range m.groups {
			if m.groups[i].Kind == "needs wholly" {
				m.groups[i].Kind = "depends on"
			}
		}
		s := m.load(t, 1)
		failures := drawFailures(t, m.cis, "failures")
		r, err := s.Impact(failures, impact.Options{})
		require.NoError(t, err)
		circular, err := r.Circular(impact.Options{})
		require.NoError(t, err)
		before := m.solve(failures, impact.Options{}).states
		for _, id := range circular {
			require.Less(t, before[id], impact.Down)
		}
		// Nothing that is well supported rests on them.
		after := m.solve(append(slices.Clone(failures), impact.Failed(circular...)...), impact.Options{}).states
		for _, id := range m.cis {
			if before[id] < impact.Down && after[id] == impact.Down {
				require.Contains(t, circular, id)
			}
		}
	})
}

func TestCircularSupportIsFlaggedAndPlainCirclesAreNot(t *testing.T) {
	either := func(owner string, members ...string) impact.Group {
		return impact.Group{Owner: owner, Kind: "depends on", Need: impact.AtLeast(1), Members: impact.Members(members...)}
	}
	m := model{
		cis: []string{"a", "b", "x", "y", "p", "q", "spare"},
		groups: []impact.Group{
			either("a", "b", "x"), either("b", "a", "y"), // each has the other, or its own
			either("p", "x", "spare"),
		},
		relations: []impact.Relation{{Source: "p", Kind: "depends on", Target: "q"}, {Source: "q", Kind: "depends on", Target: "p"}},
	}
	s := m.load(t, 1)
	for _, c := range []struct {
		failed, circular []string
	}{
		{[]string{"x"}, nil},
		{[]string{"x", "y"}, []string{"a", "b"}},
		{[]string{"x", "y", "a"}, nil},
		{[]string{"spare"}, nil},
	} {
		r, err := s.Impact(impact.Failed(c.failed...), impact.Options{})
		require.NoError(t, err)
		got, err := r.Circular(impact.Options{})
		require.NoError(t, err)
		require.Equal(t, c.circular, got, c.failed)
	}
}

func TestCausesAreWhatTryingEveryCIFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 10)
		s := m.load(t, 1)
		symptoms := drawFailures(t, m.cis, "symptoms")
		given := drawFailures(t, m.cis, "given")
		if len(symptoms) == 0 {
			_, err := s.Causes(t.Context(), symptoms, impact.CauseOptions{})
			require.Error(t, err)
			return
		}
		d, err := s.Causes(t.Context(), symptoms, impact.CauseOptions{Given: given, Limit: 100})
		require.NoError(t, err)
		worst := map[string]impact.State{}
		for _, f := range symptoms {
			worst[f.ID] = max(worst[f.ID], f.State)
		}
		now := m.solve(given, impact.Options{}).states
		size := func(states map[string]impact.State) (n int) {
			for _, state := range states {
				if state >= impact.Degraded {
					n++
				}
			}
			return n
		}
		scores := map[string]float64{}
		for _, ci := range m.cis {
			then := m.solve(append(slices.Clone(given), impact.Failed(ci)...), impact.Options{}).states
			explained := 0
			for id, state := range worst {
				if now[id] < state && then[id] >= state {
					explained++
				}
			}
			if explained > 0 {
				scores[ci] = float64(explained) * (math.Log2(float64(max(len(m.cis), 2))) - math.Log2(float64(max(size(then)-size(now), 1))))
			}
		}
		got := map[string]float64{}
		for i, c := range d.Causes {
			got[c.ID] = c.Score
			if i > 0 {
				require.LessOrEqual(t, c.Score, d.Causes[i-1].Score)
			}
		}
		require.InDeltaMapValues(t, scores, got, 1e-9)

		// The cover explains together what it says, and what is left nothing explains alone.
		all := slices.Clone(given)
		for _, c := range d.Cover {
			all = append(all, impact.Failed(c.ID)...)
		}
		then := m.solve(all, impact.Options{}).states
		for id, state := range worst {
			require.Equal(t, then[id] < state, slices.Contains(d.Unexplained, id), id)
		}
	})
}
