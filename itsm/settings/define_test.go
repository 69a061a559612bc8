package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestADefinitionThatIsWrongPanics(t *testing.T) {
	never := func(string) error { return errors.New("is never right") }
	for name, define := range map[string]func(){
		"no name":             func() { settings.Define("", 1) },
		"capitals":            func() { settings.Define("Desk", 1) },
		"a space":             func() { settings.Define("a b", 1) },
		"too long":            func() { settings.Define(strings.Repeat("a", settings.MaxName+1), 1) },
		"a default refused":   func() { settings.Define("x", "", never) },
		"no JSON form":        func() { settings.Define("x", func() {}) },
		"keys of a text":      func() { settings.Define("x", "").Merging(settings.MergeKeys) },
		"keys of numbers":     func() { settings.Define("x", map[int]string{}).Merging(settings.MergeKeys) },
		"items of a map":      func() { settings.Define("x", map[string]int{}).Merging(settings.MergeItems) },
		"items of bytes":      func() { settings.Define("x", []byte{1}).Merging(settings.MergeItems) },
		"a merge there is no": func() { settings.Define("x", map[string]int{}).Merging("blend") },
	} {
		require.Panics(t, define, name)
	}
	require.NotPanics(t, func() { settings.Define("a.b-c_9", struct{}{}) })
}

func TestADefaultIsACopy(t *testing.T) {
	s := settings.Define("x", map[string]string{"a": "b"})
	s.Default()["a"] = "changed"
	require.Equal(t, map[string]string{"a": "b"}, s.Default())
}

func TestOptionsThatCannotBeAreToldAtOnce(t *testing.T) {
	x := settings.Define("x", 1)
	_, err := settings.New(nil, settings.Options{Registry: "\x00", Settings: []settings.Definition{x, nil, x, settings.Setting[int]{}}})
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	var fields []string
	for _, f := range v.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"engine", "settings[1]", "settings[2]", "settings[3]", "registry"}, fields)
}

// A tenant without a hierarchy has settings all the same.
func TestWithoutAHierarchyEachTenantStandsAlone(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	x := settings.Define("x", 1)
	p, err := settings.New(e, settings.Options{Settings: []settings.Definition{x}})
	require.NoError(t, err)
	_, err = x.Set(t.Context(), p, desk1, 2, itsm.Command{})
	require.NoError(t, err)
	_, err = p.Place(t.Context(), desk1, "other", settings.Move{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	v, err := x.Get(t.Context(), p, desk1)
	require.NoError(t, err)
	require.Equal(t, 2, v.Value)
}

var desk1 = itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

// What a program keeps and a later one cannot read is an error, not another value.
func TestAKeptValueOfAnotherTypeIsAnError(t *testing.T) {
	store := memory.New()
	open := func(d settings.Definition) *settings.Practice {
		e, err := engine.New(store, engine.Options{})
		require.NoError(t, err)
		p, err := settings.New(e, settings.Options{Settings: []settings.Definition{d}})
		require.NoError(t, err)
		return p
	}
	words, number := settings.Define("x", "one"), settings.Define("x", 1)
	_, err := words.Set(t.Context(), open(words), desk1, "two", itsm.Command{})
	require.NoError(t, err)
	_, err = number.Get(t.Context(), open(number), desk1)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = number.Set(t.Context(), open(number), desk1, 3, itsm.Command{})
	require.NoError(t, err, "it can be set anew")
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"format":1,"settings":{"a":{"value":1,"lock":true}}}`))
	f.Add([]byte(`{"format":1,"settings":{"a":{"private":true}}}`))
	f.Add([]byte(`{"format":2}{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := settings.ParseDocument(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		out, err := json.Marshal(d)
		require.NoError(t, err)
		again, err := settings.ParseDocument(out)
		require.NoError(t, err)
		second, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(out), string(second))
	})
}

// What a read of one setting costs: no cache is kept, as one would have to be right over processes.
func BenchmarkRead(b *testing.B) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(b, err)
	x := settings.Define("x", 1)
	p, err := settings.New(e, settings.Options{Settings: []settings.Definition{x}})
	require.NoError(b, err)
	_, err = x.Set(b.Context(), p, desk1, 2, itsm.Command{})
	require.NoError(b, err)
	require.NoError(b, e.Update(b.Context(), desk1, func(ctx context.Context, u *engine.Unit) error {
		for b.Loop() {
			if _, err := x.Read(ctx, u); err != nil {
				return err
			}
		}
		return nil
	}))
}
