package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// maxName is how long a table's or index's name may be: PostgreSQL cuts longer ones.
const maxName = 63

// maxTables bounds how many schemas the statements are kept of.
const maxTables = 1000

// name makes a name that the engine allows of one that may be too long.
func name(s string) string {
	if len(s) <= maxName {
		return s
	}
	return s[:maxName-9] + "_" + hash(s)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// quote makes an identifier of a name. Names hold no quotation marks.
func quote(name string) string { return `"` + name + `"` }

func quoteAll(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(n))
	}
	return b.String()
}

// column is a column of a table as the engine has it.
type column struct {
	name     string
	kind     storage.Kind
	nullable bool
	// always says that every INSERT has it, so that it needs no default.
	always bool
}

// index is an index as the engine has it. An index over some of the rows only says which.
type index struct {
	name    string
	columns []storage.Order
	where   string
	unique  bool
}

// relation is a table as the engine has it.
type relation struct {
	name    string
	columns []column
	primary []string
	indexes []index
}

// relation gives the table of a schema.
func (s *core) relation(schema *storage.Schema) relation {
	r := relation{
		name: name(s.prefix + schema.Name()),
		columns: []column{
			{name: storage.ColumnTenant, kind: storage.Text, always: true},
			{name: storage.ColumnID, kind: storage.Text, always: true},
			{name: storage.ColumnVersion, kind: storage.Int, always: true},
			{name: storage.ColumnCreated, kind: storage.Time, always: true},
			{name: storage.ColumnUpdated, kind: storage.Time, always: true},
			{name: "layout", kind: storage.Int, always: true},
		},
		primary: []string{storage.ColumnTenant, storage.ColumnID},
	}
	for _, c := range schema.Columns() {
		r.columns = append(r.columns, column{name: c.Name, kind: c.Kind, nullable: c.Nullable})
	}
	r.columns = append(r.columns, column{name: "body", kind: storage.Text, always: true})
	for _, ix := range schema.Indexes() {
		r.indexes = append(r.indexes, r.declared(ix))
	}
	return r
}

// declared gives the index of a declared one: the tenant before it, the id behind it in the
// direction of its last column, so that a page in this order is a walk along the index.
func (r *relation) declared(ix storage.Index) index {
	out := index{columns: []storage.Order{{Column: storage.ColumnTenant}}, unique: ix.Unique}
	out.columns = append(out.columns, ix.Columns...)
	if !ix.Unique {
		last := ix.Columns[len(ix.Columns)-1]
		out.columns = append(out.columns, storage.Order{Column: storage.ColumnID, Descending: last.Descending})
	}
	text := r.name
	exact := r.name
	for _, o := range ix.Columns {
		text += "_" + o.Column
		exact += " " + order(o)
	}
	if ix.Unique {
		exact += " unique"
	}
	// The directions are part of the name, in the hash.
	if len(text) > maxName-9 {
		text = text[:maxName-9]
	}
	out.name = text + "_" + hash(exact)
	return out
}

// order writes one column of an ORDER BY or an index.
func order(o storage.Order) string {
	if o.Descending {
		return quote(o.Column) + " DESC"
	}
	return quote(o.Column)
}

func orders(os []storage.Order) string {
	var b strings.Builder
	for i, o := range os {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(order(o))
	}
	return b.String()
}

// table is the statements of one schema.
type table struct {
	relation
	schema *storage.Schema
	// heads and whole begin the SELECT of rows, without bodies and with.
	heads, whole string
	// insert begins the statement that creates rows, up to their values.
	insert string
	// get reads one record, create and update write one, remove deletes one of a version.
	get, create, update, remove, exists string
}

// table gives the statements of a schema.
func (s *core) table(schema *storage.Schema) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tables[schema]; ok {
		return t
	}
	t := s.newTable(schema)
	if len(s.tables) >= maxTables {
		clear(s.tables)
	}
	s.tables[schema] = t
	return t
}

func (s *core) newTable(schema *storage.Schema) *table {
	t := &table{relation: s.relation(schema), schema: schema}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	from := " FROM " + quote(t.name)
	one := ` WHERE "tenant" = ? AND "id" = ?`
	t.heads = "SELECT " + quoteAll(names[:len(names)-1]) + from
	t.whole = "SELECT " + quoteAll(names) + from
	t.get = s.d.rebind(t.whole + one)
	t.exists = s.d.rebind("SELECT 1" + from + one)
	t.remove = s.d.rebind("DELETE" + from + one + ` AND "version" = ?`)
	t.insert = "INSERT INTO " + quote(t.name) + " (" + quoteAll(names) + ") VALUES "
	t.create = s.d.rebind(t.insert + "(?" +
		strings.Repeat(", ?", len(names)-1) + ") ON CONFLICT DO NOTHING")
	var set strings.Builder
	for i, n := range names[2:] {
		if i > 0 {
			set.WriteString(", ")
		}
		set.WriteString(quote(n) + " = ?")
	}
	t.update = s.d.rebind("UPDATE " + quote(t.name) + " SET " + set.String() + one + ` AND "version" = ?`)
	return t
}
