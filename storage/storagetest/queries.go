package storagetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Conditions hold as the contract says for every operator, kind and combination.
var queryCases = []testCase{
	{"every comparison on every kind", queryComparisons},
	{"the columns that every table has can be compared", queryMeta},
	{"a comparison with NULL does not hold and its Not does", queryNulls},
	{"And and Or of nothing", queryEmptyLogic},
	{"In of nothing holds nowhere", queryEmptyIn},
	{"In of many values", queryManyValues},
	{"deeply nested conditions", queryDeep},
	{"Or does not reach beyond its part", queryPrecedence},
	{"a prefix is compared byte by byte", queryPrefix},
	{"a prefix with the greatest code points", queryPrefixGreatest},
	{"a text is found anywhere, with A to Z as a to z", queryContains},
	{"a query of heads has no bodies", queryHeads},
	{"a query that nothing meets gives nothing", queryNothing},
	{"a query does not change its arguments", queryArguments},
}

// fourTickets have NULL, the least, a middle and the greatest value in their nullable columns.
func fourTickets() []storage.Row {
	return []storage.Row{
		ticket("1"),
		ticket("2", "title", "b", "note", "b", "priority", -5, "effort", -5, "open", false, "vip", false, "due", -5, "ended", -5),
		ticket("3", "title", "bb", "note", "bb", "priority", 7, "effort", 7, "open", true, "vip", true, "due", 7, "ended", 7),
		ticket("4", "title", "c", "note", "c", "priority", 9, "effort", 9, "open", true, "vip", true, "due", 9, "ended", 9),
	}
}

// holds asks for each condition which of the tenant's tickets meet it, by their ids run
// together.
func (e *env) holds(tenant storage.Tenant, want map[string][]storage.Condition) {
	e.Helper()
	e.view(func(ctx context.Context, r storage.Reader) {
		for expected, conditions := range want {
			for _, c := range conditions {
				got := strings.Join(ids(e.page(ctx, r, storage.RowQuery{Where: c})), "")
				require.Equal(e, expected, got, "%+v", c)
				require.Equal(e, len(expected), e.total(ctx, r, tickets, c), "count of %+v", c)
			}
		}
	}, tenant)
}

func queryComparisons(e *env) {
	e.put(acme, fourTickets()...)
	e.holds(acme, map[string][]storage.Condition{
		"1234": {{}, where(storage.AtLeast, "title", ""), where(storage.Prefix, "title", ""), where(storage.AtMost, "priority", 9), where(storage.In, "open", true, false)},
		"":     {where(storage.Equal, "note", "bbb"), where(storage.Above, "effort", 9), where(storage.Below, "due", -5), where(storage.In, "title", "x", "y"), where(storage.Below, "vip", false), where(storage.Null, "title"), where(storage.Null, "open")},
		"1":    {where(storage.Null, "note"), where(storage.Null, "effort"), where(storage.Null, "vip"), where(storage.Null, "ended"), where(storage.Equal, "title", "")},
		"2":    {where(storage.Equal, "note", "b"), where(storage.Equal, "effort", -5), where(storage.Equal, "vip", false), where(storage.Equal, "ended", -5), where(storage.Below, "note", "bb"), where(storage.Below, "effort", 7), where(storage.Below, "vip", true), where(storage.AtMost, "ended", 6), where(storage.In, "note", "b", "x")},
		"3":    {where(storage.Equal, "note", "bb"), where(storage.Prefix, "note", "bb"), where(storage.In, "effort", 7, 8)},
		"4":    {where(storage.Above, "note", "bb"), where(storage.AtLeast, "effort", 8), where(storage.Above, "ended", 7), where(storage.Prefix, "title", "c")},
		"12":   {where(storage.Equal, "open", false), where(storage.AtMost, "open", false), where(storage.Below, "open", true), where(storage.AtMost, "priority", 0), where(storage.Below, "title", "bb")},
		"23":   {where(storage.Prefix, "note", "b"), where(storage.AtMost, "note", "bb"), where(storage.In, "effort", 7, -5), where(storage.AtMost, "ended", 7), where(storage.Below, "effort", 9)},
		"34":   {where(storage.Equal, "vip", true), where(storage.Above, "vip", false), where(storage.AtLeast, "vip", true), where(storage.AtLeast, "note", "bb"), where(storage.Above, "effort", -5), where(storage.In, "ended", 9, 7, 9)},
		"234":  {where(storage.Prefix, "note", ""), where(storage.AtLeast, "note", ""), where(storage.AtMost, "effort", 9), where(storage.In, "vip", false, true), where(storage.AtLeast, "vip", false), where(storage.AtLeast, "ended", -5)},
	})
}

func queryMeta(e *env) {
	a, b, c := ticket("1"), ticket("2"), ticket("3")
	b.Created, b.Updated = noon.Add(time.Hour), noon.Add(-time.Hour)
	c.Created, c.Updated = noon.Add(-time.Hour), noon.Add(time.Hour)
	rows := e.put(acme, a, b, c)
	rows[2].Updated = c.Updated
	e.put(acme, rows[2])
	at := noon.UnixMicro()
	e.holds(acme, map[string][]storage.Condition{
		"1":   {where(storage.Equal, "id", "1"), where(storage.Below, "id", "2"), and(where(storage.Equal, "created", at), where(storage.Equal, "updated", at))},
		"2":   {where(storage.Below, "updated", at), where(storage.Above, "created", at)},
		"3":   {where(storage.Equal, "version", 2), where(storage.Above, "updated", at), where(storage.Prefix, "id", "3")},
		"12":  {where(storage.Below, "version", 2), where(storage.AtLeast, "created", at), where(storage.In, "id", "1", "2", "9"), where(storage.AtMost, "updated", at)},
		"123": {where(storage.Equal, "tenant", "acme"), where(storage.Prefix, "tenant", "ac"), not(where(storage.Null, "id")), not(where(storage.Null, "created"))},
		"":    {where(storage.Equal, "tenant", "umbra"), where(storage.Equal, "tenant", "ACME"), where(storage.Null, "tenant"), where(storage.Null, "version"), not(where(storage.Equal, "tenant", "acme"))},
	})
}

func queryNulls(e *env) {
	e.put(acme, fourTickets()...)
	want := map[string][]storage.Condition{}
	add := func(expected string, c ...storage.Condition) { want[expected] = append(want[expected], c...) }
	for column, v := range map[string]any{"note": "bb", "effort": 7, "ended": 7} {
		equal, below, above := where(storage.Equal, column, v), where(storage.Below, column, v), where(storage.Above, column, v)
		null := where(storage.Null, column)
		add("3", equal, not(not(equal)))
		add("124", not(equal), not(and(equal)), not(or(equal)), not(where(storage.In, column, v)))
		add("134", not(below))
		add("123", not(above))
		add("14", not(where(storage.AtMost, column, v)))
		add("12", not(where(storage.AtLeast, column, v)))
		add("234", not(null), not(and(null, not(equal))))
		add("1234", or(null, not(null)), or(equal, not(equal)), not(and(equal, null)), not(where(storage.In, column)))
		add("", and(equal, not(equal)), and(null, equal), not(or(equal, not(equal))))
		add("13", or(null, equal), not(and(not(null), not(equal))))
		add("24", and(not(null), not(equal)), or(below, above), not(or(null, equal)), and(not(equal), or(below, above)))
		add("1", null, and(not(below), not(above), not(equal)), not(or(below, equal, above)))
		add("14", not(or(below, equal)))
	}
	add("124", not(where(storage.Prefix, "note", "bb")))
	add("1", not(where(storage.Prefix, "note", "")), not(where(storage.In, "vip", true, false)))
	add("12", not(where(storage.Equal, "vip", true)))
	add("134", not(where(storage.Equal, "vip", false)))
	add("1", and(not(where(storage.Equal, "vip", false)), not(where(storage.Equal, "vip", true))))
	add("34", and(not(where(storage.Equal, "vip", false)), where(storage.Equal, "open", true)))
	add("1", and(not(where(storage.Equal, "note", "b")), not(where(storage.Above, "effort", -5))))
	e.holds(acme, want)
}

func queryEmptyLogic(e *env) {
	e.put(acme, ticket("1"), ticket("2"))
	all := storage.Condition{}
	e.holds(acme, map[string][]storage.Condition{
		"12": {all, and(), not(or()), and(and(), all), or(or(), and()), not(not(all)), and(all, all), or(all, where(storage.Equal, "id", "1"))},
		"":   {or(), not(and()), not(all), and(or()), and(all, or()), or(or(), not(all))},
		"1":  {and(all, where(storage.Equal, "id", "1")), or(or(), where(storage.Equal, "id", "1")), and(and(), where(storage.Equal, "id", "1"))},
	})
}

func queryEmptyIn(e *env) {
	e.put(acme, fourTickets()...)
	for _, c := range tickets.Columns() {
		e.holds(acme, map[string][]storage.Condition{
			"":     {where(storage.In, c.Name), and(storage.Condition{}, where(storage.In, c.Name))},
			"1234": {not(where(storage.In, c.Name)), or(where(storage.In, c.Name), storage.Condition{})},
		})
	}
	e.holds(acme, map[string][]storage.Condition{"": {where(storage.In, "id"), where(storage.In, "tenant")}})
}

func queryManyValues(e *env) {
	e.put(acme, fourTickets()...)
	texts, numbers := []any{"b", "bb"}, []any{int64(7), int64(9)}
	for i := len(texts); i < storage.MaxConditionValues; i++ {
		texts = append(texts, fmt.Sprintf("text %d", i))
		numbers = append(numbers, int64(1000+i))
	}
	e.holds(acme, map[string][]storage.Condition{
		"23": {{Op: storage.In, Column: "note", Values: texts}},
		"34": {{Op: storage.In, Column: "effort", Values: numbers}},
		"14": {not(storage.Condition{Op: storage.In, Column: "note", Values: texts})},
	})
	many := storage.Condition{Op: storage.Or}
	for _, n := range numbers[:storage.MaxConditionParts-2] { // with Or and Not, as many parts as there may be
		many.Of = append(many.Of, where(storage.Equal, "effort", n))
	}
	e.holds(acme, map[string][]storage.Condition{"34": {many}, "12": {not(many)}})
}

func queryDeep(e *env) {
	e.put(acme, fourTickets()...)
	c, d := where(storage.Equal, "note", "bb"), where(storage.Equal, "note", "bb")
	for i := 1; i < storage.MaxConditionDepth; i++ {
		c = not(c)
		if i%2 == 0 {
			d = and(d, where(storage.AtLeast, "title", ""))
		} else {
			d = or(d, where(storage.Above, "title", "z"))
		}
	}
	e.holds(acme, map[string][]storage.Condition{"124": {c}, "3": {d}})
}

func queryPrecedence(e *env) {
	e.put(acme, fourTickets()...)
	e.put(umbra, fourTickets()...)
	two, three, open := where(storage.Equal, "id", "2"), where(storage.Equal, "id", "3"), where(storage.Equal, "open", true)
	e.holds(acme, map[string][]storage.Condition{
		"23":  {or(two, three), or(three, two)},
		"3":   {and(or(two, three), open), and(open, or(two, three)), or(and(two, open), three)},
		"234": {or(two, and(three, open), open), or(open, two)},
		"12":  {not(or(three, open)), not(open)},
		"124": {not(and(open, three))},
	})
	for _, q := range []storage.RowQuery{
		{Where: or(two, three), Order: []storage.Order{asc("open")}},
		{Where: or(two, three), After: &storage.Position{Tenant: acme, ID: "1"}},
	} {
		rows := e.query(q, acme)
		require.Equal(e, []string{"2", "3"}, ids(rows))
		for _, r := range rows {
			require.Equal(e, acme, r.Tenant)
		}
	}
}

// withPrefix says which of the tricky texts begin with the prefix.
func withPrefix(prefix string) []string {
	out := []string{}
	for _, text := range tricky {
		if strings.HasPrefix(text, prefix) {
			out = append(out, text)
		}
	}
	return out
}

func queryPrefix(e *env) {
	rows := make([]storage.Row, 0, len(tricky))
	for _, text := range tricky {
		rows = append(rows, ticket(storage.ID(text), "title", text, "note", text))
	}
	e.put(acme, rows...)
	e.put(acme, ticket("~", "title", "~")) // its note is NULL
	e.view(func(ctx context.Context, r storage.Reader) {
		for _, prefix := range append([]string{"", "x", "A%", "%%", "_a", "a\\", "'' OR 1=1 --", strings.Repeat("a", storage.MaxText)}, tricky...) {
			q := storage.RowQuery{Where: where(storage.Prefix, "note", prefix), Order: []storage.Order{asc("title")}}
			require.Equal(e, withPrefix(prefix), ids(e.page(ctx, r, q)), "prefix %q", prefix)
			q.Where = and(where(storage.AtMost, "title", "\U0010ffff\U0010ffff"), not(where(storage.Equal, "id", "~")), not(where(storage.Prefix, "note", prefix)))
			require.Len(e, e.page(ctx, r, q), len(tricky)-len(withPrefix(prefix)), "not prefix %q", prefix)
		}
	}, acme)
}

func queryPrefixGreatest(e *env) {
	top := "\U0010ffff"
	texts := sorted("a", "a\ud7ff", "a\ud7ffz", "a\ue000", "a\uffff", "a"+top, "a"+top+top, "a"+top+"b", "a\U0010fffe", "b", top, top+top, top+"a", "\U0010fffe", "\ud7ff", "\ud7ffb", "\ue000")
	rows := make([]storage.Row, 0, len(texts))
	for _, text := range texts {
		rows = append(rows, ticket(storage.ID(text), "title", text))
	}
	e.put(acme, rows...)
	e.view(func(ctx context.Context, r storage.Reader) {
		for _, prefix := range append(texts, top+top+top, "a"+top+top+top, strings.Repeat(top, storage.MaxText)) {
			want := []string{}
			for _, text := range texts {
				if strings.HasPrefix(text, prefix) {
					want = append(want, text)
				}
			}
			for _, column := range []string{"title", "id"} {
				require.Equal(e, want, ids(e.page(ctx, r, storage.RowQuery{Where: where(storage.Prefix, column, prefix)})), "%s prefix %q", column, prefix)
			}
		}
	}, acme)
}

func queryContains(e *env) {
	texts := append([]string{"The VPN is down", "vpn", "a vPn b", "Straße", "STRASSE", "CAFÉ", "café", "xÉx", "Kelvin \u212a", "K", "100% of", "a_b", "axb", `c:\x`}, tricky...)
	rows := make([]storage.Row, 0, len(texts))
	for i, text := range texts {
		rows = append(rows, ticket(storage.ID(fmt.Sprintf("%03d", i)), "title", text, "note", text))
	}
	e.put(acme, rows...)
	e.put(acme, ticket("~", "title", "~")) // its note is NULL
	e.view(func(ctx context.Context, r storage.Reader) {
		for _, part := range append([]string{"", "Vpn", "n i", "\u00c9", "\u00e9", "aF", "k", "\u212a", "%", "_", "\\", "ss", "' OR 1=1 --", "down ", strings.Repeat("a", storage.MaxText)}, texts...) {
			want, others := []string{}, []string{}
			for i, text := range texts {
				id := fmt.Sprintf("%03d", i)
				if strings.Contains(asciiLower(text), asciiLower(part)) {
					want = append(want, id)
				} else {
					others = append(others, id)
				}
			}
			contains := where(storage.Contains, "note", part)
			require.Equal(e, want, ids(e.page(ctx, r, storage.RowQuery{Where: contains})), "%q", part)
			require.Equal(e, len(want), e.total(ctx, r, tickets, contains))
			require.Equal(e, append(others, "~"), ids(e.page(ctx, r, storage.RowQuery{Where: not(contains)})), "not %q", part)
		}
	}, acme)
}

// asciiLower has a to z for A to Z.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

func queryHeads(e *env) {
	written := e.put(acme, full("1"), full("2"))
	heads := e.query(storage.RowQuery{}, acme)
	require.Len(e, heads, 2)
	for i, head := range heads {
		require.Nil(e, head.Body, "heads have no body")
		want := written[i]
		want.Body = nil
		require.Equal(e, want, head)
	}
	require.Equal(e, written, e.query(storage.RowQuery{Bodies: true}, acme))
}

func queryNothing(e *env) {
	require.Empty(e, e.query(storage.RowQuery{}, acme))
	e.put(acme, ticket("1"))
	require.Empty(e, e.query(storage.RowQuery{Where: where(storage.Equal, "title", "none")}, acme))
	require.Empty(e, e.query(storage.RowQuery{}, umbra))
}

func queryArguments(e *env) {
	e.put(acme, fourTickets()...)
	q := storage.RowQuery{
		Where: and(or(where(storage.Equal, "note", "bb"), where(storage.In, "effort", 9, -5)), not(where(storage.Null, "note"))),
		Order: []storage.Order{desc("priority"), asc("title")},
		After: &storage.Position{Values: []any{int64(100), "x"}, Tenant: acme, ID: "x"},
		Limit: 2,
	}
	again := storage.RowQuery{
		Where: and(or(where(storage.Equal, "note", "bb"), where(storage.In, "effort", 9, -5)), not(where(storage.Null, "note"))),
		Order: []storage.Order{desc("priority"), asc("title")},
		After: &storage.Position{Values: []any{int64(100), "x"}, Tenant: acme, ID: "x"},
		Limit: 2,
	}
	require.Equal(e, []string{"4", "3"}, ids(e.query(q, acme)))
	require.Equal(e, again, q)
	require.Equal(e, []string{"4", "3"}, ids(e.query(q, acme)))
}
