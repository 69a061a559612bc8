package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// unit is an open Update. It works on a copy of the tenant's state, of which it has made its
// own what bears its edit number.
type unit struct {
	reader
	tenant *tenant
	edit   uint64
	work   state
	// ownTables says that work.tables is this unit's own slice.
	ownTables bool
	// idle is the least instant at which a job that the unit wrote can be claimed.
	idle int64
	// broken is what the unit fails with, whatever its function returns.
	broken error
	// least is what the unit has advanced sequences to.
	least map[string]int64

	// Guarded by the store's mu: the jobs that this unit has replaced or removed, which Claim
	// passes over, and those that were claimed since it began, which it has yet to take over.
	touched map[string]struct{}
	claimed []*storage.Job
}

var _ storage.Tx = (*unit)(nil)

// begin opens a unit; the caller has the tenant's writer token.
func (s *Store) begin(t *tenant) *unit {
	u := &unit{tenant: t, edit: s.edits.Add(1), idle: never}
	u.reader = reader{store: s, tenants: []storage.Tenant{t.name}, parts: []partition{{tenant: t.name, state: &u.work}}, unit: u}
	s.mu.Lock()
	u.work = *t.state
	t.open = u
	s.mu.Unlock()
	return u
}

// commit makes the work what is committed.
func (u *unit) commit() {
	s := u.store
	done := new(state)
	s.mu.Lock()
	u.takeOver()
	*done = u.work
	u.tenant.state = done
	u.tenant.idle = min(u.tenant.idle, u.idle)
	for sequence, least := range u.least {
		u.tenant.sequences[sequence] = max(u.tenant.sequences[sequence], least-1)
	}
	u.tenant.open = nil
	s.mu.Unlock()
}

// end lets the next unit of the tenant begin.
func (u *unit) end() {
	u.ended = true
	u.store.mu.Lock()
	u.tenant.open = nil
	u.store.mu.Unlock()
	u.tenant.writer <- struct{}{}
}

// Tenant implements [storage.Tx].
func (u *unit) Tenant() storage.Tenant { return u.tenant.name }

// rows gives a table's content for writing.
func (u *unit) rows(b *binding, indexes []index) *rows {
	n := b.table.number
	if !u.ownTables || n >= len(u.work.tables) {
		tables := make([]*rows, max(n+1, len(u.work.tables)))
		copy(tables, u.work.tables)
		u.work.tables, u.ownTables = tables, true
	}
	u.work.tables[n] = u.work.tables[n].own(u.edit, indexes)
	return u.work.tables[n]
}

// Put implements [storage.Tx].
func (u *unit) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	if err := u.ready(ctx, "put"); err != nil {
		return err
	}
	if err := storage.CheckRows(s, rows); err != nil {
		return err
	}
	for _, row := range rows {
		if err := u.put(s, row); err != nil {
			if len(rows) > 1 && u.broken == nil {
				u.broken = err // as with engines that are told of all at once
			}
			return err
		}
	}
	return nil
}

func (u *unit) put(s *storage.Schema, row *storage.Row) error {
	b, err := u.store.catalog.bind(s)
	if err != nil {
		return err
	}
	indexes := u.store.catalog.indexesOf(b.table)
	content := u.rows(b, indexes)
	old, ok := content.byID.get(string(row.ID))
	if ok && row.Version != old.version || !ok && row.Version != 0 {
		return failed("put", s.Name(), row.ID, storage.ErrConflict)
	}
	rec := b.record(row, old)
	if columns := content.taken(indexes, old, rec); columns != nil {
		err := &storage.TakenError{Table: s.Name(), ID: row.ID, Columns: columns}
		if ok {
			u.broken = err // as with engines that can do nothing more then
		}
		return err
	}
	content.put(u.edit, indexes, old, rec)
	row.Tenant, row.Version, row.Layout = u.tenant.name, rec.version, rec.layout
	row.Created, row.Updated = instant(rec.created), instant(rec.updated)
	return nil
}

// Restore implements [storage.Tx].
func (u *unit) Restore(ctx context.Context, s *storage.Schema, rows ...storage.Row) error {
	if err := u.ready(ctx, "restore"); err != nil {
		return err
	}
	if err := storage.CheckRestore(s, rows); err != nil {
		return err
	}
	b, err := u.store.catalog.bind(s)
	if err != nil {
		return err
	}
	indexes := u.store.catalog.indexesOf(b.table)
	content := u.rows(b, indexes)
	for i := range rows {
		row := &rows[i]
		rec := b.record(row, nil)
		rec.version, rec.layout = row.Version, row.Layout
		if _, there := content.byID.get(rec.id); there {
			u.broken = failed("restore", s.Name(), row.ID, storage.ErrConflict)
			return u.broken
		}
		if columns := content.taken(indexes, nil, rec); columns != nil {
			u.broken = &storage.TakenError{Table: s.Name(), ID: row.ID, Columns: columns}
			return u.broken
		}
		content.put(u.edit, indexes, nil, rec)
	}
	return nil
}

// Delete implements [storage.Tx].
func (u *unit) Delete(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	if err := u.ready(ctx, "delete"); err != nil {
		return err
	}
	if err := storage.CheckDelete(s, id, version); err != nil {
		return err
	}
	b, err := u.store.catalog.bind(s)
	if err != nil {
		return err
	}
	indexes := u.store.catalog.indexesOf(b.table)
	content := u.rows(b, indexes)
	old, ok := content.byID.get(string(id))
	if !ok {
		return failed("delete", s.Name(), id, storage.ErrNotFound)
	}
	if old.version != version {
		return failed("delete", s.Name(), id, storage.ErrConflict)
	}
	content.delete(u.edit, indexes, old)
	return nil
}

// Append implements [storage.Tx].
func (u *unit) Append(ctx context.Context, events ...storage.Event) error {
	if err := u.ready(ctx, "append"); err != nil {
		return err
	}
	if err := storage.CheckEvents(events); err != nil {
		return err
	}
	keys := make([]string, len(events))
	for i, e := range events {
		keys[i] = eventKey(e.Kind, e.Record, e.Version, e.N)
		if _, taken := u.work.events.get(keys[i]); taken || slices.Contains(keys[:i], keys[i]) {
			return failed("append", e.Kind, e.Record, storage.ErrConflict)
		}
	}
	for i, e := range events {
		e.Tenant, e.At, e.Envelope = u.tenant.name, storage.Instant(e.At), slices.Clone(e.Envelope)
		u.work.events.set(u.edit, keys[i], &e)
	}
	return nil
}

// Lock implements [storage.Tx]. As units of one tenant run one after the other, every name is
// this unit's already.
func (u *unit) Lock(ctx context.Context, name string) error {
	if err := u.ready(ctx, "lock"); err != nil {
		return err
	}
	return storage.CheckName("lock", "name", name)
}

// Expect implements [storage.Tx]: while a unit runs no other of its tenant does.
func (u *unit) Expect(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	if err := u.ready(ctx, "expect"); err != nil {
		return err
	}
	if err := storage.CheckExpect(s, id, version); err != nil {
		return err
	}
	row, err := u.Get(ctx, s, u.tenant.name, id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if row.Version != version {
		u.broken = failed("expect", s.Name(), id, storage.ErrRetry)
	}
	return u.broken
}

// Next implements [storage.Tx].
func (u *unit) Next(ctx context.Context, sequence string) (int64, error) {
	if err := u.ready(ctx, "next"); err != nil {
		return 0, err
	}
	if err := storage.CheckName("next", "sequence", sequence); err != nil {
		return 0, err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	n := max(u.tenant.sequences[sequence]+1, u.least[sequence])
	u.tenant.sequences[sequence] = n
	return n, nil
}

// Advance implements [storage.Tx].
func (u *unit) Advance(ctx context.Context, sequence string, atLeast int64) error {
	if err := u.ready(ctx, "advance"); err != nil {
		return err
	}
	if err := storage.CheckAdvance(sequence, atLeast); err != nil {
		return err
	}
	if u.least == nil {
		u.least = map[string]int64{}
	}
	u.least[sequence] = max(u.least[sequence], atLeast)
	return nil
}

// Sequences implements [storage.Reader]: the numbers of now, as they are of no snapshot.
func (r *reader) Sequences(ctx context.Context, q storage.SequenceQuery) ([]storage.Sequence, error) {
	if err := r.ready(ctx, "sequences"); err != nil {
		return nil, err
	}
	if err := storage.CheckSequenceQuery(q); err != nil {
		return nil, err
	}
	found := []storage.Sequence{}
	for _, p := range r.parts {
		next := map[string]int64{}
		r.store.mu.Lock()
		if t := r.store.tenants[p.tenant]; t != nil {
			for name, last := range t.sequences {
				next[name] = last + 1
			}
		}
		r.store.mu.Unlock()
		if r.unit != nil {
			for name, least := range r.unit.least {
				next[name] = max(next[name], least)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(next)) {
			s := storage.Sequence{Tenant: p.tenant, Name: name, Next: next[name]}
			if len(found) < q.Limit && compareSequences(s, q.After) > 0 {
				found = append(found, s)
			}
		}
	}
	return found, nil
}

func compareSequences(a, b storage.Sequence) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name))
}
