package calendar_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

func TestVersionsCountFromTheirInstant(t *testing.T) {
	var v calendar.Versions
	v = must(v.Append(instant("2026-01-01T00:00:00Z"), office("UTC", "09:00", "17:00")))
	v = must(v.Append(instant("2026-07-01T02:00:00+02:00"), office("UTC", "08:00", "18:00")))
	require.NoError(t, v.Check())
	for at, want := range map[string]int{"2025-12-31T23:59:59Z": 0, "2026-01-01T00:00:00Z": 1, "2026-06-30T23:59:59.999Z": 1, "2026-07-01T00:00:00Z": 2, "2030-01-01T00:00:00Z": 2} {
		got, ok := v.At(instant(at))
		require.Equal(t, want, got.Number, at)
		require.Equal(t, want != 0, ok)
	}
	for n := range 4 {
		got, ok := v.Number(n)
		require.Equal(t, n == 1 || n == 2, ok)
		if ok {
			require.Equal(t, n, got.Number)
		}
	}
	v[1].Number, v[1].EffectiveFrom, v[1].Definition.Name = 1, v[0].EffectiveFrom, "other"
	require.Equal(t, []string{"[1].version must be greater than that of the version before", "[1].effective_from must be after that of the version before",
		"[1].definition.name is not that of the first version"}, faults(t, v.Check()))
}

func TestVersionKeepsWhatItRefersTo(t *testing.T) {
	d := office("Europe/Berlin", "09:00", "17:00")
	d.NoneOf = []string{"closing"}
	closing := calendar.Definition{Name: "closing", Zone: "Europe/Berlin", AnyOf: []string{"stocktaking"}}
	stocktaking := allWeek("Europe/Berlin", "09:00", "10:00")
	stocktaking.Name = "stocktaking"
	other := allWeek("UTC", "00:00", "24:00")
	other.Name = "other"

	first := must(calendar.Versions{}.Append(time.Time{}, d, other, stocktaking, closing))
	require.Equal(t, []calendar.Definition{stocktaking, closing}, first[0].Others)
	day := func(v calendar.Version) time.Duration {
		return must(must(v.Compile()).Between(instant("2026-03-02T00:00:00Z"), instant("2026-03-03T00:00:00Z")))
	}
	require.Equal(t, 7*time.Hour, day(first[0]))

	// An edit of what it refers to, and of the host's own definitions, leaves the version as it was.
	stocktaking.Hours[0].To, d.Hours[0].To = "13:00", "14:00"
	require.Equal(t, 7*time.Hour, day(first[0]))
	second := must(first.Append(instant("2026-06-01T00:00:00Z"), d, stocktaking, closing))
	third := must(first.Append(instant("2026-06-01T00:00:00Z"), office("Europe/Berlin", "09:00", "18:00"), stocktaking))
	require.Len(t, first, 1)
	require.Equal(t, 7*time.Hour, day(second[0]))
	require.Equal(t, 9*time.Hour, day(third[1]), "two histories from one share nothing")
	require.Empty(t, third[1].Others)

	// What is kept of it gives the same again.
	raw := must(json.Marshal(first[0]))
	again := must(calendar.ParseVersion(raw))
	require.Equal(t, first[0], again)
	require.Equal(t, 7*time.Hour, day(again))
}

func TestBadVersionIsRefused(t *testing.T) {
	from := instant("2026-01-01T00:00:00Z")
	v := must(calendar.Versions{}.Append(from, office("UTC", "09:00", "17:00")))
	_, err := v.Append(from, office("UTC", "09:00", "18:00"))
	require.Equal(t, []string{"[1].effective_from must be after that of the version before"}, faults(t, err))
	_, err = calendar.Versions{}.Append(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), office("UTC", "09:00", "17:00"))
	require.Equal(t, []string{"[0].effective_from must be of the years 1 to 9999, in UTC"}, faults(t, err))
	_, err = v.Append(from.Add(1), office("Mars/North", "09:00", "18:00"))
	require.ErrorContains(t, err, "zone")
	d := office("UTC", "09:00", "17:00")
	d.AllOf = []string{"missing"}
	_, err = v.Append(from.Add(1), d)
	require.ErrorContains(t, err, "is not among the calendars given")
	d.AllOf = []string{"twice"}
	twice := office("UTC", "09:00", "17:00")
	twice.Name = "twice"
	_, err = v.Append(from.Add(1), d, twice, twice)
	require.ErrorContains(t, err, "is that of another one")

	for raw, want := range map[string]string{
		`{"version":"1"}`: "version must not be a JSON string", `{"effective_from":"yesterday"}`: "cannot be read", `{"effective_from":1}`: "cannot be read",
		`{"number":1}`: "not known", `null`: "is not a JSON object", `{"definition":{"zome":"UTC"}}`: "not known", `{} 1`: "goes on after its end",
	} {
		_, err := calendar.ParseVersion([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, raw)
		require.ErrorContains(t, err, want, raw)
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add([]byte(`{"version":1,"effective_from":"2026-01-01T00:00:00Z","definition":{"name":"a","zone":"UTC","hours":[{"from":"09:00","to":"17:00"}],"any_of":["b"]},"others":[{"name":"b","zone":"America/Havana","hours":[{"from":"22:00","to":"06:00"}]}]}`))
	f.Add([]byte(`{"version":2,"effective_from":"2026-01-01T00:00:00.123456789+05:45","definition":{"name":"a","zone":"UTC","all_of":["b"]},"others":[{"name":"b","zone":"UTC","none_of":["a"]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := calendar.ParseVersion(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		all, err := calendar.Versions{}.Append(v.EffectiveFrom, v.Definition, v.Others...)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		kept := must(json.Marshal(all[0]))
		again := must(calendar.ParseVersion(kept))
		require.Equal(t, string(kept), string(must(json.Marshal(again))))
		must(again.Compile())
	})
}
