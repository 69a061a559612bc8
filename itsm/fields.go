// This file holds a host's own fields on records: definitions, values, and their check.

package itsm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/storage"
)

// FieldType says what a custom field holds, and how its JSON looks.
type FieldType string

// The types.
const (
	// FieldText is a string.
	FieldText FieldType = "text"
	// FieldInteger is a number without decimal places that fits 64 bits.
	FieldInteger FieldType = "integer"
	// FieldDecimal is an exact number: a JSON string ("12.50", which every program keeps
	// exact) or a JSON number. Neither passes through a float here.
	FieldDecimal FieldType = "decimal"
	// FieldBoolean is true or false.
	FieldBoolean FieldType = "boolean"
	// FieldTime is an instant: a string of RFC 3339 with an offset.
	FieldTime FieldType = "time"
	// FieldDate is a day of the calendar, without a time zone: "2026-05-31".
	FieldDate FieldType = "date"
	// FieldChoice is one of the definition's choices, as a string.
	FieldChoice FieldType = "choice"
	// FieldChoices is a list of different ones of the definition's choices.
	FieldChoices FieldType = "choices"
	// FieldReference is a record: {"kind":"ci","id":"..."}.
	FieldReference FieldType = "reference"
)

var fieldTypes = []FieldType{FieldText, FieldInteger, FieldDecimal, FieldBoolean, FieldTime, FieldDate,
	FieldChoice, FieldChoices, FieldReference}

// DefaultFieldLength is the greatest length of a text field in characters where its definition
// says none.
const DefaultFieldLength = 4000

// FieldDefinition describes one custom field.
type FieldDefinition struct {
	// Name is the field's key: lower-case letters, digits and underscores, a letter first,
	// at most 63.
	Name string `json:"name"`
	// Title is what people read. Empty means the name, with a capital and spaces.
	Title string    `json:"title,omitempty"`
	Type  FieldType `json:"type"`
	// Required refuses records without a value: absent, null, a blank text, no choice.
	Required bool `json:"required,omitempty"`
	// Choices are what a choice may be.
	Choices []string `json:"choices,omitempty"`
	// MaxLength is for texts, in characters; 0 means [DefaultFieldLength].
	MaxLength int `json:"max_length,omitempty"`
	// Min and Max bound integers and decimals, both included. nil means no bound.
	Min *decimal.Decimal `json:"min,omitempty"`
	Max *decimal.Decimal `json:"max,omitempty"`
	// Kind is the kind of record that a reference names. Empty means any.
	Kind string `json:"kind,omitempty"`
	// Internal hides the field from those who may not read internal notes.
	Internal bool `json:"internal,omitempty"`
}

// FieldSet is an immutable set of definitions. A nil set defines no field.
type FieldSet struct {
	list   []FieldDefinition
	byName map[string]int
}

// NewFieldSet makes a set of the definitions, in their order. It refuses, as [ErrInvalid] with
// every fault, names that are malformed or used twice, unknown types, and bounds or choices
// that are missing, senseless or of another type.
func NewFieldSet(definitions ...FieldDefinition) (*FieldSet, error) {
	var f Faults
	s := &FieldSet{byName: make(map[string]int, len(definitions))}
	for i, d := range definitions {
		at := fmt.Sprintf("fields[%d]", i)
		if !isFieldName(d.Name) {
			f.Addf(at+".name", "is %q; write lower-case letters, digits and underscores, a letter first, at most 63", d.Name)
		}
		if _, twice := s.byName[d.Name]; twice {
			f.Addf(at+".name", "%q is used twice", d.Name)
		}
		d.check(at, &f)
		d = d.clone()
		if d.Title == "" {
			d.Title = titleOf(d.Name)
		}
		s.byName[d.Name] = i
		s.list = append(s.list, d)
	}
	if err := f.Err("field definitions"); err != nil {
		return nil, err
	}
	return s, nil
}

func isFieldName(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= 63
}

func (d *FieldDefinition) check(at string, f *Faults) {
	if !slices.Contains(fieldTypes, d.Type) {
		f.Addf(at+".type", "is %q; allowed are %s", d.Type, names(fieldTypes))
		return
	}
	f.Text(at+".title", d.Title, 200, false)
	chooses := d.Type == FieldChoice || d.Type == FieldChoices
	switch {
	case chooses && len(d.Choices) == 0:
		f.Add(at+".choices", "are required for this type")
	case !chooses && len(d.Choices) > 0:
		f.Addf(at+".choices", "have no meaning for the type %s", d.Type)
	}
	for i, c := range d.Choices {
		f.Text(fmt.Sprintf("%s.choices[%d]", at, i), c, 200, true)
		if slices.Contains(d.Choices[:i], c) {
			f.Addf(at+".choices", "have %q twice", c)
		}
	}
	if d.MaxLength < 0 {
		f.Add(at+".max_length", "must not be negative")
	}
	if d.MaxLength != 0 && d.Type != FieldText {
		f.Addf(at+".max_length", "has no meaning for the type %s", d.Type)
	}
	if d.Min != nil || d.Max != nil {
		switch {
		case d.Type != FieldInteger && d.Type != FieldDecimal:
			f.Addf(at+".min", "and max have no meaning for the type %s", d.Type)
		case d.Min != nil && !bounded(*d.Min) || d.Max != nil && !bounded(*d.Max):
			f.Add(at+".min", "or max has too many digits")
		case d.Min != nil && d.Max != nil && d.Min.GreaterThan(*d.Max):
			f.Add(at+".min", "is greater than max")
		}
	}
	if d.Kind != "" && d.Type != FieldReference {
		f.Addf(at+".kind", "has no meaning for the type %s", d.Type)
	}
}

func (d FieldDefinition) clone() FieldDefinition {
	d.Choices = slices.Clone(d.Choices)
	for _, bound := range []**decimal.Decimal{&d.Min, &d.Max} {
		if *bound != nil {
			v := **bound
			*bound = &v
		}
	}
	return d
}

// Definitions gives a copy of the definitions in their order, titles filled in.
func (s *FieldSet) Definitions() []FieldDefinition {
	if s == nil {
		return nil
	}
	out := make([]FieldDefinition, len(s.list))
	for i, d := range s.list {
		out[i] = d.clone()
	}
	return out
}

// Definition gives a copy of the definition with the name.
func (s *FieldSet) Definition(name string) (FieldDefinition, bool) {
	if s == nil {
		return FieldDefinition{}, false
	}
	i, ok := s.byName[name]
	if !ok {
		return FieldDefinition{}, false
	}
	return s.list[i].clone(), true
}

// Check notes everything that is wrong with the values, each under "fields.<name>": fields
// without a definition, required ones without a value, values of another type, beyond their
// bounds or not among the choices. null counts as absent. It changes nothing.
func (s *FieldSet) Check(f Fields, faults *Faults) {
	if s != nil {
		for i := range s.list {
			d := &s.list[i]
			if problem := d.problem(f[d.Name]); problem != "" {
				faults.Add("fields."+d.Name, problem)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if s == nil {
			faults.Add("fields."+shown(name), "is not defined")
		} else if _, ok := s.byName[name]; !ok {
			faults.Add("fields."+shown(name), "is not defined")
		}
	}
}

// shown makes a name that a stranger chose fit for an error's text.
func shown(name string) string {
	if isFieldName(name) {
		return name
	}
	r := []rune(strings.ToValidUTF8(name, "?"))
	return fmt.Sprintf("%q", string(r[:min(len(r), 40)]))
}

// Public gives the values without those of internal fields, and without those that have no
// definition: what one who may not read internal notes may see. The original is unchanged.
func (s *FieldSet) Public(f Fields) Fields {
	var out Fields
	if s == nil {
		return out
	}
	for _, d := range s.list {
		if raw, ok := f[d.Name]; ok && !d.Internal {
			if out == nil {
				out = Fields{}
			}
			out[d.Name] = bytes.Clone(raw)
		}
	}
	return out
}

// problem says what is wrong with a value, or "".
func (d *FieldDefinition) problem(raw json.RawMessage) string {
	if isAbsent(raw) {
		if d.Required {
			return "is required"
		}
		return ""
	}
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return "is not valid JSON"
	}
	switch d.Type {
	case FieldText:
		s, ok := readText(raw)
		if !ok {
			return "must be a text"
		}
		limit := d.MaxLength
		if limit == 0 {
			limit = DefaultFieldLength
		}
		var f Faults
		f.Text("", s, limit, d.Required)
		if !f.Empty() {
			return f.list[0].Problem
		}
	case FieldInteger:
		n, problem := readNumber(raw, false)
		if problem != "" {
			return problem
		}
		if !n.IsInteger() || !n.BigInt().IsInt64() {
			return "must be a whole number of at most 64 bits"
		}
		return d.bounds(n)
	case FieldDecimal:
		n, problem := readNumber(raw, true)
		if problem != "" {
			return problem
		}
		return d.bounds(n)
	case FieldBoolean:
		if _, ok := readBoolean(raw); !ok {
			return "must be true or false"
		}
	case FieldTime:
		if _, ok := readTime(raw); !ok {
			return "must be a time such as 2026-05-31T14:30:00Z"
		}
	case FieldDate:
		if _, ok := readDate(raw); !ok {
			return "must be a date such as 2026-05-31"
		}
	case FieldChoice:
		s, ok := readText(raw)
		if !ok || !slices.Contains(d.Choices, s) {
			return "must be one of: " + strings.Join(d.Choices, ", ")
		}
	case FieldChoices:
		list, ok := readTexts(raw)
		if !ok {
			return "must be a list of: " + strings.Join(d.Choices, ", ")
		}
		if d.Required && len(list) == 0 {
			return "is required"
		}
		for i, s := range list {
			if !slices.Contains(d.Choices, s) {
				return "must have only: " + strings.Join(d.Choices, ", ")
			}
			if slices.Contains(list[:i], s) {
				return fmt.Sprintf("has %q twice", s)
			}
		}
	case FieldReference:
		ref, ok := readReference(raw)
		switch {
		case !ok:
			return `must be an object such as {"kind":"ci","id":"..."}`
		case d.Kind != "" && ref.Kind != d.Kind:
			return fmt.Sprintf("must be of the kind %s", d.Kind)
		}
	}
	return ""
}

func (d *FieldDefinition) bounds(n decimal.Decimal) string {
	switch {
	case d.Min != nil && n.LessThan(*d.Min):
		return "must be at least " + d.Min.String()
	case d.Max != nil && n.GreaterThan(*d.Max):
		return "must be at most " + d.Max.String()
	}
	return ""
}

// Fields are the values of custom fields, each as its JSON. They are kept in a record's body.
// The typed readers give false for a field that is absent or of another type; a set's Check
// is what refuses such values when they come in.
type Fields map[string]json.RawMessage

// Clone gives a copy that shares nothing.
func (f Fields) Clone() Fields {
	if f == nil {
		return nil
	}
	out := make(Fields, len(f))
	for name, raw := range f {
		out[name] = bytes.Clone(raw)
	}
	return out
}

// Set gives the field a value: a string, a boolean, an integer, a decimal.Decimal, a
// time.Time, a []string, a [Ref], or JSON as it is (json.RawMessage). nil removes the field.
// It gives [ErrInvalid] for another type: floats are not exact, so write a decimal. Dates are
// strings, as time.DateOnly formats them.
func (f *Fields) Set(name string, value any) error {
	var raw json.RawMessage
	var err error
	switch v := value.(type) {
	case nil:
		delete(*f, name)
		return nil
	case json.RawMessage:
		raw = bytes.Clone(v)
	case decimal.Decimal:
		if !bounded(v) {
			return Invalid("fields", "fields."+shown(name), "has too many digits")
		}
		raw = json.RawMessage(`"` + v.String() + `"`)
	case time.Time:
		raw, err = json.Marshal(storage.Instant(v))
	case string, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, []string, Ref:
		raw, err = json.Marshal(v)
	default:
		err = errors.New("not a value of a field")
	}
	if err != nil || !json.Valid(raw) {
		return Invalid("fields", "fields."+shown(name), fmt.Sprintf("cannot hold this %T", value))
	}
	if *f == nil {
		*f = Fields{}
	}
	(*f)[name] = raw
	return nil
}

// Text gives a text or a choice.
func (f Fields) Text(name string) (string, bool) { return readText(f[name]) }

// Integer gives an integer.
func (f Fields) Integer(name string) (int64, bool) {
	n, problem := readNumber(f[name], false)
	if problem != "" || !n.IsInteger() || !n.BigInt().IsInt64() {
		return 0, false
	}
	return n.BigInt().Int64(), true
}

// Decimal gives a decimal or an integer, exactly.
func (f Fields) Decimal(name string) (decimal.Decimal, bool) {
	n, problem := readNumber(f[name], true)
	return n, problem == ""
}

// Boolean gives a boolean.
func (f Fields) Boolean(name string) (value, ok bool) { return readBoolean(f[name]) }

// Time gives an instant in UTC, truncated to microseconds.
func (f Fields) Time(name string) (time.Time, bool) { return readTime(f[name]) }

// Date gives a day of the calendar as its midnight in UTC. Only year, month and day have a
// meaning.
func (f Fields) Date(name string) (time.Time, bool) { return readDate(f[name]) }

// Choices gives a list of choices.
func (f Fields) Choices(name string) ([]string, bool) { return readTexts(f[name]) }

// Reference gives a record's kind and id.
func (f Fields) Reference(name string) (Ref, bool) { return readReference(f[name]) }

func isAbsent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

func read[V any](raw json.RawMessage) (v V, ok bool) {
	if isAbsent(raw) || !utf8.Valid(raw) || json.Unmarshal(raw, &v) != nil {
		var none V
		return none, false
	}
	return v, true
}

func readText(raw json.RawMessage) (string, bool) { return read[string](raw) }

func readBoolean(raw json.RawMessage) (value, ok bool) { return read[bool](raw) }

// readTexts does not take null for a text, as encoding/json would.
func readTexts(raw json.RawMessage) ([]string, bool) {
	list, ok := read[[]*string](raw)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, s := range list {
		if s == nil {
			return nil, false
		}
		out[i] = *s
	}
	return out, true
}

func readNumber(raw json.RawMessage, orText bool) (decimal.Decimal, string) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == '"' && !orText {
		return decimal.Decimal{}, "must be a number"
	}
	s, err := numberText(raw)
	if err != nil {
		return decimal.Decimal{}, "must be a number"
	}
	return parseDecimal(s)
}

func readTime(raw json.RawMessage) (time.Time, bool) {
	s, ok := readText(raw)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, false
	}
	return storage.Instant(t), true
}

func readDate(raw json.RawMessage) (time.Time, bool) {
	s, ok := readText(raw)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil
}

func readReference(raw json.RawMessage) (Ref, bool) {
	ref, ok := read[Ref](raw)
	if !ok || storage.CheckKey(ref.Kind) != "" || storage.CheckKey(string(ref.ID)) != "" {
		return Ref{}, false
	}
	return ref, true
}
