// This file reads rows of JSON.

package reconcile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"

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
		split := &elements{in: bufio.NewReaderSize(in, 64<<10), line: 1}
		if err := split.open(); err != nil {
			if !errors.Is(err, io.EOF) {
				yield(Observation{}, err)
			}
			return
		}
		for n := 1; ; n++ {
			raw, line, problem, err := split.next()
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

// elements cuts a stream into the elements of an array or into lines.
type elements struct {
	in    *bufio.Reader
	line  int
	array bool
	begun bool // an element of the array was given
	ended bool
	buf   []byte
}

// open looks for the bracket of an array.
func (e *elements) open() error {
	if mark, err := e.in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = e.in.Discard(3) // a byte order mark
	}
	b, err := e.blank()
	if err != nil {
		return err
	}
	if b == '[' {
		e.array = true
		return nil
	}
	return e.in.UnreadByte()
}

// blank gives the first byte that is no white space.
func (e *elements) blank() (byte, error) {
	for {
		b, err := e.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch b {
		case '\n':
			e.line++
		case ' ', '\t', '\r':
		default:
			return b, nil
		}
	}
}

// next gives the next element, valid until it is called again, and the line where it begins; or what is wrong with it.
// An error is the input's.
func (e *elements) next() (raw []byte, line int, problem string, err error) {
	if e.ended {
		return nil, e.line, "", io.EOF
	}
	b, err := e.blank()
	if e.array {
		if errors.Is(err, io.EOF) {
			e.ended = true
			return nil, e.line, "breaks off: the array is not closed", nil
		}
		if err == nil && b == ']' {
			e.ended = true
			if _, err := e.blank(); err == nil {
				return nil, e.line, "goes on after the end of the array", nil
			} else if !errors.Is(err, io.EOF) {
				return nil, e.line, "", err
			}
			return nil, e.line, "", io.EOF
		}
		if err == nil && e.begun {
			// An element ends before a comma or a bracket, so this is the comma.
			if b, err = e.blank(); errors.Is(err, io.EOF) {
				e.ended = true
				return nil, e.line, "breaks off: the array is not closed", nil
			}
		}
	}
	if err != nil {
		return nil, e.line, "", err
	}
	e.begun = true
	line = e.line
	if err := e.in.UnreadByte(); err != nil {
		return nil, line, "", err
	}
	long, err := e.take()
	switch {
	case err != nil:
		return nil, line, "", err
	case long:
		return nil, line, fmt.Sprintf("is longer than %d bytes", MaxRow), nil
	}
	return e.buf, line, "", nil
}

// take reads an element up to the comma or bracket after it, or a line up to its end, and reports whether it was too long
// to be kept.
func (e *elements) take() (long bool, err error) {
	e.buf = e.buf[:0]
	depth, quoted, escaped := 0, false, false
	for {
		b, err := e.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return long, nil
		}
		if err != nil {
			return long, err
		}
		if b == '\n' {
			e.line++
		}
		if e.array {
			switch {
			case escaped:
				escaped = false
			case quoted:
				escaped, quoted = b == '\\', b != '"'
			case b == '"':
				quoted = true
			case b == '{' || b == '[':
				depth++
			case depth == 0 && (b == ',' || b == ']'):
				return long, e.in.UnreadByte()
			case depth > 0 && (b == '}' || b == ']'):
				depth--
			}
		} else if b == '\n' {
			return long, nil
		}
		if len(e.buf) == MaxRow {
			long = true
			continue
		}
		e.buf = append(e.buf, b)
	}
}
