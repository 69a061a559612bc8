// This file holds the practice: how it is made, what a host can set, what it registers on the engine, and
// how it is rebound to another store.

package ballot

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are what a host can set. The zero value works.
type Options struct {
	// Resolve gives the persons behind a person, a role or a group: see [approval.Resolve]. r reads in the
	// open unit. Nil knows persons alone, and takes them for themselves.
	Resolve func(ctx context.Context, r storage.Reader, s approval.Source) ([]itsm.ID, error)
	// MayRead says whether the actor may know of the record that is approved: nil that it may, ErrNotFound
	// or ErrForbidden that it may not. Approvals of a record that the actor may not read are not found or
	// listed, but for who is asked to approve it. Where it is nil itself, the permission "approval.read"
	// decides alone. A system actor is not asked about.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	// MayReadEach asks what MayRead does about many records at once, for lists: those that the actor may
	// know of are true in the answer. Nil asks MayRead about one after the other.
	MayReadEach func(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error)
}

// Practice keeps approvals over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	o *Options
	// claimed are the purposes that practices keep for themselves. It is shared by every rebinding, and does not change
	// once the engine is in use.
	claimed map[claim]bool
}

// claim is what a practice keeps for itself.
type claim struct{ kind, purpose string }

// New makes the practice and registers it on the engine: its tables, events, jobs, and the reaction to the
// end of the records that are approved. It is ErrInvalid where the engine is in use already or has the
// practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	if e == nil {
		return nil, itsm.Invalid("approval options", "engine", "is required")
	}
	p := &Practice{e: e, o: &o, claimed: map[claim]bool{}}
	if err := e.Use(engine.Module{
		Name:      Kind,
		Tables:    []*storage.Schema{Table.Schema(), ApproverTable.Schema(), DelegationTable.Schema()},
		Events:    EventTypes(),
		Reactions: []engine.Reaction{engine.OnAny(p.parentMoved)},
		Jobs: []engine.JobHandler{
			engine.OnDue(jobRemind, p.remindDue),
			engine.OnDue(jobExpire, p.expireDue),
		},
	}); err != nil {
		return nil, err
	}
	return p, nil
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an open
// unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), o: p.o, claimed: p.claimed}
}

// Claim keeps a purpose of a kind of record for the practice whose records they are: from then on system actors alone
// request, revise, suspend, release and withdraw there, and anybody else is ErrForbidden, whatever "approval.request"
// they have. Votes are not touched by it. A practice claims while it is made, before the engine is in use: Claim is not
// for use at the same time as anything else here. A purpose that is claimed already is ErrInvalid.
func (p *Practice) Claim(kind, purpose string) error {
	var f itsm.Faults
	f.Key("kind", kind)
	f.Text("purpose", purpose, MaxPurpose, false)
	if p.claimed[claim{kind, purpose}] {
		f.Addf("purpose", "is claimed already: %q of %q", purpose, kind)
	}
	if err := f.Err("approval claim"); err != nil {
		return err
	}
	p.claimed[claim{kind, purpose}] = true
	return nil
}

// resolve is the host's Resolve in a unit.
func (p *Practice) resolve(r storage.Reader) approval.Resolve {
	if p.o.Resolve == nil {
		return nil
	}
	return func(ctx context.Context, s approval.Source) ([]itsm.ID, error) { return p.o.Resolve(ctx, r, s) }
}
