// This file holds the compiled calendar and its arithmetic.

package calendar

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// ErrHorizon says that the answer lies outside what the calendar knows, or is asked about: before its
// first date or after its last. The error is a [*HorizonError].
var ErrHorizon = errors.New("outside the calendar's horizon")

// HorizonError names the calendar and its horizon, [From, Until). It is [ErrHorizon].
type HorizonError struct {
	Calendar    string
	From, Until time.Time
}

func (e *HorizonError) Error() string {
	return fmt.Sprintf("calendar %q: %v, which is %s to %s", e.Calendar, ErrHorizon,
		e.From.Format(time.RFC3339), e.Until.Format(time.RFC3339))
}

// Is makes every HorizonError [ErrHorizon].
func (e *HorizonError) Is(target error) bool { return target == ErrHorizon }

// Calendar answers when it is open and computes with open time. It is made by [Compile], never
// changes, and is for any number of goroutines at once. Instants may be in any location and come
// back in UTC, with their nanoseconds. What it answers from is computed for 25 years at a time, when they
// are first needed.
type Calendar struct {
	definition  Definition
	rules       *rules
	from, until int64 // the horizon, in nanoseconds since 1970
	first, last int64 // and in seconds

	growing sync.Mutex
	table   atomic.Pointer[table]
}

// table is what was computed of the horizon, in nanoseconds since 1970. It does not change.
type table struct {
	from, until int64
	// spans are in order, and ended has one more, which never opens and has all open time before it, so
	// that what is sought is always found.
	spans, ended []span
	total        int64 // all that is open
	// index has for each step of time from the beginning on the first span that ends after the step
	// begins, and byOpen the same for steps of open time, 1<<shift long.
	index, byOpen []int32
	shift         uint8
	working       []int32 // the working days, in days of the civil calendar since 1970
}

const (
	second = int64(time.Second)
	// indexShift makes a step of the index 39 hours, which hold few openings.
	indexShift = 47
	// block is how many years are computed at a time, and middle one of those that are first.
	block  = 25
	middle = 2030
)

// newCalendar computes the first part, and goes on until there is something that is open.
func newCalendar(d Definition, r *rules, from, until int64) (*Calendar, error) {
	c := &Calendar{definition: d, rules: r, from: from * second, until: until * second, first: from, last: until}
	if until-from <= block*366*daySeconds {
		c.grow(c.from, c.until)
	} else {
		start := min(max(r.zone.First(civil(middle, 1, 1)*daySeconds).Unix(), from), until-1)
		c.grow(start*second, start*second)
	}
	for t := c.table.Load(); t.total == 0; t = c.table.Load() {
		if t.from == c.from && t.until == c.until {
			return nil, itsm.Invalid("calendar", "hours", fmt.Sprintf("leave nothing that is ever open from %s to %s",
				DateOf(c.instant(c.from).In(r.zone.Location)), DateOf(c.instant(c.until).In(r.zone.Location))))
		}
		c.grow(max(t.from-1, c.from), min(t.until+1, c.until))
	}
	return c, nil
}

// newTable computes [from, until), in seconds.
func newTable(r *rules, from, until int64) *table {
	b := build{from: from, until: until}
	spans := b.of(r)
	t := &table{from: from * second, until: until * second, working: b.working(r)}
	if cap(spans) < len(spans)+1 || cap(spans) > len(spans)+len(spans)/4 || len(r.allOf)+len(r.noneOf)+len(r.anyOf) > 0 {
		own := make([]span, len(spans), len(spans)+1) // they may be the builder's, or far too long
		copy(own, spans)
		spans = own
	}
	t.index = make([]int32, 0, (t.until-t.from)>>indexShift+1)
	for i := range spans {
		s := &spans[i]
		s.open, s.close, s.before = s.open*second, s.close*second, t.total
		t.total += s.close - s.open
		for next := t.from + int64(len(t.index))<<indexShift; next < s.close && next < t.until; next += 1 << indexShift {
			t.index = append(t.index, int32(i))
		}
	}
	for int64(len(t.index)) <= (t.until-t.from)>>indexShift {
		t.index = append(t.index, int32(len(spans)))
	}
	t.ended = append(spans, span{math.MaxInt64, math.MaxInt64, t.total})
	t.spans = t.ended[:len(spans)]
	for t.total>>t.shift > int64(len(spans)) {
		t.shift++
	}
	t.byOpen = make([]int32, 0, t.total>>t.shift+2)
	for i := range spans {
		for int64(len(t.byOpen))<<t.shift < t.ended[i+1].before {
			t.byOpen = append(t.byOpen, int32(i))
		}
	}
	for int64(len(t.byOpen)) < t.total>>t.shift+2 {
		t.byOpen = append(t.byOpen, int32(len(spans)-1))
	}
	return t
}

// grow makes the table hold both instants, which are within the horizon, and gives it.
func (c *Calendar) grow(from, until int64) *table {
	c.growing.Lock()
	defer c.growing.Unlock()
	t := c.table.Load()
	if t != nil {
		if t.from <= from && until <= t.until {
			return t
		}
		from, until = min(from, t.from), max(until, t.until)
	}
	// From the beginning of a block to the end of one. The end of a block begins the next.
	year := func(ns int64) int {
		return floorBlock(yearOf(wall.FloorDiv(c.rules.zone.Reads(c.instant(ns)), daySeconds)))
	}
	edge := func(year int) int64 {
		return min(max(c.rules.zone.First(civil(year, 1, 1)*daySeconds).Unix()*second, c.from), c.until)
	}
	first, last := year(from), year(until)+block
	if t != nil && until == t.until {
		last = year(until-1) + block
	}
	t = newTable(c.rules, edge(first)/second, edge(last)/second)
	c.table.Store(t)
	return t
}

func floorBlock(year int) int { return year - year%block }

func (c *Calendar) instant(ns int64) time.Time {
	s := ns / second
	return time.Unix(s, ns-s*second).UTC()
}

// at gives the instant in nanoseconds and a table that holds it.
func (c *Calendar) at(at time.Time) (int64, *table, error) {
	s := at.Unix()
	if s < c.first || s > c.last {
		return 0, nil, c.horizon()
	}
	ns := s*second + int64(at.Nanosecond())
	t := c.table.Load()
	if ns < t.from || ns > t.until {
		if ns < c.from || ns > c.until {
			return 0, nil, c.horizon()
		}
		t = c.grow(ns, ns)
	}
	return ns, t, nil
}

func (c *Calendar) horizon() error {
	from, until := c.Horizon()
	return &HorizonError{c.definition.Name, from, until}
}

// next gives the first span that ends after the instant, or how many there are.
func (t *table) next(ns int64) int {
	i := int(t.index[(ns-t.from)>>indexShift])
	for t.ended[i].close <= ns {
		i++
	}
	return i
}

// passed gives how much of the table is open before the instant.
func (t *table) passed(ns int64) int64 {
	s := &t.ended[t.next(ns)]
	if ns > s.open {
		return s.before + ns - s.open
	}
	return s.before
}

// Definition gives a copy of what the calendar was compiled from.
func (c *Calendar) Definition() Definition { return c.definition.clone() }

// Name gives the definition's name.
func (c *Calendar) Name() string { return c.definition.Name }

// Zone gives the calendar's time zone.
func (c *Calendar) Zone() *time.Location { return c.rules.zone.Location }

// Horizon gives the span of instants for which the calendar answers, the end included as an instant.
func (c *Calendar) Horizon() (from, until time.Time) { return c.instant(c.from), c.instant(c.until) }

// Add gives the earliest instant by which d of open time has passed since t; for a negative d it is the
// latest from which -d of it passes until t. So eight hours from the opening of an eight-hour day are
// at its closing, and eight hours back from there at its opening. Add(t, 0) is t, open or not.
func (c *Calendar) Add(t time.Time, d time.Duration) (time.Time, error) {
	ns, table, err := c.at(t)
	if err != nil {
		return time.Time{}, err
	}
	for {
		if at, ok := table.add(ns, int64(d)); ok {
			return c.instant(at), nil
		}
		from, until := table.from, table.until
		if d > 0 {
			until++
		} else {
			from--
		}
		if from < c.from || until > c.until {
			return time.Time{}, c.horizon()
		}
		table = c.grow(from, until)
	}
}

// add gives where d of open time ends, if that is in the table.
func (t *table) add(ns, d int64) (int64, bool) {
	if d == 0 {
		return ns, true
	}
	passed := t.passed(ns)
	if d > t.total-passed || d < -passed {
		return 0, false
	}
	// The span sought is the first with at least so much open up to its end; going back, a target at the
	// end of a span is at the beginning of the next.
	target := passed + d
	goal := target
	if d < 0 {
		goal++
	}
	step := (goal - 1) >> (t.shift & 63)
	i := int(t.byOpen[step])
	for tries := 0; t.ended[i+1].before < goal; tries++ {
		if i++; tries == 4 {
			i += sort.Search(int(t.byOpen[step+1])-i, func(n int) bool { return t.ended[i+n+1].before >= goal })
		}
	}
	s := &t.ended[i]
	return s.open + target - s.before, true
}

// Sub is Add(t, -d).
func (c *Calendar) Sub(t time.Time, d time.Duration) (time.Time, error) {
	if d == -1<<63 {
		return time.Time{}, c.horizon() // no calendar has 292 years
	}
	return c.Add(t, -d)
}

// Between gives the open time from one instant to another, negative when the second is before the
// first.
func (c *Calendar) Between(from, to time.Time) (time.Duration, error) {
	a, table, err := c.at(from)
	if err != nil {
		return 0, err
	}
	b, other, err := c.at(to)
	if err != nil {
		return 0, err
	}
	if table != other {
		table = c.grow(min(a, b), max(a, b))
	}
	return time.Duration(table.passed(b) - table.passed(a)), nil
}

// DueEdge says where a target ends that is used up exactly when the calendar closes.
type DueEdge string

// The edges. Empty is AtClose.
const (
	AtClose    DueEdge = "at_close"     // Friday 17:00
	AtNextOpen DueEdge = "at_next_open" // Monday 09:00
)

// Due gives the instant at which the open time of a goal, which must be positive, has passed since start,
// with the edge wanted.
func (c *Calendar) Due(start time.Time, goal time.Duration, edge DueEdge) (time.Time, error) {
	switch {
	case goal <= 0:
		return time.Time{}, itsm.Invalid("due", "goal", "must be positive")
	case edge != "" && edge != AtClose && edge != AtNextOpen:
		return time.Time{}, itsm.Invalid("due", "edge", fmt.Sprintf("must be %s or %s", AtClose, AtNextOpen))
	}
	due, err := c.Add(start, goal)
	if err != nil || edge != AtNextOpen {
		return due, err
	}
	return c.NextOpen(due)
}

// IsOpen says whether the calendar is open at the instant. At its opening it is, at its closing not.
func (c *Calendar) IsOpen(t time.Time) (bool, error) {
	ns, table, err := c.at(t)
	if err != nil {
		return false, err
	}
	if ns == c.until {
		return false, c.horizon()
	}
	if ns == table.until {
		table = c.grow(ns, ns+1)
	}
	i := table.next(ns)
	return i < len(table.spans) && table.spans[i].open <= ns, nil
}

// NextOpen gives the first instant from t on at which the calendar is open: t itself when it is.
func (c *Calendar) NextOpen(t time.Time) (time.Time, error) {
	ns, table, err := c.at(t)
	for err == nil {
		if i := table.next(ns); i < len(table.spans) {
			return c.instant(max(ns, table.spans[i].open)), nil
		}
		table, err = c.later(table)
	}
	return time.Time{}, err
}

// NextClose gives the first instant after t at which the calendar closes: the end of the window that t is
// in, or else of the next one. A calendar that never closes again gives [ErrHorizon].
func (c *Calendar) NextClose(t time.Time) (time.Time, error) {
	ns, table, err := c.at(t)
	for err == nil {
		// A window that ends with the table may go on.
		if i := table.next(ns); i < len(table.spans) && table.spans[i].close < table.until {
			return c.instant(table.spans[i].close), nil
		}
		table, err = c.later(table)
	}
	return time.Time{}, err
}

// PrevClose gives the last instant up to t at which the calendar closed: t itself when it closes then.
// Before its first closing it gives [ErrHorizon].
func (c *Calendar) PrevClose(t time.Time) (time.Time, error) {
	ns, table, err := c.at(t)
	if err == nil && ns == table.until && ns < c.until {
		table = c.grow(ns, ns+1) // shows whether the last window goes on
	}
	for err == nil {
		for i := table.next(ns) - 1; i >= 0; i-- {
			if close := table.spans[i].close; close < table.until {
				return c.instant(close), nil
			}
		}
		if table.from == c.from {
			return time.Time{}, c.horizon()
		}
		table = c.grow(table.from-1, table.until)
	}
	return time.Time{}, err
}

// later gives a table that goes on further.
func (c *Calendar) later(t *table) (*table, error) {
	if t.until == c.until {
		return nil, c.horizon()
	}
	return c.grow(t.from, t.until+1), nil
}

// Window is a span of instants, [Open, Close), during all of which the calendar is open.
type Window struct{ Open, Close time.Time }

// Windows gives what is open from one instant to another, in order and cut to them. Windows that touch are
// one.
func (c *Calendar) Windows(from, to time.Time) (iter.Seq[Window], error) {
	a, b, table, err := c.span(from, to)
	if err != nil {
		return nil, err
	}
	return func(yield func(Window) bool) {
		for i := table.next(a); i < len(table.spans) && table.spans[i].open < b; i++ {
			s := table.spans[i]
			if !yield(Window{c.instant(max(s.open, a)), c.instant(min(s.close, b))}) {
				return
			}
		}
	}, nil
}

// span gives two instants and a table that holds both.
func (c *Calendar) span(from, to time.Time) (a, b int64, t *table, err error) {
	a, t, err = c.at(from)
	if err != nil {
		return 0, 0, nil, err
	}
	b, other, err := c.at(to)
	if err != nil {
		return 0, 0, nil, err
	}
	if t != other {
		t = c.grow(min(a, b), max(a, b))
	}
	return a, b, t, nil
}

// workingIndex gives the place of the first working day from the one given on.
func (t *table) workingIndex(day int64) int {
	return sort.Search(len(t.working), func(i int) bool { return int64(t.working[i]) >= day })
}
