// This file holds the booking of changes on the change schedule.

package change

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Touched is what a change touches beside its own configuration items and service.
type Touched struct {
	// CIs are the parents and children of its own items, and those that depend on them, with the own one
	// through which each is touched. Own ones do not count here.
	CIs []calendar.CI
	// Services are those that it disturbs, and Sites where it is made.
	Services []itsm.ID
	Sites    []itsm.ID
}

// rebook is called in the unit of every command that put a change, before its gates are asked: whatever its window,
// configuration items, people or state are now is what it books.
func (p *Practice) rebook(ctx context.Context, u *engine.Unit, c *Change) error {
	if p.o.Schedule == nil {
		return nil
	}
	if p.books(c) {
		e, err := p.entry(ctx, u, c)
		if err != nil {
			return err
		}
		stands, err := p.o.Schedule.Stands(ctx, u, e)
		if err != nil || stands {
			return err
		}
		// What it touches is read again under the lock: another may have booked what it touches now meanwhile.
		if err := p.o.Schedule.Lock(ctx, u); err != nil {
			return err
		}
	}
	return p.book(ctx, u, c)
}

// book books a change as it is, or takes it off the schedule. The schedule's lock is held where it is booked.
func (p *Practice) book(ctx context.Context, u *engine.Unit, c *Change) error {
	if !p.books(c) {
		return p.o.Schedule.Release(ctx, u, c.ID)
	}
	e, err := p.entry(ctx, u, c)
	if err != nil {
		return err
	}
	_, err = p.o.Schedule.Book(ctx, u, e)
	return err
}

// entry is a change as it is put on the schedule.
func (p *Practice) entry(ctx context.Context, r storage.Reader, c *Change) (schedule.Entry, error) {
	b, err := p.booking(ctx, r, c)
	return schedule.Entry{Booking: b, Number: c.Number, Title: c.Title, Restricted: c.Restricted, Tentative: c.Approved == nil}, err
}

// Rebook asks anew what a change touches, in the unit of whoever knows that it is something else now, such as a reaction
// to an impact that was computed again. A change that is not on the schedule stays off it. It asks for no permission.
// The change is read under the lock of the schedule, so that a command which moves or ends it at the same time is not undone.
func (p *Practice) Rebook(ctx context.Context, u *engine.Unit, id itsm.ID) error {
	if p.o.Schedule != nil {
		if err := p.o.Schedule.Lock(ctx, u); err != nil {
			return err
		}
	}
	c, err := p.table.Get(ctx, u, id)
	if err != nil || p.o.Schedule == nil {
		return err
	}
	return p.book(ctx, u, &c)
}

// books says whether a change is on the schedule: it is planned, was submitted, and its implementation has not ended.
func (p *Practice) books(c *Change) bool {
	m, known := p.models[c.Model]
	if !known || c.Implemented || c.Planned().IsZero() {
		return false
	}
	category, _ := m.Lifecycle.Category(c.State)
	return category.Open() && category != itsm.CategoryNew
}

// booking gives a change as the calendar sees it.
func (p *Practice) booking(ctx context.Context, r storage.Reader, c *Change) (calendar.Booking, error) {
	span := func(w Window) calendar.Span { return calendar.Span{Begin: w.Start, End: w.End} }
	b := calendar.Booking{Change: c.ID, Planned: span(c.Planned()), Outage: span(c.Outage), Model: string(c.Model)}
	own := map[itsm.ID]bool{}
	for _, ci := range c.CIs {
		own[ci] = true
		b.CIs = append(b.CIs, calendar.CI{ID: ci, Relation: calendar.RelationOwn})
	}
	if c.Service != "" {
		b.Services = []itsm.ID{c.Service}
	}
	if c.Assignee != "" {
		b.Implementers = []itsm.ID{c.Assignee}
	}
	if p.o.Touches == nil {
		return b, nil
	}
	more, err := p.o.Touches(ctx, r, *c)
	if err != nil {
		return b, fmt.Errorf("what the change touches: %w", err)
	}
	for _, ci := range more.CIs {
		if !own[ci.ID] && ci.Relation != calendar.RelationOwn {
			b.CIs = append(b.CIs, ci)
		}
	}
	b.Services = append(b.Services, more.Services...)
	b.Sites = more.Sites
	return b, nil
}

// countConflicts notes how many conflicts the change has as it is now, where it is planned: a fact of its risk.
func (w *work) countConflicts(ctx context.Context, facts *risk.Facts) error {
	if w.p.o.Schedule == nil || w.Planned().IsZero() || !w.faults.Empty() {
		return nil
	}
	b, err := w.p.booking(ctx, w.r, &w.Change)
	if err != nil {
		return err
	}
	if err := b.Validate(); err != nil {
		w.faults.Merge("", err)
		return nil
	}
	all, err := w.p.o.Schedule.Detect(ctx, w.r, b)
	facts.Numbers[risk.FactorConflicts] = int64(len(all))
	return err
}
