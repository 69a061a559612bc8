package storagetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// resolving gives a condition for the rows of each tenant, with the ids in it that other rows name.
func resolving(ctx context.Context, r storage.Reader, where storage.Condition) (func(storage.Tenant) storage.Condition, error) {
	return resolvingBy(ctx, r, where, namingIn)
}

func resolvingBy(ctx context.Context, r storage.Reader, where storage.Condition, condition conditionIn) (func(storage.Tenant) storage.Condition, error) {
	found := map[*storage.Reference][]storage.Row{}
	var failed error
	rewritten(where, func(c storage.Condition) storage.Condition {
		if c.Op == storage.Named && failed == nil {
			found[c.By], failed = namingRows(ctx, r, c.By)
		}
		return c
	})
	return func(tenant storage.Tenant) storage.Condition {
		return rewritten(where, func(c storage.Condition) storage.Condition {
			if c.Op != storage.Named {
				return c
			}
			return condition(tenant, c.By, found[c.By])
		})
	}, failed
}

func namingRows(ctx context.Context, r storage.Reader, by *storage.Reference) ([]storage.Row, error) {
	return r.Query(ctx, by.Schema, storage.RowQuery{Where: by.Where, Limit: storage.MaxLimit})
}

// conditionIn is the condition that some of the rows of a reference make, for rows of the tenant.
type conditionIn = func(tenant storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition

// namingIn is the condition that those of the rows that are of the tenant name the id.
func namingIn(tenant storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition {
	c := naming(by, slices.DeleteFunc(slices.Clone(rows), func(r storage.Row) bool { return r.Tenant != tenant }))
	slices.SortFunc(c.Values, storage.Compare)
	c.Values = slices.Compact(c.Values)
	c.Values = slices.DeleteFunc(c.Values, func(v any) bool { return v == "" })
	return c
}

// references makes a store that finds out by itself what is named: named says it of each tenant.
func references(named func(ctx context.Context, s storage.Store, r storage.Reader, by *storage.Reference) (func(storage.Tenant) storage.Condition, error)) func(storage.Store) faults {
	return func(s storage.Store) faults {
		ask := func(ctx context.Context, r storage.Reader, c storage.Condition) (storage.Condition, error) {
			if c.Matchable() {
				return c, nil
			}
			in := map[*storage.Reference]func(storage.Tenant) storage.Condition{}
			var failed error
			rewritten(c, func(c storage.Condition) storage.Condition {
				if c.Op == storage.Named && failed == nil {
					in[c.By], failed = named(ctx, s, r, c.By)
				}
				return c
			})
			if failed != nil {
				return c, failed
			}
			any := storage.Condition{Op: storage.Or}
			for _, tenant := range r.Tenants() {
				any.Of = append(any.Of, and(where(storage.Equal, "tenant", string(tenant)), rewritten(c, func(c storage.Condition) storage.Condition {
					if c.Op == storage.Named {
						return in[c.By](tenant)
					}
					return c
				})))
			}
			return any, nil
		}
		return faults{
			query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
				if err = storage.CheckQuery(sch, q); err != nil {
					return nil, err
				}
				if q.Where, err = ask(ctx, r, q.Where); err != nil {
					return nil, err
				}
				return r.Query(ctx, sch, q)
			},
			count: func(ctx context.Context, r storage.Reader, sch *storage.Schema, c storage.Condition, by []string) (groups []storage.Group, err error) {
				if err = storage.CheckCount(sch, c, by); err != nil {
					return nil, err
				}
				if c, err = ask(ctx, r, c); err != nil {
					return nil, err
				}
				return r.Count(ctx, sch, c, by)
			},
		}
	}
}

type (
	conditionOf = func(storage.Tenant) storage.Condition
	rowsOf      = func(ctx context.Context, s storage.Store, r storage.Reader, by *storage.Reference) ([]storage.Row, error)
)

// rowsNaming makes a store by the rows that name.
func rowsNaming(rows rowsOf) func(storage.Store) faults {
	return references(func(ctx context.Context, s storage.Store, r storage.Reader, by *storage.Reference) (conditionOf, error) {
		found, err := rows(ctx, s, r, by)
		return func(tenant storage.Tenant) storage.Condition { return namingIn(tenant, by, found) }, err
	})
}

// namedWrongly makes a store that reads the rows rightly and takes them wrongly.
func namedWrongly(condition conditionIn) func(storage.Store) faults {
	return references(func(ctx context.Context, _ storage.Store, r storage.Reader, by *storage.Reference) (conditionOf, error) {
		rows, err := namingRows(ctx, r, by)
		return func(tenant storage.Tenant) storage.Condition { return condition(tenant, by, rows) }, err
	})
}

var namedMutants = []mutant{
	{"any row names, whatever its condition", []string{"Named/rows are named by those that meet the condition", "Named/counts of what is named", modelTest},
		rowsNaming(func(ctx context.Context, _ storage.Store, r storage.Reader, by *storage.Reference) ([]storage.Row, error) {
			return namingRows(ctx, r, &storage.Reference{Schema: by.Schema, Column: by.Column})
		})},
	{"every row is named", []string{"Named/a table without rows names nothing", "Named/pages of what is named", "Named/as many references as a condition may have", modelTest},
		namedWrongly(func(storage.Tenant, *storage.Reference, []storage.Row) storage.Condition { return storage.Condition{} })},
	{"no row is named", []string{"Named/a table may name its own rows", "Named/more are named than a condition may have values", "Named/references and values in many tenants", modelTest},
		namedWrongly(func(storage.Tenant, *storage.Reference, []storage.Row) storage.Condition { return or() })},
	{"rows of any tenant that is read name", []string{"Named/in each of several tenants its own rows are named", modelTest},
		namedWrongly(func(_ storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition {
			return naming(by, rows)
		})},
	{"rows of every tenant name", []string{"Named/rows of another tenant name nothing"},
		references(func(ctx context.Context, s storage.Store, r storage.Reader, by *storage.Reference) (conditionOf, error) {
			rows, err := namingRows(ctx, r, by)
			if err == nil {
				err = s.View(context.Background(), []storage.Tenant{umbra}, func(ctx context.Context, r storage.Reader) error {
					more, err := namingRows(ctx, r, by)
					rows = append(rows, more...)
					return err
				})
			}
			return func(storage.Tenant) storage.Condition { return naming(by, rows) }, err
		})},
	{"only the first tenant's rows are named", []string{"Named/in each of several tenants its own rows are named", modelTest},
		references(func(ctx context.Context, _ storage.Store, r storage.Reader, by *storage.Reference) (conditionOf, error) {
			rows, err := namingRows(ctx, r, by)
			return func(tenant storage.Tenant) storage.Condition {
				if tenant != r.Tenants()[0] {
					return or()
				}
				return namingIn(tenant, by, rows)
			}, err
		})},
	{"ids are named without case", []string{"Named/what is no row's id names nothing, byte by byte", modelTest},
		namedWrongly(func(tenant storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition {
			c := namingIn(tenant, by, rows)
			for _, v := range c.Values {
				c.Values = append(c.Values, strings.ToLower(v.(string)), strings.ToUpper(v.(string)))
			}
			return c
		})},
	{"ids are named without trailing spaces", []string{"Named/what is no row's id names nothing, byte by byte", modelTest},
		namedWrongly(func(tenant storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition {
			c := namingIn(tenant, by, rows)
			for _, v := range c.Values {
				c.Values = append(c.Values, strings.TrimRight(v.(string), " "))
			}
			return c
		})},
	{"a NULL names what is not known", []string{"Named/NULL names nothing, and its Not has all others"}, nullNames},
	{"a condition on the rows that name reads those that are named", []string{"Named/a condition on the rows that name is on them alone", "Named/a table may name its own rows", modelTest},
		references(func(ctx context.Context, _ storage.Store, r storage.Reader, by *storage.Reference) (conditionOf, error) {
			// Names that both tables have are taken for those of the rows that are named.
			own := map[string]bool{}
			rows, err := namingRows(ctx, r, &storage.Reference{Schema: by.Schema, Column: by.Column, Where: rewritten(by.Where, func(c storage.Condition) storage.Condition {
				if _, both := tickets.Column(c.Column); both {
					own[c.Column] = true
					return storage.Condition{}
				}
				return c
			})})
			return func(tenant storage.Tenant) storage.Condition {
				return and(namingIn(tenant, by, rows), rewritten(by.Where, func(c storage.Condition) storage.Condition {
					if c.Column != "" && !own[c.Column] {
						return storage.Condition{}
					}
					return c
				}))
			}, err
		})},
	{"what names is read of what is committed", []string{"Named/what is named is read with the unit's own writes", modelTest},
		rowsNaming(func(ctx context.Context, s storage.Store, r storage.Reader, by *storage.Reference) (rows []storage.Row, err error) {
			if _, ok := r.(storage.Tx); !ok {
				return namingRows(ctx, r, by)
			}
			err = s.View(context.Background(), r.Tenants(), func(ctx context.Context, r storage.Reader) error {
				rows, err = namingRows(ctx, r, by)
				return err
			})
			return rows, err
		})},
	{"what names is read of now", []string{"Named/what is named is of the moment of the view"},
		rowsNaming(func(ctx context.Context, s storage.Store, r storage.Reader, by *storage.Reference) (rows []storage.Row, err error) {
			err = s.View(context.Background(), r.Tenants(), func(ctx context.Context, r storage.Reader) error {
				rows, err = namingRows(ctx, r, by)
				return err
			})
			return rows, err
		})},
	{"what was named once is named for ever", []string{"Named/what is changed or gone names no more"}, func(s storage.Store) faults {
		known := map[*storage.Reference][]storage.Row{}
		return rowsNaming(func(ctx context.Context, _ storage.Store, r storage.Reader, by *storage.Reference) (rows []storage.Row, err error) {
			if rows, ok := known[by]; ok {
				return rows, nil
			}
			known[by], err = namingRows(ctx, r, by)
			return known[by], err
		})(s)
	}},
	{"a hundred are named", []string{"Named/more are named than a condition may have values"},
		namedWrongly(func(tenant storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition {
			c := namingIn(tenant, by, rows)
			c.Values = c.Values[:min(len(c.Values), 100)]
			return c
		})},
	{"what is named twice is counted twice", []string{"Named/counts of what is named"}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, c storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, c, by)
			if err != nil || c.Op != storage.Named || len(by) > 0 {
				return groups, err
			}
			rows, err := namingRows(ctx, r, c.By)
			return []storage.Group{{Values: []any{}, Count: int64(len(rows))}}, err
		}}
	}},
	{"what is not named is not looked at", []string{"Named/And, Or and Not of what is named", modelTest}, func(s storage.Store) faults {
		drop := func(c storage.Condition) storage.Condition {
			return rewritten(c, func(c storage.Condition) storage.Condition {
				if c.Op == storage.Not && c.Of[0].Op == storage.Named {
					return storage.Condition{}
				}
				return c
			})
		}
		return faults{
			query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
				if err := storage.CheckQuery(sch, q); err != nil {
					return nil, err
				}
				q.Where = drop(q.Where)
				return r.Query(ctx, sch, q)
			},
		}
	}},
	{"references within references are dropped", []string{"Input/a query that does not fit its table is invalid"}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Where = rewritten(q.Where, func(c storage.Condition) storage.Condition {
				if c.By != nil && c.By.Schema != nil && !c.By.Where.Matchable() {
					return storage.Condition{}
				}
				return c
			})
			return r.Query(ctx, s, q)
		}}
	}},
}

// nullNames reads what is named as SQL's NOT IN does where there is a NULL among the ids: it is not
// known whether it is another one.
func nullNames(storage.Store) faults {
	return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
		each, limit := q.Where, q.Limit
		if each.Matchable() {
			return r.Query(ctx, s, q)
		}
		q.Where, q.Limit = storage.Condition{}, storage.MaxLimit
		rows, err := r.Query(ctx, s, q)
		if err != nil {
			return nil, err
		}
		read, err := resolvingBy(ctx, r, each, func(tenant storage.Tenant, by *storage.Reference, rows []storage.Row) storage.Condition {
			c := namingIn(tenant, by, rows)
			for _, row := range rows {
				if row.Tenant == tenant && row.Value(by.Schema, by.Column) == nil {
					return or(c, where(storage.Equal, "a column of NULL", "a"))
				}
			}
			return c
		})
		rows = slices.DeleteFunc(rows, func(row storage.Row) bool {
			v := threeValued(read(row.Tenant), func(column string) any { return row.Value(s, column) })
			return v == nil || !*v
		})
		return rows[:min(len(rows), limit)], err
	}}
}

// The mutants are made of a store that finds out by itself what is named. When it does so rightly,
// the cases find nothing.
func TestMutantsOfWhatIsNamedHaveTheOneFault(t *testing.T) {
	for name, right := range map[string]func(storage.Store) faults{
		"by rows": rowsNaming(func(ctx context.Context, _ storage.Store, r storage.Reader, by *storage.Reference) ([]storage.Row, error) {
			return namingRows(ctx, r, by)
		}),
		"by query": queryBy(holds),
	} {
		open := func() storage.Store {
			s := memory.New()
			return &faulty{s, right(s)}
		}
		for _, c := range namedCases {
			switch c.name {
			case "more are named than a condition may have values", "as many references as a condition may have", "references and values in many tenants":
				continue // more than the rewritten condition may have
			}
			require.Empty(t, record(c.name, time.Minute, func(r *recorder) { c.start(r, open) }), "%s: %s", name, c.name)
		}
	}
}
