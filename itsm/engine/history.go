package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// compare gives the field history between two rows of one record: each declared column and
// each key at the top of the body whose JSON form differs, by the field's name.
func compare(s *storage.Schema, before, after *storage.Row) ([]itsm.Change, error) {
	var changes []itsm.Change
	for i, c := range s.Columns() {
		if i < len(before.Columns) && before.Columns[i] == after.Columns[i] {
			continue
		}
		var was any
		if i < len(before.Columns) {
			was = before.Columns[i]
		}
		from, err := fieldJSON(c.Kind, was)
		if err != nil {
			return nil, err
		}
		to, err := fieldJSON(c.Kind, after.Columns[i])
		if err != nil {
			return nil, err
		}
		changes = append(changes, itsm.Change{Field: c.Name, Old: from, New: to})
	}
	if !bytes.Equal(before.Body, after.Body) {
		var from, to map[string]json.RawMessage
		if err := json.Unmarshal(before.Body, &from); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(after.Body, &to); err != nil {
			return nil, err
		}
		for name, was := range from {
			if now, ok := to[name]; !ok || !bytes.Equal(was, now) {
				changes = append(changes, itsm.Change{Field: name, Old: was, New: now})
			}
		}
		for name, now := range to {
			if _, ok := from[name]; !ok {
				changes = append(changes, itsm.Change{Field: name, New: now})
			}
		}
	}
	slices.SortFunc(changes, func(a, b itsm.Change) int { return cmp.Compare(a.Field, b.Field) })
	return changes, nil
}

// fieldJSON is the JSON form of a column's value, times as RFC 3339; nothing for NULL.
func fieldJSON(k storage.Kind, v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	if micros, ok := v.(int64); ok && k == storage.Time {
		v = time.UnixMicro(micros).UTC()
	}
	return json.Marshal(v)
}

// merge adds the changes of a second put to those of a first one that no event has taken yet.
func merge(first, second []itsm.Change) []itsm.Change {
	if len(first) == 0 {
		return second
	}
	for _, c := range second {
		i := slices.IndexFunc(first, func(f itsm.Change) bool { return f.Field == c.Field })
		if i < 0 {
			first = append(first, c)
		} else {
			first[i].New = c.New
		}
	}
	return slices.DeleteFunc(first, func(c itsm.Change) bool { return bytes.Equal(c.Old, c.New) })
}

// told gives the changes as the log may keep them: those of a private table without the values
// that the module has not named. They are taken out here, and not when rows are compared, as a
// second put in a unit may undo what the first one changed.
func (r *registry) told(kind string, changes []itsm.Change) []itsm.Change {
	fields, private := r.private[kind]
	if !private {
		return changes
	}
	for i, c := range changes {
		if !slices.Contains(fields, c.Field) {
			changes[i] = itsm.Change{Field: c.Field}
		}
	}
	return changes
}

// Decode reads a stored event. A payload type that no module registered comes as an
// itsm.UnknownPayload.
func (e *Engine) Decode(stored storage.Event) (itsm.Event, error) {
	if err := e.seal(); err != nil {
		return itsm.Event{}, err
	}
	ev := itsm.Event{
		Tenant: stored.Tenant, ID: stored.ID, Kind: stored.Kind, Record: stored.Record,
		Version: stored.Version, N: stored.N, Type: stored.Type, At: stored.At,
	}
	err := itsm.OpenEnvelope(stored.Envelope, &ev, func(name string) (itsm.EventType, bool) {
		t, ok := e.r.types[name]
		return t, ok
	})
	return ev, err
}

// History reads a page of the log of one record, or of all records of a kind, in the order of
// their places. It asks for no permission: that is for the practice.
func (e *Engine) History(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]itsm.Event, error) {
	if q.Limit == 0 {
		q.Limit = storage.MaxLimit
	}
	stored, err := r.Events(ctx, q)
	if err != nil {
		return nil, err
	}
	events := make([]itsm.Event, len(stored))
	for i, s := range stored {
		if events[i], err = e.Decode(s); err != nil {
			return nil, err
		}
	}
	return events, nil
}
