package storagetest

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A unit is all or nothing, reads its own writes, and is over when its function returns.
var unitCases = []testCase{
	{"a unit commits when its function returns nil", unitCommit},
	{"a unit reads its own writes", unitReadsOwn},
	{"a unit that fails leaves nothing", unitFails},
	{"a unit that panics leaves nothing", unitPanics},
	{"a unit whose goroutine ends leaves nothing", unitGoexit},
	{"a unit that fails on its first write leaves the store usable", unitFailsTwice},
	{"the error of a function is passed on", unitError},
	{"a function is not run again after a conflict", unitNoRerun},
	{"an update inside an update is invalid", unitNested},
	{"an update of another store inside an update is its own unit", unitOtherStore},
	{"a unit is over when its function has returned", unitOver},
	{"nothing begins with the context of a unit that is over", unitContextOver},
	{"a unit tells its tenant", unitTenant},
	{"a unit without writes is no error", unitEmpty},
}

// everything writes something of every kind in a unit: rows that are created, changed and
// removed, an event, a new job, a cancelled and a finished one.
func (e *env) everything(ctx context.Context, tx storage.Tx, claimed storage.Job) {
	e.Helper()
	created := ticket("created")
	require.NoError(e, tx.Put(ctx, tickets, &created))
	changed := ticket("changed", "title", "after")
	changed.Version = 1
	require.NoError(e, tx.Put(ctx, tickets, &changed))
	require.NoError(e, tx.Delete(ctx, tickets, "removed", 1))
	require.NoError(e, tx.Append(ctx, event("created", 1, 0)))
	require.NoError(e, tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "new", Due: noon}, storage.Job{Kind: "timer", Key: "replaced", Due: noon.Add(time.Hour)}))
	require.NoError(e, tx.Cancel(ctx, "timer", "cancelled"))
	require.NoError(e, tx.Finish(ctx, claimed, storage.Outcome{Done: true}))
	require.NoError(e, tx.Lock(ctx, "desk"))
	_, err := tx.Next(ctx, "ticket")
	require.NoError(e, err)
}

// prepare writes what everything changes, and claims the job that it finishes.
func (e *env) prepare() storage.Job {
	e.Helper()
	e.put(acme, ticket("changed", "title", "before"), ticket("removed"))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Append(ctx, event("changed", 1, 0)))
		require.NoError(e, tx.Enqueue(ctx,
			storage.Job{Kind: "timer", Key: "cancelled", Due: noon.Add(time.Hour)},
			storage.Job{Kind: "timer", Key: "replaced", Due: noon.Add(2 * time.Hour), Payload: []byte(`{"first":true}`)},
			storage.Job{Kind: "delivery", Key: "claimed", Due: noon},
		))
	})
	claimed := e.claimOne(noon)
	require.Equal(e, "claimed", claimed.Key)
	return claimed
}

// state is all that a tenant's reader can see.
type state struct {
	rows   []storage.Row
	events []storage.Event
	jobs   []storage.Job
}

func (e *env) state(tenant storage.Tenant) state {
	e.Helper()
	return state{
		rows:   e.query(storage.RowQuery{Bodies: true}, tenant),
		events: e.events(tenant),
		jobs:   e.jobs(tenant),
	}
}

// nothingLeft says that the tenant is as it was before, that the claim still holds, and that
// nothing that a failed unit held is held still.
func (e *env) nothingLeft(before state, claimed storage.Job) {
	e.Helper()
	require.Equal(e, before, e.state(acme))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Lock(ctx, "desk"))
		require.NoError(e, tx.Finish(ctx, claimed, storage.Outcome{Done: true}), "the claim is still held")
	})
}

func unitCommit(e *env) {
	claimed := e.prepare()
	e.update(acme, func(ctx context.Context, tx storage.Tx) { e.everything(ctx, tx, claimed) })
	require.Equal(e, []string{"changed", "created"}, ids(e.query(storage.RowQuery{}, acme)))
	require.Equal(e, "after", value(e.get(acme, "changed"), "title"))
	require.Len(e, e.events(acme), 2)
	require.Equal(e, []string{"timer/new", "timer/replaced"}, names(e.jobs(acme)))
}

func unitReadsOwn(e *env) {
	claimed := e.prepare()
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		e.everything(ctx, tx, claimed)
		got, err := tx.Get(ctx, tickets, acme, "changed")
		require.NoError(e, err)
		require.Equal(e, "after", value(got, "title"))
		require.Equal(e, int64(2), got.Version)
		_, err = tx.Get(ctx, tickets, acme, "removed")
		require.ErrorIs(e, err, storage.ErrNotFound)
		require.Equal(e, []string{"changed", "created"}, ids(e.page(ctx, tx, storage.RowQuery{})))
		require.Equal(e, []string{"changed"}, ids(e.page(ctx, tx, storage.RowQuery{Where: where(storage.Equal, "title", "after")})))
		require.Empty(e, e.page(ctx, tx, storage.RowQuery{Where: where(storage.Equal, "title", "before")}))
		require.Equal(e, 1, e.total(ctx, tx, tickets, where(storage.Equal, "title", "after")))
		require.Zero(e, e.total(ctx, tx, tickets, where(storage.Equal, "id", "removed")))
		events, err := tx.Events(ctx, storage.EventQuery{Limit: 10})
		require.NoError(e, err)
		require.Len(e, events, 2)
		jobs, err := tx.Jobs(ctx, storage.JobQuery{Limit: 10})
		require.NoError(e, err)
		require.Equal(e, []string{"timer/new", "timer/replaced"}, names(jobs))
	})
}

func unitFails(e *env) {
	claimed := e.prepare()
	before := e.state(acme)
	err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		e.everything(ctx, tx, claimed)
		return errOurs
	})
	require.ErrorIs(e, err, errOurs)
	e.nothingLeft(before, claimed)
}

func unitPanics(e *env) {
	claimed := e.prepare()
	before := e.state(acme)
	func() {
		defer func() {
			require.Equal(e, "the host's own panic", recover(), "the panic reaches the caller")
		}()
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			e.everything(ctx, tx, claimed)
			panic("the host's own panic")
		})
		require.Fail(e, "Update returned", "with %v", err)
	}()
	e.nothingLeft(before, claimed)
}

func unitGoexit(e *env) {
	claimed := e.prepare()
	before := e.state(acme)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			created := ticket("created")
			if err := tx.Put(ctx, tickets, &created); err != nil {
				return err
			}
			if err := tx.Lock(ctx, "desk"); err != nil {
				return err
			}
			runtime.Goexit() // what t.FailNow does in a host's test
			return nil
		})
	}()
	<-done
	e.nothingLeft(before, claimed)
}

func unitFailsTwice(e *env) {
	for range 20 { // more often than a pool has connections
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			r := ticket("1")
			return errors.Join(tx.Put(ctx, tickets, &r), errOurs)
		})
		require.ErrorIs(e, err, errOurs)
		err = e.store.View(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			_, err := r.Get(ctx, tickets, acme, "1")
			return err
		})
		require.ErrorIs(e, err, storage.ErrNotFound)
	}
	e.put(acme, ticket("1"))
}

func unitError(e *env) {
	for _, want := range []error{errOurs, storage.ErrNotFound, storage.ErrInvalid, storage.ErrConflict, storage.ErrRetry} {
		err := e.store.Update(e.ctx, acme, func(context.Context, storage.Tx) error { return want })
		require.ErrorIs(e, err, want, "from Update")
		err = e.store.View(e.ctx, []storage.Tenant{acme}, func(context.Context, storage.Reader) error { return want })
		require.ErrorIs(e, err, want, "from View")
	}
}

func unitNoRerun(e *env) {
	e.put(acme, ticket("1"))
	for _, want := range []error{storage.ErrConflict, storage.ErrRetry} {
		failed := 0
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			if _, err := tx.Next(ctx, "ticket"); err != nil {
				return err // the store may want to prepare the sequence
			}
			failed++
			twice := ticket("1")
			if err := tx.Put(ctx, tickets, &twice); want == storage.ErrConflict {
				return err
			}
			return want
		})
		require.ErrorIs(e, err, want)
		require.Equal(e, 1, failed, "the function met %q and was run again", want)
	}
}

func unitNested(e *env) {
	for _, tenant := range []storage.Tenant{acme, umbra} {
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			outer := ticket("outer" + storage.ID(tenant))
			require.NoError(e, tx.Put(ctx, tickets, &outer))
			ran := false
			err := e.store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				ran = true
				inner := ticket("inner")
				return tx.Put(ctx, tickets, &inner)
			})
			require.ErrorIs(e, err, storage.ErrInvalid)
			require.False(e, ran, "the inner function was run")

			derived, cancel := context.WithTimeout(context.WithValue(ctx, errOurs, 1), time.Minute)
			defer cancel()
			err = e.store.Update(derived, tenant, func(context.Context, storage.Tx) error { return nil })
			require.ErrorIs(e, err, storage.ErrInvalid, "with a context made from the unit's")
		})
		e.get(acme, "outer"+storage.ID(tenant))
		e.missing(tenant, "inner")
	}
	e.put(acme, ticket("later"))
}

func unitOtherStore(e *env) {
	other := e.another()
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, other.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			r := ticket("1", "title", "other store")
			return tx.Put(ctx, tickets, &r)
		}))
		require.NoError(e, other.View(ctx, []storage.Tenant{acme, umbra}, func(ctx context.Context, r storage.Reader) error {
			_, err := r.Get(ctx, tickets, acme, "1")
			return err
		}))
		_, err := tx.Get(ctx, tickets, acme, "1")
		require.ErrorIs(e, err, storage.ErrNotFound)
	})
	e.missing(acme, "1")
}

func unitOver(e *env) {
	var tx storage.Tx
	var r storage.Reader
	e.update(acme, func(_ context.Context, kept storage.Tx) { tx = kept })
	e.view(func(_ context.Context, kept storage.Reader) { r = kept }, acme)

	row := ticket("1")
	require.Error(e, tx.Put(e.ctx, tickets, &row))
	require.Error(e, tx.Append(e.ctx, event("1", 1, 0)))
	require.Error(e, tx.Enqueue(e.ctx, storage.Job{Kind: "timer", Key: "1", Due: noon}))
	require.Error(e, tx.Lock(e.ctx, "desk"))
	_, err := tx.Get(e.ctx, tickets, acme, "1")
	require.Error(e, err)
	require.NotErrorIs(e, err, storage.ErrNotFound, "it cannot know")
	_, err = r.Query(e.ctx, tickets, storage.RowQuery{Limit: 1})
	require.Error(e, err)

	require.Equal(e, state{rows: []storage.Row{}, events: []storage.Event{}, jobs: []storage.Job{}}, e.state(acme).filled())
	e.put(acme, ticket("1"))
}

// filled gives the state with empty lists for nil ones.
func (s state) filled() state {
	return state{append([]storage.Row{}, s.rows...), append([]storage.Event{}, s.events...), append([]storage.Job{}, s.jobs...)}
}

func unitTenant(e *env) {
	e.update(capital, func(ctx context.Context, tx storage.Tx) {
		require.Equal(e, capital, tx.Tenant())
		require.Equal(e, []storage.Tenant{capital}, tx.Tenants())
	})
	e.view(func(_ context.Context, r storage.Reader) {
		require.ElementsMatch(e, []storage.Tenant{umbra, acme}, r.Tenants())
	}, umbra, acme)
}

func unitEmpty(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Append(ctx))
		require.NoError(e, tx.Enqueue(ctx))
	})
	e.view(func(context.Context, storage.Reader) {}, acme)
}

// unitContextOver has a context that outlives its unit: nothing may begin with it that its caller
// takes for a part of the unit.
func unitContextOver(e *env) {
	for _, end := range []error{nil, errOurs} {
		var kept context.Context
		require.ErrorIs(e, e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			kept = ctx
			return end
		}), end)
		for name, begin := range map[string]func() error{
			"update": func() error {
				return e.store.Update(kept, acme, func(context.Context, storage.Tx) error { return errOurs })
			},
			"view": func() error {
				return e.store.View(kept, []storage.Tenant{acme}, func(context.Context, storage.Reader) error { return errOurs })
			},
			"read": func() error {
				return e.store.Read(kept, []storage.Tenant{acme}, func(context.Context, storage.Reader) error { return errOurs })
			},
			"claim": func() error { _, err := e.store.Claim(kept, claimAll(noon)); return err },
		} {
			err := begin()
			require.ErrorIs(e, err, storage.ErrInvalid, name)
			require.NotErrorIs(e, err, errOurs, "%s: the function was run", name)
		}
	}
	e.put(acme, ticket("1"))
}
