package memory_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// small is a table whose columns have few values, so that ties are many.
var small = must(storage.NewSchema("small", 1,
	[]storage.ColumnSpec{
		{Name: "word", Kind: storage.Text},
		{Name: "number", Kind: storage.Int},
		{Name: "flag", Kind: storage.Bool},
		{Name: "maybe", Kind: storage.Text, Nullable: true},
		{Name: "some", Kind: storage.Int, Nullable: true},
	},
	[]storage.Index{
		{Columns: []storage.Order{{Column: "word"}}},
		{Columns: []storage.Order{{Column: "word", Descending: true}, {Column: "number"}}},
		{Columns: []storage.Order{{Column: "flag"}, {Column: "number", Descending: true}}},
		{Columns: []storage.Order{{Column: "maybe"}, {Column: "word"}}},
		{Columns: []storage.Order{{Column: "some", Descending: true}, {Column: "created"}}},
		{Columns: []storage.Order{{Column: "created", Descending: true}}},
		{Columns: []storage.Order{{Column: "number"}, {Column: "updated", Descending: true}, {Column: "version"}}},
	}))

var texts = []string{"", "a", "a ", "ab", "b", "B", "é", "\U0010ffff"}

func anyText(t *rapid.T) string { return rapid.SampledFrom(texts).Draw(t, "text") }

func anyInt(t *rapid.T) int64 {
	return rapid.SampledFrom([]int64{-1 << 63, -256, -1, 0, 1, 255, 1<<63 - 1}).Draw(t, "int")
}

func anyValue(t *rapid.T, k storage.Kind) any {
	switch k {
	case storage.Text:
		return anyText(t)
	case storage.Bool:
		return rapid.Bool().Draw(t, "bool")
	}
	return anyInt(t)
}

func anyInstant(t *rapid.T) time.Time {
	return start.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "time")) * time.Second)
}

func anyRow(t *rapid.T, id storage.ID) storage.Row {
	row := storage.Row{Meta: storage.Meta{ID: id, Created: anyInstant(t), Updated: anyInstant(t)}, Body: []byte(`{}`)}
	for _, c := range small.Columns() {
		if c.Nullable && rapid.IntRange(0, 2).Draw(t, "null") == 0 {
			row.Columns = append(row.Columns, nil)
		} else {
			row.Columns = append(row.Columns, anyValue(t, c.Kind))
		}
	}
	return row
}

var filterable = []string{"word", "number", "flag", "maybe", "some", "tenant", "id", "version", "created", "updated"}

func anyLeafValue(t *rapid.T, column string) any {
	switch column {
	case "tenant":
		return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "tenant")
	case "id":
		return fmt.Sprintf("r%d", rapid.IntRange(0, 20).Draw(t, "id"))
	case "version":
		return rapid.Int64Range(0, 3).Draw(t, "version")
	case "created", "updated":
		return anyInstant(t).UnixMicro()
	}
	c, _ := small.Column(column)
	return anyValue(t, c.Kind)
}

func anyCondition(t *rapid.T, depth int) storage.Condition {
	kind := rapid.IntRange(0, 9).Draw(t, "condition")
	if depth == 0 {
		kind = kind % 6
	}
	switch {
	case kind == 0:
		return storage.Condition{}
	case kind < 6:
		column := rapid.SampledFrom(filterable).Draw(t, "column")
		op := rapid.SampledFrom([]storage.Op{storage.Equal, storage.Equal, storage.Equal, storage.In, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Null, storage.Prefix, storage.Contains}).Draw(t, "op")
		c := storage.Condition{Op: op, Column: column}
		if spec, _ := small.Column(column); (op == storage.Prefix || op == storage.Contains) && spec.Kind != storage.Text {
			c.Op = storage.Equal
		}
		n := 1
		switch op {
		case storage.In:
			n = rapid.IntRange(0, 4).Draw(t, "values")
		case storage.Null:
			n = 0
		}
		for range n {
			c.Values = append(c.Values, anyLeafValue(t, column))
		}
		return c
	}
	c := storage.Condition{Op: rapid.SampledFrom([]storage.Op{storage.And, storage.And, storage.Or, storage.Not}).Draw(t, "logic")}
	n := 1
	if c.Op != storage.Not {
		n = rapid.IntRange(0, 3).Draw(t, "of")
	}
	for range n {
		c.Of = append(c.Of, anyCondition(t, depth-1))
	}
	return c
}

func anyOrder(t *rapid.T) []storage.Order {
	columns := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"word", "number", "flag", "id", "version", "created", "updated"}), 0, 3, rapid.ID[string]).Draw(t, "order")
	var order []storage.Order
	for _, c := range columns {
		order = append(order, storage.Order{Column: c, Descending: rapid.Bool().Draw(t, "descending")})
	}
	return order
}

// expected gives what a query must, from all rows of the tenants.
func expected(rows []storage.Row, q storage.RowQuery) []storage.Row {
	place := func(r *storage.Row) storage.Position {
		p := storage.Position{Tenant: r.Tenant, ID: r.ID}
		for _, o := range q.Order {
			p.Values = append(p.Values, r.Value(small, o.Column))
		}
		return p
	}
	compare := func(a, b storage.Position) int {
		down := false
		for i, o := range q.Order {
			down = o.Descending
			if c := storage.Compare(a.Values[i], b.Values[i]); c != 0 {
				if down {
					return -c
				}
				return c
			}
		}
		c := cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ID, b.ID))
		if down {
			return -c
		}
		return c
	}
	var page []storage.Row
	for _, r := range rows {
		if q.Where.Match(func(c string) any { return r.Value(small, c) }) && (q.After == nil || compare(place(&r), *q.After) > 0) {
			page = append(page, r)
		}
	}
	slices.SortFunc(page, func(a, b storage.Row) int { return compare(place(&a), place(&b)) })
	if len(page) > q.Limit {
		page = page[:q.Limit]
	}
	if !q.Bodies {
		for i := range page {
			page[i].Body = nil
		}
	}
	return page
}

func expectedGroups(rows []storage.Row, where storage.Condition, by []string) []storage.Group {
	groups := []storage.Group{}
	for _, r := range rows {
		if !where.Match(func(c string) any { return r.Value(small, c) }) {
			continue
		}
		values := []any{}
		for _, c := range by {
			values = append(values, r.Value(small, c))
		}
		i := slices.IndexFunc(groups, func(g storage.Group) bool { return slices.Equal(g.Values, values) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, storage.Group{Values: values})
		}
		groups[i].Count++
	}
	slices.SortFunc(groups, func(a, b storage.Group) int { return slices.CompareFunc(a.Values, b.Values, storage.Compare) })
	if len(by) == 0 && len(groups) == 0 {
		groups = append(groups, storage.Group{Values: []any{}})
	}
	return groups
}

// Pages and counts of any filter and order, over one tenant or several, are what a search
// through all rows gives.
func TestQueriesAndCountsAgreeWithASearchThroughAllRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		ctx := context.Background()
		kept := map[storage.Tenant]map[storage.ID]storage.Row{}
		for range rapid.IntRange(0, 60).Draw(t, "writes") {
			tenant := storage.Tenant(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "in"))
			id := storage.ID(fmt.Sprintf("r%d", rapid.IntRange(0, 20).Draw(t, "row")))
			if kept[tenant] == nil {
				kept[tenant] = map[storage.ID]storage.Row{}
			}
			old, there := kept[tenant][id]
			require.NoError(t, s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				if there && rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					delete(kept[tenant], id)
					return tx.Delete(ctx, small, id, old.Version)
				}
				row := anyRow(t, id)
				row.Version = old.Version
				if err := tx.Put(ctx, small, &row); err != nil {
					return err
				}
				kept[tenant][id] = row
				return nil
			}))
		}
		tenants := [][]storage.Tenant{{"a"}, {"a"}, {"c", "a"}, {"b", "c", "a", "none"}}
		seen := rapid.SampledFrom(tenants).Draw(t, "tenants")
		var all []storage.Row
		for _, tenant := range seen {
			for _, r := range kept[tenant] {
				all = append(all, r)
			}
		}
		require.NoError(t, s.View(ctx, seen, func(ctx context.Context, r storage.Reader) error {
			for range 5 {
				q := storage.RowQuery{Where: anyCondition(t, 2), Order: anyOrder(t), Limit: rapid.IntRange(1, 9).Draw(t, "limit"), Bodies: rapid.Bool().Draw(t, "bodies")}
				if rapid.Bool().Draw(t, "resume") {
					q.After = &storage.Position{Tenant: storage.Tenant(anyLeafValue(t, "tenant").(string)), ID: storage.ID(anyLeafValue(t, "id").(string))}
					for _, o := range q.Order {
						v := anyLeafValue(t, o.Column)
						if o.Column == storage.ColumnID {
							v = string(q.After.ID)
						}
						q.After.Values = append(q.After.Values, v)
					}
				}
				got, err := r.Query(ctx, small, q)
				require.NoError(t, err)
				want := expected(all, q)
				require.Len(t, got, len(want), "%+v", q)
				for i := range want {
					require.Equal(t, want[i], got[i], "%+v", q)
				}
				by := rapid.SliceOfNDistinct(rapid.SampledFrom(filterable), 0, 3, rapid.ID).Draw(t, "by")
				groups, err := r.Count(ctx, small, q.Where, by)
				require.NoError(t, err)
				require.Equal(t, expectedGroups(all, q.Where, by), append([]storage.Group{}, groups...), "%+v by %v", q.Where, by)
			}
			return nil
		}))
	})
}
