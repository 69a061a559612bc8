package enginetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// The benchmarks run the store beside SQL written by hand, in one database, over tables of one
// form, at three sizes. By hand means database/sql as it is used without a library: "hand" passes
// the text each time, "prepared" prepares its statements once.

var sizes = []int{1_000, 10_000, 100_000}

// bench is a database with incidents in it.
type bench struct {
	e     engine
	store *sqlstore.Store
	db    *sql.DB
	next  int
}

func newBench(b *testing.B, e engine, size int) *bench {
	b.Helper()
	dsn := e.empty(b)
	if e.driver == "sqlite" {
		dsn += "&_txlock=immediate"
	}
	if e.driver == "sqlite3" {
		dsn += "&_txlock=immediate"
	}
	db := e.db(b, dsn)
	s, err := sqlstore.New(db, e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(b, err)
	b.Cleanup(func() { s.Close() })
	require.NoError(b, s.Migrate(context.Background(), incidents))
	put(b, s, acme, 0, size)
	_, err = db.Exec("ANALYZE")
	require.NoError(b, err)
	return &bench{e: e, store: s, db: db, next: size}
}

// onSizes runs a benchmark on every engine at every size.
func onSizes(b *testing.B, run func(b *testing.B, f *bench)) {
	for _, e := range engines {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/%d", e.name, size), func(b *testing.B) { run(b, newBench(b, e, size)) })
		}
	}
}

// bind writes placeholders as the engine wants them.
func (f *bench) bind(text string) string {
	if f.e.dialect == sqlstore.SQLite {
		return text
	}
	parts := strings.Split(text, "?")
	var out strings.Builder
	for i, p := range parts[:len(parts)-1] {
		fmt.Fprintf(&out, "%s$%d", p, i+1)
	}
	return out.String() + parts[len(parts)-1]
}

const (
	insertIncident = `INSERT INTO itsm_incident (tenant, id, version, created, updated, layout, number, title, state, open, priority, impact, urgency,
		caller, assignee, team, service, category, major, due, resolved, reopened, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	insertEvent = `INSERT INTO itsm__event (tenant, kind, record, version, n, id, type, at, envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	insertJob   = `INSERT INTO itsm__job (tenant, kind, key, subject, due, ready, dead, generation, attempts, lease, token, error, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateIncident = `UPDATE itsm_incident SET version = ?, created = ?, updated = ?, layout = ?, number = ?, title = ?, state = ?, open = ?, priority = ?,
		impact = ?, urgency = ?, caller = ?, assignee = ?, team = ?, service = ?, category = ?, major = ?, due = ?, resolved = ?, reopened = ?, body = ?
		WHERE tenant = ? AND id = ? AND version = ?`
	selectIncident = `SELECT version, created, updated, layout, number, title, state, open, priority, impact, urgency,
		caller, assignee, team, service, category, major, due, resolved, reopened, body FROM itsm_incident WHERE tenant = ? AND id = ?`
	selectPage = `SELECT id, version, created, updated, layout, number, title, state, open, priority, impact, urgency,
		caller, assignee, team, service, category, major, due, resolved, reopened FROM itsm_incident
		WHERE tenant = ? AND open = ? AND (priority, created, id) > (?, ?, ?) ORDER BY priority, created, id LIMIT 50`
)

func incidentArgs(row storage.Row) []any {
	args := []any{string(acme), string(row.ID), int64(1), row.Created.UnixMicro(), row.Updated.UnixMicro(), int64(1)}
	return append(append(args, row.Columns...), string(row.Body))
}

func eventArgs(ev storage.Event) []any {
	return []any{string(acme), ev.Kind, string(ev.Record), ev.Version, int64(ev.N), string(ev.ID), ev.Type, ev.At.UnixMicro(), string(ev.Envelope)}
}

func jobArgs(j storage.Job) []any {
	due := j.Due.UnixMicro()
	return []any{string(acme), j.Kind, j.Key, j.Subject, due, due, false, int64(1), int64(0), int64(0), "", "", string(j.Payload)}
}

// statements runs texts in a transaction, prepared or not.
type statements struct {
	db       *sql.DB
	prepared map[string]*sql.Stmt
}

func (f *bench) prepared(b *testing.B, texts ...string) *statements {
	b.Helper()
	s := &statements{db: f.db, prepared: map[string]*sql.Stmt{}}
	for _, text := range texts {
		st, err := f.db.Prepare(f.bind(text))
		require.NoError(b, err)
		b.Cleanup(func() { st.Close() })
		s.prepared[f.bind(text)] = st
	}
	return s
}

func (s *statements) exec(ctx context.Context, tx *sql.Tx, text string, args []any) error {
	var res sql.Result
	var err error
	if st := s.prepared[text]; st != nil {
		res, err = tx.StmtContext(ctx, st).ExecContext(ctx, args...)
	} else {
		res, err = tx.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows", n)
	}
	return err
}

// BenchmarkCommand writes a record, an event and a job in a transaction.
func BenchmarkCommand(b *testing.B) {
	onSizes(b, func(b *testing.B, f *bench) {
		ctx := context.Background()
		byHand := func(s *statements) func(b *testing.B) {
			incident1, event1, job1 := f.bind(insertIncident), f.bind(insertEvent), f.bind(insertJob)
			return func(b *testing.B) {
				for b.Loop() {
					row := incident(f.next)
					f.next++
					row.Version = 1
					tx, err := f.db.BeginTx(ctx, nil)
					if err == nil {
						err = s.exec(ctx, tx, incident1, incidentArgs(row))
					}
					if err == nil {
						err = s.exec(ctx, tx, event1, eventArgs(event(row)))
					}
					if err == nil {
						err = s.exec(ctx, tx, job1, jobArgs(job(row)))
					}
					if err == nil {
						err = tx.Commit()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		b.Run("store", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := f.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row := incident(f.next)
					f.next++
					if err := tx.Put(ctx, incidents, &row); err != nil {
						return err
					}
					if err := tx.Append(ctx, event(row)); err != nil {
						return err
					}
					return tx.Enqueue(ctx, job(row))
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("hand", byHand(&statements{db: f.db}))
		b.Run("prepared", byHand(f.prepared(b, insertIncident, insertEvent, insertJob)))
	})
}

// BenchmarkChange reads a record, changes its state and writes it with an event.
func BenchmarkChange(b *testing.B) {
	onSizes(b, func(b *testing.B, f *bench) {
		ctx := context.Background()
		n := 0
		next := func() storage.ID { n++; return incident(n * 7919 % f.next).ID }
		b.Run("store", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				id := next()
				err := f.store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row, err := tx.Get(ctx, incidents, acme, id)
					if err != nil {
						return err
					}
					row.Columns[2], row.Updated = "resolved", row.Updated.Add(time.Second)
					if err := tx.Put(ctx, incidents, &row); err != nil {
						return err
					}
					return tx.Append(ctx, event(row))
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("hand", func(b *testing.B) {
			s := &statements{db: f.db}
			get, put, ev := f.bind(selectIncident), f.bind(updateIncident), f.bind(insertEvent)
			for b.Loop() {
				id := next()
				tx, err := f.db.BeginTx(ctx, nil)
				require.NoError(b, err)
				var x handRow
				err = tx.QueryRowContext(ctx, get, string(acme), string(id)).Scan(&x.version, &x.created, &x.updated, &x.layout, &x.number, &x.title,
					&x.state, &x.open, &x.priority, &x.impact, &x.urgency, &x.caller, &x.assignee, &x.team, &x.service, &x.category, &x.major,
					&x.due, &x.resolved, &x.reopened, &x.body)
				if err == nil {
					x.state, x.updated = "resolved", x.updated+1e6
					err = s.exec(ctx, tx, put, []any{x.version + 1, x.created, x.updated, x.layout, x.number, x.title, x.state, x.open, x.priority,
						x.impact, x.urgency, x.caller, x.assignee, x.team, x.service, x.category, x.major, x.due, x.resolved, x.reopened, string(x.body),
						string(acme), string(id), x.version})
				}
				if err == nil {
					err = s.exec(ctx, tx, ev, eventArgs(event(storage.Row{Meta: storage.Meta{ID: id, Version: x.version + 1}})))
				}
				if err == nil {
					err = tx.Commit()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// handRow is an incident as it is scanned by hand.
type handRow struct {
	id, number, title, state, caller, team, category string
	version, created, updated, layout                int64
	priority, impact, urgency, reopened              int64
	open, major                                      bool
	assignee, service                                sql.NullString
	due, resolved                                    sql.NullInt64
	body                                             []byte
}

// BenchmarkPage reads a page of 50 from the middle of a queue. "hand" reads outside a
// transaction; "snapshot" in a read-only one, as a View does.
func BenchmarkPage(b *testing.B) {
	onSizes(b, func(b *testing.B, f *bench) {
		ctx := context.Background()
		q := storage.RowQuery{
			Where: storage.Condition{Op: storage.Equal, Column: "open", Values: []any{true}},
			Order: []storage.Order{{Column: "priority"}, {Column: "created"}},
			After: &storage.Position{Values: []any{int64(2), noon.UnixMicro()}, Tenant: acme, ID: "0"},
			Limit: 50,
		}
		b.Run("store", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var rows []storage.Row
				err := f.store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
					rows, err = r.Query(ctx, incidents, q)
					return err
				})
				if err != nil || len(rows) != 50 {
					b.Fatal(len(rows), err)
				}
			}
		})
		type querier interface {
			QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		}
		text := f.bind(selectPage)
		read := func(b *testing.B, db querier) {
			rows, err := db.QueryContext(ctx, text, string(acme), true, int64(2), noon.UnixMicro(), "0")
			if err != nil {
				b.Fatal(err)
			}
			defer rows.Close()
			page := make([]handRow, 0, 50)
			for rows.Next() {
				var x handRow
				err := rows.Scan(&x.id, &x.version, &x.created, &x.updated, &x.layout, &x.number, &x.title,
					&x.state, &x.open, &x.priority, &x.impact, &x.urgency, &x.caller, &x.assignee, &x.team, &x.service, &x.category, &x.major,
					&x.due, &x.resolved, &x.reopened)
				if err != nil {
					b.Fatal(err)
				}
				page = append(page, x)
			}
			if err := rows.Err(); err != nil || len(page) != 50 {
				b.Fatal(len(page), err)
			}
		}
		b.Run("hand", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read(b, f.db)
			}
		})
		b.Run("snapshot", func(b *testing.B) {
			o := &sql.TxOptions{ReadOnly: true}
			if f.e.dialect == sqlstore.PostgreSQL {
				o.Isolation = sql.LevelRepeatableRead
			}
			for b.Loop() {
				tx, err := f.db.BeginTx(ctx, o)
				if err != nil {
					b.Fatal(err)
				}
				read(b, tx)
				tx.Rollback()
			}
		})
	})
}

// BenchmarkClaim claims from 100,000 jobs of a thousand tenants.
func BenchmarkClaim(b *testing.B) {
	for _, e := range engines {
		cases := []struct {
			name     string
			due      func(tenant, n int) time.Time
			limit    int
			expected int
		}{
			{"nothing due", func(_, n int) time.Time { return noon.Add(time.Hour) }, 100, 0},
			{"all due", func(_, n int) time.Time { return noon.Add(-time.Duration(n) * time.Second) }, 100, 100},
			{"one tenant due", func(tenant, n int) time.Time {
				if tenant == 500 {
					return noon.Add(-time.Hour)
				}
				return noon.Add(time.Hour)
			}, 10, 10},
		}
		for _, c := range cases {
			b.Run(e.name+"/"+c.name, func(b *testing.B) {
				s, db := e.store(b, sqlstore.Options{})
				backlog(b, s, 1000, 100, c.due)
				_, err := db.Exec("ANALYZE")
				require.NoError(b, err)
				// Leases end before the next claim, so that each finds the same.
				now := noon
				for b.Loop() {
					now = now.Add(time.Millisecond)
					jobs, err := s.Claim(b.Context(), storage.Claim{Now: now, Lease: time.Microsecond, Limit: c.limit})
					if err != nil || len(jobs) != c.expected {
						b.Fatal(len(jobs), err)
					}
				}
			})
		}
		// The worst there can be: all that is due is of one subject.
		b.Run(e.name+"/one long subject", func(b *testing.B) {
			s, db := e.store(b, sqlstore.Options{})
			for from := 0; from < 100_000; from += 10_000 {
				require.NoError(b, s.Update(b.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
					jobs := make([]storage.Job, 10_000)
					for i := range jobs {
						jobs[i] = storage.Job{Kind: "mail", Key: fmt.Sprint(from + i), Subject: "one", Due: noon.Add(-time.Duration(from+i) * time.Second)}
					}
					return tx.Enqueue(ctx, jobs...)
				}))
			}
			_, err := db.Exec("ANALYZE")
			require.NoError(b, err)
			now := noon
			for b.Loop() {
				now = now.Add(time.Millisecond)
				jobs, err := s.Claim(b.Context(), storage.Claim{Now: now, Lease: time.Microsecond, Limit: 10})
				if err != nil || len(jobs) != 1 {
					b.Fatal(len(jobs), err)
				}
			}
		})
	}
}
