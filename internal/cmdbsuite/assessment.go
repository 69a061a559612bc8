// This file holds the cases of what records of other practices impact.

package cmdbsuite

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// shop is a service on an application on two hosts of which one is enough, and a second service that rests on one host alone.
func (d *desk) shop() {
	d.add("host", "h1", "h2")
	d.add("application", "app")
	d.add("service", "shop", "mail")
	_, err := d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "app", Type: "runs_on", Members: []cmdb.Member{{CI: "h1"}, {CI: "h2"}}, Need: impact.AtLeast(1)})
	require.NoError(d.t, err)
	d.relate("shop", "depends_on", "app")
	d.relate("mail", "depends_on", "h1")
}

// link links a record to a CI, or ends that, and tells of it, as the practice that has the record does.
func (d *desk) link(of itsm.Ref, ci itsm.ID, is bool) {
	d.t.Helper()
	require.NoError(d.t, d.e.Update(d.ctx(), ana, func(ctx context.Context, u *engine.Unit) error {
		l := itsm.Link{Type: itsm.LinkAffects, From: of, To: itsm.Ref{Kind: cmdb.Kind, ID: ci}}
		change := u.AddLink
		if !is {
			change = u.RemoveLink
		}
		if _, err := change(ctx, l); err != nil {
			return err
		}
		return d.p.LinkChanged(ctx, u, l)
	}))
	d.tick()
}

// tick runs what is due.
func (d *desk) tick() {
	d.t.Helper()
	ran, err := d.e.Tick(d.ctx(), d.now)
	require.NoError(d.t, err)
	require.Zero(d.t, ran.Failed)
}

// impacted gives what a record impacts, in the order in which it is told.
func (d *desk) impacted(actor itsm.Actor, of itsm.Ref) (all []string) {
	d.t.Helper()
	page, err := d.q.Impacted(d.ctx(), actor, of, storage.Query[cmdb.ImpactedHead]{})
	require.NoError(d.t, err)
	for _, i := range page.Items {
		require.Equal(d.t, string(i.CI), i.Item.Name)
		all = append(all, string(i.CI)+" "+string(i.Severity)+" "+string(i.Origin))
	}
	return all
}

func oneFunction(t *testing.T, d *desk) {
	d.shop()
	incident, change := itsm.Ref{Kind: "incident", ID: "i1"}, itsm.Ref{Kind: "change", ID: "c1"}
	d.link(incident, "h1", true)
	want := []string{"mail down computed", "h1 down computed", "app at_risk computed"}
	require.Equal(t, want, d.impacted(ana, incident))
	a, err := d.p.Assessment(d.ctx(), ana, incident)
	require.NoError(t, err)
	require.Equal(t, cmdb.ImpactCounts{Down: 2, AtRisk: 1, Services: 1}, a.Counts)
	require.Equal(t, int64(8), a.Revision)

	// The same CIs impact the same, whatever names them and how.
	a, err = d.q.Concern(d.ctx(), ana, change, cmdb.Concern{CIs: []cmdb.NamedCI{{CI: "h1"}}})
	require.NoError(t, err)
	require.Equal(t, []cmdb.NamedCI{{CI: "h1", Severity: cmdb.SeverityDown}}, a.Named)
	require.Equal(t, want, d.impacted(ana, change))

	d.link(incident, "h2", true)
	both := []string{"mail down computed", "shop down computed", "app down computed", "h1 down computed", "h2 down computed"}
	require.ElementsMatch(t, both, d.impacted(ana, incident))
	d.link(incident, "h1", false)
	require.ElementsMatch(t, []string{"h2 down computed", "app at_risk computed"}, d.impacted(ana, incident))
	d.link(incident, "h2", false)
	require.Empty(t, d.impacted(ana, incident))

	// What a record names is degraded where that is said.
	_, err = d.p.Concern(d.ctx(), ana, change, cmdb.Concern{CIs: []cmdb.NamedCI{{CI: "h1", Severity: cmdb.SeverityDegraded}}})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"mail degraded computed", "h1 degraded computed", "app at_risk computed"}, d.impacted(ana, change))
}

func corrections(t *testing.T, d *desk) {
	d.shop()
	d.add("service", "wiki")
	of := itsm.Ref{Kind: "incident", ID: "i1"}
	d.link(of, "h1", true)
	correct := func(r cmdb.ImpactCorrection) error {
		_, err := d.p.CorrectImpact(d.ctx(), ana, of, r)
		return err
	}
	why := itsm.Command{Reason: "asked its owner"}
	require.NoError(t, correct(cmdb.ImpactCorrection{CI: "wiki", Origin: cmdb.OriginManual, Severity: cmdb.SeverityDegraded}))
	require.NoError(t, correct(cmdb.ImpactCorrection{CI: "mail", Origin: cmdb.OriginExcluded, Command: why}))
	stands := func(more ...string) {
		t.Helper()
		require.ElementsMatch(t, append([]string{"wiki degraded manual", "mail down excluded"}, more...), d.impacted(ana, of))
	}
	stands("h1 down computed", "app at_risk computed")

	// They stand whatever is computed.
	_, err := d.p.AssessImpact(d.ctx(), ana, of, itsm.Command{})
	require.NoError(t, err)
	stands("h1 down computed", "app at_risk computed")
	d.relate("wiki", "depends_on", "h1")
	a, err := d.p.AssessImpact(d.ctx(), ana, of, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, int64(10), a.Revision)
	require.Equal(t, cmdb.ImpactCounts{Down: 3, AtRisk: 1, Services: 2}, a.Counts, "what is computed is counted whatever a person says")
	stands("h1 down computed", "app at_risk computed")
	d.link(of, "h1", false)
	require.ElementsMatch(t, []string{"wiki degraded manual", "mail  excluded"}, d.impacted(ana, of))
	d.link(of, "h1", true)
	stands("h1 down computed", "app at_risk computed")

	// By CI they are found with those that impact it, but for what is excluded.
	by := func(ci itsm.ID) int {
		page, err := d.q.ImpactedBy(d.ctx(), ana, ci, storage.Query[cmdb.ImpactedHead]{})
		require.NoError(t, err)
		for _, i := range page.Items {
			require.Equal(t, of, i.Of())
		}
		return len(page.Items)
	}
	require.Equal(t, []int{1, 0, 1, 0}, []int{by("wiki"), by("mail"), by("app"), by("shop")})

	// What was corrected can be taken back.
	require.NoError(t, correct(cmdb.ImpactCorrection{CI: "mail", Origin: cmdb.OriginComputed}))
	require.NoError(t, correct(cmdb.ImpactCorrection{CI: "wiki", Origin: cmdb.OriginComputed}))
	require.ElementsMatch(t, []string{"wiki down computed", "mail down computed", "h1 down computed", "app at_risk computed"}, d.impacted(ana, of))
	require.NoError(t, correct(cmdb.ImpactCorrection{CI: "shop", Origin: cmdb.OriginManual}))
	require.NoError(t, correct(cmdb.ImpactCorrection{CI: "shop", Origin: cmdb.OriginComputed}))
	a, err = d.p.Assessment(d.ctx(), ana, of)
	require.NoError(t, err)
	require.Zero(t, a.Corrections)
	require.NotContains(t, d.impacted(ana, of), "shop down manual")

	// What cannot be is refused, and changes nothing.
	was := d.impacted(ana, of)
	require.Equal(t, map[string]string{"ci": "is named by the record itself; unlink it, or do not name it", "reason": "is required"},
		faults(t, correct(cmdb.ImpactCorrection{CI: "h1", Origin: cmdb.OriginExcluded})))
	require.Equal(t, map[string]string{"ci": "is not found", "severity": "must be at_risk, degraded or down"},
		faults(t, correct(cmdb.ImpactCorrection{CI: "nobody", Origin: cmdb.OriginManual, Severity: "purple"})))
	require.Contains(t, faults(t, correct(cmdb.ImpactCorrection{CI: "app", Origin: "guessed"})), "origin")
	_, err = d.p.CorrectImpact(d.ctx(), rita, of, cmdb.ImpactCorrection{CI: "app", Origin: cmdb.OriginManual})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.Equal(t, was, d.impacted(ana, of))
}

func hiddenImpact(t *testing.T, d *desk) {
	d.shop()
	yes := true
	_, err := d.p.Update(d.ctx(), cora, "mail", cmdb.Update{Fields: cmdb.Fields{Restricted: &yes}})
	require.NoError(t, err)
	of := itsm.Ref{Kind: "incident", ID: "i1"}
	d.link(of, "h1", true)
	require.ElementsMatch(t, []string{"h1 down computed", "app at_risk computed"}, d.impacted(ana, of))
	a, err := d.p.Assessment(d.ctx(), ana, of)
	require.NoError(t, err)
	require.True(t, a.Hidden)
	require.Equal(t, cmdb.ImpactCounts{Down: 1, AtRisk: 1}, a.Counts)
	a, err = d.p.Assessment(d.ctx(), cora, of)
	require.NoError(t, err)
	require.False(t, a.Hidden)
	require.Equal(t, cmdb.ImpactCounts{Down: 2, AtRisk: 1, Services: 1}, a.Counts)
	_, err = d.p.ImpactedBy(d.ctx(), ana, "mail", storage.Query[cmdb.ImpactedHead]{})
	require.ErrorIs(t, err, itsm.ErrNotFound)

	// The history of an assessment names CIs: it is for those who may read them all.
	require.NoError(t, d.e.View(d.ctx(), ana, func(ctx context.Context, r storage.Reader) error {
		ref := itsm.Ref{Kind: cmdb.KindAssessment, ID: a.ID}
		require.ErrorIs(t, d.p.MayReadImpact(ctx, r, ana, ref), itsm.ErrNotFound)
		require.ErrorIs(t, d.p.MayReadImpact(ctx, r, rita, ref), itsm.ErrNotFound)
		return d.p.MayReadImpact(ctx, r, cora, ref)
	}))

	// Who may not know of the record is told nothing of what it impacts.
	_, p := d.process(cmdb.Options{MayRead: func(_ context.Context, _ storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
		if actor.ID == "ana" && ref == of {
			return itsm.ErrForbidden
		}
		return nil
	}})
	_, err = p.Impacted(d.ctx(), ana, of, storage.Query[cmdb.ImpactedHead]{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = p.Assessment(d.ctx(), ana, of)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = p.AssessImpact(d.ctx(), ana, of, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := p.ImpactedBy(d.ctx(), ana, "app", storage.Query[cmdb.ImpactedHead]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	page, err = p.ImpactedBy(d.ctx(), cora, "app", storage.Query[cmdb.ImpactedHead]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

func manyImpacted(t *testing.T, d *desk) {
	d.add("host", "h1")
	d.add("service", "zebra")
	d.relate("zebra", "depends_on", "h1")
	const hosts = cmdb.MaxImpacted + 5
	require.NoError(t, d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
		p := d.p.In(u.Store())
		for i := range hosts {
			id := itsm.ID(fmt.Sprintf("feed%04d", i))
			if _, err := p.Add(ctx, cora, cmdb.Addition{ID: id, Class: "feed", Name: string(id)}); err != nil {
				return err
			}
			if _, err := p.Relate(ctx, cora, cmdb.NewRelation{Type: "depends_on", Source: id, Target: "h1"}); err != nil {
				return err
			}
		}
		return nil
	}))
	of := itsm.Ref{Kind: "incident", ID: "i1"}
	a, err := d.p.Concern(d.ctx(), cora, of, cmdb.Concern{CIs: []cmdb.NamedCI{{CI: "h1"}}})
	require.NoError(t, err)
	require.Equal(t, cmdb.ImpactCounts{Down: hosts + 2, Services: 1}, a.Counts, "all are counted")
	require.Equal(t, 7, a.LeftOut)
	n := 0
	q := storage.Query[cmdb.ImpactedHead]{Limit: storage.MaxPage}
	for i, err := range storage.Pages(q, func(q storage.Query[cmdb.ImpactedHead]) (storage.Page[cmdb.ImpactedCI], error) {
		return d.q.Impacted(d.ctx(), cora, of, q)
	}) {
		require.NoError(t, err)
		if n == 0 {
			require.Equal(t, itsm.ID("zebra"), i.CI, "services are kept before all others")
		}
		n++
	}
	require.Equal(t, cmdb.MaxImpacted, n)
}
