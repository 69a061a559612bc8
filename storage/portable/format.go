package portable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// This file is the lines of a file: one type for each kind, which encoding/json writes in one way only.

// Format is the version of the file's format that this package writes and reads.
const Format = 1

// MaxLine is how long a line may be, in bytes: what of a file is in memory at once.
const MaxLine = 64 << 20

// Summary says what a file has.
type Summary struct {
	Tenant storage.Tenant
	// Records, Events, Sequences and Jobs count what there is of each.
	Records, Events, Sequences, Jobs int64
	// SHA256 is the digest of all lines but the last, in hexadecimal.
	SHA256 string
}

type header struct {
	Export int            `json:"export"`
	Tenant storage.Tenant `json:"tenant"`
	Tables []table        `json:"tables"`
}

// table is a schema as a file names it, its columns in the order of their names.
type table struct {
	Name    string   `json:"name"`
	Layout  int      `json:"layout"`
	Columns []column `json:"columns"`
}

type column struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Nullable bool   `json:"nullable,omitempty"`
}

type recordLine struct {
	Record  string         `json:"record"`
	ID      storage.ID     `json:"id"`
	Version int64          `json:"version"`
	Created int64          `json:"created"`
	Updated int64          `json:"updated"`
	Layout  int            `json:"layout"`
	Columns map[string]any `json:"columns"` // json writes the keys in the order of bytes
	Body    string         `json:"body"`
}

type eventLine struct {
	Event    string     `json:"event"`
	Record   storage.ID `json:"record"`
	Version  int64      `json:"version"`
	N        int        `json:"n"`
	ID       storage.ID `json:"id"`
	Type     string     `json:"type"`
	At       int64      `json:"at"`
	Envelope string     `json:"envelope"`
}

type sequenceLine struct {
	Sequence string `json:"sequence"`
	Next     int64  `json:"next"`
}

type jobLine struct {
	Job      string  `json:"job"`
	Key      string  `json:"key"`
	Subject  string  `json:"subject,omitempty"`
	Due      int64   `json:"due"`
	Payload  *string `json:"payload,omitempty"`
	Dead     bool    `json:"dead,omitempty"`
	Attempts int     `json:"attempts,omitempty"`
	Error    string  `json:"error,omitempty"`
}

type trailer struct {
	Records   int64  `json:"records"`
	Events    int64  `json:"events"`
	Sequences int64  `json:"sequences"`
	Jobs      int64  `json:"jobs"`
	SHA256    string `json:"sha256"`
}

// encode gives a line, with its newline.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decode reads a line into a value. It must be as encode writes it: so no name is there twice or
// unknown, and no number or text written in another way, that another reader might take otherwise.
func decode(line []byte, v any) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if d.Decode(v) != nil {
		return false
	}
	again, err := encode(v)
	return err == nil && bytes.Equal(line, again)
}

// catalog is the tables that an export or import is of, in the order of their names.
type catalog []*storage.Schema

// newCatalog makes one table of the schemas of one name, with the columns of all.
func newCatalog(schemas []*storage.Schema) (catalog, error) {
	var faults []storage.Fault
	fault := func(field, format string, args ...any) {
		faults = append(faults, storage.Fault{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	all := map[string][]*storage.Schema{}
	for i, s := range schemas {
		if s == nil {
			fault(fmt.Sprintf("schemas[%d]", i), "is nil")
			continue
		}
		all[s.Name()] = append(all[s.Name()], s)
	}
	var c catalog
	for name, of := range all {
		merged := of[0]
		columns := slices.Clone(merged.Columns())
		for _, s := range of[1:] {
			if s.Layout() != merged.Layout() {
				fault(name, "has layout %d in one schema and %d in another", merged.Layout(), s.Layout())
			}
			for _, spec := range s.Columns() {
				i := slices.IndexFunc(columns, func(c storage.ColumnSpec) bool { return c.Name == spec.Name })
				if i < 0 {
					columns = append(columns, spec)
				} else if columns[i].Kind != spec.Kind || columns[i].Nullable != spec.Nullable {
					fault(name+"."+spec.Name, "is declared in two ways by two schemas of the table")
				}
			}
		}
		if len(of) > 1 && len(faults) == 0 {
			var err error
			// Without indexes, as nothing but the primary key is asked for.
			if merged, err = storage.NewSchema(name, of[0].Layout(), columns, nil); err != nil {
				return nil, err
			}
		}
		c = append(c, merged)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b storage.Fault) int { return strings.Compare(a.Field, b.Field) })
		return nil, &storage.ValidationError{Subject: "schemas", Faults: faults}
	}
	slices.SortFunc(c, func(a, b *storage.Schema) int { return strings.Compare(a.Name(), b.Name()) })
	return c, nil
}

// find gives the table of a name and its place, or nil.
func (c catalog) find(name string) (*storage.Schema, int) {
	i, ok := slices.BinarySearchFunc(c, name, func(s *storage.Schema, name string) int { return strings.Compare(s.Name(), name) })
	if !ok {
		return nil, i
	}
	return c[i], i
}

// tables gives the tables as a header has them.
func (c catalog) tables() []table {
	tables := make([]table, 0, len(c))
	for _, s := range c {
		t := table{Name: s.Name(), Layout: s.Layout(), Columns: make([]column, 0, len(s.Columns()))}
		for _, spec := range s.Columns() {
			t.Columns = append(t.Columns, column{Name: spec.Name, Kind: spec.Kind.String(), Nullable: spec.Nullable})
		}
		slices.SortFunc(t.Columns, func(a, b column) int { return strings.Compare(a.Name, b.Name) })
		tables = append(tables, t)
	}
	return tables
}

func lineOfRecord(s *storage.Schema, row storage.Row) ([]byte, error) {
	columns := make(map[string]any, len(row.Columns))
	for i, c := range s.Columns() {
		columns[c.Name] = row.Columns[i]
	}
	return encode(recordLine{Record: s.Name(), ID: row.ID, Version: row.Version, Created: row.Created.UnixMicro(),
		Updated: row.Updated.UnixMicro(), Layout: row.Layout, Columns: columns, Body: string(row.Body)})
}

// row makes a row of a line. What is not as the schema has it is told by the field.
func (l *recordLine) row(s *storage.Schema, fault func(field, problem string)) storage.Row {
	row := storage.Row{
		Meta:   storage.Meta{ID: l.ID, Version: l.Version, Created: time.UnixMicro(l.Created).UTC(), Updated: time.UnixMicro(l.Updated).UTC()},
		Layout: l.Layout, Columns: make([]any, len(s.Columns())), Body: []byte(l.Body),
	}
	for i, c := range s.Columns() {
		v, ok := l.Columns[c.Name]
		if !ok {
			fault("columns."+c.Name, "is missing")
			continue
		}
		if number, ok := v.(json.Number); ok {
			if n, err := number.Int64(); err == nil && strconv.FormatInt(n, 10) == number.String() {
				v = n
			}
		}
		row.Columns[i] = v
	}
	if l.Columns == nil {
		fault("columns", "are missing")
	}
	for _, name := range slices.Sorted(maps.Keys(l.Columns)) {
		if _, ok := s.Place(name); !ok {
			fault("columns."+name, "is no column of "+s.Name())
		}
	}
	return row
}

func lineOfEvent(e storage.Event) ([]byte, error) {
	return encode(eventLine{Event: e.Kind, Record: e.Record, Version: e.Version, N: e.N, ID: e.ID, Type: e.Type,
		At: e.At.UnixMicro(), Envelope: string(e.Envelope)})
}

func (l *eventLine) event() storage.Event {
	return storage.Event{Kind: l.Event, Record: l.Record, Version: l.Version, N: l.N, ID: l.ID, Type: l.Type,
		At: time.UnixMicro(l.At).UTC(), Envelope: []byte(l.Envelope)}
}

// lineOfJob leaves out who has the job: a claim is of the store that gave it.
func lineOfJob(j storage.Job) ([]byte, error) {
	l := jobLine{Job: j.Kind, Key: j.Key, Subject: j.Subject, Due: j.Due.UnixMicro(), Dead: j.Dead, Attempts: j.Attempts, Error: j.Error}
	if j.Payload != nil {
		p := string(j.Payload)
		l.Payload = &p
	}
	return encode(l)
}

func (l *jobLine) job() storage.Job {
	j := storage.Job{Kind: l.Job, Key: l.Key, Subject: l.Subject, Due: time.UnixMicro(l.Due).UTC(), Dead: l.Dead,
		Attempts: l.Attempts, Error: l.Error, Tried: true}
	if l.Payload != nil {
		j.Payload = []byte(*l.Payload)
	}
	return j
}
