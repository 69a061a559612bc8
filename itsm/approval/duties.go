// This file holds separation of duties: who is barred, and what becomes of a process when the parties change.

package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// exempts says whether the gate lets parties of the duty vote.
func (d *Definition) exempts(duty string) bool {
	return d.Exemption != nil && (len(d.Exemption.Of) == 0 || slices.Contains(d.Exemption.Of, duty))
}

// bar parts persons into those who may be asked and those who are parties.
func (p *Process) bar(g *Gate, people []Approver) (asked []Approver, barred []Barred) {
	for _, a := range people {
		duty, exempt, party := p.duty(g, a.Person)
		a.Exemption = ""
		switch {
		case !party:
			asked = append(asked, a)
		case exempt:
			a.Exemption = g.Exemption.Name
			asked = append(asked, a)
		default:
			barred = append(barred, Barred{Person: a.Person, From: a.From, Duty: duty})
		}
	}
	return asked, barred
}

// enough notes a gate that could never be passed: nobody is left to ask, or fewer than it needs.
func (g *Gate) enough(f *itsm.Faults, at string) {
	why := ""
	if len(g.Barred) > 0 {
		names := make([]string, len(g.Barred))
		for i, b := range g.Barred {
			names[i] = fmt.Sprintf("%s (%s)", b.Person, b.Duty)
		}
		why = "; nobody decides what is their own, which bars " + strings.Join(names, ", ")
	}
	switch n := len(g.Asked); {
	case n == 0:
		f.Addf(at+".approvers", "leave nobody to ask%s", why)
	case n > MaxApprovers:
		f.Addf(at+".approvers", "are %d persons; at most %d are allowed", n, MaxApprovers)
	case g.Quorum.Needed(n) > n:
		f.Addf(at+".quorum", "takes %d approvals and there are %s to ask%s", g.Quorum.Needed(n), plural(n, "person"), why)
	}
}

func (s Subject) check(f *itsm.Faults, at string) {
	f.Text(at+".hash", s.Hash, MaxTitle, true)
	if len(s.Parties) > MaxParties {
		f.Addf(at+".parties", "are %d; at most %d are allowed", len(s.Parties), MaxParties)
		return
	}
	for i, x := range s.Parties {
		f.Key(fmt.Sprintf("%s.parties[%d].person", at, i), string(x.Person))
		f.Text(fmt.Sprintf("%s.parties[%d].duty", at, i), x.Duty, MaxName, true)
	}
}

// Material says whether a changed subject is another than the one that was voted on, so that the round has
// to lapse: its hash is another, or somebody who has cast a vote that counts, or whose vote it is, has
// become a party without an exemption.
func (p *Process) Material(s Subject) bool {
	if s.Hash != p.Subject.Hash {
		return true
	}
	then := *p
	then.Subject = s
	for i := range p.Gates {
		g := &p.Gates[i]
		for _, v := range g.Votes {
			for _, person := range []itsm.ID{v.Approver, v.By} {
				if _, exempt, party := then.duty(g, person); v.Status == VoteCounted && party && !exempt {
					return true
				}
			}
		}
	}
	return false
}

// Revise takes over the parties of a subject that is not materially another. Approvers who have become
// parties are barred from the gates that are not decided, and those who are parties no more are asked; that
// may decide a gate, once the process is not suspended. A material subject is ErrTransition: the process has to lapse. A gate that would be
// left with nobody to ask, or with fewer than it needs, is ErrInvalid. A process that has lapsed or was
// withdrawn is ErrTransition.
func (p *Process) Revise(s Subject, at time.Time) error {
	var f itsm.Faults
	s.check(&f, "subject")
	if err := f.Err("approval"); err != nil {
		return err
	}
	switch {
	case p.State == StateLapsed || p.State == StateWithdrawn:
		return p.refused("revise")
	case p.Material(s):
		return &itsm.TransitionError{Kind: "approval", State: string(p.State), Action: "revise", Reason: "it is not what was voted on any more; another round is needed"}
	}
	return p.change(func() error {
		p.Subject.Parties = slices.Clone(s.Parties)
		var f itsm.Faults
		for i := range p.Gates {
			g := &p.Gates[i]
			if !g.State.undecided() {
				continue
			}
			people := slices.Clone(g.Asked)
			for _, b := range g.Barred {
				people = append(people, Approver{Person: b.Person, From: b.From})
			}
			g.Asked, g.Barred = p.bar(g, people)
			g.enough(&f, "gates."+g.Name)
		}
		if err := f.Err("approval"); err != nil {
			return err
		}
		if p.State != StateOpen || p.Suspended {
			return nil
		}
		return p.settle(at)
	})
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
