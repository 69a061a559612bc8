// This file holds the explanation: who has voted, who is missing, and what decides.

package approval

import (
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
)

// Explanation says how a process stands and what would decide it. It names people and quotes their reasons:
// it is for those who may read them.
type Explanation struct {
	Policy    string   `json:"policy"`
	Rules     []string `json:"rules,omitempty"`
	Basis     Basis    `json:"basis"`
	Round     int      `json:"round"`
	State     State    `json:"state"`
	Suspended bool     `json:"suspended,omitempty"`
	// Reason says why it ended as it did.
	Reason string            `json:"reason,omitempty"`
	Gates  []GateExplanation `json:"gates,omitempty"`
}

// GateExplanation says it of one gate.
type GateExplanation struct {
	Gate  string `json:"gate"`
	Title string `json:"title,omitempty"`
	Rule  string `json:"rule"`
	Stage int    `json:"stage,omitempty"`
	State State  `json:"state"`
	Tally Tally  `json:"tally"`
	// ToApprove is how many approvals it takes, and ToReject how many rejections, as the votes stand.
	ToApprove int `json:"to_approve"`
	ToReject  int `json:"to_reject"`
	// Voted are the votes that count, or did when the round lapsed.
	Voted []Vote `json:"voted,omitempty"`
	// Missing have not voted. Barred are kept from voting.
	Missing []itsm.ID `json:"missing,omitempty"`
	Barred  []Barred  `json:"barred,omitempty"`
	// Decides says in words what would decide it, or what did.
	Decides string `json:"decides"`
}

// Explain gives the explanation. The outcomes in it are those of the process: an open gate is one of whose
// tally [Definition.Decide] says open.
func (p *Process) Explain() Explanation {
	e := Explanation{Policy: p.Policy, Rules: p.Rules, Basis: p.Basis, Round: p.Round, State: p.State, Suspended: p.Suspended, Reason: p.Reason}
	for i := range p.Gates {
		g := &p.Gates[i]
		t := g.Tally()
		x := GateExplanation{
			Gate: g.Name, Title: g.Title, Rule: g.Rule, Stage: g.Stage, State: g.State, Tally: t,
			ToApprove: g.approvals(t), ToReject: g.rejections(t), Missing: g.Missing(), Barred: g.Barred,
		}
		for _, v := range g.Votes {
			if v.Status == VoteCounted || v.Status == VoteLapsed {
				x.Voted = append(x.Voted, v)
			}
		}
		x.Decides = g.decides(t)
		e.Gates = append(e.Gates, x)
	}
	return e
}

// decides says what would decide the gate, or what did.
func (g *Gate) decides(t Tally) string {
	switch g.State {
	case StatePending:
		return "waits until the gates of the stages before it have approved"
	case StateOpen, StateSuspended:
		left := fmt.Sprintf("%s of %d still to come; %s it, %s it",
			plural(t.Pending(), "vote"), t.Approvers,
			more(g.approvals(t)-t.Approved, "approval", "approve"), more(g.rejections(t)-t.Rejected, "rejection", "reject"))
		if g.State == StateSuspended {
			return "suspended, as the record is on hold: " + left
		}
		return left
	}
	return g.Reason
}

func more(n int, votes, do string) string {
	if n == 1 {
		return "1 more " + votes + " " + do + "s"
	}
	return fmt.Sprintf("%d more %ss %s", n, votes, do)
}

// why says what decided a tally.
func (g *Gate) why(t Tally) string {
	switch needed := g.approvals(t); {
	case t.Returned > 0:
		return "returned by " + string(g.first(ChoiceReturn))
	case t.Rejected >= g.rejections(t):
		return fmt.Sprintf("%s of %d, and %d reject", plural(t.Rejected, "rejection"), t.base(), g.rejections(t))
	case t.Approved >= needed:
		return fmt.Sprintf("%s of %d, and %d approve", plural(t.Approved, "approval"), t.base(), needed)
	case t.base() == 0:
		return "everyone abstained"
	default:
		return fmt.Sprintf("%d approvals of %d are out of reach with %d there and %s to come", needed, t.base(), t.Approved, plural(t.Pending(), "vote"))
	}
}

// first gives whose vote of the choice counts.
func (g *Gate) first(c Choice) itsm.ID {
	for _, v := range g.Votes {
		if v.Status == VoteCounted && v.Choice == c {
			return v.Approver
		}
	}
	return ""
}

// String explains it in lines: the process, and each gate with who has voted, who is missing and what
// decides.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy %s, round %d: %s", quoted(e.Policy), e.Round, words(e.State))
	if e.Suspended {
		b.WriteString(", suspended")
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	b.WriteString("\n")
	for _, g := range e.Gates {
		fmt.Fprintf(&b, "gate %s of rule %s, stage %d: %s: %s\n", quoted(g.Gate), quoted(g.Rule), g.Stage, words(g.State), g.Decides)
		for _, v := range g.Voted {
			fmt.Fprintf(&b, "  %s: %s", v.Approver, v.Choice)
			if v.By != v.Approver {
				fmt.Fprintf(&b, ", cast by %s", v.By)
			}
			if v.Exemption != "" {
				fmt.Fprintf(&b, ", by the exemption %s", quoted(v.Exemption))
			}
			if v.Reason != "" {
				b.WriteString(": " + v.Reason)
			}
			if v.Status == VoteLapsed {
				b.WriteString(" (lapsed)")
			}
			b.WriteString("\n")
		}
		if len(g.Missing) > 0 {
			fmt.Fprintf(&b, "  missing: %s\n", list(g.Missing))
		}
		for _, x := range g.Barred {
			fmt.Fprintf(&b, "  barred: %s, its %s\n", x.Person, x.Duty)
		}
	}
	return b.String()
}

func words(s State) string { return strings.ReplaceAll(string(s), "_", " ") }

func list(ids []itsm.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	return strings.Join(names, ", ")
}
