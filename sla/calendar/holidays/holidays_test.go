package holidays_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/us"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/calendar/holidays"
)

func Example() {
	office := calendar.Definition{Name: "office", Zone: "Europe/Berlin", Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}
	office, err := holidays.Add(office, "DE-BY", 2025, 2027)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := calendar.Compile(office, calendar.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	picture, _ := c.Week(time.Date(2026, 12, 23, 0, 0, 0, 0, time.UTC))
	fmt.Print(picture)
	// Output:
	// office, Europe/Berlin
	//                0     3     6     9     12    15    18    21    24
	// Wed 2026-12-23 ..................################.............. 8h
	// Thu 2026-12-24 ..................################.............. 8h
	// Fri 2026-12-25 ................................................ Weihnachtstag
	// Sat 2026-12-26 ................................................
	// Sun 2026-12-27 ................................................
	// Mon 2026-12-28 ..................################.............. 8h
	// Tue 2026-12-29 ..................################.............. 8h
}

func TestL6EveryRegionMakesACalendar(t *testing.T) {
	require.NotEmpty(t, holidays.Regions())
	for _, region := range holidays.Regions() {
		d := calendar.Definition{Name: region, Zone: "UTC", Hours: []calendar.Hours{{From: "09:00", To: "17:00"}}}
		d, err := holidays.Add(d, region, 2020, 2030)
		require.NoError(t, err, region)
		require.GreaterOrEqual(t, len(d.Holidays), 40, region)
		_, err = calendar.Compile(d, calendar.Options{})
		require.NoError(t, err, region)
	}
}

func TestL6RegionsAndYearsAreChecked(t *testing.T) {
	for _, k := range []struct {
		region      string
		first, last int
	}{{"XX", 2020, 2021}, {"us", 2020, 2021}, {"US", 2021, 2020}, {"US", 1900, 2020}, {"US", 2000, 3000}} {
		_, err := holidays.Of(k.region, k.first, k.last)
		require.ErrorIs(t, err, itsm.ErrInvalid, "%v", k)
	}
}

// TestL9ObservedHolidaysAreInTheYearOfTheirDayOff compares with the days that rickar/cal does not work on, in the zone
// in which it is asked.
func TestL9ObservedHolidaysAreInTheYearOfTheirDayOff(t *testing.T) {
	theirs := cal.NewBusinessCalendar()
	theirs.AddHoliday(us.Holidays...)
	off := map[calendar.Date]bool{}
	for _, h := range must(holidays.Of("US", 2015, 2035)) {
		off[h.Date] = true
	}
	require.True(t, off["2021-12-31"], "New Year 2022 was a Saturday")
	for day := time.Date(2015, 1, 1, 12, 0, 0, 0, time.Local); day.Year() < 2036; day = day.AddDate(0, 0, 1) {
		weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
		require.Equal(t, theirs.IsWorkday(day), !weekend && !off[calendar.DateOf(day)], "%v", day)
	}
}

// TestL8MachinesZoneDoesNotMoveHolidays runs the tests' own program again in other zones, of which some skip midnights.
func TestL8MachinesZoneDoesNotMoveHolidays(t *testing.T) {
	switch os.Getenv("HOLIDAYS_IN") {
	case "UTC":
		cal.DefaultLoc = time.UTC
		fallthrough
	case "machine":
		for _, region := range holidays.Regions() {
			fmt.Println(holidays.Of(region, 1990, 2060))
		}
		return
	}
	run := func(zone, in string) string {
		program := exec.Command(os.Args[0], "-test.run=^TestL8MachinesZoneDoesNotMoveHolidays$", "-test.v")
		program.Env = append(os.Environ(), "HOLIDAYS_IN="+in, "TZ="+zone)
		out, err := program.Output()
		require.NoError(t, err)
		text, _, _ := strings.Cut(string(out), "--- ") // behind it, the time it took
		require.Greater(t, len(text), 1000)
		return text
	}
	want := run("UTC", "machine")
	require.True(t, want == run("Asia/Tokyo", "machine"))
	require.True(t, want == run("America/Los_Angeles", "machine"))
	for _, zone := range []string{"America/Santiago", "America/Havana", "Pacific/Kiritimati"} {
		require.Contains(t, run(zone, "machine"), "where some days have no midnight")
		require.True(t, want == run(zone, "UTC"), zone)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
