// This file holds what a host can set, and its check.

package problem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// HoldReason is why a problem waits.
type HoldReason string

// The standard reasons.
const (
	// HoldSupplier waits for a supplier.
	HoldSupplier HoldReason = "supplier"
	// HoldChange waits for a change, or for a time in which changes may be made.
	HoldChange HoldReason = "change"
	// HoldRecurrence waits until it happens again, as there is too little to go by.
	HoldRecurrence HoldReason = "recurrence"
	// HoldResources waits for people or money.
	HoldResources HoldReason = "resources"
)

// StandardHoldReasons gives the standard reasons.
func StandardHoldReasons() []HoldReason {
	return []HoldReason{HoldSupplier, HoldChange, HoldRecurrence, HoldResources}
}

// Telling says who is told of a workaround beside those who read the problem.
type Telling string

// The ways. What is done about them is for whoever follows [WorkaroundRecorded], as package servicedesk
// does.
const (
	// TellOffer offers it to those who work on the open incidents that are linked to the problem. It is
	// the default.
	TellOffer Telling = "offer"
	// TellPush tells it to the requesters of these incidents, too.
	TellPush Telling = "push"
	// TellNobody leaves it with the problem.
	TellNobody Telling = "nobody"
)

// Tellings gives the ways that there are.
func Tellings() []Telling { return []Telling{TellOffer, TellPush, TellNobody} }

// Never is a period that has no end: for Options.Observation, so that nothing is observed.
const Never time.Duration = -1

// DefaultObservation is how long a resolved problem is observed before it is closed.
const DefaultObservation = 14 * 24 * time.Hour

// Options are what a host can set. The zero value works.
type Options struct {
	// Columns are the host's own columns, made by storage.Custom on [Table]; Indexes are further indexes.
	// Everyone who may read a problem reads its columns.
	Columns []storage.ColumnOf[Head]
	Indexes []storage.Index
	// Lifecycle is the table of states and actions; nil is [StandardLifecycle].
	Lifecycle *Lifecycle
	// Matrix gives the priority; nil is itsm.StandardPriorityMatrix.
	Matrix *itsm.PriorityMatrix
	// Fields are the host's own fields, kept in the body.
	Fields *itsm.FieldSet
	// Categories are those that may be used; nil allows any text.
	Categories []string
	// HoldReasons are why a problem may wait; nil is [StandardHoldReasons].
	HoldReasons []HoldReason
	// Observation is how long a resolved problem must not recur before it is closed, by itself then; 0 is
	// [DefaultObservation]. Negative observes nothing: people close it, when they like.
	Observation time.Duration
	// Workarounds says who is told of a workaround where the command does not; empty is [TellOffer].
	Workarounds Telling
	// NumberPrefix begins every problem's number, KnownErrorPrefix that of every known error; empty is
	// "PRB" and "KE". They are followed by the number, with at least 7 digits.
	NumberPrefix     string
	KnownErrorPrefix string
	// KeepKnownErrors leaves a known error as it is when its problem is closed as fixed, or cancelled. By
	// default it is retired then.
	KeepKnownErrors bool
	// Detection says when incidents recur so often that a problem is proposed; nil is
	// [StandardDetection], and one that is not nil and empty detects nothing.
	Detection []DetectionRule
	// Blockers name what must be finished before a problem is resolved, such as open tasks; none lets it
	// pass. It only reads. Nil blocks nothing.
	Blockers func(ctx context.Context, r storage.Reader, p Problem) ([]string, error)
	// MayRead says whether the actor may know of a record of another practice that a problem names: nil
	// that it may, ErrNotFound or ErrForbidden that it may not. Where it is nil itself, those with
	// "problem.read_internal" on the problem may.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
}

// withDefaults gives the options with what stands for their zero values, and every fault.
func (o Options) withDefaults() (Options, error) {
	var f itsm.Faults
	if o.Lifecycle == nil {
		o.Lifecycle = StandardLifecycle()
	}
	switch {
	case len(o.Lifecycle.States()) == 0:
		f.Add("lifecycle", "has no states; make it by itsm.NewLifecycle or from StandardLifecycle")
	case o.Lifecycle.Kind() != Kind:
		f.Addf("lifecycle", "is of the kind %q; it must be of the kind %q", o.Lifecycle.Kind(), Kind)
	default:
		for _, s := range o.Lifecycle.Initial() {
			if c, _ := o.Lifecycle.Category(s); !c.Open() || c == itsm.CategoryWaiting {
				f.Addf("lifecycle", "begins in %q, which is %s; it must be new or active", s, c)
			}
		}
		for _, s := range o.Lifecycle.States() {
			f.Text("lifecycle.states", string(s.Name), storage.MaxText, true)
		}
	}
	if o.Matrix == nil {
		o.Matrix = itsm.StandardPriorityMatrix()
	}
	if o.Categories != nil {
		o.Categories = checkNames(&f, "categories", o.Categories, nil)
	}
	o.HoldReasons = checkNames(&f, "hold_reasons", o.HoldReasons, StandardHoldReasons)
	o.Observation = orElse(o.Observation, DefaultObservation)
	o.Workarounds = orElse(o.Workarounds, TellOffer)
	if !slices.Contains(Tellings(), o.Workarounds) {
		f.Addf("workarounds", "is %q; allowed are %s", o.Workarounds, list(Tellings()))
	}
	o.NumberPrefix, o.KnownErrorPrefix = orElse(o.NumberPrefix, "PRB"), orElse(o.KnownErrorPrefix, "KE")
	f.Text("number_prefix", o.NumberPrefix, 32, true)
	f.Text("known_error_prefix", o.KnownErrorPrefix, 32, true)
	o.Detection = checkDetection(&f, o.Detection)
	for _, c := range o.Columns {
		if c == nil {
			f.Add("columns", "has one that is nil; make it by storage.Custom")
		} else if !isCustom(c.Spec().Name) {
			f.Addf("columns", "has %q, which is not a host's own; make it by storage.Custom", c.Spec().Name)
		}
	}
	return o, f.Err("problem options")
}

// The host's own columns are told by their names, which storage.Custom makes.
func isCustom(column string) bool { return strings.HasPrefix(column, "x_") }

func orElse[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// checkNames notes what is wrong with a list of names, and gives a copy, or the standard one.
func checkNames[T ~string](f *itsm.Faults, field string, names []T, standard func() []T) []T {
	if names == nil && standard != nil {
		return standard()
	}
	if len(names) == 0 {
		f.Add(field, "are empty; leave them nil for the standard ones")
	}
	for i, n := range names {
		f.Text(at(field, i), string(n), storage.MaxText, true)
		if slices.Contains(names[:i], n) {
			f.Addf(field, "have %q twice", n)
		}
	}
	return slices.Clone(names)
}

// list names what is allowed, for an error.
func list[T ~string](names []T) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	return strings.Join(parts, ", ")
}

// at names an element of a list.
func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
