// This file holds the reading of timers, and who may.

package sla

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// Standing is a timer with how it stands at an instant.
type Standing struct {
	Timer
	// Now is that instant, and Reading how the last cycle stands then.
	Now     time.Time     `json:"now"`
	Reading timer.Reading `json:"reading"`
}

// Query asks for a list of timers.
type Query struct {
	// Where narrows the list; the zero Filter does not.
	Where storage.Filter[TimerHead]
	// Order is by columns that are never absent; none is by when they are due, those that are not last.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
}

// permitted asks for a permission on all timers.
func (p *Practice) permitted(ctx context.Context, actor itsm.Actor, permission itsm.Permission) error {
	return p.e.Authorizer().Authorize(ctx, actor, permission, &itsm.Subject{Kind: TimerKind})
}

// refused says whether an error is a refusal, and gives it where it is another.
func refused(err error) (bool, error) {
	if err == nil {
		return false, nil
	}
	if errors.Is(err, itsm.ErrForbidden) || errors.Is(err, itsm.ErrNotFound) {
		return true, nil
	}
	return true, err
}

// internal says whether the actor may read the internal timers of records that they may read.
func (p *Practice) internal(ctx context.Context, actor itsm.Actor) (bool, error) {
	no, err := refused(p.permitted(ctx, actor, PermissionRead))
	return !no, err
}

// readers remembers which records an actor may read, within one reading.
type readers struct {
	p        *Practice
	r        storage.Reader
	actor    itsm.Actor
	internal bool
	may      map[itsm.Ref]bool
}

func (p *Practice) readers(ctx context.Context, r storage.Reader, actor itsm.Actor) (*readers, error) {
	internal, err := p.internal(ctx, actor)
	return &readers{p: p, r: r, actor: actor, internal: internal, may: map[itsm.Ref]bool{}}, err
}

// record says whether the actor may read a record's timers.
func (k *readers) record(ctx context.Context, ref itsm.Ref) (bool, error) {
	if k.p.mayRead == nil || k.actor.System {
		return k.internal || k.actor.System, nil
	}
	if may, asked := k.may[ref]; asked {
		return may, nil
	}
	no, err := refused(k.p.mayRead(ctx, k.r, k.actor, ref))
	k.may[ref] = !no
	return !no, err
}

// records asks about the records of timers together.
func (k *readers) records(ctx context.Context, of []TimerHead) error {
	if k.p.mayRead == nil || k.p.mayReadEach == nil || k.actor.System {
		return nil // they are asked about one by one, or not at all
	}
	seen := map[itsm.Ref]bool{}
	var refs []itsm.Ref
	for i := range of {
		if ref := of[i].SubjectRef(); !seen[ref] && (k.internal || !of[i].Internal()) {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	may, err := k.p.mayReadEach(ctx, k.r, k.actor, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		k.may[ref] = may[ref]
	}
	return nil
}

// timer says whether the actor may read a timer.
func (k *readers) timer(ctx context.Context, h *TimerHead) (bool, error) {
	if h.Internal() && !k.internal {
		return false, nil
	}
	return k.record(ctx, h.SubjectRef())
}

// shown is a timer as the actor may see it.
func (k *readers) shown(t Timer) Timer {
	if !k.internal {
		t.Facts, t.Fault, t.ManualBy, t.ManualReason = nil, "", "", ""
	}
	return t
}

// find reads a timer that the actor may read.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (*clock, *readers, error) {
	t, err := TimerTable.Get(ctx, quiet(r), id)
	if err != nil {
		return nil, nil, err
	}
	k, err := p.readers(ctx, r, actor)
	if err != nil {
		return nil, nil, err
	}
	may, err := k.timer(ctx, &t.TimerHead)
	if err != nil {
		return nil, nil, err
	}
	if !may {
		return nil, nil, &storage.Error{Op: "get", Table: TimerKind, ID: id, Err: storage.ErrNotFound}
	}
	c, err := p.clock(ctx, r, &t)
	return c, k, err
}

// MayRead says whether the actor may know of a timer: nil that it may, ErrNotFound that it may not or that
// there is none. Nothing else of it is read.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	t, err := TimerTable.Get(ctx, quiet(r), id)
	if err != nil {
		return err
	}
	k, err := p.readers(ctx, r, actor)
	if err != nil {
		return err
	}
	may, err := k.timer(ctx, &t.TimerHead)
	if err == nil && !may {
		err = &storage.Error{Op: "get", Table: TimerKind, ID: id, Err: storage.ErrNotFound}
	}
	return err
}

// view runs fn with a timer that the actor may read.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, id itsm.ID, fn func(c *clock, k *readers) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		c, k, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		return fn(c, k)
	})
}

// notBefore gives the instant, or that of the timer's last moment where that is later: of what was before a timer
// answers by the segments of Explain.
func (c *clock) notBefore(now time.Time) time.Time {
	if now.Before(c.State.Last.At) {
		return c.State.Last.At
	}
	return now
}

// known is a reading of what needs no calendar.
func (c *clock) known() timer.Reading {
	return timer.Reading{Phase: c.State.Phase(), Outcome: c.Outcome, Cycle: len(c.State.Cycles) - 1}
}

func (c *clock) standing(k *readers, now time.Time) (s Standing, err error) {
	s = Standing{Timer: k.shown(*c.Timer), Now: c.notBefore(now)}
	s.Reading, err = c.t.At(c.State, s.Now)
	if errors.Is(err, calendar.ErrHorizon) {
		// What is known is told, with the reason for the rest.
		s.Reading, s.Timer.Fault, err = c.known(), faultText(err.Error()), nil
		s.Timer = k.shown(s.Timer)
	}
	return s, err
}

// Get gives a timer as it stands now. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (s Standing, err error) {
	err = p.view(ctx, actor, id, func(c *clock, k *readers) error {
		s, err = c.standing(k, p.e.Now())
		return err
	})
	return s, err
}

// Of gives the timers of a record as they stand now, by policy and target: those that the actor may read. Who
// may not read the record gets none, as of one that has none.
func (p *Practice) Of(ctx context.Context, actor itsm.Actor, ref itsm.Ref) (all []Standing, err error) {
	err = p.of(ctx, actor, ref, func(clocks []*clock, k *readers) error {
		for _, c := range clocks {
			s, err := c.standing(k, p.e.Now())
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

// of runs fn with the timers of a record that the actor may read.
func (p *Practice) of(ctx context.Context, actor itsm.Actor, ref itsm.Ref, fn func(clocks []*clock, k *readers) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		k, err := p.readers(ctx, r, actor)
		if err != nil {
			return err
		}
		may, err := k.record(ctx, ref)
		if err != nil {
			return err
		}
		var shown []*clock
		if may {
			clocks, err := p.ofSubject(ctx, r, ref)
			if err != nil {
				return err
			}
			for _, c := range clocks {
				if !c.Internal() || k.internal {
					shown = append(shown, c)
				}
			}
		}
		return fn(shown, k)
	})
}

// List gives a page of timers, as they were when they were last written, to those who have
// [PermissionRead]. With [Options].MayRead a page may have fewer items than its limit, or none, though others
// follow: Next tells.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (page storage.Page[TimerHead], err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = p.list(ctx, r, actor, q)
		return err
	})
	if err != nil {
		return storage.Page[TimerHead]{}, err
	}
	return page, nil
}

func (p *Practice) list(ctx context.Context, r storage.Reader, actor itsm.Actor, q Query) (page storage.Page[TimerHead], err error) {
	if err := p.permitted(ctx, actor, PermissionRead); err != nil {
		return page, err
	}
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByDueOrder.Asc()}
	}
	page, err = TimerTable.List(ctx, r, storage.Query[TimerHead]{Where: q.Where, Order: q.Order, Limit: q.Limit, After: q.After})
	if err != nil {
		return page, err
	}
	k, err := p.readers(ctx, r, actor)
	if err != nil {
		return page, err
	}
	if err := k.records(ctx, page.Items); err != nil {
		return page, err
	}
	items := page.Items[:0]
	for i := range page.Items {
		may, err := k.timer(ctx, &page.Items[i])
		if err != nil {
			return page, err
		}
		if may {
			items = append(items, page.Items[i])
		}
	}
	page.Items = items
	return page, nil
}

// DueBefore gives a page of the timers that are open and due before an instant, the earliest first, those that are
// breached already among them. Timers that are paused are absent: they are due at no instant until they are resumed
// (ByPhase.Is(timer.PhasePaused) lists them). It is a look-up in an index, whatever else there is.
func (p *Practice) DueBefore(ctx context.Context, actor itsm.Actor, before time.Time, q Query) (storage.Page[TimerHead], error) {
	q.Where = storage.AllOf(ByOpen.Is(true), ByDueOrder.Below(storage.Instant(before).UnixMicro()), q.Where)
	q.Order = []storage.Order{ByDueOrder.Asc()}
	return p.List(ctx, actor, q)
}

// NextBreach gives the timer that will be breached first of those that meet a filter and the actor may read, if nothing happens
// meanwhile: after its Due. None is false. Those that are breached already are passed over.
func (p *Practice) NextBreach(ctx context.Context, actor itsm.Actor, where storage.Filter[TimerHead]) (first TimerHead, found bool, err error) {
	now := storage.Instant(p.e.Now()).UnixMicro()
	q := storage.Query[TimerHead]{
		Where: storage.AllOf(ByOpen.Is(true), ByDueOrder.AtLeast(now), ByDueOrder.Below(math.MaxInt64), where), Order: []storage.Order{ByDueOrder.Asc()},
	}
	for h, err := range storage.Pages(q, func(q storage.Query[TimerHead]) (storage.Page[TimerHead], error) {
		return p.List(ctx, actor, Query{Where: q.Where, Order: q.Order, Limit: q.Limit, After: q.After})
	}) {
		return h, err == nil, err
	}
	return first, false, nil
}

// Explain tells what counted of a cycle, by its place from 0, up to an instant, what did not, and why. A cycle
// of -1 is the last. An instant before the timer's last moment is taken as that. Who may read the timer may ask.
func (p *Practice) Explain(ctx context.Context, actor itsm.Actor, id itsm.ID, cycle int, until time.Time) (x timer.Explanation, err error) {
	err = p.view(ctx, actor, id, func(c *clock, _ *readers) error {
		if cycle == -1 {
			cycle = len(c.State.Cycles) - 1
		}
		x, err = c.t.ExplainCycle(c.State, cycle, c.notBefore(until))
		return err
	})
	return x, err
}

// Forecast gives the instant after which a timer is breached if nothing happens, whether that is to come or has passed; false where
// it will not be: it is paused, or ended in time.
func (p *Practice) Forecast(ctx context.Context, actor itsm.Actor, id itsm.ID) (at time.Time, will bool, err error) {
	err = p.view(ctx, actor, id, func(c *clock, _ *readers) error {
		at, will, err = c.t.Forecast(c.State, c.notBefore(p.e.Now()))
		return err
	})
	return at, will, err
}

// FirstBreach gives the first instant from now on after which one of a record's timers is breached if nothing happens, and
// which that is; false where none will be. Those that are breached already are passed over.
func (p *Practice) FirstBreach(ctx context.Context, actor itsm.Actor, ref itsm.Ref) (at time.Time, which TimerHead, found bool, err error) {
	err = p.of(ctx, actor, ref, func(all []*clock, _ *readers) error {
		now := p.e.Now()
		clocks := make([]timer.Clock, len(all))
		for i, c := range all {
			clocks[i], now = timer.Clock{Timer: c.t, State: c.State}, c.notBefore(now)
		}
		first, n, err := timer.FirstBreach(clocks, now)
		if err == nil && n >= 0 {
			at, which, found = first, all[n].TimerHead, true
		}
		return err
	})
	return at, which, found, err
}

// DueIfResumed gives when a timer would be due if it were resumed at an instant: its due, where it is not paused. An instant before
// the pause began is ErrInvalid.
func (p *Practice) DueIfResumed(ctx context.Context, actor itsm.Actor, id itsm.ID, resumed time.Time) (due time.Time, defined bool, err error) {
	err = p.view(ctx, actor, id, func(c *clock, _ *readers) error {
		due, defined, err = c.t.DueIfResumed(c.State, resumed)
		return err
	})
	return due, defined, err
}

// History gives a page of the events of a timer, oldest first, after a place: what was told of it, and who rebased it or set its
// due. It takes [PermissionRead].
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.EventPosition, limit int) (all []itsm.Event, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, _, err := p.find(ctx, r, actor, id); err != nil {
			return err
		}
		if err := p.permitted(ctx, actor, PermissionRead); err != nil {
			return err
		}
		all, err = p.e.History(ctx, r, storage.EventQuery{Kind: TimerKind, Record: id, After: after, Limit: limit})
		return err
	})
	return all, err
}
