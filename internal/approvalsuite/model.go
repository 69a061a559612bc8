// This file holds the model test: random policies, and random votes, edits, holds and ends, each compared with
// an oracle that knows only who was asked, what they said, and how many it takes.

package approvalsuite

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/storage"
)

// share is how many it takes: a part of those who do not abstain, or a number.
type share struct {
	part  *big.Rat
	count int
}

func (s share) of(n int) int {
	if s.part == nil {
		return s.count
	}
	whole := new(big.Rat).Mul(s.part, new(big.Rat).SetInt64(int64(n)))
	for k := 0; ; k++ {
		if k > 0 && whole.Cmp(new(big.Rat).SetInt64(int64(k))) <= 0 {
			return k
		}
	}
}

// shares are thresholds with what they come to.
var shares = []struct {
	t approval.Threshold
	s share
}{
	{approval.Threshold{Kind: approval.ThresholdAll}, share{part: big.NewRat(1, 1)}},
	{approval.Threshold{Kind: approval.ThresholdFirst}, share{count: 1}},
	{approval.Threshold{Kind: approval.ThresholdCount, Count: 2}, share{count: 2}},
	{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 50}, share{part: big.NewRat(1, 2)}},
	{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 67}, share{part: big.NewRat(67, 100)}},
}

// modelGate is a gate as the model has it.
type modelGate struct {
	name      string
	stage     int
	people    []itsm.ID
	yes, no   share
	expires   approval.Expiry // with minutes
	minutes   int
	said      map[itsm.ID]approval.Choice
	state     approval.State
	asked     time.Time
	hasWaited bool
}

// model is the rounds of one record, the last one current.
type model struct {
	gates     []*modelGate
	state     approval.State
	suspended bool
	hash      int
	round     int
	lapsed    []approval.State // the rounds before, as they ended
}

// begin starts a round of the policy's gates.
func (m *model) begin(now time.Time) {
	if m.round > 0 {
		if m.state != approval.StateWithdrawn {
			m.state = approval.StateLapsed
		}
		m.lapsed = append(m.lapsed, m.state)
	}
	m.round++
	m.suspended = m.suspended && m.state == approval.StateLapsed
	m.state = approval.StateOpen
	for _, g := range m.gates {
		g.said, g.state, g.hasWaited = map[itsm.ID]approval.Choice{}, approval.StatePending, false
	}
	m.settle(now)
	if m.suspended {
		m.hold()
	}
}

func (m *model) hold() {
	m.suspended = true
	for _, g := range m.gates {
		if g.state == approval.StateOpen {
			g.state = approval.StateSuspended
		}
	}
}

func (m *model) release(now time.Time) {
	m.suspended = false
	for _, g := range m.gates {
		if g.state == approval.StateSuspended {
			g.state, g.asked, g.hasWaited = approval.StateOpen, now, false
		}
	}
}

// outcome of a gate by what was said.
func (g *modelGate) outcome() approval.State {
	n := map[approval.Choice]int{}
	for _, c := range g.said {
		n[c]++
	}
	of := len(g.people) - n[approval.ChoiceAbstain]
	silent := len(g.people) - len(g.said)
	switch {
	case n[approval.ChoiceReturn] > 0:
		return approval.StateReturned
	case n[approval.ChoiceReject] >= g.no.of(of), n[approval.ChoiceApprove]+silent < g.yes.of(of):
		return approval.StateRejected
	case n[approval.ChoiceApprove] >= g.yes.of(of):
		return approval.StateApproved
	}
	return approval.StateOpen
}

// settle follows what was said until nothing follows any more.
func (m *model) settle(now time.Time) {
	for {
		for _, g := range m.gates {
			if g.state == approval.StateOpen {
				g.state = g.outcome()
			}
			if g.state == approval.StateRejected || g.state == approval.StateReturned {
				m.end(g.state, approval.StateNotRequired)
				return
			}
		}
		stage, waits := -1, false
		for _, g := range m.gates {
			waits = waits || g.state == approval.StateOpen
			if g.state == approval.StatePending && (stage < 0 || g.stage < stage) {
				stage = g.stage
			}
		}
		if waits {
			return
		}
		if stage < 0 {
			m.state = approval.StateApproved
			return
		}
		for _, g := range m.gates {
			if g.stage == stage && g.state == approval.StatePending {
				g.state, g.asked = approval.StateOpen, now
			}
		}
	}
}

// end is that of the round; gates that are not decided become rest.
func (m *model) end(to, rest approval.State) {
	m.state, m.suspended = to, false
	for _, g := range m.gates {
		if g.state == approval.StatePending || g.state == approval.StateOpen || g.state == approval.StateSuspended {
			g.state = rest
		}
	}
}

// tick is what comes by the clock.
func (m *model) tick(now time.Time) {
	for _, g := range m.gates {
		if g.minutes == 0 || g.state != approval.StateOpen || g.hasWaited || now.Before(g.asked.Add(time.Duration(g.minutes)*time.Minute)) {
			continue
		}
		g.hasWaited = true
		switch g.expires {
		case approval.ExpiryReject:
			g.state = approval.StateRejected
		case approval.ExpiryReturn:
			g.state = approval.StateReturned
		}
		m.settle(now)
		return // one gate alone expires
	}
}

// policy is that of the gates.
func (m *model) policy(thresholds [][2]approval.Threshold) approval.Policy {
	var defs []approval.Definition
	for i, g := range m.gates {
		d := approval.Definition{Name: g.name, Stage: g.stage, Quorum: thresholds[i][0], Rejection: thresholds[i][1], ExpireAfterMinutes: g.minutes, OnExpiry: g.expires}
		for _, id := range g.people {
			d.Approvers = append(d.Approvers, approval.Source{Kind: approval.SourcePerson, Name: string(id)})
		}
		defs = append(defs, d)
	}
	return gates(defs...)
}

func runModel(t *testing.T, d *desk) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		parent := d.order(t, ctx, acme)
		m := &model{}
		var thresholds [][2]approval.Threshold
		for i := range rapid.IntRange(1, 3).Draw(t, "gates") {
			yes, no := rapid.SampledFrom(shares).Draw(t, "quorum"), rapid.SampledFrom(shares).Draw(t, "rejection")
			first := rapid.IntRange(0, 2).Draw(t, "first")
			g := &modelGate{
				name: fmt.Sprint("g", i), stage: rapid.IntRange(0, 1).Draw(t, "stage"), yes: yes.s, no: no.s,
				people: board[first : first+rapid.IntRange(2, 3).Draw(t, "people")],
			}
			if i == 0 && rapid.Bool().Draw(t, "expires") {
				g.minutes = 60
				g.expires = rapid.SampledFrom([]approval.Expiry{approval.ExpiryStay, approval.ExpiryReject, approval.ExpiryReturn}).Draw(t, "then")
			}
			m.gates = append(m.gates, g)
			thresholds = append(thresholds, [2]approval.Threshold{yes.t, no.t})
		}
		policy := m.policy(thresholds)
		request := func() ballot.Request {
			return ballot.Request{Parent: parent, Policy: policy, Subject: approval.Subject{Hash: fmt.Sprint(m.hash)}}
		}
		now := d.clock()
		m.begin(now)
		current, err := d.Request(ctx, manager(acme), request())
		require.NoError(t, err)
		d.agrees(t, ctx, m, parent, current.ID)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			may := true
			switch do := rapid.SampledFrom([]string{"vote", "vote", "vote", "vote", "edit", "keep", "suspend", "release", "tick", "withdraw"}).Draw(t, "do"); do {
			case "vote":
				g := rapid.SampledFrom(m.gates).Draw(t, "gate")
				who := rapid.SampledFrom(board).Draw(t, "who")
				choice := rapid.SampledFrom([]approval.Choice{
					approval.ChoiceApprove, approval.ChoiceApprove, approval.ChoiceApprove, approval.ChoiceReject, approval.ChoiceAbstain, approval.ChoiceReturn, approval.ChoiceAsk,
				}).Draw(t, "choice")
				v := vote(choice)
				v.Gate = g.name
				_, err = d.Vote(ctx, member(acme, who), current.ID, v)
				if may = g.state == approval.StateOpen && slices.Contains(g.people, who); may && choice != approval.ChoiceAsk {
					g.said[who] = choice
					m.settle(now)
				}
			case "edit", "keep":
				anew := do == "edit" || m.state == approval.StateWithdrawn
				if do == "edit" {
					m.hash++
				}
				if anew {
					m.begin(now)
				}
				current, err = d.Revise(ctx, manager(acme), request())
			case "suspend":
				_, err = d.Suspend(ctx, manager(acme), parent, "", itsm.Command{})
				if may = m.state == approval.StateOpen && !m.suspended; may {
					m.hold()
				}
			case "release":
				_, err = d.Release(ctx, manager(acme), parent, "", itsm.Command{})
				if may = m.state == approval.StateOpen && m.suspended; may {
					m.release(now)
				}
			case "tick":
				now = d.advance(40 * time.Minute)
				_, err = d.e.Tick(ctx, now)
				m.tick(now)
			case "withdraw":
				_, err = d.Withdraw(ctx, manager(acme), parent, "", itsm.Command{})
				if may = m.state == approval.StateOpen; may {
					m.end(approval.StateWithdrawn, approval.StateWithdrawn)
				}
			}
			if may {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
			d.agrees(t, ctx, m, parent, current.ID)
		}
	})
}

// agrees compares what is stored with the model.
func (d *desk) agrees(t *rapid.T, ctx context.Context, m *model, parent itsm.Ref, current itsm.ID) {
	got, err := d.Get(ctx, manager(acme), current)
	require.NoError(t, err)
	require.EqualValues(t, m.round, got.Round)
	require.Equal(t, m.state, got.State)
	require.Equal(t, m.suspended, got.Suspended)
	require.True(t, got.Current)
	waits := map[itsm.ID][]string{}
	for _, g := range m.gates {
		is := got.Process.Gate(g.name)
		require.Equal(t, g.state, is.State, g.name)
		if m.state != approval.StateWithdrawn {
			for id, c := range g.said {
				v, _ := is.Standing(id)
				require.Equal(t, c, v.Choice)
			}
		}
		for _, id := range g.people {
			if _, said := g.said[id]; g.state == approval.StateOpen && !said {
				waits[id] = append(waits[id], g.name)
			}
		}
	}
	for _, id := range board {
		var names []string
		for e, err := range d.AllWaiting(ctx, member(acme, id), ballot.ApproverQuery{Where: ballot.ApproverByParentID.Is(parent.ID)}) {
			require.NoError(t, err)
			require.Equal(t, current, e.Approval, "rounds that have ended ask nobody")
			names = append(names, e.Gate)
		}
		slices.Sort(names)
		require.Equal(t, waits[id], names)
	}
	page, err := d.Of(ctx, manager(acme), parent, ballot.Query{Limit: storage.MaxPage})
	require.NoError(t, err)
	require.Len(t, page.Items, m.round)
	for i, h := range page.Items[1:] {
		require.Equal(t, m.lapsed[len(m.lapsed)-1-i], h.State)
		require.False(t, h.Current)
	}
	outcomes := 0
	for _, e := range d.history(t, ctx, got) {
		if x, ok := e.Data.(ballot.Decided); ok {
			outcomes++
			require.Equal(t, m.state, x.State)
		}
	}
	want := 0
	if m.state == approval.StateApproved || m.state == approval.StateRejected || m.state == approval.StateReturned {
		want = 1
	}
	require.Equal(t, want, outcomes)
}
