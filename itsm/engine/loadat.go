// This file holds how a reaction reads a record as an event left it.

package engine

import (
	"context"

	"github.com/itsmkit/itsmkit/internal/rewind"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// LoadAt is Load of the record of an event that this unit emitted, as the event left it: what was put
// since in the unit is taken back, columns and the host's own fields ("fields" of the body) alike. What a
// module keeps out of the log ([Module].Private) is as it is now. It asks the store only for what the unit has not put.
// A record that the unit has deleted is ErrNotFound.
func (u *Unit) LoadAt(ctx context.Context, e itsm.Event) (*storage.Schema, storage.Row, error) {
	k := recordKey{e.Kind, e.Record}
	r, ok := u.s.records[k]
	var schema *storage.Schema
	for _, s := range u.e.r.tables {
		if s.Name() == e.Kind {
			schema = s
		}
	}
	if schema == nil || !ok || !r.known || r.version == 0 || len(r.before.Columns) != len(schema.Columns()) {
		return u.Load(ctx, itsm.Ref{Kind: e.Kind, ID: e.Record})
	}
	row := r.before
	if row.Version == e.Version {
		return schema, row, nil
	}
	later := rewind.Values{}
	later.Keep(u.Since(e))
	row, err := later.Apply(schema, row)
	row.Version = e.Version
	return schema, row, err
}
