package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/storage"
)

func TestAValueGivesBackWhatItWasMadeOf(t *testing.T) {
	berlin := time.FixedZone("", 7200)
	at := time.Date(2026, 5, 31, 14, 30, 0, 123456789, berlin)
	for _, c := range []struct {
		v            schema.Value
		json, people string
	}{
		{schema.Value{}, `null`, ""},
		{schema.Text(""), `""`, ""},
		{schema.Text(`a "b" \ c`), `"a \"b\" \\ c"`, `a "b" \ c`},
		{schema.Text("\xff"), "\"\ufffd\"", "\ufffd"},
		{schema.Integer(-42), `-42`, "-42"},
		{schema.Decimal(decimal.RequireFromString("12.50")), `12.5`, "12.5"},
		{schema.Decimal(decimal.New(15, 2)), `1500`, "1500"},
		{schema.Decimal(decimal.New(0, -9)), `0`, "0"},
		{schema.Decimal(decimal.New(1, 1_000_000_000)), `null`, ""},
		{schema.Decimal(decimal.New(1, schema.MaxDigits-1)), "1" + strings.Repeat("0", schema.MaxDigits-1), "1" + strings.Repeat("0", schema.MaxDigits-1)},
		{schema.Decimal(decimal.New(1, schema.MaxDigits)), `null`, ""},
		{schema.Boolean(true), `true`, "true"},
		{schema.Date(2026, 5, 31), `"2026-05-31"`, "2026-05-31"},
		{schema.Instant(at), `"2026-05-31T12:30:00.123456Z"`, "2026-05-31T12:30:00.123456Z"},
		{schema.Instant(time.Time{}), `null`, ""},
		{schema.Reference("ci-1"), `"ci-1"`, "ci-1"},
		{schema.Reference(""), `null`, ""},
		{schema.List(), `[]`, ""},
		{schema.List(schema.Text(`a,"]`), schema.Integer(1), schema.Value{}, schema.List(schema.Boolean(false), schema.List())), `["a,\"]",1,false]`, `a,"]; 1; false`},
	} {
		raw, err := c.v.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, c.json, string(raw))
		require.Equal(t, c.people, c.v.String())
		require.Equal(t, c.json == "null", c.v.IsZero())
		var again schema.Value
		require.NoError(t, json.Unmarshal(raw, &again))
		require.True(t, c.v == again, c.json)
	}

	text, ok := schema.Text(`a "b"`).Text()
	require.True(t, ok)
	require.Equal(t, `a "b"`, text)
	n, ok := schema.Integer(-42).Integer()
	require.True(t, ok)
	require.EqualValues(t, -42, n)
	d, ok := schema.Integer(7).Decimal()
	require.True(t, ok)
	require.Equal(t, "7", d.String())
	b, ok := schema.Boolean(true).Boolean()
	require.True(t, b && ok)
	day, ok := schema.Date(2026, 5, 31).Date()
	require.True(t, ok)
	require.Equal(t, time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC), day)
	instant, ok := schema.Instant(at).Instant()
	require.True(t, ok)
	require.Equal(t, storage.Instant(at), instant)
	id, ok := schema.Reference("ci-1").Reference()
	require.True(t, ok)
	require.Equal(t, storage.ID("ci-1"), id)
	list, ok := schema.List(schema.Text(`a,"]\`), schema.Integer(1)).List()
	require.True(t, ok)
	require.Equal(t, []schema.Value{schema.Text(`a,"]\`), schema.Integer(1)}, list)
}

func TestAValueOfAnotherTypeIsNotGiven(t *testing.T) {
	all := []schema.Value{{}, schema.Text("x"), schema.Decimal(decimal.RequireFromString("0.5")), schema.Boolean(true), schema.List()}
	for i, v := range all {
		_, ok := v.Text()
		require.Equal(t, i == 1, ok, v)
		_, ok = v.Integer()
		require.False(t, ok, v)
		_, ok = v.Decimal()
		require.Equal(t, i == 2, ok, v)
		_, ok = v.Boolean()
		require.Equal(t, i == 3, ok, v)
		_, ok = v.List()
		require.Equal(t, i == 4, ok, v)
		_, ok = v.Date()
		require.False(t, ok, v)
		_, ok = v.Instant()
		require.False(t, ok, v)
		_, ok = v.Reference()
		require.Equal(t, i == 1, ok, v)
	}
}

func TestWhatIsNoValueIsRefused(t *testing.T) {
	for raw, problem := range map[string]string{
		`{}`:                     "must be a text, a number, a boolean or a list of these, and no object",
		`[null]`:                 "must not have null in a list",
		`[[1]]`:                  "must not have a list in a list",
		`[{}]`:                   "must be a text, a number, a boolean or a list of these, and no object",
		`1e60`:                   "is a number of more than 60 digits on a side of its point",
		`1e-61`:                  "is a number of more than 60 digits on a side of its point",
		`1e99999999`:             "is a number of more than 60 digits on a side of its point",
		`1e99999999999999999999`: "is a number of more than 60 digits on a side of its point",
		`"` + strings.Repeat("x", schema.MaxValue) + `"`: "is longer than 1048576 bytes",
		``:    "is not JSON",
		`1 2`: "goes on after its end",
	} {
		v := schema.Text("before")
		err := v.UnmarshalJSON([]byte(raw))
		var invalid *storage.ValidationError
		require.ErrorAs(t, err, &invalid, raw)
		require.Equal(t, []storage.Fault{{Field: "value", Problem: problem}}, invalid.Faults, raw)
		require.Equal(t, schema.Text("before"), v)
	}
}

// meaning is an oracle beside the package: a form of what JSON says in which numbers are exact fractions.
func meaning(raw string) string {
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	var read any
	if err := d.Decode(&read); err != nil && err != io.EOF {
		return "error " + err.Error()
	}
	var say func(any) string
	say = func(read any) string {
		switch read := read.(type) {
		case json.Number:
			r, _ := new(big.Rat).SetString(read.String())
			return "number " + r.RatString()
		case []any:
			all := make([]string, len(read))
			for i, one := range read {
				all[i] = fmt.Sprintf("%q", say(one))
			}
			return "list " + strings.Join(all, ",")
		}
		return fmt.Sprintf("%T %q", read, fmt.Sprint(read))
	}
	return say(read)
}

// jsonScalar gives JSON in the many ways in which one value can be written.
func jsonScalar() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			n := rapid.IntRange(-30, 30).Draw(t, "n")
			zeros := rapid.IntRange(0, 3).Draw(t, "zeros")
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				return fmt.Sprintf("%d", n)
			case 1:
				return fmt.Sprintf("%d.%s", n, strings.Repeat("0", zeros+1))
			case 2:
				return fmt.Sprintf("%de%d", n, zeros)
			}
			return fmt.Sprintf("%dE-%d", n*10, zeros)
		}),
		rapid.Custom(func(t *rapid.T) string {
			var b strings.Builder
			b.WriteByte('"')
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				b.WriteString(rapid.SampledFrom([]string{"a", `\u0061`, "\u00e9", `\u00e9`, `\u00E9`, `<`, `\u003c`, `\"`, `\u0022`, `\\`, `/`, `\/`,
					",", "]", `\n`, `\u000a`, "\u2028", `\u2028`, `\ud83d\ude00`, "😀", `\ud800`, `\ufffd`, "\u007f"}).Draw(t, "letter"))
			}
			b.WriteByte('"')
			return b.String()
		}),
		rapid.SampledFrom([]string{"true", "false", `"true"`, `"1"`}),
	)
}

func jsonValue() *rapid.Generator[string] {
	return rapid.OneOf(jsonScalar(), rapid.Just("null"), rapid.Custom(func(t *rapid.T) string {
		space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
		return "[" + space + strings.Join(rapid.SliceOfN(jsonScalar(), 0, 3).Draw(t, "list"), space+","+space) + space + "]"
	}))
}

func TestValuesAreEqualExactlyWhenTheirJSONMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := jsonValue().Draw(t, "a"), jsonValue().Draw(t, "b")
		var x, y schema.Value
		require.NoError(t, json.Unmarshal([]byte(a), &x))
		require.NoError(t, json.Unmarshal([]byte(b), &y))
		require.Equal(t, meaning(a) == meaning(b), x == y, "%s and %s became %s and %s", a, b, x, y)

		raw, err := x.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, meaning(a), meaning(string(raw)))
		if list, ok := x.List(); ok {
			require.True(t, schema.List(list...) == x)
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, raw := range []string{`null`, `"a"`, `1.50`, `[1,"a,]",true]`, `1e-400`, `"\ud800"`, `[[]]`, `{}`, `[1`, "\"\xff\"", `-0`, `0e99999`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v schema.Value
		if err := v.UnmarshalJSON(raw); err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.True(t, v.IsZero())
			return
		}
		require.Equal(t, meaning(string(raw)), meaning(marshal(t, v)))
		var again schema.Value
		require.NoError(t, again.UnmarshalJSON([]byte(marshal(t, v))))
		require.True(t, v == again, "%s", raw)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, []byte(marshal(t, v))))
		require.Equal(t, compact.String(), marshal(t, v))
	})
}

func marshal(t require.TestingT, v schema.Value) string {
	raw, err := v.MarshalJSON()
	require.NoError(t, err)
	return string(raw)
}
