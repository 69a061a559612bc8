// This file holds what calendars of other libraries and desks were seen to get wrong. Each case was proven there by
// a count of the seconds.

package calendar_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

func instant(s string) time.Time { return must(time.Parse(time.RFC3339Nano, s)) }

// allWeek is open on every day from one time to another.
func allWeek(zone, from, to string) calendar.Definition {
	return calendar.Definition{Name: "desk", Zone: zone, Hours: []calendar.Hours{{From: from, To: to}}}
}

// office is open from Monday to Friday.
func office(zone, from, to string) calendar.Definition {
	d := allWeek(zone, from, to)
	d.Hours[0].Days = calendar.MondayToFriday()
	return d
}

func compiled(t testing.TB, d calendar.Definition, others ...calendar.Definition) *calendar.Calendar {
	t.Helper()
	c, err := calendar.Compile(d, calendar.Options{Others: others})
	require.NoError(t, err)
	return c
}

// requireBetween holds Between, Add and Sub to one figure.
func requireBetween(t testing.TB, c *calendar.Calendar, from, to string, want time.Duration) {
	t.Helper()
	require.Equal(t, want, must(c.Between(instant(from), instant(to))))
	require.Equal(t, want, must(c.Between(instant(from), must(c.Add(instant(from), want)))))
	require.Equal(t, want, must(c.Between(must(c.Sub(instant(to), want)), instant(to))))
}

func TestL8DayOnWhichClocksChangeHasItsOwnLength(t *testing.T) {
	// Opening times as midnight plus nine hours, on the day that has lost one: 22h04.
	requireBetween(t, compiled(t, allWeek("Europe/Berlin", "09:00", "17:00")),
		"2018-03-25T11:56:00+02:00", "2018-03-28T05:51:00+02:00", 21*time.Hour+4*time.Minute)

	// Round the clock, the day has 23 or 25 hours, not 24.
	always := compiled(t, allWeek("Europe/Berlin", "00:00", "24:00"))
	requireBetween(t, always, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 23*time.Hour)
	requireBetween(t, always, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 25*time.Hour)

	// Working time by the clock on the wall and due time by elapsed time were an hour apart: a night
	// shift over the change has nine hours of work, or seven.
	nights := compiled(t, allWeek("Europe/Berlin", "22:00", "06:00"))
	requireBetween(t, nights, "2026-10-24T22:00:00+02:00", "2026-10-25T06:00:00+01:00", 9*time.Hour)
	requireBetween(t, nights, "2026-03-28T22:00:00+01:00", "2026-03-29T06:00:00+02:00", 7*time.Hour)
	require.Equal(t, instant("2026-10-25T06:00:00+01:00").UTC(), must(nights.Add(instant("2026-10-24T22:00:00+02:00"), 9*time.Hour)))
}

func TestL6WindowUpToMidnightAndNightShift(t *testing.T) {
	evening := compiled(t, allWeek("Europe/Berlin", "16:00", "24:00"))
	requireBetween(t, evening, "2026-01-05T00:00:00+01:00", "2026-01-12T00:00:00+01:00", 56*time.Hour)
	require.Equal(t, instant("2026-01-06T00:00:00+01:00").UTC(), must(evening.Add(instant("2026-01-05T12:00:00+01:00"), 8*time.Hour)))

	nights := compiled(t, office("Europe/Berlin", "22:00", "06:00"))
	requireBetween(t, nights, "2026-01-05T00:00:00+01:00", "2026-01-12T00:00:00+01:00", 40*time.Hour)
	require.True(t, must(nights.IsOpen(instant("2026-01-10T05:59:59+01:00"))), "Saturday morning belongs to Friday's shift")
	require.False(t, must(nights.IsOpen(instant("2026-01-05T05:00:00+01:00"))), "Monday morning to nobody's")
	require.False(t, must(nights.IsWorkingDay("2026-01-10")))
	require.Equal(t, instant("2026-01-10T06:00:00+01:00").UTC(), must(nights.WorkingDays(instant("2026-01-08T12:00:00+01:00"), 1, calendar.EndOfDay)))

	// A holiday removes all of the shift that opens on it, and none of that before.
	d := office("Europe/Berlin", "22:00", "06:00")
	d.Holidays = []calendar.Holiday{{Name: "Epiphany", Date: "2026-01-06"}}
	requireBetween(t, compiled(t, d), "2026-01-05T22:00:00+01:00", "2026-01-07T22:00:00+01:00", 8*time.Hour)
}

func TestL6EmptyCalendarIsRefused(t *testing.T) {
	closed := allWeek("Europe/Berlin", "09:00", "17:00")
	closed.Holidays = []calendar.Holiday{{Name: "Always", Every: &calendar.Yearly{Day: "01-01", To: "12-31"}}}
	for name, d := range map[string]calendar.Definition{
		"no hours":                 {Name: "desk", Zone: "Europe/Berlin"},
		"holidays on every day":    closed,
		"an hour that is skipped":  {Name: "desk", Zone: "Europe/Berlin", Overrides: []calendar.Override{{Date: "2026-03-29", Hours: []calendar.Hours{{From: "02:15", To: "02:45"}}}}},
		"a day that was not there": {Name: "desk", Zone: "Pacific/Apia", Overrides: []calendar.Override{{Date: "2011-12-30", Hours: []calendar.Hours{{From: "09:00", To: "17:00"}}}}},
	} {
		_, err := calendar.Compile(d, calendar.Options{})
		require.ErrorIs(t, err, itsm.ErrInvalid, name)
		require.Regexp(t, "never be open|ever open", err, name)
	}
	none := office("UTC", "09:00", "17:00")
	none.Name, none.AllOf = "both", []string{"weekend"}
	weekend := calendar.Definition{Name: "weekend", Zone: "UTC", Hours: []calendar.Hours{{Days: []calendar.Weekday{calendar.Saturday}, From: "09:00", To: "17:00"}}}
	_, err := calendar.Compile(none, calendar.Options{Others: []calendar.Definition{weekend}})
	require.ErrorContains(t, err, "ever open")
}

func TestL8ClocksThatChangeAtMidnight(t *testing.T) {
	// The local midnight of 6 September does not exist; stepping dates in the zone never came back, or was two
	// days early.
	santiago := compiled(t, allWeek("America/Santiago", "09:00", "17:00"))
	require.Equal(t, instant("2026-09-07T10:00:00-03:00").UTC(), must(santiago.Add(instant("2026-09-04T10:00:00-04:00"), 24*time.Hour)))

	for _, c := range []struct {
		zone, from, to string
		want           time.Duration
	}{
		{"America/Santiago", "2026-09-05T00:00:00-04:00", "2026-09-07T00:00:00-03:00", 47 * time.Hour},
		{"America/Santiago", "2026-04-04T00:00:00-03:00", "2026-04-06T00:00:00-04:00", 49 * time.Hour},
		{"America/Havana", "2026-03-07T00:00:00-05:00", "2026-03-09T00:00:00-04:00", 47 * time.Hour},
		{"America/Havana", "2026-10-31T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 49 * time.Hour},
		{"America/Sao_Paulo", "2018-11-03T00:00:00-03:00", "2018-11-05T00:00:00-02:00", 47 * time.Hour},
		{"Africa/Cairo", "2026-04-23T00:00:00+02:00", "2026-04-25T00:00:00+03:00", 47 * time.Hour},
		{"Asia/Beirut", "2026-03-28T00:00:00+02:00", "2026-03-30T00:00:00+03:00", 47 * time.Hour},
	} {
		always := compiled(t, allWeek(c.zone, "00:00", "24:00"))
		requireBetween(t, always, c.from, c.to, c.want)
		// One hour after a midnight that is skipped is the hour after the one that follows it, or before.
		night := compiled(t, allWeek(c.zone, "00:00", "02:00"))
		length := 2 * 2 * time.Hour
		if c.want < 48*time.Hour {
			length -= time.Hour
		} else if c.zone == "America/Havana" {
			length += time.Hour // the hour from midnight comes twice
		}
		requireBetween(t, night, c.from, c.to, length)
	}

	// A day that a zone skipped altogether.
	apia := compiled(t, allWeek("Pacific/Apia", "09:00", "17:00"))
	requireBetween(t, apia, "2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00", 16*time.Hour)
	require.False(t, must(apia.IsWorkingDay("2011-12-30")))
	require.Equal(t, instant("2011-12-31T12:00:00+14:00").UTC(), must(apia.WorkingDays(instant("2011-12-29T12:00:00-10:00"), 1, calendar.KeepTime)))
}

func TestL8PausesAreInstants(t *testing.T) {
	// Pauses as local times of day lost the 36 seconds, and over the autumn change an hour: due was
	// 02:15Z. What is open in a pause is what due moves by.
	always := compiled(t, allWeek("Europe/Berlin", "00:00", "24:00"))
	start, goal := instant("2026-10-25T00:00:00Z"), 2*time.Hour
	paused := must(always.Between(instant("2026-10-25T00:30:00Z"), instant("2026-10-25T01:45:00Z")))
	require.Equal(t, 75*time.Minute, paused)
	require.Equal(t, instant("2026-10-25T03:15:00Z"), must(always.Add(start, goal+paused)))
	require.Equal(t, 36*time.Second, must(always.Between(instant("2026-10-25T00:30:12Z"), instant("2026-10-25T00:30:48Z"))))
	require.Equal(t, time.Microsecond, must(always.Between(instant("2026-10-25T00:30:12.999999Z"), instant("2026-10-25T00:30:13Z"))))
	require.Equal(t, instant("2026-10-25T02:00:00.000000001Z"), must(always.Add(start.Add(1), goal)), "nanoseconds are kept")

	hours := compiled(t, office("Europe/Berlin", "09:00", "17:00"))
	require.Zero(t, must(hours.Between(instant("2026-10-24T00:00:00Z"), instant("2026-10-26T08:00:00Z"))), "a pause outside hours costs nothing")
}

func TestL8NoDateIsSkippedOrCountedTwice(t *testing.T) {
	// By steps of 86,400 seconds Sunday 29 March was skipped, and 25 October counted twice.
	paris := compiled(t, allWeek("Europe/Paris", "09:00", "17:00"))
	requireBetween(t, paris, "2026-03-28T23:30:00+01:00", "2026-03-31T00:30:00+02:00", 16*time.Hour)
	requireBetween(t, paris, "2026-10-25T00:30:00+02:00", "2026-10-26T23:30:00+01:00", 16*time.Hour)
	// A month is its days: the working time of February and of a month of 31 days.
	requireBetween(t, paris, "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00", 28*8*time.Hour)
	requireBetween(t, paris, "2026-05-01T00:00:00+02:00", "2026-06-01T00:00:00+02:00", 31*8*time.Hour)
}

func TestL9RecurringHolidayOverNewYear(t *testing.T) {
	d := allWeek("Europe/Paris", "09:00", "17:00")
	d.Holidays = []calendar.Holiday{{Name: "Closed for the holidays", Every: &calendar.Yearly{Day: "12-24", To: "01-02"}}}
	c := compiled(t, d)
	for year := 2024; year < 2030; year++ { // the middle years of a span, too
		from, to := time.Date(year, 12, 20, 0, 0, 0, 0, time.UTC), time.Date(year+1, 1, 5, 0, 0, 0, 0, time.UTC)
		require.Equal(t, 6*8*time.Hour, must(c.Between(from, to)), "%d", year)
	}
	requireBetween(t, c, "2024-12-31T00:00:00+01:00", "2027-12-31T00:00:00+01:00", (3*365-30)*8*time.Hour)
	require.False(t, must(c.IsWorkingDay("2026-01-02")))
	require.True(t, must(c.IsWorkingDay("2026-01-03")))
}

func TestL8LeapYearsLastDayWhereOffsetsFollowARule(t *testing.T) {
	// Go's ZoneBounds ends the last period of a leap year a day early; going on from there stood still.
	c := compiled(t, allWeek("Europe/Berlin", "09:00", "17:00"))
	requireBetween(t, c, "2040-12-29T00:00:00+01:00", "2041-01-03T00:00:00+01:00", 5*8*time.Hour)
	require.Equal(t, instant("2041-01-02T12:00:00+01:00").UTC(), must(c.WorkingDays(instant("2040-12-31T12:00:00+01:00"), 2, calendar.KeepTime)))
}

func TestL8LongSpansAreNoError(t *testing.T) {
	c := compiled(t, office("Europe/Berlin", "09:00", "17:00"))
	from := instant("1971-01-04T08:00:00Z")
	due := must(c.Add(from, 200_000*time.Hour))
	require.Equal(t, 200_000*time.Hour, must(c.Between(from, due)))
	require.Equal(t, 2066, due.Year())
	_, err := c.Add(from, 400_000*time.Hour)
	require.ErrorIs(t, err, calendar.ErrHorizon)
	_, err = c.Between(from, instant("2200-01-01T00:00:00Z"))
	require.ErrorIs(t, err, calendar.ErrHorizon)
}

// TestWorkedExampleOfTheManual computes the table of docs/calendar.md.
func TestWorkedExampleOfTheManual(t *testing.T) {
	c := compiled(t, must(calendar.Parse([]byte(desk))))
	at := func(s string) time.Time {
		return must(time.ParseInLocation("Mon 2 January 15:04 2006", s+" 2026", c.Zone()))
	}
	for want, got := range map[string]time.Time{
		"Mon 30 March 10:00": must(c.Add(at("Fri 27 March 16:00"), 8*time.Hour)),
		"Tue 31 March 11:00": must(c.Add(at("Mon 30 March 08:00"), 12*time.Hour+30*time.Minute)),
		"Wed 1 April 08:00":  must(c.Due(at("Mon 30 March 08:00"), 12*time.Hour+30*time.Minute, calendar.AtNextOpen)),
		"Tue 31 March 08:00": must(c.Sub(at("Wed 1 April 09:00"), 4*time.Hour)),
		"Sat 4 April 22:00":  must(c.NextOpen(at("Fri 3 April 09:00"))),
		"Sun 5 April 02:00":  must(c.NextClose(at("Fri 3 April 09:00"))),
		"Thu 2 April 18:00":  must(c.PrevClose(at("Fri 3 April 09:00"))),
		"Tue 7 April 16:00":  must(c.WorkingDays(at("Thu 2 April 16:00"), 2, "16:00")),
	} {
		require.Equal(t, want, got.In(c.Zone()).Format("Mon 2 January 15:04"))
	}
	require.Equal(t, at("Thu 2 April 18:00").UTC(), must(c.WorkingDays(at("Thu 2 April 16:00"), 0, calendar.EndOfDay)))
	require.Equal(t, 35*time.Hour+30*time.Minute, must(c.Between(at("Sat 28 March 00:00"), at("Sat 4 April 00:00"))))

	manual := string(must(os.ReadFile("../../docs/calendar.md")))
	require.Contains(t, manual, desk)
	require.Contains(t, manual, must(c.Week(at("Sat 28 March 12:00"))))

	for _, k := range []struct {
		from, to      string
		forward, back time.Duration
	}{
		{"00:00", "24:00", 23 * time.Hour, 25 * time.Hour}, {"22:00", "06:00", 7 * time.Hour, 9 * time.Hour},
		{"02:15", "02:45", 0, 30 * time.Minute}, {"02:30", "09:00", 6 * time.Hour, 7*time.Hour + 30*time.Minute}, {"00:00", "02:30", 2 * time.Hour, 2*time.Hour + 30*time.Minute},
	} {
		d := calendar.Definition{Name: "change", Zone: "Europe/Berlin", Overrides: []calendar.Override{{Date: "2020-01-01", Hours: []calendar.Hours{{From: "09:00", To: "10:00"}}}}}
		for _, date := range []calendar.Date{"2026-03-29", "2026-10-25"} {
			if k.from == "22:00" {
				date = calendar.DateOf(must(time.Parse(time.DateOnly, string(date))).AddDate(0, 0, -1))
			}
			d.Overrides = append(d.Overrides, calendar.Override{Date: date, Hours: []calendar.Hours{{From: k.from, To: k.to}}})
		}
		change := compiled(t, d)
		require.Equal(t, k.forward, must(change.Between(instant("2026-03-01T00:00:00Z"), instant("2026-04-15T00:00:00Z"))), "%v", k)
		require.Equal(t, k.back, must(change.Between(instant("2026-10-01T00:00:00Z"), instant("2026-11-15T00:00:00Z"))), "%v", k)
	}
}
