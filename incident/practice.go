// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package incident

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Practice is the incident practice over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	*settings
}

// settings are what every rebinding of a practice shares. They do not change.
type settings struct {
	o     Options
	table storage.Table[Incident, Head, Body]
	// resolving are the actions that lead to a resolved state, for which blockers are asked.
	resolving map[Action]bool
	// reopening are the actions that lead from a state that is not open to one that is.
	reopening map[Action]bool
	// permissions are those of the actions that the lifecycle has, in whatever state.
	permissions map[Action]itsm.Permission
	// publicFields are the fields of Options without the internal ones.
	publicFields *itsm.FieldSet
	// internalColumns are the columns that not everyone may read: those that every desk has, and the host's
	// that hold an internal field.
	internalColumns map[string]bool
}

// New makes the practice and registers it on the engine: its tables, events and jobs. It is
// ErrInvalid, with every fault, where an option cannot be, and where the engine is in use
// already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	o, err := o.withDefaults()
	f.Merge("", err)
	var table storage.Table[Incident, Head, Body]
	if err == nil {
		table, err = Table.With(o.Columns, o.Indexes...)
		f.Merge("", err)
	}
	if err := f.Err("incident options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, settings: &settings{o: o, table: table, resolving: map[Action]bool{}, reopening: map[Action]bool{},
		permissions: map[Action]itsm.Permission{}, internalColumns: map[string]bool{}}}
	for _, r := range o.Lifecycle.Rules() {
		if c, _ := o.Lifecycle.Category(r.To); c == itsm.CategoryResolved {
			p.resolving[r.On] = true
		}
		if to, _ := o.Lifecycle.Category(r.To); to.Open() {
			for _, from := range r.From {
				if c, _ := o.Lifecycle.Category(from); !c.Open() {
					p.reopening[r.On] = true
				}
			}
		}
		if _, known := p.permissions[r.On]; !known {
			p.permissions[r.On] = r.Permission
		}
	}
	for _, c := range ownInternal {
		p.internalColumns[c.Spec().Name] = true
	}
	var public []itsm.FieldDefinition
	for _, d := range o.Fields.Definitions() {
		if d.Internal {
			p.internalColumns[customPrefix+d.Name] = true
		} else {
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
		Tables: []*storage.Schema{p.table.Schema(), memberTable.Schema(), tagTable.Schema(), attachmentTable.Schema(), costTable.Schema(),
			majorTable.Schema(), customerTable.Schema(), originTable.Schema(), TemplateTable.Schema(), audienceTable.Schema(),
			alertTable.Schema(), alertEntryTable.Schema()},
		Events: slices.Concat(eventTypes(), importedEvents(), majorEvents(), templateEvents()),
		Jobs: []engine.JobHandler{
			engine.IfRefused(engine.OnDue(jobAutoClose, p.autoClose), later(jobAutoClose)),
			engine.IfRefused(engine.OnDue(jobResume, p.resumeDue), later(jobResume)),
			engine.IfRefused(engine.OnDue(jobChildren, p.resolveChildren), leave[childrenLeft]),
			engine.IfRefused(engine.OnDue(jobSurvey, p.lapseSurvey), later(jobSurvey)),
			engine.IfRefused(engine.OnDue(jobUpdates, p.tellUpdate), leave[childUpdate]),
			engine.IfRefused(engine.OnDue(jobMajor, p.remindMajor), later(jobMajor)),
			engine.OnDue(jobSpread, p.spreadOut),
			engine.OnDueOutside(jobFanOut, p.fanOut),
			engine.OnDueOutside(jobFacts, p.tellFacts),
			engine.IfRefused(engine.OnDue(jobFollowUp, p.followUpDue), later(jobFollowUp)),
			engine.IfRefused(engine.OnDue(jobQuiet, p.resolveQuiet), leave[struct{}]),
		},
	}
}

// In gives the practice over another store: one joined to the host's own transaction, or that
// of an open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), settings: p.settings}
}

// Lifecycle is the table of states and actions that the practice follows.
func (p *Practice) Lifecycle() *Lifecycle { return p.o.Lifecycle }

// Table is the table with the host's own columns.
func (p *Practice) Table() storage.Table[Incident, Head, Body] { return p.table }

// The host's own columns are told by their names, which storage.Custom makes.
const customPrefix = "x_"

func isCustom(column string) bool { return strings.HasPrefix(column, customPrefix) }

// execute runs a command as the engine does; the actor gets what it may see of the incident. A
// command that was given under its key before is not run again: its result is read as the actor
// may read it now.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Incident, error)) (Incident, error) {
	return engine.Execute(ctx, p.e, p.table, c, fn, func(ctx context.Context, u *engine.Unit, i Incident, again bool) (Incident, error) {
		if again {
			var err error
			if i, err = p.find(ctx, u, c.Actor, i.ID); err != nil {
				return Incident{}, err
			}
		}
		internal, err := p.allows(ctx, c.Actor, PermissionReadInternal, &i)
		if err != nil {
			return Incident{}, err
		}
		return p.shown(ctx, u, c.Actor, internal, i)
	})
}

// command runs one command on one incident: it is loaded and the actor's permission for the
// action is asked; fn applies the input and fires; what came of it is put and told.
func (p *Practice) command(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, cmd itsm.Command, request any, fn func(context.Context, *work) error) (Incident, error) {
	call := engine.Call{Name: Kind + "." + string(action), Actor: actor, Command: cmd, Target: id, Request: request}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Incident, error) {
		w, err := p.begin(ctx, u, id)
		if err != nil {
			return Incident{}, err
		}
		if p.isAction(action) {
			if err := w.authorize(ctx, w.permission(action)); err != nil {
				return Incident{}, err
			}
		}
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, w); err != nil {
			return Incident{}, err
		}
		return w.finish(ctx)
	})
}

// The kinds of jobs that the practice schedules; the key is the incident's id.
const (
	jobAutoClose = "incident.auto_close"
	jobResume    = "incident.resume"
	jobChildren  = "incident.children"
	jobSurvey    = "incident.survey"
	jobMajor     = "incident.major"
	jobSpread    = "incident.spread"
	jobFanOut    = "incident.fan_out" // the key is the id of the customer's record
	jobFacts     = "incident.facts"
	jobUpdates   = "incident.updates" // the key begins with the id of the note
	jobFollowUp  = "incident.follow_up"
	jobQuiet     = "incident.quiet"
)

// jobOf is a job of an incident. Those of one incident run one at a time.
func jobOf(kind string, id itsm.ID, due time.Time) engine.Task {
	return engine.Task{Kind: kind, Key: string(id), Subject: Kind + "/" + string(id), Due: due}
}

// tryAgain is when what a guard or a trigger refused is tried again: the reason may have passed by then.
const tryAgain = 24 * time.Hour

// later schedules a job of an incident again that was refused.
func later(kind string) func(context.Context, *engine.Unit, engine.Due, struct{}) error {
	return func(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
		return u.Schedule(ctx, jobOf(kind, itsm.ID(due.Key), u.Now().Add(tryAgain)))
	}
}

// leave leaves to people what was refused.
func leave[P any](context.Context, *engine.Unit, engine.Due, P) error { return nil }

// dueOf gives when an incident is due to be closed, and to be resumed; zero is never.
func (p *Practice) dueOf(i *Incident) (closes, resumes time.Time) {
	category, _ := p.o.Lifecycle.Category(i.State)
	if category == itsm.CategoryResolved && p.o.AutoClose >= 0 {
		closes = i.ResolvedAt.Add(p.o.AutoClose)
	}
	if category == itsm.CategoryWaiting {
		resumes = i.HoldUntil
	}
	return closes, resumes
}

// putJobs makes the jobs of an incident what they must be after a change.
func (p *Practice) putJobs(ctx context.Context, u *engine.Unit, was, now *Incident) error {
	wasClosed, wasResumed := p.dueOf(was)
	closes, resumes := p.dueOf(now)
	for _, j := range []struct {
		kind     string
		was, due time.Time
	}{
		{jobAutoClose, wasClosed, closes}, {jobResume, wasResumed, resumes},
		{jobFollowUp, p.followUpAt(was), p.followUpAt(now)}, {jobQuiet, p.quietUntil(was), p.quietUntil(now)},
	} {
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

// isNotFound says whether there is no such record, or none that the actor may know of.
func isNotFound(err error) bool { return errors.Is(err, itsm.ErrNotFound) }

// isForbidden says whether an authorizer refused.
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }
