// This file tests the check of chains.

package timer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

func link(name, calendarName string, d time.Duration) timer.Link {
	return timer.Link{Name: name, Calendar: calendarName, Goal: timer.Within(d)}
}

func TestL27ChainIsKeptOrTheLinkIsNamed(t *testing.T) {
	from, until := instant("2026-01-01T00:00:00Z"), instant("2027-01-01T00:00:00Z")
	promise := link("customer SLA", "office", 8*time.Hour)
	for _, c := range []struct {
		name  string
		chain timer.Link
		slack timer.Duration
		link  []string
	}{
		{"hand-offs add up to the promise", timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", 2*time.Hour), link("network", "office", 6*time.Hour)}}, 0, nil},
		{"hand-offs add up to more", timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", 2*time.Hour), link("network", "office", 5*time.Hour), link("carrier", "office", 2*time.Hour)}}, 0, []string{"chain", "carrier"}},
		{"one that uses up the promise does not break it", timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", 8*time.Hour), link("network", "office", time.Hour)}}, 0, []string{"chain", "network"}},
		{"parallel ones take the longest", timer.Link{Name: "chain", Parallel: []timer.Link{link("network", "office", 8*time.Hour), link("server", "office", 7*time.Hour)}}, 0, nil},
		{"the longest is too long", timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", time.Hour), {Name: "repair", Parallel: []timer.Link{link("network", "office", 7*time.Hour), link("server", "office", 8*time.Hour)}}}}, 0, []string{"chain", "repair", "server"}},
		{"always open beats an office", timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", 7*time.Hour), link("carrier", "always", time.Hour)}}, 0, nil},
		{"an office abroad is closed when it matters", timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", time.Hour), link("Tokyo", "tokyo", 2*time.Hour)}}, 0, []string{"chain", "Tokyo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := timer.CheckChain(promise, c.chain, desk(), from, until)
			require.NoError(t, err)
			require.Equal(t, c.link == nil, report.Kept, "%+v", report)
			if c.link == nil {
				require.Equal(t, c.slack, report.Slack)
				require.Nil(t, report.Worst)
				return
			}
			require.Equal(t, c.link, report.Worst.Link)
			require.Equal(t, c.link, report.First.Link)
			require.True(t, report.Worst.Delivered.After(report.Worst.Promised))
			require.False(t, report.Worst.Start.Before(report.First.Start))
			require.Equal(t, -report.Slack, timer.Duration(report.Worst.Delivered.Sub(report.Worst.Promised)))
		})
	}
}

func TestChainSeesTheHolidayThatOneCalendarHas(t *testing.T) {
	// The desk is closed over Christmas; the customer's calendar is not.
	d := office("Europe/Berlin", "09:00", "17:00")
	calendars := desk()
	calendars["customer"] = must(calendar.Compile(d, calendar.Options{}))
	promise, chain := link("SLA", "customer", 16*time.Hour), link("desk", "office", 15*time.Hour)
	report, err := timer.CheckChain(promise, chain, calendars, instant("2026-06-01T00:00:00Z"), instant("2026-12-01T00:00:00Z"))
	require.NoError(t, err)
	require.True(t, report.Kept)
	report, err = timer.CheckChain(promise, chain, calendars, instant("2026-06-01T00:00:00Z"), instant("2027-06-01T00:00:00Z"))
	require.NoError(t, err)
	require.False(t, report.Kept)
	require.Equal(t, "2026-12-22", report.First.Start.Format("2006-01-02"))
	require.Equal(t, []string{"desk"}, report.Worst.Link)
}

func TestChainInWorkingDays(t *testing.T) {
	day := timer.Link{Name: "next day at four", Calendar: "office", Goal: timer.Goal{WorkingDays: &timer.WorkingDays{Days: 1, At: "16:00"}}}
	from, until := instant("2026-03-01T00:00:00Z"), instant("2026-04-01T00:00:00Z")
	report, err := timer.CheckChain(day, link("desk", "office", 7*time.Hour), desk(), from, until)
	require.NoError(t, err)
	require.True(t, report.Kept)
	report, err = timer.CheckChain(day, link("desk", "office", 9*time.Hour), desk(), from, until)
	require.NoError(t, err)
	require.False(t, report.Kept, "who comes at five in the evening has the next day alone, eight hours of it less one")
	report, err = timer.CheckChain(link("SLA", "office", 16*time.Hour), day, desk(), from, until)
	require.NoError(t, err)
	require.True(t, report.Kept)
}

func TestChainsWithFaultsAreRefused(t *testing.T) {
	from, until := instant("2026-01-01T00:00:00Z"), instant("2027-01-01T00:00:00Z")
	good := link("a", "office", time.Hour)
	deep := good
	for range 12 {
		deep = timer.Link{Name: "d", Sequence: []timer.Link{deep}}
	}
	many := timer.Link{Name: "m"}
	for range 101 {
		many.Parallel = append(many.Parallel, good)
	}
	for name, c := range map[string]struct {
		promise, chain timer.Link
		until          time.Time
	}{
		"no name":         {good, link("", "office", 1), until},
		"no calendar":     {good, link("a", "moon", 1), until},
		"no goal":         {good, timer.Link{Name: "a", Calendar: "office"}, until},
		"by the record":   {good, timer.Link{Name: "a", Calendar: "office", Goal: timer.Goal{By: "x"}}, until},
		"nothing":         {good, timer.Link{Name: "a"}, until},
		"two things":      {good, timer.Link{Name: "a", Sequence: []timer.Link{good}, Parallel: []timer.Link{good}}, until},
		"promise of many": {timer.Link{Name: "a", Sequence: []timer.Link{good}}, good, until},
		"too deep":        {good, deep, until},
		"too many":        {good, many, until},
		"no time":         {good, good, from},
		"too long":        {good, good, from.AddDate(6, 0, 0)},
	} {
		_, err := timer.CheckChain(c.promise, c.chain, desk(), from, c.until)
		require.ErrorIs(t, err, itsm.ErrInvalid, name)
	}
	_, err := timer.CheckChain(good, good, desk(), instant("2100-01-01T00:00:00Z"), instant("2101-06-01T00:00:00Z"))
	require.ErrorIs(t, err, calendar.ErrHorizon)
}

// No beginning that is tried at random is worse than what the check found.
func TestChainCheckFindsTheWorst(t *testing.T) {
	calendars := desk()
	short := office("America/New_York", "10:15", "11:45")
	short.Hours = append(short.Hours, calendar.Hours{Days: calendar.MondayToFriday(), From: "22:00", To: "03:00"})
	calendars["shifts"] = must(calendar.Compile(short, calendar.Options{}))
	names := []string{"office", "always", "tokyo", "shifts"}
	rapid.Check(t, func(t *rapid.T) {
		one := func(name string) timer.Link {
			return link(name, rapid.SampledFrom(names).Draw(t, "calendar"), time.Duration(rapid.IntRange(1, 1200).Draw(t, "minutes"))*time.Minute)
		}
		promise := one("promise")
		chain := timer.Link{Name: "chain", Sequence: []timer.Link{one("a"), {Name: "b", Parallel: []timer.Link{one("b1"), one("b2")}}}}
		if rapid.Bool().Draw(t, "longer") {
			chain.Sequence = append(chain.Sequence, one("c"))
		}
		from := instant("2026-03-01T00:00:00Z").Add(time.Duration(rapid.IntRange(0, 250*24).Draw(t, "from")) * time.Hour)
		until := from.Add(14 * 24 * time.Hour)
		report, err := timer.CheckChain(promise, chain, calendars, from, until)
		if err != nil {
			t.Fatal(err)
		}
		done := func(l timer.Link, at time.Time) time.Time {
			return must(calendars[l.Calendar].Add(at, time.Duration(l.Goal.Within)))
		}
		for range 300 {
			start := from.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(from))-1).Draw(t, "start")))
			if rapid.Bool().Draw(t, "round") {
				start = start.Truncate(time.Minute)
			}
			if start.Before(from) {
				continue
			}
			at := done(chain.Sequence[0], start)
			b1, b2 := done(chain.Sequence[1].Parallel[0], at), done(chain.Sequence[1].Parallel[1], at)
			if at = b1; b2.After(at) {
				at = b2
			}
			if len(chain.Sequence) == 3 {
				at = done(chain.Sequence[2], at)
			}
			if slack := timer.Duration(done(promise, start).Sub(at)); slack < report.Slack {
				t.Fatalf("%s has a slack of %s, the check found %s", start, slack, report.Slack)
			}
		}
	})
}
