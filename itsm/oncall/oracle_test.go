// This file holds the oracle: it goes through the time minute by minute, looks at the local time
// as a person looks at a clock, and counts hand-overs as they pass. It shares no code with the
// package and is too slow for anything else.

package oncall_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/oncall"
)

// oracle gives who is on call at each minute from one instant up to another.
func oracle(r oncall.Rota, overrides []oncall.Override, from, to time.Time) [][]itsm.ID {
	n := int(to.Sub(from) / time.Minute)
	base := make([]itsm.ID, n)
	for _, l := range r.Layers {
		zone := r.Zone
		if l.Zone != "" {
			zone = l.Zone
		}
		for i, who := range oracleLayer(l, zone, from, n) {
			if who != "" {
				base[i] = who
			}
		}
	}
	out := make([][]itsm.ID, n)
	for i := range out {
		out[i] = oracleOverrides(base[i], overrides, from.Add(time.Duration(i)*time.Minute))
	}
	return out
}

// oracleLayer begins two days before the layer does and watches the clock.
func oracleLayer(l oncall.Layer, zone string, from time.Time, n int) []itsm.ID {
	who := make([]itsm.ID, n)
	if len(l.Participants) == 0 {
		return who
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	begin, err := time.Parse("2006-01-02 15:04", l.Rotation.Start+" "+orMidnight(l.Rotation.HandOver))
	if err != nil {
		panic(err)
	}
	length := max(l.Rotation.Length, 1)
	var following func(time.Time) time.Time // the hand-over after one
	next := begin
	switch l.Rotation.Every {
	case oncall.Hourly:
		following = func(t time.Time) time.Time { return t.Add(time.Duration(length) * time.Hour) }
		next = following(begin)
	case oncall.Daily:
		following = func(t time.Time) time.Time { return t.AddDate(0, 0, length) }
		next = following(begin)
	case oncall.Weekly:
		following = func(t time.Time) time.Time { return t.AddDate(0, 0, 7*length) }
		next = next.AddDate(0, 0, 1)
		for l.Rotation.Weekday != "" && dayName(next) != l.Rotation.Weekday || l.Rotation.Weekday == "" && next.Weekday() != begin.Weekday() {
			next = next.AddDate(0, 0, 1)
		}
		next = next.AddDate(0, 0, 7*(length-1))
	}
	t := begin.Add(-48 * time.Hour)
	if from.Before(t) {
		t = from
	}
	turn, furthest := 0, time.Time{}
	for ; ; t = t.Add(time.Minute) {
		i := int(t.Sub(from) / time.Minute)
		if i >= n {
			return who
		}
		local := t.In(loc)
		y, m, d := local.Date()
		shows := time.Date(y, m, d, local.Hour(), local.Minute(), 0, 0, time.UTC)
		if shows.After(furthest) {
			furthest = shows
		}
		for !furthest.Before(next) {
			turn++
			next = following(next)
		}
		if !t.Before(from) && !furthest.Before(begin) && oracleOpen(l.Windows, furthest) {
			who[i] = l.Participants[turn%len(l.Participants)]
		}
	}
}

func orMidnight(s string) string {
	if s == "" {
		return "00:00"
	}
	return s
}

func dayName(t time.Time) oncall.Weekday {
	return oncall.Weekday(strings.ToLower(t.Weekday().String()))
}

// oracleOpen looks at the windows of the day and at those of the day before.
func oracleOpen(windows []oncall.Window, shows time.Time) bool {
	if len(windows) == 0 {
		return true
	}
	clock := shows.Format("15:04")
	for _, w := range windows {
		from, to := orMidnight(w.From), orMidnight(w.To)
		opens := func(t time.Time) bool { return len(w.Days) == 0 || slices.Contains(w.Days, dayName(t)) }
		over := to <= from // texts of this form sort as times do
		if opens(shows) && clock >= from && (over || clock < to) {
			return true
		}
		if over && opens(shows.AddDate(0, 0, -1)) && clock < to {
			return true
		}
	}
	return false
}

// oracleOverrides asks of each place, from the last override backwards, who stands there.
func oracleOverrides(base itsm.ID, overrides []oncall.Override, at time.Time) []itsm.ID {
	var active []oncall.Override
	for _, o := range overrides {
		if !at.Before(o.From) && at.Before(o.To) {
			active = append(active, o)
		}
	}
	type owner struct {
		of    itsm.ID
		since int // the number of overrides before the place was there
	}
	owners := []owner{}
	if base != "" {
		owners = append(owners, owner{base, 0})
	}
	var stands func(p owner, n int) itsm.ID
	stands = func(p owner, n int) itsm.ID {
		if n == p.since {
			return p.of
		}
		before, o := stands(p, n-1), active[n-1]
		concerns := func(x itsm.ID) bool { return p.of == x || before == x }
		switch {
		case o.Kind == oncall.OverrideReplace && (o.Replaces == "" || concerns(o.Replaces)):
			return o.Person
		case o.Kind == oncall.OverrideRemove && concerns(o.Person):
			return ""
		}
		return before
	}
	on := func(n int) map[itsm.ID]bool {
		set := map[itsm.ID]bool{}
		for _, p := range owners {
			if p.since <= n {
				set[stands(p, n)] = true
			}
		}
		delete(set, "")
		return set
	}
	for i, o := range active {
		before := on(i)
		if o.Kind == oncall.OverrideAdd && !before[o.Person] || o.Kind == oncall.OverrideReplace && o.Replaces == "" && len(before) == 0 {
			owners = append(owners, owner{o.Person, i + 1})
		}
	}
	var out []itsm.ID
	for id := range on(len(active)) {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// changes are zones with an instant at which their clocks changed.
var changes = []struct{ zone, at string }{
	{"Europe/London", "2026-03-29T01:00:00Z"}, {"Europe/London", "2026-10-25T01:00:00Z"},
	{"America/New_York", "2026-03-08T07:00:00Z"}, {"America/New_York", "2026-11-01T06:00:00Z"},
	{"America/St_Johns", "2026-03-08T05:30:00Z"}, {"America/St_Johns", "2010-11-07T02:31:00Z"}, // at one minute past midnight
	{"Australia/Sydney", "2026-04-04T16:00:00Z"}, {"Australia/Sydney", "2026-10-03T16:00:00Z"},
	{"Australia/Lord_Howe", "2026-04-04T15:00:00Z"}, {"Australia/Lord_Howe", "2026-10-03T15:30:00Z"}, // by half an hour
	{"Pacific/Chatham", "2026-04-04T14:00:00Z"}, {"Pacific/Chatham", "2026-09-26T14:00:00Z"}, // +12:45
	{"Pacific/Apia", "2011-12-30T10:00:00Z"}, {"Pacific/Kwajalein", "1993-08-21T12:00:00Z"}, // a day that does not exist
	{"Asia/Gaza", "2021-03-26T22:00:00Z"}, {"Asia/Gaza", "2022-10-28T23:00:00Z"}, {"Asia/Gaza", "2023-04-29T00:00:00Z"},
	{"Africa/Casablanca", "2023-03-19T02:00:00Z"}, {"Africa/Casablanca", "2023-04-23T02:00:00Z"}, // Ramadan
	{"Asia/Kathmandu", "2026-05-01T00:00:00Z"}, {"America/Caracas", "2016-05-01T07:00:00Z"}, // none, and half an hour for good
	{"America/Santiago", "2023-09-03T04:00:00Z"}, {"America/Asuncion", "2023-10-01T04:00:00Z"}, // at midnight
	{"Antarctica/Troll", "2026-03-29T01:00:00Z"}, {"Antarctica/Troll", "2026-10-25T01:00:00Z"}, // by two hours
	{"UTC", "2026-01-01T00:00:00Z"},
}

var people = []itsm.ID{"ana", "ben", "cleo", "dan"}

// drawRota draws a rota whose layers begin around the day given.
func drawRota(t *rapid.T, zone string, around time.Time) oncall.Rota {
	days := []oncall.Weekday{oncall.Monday, oncall.Tuesday, oncall.Wednesday, oncall.Thursday, oncall.Friday, oncall.Saturday, oncall.Sunday}
	clock := rapid.OneOf(
		rapid.SampledFrom([]string{"", "00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "02:45", "03:00", "09:00", "17:00", "22:00", "23:59"}),
		rapid.Custom(func(t *rapid.T) string {
			return time.Unix(int64(rapid.IntRange(0, 1439).Draw(t, "minute"))*60, 0).UTC().Format("15:04")
		}))
	layer := rapid.Custom(func(t *rapid.T) oncall.Layer {
		l := oncall.Layer{Participants: rapid.SliceOfN(rapid.SampledFrom(people), 0, 4).Draw(t, "participants")}
		if rapid.IntRange(0, 4).Draw(t, "own zone") == 0 {
			l.Zone = rapid.SampledFrom(changes).Draw(t, "zone").zone
		}
		l.Rotation.Every = rapid.SampledFrom([]oncall.Every{oncall.Hourly, oncall.Hourly, oncall.Daily, oncall.Weekly}).Draw(t, "every")
		most := map[oncall.Every]int{oncall.Hourly: 50, oncall.Daily: 5, oncall.Weekly: 2}[l.Rotation.Every]
		l.Rotation.Length = rapid.IntRange(0, most).Draw(t, "length")
		l.Rotation.HandOver = clock.Draw(t, "hand over")
		l.Rotation.Start = around.AddDate(0, 0, rapid.IntRange(-12, 4).Draw(t, "start")).Format(time.DateOnly)
		if l.Rotation.Every == oncall.Weekly && rapid.Bool().Draw(t, "with weekday") {
			l.Rotation.Weekday = rapid.SampledFrom(days).Draw(t, "weekday")
		}
		for range rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "windows") {
			l.Windows = append(l.Windows, oncall.Window{
				Days: rapid.SliceOfNDistinct(rapid.SampledFrom(days), 0, 7, rapid.ID).Draw(t, "days"),
				From: clock.Draw(t, "from"), To: clock.Draw(t, "to"),
			})
		}
		return l
	})
	return oncall.Rota{Zone: zone, Layers: rapid.SliceOfN(layer, 0, 3).Draw(t, "layers")}
}

// drawOverrides draws overrides of whole minutes in the span.
func drawOverrides(t *rapid.T, from, to time.Time) (all []oncall.Override) {
	minutes := int(to.Sub(from) / time.Minute)
	for range rapid.IntRange(0, 6).Draw(t, "overrides") {
		begin := rapid.IntRange(-60, minutes-1).Draw(t, "begin")
		o := oncall.Override{
			From: from.Add(time.Duration(begin) * time.Minute), Person: rapid.SampledFrom(people).Draw(t, "person"),
			Kind: rapid.SampledFrom([]oncall.OverrideKind{oncall.OverrideReplace, oncall.OverrideReplace, oncall.OverrideAdd, oncall.OverrideRemove}).Draw(t, "kind"),
		}
		o.To = o.From.Add(time.Duration(rapid.IntRange(1, 3*24*60).Draw(t, "minutes")) * time.Minute)
		if o.Kind == oncall.OverrideReplace && rapid.IntRange(0, 3).Draw(t, "of one") > 0 {
			o.Replaces = rapid.SampledFrom(slices.DeleteFunc(slices.Clone(people), func(p itsm.ID) bool { return p == o.Person })).Draw(t, "replaces")
		}
		all = append(all, o)
	}
	return all
}

func TestI11OnCallIsWhatCountingHandOversMinuteByMinuteGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		change := rapid.SampledFrom(changes).Draw(t, "change")
		at, err := time.Parse(time.RFC3339, change.at)
		require.NoError(t, err)
		from := at.Add(-time.Duration(rapid.IntRange(0, 4*24*60).Draw(t, "before")) * time.Minute)
		to := from.Add(time.Duration(rapid.IntRange(1, 9*24*60).Draw(t, "span")) * time.Minute)
		rota := drawRota(t, change.zone, at)
		overrides := drawOverrides(t, from, to)
		timetable, err := rota.Compile(overrides...)
		require.NoError(t, err)

		want := oracle(rota, overrides, from, to)
		for i, people := range want {
			minute := from.Add(time.Duration(i) * time.Minute)
			if got := timetable.OnCall(minute); !slices.Equal(got, people) {
				t.Fatalf("%s: got %v, want %v", minute.Format(time.RFC3339), got, people)
			}
			// Nothing changes within a minute.
			if got := timetable.OnCall(minute.Add(time.Minute - time.Microsecond)); !slices.Equal(got, people) {
				t.Fatalf("the end of %s: got %v, want %v", minute.Format(time.RFC3339), got, people)
			}
		}

		var shifts []oncall.Shift
		for i, people := range want {
			if n := len(shifts); n == 0 || !slices.Equal(shifts[n-1].People, people) {
				shifts = append(shifts, oncall.Shift{From: from.Add(time.Duration(i) * time.Minute), People: people})
			}
			shifts[len(shifts)-1].To = from.Add(time.Duration(i+1) * time.Minute)
		}
		require.Equal(t, shifts, slices.Collect(timetable.Shifts(from, to)))

		next, ok := timetable.NextHandOver(from)
		if len(shifts) > 1 {
			require.True(t, ok)
			require.Equal(t, shifts[0].To, next)
		} else if ok {
			require.False(t, next.Before(to))
		}
	})
}
