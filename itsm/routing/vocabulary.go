// This file holds what conditions can speak of: the columns of a kind of record, the host's own
// fields, and what else is known of a record when it is routed.

package routing

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Fact is something that is known of a record when it is routed, but does not stand in it: the
// requester's organisation and site, whether they are a VIP, the class of the affected CI. The host
// declares it and supplies its value.
type Fact struct {
	// Name is how conditions call it: words of lower-case letters, digits and underscores, at
	// least two of them with dots between, as in "requester.site", so that it is never the name
	// of a column. The first is not "fields".
	Name string
	// Title is what people read; empty means the name.
	Title string
	Kind  storage.Kind
}

// Term is one thing that a condition can name, for a form in which rules are written.
type Term struct {
	// Name is what stands in a condition's Column.
	Name  string       `json:"name"`
	Title string       `json:"title"`
	Kind  storage.Kind `json:"kind"`
	// Choices are the values that there are, where it is a field with choices.
	Choices []string `json:"choices,omitempty"`

	field itsm.FieldType // "" where it is no field
}

// Vocabulary is what the rules for one kind of record can speak of. It is immutable.
type Vocabulary struct {
	kind   string
	terms  []Term
	byName map[string]int
	// refused says why a field cannot be named in a condition.
	refused map[string]string
	fields  bool // there are fields to read from the body
}

var factName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)

// fieldPrefix is what the names of fields begin with.
const fieldPrefix = "fields."

// NewVocabulary gives the vocabulary of a kind of record: the columns of its schema by their names,
// those that every table has included; the fields as "fields.<name>"; the facts by their names.
//
// A text, a choice and a date (as "2026-05-31", so that later is greater) are compared as text, a
// reference as the id that it names. Fields that are a list or a decimal cannot be compared, and
// a rule that names one is refused. Malformed facts, and names used twice, are ErrInvalid with
// every fault.
func NewVocabulary(s *storage.Schema, fields *itsm.FieldSet, facts ...Fact) (*Vocabulary, error) {
	if s == nil {
		return nil, storage.Invalid("vocabulary", "schema", "is required")
	}
	v := &Vocabulary{kind: s.Name(), byName: map[string]int{}, refused: map[string]string{}}
	var f itsm.Faults
	add := func(t Term) {
		if t.Title == "" {
			t.Title = t.Name
		}
		v.byName[t.Name] = len(v.terms)
		v.terms = append(v.terms, t)
	}
	for _, c := range s.Columns() {
		add(Term{Name: c.Name, Kind: c.Kind})
	}
	for _, name := range everyTable {
		c, _ := s.Column(name)
		add(Term{Name: name, Kind: c.Kind})
	}
	for _, d := range fields.Definitions() {
		t := Term{Name: fieldPrefix + d.Name, Title: d.Title, Choices: d.Choices, field: d.Type}
		switch d.Type {
		case itsm.FieldText, itsm.FieldChoice, itsm.FieldDate, itsm.FieldReference:
			t.Kind = storage.Text
		case itsm.FieldInteger:
			t.Kind = storage.Int
		case itsm.FieldBoolean:
			t.Kind = storage.Bool
		case itsm.FieldTime:
			t.Kind = storage.Time
		default:
			v.refused[t.Name] = fmt.Sprintf("is a field of the type %s, which a condition cannot compare", d.Type)
			continue
		}
		v.fields = true
		add(t)
	}
	for i, fact := range facts {
		at := fmt.Sprintf("facts[%d]", i)
		switch {
		case !factName.MatchString(fact.Name) || len(fact.Name) > storage.MaxKey || strings.HasPrefix(fact.Name, fieldPrefix):
			f.Addf(at+".name", `is %s; write at least two words of lower-case letters, digits and underscores with dots between, such as "requester.site", the first not "fields"`, quoted(fact.Name))
		case v.has(fact.Name):
			f.Addf(at+".name", "%q is used twice", fact.Name)
		}
		if fact.Kind < storage.Text || fact.Kind > storage.Time {
			f.Add(at+".kind", "must be storage.Text, Int, Bool or Time")
		}
		f.Text(at+".title", fact.Title, storage.MaxText, false)
		add(Term{Name: fact.Name, Title: fact.Title, Kind: fact.Kind})
	}
	if err := f.Err("vocabulary of " + v.kind); err != nil {
		return nil, err
	}
	return v, nil
}

// everyTable are the columns that each table has, the tenant apart: it is the same for all records
// that a rule set meets.
var everyTable = []string{storage.ColumnID, storage.ColumnVersion, storage.ColumnCreated, storage.ColumnUpdated}

// Kind is the kind of record: the schema's name.
func (v *Vocabulary) Kind() string { return v.kind }

// Terms gives everything that a condition can name: columns, then fields, then facts.
func (v *Vocabulary) Terms() []Term {
	terms := slices.Clone(v.terms)
	for i := range terms {
		terms[i].Choices = slices.Clone(terms[i].Choices)
	}
	return terms
}

func (v *Vocabulary) has(name string) bool {
	_, ok := v.byName[name]
	return ok
}

// Facts are the values of one record by the names that conditions use: a string, int64 or bool as
// the kind says, a time in microseconds. What is absent, or nil, is null.
type Facts map[string]any

func (f Facts) get(name string) any { return f[name] }

// Facts gives what is known of a record: the columns of the row as it was read through the schema,
// the fields from its body, where they are under "fields" as itsm.Fields, and the named facts as the
// host supplies them: string, int, int64, bool or time.Time, nil for what is not known. A field
// whose value is of another type than its definition says is null.
//
// A fact that was not declared or is of another kind, a row of another kind of record, and one
// without its body where there are fields are ErrInvalid with every fault.
func (v *Vocabulary) Facts(s *storage.Schema, row storage.Row, named map[string]any) (Facts, error) {
	facts := make(Facts, len(v.terms))
	var f itsm.Faults
	if s.Name() != v.kind {
		f.Addf("kind", "is %q; this is the vocabulary of %s", s.Name(), v.kind)
		return nil, f.Err("facts")
	}
	var fields itsm.Fields
	if v.fields {
		fields = v.read(row, &f)
	}
	for i := range v.terms {
		t := &v.terms[i]
		if t.field != "" {
			if value := fieldValue(fields, t); value != nil {
				facts[t.Name] = value
			}
		} else if value := row.Value(s, t.Name); value != nil {
			facts[t.Name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		i, ok := v.byName[name]
		if !ok || !factName.MatchString(name) || v.terms[i].field != "" {
			f.Addf("facts", "has %s, which was not declared", quoted(name))
			continue
		}
		value, problem := factValue(v.terms[i].Kind, named[name])
		if problem != "" {
			f.Add(name, problem)
		} else if value != nil {
			facts[name] = value
		}
	}
	if err := f.Err("facts of " + v.kind); err != nil {
		return nil, err
	}
	return facts, nil
}

// read gives the custom fields of a whole row.
func (v *Vocabulary) read(row storage.Row, f *itsm.Faults) itsm.Fields {
	var body struct {
		Fields itsm.Fields `json:"fields"`
	}
	switch {
	case row.Body == nil:
		f.Add("body", "is required: there are fields to read from it")
	case json.Unmarshal(row.Body, &body) != nil:
		f.Add("body", "cannot be read")
	}
	return body.Fields
}

func fieldValue(fields itsm.Fields, t *Term) any {
	name := t.Name[len(fieldPrefix):]
	var value any
	var ok bool
	switch t.field {
	case itsm.FieldInteger:
		value, ok = fields.Integer(name)
	case itsm.FieldBoolean:
		value, ok = fields.Boolean(name)
	case itsm.FieldTime:
		var at time.Time
		at, ok = fields.Time(name)
		value = at.UnixMicro()
	case itsm.FieldReference:
		var ref itsm.Ref
		ref, ok = fields.Reference(name)
		value = string(ref.ID)
	case itsm.FieldDate:
		if _, ok = fields.Date(name); ok {
			value, ok = fields.Text(name)
		}
	default:
		value, ok = fields.Text(name)
	}
	if !ok {
		return nil
	}
	return value
}

// factValue gives a host's value as conditions compare it.
func factValue(k storage.Kind, value any) (any, string) {
	wrong := fmt.Sprintf("takes %s values, not %T", k, value)
	switch x := value.(type) {
	case nil:
		return nil, ""
	case string:
		if k != storage.Text {
			return nil, wrong
		}
		return x, ""
	case itsm.ID:
		if k != storage.Text {
			return nil, wrong
		}
		return string(x), ""
	case int:
		if k != storage.Int {
			return nil, wrong
		}
		return int64(x), ""
	case int64:
		if k != storage.Int && k != storage.Time {
			return nil, wrong
		}
		return x, ""
	case bool:
		if k != storage.Bool {
			return nil, wrong
		}
		return x, ""
	case time.Time:
		switch {
		case k != storage.Time:
			return nil, wrong
		case x.IsZero():
			return nil, ""
		}
		return x.UnixMicro(), ""
	}
	return nil, wrong
}

// quoted gives a short quoted form of text from outside for an error message.
func quoted(s string) string {
	if r := []rune(s); len(r) > 64 {
		s = string(r[:64]) + "…"
	}
	return strconv.Quote(s)
}
