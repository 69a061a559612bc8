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
	{"a log of several tenants is of one state", readOneLog},
	{"jobs that die and live again are of one state", readOneQueue},
	{"a count is of one state", readOneCount},
	{"a read inside a unit sees the open writes", readInUnit},
	{"a read inside a unit has no other tenant", readInUnitTenants},
	{"a unit can be opened inside a read, which sees it", readAroundUnit},
	{"a read is over when its function returns", readOver},
	{"a read of no tenant, of one twice or of a bad one is invalid", readTenants},
	{"what a read's function returns is returned", readError},
}

// amid reads again and again while units, one after the other, change what is read. What an adapter
// makes of several statements must be of one state, though units come between.
func (e *env) amid(tenants []storage.Tenant, units int, unit func(n int) error, read func(ctx context.Context, r storage.Reader) error) {
	e.Helper()
	var stop atomic.Bool
	e.together(2, func(g int) error {
		if g == 0 {
			defer stop.Store(true)
			for range 60 {
				if err := e.store.Read(e.ctx, tenants, read); err != nil {
					return err
				}
			}
			return nil
		}
		for n := 0; !stop.Load() && n < units; n++ {
			if err := unit(n); err != nil {
				return err
			}
		}
		return nil
	})
}

// readOneState reads a page along an order of two directions while rows move between its parts.
func readOneState(e *env) {
	rows := make([]storage.Row, 12)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprintf("%02d", i)), "priority", i%3)
	}
	e.put(acme, rows...)
	order := []storage.Order{asc("priority"), desc("title")}
	first := e.query(storage.RowQuery{Order: order, Limit: 1}, acme)
	after := position(tickets, first[0], order)
	e.amid([]storage.Tenant{acme}, 20000, e.moving(rows[1:]), func(ctx context.Context, r storage.Reader) error {
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
	})
}

// moving gives units that move the rows in turn from one of three priorities to the next. Each priority
// always has some.
func (e *env) moving(rows []storage.Row) func(n int) error {
	return func(n int) error {
		return e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
			row, err := tx.Get(ctx, tickets, acme, rows[n%len(rows)].ID)
			if err != nil {
				return err
			}
			set(tickets, &row, "priority", (n/len(rows)+n%len(rows))%3)
			return tx.Put(ctx, tickets, &row)
		})
	}
}

// readOneLog reads the log of a first and a last tenant, with others between that have nothing to tell,
// while each version is logged in the first tenant and then in the last.
func readOneLog(e *env) {
	tenants := []storage.Tenant{acme, umbra}
	for i := range 60 {
		tenants = append(tenants, storage.Tenant(fmt.Sprintf("between %02d", i)))
	}
	e.amid(tenants, 490, func(n int) error {
		for _, tenant := range []storage.Tenant{acme, umbra} {
			if err := e.untilDone(tenant, func(ctx context.Context, tx storage.Tx) error {
				return tx.Append(ctx, event("1", int64(n+1), 0))
			}); err != nil {
				return err
			}
		}
		return nil
	}, func(ctx context.Context, r storage.Reader) error {
		events, err := r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		if err != nil {
			return err
		}
		logged := map[storage.Tenant]int{}
		for _, ev := range events {
			logged[ev.Tenant]++
		}
		if ahead := logged[acme] - logged[umbra]; ahead != 0 && ahead != 1 {
			return fmt.Errorf("the log has %d events of the first tenant and %d of the last, which was never so", logged[acme], logged[umbra])
		}
		return nil
	})
}

// readOneQueue lists two jobs of a subject, of which one dies whenever the other lives again.
func readOneQueue(e *env) {
	swap := func(n int) error {
		return e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
			return tx.Enqueue(ctx,
				storage.Job{Kind: "timer", Key: "a", Subject: "s", Due: noon, Dead: n%2 == 0},
				storage.Job{Kind: "timer", Key: "b", Subject: "s", Due: noon, Dead: n%2 == 1})
		})
	}
	require.NoError(e, swap(1))
	e.amid([]storage.Tenant{acme}, 20000, swap, func(ctx context.Context, r storage.Reader) error {
		for range 10 {
			jobs, err := r.Jobs(ctx, storage.JobQuery{Subject: "s", Limit: 10})
			if err != nil {
				return err
			}
			if len(jobs) != 2 || jobs[0].Key != "a" || jobs[1].Key != "b" || jobs[0].Dead == jobs[1].Dead {
				return fmt.Errorf("the jobs are %+v; there were always a and b, one of them dead", jobs)
			}
		}
		return nil
	})
}

// readOneCount counts rows that move from group to group.
func readOneCount(e *env) {
	rows := make([]storage.Row, 12)
	for i := range rows {
		rows[i] = ticket(storage.ID(fmt.Sprintf("%02d", i)), "priority", i%3)
	}
	e.put(acme, rows...)
	e.amid([]storage.Tenant{acme}, 20000, e.moving(rows), func(ctx context.Context, r storage.Reader) error {
		for _, by := range [][]string{nil, {"priority"}, {"tenant", "priority"}} {
			groups, err := r.Count(ctx, tickets, where(storage.In, "priority", 0, 1, 2), by)
			if err != nil {
				return err
			}
			total := int64(0)
			for _, g := range groups {
				total += g.Count
			}
			if total != int64(len(rows)) {
				return fmt.Errorf("a count by %q has %d rows; there were always %d", by, total, len(rows))
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
