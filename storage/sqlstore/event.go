package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"

	"github.com/itsmkit/itsmkit/storage"
)

// batch is how many rows are written in one statement at most, and batchBytes about how many bytes of
// documents: an engine takes statements of so many and no more.
const (
	batch      = 500
	batchBytes = storage.MaxDocument
)

var eventColumns = []string{"tenant", "kind", "record", "version", "n", "id", "type", "at", "envelope"}

// Append implements [storage.Tx].
func (u *unit) Append(ctx context.Context, events ...storage.Event) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckEvents(events); err != nil {
		return err
	}
	for rest := events; len(rest) > 0; {
		n, size := 1, len(rest[0].Envelope)
		for ; n < min(len(rest), batch); n++ {
			if size += len(rest[n].Envelope); size > batchBytes {
				break
			}
		}
		if err := u.appendBatch(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func (u *unit) appendBatch(ctx context.Context, events []storage.Event) error {
	st := u.s.d.statement()
	st.args = make([]any, 0, (len(events)+2)*len(eventColumns))
	if u.postponed != nil {
		st.write(`WITH "postponed" AS (`)
		u.postponed(st)
		st.write(") ")
		u.postponed = nil
	}
	st.write("INSERT INTO ", u.s.text.event, " (", quoteAll(eventColumns), ") VALUES ")
	for i, e := range events {
		if i > 0 {
			st.write(", ")
		}
		if i > 0 || len(u.expected) == 0 {
			st.tuple(string(u.tenant), e.Kind, string(e.Record), e.Version, int64(e.N), string(e.ID), e.Type,
				e.At.UnixMicro(), string(e.Envelope))
			continue
		}
		st.write("(").list([]any{string(u.tenant), e.Kind, string(e.Record), e.Version, int64(e.N)}).write(", ")
		u.provided(st, string(e.ID))
		st.write(", ").list([]any{e.Type, e.At.UnixMicro(), string(e.Envelope)}).write(")")
	}
	st.write(u.s.d.once)
	expected := u.expected
	u.expected = nil
	written, err := u.insert(ctx, st.string(), st.args...)
	if err != nil {
		if len(expected) > 0 && u.s.d.null(err) {
			return u.disappointed(expected[0])
		}
		return u.failed(ctx, "append", "", events[0].Record, err)
	}
	if written == int64(len(events)) {
		return nil
	}
	conflict := &storage.Error{Op: "append", Err: storage.ErrConflict}
	if len(events) == 1 {
		conflict.ID = events[0].Record
	} else {
		// Some were written and some were not, and an event is never removed: the unit must fail.
		u.o.broken = conflict
	}
	return conflict
}

// Events implements [storage.Reader]. It reads one tenant after the other, each along the
// primary key.
func (r *reader) Events(ctx context.Context, q storage.EventQuery) ([]storage.Event, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := storage.CheckEventQuery(q); err != nil {
		return nil, err
	}
	events := make([]storage.Event, 0, min(q.Limit, 128))
	each := func(r *reader) (err error) {
		for _, tenant := range sorted(r.tenants) {
			if len(events) == q.Limit {
				break
			}
			if events, err = r.eventsOf(ctx, tenant, q, events); err != nil {
				return err
			}
		}
		return nil
	}
	if err := r.ofAll(ctx, each); err != nil {
		return nil, err
	}
	return events, nil
}

func (r *reader) eventsOf(ctx context.Context, tenant storage.Tenant, q storage.EventQuery, events []storage.Event) ([]storage.Event, error) {
	st := r.s.d.statement()
	st.write("SELECT ", quoteAll(eventColumns), " FROM ", r.s.text.event, " WHERE ").tenantIs([]storage.Tenant{tenant})
	// The columns of the place, from the first one that the query does not fix.
	names := []string{"kind", "record", "version", "n"}
	place := []any{q.After.Kind, string(q.After.Record), q.After.Version, int64(q.After.N)}
	behind := tenant == q.After.Tenant
	if tenant < q.After.Tenant {
		return events, nil
	}
	fixed := 0
	fix := func(want string) bool {
		st.write(" AND ", quote(names[fixed]), " = ").arg(want)
		if behind {
			switch at := place[fixed].(string); {
			case want < at:
				return false
			case want > at:
				behind = false
			}
		}
		fixed++
		return true
	}
	if q.Kind != "" {
		if !fix(q.Kind) || q.Record != "" && !fix(string(q.Record)) {
			return events, nil
		}
	}
	if behind {
		st.write(" AND ").than(quotedAll(names[fixed:]), " > ", place[fixed:])
	}
	if len(q.Types) > 0 {
		st.write(" AND ").named("type", q.Types)
	}
	st.write(` ORDER BY "kind", "record", "version", "n" LIMIT `, strconv.Itoa(q.Limit-len(events)))
	err := r.o.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		var e storage.Event
		var at int64
		if err := rows.Scan((*string)(&e.Tenant), &e.Kind, (*string)(&e.Record), &e.Version, &e.N,
			(*string)(&e.ID), &e.Type, &at, &e.Envelope); err != nil {
			return err
		}
		e.At = instant(at)
		events = append(events, e)
		return nil
	})
	if err != nil {
		return nil, r.failed(ctx, "events", "", q.Record, err)
	}
	return events, nil
}

func sorted(tenants []storage.Tenant) []storage.Tenant {
	if len(tenants) == 1 {
		return tenants
	}
	out := slices.Clone(tenants)
	slices.Sort(out)
	return out
}
