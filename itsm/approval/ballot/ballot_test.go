package ballot_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// desk is the practice over a store in memory, with a clock that stands until moved and a host's own record
// that is approved.
type desk struct {
	*ballot.Practice
	t    testing.TB
	e    *engine.Engine
	host *tasksuite.Host
	now  time.Time
}

func openDesk(t testing.TB, o ballot.Options) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(memory.New(), engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.host, err = tasksuite.NewHost(d.e)
	require.NoError(t, err)
	d.Practice, err = ballot.New(d.e, o)
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

var (
	mona = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	sam  = itsm.Actor{Tenant: "acme", ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}}
	rita = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	ada  = itsm.Actor{Tenant: "acme", ID: "ada", Name: "Ada", Roles: []itsm.RoleName{itsm.RoleRequester}}
	bob  = itsm.Actor{Tenant: "acme", ID: "bob", Name: "Bob", Roles: []itsm.RoleName{itsm.RoleRequester}}
	none = itsm.Actor{Tenant: "acme", ID: "nobody"}
)

// by is a gate that these persons decide.
func by(name string, people ...itsm.ID) approval.Definition {
	d := approval.Definition{Name: name}
	for _, id := range people {
		d.Approvers = append(d.Approvers, approval.Source{Kind: approval.SourcePerson, Name: string(id)})
	}
	return d
}

func policy(gates ...approval.Definition) approval.Policy {
	return approval.Policy{Name: "orders", Rules: []approval.Rule{{Name: "all", Gates: gates}}}
}

func (d *desk) request(parent itsm.Ref, p approval.Policy, parties ...approval.Party) ballot.Approval {
	d.t.Helper()
	a, err := d.Request(d.t.Context(), mona, ballot.Request{Parent: parent, Policy: p, Subject: approval.Subject{Hash: "one", Parties: parties}})
	require.NoError(d.t, err)
	return a
}

func (d *desk) order() itsm.Ref {
	d.t.Helper()
	ref, err := d.host.Open(d.t.Context(), mona, "")
	require.NoError(d.t, err)
	return ref
}

func vote(c approval.Choice, reason string) ballot.Vote {
	return ballot.Vote{Command: itsm.Command{Reason: reason}, Choice: c}
}

func TestAnApprovalIsReadByWhoMayReadTheRecordOrIsAsked(t *testing.T) {
	d := openDesk(t, ballot.Options{MayRead: tasksuite.MayRead})
	ctx := t.Context()
	secret, err := d.host.Open(ctx, mona, "mona")
	require.NoError(t, err)
	hidden := d.request(secret, policy(by("now", "ada"), func() approval.Definition {
		late := by("late", "bob")
		late.Stage = 1
		return late
	}()), approval.Party{Person: "rita", Duty: "requester"})
	open := d.request(d.order(), policy(by("now", "ada")), approval.Party{Person: "rita", Duty: "requester"})

	for _, c := range []struct {
		who  itsm.Actor
		a    itsm.ID
		may  bool
		name string
	}{
		{mona, hidden.ID, true, "may read the record"},
		{sam, hidden.ID, false, "may not read the record"},
		{rita, hidden.ID, false, "its requester may not read the record either, by the host"},
		{ada, hidden.ID, true, "is asked"},
		{bob, hidden.ID, false, "is to be asked later, perhaps"},
		{sam, open.ID, true, "may read the record"},
		{rita, open.ID, true, "is its requester"},
		{bob, open.ID, false, "has nothing to do with it"},
		{none, open.ID, false, "has no role"},
	} {
		_, err := d.Get(ctx, c.who, c.a)
		_, whyErr := d.Explain(ctx, c.who, c.a)
		require.Equal(t, err, whyErr)
		if c.may {
			require.NoError(t, err, "%s %s", c.who.ID, c.name)
			continue
		}
		require.ErrorIs(t, err, itsm.ErrNotFound, "%s %s", c.who.ID, c.name)
		_, missing := d.Get(ctx, c.who, "no-such-approval")
		require.Equal(t, len(missing.Error())-len("no-such-approval"), len(err.Error())-len(c.a), "the error is that of one that is not there")
		_, err = d.Vote(ctx, c.who, c.a, ballot.Vote{Command: itsm.Command{IfVersion: 99}, Choice: approval.ChoiceApprove})
		require.ErrorIs(t, err, itsm.ErrNotFound, "not even its version is told")
		_, err = d.History(ctx, c.who, c.a)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	for _, c := range []struct {
		who  itsm.Actor
		want int
	}{{mona, 2}, {sam, 1}} {
		page, err := d.List(ctx, c.who, ballot.Query{})
		require.NoError(t, err)
		require.Len(t, page.Items, c.want)
		entries, err := d.Approvers(ctx, c.who, ballot.ApproverQuery{})
		require.NoError(t, err)
		require.Len(t, entries.Items, c.want)
		of, err := d.Of(ctx, c.who, secret, ballot.Query{})
		require.NoError(t, err)
		require.Len(t, of.Items, c.want-1)
	}
	for _, who := range []itsm.Actor{rita, ada, none} {
		_, err := d.List(ctx, who, ballot.Query{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = d.Approvers(ctx, who, ballot.ApproverQuery{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	of, err := d.Of(ctx, rita, open.Parent(), ballot.Query{})
	require.NoError(t, err)
	require.Len(t, of.Items, 1, "it is hers")
	of, err = d.Of(ctx, bob, open.Parent(), ballot.Query{})
	require.NoError(t, err)
	require.Empty(t, of.Items)
	_, err = d.History(ctx, rita, open.ID)
	require.ErrorIs(t, err, itsm.ErrForbidden, "the log is internal")

	_, err = d.Request(ctx, mona, ballot.Request{Parent: itsm.Ref{Kind: tasksuite.OrderKind, ID: "none"}, Policy: policy(by("g", "ada")), Subject: approval.Subject{Hash: "x"}})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Request(ctx, sam, ballot.Request{Parent: open.Parent(), Policy: policy(by("g", "ada")), Subject: approval.Subject{Hash: "x"}})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	for name, fn := range map[string]func(context.Context, itsm.Actor, itsm.Ref, string, itsm.Command) (ballot.Approval, error){
		"suspend": d.Suspend, "release": d.Release, "withdraw": d.Withdraw,
	} {
		_, err := fn(ctx, sam, open.Parent(), "", itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrForbidden, name)
		_, err = fn(ctx, sam, secret, "", itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrNotFound, name)
		_, err = fn(ctx, mona, open.Parent(), "another purpose", itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrNotFound, name)
	}
}

func TestRequestersAreToldWhyItWasNotPassedAndNothingInternal(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	gate := by("g", "ada", "bob", "cyd")
	gate.Rejection = approval.Threshold{Kind: approval.ThresholdAll}
	a := d.request(d.order(), policy(gate), approval.Party{Person: "rita", Duty: "requester"})
	_, err := d.Vote(ctx, ada, a.ID, vote(approval.ChoiceApprove, "INTERNAL: we owe them one"))
	require.NoError(t, err)
	_, err = d.Vote(ctx, bob, a.ID, vote(approval.ChoiceAsk, "Which site?"))
	require.NoError(t, err)
	_, err = d.Vote(ctx, bob, a.ID, vote(approval.ChoiceReject, "Too dear"))
	require.NoError(t, err)
	reasons := func(who itsm.Actor) (all []string) {
		got, err := d.Get(ctx, who, a.ID)
		require.NoError(t, err)
		for _, v := range got.Process.Gates[0].Votes {
			all = append(all, v.Reason)
		}
		why, err := d.Explain(ctx, who, a.ID)
		require.NoError(t, err)
		require.Equal(t, got.Process.Gates[0].Votes[0].Reason, why.Gates[0].Voted[0].Reason)
		return all
	}
	require.Equal(t, []string{"", "Which site?", "Too dear"}, reasons(rita))
	for _, who := range []itsm.Actor{sam, ada} {
		require.Equal(t, "INTERNAL: we owe them one", reasons(who)[0], "%s", who.ID)
	}
}

func TestC8RejectionIsByAnyOrByAThreshold(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	for _, c := range []struct {
		rejection approval.Threshold
		votes     int
	}{
		{approval.Threshold{}, 1},
		{approval.Threshold{Kind: approval.ThresholdCount, Count: 2}, 2},
		{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 51}, 2},
	} {
		gate := by("g", "ada", "bob", "cyd")
		gate.Rejection, gate.Quorum = c.rejection, approval.Threshold{Kind: approval.ThresholdFirst}
		a := d.request(d.order(), policy(gate))
		for i, who := range []itsm.Actor{ada, bob} {
			got, err := d.Vote(ctx, who, a.ID, vote(approval.ChoiceReject, "No"))
			require.NoError(t, err)
			require.Equal(t, i+1 < c.votes, got.Open)
			if !got.Open {
				require.Equal(t, approval.StateRejected, got.State)
				break
			}
		}
	}
}

// An exemption is told by name wherever somebody might look.
func TestC10AnExemptionIsAudited(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	gate := by("g", "rita")
	gate.Exemption = &approval.Exemption{Name: "own laptop"}
	a := d.request(d.order(), policy(gate), approval.Party{Person: "rita", Duty: "requester"})
	_, err := d.Vote(ctx, rita, a.ID, vote(approval.ChoiceApprove, ""))
	require.NoError(t, err)
	events, err := d.History(ctx, mona, a.ID)
	require.NoError(t, err)
	var voted, decided []string
	for _, e := range events {
		switch x := e.Data.(type) {
		case ballot.Voted:
			voted = append(voted, x.Exemption)
		case ballot.Decided:
			decided = x.Exemptions
		}
	}
	require.Equal(t, []string{"own laptop"}, voted)
	require.Equal(t, []string{"own laptop"}, decided)

	_, err = d.Request(ctx, mona, ballot.Request{Parent: d.order(), Policy: policy(by("g", "rita")), Subject: approval.Subject{
		Hash: "one", Parties: []approval.Party{{Person: "rita", Duty: "requester"}},
	}})
	require.ErrorContains(t, err, "leave nobody to ask", "without one it is a fault, and no gate that passes")
}

func TestTheGateMayBeLeftOutWhereOneAsks(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	a := d.request(d.order(), policy(by("one", "ada", "bob", "mona"), by("two", "ada")), approval.Party{Person: "mona", Duty: "author"})
	_, err := d.Vote(ctx, mona, a.ID, vote(approval.ChoiceApprove, ""))
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.ErrorContains(t, err, "nobody decides what is their own")
	_, err = d.Vote(ctx, ada, a.ID, vote(approval.ChoiceApprove, ""))
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, `["one" "two"]`)
	v := vote(approval.ChoiceApprove, "")
	v.Gate = "three"
	_, err = d.Vote(ctx, ada, a.ID, v)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	v.Gate = "two"
	_, err = d.Vote(ctx, ada, a.ID, v)
	require.NoError(t, err)
	_, err = d.Vote(ctx, sam, a.ID, vote(approval.ChoiceApprove, ""))
	require.ErrorIs(t, err, itsm.ErrForbidden, "who may read it and is not asked")
	_, err = d.Vote(ctx, bob, a.ID, vote(approval.ChoiceReject, "No"))
	require.NoError(t, err)
	_, err = d.Vote(ctx, ada, a.ID, vote(approval.ChoiceApprove, ""))
	require.ErrorIs(t, err, itsm.ErrTransition, "it has ended")
}

func TestBadInputIsToldAllItsFaultsAndChangesNothing(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	faults := func(err error) map[string]bool {
		t.Helper()
		var invalid *itsm.ValidationError
		require.ErrorAs(t, err, &invalid)
		all := map[string]bool{}
		for _, f := range invalid.Faults {
			all[f.Field] = true
		}
		return all
	}
	_, err := d.Request(ctx, mona, ballot.Request{
		Command: itsm.Command{IfVersion: 3}, Purpose: "\x00", Policy: approval.Policy{Rules: []approval.Rule{{Name: "x"}}}, Facts: approval.Facts{"x": 1.5},
	})
	require.Equal(t, map[string]bool{
		"parent.kind": true, "parent.id": true, "purpose": true, "if_version": true, "policy.name": true, "policy.rules[0].gates": true, "subject.hash": true, "facts": true,
	}, faultsBut(faults(err), "kind"))
	_, err = d.Request(ctx, mona, ballot.Request{Parent: itsm.Ref{Kind: "unheard", ID: "x"}, Policy: policy(by("g", "ada")), Subject: approval.Subject{Hash: "x"}})
	require.Equal(t, map[string]bool{"parent.kind": true}, faults(err))
	parent := d.order()
	_, err = d.Request(ctx, mona, ballot.Request{Parent: parent, Subject: approval.Subject{Hash: "x"}, Policy: policy(
		by("a", "ada"), approval.Definition{Name: "b", Approvers: []approval.Source{{Kind: approval.SourceGroup, Name: "cab"}, {Kind: approval.SourceField, Name: "x.y"}}})})
	require.Equal(t, map[string]bool{"gates.b.approvers[0]": true, "gates.b.approvers[1]": true}, faults(err))
	page, err := d.Of(ctx, mona, parent, ballot.Query{})
	require.NoError(t, err)
	require.Empty(t, page.Items)

	a := d.request(parent, policy(by("g", "ada")))
	_, err = d.Vote(ctx, ada, a.ID, ballot.Vote{Choice: "shrug"})
	require.Equal(t, map[string]bool{"choice": true}, faults(err))
	_, err = d.Vote(ctx, ada, a.ID, ballot.Vote{Choice: approval.ChoiceReject})
	require.Equal(t, map[string]bool{"reason": true}, faults(err))
	_, err = d.Vote(ctx, ada, a.ID, ballot.Vote{Command: itsm.Command{IfVersion: 9}, Choice: approval.ChoiceApprove})
	require.ErrorIs(t, err, itsm.ErrConflict)
	got, err := d.Get(ctx, mona, a.ID)
	require.NoError(t, err)
	require.Equal(t, a, got)

	_, err = d.Delegate(ctx, ada, ballot.NewDelegation{Delegate: "ada"})
	require.Equal(t, map[string]bool{"delegate": true, "until": true}, faults(err))
	_, err = d.Delegate(ctx, ada, ballot.NewDelegation{Until: d.now})
	require.Equal(t, map[string]bool{"delegate": true, "until": true}, faults(err))
	_, err = d.Delegate(ctx, ada, ballot.NewDelegation{Delegate: "bob", Until: d.now.AddDate(2, 0, 0)})
	require.Equal(t, map[string]bool{"until": true}, faults(err))
	_, err = d.Delegate(ctx, ada, ballot.NewDelegation{Delegator: "bob", Delegate: "cyd", Until: d.now.Add(time.Hour)})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Delegate(ctx, mona, ballot.NewDelegation{Delegator: "bob", Delegate: "cyd", Until: d.now.Add(time.Hour)})
	require.NoError(t, err)
	_, err = d.Delegations(ctx, ada, "bob", "", 0)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = ballot.New(nil, ballot.Options{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// faultsBut leaves a field out.
func faultsBut(all map[string]bool, field string) map[string]bool {
	delete(all, field)
	return all
}

func TestOnePersonIsDelegatedToABoundedNumberOfTimes(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	for i := range ballot.MaxDelegations + 1 {
		_, err := d.Delegate(ctx, mona, ballot.NewDelegation{Delegator: itsm.ID(fmt.Sprint("p", i)), Delegate: "zoe", Until: d.now.Add(time.Hour)})
		if i < ballot.MaxDelegations {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, itsm.ErrInvalid)
		}
	}
	d.now = d.now.Add(2 * time.Hour)
	_, err := d.Delegate(ctx, mona, ballot.NewDelegation{Delegator: "x", Delegate: "zoe", Until: d.now.Add(time.Hour)})
	require.NoError(t, err, "those that have ended are not counted")
}

// A record may be approved for several things, each by rounds of its own.
func TestK4PurposesDoNotKnowOfEachOther(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	parent := d.order()
	for _, purpose := range []string{"publish", "retire"} {
		_, err := d.Request(ctx, mona, ballot.Request{Parent: parent, Purpose: purpose, Policy: policy(by("g", "ada")), Subject: approval.Subject{Hash: purpose}})
		require.NoError(t, err)
	}
	_, err := d.Withdraw(ctx, mona, parent, "retire", itsm.Command{})
	require.NoError(t, err)
	require.NoError(t, d.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		publish, _, err := d.Standing(ctx, r, parent, "publish")
		require.NoError(t, err)
		require.True(t, publish.Open)
		retire, _, err := d.Standing(ctx, r, parent, "retire")
		require.Equal(t, approval.StateWithdrawn, retire.State)
		return err
	}))
}

// What no rule matches, and what is automatic, is decided in the transaction that asks.
func TestWhatNeedsNoVoteIsToldAtOnce(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	for _, c := range []struct {
		policy approval.Policy
		state  approval.State
		basis  approval.Basis
	}{
		{approval.Policy{Name: "p"}, approval.StateRejected, approval.BasisNoRule},
		{approval.Policy{Name: "p", Otherwise: approval.OtherwiseApprove}, approval.StateApproved, approval.BasisNoRule},
		{approval.Policy{Name: "p", Rules: []approval.Rule{{Name: "free", Automatic: true}}}, approval.StateApproved, approval.BasisAutomatic},
	} {
		a := d.request(d.order(), c.policy)
		require.Equal(t, c.state, a.State)
		events, err := d.History(ctx, mona, a.ID)
		require.NoError(t, err)
		require.Len(t, events, 2)
		told := events[1].Data.(ballot.Decided)
		require.Equal(t, c.state, told.State)
		require.Equal(t, c.basis, told.Basis)
		require.NotEmpty(t, told.Why)
	}
}

// A fault of the host's directory is no fault of the policy, and leaves nothing behind.
func TestAFaultOfTheDirectoryIsGivenAsItIs(t *testing.T) {
	down := errors.New("the directory is down")
	fail := true
	d := openDesk(t, ballot.Options{Resolve: func(_ context.Context, _ storage.Reader, s approval.Source) ([]itsm.ID, error) {
		if fail {
			return nil, down
		}
		return []itsm.ID{"ada"}, nil
	}})
	ctx := t.Context()
	parent := d.order()
	gate := by("g", "ada")
	gate.ExpireAfterMinutes, gate.OnExpiry, gate.EscalateTo = 10, approval.ExpiryEscalate, []approval.Source{{Kind: approval.SourceRole, Name: "boss"}}
	_, err := d.Request(ctx, mona, ballot.Request{Parent: parent, Policy: policy(gate), Subject: approval.Subject{Hash: "x"}})
	require.ErrorIs(t, err, down)
	fail = false
	a := d.request(parent, policy(gate))
	fail = true
	d.now = d.now.Add(time.Hour)
	ran, err := d.e.Tick(ctx, d.now)
	require.NoError(t, err)
	require.Equal(t, 1, ran.Failed, "the job is tried again")
	got, err := d.Get(ctx, mona, a.ID)
	require.NoError(t, err)
	require.Equal(t, a, got)
}

func TestNobodyDelegatesTheVotesOfAnotherToThemselves(t *testing.T) {
	d := openDesk(t, ballot.Options{})
	ctx := t.Context()
	a := d.request(d.order(), policy(by("now", "ada")))
	_, err := d.Delegate(ctx, mona, ballot.NewDelegation{Delegator: "ada", Delegate: "mona", Until: d.now.Add(time.Hour)})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.ErrorContains(t, err, "nobody delegates the votes of another to themselves")
	_, err = d.Vote(ctx, mona, a.ID, ballot.Vote{For: "ada", Choice: approval.ChoiceApprove})
	require.Error(t, err)

	// To anybody else they may, and it is told who did; of the own votes nobody is named.
	made, err := d.Delegate(ctx, mona, ballot.NewDelegation{Delegator: "ada", Delegate: "bob", Until: d.now.Add(time.Hour)})
	require.NoError(t, err)
	_, err = d.RevokeDelegation(ctx, mona, made.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.Delegate(ctx, ada, ballot.NewDelegation{Delegate: "bob", Until: d.now.Add(time.Hour)})
	require.NoError(t, err)
	var by []itsm.ID
	require.NoError(t, d.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		told, err := d.e.History(ctx, r, storage.EventQuery{Kind: ballot.DelegationKind, Limit: storage.MaxPage})
		for _, e := range told {
			switch data := e.Data.(type) {
			case ballot.Delegated:
				by = append(by, data.By)
			case ballot.DelegationRevoked:
				by = append(by, data.By)
			}
		}
		return err
	}))
	require.ElementsMatch(t, []itsm.ID{"mona", "mona", ""}, by)
}
