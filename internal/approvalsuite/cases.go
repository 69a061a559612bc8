// This file holds the single cases.

package approvalsuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func vote(c approval.Choice) ballot.Vote {
	v := ballot.Vote{Choice: c}
	if c == approval.ChoiceReject || c == approval.ChoiceReturn || c == approval.ChoiceAsk {
		v.Reason = "Because"
	}
	return v
}

// together runs fn for each of the people at the same time.
func together(people []itsm.ID, fn func(id itsm.ID)) {
	var all sync.WaitGroup
	for _, id := range people {
		all.Add(1)
		go func() {
			defer all.Done()
			fn(id)
		}()
	}
	all.Wait()
}

func votesTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	a := d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(byBoard(approval.Threshold{Kind: approval.ThresholdAll})))
	var mu sync.Mutex
	var failed []error
	together(board, func(id itsm.ID) {
		if _, err := d.Vote(ctx, member(acme, id), a.ID, vote(approval.ChoiceApprove)); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, err)
		}
	})
	require.Empty(t, failed)
	got, err := d.Get(ctx, manager(acme), a.ID)
	require.NoError(t, err)
	require.Equal(t, approval.StateApproved, got.State)
	require.Len(t, got.Process.Gates[0].Votes, len(board))
	types := d.told(t, ctx, a)
	for name, n := range map[string]int{ballot.Voted{}.EventType(): len(board), ballot.GateDecided{}.EventType(): 1, ballot.Decided{}.EventType(): 1} {
		count := 0
		for _, x := range types {
			if x == name {
				count++
			}
		}
		require.Equal(t, n, count, name)
	}
}

func requestsTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	parent := d.order(t, ctx, acme)
	together(board, func(id itsm.ID) {
		_, err := d.Request(ctx, manager(acme), ballot.Request{Parent: parent, Policy: gates(byBoard(approval.Threshold{})), Subject: approval.Subject{Hash: string(id)}})
		require.NoError(t, err)
	})
	page, err := d.Of(ctx, manager(acme), parent, ballot.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, len(board))
	for i, h := range page.Items {
		require.EqualValues(t, len(board)-i, h.Round)
		require.Equal(t, i == 0, h.Current)
		require.Equal(t, i == 0, h.Open)
	}
	for _, id := range board {
		require.Equal(t, []string{"board/" + string(id)}, d.waiting(t, ctx, member(acme, id)))
	}
}

func sameKey(t *testing.T, d *desk) {
	ctx := t.Context()
	a := d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(byBoard(approval.Threshold{})))
	v := vote(approval.ChoiceApprove)
	v.Key = "k1"
	for range 2 {
		_, err := d.Vote(ctx, member(acme, "ada"), a.ID, v)
		require.NoError(t, err)
	}
	got, err := d.Get(ctx, manager(acme), a.ID)
	require.NoError(t, err)
	require.Len(t, got.Process.Gates[0].Votes, 1)
	v.Choice = approval.ChoiceAbstain
	_, err = d.Vote(ctx, member(acme, "ada"), a.ID, v)
	require.ErrorIs(t, err, itsm.ErrInvalid, "another request under the same key")

	// A request for a round, too.
	r := ballot.Request{Command: itsm.Command{Key: "k2"}, Parent: d.order(t, ctx, acme), Policy: gates(byBoard(approval.Threshold{})), Subject: approval.Subject{Hash: "one"}}
	one, err := d.Request(ctx, manager(acme), r)
	require.NoError(t, err)
	two, err := d.Request(ctx, manager(acme), r)
	require.NoError(t, err)
	require.Equal(t, one.ID, two.ID)
	require.True(t, two.Open)
}

func rounds(t *testing.T, d *desk) {
	ctx := t.Context()
	parent := d.order(t, ctx, acme)
	first := d.ask(t, ctx, acme, parent, gates(byBoard(approval.Threshold{Kind: approval.ThresholdFirst})))
	_, err := d.Vote(ctx, member(acme, "ada"), first.ID, vote(approval.ChoiceApprove))
	require.NoError(t, err)
	_, err = d.Vote(ctx, member(acme, "bob"), first.ID, vote(approval.ChoiceReject))
	require.ErrorIs(t, err, itsm.ErrTransition, "the gate is decided")
	require.Empty(t, d.waiting(t, ctx, member(acme, "bob")))

	// What is not material leaves the round as it is.
	r := ballot.Request{Parent: parent, Policy: gates(byBoard(approval.Threshold{})), Subject: approval.Subject{Hash: "one"}}
	same, err := d.Revise(ctx, manager(acme), r)
	require.NoError(t, err)
	require.Equal(t, first.ID, same.ID)
	require.Equal(t, approval.StateApproved, same.State)

	r.Subject.Hash = "two"
	second, err := d.Revise(ctx, manager(acme), r)
	require.NoError(t, err)
	require.EqualValues(t, 2, second.Round)
	require.Equal(t, approval.StateOpen, second.State)
	old, err := d.Get(ctx, manager(acme), first.ID)
	require.NoError(t, err)
	require.Equal(t, approval.StateLapsed, old.State)
	require.Equal(t, approval.StateApproved, old.Process.Gates[0].State, "the gate's outcome is history")
	require.Equal(t, approval.VoteLapsed, old.Process.Gates[0].Votes[0].Status)
	require.Equal(t, "one", old.Process.Gates[0].Votes[0].Hash)
	_, err = d.Vote(ctx, member(acme, "bob"), first.ID, vote(approval.ChoiceApprove))
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.Equal(t, []string{"board/ada"}, d.waiting(t, ctx, member(acme, "ada")), "who voted before is asked again")
	v := vote(approval.ChoiceApprove)
	v.Hash = "one"
	_, err = d.Vote(ctx, member(acme, "ada"), second.ID, v)
	require.ErrorIs(t, err, itsm.ErrConflict, "the voter has seen what it was before")

	// Whoever has voted and becomes a party makes it material.
	_, err = d.Vote(ctx, member(acme, "ada"), second.ID, vote(approval.ChoiceApprove))
	require.NoError(t, err)
	r.Subject.Parties = []approval.Party{{Person: "bob", Duty: "implementer"}}
	same, err = d.Revise(ctx, manager(acme), r)
	require.NoError(t, err)
	require.Equal(t, second.ID, same.ID)
	require.Empty(t, d.waiting(t, ctx, member(acme, "bob")), "the implementer is asked no more")
	r.Subject.Parties[0].Person = "ada"
	third, err := d.Revise(ctx, manager(acme), r)
	require.NoError(t, err)
	require.EqualValues(t, 3, third.Round)
	require.Equal(t, []string{"board/bob"}, d.waiting(t, ctx, member(acme, "bob")))
	require.Empty(t, d.waiting(t, ctx, member(acme, "ada")))
	require.NotNil(t, third.Process.Gates[0].Barred)

	require.NoError(t, d.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		standing, there, err := d.Standing(ctx, r, parent, "")
		require.NoError(t, err)
		require.True(t, there)
		require.Equal(t, third.ID, standing.ID)
		_, there, err = d.Standing(ctx, r, parent, "another purpose")
		require.False(t, there)
		return err
	}))
}

func timers(t *testing.T, d *desk) {
	ctx := t.Context()
	for _, c := range []struct {
		then  approval.Expiry
		state approval.State
	}{
		{approval.ExpiryStay, approval.StateOpen}, {approval.ExpiryReject, approval.StateRejected}, {approval.ExpiryReturn, approval.StateReturned},
	} {
		g := byBoard(approval.Threshold{})
		g.RemindAfterMinutes, g.ExpireAfterMinutes, g.OnExpiry = 60, 120, c.then
		a := d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(g))
		_, err := d.Vote(ctx, member(acme, "ada"), a.ID, vote(approval.ChoiceApprove))
		require.NoError(t, err)
		for range 4 {
			_, err := d.e.Tick(ctx, d.advance(31*time.Minute))
			require.NoError(t, err)
		}
		var reminded, expired []itsm.ID
		for _, e := range d.history(t, ctx, a) {
			switch x := e.Data.(type) {
			case ballot.Reminded:
				require.Nil(t, reminded, "once")
				reminded = x.Missing
			case ballot.Expired:
				require.Nil(t, expired, "once")
				expired = x.Missing
				require.Equal(t, c.then, x.Then)
			}
		}
		require.Equal(t, board[1:], reminded)
		require.Equal(t, board[1:], expired)
		got, err := d.Get(ctx, manager(acme), a.ID)
		require.NoError(t, err)
		require.Equal(t, c.state, got.State)
		if c.state == approval.StateOpen {
			require.Equal(t, []string{"board/bob"}, d.waiting(t, ctx, member(acme, "bob")))
			_, err := d.Withdraw(ctx, manager(acme), a.Parent(), "", itsm.Command{})
			require.NoError(t, err)
		}
		require.Empty(t, d.waiting(t, ctx, member(acme, "bob")))
		d.idle(t, ctx)
	}
}

// idle holds that nothing is left to be done by the clock.
func (d *desk) idle(t require.TestingT, ctx context.Context) {
	require.NoError(t, d.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 10})
		require.Empty(t, jobs)
		return err
	}))
}

func escalation(t *testing.T, d *desk) {
	ctx := t.Context()
	g := byBoard(approval.Threshold{})
	g.ExpireAfterMinutes, g.OnExpiry = 60, approval.ExpiryEscalate
	g.EscalateTo = []approval.Source{{Kind: approval.SourceRole, Name: "director"}}
	a := d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(g))
	_, err := d.Vote(ctx, member(acme, "ada"), a.ID, vote(approval.ChoiceApprove))
	require.NoError(t, err)
	_, err = d.e.Tick(ctx, d.advance(time.Hour))
	require.NoError(t, err)
	require.Empty(t, d.waiting(t, ctx, member(acme, "bob")))
	require.Equal(t, []string{"board/zoe"}, d.waiting(t, ctx, member(acme, "zoe")))
	_, err = d.Vote(ctx, member(acme, "bob"), a.ID, vote(approval.ChoiceApprove))
	require.Error(t, err, "he is not asked any more")
	got, err := d.Vote(ctx, member(acme, "zoe"), a.ID, vote(approval.ChoiceApprove))
	require.NoError(t, err)
	require.Equal(t, approval.StateApproved, got.State, "all who were asked have approved")
	require.Contains(t, d.told(t, ctx, a), ballot.Escalated{}.EventType())

	// Where there is nobody, it stays open, and the event says why.
	g.EscalateTo = []approval.Source{{Kind: approval.SourceRole, Name: "nobody has it"}}
	a = d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(g))
	_, err = d.e.Tick(ctx, d.advance(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{"board/bob"}, d.waiting(t, ctx, member(acme, "bob")))
	problem := ""
	for _, e := range d.history(t, ctx, a) {
		if x, ok := e.Data.(ballot.Expired); ok {
			problem = x.Problem
		}
	}
	require.Contains(t, problem, `role "nobody has it"`)
}

func hold(t *testing.T, d *desk) {
	ctx := t.Context()
	g := byBoard(approval.Threshold{})
	g.RemindAfterMinutes = 60
	parent := d.order(t, ctx, acme)
	a := d.ask(t, ctx, acme, parent, gates(g))
	_, err := d.Vote(ctx, member(acme, "ada"), a.ID, vote(approval.ChoiceApprove))
	require.NoError(t, err)
	_, err = d.Suspend(ctx, manager(acme), parent, "", itsm.Command{Reason: "Waits for a part"})
	require.NoError(t, err)
	require.Empty(t, d.waiting(t, ctx, member(acme, "bob")))
	_, err = d.Vote(ctx, member(acme, "bob"), a.ID, vote(approval.ChoiceApprove))
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.Suspend(ctx, manager(acme), parent, "", itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	d.idle(t, ctx)

	_, err = d.e.Tick(ctx, d.advance(2*time.Hour))
	require.NoError(t, err)
	_, err = d.Release(ctx, manager(acme), parent, "", itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, []string{"board/bob"}, d.waiting(t, ctx, member(acme, "bob")))
	require.Empty(t, d.waiting(t, ctx, member(acme, "ada")), "who has voted is not asked again")
	_, err = d.e.Tick(ctx, d.advance(59*time.Minute))
	require.NoError(t, err)
	require.NotContains(t, d.told(t, ctx, a), ballot.Reminded{}.EventType())
	_, err = d.e.Tick(ctx, d.advance(time.Minute))
	require.NoError(t, err)
	require.Contains(t, d.told(t, ctx, a), ballot.Reminded{}.EventType(), "the time counts from the release")

	// A round that takes the place of one on hold is on hold.
	_, err = d.Suspend(ctx, manager(acme), parent, "", itsm.Command{})
	require.NoError(t, err)
	next, err := d.Request(ctx, manager(acme), ballot.Request{Parent: parent, Policy: gates(g), Subject: approval.Subject{Hash: "two"}})
	require.NoError(t, err)
	require.True(t, next.Suspended)
	require.Empty(t, d.waiting(t, ctx, member(acme, "ada")))
	_, err = d.Release(ctx, manager(acme), parent, "", itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, []string{"board/ada"}, d.waiting(t, ctx, member(acme, "ada")))
}

func delegates(t *testing.T, d *desk) {
	ctx := t.Context()
	parent := d.order(t, ctx, acme)
	a := d.ask(t, ctx, acme, parent, gates(byBoard(approval.Threshold{})))
	fay, ada := member(acme, "fay"), member(acme, "ada")
	v := vote(approval.ChoiceApprove)
	v.For, v.Gate = "ada", "board"
	refused := func(why string) {
		t.Helper()
		_, err := d.Get(ctx, fay, a.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound, why)
		_, err = d.Vote(ctx, fay, a.ID, v)
		require.ErrorIs(t, err, itsm.ErrNotFound, why)
		require.Empty(t, d.waiting(t, ctx, fay), why)
	}
	refused("she has no delegation")
	from := d.clock().Add(time.Hour)
	made, err := d.Delegate(ctx, ada, ballot.NewDelegation{Delegate: "fay", From: from, Until: from.Add(time.Hour)})
	require.NoError(t, err)
	other, err := d.Delegate(ctx, member(acme, "bob"), ballot.NewDelegation{Delegate: "fay", RecordKind: "change", Until: from.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, d.clock(), other.From)
	refused("one has not begun, the other is for changes")

	d.advance(time.Hour)
	require.Equal(t, []string{"board/ada"}, d.waiting(t, ctx, fay))
	_, err = d.Get(ctx, fay, a.ID)
	require.NoError(t, err)
	got, err := d.Vote(ctx, fay, a.ID, v)
	require.NoError(t, err)
	require.Equal(t, itsm.ID("ada"), got.Process.Gates[0].Votes[0].Approver)
	require.Equal(t, itsm.ID("fay"), got.Process.Gates[0].Votes[0].By)
	require.Empty(t, d.waiting(t, ctx, ada), "it is her vote")
	got, err = d.Vote(ctx, ada, a.ID, vote(approval.ChoiceAbstain))
	require.NoError(t, err, "who has delegated may still vote")
	require.Equal(t, 1, got.Process.Gates[0].Tally().Abstained)

	// Nobody votes by a delegation twice in a gate.
	_, err = d.Delegate(ctx, member(acme, "cyd"), ballot.NewDelegation{Delegate: "fay", Until: d.clock().Add(time.Hour)})
	require.NoError(t, err)
	_, err = d.Delegate(ctx, member(acme, "dan"), ballot.NewDelegation{Delegate: "fay", Until: d.clock().Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, []string{"board/cyd", "board/dan"}, d.waiting(t, ctx, fay))
	v.For = "cyd"
	_, err = d.Vote(ctx, fay, a.ID, v)
	require.NoError(t, err)
	v.For = "dan"
	_, err = d.Vote(ctx, fay, a.ID, v)
	require.ErrorIs(t, err, itsm.ErrForbidden)

	_, err = d.RevokeDelegation(ctx, fay, made.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden, "it is not hers to revoke")
	_, err = d.RevokeDelegation(ctx, member(acme, "gus"), made.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.RevokeDelegation(ctx, ada, made.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.RevokeDelegation(ctx, ada, made.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	v.For = "ada"
	_, err = d.Vote(ctx, fay, a.ID, v)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	page, err := d.Delegations(ctx, fay, "fay", "", 0)
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	d.advance(time.Hour)
	require.Empty(t, d.waiting(t, ctx, fay), "they have ended")
}

func parentEnds(t *testing.T, d *desk) {
	ctx := t.Context()
	for name, end := range map[string]func(ref itsm.Ref) error{
		"closed":    func(ref itsm.Ref) error { return d.host.Move(ctx, manager(acme), ref, itsm.CategoryClosed, nil) },
		"cancelled": func(ref itsm.Ref) error { return d.host.Move(ctx, manager(acme), ref, itsm.CategoryCancelled, nil) },
		"deleted":   func(ref itsm.Ref) error { return d.host.Delete(ctx, manager(acme), ref) },
	} {
		parent := d.order(t, ctx, acme)
		g := byBoard(approval.Threshold{})
		g.RemindAfterMinutes, g.ExpireAfterMinutes = 10, 20
		a := d.ask(t, ctx, acme, parent, gates(g))
		boom := errors.New("boom")
		require.ErrorIs(t, d.host.Move(ctx, manager(acme), parent, itsm.CategoryClosed, boom), boom)
		require.Equal(t, []string{"board/ada"}, d.waiting(t, ctx, member(acme, "ada")), "what was undone withdraws nothing")
		require.NoError(t, d.host.Move(ctx, manager(acme), parent, itsm.CategoryResolved, nil))
		require.Equal(t, []string{"board/ada"}, d.waiting(t, ctx, member(acme, "ada")))
		require.NoError(t, end(parent), name)
		require.Empty(t, d.waiting(t, ctx, member(acme, "ada")), name)
		d.idle(t, ctx)
		system := itsm.SystemActor(acme, "test")
		got, err := d.Get(ctx, system, a.ID)
		require.NoError(t, err)
		require.Equal(t, approval.StateWithdrawn, got.State, name)
		require.Contains(t, got.Process.Reason, name)
	}
}

func tenants(t *testing.T, d *desk) {
	ctx := t.Context()
	a := d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(byBoard(approval.Threshold{})))
	require.Empty(t, d.waiting(t, ctx, member(globex, "ada")))
	_, err := d.Get(ctx, manager(globex), a.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Vote(ctx, member(globex, "ada"), a.ID, vote(approval.ChoiceApprove))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Request(ctx, manager(globex), ballot.Request{Parent: a.Parent(), Policy: gates(byBoard(approval.Threshold{})), Subject: approval.Subject{Hash: "one"}})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Delegate(ctx, member(globex, "ada"), ballot.NewDelegation{Delegate: "fay", Until: d.clock().Add(time.Hour)})
	require.NoError(t, err)
	require.Empty(t, d.waiting(t, ctx, member(acme, "fay")))
}

func pages(t *testing.T, d *desk) {
	ctx := t.Context()
	var want []itsm.ID
	for range 7 {
		want = append(want, d.ask(t, ctx, acme, d.order(t, ctx, acme), gates(byBoard(approval.Threshold{}))).ID)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 3, 100} {
		var got []itsm.ID
		for e, err := range d.AllWaiting(ctx, member(acme, "ada"), ballot.ApproverQuery{Limit: limit}) {
			require.NoError(t, err)
			got = append(got, e.Approval)
		}
		slices.Sort(got)
		require.Equal(t, want, got)
		got = nil
		q := ballot.Query{Limit: limit}
		for {
			page, err := d.List(ctx, manager(acme), q)
			require.NoError(t, err)
			for _, h := range page.Items {
				got = append(got, h.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		slices.Sort(got)
		require.Equal(t, want, got)
	}
}

func nested(t *testing.T, d *desk) {
	ctx := t.Context()
	parent := d.order(t, ctx, acme)
	r := ballot.Request{Parent: parent, Policy: gates(byBoard(approval.Threshold{})), Subject: approval.Subject{Hash: "one"}}
	boom := errors.New("boom")
	for _, fail := range []error{boom, nil} {
		err := d.e.Update(ctx, member(acme, "carl"), func(ctx context.Context, u *engine.Unit) error {
			if _, err := d.In(u.Store()).Request(ctx, u.System("order"), r); err != nil {
				return err
			}
			// Inside the unit it is there, and a fault leaves the unit usable.
			a, there, err := d.Standing(ctx, u, parent, "")
			if err != nil || !there || !a.Open {
				return fmt.Errorf("standing: %v, %v: %w", a.State, there, err)
			}
			bad := r
			bad.Policy = gates(approval.Definition{Name: "x", Approvers: []approval.Source{{Kind: approval.SourceGroup, Name: "none"}}})
			if _, err := d.In(u.Store()).Request(ctx, u.System("order"), bad); !errors.Is(err, itsm.ErrInvalid) {
				return fmt.Errorf("a group without people: %w", err)
			}
			return fail
		})
		require.ErrorIs(t, err, fail)
		want := []string{"board/ada"}
		if fail != nil {
			want = nil
		}
		require.Equal(t, want, d.waiting(t, ctx, member(acme, "ada")))
	}
}
