package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Numbers are given once, whatever becomes of the unit.
var sequenceCases = []testCase{
	{"numbers go from 1 upward", sequenceFirst},
	{"every number of a unit is another", sequenceMany},
	{"numbers of units that fail are never used", sequenceRollback},
	{"numbers are unique to many goroutines", sequenceConcurrent},
	{"tenants and sequences have numbers of their own", sequenceApart},
}

func (e *env) next(tenant storage.Tenant, sequence string) int64 {
	e.Helper()
	var n int64
	e.update(tenant, func(ctx context.Context, tx storage.Tx) {
		var err error
		n, err = tx.Next(ctx, sequence)
		require.NoError(e, err)
	})
	return n
}

func sequenceFirst(e *env) {
	require.Equal(e, int64(1), e.next(acme, "ticket"))
	seen := map[int64]bool{1: true}
	for range 30 {
		n := e.next(acme, "ticket")
		require.Positive(e, n)
		require.False(e, seen[n], "%d twice", n)
		seen[n] = true
	}
}

func sequenceMany(e *env) {
	seen := map[int64]bool{}
	for range 3 {
		var unit []int64
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			unit = unit[:0]
			for range 250 { // more than a store might reserve at once
				n, err := tx.Next(ctx, "ticket")
				require.NoError(e, err)
				unit = append(unit, n)
			}
		})
		for _, n := range unit {
			require.False(e, seen[n], "%d twice", n)
			seen[n] = true
		}
	}
	require.Len(e, seen, 750)
}

func sequenceRollback(e *env) {
	seen := map[int64]bool{}
	take := func(end func()) {
		e.Helper()
		var unit []int64
		func() {
			defer func() { _ = recover() }()
			_ = e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				unit = unit[:0]
				for range 3 {
					n, err := tx.Next(ctx, "ticket")
					if err != nil {
						unit = unit[:0]
						return err
					}
					unit = append(unit, n)
				}
				end()
				return errOurs
			})
		}()
		require.Len(e, unit, 3)
		for _, n := range unit {
			require.False(e, seen[n], "%d twice", n)
			seen[n] = true
		}
	}
	for range 5 {
		take(func() {})
		take(func() { panic("the host's own panic") })
		n := e.next(acme, "ticket")
		require.False(e, seen[n], "%d twice", n)
		seen[n] = true
	}
}

func sequenceConcurrent(e *env) {
	var mu sync.Mutex
	seen := map[int64]int{}
	e.together(16, func(i int) error {
		for round := range 20 {
			var unit []int64
			err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				unit = unit[:0]
				for range 1 + i%3 {
					n, err := tx.Next(ctx, "ticket")
					if err != nil {
						return err
					}
					unit = append(unit, n)
				}
				if (i+round)%4 == 0 {
					return errOurs
				}
				return nil
			})
			if err != nil && !errors.Is(err, errOurs) {
				return err
			}
			mu.Lock()
			for _, n := range unit {
				seen[n]++
			}
			mu.Unlock()
		}
		return nil
	})
	for n, times := range seen {
		require.Equal(e, 1, times, "number %d", n)
		require.Positive(e, n)
	}
}

func sequenceApart(e *env) {
	for range 40 {
		e.next(acme, "ticket")
	}
	for _, tenant := range []storage.Tenant{acme, capital, umbra, "acme "} {
		for _, sequence := range []string{"ticket", "TICKET", "ticket ", "asset"} {
			if tenant == acme && sequence == "ticket" {
				continue
			}
			require.Equal(e, int64(1), e.next(tenant, sequence), fmt.Sprintf("the first of %q for %q", sequence, tenant))
		}
	}
}
