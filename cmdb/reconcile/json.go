// This file reads rows of JSON.

package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/internal/jsonrows"
	"github.com/itsmkit/itsmkit/itsm"
)

// JSON reads rows that are JSON objects: an array of them, or one on each line (JSON Lines). Text, numbers and booleans
// are read as their text is in a cell of CSV; numbers keep all their digits; null says nothing, as an empty cell; a list
// has several values. What else is said of [Reader.CSV] holds.
//
// A line that is no object is a faulty row. In an array the end of a faulty element is found by its brackets and
// quotation marks, so that one whose brackets do not match takes what follows with it, which is told as one faulty row.
func (r *Reader) JSON(in io.Reader, at time.Time) iter.Seq2[Observation, error] {
	return func(yield func(Observation, error) bool) {
		scan := jsonrows.New(in)
		for n := 1; ; n++ {
			raw, line, problem, err := scan.Next()
			if err != nil && problem == "" {
				if !errors.Is(err, io.EOF) {
					yield(Observation{}, fmt.Errorf("line %d: %w", line, err))
				}
				return
			}
			var o Observation
			var faulty error
			if problem != "" {
				faulty = &RowError{Row: n, Line: line, Faults: []itsm.Fault{{Field: "row", Problem: problem}}}
			} else {
				o, faulty = r.object(n, line, at, raw)
			}
			if !yield(o, faulty) {
				return
			}
		}
	}
}

// object reads one row.
func (r *Reader) object(n, line int, at time.Time, raw []byte) (Observation, error) {
	fault := func(problem string) error {
		return &RowError{Row: n, Line: line, Faults: []itsm.Fault{{Field: "row", Problem: problem}}}
	}
	if !utf8.Valid(raw) {
		return Observation{}, fault("is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var row map[string]any
	if err := d.Decode(&row); err != nil || row == nil {
		return Observation{}, fault("is not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Observation{}, fault("goes on after its JSON object")
	}
	return r.observation(n, line, at, func(column string) (cell, string) {
		return member(row, column, r.paths[column])
	})
}

// member finds what a column is in a row: the member of that very name, or what its dots lead to.
func member(row map[string]any, name string, path []string) (cell, string) {
	v, ok := row[name]
	if !ok {
		inner := any(row)
		for _, step := range path {
			object, isObject := inner.(map[string]any)
			if !isObject {
				inner = nil
				break
			}
			inner = object[step]
		}
		v = inner
	}
	list, many := v.([]any)
	if !many {
		text, ok := scalar(v)
		if !ok {
			return cell{}, "must be a text, a number, a boolean or a list of these"
		}
		return cell{text: text}, ""
	}
	c := cell{many: true}
	for _, one := range list {
		text, ok := scalar(one)
		if !ok {
			return cell{}, "must be a list of texts, numbers and booleans"
		}
		c.list = append(c.list, text)
	}
	return c, ""
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}
