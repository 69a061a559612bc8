package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
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

// quotedAll makes each name an identifier.
func quotedAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return out
}

// column is a column of a table as the engine has it.
type column struct {
	name     string
	kind     storage.Kind
	nullable bool
	form     form
	// always says that every INSERT has it, so that it needs no default.
	always bool
	// digest is what the engine makes the column of by itself: see [relation.digest].
	digest string
}

// form says how long text may be, for engines that want to know: that of a declared column, a key,
// or a document.
type form uint8

const (
	key form = iota + 1
	long
)

// index is an index as the engine has it. An index over some of the rows only says which.
type index struct {
	name    string
	columns []storage.Order
	// begins has how many characters of a column the index has, where it is not all of them, and digest
	// the column that stands for all of them in a unique one.
	begins map[string]int
	digest string
	where  string
	unique bool
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
			{name: storage.ColumnTenant, kind: storage.Text, form: key, always: true},
			{name: storage.ColumnID, kind: storage.Text, form: key, always: true},
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
	r.columns = append(r.columns, column{name: "body", kind: storage.Text, form: long, always: true})
	for _, ix := range schema.Indexes() {
		r.indexes = append(r.indexes, s.suited(&r, r.declared(ix)))
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

// suited gives an index as the engine is best given it. Where an index ends with the primary key by
// itself, what it has of that at its end is left out, as its columns may only be so long together; so
// that the id can be, an index that ends downward is made in the other direction, to be walked
// backward.
func (s *core) suited(r *relation, ix index) index {
	if !s.d.wholeIndexes {
		return ix
	}
	ix.where = ""
	if ix.unique {
		if ix.begins = r.shortened(ix.columns, digestBytes); ix.begins != nil {
			ix.digest = r.digest(ix)
		}
		return ix
	}
	columns := slices.Clone(ix.columns)
	if columns[len(columns)-1].Descending {
		for i := 1; i < len(columns); i++ {
			columns[i].Descending = !columns[i].Descending
		}
	}
	for n := 1; n < len(columns); n++ {
		rest := slices.DeleteFunc(slices.Clone(r.primary), func(name string) bool {
			return slices.ContainsFunc(columns[:n], func(o storage.Order) bool { return o.Column == name })
		})
		if slices.EqualFunc(columns[n:], rest, func(o storage.Order, name string) bool { return o.Column == name && !o.Descending }) {
			columns = columns[:n]
			break
		}
	}
	ix.columns = columns
	ix.begins = r.shortened(columns, 0)
	return ix
}

// digest adds the column that is the digest of what a unique index is of, where that is too long for a key,
// and gives its name, which no declared column can have. No text holds the zero between them, and of NULL
// there is no digest.
func (r *relation) digest(ix index) string {
	var of []string
	for _, o := range ix.columns[1:] {
		of = append(of, quote(o.Column))
	}
	c := column{name: "_" + hash(ix.name), nullable: true, digest: "UNHEX(SHA2(CONCAT(" + strings.Join(of, ", X'00', ") + "), 256))"}
	if !slices.Contains(r.columns, c) {
		r.columns = append(r.columns, c)
	}
	return c.name
}

// The bytes that InnoDB takes in a key, those of a character, and the characters of a key and of a
// declared column.
const (
	maxKeyBytes    = 3072
	characterBytes = 4
	keyCharacters  = storage.MaxKey
	textCharacters = storage.MaxText
	digestBytes    = 33
)

// shortened gives how many characters of a column an index has at most, where there are too many columns of
// text for a key: nearly always all of what is there, as most are names. The last is kept whole, to be an
// order; what is before it is compared for equality, and a row that only begins alike is not taken.
func (r *relation) shortened(columns []storage.Order, total int) map[string]int {
	var texts []string
	for _, o := range columns {
		at := slices.IndexFunc(r.columns, func(c column) bool { return c.name == o.Column })
		switch c := r.columns[at]; {
		case c.kind != storage.Text:
			total += 9 // and whether it is NULL
		case c.form == key:
			total += keyCharacters*characterBytes + 1
		default:
			total += textCharacters*characterBytes + 1
			texts = append(texts, c.name)
		}
	}
	if total <= maxKeyBytes || len(texts) < 2 {
		return nil
	}
	last := len(texts) - 1
	left := (maxKeyBytes - (total - last*textCharacters*characterBytes)) / characterBytes / last
	begins := map[string]int{}
	for _, t := range texts[:last] {
		begins[t] = left
	}
	return begins
}

// order writes one column of an ORDER BY or an index.
func order(o storage.Order) string {
	if o.Descending {
		return quote(o.Column) + " DESC"
	}
	return quote(o.Column)
}

// parts writes the columns of an index.
func (ix index) parts() string {
	var b strings.Builder
	for i, o := range ix.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(o.Column))
		if n, ok := ix.begins[o.Column]; ok {
			b.WriteString("(" + strconv.Itoa(n) + ")")
		}
		if o.Descending {
			b.WriteString(" DESC")
		}
	}
	if ix.digest != "" {
		b.WriteString(", " + quote(ix.digest))
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
	// version begins the SELECT of a record's version, and current is the whole of it.
	version, current string
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
	var names []string
	for _, c := range t.columns {
		if c.digest == "" {
			names = append(names, c.name)
		}
	}
	from := " FROM " + quote(t.name)
	one := ` WHERE "tenant" = ? AND "id" = ?`
	t.heads = "SELECT " + quoteAll(names[:len(names)-1]) + from
	t.whole = "SELECT " + quoteAll(names) + from
	t.get = s.d.rebind(t.whole + one)
	t.version = `SELECT "version"` + from
	t.current = s.d.rebind(t.version + one)
	t.exists = s.d.rebind("SELECT 1" + from + one)
	t.remove = s.d.rebind("DELETE" + from + one + ` AND "version" = ?`)
	t.insert = "INSERT INTO " + quote(t.name) + " (" + quoteAll(names) + ") VALUES "
	t.create = s.d.rebind(t.insert + "(?" +
		strings.Repeat(", ?", len(names)-1) + ")" + s.d.once)
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
