package calendar_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

var stamp = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestC14TheExportIsWellFormedWhateverTheTextIs(t *testing.T) {
	summary := "Ümläute, semicolons; back\\slashes\r\nlines, a bell \a and 漢字 " + strings.Repeat("long ", 40)
	var out strings.Builder
	err := calendar.WriteICalendar(&out, calendar.Export{Name: "Changes; all", Stamp: stamp, Domain: "example.com"}, []calendar.Event{
		{UID: "change-1", Summary: summary, Description: summary, Categories: []string{"change"}, Sequence: 3, Tentative: true,
			Span: calendar.Span{Begin: stamp.Add(time.Millisecond), End: stamp.Add(time.Hour + time.Millisecond)}}})
	require.NoError(t, err)
	for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\r\n"), "\r\n") {
		require.LessOrEqual(t, len(line), 75)
		require.NotContains(t, line, "\n")
	}
	doc, err := ical.NewDecoder(strings.NewReader(out.String())).Decode()
	require.NoError(t, err)
	e := doc.Events()[0]
	text := func(name string) string {
		v, err := e.Props.Text(name)
		require.NoError(t, err)
		return v
	}
	require.Equal(t, strings.NewReplacer("\r", "", "\a", "").Replace(summary), text(ical.PropSummary))
	require.Equal(t, "change-1@example.com", text(ical.PropUID))
	require.Equal(t, "20260101T000000Z", e.Props.Get(ical.PropDateTimeStamp).Value)
	require.Equal(t, "20260101T000000Z", e.Props.Get(ical.PropDateTimeStart).Value)
	require.Equal(t, "20260101T010001Z", e.Props.Get(ical.PropDateTimeEnd).Value, "a second that has begun")
	require.Equal(t, "3", e.Props.Get(ical.PropSequence).Value)
	require.Equal(t, "TENTATIVE", e.Props.Get(ical.PropStatus).Value)
	var again strings.Builder
	require.NoError(t, calendar.WriteICalendar(&again, calendar.Export{Name: "Nothing", Stamp: stamp}, nil))
	require.Contains(t, again.String(), "PRODID:-//itsmkit//change calendar//EN\r\n")
}

// TestC14WindowsThatAreExportedRecurAsTheyDo reads the document with the library's own reader and reckoning.
func TestC14WindowsThatAreExportedRecurAsTheyDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := calendar.Window{ID: "w", Kind: calendar.WindowMaintenance, Name: "Night", Scope: calendar.Scope{CIs: []itsm.ID{"a"}}, Duration: "PT90M",
			Rule: &rrule.Rule{Zone: rapid.SampledFrom([]string{"", "UTC", "Europe/Vienna", "America/New_York"}).Draw(t, "zone"),
				Start: fmt.Sprintf("2026-%02d-%02dT%02d:30:00", rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"), rapid.SampledFrom([]int{4, 12, 23}).Draw(t, "hour")),
				RRule: rapid.SampledFrom([]string{"FREQ=WEEKLY;BYDAY=SU,WE;INTERVAL=2", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=DAILY;INTERVAL=3;COUNT=40", "FREQ=DAILY;BYHOUR=4,12;UNTIL=20270301T000000Z",
					"FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=YEARLY;BYMONTH=3;BYDAY=1MO"}).Draw(t, "rule")}}
		plain, err := w.Compile()
		if err != nil {
			t.Skip(err)
		}
		long := calendar.Span{Begin: stamp, End: stamp.AddDate(2, 0, 0)}
		for _, o := range plain.Occurrences(long) {
			if rapid.IntRange(0, 6).Draw(t, "except") == 0 {
				zone, _ := time.LoadLocation(w.Rule.Zone)
				layout := rapid.SampledFrom([]string{time.DateOnly, "2006-01-02T15:04:05"}).Draw(t, "layout")
				w.Rule.Except = append(w.Rule.Except, o.Begin.In(zone).Format(layout))
			}
		}
		s, err := w.Compile()
		if err != nil {
			t.Skip(err)
		}
		var out strings.Builder
		require.NoError(t, calendar.WriteICalendar(&out, calendar.Export{Name: "x", Stamp: stamp}, []calendar.Event{calendar.EventOf(w)}))
		doc, err := ical.NewDecoder(strings.NewReader(out.String())).Decode()
		require.NoError(t, err)
		e := doc.Events()[0]
		set, err := e.RecurrenceSet(time.UTC)
		require.NoError(t, err)
		var got []calendar.Span
		for _, begin := range set.Between(long.Begin, long.End, true) {
			got = append(got, calendar.Span{Begin: begin.UTC(), End: begin.UTC().Add(90 * time.Minute)})
		}
		require.Equal(t, s.Occurrences(long), got, out.String())
		require.Equal(t, w.Rule.Zone != "" && w.Rule.Zone != "UTC", strings.Contains(out.String(), "BEGIN:VTIMEZONE"))
	})
}

func TestC14AnExportThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	err := calendar.WriteICalendar(&strings.Builder{}, calendar.Export{Domain: "a b"}, []calendar.Event{{UID: "a", Window: &calendar.Window{}}, {UID: "a"}, {}})
	all := strings.Join(faults(t, err), "\n")
	for _, part := range []string{"stamp is required", "name is required", "domain must be", "events[0].window.id", "events[1].uid is there twice", "events[1].span.begin", "events[2].uid is required"} {
		require.Contains(t, all, part)
	}
}
