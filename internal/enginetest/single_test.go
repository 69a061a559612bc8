package enginetest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// TestOneConnectionNeverDeadlocks does on a pool of one connection all that could want a second
// one. What waits for ever fails when the test's context ends.
func TestOneConnectionNeverDeadlocks(t *testing.T) {
	claim := storage.Claim{Now: noon.Add(24 * time.Hour), Lease: time.Minute, Limit: 10}
	nothing := func(context.Context, storage.Tx) error { return nil }
	tenants := []storage.Tenant{acme}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := timed(t)
			s, db := e.store(t, sqlstore.Options{}, incidents)
			db.SetMaxOpenConns(1)

			// Often enough for statements to be prepared, and for blocks of numbers to run out.
			for n := 1; n <= 200; n++ {
				require.NoError(t, s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row := incident(n)
					require.NoError(t, tx.Put(ctx, incidents, &row))
					got, err := tx.Next(ctx, fmt.Sprint("sequence ", n%3))
					require.NoError(t, err)
					require.NotZero(t, got)
					_, err = tx.CursorKey(ctx)
					require.NoError(t, err)
					require.NoError(t, s.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
						_, err := r.Get(ctx, incidents, acme, row.ID)
						return err
					}), "a View in an Update")
					return tx.Enqueue(ctx, job(row))
				}))
			}
			require.NoError(t, s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				for range 1000 {
					if _, err := tx.Next(ctx, "many"); err != nil {
						return err
					}
				}
				return nil
			}), "more numbers in a unit than a block has")

			within := func(ctx context.Context) {
				require.ErrorIs(t, s.Update(ctx, acme, nothing), storage.ErrInvalid)
				_, err := s.Claim(ctx, claim)
				require.ErrorIs(t, err, storage.ErrInvalid)
				require.ErrorIs(t, s.Migrate(ctx, incidents), storage.ErrInvalid)
				require.ErrorIs(t, s.Check(ctx, incidents), storage.ErrInvalid)
				_, err = s.Plan(ctx, incidents)
				require.ErrorIs(t, err, storage.ErrInvalid)
			}
			require.NoError(t, s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				within(ctx)
				return nil
			}))
			require.NoError(t, s.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
				within(ctx)
				return s.View(ctx, []storage.Tenant{"umbra"}, func(ctx context.Context, r storage.Reader) error {
					_, err := r.Get(ctx, incidents, acme, incident(1).ID)
					require.ErrorIs(t, err, storage.ErrNotFound, "the inner View reads its own tenants")
					within(ctx)
					return nil
				})
			}))

			jobs, err := s.Claim(ctx, claim)
			require.NoError(t, err)
			require.Len(t, jobs, 10)

			// Many at once take turns.
			var done sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				done.Add(1)
				go func() {
					defer done.Done()
					for n := range 20 {
						errs[i] = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
							row := incident(1000 + 100*i + n)
							if _, err := tx.Next(ctx, fmt.Sprint("sequence ", i)); err != nil {
								return err
							}
							return tx.Put(ctx, incidents, &row)
						})
						if errs[i] != nil {
							return
						}
						if _, err := get(t, s, acme, incident(1000+100*i+n).ID); err != nil {
							errs[i] = err
							return
						}
					}
				}()
			}
			done.Wait()
			for _, err := range errs {
				require.NoError(t, err)
			}
			require.Equal(t, int64(200+8*20), count(t, s, acme))
		})
	}
}

// cancelKey is where a context carries the function that ends it.
type cancelKey struct{}

func TestAUnitKeepsNoConnectionWhateverItsEnd(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := timed(t)
			s, db := e.store(t, sqlstore.Options{}, incidents)
			db.SetMaxOpenConns(1)
			tenants := []storage.Tenant{acme}
			missing := mustSchema("missing", 1, nil, nil)
			ends := map[string]func(cancel func()) error{
				"an error":  func(func()) error { return fmt.Errorf("ours") },
				"a panic":   func(func()) error { panic("ours") },
				"cancelled": func(cancel func()) error { cancel(); return nil },
				"nothing":   func(func()) error { return nil },
			}
			for name, end := range ends {
				for range 3 {
					run := func(f func(ctx context.Context) error) {
						ctx, cancel := context.WithCancel(ctx)
						defer cancel()
						defer func() { recover() }()
						f(context.WithValue(ctx, cancelKey{}, cancel))
					}
					run(func(ctx context.Context) error {
						return s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
							row := incident(1)
							require.NoError(t, tx.Put(ctx, incidents, &row))
							return end(ctx.Value(cancelKey{}).(context.CancelFunc))
						})
					})
					run(func(ctx context.Context) error {
						return s.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
							return end(ctx.Value(cancelKey{}).(context.CancelFunc))
						})
					})
					run(func(ctx context.Context) error {
						return s.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
							_, err := r.Get(ctx, missing, acme, "1")
							return err
						})
					})
					require.NoError(t, s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
						_, err := tx.Get(ctx, incidents, acme, incident(1).ID)
						if name == "nothing" && err == nil {
							return tx.Delete(ctx, incidents, incident(1).ID, 1)
						}
						require.ErrorIs(t, err, storage.ErrNotFound, name)
						return nil
					}))
				}
			}
			require.Zero(t, db.Stats().InUse)
		})
	}
}
