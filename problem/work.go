// This file holds the one mechanism of all commands on problems: load, authorise, check, fire, put, emit.

package problem

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// work is one command under way on one problem. A command applies its input to the embedded case, notes
// faults, and then checks and moves (or fire, which does both).
type work struct {
	*Case
	p *Practice
	// u is the unit, nil where nothing is to be written; r reads in it.
	u     *engine.Unit
	r     storage.Reader
	actor itsm.Actor
	now   time.Time
	// internal says whether the actor may read what is internal to the problem.
	internal bool
	faults   itsm.Faults

	// action was checked, and leads to the state.
	action Action
	to     State
	// pushed says that the workaround that was recorded goes to requesters.
	pushed bool
	// events are emitted when the record has been put, and after runs then: for side tables.
	events []itsm.Event
	after  []func(context.Context) error
}

// begin loads a problem for a command. One that the actor may not read is not found, whatever version the
// command asks for.
func (p *Practice) begin(ctx context.Context, u *engine.Unit, id itsm.ID) (*work, error) {
	r, err := p.find(ctx, u, u.Actor(), id)
	if err != nil {
		return nil, err
	}
	w := p.workOn(u, r)
	w.Was = r
	w.internal, err = p.allows(ctx, w.actor, PermissionReadInternal, &w.Was)
	return w, err
}

// workOn gives the work on a problem that is not stored yet.
func (p *Practice) workOn(u *engine.Unit, r Problem) *work {
	return &work{Case: &Case{Problem: r, Reason: u.Command().Reason}, p: p, u: u, r: u, actor: u.Actor(), now: u.Now()}
}

// authorize asks for a permission on the problem as it was before the command: whoever hands a record over
// needs no rights where it goes.
func (w *work) authorize(ctx context.Context, permission itsm.Permission) error {
	return w.u.Authorize(ctx, permission, w.Was.Subject())
}

// permission is what the actor needs for the action in the state of the problem; where the state has no
// such action, what it takes elsewhere. To analyse anew takes one by the code with which it ended.
func (w *work) permission(a Action) itsm.Permission {
	l := w.p.o.Lifecycle
	permission, ok := w.p.permissions[a]
	if l.Has(w.State, a) {
		permission, ok = l.Permission(w.State, a), true
	} else if rule, beside := besideRule(a); beside {
		return rule.permission
	}
	if !ok {
		permission = ofAction(a)
	}
	if a == ActionReanalyse {
		return reanalysis(permission, w.Was.Code)
	}
	return permission
}

// reanalysis is what it takes to analyse anew what ended with a code.
func reanalysis(base itsm.Permission, c Code) itsm.Permission {
	if c == "" {
		return base
	}
	return base + itsm.Permission("_"+string(c))
}

// facts loads what guards look at, for an action or, with none, for all.
func (w *work) facts(ctx context.Context, a Action) error {
	o := &w.p.o
	w.CloseAt, w.Closes = time.Time{}, o.Observation >= 0
	if w.Closes {
		w.CloseAt = w.Was.ObserveFrom.Add(o.Observation)
	}
	w.Blockers, w.Unfinished = nil, nil
	if a != "" && !w.p.resolving[a] {
		return nil
	}
	if f := w.Was.Fix; f != nil {
		for _, c := range f.Changes {
			if c.Outcome == OutcomeSuccessful {
				continue
			}
			may, err := w.p.mayKnow(ctx, w.r, w.actor, w.internal, c.Change)
			if err != nil {
				return err
			}
			if may {
				w.Unfinished = append(w.Unfinished, c.Change.Kind+" "+string(c.Change.ID)+": "+string(orElse(c.Outcome, "not ended")))
			} else {
				w.Unfinished = append(w.Unfinished, "a change that you may not see")
			}
		}
	}
	if o.Blockers == nil {
		return nil
	}
	var err error
	w.Blockers, err = o.Blockers(ctx, w.r, w.Was)
	return err
}

func (w *work) attempt() attempt {
	return attempt{Subject: w.Case, ID: w.ID, Actor: w.actor, Now: w.now, Previous: string(w.Before), Faults: &w.faults}
}

// check says whether the action may be taken in the state with the input: all that is wrong with it at
// once. Nothing has been written by then.
func (w *work) check(ctx context.Context, a Action) error {
	if err := w.facts(ctx, a); err != nil {
		return err
	}
	w.checkTimes()
	w.action, w.to = a, w.State
	l := w.p.o.Lifecycle
	if !l.Has(w.State, a) {
		if rule, ok := besideRule(a); ok {
			return w.checkBeside(ctx, rule)
		}
	}
	to, err := l.Fire(ctx, w.State, a, w.attempt())
	var refused *itsm.TransitionError
	if errors.As(err, &refused) {
		refused.Permitted = append(refused.Permitted, w.besides(a)...)
		if refused.Reason != "" && w.p.resolving[a] {
			refused.Missing = append(w.Unfinished, w.Blockers...)
		}
		return w.offer(ctx, refused)
	}
	if err != nil {
		return err
	}
	w.to = to
	return nil
}

// fire checks the action and takes it.
func (w *work) fire(ctx context.Context, a Action, payload itsm.Payload) error {
	if err := w.check(ctx, a); err != nil {
		return err
	}
	return w.move(payload)
}

// change is fire for an action that sets fields: where none of them is another now, nothing happened and
// nothing is told.
func (w *work) change(ctx context.Context, a Action, payload itsm.Payload) error {
	if err := w.check(ctx, a); err != nil {
		return err
	}
	if w.to == w.State && len(w.events) == 0 && reflect.DeepEqual(w.Problem, w.Was) {
		return nil
	}
	return w.move(payload)
}

// move takes the action that was checked, with the effects that hang on the categories of the states: of
// whatever name they are.
func (w *work) move(payload itsm.Payload) error {
	from, to := w.category(w.State), w.category(w.to)
	w.tell(w.State, w.to, payload)
	switch {
	case to != itsm.CategoryWaiting:
		w.Before, w.HoldReason, w.HoldUntil = "", "", time.Time{}
	case from != itsm.CategoryWaiting:
		w.Before = w.State
		w.Holds++
	}
	switch {
	case to.Open():
		if !from.Open() && from != "" {
			w.Reanalyses++
			w.Code, w.Fix, w.Risk, w.Lesson, w.Recurrences = "", nil, nil, "", 0
			w.split()
		}
		w.ResolvedAt, w.ClosedAt, w.ReviewAt, w.ObserveFrom = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	case to == itsm.CategoryResolved:
		if from != to {
			w.Code, w.ResolvedAt, w.ObserveFrom, w.Recurrences = orElse(w.Code, CodeFixed), w.now, w.now, 0
		}
		w.ClosedAt = time.Time{}
	case !from.Final():
		w.ClosedAt = w.now
	}
	w.State, w.Open = w.to, to.Open()
	w.checkTimes()
	return w.faults.Err(Kind)
}

func (w *work) category(s State) itsm.Category {
	c, _ := w.p.o.Lifecycle.Category(s)
	return c
}

// tell notes an event, which is emitted when the record has been put.
func (w *work) tell(from, to State, payload itsm.Payload) {
	w.events = append(w.events, itsm.Event{
		Kind: Kind, Record: w.ID, Action: string(w.action), Data: payload, Internal: isInternal(payload),
		From: string(from), To: string(to), FromCategory: w.category(from), ToCategory: w.category(to),
	})
}

// say writes the note of the command and gives its id. It comes after the check, as it is the first thing
// written.
func (w *work) say(ctx context.Context) (itsm.ID, error) {
	if w.note == "" {
		return "", nil
	}
	visibility := itsm.VisibilityInternal
	if w.public {
		visibility = itsm.VisibilityPublic
	}
	return w.u.AddNote(ctx, w.Ref(), itsm.Note{Visibility: visibility, Text: w.note})
}

// finish puts the record, emits what was told, and sets the side tables and timers. A command that told
// nothing changed nothing.
func (w *work) finish(ctx context.Context) (Problem, error) {
	if len(w.events) == 0 {
		return w.Problem, nil
	}
	if err := w.p.table.Put(ctx, w.u, &w.Problem); err != nil {
		return Problem{}, err
	}
	for _, e := range w.events {
		w.u.Emit(e)
	}
	if err := w.p.putJobs(ctx, w.u, &w.Was, &w.Problem); err != nil {
		return Problem{}, err
	}
	if err := putMembers(ctx, w.u, &w.Was, &w.Problem); err != nil {
		return Problem{}, err
	}
	if err := w.follow(ctx); err != nil {
		return Problem{}, err
	}
	for _, fn := range w.after {
		if err := fn(ctx); err != nil {
			return Problem{}, err
		}
	}
	return w.Problem, nil
}

// The first and last years that RFC 3339 can write.
const minYear, maxYear = 1, 9999

// checkTimes notes times that cannot be written.
func (w *work) checkTimes() {
	for _, t := range []struct {
		field string
		at    time.Time
	}{{"until", w.HoldUntil}, {"review_at", w.ReviewAt}} {
		if y := t.at.Year(); y < minYear || y > maxYear {
			w.fault(t.field, "must be in the years 1 to 9999")
		}
	}
}

// fault notes a fault once: checks run before and after the effects.
func (w *work) fault(field, problem string) {
	for _, f := range w.faults.List() {
		if f.Field == field && f.Problem == problem {
			return
		}
	}
	w.faults.Add(field, problem)
}

// keyed is a request as its idempotency key remembers it, with the host's columns, whose values have no
// JSON form of their own.
type keyed struct {
	Request any             `json:"request"`
	Columns json.RawMessage `json:"columns,omitempty"`
}

func withColumns(request any, values []storage.Value[Head]) keyed {
	var h Head
	for _, v := range values {
		_ = v.Apply(&h) // what is wrong with it is told where it is applied to the record
	}
	k := keyed{Request: request}
	if len(h.Custom) > 0 {
		if raw, err := json.Marshal(h.Custom); err == nil {
			k.Columns = raw
		}
	}
	return k
}
