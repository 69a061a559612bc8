package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/storage"
)

// everyType is a class with an attribute of every type, one as a value and one as a list.
func everyType() schema.Model {
	c := schema.Class{Name: "all", Parent: "base"}
	for _, a := range []schema.Attribute{
		{Name: "text", Type: schema.TypeText, MaximumLength: 20},
		{Name: "code", Type: schema.TypeText, Pattern: "[A-Z]{2}|[0-9]+"},
		{Name: "integer", Type: schema.TypeInteger, Minimum: schema.Integer(-5), Maximum: schema.Integer(1000)},
		{Name: "decimal", Type: schema.TypeDecimal, Maximum: schema.Decimal(decimal.RequireFromString("99.5"))},
		{Name: "boolean", Type: schema.TypeBoolean},
		{Name: "date", Type: schema.TypeDate, Minimum: schema.Date(2000, 1, 1)},
		{Name: "instant", Type: schema.TypeInstant, Maximum: schema.Instant(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))},
		{Name: "choice", Type: schema.TypeChoice, Choices: []string{"red", "Green", "green", "dark blue"}},
		{Name: "reference", Type: schema.TypeReference, Class: "all"},
		{Name: "address", Type: schema.TypeAddress},
		{Name: "network", Type: schema.TypeNetwork},
		{Name: "hardware", Type: schema.TypeHardwareAddress},
	} {
		c.Attributes = append(c.Attributes, a)
		a.Name, a.List = a.Name+"_list", true
		c.Attributes = append(c.Attributes, a)
	}
	return schema.Model{Classes: []schema.Class{
		{Name: "base", Abstract: true, RequiredIn: map[string][]string{"live": {"keeper"}}, Attributes: []schema.Attribute{
			{Name: "keeper", Type: schema.TypeText}, {Name: "label", Type: schema.TypeText, Required: true}}},
		c,
		{Name: "other", Parent: "base", RequiredIn: map[string][]string{"live": {"serial", "keeper"}, "test": {"serial"}}, Attributes: []schema.Attribute{
			{Name: "serial", Type: schema.TypeText}, {Name: "racks", Type: schema.TypeText, List: true, Required: true}}},
	}}
}

// TestWhatAValueOfEachTypeMayBe has for each type what the check takes as it is, what the canonical form makes of what else can be
// meant, and what is refused, with the reason.
func TestWhatAValueOfEachTypeMayBe(t *testing.T) {
	c := compile(t, everyType())
	const whole, address = "must be a whole number of at most 64 bits", "must be an IP address as 192.0.2.1 or 2001:db8::1, without zone and prefix length"
	const network, mac = "must be an IP network as 192.0.2.0/24, without bits behind its prefix", "must be a hardware address as 00:00:5e:00:53:01"
	const date, instant = "must be a date as 2026-05-31", "must be an instant as 2026-05-31T14:30:00Z"
	const choice = "must be one of: red, Green, green, dark blue"
	for _, x := range []struct{ attribute, raw, canonical, problem string }{
		{"text", `"a b"`, `"a b"`, ""},
		{"text", `""`, `""`, ""},
		{"text", `1`, "", "must be a text"},
		{"text", `["a"]`, "", "must be one value, not a list"},
		{"text", `"a\u0000"`, "", "holds a control character; only line breaks and tabs are allowed"},
		{"text", `"` + strings.Repeat("é", 21) + `"`, "", "has 21 characters; at most 20 are allowed"},
		{"code", `"` + strings.Repeat("1", 1001) + `"`, "", "has 1001 characters; at most 1000 are allowed"},
		{"code", `"AB"`, `"AB"`, ""},
		{"code", `"AB1"`, "", "must match [A-Z]{2}|[0-9]+"},
		{"code", `"12\n"`, "", "must match [A-Z]{2}|[0-9]+"},
		{"integer", `4.20e1`, `42`, ""},
		{"integer", `"42"`, `42`, ""},
		{"integer", `1.5`, "", whole},
		{"integer", `9223372036854775808`, "", whole},
		{"integer", `true`, "", whole},
		{"integer", `"4 2"`, "", whole},
		{"integer", `-6`, "", "must be at least -5"},
		{"integer", `1001`, "", "must be at most 1000"},
		{"decimal", `99.50`, `99.5`, ""},
		{"decimal", `"12.50"`, `12.5`, ""},
		{"decimal", `"1e99999"`, "", "must be a number"},
		{"decimal", `99.51`, "", "must be at most 99.5"},
		{"boolean", `false`, `false`, ""},
		{"boolean", `"false"`, "", "must be true or false"},
		{"date", `"2026-02-28"`, `"2026-02-28"`, ""},
		{"date", `"2026-02-29"`, "", date},
		{"date", `"0000-01-01"`, "", date},
		{"date", `20260228`, "", date},
		{"date", `"1999-12-31"`, "", "must be at least 2000-01-01"},
		{"instant", `"2026-05-31T14:30:00.5Z"`, `"2026-05-31T14:30:00.5Z"`, ""},
		{"instant", `"2026-05-31T16:30:00.5000001+02:00"`, `"2026-05-31T14:30:00.5Z"`, ""},
		{"instant", `"2026-05-31T14:30:00"`, "", instant},
		{"instant", `"0001-01-01T00:00:00Z"`, "", instant},
		{"instant", `"9999-12-31T23:00:00-02:00"`, "", instant},
		{"instant", `"2030-01-01T00:00:00.000001Z"`, "", "must be at most 2030-01-01T00:00:00Z"},
		{"choice", `"green"`, `"green"`, ""},
		{"choice", `"GREEN"`, "", choice},
		{"choice", `0`, "", "must be a text"},
		{"reference", `"ci-1"`, `"ci-1"`, ""},
		{"reference", `""`, "", "must be the id of a configuration item"},
		{"reference", `7`, "", "must be the id of a configuration item"},
		{"address", `"2001:DB8:0::1"`, `"2001:db8::1"`, ""},
		{"address", `"::ffff:192.0.2.1"`, `"192.0.2.1"`, ""},
		{"address", `"fe80::1%eth0"`, "", address},
		{"address", `"192.0.2.1/24"`, "", address},
		{"address", `"192.0.2.01"`, "", address},
		{"network", `"192.0.2.0/24"`, `"192.0.2.0/24"`, ""},
		{"network", `"2001:DB8::/32"`, `"2001:db8::/32"`, ""},
		{"network", `"192.0.2.1/24"`, "", network},
		{"hardware", `"00-00-5E-00-53-01"`, `"00:00:5e:00:53:01"`, ""},
		{"hardware", `"0000.5e00.5301"`, `"00:00:5e:00:53:01"`, ""},
		{"hardware", `"00:00:5e"`, "", mac},
		{"text_list", `["b","a","b"]`, `["a","b"]`, ""},
		{"text_list", `[]`, `[]`, ""},
		{"text_list", `"a"`, "", "must be a list"},
		{"integer_list", `["10", 2, 10]`, `[10,2]`, ""},
		{"address_list", `["2001:DB8::1","192.0.2.1","2001:db8::1"]`, `["192.0.2.1","2001:db8::1"]`, ""},
	} {
		var v schema.Value
		require.NoError(t, json.Unmarshal([]byte(x.raw), &v))
		got, err := c.Canonical("all", schema.Values{x.attribute: v, "label": schema.Text("x"), "keeper": {}})
		one, errOne := c.CanonicalValue("all", x.attribute, v)
		check := c.Check("all", schema.Values{x.attribute: v, "label": schema.Text("x")})
		if x.problem != "" {
			want := []string{"attributes." + x.attribute + " " + x.problem}
			require.Equal(t, want, faults(t, err), x.raw)
			require.Equal(t, want, faults(t, errOne), x.raw)
			require.Error(t, check, x.raw)
			continue
		}
		require.NoError(t, err, x.raw)
		require.NoError(t, errOne, x.raw)
		require.Len(t, got, 2)
		require.Equal(t, x.canonical, marshal(t, got[x.attribute]))
		require.Equal(t, got[x.attribute], one)
		require.Equal(t, v == one, check == nil, "the check takes the canonical form alone: %s", x.raw)
		require.NoError(t, c.Check("all", got))
		again, err := c.Canonical("all", got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
}

func TestTheCheckSaysHowAValueIsToBeWritten(t *testing.T) {
	c := compile(t, everyType())
	require.Equal(t, []string{
		"attributes.address must be written as 192.0.2.1",
		"attributes.instant must be written as 2026-05-31T14:30:00Z",
		"attributes.text_list must have each element once, in the order of their JSON, as it is a set",
	}, sorted(faults(t, c.Check("all", schema.Values{
		"label": schema.Text("x"), "address": schema.Text("::ffff:192.0.2.1"), "instant": schema.Text("2026-05-31T16:30:00+02:00"),
		"text_list": schema.List(schema.Text("b"), schema.Text("a")),
	}))))
}

func TestEveryFaultOfTheValuesIsToldAtOnce(t *testing.T) {
	c := compile(t, everyType())
	many := make([]schema.Value, schema.MaxElements+1)
	for i := range many {
		many[i] = schema.Text(fmt.Sprint(i))
	}
	for _, check := range []func(string, schema.Values) error{
		c.Check,
		func(class string, v schema.Values) error { _, err := c.Canonical(class, v); return err },
	} {
		require.Equal(t, []string{
			"attributes.label is required",
			"attributes.integer must be a whole number of at most 64 bits",
			"attributes.integer_list[1] must be at most 1000",
			"attributes.choice must be one of: red, Green, green, dark blue",
			"attributes.address_list[0] must be an IP address as 192.0.2.1 or 2001:db8::1, without zone and prefix length",
			"attributes.network_list has 1001 elements; at most 1000 are allowed",
			"attributes.size is no attribute of all",
		}, faults(t, check("all", schema.Values{
			"label": schema.Text(" "), "integer": schema.Text("x"), "integer_list": schema.List(schema.Integer(1), schema.Integer(2000)),
			"choice": schema.Text("blue"), "address_list": schema.List(schema.Text("x")), "network_list": schema.List(many...),
			"size": schema.Integer(1), "colour": {},
		})))
		require.Equal(t, []string{"class base is abstract: a configuration item is of a class below it"}, faults(t, check("base", nil)))
		require.Equal(t, []string{`class is "robot", which is no class`}, faults(t, check("robot", nil)))
		require.Equal(t, []string{"class is required"}, faults(t, check("", nil)))
		require.Equal(t, []string{"attributes.label is required", "attributes.racks is required"}, faults(t, check("other", schema.Values{"racks": schema.List()})))
	}
	_, err := c.CanonicalValue("robot", "x", schema.Text("x"))
	require.Equal(t, []string{`class is "robot", which is no class`}, faults(t, err))
	_, err = c.CanonicalValue("all", "x", schema.Value{})
	require.Equal(t, []string{"attributes.x is no attribute of all"}, faults(t, err))
}

func TestWhatAStateNeedsIsSaid(t *testing.T) {
	c := compile(t, everyType())
	require.Equal(t, []string{"live", "test"}, c.States())
	require.Equal(t, []string{"label"}, c.Missing("all", "planned", nil))
	require.Equal(t, []string{"keeper", "label"}, c.Missing("all", "live", nil))
	require.Equal(t, []string{"keeper", "label", "serial", "racks"}, c.Missing("other", "live", nil))
	require.Equal(t, []string{"serial"}, c.Missing("other", "test", schema.Values{"label": schema.Text("x"), "racks": schema.List(schema.Text("r"))}))
	require.Empty(t, c.Missing("other", "live", schema.Values{"label": schema.Text("x"), "racks": schema.List(schema.Text("r")), "keeper": schema.Text("x"), "serial": schema.Text("1")}))
	require.Empty(t, c.Missing("robot", "live", nil))
}

func TestCellsAreReadByTheirAttributes(t *testing.T) {
	c := compile(t, everyType())
	for _, x := range []struct{ attribute, cell, want, problem string }{
		{"text", "  a b ", `"a b"`, ""},
		{"text", " ", `null`, ""},
		{"text", "a; b", `"a; b"`, ""},
		{"integer", "0042", `42`, ""},
		{"integer", "1,000", "", "must be a whole number of at most 64 bits, as 42"},
		{"decimal", "12.50", `12.5`, ""},
		{"decimal", "12,5", "", "must be a number as 12.5, of at most 60 digits on either side of its point"},
		{"boolean", "Yes", `true`, ""},
		{"boolean", "0", `false`, ""},
		{"boolean", "maybe", "", "must be true or false"},
		{"date", "2026-05-31", `"2026-05-31"`, ""},
		{"date", "31.05.2026", "", "must be a date as 2026-05-31"},
		{"instant", "2026-05-31T16:30:00+02:00", `"2026-05-31T14:30:00Z"`, ""},
		{"choice", "RED", `"red"`, ""},
		{"choice", "green", `"green"`, ""},
		{"choice", "GREEN", "", "must be one of: red, Green, green, dark blue"},
		{"choice", "Dark Blue", `"dark blue"`, ""},
		{"hardware", "00-00-5E-00-53-01", `"00:00:5e:00:53:01"`, ""},
		{"text_list", "b; a;;b", `["a","b"]`, ""},
		{"text_list", "b\r\na", `["a","b"]`, ""},
		{"text_list", `["b; c", "a"]`, `["a","b; c"]`, ""},
		{"text_list", `[b]`, "", "is not JSON"},
		{"text_list", ";", `[]`, ""},
		{"integer_list", "10; 2", `[10,2]`, ""},
		{"integer_list", `["10", 2]`, `[10,2]`, ""},
		{"integer_list", "10; 2000", "", "must be at most 1000"},
	} {
		v, err := c.Parse("all", x.attribute, x.cell)
		if x.problem != "" {
			got := faults(t, err)
			require.Len(t, got, 1)
			require.True(t, strings.HasPrefix(got[0], "attributes."+x.attribute) && strings.HasSuffix(got[0], x.problem), "%s of %q", got[0], x.cell)
			continue
		}
		require.NoError(t, err, x.cell)
		require.Equal(t, x.want, marshal(t, v))
	}
	_, err := c.Parse("robot", "x", "x")
	require.Equal(t, []string{`class is "robot", which is no class`}, faults(t, err))
	_, err = c.Parse("all", "x", "x")
	require.Equal(t, []string{"attributes.x is no attribute of all"}, faults(t, err))
	v, err := c.Parse("base", "keeper", "ops")
	require.NoError(t, err)
	require.Equal(t, schema.Text("ops"), v)
}

func attributeNames() (names []string) {
	for _, a := range everyType().Classes[1].Attributes {
		names = append(names, a.Name)
	}
	return names
}

// holdsParse is what Parse promises of any cell.
func holdsParse(t require.TestingT, c *schema.Compiled, attribute, cell string) {
	v, err := c.Parse("all", attribute, cell)
	if err != nil {
		require.ErrorIs(t, err, storage.ErrInvalid)
		require.True(t, v.IsZero())
		return
	}
	require.NoError(t, c.Check("all", schema.Values{"label": schema.Text("x"), attribute: v}), "%s of %q", attribute, cell)
	same, err := c.CanonicalValue("all", attribute, v)
	require.NoError(t, err)
	require.True(t, v == same)
	a, _ := c.Attribute("all", attribute)
	if a.List {
		// The text of a list cannot tell elements that hold what stands between elements; its JSON can.
		again, err := c.Parse("all", attribute, marshal(t, v))
		if v.IsZero() {
			return
		}
		require.NoError(t, err)
		require.True(t, v == again, "%s of %q", attribute, cell)
		return
	}
	again, err := c.Parse("all", attribute, v.String())
	require.NoError(t, err)
	require.True(t, v == again, "%s of %q", attribute, cell)
}

func TestTheCheckAcceptsWhatParseGives(t *testing.T) {
	c := compile(t, everyType())
	piece := rapid.SampledFrom([]string{"a", "AB", "42", "-5", "1.50", "1e2", "yes", "No", "2026-05-31", "2026-05-31T14:30:00+02:00", "red", "GREEN",
		"ci-1", "192.0.2.1", "2001:DB8::1", "192.0.2.0/24", "00-00-5E-00-53-01", "\x00", "\xff", " ", "é", `["a"]`, `[1, "2"]`, `"`})
	rapid.Check(t, func(t *rapid.T) {
		attribute := rapid.SampledFrom(attributeNames()).Draw(t, "attribute")
		cell := rapid.OneOf(rapid.String(), piece, rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(piece, 0, 4).Draw(t, "pieces"), rapid.SampledFrom([]string{"; ", ";", "\n", ""}).Draw(t, "between"))
		})).Draw(t, "cell")
		holdsParse(t, c, attribute, cell)
	})
}

func FuzzParse(f *testing.F) {
	c := compile(f, everyType())
	names := attributeNames()
	for i, cell := range []string{"a; b", "AB", "42", "1e59", "yes", "2026-05-31", "2026-05-31T14:30:00+02:00", "red", "ci", "::1", "10.0.0.0/8", "00-00-5E-00-53-01", `["a"]`} {
		f.Add(uint8(i*2), cell)
		f.Add(uint8(i*2+1), cell)
	}
	f.Fuzz(func(t *testing.T, attribute uint8, cell string) {
		holdsParse(t, c, names[int(attribute)%len(names)], cell)
	})
}

func TestWhatCanonicalGivesIsAcceptedAndStays(t *testing.T) {
	c := compile(t, everyType())
	rapid.Check(t, func(t *rapid.T) {
		given := schema.Values{"label": schema.Text("x")}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(attributeNames()), 0, 4).Draw(t, "attributes") {
			var v schema.Value
			require.NoError(t, json.Unmarshal([]byte(jsonValue().Draw(t, name)), &v))
			given[name] = v
		}
		before := fmt.Sprint(given)
		got, err := c.Canonical("all", given)
		require.Equal(t, before, fmt.Sprint(given))
		for name, v := range given {
			_, errOne := c.CanonicalValue("all", name, v)
			if errOne != nil {
				require.Error(t, err)
			}
		}
		if err != nil {
			require.True(t, errors.Is(err, storage.ErrInvalid))
			return
		}
		require.NoError(t, c.Check("all", got))
		again, err := c.Canonical("all", got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
