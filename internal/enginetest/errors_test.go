package enginetest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// The shapes in which drivers tell the engine's code: pgx and lib/pq by a method SQLState,
// modernc by a method Code, mattn and ncruces by SQLite's text alone, go-sql-driver/mysql by the
// number in its text.
type (
	stateError  string
	codeError   int
	numberError string
)

func (e numberError) Error() string { return "Error " + string(e) + ": secret text" }

func (e stateError) Error() string    { return "secret text: " + string(e) }
func (e stateError) SQLState() string { return string(e) }
func (e codeError) Error() string     { return "secret text" }
func (e codeError) Code() int         { return int(e) }

// unsentError is how pgx says that nothing was sent, which for a commit need not be true.
type unsentError struct{ error }

func (unsentError) SafeToRetry() bool { return true }

func TestErrorsOfTheEngineSayWhatToDo(t *testing.T) {
	none := errors.New("none of the sentinels")
	cases := []struct {
		name   string
		only   sqlstore.Dialect
		err    error
		run    error // what it means in the middle of a unit
		commit error // what it means for a commit
	}{
		{"serialization failure", sqlstore.PostgreSQL, stateError("40001"), storage.ErrRetry, storage.ErrRetry},
		{"deadlock", sqlstore.PostgreSQL, stateError("40P01"), storage.ErrRetry, storage.ErrRetry},
		{"completion unknown", sqlstore.PostgreSQL, stateError("40003"), none, storage.ErrUnknownOutcome},
		{"lock timeout", sqlstore.PostgreSQL, stateError("55P03"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"connection failure", sqlstore.PostgreSQL, stateError("08006"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"server shutting down", sqlstore.PostgreSQL, stateError("57P01"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"deferred constraint", sqlstore.PostgreSQL, stateError("23503"), none, none},
		{"aborted transaction", sqlstore.PostgreSQL, stateError("25P02"), none, none},
		{"syntax error", sqlstore.PostgreSQL, stateError("42601"), none, storage.ErrUnknownOutcome},
		{"busy", sqlstore.SQLite, codeError(5), storage.ErrRetry, storage.ErrRetry},
		{"busy snapshot", sqlstore.SQLite, codeError(517), storage.ErrRetry, storage.ErrRetry},
		{"table locked", sqlstore.SQLite, codeError(6), storage.ErrRetry, storage.ErrRetry},
		{"disk full", sqlstore.SQLite, codeError(13), none, none},
		{"constraint", sqlstore.SQLite, codeError(787), none, none},
		{"disk I/O", sqlstore.SQLite, codeError(10), none, storage.ErrUnknownOutcome},
		{"busy as text", sqlstore.SQLite, errors.New("database is locked"), storage.ErrRetry, storage.ErrRetry},
		{"table locked as text", sqlstore.SQLite, errors.New("sqlite3: database table is locked: itsm_incident"), storage.ErrRetry, storage.ErrRetry},
		{"disk full as text", sqlstore.SQLite, errors.New("database or disk is full"), none, none},
		{"another text", sqlstore.SQLite, errors.New("disk I/O error"), none, storage.ErrUnknownOutcome},
		{"a deadlock or certification failure", sqlstore.MySQL, numberError("1213 (40001)"), storage.ErrRetry, storage.ErrRetry},
		{"a deadlock as older drivers tell it", sqlstore.MySQL, numberError("1213"), storage.ErrRetry, storage.ErrRetry},
		{"a lock wait timeout", sqlstore.MySQL, numberError("1205 (HY000)"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a node that is not ready", sqlstore.MySQL, numberError("1047 (08S01)"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a failure of a commit", sqlstore.MySQL, numberError("1180 (HY000)"), none, storage.ErrUnknownOutcome},
		{"too many connections of MySQL", sqlstore.MySQL, numberError("1040 (08004)"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a table that was changed", sqlstore.MySQL, numberError("1412 (HY000)"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a killed connection", sqlstore.MySQL, mysql.ErrInvalidConn, storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a deadlock of the driver's type", sqlstore.MySQL, fmt.Errorf("wrapped: %w", &mysql.MySQLError{Number: 1213, SQLState: [5]byte{'4', '0', '0', '0', '1'}, Message: "Deadlock found"}), storage.ErrRetry, storage.ErrRetry},
		{"a syntax error of MySQL", sqlstore.MySQL, numberError("1064 (42000)"), none, storage.ErrUnknownOutcome},
		{"a number that is data", sqlstore.MySQL, errors.New("no Error 1213 (40001): at all"), none, storage.ErrUnknownOutcome},
		{"a server that prepares no more statements", sqlstore.MySQL, numberError("1461 (42000)"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a MySQL server that only reads", sqlstore.MySQL, numberError("1290 (HY000)"), storage.ErrRetry, storage.ErrRetry},
		{"an InnoDB that only reads", sqlstore.MySQL, numberError("1836 (HY000)"), storage.ErrRetry, storage.ErrUnknownOutcome},
		{"an index that is not there", sqlstore.MySQL, numberError("1176 (42000)"), storage.ErrInvalid, storage.ErrUnknownOutcome},
		{"a lost connection", 0, driver.ErrBadConn, storage.ErrRetry, storage.ErrUnknownOutcome},
		{"an end in the middle", 0, io.ErrUnexpectedEOF, storage.ErrRetry, storage.ErrUnknownOutcome},
		{"a network error", 0, &net.OpError{Op: "read", Err: errors.New("connection reset")}, storage.ErrRetry, storage.ErrUnknownOutcome},
		{"what was not sent", 0, unsentError{errors.New("not sent")}, storage.ErrRetry, storage.ErrUnknownOutcome}, // pgx says so too easily
		{"a server that only reads", sqlstore.PostgreSQL, stateError("25006"), storage.ErrRetry, storage.ErrRetry},
		{"something else", 0, errors.New("something else"), none, storage.ErrUnknownOutcome},
	}
	check := func(t *testing.T, err, want, cause error) {
		t.Helper()
		require.Error(t, err)
		for _, sentinel := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrRetry, storage.ErrInvalid, storage.ErrUnknownOutcome} {
			require.Equal(t, sentinel == want, errors.Is(err, sentinel), "%v is %v", err, sentinel)
		}
		require.ErrorIs(t, err, cause, "the driver's error is kept inside")
		require.NotContains(t, err.Error(), cause.Error(), "and not told")
		var typed *storage.Error
		require.ErrorAs(t, err, &typed)
		require.NotEmpty(t, typed.Op)
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			write := func() error {
				return s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
					row := incident(1)
					return tx.Put(ctx, incidents, &row)
				})
			}
			read := func() error {
				return s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					_, err := r.Get(ctx, incidents, acme, incident(1).ID)
					return err
				})
			}
			failing := func(prefix string, err error) {
				p.setFail(func(text string) error {
					if strings.HasPrefix(text, prefix) {
						return err
					}
					return nil
				})
			}
			for _, c := range cases {
				if c.only != 0 && c.only != e.dialect {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					defer p.setFail(nil)
					failing(`INSERT INTO "itsm_incident"`, c.err)
					check(t, write(), c.run, c.err)
					failing(`SELECT "tenant", "id"`, c.err)
					check(t, read(), c.run, c.err)
					if c.err != driver.ErrBadConn { // for which database/sql tries another connection
						failing("BEGIN", c.err)
						check(t, write(), c.run, c.err)
						check(t, read(), c.run, c.err)
					}
					failing("COMMIT", c.err)
					check(t, write(), c.commit, c.err)
					p.setFail(nil)
					require.ErrorIs(t, read(), storage.ErrNotFound, "nothing was written, and the store works on")
				})
			}
		})
	}
}

func TestACommitWhoseAnswerIsLostMayHaveHappened(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			p.mu.Lock()
			p.after = func(text string) error {
				if text == "COMMIT" {
					return io.ErrUnexpectedEOF
				}
				return nil
			}
			p.mu.Unlock()
			err := s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				row := incident(1)
				return tx.Put(ctx, incidents, &row)
			})
			require.ErrorIs(t, err, storage.ErrUnknownOutcome)
			require.NotErrorIs(t, err, storage.ErrRetry)
			p.mu.Lock()
			p.after = nil
			p.mu.Unlock()
			_, err = get(t, s, acme, incident(1).ID)
			require.NoError(t, err, "it did happen")
		})
	}
}

func TestAfterAnErrorOfTheEngineAUnitCommitsNothing(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			failure := errors.New("disk I/O error")
			p.setFail(func(text string) error {
				if strings.HasPrefix(text, `INSERT INTO "itsm__event"`) {
					return failure
				}
				return nil
			})
			err := s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				row := incident(1)
				require.NoError(t, tx.Put(ctx, incidents, &row))
				first := tx.Append(ctx, event(row))
				require.ErrorIs(t, first, failure)
				row = incident(2)
				require.Equal(t, first, tx.Put(ctx, incidents, &row), "nothing more is done")
				return nil // the function passes over it
			})
			require.ErrorIs(t, err, failure)
			require.Zero(t, count(t, s, acme))
		})
	}
}

func TestAnEndedContextIsTheErrorWhateverTheDriverSays(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{}, incidents)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			late, cancelLate := context.WithDeadline(t.Context(), time.Unix(1, 0))
			defer cancelLate()
			for want, ctx := range map[error]context.Context{context.Canceled: ended, context.DeadlineExceeded: late} {
				check := func(err error) {
					t.Helper()
					require.ErrorIs(t, err, want)
					require.NotErrorIs(t, err, storage.ErrRetry)
					require.NotErrorIs(t, err, storage.ErrUnknownOutcome)
				}
				check(s.Update(ctx, acme, func(context.Context, storage.Tx) error { return nil }))
				check(s.View(ctx, []storage.Tenant{acme}, func(context.Context, storage.Reader) error { return nil }))
				_, err := s.Claim(ctx, storage.Claim{Now: noon, Lease: time.Minute, Limit: 1})
				check(err)
				check(s.Update(t.Context(), acme, func(_ context.Context, tx storage.Tx) error {
					row := incident(1)
					return tx.Put(ctx, incidents, &row)
				}))
				check(s.Migrate(ctx, incidents))
			}
			// The pool is whole.
			put(t, s, acme, 1, 2)
		})
	}
}

// TestABusyCommitLeavesTheConnectionClean has a commit find the database locked by a reader, as
// it can without WAL: the unit did not happen, and its connection goes back without it.
func TestABusyCommitLeavesTheConnectionClean(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		if e.dialect != sqlstore.SQLite {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			ctx := timed(t)
			path := fileURL(t, nil)
			db, reader := e.db(t, path), e.db(t, path)
			db.SetMaxOpenConns(1)
			s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(ctx, incidents))

			rows, err := reader.QueryContext(ctx, `SELECT name FROM sqlite_schema`)
			require.NoError(t, err)
			require.True(t, rows.Next())
			write := func() error {
				return s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row := incident(1)
					return tx.Put(ctx, incidents, &row)
				})
			}
			require.ErrorIs(t, write(), storage.ErrRetry)
			require.NoError(t, rows.Close())
			require.Zero(t, count(t, s, acme))
			require.NoError(t, write())
			require.Equal(t, int64(1), count(t, s, acme))
		})
	}
}

// TestADeadlockIsToBeTriedAgain has two units lock two names in opposite orders.
func TestADeadlockIsToBeTriedAgain(t *testing.T) {
	for _, e := range engines {
		if e.dialect != sqlstore.SQLite { // which has one writer
			t.Run(e.name, func(t *testing.T) { deadlock(t, e) })
		}
	}
}

func deadlock(t *testing.T, e engine) {
	ctx := timed(t)
	s, _ := e.store(t, sqlstore.Options{}, incidents)
	both := make(chan struct{}, 2)
	errs := make(chan error, 2)
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		go func() {
			errs <- s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				if err := tx.Lock(ctx, names[0]); err != nil {
					return err
				}
				both <- struct{}{}
				for len(both) < 2 {
					time.Sleep(time.Millisecond)
				}
				return tx.Lock(ctx, names[1])
			})
		}()
	}
	first, second := <-errs, <-errs
	if first == nil {
		first, second = second, first
	}
	require.ErrorIs(t, first, storage.ErrRetry)
	require.NoError(t, second)
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	db := sqliteC.db(t, sqliteC.empty(t))
	for name, make := range map[string]func() (*sqlstore.Store, error){
		"no database": func() (*sqlstore.Store, error) { return sqlstore.New(nil, sqlstore.SQLite, sqlstore.Options{}) },
		"no dialect":  func() (*sqlstore.Store, error) { return sqlstore.New(db, 0, sqlstore.Options{}) },
		"a quote": func() (*sqlstore.Store, error) {
			return sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Prefix: `a"`})
		},
		"a capital": func() (*sqlstore.Store, error) {
			return sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Prefix: "A"})
		},
		"a digit first": func() (*sqlstore.Store, error) {
			return sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Prefix: "1a"})
		},
		"two underscores": func() (*sqlstore.Store, error) {
			return sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Prefix: "a__"})
		},
		"a long prefix": func() (*sqlstore.Store, error) {
			return sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Prefix: strings.Repeat("a", 21)})
		},
		"a negative block": func() (*sqlstore.Store, error) {
			return sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{SequenceBlock: -1})
		},
	} {
		s, err := make()
		require.ErrorIs(t, err, storage.ErrInvalid, name)
		require.Nil(t, s)
	}
	var faults *storage.ValidationError
	_, err := sqlstore.New(nil, 9, sqlstore.Options{Prefix: "A", SequenceBlock: -1})
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults.Faults, 4, "every fault at once")
}

func TestStoresOfDifferentPrefixesHaveNothingInCommon(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			db := e.db(t, e.empty(t))
			var stores []*sqlstore.Store
			for _, prefix := range []string{"a_", "b"} {
				s, err := sqlstore.New(db, e.dialect, sqlstore.Options{Prefix: prefix})
				require.NoError(t, err)
				require.NoError(t, s.Migrate(t.Context(), incidents))
				stores = append(stores, s)
			}
			put(t, stores[0], acme, 0, 3)
			require.Equal(t, int64(3), count(t, stores[0], acme))
			require.Zero(t, count(t, stores[1], acme))
			require.NoError(t, stores[0].Close())
			put(t, stores[1], acme, 0, 1)
			require.NoError(t, stores[1].Close())
			require.NoError(t, db.Ping(), "the database stays open")
			var n int
			require.NoError(t, db.QueryRow(e.sql(`SELECT COUNT(*) FROM "a_incident"`)).Scan(&n))
			require.Equal(t, 3, n)
			require.NotErrorIs(t, db.Ping(), sql.ErrConnDone)
		})
	}
}
