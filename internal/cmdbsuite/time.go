// This file holds the cases of outages, baselines and drift.

package cmdbsuite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func outages(t *testing.T, d *desk) {
	d.add("application", "a1")
	d.add("host", "h1", "h2")
	_, err := d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: []cmdb.Member{{CI: "h1"}, {CI: "h2"}}, Need: impact.AtLeast(1)})
	require.NoError(t, err)
	_, err = d.p.RecordOutage(d.ctx(), cora, cmdb.OutageReport{CI: "h1", Severity: "awful", Begin: at(5), End: at(5)})
	all := faults(t, err)
	require.Contains(t, all, "severity")
	require.Contains(t, all, "begin")
	require.Contains(t, all, "end")
	_, err = d.p.RecordOutage(d.ctx(), ana, cmdb.OutageReport{CI: "h1"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	o, err := d.p.RecordOutage(d.ctx(), cora, cmdb.OutageReport{CI: "h1", About: &itsm.Ref{Kind: "incident", ID: "i1"}})
	require.NoError(t, err)
	require.True(t, o.Lasting)
	_, err = d.p.RecordOutage(d.ctx(), cora, cmdb.OutageReport{CI: "h2", Planned: true, Begin: at(10), End: at(20)})
	require.NoError(t, err)
	state := func(when time.Time) (impact.State, bool) {
		a, err := d.q.Impact(d.ctx(), ana, nil, cmdb.Question{At: when, Outages: true})
		require.NoError(t, err)
		s, err := a.State("a1")
		require.NoError(t, err)
		planned := false
		for _, i := range a.List() {
			planned = planned || i.ID == "a1" && i.Planned
		}
		return s, planned
	}
	s, _ := state(time.Time{})
	require.Equal(t, impact.AtRisk, s)
	d.later(12)
	s, planned := state(time.Time{})
	require.Equal(t, impact.Down, s, "the planned one counts against what is needed")
	require.False(t, planned)
	_, err = d.p.EndOutage(d.ctx(), cora, o.ID, cmdb.OutageEnd{At: at(11)})
	require.NoError(t, err)
	_, err = d.p.EndOutage(d.ctx(), cora, o.ID, cmdb.OutageEnd{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	s, planned = state(time.Time{})
	require.Equal(t, impact.AtRisk, s)
	require.True(t, planned)
	s, _ = state(at(10))
	require.Equal(t, impact.Down, s, "as it was then")
	begin := at(2)
	amended, err := d.p.AmendOutage(d.ctx(), cora, o.ID, cmdb.OutageAmendment{Begin: &begin})
	require.NoError(t, err)
	same, err := d.p.AmendOutage(d.ctx(), cora, o.ID, cmdb.OutageAmendment{Begin: &begin})
	require.NoError(t, err)
	require.Equal(t, amended, same)
	s, _ = state(at(1))
	require.Equal(t, impact.OK, s)
	_, err = d.p.WithdrawOutage(d.ctx(), cora, o.ID, itsm.Command{Reason: "it was another host"})
	require.NoError(t, err)
	s, _ = state(at(10))
	require.Equal(t, impact.AtRisk, s)
	page, err := d.q.Outages(d.ctx(), ana, storage.Query[cmdb.OutageHead]{Where: cmdb.OutageByWithdrawn.Is(false)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	got, err := d.q.Outage(d.ctx(), ana, o.ID)
	require.NoError(t, err)
	require.True(t, got.Withdrawn)
	yes := true
	_, err = d.p.Update(d.ctx(), cora, "h1", cmdb.Update{Fields: cmdb.Fields{Restricted: &yes}})
	require.NoError(t, err)
	_, err = d.q.Outage(d.ctx(), ana, o.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func drift(t *testing.T, d *desk) {
	d.add("service", "s1")
	d.add("application", "a1", "a2")
	d.add("host", "h1", "h2", "h3", "secret")
	d.relate("s1", "depends_on", "a1")
	gone := d.relate("a1", "runs_on", "h1")
	yes := true
	_, err := d.p.Update(d.ctx(), cora, "secret", cmdb.Update{Fields: cmdb.Fields{Restricted: &yes}})
	require.NoError(t, err)
	base, err := d.p.TakeBaseline(d.ctx(), cora, cmdb.NewBaseline{Name: "before the move"})
	require.NoError(t, err)
	_, err = d.p.TakeBaseline(d.ctx(), cora, cmdb.NewBaseline{Name: "before the move"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.p.TakeBaseline(d.ctx(), ana, cmdb.NewBaseline{Name: "mine"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	compare := func(actor itsm.Actor) cmdb.Drift {
		drift, err := d.q.Compare(d.ctx(), actor, cmdb.Comparison{From: base.At, Services: []itsm.ID{"s1"}})
		require.NoError(t, err)
		return drift
	}
	d.later(5)
	require.Equal(t, cmdb.Drift{From: at(0), To: at(5), FromRevision: base.Revision, ToRevision: base.Revision}, compare(ana), "nothing has changed")

	_, err = d.p.Unrelate(d.ctx(), cora, gone.ID, cmdb.End{})
	require.NoError(t, err)
	for range 2 { // what ends and begins in between comes to nothing
		rel := d.relate("a2", "runs_on", "h3")
		_, err = d.p.Unrelate(d.ctx(), cora, rel.ID, cmdb.End{})
		require.NoError(t, err)
	}
	d.relate("h1", "connected_to", "secret")
	_, err = d.p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "a1", Type: "runs_on", Members: []cmdb.Member{{CI: "h2"}, {CI: "h3"}}, Need: impact.AtLeast(1)})
	require.NoError(t, err)
	d.add("feed", "f1")
	name := "host one"
	_, err = d.p.Update(d.ctx(), cora, "h1", cmdb.Update{Fields: cmdb.Fields{Name: &name}, Attributes: schema.Values{"ram": schema.Integer(8)}})
	require.NoError(t, err)
	_, err = d.p.Update(d.ctx(), cora, "secret", cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(8)}})
	require.NoError(t, err)

	got := compare(ana)
	group := impact.Group{Owner: "a1", Kind: "runs_on", Members: []impact.Member{{ID: "h2"}, {ID: "h3"}}, Need: impact.AtLeast(1)}
	require.Equal(t, []cmdb.CIDrift{
		{ID: "f1", Name: "f1", Class: "feed", Now: cmdb.StateBuild},
		{ID: "h1", Name: "host one", Class: "host", Was: cmdb.StateBuild, Now: cmdb.StateBuild, Fields: []string{"name"},
			Attributes: []cmdb.ValueDrift{{Name: "ram", Now: schema.Integer(8)}}},
	}, got.CIs)
	require.Empty(t, got.Began)
	require.Equal(t, []impact.Relation{{Source: "a1", Kind: "runs_on", Target: "h1"}}, got.Ended)
	require.Equal(t, []cmdb.GroupDrift{{Now: &group}}, got.Groups)
	require.Equal(t, []cmdb.ServiceDrift{{ID: "s1", PointsLost: []itsm.ID{"h1"}}}, got.Services, "it has no host any more that alone brings it down")
	require.True(t, got.Hidden)
	all := compare(cora)
	require.Len(t, all.CIs, 3)
	require.Equal(t, []impact.Relation{{Source: "h1", Kind: "connected_to", Target: "secret"}}, all.Began)
	require.False(t, all.Hidden)

	_, err = d.q.Compare(d.ctx(), ana, cmdb.Comparison{From: at(9), To: at(3), Services: []itsm.ID{"nobody"}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.NoError(t, d.p.RemoveBaseline(d.ctx(), cora, base.ID, itsm.Command{}))
	page, err := d.q.Baselines(d.ctx(), ana, storage.Query[cmdb.BaselineHead]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// clockGoesBack has a process whose clock is behind change what another has changed: as of any instant, what is given is a state
// that was, and of two the later one is given later.
func clockGoesBack(t *testing.T, d *desk) {
	d.add("host", "h1", "h2", "h3")
	rename := func(name string) {
		t.Helper()
		_, err := d.q.Update(d.ctx(), cora, "h1", cmdb.Update{Fields: cmdb.Fields{Name: &name}})
		require.NoError(t, err)
	}
	d.now = at(10)
	rename("first")
	tie := d.relate("h1", "depends_on", "h2")
	d.now = at(5)
	rename("second")
	ended, err := d.p.Unrelate(d.ctx(), cora, tie.ID, cmdb.End{})
	require.NoError(t, err)
	require.False(t, ended.Until.Before(ended.From), "it does not end before it begins")
	late := d.relate("h1", "depends_on", "h3")
	require.Equal(t, at(10), late.From)
	d.now = at(20)
	rename("third")
	retired, err := d.p.Retire(d.ctx(), cora, "h3", cmdb.Retirement{EndRelations: true})
	require.NoError(t, err)
	d.now = at(15)
	back, err := d.p.Reinstate(d.ctx(), cora, "h3", cmdb.Step{Command: itsm.Command{Reason: "again"}})
	require.NoError(t, err)
	require.Equal(t, retired.Since, back.Since)

	d.now = at(30)
	now, err := d.p.Get(d.ctx(), cora, "h1")
	require.NoError(t, err)
	for minute, name := range map[int]string{0: "h1", 4: "h1", 5: "h1", 7: "h1", 9: "h1", 10: "second", 15: "second", 19: "second", 20: "third", 30: "third"} {
		was, err := d.q.GetAt(d.ctx(), cora, "h1", at(minute))
		require.NoError(t, err)
		require.Equal(t, name, was.Name, "as of minute %d", minute)
		require.False(t, was.Updated.After(at(minute)))
		require.LessOrEqual(t, was.Version, now.Version)
	}
	history, err := d.q.History(d.ctx(), cora, "h1")
	require.NoError(t, err)
	for i := 1; i < len(history); i++ {
		require.False(t, history[i].At.Before(history[i-1].At))
	}
}
