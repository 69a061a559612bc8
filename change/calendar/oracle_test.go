package calendar_test

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

var day0 = time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)

// at gives an instant of the small world: its grid is of quarters of an hour.
func at(quarter int) time.Time { return day0.Add(time.Duration(quarter) * 15 * time.Minute) }

func span(from, to int) calendar.Span { return calendar.Span{Begin: at(from), End: at(to)} }

// world is a small estate with changes and windows, and what the oracle knows of them: plain sets, and for
// each quarter of an hour whether it is in something.
type world struct {
	parents  map[itsm.ID]itsm.ID   // child to parent
	supports map[itsm.ID][]itsm.ID // to those that depend on it, directly
	services map[itsm.ID][]itsm.ID // of a CI
	all      []calendar.Booking
	windows  []calendar.Window
}

const quarters = 3 * 24 * 4 // three days, in the middle of which clocks change

func drawWorld(t *rapid.T) *world {
	w := &world{parents: map[itsm.ID]itsm.ID{}, supports: map[itsm.ID][]itsm.ID{}, services: map[itsm.ID][]itsm.ID{}}
	n := rapid.IntRange(2, 6).Draw(t, "cis")
	for i := range n {
		if i > 0 && rapid.Bool().Draw(t, "has a parent") {
			w.parents[ci(i)] = ci(rapid.IntRange(0, i-1).Draw(t, "parent"))
		}
		for j := range n {
			if i != j && rapid.IntRange(0, 4).Draw(t, "supports") == 0 {
				w.supports[ci(i)] = append(w.supports[ci(i)], ci(j))
			}
		}
		if rapid.IntRange(0, 2).Draw(t, "service") == 0 {
			w.services[ci(i)] = []itsm.ID{itsm.ID(fmt.Sprintf("s%d", i%2))}
		}
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "changes") {
		w.all = append(w.all, w.drawBooking(t, itsm.ID(fmt.Sprintf("chg%d", i)), n))
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "windows") {
		w.windows = append(w.windows, drawWindow(t, itsm.ID(fmt.Sprintf("w%d", i)), n))
	}
	return w
}

func ci(i int) itsm.ID { return itsm.ID(fmt.Sprintf("ci%d", i)) }

// reach gives what depends on a CI, itself not among it.
func (w *world) reach(from itsm.ID) (all []itsm.ID) {
	seen := map[itsm.ID]bool{from: true}
	for next := []itsm.ID{from}; len(next) > 0; next = next[1:] {
		for _, to := range w.supports[next[0]] {
			if !seen[to] {
				seen[to] = true
				all = append(all, to)
				next = append(next, to)
			}
		}
	}
	return all
}

func (w *world) drawBooking(t *rapid.T, id itsm.ID, n int) calendar.Booking {
	b := calendar.Booking{Change: id, Model: rapid.SampledFrom([]string{"normal", "standard"}).Draw(t, "model")}
	from := rapid.IntRange(0, quarters-2).Draw(t, "from")
	length := rapid.SampledFrom([]int{1, 2, 3, 8, 40}).Draw(t, "length")
	b.Planned = span(from, from+length)
	if length > 2 && rapid.Bool().Draw(t, "has an outage") {
		first := rapid.IntRange(0, length-2).Draw(t, "outage")
		b.Outage = span(from+first, from+rapid.IntRange(first+1, length).Draw(t, "outage's end"))
	}
	for _, own := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, 2, rapid.ID).Draw(t, "own") {
		x := ci(own)
		b.CIs = append(b.CIs, calendar.CI{ID: x, Relation: calendar.RelationOwn})
		if p := w.parents[x]; p != "" {
			b.CIs = append(b.CIs, calendar.CI{ID: p, Relation: calendar.RelationParent, Via: x})
		}
		for i := range n {
			if w.parents[ci(i)] == x {
				b.CIs = append(b.CIs, calendar.CI{ID: ci(i), Relation: calendar.RelationChild, Via: x})
			}
		}
		b.Services = append(b.Services, w.services[x]...)
		for _, y := range w.reach(x) {
			b.CIs = append(b.CIs, calendar.CI{ID: y, Relation: calendar.RelationImpacted, Via: x})
			b.Services = append(b.Services, w.services[y]...)
		}
	}
	b.Implementers = rapid.SliceOfNDistinct(rapid.SampledFrom([]itsm.ID{"ann", "bob"}), 0, 2, rapid.ID).Draw(t, "implementers")
	b.Sites = rapid.SliceOfNDistinct(rapid.SampledFrom([]itsm.ID{"east", "west"}), 0, 2, rapid.ID).Draw(t, "sites")
	return b
}

func drawWindow(t *rapid.T, id itsm.ID, n int) calendar.Window {
	w := calendar.Window{ID: id, Name: "window " + string(id), Kind: rapid.SampledFrom([]calendar.WindowKind{calendar.WindowFreeze, calendar.WindowMaintenance}).Draw(t, "kind")}
	if rapid.Bool().Draw(t, "once") {
		from := rapid.IntRange(-40, quarters).Draw(t, "from")
		once := span(from, from+rapid.IntRange(1, 60).Draw(t, "length"))
		w.Once = &once
	} else {
		hour := rapid.IntRange(0, 23).Draw(t, "hour")
		w.Rule = &rrule.Rule{Zone: rapid.SampledFrom([]string{"UTC", "Europe/Vienna", "America/New_York"}).Draw(t, "zone"),
			Start: fmt.Sprintf("2026-03-%02dT%02d:%02d:00", rapid.IntRange(1, 29).Draw(t, "day"), hour, 15*rapid.IntRange(0, 3).Draw(t, "quarter")),
			RRule: fmt.Sprintf("FREQ=DAILY;INTERVAL=%d", rapid.IntRange(1, 3).Draw(t, "interval"))}
		if rapid.Bool().Draw(t, "except") {
			w.Rule.Except = []string{"2026-03-29"}
		}
		w.Duration = rapid.SampledFrom([]string{"PT1H", "PT26H", "P1D", "P1DT15M", "PT7H30M"}).Draw(t, "duration")
	}
	list := func(name string) []itsm.ID {
		var ids []itsm.ID
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, 2, rapid.ID).Draw(t, name) {
			ids = append(ids, ci(i))
		}
		return ids
	}
	w.Scope.CIs = list("cis")
	w.Scope.Services = rapid.SliceOfNDistinct(rapid.SampledFrom([]itsm.ID{"s0", "s1"}), 0, 1, rapid.ID).Draw(t, "services")
	if w.Kind == calendar.WindowFreeze {
		w.Scope.Models = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"normal", "standard"}), 0, 1, rapid.ID).Draw(t, "models")
		w.Scope.Sites = rapid.SliceOfNDistinct(rapid.SampledFrom([]itsm.ID{"east", "west"}), 0, 1, rapid.ID).Draw(t, "sites")
		w.Scope.All = len(w.Scope.CIs)+len(w.Scope.Services)+len(w.Scope.Models)+len(w.Scope.Sites) == 0
	} else if len(w.Scope.CIs)+len(w.Scope.Services) == 0 {
		w.Scope.CIs = []itsm.ID{ci(0)}
	}
	return w
}

// in says by brute force whether an instant is in a window: it goes through the days of the zone.
func in(w calendar.Window, t time.Time) bool {
	if w.Once != nil {
		return !t.Before(w.Once.Begin) && t.Before(w.Once.End)
	}
	zone, _ := time.LoadLocation(w.Rule.Zone)
	start, _ := time.Parse("2006-01-02T15:04:05", w.Rule.Start)
	var interval int
	_, _ = fmt.Sscanf(w.Rule.RRule, "FREQ=DAILY;INTERVAL=%d", &interval)
	var days int
	exact := map[string]time.Duration{"PT1H": time.Hour, "PT26H": 26 * time.Hour, "P1D": 0, "P1DT15M": 15 * time.Minute, "PT7H30M": 7*time.Hour + 30*time.Minute}[w.Duration]
	if w.Duration[1] != 'T' {
		days = 1
	}
	for n := 0; n < 60; n += interval {
		day := start.AddDate(0, 0, n)
		if len(w.Rule.Except) > 0 && day.Format(time.DateOnly) == w.Rule.Except[0] {
			continue
		}
		begin := shown(day, zone)
		local := begin.In(zone)
		end := begin
		if days > 0 {
			end = shown(time.Date(local.Year(), local.Month(), local.Day()+days, local.Hour(), local.Minute(), 0, 0, time.UTC), zone)
		}
		if end = end.Add(exact); !t.Before(begin) && t.Before(end) {
			return true
		}
	}
	return false
}

// shown looks for the first instant at which the clock of a zone shows a reading, minute by minute; where it never
// does, the clock was put forward by an hour.
func shown(reading time.Time, zone *time.Location) time.Time {
	type question struct {
		reading time.Time
		zone    string
	}
	q := question{reading, zone.String()}
	if t, known := shownAt.Load(q); known {
		return t.(time.Time)
	}
	t := look(reading, zone)
	shownAt.Store(q, t)
	return t
}

var shownAt sync.Map // what was looked for before

func look(reading time.Time, zone *time.Location) time.Time {
	for t := reading.Add(-16 * time.Hour); t.Before(reading.Add(16 * time.Hour)); t = t.Add(15 * time.Minute) {
		if t.In(zone).Format(time.DateTime) == reading.Format(time.DateTime) {
			return t.UTC()
		}
	}
	return shown(reading.Add(time.Hour), zone)
}

// simple is a conflict without its words.
type simple struct {
	kind        calendar.ConflictKind
	other       itsm.ID
	this, theOn itsm.ID
	span        calendar.Span
}

func simplify(all []calendar.Conflict) (s []simple) {
	for _, c := range all {
		s = append(s, simple{c.Kind, c.Other.ID, c.This.On, c.Other.On, c.Span})
	}
	slices.SortFunc(s, bySimple)
	return s
}

func bySimple(a, b simple) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.other, b.other), cmp.Compare(a.this, b.this), cmp.Compare(a.theOn, b.theOn), a.span.Begin.Compare(b.span.Begin))
}

// spans gives the stretches of quarters at which something holds.
func spans(from, to int, holds func(t time.Time) bool) (all []calendar.Span) {
	for q := from; q < to; q++ {
		if !holds(at(q)) {
			continue
		}
		if n := len(all) - 1; n >= 0 && all[n].End.Equal(at(q)) {
			all[n].End = at(q + 1)
		} else {
			all = append(all, span(q, q+1))
		}
	}
	return all
}

func during(s calendar.Span, t time.Time) bool { return !t.Before(s.Begin) && t.Before(s.End) }

func own(b calendar.Booking) (ids []itsm.ID) {
	for _, c := range b.CIs {
		if c.Relation == calendar.RelationOwn {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func disturbed(b calendar.Booking) (ids []itsm.ID) {
	for _, c := range b.CIs {
		if (c.Relation == calendar.RelationOwn || c.Relation == calendar.RelationImpacted) && !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func both[T comparable](a, b []T) (all []T) {
	for _, v := range a {
		if slices.Contains(b, v) && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// conflicts is the oracle: every pair, every CI, every quarter.
func (w *world) conflicts(b calendar.Booking) (all []simple) {
	last := quarters + 100
	note := func(kind calendar.ConflictKind, other, this, on itsm.ID, holds func(time.Time) bool) {
		for _, s := range spans(0, last, holds) {
			all = append(all, simple{kind, other, this, on, s})
		}
	}
	together := func(x, y calendar.Span) func(time.Time) bool {
		return func(t time.Time) bool { return during(x, t) && during(y, t) }
	}
	for _, o := range w.all {
		if o.Change == b.Change {
			continue
		}
		work := together(b.Planned, o.Planned)
		for _, x := range own(b) {
			for _, y := range own(o) {
				if x == y {
					note(calendar.SameCI, o.Change, x, y, work)
				}
				if w.parents[x] == y || w.parents[y] == x {
					note(calendar.ParentChild, o.Change, x, y, work)
				}
				if slices.Contains(w.reach(y), x) {
					note(calendar.Upstream, o.Change, x, y, together(b.Planned, o.Disturbs()))
				}
				if slices.Contains(w.reach(x), y) {
					note(calendar.Downstream, o.Change, x, y, together(b.Disturbs(), o.Planned))
				}
			}
		}
		for _, s := range both(b.Services, o.Services) {
			note(calendar.SameService, o.Change, s, s, together(b.Disturbs(), o.Disturbs()))
		}
		for _, p := range both(b.Implementers, o.Implementers) {
			note(calendar.SameImplementer, o.Change, p, p, work)
		}
	}
	type subject struct {
		id      itsm.ID
		service bool
	}
	maintained := map[subject][]calendar.Window{}
	for _, win := range w.windows {
		if win.Kind == calendar.WindowMaintenance {
			for _, id := range both(win.Scope.CIs, disturbed(b)) {
				maintained[subject{id, false}] = append(maintained[subject{id, false}], win)
			}
			for _, id := range both(win.Scope.Services, b.Services) {
				maintained[subject{id, true}] = append(maintained[subject{id, true}], win)
			}
			continue
		}
		s := win.Scope
		fits := (len(s.CIs) == 0 || len(both(s.CIs, disturbed(b))) > 0) && (len(s.Services) == 0 || len(both(s.Services, b.Services)) > 0) &&
			(len(s.Sites) == 0 || len(both(s.Sites, b.Sites)) > 0) && (len(s.Models) == 0 || s.Models[0] == b.Model)
		if fits {
			note(calendar.InFreeze, win.ID, "", "", func(t time.Time) bool { return during(b.Planned, t) && in(win, t) })
		}
	}
	for s, windows := range maintained {
		note(calendar.OutsideMaintenance, windows[0].ID, s.id, s.id, func(t time.Time) bool {
			return during(b.Disturbs(), t) && !slices.ContainsFunc(windows, func(win calendar.Window) bool { return in(win, t) })
		})
	}
	slices.SortFunc(all, bySimple)
	return all
}

func compile(t require.TestingT, windows []calendar.Window) (all []*calendar.Schedule) {
	for _, w := range windows {
		s, err := w.Compile()
		require.NoError(t, err)
		all = append(all, s)
	}
	return all
}

func TestC14ConflictsAreThoseOfEveryPairAndMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		// Some are put and taken away again, so that the index is not only ever built at once.
		index, err := calendar.NewIndex(w.all[:len(w.all)/2], compile(t, w.windows))
		require.NoError(t, err)
		gone := w.drawBooking(t, "gone", 2)
		require.NoError(t, index.Put(gone))
		for _, b := range w.all[len(w.all)/2:] {
			moved := b
			moved.Planned, moved.Outage = span(1, 2), calendar.Span{}
			require.NoError(t, index.Put(moved))
			require.NoError(t, index.Put(b))
		}
		require.True(t, index.Remove("gone"))
		require.False(t, index.Remove("gone"))
		for _, b := range w.all {
			got, err := index.Conflicts(b)
			require.NoError(t, err)
			require.Equal(t, w.conflicts(b), simplify(got), "%v", b)
			for _, c := range got {
				require.NotEmpty(t, c.Why)
				require.Equal(t, b.Change, c.This.ID)
			}
		}
		// What one has with the other, the other has with the one.
		mirror := map[calendar.ConflictKind]calendar.ConflictKind{calendar.Upstream: calendar.Downstream, calendar.Downstream: calendar.Upstream}
		for _, a := range w.all {
			for _, b := range w.all {
				var turned []simple
				for _, c := range calendar.Between(b, a) {
					turned = append(turned, simple{cmp.Or(mirror[c.Kind], c.Kind), c.This.ID, c.Other.On, c.This.On, c.Span})
				}
				slices.SortFunc(turned, bySimple)
				require.Equal(t, simplify(calendar.Between(a, b)), turned)
			}
		}
	})
}

func TestC16SlotsAreTheEarliestWithoutConflict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		index, err := calendar.NewIndex(w.all, compile(t, w.windows))
		require.NoError(t, err)
		b := w.drawBooking(t, "new", 2)
		q := calendar.SlotQuery{From: at(rapid.IntRange(0, 60).Draw(t, "horizon")), Count: rapid.IntRange(1, 4).Draw(t, "count"), Step: 15 * time.Minute}
		q.Until = q.From.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "horizon's length")) * 15 * time.Minute)
		if rapid.Bool().Draw(t, "within") {
			within := drawWindow(t, "within", 2)
			q.Within = &within
		}
		if rapid.Bool().Draw(t, "ignores") {
			q.Ignore = []calendar.ConflictKind{calendar.SameImplementer, calendar.InFreeze}
		}
		got, err := index.Slots(b, q)
		require.NoError(t, err)

		free := func(begin time.Time) bool {
			later := begin.Sub(b.Planned.Begin)
			tried := b
			tried.Planned = calendar.Span{Begin: begin, End: b.Planned.End.Add(later)}
			if !b.Outage.IsZero() {
				tried.Outage = calendar.Span{Begin: b.Outage.Begin.Add(later), End: b.Outage.End.Add(later)}
			}
			if q.Within != nil {
				for t := begin; t.Before(tried.Planned.End); t = t.Add(15 * time.Minute) {
					if !in(*q.Within, t) {
						return false
					}
				}
			}
			return !slices.ContainsFunc(w.conflicts(tried), func(s simple) bool { return !slices.Contains(q.Ignore, s.kind) })
		}
		var want []calendar.Span
		last := q.Until.Add(-b.Planned.Length())
		for begin := q.From; !begin.After(last); begin = begin.Add(15 * time.Minute) {
			if (len(want) == 0 || !begin.Before(want[len(want)-1].End)) && free(begin) {
				want = append(want, calendar.Span{Begin: begin, End: begin.Add(b.Planned.Length())})
			}
		}
		complete := len(want) <= q.Count
		want = want[:min(len(want), q.Count)]
		require.Equal(t, complete, got.Complete)
		require.Len(t, got.Slots, len(want))
		for i, s := range got.Slots {
			require.Equal(t, want[i], s.Planned)
			end := s.Planned.Begin
			for next := end.Add(15 * time.Minute); !next.After(last) && free(next); next = next.Add(15 * time.Minute) {
				end = next
			}
			require.Equal(t, end, s.Latest)
			after := q.From
			if i > 0 {
				after = want[i-1].End
			}
			require.Equal(t, s.Planned.Begin.After(after), len(s.Passed) > 0, "what is passed is told, and nothing else")
		}
	})
}
