package memory_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func enqueue(t require.TestingT, s storage.Store, tenant storage.Tenant, jobs ...storage.Job) {
	require.NoError(t, s.Update(context.Background(), tenant, func(ctx context.Context, tx storage.Tx) error {
		return tx.Enqueue(ctx, jobs...)
	}))
}

func allJobs(t require.TestingT, s storage.Store, tenants ...storage.Tenant) []storage.Job {
	var jobs []storage.Job
	require.NoError(t, s.View(context.Background(), tenants, func(ctx context.Context, r storage.Reader) (err error) {
		jobs, err = r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		return err
	}))
	return jobs
}

// claimable gives the names of the jobs that a claim without end must take, found by looking
// at every job.
func claimable(jobs []storage.Job, now time.Time, kinds []string) []string {
	claimed := func(j storage.Job) bool { return j.Lease.After(now) }
	first := func(a, b storage.Job) bool {
		if !a.Due.Equal(b.Due) {
			return a.Due.Before(b.Due)
		}
		return a.Kind+"/"+a.Key < b.Kind+"/"+b.Key
	}
	names := []string{}
	for _, j := range jobs {
		if j.Dead || j.Due.After(now) || claimed(j) || len(kinds) > 0 && !slices.Contains(kinds, j.Kind) {
			continue
		}
		waits := j.Subject != "" && slices.ContainsFunc(jobs, func(o storage.Job) bool {
			return o.Tenant == j.Tenant && o.Subject == j.Subject && !o.Dead && (claimed(o) || first(o, j))
		})
		if !waits {
			names = append(names, name(j))
		}
	}
	slices.Sort(names)
	return names
}

func name(j storage.Job) string { return string(j.Tenant) + "/" + j.Kind + "/" + j.Key }

func names(jobs []storage.Job) []string {
	out := []string{}
	for _, j := range jobs {
		out = append(out, name(j))
	}
	slices.Sort(out)
	return out
}

// Whatever was enqueued, cancelled, claimed and finished before, in units that commit and in
// units that fail, a claim takes what a search through all jobs says that it must.
func TestClaimsAgreeWithASearchThroughAllJobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		s := memory.New()
		tenants := []storage.Tenant{"a", "b"}
		kinds := []string{"k", "l", "m"}
		now := start
		var claims []storage.Job
		anyKind := rapid.SampledFrom(kinds)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "claim") == 0 {
				now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "later")) * time.Second)
				c := storage.Claim{Now: now, Lease: time.Duration(rapid.IntRange(1, 4).Draw(t, "lease")) * time.Second, Limit: storage.MaxLimit}
				if rapid.Bool().Draw(t, "narrow") {
					c.Kinds = rapid.SliceOfN(anyKind, 1, 2).Draw(t, "kinds")
				}
				want := claimable(allJobs(t, s, tenants...), now, c.Kinds)
				if rapid.Bool().Draw(t, "some") {
					c.Limit = rapid.IntRange(1, 3).Draw(t, "limit")
				}
				got, err := s.Claim(ctx, c)
				require.NoError(t, err)
				require.Len(t, got, min(len(want), c.Limit))
				require.Subset(t, want, names(got))
				claims = append(claims, got...)
				continue
			}
			tenant := rapid.SampledFrom(tenants).Draw(t, "tenant")
			fails := rapid.IntRange(0, 4).Draw(t, "fails") == 0
			before := allJobs(t, s, tenant)
			err := s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				for range rapid.IntRange(1, 4).Draw(t, "writes") {
					switch rapid.IntRange(0, 5).Draw(t, "write") {
					case 0:
						require.NoError(t, tx.Cancel(ctx, anyKind.Draw(t, "kind"), fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "key"))))
					case 1, 2:
						if len(claims) == 0 {
							continue
						}
						j := rapid.SampledFrom(claims).Draw(t, "claimed")
						if j.Tenant != tenant {
							continue
						}
						err := tx.Finish(ctx, j, storage.Outcome{
							Done: rapid.Bool().Draw(t, "done"), Dead: rapid.Bool().Draw(t, "dead"), Error: "it failed",
							Due: now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "again")) * time.Second),
						})
						if err != nil {
							require.ErrorIs(t, err, storage.ErrConflict)
						}
					default:
						require.NoError(t, tx.Enqueue(ctx, storage.Job{
							Kind: anyKind.Draw(t, "kind"), Key: fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "key")),
							Subject: rapid.SampledFrom([]string{"", "", "s", "t"}).Draw(t, "subject"),
							Due:     now.Add(time.Duration(rapid.IntRange(-2, 4).Draw(t, "due")) * time.Second),
							Keep:    rapid.Bool().Draw(t, "keep"), Dead: rapid.IntRange(0, 5).Draw(t, "dead") == 0,
						}))
					}
				}
				if fails {
					return context.DeadlineExceeded
				}
				return nil
			})
			require.Equal(t, fails, err != nil)
			if fails {
				require.Equal(t, before, allJobs(t, s, tenant))
			}
		}
	})
}

func TestListsOfJobsAgreeWithASearchThroughAllJobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		ctx := context.Background()
		tenants := []storage.Tenant{"b", "a"}
		some := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
		for range rapid.IntRange(0, 30).Draw(t, "jobs") {
			enqueue(t, s, storage.Tenant(some("tenant", "a", "b", "c")), storage.Job{Kind: some("kind", "k", "ka", "l"), Key: some("key", "1", "10", "2"),
				Subject: some("subject", "", "s", "t"), Dead: rapid.Bool().Draw(t, "dead"), Due: start})
		}
		all := allJobs(t, s, tenants...)
		require.True(t, slices.IsSortedFunc(all, func(a, b storage.Job) int {
			return slices.Compare([]string{string(a.Tenant), a.Kind, a.Key}, []string{string(b.Tenant), b.Kind, b.Key})
		}))
		for range 5 {
			q := storage.JobQuery{Kind: some("kind", "", "k", "l", "x"), Key: some("key", "", "1", "2"), Subject: some("subject", "", "s", "t"), Limit: rapid.IntRange(1, 5).Draw(t, "limit")}
			if rapid.Bool().Draw(t, "by death") {
				dead := rapid.Bool().Draw(t, "dead")
				q.Dead = &dead
			}
			var want []storage.Job
			for _, j := range all {
				if (q.Kind == "" || j.Kind == q.Kind) && (q.Key == "" || j.Key == q.Key) && (q.Subject == "" || j.Subject == q.Subject) && (q.Dead == nil || *q.Dead == j.Dead) {
					want = append(want, j)
				}
			}
			var got []storage.Job
			for pages := 0; pages < 100; pages++ {
				var page []storage.Job
				require.NoError(t, s.View(ctx, tenants, func(ctx context.Context, r storage.Reader) (err error) {
					page, err = r.Jobs(ctx, q)
					return err
				}))
				if len(page) == 0 {
					break
				}
				require.LessOrEqual(t, len(page), q.Limit)
				got = append(got, page...)
				q.After = page[len(page)-1]
			}
			require.Equal(t, want, got)
		}
	})
}

func TestAClaimDoesNotWaitForAnOpenUnitAndTakesNothingThatItChanged(t *testing.T) {
	s := memory.New()
	for _, key := range []string{"cancelled", "free", "moved", "replaced"} {
		enqueue(t, s, "acme", storage.Job{Kind: "timer", Key: key, Due: start})
	}
	enqueue(t, s, "acme", storage.Job{Kind: "timer", Key: "first", Subject: "s", Due: start}, storage.Job{Kind: "timer", Key: "second", Subject: "s", Due: start.Add(time.Microsecond)})
	var free storage.Job
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		require.NoError(t, tx.Cancel(ctx, "timer", "cancelled"))
		require.NoError(t, tx.Cancel(ctx, "timer", "first"))
		require.NoError(t, tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "new", Due: start},
			storage.Job{Kind: "timer", Key: "moved", Due: start.Add(time.Hour)}, storage.Job{Kind: "timer", Key: "replaced", Due: start}))
		jobs, err := s.Claim(t.Context(), storage.Claim{Now: start, Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []string{"acme/timer/free"}, names(jobs))
		free = jobs[0]
		// The unit goes on with what was claimed meanwhile.
		require.NoError(t, tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "free", Due: start, Keep: true}))
		return nil
	})
	jobs, err := s.Claim(t.Context(), storage.Claim{Now: start.Add(time.Second), Lease: time.Minute, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []string{"acme/timer/new", "acme/timer/replaced", "acme/timer/second"}, names(jobs))
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		return tx.Finish(ctx, free, storage.Outcome{Done: true})
	})
	require.Contains(t, names(allJobs(t, s, "acme")), "acme/timer/free", "it was enqueued again while it ran")
}

func TestAClaimDuringAUnitThatCommitsOrFailsIsKept(t *testing.T) {
	for _, fails := range []bool{false, true} {
		s := memory.New()
		enqueue(t, s, "acme", storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: start}, storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: start.Add(time.Microsecond)})
		var claimed []storage.Job
		err := s.Update(t.Context(), "acme", func(ctx context.Context, tx storage.Tx) error {
			row := ticket(1)
			require.NoError(t, tx.Put(ctx, tickets, &row))
			var err error
			claimed, err = s.Claim(t.Context(), storage.Claim{Now: start, Lease: time.Minute, Limit: 10})
			require.NoError(t, err)
			require.Equal(t, []string{"acme/timer/1"}, names(claimed))
			if fails {
				return context.DeadlineExceeded
			}
			return nil
		})
		require.Equal(t, fails, err != nil)
		again, err := s.Claim(t.Context(), storage.Claim{Now: start.Add(time.Second), Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		require.Empty(t, again)
		update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, claimed[0], storage.Outcome{Done: true})
		})
		again, err = s.Claim(t.Context(), storage.Claim{Now: start.Add(time.Second), Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []string{"acme/timer/2"}, names(again))
	}
}

func TestClaimsOfOneJobReachAllTenantsInTurn(t *testing.T) {
	s := memory.New()
	for i := range 100 {
		enqueue(t, s, "big", storage.Job{Kind: "timer", Key: fmt.Sprint(i), Due: start.Add(-time.Hour)})
	}
	enqueue(t, s, "small", storage.Job{Kind: "timer", Key: "1", Due: start})
	enqueue(t, s, "tiny", storage.Job{Kind: "timer", Key: "1", Due: start})
	served := map[storage.Tenant]int{}
	for range 6 {
		jobs, err := s.Claim(t.Context(), storage.Claim{Now: start, Lease: time.Minute, Limit: 1})
		require.NoError(t, err)
		served[jobs[0].Tenant]++
	}
	require.Equal(t, map[storage.Tenant]int{"big": 4, "small": 1, "tiny": 1}, served)
}

func TestAClaimWithTheContextOfAUnitIsInvalid(t *testing.T) {
	s := memory.New()
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		_, err := s.Claim(ctx, storage.Claim{Now: start, Lease: time.Minute, Limit: 1})
		require.ErrorIs(t, err, storage.ErrInvalid)
		return nil
	})
}
