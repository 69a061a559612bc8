package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// The suite's tables: tickets has a column of every kind, with and without NULL; assets is
// there to be another table.
var (
	tickets = mustSchema("st_ticket", 3, []storage.ColumnSpec{
		{Name: "title", Kind: storage.Text},
		{Name: "note", Kind: storage.Text, Nullable: true},
		{Name: "priority", Kind: storage.Int},
		{Name: "effort", Kind: storage.Int, Nullable: true},
		{Name: "open", Kind: storage.Bool},
		{Name: "vip", Kind: storage.Bool, Nullable: true},
		{Name: "due", Kind: storage.Time},
		{Name: "ended", Kind: storage.Time, Nullable: true},
	}, []storage.Index{
		{Columns: []storage.Order{{Column: "open"}, {Column: "priority"}, {Column: "due", Descending: true}}},
		{Columns: []storage.Order{{Column: "title"}}},
		{Columns: []storage.Order{{Column: "updated", Descending: true}}},
	})
	assets = mustSchema("st_asset", 1, []storage.ColumnSpec{
		{Name: "title", Kind: storage.Text},
		{Name: "balance", Kind: storage.Int},
	}, nil)
	schemas = []*storage.Schema{tickets, assets}
)

// The tenants of most cases. Two differ in case only, which a careless engine does not see.
const (
	acme    storage.Tenant = "acme"
	capital storage.Tenant = "ACME"
	umbra   storage.Tenant = "umbra"
)

// noon is an instant with microseconds.
var noon = time.Date(2026, time.March, 2, 12, 0, 0, 123456000, time.UTC)

func mustSchema(name string, layout int, columns []storage.ColumnSpec, indexes []storage.Index) *storage.Schema {
	s, err := storage.NewSchema(name, layout, columns, indexes)
	if err != nil {
		panic(err)
	}
	return s
}

// newRow makes a row of the schema that has not been put: every column that is not named has the
// zero of its kind, or NULL where it may be. The values are names of columns each followed by
// its value; an int stands for an int64.
func newRow(s *storage.Schema, id storage.ID, values ...any) storage.Row {
	r := storage.Row{
		Meta:    storage.Meta{ID: id, Created: noon, Updated: noon},
		Columns: make([]any, len(s.Columns())),
		Body:    []byte(`{"of":"` + s.Name() + `"}`),
	}
	for i, c := range s.Columns() {
		if !c.Nullable {
			r.Columns[i] = zero(c.Kind)
		}
	}
	set(s, &r, values...)
	return r
}

// set gives columns other values.
func set(s *storage.Schema, r *storage.Row, values ...any) {
	for i := 0; i < len(values); i += 2 {
		place, ok := s.Place(values[i].(string))
		if !ok {
			panic(fmt.Sprintf("storagetest: no column %v", values[i]))
		}
		v := values[i+1]
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		r.Columns[place] = v
	}
}

// clone gives a row whose columns can be set without another's being changed.
func clone(r storage.Row) storage.Row {
	r.Columns, r.Body = slices.Clone(r.Columns), bytes.Clone(r.Body)
	return r
}

func zero(k storage.Kind) any {
	switch k {
	case storage.Text:
		return ""
	case storage.Bool:
		return false
	default:
		return int64(0)
	}
}

func ticket(id storage.ID, values ...any) storage.Row { return newRow(tickets, id, values...) }

// value is what a row of tickets has in a column.
func value(r storage.Row, column string) any { return r.Value(tickets, column) }

// update commits a unit that must not fail.
func (e *env) update(tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx)) {
	e.Helper()
	require.NoError(e, e.store.Update(e.ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
		fn(ctx, tx)
		return nil
	}))
}

// view reads in a View that must not fail.
func (e *env) view(fn func(ctx context.Context, r storage.Reader), tenants ...storage.Tenant) {
	e.Helper()
	require.NoError(e, e.store.View(e.ctx, tenants, func(ctx context.Context, r storage.Reader) error {
		fn(ctx, r)
		return nil
	}))
}

// read reads what one read answers, both in a View and in a Read, which must tell the same.
func read[V any](e *env, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) V) V {
	e.Helper()
	var viewed, got V
	e.view(func(ctx context.Context, r storage.Reader) { viewed = fn(ctx, r) }, tenants...)
	require.NoError(e, e.store.Read(e.ctx, tenants, func(ctx context.Context, r storage.Reader) error {
		got = fn(ctx, r)
		return nil
	}))
	require.Equal(e, viewed, got, "what View and Read tell")
	return got
}

// put writes tickets in one unit and gives them as they are now.
func (e *env) put(tenant storage.Tenant, rows ...storage.Row) []storage.Row {
	e.Helper()
	return e.putIn(tickets, tenant, rows...)
}

func (e *env) putIn(s *storage.Schema, tenant storage.Tenant, rows ...storage.Row) []storage.Row {
	e.Helper()
	var written []storage.Row
	e.update(tenant, func(ctx context.Context, tx storage.Tx) {
		written = written[:0]
		for _, r := range rows {
			require.NoError(e, tx.Put(ctx, s, &r))
			written = append(written, r)
		}
	})
	return written
}

// get reads a ticket that must be there.
func (e *env) get(tenant storage.Tenant, id storage.ID) storage.Row {
	e.Helper()
	return read(e, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) storage.Row {
		row, err := r.Get(ctx, tickets, tenant, id)
		require.NoError(e, err)
		return row
	})
}

// missing says that no ticket of the id is there.
func (e *env) missing(tenant storage.Tenant, ids ...storage.ID) {
	e.Helper()
	e.view(func(ctx context.Context, r storage.Reader) {
		for _, id := range ids {
			_, err := r.Get(ctx, tickets, tenant, id)
			require.ErrorIs(e, err, storage.ErrNotFound, "ticket %q of %q", id, tenant)
		}
	}, tenant)
}

// query reads one page of tickets in a View of its own.
func (e *env) query(q storage.RowQuery, tenants ...storage.Tenant) []storage.Row {
	e.Helper()
	return read(e, tenants, func(ctx context.Context, r storage.Reader) []storage.Row { return e.page(ctx, r, q) })
}

// page reads one page of tickets. A query without a limit has the greatest one.
func (e *env) page(ctx context.Context, r storage.Reader, q storage.RowQuery) []storage.Row {
	e.Helper()
	if q.Limit == 0 {
		q.Limit = storage.MaxLimit
	}
	require.NoError(e, storage.CheckQuery(tickets, q), "the case itself is wrong")
	rows, err := r.Query(ctx, tickets, q)
	require.NoError(e, err)
	return rows
}

// total counts the rows of a table that meet the condition.
func (e *env) total(ctx context.Context, r storage.Reader, s *storage.Schema, c storage.Condition) int {
	e.Helper()
	groups, err := r.Count(ctx, s, c, nil)
	require.NoError(e, err)
	return int(one(e, groups).Count)
}

// jobs lists all jobs of the tenants.
func (e *env) jobs(tenants ...storage.Tenant) []storage.Job {
	e.Helper()
	return read(e, tenants, func(ctx context.Context, r storage.Reader) []storage.Job {
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		require.NoError(e, err)
		return jobs
	})
}

// events reads the whole log of the tenants.
func (e *env) events(tenants ...storage.Tenant) []storage.Event {
	e.Helper()
	return read(e, tenants, func(ctx context.Context, r storage.Reader) []storage.Event {
		events, err := r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		require.NoError(e, err)
		return events
	})
}

// ids are the rows' ids in order.
func ids(rows []storage.Row) []string {
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		out = append(out, string(r.ID))
	}
	return out
}

// position is a row's place in an order.
func position(s *storage.Schema, r storage.Row, order []storage.Order) *storage.Position {
	p := &storage.Position{Tenant: r.Tenant, ID: r.ID}
	for _, o := range order {
		p.Values = append(p.Values, r.Value(s, o.Column))
	}
	return p
}

// untilDone runs a unit again until it meets neither a conflict nor a reason that passes.
func (e *env) untilDone(tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := e.store.Update(e.ctx, tenant, fn)
		if !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrRetry) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-e.ctx.Done():
			return fmt.Errorf("%w, the last attempt: %w", e.ctx.Err(), err)
		}
	}
}

// together runs fn in n goroutines that begin at the same time; none may give an error.
func (e *env) together(n int, fn func(i int) error) {
	e.Helper()
	errs := make([]error, n)
	begin := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Add(1)
		go func() {
			defer done.Done()
			<-begin
			errs[i] = caught(func() error { return fn(i) })
		}()
	}
	close(begin)
	done.Wait()
	for i, err := range errs {
		require.NoError(e, err, "goroutine %d", i)
	}
}

// caught makes a panic in another goroutine, which would end every test, into an error.
func caught(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

// one gives the only thing of a list.
func one[V any](e *env, list []V) V {
	e.Helper()
	require.Len(e, list, 1)
	return list[0]
}

// errOurs is an error of the host's own, which a store passes on.
var errOurs = errors.New("the host's own error")

// where, and the other conditions, say shortly what a case asks.
func where(op storage.Op, column string, values ...any) storage.Condition {
	for i, v := range values {
		if n, ok := v.(int); ok {
			values[i] = int64(n)
		}
	}
	return storage.Condition{Op: op, Column: column, Values: values}
}

func and(of ...storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.And, Of: of}
}

func or(of ...storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.Or, Of: of}
}

func not(of storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.Not, Of: []storage.Condition{of}}
}

func asc(column string) storage.Order  { return storage.Order{Column: column} }
func desc(column string) storage.Order { return storage.Order{Column: column, Descending: true} }
