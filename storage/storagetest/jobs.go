package storagetest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Jobs are written, replaced, listed and cancelled in units.
var jobCases = []testCase{
	{"a job is read as it was enqueued", jobRoundTrip},
	{"what is the store's is not taken from the caller", jobOwn},
	{"a job of the same kind and key is replaced", jobReplaced},
	{"every enqueue raises the generation", jobGeneration},
	{"replacing starts the attempts again", jobReplacedAttempts},
	{"keep leaves due time and payload", jobKeep},
	{"keep of a job that is not there creates it", jobKeepNew},
	{"keep of a dead job replaces it", jobKeepDead},
	{"a dead job is enqueued with its attempts and error", jobDead},
	{"replacing revives a dead job", jobRevived},
	{"one call may enqueue a job twice", jobTwiceInOneCall},
	{"jobs are listed in the order of tenant, kind and key", jobOrder},
	{"jobs are listed in pages", jobPages},
	{"the list of jobs is narrowed", jobNarrowed},
	{"cancel removes a job", jobCancel},
	{"cancel of a claimed job removes it", jobCancelClaimed},
	{"kinds, keys and subjects are compared byte by byte", jobBytes},
	{"a payload may be 64 KiB long", jobPayload},
	{"a job of long ago that is enqueued again is still due", jobLongAgo},
	{"what a caller does to a job afterwards changes nothing", jobAliasing},
}

func (e *env) enqueue(tenant storage.Tenant, jobs ...storage.Job) {
	e.Helper()
	e.update(tenant, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Enqueue(ctx, jobs...)) })
}

func (e *env) cancel(tenant storage.Tenant, kind, key string) {
	e.Helper()
	e.update(tenant, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Cancel(ctx, kind, key)) })
}

// job reads the one job of the kind and key.
func (e *env) job(tenant storage.Tenant, kind, key string) storage.Job {
	e.Helper()
	var jobs []storage.Job
	e.view(func(ctx context.Context, r storage.Reader) {
		var err error
		jobs, err = r.Jobs(ctx, storage.JobQuery{Kind: kind, Key: key, Limit: 2})
		require.NoError(e, err)
	}, tenant)
	require.Len(e, jobs, 1, "jobs %s/%s of %s", kind, key, tenant)
	return jobs[0]
}

// list reads one page of jobs and gives their names.
func (e *env) list(q storage.JobQuery, tenants ...storage.Tenant) []string {
	e.Helper()
	if q.Limit == 0 {
		q.Limit = storage.MaxLimit
	}
	var out []string
	e.view(func(ctx context.Context, r storage.Reader) {
		jobs, err := r.Jobs(ctx, q)
		require.NoError(e, err)
		out = names(jobs)
	}, tenants...)
	return out
}

// names are the jobs' kinds and keys in order.
func names(jobs []storage.Job) []string {
	out := make([]string, 0, len(jobs))
	for _, j := range jobs {
		out = append(out, j.Kind+"/"+j.Key)
	}
	return out
}

// asked is what a caller determines of a job.
func asked(j storage.Job) storage.Job {
	return storage.Job{Tenant: j.Tenant, Kind: j.Kind, Key: j.Key, Subject: j.Subject, Due: j.Due, Payload: j.Payload, Dead: j.Dead}
}

func jobRoundTrip(e *env) {
	for i, body := range oddBodies {
		want := storage.Job{Kind: "timer", Key: fmt.Sprintf("%02d", i), Due: noon.Add(time.Duration(i) * time.Microsecond), Payload: []byte(body)}
		if i%2 == 0 {
			want.Subject = "incident 7"
		}
		e.enqueue(acme, want)
		want.Tenant = acme
		got := e.job(acme, "timer", want.Key)
		require.Equal(e, want, asked(got))
		require.Zero(e, got.Attempts)
		require.Empty(e, got.Error)
		require.True(e, got.Lease.IsZero(), "it is not claimed")
		require.Positive(e, got.Generation)
	}
	for i, at := range []time.Time{{}, time.UnixMicro(math.MinInt64), time.UnixMicro(math.MaxInt64), time.Date(2026, 3, 2, 12, 0, 0, 123456789, time.FixedZone("", 3600))} {
		key := fmt.Sprintf("at %d", i)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: key, Due: at})
		got := e.job(acme, "timer", key)
		require.Equal(e, storage.Instant(at), got.Due)
		require.Nil(e, got.Payload)
	}
}

func jobOwn(e *env) {
	e.enqueue(acme, storage.Job{
		Tenant: umbra, Kind: "timer", Key: "1", Due: noon,
		Generation: 99, Attempts: 98, Error: "an error", Lease: noon.Add(time.Hour), Token: "a token",
	})
	require.Empty(e, e.jobs(umbra))
	got := e.job(acme, "timer", "1")
	require.Equal(e, acme, got.Tenant)
	require.Zero(e, got.Attempts)
	require.Empty(e, got.Error)
	require.True(e, got.Lease.IsZero())
	require.NotEqual(e, int64(99), got.Generation)
	require.Len(e, e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 9}), 1, "it is not claimed")
}

func jobReplaced(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Subject: "a", Due: noon, Payload: []byte(`{"first":true}`)})
	for _, next := range []storage.Job{
		{Kind: "timer", Key: "1", Subject: "b", Due: noon.Add(time.Hour), Payload: []byte(`{"second":true}`)},
		{Kind: "timer", Key: "1", Due: noon.Add(-time.Hour)},
		{Kind: "timer", Key: "1", Subject: "a", Due: noon, Payload: []byte(`[]`)},
	} {
		e.enqueue(acme, next)
		next.Tenant = acme
		require.Equal(e, next, asked(e.job(acme, "timer", "1")))
		require.Len(e, e.jobs(acme), 1)
	}
	e.enqueue(acme, storage.Job{Kind: "delivery", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon})
	require.Equal(e, []string{"delivery/1", "timer/1", "timer/2"}, names(e.jobs(acme)))
}

func jobGeneration(e *env) {
	var last int64
	for i := range 6 {
		e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon, Keep: i%2 == 1})
		got := e.job(acme, "timer", "1").Generation
		require.Greater(e, got, last)
		last = got
	}
	e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 1})
	require.Equal(e, last, e.job(acme, "timer", "1").Generation, "a claim does not raise it")
}

func jobReplacedAttempts(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	for want := 1; want <= 2; want++ {
		job := e.claimOne(noon)
		require.Equal(e, want, job.Attempts)
		e.finish(job, storage.Outcome{Due: noon, Error: "it failed"})
	}
	require.Equal(e, 2, e.job(acme, "timer", "1").Attempts)
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	require.Zero(e, e.job(acme, "timer", "1").Attempts)
	require.Empty(e, e.job(acme, "timer", "1").Error)
	require.Equal(e, 1, e.claimOne(noon).Attempts)
}

func jobKeep(e *env) {
	first := storage.Job{Kind: "timer", Key: "1", Subject: "a", Due: noon, Payload: []byte(`{"first":true}`)}
	e.enqueue(acme, first)
	job := e.claimOne(noon)
	e.finish(job, storage.Outcome{Due: noon, Error: "it failed"})
	before := e.job(acme, "timer", "1")
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Subject: "b", Due: noon.Add(time.Hour), Payload: []byte(`{"second":true}`), Keep: true})
	got := e.job(acme, "timer", "1")
	require.Greater(e, got.Generation, before.Generation)
	got.Generation = before.Generation
	require.Equal(e, before, got, "only its generation rises")
	require.False(e, got.Keep, "it is not stored")

	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon.Add(-time.Hour), Keep: true, Dead: true})
	got = e.job(acme, "timer", "1")
	require.False(e, got.Dead)
	require.Equal(e, noon, got.Due)
}

func jobKeepNew(e *env) {
	want := storage.Job{Kind: "timer", Key: "1", Subject: "a", Due: noon, Payload: []byte(`{"first":true}`)}
	kept := want
	kept.Keep = true
	e.enqueue(acme, kept)
	want.Tenant = acme
	require.Equal(e, want, asked(e.job(acme, "timer", "1")))
	require.Equal(e, "1", e.claimOne(noon).Key)
}

func jobKeepDead(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon, Payload: []byte(`1`), Dead: true, Attempts: 7, Error: "gave up"})
	before := e.job(acme, "timer", "1")
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon.Add(time.Hour), Payload: []byte(`2`), Keep: true})
	got := e.job(acme, "timer", "1")
	require.Equal(e, storage.Job{Tenant: acme, Kind: "timer", Key: "1", Due: noon.Add(time.Hour), Payload: []byte(`2`)}, asked(got))
	require.Greater(e, got.Generation, before.Generation)
	require.Zero(e, got.Attempts)
}

func jobDead(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon, Payload: []byte(`1`), Dead: true, Attempts: 7, Error: "gave up"})
	got := e.job(acme, "timer", "1")
	require.True(e, got.Dead)
	require.Equal(e, 7, got.Attempts)
	require.Equal(e, "gave up", got.Error)
	require.Equal(e, `1`, string(got.Payload))
	require.Empty(e, e.claim(storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 9}), "dead jobs are never claimed")
}

func jobRevived(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	e.finish(e.claimOne(noon), storage.Outcome{Dead: true, Error: "gave up"})
	require.True(e, e.job(acme, "timer", "1").Dead)
	require.Empty(e, e.claim(storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 9}))
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	got := e.job(acme, "timer", "1")
	require.False(e, got.Dead)
	require.Zero(e, got.Attempts)
	require.Equal(e, 1, e.claimOne(noon).Attempts)

	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon, Dead: true, Attempts: 3, Error: "buried alive"})
	require.Empty(e, e.claim(storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 9}), "a living job can be replaced by a dead one")
}

func jobTwiceInOneCall(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "1", Due: noon, Payload: []byte(`1`)},
		storage.Job{Kind: "timer", Key: "2", Due: noon, Payload: []byte(`1`)},
		storage.Job{Kind: "timer", Key: "1", Due: noon.Add(time.Hour), Payload: []byte(`2`)},
		storage.Job{Kind: "timer", Key: "2", Due: noon.Add(time.Hour), Payload: []byte(`2`), Keep: true})
	require.Equal(e, `2`, string(e.job(acme, "timer", "1").Payload))
	require.Equal(e, noon.Add(time.Hour), e.job(acme, "timer", "1").Due)
	require.Equal(e, `1`, string(e.job(acme, "timer", "2").Payload))
	require.Equal(e, noon, e.job(acme, "timer", "2").Due)
}

// someJobs enqueues jobs of many names in each tenant and gives them in order.
func (e *env) someJobs(tenants ...storage.Tenant) []storage.Job {
	e.Helper()
	var all []storage.Job
	for _, tenant := range tenants {
		var jobs []storage.Job
		for _, kind := range []string{"b", "B", "a"} {
			for i, key := range []string{"2", "10", "1 ", "1"} {
				jobs = append(jobs, storage.Job{
					Kind: kind, Key: key, Subject: []string{"", "s", "S"}[(i+len(kind)+len(jobs))%3],
					Due: noon.Add(-time.Duration(len(jobs)) * time.Minute), Dead: i == 2,
				})
			}
		}
		e.enqueue(tenant, jobs...)
		for _, j := range jobs {
			j.Tenant = tenant
			all = append(all, j)
		}
	}
	slices.SortFunc(all, byJobName)
	return all
}

func byJobName(a, b storage.Job) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}

func jobOrder(e *env) {
	want := e.someJobs(umbra, acme, capital)
	var got []storage.Job
	for _, j := range e.jobs(acme, capital, umbra) {
		got = append(got, asked(j))
	}
	require.Equal(e, want, got)
}

func jobPages(e *env) {
	all := e.someJobs(umbra, acme)
	dead := true
	for _, q := range []storage.JobQuery{{Limit: 1}, {Limit: 5}, {Limit: 24}, {Limit: 25}, {Limit: 3, Kind: "a"}, {Limit: 2, Dead: &dead}, {Limit: 2, Subject: "s"}} {
		var want, got []storage.Job
		for _, j := range all {
			if (q.Kind == "" || j.Kind == q.Kind) && (q.Subject == "" || j.Subject == q.Subject) && (q.Dead == nil || j.Dead == *q.Dead) {
				want = append(want, j)
			}
		}
		require.NotEmpty(e, want, "the case itself is wrong")
		for {
			var page []storage.Job
			e.view(func(ctx context.Context, r storage.Reader) {
				var err error
				page, err = r.Jobs(ctx, q)
				require.NoError(e, err)
			}, acme, umbra)
			require.LessOrEqual(e, len(page), q.Limit)
			for _, j := range page {
				got = append(got, asked(j))
			}
			if len(page) < q.Limit {
				break
			}
			require.LessOrEqual(e, len(got), len(want), "paging does not end")
			q.After = page[len(page)-1]
		}
		require.Equal(e, want, got, "%+v", q)
	}
	got := e.list(storage.JobQuery{After: storage.Job{Tenant: acme, Kind: "b", Key: "15"}}, acme)
	require.Equal(e, []string{"b/2"}, got, "after a name that no job has")
}

func jobNarrowed(e *env) {
	all := e.someJobs(acme)
	dead, alive := true, false
	for _, q := range []storage.JobQuery{
		{Kind: "a"}, {Kind: "A"}, {Kind: "b", Key: "1"}, {Key: "1"}, {Key: "1 "}, {Key: "none"}, {Subject: "s"}, {Subject: "S"}, {Subject: "s "},
		{Dead: &dead}, {Dead: &alive}, {Kind: "B", Dead: &alive}, {Kind: "a", Subject: "s", Dead: &alive}, {Subject: "s", Key: "1"},
	} {
		want := []storage.Job{}
		for _, j := range all {
			if (q.Kind == "" || j.Kind == q.Kind) && (q.Subject == "" || j.Subject == q.Subject) && (q.Key == "" || j.Key == q.Key) && (q.Dead == nil || j.Dead == *q.Dead) {
				want = append(want, j)
			}
		}
		require.Equal(e, names(want), e.list(q, acme), "%+v", q)
	}
}

func jobCancel(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon},
		storage.Job{Kind: "delivery", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "3", Due: noon, Dead: true})
	e.cancel(acme, "timer", "1")
	require.Equal(e, []string{"delivery/1", "timer/2", "timer/3"}, names(e.jobs(acme)))
	e.cancel(acme, "timer", "3")
	e.cancel(acme, "timer", "1")
	e.cancel(acme, "timer", "never was")
	require.Equal(e, []string{"delivery/1", "timer/2"}, names(e.jobs(acme)))
	require.ElementsMatch(e, []string{"delivery/1", "timer/2"}, names(e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 9})))

	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "9", Due: noon}))
		require.NoError(e, tx.Cancel(ctx, "timer", "9"))
	})
	require.NotContains(e, names(e.jobs(acme)), "timer/9")
}

func jobCancelClaimed(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	e.cancel(acme, "timer", "1")
	require.Empty(e, e.jobs(acme))
	require.ErrorIs(e, e.tryFinish(job, storage.Outcome{Done: true}), storage.ErrConflict)
	require.ErrorIs(e, e.tryFinish(job, storage.Outcome{Due: noon}), storage.ErrConflict)
	require.Empty(e, e.jobs(acme))

	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	require.ErrorIs(e, e.tryFinish(job, storage.Outcome{Done: true}), storage.ErrConflict, "a new job of the same name is another job")
	require.Len(e, e.jobs(acme), 1)
}

func jobBytes(e *env) {
	for _, text := range tricky {
		e.enqueue(acme, storage.Job{Kind: text, Key: text, Subject: text, Due: noon, Payload: []byte(`1`)})
	}
	want := make([]string, len(tricky))
	for i, text := range tricky {
		want[i] = text + "/" + text
	}
	require.Equal(e, want, names(e.jobs(acme)))
	for i, text := range tricky {
		for _, q := range []storage.JobQuery{{Kind: text}, {Key: text}, {Subject: text}} {
			require.Equal(e, want[i:i+1], e.list(q, acme), "%+v", q)
		}
	}
	claimed := e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: storage.MaxLimit})
	require.Len(e, claimed, len(tricky), "the subjects are all different")
	e.cancel(acme, "a", "a")
	require.Len(e, e.jobs(acme), len(tricky)-1)
	require.Len(e, e.claim(storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 9, Kinds: []string{"a ", "A"}}), 2)
}

func jobPayload(e *env) {
	payload := []byte(`"` + strings.Repeat("x", 64<<10-2) + `"`)
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon, Payload: payload})
	require.Equal(e, string(payload), string(e.job(acme, "timer", "1").Payload))
	job := e.claimOne(noon)
	require.Equal(e, string(payload), string(job.Payload))
	payload = []byte(`"` + strings.Repeat("\U0001f525", 16<<10-1) + `  "`)
	require.Len(e, payload, 64<<10, "the case itself is wrong")
	e.finish(job, storage.Outcome{Due: noon, Payload: payload})
	require.Equal(e, string(payload), string(e.job(acme, "timer", "1").Payload))
}

// jobLongAgo has a desk whose time is before 1970, where a store might have its zero.
func jobLongAgo(e *env) {
	then := time.Date(1965, time.March, 2, 12, 0, 0, 0, time.UTC)
	for i, keep := range []bool{false, true} {
		key := fmt.Sprint(i)
		job := storage.Job{Kind: "timer", Key: key, Due: then.Add(-time.Hour), Keep: keep}
		e.enqueue(acme, job)
		e.enqueue(acme, job)
		require.Equal(e, then.Add(-time.Hour), e.job(acme, "timer", key).Due)
		got := e.claimOne(then)
		require.Equal(e, key, got.Key)
		require.Equal(e, then.Add(time.Minute), e.job(acme, "timer", key).Lease)
		e.enqueue(acme, job)
		require.Empty(e, e.claim(claimAll(then)), "its worker still has it")
		e.finish(got, storage.Outcome{Done: true})
		e.finish(e.claimOne(then), storage.Outcome{Done: true})
	}
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "lease", Due: then})
	ends := one(e, e.claim(storage.Claim{Now: time.UnixMicro(0).Add(-time.Minute), Lease: time.Minute, Limit: 2}))
	require.Equal(e, ends.Lease, e.job(acme, "timer", "lease").Lease, "a lease that ends as 1970 begins")
}

func jobAliasing(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		job := storage.Job{Kind: "timer", Key: "1", Due: noon, Payload: []byte(`{"a":1}`)}
		require.NoError(e, tx.Enqueue(ctx, job))
		copy(job.Payload, "scribbled")
	})
	got := e.job(acme, "timer", "1")
	require.Equal(e, `{"a":1}`, string(got.Payload))
	copy(got.Payload, "scribbled")
	claimed := e.claimOne(noon)
	require.Equal(e, `{"a":1}`, string(claimed.Payload))
	copy(claimed.Payload, "scribbled")
	require.Equal(e, `{"a":1}`, string(e.job(acme, "timer", "1").Payload))
}
