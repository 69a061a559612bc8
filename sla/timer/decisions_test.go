// This file holds what is decided, case by case, in the order of the list in the package's documentation. Names that
// begin with a letter and a number are those of rows of docs/coverage.md.

package timer_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// resolution is eight hours of the office, four for priority 1, paused for the caller alone.
func resolution() timer.Target {
	return timer.Resolution("office", []string{"caller"}, timer.ForPriority(1, 4*time.Hour), timer.Within(8*time.Hour))
}

func TestClockThatStartsOutsideHoursRunsAndCountsNothing(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, happened := run(t, clock, logged("2026-03-07T12:00:00Z", 3)) // a Saturday
	require.Equal(t, []timer.What{timer.DidStart}, what(happened))
	require.Equal(t, timer.PhaseRunning, s.Phase())
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, clock, s))
	r := reading(t, clock, s, "2026-03-09T08:00:00Z")
	require.Zero(t, r.Open)
	require.Equal(t, 44*hour, r.Wall)
}

func TestStoppingAtDueIsMetAndAMicrosecondLaterIsBreached(t *testing.T) {
	for _, c := range []struct {
		name, stopped string
		edge          calendar.DueEdge
		want          timer.Outcome
	}{
		{"at due", "2026-03-09T12:00:00Z", "", timer.OutcomeMet},
		{"a microsecond later", "2026-03-09T12:00:00.000001Z", "", timer.OutcomeBreached},
		{"a nanosecond later", "2026-03-09T12:00:00.000000001Z", "", timer.OutcomeBreached},
		{"at due, at the next opening", "2026-03-09T12:00:00Z", calendar.AtNextOpen, timer.OutcomeMet},
		{"later, at the next opening", "2026-03-09T12:00:00.000001Z", calendar.AtNextOpen, timer.OutcomeBreached},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := resolution()
			target.Edge = c.edge
			clock := only(t, target, desk())
			s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 1).resolved(c.stopped))
			require.Equal(t, c.want, happened[1].Outcome)
			r := reading(t, clock, s, "2027-01-01T00:00:00Z")
			require.Equal(t, c.want, r.Outcome)
			require.Equal(t, c.want == timer.OutcomeBreached, r.BreachedAt.Equal(instant("2026-03-09T12:00:00Z")))
		})
	}
}

func TestDueAtClosingIsClosingOrTheNextOpening(t *testing.T) {
	for edge, want := range map[calendar.DueEdge]struct {
		due     string
		evening timer.Outcome
	}{
		calendar.AtClose:    {"2026-03-06T16:00:00Z", timer.OutcomeBreached},
		calendar.AtNextOpen: {"2026-03-09T08:00:00Z", timer.OutcomeMet},
	} {
		target := resolution()
		target.Edge = edge
		clock := only(t, target, desk())
		s, _ := run(t, clock, logged("2026-03-06T08:00:00Z", 3).resolved("2026-03-07T10:00:00Z"))
		require.Equal(t, want.due, due(t, clock, s))
		require.Equal(t, want.evening, reading(t, clock, s, "2026-03-07T10:00:00Z").Outcome, edge)
	}
}

func TestPausesMoveDueByTheOpenTimeInThem(t *testing.T) {
	for _, c := range []struct {
		name, from, to, due string
	}{
		{"inside hours", "2026-03-06T10:00:00Z", "2026-03-06T12:00:00Z", "2026-03-09T10:00:00Z"},
		{"outside hours", "2026-03-06T18:00:00Z", "2026-03-06T20:00:00Z", "2026-03-06T16:00:00Z"},
		{"over the weekend", "2026-03-06T15:00:00Z", "2026-03-09T09:00:00Z", "2026-03-09T10:00:00Z"},
		{"from due on, outside hours", "2026-03-06T16:00:00Z", "2026-03-07T09:00:00Z", "2026-03-06T16:00:00Z"},
		{"from due on, until it is open", "2026-03-06T16:00:00Z", "2026-03-09T10:00:00Z", "2026-03-09T10:00:00Z"},
		{"after due", "2026-03-09T09:00:00Z", "2026-03-09T10:00:00Z", "2026-03-06T16:00:00Z"},
		{"to the microsecond", "2026-03-06T10:00:00.000001Z", "2026-03-06T10:00:00.000003Z", "2026-03-09T08:00:00.000002Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := only(t, resolution(), desk())
			s, _ := run(t, clock, logged("2026-03-06T08:00:00Z", 3).held(c.from, "caller").resumed(c.to))
			require.Equal(t, c.due, due(t, clock, s))
		})
	}
}

func TestPausedTimerIsNotDueAndTellsWhatItWouldBe(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, _ := run(t, clock, logged("2026-03-06T08:00:00Z", 3).held("2026-03-06T10:00:00Z", "caller"))
	require.Equal(t, timer.PhasePaused, s.Phase())
	require.Equal(t, "-", due(t, clock, s))
	r := reading(t, clock, s, "2026-04-01T00:00:00Z")
	require.Equal(t, timer.OutcomeOpen, r.Outcome)
	require.False(t, r.HasDue)
	require.Equal(t, 2*hour, r.Open)
	require.Equal(t, 6*hour, r.Remaining)
	for resumed, want := range map[string]string{
		"2026-03-06T12:00:00Z": "2026-03-09T10:00:00Z",
		"2026-03-07T12:00:00Z": "2026-03-09T14:00:00Z",
		"2026-03-06T10:00:00Z": "2026-03-06T16:00:00Z",
	} {
		at, ok, err := clock.DueIfResumed(s, instant(resumed))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, at.Format(time.RFC3339))
	}
	_, _, err := clock.DueIfResumed(s, instant("2026-03-06T09:59:59Z"))
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "resumed must not be before 2026-03-06T10:00:00Z, when the pause began")
	_, ok, err := clock.Forecast(s, instant("2026-03-06T12:00:00Z"))
	require.NoError(t, err)
	require.False(t, ok)
}

func TestL10PauseReasonDecidesWhetherTheClockStops(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).
		held("2026-03-09T09:00:00Z", "vendor").
		at("2026-03-09T10:00:00Z", "change_hold_reason", func(l *life) { l.hold = "caller" }).
		at("2026-03-09T11:00:00Z", "change_hold_reason", func(l *life) { l.hold = "problem" }).
		resumed("2026-03-09T12:00:00Z"))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidPause, timer.DidResume}, what(happened))
	require.Equal(t, []timer.Pause{{From: instant("2026-03-09T10:00:00Z"), To: instant("2026-03-09T11:00:00Z"), Kind: timer.PauseHeld, Reason: "caller"}}, s.Cycles[0].Pauses)

	both := timer.Resolution("office", []string{"caller", "vendor"}, timer.Within(8*time.Hour))
	s, happened = run(t, only(t, both, desk()), logged("2026-03-09T08:00:00Z", 3).
		held("2026-03-09T09:00:00Z", "vendor").
		at("2026-03-09T09:30:00Z", "note", nil).
		at("2026-03-09T10:00:00Z", "change_hold_reason", func(l *life) { l.hold = "caller" }))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidPause, timer.DidPause}, what(happened))
	require.Len(t, s.Cycles[0].Pauses, 2)
	require.Equal(t, s.Cycles[0].Pauses[0].To, s.Cycles[0].Pauses[1].From)
}

func TestL1ResponseDoesNotPauseForWhatPausesResolution(t *testing.T) {
	p := timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{
		timer.Response("office", []timer.Match{{Actions: []string{"accept", "reply"}}}, timer.Within(2*time.Hour)), resolution()}}
	c, err := timer.Compile(p, desk(), timer.Options{})
	require.NoError(t, err)
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").at("2026-03-09T13:00:00Z", "reply", nil)
	response, ok := c.Timer("response")
	require.True(t, ok)
	s, _ := run(t, response, l)
	require.Equal(t, timer.OutcomeBreached, reading(t, response, s, "2026-03-09T13:00:00Z").Outcome)
	resolve, _ := c.Timer("resolution")
	s, _ = run(t, resolve, l)
	require.Equal(t, timer.PhasePaused, s.Phase())
	_, ok = c.Timer("nothing")
	require.False(t, ok)
}

func TestL12PriorityChangeKeepsPauses(t *testing.T) {
	clock := only(t, resolution(), desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").resumed("2026-03-09T11:00:00Z").priority("2026-03-09T12:00:00Z", 1)
	s, happened := run(t, clock, l)
	last := happened[len(happened)-1]
	require.Equal(t, timer.DidChangeGoal, last.What)
	require.Equal(t, "2026-03-10T10:00:00Z", last.Was.Format(time.RFC3339))
	require.Equal(t, "2026-03-09T14:00:00Z", last.Due.Format(time.RFC3339))
	require.Equal(t, "the goal is shorter: classify, priority 1, 4h of office instead of 8h of office", last.Why)
	require.Equal(t, "2026-03-09T14:00:00Z", due(t, clock, s))
	s, _ = run(t, clock, l.priority("2026-03-09T12:30:00Z", 3))
	require.Equal(t, "2026-03-10T10:00:00Z", due(t, clock, s), "and back")
	require.Len(t, s.Cycles[0].Goals, 3)
}

func TestL12PriorityChangeCountsFromTheChangeWhereItIsSaid(t *testing.T) {
	target := resolution()
	target.OnChange = timer.OnChange{Shorter: timer.FromChange}
	clock := only(t, target, desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").resumed("2026-03-09T11:00:00Z").priority("2026-03-09T12:00:00Z", 1)
	s, _ := run(t, clock, l)
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, clock, s))
	r := reading(t, clock, s, "2026-03-09T13:00:00Z")
	require.Equal(t, hour, r.Open)
	require.Zero(t, r.PausedOpen)
	s, _ = run(t, clock, l.priority("2026-03-09T13:00:00Z", 2))
	require.Equal(t, "2026-03-10T10:00:00Z", due(t, clock, s), "a longer one counts from the start")
}

func TestPriorityChangeWhilePausedMovesWhatWouldBeDue(t *testing.T) {
	target := resolution()
	target.OnChange = timer.OnChange{Shorter: timer.FromStart, Longer: timer.FromChange}
	clock := only(t, target, desk())
	s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").priority("2026-03-09T10:00:00Z", 1).resumed("2026-03-09T11:00:00Z"))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidPause, timer.DidChangeGoal, timer.DidResume}, what(happened))
	require.Contains(t, happened[2].Why, "shorter")
	require.True(t, happened[2].Due.IsZero())
	require.Equal(t, "2026-03-09T14:00:00Z", due(t, clock, s))
}

func TestL16ThresholdsFireOnceInOrderAndLateOnesSaySo(t *testing.T) {
	target := resolution()
	target.Thresholds = []timer.Threshold{
		{Name: "half", Share: timer.Percent(50), Actions: []string{"notify"}}, {Name: "most", Share: timer.Percent(75)},
		{Name: "soon", Offset: -timer.Duration(30 * time.Minute)}, {Name: "due"}, {Name: "over", Offset: hour, Actions: []string{"escalate"}},
	}
	clock := only(t, target, desk())
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 3))
	upcoming, err := clock.Thresholds(s, instant("2026-03-09T14:30:00Z"))
	require.NoError(t, err)
	var listed []string
	for _, u := range upcoming {
		listed = append(listed, u.Threshold+" "+u.At.Format("02 15:04")+map[bool]string{true: " late"}[u.Late])
	}
	require.Equal(t, []string{"half 09 12:00 late", "most 09 14:00 late", "soon 09 15:30", "due 09 16:00", "over 10 09:00"}, listed)

	fire := func(at string) (names []string) {
		var happened []timer.Happening
		s, happened, err = clock.Fire(s, instant(at))
		require.NoError(t, err)
		for _, h := range happened {
			names = append(names, h.Threshold+map[bool]string{true: " late"}[h.Late])
		}
		return names
	}
	next, ok, err := clock.NextThreshold(s)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, instant("2026-03-09T12:00:00Z"), next)
	require.Empty(t, fire("2026-03-09T11:59:59.999999Z"))
	require.Equal(t, []string{"half"}, fire("2026-03-09T12:00:00Z"))
	require.Empty(t, fire("2026-03-09T12:00:00Z"))
	require.Equal(t, []string{"most late", "soon late", "due"}, fire("2026-03-09T16:00:00Z"))
	require.Equal(t, []string{"over late"}, fire("2026-03-20T16:00:00Z"))
	_, ok, err = clock.NextThreshold(s)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestL17ThresholdsThatFiredStaySoWhenTheGoalChanges(t *testing.T) {
	target := resolution()
	target.Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}, {Name: "all", Share: timer.Percent(100)}}
	clock := only(t, target, desk())
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 1))
	s, fired, err := clock.Fire(s, instant("2026-03-09T10:00:00Z"))
	require.NoError(t, err)
	require.Len(t, fired, 1)
	before := s
	s, _, err = clock.Apply(s, timer.Moment{Version: 2, At: instant("2026-03-09T11:00:00Z"), Action: "classify", To: itsm.CategoryNew, From: itsm.CategoryNew, Values: map[string]any{"priority": int64(3)}})
	require.NoError(t, err)
	upcoming, err := clock.Thresholds(s, instant("2026-03-09T11:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, []timer.Upcoming{{Threshold: "all", At: instant("2026-03-09T16:00:00Z")}}, upcoming)
	require.Len(t, before.Cycles[0].Goals, 1, "the state before is as it was")
}

func TestL20SharesAreExact(t *testing.T) {
	target := resolution()
	target.Goals = []timer.Goal{timer.Within(10 * time.Second)}
	third := must(parseShare("1/3"))
	target.Thresholds = []timer.Threshold{{Name: "third", Share: third}, {Name: "almost", Share: must(parseShare("99.951%"))}, {Name: "twice", Share: timer.Percent(200)}}
	clock := only(t, target, desk())
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 3))
	upcoming, err := clock.Thresholds(s, instant("2026-03-09T08:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, "08:00:03.333333334", upcoming[0].At.Format("15:04:05.999999999"))
	require.Equal(t, "08:00:09.9951", upcoming[1].At.Format("15:04:05.999999999"))
	require.Equal(t, "08:00:20", upcoming[2].At.Format("15:04:05.999999999"))
	require.Equal(t, timer.OutcomeOpen, reading(t, clock, s, "2026-03-09T08:00:09.9952Z").Outcome, "99.952 % is not a breach")
}

func parseShare(text string) (s timer.Share, err error) {
	err = s.UnmarshalText([]byte(text))
	return s, err
}

func TestSharesAndDurationsAreReadAndWrittenExactly(t *testing.T) {
	for _, text := range []string{"75%", "99.5%", "0.000001%", "150%", "1/3", "200000/7"} {
		s, err := parseShare(text)
		require.NoError(t, err)
		require.Equal(t, text, s.String())
	}
	for _, text := range []string{"", "%", "0%", "-1%", "75", "1/0", "0/3", "1e3%", ".5%", "5.%", "1/-3", "+5%", "99999999999999999999%", "1000000000001/2", "0.0000000001%"} {
		_, err := parseShare(text)
		require.ErrorIs(t, err, itsm.ErrInvalid, text)
	}
	for text, want := range map[string]string{"90m": "1h30m", "8h": "8h", "45s": "45s", "1h0m5s": "1h0m5s", "1.5us": "1.5µs", "-15m": "-15m", "0s": "0s", "100h": "100h"} {
		var d timer.Duration
		require.NoError(t, d.UnmarshalText([]byte(text)))
		require.Equal(t, want, d.String())
	}
	require.ErrorIs(t, new(timer.Duration).UnmarshalText([]byte("2d")), itsm.ErrInvalid)
}

func TestL18WorkingDaysAndTimesOfTheRecordAreInstants(t *testing.T) {
	target := resolution()
	target.Goals = []timer.Goal{
		{When: text("kind", "next day"), WorkingDays: &timer.WorkingDays{Days: 1, At: "16:00"}},
		{When: text("kind", "two days"), WorkingDays: &timer.WorkingDays{Days: 2, At: calendar.KeepTime}},
		{When: text("kind", "end"), WorkingDays: &timer.WorkingDays{Days: 0, At: calendar.EndOfDay}},
		{When: text("kind", "record"), By: "wanted_by"},
	}
	clock := only(t, target, desk())
	for _, c := range []struct {
		kind, due, paused string
	}{
		{"next day", "2026-03-09T15:00:00Z", "2026-03-10T09:00:00Z"},
		{"two days", "2026-03-10T15:00:00Z", "2026-03-11T09:00:00Z"},
		{"end", "2026-03-06T16:00:00Z", "2026-03-09T10:00:00Z"},
		{"record", "2026-03-09T20:00:00Z", "2026-03-10T10:00:00Z"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			begin := func() *life {
				return new(life).at("2026-03-06T15:00:00Z", "log", func(l *life) {
					l.category = itsm.CategoryNew
					l.values["kind"], l.values["wanted_by"] = c.kind, instant("2026-03-09T20:00:00Z").UnixMicro()
				})
			}
			s, _ := run(t, clock, begin())
			require.Equal(t, c.due, due(t, clock, s))
			s, _ = run(t, clock, begin().held("2026-03-06T15:30:00Z", "caller").resumed("2026-03-09T09:30:00Z"))
			require.Equal(t, c.paused, due(t, clock, s), "a pause of two open hours")
			r := reading(t, clock, s, "2026-03-09T12:00:00Z")
			require.Equal(t, r.Goal, r.Open+r.Remaining)
		})
	}
	changed := func() *life {
		return new(life).at("2026-03-06T15:00:00Z", "log", func(l *life) {
			l.category, l.values["kind"], l.values["wanted_by"] = itsm.CategoryNew, "record", instant("2026-03-09T10:00:00Z").UnixMicro()
		}).at("2026-03-06T15:10:00Z", "edit", set("wanted_by", instant("2026-03-10T10:00:00Z").UnixMicro()))
	}
	s, happened := run(t, clock, changed())
	require.Equal(t, []timer.What{timer.DidStart, timer.DidChangeGoal}, what(happened))
	require.Equal(t, "2026-03-10T10:00:00Z", due(t, clock, s))
	s, _ = run(t, clock, changed().at("2026-03-06T15:20:00Z", "edit", set("wanted_by", instant("2020-01-01T00:00:00Z").UnixMicro())))
	require.Equal(t, "2026-03-06T15:00:00Z", due(t, clock, s), "not before the beginning")
	s, happened = run(t, clock, changed().at("2026-03-06T15:20:00Z", "edit", set("wanted_by", nil)))
	require.Equal(t, timer.PhaseIdle, s.Phase())
	require.Equal(t, "no goal holds any more", happened[2].Reason)
}

func TestL29TimeInResolvedByTheReopenPolicy(t *testing.T) {
	l := func() *life {
		return logged("2026-03-09T08:00:00Z", 3).resolved("2026-03-09T10:00:00Z").reopened("2026-03-09T14:00:00Z")
	}
	for policy, want := range map[timer.ReopenPolicy]struct {
		what   []timer.What
		cycles int
		due    string
		phase  timer.Phase
	}{
		timer.ReopenNothing: {[]timer.What{timer.DidStart, timer.DidStop}, 1, "2026-03-09T16:00:00Z", timer.PhaseStopped},
		timer.ReopenResume:  {[]timer.What{timer.DidStart, timer.DidStop, timer.DidReopen}, 1, "2026-03-10T12:00:00Z", timer.PhaseRunning},
		timer.ReopenCycle:   {[]timer.What{timer.DidStart, timer.DidStop, timer.DidStart}, 2, "2026-03-10T14:00:00Z", timer.PhaseRunning},
	} {
		t.Run(string(policy), func(t *testing.T) {
			target := resolution()
			target.Reopen.Policy = policy
			clock := only(t, target, desk())
			s, happened := run(t, clock, l())
			require.Equal(t, want.what, what(happened))
			require.Len(t, s.Cycles, want.cycles)
			require.Equal(t, want.due, due(t, clock, s))
			require.Equal(t, want.phase, s.Phase())
			if policy == timer.ReopenResume {
				r := reading(t, clock, s, "2026-03-09T15:00:00Z")
				require.Equal(t, 3*hour, r.Open)
				require.Equal(t, timer.PauseExcluded, s.Cycles[0].Pauses[0].Kind, "which is no pause of the target")
			}
		})
	}
	target := resolution()
	target.Reopen.On = []timer.Match{{Actions: []string{"dispute"}}}
	clock := only(t, target, desk())
	_, happened := run(t, clock, l())
	require.Equal(t, []timer.What{timer.DidStart, timer.DidStop}, what(happened), "only what is named reopens")
	_, happened = run(t, clock, logged("2026-03-09T08:00:00Z", 3).resolved("2026-03-09T10:00:00Z").at("2026-03-09T14:30:00Z", "dispute", nil))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidStop}, what(happened), "nor what leaves it resolved")
	_, happened = run(t, clock, l().at("2026-03-09T14:30:00Z", "dispute", nil))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidStop, timer.DidReopen}, what(happened))
}

func TestReopenedBreachStaysABreach(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 1).resolved("2026-03-09T13:00:00Z").reopened("2026-03-09T14:00:00Z").held("2026-03-09T15:00:00Z", "caller"))
	r := reading(t, clock, s, "2026-03-09T15:30:00Z")
	require.Equal(t, timer.OutcomeBreached, r.Outcome)
	require.Equal(t, instant("2026-03-09T12:00:00Z"), r.BreachedAt)
}

func TestL13ResetEndsACycleAndBeginsTheNext(t *testing.T) {
	target := timer.Update("office", []timer.Match{{Actions: []string{"note"}, When: storage.Condition{Op: storage.Equal, Column: "public", Values: []any{true}}}}, nil, timer.Within(2*time.Hour))
	clock := only(t, target, desk())
	note := func(l *life) { l.values["public"] = true }
	s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T09:00:00Z", "note", note).at("2026-03-09T12:00:00Z", "note", note))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidReset, timer.DidStart, timer.DidReset, timer.DidStart}, what(happened))
	require.Equal(t, timer.OutcomeMet, happened[1].Outcome)
	require.Equal(t, timer.OutcomeBreached, happened[3].Outcome)
	require.Equal(t, "2026-03-09T14:00:00Z", due(t, clock, s))
	for cycle, want := range []timer.Outcome{timer.OutcomeMet, timer.OutcomeBreached, timer.OutcomeOpen} {
		r, err := clock.Cycle(s, cycle, instant("2026-03-09T12:30:00Z"))
		require.NoError(t, err)
		require.Equal(t, want, r.Outcome)
	}
	_, err := clock.Cycle(s, 3, instant("2026-03-09T12:30:00Z"))
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestL11RetroactiveStartBringsThePausesSince(t *testing.T) {
	target := timer.Resolution("office", []string{"caller"}, timer.Within(8*time.Hour))
	target.Start = []timer.Match{{In: []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryWaiting}, When: text("group", "network")}}
	assigned := func() *life {
		return logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "edit", set("created", instant("2026-03-09T08:00:00Z").UnixMicro())).
			held("2026-03-09T09:00:00Z", "caller").resumed("2026-03-09T11:00:00Z").at("2026-03-09T14:00:00Z", "assign", set("group", "network"))
	}
	for from, want := range map[string]string{"": "2026-03-10T14:00:00Z", "created": "2026-03-10T10:00:00Z", "never_set": "2026-03-10T14:00:00Z"} {
		target.CountFrom = from
		clock := only(t, target, desk())
		s, _ := run(t, clock, assigned())
		require.Equal(t, want, due(t, clock, s), from)
		require.Equal(t, instant("2026-03-09T14:00:00Z"), s.Cycles[0].Since)
	}
	target.CountFrom = "planned"
	clock := only(t, target, desk())
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "assign", func(l *life) {
		l.values["group"], l.values["planned"] = "network", instant("2026-03-20T08:00:00Z").UnixMicro()
	}))
	require.Equal(t, "2026-03-10T08:30:00Z", due(t, clock, s), "a time to come is not counted from")
	target.CountFrom = "created"
	clock = only(t, target, desk())
	s, _ = run(t, clock, logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "edit", set("created", instant("2026-03-09T08:00:00Z").UnixMicro())).
		held("2026-03-09T09:00:00Z", "caller").at("2026-03-09T14:00:00Z", "assign", set("group", "network")))
	require.Equal(t, timer.PhasePaused, s.Phase(), "it waits when it is assigned")
	require.Equal(t, hour, reading(t, clock, s, "2026-03-09T15:00:00Z").Open)
}

func TestL7CalendarByTheRecord(t *testing.T) {
	target := timer.Resolution("office", nil, timer.Within(8*time.Hour))
	target.CalendarBy = "site.calendar"
	clock := only(t, target, desk())
	for name, want := range map[any]string{"tokyo": "2026-03-09T08:00:00Z", "always": "2026-03-09T08:00:00Z", "atlantis": "2026-03-09T16:00:00Z", nil: "2026-03-09T16:00:00Z"} {
		s, _ := run(t, clock, new(life).at("2026-03-09T00:00:00Z", "log", func(l *life) { l.category, l.values["site.calendar"] = itsm.CategoryNew, name }))
		require.Equal(t, want, due(t, clock, s), name)
	}
	s, happened := run(t, clock, logged("2026-03-09T00:00:00Z", 3).at("2026-03-09T01:00:00Z", "edit", set("site.calendar", "tokyo")))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidChangeGoal}, what(happened))
	require.Equal(t, "2026-03-09T08:00:00Z", due(t, clock, s))
}

func TestL5FirstGoalThatHoldsCounts(t *testing.T) {
	vip := storage.Condition{Op: storage.And, Of: []storage.Condition{text("requester.vip", true), {Op: storage.AtMost, Column: "priority", Values: []any{int64(2)}}}}
	target := timer.Resolution("always", nil, timer.Goal{Name: "VIP", When: vip, Within: hour}, timer.ForPriority(2, 4*time.Hour))
	clock := only(t, target, desk())
	for _, c := range []struct {
		values map[string]any
		due    string
	}{
		{map[string]any{"requester.vip": true, "priority": int64(2)}, "2026-03-09T09:00:00Z"},
		{map[string]any{"requester.vip": false, "priority": int64(2)}, "2026-03-09T12:00:00Z"},
		{map[string]any{"requester.vip": true, "priority": int64(3)}, "-"},
	} {
		s, _ := run(t, clock, new(life).at("2026-03-09T08:00:00Z", "log", func(l *life) { l.category, l.values = itsm.CategoryNew, c.values }))
		require.Equal(t, c.due, due(t, clock, s))
	}
}

func TestL3ResumeCondition(t *testing.T) {
	target := timer.Resolution("always", nil, timer.Within(8*time.Hour))
	target.Pause, target.Resume = []timer.Match{{Actions: []string{"ask"}}}, []timer.Match{{Actions: []string{"answer"}}}
	clock := only(t, target, desk())
	s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T09:00:00Z", "ask", nil).at("2026-03-09T10:00:00Z", "note", nil).at("2026-03-09T11:00:00Z", "answer", nil))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidPause, timer.DidResume}, what(happened))
	require.Equal(t, "2026-03-09T18:00:00Z", due(t, clock, s))
}

func TestOneMomentStartsAndStops(t *testing.T) {
	target := timer.Resolution("always", nil, timer.Within(8*time.Hour))
	target.Start = []timer.Match{{Actions: []string{"log"}}}
	clock := only(t, target, desk())
	s, happened := run(t, clock, new(life).at("2026-03-09T08:00:00Z", "log", is(itsm.CategoryResolved)))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidStop}, what(happened))
	require.Equal(t, timer.OutcomeMet, reading(t, clock, s, "2026-03-09T08:00:00Z").Outcome)
}

func TestOutOfOrderAndDuplicateMoments(t *testing.T) {
	clock := only(t, resolution(), desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").resumed("2026-03-09T11:00:00Z")
	s, _ := run(t, clock, l)
	again, happened, err := clock.Apply(s, l.all[2])
	require.NoError(t, err)
	require.Empty(t, happened)
	require.Equal(t, s, again)
	_, _, err = clock.Apply(s, l.all[1])
	require.ErrorIs(t, err, timer.ErrOutOfOrder)
	var order *timer.OrderError
	require.True(t, errors.As(err, &order))
	require.Equal(t, int64(2), order.Moment.Version)
	require.Equal(t, "moment out of order: version 2.0 of 2026-03-09T09:00:00Z is before version 3.0 of 2026-03-09T11:00:00Z, which was applied", err.Error())
	mixed := []timer.Moment{l.all[2], l.all[0], l.all[1], l.all[2], l.all[0]}
	replayed, _, err := clock.Replay(mixed)
	require.NoError(t, err)
	require.Equal(t, s, replayed)
	for _, bad := range []timer.Moment{{}, {Version: 1}, {At: instant("2026-03-09T08:00:00Z")}, {Version: 1, N: -1, At: instant("2026-03-09T08:00:00Z")}, {Version: 1, At: instant("2026-03-09T08:00:00Z"), To: "done"}} {
		_, _, err := clock.Apply(timer.State{}, bad)
		require.ErrorIs(t, err, itsm.ErrInvalid)
		_, _, err = clock.Replay([]timer.Moment{bad})
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
}

func TestL21PolicyEditChangesNothingUntilARebase(t *testing.T) {
	target := resolution()
	target.Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}, {Name: "all", Share: timer.Percent(100)}}
	before := only(t, target, desk())
	target.Goals = []timer.Goal{timer.Within(6 * time.Hour)}
	after := only(t, target, desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").resumed("2026-03-09T10:00:00Z")
	s, _ := run(t, before, l)
	s, _, err := before.Fire(s, instant("2026-03-09T13:30:00Z"))
	require.NoError(t, err)
	require.Equal(t, "2026-03-10T09:00:00Z", due(t, before, s))
	rebased, happened, err := after.Rebase(s, l.all, instant("2026-03-09T14:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, "2026-03-09T15:00:00Z", due(t, after, rebased))
	require.Equal(t, []timer.What{timer.DidRebase}, what(happened))
	require.Equal(t, s.Cycles[0].Fired, rebased.Cycles[0].Fired, "what fired stays fired")
	upcoming, err := after.Thresholds(rebased, instant("2026-03-09T14:00:00Z"))
	require.NoError(t, err)
	require.Len(t, upcoming, 1)
	same, happened, err := before.Rebase(s, l.all, instant("2026-03-09T14:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, s, same)
	require.Empty(t, happened)
}

func TestHorizonIsAnErrorAndChangesNothing(t *testing.T) {
	d := office("Europe/Berlin", "09:00", "17:00")
	d.Until = "2027-01-01"
	clock := only(t, resolution(), map[string]*calendar.Calendar{"office": must(calendar.Compile(d, calendar.Options{}))})
	s, happened, err := clock.Apply(timer.State{}, logged("2026-12-31T12:00:00Z", 3).all[0])
	require.ErrorIs(t, err, calendar.ErrHorizon)
	require.Empty(t, happened)
	require.Zero(t, s)
}

func TestStateIsKeptAsJSON(t *testing.T) {
	clock := only(t, resolution(), desk())
	l := logged("2026-03-09T08:00:00.000000007Z", 3).held("2026-03-09T09:00:00.5Z", "caller").priority("2026-03-09T10:00:00Z", 1).resumed("2026-03-09T11:00:00Z").resolved("2026-03-09T13:00:00Z")
	var s timer.State
	for _, m := range l.all {
		raw, err := json.Marshal(m)
		require.NoError(t, err)
		var read timer.Moment
		require.NoError(t, json.Unmarshal(raw, &read))
		require.Equal(t, m, read)
		s, _, err = clock.Apply(s, read)
		require.NoError(t, err)
		raw, err = json.Marshal(s)
		require.NoError(t, err)
		var kept timer.State
		require.NoError(t, json.Unmarshal(raw, &kept))
		require.Equal(t, s, kept)
	}
	for _, bad := range []string{`{"values":{"a":1.5}}`, `{"values":{"a":{}}}`, `{"values":{"a":9223372036854775808}}`, `[]`} {
		require.Error(t, json.Unmarshal([]byte(bad), new(timer.Moment)), bad)
	}
}

func TestMomentOfAnEvent(t *testing.T) {
	m := timer.MomentOf(itsm.Event{Version: 3, N: 1, At: instant("2026-03-09T08:00:00Z"), Type: "incident.held.v1", Action: "hold", FromCategory: itsm.CategoryActive, ToCategory: itsm.CategoryWaiting}, "caller", map[string]any{"priority": int64(1)})
	require.Equal(t, timer.Moment{Version: 3, N: 1, At: instant("2026-03-09T08:00:00Z"), Type: "incident.held.v1", Action: "hold", From: itsm.CategoryActive, To: itsm.CategoryWaiting, HoldReason: "caller", Values: map[string]any{"priority": int64(1)}}, m)
}

// The traps are named by a part of what is said of them.
func TestDefinitionsThatCannotDoWhatTheySeemToAreRefused(t *testing.T) {
	in := func(c ...itsm.Category) timer.Match { return timer.Match{In: c} }
	for name, c := range map[string]struct {
		change func(*timer.Policy, *timer.Target)
		want   string
	}{
		"start implies stop": {func(_ *timer.Policy, t *timer.Target) {
			t.Start, t.Stop = []timer.Match{in(itsm.CategoryActive)}, []timer.Match{in(itsm.CategoryNew, itsm.CategoryActive)}
		}, "targets[0].start holds only where stop does, so the timer would stop as it starts"},
		"start by action implies stop": {func(_ *timer.Policy, t *timer.Target) {
			t.Start = []timer.Match{{Actions: []string{"log"}, In: []itsm.Category{itsm.CategoryNew}}}
			t.Stop = append(t.Stop, timer.Match{Actions: []string{"log", "reply"}})
		}, "would stop as it starts"},
		"start implies cancel": {func(_ *timer.Policy, t *timer.Target) {
			t.Cancel = []timer.Match{in(itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryWaiting)}
		}, "start holds only where cancel does"},
		"start never": {func(p *timer.Policy, t *timer.Target) {
			p.When, t.Start = text("priority", int64(1)), []timer.Match{{When: text("priority", int64(2))}}
		}, "start can never hold where the policy applies"},
		"policy never": {func(p *timer.Policy, _ *timer.Target) {
			p.When = storage.Condition{Op: storage.And, Of: []storage.Condition{text("priority", int64(1)), text("priority", int64(2))}}
		}, "when can never hold"},
		"start implies pause": {func(_ *timer.Policy, t *timer.Target) { t.Pause = t.Start }, "pause holds wherever start does"},
		"start and pause never both while it applies": {func(p *timer.Policy, t *timer.Target) {
			p.When, t.Pause = text("state", "InProgress", "New"), []timer.Match{{When: text("state", "OnHold")}}
		}, "pause can never hold where the policy applies: the timer would be cancelled"},
		"pause implies stop":   {func(_ *timer.Policy, t *timer.Target) { t.Stop = append(t.Stop, in(itsm.CategoryWaiting)) }, "pause holds only where stop does: the timer would stop instead of pausing"},
		"pause implies cancel": {func(_ *timer.Policy, t *timer.Target) { t.Cancel = []timer.Match{in(itsm.CategoryWaiting)} }, "would be cancelled instead of pausing"},
		"pause for ever": {func(p *timer.Policy, t *timer.Target) {
			p.When, t.Pause = text("vip", true), []timer.Match{{When: text("vip", true, false)}}
		}, "pause holds whatever happens, so the timer would be paused for ever"},
		"resume only to pause": {func(_ *timer.Policy, t *timer.Target) {
			t.Pause, t.Resume = []timer.Match{{Actions: []string{"hold", "wait"}}}, []timer.Match{{Actions: []string{"wait"}}}
		}, "resume holds only where pause does, so the timer would be paused for ever"},
		"resume never": {func(p *timer.Policy, t *timer.Target) {
			p.When, t.Pause, t.Resume = text("vip", true), []timer.Match{{Actions: []string{"hold"}}}, []timer.Match{{When: text("vip", false)}}
		}, "resume can never hold"},
		"stop cancels instead": {func(p *timer.Policy, _ *timer.Target) { p.When = text("event.to_category", "new", "active", "waiting") }, "stop[0] can never hold where the policy applies: the timer would be cancelled instead of stopped"},
		"reset at every event": {func(_ *timer.Policy, t *timer.Target) { t.Reset = []timer.Match{in(itsm.CategoryActive)} }, "reset[0] says only how the record is"},
		"reset implies stop": {func(_ *timer.Policy, t *timer.Target) {
			t.Reset = []timer.Match{{Entering: []itsm.Category{itsm.CategoryResolved}}}
		}, "reset holds only where stop does"},
	} {
		t.Run(name, func(t *testing.T) {
			target := resolution()
			p := timer.Policy{Name: "gold", Kind: "incident"}
			c.change(&p, &target)
			p.Targets = []timer.Target{target}
			_, err := timer.Compile(p, desk(), timer.Options{})
			require.ErrorIs(t, err, itsm.ErrInvalid)
			require.Contains(t, err.Error(), c.want)
		})
	}
}

func TestCompileNamesEveryFaultAtOnce(t *testing.T) {
	bad := timer.Target{Calendar: "moon", Edge: "never", Reopen: timer.Reopen{Policy: "maybe"}, OnChange: timer.OnChange{Shorter: "now"},
		Start:  []timer.Match{{In: []itsm.Category{"ready"}, Types: []string{""}, When: storage.Condition{Op: "like", Column: "title"}}},
		Resume: []timer.Match{{}}, CalendarBy: "x",
		Goals:      []timer.Goal{{}, {Within: -1}, {Within: 1, By: "x"}, {When: storage.Condition{Op: storage.Equal, Column: "a"}, Within: timer.MaxGoal + 1}},
		Thresholds: []timer.Threshold{{Name: "a", Share: timer.Percent(75)}, {Name: "b", Share: timer.Percent(50)}, {Name: "b", Offset: 5}, {Name: "c", Offset: 4}, {Name: "d", Share: timer.Percent(-1)}, {Name: "e", Share: timer.Percent(80), Offset: 1}}}
	days := timer.Target{Name: "days", Calendar: "office", Start: []timer.Match{{Actions: []string{"log"}}}, Stop: []timer.Match{{Actions: []string{"end"}}},
		Goals: []timer.Goal{{WorkingDays: &timer.WorkingDays{Days: -1, At: "noon"}}}}
	none := timer.Target{Name: "days", Calendar: ""}
	_, err := timer.Compile(timer.Policy{Type: "pact", Targets: []timer.Target{bad, days, none}}, desk(), timer.Options{})
	var invalid *itsm.ValidationError
	require.True(t, errors.As(err, &invalid))
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	for _, want := range []string{"name", "type", "kind", "targets[0].name", "targets[0].start[0].in[0]", "targets[0].start[0].types[0]", "targets[0].start[0].when.op",
		"targets[0].stop", "targets[0].resume", "targets[0].calendar", "targets[0].edge", "targets[0].reopen.policy", "targets[0].on_change.shorter",
		"targets[0].goals[0].within", "targets[0].goals[1].within", "targets[0].goals[2]", "targets[0].goals[3].when.values", "targets[0].goals[3].within",
		"targets[0].thresholds[1].share", "targets[0].thresholds[2].name", "targets[0].thresholds[3].offset", "targets[0].thresholds[4].share", "targets[0].thresholds[5]",
		"targets[1].goals[0].working_days.days", "targets[1].goals[0].working_days.at", "targets[2].name", "targets[2].calendar", "targets[2].goals", "targets[2].start"} {
		require.Contains(t, fields, want)
	}
	require.Contains(t, err.Error(), `"moon" is unknown; there are: always, office, tokyo`)

	p := timer.Policy{Name: "gold", Kind: "incident", When: text("colour", "red"), Targets: []timer.Target{resolution()}}
	_, err = timer.Compile(p, desk(), timer.Options{Check: func(when storage.Condition) error {
		if strings.Contains(must2(json.Marshal(when)), "colour") {
			return storage.Invalid("condition", "when.column", "is no column")
		}
		return nil
	}})
	require.ErrorContains(t, err, "when.column is no column")
	_, err = timer.Compile(timer.Policy{Name: "gold", Kind: "incident"}, nil, timer.Options{})
	require.ErrorContains(t, err, "targets are required")
}

func must2(raw []byte, err error) string { return string(must(raw, err)) }

func TestCompiledPolicyDoesNotChange(t *testing.T) {
	p := timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{resolution()}}
	calendars := desk()
	c, err := timer.Compile(p, calendars, timer.Options{})
	require.NoError(t, err)
	p.Targets[0].Goals[1].Within = 1
	delete(calendars, "office")
	copied := c.Policy()
	copied.Targets[0].Goals[1].Within = 2
	clock := c.Timers()[0]
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 3))
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, clock, s))
	require.Equal(t, "resolution", clock.Name())
}

func TestAnotherGoalOfTheSameLengthIsNoShorterOne(t *testing.T) {
	target := timer.Resolution("office", nil, timer.ForPriority(2, 8*time.Hour), timer.ForPriority(3, 8*time.Hour))
	target.OnChange = timer.OnChange{Shorter: timer.FromChange}
	clock := only(t, target, desk())
	s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).priority("2026-03-09T10:00:00Z", 2))
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, clock, s))
	require.Equal(t, "the goal is another one: classify, priority 2, 8h of office instead of priority 3, 8h of office", happened[1].Why)
}

func TestThresholdOfTheWholeGoalIsAtDue(t *testing.T) {
	target := resolution()
	target.Edge = calendar.AtNextOpen
	target.Goals = []timer.Goal{timer.ForPriority(1, 8*time.Hour), {WorkingDays: &timer.WorkingDays{Days: 1, At: "20:00"}}}
	target.Thresholds = []timer.Threshold{{Name: "whole", Share: timer.Percent(100)}, {Name: "due"}}
	clock := only(t, target, desk())
	for _, priority := range []int64{1, 3} {
		s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", priority))
		upcoming, err := clock.Thresholds(s, instant("2026-03-09T08:00:00Z"))
		require.NoError(t, err)
		require.Len(t, upcoming, 2)
		for _, u := range upcoming {
			require.Equal(t, due(t, clock, s), u.At.Format(time.RFC3339), u.Threshold)
		}
	}
}

// To be given to somebody makes a record active, and is no answer; to take it is, though it is active already.
func TestL1AResponseIsThatSomebodyBegins(t *testing.T) {
	active := is(itsm.CategoryActive)
	for name, x := range map[string]struct {
		l    *life
		want timer.Phase
	}{
		"logged for a group":          {new(life).at("2026-03-09T08:00:00Z", "log", active), timer.PhaseRunning},
		"assigned":                    {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "assign", active), timer.PhaseRunning},
		"assigned, and noted":         {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "assign", active).at("2026-03-09T08:31:00Z", "note", nil), timer.PhaseRunning},
		"assigned, and started":       {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "assign", active).at("2026-03-09T08:31:00Z", "start", nil), timer.PhaseStopped},
		"accepted":                    {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "accept", active), timer.PhaseStopped},
		"acknowledged":                {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "acknowledge", nil), timer.PhaseStopped},
		"active by a host's action":   {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "pick_up", active), timer.PhaseStopped},
		"active by an unnamed action": {logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T08:30:00Z", "", active), timer.PhaseStopped},
		"resolved":                    {logged("2026-03-09T08:00:00Z", 3).resolved("2026-03-09T08:30:00Z"), timer.PhaseStopped},
	} {
		s, _ := run(t, only(t, timer.Response("office", nil, timer.Within(2*time.Hour)), desk()), x.l)
		require.Equal(t, x.want, s.Phase(), name)
	}
}

func TestAGoalForAPriorityIsCalledByIt(t *testing.T) {
	require.Equal(t, "priority 2", timer.ForPriority(2, time.Hour).Name)
}
