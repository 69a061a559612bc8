package change_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

func TestC2AStandardChangeIsOfAnApprovedVersionOfItsTemplate(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	_, err := d.Draft(ctx, sam, change.Draft{Title: "x", Model: change.ModelStandard})
	require.Equal(t, []string{"template"}, faults(t, err))
	_, err = d.DraftTemplate(ctx, sam, change.TemplateDraft{Family: "relay swap"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.DraftTemplate(ctx, mona, change.TemplateDraft{Family: "relay swap", Set: change.Template{Model: change.ModelNormal}})
	require.Equal(t, []string{"set.model", "set.title", "set.plans.rollout", "set.plans.test", "set.plans.backout"}, faults(t, err))

	// Given a draft of a template
	set := change.Template{
		Title: "Swap a relay", Plans: change.Plans{Rollout: "Swap it", Backout: "Swap it back"}, Service: "mail", RiskAnswers: lowRisk,
		Tasks: &task.Plan{Tasks: []task.Item{{Name: "swap", Title: "Swap it"}}},
	}
	v, err := d.DraftTemplate(ctx, mona, change.TemplateDraft{Family: "relay swap", Set: set})
	require.NoError(t, err)
	_, err = d.Draft(ctx, sam, change.Draft{Template: "relay swap"})
	require.Contains(t, faults(t, err), "template", "nobody uses a draft")
	// who drafted it does not approve it
	_, err = d.ApproveTemplate(ctx, mona, v.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.ApproveTemplate(ctx, sam, v.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.ApproveTemplate(ctx, aude, v.ID, itsm.Command{})
	require.NoError(t, err)

	// When a change is drafted from it, then it has what the template has, and its tasks
	c := d.must(d.Draft(ctx, sam, change.Draft{Template: "relay swap", CIs: []itsm.ID{"relay"}, Planned: d.window(time.Hour), Assignee: "ian"}))
	require.Equal(t, "Swap a relay", c.Title)
	require.Equal(t, set.Plans, c.Plans)
	require.EqualValues(t, "mail", c.Service)
	require.Equal(t, change.TemplateVersion{ID: v.ID, Number: 1}, c.TemplateVersion)
	graph, err := d.tasks.Graph(ctx, mona, c.Ref())
	require.NoError(t, err)
	require.Len(t, graph.Tasks, 1)

	// A draft of a version that another has replaced is drafted anew; what was submitted goes on.
	next := set
	next.Plans.Rollout = "Swap it with two hands"
	submitted := d.must(d.Draft(ctx, sam, change.Draft{Template: "relay swap", CIs: []itsm.ID{"relay"}, Planned: d.window(time.Hour), Assignee: "ian"}))
	submitted = d.must(d.Submit(ctx, sam, submitted.ID, itsm.Command{}))
	require.Equal(t, change.StateScheduled, submitted.State)
	two, err := d.DraftTemplate(ctx, mona, change.TemplateDraft{Family: "relay swap", Set: next})
	require.NoError(t, err)
	_, err = d.ApproveTemplate(ctx, aude, two.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.Submit(ctx, sam, c.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.ErrorContains(t, err, "another version now, 2")
	d.now = submitted.PlannedStart
	require.Equal(t, change.StateImplementing, d.must(d.Start(ctx, ian, submitted.ID, itsm.Command{})).State)
}

// fails has a change of the template fail.
func (d *changeDesk) fails(name string, how change.Outcome) change.Change {
	d.t.Helper()
	ctx := d.t.Context()
	c := d.must(d.Draft(ctx, sam, change.Draft{Template: name, CIs: []itsm.ID{"relay"}, Planned: d.window(time.Hour), Assignee: "ian"}))
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.now = c.PlannedStart
	d.must(d.Start(ctx, ian, c.ID, itsm.Command{}))
	d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: how}))
	return d.must(d.Close(ctx, mona, c.ID, change.Closing{Review: "It broke"}))
}

func TestC2ATemplateThatFailsIsSuspendedAndReinstatedByRole(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	d.template("relay swap")
	state := func() change.TemplateState {
		_, s, err := d.ActiveTemplate(ctx, mona, "relay swap")
		require.NoError(t, err)
		return s
	}
	// Given two failures, one of them longer ago than 90 days, and a success
	d.fails("relay swap", change.OutcomeFailed)
	d.now = d.now.Add(91 * 24 * time.Hour)
	d.fails("relay swap", change.OutcomeBackedOut)
	d.fails("relay swap", change.OutcomeSuccessful)
	d.fails("relay swap", change.OutcomeFailed)
	require.False(t, state().Suspended)
	waiting := d.must(d.Draft(ctx, sam, change.Draft{Template: "relay swap", CIs: []itsm.ID{"relay"}, Planned: d.window(4 * time.Hour), Assignee: "ian"}))
	waiting = d.must(d.Submit(ctx, sam, waiting.ID, itsm.Command{}))
	// when a third one within 90 days fails
	third := d.fails("relay swap", change.OutcomeFailed)
	// then it is suspended
	s := state()
	require.True(t, s.Suspended)
	require.Equal(t, third.ID, s.Because)
	require.Equal(t, "3 changes of it failed within 90 days", s.Reason)
	_, err := d.Draft(ctx, sam, change.Draft{Template: "relay swap"})
	require.Equal(t, []string{"template"}, faults(t, err))
	d.now = waiting.PlannedStart
	_, err = d.Start(ctx, ian, waiting.ID, itsm.Command{})
	require.ErrorContains(t, err, "its template is suspended")
	page, err := d.SuspendedTemplates(ctx, sam, 0, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)

	// and by role it is reinstated, with the failures of before behind it
	_, err = d.ReinstateTemplate(ctx, aude, "relay swap", because)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.ReinstateTemplate(ctx, mona, "relay swap", itsm.Command{})
	require.Equal(t, []string{"reason"}, faults(t, err))
	_, err = d.ReinstateTemplate(ctx, mona, "relay swap", itsm.Command{Reason: "The supplier fixed it"})
	require.NoError(t, err)
	_, err = d.ReinstateTemplate(ctx, mona, "relay swap", because)
	require.ErrorIs(t, err, itsm.ErrTransition)
	d.must(d.Start(ctx, ian, waiting.ID, itsm.Command{}))
	d.now = d.now.Add(time.Hour)
	d.fails("relay swap", change.OutcomeFailed)
	require.False(t, state().Suspended)
}

func TestC2AMajorIncidentSuspendsTheTemplateAtOnce(t *testing.T) {
	for _, keep := range []bool{false, true} {
		d := openDesk(t, change.Options{Templates: change.TemplatePolicy{KeepAfterMajor: keep}})
		ctx := t.Context()
		d.template("relay swap")
		c := d.in(change.TypeStandard, change.StateReview)
		system := itsm.SystemActor("acme", "desk")
		d.must(d.RecordCaused(ctx, system, c.ID, change.Caused{Incident: "i3", Priority: itsm.PriorityModerate}))
		_, s, err := d.ActiveTemplate(ctx, mona, "relay swap")
		require.NoError(t, err)
		require.False(t, s.Suspended)
		c = d.must(d.RecordCaused(ctx, system, c.ID, change.Caused{Incident: "i2", Priority: itsm.PriorityHigh}))
		require.EqualValues(t, 2, c.CausedIncidents)
		require.EqualValues(t, 1, c.CausedMajor)
		require.False(t, c.Success)
		_, s, err = d.ActiveTemplate(ctx, mona, "relay swap")
		require.NoError(t, err)
		require.Equal(t, !keep, s.Suspended)
	}
}

func TestC2ATemplateIsSuspendedByHand(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	_, err := d.SuspendTemplate(ctx, mona, "nothing", because)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	v := d.template("relay swap")
	s, err := d.SuspendTemplate(ctx, mona, "relay swap", because)
	require.NoError(t, err)
	require.True(t, s.Suspended)
	_, err = d.SuspendTemplate(ctx, mona, "relay swap", because)
	require.ErrorIs(t, err, itsm.ErrTransition)
	versions, err := d.TemplateVersions(ctx, sam, storage.Query[change.TemplateHead]{})
	require.NoError(t, err)
	require.Len(t, versions.Items, 1)
	history, err := d.TemplateHistory(ctx, sam, v.ID)
	require.NoError(t, err)
	require.Len(t, history, 2)
	_, err = d.RetireTemplate(ctx, aude, v.ID, because)
	require.NoError(t, err)
	_, _, err = d.ActiveTemplate(ctx, mona, "relay swap")
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestC2NoneOfItsAuthorsApprovesATemplate(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	manager := func(id itsm.ID) itsm.Actor {
		return itsm.Actor{Tenant: "acme", ID: id, Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	}
	set := change.Template{Title: "Swap a relay", Plans: change.Plans{Rollout: "Swap it", Backout: "Swap it back"}, RiskAnswers: lowRisk}
	// Given a draft of Mona's that Ines and then Mara have revised
	v, err := d.DraftTemplate(ctx, mona, change.TemplateDraft{Family: "relay swap", Set: set})
	require.NoError(t, err)
	for _, by := range []itsm.ID{"ines", "mara", "ines", "mara"} {
		v, err = d.ReviseTemplate(ctx, manager(by), v.ID, change.TemplateRevision{Set: set})
		require.NoError(t, err)
	}
	require.Equal(t, []itsm.ID{"ines", "mara"}, v.Revisers)
	// then none of them approves it
	for _, by := range []itsm.ID{"mona", "ines", "mara"} {
		_, err = d.ApproveTemplate(ctx, manager(by), v.ID, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition, "%s", by)
	}
	_, err = d.ApproveTemplate(ctx, manager("otto"), v.ID, itsm.Command{})
	require.NoError(t, err)
}

func TestC2AMajorIncidentOfAChangeThatNeverBeganSuspendsNoTemplate(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	d.template("relay swap")
	c := d.in(change.TypeStandard, change.StateScheduled)
	d.must(d.RecordCaused(ctx, itsm.SystemActor("acme", "desk"), c.ID, change.Caused{Incident: "i1", Priority: itsm.PriorityCritical}))
	_, s, err := d.ActiveTemplate(ctx, mona, "relay swap")
	require.NoError(t, err)
	require.False(t, s.Suspended)
}
