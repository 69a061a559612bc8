package storagetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Outcomes end claims: once, by their holder, and together with the unit's other writes.
var outcomeCases = []testCase{
	{"every outcome of every job", outcomeAll},
	{"a job that is done is removed", outcomeDone},
	{"a job enqueued again while it runs is not lost", outcomeRisen},
	{"a job enqueued again while it runs stays claimed", outcomeRisenClaimed},
	{"an effect and its completion commit together", outcomeTogether},
	{"a finish inside a unit that fails leaves the claim", outcomeRollback},
	{"a claim is finished once", outcomeTwice},
	{"a job that is not claimed cannot be finished", outcomeUnclaimed},
	{"another token does not finish a job", outcomeToken},
	{"a dead letter is kept with what went wrong", outcomeDead},
	{"a dead letter without a due time keeps its own", outcomeDeadDue},
	{"a job that is made dead while it runs stays dead", outcomeDeadMeanwhile},
	{"the error of a failed attempt may be long", outcomeError},
}

// outcomeAll combines what can have happened to a job while it was claimed with every outcome.
func outcomeAll(e *env) {
	type combination struct {
		name    string
		again   string // how it was enqueued again: not, "replaced" or "kept"
		outcome storage.Outcome
	}
	own, replaced := noon.Add(time.Hour), noon.Add(2*time.Hour)
	var all []combination
	for _, again := range []string{"", "replaced", "kept"} {
		for bits := range 1 << 5 {
			var o storage.Outcome
			o.Done, o.Dead, o.Reset = bits&1 != 0, bits&2 != 0, bits&4 != 0
			if bits&8 != 0 {
				o.Payload = []byte(`"of the outcome"`)
			}
			o.Due = noon.Add(time.Minute)
			if bits&16 != 0 {
				o.Due = noon.Add(3 * time.Hour)
			}
			if !o.Done {
				o.Error = "of the outcome"
			}
			all = append(all, combination{fmt.Sprintf("%s %05b", again, bits), again, o})
		}
	}
	var jobs []storage.Job
	for _, c := range all {
		jobs = append(jobs, storage.Job{Kind: "timer", Key: c.name, Subject: c.name, Due: noon, Payload: []byte(`"own"`)})
	}
	e.enqueue(acme, jobs...)
	claim := func(now time.Time) map[string]storage.Job {
		claimed := map[string]storage.Job{}
		for _, j := range e.claim(claimAll(now)) {
			claimed[j.Key] = j
		}
		require.Len(e, claimed, len(all))
		return claimed
	}
	finish := func(claimed map[string]storage.Job, outcome func(c combination) storage.Outcome) {
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			for _, c := range all {
				require.NoError(e, tx.Finish(ctx, claimed[c.name], outcome(c)), "%+v", c)
			}
		})
	}
	finish(claim(noon), func(combination) storage.Outcome { return storage.Outcome{Due: own, Error: "of the first attempt"} })
	claimed := claim(own)
	jobs = nil
	for _, c := range all {
		if c.again != "" {
			jobs = append(jobs, storage.Job{Kind: "timer", Key: c.name, Subject: c.name, Due: replaced, Payload: []byte(`"replaced"`), Keep: c.again == "kept"})
		}
	}
	e.enqueue(acme, jobs...)
	finish(claimed, func(c combination) storage.Outcome { return c.outcome })

	left := map[string]storage.Job{}
	for _, j := range e.jobs(acme) {
		left[j.Key] = j
	}
	for _, c := range all {
		got, there := left[c.name]
		o := c.outcome
		if o.Done && c.again == "" {
			require.False(e, there, "%+v: it is still there", c)
			continue
		}
		require.True(e, there, "%+v: it is gone", c)
		payload, due, attempts := `"own"`, own, 2
		if c.again == "replaced" {
			payload, due, attempts = `"replaced"`, replaced, 0
		}
		if o.Payload != nil {
			payload = string(o.Payload)
		}
		if o.Done || o.Reset {
			attempts = 0
		}
		dead := false
		require.Equal(e, o.Error, got.Error, "%+v: what the last attempt said, nothing where it went well", c)
		if !o.Done {
			dead = o.Dead && c.again == ""
			if c.again == "" || o.Due.After(due) {
				due = o.Due
			}
		}
		require.Equal(e, payload, string(got.Payload), "%+v", c)
		require.Equal(e, attempts, got.Attempts, "%+v", c)
		require.Equal(e, dead, got.Dead, "%+v", c)
		require.Equal(e, c.name, got.Subject, "%+v", c)
		require.True(e, got.Lease.IsZero(), "%+v: it is still claimed", c)
		if !dead {
			require.Equal(e, due, got.Due, "%+v", c)
		}
		require.ErrorIs(e, e.tryFinish(claimed[c.name], storage.Outcome{Done: true}), storage.ErrConflict, "%+v", c)
	}
	for _, j := range e.claim(claimAll(noon.Add(24 * time.Hour))) {
		require.Equal(e, left[j.Key].Attempts+1, j.Attempts)
		require.False(e, left[j.Key].Dead)
		delete(left, j.Key)
	}
	for _, j := range left {
		require.True(e, j.Dead, "%s was not claimed", j.Key)
	}
}

func outcomeDone(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon.Add(time.Hour)})
	e.finish(e.claimOne(noon), storage.Outcome{Done: true, Payload: []byte(`1`)})
	require.Equal(e, []string{"timer/2"}, names(e.jobs(acme)))
}

func outcomeRisen(e *env) {
	for _, keep := range []bool{true, false} {
		e.enqueue(acme, storage.Job{Kind: "delivery", Key: "1", Subject: "s", Due: noon, Payload: []byte(`1`)})
		job := e.claimOne(noon)
		e.enqueue(acme, storage.Job{Kind: "delivery", Key: "1", Subject: "s", Due: noon, Payload: []byte(`2`), Keep: keep})
		e.finish(job, storage.Outcome{Done: true})
		require.Equal(e, []string{"delivery/1"}, names(e.jobs(acme)), "what was enqueued while it ran is not lost")
		again := e.claimOne(noon)
		require.Equal(e, 1, again.Attempts)
		require.Greater(e, again.Generation, job.Generation)
		e.finish(again, storage.Outcome{Done: true})
		require.Empty(e, e.jobs(acme))
	}
	e.enqueue(acme, storage.Job{Kind: "delivery", Key: "1", Due: noon, Keep: true})
	job := e.claimOne(noon)
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Enqueue(ctx, storage.Job{Kind: "delivery", Key: "1", Due: noon, Keep: true}))
		require.NoError(e, tx.Finish(ctx, job, storage.Outcome{Done: true}))
	})
	require.Len(e, e.jobs(acme), 1, "enqueued in the unit that finishes it")
}

func outcomeRisenClaimed(e *env) {
	e.enqueue(acme, storage.Job{Kind: "delivery", Key: "1", Due: noon}, storage.Job{Kind: "delivery", Key: "2", Due: noon, Subject: "s"})
	claimed := e.claim(claimAll(noon))
	require.Len(e, claimed, 2)
	e.enqueue(acme, storage.Job{Kind: "delivery", Key: "1", Due: noon.Add(-time.Hour)}, storage.Job{Kind: "delivery", Key: "2", Due: noon, Subject: "s", Keep: true},
		storage.Job{Kind: "delivery", Key: "3", Due: noon, Subject: "s"})
	require.Empty(e, e.claim(claimAll(noon.Add(time.Second))), "their workers still have them")
	for _, j := range claimed {
		e.finish(j, storage.Outcome{Done: true})
	}
	require.Len(e, e.jobs(acme), 3)
}

func outcomeTogether(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		row := ticket("1")
		require.NoError(e, tx.Put(ctx, tickets, &row))
		require.NoError(e, tx.Finish(ctx, job, storage.Outcome{Done: true}))
		require.NoError(e, tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "next", Due: noon}))
	})
	e.get(acme, "1")
	require.Equal(e, []string{"timer/next"}, names(e.jobs(acme)))
}

func outcomeRollback(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.claimOne(noon)
	before := e.jobs(acme)
	for _, o := range []storage.Outcome{{Done: true}, {Due: noon, Error: "it failed"}, {Dead: true}} {
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			if err := tx.Finish(ctx, job, o); err != nil {
				return err
			}
			return errOurs
		})
		require.ErrorIs(e, err, errOurs)
		require.Equal(e, before, e.jobs(acme))
	}
	require.Empty(e, e.claim(claimAll(noon.Add(time.Second))), "it is still claimed")
	e.finish(job, storage.Outcome{Done: true})
	require.Empty(e, e.jobs(acme))
}

func outcomeTwice(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon})
	for _, job := range e.claim(claimAll(noon)) {
		o := storage.Outcome{Done: job.Key == "1", Due: noon.Add(time.Hour)}
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			require.NoError(e, tx.Finish(ctx, job, o))
			require.ErrorIs(e, tx.Finish(ctx, job, o), storage.ErrConflict, "in the same unit")
			row := ticket(storage.ID(job.Key))
			require.NoError(e, tx.Put(ctx, tickets, &row), "the unit can still be used")
		})
		require.ErrorIs(e, e.tryFinish(job, o), storage.ErrConflict, "in a later unit")
	}
	require.Equal(e, []string{"1", "2"}, ids(e.query(storage.RowQuery{}, acme)))
	require.Equal(e, noon.Add(time.Hour), e.job(acme, "timer", "2").Due)
}

func outcomeUnclaimed(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	job := e.job(acme, "timer", "1")
	for _, o := range []storage.Outcome{{Done: true}, {Due: noon.Add(time.Hour)}, {Dead: true}} {
		require.ErrorIs(e, e.tryFinish(job, o), storage.ErrConflict)
		require.ErrorIs(e, e.tryFinish(storage.Job{Tenant: acme, Kind: "timer", Key: "none"}, o), storage.ErrConflict)
	}
	require.Equal(e, job, e.job(acme, "timer", "1"))
}

func outcomeToken(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon})
	claimed := e.claim(claimAll(noon))
	require.Len(e, claimed, 2)
	before := e.jobs(acme)
	for _, token := range []string{"", "x", claimed[0].Token + "x", "x" + claimed[0].Token} {
		forged := claimed[0]
		forged.Token = token
		require.ErrorIs(e, e.tryFinish(forged, storage.Outcome{Done: true}), storage.ErrConflict, "token %q", token)
	}
	require.NotEqual(e, claimed[0].Token, claimed[1].Token, "a token is of one claim of one job")
	require.Equal(e, before, e.jobs(acme))
}

func outcomeDead(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon, Payload: []byte(`{"a":1}`)})
	e.finish(e.claimOne(noon), storage.Outcome{Due: noon, Error: "first"})
	e.finish(e.claimOne(noon), storage.Outcome{Dead: true, Error: "gave up"})
	got := e.job(acme, "timer", "1")
	require.True(e, got.Dead)
	require.Equal(e, "gave up", got.Error)
	require.Equal(e, 2, got.Attempts)
	require.Equal(e, `{"a":1}`, string(got.Payload))
	require.Equal(e, "s", got.Subject)
	require.True(e, got.Lease.IsZero())
	dead := true
	require.Equal(e, []string{"timer/1"}, e.list(storage.JobQuery{Dead: &dead}, acme))
	require.Empty(e, e.claim(claimAll(noon.AddDate(10, 0, 0))))
}

func outcomeDeadDue(e *env) {
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon}, storage.Job{Kind: "timer", Key: "2", Due: noon})
	for _, j := range e.claim(claimAll(noon)) {
		o := storage.Outcome{Dead: true, Error: "gave up"}
		if j.Key == "2" {
			o.Due = noon.Add(time.Hour)
		}
		e.finish(j, o)
	}
	require.Equal(e, noon, e.job(acme, "timer", "1").Due)
	require.Equal(e, noon.Add(time.Hour), e.job(acme, "timer", "2").Due)
}

// outcomeDeadMeanwhile leaves open whether the worker still has the job.
func outcomeDeadMeanwhile(e *env) {
	for i, o := range []storage.Outcome{{Done: true}, {Due: noon, Error: "it failed"}} {
		key := fmt.Sprint(i)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: key, Due: noon})
		job := e.claimOne(noon)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: key, Due: noon, Dead: true, Attempts: 3, Error: "given up by hand"})
		if err := e.tryFinish(job, o); err != nil {
			require.ErrorIs(e, err, storage.ErrConflict)
		}
		require.True(e, e.job(acme, "timer", key).Dead)
		require.Empty(e, e.claim(claimAll(noon.Add(24*time.Hour))))
	}
}

func outcomeError(e *env) {
	for i, text := range []string{"it's \"\\ 100%\n\tat line 1", strings.Repeat("\u00e9\U0001f525", 500)} {
		e.enqueue(acme, storage.Job{Kind: "timer", Key: fmt.Sprint(i), Due: noon})
		e.finish(e.claimOne(noon), storage.Outcome{Due: noon.Add(time.Hour), Error: text})
		require.Equal(e, text, e.job(acme, "timer", fmt.Sprint(i)).Error)
	}
}
