// This file holds lifecycles: tables of states and actions that say what may happen to a
// record, and the one machine that fires them.

package itsm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qmuntal/stateless"
)

// Category is what a state means to everything that does not know the state's name: timers,
// reports, queues.
type Category string

// The categories.
const (
	// CategoryNew is recorded, and nobody works on it.
	CategoryNew Category = "new"
	// CategoryActive is being worked on.
	CategoryActive Category = "active"
	// CategoryWaiting waits for someone or something else.
	CategoryWaiting Category = "waiting"
	// CategoryResolved is done, unless the requester disagrees.
	CategoryResolved Category = "resolved"
	// CategoryClosed is done for good.
	CategoryClosed Category = "closed"
	// CategoryCancelled ended without being done.
	CategoryCancelled Category = "cancelled"
)

// Final says whether a record in the category is at its end: closed or cancelled.
func (c Category) Final() bool { return c == CategoryClosed || c == CategoryCancelled }

// Open says whether there is work to do: new, active or waiting.
func (c Category) Open() bool {
	return c == CategoryNew || c == CategoryActive || c == CategoryWaiting
}

// Valid says whether the category is one of the six.
func (c Category) Valid() bool { return c.Open() || c.Final() || c == CategoryResolved }

// State is one state of a lifecycle.
type State[S ~string] struct {
	Name     S
	Category Category
	// Title is what people read. Empty means the name, with a capital and spaces.
	Title string
}

// Field is something that an action needs on the record.
type Field[T any] struct {
	// Name is the field's name in errors, as its JSON form has it.
	Name string
	// Empty says whether it is missing. It must be pure.
	Empty func(T) bool
	// Hint says how it comes to be there, for the error: "accept it first". It may be empty.
	Hint string
}

// Attempt is all that a guard may look at: nothing is read, and nothing changes.
type Attempt[T any] struct {
	// Subject is the record as it would be after the action, with the input applied.
	Subject T
	// ID is the record's id, for the text of an error. It may be empty.
	ID    ID
	Actor Actor
	Now   time.Time
	// Previous is the state before the waiting one, to which a rule with Return goes back.
	Previous string
	// Faults are those which the input has so far. They are reported together with the
	// fields that are missing. nil means none.
	Faults *Faults
}

// Rule is one row of a lifecycle: from these states, on this action, to that state. Exactly
// one of To, Return and Stay is set.
type Rule[S, A ~string, T any] struct {
	From []S
	On   A
	To   S
	// Return goes back to the state before the waiting one, Attempt.Previous, which must be
	// one of these.
	Return []S
	// Stay keeps the state: the action is checked and recorded, as a reassignment.
	Stay bool
	// Needs are fields that must not be empty.
	Needs []Field[T]
	// Guard gives the reason why the action is refused, or "". It must be pure, and safe for
	// use by several goroutines at once.
	Guard func(Attempt[T]) (reason string)
	// Permission is what the actor needs. Empty means "<kind>.<action>". Fire does not check
	// it; who calls Fire does, see [Lifecycle.Permission].
	Permission Permission
	// System marks what the library or a host's rule fires, and people are not offered.
	System bool
	// Title is what people read. Empty means the action, with a capital and spaces.
	Title string
}

// Lifecycle is an immutable table of states and rules. It is safe for use by any number of
// goroutines at once. Make one with [NewLifecycle]; the zero value has no states.
type Lifecycle[S, A ~string, T any] struct {
	kind    string
	initial []S
	states  []State[S]
	rules   []Rule[S, A, T]
	index   map[S]*node[S, A, T]
	machine *stateless.StateMachine
}

// node is a state with what can happen in it.
type node[S, A ~string, T any] struct {
	state State[S]
	boxed any // the name, as the machine takes it: made once, not per call
	steps map[A]*step[S, A, T]
	order []*step[S, A, T]
}

// step is one rule in one state.
type step[S, A ~string, T any] struct {
	rule    *Rule[S, A, T]
	trigger any
	to      S // empty where the rule returns
}

// PermittedAction is one action of a state, and whether it can be taken now.
type PermittedAction struct {
	Action string `json:"action"`
	Title  string `json:"title"`
	// To is the state to which it leads: the state before for a rule that returns.
	To string `json:"to"`
	// Permitted says that it can be taken now, once what is Missing is given: no guard refuses
	// it and, where the permission was asked for, the actor has it.
	Permitted bool `json:"permitted"`
	// Forbidden says that the permission was asked for and the actor lacks it. A practice's
	// PermittedActions asks; [Lifecycle.Actions] does not, and leaves it false.
	Forbidden bool `json:"forbidden,omitempty"`
	// Reason says why it is not permitted.
	Reason string `json:"reason,omitempty"`
	// Missing names the required fields that are empty now.
	Missing []string `json:"missing,omitempty"`
	// Permission is what the actor needs.
	Permission Permission `json:"permission"`
	// System marks what is not offered to people.
	System bool `json:"system,omitempty"`
}

// NewLifecycle makes a lifecycle of records of the kind, which begin in one of the initial
// states. The arguments are copied. A table that [Lifecycle.Validate] would refuse gives its
// error and no lifecycle.
func NewLifecycle[S, A ~string, T any](kind string, initial []S, states []State[S], rules ...Rule[S, A, T]) (*Lifecycle[S, A, T], error) {
	l := &Lifecycle[S, A, T]{kind: kind, initial: slices.Clone(initial), states: slices.Clone(states), rules: copyRules(rules)}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	for i := range l.states {
		if l.states[i].Title == "" {
			l.states[i].Title = titleOf(string(l.states[i].Name))
		}
	}
	for i := range l.rules {
		r := &l.rules[i]
		if r.Title == "" {
			r.Title = titleOf(string(r.On))
		}
		if r.Permission == "" {
			r.Permission = Permission(kind + "." + string(r.On))
		}
	}
	l.compile()
	return l, nil
}

// call is one firing. It is its own context, so that a firing allocates once and the machine,
// which every firing shares, holds nothing of it.
type call[S, A ~string, T any] struct {
	context.Context
	l       *Lifecycle[S, A, T]
	step    *step[S, A, T]
	state   any
	attempt Attempt[T]
	refused error
}

type callKey struct{}

func (c *call[S, A, T]) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// compile builds the index and the shared machine. The machine fires immediately: its queued
// mode loses and crosses the calls of goroutines that share it. States must be known before
// they reach it, as it keeps each one that it ever sees.
func (l *Lifecycle[S, A, T]) compile() {
	l.index = make(map[S]*node[S, A, T], len(l.states))
	for _, s := range l.states {
		l.index[s.Name] = &node[S, A, T]{state: s, boxed: s.Name, steps: map[A]*step[S, A, T]{}}
	}
	of := func(ctx context.Context) *call[S, A, T] { return ctx.Value(callKey{}).(*call[S, A, T]) }
	m := stateless.NewStateMachineWithExternalStorage(
		func(ctx context.Context) (stateless.State, error) { return of(ctx).state, nil },
		func(ctx context.Context, s stateless.State) error { of(ctx).state = s; return nil },
		stateless.FiringImmediate)
	m.OnUnhandledTrigger(func(ctx context.Context, _ stateless.State, _ stateless.Trigger, _ []string) error {
		return of(ctx).refused
	})
	guard := func(ctx context.Context, _ ...any) bool {
		c := of(ctx)
		c.refused = c.check()
		return c.refused == nil
	}
	back := func(ctx context.Context, _ ...any) (stateless.State, error) {
		c := of(ctx)
		return c.l.index[S(c.attempt.Previous)].boxed, nil
	}
	for i := range l.rules {
		r := &l.rules[i]
		var trigger any = r.On
		for _, from := range r.From {
			n := l.index[from]
			st := &step[S, A, T]{rule: r, trigger: trigger, to: r.To}
			if r.Stay {
				st.to = from
			}
			n.steps[r.On] = st
			n.order = append(n.order, st)
			config := m.Configure(n.boxed)
			switch {
			case len(r.Return) > 0:
				config.PermitDynamic(trigger, back, guard)
			case st.to == from:
				config.PermitReentry(trigger, guard)
			default:
				config.Permit(trigger, l.index[st.to].boxed, guard)
			}
		}
	}
	l.machine = m
}

// Fire takes the action from the state and gives the state to which it leads. Nothing is
// changed but the returned value; on an error that is the state from which it was tried. It
// refuses, in this order:
//
//  1. a state that the lifecycle does not have: [*UnknownStateError];
//  2. an action that the state does not have: [*TransitionError], which names those it has;
//  3. faults of the input and required fields that are empty, all together: one [*ValidationError];
//  4. what the guard refuses, or a state to go back to that is not known: [*TransitionError] with the reason.
//
// It does not check permissions. The context is not used but for what a machine carries in
// it: a cancelled one does not stop a firing, which waits for nothing.
func (l *Lifecycle[S, A, T]) Fire(ctx context.Context, from S, action A, attempt Attempt[T]) (S, error) {
	n, ok := l.index[from]
	if !ok {
		return from, &UnknownStateError{Kind: l.kind, State: string(from)}
	}
	st, ok := n.steps[action]
	if !ok {
		return from, l.refusal(n, action, &attempt, "")
	}
	if ctx == nil {
		ctx = context.Background()
	}
	c := &call[S, A, T]{Context: ctx, l: l, step: st, state: n.boxed, attempt: attempt}
	if err := l.machine.FireCtx(c, st.trigger); err != nil {
		return from, err
	}
	return c.state.(S), nil
}

// check is the guard of every rule in the machine.
func (c *call[S, A, T]) check() error {
	r, a := c.step.rule, &c.attempt
	var f Faults
	for _, field := range r.Needs {
		if field.Empty(a.Subject) && !a.Faults.has(field.Name) {
			problem := "is required to " + strings.ReplaceAll(string(r.On), "_", " ")
			if field.Hint != "" {
				problem += "; " + field.Hint
			}
			f.Add(field.Name, problem)
		}
	}
	if !f.Empty() || !a.Faults.Empty() {
		all := Faults{list: a.Faults.List()}
		all.list = append(all.list, f.list...)
		if a.Faults != nil {
			all.other = a.Faults.other
		}
		return all.Err(c.l.kind)
	}
	if reason := c.step.reason(a); reason != "" {
		return c.l.refusal(c.l.index[c.state.(S)], r.On, a, reason)
	}
	return nil
}

// reason says why the step is refused now, or "".
func (st *step[S, A, T]) reason(a *Attempt[T]) string {
	r := st.rule
	if len(r.Return) > 0 && !slices.Contains(r.Return, S(a.Previous)) {
		if a.Previous == "" {
			return "the state before is not known"
		}
		return fmt.Sprintf("cannot go back to %s, only to %s", a.Previous, names(r.Return))
	}
	if r.Guard != nil {
		return r.Guard(*a)
	}
	return ""
}

func (l *Lifecycle[S, A, T]) refusal(n *node[S, A, T], action A, a *Attempt[T], reason string) error {
	e := &TransitionError{Kind: l.kind, ID: a.ID, State: string(n.state.Name), Action: string(action), Reason: reason}
	for _, st := range n.order {
		if !st.rule.System && st.rule.On != action && st.reason(a) == "" {
			e.Permitted = append(e.Permitted, string(st.rule.On))
		}
	}
	return e
}

// Has says whether there is a rule for the action in the state.
func (l *Lifecycle[S, A, T]) Has(from S, action A) bool {
	n, ok := l.index[from]
	return ok && n.steps[action] != nil
}

// Leads gives the state to which the action leads from the state, without asking whether it is
// permitted: for a rule that goes back, the state before the waiting one, previous. known is false
// where there is no such rule, or the lifecycle does not have the state before.
func (l *Lifecycle[S, A, T]) Leads(from S, action A, previous S) (to S, known bool) {
	n, ok := l.index[from]
	if !ok {
		return to, false
	}
	st, ok := n.steps[action]
	if !ok {
		return to, false
	}
	if to = st.to; len(st.rule.Return) > 0 {
		to = previous
	}
	_, known = l.index[to]
	return to, known
}

// Actions gives every action of the state in table order, those of the system too, and says
// of each whether a guard lets it pass, why not, and which required fields are empty. It asks for
// no permission: [PermittedAction] names it. A state that the lifecycle does not have has no actions. Attempt.Faults is not looked at.
func (l *Lifecycle[S, A, T]) Actions(from S, attempt Attempt[T]) []PermittedAction {
	n, ok := l.index[from]
	if !ok {
		return nil
	}
	out := make([]PermittedAction, 0, len(n.order))
	for _, st := range n.order {
		r := st.rule
		p := PermittedAction{
			Action: string(r.On), Title: r.Title, To: string(st.to),
			Reason: st.reason(&attempt), Permission: r.Permission, System: r.System,
		}
		p.Permitted = p.Reason == ""
		if len(r.Return) > 0 && slices.Contains(r.Return, S(attempt.Previous)) {
			p.To = attempt.Previous
		}
		for _, field := range r.Needs {
			if field.Empty(attempt.Subject) {
				p.Missing = append(p.Missing, field.Name)
			}
		}
		out = append(out, p)
	}
	return out
}

// Kind gives the kind of record whose lifecycle it is.
func (l *Lifecycle[S, A, T]) Kind() string { return l.kind }

// Category gives the category of a state, and whether the lifecycle has the state.
func (l *Lifecycle[S, A, T]) Category(s S) (Category, bool) {
	n, ok := l.index[s]
	if !ok {
		return "", false
	}
	return n.state.Category, true
}

// States gives a copy of the states in table order, titles filled in.
func (l *Lifecycle[S, A, T]) States() []State[S] { return slices.Clone(l.states) }

// Rules gives a copy of the rules in table order, titles and permissions filled in.
func (l *Lifecycle[S, A, T]) Rules() []Rule[S, A, T] { return copyRules(l.rules) }

// Initial gives a copy of the states in which a record may begin.
func (l *Lifecycle[S, A, T]) Initial() []S { return slices.Clone(l.initial) }

// Permission gives what an actor needs for the action in the state. For an action that the
// state does not have it is "<kind>.<action>".
func (l *Lifecycle[S, A, T]) Permission(from S, action A) Permission {
	if n, ok := l.index[from]; ok {
		if st, ok := n.steps[action]; ok {
			return st.rule.Permission
		}
	}
	return Permission(l.kind + "." + string(action))
}

// Extend gives a new lifecycle with further states and rules. The original is unchanged. A
// rule for a state and action that has one already is refused; see [Lifecycle.Replace].
func (l *Lifecycle[S, A, T]) Extend(states []State[S], rules ...Rule[S, A, T]) (*Lifecycle[S, A, T], error) {
	return NewLifecycle(l.kind, l.initial, slices.Concat(l.states, states), slices.Concat(l.rules, rules)...)
}

// Replace gives a new lifecycle in which the rules stand in the place of those for the same
// states and action. The original is unchanged. A rule that replaces nothing is refused.
func (l *Lifecycle[S, A, T]) Replace(rules ...Rule[S, A, T]) (*Lifecycle[S, A, T], error) {
	kept := copyRules(l.rules)
	var f Faults
	for i, r := range rules {
		for _, from := range r.From {
			if !l.Has(from, r.On) {
				f.Addf(fmt.Sprintf("rules[%d]", i), "(%s) replaces nothing in the state %q", r.On, from)
			}
			for k := range kept {
				if kept[k].On == r.On {
					kept[k].From = slices.DeleteFunc(kept[k].From, func(s S) bool { return s == from })
				}
			}
		}
	}
	if err := f.Err(l.subject()); err != nil {
		return nil, err
	}
	kept = slices.DeleteFunc(kept, func(r Rule[S, A, T]) bool { return len(r.From) == 0 })
	return NewLifecycle(l.kind, l.initial, l.states, append(kept, rules...)...)
}

// Without gives a new lifecycle without the states and actions: for a shop that switches
// steps off. Rules that lead to a removed state go with it. The original is unchanged. Names
// that the lifecycle does not have are refused, and so is what remains if it is no lifecycle:
// a state that can no longer be reached or left.
func (l *Lifecycle[S, A, T]) Without(states []S, actions ...A) (*Lifecycle[S, A, T], error) {
	var f Faults
	for _, s := range states {
		if _, ok := l.index[s]; !ok {
			f.Addf("states", "has no %q to remove", s)
		}
	}
	for _, a := range actions {
		if !slices.ContainsFunc(l.rules, func(r Rule[S, A, T]) bool { return r.On == a }) {
			f.Addf("actions", "has no %q to remove", a)
		}
	}
	if err := f.Err(l.subject()); err != nil {
		return nil, err
	}
	gone := func(s S) bool { return slices.Contains(states, s) }
	var rules []Rule[S, A, T]
	for _, r := range copyRules(l.rules) {
		returns := len(r.Return) > 0
		r.From = slices.DeleteFunc(r.From, gone)
		r.Return = slices.DeleteFunc(r.Return, gone)
		if slices.Contains(actions, r.On) || len(r.From) == 0 || gone(r.To) || returns && len(r.Return) == 0 {
			continue
		}
		rules = append(rules, r)
	}
	return NewLifecycle(l.kind, slices.DeleteFunc(l.Initial(), gone),
		slices.DeleteFunc(l.States(), func(s State[S]) bool { return gone(s.Name) }), rules...)
}

func (l *Lifecycle[S, A, T]) subject() string { return "lifecycle of " + l.kind }

func copyRules[S, A ~string, T any](rules []Rule[S, A, T]) []Rule[S, A, T] {
	out := slices.Clone(rules)
	for i := range out {
		out[i].From = slices.Clone(out[i].From)
		out[i].Return = slices.Clone(out[i].Return)
		out[i].Needs = slices.Clone(out[i].Needs)
	}
	return out
}

// titleOf makes "In progress" of "in_progress".
func titleOf(name string) string {
	s := strings.ReplaceAll(name, "_", " ")
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}

func names[S ~string](list []S) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}
