//go:build !race

package enginetest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlite"
	"github.com/itsmkit/itsmkit/storage/storagetest"
)

// embedded opens the embedded default.
func embedded(tb testing.TB, path string, o sqlite.Options, schemas ...*storage.Schema) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(context.Background(), path, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Close() })
	require.NoError(tb, s.Migrate(context.Background(), schemas...))
	return s
}

func TestConformanceEmbedded(t *testing.T) {
	for name, path := range map[string]func(t *testing.T) string{
		"file":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "desk.db") },
		"memory": func(*testing.T) string { return sqlite.Memory },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, func(t *testing.T) storage.Store {
				return embedded(t, path(t), sqlite.Options{Synchronous: sqlite.Normal})
			})
		})
	}
}

func TestAnEmbeddedStoreIsThereWhenItIsOpenedAgain(t *testing.T) {
	// Characters that mean something in the name that the driver is given.
	for _, name := range []string{"desk.db", "a b.db", "50%.db", "what?.db", "x#y&z=1.db", "é.db", "+.db"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			s := embedded(t, path, sqlite.Options{}, incidents)
			put(t, s, acme, 0, 3)
			var next int64
			number := func(s *sqlite.Store) (n int64) {
				require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) (err error) {
					n, err = tx.Next(ctx, "incident")
					return err
				}))
				return n
			}
			key := func(s *sqlite.Store) (key []byte) {
				require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
					key, err = r.CursorKey(ctx)
					return err
				}))
				return key
			}
			next = number(s)
			first := key(s)
			require.NoError(t, s.Close())
			require.FileExists(t, path)

			again := embedded(t, path, sqlite.Options{}, incidents)
			require.NoError(t, again.Check(t.Context(), incidents))
			require.Equal(t, int64(3), count(t, again, acme))
			require.Greater(t, number(again), next)
			require.Equal(t, first, key(again))
		})
	}
}

func TestARelativePathIsAsGoodAsAnAbsoluteOne(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("data", 0o755))
	s := embedded(t, "data/desk.db", sqlite.Options{})
	require.NoError(t, s.Close())
	require.FileExists(t, filepath.Join("data", "desk.db"))
}

func TestAnEmbeddedStoreHasTheSettingsItSaysItHas(t *testing.T) {
	for synchronous, want := range map[sqlite.Synchronous]string{sqlite.Full: "2", sqlite.Normal: "1"} {
		s := embedded(t, filepath.Join(t.TempDir(), "desk.db"), sqlite.Options{Synchronous: synchronous, BusyTimeout: 3 * time.Second})
		for pragma, want := range map[string]string{"synchronous": want, "journal_mode": "wal", "busy_timeout": "3000", "foreign_keys": "1"} {
			var got any
			require.NoError(t, s.DB().QueryRow("PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, fmt.Sprint(got), pragma)
		}
		require.Equal(t, 1, s.DB().Stats().MaxOpenConnections)
	}
}

func TestViewsOfAnEmbeddedStoreDoNotWaitForTheWriter(t *testing.T) {
	ctx := timed(t)
	s := embedded(t, filepath.Join(t.TempDir(), "desk.db"), sqlite.Options{}, incidents)
	require.NoError(t, s.Update(ctx, acme, func(_ context.Context, tx storage.Tx) error {
		row := incident(1)
		if err := tx.Put(ctx, incidents, &row); err != nil {
			return err
		}
		_, err := get(t, s, acme, row.ID) // with another context, as from another goroutine
		require.ErrorIs(t, err, storage.ErrNotFound)
		return nil
	}))
}

func TestAHostKeepsItsOwnTablesInTheSameFile(t *testing.T) {
	ctx := timed(t)
	s := embedded(t, filepath.Join(t.TempDir(), "desk.db"), sqlite.Options{}, incidents)
	_, err := s.DB().ExecContext(ctx, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	require.NoError(t, err)
	tx, err := s.DB().BeginTx(ctx, nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, s.Join(tx).Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		row := incident(1)
		return tx.Put(ctx, incidents, &row)
	}))
	require.NoError(t, tx.Commit())
	require.Equal(t, int64(1), count(t, s, acme))
}

func TestTwoEmbeddedStoresShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	one, two := embedded(t, path, sqlite.Options{Synchronous: sqlite.Normal}, incidents), embedded(t, path, sqlite.Options{Synchronous: sqlite.Normal}, incidents)
	errs := make(chan error)
	for i, s := range []*sqlite.Store{one, two} {
		go func() {
			errs <- func() error {
				for n := range 100 {
					err := s.Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
						row := incident(1000*i + n)
						if _, err := tx.Next(ctx, "incident"); err != nil {
							return err
						}
						return tx.Put(ctx, incidents, &row)
					})
					if err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.Equal(t, int64(200), count(t, one, acme))
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	for name, try := range map[string]func() (*sqlite.Store, error){
		"no path":          func() (*sqlite.Store, error) { return sqlite.Open(t.Context(), "", sqlite.Options{}) },
		"a strange mode":   func() (*sqlite.Store, error) { return sqlite.Open(t.Context(), "x", sqlite.Options{Synchronous: 7}) },
		"negative readers": func() (*sqlite.Store, error) { return sqlite.Open(t.Context(), "x", sqlite.Options{Readers: -1}) },
		"negative timeout": func() (*sqlite.Store, error) { return sqlite.Open(t.Context(), "x", sqlite.Options{BusyTimeout: -1}) },
		"a bad prefix": func() (*sqlite.Store, error) {
			return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x"), sqlite.Options{Prefix: "-"})
		},
	} {
		s, err := try()
		require.ErrorIs(t, err, storage.ErrInvalid, name)
		require.Nil(t, s)
	}

	path := filepath.Join(t.TempDir(), "none", "desk.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.Error(t, err, "a directory that is not there")
	require.NotContains(t, err.Error(), "unable to open", "the driver's text")
	require.Nil(t, s)

	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o644))
	s, err = sqlite.Open(t.Context(), text, sqlite.Options{})
	require.Error(t, err)
	require.Nil(t, s)
}
