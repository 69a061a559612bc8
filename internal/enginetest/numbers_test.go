package enginetest_test

// This file holds that numbers are unique to all processes, and that to take one is to wait for
// nobody.

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// takenNumbers is the numbers that units have had, also those of units that failed.
type takenNumbers struct {
	mu   sync.Mutex
	seen map[int64]bool
}

func (n *takenNumbers) take(ctx context.Context, tx storage.Tx, sequence string) error {
	got, err := tx.Next(ctx, sequence)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[got] || got < 1 {
		return errTwice
	}
	n.seen[got] = true
	return nil
}

var errTwice = errors.New("a number was given twice")

func TestNumbersAreUniqueToAllProcesses(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			ctx := timed(t)
			const clients, units = 6, 40
			stores := at.stores(t, 3)
			numbers := &takenNumbers{seen: map[int64]bool{}}
			errs := make([]error, clients)
			var done sync.WaitGroup
			for i := range clients {
				done.Add(1)
				go func() {
					defer done.Done()
					random := rand.New(rand.NewPCG(1, uint64(i)))
					for n := 0; n < units && errs[i] == nil; n++ {
						many, fails := 1+random.IntN(4), random.IntN(4) == 0
						err := again(func() error {
							return stores[i%len(stores)].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
								for range many {
									if err := numbers.take(ctx, tx, "incident"); err != nil {
										return err
									}
								}
								if fails {
									return errUndone
								}
								return nil
							})
						})
						if err != nil && err != errUndone {
							errs[i] = err
						}
					}
				}()
			}
			done.Wait()
			require.NoError(t, errors.Join(errs...))
			require.GreaterOrEqual(t, len(numbers.seen), clients*units)
		})
	}
}

// A unit that has taken a number and stays open keeps nobody from the next ones: not in its own
// process nor in another, not even those that must reserve more. On an engine with one writer at a
// time, whoever writes waits for that.
func TestNoWriterWaitsForTheNumbersOfAnothersOpenUnit(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		if !at.interleaves {
			continue
		}
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			ctx := timed(t)
			stores := at.stores(t, 2, registers)
			numbers := &takenNumbers{seen: map[int64]bool{}}
			take := func(ctx context.Context, tx storage.Tx) error { return numbers.take(ctx, tx, "incident") }
			for _, s := range stores { // each has reserved some
				require.NoError(t, s.Update(ctx, acme, take))
			}
			require.NoError(t, stores[0].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				row := register("open", "", 0, 0)
				if err := errors.Join(tx.Put(ctx, registers, &row), take(ctx, tx)); err != nil {
					return err
				}
				// The others have another context: they are no part of this unit.
				others, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				for range 60 { // in all more than both have reserved
					for _, s := range stores {
						if err := s.Update(others, acme, func(ctx context.Context, tx storage.Tx) error {
							return errors.Join(take(ctx, tx), take(ctx, tx))
						}); err != nil {
							return err
						}
					}
				}
				return nil
			}))
			require.GreaterOrEqual(t, len(numbers.seen), 2+1+4*60)
		})
	}
}
