package memory

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/storage"
)

// This file refuses what the contract does not allow, with every fault at once.

// maxPayload is the greatest length of a job's payload in bytes.
const maxPayload = 64 << 10

type faults []storage.Fault

func (f *faults) add(field, problem string) {
	if problem != "" {
		*f = append(*f, storage.Fault{Field: field, Problem: problem})
	}
}

// err gives nil where there is no fault.
func (f faults) err(subject string) error {
	if len(f) == 0 {
		return nil
	}
	return &storage.ValidationError{Subject: subject, Faults: f}
}

func checkRow(s *storage.Schema, row *storage.Row) error {
	var f faults
	f.add("id", storage.CheckKey(string(row.ID)))
	if row.Version < 0 {
		f.add("version", "is negative")
	}
	if specs := s.Columns(); len(row.Columns) != len(specs) {
		f.add("columns", fmt.Sprintf("are %d; %s has %d", len(row.Columns), s.Name(), len(specs)))
	} else {
		for i := range specs {
			f.add(specs[i].Name, checkValue(&specs[i], row.Columns[i]))
		}
	}
	f.add("body", checkJSON(row.Body))
	return f.err(s.Name())
}

// checkValue says what is wrong with a value for the column, or "".
func checkValue(c *storage.ColumnSpec, v any) string {
	ok := false
	switch v := v.(type) {
	case nil:
		if c.Nullable {
			return ""
		}
		return "must not be null"
	case string:
		if c.Kind == storage.Text {
			return checkText(v)
		}
	case int64:
		ok = c.Kind == storage.Int || c.Kind == storage.Time
	case bool:
		ok = c.Kind == storage.Bool
	}
	if !ok {
		return fmt.Sprintf("takes %s values, not %T", c.Kind, v)
	}
	return ""
}

func checkText(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "holds a NUL character"
	case len(s) > storage.MaxText && utf8.RuneCountInString(s) > storage.MaxText:
		return "is longer than " + strconv.Itoa(storage.MaxText) + " characters"
	}
	return ""
}

func checkJSON(b []byte) string {
	if !utf8.Valid(b) {
		return "is not valid UTF-8"
	}
	if !json.Valid(b) {
		return "is not one JSON document"
	}
	return ""
}

func checkEvents(events []storage.Event) error {
	var f faults
	for i := range events {
		e := &events[i]
		at := func(field string) string { return fmt.Sprintf("events[%d].%s", i, field) }
		if p := storage.CheckKey(e.Kind); p != "" {
			f.add(at("kind"), p)
		}
		if p := storage.CheckKey(string(e.Record)); p != "" {
			f.add(at("record"), p)
		}
		if e.Version < 0 {
			f.add(at("version"), "is negative")
		}
		if e.N < 0 {
			f.add(at("n"), "is negative")
		}
		if p := storage.CheckKey(string(e.ID)); p != "" {
			f.add(at("id"), p)
		}
		if p := storage.CheckKey(e.Type); p != "" {
			f.add(at("type"), p)
		}
		if p := checkJSON(e.Envelope); p != "" {
			f.add(at("envelope"), p)
		}
	}
	return f.err("events")
}

func checkJobs(jobs []storage.Job) error {
	var f faults
	for i := range jobs {
		j := &jobs[i]
		at := func(field string) string { return fmt.Sprintf("jobs[%d].%s", i, field) }
		if p := storage.CheckKey(j.Kind); p != "" {
			f.add(at("kind"), p)
		}
		if p := storage.CheckKey(j.Key); p != "" {
			f.add(at("key"), p)
		}
		if j.Subject != "" {
			if p := storage.CheckKey(j.Subject); p != "" {
				f.add(at("subject"), p)
			}
		}
		if p := checkPayload(j.Payload); p != "" {
			f.add(at("payload"), p)
		}
		if j.Dead {
			if j.Attempts < 0 {
				f.add(at("attempts"), "are negative")
			}
			if p := checkMessage(j.Error); p != "" {
				f.add(at("error"), p)
			}
		}
	}
	return f.err("jobs")
}

func checkPayload(b []byte) string {
	switch {
	case b == nil:
		return ""
	case len(b) > maxPayload:
		return "is longer than 64 KiB"
	}
	return checkJSON(b)
}

// checkMessage says what is wrong with what an attempt said: like a column's text, of any length.
func checkMessage(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "holds a NUL character"
	}
	return ""
}

func checkOutcome(o storage.Outcome) error {
	var f faults
	f.add("payload", checkPayload(o.Payload))
	f.add("error", checkMessage(o.Error))
	return f.err("outcome")
}

func checkClaim(c storage.Claim) error {
	var f faults
	f.add("limit", checkLimit(c.Limit))
	if c.Lease < time.Microsecond {
		f.add("lease", "must be at least a microsecond")
	}
	return f.err("claim")
}

func checkLimit(n int) string {
	if n < 1 || n > storage.MaxLimit {
		return "must be from 1 to " + strconv.Itoa(storage.MaxLimit)
	}
	return ""
}

func checkEventQuery(q storage.EventQuery) error {
	var f faults
	if q.Record != "" && q.Kind == "" {
		f.add("record", "needs the kind that it is of")
	}
	f.add("limit", checkLimit(q.Limit))
	return f.err("query on events")
}

func checkJobQuery(q storage.JobQuery) error {
	var f faults
	f.add("limit", checkLimit(q.Limit))
	return f.err("query on jobs")
}

// instant gives the time of microseconds as the library keeps it, and micros its opposite.
func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func micros(t time.Time) int64 { return t.UnixMicro() }
