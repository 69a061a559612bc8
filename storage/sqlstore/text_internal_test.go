package sqlstore

import (
	"encoding/json"
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
	require.Equal(t, "a = ?", dialects[SQLite].rebind("a = ?"))
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
