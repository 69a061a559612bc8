// Command embed is a shop that embeds incidents: its own users, its own tables, its own *sql.DB and
// its own transactions. go run ./examples/embed
package main

import (
	"context"
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite" // the shop's own choice of driver

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

type shop struct {
	db    *sql.DB
	store *sqlstore.Store
	desk  *servicedesk.Desk
}

// actor is the shop's user as the desk knows them: the shop says who they are and what they may do.
func (s *shop) actor(ctx context.Context, user int) (a itsm.Actor, err error) {
	a = itsm.Actor{Tenant: "shop", Roles: make([]itsm.RoleName, 1)}
	err = s.db.QueryRowContext(ctx, "SELECT login, name, role FROM users WHERE id = ?", user).Scan(&a.ID, &a.Name, &a.Roles[0])
	return a, err
}

// complain stops an order and logs an incident about it: both, or neither.
func (s *shop) complain(ctx context.Context, user, order int, text string) (logged incident.Incident, err error) {
	customer, err := s.actor(ctx, user)
	if err != nil {
		return logged, err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return logged, err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after a commit
	if _, err := tx.ExecContext(ctx, "UPDATE orders SET stopped = 1 WHERE id = ?", order); err != nil {
		return logged, err
	}
	logged, err = s.desk.In(s.store.Join(tx)).Incidents.Log(ctx, customer, incident.Report{Title: text, Requester: customer.ID, Channel: incident.ChannelPortal})
	if err != nil {
		return logged, err
	}
	return logged, tx.Commit()
}

func main() {
	ctx := context.Background()
	db := must(sql.Open("sqlite", "file:shop?mode=memory&cache=shared&_txlock=immediate&_pragma=busy_timeout(5000)"))
	defer db.Close()
	must(db.ExecContext(ctx, `CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT, name TEXT, role TEXT);
		CREATE TABLE orders (id INTEGER PRIMARY KEY, stopped INTEGER NOT NULL DEFAULT 0);
		INSERT INTO users VALUES (1, 'rosa', 'Rosa', 'requester'), (2, 'ada', 'Ada', 'service_desk_analyst');
		INSERT INTO orders (id) VALUES (7)`))
	s := &shop{db: db, store: must(sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Volatile: true}))} // in memory: nothing to flush
	s.desk = must(servicedesk.New(s.store, servicedesk.Config{}))
	must(0, s.desk.Migrate(ctx))

	_, err := s.complain(ctx, 1, 7, "") // refused, and the order goes on
	fmt.Println(err)
	logged := must(s.complain(ctx, 1, 7, "Order 7 came without the cable"))
	ada := must(s.actor(ctx, 2))
	must(s.desk.Incidents.Resolve(ctx, ada, logged.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "A cable was sent."}))
	var stopped int // with the shop's own SQL, over its own table and the desk's
	must(0, db.QueryRowContext(ctx, "SELECT stopped FROM orders WHERE id = 7").Scan(&stopped))
	fmt.Println(logged.Number, must(s.desk.Incidents.Get(ctx, ada, logged.ID)).State, "order stopped:", stopped)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
