package directory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
)

func at(t testing.TB, zone, wall string) time.Time {
	t.Helper()
	l, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04", wall, l)
	require.NoError(t, err)
	return at
}

func person(zone string, hours ...directory.Window) directory.Person {
	p := directory.Person{PersonHead: directory.PersonHead{Active: true}}
	p.Zone, p.Hours = zone, hours
	return p
}

func day(d time.Weekday, from, to int) directory.Window {
	return directory.Window{Day: d, From: from, To: to}
}

func TestWorkingHours(t *testing.T) {
	office := []directory.Window{day(time.Monday, 480, 990), day(time.Tuesday, 480, 720), day(time.Tuesday, 780, 990)}
	night := []directory.Window{day(time.Saturday, 1320, 360)} // Saturday 22:00 to Sunday 06:00
	const zurich = "Europe/Zurich"
	for _, c := range []struct {
		name, zone string
		hours      []directory.Window
		at         time.Time
		works      bool
		next       time.Time
	}{
		{"within", zurich, office, at(t, zurich, "2026-03-02 08:00"), true, at(t, zurich, "2026-03-02 08:00")},
		{"its end is not within", zurich, office, at(t, zurich, "2026-03-02 16:30"), false, at(t, zurich, "2026-03-03 08:00")},
		{"a break", zurich, office, at(t, zurich, "2026-03-03 12:15"), false, at(t, zurich, "2026-03-03 13:00")},
		{"over the weekend", zurich, office, at(t, zurich, "2026-03-06 09:00"), false, at(t, zurich, "2026-03-09 08:00")},
		{"asked in another zone", zurich, office, at(t, "America/New_York", "2026-03-02 01:59"), false, at(t, zurich, "2026-03-02 08:00")},
		{"before midnight", zurich, night, at(t, zurich, "2026-03-07 23:59"), true, at(t, zurich, "2026-03-07 23:59")},
		{"after midnight", zurich, night, at(t, zurich, "2026-03-08 05:59"), true, at(t, zurich, "2026-03-08 05:59")},
		{"the end of the night", zurich, night, at(t, zurich, "2026-03-08 06:00"), false, at(t, zurich, "2026-03-14 22:00")},
		{"the whole day", "", []directory.Window{day(time.Sunday, 0, 1440)}, at(t, "UTC", "2026-03-08 23:59"), true, at(t, "UTC", "2026-03-08 23:59")},
		{"no hours are all hours", zurich, nil, at(t, zurich, "2026-03-08 03:00"), true, at(t, zurich, "2026-03-08 03:00")},

		// The clock goes on from 02:00 to 03:00 on 29 March 2026, and back from 03:00 to 02:00 on 25 October.
		{"in the week of the change 08:00 is an hour earlier", zurich, office, at(t, zurich, "2026-03-27 12:00"), false, time.Date(2026, 3, 30, 6, 0, 0, 0, time.UTC)},
		{"a window that begins in the gap", zurich, []directory.Window{day(time.Sunday, 150, 240)}, at(t, zurich, "2026-03-29 01:00"), false, time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)},
		{"a window within the gap", zurich, []directory.Window{day(time.Sunday, 130, 170)}, at(t, zurich, "2026-03-29 01:00"), false, at(t, zurich, "2026-04-05 02:10")},
		{"the night without an hour", zurich, night, time.Date(2026, 3, 29, 3, 59, 0, 0, time.UTC), true, time.Date(2026, 3, 29, 3, 59, 0, 0, time.UTC)},
		{"the night with an hour more", zurich, night, time.Date(2026, 10, 25, 4, 59, 0, 0, time.UTC), true, time.Date(2026, 10, 25, 4, 59, 0, 0, time.UTC)},
		{"an hour that comes twice, first", zurich, []directory.Window{day(time.Sunday, 130, 150)}, time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), false, time.Date(2026, 10, 25, 0, 10, 0, 0, time.UTC)},
		{"an hour that comes twice, again", zurich, []directory.Window{day(time.Sunday, 130, 150)}, time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), false, time.Date(2026, 10, 25, 1, 10, 0, 0, time.UTC)},
		{"the change itself opens again", zurich, []directory.Window{day(time.Sunday, 100, 150)}, time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC), false, time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)},
		{"a day that was left out", "Pacific/Apia", []directory.Window{day(time.Friday, 480, 960)}, at(t, "Pacific/Apia", "2011-12-29 12:00"), false, at(t, "Pacific/Apia", "2012-01-06 08:00")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := person(c.zone, c.hours...)
			works, err := p.Working(c.at)
			require.NoError(t, err)
			require.Equal(t, c.works, works)
			next, ok, err := p.NextWorking(c.at)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, c.next.UTC(), next)
		})
	}
}

func TestWhoIsNotActiveNeverWorks(t *testing.T) {
	p := person("Europe/Zurich")
	p.Active = false
	works, err := p.Working(time.Unix(0, 0))
	require.NoError(t, err)
	require.False(t, works)
	_, ok, err := p.NextWorking(time.Unix(0, 0))
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAZoneThatIsNotKnownIsAnError(t *testing.T) {
	for _, zone := range []string{"Mars/Olympus", "Local", "../etc/passwd"} {
		p := person(zone, day(time.Monday, 480, 990))
		_, err := p.Working(time.Unix(0, 0))
		require.ErrorIs(t, err, itsm.ErrInvalid)
		_, _, err = p.NextWorking(time.Unix(0, 0))
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
}

// A window of another day than there is never opens, and does not keep the search busy.
func TestWindowsThatCannotBeNeverOpen(t *testing.T) {
	_, ok := directory.Hours{{Day: 9, From: 60, To: 120}}.Next(time.Unix(0, 0).UTC())
	require.False(t, ok)
}

// The next opening is the first minute that is within the hours, found by going through all of them.
func TestTheNextOpeningIsTheFirstMinuteWithin(t *testing.T) {
	zones := []string{"UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "America/Santiago"}
	starts := []time.Time{
		time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC), time.Date(2026, 4, 4, 6, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 6, 0, 0, 0, time.UTC),
	}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		require.NoError(t, err)
		var h directory.Hours
		for range rapid.IntRange(1, 3).Draw(t, "windows") {
			w := directory.Window{Day: time.Weekday(rapid.IntRange(0, 6).Draw(t, "day")), From: rapid.IntRange(0, 1439).Draw(t, "from"), To: rapid.IntRange(0, 1440).Draw(t, "to")}
			if rapid.Bool().Draw(t, "early") { // when clocks change
				w.Day, w.From, w.To = time.Sunday, w.From%240, w.To%240
			}
			if w.From == w.To {
				w.To++
			}
			h = append(h, w)
		}
		from := rapid.SampledFrom(starts).Draw(t, "start").Add(time.Duration(rapid.IntRange(0, 48*60).Draw(t, "minutes")) * time.Minute).In(zone)
		next, ok := h.Next(from)
		require.True(t, ok)
		want := from
		for !h.Within(want) {
			want = want.Add(time.Minute)
			require.Less(t, want.Sub(from), 15*24*time.Hour)
		}
		require.True(t, next.Equal(want), "%s: from %s: %s, want %s", h, from, next, want)
	})
}

// By a zone's rules for years to come, Go's ZoneBounds ends a leap year's last period a day early.
func TestTheLastDayOfALeapYearToComeIsADayAsAnother(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	hours := directory.Hours{{Day: time.Monday, From: 540, To: 1020}}
	next, ok := hours.Next(time.Date(2040, time.December, 31, 8, 0, 0, 0, berlin)) // a Monday
	require.True(t, ok)
	require.Equal(t, time.Date(2040, time.December, 31, 9, 0, 0, 0, berlin).UTC(), next.UTC())
	next, ok = hours.Next(time.Date(2040, time.December, 31, 18, 0, 0, 0, berlin))
	require.True(t, ok)
	require.Equal(t, time.Date(2041, time.January, 7, 9, 0, 0, 0, berlin).UTC(), next.UTC())
}
