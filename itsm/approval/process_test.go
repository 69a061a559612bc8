package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
)

// people resolves persons to themselves, and groups to the persons in their names: "ada+bob".
func people(_ context.Context, s approval.Source) ([]itsm.ID, error) {
	if s.Kind != approval.SourceGroup {
		return []itsm.ID{itsm.ID(s.Name)}, nil
	}
	var ids []itsm.ID
	for _, id := range strings.Split(s.Name, "+") {
		if id != "" {
			ids = append(ids, itsm.ID(id))
		}
	}
	return ids, nil
}

func group(names string) []approval.Source {
	return []approval.Source{{Kind: approval.SourceGroup, Name: names}}
}

func policy(gates ...approval.Definition) approval.Policy {
	return approval.Policy{Name: "p", Rules: []approval.Rule{{Name: "all", Gates: gates}}}
}

func build(t require.TestingT, p approval.Policy, parties ...approval.Party) approval.Process {
	out, err := approval.Build(context.Background(), p, approval.Case{
		Kind: "change", At: monday, Subject: approval.Subject{Hash: "one", Parties: parties}, Resolve: people,
	})
	require.NoError(t, err)
	return out
}

func cast(gate string, by itsm.ID, c approval.Choice) approval.Cast {
	v := approval.Cast{Gate: gate, By: by, Choice: c, At: monday}
	if c == approval.ChoiceReject || c == approval.ChoiceReturn || c == approval.ChoiceAsk {
		v.Reason = "Because"
	}
	return v
}

func state(p approval.Process, gate string) approval.State { return p.Gate(gate).State }

func TestS4GatesOfOneStageAreOpenTogetherAndStagesOneAfterAnother(t *testing.T) {
	p := build(t, policy(
		approval.Definition{Name: "late", Stage: 2, Approvers: group("cyd")},
		approval.Definition{Name: "ada", Stage: 1, Approvers: group("ada")},
		approval.Definition{Name: "bob", Stage: 1, Approvers: group("bob")},
	))
	require.Equal(t, []approval.State{approval.StateOpen, approval.StateOpen, approval.StatePending}, []approval.State{state(p, "ada"), state(p, "bob"), state(p, "late")})
	require.ErrorIs(t, p.Vote(cast("late", "cyd", approval.ChoiceApprove)), itsm.ErrTransition)
	require.NoError(t, p.Vote(cast("ada", "ada", approval.ChoiceApprove)))
	require.Equal(t, approval.StatePending, state(p, "late"))
	require.NoError(t, p.Vote(cast("bob", "bob", approval.ChoiceApprove)))
	require.Equal(t, approval.StateOpen, state(p, "late"))
	require.Equal(t, approval.StateOpen, p.State)
	require.NoError(t, p.Vote(cast("late", "cyd", approval.ChoiceApprove)))
	require.Equal(t, approval.StateApproved, p.State)
}

func TestC4AGateThatIsNotPassedEndsTheRound(t *testing.T) {
	for choice, want := range map[approval.Choice]approval.State{approval.ChoiceReject: approval.StateRejected, approval.ChoiceReturn: approval.StateReturned} {
		p := build(t, policy(
			approval.Definition{Name: "one", Approvers: group("ada+bob")},
			approval.Definition{Name: "beside", Approvers: group("cyd")},
			approval.Definition{Name: "late", Stage: 2, Approvers: group("dan")},
		))
		require.ErrorIs(t, p.Vote(approval.Cast{Gate: "one", By: "ada", Choice: choice, At: monday}), itsm.ErrInvalid, "it takes a reason")
		require.NoError(t, p.Vote(cast("one", "ada", choice)))
		require.Equal(t, want, p.State)
		require.Equal(t, want, state(p, "one"))
		require.Equal(t, approval.StateNotRequired, state(p, "beside"))
		require.Equal(t, approval.StateNotRequired, state(p, "late"))
		require.NotEmpty(t, p.Reason)
	}
}

func TestAVoteMayBeChangedUntilTheGateIsDecided(t *testing.T) {
	p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob"), Rejection: approval.Threshold{Kind: approval.ThresholdAll}}))
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)))
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceAbstain)))
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)))
	var statuses []approval.VoteStatus
	for _, v := range p.Gates[0].Votes {
		statuses = append(statuses, v.Status)
	}
	require.Equal(t, []approval.VoteStatus{approval.VoteReplaced, approval.VoteReplaced, approval.VoteCounted}, statuses)
	require.Equal(t, approval.Tally{Approvers: 2, Approved: 1}, p.Gates[0].Tally())
	require.NoError(t, p.Vote(cast("g", "bob", approval.ChoiceApprove)))
	require.ErrorIs(t, p.Vote(cast("g", "ada", approval.ChoiceAbstain)), itsm.ErrTransition)

	p = build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob")}))
	for range approval.MaxTurns {
		require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceAsk)))
	}
	require.ErrorIs(t, p.Vote(cast("g", "ada", approval.ChoiceAsk)), itsm.ErrInvalid)
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)), "who has asked enough may still vote")
	require.ErrorIs(t, p.Vote(cast("g", "ada", approval.ChoiceAbstain)), itsm.ErrInvalid)
}

func TestAQuestionLeavesTheVoteOpen(t *testing.T) {
	p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada"), Quorum: approval.Threshold{Kind: approval.ThresholdFirst}}))
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceAsk)))
	require.Equal(t, []itsm.ID{"ada"}, p.Gates[0].Missing())
	require.Equal(t, approval.StateOpen, p.State)
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)))
	require.Equal(t, approval.StateApproved, p.State)
}

func TestAbstentionsAreTakenOutOfWhatTheQuorumIsReckonedOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		quorum approval.Threshold
		votes  map[itsm.ID]approval.Choice
		want   approval.State
	}{
		{"all of those who did not", approval.Threshold{}, map[itsm.ID]approval.Choice{"ada": "abstain", "bob": "approve", "cyd": "approve"}, approval.StateApproved},
		{"a percentage of them", approval.Threshold{Kind: "percent", Percent: 60}, map[itsm.ID]approval.Choice{"ada": "abstain", "bob": "abstain", "cyd": "approve"}, approval.StateApproved},
		{"a number stays", approval.Threshold{Kind: "count", Count: 2}, map[itsm.ID]approval.Choice{"ada": "abstain", "bob": "abstain"}, approval.StateRejected},
		{"all abstain", approval.Threshold{Kind: "first"}, map[itsm.ID]approval.Choice{"ada": "abstain", "bob": "abstain", "cyd": "abstain"}, approval.StateRejected},
	} {
		p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob+cyd"), Quorum: c.quorum}))
		for _, id := range []itsm.ID{"ada", "bob", "cyd"} {
			if choice, votes := c.votes[id]; votes {
				require.NoError(t, p.Vote(cast("g", id, choice)), c.name)
			}
		}
		require.Equal(t, c.want, p.State, c.name)
	}
}

// C10: nobody decides what is their own, as an approver or as a delegate, unless an exemption says so, which
// each vote then names.
func TestC10NobodyDecidesWhatIsTheirOwn(t *testing.T) {
	holds := func(delegator, delegate itsm.ID) approval.Delegation {
		return approval.Delegation{Delegator: delegator, Delegate: delegate, From: monday, Until: monday.Add(time.Hour)}
	}
	author := approval.Party{Person: "ada", Duty: "author"}
	d := approval.Definition{Name: "g", Approvers: group("ada+bob+cyd")}
	p := build(t, policy(d), author)
	require.Equal(t, []itsm.ID{"bob", "cyd"}, p.Gates[0].Missing(), "the quorum is of those who may vote")
	require.Equal(t, []approval.Barred{{Person: "ada", From: d.Approvers, Duty: "author"}}, p.Gates[0].Barred)
	require.ErrorContains(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)), "nobody decides what is their own")

	for name, c := range map[string]approval.Cast{
		"an author for another":           {By: "ada", For: "bob", Delegations: []approval.Delegation{holds("bob", "ada")}},
		"another for the author":          {By: "bob", For: "ada", Delegations: []approval.Delegation{holds("ada", "bob")}},
		"without a delegation":            {By: "eve", For: "bob"},
		"who is not asked":                {By: "eve"},
		"for one who is not asked":        {By: "bob", For: "eve", Delegations: []approval.Delegation{holds("eve", "bob")}},
		"by a delegation the other way":   {By: "eve", For: "bob", Delegations: []approval.Delegation{holds("eve", "bob")}},
		"by a delegation passed on":       {By: "eve", For: "bob", Delegations: []approval.Delegation{holds("bob", "dan"), holds("dan", "eve")}},
		"by one that has not begun":       {By: "eve", For: "bob", Delegations: []approval.Delegation{{Delegator: "bob", Delegate: "eve", From: monday.Add(1), Until: monday.Add(time.Hour)}}},
		"by one that has ended":           {By: "eve", For: "bob", Delegations: []approval.Delegation{{Delegator: "bob", Delegate: "eve", From: monday.Add(-time.Hour), Until: monday}}},
		"by one for another sort":         {By: "eve", For: "bob", Delegations: []approval.Delegation{{Delegator: "bob", Delegate: "eve", Kind: "request", From: monday, Until: monday.Add(time.Hour)}}},
		"with the hand that voted itself": {By: "cyd", For: "bob", Delegations: []approval.Delegation{holds("bob", "cyd")}},
	} {
		p := build(t, policy(d), author)
		if strings.HasPrefix(name, "with the hand") {
			require.NoError(t, p.Vote(cast("g", "cyd", approval.ChoiceApprove)))
		}
		before, err := json.Marshal(p)
		require.NoError(t, err)
		c.Gate, c.Choice, c.At = "g", approval.ChoiceApprove, monday
		require.ErrorIs(t, p.Vote(c), itsm.ErrForbidden, name)
		after, err := json.Marshal(p)
		require.NoError(t, err)
		require.JSONEq(t, string(before), string(after), name)
	}

	// A delegate's vote is the delegator's, who may still vote; then the delegate's hand is free again.
	p = build(t, policy(d), author)
	c := approval.Cast{Gate: "g", By: "cyd", For: "bob", Choice: approval.ChoiceAbstain, At: monday, Delegations: []approval.Delegation{holds("bob", "cyd")}}
	require.NoError(t, p.Vote(c))
	require.ErrorIs(t, p.Vote(cast("g", "cyd", approval.ChoiceApprove)), itsm.ErrForbidden, "one person casts one vote")
	require.NoError(t, p.Vote(cast("g", "cyd", approval.ChoiceAsk)), "a question is no vote")
	require.NoError(t, p.Vote(cast("g", "bob", approval.ChoiceApprove)))
	require.NoError(t, p.Vote(cast("g", "cyd", approval.ChoiceApprove)))
	require.Equal(t, approval.StateApproved, p.State)

	d.Exemption = &approval.Exemption{Name: "small teams", Of: []string{"author"}}
	p = build(t, policy(d), author, approval.Party{Person: "bob", Duty: "implementer"})
	require.Equal(t, []itsm.ID{"ada", "cyd"}, p.Gates[0].Missing())
	require.Equal(t, "small teams", p.Gates[0].Asked[0].Exemption)
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)))
	require.Equal(t, "small teams", p.Gates[0].Votes[0].Exemption)
	require.NoError(t, p.Vote(cast("g", "cyd", approval.ChoiceApprove)))
	require.Empty(t, p.Gates[0].Votes[1].Exemption)
	require.Contains(t, p.Explain().String(), `ada: approve, by the exemption "small teams"`)
	p = build(t, policy(d), author, approval.Party{Person: "ada", Duty: "implementer"})
	require.Equal(t, []itsm.ID{"bob", "cyd"}, p.Gates[0].Missing(), "every duty of hers must be exempt")
}

func TestWhoCannotBeFoundIsAFaultByName(t *testing.T) {
	refuse := errors.New("the directory is down")
	for _, c := range []struct {
		name    string
		d       approval.Definition
		facts   approval.Facts
		parties []approval.Party
		resolve approval.Resolve
		want    string
	}{
		{"an empty group", approval.Definition{Approvers: group("")}, nil, nil, func(context.Context, approval.Source) ([]itsm.ID, error) { return nil, nil }, `gates.g.approvers[0] the group "" is nobody`},
		{"one of two", approval.Definition{Approvers: []approval.Source{{Kind: "person", Name: "ada"}, {Kind: "role", Name: "director"}}}, nil, nil,
			func(_ context.Context, s approval.Source) ([]itsm.ID, error) {
				if s.Kind == approval.SourceRole {
					return nil, itsm.ErrNotFound
				}
				return []itsm.ID{"ada"}, nil
			}, `gates.g.approvers[1] the role "director" is nobody`},
		{"a field that is empty", approval.Definition{Approvers: []approval.Source{{Kind: "field", Name: "requester.manager"}}}, approval.Facts{"requester.manager": nil}, nil, people,
			`the person in "requester.manager" is nobody who could approve: requester.manager is empty`},
		{"a field that is no text", approval.Definition{Approvers: []approval.Source{{Kind: "group_field", Name: "ci.group"}}}, approval.Facts{"ci.group": int64(7)}, nil, people, `the group in "ci.group"`},
		{"nothing to resolve by", approval.Definition{Approvers: group("ada")}, nil, nil, nil, `the group "ada" is nobody who could approve: group is not known`},
		{"all are parties", approval.Definition{Approvers: group("ada")}, nil, []approval.Party{{Person: "ada", Duty: "requester"}}, people, "leave nobody to ask; nobody decides what is their own, which bars ada (requester)"},
		{"fewer than it needs", approval.Definition{Approvers: group("ada+bob"), Quorum: approval.Threshold{Kind: "count", Count: 3}}, nil, nil, people, "takes 3 approvals and there are 2 persons"},
		{"fewer for the parties", approval.Definition{Approvers: group("ada+bob"), Quorum: approval.Threshold{Kind: "count", Count: 2}}, nil, []approval.Party{{Person: "ada", Duty: "requester"}}, people, "bars ada (requester)"},
		{"an id that cannot be", approval.Definition{Approvers: group("x")}, nil, nil, func(context.Context, approval.Source) ([]itsm.ID, error) { return []itsm.ID{""}, nil }, `gives a person whose id`},
	} {
		c.d.Name = "g"
		if c.d.Approvers[0].Name == "" {
			c.d.Approvers[0].Name = "nobody"
			c.want = strings.ReplaceAll(c.want, `""`, `"nobody"`)
		}
		_, err := approval.Build(t.Context(), policy(c.d), approval.Case{Kind: "change", At: monday, Facts: c.facts, Subject: approval.Subject{Hash: "one", Parties: c.parties}, Resolve: c.resolve})
		require.ErrorIs(t, err, itsm.ErrInvalid, c.name)
		require.ErrorContains(t, err, c.want, c.name)
	}
	_, err := approval.Build(t.Context(), policy(approval.Definition{Name: "g", Approvers: group("x")}), approval.Case{
		Kind: "change", At: monday, Subject: approval.Subject{Hash: "one"},
		Resolve: func(context.Context, approval.Source) ([]itsm.ID, error) { return nil, refuse },
	})
	require.ErrorIs(t, err, refuse, "what is no fault of the policy is given as it is")
	require.NotErrorIs(t, err, itsm.ErrInvalid)
}

func TestApproversAreFoundByFieldAndAskedOnce(t *testing.T) {
	d := approval.Definition{Name: "g", Approvers: []approval.Source{
		{Kind: "field", Name: "requester.manager"}, {Kind: "group_field", Name: "ci.group"}, {Kind: "person", Name: "bob"},
	}}
	p, err := approval.Build(t.Context(), policy(d), approval.Case{
		Kind: "change", At: monday, Subject: approval.Subject{Hash: "one"}, Resolve: people,
		Facts: approval.Facts{"requester.manager": "mona", "ci.group": "bob+mona"},
	})
	require.NoError(t, err)
	require.Equal(t, []approval.Approver{
		{Person: "mona", From: d.Approvers[:2]}, {Person: "bob", From: d.Approvers[1:]},
	}, p.Gates[0].Asked)
}

// C5: the table decides by the first rule, or by all.
func TestC5ThePolicyIsADecisionTable(t *testing.T) {
	a := approval.Definition{Name: "a", Approvers: group("ada")}
	b := approval.Definition{Name: "b", Approvers: group("bob")}
	p := approval.Policy{Name: "p", Rules: []approval.Rule{
		{Name: "free", When: equal("type", "standard"), Automatic: true},
		{Name: "dear", When: equal("cost", int64(9)), Gates: []approval.Definition{a, b}},
		{Name: "risky", When: equal("risk", true), Gates: []approval.Definition{b}},
	}}
	for _, c := range []struct {
		name      string
		match     approval.Match
		otherwise approval.Otherwise
		facts     approval.Facts
		basis     approval.Basis
		state     approval.State
		rules     string
		gates     string
	}{
		{"first", "", "", approval.Facts{"cost": int64(9), "risk": true}, approval.BasisGates, approval.StateOpen, "dear", "a b"},
		{"all, each gate once", approval.MatchAll, "", approval.Facts{"cost": int64(9), "risk": true}, approval.BasisGates, approval.StateOpen, "dear risky", "a b"},
		{"one of all", approval.MatchAll, "", approval.Facts{"risk": true}, approval.BasisGates, approval.StateOpen, "risky", "b"},
		{"automatic", "", "", approval.Facts{"type": "standard", "risk": true}, approval.BasisAutomatic, approval.StateApproved, "free", ""},
		{"automatic is nothing where others match", approval.MatchAll, "", approval.Facts{"type": "standard", "risk": true}, approval.BasisGates, approval.StateOpen, "free risky", "b"},
		{"none", "", "", approval.Facts{"type": "other"}, approval.BasisNoRule, approval.StateRejected, "", ""},
		{"none of all", approval.MatchAll, approval.OtherwiseReject, nil, approval.BasisNoRule, approval.StateRejected, "", ""},
		{"none, and that is enough", "", approval.OtherwiseApprove, nil, approval.BasisNoRule, approval.StateApproved, "", ""},
	} {
		p.Match, p.Otherwise = c.match, c.otherwise
		got, err := approval.Build(t.Context(), p, approval.Case{Kind: "change", At: monday, Facts: c.facts, Subject: approval.Subject{Hash: "one"}, Resolve: people})
		require.NoError(t, err, c.name)
		require.Equal(t, c.basis, got.Basis, c.name)
		require.Equal(t, c.state, got.State, c.name)
		require.Equal(t, c.rules, strings.Join(got.Rules, " "), c.name)
		var gates []string
		for _, g := range got.Gates {
			gates = append(gates, g.Name)
		}
		require.Equal(t, c.gates, strings.Join(gates, " "), c.name)
		require.Equal(t, c.state != approval.StateOpen, got.Reason != "", c.name)
	}
}

func TestARevisionOfThePartiesBarsAndAsks(t *testing.T) {
	p := build(t, policy(
		approval.Definition{Name: "one", Approvers: group("ada+bob+cyd")},
		approval.Definition{Name: "two", Stage: 2, Approvers: group("dan+eve")},
	), approval.Party{Person: "cyd", Duty: "implementer"})
	require.NoError(t, p.Vote(cast("one", "ada", approval.ChoiceApprove)))
	to := func(parties ...approval.Party) approval.Subject {
		return approval.Subject{Hash: "one", Parties: parties}
	}
	require.False(t, p.Material(to(approval.Party{Person: "bob", Duty: "implementer"})))
	require.True(t, p.Material(to(approval.Party{Person: "ada", Duty: "implementer"})), "she has voted")
	require.True(t, p.Material(approval.Subject{Hash: "two"}))
	byDelegate := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob")}))
	require.NoError(t, byDelegate.Vote(approval.Cast{Gate: "g", By: "eve", For: "ada", Choice: approval.ChoiceApprove, At: monday,
		Delegations: []approval.Delegation{{Delegator: "ada", Delegate: "eve", From: monday, Until: monday.Add(1)}}}))
	require.True(t, byDelegate.Material(to(approval.Party{Person: "eve", Duty: "implementer"})), "she has voted for another")
	require.False(t, byDelegate.Material(to(approval.Party{Person: "bob", Duty: "implementer"})))
	require.ErrorIs(t, p.Revise(approval.Subject{Hash: "two"}, monday), itsm.ErrTransition)
	require.ErrorIs(t, p.Revise(to(approval.Party{Person: "dan", Duty: "x"}, approval.Party{Person: "eve", Duty: "x"}), monday), itsm.ErrInvalid, "nobody would be left")

	require.NoError(t, p.Revise(to(), monday))
	require.Equal(t, []itsm.ID{"bob", "cyd"}, p.Gates[0].Missing(), "cyd is a party no more")
	require.NoError(t, p.Revise(to(approval.Party{Person: "bob", Duty: "x"}, approval.Party{Person: "cyd", Duty: "x"}, approval.Party{Person: "dan", Duty: "x"}), monday))
	require.Equal(t, approval.StateApproved, state(p, "one"), "all who are left have approved")
	require.Equal(t, approval.StateOpen, state(p, "two"))
	require.Equal(t, []itsm.ID{"eve"}, p.Gate("two").Missing())
}

func TestWhatTheRevisionOfPartiesDecidesWhileSuspendedIsDecidedOnRelease(t *testing.T) {
	p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob")}))
	require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)))
	require.NoError(t, p.Suspend(monday))
	require.NoError(t, p.Revise(approval.Subject{Hash: "one", Parties: []approval.Party{{Person: "bob", Duty: "implementer"}}}, monday))
	require.Equal(t, approval.StateSuspended, state(p, "g"))
	require.NoError(t, p.Release(monday))
	require.Equal(t, approval.StateApproved, p.State)
}

func TestAGateThatExpires(t *testing.T) {
	late := monday.Add(time.Hour)
	for _, c := range []struct {
		then  approval.Expiry
		to    []approval.Source
		state approval.State
		asked []itsm.ID
	}{
		{approval.ExpiryStay, nil, approval.StateOpen, []itsm.ID{"ada", "bob", "cyd"}},
		{approval.ExpiryReject, nil, approval.StateRejected, []itsm.ID{"ada", "bob", "cyd"}},
		{approval.ExpiryReturn, nil, approval.StateReturned, []itsm.ID{"ada", "bob", "cyd"}},
		{approval.ExpiryEscalate, group("dan+ada+zoe"), approval.StateOpen, []itsm.ID{"ada", "dan"}},
	} {
		p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob+cyd"), RemindAfterMinutes: 30, ExpireAfterMinutes: 60, OnExpiry: c.then, EscalateTo: c.to}),
			approval.Party{Person: "zoe", Duty: "author"})
		require.NoError(t, p.Vote(cast("g", "ada", approval.ChoiceApprove)))
		g := p.Gate("g")
		require.Equal(t, monday.Add(30*time.Minute), g.RemindAt())
		require.Equal(t, late, g.ExpireAt())
		require.NoError(t, p.Remind("g", monday.Add(30*time.Minute)))
		require.True(t, p.Gate("g").RemindAt().IsZero())
		require.NoError(t, p.Expire(t.Context(), "g", late, people))
		g = p.Gate("g")
		require.Equal(t, c.state, g.State, c.then)
		require.Equal(t, c.state, p.State, c.then)
		require.True(t, g.ExpireAt().IsZero(), "once")
		var asked []itsm.ID
		for _, a := range g.Asked {
			asked = append(asked, a.Person)
		}
		require.Equal(t, c.asked, asked, c.then)
		if c.then == approval.ExpiryEscalate {
			require.NoError(t, p.Vote(cast("g", "dan", approval.ChoiceApprove)))
			require.Equal(t, approval.StateApproved, p.State)
		}
	}
	// Nobody to escalate to: it stays as it is.
	p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada+bob"), ExpireAfterMinutes: 60, OnExpiry: approval.ExpiryEscalate, EscalateTo: group("zoe")}),
		approval.Party{Person: "zoe", Duty: "author"})
	err := p.Expire(t.Context(), "g", late, people)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.Equal(t, approval.StateOpen, p.State)
	require.Equal(t, []itsm.ID{"ada", "bob"}, p.Gates[0].Missing())
	require.Equal(t, late, p.Gates[0].Expired)
}

func TestAVoteIsBoundToWhatTheVoterHasSeen(t *testing.T) {
	p := build(t, policy(approval.Definition{Name: "g", Approvers: group("ada")}))
	c := cast("g", "ada", approval.ChoiceApprove)
	c.Hash = "before"
	require.ErrorIs(t, p.Vote(c), itsm.ErrConflict)
	c.Hash = "one"
	require.NoError(t, p.Vote(c))
	require.Equal(t, "one", p.Gates[0].Votes[0].Hash)
	one, err := approval.HashOf(map[string]any{"plan": "x", "window": 1})
	require.NoError(t, err)
	same, err := approval.HashOf(map[string]any{"window": 1, "plan": "x"})
	require.NoError(t, err)
	other, err := approval.HashOf(map[string]any{"window": 2, "plan": "x"})
	require.NoError(t, err)
	require.Equal(t, one, same)
	require.NotEqual(t, one, other)
	require.Len(t, one, 64)
	_, err = approval.HashOf(func() {})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// A gate takes an action exactly where the table of its lifecycle has it, in every state.
func TestEveryActionInEveryStateOfAGateIsAsTheTableSays(t *testing.T) {
	d := approval.Definition{Name: "g", Stage: 1, Approvers: group("ada+bob+cyd"), RemindAfterMinutes: 1, ExpireAfterMinutes: 2, OnExpiry: approval.ExpiryEscalate, EscalateTo: group("dan")}
	first := approval.Definition{Name: "first", Approvers: group("zoe")}
	must := func(errs ...error) { require.NoError(t, errors.Join(errs...)) }
	in := map[approval.State]func() approval.Process{
		approval.StatePending: func() approval.Process { return build(t, policy(first, d)) },
		approval.StateOpen:    func() approval.Process { return build(t, policy(d)) },
		approval.StateSuspended: func() approval.Process {
			p := build(t, policy(d))
			must(p.Suspend(monday))
			return p
		},
		approval.StateApproved: func() approval.Process {
			p := build(t, policy(d))
			must(p.Vote(cast("g", "ada", "approve")), p.Vote(cast("g", "bob", "approve")), p.Vote(cast("g", "cyd", "approve")))
			return p
		},
		approval.StateRejected: func() approval.Process {
			p := build(t, policy(d))
			must(p.Vote(cast("g", "ada", "reject")))
			return p
		},
		approval.StateReturned: func() approval.Process {
			p := build(t, policy(d))
			must(p.Vote(cast("g", "ada", "return")))
			return p
		},
		approval.StateNotRequired: func() approval.Process {
			p := build(t, policy(first, d))
			must(p.Vote(cast("first", "zoe", "reject")))
			return p
		},
		approval.StateWithdrawn: func() approval.Process {
			p := build(t, policy(d))
			must(p.Withdraw(monday, "Cancelled"))
			return p
		},
		approval.StateLapsed: func() approval.Process {
			p := build(t, policy(d))
			must(p.Lapse(monday, "Changed"))
			return p
		},
	}
	do := map[approval.Action]func(p *approval.Process) error{
		approval.ActionRemind:   func(p *approval.Process) error { return p.Remind("g", monday) },
		approval.ActionExpire:   func(p *approval.Process) error { return p.Expire(t.Context(), "g", monday, people) },
		approval.ActionSuspend:  func(p *approval.Process) error { return p.Suspend(monday) },
		approval.ActionRelease:  func(p *approval.Process) error { return p.Release(monday) },
		approval.ActionWithdraw: func(p *approval.Process) error { return p.Withdraw(monday, "Cancelled") },
		approval.ActionLapse:    func(p *approval.Process) error { return p.Lapse(monday, "Changed") },
	}
	for _, c := range approval.Choices() {
		do[approval.Action(c)] = func(p *approval.Process) error { return p.Vote(cast("g", "bob", c)) }
	}
	// What is of the whole process reaches gates in other states too, and leaves them.
	whole := map[approval.Action][]approval.State{
		approval.ActionSuspend: {approval.StatePending},
		approval.ActionLapse:   {approval.StateApproved, approval.StateRejected, approval.StateReturned, approval.StateNotRequired},
	}
	// These follow from others.
	follows := []approval.Action{approval.ActionOpen, approval.ActionPass, approval.ActionFail, approval.ActionSendBack, approval.ActionEscalate, approval.ActionDrop}
	actions := map[approval.Action]bool{}
	for _, r := range approval.Lifecycle().Rules() {
		actions[r.On] = true
		_, known := do[r.On]
		require.True(t, known || slices.Contains(follows, r.On), r.On)
	}
	require.Len(t, actions, len(do)+len(follows))
	require.Len(t, in, len(approval.Lifecycle().States()))
	for s, make := range in {
		for action, fn := range do {
			p := make()
			require.Equal(t, s, state(p, "g"))
			before, err := json.Marshal(p)
			require.NoError(t, err)
			err = fn(&p)
			at := string(s) + " " + string(action)
			switch {
			case slices.Contains(whole[action], s):
				require.NoError(t, err, at)
				require.Equal(t, s, state(p, "g"), at)
			case approval.Lifecycle().Has(s, action):
				require.NoError(t, err, at)
				to, _ := approval.Lifecycle().Leads(s, action, "")
				if got := state(p, "g"); got != to { // a vote that decides
					require.True(t, approval.Lifecycle().Has(s, map[approval.State]approval.Action{
						approval.StateRejected: approval.ActionFail, approval.StateReturned: approval.ActionSendBack,
					}[got]), at)
				}
			default:
				require.ErrorIs(t, err, itsm.ErrTransition, at)
				after, err := json.Marshal(p)
				require.NoError(t, err)
				require.JSONEq(t, string(before), string(after), at)
			}
		}
	}
}
