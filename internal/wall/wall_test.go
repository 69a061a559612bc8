package wall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/internal/wall"
)

// zones are those whose clocks have done what goes wrong: half an hour of daylight saving, changes at
// midnight, a day that was skipped, two hours at once, and months of winter time that count as the change.
var zones = []string{
	"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Santiago", "America/Havana", "America/Sao_Paulo",
	"Australia/Lord_Howe", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Kathmandu", "Pacific/Apia", "Antarctica/Troll",
}

func location(t require.TestingT, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func local(at int64, loc *time.Location) int64 {
	_, offset := time.Unix(at, 0).In(loc).Zone()
	return at + int64(offset)
}

// TestClockShowsTheFurthestThatTheZoneHasShown compares with a count of the minutes.
func TestClockShowsTheFurthestThatTheZoneHasShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc := location(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		clock := wall.Clock{Location: loc}
		// By rules for years to come, and often around the last day of a leap year or a change.
		at := time.Unix(rapid.Int64Range(0, 4102444800).Draw(t, "at"), 0).In(loc)
		switch rapid.IntRange(0, 3).Draw(t, "near") {
		case 0:
			at = time.Date(at.Year()/4*4, time.December, 31, 12, 0, 0, 0, loc)
		case 1, 2:
			if end := wall.Stays(at); !end.IsZero() {
				at = end
			}
		}
		const minutes = 3 * 24 * 60
		from := at.Unix()/60*60 - minutes/2*60
		shown := int64(-1 << 62)
		for s := from - wall.Reach; s < from; s += 60 {
			shown = max(shown, local(s+59, loc))
		}
		resolver := clock.Resolver(from-wall.Reach, from+minutes*60+wall.Reach)
		for s := from; s < from+minutes*60; s += 60 {
			before := shown
			shown = max(shown, local(s, loc))
			if got := clock.Reads(time.Unix(s, 0)); got != shown {
				t.Fatalf("%v: reads %d, want %d", time.Unix(s, 0).In(loc), got, shown)
			}
			if shown > before { // the first instant at which it shows this, and all that it jumped over
				for _, reading := range []int64{shown, before + 1, (before + 1 + shown) / 2} {
					if first, resolved := clock.First(reading).Unix(), resolver.First(reading); first != s || resolved != s {
						t.Fatalf("%v: %d is first at %d, and by the resolver at %d, want %d", time.Unix(s, 0).In(loc), reading, first, resolved, s)
					}
				}
			}
			shown = max(shown, local(s+59, loc))
		}
		for _, p := range clock.Periods(from, from+minutes*60) {
			for _, s := range []int64{max(p.Start, from), min(p.End, from+minutes*60) - 1} {
				require.Equal(t, s+p.Offset, local(s, loc))
			}
		}
	})
}

// TestOffsetStaysUntilLater holds what loops over the changes of a zone rely on. By a zone's rules for years
// to come, time.Time.ZoneBounds ends the period of a leap year's last day at the beginning of that day.
func TestOffsetStaysUntilLater(t *testing.T) {
	for _, name := range zones {
		loc := location(t, name)
		for year := 1970; year <= 2150; year++ {
			for at := time.Date(year, time.December, 30, 0, 0, 0, 0, loc); at.Year() == year; at = at.Add(time.Hour) {
				end := wall.Stays(at)
				if end.IsZero() {
					continue
				}
				_, offset := at.Zone()
				_, last := end.Add(-time.Second).Zone()
				if !end.After(at) || offset != last {
					t.Fatalf("%v stays until %v", at, end)
				}
			}
		}
	}
}

func TestLastDayOfALeapYearToCome(t *testing.T) {
	for _, name := range zones {
		clock := wall.Clock{Location: location(t, name)}
		noon := time.Date(2040, time.December, 31, 12, 0, 0, 0, time.UTC).Unix()
		want := time.Date(2040, time.December, 31, 12, 0, 0, 0, clock.Location)
		require.Equal(t, want.Unix(), clock.First(noon).Unix(), name)
		require.Equal(t, noon, clock.Reads(want), name)
		require.Equal(t, want.Unix(), clock.Resolver(noon, noon).First(noon), name)
		periods := clock.Periods(want.Unix()-60, want.Unix()+60)
		require.Len(t, periods, 1, name)
	}
}

func TestDivisionRoundsDown(t *testing.T) {
	for _, c := range [][4]int64{{7, 3, 2, 1}, {-7, 3, -3, 2}, {-6, 3, -2, 0}, {0, 3, 0, 0}, {-1, 86400, -1, 86399}} {
		require.Equal(t, c[2], wall.FloorDiv(c[0], c[1]))
		require.Equal(t, c[3], wall.FloorMod(c[0], c[1]))
	}
}

func BenchmarkFirst(b *testing.B) {
	loc := location(b, "Europe/Berlin")
	clock := wall.Clock{Location: loc}
	b.ReportAllocs()
	for b.Loop() {
		clock.First(1_790_000_000)
	}
}
