package auditlog_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Whatever bytes come, every row is either an entry that is whole or a RowError that says why,
// lines rise, and the reader ends.
func FuzzReader(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(small + "INC1,\"a\nb\",1/1/2016 00:00\n\"\"\"\n"))
	f.Add([]byte("number,incident_state,sys_updated_at\r\nINC1,New,1/3/2016 10:00"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("number,incident_state,sys_updated_at\n\",,\nINC1,New,1/3/2016 10:00\n\"\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := auditlog.NewReader(bytes.NewReader(raw), auditlog.Mapping{})
		if err != nil {
			return
		}
		line := 1
		for e, err := range r.Rows() {
			var faulty *auditlog.RowError
			switch {
			case err == nil:
				require.Greater(t, e.Line, line-1)
				line = e.Line + 1
				require.Empty(t, storage.CheckKey(e.Source))
				require.NotEmpty(t, e.SourceState)
				require.Equal(t, storage.Instant(e.At), e.At)
				require.False(t, e.At.Before(time.Unix(0, 0)))
				for k, v := range e.Values {
					require.True(t, utf8.ValidString(k) && utf8.ValidString(v))
					require.NotContains(t, v, "\x00")
				}
				require.True(t, e.Impact == 0 || e.Impact.Valid())
				require.True(t, e.Priority == 0 || e.Priority.Valid())
			case errors.As(err, &faulty):
				require.NotEmpty(t, faulty.Faults)
				require.Greater(t, faulty.Line, line-1)
				line = faulty.Line + 1
				require.ErrorIs(t, err, itsm.ErrInvalid)
				require.True(t, utf8.ValidString(err.Error()))
			}
		}
		_, err = r.Next()
		require.Error(t, err)
	})
}

// What the standard library's reader takes, this one reads the same.
func FuzzFieldsAsTheStandardLibrary(f *testing.F) {
	f.Add("a,\"b\"\"c\",d")
	f.Add("x,\"two\nlines\",y\r\nz")
	f.Add(",,,")
	f.Fuzz(func(t *testing.T, text string) {
		const header = "number,incident_state,sys_updated_at,short_description\n"
		if strings.ContainsRune(text, '\r') { // the standard library rewrites line ends inside fields
			return
		}
		std := csv.NewReader(strings.NewReader(text))
		std.FieldsPerRecord = -1
		rows := 0
		for {
			row, err := std.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			if len(row) > 1 || row[0] != "" { // a quoted nothing alone is a blank line here
				rows++
			}
		}
		r, err := auditlog.NewReader(strings.NewReader(header+text), auditlog.Mapping{})
		require.NoError(t, err)
		n := 0
		for _, err := range r.Rows() {
			var faulty *auditlog.RowError
			if errors.As(err, &faulty) && faulty.Faults[0].Field == "row" && len(text) < auditlog.MaxField {
				require.Contains(t, faulty.Faults[0].Problem, "fields; the header has 4", "it can be cut")
			}
			n++
		}
		require.Equal(t, rows, n)
	})
}
