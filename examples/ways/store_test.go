package ways_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// README:store
// Cancel cancels an order of the shop and logs an incident about it: both, or neither.
func Cancel(ctx context.Context, db *sql.DB, store *sqlstore.Store, incidents *incident.Practice, clerk itsm.Actor, order int) (incident.Incident, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return incident.Incident{}, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE orders SET cancelled = 1 WHERE id = ?", order); err != nil {
		return incident.Incident{}, err
	}
	logged, err := incidents.In(store.Join(tx)).Log(ctx, clerk, incident.Report{
		Title:     fmt.Sprintf("Order %d was cancelled by the shop", order),
		Requester: clerk.ID,
	})
	if err != nil {
		return incident.Incident{}, err
	}
	return logged, tx.Commit()
}

// README:end

func TestPracticesOverAStore(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "shop.db"))
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(ctx, "CREATE TABLE orders (id INTEGER PRIMARY KEY, cancelled INTEGER NOT NULL DEFAULT 0)")
	must(t, err)
	_, err = db.ExecContext(ctx, "INSERT INTO orders (id) VALUES (7)")
	must(t, err)

	store, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	must(t, err)
	e, err := engine.New(store, engine.Options{})
	must(t, err)
	incidents, err := incident.New(e, incident.Options{})
	must(t, err)
	must(t, e.Migrate(ctx))

	clerk := itsm.Actor{Tenant: "shop", ID: "cleo", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	logged, err := Cancel(ctx, db, store, incidents, clerk, 7)
	must(t, err)
	got, err := incidents.Get(ctx, clerk, logged.ID)
	must(t, err)
	if got.Number != "INC0000001" {
		t.Error(got.Number)
	}

	// Nobody without a role cancels anything.
	if _, err := Cancel(ctx, db, store, incidents, itsm.Actor{Tenant: "shop", ID: "x"}, 8); err == nil {
		t.Error("logged without a role")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
