package change_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
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
