// This file holds votes: who may cast which, in whose place, and what becomes of the gate.

package approval

import (
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Choice is what a voter says.
type Choice string

// The choices.
const (
	ChoiceApprove Choice = "approve"
	// ChoiceReject refuses the record, ChoiceReturn gives it back to its author; both say why.
	ChoiceReject Choice = "reject"
	ChoiceReturn Choice = "return"
	// ChoiceAbstain leaves it to the others: see [Definition.Decide].
	ChoiceAbstain Choice = "abstain"
	// ChoiceAsk is a question, its text the reason. It is no vote: the approver still has to.
	ChoiceAsk Choice = "ask"
)

// Choices gives the choices that there are.
func Choices() []Choice {
	return []Choice{ChoiceApprove, ChoiceReject, ChoiceReturn, ChoiceAbstain, ChoiceAsk}
}

// VoteStatus says what a vote is worth.
type VoteStatus string

// What it may be.
const (
	VoteCounted VoteStatus = "counted"
	// VoteReplaced: the approver voted again before the gate was decided.
	VoteReplaced VoteStatus = "replaced"
	// VoteLapsed: what it was about has changed, or is not to be approved any more.
	VoteLapsed VoteStatus = "lapsed"
	// VoteQuestion is a question, which never counts.
	VoteQuestion VoteStatus = "question"
)

// Vote is what was cast. Nothing of it changes afterwards but its status, and of a gate that is decided not
// even that, until the whole round lapses or is withdrawn.
type Vote struct {
	// Approver is whose vote it is, By who cast it: another person is a delegate.
	Approver itsm.ID   `json:"approver"`
	By       itsm.ID   `json:"by"`
	Choice   Choice    `json:"choice"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
	// Hash is that of the subject that it is about.
	Hash   string     `json:"hash"`
	Status VoteStatus `json:"status"`
	// Exemption is the name of that by which a party voted.
	Exemption string `json:"exemption,omitempty"`
}

// Cast is a vote to be cast.
type Cast struct {
	Gate string
	// By is who votes, For whose vote it is: empty is By's own.
	By, For itsm.ID
	Choice  Choice
	// Reason is required to reject, to return and to ask, at most [MaxReason] characters.
	Reason string
	// Hash, where it is not empty, is that of the subject which the voter has seen.
	Hash string
	At   time.Time
	// Delegations are those that let By vote for others; of them [Delegation.Covers] is asked.
	Delegations []Delegation
}

// Delegation lets a person vote in the place of another.
type Delegation struct {
	Delegator itsm.ID `json:"delegator"`
	Delegate  itsm.ID `json:"delegate"`
	// Kind bounds it to records of one kind; empty is every kind.
	Kind string `json:"kind,omitempty"`
	// From is the first instant at which it holds, Until the first at which it does no more.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Covers says whether it holds for a record of the kind at an instant.
func (d Delegation) Covers(kind string, at time.Time) bool {
	return (d.Kind == "" || d.Kind == kind) && !at.Before(d.From) && at.Before(d.Until)
}

// Vote casts a vote. It is refused, and nothing changes:
//
//   - as ErrInvalid, where the choice is unknown or has not the reason that it needs, or the process has no
//     such gate;
//   - as ErrTransition, where the gate is not open: it is decided, its stage has not come, the record is on
//     hold;
//   - as ErrConflict, where the voter has seen another subject;
//   - as ErrForbidden, where the gate does not ask the one whose vote it is; where either is a party and
//     the gate has no exemption for that; where who votes for another has no delegation that covers it; and
//     where who votes has a vote in this gate already, for somebody else;
//   - as ErrInvalid, where the approver has changed the vote or asked [MaxTurns] times.
//
// A vote takes the place of the approver's vote before.
func (p *Process) Vote(c Cast) error {
	if c.For == "" {
		c.For = c.By
	}
	var f itsm.Faults
	f.Key("by", string(c.By))
	oneOf(&f, "choice", c.Choice, Choices()...)
	needs := c.Choice == ChoiceReject || c.Choice == ChoiceReturn || c.Choice == ChoiceAsk
	f.Text("reason", c.Reason, MaxReason, needs)
	if p.Gate(c.Gate) == nil {
		f.Addf("gate", "is %s, which the process does not have", quoted(c.Gate))
	}
	if err := f.Err("vote"); err != nil {
		return err
	}
	return p.change(func() error { return p.vote(c) })
}

func (p *Process) vote(c Cast) error {
	g := p.Gate(c.Gate)
	if err := g.fire(Action(c.Choice), c.At, ""); err != nil {
		return err
	}
	if c.Hash != "" && c.Hash != p.Subject.Hash {
		return fmt.Errorf("vote on %s: it is not what the voter has seen; read it again: %w", quoted(c.Gate), itsm.ErrConflict)
	}
	exemption, err := p.mayVote(g, c)
	if err != nil {
		return err
	}
	turns, standing := 0, -1
	for i, v := range g.Votes {
		if v.Approver != c.For {
			continue
		}
		if v.Status == VoteCounted {
			standing = i
		} else {
			turns++
		}
	}
	if turns >= MaxTurns && (standing >= 0 || c.Choice == ChoiceAsk) {
		return itsm.Invalid("vote", "choice", fmt.Sprintf("is one too many: the vote was changed, or a question asked, %d times", turns))
	}
	v := Vote{Approver: c.For, By: c.By, Choice: c.Choice, Reason: c.Reason, At: c.At, Hash: p.Subject.Hash, Status: VoteCounted, Exemption: exemption}
	if c.Choice == ChoiceAsk {
		v.Status = VoteQuestion
		g.Votes = append(g.Votes, v)
		return nil
	}
	if standing >= 0 {
		g.Votes[standing].Status = VoteReplaced
	}
	g.Votes = append(g.Votes, v)
	return p.settle(c.At)
}

// mayVote asks who may vote, and gives the exemption by which a party may.
func (p *Process) mayVote(g *Gate, c Cast) (exemption string, err error) {
	refuse := func(reason string) (string, error) {
		return "", &itsm.ForbiddenError{Actor: c.By, Permission: "approval.vote", Kind: "gate", ID: itsm.ID(g.Name), Reason: reason}
	}
	for _, person := range []itsm.ID{c.For, c.By} {
		duty, exempt, party := p.duty(g, person)
		switch {
		case !party:
		case exempt:
			exemption = g.Exemption.Name
		case person == c.By:
			return refuse("nobody decides what is their own, and who votes is its " + duty)
		default:
			return refuse("nobody decides what is their own, and the vote is that of its " + duty)
		}
	}
	if !g.asks(c.For) {
		return refuse(fmt.Sprintf("%s is not asked", c.For))
	}
	if c.By == c.For {
		for _, v := range g.Votes {
			if v.Status == VoteCounted && v.By == c.By && v.Approver != c.For && c.Choice != ChoiceAsk {
				return refuse(fmt.Sprintf("%s has voted for %s in this gate, and one person casts one vote", c.By, v.Approver))
			}
		}
		return exemption, nil
	}
	covered := false
	for _, d := range c.Delegations {
		covered = covered || d.Delegator == c.For && d.Delegate == c.By && d.Covers(p.Kind, c.At)
	}
	if !covered {
		return refuse(fmt.Sprintf("%s has not delegated to them at this time", c.For))
	}
	for _, v := range g.Votes {
		if v.Status == VoteCounted && v.By == c.By && v.Approver != c.For && c.Choice != ChoiceAsk {
			return refuse(fmt.Sprintf("%s has cast the vote of %s in this gate, and one person casts one vote", c.By, v.Approver))
		}
	}
	return exemption, nil
}

// duty gives the duty by which a person is a party, preferring one without an exemption at the gate, and
// whether there is an exemption for all of the person's.
func (p *Process) duty(g *Gate, person itsm.ID) (duty string, exempt, party bool) {
	for _, x := range p.Subject.Parties {
		if x.Person != person {
			continue
		}
		if !g.exempts(x.Duty) {
			return x.Duty, false, true
		}
		duty, exempt, party = x.Duty, true, true
	}
	return duty, exempt, party
}
