// This file holds the search for the next free slots.

package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The bounds of a search.
const (
	// MaxSlots is how many slots can be asked for, MaxHorizon how far a search can go.
	MaxSlots   = 100
	MaxHorizon = 366 * 24 * time.Hour
	// MaxBlocks is how many spans that are not free a search looks at; more is a [LimitError].
	MaxBlocks = 200_000
	// MaxPassed is how many conflicts are told that stood in the way of an earlier slot.
	MaxPassed = 10
)

// SlotQuery asks for free slots.
type SlotQuery struct {
	// Length is how long the planned window shall be; 0 is as long as that of the booking.
	Length time.Duration `json:"length,omitempty"`
	// From and Until bound the search: slots lie in [From, Until), at most [MaxHorizon].
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// Count is how many slots are wanted; 0 is 1, at most [MaxSlots].
	Count int `json:"count,omitempty"`
	// Step is what a slot's begin is a multiple of, since 1970 in UTC: 15 minutes for quarters of an hour. 0
	// allows any begin. At most a day.
	Step time.Duration `json:"step,omitempty"`
	// Within is a window in which the planned window must lie, as the nights of weekends; its Kind and Scope do
	// not count. Nil allows any time.
	Within *Window `json:"within,omitempty"`
	// Ignore are kinds of conflict that do not count.
	Ignore []ConflictKind `json:"ignore,omitempty"`
}

// Slot is a planned window without conflicts.
type Slot struct {
	// Planned is as early as it can be, and Outage lies in it as the booking's does.
	Planned Span `json:"planned"`
	Outage  Span `json:"outage,omitzero"`
	// Latest is how late it may begin and still have no conflict, up to the horizon.
	Latest time.Time `json:"latest"`
	// Passed is what stood in the way of an earlier one, after the slot before: the first [MaxPassed] of it, by
	// time, each with its whole span. PassedMore is how many more there were.
	Passed     []Conflict `json:"passed,omitempty"`
	PassedMore int        `json:"passed_more,omitempty"`
}

// Slots is the answer to a [SlotQuery].
type Slots struct {
	// Slots are the earliest, in order: the first is the earliest there is, each next one the earliest
	// after the end of the one before.
	Slots []Slot `json:"slots"`
	// Complete says that there are no more than these up to the horizon. Passed is then what stands in the way
	// after the last of them, as of a [Slot].
	Complete   bool       `json:"complete"`
	Passed     []Conflict `json:"passed,omitempty"`
	PassedMore int        `json:"passed_more,omitempty"`
}

// block is a span of begins, in microseconds, at which a slot would have a conflict: from first to last.
type block struct {
	first, last int64
	conflict    Conflict
}

// search is one search for slots.
type search struct {
	c           *candidate
	from, until int64 // the first and the last begin
	length      time.Duration
	lead        time.Duration // from the begin to the outage
	horizon     Span
	ignore      []ConflictKind
	blocks      []block
}

// Slots gives the next free slots for a change: the booking says what it touches; when it is planned counts for its
// length, and for the place of its outage. Faults are ErrInvalid, all at once, and so is a search that
// would look at too much ([LimitError]).
func (x *Index) Slots(b Booking, q SlotQuery) (Slots, error) {
	within, err := q.check(&b)
	if err != nil {
		return Slots{}, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := &search{c: newCandidate(b), length: b.Planned.Length(), lead: b.shift(b.Disturbs()), horizon: Span{q.From, q.Until}, ignore: q.Ignore}
	s.from, s.until = q.From.UnixMicro(), q.Until.Add(-s.length).UnixMicro()
	if err := s.others(x.meeting(&b, s.horizon)); err != nil {
		return Slots{}, err
	}
	if err := s.windows(x.windows(&b), within); err != nil {
		return Slots{}, err
	}
	return s.find(cmp.Or(q.Count, 1), cmp.Or(q.Step.Microseconds(), 1)), nil
}

// check checks a question, makes its times those that the library keeps, and moves the booking to its begin.
func (q *SlotQuery) check(b *Booking) (within *Schedule, err error) {
	var f itsm.Faults
	*b = b.instants()
	f.Key("change", string(b.Change))
	b.parts(&f)
	if !b.Planned.IsZero() {
		b.Planned.check(&f, "planned", MaxLength)
	}
	lead, outage := time.Duration(0), time.Duration(0)
	if !b.Outage.IsZero() {
		b.Outage.check(&f, "outage", MaxLength)
		if b.Planned.IsZero() || !b.Planned.Holds(b.Outage) {
			f.Add("outage", "must lie in the planned window")
		}
		lead, outage = b.shift(b.Outage), b.Outage.Length()
	}
	length := b.Planned.Length()
	if q.Length != 0 {
		length = q.Length
	}
	switch {
	case length == 0:
		f.Add("length", "is required where the booking has no planned window")
	case length < time.Microsecond || length > MaxLength || length%time.Microsecond != 0:
		f.Addf("length", "must be at most %d days, in whole microseconds", MaxLength/(24*time.Hour))
	case lead+outage > length:
		f.Add("length", "must hold the outage window")
	}
	horizon := Span{q.From, q.Until}.instants()
	horizon.check(&f, "horizon", MaxHorizon)
	q.From, q.Until = horizon.Begin, horizon.End
	if q.Count < 0 || q.Count > MaxSlots {
		f.Addf("count", "must be from 1 to %d", MaxSlots)
	}
	if q.Step < 0 || q.Step > 24*time.Hour || q.Step%time.Microsecond != 0 {
		f.Add("step", "must be at most a day, in whole microseconds")
	}
	for i, kind := range q.Ignore {
		if !slices.Contains(ConflictKinds(), kind) {
			f.Addf(fmt.Sprintf("ignore[%d]", i), "is %.64q, which is no kind of conflict", kind)
		}
	}
	if q.Within != nil {
		wanted := q.Within.clone()
		wanted.ID, wanted.Kind, wanted.Scope, wanted.Override = cmp.Or(wanted.ID, "wanted"), WindowFreeze, Scope{All: true}, nil
		wanted.Name = cmp.Or(wanted.Name, "wanted")
		within, err = wanted.Compile()
		f.Merge("within", err)
	}
	if err := f.Err("free slots"); err != nil {
		return nil, err
	}
	b.Planned = Span{q.From, q.From.Add(length)}
	if outage > 0 {
		b.Outage = Span{q.From.Add(lead), q.From.Add(lead + outage)}
	}
	return within, nil
}

// add notes that a part of the slot, which begins lead after it, must not overlap a span.
func (s *search) add(part Span, conflict Conflict) error {
	if slices.Contains(s.ignore, conflict.Kind) {
		return nil
	}
	lead := s.c.shift(part)
	b := block{conflict.Span.Begin.Add(-lead-part.Length()).UnixMicro() + 1, conflict.Span.End.Add(-lead).UnixMicro() - 1, conflict}
	if b.last < s.from || b.first > s.until || b.first > b.last {
		return nil
	}
	if len(s.blocks) == MaxBlocks {
		return &LimitError{"spans that are not free", MaxBlocks}
	}
	s.blocks = append(s.blocks, b)
	return nil
}

// others notes the begins at which the slot would conflict with other changes.
func (s *search) others(all []*Booking) error {
	for _, other := range all {
		for _, t := range s.c.ties(other) {
			mine, theirs := s.c.spans(t.kind, other)
			conflict := Conflict{t.kind, Side{SideChange, s.c.Change, t.this}, Side{SideChange, other.Change, t.other}, theirs, t.why}
			if err := s.add(mine, conflict); err != nil {
				return err
			}
		}
	}
	return nil
}

// windows notes the begins at which the slot would conflict with windows.
func (s *search) windows(all []*Schedule, within *Schedule) error {
	for _, w := range all {
		if !w.Covers(s.c.Booking) {
			continue
		}
		for _, o := range w.Occurrences(s.horizon) {
			conflict := Conflict{InFreeze, Side{SideChange, s.c.Change, ""}, Side{SideFreeze, w.window.ID, ""}, o, w.why()}
			if err := s.add(s.c.Planned, conflict); err != nil {
				return err
			}
		}
	}
	for _, m := range maintained(s.c.Booking, all) {
		for _, gap := range s.gaps(m.occurrences(s.horizon)) {
			if err := s.add(s.c.Disturbs(), m.outside(s.c.Change, gap)); err != nil {
				return err
			}
		}
	}
	if within == nil {
		return nil
	}
	for _, gap := range s.gaps(within.Occurrences(s.horizon)) {
		wanted := within.window
		conflict := Conflict{OutsideWanted, Side{SideChange, s.c.Change, ""}, Side{SideWanted, wanted.ID, ""}, gap,
			fmt.Sprintf("it shall be within %q", wanted.Name)}
		if err := s.add(s.c.Planned, conflict); err != nil {
			return err
		}
	}
	return nil
}

// gaps gives the parts of the horizon that are outside the joined spans.
func (s *search) gaps(joined []Span) []Span { return without(s.horizon, joined) }

// find goes through the begins, and gives as many slots as are wanted.
func (s *search) find(count int, step int64) (found Slots) {
	slices.SortFunc(s.blocks, func(a, b block) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last), compare(a.conflict, b.conflict))
	})
	found.Slots = []Slot{}
	var passed []Conflict
	more := 0
	at, next := s.from, 0 // the begin that is tried, and the first block that begins after it
	until := int64(-1 << 62)
	for {
		// What begins by now is in the way while the last of it lasts.
		for ; next < len(s.blocks) && s.blocks[next].first <= at; next++ {
			b := &s.blocks[next]
			until = max(until, b.last)
			if b.last < at {
				continue
			}
			if len(passed) < MaxPassed {
				passed = append(passed, b.conflict)
			} else {
				more++
			}
		}
		if until >= at {
			at = until + 1
			continue
		}
		if over := floorMod(at, step); over != 0 {
			at += step - over
			continue
		}
		if at > s.until {
			found.Complete, found.Passed, found.PassedMore = true, passed, more
			return found
		}
		if len(found.Slots) == count {
			return found
		}
		latest := s.until
		if next < len(s.blocks) {
			latest = min(latest, s.blocks[next].first-1)
		}
		latest -= floorMod(latest, step)
		slot := Slot{Latest: instant(latest), Passed: passed, PassedMore: more}
		slot.Planned = s.c.Planned.moved(instant(at).Sub(s.c.Planned.Begin))
		if !s.c.Outage.IsZero() {
			slot.Outage = s.c.Outage.moved(instant(at).Sub(s.c.Planned.Begin))
		}
		found.Slots = append(found.Slots, slot)
		passed, more = nil, 0
		at += s.length.Microseconds()
	}
}

func instant(microseconds int64) time.Time { return storage.Instant(time.UnixMicro(microseconds)) }

func floorMod(a, b int64) int64 { return ((a % b) + b) % b }
