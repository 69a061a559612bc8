package rrule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

// oracle says by brute force what a rule gives: it looks at every time of the wall clock of every day,
// and walks through the instants minute by minute to see when the clock shows what.
type oracle struct {
	freq             string
	interval         int
	days             []time.Weekday // BYDAY
	months           []int          // BYMONTH
	monthDays        []int          // BYMONTHDAY
	hours, minutes   []int
	count            int
	start            time.Time // a reading, as if of UTC
	zone             *time.Location
	except           []string
	firstDay, endDay time.Time
	clock            clock
}

func (o *oracle) rule() rrule.Rule {
	parts := []string{"FREQ=" + o.freq, fmt.Sprintf("INTERVAL=%d", o.interval)}
	list := func(name string, values []int) {
		if len(values) > 0 {
			parts = append(parts, name+"="+strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ","))
		}
	}
	if len(o.days) > 0 {
		var names []string
		for _, d := range o.days {
			names = append(names, strings.ToUpper(d.String()[:2]))
		}
		parts = append(parts, "BYDAY="+strings.Join(names, ","))
	}
	list("BYMONTH", o.months)
	list("BYMONTHDAY", o.monthDays)
	list("BYHOUR", o.hours)
	list("BYMINUTE", o.minutes)
	if o.count > 0 {
		parts = append(parts, fmt.Sprintf("COUNT=%d", o.count))
	}
	return rrule.Rule{Zone: o.zone.String(), Start: o.start.Format("2006-01-02T15:04:05"), RRule: strings.Join(parts, ";"), Except: o.except}
}

func monday(t time.Time) time.Time {
	t = t.Truncate(24 * time.Hour)
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
}

// meets says whether a reading of the wall clock meets the rule.
func (o *oracle) meets(at time.Time) bool {
	if at.Before(o.start) {
		return false
	}
	day, first := at.Truncate(24*time.Hour), o.start.Truncate(24*time.Hour)
	in := func(all []int, n int) bool { return len(all) == 0 || slices.Contains(all, n) }
	minutes, hours := o.minutes, o.hours
	if len(minutes) == 0 {
		minutes = []int{o.start.Minute()}
	}
	if len(hours) == 0 && o.freq != "HOURLY" {
		hours = []int{o.start.Hour()}
	}
	if !in(minutes, at.Minute()) || !in(hours, at.Hour()) {
		return false
	}
	if !in(o.months, int(at.Month())) || len(o.days) > 0 && !slices.Contains(o.days, at.Weekday()) {
		return false
	}
	if len(o.monthDays) > 0 {
		length := time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
		if !slices.Contains(o.monthDays, at.Day()) && !slices.Contains(o.monthDays, at.Day()-length-1) {
			return false
		}
	}
	apart := 0
	switch o.freq {
	case "HOURLY":
		apart = int(at.Truncate(time.Hour).Sub(o.start.Truncate(time.Hour)) / time.Hour)
	case "DAILY":
		apart = int(day.Sub(first) / (24 * time.Hour))
	case "WEEKLY":
		apart = int(monday(at).Sub(monday(o.start)) / (7 * 24 * time.Hour))
		if len(o.days) == 0 && at.Weekday() != o.start.Weekday() {
			return false
		}
	case "MONTHLY":
		apart = (at.Year()-o.start.Year())*12 + int(at.Month()) - int(o.start.Month())
		if len(o.days) == 0 && len(o.monthDays) == 0 && at.Day() != o.start.Day() {
			return false
		}
	case "YEARLY":
		apart = at.Year() - o.start.Year()
		if len(o.days) == 0 && len(o.monthDays) == 0 && (at.Day() != o.start.Day() || len(o.months) == 0 && at.Month() != o.start.Month()) {
			return false
		}
	}
	return apart%o.interval == 0
}

// clock is when the clock of a zone first shows each reading, and its offset before those that it skips.
type clock struct {
	shown   map[time.Time]time.Time
	offsets map[time.Time]int
}

func readClock(zone *time.Location, from, to time.Time) clock {
	shown, offsets := map[time.Time]time.Time{}, map[time.Time]int{}
	var last time.Time
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		local := t.In(zone)
		_, offset := local.Zone()
		reading := t.Add(time.Duration(offset) * time.Second)
		if _, twice := shown[reading]; !twice {
			shown[reading] = t
		}
		if !last.IsZero() {
			for skipped := last.Add(time.Minute); skipped.Before(reading); skipped = skipped.Add(time.Minute) {
				_, before := t.Add(-time.Minute).In(zone).Zone()
				if _, is := shown[skipped]; !is {
					offsets[skipped] = before
				}
			}
		}
		last = reading
	}
	return clock{shown, offsets}
}

// occurrences gives the instants, in order, up to the end of the span.
func (o *oracle) occurrences() []time.Time {
	shown, offsets := o.clock.shown, o.clock.offsets
	var all []time.Time
	n := 0
	for reading := o.firstDay; reading.Before(o.endDay); reading = reading.Add(time.Minute) {
		if !o.meets(reading) {
			continue
		}
		if n++; o.count > 0 && n > o.count {
			break
		}
		if slices.Contains(o.except, reading.Format("2006-01-02T15:04:05")) || slices.Contains(o.except, reading.Format(time.DateOnly)) {
			continue
		}
		if at, is := shown[reading]; is {
			all = append(all, at)
		} else {
			all = append(all, reading.Add(-time.Duration(offsets[reading])*time.Second))
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.Compact(all)
}

// TestD13OccurrencesEqualAMinuteByMinuteOracle: on the days when clocks change in both hemispheres, and
// on all others.
func TestD13OccurrencesEqualAMinuteByMinuteOracle(t *testing.T) {
	places := []struct {
		zone   string
		change time.Time // a day about which its clocks change
	}{
		{"Europe/Vienna", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},
		{"Europe/Vienna", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		{"Australia/Sydney", time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC)},
		{"Australia/Sydney", time.Date(2026, 10, 4, 0, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2026, 10, 4, 0, 0, 0, 0, time.UTC)}, // by half an hour
		{"America/Santiago", time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC)},     // at midnight
		{"Pacific/Apia", time.Date(2011, 12, 30, 0, 0, 0, 0, time.UTC)},       // a day that was not
		{"UTC", time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)},
	}
	clocks := map[time.Time]map[string]clock{}
	for _, p := range places {
		zone, err := time.LoadLocation(p.zone)
		require.NoError(t, err)
		if clocks[p.change] == nil {
			clocks[p.change] = map[string]clock{}
		}
		clocks[p.change][p.zone] = readClock(zone, p.change.AddDate(0, 0, -45), p.change.AddDate(0, 0, 30))
	}
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.SampledFrom(places).Draw(t, "place")
		zone, err := time.LoadLocation(place.zone)
		require.NoError(t, err)
		some := func(label string, most int, of ...int) []int {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, most, rapid.ID[int]).Draw(t, label)
		}
		o := &oracle{zone: zone, clock: clocks[place.change][place.zone], freq: rapid.SampledFrom([]string{"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq"),
			interval: rapid.IntRange(1, 3).Draw(t, "interval")}
		begins := place.change.AddDate(0, 0, -rapid.IntRange(0, 40).Draw(t, "days before"))
		o.start = begins.Add(time.Duration(rapid.IntRange(0, 4*60).Draw(t, "minutes")) * time.Minute)
		o.hours, o.minutes = some("hours", 3, 0, 1, 2, 3, 23), some("minutes", 2, 0, 15, 30, 59)
		o.months = some("months", 4, 1, 3, 4, 9, 10, 11, 12)
		if o.freq != "WEEKLY" {
			o.monthDays = some("month days", 3, 1, 4, 5, 29, 30, 31, -1, -2)
		}
		o.days = rapid.SliceOfNDistinct(rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6}), 0, 4, rapid.ID[time.Weekday]).Draw(t, "weekdays")
		if rapid.Bool().Draw(t, "counted") {
			o.count = rapid.IntRange(1, 60).Draw(t, "count")
		}
		if rapid.Bool().Draw(t, "with exceptions") {
			o.except = []string{place.change.Format(time.DateOnly), o.start.Format("2006-01-02T15:04:05")}
		}
		o.firstDay, o.endDay = o.start.Truncate(24*time.Hour), place.change.AddDate(0, 0, 25)

		c, err := o.rule().Compile()
		want := o.occurrences()
		if err != nil {
			require.Empty(t, want, "%v: %v", o.rule(), err)
			return
		}
		// Between them, from anywhere, and never one twice.
		_, offset := o.endDay.In(zone).Zone()
		end := o.endDay.Add(-time.Duration(offset) * time.Second).Add(-24 * time.Hour)
		want = slices.DeleteFunc(want, func(at time.Time) bool { return !at.Before(end) })
		at := place.change.Add(time.Duration(rapid.IntRange(-5*24*60, 5*24*60).Draw(t, "from")) * time.Minute)
		for _, from := range []time.Time{{}, at} {
			var got []time.Time
			for x := range c.From(from) {
				if !x.Before(end) {
					break
				}
				got = append(got, x)
			}
			expected := slices.DeleteFunc(slices.Clone(want), func(x time.Time) bool { return x.Before(from) })
			require.Equal(t, len(expected), len(got), "%+v\nwant %v\ngot  %v", o.rule(), expected, got)
			for i := range got {
				require.True(t, expected[i].Equal(got[i]), "%+v\nwant %v\ngot  %v", o.rule(), expected, got)
			}
		}
	})
}
