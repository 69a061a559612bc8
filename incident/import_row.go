// This file holds the rows of an imported history as events keep them: what changed from one to
// the next, the digest of all, and the way back.

package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

const valuesPrefix = "values."

// flatten gives what a row says beside its source, time, author and states, each value under its
// name. Two rows are the same when these and the others are.
func flatten(e *HistoryEntry) map[string]string {
	flat := make(map[string]string, 20+len(e.Values))
	put := func(name, value string) {
		if value != "" {
			flat[name] = value
		}
	}
	number := func(name string, n int) {
		if n != 0 {
			flat[name] = strconv.Itoa(n)
		}
	}
	instant := func(name string, t time.Time) {
		if !t.IsZero() {
			flat[name] = t.Format(time.RFC3339Nano)
		}
	}
	put("hold_reason", e.HoldReason)
	put("title", e.Title)
	put("requester", e.Requester)
	put("group", e.Group)
	put("assignee", e.Assignee)
	put("category", e.Category)
	put("subcategory", e.Subcategory)
	put("service", e.Service)
	put("channel", e.Channel)
	number("impact", int(e.Impact))
	number("urgency", int(e.Urgency))
	number("priority", int(e.Priority))
	instant("opened", e.Opened)
	instant("resolved", e.Resolved)
	instant("closed", e.Closed)
	put("code", e.Code)
	put("resolver", e.Resolver)
	number("reassignments", e.Reassignments)
	number("reopens", e.Reopens)
	for name, value := range e.Values {
		put(valuesPrefix+name, value)
	}
	return flat
}

// unflatten is the inverse of flatten.
func unflatten(flat map[string]string, e *HistoryEntry) error {
	for name, value := range flat {
		var err error
		number := func() (n int) { n, err = strconv.Atoi(value); return n }
		instant := func() (t time.Time) { t, err = time.Parse(time.RFC3339Nano, value); return t.UTC() }
		switch name {
		case "hold_reason":
			e.HoldReason = value
		case "title":
			e.Title = value
		case "requester":
			e.Requester = value
		case "group":
			e.Group = value
		case "assignee":
			e.Assignee = value
		case "category":
			e.Category = value
		case "subcategory":
			e.Subcategory = value
		case "service":
			e.Service = value
		case "channel":
			e.Channel = value
		case "impact":
			e.Impact = itsm.Impact(number())
		case "urgency":
			e.Urgency = itsm.Urgency(number())
		case "priority":
			e.Priority = itsm.Priority(number())
		case "opened":
			e.Opened = instant()
		case "resolved":
			e.Resolved = instant()
		case "closed":
			e.Closed = instant()
		case "code":
			e.Code = value
		case "resolver":
			e.Resolver = value
		case "reassignments":
			e.Reassignments = number()
		case "reopens":
			e.Reopens = number()
		default:
			key, ok := strings.CutPrefix(name, valuesPrefix)
			if !ok {
				continue // of a newer version of the library
			}
			if e.Values == nil {
				e.Values = map[string]string{}
			}
			e.Values[key] = value
		}
		if err != nil {
			return itsm.Invalid("imported row", name, "cannot be read back")
		}
	}
	return nil
}

// difference gives what must be set and taken away to make after of before.
func difference(before, after map[string]string) (set map[string]string, unset []string) {
	for name, value := range after {
		if was, ok := before[name]; !ok || was != value {
			if set == nil {
				set = map[string]string{}
			}
			set[name] = value
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			unset = append(unset, name)
		}
	}
	slices.Sort(unset)
	return set, unset
}

// rowDigest stands for a row and all rows before it.
type rowDigest [16]byte

// next is the digest of the rows so far and one more. The line is no part of it.
func (d rowDigest) next(e *HistoryEntry) rowDigest {
	b := append(make([]byte, 0, 1024), d[:]...)
	text := func(values ...string) {
		for _, s := range values {
			b = strconv.AppendInt(b, int64(len(s)), 10)
			b = append(b, ':')
			b = append(b, s...)
		}
	}
	number := func(values ...int64) {
		for _, n := range values {
			b = strconv.AppendInt(b, n, 10)
			b = append(b, ';')
		}
	}
	number(e.At.UnixMicro(), e.Opened.UnixMicro(), e.Resolved.UnixMicro(), e.Closed.UnixMicro(),
		int64(e.Impact), int64(e.Urgency), int64(e.Priority), int64(e.Reassignments), int64(e.Reopens))
	text(e.Source, e.Author, e.SourceState, e.State, e.HoldReason, e.Title, e.Requester, e.Group, e.Assignee,
		e.Category, e.Subcategory, e.Service, e.Channel, e.Code, e.Resolver)
	for _, name := range slices.Sorted(maps.Keys(e.Values)) {
		if e.Values[name] != "" { // as good as absent
			text(name, e.Values[name])
		}
	}
	sum := sha256.Sum256(b)
	return rowDigest(sum[:16])
}

func (d rowDigest) String() string { return hex.EncodeToString(d[:]) }

func parseDigest(s string) (d rowDigest) {
	raw, _ := hex.DecodeString(s) // one that cannot be read differs from any that is computed
	copy(d[:], raw)
	return d
}

// ImportedRow is a row of an imported history, read back from the log.
type ImportedRow struct {
	// Incident is the incident here, and Row counts its rows from 1.
	Incident itsm.ID
	Row      int
	// Entry is the whole row as it was imported.
	Entry HistoryEntry
	// From and To are the states of the incident here before and after the row.
	From, To State
	Flags    []ImportFlag
	Recorded time.Time
}

// ImportedRows makes whole rows of the events of imports, given in the order of the log: those of
// one incident, or of any number one after the other. Other events are passed over. It holds one
// row at a time. An error is the last thing that it yields; it is itsm.ErrInvalid where events of
// a history are missing.
func ImportedRows(events iter.Seq2[itsm.Event, error]) iter.Seq2[ImportedRow, error] {
	return func(yield func(ImportedRow, error) bool) {
		var of itsm.ID
		var tenant itsm.Tenant
		var row int
		var flat map[string]string
		for ev, err := range events {
			if err != nil {
				yield(ImportedRow{}, err)
				return
			}
			data, ok := ev.Data.(Imported)
			if !ok {
				continue
			}
			if ev.Record != of || ev.Tenant != tenant {
				of, tenant, row, flat = ev.Record, ev.Tenant, 0, map[string]string{}
			}
			if row++; data.Row != row {
				yield(ImportedRow{}, itsm.Invalid("imported history of "+string(of), "row", fmt.Sprintf("is %d where %d is due", data.Row, row)))
				return
			}
			maps.Copy(flat, data.Set)
			for _, name := range data.Unset {
				delete(flat, name)
			}
			out := ImportedRow{
				Incident: of, Row: row, Flags: data.Flags, Recorded: ev.Recorded, From: State(ev.From), To: State(ev.To),
				Entry: HistoryEntry{
					Line: data.Line, Source: data.Source, At: ev.At, Author: string(ev.Actor),
					SourceState: data.SourceState, State: string(data.State),
				},
			}
			if data.Anonymous {
				out.Entry.Author = ""
			}
			if err := unflatten(flat, &out.Entry); err != nil {
				yield(ImportedRow{}, err)
				return
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}
