package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/storage"
)

func TestAPrefixIsARange(t *testing.T) {
	// Among these are the neighbours of the surrogates, which no text has, and the greatest code
	// point, which has no successor.
	r := rapid.SampledFrom([]rune{'a', 'b', '~', 0x7f, 0x80, 0x7ff, 0x800, 0xd7fe, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10fffe, 0x10ffff})
	text := rapid.Map(rapid.SliceOfN(r, 0, 4), func(rs []rune) string { return string(rs) })
	rapid.Check(t, func(t *rapid.T) {
		prefix, s := text.Draw(t, "prefix"), text.Draw(t, "text")
		if rapid.Bool().Draw(t, "begins with it") {
			s = prefix + s
		}
		end, ok := successor(prefix)
		inside := s >= prefix && (!ok || s < end)
		require.Equal(t, strings.HasPrefix(s, prefix), inside, "%q from %q to %q", s, prefix, end)
		require.True(t, utf8.ValidString(end))
	})
}

func TestPlaceholdersAreNumbered(t *testing.T) {
	d := dialects[PostgreSQL]
	require.Equal(t, "a = $1 AND b IN ($2, $3)", d.rebind("a = ? AND b IN (?, ?)"))
	st := d.statement().write("a = ").arg(1).write(" AND b IN ").tuple(2, 3)
	require.Equal(t, "a = $1 AND b IN ($2, $3)", st.text.String())
	require.Equal(t, []any{1, 2, 3}, st.args)
	require.Equal(t, "a = +?", dialects[SQLite].rebind("a = ?"))
	require.Equal(t, "a = ?", dialects[MySQL].rebind("a = ?"))
}

func TestRowValuesAreWrittenOutWhereTheyAreNoRangeOfAnIndex(t *testing.T) {
	d := dialects[MySQL]
	three := []string{`"a"`, `"b"`, `"c"`}
	st := d.statement().than(three, " > ", []any{1, 2, 3})
	require.Equal(t, "(`a` > ? OR `a` = ? AND (`b` > ? OR `b` = ? AND `c` > ?))", st.string())
	require.Equal(t, []any{1, 1, 2, 2, 3}, st.args)
	require.Equal(t, "(`a` < ? OR `a` = ? AND `b` <= ?)", d.statement().than(three[:2], " <= ", []any{1, 2}).string())
	require.Equal(t, "`a` >= ?", d.statement().than(three[:1], " >= ", []any{1}).string())
	require.Equal(t, `("a", "b") <= (+?, +?)`, dialects[SQLite].statement().than(three[:2], " <= ", []any{1, 2}).string())
}

// The rows of one tenant behind a place in an order with tenants in it are those that are behind the place
// when the tenant is compared too.
func TestThePlaceOfATenantIsToldBeforeTheStatement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		down := rapid.Bool().Draw(t, "down")
		up := rapid.Bool().Draw(t, "first the other way")
		first := storage.Order{Column: "priority", Descending: down != up}
		terms := []term{{first, int64(1)}, {storage.Order{Column: "tenant", Descending: down}, "m"}, {storage.Order{Column: "id", Descending: down}, "5"}}
		if rapid.Bool().Draw(t, "by tenant first") {
			terms = terms[1:]
		}
		if rapid.Bool().Draw(t, "by id before") {
			n := len(terms)
			terms[n-1], terms[n-2] = terms[n-2], terms[n-1]
		}
		tenant := rapid.SampledFrom([]string{"a", "m", "z"}).Draw(t, "tenant")
		row := map[string]any{"tenant": tenant, "priority": rapid.Int64Range(0, 2).Draw(t, "priority"), "id": rapid.SampledFrom([]string{"4", "5", "6"}).Draw(t, "id")}
		to := rapid.IntRange(1, len(terms)).Draw(t, "to")
		from := run(terms, to)
		want := true
		for _, x := range terms[:from] {
			want = want && row[x.Column] == x.value
		}
		d := 0
		for _, x := range terms[from:to] {
			if d == 0 {
				if d = storage.Compare(row[x.Column], x.value); x.Descending {
					d = -d
				}
			}
		}
		st := dialects[MySQL].statement().write("1")
		st.afterOf(storage.Tenant(tenant), terms, from, to)
		require.Equal(t, want && d > 0, holds(t, st, row), st.string())
	})
}

// holds evaluates a condition that afterOf writes.
func holds(t *rapid.T, st *statement, row map[string]any) bool {
	text := st.string()
	for _, v := range st.args {
		text = strings.Replace(text, "?", fmt.Sprint(v), 1)
	}
	for name, v := range row {
		text = strings.ReplaceAll(text, "`"+name+"`", fmt.Sprint(v))
	}
	text = strings.NewReplacer(" AND ", " && ", " OR ", " || ", " = ", " == ").Replace(text)
	text = strings.TrimPrefix(strings.TrimPrefix(text, "1"), " && ")
	if text == "" {
		return true
	}
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	require.NoError(t, err, text)
	return constant.BoolVal(v.Value)
}

func TestTheNumberOfAnErrorStandsFirstInItsText(t *testing.T) {
	for text, want := range map[string]int{
		"Error 1213 (40001): Deadlock found": 1213, "Error 1062: Duplicate entry": 1062, "ERROR 1205 (HY000): x": 1205,
		"Error": 0, "Error 12": 0, "Error x: 1213": 0, "an Error 1213: x": 0, "Error : 1": 0, "": 0,
	} {
		require.Equal(t, want, mysqlNumber(errors.New(text)), text)
		require.Equal(t, want, mysqlNumber(fmt.Errorf("wrapped: %w", errors.Join(io.EOF, errors.New(text)))), text)
	}
}

func TestAKeyOfManyTextsIsCutToWhatFits(t *testing.T) {
	s := &core{d: dialects[MySQL], prefix: "itsm_"}
	for n := 1; n <= storage.MaxIndexColumns; n++ {
		for _, unique := range []bool{false, true} {
			for _, kind := range []storage.Kind{storage.Text, storage.Int} {
				var columns []storage.ColumnSpec
				ix := storage.Index{Unique: unique}
				for i := range n {
					c := storage.ColumnSpec{Name: fmt.Sprint("c", i), Kind: storage.Text}
					if i > n/2 {
						c.Kind = kind
					}
					columns = append(columns, c)
					ix.Columns = append(ix.Columns, storage.Order{Column: c.Name})
				}
				schema, err := storage.NewSchema("wide", 1, columns, []storage.Index{ix})
				require.NoError(t, err)
				r := s.relation(schema)
				got := r.indexes[0]
				bytes := 0
				if got.digest != "" {
					bytes = digestBytes
				}
				for _, o := range got.columns {
					c, _ := schema.Column(o.Column)
					characters, cut := got.begins[o.Column]
					switch {
					case o.Column == storage.ColumnTenant:
						characters = storage.MaxKey
					case c.Kind == storage.Int:
						bytes += 8
						continue
					case !cut:
						characters = storage.MaxText
					}
					require.GreaterOrEqual(t, characters, 25)
					bytes += characters * 4
				}
				require.LessOrEqual(t, bytes, 3072, got.parts())
				require.Equal(t, unique && got.begins != nil, got.digest != "", "a unique one that is cut has a digest of all")
			}
		}
	}
}

func TestALongNameKeepsItsBeginningAndStaysApart(t *testing.T) {
	long := strings.Repeat("x", 80)
	require.Len(t, name(long), maxName)
	require.NotEqual(t, name(long), name(long+"y"))
	require.True(t, strings.HasPrefix(name(long), "xxx"))
	require.Equal(t, "short", name("short"))
}

// FuzzCut takes members out of documents. What is left must be the document without them, and
// nothing else of it may change.
func FuzzCut(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `{"a":1,"b":2}`, `{"b":2,"a":1}`, `{"b":2 , "a" : 1 , "c":3}`, `{"b":{"a":1},"a":{"a":2}}`, ` { "a" : { "b" : [1,{"a":2}] } } `,
		`{"a":1,"a":2}`, `{"\u0061":1}`, `{"a,\"":1,"a":"},{"}`, `[{"a":1}]`, `{}`, `{"a":1,}`, `{"a":{"a":{}},"b":null}`, "{\"a\":1,\n\t\"b\":2\n}",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, deep bool) {
		if !json.Valid(body) || !utf8.Valid(body) {
			return // no column has such a document
		}
		path := []string{"a"}
		if deep {
			path = []string{"b", "a"}
		}
		raw, rest, ok := cut(body, path)
		members := func(doc []byte) (m map[string]any) {
			if json.Unmarshal(doc, &m) != nil {
				return nil
			}
			return m
		}
		at := members(body)
		if deep {
			at, _ = at["b"].(map[string]any)
		}
		_, there := at["a"]
		if !ok {
			// With a name that occurs twice the first object may be another than the last.
			if there && !strings.Contains(string(body), `"b"`) {
				t.Fatalf("%s has it", body)
			}
			return
		}
		if !json.Valid(rest) || !utf8.Valid(rest) || !json.Valid(raw) {
			t.Fatalf("%s became %s and %s", body, rest, raw)
		}
		if len(rest) >= len(body) {
			t.Fatalf("%s became no shorter: %s", body, rest)
		}
		for {
			_, shorter, again := cut(rest, path)
			if !again {
				break
			}
			rest = shorter
		}
		want, got := members(body), members(rest)
		if deep {
			// Only where no name occurs twice can the rest be compared.
			if strings.Count(string(body), `"b"`) != 1 || strings.Contains(string(body), `\`) {
				return
			}
			delete(want["b"].(map[string]any), "a")
		} else {
			delete(want, "a")
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%s without it is %v, not %v", body, want, got)
		}
	})
}

func TestAnExtractedValueIsThatOfTheDecodedBody(t *testing.T) {
	c := storage.ColumnSpec{Name: "a", Kind: storage.Int}
	v, rest, ok := extract([]byte(`{"a":1,"b":{"a":2},"a":3}`), c)
	require.True(t, ok)
	require.Equal(t, int64(3), v)
	require.Equal(t, `{"b":{"a":2}}`, string(rest))
}
