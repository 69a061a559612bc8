// This file holds the job that finds the conflicts of booked changes anew when a window was made, revised or withdrawn.

package schedule

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// jobRecheck is the kind of the job. Its key is the window's id.
const jobRecheck = "change_schedule.recheck"

// atOnce is of how many bookings one run finds the conflicts.
const atOnce = 50

// recheck is how far the job of a window has come. It is a record of its own so that a window which is changed
// meanwhile begins it anew, whoever commits last.
type recheck struct {
	recheckHead
	recheckBody
}

type recheckHead struct {
	storage.Meta
}

type recheckBody struct {
	// Windows are all that the window was and is since the job was last through.
	Windows []calendar.Window `json:"windows"`
	// Part is the part of the search that is under way, After where in it.
	Part  int            `json:"part"`
	After storage.Cursor `json:"after,omitempty"`
}

var recheckTable = storage.Define("change_recheck", storage.Def[recheck, recheckHead, recheckBody]{
	Parts: func(c *recheck) (*recheckHead, *recheckBody) { return &c.recheckHead, &c.recheckBody },
})

// maxWindows is how many forms of a window a job goes by; of more than that it takes the first and the last ones, which a
// desk would have to make within one tick.
const maxWindows = 20

// recheckLater has the bookings gone through that a window was or is for.
func recheckLater(ctx context.Context, u *engine.Unit, window itsm.ID, forms []calendar.Window) error {
	c, err := recheckTable.Get(ctx, u.Quiet(), window)
	if err != nil && !errors.Is(err, itsm.ErrNotFound) {
		return err
	}
	c.ID = window
	c.Windows = append(c.Windows, forms...)
	if len(c.Windows) > maxWindows {
		return &itsm.TransitionError{Kind: WindowKind, ID: window, State: "being rechecked", Action: "revise", Reason: "it was changed many times since the bookings were last gone through; wait for that"}
	}
	c.Part, c.After = 0, ""
	if err := recheckTable.Put(ctx, u.Quiet(), &c); err != nil {
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobRecheck, Key: string(window), Due: u.Now(), Payload: struct{}{}})
}

// recheck is the job: it finds the conflicts of some bookings, and comes again for the next ones.
func (p *Practice) recheck(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	if err := u.Lock(ctx, lock); err != nil {
		return err
	}
	c, err := recheckTable.Get(ctx, u.Quiet(), itsm.ID(due.Key))
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	ids, err := c.next(ctx, u.Quiet(), u.Now())
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.again(ctx, u, id); err != nil {
			return err
		}
	}
	if c.Windows == nil {
		return recheckTable.Delete(ctx, u.Quiet(), &c)
	}
	if err := recheckTable.Put(ctx, u.Quiet(), &c); err != nil {
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobRecheck, Key: due.Key, Due: u.Now(), Payload: struct{}{}})
}

// next gives the next changes to look at, and notes how far that is; Windows is nil after the last.
func (c *recheck) next(ctx context.Context, r storage.Reader, now time.Time) ([]itsm.ID, error) {
	var touches []calendar.Touch
	in := calendar.Span{Begin: now, End: farAway}
	schedules := make([]*calendar.Schedule, len(c.Windows))
	for i := range c.Windows {
		touches = append(touches, c.Windows[i].Bookings()...)
		s, err := c.Windows[i].Compile()
		if err != nil {
			return nil, err // it was checked when it was put
		}
		schedules[i] = s
	}
	slices.Sort(touches)
	chunks := slices.Collect(slices.Chunk(slices.Compact(touches), chunk))
	var found []itsm.ID
	for looked := 0; c.Part < len(chunks)*calendar.Magnitudes; {
		if len(found) >= atOnce || looked >= 10*atOnce {
			return found, nil
		}
		page, err := touchTable.List(ctx, r, storage.Query[touchHead]{
			Where: inSpan(chunks[c.Part/calendar.Magnitudes], c.Part%calendar.Magnitudes, in), Order: touchOrder(), Limit: atOnce, After: c.After})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			if !slices.Contains(found, h.Change) && concerns(schedules, calendar.Span{Begin: h.Begin, End: h.End}) {
				found = append(found, h.Change)
			}
		}
		looked += len(page.Items)
		if c.After = page.Next; c.After == "" {
			c.Part++
		}
	}
	c.Windows = nil
	return found, nil
}

// concerns says whether one of the windows can make or end a conflict of a booking at that time.
func concerns(windows []*calendar.Schedule, planned calendar.Span) bool {
	return slices.ContainsFunc(windows, func(s *calendar.Schedule) bool {
		return s.Window().Kind == calendar.WindowMaintenance || len(s.Occurrences(planned)) > 0
	})
}

// again finds the conflicts of a booked change anew. The lock is held.
func (p *Practice) again(ctx context.Context, u *engine.Unit, change itsm.ID) error {
	b, err := BookingTable.Get(ctx, u, change)
	if err != nil || !b.Active {
		return err
	}
	before, err := conflictsOf(ctx, u.Quiet(), change)
	if err != nil {
		return err
	}
	left := b.LeftOut
	after, err := p.detect(ctx, u, &b)
	var limit *calendar.LimitError
	if errors.As(err, &limit) {
		// More are in its way by now than are looked at. Its conflicts stay, and the job goes on with the others.
		return nil
	}
	if err != nil || left == b.LeftOut && slices.Equal(before, after) {
		return err
	}
	fresh := int64(0)
	for _, c := range after {
		if !slices.Contains(before, c) {
			fresh++
		}
	}
	if err := BookingTable.Put(ctx, u, &b); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: change, Action: "detect", Internal: true, Data: ConflictsChanged{Conflicts: b.Conflicts, New: fresh}})
	if p.o.Recheck != nil {
		return p.o.Recheck(ctx, u, change)
	}
	return nil
}
