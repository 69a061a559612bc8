// This file holds what moments do to a timer.

package timer

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Apply gives the state after one more moment, and what happened. The moment that was applied last changes
// nothing. One before it is an [OrderError]. On an error the state is that which was given; where a due
// instant that is told lies outside the calendar, it is [calendar.ErrHorizon].
//
// Of one moment, cancelling goes before stopping, that before a reset, that before a change of the goal, and that
// before pausing. A moment that starts a timer may stop it, too.
func (t *Timer) Apply(s State, m Moment) (State, []Happening, error) {
	if err := m.check(); err != nil {
		return s, nil, err
	}
	return t.apply(s, &m)
}

func (t *Timer) apply(s State, m *Moment) (State, []Happening, error) {
	at := m.position()
	if s.Last != (Position{}) {
		switch order := at.Compare(s.Last); {
		case order == 0:
			return s, nil, nil
		case order < 0:
			return s, nil, &OrderError{Last: s.Last, Moment: at}
		}
	}
	f := fold{t: t, s: s, m: m, at: at.At}
	if err := f.run(); err != nil {
		return s, nil, err
	}
	f.s.Last = at
	return f.s, f.happened, nil
}

// Replay gives the state after all moments, whatever their order, and what happened: they are taken in the order
// of their positions, and of those with one place among the record's events the first. It equals applying them in
// that order.
func (t *Timer) Replay(moments []Moment) (State, []Happening, error) {
	sorted := make([]*Moment, len(moments))
	for i := range moments {
		if err := moments[i].check(); err != nil {
			return State{}, nil, err
		}
		sorted[i] = &moments[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Moment) int { return a.position().Compare(b.position()) })
	type place struct {
		version int64
		n       int
	}
	seen := make(map[place]bool, len(sorted))
	var s State
	var all []Happening
	for _, m := range sorted {
		key := place{m.Version, m.N}
		if seen[key] {
			continue
		}
		seen[key] = true
		var happened []Happening
		var err error
		if s, happened, err = t.apply(s, m); err != nil {
			return State{}, nil, err
		}
		all = append(all, happened...)
	}
	return s, all, nil
}

// Rebase gives the state that all moments make of a record under this timer, in place of one that was made under
// another version of the policy or its calendars, or without a moment that came late. What fired stays fired.
// What happened is one DidRebase where due, the phase or the number of cycles is another than before.
func (t *Timer) Rebase(old State, moments []Moment, now time.Time) (State, []Happening, error) {
	s, _, err := t.Replay(moments)
	if err != nil {
		return old, nil, err
	}
	for i := range min(len(s.Cycles), len(old.Cycles)) {
		s.Cycles[i].Fired = slices.Clone(old.Cycles[i].Fired)
	}
	h := Happening{What: DidRebase, At: now.UTC().Round(0), Cycle: len(s.Cycles) - 1, Why: "the timer was computed anew from its moments"}
	var was, is bool
	// What the old state was due by may need a calendar that there is no more.
	if h.Was, was, err = t.Due(old); err != nil {
		h.Was = time.Time{}
	}
	if h.Due, is, err = t.Due(s); err != nil {
		return old, nil, err
	}
	if was != is || !h.Was.Equal(h.Due) || old.Phase() != s.Phase() || len(old.Cycles) != len(s.Cycles) {
		return s, []Happening{h}, nil
	}
	return s, nil, nil
}

// edit gives a copy whose last cycle, and the lists of it, can be changed.
func (s State) edit() State {
	s.Cycles = slices.Clone(s.Cycles)
	if c := s.last(); c != nil {
		c.Pauses, c.Goals, c.Fired = slices.Clone(c.Pauses), slices.Clone(c.Goals), slices.Clone(c.Fired)
	}
	return s
}

// fold is one moment being applied.
type fold struct {
	t        *Timer
	s        State
	m        *Moment
	at       time.Time
	edited   bool
	happened []Happening
}

// cycle gives the last cycle, to be changed.
func (f *fold) cycle() *Cycle {
	if !f.edited {
		f.s, f.edited = f.s.edit(), true
	}
	return f.s.last()
}

func (f *fold) due() (time.Time, error) {
	due, _, err := f.t.Due(f.s)
	return due, err
}

// tell notes what happened, with due as it was and is.
func (f *fold) tell(h Happening, was time.Time) error {
	due, err := f.due()
	if err != nil {
		return err
	}
	h.At, h.Cycle, h.Was, h.Due = f.at, len(f.s.Cycles)-1, was, due
	f.happened = append(f.happened, h)
	return nil
}

func (f *fold) run() error {
	t, m := f.t.target, f.m
	applies := m.holds(&f.t.policy.When)
	rule := -1
	if applies {
		rule = slices.IndexFunc(t.Goals, func(g Goal) bool {
			if g.By != "" {
				if _, ok := m.instant(g.By); !ok {
					return false
				}
			}
			return m.holds(&g.When)
		})
	}
	wanted := applies && rule >= 0
	start := wanted && f.starts(t.Start)
	stays := wanted && slices.ContainsFunc(t.Start, func(w Match) bool { return !w.momentary() && w.holds(m) })
	if err := f.step(applies, rule, start); err != nil {
		return err
	}
	f.s.Held = stays
	return nil
}

// starts says whether one of the matches begins something: it is of what happened, or of what the record has
// become.
func (f *fold) starts(list []Match) bool {
	return slices.ContainsFunc(list, func(w Match) bool { return w.holds(f.m) && (!f.s.Held || w.momentary()) })
}

func (f *fold) step(applies bool, rule int, start bool) error {
	t, m := f.t.target, f.m
	if t.CountFrom != "" {
		if pauses, changed := f.pause(f.s.Pauses); changed {
			f.s.Pauses = pauses
		}
	}
	switch f.s.Phase() {
	case PhaseIdle:
		if !start || anyHolds(t.Cancel, m) {
			return nil
		}
		if err := f.begin(rule, true); err != nil {
			return err
		}
		if anyHolds(t.Stop, m) {
			return f.stop()
		}
		return f.hold()
	case PhaseStopped:
		reopens := start
		if len(t.Reopen.On) > 0 {
			reopens = applies && rule >= 0 && anyHolds(t.Reopen.On, m)
		}
		if !reopens || anyHolds(t.Cancel, m) || anyHolds(t.Stop, m) {
			return nil
		}
		switch t.Reopen.Policy {
		case ReopenCycle:
			if err := f.begin(rule, false); err != nil {
				return err
			}
			return f.hold()
		case ReopenResume:
			if err := f.reopen(); err != nil {
				return err
			}
			if err := f.goal(rule); err != nil {
				return err
			}
			return f.hold()
		}
		return nil
	}
	switch {
	case !applies:
		return f.cancel("the policy does not apply any more")
	case anyHolds(t.Cancel, m):
		return f.cancel(f.event())
	case anyHolds(t.Stop, m):
		return f.stop()
	case rule < 0:
		return f.cancel("no goal holds any more")
	case anyHolds(t.Reset, m):
		if err := f.end(EndReset, DidReset, "ended, and the next begins: "+f.event()); err != nil {
			return err
		}
		if err := f.begin(rule, false); err != nil {
			return err
		}
		return f.hold()
	}
	if err := f.goal(rule); err != nil {
		return err
	}
	return f.hold()
}

// event says in words what the moment is.
func (f *fold) event() string {
	return cmp.Or(f.m.Action, f.m.Type, fmt.Sprintf("version %d.%d", f.m.Version, f.m.N))
}

// reason says in words why a moment pauses.
func (f *fold) reason() string { return cmp.Or(f.m.HoldReason, f.event()) }

// pause gives a history of pauses after the moment.
func (f *fold) pause(list []Pause) (after []Pause, changed bool) {
	t := f.t.target
	open := openPause(list)
	var pauses bool
	switch {
	case len(t.Pause) == 0:
	case open != nil && len(t.Resume) > 0:
		pauses = !anyHolds(t.Resume, f.m)
	default:
		pauses = anyHolds(t.Pause, f.m)
	}
	reason := f.reason()
	if open != nil && f.m.HoldReason == "" {
		reason = open.Reason // another event does not change why it waits
	}
	switch {
	case open == nil && !pauses, open != nil && pauses && reason == open.Reason:
		return list, false
	}
	after = slices.Clone(list)
	if open != nil {
		after = endPause(after, f.at)
	}
	if pauses {
		after = append(after, Pause{From: f.at, Kind: PauseHeld, Reason: reason})
	}
	return after, true
}

// endPause ends the pause that lasts; one without length was none.
func endPause(list []Pause, at time.Time) []Pause {
	if p := openPause(list); p != nil {
		if p.To = at; !at.After(p.From) {
			list = list[:len(list)-1]
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// hold pauses or resumes the cycle that runs.
func (f *fold) hold() error {
	pauses, changed := f.pause(f.s.last().Pauses)
	if !changed {
		return nil
	}
	was, err := f.due()
	if err != nil {
		return err
	}
	f.cycle().Pauses = pauses
	if p := openPause(pauses); p != nil {
		return f.tell(Happening{What: DidPause, Why: "paused: " + p.Reason, Reason: p.Reason}, was)
	}
	return f.tell(Happening{What: DidResume, Why: "resumed: " + f.event()}, was)
}

// begin begins a cycle. One that is fresh may count from before the moment.
func (f *fold) begin(rule int, fresh bool) error {
	c := Cycle{Start: f.at, Since: f.at}
	if fresh && f.t.target.CountFrom != "" {
		if from, ok := f.m.instant(f.t.target.CountFrom); ok && from.Before(f.at) {
			c.Start = from
			for _, p := range f.s.Pauses {
				if p.To.IsZero() || p.To.After(from) {
					if p.From.Before(from) {
						p.From = from
					}
					c.Pauses = append(c.Pauses, p)
				}
			}
		}
	}
	b, err := f.basis(rule, c.Start)
	if err != nil {
		return err
	}
	c.Goals = []Basis{b}
	f.s.Cycles = append(f.s.Cycles[:len(f.s.Cycles):len(f.s.Cycles)], c)
	f.edited = true
	return f.tell(Happening{What: DidStart, Why: "started: " + f.event(), Goal: &b}, time.Time{})
}

// basis finds the goal, counting from an instant.
func (f *fold) basis(rule int, from time.Time) (Basis, error) {
	t, g := f.t.target, &f.t.target.Goals[rule]
	b := Basis{At: f.at, From: from, Rule: rule, Name: g.Name, Calendar: f.calendarName(), Open: g.Within}
	cal := f.t.calendars[b.Calendar]
	switch {
	case g.WorkingDays != nil:
		until, err := cal.WorkingDays(from, g.WorkingDays.Days, g.WorkingDays.At)
		if err != nil {
			return b, err
		}
		b.Until = until
	case g.By != "":
		until, ok := f.m.instant(g.By)
		if !ok {
			return b, itsm.Invalid("timer", "goals", fmt.Sprintf("has one of %s that counts by %q, which is null", t.Name, g.By))
		}
		b.Until = until
	default:
		return b, nil
	}
	if b.Until.Before(from) {
		b.Until = from
	}
	open, err := cal.Between(from, b.Until)
	b.Open = Duration(open)
	return b, err
}

func (f *fold) calendarName() string {
	t := f.t.target
	if t.CalendarBy != "" {
		if name, ok := f.m.get(t.CalendarBy).(string); ok && f.t.calendars[name] != nil {
			return name
		}
	}
	return t.Calendar
}

// goal changes the goal, if it is another one.
func (f *fold) goal(rule int) error {
	c := f.s.last()
	now, err := f.basis(rule, c.basis().From)
	if err != nil {
		return err
	}
	old := c.basis()
	if now.Rule == old.Rule && now.Calendar == old.Calendar && now.Until.Equal(old.Until) {
		return nil
	}
	fromStart, err := f.basis(rule, c.Start)
	if err != nil {
		return err
	}
	was, err := f.due()
	if err != nil {
		return err
	}
	before, _, err := f.t.DueIfResumed(f.s, f.at)
	if err != nil {
		return err
	}
	changed := f.cycle()
	changed.Goals = append(changed.Goals, fromStart)
	after, _, err := f.t.DueIfResumed(f.s, f.at)
	if err != nil {
		return err
	}
	origin, how := f.t.target.OnChange.Longer, "longer"
	switch {
	case after.Before(before):
		origin, how = f.t.target.OnChange.Shorter, "shorter"
	case after.Equal(before):
		how = "another"
	}
	b := fromStart
	if origin == FromChange {
		if b, err = f.basis(rule, f.at); err != nil {
			return err
		}
		changed.Goals[len(changed.Goals)-1] = b
	}
	why := fmt.Sprintf("the goal is %s one: %s, %s instead of %s", how, f.event(), b.describe(), old.describe())
	if how != "another" {
		why = fmt.Sprintf("the goal is %s: %s, %s instead of %s", how, f.event(), b.describe(), old.describe())
	}
	if origin == FromChange {
		why += ", counted from the change"
	}
	return f.tell(Happening{What: DidChangeGoal, Why: why, Goal: &b}, was)
}

// describe says what the goal is, with its calendar.
func (b *Basis) describe() string {
	text := b.Open.String()
	if !b.Until.IsZero() {
		text = "until " + b.Until.Format("2006-01-02 15:04:05Z07:00")
	}
	text += " of " + b.Calendar
	if b.Name != "" {
		text = b.Name + ", " + text
	}
	return text
}

// end ends the cycle that runs.
func (f *fold) end(how End, what What, why string) error {
	was, err := f.due()
	if err != nil {
		return err
	}
	c := f.cycle()
	c.Pauses = endPause(c.Pauses, f.at)
	c.End, c.Ended, c.Reason = f.at, how, f.event()
	h := Happening{What: what, Why: why, Reason: c.Reason}
	r, err := f.t.at(&f.s, len(f.s.Cycles)-1, f.at)
	if err != nil {
		return err
	}
	h.Outcome = r.Outcome
	return f.tell(h, was)
}

func (f *fold) stop() error { return f.end(EndStopped, DidStop, "stopped: "+f.event()) }

func (f *fold) cancel(why string) error {
	if err := f.end(EndCancelled, DidCancel, "cancelled: "+why); err != nil {
		return err
	}
	f.s.last().Reason = why
	f.happened[len(f.happened)-1].Reason = why
	return nil
}

// reopen lets the cycle that stopped run on, without the time in between.
func (f *fold) reopen() error {
	was, err := f.due()
	if err != nil {
		return err
	}
	c := f.cycle()
	if f.at.After(c.End) {
		c.Pauses = append(c.Pauses, Pause{From: c.End, To: f.at, Kind: PauseExcluded, Reason: c.Reason})
	}
	c.End, c.Ended, c.Reason = time.Time{}, "", ""
	return f.tell(Happening{What: DidReopen, Why: "reopened: " + f.event()}, was)
}
