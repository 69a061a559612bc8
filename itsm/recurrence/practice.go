// This file holds the practice: how it is made, what it registers on the engine, and its handlers.

package recurrence

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all schedules of the tenant: a grant in a narrower scope gives
// nothing here.
const (
	// PermissionRead lets read schedules and their history.
	PermissionRead itsm.Permission = "recurrence.read"
	// PermissionManage lets define, revise, pause, resume and end them. What they do is done by the
	// system.
	PermissionManage itsm.Permission = "recurrence.manage"
)

// Occurrence is one of a schedule, to be done.
type Occurrence struct {
	// Schedule is its schedule, Title what that was called when it came.
	Schedule itsm.ID `json:"schedule"`
	Title    string  `json:"title"`
	// At is when it was due by the rule, which may be well before the unit's now.
	At time.Time `json:"at"`
	// Number counts the occurrences of the schedule that were done, from 1.
	Number int64 `json:"number"`
	// Data is what the schedule gave for it when it came.
	Data json.RawMessage `json:"data,omitempty"`
}

// Handler is something of the host's that recurs.
type Handler struct {
	// Do does one occurrence through the unit, by which it is done once: the unit commits together with
	// the completion of its job. It may be run several times, as every unit may. The unit's actor is a
	// system actor. An error is an attempt that failed. It is required.
	Do func(ctx context.Context, u *engine.Unit, o Occurrence) error
	// Check says what is wrong with the data of a schedule, as ErrInvalid with every fault. Nil takes
	// any.
	Check func(ctx context.Context, r storage.Reader, data json.RawMessage) error
	// Permission is asked of who defines or revises a schedule with the handler, beside
	// [PermissionManage]: what the system then does is done for them. Empty asks for nothing.
	Permission itsm.Permission
}

// Options are what a host sets.
type Options struct {
	// Handlers are what schedules can do, by their names. At least one is required.
	Handlers map[string]Handler
}

// Practice keeps schedules over an engine. It is safe for any number of goroutines.
type Practice struct {
	e        *engine.Engine
	handlers map[string]Handler
}

// New makes the practice and registers it on the engine. It is ErrInvalid, with every fault, where an
// option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	if len(o.Handlers) == 0 {
		f.Add("handlers", "are required: without one nothing can recur")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Handlers)) {
		f.Text("handlers", name, storage.MaxText, true)
		if o.Handlers[name].Do == nil {
			f.Add("handlers."+name+".do", "is required")
		}
	}
	if err := f.Err("recurrence options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, handlers: maps.Clone(o.Handlers)}
	return p, e.Use(engine.Module{
		Name:   Kind,
		Tables: []*storage.Schema{Table.Schema()},
		Events: eventTypes(),
		Jobs:   []engine.JobHandler{engine.OnDue(jobNext, p.nextDue), engine.OnDue(jobRun, p.run)},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), handlers: p.handlers}
}

// subject is what an authorizer is asked about: schedules are nobody's own.
func subject(id itsm.ID) *itsm.Subject { return &itsm.Subject{Kind: Kind, ID: id} }

// view reads one snapshot of the actor's tenant, if the actor may.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionRead, subject("")); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// Get gives a schedule. It asks for [PermissionRead], as every reading does.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (s Schedule, err error) {
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		s, err = Table.Get(ctx, r, id)
		return err
	})
	return s, err
}

// List gives a page of schedules, without an order by their titles.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (page storage.Page[Head], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByTitle.Asc()}
	}
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// Preview gives the next occurrences of a schedule after now, at most n and at most [MaxPreview]; of
// one that is paused as if it were resumed now, of one that has ended none.
func (p *Practice) Preview(ctx context.Context, actor itsm.Actor, id itsm.ID, n int) ([]time.Time, error) {
	s, err := p.Get(ctx, actor, id)
	if err != nil || s.State == StateEnded {
		return nil, err
	}
	c, err := s.Rule.Compile()
	if err != nil {
		return nil, err
	}
	return c.Next(p.e.Now().Add(time.Microsecond), min(n, MaxPreview)), nil
}

// MaxPreview is the greatest number of occurrences that [Practice.Preview] gives.
const MaxPreview = 1000

// History gives the events of a schedule, oldest first.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var all []itsm.Event
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		all = nil
		if _, err := Table.Get(ctx, r, id); err != nil {
			return err
		}
		q := storage.EventQuery{Kind: Kind, Record: id, Limit: storage.MaxLimit}
		for {
			page, err := p.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			all = append(all, page...)
			if len(page) < q.Limit {
				return nil
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	})
	return all, err
}
