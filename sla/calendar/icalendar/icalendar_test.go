package icalendar_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/calendar/icalendar"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func document(events ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n" + strings.Join(events, "") + "END:VCALENDAR\r\n"
}

func vevent(lines ...string) string {
	return "BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\n"
}

var year = icalendar.Options{Zone: "Europe/Berlin", From: "2026-01-01", Until: "2027-01-01"}

func TestL6L9EventsAreReadAsHolidays(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		want   string
	}{
		{"one day", []string{vevent("SUMMARY:Neujahr", "DTSTART;VALUE=DATE:20260101")}, "Neujahr 2026-01-01"},
		{"text is unescaped and unfolded", []string{vevent("SUMMARY:Feast\\, an", " d more", "DTSTART;VALUE=DATE:20260101")}, "Feast, and more 2026-01-01"},
		{"a range, its end not included", []string{vevent("SUMMARY:Shut", "DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261228")}, "Shut 2026-12-24 2026-12-27"},
		{"over the end of the span", []string{vevent("SUMMARY:Shut", "DTSTART;VALUE=DATE:20251224", "DURATION:P2W", "RRULE:FREQ=YEARLY")}, "Shut 2026-01-01 2026-01-06; Shut 2026-12-24 2026-12-31"},
		{"every year from long ago", []string{vevent("SUMMARY:Labour", "DTSTART;VALUE=DATE:19700501", "RRULE:FREQ=YEARLY")}, "Labour 2026-05-01"},
		{"nth weekday", []string{vevent("SUMMARY:Thanks", "DTSTART;VALUE=DATE:20201126", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH")}, "Thanks 2026-11-26"},
		{"with exceptions and additions", []string{vevent("SUMMARY:M", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;VALUE=DATE:20260112,20260119", "RDATE;VALUE=DATE:20260601")}, "M 2026-01-05; M 2026-01-26; M 2026-06-01"},
		{"until a date", []string{vevent("SUMMARY:M", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;UNTIL=20260112")}, "M 2026-01-05; M 2026-01-12"},
		{"one moved", []string{vevent("SUMMARY:M", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;COUNT=2"), vevent("SUMMARY:Moved", "DTSTART;VALUE=DATE:20260114", "RECURRENCE-ID;VALUE=DATE:20260112")}, "M 2026-01-05; Moved 2026-01-14"},
		{"times of a whole day", []string{vevent("SUMMARY:D", "DTSTART;TZID=Europe/Berlin:20260329T000000", "DTEND;TZID=Europe/Berlin:20260330T000000")}, "D 2026-03-29"},
		{"midnight in UTC is no day here", []string{vevent("SUMMARY:D", "DTSTART:20260329T000000Z", "DTEND:20260330T000000Z")}, "skipped: D is not of whole days"},
		{"cancelled", []string{vevent("SUMMARY:D", "STATUS:CANCELLED", "DTSTART;VALUE=DATE:20260101")}, "skipped: D is cancelled"},
		{"a zone nobody knows", []string{vevent("SUMMARY:D", "DTSTART;TZID=Bonn:20260329T000000")}, "skipped: D has a DTSTART that is not understood: 20260329T000000"},
		{"no time", []string{vevent("SUMMARY:D", "DTSTART:20260329T000000")}, "skipped: D takes no time"},
		{"alarms and other components are passed over", []string{"BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n", vevent("SUMMARY:D", "DTSTART;VALUE=DATE:20260101", "BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM")}, "D 2026-01-01"},
	} {
		got, err := icalendar.ReadHolidays(strings.NewReader(document(c.events...)), year)
		require.NoError(t, err, c.name)
		var parts []string
		for _, h := range got.Holidays {
			parts = append(parts, strings.TrimSpace(h.Name+" "+string(h.Date)+" "+string(h.To)))
		}
		for _, s := range got.Skipped {
			parts = append(parts, "skipped: "+s.Summary+" "+s.Reason)
		}
		require.Equal(t, c.want, strings.Join(parts, "; "), c.name)
		require.Equal(t, calendar.Date("2027-01-01"), got.Until)
	}
}

func TestL6EventsAreReadAsHours(t *testing.T) {
	raw := document(
		vevent("SUMMARY:Office", "DTSTART;TZID=America/New_York:20260302T090000", "DTEND;TZID=America/New_York:20260302T170000",
			"RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;UNTIL=20260313T220000Z", "EXDATE;TZID=America/New_York:20260304T090000"),
		vevent("SUMMARY:Night", "DTSTART:20260307T210000Z", "DURATION:PT10H"))
	got, err := icalendar.ReadHours(strings.NewReader(raw), icalendar.Options{Zone: "Europe/Berlin", From: "2026-03-01", Until: "2026-04-01"})
	require.NoError(t, err)
	var lines []string
	for _, o := range got.Overrides {
		line := string(o.Date)
		for _, h := range o.Hours {
			line += " " + h.From + "-" + h.To
		}
		lines = append(lines, line)
	}
	require.Equal(t, []string{ // New York's clocks change on the 8th
		"2026-03-02 15:00-23:00", "2026-03-03 15:00-23:00", "2026-03-05 15:00-23:00", "2026-03-06 15:00-23:00",
		"2026-03-07 22:00-24:00", "2026-03-08 00:00-08:00",
		"2026-03-09 14:00-22:00", "2026-03-10 14:00-22:00", "2026-03-11 14:00-22:00", "2026-03-12 14:00-22:00", "2026-03-13 14:00-22:00",
	}, lines)

	second := document(vevent("SUMMARY:S", "DTSTART:20261025T011500Z", "DURATION:PT15M"))
	_, err = icalendar.ReadHours(strings.NewReader(second), year)
	require.ErrorContains(t, err, "has twice")
	utc := year
	utc.Zone = "UTC"
	got, err = icalendar.ReadHours(strings.NewReader(second), utc)
	require.NoError(t, err)
	require.Len(t, got.Overrides, 1)
}

func TestHostileDocumentsAreRefused(t *testing.T) {
	rule := func(s string) string { return document(vevent("SUMMARY:R", "DTSTART;VALUE=DATE:20260101", "RRULE:"+s)) }
	var barren []string
	for range 10 {
		barren = append(barren, vevent("SUMMARY:R", "DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"))
	}
	for name, c := range map[string]struct{ raw, want string }{
		"nothing":              {"", "is not iCalendar"},
		"no calendar":          {"hello", "is not iCalendar"},
		"cut off":              {"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "ends before"},
		"panics the decoder":   {"BEGIN:VCALENDAR\r\nX;A=b\r\nEND:VCALENDAR\r\n", "is not iCalendar"},
		"deep":                 {strings.Repeat("BEGIN:VEVENT\r\n", 100_000), "nested deeper"},
		"deep, folded":         {strings.Repeat("BEG\r\n IN:VEVENT\r\n", 100_000), "nested deeper"},
		"a long parameter":     {"BEGIN:VCALENDAR\r\nX;A=\"" + strings.Repeat("a", 1<<20), "bytes before its value"},
		"long":                 {strings.Repeat("\n", icalendar.MaxDocument+1), "longer than"},
		"many events":          {document(strings.Repeat(vevent("SUMMARY:x"), icalendar.MaxEvents+1)), "more than 10000 events"},
		"every second":         {rule("FREQ=SECONDLY"), "more often than daily"},
		"hours of the day":     {rule("FREQ=DAILY;BYHOUR=" + strings.Repeat("1,", 300) + "1"), "BYHOUR, which is not supported"},
		"a long list":          {rule("FREQ=DAILY;BYMONTHDAY=" + strings.Repeat("1,", 1000) + "1"), "more than 400 values"},
		"an impossible week":   {rule("FREQ=MONTHLY;BYDAY=53MO"), "a week that no month has"},
		"Easter":               {rule("FREQ=YEARLY;BYEASTER=9999"), "BYEASTER"},
		"no rule":              {rule("often"), "is not understood"},
		"no such month":        {rule("FREQ=YEARLY;BYMONTH=13"), "is refused"},
		"never, many times":    {document(barren...), "but never"},
		"too many occurrences": {document(strings.Repeat(vevent("SUMMARY:R", "DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=DAILY"), 60)), "more than 20000 occurrences"},
	} {
		for _, read := range []func() error{
			func() error { _, err := icalendar.ReadHolidays(strings.NewReader(c.raw), year); return err },
			func() error { _, err := icalendar.ReadHours(strings.NewReader(c.raw), year); return err },
		} {
			err := read()
			require.ErrorIs(t, err, itsm.ErrInvalid, name)
			require.ErrorContains(t, err, c.want, name)
			require.Less(t, len(err.Error()), 1000, name)
		}
	}
	_, err := icalendar.ReadHours(strings.NewReader(""), icalendar.Options{Zone: "Local", From: "x", Until: "2200-01-01"})
	require.ErrorContains(t, err, "options.from must be")
	require.ErrorContains(t, err, "options.until must be")
	require.ErrorContains(t, err, "options.zone must be")
}

var stamp = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestWhatIsWrittenIsReadAgain writes random calendars and holds what is read to their windows.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/Havana", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"}).Draw(t, "zone")
		quarter := rapid.Custom(func(t *rapid.T) string {
			n := rapid.IntRange(0, 95).Draw(t, "quarter")
			return fmt.Sprintf("%02d:%02d", n/4, n%4*15)
		})
		d := calendar.Definition{Name: "desk, or; so", Zone: zone, Hours: []calendar.Hours{
			{Days: []calendar.Weekday{calendar.Monday, calendar.Wednesday, calendar.Friday}, From: quarter.Draw(t, "from"), To: quarter.Draw(t, "to")},
			{Days: []calendar.Weekday{calendar.Saturday}, From: "22:30", To: "06:15"},
		}}
		if d.Hours[0].From == d.Hours[0].To {
			d.Hours[0].To = "24:00"
		}
		first := stamp.AddDate(0, 0, rapid.IntRange(0, 600).Draw(t, "first"))
		date := func(n int) calendar.Date { return calendar.DateOf(first.AddDate(0, 0, n)) }
		d.Holidays = []calendar.Holiday{{Name: "One", Date: date(9), To: date(9 + rapid.IntRange(0, 20).Draw(t, "length"))}}
		d.Overrides = []calendar.Override{{Date: date(60), Hours: []calendar.Hours{{From: "10:00", To: "11:00"}}}}
		c, err := calendar.Compile(d, calendar.Options{})
		if err != nil {
			t.Skip(err)
		}
		from, until := date(0), date(rapid.IntRange(50, 500).Draw(t, "days"))
		var written bytes.Buffer
		require.NoError(t, icalendar.WriteHours(&written, c, icalendar.Export{From: from, Until: until, Stamp: stamp}))
		for line := range strings.SplitSeq(written.String(), "\r\n") {
			require.LessOrEqual(t, len(line), 75)
		}
		read, err := icalendar.ReadHours(&written, icalendar.Options{Zone: zone, From: from, Until: until})
		if err != nil && strings.Contains(err.Error(), "has twice") {
			t.Skip("in the second pass of an hour")
		}
		require.NoError(t, err)
		require.Empty(t, read.Skipped)
		again, err := calendar.Compile(calendar.Definition{Name: "again", Zone: zone, Overrides: read.Overrides, From: read.From, Until: read.Until}, calendar.Options{})
		require.NoError(t, err)
		a, b := again.Horizon()
		require.Equal(t, slices.Collect(must(c.Windows(a, b))), slices.Collect(must(again.Windows(a, b))))

		written.Reset()
		require.NoError(t, icalendar.WriteHolidays(&written, d, icalendar.Export{From: from, Until: until, Stamp: stamp}))
		holidays, err := icalendar.ReadHolidays(&written, icalendar.Options{Zone: zone, From: from, Until: until})
		require.NoError(t, err)
		require.Equal(t, must(d.HolidaysIn(from, until)), holidays.Holidays)
	})
}

func TestAnEmptyCalendarCanBeWritten(t *testing.T) {
	var written bytes.Buffer
	require.NoError(t, icalendar.WriteHolidays(&written, calendar.Definition{Name: "x", Zone: "UTC"}, icalendar.Export{From: "2026-01-01", Until: "2027-01-01", Stamp: stamp}))
	read, err := icalendar.ReadHolidays(&written, year)
	require.NoError(t, err)
	require.Empty(t, read.Holidays)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(document(vevent("SUMMARY:A\\, b", "DTSTART;TZID=America/Havana:20260308T000000", "DTEND;TZID=UTC:20260309T000000", "RRULE:FREQ=WEEKLY;BYDAY=MO,-1TU;COUNT=9;WKST=SU", "EXDATE;TZID=UTC:20260316T000000"))))
	f.Add([]byte(document(vevent("DTSTART;VALUE=DATE:20260229", "DURATION:P1DT2H", "RRULE:FREQ=YEARLY;BYWEEKNO=53,-1;BYSETPOS=-1;INTERVAL=3"), vevent("RECURRENCE-ID:20260101T000000Z", "DTSTART:20260101T100000Z", "DURATION:PT5M"))))
	f.Add([]byte(document(vevent("DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=MONTHLY;BYYEARDAY=366,-366;BYMONTHDAY=31,-31;UNTIL=20300101"))))
	f.Add([]byte("BEGIN:VCALENDAR\nX;A=\"b\";C=d\n\t:e\nEND:VCALENDAR\nBEGIN:VCALENDAR\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, read := range []func() (icalendar.Import, error){
			func() (icalendar.Import, error) { return icalendar.ReadHolidays(bytes.NewReader(raw), year) },
			func() (icalendar.Import, error) { return icalendar.ReadHours(bytes.NewReader(raw), year) },
		} {
			got, err := read()
			if err != nil {
				require.ErrorIs(t, err, itsm.ErrInvalid)
				continue
			}
			d := calendar.Definition{Name: "read", Zone: year.Zone, Holidays: got.Holidays, Overrides: got.Overrides, From: got.From, Until: got.Until,
				Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}
			_, err = calendar.Compile(d, calendar.Options{})
			if err != nil { // the one thing that may be wrong: all of the year is a holiday
				require.ErrorContains(t, err, "ever open")
			}
		}
	})
}
