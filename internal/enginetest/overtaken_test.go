// This file holds what becomes of a command that is given under a key while the same is under way.

package enginetest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// A command that looked for its key before the other was through meets a record that the other has changed
// already, and is refused for that alone. It gives what came of the other. On SQLite, where units have turns,
// it cannot come to it.
func TestACommandOvertakenUnderItsKeyGivesWhatCameOfTheOther(t *testing.T) {
	for _, e := range engines {
		if e.dialect == sqlstore.SQLite {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			stores := e.stores(t, 2, things.Schema(), ledger.Schema())
			late, first := newShaken(t, stores[0], itsmengine.Options{}), newShaken(t, stores[1], itsmengine.Options{})
			late.begin(t)
			var once sync.Once
			late.before = func() {
				once.Do(func() {
					_, err := first.command(context.Background(), "a", "key")
					require.NoError(t, err)
				})
			}
			made, err := late.command(context.Background(), "a", "key")
			require.NoError(t, err)
			require.Equal(t, "a", string(made.ID))
			require.Equal(t, map[string]int{"a": 1}, late.did(t, "command"))
			require.EqualValues(t, 1, late.runs.Load(), "it found the memory of the other, and did not try again")

			// Under another key it is a command of its own, and is refused.
			_, err = late.command(context.Background(), "a", "another key")
			require.ErrorIs(t, err, errDoneAlready)
		})
	}
}
