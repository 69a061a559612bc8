// This file holds values as they were, and rows made of them.

package rewind

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Fields is where records keep the host's own fields in their bodies.
const Fields = "fields"

// Values is what a record's values were, by field, as far as later events tell.
type Values map[string]json.RawMessage

// Keep notes what events that came later changed, which are given in their order: the first of them
// knows what was there before. What is withheld from the log stays as it is now.
func (w Values) Keep(changes []itsm.Change) {
	for _, c := range changes {
		if _, known := w[c.Field]; !known && !Withheld(c) {
			w[c.Field] = c.Old
		}
	}
}

// Withheld says whether the log does not tell from what to what a field changed.
func Withheld(c itsm.Change) bool { return c.Old == nil && c.New == nil }

// Apply gives the row with those values; of the body nothing but the host's own fields is taken back.
// The row that is given stays as it is.
func (w Values) Apply(s *storage.Schema, row storage.Row) (storage.Row, error) {
	if len(w) == 0 {
		return row, nil
	}
	columns := make([]any, len(s.Columns()))
	copy(columns, row.Columns)
	row.Columns = columns
	for i, c := range s.Columns() {
		raw, ok := w[c.Name]
		if !ok {
			continue
		}
		v, err := Column(c.Kind, raw)
		if err != nil {
			return row, fmt.Errorf("history of %s.%s: %w", s.Name(), c.Name, err)
		}
		columns[i] = v
	}
	if raw, ok := w[Fields]; ok {
		// Nothing else of a body can be named.
		if row.Body = []byte("{}"); len(raw) > 0 {
			row.Body = slices.Concat([]byte(`{"`+Fields+`":`), raw, []byte("}"))
		}
	}
	return row, nil
}

// Column reads a column's value as field history has it.
func Column(k storage.Kind, raw json.RawMessage) (any, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	switch k {
	case storage.Text:
		return readAs[string](raw)
	case storage.Bool:
		return readAs[bool](raw)
	case storage.Time:
		at, err := readAs[time.Time](raw)
		if err != nil {
			return nil, err
		}
		return at.(time.Time).UnixMicro(), nil
	}
	return readAs[int64](raw)
}

func readAs[V any](raw json.RawMessage) (any, error) {
	var v V
	err := json.Unmarshal(raw, &v)
	return v, err
}
