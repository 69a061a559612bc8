package enginetest_test

// This file holds what named locks are for: rules over several records, which no version of any of
// them keeps. Two units that each read, decide by what they have read and write something else are both
// right alone, and wrong together. Under one name they are right on every engine as it is by default,
// from whatever process they come; without it they are seen to be wrong, wherever units interleave.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// rule is something that must hold of all registers together.
type rule struct {
	name string
	rows []storage.Row
	// decide is what the one or the other does about what it finds: it gives the register to be put,
	// or none.
	decide func(found []storage.Row, who int) *storage.Row
	// broken says what is wrong with what is there in the end.
	broken func(found []storage.Row) string
}

func sumOf(rows []storage.Row) (sum int64) {
	for _, row := range rows {
		sum += row.Columns[1].(int64)
	}
	return sum
}

var rules = []rule{
	{
		name: "a doctor stays on call",
		rows: []storage.Row{register("0", "doctor", 0, 1), register("1", "doctor", 0, 1)},
		decide: func(found []storage.Row, who int) *storage.Row {
			if sumOf(found) < 2 {
				return nil
			}
			row := register(storage.ID(fmt.Sprint(who)), "doctor", 1, 0)
			return &row
		},
		broken: func(found []storage.Row) string {
			if sumOf(found) == 0 {
				return "no doctor is on call"
			}
			return ""
		},
	},
	{
		name: "accounts cover each other",
		rows: []storage.Row{register("0", "ada", 0, 100), register("1", "ada", 0, 100)},
		decide: func(found []storage.Row, who int) *storage.Row {
			if sumOf(found) < 150 {
				return nil
			}
			row := register(storage.ID(fmt.Sprint(who)), "ada", 1, 100-150)
			return &row
		},
		broken: func(found []storage.Row) string {
			if sum := sumOf(found); sum < 0 {
				return fmt.Sprintf("the accounts have %d together", sum)
			}
			return ""
		},
	},
	{
		name: "numbers go up by one",
		rows: []storage.Row{register("first", "number", 0, 1)},
		decide: func(found []storage.Row, who int) *storage.Row {
			most := int64(0)
			for _, row := range found {
				most = max(most, row.Columns[1].(int64))
			}
			row := register(storage.ID(fmt.Sprint(who)), "number", 0, most+1)
			return &row
		},
		broken: func(found []storage.Row) string {
			seen := map[any]bool{}
			for _, row := range found {
				if seen[row.Columns[1]] {
					return fmt.Sprintf("number %d was given twice", row.Columns[1])
				}
				seen[row.Columns[1]] = true
			}
			return ""
		},
	},
}

// meeting is where two units wait for each other, for as long as it takes to see that the other does
// not come.
type meeting struct {
	here [2]chan struct{}
	once [2]sync.Once
}

func newMeeting() *meeting {
	return &meeting{here: [2]chan struct{}{make(chan struct{}), make(chan struct{})}}
}

func (m *meeting) wait(who int) {
	m.once[who].Do(func() { close(m.here[who]) })
	select {
	case <-m.here[1-who]:
	case <-time.After(100 * time.Millisecond):
	}
}

func (m *meeting) left(who int) { m.once[who].Do(func() { close(m.here[who]) }) }

func all(ctx context.Context, r storage.Reader) ([]storage.Row, error) {
	return r.Query(ctx, registers, storage.RowQuery{Limit: storage.MaxLimit})
}

// tried has two units at once decide by a rule, in two stores, each after it has read and before it
// has written meeting the other where it can. It says what is broken in the end, and whether the engine
// had one of them begin again.
func (r rule) tried(t *testing.T, at site, before func(ctx context.Context, tx storage.Tx, who int, m *meeting) error) (broken string, again bool) {
	t.Helper()
	ctx := timed(t)
	stores := at.stores(t, 2, registers)
	require.NoError(t, stores[0].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		for _, row := range r.rows {
			if err := tx.Put(ctx, registers, &row); err != nil {
				return err
			}
		}
		return nil
	}))
	m := newMeeting()
	errs, retries := [2]error{}, [2]int{}
	var both sync.WaitGroup
	for who, s := range stores {
		both.Add(1)
		go func() {
			defer both.Done()
			defer m.left(who)
			for {
				errs[who] = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					if before != nil {
						if err := before(ctx, tx, who, m); err != nil {
							return err
						}
					}
					found, err := all(ctx, tx)
					if err != nil {
						return err
					}
					m.wait(who)
					if row := r.decide(found, who); row != nil {
						return tx.Put(ctx, registers, row)
					}
					return nil
				})
				if !is(errs[who], storage.ErrRetry) {
					return
				}
				retries[who]++
			}
		}()
	}
	both.Wait()
	require.NoError(t, errors.Join(errs[:]...))
	var found []storage.Row
	require.NoError(t, stores[1].View(ctx, []storage.Tenant{acme}, func(ctx context.Context, reader storage.Reader) (err error) {
		found, err = all(ctx, reader)
		return err
	}))
	return r.broken(found), retries[0]+retries[1] > 0
}

func TestNoWriteSkewUnderALock(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		for _, r := range rules {
			t.Run(at.name+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				broken, _ := r.tried(t, at, func(ctx context.Context, tx storage.Tx, _ int, _ *meeting) error { return tx.Lock(ctx, "rule") })
				require.Empty(t, broken)
			})
			t.Run(at.name+"/"+r.name+"/read before it was locked", func(t *testing.T) {
				t.Parallel()
				met := newMeeting()
				broken, _ := r.tried(t, at, func(ctx context.Context, tx storage.Tx, who int, _ *meeting) error {
					if _, err := all(ctx, tx); err != nil {
						return err
					}
					met.wait(who) // both have read what the other is about to change
					return tx.Lock(ctx, "rule")
				})
				require.Empty(t, broken)
			})
		}
	}
}

// Without the lock the same units break the rules, so that the test above can fail. An engine that
// tells one of them to begin again keeps the rules by itself.
func TestWithoutALockWriteSkewIsSeenWhereUnitsInterleave(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		for _, r := range rules {
			t.Run(at.name+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				for range 10 { // a busy machine may keep them from meeting, though hardly every time
					broken, again := r.tried(t, at, nil)
					if !at.interleaves {
						require.Empty(t, broken, "one unit is alone with its tenant")
						return
					}
					if broken != "" || again {
						t.Log(broken)
						return
					}
				}
				t.Error("the rule was never broken")
			})
		}
	}
}

// Who reads a record under a lock puts it without a conflict: whatever the unit has read before it
// waited, what it reads then is what the last holder committed.
func TestNoUpdateIsLostAndNoneConflictsUnderALock(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		for _, first := range []bool{false, true} {
			name := "/locked first"
			if first {
				name = "/read before it was locked"
			}
			t.Run(at.name+name, func(t *testing.T) {
				t.Parallel()
				ctx := timed(t)
				const clients, rounds = 6, 10
				stores := at.stores(t, 3, registers)
				require.NoError(t, stores[0].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row := register("counter", "", 0, 0)
					return tx.Put(ctx, registers, &row)
				}))
				errs := make([]error, clients)
				var done sync.WaitGroup
				for i := range clients {
					done.Add(1)
					go func() {
						defer done.Done()
						for n := 0; n < rounds && errs[i] == nil; {
							err := stores[i%len(stores)].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
								if first {
									if _, err := all(ctx, tx); err != nil {
										return err
									}
								}
								if err := tx.Lock(ctx, "counter"); err != nil {
									return err
								}
								row, err := tx.Get(ctx, registers, acme, "counter")
								if err != nil {
									return err
								}
								row = register("counter", "", row.Version, row.Columns[1].(int64)+1)
								return tx.Put(ctx, registers, &row)
							})
							if err == nil {
								n++
							} else if !is(err, storage.ErrRetry) {
								errs[i] = err
							}
						}
					}()
				}
				done.Wait()
				require.NoError(t, errors.Join(errs...))
				require.NoError(t, stores[0].View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					row, err := r.Get(ctx, registers, acme, "counter")
					require.NoError(t, err)
					require.Equal(t, register("counter", "", 1+clients*rounds, clients*rounds).Columns, row.Columns)
					require.Equal(t, int64(1+clients*rounds), row.Version)
					return nil
				}))
			})
		}
	}
}

// Two units of two processes that have read one version of a record cannot both put it.
func TestNoUpdateIsLostWithoutALock(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			ctx := timed(t)
			stores := at.stores(t, 2, registers)
			for round := range 5 {
				id := storage.ID(fmt.Sprint(round))
				require.NoError(t, stores[0].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row := register(id, "", 0, 0)
					return tx.Put(ctx, registers, &row)
				}))
				m := newMeeting()
				var errs [2]error
				var both sync.WaitGroup
				for who, s := range stores {
					both.Add(1)
					go func() {
						defer both.Done()
						var read *storage.Row // in its first run alone, as a user does who looks and decides
						errs[who] = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
							row, err := tx.Get(ctx, registers, acme, id)
							if err != nil {
								return err
							}
							if read == nil {
								read = &row
							}
							m.wait(who)
							mine := register(id, "", read.Version, read.Columns[1].(int64)+1)
							return tx.Put(ctx, registers, &mine)
						})
					}()
				}
				both.Wait()
				want := int64(0)
				for _, err := range errs {
					if err == nil {
						want++
					} else {
						require.True(t, is(err, storage.ErrConflict) || is(err, storage.ErrRetry), "%v", err)
					}
				}
				require.Positive(t, want)
				require.NoError(t, stores[0].Read(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					row, err := r.Get(ctx, registers, acme, id)
					require.NoError(t, err)
					require.Equal(t, want, row.Columns[1], "each that was told so has added one")
					return nil
				}))
			}
		})
	}
}

// A lock that is taken in a host's transaction is held until the host commits, not only to the end of
// the unit: what the unit wrote cannot be seen before.
func TestALockInAHostsTransactionIsHeldUntilTheHostEndsIt(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		for _, commits := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/commits %t", e.name, commits), func(t *testing.T) {
				t.Parallel()
				ctx := timed(t)
				dsn := e.empty(t)
				db := e.db(t, dsn)
				host, other := open(t, e, dsn, nil), open(t, e, dsn, nil)
				require.NoError(t, host.Migrate(ctx, registers))
				count := func(id storage.ID) func(ctx context.Context, tx storage.Tx) error {
					return func(ctx context.Context, tx storage.Tx) error {
						if err := tx.Lock(ctx, "count"); err != nil {
							return err
						}
						n, err := greatest(ctx, tx, "count")
						if err != nil {
							return err
						}
						row := register(id, "count", 0, n+1)
						return tx.Put(ctx, registers, &row)
					}
				}
				tx, err := db.BeginTx(ctx, nil)
				require.NoError(t, err)
				require.NoError(t, host.Join(tx).Update(ctx, acme, count("hosts")))
				done := make(chan error, 1)
				go func() {
					done <- again(func() error { return other.Update(ctx, acme, count("others")) })
				}()
				select {
				case err := <-done:
					t.Fatalf("the other did not wait: %v", err)
				case <-time.After(200 * time.Millisecond):
				}
				want := int64(1)
				if commits {
					want = 2
					require.NoError(t, tx.Commit())
				} else {
					require.NoError(t, tx.Rollback())
				}
				require.NoError(t, <-done)
				require.NoError(t, other.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					n, err := greatest(ctx, r, "count")
					require.Equal(t, want, n)
					return err
				}))
			})
		}
	}
}
