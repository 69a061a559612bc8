package auditlog

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/internal/csvrows"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxField is the greatest length in bytes of one field of a log; names of incidents, people,
// groups and states are at most storage.MaxKey bytes.
const MaxField = 32 << 10

// Reader reads a log row by row. It is for one goroutine.
type Reader struct {
	rules   *rules
	scan    *csvrows.Scanner
	header  []string
	columns []column
	closers []io.Closer
}

// column is what a column of the log is read into; an empty field is kept among the values.
type column struct {
	name  string
	field Field
}

// Open opens a log that is a file; [Reader.Close] closes it.
func Open(path string, m Mapping) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, m)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closers = append(r.closers, f)
	return r, nil
}

// NewReader reads a log's header, from plain CSV in UTF-8 or from gzip, which it knows by its
// first bytes. It is itsm.ErrInvalid, with every fault, where the mapping is wrong, or the header
// lacks a column that the mapping needs or has one twice. How much of the input has been read when
// the reader is done with is undefined; closing it is the caller's.
func NewReader(in io.Reader, m Mapping) (*Reader, error) {
	rules, err := m.compile()
	if err != nil {
		return nil, err
	}
	r := &Reader{rules: rules}
	first := bufio.NewReader(in)
	magic, err := first.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	var text io.Reader = first
	if len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(first)
		if err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		r.closers = append(r.closers, unzipped)
		text = unzipped
	}
	r.scan = csvrows.New(text, rules.comma)
	return r, r.readHeader()
}

func (r *Reader) readHeader() error {
	fields, _, problem, err := r.scan.Next()
	switch {
	case errors.Is(err, io.EOF):
		return itsm.Invalid("audit log", "header", "is required: the log is empty")
	case err != nil:
		return fmt.Errorf("audit log: %w", err)
	case problem != "":
		return itsm.Invalid("audit log", "header", problem)
	}
	var f itsm.Faults
	byColumn := map[string]Field{}
	for field, name := range r.rules.columns {
		if name != "" {
			byColumn[name] = field
		}
	}
	seen := map[string]bool{}
	for i, name := range fields {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.TrimSpace(name)
		if problem := storage.CheckKey(name); problem != "" {
			f.Addf("header", "has a name in column %d that %s", i+1, problem)
		} else if seen[name] {
			f.Addf("header", "has the column %q twice", name)
		}
		seen[name] = true
		name = strings.Clone(name)
		r.header = append(r.header, name)
		r.columns = append(r.columns, column{name, byColumn[name]})
	}
	for _, s := range standardFields {
		if name := r.rules.columns[s.field]; r.rules.explicit[s.field] && name != "" && !seen[name] {
			f.Addf("header", "lacks the column %q, from which %s is read", name, s.field)
		}
	}
	return f.Err("audit log")
}

// Columns gives the names of the log's columns in order.
func (r *Reader) Columns() []string { return slices.Clone(r.header) }

// Close closes what [Open] opened.
func (r *Reader) Close() error {
	var all []error
	for _, c := range r.closers {
		all = append(all, c.Close())
	}
	r.closers = nil
	return errors.Join(all...)
}

// Rows gives each row in turn. A row that cannot be read comes as a [*RowError], and the rows
// after it are given all the same; any other error is the last thing that is given. The loop may
// be left and taken up again.
func (r *Reader) Rows() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			entry, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(entry, err) {
				return
			}
			var faulty *RowError
			if err != nil && !errors.As(err, &faulty) {
				return
			}
		}
	}
}

// Next gives the next row, a [*RowError] where it cannot be read, and io.EOF at the end.
func (r *Reader) Next() (Entry, error) {
	fields, line, problem, err := r.scan.Next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return Entry{}, io.EOF
		}
		return Entry{}, fmt.Errorf("audit log, line %d: %w", line, err)
	}
	if problem == "" && len(fields) != len(r.columns) {
		problem = fmt.Sprintf("has %d fields; the header has %d", len(fields), len(r.columns))
	}
	if problem != "" {
		return Entry{}, &RowError{Line: line, Faults: []itsm.Fault{{Field: "row", Problem: problem}}}
	}
	e := Entry{Line: line}
	var f itsm.Faults
	for i, c := range r.columns {
		r.read(&e, c, fields[i], &f)
	}
	if !f.Empty() {
		source := e.Source
		if storage.CheckKey(source) != "" {
			source = ""
		}
		return Entry{}, &RowError{Line: line, Source: source, Faults: f.List()}
	}
	return e, nil
}

// read puts one field of a row into the entry.
func (r *Reader) read(e *Entry, c column, value string, f *itsm.Faults) {
	absent := value == "" || r.rules.missing[value]
	if absent {
		switch c.field {
		case FieldSource, FieldAt, FieldState:
			f.Add(c.name, "is required")
		}
		return
	}
	limit := MaxField
	switch c.field {
	case FieldSource, FieldAuthor, FieldRequester, FieldGroup, FieldAssignee, FieldResolver, FieldState, FieldService:
		limit = storage.MaxKey
	}
	if problem := textProblem(value, limit); problem != "" {
		f.Add(c.name, problem)
		return
	}
	code := r.rules.code(c.field, value)
	if c.field == "" || r.rules.merged[c.field][code] {
		if e.Values == nil {
			e.Values = make(map[string]string, len(r.columns))
		}
		e.Values[c.name] = value
	}
	switch c.field {
	case FieldSource:
		e.Source = code
	case FieldAt:
		e.At = r.instant(c, code, f)
	case FieldAuthor:
		e.Author = code
	case FieldState:
		s := r.rules.state(value)
		e.SourceState, e.State = value, s.State
		if e.HoldReason == "" {
			e.HoldReason = s.HoldReason
		}
	case FieldHoldReason:
		e.HoldReason = code
	case FieldTitle:
		e.Title = code
	case FieldRequester:
		e.Requester = code
	case FieldGroup:
		e.Group = code
	case FieldAssignee:
		e.Assignee = code
	case FieldCategory:
		e.Category = code
	case FieldSubcategory:
		e.Subcategory = code
	case FieldService:
		e.Service = code
	case FieldChannel:
		e.Channel = code
	case FieldImpact:
		e.Impact = itsm.Impact(number(c, code, 1, 3, f))
	case FieldUrgency:
		e.Urgency = itsm.Urgency(number(c, code, 1, 3, f))
	case FieldPriority:
		e.Priority = itsm.Priority(number(c, code, 1, 5, f))
	case FieldOpened:
		e.Opened = r.instant(c, code, f)
	case FieldResolved:
		e.Resolved = r.instant(c, code, f)
	case FieldClosed:
		e.Closed = r.instant(c, code, f)
	case FieldCode:
		e.Code = code
	case FieldResolver:
		e.Resolver = code
	case FieldReassignments:
		e.Reassignments = number(c, code, 0, maxCount, f)
	case FieldReopens:
		e.Reopens = number(c, code, 0, maxCount, f)
	}
}

// maxCount is what no count of a real incident comes near.
const maxCount = 1_000_000

func (r *Reader) instant(c column, value string, f *itsm.Faults) time.Time {
	t, problem := r.rules.time(value)
	if problem != "" {
		f.Add(c.name, problem)
	}
	return t
}

func number(c column, value string, least, most int, f *itsm.Faults) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		f.Addf(c.name, "must be a number from %d to %d, or a code that the mapping knows", least, most)
		return 0
	}
	return n
}

// textProblem says what is wrong with a field as text, or "".
func textProblem(value string, limit int) string {
	if len(value) > limit {
		return fmt.Sprintf("has %d bytes; at most %d are allowed", len(value), limit)
	}
	if !utf8.ValidString(value) {
		return "is not valid UTF-8"
	}
	multiline := limit == MaxField
	for i := range len(value) {
		b := value[i]
		if b >= ' ' && b != 0x7f {
			continue
		}
		if multiline && (b == '\n' || b == '\r' || b == '\t') {
			continue
		}
		if b == 0 {
			return "holds a NUL character"
		}
		return "holds a control character"
	}
	return ""
}
