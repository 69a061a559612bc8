package oncall_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/oncall"
)

// The oracle's list of changes is of changes, but for the zones that are there because they have none.
func TestTheInstantsOfThePropertyTestAreChangesOfTheClocks(t *testing.T) {
	for _, c := range changes {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		start, _ := at.Add(24 * time.Hour).In(zone).ZoneBounds()
		if c.zone != "UTC" && c.zone != "Asia/Kathmandu" {
			require.Less(t, start.Sub(at).Abs(), 36*time.Hour, "%s: the nearest change is at %s", c.zone, start.UTC())
		}
	}
}

func compile(t testing.TB, r oncall.Rota, overrides ...oncall.Override) *oncall.Timetable {
	t.Helper()
	timetable, err := r.Compile(overrides...)
	require.NoError(t, err)
	return timetable
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}

// told writes shifts in UTC: "2026-03-28T09:00Z ana".
func told(shifts []oncall.Shift) (lines []string) {
	for i, s := range shifts {
		people := make([]string, len(s.People))
		for n, p := range s.People {
			people[n] = string(p)
		}
		lines = append(lines, s.From.Format("2006-01-02T15:04Z")+" "+strings.Join(people, "+"))
		if i == len(shifts)-1 {
			lines = append(lines, s.To.Format("2006-01-02T15:04Z"))
		}
	}
	return lines
}

var three = []itsm.ID{"ana", "ben", "cleo"}

// The shifts of these tables were worked out by hand from the dates on which the clocks changed.
func TestI11HandOversKeepToTheClockOnTheWall(t *testing.T) {
	for name, c := range map[string]struct {
		zone     string
		layer    oncall.Layer
		from, to string
		want     []string
	}{
		// London: 29 March 2026, 01:00 GMT is 02:00 BST; 25 October 2026, 02:00 BST is 01:00 GMT.
		"a day of 23 hours in London": {"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2026-03-27"}},
			"2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z",
			[]string{"2026-03-27T00:00Z ", "2026-03-27T09:00Z ana", "2026-03-28T09:00Z ben", "2026-03-29T08:00Z cleo", "2026-03-30T08:00Z ana", "2026-03-31T00:00Z"}},
		"a day of 25 hours in London": {"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2026-10-23"}},
			"2026-10-23T08:00:00Z", "2026-10-27T00:00:00Z",
			[]string{"2026-10-23T08:00Z ana", "2026-10-24T08:00Z ben", "2026-10-25T09:00Z cleo", "2026-10-26T09:00Z ana", "2026-10-27T00:00Z"}},
		// By a zone's rules for years to come, Go's ZoneBounds ends a leap year's last period a day early.
		"the last day of a leap year to come": {"Europe/Berlin",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2040-12-30"}},
			"2040-12-30T08:00:00Z", "2041-01-02T00:00:00Z",
			[]string{"2040-12-30T08:00Z ana", "2040-12-31T08:00Z ben", "2041-01-01T08:00Z cleo", "2041-01-02T00:00Z"}},
		"a hand-over at a time that does not exist": {"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "01:30", Start: "2026-03-28"}},
			"2026-03-28T01:30:00Z", "2026-03-31T00:00:00Z",
			[]string{"2026-03-28T01:30Z ana", "2026-03-29T01:00Z ben", "2026-03-30T00:30Z cleo", "2026-03-31T00:00Z"}},
		"a hand-over at a time that exists twice": {"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "01:30", Start: "2026-10-24"}},
			"2026-10-24T00:30:00Z", "2026-10-27T00:00:00Z",
			[]string{"2026-10-24T00:30Z ana", "2026-10-25T00:30Z ben", "2026-10-26T01:30Z cleo", "2026-10-27T00:00Z"}},
		"hours in the night that has one less": { // 01:00 and 02:00 are the same instant: ben has none
			"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Hourly, Start: "2026-03-29"}},
			"2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z",
			[]string{"2026-03-29T00:00Z ana", "2026-03-29T01:00Z cleo", "2026-03-29T02:00Z ana", "2026-03-29T03:00Z"}},
		"hours in the night that has one more": { // the hour of ben is two
			"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Hourly, Start: "2026-10-25"}},
			"2026-10-24T23:00:00Z", "2026-10-25T04:00:00Z",
			[]string{"2026-10-24T23:00Z ana", "2026-10-25T00:00Z ben", "2026-10-25T02:00Z cleo", "2026-10-25T03:00Z ana", "2026-10-25T04:00Z"}},
		"a hand-over when the hour that comes twice is over": {"Europe/London",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "02:00", Start: "2026-10-24"}},
			"2026-10-24T01:00:00Z", "2026-10-27T00:00:00Z",
			[]string{"2026-10-24T01:00Z ana", "2026-10-25T02:00Z ben", "2026-10-26T02:00Z cleo", "2026-10-27T00:00Z"}},
		"a window from one week into the next": {"Europe/London",
			oncall.Layer{Participants: three[:1], Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-01-05"},
				Windows: []oncall.Window{{Days: []oncall.Weekday{oncall.Sunday}, From: "22:00", To: "06:00"}}},
			"2026-03-29T00:00:00Z", "2026-03-31T00:00:00Z",
			[]string{"2026-03-29T00:00Z ", "2026-03-29T21:00Z ana", "2026-03-30T05:00Z ", "2026-03-31T00:00Z"}},

		// New York: 8 March 2026, 02:00 EST (-5) is 03:00 EDT (-4); 1 November 2026, 02:00 EDT is 01:00 EST.
		"weeks in New York": {"America/New_York",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Weekly, Weekday: oncall.Monday, HandOver: "09:00", Start: "2026-03-02"}},
			"2026-03-02T14:00:00Z", "2026-03-20T00:00:00Z",
			[]string{"2026-03-02T14:00Z ana", "2026-03-09T13:00Z ben", "2026-03-16T13:00Z cleo", "2026-03-20T00:00Z"}},
		"a first week that is shorter": { // Start is a Thursday
			"America/New_York",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Weekly, Weekday: oncall.Monday, HandOver: "09:00", Start: "2026-10-29"}},
			"2026-10-29T00:00:00Z", "2026-11-10T00:00:00Z",
			[]string{"2026-10-29T00:00Z ", "2026-10-29T13:00Z ana", "2026-11-02T14:00Z ben", "2026-11-09T14:00Z cleo", "2026-11-10T00:00Z"}},
		"nights of a working week in New York": { // Fri 20:00 EST to Sat 06:00 EST, Sat 20:00 EST to Sun 06:00 EDT
			"America/New_York",
			oncall.Layer{Participants: three[:1], Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-01-05"},
				Windows: []oncall.Window{{Days: []oncall.Weekday{oncall.Friday, oncall.Saturday}, From: "20:00", To: "06:00"}}},
			"2026-03-06T12:00:00Z", "2026-03-09T12:00:00Z",
			[]string{"2026-03-06T12:00Z ", "2026-03-07T01:00Z ana", "2026-03-07T11:00Z ", "2026-03-08T01:00Z ana", "2026-03-08T10:00Z ", "2026-03-09T12:00Z"}},

		// Lord Howe: 5 April 2026, 02:00 +11 is 01:30 +10:30; 4 October 2026, 02:00 +10:30 is 02:30 +11.
		"a day of 24 and a half hours on Lord Howe": {"Australia/Lord_Howe",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "08:00", Start: "2026-04-03"}},
			"2026-04-02T21:00:00Z", "2026-04-06T12:00:00Z",
			[]string{"2026-04-02T21:00Z ana", "2026-04-03T21:00Z ben", "2026-04-04T21:30Z cleo", "2026-04-05T21:30Z ana", "2026-04-06T12:00Z"}},
		"a gap of half an hour on Lord Howe": { // 02:15 does not exist: the hand-over is at 02:30 +11
			"Australia/Lord_Howe",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "02:15", Start: "2026-10-03"}},
			"2026-10-02T15:45:00Z", "2026-10-05T12:00:00Z",
			[]string{"2026-10-02T15:45Z ana", "2026-10-03T15:30Z ben", "2026-10-04T15:15Z cleo", "2026-10-05T12:00Z"}},

		// Apia: after 29 December 2011, 24:00 -10 came 31 December, 00:00 +14. There was no Friday.
		"the day that Apia skipped": { // the shift of the 30th begins with the 31st
			"Pacific/Apia",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2011-12-28"}},
			"2011-12-28T19:00:00Z", "2012-01-02T00:00:00Z",
			[]string{"2011-12-28T19:00Z ana", "2011-12-29T19:00Z ben", "2011-12-30T10:00Z cleo", "2011-12-30T19:00Z ana", "2011-12-31T19:00Z ben", "2012-01-01T19:00Z cleo", "2012-01-02T00:00Z"}},
		"a window of the Friday that Apia skipped": { // none at all, and Saturday's as ever
			"Pacific/Apia",
			oncall.Layer{Participants: three[:1], Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2011-01-03"},
				Windows: []oncall.Window{{Days: []oncall.Weekday{oncall.Friday}, From: "09:00", To: "17:00"}, {Days: []oncall.Weekday{oncall.Saturday}, From: "10:00", To: "11:00"}}},
			"2011-12-28T00:00:00Z", "2012-01-01T00:00:00Z",
			[]string{"2011-12-28T00:00Z ", "2011-12-30T20:00Z ana", "2011-12-30T21:00Z ", "2012-01-01T00:00Z"}},

		// Chatham: 5 April 2026, 03:45 +13:45 is 02:45 +12:45.
		"the Chatham Islands": {"Pacific/Chatham",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Hourly, Length: 12, HandOver: "08:00", Start: "2026-04-04"}},
			"2026-04-03T18:15:00Z", "2026-04-05T12:00:00Z",
			[]string{"2026-04-03T18:15Z ana", "2026-04-04T06:15Z ben", "2026-04-04T19:15Z cleo", "2026-04-05T07:15Z ana", "2026-04-05T12:00Z"}},
		// Gaza: 29 April 2023, 02:00 +2 was 03:00 +3, after Ramadan.
		"Gaza": {"Asia/Gaza",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "12:00", Start: "2023-04-27"}},
			"2023-04-27T10:00:00Z", "2023-04-30T20:00:00Z",
			[]string{"2023-04-27T10:00Z ana", "2023-04-28T10:00Z ben", "2023-04-29T09:00Z cleo", "2023-04-30T09:00Z ana", "2023-04-30T20:00Z"}},
		"ten days": {"UTC",
			oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, Length: 10, Start: "2026-01-01"}},
			"2026-01-01T00:00:00Z", "2026-01-22T00:00:00Z",
			[]string{"2026-01-01T00:00Z ana", "2026-01-11T00:00Z ben", "2026-01-21T00:00Z cleo", "2026-01-22T00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			timetable := compile(t, oncall.Rota{Zone: c.zone, Layers: []oncall.Layer{c.layer}})
			shifts := slices.Collect(timetable.Shifts(instant(t, c.from), instant(t, c.to)))
			require.Equal(t, c.want, told(shifts))
			for _, s := range shifts {
				for at := s.From; at.Before(s.To); at = at.Add(5 * time.Minute) {
					require.Equal(t, s.People, timetable.OnCall(at), "at %s", at)
				}
			}
		})
	}
}

func weekly(people ...itsm.ID) oncall.Layer {
	return oncall.Layer{Participants: people, Rotation: oncall.Rotation{Every: oncall.Weekly, Weekday: oncall.Monday, HandOver: "09:00", Start: "2026-03-02"}}
}

func TestI11LaterLayersCoverEarlierOnesWhereTheyHaveSomebody(t *testing.T) {
	office := weekly("dan")
	office.Windows = []oncall.Window{{Days: []oncall.Weekday{oncall.Monday, oncall.Tuesday, oncall.Wednesday, oncall.Thursday, oncall.Friday}, From: "09:00", To: "17:00"}}
	empty := weekly()
	timetable := compile(t, oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{weekly("ana", "ben"), office, empty}})
	require.Equal(t, []string{
		"2026-03-06T09:00Z dan", "2026-03-06T17:00Z ana", "2026-03-09T09:00Z dan", "2026-03-09T17:00Z ben", "2026-03-10T00:00Z",
	}, told(slices.Collect(timetable.Shifts(instant(t, "2026-03-06T09:00:00Z"), instant(t, "2026-03-10T00:00:00Z")))))

	// A layer in another zone follows the sun.
	east := weekly("eve")
	east.Zone, east.Windows = "Pacific/Auckland", []oncall.Window{{From: "09:00", To: "17:00"}} // 20:00 to 04:00 UTC
	timetable = compile(t, oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{weekly("ana"), east}})
	require.Equal(t, []string{"2026-03-10T12:00Z ana", "2026-03-10T20:00Z eve", "2026-03-11T04:00Z ana", "2026-03-11T12:00Z"},
		told(slices.Collect(timetable.Shifts(instant(t, "2026-03-10T12:00:00Z"), instant(t, "2026-03-11T12:00:00Z")))))
}

func TestI12AnEmptyRotationMeansNobody(t *testing.T) {
	from, to := instant(t, "2026-03-06T00:00:00Z"), instant(t, "2027-03-06T00:00:00Z")
	for name, rota := range map[string]oncall.Rota{
		"no layers":       {Zone: "UTC"},
		"no participants": {Zone: "UTC", Layers: []oncall.Layer{weekly()}},
		"not begun":       {Zone: "UTC", Layers: []oncall.Layer{{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, Start: "2999-01-01"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			timetable := compile(t, rota)
			require.Empty(t, timetable.OnCall(from))
			require.Equal(t, []oncall.Shift{{From: from, To: to}}, slices.Collect(timetable.Shifts(from, to)))
			_, ok := timetable.NextHandOver(from)
			require.False(t, ok)
		})
	}
	require.Empty(t, new(oncall.Timetable).OnCall(from))
}

func TestI11OfOverlappingOverridesTheLaterMadeCounts(t *testing.T) {
	at := instant(t, "2026-03-04T12:00:00Z") // ana's week
	span := func(kind oncall.OverrideKind, person, replaces itsm.ID) oncall.Override {
		return oncall.Override{From: at, To: at.Add(time.Hour), Kind: kind, Person: person, Replaces: replaces}
	}
	replace := func(who, by itsm.ID) oncall.Override { return span(oncall.OverrideReplace, by, who) }
	add := func(who itsm.ID) oncall.Override { return span(oncall.OverrideAdd, who, "") }
	remove := func(who itsm.ID) oncall.Override { return span(oncall.OverrideRemove, who, "") }
	for name, c := range map[string]struct {
		overrides []oncall.Override
		want      []itsm.ID
	}{
		"none":                                      {nil, []itsm.ID{"ana"}},
		"a stand-in":                                {[]oncall.Override{replace("ana", "ben")}, []itsm.ID{"ben"}},
		"two stand-ins for one":                     {[]oncall.Override{replace("ana", "ben"), replace("ana", "cleo")}, []itsm.ID{"cleo"}},
		"a stand-in for the stand-in":               {[]oncall.Override{replace("ana", "ben"), replace("ben", "cleo")}, []itsm.ID{"cleo"}},
		"made before there was a stand-in":          {[]oncall.Override{replace("ben", "cleo"), replace("ana", "ben")}, []itsm.ID{"ben"}},
		"of somebody else":                          {[]oncall.Override{replace("ben", "cleo")}, []itsm.ID{"ana"}},
		"instead of everyone":                       {[]oncall.Override{add("ben"), replace("", "cleo")}, []itsm.ID{"cleo"}},
		"in addition":                               {[]oncall.Override{add("ben")}, []itsm.ID{"ana", "ben"}},
		"in addition, who is there":                 {[]oncall.Override{add("ana"), add("ana")}, []itsm.ID{"ana"}},
		"removed":                                   {[]oncall.Override{remove("ana")}, nil},
		"removed with the stand-in":                 {[]oncall.Override{replace("ana", "ben"), remove("ana")}, nil},
		"removed, then a stand-in":                  {[]oncall.Override{remove("ana"), replace("ana", "ben")}, []itsm.ID{"ben"}},
		"removed, then in addition":                 {[]oncall.Override{remove("ana"), add("ana")}, []itsm.ID{"ana"}},
		"in addition, then removed":                 {[]oncall.Override{add("ben"), remove("ben")}, []itsm.ID{"ana"}},
		"everyone removed, then instead of nobody":  {[]oncall.Override{remove("ana"), replace("", "ben")}, []itsm.ID{"ben"}},
		"replaced by somebody who is there already": {[]oncall.Override{add("ben"), replace("ana", "ben")}, []itsm.ID{"ben"}},
	} {
		t.Run(name, func(t *testing.T) {
			timetable := compile(t, oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{weekly("ana", "ben")}}, c.overrides...)
			require.Equal(t, c.want, timetable.OnCall(at))
			require.Equal(t, []itsm.ID{"ana"}, timetable.OnCall(at.Add(-time.Microsecond)))
			require.Equal(t, []itsm.ID{"ana"}, timetable.OnCall(at.Add(time.Hour)))
		})
	}
}

func TestATimetableCannotBeChanged(t *testing.T) {
	rota := oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{weekly("ana", "ben")}}
	rota.Layers[0].Windows = []oncall.Window{{Days: []oncall.Weekday{oncall.Wednesday}}}
	at := instant(t, "2026-03-04T12:00:00Z")
	one := oncall.Override{From: at, To: at.Add(time.Hour), Kind: oncall.OverrideAdd, Person: "cleo"}
	timetable := compile(t, rota, one)
	before := timetable.OnCall(at)
	with, err := timetable.With(oncall.Override{From: at, To: at.Add(time.Hour), Kind: oncall.OverrideAdd, Person: "dan"})
	require.NoError(t, err)

	rota.Layers[0].Participants[0], rota.Layers[0].Windows[0].Days[0] = "eve", oncall.Friday
	copied := timetable.Rota()
	copied.Layers[0].Participants[0], copied.Layers[0].Windows[0].Days[0] = "eve", oncall.Friday
	timetable.Overrides()[0].Person = "eve"
	require.Equal(t, before, timetable.OnCall(at))
	require.Equal(t, []itsm.ID{"ana", "cleo"}, before)
	require.Equal(t, []itsm.ID{"ana", "cleo", "dan"}, with.OnCall(at))
	require.Equal(t, []itsm.ID{"ana", "ben"}, timetable.Rota().Participants())
}

func TestARotaTellsAllItsFaultsAtOnce(t *testing.T) {
	rota := oncall.Rota{Zone: "Europe/Londn", Layers: []oncall.Layer{
		{Name: strings.Repeat("n", 101), Zone: "Local", Participants: []itsm.ID{"ana", ""}, Rotation: oncall.Rotation{Every: "fortnightly", HandOver: "9:00", Start: "2026-02-30", Weekday: "Monday"}},
		{Rotation: oncall.Rotation{Every: oncall.Daily, Length: 367, Start: "02.03.2026", Weekday: oncall.Monday},
			Windows: []oncall.Window{{From: "24:00", To: "17:00:00", Days: []oncall.Weekday{"mon"}}}},
		{Rotation: oncall.Rotation{Length: -1}},
	}}
	at := instant(t, "2026-03-04T12:00:00Z")
	_, err := rota.Compile(oncall.Override{From: at, To: at, Kind: "swap", Replaces: "ana"}, oncall.Override{Person: "ana", Kind: oncall.OverrideReplace, Replaces: "ana"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var invalid *itsm.ValidationError
	require.True(t, errors.As(err, &invalid))
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{
		"zone", "layers[0].name", "layers[0].zone", "layers[0].participants[1]",
		"layers[0].rotation.every", "layers[0].rotation.hand_over", "layers[0].rotation.start", "layers[0].rotation.weekday",
		"layers[1].rotation.length", "layers[1].rotation.start", "layers[1].rotation.weekday",
		"layers[1].windows[0].from", "layers[1].windows[0].to", "layers[1].windows[0].days[0]",
		"layers[2].rotation.every", "layers[2].rotation.start",
		"overrides[0].to", "overrides[0].kind", "overrides[0].person", "overrides[0].replaces",
		"overrides[1].from", "overrides[1].to", "overrides[1].replaces",
	}, fields)

	for _, zone := range []string{"", "Local", "../etc/passwd", "Europe/London\x00", strings.Repeat("z", 1000)} {
		require.ErrorIs(t, oncall.Rota{Zone: zone}.Check(), itsm.ErrInvalid, "%q", zone)
	}
	require.ErrorIs(t, oncall.Rota{Zone: "UTC", Layers: make([]oncall.Layer, oncall.MaxLayers+1)}.Check(), itsm.ErrInvalid)
}

func TestJSONOfARotaIsReadStrictly(t *testing.T) {
	rota, err := oncall.ParseRota([]byte(`{
		"zone": "Europe/London",
		"layers": [{"name": "Office", "participants": ["ana", "ben"],
			"rotation": {"every": "weekly", "weekday": "monday", "hand_over": "09:00", "start": "2026-03-02"},
			"windows": [{"days": ["monday", "friday"], "from": "22:00", "to": "06:00"}]}]
	}`))
	require.NoError(t, err)
	raw, err := json.Marshal(rota)
	require.NoError(t, err)
	again, err := oncall.ParseRota(raw)
	require.NoError(t, err)
	require.Equal(t, rota, again)

	for _, bad := range []string{
		``, `null`, `[]`, `"UTC"`, `{`, `{"zone":"UTC"} {}`, `{"zone":"UTC","zome":"UTC"}`, `{"zone":3}`, `{"zone":"UTC","layers":[{}]}`,
		`{"zone":"UTC","layers":[{"participants":[1]}]}`, "{\"zone\":\"UTC\"}\x00", `{"zone":"` + strings.Repeat("z", oncall.MaxDocument) + `"}`,
	} {
		_, err := oncall.ParseRota([]byte(bad))
		require.ErrorIs(t, err, itsm.ErrInvalid, "%.40s", bad)
	}
}

func TestAWeekIsDrawnForPeople(t *testing.T) {
	office := oncall.Layer{Participants: []itsm.ID{"dan"}, Rotation: oncall.Rotation{Every: oncall.Daily, Start: "2026-01-01"},
		Windows: []oncall.Window{{Days: []oncall.Weekday{oncall.Saturday}, From: "10:00", To: "12:00"}}}
	daily := oncall.Layer{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "01:30", Start: "2026-10-24"}}
	at := instant(t, "2026-10-27T20:00:00Z")
	timetable := compile(t, oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{daily, office}},
		oncall.Override{From: at, To: at.Add(time.Hour), Kind: oncall.OverrideAdd, Person: "eve"})
	require.Equal(t, `Europe/London
Fri 2026-10-23  00:00 nobody
Sat 2026-10-24  00:00 nobody  01:30 ana  10:00 dan  12:00 ana
Sun 2026-10-25  00:00 ana  01:30 +01:00 ben  (25h)
Mon 2026-10-26  00:00 ben  01:30 cleo
Tue 2026-10-27  00:00 cleo  01:30 ana  20:00 ana+eve  21:00 ana
Wed 2026-10-28  00:00 ana  01:30 ben
Thu 2026-10-29  00:00 ben  01:30 cleo
`, timetable.Week(instant(t, "2026-10-23T11:00:00Z")))

	timetable = compile(t, oncall.Rota{Zone: "Pacific/Apia", Layers: []oncall.Layer{{Participants: three, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2011-12-28"}}}})
	require.Contains(t, timetable.Week(instant(t, "2011-12-28T20:00:00Z")), `
Thu 2011-12-29  00:00 ana  09:00 ben
Fri 2011-12-30  (this day does not exist here)
Sat 2011-12-31  00:00 cleo  09:00 ana
`)
}

func FuzzParseRota(f *testing.F) {
	f.Add([]byte(`{"zone":"UTC"}`), int64(0))
	f.Add([]byte(`{"zone":"Pacific/Apia","layers":[{"participants":["a","b"],"rotation":{"every":"hourly","length":5,"start":"2011-12-29","hand_over":"23:30"},"windows":[{"days":["friday"],"from":"20:00","to":"06:00"},{}]}]}`), int64(1325246400))
	f.Add([]byte(`{"zone":"Europe/London","layers":[{"zone":"Asia/Gaza","participants":["a"],"rotation":{"every":"weekly","weekday":"sunday","start":"0001-01-01"}}]}`), int64(-62135596800))
	f.Add([]byte(`{"zone":"America/New_York","layers":[{"rotation":{"every":"daily","length":366,"start":"9999-12-31"}}]}`), int64(253402300799))
	f.Fuzz(func(t *testing.T, raw []byte, at int64) {
		rota, err := oncall.ParseRota(raw)
		if err != nil {
			if !errors.Is(err, itsm.ErrInvalid) {
				t.Fatalf("not ErrInvalid: %v", err)
			}
			return
		}
		written, err := json.Marshal(rota)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := oncall.ParseRota(written); err != nil {
			t.Fatalf("%s: %v", written, err)
		} else if rewritten, _ := json.Marshal(again); string(rewritten) != string(written) {
			t.Fatalf("%s became %s", written, rewritten)
		}
		timetable, err := rota.Compile()
		if err != nil {
			t.Fatal(err)
		}
		from := time.Unix(at%(1<<38), 0).UTC()
		end := from
		for s := range timetable.Shifts(from, from.Add(72*time.Hour)) {
			if !s.From.Equal(end) || !s.From.Before(s.To) {
				t.Fatalf("a shift from %s to %s follows %s", s.From, s.To, end)
			}
			if got := timetable.OnCall(s.To.Add(-time.Microsecond)); !slices.Equal(got, s.People) {
				t.Fatalf("the end of the shift from %s: %v, not %v", s.From, got, s.People)
			}
			end = s.To
		}
		if !end.Equal(from.Add(72 * time.Hour)) {
			t.Fatalf("the shifts end at %s", end)
		}
	})
}

func BenchmarkOnCall(b *testing.B) {
	office := weekly("dan", "eve")
	office.Windows = []oncall.Window{{Days: []oncall.Weekday{oncall.Monday, oncall.Tuesday, oncall.Wednesday, oncall.Thursday, oncall.Friday}, From: "09:00", To: "17:00"}}
	timetable := compile(b, oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{weekly(three...), office}})
	at := instant(b, "2026-06-10T20:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		timetable.OnCall(at)
	}
}

func BenchmarkShiftsOfAYear(b *testing.B) {
	office := weekly("dan", "eve")
	office.Windows = []oncall.Window{{Days: []oncall.Weekday{oncall.Monday, oncall.Tuesday, oncall.Wednesday, oncall.Thursday, oncall.Friday}, From: "09:00", To: "17:00"}}
	from := instant(b, "2026-06-10T20:00:00Z")
	for name, layers := range map[string][]oncall.Layer{
		"weekly":               {weekly(three...)},
		"weekly, office hours": {weekly(three...), office},
	} {
		timetable := compile(b, oncall.Rota{Zone: "Europe/London", Layers: layers})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = 0
				for range timetable.Shifts(from, from.AddDate(1, 0, 0)) {
					n++
				}
			}
			b.ReportMetric(float64(n), "shifts")
		})
	}
}
