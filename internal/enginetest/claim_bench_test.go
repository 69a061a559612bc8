package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// dueJobs are shapes of a tenant's jobs, which the cost of a claim and of a list must not depend
// on. The job that is due first is enqueued last.
var dueJobs = []struct {
	name    string
	subject func(n int) string
	// claimed is how many a claim of ten takes.
	claimed int
	// waiting adds as many subjects whose jobs are not due.
	waiting bool
}{
	{"of one subject", func(int) string { return "one" }, 1, false},
	{"of one subject beside as many that wait", func(int) string { return "one" }, 1, true},
	{"of a hundred subjects", func(n int) string { return fmt.Sprint("s", n%100) }, 10, false},
	{"of a subject each", func(n int) string { return fmt.Sprint("s", n) }, 10, false},
	{"of no subject", func(int) string { return "" }, 10, false},
}

// fillJobs gives a store with that many jobs that are due at noon.
func fillJobs(b *testing.B, e engine, size int, subject func(n int) string, waiting bool) *sqlstore.Store {
	b.Helper()
	s, db := e.store(b, sqlstore.Options{})
	const step = 10_000
	for from := 0; from < size; from += step {
		require.NoError(b, s.Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
			var jobs []storage.Job
			for n := from; n < min(from+step, size); n++ {
				jobs = append(jobs, storage.Job{Kind: "mail", Key: fmt.Sprint(n), Subject: subject(n), Due: noon.Add(-time.Duration(n) * time.Second)})
				if waiting {
					jobs = append(jobs, storage.Job{Kind: "timer", Key: fmt.Sprint(n), Subject: fmt.Sprint("waits", n), Due: noon.Add(time.Hour)})
				}
			}
			return tx.Enqueue(ctx, jobs...)
		}))
	}
	_, err := db.Exec("ANALYZE")
	require.NoError(b, err)
	return s
}

// BenchmarkClaimOfDue claims ten of more and more due jobs of one tenant.
func BenchmarkClaimOfDue(b *testing.B) {
	for _, e := range engines {
		for _, shape := range dueJobs {
			for _, size := range sizes {
				b.Run(fmt.Sprintf("%s/%s/%d", e.name, shape.name, size), func(b *testing.B) {
					s := fillJobs(b, e, size, shape.subject, shape.waiting)
					// Leases end before the next claim, so that as many are due each time.
					now := noon
					for b.Loop() {
						now = now.Add(time.Millisecond)
						jobs, err := s.Claim(b.Context(), storage.Claim{Now: now, Lease: time.Microsecond, Limit: 10})
						if err != nil || len(jobs) != shape.claimed {
							b.Fatal(len(jobs), err)
						}
					}
				})
			}
		}
	}
}

// BenchmarkListOfJobs reads pages of ten jobs by each filter. What is asked for is all that there
// is, or the last ten of it.
func BenchmarkListOfJobs(b *testing.B) {
	yes, no := true, false
	lists := []struct {
		name  string
		query storage.JobQuery
		// last asks for what the last ten jobs alone are: dead, or alive, or of a subject.
		dead, alive, subject bool
		want                 int
	}{
		{name: "of a kind", query: storage.JobQuery{Kind: "k5"}, want: 10},
		{name: "of a key", query: storage.JobQuery{Key: "000005"}, want: 1},
		{name: "of a long subject", query: storage.JobQuery{Subject: "one"}, want: 10},
		{name: "of a short subject", query: storage.JobQuery{Subject: "last"}, subject: true, want: 10},
		{name: "of a long subject and a kind", query: storage.JobQuery{Subject: "one", Kind: "k5"}, want: 10},
		{name: "of a long subject and a key", query: storage.JobQuery{Subject: "one", Key: "000005"}, want: 1},
		{name: "few dead", query: storage.JobQuery{Dead: &yes}, dead: true, want: 10},
		{name: "few dead of a long subject", query: storage.JobQuery{Dead: &yes, Subject: "one"}, dead: true, want: 10},
		// The one that has no index: it passes over the dead letters between.
		{name: "few alive", query: storage.JobQuery{Dead: &no}, alive: true, want: 10},
		{name: "few alive of a long subject", query: storage.JobQuery{Dead: &no, Subject: "one"}, alive: true, want: 10},
	}
	for _, e := range engines {
		for _, list := range lists {
			for _, size := range sizes {
				b.Run(fmt.Sprintf("%s/%s/%d", e.name, list.name, size), func(b *testing.B) {
					s, db := e.store(b, sqlstore.Options{})
					const step = 10_000
					for from := 0; from < size; from += step {
						require.NoError(b, s.Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
							var jobs []storage.Job
							for n := from; n < min(from+step, size); n++ {
								last := n >= size-10
								j := storage.Job{Kind: fmt.Sprint("k", n*10/size), Key: fmt.Sprintf("%06d", n), Subject: "one",
									Dead: last && list.dead || !last && list.alive, Due: noon}
								if last && list.subject {
									j.Subject = "last"
								}
								jobs = append(jobs, j)
							}
							return tx.Enqueue(ctx, jobs...)
						}))
					}
					_, err := db.Exec("ANALYZE")
					require.NoError(b, err)
					q := list.query
					q.Limit = 10
					for b.Loop() {
						err := s.View(b.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
							jobs, err := r.Jobs(ctx, q)
							if len(jobs) != list.want {
								return fmt.Errorf("%d jobs: %w", len(jobs), err)
							}
							return err
						})
						if err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
