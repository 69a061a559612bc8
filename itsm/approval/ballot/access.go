// This file holds who may know and do what: permissions on an approval, what follows from the record that is
// approved, and what is taken out for those who may not read what is internal.

package ballot

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions.
const (
	PermissionRead         itsm.Permission = "approval.read"
	PermissionReadInternal itsm.Permission = "approval.read_internal"
	// PermissionVote lets who is asked, or their delegate, vote. It lets nobody else.
	PermissionVote itsm.Permission = "approval.vote"
	// PermissionRequest is for who asks for approval: requesting, revising, suspending, releasing and
	// withdrawing. A practice that asks for its own records does so as a system actor, and may have claimed the purpose
	// for itself: see [Practice.Claim].
	PermissionRequest itsm.Permission = "approval.request"
	// PermissionDelegate lets delegate the own votes, PermissionDelegateFor those of others, to
	// anybody but oneself.
	PermissionDelegate    itsm.Permission = "approval.delegate"
	PermissionDelegateFor itsm.Permission = "approval.delegate_for"
)

// subject is what an authorizer needs to know of an approval: its requesters are the parties, its members
// who is asked.
func subject(a *Approval) *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: a.ID}
	for _, x := range a.Process.Subject.Parties {
		s.Requesters = append(s.Requesters, x.Person)
	}
	for i := range a.Process.Gates {
		if g := &a.Process.Gates[i]; !g.Opened.IsZero() {
			for _, x := range g.Asked {
				s.Members = append(s.Members, x.Person)
			}
		}
	}
	return s
}

// mayAsk refuses who asks about a purpose that a practice has claimed, and is no part of the system.
func (p *Practice) mayAsk(actor itsm.Actor, parent itsm.Ref, purpose string) error {
	if actor.System || !p.claimed[claim{parent.Kind, purpose}] {
		return nil
	}
	return &itsm.ForbiddenError{
		Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionRequest, Kind: Kind,
		Reason: "what a " + parent.Kind + " is approved for as \"" + purpose + "\" is asked by its own practice alone",
	}
}

// isForbidden says whether an authorizer refused.
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }

// allows asks for a permission. A refusal is false; another error of the authorizer is that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, s *itsm.Subject) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, s)
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// mayRead says whether the actor may know of a record that is approved.
func (p *Practice) mayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, parent itsm.Ref) (bool, error) {
	if p.o.MayRead == nil || actor.System {
		return true, nil
	}
	err := p.o.MayRead(ctx, r, actor, parent)
	if errors.Is(err, itsm.ErrNotFound) || isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// mayReadEach says of which records the actor may know.
func (p *Practice) mayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, parents []itsm.Ref) (map[itsm.Ref]bool, error) {
	if p.o.MayRead != nil && p.o.MayReadEach != nil && !actor.System {
		return p.o.MayReadEach(ctx, r, actor, parents)
	}
	all := make(map[itsm.Ref]bool, len(parents))
	for _, parent := range parents {
		may, err := p.mayRead(ctx, r, actor, parent)
		if err != nil {
			return nil, err
		}
		all[parent] = may
	}
	return all, nil
}

// isAsked says whether the actor is or was asked at a gate, has voted, or has a delegation of somebody who is
// asked now.
func (p *Practice) isAsked(ctx context.Context, r storage.Reader, actor itsm.Actor, a *Approval) (bool, error) {
	open := map[itsm.ID]bool{}
	for i := range a.Process.Gates {
		g := &a.Process.Gates[i]
		if g.Opened.IsZero() {
			continue
		}
		for _, x := range g.Asked {
			if x.Person == actor.ID {
				return true, nil
			}
			if g.State == approval.StateOpen {
				open[x.Person] = true
			}
		}
		for _, v := range g.Votes {
			if v.By == actor.ID {
				return true, nil
			}
		}
	}
	if len(open) == 0 || actor.System {
		return false, nil
	}
	held, err := heldBy(ctx, r, actor.ID, p.e.Now())
	if err != nil {
		return false, err
	}
	for _, d := range held {
		if open[d.Delegator] && d.Covers(a.ParentKind, p.e.Now()) {
			return true, nil
		}
	}
	return false, nil
}

// find reads an approval that the actor may read: by permission, where it may know of the record, or because
// it is asked. One that the actor may not read is not found, with the very error of one that is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Approval, error) {
	a, err := Table.Get(ctx, r, id)
	if err != nil {
		return Approval{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, subject(&a))
	if err == nil && may {
		may, err = p.mayRead(ctx, r, actor, a.Parent())
	}
	if err == nil && !may {
		may, err = p.isAsked(ctx, r, actor, &a)
	}
	switch {
	case err != nil:
		return Approval{}, err
	case !may:
		return Approval{}, notFound(id)
	}
	return a, nil
}

func notFound(id itsm.ID) error {
	return &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
}

// MayRead gives nil where the actor may read an approval, and otherwise the error of [Practice.Get]. It reads
// by r: for whoever keeps records that hang on approvals.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

// shown is an approval as the actor may see it: those who may not read what is internal, and are not asked,
// are told the reasons of rejections and returns and the questions, which are for them, and no others.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, a Approval) (Approval, error) {
	internal, err := p.allows(ctx, actor, PermissionReadInternal, subject(&a))
	if err == nil && !internal {
		internal, err = p.isAsked(ctx, r, actor, &a)
	}
	if err != nil || internal {
		return a, err
	}
	gates := make([]approval.Gate, len(a.Process.Gates))
	copy(gates, a.Process.Gates)
	for i := range gates {
		votes := make([]approval.Vote, len(gates[i].Votes))
		copy(votes, gates[i].Votes)
		for j := range votes {
			if c := votes[j].Choice; c == approval.ChoiceApprove || c == approval.ChoiceAbstain {
				votes[j].Reason = ""
			}
		}
		gates[i].Votes = votes
	}
	a.Process.Gates = gates
	return a, nil
}
