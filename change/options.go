// This file holds what a host can set, and its check.

package change

import (
	"context"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are what a host can set. The zero value works.
type Options struct {
	// Columns are the host's own columns, made by storage.Custom on [Table]; Indexes are
	// further indexes.
	Columns []storage.ColumnOf[Head]
	Indexes []storage.Index
	// Models are the models of change; nil are [StandardModels].
	Models []Model
	// Fields are the host's own fields, kept in the body. An internal field hides the custom
	// column of the same name too.
	Fields *itsm.FieldSet
	// Categories are those that may be used; nil allows any text.
	Categories []string
	// Risk is the risk model; nil is risk.StandardModel.
	Risk *risk.Model
	// RiskFacts gives what is known of a change, beside what stands in it: the services that it would impair, its
	// conflicts. It only reads. It is asked when a change is submitted and whenever what it is changes after that. What
	// it gives replaces what the practice knows by itself: [risk.FactorItems], [risk.FactorOutage], and the history of
	// the changes of the same template, or else of the same model and service. Nil adds nothing.
	RiskFacts func(ctx context.Context, r storage.Reader, c Change) (risk.Facts, error)
	// Facts are what approval policies can speak of beside the columns of changes and "fields.<name>", and FactsOf
	// gives their values. It only reads. What it leaves out is not known.
	Facts   []routing.Fact
	FactsOf func(ctx context.Context, r storage.Reader, c Change) (approval.Facts, error)
	// Exemption lets who asked for a change, drafted it or implements it decide in its gates, who decided about it implement it,
	// parties lower its risk and cancel it where it was recorded by mistake, and authors approve the templates that they
	// drafted: for a shop of one. Its name stands with each vote that it covered, and in the history of each template. It holds for gates
	// that have none of their own. Nil keeps duties apart.
	Exemption *approval.Exemption
	// Tasks keeps the tasks of changes: a change starts when they are ready and is complete when they have
	// ended, and they wait while it is held. Nil has none.
	Tasks *task.Practice
	// OpenTasks says which open tasks keep a change from being complete; empty is task.BlockAll.
	OpenTasks task.Blocking
	// Apply makes the proposed changes to configuration items, in the unit that completes the change, before that is
	// written: what it is asked for is made, all of it, or its error fails the command. Nil refuses to complete a change that
	// has proposals.
	Apply func(ctx context.Context, u *engine.Unit, c Change) error
	// Schedule keeps what changes book, and the freezes and maintenance windows: a change is on it from when it is submitted with a
	// planned window until its implementation has ended, its conflicts count in its risk, and it does not start in a
	// freeze. Nil has none.
	Schedule *schedule.Practice
	// Touches gives what a change touches beside its own configuration items and service. It only reads, and is asked
	// whenever a change that is on the schedule was put: let it be quick. Nil adds nothing.
	Touches func(ctx context.Context, r storage.Reader, c Change) (Touched, error)
	// Templates says when the template of standard changes is suspended.
	Templates TemplatePolicy
	// NumberPrefix begins every number; empty is "CHG". It is followed by the number, with
	// at least 7 digits.
	NumberPrefix string
	// MayRead says whether the actor may know of a record of another kind to which a change
	// is linked: nil that it may, ErrNotFound or ErrForbidden that it may not. Where it is
	// nil itself, those with "change.read_internal" on the change may.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
}

// withDefaults gives the options with what stands for their zero values, and every fault.
func (o Options) withDefaults() (Options, error) {
	var f itsm.Faults
	if o.Models == nil {
		o.Models = StandardModels()
	}
	if len(o.Models) == 0 {
		f.Add("models", "are empty; leave them nil for the standard ones")
	}
	if len(o.Models) > MaxModels {
		f.Addf("models", "are %d; at most %d are allowed", len(o.Models), MaxModels)
	}
	var vocabulary approval.Vocabulary
	if v, err := routing.NewVocabulary(Table.Schema(), o.Fields, o.Facts...); err != nil {
		f.Merge("", err)
	} else {
		vocabulary = v
	}
	models := make([]Model, len(o.Models))
	for i, m := range o.Models {
		if slices.ContainsFunc(o.Models[:i], func(other Model) bool { return other.Name == m.Name }) {
			f.Addf("models", "have %.64q twice", m.Name)
		}
		models[i] = m.normalized(fmt.Sprintf("models[%d]", i), vocabulary, &f)
	}
	o.Models = models
	o.Categories = slices.Clone(o.Categories)
	for i, c := range o.Categories {
		f.Text(fmt.Sprintf("categories[%d]", i), c, storage.MaxText, true)
	}
	if o.Risk == nil {
		m := risk.StandardModel()
		o.Risk = &m
	}
	f.Merge("risk", o.Risk.Validate())
	if o.Exemption != nil {
		f.Text("exemption.name", o.Exemption.Name, 100, true)
	}
	o.OpenTasks = orElse(o.OpenTasks, task.BlockAll)
	if !slices.Contains(task.Blockings(), o.OpenTasks) {
		f.Addf("open_tasks", "is %.64q; allowed are %q", o.OpenTasks, task.Blockings())
	}
	o.Templates = o.Templates.withDefaults(&f)
	o.NumberPrefix = orElse(o.NumberPrefix, "CHG")
	f.Text("number_prefix", o.NumberPrefix, 32, true)
	for _, c := range o.Columns {
		if c == nil {
			f.Add("columns", "has one that is nil; make it by storage.Custom")
		} else if !isCustom(c.Spec().Name) {
			f.Addf("columns", "has %q, which is not a host's own; make it by storage.Custom", c.Spec().Name)
		}
	}
	return o, f.Err("change options")
}

func orElse[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// list names what is allowed, for an error.
func list[T ~string](names []T) string {
	var b []byte
	for i, n := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, n...)
	}
	return string(b)
}
