package calendar_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

func faults(t *testing.T, err error) (all []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.True(t, errors.As(err, &invalid), "%v", err)
	for _, f := range invalid.Faults {
		all = append(all, f.Field+" "+f.Problem)
	}
	return all
}

func TestL6BadDefinitionIsRefusedWithEveryFault(t *testing.T) {
	easter, monday := 999, []calendar.Weekday{calendar.Monday}
	d := calendar.Definition{
		Zone: "Europe/Atlantis",
		Hours: []calendar.Hours{
			{Days: monday, From: "09:00", To: "17:00"},
			{Days: monday, From: "16:00", To: "18:00"},
			{Days: []calendar.Weekday{calendar.Sunday}, From: "22:00", To: "10:00"},
			{Days: []calendar.Weekday{"someday", calendar.Friday, calendar.Friday}, From: "24:00", To: "25:00"},
		},
		Breaks: []calendar.Hours{{Days: monday, From: "13:00", To: "12:00"}},
		Holidays: []calendar.Holiday{
			{Name: "Inverted", Date: "2026-12-26", To: "2026-12-24"},
			{Name: "Neither"},
			{Date: "2026-02-30"},
			{Every: &calendar.Yearly{Day: "13-01", Easter: &easter}},
			{Every: &calendar.Yearly{Month: 5, Nth: 6, FirstYear: 2030, LastYear: 2020}},
			{Every: &calendar.Yearly{Day: "01-01", To: "01-02", LeapDay: "never", Observed: []calendar.Observance{{On: "x", Move: 9}}}},
		},
		Overrides: []calendar.Override{
			{Date: "2026-03-01", To: "2026-03-05", Hours: []calendar.Hours{{Days: monday, From: "09:00", To: "12:00"}, {From: "11:00", To: "13:00"}}},
			{Date: "2026-03-05"},
			{Date: "2026-04-02", To: "2026-04-01"},
		},
		AnyOf: []string{"missing"},
		From:  "2027-01-01", Until: "2026-01-01",
	}
	_, err := calendar.Compile(d, calendar.Options{From: "yesterday"})
	require.Equal(t, []string{
		`name is required`,
		`zone "Europe/Atlantis" is not a zone of the IANA database`,
		`hours[3].from must be a time of day like "09:00", before 24:00`,
		`hours[3].to must be a time of day like "17:00", up to "24:00"`,
		`hours[3].days[0] must be monday, tuesday, wednesday, thursday, friday, saturday or sunday`,
		`hours[3].days[2] is friday again`,
		`hours[0] overlaps hours[2] on monday`,
		`hours[1] overlaps hours[0] on monday`,
		`breaks[0] from 13:00 to 12:00 on the next day is not inside the hours of monday`,
		`holidays[0].to is before date`,
		`holidays[1] must have either date or every`,
		`holidays[2].date must be a date like "2026-12-24", of the years 1900 to 2150`,
		`holidays[3].every.day must be a month and a day like "12-24"`,
		`holidays[3].every must have exactly one of day, month, on_or_after and easter`,
		`holidays[3].every.easter must be -100 to 250 days`,
		`holidays[4].every.weekday must be monday, tuesday, wednesday, thursday, friday, saturday or sunday`,
		`holidays[4].every.nth must be 1 to 5, or -1 to -5 from the end of the month`,
		`holidays[4].every.last_year is before first_year`,
		`holidays[5].every.leap_day must be skipped, 02-28 or 03-01`,
		`holidays[5].every.observed is for a holiday of one day`,
		`holidays[5].every.observed[0].on must be monday, tuesday, wednesday, thursday, friday, saturday or sunday`,
		`holidays[5].every.observed[0].move must be -6 to 6`,
		`overrides[0].hours[0].days must be empty: the dates are given`,
		`overrides[0].hours[1] overlaps hours[0]`,
		`overrides[2].to is before date`,
		`overrides[1] is for a date of overrides[0], too`,
		`until must be after from`,
		`any_of[0] "missing" is not among the calendars given`,
		`options.from must be a date like "2026-12-24", of the years 1900 to 2150`,
	}, faults(t, err))

	for zone, want := range map[string]string{
		"":      `zone is required: the name of a zone of the IANA database, like "Europe/London"`,
		"Local": `zone must name a zone; Local is another one on another machine`,
		"local": `zone must name a zone; Local is another one on another machine`,
	} {
		_, err := calendar.Compile(allWeek(zone, "09:00", "17:00"), calendar.Options{})
		require.Equal(t, []string{want}, faults(t, err))
	}
}

func TestL6ReferencesInACircleAreRefused(t *testing.T) {
	a, b, c := allWeek("UTC", "00:00", "24:00"), allWeek("UTC", "00:00", "24:00"), allWeek("UTC", "00:00", "24:00")
	a.Name, b.Name, c.Name = "a", "b", "c"
	a.AllOf, b.AnyOf, c.NoneOf = []string{"b"}, []string{"c"}, []string{"b"}
	_, err := calendar.Compile(a, calendar.Options{Others: []calendar.Definition{a, b, c}})
	require.Equal(t, []string{`others["c"].none_of[0] makes a circle: b refers to c refers to b`}, faults(t, err))
	a.AllOf = []string{"a"}
	_, err = calendar.Compile(a, calendar.Options{})
	require.Equal(t, []string{`all_of[0] makes a circle: a refers to a`}, faults(t, err))
	b.AnyOf, b.Zone = nil, "Mars/Olympus"
	a.AllOf = []string{"b", "b"}
	_, err = calendar.Compile(a, calendar.Options{Others: []calendar.Definition{b, b}})
	require.Equal(t, []string{
		`others[1].name is that of another one, too: "b"`,
		`others["b"].zone "Mars/Olympus" is not a zone of the IANA database`,
		`all_of[1] is "b" again`,
	}, faults(t, err))
}

func TestReferencesThatFanOutAreComputedOnce(t *testing.T) {
	var all []calendar.Definition
	for i := range 60 { // each refers to the two before it: without memory, 2^60 times the first
		d := calendar.Definition{Name: fmt.Sprint(i), Zone: "UTC"}
		switch i {
		case 0, 1:
			d.Hours = []calendar.Hours{{From: "09:00", To: "17:00"}}
		default:
			d.AllOf = []string{fmt.Sprint(i - 1), fmt.Sprint(i - 2)}
		}
		all = append(all, d)
	}
	c := compiled(t, all[59], all...)
	requireBetween(t, c, "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", 16*time.Hour)
}

func TestL6OverrideBeatsHolidayBeatsWeek(t *testing.T) {
	d := office("UTC", "09:00", "17:00")
	d.Breaks = []calendar.Hours{{From: "12:00", To: "13:00"}}
	d.Holidays = []calendar.Holiday{{Name: "Feast", Date: "2026-03-03", To: "2026-03-04"}}
	d.Overrides = []calendar.Override{
		{Name: "Emergency opening", Date: "2026-03-04", Hours: []calendar.Hours{{From: "10:00", To: "14:00"}}},
		{Name: "Stocktaking", Date: "2026-03-05"},
		{Name: "Saturday", Date: "2026-03-07", Hours: []calendar.Hours{{From: "09:00", To: "12:30"}}},
	}
	c := compiled(t, d)
	at := instant("2026-03-02T00:00:00Z")
	var got []string
	for s := range must(c.Segments(at, at.AddDate(0, 0, 6))) {
		got = append(got, strings.TrimSpace(s.From.Format("02 15:04 ")+s.To.Format("02 15:04 ")+string(s.Reason)+" "+s.Name))
	}
	require.Equal(t, []string{
		"02 00:00 02 09:00 closed", "02 09:00 02 12:00 open", "02 12:00 02 13:00 break", "02 13:00 02 17:00 open",
		"02 17:00 03 09:00 closed", "03 09:00 03 17:00 holiday Feast", "03 17:00 04 09:00 closed",
		"04 09:00 04 10:00 override Emergency opening", "04 10:00 04 12:00 open", "04 12:00 04 13:00 break",
		"04 13:00 04 14:00 open", "04 14:00 04 17:00 override Emergency opening", "04 17:00 05 09:00 closed",
		"05 09:00 05 17:00 override Stocktaking", "05 17:00 06 09:00 closed", "06 09:00 06 12:00 open",
		"06 12:00 06 13:00 break", "06 13:00 06 17:00 open", "06 17:00 07 09:00 closed", "07 09:00 07 12:00 open",
		"07 12:00 07 12:30 break", "07 12:30 08 00:00 closed",
	}, got)
}

func TestL7CalendarsOfSeveralZonesJoin(t *testing.T) {
	berlin, newYork, freeze := office("Europe/Berlin", "09:00", "17:00"), office("America/New_York", "09:00", "17:00"), allWeek("UTC", "15:00", "15:30")
	berlin.Name, newYork.Name, freeze.Name = "berlin", "new york", "freeze"
	c := compiled(t, calendar.Definition{Name: "follow the sun", Zone: "UTC", AnyOf: []string{"berlin", "new york"}, NoneOf: []string{"freeze"}}, berlin, newYork, freeze)
	// Winter: 08 to 16 and 14 to 22 UTC. In the weeks between the two changes New York is an hour earlier.
	requireBetween(t, c, "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z", 13*time.Hour+30*time.Minute)
	requireBetween(t, c, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 12*time.Hour+30*time.Minute)
	both := compiled(t, calendar.Definition{Name: "both", Zone: "UTC", AllOf: []string{"berlin", "new york"}}, berlin, newYork)
	requireBetween(t, both, "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z", 2*time.Hour)
	requireBetween(t, both, "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z", 3*time.Hour)

	reasons := map[string]time.Duration{}
	from := instant("2026-01-05T00:00:00Z")
	for s := range must(both.Segments(from, from.AddDate(0, 0, 1))) {
		reasons[string(s.Reason)+" "+s.Name] += s.To.Sub(s.From)
	}
	require.Equal(t, map[string]time.Duration{"open ": 2 * time.Hour, "all_of new york": 6 * time.Hour, "all_of berlin": 6 * time.Hour, "closed ": 10 * time.Hour}, reasons)
}

// TestL9HolidaysAreOnTheirDates compares rules with dates from public calendars.
func TestL9HolidaysAreOnTheirDates(t *testing.T) {
	days := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		every calendar.Yearly
		dates string
	}{
		"Good Friday":      {calendar.Yearly{Easter: days(-2)}, "2024-03-29 2025-04-18 2026-04-03 2038-04-23 2057-04-20"},
		"Orthodox Easter":  {calendar.Yearly{Easter: days(0), Orthodox: true}, "2024-05-05 2025-04-20 2026-04-12 2027-05-02"},
		"Thanksgiving":     {calendar.Yearly{Month: 11, Weekday: calendar.Thursday, Nth: 4}, "2024-11-28 2025-11-27 2026-11-26 2029-11-22"},
		"Memorial Day":     {calendar.Yearly{Month: 5, Weekday: calendar.Monday, Nth: -1}, "2024-05-27 2025-05-26 2026-05-25 2027-05-31"},
		"fifth Friday":     {calendar.Yearly{Month: 5, Weekday: calendar.Friday, Nth: 5}, "2024-05-31 2026-05-29"},
		"Midsummer":        {calendar.Yearly{Weekday: calendar.Saturday, OnOrAfter: "06-20"}, "2024-06-22 2025-06-21 2026-06-20 2027-06-26"},
		"Independence Day": {calendar.Yearly{Day: "07-04", Observed: calendar.NearestWeekday()}, "2024-07-04 2026-07-03 2027-07-05 2020-07-03 2021-07-05"},
		"New Year":         {calendar.Yearly{Day: "01-01", Observed: calendar.NearestWeekday()}, "2021-12-31 2024-01-01 2023-01-02 2026-01-01"},
		"Anzac Day":        {calendar.Yearly{Day: "04-25", Observed: calendar.NextMonday()}, "2026-04-27 2027-04-26 2028-04-25"},
		"leap day":         {calendar.Yearly{Day: "02-29"}, "2024-02-29 2028-02-29"},
		"leap day before":  {calendar.Yearly{Day: "02-29", LeapDay: calendar.LeapDayBefore}, "2023-02-28 2024-02-29 2100-02-28"},
		"leap day after":   {calendar.Yearly{Day: "02-29", LeapDay: calendar.LeapDayAfter}, "2023-03-01 2024-02-29 2100-03-01"},
	} {
		d := allWeek("America/New_York", "09:00", "17:00")
		d.Holidays = []calendar.Holiday{{Name: name, Every: &c.every}}
		k, err := calendar.Compile(d, calendar.Options{Until: "2110-01-01"})
		require.NoError(t, err, name)
		wanted := map[string]bool{}
		years := map[string]bool{}
		for date := range strings.FieldsSeq(c.dates) {
			wanted[date], years[date[:4]] = true, true
			require.False(t, must(k.IsWorkingDay(calendar.Date(date))), "%s on %s", name, date)
		}
		// The years named have no other day of it, but what is observed over New Year.
		for year := range years {
			closed := 0
			for day := must(time.Parse(time.DateOnly, year+"-01-01")); day.Format("2006") == year; day = day.AddDate(0, 0, 1) {
				if !must(k.IsWorkingDay(calendar.DateOf(day))) {
					closed++
				}
			}
			require.LessOrEqual(t, closed, 2, "%s in %s", name, year)
			if name != "New Year" {
				require.Equal(t, 1, closed, "%s in %s", name, year)
			}
		}
	}
	d := allWeek("UTC", "09:00", "17:00")
	d.Holidays = []calendar.Holiday{{Every: &calendar.Yearly{Day: "05-01", FirstYear: 2020, LastYear: 2021}}, {Every: &calendar.Yearly{Day: "02-25", To: "02-29"}}}
	c := compiled(t, d)
	for date, works := range map[calendar.Date]bool{"2019-05-01": true, "2020-05-01": false, "2021-05-01": false, "2022-05-01": true,
		"2023-02-28": false, "2023-03-01": true, "2024-02-29": false, "2024-03-01": true} {
		require.Equal(t, works, must(c.IsWorkingDay(date)), "%s", date)
	}
}

func TestWorkingDaysAreCountedFromTheNext(t *testing.T) {
	d := office("Europe/Berlin", "09:00", "17:00")
	d.Holidays = []calendar.Holiday{{Name: "Easter Monday", Date: "2026-04-06"}}
	c := compiled(t, d)
	for _, k := range []struct {
		from string
		n    int
		at   calendar.TimeOfDay
		want string
	}{
		{"2026-04-02T15:30:00.5+02:00", 1, calendar.KeepTime, "2026-04-03T15:30:00.5+02:00"},
		{"2026-04-03T15:30:00+02:00", 1, calendar.KeepTime, "2026-04-07T15:30:00+02:00"},
		{"2026-04-04T20:00:00+02:00", 1, calendar.EndOfDay, "2026-04-07T17:00:00+02:00"},
		{"2026-04-04T20:00:00+02:00", 1, "16:00", "2026-04-07T16:00:00+02:00"},
		{"2026-04-04T20:00:00+02:00", 0, calendar.KeepTime, "2026-04-04T20:00:00+02:00"},
		{"2026-04-04T20:00:00+02:00", 0, calendar.EndOfDay, "2026-04-07T17:00:00+02:00"},
		{"2026-04-02T08:00:00+02:00", 0, calendar.EndOfDay, "2026-04-02T17:00:00+02:00"},
		{"2026-04-07T10:00:00+02:00", -1, calendar.KeepTime, "2026-04-03T10:00:00+02:00"},
		{"2026-04-05T10:00:00+02:00", -2, calendar.KeepTime, "2026-04-02T10:00:00+02:00"},
		{"2026-03-27T10:00:00+01:00", 10, "24:00", "2026-04-14T00:00:00+02:00"}, // the holiday, and the clocks on 29 March
	} {
		got, err := c.WorkingDays(instant(k.from), k.n, k.at)
		require.NoError(t, err)
		require.Equal(t, instant(k.want).UTC(), got, "%+v", k)
	}
	_, err := c.WorkingDays(instant("2026-04-04T20:00:00Z"), math.MaxInt, calendar.KeepTime)
	require.ErrorIs(t, err, calendar.ErrHorizon)
	_, err = c.WorkingDays(instant("2026-04-04T20:00:00Z"), math.MinInt, calendar.KeepTime)
	require.ErrorIs(t, err, calendar.ErrHorizon)
	_, err = c.WorkingDays(instant("2026-04-04T20:00:00Z"), 1, "noon")
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.Equal(t, instant("2025-12-01T10:00:00Z"), must(c.WorkingDays(must(c.WorkingDays(instant("2025-12-01T10:00:00Z"), 5000, calendar.KeepTime)), -5000, "11:00")))
}

func TestDueAtTheEdgeOfADay(t *testing.T) {
	c := compiled(t, office("Europe/Berlin", "09:00", "17:00"))
	friday := instant("2026-03-06T09:00:00+01:00")
	require.Equal(t, instant("2026-03-06T17:00:00+01:00").UTC(), must(c.Due(friday, 8*time.Hour, "")))
	require.Equal(t, instant("2026-03-06T17:00:00+01:00").UTC(), must(c.Due(friday, 8*time.Hour, calendar.AtClose)))
	require.Equal(t, instant("2026-03-09T09:00:00+01:00").UTC(), must(c.Due(friday, 8*time.Hour, calendar.AtNextOpen)))
	require.Equal(t, instant("2026-03-06T16:00:00+01:00").UTC(), must(c.Due(friday, 7*time.Hour, calendar.AtNextOpen)))
	for _, goal := range []time.Duration{0, -1} {
		_, err := c.Due(friday, goal, "")
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err := c.Due(friday, 1, "soon")
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestPastTheHorizonIsAnError(t *testing.T) {
	d := office("Europe/Berlin", "09:00", "17:00")
	d.Until = "2028-01-01" // the list of holidays ends
	c, err := calendar.Compile(d, calendar.Options{From: "2026-01-01"})
	require.NoError(t, err)
	from, until := c.Horizon()
	require.Equal(t, instant("2026-01-01T00:00:00+01:00").UTC(), from)
	require.Equal(t, instant("2028-01-01T00:00:00+01:00").UTC(), until)
	in, out := instant("2027-12-31T12:00:00Z"), instant("2028-01-03T12:00:00Z")
	_, err = c.Add(in, 5*time.Hour)
	require.EqualError(t, err, `calendar "desk": outside the calendar's horizon, which is 2025-12-31T23:00:00Z to 2027-12-31T23:00:00Z`)
	for _, t1 := range []time.Time{out, {}, time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0), from.Add(-1), until.Add(1)} {
		_, errs := c.IsOpen(t1)
		require.ErrorIs(t, errs, calendar.ErrHorizon)
		for _, f := range []func(time.Time) (time.Time, error){c.NextOpen, c.NextClose, c.PrevClose,
			func(t time.Time) (time.Time, error) { return c.Add(t, 1) },
			func(t time.Time) (time.Time, error) { return c.WorkingDays(t, 0, calendar.KeepTime) }} {
			_, err := f(t1)
			require.ErrorIs(t, err, calendar.ErrHorizon)
		}
		_, err = c.Between(in, t1)
		require.ErrorIs(t, err, calendar.ErrHorizon)
		_, err = c.Windows(in, t1)
		require.ErrorIs(t, err, calendar.ErrHorizon)
		_, err = c.Segments(t1, in)
		require.ErrorIs(t, err, calendar.ErrHorizon)
	}
	for _, d := range []time.Duration{math.MaxInt64, math.MinInt64} {
		_, err = c.Add(in, d)
		require.ErrorIs(t, err, calendar.ErrHorizon)
		_, err = c.Sub(in, d)
		require.ErrorIs(t, err, calendar.ErrHorizon)
	}
	require.Equal(t, instant("2027-12-31T17:00:00+01:00").UTC(), must(c.PrevClose(until)))
	_, err = c.IsOpen(until)
	require.ErrorIs(t, err, calendar.ErrHorizon)
	_, err = c.IsWorkingDay("2028-01-01")
	require.ErrorIs(t, err, calendar.ErrHorizon)
	_, err = c.Week(in)
	require.ErrorIs(t, err, calendar.ErrHorizon)

	// One that never closes has no next closing, wherever it is looked for.
	always := compiled(t, allWeek("Europe/Berlin", "00:00", "24:00"))
	_, err = always.NextClose(in)
	require.ErrorIs(t, err, calendar.ErrHorizon)
	_, err = always.PrevClose(in)
	require.ErrorIs(t, err, calendar.ErrHorizon)
	// A reference's bound is the calendar's, too.
	_, err = compiled(t, calendar.Definition{Name: "x", Zone: "UTC", AllOf: []string{"desk"}}, d).IsOpen(out)
	require.ErrorIs(t, err, calendar.ErrHorizon)
}

// TestWhatIsComputedInPartsIsOne asks across the years at which the computed parts of a calendar meet, with calendars
// that have computed one side alone.
func TestWhatIsComputedInPartsIsOne(t *testing.T) {
	d := allWeek("Europe/Berlin", "22:00", "06:00")
	before, after := instant("2049-12-31T23:30:00+01:00"), instant("2050-01-01T06:00:00+01:00").UTC()
	require.Equal(t, after, must(compiled(t, d).NextClose(before)))
	require.Equal(t, after, must(compiled(t, d).PrevClose(instant("2050-01-01T08:00:00+01:00"))))
	require.Equal(t, instant("2049-12-31T06:00:00+01:00").UTC(), must(compiled(t, d).PrevClose(instant("2050-01-01T00:00:00+01:00"))))
	require.True(t, must(compiled(t, d).IsOpen(instant("2050-01-01T00:00:00+01:00"))))
	require.Equal(t, after, must(compiled(t, d).Add(before, 6*time.Hour+30*time.Minute)))
	require.Equal(t, before.UTC(), must(compiled(t, d).Sub(after, 6*time.Hour+30*time.Minute)))
	require.True(t, must(compiled(t, d).IsWorkingDay("2050-01-01")))
	for w := range must(compiled(t, d).Windows(before, instant("2050-01-01T12:00:00Z"))) {
		require.Equal(t, calendar.Window{Open: before.UTC(), Close: after}, w)
	}
}

func TestManyGoroutinesUseOneCalendar(t *testing.T) {
	c := compiled(t, office("Europe/Berlin", "09:00", "17:00"))
	var all sync.WaitGroup
	for i := range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			for year := 1970 + i*8%130; year < 2100; year += 7 { // makes the table grow
				from := time.Date(year, 3, 2, 9, 0, 0, 0, time.UTC)
				if d, err := c.Between(from, must(c.Add(from, 400*time.Hour))); err != nil || d != 400*time.Hour {
					t.Errorf("%v: %v %v", from, d, err)
				}
			}
		}()
	}
	all.Wait()
}

func TestCompiledCalendarDoesNotChange(t *testing.T) {
	d := office("Europe/Berlin", "09:00", "17:00")
	d.Holidays = []calendar.Holiday{{Name: "x", Every: &calendar.Yearly{Day: "06-01"}}}
	d.Overrides = []calendar.Override{{Date: "2060-06-02", Hours: []calendar.Hours{{From: "10:00", To: "11:00"}}}}
	c := compiled(t, d)
	d.Hours[0].Days[0], d.Holidays[0].Every.Day, d.Overrides[0].Hours[0].To = calendar.Sunday, "06-02", "24:00"
	got := c.Definition()
	got.Hours[0].To, got.Holidays[0].Every.Day = "24:00", "06-03"
	require.False(t, must(c.IsWorkingDay("2060-06-01")))
	requireBetween(t, c, "2060-06-02T00:00:00Z", "2060-06-04T00:00:00Z", 9*time.Hour)
}

func TestDefinitionHasAJSONForm(t *testing.T) {
	easter := -2
	d := calendar.Definition{
		Name: "desk", Zone: "Europe/Berlin",
		Hours:     []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}},
		Breaks:    []calendar.Hours{{From: "12:00", To: "12:30"}},
		Holidays:  []calendar.Holiday{{Name: "Good Friday", Every: &calendar.Yearly{Easter: &easter}}, {Date: "2026-12-24", To: "2026-12-31"}},
		Overrides: []calendar.Override{{Name: "x", Date: "2026-03-02", Hours: []calendar.Hours{{From: "10:00", To: "12:00"}}}},
		AnyOf:     []string{"other"}, From: "2020-01-01", Until: "2030-01-01",
	}
	raw := must(json.Marshal(d))
	got, err := calendar.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, d, got)
	for raw, want := range map[string]string{
		`[]`: "must not be a JSON array", `null`: "is not a JSON object", `{"name":1}`: "name must not be a JSON number", `{"name":"x`: "is not a JSON object",
		`{"nme":"x"}`: `has a field that is not known: "nme"`, `{} {}`: "goes on after its end", `{"holidays":[{"easter":1}]}`: "not known", ``: "is not a JSON object",
		strings.Repeat(" ", calendar.MaxDocument+1): "is longer than",
	} {
		_, err := calendar.Parse([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, "%.20s", raw)
		if raw != `[]` {
			require.ErrorContains(t, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"a","zone":"America/Havana","hours":[{"days":["monday"],"from":"22:00","to":"06:00"}],"breaks":[{"from":"23:00","to":"23:30"}]}`))
	f.Add([]byte(`{"name":"a","zone":"UTC","hours":[{"from":"00:00","to":"24:00"}],"holidays":[{"date":"2026-01-01","to":"2027-01-01"},{"every":{"easter":-2}},{"every":{"month":5,"weekday":"monday","nth":-1}},{"every":{"day":"02-29","leap_day":"03-01"}},{"every":{"weekday":"friday","on_or_after":"06-19","observed":[{"on":"friday","move":-6}]}}]}`))
	f.Add([]byte(`{"name":"a","zone":"Pacific/Apia","overrides":[{"date":"2011-12-30","hours":[{"from":"09:00","to":"09:00"}]}],"any_of":["a","b"],"all_of":["b"],"none_of":["b"],"from":"2000-01-01","until":"2020-01-01"}`))
	other := allWeek("Europe/Berlin", "09:00", "17:00")
	other.Name = "b"
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := calendar.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		c, err := calendar.Compile(d, calendar.Options{Others: []calendar.Definition{other}})
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		from, _ := c.Horizon()
		due, err := c.Add(from, time.Hour)
		if err == nil {
			require.Equal(t, time.Hour, must(c.Between(from, due)))
		}
		again := must(calendar.Parse(must(json.Marshal(c.Definition()))))
		require.Equal(t, string(must(json.Marshal(d))), string(must(json.Marshal(again))))
	})
}

// The calendar that is always open, as docs/calendar.md writes it, is open at every instant.
func TestTheCalendarThatIsAlwaysOpenIs(t *testing.T) {
	const always = `{"name": "always", "zone": "UTC", "hours": [{"from": "00:00", "to": "24:00"}]}`
	page, err := os.ReadFile("../../docs/calendar.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "`"+always+"`")
	d, err := calendar.Parse([]byte(always))
	require.NoError(t, err)
	from := time.Date(2026, time.March, 27, 0, 0, 0, 0, time.UTC)
	open, err := compiled(t, d).Between(from, from.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.Equal(t, 365*24*time.Hour, open)
}
