package storagetest

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// What a unit expects is so when it commits, or the unit does not happen.
var expectationCases = []testCase{
	{"a unit whose expectations hold commits", expectHolds},
	{"a unit that expects another version fails, and can be run again", expectOther},
	{"what a unit expects is of its tenant and table", expectApart},
	{"a unit sees by an expectation what was committed after it was begun elsewhere", expectLater},
}

// endings are what a unit does after it has said what it expects.
var endings = map[string]func(ctx context.Context, tx storage.Tx) error{
	"nothing": func(context.Context, storage.Tx) error { return nil },
	"a record": func(ctx context.Context, tx storage.Tx) error {
		row := ticket("a record", "title", "a record")
		return tx.Put(ctx, tickets, &row)
	},
	"one event": func(ctx context.Context, tx storage.Tx) error { return tx.Append(ctx, event("one event", 1, 0)) },
	"events": func(ctx context.Context, tx storage.Tx) error {
		return tx.Append(ctx, event("events", 1, 0), event("events", 1, 1), event("events", 1, 2))
	},
	"a job and an event": func(ctx context.Context, tx storage.Tx) error {
		if err := tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "1", Due: noon, Keep: true}); err != nil {
			return err
		}
		return tx.Append(ctx, event("a job and an event", 1, 0))
	},
	"events twice": func(ctx context.Context, tx storage.Tx) error {
		if err := tx.Append(ctx, event("events twice", 1, 0)); err != nil {
			return err
		}
		return tx.Append(ctx, event("events twice", 1, 1))
	},
}

// written says how much of what the endings write is there.
func (e *env) written() (rows, events, jobs int) {
	e.Helper()
	return len(e.query(storage.RowQuery{Where: where(storage.Equal, "title", "a record")}, acme)), len(e.events(acme)), len(e.jobs(acme))
}

func expectHolds(e *env) {
	was := e.put(acme, ticket("rules"))[0]
	changed := e.put(acme, was)[0]
	for name, end := range endings {
		require.NoError(e, e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			if err := tx.Expect(ctx, tickets, "rules", changed.Version); err != nil {
				return err
			}
			if err := tx.Expect(ctx, tickets, "none", 0); err != nil {
				return err
			}
			return end(ctx, tx)
		}), name)
	}
	rows, events, jobs := e.written()
	require.Equal(e, []int{1, 1 + 3 + 1 + 2, 1}, []int{rows, events, jobs})
	require.Equal(e, changed.Version, e.get(acme, "rules").Version)
}

func expectOther(e *env) {
	was := e.put(acme, ticket("rules"))[0]
	now := e.put(acme, was)[0]
	type expected struct {
		id      storage.ID
		version int64
	}
	for _, x := range [][]expected{{{"rules", was.Version - 1}}, {{"rules", 0}}, {{"rules", now.Version + 1}}, {{"none", 1}}, {{"rules", now.Version}, {"none", 1}}, {{"none", 1}, {"rules", now.Version}}} {
		for name, end := range endings {
			what := fmt.Sprint(name, " expecting ", x)
			err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				for _, x := range x {
					_ = tx.Expect(ctx, tickets, x.id, x.version) // the unit fails whether its error is passed on or not
				}
				_ = end(ctx, tx)
				return nil
			})
			require.ErrorIs(e, err, storage.ErrRetry, what)
			rows, events, jobs := e.written()
			require.Zero(e, rows+events+jobs, what)
		}
	}
	for name, end := range endings {
		require.NoError(e, e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			if err := tx.Expect(ctx, tickets, "rules", now.Version); err != nil {
				return err
			}
			return end(ctx, tx)
		}), name)
	}
}

func expectApart(e *env) {
	mine := e.put(acme, ticket("rules"))[0]
	other := e.put(umbra, ticket("rules"))[0]
	e.put(umbra, other)
	e.put(umbra, ticket("theirs"))
	for name, end := range endings {
		require.NoError(e, e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			if err := tx.Expect(ctx, tickets, "rules", mine.Version); err != nil {
				return err
			}
			if err := tx.Expect(ctx, tickets, "theirs", 0); err != nil {
				return err
			}
			if err := tx.Expect(ctx, assets, "rules", 0); err != nil {
				return err
			}
			return end(ctx, tx)
		}), name)
	}
}

func expectLater(e *env) {
	row := e.put(acme, ticket("rules"))[0]
	for n := range 3 {
		version := row.Version
		row = e.put(acme, row)[0]
		for name, end := range endings {
			err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				if err := tx.Expect(ctx, tickets, "rules", version); err != nil {
					return err
				}
				return end(ctx, tx)
			})
			require.ErrorIs(e, err, storage.ErrRetry, fmt.Sprint(name, n))
		}
	}
}
