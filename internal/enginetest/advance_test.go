package enginetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// errAdvance is a host's own reason to fail.
var errAdvance = errors.New("the host's own error")

// next takes numbers of a sequence, each in a unit of its own.
func next(t *testing.T, s storage.Store, n int) []int64 {
	t.Helper()
	numbers := make([]int64, n)
	for i := range numbers {
		require.NoError(t, s.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) (err error) {
			numbers[i], err = tx.Next(ctx, "incident")
			return err
		}))
	}
	return numbers
}

func advance(t *testing.T, s storage.Store, atLeast int64) {
	t.Helper()
	require.NoError(t, s.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) error {
		return tx.Advance(ctx, "incident", atLeast)
	}))
}

// What one process advances, another goes on with when the numbers that it has reserved are used
// up. Two stores over one database are like two processes.
func TestAnAdvanceReachesOtherProcessesAfterTheirReservedNumbers(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			one, db := e.store(t, sqlstore.Options{SequenceBlock: 5})
			other, err := sqlstore.New(db, e.dialect, sqlstore.Options{SequenceBlock: 5})
			require.NoError(t, err)
			require.Equal(t, []int64{1, 2}, next(t, one, 2))
			require.Equal(t, []int64{6}, next(t, other, 1))
			advance(t, other, 1000)
			require.Equal(t, []int64{1000, 1001}, next(t, other, 2), "at once where it was advanced")
			require.Equal(t, []int64{3, 4, 5}, next(t, one, 3), "what was reserved before")
			after := next(t, one, 1)[0]
			require.Greater(t, after, int64(1001))

			advance(t, one, 10) // which is long past
			require.Equal(t, after+1, next(t, one, 1)[0], "nothing was let go of")
			require.Equal(t, []int64{1002, 1003, 1004}, next(t, other, 3))
		})
	}
}

// A unit that fails lets other units have the reserved numbers that it passed over.
func TestAnAdvanceThatFailsWastesNoNumbers(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{SequenceBlock: 10})
			require.Equal(t, []int64{1}, next(t, s, 1))
			require.ErrorIs(t, s.Update(timed(t), acme, func(ctx context.Context, tx storage.Tx) error {
				require.NoError(t, tx.Advance(ctx, "incident", 5))
				n, err := tx.Next(ctx, "incident")
				require.NoError(t, err)
				require.Equal(t, int64(5), n)
				return errAdvance
			}), errAdvance)
			require.Equal(t, []int64{2, 3, 4, 6, 7}, next(t, s, 5))
			advance(t, s, 9)
			require.Equal(t, []int64{9, 10, 11}, next(t, s, 3))
		})
	}
}

// In a host's transaction a sequence is advanced with it. The store passes over what it has
// reserved from the end of the unit on, whatever the host does then.
func TestAnAdvanceInAHostsTransaction(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, db := e.store(t, sqlstore.Options{SequenceBlock: 5})
			require.Equal(t, []int64{1}, next(t, s, 1))
			for n, commit := range []bool{true, false} {
				atLeast := int64(1000 * (n + 1))
				tx, err := db.BeginTx(timed(t), nil)
				require.NoError(t, err)
				joined := s.Join(tx)
				require.ErrorIs(t, joined.Update(timed(t), acme, func(ctx context.Context, u storage.Tx) error {
					require.NoError(t, u.Advance(ctx, "incident", 1_000_000))
					return errAdvance
				}), errAdvance)
				require.NoError(t, joined.Update(timed(t), acme, func(ctx context.Context, u storage.Tx) error {
					require.NoError(t, u.Advance(ctx, "incident", atLeast))
					got, err := u.Next(ctx, "incident")
					require.NoError(t, err)
					require.Equal(t, atLeast, got)
					return u.Advance(ctx, "incident", atLeast+10)
				}))
				if commit {
					require.NoError(t, tx.Commit())
				} else {
					require.NoError(t, tx.Rollback())
				}
				require.Equal(t, []int64{atLeast + 10, atLeast + 11}, next(t, s, 2))
			}
		})
	}
}
