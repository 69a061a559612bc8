// This file holds the laws of calendar arithmetic, over random calendars, zones and instants.

package calendar_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/sla/calendar"
)

// zones are those whose clocks have done what calendars get wrong: half an hour of daylight saving, changes at
// midnight, changes at short notice, offsets of 45 minutes, a day that was skipped, two hours at once.
var zones = []string{
	"Australia/Lord_Howe", "America/Santiago", "America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut",
	"Asia/Kathmandu", "Pacific/Apia", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns", "Africa/Casablanca",
	"Antarctica/Troll", "UTC",
}

var days = []calendar.Weekday{calendar.Monday, calendar.Tuesday, calendar.Wednesday, calendar.Thursday, calendar.Friday, calendar.Saturday, calendar.Sunday}

func clockTime(seconds int) string {
	if seconds%60 != 0 {
		return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%02d:%02d", seconds/3600, seconds/60%60)
}

const (
	dayLength  = 24 * 60 * 60
	weekLength = 7 * dayLength
)

// drawInstant gives a second of 1970 to 2100, often near a change of the zone's clocks.
func drawInstant(t *rapid.T, zone string) int64 {
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at := time.Unix(rapid.Int64Range(10*dayLength, 4102444800-20*dayLength).Draw(t, "instant"), 0).In(loc)
	if rapid.IntRange(0, 3).Draw(t, "near") > 0 {
		if _, end := at.ZoneBounds(); !end.IsZero() && end.Unix() < 4102444800-20*dayLength {
			at = end.Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, "hours")) * time.Hour)
		}
	}
	return at.Unix()
}

// drawWindows gives windows that neither overlap nor are longer than a day, over a ring of some seconds.
func drawWindows(t *rapid.T, ring, most int) (windows [][2]int) {
	step := rapid.SampledFrom([]int{3600, 1800, 900, 60, 1}).Draw(t, "step")
	cuts := rapid.SliceOfNDistinct(rapid.IntRange(0, (ring-1)/step), 2, 2*most, rapid.ID[int]).Draw(t, "cuts")
	slices.Sort(cuts)
	for i := 0; i+1 < len(cuts); i += 2 {
		open, close := cuts[i]*step, cuts[i+1]*step
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "touch") == 0 {
			open = windows[len(windows)-1][1]
		}
		windows = append(windows, [2]int{open, min(close, open+dayLength)})
	}
	return windows
}

func drawDate(t *rapid.T, around int64) calendar.Date {
	return calendar.DateOf(time.Unix(around, 0).UTC().AddDate(0, 0, rapid.IntRange(-2, 5).Draw(t, "day")))
}

// drawDefinition gives a calendar with hours all over the week, and with dates near the instant.
func drawDefinition(t *rapid.T, name, zone string, around int64) calendar.Definition {
	d := calendar.Definition{Name: name, Zone: zone}
	for _, w := range drawWindows(t, weekLength, 9) {
		d.Hours = append(d.Hours, calendar.Hours{Days: days[w[0]/dayLength : w[0]/dayLength+1], From: clockTime(w[0] % dayLength), To: clockTime(w[1] % dayLength)})
		if length := w[1] - w[0]; length > 4 && rapid.IntRange(0, 4).Draw(t, "break") == 0 {
			from := w[0] + rapid.IntRange(0, length/2).Draw(t, "from")
			to := min(from+1+rapid.IntRange(0, length/2).Draw(t, "to"), w[1])
			d.Breaks = append(d.Breaks, calendar.Hours{Days: days[from/dayLength%7 : from/dayLength%7+1], From: clockTime(from % dayLength), To: clockTime(to % dayLength)})
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "all week") == 0 {
		d.Hours, d.Breaks = []calendar.Hours{{From: "00:00", To: "24:00"}}, nil
	}
	for range rapid.IntRange(0, 2).Draw(t, "holidays") {
		h := calendar.Holiday{Date: drawDate(t, around)}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			h.To = calendar.DateOf(must(time.Parse(time.DateOnly, string(h.Date))).AddDate(0, 0, rapid.IntRange(0, 40).Draw(t, "length")))
		case 1:
			h = calendar.Holiday{Every: &calendar.Yearly{Day: calendar.MonthDay(h.Date[5:])}}
			if rapid.Bool().Draw(t, "long") {
				h.Every.To = calendar.MonthDay(drawDate(t, around)[5:])
			}
			if h.Every.Day == "02-29" || h.Every.To == "02-29" {
				h = calendar.Holiday{Date: drawDate(t, around)}
			}
		}
		d.Holidays = append(d.Holidays, h)
	}
	for range rapid.IntRange(0, 2).Draw(t, "overrides") {
		o := calendar.Override{Date: drawDate(t, around)}
		if slices.ContainsFunc(d.Overrides, func(other calendar.Override) bool { return other.Date == o.Date }) {
			continue
		}
		if rapid.IntRange(0, 2).Draw(t, "hours") > 0 {
			for _, w := range drawWindows(t, dayLength, 3) {
				o.Hours = append(o.Hours, calendar.Hours{From: clockTime(w[0]), To: clockTime(w[1])})
			}
		}
		d.Overrides = append(d.Overrides, o)
	}
	return d
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// drawCalendar gives a calendar that compiles, with the definitions it refers to, and an instant.
func drawCalendar(t *rapid.T) (c *calendar.Calendar, others []calendar.Definition, around int64) {
	zone := rapid.SampledFrom(zones).Draw(t, "zone")
	around = drawInstant(t, zone)
	d := drawDefinition(t, "main", zone, around)
	for _, name := range []string{"b", "c", "d"}[:rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(t, "others")] {
		others = append(others, drawDefinition(t, name, rapid.SampledFrom(zones).Draw(t, "zone of "+name), around))
		list := []*[]string{&d.AnyOf, &d.AllOf, &d.NoneOf}[rapid.IntRange(0, 2).Draw(t, "as")]
		*list = append(*list, name)
	}
	if len(d.AnyOf)+len(d.AllOf) > 0 && rapid.IntRange(0, 3).Draw(t, "of its own") == 0 {
		d.Hours, d.Breaks, d.Holidays, d.Overrides = nil, nil, nil, nil
	}
	o := calendar.Options{Others: others}
	if rapid.Bool().Draw(t, "horizon") {
		year := time.Unix(around, 0).UTC().Year()
		o.From, o.Until = calendar.Date(fmt.Sprintf("%d-01-01", year-1)), calendar.Date(fmt.Sprintf("%d-01-01", year+2))
	}
	c, err := calendar.Compile(d, o)
	if err != nil && strings.Contains(err.Error(), "ever open") {
		t.Skip("never open")
	}
	require.NoError(t, err, "%+v", d)
	return c, others, around
}

// TestX8CalendarCountsAsTheSecondsDo compares every answer with a count of the seconds.
func TestX8L8CalendarCountsAsTheSecondsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, others, around := drawCalendar(t)
		length := rapid.IntRange(1, 60).Draw(t, "hours") * 3600
		from := around - int64(length/2)
		s := newOracle(c.Definition(), others).scan(from, length)
		instant := func(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
		inScan := rapid.Int64Range(from*1e6, (from+int64(length))*1e6-1)
		for range 12 {
			a, b := inScan.Draw(t, "a"), inScan.Draw(t, "b")
			if rapid.Bool().Draw(t, "whole") {
				a, b = a/1e6*1e6, b/1e6*1e6
			}
			between, err := c.Between(instant(a), instant(b))
			require.NoError(t, err)
			require.Equal(t, time.Duration(s.passed(b)-s.passed(a))*time.Microsecond, between, "%v to %v", instant(a), instant(b))

			open, err := c.IsOpen(instant(a))
			require.NoError(t, err)
			require.Equal(t, s.open[a/1e6-from], open, "at %v", instant(a))

			d := s.passed(b) - s.passed(a) + rapid.Int64Range(-2, 2).Draw(t, "more")
			if want, ok := s.add(a, d); ok {
				got, err := c.Add(instant(a), time.Duration(d)*time.Microsecond)
				require.NoError(t, err)
				require.Equal(t, instant(want), got, "%v and %d µs", instant(a), d)
				got, err = c.Sub(instant(a), -time.Duration(d)*time.Microsecond)
				require.NoError(t, err)
				require.Equal(t, instant(want), got)
			}
			compareEdges(t, c, s, a)
		}
		compareWindows(t, c, s)
		if len(others) == 0 {
			first := time.Unix(from, 0).In(c.Zone()).AddDate(0, 0, 1)
			for ; first.Unix()+3*dayLength < from+int64(length); first = first.AddDate(0, 0, 1) {
				date := calendar.DateOf(first)
				number := must(time.Parse(time.DateOnly, string(date))).Unix() / dayLength
				works, err := c.IsWorkingDay(date)
				require.NoError(t, err)
				require.Equal(t, s.opened[number], works, "%s", date)
			}
		}
	})
}

// compareEdges looks for the next opening and the closings around an instant where the scan has them.
func compareEdges(t *rapid.T, c *calendar.Calendar, s scan, micros int64) {
	at, i := time.UnixMicro(micros).UTC(), int(micros/1e6-s.from)
	edge := func(i int) time.Time { return time.Unix(s.from+int64(i), 0).UTC() }
	if s.open[i] {
		require.Equal(t, at, must(c.NextOpen(at)))
	} else if n := slices.Index(s.open[i:], true); n > 0 {
		require.Equal(t, edge(i+n), must(c.NextOpen(at)))
	}
	start := slices.Index(s.open[i:], true)
	if start >= 0 {
		if n := slices.Index(s.open[i+start:], false); n > 0 {
			require.Equal(t, edge(i+start+n), must(c.NextClose(at)), "closing after %v", at)
		}
	}
	for k := i; k > 0; k-- {
		if s.open[k-1] && !s.open[k] {
			require.Equal(t, edge(k), must(c.PrevClose(at)), "closing before %v", at)
			break
		}
	}
}

// compareWindows holds the windows, and the segments that say why, to the seconds of the scan.
func compareWindows(t *rapid.T, c *calendar.Calendar, s scan) {
	from, to := time.Unix(s.from, 0), time.Unix(s.from+int64(len(s.open)), 0)
	open := make([]bool, len(s.open))
	var last time.Time
	for w := range must(c.Windows(from, to)) {
		require.True(t, w.Open.Before(w.Close) && w.Open.After(last), "%v after %v", w, last)
		for i := w.Open.Unix(); i < w.Close.Unix(); i++ {
			open[i-s.from] = true
		}
		last = w.Close
	}
	require.True(t, slices.Equal(s.open, open))
	last = from
	for w := range must(c.Segments(from, to)) {
		require.True(t, w.From.Equal(last), "%v after %v", w, last)
		for i := w.From.Unix(); i < w.To.Unix(); i++ {
			if s.open[i-s.from] != (w.Reason == calendar.ReasonOpen) {
				t.Fatalf("%v at %v", w, time.Unix(i, 0).UTC())
			}
		}
		last = w.To
	}
	require.True(t, last.Equal(to))
}

// TestX8LawsHoldOverYears needs no oracle, and so looks further.
func TestX8LawsHoldOverYears(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, _, around := drawCalendar(t)
		from, until := c.Horizon()
		nanos := func(name string) time.Time {
			at := time.Unix(0, rapid.Int64Range(from.UnixNano(), until.UnixNano()).Draw(t, name)).UTC()
			if rapid.Bool().Draw(t, "near") {
				at = time.Unix(around, 0).UTC().Add(time.Duration(rapid.Int64Range(-int64(dayLength)*1e9*200, int64(dayLength)*1e9*200).Draw(t, "by")))
			}
			if at.Before(from) || at.After(until) {
				at = from
			}
			return at
		}
		a, b, m := nanos("a"), nanos("b"), nanos("m")
		between := func(x, y time.Time) time.Duration { return must(c.Between(x, y)) }

		require.Equal(t, between(a, b), between(a, m)+between(m, b), "additive")
		require.Equal(t, -between(a, b), between(b, a), "signed")
		if !b.Before(a) {
			require.GreaterOrEqual(t, between(a, b), time.Duration(0), "monotone")
			require.LessOrEqual(t, between(a, b), b.Sub(a))
		}
		require.Equal(t, a, must(c.Add(a, 0)))

		d := time.Duration(rapid.Int64Range(-3e17, 3e17).Draw(t, "d"))
		if rapid.Bool().Draw(t, "short") {
			d %= 100 * time.Hour
		}
		due, err := c.Add(a, d)
		if errors.Is(err, calendar.ErrHorizon) {
			return
		}
		require.NoError(t, err)
		require.Equal(t, d, between(a, due), "the time between is what was added")
		if back, err := c.Sub(a, d); err == nil {
			require.Equal(t, d, between(back, a), "the time between is what was taken")
			require.Equal(t, back, must(c.Add(a, -d)))
			require.Equal(t, back, must(c.Sub(must(c.Sub(a, d/3)), d-d/3)), "taken in two steps")
		}
		half := d / 3
		require.Equal(t, due, must(c.Add(must(c.Add(a, half)), d-half)), "added in two steps")
		further, err := c.Add(a, d+1)
		if err == nil {
			require.True(t, further.After(due), "monotone in what is added")
		}
		later, err := c.Add(a.Add(time.Hour), d)
		if err == nil {
			require.False(t, later.Before(due), "monotone in the beginning")
		}
		if d > 0 {
			require.False(t, due.Before(a.Add(d)), "no faster than the clock")
			edge := must(c.Sub(due, d))
			require.False(t, edge.Before(a), "back from there is no earlier than the beginning")
			require.Equal(t, due, must(c.Add(edge, d)))
			require.Equal(t, d, between(edge, due))
		}
	})
}

// TestX8SplittingAWindowChangesNothing cuts windows in two, and joins what touches.
func TestX8SplittingAWindowChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		around := drawInstant(t, zone)
		d := drawDefinition(t, "main", zone, around)
		parts := d
		parts.Hours, parts.Breaks = nil, nil
		for _, h := range d.Hours {
			from, to := int(oracleTime(h.From)), int(oracleTime(h.To))
			if to <= from {
				to += dayLength
			}
			cut := from + (to-from)*rapid.IntRange(1, 9).Draw(t, "cut")/10
			if cut <= from || len(h.Days) == 0 {
				parts.Hours = append(parts.Hours, h)
				continue
			}
			next := slices.Index(days, h.Days[0]) + cut/dayLength
			parts.Hours = append(parts.Hours, calendar.Hours{Days: h.Days, From: h.From, To: clockTime(cut % dayLength)})
			parts.Hours = append(parts.Hours, calendar.Hours{Days: days[next%7 : next%7+1], From: clockTime(cut % dayLength), To: clockTime(to % dayLength)})
		}
		// A shift belongs to the date on which it opens, so dates are left out: cut at midnight
		// it is two shifts.
		d.Breaks, d.Holidays, d.Overrides, parts.Holidays, parts.Overrides = nil, nil, nil, nil, nil
		whole, cut := must(calendar.Compile(d, calendar.Options{})), must(calendar.Compile(parts, calendar.Options{}))
		from, to := time.Unix(around-20*dayLength, 0), time.Unix(around+10*dayLength, 0)
		if from.Unix() < dayLength { // the first of 1970 begins later in the west
			from = time.Unix(dayLength, 0)
		}
		require.Equal(t, slices.Collect(must(whole.Windows(from, to))), slices.Collect(must(cut.Windows(from, to))))
	})
}
