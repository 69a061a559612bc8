package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A lock serialises what must not interleave, to the end of the unit and no longer. A store
// may also let a whole unit wait for another; the cases allow for it.
var lockCases = []testCase{
	{"a lock excludes other units", lockExcludes},
	{"who has the lock sees what its last holder committed", lockSees},
	{"who has read before it waited sees it too, or runs again", lockSeesAfterRead},
	{"locking a name twice in a unit does nothing more", lockTwice},
	{"a lock is released at commit, at rollback and at a panic", lockReleased},
	{"two units that wait for each other do not wait for ever", lockDeadlock},
	{"other names and other tenants do not wait", lockOthers},
}

func lockExcludes(e *env) {
	var inside, most atomic.Int32
	e.together(8, func(i int) error {
		for round := range 3 {
			err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				if err := tx.Lock(ctx, "desk"); err != nil {
					return err
				}
				now := inside.Add(1)
				defer inside.Add(-1)
				if now > most.Load() {
					most.Store(now)
				}
				time.Sleep(2 * time.Millisecond)
				row := ticket(storage.ID(fmt.Sprintf("%d %d", i, round)))
				return tx.Put(ctx, tickets, &row)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.Equal(e, int32(1), most.Load(), "units that held the lock at the same time")
}

// onlyOne is a unit that creates a ticket with the title where there is none yet.
func onlyOne(title string, id storage.ID) func(ctx context.Context, tx storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		if err := tx.Lock(ctx, title); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, tickets, storage.RowQuery{Where: where(storage.Equal, "title", title), Limit: 1})
		if err != nil || len(rows) > 0 {
			return err
		}
		groups, err := tx.Count(ctx, tickets, where(storage.Equal, "title", title), nil)
		if err != nil || len(groups) > 0 && groups[0].Count > 0 {
			return err
		}
		time.Sleep(time.Millisecond) // there is time for another to come to the same conclusion
		row := ticket(id, "title", title)
		return tx.Put(ctx, tickets, &row)
	}
}

func lockSees(e *env) {
	for round := range 5 {
		title := fmt.Sprintf("only %d", round)
		e.together(8, func(i int) error {
			return e.untilDone(acme, onlyOne(title, storage.ID(fmt.Sprintf("%d by %d", round, i))))
		})
		require.Len(e, e.query(storage.RowQuery{Where: where(storage.Equal, "title", title)}, acme), 1)
	}
}

func lockSeesAfterRead(e *env) {
	for round := range 5 {
		title := fmt.Sprintf("only %d", round)
		e.together(8, func(i int) error {
			return e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
				if _, err := tx.Query(ctx, tickets, storage.RowQuery{Limit: 1}); err != nil {
					return err
				}
				return onlyOne(title, storage.ID(fmt.Sprintf("%d by %d", round, i)))(ctx, tx)
			})
		})
		require.Len(e, e.query(storage.RowQuery{Where: where(storage.Equal, "title", title)}, acme), 1)
	}
}

func lockTwice(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		for _, name := range []string{"a", "A", "a ", "a", "b", "a"} {
			require.NoError(e, tx.Lock(ctx, name))
		}
		row := ticket("1")
		require.NoError(e, tx.Put(ctx, tickets, &row))
	})
	e.get(acme, "1")
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, "a")) })
}

func lockReleased(e *env) {
	for range 3 {
		e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, "desk")) })
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			return firstError(tx.Lock(ctx, "desk"), errOurs)
		})
		require.ErrorIs(e, err, errOurs)
		require.Panics(e, func() {
			_ = e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				if err := tx.Lock(ctx, "desk"); err != nil {
					return err
				}
				panic("the host's own panic")
			})
		})
	}
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, "desk")) })
}

// lockDeadlock has two units that each hold what the other wants. A store that lets whole
// units wait cannot come to that.
func lockDeadlock(e *env) {
	wants := [2][2]string{{"a", "b"}, {"b", "a"}}
	var has [2]chan struct{}
	for i := range has {
		has[i] = make(chan struct{})
	}
	var errs [2]error
	var both [2]bool
	e.together(2, func(i int) error {
		var announced bool
		errs[i] = e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			if err := tx.Lock(ctx, wants[i][0]); err != nil {
				return err
			}
			if !announced {
				announced = true
				close(has[i])
			}
			select {
			case <-has[1-i]:
				both[i] = true
			case <-time.After(300 * time.Millisecond):
			}
			if err := tx.Lock(ctx, wants[i][1]); err != nil {
				return err
			}
			row := ticket(storage.ID(fmt.Sprint(i)))
			return tx.Put(ctx, tickets, &row)
		})
		if errs[i] != nil && !errors.Is(errs[i], storage.ErrRetry) {
			return errs[i]
		}
		return nil
	})
	done := 0
	for i, err := range errs {
		if err == nil {
			done++
			e.get(acme, storage.ID(fmt.Sprint(i)))
		} else {
			e.missing(acme, storage.ID(fmt.Sprint(i)))
		}
	}
	if errs[0] != nil && errs[1] != nil {
		require.True(e, both[0] && both[1], "both failed, and they did not wait for each other: %v", errs)
	}
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, firstError(tx.Lock(ctx, "a"), tx.Lock(ctx, "b")), "nothing is held any more")
	})
}

// alongside says whether a unit of the second tenant commits while one of the first is open,
// each having locked a name ("" for none).
func (e *env) alongside(first, second storage.Tenant, firstLock, secondLock string) bool {
	e.Helper()
	var did bool
	var wait func()
	e.update(first, func(ctx context.Context, tx storage.Tx) {
		if firstLock != "" {
			require.NoError(e, tx.Lock(ctx, firstLock))
		}
		var done atomic.Bool
		wait = e.meanwhile(func() error {
			defer done.Store(true)
			return e.untilDone(second, func(ctx context.Context, tx storage.Tx) error {
				if secondLock == "" {
					return nil
				}
				return tx.Lock(ctx, secondLock)
			})
		})
		did = done.Load()
	})
	wait()
	return did
}

func lockOthers(e *env) {
	for _, name := range []string{"desk", "DESK", "desk "} { // the first time may take longer
		for _, tenant := range []storage.Tenant{acme, umbra} {
			e.update(tenant, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Lock(ctx, name)) })
		}
	}
	require.False(e, e.alongside(acme, acme, "desk", "desk"), "two units had one lock")
	// A busy machine may keep a unit for longer than it is waited for, though hardly every time.
	may := func(first, second storage.Tenant, firstLock, secondLock string) bool {
		for range 5 {
			if e.alongside(first, second, firstLock, secondLock) {
				return true
			}
		}
		return false
	}
	if e.alongside(acme, acme, "", "") {
		require.True(e, may(acme, acme, "desk", ""), "a unit without a lock waited")
		require.True(e, may(acme, acme, "desk", "DESK"), "another name waited")
		require.True(e, may(acme, acme, "desk", "desk "), "another name waited")
	}
	if e.alongside(acme, umbra, "", "") {
		require.True(e, may(acme, umbra, "desk", "desk"), "another tenant waited")
	}
}
