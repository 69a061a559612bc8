package approval_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm/approval"
)

// C6: the percentage is what exact rational arithmetic gives, for every number of approvers to a hundred.
func TestC6APercentageIsRoundedUpExactly(t *testing.T) {
	for percent := 1; percent <= 100; percent++ {
		for m := 1; m <= 100; m++ {
			exact := big.NewRat(int64(percent*m), 100)
			want := new(big.Int).Quo(exact.Num(), exact.Denom())
			if !exact.IsInt() {
				want.Add(want, big.NewInt(1))
			}
			got := approval.Threshold{Kind: approval.ThresholdPercent, Percent: percent}.Needed(m)
			if int64(got) != want.Int64() {
				t.Fatalf("%d%% of %d: got %d, want %s", percent, m, got, want)
			}
		}
	}
}

func TestThresholdsNeedWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		t    approval.Threshold
		m, n int
	}{
		{approval.Threshold{}, 5, 5},
		{approval.Threshold{Kind: approval.ThresholdAll}, 5, 5},
		{approval.Threshold{Kind: approval.ThresholdAll}, 0, 1},
		{approval.Threshold{Kind: approval.ThresholdFirst}, 5, 1},
		{approval.Threshold{Kind: approval.ThresholdFirst}, 0, 1},
		{approval.Threshold{Kind: approval.ThresholdCount, Count: 3}, 5, 3},
		{approval.Threshold{Kind: approval.ThresholdCount, Count: 3}, 2, 3},
		{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 100}, 7, 7},
		{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 1}, 7, 1},
		{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 67}, 3, 3},
		{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 66}, 3, 2},
		{approval.Threshold{Kind: approval.ThresholdPercent, Percent: 50}, 0, 1},
	} {
		require.Equal(t, c.n, c.t.Needed(c.m), "%+v of %d", c.t, c.m)
	}
}

// thresholds are all that make sense for up to four approvers.
func thresholds() []approval.Threshold {
	all := []approval.Threshold{{}, {Kind: approval.ThresholdFirst}, {Kind: approval.ThresholdAll}}
	for n := 1; n <= 4; n++ {
		all = append(all, approval.Threshold{Kind: approval.ThresholdCount, Count: n}, approval.Threshold{Kind: approval.ThresholdPercent, Percent: 25*n - 1})
	}
	return all
}

// C7: a gate is open exactly while what is still to come can change the outcome of what is there. The oracle
// tries every way in which those who have not voted might.
func TestC7AGateIsDecidedAsSoonAsItsOutcomeIsCertain(t *testing.T) {
	for _, quorum := range thresholds() {
		for _, rejection := range thresholds() {
			d := approval.Definition{Quorum: quorum, Rejection: rejection}
			for m := 1; m <= 5; m++ {
				for _, c := range tallies(m) {
					got := d.Decide(c)
					approved, rejected := false, false
					for _, end := range endings(c) {
						switch final(d, end) {
						case approval.StateApproved:
							approved = true
						case approval.StateRejected:
							rejected = true
						default:
							t.Fatalf("%+v with all votes there is not decided: %+v", d, end)
						}
					}
					at := fmt.Sprintf("%+v: %+v", d, c)
					switch {
					case !approved: // as soon as approval has become impossible
						require.Equal(t, approval.StateRejected, got, at)
					case !rejected:
						require.Equal(t, approval.StateApproved, got, at)
					case final(d, c) == approval.StateApproved || final(d, c) == approval.StateRejected && c.Rejected >= needsToReject(d, c):
						require.NotEqual(t, approval.StateOpen, got, "the quorum, or the rejections, are there: "+at)
					default:
						require.Equal(t, approval.StateOpen, got, at)
					}
				}
			}
		}
	}
}

func needsToReject(d approval.Definition, c approval.Tally) int {
	if d.Rejection == (approval.Threshold{}) {
		return 1
	}
	return d.Rejection.Needed(c.Approvers - c.Abstained)
}

// final is the outcome of votes that are all there; of those that are not, what they would come to as they
// stand.
func final(d approval.Definition, c approval.Tally) approval.State {
	base := c.Approvers - c.Abstained
	if c.Rejected < needsToReject(d, c) && c.Approved >= d.Quorum.Needed(base) {
		return approval.StateApproved
	}
	return approval.StateRejected
}

// tallies are all counts of votes of m people that somebody may have cast.
func tallies(m int) (all []approval.Tally) {
	for a := 0; a <= m; a++ {
		for r := 0; a+r <= m; r++ {
			for x := 0; a+r+x <= m; x++ {
				all = append(all, approval.Tally{Approvers: m, Approved: a, Rejected: r, Abstained: x})
			}
		}
	}
	return all
}

// endings are all that a tally may come to.
func endings(c approval.Tally) (all []approval.Tally) {
	for _, more := range tallies(c.Pending()) {
		if more.Approved+more.Rejected+more.Abstained == c.Pending() {
			all = append(all, approval.Tally{
				Approvers: c.Approvers, Approved: c.Approved + more.Approved, Rejected: c.Rejected + more.Rejected, Abstained: c.Abstained + more.Abstained,
			})
		}
	}
	return all
}

// The outcome does not hang on the order of votes where the gate says so, and does for some votes where it
// says not.
func TestTheOrderOfVotesDecidesOnlyWhereTheGateSaysSo(t *testing.T) {
	for _, quorum := range thresholds() {
		for _, rejection := range thresholds() {
			for m := 1; m <= 4; m++ {
				d := approval.Definition{Quorum: quorum, Rejection: rejection}
				independent := true
				for _, votes := range tallies(m) {
					if votes.Pending() == 0 && len(outcomes(d, approval.Tally{Approvers: m}, votes)) > 1 {
						independent = false
					}
				}
				require.Equal(t, independent, d.OrderIndependent(m), "%+v of %d", d, m)
			}
		}
	}
}

// outcomes are those that the votes come to, in any order, one after the other until the gate is decided.
func outcomes(d approval.Definition, at, left approval.Tally) map[approval.State]bool {
	if s := d.Decide(at); s != approval.StateOpen {
		return map[approval.State]bool{s: true}
	}
	all := map[approval.State]bool{}
	add := func(n *int, step func(*approval.Tally)) {
		if *n == 0 {
			return
		}
		*n--
		next := at
		step(&next)
		for s := range outcomes(d, next, left) {
			all[s] = true
		}
		*n++
	}
	add(&left.Approved, func(t *approval.Tally) { t.Approved++ })
	add(&left.Rejected, func(t *approval.Tally) { t.Rejected++ })
	add(&left.Abstained, func(t *approval.Tally) { t.Abstained++ })
	return all
}

// One rejection more never helps, one approval more never harms.
func TestMoreApprovalsNeverHarmAndMoreRejectionsNeverHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.SampledFrom(thresholds())
		d := approval.Definition{Quorum: pick.Draw(t, "quorum"), Rejection: pick.Draw(t, "rejection")}
		c := rapid.SampledFrom(tallies(rapid.IntRange(1, 6).Draw(t, "approvers"))).Draw(t, "tally")
		if c.Pending() == 0 {
			return
		}
		worth := map[approval.State]int{approval.StateRejected: 0, approval.StateOpen: 1, approval.StateApproved: 2}
		yes, no := c, c
		yes.Approved++
		no.Rejected++
		if worth[d.Decide(yes)] < worth[d.Decide(c)] {
			t.Fatalf("%+v: one approval more than %+v harms", d, c)
		}
		if d.Decide(c) != approval.StateApproved && worth[d.Decide(no)] > worth[d.Decide(c)] {
			t.Fatalf("%+v: one rejection more than %+v helps", d, c)
		}
	})
}
