package enginetest_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// claimed is a job in a program without the library.
type claimed struct {
	tenant, kind, key, subject string
	due, generation, attempts  int64
	payload                    []byte
	token                      string
}

// claimsByHand takes jobs off a queue as one writes it without a library: the first that are due, past those that
// another worker has locked, leased by a token. It keeps no order within a subject and shares nothing between tenants.
type claimsByHand struct {
	db      *sql.DB
	dialect sqlstore.Dialect
	// claim takes and gives jobs in one statement; where the engine has none such, look finds and locks them, and mark
	// takes a hundred.
	claim, look, mark, finish *sql.Stmt
}

func newClaimsByHand(tb testing.TB, g ground, db *sql.DB, prefix string) *claimsByHand {
	tb.Helper()
	h := &claimsByHand{db: db, dialect: g.dialect}
	prepare := func(text string) *sql.Stmt {
		st, err := db.Prepare(bindAs(g.dialect, strings.ReplaceAll(text, "hand_", prefix)))
		require.NoError(tb, err)
		tb.Cleanup(func() { st.Close() })
		return st
	}
	const columns = `"tenant", "kind", "key", "subject", "due", "generation", "attempts", "payload"`
	h.finish = prepare(`DELETE FROM hand__job WHERE "tenant" = ? AND "kind" = ? AND "key" = ? AND "token" = ? AND "generation" = ?`)
	switch g.dialect {
	case sqlstore.PostgreSQL:
		h.claim = prepare(`WITH due AS (SELECT "tenant", "kind", "key" FROM hand__job WHERE "ready" <= ? ORDER BY "ready" LIMIT 100 FOR UPDATE SKIP LOCKED)
			UPDATE hand__job AS j SET "attempts" = j."attempts" + 1, "token" = ?, "lease" = ?, "ready" = ? FROM due
			WHERE j."tenant" = due."tenant" AND j."kind" = due."kind" AND j."key" = due."key"
			RETURNING j."tenant", j."kind", j."key", j."subject", j."due", j."generation", j."attempts", j."payload"`)
	case sqlstore.SQLite:
		h.claim = prepare(`UPDATE hand__job SET "attempts" = "attempts" + 1, "token" = ?, "lease" = ?, "ready" = ?
			WHERE rowid IN (SELECT rowid FROM hand__job WHERE "ready" <= ? ORDER BY "ready" LIMIT 100) RETURNING ` + columns)
	default:
		// The planner is told the index: it would sort the whole table instead, and lock it. An UPDATE by a hundred keys
		// takes three times as long as an INSERT of rows that are there.
		h.look = prepare(`SELECT ` + columns + ` FROM hand__job FORCE INDEX (hand__job_ready) WHERE "ready" <= ? ORDER BY "ready" LIMIT 100 FOR UPDATE SKIP LOCKED`)
		h.mark = prepare(`INSERT INTO hand__job ("tenant", "kind", "key", "error") VALUES (?, ?, ?, '')` + strings.Repeat(", (?, ?, ?, '')", 99) +
			` ON DUPLICATE KEY UPDATE "attempts" = "attempts" + 1, "token" = ?, "lease" = ?, "ready" = ?`)
	}
	return h
}

// take claims a hundred jobs, in one statement where there is one that can.
func (h *claimsByHand) take(ctx context.Context, now time.Time, lease time.Duration) ([]claimed, error) {
	var random [16]byte
	rand.Read(random[:])
	token, until := hex.EncodeToString(random[:]), now.Add(lease).UnixMicro()
	read := func(rows *sql.Rows, err error) ([]claimed, error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var jobs []claimed
		for rows.Next() {
			j := claimed{token: token}
			if err := rows.Scan(&j.tenant, &j.kind, &j.key, &j.subject, &j.due, &j.generation, &j.attempts, &j.payload); err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
		return jobs, rows.Err()
	}
	switch h.dialect {
	case sqlstore.PostgreSQL:
		return read(h.claim.QueryContext(ctx, now.UnixMicro(), token, until, until))
	case sqlstore.SQLite:
		return read(h.claim.QueryContext(ctx, token, until, until, now.UnixMicro()))
	}
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	jobs, err := read(tx.StmtContext(ctx, h.look).QueryContext(ctx, now.UnixMicro()))
	if err == nil && len(jobs) == 100 {
		var args []any
		for i := range jobs {
			jobs[i].attempts++
			args = append(args, jobs[i].tenant, jobs[i].kind, jobs[i].key)
		}
		args = append(args, token, until, until)
		_, err = tx.StmtContext(ctx, h.mark).ExecContext(ctx, args...)
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return jobs, tx.Commit()
}

// done finishes a job, in a transaction as its effects would be.
func (h *claimsByHand) done(ctx context.Context, j claimed) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := exactly(tx.StmtContext(ctx, h.finish), ctx, j.tenant, j.kind, j.key, j.token, j.generation); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// BenchmarkClaimHundred claims a hundred due jobs of thousands, beside the same by hand, and finishes each in a
// transaction of its own. Jobs without a subject promise nothing of their order, by the library as by hand. Where each
// is of a subject, as all are that have to do with a record, the library also sees to it that none of the subject
// runs beside another, which by hand nobody does.
func BenchmarkClaimHundred(b *testing.B) {
	shapes := []struct {
		name    string
		subject func(n int) string
	}{
		{"of-no-subject", func(int) string { return "" }},
		{"of-a-subject-each", func(n int) string { return fmt.Sprint("incident/", n) }},
	}
	for _, workers := range []int{1, 8} {
		for _, g := range grounds {
			for _, shape := range shapes {
				for _, finishing := range []bool{false, true} {
					what, claims := "claim", 24
					if finishing {
						what, claims = "finish", 4
					}
					b.Run(fmt.Sprintf("%s/%s/%s/goroutines=%d", g.name, shape.name, what, workers), func(b *testing.B) {
						writer, reader := g.open(b)
						open := func(prefix string) *sqlstore.Store {
							s, err := sqlstore.New(writer, g.dialect, sqlstore.Options{Prefix: prefix, Reader: reader, ReadCommitted: true})
							require.NoError(b, err)
							b.Cleanup(func() { s.Close() })
							require.NoError(b, s.Migrate(b.Context()))
							return s
						}
						library, own := open("itsm_"), open("hand_")
						h := newClaimsByHand(b, g, writer, "hand_")
						const lease = time.Hour
						// Beside what a turn claims as much again is due, and what it left is gone.
						fresh := func(s *sqlstore.Store, prefix string) func(int) {
							return func(n int) {
								_, err := writer.ExecContext(b.Context(), "DELETE FROM "+prefix+"_job")
								require.NoError(b, err)
								jobs := make([]storage.Job, 200*claims)
								for i := range jobs {
									jobs[i] = storage.Job{Kind: "deliver", Key: fmt.Sprintf("incident/%07d", i*7919%len(jobs)), Subject: shape.subject(i),
										Due: noon.Add(time.Duration(i-len(jobs)) * time.Second), Payload: []byte(`{"kind":"incident","record":"INC0000001","version":1}`)}
								}
								for some := range slices.Chunk(jobs, 400) {
									require.NoError(b, s.Update(b.Context(), acme, func(ctx context.Context, tx storage.Tx) error { return tx.Enqueue(ctx, some...) }))
								}
								analyze := map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "VACUUM ANALYZE ", sqlstore.MySQL: "ANALYZE TABLE ", sqlstore.SQLite: "ANALYZE "}
								_, err = writer.ExecContext(b.Context(), analyze[g.dialect]+prefix+"_job")
								require.NoError(b, err)
							}
						}
						finish := func(ctx context.Context, n int, done func(i int) error) error {
							for i := range n {
								if err := done(i); err != nil {
									return err
								}
							}
							return nil
						}
						sides := []side{
							{name: "library", ready: fresh(library, "itsm_"), do: func(ctx context.Context, _ int) error {
								jobs, err := library.Claim(ctx, storage.Claim{Now: noon, Lease: lease, Limit: 100})
								// Two subjects may share a lock, which another claim holds.
								if err == nil && len(jobs) < 95 {
									err = fmt.Errorf("%d jobs", len(jobs))
								}
								if err != nil || !finishing {
									return err
								}
								return finish(ctx, len(jobs), func(i int) error {
									return library.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
										return tx.Finish(ctx, jobs[i], storage.Outcome{Done: true})
									})
								})
							}},
							{name: "hand", ready: fresh(own, "hand_"), do: func(ctx context.Context, _ int) error {
								jobs, err := h.take(ctx, noon, lease)
								if err == nil && len(jobs) != 100 {
									err = fmt.Errorf("%d jobs", len(jobs))
								}
								if err != nil || !finishing {
									return err
								}
								return finish(ctx, len(jobs), func(i int) error { return h.done(ctx, jobs[i]) })
							}},
						}
						took := inTurn(b, workers, claims, sides...)
						for k, s := range sides {
							b.ReportMetric(1e3*median(took[k]), s.name+"-ms/claim")
						}
						b.ReportMetric(1/median(ratios(took)), "library/hand")
					})
				}
			}
		}
	}
}
