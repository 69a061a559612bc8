// This file holds the cases of relations, groups and the graph in memory.

package cmdbsuite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func refusals(t *testing.T, d *desk) {
	d.add("host", "h1", "h2", "h3", "gone")
	d.add("application", "a1")
	d.add("feed", "f1")
	_, err := d.p.Retire(d.ctx(), cora, "gone", cmdb.Retirement{})
	require.NoError(t, err)
	d.relate("a1", "runs_on", "h1")
	d.relate("h3", "runs", "a1")
	d.relate("h1", "connected_to", "h2")
	for _, c := range []struct {
		kind           string
		source, target itsm.ID
		field, problem string
	}{
		{"eats", "a1", "h2", "type", `is "eats", which the model does not have`},
		{"runs_on", "h1", "a1", "type", "the model does not allow runs_on from host to application"},
		{"runs", "a1", "h1", "type", "the model does not allow runs_on from host to application"},
		{"depends_on", "h1", "h1", "target", "is the source itself"},
		{"depends_on", "h1", "gone", "target", "is retired; nothing new relates to it"},
		{"depends_on", "nobody", "h1", "source", "is not found"},
		{"runs_on", "a1", "h2", "source", "would have 3 of runs_on; at most 2 are allowed"},
	} {
		_, err := d.p.Relate(d.ctx(), cora, cmdb.NewRelation{Type: c.kind, Source: c.source, Target: c.target})
		require.Equal(t, c.problem, faults(t, err)[c.field], "%+v: %v", c, err)
	}
	was, err := d.p.Revision(d.ctx(), ana)
	require.NoError(t, err)
	same := d.relate("h2", "connected_to", "h1")
	require.Equal(t, itsm.ID("h1"), same.Source, "it reads the same both ways and is one")
	now, err := d.p.Revision(d.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, was, now, "what is there already changes nothing")
	_, err = d.p.Relate(d.ctx(), ana, cmdb.NewRelation{Type: "near", Source: "h1", Target: "h2"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func relationHistory(t *testing.T, d *desk) {
	d.add("host", "h1")
	d.add("application", "a1")
	d.later(1)
	rel, err := d.p.Relate(d.ctx(), cora, cmdb.NewRelation{Type: "runs_on", Source: "a1", Target: "h1", From: "scan", Command: itsm.Command{Reason: "seen"}})
	require.NoError(t, err)
	require.Equal(t, cmdb.Touch{By: "cora", Source: "scan", Reason: "seen", Revision: 3}, rel.Began)
	require.Equal(t, []string{"a1", "h1"}, down(t, d.p, ana, "h1"))
	d.later(1)
	_, err = d.p.Unrelate(d.ctx(), cora, rel.ID, cmdb.End{Command: itsm.Command{Reason: "moved away"}})
	require.NoError(t, err)
	_, err = d.p.Unrelate(d.ctx(), cora, rel.ID, cmdb.End{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.Equal(t, []string{"h1"}, down(t, d.p, ana, "h1"))
	got, err := d.q.Relation(d.ctx(), ana, rel.ID)
	require.NoError(t, err)
	require.Equal(t, at(1), got.From)
	require.Equal(t, at(2), got.Until)
	require.Equal(t, &cmdb.Touch{By: "cora", Source: "manual", Reason: "moved away", Revision: 4}, got.Ended)
	again := d.relate("a1", "runs_on", "h1")
	require.NotEqual(t, rel.ID, again.ID, "it is another relation")
	page, err := d.q.Relations(d.ctx(), ana, "h1", storage.Query[cmdb.RelationHead]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	page, err = d.q.Relations(d.ctx(), ana, "h1", storage.Query[cmdb.RelationHead]{Where: cmdb.RelationByCurrent.Is(true)})
	require.NoError(t, err)
	require.Equal(t, []cmdb.RelationHead{again.RelationHead}, page.Items)
	a, err := d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{At: at(1)})
	require.NoError(t, err)
	require.Equal(t, impact.Counts{Down: 1}, a.Counts(), "as it was then")
	require.EqualValues(t, 3, a.Revision())
}

func groups(t *testing.T, d *desk) {
	d.add("host", "h1", "h2", "h3")
	d.add("application", "a1")
	d.add("feed", "f1", "f2")
	put := func(g cmdb.GroupDefinition) (cmdb.Group, error) { return d.p.PutGroup(d.ctx(), cora, g) }
	members := func(ids ...itsm.ID) (all []cmdb.Member) {
		for _, id := range ids {
			all = append(all, cmdb.Member{CI: id})
		}
		return all
	}
	for _, c := range []struct {
		g              cmdb.GroupDefinition
		field, problem string
	}{
		{cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("h1", "h2"), Need: impact.AtLeast(3)}, "need", "is 3, and the members weigh 2 together"},
		{cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("h1", "h1"), Need: impact.AtLeast(1)}, "members[1].ci", "stands in the group already"},
		{cmdb.GroupDefinition{Owner: "a1", Type: "near", Members: members("h1"), Need: impact.AtLeast(1)}, "type", "is near, by which no failure passes: there is nothing to be redundant for"},
		{cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("f1"), Need: impact.AtLeast(1)}, "members[0].ci", "the model does not allow runs_on between application and feed"},
		{cmdb.GroupDefinition{Owner: "h1", Type: "feeds", Members: members("f1", "h2"), Need: impact.AtLeast(1)}, "members[1].ci", "the model does not allow feeds between host and host"},
		{cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Need: impact.AtLeast(1)}, "members", "are required, unless empty says what the group does without"},
		{cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("h1", "h2", "h3"), Need: impact.AtLeast(1)}, "members", "would have 3 of runs_on; at most 2 are allowed"},
	} {
		_, err := put(c.g)
		require.Equal(t, c.problem, faults(t, err)[c.field], "%+v: %v", c.g, err)
	}
	g, err := put(cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("h2", "h1"), Need: impact.AtLeast(1)})
	require.NoError(t, err)
	require.Equal(t, []string{"h1"}, down(t, d.q, ana, "h1"))
	require.Equal(t, []string{"a1", "h1", "h2"}, down(t, d.q, ana, "h1", "h2"))
	a, err := d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{})
	require.NoError(t, err)
	require.Equal(t, impact.Counts{AtRisk: 1}, a.Counts())
	_, err = d.p.Relate(d.ctx(), cora, cmdb.NewRelation{Type: "runs_on", Source: "a1", Target: "h1"})
	require.Contains(t, faults(t, err)["type"], "which a relation beside it would defeat")

	same, err := put(cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("h1", "h2"), Need: impact.AtLeast(1)})
	require.NoError(t, err)
	require.Equal(t, g, same)
	_, err = put(cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: members("h1", "h2"), Need: impact.Percent(100)})
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "h1"}, down(t, d.q, ana, "h1"))

	_, err = put(cmdb.GroupDefinition{Owner: "h3", Type: "feeds", Members: members("f1", "f2"), Need: impact.AtLeast(1)})
	require.NoError(t, err)
	a, err = d.q.Impact(d.ctx(), ana, cmdb.Failures("f1", "f2"), cmdb.Question{})
	require.NoError(t, err)
	require.Equal(t, impact.Counts{Degraded: 1}, a.Counts(), "the owner is the one that depends, which is the target")
	_, err = d.p.RemoveGroup(d.ctx(), cora, g.ID, cmdb.End{Command: itsm.Command{Reason: "no more"}})
	require.NoError(t, err)
	require.Equal(t, []string{"h1"}, down(t, d.q, ana, "h1"))
	removed, err := d.q.Group(d.ctx(), ana, g.ID)
	require.NoError(t, err)
	require.Equal(t, "no more", removed.Removed.Reason)
}

func retiring(t *testing.T, d *desk) {
	d.add("host", "h1", "h2")
	d.add("application", "a1", "a2")
	d.relate("a1", "runs_on", "h1")
	g, err := d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "a2", Type: "runs_on", Members: []cmdb.Member{{CI: "h1"}, {CI: "h2"}}, Need: impact.AtLeast(1)})
	require.NoError(t, err)
	_, err = d.p.Retire(d.ctx(), cora, "h1", cmdb.Retirement{})
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"a1", "a2"}, refused.Missing)
	was := d.now
	d.later(1)
	_, err = d.p.Retire(d.ctx(), cora, "h1", cmdb.Retirement{EndRelations: true, Step: cmdb.Step{Command: itsm.Command{Reason: "worn out"}}})
	require.NoError(t, err)
	left, err := d.q.Group(d.ctx(), ana, g.ID)
	require.NoError(t, err)
	require.Equal(t, []cmdb.Member{{CI: "h2"}}, left.Members)
	_, err = d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{})
	require.Contains(t, faults(t, err)["failures[0]"], "is not found")
	require.Equal(t, []string{"a2", "h2"}, down(t, d.q, ana, "h2"))
	_, err = d.p.Retire(d.ctx(), cora, "h2", cmdb.Retirement{EndRelations: true})
	require.Contains(t, faults(t, err)["groups"], "could not do without it")
	a, err := d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{At: was})
	require.NoError(t, err)
	require.Equal(t, impact.Counts{AtRisk: 1, Down: 1}, a.Counts(), "it was in the graph then")
	// What rests on others alone retires with its own relations and groups.
	_, err = d.p.Retire(d.ctx(), cora, "a2", cmdb.Retirement{})
	require.NoError(t, err)
	_, err = d.p.Retire(d.ctx(), cora, "h2", cmdb.Retirement{})
	require.NoError(t, err)
}

func hidden(t *testing.T, d *desk) {
	d.add("service", "s1")
	d.add("application", "secret", "a1")
	d.add("host", "h1")
	yes, group := true, itsm.ID("vault")
	_, err := d.p.Update(d.ctx(), cora, "secret", cmdb.Update{Fields: cmdb.Fields{Restricted: &yes, Group: &group}})
	require.NoError(t, err)
	rel := d.relate("s1", "depends_on", "secret")
	d.relate("secret", "runs_on", "h1")
	d.relate("a1", "runs_on", "h1")
	require.Equal(t, []string{"a1", "h1", "s1", "secret"}, down(t, d.q, cora, "h1"))
	require.Equal(t, []string{"a1", "h1", "s1"}, down(t, d.q, ana, "h1"), "it is computed through")
	require.Equal(t, []string{"a1", "h1", "s1", "secret"}, down(t, d.q, person("vic", itsm.RoleServiceDeskAnalyst, "vault"), "h1"))
	a, err := d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{})
	require.NoError(t, err)
	require.Equal(t, impact.Counts{Down: 2}, a.Counts())
	require.True(t, a.Hidden())
	_, err = a.State("secret")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	proof, err := a.Explain("s1")
	require.NoError(t, err)
	require.NotContains(t, proof.String(), "secret")
	require.Contains(t, proof.String(), "hidden-1")
	why, err := a.WhyNot("s1")
	require.NoError(t, err)
	require.Equal(t, "hidden-1", why.Supports[0].Members[0].ID)
	picture, err := d.q.Picture(d.ctx(), ana, a, cmdb.PictureOptions{})
	require.NoError(t, err)
	require.NotContains(t, picture.Mermaid(), "secret")
	points, err := d.q.SinglePoints(d.ctx(), ana, "s1", impact.Down, cmdb.Question{})
	require.NoError(t, err)
	require.Equal(t, []impact.Point{{ID: "h1", Distance: 2}}, points.Points.Points)
	require.True(t, points.Hidden)
	causes, err := d.q.Causes(d.ctx(), ana, cmdb.Failures("s1"), impact.CauseOptions{}, cmdb.Question{})
	require.NoError(t, err)
	for _, c := range causes.Causes {
		require.NotEqual(t, "secret", c.ID)
	}
	require.True(t, causes.Hidden)
	near, err := d.q.Neighbourhood(d.ctx(), ana, []itsm.ID{"s1"}, 2, 0, cmdb.PictureOptions{}, cmdb.Question{})
	require.NoError(t, err)
	require.NotContains(t, near.DOT(), "secret")
	if _, err := d.q.Impact(d.ctx(), ana, cmdb.Failures("secret"), cmdb.Question{}); true {
		_, unknown := d.q.Impact(d.ctx(), ana, cmdb.Failures("nobody"), cmdb.Question{})
		require.ErrorIs(t, err, itsm.ErrInvalid)
		require.Equal(t, len(unknown.Error())+len("secret")-len("nobody"), len(err.Error()), "in the words of one that is not there")
	}
	_, err = d.q.Relation(d.ctx(), ana, rel.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := d.q.Relations(d.ctx(), ana, "s1", storage.Query[cmdb.RelationHead]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	_, err = d.q.Snapshot(d.ctx(), ana, 0)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.q.Impact(d.ctx(), rita, nil, cmdb.Question{})
	require.ErrorIs(t, err, itsm.ErrForbidden)

	// What a command gives hides as much as what a read does.
	g, err := d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "s1", Type: "depends_on", Members: []cmdb.Member{{CI: "h1"}}, Need: impact.AtLeast(1)})
	require.NoError(t, err)
	_, err = d.p.Unrelate(d.ctx(), cora, rel.ID, cmdb.End{})
	require.NoError(t, err)
	_, err = d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "s1", Type: "depends_on", Members: []cmdb.Member{{CI: "h1"}, {CI: "secret"}}, Need: impact.AtLeast(2)})
	require.NoError(t, err)
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), itsm.Role{Name: "relater", Grants: []itsm.Grant{{Permission: cmdb.PermissionRead}, {Permission: cmdb.PermissionRelate}}})...)
	require.NoError(t, err)
	e, err := engine.New(d.store, engine.Options{Clock: func() time.Time { return d.now }, Authorizer: book})
	require.NoError(t, err)
	m := small()
	other, err := cmdb.New(e, cmdb.Options{Model: &m})
	require.NoError(t, err)
	g, err = other.RemoveGroup(d.ctx(), person("rob", "relater"), g.ID, cmdb.End{})
	require.NoError(t, err)
	require.Equal(t, []cmdb.Member{{CI: "h1"}, {}}, g.Members)
	d.relate("s1", "depends_on", "secret")

	no := false
	_, err = d.p.Update(d.ctx(), cora, "secret", cmdb.Update{Fields: cmdb.Fields{Restricted: &no}})
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "h1", "s1", "secret"}, down(t, d.q, ana, "h1"), "another process learns who may see it")
}

func followers(t *testing.T, d *desk) {
	d.add("application", "a1", "a2")
	d.add("host", "h1")
	_, err := d.q.Load(d.ctx(), ana, nil)
	require.NoError(t, err)
	one := d.relate("a1", "runs_on", "h1")
	require.Equal(t, []string{"a1", "h1"}, down(t, d.q, ana, "h1"))
	_, err = d.q.Relate(d.ctx(), cora, cmdb.NewRelation{Type: "runs_on", Source: "a2", Target: "h1"})
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "a2", "h1"}, down(t, d.p, ana, "h1"))
	_, err = d.q.Unrelate(d.ctx(), cora, one.ID, cmdb.End{})
	require.NoError(t, err)
	require.Equal(t, []string{"a2", "h1"}, down(t, d.p, ana, "h1"))
	x, err := d.p.Snapshot(d.ctx(), cora, 0)
	require.NoError(t, err)
	y, err := d.q.Snapshot(d.ctx(), cora, 0)
	require.NoError(t, err)
	require.Equal(t, x.Revision(), y.Revision())
}

func undone(t *testing.T, d *desk) {
	d.add("application", "a1")
	d.add("host", "h1", "h2")
	require.Equal(t, []string{"h1"}, down(t, d.p, ana, "h1"))
	sorry := errors.New("undo it")
	for _, bound := range []bool{true, false} {
		err := d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
			p := d.p.In(u.Store())
			if _, err := p.Relate(ctx, cora, cmdb.NewRelation{Type: "runs_on", Source: "a1", Target: "h1"}); err != nil {
				return err
			}
			ask := p
			if !bound {
				ask = d.p // which reads the open unit by its context
			}
			a, err := ask.Impact(ctx, ana, cmdb.Failures("h1"), cmdb.Question{})
			if err != nil {
				return err
			}
			require.Equal(t, impact.Counts{Down: 1}, a.Counts(), "the unit sees what it did")
			return sorry
		})
		require.ErrorIs(t, err, sorry)
		require.Equal(t, []string{"h1"}, down(t, d.p, ana, "h1"), "nobody else does when it was undone")
	}
	// Another edit takes the number of the one that was undone.
	d.relate("a1", "runs_on", "h2")
	require.Equal(t, []string{"h1"}, down(t, d.p, ana, "h1"))
	require.Equal(t, []string{"a1", "h2"}, down(t, d.p, ana, "h2"))
}

func atLeast(t *testing.T, d *desk) {
	d.add("host", "h1")
	now, err := d.q.Revision(d.ctx(), ana)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(d.ctx(), 50*time.Millisecond)
	defer cancel()
	_, err = d.q.Snapshot(ctx, cora, now+1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var wait sync.WaitGroup
	wait.Add(1)
	go func() {
		defer wait.Done()
		s, err := d.q.Snapshot(d.ctx(), cora, now+1)
		if err != nil || !s.Has("h2") {
			t.Errorf("the edit is not there: %v", err)
		}
	}()
	d.add("host", "h2")
	wait.Wait()
}

func together(t *testing.T, d *desk) {
	const many = 8
	d.add("host", "h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7")
	names := []itsm.ID{"h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"}
	was, err := d.p.Revision(d.ctx(), ana)
	require.NoError(t, err)
	var wait sync.WaitGroup
	for i := range many {
		wait.Add(1)
		go func() {
			defer wait.Done()
			p := d.p
			if i%2 == 0 {
				p = d.q
			}
			if _, err := p.Relate(d.ctx(), cora, cmdb.NewRelation{Type: "depends_on", Source: names[i], Target: names[(i+1)%many]}); err != nil {
				t.Error(err)
			}
			if _, err := p.Impact(d.ctx(), ana, cmdb.Failures("h0"), cmdb.Question{}); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	now, err := d.p.Revision(d.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, was+many, now, "each has a revision of its own")
	for _, p := range []*cmdb.Practice{d.p, d.q} {
		require.Len(t, down(t, p, ana, "h0"), many)
	}
}

func ownModel(t *testing.T, d *desk) {
	d.add("application", "a1")
	d.add("host", "h1")
	rel := d.relate("a1", "runs_on", "h1")
	less := small()
	less.Classes = less.Classes[:2]
	less.Relations = less.Relations[:1]
	v, err := d.p.Models().Draft(d.ctx(), cora, cmdb.ModelDraft{Set: cmdb.ModelSet{Model: less}})
	if err == nil {
		_, err = d.p.Models().Activate(d.ctx(), cora, v.ID, itsm.Command{})
	}
	all := faults(t, err)
	require.Contains(t, all["set.classes"], "which 1 CIs are of that are not retired", "%v", all)
	require.Contains(t, all["set.relations"], "of which there are 1")

	require.Equal(t, []string{"a1", "h1"}, down(t, d.q, ana, "h1"))
	soft := small()
	soft.Relations[1].Propagation = impact.Cap
	v, err = d.p.Models().Draft(d.ctx(), cora, cmdb.ModelDraft{Set: cmdb.ModelSet{Model: soft}})
	require.NoError(t, err)
	_, err = d.p.Models().Activate(d.ctx(), cora, v.ID, itsm.Command{})
	require.NoError(t, err)
	a, err := d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{})
	require.NoError(t, err)
	require.Equal(t, impact.Counts{Degraded: 1}, a.Counts(), "the other process follows the model")
	require.EqualValues(t, 4, a.Revision(), "which is a revision of the graph")
	m, err := d.q.Model(d.ctx(), ana)
	require.NoError(t, err)
	kind, _ := m.Relation("runs_on")
	require.Equal(t, impact.Cap, kind.Propagation)

	// A type that the model has no more: what there was of it is read, and passes nothing on.
	_, err = d.p.Unrelate(d.ctx(), cora, rel.ID, cmdb.End{})
	require.NoError(t, err)
	without := small()
	without.Relations = without.Relations[:1]
	v, err = d.p.Models().Draft(d.ctx(), cora, cmdb.ModelDraft{Set: cmdb.ModelSet{Model: without}})
	require.NoError(t, err)
	was := d.now
	d.later(1)
	_, err = d.p.Models().Activate(d.ctx(), cora, v.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.q.Impact(d.ctx(), ana, cmdb.Failures("h1"), cmdb.Question{At: was})
	require.NoError(t, err)
	_, err = d.p.Update(d.ctx(), cora, "h1", cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(1)}})
	require.NoError(t, err)
}

func tenants(t *testing.T, d *desk) {
	d.add("host", "h1")
	other := cora
	other.Tenant = globex
	_, err := d.p.Get(d.ctx(), other, "h1")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	s, err := d.p.Snapshot(d.ctx(), other, 0)
	require.NoError(t, err)
	require.Zero(t, s.Len())
	_, err = d.p.Add(d.ctx(), other, cmdb.Addition{ID: "h1", Class: "host", Name: "another"})
	require.NoError(t, err)
	s, err = d.q.Snapshot(d.ctx(), other, 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Revision())

	// A practice that keeps the graph of one tenant alone has both all the same.
	_, one := d.process(cmdb.Options{Graphs: 1})
	for range 2 {
		require.Equal(t, []string{"h1"}, down(t, one, ana, "h1"))
		s, err = one.Snapshot(d.ctx(), other, 0)
		require.NoError(t, err)
		require.Equal(t, 1, s.Len())
	}
}

// follow has the tenant follow a model.
func (d *desk) follow(m schema.Model) {
	d.t.Helper()
	v, err := d.p.Models().Draft(d.ctx(), cora, cmdb.ModelDraft{Set: cmdb.ModelSet{Model: m}})
	require.NoError(d.t, err)
	_, err = d.p.Models().Activate(d.ctx(), cora, v.ID, itsm.Command{})
	require.NoError(d.t, err)
}

func reinstatedClass(t *testing.T, d *desk) {
	d.add("feed", "f1")
	d.add("host", "h1")
	again := cmdb.Step{Command: itsm.Command{Reason: "found again"}}
	for _, id := range []itsm.ID{"f1", "h1"} {
		_, err := d.p.Retire(d.ctx(), cora, id, cmdb.Retirement{})
		require.NoError(t, err)
	}
	without := small()
	without.Classes = without.Classes[:4]
	without.Relations = without.Relations[:2]
	d.follow(without)
	_, err := d.p.Reinstate(d.ctx(), cora, "f1", again)
	require.Contains(t, faults(t, err)["class"], "feed")
	_, err = d.p.Reinstate(d.ctx(), cora, "h1", again)
	require.NoError(t, err)
	d.follow(small())
	_, err = d.p.Reinstate(d.ctx(), cora, "f1", again)
	require.NoError(t, err)
}

// followedModel has a type of relation pass failure both ways and then one way, and none and then one, while another process has
// the graph in memory: each of its answers is by the model that counts then.
func followedModel(t *testing.T, d *desk) {
	m := small()
	wire := len(m.Relations)
	m.Relations = append(m.Relations, schema.RelationType{Name: "wired_to", Inverse: "wired_from", Flow: impact.Both, Propagation: impact.Full,
		Pairs: []schema.Pair{{Source: "host", Target: "host"}}})
	d.follow(m)
	d.add("host", "a", "b", "c")
	d.relate("b", "wired_to", "a")
	ask := func(want map[itsm.ID][]string) {
		t.Helper()
		_, fresh := d.process(cmdb.Options{})
		for _, p := range []*cmdb.Practice{d.p, d.q, fresh} {
			for failed, all := range want {
				require.Equal(t, all, down(t, p, cora, failed), "%s fails", failed)
			}
		}
	}
	ask(map[itsm.ID][]string{"a": {"a", "b"}, "b": {"a", "b"}})
	m = m.Clone()
	m.Relations[wire].Flow = impact.ToSource
	d.follow(m)
	d.relate("a", "wired_to", "c") // an edit follows the other model in the log
	ask(map[itsm.ID][]string{"a": {"a", "b"}, "b": {"b"}, "c": {"a", "b", "c"}})
	m = m.Clone()
	m.Relations[wire].Flow = impact.ToTarget
	d.relate("c", "wired_to", "b") // and one is before it
	d.follow(m)
	ask(map[itsm.ID][]string{"a": {"a", "b", "c"}, "b": {"a", "b", "c"}, "c": {"a", "b", "c"}})
	m = m.Clone()
	m.Relations[wire].Flow, m.Relations[wire].Propagation = impact.Both, impact.Soften
	d.follow(m)
	ask(map[itsm.ID][]string{"a": {"a"}, "b": {"b"}, "c": {"c"}})
	m = m.Clone()
	m.Relations[wire].Flow, m.Relations[wire].Propagation = impact.NoFlow, impact.None
	d.follow(m)
	ask(map[itsm.ID][]string{"a": {"a"}})
	m = m.Clone()
	m.Relations[wire].Flow, m.Relations[wire].Propagation = impact.ToSource, impact.Full
	d.follow(m)
	ask(map[itsm.ID][]string{"c": {"a", "b", "c"}})
}
