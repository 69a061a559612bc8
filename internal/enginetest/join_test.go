package enginetest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// host is a host with a table of its own beside the store's.
type host struct {
	*testing.T
	ctx   context.Context
	e     engine
	store *sqlstore.Store
	db    *sql.DB
}

// onEach runs a test of joined units on every engine.
func onEach(t *testing.T, test func(h *host)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			h := &host{T: t, ctx: timed(t), e: e}
			h.store, h.db = e.store(t, sqlstore.Options{}, incidents)
			_, err := h.db.ExecContext(h.ctx, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
			require.NoError(t, err)
			test(h)
		})
	}
}

// begin opens the host's transaction: on SQLite the way that a host should.
func (h *host) begin() *sql.Tx {
	h.Helper()
	tx, err := h.db.BeginTx(h.ctx, nil)
	require.NoError(h, err)
	h.Cleanup(func() { tx.Rollback() })
	return tx
}

func (h *host) order(tx *sql.Tx, id int) {
	h.Helper()
	_, err := tx.ExecContext(h.ctx, fmt.Sprintf("INSERT INTO orders (id) VALUES (%d)", id))
	require.NoError(h, err)
}

func (h *host) orders() (n int) {
	h.Helper()
	require.NoError(h, h.db.QueryRowContext(h.ctx, "SELECT COUNT(*) FROM orders").Scan(&n))
	return n
}

// open writes an incident with its event, job and number through a joined store.
func (h *host) open(s storage.Store, n int) error {
	return s.Update(h.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		row := incident(n)
		if err := tx.Put(ctx, incidents, &row); err != nil {
			return err
		}
		if _, err := tx.Next(ctx, "incident"); err != nil {
			return err
		}
		if err := tx.Lock(ctx, "desk"); err != nil {
			return err
		}
		return errors.Join(tx.Append(ctx, event(row)), tx.Enqueue(ctx, job(row)))
	})
}

func (h *host) events() int {
	h.Helper()
	n := 0
	require.NoError(h, h.store.View(h.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		events, err := r.Events(ctx, storage.EventQuery{Limit: 100})
		if err != nil {
			return err
		}
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 100})
		n = len(events)
		require.Len(h, jobs, n)
		return err
	}))
	return n
}

func TestJoinedUnitsAreCommittedByTheHost(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		joined := h.store.Join(tx)
		require.NoError(h, h.open(joined, 1))
		h.order(tx, 1)
		require.NoError(h, h.open(joined, 2))
		require.NoError(h, tx.Commit())

		require.Equal(h, int64(2), count(h.T, h.store, acme))
		require.Equal(h, 2, h.events())
		require.Equal(h, 1, h.orders())
	})
}

func TestJoinedUnitsGoWithTheHostsRollback(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		require.NoError(h, h.open(h.store.Join(tx), 1))
		h.order(tx, 1)
		require.NoError(h, tx.Rollback())

		require.Zero(h, count(h.T, h.store, acme))
		require.Zero(h, h.events())
		require.Zero(h, h.orders())
		require.NoError(h, h.open(h.store, 1), "the store works on")
	})
}

func TestAFailedJoinedUnitLeavesNothingInATransactionThatIsCommitted(t *testing.T) {
	errOurs := errors.New("ours")
	failures := map[string]func(ctx context.Context, tx storage.Tx) error{
		"an error of its own": func(context.Context, storage.Tx) error { return errOurs },
		"a conflict": func(ctx context.Context, tx storage.Tx) error {
			row := incident(1)
			return tx.Put(ctx, incidents, &row)
		},
		"an event's place that is taken": func(ctx context.Context, tx storage.Tx) error {
			row := incident(1)
			row.Version = 1
			return tx.Append(ctx, event(row))
		},
		"a table that is not there": func(ctx context.Context, tx storage.Tx) error {
			row := storage.Row{Meta: storage.Meta{ID: "1"}, Body: []byte("{}")}
			return tx.Put(ctx, mustSchema("missing", 1, nil, nil), &row)
		},
		"an engine's error that is passed over": func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Get(ctx, mustSchema("missing", 1, nil, nil), acme, "1")
			if err == nil {
				panic("there is such a table")
			}
			return nil
		},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(h *host) {
				tx := h.begin()
				joined := h.store.Join(tx)
				require.NoError(h, h.open(joined, 1))
				h.order(tx, 1)
				require.Error(h, joined.Update(h.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row := incident(2)
					require.NoError(h, tx.Put(ctx, incidents, &row))
					require.NoError(h, tx.Append(ctx, event(row)))
					require.NoError(h, tx.Enqueue(ctx, job(row)))
					return fail(ctx, tx)
				}))
				// The host goes on in the same transaction, on PostgreSQL too.
				h.order(tx, 2)
				require.NoError(h, h.open(joined, 3))
				require.NoError(h, tx.Commit())

				require.Equal(h, 2, h.orders())
				require.Equal(h, int64(2), count(h.T, h.store, acme))
				_, err := get(h.T, h.store, acme, incident(2).ID)
				require.ErrorIs(h, err, storage.ErrNotFound)
				require.Equal(h, 2, h.events())
			})
		})
	}
}

func TestAJoinedUnitThatPanicsLeavesNothing(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		joined := h.store.Join(tx)
		require.PanicsWithValue(h, "ours", func() {
			joined.Update(h.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				row := incident(1)
				require.NoError(h, tx.Put(ctx, incidents, &row))
				panic("ours")
			})
		})
		h.order(tx, 1)
		require.NoError(h, tx.Commit())
		require.Zero(h, count(h.T, h.store, acme))
		require.Equal(h, 1, h.orders())
	})
}

func TestAJoinedUnitWhoseContextEndsLeavesNothing(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		joined := h.store.Join(tx)
		ctx, cancel := context.WithCancel(h.ctx)
		err := joined.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			row := incident(1)
			require.NoError(h, tx.Put(ctx, incidents, &row))
			cancel()
			return nil
		})
		require.ErrorIs(h, err, context.Canceled)
		h.order(tx, 1)
		require.NoError(h, tx.Commit())
		require.Zero(h, count(h.T, h.store, acme))
		require.Equal(h, 1, h.orders())
	})
}

func TestJoinedStoresSeeWhatTheTransactionSees(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		joined := h.store.Join(tx)
		require.NoError(h, h.open(joined, 1))
		require.Equal(h, int64(1), count(h.T, joined, acme))
		row, err := get(h.T, joined, acme, incident(1).ID)
		require.NoError(h, err)
		require.NoError(h, joined.Update(h.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			return tx.Put(ctx, incidents, &row)
		}))
		require.Equal(h, int64(2), row.Version)
		require.NoError(h, tx.Rollback())
		require.Zero(h, count(h.T, h.store, acme))
	})
}

func TestJoinedUnitsNest(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		joined := h.store.Join(tx)
		require.NoError(h, joined.Update(h.ctx, acme, func(ctx context.Context, u storage.Tx) error {
			row := incident(1)
			require.NoError(h, u.Put(ctx, incidents, &row))
			require.ErrorIs(h, joined.Update(ctx, acme, func(context.Context, storage.Tx) error { return nil }), storage.ErrInvalid,
				"with the unit's context: use the Tx at hand")
			// With a context that is not the unit's, as from another tenant's command.
			require.Error(h, joined.Update(h.ctx, "umbra", func(ctx context.Context, u storage.Tx) error {
				row := incident(2)
				require.NoError(h, u.Put(ctx, incidents, &row))
				return errors.New("ours")
			}))
			require.NoError(h, joined.Update(h.ctx, "umbra", func(ctx context.Context, u storage.Tx) error {
				row := incident(3)
				return u.Put(ctx, incidents, &row)
			}))
			row = incident(4)
			return u.Put(ctx, incidents, &row)
		}))
		require.NoError(h, tx.Commit())
		require.Equal(h, int64(2), count(h.T, h.store, acme))
		require.Equal(h, int64(1), count(h.T, h.store, "umbra"))
	})
}

// Whatever stores a host joins to one transaction: a unit that fails takes back its own, and no other's.
func TestUnitsOfSeveralStoresNestInOneTransaction(t *testing.T) {
	onEach(t, func(h *host) {
		other, err := sqlstore.New(h.db, h.e.dialect, sqlstore.Options{Prefix: "other_", Volatile: true})
		require.NoError(h, err)
		require.NoError(h, other.Migrate(h.ctx, incidents))
		same, err := sqlstore.New(h.db, h.e.dialect, sqlstore.Options{Volatile: true})
		require.NoError(h, err)
		errOurs := errors.New("ours")
		joins := map[string]func(tx *sql.Tx) storage.Store{
			"the same store":                    func(tx *sql.Tx) storage.Store { return h.store.Join(tx) },
			"another over the same tables":      func(tx *sql.Tx) storage.Store { return same.Join(tx) },
			"another over other tables":         func(tx *sql.Tx) storage.Store { return other.Join(tx) },
			"the same in a transaction wrapped": func(tx *sql.Tx) storage.Store { return h.store.Join(wrapped{tx}) },
		}
		for name, join := range joins {
			for _, failing := range []string{"outer", "inner"} {
				tx := h.begin()
				h.order(tx, 1)
				err := h.store.Join(tx).Update(h.ctx, acme, func(ctx context.Context, u storage.Tx) error {
					row := incident(1)
					require.NoError(h, u.Put(ctx, incidents, &row))
					err := join(tx).Update(h.ctx, "umbra", func(ctx context.Context, u storage.Tx) error {
						row := incident(2)
						require.NoError(h, u.Put(ctx, incidents, &row))
						if failing == "inner" {
							return errOurs
						}
						return nil
					})
					if failing == "inner" {
						require.Equal(h, errOurs, err, name)
						return nil
					}
					require.NoError(h, err, name)
					return errOurs
				})
				if failing == "outer" {
					require.Equal(h, errOurs, err, name)
				} else {
					require.NoError(h, err, name)
				}
				// The host goes on, and what failed has left nothing.
				h.order(tx, 2)
				require.Equal(h, map[string]int64{"inner": 1}[failing], count(h.T, h.store.Join(tx), acme), name)
				require.Zero(h, count(h.T, h.store.Join(tx), "umbra"), name)
				require.Zero(h, count(h.T, other.Join(tx), "umbra"), name)
				require.NoError(h, tx.Rollback())
			}
		}
	})
}

// wrapped is a transaction as a library over database/sql has it, which no pointer tells from another.
type wrapped struct{ sqlstore.DBTX }

func TestAJoinedStoreNeverClaimsMigratesOrCloses(t *testing.T) {
	onEach(t, func(h *host) {
		tx := h.begin()
		joined := h.store.Join(tx)
		_, err := joined.Claim(h.ctx, storage.Claim{Now: noon, Lease: 1, Limit: 1})
		require.ErrorIs(h, err, storage.ErrInvalid)
		_, migrates := joined.(storage.Migrator)
		require.False(h, migrates)
		require.NoError(h, joined.Close())
		require.NoError(h, h.open(joined, 1))
		require.NoError(h, tx.Commit())
		require.Equal(h, int64(1), count(h.T, h.store, acme))
	})
}

func TestADatabaseIsNoTransactionToJoin(t *testing.T) {
	onEach(t, func(h *host) {
		require.ErrorIs(h, h.open(h.store.Join(h.db), 1), storage.ErrInvalid)
		require.ErrorIs(h, h.open(h.store.Join(nil), 1), storage.ErrInvalid)
	})
}

func TestNumbersOfJoinedUnitsAreNeverGivenTwice(t *testing.T) {
	onEach(t, func(h *host) {
		seen := map[int64]bool{}
		next := func(s storage.Store) {
			require.NoError(h, s.Update(h.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				n, err := tx.Next(ctx, "incident")
				require.False(h, seen[n], "%d came twice", n)
				seen[n] = true
				return err
			}))
		}
		for range 3 {
			next(h.store)
			tx := h.begin()
			joined := h.store.Join(tx)
			for range 60 {
				next(joined)
			}
			require.NoError(h, tx.Commit())
			next(h.store)
		}
	})
}

func TestASQLiteHostThatReadFirstMayHaveToTryAgain(t *testing.T) {
	onEach(t, func(h *host) {
		if h.e.dialect != sqlstore.SQLite {
			h.Skip("SQLite alone has one writer")
		}
		tx := h.begin()
		var n int
		require.NoError(h, tx.QueryRowContext(h.ctx, "SELECT COUNT(*) FROM orders").Scan(&n))
		put(h.T, h.store, acme, 1, 2) // another unit writes meanwhile
		err := h.open(h.store.Join(tx), 2)
		require.ErrorIs(h, err, storage.ErrRetry)
		require.NotContains(h, err.Error(), "locked", "the driver's text")
		require.NoError(h, tx.Rollback())

		tx = h.begin()
		require.NoError(h, h.open(h.store.Join(tx), 2), "a transaction that joins before it reads")
		require.NoError(h, tx.Commit())
		require.Equal(h, int64(2), count(h.T, h.store, acme))
	})
}

func TestAConnectionWithATransactionCanBeJoined(t *testing.T) {
	onEach(t, func(h *host) {
		conn, err := h.db.Conn(h.ctx)
		require.NoError(h, err)
		defer conn.Close()
		_, err = conn.ExecContext(h.ctx, "BEGIN")
		require.NoError(h, err)
		require.NoError(h, h.open(h.store.Join(conn), 1))
		_, err = conn.ExecContext(h.ctx, "COMMIT")
		require.NoError(h, err)
		require.Equal(h, int64(1), count(h.T, h.store, acme))
	})
}

// TestASerializableHostIsToldToTryAgain has two of a host's transactions change one record, both
// having seen it as it was.
func TestASerializableHostIsToldToTryAgain(t *testing.T) {
	ctx := timed(t)
	s, db := postgreSQL.store(t, sqlstore.Options{}, incidents)
	put(t, s, acme, 1, 2)
	begin := func() (*sql.Tx, storage.Row) {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
		require.NoError(t, err)
		t.Cleanup(func() { tx.Rollback() })
		row, err := get(t, s.Join(tx), acme, incident(1).ID)
		require.NoError(t, err)
		return tx, row
	}
	change := func(tx *sql.Tx, row storage.Row) error {
		return s.Join(tx).Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error { return tx.Put(ctx, incidents, &row) })
	}
	one, first := begin()
	two, second := begin()
	require.NoError(t, change(one, first))
	require.NoError(t, one.Commit())
	require.ErrorIs(t, change(two, second), storage.ErrRetry)
	require.NoError(t, two.Rollback())
	row, err := get(t, s, acme, incident(1).ID)
	require.NoError(t, err)
	require.Equal(t, int64(2), row.Version)
}

// A host that has read at REPEATABLE READ, which is the default of MySQL, sees nothing that others have committed since: who
// has a value is found out all the same.
func TestAValueThatWasTakenAfterTheHostsSnapshotIsTaken(t *testing.T) {
	people := mustSchema("person", 1, []storage.ColumnSpec{{Name: "email", Kind: storage.Text}, {Name: "name", Kind: storage.Text}},
		[]storage.Index{{Columns: []storage.Order{{Column: "email"}}, Unique: true}})
	person := func(id storage.ID, email string) storage.Row {
		return storage.Row{Meta: storage.Meta{ID: id, Created: noon, Updated: noon}, Columns: []any{email, string(id)}, Body: []byte("{}")}
	}
	for _, e := range engines {
		if e.dialect == sqlstore.SQLite {
			continue // a transaction that has read cannot write after another
		}
		t.Run(e.name, func(t *testing.T) {
			ctx := timed(t)
			s, db := e.store(t, sqlstore.Options{}, people)
			put := func(s storage.Store, rows ...storage.Row) error {
				return s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					of := make([]*storage.Row, len(rows))
					for i := range rows {
						of[i] = &rows[i]
					}
					return tx.Put(ctx, people, of...)
				})
			}
			restore := func(s storage.Store, rows ...storage.Row) error {
				return s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					for i := range rows {
						rows[i].Version, rows[i].Layout = 1, 1
					}
					return tx.Restore(ctx, people, rows...)
				})
			}
			n := 0
			for name, c := range map[string]struct {
				put   func(s storage.Store, rows ...storage.Row) error
				taken bool
				rows  func(of storage.Row) []storage.Row
			}{
				"one": {put, true, func(of storage.Row) []storage.Row { return []storage.Row{person("new", of.Columns[0].(string))} }},
				"several": {put, true, func(of storage.Row) []storage.Row {
					return []storage.Row{person("a", "a"), person("new", of.Columns[0].(string))}
				}},
				"one of another store's":  {restore, true, func(of storage.Row) []storage.Row { return []storage.Row{person("new", of.Columns[0].(string))} }},
				"a record that was there": {put, false, func(of storage.Row) []storage.Row { return []storage.Row{person(of.ID, "another")} }},
			} {
				tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
				require.NoError(t, err)
				joined := s.Join(tx)
				require.NoError(t, joined.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					_, err := r.Query(ctx, people, storage.RowQuery{Limit: 1})
					return err
				}))
				n++
				there := person(storage.ID(fmt.Sprint("there", n)), fmt.Sprint("e", n))
				require.NoError(t, put(s, there))
				err = c.put(joined, c.rows(there)...)
				switch {
				case e.dialect == sqlstore.PostgreSQL: // which refuses it as a serialization failure
					require.ErrorIs(t, err, storage.ErrRetry, name)
				case c.taken:
					var taken *storage.TakenError
					require.ErrorAs(t, err, &taken, name)
					require.Equal(t, []string{"email"}, taken.Columns, name)
					require.NotErrorIs(t, err, storage.ErrConflict, name)
				default:
					require.ErrorIs(t, err, storage.ErrConflict, name)
				}
				require.NoError(t, tx.Rollback())
			}
		})
	}
}
