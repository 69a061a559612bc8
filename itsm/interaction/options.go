// This file holds what a host can set, and its check.

package interaction

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are what a host can set. The zero value works: interactions are then classified, answered and
// attached, and become nothing.
type Options struct {
	// Becomes says what makes the records of a classification. Those without an opener are settled in
	// the interaction itself. A name that is not standard is a classification of the host's own.
	Becomes map[Classification]Opener
	// Classifications are those that may be used beside the keys of Becomes; nil is
	// [StandardClassifications].
	Classifications []Classification
	// Channels are the ways to speak; nil is [StandardChannels]. A contact that names none has the
	// last one.
	Channels []Channel
	// Lifecycle is the table of states and actions; nil is [StandardLifecycle].
	Lifecycle *Lifecycle
	// NumberPrefix begins every number; empty is "INT". It is followed by the number, with at least 7
	// digits. A number is drawn once, and gaps remain of what failed.
	NumberPrefix string
	// MayRead says whether the actor may know of a record that an interaction became or is attached
	// to: nil that it may, ErrNotFound or ErrForbidden that it may not. Where it is nil itself, those
	// with "interaction.read_internal" on the interaction may.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
}

// Opener makes the records of one classification, of a practice that this package does not know. Its
// functions run in the unit of the command, where u.Store() rebinds a practice, and an error of theirs
// fails the command: nothing of it remains.
type Opener struct {
	// Open makes the record and names it. It acts as u.Actor(), who needs the rights for it. It is
	// required.
	Open func(ctx context.Context, u *engine.Unit, o Opening) (itsm.Ref, error)
	// Reclassified ends a record that Open made, as the matter is another: to is the record in its
	// place. A record to which the interaction was attached is others' too, and is left alone. Where
	// it is nil, the record stays as it is, linked to the other.
	Reclassified func(ctx context.Context, u *engine.Unit, from, to itsm.Ref, o Opening) error
}

// Opening is what an [Opener] is given.
type Opening struct {
	// Interaction is as it was before the command.
	Interaction Interaction
	// Classification is what it is taken for from now on.
	Classification Classification
	// Since is when the matter was first reported: the timers of a record that is made begin there,
	// also where it takes the place of another.
	Since time.Time
	// From is the record in whose place the new one comes, nil where there is none, and
	// FromClassification what it was taken for.
	From               *itsm.Ref
	FromClassification Classification
	// Reason is that of the command.
	Reason string
}

// withDefaults gives the options with what stands for their zero values, and every fault.
func (o Options) withDefaults() (Options, error) {
	var f itsm.Faults
	o.Classifications = checkNames(&f, "classifications", o.Classifications, StandardClassifications)
	o.Becomes = maps.Clone(o.Becomes)
	for _, c := range slices.Sorted(maps.Keys(o.Becomes)) {
		f.Text("becomes", string(c), storage.MaxText, true)
		if o.Becomes[c].Open == nil {
			f.Addf("becomes."+string(c)+".open", "is required")
		}
		if !slices.Contains(o.Classifications, c) {
			o.Classifications = append(o.Classifications, c)
		}
	}
	o.Channels = checkNames(&f, "channels", o.Channels, StandardChannels)
	if o.Lifecycle == nil {
		o.Lifecycle = StandardLifecycle()
	}
	switch {
	case len(o.Lifecycle.States()) == 0:
		f.Add("lifecycle", "has no states; make it by itsm.NewLifecycle or from StandardLifecycle")
	case o.Lifecycle.Kind() != Kind:
		f.Addf("lifecycle", "is of the kind %q; it must be of the kind %q", o.Lifecycle.Kind(), Kind)
	default:
		for _, s := range o.Lifecycle.States() {
			f.Text("lifecycle.states", string(s.Name), storage.MaxText, true)
		}
		if c, _ := o.Lifecycle.Category(o.Lifecycle.Initial()[0]); !c.Open() {
			f.Addf("lifecycle", "begins in a state that is %s; it must be new, active or waiting", c)
		}
	}
	if o.NumberPrefix == "" {
		o.NumberPrefix = "INT"
	}
	f.Text("number_prefix", o.NumberPrefix, 32, true)
	return o, f.Err("interaction options")
}

// checkNames notes what is wrong with a list of names, and gives a copy, or the standard one.
func checkNames[T ~string](f *itsm.Faults, field string, names []T, standard func() []T) []T {
	if names == nil {
		return standard()
	}
	if len(names) == 0 {
		f.Add(field, "are empty; leave them nil for the standard ones")
	}
	for i, n := range names {
		f.Text(field, string(n), storage.MaxText, true)
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
