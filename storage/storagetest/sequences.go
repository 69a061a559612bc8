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
	{"an advanced sequence goes on from there", sequenceAdvanced},
	{"a new sequence goes on with the number it is advanced to", sequenceAdvancedNew},
	{"a unit takes from what it has advanced", sequenceAdvancedWithin},
	{"a sequence never goes back", sequenceNeverBack},
	{"a unit that fails advances nothing", sequenceAdvancedRollback},
	{"what is advanced is of one tenant and sequence", sequenceAdvancedApart},
	{"many goroutines advance and take", sequenceAdvancedConcurrent},
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

func (e *env) advance(tenant storage.Tenant, sequence string, atLeast int64) {
	e.Helper()
	e.update(tenant, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Advance(ctx, sequence, atLeast))
	})
}

// sequenceAdvanced goes on by less than a store may have reserved, by more, and by much more.
func sequenceAdvanced(e *env) {
	seen := map[int64]bool{}
	least := int64(1)
	for _, further := range []int64{0, 3, 200, 1, 100_000, 7, 60} {
		if least += further; further > 0 {
			e.advance(acme, "ticket", least)
		}
		for range 5 {
			n := e.next(acme, "ticket")
			require.GreaterOrEqual(e, n, least)
			require.False(e, seen[n], "%d twice", n)
			seen[n] = true
			least = max(least, n)
		}
	}
}

func sequenceAdvancedNew(e *env) {
	e.advance(acme, "ticket", 7)
	require.Equal(e, int64(7), e.next(acme, "ticket"))
	require.Greater(e, e.next(acme, "ticket"), int64(7))
	e.advance(acme, "asset", 1)
	require.Equal(e, int64(1), e.next(acme, "asset"), "a sequence begins at 1")
}

func sequenceAdvancedWithin(e *env) {
	seen := map[int64]bool{}
	for n := range int64(3) {
		var unit []int64
		least := 1000 * (n + 1)
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			unit = unit[:0]
			take := func(atLeast int64) {
				for range 80 { // more than a store might reserve at once
					n, err := tx.Next(ctx, "ticket")
					require.NoError(e, err)
					require.GreaterOrEqual(e, n, atLeast)
					unit = append(unit, n)
				}
			}
			take(1)
			require.NoError(e, tx.Advance(ctx, "ticket", least))
			take(least)
			require.NoError(e, tx.Advance(ctx, "ticket", least-500), "which changes nothing")
			require.NoError(e, tx.Advance(ctx, "ticket", least+500))
			take(least + 500)
		})
		for _, n := range unit {
			require.False(e, seen[n], "%d twice", n)
			seen[n] = true
		}
		require.GreaterOrEqual(e, e.next(acme, "ticket"), least+500)
	}
	require.Len(e, seen, 3*240)
}

func sequenceNeverBack(e *env) {
	seen := map[int64]bool{}
	e.advance(acme, "ticket", 500)
	for _, least := range []int64{1, 499, 500, 501, 2, 520, 3} {
		for range 10 {
			n := e.next(acme, "ticket")
			require.GreaterOrEqual(e, n, int64(500))
			require.False(e, seen[n], "%d twice", n)
			seen[n] = true
		}
		e.advance(acme, "ticket", least)
	}
}

func sequenceAdvancedRollback(e *env) {
	require.Equal(e, int64(1), e.next(acme, "ticket"))
	for _, end := range []func() error{func() error { return errOurs }, func() error { panic(errOurs) }} {
		func() {
			defer func() { _ = recover() }()
			err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				require.NoError(e, tx.Advance(ctx, "ticket", 1_000_000))
				require.NoError(e, tx.Advance(ctx, "asset", 1_000_000))
				return end()
			})
			require.ErrorIs(e, err, errOurs)
		}()
		require.Less(e, e.next(acme, "ticket"), int64(1_000_000))
	}
	require.Equal(e, int64(1), e.next(acme, "asset"))

	// Numbers that it took are never used, whatever else is undone.
	var taken int64
	require.ErrorIs(e, e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		require.NoError(e, tx.Advance(ctx, "ticket", 2_000_000))
		var err error
		taken, err = tx.Next(ctx, "ticket")
		require.NoError(e, err)
		return errOurs
	}), errOurs)
	require.GreaterOrEqual(e, taken, int64(2_000_000))
	e.advance(acme, "ticket", 2_000_000)
	for range 120 {
		require.NotEqual(e, taken, e.next(acme, "ticket"))
	}
}

func sequenceAdvancedApart(e *env) {
	e.advance(acme, "ticket", 1_000_000)
	for _, tenant := range []storage.Tenant{acme, capital, umbra, "acme "} {
		for _, sequence := range []string{"ticket", "TICKET", "ticket ", "asset"} {
			if tenant == acme && sequence == "ticket" {
				continue
			}
			require.Equal(e, int64(1), e.next(tenant, sequence), fmt.Sprintf("the first of %q for %q", sequence, tenant))
		}
	}
	require.GreaterOrEqual(e, e.next(acme, "ticket"), int64(1_000_000))
}

func sequenceAdvancedConcurrent(e *env) {
	var mu sync.Mutex
	seen := map[int64]int{}
	committed := int64(1) // the greatest number that a commit that is over has advanced to
	e.together(8, func(i int) error {
		for round := range 15 {
			mu.Lock()
			before := committed
			mu.Unlock()
			target := int64(0)
			if (i+round)%3 == 0 {
				target = before + int64(37*(i+1))
			}
			fails := target > 0 && round%5 == 4
			var unit []int64
			err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				unit = unit[:0]
				if target > 0 {
					if err := tx.Advance(ctx, "ticket", target); err != nil {
						return err
					}
				}
				for range 1 + i%2 {
					n, err := tx.Next(ctx, "ticket")
					if err != nil {
						return err
					}
					if n < max(before, target) {
						return fmt.Errorf("%d was given when %d was advanced to", n, max(before, target))
					}
					unit = append(unit, n)
				}
				if fails {
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
			if err == nil {
				committed = max(committed, target)
			}
			mu.Unlock()
		}
		return nil
	})
	for n, times := range seen {
		require.Equal(e, 1, times, "number %d", n)
	}
}
