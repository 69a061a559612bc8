package icalendar_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/sla/calendar/icalendar"
)

// cost says what reading a document takes: time, and bytes allocated.
func cost(t *testing.T, text string) (time.Duration, uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	_, _ = icalendar.ReadHolidays(strings.NewReader(text), year) // refused or not: what it costs is asked
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes: %v, %d MiB allocated", len(text), took, (after.TotalAlloc-before.TotalAlloc)>>20)
	return took, after.TotalAlloc - before.TotalAlloc
}

func TestEventsThatReplaceManyOthersAreReadInTime(t *testing.T) {
	var events []string
	for i := range 5000 {
		day := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
		events = append(events, vevent("DTSTART;VALUE=DATE:20260101"),
			vevent("DTSTART:"+day.Format("20060102T150405Z"), "DURATION:PT1H", "RECURRENCE-ID:"+day.Format("20060102T150405Z")))
	}
	took, allocated := cost(t, document(events...))
	require.Less(t, took, 20*time.Second)
	require.Less(t, allocated, uint64(500<<20))
}

func TestTimesInManyZonesAreReadInTime(t *testing.T) {
	var list strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&list, ",%s", time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC).Format("20060102T150405"))
	}
	took, allocated := cost(t, document(vevent("DTSTART;TZID=Europe/Berlin:20260101T000000", "DURATION:PT1H",
		"EXDATE;TZID=America/New_York:"+list.String()[1:])))
	require.Less(t, took, 20*time.Second)
	require.Less(t, allocated, uint64(500<<20))
}

func TestACancelledOccurrenceTakesNoPlace(t *testing.T) {
	got, err := icalendar.ReadHolidays(strings.NewReader(document(
		vevent("SUMMARY:M", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;COUNT=3"),
		vevent("SUMMARY:M", "STATUS:CANCELLED", "DTSTART;VALUE=DATE:20260112", "RECURRENCE-ID;VALUE=DATE:20260112"))), year)
	require.NoError(t, err)
	var dates []string
	for _, h := range got.Holidays {
		dates = append(dates, string(h.Date))
	}
	require.Equal(t, []string{"2026-01-05", "2026-01-19"}, dates)
	require.Empty(t, got.Skipped, "it was understood")
}

func TestRulesThatEndedLongAgoAreReadInTime(t *testing.T) {
	for _, rule := range []string{"FREQ=DAILY;COUNT=46000", "FREQ=DAILY;UNTIL=20251201", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;UNTIL=20251201"} {
		var events []string
		for range 2000 {
			events = append(events, vevent("DTSTART;VALUE=DATE:19000101", "RRULE:"+rule))
		}
		took, allocated := cost(t, document(events...))
		require.Less(t, took, 20*time.Second, rule)
		require.Less(t, allocated, uint64(500<<20), rule)
	}
}
