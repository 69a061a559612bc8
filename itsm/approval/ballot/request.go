// This file holds the commands of those whose record it is: to ask for approval, to take over a change, to
// suspend, release and withdraw.

package ballot

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxPurpose is the greatest length of a purpose, in characters.
const MaxPurpose = 100

// Request asks for the approval of a record.
type Request struct {
	itsm.Command
	Parent itsm.Ref `json:"parent"`
	// Purpose tells it from what else the record is approved for: "publish", "retire". It may be empty.
	Purpose string `json:"purpose,omitempty"`
	// Policy says which gates it has to pass, by the Facts. What of them is used is kept, so that the
	// policy may change meanwhile.
	Policy approval.Policy `json:"policy"`
	Facts  approval.Facts  `json:"facts,omitempty"`
	// Subject is what is approved. Its hash stands for the facts as well: where a fact by which the policy
	// decides may change, it is part of what the hash is made of.
	Subject approval.Subject `json:"subject"`
}

func (r *Request) check(f *itsm.Faults) {
	f.Key("parent.kind", r.Parent.Kind)
	f.Key("parent.id", string(r.Parent.ID))
	f.Text("purpose", r.Purpose, MaxPurpose, false)
}

// Request begins a round: it builds the gates of the policy and asks the approvers of the first stage. A
// round that there was for the record and purpose, open or decided, lapses with all its votes; where that
// was suspended, so is the new one. It takes "approval.request", and a record that the actor may not read is
// not found. A purpose that a practice has claimed is asked by system actors alone: see [Practice.Claim]. Whether a record in its state is to be approved is for its practice to know: one that has ended
// already is not refused here.
//
// What [approval.Build] refuses is ErrInvalid with every fault: sources that give nobody among it. What no
// rule matches, and what is approved automatically, is decided at once, and [Decided] tells.
func (p *Practice) Request(ctx context.Context, actor itsm.Actor, r Request) (Approval, error) {
	return p.request(ctx, actor, "request", r, func(*Approval) bool { return true })
}

// Revise is for a record that was edited. Where the subject is materially another ([approval.Process.Material]),
// and where there is no round or it was withdrawn, it is a Request. Otherwise the round and its votes stay,
// and its parties are those of the subject: see [approval.Process.Revise]. A round that was rejected or returned
// stays so where nothing material was changed; to ask again all the same is a Request.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, r Request) (Approval, error) {
	return p.request(ctx, actor, "revise", r, func(a *Approval) bool {
		return a.State == approval.StateWithdrawn || a.State == approval.StateLapsed || a.Process.Material(r.Subject)
	})
}

func (p *Practice) request(ctx context.Context, actor itsm.Actor, name string, r Request, anew func(*Approval) bool) (Approval, error) {
	call := engine.Call{Name: Kind + "." + name, Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Approval, error) {
		if err := u.Authorize(ctx, PermissionRequest, nil); err != nil {
			return Approval{}, err
		}
		if err := p.mayAsk(actor, r.Parent, r.Purpose); err != nil {
			return Approval{}, err
		}
		var f itsm.Faults
		var was Approval
		var there bool
		r.check(&f)
		if f.Empty() { // there is something to look for
			var err error
			if err = p.parent(ctx, u, r.Parent, &f); err != nil {
				return Approval{}, err
			}
			if was, there, err = current(ctx, u, r.Parent, r.Purpose); err != nil {
				return Approval{}, err
			}
		}
		f.Merge("", call.Validate())
		if there && !anew(&was) {
			return p.revised(ctx, u, was, r.Subject, &f)
		}
		next, err := approval.Build(ctx, r.Policy, approval.Case{
			Kind: r.Parent.Kind, Round: int(was.Round) + 1, Facts: r.Facts, Subject: r.Subject, At: u.Now(), Resolve: p.resolve(u),
		})
		if r.Parent.Kind == "" && err != nil {
			err = without(err, "kind") // which is told of the parent
		}
		f.Merge("", err)
		if err := f.Err(Kind); err != nil {
			return Approval{}, err
		}
		w := p.workOn(u, Approval{Head: Head{
			Meta:       storage.Meta{ID: idOf(r.Parent, r.Purpose, int64(next.Round))},
			ParentKind: r.Parent.Kind, ParentID: r.Parent.ID, Purpose: r.Purpose, Round: int64(next.Round), Current: true, RequestedBy: actor.ID,
		}, Body: Body{Process: next}})
		if there {
			if was.Suspended && w.Process.State == approval.StateOpen {
				if err := w.Process.Suspend(u.Now()); err != nil {
					return Approval{}, err
				}
			}
			if err := p.lapse(ctx, u, was, w.ID); err != nil {
				return Approval{}, err
			}
		}
		w.tell("request", Requested{About: w.about(), Hash: next.Subject.Hash, Policy: next.Policy, Rules: next.Rules})
		if err := w.finish(ctx); err != nil {
			return Approval{}, err
		}
		return w.Approval, nil
	})
}

// without gives the faults of an error but those of a field.
func without(err error, field string) error {
	var invalid *itsm.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(invalid.Faults), func(f itsm.Fault) bool { return f.Field == field })
	if len(rest) == 0 {
		return nil
	}
	return &itsm.ValidationError{Subject: invalid.Subject, Faults: rest}
}

// parent asks whether the record is there, and whether the actor may know of it.
func (p *Practice) parent(ctx context.Context, u *engine.Unit, ref itsm.Ref, f *itsm.Faults) error {
	none := &storage.Error{Op: "get", Table: ref.Kind, ID: ref.ID, Err: storage.ErrNotFound}
	switch _, _, err := u.Load(ctx, ref); {
	case errors.Is(err, itsm.ErrNotFound):
		return none
	case errors.Is(err, itsm.ErrInvalid) && p.o.MayRead == nil:
		f.Addf("parent.kind", "%.64q is not registered on the engine, and Options.MayRead does not say who may read it", ref.Kind)
		return nil
	case err != nil && !errors.Is(err, itsm.ErrInvalid):
		return err
	}
	may, err := p.mayRead(ctx, u, u.Actor(), ref)
	if err == nil && !may {
		return none
	}
	return err
}

// lapse ends a round whose place another takes.
func (p *Practice) lapse(ctx context.Context, u *engine.Unit, was Approval, next itsm.ID) error {
	w := p.workOn(u, was)
	w.Current = false
	if was.State != approval.StateLapsed && was.State != approval.StateWithdrawn {
		if err := w.Process.Lapse(u.Now(), "another round was asked for"); err != nil {
			return err
		}
	}
	w.tell("lapse", Lapsed{About: w.about(), Next: next})
	return w.finish(ctx)
}

// revised takes over the parties of a subject that is not another.
func (p *Practice) revised(ctx context.Context, u *engine.Unit, was Approval, s approval.Subject, f *itsm.Faults) (Approval, error) {
	w := p.workOn(u, was)
	parties := was.Process.Subject.Parties
	err := w.Process.Revise(s, u.Now())
	f.Merge("", err)
	if errors.Is(err, itsm.ErrTransition) {
		return Approval{}, err
	}
	if err := f.Err(Kind); err != nil {
		return Approval{}, err
	}
	if !slices.Equal(parties, w.Process.Subject.Parties) {
		w.tell("revise", Revised{About: w.about(), Parties: w.Process.Subject.Parties})
	}
	if err := w.finish(ctx); err != nil {
		return Approval{}, err
	}
	return w.Approval, nil
}

// Suspend is for a record that is put on hold: nobody is asked any more, and no vote is taken. Votes that
// were cast stay. No open round is ErrTransition, none at all ErrNotFound.
func (p *Practice) Suspend(ctx context.Context, actor itsm.Actor, parent itsm.Ref, purpose string, c itsm.Command) (Approval, error) {
	return p.onCurrent(ctx, actor, "suspend", parent, purpose, c, func(w *work) error {
		w.tell("suspend", Suspended{w.about()})
		return w.Process.Suspend(w.u.Now())
	})
}

// Release is for a record that is no longer on hold: the votes that are missing are asked for again, and the
// times until reminder and expiry begin anew.
func (p *Practice) Release(ctx context.Context, actor itsm.Actor, parent itsm.Ref, purpose string, c itsm.Command) (Approval, error) {
	return p.onCurrent(ctx, actor, "release", parent, purpose, c, func(w *work) error {
		w.tell("release", Released{w.about()})
		return w.Process.Release(w.u.Now())
	})
}

// Withdraw is for a record that is not to be approved any more: the open round ends, and its votes lapse.
func (p *Practice) Withdraw(ctx context.Context, actor itsm.Actor, parent itsm.Ref, purpose string, c itsm.Command) (Approval, error) {
	return p.onCurrent(ctx, actor, "withdraw", parent, purpose, c, func(w *work) error {
		w.tell("withdraw", Withdrawn{About: w.about()})
		return w.Process.Withdraw(w.u.Now(), c.Reason)
	})
}

// onCurrent runs a command on the current round of a record.
func (p *Practice) onCurrent(ctx context.Context, actor itsm.Actor, name string, parent itsm.Ref, purpose string, c itsm.Command, fn func(*work) error) (Approval, error) {
	request := struct {
		Parent  itsm.Ref
		Purpose string
		itsm.Command
	}{parent, purpose, c}
	call := engine.Call{Name: Kind + "." + name, Actor: actor, Command: c, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Approval, error) {
		a, there, err := current(ctx, u, parent, purpose)
		if err == nil && !there {
			err = notFound("")
		}
		if err == nil {
			a, err = p.find(ctx, u, actor, a.ID)
		}
		if err != nil {
			return Approval{}, err
		}
		if err := u.Authorize(ctx, PermissionRequest, subject(&a)); err != nil {
			return Approval{}, err
		}
		if err := p.mayAsk(actor, parent, purpose); err != nil {
			return Approval{}, err
		}
		if err := call.Validate(); err != nil {
			return Approval{}, err
		}
		w := p.workOn(u, a)
		if err := fn(w); err != nil {
			return Approval{}, err
		}
		if err := w.finish(ctx); err != nil {
			return Approval{}, err
		}
		return w.Approval, nil
	})
}

// execute runs a command as the engine does; the actor gets what it may see of the approval.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Approval, error)) (Approval, error) {
	return engine.Execute(ctx, p.e, Table, c, fn, func(ctx context.Context, u *engine.Unit, a Approval, again bool) (Approval, error) {
		if again {
			var err error
			if a, err = p.find(ctx, u, c.Actor, a.ID); err != nil {
				return Approval{}, err
			}
		}
		return p.shown(ctx, u, c.Actor, a)
	})
}

// current reads the latest round of a record for a purpose.
func current(ctx context.Context, r storage.Reader, parent itsm.Ref, purpose string) (Approval, bool, error) {
	page, err := Table.Records(ctx, r, storage.Query[Head]{
		Where: storage.AllOf(ByParentKind.Is(parent.Kind), ByParentID.Is(parent.ID), ByPurpose.Is(purpose)),
		Order: []storage.Order{ByRound.Desc()}, Limit: 1,
	})
	if err != nil || len(page.Items) == 0 {
		return Approval{}, false, err
	}
	return page.Items[0], true, nil
}

// parentMoved is the reaction to every event: where a record is closed, cancelled or deleted, its open
// approvals are withdrawn in the same transaction.
func (p *Practice) parentMoved(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	_, deleted := e.Data.(engine.Deleted)
	if !deleted && (!e.ToCategory.Final() || e.FromCategory.Final()) || e.Kind == Kind || e.Kind == ApproverKind || e.Kind == DelegationKind {
		return nil
	}
	page, err := Table.Records(ctx, u, storage.Query[Head]{
		Where: storage.AllOf(ByParentKind.Is(e.Kind), ByParentID.Is(e.Record), ByOpen.Is(true)), Limit: storage.MaxPage,
	})
	if err != nil {
		return err
	}
	how := string(e.ToCategory)
	if deleted {
		how = "deleted"
	}
	for _, a := range page.Items {
		w := p.workOn(u, a)
		w.as = u.System(Kind)
		if err := w.Process.Withdraw(u.Now(), "the "+e.Kind+" was "+how); err != nil {
			return err
		}
		w.tell("withdraw", Withdrawn{About: w.about(), ParentEnded: true})
		if err := w.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Standing gives the latest round of a record for a purpose, and false where none was ever asked for. It asks
// for no permission: that is for the practice whose record it is, which looks at it in its guards.
func (p *Practice) Standing(ctx context.Context, r storage.Reader, parent itsm.Ref, purpose string) (Approval, bool, error) {
	return current(ctx, r, parent, purpose)
}
