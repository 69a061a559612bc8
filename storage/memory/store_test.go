package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// tickets is the table of these tests.
var tickets = must(storage.NewSchema("ticket", 1,
	[]storage.ColumnSpec{
		{Name: "state", Kind: storage.Text},
		{Name: "priority", Kind: storage.Int},
		{Name: "open", Kind: storage.Bool},
		{Name: "due", Kind: storage.Time},
		{Name: "assignee", Kind: storage.Text, Nullable: true},
	},
	[]storage.Index{
		{Columns: []storage.Order{{Column: "open"}, {Column: "priority"}, {Column: "due", Descending: true}}},
		{Columns: []storage.Order{{Column: "state"}, {Column: "created", Descending: true}}},
		{Columns: []storage.Order{{Column: "assignee"}}},
		{Columns: []storage.Order{{Column: "updated"}}},
	}))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ticket(n int) storage.Row {
	var assignee any
	if n%3 > 0 {
		assignee = fmt.Sprintf("agent%d", n%7)
	}
	return storage.Row{
		Meta:    storage.Meta{ID: storage.ID(fmt.Sprintf("t%07d", n)), Created: start.Add(time.Duration(n) * time.Second), Updated: start.Add(time.Duration(n) * time.Second)},
		Columns: []any{[]string{"new", "active", "waiting", "resolved"}[n%4], int64(n % 5), n%4 != 3, start.Add(time.Duration(n%100) * time.Minute).UnixMicro(), assignee},
		Body:    []byte(`{"title":"printer on fire","description":"smoke comes out of the tray, second floor"}`),
	}
}

func update(t testing.TB, s storage.Store, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), tenant, fn))
}

func view(t testing.TB, s storage.Store, fn func(ctx context.Context, r storage.Reader) error, tenants ...storage.Tenant) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), tenants, fn))
}

func TestARowComesBackAsItWasPut(t *testing.T) {
	s := memory.New()
	row := ticket(1)
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		require.NoError(t, tx.Put(ctx, tickets, &row))
		got, err := tx.Get(ctx, tickets, "acme", row.ID)
		require.NoError(t, err)
		require.Equal(t, row, got)
		return nil
	})
	require.Equal(t, int64(1), row.Version)
	view(t, s, func(ctx context.Context, r storage.Reader) error {
		got, err := r.Get(ctx, tickets, "acme", row.ID)
		require.NoError(t, err)
		require.Equal(t, row, got)
		page, err := r.Query(ctx, tickets, storage.RowQuery{Limit: 10, Bodies: true, Where: storage.Condition{Op: storage.Equal, Column: "state", Values: []any{"active"}}, Order: []storage.Order{{Column: "created", Descending: true}}})
		require.NoError(t, err)
		require.Equal(t, []storage.Row{row}, page)
		return nil
	}, "acme")
}

func TestWhatACallerHoldsIsNotWhatIsStored(t *testing.T) {
	s := memory.New()
	row := ticket(1)
	event := storage.Event{Kind: "ticket", Record: row.ID, Version: 1, ID: "e1", Type: "opened", At: start, Envelope: []byte(`{"n":1}`)}
	job := storage.Job{Kind: "timer", Key: "1", Due: start, Payload: []byte(`{"n":1}`)}
	spoil := func(b []byte) { copy(b, "XXXX") }
	check := func() {
		t.Helper()
		view(t, s, func(ctx context.Context, r storage.Reader) error {
			want := ticket(1)
			got, err := r.Get(ctx, tickets, "acme", "t0000001")
			require.NoError(t, err)
			require.Equal(t, want.Columns, got.Columns)
			require.Equal(t, string(want.Body), string(got.Body))
			page, err := r.Query(ctx, tickets, storage.RowQuery{Limit: 1, Bodies: true})
			require.NoError(t, err)
			require.Equal(t, got, page[0])
			events, err := r.Events(ctx, storage.EventQuery{Limit: 1})
			require.NoError(t, err)
			require.Equal(t, `{"n":1}`, string(events[0].Envelope))
			jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 1})
			require.NoError(t, err)
			require.Equal(t, `{"n":1}`, string(jobs[0].Payload))
			key, err := r.CursorKey(ctx)
			require.NoError(t, err)
			require.NotContains(t, string(key), "XXXX")

			for _, row := range []storage.Row{got, page[0]} {
				spoil(row.Body)
				clear(row.Columns)
				require.Panics(t, func() { _ = append(row.Columns, "more")[:99] })
			}
			spoil(events[0].Envelope)
			spoil(jobs[0].Payload)
			spoil(key)
			r.Tenants()[0] = "other"
			require.Equal(t, storage.Tenant("acme"), r.Tenants()[0])
			return nil
		}, "acme")
	}
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		require.NoError(t, tx.Put(ctx, tickets, &row))
		require.NoError(t, tx.Append(ctx, event))
		return tx.Enqueue(ctx, job)
	})
	spoil(row.Body)
	clear(row.Columns)
	spoil(event.Envelope)
	spoil(job.Payload)
	check()
	check()

	claimed, err := s.Claim(t.Context(), storage.Claim{Now: start, Lease: time.Minute, Limit: 1})
	require.NoError(t, err)
	spoil(claimed[0].Payload)
	check()
	payload := []byte(`{"n":1}`)
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		return tx.Finish(ctx, claimed[0], storage.Outcome{Due: start, Payload: payload})
	})
	spoil(payload)
	check()
}

func TestALongViewNeitherWaitsForUnitsNorKeepsThemWaiting(t *testing.T) {
	s := memory.New()
	row := ticket(1)
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error { return tx.Put(ctx, tickets, &row) })
	count := func(ctx context.Context, r storage.Reader) int64 {
		groups, err := r.Count(ctx, tickets, storage.Condition{}, nil)
		require.NoError(t, err)
		return groups[0].Count
	}
	view(t, s, func(ctx context.Context, r storage.Reader) error {
		for i := 2; i < 200; i++ {
			update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
				row := ticket(i)
				require.NoError(t, tx.Put(ctx, tickets, &row))
				// A view that begins in an open unit of another context sees none of it.
				view(t, s, func(ctx context.Context, inner storage.Reader) error {
					require.Equal(t, int64(i-1), count(ctx, inner))
					return nil
				}, "acme")
				require.Equal(t, int64(i), count(ctx, tx))
				return nil
			})
			require.Equal(t, int64(1), count(ctx, r))
		}
		return nil
	}, "acme")
}

func TestUnitsOfDifferentTenantsRunSideBySide(t *testing.T) {
	s := memory.New()
	update(t, s, "acme", func(context.Context, storage.Tx) error {
		update(t, s, "umbra", func(ctx context.Context, tx storage.Tx) error {
			row := ticket(1)
			return tx.Put(ctx, tickets, &row)
		})
		view(t, s, func(ctx context.Context, r storage.Reader) error {
			_, err := r.Get(ctx, tickets, "umbra", "t0000001")
			return err
		}, "umbra")
		return nil
	})
}

func TestAnUpdateThatWaitsEndsWithItsContext(t *testing.T) {
	s := memory.New()
	update(t, s, "acme", func(context.Context, storage.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		err := s.Update(ctx, "acme", func(context.Context, storage.Tx) error {
			t.Error("it ran beside another unit of the tenant")
			return nil
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		return nil
	})
	update(t, s, "acme", func(context.Context, storage.Tx) error { return nil })
}

// A host's own table of the same name has more columns and indexes than the library's. Rows
// that were there before are found through the new index.
func TestAnIndexThatIsDeclaredLaterFindsTheRowsThatWereThere(t *testing.T) {
	narrow := must(storage.NewSchema("asset", 1, []storage.ColumnSpec{{Name: "name", Kind: storage.Text}}, nil))
	wide := must(storage.NewSchema("asset", 1,
		[]storage.ColumnSpec{{Name: "cost_centre", Kind: storage.Int}, {Name: "owner", Kind: storage.Text, Nullable: true}, {Name: "name", Kind: storage.Text}},
		[]storage.Index{{Columns: []storage.Order{{Column: "cost_centre"}, {Column: "name", Descending: true}}}, {Columns: []storage.Order{{Column: "owner"}}}}))
	s := memory.New()
	put := func(schema *storage.Schema, id storage.ID, version int64, columns ...any) {
		update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
			return tx.Put(ctx, schema, &storage.Row{Meta: storage.Meta{ID: id, Version: version}, Columns: columns, Body: []byte(`{}`)})
		})
	}
	ids := func(c storage.Condition) (ids []storage.ID) {
		view(t, s, func(ctx context.Context, r storage.Reader) error {
			rows, err := r.Query(ctx, wide, storage.RowQuery{Where: c, Order: []storage.Order{{Column: "name", Descending: true}}, Limit: 10})
			require.NoError(t, err)
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			return nil
		}, "acme")
		return ids
	}
	none := storage.Condition{Op: storage.Equal, Column: "cost_centre", Values: []any{int64(0)}}
	seven := storage.Condition{Op: storage.Equal, Column: "cost_centre", Values: []any{int64(7)}}
	unowned := storage.Condition{Op: storage.Null, Column: "owner"}

	put(narrow, "1", 0, "a")
	put(narrow, "2", 0, "b")
	require.Equal(t, []storage.ID{"2", "1"}, ids(none), "before any unit has built the index")
	put(wide, "3", 0, int64(7), "ann", "c")
	require.Equal(t, []storage.ID{"2", "1"}, ids(none))
	require.Equal(t, []storage.ID{"2", "1"}, ids(unowned))
	require.Equal(t, []storage.ID{"3"}, ids(seven))
	put(narrow, "3", 1, "renamed")
	require.Equal(t, []storage.ID{"3"}, ids(seven), "what only the wider schema knows stays")
	put(wide, "1", 1, int64(7), nil, "a")
	require.Equal(t, []storage.ID{"3", "1"}, ids(seven))
	require.Equal(t, []storage.ID{"2", "1"}, ids(unowned))

	other := must(storage.NewSchema("asset", 1, []storage.ColumnSpec{{Name: "name", Kind: storage.Int}}, nil))
	view(t, s, func(ctx context.Context, r storage.Reader) error {
		_, err := r.Query(ctx, other, storage.RowQuery{Limit: 1})
		require.ErrorIs(t, err, storage.ErrInvalid)
		return nil
	}, "acme")
}

func TestEveryFaultOfAWriteIsNamedAtOnce(t *testing.T) {
	s := memory.New()
	fields := func(err error) (fields []string) {
		var v *storage.ValidationError
		require.ErrorAs(t, err, &v)
		for _, f := range v.Faults {
			fields = append(fields, f.Field)
		}
		return fields
	}
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		row := ticket(1)
		row.ID, row.Version, row.Body = "", -1, []byte("{")
		row.Columns = []any{"a\x00", 1, nil, "soon", true}
		require.Equal(t, []string{"id", "version", "state", "priority", "open", "due", "assignee", "body"}, fields(tx.Put(ctx, tickets, &row)))
		require.Equal(t, []string{"events[1].kind", "events[1].record", "events[1].version", "events[1].n", "events[1].id", "events[1].type", "events[1].envelope"},
			fields(tx.Append(ctx, storage.Event{Kind: "ticket", Record: "1", Version: 1, ID: "e", Type: "opened", Envelope: []byte(`{}`)}, storage.Event{Version: -1, N: -1})))
		require.Equal(t, []string{"jobs[0].kind", "jobs[0].key", "jobs[0].subject", "jobs[0].payload"},
			fields(tx.Enqueue(ctx, storage.Job{Subject: "\x00", Payload: []byte("{}{}")}, storage.Job{Kind: "timer", Key: "1"})))
		row = ticket(2)
		return tx.Put(ctx, tickets, &row)
	})
	require.Empty(t, allJobs(t, s, "acme"))
	view(t, s, func(ctx context.Context, r storage.Reader) error {
		events, err := r.Events(ctx, storage.EventQuery{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, events)
		_, err = r.Get(ctx, tickets, "acme", "t0000002")
		return err
	}, "acme")
}

// Counts by the columns of an index are exact where they jump from group to group, where they
// give that up because the groups are small, and where rows were changed and removed.
func TestCountsOfManyRowsAreExact(t *testing.T) {
	s := memory.New()
	const n = 5000
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		for i := range n {
			row := ticket(i)
			require.NoError(t, tx.Put(ctx, tickets, &row))
		}
		for i := 0; i < n; i += 10 {
			require.NoError(t, tx.Delete(ctx, tickets, ticket(i).ID, 1))
		}
		return nil
	})
	for _, by := range [][]string{nil, {"state"}, {"open"}, {"priority", "open"}, {"open", "priority", "due"}, {"assignee"}, {"updated"}, {"state", "created"}, {"id"}, {"tenant", "state"}} {
		for _, where := range []storage.Condition{
			{},
			{Op: storage.Equal, Column: "state", Values: []any{"active"}},
			{Op: storage.In, Column: "state", Values: []any{"active", "new", "active"}},
			{Op: storage.Equal, Column: "open", Values: []any{true}},
			{Op: storage.AtLeast, Column: "updated", Values: []any{start.Add(4000 * time.Second).UnixMicro()}},
		} {
			want := map[string]int64{}
			for i := range n {
				row := ticket(i)
				row.Tenant = "acme"
				value := func(c string) any { return row.Value(tickets, c) }
				if i%10 == 0 || !where.Match(value) {
					continue
				}
				key := ""
				for _, c := range by {
					key += fmt.Sprintf("%v|", value(c))
				}
				want[key]++
			}
			got := map[string]int64{}
			view(t, s, func(ctx context.Context, r storage.Reader) error {
				groups, err := r.Count(ctx, tickets, where, by)
				require.NoError(t, err)
				for _, g := range groups {
					key := ""
					for _, v := range g.Values {
						key += fmt.Sprintf("%v|", v)
					}
					got[key] = g.Count
				}
				return nil
			}, "acme")
			require.Equal(t, want, got, "%+v by %v", where, by)
		}
	}
}

// Many goroutines read and write at once: every reader sees whole units only, and no unit is
// lost.
func TestReadersSeeWholeUnitsWhileOthersWrite(t *testing.T) {
	s := memory.New()
	const writers, units = 4, 50
	tenants := []storage.Tenant{"a", "b"}
	done := make(chan error, writers+2)
	for w := range writers {
		go func() {
			var err error
			for u := 0; u < units && err == nil; u++ {
				err = s.Update(t.Context(), tenants[w%2], func(ctx context.Context, tx storage.Tx) error {
					for half := range 2 {
						row := ticket(u)
						row.ID = storage.ID(fmt.Sprintf("%d-%d-%d", w, u, half))
						if err := tx.Put(ctx, tickets, &row); err != nil {
							return err
						}
						if err := tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: string(row.ID), Due: start}); err != nil {
							return err
						}
					}
					return nil
				})
			}
			done <- err
		}()
	}
	stop := make(chan struct{})
	claimed := make(chan int, 1)
	go func() {
		n := 0
		for {
			// Whether all is written is asked first: only a claim begun after that finds nothing left.
			written := false
			select {
			case <-stop:
				written = true
			default:
			}
			jobs, err := s.Claim(t.Context(), storage.Claim{Now: start, Lease: time.Hour, Limit: 7})
			if err != nil {
				done <- err
				return
			}
			n += len(jobs)
			if written && len(jobs) == 0 {
				claimed <- n
				done <- nil
				return
			}
		}
	}()
	go func() {
		for {
			err := s.View(t.Context(), tenants, func(ctx context.Context, r storage.Reader) error {
				groups, err := r.Count(ctx, tickets, storage.Condition{Op: storage.AtLeast, Column: "priority", Values: []any{int64(0)}}, nil)
				if err != nil {
					return err
				}
				rows, err := r.Query(ctx, tickets, storage.RowQuery{Limit: storage.MaxLimit, Order: []storage.Order{{Column: "updated"}}})
				if err != nil {
					return err
				}
				if groups[0].Count%2 != 0 || groups[0].Count != int64(len(rows)) {
					return fmt.Errorf("%d rows counted, %d read", groups[0].Count, len(rows))
				}
				return nil
			})
			select {
			case <-stop:
				done <- err
				return
			default:
				if err != nil {
					done <- err
					return
				}
			}
		}
	}()
	for range writers {
		require.NoError(t, <-done)
	}
	close(stop)
	for range 2 {
		require.NoError(t, <-done)
	}
	require.Equal(t, 2*writers*units, <-claimed)
}
