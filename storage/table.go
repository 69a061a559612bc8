package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"
)

// Header is met by a pointer to any struct that embeds [Meta], and by nothing else.
type Header[H any] interface {
	*H
	meta() *Meta
}

// Def is what makes a table of a record type.
type Def[R, H, B any] struct {
	// Parts gives the two parts of a record: the head, whose every field but the Meta is a
	// column, and the body, which is kept as one JSON document.
	Parts func(r *R) (*H, *B)
	// Columns has exactly one column for each field of the head.
	Columns []ColumnOf[H]
	// Indexes are declared for the lists that must cost the same at any size: first the
	// columns that are compared for equality, then those of the order.
	Indexes []Index
	// Layout is the version of the body's form; 0 means 1.
	Layout int
	// Upgrade makes a body of an older layout into one of this; nil leaves it as it is.
	Upgrade func(layout int, body []byte) ([]byte, error)
}

// Table keeps records of type R as a head H of typed columns and a body B of JSON. Nothing
// stands in both. Lists read heads and never decode a body; Get reads the whole. A table is
// immutable and does nothing by itself: every method is given the Reader or Tx to use.
type Table[R, H, B any] struct {
	d *definition[R, H, B]
}

type definition[R, H, B any] struct {
	schema  *Schema
	parts   func(*R) (*H, *B)
	meta    func(*H) *Meta
	columns []ColumnOf[H]
	upgrade func(int, []byte) ([]byte, error)
}

// Define makes a table. It panics when the definition is wrong, as it stands in a program's
// text: a field of the head without a column or with two, a column named twice, an index on
// an unknown column. (A field without a column would be lost in silence.)
func Define[R, H, B any, P Header[H]](name string, d Def[R, H, B]) Table[R, H, B] {
	layout := d.Layout
	if layout == 0 {
		layout = 1
	}
	if d.Parts == nil {
		panic("storage: table " + name + ": no Parts")
	}
	cover(name, d.Columns)
	t, err := build(name, layout, d.Parts, func(h *H) *Meta { return P(h).meta() }, d.Columns, d.Indexes, d.Upgrade)
	if err != nil {
		panic("storage: " + err.Error())
	}
	return t
}

func build[R, H, B any](name string, layout int, parts func(*R) (*H, *B), meta func(*H) *Meta, columns []ColumnOf[H], indexes []Index, upgrade func(int, []byte) ([]byte, error)) (Table[R, H, B], error) {
	specs := make([]ColumnSpec, len(columns))
	for i, c := range columns {
		specs[i] = c.Spec()
	}
	s, err := NewSchema(name, layout, specs, indexes)
	if err != nil {
		return Table[R, H, B]{}, err
	}
	t := Table[R, H, B]{&definition[R, H, B]{schema: s, parts: parts, meta: meta, columns: slices.Clone(columns), upgrade: upgrade}}
	s.normalize = func(row Row) (Row, error) {
		rec, err := t.Decode(row)
		if err != nil {
			return Row{}, err
		}
		return t.Encode(&rec)
	}
	return t, nil
}

// cover panics where a field of the head has not exactly one column.
func cover[H any](table string, columns []ColumnOf[H]) {
	h := new(H)
	v := reflect.ValueOf(h).Elem()
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("storage: table %s: head is not a struct", table))
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type == reflect.TypeFor[Meta]() {
			continue
		}
		if !f.IsExported() {
			panic(fmt.Sprintf("storage: table %s: field %s of the head is not exported", table, f.Name))
		}
		n := 0
		for _, c := range columns {
			if c.ref(h) == v.Field(i).Addr().Interface() {
				n++
			}
		}
		if n != 1 {
			panic(fmt.Sprintf("storage: table %s: field %s of the head has %d columns instead of one", table, f.Name, n))
		}
	}
}

// IndexOn declares an index; each column is given as the order it serves: ByState.Asc().
func IndexOn(columns ...Order) Index { return Index{Columns: columns} }

// UniqueOn declares an index of which no two records of a tenant have the same values.
func UniqueOn(columns ...Order) Index { return Index{Columns: columns, Unique: true} }

// With gives the table with a host's own columns and indexes. The original stays as it is, and
// both name the same table in the store.
func (t Table[R, H, B]) With(columns []ColumnOf[H], indexes ...Index) (Table[R, H, B], error) {
	if len(columns) == 0 && len(indexes) == 0 {
		return t, nil
	}
	d := t.d
	return build(d.schema.name, d.schema.layout, d.parts, d.meta,
		append(slices.Clone(d.columns), columns...), append(slices.Clone(d.schema.indexes), indexes...), d.upgrade)
}

// Name is the table's name, which is the kind of its records.
func (t Table[R, H, B]) Name() string { return t.d.schema.name }

// Schema is the table as an adapter sees it.
func (t Table[R, H, B]) Schema() *Schema { return t.d.schema }

// Meta gives what every record has of one.
func (t Table[R, H, B]) Meta(rec *R) *Meta {
	h, _ := t.d.parts(rec)
	return t.d.meta(h)
}

// ByTenant is the column of tenants, for reads that span several.
func (t Table[R, H, B]) ByTenant() Column[H, Tenant] {
	return Col(ColumnTenant, func(h *H) *Tenant { return &t.d.meta(h).Tenant })
}

// ByID is the column of ids, ByCreated and ByUpdated those of the times that every record has.
func (t Table[R, H, B]) ByID() Column[H, ID] {
	return Col(ColumnID, func(h *H) *ID { return &t.d.meta(h).ID })
}

// ByCreated is the column of the instants at which records were created.
func (t Table[R, H, B]) ByCreated() Column[H, time.Time] {
	return TimeCol(ColumnCreated, func(h *H) *time.Time { return &t.d.meta(h).Created })
}

// ByUpdated is the column of the instants at which records were last put.
func (t Table[R, H, B]) ByUpdated() Column[H, time.Time] {
	return TimeCol(ColumnUpdated, func(h *H) *time.Time { return &t.d.meta(h).Updated })
}

// Get reads a whole record of the reader's one tenant. Where the reader has several tenants it
// is ErrInvalid: use GetFrom.
func (t Table[R, H, B]) Get(ctx context.Context, r Reader, id ID) (R, error) {
	tenants := r.Tenants()
	if len(tenants) != 1 {
		var zero R
		return zero, Invalid("get "+t.Name(), "tenant", "must be named, as several can be read here")
	}
	return t.GetFrom(ctx, r, tenants[0], id)
}

// GetFrom reads a whole record of a tenant. An id that cannot be one is ErrNotFound.
func (t Table[R, H, B]) GetFrom(ctx context.Context, r Reader, tenant Tenant, id ID) (R, error) {
	var rec R
	if CheckKey(string(id)) != "" {
		return rec, &Error{Op: "get", Table: t.Name(), Err: ErrNotFound}
	}
	row, err := r.Get(ctx, t.d.schema, tenant, id)
	if err != nil {
		return rec, err
	}
	return t.Decode(row)
}

// Put writes records at the version that each has; version 0 creates it. What a record has become
// (version, tenant) is set on it. A record changed since it was read is ErrConflict. Values
// that do not fit their columns are ErrInvalid with every fault. Several in one call may go to the engine
// together; where one of them cannot be written, the unit may have to fail.
func (t Table[R, H, B]) Put(ctx context.Context, tx Tx, recs ...*R) error {
	switch len(recs) {
	case 0:
		return nil
	case 1: // the usual call makes no lists
		return t.put(ctx, tx, recs[0])
	}
	rows := make([]*Row, len(recs))
	for i, rec := range recs {
		row, err := t.Encode(rec)
		if err != nil {
			return err
		}
		rows[i] = &row
	}
	if err := tx.Put(ctx, t.d.schema, rows...); err != nil {
		return err
	}
	for i, rec := range recs {
		t.became(rec, rows[i])
	}
	return nil
}

func (t Table[R, H, B]) put(ctx context.Context, tx Tx, rec *R) error {
	row, err := t.Encode(rec)
	if err != nil {
		return err
	}
	if err := tx.Put(ctx, t.d.schema, &row); err != nil {
		return err
	}
	t.became(rec, &row)
	return nil
}

// became sets on a record what the row of it has become.
func (t Table[R, H, B]) became(rec *R, row *Row) {
	m := t.Meta(rec)
	row.Custom = m.Custom
	*m = row.Meta
}

// Delete removes a record at the version it has. Its events stay.
func (t Table[R, H, B]) Delete(ctx context.Context, tx Tx, rec *R) error {
	m := t.Meta(rec)
	return tx.Delete(ctx, t.d.schema, m.ID, m.Version)
}

// MaxPage is the greatest number of items of one page of a list.
const MaxPage = 500

// Query asks for a list of heads.
type Query[H any] struct {
	// Where narrows the list; the zero Filter does not.
	Where Filter[H]
	// Order is by columns that are never NULL; ties stand by id. None means by id.
	Order []Order
	// Limit is the number of items of a page: 50 when 0, at most MaxPage.
	Limit int
	// After is the Next of the page before; empty for the first page.
	After Cursor
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the page that follows, empty when there is none.
	Next Cursor `json:"next,omitempty"`
}

// List gives one page of heads. Each record whose order columns do not change meanwhile stands
// on exactly one of the pages.
func (t Table[R, H, B]) List(ctx context.Context, r Reader, q Query[H]) (Page[H], error) {
	rows, next, err := t.page(ctx, r, q, false)
	if err != nil {
		return Page[H]{}, err
	}
	p := Page[H]{Items: make([]H, len(rows)), Next: next}
	for i := range rows {
		if err := t.decodeHead(&rows[i], &p.Items[i]); err != nil {
			return Page[H]{}, err
		}
	}
	return p, nil
}

// Records gives one page of whole records; it reads and decodes every body.
func (t Table[R, H, B]) Records(ctx context.Context, r Reader, q Query[H]) (Page[R], error) {
	rows, next, err := t.page(ctx, r, q, true)
	if err != nil {
		return Page[R]{}, err
	}
	p := Page[R]{Items: make([]R, len(rows)), Next: next}
	for i, row := range rows {
		if p.Items[i], err = t.Decode(row); err != nil {
			return Page[R]{}, err
		}
	}
	return p, nil
}

func (t Table[R, H, B]) page(ctx context.Context, r Reader, q Query[H], bodies bool) ([]Row, Cursor, error) {
	limit := q.Limit
	if limit == 0 {
		limit = 50
	}
	// One row more than the page has tells whether another page follows.
	rq := RowQuery{Where: q.Where.cond, Order: q.Order, Limit: min(max(limit, 1), MaxPage) + 1, Bodies: bodies}
	err := CheckQuery(t.d.schema, rq)
	if limit < 1 || limit > MaxPage {
		err = withFault(err, "query on "+t.Name(), Fault{Field: "limit", Problem: fmt.Sprintf("must be from 1 to %d", MaxPage)})
	}
	if err == nil && q.After != "" {
		if rq.After, err = openCursor(ctx, r, t.d.schema, rq, q.After); err == nil {
			err = CheckQuery(t.d.schema, rq)
		}
	}
	if err != nil {
		return nil, "", err
	}
	rows, err := r.Query(ctx, t.d.schema, rq)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	rows = rows[:limit]
	next, err := sealCursor(ctx, r, t.d.schema, rq, &rows[limit-1])
	return rows, next, err
}

// withFault adds a fault to those of err.
func withFault(err error, subject string, f Fault) error {
	var v *ValidationError
	if !errors.As(err, &v) {
		return &ValidationError{Subject: subject, Faults: []Fault{f}}
	}
	return &ValidationError{Subject: v.Subject, Faults: append(slices.Clone(v.Faults), f)}
}

// Count counts the records that meet the filter.
func (t Table[R, H, B]) Count(ctx context.Context, r Reader, where Filter[H]) (int64, error) {
	groups, err := t.CountBy(ctx, r, where)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	return groups[0].Count, nil
}

// CountBy counts the records that meet the filter for each combination of values that they
// have in the columns, in the order of these values.
func (t Table[R, H, B]) CountBy(ctx context.Context, r Reader, where Filter[H], by ...ColumnOf[H]) ([]Group, error) {
	names := make([]string, len(by))
	for i, c := range by {
		names[i] = c.Spec().Name
	}
	if err := CheckCount(t.d.schema, where.cond, names); err != nil {
		return nil, err
	}
	return r.Count(ctx, t.d.schema, where.cond, names)
}

// Pages walks a list page by page. Nothing stays open between the pages, so that the loop may
// query and command as it likes. An error is the last thing it yields.
func Pages[T, H any](q Query[H], list func(Query[H]) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			p, err := list(q)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			q.After = p.Next
		}
	}
}

// Encode makes a record into a row, checking that its values fit their columns.
func (t Table[R, H, B]) Encode(rec *R) (Row, error) {
	d := t.d
	h, b := d.parts(rec)
	m := d.meta(h)
	row := Row{Meta: *m, Layout: d.schema.layout, Columns: make([]any, len(d.columns))}
	row.Custom = nil // they are columns of the row
	row.Created, row.Updated = Instant(m.Created), Instant(m.Updated)
	var faults []Fault
	for name := range m.Custom {
		if _, ok := d.schema.Place(name); !ok {
			faults = append(faults, Fault{Field: "custom." + quoted(name), Problem: "is not a column of this table"})
		}
	}
	for i, c := range d.columns {
		v := c.get(h)
		row.Columns[i] = v
		spec := d.schema.columns[i]
		if v == nil && spec.Nullable {
			continue
		}
		if problem := checkValue(spec.Kind, v); problem != "" {
			faults = append(faults, Fault{Field: spec.Name, Problem: problem})
		}
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b Fault) int { return bytes.Compare([]byte(a.Field), []byte(b.Field)) })
		return Row{}, &ValidationError{Subject: t.Name(), Faults: faults}
	}
	body, err := json.Marshal(b)
	if err != nil {
		return Row{}, Invalid(t.Name(), "body", "cannot be written as JSON: "+err.Error())
	}
	row.Body = body
	return row, nil
}

// Decode makes a whole row into a record. A row that a newer version of the program wrote in a
// layout unknown to this one is ErrInvalid.
func (t Table[R, H, B]) Decode(row Row) (R, error) {
	var rec R
	d := t.d
	h, b := d.parts(&rec)
	if err := t.decodeHead(&row, h); err != nil {
		return rec, err
	}
	body := row.Body
	if row.Layout > d.schema.layout {
		return rec, Invalid(t.Name(), "layout", fmt.Sprintf("is %d; this program knows up to %d", row.Layout, d.schema.layout))
	}
	if row.Layout < d.schema.layout && d.upgrade != nil {
		var err error
		if body, err = d.upgrade(row.Layout, body); err != nil {
			return rec, err
		}
	}
	if err := json.Unmarshal(body, b); err != nil {
		return rec, Invalid(t.Name(), "body", "cannot be read: "+err.Error())
	}
	return rec, nil
}

func (t Table[R, H, B]) decodeHead(row *Row, h *H) error {
	*t.d.meta(h) = row.Meta
	if len(row.Columns) != len(t.d.columns) {
		return Invalid(t.Name(), "columns", "are not those of the table")
	}
	for i, c := range t.d.columns {
		if err := c.set(h, row.Columns[i]); err != nil {
			return err
		}
	}
	return nil
}
