// This file holds the model: after any edits, what follows the log is what is loaded from scratch, and what was at any instant is
// what was then.

package cmdbsuite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// picture is a graph in a form that two can be compared in.
type picture struct {
	CIs       []string
	Relations []impact.Relation
	Groups    []impact.Group
}

func pictureOf(s *impact.Snapshot) (p picture) {
	for id := range s.CIs() {
		p.CIs = append(p.CIs, id)
	}
	for r := range s.AllRelations() {
		if r.Kind == "connected_to" && r.Target < r.Source {
			r.Source, r.Target = r.Target, r.Source
		}
		p.Relations = append(p.Relations, r)
	}
	for g := range s.AllGroups() {
		g.Members = slices.Clone(g.Members)
		for i := range g.Members {
			g.Members[i].Weight = max(g.Members[i].Weight, 1)
		}
		slices.SortFunc(g.Members, func(a, b impact.Member) int { return cmp.Compare(a.ID, b.ID) })
		p.Groups = append(p.Groups, g)
	}
	slices.Sort(p.CIs)
	slices.SortFunc(p.Relations, func(a, b impact.Relation) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	slices.SortFunc(p.Groups, func(a, b impact.Group) int { return cmp.Compare(a.Owner+a.Kind+a.Name, b.Owner+b.Kind+b.Name) })
	return p
}

func model(t *testing.T, newStore func(t *testing.T) storage.Store) {
	d := open(t, newStore(t))
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		boss := cora
		boss.Tenant = storage.Tenant(fmt.Sprintf("t%d", run))
		first := d.later(1)
		type past struct {
			at  time.Time
			g   picture
			cis map[itsm.ID]cmdb.CI
			rev int64
		}
		var then []past
		names := []itsm.ID{"a1", "a2", "h1", "h2", "h3", "f1"}
		classes := []string{"application", "application", "host", "host", "host", "feed"}
		cis := map[itsm.ID]cmdb.CI{}
		any := rapid.SampledFrom(names)
		var relations, groups []itsm.ID
		steps := rapid.IntRange(1, 25).Draw(rt, "steps")
		for range steps {
			d.later(rapid.IntRange(0, 1).Draw(rt, "minutes"))
			p := rapid.SampledFrom([]*cmdb.Practice{d.p, d.q}).Draw(rt, "process")
			var err error
			switch rapid.SampledFrom([]string{"add", "add", "update", "relate", "relate", "unrelate", "put", "remove", "retire", "reinstate"}).Draw(rt, "what") {
			case "add":
				i := rapid.IntRange(0, len(names)-1).Draw(rt, "ci")
				_, err = p.Add(t.Context(), boss, cmdb.Addition{ID: names[i], Class: classes[i], Name: string(names[i])})
			case "update":
				restricted := rapid.Bool().Draw(rt, "restricted")
				_, err = p.Update(t.Context(), boss, any.Draw(rt, "ci"), cmdb.Update{Fields: cmdb.Fields{Restricted: &restricted},
					Attributes: schema.Values{"serial": schema.Text(rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "serial"))}})
			case "relate":
				var rel cmdb.Relation
				rel, err = p.Relate(t.Context(), boss, cmdb.NewRelation{Source: any.Draw(rt, "source"), Target: any.Draw(rt, "target"),
					Type: rapid.SampledFrom([]string{"depends_on", "runs_on", "runs", "feeds", "connected_to", "near"}).Draw(rt, "type")})
				relations = append(relations, rel.ID)
			case "unrelate":
				if len(relations) > 0 {
					_, err = p.Unrelate(t.Context(), boss, rapid.SampledFrom(relations).Draw(rt, "relation"), cmdb.End{})
				}
			case "put":
				var g cmdb.Group
				var members []cmdb.Member
				for _, id := range rapid.SliceOfNDistinct(any, 0, 3, rapid.ID[itsm.ID]).Draw(rt, "members") {
					members = append(members, cmdb.Member{CI: id, Weight: rapid.IntRange(0, 2).Draw(rt, "weight")})
				}
				g, err = p.PutGroup(t.Context(), boss, cmdb.GroupDefinition{Owner: any.Draw(rt, "owner"), Type: rapid.SampledFrom([]string{"depends_on", "runs_on", "connected_to"}).Draw(rt, "type"),
					Name: rapid.SampledFrom([]string{"", "x"}).Draw(rt, "name"), Members: members, Need: impact.AtLeast(rapid.IntRange(1, 3).Draw(rt, "need")), Empty: impact.EmptyDown})
				groups = append(groups, g.ID)
			case "remove":
				if len(groups) > 0 {
					_, err = p.RemoveGroup(t.Context(), boss, rapid.SampledFrom(groups).Draw(rt, "group"), cmdb.End{})
				}
			case "retire":
				_, err = p.Retire(t.Context(), boss, any.Draw(rt, "ci"), cmdb.Retirement{EndRelations: rapid.Bool().Draw(rt, "end")})
			case "reinstate":
				_, err = p.Reinstate(t.Context(), boss, any.Draw(rt, "ci"), cmdb.Step{Command: itsm.Command{Reason: "again"}})
			}
			if err != nil && !errors.Is(err, itsm.ErrInvalid) && !errors.Is(err, itsm.ErrTransition) && !errors.Is(err, itsm.ErrNotFound) {
				require.NoError(rt, err)
			}
			s, err := p.Snapshot(t.Context(), boss, 0)
			require.NoError(rt, err)
			for _, id := range names {
				if ci, err := p.Get(t.Context(), boss, id); err == nil {
					cis[id] = ci
				}
			}
			now := past{d.now, pictureOf(s), map[itsm.ID]cmdb.CI{}, int64(s.Revision())}
			for id, ci := range cis {
				now.cis[id] = ci
			}
			if last := len(then) - 1; last >= 0 && then[last].at.Equal(now.at) {
				then = then[:last] // an instant is over when the clock goes on
			}
			then = append(then, now)
		}
		_, fresh := d.process(cmdb.Options{})
		loaded, err := fresh.Snapshot(t.Context(), boss, 0)
		require.NoError(rt, err)
		for _, p := range []*cmdb.Practice{d.p, d.q} {
			s, err := p.Snapshot(t.Context(), boss, 0)
			require.NoError(rt, err)
			require.Equal(rt, loaded.Revision(), s.Revision())
			require.Equal(rt, pictureOf(loaded), pictureOf(s), "what follows the log is what is loaded")
		}
		for _, was := range then {
			s, revision, err := fresh.SnapshotAt(t.Context(), boss, was.at)
			require.NoError(rt, err)
			require.Equal(rt, was.rev, revision)
			require.Equal(rt, was.g, pictureOf(s), "as of %v", was.at.Sub(first))
			for _, id := range names {
				ci, err := fresh.GetAt(t.Context(), boss, id, was.at)
				if want, there := was.cis[id]; there {
					require.NoError(rt, err)
					require.Equal(rt, want, ci)
				} else {
					require.ErrorIs(rt, err, itsm.ErrNotFound)
				}
			}
		}
	})
}
