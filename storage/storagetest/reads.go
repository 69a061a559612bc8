package storagetest

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A Read reads without a snapshot, but each of its reads is of one state. That it tells what a View
// tells is seen wherever a case reads through env's get, query, events and jobs.
var readCases = []testCase{
	{"each read is of one state", readOneState},
	{"a read inside a unit sees the open writes", readInUnit},
	{"a read inside a unit has no other tenant", readInUnitTenants},
	{"a unit can be opened inside a read, which sees it", readAroundUnit},
	{"a read is over when its function returns", readOver},
	{"a read of no tenant, of one twice or of a bad one is invalid", readTenants},
	{"what a read's function returns is returned", readError},
}

// readOneState reads pages, counts and the log while units move things between their parts: a page
// along an order of two directions and a log of two tenants may be several statements of an adapter.
func readOneState(e *env) {
	rows := make([]storage.Row, 12)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprintf("%02d", i)), "priority", i%3)
	}
	e.put(acme, rows...)
	order := []storage.Order{asc("priority"), desc("title")}
	first := e.query(storage.RowQuery{Order: order, Limit: 1}, acme)
	after := position(tickets, first[0], order)
	var stop atomic.Bool
	e.together(2, func(g int) error {
		if g == 0 {
			defer stop.Store(true)
			for range 60 {
				if err := e.store.Read(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					page, err := r.Query(ctx, tickets, storage.RowQuery{Order: order, After: after, Limit: 100})
					if err != nil {
						return err
					}
					seen := map[storage.ID]bool{}
					for _, row := range page {
						if seen[row.ID] {
							return fmt.Errorf("row %s stands twice on one page", row.ID)
						}
						seen[row.ID] = true
					}
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		}
		for n := 0; !stop.Load() && n < 20000; n++ {
			if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				row, err := tx.Get(ctx, tickets, acme, rows[1+n%(len(rows)-1)].ID)
				if err != nil {
					return err
				}
				set(tickets, &row, "priority", (n/len(rows))%3)
				return tx.Put(ctx, tickets, &row)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func readInUnit(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		row := ticket("1")
		require.NoError(e, tx.Put(ctx, tickets, &row))
		require.NoError(e, e.store.Read(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			require.Equal(e, []storage.Tenant{acme}, r.Tenants())
			_, err := r.Get(ctx, tickets, acme, "1")
			return err
		}))
	})
}

func readInUnitTenants(e *env) {
	e.put(umbra, ticket("2"))
	e.update(acme, func(ctx context.Context, _ storage.Tx) {
		for _, tenants := range [][]storage.Tenant{{umbra}, {acme, umbra}, {}} {
			ran := false
			err := e.store.Read(ctx, tenants, func(context.Context, storage.Reader) error {
				ran = true
				return nil
			})
			require.ErrorIs(e, err, storage.ErrInvalid, "a read of %q in a unit of acme", tenants)
			require.False(e, ran)
		}
	})
}

func readAroundUnit(e *env) {
	require.NoError(e, e.store.Read(e.ctx, []storage.Tenant{acme, umbra}, func(ctx context.Context, r storage.Reader) error {
		require.Equal(e, []storage.Tenant{acme, umbra}, r.Tenants())
		require.Empty(e, e.page(ctx, r, storage.RowQuery{}))
		return nil
	}))
	require.NoError(e, e.store.Read(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		require.Empty(e, e.page(ctx, r, storage.RowQuery{}))
		if err := e.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			row := ticket("1")
			return tx.Put(ctx, tickets, &row)
		}); err != nil {
			return err
		}
		// What the unit did, or what was there when the read began, but no error.
		page := e.page(ctx, r, storage.RowQuery{})
		require.LessOrEqual(e, len(page), 1)
		return nil
	}))
	e.get(acme, "1")
}

func readOver(e *env) {
	var kept storage.Reader
	require.NoError(e, e.store.Read(e.ctx, []storage.Tenant{acme}, func(_ context.Context, r storage.Reader) error {
		kept = r
		return nil
	}))
	_, err := kept.Get(e.ctx, tickets, acme, "1")
	require.ErrorIs(e, err, storage.ErrInvalid)
	_, err = kept.Query(e.ctx, tickets, storage.RowQuery{Limit: 1})
	require.ErrorIs(e, err, storage.ErrInvalid)
}

func readTenants(e *env) {
	for _, tenants := range [][]storage.Tenant{nil, {acme, umbra, acme}, {""}, {acme, "\xff"}} {
		err := e.store.Read(e.ctx, tenants, func(context.Context, storage.Reader) error { return errOurs })
		require.ErrorIs(e, err, storage.ErrInvalid, "%q", tenants)
		require.NotErrorIs(e, err, errOurs, "the function was run")
	}
}

func readError(e *env) {
	require.ErrorIs(e, e.store.Read(e.ctx, []storage.Tenant{acme}, func(context.Context, storage.Reader) error { return errOurs }), errOurs)
}
