// This file holds the practice: its options, permissions, and what it registers on the engine.

package schedule

import (
	"context"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all of the tenant: a grant in a narrower scope gives nothing here.
const (
	// PermissionRead lets look at the schedule: conflicts, free slots and exports.
	PermissionRead itsm.Permission = "change_schedule.read"
	// PermissionReadWindows and PermissionManageWindows are for freezes and maintenance windows.
	PermissionReadWindows   itsm.Permission = "change_window.read"
	PermissionManageWindows itsm.Permission = "change_window.manage"
)

// Options are what a host sets. The zero value works.
type Options struct {
	// MayRead says which of these changes the actor may read: those that are true. The others are shown as busy. Nil
	// shows those that are not restricted.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, changes []itsm.ID) (map[itsm.ID]bool, error)
	// Recheck is told in the unit that finds a change's conflicts to be others than before, for whoever keeps what
	// follows from them. Nil does nothing.
	Recheck func(ctx context.Context, u *engine.Unit, change itsm.ID) error
	// Domain ends the UID of each event that is exported, as "example.com"; empty is "itsmkit".
	Domain string
}

// Practice keeps the change schedule over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	o Options
}

// New makes the practice and registers it on the engine. It is ErrInvalid where the engine is missing, is in use already, or
// has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	if e == nil {
		return nil, itsm.Invalid("change schedule options", "engine", "is required")
	}
	p := &Practice{e: e, o: o}
	return p, e.Use(engine.Module{
		Name: "change_schedule",
		Tables: []*storage.Schema{BookingTable.Schema(), touchTable.Schema(), conflictTable.Schema(), WindowTable.Schema(),
			windowTouchTable.Schema(), recheckTable.Schema()},
		Events: []itsm.EventType{itsm.EventOf[Booked](), itsm.EventOf[Released](), itsm.EventOf[ConflictsChanged](),
			itsm.EventOf[WindowDefined](), itsm.EventOf[WindowRevised](), itsm.EventOf[WindowWithdrawn]()},
		Jobs: []engine.JobHandler{engine.OnDue(jobRecheck, p.recheck)},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an open unit. What it
// does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice { return &Practice{e: p.e.In(s), o: p.o} }

// subjectOf is what an authorizer is asked about: what is scheduled is nobody's own.
func subjectOf(permission itsm.Permission) *itsm.Subject {
	kind, _, _ := strings.Cut(string(permission), ".")
	return &itsm.Subject{Kind: kind}
}

// view reads one snapshot of the actor's tenant, if the actor has the permission.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, permission itsm.Permission, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.e.Authorizer().Authorize(ctx, actor, permission, subjectOf(permission)); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// known says which of some changes the actor may know more of than that they are there.
func (p *Practice) known(ctx context.Context, r storage.Reader, actor itsm.Actor, changes []itsm.ID) (map[itsm.ID]bool, error) {
	slices.Sort(changes)
	changes = slices.Compact(changes)
	if len(changes) == 0 {
		return nil, nil
	}
	if p.o.MayRead != nil {
		return p.o.MayRead(ctx, r, actor, changes)
	}
	all := make(map[itsm.ID]bool, len(changes))
	bookings, err := bookingsOf(ctx, r, changes)
	for _, b := range bookings {
		all[b.ID] = !b.Restricted
	}
	return all, err
}

// pages reads all pages of a query.
func pages[T, H any](q storage.Query[H], list func(storage.Query[H]) (storage.Page[T], error)) (all []T, err error) {
	q.Limit = storage.MaxPage
	for {
		page, err := list(q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

// chunk is of how many values one statement asks.
const chunk = 200
