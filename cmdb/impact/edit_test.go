// This file holds edits: snapshots made step by step against those loaded at once, and readers that
// go on while a writer edits.

package impact_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// put adds a group to the lists, or replaces it.
func (m *model) put(g impact.Group) {
	m.groups = slices.DeleteFunc(slices.Clone(m.groups), func(x impact.Group) bool {
		return x.Owner == g.Owner && x.Kind == g.Kind && x.Name == g.Name
	})
	m.groups = append(m.groups, g)
}

func (m *model) used(id string) bool {
	return slices.ContainsFunc(m.relations, func(r impact.Relation) bool { return r.Source == id || r.Target == id }) ||
		slices.ContainsFunc(m.groups, func(g impact.Group) bool {
			return g.Owner == id || slices.ContainsFunc(g.Members, func(x impact.Member) bool { return x.ID == id })
		})
}

// same says whether two relations are one: the order of those that flow both ways means nothing.
func same(a, b impact.Relation) bool {
	if a == b {
		return true
	}
	return a.Kind == b.Kind && kindOf(a.Kind).Flow == impact.Both && a.Source == b.Target && a.Target == b.Source
}

// drawEdit draws an edit that can be made, and makes it to the lists.
func (m *model) drawEdit(t *rapid.T) impact.Edit {
	m.relations = slices.Clone(m.relations)
	m.cis = slices.Clone(m.cis)
	what := rapid.IntRange(0, 9).Draw(t, "edit")
	switch {
	case what <= 1 || len(m.cis) == 0:
		id := fmt.Sprintf("ci%02d", rapid.IntRange(0, 20).Draw(t, "id"))
		if !slices.Contains(m.cis, id) {
			m.cis = append(m.cis, id)
		}
		return impact.AddCI(id)
	case what == 2:
		id := rapid.SampledFrom(m.cis).Draw(t, "id")
		if !m.used(id) {
			m.cis = slices.DeleteFunc(m.cis, func(x string) bool { return x == id })
			return impact.RemoveCI(id)
		}
	case what <= 4 && len(m.relations) > 0:
		r := rapid.SampledFrom(m.relations).Draw(t, "relation")
		m.relations = slices.DeleteFunc(m.relations, func(x impact.Relation) bool { return same(x, r) })
		return impact.Unrelate(r)
	case what == 5 && len(m.groups) > 0:
		g := rapid.SampledFrom(m.groups).Draw(t, "group")
		m.groups = slices.DeleteFunc(slices.Clone(m.groups), func(x impact.Group) bool {
			return x.Owner == g.Owner && x.Kind == g.Kind && x.Name == g.Name
		})
		return impact.RemoveGroup(g.Owner, g.Kind, g.Name)
	case what <= 7:
		g := drawGroup(m.cis, fmt.Sprintf("g%d", rapid.IntRange(0, 3).Draw(t, "name"))).Draw(t, "group")
		m.put(g)
		return impact.PutGroup(g)
	}
	r := drawRelation(m.cis).Draw(t, "relation")
	m.relations = append(m.relations, r)
	return impact.Relate(r)
}

// contents gives everything in a snapshot, in order.
func contents(s *impact.Snapshot) (cis []string, relations []impact.Relation, groups []impact.Group) {
	for id := range s.CIs() {
		cis = append(cis, id)
	}
	for r := range s.AllRelations() {
		if kindOf(r.Kind).Flow == impact.Both && r.Source > r.Target {
			r.Source, r.Target = r.Target, r.Source
		}
		relations = append(relations, r)
	}
	for g := range s.AllGroups() {
		groups = append(groups, g)
	}
	slices.Sort(cis)
	slices.SortFunc(relations, func(a, b impact.Relation) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Target, b.Target))
	})
	slices.SortFunc(groups, func(a, b impact.Group) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return cis, relations, groups
}

func requireSame(t *rapid.T, m model, want, got *impact.Snapshot) {
	cis, relations, groups := contents(want)
	gotCIs, gotRelations, gotGroups := contents(got)
	require.Equal(t, cis, gotCIs)
	require.Equal(t, relations, gotRelations)
	require.Equal(t, groups, gotGroups)
	require.Equal(t, []int{len(cis), len(relations), len(groups)}, []int{got.Len(), got.Relations(), got.Groups()})
	require.Equal(t, want.Len(), got.Len())
	if len(m.cis) == 0 {
		return
	}
	for range 3 {
		failures := drawFailures(t, m.cis, "failures")
		a, err := want.Impact(failures, impact.Options{})
		require.NoError(t, err)
		b, err := got.Impact(failures, impact.Options{})
		require.NoError(t, err)
		require.Equal(t, a.List(), b.List())
		for _, one := range a.List() {
			p, err := a.Explain(one.ID)
			require.NoError(t, err)
			q, err := b.Explain(one.ID)
			require.NoError(t, err)
			require.Equal(t, p, q)
		}
		from := []string{rapid.SampledFrom(m.cis).Draw(t, "from")}
		for _, way := range []impact.Direction{impact.Upstream, impact.Downstream} {
			x, err := want.Reach(way, from, impact.Options{})
			require.NoError(t, err)
			y, err := got.Reach(way, from, impact.Options{})
			require.NoError(t, err)
			require.ElementsMatch(t, x.IDs(), y.IDs())
		}
	}
}

func TestEditedSnapshotIsTheOneLoadedAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 6)
		first := m
		s := m.load(t, 1)
		before := s
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			var edits []impact.Edit
			for range rapid.IntRange(0, 6).Draw(t, "edits") {
				edits = append(edits, m.drawEdit(t))
			}
			next, err := s.Edit(s.Revision()+1, edits...)
			require.NoError(t, err)
			s = next
			if rapid.IntRange(0, 4).Draw(t, "compact") == 0 {
				s = s.Compacted()
				require.Zero(t, s.Edited())
			}
		}
		fresh := m.load(t, s.Revision())
		requireSame(t, m, fresh, s)
		requireSame(t, m, fresh, s.Compacted())
		requireSame(t, first, first.load(t, 1), before)

		other, err := s.WithKinds(s.Revision(), kinds)
		require.NoError(t, err)
		requireSame(t, m, fresh, other)
	})
}

// pairs is a graph of hosts, and applications that need one of two.
func pairs(n int) model {
	var m model
	for i := range n {
		m.cis = append(m.cis, fmt.Sprintf("host%d", i), fmt.Sprintf("app%d", i))
	}
	for i := range n {
		m.groups = append(m.groups, impact.Group{Owner: fmt.Sprintf("app%d", i), Kind: "depends on", Need: impact.AtLeast(1),
			Members: impact.Members(fmt.Sprintf("host%d", i), fmt.Sprintf("host%d", (i+1)%n))})
		m.relations = append(m.relations, impact.Relation{Source: fmt.Sprintf("app%d", i), Kind: "prefers", Target: fmt.Sprintf("app%d", (i+7)%n)})
	}
	return m
}

func TestReadersSeeWholeRevisionsWhileAWriterEdits(t *testing.T) {
	const n, revisions, readers = 40, 300, 4
	m := pairs(n)
	g := impact.NewGraph(m.load(t, 1))
	failures := impact.Failed("host3", "host4", "host20", "host21", "host30")

	type seen struct {
		revision uint64
		states   map[string]impact.State
	}
	var (
		models = []model{1: m}
		all    = make([][]seen, readers)
		asked  atomic.Int64
		done   = make(chan struct{})
		ready  sync.WaitGroup
		wait   sync.WaitGroup
	)
	for i := range readers {
		wait.Add(1)
		ready.Add(1)
		go func() {
			defer wait.Done()
			for first := true; ; first = false {
				r, err := g.Snapshot().Impact(failures, impact.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				states := map[string]impact.State{}
				for one := range r.All() {
					states[one.ID] = one.State
				}
				if last := len(all[i]) - 1; last < 0 || all[i][last].revision != r.Revision() {
					all[i] = append(all[i], seen{r.Revision(), states})
				}
				asked.Add(1)
				if first {
					ready.Done()
				}
				select {
				case <-done:
					return
				default:
				}
			}
		}()
	}
	wait.Add(1)
	go func() {
		defer wait.Done()
		for {
			g.Compact()
			select {
			case <-done:
				return
			default:
			}
		}
	}()

	ready.Wait()
	random := rand.New(rand.NewPCG(1, 2))
	for revision := uint64(2); revision <= revisions; revision++ {
		var edits []impact.Edit
		m.relations = slices.Clone(m.relations)
		for range 3 {
			if random.IntN(2) == 0 && len(m.relations) > 0 {
				i := random.IntN(len(m.relations))
				edits = append(edits, impact.Unrelate(m.relations[i]))
				m.relations = slices.Delete(m.relations, i, i+1)
				continue
			}
			r := impact.Relation{Source: fmt.Sprintf("app%d", random.IntN(n)), Kind: "depends on", Target: fmt.Sprintf("app%d", random.IntN(n))}
			edits = append(edits, impact.Relate(r))
			if !slices.Contains(m.relations, r) {
				m.relations = append(m.relations, r)
			}
		}
		group := impact.Group{Owner: fmt.Sprintf("app%d", random.IntN(n)), Kind: "depends on", Need: impact.AtLeast(2),
			Members: impact.Members("host3", "host20", fmt.Sprintf("app%d", random.IntN(n)))}
		m.put(group)
		edits = append(edits, impact.PutGroup(group))
		_, err := g.Edit(revision, edits...)
		require.NoError(t, err)
		models = append(models, m)
		// At full speed, but not so that the readers never have a processor.
		for before := asked.Load(); revision%30 == 0 && asked.Load() < before+readers; {
			runtime.Gosched()
		}
	}
	close(done)
	wait.Wait()

	revisionsSeen := map[uint64]bool{}
	for _, reader := range all {
		last := uint64(0)
		for _, one := range reader {
			require.GreaterOrEqual(t, one.revision, last)
			last = one.revision
			revisionsSeen[one.revision] = true
			want := models[one.revision].solve(failures, impact.Options{}).states
			for _, f := range failures {
				if want[f.ID] == impact.Down {
					delete(want, f.ID)
				}
			}
			require.Equal(t, want, one.states, "revision %d", one.revision)
		}
	}
	require.Greater(t, len(revisionsSeen), 2)
	require.Equal(t, uint64(revisions), g.Snapshot().Revision())
}
