// This file holds the process: the gates of one round with their votes, and what happens to all of them
// together.

package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Basis says what a process was decided by, or will be.
type Basis string

// What it may be.
const (
	// BasisGates are the votes at its gates.
	BasisGates Basis = "gates"
	// BasisAutomatic is a rule that approves without a vote.
	BasisAutomatic Basis = "automatic"
	// BasisNoRule is Policy.Otherwise, as no rule matched.
	BasisNoRule Basis = "no_rule"
)

// Party is a person whose own the record is.
type Party struct {
	Person itsm.ID `json:"person"`
	// Duty is what they have to do with it: "requester", "author", "implementer". An [Exemption] names
	// duties.
	Duty string `json:"duty"`
}

// Subject is what is approved.
type Subject struct {
	// Hash stands for everything that is material: another hash is another subject. See [HashOf].
	Hash string `json:"hash"`
	// Parties decide nothing about it.
	Parties []Party `json:"parties,omitempty"`
}

// HashOf gives a hash of a value by its JSON form, SHA-256 in 64 hexadecimal digits: what a practice makes
// of its material fields. What has no JSON form is ErrInvalid.
func HashOf(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", itsm.Invalid("hash", "value", "has no JSON form: "+err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// Process is the approval of one subject in one round. It is a value with a JSON form, made by [Build] and
// changed by its methods, which change nothing where they give an error. It is not for use by several
// goroutines at once.
type Process struct {
	// Kind is the kind of record, by which delegations may be bounded.
	Kind string `json:"kind"`
	// Round counts from 1: each material edit makes another.
	Round int `json:"round"`
	// Policy is the policy's name, Rules those of its rules that matched.
	Policy string   `json:"policy"`
	Rules  []string `json:"rules,omitempty"`
	Basis  Basis    `json:"basis"`
	State  State    `json:"state"`
	// Suspended says that it waits for its record, which is on hold.
	Suspended bool    `json:"suspended,omitempty"`
	Subject   Subject `json:"subject"`
	// Gates are in the order of their stages.
	Gates []Gate `json:"gates,omitempty"`
	// Reason says in words why it ended as it did; empty while it is open.
	Reason string    `json:"reason,omitempty"`
	Ended  time.Time `json:"ended,omitzero"`
}

// Gate is a gate of a process: its definition, its approvers, and their votes.
type Gate struct {
	Definition
	// Rule is the name of the policy's rule that gave it.
	Rule  string `json:"rule"`
	State State  `json:"state"`
	// Asked are those whose votes it asks for. Barred would be, but are parties.
	Asked  []Approver `json:"asked"`
	Barred []Barred   `json:"barred,omitempty"`
	// Votes are all that were cast, oldest first, with those that were replaced, and questions.
	Votes []Vote `json:"votes,omitempty"`
	// Opened is when it first asked for votes, AskedAt when it last did: after a hold it asks again.
	Opened  time.Time `json:"opened,omitzero"`
	AskedAt time.Time `json:"asked_at,omitzero"`
	// Decided is when it came to its end, Reason why.
	Decided time.Time `json:"decided,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	// Reminded and Expired are when its approvers were reminded, and when it had waited as long as it may;
	// both count from AskedAt and are zero after it. Escalated says that others were asked then.
	Reminded  time.Time `json:"reminded,omitzero"`
	Expired   time.Time `json:"expired,omitzero"`
	Escalated bool      `json:"escalated,omitempty"`
}

// Approver is a person whose vote a gate asks for.
type Approver struct {
	Person itsm.ID `json:"person"`
	// From are the sources that named the person.
	From []Source `json:"from"`
	// Exemption is the name of that by which the person may vote though a party.
	Exemption string `json:"exemption,omitempty"`
}

// Barred is a person whom separation of duties keeps from being an approver.
type Barred struct {
	Person itsm.ID  `json:"person"`
	From   []Source `json:"from"`
	// Duty is what the person has to do with the record.
	Duty string `json:"duty"`
}

// Gate gives the gate of the name, which must not be changed, or nil.
func (p *Process) Gate(name string) *Gate {
	for i := range p.Gates {
		if p.Gates[i].Name == name {
			return &p.Gates[i]
		}
	}
	return nil
}

// RemindAt gives when those who have not voted are to be reminded, and ExpireAt when the gate has waited as
// long as it may: zero where it has not opened or is not open, where the policy sets no time, and when it
// has been done.
func (g *Gate) RemindAt() time.Time {
	if g.State != StateOpen || g.RemindAfterMinutes == 0 || !g.Reminded.IsZero() || !g.Expired.IsZero() {
		return time.Time{}
	}
	return g.AskedAt.Add(time.Duration(g.RemindAfterMinutes) * time.Minute)
}

// ExpireAt is described at [Gate.RemindAt].
func (g *Gate) ExpireAt() time.Time {
	if g.State != StateOpen || g.ExpireAfterMinutes == 0 || !g.Expired.IsZero() {
		return time.Time{}
	}
	return g.AskedAt.Add(time.Duration(g.ExpireAfterMinutes) * time.Minute)
}

// Standing gives the vote of an approver that counts, if there is one.
func (g *Gate) Standing(approver itsm.ID) (Vote, bool) {
	for _, v := range g.Votes {
		if v.Approver == approver && v.Status == VoteCounted {
			return v, true
		}
	}
	return Vote{}, false
}

// Missing are the approvers who have no vote that counts, in the order in which they are asked.
func (g *Gate) Missing() []itsm.ID {
	var out []itsm.ID
	for _, a := range g.Asked {
		if _, voted := g.Standing(a.Person); !voted {
			out = append(out, a.Person)
		}
	}
	return out
}

// Tally counts the votes that count.
func (g *Gate) Tally() Tally {
	t := Tally{Approvers: len(g.Asked)}
	for _, v := range g.Votes {
		if v.Status != VoteCounted {
			continue
		}
		switch v.Choice {
		case ChoiceApprove:
			t.Approved++
		case ChoiceReject:
			t.Rejected++
		case ChoiceAbstain:
			t.Abstained++
		case ChoiceReturn:
			t.Returned++
		}
	}
	return t
}

func (g *Gate) asks(person itsm.ID) bool {
	return slices.ContainsFunc(g.Asked, func(a Approver) bool { return a.Person == person })
}

// Suspend takes the votes that are asked for off their approvers' lists, as the record is on hold. The
// votes that there are stay. A process that is suspended or has ended is ErrTransition.
func (p *Process) Suspend(at time.Time) error {
	if p.State != StateOpen || p.Suspended {
		return p.refused(ActionSuspend)
	}
	return p.change(func() error {
		p.Suspended = true
		return p.each(ActionSuspend, at, "", func(g *Gate) bool { return g.State == StateOpen })
	})
}

// Release asks again for the votes that are missing. Reminders and expiry count from now. A gate that lacks no
// vote any more, as its parties were revised meanwhile, is decided. A process that is not suspended is
// ErrTransition.
func (p *Process) Release(at time.Time) error {
	if p.State != StateOpen || !p.Suspended {
		return p.refused(ActionRelease)
	}
	return p.change(func() error {
		p.Suspended = false
		if err := p.each(ActionRelease, at, "", func(g *Gate) bool { return g.State == StateSuspended }); err != nil {
			return err
		}
		return p.settle(at)
	})
}

// Withdraw ends an open process, as the record is not to be approved any more: gates that are not decided
// are withdrawn, and no vote counts. A process that has ended is ErrTransition.
func (p *Process) Withdraw(at time.Time, reason string) error {
	if p.State != StateOpen {
		return p.refused(ActionWithdraw)
	}
	return p.end(StateWithdrawn, ActionWithdraw, at, reason)
}

// Lapse ends a process, open or decided, as another round takes its place: no vote counts any more. One that
// has lapsed or was withdrawn is ErrTransition.
func (p *Process) Lapse(at time.Time, reason string) error {
	if p.State == StateLapsed || p.State == StateWithdrawn {
		return p.refused(ActionLapse)
	}
	return p.end(StateLapsed, ActionLapse, at, reason)
}

func (p *Process) end(to State, a Action, at time.Time, reason string) error {
	return p.change(func() error {
		if err := p.each(a, at, reason, func(g *Gate) bool { return g.State.undecided() }); err != nil {
			return err
		}
		for i := range p.Gates {
			for j := range p.Gates[i].Votes {
				if v := &p.Gates[i].Votes[j]; v.Status == VoteCounted {
					v.Status = VoteLapsed
				}
			}
		}
		p.State, p.Suspended, p.Reason, p.Ended = to, false, reason, at
		return nil
	})
}

// Remind notes that those who have not voted at the gate were reminded.
func (p *Process) Remind(gate string, at time.Time) error {
	g := p.Gate(gate)
	if g == nil {
		return noGate(gate)
	}
	return p.change(func() error {
		g = p.Gate(gate)
		g.Reminded = at
		return g.fire(ActionRemind, at, "")
	})
}

// change runs fn, and takes back what it did where it gives an error.
func (p *Process) change(fn func() error) error {
	was := *p
	p.Gates = slices.Clone(p.Gates)
	for i := range p.Gates {
		g := &p.Gates[i]
		g.Asked, g.Barred, g.Votes = slices.Clone(g.Asked), slices.Clone(g.Barred), slices.Clone(g.Votes)
	}
	err := fn()
	if err != nil {
		*p = was
	}
	return err
}

// each takes an action at every gate that is such.
func (p *Process) each(a Action, at time.Time, reason string, such func(*Gate) bool) error {
	for i := range p.Gates {
		if g := &p.Gates[i]; such(g) {
			if err := g.fire(a, at, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// fire takes an action at a gate, by the table.
func (g *Gate) fire(a Action, at time.Time, reason string) error {
	to, err := lifecycle().Fire(context.Background(), g.State, a, itsm.Attempt[*Gate]{Subject: g, ID: itsm.ID(g.Name), Now: at})
	if err != nil {
		return err
	}
	if to == g.State {
		return nil
	}
	switch {
	case to == StateOpen:
		g.AskedAt, g.Reminded, g.Expired = at, time.Time{}, time.Time{}
		if g.Opened.IsZero() {
			g.Opened = at
		}
	case !to.undecided():
		g.Decided, g.Reason = at, reason
	}
	g.State = to
	return nil
}

// settle takes an open process to where its gates leave it: gates are decided, stages open, and the process
// ends.
func (p *Process) settle(at time.Time) error {
	for i := range p.Gates {
		g := &p.Gates[i]
		if g.State != StateOpen {
			continue
		}
		if err := g.settle(at); err != nil {
			return err
		}
	}
	for i := range p.Gates {
		if s := p.Gates[i].State; s == StateRejected || s == StateReturned {
			return p.decide(s, at, "gate "+quoted(p.Gates[i].Name)+": "+p.Gates[i].Reason)
		}
	}
	if slices.ContainsFunc(p.Gates, func(g Gate) bool { return g.State == StateOpen || g.State == StateSuspended }) {
		// Others of the same stage may be open beside; those of a later one wait.
		return nil
	}
	next := slices.IndexFunc(p.Gates, func(g Gate) bool { return g.State == StatePending })
	if next < 0 {
		return p.decide(StateApproved, at, "every gate has approved")
	}
	stage := p.Gates[next].Stage
	return p.each(ActionOpen, at, "", func(g *Gate) bool { return g.State == StatePending && g.Stage == stage })
}

func (p *Process) decide(to State, at time.Time, reason string) error {
	p.State, p.Suspended, p.Reason, p.Ended = to, false, reason, at
	return p.each(ActionDrop, at, "another gate was not passed", func(g *Gate) bool { return g.State.undecided() })
}

// settle decides an open gate where its tally is certain.
func (g *Gate) settle(at time.Time) error {
	t := g.Tally()
	switch g.Decide(t) {
	case StateApproved:
		return g.fire(ActionPass, at, g.why(t))
	case StateRejected:
		return g.fire(ActionFail, at, g.why(t))
	case StateReturned:
		return g.fire(ActionSendBack, at, g.why(t))
	}
	return nil
}

// refused is an action that the process does not permit as it stands.
func (p *Process) refused(a Action) error {
	state := string(p.State)
	if p.State == StateOpen && p.Suspended {
		state = string(StateSuspended)
	}
	e := &itsm.TransitionError{Kind: "approval", State: state, Action: string(a)}
	switch {
	case p.State != StateOpen:
		e.Reason = "it has ended"
	case p.Suspended:
		e.Reason = "its record is on hold"
		e.Permitted = []string{string(ActionRelease), string(ActionWithdraw)}
	default:
		e.Permitted = []string{string(ActionSuspend), string(ActionWithdraw)}
	}
	return e
}

func noGate(name string) error {
	return itsm.Invalid("approval", "gate", "is "+quoted(name)+", which the process does not have")
}
