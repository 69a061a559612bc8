package change_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
)

func TestNobodyAsksForTheAuthorisationOfAChangeByAPolicyOfTheirOwn(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.in(change.TypeNormal, change.StateAuthorising)
	standing := func() (a ballot.Approval) {
		require.NoError(t, d.e.View(ctx, root, func(ctx context.Context, r reader) (err error) {
			a, _, err = d.ballots.Standing(ctx, r, c.Ref(), change.PurposeAuthorise)
			return err
		}))
		return a
	}
	round := standing()
	require.True(t, round.Open)
	own := ballot.Request{
		Parent: c.Ref(), Purpose: change.PurposeAuthorise, Subject: approval.Subject{Hash: c.Asked.Hash},
		Policy: approval.Policy{Name: "mine", Rules: []approval.Rule{{Name: "all", Automatic: true}}},
	}
	for name, ask := range map[string]func() error{
		"request": func() error { _, err := d.ballots.Request(ctx, mona, own); return err },
		"revise":  func() error { _, err := d.ballots.Revise(ctx, mona, own); return err },
		"suspend": func() error {
			_, err := d.ballots.Suspend(ctx, mona, c.Ref(), change.PurposeAuthorise, because)
			return err
		},
		"release": func() error {
			_, err := d.ballots.Release(ctx, mona, c.Ref(), change.PurposeAuthorise, because)
			return err
		},
		"withdraw": func() error {
			_, err := d.ballots.Withdraw(ctx, mona, c.Ref(), change.PurposeAuthorise, because)
			return err
		},
	} {
		err := ask()
		require.ErrorIs(t, err, itsm.ErrForbidden, name)
		require.ErrorContains(t, err, "its own practice alone", name)
	}
	require.Equal(t, round, standing(), "the round is as it was")
	require.Equal(t, c, d.get(c.ID))

	// What else a change is approved for is theirs to ask, and a claim is made once.
	own.Purpose = "budget"
	_, err := d.ballots.Request(ctx, mona, own)
	require.NoError(t, err)
	require.ErrorIs(t, d.ballots.Claim(change.Kind, change.PurposeAuthorise), itsm.ErrInvalid)
}

func TestWhoDraftedAChangeForAnotherDoesNotDecideAboutIt(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	drafter := aude
	drafter.Roles = append([]itsm.RoleName{itsm.RoleITServiceManager}, aude.Roles...)
	c := d.must(d.Draft(ctx, drafter, change.Draft{
		Title: "Replace the relay", Plans: plans, CIs: []itsm.ID{"relay"}, Group: "network", Assignee: "ian", Requester: "sam",
		Planned: d.window(24 * time.Hour), RiskAnswers: mediumRisk,
	}))
	require.EqualValues(t, "aude", c.Author)
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	require.ErrorIs(t, d.vote(aude, c.ID, approval.ChoiceApprove, ""), itsm.ErrNotFound, "who drafted it is not asked")
	d.approve(c.ID, otto)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)

	// What was recorded afterwards has an author as well.
	require.EqualValues(t, "mona", d.in(change.TypeRetrospective, change.StateAuthorising).Author)
}

func TestWhoDecidedAboutAChangeDoesNotImplementIt(t *testing.T) {
	for _, exempt := range []bool{false, true} {
		o := change.Options{}
		if exempt {
			o.Exemption = &approval.Exemption{Name: "shop of one", Of: []string{change.DutyImplementer}}
		}
		d := openDesk(t, o)
		ctx := t.Context()
		// Given a change that Otto authorised, and which is not his to implement
		c := d.draft()
		d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
		d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
		d.approve(c.ID, otto)
		d.now = c.PlannedStart
		both := otto
		both.Roles = append([]itsm.RoleName{itsm.RoleITServiceManager}, otto.Roles...)
		refused := func(err error) {
			t.Helper()
			if exempt {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, itsm.ErrTransition)
			require.ErrorContains(t, err, "who has decided about it")
		}
		// then he does not start it
		_, err := d.Start(ctx, both, c.ID, itsm.Command{})
		refused(err)
		if !exempt {
			actions, err := d.PermittedActions(ctx, both, c.ID)
			require.NoError(t, err)
			for _, a := range actions {
				require.False(t, a.Action == string(change.ActionStart) && a.Permitted, "he is told so before")
			}
			d.must(d.Start(ctx, ian, c.ID, itsm.Command{}))
		}
		// nor complete it
		_, err = d.Complete(ctx, both, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
		refused(err)
		if !exempt {
			d.must(d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
		}
	}
}

func TestNobodyLowersTheRiskOfTheirOwnChange(t *testing.T) {
	for name, own := range map[string]func(*change.Draft){
		change.DutyRequester:   func(r *change.Draft) { r.Requester = "mona" },
		change.DutyImplementer: func(r *change.Draft) { r.Assignee = "mona" },
	} {
		d := openDesk(t, change.Options{})
		ctx := t.Context()
		c := d.must(d.Draft(ctx, root, change.Draft{
			Title: "Replace the relay", Plans: plans, CIs: []itsm.ID{"relay"}, Group: "network", Assignee: "ian", Requester: "sam",
			Planned: d.window(24 * time.Hour), RiskAnswers: mediumRisk,
		}))
		r := change.Draft{
			Title: "Replace the relay", Plans: plans, CIs: []itsm.ID{"relay"}, Group: "network", Assignee: "ian", Requester: "sam",
			Planned: d.window(24 * time.Hour), RiskAnswers: mediumRisk,
		}
		own(&r)
		mine := d.must(d.Draft(ctx, root, r))
		set := func(by itsm.Actor, id itsm.ID, level risk.Level) error {
			_, err := d.OverrideRisk(ctx, by, id, change.RiskSetting{Command: because, Level: level})
			return err
		}
		// A draft has no level yet: what the model makes of it counts.
		for range 2 {
			err := set(mona, mine.ID, risk.LevelLow)
			require.ErrorIs(t, err, itsm.ErrForbidden, name)
			require.ErrorContains(t, err, "nobody lowers the risk of what is their own, of which they are the "+name)
			if mine.State == change.StateDraft {
				mine = d.must(d.Submit(ctx, root, mine.ID, itsm.Command{}))
			}
		}
		require.Equal(t, risk.LevelMedium, d.get(mine.ID).Risk)
		// They raise it, and do not take that back; who has no part in it does.
		require.NoError(t, set(mona, mine.ID, risk.LevelHigh))
		_, err := d.ClearRiskOverride(ctx, mona, mine.ID, because)
		require.ErrorIs(t, err, itsm.ErrForbidden)
		d.must(d.ClearRiskOverride(ctx, root2, mine.ID, because))
		require.NoError(t, set(mona, c.ID, risk.LevelLow))

		// By an exemption that has their duty they do.
		d = openDesk(t, change.Options{Exemption: &approval.Exemption{Name: "shop of one", Of: []string{name}}})
		mine = d.must(d.Draft(ctx, root, r))
		require.NoError(t, set(mona, mine.ID, risk.LevelLow))
		require.ErrorIs(t, set(root, mine.ID, risk.LevelLow), itsm.ErrForbidden, "who drafted it has another duty")
	}
}

// root2 is another manager of everything.
var root2 = itsm.Actor{Tenant: "acme", ID: "root2", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

func TestALevelOfRiskThatWasSetDoesNotOutliveWhatItWasSetFor(t *testing.T) {
	for _, s := range []change.State{change.StateDraft, change.StateAssessing, change.StateAuthorising, change.StateScheduled} {
		d := openDesk(t, change.Options{})
		ctx := t.Context()
		// Given a change whose risk somebody set lower than the model does
		c := d.in(change.TypeNormal, s)
		d.must(d.OverrideRisk(ctx, mona, c.ID, change.RiskSetting{Command: because, Level: risk.LevelLow}))
		c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{Title: ptr("Replace the old relay")}))
		require.NotNil(t, c.RiskOverride, "what only describes it leaves that as it is")
		// when it becomes another, then the model decides again, and that is told
		c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{CIs: &[]itsm.ID{"relay", "router"}, RiskAnswers: highRisk}))
		require.Nil(t, c.RiskOverride, "in %s", s)
		require.Equal(t, risk.LevelHigh, c.Risk)
		require.Equal(t, change.RiskOverrideCleared{From: risk.LevelLow, Level: risk.LevelHigh, Edited: true}, told[change.RiskOverrideCleared](d, c.ID))

		// A level that was raised is not lowered by an edit.
		if s == change.StateScheduled {
			c = d.in(change.TypeNormal, s)
			d.must(d.OverrideRisk(ctx, mona, c.ID, change.RiskSetting{Command: because, Level: risk.LevelHigh}))
			c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{CIs: &[]itsm.ID{"relay", "router"}}))
			require.Equal(t, risk.LevelHigh, c.Risk)
			require.NotNil(t, c.RiskOverride)
		}
	}
}
