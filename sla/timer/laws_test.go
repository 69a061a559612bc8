// This file holds the laws of timers, and the slow count that they are compared with: it goes through the seconds one
// by one, looks what the clock on the wall shows, and counts.

package timer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// changes are instants near which the clocks of zones change, or the zone leaves out a day.
var changes = []struct{ zone, at string }{
	{"Australia/Lord_Howe", "2026-04-04T15:00:00Z"}, {"Australia/Lord_Howe", "2026-10-03T15:30:00Z"},
	{"America/Santiago", "2026-09-06T04:00:00Z"}, {"America/Santiago", "2026-04-05T03:00:00Z"},
	{"America/Havana", "2026-03-08T05:00:00Z"}, {"America/Havana", "2026-11-01T05:00:00Z"},
	{"America/Sao_Paulo", "2018-11-04T03:00:00Z"}, {"America/Sao_Paulo", "2018-02-18T02:00:00Z"},
	{"Africa/Cairo", "2026-04-23T22:00:00Z"}, {"Africa/Cairo", "2026-10-29T21:00:00Z"},
	{"Asia/Beirut", "2026-03-28T22:00:00Z"}, {"Asia/Kathmandu", "1985-12-31T18:30:00Z"},
	{"Pacific/Apia", "2011-12-30T10:00:00Z"}, {"Europe/Berlin", "2026-10-25T01:00:00Z"}, {"UTC", "2026-06-15T00:00:00Z"},
}

// hours are the same on each day that has some, in seconds of the day.
type hours struct {
	zone     *time.Location
	from, to int64
	weekend  bool
}

func (h hours) calendar() *calendar.Calendar {
	clock := func(s int64) string { return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) }
	w := calendar.Hours{Days: calendar.MondayToFriday(), From: clock(h.from), To: clock(h.to)}
	if h.weekend {
		w.Days = nil
	}
	return must(calendar.Compile(calendar.Definition{Name: "some", Zone: h.zone.String(), Hours: []calendar.Hours{w}}, calendar.Options{}))
}

// drawHours gives hours and an instant up to two days before a change of the clocks.
func drawHours(t *rapid.T) (hours, time.Time) {
	c := rapid.SampledFrom(changes).Draw(t, "change")
	h := hours{zone: must(time.LoadLocation(c.zone)), weekend: rapid.IntRange(0, 3).Draw(t, "weekend") > 0}
	h.from = rapid.Int64Range(0, 86000).Draw(t, "from")
	h.to = rapid.Int64Range(h.from+60, 86399).Draw(t, "to")
	return h, instant(c.at).Add(-time.Duration(rapid.IntRange(0, 40*3600).Draw(t, "before")) * time.Second)
}

// drawTarget gives a target that pauses for two reasons of four, with goals by priority.
func drawTarget(t *rapid.T) timer.Target {
	goal := func(n int) timer.Goal {
		return timer.ForPriority(n, time.Duration(rapid.IntRange(1, 8*3600).Draw(t, "goal"))*time.Second)
	}
	target := timer.Resolution("some", []string{"caller", "customer_scheduled"}, goal(1), goal(2), goal(3))
	target.Reopen.Policy = rapid.SampledFrom([]timer.ReopenPolicy{timer.ReopenNothing, timer.ReopenResume, timer.ReopenCycle}).Draw(t, "reopen")
	target.Thresholds = []timer.Threshold{{Name: "third", Share: timer.Share{Of: 1, Parts: 3}}, {Name: "most", Share: timer.Percent(75)}, {Name: "all", Share: timer.Percent(100)},
		{Name: "more", Share: timer.Percent(150)}, {Name: "before", Offset: -timer.Duration(20 * time.Minute)}, {Name: "after", Offset: timer.Duration(10 * time.Minute)}}
	return target
}

// drawLife gives some moments of a record from an instant on, in steps of a unit of time.
func drawLife(t *rapid.T, from time.Time, unit time.Duration, longest, most int) *life {
	l := new(life).when(from, "log", func(l *life) {
		l.category, l.values["priority"] = itsm.CategoryNew, rapid.Int64Range(1, 3).Draw(t, "priority")
	})
	at := from
	for range rapid.IntRange(0, most).Draw(t, "moments") {
		at = at.Add(time.Duration(rapid.IntRange(0, longest).Draw(t, "later")) * unit)
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1, 2, 3:
			l.when(at, "hold", func(l *life) {
				l.category, l.hold = itsm.CategoryWaiting, rapid.SampledFrom([]string{"caller", "customer_scheduled", "vendor", "problem"}).Draw(t, "reason")
			})
		case 4, 5:
			l.when(at, "resume", is(itsm.CategoryActive))
		case 6, 7:
			l.when(at, "classify", set("priority", rapid.Int64Range(1, 3).Draw(t, "priority")))
		case 8:
			l.when(at, "resolve", is(itsm.CategoryResolved))
		case 9:
			l.when(at, "reopen", is(itsm.CategoryActive))
		}
	}
	return l
}

// span does not count; to is -1 while it lasts.
type span struct{ from, to int64 }

// history is what the moments say of the last cycle, in seconds; stop is -1 while it runs.
type history struct {
	start, stop, goal int64
	spans             []span
}

func read(target timer.Target, moments []timer.Moment) history {
	h := history{start: -1, stop: -1}
	wasOpen := false
	for _, m := range moments {
		at, isOpen := m.At.Unix(), m.To.Open()
		pauses := m.To == itsm.CategoryWaiting && (m.HoldReason == "caller" || m.HoldReason == "customer_scheduled")
		goal := int64(time.Duration(target.Goals[m.Values["priority"].(int64)-1].Within) / time.Second)
		if n := len(h.spans); n > 0 && h.spans[n-1].to < 0 && h.stop < 0 && !pauses {
			h.spans[n-1].to = at
		}
		switch {
		case h.stop >= 0 && isOpen && !wasOpen && target.Reopen.Policy == timer.ReopenCycle:
			h = history{start: at, stop: -1}
		case h.stop >= 0 && isOpen && !wasOpen && target.Reopen.Policy == timer.ReopenResume:
			h.spans, h.stop = append(h.spans, span{h.stop, at}), -1
		case h.stop < 0 && !isOpen:
			h.stop = at
		case h.start < 0:
			h.start = at
		}
		if wasOpen = isOpen; h.stop >= 0 {
			continue
		}
		h.goal = goal
		if n := len(h.spans); pauses && (n == 0 || h.spans[n-1].to >= 0) {
			h.spans = append(h.spans, span{at, -1})
		}
	}
	// What follows on another without a gap is one.
	var whole []span
	for _, s := range h.spans {
		n := len(whole)
		switch {
		case s.from == s.to:
		case n > 0 && whole[n-1].to == s.from:
			whole[n-1].to = s.to
		default:
			whole = append(whole, s)
		}
	}
	h.spans = whole
	return h
}

// count goes through the seconds: open is what has counted before the second until, and due that at which the goal is
// used up, -1 where it is not defined.
func (h history) count(of hours, until int64) (open, due int64) {
	shown := int64(-1 << 62)
	isOpen := func(s int64) bool {
		_, offset := time.Unix(s, 0).In(of.zone).Zone()
		shown = max(shown, s+int64(offset)) // the clock on the wall is never put back
		day, at := shown/86400, shown%86400
		weekday := (day + 4) % 7 // 1970 began on a Thursday
		return of.from <= at && at < of.to && (of.weekend || weekday != 0 && weekday != 6)
	}
	for s := h.start - 3*3600; s < h.start; s++ { // no clock is put back by more
		isOpen(s)
	}
	counted, reached := int64(0), int64(-1)
	due = -2 // not known yet
	for s := h.start; due == -2 || s <= until; s++ {
		if s == until {
			open = counted
		}
		var out *span
		for i := range h.spans {
			if p := &h.spans[i]; p.from <= s && (p.to < 0 || s < p.to) {
				out = p
			}
		}
		if due == -2 {
			switch {
			case reached >= 0 && (out == nil || out.from > reached):
				due = reached
			case out != nil && out.to < 0:
				due = -1
			}
		}
		switch opened := isOpen(s); {
		case !opened:
		case out == nil:
			if counted++; counted == h.goal && reached < 0 {
				reached = s + 1
			}
		case reached >= 0 && out.from <= reached && due == -2:
			reached = s + 1 // a pause that began at due holds it
		}
	}
	return open, due
}

func TestTimersCountAsTheSecondsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, from := drawHours(t)
		target := drawTarget(t)
		c, err := timer.Compile(timer.Policy{Name: "p", Kind: "incident", Targets: []timer.Target{target}}, map[string]*calendar.Calendar{"some": h.calendar()}, timer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		clock := c.Timers()[0]
		// A whole unit makes it likely that moments are at due, at opening and at closing.
		unit, longest := time.Second, 4*3600
		if rapid.Bool().Draw(t, "coarse") {
			unit, longest = 30*time.Minute, 8
		}
		l := drawLife(t, from, unit, longest, 10)
		s, _, err := clock.Replay(l.all)
		if err != nil {
			t.Fatal(err)
		}
		want := read(target, l.all)
		until := l.all[len(l.all)-1].At.Unix() + rapid.Int64Range(0, 10000).Draw(t, "until")
		if want.stop >= 0 {
			until = want.stop
		}
		open, due := want.count(h, until)
		r, err := clock.At(s, time.Unix(until, 0))
		if err != nil {
			t.Fatal(err)
		}
		if got := int64(time.Duration(r.Open) / time.Second); got != open {
			t.Fatalf("counted %d, want %d: %+v\n%+v", got, open, r, want)
		}
		got := int64(-1)
		if r.HasDue {
			got = r.Due.Unix()
		}
		if got != due {
			t.Fatalf("due %d, want %d: %+v\n%+v", got, due, r, want)
		}
		if breached := due >= 0 && until > due; breached != (r.Outcome == timer.OutcomeBreached) {
			t.Fatalf("breached: %v, want %v", r.Outcome, breached)
		}
	})
}

// at gives the due instant, zero where it is not defined.
func dueOf(t *rapid.T, clock *timer.Timer, s timer.State) time.Time {
	due, _, err := clock.Due(s)
	if err != nil {
		t.Fatal(err)
	}
	return due
}

func TestL23LawsOfTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, from := drawHours(t)
		target := drawTarget(t)
		target.Edge = rapid.SampledFrom([]calendar.DueEdge{calendar.AtClose, calendar.AtNextOpen}).Draw(t, "edge")
		origin := rapid.SampledFrom([]timer.Origin{timer.FromStart, timer.FromChange})
		target.OnChange = timer.OnChange{Shorter: origin.Draw(t, "shorter"), Longer: origin.Draw(t, "longer")}
		if rapid.Bool().Draw(t, "days") {
			target.Goals[1].Within, target.Goals[1].WorkingDays = 0, &timer.WorkingDays{Days: rapid.IntRange(0, 3).Draw(t, "n"), At: rapid.SampledFrom([]calendar.TimeOfDay{"16:00", calendar.KeepTime, calendar.EndOfDay}).Draw(t, "at")}
		}
		c, err := timer.Compile(timer.Policy{Name: "p", Kind: "incident", Targets: []timer.Target{target}}, map[string]*calendar.Calendar{"some": h.calendar()}, timer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		clock := c.Timers()[0]
		l := drawLife(t, from, 250*time.Millisecond+1, 4*4*3600, 12)

		var s timer.State
		type mark struct {
			cycle int
			name  string
		}
		fired := map[mark]bool{}
		var plain timer.State // without anything that fired
		for i, m := range l.all {
			// Time passes before the moment.
			if i > 0 {
				for range rapid.IntRange(0, 3).Draw(t, "ticks") {
					now := l.all[i-1].At.Add(time.Duration(rapid.Int64Range(0, int64(m.At.Sub(l.all[i-1].At))).Draw(t, "tick")))
					before, phase := dueOf(t, clock, s), s.Phase()
					next, happened, err := clock.Fire(s, now)
					if err != nil {
						t.Fatal(err)
					}
					if len(happened) > 0 && phase != timer.PhaseRunning {
						t.Fatalf("%s fires while %s", happened[0].Threshold, phase)
					}
					if !slices.IsSortedFunc(happened, func(a, b timer.Happening) int { return a.At.Compare(b.At) }) {
						t.Fatal("not in order")
					}
					for _, f := range happened {
						key := mark{f.Cycle, f.Threshold}
						if fired[key] || f.At.After(now) || f.Late != now.After(f.At) {
							t.Fatalf("%+v at %s, fired %v", f, now, fired[key])
						}
						fired[key] = true
					}
					if s = next; !dueOf(t, clock, s).Equal(before) {
						t.Fatal("firing moves due")
					}
				}
			}
			before := dueOf(t, clock, s)
			raw := must(json.Marshal(s))
			next, happened, err := clock.Apply(s, m)
			if err != nil {
				t.Fatal(err)
			}
			if string(must(json.Marshal(s))) != string(raw) {
				t.Fatal("the state that was given changed")
			}
			after := dueOf(t, clock, next)
			if !before.Equal(after) {
				if len(happened) == 0 || happened[len(happened)-1].Why == "" || !happened[len(happened)-1].Due.Equal(after) {
					t.Fatalf("due moved from %s to %s: %+v", before, after, happened)
				}
			}
			if again, happened, err := clock.Apply(next, m); err != nil || len(happened) > 0 || !same(again, next) {
				t.Fatal("a duplicate changes something")
			}
			s = next
			if plain, _, err = clock.Apply(plain, m); err != nil {
				t.Fatal(err)
			}
		}

		mixed := slices.Concat(l.all, l.all[:rapid.IntRange(0, len(l.all)).Draw(t, "twice")])
		mixed = rapid.Permutation(mixed).Draw(t, "mixed")
		replayed, _, err := clock.Replay(mixed)
		if err != nil || !same(replayed, plain) {
			t.Fatalf("replay differs: %v", err)
		}
		rebased, _, err := clock.Rebase(s, mixed, from)
		if err != nil || !same(rebased, s) {
			t.Fatalf("rebase differs: %v", err)
		}

		now := l.all[len(l.all)-1].At.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "now")))
		for cycle := range s.Cycles {
			r, err := clock.Cycle(s, cycle, now)
			if err != nil {
				t.Fatal(err)
			}
			if r.Open+r.Remaining != r.Goal {
				t.Fatalf("%+v", r)
			}
			e, err := clock.ExplainCycle(s, cycle, now)
			if err != nil {
				t.Fatal(err)
			}
			cursor, counted, paused := s.Cycles[cycle].Start, timer.Duration(0), timer.Duration(0)
			for _, x := range e.Segments {
				if !x.From.Equal(cursor) || !x.To.After(x.From) {
					t.Fatalf("a gap at %s: %+v", cursor, x)
				}
				cursor = x.To
				switch {
				case x.Counted:
					counted += timer.Duration(x.To.Sub(x.From))
				case x.Reason == timer.ReasonPaused || x.Reason == timer.ReasonExcluded:
					paused += x.Open
				}
			}
			end := now
			if s.Cycles[cycle].Ended != "" {
				end = s.Cycles[cycle].End
			}
			if !cursor.Equal(end) || counted != r.Open || paused != r.PausedOpen {
				t.Fatalf("explained until %s, %s counted and %s paused: %+v", cursor, counted, paused, r)
			}
			if target.Edge == calendar.AtNextOpen && s.Cycles[cycle].Goals[len(s.Cycles[cycle].Goals)-1].Until.IsZero() && r.HasDue && (r.Outcome == timer.OutcomeBreached) != (r.Open > r.Goal) {
				t.Fatalf("at the next opening, breached is more than the goal: %+v", r)
			}
		}
		upcoming, err := clock.Thresholds(s, now)
		if err != nil {
			t.Fatal(err)
		}
		next, ok, err := clock.NextThreshold(s)
		if err != nil || ok != (len(upcoming) > 0) || ok && !next.Equal(upcoming[0].At) {
			t.Fatalf("next %s %v, upcoming %+v", next, ok, upcoming)
		}
		// Stopping at due is met, a microsecond later is not.
		if due, ok, _ := clock.Due(s); ok && s.Phase() == timer.PhaseRunning && !due.Before(s.Last.At) {
			for late, want := range map[time.Duration]timer.Outcome{0: timer.OutcomeMet, time.Microsecond: timer.OutcomeBreached} {
				stopped, _, err := clock.Apply(s, timer.Moment{Version: 1000, At: due.Add(late), From: itsm.CategoryActive, To: itsm.CategoryResolved, Values: l.values})
				if err != nil {
					t.Fatal(err)
				}
				if r := must(clock.At(stopped, now)); r.Outcome != want {
					t.Fatalf("stopped %s after due: %+v", late, r)
				}
			}
		}
	})
}

func same(a, b timer.State) bool {
	return string(must(json.Marshal(a))) == string(must(json.Marshal(b)))
}

// FuzzParse holds that whatever is read can be written and read again, and that checking it ends.
func FuzzParse(f *testing.F) {
	target := resolution()
	target.Thresholds = []timer.Threshold{{Name: "third", Share: timer.Share{Of: 1, Parts: 3}}, {Name: "before", Offset: -hour, Actions: []string{"notify"}}}
	target.Goals = append(target.Goals, timer.Goal{WorkingDays: &timer.WorkingDays{Days: 1, At: "16:00"}}, timer.Goal{By: "due"})
	target.Reset = []timer.Match{{Actions: []string{"note"}, Leaving: []itsm.Category{itsm.CategoryNew}, When: text("priority", int64(1), "x", true)}}
	f.Add(must(json.Marshal(timer.Policy{Name: "gold", Kind: "incident", Type: timer.OLA, When: text("a", "b"), Targets: []timer.Target{target}})))
	for _, raw := range []string{"{}", "null", "[]", `{"name":1}`, `{"targets":[{"goals":[{"within":"1h"}]}]}`, `{} {}`, `{"x":1}`, `{"when":{"op":"named"}}`, `{"targets":[{"thresholds":[{"share":"1/0"}]}]}`} {
		f.Add([]byte(raw))
	}
	calendars := desk()
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := timer.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		written, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := timer.Parse(written)
		require.NoError(t, err, "%s", written)
		require.Equal(t, string(written), string(must(json.Marshal(again))))
		if c, err := timer.Compile(p, calendars, timer.Options{}); err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
		} else {
			for _, clock := range c.Timers() {
				s, _, err := clock.Replay(logged("2026-03-09T08:00:00Z", 1).resolved("2026-03-10T08:00:00Z").all)
				if err == nil {
					_, err = clock.At(s, instant("2026-03-11T08:00:00Z"))
				}
				if err != nil {
					require.ErrorIs(t, err, calendar.ErrHorizon)
				}
			}
		}
	})
}
