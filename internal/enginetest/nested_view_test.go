package enginetest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// Views inside views, as many as there are connections, do not wait for each other for ever.
func TestViewsInsideViewsNeedNoSecondConnection(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, db := e.store(t, sqlstore.Options{})
			db.SetMaxOpenConns(2)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			var inside, done sync.WaitGroup
			inside.Add(2)
			errs := make([]error, 2)
			for i := range errs {
				done.Go(func() {
					errs[i] = s.View(ctx, []storage.Tenant{"acme"}, func(ctx context.Context, _ storage.Reader) error {
						inside.Done()
						inside.Wait()
						return s.View(ctx, []storage.Tenant{"bolt"}, func(ctx context.Context, r storage.Reader) error {
							_, err := r.Events(ctx, storage.EventQuery{Limit: 1})
							return err
						})
					})
				})
			}
			done.Wait()
			require.NoError(t, errs[0])
			require.NoError(t, errs[1])
		})
	}
}

func TestAMissingTableSaysWhatToDo(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{})
			schema, err := storage.NewSchema("never_migrated", 1, nil, nil)
			require.NoError(t, err)
			err = s.View(context.Background(), []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
				_, err := r.Get(ctx, schema, "acme", "x")
				return err
			})
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.ErrorContains(t, err, "call Migrate")
		})
	}
}
