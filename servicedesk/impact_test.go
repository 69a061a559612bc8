package servicedesk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

// An incident that is linked to a CI shows the services that it impacts, as people corrected that; a record of another kind that names
// the same CI shows the same.
func TestI16AnIncidentThatIsLinkedToACIShowsTheServicesThatItImpacts(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.staff(t)
	ctx := t.Context()
	for _, a := range []cmdb.Addition{
		{ID: "web1", Class: "host", Name: "web1.example"}, {ID: "web2", Class: "host", Name: "web2.example"}, {ID: "db", Class: "host", Name: "db.example"},
		{ID: "app", Class: "application", Name: "Orders"}, {ID: "portal", Class: "application", Name: "Portal"},
		{ID: "orders", Class: "service", Name: "Taking orders"}, {ID: "reports", Class: "service", Name: "Reports"},
		{ID: "phones", Class: "business_service", Name: "Telephony"},
	} {
		a.State = cmdb.StateLive
		_, err := f.Configuration.Add(ctx, boss, a)
		require.NoError(t, err)
	}
	_, err := f.Configuration.PutGroup(ctx, boss, cmdb.GroupDefinition{Owner: "portal", Type: "runs_on",
		Members: []cmdb.Member{{CI: "web1"}, {CI: "web2"}}, Need: impact.AtLeast(1)})
	require.NoError(t, err)
	for _, r := range []cmdb.NewRelation{
		{Source: "app", Type: "runs_on", Target: "db"}, {Source: "app", Type: "depends_on", Target: "portal"},
		{Source: "orders", Type: "depends_on", Target: "app"}, {Source: "reports", Type: "depends_on", Target: "app"},
	} {
		_, err := f.Configuration.Relate(ctx, boss, r)
		require.NoError(t, err)
	}
	i, err := f.Incidents.Log(ctx, rosa, incident.Report{Title: "No orders", Requester: "rosa"})
	require.NoError(t, err)
	services := func(of itsm.Ref, actor itsm.Actor) (all []string) {
		page, err := f.Configuration.Impacted(ctx, actor, of, storage.Query[cmdb.ImpactedHead]{Where: cmdb.ImpactedByService.Is(true)})
		require.NoError(t, err)
		for _, s := range page.Items {
			if s.Origin != cmdb.OriginExcluded {
				all = append(all, s.Item.Name+" "+string(s.Severity)+" "+string(s.Origin))
			}
		}
		return all
	}
	link := func(ci itsm.ID) incident.Relation {
		return incident.Relation{Type: itsm.LinkAffects, To: itsm.Ref{Kind: cmdb.Kind, ID: ci}}
	}
	_, err = f.Incidents.Link(ctx, ada, i.ID, link("db"))
	require.NoError(t, err)
	require.Empty(t, services(i.Ref(), ada), "it is computed after the commit")
	f.settled(t)
	require.ElementsMatch(t, []string{"Taking orders down computed", "Reports down computed"}, services(i.Ref(), ada))

	_, err = f.Configuration.CorrectImpact(ctx, ada, i.Ref(), cmdb.ImpactCorrection{CI: "phones", Origin: cmdb.OriginManual, Severity: cmdb.SeverityDegraded})
	require.NoError(t, err)
	_, err = f.Configuration.CorrectImpact(ctx, ada, i.Ref(), cmdb.ImpactCorrection{CI: "reports", Origin: cmdb.OriginExcluded,
		Command: itsm.Command{Reason: "it reads a copy"}})
	require.NoError(t, err)
	corrected := []string{"Taking orders down computed", "Telephony degraded manual"}
	require.ElementsMatch(t, corrected, services(i.Ref(), ada))
	_, err = f.Incidents.Link(ctx, ada, i.ID, link("web1"))
	require.NoError(t, err)
	f.settled(t)
	require.ElementsMatch(t, corrected, services(i.Ref(), ada), "what people said stands when it is computed again")

	// A change of the host's names what the incident is linked to.
	change := itsm.Ref{Kind: "host_change", ID: "c1"}
	_, err = f.Configuration.Concern(ctx, ada, change, cmdb.Concern{CIs: []cmdb.NamedCI{{CI: "db"}, {CI: "web1"}}})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"Taking orders down computed", "Reports down computed"}, services(change, ada))
	computed := func(of itsm.Ref) cmdb.ImpactCounts {
		a, err := f.Configuration.Assessment(ctx, ada, of)
		require.NoError(t, err)
		return a.Counts
	}
	require.Equal(t, computed(i.Ref()), computed(change), "the same CIs impact the same")

	// A service tells by which records it is impacted, to whoever may know of them.
	page, err := f.Configuration.ImpactedBy(ctx, ada, "orders", storage.Query[cmdb.ImpactedHead]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	_, err = f.Incidents.Restrict(ctx, boss, i.ID, incident.Restriction{})
	require.NoError(t, err)
	_, err = f.Configuration.Impacted(ctx, ned, i.Ref(), storage.Query[cmdb.ImpactedHead]{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = f.Configuration.Impacted(ctx, rosa, i.Ref(), storage.Query[cmdb.ImpactedHead]{})
	require.ErrorIs(t, err, itsm.ErrForbidden)

	_, err = f.Incidents.Unlink(ctx, boss, i.ID, link("db"))
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, []string{"Telephony degraded manual"}, services(i.Ref(), boss))
}
