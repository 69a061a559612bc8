// This file holds what a timer answers of its state.

package timer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

// Reading is how a timer stands at an instant.
type Reading struct {
	Phase   Phase   `json:"phase"`
	Outcome Outcome `json:"outcome"`
	// Cycle is the place of the cycle that it is of, -1 where there is none.
	Cycle int `json:"cycle"`
	// Due is when the cycle is due, or was when it ended, where HasDue says that this is defined: while it is
	// paused it is not, unless due passed before.
	Due    time.Time `json:"due,omitzero"`
	HasDue bool      `json:"has_due"`
	// BreachedAt is Due, where that has passed.
	BreachedAt time.Time `json:"breached_at,omitzero"`
	// Open is the open time that has counted, and Wall that by the clock, both without what is paused.
	Open Duration `json:"open"`
	Wall Duration `json:"wall"`
	// PausedOpen and PausedWall are what is paused.
	PausedOpen Duration `json:"paused_open"`
	PausedWall Duration `json:"paused_wall"`
	// Goal is the open time that there is, and Remaining what is left of it, negative when it is overrun: Open and
	// Remaining are Goal together.
	Goal      Duration `json:"goal"`
	Remaining Duration `json:"remaining"`
}

// At gives how the timer stands at an instant, which is not before the last moment, of its last cycle. What
// has ended stands as it ended. Nothing is allocated. Where the calendar does not know the answer it gives
// [calendar.ErrHorizon].
func (t *Timer) At(s State, now time.Time) (Reading, error) {
	return t.at(&s, len(s.Cycles)-1, now)
}

// Cycle is At of one cycle, by its place.
func (t *Timer) Cycle(s State, cycle int, now time.Time) (Reading, error) {
	if cycle < 0 || cycle >= len(s.Cycles) {
		return Reading{}, itsm.Invalid("timer", "cycle", fmt.Sprintf("is %d; there are %d", cycle, len(s.Cycles)))
	}
	return t.at(&s, cycle, now)
}

func (t *Timer) at(s *State, cycle int, now time.Time) (Reading, error) {
	if cycle < 0 {
		return Reading{Phase: PhaseIdle, Outcome: OutcomeNone, Cycle: -1}, nil
	}
	c := &s.Cycles[cycle]
	r := Reading{Phase: PhaseRunning, Outcome: OutcomeOpen, Cycle: cycle}
	end := now
	switch {
	case c.Ended == EndCancelled:
		r.Phase, end = PhaseIdle, c.End
	case c.Ended != "":
		r.Phase, end = PhaseStopped, c.End
	case c.open() != nil:
		r.Phase = PhasePaused
	}
	if err := t.stand(c, end, &r); err != nil {
		return Reading{}, err
	}
	passed := r.HasDue && end.After(r.Due)
	switch {
	case c.Ended == EndCancelled:
		r.Outcome, r.HasDue, r.Due = OutcomeNone, false, time.Time{}
	case passed:
		r.Outcome, r.BreachedAt = OutcomeBreached, r.Due
	case c.Ended != "":
		r.Outcome = OutcomeMet
	}
	return r, nil
}

// Due gives when the last cycle is due, or was when it ended; false where that is not defined: before it
// begins, when it is cancelled, and while it is paused, unless due passed before.
func (t *Timer) Due(s State) (time.Time, bool, error) {
	c := s.last()
	if c == nil || c.Ended == EndCancelled {
		return time.Time{}, false, nil
	}
	return t.due(c)
}

// DueIfResumed gives when the last cycle would be due if it were resumed at an instant: Due, where it is not
// paused. An instant before the pause began is ErrInvalid.
func (t *Timer) DueIfResumed(s State, resumed time.Time) (time.Time, bool, error) {
	c := s.last()
	if c == nil || c.Ended == EndCancelled {
		return time.Time{}, false, nil
	}
	if p := c.open(); p != nil && resumed.Before(p.From) {
		return time.Time{}, false, itsm.Invalid("timer", "resumed", "must not be before "+p.From.Format(time.RFC3339Nano)+", when the pause began")
	}
	cal, err := t.calendar(c.basis())
	if err != nil {
		return time.Time{}, false, err
	}
	b := c.basis()
	return t.reach(cal, c, b, time.Duration(b.Open), true, resumed)
}

func (t *Timer) due(c *Cycle) (time.Time, bool, error) {
	b := c.basis()
	cal, err := t.calendar(b)
	if err != nil {
		return time.Time{}, false, err
	}
	return t.reach(cal, c, b, time.Duration(b.Open), true, time.Time{})
}

func (t *Timer) calendar(b *Basis) (*calendar.Calendar, error) {
	if cal := t.calendars[b.Calendar]; cal != nil {
		return cal, nil
	}
	return nil, itsm.Invalid("timer", "calendar", fmt.Sprintf("%q, by which it counts, is not among those that the policy was compiled with", b.Calendar))
}

// reach gives when a cycle has counted some open time, of the whole goal when due is set: false when that is not
// before it is paused. A pause that lasts is taken to end at resumed, where that is given. One that begins just
// then holds it.
func (t *Timer) reach(cal *calendar.Calendar, c *Cycle, b *Basis, open time.Duration, due bool, resumed time.Time) (time.Time, bool, error) {
	cursor, counted := b.From, time.Duration(0)
	goesOn := false // the cursor is the end of a pause
	for i := range c.Pauses {
		p := &c.Pauses[i]
		from, to := p.From, p.To
		lasts := to.IsZero()
		if !lasts && !to.After(b.From) {
			continue
		}
		if from.Before(cursor) {
			from = cursor
		}
		d, err := cal.Between(cursor, from)
		if err != nil {
			return time.Time{}, false, err
		}
		if counted+d > open {
			break
		}
		// Where one pause follows on another, what the first holds the second does.
		if counted+d == open && !(goesOn && from.Equal(cursor)) {
			at, err := t.place(cal, b, cursor, counted, open, due)
			if err != nil {
				return time.Time{}, false, err
			}
			if at.Before(from) {
				return at, true, nil
			}
		}
		counted += d
		if lasts {
			if resumed.IsZero() {
				return time.Time{}, false, nil
			}
			if to = resumed; to.Before(from) {
				to = from
			}
		}
		cursor, goesOn = to, true
	}
	at, err := t.place(cal, b, cursor, counted, open, due)
	return at, err == nil, err
}

// place gives when some open time has counted, of which counted has up to the cursor, if nothing pauses it any
// more.
func (t *Timer) place(cal *calendar.Calendar, b *Basis, cursor time.Time, counted, open time.Duration, due bool) (at time.Time, err error) {
	paused, err := cal.Between(b.From, cursor)
	if err != nil {
		return at, err
	}
	paused -= counted
	if due && !b.Until.IsZero() {
		at, err = cal.Add(b.Until, paused)
	} else {
		at, err = cal.Add(b.From, open+paused)
	}
	if err == nil && due && t.edge {
		at, err = cal.NextOpen(at)
	}
	return at, err
}

// stand fills in when a cycle is due, as reach says it of the whole goal, and what has counted up to an instant: in one
// walk over the pauses, as a reading is asked for more often than anything else.
func (t *Timer) stand(c *Cycle, until time.Time, r *Reading) error {
	b := c.basis()
	cal, err := t.calendar(b)
	if err != nil {
		return err
	}
	if until.Before(b.From) {
		until = b.From
	}
	goal := time.Duration(b.Open)
	cursor, counted, wall := b.From, time.Duration(0), time.Duration(0)
	known, goesOn := false, false
	// What has counted up to the instant is counted when the walk comes to it.
	open, openWall, ended := time.Duration(0), time.Duration(0), false
	for i := range c.Pauses {
		p := &c.Pauses[i]
		from, lasts := p.From, p.To.IsZero()
		if !lasts && !p.To.After(b.From) {
			continue
		}
		if from.Before(cursor) {
			from = cursor
		}
		d, err := cal.Between(cursor, from)
		if err != nil {
			return err
		}
		if !known && (counted+d > goal || counted+d == goal && !(goesOn && from.Equal(cursor))) {
			at, err := t.place(cal, b, cursor, counted, goal, true)
			if err != nil {
				return err
			}
			if counted+d > goal || at.Before(from) {
				r.Due, r.HasDue, known = at, true, true
			}
		}
		if !ended && from.After(until) {
			if open, openWall, err = upTo(cal, cursor, until, counted, wall); err != nil {
				return err
			}
			ended = true
		}
		counted, wall = counted+d, wall+from.Sub(cursor)
		if lasts { // and is the last one
			if !ended {
				open, openWall, ended = counted, wall, true
			}
			known = true
			break
		}
		cursor, goesOn = p.To, true
	}
	if !known {
		if r.Due, err = t.place(cal, b, cursor, counted, goal, true); err != nil {
			return err
		}
		r.HasDue = true
	}
	if !ended {
		if open, openWall, err = upTo(cal, cursor, until, counted, wall); err != nil {
			return err
		}
	}
	all, err := cal.Between(b.From, until)
	if err != nil {
		return err
	}
	r.Open, r.Wall = Duration(open), Duration(openWall)
	r.PausedOpen, r.PausedWall = Duration(all-open), Duration(until.Sub(b.From)-openWall)
	r.Goal = b.Open
	r.Remaining = r.Goal - r.Open
	return nil
}

// upTo adds what lies between a cursor and an instant, if that is after it, to what has counted.
func upTo(cal *calendar.Calendar, cursor, until time.Time, counted, wall time.Duration) (time.Duration, time.Duration, error) {
	if !until.After(cursor) {
		return counted, wall, nil
	}
	d, err := cal.Between(cursor, until)
	return counted + d, wall + until.Sub(cursor), err
}

// Upcoming is a threshold that has not fired.
type Upcoming struct {
	Threshold string
	At        time.Time
	// Late says that the instant has passed.
	Late    bool
	Actions []string
}

// Thresholds gives those of the last cycle that are still to fire, in the order of their instants, if nothing
// happens meanwhile. There are none before it begins, while it is paused, and when it has ended. Where one of
// them lies outside the calendar it is [calendar.ErrHorizon].
func (t *Timer) Thresholds(s State, now time.Time) ([]Upcoming, error) {
	list, beyond, err := t.upcoming(&s, now)
	if err = cmp.Or(err, beyond); err != nil {
		return nil, err
	}
	return list, nil
}

// upcoming gives the thresholds that are still to fire and that the calendar knows, in order. Beyond is the error
// of one that lies after all that the calendar knows, and so after each of the others.
func (t *Timer) upcoming(s *State, now time.Time) (list []Upcoming, beyond, err error) {
	if s.Phase() != PhaseRunning {
		return nil, nil, nil
	}
	c := s.last()
	for i := range t.target.Thresholds {
		h := &t.target.Thresholds[i]
		if c.fired(h.Name) {
			continue
		}
		switch at, ok, err := t.threshold(c, h); {
		case errors.Is(err, calendar.ErrHorizon):
			beyond = err
		case err != nil:
			return nil, nil, err
		case ok:
			list = append(list, Upcoming{h.Name, at, now.After(at), slices.Clone(h.Actions)})
		}
	}
	slices.SortStableFunc(list, func(a, b Upcoming) int { return a.At.Compare(b.At) })
	return list, beyond, nil
}

// NextThreshold gives the first instant at which a threshold is still to fire; false where there is none. It is
// for when a job is to be run that calls [Timer.Fire]. It is [calendar.ErrHorizon] where all that are still to fire
// lie outside the calendar: those that do come after those that do not.
func (t *Timer) NextThreshold(s State) (time.Time, bool, error) {
	if s.Phase() != PhaseRunning {
		return time.Time{}, false, nil
	}
	c := s.last()
	var first time.Time
	var beyond error
	found := false
	for i := range t.target.Thresholds {
		h := &t.target.Thresholds[i]
		if c.fired(h.Name) {
			continue
		}
		switch at, ok, err := t.threshold(c, h); {
		case errors.Is(err, calendar.ErrHorizon):
			beyond = err
		case err != nil:
			return time.Time{}, false, err
		case ok && (!found || at.Before(first)):
			first, found = at, true
		}
	}
	if !found && beyond != nil {
		return time.Time{}, false, beyond
	}
	return first, found, nil
}

// beyondAll is more open time than there is between any two instants of a calendar, with room to add as much.
const beyondAll = time.Duration(1 << 62)

// threshold gives its instant.
func (t *Timer) threshold(c *Cycle, h *Threshold) (time.Time, bool, error) {
	b := c.basis()
	cal, err := t.calendar(b)
	if err != nil {
		return time.Time{}, false, err
	}
	goal := time.Duration(b.Open)
	open := goal + time.Duration(h.Offset)
	if h.Share.Parts > 0 {
		open = min(h.Share.of(goal), beyondAll)
	}
	whole := h.Offset == 0 && (h.Share.Parts == 0 || h.Share.Of == h.Share.Parts)
	return t.reach(cal, c, b, max(open, 0), whole, time.Time{})
}

// Fire fires the thresholds of the last cycle whose instants are not after now, in their order, and notes that
// they have, so that none fires twice in a cycle. While the timer is paused none does: what was missed fires late
// when it is resumed, and what has stopped fires nothing. One that lies outside the calendar keeps no other from
// firing; where the calendar does not know now, and nothing else fires, it is [calendar.ErrHorizon].
func (t *Timer) Fire(s State, now time.Time) (State, []Happening, error) {
	now = now.UTC().Round(0)
	list, beyond, err := t.upcoming(&s, now)
	if err != nil {
		return s, nil, err
	}
	var happened []Happening
	for _, u := range list {
		if u.At.After(now) {
			break
		}
		if happened == nil {
			s = s.edit()
		}
		c := s.last()
		c.Fired = append(c.Fired, Mark{u.Threshold, u.At, now})
		why := fmt.Sprintf("%s is reached", u.Threshold)
		if u.Late {
			why = fmt.Sprintf("%s was reached %s ago", u.Threshold, Duration(now.Sub(u.At)))
		}
		happened = append(happened, Happening{What: DidFire, At: u.At, Cycle: len(s.Cycles) - 1, Why: why,
			Threshold: u.Threshold, Actions: u.Actions, Fired: now, Late: u.Late})
	}
	if beyond != nil && happened == nil {
		if cal, err := t.calendar(s.last().basis()); err != nil {
			return s, nil, err
		} else if _, until := cal.Horizon(); now.After(until) {
			return s, nil, beyond
		}
	}
	return s, happened, nil
}

// Forecast gives the instant after which the timer is breached if nothing happens, whether that is to come or
// has passed; false where it will not be: it is paused, has not begun, or ended in time.
func (t *Timer) Forecast(s State, now time.Time) (time.Time, bool, error) {
	r, err := t.At(s, now)
	if err != nil || r.Outcome == OutcomeMet || r.Outcome == OutcomeNone || !r.HasDue {
		return time.Time{}, false, err
	}
	return r.Due, true, nil
}

// Clock is a timer with the state that it has on a record.
type Clock struct {
	Timer *Timer
	State State
}

// FirstBreach gives the first instant from now on after which one of several timers is breached if nothing
// happens, and the place of that timer; -1 where none will be. Those that are breached already are passed over.
func FirstBreach(clocks []Clock, now time.Time) (at time.Time, which int, err error) {
	which = -1
	for i := range clocks {
		due, ok, err := clocks[i].Timer.Forecast(clocks[i].State, now)
		if err != nil {
			return time.Time{}, -1, err
		}
		if ok && !now.After(due) && (which < 0 || cmp.Compare(due.UnixNano(), at.UnixNano()) < 0) {
			at, which = due, i
		}
	}
	return at, which, nil
}
