// This file holds the cases of what a merge brings with it: impacts, links, groups, who is told of what, and units of the host.

package cmdbsuite

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func mergedImpact(t *testing.T, d *desk) {
	d.add("host", "keep", "twin", "other")
	d.add("service", "mail", "wiki")
	d.relate("mail", "depends_on", "keep")
	d.relate("wiki", "depends_on", "twin")
	incident, change := itsm.Ref{Kind: "incident", ID: "i1"}, itsm.Ref{Kind: "change", ID: "c1"}
	d.link(incident, "twin", true)
	_, err := d.p.Concern(d.ctx(), ana, change, cmdb.Concern{CIs: []cmdb.NamedCI{{CI: "other"}, {CI: "twin", Severity: cmdb.SeverityDegraded}}})
	require.NoError(t, err)
	require.Equal(t, []string{"wiki down computed", "twin down computed"}, d.impacted(ana, incident))

	did, err := d.q.Merge(d.ctx(), cora, cmdb.Merger{Keep: "keep", Other: "twin"})
	require.NoError(t, err)
	require.Len(t, did.Links, 1)
	require.True(t, did.Follows, "the change names it")
	d.tick()
	d.tick()
	require.ElementsMatch(t, []string{"mail down computed", "wiki down computed", "keep down computed"}, d.impacted(ana, incident))
	require.ElementsMatch(t, []string{"mail degraded computed", "wiki degraded computed", "keep degraded computed", "other down computed"}, d.impacted(ana, change))
	a, err := d.p.Assessment(d.ctx(), ana, change)
	require.NoError(t, err)
	require.Equal(t, []cmdb.NamedCI{{CI: "keep", Severity: cmdb.SeverityDegraded}, {CI: "other", Severity: cmdb.SeverityDown}}, a.Named)
	page, err := d.p.ImpactedBy(d.ctx(), ana, "twin", storage.Query[cmdb.ImpactedHead]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// withRoles is another process, whose people have a role that may work on CIs and read those that are not restricted.
func (d *desk) withRoles() (*cmdb.Practice, itsm.Actor) {
	grants := []itsm.Grant{}
	for _, may := range []itsm.Permission{cmdb.PermissionRead, cmdb.PermissionMerge, cmdb.PermissionRetire, cmdb.PermissionRelate} {
		grants = append(grants, itsm.Grant{Permission: may})
	}
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), itsm.Role{Name: "inventory", Grants: grants})...)
	require.NoError(d.t, err)
	e, err := engine.New(d.store, engine.Options{Clock: func() time.Time { return d.now }, Authorizer: book})
	require.NoError(d.t, err)
	m := small()
	p, err := cmdb.New(e, cmdb.Options{Model: &m, MayRead: func(_ context.Context, _ storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
		if ref.ID == "private" {
			return itsm.ErrNotFound
		}
		return nil
	}})
	require.NoError(d.t, err)
	return p, person("ivan", "inventory")
}

func mergedHidden(t *testing.T, d *desk) {
	p, ivan := d.withRoles()
	d.add("host", "keep", "twin", "spare")
	d.add("application", "a1", "secret", "vault")
	d.relate("a1", "runs_on", "twin")
	d.relate("secret", "runs_on", "twin")
	_, err := d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "vault", Type: "runs_on", Name: "crypt", Members: []cmdb.Member{{CI: "twin"}, {CI: "spare"}}, Need: impact.AtLeast(2)})
	require.NoError(t, err)
	yes := true
	for _, id := range []itsm.ID{"secret", "vault"} {
		_, err := d.p.Update(d.ctx(), cora, id, cmdb.Update{Fields: cmdb.Fields{Restricted: &yes}})
		require.NoError(t, err)
	}
	require.NoError(t, d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
		for _, to := range []itsm.Ref{{Kind: "incident", ID: "private"}, {Kind: "incident", ID: "open"}, {Kind: cmdb.Kind, ID: "secret"}} {
			if _, err := u.AddLink(ctx, itsm.Link{Type: itsm.LinkCausedBy, From: itsm.Ref{Kind: cmdb.Kind, ID: "twin"}, To: to}); err != nil {
				return err
			}
		}
		return nil
	}))
	// What is refused does not name what is hidden either.
	_, err = p.Retire(d.ctx(), ivan, "twin", cmdb.Retirement{EndRelations: true})
	require.Contains(t, faults(t, err), "groups")
	require.NotContains(t, err.Error(), "crypt")
	_, err = d.p.Retire(d.ctx(), cora, "twin", cmdb.Retirement{EndRelations: true})
	require.ErrorContains(t, err, "crypt")
	_, err = p.Merge(d.ctx(), ivan, cmdb.Merger{Keep: "spare", Other: "twin"})
	require.Contains(t, faults(t, err), "groups")
	require.NotContains(t, err.Error(), "crypt")

	for _, dry := range []bool{true, false} {
		did, err := p.Merge(d.ctx(), ivan, cmdb.Merger{Keep: "keep", Other: "twin", DryRun: dry})
		require.NoError(t, err)
		require.True(t, did.Hidden)
		require.Len(t, did.Relations, 1)
		require.Equal(t, itsm.ID("a1"), did.Relations[0].Source)
		require.Empty(t, did.Groups)
		require.Len(t, did.Links, 1)
		require.Equal(t, itsm.ID("open"), did.Links[0].To.ID)
	}
	require.Equal(t, []string{"a1", "keep", "secret", "vault"}, down(t, d.q, cora, "keep"), "all of it moved")
}

func mergedInside(t *testing.T, d *desk) {
	d.add("host", "keep", "twin")
	d.add("application", "a1")
	d.relate("a1", "runs_on", "twin")
	d.relate("a1", "runs_on", "keep") // as many as it may
	require.NoError(t, d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
		p := d.p.In(u.Store())
		_, err := p.Merge(ctx, cora, cmdb.Merger{Keep: "keep", Other: "twin", DryRun: true})
		if err != nil {
			return err
		}
		_, err = p.Add(ctx, cora, cmdb.Addition{ID: "more", Class: "host", Name: "more"})
		return err
	}))
	_, err := d.q.Get(d.ctx(), cora, "more")
	require.NoError(t, err, "what only looks undoes nothing of the host's")
	twin, err := d.q.Get(d.ctx(), cora, "twin")
	require.NoError(t, err)
	require.True(t, twin.Current)

	m := cmdb.Merger{Command: itsm.Command{Key: "one", IfVersion: 7, Reason: "seen"}, Keep: "keep", Other: "twin"}
	for _, m.DryRun = range []bool{true, false} {
		_, err = d.p.Merge(d.ctx(), cora, m)
		require.ErrorIs(t, err, itsm.ErrConflict)
	}
	m.IfVersion = 1
	did, err := d.p.Merge(d.ctx(), cora, m)
	require.NoError(t, err)
	require.Len(t, did.Relations, 1)
	require.Empty(t, did.Relations[0].Now, "there was one already")
	again, err := d.q.Merge(d.ctx(), cora, m)
	require.NoError(t, err)
	require.Equal(t, cmdb.Merging{Keep: did.Keep}, again)
	m.Other = "more"
	_, err = d.q.Merge(d.ctx(), cora, m)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	history, err := d.q.History(d.ctx(), cora, "keep")
	require.NoError(t, err)
	require.Equal(t, "seen", history[len(history)-1].Reason)
}

func mergedGroups(t *testing.T, d *desk) {
	d.add("application", "a1", "a2")
	d.add("host", "keep", "twin", "h3", "h4")
	put := func(owner itsm.ID, name string, need int, members ...itsm.ID) {
		t.Helper()
		g := cmdb.GroupDefinition{Owner: owner, Type: "depends_on", Name: name, Need: impact.AtLeast(need)}
		for _, id := range members {
			g.Members = append(g.Members, cmdb.Member{CI: id})
		}
		_, err := d.p.PutGroup(d.ctx(), cora, g)
		require.NoError(t, err)
	}
	refused := func(keep, other itsm.ID, why string) {
		t.Helper()
		for _, dry := range []bool{true, false} {
			_, err := d.q.Merge(d.ctx(), cora, cmdb.Merger{Keep: keep, Other: other, DryRun: dry})
			require.Contains(t, faults(t, err)["groups"], why)
		}
	}
	put("a1", "x", 1, "keep", "h3")
	put("a1", "y", 1, "twin", "h4")
	refused("keep", "twin", "another group")
	put("a1", "y", 1, "h4")
	put("a2", "x", 2, "keep", "twin")
	refused("keep", "twin", "need is 2")
	put("a2", "x", 1, "h4")
	refused("a1", "a2", "both have a group")
	put("a2", "z", 1, "h3")
	_, err := d.p.RemoveGroup(d.ctx(), cora, d.groupOf("a2", "x"), cmdb.End{})
	require.NoError(t, err)
	refused("a1", "a2", "another group")

	// How many of a type it may have is asked of both together.
	d.relate("a1", "runs_on", "h3")
	d.relate("a1", "runs_on", "h4")
	put("a2", "z", 1, "twin")
	d.relate("a2", "runs_on", "keep")
	for _, dry := range []bool{true, false} {
		_, err = d.p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "a1", Other: "a2", DryRun: dry})
		require.Contains(t, faults(t, err)["relations"], "would have 3 of runs_on")
	}
}

func (d *desk) groupOf(owner itsm.ID, name string) itsm.ID {
	d.t.Helper()
	all, err := d.p.Groups(d.ctx(), cora, owner)
	require.NoError(d.t, err)
	at := slices.IndexFunc(all, func(g cmdb.Group) bool { return g.Name == name })
	require.NotEqual(d.t, -1, at)
	return all[at].ID
}

func mergedLinks(t *testing.T, d *desk) {
	const n = 2*cmdb.MaxLinksMerged + 5
	d.add("host", "keep", "twin", "third")
	require.NoError(t, d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
		for i := range n {
			if _, err := u.AddLink(ctx, itsm.Link{Type: itsm.LinkCausedBy, From: itsm.Ref{Kind: "incident", ID: itsm.ID(fmt.Sprint("i", i))}, To: itsm.Ref{Kind: cmdb.Kind, ID: "twin"}}); err != nil {
				return err
			}
		}
		return nil
	}))
	did, err := d.p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "keep", Other: "twin"})
	require.NoError(t, err)
	require.True(t, did.Follows)
	require.Len(t, did.Links, cmdb.MaxLinksMerged)
	// The one that was kept goes too, before all has followed.
	did, err = d.p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "third", Other: "keep"})
	require.NoError(t, err)
	require.False(t, did.Follows)
	for range 4 {
		d.tick()
	}
	require.NoError(t, d.e.View(d.ctx(), cora, func(ctx context.Context, r storage.Reader) error {
		for id, want := range map[itsm.ID]int{"keep": 0, "twin": 0, "third": n} {
			links, err := engine.Links(ctx, r, itsm.Ref{Kind: cmdb.Kind, ID: id})
			if err != nil {
				return err
			}
			require.Len(t, links, want, "%s", id)
		}
		return nil
	}))
}
