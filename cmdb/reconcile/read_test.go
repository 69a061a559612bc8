package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

// inventory maps the columns of the tests.
const inventory = `{
	"source": "inventory", "key": "id", "class_column": "type", "classes": {"Server": "host", "Switch": "network_device"}, "at": "seen",
	"columns": [
		{"column": "hostname", "attribute": "name"},
		{"column": "serial", "attribute": "serial_number"},
		{"column": "ram", "attribute": "memory", "values": {"lots": "1048576"}, "clears": true},
		{"column": "ips", "attribute": "addresses"}
	],
	"relations": [
		{"column": "site", "relation": "located_at", "class": "site", "attribute": "name"},
		{"column": "feeds", "relation": "powered_by", "separator": "|"}
	]
}`

func reader(t require.TestingT, mapping string) *reconcile.Reader {
	m, err := reconcile.ParseMapping([]byte(mapping))
	require.NoError(t, err)
	r, err := compile(t, reconcile.Shipped()).Reader(m)
	require.NoError(t, err)
	return r
}

type rows struct {
	good  []reconcile.Observation
	bad   []*reconcile.RowError
	ended error
}

func drain(all iter.Seq2[reconcile.Observation, error]) (got rows) {
	for o, err := range all {
		var bad *reconcile.RowError
		switch {
		case errors.As(err, &bad):
			got.bad = append(got.bad, bad)
		case err != nil:
			got.ended = err
		default:
			got.good = append(got.good, o)
		}
	}
	return got
}

// server is what row n of the forms below tells.
func server(n int) reconcile.Observation {
	return reconcile.Observation{Source: "inventory", Key: "7", Class: "host", Name: "alpha", At: now.Add(-time.Hour), Row: n,
		Attributes: schema.Values{"serial_number": schema.Text("S1"), "memory": schema.Integer(1 << 20),
			"addresses": schema.List(schema.Text("192.0.2.1"), schema.Text("192.0.2.9"))},
		Relations: []reconcile.ObservedRelation{
			{Type: "located_at", Other: reconcile.Pointer{Class: "site", Name: "Berlin"}},
			{Type: "powered_by", Other: reconcile.Pointer{Key: "p1"}}, {Type: "powered_by", Other: reconcile.Pointer{Key: "p2"}},
		}}
}

func TestRowsOfCSVBecomeObservations(t *testing.T) {
	got := drain(reader(t, inventory).CSV(strings.NewReader("\ufeffid,type,seen,hostname,serial,ram,ips,site,feeds,remark\r\n"+
		"7,Server,2026-06-01T13:00:00+02:00, alpha ,S1,lots,\"192.0.2.9; 192.0.2.1\",Berlin,p1 | p2,\"a\nremark\"\r\n"+
		"\r\n"+
		"8,Switch,,,,,,,,\r\n"+
		"9,Server,,beta,,,,,,\r\n"), now))
	require.NoError(t, got.ended)
	require.Empty(t, got.bad)
	require.Equal(t, []reconcile.Observation{
		server(1),
		// A switch has no memory to clear.
		{Source: "inventory", Key: "8", Class: "network_device", At: now, Row: 2},
		{Source: "inventory", Key: "9", Class: "host", Name: "beta", At: now, Row: 3, Attributes: schema.Values{"memory": {}}},
	}, got.good)
}

func TestRowsOfJSONBecomeObservations(t *testing.T) {
	mapping := strings.NewReplacer(`"serial",`, `"hardware.serial",`).Replace(inventory)
	first := `{"id": 7, "type": "Server", "seen": "2026-06-01T11:00:00Z", "hostname": "alpha", "hardware": {"serial": "S1"}, "ram": 1048576,
		"ips": ["192.0.2.9", "192.0.2.1"], "site": "Berlin", "feeds": ["p1", "p2"], "remark": {"deep": [1]}}`
	second := `{"id": "8", "type": "Switch", "hardware": null, "ram": null}`
	want := []reconcile.Observation{server(1), {Source: "inventory", Key: "8", Class: "network_device", At: now, Row: 2}}
	for _, form := range []string{
		"[" + first + "," + second + "]",
		"\ufeff \n[ " + first + "\n,\n" + second + " ] \n",
		strings.ReplaceAll(first, "\n", " ") + "\n\n" + second,
	} {
		got := drain(reader(t, mapping).JSON(strings.NewReader(form), now))
		require.NoError(t, got.ended)
		require.Empty(t, got.bad)
		require.Equal(t, want, got.good)
	}
	for _, none := range []string{"", " \n", "[]", " [ ] "} {
		require.Equal(t, rows{}, drain(reader(t, mapping).JSON(strings.NewReader(none), now)))
	}
}

func TestAFaultyRowIsToldWithEveryFaultAndReadingGoesOn(t *testing.T) {
	long := strings.Repeat("x", reconcile.MaxRow)
	got := drain(reader(t, inventory).CSV(strings.NewReader("id,type,seen,hostname,serial,ram,ips,site,feeds\n"+
		"1,Toaster,,,,,,,\n"+
		"2,Server,yesterday,,"+strings.Repeat("s", 300)+",much,here,,\n"+
		"3,Switch,,,,5,,,\n"+
		"4,Server\n"+
		"5,Server,\"x,,,,,,\n"+
		long+",Server,,,,,,,\n"+
		"7,Server,,caf\xe9,,,,,"+strings.Repeat("k", 300)+"\n"+
		"8,Server,,last,,,,,\n"), now))
	require.NoError(t, got.ended)
	require.Len(t, got.good, 1)
	require.Equal(t, "last", got.good[0].Name)
	require.Equal(t, 8, got.good[0].Row)
	told := []string{}
	for _, bad := range got.bad {
		require.ErrorIs(t, bad, itsm.ErrInvalid)
		var invalid *itsm.ValidationError
		require.ErrorAs(t, bad, &invalid)
		line := fmt.Sprintf("%d/%d %s:", bad.Row, bad.Line, bad.Key)
		for _, f := range bad.Faults {
			line += " " + f.Field
		}
		told = append(told, line)
	}
	require.Equal(t, []string{
		"1/2 1: type", "2/3 2: seen serial ram ips", "3/4 3: ram", "4/5 : row", "5/6 : row", "6/7 : row", "7/8 7: hostname feeds",
	}, told)
	require.Equal(t, "is for memory, which is not an attribute of network_device", got.bad[2].Faults[0].Problem)
	require.Equal(t, `row 4 (line 5): invalid: row has 2 fields; the header has 9`, got.bad[3].Error())
}

func TestAFaultyElementOfJSONIsToldAndReadingGoesOn(t *testing.T) {
	last := `{"id": "9", "type": "Server", "hostname": "last"}`
	for name, c := range map[string]struct {
		text string
		good int
		bad  []string
	}{
		"no objects":                {`[1, "a,]", [2, {"x": "]"}], null, ` + last + `]`, 1, []string{"1: row", "2: row", "3: row", "4: row"}},
		"an element without values": {`[{"id": }, , ` + last + `,]`, 1, []string{"1: row", "2: row", "4: row"}},
		"no comma":                  {`[{} {}, ` + last + `]`, 1, []string{"1: row"}},
		"a bracket too many":        {`[}}, ` + last + `]`, 1, []string{"1: row"}},
		"too long":                  {`["` + strings.Repeat("]", reconcile.MaxRow) + `", ` + last + `]`, 1, []string{"1: row"}},
		"broken off":                {`[` + last + `, `, 1, []string{"2: row"}},
		"broken off in an element":  {`[` + last + `, {"id": "`, 1, []string{"2: row", "3: row"}},
		"text behind":               {`[` + last + `] x`, 1, []string{"2: row"}},
		"lists and objects":         {`[{"id": ["1", "2"], "type": "Server", "hostname": ["a", "b"], "ram": {"GiB": 1}, "ips": [[1]]}, ` + last + `]`, 1, []string{"1: id hostname ram ips"}},
		"lines":                     {"nonsense\n{}{}\n[" + "\n" + last + "\n" + strings.Repeat("x", reconcile.MaxRow+1) + "\n\xff\n{\"id\"", 1, []string{"1: row", "2: row", "3: row", "5: row", "6: row", "7: row"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := drain(reader(t, inventory).JSON(strings.NewReader(c.text), now))
			require.NoError(t, got.ended)
			require.Len(t, got.good, c.good)
			var told []string
			for _, bad := range got.bad {
				line := fmt.Sprintf("%d:", bad.Row)
				for _, f := range bad.Faults {
					line += " " + f.Field
				}
				told = append(told, line)
			}
			require.Equal(t, c.bad, told)
		})
	}
}

func TestWhatIsWrongWithTheWholeEndsTheReading(t *testing.T) {
	r := reader(t, inventory)
	got := drain(r.CSV(strings.NewReader("id,id,type\n1,2,Server\n"), now))
	var invalid *itsm.ValidationError
	require.ErrorAs(t, got.ended, &invalid)
	require.Len(t, invalid.Faults, 8) // one twice, seven missing
	require.ErrorIs(t, drain(r.CSV(strings.NewReader(""), now)).ended, itsm.ErrInvalid)

	broken := errors.New("the wire was cut")
	header := "id,type,seen,hostname,serial,ram,ips,site,feeds\n8,Server,,last,,,,,\n"
	got = drain(r.CSV(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(header))), now))
	require.ErrorIs(t, got.ended, iotest.ErrTimeout)
	for _, all := range []iter.Seq2[reconcile.Observation, error]{
		r.CSV(iotest.ErrReader(broken), now), r.JSON(iotest.ErrReader(broken), now),
	} {
		require.ErrorIs(t, drain(all).ended, broken)
	}
	got = drain(r.JSON(iotest.TimeoutReader(iotest.HalfReader(strings.NewReader(`[{"id": "1", "type": "Server"}, {"id": "2"`))), now))
	require.ErrorIs(t, got.ended, iotest.ErrTimeout)
}

func TestReadingStopsWhereTheLoopDoes(t *testing.T) {
	n := 0
	for range reader(t, inventory).JSON(strings.NewReader("{}\n{}\n{}"), now) {
		if n++; n == 2 {
			break
		}
	}
	require.Equal(t, 2, n)
}

func TestAMappingIsToldEveryFaultAtOnce(t *testing.T) {
	m, err := reconcile.ParseMapping([]byte(`{
		"class": "host", "class_column": "type", "classes": {"x": "toaster"}, "delimiter": "::",
		"columns": [{"column": " a", "attribute": "colour"}, {"column": "b", "attribute": "colour"}, {"column": "c", "attribute": "name", "clears": true}],
		"relations": [{"column": "", "relation": "likes"}, {"column": "d", "relation": "runs_on", "class": "site", "attribute": "name"},
			{"column": "e", "relation": "located_at", "class": "site"}, {"column": "f", "relation": "located_at", "class": "site", "attribute": "colour"}]
	}`))
	require.NoError(t, err)
	_, err = compile(t, reconcile.Shipped()).Reader(m)
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"source", "class_column", "classes", `classes."x"`, "columns[0].column", "columns[0].attribute", "columns[1].attribute",
		"columns[1].attribute", "columns[2].clears", "relations[0].column", "relations[0].relation", "relations[1].relation", "relations[2].attribute",
		"relations[3].attribute", "delimiter"}, fields)
	_, err = reconcile.ParseMapping([]byte(`{"sauce": "x"}`))
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// held checks what every reading promises: rows in order, and each either canonical or told with its faults.
func heldTo(t *testing.T, all iter.Seq2[reconcile.Observation, error]) {
	c := compile(t, reconcile.Shipped())
	row := 0
	for o, err := range all {
		var bad *reconcile.RowError
		switch {
		case errors.As(err, &bad):
			require.NotEmpty(t, bad.Faults)
			require.Greater(t, bad.Row, row)
			row = bad.Row
			_, err := json.Marshal(bad)
			require.NoError(t, err)
		case err != nil:
			require.ErrorIs(t, err, itsm.ErrInvalid)
		default:
			require.Greater(t, o.Row, row)
			row = o.Row
			again, err := c.Canonical(o)
			require.NoError(t, err)
			require.Equal(t, o, again)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("id,type,seen,hostname,serial,ram,ips,site,feeds\n7,Server,2026-06-01T13:00:00+02:00,alpha,S1,lots,\"192.0.2.9; 192.0.2.1\",Berlin,p1 | p2\n")
	f.Add("id,type,seen,hostname,serial,ram,ips,site,feeds\n\"7,Server\n")
	r := reader(f, inventory)
	f.Fuzz(func(t *testing.T, text string) { heldTo(t, r.CSV(strings.NewReader(text), now)) })
}

func FuzzJSON(f *testing.F) {
	f.Add(`[{"id": 7, "type": "Server", "ips": ["192.0.2.9"], "feeds": "a|b"}, {"id": 1e400}, ]`)
	f.Add("{\"id\": \"\\ud800\", \"type\": \"Server\"}\nx\n")
	r := reader(f, inventory)
	f.Fuzz(func(t *testing.T, text string) { heldTo(t, r.JSON(strings.NewReader(text), now)) })
}

// What every CI has beside its attributes is told apart from what nothing has.
func TestAColumnOfAFieldIsRefusedWithItsReason(t *testing.T) {
	c := compile(t, reconcile.Shipped())
	_, err := c.Reader(reconcile.Mapping{Source: "sheet", ClassColumn: "type", Columns: []reconcile.Column{{Column: "owner", Attribute: "owner"}}})
	require.ErrorContains(t, err, `columns[0].attribute "owner" is what every CI has beside its attributes, which no source tells`)
	rules := reconcile.Shipped()
	rules.Authority = []reconcile.Authority{{Class: schema.ClassHost, Attributes: []string{"environment"}, Sources: []string{"sheet"}}}
	_, err = rules.Compile(c.Model())
	require.ErrorContains(t, err, `authority[0].attributes[0] "environment" is what every CI has beside its attributes`)
}

// A column that points to what no rule knows so is refused when the mapping is made, and not on each row; lint tells of the class.
func TestAPointerThatNoRuleCanResolveIsToldBeforeAnyRow(t *testing.T) {
	rules := reconcile.Shipped()
	for i := range rules.Identification {
		if d := &rules.Identification[i]; d.Class == schema.ClassRack {
			d.Entries = d.Entries[2:3] // by its name at its site alone
		}
	}
	c := compile(t, rules)
	m := reconcile.Mapping{Source: "sheet", Class: schema.ClassHost, Columns: []reconcile.Column{{Column: "name", Attribute: reconcile.Name}},
		Relations: []reconcile.RelationColumn{{Column: "rack", Relation: schema.RelationContainedIn, Class: schema.ClassRack, Attribute: reconcile.Name}}}
	_, err := c.Reader(m)
	require.ErrorContains(t, err, `relations[0].attribute is not what any rule knows a rack by alone`)
	require.Equal(t, []reconcile.Finding{{Class: schema.ClassRack,
		Problem: "no rule knows its CIs by their attributes alone, so that a row of another CI can point to them by the source's own key alone"}}, c.Lint())
	m.Relations[0].Class, m.Relations[0].Attribute = "", ""
	_, err = c.Reader(m)
	require.NoError(t, err)

	c = compile(t, reconcile.Shipped())
	for _, class := range c.Model().Model().Classes {
		if class.Abstract || class.Name == schema.ClassHost {
			continue
		}
		m.Relations[0].Class, m.Relations[0].Attribute = class.Name, reconcile.Name
		_, err = c.Reader(m)
		if err != nil {
			require.NotContains(t, err.Error(), "any rule knows", class.Name)
		}
	}

	rules.Identification = []reconcile.Identifier{{Class: schema.ClassRack, Entries: []reconcile.Entry{{Priority: 1, Attributes: []string{reconcile.Name}, PointersOnly: true,
		Within: &reconcile.Within{Relation: schema.RelationLocatedAt, Class: schema.ClassSite}}}}}
	_, err = rules.Compile(c.Model())
	require.ErrorContains(t, err, "identification[0].entries[0].pointers_only")
}
