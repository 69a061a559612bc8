package auditlog_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
)

// small is a log with few columns: most tests need no more.
const small = "number,incident_state,sys_updated_at,sys_updated_by,priority,resolved_at,location\n" +
	"INC1,New,29/2/2016 01:16,Ann,3 - Moderate,?,Location 143\n" +
	"INC1,Awaiting User Info,29/2/2016 01:20,Bob,3 - Moderate,1/3/2016 08:00,?\n"

type result struct {
	entries []auditlog.Entry
	faulty  []*auditlog.RowError
	err     error
}

func readAll(t *testing.T, log string, m auditlog.Mapping) result {
	t.Helper()
	r, err := auditlog.NewReader(strings.NewReader(log), m)
	require.NoError(t, err)
	return drain(r)
}

func drain(r *auditlog.Reader) (out result) {
	for e, err := range r.Rows() {
		var faulty *auditlog.RowError
		switch {
		case err == nil:
			out.entries = append(out.entries, e)
		case errors.As(err, &faulty):
			out.faulty = append(out.faulty, faulty)
		default:
			out.err = err
		}
	}
	return out
}

func TestRowsBecomeEntries(t *testing.T) {
	got := readAll(t, small, auditlog.Mapping{})
	require.NoError(t, got.err)
	require.Empty(t, got.faulty)
	require.Equal(t, []auditlog.Entry{
		{
			Line: 2, Source: "INC1", At: time.Date(2016, 2, 29, 1, 16, 0, 0, time.UTC), Author: "Ann",
			SourceState: "New", State: "new", Priority: itsm.PriorityModerate,
			Values: map[string]string{"location": "Location 143"},
		},
		{
			Line: 3, Source: "INC1", At: time.Date(2016, 2, 29, 1, 20, 0, 0, time.UTC), Author: "Bob",
			SourceState: "Awaiting User Info", State: "on_hold", HoldReason: "caller", Priority: itsm.PriorityModerate,
			Resolved: time.Date(2016, 3, 1, 8, 0, 0, 0, time.UTC),
		},
	}, got.entries)
}

func TestGzipIsKnownByItsFirstBytes(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := io.WriteString(w, small)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	whole := zipped.Bytes()

	r, err := auditlog.NewReader(bytes.NewReader(whole), auditlog.Mapping{})
	require.NoError(t, err)
	require.Equal(t, readAll(t, small, auditlog.Mapping{}), drain(r))

	// What breaks off is told as such, after the rows that were whole.
	r, err = auditlog.NewReader(bytes.NewReader(whole[:len(whole)-9]), auditlog.Mapping{})
	require.NoError(t, err)
	got := drain(r)
	require.ErrorIs(t, got.err, io.ErrUnexpectedEOF)
	require.Len(t, got.entries, 2)
}

func TestAFaultyRowIsToldAndTheRestIsRead(t *testing.T) {
	const header = "number,incident_state,sys_updated_at,impact,reopen_count,short_description\n"
	const good = "INC9,New,1/3/2016 10:00,2 - Medium,0,ok\n"
	long := strings.Repeat("x", auditlog.MaxField+1)
	for name, c := range map[string]struct {
		row    string
		source string
		faults []itsm.Fault
		lines  int
	}{
		"too few fields":  {row: "INC1,New,1/3/2016 10:00\n", faults: []itsm.Fault{{Field: "row", Problem: "has 3 fields; the header has 6"}}},
		"too many fields": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0,a,b\n", faults: []itsm.Fault{{Field: "row", Problem: "has 7 fields; the header has 6"}}},
		"a day that is none": {row: "INC1,New,31/2/2016 10:00,2 - Medium,0,a\n", source: "INC1",
			faults: []itsm.Fault{{Field: "sys_updated_at", Problem: `must be a time written as "2/1/2006 15:04"`}}},
		"a time in another form": {row: "INC1,New,2016-03-01T10:00:00Z,2 - Medium,0,a\n", source: "INC1",
			faults: []itsm.Fault{{Field: "sys_updated_at", Problem: `must be a time written as "2/1/2006 15:04"`}}},
		"a year before all logs": {row: "INC1,New,1/3/0016 10:00,2 - Medium,0,a\n", source: "INC1",
			faults: []itsm.Fault{{Field: "sys_updated_at", Problem: "must be from the year 1970 to 9999"}}},
		"no incident": {row: "?,New,1/3/2016 10:00,2 - Medium,0,a\n", faults: []itsm.Fault{{Field: "number", Problem: "is required"}}},
		"several faults at once": {row: ",?,?,2 - Medium,0,a\n", faults: []itsm.Fault{
			{Field: "number", Problem: "is required"}, {Field: "incident_state", Problem: "is required"}, {Field: "sys_updated_at", Problem: "is required"}}},
		"an unknown impact": {row: "INC1,New,1/3/2016 10:00,9 - Cosmic,0,a\n", source: "INC1",
			faults: []itsm.Fault{{Field: "impact", Problem: "must be a number from 1 to 3, or a code that the mapping knows"}}},
		"a count that is none": {row: "INC1,New,1/3/2016 10:00,2 - Medium,-1,a\n", source: "INC1",
			faults: []itsm.Fault{{Field: "reopen_count", Problem: "must be a number from 0 to 1000000, or a code that the mapping knows"}}},
		"text that is not UTF-8": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0,\xff\xfe\n", source: "INC1",
			faults: []itsm.Fault{{Field: "short_description", Problem: "is not valid UTF-8"}}},
		"a NUL": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0,a\x00b\n", source: "INC1",
			faults: []itsm.Fault{{Field: "short_description", Problem: "holds a NUL character"}}},
		"a name with a line break": {row: "\"INC\n1\",New,1/3/2016 10:00,2 - Medium,0,a\n", lines: 2,
			faults: []itsm.Fault{{Field: "number", Problem: "holds a control character"}}},
		"a name that is too long": {row: strings.Repeat("9", 201) + ",New,1/3/2016 10:00,2 - Medium,0,a\n",
			faults: []itsm.Fault{{Field: "number", Problem: "has 201 bytes; at most 200 are allowed"}}},
		"a field that is too long": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0," + long + "\n", source: "INC1",
			faults: []itsm.Fault{{Field: "short_description", Problem: "has 32769 bytes; at most 32768 are allowed"}}},
		"a quotation mark inside a field": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0,5\" disk\n",
			faults: []itsm.Fault{{Field: "row", Problem: "has a quotation mark inside a field that does not begin with one"}}},
		"text after a quoted field": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0,\"a\"b\n",
			faults: []itsm.Fault{{Field: "row", Problem: "has text after a closing quotation mark"}}},
		"a quotation mark that is never closed": {row: "INC1,New,1/3/2016 10:00,2 - Medium,0,\"a\n",
			faults: []itsm.Fault{{Field: "row", Problem: "has a quotation mark that is never closed"}}},
		"a line that never ends": {row: strings.Repeat("y", 3<<20) + "\n",
			faults: []itsm.Fault{{Field: "row", Problem: "is longer than 1 MiB, or has a quotation mark that is never closed"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := readAll(t, header+good+c.row+good, auditlog.Mapping{})
			require.NoError(t, got.err)
			require.Len(t, got.faulty, 1)
			require.Equal(t, 3, got.faulty[0].Line)
			require.Equal(t, c.source, got.faulty[0].Source)
			require.Equal(t, c.faults, got.faulty[0].Faults)
			require.ErrorIs(t, got.faulty[0], itsm.ErrInvalid)
			require.Len(t, got.entries, 2)
			require.Equal(t, 2, got.entries[0].Line)
			require.Equal(t, 3+max(c.lines, 1), got.entries[1].Line)
		})
	}
}

func TestAnOpenQuotationMarkDoesNotSwallowTheLog(t *testing.T) {
	var log strings.Builder
	log.WriteString("number,incident_state,sys_updated_at,short_description\n")
	log.WriteString("INC0,New,1/3/2016 10:00,\"never closed\n")
	const rows = 40_000 // more than the reader holds of a row
	for range rows {
		log.WriteString("INC1,New,1/3/2016 10:00,a text of some length\n")
	}
	got := readAll(t, log.String(), auditlog.Mapping{})
	require.NoError(t, got.err)
	require.Len(t, got.faulty, 1)
	require.Equal(t, 2, got.faulty[0].Line)
	require.Len(t, got.entries, rows)
	require.Equal(t, 3, got.entries[0].Line)
}

func TestFieldsAreCutAsRFC4180HasThem(t *testing.T) {
	const header = "\ufeffnumber,incident_state,sys_updated_at,short_description\r\n"
	got := readAll(t, header+
		"\r\n\n"+ // blank lines are no rows
		"INC1,New,1/3/2016 10:00,\"a, \"\"b\"\"\r\nand c\"\r\n"+
		"\"INC2\",\"New\",\"1/3/2016 10:00\",\"\"\r\n"+
		"INC3,New,1/3/2016 10:00, padded ", auditlog.Mapping{}) // no line end after the last row
	require.NoError(t, got.err)
	require.Empty(t, got.faulty)
	require.Len(t, got.entries, 3)
	require.Equal(t, "a, \"b\"\r\nand c", got.entries[0].Title)
	require.Equal(t, 4, got.entries[0].Line)
	require.Equal(t, 6, got.entries[1].Line)
	require.Empty(t, got.entries[1].Title)
	require.Equal(t, " padded ", got.entries[2].Title)
}

func TestAHeaderThatCannotServeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		log     string
		mapping auditlog.Mapping
		want    string
	}{
		"empty":              {"", auditlog.Mapping{}, "the log is empty"},
		"needed columns":     {"incident_state\n", auditlog.Mapping{}, `lacks the column "number", from which source is read; header lacks the column "sys_updated_at"`},
		"a column twice":     {"number,incident_state,sys_updated_at,number\n", auditlog.Mapping{}, `has the column "number" twice`},
		"a column no name":   {"number,incident_state,sys_updated_at,\n", auditlog.Mapping{}, "has a name in column 4 that is empty"},
		"a column you named": {small, auditlog.Mapping{Columns: map[auditlog.Field]string{"title": "summary"}}, `lacks the column "summary", from which title is read`},
		"two bytes an ASCII": {"n\x00u\x00m\x00", auditlog.Mapping{}, "holds a control character"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auditlog.NewReader(strings.NewReader(c.log), c.mapping)
			require.ErrorIs(t, err, itsm.ErrInvalid)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestTheLoopMayBeLeftAndTakenUpAgain(t *testing.T) {
	r, err := auditlog.NewReader(strings.NewReader(small), auditlog.Mapping{})
	require.NoError(t, err)
	for e, err := range r.Rows() {
		require.NoError(t, err)
		require.Equal(t, 2, e.Line)
		break
	}
	rest := drain(r)
	require.Len(t, rest.entries, 1)
	require.Equal(t, 3, rest.entries[0].Line)
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestAnErrorOfTheInputEndsTheLog(t *testing.T) {
	broken := errors.New("cable pulled")
	r, err := auditlog.NewReader(io.MultiReader(strings.NewReader(small+"INC1,New"), failing{broken}), auditlog.Mapping{})
	require.NoError(t, err)
	got := drain(r)
	require.ErrorIs(t, got.err, broken)
	require.ErrorContains(t, got.err, "line 4")
	require.Len(t, got.entries, 2)
	require.Empty(t, got.faulty)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A log of any length costs the memory of a row: the reader is fed for ever and must not grow.
func TestMemoryDoesNotGrowWithTheLog(t *testing.T) {
	row := "INC1,Awaiting User Info,29/2/2016 01:20,Bob,3 - Moderate,1/3/2016 08:00,Location\n"
	header, _, _ := strings.Cut(small, "\n")
	r, err := auditlog.NewReader(io.MultiReader(strings.NewReader(header+"\n"), &endless{text: row}), auditlog.Mapping{})
	require.NoError(t, err)
	next := func() {
		_, err := r.Next()
		require.NoError(t, err)
	}
	for range 50_000 {
		next()
	}
	// A row costs its text and its map of values, not what was read before it.
	require.Less(t, testing.AllocsPerRun(1000, next), 8.0)
}

type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}
