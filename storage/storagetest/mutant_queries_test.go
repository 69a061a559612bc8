package storagetest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of queries, pages, counts and added columns.

var queryMutants = []mutant{
	{"a Not of three values", []string{"Queries/a comparison with NULL does not hold and its Not does", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		v := threeValued(c, get)
		return v != nil && *v
	})},
	{"In of nothing holds everywhere", []string{"Queries/In of nothing holds nowhere", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			if c.Op == storage.In && len(c.Values) == 0 {
				return storage.Condition{}
			}
			return c
		}), get)
	})},
	{"Or of nothing holds everywhere", []string{"Queries/And and Or of nothing", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			if c.Op == storage.Or && len(c.Of) == 0 {
				return storage.Condition{}
			}
			return c
		}), get)
	})},
	{"AtMost is Below", []string{"Queries/every comparison on every kind", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			if c.Op == storage.AtMost {
				c.Op = storage.Below
			}
			return c
		}), get)
	})},
	{"a prefix is a LIKE pattern", []string{"Queries/a prefix is compared byte by byte", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		if c.Op == storage.Prefix {
			text, ok := get(c.Column).(string)
			return ok && like(text, c.Values[0].(string)+"%")
		}
		return holds(c, get)
	})},
	{"a prefix ends at the greatest code point", []string{"Queries/a prefix with the greatest code points"}, queryBy(func(c storage.Condition, get func(string) any) bool {
		if c.Op == storage.Prefix {
			text, ok := get(c.Column).(string)
			return ok && text >= c.Values[0].(string) && text < c.Values[0].(string)+"\U0010ffff"
		}
		return holds(c, get)
	})},
	{"a text is found in its own case alone", []string{"Queries/a text is found anywhere, with A to Z as a to z"}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return contains(c, get, func(s string) string { return s })
	})},
	{"a text is found in every case of every alphabet", []string{"Queries/a text is found anywhere, with A to Z as a to z"}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return contains(c, get, strings.ToLower)
	})},
	{"a text is looked for by a LIKE pattern", []string{"Queries/a text is found anywhere, with A to Z as a to z"}, queryBy(func(c storage.Condition, get func(string) any) bool {
		if c.Op == storage.Contains {
			text, ok := get(c.Column).(string)
			return ok && like(asciiLower(text), "%"+asciiLower(c.Values[0].(string))+"%")
		}
		return holds(c, get)
	})},
	{"heads with bodies", []string{"Queries/a query of heads has no bodies", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Bodies = true
			return r.Query(ctx, s, q)
		}}
	}},
	{"bodies that are not given", []string{"Queries/a query of heads has no bodies", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Bodies = false
			return r.Query(ctx, s, q)
		}}
	}},
	{"a page drops ties", []string{"Pages/ties across pages are on exactly one", "Pages/every order on pages of every size", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			if q.After != nil && len(q.Order) > 0 {
				rows = slices.DeleteFunc(rows, func(row storage.Row) bool {
					return slices.Equal(position(s, row, q.Order).Values, q.After.Values)
				})
			}
			return rows, err
		}}
	}},
	{"a page repeats ties", []string{"Pages/ties across pages are on exactly one", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if q.After != nil && len(q.Order) > 0 {
				after := *q.After
				after.ID = ""
				if q.Order[len(q.Order)-1].Descending {
					after.ID = "\U0010ffff"
				}
				q.After = &after
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"ties always stand upward", []string{"Pages/ties stand by id in the direction of the last column", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if n := len(q.Order); n > 0 && n < 4 && q.Order[n-1].Descending && !slices.ContainsFunc(q.Order, func(o storage.Order) bool { return o.Column == "id" }) {
				q.Order = append(slices.Clone(q.Order), asc("id"))
				if q.After != nil {
					after := *q.After
					after.Values = append(slices.Clone(after.Values), string(after.ID))
					q.After = &after
				}
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"ties stand without the tenant", []string{"Pages/ties across tenants stand by tenant and id"}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			if len(q.Order) == 0 {
				slices.SortStableFunc(rows, func(a, b storage.Row) int { return cmp.Compare(a.ID, b.ID) })
			}
			return rows, err
		}}
	}},
	{"only the first order counts", []string{"Pages/every order on pages of every size", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if len(q.Order) > 1 {
				q.Order = q.Order[:1]
				if q.After != nil {
					after := *q.After
					after.Values = after.Values[:1]
					q.After = &after
				}
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"every column has the first's direction", []string{"Pages/every order on pages of every size", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Order = slices.Clone(q.Order)
			for i := range q.Order {
				q.Order[i].Descending = q.Order[0].Descending
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"pages are offsets", []string{"Pages/rows inserted and changed during paging disturb no other", "Pages/a page goes on after a row that is gone"}, func(storage.Store) faults {
		read := 0
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if q.After == nil {
				read = 0
			}
			limit := q.Limit
			q.After, q.Limit = nil, storage.MaxLimit
			rows, err := r.Query(ctx, s, q)
			rows = rows[min(read, len(rows)):]
			rows = rows[:min(limit, len(rows))]
			read += len(rows)
			return rows, err
		}}
	}},
	{"the condition is met after the limit", []string{"Pages/each page has the condition", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			where := q.Where
			q.Where = storage.Condition{}
			rows, err := r.Query(ctx, s, q)
			if err != nil {
				return nil, err
			}
			read, err := resolving(ctx, r, where)
			return slices.DeleteFunc(rows, func(row storage.Row) bool {
				return !holds(read(row.Tenant), func(column string) any { return row.Value(s, column) })
			}), err
		}}
	}},
	{"no group for nothing", []string{"Counts/without columns there is one group, of zero too", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			return slices.DeleteFunc(groups, func(g storage.Group) bool { return g.Count == 0 }), err
		}}
	}},
	{"groups in no order", []string{"Counts/groups are in the order of their values", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			slices.SortStableFunc(groups, func(a, b storage.Group) int { return -cmp.Compare(a.Count, b.Count) })
			slices.Reverse(groups)
			return groups, err
		}}
	}},
	{"NULL is the last group", []string{"Counts/NULL is a group of its own and the first", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			if len(groups) > 1 && len(by) > 0 && groups[0].Values[0] == nil {
				groups = append(groups[1:], groups[0])
			}
			return groups, err
		}}
	}},
	{"NULL is not counted", []string{"Counts/NULL is a group of its own and the first", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			return slices.DeleteFunc(groups, func(g storage.Group) bool { return slices.Contains(g.Values, nil) }), err
		}}
	}},
	{"a row has the layout it is read with", []string{"Schemas/a row has the layout of the schema it was put through"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			row.Layout = s.Layout()
			return row, err
		}}
	}},
	{"columns are found by their places", []string{"Schemas/the order of columns does not matter"}, func(storage.Store) faults {
		put := map[storage.ID][]any{}
		return faults{
			put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
				put[row.ID] = slices.Clone(row.Columns)
				return tx.Put(ctx, s, row)
			},
			get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
				row, err := r.Get(ctx, s, tenant, id)
				row.Columns = make([]any, len(s.Columns()))
				copy(row.Columns, put[id])
				return row, err
			},
		}
	}},
	{"added columns have no zero", []string{"Schemas/rows put before a column was added have NULL or the zero of its kind"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			for i, v := range row.Columns {
				if v == "" || v == int64(0) {
					row.Columns[i] = nil
				}
			}
			return row, err
		}}
	}},

	{"a put clears what its schema does not know", []string{"Schemas/a put leaves the columns that its schema does not know"}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if s == assets && row.Version > 0 {
				whole := newRow(grown, row.ID, "title", row.Columns[0], "balance", row.Columns[1])
				whole.Version, whole.Body = row.Version, row.Body
				return tx.Put(ctx, grown, &whole)
			}
			return tx.Put(ctx, s, row)
		}}
	}},
	{"pages of at most a hundred", []string{"Pages/a page has at most its limit"}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Limit = min(q.Limit, 100)
			return r.Query(ctx, s, q)
		}}
	}},
	{"a page begins with its place", []string{"Pages/a page goes on after a place where no row ever was", "Pages/without an order rows are in the order of their ids", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if q.After != nil && q.After.ID != "" {
				after := *q.After
				after.ID = after.ID[:len(after.ID)-1]
				q.After = &after
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"In takes the first 999 values", []string{"Queries/In of many values"}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			slices.Reverse(c.Values)
			c.Values = c.Values[:min(len(c.Values), 999)]
			return c
		}), get)
	})},
	{"a query sorts what it is given", []string{"Queries/a query does not change its arguments"}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			slices.SortFunc(q.Order, func(a, b storage.Order) int { return strings.Compare(b.Column, a.Column) })
			return rows, err
		}}
	}},
}

// queryBy makes a query of its own reading of conditions.
func queryBy(match func(c storage.Condition, get func(string) any) bool) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			where := q.Where
			limit := q.Limit
			q.Where, q.Limit = storage.Condition{}, storage.MaxLimit
			rows, err := r.Query(ctx, s, q)
			if err != nil {
				return nil, err
			}
			read, err := resolving(ctx, r, where)
			rows = slices.DeleteFunc(rows, func(row storage.Row) bool {
				return !match(read(row.Tenant), func(column string) any { return row.Value(s, column) })
			})
			return rows[:min(len(rows), limit)], err
		}}
	}
}

// orderBy makes a query whose first column of text is compared in another way.
func orderBy(compare func(a, b string) int) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			if len(q.Order) > 0 {
				slices.SortStableFunc(rows, func(a, b storage.Row) int {
					x, ok := a.Value(s, q.Order[0].Column).(string)
					y, _ := b.Value(s, q.Order[0].Column).(string)
					d := compare(x, y)
					if !ok || q.Order[0].Descending {
						d = -d
					}
					return d
				})
			}
			return rows, err
		}}
	}
}

// threeValued reads a condition as SQL does: true, false or unknown (nil).
func threeValued(c storage.Condition, get func(string) any) *bool {
	known := func(b bool) *bool { return &b }
	switch c.Op {
	case storage.Not:
		if v := threeValued(c.Of[0], get); v != nil {
			return known(!*v)
		}
		return nil
	case storage.And, storage.Or:
		unknown := false
		for _, sub := range c.Of {
			v := threeValued(sub, get)
			if v == nil {
				unknown = true
			} else if *v == (c.Op == storage.Or) {
				return v
			}
		}
		if unknown {
			return nil
		}
		return known(c.Op == storage.And)
	case storage.All, storage.Null:
		return known(holds(c, get))
	}
	if get(c.Column) == nil {
		return nil
	}
	return known(holds(c, get))
}

// like matches as an unescaped LIKE does.
// contains evaluates Contains by texts that are folded in another way, where the condition is one.
func contains(c storage.Condition, get func(string) any, fold func(string) string) bool {
	if c.Op != storage.Contains {
		return holds(c, get)
	}
	text, ok := get(c.Column).(string)
	return ok && strings.Contains(fold(text), fold(c.Values[0].(string)))
}

func like(text, pattern string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '%' {
		return like(text, pattern[1:]) || text != "" && like(text[1:], pattern)
	}
	return text != "" && (pattern[0] == '_' || pattern[0] == text[0]) && like(text[1:], pattern[1:])
}
