package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Many goroutines at once lose nothing and share nothing.
var contentionCases = []testCase{
	{"of many writers of one version one wins", contendVersion},
	{"of many creators of one id one wins", contendCreate},
	{"of a writer and a remover one wins", contendDelete},
	{"of many events in one place one is kept", contendPlace},
	{"goroutines that count and try again lose nothing", contendCounter},
	{"units over several records lose nothing", contendTransfers},
	{"workers never share a job", contendClaims},
	{"workers never have two jobs of one subject", contendSubjects},
	{"a delivery that is enqueued while it runs is never lost", contendDeliveries},
	{"tenants at the same time stay apart", contendTenants},
}

// winners runs fn in n goroutines, each until it neither must be tried again nor conflicts in
// passing, and counts those that did not end in a conflict.
//
// Goroutine i begins when delay has passed, if there is one.
func (e *env) winners(n int, delay func(i int) time.Duration, fn func(ctx context.Context, tx storage.Tx, i int) error) int {
	e.Helper()
	var won atomic.Int32
	e.together(n, func(i int) error {
		if delay != nil {
			time.Sleep(delay(i))
		}
		for {
			err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, tx, i) })
			switch {
			case err == nil:
				won.Add(1)
				return nil
			case errors.Is(err, storage.ErrConflict):
				return nil
			case !errors.Is(err, storage.ErrRetry):
				return err
			}
		}
	})
	return int(won.Load())
}

func contendVersion(e *env) {
	row := e.put(acme, ticket("1"))[0]
	for round := range 10 {
		read := e.get(acme, "1")
		won := e.winners(8, nil, func(ctx context.Context, tx storage.Tx, i int) error {
			mine := clone(read)
			set(tickets, &mine, "title", fmt.Sprintf("round %d by %d", round, i))
			return tx.Put(ctx, tickets, &mine)
		})
		require.Equal(e, 1, won, "writers of one version that won")
		require.Equal(e, row.Version+int64(round)+1, e.get(acme, "1").Version)
	}
}

func contendCreate(e *env) {
	for round := range 5 {
		id := storage.ID(fmt.Sprint(round))
		require.Equal(e, 1, e.winners(8, nil, func(ctx context.Context, tx storage.Tx, i int) error {
			row := ticket(id, "priority", i)
			return tx.Put(ctx, tickets, &row)
		}), "creators of one id that won")
		require.Equal(e, int64(1), e.get(acme, id).Version)
	}
}

func contendDelete(e *env) {
	for round := range 10 {
		id := storage.ID(fmt.Sprint(round))
		row := e.put(acme, ticket(id))[0]
		var removed, written atomic.Bool
		delay := func(i int) time.Duration { // now the one is more likely to be first, now the other
			return time.Duration((i+round)%2) * time.Millisecond
		}
		won := e.winners(2, delay, func(ctx context.Context, tx storage.Tx, i int) error {
			if i == 0 {
				removed.Store(false)
				err := tx.Delete(ctx, tickets, id, row.Version)
				removed.Store(err == nil)
				return err
			}
			mine := row
			err := tx.Put(ctx, tickets, &mine)
			written.Store(err == nil)
			return err
		})
		require.Equal(e, 1, won)
		require.NotEqual(e, removed.Load(), written.Load())
	}
}

func contendPlace(e *env) {
	for round := range 5 {
		require.Equal(e, 1, e.winners(8, nil, func(ctx context.Context, tx storage.Tx, i int) error {
			ev := event("1", int64(round)+1, 0)
			ev.ID = storage.ID(fmt.Sprint(i))
			return tx.Append(ctx, ev)
		}), "events in one place that were kept")
		require.Len(e, e.events(acme), round+1)
	}
}

func contendCounter(e *env) {
	const goroutines, rounds = 16, 5
	e.putIn(assets, acme, newRow(assets, "1"))
	e.together(goroutines, func(i int) error {
		for range rounds {
			if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				row, err := tx.Get(ctx, assets, acme, "1")
				if err != nil {
					return err
				}
				set(assets, &row, "balance", row.Value(assets, "balance").(int64)+1)
				if err := tx.Put(ctx, assets, &row); err != nil {
					return err
				}
				ev := event("1", row.Version, 0)
				ev.Kind = assets.Name()
				return tx.Append(ctx, ev)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	e.view(func(ctx context.Context, r storage.Reader) {
		row, err := r.Get(ctx, assets, acme, "1")
		require.NoError(e, err)
		require.Equal(e, int64(goroutines*rounds), row.Value(assets, "balance"))
		require.Equal(e, int64(goroutines*rounds+1), row.Version)
	}, acme)
	require.Len(e, e.events(acme), goroutines*rounds)
}

func contendTransfers(e *env) {
	const accounts = 5
	rows := make([]storage.Row, accounts)
	for i := range rows {
		rows[i] = newRow(assets, storage.ID(fmt.Sprint(i)), "balance", 100)
	}
	e.putIn(assets, acme, rows...)
	e.together(8, func(i int) error {
		for round := range 5 { // in both directions, so that rows are met in any order
			from, to := storage.ID(fmt.Sprint((i+round)%accounts)), storage.ID(fmt.Sprint((i*3+round*2+1)%accounts))
			if from == to {
				continue
			}
			if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				return firstError(add(ctx, tx, from, -10), add(ctx, tx, to, 10))
			}); err != nil {
				return err
			}
		}
		return nil
	})
	var sum int64
	e.view(func(ctx context.Context, r storage.Reader) {
		rows, err := r.Query(ctx, assets, storage.RowQuery{Limit: accounts})
		require.NoError(e, err)
		for _, row := range rows {
			sum += row.Value(assets, "balance").(int64)
		}
	}, acme)
	require.Equal(e, int64(100*accounts), sum)
}

// claimAgain claims until the store neither conflicts nor must be tried again.
func (e *env) claimAgain(c storage.Claim) ([]storage.Job, error) {
	for {
		jobs, err := e.store.Claim(e.ctx, c)
		if errors.Is(err, storage.ErrRetry) || errors.Is(err, storage.ErrConflict) {
			time.Sleep(time.Millisecond)
			continue
		}
		return jobs, err
	}
}

// finishAgain finishes a job, again while there is a reason that passes.
func (e *env) finishAgain(j storage.Job, o storage.Outcome) error {
	for {
		if err := e.tryFinish(j, o); !errors.Is(err, storage.ErrRetry) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func contendClaims(e *env) {
	const each = 40
	for _, tenant := range []storage.Tenant{acme, umbra, capital} {
		jobs := make([]storage.Job, each)
		for i := range jobs {
			jobs[i] = storage.Job{Kind: "timer", Key: fmt.Sprint(i), Due: noon}
		}
		e.enqueue(tenant, jobs...)
	}
	var mu sync.Mutex
	taken := map[string]bool{}
	e.together(8, func(int) error {
		for {
			jobs, err := e.claimAgain(storage.Claim{Now: noon, Lease: time.Hour, Limit: 3})
			if err != nil {
				return err
			}
			mu.Lock()
			again := ""
			for _, j := range jobs {
				name := string(j.Tenant) + "/" + j.Key
				if taken[name] {
					again = name
				}
				taken[name] = true
			}
			all := len(taken) == 3*each
			mu.Unlock()
			switch {
			case again != "":
				return fmt.Errorf("job %s was claimed twice", again)
			case all:
				return nil
			case e.ctx.Err() != nil:
				return e.ctx.Err()
			}
		}
	})
	for _, j := range e.jobs(acme, umbra, capital) {
		require.Equal(e, 1, j.Attempts)
	}
}

func contendSubjects(e *env) {
	const subjects, each = 3, 10
	for s := range subjects {
		jobs := make([]storage.Job, each)
		for i := range jobs {
			jobs[i] = storage.Job{Kind: "timer", Key: fmt.Sprintf("%d %d", s, i), Subject: fmt.Sprint(s), Due: noon.Add(time.Duration(i-each) * time.Second)}
		}
		e.enqueue(acme, jobs...)
	}
	var mu sync.Mutex
	running := map[string]bool{}
	done := map[string][]string{}
	left := subjects * each
	e.together(6, func(int) error {
		for {
			mu.Lock()
			over := left == 0
			mu.Unlock()
			if over {
				return nil
			}
			jobs, err := e.claimAgain(storage.Claim{Now: noon, Lease: time.Hour, Limit: 2})
			if err != nil {
				return err
			}
			for _, j := range jobs {
				mu.Lock()
				two := running[j.Subject]
				running[j.Subject] = true
				mu.Unlock()
				if two {
					return fmt.Errorf("two workers have a job of subject %s", j.Subject)
				}
			}
			time.Sleep(time.Millisecond) // its work takes time
			for _, j := range jobs {
				mu.Lock()
				running[j.Subject] = false // before another can have the next
				done[j.Subject] = append(done[j.Subject], j.Key)
				left--
				mu.Unlock()
				if err := e.finishAgain(j, storage.Outcome{Done: true}); err != nil {
					return err
				}
			}
			if err := e.ctx.Err(); err != nil {
				return err
			}
		}
	})
	for s := range subjects {
		want := make([]string, each)
		for i := range want {
			want[i] = fmt.Sprintf("%d %d", s, i)
		}
		require.Equal(e, want, done[fmt.Sprint(s)], "in the order in which they were due")
	}
}

// contendDeliveries has writers that append two events of each of their records and enqueue
// its delivery with each, and workers that deliver what they find in the log. The second often
// comes while the first is delivered, and nothing comes after it. In the end all is delivered.
func contendDeliveries(e *env) {
	const writers, each = 4, 8
	var mu sync.Mutex
	delivered := map[storage.ID]bool{}
	var writing atomic.Int32
	writing.Store(writers)
	e.together(writers+3, func(i int) error {
		if i < writers {
			defer writing.Add(-1)
			for n := range each {
				record := storage.ID(fmt.Sprintf("%d-%d", i, n))
				for version := range int64(2) {
					if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
						return firstError(tx.Append(ctx, event(record, version+1, 0)),
							tx.Enqueue(ctx, storage.Job{Kind: "delivery", Key: string(record), Due: noon, Keep: true}))
					}); err != nil {
						return err
					}
					time.Sleep(time.Millisecond)
				}
			}
			return nil
		}
		for {
			last := writing.Load() == 0
			jobs, err := e.claimAgain(storage.Claim{Now: noon, Lease: time.Hour, Limit: 1})
			if err != nil {
				return err
			}
			for _, j := range jobs {
				var events []storage.Event
				if err := e.store.View(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
					events, err = r.Events(ctx, storage.EventQuery{Kind: tickets.Name(), Record: storage.ID(j.Key), Limit: 10})
					return err
				}); err != nil {
					return err
				}
				mu.Lock()
				for _, ev := range events {
					delivered[ev.ID] = true
				}
				mu.Unlock()
				time.Sleep(2 * time.Millisecond) // a subscriber takes its time
				if err := e.finishAgain(j, storage.Outcome{Done: true}); err != nil {
					return err
				}
			}
			if last && len(jobs) == 0 {
				return nil
			}
			if err := e.ctx.Err(); err != nil {
				return err
			}
		}
	})
	require.Len(e, delivered, 2*writers*each, "events that were delivered")
	require.Empty(e, e.jobs(acme))
}

func contendTenants(e *env) {
	tenants := []storage.Tenant{acme, capital, umbra, "acme "}
	e.together(8, func(i int) error {
		tenant := tenants[i%4]
		for n := range 10 {
			id := storage.ID(fmt.Sprintf("%d-%d", i/4, n))
			if err := e.untilDone(tenant, func(ctx context.Context, tx storage.Tx) error {
				row := ticket(id, "title", string(tenant))
				return firstError(tx.Put(ctx, tickets, &row), tx.Append(ctx, event(id, 1, 0)),
					tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: string(id), Due: noon}))
			}); err != nil {
				return err
			}
			if err := e.store.View(e.ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
				rows, err := r.Query(ctx, tickets, storage.RowQuery{Limit: 100})
				for _, row := range rows {
					if row.Tenant != tenant || value(row, "title") != string(tenant) {
						return fmt.Errorf("a view of %q saw a row of %q", tenant, row.Tenant)
					}
				}
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, tenant := range tenants {
		require.Len(e, e.query(storage.RowQuery{}, tenant), 20)
		require.Len(e, e.events(tenant), 20)
		require.Len(e, e.jobs(tenant), 20)
	}
}
