// This file holds the practice: how it is made, what it registers on the engine, who may do what,
// and how it is rebound to another store.

package oncall

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for.
const (
	// PermissionRead is for all schedules, overrides, policies and escalations. Without it a person
	// may read the escalations by which they were told.
	PermissionRead itsm.Permission = "oncall.read"
	// PermissionManage is for defining, revising and retiring schedules and policies.
	PermissionManage itsm.Permission = "oncall.manage"
	// PermissionOverride is for making and withdrawing overrides. The participants of a schedule are
	// its members: granted in the scope itsm.ScopeMember it is for those of the own schedules.
	PermissionOverride itsm.Permission = "oncall.override"
	// PermissionPage is for starting and cancelling escalations.
	PermissionPage itsm.Permission = "oncall.page"
	// PermissionAcknowledge is for acknowledging and escalating what one was not told of.
	PermissionAcknowledge itsm.Permission = "oncall.acknowledge"
)

// The kinds of the records.
const (
	KindSchedule   = "oncall_schedule"
	KindOverride   = "oncall_override"
	KindPolicy     = "oncall_policy"
	KindEscalation = "oncall_escalation"
)

// Options are what a host can set. The zero value works.
type Options struct {
	// Members gives the people of a group at the time of the reading, in any order; a group without
	// any has nobody on call, and a step of such groups alone is skipped. Nil tells groups as groups:
	// the event names the group, and whoever sends it out knows its members.
	Members func(ctx context.Context, r storage.Reader, group itsm.ID) ([]itsm.ID, error)
	// Open says whether what is escalated is still to be worked on. It is asked when an escalation
	// starts and before each further step, beside the reaction to the events of records: for subjects
	// that the engine does not keep. ErrNotFound says that there is no such subject. Nil asks the
	// column "open" of records whose table has one, and takes every other subject as open.
	Open func(ctx context.Context, r storage.Reader, subject itsm.Ref) (bool, error)
	// MayRead says whether the actor may know of the record that an escalation is about: nil that it may,
	// ErrNotFound or ErrForbidden that it may not. Who may not starts none about it, and finds none but
	// those by which they were told. Where it is nil itself, the permissions of on-call decide alone. A
	// system actor is not asked about.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	// MayReadEach asks what MayRead does about many records at once, for lists: those that the actor may
	// know of are true in the answer. Nil asks MayRead about one after the other.
	MayReadEach func(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error)
}

// Practice is on-call schedules and escalations over an engine. It is safe for any number of
// goroutines.
type Practice struct {
	e *engine.Engine
	o Options
}

// New makes the practice and registers it on the engine: its tables, events, jobs, and the reaction
// that ends the escalations of a record that is resolved, closed, cancelled or deleted. It is
// ErrInvalid where the engine is missing, in use already, or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	if e == nil {
		return nil, itsm.Invalid("oncall", "engine", "is required")
	}
	p := &Practice{e: e, o: o}
	return p, e.Use(engine.Module{
		Name:      "oncall",
		Tables:    []*storage.Schema{ScheduleTable.Schema(), OverrideTable.Schema(), PolicyTable.Schema(), EscalationTable.Schema()},
		Events:    eventTypes(),
		Reactions: []engine.Reaction{engine.OnAny(p.subjectEnded)},
		Jobs:      []engine.JobHandler{engine.OnDue(jobStep, p.stepDue)},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice { return &Practice{e: p.e.In(s), o: p.o} }

// domain is what an authorizer is told of everything here that is nobody's own.
func domain(kind string, id itsm.ID) *itsm.Subject { return &itsm.Subject{Kind: kind, ID: id} }

// allows asks for a permission. A refusal is false; another error of the authorizer is that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, s *itsm.Subject) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, s)
	if errors.Is(err, itsm.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// mayRead says whether the actor may know of a subject.
func (p *Practice) mayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, subject itsm.Ref) (bool, error) {
	if p.o.MayRead == nil || actor.System {
		return true, nil
	}
	err := p.o.MayRead(ctx, r, actor, subject)
	if isNotFound(err) || errors.Is(err, itsm.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// mayReadEach says of which subjects the actor may know.
func (p *Practice) mayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, subjects []itsm.Ref) (map[itsm.Ref]bool, error) {
	if p.o.MayRead != nil && p.o.MayReadEach != nil && !actor.System {
		return p.o.MayReadEach(ctx, r, actor, subjects)
	}
	all := make(map[itsm.Ref]bool, len(subjects))
	for _, subject := range subjects {
		may, err := p.mayRead(ctx, r, actor, subject)
		if err != nil {
			return nil, err
		}
		all[subject] = may
	}
	return all, nil
}

// MayRead gives nil where the actor may read an escalation, and otherwise the error of
// [Practice.Escalation]. It reads the escalation by r, and asks [Options].MayRead about its subject: for
// whoever keeps records that hang on escalations.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

func notFound(kind string, id itsm.ID) error {
	return &storage.Error{Op: "get", Table: kind, ID: id, Err: storage.ErrNotFound}
}

// read runs fn on a snapshot for an actor who may read everything here.
func (p *Practice) read(ctx context.Context, actor itsm.Actor, fn func(context.Context, storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionRead, domain("oncall", "")); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// History gives the events of a schedule, an override, a policy or an escalation, in order: who did
// what, and which fields it changed. Another kind is ErrInvalid, a record that is not there or that
// the actor may not read ErrNotFound or ErrForbidden, as when it is read.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, of itsm.Ref) ([]itsm.Event, error) {
	if !slices.Contains([]string{KindSchedule, KindOverride, KindPolicy, KindEscalation}, of.Kind) {
		return nil, itsm.Invalid("history", "kind", `must be "oncall_schedule", "oncall_override", "oncall_policy" or "oncall_escalation"`)
	}
	if storage.CheckKey(string(of.ID)) != "" {
		return nil, notFound(of.Kind, "")
	}
	var all []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		all = nil
		if of.Kind == KindEscalation {
			if _, err := p.find(ctx, r, actor, of.ID); err != nil {
				return err
			}
		} else if err := p.e.Authorizer().Authorize(ctx, actor, PermissionRead, domain(of.Kind, of.ID)); err != nil {
			return err
		}
		q := storage.EventQuery{Kind: of.Kind, Record: of.ID, Limit: storage.MaxLimit}
		for {
			page, err := p.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			all = append(all, page...)
			if len(page) < q.Limit {
				break
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
		if len(all) == 0 {
			return notFound(of.Kind, of.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
