// This file holds actions: what a host lets triggers do.

package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Occasion is why an action is taken.
type Occasion struct {
	// Event is what the trigger answers.
	Event itsm.Event
	// Trigger is the trigger's name, Step the place of the action in it.
	Trigger string
	Step    int
	// Key is the same whenever this action is tried for this event, and for no other: an idempotency
	// key for a command in another tenant, a webhook's id.
	Key string
}

// Ref is the record that the event is about.
func (o Occasion) Ref() itsm.Ref { return itsm.Ref{Kind: o.Event.Kind, ID: o.Event.Record} }

// Definition is what makes an action with parameters of the type P, which is read from JSON without
// unknown members.
type Definition[P any] struct {
	// Name is how triggers call it: lower-case letters, digits and underscores, a letter first.
	Name string
	// Title is what people read.
	Title string
	// Only says when triggers that take it must run; empty is whenever.
	Only During
	// Check says what is wrong with the parameters, as ErrInvalid with every fault. When a trigger is
	// saved it is given them as they are written, so it passes texts of which [Substitutes] says that
	// they are not known yet; when one fires, with what was substituted. Nil is content with all.
	Check func(p P) error
	// Public names the parameters, by their JSON names at the top, whose text is read by requesters:
	// nothing that is not public is substituted in them. Nil is none.
	Public func(p P) []string
	// Do does it, as a part of the unit: its effect and the mark that the trigger has fired for the
	// event commit together, once. u.Actor() is a system actor of the trigger's name, which carries the
	// chain of events: a command of a practice is given by practice.In(u.Store()) and that actor. What
	// reaches further than the tenant's store is scheduled as a job, with Occasion.Key against
	// repetition. Do may be run several times, as every unit may.
	Do func(ctx context.Context, u *engine.Unit, o Occasion, p P) error
}

// Action is something that triggers can do, made by [Define].
type Action struct {
	name, title string
	only        During
	// check gives what is wrong, and which parameters are public.
	check func(with json.RawMessage) (public []string, err error)
	do    func(ctx context.Context, u *engine.Unit, o Occasion, with json.RawMessage) error
}

// Name is how triggers call it.
func (a Action) Name() string { return a.name }

// Title is what people read; the name where there is none.
func (a Action) Title() string {
	if a.title == "" {
		return a.name
	}
	return a.title
}

// Define makes an action. What is wrong with its name is told by [New].
func Define[P any](d Definition[P]) Action {
	check := func(with json.RawMessage) (p P, err error) {
		if p, err = decode[P](with); err == nil && d.Check != nil {
			err = d.Check(p)
		}
		return p, err
	}
	a := Action{name: d.Name, title: d.Title, only: d.Only}
	a.check = func(with json.RawMessage) (public []string, err error) {
		p, err := check(with)
		if err == nil && d.Public != nil {
			public = d.Public(p)
		}
		return public, err
	}
	if d.Do != nil {
		a.do = func(ctx context.Context, u *engine.Unit, o Occasion, with json.RawMessage) error {
			p, err := check(with)
			if err != nil {
				return err
			}
			return d.Do(ctx, u, o, p)
		}
	}
	return a
}

func decode[P any](with json.RawMessage) (p P, err error) {
	if len(with) == 0 {
		with = []byte("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(with))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, storage.Invalid("parameters", "", "cannot be read: "+err.Error())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return p, storage.Invalid("parameters", "", "are more than one value")
	}
	return p, nil
}

var actionName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)

// ActionRefuse is the name of the one action that the package brings itself: it refuses the command,
// for a reason that is told to whoever gave it. A trigger that takes it runs in the transaction.
const ActionRefuse = "refuse"

// RefusedError says that a trigger refused a command by [ActionRefuse]. It is ErrTransition.
type RefusedError struct {
	// Trigger is the trigger's name.
	Trigger string
	// Kind and ID name the record, Action what was tried.
	Kind   string
	ID     itsm.ID
	Action string
	// Reason is the trigger's, for the one who gave the command.
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %s: %s is refused: %s", e.Kind, e.ID, e.Action, e.Reason)
}

// Is makes every RefusedError ErrTransition.
func (e *RefusedError) Is(target error) bool { return target == itsm.ErrTransition }

// FailedError says that a command was undone because something that a trigger does in its transaction
// failed, which the one who commanded can do nothing about. It is ErrTransition. Its text names neither
// the trigger nor what it met, which the one who commanded need not be allowed to know; its fields are
// for the host's own log.
type FailedError struct {
	// Trigger is the trigger's name.
	Trigger string
	// Kind and ID name the record, Action what was tried.
	Kind   string
	ID     itsm.ID
	Action string
	// Cause is what failed. errors.Is and errors.As do not find it: it is no answer to the command.
	Cause error
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("%s %s: %s did not happen: something that is set up to follow it failed", e.Kind, e.ID, e.Action)
}

// Is makes every FailedError ErrTransition.
func (e *FailedError) Is(target error) bool { return target == itsm.ErrTransition }

// inTransaction gives what a command fails with where a trigger does in its transaction: its refusal,
// what passes or is the store's own as it is, and anything else kept from the one who commanded.
func inTransaction(ctx context.Context, c *compiled, e *itsm.Event, err error) error {
	var refused *RefusedError
	var failed *storage.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case passes(ctx, err), errors.Is(err, itsm.ErrConflict), errors.As(err, &failed) && failed.Err == nil:
		return err
	}
	return &FailedError{Trigger: c.Name, Kind: e.Kind, ID: e.Record, Action: e.Action, Cause: err}
}

// refusal are the parameters of ActionRefuse.
type refusal struct {
	// Reason says why, to the one who gave the command.
	Reason string `json:"reason"`
}

func refuse() Action {
	return Define(Definition[refusal]{
		Name: ActionRefuse, Title: "Refuse the command", Only: DuringTransaction,
		Check: func(r refusal) error {
			var f itsm.Faults
			f.Text("reason", r.Reason, itsm.MaxReason, true)
			return f.Err("refusal")
		},
		Public: func(refusal) []string { return []string{"reason"} },
		Do: func(_ context.Context, _ *engine.Unit, o Occasion, r refusal) error {
			return &RefusedError{Trigger: o.Trigger, Kind: o.Event.Kind, ID: o.Event.Record, Action: o.Event.Action, Reason: r.Reason}
		},
	})
}

// take takes one action; a panic is its failure, not that of the process.
func (a Action) take(ctx context.Context, u *engine.Unit, o Occasion, with json.RawMessage) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("action %s panicked: %v", a.name, r)
		}
	}()
	return a.do(ctx, u, o, with)
}
