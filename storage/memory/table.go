package memory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// This file is what a table is: its columns and indexes, which grow with the schemas that name
// it, and its rows in one tenant.

// The places of the columns that every table has; declared columns have places from 0.
const (
	placeID = -1 - iota
	placeVersion
	placeCreated
	placeUpdated
	placeTenant
)

// column is a column as the table keeps it.
type column struct {
	name     string
	place    int
	kind     storage.Kind
	nullable bool
}

// part is a column of an index.
type part struct {
	column
	descending bool
}

// index is a declared index. The rows' ids follow its parts, in the direction of the last.
type index struct {
	parts      []part
	descending bool
	unique     bool
}

// table is one table of the store. It only ever grows, so that what a unit or a snapshot knows
// of it stays true.
type table struct {
	name    string
	number  int
	columns []column
	// indexes is replaced, never changed, under the catalog's lock.
	indexes []index
}

// binding is how a schema sees its table.
type binding struct {
	schema *storage.Schema
	table  *table
	// columns has the table's column for each of the schema's.
	columns []column
}

// catalog knows the tables of a store and the schemas that were used with it.
type catalog struct {
	mu     sync.RWMutex
	bound  map[*storage.Schema]*binding
	tables map[string]*table
}

// bind gives how the schema sees its table, and makes or widens the table at first sight.
func (c *catalog) bind(s *storage.Schema) (*binding, error) {
	c.mu.RLock()
	b := c.bound[s]
	c.mu.RUnlock()
	if b != nil {
		return b, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.bound[s]; b != nil {
		return b, nil
	}
	t := c.tables[s.Name()]
	if t == nil {
		t = &table{name: s.Name(), number: len(c.tables)}
	}
	b = &binding{schema: s, table: t}
	wider := slices.Clip(t.columns)
	var faults []storage.Fault
	for _, spec := range s.Columns() {
		i := slices.IndexFunc(wider, func(c column) bool { return c.name == spec.Name })
		if i < 0 {
			i = len(wider)
			wider = append(wider, column{name: spec.Name, place: i, kind: spec.Kind, nullable: spec.Nullable})
		} else if wider[i].kind != spec.Kind || wider[i].nullable != spec.Nullable {
			faults = append(faults, storage.Fault{Field: "columns." + spec.Name,
				Problem: fmt.Sprintf("is declared otherwise by another schema of the table: %s, nullable %t", wider[i].kind, wider[i].nullable)})
		}
		b.columns = append(b.columns, wider[i])
	}
	if len(faults) > 0 {
		return nil, &storage.ValidationError{Subject: "table " + s.Name(), Faults: faults}
	}
	indexes := slices.Clip(t.indexes)
	for _, declared := range s.Indexes() {
		ix := index{unique: declared.Unique}
		for _, o := range declared.Columns {
			ix.parts = append(ix.parts, part{column: b.column(o.Column), descending: o.Descending})
			ix.descending = o.Descending
		}
		if !slices.ContainsFunc(indexes, func(x index) bool { return x.unique == ix.unique && slices.Equal(x.parts, ix.parts) }) {
			indexes = append(indexes, ix)
		}
	}
	t.columns, t.indexes = wider, indexes
	c.tables[t.name] = t
	c.bound[s] = b
	return b, nil
}

// indexesOf gives the table's indexes as they are now.
func (c *catalog) indexesOf(t *table) []index {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return t.indexes
}

// column finds a column by its name, as the schema does.
func (b *binding) column(name string) column {
	if i, ok := b.schema.Place(name); ok {
		return b.columns[i]
	}
	switch name {
	case storage.ColumnID:
		return column{name: name, place: placeID, kind: storage.Text}
	case storage.ColumnVersion:
		return column{name: name, place: placeVersion, kind: storage.Int}
	case storage.ColumnCreated:
		return column{name: name, place: placeCreated, kind: storage.Time}
	case storage.ColumnUpdated:
		return column{name: name, place: placeUpdated, kind: storage.Time}
	}
	return column{name: name, place: placeTenant, kind: storage.Text}
}

// record is a row as it is kept. It is never changed.
type record struct {
	id               string
	version          int64
	created, updated int64
	layout           int
	columns          []any
	body             []byte
}

// value gives a declared column or the id; a column that the row was not put with is NULL, or
// the zero of its kind.
func (r *record) value(c column) any {
	switch c.place {
	case placeID:
		return r.id
	case placeVersion:
		return r.version
	case placeCreated:
		return r.created
	case placeUpdated:
		return r.updated
	}
	if c.place < len(r.columns) {
		if v := r.columns[c.place]; v != nil || c.nullable {
			return v
		}
	}
	if c.nullable {
		return nil
	}
	return zero(c.kind)
}

func zero(k storage.Kind) any {
	switch k {
	case storage.Text:
		return ""
	case storage.Bool:
		return false
	}
	return int64(0)
}

// compare orders two rows by a column that is not the tenant.
func (r *record) compare(other *record, c column) int {
	switch c.place {
	case placeID:
		return cmp.Compare(r.id, other.id)
	case placeVersion:
		return cmp.Compare(r.version, other.version)
	case placeCreated:
		return cmp.Compare(r.created, other.created)
	case placeUpdated:
		return cmp.Compare(r.updated, other.updated)
	}
	return storage.Compare(r.value(c), other.value(c))
}

// rows is a table's content in one tenant.
type rows struct {
	edit    uint64
	byID    tree[*record]
	indexes []tree[*record]
}

// own gives rows that this edit may change, with every index that the table has by now.
func (r *rows) own(edit uint64, indexes []index) *rows {
	if r != nil && r.edit == edit && len(r.indexes) == len(indexes) {
		return r
	}
	c := &rows{edit: edit, indexes: make([]tree[*record], len(indexes))}
	if r == nil {
		return c
	}
	c.byID = r.byID
	for i := copy(c.indexes, r.indexes); i < len(indexes); i++ {
		for walk := c.byID.walk(span{}, true); ; {
			_, rec, ok := walk.next()
			if !ok {
				break
			}
			c.indexes[i].set(edit, indexes[i].key(rec), rec)
		}
	}
	return c
}

// taken gives the columns of a unique index that has a row's values for another one, nil where there
// is none.
func (r *rows) taken(indexes []index, old, rec *record) (columns []string) {
	for i, ix := range indexes {
		if !ix.unique || ix.hasNull(rec) {
			continue
		}
		values := ix.values(rec)
		if old != nil && string(ix.values(old)) == string(values) {
			continue
		}
		// No place of other values lies between these and their ids.
		walk := r.indexes[i].walk(span{lo: string(values)}, true)
		if key, _, ok := walk.next(); ok && strings.HasPrefix(key, string(values)) {
			for _, p := range ix.parts {
				columns = append(columns, p.name)
			}
			return columns
		}
	}
	return nil
}

// put replaces old, which is nil for a new row, by a row of the same id.
func (r *rows) put(edit uint64, indexes []index, old, rec *record) {
	r.byID.set(edit, rec.id, rec)
	for i := range indexes {
		key := indexes[i].key(rec)
		if old != nil {
			if before := indexes[i].key(old); before != key {
				r.indexes[i].delete(edit, before)
			}
		}
		r.indexes[i].set(edit, key, rec)
	}
}

func (r *rows) delete(edit uint64, indexes []index, old *record) {
	r.byID.delete(edit, old.id)
	for i := range indexes {
		r.indexes[i].delete(edit, indexes[i].key(old))
	}
}

// hasNull says whether a row has a NULL in one of the index's columns.
func (ix index) hasNull(r *record) bool {
	return slices.ContainsFunc(ix.parts, func(p part) bool { return p.nullable && r.value(p.column) == nil })
}

// values begins the row's key in the index.
func (ix index) values(r *record) []byte {
	b := make([]byte, 0, room)
	for _, p := range ix.parts {
		b = p.append(b, r)
	}
	return b
}

// key gives the row's key in the index.
func (ix index) key(r *record) string {
	b := ix.values(r)
	start := len(b)
	b = appendText(b, r.id)
	if ix.descending {
		turn(b[start:])
	}
	return string(b)
}

// append adds the row's value in the part's column.
func (p part) append(b []byte, r *record) []byte {
	start := len(b)
	switch p.place {
	case placeVersion:
		b = appendInt(b, r.version)
	case placeCreated:
		b = appendInt(b, r.created)
	case placeUpdated:
		b = appendInt(b, r.updated)
	default:
		return appendPart(b, p.nullable, p.descending, r.value(p.column))
	}
	if p.descending {
		turn(b[start:])
	}
	return b
}

// row gives a row as the schema sees it. Columns is where its values are put.
func (b *binding) row(tenant storage.Tenant, r *record, columns []any, body bool) storage.Row {
	for i, c := range b.columns {
		columns[i] = r.value(c)
	}
	row := storage.Row{
		Meta: storage.Meta{Tenant: tenant, ID: storage.ID(r.id), Version: r.version,
			Created: instant(r.created), Updated: instant(r.updated)},
		Layout:  r.layout,
		Columns: columns,
	}
	if body {
		row.Body = slices.Clone(r.body)
	}
	return row
}

// record makes what is kept of a row, with the columns that only other schemas have as they
// were.
func (b *binding) record(row *storage.Row, old *record) *record {
	rec := &record{id: string(row.ID), version: row.Version + 1, created: micros(row.Created),
		updated: micros(row.Updated), layout: b.schema.Layout(), body: slices.Clone(row.Body)}
	width := 0
	for _, c := range b.columns {
		width = max(width, c.place+1)
	}
	if old != nil {
		width = max(width, len(old.columns))
	}
	rec.columns = make([]any, width)
	if old != nil {
		copy(rec.columns, old.columns)
	}
	for i, c := range b.columns {
		rec.columns[c.place] = row.Columns[i]
	}
	return rec
}
