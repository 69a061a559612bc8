package enginetest_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// These tests are about reads outside a transaction of their own: their statements, and whether each is
// of one state.

// small is a table whose order goes up and down.
var small = mustSchema("small", 1, []storage.ColumnSpec{
	{Name: "a", Kind: storage.Int}, {Name: "b", Kind: storage.Text}, {Name: "c", Kind: storage.Int, Nullable: true}, {Name: "d", Kind: storage.Bool},
}, []storage.Index{{Columns: []storage.Order{{Column: "a"}, {Column: "b", Descending: true}}}})

// titles is a condition whose text differs with the number of its values.
func titles(n int) storage.Condition {
	values := make([]any, n)
	for i := range values {
		values[i] = fmt.Sprintf("INC%07d", i)
	}
	return storage.Condition{Op: storage.In, Column: "title", Values: values}
}

func TestAReadNeverFindsItsStatementClosed(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{Statements: 2}, incidents) // of which five are used
			put(t, s, acme, 0, 10)
			var done sync.WaitGroup
			errs := make(chan error, 8)
			for g := range 8 {
				done.Add(1)
				go func() {
					defer done.Done()
					for i := range 400 {
						if err := s.Read(context.Background(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
							_, err := r.Query(ctx, incidents, storage.RowQuery{Where: titles(1 + (i/3+g)%5), Limit: 3})
							return err
						}); err != nil {
							errs <- err
							return
						}
					}
				}()
			}
			done.Wait()
			close(errs)
			for err := range errs {
				require.NoError(t, err)
			}
		})
	}
}

func TestAReadAndAViewNeverWaitForEachOther(t *testing.T) {
	s, db := sqlitePure.store(t, sqlstore.Options{Statements: 4}, incidents)
	db.SetMaxOpenConns(1)
	put(t, s, acme, 0, 10)
	page := func(ctx context.Context, r storage.Reader, n int) error {
		_, err := r.Query(ctx, incidents, storage.RowQuery{Where: titles(n), Limit: 3})
		return err
	}
	first := func(ctx context.Context, r storage.Reader) error { return page(ctx, r, 1) }
	for range 3 { // until its text is prepared
		require.NoError(t, s.Read(t.Context(), []storage.Tenant{acme}, first))
	}
	read := make(chan error, 1)
	viewed := make(chan error, 1)
	go func() {
		viewed <- s.View(context.Background(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			waits := db.Stats().WaitCount
			go func() { read <- s.Read(context.Background(), []storage.Tenant{acme}, first) }()
			for db.Stats().WaitCount == waits { // until it waits for the one connection
				time.Sleep(time.Millisecond)
			}
			for n := 2; n < 20; n++ { // which drives its statement out
				if err := page(ctx, r, n); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	for _, done := range []chan error{viewed, read} {
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			t.Fatal("they wait for each other")
		}
	}
}

// TestTheLargestQueriesFitAStatement holds that what is written as several branches or ranges never has
// more arguments than an engine takes.
func TestTheLargestQueriesFitAStatement(t *testing.T) {
	teams := storage.Condition{Op: storage.In, Column: "team"}
	for i := range 40 {
		teams.Values = append(teams.Values, fmt.Sprintf("team-%02d", i))
	}
	many := []storage.Tenant{acme}
	for i := range 60 {
		many = append(many, storage.Tenant(fmt.Sprint("t", i)))
	}
	few := teams
	few.Values = teams.Values[:16]
	isOpen := storage.Condition{Op: storage.Equal, Column: "open", Values: []any{true}}
	mixed := []storage.Order{{Column: "priority"}, {Column: "created", Descending: true}}
	and := func(of ...storage.Condition) storage.Condition { return storage.Condition{Op: storage.And, Of: of} }
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{}, incidents)
			put(t, s, acme, 0, 10)
			for name, c := range map[string]struct {
				tenants []storage.Tenant
				query   storage.RowQuery
			}{
				"many tenants":          {many, storage.RowQuery{Where: titles(990), Order: mixed}},
				"many groups":           {[]storage.Tenant{acme}, storage.RowQuery{Where: and(isOpen, teams, titles(930)), Order: mixed}},
				"some groups":           {[]storage.Tenant{acme}, storage.RowQuery{Where: and(isOpen, few, titles(930)), Order: mixed}},
				"some groups and place": {many[:4], storage.RowQuery{Where: and(isOpen, few, titles(930)), Order: mixed, After: &storage.Position{Values: []any{int64(2), noon.UnixMicro()}, Tenant: acme, ID: "x"}}},
			} {
				c.query.Limit = 10
				require.NoError(t, s.View(t.Context(), c.tenants, func(ctx context.Context, r storage.Reader) error {
					_, err := r.Query(ctx, incidents, c.query)
					return err
				}), name)
			}
		})
	}
}

// TestAPageIsOfOneStateInATransactionThatIsNot reads pages in mixed directions inside transactions of
// PostgreSQL's READ COMMITTED, in which each statement sees another state.
func TestAPageIsOfOneStateInATransactionThatIsNot(t *testing.T) {
	s, db := postgreSQL.store(t, sqlstore.Options{}, small)
	for i := range 12 {
		require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
			row := storage.Row{Meta: storage.Meta{ID: storage.ID(fmt.Sprint("i", i)), Created: noon, Updated: noon},
				Columns: []any{int64(i % 3), "x", nil, true}, Body: []byte("{}")}
			return tx.Put(ctx, small, &row)
		}))
	}
	q := storage.RowQuery{Order: []storage.Order{{Column: "a"}, {Column: "b", Descending: true}}, Limit: 100,
		After: &storage.Position{Values: []any{int64(0), "x"}, Tenant: acme, ID: "i9"}}
	var stop atomic.Bool
	moved := make(chan error, 1)
	go func() {
		for n := 0; !stop.Load(); n++ {
			if err := s.Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
				row, err := tx.Get(ctx, small, acme, storage.ID(fmt.Sprint("i", n%9)))
				if err != nil {
					return err
				}
				row.Columns[0] = int64((n / 12) % 3)
				return tx.Put(ctx, small, &row)
			}); err != nil {
				moved <- err
				return
			}
		}
		moved <- nil
	}()
	page := func(ctx context.Context, r storage.Reader) error {
		rows, err := r.Query(ctx, small, q)
		seen := map[storage.ID]bool{}
		for _, row := range rows {
			if seen[row.ID] {
				return fmt.Errorf("row %s stands twice on one page", row.ID)
			}
			seen[row.ID] = true
		}
		return err
	}
	for range 300 {
		require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error { return page(ctx, tx) }))
		tx, err := db.Begin()
		require.NoError(t, err)
		require.NoError(t, s.Join(tx).Read(t.Context(), []storage.Tenant{acme}, page))
		require.NoError(t, tx.Rollback())
	}
	stop.Store(true)
	require.NoError(t, <-moved)
}

func TestAUnitThatTakesNoNumberWaitsForNone(t *testing.T) {
	s, _ := postgreSQL.store(t, sqlstore.Options{SequenceBlock: 1}, small)
	next(t, s, 2) // the block is used up
	held, release, done := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
			if _, err := tx.Next(ctx, "incident"); err != nil {
				return err
			}
			if err := tx.Advance(ctx, "incident", 1000); err != nil {
				return err
			}
			held <- true
			<-release
			return nil
		})
	}()
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := s.Update(ctx, acme, func(context.Context, storage.Tx) error { return nil })
	release <- true
	require.NoError(t, <-done)
	require.NoError(t, err)
}
