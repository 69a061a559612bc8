package portable

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// This file reads files and says what is wrong with them.

// maxFaults is how many faults are told of one file.
const maxFaults = 100

// Verify reads a whole file and says what it has. A file that Import would refuse by itself, whatever
// store and tenant it is for, is ErrInvalid with the faults by their lines, of many the first hundred.
// An error of r is returned as it is.
func Verify(ctx context.Context, schemas []*storage.Schema, r io.Reader) (Summary, error) {
	c, err := newCatalog(schemas)
	if err != nil {
		return Summary{}, err
	}
	f := newReader(c, r)
	for {
		if _, ok := f.next(ctx); !ok {
			return f.end()
		}
	}
}

// item is one line between the first and the last.
type item struct {
	section  section
	line     []byte
	schema   *storage.Schema
	row      storage.Row
	event    storage.Event
	sequence storage.Sequence
	job      storage.Job
}

// reader reads a file line by line. It goes on after a fault, to find the others.
type reader struct {
	c      catalog
	src    *bufio.Reader
	digest hash.Hash
	// atEnd is told the digest of all lines up to the end of each block, by its number, and says whether it is as it should
	// be. Nil wants to be told of none.
	atEnd func(block int, digest [sha256.Size]byte) bool
	state
}

// state is where a reader is.
type state struct {
	sum Summary
	// offset is the place in the file, number that of the line before it.
	offset, number int64
	section        section
	// lines and size are what was read of the present block, which is the block-th.
	block, lines, size int
	// last is the place of the line before in the section's order.
	last   []any
	ended  bool
	faults []storage.Fault
	failed error
}

func newReader(c catalog, r io.Reader) *reader {
	return &reader{c: c, src: bufio.NewReaderSize(r, 64<<10), digest: sha256.New()}
}

// fault notes what is wrong with the line that was read last.
func (f *reader) fault(field, problem string) {
	where := fmt.Sprintf("line %d", f.number)
	if field != "" {
		where += ": " + field
	}
	if len(f.faults) < maxFaults {
		f.faults = append(f.faults, storage.Fault{Field: where, Problem: problem})
	}
}

// stop ends the reading: what follows cannot be known.
func (f *reader) stop(problem string) {
	f.fault("", problem)
	f.ended = true
}

// end gives what was read, when next has given the last item.
func (f *reader) end() (Summary, error) {
	switch {
	case f.failed != nil:
		return Summary{}, f.failed
	case len(f.faults) > 0:
		return Summary{}, &storage.ValidationError{Subject: "export", Faults: f.faults}
	}
	return f.sum, nil
}

// errLong is of a line that is longer than MaxLine.
var errLong = errors.New("a line that is too long")

// read gives the next line with its newline.
func (f *reader) read() ([]byte, error) {
	var line []byte
	for {
		part, err := f.src.ReadSlice('\n')
		if len(line)+len(part) > MaxLine {
			return nil, errLong
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			f.offset += int64(len(line))
			f.number++
			return line, err
		}
	}
}

// line gives the next line, false at the end and where there is none.
func (f *reader) line() ([]byte, bool) {
	if f.ended || f.failed != nil {
		return nil, false
	}
	line, err := f.read()
	switch {
	case err == nil:
		return line, true
	case errors.Is(err, errLong):
		f.number++
		f.stop(fmt.Sprintf("is longer than %d bytes", MaxLine))
	case errors.Is(err, io.EOF):
		f.stop("is cut off: the file ends without its last line")
	default:
		f.failed = err
	}
	return nil, false
}

// next gives the next item that has no fault; false at the end of the file and where it cannot be read
// any further.
func (f *reader) next(ctx context.Context) (item, bool) {
	for {
		if f.number%256 == 0 && ctx.Err() != nil {
			f.failed = ctx.Err()
		}
		line, ok := f.line()
		if !ok {
			return item{}, false
		}
		if f.number == 1 {
			f.header(line)
			f.digest.Write(line)
			continue
		}
		if bytes.HasPrefix(line, []byte(`{"records":`)) {
			f.trailer(line)
			return item{}, false
		}
		f.digest.Write(line)
		before := len(f.faults)
		f.count(line)
		it, ok := f.item(line)
		if ok && len(f.faults) == before {
			return it, true
		}
		if len(f.faults) == maxFaults {
			f.ended = true
		}
	}
}

// What bounds a block: the lines of a file that are written in one unit.
const (
	blockLines = 200
	blockBytes = 4 << 20
)

// count counts a line of a block. Where the block ends, lines is 0.
func (f *reader) count(line []byte) {
	f.lines++
	f.size += len(line)
	if f.lines < blockLines && f.size < blockBytes {
		return
	}
	if f.atEnd != nil && !f.atEnd(f.block, [sha256.Size]byte(f.digest.Sum(nil))) {
		f.stop("or one before it is not what it was")
	}
	f.block, f.lines, f.size = f.block+1, 0, 0
}

// header reads the first line.
func (f *reader) header(line []byte) {
	var format struct {
		Export *int `json:"export"`
	}
	switch err := json.Unmarshal(line, &format); {
	case err != nil || format.Export == nil || !bytes.HasPrefix(line, []byte(`{"export":`)):
		f.stop("is not that of an export")
		return
	case *format.Export != Format:
		f.stop(fmt.Sprintf("is of version %d of the format; this program reads version %d", *format.Export, Format))
		return
	}
	var h header
	if !decode(line, &h) {
		f.stop("is not as an export writes it")
		return
	}
	if problem := storage.CheckKey(string(h.Tenant)); problem != "" {
		f.fault("tenant", problem)
	}
	f.sum.Tenant = h.Tenant
	before := len(f.faults)
	want := f.c.tables()
	find := func(tables []table, name string) (table, bool) {
		i := slices.IndexFunc(tables, func(t table) bool { return t.Name == name })
		if i < 0 {
			return table{}, false
		}
		return tables[i], true
	}
	for _, t := range h.Tables {
		have, ok := find(want, t.Name)
		if !ok {
			f.fault(t.Name, "is a table that this program does not have")
			continue
		}
		if t.Layout != have.Layout {
			f.fault(t.Name, fmt.Sprintf("has layout %d; this program writes layout %d", t.Layout, have.Layout))
		}
		for _, c := range t.Columns {
			i := slices.IndexFunc(have.Columns, func(h column) bool { return h.Name == c.Name })
			switch {
			case i < 0:
				f.fault(t.Name+"."+c.Name, "is a column that this program does not have")
			case have.Columns[i] != c:
				f.fault(t.Name+"."+c.Name, fmt.Sprintf("is %s, nullable %t; in this program it is %s, nullable %t", c.Kind, c.Nullable, have.Columns[i].Kind, have.Columns[i].Nullable))
			}
		}
		for _, c := range have.Columns {
			if !slices.ContainsFunc(t.Columns, func(h column) bool { return h.Name == c.Name }) {
				f.fault(t.Name+"."+c.Name, "is missing: it is a column of this program")
			}
		}
	}
	for _, t := range want {
		if _, ok := find(h.Tables, t.Name); !ok {
			f.fault(t.Name, "is missing: it is a table of this program")
		}
	}
	if again, err := encode(header{Export: Format, Tenant: h.Tenant, Tables: want}); len(f.faults) == before && (err != nil || !bytes.Equal(line, again)) {
		f.fault("tables", "are not as an export writes them")
	}
	f.ended = len(f.faults) > 0 // every line would have the same
}

// trailer reads the last line.
func (f *reader) trailer(line []byte) {
	f.ended = true
	var t trailer
	if !decode(line, &t) {
		f.fault("", "is not as an export writes it")
		return
	}
	for _, n := range []struct {
		name      string
		says, are int64
	}{{"records", t.Records, f.sum.Records}, {"events", t.Events, f.sum.Events}, {"sequences", t.Sequences, f.sum.Sequences}, {"jobs", t.Jobs, f.sum.Jobs}} {
		if n.says != n.are {
			f.fault(n.name, fmt.Sprintf("are said to be %d, and are %d", n.says, n.are))
		}
	}
	f.sum.SHA256 = hex.EncodeToString(f.digest.Sum(nil))
	if t.SHA256 != f.sum.SHA256 {
		f.fault("sha256", "is not that of the lines before it: the file was altered")
	}
	if _, err := f.src.ReadByte(); err == nil {
		f.fault("", "is not the last: the file goes on after it")
	} else if !errors.Is(err, io.EOF) {
		f.failed = err
	}
}

// item reads a line between the first and the last.
func (f *reader) item(line []byte) (item, bool) {
	it := item{line: line}
	malformed := func() (item, bool) {
		f.fault("", "is not as an export writes it")
		return it, false
	}
	// faults notes those of a check, without the place in the list that was checked.
	faults := func(err error) {
		var v *storage.ValidationError
		if errors.As(err, &v) {
			for _, p := range v.Faults {
				_, field, found := strings.Cut(p.Field, "[0].")
				if !found {
					field = p.Field
				}
				f.fault(field, p.Problem)
			}
		}
	}
	var place []any
	switch {
	case bytes.HasPrefix(line, []byte(`{"record":`)):
		var l recordLine
		if !decode(line, &l) {
			return malformed()
		}
		var at int
		if it.schema, at = f.c.find(l.Record); it.schema == nil {
			f.fault("record", "is of a table that this program does not have")
			break
		}
		it.section, place = records, []any{int64(at), string(l.ID)}
		before := len(f.faults)
		it.row = l.row(it.schema, f.fault)
		if len(f.faults) == before {
			faults(storage.CheckRestore(it.schema, []storage.Row{it.row}))
		}
	case bytes.HasPrefix(line, []byte(`{"event":`)):
		var l eventLine
		if !decode(line, &l) {
			return malformed()
		}
		it.section, place = events, []any{l.Event, string(l.Record), l.Version, int64(l.N)}
		it.event = l.event()
		faults(storage.CheckEvents([]storage.Event{it.event}))
	case bytes.HasPrefix(line, []byte(`{"sequence":`)):
		var l sequenceLine
		if !decode(line, &l) {
			return malformed()
		}
		it.section, place = sequences, []any{l.Sequence}
		it.sequence = storage.Sequence{Name: l.Sequence, Next: l.Next}
		if faults(storage.CheckAdvance(l.Sequence, l.Next)); isMark(it.sequence) {
			f.fault("sequence", "is as only imports keep them")
		}
	case bytes.HasPrefix(line, []byte(`{"job":`)):
		var l jobLine
		if !decode(line, &l) {
			return malformed()
		}
		it.section, place = jobs, []any{l.Job, l.Key}
		it.job = l.job()
		faults(storage.CheckJobs([]storage.Job{it.job}))
	default:
		return malformed()
	}
	if place == nil {
		return it, false
	}
	switch {
	case it.section < f.section:
		f.fault("", "is out of order: records come first, then events, sequences and jobs")
	case it.section == f.section && f.last != nil && compare(f.last, place) >= 0:
		f.fault("", "is out of order, or there twice")
	default:
		f.section, f.last = it.section, place
	}
	*it.section.count(&f.sum)++
	return it, true
}

func compare(a, b []any) int {
	for i := range a {
		if d := storage.Compare(a[i], b[i]); d != 0 {
			return d
		}
	}
	return cmp.Compare(len(a), len(b))
}

// mark is a place to come back to.
type mark struct {
	state
	digest []byte
}

func (f *reader) mark() (mark, error) {
	digest, err := f.digest.(encoding.BinaryMarshaler).MarshalBinary()
	return mark{f.state, digest}, err
}

// back takes a reader of the file back to a place.
func (f *reader) back(file io.ReadSeeker, m mark) error {
	if _, err := file.Seek(m.offset, io.SeekStart); err != nil {
		return err
	}
	f.src.Reset(file)
	f.state = m.state
	return f.digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(m.digest)
}
