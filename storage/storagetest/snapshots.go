package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A View reads one moment, or the open unit whose context it is given. Its moment is no later
// than its first read.
var snapshotCases = []testCase{
	{"a view sees what was committed before it began", snapshotBefore},
	{"a view sees nothing that is committed later", snapshotLater},
	{"a view is one moment over rows, counts, events and jobs", snapshotWhole},
	{"views during transfers always see the same sum", snapshotSum},
	{"a view with a unit's context sees the open writes", snapshotInUnit},
	{"a view with a unit's context has no other tenant", snapshotInUnitTenants},
	{"a view does not write", snapshotReadOnly},
	{"a view of no tenant, of one twice or of a bad one is invalid", snapshotTenants},
}

// meanwhile runs fn in another goroutine and waits for it, though not for ever: where a store
// lets it wait until the caller is done, that is right too. The caller calls the function that
// it gives when it is done.
func (e *env) meanwhile(fn func() error) (wait func()) {
	done := make(chan error, 1)
	go func() { done <- caught(fn) }()
	select {
	case err := <-done:
		require.NoError(e, err)
		return func() {}
	case <-time.After(300 * time.Millisecond):
		return func() { require.NoError(e, <-done) }
	}
}

func snapshotBefore(e *env) {
	for i := range 20 {
		id := storage.ID(fmt.Sprint(i))
		e.put(acme, ticket(id))
		e.get(acme, id)
		require.Len(e, e.query(storage.RowQuery{}, acme), i+1)
	}
}

func snapshotLater(e *env) {
	rows := e.put(acme, ticket("1", "title", "before"), ticket("2"))
	var wait func()
	e.view(func(ctx context.Context, r storage.Reader) {
		look := func(when string) {
			got, err := r.Get(ctx, tickets, acme, "1")
			require.NoError(e, err, when)
			require.Equal(e, rows[0], got, when)
			require.Equal(e, []string{"1", "2"}, ids(e.page(ctx, r, storage.RowQuery{})), when)
			_, err = r.Get(ctx, tickets, acme, "3")
			require.ErrorIs(e, err, storage.ErrNotFound, when)
			require.Empty(e, e.page(ctx, r, storage.RowQuery{Where: where(storage.Equal, "title", "after")}), when)
		}
		look("before")
		wait = e.meanwhile(func() error {
			return e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				changed, created := clone(rows[0]), ticket("3")
				set(tickets, &changed, "title", "after")
				if err := tx.Put(ctx, tickets, &changed); err != nil {
					return err
				}
				if err := tx.Put(ctx, tickets, &created); err != nil {
					return err
				}
				return tx.Delete(ctx, tickets, "2", 1)
			})
		})
		look("after another unit committed")
	}, acme)
	wait()
	require.Equal(e, "after", value(e.get(acme, "1"), "title"))
	require.Equal(e, []string{"1", "3"}, ids(e.query(storage.RowQuery{}, acme)))
}

func snapshotWhole(e *env) {
	e.put(acme, ticket("1"))
	e.put(umbra, ticket("1"))
	var wait func()
	e.view(func(ctx context.Context, r storage.Reader) {
		require.Len(e, e.page(ctx, r, storage.RowQuery{}), 2)
		wait = e.meanwhile(func() error {
			for _, tenant := range []storage.Tenant{acme, umbra} {
				if err := e.untilDone(tenant, func(ctx context.Context, tx storage.Tx) error {
					for _, s := range schemas {
						row := newRow(s, "2")
						if err := tx.Put(ctx, s, &row); err != nil {
							return err
						}
					}
					if err := tx.Append(ctx, event("2", 1, 0)); err != nil {
						return err
					}
					return tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "2", Due: noon})
				}); err != nil {
					return err
				}
			}
			return nil
		})
		for _, s := range schemas {
			require.Zero(e, e.total(ctx, r, s, where(storage.Equal, "id", "2")), "rows of %s", s.Name())
		}
		events, err := r.Events(ctx, storage.EventQuery{Limit: 10})
		require.NoError(e, err)
		require.Empty(e, events)
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 10})
		require.NoError(e, err)
		require.Empty(e, jobs)
	}, acme, umbra)
	wait()
	require.Len(e, e.events(acme, umbra), 2)
	require.Len(e, e.jobs(acme, umbra), 2)
}

func snapshotSum(e *env) {
	const accounts, readers, looks = 4, 3, 20
	rows := make([]storage.Row, accounts)
	for i := range rows {
		rows[i] = newRow(assets, storage.ID(fmt.Sprint(i)), "balance", 100)
	}
	e.putIn(assets, acme, rows...)
	var reading atomic.Int32
	reading.Store(readers)
	e.together(1+readers, func(i int) error {
		if i == readers { // who transfers for as long as there is a reader
			for n := 0; reading.Load() > 0; n++ {
				if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
					from, to := storage.ID(fmt.Sprint(n%accounts)), storage.ID(fmt.Sprint((n+1)%accounts))
					return firstError(add(ctx, tx, from, -7), add(ctx, tx, to, 7))
				}); err != nil {
					return err
				}
			}
			return nil
		}
		defer reading.Add(-1)
		for range looks {
			if err := e.store.View(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
				var sum int64
				for a := range accounts {
					row, err := r.Get(ctx, assets, acme, storage.ID(fmt.Sprint(a)))
					if err != nil {
						return err
					}
					sum += row.Value(assets, "balance").(int64)
					time.Sleep(200 * time.Microsecond) // there is time for a transfer in between
				}
				if sum != 100*accounts {
					return fmt.Errorf("a view saw half a transfer: the sum is %d", sum)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// add reads an asset, adds to its balance and puts it.
func add(ctx context.Context, tx storage.Tx, id storage.ID, n int64) error {
	row, err := tx.Get(ctx, assets, tx.Tenant(), id)
	if err != nil {
		return err
	}
	set(assets, &row, "balance", row.Value(assets, "balance").(int64)+n)
	return tx.Put(ctx, assets, &row)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func snapshotInUnit(e *env) {
	claimed := e.prepare()
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		e.everything(ctx, tx, claimed)
		require.NoError(e, e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			require.Equal(e, []storage.Tenant{acme}, r.Tenants())
			require.Equal(e, []string{"changed", "created"}, ids(e.page(ctx, r, storage.RowQuery{})))
			events, err := r.Events(ctx, storage.EventQuery{Limit: 10})
			require.NoError(e, err)
			require.Len(e, events, 2)
			jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 10})
			require.NoError(e, err)
			require.Equal(e, []string{"timer/new", "timer/replaced"}, names(jobs))
			return nil
		}))
		require.ErrorIs(e, e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			return errOurs // which is no reason for the unit to fail
		}), errOurs)
		later := ticket("later")
		require.NoError(e, tx.Put(ctx, tickets, &later))
		require.NoError(e, e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			_, err := r.Get(ctx, tickets, acme, "later")
			return err
		}))
	})
	e.get(acme, "later")
}

func snapshotInUnitTenants(e *env) {
	e.put(acme, ticket("1"))
	e.put(umbra, ticket("2"))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		for _, tenants := range [][]storage.Tenant{{umbra}, {acme, umbra}, {capital}, {}} {
			ran := false
			err := e.store.View(ctx, tenants, func(context.Context, storage.Reader) error {
				ran = true
				return nil
			})
			require.ErrorIs(e, err, storage.ErrInvalid, "a view of %q in a unit of acme", tenants)
			require.False(e, ran)
		}
		require.NoError(e, e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			_, err := r.Get(ctx, tickets, umbra, "2")
			require.ErrorIs(e, err, storage.ErrNotFound)
			return nil
		}))
	})
}

func snapshotReadOnly(e *env) {
	e.view(func(ctx context.Context, r storage.Reader) {
		tx, writes := r.(storage.Tx)
		if !writes {
			return
		}
		row := ticket("1")
		require.Error(e, tx.Put(ctx, tickets, &row))
	}, acme)
	e.missing(acme, "1")
}

func snapshotTenants(e *env) {
	for _, tenants := range [][]storage.Tenant{nil, {}, {acme, umbra, acme}, {""}, {acme, ""}, {"a\x00"}, {"\xff"}, {storage.Tenant(make([]byte, 201))}} {
		err := e.store.View(e.ctx, tenants, func(context.Context, storage.Reader) error {
			return errOurs
		})
		require.ErrorIs(e, err, storage.ErrInvalid, "%q", tenants)
		require.NotErrorIs(e, err, errOurs, "the function was run")
	}
}
