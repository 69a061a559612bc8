// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package sla

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all of the tenant: a grant in a narrower scope gives nothing
// here.
const (
	// PermissionRead lets read calendars, policies, agreements with how their blocks stand, and lists of timers, and of the records that one may
	// read the internal timers too: those of operational level agreements and underpinning contracts, and what they took of blocks.
	PermissionRead itsm.Permission = "sla.read"
	// PermissionDefine lets draft, revise, activate and publish calendars and policies.
	PermissionDefine itsm.Permission = "sla.define"
	// PermissionExplain lets ask what a rebase would change.
	PermissionExplain itsm.Permission = "sla.explain"
	// PermissionRebase moves timers to other versions.
	PermissionRebase itsm.Permission = "sla.rebase"
	// PermissionRebuild computes timers anew from the history.
	PermissionRebuild itsm.Permission = "sla.rebuild"
	// PermissionReport lets read what became of agreements.
	PermissionReport itsm.Permission = "sla.report"
	// PermissionDraw takes minutes of blocks that were paid for before.
	PermissionDraw itsm.Permission = "sla.draw"
	// PermissionGiveBack gives back what a record took of a block.
	PermissionGiveBack itsm.Permission = "sla.give_back"
	// PermissionSetDue sets due dates by hand.
	PermissionSetDue itsm.Permission = "sla.set_due"
)

// Practice keeps calendars, policies and timers, over an engine. It is safe for any number of goroutines.
type Practice struct {
	// Calendars keeps the versions of calendars, Policies those of policies. A version with a fault is
	// ErrInvalid with every fault: what calendar.Compile and timer.Compile refuse, names that records of the
	// kind do not have, hold reasons that it does not have ([RecordKind].HoldReasons), calendars that are not active, event types that nobody registered, actions that
	// the host does not have. A version counts from the instant at which it is activated. What is active and would not fit
	// together any more, as a policy whose calendar is retired or an agreement whose policy is, keeps that from happening: the refusal names
	// all that need what would go.
	Calendars *versioned.Keeper[Calendar]
	Policies  *versioned.Keeper[Policy]
	// Agreements keeps the versions of agreements, in the same way.
	Agreements *versioned.Keeper[Agreement]

	e *engine.Engine
	*settings
}

// New makes the practice and registers it on the engine, with reactions to every event of the kinds of
// record, a subscriber to them, and two kinds of job. It is ErrInvalid, with every fault, where an option cannot be, and where the
// engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	s := newSettings(o, &f)
	if err := f.Err("sla options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, settings: s}
	p.Calendars = versioned.New(e, CalendarTable, PermissionRead, PermissionDefine, versioned.Options[Calendar]{Family: family, Check: p.checkCalendar})
	p.Policies = versioned.New(e, PolicyTable, PermissionRead, PermissionDefine, versioned.Options[Policy]{Family: family, Check: p.checkPolicy})
	p.Agreements = versioned.New(e, AgreementTable, PermissionRead, PermissionDefine, versioned.Options[Agreement]{Family: family, Check: p.checkAgreement})
	return p, e.Use(engine.Module{
		Name: "sla",
		Tables: []*storage.Schema{CalendarTable.Schema(), PolicyTable.Schema(), AgreementTable.Schema(), TimerTable.Schema(), assessmentTable.Schema(),
			basisTable.Schema(), currentTable.Schema(), balanceTable.Schema()},
		Private: map[string][]string{TimerKind: told, EntitlementKind: toldOfAssessments},
		Events:  EventTypes(),
		Reactions: []engine.Reaction{
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, _ CalendarActivated) error {
				return p.renew(ctx, u, false)
			}),
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, r CalendarRetired) error {
				return p.retired(ctx, u, r.By, false)
			}),
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, _ PolicyActivated) error {
				return p.renew(ctx, u, false)
			}),
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, r PolicyRetired) error {
				return p.retired(ctx, u, r.By, false)
			}),
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, _ AgreementActivated) error {
				return p.renew(ctx, u, false)
			}),
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, r AgreementRetired) error {
				return p.retired(ctx, u, r.By, true)
			}),
			engine.On(p.plan),
			engine.OnAny(p.follow),
		},
		Jobs:        []engine.JobHandler{engine.OnDue(jobDue, p.due), engine.IfRefused(engine.OnDue(jobAct, p.act), p.actApart)},
		Subscribers: []engine.Subscriber{{Name: TimerKind, Kinds: s.kindNames, Deliver: p.arrange}},
	})
}

// retired renews what holds, unless the version that took the place does.
func (p *Practice) retired(ctx context.Context, u *engine.Unit, by itsm.ID, agreement bool) error {
	if by != "" {
		return nil
	}
	return p.renew(ctx, u, agreement)
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{Calendars: p.Calendars.In(s), Policies: p.Policies.In(s), Agreements: p.Agreements.In(s), e: p.e.In(s), settings: p.settings}
}
