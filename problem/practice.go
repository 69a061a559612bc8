// This file holds the practice: how it is made, what it registers on the engine, and how it is rebound to
// another store.

package problem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Practice is the problem practice over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	*settings
}

// settings are what every rebinding of a practice shares. They do not change.
type settings struct {
	o     Options
	table storage.Table[Problem, Head, Body]
	// resolving are the actions that lead from an open state to a resolved one, for which blockers are asked.
	resolving map[Action]bool
	// permissions are those of the actions that the lifecycle has, in whatever state.
	permissions map[Action]itsm.Permission
	// publicFields are the fields of Options without the internal ones.
	publicFields *itsm.FieldSet
}

// New makes the practice and registers it on the engine: its tables, events and jobs. It is ErrInvalid,
// with every fault, where an option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	o, err := o.withDefaults()
	f.Merge("", err)
	var table storage.Table[Problem, Head, Body]
	if err == nil {
		table, err = Table.With(o.Columns, o.Indexes...)
		f.Merge("", err)
	}
	if err := f.Err("problem options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, settings: &settings{o: o, table: table, resolving: map[Action]bool{}, permissions: map[Action]itsm.Permission{}}}
	for _, r := range o.Lifecycle.Rules() {
		if c, _ := o.Lifecycle.Category(r.To); c == itsm.CategoryResolved {
			p.resolving[r.On] = true
		}
		if _, known := p.permissions[r.On]; !known {
			p.permissions[r.On] = r.Permission
		}
	}
	var public []itsm.FieldDefinition
	for _, d := range o.Fields.Definitions() {
		if !d.Internal {
			public = append(public, d)
		}
	}
	if p.publicFields, err = itsm.NewFieldSet(public...); err != nil {
		return nil, err
	}
	if err := e.Use(p.module()); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Practice) module() engine.Module {
	return engine.Module{
		Name: Kind,
		Tables: []*storage.Schema{p.table.Schema(), memberTable.Schema(), WorkaroundTable.Schema(), KnownErrorTable.Schema(),
			occurrenceTable.Schema(), ProposalTable.Schema(), termTable.Schema(), tallyTable.Schema(), VulnerabilityTable.Schema()},
		Events: slices.Concat(eventTypes(), knownErrorEventTypes(), proposalEventTypes(), vulnerabilityEventTypes()),
		Jobs: []engine.JobHandler{
			engine.IfRefused(engine.OnDue(jobClose, p.autoClose), later(jobClose)),
			engine.IfRefused(engine.OnDue(jobResume, p.resumeDue), later(jobResume)),
			engine.OnDue(jobReview, p.remindOfReview),
			engine.OnDue(jobLinks, p.moveLinks),
		},
	}
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an open
// unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), settings: p.settings}
}

// Lifecycle is the table of states and actions that the practice follows.
func (p *Practice) Lifecycle() *Lifecycle { return p.o.Lifecycle }

// Table is the table of problems with the host's own columns.
func (p *Practice) Table() storage.Table[Problem, Head, Body] { return p.table }

// execute runs a command as the engine does; the actor gets what it may see of the problem. A command that
// was given under its key before is not run again: its result is read as the actor may read it now.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Problem, error)) (Problem, error) {
	return engine.Execute(ctx, p.e, p.table, c, fn, func(ctx context.Context, u *engine.Unit, r Problem, again bool) (Problem, error) {
		if again {
			var err error
			if r, err = p.find(ctx, u, c.Actor, r.ID); err != nil {
				return Problem{}, err
			}
		}
		internal, err := p.allows(ctx, c.Actor, PermissionReadInternal, &r)
		if err != nil {
			return Problem{}, err
		}
		return p.shown(ctx, u, c.Actor, internal, r)
	})
}

// command runs one command on one problem: it is loaded and the actor's permission for the action is
// asked; fn applies the input and fires; what came of it is put and told.
func (p *Practice) command(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, cmd itsm.Command, request any, fn func(context.Context, *work) error) (Problem, error) {
	call := engine.Call{Name: Kind + "." + string(action), Actor: actor, Command: cmd, Target: id, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Problem, error) {
		w, err := p.begin(ctx, u, id)
		if err != nil {
			return Problem{}, err
		}
		if p.isAction(action) {
			if err := w.authorize(ctx, w.permission(action)); err != nil {
				return Problem{}, err
			}
		}
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, w); err != nil {
			return Problem{}, err
		}
		return w.finish(ctx)
	})
}

// draw gives the next number of a sequence.
func draw(ctx context.Context, u *engine.Unit, sequence, prefix string) (string, error) {
	n, err := u.Next(ctx, sequence)
	return fmt.Sprintf("%s%07d", prefix, n), err
}

// The kinds of jobs that the practice schedules; the key is the problem's id.
const (
	jobClose  = "problem.close"
	jobResume = "problem.resume"
	jobReview = "problem.review"
	jobLinks  = "problem.links"
)

// jobOf is a job of a problem. Those of one problem run one at a time.
func jobOf(kind string, id itsm.ID, due time.Time) engine.Task {
	return engine.Task{Kind: kind, Key: string(id), Subject: Kind + "/" + string(id), Due: due}
}

// tryAgain is when what a guard or a trigger refused is tried again: the reason may have passed by then.
const tryAgain = 24 * time.Hour

// later schedules a job of a problem again that was refused.
func later(kind string) func(context.Context, *engine.Unit, engine.Due, struct{}) error {
	return func(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
		return u.Schedule(ctx, jobOf(kind, itsm.ID(due.Key), u.Now().Add(tryAgain)))
	}
}

// dueOf gives when a problem is due to be closed, to be resumed, and its risk to be reviewed; zero is
// never.
func (p *Practice) dueOf(r *Problem) (closes, resumes, review time.Time) {
	switch category, _ := p.o.Lifecycle.Category(r.State); {
	case category == itsm.CategoryResolved && p.o.Observation >= 0:
		closes = r.ObserveFrom.Add(p.o.Observation)
	case category == itsm.CategoryWaiting:
		resumes = r.HoldUntil
	}
	return closes, resumes, r.ReviewAt
}

// putJobs makes the jobs of a problem what they must be after a change.
func (p *Practice) putJobs(ctx context.Context, u *engine.Unit, was, now *Problem) error {
	wasClosed, wasResumed, wasReviewed := p.dueOf(was)
	closes, resumes, review := p.dueOf(now)
	for _, j := range []struct {
		kind     string
		was, due time.Time
	}{{jobClose, wasClosed, closes}, {jobResume, wasResumed, resumes}, {jobReview, wasReviewed, review}} {
		var err error
		switch {
		case j.was.Equal(j.due):
		case j.due.IsZero():
			err = u.Cancel(ctx, j.kind, string(now.ID))
		default:
			err = u.Schedule(ctx, jobOf(j.kind, now.ID, j.due))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isNotFound(err error) bool  { return errors.Is(err, itsm.ErrNotFound) }
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }

// ifThere takes a record that is gone for nothing left to do.
func ifThere(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}
