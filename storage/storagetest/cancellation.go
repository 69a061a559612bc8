package storagetest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A context that ends lets nobody wait and nothing be written.
var cancellationCases = []testCase{
	{"with a context that is over nothing is done", cancelBefore},
	{"a unit whose context ends is not committed", cancelDuring},
	{"a deadline that has passed is an error too", cancelDeadline},
	{"who waits for a lock stops waiting", cancelLock},
	{"after a context ended the store can still be used", cancelAfter},
}

func cancelBefore(e *env) {
	e.put(acme, ticket("1"))
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	err := e.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		row := ticket("2")
		return tx.Put(ctx, tickets, &row)
	})
	require.ErrorIs(e, err, context.Canceled, "from Update")
	err = e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		_, err := r.Get(ctx, tickets, acme, "1")
		return err
	})
	require.ErrorIs(e, err, context.Canceled, "from View")
	_, err = e.store.Claim(ctx, claimAll(noon))
	require.ErrorIs(e, err, context.Canceled, "from Claim")
	e.missing(acme, "2")
	require.Zero(e, e.job(acme, "timer", "1").Attempts)
}

func cancelDuring(e *env) {
	claimed := e.prepare()
	before := e.state(acme)
	for _, swallow := range []bool{false, true} { // also where the function returns nil all the same
		ctx, cancel := context.WithCancel(e.ctx)
		err := e.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			e.everything(ctx, tx, claimed)
			cancel()
			if swallow {
				return nil
			}
			row := ticket("2")
			if err := tx.Put(ctx, tickets, &row); err != nil {
				return err
			}
			return nil
		})
		cancel()
		require.ErrorIs(e, err, context.Canceled)
		require.Equal(e, before, e.state(acme))
	}
	e.nothingLeft(before, claimed)
}

func cancelDeadline(e *env) {
	ctx, cancel := context.WithTimeout(e.ctx, 20*time.Millisecond)
	defer cancel()
	over := ctx.Done()
	err := e.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		row := ticket("1")
		if err := tx.Put(ctx, tickets, &row); err != nil {
			return err
		}
		<-over
		return nil
	})
	require.ErrorIs(e, err, context.DeadlineExceeded)
	e.missing(acme, "1")
}

func cancelLock(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, "desk")) })
	holding, release, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	hold := sync.OnceFunc(func() { close(holding) })
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	go func() {
		released <- caught(func() error {
			return e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				if err := tx.Lock(ctx, "desk"); err != nil {
					return err
				}
				hold()
				<-release
				return nil
			})
		})
	}()
	select {
	case <-holding:
	case err := <-released:
		require.Fail(e, "the lock was not given", "%v", err)
	}
	waiting, cancel := context.WithCancel(e.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- caught(func() error {
			return e.store.Update(waiting, acme, func(ctx context.Context, tx storage.Tx) error {
				row := ticket("1")
				return firstError(tx.Put(ctx, tickets, &row), tx.Lock(ctx, "desk"))
			})
		})
	}()
	time.Sleep(50 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		require.ErrorIs(e, err, context.Canceled)
	case <-time.After(5 * time.Second):
		require.Fail(e, "it still waits five seconds after its context was cancelled")
	}
	let()
	require.NoError(e, <-released)
	e.missing(acme, "1")
}

func cancelAfter(e *env) {
	for range 20 { // more often than a pool has connections
		ctx, cancel := context.WithCancel(e.ctx)
		err := e.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			row := ticket("1")
			if err := tx.Put(ctx, tickets, &row); err != nil {
				return err
			}
			cancel()
			return nil
		})
		require.ErrorIs(e, err, context.Canceled)
		ctx, cancel = context.WithCancel(e.ctx)
		err = e.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			cancel()
			_, err := r.Get(ctx, tickets, acme, "1")
			return err
		})
		require.ErrorIs(e, err, context.Canceled)
	}
	e.put(acme, ticket("1"))
	e.get(acme, "1")
}
