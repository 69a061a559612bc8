package storagetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A condition may be that rows of another table name a row's id.
var namedCases = []testCase{
	{"rows are named by those that meet the condition", namedBasics},
	{"what is no row's id names nothing, byte by byte", namedBytes},
	{"And, Or and Not of what is named", namedLogic},
	{"NULL names nothing, and its Not has all others", namedNulls},
	{"a condition on the rows that name is on them alone", namedColumns},
	{"a table may name its own rows", namedItself},
	{"a table without rows names nothing", namedNothing},
	{"rows of another tenant name nothing", namedTenants},
	{"in each of several tenants its own rows are named", namedSeveral},
	{"what is named is read with the unit's own writes", namedOwnWrites},
	{"what is named is of the moment of the view", namedSnapshot},
	{"what is changed or gone names no more", namedGone},
	{"counts of what is named", namedCounts},
	{"pages of what is named", namedPages},
	{"more are named than a condition may have values", namedMany},
	{"as many references as a condition may have", namedWide},
	{"references and values in many tenants", namedFar},
}

// namedBy is the condition that rows of the table that meet another one name the id.
func namedBy(s *storage.Schema, column string, where storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.Named, By: &storage.Reference{Schema: s, Column: column, Where: where}}
}

// asset names a ticket in its title.
func asset(id storage.ID, names string, balance int) storage.Row {
	return newRow(assets, id, "title", names, "balance", balance)
}

// namedByAsset are the tickets that assets of a balance name.
func namedByAsset(balance int) storage.Condition {
	return namedBy(assets, "title", where(storage.Equal, "balance", balance))
}

func namedBasics(e *env) {
	e.put(acme, fourTickets()...)
	e.putIn(assets, acme, asset("x", "1", 7), asset("y", "3", 7), asset("z", "3", 9), asset("1", "4", 8))
	e.holds(acme, map[string][]storage.Condition{
		"134": {namedBy(assets, "title", storage.Condition{}), namedBy(assets, "title", where(storage.AtLeast, "balance", 7))},
		"13":  {namedByAsset(7), namedBy(assets, "title", where(storage.In, "id", "x", "z"))},
		"3":   {namedByAsset(9), namedBy(assets, "title", and(where(storage.Equal, "balance", 7), where(storage.Equal, "id", "y")))},
		"4":   {namedByAsset(8)},
		"1":   {namedBy(assets, "id", storage.Condition{})},
		"":    {namedByAsset(1), namedBy(assets, "title", or()), namedBy(assets, "tenant", storage.Condition{})},
	})
}

func namedBytes(e *env) {
	e.put(acme, ticket("A"), ticket("a"), ticket("b"), ticket("c"))
	e.putIn(assets, acme, asset("1", "a", 1), asset("2", "b ", 1), asset("3", "", 1), asset("4", "none", 1), asset("5", "%", 1), asset("6", "C", 1))
	e.holds(acme, map[string][]storage.Condition{
		"a":   {namedByAsset(1)},
		"Abc": {not(namedByAsset(1))},
	})
}

func namedLogic(e *env) {
	e.put(acme, fourTickets()...)
	e.putIn(assets, acme, asset("x", "1", 7), asset("y", "3", 7), asset("z", "4", 9))
	seven, nine, open := namedByAsset(7), namedByAsset(9), where(storage.Equal, "open", true)
	e.holds(acme, map[string][]storage.Condition{
		"24":   {not(seven), not(not(not(seven))), and(not(seven), not(or()))},
		"3":    {and(seven, open), and(open, seven), not(or(not(seven), not(open))), and(where(storage.In, "id", "2", "3"), seven)},
		"134":  {or(seven, nine), or(seven, open), or(or(), and(or(seven, nine), not(where(storage.Equal, "id", "2")))), not(and(not(seven), not(nine)))},
		"":     {and(seven, nine), and(seven, not(seven)), and(seven, or()), and(where(storage.In, "id", "2", "4"), seven), and(seven, where(storage.Equal, "id", "2"))},
		"1234": {or(seven, not(seven)), not(and(seven, nine)), or(seven, storage.Condition{})},
		"4":    {and(not(seven), open), and(nine, nine)},
		"123":  {or(seven, where(storage.Equal, "id", "2")), not(nine)},
		"12":   {not(or(nine, and(seven, open)))},
	})
}

func namedNulls(e *env) {
	e.put(acme, ticket("1"), ticket("2", "note", "3"), ticket("3", "note", "1", "effort", 1), ticket("4"))
	byNote := func(c storage.Condition) storage.Condition { return namedBy(tickets, "note", c) }
	e.holds(acme, map[string][]storage.Condition{
		"13":   {byNote(storage.Condition{}), byNote(not(where(storage.Null, "note"))), byNote(where(storage.In, "id", "1", "2", "3"))},
		"24":   {not(byNote(storage.Condition{}))},
		"3":    {byNote(where(storage.Null, "effort")), byNote(not(where(storage.Equal, "effort", 1)))},
		"124":  {not(byNote(where(storage.Null, "effort"))), not(byNote(not(where(storage.Above, "effort", 0))))},
		"1234": {not(byNote(where(storage.Null, "note")))},
		"":     {byNote(where(storage.Null, "note"))},
	})
}

func namedColumns(e *env) {
	// Title, id and version are columns of both tables.
	e.put(acme, ticket("1", "title", "outer"), ticket("2", "title", "outer"), ticket("3", "title", "1"))
	rows := e.putIn(assets, acme, asset("3", "1", 7), asset("x", "2", 7))
	e.putIn(assets, acme, rows[1])
	named := func(c storage.Condition) storage.Condition { return namedBy(assets, "title", c) }
	e.holds(acme, map[string][]storage.Condition{
		"1":  {named(where(storage.Equal, "title", "1")), named(where(storage.Equal, "id", "3")), named(where(storage.Equal, "version", 1)), named(not(where(storage.Equal, "version", 2)))},
		"2":  {named(where(storage.Equal, "version", 2)), and(where(storage.Equal, "title", "outer"), named(where(storage.Prefix, "id", "x")))},
		"":   {named(where(storage.Equal, "title", "outer")), named(where(storage.Equal, "id", "1")), and(named(storage.Condition{}), where(storage.Equal, "title", "1"))},
		"12": {named(where(storage.Equal, "tenant", "acme")), and(named(storage.Condition{}), where(storage.Equal, "version", 1))},
	})
}

func namedItself(e *env) {
	e.put(acme, ticket("1", "title", "2", "priority", 1), ticket("2", "title", "3", "priority", 2), ticket("3", "title", "1", "priority", 3), ticket("4", "title", "4", "priority", 4))
	named := func(c storage.Condition) storage.Condition { return namedBy(tickets, "title", c) }
	e.holds(acme, map[string][]storage.Condition{
		"1234": {named(storage.Condition{})},
		"3":    {named(where(storage.Equal, "priority", 2)), and(where(storage.Equal, "priority", 3), named(where(storage.Equal, "priority", 2)))},
		"":     {and(where(storage.Equal, "priority", 2), named(where(storage.Equal, "priority", 2)))},
		"12":   {and(where(storage.AtMost, "priority", 2), named(where(storage.In, "priority", 1, 3)))},
		"4":    {named(where(storage.Equal, "id", "4"))},
	})
}

func namedNothing(e *env) {
	e.migrate(e.store, badges)
	e.put(acme, fourTickets()...)
	e.holds(acme, map[string][]storage.Condition{
		"":     {namedBy(badges, "holder", storage.Condition{}), namedBy(assets, "title", storage.Condition{})},
		"1234": {not(namedBy(badges, "holder", where(storage.Equal, "series", "a"))), not(namedBy(assets, "title", storage.Condition{}))},
	})
	// The table is there now, but not in this tenant.
	e.putIn(badges, umbra, newRow(badges, "1", "holder", "1"))
	e.holds(acme, map[string][]storage.Condition{"": {namedBy(badges, "holder", storage.Condition{})}})
}

func namedTenants(e *env) {
	for _, tenant := range []storage.Tenant{acme, capital, umbra} {
		e.put(tenant, ticket("1"), ticket("2"), ticket("3"))
	}
	e.putIn(assets, acme, asset("x", "1", 7))
	e.putIn(assets, capital, asset("x", "2", 7))
	e.putIn(assets, umbra, asset("x", "3", 7), asset("y", "1", 7))
	for tenant, want := range map[storage.Tenant][]string{acme: {"1", "23"}, capital: {"2", "13"}, umbra: {"13", "2"}, "nobody": {"", ""}} {
		e.holds(tenant, map[string][]storage.Condition{want[0]: {namedByAsset(7)}})
		e.holds(tenant, map[string][]storage.Condition{want[1]: {not(namedByAsset(7))}})
	}
	e.holds(acme, map[string][]storage.Condition{
		"":  {namedBy(assets, "title", where(storage.Equal, "tenant", "umbra")), namedBy(assets, "title", not(where(storage.Equal, "tenant", "acme")))},
		"1": {or(where(storage.Equal, "tenant", "umbra"), namedByAsset(7)), namedBy(assets, "title", where(storage.In, "tenant", "umbra", "acme"))},
	})
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.Equal(e, []string{"1"}, ids(e.page(ctx, tx, storage.RowQuery{Where: namedByAsset(7)})))
	})
}

func namedSeveral(e *env) {
	for _, tenant := range []storage.Tenant{acme, capital, umbra} {
		e.put(tenant, ticket("1", "priority", 3), ticket("2", "priority", 2), ticket("3", "priority", 1))
	}
	e.putIn(assets, acme, asset("x", "1", 7), asset("y", "3", 9))
	e.putIn(assets, capital, asset("x", "2", 7))
	e.putIn(assets, umbra, asset("x", "3", 7), asset("y", "1", 7))
	in := func(tenants ...any) storage.Condition {
		return storage.Condition{Op: storage.In, Column: "tenant", Values: tenants}
	}
	seven, nine := namedByAsset(7), namedByAsset(9)
	for _, c := range []struct {
		where storage.Condition
		want  []string
	}{
		{seven, []string{"ACME/2", "acme/1", "umbra/1", "umbra/3"}},
		{not(seven), []string{"ACME/1", "ACME/3", "acme/2", "acme/3", "umbra/2"}},
		{or(seven, nine), []string{"ACME/2", "acme/1", "acme/3", "umbra/1", "umbra/3"}},
		{and(in("acme", "umbra"), seven), []string{"acme/1", "umbra/1", "umbra/3"}},
		{and(seven, in("acme"), in("umbra")), []string{}},
		{and(in(), seven), []string{}},
		{or(and(in("acme"), nine), and(in("umbra"), seven)), []string{"acme/3", "umbra/1", "umbra/3"}},
		{not(or(and(in("acme"), nine), and(in("umbra"), seven))), []string{"ACME/1", "ACME/2", "ACME/3", "acme/1", "acme/2", "umbra/2"}},
		{and(not(in("umbra")), seven), []string{"ACME/2", "acme/1"}},
		{and(not(and(in("umbra"), seven)), or(nine, seven)), []string{"ACME/2", "acme/1", "acme/3"}},
		{namedBy(assets, "title", and(where(storage.Equal, "balance", 7), in("acme", "ACME"))), []string{"ACME/2", "acme/1"}},
	} {
		require.Equal(e, c.want, places(e.query(storage.RowQuery{Where: c.where}, umbra, capital, acme)), "%+v", c.where)
		for _, limit := range []int{1, 2, 50} {
			q := storage.RowQuery{Where: c.where, Order: []storage.Order{desc("priority")}, Limit: limit}
			require.ElementsMatch(e, c.want, places(e.pages(q, nil, umbra, capital, acme)), "pages of %+v", c.where)
		}
		e.counted([]storage.Group{groupOf(len(c.want))}, c.where, nil, umbra, capital, acme)
	}
	e.counted([]storage.Group{groupOf(1, "ACME"), groupOf(1, "acme"), groupOf(2, "umbra")}, seven, []string{"tenant"}, umbra, capital, acme)
}

func namedOwnWrites(e *env) {
	e.put(acme, fourTickets()...)
	rows := e.putIn(assets, acme, asset("x", "1", 7), asset("y", "2", 7))
	look := func(ctx context.Context, r storage.Reader, want ...string) {
		require.Equal(e, want, ids(e.page(ctx, r, storage.RowQuery{Where: namedByAsset(7)})))
		require.Equal(e, len(want), e.total(ctx, r, tickets, namedByAsset(7)))
	}
	write := func(ctx context.Context, tx storage.Tx) {
		look(ctx, tx, "1", "2")
		made, changed := asset("z", "3", 7), clone(rows[1])
		require.NoError(e, tx.Put(ctx, assets, &made))
		look(ctx, tx, "1", "2", "3")
		set(assets, &changed, "title", "4")
		require.NoError(e, tx.Put(ctx, assets, &changed))
		look(ctx, tx, "1", "3", "4")
		require.NoError(e, tx.Delete(ctx, assets, "x", 1))
		look(ctx, tx, "3", "4")
		require.NoError(e, e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			look(ctx, r, "3", "4")
			return nil
		}))
	}
	require.ErrorIs(e, e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		write(ctx, tx)
		return errOurs
	}), errOurs)
	e.view(func(ctx context.Context, r storage.Reader) { look(ctx, r, "1", "2") }, acme)
	e.update(acme, write)
	e.view(func(ctx context.Context, r storage.Reader) { look(ctx, r, "3", "4") }, acme)
}

func namedSnapshot(e *env) {
	e.put(acme, fourTickets()...)
	e.putIn(assets, acme, asset("x", "1", 7))
	var wait func()
	e.view(func(ctx context.Context, r storage.Reader) {
		require.Equal(e, []string{"1"}, ids(e.page(ctx, r, storage.RowQuery{Where: namedByAsset(7)})))
		wait = e.meanwhile(func() error {
			return e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				row := asset("y", "2", 7)
				return tx.Put(ctx, assets, &row)
			})
		})
		require.Equal(e, []string{"1"}, ids(e.page(ctx, r, storage.RowQuery{Where: namedByAsset(7)})))
		require.Equal(e, 1, e.total(ctx, r, tickets, namedByAsset(7)))
	}, acme)
	wait()
	require.Equal(e, []string{"1", "2"}, ids(e.query(storage.RowQuery{Where: namedByAsset(7)}, acme)))
}

func namedGone(e *env) {
	e.put(acme, fourTickets()...)
	rows := e.putIn(assets, acme, asset("x", "1", 7), asset("y", "2", 7), asset("z", "3", 7))
	c := namedByAsset(7) // the same one throughout
	e.holds(acme, map[string][]storage.Condition{"123": {c}})
	set(assets, &rows[0], "balance", 8)
	set(assets, &rows[1], "title", "4")
	e.putIn(assets, acme, rows[0], rows[1])
	e.holds(acme, map[string][]storage.Condition{"34": {c}})
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, assets, "z", 1))
		require.NoError(e, tx.Delete(ctx, tickets, "4", 1))
	})
	e.holds(acme, map[string][]storage.Condition{"": {c}, "123": {not(c)}})
}

func namedCounts(e *env) {
	e.put(acme, fourTickets()...)
	e.putIn(assets, acme, asset("x", "1", 7), asset("y", "3", 7), asset("z", "3", 9), asset("u", "4", 7))
	e.counted([]storage.Group{groupOf(3)}, namedByAsset(7), nil, acme) // 3 is named twice
	e.counted([]storage.Group{groupOf(3)}, namedBy(assets, "title", storage.Condition{}), nil, acme)
	e.counted([]storage.Group{groupOf(0)}, namedByAsset(1), nil, acme)
	e.counted([]storage.Group{groupOf(1, false), groupOf(2, true)}, namedByAsset(7), []string{"open"}, acme)
	e.counted([]storage.Group{groupOf(1, false)}, not(namedByAsset(7)), []string{"open"}, acme)
	e.counted([]storage.Group{groupOf(1, "1"), groupOf(1, "3"), groupOf(1, "4")}, namedByAsset(7), []string{"id"}, acme)
	e.counted(nil, namedByAsset(1), []string{"open"}, acme)
}

func namedPages(e *env) {
	rows := e.put(acme, manyTickets(23)...)
	rows = append(rows, e.put(umbra, manyTickets(23)...)...)
	want := []storage.Row{}
	var byAcme, byUmbra []storage.Row
	for i, r := range rows {
		a := asset(storage.ID(fmt.Sprint(i)), string(r.ID), i%3)
		switch {
		case r.Tenant == acme:
			byAcme = append(byAcme, a)
		default:
			byUmbra = append(byUmbra, a)
		}
		if i%3 == 1 || value(r, "title") == "a" {
			want = append(want, r)
		}
	}
	e.putIn(assets, acme, byAcme...)
	e.putIn(assets, umbra, byUmbra...)
	either := or(where(storage.Equal, "title", "a"), namedByAsset(1))
	ofPriority := and(where(storage.In, "priority", 1, -1), either)
	ofOpen := and(where(storage.In, "open", true, false), either)
	for _, order := range [][]storage.Order{nil, {asc("title")}, {asc("priority"), desc("due")}, {desc("priority"), desc("title"), asc("updated")}, {desc("id")}} {
		for _, c := range []storage.Condition{either, ofPriority, ofOpen} {
			for _, tenants := range [][]storage.Tenant{{acme}, {umbra}, {umbra, acme}} {
				expected := slices.DeleteFunc(slices.Clone(want), func(r storage.Row) bool {
					return !slices.Contains(tenants, r.Tenant) || len(c.Of) > 0 && c.Of[0].Column == "priority" && value(r, "priority") == int64(0)
				})
				slices.SortFunc(expected, inOrder(tickets, order))
				require.NotEmpty(e, expected, "the case itself is wrong")
				for _, limit := range []int{1, 3, 50} {
					q := storage.RowQuery{Where: c, Order: order, Limit: limit}
					require.Equal(e, places(expected), places(e.pages(q, nil, tenants...)), "%v of %v, pages of %d", order, tenants, limit)
				}
			}
		}
	}
}

func namedMany(e *env) {
	const n = storage.MaxConditionValues + 100
	rows, naming := make([]storage.Row, 0, n+5), make([]storage.Row, 0, n)
	for i := range n + 5 {
		rows = append(rows, ticket(storage.ID(fmt.Sprintf("%05d", i)), "priority", i))
		if i < n {
			naming = append(naming, asset(storage.ID(fmt.Sprint(i)), fmt.Sprintf("%05d", i), 7))
		}
	}
	e.put(acme, rows...)
	e.putIn(assets, acme, naming...)
	e.counted([]storage.Group{groupOf(n)}, namedByAsset(7), nil, acme)
	e.counted([]storage.Group{groupOf(5)}, not(namedByAsset(7)), nil, acme)
	newest := []storage.Order{desc("priority")}
	require.Equal(e, []string{fmt.Sprintf("%05d", n-1), fmt.Sprintf("%05d", n-2)}, ids(e.query(storage.RowQuery{Where: namedByAsset(7), Order: newest, Limit: 2}, acme)))
}

func namedWide(e *env) {
	e.put(acme, fourTickets()...)
	e.put(umbra, fourTickets()...)
	e.putIn(assets, acme, asset("x", "1", 7), asset("y", "3", storage.MaxConditionParts/2-2))
	wide := storage.Condition{Op: storage.Or}
	for i := range storage.MaxConditionParts/2 - 1 { // each is two parts; with Or and Not
		wide.Of = append(wide.Of, namedByAsset(i))
	}
	e.holds(acme, map[string][]storage.Condition{"13": {wide}, "24": {not(wide)}})
	require.Equal(e, []string{"acme/1", "acme/3"}, places(e.query(storage.RowQuery{Where: wide}, umbra, acme)))
	deep := namedByAsset(7)
	for range storage.MaxConditionDepth - 2 {
		deep = not(deep)
	}
	e.holds(acme, map[string][]storage.Condition{"1": {deep}})
}

func namedFar(e *env) {
	tenants := []storage.Tenant{acme, umbra}
	for i := range 62 {
		tenants = append(tenants, storage.Tenant(fmt.Sprintf("far %d", i)))
	}
	e.put(acme, fourTickets()...)
	e.put(umbra, fourTickets()...)
	e.putIn(assets, umbra, asset("x", "2", 7))
	many := storage.Condition{Op: storage.In, Column: "note"}
	for i := range storage.MaxConditionValues - 10 {
		many.Values = append(many.Values, fmt.Sprint("note ", i))
	}
	some, wide := or(many, namedByAsset(7), namedByAsset(8)), storage.Condition{Op: storage.Or}
	for i := range 350 {
		wide.Of = append(wide.Of, namedByAsset(i))
	}
	ask := func(tenants ...storage.Tenant) {
		q := storage.RowQuery{Where: some, Order: []storage.Order{asc("title")}}
		require.Equal(e, []string{"umbra/2"}, places(e.query(q, tenants...)), "of %d tenants", len(tenants))
		e.counted([]storage.Group{groupOf(1)}, some, nil, tenants...)
		e.counted([]storage.Group{groupOf(1)}, wide, nil, tenants...)
	}
	ask(tenants...)
	for i := range 40 {
		tenants = append(tenants, storage.Tenant(fmt.Sprint("farther ", i)))
	}
	ask(tenants...)
}
