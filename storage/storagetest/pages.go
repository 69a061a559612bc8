package storagetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Pages are in the order that was asked for, and every row stands on exactly one of them.
var pageCases = []testCase{
	{"without an order rows are in the order of their ids", pageByID},
	{"every order on pages of every size", pageOrders},
	{"pages of any text go on byte by byte", pageText},
	{"ties stand by id in the direction of the last column", pageTies},
	{"ties across tenants stand by tenant and id", pageTiesAcrossTenants},
	{"ties across pages are on exactly one", pageTiesAcrossPages},
	{"the columns that every table has are orders", pageMeta},
	{"a page goes on after a row that is gone", pageGone},
	{"a page goes on after a place where no row ever was", pagePlace},
	{"a page has at most its limit", pageLimit},
	{"each page has the condition", pageCondition},
	{"rows inserted and changed during paging disturb no other", pageWhileWriting},
	{"rows written by others at the same time disturb no other", pageWhileOthersWrite},
}

// pages reads all pages of a size, each in a View of its own as a caller does, and gives all
// rows. Between two pages it calls meanwhile, if there is one.
func (e *env) pages(q storage.RowQuery, meanwhile func(page int), tenants ...storage.Tenant) []storage.Row {
	e.Helper()
	var all []storage.Row
	for page := 1; ; page++ {
		rows := e.query(q, tenants...)
		require.LessOrEqual(e, len(rows), q.Limit, "a page is longer than its limit")
		all = append(all, rows...)
		if len(rows) < q.Limit {
			return all
		}
		require.Less(e, page, 1000, "paging does not end")
		q.After = position(tickets, rows[len(rows)-1], q.Order)
		if meanwhile != nil {
			meanwhile(page)
		}
	}
}

// inOrder compares two rows of a schema as the contract orders them.
func inOrder(s *storage.Schema, order []storage.Order) func(a, b storage.Row) int {
	return func(a, b storage.Row) int {
		descending := false
		for _, o := range order {
			descending = o.Descending
			d := 0
			switch y := b.Value(s, o.Column); x := a.Value(s, o.Column).(type) {
			case string:
				d = cmp.Compare(x, y.(string))
			case int64:
				d = cmp.Compare(x, y.(int64))
			case bool:
				if x != y {
					d = -1
					if x {
						d = 1
					}
				}
			}
			if o.Descending {
				d = -d
			}
			if d != 0 {
				return d
			}
		}
		d := cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ID, b.ID))
		if descending {
			d = -d
		}
		return d
	}
}

// places are the rows' tenants and ids in order.
func places(rows []storage.Row) []string {
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		out = append(out, string(r.Tenant)+"/"+string(r.ID))
	}
	return out
}

// manyTickets have few different values, so that there are many ties.
func manyTickets(n int) []storage.Row {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]storage.Row, n)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprintf("%02d", (i*37)%n)),
			"title", []string{"A", "a", "a ", "b"}[random.IntN(4)], "priority", random.IntN(3)-1,
			"open", random.IntN(2) == 0, "due", random.IntN(3)*1000)
		if random.IntN(3) > 0 {
			set(tickets, &rows[i], "note", fmt.Sprint(random.IntN(3)))
		}
	}
	return rows
}

func pageByID(e *env) {
	e.put(acme, ticket("b"), ticket("B"), ticket("a"), ticket("a "), ticket("10"), ticket("9"))
	want := []string{"10", "9", "B", "a", "a ", "b"}
	for limit := 1; limit <= 7; limit++ {
		require.Equal(e, want, ids(e.pages(storage.RowQuery{Limit: limit}, nil, acme)))
	}
}

func pageOrders(e *env) {
	rows := e.put(acme, manyTickets(23)...)
	for _, order := range [][]storage.Order{
		{asc("title")}, {desc("title")}, {asc("priority")}, {desc("open")}, {desc("due")},
		{asc("open"), asc("priority"), desc("due")}, {desc("open"), desc("priority"), asc("due")},
		{asc("title"), desc("priority")}, {desc("title"), asc("priority"), desc("open"), asc("due")},
		{desc("id")}, {asc("priority"), desc("id")}, {desc("priority"), asc("id"), desc("title")},
	} {
		want := slices.Clone(rows)
		slices.SortFunc(want, inOrder(tickets, order))
		for _, limit := range []int{1, 2, 7, 22, 23, 24} {
			require.Equal(e, ids(want), ids(e.pages(storage.RowQuery{Order: order, Limit: limit}, nil, acme)), "%v, pages of %d", order, limit)
		}
	}
}

// pageText goes through texts that a careless engine takes for each other, in columns and as ids.
func pageText(e *env) {
	var rows []storage.Row
	for i, text := range tricky {
		rows = append(rows, ticket(storage.ID(text), "title", text, "priority", i%3))
		// Neighbours in the order of the first column that only the second tells apart.
		rows = append(rows, ticket(storage.ID(text+"2"), "title", tricky[i/2*2], "priority", 3))
	}
	rows = slices.CompactFunc(sortedBy(rows, nil), func(a, b storage.Row) bool { return a.ID == b.ID })
	rows = e.put(acme, rows...)
	for _, order := range [][]storage.Order{nil, {desc("id")}, {asc("title")}, {desc("title")}, {asc("title"), desc("priority")}, {asc("priority"), desc("title")}, {desc("title"), asc("id")}} {
		want := places(sortedBy(rows, order))
		limit := 7
		if len(order) == 1 && order[0].Column == "title" {
			limit = 1 // a page begins behind each of them
		}
		require.Equal(e, want, places(e.pages(storage.RowQuery{Order: order, Limit: limit}, nil, acme)), "%v, pages of %d", order, limit)
	}
}

// sortedBy gives the tickets in an order.
func sortedBy(rows []storage.Row, order []storage.Order) []storage.Row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, inOrder(tickets, order))
	return rows
}

func pageTies(e *env) {
	e.put(acme, ticket("2", "priority", 1), ticket("1", "priority", 1), ticket("3", "priority", 2), ticket("4", "priority", 2))
	for want, order := range map[string][]storage.Order{
		"1234": {asc("priority")},
		"4321": {desc("priority")},
		"3412": {desc("priority"), asc("open")},
		"2143": {asc("priority"), desc("open")},
	} {
		got := ""
		for _, id := range ids(e.query(storage.RowQuery{Order: order}, acme)) {
			got += id
		}
		require.Equal(e, want, got, "%v", order)
	}
}

func pageTiesAcrossTenants(e *env) {
	var all []storage.Row
	for _, tenant := range []storage.Tenant{umbra, acme, capital} {
		all = append(all, e.put(tenant, manyTickets(6)...)...)
	}
	for _, order := range [][]storage.Order{
		nil, {asc("open")}, {desc("open")}, {asc("id")}, {desc("id")}, {asc("priority"), desc("title")}, {desc("id"), asc("open")},
	} {
		want := slices.Clone(all)
		slices.SortFunc(want, inOrder(tickets, order))
		for _, limit := range []int{1, 4, 5, 100} {
			got := e.pages(storage.RowQuery{Order: order, Limit: limit}, nil, acme, umbra, capital)
			require.Equal(e, places(want), places(got), "%v, pages of %d", order, limit)
		}
	}
}

func pageTiesAcrossPages(e *env) {
	rows := make([]storage.Row, 20)
	want := make([]string, len(rows))
	for i := range rows {
		want[i] = fmt.Sprintf("%02d", i)
		rows[len(rows)-1-i] = ticket(storage.ID(want[i]), "title", "the same", "priority", 1)
	}
	e.put(acme, rows...)
	for _, limit := range []int{1, 3, 10} {
		require.Equal(e, want, ids(e.pages(storage.RowQuery{Order: []storage.Order{asc("title")}, Limit: limit}, nil, acme)))
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 3, 10} {
		require.Equal(e, want, ids(e.pages(storage.RowQuery{Order: []storage.Order{asc("title"), desc("priority")}, Limit: limit}, nil, acme)))
	}
}

func pageMeta(e *env) {
	rows := make([]storage.Row, 9)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprint(i)))
		rows[i].Created = noon.AddDate(-60*(i%3), 0, 0)
		rows[i].Updated = rows[i].Created.AddDate(0, 0, i%2)
	}
	rows = e.put(acme, rows...)
	rows[4] = e.put(acme, rows[4])[0]
	for _, order := range [][]storage.Order{
		{asc("version")}, {desc("version"), asc("created")}, {asc("created")}, {desc("created"), desc("updated")}, {asc("updated"), desc("id")},
	} {
		want := slices.Clone(rows)
		slices.SortFunc(want, inOrder(tickets, order))
		for _, limit := range []int{1, 4, 10} {
			require.Equal(e, ids(want), ids(e.pages(storage.RowQuery{Order: order, Limit: limit}, nil, acme)), "%v, pages of %d", order, limit)
		}
	}
}

func pageGone(e *env) {
	e.put(acme, ticket("1"), ticket("2"), ticket("3"), ticket("4"))
	order := []storage.Order{desc("priority")}
	first := e.query(storage.RowQuery{Order: order, Limit: 2}, acme)
	require.Equal(e, []string{"4", "3"}, ids(first))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "3", 1))
	})
	next := e.query(storage.RowQuery{Order: order, Limit: 2, After: position(tickets, first[1], order)}, acme)
	require.Equal(e, []string{"2", "1"}, ids(next))
}

func pagePlace(e *env) {
	e.put(acme, ticket("1", "priority", 1), ticket("2", "priority", 2), ticket("3", "priority", 3))
	for _, c := range []struct {
		order []storage.Order
		after storage.Position
		want  []string
	}{
		{[]storage.Order{asc("priority")}, storage.Position{Values: []any{int64(2)}, Tenant: acme, ID: "1"}, []string{"2", "3"}},
		{[]storage.Order{asc("priority")}, storage.Position{Values: []any{int64(2)}, Tenant: acme, ID: "2"}, []string{"3"}},
		{[]storage.Order{asc("priority")}, storage.Position{Values: []any{int64(2)}, Tenant: "acm", ID: "9"}, []string{"2", "3"}},
		{[]storage.Order{asc("priority")}, storage.Position{Values: []any{int64(2)}, Tenant: "acmf", ID: "1"}, []string{"3"}},
		{[]storage.Order{desc("priority")}, storage.Position{Values: []any{int64(3)}, Tenant: acme, ID: "9"}, []string{"3", "2", "1"}},
		{[]storage.Order{desc("priority")}, storage.Position{Values: []any{int64(3)}, Tenant: "acm", ID: "9"}, []string{"2", "1"}},
		{nil, storage.Position{Tenant: acme, ID: "15"}, []string{"2", "3"}},
		{nil, storage.Position{Tenant: acme, ID: "4"}, []string{}},
		{[]storage.Order{asc("id")}, storage.Position{Values: []any{"15"}, Tenant: acme, ID: "15"}, []string{"2", "3"}},
		{nil, storage.Position{}, []string{"1", "2", "3"}},
		{nil, storage.Position{Tenant: acme}, []string{"1", "2", "3"}},
		{[]storage.Order{asc("id")}, storage.Position{Values: []any{""}, Tenant: acme}, []string{"1", "2", "3"}},
		{[]storage.Order{desc("id")}, storage.Position{Values: []any{""}, Tenant: acme}, []string{}},
		{[]storage.Order{asc("priority")}, storage.Position{Values: []any{int64(2)}, Tenant: acme}, []string{"2", "3"}},
		{[]storage.Order{desc("priority")}, storage.Position{Values: []any{int64(2)}, Tenant: acme}, []string{"1"}},
		{[]storage.Order{desc("title")}, storage.Position{Values: []any{""}, Tenant: acme, ID: "2"}, []string{"1"}},
		{[]storage.Order{desc("title")}, storage.Position{Values: []any{""}, Tenant: acme}, []string{}},
		{[]storage.Order{asc("title"), asc("id")}, storage.Position{Values: []any{"", ""}, Tenant: acme}, []string{"1", "2", "3"}},
	} {
		require.Equal(e, c.want, ids(e.query(storage.RowQuery{Order: c.order, After: &c.after}, acme)), "%v after %+v", c.order, c.after)
	}
}

func pageLimit(e *env) {
	rows := make([]storage.Row, storage.MaxLimit+5)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprintf("%05d", i)))
	}
	e.put(acme, rows...)
	for _, limit := range []int{1, 2, storage.MaxLimit - 1, storage.MaxLimit} {
		require.Len(e, e.query(storage.RowQuery{Limit: limit}, acme), limit)
	}
	require.Len(e, e.pages(storage.RowQuery{Limit: storage.MaxLimit}, nil, acme), len(rows))
}

func pageCondition(e *env) {
	rows := e.put(acme, manyTickets(23)...)
	e.put(umbra, manyTickets(23)...)
	order := []storage.Order{asc("priority"), desc("due")}
	want := []storage.Row{}
	for _, r := range rows {
		if value(r, "title") == "a" || value(r, "note") == nil {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, inOrder(tickets, order))
	require.Greater(e, len(want), 6, "the case itself is wrong")
	for _, limit := range []int{1, 2, 5, 50} {
		q := storage.RowQuery{Where: or(where(storage.Equal, "title", "a"), where(storage.Null, "note")), Order: order, Limit: limit}
		require.Equal(e, places(want), places(e.pages(q, nil, acme)))
	}
}

func pageWhileWriting(e *env) {
	for _, order := range [][]storage.Order{{asc("priority")}, {desc("priority")}, {asc("open"), desc("priority")}, nil} {
		tenant := storage.Tenant("paging " + fmt.Sprint(order))
		rows := make([]storage.Row, 30)
		want := map[string]int{}
		for i := range rows {
			rows[i] = ticket(storage.ID(fmt.Sprintf("%02d", i*7%30)), "priority", i%4, "open", i%2 == 0)
			want[string(rows[i].ID)] = 1
		}
		rows = e.put(tenant, rows...)
		seen := map[string]int{}
		for _, id := range ids(e.pages(storage.RowQuery{Order: order, Limit: 4}, func(page int) {
			for i := range rows { // every row is changed, though not in what it is ordered by
				set(tickets, &rows[i], "title", fmt.Sprintf("page %d", page), "note", "changed")
			}
			rows = e.put(tenant, rows...)
			e.put(tenant,
				ticket(storage.ID(fmt.Sprintf("%02d-new", page)), "priority", page%4),
				ticket(storage.ID(fmt.Sprintf("!%d-new", page)), "priority", -1),
				ticket(storage.ID(fmt.Sprintf("z%d-new", page)), "priority", 9))
		}, tenant)) {
			seen[id]++
		}
		for id, n := range seen {
			require.Equal(e, 1, n, "%v: row %s was seen %d times", order, id, n)
		}
		for id := range want {
			require.Equal(e, 1, seen[id], "%v: row %s was lost", order, id)
		}
	}
}

func pageWhileOthersWrite(e *env) {
	rows := make([]storage.Row, 60)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprintf("%02d", i)), "priority", i%5)
	}
	rows = e.put(acme, rows...)
	var stop atomic.Bool
	e.together(3, func(g int) error {
		if g == 0 {
			defer stop.Store(true)
			for range 3 {
				seen := map[storage.ID]int{}
				q := storage.RowQuery{Order: []storage.Order{desc("priority")}, Limit: 7, Where: where(storage.Below, "id", "a")}
				for {
					var page []storage.Row
					if err := e.store.View(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
						page, err = r.Query(ctx, tickets, q)
						return err
					}); err != nil {
						return err
					}
					for _, r := range page {
						seen[r.ID]++
					}
					if len(page) < q.Limit {
						break
					}
					q.After = position(tickets, page[len(page)-1], q.Order)
				}
				for _, r := range rows {
					if seen[r.ID] != 1 {
						return fmt.Errorf("row %s was seen %d times", r.ID, seen[r.ID])
					}
				}
			}
			return nil
		}
		for n := 0; !stop.Load() && n < 10000; n++ {
			if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				changed, err := tx.Get(ctx, tickets, acme, rows[(n*7+g)%len(rows)].ID)
				if err != nil {
					return err
				}
				set(tickets, &changed, "title", fmt.Sprint(n))
				created := ticket(storage.ID(fmt.Sprintf("by %d, %d", g, n)), "priority", n%5)
				return firstError(tx.Put(ctx, tickets, &changed), tx.Put(ctx, tickets, &created))
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
