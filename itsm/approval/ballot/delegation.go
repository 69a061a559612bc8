// This file holds delegations: who may vote in whose place, and for how long.

package ballot

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// DelegationKind is the kind of record that a delegation is.
const DelegationKind = "approval_delegation"

// Delegation lets a person vote in the place of another.
type Delegation struct {
	DelegationHead
	DelegationBody
}

// DelegationHead is all of a delegation but its reason.
type DelegationHead struct {
	storage.Meta
	Delegator itsm.ID `json:"delegator"`
	Delegate  itsm.ID `json:"delegate"`
	// RecordKind bounds it to the approval of records of one kind; empty is every kind.
	RecordKind string `json:"record_kind,omitempty"`
	// From is the first instant at which it holds, Until the first at which it does no more. One that is
	// revoked ends then.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// Revoked says that it was ended before its time.
	Revoked bool `json:"revoked"`
}

// DelegationBody is the rest of a delegation.
type DelegationBody struct {
	Reason string `json:"reason,omitempty"`
}

// The columns of delegations.
var (
	DelegationByDelegator  = storage.Col("delegator", func(h *DelegationHead) *itsm.ID { return &h.Delegator })
	DelegationByDelegate   = storage.Col("delegate", func(h *DelegationHead) *itsm.ID { return &h.Delegate })
	DelegationByRecordKind = storage.Col("record_kind", func(h *DelegationHead) *string { return &h.RecordKind })
	DelegationByFrom       = storage.TimeCol("from_at", func(h *DelegationHead) *time.Time { return &h.From })
	DelegationByUntil      = storage.TimeCol("until_at", func(h *DelegationHead) *time.Time { return &h.Until })
	DelegationByRevoked    = storage.BoolCol("revoked", func(h *DelegationHead) *bool { return &h.Revoked })
)

// DelegationTable is the table of delegations.
var DelegationTable = storage.Define(DelegationKind, storage.Def[Delegation, DelegationHead, DelegationBody]{
	Parts: func(d *Delegation) (*DelegationHead, *DelegationBody) { return &d.DelegationHead, &d.DelegationBody },
	Columns: []storage.ColumnOf[DelegationHead]{
		DelegationByDelegator, DelegationByDelegate, DelegationByRecordKind, DelegationByFrom, DelegationByUntil, DelegationByRevoked,
	},
	Indexes: []storage.Index{
		storage.IndexOn(DelegationByDelegate.Asc(), DelegationByUntil.Asc()),
		storage.IndexOn(DelegationByDelegator.Asc(), DelegationByUntil.Asc()),
	},
})

// MaxDelegations is how many delegations to one person may hold or be to come at once.
const MaxDelegations = 100

// MaxDelegationDays is the longest that one may hold.
const MaxDelegationDays = 366

// NewDelegation is a delegation to be made. The command's reason is kept with it.
type NewDelegation struct {
	itsm.Command
	// Delegator is whose votes they are; empty is the actor.
	Delegator  itsm.ID   `json:"delegator,omitempty"`
	Delegate   itsm.ID   `json:"delegate"`
	RecordKind string    `json:"record_kind,omitempty"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
}

// Delegate lets a person vote in the place of another between two instants. It takes "approval.delegate" for
// the own votes and "approval.delegate_for" for those of others, which nobody delegates to themselves: that is
// ErrForbidden. Who set up a delegation for another stands in its event. It begins now or later: a From that has
// passed is now. The delegator may still vote, and whoever does last before the gate is decided counts.
func (p *Practice) Delegate(ctx context.Context, actor itsm.Actor, r NewDelegation) (Delegation, error) {
	if r.Delegator == "" {
		r.Delegator = actor.ID
	}
	call := engine.Call{Name: DelegationKind + ".delegate", Actor: actor, Command: r.Command, Request: r}
	return p.executeDelegation(ctx, call, func(ctx context.Context, u *engine.Unit) (Delegation, error) {
		if err := p.authorizeDelegation(ctx, u, r.Delegator); err != nil {
			return Delegation{}, err
		}
		if r.Delegator != actor.ID && r.Delegate == actor.ID {
			return Delegation{}, &itsm.ForbiddenError{
				Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionDelegateFor, Kind: DelegationKind,
				Reason: "nobody delegates the votes of another to themselves",
			}
		}
		d := Delegation{
			DelegationHead: DelegationHead{
				Delegator: r.Delegator, Delegate: r.Delegate, RecordKind: r.RecordKind,
				From: storage.Instant(r.From), Until: storage.Instant(r.Until),
			},
			DelegationBody: DelegationBody{Reason: r.Reason},
		}
		if d.From.Before(u.Now()) {
			d.From = u.Now()
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Key("delegator", string(d.Delegator))
		f.Key("delegate", string(d.Delegate))
		if d.Delegate != "" && d.Delegate == d.Delegator {
			f.Add("delegate", "must be another person than the delegator")
		}
		if d.RecordKind != "" {
			f.Key("record_kind", d.RecordKind)
		}
		switch {
		case r.Until.IsZero():
			f.Add("until", "is required")
		case !d.Until.After(d.From):
			f.Add("until", "must be after from, and after now")
		case d.Until.Sub(d.From) > MaxDelegationDays*24*time.Hour:
			f.Addf("until", "must be at most %d days after from", MaxDelegationDays)
		}
		if f.Empty() {
			n, err := DelegationTable.Count(ctx, u, storage.AllOf(
				DelegationByDelegate.Is(d.Delegate), DelegationByUntil.Above(u.Now()), DelegationByRevoked.Is(false)))
			if err != nil {
				return Delegation{}, err
			}
			if n >= MaxDelegations {
				f.Addf("delegate", "has %d delegations that hold or are to come; at most %d are allowed", n, MaxDelegations)
			}
		}
		if err := f.Err(DelegationKind); err != nil {
			return Delegation{}, err
		}
		d.ID = u.NewID()
		if err := DelegationTable.Put(ctx, u, &d); err != nil {
			return Delegation{}, err
		}
		u.Emit(itsm.Event{Kind: DelegationKind, Record: d.ID, Action: "delegate", Data: Delegated{
			Delegator: d.Delegator, Delegate: d.Delegate, RecordKind: d.RecordKind, From: d.From, Until: d.Until,
			By: other(actor.ID, d.Delegator),
		}})
		return d, nil
	})
}

// RevokeDelegation ends a delegation now. Votes that were cast by it stay. One that has ended is
// ErrTransition.
func (p *Practice) RevokeDelegation(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Delegation, error) {
	call := engine.Call{Name: DelegationKind + ".revoke", Actor: actor, Command: c, Target: id, Request: c}
	return p.executeDelegation(ctx, call, func(ctx context.Context, u *engine.Unit) (Delegation, error) {
		d, err := p.findDelegation(ctx, u, actor, id)
		if err != nil {
			return Delegation{}, err
		}
		if err := p.authorizeDelegation(ctx, u, d.Delegator); err != nil {
			return Delegation{}, err
		}
		if err := call.Validate(); err != nil {
			return Delegation{}, err
		}
		if d.Revoked || !u.Now().Before(d.Until) {
			return Delegation{}, &itsm.TransitionError{Kind: DelegationKind, ID: id, State: "ended", Action: "revoke", Reason: "it holds no more"}
		}
		d.Revoked, d.Until = true, u.Now()
		if d.From.After(d.Until) {
			d.From = d.Until
		}
		if err := DelegationTable.Put(ctx, u, &d); err != nil {
			return Delegation{}, err
		}
		u.Emit(itsm.Event{Kind: DelegationKind, Record: d.ID, Action: "revoke", Data: DelegationRevoked{
			Delegator: d.Delegator, Delegate: d.Delegate, By: other(actor.ID, d.Delegator),
		}})
		return d, nil
	})
}

// other gives who did it, where that is another than whose votes they are.
func other(actor, delegator itsm.ID) itsm.ID {
	if actor == delegator {
		return ""
	}
	return actor
}

func (p *Practice) executeDelegation(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Delegation, error)) (Delegation, error) {
	return engine.Execute(ctx, p.e, DelegationTable, c, fn, func(ctx context.Context, u *engine.Unit, d Delegation, again bool) (Delegation, error) {
		if again {
			return p.findDelegation(ctx, u, c.Actor, d.ID)
		}
		return d, nil
	})
}

// authorizeDelegation asks for what it takes to delegate the votes of a person.
func (p *Practice) authorizeDelegation(ctx context.Context, u *engine.Unit, delegator itsm.ID) error {
	if delegator != u.Actor().ID {
		return u.Authorize(ctx, PermissionDelegateFor, nil)
	}
	return u.Authorize(ctx, PermissionDelegate, &itsm.Subject{Kind: DelegationKind, Requesters: []itsm.ID{delegator}})
}

// findDelegation reads a delegation that the actor may know of: its own, to it, or any with
// "approval.delegate_for".
func (p *Practice) findDelegation(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Delegation, error) {
	d, err := DelegationTable.Get(ctx, r, id)
	if err != nil || d.Delegator == actor.ID || d.Delegate == actor.ID {
		return d, err
	}
	may, err := p.allows(ctx, actor, PermissionDelegateFor, nil)
	if err != nil {
		return Delegation{}, err
	}
	if !may {
		return Delegation{}, &storage.Error{Op: "get", Table: DelegationKind, ID: id, Err: storage.ErrNotFound}
	}
	return d, nil
}

// Delegations lists the delegations of a person's votes, and to the person, that hold or are to come, those
// that end first before others. Those of others than the actor take "approval.delegate_for".
func (p *Practice) Delegations(ctx context.Context, actor itsm.Actor, person itsm.ID, after storage.Cursor, limit int) (storage.Page[DelegationHead], error) {
	var page storage.Page[DelegationHead]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if person != actor.ID {
			if err := p.e.Authorizer().Authorize(ctx, actor, PermissionDelegateFor, nil); err != nil {
				return err
			}
		}
		var err error
		page, err = DelegationTable.List(ctx, r, storage.Query[DelegationHead]{
			Where: storage.AllOf(
				storage.AnyOf(DelegationByDelegator.Is(person), DelegationByDelegate.Is(person)),
				DelegationByUntil.Above(p.e.Now()), DelegationByRevoked.Is(false)),
			Order: []storage.Order{DelegationByUntil.Asc()}, Limit: limit, After: after,
		})
		return err
	})
	return page, err
}

// value is the delegation as package approval knows it.
func (h *DelegationHead) value() approval.Delegation {
	return approval.Delegation{Delegator: h.Delegator, Delegate: h.Delegate, Kind: h.RecordKind, From: h.From, Until: h.Until}
}

// heldBy gives the delegations to a person that hold at an instant.
func heldBy(ctx context.Context, r storage.Reader, person itsm.ID, now time.Time) ([]approval.Delegation, error) {
	return delegations(ctx, r, storage.AllOf(DelegationByDelegate.Is(person), DelegationByUntil.Above(now), DelegationByFrom.AtMost(now)))
}

// between gives those of one person to another.
func between(ctx context.Context, r storage.Reader, delegator, delegate itsm.ID, now time.Time) ([]approval.Delegation, error) {
	return delegations(ctx, r, storage.AllOf(
		DelegationByDelegate.Is(delegate), DelegationByDelegator.Is(delegator), DelegationByUntil.Above(now), DelegationByFrom.AtMost(now)))
}

func delegations(ctx context.Context, r storage.Reader, where storage.Filter[DelegationHead]) ([]approval.Delegation, error) {
	var out []approval.Delegation
	page, err := DelegationTable.List(ctx, r, storage.Query[DelegationHead]{
		Where: where, Order: []storage.Order{DelegationByUntil.Asc()}, Limit: storage.MaxPage,
	})
	for i := range page.Items {
		out = append(out, page.Items[i].value())
	}
	return out, err
}
