package enginetest_test

// This file holds that a job has one effect, and that what happens to one record is done and told in
// its order, when several processes claim at once and some are so slow that their leases end under
// them.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// effect is what a worker does about a job in the unit that finishes it: a record of its own, which
// no version or name keeps another worker from making too.
func effect(ctx context.Context, tx storage.Tx, j storage.Job, worker string) error {
	n, err := greatest(ctx, tx, j.Subject)
	if err != nil {
		return err
	}
	row := register(storage.ID(j.Key+" by "+worker), j.Subject, 0, n+1) // which tells the order
	if err := tx.Put(ctx, registers, &row); err != nil {
		return err
	}
	return tx.Finish(ctx, j, storage.Outcome{Done: true})
}

// effectsOf says by whom a job was done.
func effectsOf(t *testing.T, s storage.Store) (by []string) {
	t.Helper()
	require.NoError(t, s.View(timed(t), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		rows, err := all(ctx, r)
		for _, row := range rows {
			by = append(by, string(row.ID))
		}
		return err
	}))
	return by
}

func TestASlowWorkersFinishIsRefusedOnceAnotherHasTheJob(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		// start gives two workers, of which the first has the job, and the moment when its lease has ended.
		start := func(t *testing.T) (slow, quick storage.Store, job storage.Job, late storage.Claim) {
			stores := at.stores(t, 2, registers)
			slow, quick = stores[0], stores[1]
			require.NoError(t, slow.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) error {
				return tx.Enqueue(ctx, storage.Job{Kind: "mail", Key: "1", Subject: "s", Due: noon}, storage.Job{Kind: "mail", Key: "2", Subject: "s", Due: noon.Add(time.Second)})
			}))
			jobs, err := slow.Claim(timed(t), storage.Claim{Now: noon.Add(time.Minute), Lease: time.Minute, Limit: 10})
			require.NoError(t, err)
			require.Len(t, jobs, 1)
			return slow, quick, jobs[0], storage.Claim{Now: noon.Add(2 * time.Minute), Lease: time.Minute, Limit: 10}
		}
		does := func(t *testing.T, s storage.Store, j storage.Job, worker string) error {
			return again(func() error {
				return s.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) error { return effect(ctx, tx, j, worker) })
			})
		}
		claims := func(t *testing.T, s storage.Store, c storage.Claim) (jobs []storage.Job) {
			require.NoError(t, again(func() (err error) { jobs, err = s.Claim(timed(t), c); return err }))
			return jobs
		}

		t.Run(at.name+"/the other is at work", func(t *testing.T) {
			slow, quick, job, late := start(t)
			jobs := claims(t, quick, late)
			require.Len(t, jobs, 1)
			require.Equal(t, "1", jobs[0].Key, "the one that was not done yet, not the next of the subject")
			require.Equal(t, 2, jobs[0].Attempts)
			require.ErrorIs(t, does(t, slow, job, "slow"), storage.ErrConflict)
			require.Empty(t, effectsOf(t, quick), "nothing is left of its effect")
			require.NoError(t, does(t, quick, jobs[0], "quick"))
			require.Equal(t, []string{"1 by quick"}, effectsOf(t, slow))
		})
		t.Run(at.name+"/the other is through", func(t *testing.T) {
			slow, quick, job, late := start(t)
			require.NoError(t, does(t, quick, claims(t, quick, late)[0], "quick"))
			require.ErrorIs(t, does(t, slow, job, "slow"), storage.ErrConflict)
			next := claims(t, quick, late)
			require.Len(t, next, 1)
			require.Equal(t, "2", next[0].Key)
			require.ErrorIs(t, does(t, slow, job, "slow"), storage.ErrConflict)
			require.Equal(t, []string{"1 by quick"}, effectsOf(t, slow))
		})
		t.Run(at.name+"/no other has come", func(t *testing.T) {
			slow, quick, job, late := start(t)
			require.NoError(t, does(t, slow, job, "slow"))
			require.Equal(t, "2", claims(t, quick, late)[0].Key)
			require.Equal(t, []string{"1 by slow"}, effectsOf(t, slow))
		})
		for _, commits := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/the other comes while it finishes, which commits %t", at.name, commits), func(t *testing.T) {
				slow, quick, job, late := start(t)
				claimed := make(chan []storage.Job, 1)
				failed := make(chan error, 1)
				others := timed(t) // the other is no part of the unit
				err := slow.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) error {
					if err := effect(ctx, tx, job, "slow"); err != nil {
						return err
					}
					go func() { // it finds nothing, or waits, or takes the job and keeps the unit from its commit
						var jobs []storage.Job
						failed <- again(func() (err error) { jobs, err = quick.Claim(others, late); return err })
						claimed <- jobs
					}()
					select {
					case jobs := <-claimed:
						claimed <- jobs
						if len(jobs) > 0 && !at.atCommit {
							return fmt.Errorf("another got job %s, which is done", jobs[0].Key)
						}
					case <-time.After(100 * time.Millisecond):
					}
					if !commits {
						return errUndone
					}
					return nil
				})
				require.NoError(t, <-failed)
				jobs := <-claimed
				if len(jobs) == 0 {
					jobs = claims(t, quick, late)
				}
				require.Len(t, jobs, 1)
				if commits && !is(err, storage.ErrRetry) {
					require.NoError(t, err)
					require.Equal(t, "2", jobs[0].Key)
					require.Equal(t, []string{"1 by slow"}, effectsOf(t, quick))
				} else {
					require.Error(t, err)
					require.Equal(t, "1", jobs[0].Key)
					require.Empty(t, effectsOf(t, quick))
					require.ErrorIs(t, does(t, slow, job, "slow"), storage.ErrConflict)
				}
			})
		}
		t.Run(at.name+"/the other comes while it is at work", func(t *testing.T) {
			if !at.interleaves {
				t.Skip("one unit is alone with its tenant: no claim comes between")
			}
			slow, quick, job, late := start(t)
			var other []storage.Job
			others := timed(t)
			err := slow.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) error {
				row := register("1 by slow", "1", 0, 1)
				if err := tx.Put(ctx, registers, &row); err != nil {
					return err
				}
				if _, err := tx.Jobs(ctx, storage.JobQuery{Limit: 10}); err != nil { // it still has it
					return err
				}
				var err error
				if other, err = quick.Claim(others, late); err != nil {
					return err
				}
				return tx.Finish(ctx, job, storage.Outcome{Done: true})
			})
			require.Len(t, other, 1)
			require.True(t, is(err, storage.ErrConflict) || is(err, storage.ErrRetry), "%v", err)
			require.NoError(t, does(t, quick, other[0], "quick"))
			require.Equal(t, []string{"1 by quick"}, effectsOf(t, slow))
		})
	}
}

// workTogether has workers of several stores do jobs of several subjects. Some are slower than their
// leases. It gives the jobs in the order of their effects, by subject, and how many of those that were
// done had been taken over.
func workTogether(t *testing.T, stores []storage.Store, seed uint64) (done map[string][]string, lost int) {
	t.Helper()
	const workers = 6
	ctx := timed(t)
	require.NoError(t, stores[0].Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		for n := range workEach {
			for s := range workTogetherSubjects {
				j := storage.Job{Kind: "mail", Key: fmt.Sprintf("s%d-%d", s, n), Subject: fmt.Sprint("s", s), Due: jobAt(int64(n))}
				if err := tx.Enqueue(ctx, j); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	const lease = 20 // of the clock, which goes on by one with each claim
	var clock, left, refused atomic.Int64
	clock.Store(workEach)
	left.Store(workTogetherSubjects * workEach)
	errs := make([]error, workers)
	var working sync.WaitGroup
	for i := range workers {
		working.Add(1)
		go func() {
			defer working.Done()
			s, random := stores[i%len(stores)], rand.New(rand.NewPCG(seed, uint64(i)))
			for n := 0; left.Load() > 0 && errs[i] == nil; n++ {
				jobs, err := s.Claim(ctx, storage.Claim{Now: jobAt(clock.Add(1)), Lease: lease * time.Microsecond, Limit: 1 + random.IntN(3)})
				if err != nil && !is(err, storage.ErrRetry) {
					errs[i] = err
					return
				}
				for _, j := range jobs {
					if random.IntN(5) == 0 { // it is away until its lease has ended and another could have come
						clock.Add(lease)
						time.Sleep(5 * time.Millisecond)
					}
					err := again(func() error {
						return s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
							return effect(ctx, tx, j, fmt.Sprintf("%d in %d", i, n))
						})
					})
					switch {
					case err == nil:
						left.Add(-1)
					case is(err, storage.ErrConflict):
						refused.Add(1)
					default:
						errs[i] = errors.Join(errs[i], err)
					}
				}
			}
		}()
	}
	working.Wait()
	require.NoError(t, errors.Join(errs...))
	done = map[string][]string{}
	require.NoError(t, stores[0].View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		rows, err := r.Query(ctx, registers, storage.RowQuery{Order: []storage.Order{{Column: "owner"}, {Column: "value"}}, Limit: storage.MaxLimit})
		for _, row := range rows {
			subject := row.Columns[0].(string)
			key, _, _ := strings.Cut(string(row.ID), " ")
			done[subject] = append(done[subject], key)
		}
		return err
	}))
	return done, int(refused.Load())
}

const workTogetherSubjects = 6

// inOrder is what workTogether gives where each job has one effect, in the order of its subject.
func inOrder() map[string][]string {
	want := map[string][]string{}
	for s := range workTogetherSubjects {
		for n := range workEach {
			subject := fmt.Sprint("s", s)
			want[subject] = append(want[subject], fmt.Sprintf("s%d-%d", s, n))
		}
	}
	return want
}

func TestEachJobHasOneEffectInOrderThoughLeasesEndUnderItsWorkers(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			lost := 0
			for _, seed := range seeds(10) {
				t.Run("", func(t *testing.T) {
					done, n := workTogether(t, at.stores(t, 3, registers), seed)
					require.Equal(t, inOrder(), done, "-histories.seed %d", seed)
					lost += n
				})
				if lost > 0 {
					return
				}
			}
			t.Error("no worker was ever too late, so nothing was tested")
		})
	}
}

// With a store that does not look whose the claim is, the same workers do jobs twice.
func TestWorkersWhoseFinishIsNotLookedAtDoJobsTwice(t *testing.T) {
	t.Parallel()
	for _, at := range sites() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			twice := false
			for _, seed := range seeds(10) {
				t.Run("", func(t *testing.T) {
					stores := at.stores(t, 3, registers)
					for i, s := range stores {
						a := &altered{Store: s}
						cancelsWhatItCannotFinish(a)
						stores[i] = a
					}
					done, _ := workTogether(t, stores, seed)
					for _, jobs := range done {
						slices.Sort(jobs)
						twice = twice || len(slices.Compact(jobs)) < len(jobs)
					}
				})
				if twice {
					return
				}
			}
			t.Error("no job was done twice")
		})
	}
}

// Several processes command and deliver at once. Each event is told once, as no lease ends, and those
// of one record in their order.
func TestEventsOfARecordAreToldInOrderByManyProcesses(t *testing.T) {
	t.Parallel()
	schemas := func() []*storage.Schema { return keyHistory.schemas() }
	for _, at := range sites() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			ctx := timed(t)
			const processes, records, each = 3, 5, 12
			stores := at.stores(t, processes, schemas()...)
			var mu sync.Mutex
			told := map[storage.ID][]int64{}
			processing := make([]*itsmengine.Engine, processes)
			for i, s := range stores {
				e, err := tallyEngine(s)
				require.NoError(t, err)
				require.NoError(t, e.Use(itsmengine.Module{Name: "inbox", Subscribers: []itsmengine.Subscriber{{Name: "inbox", Deliver: func(_ context.Context, e itsm.Event) error {
					mu.Lock()
					told[e.Record] = append(told[e.Record], e.Version)
					mu.Unlock()
					time.Sleep(100 * time.Microsecond)
					return nil
				}}}}))
				processing[i] = e
			}
			errs := make([]error, 2*processes)
			var commanding atomic.Int64
			commanding.Store(processes)
			var working sync.WaitGroup
			for i, e := range processing {
				working.Add(2)
				go func() {
					defer working.Done()
					defer commanding.Add(-1)
					for n := range records * each {
						if _, err := addTo(ctx, e, storage.ID(fmt.Sprint("t", n%records)), 1, itsm.Command{}); err != nil {
							errs[i] = err
							return
						}
					}
				}()
				go func() {
					defer working.Done()
					for last := false; !last; {
						last = commanding.Load() == 0
						for more := true; more; {
							ran, err := e.Tick(ctx, e.Now())
							if err != nil && !is(err, storage.ErrRetry) {
								errs[processes+i] = err
								return
							}
							more = err != nil || ran.Delivered > 0 || ran.Lost > 0
						}
					}
				}()
			}
			working.Wait()
			require.NoError(t, errors.Join(errs...))
			for more := true; more; { // what another had claimed when the last looked
				ran, err := processing[0].Tick(ctx, processing[0].Now())
				require.NoError(t, err)
				more = ran != itsmengine.Ran{}
			}
			want := make([]int64, processes*each)
			for n := range want {
				want[n] = int64(n + 1)
			}
			require.Len(t, told, records)
			for id, versions := range told {
				require.Equal(t, want, versions, "record %s", id)
			}
		})
	}
}
