package notify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm/directory"
)

var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "Africa/Casablanca"}

func location(t require.TestingT, name string) *time.Location {
	l, err := time.LoadLocation(name)
	require.NoError(t, err)
	return l
}

// The end of the quiet is that which someone finds who looks at the clock every minute, in zones of both
// hemispheres and around the changes of their clocks.
func TestD9QuietHoursEndAsAClockOnTheWallShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := location(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 365*24*60).Draw(t, "minute")) * time.Minute).In(zone)
		if _, change := at.ZoneBounds(); rapid.Bool().Draw(t, "near a change") && !change.IsZero() {
			at = change.In(zone).Add(-time.Duration(rapid.IntRange(0, 20*60).Draw(t, "before")) * time.Minute)
		}
		var quiet directory.Hours
		for range rapid.IntRange(0, 4).Draw(t, "windows") {
			from := rapid.IntRange(0, 1439).Draw(t, "from")
			to := rapid.IntRange(0, 1440).Filter(func(n int) bool { return n != from }).Draw(t, "to")
			quiet = append(quiet, directory.Window{Day: time.Weekday(rapid.IntRange(0, 6).Draw(t, "day")), From: from, To: to})
		}
		got, ok := quietUntil(quiet, at)
		want := at
		for len(quiet) > 0 && quiet.Within(want) {
			want = want.Add(time.Minute)
			require.Less(t, want.Sub(at), 9*24*time.Hour)
		}
		require.True(t, ok)
		require.True(t, want.Equal(got), "from %s: want %s, got %s", at, want, got)
	})
}

// A daily digest comes once on each day of the calendar, at its time, also when the clocks change.
func TestD9ADailyDigestComesOnceADay(t *testing.T) {
	for _, name := range zones {
		zone := location(t, name)
		for _, clock := range []string{"00:00", "02:30", "08:00", "23:45"} {
			at := time.Date(2026, 1, 1, 12, 0, 0, 0, zone)
			for range 400 {
				next := nextDaily(at, clock)
				require.True(t, next.After(at))
				if next.Format("15:04") != clock {
					// The day does not have the time: it is the moment of the change.
					begins, _ := next.ZoneBounds()
					require.True(t, begins.Equal(next), "%s %s", name, next)
				}
				gap := next.Sub(at)
				require.Greater(t, gap, 11*time.Hour)
				require.Less(t, gap, 26*time.Hour)
				at = next
			}
		}
	}
}

func TestD9ADailyDigestOnTheDaysOfTheChange(t *testing.T) {
	berlin := location(t, "Europe/Berlin")
	// 2026-03-29 has no 02:30; 2026-10-25 has it twice.
	require.Equal(t, "2026-03-29T03:00:00+02:00", nextDaily(time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), "02:30").Format(time.RFC3339))
	first := nextDaily(time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), "02:30")
	require.Equal(t, "2026-10-25T02:30:00+02:00", first.Format(time.RFC3339))
	require.Equal(t, "2026-10-26T02:30:00+01:00", nextDaily(first, "02:30").Format(time.RFC3339))
}

func TestD9AnHourlyDigestComesAtTheFullHourOfTheReader(t *testing.T) {
	kolkata := location(t, "Asia/Kolkata") // half an hour off
	at := time.Date(2026, 3, 2, 9, 10, 0, 0, time.UTC).In(kolkata)
	require.Equal(t, "15:00", nextHour(at).In(kolkata).Format("15:04"))
	require.Equal(t, "16:00", nextHour(nextHour(at).In(kolkata)).In(kolkata).Format("15:04"))
}

func TestD9WhatIsNotUrgentWaitsForWorkingHours(t *testing.T) {
	var office directory.Hours
	for d := time.Monday; d <= time.Friday; d++ {
		office = append(office, directory.Window{Day: d, From: 9 * 60, To: 17 * 60})
	}
	ana := &directory.Person{PersonBody: directory.PersonBody{Zone: "Europe/Berlin", Hours: office}}
	lunch := directory.Hours{{Day: time.Monday, From: 9 * 60, To: 10 * 60}}
	wants := &Preferences{WorkingHoursOnly: true, Quiet: lunch}
	friday := time.Date(2026, 3, 6, 20, 0, 0, 0, time.UTC)
	due, digest, quiet := when(friday, 0, false, ChannelEmail, Choice{}, wants, ana)
	require.False(t, digest)
	require.Equal(t, due.Sub(friday), quiet, "all of it is hers")
	require.Equal(t, time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC), due, "Monday at nine she works, and is quiet until ten")
	due, _, _ = when(friday, 0, true, ChannelEmail, Choice{}, wants, ana)
	require.Equal(t, friday, due)
	due, _, quiet = when(friday, 0, false, ChannelInApp, Choice{}, wants, ana)
	require.Equal(t, friday, due, "what she looks up herself disturbs nobody")
	require.Zero(t, quiet)
	due, digest, quiet = when(friday, 0, false, ChannelEmail, Choice{Digest: DigestDaily}, &Preferences{}, &directory.Person{PersonBody: directory.PersonBody{Zone: "Nowhere/Else"}})
	require.True(t, digest)
	require.Zero(t, quiet)
	require.Equal(t, time.Date(2026, 3, 7, 8, 0, 0, 0, time.UTC), due, "a zone that is not known is UTC")
}

// By a zone's rules for years to come, Go's ZoneBounds ends a leap year's last period a day early.
func TestD9QuietEndsOnTheLastDayOfALeapYearToCome(t *testing.T) {
	berlin := location(t, "Europe/Berlin")
	at := func(day, hour int) time.Time { return time.Date(2040, time.December, day, hour, 0, 0, 0, berlin) }
	quiet := directory.Hours{{Day: time.Monday, From: 480, To: 1080}, {Day: time.Monday, From: 1200, To: 360}} // the 31st is one
	for from, want := range map[time.Time]time.Time{at(31, 9): at(31, 18), at(31, 21): at(32, 6), at(31, 19): at(31, 19)} {
		got, ok := quietUntil(quiet, from)
		require.True(t, ok)
		require.True(t, got.Equal(want), "%s, want %s", got, want)
	}
	require.True(t, nextDaily(at(30, 12), "08:00").Equal(at(31, 8)))
	require.True(t, nextDaily(at(31, 12), "08:00").Equal(at(32, 8)))
}
