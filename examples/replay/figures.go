// This file holds the figures: what the imported histories add up to.

package main

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

// figures are what the histories of all incidents add up to. Hours are rounded to 4 decimals and
// rates to 6.
type figures struct {
	Incidents   int          `json:"incidents"`
	Events      int          `json:"events"`
	PerIncident distribution `json:"events_per_incident"`
	// FirstOpened and LastOpened are when the first and the last incident was reported.
	FirstOpened time.Time `json:"first_opened,omitzero"`
	LastOpened  time.Time `json:"last_opened,omitzero"`
	// Ties are rows of the same time as the row before, Backward those of an earlier one.
	Ties     int `json:"ties"`
	Backward int `json:"backward"`

	// States are the states as the source names them, in the order of the lifecycle.
	States []stateFigures `json:"states"`
	// Transitions counts the rows by the state of the row before and their own.
	Transitions     map[string]map[string]int `json:"transitions"`
	StateChanges    int                       `json:"state_changes"`
	DistinctChanges int                       `json:"distinct_state_changes"`
	// Moves counts the changes of state in the lifecycle's own states.
	Moves map[incident.State]map[incident.State]int `json:"moves"`
	// Paths are the ways through the states, the most common first; DistinctPaths is how many
	// there are.
	Paths         []path `json:"paths"`
	DistinctPaths int    `json:"distinct_paths"`

	MidLife     int                         `json:"mid_life"`
	Flagged     map[incident.ImportFlag]int `json:"flagged"`
	FlaggedRows int                         `json:"flagged_rows"`
	// Refused is the number of incidents with a row that the lifecycle refuses.
	Refused int `json:"refused"`

	// Resolution is from opened to resolved, Closure from opened to closed, Confirmation from
	// resolved to closed, Paused the time in waiting states before it was resolved; in hours,
	// around the clock, of incidents that have these times.
	Resolution   distribution      `json:"resolution_hours"`
	Closure      distribution      `json:"closure_hours"`
	Confirmation distribution      `json:"resolved_to_closed_hours"`
	Paused       distribution      `json:"paused_hours"`
	WithPause    int               `json:"incidents_with_pause"`
	Priorities   []priorityFigures `json:"priorities"`
	Reassigned   countFigures      `json:"reassigned"`
	Reopened     countFigures      `json:"reopened"`
	// LeftResolved is the number of incidents that left a resolved or closed state for work.
	LeftResolved int               `json:"left_resolved"`
	FirstContact []proxy           `json:"first_contact"`
	Matrix       []cell            `json:"priority_matrix"`
	Conforming   float64           `json:"priority_matrix_conforming"`
	Channels     map[string]int    `json:"channels"`
	Months       []month           `json:"months"`
	backlog      map[time.Time]int // changes of the number of open incidents by day
}

// stateFigures are of one state, as the source names it.
type stateFigures struct {
	Name   string         `json:"name"`
	State  incident.State `json:"state,omitempty"`
	Events int            `json:"events"`
	First  int            `json:"first"`
	Last   int            `json:"last"`
}

type path struct {
	States    []string `json:"states"`
	Incidents int      `json:"incidents"`
}

// distribution is what a list of numbers looks like. Percentiles are by nearest rank.
type distribution struct {
	N      int     `json:"n"`
	Mean   float64 `json:"mean"`
	Median float64 `json:"median"`
	P75    float64 `json:"p75"`
	P90    float64 `json:"p90"`
	P95    float64 `json:"p95"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Sum    float64 `json:"sum"`
}

type priorityFigures struct {
	Priority   string       `json:"priority"`
	Incidents  int          `json:"incidents"`
	Resolution distribution `json:"resolution_hours"`
	Reassigned float64      `json:"reassigned_rate"`
	Reopened   float64      `json:"reopened_rate"`
	order      itsm.Priority
}

// countFigures are of something that can happen to an incident several times.
type countFigures struct {
	Incidents int         `json:"incidents"`
	Rate      float64     `json:"rate"`
	Sum       int         `json:"sum"`
	Mean      float64     `json:"mean"`
	Max       int         `json:"max"`
	Histogram map[int]int `json:"histogram"`
}

// proxy is a stand-in for first-contact resolution, each stricter than the one before.
type proxy struct {
	Name      string  `json:"name"`
	Incidents int     `json:"incidents"`
	Rate      float64 `json:"rate"`
}

// cell is how often an impact and an urgency came with a priority.
type cell struct {
	Impact   string `json:"impact"`
	Urgency  string `json:"urgency"`
	Priority string `json:"priority"`
	Events   int    `json:"events"`
}

type month struct {
	Month  string `json:"month"`
	Opened int    `json:"opened"`
	// Resolution is the mean of those opened in the month, in hours.
	Resolution float64 `json:"mean_resolution_hours"`
	// Backlog is the number of incidents open when the month began.
	Backlog int `json:"backlog"`
}

// outcome is what one incident comes to.
type outcome struct {
	source, first, last      string
	events                   int
	priority                 itsm.Priority
	reassignments, reopens   int
	opened, resolved, closed time.Time
	resolution, paused       time.Duration
	waited, left, refused    bool
}

// isResolved says whether it is known when it was opened and resolved, and so how long it took.
func (o *outcome) isResolved() bool { return !o.opened.IsZero() && !o.resolved.IsZero() }

// counter adds up. It holds a few numbers for each incident, and the rows of one.
type counter struct {
	category func(incident.State) (itsm.Category, bool)
	order    map[incident.State]int
	matrix   *itsm.PriorityMatrix
	// each is told of every incident; it may be nil.
	each func(outcome)

	f           figures
	states      map[string]*stateFigures
	paths       map[string]int
	cells       map[[3]int]int
	conforming  int
	perIncident []float64
	durations   map[string][]time.Duration
	priorities  map[itsm.Priority]*priorityFigures
	byPriority  map[itsm.Priority][]time.Duration
	months      map[string]*month
	inMonth     map[string][]time.Duration
	proxies     [3]int
}

func newCounter(l *incident.Lifecycle) *counter {
	c := &counter{
		category: l.Category, order: map[incident.State]int{}, matrix: itsm.StandardPriorityMatrix(),
		states: map[string]*stateFigures{}, paths: map[string]int{}, cells: map[[3]int]int{},
		durations: map[string][]time.Duration{}, priorities: map[itsm.Priority]*priorityFigures{},
		byPriority: map[itsm.Priority][]time.Duration{}, months: map[string]*month{}, inMonth: map[string][]time.Duration{},
	}
	for i, s := range l.States() {
		c.order[s.Name] = i
	}
	c.f = figures{
		Transitions: map[string]map[string]int{}, Moves: map[incident.State]map[incident.State]int{},
		Flagged: map[incident.ImportFlag]int{}, Channels: map[string]int{}, backlog: map[time.Time]int{},
		Reassigned: countFigures{Histogram: map[int]int{}}, Reopened: countFigures{Histogram: map[int]int{}},
	}
	return c
}

// add counts one incident: all of its rows.
func (c *counter) add(rows []incident.ImportedRow) {
	f := &c.f
	f.Incidents++
	f.Events += len(rows)
	c.perIncident = append(c.perIncident, float64(len(rows)))
	o := c.walk(rows)
	if o.refused {
		f.Refused++
	}
	if o.left {
		f.LeftResolved++
	}
	if first, ok := c.firstState(rows); ok && first != itsm.CategoryNew {
		f.MidLife++
	}
	last := rows[len(rows)-1].Entry
	if last.Channel != "" {
		f.Channels[last.Channel]++
	}
	c.opened(o)
	c.durationsOf(o)
	c.priority(o)
	count(&f.Reassigned, o.reassignments)
	count(&f.Reopened, o.reopens)
	if o.reassignments == 0 && o.reopens == 0 {
		c.proxies[0]++
		if !o.waited {
			c.proxies[1]++
			if o.isResolved() && o.resolution <= time.Hour {
				c.proxies[2]++
			}
		}
	}
	if c.each != nil {
		c.each(o)
	}
}

// firstState gives the category of the first state that is known.
func (c *counter) firstState(rows []incident.ImportedRow) (itsm.Category, bool) {
	for _, r := range rows {
		if category, ok := c.category(incident.State(r.Entry.State)); ok {
			return category, true
		}
	}
	return "", false
}

// walk goes along the rows of one incident.
func (c *counter) walk(rows []incident.ImportedRow) outcome {
	f := &c.f
	last := rows[len(rows)-1].Entry
	o := outcome{
		source: last.Source, first: rows[0].Entry.SourceState, last: last.SourceState, events: len(rows),
		priority: last.Priority, reassignments: last.Reassignments, reopens: last.Reopens,
		opened: last.Opened, resolved: last.Resolved, closed: last.Closed,
	}
	if o.isResolved() {
		o.resolution = o.resolved.Sub(o.opened)
	}
	var way []string
	var since time.Time // of the row before, never going back
	waiting := false
	for i, r := range rows {
		e := r.Entry
		c.state(e).Events++
		for _, flag := range r.Flags {
			f.Flagged[flag]++
			o.refused = o.refused || flag == incident.FlagRefused
		}
		if len(r.Flags) > 0 {
			f.FlaggedRows++
		}
		if e.Impact != 0 && e.Urgency != 0 && e.Priority != 0 {
			c.cells[[3]int{int(e.Impact), int(e.Urgency), int(e.Priority)}]++
			if p, err := c.matrix.Of(e.Impact, e.Urgency); err == nil && p == e.Priority {
				c.conforming++
			}
		}
		if i == 0 || rows[i-1].Entry.SourceState != e.SourceState {
			way = append(way, e.SourceState)
		}
		at := e.At
		if i > 0 {
			before := rows[i-1].Entry
			if f.Transitions[before.SourceState] == nil {
				f.Transitions[before.SourceState] = map[string]int{}
			}
			f.Transitions[before.SourceState][e.SourceState]++
			if before.State != e.State && before.State != "" && e.State != "" {
				from, to := incident.State(before.State), incident.State(e.State)
				if f.Moves[from] == nil {
					f.Moves[from] = map[incident.State]int{}
				}
				f.Moves[from][to]++
			}
			switch {
			case e.At.Equal(before.At):
				f.Ties++
			case e.At.Before(before.At):
				f.Backward++
			}
			if at.Before(since) {
				at = since
			}
			if waiting {
				o.paused += clip(since, at, o.opened, o.resolved)
			}
		}
		since = at
		category, _ := c.category(incident.State(e.State))
		was := itsm.Category("")
		if i > 0 {
			was, _ = c.category(incident.State(rows[i-1].Entry.State))
		}
		o.left = o.left || (was == itsm.CategoryResolved || was.Final()) && category.Open()
		waiting = category == itsm.CategoryWaiting
		o.waited = o.waited || waiting
	}
	if waiting {
		o.paused += clip(since, o.resolved, o.opened, o.resolved)
	}
	c.state(rows[0].Entry).First++
	c.state(last).Last++
	c.paths[strings.Join(way, "\x00")]++
	return o
}

// clip is how much of a span lies between two times.
func clip(from, to, least, most time.Time) time.Duration {
	if least.IsZero() || most.IsZero() {
		return 0
	}
	if from.Before(least) {
		from = least
	}
	if to.After(most) {
		to = most
	}
	return max(to.Sub(from), 0)
}

func (c *counter) state(e incident.HistoryEntry) *stateFigures {
	s := c.states[e.SourceState]
	if s == nil {
		s = &stateFigures{Name: e.SourceState, State: incident.State(e.State)}
		c.states[e.SourceState] = s
	}
	return s
}

// opened counts an incident in the month it was opened, and in the backlog of the days.
func (c *counter) opened(o outcome) {
	if o.opened.IsZero() {
		return
	}
	f := &c.f
	if f.FirstOpened.IsZero() || o.opened.Before(f.FirstOpened) {
		f.FirstOpened = o.opened
	}
	if o.opened.After(f.LastOpened) {
		f.LastOpened = o.opened
	}
	name := o.opened.Format("2006-01")
	if c.months[name] == nil {
		c.months[name] = &month{Month: name}
	}
	c.months[name].Opened++
	if o.isResolved() {
		c.inMonth[name] = append(c.inMonth[name], o.resolution)
	}
	f.backlog[dayFrom(o.opened)]++
	if end := cmp.Or(o.resolved, o.closed); !end.IsZero() {
		f.backlog[dayFrom(end)]--
	}
}

// dayFrom is the first midnight that is not before t.
func dayFrom(t time.Time) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	if day.Before(t) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// backlogAt is the number of incidents open at a midnight: opened by then, and neither resolved
// nor, where it was never resolved, closed by then.
func (f *figures) backlogAt(midnight time.Time) int {
	n := 0
	for day, change := range f.backlog {
		if !day.After(midnight) {
			n += change
		}
	}
	return n
}

func (c *counter) durationsOf(o outcome) {
	put := func(name string, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() {
			c.durations[name] = append(c.durations[name], to.Sub(from))
		}
	}
	put("resolution", o.opened, o.resolved)
	put("closure", o.opened, o.closed)
	put("confirmation", o.resolved, o.closed)
	if o.isResolved() {
		c.durations["paused"] = append(c.durations["paused"], o.paused)
		if o.paused > 0 {
			c.f.WithPause++
		}
	}
}

func (c *counter) priority(o outcome) {
	if o.priority == 0 {
		return
	}
	p := c.priorities[o.priority]
	if p == nil {
		p = &priorityFigures{Priority: o.priority.String(), order: o.priority}
		c.priorities[o.priority] = p
	}
	p.Incidents++
	if o.reassignments > 0 {
		p.Reassigned++
	}
	if o.reopens > 0 {
		p.Reopened++
	}
	if o.isResolved() {
		c.byPriority[o.priority] = append(c.byPriority[o.priority], o.resolution)
	}
}

func count(f *countFigures, n int) {
	f.Histogram[n]++
	f.Sum += n
	f.Max = max(f.Max, n)
	if n > 0 {
		f.Incidents++
	}
}

// maxMonths bounds the list of months: one slip in a year would make a list of thousands.
const maxMonths = 120

// finish gives the figures of what was added.
func (c *counter) finish() figures {
	f := c.f
	n := float64(max(f.Incidents, 1))
	f.PerIncident = distribute(c.perIncident)
	for _, s := range c.states {
		f.States = append(f.States, *s)
	}
	slices.SortFunc(f.States, func(a, b stateFigures) int {
		return cmp.Or(cmp.Compare(c.rank(a.State), c.rank(b.State)), cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
	})
	for from, row := range f.Transitions {
		for to, times := range row {
			if from != to {
				f.StateChanges += times
				f.DistinctChanges++
			}
		}
	}
	for way, times := range c.paths {
		f.Paths = append(f.Paths, path{States: strings.Split(way, "\x00"), Incidents: times})
	}
	f.DistinctPaths = len(f.Paths)
	slices.SortFunc(f.Paths, func(a, b path) int {
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), slices.Compare(a.States, b.States))
	})
	f.Paths = f.Paths[:min(len(f.Paths), 10)]

	f.Resolution = hours(c.durations["resolution"])
	f.Closure = hours(c.durations["closure"])
	f.Confirmation = hours(c.durations["confirmation"])
	f.Paused = hours(c.durations["paused"])
	for _, p := range c.priorities {
		p.Resolution = hours(c.byPriority[p.order])
		p.Reassigned = round(p.Reassigned/float64(p.Incidents), 6)
		p.Reopened = round(p.Reopened/float64(p.Incidents), 6)
		f.Priorities = append(f.Priorities, *p)
	}
	slices.SortFunc(f.Priorities, func(a, b priorityFigures) int { return cmp.Compare(a.order, b.order) })
	for _, counted := range []*countFigures{&f.Reassigned, &f.Reopened} {
		counted.Rate = round(float64(counted.Incidents)/n, 6)
		counted.Mean = round(float64(counted.Sum)/n, 6)
	}
	for i, name := range []string{"no hand-off, not reopened", "and never waiting", "and resolved within an hour"} {
		f.FirstContact = append(f.FirstContact, proxy{name, c.proxies[i], round(float64(c.proxies[i])/n, 6)})
	}
	for k, times := range c.cells {
		f.Matrix = append(f.Matrix, cell{itsm.Impact(k[0]).String(), itsm.Urgency(k[1]).String(), itsm.Priority(k[2]).String(), times})
	}
	slices.SortFunc(f.Matrix, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.Impact, b.Impact), cmp.Compare(a.Urgency, b.Urgency), cmp.Compare(a.Priority, b.Priority))
	})
	rated := 0
	for _, cell := range f.Matrix {
		rated += cell.Events
	}
	f.Conforming = round(float64(c.conforming)/float64(max(rated, 1)), 6)
	f.Months = c.listMonths(&f)
	return f
}

// listMonths gives the months from the first in which an incident was opened to the one after
// the last in which something happened to the backlog.
func (c *counter) listMonths(f *figures) []month {
	if len(f.backlog) == 0 {
		return nil
	}
	days := slices.SortedFunc(maps.Keys(f.backlog), time.Time.Compare)
	last := days[len(days)-1]
	at := time.Date(f.FirstOpened.Year(), f.FirstOpened.Month(), 1, 0, 0, 0, 0, time.UTC)
	var out []month
	backlog, next := 0, 0
	for ; !at.After(last); at = at.AddDate(0, 1, 0) {
		for next < len(days) && !days[next].After(at) {
			backlog += f.backlog[days[next]]
			next++
		}
		m := month{Month: at.Format("2006-01")}
		if known := c.months[m.Month]; known != nil {
			m = *known
		}
		m.Resolution = hours(c.inMonth[m.Month]).Mean
		m.Backlog = backlog
		if out = append(out, m); len(out) == maxMonths {
			break
		}
	}
	return out
}

func (c *counter) rank(s incident.State) int {
	if r, ok := c.order[s]; ok {
		return r
	}
	return len(c.order)
}

// hours gives the distribution of spans in hours.
func hours(spans []time.Duration) distribution {
	in := make([]float64, len(spans))
	for i, d := range spans {
		in[i] = d.Hours()
	}
	return distribute(in)
}

// distribute gives the distribution of numbers, which it sorts.
func distribute(in []float64) distribution {
	n := len(in)
	if n == 0 {
		return distribution{}
	}
	slices.Sort(in)
	sum := 0.0
	for _, v := range in {
		sum += v
	}
	rank := func(percent int) float64 { return round(in[(n*percent+99)/100-1], 4) }
	return distribution{
		N: n, Mean: round(sum/float64(n), 4), Median: round((in[(n-1)/2]+in[n/2])/2, 4),
		P75: rank(75), P90: rank(90), P95: rank(95), Min: round(in[0], 4), Max: round(in[n-1], 4), Sum: round(sum, 4),
	}
}

// round gives the nearest number with so many decimals.
func round(v float64, decimals int) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'f', decimals, 64), 64)
	return r
}
