// This file holds the one mechanism of all commands: load, authorise, check, fire, put, emit.

package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// work is one command under way on one incident. A command applies its input to the embedded
// case, notes faults, and then checks and moves (or fire, which does both).
type work struct {
	*Case
	p *Practice
	// u is the unit, nil where nothing is to be written; r reads in it.
	u     *engine.Unit
	r     storage.Reader
	actor itsm.Actor
	now   time.Time
	// internal says whether the actor may read what is internal to the incident.
	internal bool
	// relays says that the system brings the words of a person, written elsewhere.
	relays bool
	faults itsm.Faults

	// action was checked, and leads to the state.
	action Action
	to     State
	// logged makes the payload of the first event of a new incident, when that has its number; nil for
	// one that is there already.
	logged func() itsm.Payload
	// takenBack are alerts that go elsewhere, and come back when the incident is opened again.
	takenBack []Alert
	// events are emitted when the record has been put, and after runs then: for side tables.
	events []itsm.Event
	after  []func(context.Context) error
}

// begin loads an incident for a command. One that the actor may not read is not found, whatever
// version the command asks for.
func (p *Practice) begin(ctx context.Context, u *engine.Unit, id itsm.ID) (*work, error) {
	i, err := p.find(ctx, u, u.Actor(), id)
	if err != nil {
		return nil, err
	}
	w := p.workOn(u, i)
	w.Was = i
	w.internal, err = p.allows(ctx, w.actor, PermissionReadInternal, &w.Was)
	return w, err
}

// workOn gives the work on an incident that is not stored yet.
func (p *Practice) workOn(u *engine.Unit, i Incident) *work {
	return &work{
		Case: &Case{Incident: i, Reason: u.Command().Reason},
		p:    p, u: u, r: u, actor: u.Actor(), now: u.Now(),
	}
}

// authorize asks for a permission on the incident as it was before the command: whoever hands
// a record over needs no rights where it goes.
func (w *work) authorize(ctx context.Context, permission itsm.Permission) error {
	return w.u.Authorize(ctx, permission, w.Was.Subject())
}

// permission is what the actor needs for the action in the state of the incident; where the
// state has no such action, what it takes elsewhere.
func (w *work) permission(a Action) itsm.Permission {
	if l := w.p.o.Lifecycle; l.Has(w.State, a) {
		return l.Permission(w.State, a)
	}
	if rule, ok := besideRule(a); ok {
		return rule.permission
	}
	if permission, ok := w.p.permissions[a]; ok {
		return permission
	}
	return ofAction(a)
}

// facts loads what guards look at, for an action or, with none, for all.
func (w *work) facts(ctx context.Context, a Action) error {
	o := &w.p.o
	w.Case.now = w.now
	w.Hold = HoldRule{}
	if w.HoldReason != "" {
		w.Hold, _ = w.p.holdRule(w.HoldReason)
	}
	w.ReopenUntil, w.CloseAt = time.Time{}, time.Time{}
	if !w.Was.ResolvedAt.IsZero() {
		if o.ReopenWindow >= 0 {
			w.ReopenUntil = w.Was.ResolvedAt.Add(o.ReopenWindow)
		}
		if o.AutoClose >= 0 {
			w.CloseAt = w.Was.ResolvedAt.Add(o.AutoClose)
		}
	}
	w.ReviewDue = o.CloseAfterReview && w.Was.Major.awaitsReview()
	w.AlertsElsewhere = false
	if w.Alerted && !w.Was.Open && (a == "" || w.p.reopening[a]) {
		if err := w.lookElsewhere(ctx); err != nil {
			return err
		}
	}
	w.Blockers = nil
	if a != "" && !w.p.resolving[a] {
		return nil
	}
	if o.Blockers != nil {
		blockers, err := o.Blockers(ctx, w.r, w.Was)
		if err != nil {
			return err
		}
		w.Blockers = blockers
	}
	if o.Children == ChildrenBlock {
		children, err := w.p.openChildren(ctx, w.r, w.ID)
		if err != nil {
			return err
		}
		readable := 0
		for n := range children {
			may, err := w.p.allows(ctx, w.actor, PermissionRead, &children[n])
			if err != nil {
				return err
			}
			if may {
				readable++
			}
		}
		switch {
		case readable > 0:
			w.Blockers = append(w.Blockers, fmt.Sprintf("open child incidents: %d", readable))
		case len(children) > 0:
			w.Blockers = append(w.Blockers, "something that you may not see must be finished first")
		}
	}
	return nil
}

func (w *work) attempt() attempt {
	return attempt{Subject: w.Case, ID: w.ID, Actor: w.actor, Now: w.now, Previous: string(w.Before), Faults: &w.faults}
}

// check says whether the action may be taken in the state with the input: all that is wrong
// with it at once. Nothing has been written by then.
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
			refused.Missing = w.Blockers
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

// change is fire for an action that sets fields: where none of them is another now, nothing
// happened and nothing is told.
func (w *work) change(ctx context.Context, a Action, payload itsm.Payload) error {
	if err := w.check(ctx, a); err != nil {
		return err
	}
	if w.to == w.State && len(w.events) == 0 && reflect.DeepEqual(w.Incident, w.Was) {
		return nil
	}
	return w.move(payload)
}

// move takes the action that was checked, with the effects that hang on the categories of the
// states: of whatever name they are.
func (w *work) move(payload itsm.Payload) error {
	from, to := w.category(w.State), w.category(w.to)
	w.tell(w.State, w.to, payload)
	switch {
	case to != itsm.CategoryWaiting:
		w.Before, w.HoldReason, w.HoldUntil, w.HoldLink, w.HoldNote = "", "", time.Time{}, nil, ""
		w.Reminders, w.RemindFrom = 0, time.Time{}
	case from != itsm.CategoryWaiting:
		w.Before = w.State
		w.Holds++
		w.Reminders, w.RemindFrom = 0, w.now
	case w.HoldReason != w.Was.HoldReason:
		w.Reminders, w.RemindFrom = 0, w.now
	}
	switch {
	case to.Open():
		if !from.Open() && from != "" {
			w.Reopens++
			w.after = append(w.after, w.takeBack)
			w.Restored, w.Resolution, w.CancelReason = time.Time{}, Outcome{}, ""
			w.split()
		}
		w.ResolvedAt, w.ClosedAt = time.Time{}, time.Time{}
	case to == itsm.CategoryResolved:
		if from != to {
			w.ResolvedAt = w.now
		}
		w.ClosedAt = time.Time{}
	case !from.Final():
		w.ClosedAt = w.now
	}
	if from != to {
		w.followMajor(to)
		if !to.Open() {
			w.spread()
		}
	}
	if to == itsm.CategoryResolved && from != to {
		w.after = append(w.after, w.takeChildren)
	}
	w.State, w.Open = w.to, to.Open()
	if to == itsm.CategoryClosed && from != to {
		w.offerSurvey()
	}
	if !w.Open {
		w.withdraw()
	}
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

// say writes the note of the command and gives its id. It comes after the check, as it is the
// first thing written.
func (w *work) say(ctx context.Context) (itsm.ID, error) {
	if w.Note == "" {
		return "", nil
	}
	visibility := itsm.VisibilityInternal
	if w.Public {
		visibility = itsm.VisibilityPublic
		if w.FirstResponse.IsZero() && w.actor.ID != w.Requester && w.actor.ID != w.Affected && (!w.actor.System || w.relays) {
			w.FirstResponse = w.now
		}
	}
	return w.u.AddNote(ctx, w.Ref(), itsm.Note{Visibility: visibility, Text: w.Note})
}

// finish puts the record, emits what was told, and sets the side tables and timers. A command that
// told nothing changed nothing.
func (w *work) finish(ctx context.Context) (Incident, error) {
	if len(w.events) > 0 {
		if err := w.route(ctx); err != nil {
			return Incident{}, err
		}
		w.measure()
		if w.Resolution != w.Was.Resolution {
			w.ResolutionVersion = 0
			if w.Resolution != (Outcome{}) {
				w.ResolutionVersion = w.Version + 1
			}
		}
		put := func(ctx context.Context) error { return w.p.table.Put(ctx, w.u, &w.Incident) }
		if w.logged != nil {
			put = func(ctx context.Context) error { return w.p.putNumbered(ctx, w.u, &w.Incident) }
		}
		if err := put(ctx); err != nil {
			return Incident{}, err
		}
		if w.logged != nil {
			w.events[0].Data = w.logged() // which tells the number
		}
		for _, e := range w.events {
			w.u.Emit(e)
		}
		if err := w.p.putJobs(ctx, w.u, &w.Was, &w.Incident); err != nil {
			return Incident{}, err
		}
		if err := putMembers(ctx, w.u, &w.Was, &w.Incident); err != nil {
			return Incident{}, err
		}
		if err := putTags(ctx, w.u, &w.Was, &w.Incident); err != nil {
			return Incident{}, err
		}
		if err := w.putHoldLink(ctx); err != nil {
			return Incident{}, err
		}
		w.tellProvider()
		for _, fn := range w.after {
			if err := fn(ctx); err != nil {
				return Incident{}, err
			}
		}
	}
	return w.Incident, nil
}

// The first and last years that RFC 3339 can write.
const minYear, maxYear = 1, 9999

// checkTimes notes times that cannot be written and those out of order: only what is certain
// is ordered, as clocks and memories differ.
func (w *work) checkTimes() {
	for _, t := range []struct {
		field string
		at    time.Time
	}{
		{"occurred", w.Occurred}, {"detected", w.Detected}, {"reported", w.Reported}, {"acknowledged", w.Acknowledged},
		{"first_response", w.FirstResponse}, {"restored", w.Restored}, {"until", w.HoldUntil},
	} {
		if y := t.at.Year(); y < minYear || y > maxYear {
			w.fault(t.field, "must be in the years 1 to 9999")
		}
	}
	inOrder := func(earlier, later time.Time, field, problem string) {
		if !earlier.IsZero() && !later.IsZero() && later.Before(earlier) {
			w.fault(field, problem)
		}
	}
	inOrder(w.Occurred, w.Detected, "detected", "must not be before occurred")
	inOrder(w.Reported, w.Acknowledged, "acknowledged", "must not be before reported")
	inOrder(w.Restored, w.ResolvedAt, "restored", "must not be after the incident was resolved")
	inOrder(w.ResolvedAt, w.ClosedAt, "closed_at", "must not be before resolved_at")
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

// at names an element of a list.
func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// keyed is a request as its idempotency key remembers it, with the host's columns, whose values
// have no JSON form of their own.
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
