package servicedesk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/servicedesk"
)

// log logs an incident of Rosa's.
func (f *fixture) log(t *testing.T, change ...func(*incident.Report)) incident.Incident {
	t.Helper()
	r := incident.Report{Title: "Mail is late again", Requester: "rosa"}
	for _, fn := range change {
		fn(&r)
	}
	i, err := f.Incidents.Log(t.Context(), boss, r)
	require.NoError(t, err)
	return i
}

func (f *fixture) incident(t *testing.T, id itsm.ID) incident.Incident {
	t.Helper()
	i, err := f.Incidents.Get(t.Context(), boss, id)
	require.NoError(t, err)
	return i
}

// texts gives the notes on an incident that somebody may read.
func (f *fixture) texts(t *testing.T, as itsm.Actor, id itsm.ID) (texts []string) {
	t.Helper()
	page, err := f.Incidents.Notes(t.Context(), as, id, "", 100)
	require.NoError(t, err)
	for _, n := range page.Items {
		texts = append(texts, n.Text)
	}
	return texts
}

// problem registers a problem of incidents, and goes on with it to a known error.
func (f *fixture) problem(t *testing.T, of ...incident.Incident) problem.Problem {
	t.Helper()
	ctx := t.Context()
	r := problem.Registration{Title: "The relay is full", Symptom: "Mail arrives late", Source: problem.SourceIncident}
	for _, i := range of {
		r.From = append(r.From, i.Ref())
	}
	p, err := f.Problems.Register(ctx, boss, r)
	require.NoError(t, err)
	_, err = f.Problems.Accept(ctx, boss, p.ID, problem.Acceptance{Impact: 2, Urgency: 2})
	require.NoError(t, err)
	_, err = f.Problems.Analyse(ctx, boss, p.ID, itsm.Command{})
	require.NoError(t, err)
	p, err = f.Problems.IdentifyCause(ctx, boss, p.ID, problem.IdentifiedCause{Causes: []problem.Cause{{Text: "Full", Component: "relay"}}})
	require.NoError(t, err)
	return p
}

func (f *fixture) fixes(t *testing.T, p problem.Problem, notes string) problem.Problem {
	t.Helper()
	_, err := f.Problems.PlanFix(t.Context(), boss, p.ID, problem.PlannedFix{Action: "A bigger one"})
	require.NoError(t, err)
	p, err = f.Problems.FixVerified(t.Context(), boss, p.ID, problem.Verification{Notes: notes})
	require.NoError(t, err)
	return p
}

func (f *fixture) hold(t *testing.T, i incident.Incident, p problem.Problem) {
	t.Helper()
	ref := p.Ref()
	_, err := f.Incidents.Hold(t.Context(), boss, i.ID, incident.Hold{HoldReason: incident.HoldProblem, Link: &ref})
	require.NoError(t, err)
}

// P5: what was held for a problem is resolved when it is fixed, however much that is.
func TestP5IncidentsHeldForAProblemAreResolvedWhenItIsFixed(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	const many = 230
	p := f.problem(t)
	var held []itsm.ID
	for range many {
		i := f.log(t)
		f.hold(t, i, p)
		held = append(held, i.ID)
	}
	linked := f.log(t)
	_, err := f.Incidents.Link(t.Context(), boss, linked.ID, incident.Relation{Type: itsm.LinkCausedBy, To: p.Ref()})
	require.NoError(t, err)
	f.fixes(t, p, "Mail is on time again.")
	require.Equal(t, incident.StateOnHold, f.incident(t, held[0]).State, "not in the transaction of the problem")
	for range 4 {
		f.settled(t)
	}
	for _, id := range held {
		i := f.incident(t, id)
		require.Equal(t, incident.StateResolved, i.State)
		require.Equal(t, incident.Outcome{Code: incident.CodeByProblem, Notes: "Mail is on time again.", By: "system:problems"}, i.Resolution)
	}
	require.True(t, f.incident(t, linked.ID).Open, "it did not wait")
}

// P5, P7: what waits for a duplicate is resolved with the problem of which it is one.
func TestP5P7WhatWaitsForADuplicateIsResolvedWithTheOther(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	var chain []problem.Problem
	var held []itsm.ID
	for n := range 3 {
		p, err := f.Problems.Register(ctx, boss, problem.Registration{Title: fmt.Sprint("Problem ", n), Source: problem.SourceIncident})
		require.NoError(t, err)
		i := f.log(t)
		f.hold(t, i, p)
		chain, held = append(chain, p), append(held, i.ID)
		if n > 0 {
			_, err = f.Problems.MarkDuplicate(ctx, boss, chain[n-1].ID, problem.Duplication{Of: p.ID})
			require.NoError(t, err)
		}
	}
	f.settled(t)
	require.Equal(t, incident.StateOnHold, f.incident(t, held[0]).State, "it waits on")
	last := chain[2]
	_, err := f.Problems.Accept(ctx, boss, last.ID, problem.Acceptance{Impact: 1, Urgency: 1})
	require.NoError(t, err)
	_, err = f.Problems.Analyse(ctx, boss, last.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = f.Problems.IdentifyCause(ctx, boss, last.ID, problem.IdentifiedCause{Causes: []problem.Cause{{Text: "x", Component: "y"}}})
	require.NoError(t, err)
	_, err = f.Problems.RecordWorkaround(ctx, boss, last.ID, problem.RecordedWorkaround{Text: "Wait a while"})
	require.NoError(t, err)
	f.fixes(t, last, "")
	for range 3 {
		f.settled(t)
	}
	for _, id := range held {
		require.Equal(t, incident.StateResolved, f.incident(t, id).State)
	}
}

// What cannot be resolved yet, and what waited for a problem that ends otherwise, waits no longer.
func TestP5WhatCannotBeResolvedResumes(t *testing.T) {
	f := newDesk(t, servicedesk.Config{OpenTasks: task.BlockAll})
	ctx := t.Context()
	p := f.problem(t)
	i := f.log(t)
	f.hold(t, i, p)
	_, err := f.Tasks.AddTask(ctx, boss, i.Ref(), task.Addition{Item: task.Item{Title: "Call her"}})
	require.NoError(t, err)
	one, err := f.Tasks.AddTask(ctx, boss, p.Ref(), task.Addition{Item: task.Item{Title: "Order a relay", Assignee: "boss"}})
	require.NoError(t, err)
	_, err = f.Problems.PlanFix(ctx, boss, p.ID, problem.PlannedFix{Action: "A bigger one"})
	require.NoError(t, err)
	_, err = f.Problems.FixVerified(ctx, boss, p.ID, problem.Verification{})
	require.ErrorIs(t, err, itsm.ErrTransition, "its own tasks block by the same policy")
	_, err = f.Tasks.Complete(ctx, boss, one.ID, task.Ending{})
	require.NoError(t, err)
	_, err = f.Problems.FixVerified(ctx, boss, p.ID, problem.Verification{})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, incident.StateNew, f.incident(t, i.ID).State)

	other := f.problem(t)
	waits := f.log(t)
	f.hold(t, waits, other)
	_, err = f.Problems.AcceptRisk(ctx, boss, other.ID, problem.RiskAcceptance{Command: itsm.Command{Reason: "Cheap"}, Approver: "boss", ReviewAt: f.now.AddDate(1, 0, 0)})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, incident.StateNew, f.incident(t, waits.ID).State, "nobody will fix it")
}

// P5: what was fixed and ended otherwise before its incidents were looked at resolves none of them.
func TestP5IncidentsAreNotResolvedByAProblemThatWasNotFixedAfterAll(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	ends := map[string]func(id itsm.ID) error{
		"risk": func(id itsm.ID) error {
			_, err := f.Problems.AcceptRisk(ctx, boss, id, problem.RiskAcceptance{Command: itsm.Command{Reason: "Cheap"}, Approver: "boss", ReviewAt: f.now.AddDate(1, 0, 0)})
			return err
		},
		"cancelled": func(id itsm.ID) error {
			_, err := f.Problems.Cancel(ctx, boss, id, itsm.Command{Reason: "It is none"})
			return err
		},
	}
	for name, end := range ends {
		p := f.problem(t)
		i := f.log(t)
		f.hold(t, i, p)
		f.fixes(t, p, "")
		_, err := f.Problems.Reanalyse(ctx, boss, p.ID, itsm.Command{Reason: "It is back"})
		require.NoError(t, err)
		require.NoError(t, end(p.ID), name)
		f.settled(t)
		got := f.incident(t, i.ID)
		require.Equal(t, [2]any{incident.StateNew, incident.Outcome{}}, [2]any{got.State, got.Resolution}, name)
	}
}

// P5, P7: what waits for a duplicate that turned out to be none waits on.
func TestP5P7WhatWaitsForADuplicateThatWasSplitWaitsOn(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	duplicate, err := f.Problems.Register(ctx, boss, problem.Registration{Title: "Mail", Source: problem.SourceIncident})
	require.NoError(t, err)
	i := f.log(t)
	f.hold(t, i, duplicate)
	p := f.problem(t)
	_, err = f.Problems.MarkDuplicate(ctx, boss, duplicate.ID, problem.Duplication{Of: p.ID})
	require.NoError(t, err)
	f.settled(t)
	f.fixes(t, p, "")
	_, err = f.Problems.Reanalyse(ctx, boss, duplicate.ID, itsm.Command{Reason: "It is another"})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, incident.StateOnHold, f.incident(t, i.ID).State)
}

// P5: an incident does not wait for a problem that is at its end already.
func TestP5AnIncidentDoesNotWaitForAProblemThatHasEnded(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	fixed := f.fixes(t, f.problem(t), "Mail is on time again.")
	cancelled, open := f.problem(t), f.problem(t)
	_, err := f.Problems.Cancel(ctx, boss, cancelled.ID, itsm.Command{Reason: "It is none"})
	require.NoError(t, err)
	duplicateOf := func(of problem.Problem) problem.Problem {
		t.Helper()
		p, err := f.Problems.Register(ctx, boss, problem.Registration{Title: "The same", Source: problem.SourceIncident})
		require.NoError(t, err)
		p, err = f.Problems.MarkDuplicate(ctx, boss, p.ID, problem.Duplication{Of: of.ID})
		require.NoError(t, err)
		return p
	}
	later := f.problem(t)
	of := duplicateOf(later)
	f.fixes(t, later, "")
	f.settled(t)
	for name, c := range map[string]struct {
		problem problem.Problem
		want    incident.State
	}{
		"fixed": {fixed, incident.StateResolved}, "cancelled": {cancelled, incident.StateNew}, "open": {open, incident.StateOnHold},
		"duplicate of one that is fixed": {of, incident.StateResolved}, "duplicate of one that is open": {duplicateOf(open), incident.StateOnHold},
	} {
		held, turned := f.log(t), f.log(t)
		f.hold(t, held, c.problem)
		_, err := f.Incidents.Hold(ctx, boss, turned.ID, incident.Hold{HoldReason: incident.HoldCustomerScheduled})
		require.NoError(t, err)
		ref := c.problem.Ref()
		_, err = f.Incidents.ChangeHoldReason(ctx, boss, turned.ID, incident.Hold{HoldReason: incident.HoldProblem, Link: &ref})
		require.NoError(t, err)
		f.settled(t)
		require.Equal(t, [2]incident.State{c.want, c.want}, [2]incident.State{f.incident(t, held.ID).State, f.incident(t, turned.ID).State}, name)
	}
}

// P6: a problem whose fix is a change that has ended already knows how.
func TestP6AChangeThatEndedBeforeItWasMadeTheFixCounts(t *testing.T) {
	for outcome, want := range map[change.Outcome]problem.Outcome{
		change.OutcomeWithIssues: problem.OutcomeSuccessful, change.OutcomeBackedOut: problem.OutcomeFailed, "": problem.OutcomeFailed, // not made at all
	} {
		f := changeDesk(t)
		ctx := t.Context()
		c := f.scheduled(t)
		var err error
		if outcome == "" {
			_, err = f.Changes.Cancel(ctx, mona, c.ID, itsm.Command{Reason: "Not needed"})
		} else {
			f.begin(t, c)
			_, err = f.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: outcome})
		}
		require.NoError(t, err)
		p := f.problem(t)
		_, err = f.Problems.PlanFix(ctx, boss, p.ID, problem.PlannedFix{Changes: []itsm.Ref{c.Ref()}})
		require.NoError(t, err)
		p, err = f.Problems.Get(ctx, boss, p.ID)
		require.NoError(t, err)
		require.Equal(t, want, p.Fix.Changes[0].Outcome, outcome)
		_, err = f.Problems.FixVerified(ctx, boss, p.ID, problem.Verification{})
		require.Equal(t, want == problem.OutcomeSuccessful, err == nil)
	}
}

// The number of a restricted problem does not stand on an incident that others read.
func TestARestrictedProblemIsNotNamedOnTheIncidentsItResolves(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	p := f.problem(t)
	open, secret := f.log(t), f.log(t, func(r *incident.Report) { r.Restricted = true })
	f.hold(t, open, p)
	f.hold(t, secret, p)
	_, err := f.Problems.Restrict(ctx, boss, p.ID, problem.Restriction{})
	require.NoError(t, err)
	f.fixes(t, p, "")
	f.settled(t)
	reasons := func(id itsm.ID) (reasons []string) {
		t.Helper()
		entries, err := f.Incidents.Timeline(ctx, boss, id)
		require.NoError(t, err)
		for _, e := range entries {
			if e.Event != nil && e.Event.Type == (incident.Resolved{}).EventType() {
				reasons = append(reasons, e.Event.Reason)
			}
		}
		return reasons
	}
	require.Equal(t, []string{"The problem that it waited for is fixed"}, reasons(open.ID))
	require.Equal(t, []string{"Problem " + p.Number + " is fixed"}, reasons(secret.ID))
}

// P5: a workaround reaches the open incidents that are linked to its problem.
func TestP5AWorkaroundReachesLinkedOpenIncidents(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	open, held, closed, stranger := f.log(t), f.log(t), f.log(t), f.log(t)
	secret := f.log(t, func(r *incident.Report) { r.Restricted = true })
	p := f.problem(t, open, closed, secret)
	f.hold(t, held, p)
	_, err := f.Incidents.Resolve(ctx, boss, closed.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Sent again"})
	require.NoError(t, err)
	record := func(text string, tell problem.Telling) {
		t.Helper()
		_, err := f.Problems.RecordWorkaround(ctx, boss, p.ID, problem.RecordedWorkaround{Text: text, Tell: tell})
		require.NoError(t, err)
		for range 2 {
			f.settled(t)
		}
	}
	record("Send it again", "")
	offered := "Workaround of " + p.Number + ":\nSend it again"
	for _, i := range []incident.Incident{open, held, secret} {
		require.Equal(t, []string{offered}, f.texts(t, boss, i.ID))
	}
	require.Empty(t, f.texts(t, rosa, open.ID), "it is offered to those who work on it")
	require.Empty(t, f.texts(t, boss, stranger.ID))
	require.Empty(t, f.texts(t, boss, closed.ID))
	record("Use the other relay", problem.TellPush)
	require.Equal(t, []string{"Use the other relay"}, f.texts(t, rosa, open.ID))
	record("Nothing helps", problem.TellNobody)
	require.Len(t, f.texts(t, boss, open.ID), 2)

	// Of a restricted problem only restricted incidents are told.
	_, err = f.Problems.Restrict(ctx, boss, p.ID, problem.Restriction{})
	require.NoError(t, err)
	record("It is a breach", problem.TellPush)
	require.Len(t, f.texts(t, boss, open.ID), 2)
	require.Contains(t, f.texts(t, boss, secret.ID), "It is a breach")
	_, err = f.Problems.Get(ctx, ada, p.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	links, err := f.Incidents.Links(ctx, ada, open.ID)
	require.NoError(t, err)
	require.Empty(t, links, "who may not read the problem does not learn of it from the incident")

	// Of several versions written at once the last is told.
	again := f.problem(t, stranger)
	for _, text := range []string{"One", "Two", "Three"} {
		_, err = f.Problems.RecordWorkaround(ctx, boss, again.ID, problem.RecordedWorkaround{Text: text})
		require.NoError(t, err)
	}
	for range 2 {
		f.settled(t)
	}
	require.Equal(t, []string{"Workaround of " + again.Number + ":\nThree"}, f.texts(t, boss, stranger.ID))
}

// A resolved problem recurs by an incident that was reported since.
func TestAResolvedProblemRecursByANewIncident(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	before := f.log(t)
	p := f.fixes(t, f.problem(t), "")
	f.now = f.now.Add(time.Hour)
	after, later := f.log(t), f.log(t)
	for _, i := range []incident.Incident{before, after} {
		_, err := f.Incidents.Link(ctx, boss, i.ID, incident.Relation{Type: itsm.LinkCausedBy, To: p.Ref()})
		require.NoError(t, err)
	}
	p, err := f.Problems.Get(ctx, boss, p.ID)
	require.NoError(t, err)
	require.Equal(t, [2]any{1, f.now}, [2]any{p.Recurrences, p.ObserveFrom})
	_, err = f.Problems.Link(ctx, boss, p.ID, problem.Relation{Type: itsm.LinkCauses, To: later.Ref()})
	require.NoError(t, err)
	p, err = f.Problems.Get(ctx, boss, p.ID)
	require.NoError(t, err)
	require.Equal(t, 2, p.Recurrences)
}

// P10: incidents that are logged again and again propose a problem, which is linked to them.
func TestP10IncidentsThatRecurProposeAProblem(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Problem: problem.Options{Detection: []problem.DetectionRule{
		{Name: "thrice", By: []problem.Dimension{problem.DimensionCategory, problem.DimensionText}, Count: 3, Within: 24 * time.Hour}}}})
	ctx := t.Context()
	mail := func(n int) func(*incident.Report) {
		return func(r *incident.Report) { r.Title, r.Category = fmt.Sprintf("Relay %d drops mail", n), "mail" }
	}
	proposed := func() []problem.ProposalHead {
		t.Helper()
		f.settled(t)
		page, err := f.Problems.Proposals(ctx, ada, problem.ProposalQuery{})
		require.NoError(t, err)
		return page.Items
	}
	var logged []incident.Incident
	for n := range 2 {
		logged = append(logged, f.log(t, mail(n)))
	}
	f.log(t, mail(2), func(r *incident.Report) { r.Restricted = true })
	void := f.log(t, mail(3))
	_, err := f.Incidents.Cancel(ctx, boss, void.ID, incident.Cancellation{Command: itsm.Command{Reason: "A test"}})
	require.NoError(t, err)
	require.Empty(t, proposed(), "restricted and cancelled incidents are no occurrences")
	other := f.log(t, func(r *incident.Report) { r.Title = "Relay drops mail" })
	require.Empty(t, proposed())
	category := "mail"
	_, err = f.Incidents.Classify(ctx, boss, other.ID, incident.Classification{Category: &category})
	require.NoError(t, err)
	open := proposed()
	require.Len(t, open, 1, "it is of the category now")
	p, err := f.Problems.AcceptProposal(ctx, boss, open[0].ID, problem.ProposalAcceptance{})
	require.NoError(t, err)
	for _, i := range append(logged, other) {
		links, err := f.Incidents.Links(ctx, boss, i.ID)
		require.NoError(t, err)
		require.Equal(t, []itsm.Link{{Type: itsm.LinkCausedBy, From: i.Ref(), To: p.Ref()}}, links)
	}
	require.Empty(t, proposed())
}

// Known errors are suggested for an incident, of what its reader may read.
func TestKnownErrorsAreSuggestedForAnIncident(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	draft := func(title string, a problem.Audience) problem.KnownError {
		t.Helper()
		k, err := f.Problems.DraftKnownError(ctx, boss, problem.KnownErrorDraft{Title: title, Symptom: title, Workaround: "Send it again", Audience: a})
		require.NoError(t, err)
		k, err = f.Problems.PublishKnownError(ctx, boss, k.ID, itsm.Command{})
		require.NoError(t, err)
		return k
	}
	staff, everyone := draft("Relay drops large mail", problem.AudienceStaff), draft("Large mail is late", problem.AudienceEveryone)
	i := f.log(t, func(r *incident.Report) { r.Title = "My large mail was dropped by a relay" })
	ids := func(as itsm.Actor) (ids []itsm.ID) {
		t.Helper()
		all, err := f.SuggestKnownErrors(ctx, as, i.ID, 0)
		require.NoError(t, err)
		for _, s := range all {
			ids = append(ids, s.ID)
		}
		return ids
	}
	require.Equal(t, []itsm.ID{staff.ID, everyone.ID}, ids(ada))
	require.Equal(t, []itsm.ID{everyone.ID}, ids(rosa))
	_, err := f.SuggestKnownErrors(ctx, itsm.Actor{Tenant: "acme", ID: "rob", Roles: rosa.Roles}, i.ID, 0)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = f.Incidents.Link(ctx, ada, i.ID, incident.Relation{Type: itsm.LinkDocumentedBy, To: everyone.Ref()})
	require.NoError(t, err)
	links, err := f.Incidents.Links(ctx, rosa, i.ID)
	require.NoError(t, err)
	require.Len(t, links, 1, "she may read that known error")
}
