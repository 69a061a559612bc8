package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"

	"github.com/itsmkit/itsmkit/storage"
)

// This file reads pages. An engine walks along an index as long as the columns before those of the
// order have one value each. A query over several tenants, or with an In on such a column, is therefore
// written as one branch for each value, as engines do not do so by themselves.

// Query implements [storage.Reader].
//
// A page is read along the index of its order. Where the columns of the order all have one
// direction, what follows a place is one range of that index. Otherwise it is several, one
// behind the other: first the rows that equal the place in all columns but the last run of one
// direction, then those that equal it in fewer. Each is a statement of its own, and mostly the
// first ones fill the page.
func (r *reader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := storage.CheckQuery(s, q); err != nil {
		return nil, err
	}
	t := r.s.table(s)
	terms := walk(q, r.tenants)
	rows := make([]storage.Row, 0, min(q.Limit, 128))
	sc := newScanner(t, q.Bodies)
	if q.After == nil {
		rows, err := r.page(ctx, sc, q, terms, 0, 0, rows)
		return rows, err
	}
	ranges := func(r *reader) (err error) {
		for to := len(terms); to > 0 && err == nil && len(rows) < q.Limit; {
			from := run(terms, to)
			rows, err = r.page(ctx, sc, q, terms, from, to, rows)
			to = from
		}
		return err
	}
	var err error
	if run(terms, len(terms)) == 0 {
		err = ranges(r)
	} else {
		err = r.whole(ctx, ranges)
	}
	return rows, err
}

// run gives where the terms of one direction begin that end before a place.
func run(terms []term, to int) (from int) {
	for from = to - 1; from > 0 && terms[from-1].Descending == terms[from].Descending; {
		from--
	}
	return from
}

// page reads one range of an order; from and to are equal when it is the whole order.
func (r *reader) page(ctx context.Context, sc *scanner, q storage.RowQuery, terms []term, from, to int, rows []storage.Row) ([]storage.Row, error) {
	st := r.s.d.statement()
	ordered := func() {
		st.write(" ORDER BY ")
		for i, t := range terms {
			if i > 0 {
				st.write(", ")
			}
			st.write(order(t.Order))
		}
		st.write(" LIMIT ", strconv.Itoa(q.Limit-len(rows)))
	}
	rowsOf := func(where storage.Condition, tenants func()) {
		if q.Bodies {
			st.write(sc.t.whole)
		} else {
			st.write(sc.t.heads)
		}
		st.write(" WHERE ")
		tenants()
		if where.Op != storage.All {
			st.write(" AND ")
			st.condition(sc.t.schema, where, false)
		}
		if from < to {
			st.after(terms, from, to)
		}
		ordered()
	}
	branches, ok := branchesOf(sc.t.schema, q, r.tenants)
	switch {
	case ok && len(branches) == 0:
		return rows, nil
	case ok:
		// A page of each, of which the first rows make the page: all but the last sort is along an index.
		for i, b := range branches {
			if len(branches) > 1 {
				if i > 0 {
					st.write(" UNION ALL ")
				}
				st.write("SELECT * FROM (")
			}
			rowsOf(b.where, func() { st.tenantIs([]storage.Tenant{b.tenant}) })
			if len(branches) > 1 {
				st.write(`) AS "b`, strconv.Itoa(i), `"`)
			}
		}
		if len(branches) > 1 {
			ordered()
		}
	case r.s.d.lateral:
		st.write(`SELECT "c".* FROM `).each(r.tenants).write(" CROSS JOIN LATERAL (")
		rowsOf(q.Where, func() { st.write(`"tenant" = "t"."column1"`) })
		st.write(`) AS "c"`)
		ordered()
	default:
		rowsOf(q.Where, func() { st.tenantIs(r.tenants) })
	}

	// The columns of many rows are one allocation.
	n := len(sc.t.schema.Columns())
	var room []any
	err := r.o.t.each(ctx, st.text.String(), st.args, func(found *sql.Rows) error {
		if len(room) < n {
			room = make([]any, n*min(max(len(rows), 8), 64, q.Limit-len(rows)))
		}
		columns := room[:n:n]
		room = room[n:]
		rows = append(rows, storage.Row{})
		return sc.scan(found, &rows[len(rows)-1], columns)
	})
	if err != nil {
		return nil, r.failed(ctx, "query", sc.t.schema.Name(), "", err)
	}
	return rows, nil
}

// maxBranches is the most branches that a page is put together of.
const maxBranches = 64

// branch is a part of a query: that of one tenant, and where an index then has the rows in order, that
// of one value of an In.
type branch struct {
	tenant storage.Tenant
	where  storage.Condition
}

// branchesOf gives the branches of a query, which have no row in common; not ok where there would be
// too many.
func branchesOf(s *storage.Schema, q storage.RowQuery, tenants []storage.Tenant) (branches []branch, ok bool) {
	if len(tenants) > maxBranches {
		return nil, false
	}
	for _, tenant := range tenants {
		where := q.Where
		if len(tenants) > 1 {
			where = given(where, tenant)
		}
		if nothing(where) {
			continue
		}
		for _, where := range split(s, where, q.Order) {
			branches = append(branches, branch{tenant, where})
		}
	}
	return branches, len(branches) <= maxBranches
}

// given is a condition on rows of a tenant, without what it says of the tenant.
func given(c storage.Condition, tenant storage.Tenant) storage.Condition {
	switch {
	case c.Op == storage.And || c.Op == storage.Or:
		of := make([]storage.Condition, 0, len(c.Of))
		for _, sub := range c.Of {
			sub = given(sub, tenant)
			everything := sub.Op == storage.All || sub.Op == storage.And && len(sub.Of) == 0
			switch {
			case c.Op == storage.And && everything, c.Op == storage.Or && nothing(sub):
				continue // it changes nothing
			case c.Op == storage.And && nothing(sub), c.Op == storage.Or && everything:
				return sub
			}
			of = append(of, sub)
		}
		if len(of) == 1 {
			return of[0]
		}
		return storage.Condition{Op: c.Op, Of: of}
	case c.Op == storage.Not:
		return storage.Condition{Op: storage.Not, Of: []storage.Condition{given(c.Of[0], tenant)}}
	case c.Column != storage.ColumnTenant || c.Op != storage.Equal && c.Op != storage.In:
		return c
	case slices.Contains(c.Values, any(string(tenant))):
		return storage.Condition{}
	}
	return storage.Condition{Op: storage.Or} // which holds nowhere
}

// nothing says that a condition holds nowhere, as far as its form tells.
func nothing(c storage.Condition) bool {
	return c.Op == storage.Or && len(c.Of) == 0 || c.Op == storage.In && len(c.Values) == 0
}

// conjuncts gives the conditions that must all hold.
func conjuncts(c storage.Condition, into []storage.Condition) []storage.Condition {
	switch {
	case c.Op == storage.All:
		return into
	case c.Op == storage.And, c.Op == storage.Or && len(c.Of) == 1:
		for _, sub := range c.Of {
			into = conjuncts(sub, into)
		}
		return into
	}
	return append(into, c)
}

// split gives a condition for each value of an In, where an index has the rows of each in order; else
// the condition itself.
func split(s *storage.Schema, where storage.Condition, order []storage.Order) []storage.Condition {
	parts := conjuncts(where, nil)
	var fixed []string
	for _, c := range parts {
		if c.Op == storage.Equal {
			fixed = append(fixed, c.Column)
		}
	}
	for i, c := range parts {
		if c.Op != storage.In || len(c.Values) < 2 || len(c.Values) > maxBranches || !serves(s, append(slices.Clip(fixed), c.Column), c.Column, order) {
			continue
		}
		var of []storage.Condition
		for n, v := range c.Values {
			if slices.Contains(c.Values[:n], v) {
				continue // a row must not be there twice
			}
			one := slices.Clone(parts)
			one[i] = storage.Condition{Op: storage.Equal, Column: c.Column, Values: []any{v}}
			of = append(of, storage.Condition{Op: storage.And, Of: one})
		}
		return of
	}
	return []storage.Condition{where}
}

// serves says whether an index begins with columns that are fixed, of which one is the column, and goes
// on with the order, in its direction or the other.
func serves(s *storage.Schema, fixed []string, column string, order []storage.Order) bool {
	for _, ix := range s.Indexes() {
		n := 0
		for n < len(ix.Columns) && slices.Contains(fixed, ix.Columns[n].Column) {
			n++
		}
		rest := ix.Columns[n:]
		names := func(o storage.Order) bool { return o.Column == column }
		if !slices.ContainsFunc(ix.Columns[:n], names) || len(rest) != len(order) {
			continue
		}
		along, against := true, true
		for i, o := range order {
			along = along && rest[i] == o
			against = against && rest[i].Column == o.Column && rest[i].Descending != o.Descending
		}
		if along || against {
			return true
		}
	}
	return false
}
