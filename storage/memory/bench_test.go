package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var (
	sizes    = []int{1_000, 30_000, 1_000_000}
	envelope = []byte(`{"actor":{"kind":"user","id":"u1"},"payload":{"state":"new"}}`)
)

// fill gives a store with n tickets of one tenant, each with an event and a job.
func fill(b *testing.B, n int) *memory.Store {
	s := memory.New()
	for i := 0; i < n; {
		update(b, s, "acme", func(ctx context.Context, tx storage.Tx) error {
			for range min(1000, n-i) {
				create(ctx, b, tx, i)
				i++
			}
			return nil
		})
	}
	return s
}

func create(ctx context.Context, t testing.TB, tx storage.Tx, i int) {
	row := ticket(i)
	require.NoError(t, tx.Put(ctx, tickets, &row))
	require.NoError(t, tx.Append(ctx, storage.Event{Kind: "ticket", Record: row.ID, Version: row.Version, ID: row.ID, Type: "ticket.opened.v1", At: row.Created, Envelope: envelope}))
	require.NoError(t, tx.Enqueue(ctx, storage.Job{Kind: "delivery", Key: "audit/" + string(row.ID), Due: row.Created}))
}

// BenchmarkStore has the benchmarks of one size after each other, on one store: those that only
// read first, then those that make it larger.
func BenchmarkStore(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			s := fill(b, n)
			ctx := b.Context()
			one := []storage.Tenant{"acme"}
			reading := func(b *testing.B, fn func(ctx context.Context, r storage.Reader) error) {
				b.ReportAllocs()
				for b.Loop() {
					if err := s.View(ctx, one, fn); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.Run("get", func(b *testing.B) {
				i := 0
				reading(b, func(ctx context.Context, r storage.Reader) error {
					i = (i + 7919) % n
					_, err := r.Get(ctx, tickets, "acme", storage.ID(fmt.Sprintf("t%07d", i)))
					return err
				})
			})
			page := storage.RowQuery{
				Where: storage.Condition{Op: storage.Equal, Column: "open", Values: []any{true}},
				Order: []storage.Order{{Column: "priority"}, {Column: "due", Descending: true}},
				Limit: 50,
			}
			b.Run("page of 50", func(b *testing.B) {
				reading(b, func(ctx context.Context, r storage.Reader) error {
					rows, err := r.Query(ctx, tickets, page)
					if len(rows) != 50 {
						b.Fatal(len(rows))
					}
					return err
				})
			})
			b.Run("page of 50 in the middle", func(b *testing.B) {
				page := page
				page.After = &storage.Position{Tenant: "acme", ID: "t", Values: []any{int64(2), start.Add(50 * time.Minute).UnixMicro()}}
				reading(b, func(ctx context.Context, r storage.Reader) error {
					rows, err := r.Query(ctx, tickets, page)
					if len(rows) != 50 {
						b.Fatal(len(rows))
					}
					return err
				})
			})
			b.Run("page of 50 with a filter besides", func(b *testing.B) {
				page := page
				page.Where = storage.Condition{Op: storage.And, Of: []storage.Condition{page.Where, {Op: storage.In, Column: "state", Values: []any{"new", "waiting"}}}}
				reading(b, func(ctx context.Context, r storage.Reader) error {
					_, err := r.Query(ctx, tickets, page)
					return err
				})
			})
			b.Run("count by state", func(b *testing.B) {
				reading(b, func(ctx context.Context, r storage.Reader) error {
					_, err := r.Count(ctx, tickets, storage.Condition{}, []string{"state"})
					return err
				})
			})
			b.Run("create", func(b *testing.B) {
				b.ReportAllocs()
				i := 2 * n
				for b.Loop() {
					i++
					if err := s.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
						row := ticket(i)
						row.ID = storage.ID(fmt.Sprintf("n%07d", i))
						if err := tx.Put(ctx, tickets, &row); err != nil {
							return err
						}
						if err := tx.Append(ctx, storage.Event{Kind: "ticket", Record: row.ID, Version: row.Version, ID: row.ID, Type: "ticket.opened.v1", At: row.Created, Envelope: envelope}); err != nil {
							return err
						}
						return tx.Enqueue(ctx, storage.Job{Kind: "delivery", Key: string(row.ID), Subject: string(row.ID), Due: row.Created})
					}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("change", func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					i = (i + 7919) % n
					if err := s.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
						row, err := tx.Get(ctx, tickets, "acme", storage.ID(fmt.Sprintf("t%07d", i)))
						if err != nil {
							return err
						}
						row.Updated = row.Updated.Add(time.Second)
						return tx.Put(ctx, tickets, &row)
					}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("claim and finish 10", func(b *testing.B) {
				b.ReportAllocs()
				now := start.AddDate(1, 0, 0)
				for b.Loop() {
					now = now.Add(time.Second)
					jobs, err := s.Claim(ctx, storage.Claim{Now: now, Lease: time.Minute, Limit: 10})
					if err != nil || len(jobs) != 10 {
						b.Fatal(len(jobs), err)
					}
					for _, j := range jobs {
						err := s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
							return tx.Finish(ctx, j, storage.Outcome{Due: now})
						})
						require.NoError(b, err)
					}
				}
			})
		})
	}
}

// BenchmarkClaimOfDue claims ten of more and more due jobs of one tenant.
func BenchmarkClaimOfDue(b *testing.B) {
	shapes := []struct {
		name    string
		subject func(n int) string
		claimed int
	}{
		{"of one subject", func(int) string { return "one" }, 1},
		{"of a hundred subjects", func(n int) string { return fmt.Sprint("s", n%100) }, 10},
		{"of a subject each", func(n int) string { return fmt.Sprint("s", n) }, 10},
		{"of no subject", func(int) string { return "" }, 10},
	}
	for _, shape := range shapes {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				s := memory.New()
				jobs := make([]storage.Job, n)
				for i := range jobs {
					jobs[i] = storage.Job{Kind: "mail", Key: fmt.Sprint(i), Subject: shape.subject(i), Due: start.Add(-time.Duration(i) * time.Second)}
				}
				enqueue(b, s, "acme", jobs...)
				// Leases end before the next claim, so that as many are due each time.
				now := start
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

// BenchmarkListOfJobs reads pages of ten jobs by each filter: of all that there is, or of the last
// ten of it.
func BenchmarkListOfJobs(b *testing.B) {
	yes, no := true, false
	lists := []struct {
		name                 string
		query                storage.JobQuery
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
		{name: "few alive", query: storage.JobQuery{Dead: &no}, alive: true, want: 10},
		{name: "few alive of a long subject", query: storage.JobQuery{Dead: &no, Subject: "one"}, alive: true, want: 10},
	}
	for _, list := range lists {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", list.name, n), func(b *testing.B) {
				s := memory.New()
				jobs := make([]storage.Job, n)
				for i := range jobs {
					last := i >= n-10
					jobs[i] = storage.Job{Kind: fmt.Sprint("k", i*10/n), Key: fmt.Sprintf("%06d", i), Subject: "one",
						Dead: last && list.dead || !last && list.alive, Due: start}
					if last && list.subject {
						jobs[i].Subject = "last"
					}
				}
				enqueue(b, s, "acme", jobs...)
				q := list.query
				q.Limit = 10
				for b.Loop() {
					err := s.View(b.Context(), []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
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
