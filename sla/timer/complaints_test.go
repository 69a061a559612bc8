// This file holds what people complain of in other products, each as what a user sees here.

package timer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

func TestPauseIsNotLostWhenThePolicyIsReplaced(t *testing.T) {
	silver, gold := resolution(), resolution()
	gold.Goals = []timer.Goal{timer.Within(6 * time.Hour)}
	before, after := only(t, silver, desk()), only(t, gold, desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").resumed("2026-03-09T11:00:00Z")
	s, _ := run(t, before, l)
	s, _, err := after.Rebase(s, l.all, instant("2026-03-09T11:30:00Z"))
	require.NoError(t, err)
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, after, s), "six hours and the two of the pause")
	require.Equal(t, 2*hour, reading(t, after, s, "2026-03-09T12:00:00Z").PausedOpen)
}

func TestPauseOverAWeekendGivesBackOnlyOpenTime(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, _ := run(t, clock, logged("2026-03-06T14:00:00Z", 3).held("2026-03-06T15:00:00Z", "caller").resumed("2026-03-09T09:00:00Z"))
	r := reading(t, clock, s, "2026-03-09T10:00:00Z")
	require.Equal(t, 2*hour, r.PausedOpen, "an hour on Friday and one on Monday")
	require.Equal(t, 66*hour, r.PausedWall)
	require.Equal(t, 2*hour, r.Open)
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, clock, s))
}

func TestDueNeverMovesSilently(t *testing.T) {
	clock := only(t, resolution(), desk())
	l := logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T09:00:00Z", "edit", set("title", "other")).
		at("2026-03-09T09:30:00Z", "edit", set("due", instant("2026-04-01T00:00:00Z").UnixMicro()))
	s, happened := run(t, clock, l)
	require.Equal(t, []timer.What{timer.DidStart}, what(happened))
	require.Equal(t, "2026-03-09T16:00:00Z", due(t, clock, s), "a due date that a person enters is another thing")
}

func TestTimeInResolvedIsNoPause(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, _ := run(t, clock, logged("2026-03-09T08:00:00Z", 3).resolved("2026-03-09T10:00:00Z").reopened("2026-03-09T14:00:00Z"))
	e, err := clock.Explain(s, instant("2026-03-09T15:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, timer.ReasonExcluded, e.Segments[1].Reason)
	require.Equal(t, "resolve", e.Segments[1].Name)
}

func TestNothingFiresAndNothingBreachesWhilePending(t *testing.T) {
	target := resolution()
	target.Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}, {Name: "breach", Share: timer.Percent(100)}}
	clock := only(t, target, desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T13:00:00Z", "caller")
	s, _ := run(t, clock, l)
	later := instant("2026-03-30T12:00:00Z")
	s, fired, err := clock.Fire(s, later)
	require.NoError(t, err)
	require.Empty(t, fired, "even what was missed before")
	require.Equal(t, timer.OutcomeOpen, must(clock.At(s, later)).Outcome)
	_, ok, err := clock.NextThreshold(s)
	require.NoError(t, err)
	require.False(t, ok)
	resumed, _, err := clock.Apply(s, l.resumed("2026-03-30T12:00:00Z").all[2])
	require.NoError(t, err)
	_, fired, err = clock.Fire(resumed, later)
	require.NoError(t, err)
	require.Len(t, fired, 1)
	require.True(t, fired[0].Late)
	stopped, _, err := clock.Apply(s, timer.Moment{Version: 3, At: later, From: itsm.CategoryWaiting, To: itsm.CategoryResolved, Values: l.values})
	require.NoError(t, err)
	_, fired, err = clock.Fire(stopped, later)
	require.NoError(t, err)
	require.Empty(t, fired, "what has stopped fires nothing")
}

func TestL14NewGroupDoesNotGetATargetThatIsBreachedAlready(t *testing.T) {
	ola := timer.Resolution("office", nil, timer.Within(2*time.Hour))
	ola.Start = []timer.Match{{Actions: []string{"assign", "reassign"}, When: text("group", "network")}}
	ola.Cancel = append(ola.Cancel, timer.Match{Actions: []string{"reassign"}, When: storage.Condition{Op: storage.Not, Of: []storage.Condition{text("group", "network")}}})
	p := timer.Policy{Name: "network", Type: timer.OLA, Kind: "incident", Targets: []timer.Target{ola}}
	clock := compile(t, p, desk())
	s, happened := run(t, clock, logged("2026-03-02T08:00:00Z", 3).at("2026-03-09T08:00:00Z", "assign", set("group", "network")))
	require.Equal(t, []timer.What{timer.DidStart}, what(happened))
	require.Equal(t, "2026-03-09T10:00:00Z", due(t, clock, s))
	s, happened = run(t, clock, logged("2026-03-02T08:00:00Z", 3).at("2026-03-09T08:00:00Z", "assign", set("group", "network")).
		at("2026-03-09T09:00:00Z", "reassign", set("group", "storage")).at("2026-03-09T12:00:00Z", "reassign", set("group", "network")))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidCancel, timer.DidStart}, what(happened))
	require.Equal(t, "2026-03-09T14:00:00Z", due(t, clock, s))
	require.Len(t, s.Cycles, 2)
}

func TestL2UpdateTargetBeginsAnewWhenTheAgentAnswers(t *testing.T) {
	informed := []timer.Match{{Types: []string{"incident.note.v1"}, When: text("event.action", "note")}}
	p := timer.Policy{Name: "gold", Kind: "incident", When: text("customer", "acme"), Targets: []timer.Target{
		timer.Update("always", informed, []string{"caller"}, timer.Within(4*time.Hour)), timer.Response("always", nil, timer.Within(time.Hour))}}
	p.Targets[0].Thresholds = []timer.Threshold{{Name: "silent", Share: timer.Percent(100)}}
	c, err := timer.Compile(p, desk(), timer.Options{})
	require.NoError(t, err)
	update, response := c.Timers()[0], c.Timers()[1]
	l := new(life).at("2026-03-09T08:00:00Z", "log", func(l *life) { l.category, l.values = itsm.CategoryNew, map[string]any{"customer": "acme"} }).
		at("2026-03-09T11:00:00Z", "note", nil)
	s, _ := run(t, update, l)
	s, fired, err := update.Fire(s, instant("2026-03-09T12:30:00Z"))
	require.NoError(t, err)
	require.Empty(t, fired, "the agent has answered")
	require.Equal(t, "2026-03-09T15:00:00Z", due(t, update, s))
	first, _ := run(t, response, l)
	require.Equal(t, timer.PhaseRunning, first.Phase(), "and the response is another matter")
	require.Equal(t, "2026-03-09T09:00:00Z", due(t, response, first))
	gone, happened := run(t, update, l.at("2026-03-09T11:30:00Z", "edit", set("customer", "other")))
	require.Equal(t, timer.PhaseIdle, gone.Phase(), "the clock of a policy that was taken away is gone")
	require.Equal(t, "the policy does not apply any more", happened[len(happened)-1].Reason)
}

func TestNothingEscalatesAfterThePolicyCeasesToApply(t *testing.T) {
	target := resolution()
	target.Thresholds = []timer.Threshold{{Name: "all", Share: timer.Percent(100)}}
	p := timer.Policy{Name: "gold", Kind: "incident", When: storage.Condition{Op: storage.Not, Of: []storage.Condition{text("merged", true)}}, Targets: []timer.Target{target}}
	clock := compile(t, p, desk())
	l := logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T09:00:00Z", "merge", set("merged", true))
	s, happened := run(t, clock, l)
	require.Equal(t, timer.OutcomeNone, happened[1].Outcome)
	later := instant("2026-04-09T09:00:00Z")
	_, fired, err := clock.Fire(s, later)
	require.NoError(t, err)
	require.Empty(t, fired)
	r, err := clock.At(s, later)
	require.NoError(t, err)
	require.Equal(t, timer.OutcomeNone, r.Outcome)
	require.False(t, r.HasDue)
	require.Equal(t, hour, r.Open, "what it had until then")
	_, ok, err := clock.Forecast(s, later)
	require.NoError(t, err)
	require.False(t, ok)
	_, ok, err = clock.DueIfResumed(s, later)
	require.NoError(t, err)
	require.False(t, ok)
	s, happened = run(t, clock, l.at("2026-03-09T10:00:00Z", "unmerge", set("merged", false)))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidCancel, timer.DidStart}, what(happened), "it applies again")
	require.Equal(t, "2026-03-10T10:00:00Z", due(t, clock, s))
}

func TestCancelledByAnEventItDoesNotBeginAtTheNextOne(t *testing.T) {
	target := resolution()
	target.Cancel = []timer.Match{{Actions: []string{"waive"}}}
	clock := only(t, target, desk())
	_, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).at("2026-03-09T09:00:00Z", "waive", nil).at("2026-03-09T10:00:00Z", "edit", nil))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidCancel}, what(happened))
}

func TestL24ExplanationNamesTheHolidayThatPeopleDidNotKnowOf(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, _ := run(t, clock, logged("2026-04-30T13:00:00Z", 3))
	e, err := clock.Explain(s, instant("2026-05-04T08:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, `resolution of gold: 8h of office, Europe/Berlin
Thu 2026-04-30 15:00  Thu 2026-04-30 17:00        2h       2h  counts
Thu 2026-04-30 17:00  Fri 2026-05-01 09:00                     closed
Fri 2026-05-01 09:00  Fri 2026-05-01 17:00                     holiday: May Day
Fri 2026-05-01 17:00  Mon 2026-05-04 09:00                     closed
Mon 2026-05-04 09:00  Mon 2026-05-04 10:00        1h       3h  counts
counted 3h of 8h, 5h left; due Mon 2026-05-04 15:00
`, e.String())
}

func TestThresholdsAreNotAtNight(t *testing.T) {
	target := resolution()
	target.Thresholds = []timer.Threshold{{Name: "two hours before", Offset: -2 * hour}, {Name: "an hour after", Offset: hour}}
	clock := only(t, target, desk())
	s, _ := run(t, clock, logged("2026-03-06T09:00:00Z", 3))
	upcoming, err := clock.Thresholds(s, instant("2026-03-06T09:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, "2026-03-06T15:00:00Z", upcoming[0].At.Format(time.RFC3339))
	require.Equal(t, "2026-03-09T10:00:00Z", upcoming[1].At.Format(time.RFC3339))
}

func TestPauseAcrossTheAutumnChangeIsAsLongAsItLasted(t *testing.T) {
	d := calendar.Definition{Name: "night", Zone: "Europe/Berlin", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}
	target := timer.Resolution("night", []string{"caller"}, timer.Within(2*time.Hour))
	clock := only(t, target, map[string]*calendar.Calendar{"night": must(calendar.Compile(d, calendar.Options{}))})
	// 02:30 in summer to 02:45 in winter by the clock on the wall: an hour and a quarter. Another pause goes from 02:50 to
	// 02:10, which is later all the same.
	s, _ := run(t, clock, logged("2026-10-25T00:00:00Z", 3).held("2026-10-25T00:30:00Z", "caller").resumed("2026-10-25T01:45:00Z"))
	require.Equal(t, "2026-10-25T03:15:00Z", due(t, clock, s))
	s, _ = run(t, clock, logged("2026-10-25T00:00:00Z", 3).held("2026-10-25T00:50:00Z", "caller").resumed("2026-10-25T01:10:00Z"))
	require.Equal(t, "2026-10-25T02:20:00Z", due(t, clock, s))
	require.Equal(t, timer.Duration(20*time.Minute), reading(t, clock, s, "2026-10-25T01:30:00Z").PausedOpen)
}

func TestSecondsOfPausesAreNotLost(t *testing.T) {
	clock := only(t, resolution(), desk())
	l := logged("2026-03-09T08:00:00Z", 3)
	at := instant("2026-03-09T08:01:00Z")
	for range 36 {
		l.when(at, "hold", func(l *life) { l.category, l.hold = itsm.CategoryWaiting, "caller" })
		l.when(at.Add(59*time.Second), "resume", is(itsm.CategoryActive))
		at = at.Add(2 * time.Minute)
	}
	s, _ := run(t, clock, l)
	require.Equal(t, timer.Duration(36*59*time.Second), reading(t, clock, s, "2026-03-09T12:00:00Z").PausedOpen)
}

func TestL8ElapsedAndDueAgreeOverClockChanges(t *testing.T) {
	for zone, start := range map[string]string{
		"America/Santiago": "2026-09-04T14:00:00Z", "America/Havana": "2026-03-06T14:00:00Z", "America/Sao_Paulo": "2018-11-02T13:00:00Z",
		"Africa/Cairo": "2026-04-23T08:00:00Z", "Asia/Beirut": "2026-03-27T08:00:00Z", "Australia/Lord_Howe": "2026-04-03T00:00:00Z",
		"Asia/Kathmandu": "1985-12-30T04:00:00Z", "Pacific/Apia": "2011-12-28T20:00:00Z", "Europe/Paris": "2026-10-23T08:00:00Z",
	} {
		d := office(zone, "09:00", "17:00")
		d.Hours[0].Days = nil
		clock := only(t, timer.Resolution("office", nil, timer.Within(24*time.Hour)), map[string]*calendar.Calendar{"office": must(calendar.Compile(d, calendar.Options{}))})
		s, _ := run(t, clock, logged(start, 3))
		at, ok, err := clock.Due(s)
		require.NoError(t, err)
		require.True(t, ok)
		r, err := clock.At(s, at)
		require.NoError(t, err)
		require.Zero(t, r.Remaining, zone)
		require.Equal(t, 24*hour, r.Open, zone)
	}
}

func TestL19OpenAndWallTimeAreBothKept(t *testing.T) {
	clock := only(t, resolution(), desk())
	s, _ := run(t, clock, logged("2026-03-06T15:00:00Z", 3).resolved("2026-03-09T09:00:00Z"))
	r := reading(t, clock, s, "2026-03-20T00:00:00Z")
	require.Equal(t, 2*hour, r.Open)
	require.Equal(t, 66*hour, r.Wall)
}

func TestL4L25SeveralTargetsOnOneRecordAndTheFirstToBreach(t *testing.T) {
	p := timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{
		timer.Response("office", nil, timer.Within(time.Hour)), resolution(), timer.Resolution("always", nil, timer.Within(5*time.Hour))}}
	p.Targets[2].Name = "whole"
	c, err := timer.Compile(p, desk(), timer.Options{})
	require.NoError(t, err)
	var clocks []timer.Clock
	for _, clock := range c.Timers() {
		s, _ := run(t, clock, logged("2026-03-06T15:30:00Z", 3))
		clocks = append(clocks, timer.Clock{Timer: clock, State: s})
	}
	at, which, err := timer.FirstBreach(clocks, instant("2026-03-06T15:40:00Z"))
	require.NoError(t, err)
	require.Equal(t, 2, which)
	require.Equal(t, "2026-03-06T20:30:00Z", at.Format(time.RFC3339))
	at, which, err = timer.FirstBreach(clocks, instant("2026-03-06T20:30:00.000001Z"))
	require.NoError(t, err)
	require.Equal(t, 0, which, "what is breached already is passed over")
	require.Equal(t, "2026-03-09T08:30:00Z", at.Format(time.RFC3339))
	_, which, err = timer.FirstBreach(nil, at)
	require.NoError(t, err)
	require.Equal(t, -1, which)
}

func TestL15UnderpinningContractCountsWhileTheSupplierHasIt(t *testing.T) {
	uc := timer.Target{Name: "supplier", Calendar: "always", Goals: []timer.Goal{timer.Within(4 * time.Hour)},
		Start:  []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting}, Reasons: []string{"vendor"}}},
		Stop:   []timer.Match{{In: []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryResolved, itsm.CategoryClosed}}},
		Reopen: timer.Reopen{Policy: timer.ReopenResume}}
	clock := compile(t, timer.Policy{Name: "carrier", Type: timer.UnderpinningContract, Kind: "incident", Targets: []timer.Target{uc}}, desk())
	s, happened := run(t, clock, logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "vendor").resumed("2026-03-09T11:00:00Z").held("2026-03-09T12:00:00Z", "vendor"))
	require.Equal(t, []timer.What{timer.DidStart, timer.DidStop, timer.DidReopen}, what(happened))
	require.Equal(t, "2026-03-09T14:00:00Z", due(t, clock, s))
}

func TestL22RepairFromTheHistoryGivesTheSameTimer(t *testing.T) {
	clock := only(t, resolution(), desk())
	l := logged("2026-03-09T08:00:00Z", 3).held("2026-03-09T09:00:00Z", "caller").priority("2026-03-09T10:00:00Z", 1).resumed("2026-03-09T11:00:00Z")
	want, _ := run(t, clock, l)
	broken := timer.State{Cycles: []timer.Cycle{}}
	repaired, happened, err := clock.Rebase(broken, l.all, instant("2026-03-09T12:00:00Z"))
	require.NoError(t, err)
	require.Equal(t, want, repaired)
	require.Len(t, happened, 1)
}

func TestTouchingPausesAreAsOne(t *testing.T) {
	clock := only(t, timer.Resolution("office", []string{"caller", "vendor"}, timer.Within(8*time.Hour)), desk())
	begin := func() *life { return logged("2026-03-06T08:00:00Z", 3).held("2026-03-06T16:00:00Z", "caller") } // just when it is due
	s, _ := run(t, clock, begin().at("2026-03-07T10:00:00Z", "change_hold_reason", func(l *life) { l.hold = "vendor" }))
	require.Equal(t, "-", due(t, clock, s), "another reason, outside hours, does not make it due")
	one, _ := run(t, clock, begin().resumed("2026-03-09T10:00:00Z"))
	two, _ := run(t, clock, begin().at("2026-03-07T10:00:00Z", "change_hold_reason", func(l *life) { l.hold = "vendor" }).resumed("2026-03-09T10:00:00Z"))
	require.Equal(t, due(t, clock, one), due(t, clock, two))
	require.Equal(t, "2026-03-09T10:00:00Z", due(t, clock, two))
}
