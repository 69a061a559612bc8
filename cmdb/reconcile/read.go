// This file turns rows into observations, and reads rows of CSV.

package reconcile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/internal/csvrows"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxRow is the greatest length of one row in bytes: of CSV, or of one JSON object.
const MaxRow = csvrows.MaxRow

// RowError says that a row cannot be read, and everything that is wrong with it. The rows after it are read all the
// same. It is itsm.ErrInvalid, and a *storage.ValidationError.
type RowError struct {
	// Row counts rows from 1, without a header and blank lines.
	Row int
	// Line is where it begins, from 1; 0 where what is read has no lines that mean anything.
	Line int
	// Key is the source's key, where the row is good enough to have one.
	Key string
	// Faults are named by columns; those of the row as a whole by "row". There is at least one.
	Faults []itsm.Fault
}

func (e *RowError) Error() string { return e.validation().Error() }

func (e *RowError) validation() *storage.ValidationError {
	subject := fmt.Sprintf("row %d", e.Row)
	if e.Line > 0 {
		subject += fmt.Sprintf(" (line %d)", e.Line)
	}
	return &storage.ValidationError{Subject: subject, Faults: e.Faults}
}

// Is makes every RowError itsm.ErrInvalid.
func (e *RowError) Is(target error) bool { return target == itsm.ErrInvalid }

// As gives the *storage.ValidationError that it is.
func (e *RowError) As(target any) bool {
	v, ok := target.(**storage.ValidationError)
	if ok {
		*v = e.validation()
	}
	return ok
}

// CSV reads rows of CSV (RFC 4180) in UTF-8 whose first row names the columns. Observations are canonical, have their
// rows, and were observed at the instant given where their row says no other. It reads as the loop goes on, and memory
// does not grow with the input.
//
// A row that cannot be read comes as a [*RowError] and reading goes on; where a quotation mark is never closed it goes on
// at the next line. Any other error is the last thing that is given: the input's own, or a *storage.ValidationError of
// the header with every column that is missing or stands there twice.
func (r *Reader) CSV(in io.Reader, at time.Time) iter.Seq2[Observation, error] {
	return func(yield func(Observation, error) bool) {
		scan := csvrows.New(in, r.comma)
		header, err := r.header(scan)
		if err != nil {
			yield(Observation{}, err)
			return
		}
		for n := 1; ; n++ {
			fields, line, problem, err := scan.Next()
			if problem == "" && err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Observation{}, fmt.Errorf("line %d: %w", line, err))
				}
				return
			}
			if problem == "" && len(fields) != header.width {
				problem = fmt.Sprintf("has %d fields; the header has %d", len(fields), header.width)
			}
			if problem != "" {
				if !yield(Observation{}, &RowError{Row: n, Line: line, Faults: []itsm.Fault{{Field: "row", Problem: problem}}}) {
					return
				}
				if err != nil {
					if !errors.Is(err, io.EOF) {
						yield(Observation{}, fmt.Errorf("line %d: %w", line, err))
					}
					return
				}
				continue
			}
			o, err := r.observation(n, line, at, func(column string) (cell, string) {
				return cell{text: fields[header.places[column]]}, ""
			})
			if !yield(o, err) {
				return
			}
		}
	}
}

// header is where the columns of CSV are.
type header struct {
	width  int
	places map[string]int
}

func (r *Reader) header(scan *csvrows.Scanner) (header, error) {
	const subject = "rows"
	fields, line, problem, err := scan.Next()
	switch {
	case problem != "":
		return header{}, itsm.Invalid(subject, "header", problem)
	case errors.Is(err, io.EOF):
		return header{}, itsm.Invalid(subject, "header", "is required: there is nothing")
	case err != nil:
		return header{}, fmt.Errorf("line %d: %w", line, err)
	case len(fields) > MaxColumns:
		return header{}, itsm.Invalid(subject, "header", fmt.Sprintf("has %d columns; at most %d are allowed", len(fields), MaxColumns))
	}
	var f itsm.Faults
	h := header{width: len(fields), places: map[string]int{}}
	for i, name := range fields {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.Clone(strings.TrimSpace(name))
		if _, ok := h.places[name]; ok && name != "" {
			f.Addf("header", "has the column %s twice", clip(name))
		}
		h.places[name] = i
	}
	for _, name := range r.columns() {
		if _, ok := h.places[name]; !ok {
			f.Addf("header", "lacks the column %s", clip(name))
		}
	}
	return h, f.Err(subject)
}

// cell is what stands in a column of a row: texts, of which there are several where JSON has a list.
type cell struct {
	text string
	list []string
	many bool
}

// trimmed gives the texts of a cell without space around them; none where it is empty.
func (c cell) trimmed() (all []string) {
	texts := c.list
	if !c.many {
		texts = []string{c.text}
	}
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			all = append(all, t)
		}
	}
	return all
}

// observation makes one of a row, of which cells gives each column, or what is wrong with it.
func (r *Reader) observation(n, line int, at time.Time, cells func(column string) (cell, string)) (Observation, error) {
	var f itsm.Faults
	o := Observation{Source: r.m.Source, Class: r.m.Class, At: at, Row: n}
	get := func(column string) []string {
		if column == "" {
			return nil
		}
		c, problem := cells(column)
		all := c.trimmed()
		for _, t := range all {
			if !utf8.ValidString(t) {
				problem = "is not valid UTF-8"
			}
		}
		if problem != "" {
			f.Add(column, problem)
			return nil
		}
		return all
	}
	one := func(column string) string {
		all := get(column)
		if len(all) > 1 {
			f.Add(column, "must be one value, not a list")
			return ""
		}
		return strings.Join(all, "")
	}
	o.Key = one(r.m.Key)
	if r.m.ClassColumn != "" {
		o.Class = one(r.m.ClassColumn)
		if class, ok := r.m.Classes[o.Class]; ok {
			o.Class = class
		}
		if f.Empty() {
			r.rules.class(&f, r.m.ClassColumn, o.Class)
		}
	}
	if text := one(r.m.At); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			f.Add(r.m.At, "must be a time as 2026-05-31T14:30:00Z")
		}
		o.At = t
	}
	class := r.rules.model.Is(o.Class, o.Class)
	for _, column := range r.m.Columns {
		texts := get(column.Column)
		for i, t := range texts {
			if translated, ok := column.Values[t]; ok {
				texts[i] = translated
			}
		}
		if class {
			r.attribute(&f, &o, column, texts)
		}
	}
	var from []string // the column of each relation
	for _, column := range r.m.Relations {
		texts := get(column.Column)
		if column.Separator != "" {
			var parts []string
			for _, t := range texts {
				parts = append(parts, cell{list: strings.Split(t, column.Separator), many: true}.trimmed()...)
			}
			texts = parts
		}
		for _, t := range texts {
			r.relation(&f, &o, column, t)
			for len(from) < len(o.Relations) {
				from = append(from, column.Column)
			}
		}
	}
	key := o.Key
	if storage.CheckKey(key) != "" {
		key = ""
	}
	canonical, err := r.rules.Canonical(o)
	if err == nil && f.Empty() {
		return canonical, nil
	}
	told := map[string]bool{}
	for _, fault := range f.List() {
		told[fault.Field] = true
	}
	var invalid *storage.ValidationError
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Faults {
			// What could not be read from a column is not told as missing besides.
			if column := r.column(fault.Field, from); !told[column] {
				f.Add(column, fault.Problem)
			}
		}
	}
	return Observation{}, &RowError{Row: n, Line: line, Key: key, Faults: f.List()}
}

// column gives the column from which a field of an observation was read; relations are those of relations.
func (r *Reader) column(field string, relations []string) string {
	switch {
	case field == "key" && r.m.Key != "":
		return r.m.Key
	case field == "at" && r.m.At != "":
		return r.m.At
	case field == "class" && r.m.ClassColumn != "":
		return r.m.ClassColumn
	}
	for _, column := range r.m.Columns {
		if field == column.Attribute || field == "attributes."+column.Attribute {
			return column.Column
		}
	}
	for i, column := range relations {
		if strings.HasPrefix(field, fmt.Sprintf("relations[%d].", i)) {
			return column
		}
	}
	return "row"
}

// attribute puts what stands in a column into the observation.
func (r *Reader) attribute(f *itsm.Faults, o *Observation, column Column, texts []string) {
	if column.Attribute == Name {
		if len(texts) > 1 {
			f.Add(column.Column, "must be one value, not a list")
			return
		}
		o.Name = strings.Join(texts, "")
		return
	}
	if _, ok := r.rules.model.Attribute(o.Class, column.Attribute); !ok {
		// Rows of several classes have cells that are not for all.
		if len(texts) > 0 {
			f.Addf(column.Column, "is for %s, which is not an attribute of %s", column.Attribute, o.Class)
		}
		return
	}
	if len(texts) == 0 {
		if column.Clears {
			set(o, column.Attribute, schema.Value{})
		}
		return
	}
	var values []schema.Value
	for _, t := range texts {
		v, err := r.rules.model.Parse(o.Class, column.Attribute, t)
		var invalid *storage.ValidationError
		if errors.As(err, &invalid) {
			for _, fault := range invalid.Faults {
				f.Add(column.Column, fault.Problem)
			}
			return
		}
		values = append(values, v)
	}
	if len(values) == 1 {
		set(o, column.Attribute, values[0])
		return
	}
	v, err := r.rules.model.CanonicalValue(o.Class, column.Attribute, schema.List(values...))
	var invalid *storage.ValidationError
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Faults {
			f.Add(column.Column, fault.Problem)
		}
		return
	}
	set(o, column.Attribute, v)
}

func set(o *Observation, attribute string, v schema.Value) {
	if o.Attributes == nil {
		o.Attributes = schema.Values{}
	}
	o.Attributes[attribute] = v
}

// relation puts what names another CI into the observation.
func (r *Reader) relation(f *itsm.Faults, o *Observation, column RelationColumn, text string) {
	p := Pointer{Class: column.Class}
	switch column.Attribute {
	case "":
		p.Key = text
	case Name:
		p.Name = text
	default:
		v, err := r.rules.model.Parse(column.Class, column.Attribute, text)
		var invalid *storage.ValidationError
		if errors.As(err, &invalid) {
			for _, fault := range invalid.Faults {
				f.Add(column.Column, fault.Problem)
			}
			return
		}
		p.Attributes = schema.Values{column.Attribute: v}
	}
	o.Relations = append(o.Relations, ObservedRelation{Type: column.Relation, Inverse: column.Inverse, Other: p})
}
