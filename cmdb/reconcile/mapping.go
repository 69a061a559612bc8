// This file holds how columns are to be understood, as data.

package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
)

// Mapping says what the columns of rows mean. It is plain data, and can be kept as JSON. A column that it does not name
// is passed over. In JSON rows a column is a member of the row's object; a dot leads into an object in it:
// "hardware.serial".
type Mapping struct {
	// Source is who tells the rows.
	Source string `json:"source"`
	// Key is the column of the source's own key; empty where there is none.
	Key string `json:"key,omitempty"`
	// Class is the class of all rows. Without it ClassColumn says that of each, translated by Classes where these
	// know it.
	Class       string            `json:"class,omitempty"`
	ClassColumn string            `json:"class_column,omitempty"`
	Classes     map[string]string `json:"classes,omitempty"`
	// At is the column of when the row was observed (RFC 3339); empty, or an empty cell, is when it is read.
	At string `json:"at,omitempty"`
	// Columns are those of attributes and the name.
	Columns []Column `json:"columns"`
	// Relations are the columns that name other CIs.
	Relations []RelationColumn `json:"relations,omitempty"`
	// Delimiter stands between the fields of CSV: "," where it is empty, or ";", "|" or a tab.
	Delimiter string `json:"delimiter,omitempty"`
}

// Column says of what attribute a column is.
type Column struct {
	Column string `json:"column"`
	// Attribute is an attribute of the row's class, or [Name]. What else every CI has (schema.Reserved: its owner, group, site,
	// environment, criticality) people set by commands, and no source tells: a host whose source knows it declares an attribute
	// of another name, or writes it by an update of the CI after the import.
	Attribute string `json:"attribute"`
	// Values translates cells; one that it does not know stays as it is. Cells are read as [schema.Compiled.Parse]
	// reads them.
	Values map[string]string `json:"values,omitempty"`
	// Clears has an empty cell say that the CI has no such value. Otherwise it says nothing.
	Clears bool `json:"clears,omitempty"`
}

// RelationColumn says with what CIs a column relates that of its row.
type RelationColumn struct {
	Column string `json:"column"`
	// Relation is the type. The CI of the row is its source, or its target where Inverse is set.
	Relation string `json:"relation"`
	Inverse  bool   `json:"inverse,omitempty"`
	// Class and Attribute say that the cell is a value of the attribute, or of [Name], of a CI of the class; the rules must have
	// an entry that knows one by it alone. Without them it is the source's key of the CI.
	Class     string `json:"class,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	// Separator stands between several in one cell. Without it there is one.
	Separator string `json:"separator,omitempty"`
}

// MaxColumns is how many columns a mapping may name, and the header of CSV may have.
const MaxColumns = 1000

// ParseMapping reads the JSON form of a mapping: one object without unknown members, at most [MaxJSON] bytes. What it
// names is known when it is compiled.
func ParseMapping(raw []byte) (Mapping, error) {
	var m Mapping
	if err := strictjson.Decode("mapping", raw, MaxJSON, &m); err != nil {
		return Mapping{}, err
	}
	return m, nil
}

// Reader reads rows as a mapping has them. It does not change, and any number of goroutines may use it.
type Reader struct {
	m     Mapping
	rules *Compiled
	comma byte
	paths map[string][]string // of columns in JSON
}

// Reader makes a mapping ready for use, or gives a *storage.ValidationError with everything that is wrong with it:
// classes, attributes and relations that the model does not have, columns that are needed and missing, and so on. An
// attribute is one of the class or, where a column says the class, of any class.
func (c *Compiled) Reader(m Mapping) (*Reader, error) {
	r := &Reader{m: m, rules: c, comma: ',', paths: map[string][]string{}}
	r.m.Columns, r.m.Relations, r.m.Classes = slices.Clone(m.Columns), slices.Clone(m.Relations), maps.Clone(m.Classes)
	for i := range r.m.Columns {
		r.m.Columns[i].Values = maps.Clone(r.m.Columns[i].Values)
	}
	var f itsm.Faults
	f.Key("source", m.Source)
	switch {
	case m.Class != "" && m.ClassColumn != "":
		f.Add("class_column", "cannot stand beside class")
	case m.Class != "":
		c.class(&f, "class", m.Class)
	case m.ClassColumn == "":
		f.Add("class", "is required, or class_column")
	}
	if m.Class != "" && len(m.Classes) > 0 {
		f.Add("classes", "need class_column")
	}
	for _, from := range slices.Sorted(maps.Keys(m.Classes)) {
		c.class(&f, "classes."+clip(from), m.Classes[from])
	}
	if n := len(m.Columns) + len(m.Relations); n == 0 || n > MaxColumns {
		f.Addf("columns", "must be 1 to %d with relations", MaxColumns)
		return nil, f.Err("mapping")
	}
	said := map[string]bool{}
	for i, column := range m.Columns {
		prefix := fmt.Sprintf("columns[%d].", i)
		columnName(&f, prefix+"column", column.Column)
		if said[column.Attribute] {
			f.Addf(prefix+"attribute", "has a column already: %s", clip(column.Attribute))
		}
		said[column.Attribute] = true
		if column.Attribute == Name {
			if column.Clears {
				f.Add(prefix+"clears", "is not for the name, which every CI has")
			}
			continue
		}
		switch {
		case c.hasAttribute(m.Class, column.Attribute):
		case slices.Contains(schema.Reserved(), column.Attribute):
			f.Addf(prefix+"attribute", "%s is what every CI has beside its attributes, which no source tells; it is set by a command", clip(column.Attribute))
		default:
			f.Addf(prefix+"attribute", "is not an attribute of %s: %s", orAny(m.Class), clip(column.Attribute))
		}
	}
	for i, column := range m.Relations {
		c.checkRelationColumn(&f, fmt.Sprintf("relations[%d].", i), m.Class, column)
	}
	switch m.Delimiter {
	case "":
	case ",", ";", "|", "\t":
		r.comma = m.Delimiter[0]
	default:
		f.Add("delimiter", `must be ",", ";", "|" or a tab`)
	}
	if err := f.Err("mapping"); err != nil {
		return nil, err
	}
	for _, name := range r.columns() {
		r.paths[name] = strings.Split(name, ".")
	}
	return r, nil
}

func (c *Compiled) checkRelationColumn(f *itsm.Faults, prefix, class string, column RelationColumn) {
	columnName(f, prefix+"column", column.Column)
	_, ok := c.model.Relation(column.Relation)
	if !ok {
		f.Addf(prefix+"relation", "is not a type of relation of the model: %s", clip(column.Relation))
	}
	if (column.Class == "") != (column.Attribute == "") {
		f.Add(prefix+"attribute", "and class need each other")
		return
	}
	if column.Class == "" || !c.class(f, prefix+"class", column.Class) {
		return
	}
	if column.Attribute != Name && !c.hasAttribute(column.Class, column.Attribute) {
		f.Addf(prefix+"attribute", "is not an attribute of %s: %s", column.Class, clip(column.Attribute))
	}
	if (column.Attribute == Name || c.hasAttribute(column.Class, column.Attribute)) && !c.pointed(column.Class, column.Attribute) {
		f.Addf(prefix+"attribute", "is not what any rule knows a %s by alone, so that no row could be resolved: %s; add an entry to the identifier, or use the source's keys", column.Class, clip(column.Attribute))
	}
	if ok && class != "" && c.model.Is(class, class) && !c.related(column.Relation, column.Inverse, class, column.Class) {
		f.Addf(prefix+"relation", "is not allowed between %s and %s this way round", class, column.Class)
	}
}

// hasAttribute reports whether a class has an attribute, or any where the class is empty. A class that is unknown is
// told of elsewhere.
func (c *Compiled) hasAttribute(class, attribute string) bool {
	if class == "" {
		return slices.ContainsFunc(c.model.Model().Classes, func(any schema.Class) bool {
			return slices.ContainsFunc(any.Attributes, func(a schema.Attribute) bool { return a.Name == attribute })
		})
	}
	if !c.model.Is(class, class) {
		return true
	}
	_, ok := c.model.Attribute(class, attribute)
	return ok
}

func orAny(class string) string {
	if class == "" {
		return "any class"
	}
	return class
}

func columnName(f *itsm.Faults, field, name string) {
	if strings.TrimSpace(name) == "" || name != strings.TrimSpace(name) {
		f.Add(field, "is required, without spaces around it")
	}
}

// columns gives the names of all columns that are read, each once, in the order of the mapping.
func (r *Reader) columns() []string {
	names := []string{r.m.Key, r.m.ClassColumn, r.m.At}
	for _, column := range r.m.Columns {
		names = append(names, column.Column)
	}
	for _, column := range r.m.Relations {
		names = append(names, column.Column)
	}
	var once []string
	for _, name := range names {
		if name != "" && !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
