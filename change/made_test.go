package change_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func TestC28ProposedChangesAreMadeAllOrNoneWhenItIsSuccessful(t *testing.T) {
	var applied []change.Proposal
	var fail error
	d := openDesk(t, change.Options{Apply: func(_ context.Context, u *engine.Unit, c change.Change) error {
		require.Equal(t, change.StateImplementing, c.State, "its items are still unlocked")
		applied = append(applied, c.Proposals...)
		return fail
	}})
	ctx := t.Context()
	proposals := []change.Proposal{
		{Kind: change.ProposalSet, CI: "relay", Attribute: "version", Value: json.RawMessage(`{ "text": "2" }`)},
		{Kind: change.ProposalRelate, CI: "relay", Relation: "depends_on", Target: "router"},
		{Kind: change.ProposalRetire, CI: "old"},
	}
	make := func() change.Change {
		c := d.draft(func(r *change.Draft) {
			r.RiskAnswers, r.Proposals, r.CIs = lowRisk, proposals, []itsm.ID{"relay", "old"}
		})
		d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
		d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
		d.now = c.PlannedStart
		return d.must(d.Start(ctx, ian, c.ID, itsm.Command{}))
	}
	c := make()
	require.JSONEq(t, `{"text":"2"}`, string(c.Proposals[0].Value))
	fail = errors.New("no such attribute")
	_, err := d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.ErrorIs(t, err, fail)
	require.Equal(t, change.StateImplementing, d.get(c.ID).State, "what cannot be made leaves it being implemented")
	fail, applied = nil, nil
	c = d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	require.True(t, c.Applied)
	require.Equal(t, c.Proposals, applied)

	for outcome, made := range map[change.Outcome]bool{change.OutcomeFailed: false, change.OutcomeBackedOut: false, change.OutcomeWithIssues: false} {
		applied = nil
		c = d.must(d.Complete(ctx, ian, make().ID, change.Completion{Outcome: outcome}))
		require.Equal(t, made, c.Applied)
		require.Empty(t, applied)
	}
	c = d.must(d.Complete(ctx, ian, make().ID, change.Completion{Outcome: change.OutcomeWithIssues, Applied: true}))
	require.True(t, c.Applied)
	_, err = d.Complete(ctx, ian, make().ID, change.Completion{Outcome: change.OutcomeFailed, Applied: true})
	require.Equal(t, []string{"applied"}, faults(t, err))
}

func TestC27ItUnlocksItsItemsOnlyWhileItIsImplemented(t *testing.T) {
	for _, s := range change.StandardLifecycle(change.TypeNormal).States() {
		d := openDesk(t, change.Options{})
		c := d.in(change.TypeNormal, s.Name)
		require.NoError(t, d.e.View(t.Context(), root, func(ctx context.Context, r reader) error {
			reason, err := d.Unlocks(ctx, r, c.ID, "relay")
			require.NoError(t, err)
			require.Equal(t, s.Name == change.StateImplementing, reason == "", "in %s: %s", s.Name, reason)
			reason, err = d.Unlocks(ctx, r, c.ID, "router")
			require.NoError(t, err)
			require.NotEmpty(t, reason)
			return nil
		}))
	}
}

func TestC23TheOutcomeSaysWhetherAReviewIsNeeded(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	for outcome, needed := range map[change.Outcome]bool{
		change.OutcomeSuccessful: false, change.OutcomeWithIssues: true, change.OutcomeBackedOut: true, change.OutcomeFailed: true,
	} {
		c := d.in(change.TypeNormal, change.StateImplementing)
		_, err := d.Complete(ctx, ian, c.ID, change.Completion{Outcome: "well", End: d.now.Add(time.Hour)})
		require.Equal(t, []string{"outcome", "end"}, faults(t, err))
		_, err = d.Complete(ctx, ian, c.ID, change.Completion{})
		require.Equal(t, []string{"outcome"}, faults(t, err))
		c = d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: outcome, Notes: "See the log"}))
		require.Equal(t, d.now, c.ActualEnd)
		require.Equal(t, d.now.UnixMicro(), c.ImplementedAt)
		_, err = d.Close(ctx, mona, c.ID, change.Closing{})
		if needed {
			require.Equal(t, []string{"review"}, faults(t, err))
			c = d.must(d.Close(ctx, mona, c.ID, change.Closing{Review: "The plan was thin"}))
		}
		c = d.get(c.ID)
		require.Equal(t, change.StateClosed, c.State)
		require.Equal(t, outcome == change.OutcomeSuccessful, c.Success)
	}
}

func TestC25AnIncidentThatItCausedDemandsAReviewAndCounts(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	system := itsm.SystemActor("acme", "desk")
	c := d.in(change.TypeNormal, change.StateReview)
	require.True(t, c.Success)
	_, err := d.RecordCaused(ctx, mona, c.ID, change.Caused{Incident: "i1", Priority: 1})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.RecordCaused(ctx, system, c.ID, change.Caused{Incident: "", Priority: 9})
	require.Equal(t, []string{"incident", "priority"}, faults(t, err))
	told := change.Caused{Incident: "i1", Priority: 1, Detected: d.now}
	c = d.must(d.RecordCaused(ctx, system, c.ID, told))
	require.False(t, c.Success)
	require.EqualValues(t, 3-10, c.Score)
	again := d.must(d.RecordCaused(ctx, system, c.ID, told))
	require.Equal(t, c.Version, again.Version, "what is known is not told again")
	told.Priority = 3
	c = d.must(d.RecordCaused(ctx, system, c.ID, told))
	require.EqualValues(t, 1, c.CausedIncidents)
	require.EqualValues(t, 0, c.CausedMajor)
	_, err = d.Close(ctx, mona, c.ID, change.Closing{})
	require.Equal(t, []string{"review"}, faults(t, err))
	refs, err := d.CausedIncidents(ctx, mona, c.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.Ref{{Kind: "incident", ID: "i1"}}, refs)
	told.Withdrawn = true
	c = d.must(d.RecordCaused(ctx, system, c.ID, told))
	require.True(t, c.Success)
	d.must(d.Close(ctx, mona, c.ID, change.Closing{}))
}

func TestC26WhatWasMadeIsRecordedAfterwards(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	_, err := d.RecordRetrospectively(ctx, mona, change.Retrospective{Title: "x", Done: change.Window{Start: d.now, End: d.now.Add(time.Hour)}})
	require.Equal(t, []string{"description", "done"}, faults(t, err))
	c := d.in(change.TypeRetrospective, change.StateAuthorising)
	require.False(t, c.Unauthorised, "what was agreed to by telephone is not unauthorised")
	require.True(t, c.Implemented)

	// Where the gates reject what was made, it was unauthorised, with a follow-up of its own.
	require.NoError(t, d.vote(otto, c.ID, "reject", "Nobody asked us"))
	c = d.get(c.ID)
	require.Equal(t, change.StateRejected, c.State)
	require.True(t, c.Unauthorised)
	require.True(t, c.FollowUpOpen)
	page, err := d.List(ctx, mona, change.Query{Where: change.ByFollowUpOpen.Is(true)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	_, err = d.AnswerUnauthorised(ctx, mona, c.ID, change.Answer{})
	require.Equal(t, []string{"text"}, faults(t, err))
	c = d.must(d.AnswerUnauthorised(ctx, mona, c.ID, change.Answer{Text: "Talked to the supplier"}))
	require.False(t, c.FollowUpOpen)
	require.True(t, c.Unauthorised, "the flag stays")
	_, err = d.AnswerUnauthorised(ctx, mona, c.ID, change.Answer{Text: "Again"})
	require.ErrorIs(t, err, itsm.ErrTransition)

	// What was found to have gone beyond what was authorised is flagged; what was not begun cannot be.
	_, err = d.FlagUnauthorised(ctx, mona, d.draft().ID, because)
	require.ErrorIs(t, err, itsm.ErrTransition)
	c = d.in(change.TypeNormal, change.StateReview)
	c = d.must(d.FlagUnauthorised(ctx, mona, c.ID, because))
	require.True(t, c.FollowUpOpen)
	require.Equal(t, change.TypeNormal, c.Type)
}

func TestC26DriftThatNoChangeExplainsIsAnUnauthorisedChange(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	report := change.DriftReport{Drift: change.Drift{
		CI: "relay", Name: "Relay 1", Source: "scanner", Observed: d.now, Since: d.now.Add(-time.Hour),
		Attributes: []change.DriftedAttribute{{Name: "version", Expected: json.RawMessage(`"1"`), Found: json.RawMessage(`"2"`)}},
	}}
	_, _, err := d.RecordDrift(ctx, mona, change.DriftReport{})
	require.Equal(t, []string{"drift.ci", "drift.observed", "drift.attributes"}, faults(t, err))
	_, _, err = d.RecordDrift(ctx, sam, report)
	require.ErrorIs(t, err, itsm.ErrForbidden)

	// Given a change of the item that is being implemented, then the drift is explained.
	implementing := d.in(change.TypeNormal, change.StateImplementing)
	c, recorded, err := d.RecordDrift(ctx, mona, report)
	require.NoError(t, err)
	require.False(t, recorded)
	require.Equal(t, implementing.ID, c.ID)

	// Without one it is recorded, once.
	d.must(d.Complete(ctx, ian, implementing.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	c, recorded, err = d.RecordDrift(ctx, mona, report)
	require.NoError(t, err)
	require.True(t, recorded)
	require.True(t, c.Unauthorised)
	require.Equal(t, change.TypeRetrospective, c.Type)
	require.Equal(t, "Unauthorised change of Relay 1", c.Title)
	require.Equal(t, "Relay 1 was found to be other than it should be by scanner.\nversion: \"2\", expected \"1\"", c.Description)
	require.Equal(t, []itsm.ID{"relay"}, c.CIs)
	again, recorded, err := d.RecordDrift(ctx, mona, report)
	require.NoError(t, err)
	require.False(t, recorded)
	require.Equal(t, c.ID, again.ID)

	// Who may not read the change that explains it learns that there is one, and no more.
	d.must(d.Restrict(ctx, mona, c.ID, itsm.Command{}))
	clerk := itsm.Actor{Tenant: "acme", ID: "carl", Roles: []itsm.RoleName{itsm.RoleConfigurationManager}}
	hidden, recorded, err := d.RecordDrift(ctx, clerk, report)
	require.NoError(t, err)
	require.False(t, recorded)
	require.Equal(t, change.Change{Head: change.Head{Meta: storage.Meta{Tenant: "acme", ID: c.ID}}}, hidden)
}

func TestC26WhatWasRecordedByMistakeCountsAsNotMade(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.in(change.TypeRetrospective, change.StateAuthorising)
	c = d.must(d.Cancel(ctx, root, c.ID, because))
	require.False(t, c.Implemented)
	m, err := d.Measures(ctx, mona, change.Period{From: d.now.Add(-24 * time.Hour), To: d.now.Add(time.Hour)})
	require.NoError(t, err)
	require.Zero(t, m.Implemented)
}

func TestC26TheAccusedDoNotCancelWhatTheyMade(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	for _, unauthorised := range []bool{false, true} {
		// Given what Mona recorded, Sam had made, and another manager made
		ines := itsm.Actor{Tenant: "acme", ID: "ines", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
		c := d.must(d.RecordRetrospectively(ctx, mona, change.Retrospective{
			Title: "Restarted the relay", Description: "At night", Requester: "sam", Assignee: "ines", Unauthorised: unauthorised,
			Done: change.Window{Start: d.now.Add(-2 * time.Hour), End: d.now.Add(-time.Hour)},
		}))
		// then none of them cancels it, nor does who may not record such changes
		for _, by := range []itsm.Actor{mona, sam, ines, ian} {
			_, err := d.Cancel(ctx, by, c.ID, because)
			require.ErrorIs(t, err, itsm.ErrForbidden, "%s", by.ID)
		}
		// Who has no part in it does, and what was unauthorised stays so.
		other := mona
		other.ID = "mara"
		got := d.must(d.Cancel(ctx, other, c.ID, because))
		require.Equal(t, change.StateCancelled, got.State)
		require.Equal(t, unauthorised, got.Unauthorised)
		require.Equal(t, unauthorised, got.FollowUpOpen)
		require.Equal(t, unauthorised, got.Implemented)
		require.Equal(t, c.Unauthorisation, got.Unauthorisation)
		if unauthorised {
			d.must(d.AnswerUnauthorised(ctx, mona, c.ID, change.Answer{Text: "It was the nightly job"}))
		}
	}
}

func TestC29APipelineMakesItsOwnChangeOfATemplate(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	d.template("deploy orders", func(t *change.Template) { t.Deployment, t.Service = true, "orders" })
	pipeline := itsm.Actor{Tenant: "acme", ID: "pipeline", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist, itsm.RoleChangeImplementer}}
	c := d.must(d.Draft(ctx, pipeline, change.Draft{
		Command: itsm.Command{Key: "build-42"}, Template: "deploy orders", Assignee: "pipeline", ReadyAt: d.now.Add(-time.Hour), Planned: d.window(0),
	}))
	require.True(t, c.Deployment)
	d.must(d.Submit(ctx, pipeline, c.ID, itsm.Command{}))
	verdict := func() change.Verdict {
		p, err := d.MayDeploy(ctx, pipeline, change.Pipeline{Service: "orders"})
		require.NoError(t, err)
		return p.Verdict
	}
	require.Equal(t, change.VerdictWait, verdict())
	d.must(d.Start(ctx, pipeline, c.ID, itsm.Command{}))
	require.Equal(t, change.VerdictGo, verdict())
	c = d.must(d.Complete(ctx, pipeline, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	require.Equal(t, change.VerdictNo, verdict())
	require.True(t, c.Success)
}

func TestC29APipelineIsToldGoWaitOrNo(t *testing.T) {
	wanted := map[change.State]change.Verdict{
		change.StateDraft: change.VerdictWait, change.StateAssessing: change.VerdictWait, change.StateAuthorising: change.VerdictWait,
		change.StateScheduled: change.VerdictWait, change.StateImplementing: change.VerdictGo, change.StateReview: change.VerdictNo,
		change.StateClosed: change.VerdictNo, change.StateRejected: change.VerdictNo, change.StateCancelled: change.VerdictNo,
	}
	for _, s := range change.StandardLifecycle(change.TypeNormal).States() {
		d := openDesk(t, change.Options{})
		ctx := t.Context()
		c := d.in(change.TypeNormal, s.Name)
		p, err := d.MayDeploy(ctx, sam, change.Pipeline{Change: c.ID})
		require.NoError(t, err)
		require.Equal(t, wanted[s.Name], p.Verdict, "in %s", s.Name)
		require.NotEmpty(t, p.Reasons)
		require.Equal(t, c.Number, p.Number)
		byCI, err := d.MayDeploy(ctx, sam, change.Pipeline{CI: "relay"})
		require.NoError(t, err)
		require.Equal(t, wanted[s.Name], byCI.Verdict)
	}
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	_, err := d.MayDeploy(ctx, sam, change.Pipeline{})
	require.Equal(t, []string{"change"}, faults(t, err))
	p, err := d.MayDeploy(ctx, sam, change.Pipeline{Service: "mail"})
	require.NoError(t, err)
	require.Equal(t, change.Passage{Verdict: change.VerdictNo, Reasons: []string{"there is no open change of it"}}, p)

	// Of several the best answer counts, and a held one is not gone on with.
	c := d.in(change.TypeNormal, change.StateImplementing)
	d.draft()
	p, err = d.MayDeploy(ctx, sam, change.Pipeline{CI: "relay"})
	require.NoError(t, err)
	require.Equal(t, change.VerdictGo, p.Verdict)
	d.must(d.Hold(ctx, mona, c.ID, itsm.Command{Reason: "Look first"}))
	p, err = d.MayDeploy(ctx, sam, change.Pipeline{Change: c.ID})
	require.NoError(t, err)
	require.Equal(t, change.VerdictWait, p.Verdict)
	require.Equal(t, []string{"the change is held: Look first"}, p.Reasons)
	scheduled := d.in(change.TypeNormal, change.StateScheduled)
	d.now = scheduled.PlannedStart
	p, err = d.MayDeploy(ctx, sam, change.Pipeline{Change: scheduled.ID})
	require.NoError(t, err)
	require.Equal(t, []string{"it may start now: start it"}, p.Reasons)
}

func TestC12TheBoardHasAnAgendaAndMinutes(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	d.in(change.TypeNormal, change.StateAuthorising) // of medium risk: not for the board
	later := d.draft(func(r *change.Draft) { r.RiskAnswers, r.Planned = highRisk, d.window(72*time.Hour) })
	sooner := d.draft(func(r *change.Draft) { r.RiskAnswers = highRisk })
	for _, c := range []change.Change{later, sooner} {
		d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
		d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	}
	d.approve(sooner.ID, aude)
	agenda, err := d.Agenda(ctx, mona, change.AgendaQuery{})
	require.NoError(t, err)
	require.Len(t, agenda.Items, 2)
	require.Equal(t, sooner.ID, agenda.Items[0].ID)
	require.Equal(t, 1, agenda.Items[0].Votes)
	require.Equal(t, []itsm.ID{"otto", "olga"}, agenda.Items[0].Missing)
	require.Equal(t, later.ID, agenda.Items[1].ID)
	_, err = d.Agenda(ctx, rita, change.AgendaQuery{})
	require.ErrorIs(t, err, itsm.ErrForbidden)

	_, err = d.Minute(ctx, sam, sooner.ID, change.Minutes{Text: "Agreed"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Minute(ctx, mona, sooner.ID, change.Minutes{Decision: "perhaps", Meeting: d.now.Add(time.Hour)})
	require.Equal(t, []string{"text", "decision", "meeting"}, faults(t, err))
	c := d.must(d.Minute(ctx, mona, sooner.ID, change.Minutes{Text: "Agreed, if it is tested", Decision: change.DecisionApprove, Present: []itsm.ID{"otto", "aude"}}))
	require.Equal(t, []change.Minute{{Meeting: d.now, Present: []itsm.ID{"aude", "otto"}, Decision: change.DecisionApprove, Text: "Agreed, if it is tested",
		Round: 1, By: "mona", At: d.now}}, c.Minutes)
	require.Equal(t, change.StateAuthorising, c.State, "minutes decide nothing")
	d.approve(sooner.ID, olga)
	agenda, err = d.Agenda(ctx, mona, change.AgendaQuery{})
	require.NoError(t, err)
	require.Len(t, agenda.Items, 1)
}

func TestC24C31MeasuresAreThoseOfTheirFormulas(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	system := itsm.SystemActor("acme", "desk")
	from := d.now
	make := func(outcome change.Outcome, deployment bool, ready time.Duration) change.Change {
		c := d.draft(func(r *change.Draft) {
			r.RiskAnswers, r.Deployment, r.ReadyAt = lowRisk, deployment, d.now.Add(24*time.Hour-ready)
		})
		d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
		d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
		d.now = c.PlannedStart
		d.must(d.Start(ctx, ian, c.ID, itsm.Command{}))
		return d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: outcome}))
	}
	make(change.OutcomeSuccessful, false, 0)
	caused := make(change.OutcomeSuccessful, true, time.Hour)
	make(change.OutcomeWithIssues, true, 3*time.Hour)
	make(change.OutcomeFailed, true, 50*time.Hour)
	make(change.OutcomeBackedOut, false, 0)
	detected := d.now
	d.must(d.RecordCaused(ctx, system, caused.ID, change.Caused{Incident: "i1", Priority: 1, Detected: detected, Restored: detected.Add(30 * time.Minute)}))
	d.must(d.RecordCaused(ctx, system, caused.ID, change.Caused{Incident: "i2", Priority: 3, Detected: detected, Restored: detected.Add(10 * time.Minute)}))
	// What is not known is not a zero.
	make(change.OutcomeSuccessful, true, -5*time.Hour)
	d.must(d.RecordCaused(ctx, system, caused.ID, change.Caused{Incident: "i3", Priority: 5, Restored: detected.Add(time.Minute)}))
	d.must(d.RecordCaused(ctx, system, caused.ID, change.Caused{Incident: "i4", Priority: 5, Detected: detected.Add(time.Hour), Restored: detected.Add(time.Minute)}))
	d.must(d.RecordCaused(ctx, system, caused.ID, change.Caused{Incident: "i5", Priority: 5, Detected: detected}))
	epoch, err := d.Measures(ctx, mona, change.Period{From: time.Unix(0, 0), To: time.Unix(1, 0)})
	require.NoError(t, err)
	require.Zero(t, epoch.Deployments.Restored, "what is not restored was not restored then")
	d.in(change.TypeNormal, change.StateImplementing) // not implemented yet

	m, err := d.Measures(ctx, mona, change.Period{From: from, To: d.now.Add(time.Hour)})
	require.NoError(t, err)
	require.EqualValues(t, 6, m.Implemented)
	require.Equal(t, map[change.Outcome]int64{"successful": 3, "with_issues": 1, "failed": 1, "backed_out": 1}, m.Outcomes)
	require.Equal(t, change.Share{Of: 6, Part: 2}, m.Success)
	require.Equal(t, change.Share{Of: 6, Part: 3}, m.Failure)
	require.EqualValues(t, 5, m.IncidentsCaused)
	require.EqualValues(t, 1, m.MajorCaused)
	require.EqualValues(t, 3+(3-10-2)-2-5-5+3, m.Score)
	require.Equal(t, change.Deployments{
		All: 4, Stayed: 3, LeadTime: 2 * time.Hour, Failed: change.Share{Of: 4, Part: 3}, Restored: 2, TimeToRestore: 20 * time.Minute,
	}, m.Deployments)
	permille, any := m.Success.Permille()
	require.True(t, any)
	require.EqualValues(t, 333, permille)

	none, err := d.Measures(ctx, mona, change.Period{From: from.Add(-time.Hour), To: from, Service: "mail"})
	require.NoError(t, err)
	require.Zero(t, none.Implemented)
	_, any = none.Success.Permille()
	require.False(t, any)
	_, err = d.Measures(ctx, rita, change.Period{From: from, To: d.now})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Measures(ctx, mona, change.Period{From: from, To: from})
	require.Equal(t, []string{"to"}, faults(t, err))
}

func TestC13TheRiskIsExplainedAndLearnsFromWhatWas(t *testing.T) {
	var asked []change.Change
	d := openDesk(t, change.Options{RiskFacts: func(_ context.Context, _ reader, c change.Change) (risk.Facts, error) {
		asked = append(asked, c)
		return risk.Facts{Numbers: map[string]int64{risk.FactorServices: 12}}, nil
	}})
	ctx := t.Context()
	d.template("relay swap")
	d.fails("relay swap", change.OutcomeSuccessful)
	for range 4 {
		d.fails("relay swap", change.OutcomeWithIssues)
	}
	c := d.must(d.Draft(ctx, sam, change.Draft{Template: "relay swap", CIs: []itsm.ID{"relay", "router"}, Planned: d.window(time.Hour), Assignee: "ian"}))
	require.Zero(t, c.Risk)
	c = d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	require.Contains(t, c.RiskAssessment.Contributions, risk.Contribution{Factor: "services", Value: "12", Points: 4})
	require.Contains(t, c.RiskAssessment.Contributions, risk.Contribution{Factor: "items", Value: "2", Points: 1})
	require.Contains(t, c.RiskAssessment.Contributions, risk.Contribution{Factor: "history", Value: "1 of 5 successful", Points: 4})
	require.NotEmpty(t, asked)

	_, err := d.OverrideRisk(ctx, mona, c.ID, change.RiskSetting{Level: 7})
	require.Equal(t, []string{"level", "reason"}, faults(t, err))
	_, err = d.OverrideRisk(ctx, sam, c.ID, change.RiskSetting{Command: because, Level: risk.LevelLow})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	c = d.must(d.OverrideRisk(ctx, mona, c.ID, change.RiskSetting{Command: because, Level: risk.LevelLow}))
	require.Equal(t, risk.LevelLow, c.Risk)
	require.Equal(t, "As agreed", c.RiskOverride.Reason)
	c = d.must(d.ClearRiskOverride(ctx, mona, c.ID, because))
	require.Equal(t, c.RiskAssessment.Level, c.Risk)
	_, err = d.Edit(ctx, sam, c.ID, change.Edit{RiskAnswers: map[string]string{"weather": "fine", risk.FactorTested: "maybe"}})
	require.Equal(t, []string{"risk_answers.tested", "risk_answers"}, faults(t, err))
}

func TestC13TheRiskFollowsAChangeThatIsRescheduled(t *testing.T) {
	services := int64(1)
	d := openDesk(t, change.Options{RiskFacts: func(context.Context, reader, change.Change) (risk.Facts, error) {
		return risk.Facts{Numbers: map[string]int64{risk.FactorServices: services}}, nil
	}})
	ctx := t.Context()
	c := d.draft(func(r *change.Draft) { r.Within = change.Window{Start: d.now, End: d.now.Add(96 * time.Hour)} })
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	d.approve(c.ID, aude)
	of := func(c change.Change) string {
		for _, of := range c.RiskAssessment.Contributions {
			if of.Factor == risk.FactorServices {
				return of.Value
			}
		}
		return ""
	}
	require.Equal(t, "1", of(d.get(c.ID)))
	services = 2
	c = d.must(d.Reschedule(ctx, mona, c.ID, change.Rescheduling{Planned: d.window(48 * time.Hour)}))
	require.Equal(t, "2", of(c))
	services = 500
	_, err := d.Reschedule(ctx, mona, c.ID, change.Rescheduling{Planned: d.window(50 * time.Hour)})
	require.Error(t, err)
	require.Equal(t, "2", of(d.get(c.ID)))
}
