// This file holds what a host can set, and its check.

package task

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are what a host can set. The zero value works.
type Options struct {
	// Lifecycle is the table of states and actions; nil is [StandardLifecycle]. It begins in
	// [StatePending], keeps the rules by which a plan moves its tasks (release, block, revive, and
	// skip of what has not started), and has [ActionCancel] in every open state.
	Lifecycle *Lifecycle
	// Outcomes say how a task has ended that is in one of the host's own states. One that is not
	// named here is cancelled where the state's category is, and done where it is resolved or
	// closed.
	Outcomes map[State]Outcome
	// Columns are the host's own columns, made by storage.Custom on [Table]; Indexes are further
	// indexes.
	Columns []storage.ColumnOf[Head]
	Indexes []storage.Index
	// MayRead says whether the actor may know of the record that a task is about: nil that it may,
	// ErrNotFound or ErrForbidden that it may not. Tasks of a record that the actor may not read are
	// not found, listed or counted. Where it is nil itself, the permission "task.read" decides
	// alone. A system actor is not asked about.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	// MayReadEach asks what MayRead does about many records at once, for lists and counts: those that the
	// actor may know of are true in the answer. Nil asks MayRead about one after the other.
	MayReadEach func(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error)
}

// The host's own columns are told by their names, which storage.Custom makes.
const customPrefix = "x_"

func isCustom(column string) bool { return strings.HasPrefix(column, customPrefix) }

// withDefaults gives the options with what stands for their zero values, and every fault.
func (o Options) withDefaults() (Options, error) {
	var f itsm.Faults
	if o.Lifecycle == nil {
		o.Lifecycle = StandardLifecycle()
	}
	l := o.Lifecycle
	switch {
	case len(l.States()) == 0:
		f.Add("lifecycle", "has no states; make it by itsm.NewLifecycle or from StandardLifecycle")
	case l.Kind() != Kind:
		f.Addf("lifecycle", "is of the kind %q; it must be of the kind %q", l.Kind(), Kind)
	default:
		if initial := l.Initial(); len(initial) != 1 || initial[0] != StatePending {
			f.Addf("lifecycle", "must begin in %s alone", StatePending)
		}
		for _, n := range needed {
			if !l.Has(n.from, n.on) {
				f.Addf("lifecycle", "has no %s in the state %s, which plans need", n.on, n.from)
			}
		}
		for _, s := range l.States() {
			f.Text("lifecycle.states", string(s.Name), storage.MaxText, true)
			if s.Category.Open() && !l.Has(s.Name, ActionCancel) {
				f.Addf("lifecycle", "has no %s in the state %s, which is needed when the parent ends", ActionCancel, s.Name)
			}
		}
	}
	o.Outcomes = maps.Clone(o.Outcomes)
	for _, s := range slices.Sorted(maps.Keys(o.Outcomes)) {
		switch c, ok := l.Category(s); {
		case !ok:
			f.Addf("outcomes", "name the unknown state %q", s)
		case c.Open():
			f.Addf("outcomes", "name %q, which is %s and so no end", s, c)
		case standardOutcomes[s] != "":
			f.Addf("outcomes", "name %q, whose outcome stands", s)
		}
		if !slices.Contains(outcomes, o.Outcomes[s]) {
			f.Addf("outcomes."+string(s), "is %q; allowed are %s", o.Outcomes[s], list(outcomes))
		}
	}
	for _, c := range o.Columns {
		if c == nil {
			f.Add("columns", "has one that is nil; make it by storage.Custom")
		} else if !isCustom(c.Spec().Name) {
			f.Addf("columns", "has %q, which is not a host's own; make it by storage.Custom", c.Spec().Name)
		}
	}
	return o, f.Err("task options")
}

var standardOutcomes = map[State]Outcome{
	StateDone: OutcomeDone, StateFailed: OutcomeFailed, StateSkipped: OutcomeSkipped, StateCancelled: OutcomeCancelled,
}

// outcome says how a task has ended that is in the state; none where it is open.
func (o *Options) outcome(s State) Outcome {
	c, _ := o.Lifecycle.Category(s)
	if c.Open() || c == "" {
		return OutcomeNone
	}
	if out, ok := standardOutcomes[s]; ok {
		return out
	}
	if out, ok := o.Outcomes[s]; ok {
		return out
	}
	if c == itsm.CategoryCancelled {
		return OutcomeCancelled
	}
	return OutcomeDone
}

// list names what is allowed, for an error.
func list[T ~string](names []T) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(n))
	}
	return b.String()
}
