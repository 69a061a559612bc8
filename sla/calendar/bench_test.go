// This file holds the figures of docs/calendar.md. Those beside another library are in the module holidays.

package calendar_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/sla/calendar"
)

// usOffice is an office in New York with the federal holidays.
func usOffice() calendar.Definition {
	d := office("America/New_York", "09:00", "17:00")
	nth := func(name string, month, n int, day calendar.Weekday) calendar.Holiday {
		return calendar.Holiday{Name: name, Every: &calendar.Yearly{Month: month, Weekday: day, Nth: n}}
	}
	on := func(name string, day calendar.MonthDay) calendar.Holiday {
		return calendar.Holiday{Name: name, Every: &calendar.Yearly{Day: day, Observed: calendar.NearestWeekday()}}
	}
	d.Holidays = []calendar.Holiday{
		on("New Year's Day", "01-01"), nth("Martin Luther King Day", 1, 3, calendar.Monday), nth("Presidents' Day", 2, 3, calendar.Monday),
		nth("Memorial Day", 5, -1, calendar.Monday), on("Juneteenth", "06-19"), on("Independence Day", "07-04"), nth("Labor Day", 9, 1, calendar.Monday),
		nth("Columbus Day", 10, 2, calendar.Monday), on("Veterans Day", "11-11"), nth("Thanksgiving", 11, 4, calendar.Thursday), on("Christmas Day", "12-25"),
	}
	return d
}

func years(n int) calendar.Options {
	return calendar.Options{From: "2020-01-01", Until: calendar.Date(fmt.Sprintf("%d-01-01", 2020+n))}
}

func TestArithmeticAllocatesNothing(t *testing.T) {
	c, err := calendar.Compile(usOffice(), years(25))
	require.NoError(t, err)
	from := instant("2021-03-03T10:20:30.4Z")
	due := must(c.Add(from, 20_000*time.Hour))
	for name, f := range map[string]func(){
		"Add":       func() { _, _ = c.Add(from, 20_000*time.Hour) },
		"Sub":       func() { _, _ = c.Sub(due, 20_000*time.Hour) },
		"Between":   func() { _, _ = c.Between(from, due) },
		"IsOpen":    func() { _, _ = c.IsOpen(from) },
		"NextOpen":  func() { _, _ = c.NextOpen(from) },
		"NextClose": func() { _, _ = c.NextClose(from) },
		"PrevClose": func() { _, _ = c.PrevClose(from) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

// kept is what n compiled calendars hold on to, each, when all of their horizon has been asked about.
func kept(t testing.TB, n int, o calendar.Options) uint64 {
	t.Helper()
	all := make([]*calendar.Calendar, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range all {
		all[i] = must(calendar.Compile(usOffice(), o))
		must(all[i].Between(all[i].Horizon()))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(all)
	return (after.HeapAlloc - before.HeapAlloc) / uint64(n)
}

func TestTwentyFiveYearsAreKeptSmall(t *testing.T) {
	require.LessOrEqual(t, kept(t, 20, years(25)), uint64(256<<10))
}

var spans = []struct {
	name  string
	hours int
}{{"1h", 1}, {"8h", 8}, {"40h", 40}, {"90d", 504}, {"1y", 2000}, {"10y", 20_000}}

func BenchmarkAdd(b *testing.B) {
	c := must(calendar.Compile(usOffice(), years(25)))
	from := instant("2021-03-03T15:20:30Z")
	for _, s := range spans {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Add(from, time.Duration(s.hours)*time.Hour); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBetween(b *testing.B) {
	c := must(calendar.Compile(usOffice(), years(25)))
	from := instant("2021-03-03T15:20:30Z")
	for _, s := range spans {
		to := must(c.Add(from, time.Duration(s.hours)*time.Hour))
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Between(from, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPaused computes a due instant with some pauses: the time open in them is added to the goal.
func BenchmarkPaused(b *testing.B) {
	c := must(calendar.Compile(usOffice(), years(25)))
	from := instant("2021-03-03T15:20:30Z")
	for _, n := range []int{0, 1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				goal := 400 * time.Hour
				for i := range n {
					at := from.Add(time.Duration(i) * 5 * time.Hour)
					paused, err := c.Between(at, at.Add(3*time.Hour))
					if err != nil {
						b.Fatal(err)
					}
					goal += paused
				}
				if _, err := c.Add(from, goal); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1, 25, 100} {
		b.Run(fmt.Sprintf("%dy", n), func(b *testing.B) {
			// What grows by need is asked for, so that it is all computed.
			o, d := years(n), usOffice()
			if n == 100 {
				o = calendar.Options{From: "2000-01-01", Until: "2100-01-01"}
			}
			b.ReportAllocs()
			for b.Loop() {
				c := must(calendar.Compile(d, o))
				must(c.Between(c.Horizon()))
			}
			b.ReportMetric(float64(kept(b, 5, o)), "B-kept")
		})
	}
}

// BenchmarkWindowsADay shows that what a day holds does not change what a call costs by much.
func BenchmarkWindowsADay(b *testing.B) {
	for _, n := range []int{1, 8, 48} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := calendar.Definition{Name: "desk", Zone: "America/New_York"}
			for i := range n {
				from := 480 * 60 / n * 3 * i
				d.Hours = append(d.Hours, calendar.Hours{From: clockTime(from), To: clockTime(from + 480*60/n)})
			}
			c := must(calendar.Compile(d, years(25)))
			from := instant("2021-03-03T15:20:30Z")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Add(from, 2000*time.Hour); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
