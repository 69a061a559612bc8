package servicedesk_test

import (
	"context"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// A desk has no policies of its own; with one, incidents are measured by the hours of their requester's site, and the
// requester sees how they stand.
func TestL7IncidentsAreMeasuredByTheHoursOfTheRequestersSite(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	_, err := f.Directory.AddSite(ctx, boss, directory.NewSite{ID: "tokyo", Name: "Tokyo"})
	require.NoError(t, err)
	_, err = f.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "rosa", Name: "Rosa", Site: "tokyo"})
	require.NoError(t, err)
	_, err = f.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "ned", Name: "Ned"})
	require.NoError(t, err)
	log := func(requester itsm.ID) itsm.Ref {
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: requester})
		require.NoError(t, err)
		return itsm.Ref{Kind: incident.Kind, ID: i.ID}
	}
	timers, err := f.ServiceLevels.Of(ctx, ada, log("rosa"))
	require.NoError(t, err)
	require.Empty(t, timers)

	for name, zone := range map[string]string{"tokyo": "Asia/Tokyo", "desk": "Europe/London"} {
		d := calendar.Definition{Name: name, Zone: zone, Hours: []calendar.Hours{{From: "09:00", To: "17:00"}}}
		v, err := f.ServiceLevels.Calendars.Draft(ctx, boss, sla.CalendarDraft{Family: name, Set: sla.Calendar{Definition: d}})
		require.NoError(t, err)
		_, err = f.ServiceLevels.Calendars.Activate(ctx, boss, v.ID, itsm.Command{})
		require.NoError(t, err)
	}
	target := timer.Response("desk", servicedesk.Answered(), timer.Within(time.Hour))
	target.CalendarBy = "requester.site"
	v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		CustomerBy: "requester.site", Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)

	of := log("rosa")
	timers, err = f.ServiceLevels.Of(ctx, rosa, of)
	require.NoError(t, err)
	require.Len(t, timers, 1)
	tokyo := time.FixedZone("JST", 9*3600)
	require.Equal(t, 10, timers[0].Due.In(tokyo).Hour(), "the first hour of the next morning there")
	require.Equal(t, "tokyo", timers[0].Customer)
	timers, err = f.ServiceLevels.Of(ctx, ada, log("ned"))
	require.NoError(t, err)
	require.Equal(t, f.now.Add(time.Hour), timers[0].Due, "by those of the desk for one without a site")
	// Another who may not read the incident does not see it, here and through the desk.
	timers, err = f.ServiceLevels.Of(ctx, itsm.Actor{Tenant: rosa.Tenant, ID: "rob", Roles: rosa.Roles}, of)
	require.NoError(t, err)
	require.Empty(t, timers)
}

// What no agreement covers can be refused, and the work that is recorded is taken of the block of the requester's organisation.
func TestAnIncidentIsCoveredByTheAgreementOfItsRequestersOrganisation(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{SLA: sla.Options{Refuse: []sla.Verdict{sla.NoAgreement}}}), t.Context()
	for _, id := range []itsm.ID{"initech", "umbrella"} {
		_, err := f.Directory.AddOrganisation(ctx, boss, directory.NewOrganisation{ID: id, Name: string(id)})
		require.NoError(t, err)
	}
	_, err := f.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "rosa", Name: "Rosa", Organisation: "initech"})
	require.NoError(t, err)
	_, err = f.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "ned", Name: "Ned", Organisation: "umbrella"})
	require.NoError(t, err)
	v, err := f.ServiceLevels.Agreements.Draft(ctx, boss, sla.AgreementDraft{Family: "initech", Set: sla.Agreement{
		Name: "initech", Type: timer.SLA, Provider: "desk", Customer: "initech", Entitlement: &sla.Entitlement{
			Kind: incident.Kind, CustomerBy: "requester.organisation",
			Block: &sla.Block{Unit: sla.UnitMinutes, Amount: decimal.NewFromInt(60), Period: sla.PeriodTerm},
		}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Agreements.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)

	_, err = f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "ned"})
	var refused *sla.NotEntitledError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "no agreement is with umbrella for incident", refused.Reason)
	i, err := f.Incidents.Log(ctx, rosa, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	_, err = f.Incidents.LogWork(ctx, boss, i.ID, incident.Work{Worked: 75 * time.Minute})
	require.NoError(t, err)
	of := itsm.Ref{Kind: incident.Kind, ID: i.ID}
	seen, err := f.ServiceLevels.EntitlementOf(ctx, boss, of)
	require.NoError(t, err)
	require.Equal(t, []string{"60", "15"}, []string{seen.Taken[0].Units.String(), seen.Taken[0].Overdrawn.String()})
	seen, err = f.ServiceLevels.EntitlementOf(ctx, rosa, of)
	require.NoError(t, err)
	require.Equal(t, sla.Covered, seen.Verdict)
	require.Empty(t, seen.Taken)
	other := rosa
	other.ID = "ned"
	_, err = f.ServiceLevels.EntitlementOf(ctx, other, of)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

// L21: what a rebase would change is computed by the facts that only the host knows, and nothing is written.
func TestL21ARebaseThatIsTriedAsksTheHostForItsFacts(t *testing.T) {
	asked := 0
	f, ctx := newDesk(t, servicedesk.Config{
		Facts: []routing.Fact{{Name: "ci.class", Kind: storage.Text}},
		FactsOf: func(_ context.Context, r storage.Reader, i incident.Head) (map[string]any, error) {
			asked++
			require.Equal(t, []storage.Tenant{"acme"}, r.Tenants())
			return map[string]any{"ci.class": "router"}, nil
		},
	}), t.Context()
	f.promise(t, nil)
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	require.Zero(t, asked, "no policy names a fact")
	timers, err := f.ServiceLevels.Of(ctx, ada, i.Ref())
	require.NoError(t, err)

	target := timer.Resolution("always", nil, timer.Goal{
		When: storage.Condition{Op: storage.Equal, Column: "ci.class", Values: []any{"router"}}, Within: timer.Duration(time.Hour)}, timer.Within(8*time.Hour))
	v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)
	change, err := f.ServiceLevels.Rebase(ctx, boss, timers[0].ID, sla.Rebasing{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, 1, asked)
	require.Equal(t, []time.Time{f.now.Add(4 * time.Hour), f.now.Add(time.Hour)}, []time.Time{change.Before.Due, change.After.Due})
	change, err = f.ServiceLevels.Rebase(ctx, boss, timers[0].ID, sla.Rebasing{Command: itsm.Command{Reason: "Agreed"}})
	require.NoError(t, err)
	require.Equal(t, f.now.Add(time.Hour), change.After.Due, "as it was tried")
}

// L1: the response of an incident that is routed is met by the first person who sees to it, and by nothing that the desk does by itself.
func TestL1AResponseIsThatOfAPerson(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	f.promise(t, nil)
	v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "answer", Set: sla.Policy{Policy: timer.Policy{Name: "answer", Kind: incident.Kind,
		Targets: []timer.Target{timer.Response("always", servicedesk.Answered(), timer.Within(time.Hour))}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)
	phase := func(i incident.Incident) timer.Phase {
		t.Helper()
		all, err := f.ServiceLevels.Of(ctx, boss, i.Ref())
		require.NoError(t, err)
		for _, s := range all {
			if s.Policy == "answer" {
				return s.Reading.Phase
			}
		}
		return ""
	}
	note := func(actor itsm.Actor, visibility itsm.Visibility) func(itsm.ID) error {
		return func(id itsm.ID) error {
			_, err := f.Incidents.Note(ctx, actor, id, incident.Note{Text: "We are on it", Visibility: visibility})
			return err
		}
	}
	for name, x := range map[string]struct {
		do      func(id itsm.ID) error
		answers bool
	}{
		"a note for colleagues": {note(boss, itsm.VisibilityInternal), false},
		"a note of the system":  {note(itsm.SystemActor(boss.Tenant, "mail"), itsm.VisibilityPublic), false},
		"a reply of the requester": {func(id itsm.ID) error {
			_, err := f.Incidents.Reply(ctx, rosa, id, incident.Reply{Text: "And?"})
			return err
		}, false},
		"another assignee": {func(id itsm.ID) error {
			_, err := f.Incidents.Reassign(ctx, boss, id, incident.Assignment{Assignee: "bob"})
			return err
		}, false},
		"a note for the requester": {note(boss, itsm.VisibilityPublic), true},
		"an acknowledgement": {func(id itsm.ID) error {
			_, err := f.Incidents.Acknowledge(ctx, boss, id, incident.Moment{})
			return err
		}, true},
		"a person who accepts it": {func(id itsm.ID) error { _, err := f.Incidents.Accept(ctx, ada, id, itsm.Command{}); return err }, true},
		"a hold with a question": {func(id itsm.ID) error {
			_, err := f.Incidents.Hold(ctx, boss, id, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which?"})
			return err
		}, true},
		"a resolution that is told": {func(id itsm.ID) error {
			_, err := f.Incidents.Resolve(ctx, boss, id, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
			return err
		}, true},
	} {
		i, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "No sound", Requester: "rosa", Assignee: "ada"})
		require.NoError(t, err)
		require.Equal(t, timer.PhaseRunning, phase(i), name)
		require.NoError(t, x.do(i.ID), name)
		require.Equal(t, x.answers, phase(i) == timer.PhaseStopped, name)
	}
}
