// This file holds the one mechanism of all commands: load, authorise, check, fire, put, emit.

package change

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// work is one command under way on one change. A command applies its input to the embedded
// case, notes faults, and then checks and moves (or fire, which does both).
type work struct {
	*Case
	p *Practice
	// u is the unit, nil where nothing is to be written; r reads in it.
	u     *engine.Unit
	r     storage.Reader
	actor itsm.Actor
	now   time.Time
	// internal says whether the actor may read what is internal to the change.
	internal bool
	faults   itsm.Faults

	// action was checked, and leads to the state.
	action Action
	to     State
	// gates says what becomes of the gates when the change has been put.
	gates gatesDo
	// events are emitted when the record has been put, and after runs then: for side tables.
	events []itsm.Event
	after  []func(context.Context) error
}

// begin loads a change for a command. One that the actor may not read is not found, whatever
// version the command asks for.
func (p *Practice) begin(ctx context.Context, u *engine.Unit, id itsm.ID) (*work, error) {
	c, err := p.find(ctx, u, u.Actor(), id)
	if err != nil {
		return nil, err
	}
	w := p.workOn(u, c)
	w.Was = c
	model, known := p.models[c.Model]
	if !known {
		return nil, &UnknownModelError{ID: id, Model: c.Model}
	}
	w.Follows = *model
	w.internal, err = p.allows(ctx, w.actor, PermissionReadInternal, &w.Was)
	return w, err
}

// workOn gives the work on a change that is not stored yet.
func (p *Practice) workOn(u *engine.Unit, c Change) *work {
	return &work{
		Case: &Case{Change: c, Reason: u.Command().Reason, now: u.Now()},
		p:    p, u: u, r: u, actor: u.Actor(), now: u.Now(),
	}
}

func (w *work) lifecycle() *Lifecycle { return w.Follows.Lifecycle }

// authorize asks for a permission on the change as it was before the command: whoever hands
// a record over needs no rights where it goes.
func (w *work) authorize(ctx context.Context, permission itsm.Permission) error {
	return w.u.Authorize(ctx, permission, w.Was.Subject())
}

// permission is what the actor needs for the action in the state of the change; where the
// state has no such action, what it takes elsewhere.
func (w *work) permission(a Action) itsm.Permission {
	l := w.lifecycle()
	if l.Has(w.State, a) {
		return l.Permission(w.State, a)
	}
	if rule, ok := besideRule(a); ok {
		return rule.permission
	}
	for _, r := range l.Rules() {
		if r.On == a {
			return r.Permission
		}
	}
	return ofAction(a)
}

// facts loads what guards look at, for an action or, with none, for all.
func (w *work) facts(ctx context.Context, a Action) error {
	w.Case.now = w.now
	w.TemplateProblem, w.Unready, w.OpenTasks, w.Case.Authorised, w.Decider = "", nil, nil, false, false
	var err error
	if w.Type == TypeStandard && (a == "" || a == ActionSubmit || a == ActionStart) {
		if w.TemplateProblem, err = w.p.templateProblem(ctx, w.r, &w.Was); err != nil {
			return err
		}
	}
	switch a {
	case "", ActionAuthorise, ActionReschedule, ActionStart:
		if w.Case.Authorised, err = w.authorised(ctx, a); err != nil {
			return err
		}
	}
	if a == "" || a == ActionStart || a == ActionComplete {
		if w.Decider, err = w.decidedBy(ctx); err != nil {
			return err
		}
	}
	if w.p.tasks == nil {
		return nil
	}
	if a == "" || a == ActionStart {
		if w.Unready, err = w.p.unready(ctx, w.r, w.Ref()); err != nil {
			return err
		}
	}
	if a == "" || a == ActionComplete {
		w.OpenTasks, err = w.p.openTasks(ctx, w.r, w.Change)
	}
	return err
}

func (w *work) attempt() attempt {
	return attempt{Subject: w.Case, ID: w.ID, Actor: w.actor, Now: w.now, Faults: &w.faults}
}

// check says whether the action may be taken in the state with the input: all that is wrong
// with it at once. Nothing has been written by then.
func (w *work) check(ctx context.Context, a Action) error {
	if err := w.facts(ctx, a); err != nil {
		return err
	}
	w.action, w.to = a, w.State
	l := w.lifecycle()
	if w.Was.Held && !whileHeld(a) {
		if _, ok := l.Category(w.State); !ok {
			return &itsm.UnknownStateError{Kind: Kind, State: string(w.State)}
		}
		return w.refusal(ctx, a, heldReason)
	}
	if !l.Has(w.State, a) {
		if rule, ok := besideRule(a); ok {
			return w.checkBeside(ctx, rule)
		}
	}
	to, err := l.Fire(ctx, w.State, a, w.attempt())
	var refused *itsm.TransitionError
	if errors.As(err, &refused) {
		refused.Permitted = append(refused.Permitted, w.besides(a)...)
		switch {
		case refused.Reason == "":
		case refused.Reason == deciderReason:
		case a == ActionStart:
			refused.Missing = w.Unready
		case a == ActionComplete:
			refused.Missing = w.OpenTasks
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
	if w.to == w.State && len(w.events) == 0 && reflect.DeepEqual(w.Change, w.Was) {
		return nil
	}
	return w.move(payload)
}

// move takes the action that was checked, with the effects that hang on what the states mean: on their categories,
// and on whether gates are decided or implementation begins there.
func (w *work) move(payload itsm.Payload) error {
	l := w.lifecycle()
	from, to := w.category(w.State), w.category(w.to)
	w.tell(w.State, w.to, payload)
	switch {
	case to.Final():
		if !from.Final() {
			w.ClosedAt = w.now
		}
		w.Held, w.HoldReason = false, ""
	case to == itsm.CategoryNew && from != itsm.CategoryNew && from != "":
		if w.Asked != nil {
			w.gates = gatesWithdraw
		}
		w.Asked, w.Approved, w.Assessments = nil, nil, nil
	case l.Has(w.to, ActionAuthorise) && (w.to != w.State || w.action == ActionReauthorise):
		w.gates = gatesAsk
		if err := w.ask(); err != nil {
			return err
		}
	}
	w.State, w.Open = w.to, to.Open()
	return w.faults.Err(Kind)
}

func (w *work) category(s State) itsm.Category {
	c, _ := w.lifecycle().Category(s)
	return c
}

// tell notes an event, which is emitted when the record has been put.
func (w *work) tell(from, to State, payload itsm.Payload) {
	w.events = append(w.events, itsm.Event{
		Kind: Kind, Record: w.ID, Action: string(w.action), Data: payload, Internal: isInternal(payload),
		From: string(from), To: string(to), FromCategory: w.category(from), ToCategory: w.category(to),
	})
}

// finish puts the record, emits what was told, and sets what hangs on it. A command that told nothing changed nothing.
func (w *work) finish(ctx context.Context) (Change, error) {
	if len(w.events) == 0 {
		return w.Change, nil
	}
	w.measure()
	if err := w.p.table.Put(ctx, w.u, &w.Change); err != nil {
		return Change{}, err
	}
	items := w.tellItems()
	for _, e := range w.events {
		w.u.Emit(e)
	}
	if err := w.putItems(ctx, items); err != nil {
		return Change{}, err
	}
	if err := w.putFor(ctx); err != nil {
		return Change{}, err
	}
	if err := w.p.rebook(ctx, w.u, &w.Change); err != nil {
		return Change{}, err
	}
	if err := w.putGates(ctx); err != nil {
		return Change{}, err
	}
	for _, fn := range w.after {
		if err := fn(ctx); err != nil {
			return Change{}, err
		}
	}
	return w.Change, nil
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

// requireReason notes a reason that is blank; what else can be wrong with it is the command's.
func (w *work) requireReason(reason string) {
	if strings.TrimSpace(reason) == "" {
		w.fault("reason", "is required")
	}
}

// checkID notes an id that may be empty but cannot be one.
func (w *work) checkID(field string, id itsm.ID) {
	if id != "" {
		w.faults.Key(field, string(id))
	}
}

// checkWindow notes a window that has one end alone, ends before it begins, or cannot be written.
func (w *work) checkWindow(field string, of Window) {
	switch {
	case of.IsZero():
	case of.Start.IsZero() || of.End.IsZero():
		w.fault(field, "must have a start and an end, or neither")
	case !writable(of.Start) || !writable(of.End):
		w.fault(field, "must be in the years 1 to 9999")
	case !of.End.After(of.Start):
		w.fault(field, "must end after it starts")
	}
}

// checkIDs notes a list of ids that is too long, or has one twice or one that cannot be.
func (w *work) checkIDs(field string, ids []itsm.ID, most int) {
	if len(ids) > most {
		w.faults.Addf(field, "are %d; at most %d are allowed", len(ids), most)
		return
	}
	for i, id := range ids {
		w.faults.Key(at(field, i), string(id))
	}
}

// at names an element of a list.
func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// sortedIDs gives a copy in order without repetition, nil for none.
func sortedIDs(ids []itsm.ID) []itsm.ID {
	if len(ids) == 0 {
		return nil
	}
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}

// checkRef notes an unusable reference, and one to a record that the actor may not know of.
func (w *work) checkRef(ctx context.Context, field string, ref itsm.Ref) error {
	before := len(w.faults.List())
	w.faults.Key(field+".kind", ref.Kind)
	w.faults.Key(field+".id", string(ref.ID))
	if w.ID != "" && ref == w.Ref() {
		w.faults.Add(field, "is the change itself")
	}
	if len(w.faults.List()) > before {
		return nil
	}
	if ref.Kind != Kind && w.p.o.MayRead == nil {
		return nil // there is no one to ask
	}
	may, err := w.p.mayKnow(ctx, w.u, w.actor, w.internal, ref)
	if err == nil && !may {
		w.faults.Add(field, "is not found")
	}
	return err
}

// setFields sets the host's own fields by name. To those who may not read internal fields
// these are not defined.
func (w *work) setFields(given itsm.Fields) {
	if len(given) == 0 && w.ID != "" {
		return
	}
	set := w.p.o.Fields
	if !w.internal {
		set = w.p.publicFields
	}
	fields := w.Fields.Clone()
	for name, raw := range given {
		if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
			delete(fields, name)
			continue
		}
		if fields == nil {
			fields = itsm.Fields{}
		}
		fields[name] = compact(raw)
	}
	if len(fields) == 0 {
		fields = nil
	}
	// A new record must have every required field; of an old one, only what is given now is
	// looked at, as definitions may have changed since.
	given = given.Clone()
	if w.ID == "" {
		given = fields
	}
	var f itsm.Faults
	set.Check(given, &f)
	for _, fault := range f.List() {
		name := strings.TrimPrefix(fault.Field, "fields.")
		_, named := given[name]
		if _, defined := set.Definition(name); w.ID == "" || named || !defined {
			w.faults.Add(fault.Field, fault.Problem)
		}
	}
	w.Fields = fields
}

// compact gives JSON without needless spaces, as it will be stored; what is no JSON stays, to be
// refused.
func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return bytes.Clone(raw)
	}
	return b.Bytes()
}

// setColumns sets the host's own columns, and only those: the others have commands.
func (w *work) setColumns(values []storage.Value[Head]) {
	if len(values) == 0 {
		return
	}
	w.Custom = maps.Clone(w.Custom)
	for i, v := range values {
		column, known := w.p.table.Schema().Column(v.Column)
		switch {
		case v.Column == "":
			w.faults.Add(at("columns", i), "is not set; make values by a column's Value or Clear")
		case !known || !isCustom(column.Name) || !w.internal && w.p.internalColumns[column.Name]:
			w.faults.Addf("columns", "have %.64q, which is not a host's own column of changes", v.Column)
		default:
			w.faults.Merge("columns", v.Apply(&w.Head))
		}
	}
	if len(w.Custom) == 0 {
		w.Custom = nil
	}
	// A value that does not fit its column would be refused by the store, after all else.
	probe := Change{Head: Head{Meta: storage.Meta{Custom: w.Custom}}}
	_, err := w.p.table.Encode(&probe)
	var invalid *itsm.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			if isCustom(f.Field) {
				w.faults.Add("columns."+f.Field, f.Problem)
			}
		}
	}
}

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
