package sqlstore

import (
	"slices"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/storage"
)

// Literals that every engine has for a condition that holds everywhere or nowhere.
const (
	always = "1 = 1"
	never  = "1 = 0"
)

// tenantIs adds the fence around the tenants.
func (st *statement) tenantIs(tenants []storage.Tenant) *statement { //nolint:unparam // it reads in a chain, as its sisters do
	st.write(quote(storage.ColumnTenant))
	if len(tenants) == 1 {
		return st.write(" = ").arg(string(tenants[0]))
	}
	st.write(" IN ")
	values := make([]any, len(tenants))
	for i, t := range tenants {
		values[i] = string(t)
	}
	return st.tuple(values...)
}

// each adds the tenants as the table t, for a lateral subquery of each.
func (st *statement) each(tenants []storage.Tenant) *statement {
	st.write("(VALUES ")
	for i, t := range tenants {
		if i > 0 {
			st.write(", ")
		}
		st.write("(CAST(").arg(string(t)).write(" AS TEXT))")
	}
	return st.write(`) AS "t"`)
}

// filter adds the condition of a query to its statement.
type filter struct {
	*statement
	core   *core
	schema *storage.Schema
	// tenants are those that the rows which are asked for are of.
	tenants []storage.Tenant
	// row stands before the names of columns: of the rows of a reference, which are not to be mistaken
	// for those of the rows that they name.
	row string
	// refers says that there are references.
	refers bool
}

// filter adds a condition on rows of the tenants.
func (r *reader) filter(st *statement, s *storage.Schema, tenants []storage.Tenant, c storage.Condition) {
	filter{statement: st, core: r.s, schema: s, tenants: tenants, refers: !c.Matchable()}.condition(c, false)
}

// column gives the name of a column.
func (f filter) column(name string) string { return f.row + quote(name) }

// condition adds a condition. SQL's logic has three values, the contract's two. Without a Not the
// third is as good as false; under one, a comparison with a column that may be NULL is made
// false where it is.
func (f filter) condition(c storage.Condition, negated bool) {
	switch c.Op {
	case storage.All:
		f.write(always)
	case storage.And, storage.Or:
		between, none := " AND ", always
		if c.Op == storage.Or {
			between, none = " OR ", never
		}
		if len(c.Of) == 0 {
			f.write(none)
			return
		}
		if c.Op == storage.And && f.refers {
			f.narrow(c.Of)
		}
		f.junction(c.Of, between, negated)
	case storage.Not:
		f.write("NOT (")
		f.condition(c.Of[0], true)
		f.write(")")
	case storage.Null:
		f.write(f.column(c.Column), " IS NULL")
	case storage.Named:
		f.reference(c.By)
	default:
		spec, _ := f.schema.Column(c.Column)
		guard := negated && spec.Nullable
		if guard {
			f.write("(", f.column(c.Column), " IS NOT NULL AND ")
		}
		f.comparison(f.column(c.Column), c)
		if guard {
			f.write(")")
		}
	}
}

// narrow leaves the tenants that conditions which must all hold do. Rows of the others do not meet them
// all, whatever a reference says.
func (f *filter) narrow(of []storage.Condition) {
	for _, c := range of {
		if len(f.tenants) == 1 || c.Column != storage.ColumnTenant || c.Op != storage.Equal && c.Op != storage.In {
			continue
		}
		var left []storage.Tenant
		for _, v := range c.Values {
			t := storage.Tenant(v.(string))
			if slices.Contains(f.tenants, t) && !slices.Contains(left, t) {
				left = append(left, t)
			}
		}
		if len(left) > 0 {
			f.tenants = left
		}
	}
}

// reference adds that the row is named by rows of another table. The subquery knows nothing of the row, so
// that an engine runs it once, and not at all for a row that the rest of the condition decides.
func (f filter) reference(by *storage.Reference) {
	other := f.core.table(by.Schema)
	inner := filter{statement: f.statement, core: f.core, schema: by.Schema, tenants: f.tenants, row: `"n".`}
	id, tenant := inner.column(by.Column), inner.column(storage.ColumnTenant)
	if len(f.tenants) == 1 {
		f.write(quote(storage.ColumnID), " IN (SELECT ", id)
	} else {
		f.write("(", quoteAll([]string{storage.ColumnTenant, storage.ColumnID}), ") IN (SELECT ", tenant, ", ", id)
	}
	f.write(" FROM ", quote(other.name), ` AS "n" WHERE `)
	if len(f.tenants) == 1 || len(f.args)+len(f.tenants) <= maxArguments {
		f.tenantIs(f.tenants)
	} else {
		f.write(always) // rows are compared with their tenants anyway
	}
	if spec, _ := by.Schema.Column(by.Column); spec.Nullable {
		f.write(" AND ", id, " IS NOT NULL") // a NULL among the ids would make of every other one a NULL
	}
	if by.Where.Op != storage.All {
		f.write(" AND ")
		inner.condition(by.Where, false)
	}
	f.write(")")
}

// maxArguments is about how many arguments a statement may have: SQLite takes 32766, and what is
// counted is most of them.
const maxArguments = 16_000

// arguments is how many a condition has at most, for rows of one tenant.
func arguments(c storage.Condition) int {
	n := len(c.Values)
	if c.Op == storage.Prefix {
		n++
	}
	for _, sub := range c.Of {
		n += arguments(sub)
	}
	if c.Op == storage.Named {
		n += 1 + arguments(c.By.Where)
	}
	return n
}

// junction adds conditions with a word between. Many are written as a balanced tree, as an
// engine reads a long chain as a deep one, which SQLite refuses.
func (f filter) junction(of []storage.Condition, between string, negated bool) {
	f.write("(")
	if len(of) > 8 {
		half := len(of) / 2
		f.junction(of[:half], between, negated)
		f.write(between)
		f.junction(of[half:], between, negated)
	} else {
		for i, sub := range of {
			if i > 0 {
				f.write(between)
			}
			f.condition(sub, negated)
		}
	}
	f.write(")")
}

// comparison adds a comparison of a column with values.
func (st *statement) comparison(col string, c storage.Condition) {
	switch c.Op {
	case storage.Equal:
		st.write(col, " = ").arg(c.Values[0])
	case storage.In:
		if len(c.Values) == 0 {
			st.write(never)
			return
		}
		st.write(col, " IN ").tuple(c.Values...)
	case storage.Below:
		st.write(col, " < ").arg(c.Values[0])
	case storage.AtMost:
		st.write(col, " <= ").arg(c.Values[0])
	case storage.Above:
		st.write(col, " > ").arg(c.Values[0])
	case storage.AtLeast:
		st.write(col, " >= ").arg(c.Values[0])
	case storage.Prefix:
		prefix := c.Values[0].(string)
		st.write("(", col, " >= ").arg(prefix)
		if end, ok := successor(prefix); ok {
			st.write(" AND ", col, " < ").arg(end)
		}
		st.write(")")
	case storage.Contains:
		// Both lower a column that is compared byte by byte in its letters A to Z alone.
		text := storage.Fold(c.Values[0].(string))
		if st.d.exact {
			// There lower knows other letters too. It leaves few rows, and keeps all that have the text.
			st.write("(", st.d.place, "(lower(", col, "), lower(").arg(text).write(")) > 0 AND ", st.d.place, "(", foldedAZ(col), ", ").arg(text).write(") > 0)")
			return
		}
		st.write(st.d.place, "(lower(", col, "), ").arg(text).write(") > 0")
	default:
		st.write(never)
	}
}

// foldedAZ is text with a to z for A to Z.
func foldedAZ(col string) string {
	for c := 'A'; c <= 'Z'; c++ {
		col = "replace(" + col + ", '" + string(c) + "', '" + string(c+'a'-'A') + "')"
	}
	return col
}

// successor gives the first text that follows all those that begin with the prefix, byte by
// byte, and false when there is none. UTF-8 sorts as its code points do, so it is the prefix
// with its last code point raised; the greatest one cannot be, so it is left out.
func successor(prefix string) (string, bool) {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch r {
		case utf8.MaxRune:
			continue
		case 0xD7FF:
			r = 0xE000 // between them are the surrogates, which no text has
		default:
			r++
		}
		return prefix + string(r), true
	}
	return "", false
}

// named adds that a column has one of the names.
func (st *statement) named(column string, names []string) *statement {
	values := make([]any, len(names))
	for i, n := range names {
		values[i] = n
	}
	return st.write(quote(column), " IN ").tuple(values...)
}

// term is one column of the order that a page is walked in, with its value at the place where
// the page begins.
type term struct {
	storage.Order
	value any
}

// walk gives the whole order of a query: the columns asked for, then what breaks the ties, in
// the direction of the last of them. A reader of one tenant needs no tenant in it, unless the
// place is of another one.
func walk(q storage.RowQuery, tenants []storage.Tenant) []term {
	terms := make([]term, 0, len(q.Order)+2)
	byID, down := false, false
	for i, o := range q.Order {
		t := term{Order: o}
		if q.After != nil {
			t.value = q.After.Values[i]
		}
		terms = append(terms, t)
		byID, down = byID || o.Column == storage.ColumnID, o.Descending
	}
	if len(tenants) > 1 || q.After != nil && q.After.Tenant != tenants[0] {
		t := term{Order: storage.Order{Column: storage.ColumnTenant, Descending: down}}
		if q.After != nil {
			t.value = string(q.After.Tenant)
		}
		terms = append(terms, t)
	}
	if !byID {
		t := term{Order: storage.Order{Column: storage.ColumnID, Descending: down}}
		if q.After != nil {
			t.value = string(q.After.ID)
		}
		terms = append(terms, t)
	}
	return terms
}

// afterOf is after for the rows of one tenant, of which the tenant is told apart from the place's here.
func (st *statement) afterOf(tenant storage.Tenant, terms []term, from, to int) {
	at := slices.IndexFunc(terms, func(t term) bool { return t.Column == storage.ColumnTenant })
	place := storage.Tenant(terms[at].value.(string))
	without := slices.Delete(slices.Clone(terms), at, at+1)
	behind := tenant > place
	if terms[at].Descending {
		behind = tenant < place
	}
	switch {
	case at >= to:
		st.after(without, from, to, false)
	case tenant == place && (at < from || from < to-1):
		if at < from {
			from--
		}
		st.after(without, from, to-1, false)
	case at < from, !behind && at == from:
		st.write(" AND ", never)
	case at == from:
		st.after(without, from, from, false)
	default:
		// What is before the tenant decides, and where that is equal the tenant does.
		st.after(without, from, at, behind)
	}
}

// after adds that a row stands behind the place in terms[from:to], which all have one direction,
// and is equal to it before them; or at the place, where that counts too. Row values are compared along an
// index.
func (st *statement) after(terms []term, from, to int, at bool) {
	for _, t := range terms[:from] {
		st.write(" AND ", quote(t.Column), " = ").arg(t.value)
	}
	run := terms[from:to]
	if len(run) == 0 {
		return
	}
	than := " > "
	if run[0].Descending {
		than = " < "
	}
	if at {
		than = than[:2] + "= "
	}
	names, values := make([]string, len(run)), make([]any, len(run))
	for i, t := range run {
		names[i], values[i] = quote(t.Column), t.value
	}
	st.write(" AND ").than(names, than, values)
}
