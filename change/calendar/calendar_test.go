package calendar_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

func instant(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func from(begin, end string) calendar.Span {
	return calendar.Span{Begin: instant(begin), End: instant(end)}
}

func TestC14WindowsKeepToTheClockOnTheWall(t *testing.T) {
	for _, c := range []struct {
		name, zone, start, rule, duration string
		except                            []string
		within                            calendar.Span
		want                              []calendar.Span
	}{
		{"an hour is skipped: hours are exact", "Europe/Vienna", "2026-03-01T01:00:00", "FREQ=WEEKLY;BYDAY=SU", "PT4H", nil, from("2026-03-28 00:00", "2026-04-06 00:00"),
			[]calendar.Span{from("2026-03-29 00:00", "2026-03-29 04:00"), from("2026-04-04 23:00", "2026-04-05 03:00")}},
		{"an hour is skipped: days are those of the clock", "Europe/Vienna", "2026-03-28T12:00:00", "FREQ=DAILY;COUNT=1", "P1D", nil, from("2026-03-01 00:00", "2026-04-06 00:00"),
			[]calendar.Span{from("2026-03-28 11:00", "2026-03-29 10:00")}},
		{"an hour comes twice: days are those of the clock", "Europe/Vienna", "2026-10-24T12:00:00", "FREQ=DAILY;COUNT=1", "P1DT1H", nil, from("2026-10-01 00:00", "2026-11-01 00:00"),
			[]calendar.Span{from("2026-10-24 10:00", "2026-10-25 12:00")}},
		{"a begin that is skipped is by the offset before", "America/New_York", "2026-03-07T02:30:00", "FREQ=DAILY;COUNT=3", "PT1H", nil, from("2026-03-01 00:00", "2026-04-01 00:00"),
			[]calendar.Span{from("2026-03-07 07:30", "2026-03-07 08:30"), from("2026-03-08 07:30", "2026-03-08 08:30"), from("2026-03-09 06:30", "2026-03-09 07:30")}},
		{"a begin that comes twice is the first", "America/New_York", "2026-11-01T01:30:00", "FREQ=DAILY;COUNT=1", "PT1H", nil, from("2026-10-01 00:00", "2026-12-01 00:00"),
			[]calendar.Span{from("2026-11-01 05:30", "2026-11-01 06:30")}},
		{"a night over the end of the year, seen from its end", "Asia/Tokyo", "2020-01-01T22:00:00", "FREQ=DAILY", "PT8H", []string{"2026-01-01"}, from("2025-12-31 20:00", "2026-01-02 00:00"),
			[]calendar.Span{from("2025-12-31 13:00", "2025-12-31 21:00")}},
		{"those that touch are one", "UTC", "2026-01-01T00:00:00", "FREQ=DAILY", "P1D", []string{"2026-01-04"}, from("2026-01-02 12:00", "2026-01-05 12:00"),
			[]calendar.Span{from("2026-01-02 00:00", "2026-01-04 00:00"), from("2026-01-05 00:00", "2026-01-06 00:00")}},
		{"a freeze of every year", "Europe/Vienna", "2020-12-20T00:00:00", "FREQ=YEARLY", "P16D", nil, from("2030-01-01 00:00", "2030-12-25 00:00"),
			[]calendar.Span{from("2029-12-19 23:00", "2030-01-04 23:00"), from("2030-12-19 23:00", "2031-01-04 23:00")}},
		{"weeks", "UTC", "2026-01-01T00:00:00", "FREQ=YEARLY;COUNT=1", "P2W", nil, from("2026-01-01 00:00", "2027-01-01 00:00"), []calendar.Span{from("2026-01-01 00:00", "2026-01-15 00:00")}},
		{"its end is not in it", "UTC", "2026-01-01T00:00:00", "FREQ=YEARLY;COUNT=1", "PT1H", nil, from("2026-01-01 01:00", "2027-01-01 00:00"), nil},
		{"until", "UTC", "2026-01-01T00:00:00", "FREQ=DAILY;UNTIL=20260102T000000Z", "PT1H", nil, from("2026-01-02 00:00", "2027-01-01 00:00"), []calendar.Span{from("2026-01-02 00:00", "2026-01-02 01:00")}},
	} {
		w := calendar.Window{ID: "w", Kind: calendar.WindowFreeze, Name: "w", Scope: calendar.Scope{All: true}, Duration: c.duration,
			Rule: &rrule.Rule{Zone: c.zone, Start: c.start, RRule: c.rule, Except: c.except}}
		s, err := w.Compile()
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, s.Occurrences(c.within), c.name)
		for _, o := range c.want {
			now, in := s.At(o.Begin)
			require.True(t, in, c.name)
			require.True(t, o.Holds(now) && now.Begin.Equal(o.Begin), c.name)
			bounds, ends := s.Bounds()
			require.False(t, o.Begin.Before(bounds.Begin), c.name)
			require.False(t, ends && o.End.After(bounds.End), c.name)
		}
	}
}

func faults(t *testing.T, err error) (all []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		all = append(all, f.Field+" "+f.Problem)
	}
	return all
}

func TestC14AWindowThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	_, err := calendar.Window{Kind: "holiday", Duration: "P0D", Rule: &rrule.Rule{Zone: "Mars", Start: "x", RRule: "FREQ=HOURLY"}}.Compile()
	all := strings.Join(faults(t, err), "\n")
	for _, part := range []string{"id is required", "name is required", "scope must be all, or name", `kind is "holiday"`, `rule.zone is "Mars"`, `rule.start is "x"`, "rule.rrule must be DAILY", "duration must be one of RFC 5545"} {
		require.Contains(t, all, part)
	}
	once := from("2026-01-01 00:00", "2026-01-02 00:00")
	daily := &rrule.Rule{Start: "2026-01-01T00:00:00", RRule: "FREQ=DAILY"}
	good := calendar.Window{ID: "w", Kind: calendar.WindowFreeze, Name: "w", Scope: calendar.Scope{All: true}, Once: &once}
	for name, c := range map[string]struct {
		change func(w *calendar.Window)
		want   string
	}{
		"neither":                {func(w *calendar.Window) { w.Once = nil }, "once or rule is required, and not both"},
		"both":                   {func(w *calendar.Window) { w.Rule, w.Duration = daily, "PT1H" }, "once or rule is required, and not both"},
		"all and some":           {func(w *calendar.Window) { w.Scope.CIs = []itsm.ID{"x"} }, "scope must be all, or name cis, services, sites or models"},
		"maintenance of all":     {func(w *calendar.Window) { w.Kind = calendar.WindowMaintenance }, "scope of a maintenance window is of cis and services alone"},
		"maintenance of nothing": {func(w *calendar.Window) { w.Kind, w.Scope = calendar.WindowMaintenance, calendar.Scope{} }, "scope must name cis or services"},
		"override of maintenance": {func(w *calendar.Window) {
			w.Kind, w.Scope, w.Override = calendar.WindowMaintenance, calendar.Scope{CIs: []itsm.ID{"x"}}, []itsm.RoleName{"cab"}
		}, "override is for freezes alone"},
		"backwards":                      {func(w *calendar.Window) { w.Once = &calendar.Span{Begin: once.End, End: once.Begin} }, "once.end must be after begin"},
		"empty":                          {func(w *calendar.Window) { w.Once = &calendar.Span{Begin: once.End, End: once.End} }, "once.end must be after begin"},
		"long":                           {func(w *calendar.Window) { w.Once = &calendar.Span{Begin: once.Begin, End: once.Begin.AddDate(2, 0, 0)} }, "once.end must be at most 366 days after begin"},
		"a long one that recurs":         {func(w *calendar.Window) { w.Once, w.Rule, w.Duration = nil, daily, "P367D" }, "duration must be at most 366 days"},
		"a duration without a unit":      {func(w *calendar.Window) { w.Once, w.Rule, w.Duration = nil, daily, "P1DT" }, `duration must be one of RFC 5545 such as "PT4H" or "P1DT12H", of more than nothing`},
		"a duration of one that is once": {func(w *calendar.Window) { w.Duration = "PT1H" }, "duration is for a rule alone"},
		"an id that cannot be":           {func(w *calendar.Window) { w.Scope = calendar.Scope{Models: []string{""}} }, "scope.models[0] is required"},
	} {
		w := good
		c.change(&w)
		_, err := w.Compile()
		require.Equal(t, []string{c.want}, faults(t, err), name)
	}
	_, err = calendar.ParseWindow([]byte(`{"id":"w","kind":"freeze","name":"w","scope":{"all":true},"colour":"red"}`))
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "colour")
}

func booking(id itsm.ID, begin, end string, cis ...itsm.ID) calendar.Booking {
	b := calendar.Booking{Change: id, Planned: from(begin, end)}
	for _, ci := range cis {
		b.CIs = append(b.CIs, calendar.CI{ID: ci, Relation: calendar.RelationOwn})
	}
	return b
}

func TestC14ABookingThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	b := booking("", "2026-01-02 00:00", "2026-01-01 00:00", "")
	b.CIs[0].Relation = "cousin"
	b.Services = []itsm.ID{"\x00"}
	all := faults(t, b.Validate())
	require.Len(t, all, 5)
	_, err := calendar.NewIndex([]calendar.Booking{b, booking("a", "2026-01-01 00:00", "2026-01-02 00:00"), booking("a", "2026-01-01 00:00", "2026-01-02 00:00")}, nil)
	require.Contains(t, strings.Join(faults(t, err), "\n"), "bookings[2].change has another booking already")
	good := booking("a", "2026-01-01 00:00", "2026-01-02 00:00")
	good.Outage = from("2026-01-01 12:00", "2026-01-02 12:00")
	require.Equal(t, []string{"outage must lie in the planned window"}, faults(t, good.Validate()))
	index, err := calendar.NewIndex(nil, nil)
	require.NoError(t, err)
	_, err = index.Conflicts(good)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorIs(t, index.Put(good), itsm.ErrInvalid)
}

func TestC14ChangesThatTouchInTimeDoNotConflict(t *testing.T) {
	a := booking("a", "2026-01-01 00:00", "2026-01-01 02:00", "db")
	require.Empty(t, calendar.Between(a, booking("b", "2026-01-01 02:00", "2026-01-01 03:00", "db")))
	require.Empty(t, calendar.Between(a, a), "a change and itself")
	late := booking("b", "2026-01-01 02:00", "2026-01-01 03:00", "db")
	late.Planned.Begin = late.Planned.Begin.Add(-time.Microsecond)
	got := calendar.Between(a, late)
	require.Equal(t, []calendar.Conflict{{Kind: calendar.SameCI, This: calendar.Side{Kind: "change", ID: "a", On: "db"}, Other: calendar.Side{Kind: "change", ID: "b", On: "db"},
		Span: calendar.Span{Begin: late.Planned.Begin, End: a.Planned.End}, Why: "both work on CI db"}}, got)
	// What is below a microsecond does not count.
	late.Planned.Begin = a.Planned.End.Add(-time.Nanosecond).In(time.FixedZone("X", 3600))
	require.Len(t, calendar.Between(a, late), 1)
}

func TestC17OthersAreDisturbedInTheOutageWindowAlone(t *testing.T) {
	a := booking("a", "2026-01-01 00:00", "2026-01-01 08:00", "db")
	a.CIs = append(a.CIs, calendar.CI{ID: "web", Relation: calendar.RelationImpacted, Via: "db"})
	a.Outage = from("2026-01-01 02:00", "2026-01-01 03:00")
	b := booking("b", "2026-01-01 02:30", "2026-01-01 06:00", "web")
	require.Equal(t, from("2026-01-01 02:30", "2026-01-01 03:00"), calendar.Between(a, b)[0].Span)
	b.Planned = from("2026-01-01 03:00", "2026-01-01 06:00")
	require.Empty(t, calendar.Between(a, b))
	require.Empty(t, calendar.Between(b, a))
}

func TestC16AHorizonThatIsFullSaysWhy(t *testing.T) {
	once := from("2026-01-01 00:00", "2026-02-01 00:00")
	s, err := calendar.Window{ID: "f", Kind: calendar.WindowFreeze, Name: "Year end", Reason: "books close", Scope: calendar.Scope{All: true}, Once: &once}.Compile()
	require.NoError(t, err)
	index, err := calendar.NewIndex(nil, []*calendar.Schedule{s})
	require.NoError(t, err)
	got, err := index.Slots(calendar.Booking{Change: "a"}, calendar.SlotQuery{Length: time.Hour, From: instant("2026-01-10 00:00"), Until: instant("2026-01-20 00:00")})
	require.NoError(t, err)
	require.True(t, got.Complete)
	require.Empty(t, got.Slots)
	require.Equal(t, `the freeze "Year end" covers this change: books close`, got.Passed[0].Why)
	// Between two blocks that leave just the room that is needed.
	require.NoError(t, index.Put(booking("b", "2026-02-01 01:00", "2026-02-02 00:00", "db")))
	got, err = index.Slots(booking("a", "2026-01-01 00:00", "2026-01-01 01:00", "db"), calendar.SlotQuery{From: instant("2026-01-31 00:00"), Until: instant("2026-03-01 00:00"), Count: 2})
	require.NoError(t, err)
	require.Equal(t, from("2026-02-01 00:00", "2026-02-01 01:00"), got.Slots[0].Planned)
	require.Equal(t, got.Slots[0].Planned.Begin, got.Slots[0].Latest)
	require.Equal(t, from("2026-02-02 00:00", "2026-02-02 01:00"), got.Slots[1].Planned)
	require.Equal(t, instant("2026-02-28 23:00"), got.Slots[1].Latest)
	require.False(t, got.Complete)
}

func TestC16ASearchThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	index, err := calendar.NewIndex(nil, nil)
	require.NoError(t, err)
	_, err = index.Slots(calendar.Booking{Change: "a", Outage: from("2026-01-01 00:00", "2026-01-01 01:00")}, calendar.SlotQuery{
		From: instant("2026-01-01 00:00"), Until: instant("2028-01-01 00:00"), Count: 101, Step: 25 * time.Hour, Ignore: []calendar.ConflictKind{"x"}, Within: &calendar.Window{}})
	all := strings.Join(faults(t, err), "\n")
	for _, part := range []string{"outage must lie", "length is required", "horizon.end must be at most 366 days", "count must be", "step must be", "ignore[0]", "within.once or rule"} {
		require.Contains(t, all, part)
	}
}

func TestC16ASearchThatWouldBeTooMuchWorkIsRefused(t *testing.T) {
	var all []calendar.Booking
	many := func(id int) calendar.Booking {
		b := booking(itsm.ID(fmt.Sprint("c", id)), "2026-01-01 00:00", "2026-01-02 00:00")
		for i := range 500 {
			b.CIs = append(b.CIs, calendar.CI{ID: itsm.ID(fmt.Sprint(i)), Relation: calendar.RelationOwn})
		}
		return b
	}
	for i := range 401 {
		all = append(all, many(i))
	}
	index, err := calendar.NewIndex(all, nil)
	require.NoError(t, err)
	_, err = index.Slots(many(-1), calendar.SlotQuery{From: instant("2026-01-01 00:00"), Until: instant("2026-02-01 00:00")})
	var limit *calendar.LimitError
	require.True(t, errors.As(err, &limit))
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.Equal(t, calendar.MaxBlocks, limit.Most)
}

func FuzzParseWindow(f *testing.F) {
	f.Add([]byte(`{"id":"w","kind":"freeze","name":"Year end","scope":{"all":true},"once":{"begin":"2026-12-20T00:00:00Z","end":"2027-01-05T00:00:00Z"},"override":["change_manager"]}`))
	f.Add([]byte(`{"id":"w","kind":"maintenance","name":"Sunday","scope":{"cis":["a"]},"rule":{"zone":"Europe/Vienna","start":"2026-03-01T02:00:00","rrule":"FREQ=WEEKLY;BYDAY=SU","except":["2026-03-29"]},"duration":"PT4H"}`))
	f.Add([]byte(`{"id":"w","kind":"freeze","name":"x","scope":{"models":["normal"]},"rule":{"start":"2199-12-31T23:00:00","rrule":"FREQ=YEARLY;BYWEEKNO=53;COUNT=2"},"duration":"P1DT1H"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, err := calendar.ParseWindow(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		s, err := w.Compile()
		require.NoError(t, err)
		year := from("2026-01-01 00:00", "2027-01-01 00:00")
		var last time.Time
		for _, o := range s.Occurrences(year) {
			require.True(t, o.Overlaps(year))
			require.True(t, o.Begin.After(last), "in order, and none touches another")
			last = o.End
		}
		again, err := json.Marshal(s.Window())
		require.NoError(t, err)
		same, err := calendar.ParseWindow(again)
		require.NoError(t, err)
		require.Equal(t, s.Window(), mustCompile(t, same).Window())
		var out strings.Builder
		require.NoError(t, calendar.WriteICalendar(&out, calendar.Export{Name: "x", Stamp: year.Begin}, []calendar.Event{calendar.EventOf(w)}))
	})
}

func mustCompile(t *testing.T, w calendar.Window) *calendar.Schedule {
	s, err := w.Compile()
	require.NoError(t, err)
	return s
}

func BenchmarkConflicts(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		index, err := calendar.NewIndex(estate(n), nil)
		require.NoError(b, err)
		asked := booking("asked", "2026-06-01 00:00", "2026-06-01 04:00", "ci1", "ci2", "ci3")
		asked.Services, asked.Implementers = []itsm.ID{"s1"}, []itsm.ID{"p1"}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := index.Conflicts(asked); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSlots(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		index, err := calendar.NewIndex(estate(n), nil)
		require.NoError(b, err)
		asked := booking("asked", "2026-06-01 00:00", "2026-06-01 04:00", "ci1", "ci2", "ci3")
		q := calendar.SlotQuery{From: instant("2026-06-01 00:00"), Until: instant("2026-08-30 00:00"), Count: 5, Step: 15 * time.Minute}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := index.Slots(asked, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// estate books n changes of some hours over years, of which each CI has the same number in a year.
func estate(n int) (all []calendar.Booking) {
	for i := range n {
		begin := instant("2020-01-01 00:00").Add(time.Duration(i) * 12 * time.Hour * 1000 / time.Duration(n) * 10)
		b := calendar.Booking{Change: itsm.ID(fmt.Sprint("c", i)), Planned: calendar.Span{Begin: begin, End: begin.Add(time.Duration(1+i%40) * time.Hour)}}
		for k := range 5 {
			b.CIs = append(b.CIs, calendar.CI{ID: itsm.ID(fmt.Sprint("ci", (i*7+k*13)%(n/10))), Relation: calendar.RelationOwn})
		}
		b.Services = []itsm.ID{itsm.ID(fmt.Sprint("s", i%(n/10)))}
		b.Implementers = []itsm.ID{itsm.ID(fmt.Sprint("p", i%(n/10)))}
		all = append(all, b)
	}
	return all
}
