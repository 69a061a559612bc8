package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// TestEveryOperationIsFewStatements counts what reaches the driver. On SQLite a unit begins with
// a statement that makes it the writer.
func TestEveryOperationIsFewStatements(t *testing.T) {
	update := func(fn func(ctx context.Context, tx storage.Tx) error) func(*sqlstore.Store) error {
		return func(s *sqlstore.Store) error { return s.Update(context.Background(), acme, fn) }
	}
	view := func(fn func(ctx context.Context, r storage.Reader) error) func(*sqlstore.Store) error {
		return func(s *sqlstore.Store) error { return s.View(context.Background(), []storage.Tenant{acme}, fn) }
	}
	n := 0
	fresh := func() storage.Row { n++; return incident(n) }
	old := incident(1_000_000)
	var claimed storage.Job
	cases := []struct {
		name                      string
		run                       func(*sqlstore.Store) error
		sqlite, postgreSQL, mySQL int
	}{
		{"a command of a record, an event and a job", update(func(ctx context.Context, tx storage.Tx) error {
			row := fresh()
			if err := tx.Put(ctx, incidents, &row); err != nil {
				return err
			}
			if err := tx.Append(ctx, event(row)); err != nil {
				return err
			}
			return tx.Enqueue(ctx, job(row))
		}), 4, 3, 3},
		{"reading and writing a record again", update(func(ctx context.Context, tx storage.Tx) error {
			row, err := tx.Get(ctx, incidents, acme, old.ID)
			if err != nil {
				return err
			}
			return tx.Put(ctx, incidents, &row)
		}), 3, 2, 2},
		{"a hundred events", update(func(ctx context.Context, tx storage.Tx) error {
			row := fresh()
			row.Version = 1
			events := make([]storage.Event, 100)
			for i := range events {
				events[i] = event(row)
				events[i].N = i
			}
			return tx.Append(ctx, events...)
		}), 2, 1, 1},
		{"a hundred jobs", update(func(ctx context.Context, tx storage.Tx) error {
			jobs := make([]storage.Job, 100)
			for i := range jobs {
				jobs[i] = job(fresh())
			}
			return tx.Enqueue(ctx, jobs...)
		}), 2, 1, 1},
		{"a lock twice", update(func(ctx context.Context, tx storage.Tx) error {
			if err := tx.Lock(ctx, "desk"); err != nil {
				return err
			}
			return tx.Lock(ctx, "desk")
		}), 1, 1, 1},
		{"a number of a reserved block", update(func(ctx context.Context, tx storage.Tx) error {
			_, err := tx.Next(ctx, "incident")
			return err
		}), 1, 0, 0},
		{"a job cancelled", update(func(ctx context.Context, tx storage.Tx) error { return tx.Cancel(ctx, "sla.timer", "none") }), 2, 1, 1},
		{"a record deleted", update(func(ctx context.Context, tx storage.Tx) error {
			row := fresh()
			if err := tx.Put(ctx, incidents, &row); err != nil {
				return err
			}
			return tx.Delete(ctx, incidents, row.ID, 1)
		}), 3, 2, 2},
		{"a record read", view(func(ctx context.Context, r storage.Reader) error {
			_, err := r.Get(ctx, incidents, acme, old.ID)
			return err
		}), 1, 1, 1},
		{"a page and its count", view(func(ctx context.Context, r storage.Reader) error {
			if _, err := r.Query(ctx, incidents, storage.RowQuery{Limit: 50}); err != nil {
				return err
			}
			_, err := r.Count(ctx, incidents, storage.Condition{}, []string{"state"})
			return err
		}), 2, 2, 2},
		{"the secret of cursors, known already", view(func(ctx context.Context, r storage.Reader) error {
			_, err := r.CursorKey(ctx)
			return err
		}), 0, 0, 0},
		{"a page of events", view(func(ctx context.Context, r storage.Reader) error {
			_, err := r.Events(ctx, storage.EventQuery{Limit: 50})
			return err
		}), 1, 1, 1},
		{"a claim of nothing", func(s *sqlstore.Store) error {
			_, err := s.Claim(context.Background(), storage.Claim{Now: noon.Add(-time.Hour), Lease: time.Minute, Limit: 10})
			return err
		}, 1, 1, 1},
		// Is there anything, which tenants, which jobs, their subjects locked, and looked at again as they are
		// taken. SQLite, where nobody else writes, finds and takes them at once. On MariaDB they are looked at apart, and the locks are rows that are looked for, and the first time made.
		{"a claim of one tenant's jobs", func(s *sqlstore.Store) error {
			jobs, err := s.Claim(context.Background(), storage.Claim{Now: noon.Add(9 * time.Hour), Lease: time.Hour, Limit: 10})
			if len(jobs) != 10 {
				return fmt.Errorf("%d jobs were claimed", len(jobs))
			}
			claimed = jobs[0]
			return err
		}, 4, 5, 8},
		{"a claimed job done", update(func(ctx context.Context, tx storage.Tx) error {
			err := tx.Finish(ctx, claimed, storage.Outcome{Done: true})
			claimed.Key = "" // only once
			return err
		}), 2, 1, 1},
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			put(t, s, acme, 1_000_000, 1_000_001)
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				_, err := tx.Next(ctx, "incident")
				return err
			}))
			require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
				_, err := r.CursorKey(ctx)
				return err
			}))
			for _, c := range cases {
				p.statements()
				require.NoError(t, c.run(s), c.name)
				want := c.sqlite
				switch e.dialect {
				case sqlstore.PostgreSQL:
					want = c.postgreSQL
				case sqlstore.MySQL:
					want = c.mySQL
				}
				ran := p.statements()
				require.Len(t, ran, want, "%s:\n%s", c.name, strings.Join(ran, "\n"))
			}
		})
	}
}

func TestStatementsArePreparedOnceWhereThatHelps(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			p := &tap{}
			db := p.db(t, e, dsn)
			db.SetMaxOpenConns(1)
			run := func(o sqlstore.Options) (prepared int) {
				s, err := sqlstore.New(db, e.dialect, o)
				require.NoError(t, err)
				defer s.Close()
				require.NoError(t, s.Migrate(t.Context(), incidents))
				p.mu.Lock()
				p.seen = nil
				p.mu.Unlock()
				for range 20 {
					require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
						row := incident(1)
						if err := tx.Put(ctx, incidents, &row); err != nil {
							return err
						}
						return tx.Delete(ctx, incidents, row.ID, 1)
					}))
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				for _, text := range p.seen {
					if strings.HasPrefix(text, "PREPARE ") {
						prepared++
					}
				}
				return prepared
			}
			require.Equal(t, map[sqlstore.Dialect]int{sqlstore.SQLite: 3, sqlstore.PostgreSQL: 0, sqlstore.MySQL: 2}[e.dialect], run(sqlstore.Options{}))
			require.Zero(t, run(sqlstore.Options{Statements: -1}))
			require.Equal(t, map[sqlstore.Dialect]int{sqlstore.SQLite: 3, sqlstore.PostgreSQL: 2, sqlstore.MySQL: 2}[e.dialect], run(sqlstore.Options{Statements: 10}))
		})
	}
}

// TestManyShapesOfStatementsAreForgotten runs more texts than are kept, from several goroutines,
// so that statements are dropped while others use them.
func TestManyShapesOfStatementsAreForgotten(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{Statements: 3}, incidents)
			put(t, s, acme, 0, 20)
			errs := make(chan error)
			for g := range 4 {
				go func() {
					errs <- func() error {
						for i := range 60 {
							err := s.View(context.Background(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
								limit := (i+g)%7 + 1
								for range 3 {
									rows, err := r.Query(ctx, incidents, storage.RowQuery{Limit: limit})
									if err != nil || len(rows) != limit {
										return fmt.Errorf("%d of %d rows: %w", len(rows), limit, err)
									}
								}
								return nil
							})
							if err != nil {
								return err
							}
						}
						return nil
					}()
				}()
			}
			for range 4 {
				require.NoError(t, <-errs)
			}
		})
	}
}

// isLock says that a statement locks a name.
func isLock(text string) bool {
	return strings.Contains(text, "advisory") || strings.HasPrefix(text, `INSERT INTO "itsm__lock"`)
}
