// This file holds what happens when a gate has waited for votes as long as it may.

package approval

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Expire does what the policy says of a gate that has waited as long as it may: it is rejected or returned,
// or others are asked in the place of those who have not voted, or it stays open with Expired set. It is
// ErrTransition where the gate is not open.
//
// Votes that were cast stay. Where nobody can be found to escalate to, the gate stays open as it is, with
// Expired set, and the error is ErrInvalid with every fault: the one error after which the process has
// changed.
func (p *Process) Expire(ctx context.Context, gate string, at time.Time, resolve Resolve) error {
	if p.Gate(gate) == nil {
		return noGate(gate)
	}
	var told error
	err := p.change(func() error {
		g := p.Gate(gate)
		if err := g.fire(ActionExpire, at, ""); err != nil {
			return err
		}
		g.Expired = at
		const reason = "it waited for votes as long as it may"
		switch g.OnExpiry {
		case ExpiryReject:
			if err := g.fire(ActionFail, at, reason); err != nil {
				return err
			}
		case ExpiryReturn:
			if err := g.fire(ActionSendBack, at, reason); err != nil {
				return err
			}
		case ExpiryEscalate:
			told = p.escalate(ctx, g, at, resolve) // which leaves the gate as it is where nobody is found
		default:
			return nil
		}
		return p.settle(at)
	})
	if err != nil {
		return err
	}
	return told
}

// escalate asks others in the place of those who have not voted.
func (p *Process) escalate(ctx context.Context, g *Gate, at time.Time, resolve Resolve) error {
	var f itsm.Faults
	field := "gates." + g.Name
	others := people(ctx, &f, field+".escalate_to", g.EscalateTo, nil, resolve)
	after := *g
	after.Asked = nil
	for _, a := range g.Asked {
		if _, voted := g.Standing(a.Person); voted {
			after.Asked = append(after.Asked, a)
		}
	}
	added := 0
	var asked []Approver
	if len(others) > 0 {
		asked, after.Barred = p.bar(g, others)
	}
	for _, a := range asked {
		if !after.asks(a.Person) {
			after.Asked = append(after.Asked, a)
			added++
		}
	}
	if added == 0 && len(others) > 0 {
		f.Add(field+".escalate_to", "leave nobody to ask who has not voted")
	}
	if added > 0 {
		after.enough(&f, field)
	}
	if err := f.Err("approval"); err != nil {
		return err
	}
	after.Escalated = true
	*g = after
	return g.fire(ActionEscalate, at, "")
}
