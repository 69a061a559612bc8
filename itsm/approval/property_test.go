package approval_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
)

var everybody = []itsm.ID{"ada", "bob", "cyd", "dan", "eve", "fay"}

func drawThreshold(t *rapid.T, label string, most int) approval.Threshold {
	switch kind := rapid.SampledFrom([]approval.ThresholdKind{"", "first", "all", "count", "percent"}).Draw(t, label); kind {
	case "":
		return approval.Threshold{}
	case approval.ThresholdCount:
		return approval.Threshold{Kind: kind, Count: rapid.IntRange(1, most).Draw(t, label+" count")}
	case approval.ThresholdPercent:
		return approval.Threshold{Kind: kind, Percent: rapid.IntRange(1, 100).Draw(t, label+" percent")}
	default:
		return approval.Threshold{Kind: kind}
	}
}

func drawSubset(t *rapid.T, label string, least int) []itsm.ID {
	for {
		var some []itsm.ID
		for _, id := range everybody {
			if rapid.Bool().Draw(t, label+" "+string(id)) {
				some = append(some, id)
			}
		}
		if len(some) >= least {
			return some
		}
		least--
	}
}

func drawGate(t *rapid.T, name string) approval.Definition {
	d := approval.Definition{Name: name, Stage: rapid.IntRange(0, 2).Draw(t, "stage"), ExpireAfterMinutes: 60}
	for _, id := range append(drawSubset(t, "approver", 1), "zoe") {
		d.Approvers = append(d.Approvers, approval.Source{Kind: approval.SourcePerson, Name: string(id)})
	}
	d.Quorum, d.Rejection = drawThreshold(t, "quorum", 2), drawThreshold(t, "rejection", 3)
	if rapid.Bool().Draw(t, "exempt") {
		d.Exemption = &approval.Exemption{Name: "small teams"}
		if rapid.Bool().Draw(t, "of authors") {
			d.Exemption.Of = []string{"author"}
		}
	}
	d.OnExpiry = rapid.SampledFrom([]approval.Expiry{"", "reject", "return", "escalate"}).Draw(t, "on expiry")
	if d.OnExpiry == approval.ExpiryEscalate {
		d.EscalateTo = group("yan+eve")
	}
	return d
}

func drawParties(t *rapid.T) (all []approval.Party) {
	for _, id := range drawSubset(t, "party", 0) {
		all = append(all, approval.Party{Person: id, Duty: rapid.SampledFrom([]string{"author", "implementer"}).Draw(t, "duty")})
	}
	return all
}

// barred is the oracle of separation of duties.
func barred(d approval.Definition, parties []approval.Party, person itsm.ID) bool {
	for _, x := range parties {
		if x.Person != person {
			continue
		}
		if d.Exemption == nil || d.Exemption.Of != nil && !slices.Contains(d.Exemption.Of, x.Duty) {
			return true
		}
	}
	return false
}

func decided(s approval.State) bool {
	return s == approval.StateApproved || s == approval.StateRejected || s == approval.StateReturned
}

// Whatever is done: votes of a decided gate never change, nobody decides their own unless an exemption is
// named, one person has one vote in a gate, and the explanation agrees with the decision.
func TestC9VotesLastAndDutiesStaySeparateWhateverIsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var defs []approval.Definition
		for _, name := range []string{"g1", "g2", "g3"}[:rapid.IntRange(1, 3).Draw(t, "gates")] {
			defs = append(defs, drawGate(t, name))
		}
		p, err := approval.Build(t.Context(), policy(defs...), approval.Case{
			Kind: "change", At: monday, Subject: approval.Subject{Hash: "one", Parties: drawParties(t)}, Resolve: people,
		})
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		check(t, &p)
		holds := func(from, to itsm.ID) approval.Delegation {
			return approval.Delegation{Delegator: from, Delegate: to, From: monday, Until: monday.Add(time.Hour)}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			before := clone(p)
			ended := false
			gate := rapid.SampledFrom(defs).Draw(t, "gate").Name
			person := rapid.SampledFrom(append(everybody, "zoe", "yan"))
			switch rapid.SampledFrom([]string{"vote", "vote", "vote", "vote", "delegate", "expire", "suspend", "release", "revise", "withdraw", "lapse"}).Draw(t, "do") {
			case "vote":
				err = p.Vote(cast(gate, person.Draw(t, "by"), rapid.SampledFrom(approval.Choices()).Draw(t, "choice")))
			case "delegate":
				c := cast(gate, person.Draw(t, "by"), rapid.SampledFrom(approval.Choices()).Draw(t, "choice"))
				c.For = person.Draw(t, "for")
				c.Delegations = []approval.Delegation{holds(c.For, c.By)}
				err = p.Vote(c)
			case "expire":
				if err = p.Expire(t.Context(), gate, monday, people); err != nil && p.Gate(gate).Expired.Equal(monday) {
					err = nil // nobody to escalate to, which is noted
				}
			case "suspend":
				err = p.Suspend(monday)
			case "release":
				err = p.Release(monday)
			case "revise":
				s := approval.Subject{Hash: "one", Parties: drawParties(t)}
				material := p.Material(s)
				if err = p.Revise(s, monday); material {
					require.Error(t, err)
				}
			case "withdraw":
				err, ended = p.Withdraw(monday, "Cancelled"), true
			case "lapse":
				err, ended = p.Lapse(monday, "Changed"), true
			}
			if err != nil {
				require.Equal(t, before, p, "what is refused changes nothing")
				continue
			}
			lasting(t, before, p, ended)
			check(t, &p)
		}
	})
}

func clone(p approval.Process) approval.Process {
	p.Gates = slices.Clone(p.Gates)
	for i := range p.Gates {
		p.Gates[i].Votes, p.Gates[i].Asked, p.Gates[i].Barred = slices.Clone(p.Gates[i].Votes), slices.Clone(p.Gates[i].Asked), slices.Clone(p.Gates[i].Barred)
	}
	return p
}

// lasting holds that votes are only added, and none to a gate that was decided.
func lasting(t *rapid.T, before, after approval.Process, ended bool) {
	for i, was := range before.Gates {
		is := after.Gates[i]
		require.GreaterOrEqual(t, len(is.Votes), len(was.Votes))
		for n, v := range was.Votes {
			now := is.Votes[n]
			if ended && v.Status == approval.VoteCounted {
				require.Equal(t, approval.VoteLapsed, now.Status)
				now.Status = v.Status
			}
			if !decided(was.State) && now.Status == approval.VoteReplaced {
				now.Status = v.Status
			}
			require.Equal(t, v, now)
		}
		if decided(was.State) {
			require.Equal(t, was.State, is.State)
			require.Len(t, is.Votes, len(was.Votes))
			require.Equal(t, was.Asked, is.Asked)
		}
	}
	if decided(before.State) && !ended {
		require.Equal(t, before.State, after.State)
	}
}

// check holds what is true of every process.
func check(t *rapid.T, p *approval.Process) {
	e := p.Explain()
	require.Equal(t, p.State, e.State)
	open, failed, allApproved := false, approval.State(""), true
	stageOpen := 0
	for i := range p.Gates {
		g, x := &p.Gates[i], e.Gates[i]
		approvers, hands := map[itsm.ID]bool{}, map[itsm.ID]bool{}
		var tally approval.Tally
		tally.Approvers = len(g.Asked)
		for _, v := range g.Votes {
			if v.Status != approval.VoteCounted {
				continue
			}
			require.False(t, approvers[v.Approver], "one vote of each approver counts")
			require.False(t, hands[v.By], "one person has cast one vote")
			approvers[v.Approver], hands[v.By] = true, true
			require.True(t, slices.ContainsFunc(g.Asked, func(a approval.Approver) bool { return a.Person == v.Approver }))
			for _, person := range []itsm.ID{v.Approver, v.By} {
				require.False(t, barred(g.Definition, p.Subject.Parties, person), "%s decides their own", person)
			}
			switch v.Choice {
			case approval.ChoiceApprove:
				tally.Approved++
			case approval.ChoiceReject:
				tally.Rejected++
			case approval.ChoiceAbstain:
				tally.Abstained++
			case approval.ChoiceReturn:
				tally.Returned++
			}
		}
		for _, v := range g.Votes {
			party := slices.ContainsFunc(p.Subject.Parties, func(x approval.Party) bool { return x.Person == v.By || x.Person == v.Approver })
			if v.Status == approval.VoteCounted && party && v.Exemption == "" {
				// Only who became a party afterwards, with an exemption that covers it.
				require.NotNil(t, g.Exemption)
			}
			if v.Exemption != "" {
				require.Equal(t, g.Exemption.Name, v.Exemption, "it names what let it pass")
			}
		}
		require.Equal(t, tally, x.Tally)
		require.Len(t, x.Missing, tally.Pending(), "who is missing is who has not voted")
		require.Equal(t, g.State, x.State)
		require.NotEmpty(t, x.Decides)
		expired := !g.Expired.IsZero()
		switch g.State {
		case approval.StateOpen, approval.StateSuspended:
			open = true
			stageOpen = max(stageOpen, g.Stage)
			if g.State == approval.StateSuspended { // parties may change meanwhile, and what follows waits
				break
			}
			require.Equal(t, approval.StateOpen, g.Decide(tally), "open gates are those that are not decided")
			require.Positive(t, x.ToApprove-tally.Approved)
			require.Positive(t, x.ToReject-tally.Rejected)
			require.LessOrEqual(t, x.ToApprove, tally.Approved+tally.Pending(), "what it takes is within reach")
		case approval.StateApproved:
			if p.State != approval.StateLapsed && p.State != approval.StateWithdrawn {
				require.Equal(t, approval.StateApproved, g.Decide(tally))
			}
		case approval.StateRejected, approval.StateReturned:
			failed = g.State
			if !expired && p.State == g.State {
				require.Equal(t, g.State, g.Decide(tally))
			}
		}
		allApproved = allApproved && g.State == approval.StateApproved
		if g.State == approval.StatePending {
			require.NotZero(t, g.Stage)
		}
	}
	switch p.State {
	case approval.StateOpen:
		require.True(t, open, "an open process waits for somebody")
		require.Empty(t, failed)
		for i := range p.Gates {
			if g := &p.Gates[i]; g.Stage < stageOpen {
				require.Equal(t, approval.StateApproved, g.State, "the stages before have approved")
			}
		}
	case approval.StateApproved:
		require.True(t, allApproved)
	case approval.StateRejected, approval.StateReturned:
		require.Equal(t, failed, p.State)
		require.False(t, open)
	default:
		require.False(t, open)
	}
}

// The same votes in any order come to the same outcome where the gate says that it is so.
func TestVotesInAnyOrderComeToOneOutcomeWhereTheGateSaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := approval.Definition{Name: "g", Approvers: group("ada+bob+cyd+dan+eve+fay"), Quorum: drawThreshold(t, "quorum", 6), Rejection: drawThreshold(t, "rejection", 6)}
		if !d.OrderIndependent(len(everybody)) {
			return
		}
		choices := map[itsm.ID]approval.Choice{}
		for _, id := range everybody {
			choices[id] = rapid.SampledFrom([]approval.Choice{"approve", "reject", "abstain"}).Draw(t, string(id))
		}
		outcome := func(order []itsm.ID) approval.State {
			p := build(t, policy(d))
			for _, id := range order {
				if p.State != approval.StateOpen {
					break
				}
				require.NoError(t, p.Vote(cast("g", id, choices[id])))
			}
			return p.State
		}
		want := outcome(everybody)
		require.True(t, decided(want))
		require.Equal(t, want, outcome(rapid.Permutation(everybody).Draw(t, "order")))
	})
}
