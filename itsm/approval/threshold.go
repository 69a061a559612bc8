// This file holds how many votes it takes: quorum and rejection in whole numbers, and the outcome of a tally.

package approval

import "github.com/itsmkit/itsmkit/itsm"

// ThresholdKind says how a threshold is reckoned.
type ThresholdKind string

// The kinds.
const (
	// ThresholdFirst is one vote, ThresholdAll every vote.
	ThresholdFirst ThresholdKind = "first"
	ThresholdAll   ThresholdKind = "all"
	// ThresholdCount is a number of votes, ThresholdPercent a percentage, rounded up.
	ThresholdCount   ThresholdKind = "count"
	ThresholdPercent ThresholdKind = "percent"
)

// Threshold is how many votes of one sort decide.
type Threshold struct {
	Kind ThresholdKind `json:"kind"`
	// Count is for ThresholdCount, from 1. Percent is for ThresholdPercent, from 1 to 100.
	Count   int `json:"count,omitempty"`
	Percent int `json:"percent,omitempty"`
}

// Needed gives how many votes of m it takes, never less than one. A percentage is rounded up:
// ceil(percent*m/100), so that half of three is two. The zero Threshold is all of them.
func (t Threshold) Needed(m int) int {
	n := m
	switch t.Kind {
	case ThresholdFirst:
		n = 1
	case ThresholdCount:
		n = t.Count
	case ThresholdPercent:
		n = (t.Percent*m + 99) / 100
	}
	return max(1, n)
}

func (t Threshold) check(f *itsm.Faults, at string) {
	if t == (Threshold{}) {
		return
	}
	oneOf(f, at+".kind", t.Kind, ThresholdFirst, ThresholdAll, ThresholdCount, ThresholdPercent)
	switch {
	case t.Kind == ThresholdCount && (t.Count < 1 || t.Count > MaxApprovers):
		f.Addf(at+".count", "is %d; it must be from 1 to %d", t.Count, MaxApprovers)
	case t.Kind != ThresholdCount && t.Count != 0:
		f.Add(at+".count", "has a meaning only for the kind count")
	}
	switch {
	case t.Kind == ThresholdPercent && (t.Percent < 1 || t.Percent > 100):
		f.Addf(at+".percent", "is %d; it must be from 1 to 100", t.Percent)
	case t.Kind != ThresholdPercent && t.Percent != 0:
		f.Add(at+".percent", "has a meaning only for the kind percent")
	}
}

// Tally counts the votes of a gate.
type Tally struct {
	// Approvers is how many are asked. What is left of them has not voted.
	Approvers int `json:"approvers"`
	Approved  int `json:"approved"`
	Rejected  int `json:"rejected"`
	Abstained int `json:"abstained"`
	Returned  int `json:"returned"`
}

// Pending is how many have not voted.
func (t Tally) Pending() int { return t.Approvers - t.Approved - t.Rejected - t.Abstained - t.Returned }

// base is of how many quorum and rejection are reckoned: those who have not abstained.
func (t Tally) base() int { return t.Approvers - t.Abstained }

// approvals and rejections are how many of each decide, as the tally stands.
func (d *Definition) approvals(t Tally) int { return d.Quorum.Needed(t.base()) }

func (d *Definition) rejections(t Tally) int { return d.rejection().Needed(t.base()) }

func (d *Definition) rejection() Threshold {
	if d.Rejection == (Threshold{}) {
		return Threshold{Kind: ThresholdFirst}
	}
	return d.Rejection
}

// Decide gives the outcome of a tally: StateReturned where anyone has returned it; StateRejected where as
// many have rejected as it takes, or where the quorum could not be reached if all who have not voted
// approved; StateApproved where the quorum is there; StateOpen otherwise. Rejection goes before approval
// where both are there.
func (d Definition) Decide(t Tally) State {
	switch needed := d.approvals(t); {
	case t.Returned > 0:
		return StateReturned
	case t.Rejected >= d.rejections(t):
		return StateRejected
	case t.Approved >= needed:
		return StateApproved
	case t.Approved+t.Pending() < needed:
		return StateRejected
	}
	return StateOpen
}

// OrderIndependent says of a gate with so many approvers that approvals, rejections and abstentions lead to
// the same outcome in whatever order they come: no votes reach both its quorum and its rejection. It is so
// for every gate that all must approve, and for every quorum where Rejection is all; it is not where the
// first vote decides. A return decides at once, so it depends on the order always.
func (d Definition) OrderIndependent(approvers int) bool {
	for m := 1; m <= approvers; m++ {
		if d.Quorum.Needed(m)+d.rejection().Needed(m) <= m {
			return false
		}
	}
	return true
}
