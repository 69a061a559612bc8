package change_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
)

func TestC9AnEditOutsideTheEnvelopeOpensTheGatesAgain(t *testing.T) {
	for name, edit := range map[string]func(d *changeDesk, c *change.Change) change.Edit{
		"plans": func(*changeDesk, *change.Change) change.Edit {
			return change.Edit{Plans: &change.Plans{Rollout: "Swap both relays", Test: plans.Test, Backout: plans.Backout}}
		},
		"cis": func(*changeDesk, *change.Change) change.Edit { return change.Edit{CIs: &[]itsm.ID{"relay", "router"}} },
		"planned": func(d *changeDesk, c *change.Change) change.Edit {
			return change.Edit{Planned: &change.Window{Start: c.PlannedStart, End: c.PlannedEnd.Add(time.Minute)}}
		},
		"outage": func(d *changeDesk, c *change.Change) change.Edit {
			return change.Edit{Outage: ptr(c.Planned())}
		},
		"risk_answers": func(*changeDesk, *change.Change) change.Edit { return change.Edit{RiskAnswers: highRisk} },
		"proposals": func(*changeDesk, *change.Change) change.Edit {
			return change.Edit{Proposals: &[]change.Proposal{{Kind: change.ProposalRetire, CI: "relay"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := openDesk(t, change.Options{})
			ctx := t.Context()
			// Given a change that is scheduled, as its gates have decided
			c := d.in(change.TypeNormal, change.StateScheduled)
			was := *c.Approved
			// when it is edited outside of what they decided for
			got := d.must(d.Edit(ctx, sam, c.ID, edit(d, &c)))
			// then they are asked again, for what it is now, and what was voted is worth nothing
			require.Equal(t, change.StateAuthorising, got.State)
			require.Nil(t, got.Approved)
			require.NotEqual(t, was.Hash, got.Asked.Hash)
			require.Equal(t, 2, got.Round)
			require.Equal(t, change.GatesReopened{Round: 2, Because: []string{name}}, told[change.GatesReopened](d, c.ID))
			d.now = c.PlannedStart
			_, err := d.Start(ctx, ian, c.ID, itsm.Command{})
			require.ErrorIs(t, err, itsm.ErrTransition)
			d.approve(c.ID, otto)
			if got.Risk == risk.LevelHigh {
				d.approve(c.ID, aude)
			}
			after := d.get(c.ID)
			require.Equal(t, change.StateScheduled, after.State)
			require.Equal(t, got.Asked.Hash, after.Approved.Hash)
		})
	}
}

func TestC9AnEditInsideTheEnvelopePasses(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	// Given a change that was authorised for a whole day, with an outage of an hour
	c := d.draft(func(r *change.Draft) {
		r.Within = change.Window{Start: d.now.Add(24 * time.Hour), End: d.now.Add(48 * time.Hour)}
		r.Outage = change.Window{Start: r.Planned.Start, End: r.Planned.Start.Add(time.Hour)}
	})
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	d.approve(c.ID, aude)
	c = d.get(c.ID)
	authorised := *c.Approved

	// when its window is moved inside of that day
	moved := change.Window{Start: c.PlannedStart.Add(6 * time.Hour), End: c.PlannedEnd.Add(6 * time.Hour)}
	outage := change.Window{Start: moved.Start, End: moved.Start.Add(30 * time.Minute)}
	c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{Planned: &moved, Outage: &outage, Title: ptr("Replace the old relay")}))
	// then it is only rescheduled
	require.Equal(t, change.StateScheduled, c.State)
	require.Equal(t, authorised, *c.Approved)
	require.Equal(t, change.Rescheduled{From: d.window(24 * time.Hour), To: moved}, d.last(c.ID).Data)

	// and the command Reschedule does the same, moves the outage with the window, and goes no further
	c = d.must(d.Reschedule(ctx, sam, c.ID, change.Rescheduling{Planned: change.Window{Start: moved.Start.Add(time.Hour), End: moved.End.Add(time.Hour)}}))
	require.Equal(t, outage.Start.Add(time.Hour), c.Outage.Start)
	far := change.Window{Start: authorised.Window.End.Add(-time.Hour), End: authorised.Window.End.Add(time.Hour)}
	_, err := d.Reschedule(ctx, sam, c.ID, change.Rescheduling{Planned: far})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.Equal(t, c, d.get(c.ID))

	// A lower risk stays inside, a higher one does not.
	c = d.must(d.OverrideRisk(ctx, mona, c.ID, change.RiskSetting{Command: because, Level: risk.LevelLow}))
	require.Equal(t, change.StateScheduled, c.State)
	c = d.must(d.OverrideRisk(ctx, mona, c.ID, change.RiskSetting{Command: because, Level: risk.LevelHigh}))
	require.Equal(t, change.StateAuthorising, c.State)
}

func TestC9AnEditWhileTheGatesDecideAsksThemAnew(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.draft(func(r *change.Draft) { r.RiskAnswers = highRisk })
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	c = d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	d.approve(c.ID, aude) // one of three
	c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{CIs: &[]itsm.ID{"relay", "router"}}))
	require.Equal(t, change.StateAuthorising, c.State)
	d.approve(c.ID, otto)
	require.Equal(t, change.StateAuthorising, d.get(c.ID).State, "the vote from before has lapsed")
	d.approve(c.ID, aude)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)

	// What describes it only does not disturb them.
	c = d.in(change.TypeNormal, change.StateAuthorising)
	c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{Description: ptr("The old one is worn")}))
	require.Equal(t, 1, c.Round)
}

func TestAStandardChangeOutsideItsEnvelopeIsADraftAgain(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.in(change.TypeStandard, change.StateScheduled)
	require.Equal(t, change.BasisTemplate, c.Approved.Basis)
	_, err := d.Edit(ctx, sam, c.ID, change.Edit{Plans: &plans})
	require.Equal(t, []string{"plans"}, faults(t, err), "its plans are the template's")
	c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{Planned: ptr(d.window(72 * time.Hour))}))
	require.Equal(t, change.StateDraft, c.State)
	require.Nil(t, c.Approved)
	c = d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	require.Equal(t, change.StateScheduled, c.State)
}

func TestWhatIsBeingMadeStaysAsItWasAuthorised(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	for _, s := range []change.State{change.StateImplementing, change.StateReview} {
		c := d.in(change.TypeNormal, s)
		_, err := d.Edit(ctx, mona, c.ID, change.Edit{CIs: &[]itsm.ID{"router"}, Plans: &change.Plans{Rollout: "Otherwise"}})
		require.Equal(t, []string{"plans", "cis"}, faults(t, err))
		require.Equal(t, c, d.get(c.ID))
		d.must(d.Edit(ctx, mona, c.ID, change.Edit{Title: ptr("Replaced the relay")}))
	}
}

func TestC17ItStartsInsideItsWindowAlone(t *testing.T) {
	d := openDesk(t, change.Options{})
	c := d.in(change.TypeNormal, change.StateScheduled)
	for _, at := range []time.Time{d.now, c.PlannedStart.Add(-time.Microsecond), c.PlannedEnd} {
		d.now = at
		_, err := d.Start(t.Context(), ian, c.ID, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition)
		require.ErrorContains(t, err, "outside its planned window")
	}
	d.now = c.PlannedEnd.Add(-time.Microsecond)
	require.Equal(t, change.StateImplementing, d.must(d.Start(t.Context(), ian, c.ID, itsm.Command{})).State)
}

func TestC17TheOutageLiesInTheWindow(t *testing.T) {
	d := openDesk(t, change.Options{})
	_, err := d.Draft(t.Context(), sam, change.Draft{
		Title: "x", Planned: d.window(time.Hour), Outage: d.window(2 * time.Hour),
		Within: d.window(5 * time.Hour), Proposals: []change.Proposal{{Kind: change.ProposalSet, CI: "relay"}},
	})
	require.Equal(t, []string{"within", "outage", "proposals[0].ci", "proposals[0].attribute"}, faults(t, err), "with all that is wrong at once")
}

func TestC10NobodyDecidesTheirOwn(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	// Given a change whose implementer is one of the change authority, and one whose requester is
	c := d.draft(func(r *change.Draft) { r.Assignee = "aude" })
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	require.ErrorIs(t, d.vote(aude, c.ID, approval.ChoiceApprove, ""), itsm.ErrNotFound, "who implements it is not asked")
	d.approve(c.ID, otto)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)

	// when who has decided becomes the implementer
	c = d.must(d.Assign(ctx, mona, c.ID, change.Assignment{Assignee: "otto"}))
	// then the gates are asked again
	require.Equal(t, change.StateAuthorising, c.State)
	require.ErrorIs(t, d.vote(otto, c.ID, approval.ChoiceApprove, ""), itsm.ErrNotFound)
	d.approve(c.ID, aude)
	c = d.get(c.ID)
	require.Equal(t, change.StateScheduled, c.State)

	// and once it is being made, it is refused
	d.now = c.PlannedStart
	d.must(d.Start(ctx, mona, c.ID, itsm.Command{}))
	_, err := d.Assign(ctx, mona, c.ID, change.Assignment{Assignee: "aude"})
	require.Equal(t, []string{"assignee"}, faults(t, err))
	d.must(d.Assign(ctx, mona, c.ID, change.Assignment{Assignee: "ian"}))
}

func TestC10AShopOfOneHasANamedExemption(t *testing.T) {
	d := openDesk(t, change.Options{Exemption: &approval.Exemption{Name: "shop of one"}})
	ctx := t.Context()
	c := d.must(d.Draft(ctx, root, change.Draft{
		Title: "Replace the relay", Plans: plans, CIs: []itsm.ID{"relay"}, Assignee: "aude", Requester: "aude", Planned: d.window(time.Hour), RiskAnswers: mediumRisk,
	}))
	d.must(d.Submit(ctx, root, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, root, c.ID, change.Finding{Text: "Sound"}))
	d.approve(c.ID, aude)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)
	standing, there, err := func() (s approval.Vote, there bool, err error) {
		page, err := d.ballots.Of(ctx, root, c.Ref(), ballotQuery)
		require.NoError(t, err)
		a, err := d.ballots.Get(ctx, root, page.Items[0].ID)
		require.NoError(t, err)
		return a.Process.Gates[0].Votes[0], true, err
	}()
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, "shop of one", standing.Exemption, "it is told by which exemption they voted")

	draft, err := d.DraftTemplate(ctx, mona, change.TemplateDraft{Family: "own", Set: change.Template{Title: "Own", Plans: plans}})
	require.NoError(t, err)
	v, err := d.ApproveTemplate(ctx, mona, draft.ID, itsm.Command{})
	require.NoError(t, err)
	require.Contains(t, v.ActivateReason, `"shop of one"`)
}

func TestC17ItStartsInsideTheWindowThatWasAuthorisedPlannedOrNot(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	within := change.Window{Start: d.now.Add(24 * time.Hour), End: d.now.Add(48 * time.Hour)}
	// Given an emergency that was authorised for a day, without a planned window
	c := d.draft(func(r *change.Draft) {
		r.Model, r.Justification, r.Planned, r.Within = change.ModelEmergency, "Mail is down", change.Window{}, within
	})
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.approve(c.ID, aude)
	require.Equal(t, within, d.get(c.ID).Approved.Window)
	// then it starts on that day alone
	before := d.now
	for _, at := range []time.Time{before, within.End} {
		d.now = at
		_, err := d.Start(ctx, ian, c.ID, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition)
		require.ErrorContains(t, err, "outside the window that was authorised")
	}
	d.now = within.Start
	require.Equal(t, change.StateImplementing, d.must(d.Start(ctx, ian, c.ID, itsm.Command{})).State)

	// Given one with a planned window, when that is taken away, then its gates are asked again
	d.now = before
	c = d.draft(func(r *change.Draft) {
		r.Model, r.Justification, r.Within = change.ModelEmergency, "Mail is down", within
	})
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.approve(c.ID, aude)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)
	c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{Planned: &change.Window{}}))
	require.Equal(t, change.StateAuthorising, c.State)
	require.Nil(t, c.Approved)
	d.approve(c.ID, aude)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State, "who decides about it knows that it has none")
}
