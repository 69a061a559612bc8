package itsm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func bound(s string) *decimal.Decimal {
	d := decimal.RequireFromString(s)
	return &d
}

func fieldDefinitions() []itsm.FieldDefinition {
	return []itsm.FieldDefinition{
		{Name: "cost_centre", Type: itsm.FieldText, Required: true, MaxLength: 5},
		{Name: "remark", Type: itsm.FieldText, Internal: true},
		{Name: "seats", Type: itsm.FieldInteger, Min: bound("1"), Max: bound("100")},
		{Name: "rate", Type: itsm.FieldDecimal, Min: bound("0.01")},
		{Name: "vip", Title: "Very important", Type: itsm.FieldBoolean},
		{Name: "starts", Type: itsm.FieldTime},
		{Name: "birthday", Type: itsm.FieldDate},
		{Name: "colour", Type: itsm.FieldChoice, Choices: []string{"red", "green"}},
		{Name: "days", Type: itsm.FieldChoices, Choices: []string{"mon", "tue", "wed"}},
		{Name: "site", Type: itsm.FieldReference, Kind: "site"},
	}
}

func fieldSet(t testing.TB) *itsm.FieldSet {
	t.Helper()
	s, err := itsm.NewFieldSet(fieldDefinitions()...)
	require.NoError(t, err)
	return s
}

func TestValuesOfEachTypeAreChecked(t *testing.T) {
	s := fieldSet(t)
	for _, c := range []struct{ field, value, want string }{
		{"cost_centre", `"4711"`, ""},
		{"cost_centre", `null`, "is required"},
		{"cost_centre", ``, "is required"},
		{"cost_centre", `"  "`, "is required"},
		{"cost_centre", `"123456"`, "has 6 characters; at most 5 are allowed"},
		{"cost_centre", `"a\u0000b"`, "holds a control character; only line breaks and tabs are allowed"},
		{"cost_centre", `4711`, "must be a text"},
		{"cost_centre", "\"\xff\"", "is not valid JSON"},
		{"cost_centre", `"x`, "is not valid JSON"},
		{"remark", ` null `, ""},
		{"remark", `"` + strings.Repeat("x", itsm.DefaultFieldLength+1) + `"`, "has 4001 characters; at most 4000 are allowed"},
		{"seats", `7`, ""}, {"seats", `1`, ""}, {"seats", `100`, ""}, {"seats", `7.0`, ""}, {"seats", `1e1`, ""},
		{"seats", `0`, "must be at least 1"},
		{"seats", `101`, "must be at most 100"},
		{"seats", `7.5`, "must be a whole number of at most 64 bits"},
		{"seats", `9223372036854775808`, "must be a whole number of at most 64 bits"},
		{"seats", `"7"`, "must be a number"},
		{"seats", `true`, "must be a number"},
		{"seats", `1e1000000000`, "has too many digits"},
		{"seats", `1 2`, "is not valid JSON"},
		{"rate", `"12.50"`, ""}, {"rate", `0.01`, ""}, {"rate", `0.009999999999999999999`, "must be at least 0.01"},
		{"rate", `"a lot"`, "must be a number such as 12.5"},
		{"rate", `"Inf"`, "must be a number such as 12.5"},
		{"rate", `[1]`, "must be a number"},
		{"vip", `true`, ""}, {"vip", `false`, ""}, {"vip", `"true"`, "must be true or false"}, {"vip", `1`, "must be true or false"},
		{"starts", `"2026-05-31T14:30:00+02:00"`, ""}, {"starts", `"2026-05-31T14:30:00.123456Z"`, ""},
		{"starts", `"2026-05-31 14:30"`, "must be a time such as 2026-05-31T14:30:00Z"},
		{"starts", `"2026-05-31T14:30:00"`, "must be a time such as 2026-05-31T14:30:00Z"},
		{"starts", `1780000000`, "must be a time such as 2026-05-31T14:30:00Z"},
		{"birthday", `"2024-02-29"`, ""}, {"birthday", `"2026-02-29"`, "must be a date such as 2026-05-31"},
		{"birthday", `{}`, "must be a date such as 2026-05-31"},
		{"colour", `"red"`, ""}, {"colour", `"Red"`, "must be one of: red, green"}, {"colour", `["red"]`, "must be one of: red, green"},
		{"days", `["mon","wed"]`, ""}, {"days", `[]`, ""}, {"days", `["sun"]`, "must have only: mon, tue, wed"},
		{"days", `["mon","mon"]`, `has "mon" twice`}, {"days", `"mon"`, "must be a list of: mon, tue, wed"},
		{"days", `[null]`, "must be a list of: mon, tue, wed"}, {"days", `[1]`, "must be a list of: mon, tue, wed"},
		{"site", `{"kind":"site","id":"s1"}`, ""}, {"site", `{"kind":"ci","id":"s1"}`, "must be of the kind site"},
		{"site", `{"kind":"site"}`, `must be an object such as {"kind":"ci","id":"..."}`},
		{"site", `"s1"`, `must be an object such as {"kind":"ci","id":"..."}`},
	} {
		t.Run(fmt.Sprintf("%s %.40s", c.field, c.value), func(t *testing.T) {
			f := itsm.Fields{"cost_centre": json.RawMessage(`"4711"`)}
			f[c.field] = json.RawMessage(c.value)
			before := f.Clone()
			var faults itsm.Faults
			s.Check(f, &faults)
			var want []itsm.Fault
			if c.want != "" {
				want = []itsm.Fault{{Field: "fields." + c.field, Problem: c.want}}
			}
			require.Equal(t, want, faults.List())
			require.Equal(t, before, f, "a check changes nothing")
		})
	}
}

func TestEveryFaultOfTheFieldsIsNamed(t *testing.T) {
	var faults itsm.Faults
	fieldSet(t).Check(itsm.Fields{
		"vip": json.RawMessage(`1`), "zebra": json.RawMessage(`1`), "alpha": nil, "\xff\n" + strings.Repeat("x", 100): json.RawMessage(`1`),
		"seats": json.RawMessage(`"many"`),
	}, &faults)
	require.Equal(t, []itsm.Fault{
		{Field: "fields.cost_centre", Problem: "is required"},
		{Field: "fields.seats", Problem: "must be a number"},
		{Field: "fields.vip", Problem: "must be true or false"},
		{Field: "fields.alpha", Problem: "is not defined"},
		{Field: "fields.zebra", Problem: "is not defined"},
		{Field: `fields."?\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`, Problem: "is not defined"},
	}, faults.List())
}

func TestWithoutDefinitionsThereAreNoFields(t *testing.T) {
	var none *itsm.FieldSet
	empty, err := itsm.NewFieldSet()
	require.NoError(t, err)
	for _, s := range []*itsm.FieldSet{none, empty} {
		var faults itsm.Faults
		s.Check(nil, &faults)
		require.True(t, faults.Empty())
		s.Check(itsm.Fields{"x": nil}, &faults)
		require.Len(t, faults.List(), 1)
		require.Empty(t, s.Definitions())
		_, ok := s.Definition("x")
		require.False(t, ok)
		require.Nil(t, s.Public(itsm.Fields{"x": json.RawMessage(`1`)}))
	}
}

func TestARequiredListNeedsAChoice(t *testing.T) {
	s, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "days", Type: itsm.FieldChoices, Required: true, Choices: []string{"mon"}})
	require.NoError(t, err)
	var faults itsm.Faults
	s.Check(itsm.Fields{"days": json.RawMessage(`[]`)}, &faults)
	require.Equal(t, []itsm.Fault{{Field: "fields.days", Problem: "is required"}}, faults.List())
}

func TestDefinitionsAreChecked(t *testing.T) {
	_, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "9x", Type: "colour"},
		itsm.FieldDefinition{Name: "", Type: itsm.FieldText, MaxLength: -1, Choices: []string{"a"}},
		itsm.FieldDefinition{Name: "a", Type: itsm.FieldChoice},
		itsm.FieldDefinition{Name: "a", Type: itsm.FieldChoices, Choices: []string{"x", " ", "x"}, MaxLength: 3, Kind: "ci"},
		itsm.FieldDefinition{Name: "b", Type: itsm.FieldInteger, Min: bound("3"), Max: bound("2")},
		itsm.FieldDefinition{Name: "c", Type: itsm.FieldText, Min: bound("3"), Title: "a\x00"},
		itsm.FieldDefinition{Name: "d", Type: itsm.FieldDecimal, Max: &decimal.Decimal{}, Min: bound("1e99")},
		itsm.FieldDefinition{Name: strings.Repeat("x", 64), Type: itsm.FieldText},
	)
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, []itsm.Fault{
		{Field: "fields[0].name", Problem: `is "9x"; write lower-case letters, digits and underscores, a letter first, at most 63`},
		{Field: "fields[0].type", Problem: `is "colour"; allowed are text, integer, decimal, boolean, time, date, choice, choices, reference`},
		{Field: "fields[1].name", Problem: `is ""; write lower-case letters, digits and underscores, a letter first, at most 63`},
		{Field: "fields[1].choices", Problem: "have no meaning for the type text"},
		{Field: "fields[1].max_length", Problem: "must not be negative"},
		{Field: "fields[2].choices", Problem: "are required for this type"},
		{Field: "fields[3].name", Problem: `"a" is used twice`},
		{Field: "fields[3].choices[1]", Problem: "is required"},
		{Field: "fields[3].choices", Problem: `have "x" twice`},
		{Field: "fields[3].max_length", Problem: "has no meaning for the type choices"},
		{Field: "fields[3].kind", Problem: "has no meaning for the type choices"},
		{Field: "fields[4].min", Problem: "is greater than max"},
		{Field: "fields[5].title", Problem: "holds a control character; only line breaks and tabs are allowed"},
		{Field: "fields[5].min", Problem: "and max have no meaning for the type text"},
		{Field: "fields[6].min", Problem: "or max has too many digits"},
		{Field: "fields[7].name", Problem: fmt.Sprintf("is %q; write lower-case letters, digits and underscores, a letter first, at most 63", strings.Repeat("x", 64))},
	}, invalid.Faults)
}

func TestAFieldSetIsImmutable(t *testing.T) {
	definitions := fieldDefinitions()
	s, err := itsm.NewFieldSet(definitions...)
	require.NoError(t, err)
	spoil := func(d *itsm.FieldDefinition) {
		*d.Min = decimal.NewFromInt(50)
	}
	spoil(&definitions[2])
	definitions[7].Choices[0] = "blue"
	copied := s.Definitions()
	spoil(&copied[2])
	copied[7].Choices[0] = "blue"
	one, ok := s.Definition("seats")
	require.True(t, ok)
	spoil(&one)
	_, ok = s.Definition("nothing")
	require.False(t, ok)

	want := fieldDefinitions()
	for i, title := range []string{"Cost centre", "Remark", "Seats", "Rate", "Very important", "Starts", "Birthday", "Colour", "Days", "Site"} {
		want[i].Title = title
	}
	require.Equal(t, want, s.Definitions())
}

func TestDefinitionsAreDataThatAHostCanKeep(t *testing.T) {
	raw, err := json.Marshal(fieldDefinitions())
	require.NoError(t, err)
	var back []itsm.FieldDefinition
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, fieldDefinitions(), back)
}

func TestValuesAreReadWithTheirTypes(t *testing.T) {
	var f itsm.Fields
	at := time.Date(2026, 5, 31, 14, 30, 0, 123456789, time.FixedZone("CEST", 7200))
	for name, v := range map[string]any{
		"cost_centre": "4711", "seats": int64(7), "rate": decimal.RequireFromString("12.50"), "vip": true, "starts": at,
		"birthday": "2024-02-29", "colour": "red", "days": []string{"mon", "tue"}, "site": itsm.Ref{Kind: "site", ID: "s1"},
		"raw": json.RawMessage(`{"a":1}`),
	} {
		require.NoError(t, f.Set(name, v))
	}
	require.Equal(t, `"12.5"`, string(f["rate"]))
	delete(f, "raw")
	var faults itsm.Faults
	fieldSet(t).Check(f, &faults)
	require.Empty(t, faults.List())

	text, ok := f.Text("cost_centre")
	require.True(t, ok)
	require.Equal(t, "4711", text)
	n, ok := f.Integer("seats")
	require.True(t, ok)
	require.Equal(t, int64(7), n)
	d, ok := f.Decimal("rate")
	require.True(t, ok)
	require.True(t, decimal.RequireFromString("12.5").Equal(d))
	d, ok = f.Decimal("seats")
	require.True(t, ok)
	require.True(t, decimal.NewFromInt(7).Equal(d))
	b, ok := f.Boolean("vip")
	require.True(t, ok)
	require.True(t, b)
	when, ok := f.Time("starts")
	require.True(t, ok)
	require.Equal(t, time.Date(2026, 5, 31, 12, 30, 0, 123456000, time.UTC), when)
	day, ok := f.Date("birthday")
	require.True(t, ok)
	require.Equal(t, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), day)
	colour, ok := f.Text("colour")
	require.True(t, ok)
	require.Equal(t, "red", colour)
	days, ok := f.Choices("days")
	require.True(t, ok)
	require.Equal(t, []string{"mon", "tue"}, days)
	site, ok := f.Reference("site")
	require.True(t, ok)
	require.Equal(t, itsm.Ref{Kind: "site", ID: "s1"}, site)
}

func TestAValueOfAnotherTypeIsNotRead(t *testing.T) {
	f := itsm.Fields{"o": json.RawMessage(`{}`), "null": json.RawMessage(`null`), "bad": json.RawMessage(`"x`), "big": json.RawMessage(`1e60`), "half": json.RawMessage(`0.5`), "s": json.RawMessage(`"1"`)}
	for _, name := range []string{"o", "null", "bad", "absent"} {
		_, text := f.Text(name)
		_, integer := f.Integer(name)
		_, dec := f.Decimal(name)
		_, boolean := f.Boolean(name)
		_, when := f.Time(name)
		_, day := f.Date(name)
		_, choices := f.Choices(name)
		_, ref := f.Reference(name)
		require.False(t, text || integer || dec || boolean || when || day || choices || ref, name)
	}
	for _, name := range []string{"big", "half", "s"} {
		_, ok := f.Integer(name)
		require.False(t, ok, name)
	}
}

func TestSettingFields(t *testing.T) {
	f := itsm.Fields{}
	for _, v := range []any{1.5, float32(1), struct{}{}, map[string]int{}, decimal.New(1, 1000), json.RawMessage(`{`), time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		require.ErrorIs(t, f.Set("x", v), itsm.ErrInvalid, "%T", v)
	}
	require.Empty(t, f)
	require.EqualError(t, f.Set("x", 1.5), "fields: invalid: fields.x cannot hold this float64")
	require.NoError(t, f.Set("x", 1))
	clone := f.Clone()
	require.NoError(t, f.Set("x", nil))
	require.Empty(t, f)
	require.Equal(t, "1", string(clone["x"]))
	require.Nil(t, itsm.Fields(nil).Clone())
	var none itsm.Fields
	require.NoError(t, none.Set("x", nil))
	require.Nil(t, none)
}

func TestInternalFieldsAreHidden(t *testing.T) {
	f := itsm.Fields{"cost_centre": json.RawMessage(`"4711"`), "remark": json.RawMessage(`"difficult"`), "undefined": json.RawMessage(`1`)}
	require.Equal(t, itsm.Fields{"cost_centre": json.RawMessage(`"4711"`)}, fieldSet(t).Public(f))
	require.Len(t, f, 3)
}

func TestWhatPassesTheCheckCanBeRead(t *testing.T) {
	s := fieldSet(t)
	value := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			raw, _ := json.Marshal(rapid.String().Draw(t, "s"))
			return string(raw)
		}),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`),
		rapid.StringMatching(`"(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?"`),
		rapid.SampledFrom([]string{`true`, `null`, `"red"`, `["mon"]`, `["mon","tue"]`, `{"kind":"site","id":"1"}`, `"2026-05-31"`, `"2026-05-31T00:00:00Z"`, `[]`, `{}`, ``, `x`}),
	)
	rapid.Check(t, func(t *rapid.T) {
		f := itsm.Fields{"cost_centre": json.RawMessage(`"1"`)}
		for _, d := range s.Definitions() {
			if rapid.Bool().Draw(t, d.Name) {
				f[d.Name] = json.RawMessage(value.Draw(t, "value"))
			}
		}
		checkAgreesWithReaders(t, s, f)
	})
}

func checkAgreesWithReaders(t require.TestingT, s *itsm.FieldSet, f itsm.Fields) {
	var faults itsm.Faults
	s.Check(f, &faults)
	wrong := map[string]bool{}
	for _, x := range faults.List() {
		wrong[x.Field] = true
		require.NotEmpty(t, x.Problem)
		require.Less(t, len(x.Problem), 200, "a problem does not repeat a long value")
	}
	for _, d := range s.Definitions() {
		raw := strings.TrimSpace(string(f[d.Name]))
		if wrong["fields."+d.Name] || raw == "" || raw == "null" {
			continue
		}
		ok := false
		switch d.Type {
		case itsm.FieldText, itsm.FieldChoice:
			_, ok = f.Text(d.Name)
		case itsm.FieldInteger:
			_, ok = f.Integer(d.Name)
		case itsm.FieldDecimal:
			_, ok = f.Decimal(d.Name)
		case itsm.FieldBoolean:
			_, ok = f.Boolean(d.Name)
		case itsm.FieldTime:
			_, ok = f.Time(d.Name)
		case itsm.FieldDate:
			_, ok = f.Date(d.Name)
		case itsm.FieldChoices:
			_, ok = f.Choices(d.Name)
		case itsm.FieldReference:
			_, ok = f.Reference(d.Name)
		}
		require.True(t, ok, "%s passed as %s but cannot be read", d.Name, raw)
	}
	for name := range f {
		if _, defined := s.Definition(name); !defined {
			require.False(t, faults.Empty())
		}
	}
}

func FuzzFieldsCheck(f *testing.F) {
	f.Add([]byte(`{"cost_centre":"4711","seats":7,"rate":"1.5","vip":true,"starts":"2026-05-31T14:30:00Z"}`))
	f.Add([]byte(`{"birthday":"2024-02-29","colour":"red","days":["mon"],"site":{"kind":"site","id":"1"},"unknown":1}`))
	f.Add([]byte(`{"seats":1e999999999,"rate":"1e-999999999"}`))
	s := fieldSet(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var fields itsm.Fields
		if json.Unmarshal(raw, &fields) != nil {
			// Not an object: take it as the value of every field instead.
			fields = itsm.Fields{}
			for _, d := range s.Definitions() {
				fields[d.Name] = raw
			}
		}
		before := fields.Clone()
		checkAgreesWithReaders(t, s, fields)
		require.Equal(t, before, fields)
	})
}
