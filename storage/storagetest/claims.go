package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Claims give what is due to one worker at a time, in the order of each subject and fairly
// over the tenants.
var claimCases = []testCase{
	{"a claim takes what is due by its instant", claimDue},
	{"a claim gives the whole job", claimWhole},
	{"no jobs is no error", claimNothing},
	{"a claim takes at most its limit", claimLimit},
	{"a claim is narrowed to kinds", claimKinds},
	{"what is due first is taken first", claimOrder},
	{"a claimed job is not claimed again before its lease ends", claimLease},
	{"every claim adds to the attempts", claimAttempts},
	{"a worker that finishes after another has the job meets a conflict", claimLate},
	{"a worker may finish late while no other has the job", claimLateAlone},
	{"jobs of one subject are taken one at a time in due order", claimSubject},
	{"a subject waits while its job is claimed", claimSubjectWaits},
	{"a subject's job that is put off lets the next pass", claimSubjectPutOff},
	{"a subject's dead letter lets the next pass", claimSubjectDead},
	{"a subject's job that is cancelled lets the next pass", claimSubjectCancelled},
	{"a subject's job that is enqueued again takes its new turn", claimSubjectMoved},
	{"a subject's job that is enqueued dead lets the next pass", claimSubjectBuried},
	{"a long subject keeps its order whatever becomes of its first job", claimLongSubject},
	{"a long subject of another kind's first job waits", claimLongSubjectKinds},
	{"many long subjects are worked off in their order", claimLongSubjects},
	{"a subject orders jobs of every kind", claimSubjectKinds},
	{"subjects of different tenants do not wait for each other", claimSubjectTenants},
	{"jobs without a subject wait for no other", claimNoSubject},
	{"a tenant with much due does not starve the others", claimFair},
	{"tenants take turns from one claim to the next", claimTurns},
	{"a tenant with one subject does not use up the limit", claimFairSubject},
	{"a claim that is not one is invalid", claimInvalid},
	{"a claim inside an update is invalid", claimInUpdate},
}

func (e *env) claim(c storage.Claim) []storage.Job {
	e.Helper()
	jobs, err := e.store.Claim(e.ctx, c)
	require.NoError(e, err)
	require.LessOrEqual(e, len(jobs), c.Limit, "more than the limit")
	return jobs
}

// claimOne claims the one job that is due, for a minute.
func (e *env) claimOne(now time.Time) storage.Job {
	e.Helper()
	jobs := e.claim(storage.Claim{Now: now, Lease: time.Minute, Limit: 2})
	return one(e, jobs)
}

func (e *env) tryFinish(job storage.Job, o storage.Outcome) error {
	return e.store.Update(e.ctx, job.Tenant, func(ctx context.Context, tx storage.Tx) error {
		return tx.Finish(ctx, job, o)
	})
}

func (e *env) finish(job storage.Job, o storage.Outcome) {
	e.Helper()
	require.NoError(e, e.tryFinish(job, o))
}

// claimAll is a claim of everything that is due.
func claimAll(now time.Time) storage.Claim {
	return storage.Claim{Now: now, Lease: time.Minute, Limit: storage.MaxLimit}
}

func claimDue(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "past", Due: noon.AddDate(-100, 0, 0)},
		storage.Job{Kind: "timer", Key: "now", Due: noon},
		storage.Job{Kind: "timer", Key: "soon", Due: noon.Add(time.Microsecond)},
		storage.Job{Kind: "timer", Key: "later", Due: noon.AddDate(100, 0, 0)})
	require.Empty(e, e.claim(claimAll(noon.AddDate(-101, 0, 0))))
	require.ElementsMatch(e, []string{"timer/past", "timer/now"}, names(e.claim(claimAll(noon))))
	require.Equal(e, []string{"timer/soon"}, names(e.claim(claimAll(noon.Add(time.Microsecond)))))
}

func claimWhole(e *env) {
	want := storage.Job{Kind: "timer", Key: "1", Subject: "incident 7", Due: noon, Payload: []byte(`{"a": 1}`)}
	e.enqueue(acme, want)
	want.Tenant = acme
	now := noon.Add(time.Hour)
	got := one(e, e.claim(storage.Claim{Now: now, Lease: 90 * time.Second, Limit: 1}))
	require.Equal(e, want, asked(got))
	require.Equal(e, 1, got.Attempts)
	require.Empty(e, got.Error)
	require.NotEmpty(e, got.Token)
	require.Equal(e, now.Add(90*time.Second), got.Lease)

	listed := e.job(acme, "timer", "1")
	require.Equal(e, want, asked(listed))
	require.Equal(e, got.Lease, listed.Lease)
	require.Equal(e, got.Attempts, listed.Attempts)
	require.Equal(e, got.Generation, listed.Generation)

	e.finish(got, storage.Outcome{Due: noon, Error: "it failed"})
	listed = e.job(acme, "timer", "1")
	require.True(e, listed.Lease.IsZero(), "it is not claimed any more")
	require.Equal(e, "it failed", listed.Error)
	again := e.claimOne(now)
	require.Equal(e, "it failed", again.Error, "what the last failed attempt said")
	require.NotEqual(e, got.Token, again.Token)
}

func claimNothing(e *env) {
	require.Empty(e, e.claim(claimAll(noon)))
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon.Add(time.Hour)})
	require.Empty(e, e.claim(claimAll(noon)))
}

func claimLimit(e *env) {
	jobs := make([]storage.Job, storage.MaxLimit+3)
	for i := range jobs {
		jobs[i] = storage.Job{Kind: "timer", Key: fmt.Sprint(i), Due: noon}
	}
	e.enqueue(acme, jobs...)
	for _, limit := range []int{1, 3, storage.MaxLimit - 4, storage.MaxLimit} {
		want := min(limit, len(jobs))
		require.Len(e, e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: limit}), want)
		jobs = jobs[want:]
	}
	require.Empty(e, jobs, "the case itself is wrong")
	require.Empty(e, e.claim(claimAll(noon)))
	require.Len(e, e.claim(claimAll(noon.Add(time.Hour))), storage.MaxLimit, "when their leases have ended")
}

func claimKinds(e *env) {
	for _, kind := range []string{"a", "A", "a ", "b"} {
		e.enqueue(acme, storage.Job{Kind: kind, Key: "1", Due: noon})
	}
	only := func(kinds ...string) storage.Claim {
		c := claimAll(noon)
		c.Kinds = kinds
		return c
	}
	require.Empty(e, e.claim(only("c", "B")))
	require.Equal(e, []string{"a/1"}, names(e.claim(only("a"))))
	require.ElementsMatch(e, []string{"A/1", "b/1"}, names(e.claim(only("b", "A", "c", "b"))))
	require.Equal(e, []string{"a /1"}, names(e.claim(only())), "no kinds are all kinds")
}

func claimOrder(e *env) {
	for i, key := range []string{"d", "b", "e", "a", "c"} {
		e.enqueue(acme, storage.Job{Kind: "timer", Key: key, Due: noon.Add(-time.Duration(i+1) * time.Minute)})
	}
	for _, want := range [][]string{{"timer/c", "timer/a"}, {"timer/e", "timer/b"}, {"timer/d"}} {
		require.ElementsMatch(e, want, names(e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 2})))
	}
}

func claimLease(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	first := e.claimOne(noon)
	for _, now := range []time.Time{noon, noon.Add(30 * time.Second), first.Lease.Add(-time.Microsecond)} {
		require.Empty(e, e.claim(claimAll(now)), "at %v", now)
	}
	second := e.claimOne(first.Lease.Add(time.Microsecond))
	require.NotEqual(e, first.Token, second.Token)
	require.Empty(e, e.claim(claimAll(first.Lease.Add(time.Second))), "the second lease counts from the second claim")
}

func claimAttempts(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	now := noon
	for want := 1; want <= 4; want++ {
		require.Equal(e, want, e.claimOne(now).Attempts, "when leases just end")
		now = now.Add(time.Hour)
	}
	job := e.claimOne(now)
	require.Equal(e, 5, job.Attempts)
	e.finish(job, storage.Outcome{Due: now, Error: "it failed"})
	job = e.claimOne(now)
	require.Equal(e, 6, job.Attempts)
	e.finish(job, storage.Outcome{Due: now, Error: "it failed", Reset: true})
	require.Zero(e, e.job(acme, "timer", "1").Attempts)
	require.Equal(e, 1, e.claimOne(now).Attempts)
}

func claimLate(e *env) {
	for i, o := range []storage.Outcome{{Done: true}, {Due: noon, Error: "late"}, {Dead: true, Error: "late"}} {
		key := fmt.Sprint(i)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: key, Due: noon})
		late := e.claimOne(noon)
		holder := e.claimOne(noon.Add(time.Hour))
		before := e.job(acme, "timer", key)
		require.ErrorIs(e, e.tryFinish(late, o), storage.ErrConflict, "while another has it")
		require.Equal(e, before, e.job(acme, "timer", key))
		e.finish(holder, storage.Outcome{Due: noon, Error: "the holder's"})
		require.ErrorIs(e, e.tryFinish(late, o), storage.ErrConflict, "after the other failed")
		require.Equal(e, "the holder's", e.job(acme, "timer", key).Error)
		e.finish(e.claimOne(noon), storage.Outcome{Done: true})
		require.ErrorIs(e, e.tryFinish(late, o), storage.ErrConflict, "after it was done")
		require.Empty(e, e.jobs(acme))
	}
}

func claimLateAlone(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := one(e, e.claim(storage.Claim{Now: noon, Lease: time.Microsecond, Limit: 1}))
	e.finish(job, storage.Outcome{Done: true})
	require.Empty(e, e.jobs(acme))
}

func claimSubject(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "b", Subject: "incident 7", Due: noon.Add(-time.Minute)},
		storage.Job{Kind: "timer", Key: "a", Subject: "incident 7", Due: noon.Add(-2 * time.Minute)},
		storage.Job{Kind: "timer", Key: "c", Subject: "incident 7", Due: noon.Add(-3 * time.Minute)},
		storage.Job{Kind: "timer", Key: "d", Subject: "incident 7 ", Due: noon},
		storage.Job{Kind: "timer", Key: "e", Subject: "Incident 7", Due: noon})
	first := e.claim(claimAll(noon))
	require.ElementsMatch(e, []string{"timer/c", "timer/d", "timer/e"}, names(first))
	for _, j := range first {
		e.finish(j, storage.Outcome{Done: true})
	}
	for _, want := range []string{"a", "b"} {
		job := e.claimOne(noon)
		require.Equal(e, want, job.Key)
		e.finish(job, storage.Outcome{Done: true})
	}
}

func claimSubjectWaits(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon},
		storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon.Add(time.Second)})
	job := e.claimOne(noon)
	require.Equal(e, "1", job.Key)
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "0", Subject: "s", Due: noon.Add(-time.Hour)})
	require.Empty(e, e.claim(claimAll(noon.Add(30*time.Second))), "one that is due before it waits too")
	require.Equal(e, "0", e.claimOne(job.Lease.Add(time.Second)).Key, "when the lease has ended, the order is by due time again")
	require.Empty(e, e.claim(claimAll(job.Lease.Add(2*time.Second))))
}

func claimSubjectPutOff(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon},
		storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon.Add(time.Second)})
	now := noon.Add(10 * time.Second)
	job := e.claimOne(now)
	require.Equal(e, "1", job.Key)
	e.finish(job, storage.Outcome{Due: noon.Add(time.Minute), Error: "it failed"})
	job = e.claimOne(now)
	require.Equal(e, "2", job.Key)
	e.finish(job, storage.Outcome{Done: true})
	require.Empty(e, e.claim(claimAll(now)))
	require.Equal(e, "1", e.claimOne(noon.Add(time.Minute)).Key)
}

func claimSubjectDead(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "0", Subject: "s", Due: noon.Add(-time.Hour), Dead: true},
		storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon.Add(-time.Minute)},
		storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon})
	job := e.claimOne(noon)
	require.Equal(e, "1", job.Key)
	e.finish(job, storage.Outcome{Dead: true, Due: noon.Add(-time.Minute), Error: "gave up"})
	require.Equal(e, "2", e.claimOne(noon).Key)
}

func claimSubjectCancelled(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon.Add(-2 * time.Minute)},
		storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon.Add(-time.Minute)},
		storage.Job{Kind: "timer", Key: "3", Subject: "s", Due: noon})
	e.cancel(acme, "timer", "1")
	job := e.claimOne(noon)
	require.Equal(e, "2", job.Key)
	e.cancel(acme, "timer", "2")
	require.Equal(e, "3", e.claimOne(noon).Key, "at once, though the one before it was claimed")
	require.ErrorIs(e, e.tryFinish(job, storage.Outcome{Done: true}), storage.ErrConflict)
}

func claimSubjectMoved(e *env) {
	job := func(key string, minutes int) storage.Job {
		return storage.Job{Kind: "timer", Key: key, Subject: "s", Due: noon.Add(time.Duration(minutes) * time.Minute)}
	}
	next := func(want string) {
		e.Helper()
		job := e.claimOne(noon)
		require.Equal(e, want, job.Key)
		e.finish(job, storage.Outcome{Due: job.Due})
	}
	e.enqueue(acme, job("1", -3), job("2", -2), job("3", -1))
	next("1")
	e.enqueue(acme, job("1", 1)) // to come
	next("2")
	e.enqueue(acme, job("2", 0)) // behind the third
	next("3")
	e.enqueue(acme, job("2", -9))
	next("2")
	other := job("2", -9)
	other.Subject = "t"
	e.enqueue(acme, other)
	jobs := e.claim(claimAll(noon))
	require.ElementsMatch(e, []string{"timer/2", "timer/3"}, names(jobs), "a subject of its own")
	for _, j := range jobs {
		e.finish(j, storage.Outcome{Done: true})
	}
	require.Empty(e, e.claim(claimAll(noon)))
	require.Equal(e, "1", e.claimOne(noon.Add(time.Minute)).Key)
}

func claimSubjectBuried(e *env) {
	first := storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon.Add(-2 * time.Minute)}
	e.enqueue(acme, first,
		storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon.Add(-time.Minute)},
		storage.Job{Kind: "timer", Key: "3", Subject: "s", Due: noon})
	first.Dead = true
	e.enqueue(acme, first)
	job := e.claimOne(noon)
	require.Equal(e, "2", job.Key)
	e.finish(job, storage.Outcome{Due: noon.Add(-time.Minute), Error: "it failed"})
	first.Dead = false
	e.enqueue(acme, first)
	require.Equal(e, "1", e.claimOne(noon).Key, "alive again, it is the first again")
}

// claimLongSubject does one thing after the other to whichever job is first of a subject of many,
// and keeps beside it what must be claimed then.
func claimLongSubject(e *env) {
	const all = 40
	due := map[string]time.Time{}
	instants := 0
	at := func(minutes int) time.Time { // no two are the same
		instants++
		return noon.Add(time.Duration(minutes)*time.Minute + time.Duration(instants)*time.Microsecond)
	}
	put := func(key string, minutes int) {
		due[key] = at(minutes)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: key, Subject: "long", Due: due[key]})
	}
	first := func() (key string) {
		for k, d := range due {
			if key == "" || d.Before(due[key]) {
				key = k
			}
		}
		return key
	}
	claim := func(why string) storage.Job {
		e.Helper()
		job := e.claimOne(noon)
		require.Equal(e, first(), job.Key, why)
		require.Equal(e, "long", job.Subject)
		return job
	}
	// Half of them in a call, in no order; the others one by one, each due before all the others.
	var jobs []storage.Job
	for i := range all / 2 {
		key := fmt.Sprint(i)
		due[key] = at(-100 - i*7%20)
		jobs = append(jobs, storage.Job{Kind: "timer", Key: key, Subject: "long", Due: due[key]})
	}
	e.enqueue(acme, jobs...)
	for i := all / 2; i < all; i++ {
		put(fmt.Sprint(i), -200-i)
	}
	for round := range 4 {
		e.cancel(acme, "timer", first())
		delete(due, first())
		job := claim("after the first was cancelled")
		require.Empty(e, e.claim(claimAll(noon)), "while it is claimed")
		e.finish(job, storage.Outcome{Done: true})
		delete(due, job.Key)
		put(first(), -50-round)
		job = claim("after the first was moved behind the others")
		due[job.Key] = at(-40 - round)
		e.finish(job, storage.Outcome{Due: due[job.Key], Error: "it failed"})
		job = claim("after the first was put off")
		put(job.Key, -30-round)
		e.finish(job, storage.Outcome{Done: true}) // which it is not: it was enqueued again meanwhile
		job = claim("after the first was moved while it was claimed")
		put(job.Key, -500+round)
		e.finish(job, storage.Outcome{Done: true})
		job = claim("the first stays the first")
		e.finish(job, storage.Outcome{Due: noon, Dead: true, Error: "it gave up"})
		delete(due, job.Key)
		job = claim("after the first became a dead letter")
		e.cancel(acme, "timer", job.Key)
		delete(due, job.Key)
		put(fmt.Sprint("new ", round), -1000)
		job = claim("after an earlier one was added")
		e.finish(job, storage.Outcome{Done: true})
		delete(due, job.Key)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: first(), Subject: "long", Due: due[first()], Dead: true})
		delete(due, first())
		e.enqueue(acme, storage.Job{Kind: "timer", Key: first(), Due: noon.Add(time.Hour)}) // it leaves the subject
		delete(due, first())
		e.enqueue(acme, storage.Job{Kind: "timer", Key: first(), Subject: "other", Due: noon, Keep: true}) // it does not
	}
	for len(due) > 0 {
		job := claim("in the end")
		e.finish(job, storage.Outcome{Done: true})
		delete(due, job.Key)
	}
	require.Empty(e, e.claim(claimAll(noon)))
}

func claimLongSubjectKinds(e *env) {
	var jobs []storage.Job
	for i := range 30 {
		jobs = append(jobs, storage.Job{Kind: []string{"timer", "delivery"}[i%2], Key: fmt.Sprint(i), Subject: "long", Due: noon.Add(-time.Duration(i) * time.Minute)})
	}
	e.enqueue(acme, jobs...)
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "free", Due: noon}, storage.Job{Kind: "timer", Key: "short", Subject: "short", Due: noon})
	timers := claimAll(noon)
	timers.Kinds = []string{"timer"}
	others := e.claim(timers)
	require.ElementsMatch(e, []string{"timer/free", "timer/short"}, names(others), "a delivery is the long subject's first")
	for i := len(jobs) - 1; i >= 0; i-- {
		only := claimAll(noon)
		only.Kinds = []string{"mail", jobs[i].Kind}
		if i > 0 {
			other := only
			other.Kinds = []string{jobs[i-1].Kind}
			require.Empty(e, e.claim(other))
		}
		job := one(e, e.claim(only))
		require.Equal(e, jobs[i].Key, job.Key)
		e.finish(job, storage.Outcome{Done: true})
	}
}

// claimLongSubjects has more due than an adapter may want to look at to see what there is.
func claimLongSubjects(e *env) {
	const subjects, each = 16, 20
	tenants := []storage.Tenant{acme, umbra}
	left := map[storage.Tenant]map[string]int{}
	for _, tenant := range tenants {
		var jobs []storage.Job
		left[tenant] = map[string]int{}
		for i := range subjects * each {
			n := i * 77 % (subjects * each) // in no order
			subject := fmt.Sprint(n % subjects)
			left[tenant][subject] = each
			jobs = append(jobs, storage.Job{Kind: "timer", Key: fmt.Sprintf("%02d", n/subjects), Subject: subject, Due: noon.Add(time.Duration(n-1000) * time.Second)})
			jobs[i].Kind += subject
		}
		e.enqueue(tenant, jobs...)
	}
	for len(left[acme])+len(left[umbra]) > 0 {
		can := min(20, len(left[acme])+len(left[umbra]))
		jobs := e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 20})
		require.Len(e, jobs, can, "one of each subject, up to the limit")
		for _, tenant := range tenants {
			e.update(tenant, func(ctx context.Context, tx storage.Tx) {
				for _, j := range jobs {
					if j.Tenant == tenant {
						require.NoError(e, tx.Finish(ctx, j, storage.Outcome{Done: true}))
					}
				}
			})
		}
		for _, j := range jobs {
			require.Equal(e, fmt.Sprintf("%02d", each-left[j.Tenant][j.Subject]), j.Key, "subject %s of %s", j.Subject, j.Tenant)
			if left[j.Tenant][j.Subject]--; left[j.Tenant][j.Subject] == 0 {
				delete(left[j.Tenant], j.Subject)
			}
		}
	}
	require.Empty(e, e.jobs(tenants...))
}

func claimSubjectKinds(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "delivery", Key: "1", Subject: "s", Due: noon.Add(-time.Minute)},
		storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon})
	timers := claimAll(noon)
	timers.Kinds = []string{"timer"}
	require.Empty(e, e.claim(timers), "another kind's job is due first")
	job := e.claimOne(noon)
	require.Equal(e, "delivery", job.Kind)
	require.Empty(e, e.claim(timers), "another kind's job is claimed")
	e.finish(job, storage.Outcome{Done: true})
	require.Equal(e, []string{"timer/2"}, names(e.claim(timers)))
}

func claimSubjectTenants(e *env) {
	for _, tenant := range []storage.Tenant{acme, capital, umbra} {
		e.enqueue(tenant,
			storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon.Add(-time.Minute)},
			storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon})
	}
	jobs := e.claim(claimAll(noon))
	require.Equal(e, []string{"timer/1", "timer/1", "timer/1"}, names(jobs))
	for _, j := range jobs {
		if j.Tenant == acme {
			e.finish(j, storage.Outcome{Done: true})
		}
	}
	job := e.claimOne(noon)
	require.Equal(e, "acme/2", string(job.Tenant)+"/"+job.Key)
}

func claimNoSubject(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon.Add(-time.Hour)}, storage.Job{Kind: "timer", Key: "2", Due: noon}, storage.Job{Kind: "timer", Key: "3", Due: noon})
	require.Len(e, e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 2}), 2)
	require.Len(e, e.claim(claimAll(noon)), 1, "while others are claimed")
}

// perTenant counts jobs by their tenants.
func perTenant(jobs []storage.Job) map[storage.Tenant]int {
	out := map[storage.Tenant]int{}
	for _, j := range jobs {
		out[j.Tenant]++
	}
	return out
}

func claimFair(e *env) {
	backlog := make([]storage.Job, storage.MaxLimit+200)
	for i := range backlog {
		backlog[i] = storage.Job{Kind: "timer", Key: fmt.Sprint(i), Due: noon.Add(-time.Hour + time.Duration(i))}
	}
	e.enqueue(acme, backlog...)
	e.enqueue(umbra, backlog[:10]...)
	late := storage.Job{Kind: "timer", Key: "late", Due: noon}
	e.enqueue("small", late)
	e.enqueue("zero", late)

	first := perTenant(e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 3}))
	require.Len(e, first, 3, "three jobs of three tenants: %v", first)
	require.Len(e, perTenant(e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 2})), 2)
	later := noon.Add(time.Hour) // everything is due again
	all := perTenant(e.claim(storage.Claim{Now: later, Lease: time.Minute, Limit: 100}))
	require.Len(e, all, 4, "a hundred jobs: %v", all)
	require.Equal(e, 1, all["small"])
	require.Equal(e, 1, all["zero"])
	require.Equal(e, 100, all[acme]+all[umbra]+2, "what others leave goes to whom has more due")
}

// claimTurns has workers that claim one job at a time: for them, too, the tenant with the oldest
// and most jobs is not all that there is.
func claimTurns(e *env) {
	backlog := make([]storage.Job, 50)
	for i := range backlog {
		backlog[i] = storage.Job{Kind: "timer", Key: fmt.Sprint(i), Due: noon.Add(-time.Hour)}
	}
	e.enqueue(acme, backlog...)
	e.enqueue(umbra, storage.Job{Kind: "timer", Key: "late", Due: noon})
	e.enqueue(capital, storage.Job{Kind: "timer", Key: "late", Due: noon})
	served := map[storage.Tenant]int{}
	for range 20 {
		for _, j := range e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 1}) {
			served[j.Tenant]++
		}
	}
	require.Equal(e, map[storage.Tenant]int{acme: 18, umbra: 1, capital: 1}, served)
}

func claimFairSubject(e *env) {
	jobs := make([]storage.Job, 30)
	for i := range jobs {
		jobs[i] = storage.Job{Kind: "timer", Key: fmt.Sprint(i), Subject: "one", Due: noon.Add(time.Duration(i-100) * time.Second)}
	}
	e.enqueue(acme, jobs...)
	e.enqueue(umbra, storage.Job{Kind: "timer", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon}, storage.Job{Kind: "timer", Key: "3", Due: noon})
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "other", Subject: "two", Due: noon}, storage.Job{Kind: "timer", Key: "free", Due: noon})
	require.Equal(e, map[storage.Tenant]int{acme: 3, umbra: 3}, perTenant(e.claim(storage.Claim{Now: noon, Lease: time.Minute, Limit: 10})))
}

func claimInvalid(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	for _, c := range []storage.Claim{
		{Now: noon, Lease: time.Minute},
		{Now: noon, Lease: time.Minute, Limit: -1},
		{Now: noon, Lease: time.Minute, Limit: storage.MaxLimit + 1},
		{Now: noon, Lease: 0, Limit: 1},
		{Now: noon, Lease: -time.Minute, Limit: 1},
	} {
		jobs, err := e.store.Claim(e.ctx, c)
		require.ErrorIs(e, err, storage.ErrInvalid, "%+v", c)
		require.Empty(e, jobs)
	}
	require.Equal(e, 1, e.claimOne(noon).Attempts)
}

// claimInUpdate holds that a claim, which commits on its own, does not wait for the unit around
// it for ever, nor become part of it.
func claimInUpdate(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		jobs, err := e.store.Claim(ctx, claimAll(noon))
		require.ErrorIs(e, err, storage.ErrInvalid)
		require.Empty(e, jobs)
	})
	require.Equal(e, 1, e.claimOne(noon).Attempts)
}
