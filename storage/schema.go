package storage

import (
	"fmt"
	"regexp"
	"slices"
)

// Kind is the type of a column. An adapter keeps and gives each kind as one Go type:
// Text as string, Int and Time as int64, Bool as bool, and NULL as nil.
type Kind uint8

const (
	// Text is UTF-8 of at most MaxText characters, compared byte by byte: case and trailing
	// spaces matter in every engine. Longer text belongs in the body.
	Text Kind = iota + 1
	// Int is a signed 64-bit integer. Money that an engine orders or sums is a scaled one.
	Int
	// Bool is true or false; false sorts first.
	Bool
	// Time is UTC microseconds since 1970 as a signed 64-bit integer.
	Time
)

func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Int:
		return "int"
	case Bool:
		return "bool"
	case Time:
		return "time"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// The bounds of a schema, so that every engine can have its table.
const (
	// MaxColumns is how many columns may be declared, and MaxTextColumns how many of them of text.
	MaxColumns     = 200
	MaxTextColumns = 50
	// MaxIndexes is how many indexes may be declared, and MaxIndexColumns how many columns an index
	// may name.
	MaxIndexes      = 50
	MaxIndexColumns = 12
)

// MaxText is the greatest number of characters (code points) of a Text column.
const MaxText = 255

// ColumnSpec is a column as an adapter sees it.
type ColumnSpec struct {
	// Name is lower-case letters, digits and underscores, at most 48, and not one of the
	// names that every table has: tenant, id, version, created, updated, layout, body.
	Name string
	Kind Kind
	// Nullable columns may be NULL. They cannot be an order.
	Nullable bool
	// From is the path of the JSON keys in the body under which rows that were written
	// before this column existed keep its value; a migration that adds the column moves it
	// from there. Empty means the column's own name at the top of the body.
	From []string
}

// Index is a declared composite index. Every index begins with the tenant and ends with the
// id, which an adapter adds; so a page whose equality columns followed by its order are an
// index costs the same however many rows there are.
type Index struct {
	Columns []Order
	// Unique keeps two records of a tenant from having the same values in all of its columns, of
	// which it then needs no id at its end; a NULL is like no other value. See Tx.Put. A migration
	// that finds rows with the same values is ErrInvalid and names some; a store that has no
	// migration leaves them as they are.
	Unique bool
}

// Order is one column of an order or of an index.
type Order struct {
	Column     string
	Descending bool
}

// Schema is a table as an adapter sees it. It is immutable. Two schemas of one name describe
// the same table: one of them may have more columns. A row that was created through the other has
// NULL in these, or the zero of the kind where the column is not nullable; a row that has them
// already and is put through the other keeps them as they were.
type Schema struct {
	name    string
	columns []ColumnSpec
	indexes []Index
	layout  int
	place   map[string]int
	// normalize makes a row of an older layout into one of this; nil for a schema without a table.
	normalize func(Row) (Row, error)
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// The columns that every table has, usable in filters; all but tenant also as an order.
const (
	ColumnTenant  = "tenant"
	ColumnID      = "id"
	ColumnVersion = "version"
	ColumnCreated = "created"
	ColumnUpdated = "updated"
)

var metaColumns = map[string]ColumnSpec{
	ColumnTenant:  {Name: ColumnTenant, Kind: Text},
	ColumnID:      {Name: ColumnID, Kind: Text},
	ColumnVersion: {Name: ColumnVersion, Kind: Int},
	ColumnCreated: {Name: ColumnCreated, Kind: Time},
	ColumnUpdated: {Name: ColumnUpdated, Kind: Time},
}

// NewSchema checks and gives a schema. Layout is the version of the body's form, from 1.
// Every fault is reported at once.
func NewSchema(name string, layout int, columns []ColumnSpec, indexes []Index) (*Schema, error) {
	s := &Schema{name: name, layout: layout, columns: slices.Clone(columns), place: make(map[string]int, len(columns))}
	var faults []Fault
	fault := func(field, problem string) { faults = append(faults, Fault{Field: field, Problem: problem}) }
	if len(columns) > MaxColumns || texts(columns) > MaxTextColumns {
		fault("columns", fmt.Sprintf("are %d, %d of them of text; there may be at most %d, and %d of text", len(columns), texts(columns), MaxColumns, MaxTextColumns))
	}
	if len(indexes) > MaxIndexes {
		fault("indexes", fmt.Sprintf("are %d; there may be at most %d", len(indexes), MaxIndexes))
	}
	if !identifier.MatchString(name) {
		fault("name", "must be lower-case letters, digits and underscores, at most 48, beginning with a letter")
	}
	if layout < 1 {
		fault("layout", "must be at least 1")
	}
	for i, c := range s.columns {
		_, meta := metaColumns[c.Name]
		switch {
		case !identifier.MatchString(c.Name):
			fault("columns."+c.Name, "must be lower-case letters, digits and underscores, at most 48, beginning with a letter")
		case meta || c.Name == "body" || c.Name == "layout":
			fault("columns."+c.Name, "is a name that every table has")
		case c.Kind < Text || c.Kind > Time:
			fault("columns."+c.Name, "has no kind")
		}
		if _, twice := s.place[c.Name]; twice {
			fault("columns."+c.Name, "is declared twice")
		}
		s.place[c.Name] = i
	}
	for _, ix := range indexes {
		if len(ix.Columns) == 0 {
			fault("indexes", "has one without columns")
		}
		if len(ix.Columns) > MaxIndexColumns {
			fault("indexes", fmt.Sprintf("has one of %d columns; there may be at most %d", len(ix.Columns), MaxIndexColumns))
		}
		for _, o := range ix.Columns {
			if _, ok := s.Column(o.Column); !ok || o.Column == ColumnTenant || o.Column == ColumnID {
				fault("indexes", fmt.Sprintf("names %q, which is not a column to index", o.Column))
			}
		}
		s.indexes = append(s.indexes, Index{Columns: slices.Clone(ix.Columns), Unique: ix.Unique})
	}
	if len(faults) > 0 {
		return nil, &ValidationError{Subject: "table " + name, Faults: faults}
	}
	return s, nil
}

// texts counts the columns of text.
func texts(columns []ColumnSpec) (n int) {
	for _, c := range columns {
		if c.Kind == Text {
			n++
		}
	}
	return n
}

// Name is the table's name, which is also the kind of its records: "incident".
func (s *Schema) Name() string { return s.name }

// Layout is the version of the body's form that this schema writes.
func (s *Schema) Layout() int { return s.layout }

// Columns gives the declared columns in order. The caller must not change them.
func (s *Schema) Columns() []ColumnSpec { return s.columns }

// Indexes gives the declared indexes. The caller must not change them.
func (s *Schema) Indexes() []Index { return s.indexes }

// Column finds a declared column or one that every table has.
func (s *Schema) Column(name string) (ColumnSpec, bool) {
	if i, ok := s.place[name]; ok {
		return s.columns[i], true
	}
	c, ok := metaColumns[name]
	return c, ok
}

// Place is the position of a declared column in Columns and in Row.Columns.
func (s *Schema) Place(name string) (int, bool) {
	i, ok := s.place[name]
	return i, ok
}

// Normalize gives a whole row in the layout of this schema: as it would be had it been put by this
// program, so that two rows can be compared.
func (s *Schema) Normalize(row Row) (Row, error) {
	if row.Layout == s.layout || s.normalize == nil {
		return row, nil
	}
	return s.normalize(row)
}

// Row is a record as an adapter sees it.
type Row struct {
	Meta
	// Layout is the version of the body's form it was written in.
	Layout int
	// Columns has one value a declared column, in order: string, int64, bool or nil.
	Columns []any
	// Body is one JSON document of at most MaxDocument bytes, nil where only heads were asked for.
	Body []byte
}

// Value gives what the row has in a column of the schema, one that every table has included;
// nil for NULL and for names that are not columns.
func (r *Row) Value(s *Schema, column string) any {
	if i, ok := s.place[column]; ok {
		if i < len(r.Columns) {
			return r.Columns[i]
		}
		return nil
	}
	switch column {
	case ColumnTenant:
		return string(r.Tenant)
	case ColumnID:
		return string(r.ID)
	case ColumnVersion:
		return r.Version
	case ColumnCreated:
		return r.Created.UnixMicro()
	case ColumnUpdated:
		return r.Updated.UnixMicro()
	}
	return nil
}
