package engine

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Reaction is what a practice does, in the same transaction, about an event of its own or of
// another practice. Its error fails the command that emitted the event.
type Reaction struct {
	event string // "" is every event
	run   func(context.Context, *Unit, itsm.Event) error
}

// On makes a reaction to the events whose payload is an E, which is inferred from fn.
func On[E itsm.Payload](fn func(ctx context.Context, u *Unit, e itsm.Event, payload E) error) Reaction {
	var zero E
	return Reaction{event: zero.EventType(), run: func(ctx context.Context, u *Unit, e itsm.Event) error {
		return fn(ctx, u, e, e.Data.(E))
	}}
}

// OnAny makes a reaction to every event, for those who read only what all events have: the
// record, the action, the categories.
func OnAny(fn func(ctx context.Context, u *Unit, e itsm.Event) error) Reaction {
	return Reaction{run: fn}
}

// JobHandler runs the due jobs of one kind.
type JobHandler struct {
	kind    string
	run     func(context.Context, *Unit, storage.Job) error
	outside func(context.Context, *Engine, storage.Job) error
	refused func(context.Context, *Unit, storage.Job) error
}

// Due is a job that runs now.
type Due struct {
	// Tenant is the tenant that it was scheduled in.
	Tenant storage.Tenant
	// Key names the job within its kind.
	Key string
	// At is when it was due, which may be well before the unit's now.
	At time.Time
	// Attempt counts from 1.
	Attempt int
}

// OnDue makes the handler of the jobs of a kind that Unit.Schedule wrote with a payload P. It
// runs as a system actor of the kind's name, in a unit that commits together with the job's
// completion: what it does through the unit is done once, or not at all. fn itself may be run
// several times, as every unit may; what reaches further than the tenant's store belongs in
// [OnDueOutside]. An error fails the attempt.
func OnDue[P any](kind string, fn func(ctx context.Context, u *Unit, due Due, payload P) error) JobHandler {
	return JobHandler{kind: kind, run: func(ctx context.Context, u *Unit, j storage.Job) error {
		p, due, err := openJob[P](j)
		if err != nil {
			return err
		}
		return fn(ctx, u, due, p)
	}}
}

// IfRefused gives a handler of OnDue what happens where the unit of a job was refused, which is where it
// ended with ErrTransition: by what fn commanded, or only at its end, by a reaction such as a trigger's.
// What fn did is undone by then. instead runs in a unit of its own, which commits together with the job's
// completion: it may schedule the job again, or leave it at that. Its own error fails the attempt.
func IfRefused[P any](h JobHandler, instead func(ctx context.Context, u *Unit, due Due, payload P) error) JobHandler {
	h.refused = OnDue(h.kind, instead).run
	return h
}

// OnDueOutside makes a handler that runs outside any unit, at least once: for what calls another
// system, or commands in other tenants. Its context ends with its claim. It makes each effect
// harmless to repeat; a command does so by a key made from the job's:
//
//	itsm.Command{Key: due.Key + "/" + string(tenant)}
func OnDueOutside[P any](kind string, fn func(ctx context.Context, e *Engine, due Due, payload P) error) JobHandler {
	return JobHandler{kind: kind, outside: func(ctx context.Context, e *Engine, j storage.Job) error {
		p, due, err := openJob[P](j)
		if err != nil {
			return err
		}
		return fn(ctx, e, due, p)
	}}
}

func openJob[P any](j storage.Job) (p P, due Due, err error) {
	if len(j.Payload) > 0 {
		if err := json.Unmarshal(j.Payload, &p); err != nil {
			return p, due, storage.Invalid("job "+j.Kind, "payload", "cannot be read")
		}
	}
	return p, Due{Tenant: j.Tenant, Key: j.Key, At: j.Due, Attempt: j.Attempts}, nil
}

// Subscriber is told of events after their commit, at least once each, and those of one record
// in order. Deliver may be called again for an event it has had, when a process dies or a lease
// ends: it de-duplicates by the event's ID. A delivery that keeps failing becomes a dead letter,
// and the record's later events go on.
type Subscriber struct {
	// Name tells its deliveries from others'. Changing it makes it a new subscriber, which is
	// told of what happens from then on.
	Name string
	// Types are the event types it is told of; empty is all.
	Types []string
	// Kinds are the kinds of record of whose events it is told; empty is all.
	Kinds []string
	// Deliver is given each event. Its context ends with the claim.
	Deliver func(ctx context.Context, e itsm.Event) error
}

// wants says whether it is told of events of a type, of a kind of record.
func (s Subscriber) wants(kind, event string) bool {
	return (len(s.Types) == 0 || slices.Contains(s.Types, event)) && (len(s.Kinds) == 0 || slices.Contains(s.Kinds, kind))
}

// kind is that of the deliveries which it has for itself.
func (s Subscriber) kind() string { return deliveryKind + "." + s.Name }

// letter is the kind of the subscriber's dead letters.
func (s Subscriber) letter() string { return "letter." + s.Name }
