package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/approvalsuite"
	"github.com/itsmkit/itsmkit/internal/changecalsuite"
	"github.com/itsmkit/itsmkit/internal/changesuite"
	"github.com/itsmkit/itsmkit/internal/cmdbsuite"
	"github.com/itsmkit/itsmkit/internal/directorysuite"
	"github.com/itsmkit/itsmkit/internal/enginesuite"
	"github.com/itsmkit/itsmkit/internal/incidentsuite"
	"github.com/itsmkit/itsmkit/internal/interactionsuite"
	"github.com/itsmkit/itsmkit/internal/notifysuite"
	"github.com/itsmkit/itsmkit/internal/oncallsuite"
	"github.com/itsmkit/itsmkit/internal/problemsuite"
	"github.com/itsmkit/itsmkit/internal/recurrencesuite"
	"github.com/itsmkit/itsmkit/internal/routingsuite"
	"github.com/itsmkit/itsmkit/internal/settingssuite"
	"github.com/itsmkit/itsmkit/internal/slasuite"
	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/internal/triggersuite"
	"github.com/itsmkit/itsmkit/internal/versionedsuite"
	"github.com/itsmkit/itsmkit/internal/viewsuite"
	"github.com/itsmkit/itsmkit/internal/webhooksuite"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// suites hold the promises of the engine and of each practice.
var suites = []struct {
	name string
	run  func(t *testing.T, newStore func(t *testing.T) storage.Store)
}{
	{"engine", enginesuite.Run},
	{"incident", incidentsuite.Run},
	{"directory", directorysuite.Run},
	{"task", tasksuite.Run},
	{"approval", approvalsuite.Run},
	{"routing", routingsuite.Run},
	{"on-call", oncallsuite.Run},
	{"settings", settingssuite.Run},
	{"versioned", versionedsuite.Run},
	{"trigger", triggersuite.Run},
	{"service levels", slasuite.Run},
	{"notify", notifysuite.Run},
	{"webhook", webhooksuite.Run},
	{"recurrence", recurrencesuite.Run},
	{"view", viewsuite.Run},
	{"interaction", interactionsuite.Run},
	{"configuration", cmdbsuite.Run},
	{"change schedule", changecalsuite.Run},
	{"change", changesuite.Run},
	{"problem", problemsuite.Run},
}

// The engine and the practices keep their promises on every database as they do in memory, and what they keep there can be
// taken elsewhere.
func TestSuites(t *testing.T) {
	for _, s := range suites {
		on := suiteEngines
		if s.name == "engine" {
			on = engines
		}
		for _, e := range on {
			t.Run(s.name+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				s.run(t, e.portableStore)
			})
		}
	}
}

// An incident that is logged in the host's transaction exists exactly when the host commits, and
// a command that fails in it leaves nothing behind and the transaction usable.
func TestX1IncidentsInTheHostsTransaction(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := context.Background()
			store, db := e.store(t, sqlstore.Options{})
			desk, err := itsmengine.New(store, itsmengine.Options{})
			require.NoError(t, err)
			incidents, err := itsmincident.New(desk, itsmincident.Options{})
			require.NoError(t, err)
			require.NoError(t, desk.Migrate(ctx))
			_, err = db.ExecContext(ctx, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
			require.NoError(t, err)
			ada := itsm.Actor{Tenant: "shop", ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
			report := itsmincident.Report{Title: "Order lost", Requester: "rosa"}

			count := func() (orders int, logged, events int) {
				require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM orders").Scan(&orders))
				require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM itsm_incident").Scan(&logged))
				require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM itsm__event").Scan(&events))
				return orders, logged, events
			}
			for i, commits := range []bool{false, true} {
				tx, err := db.BeginTx(ctx, nil)
				require.NoError(t, err)
				_, err = tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO orders VALUES (%d)", 10*i))
				require.NoError(t, err)
				inside := incidents.In(store.Join(tx))
				logged, err := inside.Log(ctx, ada, report)
				require.NoError(t, err)

				// Bad input, a step that is not permitted, and a unit that fails after it wrote.
				_, err = inside.Log(ctx, ada, itsmincident.Report{})
				require.ErrorIs(t, err, itsm.ErrInvalid)
				_, err = inside.Confirm(ctx, ada, logged.ID, itsm.Command{})
				require.Error(t, err)
				boom := errors.New("boom")
				err = desk.In(store.Join(tx)).Update(ctx, ada, func(ctx context.Context, u *itsmengine.Unit) error {
					_, err := incidents.In(u.Store()).Log(ctx, ada, report)
					require.NoError(t, err)
					return boom
				})
				require.ErrorIs(t, err, boom)

				_, err = tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO orders VALUES (%d)", 10*i+1))
				require.NoError(t, err, "the host's transaction is still usable")
				if !commits {
					require.NoError(t, tx.Rollback())
					orders, rows, events := count()
					require.Equal(t, []int{0, 0, 0}, []int{orders, rows, events})
					continue
				}
				require.NoError(t, tx.Commit())
				orders, rows, events := count()
				require.Equal(t, []int{2, 1, 1}, []int{orders, rows, events})
				got, err := incidents.Get(ctx, ada, logged.ID)
				require.NoError(t, err)
				require.Equal(t, logged, got)
			}
		})
	}
}
