// This file holds authorisation: what the gates of a change are asked, and what follows from what they decide.

package change

import (
	"context"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// PurposeAuthorise is for what the approvals of a change are: their purpose in package ballot, which the practice claims
// there, so that nobody else asks for them, withdraws them or holds them up.
const PurposeAuthorise = "authorise"

// The duties that keep a person from deciding about a change. The author drafted it, or recorded it, for another: of who
// asked for it themselves the duty is the requester's.
const (
	DutyRequester   = "requester"
	DutyAuthor      = "author"
	DutyImplementer = "implementer"
)

// gatesDo is what is done with the gates when a change has been put.
type gatesDo int

const (
	gatesLeave gatesDo = iota
	gatesAsk
	gatesRevise
	gatesWithdraw
	gatesSuspend
	gatesRelease
)

// gatekeeper names the part of the system that asks for authorisation, and acts on what was decided.
const gatekeeper = "change.gates"

// ask fixes what the gates are asked about. Whatever was authorised before is not any more.
func (w *work) ask() error {
	e, err := w.envelope(nil)
	if err != nil {
		return err
	}
	e.At = w.now
	w.Asked, w.Approved = &e, nil
	w.Round++
	return nil
}

// parties are those who must not decide about the change.
func (c *Change) parties() []approval.Party {
	var parties []approval.Party
	if c.Requester != "" {
		parties = append(parties, approval.Party{Person: c.Requester, Duty: DutyRequester})
	}
	if c.Author != "" && c.Author != c.Requester {
		parties = append(parties, approval.Party{Person: c.Author, Duty: DutyAuthor})
	}
	if c.Assignee != "" {
		parties = append(parties, approval.Party{Person: c.Assignee, Duty: DutyImplementer})
	}
	return parties
}

// ownDuty gives the duty by which the actor is a party to the change as it was, "" where it is none or the Exemption of the
// Options lets parties of the duty decide.
func (w *work) ownDuty() string {
	x := w.p.o.Exemption
	for _, party := range w.Was.parties() {
		if party.Person == w.actor.ID && (x == nil || len(x.Of) > 0 && !slices.Contains(x.Of, party.Duty)) {
			return party.Duty
		}
	}
	return ""
}

// request is what ballots are asked for the change as it is.
func (w *work) request(ctx context.Context) (ballot.Request, error) {
	facts, err := w.p.approvalFacts(ctx, w.r, &w.Change)
	if err != nil {
		return ballot.Request{}, err
	}
	policy := w.Follows.Gates
	if w.p.o.Exemption != nil {
		policy.Rules = slices.Clone(policy.Rules)
		for i := range policy.Rules {
			gates := slices.Clone(policy.Rules[i].Gates)
			for n := range gates {
				if gates[n].Exemption == nil {
					gates[n].Exemption = w.p.o.Exemption
				}
			}
			policy.Rules[i].Gates = gates
		}
	}
	r := ballot.Request{Parent: w.Ref(), Purpose: PurposeAuthorise, Policy: policy, Facts: facts, Subject: approval.Subject{Parties: w.parties()}}
	if w.Asked != nil {
		r.Subject.Hash = w.Asked.Hash
	}
	return r, nil
}

// putGates does with the gates what the command came to.
func (w *work) putGates(ctx context.Context) error {
	if w.gates == gatesLeave {
		return nil
	}
	ballots, system := w.p.ballots.In(w.u.Store()), w.u.System(gatekeeper)
	if w.gates == gatesAsk || w.gates == gatesRevise {
		r, err := w.request(ctx)
		if err != nil {
			return err
		}
		if w.gates == gatesAsk {
			_, err = ballots.Request(ctx, system, r)
		} else {
			_, err = ballots.Revise(ctx, system, r)
		}
		return err
	}
	standing, there, err := ballots.Standing(ctx, w.u, w.Ref(), PurposeAuthorise)
	if err != nil || !there || !standing.Open {
		return err
	}
	c := itsm.Command{Reason: w.Reason}
	switch {
	case w.gates == gatesWithdraw:
		_, err = ballots.Withdraw(ctx, system, w.Ref(), PurposeAuthorise, c)
	case w.gates == gatesSuspend && !standing.Suspended:
		_, err = ballots.Suspend(ctx, system, w.Ref(), PurposeAuthorise, c)
	case w.gates == gatesRelease && standing.Suspended:
		_, err = ballots.Release(ctx, system, w.Ref(), PurposeAuthorise, c)
	}
	return err
}

// authorised says whether every gate has approved exactly what the change is: for an action that takes it to be
// authorised, what was asked for, and elsewhere what was authorised.
func (w *work) authorised(ctx context.Context, a Action) (bool, error) {
	of := w.Approved
	if a == ActionAuthorise {
		of = w.Asked
	}
	inside, err := w.inside(of)
	if err != nil || !inside {
		return false, err
	}
	if w.Type == TypeStandard {
		return of.Basis == BasisTemplate, nil
	}
	standing, there, err := w.p.ballots.Standing(ctx, w.r, w.Ref(), PurposeAuthorise)
	if err != nil || !there {
		return false, err
	}
	return standing.State == approval.StateApproved && !standing.Suspended && standing.Hash == of.Hash, nil
}

// partiesMatter says whether somebody who decided about the change is to have a duty in it now.
func (w *work) partiesMatter(ctx context.Context) (bool, error) {
	if w.Asked == nil || w.Type == TypeStandard {
		return false, nil
	}
	standing, there, err := w.p.ballots.Standing(ctx, w.r, w.Ref(), PurposeAuthorise)
	if err != nil || !there {
		return false, err
	}
	return standing.Process.Material(approval.Subject{Hash: standing.Hash, Parties: w.parties()}), nil
}

// decidedBy says whether the actor has a vote that counts in the standing round of the change, and no exemption by which an
// implementer may have one: who has decided about a change does not make it.
func (w *work) decidedBy(ctx context.Context) (bool, error) {
	if w.Asked == nil || w.Type == TypeStandard || w.Type == TypeRetrospective {
		return false, nil
	}
	standing, there, err := w.p.ballots.Standing(ctx, w.r, w.Ref(), PurposeAuthorise)
	if err != nil || !there {
		return false, err
	}
	implementer := approval.Party{Person: w.actor.ID, Duty: DutyImplementer}
	return standing.Process.Material(approval.Subject{Hash: standing.Hash, Parties: []approval.Party{implementer}}), nil
}

// gatesDecided is the reaction to what the gates decided: the change is authorised, returned or rejected. What was decided
// about something that it no longer is comes to nothing.
func (p *Practice) gatesDecided(ctx context.Context, u *engine.Unit, _ itsm.Event, d ballot.Decided) error {
	if d.Parent.Kind != Kind || d.Purpose != PurposeAuthorise {
		return nil
	}
	action, reason := ActionAuthorise, strings.Join(d.Reasons, "; ")
	switch d.State {
	case approval.StateRejected:
		action, reason = ActionReject, orElse(reason, d.Why)
	case approval.StateReturned:
		action, reason = ActionReturn, orElse(reason, d.Why)
	}
	_, err := p.In(u.Store()).command(ctx, u.System(gatekeeper), d.Parent.ID, action, itsm.Command{Reason: clip(reason, itsm.MaxReason)}, nil, func(ctx context.Context, w *work) error {
		if w.Asked == nil || w.Asked.Hash != d.Hash || !w.lifecycle().Has(w.State, action) {
			return nil
		}
		switch action {
		case ActionReject:
			w.EndReason = reason
			w.rejectDone(reason)
			return w.fire(ctx, action, Rejected{ByGates: true})
		case ActionReturn:
			w.EndReason = reason
			if err := w.check(ctx, action); err != nil {
				return err
			}
			w.Returns++
			if err := w.move(Returned{ByGates: true}); err != nil {
				return err
			}
			w.gates = gatesLeave // they are decided
			return nil
		}
		if err := w.check(ctx, action); err != nil {
			return err
		}
		e := *w.Asked
		e.At, e.Basis = w.now, BasisGates
		if d.Basis != approval.BasisGates {
			e.Basis = BasisAutomatic
		}
		w.Approved = &e
		return w.move(Authorised{Hash: e.Hash, Basis: e.Basis, Round: w.Round})
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

// clip cuts a text to a number of characters.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// approvalFacts are what approval policies speak of: the columns, the host's own fields and facts.
func (p *Practice) approvalFacts(ctx context.Context, r storage.Reader, c *Change) (approval.Facts, error) {
	row, err := p.table.Encode(c)
	if err != nil {
		return nil, err
	}
	facts := approval.Facts{}
	s := p.table.Schema()
	for _, column := range s.Columns() {
		if v := row.Value(s, column.Name); v != nil {
			facts[column.Name] = v
		}
	}
	for _, d := range p.o.Fields.Definitions() {
		name := "fields." + d.Name
		switch d.Type {
		case itsm.FieldText, itsm.FieldChoice:
			if v, ok := c.Fields.Text(d.Name); ok {
				facts[name] = v
			}
		case itsm.FieldDate:
			if v, ok := c.Fields.Date(d.Name); ok {
				facts[name] = v.Format("2006-01-02")
			}
		case itsm.FieldReference:
			if v, ok := c.Fields.Reference(d.Name); ok {
				facts[name] = string(v.ID)
			}
		case itsm.FieldInteger:
			if v, ok := c.Fields.Integer(d.Name); ok {
				facts[name] = v
			}
		case itsm.FieldBoolean:
			if v, ok := c.Fields.Boolean(d.Name); ok {
				facts[name] = v
			}
		case itsm.FieldTime:
			if v, ok := c.Fields.Time(d.Name); ok {
				facts[name] = v.UnixMicro()
			}
		}
	}
	if p.o.FactsOf == nil {
		return facts, nil
	}
	more, err := p.o.FactsOf(ctx, r, *c)
	if err != nil {
		return nil, err
	}
	for _, f := range p.o.Facts { // and no others
		if v, known := more[f.Name]; known {
			facts[f.Name] = v
		}
	}
	return facts, nil
}

// Return takes a change back to draft, with the reason. What its gates have decided lapses.
func (p *Practice) Return(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionReturn, r, r, func(ctx context.Context, w *work) error {
		w.EndReason = r.Reason
		if err := w.check(ctx, ActionReturn); err != nil {
			return err
		}
		w.Returns++
		return w.move(Returned{})
	})
}

// Reject ends a change that is not to be made, with the reason.
func (p *Practice) Reject(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionReject, r, r, func(ctx context.Context, w *work) error {
		w.EndReason = r.Reason
		w.rejectDone(r.Reason)
		return w.fire(ctx, ActionReject, Rejected{})
	})
}

// Redraft takes a change that was submitted back to draft, to be changed and submitted again. What its gates have decided lapses.
func (p *Practice) Redraft(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionRedraft, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionRedraft, Redrafted{})
	})
}
