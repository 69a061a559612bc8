package servicedesk_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

// changeDesk is a desk where Ned authorises changes.
func changeDesk(t *testing.T) *fixture {
	t.Helper()
	f := newDesk(t, servicedesk.Config{Holders: func(_ context.Context, _ storage.Reader, role itsm.RoleName) ([]itsm.ID, error) {
		if role == itsm.RoleChangeAuthority {
			return []itsm.ID{"ned"}, nil
		}
		return nil, nil
	}})
	f.staff(t)
	for _, a := range []cmdb.Addition{
		{ID: "db", Class: "database", Name: "Orders DB", Attributes: schema.Values{"version": schema.Text("1")}}, {ID: "app", Class: "application", Name: "Orders"},
		{ID: "old", Class: "application", Name: "Old orders"}, {ID: "orders", Class: "service", Name: "Taking orders"},
	} {
		a.State = cmdb.StateLive
		a.Criticality = 4
		_, err := f.Configuration.Add(t.Context(), boss, a)
		require.NoError(t, err)
	}
	for _, r := range []cmdb.NewRelation{
		{Source: "app", Type: "depends_on", Target: "db"}, {Source: "orders", Type: "depends_on", Target: "app"}, {Source: "app", Type: "depends_on", Target: "old"},
	} {
		_, err := f.Configuration.Relate(t.Context(), boss, r)
		require.NoError(t, err)
	}
	return f
}

var (
	mona = itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	ian  = itsm.Actor{Tenant: "acme", ID: "ian", Roles: []itsm.RoleName{itsm.RoleChangeImplementer}}
	vera = itsm.Actor{Tenant: "acme", ID: "ned", Roles: []itsm.RoleName{itsm.RoleChangeAuthority}, Groups: []itsm.ID{"network"}}
)

// scheduled has a change of the database scheduled, authorised by Ned.
func (f *fixture) scheduled(t *testing.T, with ...func(*change.Draft)) change.Change {
	t.Helper()
	ctx := t.Context()
	r := change.Draft{
		Title: "New database version", CIs: []itsm.ID{"db"}, Assignee: "ian", Requester: "boss",
		Plans:       change.Plans{Rollout: "Upgrade", Test: "Order something", Backout: "Restore"},
		Planned:     change.Window{Start: f.now.Add(time.Hour), End: f.now.Add(3 * time.Hour)},
		RiskAnswers: map[string]string{risk.FactorBackout: risk.BackoutManual, risk.FactorTested: risk.TestedFully, risk.FactorExperience: risk.ExperienceNone},
	}
	for _, fn := range with {
		fn(&r)
	}
	c, err := f.Changes.Draft(ctx, boss, r)
	require.NoError(t, err)
	f.settled(t)
	_, err = f.Changes.Submit(ctx, boss, c.ID, itsm.Command{})
	require.NoError(t, err)
	c, err = f.Changes.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"})
	require.NoError(t, err)
	require.Equal(t, change.StateAuthorising, c.State)
	page, err := f.Approvals.Waiting(ctx, vera, ballot.ApproverQuery{})
	require.NoError(t, err)
	for _, a := range page.Items {
		if a.ParentID == c.ID {
			_, err = f.Approvals.Vote(ctx, vera, a.Approval, ballot.Vote{Choice: approval.ChoiceApprove})
			require.NoError(t, err)
		}
	}
	c, err = f.Changes.Get(ctx, boss, c.ID)
	require.NoError(t, err)
	require.Equal(t, change.StateScheduled, c.State)
	return c
}

func (f *fixture) begin(t *testing.T, c change.Change) change.Change {
	t.Helper()
	f.now = c.PlannedStart
	c, err := f.Changes.Start(t.Context(), ian, c.ID, itsm.Command{})
	require.NoError(t, err)
	return c
}

// What a change impacts, and how critical that is, says how risky it is, by the one function for all kinds of record.
func TestC13TheRiskOfAChangeKnowsItsConfiguration(t *testing.T) {
	f := changeDesk(t)
	c := f.scheduled(t)
	require.Contains(t, c.RiskAssessment.Contributions, risk.Contribution{Factor: risk.FactorServices, Value: "1", Points: 1})
	require.Contains(t, c.RiskAssessment.Contributions, risk.Contribution{Factor: risk.FactorCriticality, Value: "4", Points: 3})
	page, err := f.Configuration.Impacted(t.Context(), boss, c.Ref(), storage.Query[cmdb.ImpactedHead]{Where: cmdb.ImpactedByService.Is(true)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	_, err = f.Changes.Draft(t.Context(), boss, change.Draft{Title: "x", CIs: []itsm.ID{"nothing"}})
	require.ErrorIs(t, err, itsm.ErrInvalid, "an item that there is not")
}

func TestC27C28ControlledAttributesAreWrittenUnderAChangeAndByItsEnd(t *testing.T) {
	f := changeDesk(t)
	ctx := t.Context()
	c := f.scheduled(t, func(r *change.Draft) {
		r.CIs = []itsm.ID{"app", "db", "old"}
		r.Proposals = []change.Proposal{
			{Kind: change.ProposalSet, CI: "db", Attribute: "version", Value: json.RawMessage(`"2"`)},
			{Kind: change.ProposalUnrelate, CI: "app", Relation: "depends_on", Target: "old"},
			{Kind: change.ProposalRetire, CI: "old"},
		}
	})
	under := c.Ref()
	reason := func() string {
		var out string
		require.NoError(t, f.Engine.View(ctx, boss, func(ctx context.Context, r storage.Reader) (err error) {
			out, err = f.Changes.Unlocks(ctx, r, c.ID, "db")
			return err
		}))
		return out
	}
	require.NotEmpty(t, reason())
	_, err := f.Configuration.Update(ctx, boss, "db", cmdb.Update{Attributes: schema.Values{"version": schema.Text("1.5")}, Under: &under})
	require.ErrorContains(t, err, "is not being implemented", "naming a change that is not made does not help whom may do everything")
	f.begin(t, c)
	require.Empty(t, reason())
	_, err = f.Configuration.Update(ctx, boss, "db", cmdb.Update{Attributes: schema.Values{"version": schema.Text("1.5")}, Under: &under})
	require.NoError(t, err)

	// What was proposed is made when it is successful, in the same transaction.
	c, err = f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.NoError(t, err)
	require.True(t, c.Applied)
	db, err := f.Configuration.Get(ctx, boss, "db")
	require.NoError(t, err)
	version, _ := db.Attributes["version"].Text()
	require.Equal(t, "2", version)
	require.Equal(t, "change "+c.Number, db.Origins["version"].Source)
	old, err := f.Configuration.Get(ctx, boss, "old")
	require.NoError(t, err)
	require.Equal(t, cmdb.StateRetired, old.State)
	require.NotEmpty(t, reason(), "it is locked again")
}

func TestC28WhatCannotBeMadeLeavesNothingOfItMade(t *testing.T) {
	f := changeDesk(t)
	ctx := t.Context()
	c := f.begin(t, f.scheduled(t, func(r *change.Draft) {
		r.CIs = []itsm.ID{"app", "db"}
		r.Proposals = []change.Proposal{
			{Kind: change.ProposalSet, CI: "db", Attribute: "version", Value: json.RawMessage(`"2"`)},
			{Kind: change.ProposalUnrelate, CI: "app", Relation: "depends_on", Target: "orders"},
		}
	}))
	_, err := f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "proposals[1]")
	db, err := f.Configuration.Get(ctx, boss, "db")
	require.NoError(t, err)
	version, _ := db.Attributes["version"].Text()
	require.Equal(t, "1", version)
	c, err = f.Changes.Get(ctx, boss, c.ID)
	require.NoError(t, err)
	require.Equal(t, change.StateImplementing, c.State)
}

func TestC25IncidentsTellTheChangeThatCausedThem(t *testing.T) {
	f := changeDesk(t)
	ctx := t.Context()
	c := f.begin(t, f.scheduled(t, func(r *change.Draft) { r.Deployment = true }))
	_, err := f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.NoError(t, err)
	get := func() change.Change {
		c, err := f.Changes.Get(ctx, boss, c.ID)
		require.NoError(t, err)
		return c
	}
	require.True(t, get().Success)
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No orders", Requester: "rosa"})
	require.NoError(t, err)
	cause := incident.Relation{Type: itsm.LinkCausedBy, To: c.Ref()}
	_, err = f.Incidents.Link(ctx, ada, i.ID, cause)
	require.NoError(t, err)
	require.EqualValues(t, 1, get().CausedIncidents)
	require.False(t, get().Success)
	require.Zero(t, get().CausedMajor)
	_, err = f.Incidents.OverridePriority(ctx, boss, i.ID, incident.Override{Command: itsm.Command{Reason: "No orders at all"}, Priority: 1})
	require.NoError(t, err)
	require.EqualValues(t, 1, get().CausedMajor)
	f.now = f.now.Add(40 * time.Minute)
	_, err = f.Incidents.Restore(ctx, boss, i.ID, incident.Moment{})
	require.NoError(t, err)
	m, err := f.Changes.Measures(ctx, mona, change.Period{From: monday, To: f.now.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, 40*time.Minute, m.Deployments.TimeToRestore)
	require.Equal(t, change.Share{Of: 1, Part: 1}, m.Deployments.Failed)
	refs, err := f.Changes.CausedIncidents(ctx, mona, c.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.Ref{i.Ref()}, refs)
	_, err = f.Incidents.Unlink(ctx, ada, i.ID, cause)
	require.NoError(t, err)
	require.True(t, get().Success)

	// One that is cancelled, as nothing or as a duplicate, was none.
	for _, into := range []itsm.ID{"", i.ID} {
		other, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No orders", Requester: "rosa"})
		require.NoError(t, err)
		_, err = f.Incidents.Link(ctx, ada, other.ID, cause)
		require.NoError(t, err)
		require.False(t, get().Success)
		_, err = f.Incidents.Cancel(ctx, boss, other.ID, incident.Cancellation{Command: itsm.Command{Reason: "Nothing"}, DuplicateOf: into})
		require.NoError(t, err)
		if into == "" {
			require.True(t, get().Success)
		}
		require.EqualValues(t, map[itsm.ID]int64{"": 0, i.ID: 1}[into], get().CausedIncidents, "of two that are the same one counts")
	}
}

func TestI15IncidentsThatWaitForAChangeGoOnWhenItIsMade(t *testing.T) {
	for _, end := range []string{"completed", "cancelled"} {
		f := changeDesk(t)
		ctx := t.Context()
		c := f.scheduled(t)
		ref := c.Ref()
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "Slow orders", Requester: "rosa"})
		require.NoError(t, err)
		_, err = f.Incidents.Hold(ctx, boss, i.ID, incident.Hold{HoldReason: incident.HoldChange, Link: &ref})
		require.NoError(t, err)
		if end == "cancelled" {
			_, err = f.Changes.Cancel(ctx, mona, c.ID, itsm.Command{Reason: "Not needed"})
		} else {
			f.begin(t, c)
			i, err = f.Incidents.Get(ctx, boss, i.ID)
			require.NoError(t, err)
			require.Equal(t, incident.StateOnHold, i.State)
			_, err = f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
		}
		require.NoError(t, err)
		i, err = f.Incidents.Get(ctx, boss, i.ID)
		require.NoError(t, err)
		require.Equal(t, incident.StateNew, i.State, end)
	}
}

// P6: a problem is told how the change ended that is to fix it, once and only while it is to.
func TestP6AProblemKnowsHowTheChangeEndedThatIsToFixIt(t *testing.T) {
	for outcome, want := range map[change.Outcome]problem.Outcome{
		change.OutcomeSuccessful: problem.OutcomeSuccessful, change.OutcomeWithIssues: problem.OutcomeSuccessful,
		change.OutcomeBackedOut: problem.OutcomeFailed, change.OutcomeFailed: problem.OutcomeFailed, "": problem.OutcomeFailed, // not made at all
	} {
		f := changeDesk(t)
		ctx := t.Context()
		c := f.scheduled(t)
		p, other := f.problem(t), f.problem(t)
		_, err := f.Problems.PlanFix(ctx, boss, p.ID, problem.PlannedFix{Changes: []itsm.Ref{c.Ref()}})
		require.NoError(t, err)
		_, err = f.Problems.PlanFix(ctx, boss, other.ID, problem.PlannedFix{Changes: []itsm.Ref{c.Ref()}})
		require.NoError(t, err)
		_, err = f.Problems.FixFailed(ctx, boss, other.ID, itsm.Command{Reason: "It cannot work"})
		require.NoError(t, err)
		_, err = f.Problems.FixVerified(ctx, boss, p.ID, problem.Verification{})
		require.ErrorIs(t, err, itsm.ErrTransition, "the change is not made yet")
		if outcome == "" {
			_, err = f.Changes.Cancel(ctx, mona, c.ID, itsm.Command{Reason: "Not needed"})
		} else {
			f.begin(t, c)
			_, err = f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: outcome})
		}
		require.NoError(t, err)
		p, err = f.Problems.Get(ctx, boss, p.ID)
		require.NoError(t, err)
		require.Equal(t, want, p.Fix.Changes[0].Outcome, outcome)
		require.Equal(t, f.now, p.Fix.Changes[0].EndedAt)
		_, err = f.Problems.FixVerified(ctx, boss, p.ID, problem.Verification{})
		if want == problem.OutcomeSuccessful {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, itsm.ErrTransition)
		}
		other, err = f.Problems.Get(ctx, boss, other.ID)
		require.NoError(t, err)
		require.Nil(t, other.Fix)
	}
}

// Who may not read a change finds neither its tasks nor its approvals.
func TestWhatHangsOnAChangeIsForThoseWhoMayReadIt(t *testing.T) {
	f := changeDesk(t)
	ctx := t.Context()
	c := f.scheduled(t)
	_, err := f.Tasks.AddTask(ctx, boss, c.Ref(), task.Addition{Item: task.Item{Title: "Back up"}})
	require.NoError(t, err)
	_, err = f.Changes.Restrict(ctx, mona, c.ID, itsm.Command{})
	require.NoError(t, err)
	tasks, err := f.Tasks.Of(ctx, ada, c.Ref(), task.Query{})
	require.NoError(t, err)
	require.Empty(t, tasks.Items)
	approvals, err := f.Approvals.Of(ctx, ada, c.Ref(), ballot.Query{})
	if err == nil {
		require.Empty(t, approvals.Items)
	}
	tasks, err = f.Tasks.Of(ctx, boss, c.Ref(), task.Query{})
	require.NoError(t, err)
	require.Len(t, tasks.Items, 1)
}

func TestC28ARelationIsEndedByTheNameOfEitherDirection(t *testing.T) {
	f := changeDesk(t)
	ctx := t.Context()
	model, err := f.Configuration.Model(ctx, boss)
	require.NoError(t, err)
	dependsOn, _, known := model.Read("depends_on")
	require.True(t, known)
	c := f.begin(t, f.scheduled(t, func(r *change.Draft) {
		r.CIs = []itsm.ID{"app", "old"}
		r.Proposals = []change.Proposal{{Kind: change.ProposalUnrelate, CI: "old", Relation: dependsOn.Inverse, Target: "app"}}
	}))
	_, err = f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.NoError(t, err)
	require.NoError(t, f.Engine.View(ctx, boss, func(ctx context.Context, r storage.Reader) error {
		page, err := cmdb.RelationTable.List(ctx, r, storage.Query[cmdb.RelationHead]{
			Where: storage.AllOf(cmdb.RelationBySource.Is("app"), cmdb.RelationByTarget.Is("old"), cmdb.RelationByCurrent.Is(true)), Limit: 1})
		require.Empty(t, page.Items)
		return err
	}))
}
