// This file holds the promise that a server which prepares no more statements, because the processes that it
// serves have as many as it allows, is used all the same.

package enginetest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// ownMariaDB is MariaDB in a server of the test's own, with the address of an empty database.
func ownMariaDB(t *testing.T) (e engine, server *throwaway.Server, dsn string) {
	t.Helper()
	for _, e = range engines {
		if e.dialect == sqlstore.MySQL {
			server = throwaway.MariaDBForTest(t, throwaway.Options{})
			require.NoError(t, server.CreateDatabase(t.Context(), "desk"))
			return e, server, server.DSN("desk") + "?" + e.parameters
		}
	}
	t.Skip("MariaDB is not among the engines")
	return e, nil, ""
}

func TestAServerThatPreparesNoMoreStatementsIsUsedWithout(t *testing.T) {
	t.Parallel()
	e, server, dsn := ownMariaDB(t)
	allow := func(n int) {
		_, err := server.Query(t.Context(), "", fmt.Sprintf("SET GLOBAL max_prepared_stmt_count = %d", n))
		require.NoError(t, err)
	}
	// A unit, a read and a claim, each from several goroutines, so that there are connections on which nothing is
	// prepared yet.
	use := func(t *testing.T, s *sqlstore.Store) {
		ctx := timed(t)
		var done sync.WaitGroup
		errs := make(chan error, 1000)
		for g := range 8 {
			done.Add(1)
			go func() {
				defer done.Done()
				for range 10 {
					errs <- s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
						row := incident(g)
						if err := tx.Put(ctx, incidents, &row); err != nil {
							return err
						}
						if _, err := tx.Get(ctx, incidents, acme, row.ID); err != nil {
							return err
						}
						return tx.Delete(ctx, incidents, row.ID, row.Version)
					})
					errs <- s.Read(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
						_, err := r.Query(ctx, incidents, storage.RowQuery{Limit: 5})
						return err
					})
					_, err := s.Claim(ctx, storage.Claim{Now: noon, Lease: time.Second, Limit: 1})
					errs <- err
				}
			}()
		}
		done.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Zero(t, count(t, s, acme))
	}
	for name, n := range map[string]int{"none": 0, "few": 5, "as many as one connection wants": 20} {
		t.Run(name, func(t *testing.T) {
			allow(100_000)
			s := open(t, e, dsn, nil)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			allow(n)
			use(t, s)
		})
	}
	t.Run("no more than there are", func(t *testing.T) {
		allow(100_000)
		s := open(t, e, dsn, nil)
		require.NoError(t, s.Migrate(t.Context(), incidents))
		for range 3 { // one connection has them prepared
			put(t, s, "umbra", 0, 1)
			require.NoError(t, s.Update(t.Context(), "umbra", func(ctx context.Context, tx storage.Tx) error {
				return tx.Delete(ctx, incidents, incident(0).ID, 1)
			}))
		}
		allow(1)
		use(t, s)
	})
	t.Run("and a check says how many there may be", func(t *testing.T) {
		allow(511)
		s := open(t, e, dsn, nil)
		require.NoError(t, s.Migrate(t.Context(), incidents))
		require.ErrorContains(t, s.Check(t.Context(), incidents), "max_prepared_stmt_count must be at least 512")
		none, err := sqlstore.New(e.db(t, dsn), e.dialect, sqlstore.Options{Volatile: true, Statements: -1})
		require.NoError(t, err)
		require.NoError(t, none.Check(t.Context(), incidents))
		reader, err := sqlstore.New(e.db(t, dsn), e.dialect, sqlstore.Options{Volatile: true, Reader: e.db(t, dsn)})
		require.NoError(t, err)
		allow(512)
		require.NoError(t, s.Check(t.Context(), incidents))
		require.ErrorContains(t, reader.Check(t.Context(), incidents), "max_prepared_stmt_count must be at least 1024")
	})
}
