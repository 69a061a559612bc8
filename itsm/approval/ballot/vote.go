// This file holds the command of those who are asked: to vote, for themselves or as a delegate.

package ballot

import (
	"context"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// Vote is a vote to be cast. The command's reason is the vote's.
type Vote struct {
	itsm.Command
	// Gate is the gate's name. It may be empty where the voter is asked at one open gate alone.
	Gate string `json:"gate,omitempty"`
	// For is whose vote it is; empty is the actor's own.
	For    itsm.ID         `json:"for,omitempty"`
	Choice approval.Choice `json:"choice"`
	// Hash, where it is not empty, is that of the subject which the voter has seen: another is ErrConflict.
	// The approval's id alone is that of one round, so that nobody votes in a later one unawares.
	Hash string `json:"hash,omitempty"`
}

// Vote casts a vote of the actor, or of another person who has delegated to the actor. It is refused as
// [approval.Process.Vote] says. It takes "approval.vote" and that the actor is asked, or a delegate of who is;
// who is neither and may not read the approval gets ErrNotFound.
func (p *Practice) Vote(ctx context.Context, actor itsm.Actor, id itsm.ID, v Vote) (Approval, error) {
	call := engine.Call{Name: Kind + ".vote", Actor: actor, Command: v.Command, Target: id, Request: v}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Approval, error) {
		a, err := p.find(ctx, u, actor, id)
		if err != nil {
			return Approval{}, err
		}
		s := subject(&a)
		s.Members = append(s.Members, actor.ID) // who is not asked is refused by the gate, with the reason
		if err := u.Authorize(ctx, PermissionVote, s); err != nil {
			return Approval{}, err
		}
		cast := approval.Cast{Gate: v.Gate, By: actor.ID, For: v.For, Choice: v.Choice, Reason: v.Reason, Hash: v.Hash, At: u.Now()}
		if cast.For == "" {
			cast.For = actor.ID
		}
		if cast.For != cast.By {
			if cast.Delegations, err = between(ctx, u, cast.For, cast.By, u.Now()); err != nil {
				return Approval{}, err
			}
		}
		w := p.workOn(u, a)
		var f itsm.Faults
		f.Merge("", call.Validate())
		if cast.Gate == "" {
			if cast.Gate, err = w.gateOf(cast); err != nil {
				f.Merge("", err)
				return Approval{}, f.Err(Kind)
			}
		}
		var before approval.Choice
		if g := w.Process.Gate(cast.Gate); g != nil {
			standing, _ := g.Standing(cast.For)
			before = standing.Choice
		}
		if !f.Empty() {
			return Approval{}, f.Err(Kind)
		}
		if err := w.Process.Vote(cast); err != nil {
			return Approval{}, err
		}
		w.tellVote(cast.Gate, before)
		if err := w.finish(ctx); err != nil {
			return Approval{}, err
		}
		return w.Approval, nil
	})
}

// gateOf gives the one gate that is open and asks whose vote it is.
func (w *work) gateOf(c approval.Cast) (string, error) {
	var open []string
	asked, barred := false, ""
	for i := range w.Process.Gates {
		g := &w.Process.Gates[i]
		if slices.ContainsFunc(g.Barred, func(b approval.Barred) bool { return b.Person == c.For }) {
			barred = g.Name
		}
		if !slices.ContainsFunc(g.Asked, func(a approval.Approver) bool { return a.Person == c.For }) {
			continue
		}
		asked = true
		if g.State == approval.StateOpen || g.State == approval.StateSuspended {
			open = append(open, g.Name)
		}
	}
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(open) > 1:
		return "", itsm.Invalid(Kind, "gate", fmt.Sprintf("is required: %s is asked at %q", c.For, open))
	case asked || !w.Open:
		state, _ := w.standing()
		return "", &itsm.TransitionError{Kind: Kind, ID: w.ID, State: state, Action: string(c.Choice), Reason: fmt.Sprintf("no open gate asks %s", c.For)}
	case barred != "":
		return barred, nil // which says why
	}
	return "", &itsm.ForbiddenError{
		Actor: c.By, Tenant: w.Tenant, Permission: PermissionVote, Kind: Kind, ID: w.ID, Reason: fmt.Sprintf("%s is not asked", c.For),
	}
}

// tellVote tells the vote that was cast last.
func (w *work) tellVote(gate string, before approval.Choice) {
	votes := w.Process.Gate(gate).Votes
	v := votes[len(votes)-1]
	if v.Status == approval.VoteQuestion {
		w.tell("ask", Asked{About: w.about(), Gate: gate, Approver: v.Approver, By: v.By})
		return
	}
	w.tell(string(v.Choice), Voted{
		About: w.about(), Gate: gate, Approver: v.Approver, By: v.By, Choice: v.Choice, Hash: v.Hash, Exemption: v.Exemption, Replaces: before,
	})
}
