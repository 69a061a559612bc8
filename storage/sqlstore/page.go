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
// direction, then those that equal it in fewer.
func (r *reader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := storage.CheckQuery(s, q); err != nil {
		return nil, err
	}
	p := &page{reader: r, sc: newScanner(r.s.table(s), q.Bodies), q: q, terms: walk(q, r.tenants), rows: make([]storage.Row, 0, min(q.Limit, 128))}
	ranges := []reach{{}}
	if q.After != nil {
		ranges = ranges[:0]
		for to := len(p.terms); to > 0; to = ranges[len(ranges)-1].from {
			ranges = append(ranges, reach{run(p.terms, to), to})
		}
	}
	var err error
	switch branches, args, ok := branchesOf(s, q, r.tenants); {
	case ok && len(branches) == 0:
	case ok && (args+len(branches)*(1+len(p.terms)))*len(ranges) <= maxArguments:
		err = p.read(ctx, branches, ranges)
	default:
		// Too much for one statement: one for each range, and mostly the first ones fill the page.
		err = r.whole(ctx, func(r *reader) error {
			p.reader = r
			for _, x := range ranges {
				if len(p.rows) == q.Limit {
					break
				}
				if err := p.read(ctx, nil, []reach{x}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return p.rows, nil
}

// page is a page that is being read.
type page struct {
	*reader
	sc    *scanner
	q     storage.RowQuery
	terms []term
	rows  []storage.Row
}

// reach is a range of an order: what follows the place in terms[from:to]. Where both are equal it is
// the whole order.
type reach struct{ from, to int }

// run gives where the terms of one direction begin that end before a place.
func run(terms []term, to int) (from int) {
	for from = to - 1; from > 0 && terms[from-1].Descending == terms[from].Descending; {
		from--
	}
	return from
}

// read adds to the page the first rows of the ranges in the branches; no branches stand for the query as
// it is, over all its tenants.
func (r *page) read(ctx context.Context, branches []branch, ranges []reach) error {
	st := r.s.d.statement()
	ordered := func(terms []term) {
		st.write(" ORDER BY ")
		for i, t := range terms {
			if i > 0 {
				st.write(", ")
			}
			st.write(order(t.Order))
		}
		st.write(" LIMIT ", strconv.Itoa(r.q.Limit-len(r.rows)))
	}
	rowsOf := func(where storage.Condition, x reach, of []storage.Tenant, tenants func()) {
		if r.q.Bodies {
			st.write(r.sc.t.whole)
		} else {
			st.write(r.sc.t.heads)
		}
		terms := r.terms
		if st.d.rowsApart && len(of) == 1 {
			st.write(r.force(where))
			// The one tenant is no order, and a planner that does not see it would sort.
			terms = slices.DeleteFunc(slices.Clone(terms), func(t term) bool { return t.Column == storage.ColumnTenant })
		}
		st.write(" WHERE ")
		tenants()
		if where.Op != storage.All {
			st.write(" AND ")
			r.filter(st, r.sc.t.schema, of, where)
		}
		switch {
		case x.from < x.to && len(terms) < len(r.terms):
			st.afterOf(of[0], r.terms, x.from, x.to)
		case x.from < x.to:
			st.after(r.terms, x.from, x.to, false)
		}
		ordered(terms)
	}
	switch parts := len(branches) * len(ranges); {
	case parts == 1:
		of := []storage.Tenant{branches[0].tenant}
		rowsOf(branches[0].where, ranges[0], of, func() { st.tenantIs(of) })
	case parts > 1:
		// A page of each, of which the first rows make the page: all but the last sort is along an index.
		between := ""
		for i, b := range branches {
			for j, x := range ranges {
				st.write(between, "SELECT * FROM (")
				of := []storage.Tenant{b.tenant}
				rowsOf(b.where, x, of, func() { st.tenantIs(of) })
				st.write(`) AS "b`, strconv.Itoa(i*len(ranges)+j), `"`)
				between = " UNION ALL "
			}
		}
		ordered(r.terms)
	case r.s.d.lateral && len(r.tenants) > 1:
		st.write(`SELECT "c".* FROM `).each(r.tenants).write(" CROSS JOIN LATERAL (")
		rowsOf(r.q.Where, ranges[0], r.tenants, func() { st.write(`"tenant" = "t"."column1"`) })
		st.write(`) AS "c"`)
		ordered(r.terms)
	default:
		rowsOf(r.q.Where, ranges[0], r.tenants, func() { st.tenantIs(r.tenants) })
	}

	// The columns of many rows are one allocation.
	n := len(r.sc.t.schema.Columns())
	var room []any
	err := r.o.t.each(ctx, st.string(), st.args, func(found *sql.Rows) error {
		if len(room) < n {
			room = make([]any, n*min(max(len(r.rows), 8), 64, r.q.Limit-len(r.rows)))
		}
		columns := room[:n:n]
		room = room[n:]
		r.rows = append(r.rows, storage.Row{})
		return r.sc.scan(found, &r.rows[len(r.rows)-1], columns)
	})
	if err != nil {
		return r.failed(ctx, "query", r.sc.t.schema.Name(), "", err)
	}
	return nil
}

// force names the index along which the rows of a condition stand in the order asked for, where its columns
// are those that the condition fixes, followed by those of the order: a planner that takes another, as it
// thinks that there are few rows, sorts them for each page.
func (r *page) force(where storage.Condition) string {
	var fixed []string
	for _, c := range conjuncts(where, nil) {
		if c.Op == storage.Equal && c.Column != storage.ColumnTenant && !slices.Contains(fixed, c.Column) {
			fixed = append(fixed, c.Column)
		}
	}
	if len(r.q.Order) == 0 {
		if force, picks := r.picks(where, fixed); picks {
			return force // along the index of the order all others would be read and thrown away
		}
	}
	if len(fixed) == 0 && len(r.q.Order) == 0 {
		return " FORCE INDEX (PRIMARY)"
	}
	for i, ix := range r.sc.t.schema.Indexes() {
		if len(ix.Columns) == len(fixed)+len(r.q.Order) && !ix.Unique && along(ix, len(fixed), fixed, r.q.Order) {
			return " FORCE INDEX (" + quote(r.sc.t.indexes[i].name) + ")"
		}
	}
	return ""
}

// finds gives the name of an index that finds the rows in which a column has given values, after columns that are fixed.
func (r *page) finds(c storage.Condition, fixed []string) (name string, ok bool) {
	if c.Op != storage.In && c.Op != storage.Equal {
		return "", false
	}
	for i, ix := range r.sc.t.schema.Indexes() {
		for _, o := range ix.Columns {
			if o.Column == c.Column {
				return r.sc.t.indexes[i].name, true
			}
			if !slices.Contains(fixed, o.Column) {
				break
			}
		}
	}
	return "", false
}

// picks says whether a condition names rows by values that an index finds: one of several values of a column, or one of several
// columns. Whoever names many values looks rows up, and the index of these is named then: a planner may think that it finds them
// soon enough in the order of the page.
func (r *page) picks(where storage.Condition, fixed []string) (force string, picks bool) {
	all := conjuncts(where, nil)
	if slices.ContainsFunc(all, func(c storage.Condition) bool { return c.Op == storage.In && c.Column == storage.ColumnID }) {
		return " FORCE INDEX (PRIMARY)", true // each is one row at most
	}
	for _, c := range all {
		if name, ok := r.finds(c, fixed); ok && c.Op == storage.In {
			return " FORCE INDEX (" + quote(name) + ")", true
		}
		found := func(c storage.Condition) bool { _, ok := r.finds(c, fixed); return ok }
		if c.Op == storage.Or && len(c.Of) > 0 && !slices.ContainsFunc(c.Of, func(one storage.Condition) bool { return !slices.ContainsFunc(conjuncts(one, nil), found) }) {
			return "", true
		}
	}
	return "", false
}

// A page is put together of at most maxBranches branches, and for each tenant of at most maxValues: each
// of them costs a page where its value has as many rows.
const (
	maxBranches = 64
	maxValues   = 16
)

// branch is a part of a query: that of one tenant, and where an index then has the rows in order, that
// of one value of an In.
type branch struct {
	tenant storage.Tenant
	where  storage.Condition
}

// branchesOf gives the branches of a query, which have no row in common, and how many arguments their
// conditions have; not ok where there are too many tenants.
func branchesOf(s *storage.Schema, q storage.RowQuery, tenants []storage.Tenant) (branches []branch, args int, ok bool) {
	if len(tenants) > maxBranches {
		return nil, 0, false
	}
	var fine []branch // also by value
	for _, tenant := range tenants {
		where := q.Where
		if len(tenants) > 1 {
			where = given(where, tenant)
		}
		if nothing(where) {
			continue
		}
		branches = append(branches, branch{tenant, where})
		for _, where := range split(s, where, q.Order) {
			fine = append(fine, branch{tenant, where})
		}
	}
	if count := argumentsOf(fine); len(fine) <= maxBranches && count <= maxArguments {
		return fine, count, true
	}
	return branches, argumentsOf(branches), true
}

func argumentsOf(branches []branch) (n int) {
	for _, b := range branches {
		n += arguments(b.where)
	}
	return n
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
		if c.Op != storage.In || len(c.Values) < 2 || len(c.Values) > maxValues || !serves(s, append(slices.Clip(fixed), c.Column), c.Column, order) {
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
		names := func(o storage.Order) bool { return o.Column == column }
		if slices.ContainsFunc(ix.Columns[:n], names) && along(ix, n, fixed, order) {
			return true
		}
	}
	return false
}

// along says whether the first columns of an index, so many, are among those that are fixed, and what
// follows them is the order, in its direction or the other.
func along(ix storage.Index, n int, fixed []string, order []storage.Order) bool {
	rest := ix.Columns[n:]
	if len(rest) != len(order) {
		return false
	}
	for _, o := range ix.Columns[:n] {
		if !slices.Contains(fixed, o.Column) {
			return false
		}
	}
	along, against := true, true
	for i, o := range order {
		along = along && rest[i] == o
		against = against && rest[i].Column == o.Column && rest[i].Descending != o.Descending
	}
	return along || against
}
