package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Ran says what a Tick did.
type Ran struct {
	// Jobs is the number of jobs that ran and committed, Delivered the number of events that
	// subscribers took. A job of which it was unknown whether it committed, and whose claim was then
	// found to be over, counts as one that did.
	Jobs, Delivered int
	// Failed is the number of attempts that failed and will be made again, Dead the number of
	// dead letters that came of it.
	Failed, Dead int
	// Lost is the number of claims that were no longer this worker's when it came to finish:
	// cancelled meanwhile, or taken over after the lease. Their effect was undone.
	Lost int
	// Keys is the number of commands whose keys were forgotten.
	Keys int
	// More says that the limit of a Tick was reached and something may still be due.
	More bool
}

func (r *Ran) add(o Ran) {
	r.Jobs += o.Jobs
	r.Delivered += o.Delivered
	r.Failed += o.Failed
	r.Dead += o.Dead
	r.Lost += o.Lost
}

// claimSize is how many jobs are claimed at once: few enough to run within a lease.
const claimSize = 16

// Tick does what is due by now, in any tenant: jobs, and deliveries to subscribers. Many
// processes may tick at once; each job runs in one of them. A job that fails is put off and
// does not fail the Tick. What the jobs do happens at now, whatever the clock says. Its errors are
// those of the store, joined, and that of ctx. Of jobs that the store had errors with, the others
// are done all the same.
//
// When nothing is due any more, it removes some keys of commands that are older than
// [Options].KeyRetention, in the tenants that this process knows of: those in which it was
// commanded under a key, and those whose jobs it ran.
func (e *Engine) Tick(ctx context.Context, now time.Time) (Ran, error) {
	if err := e.seal(); err != nil {
		return Ran{}, err
	}
	now = storage.Instant(now)
	ran, err := e.runDue(ctx, now)
	if err != nil || ran.More {
		return ran, err
	}
	ran.Keys, ran.More, err = e.forget(ctx, now)
	return ran, err
}

// runDue runs jobs and deliveries up to the limit of a Tick.
func (e *Engine) runDue(ctx context.Context, now time.Time) (Ran, error) {
	var ran Ran
	if len(e.r.kinds) == 0 {
		return ran, nil
	}
	var failed []error
	busy := 0 // how often in a row the store could not claim
	for n := 0; n < e.r.tickLimit; {
		// A claim lasts from when it is made, which in a long tick is well after the instant that
		// the tick is about.
		late := max(e.r.clock.Now().Sub(now), 0)
		jobs, err := e.store.Claim(ctx, storage.Claim{Now: now, Lease: late + e.r.lease, Limit: min(claimSize, e.r.tickLimit-n), Kinds: e.r.kinds})
		if err != nil {
			// Of a claim whose outcome is unknown nobody knows the jobs: they come back with the end of the
			// lease, and others can be done meanwhile.
			if busy++; busy < e.attempts && (isRetry(err) || isUnknown(err)) {
				if err = pause(ctx, busy, err); err == nil {
					continue
				}
			}
			return ran, errors.Join(append(failed, err)...)
		}
		busy = 0
		if len(jobs) == 0 {
			return ran, errors.Join(failed...)
		}
		n += len(jobs)
		for _, j := range jobs {
			e.r.keys.meet(j.Tenant)
			var did Ran
			var err error
			if left := e.left(j, now); left >= e.r.lease/2 {
				did, err = e.runJob(ctx, j, now, left)
			} else {
				// Those before it took long. It is let go of, and claimed anew with a whole lease.
				err = e.settle(ctx, j, storage.Outcome{Due: j.Due, Error: j.Error, Reset: true})
			}
			ran.add(did)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return ran, errors.Join(append(failed, ctx.Err())...)
			case errors.Is(err, storage.ErrConflict):
				ran.Lost++
			default:
				failed = append(failed, fmt.Errorf("job %s of tenant %s: %w", j.Kind, j.Tenant, err))
			}
		}
		if len(failed) > 0 {
			return ran, errors.Join(failed...)
		}
	}
	ran.More = true
	return ran, nil
}

// left is how long a claim still lasts: by the clock, or by the tick's instant where that is
// later.
func (e *Engine) left(j storage.Job, now time.Time) time.Duration {
	if clock := e.r.clock.Now(); clock.After(now) {
		now = clock
	}
	return j.Lease.Sub(now)
}

// Run ticks by the engine's clock until ctx ends, and returns its error. It pauses between
// ticks when nothing is due, and after an error of the store, which it gives to report where
// that is not nil.
func (e *Engine) Run(ctx context.Context, report func(Ran, error)) error {
	for {
		ran, err := e.Tick(ctx, e.r.clock.Now())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if report != nil && (err != nil || ran != Ran{}) {
			report(ran, err)
		}
		if err == nil && ran.More {
			continue
		}
		timer := time.NewTimer(e.r.poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (e *Engine) runJob(ctx context.Context, j storage.Job, now time.Time, left time.Duration) (Ran, error) {
	if j.Kind == deliveryKind {
		return e.runDelivery(ctx, j, now, left)
	}
	for _, s := range e.r.subscribers {
		if s.kind() == j.Kind || s.letter() == j.Kind {
			return e.runOwnDelivery(ctx, s, j, now, left)
		}
	}
	h := e.r.jobs[j.Kind]
	err := errNotBack
	if j.Attempts <= e.r.jobAttempts {
		if h.outside != nil {
			err = e.runOutside(ctx, h, j, left)
		} else {
			err = e.runInside(ctx, h.run, j, now)
			if h.refused != nil && errors.Is(err, itsm.ErrTransition) {
				err = e.runInside(ctx, h.refused, j, now)
			}
		}
	}
	var lost *lostClaim
	switch {
	case err == nil:
		return Ran{Jobs: 1}, nil
	case errors.As(err, &lost):
		return Ran{}, lost.err
	case ctx.Err() != nil:
		return Ran{}, ctx.Err()
	}
	o := storage.Outcome{Error: err.Error()}
	ran := Ran{}
	if j.Attempts >= e.r.jobAttempts {
		o.Dead, ran.Dead = true, 1
	} else {
		o.Due, ran.Failed = now.Add(e.r.wait(j.Attempts)), 1
	}
	return ran, e.settle(ctx, j, o)
}

// runInside runs a handler in a unit that finishes the job too. A panic, of the handler or of a
// reaction, is a failure of the job, not of the process.
func (e *Engine) runInside(ctx context.Context, run func(context.Context, *Unit, storage.Job) error, j storage.Job, now time.Time) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("job %s panicked: %v", j.Kind, r)
		}
	}()
	// The claim is the unit's key: where it was finished, it cannot be again.
	unsure := false
	c := Call{Actor: itsm.SystemActor(j.Tenant, j.Kind), settle: func(context.Context) (fate, error) {
		unsure = true
		return open, nil
	}}
	err = e.unit(ctx, c, now, func(ctx context.Context, u *Unit) error {
		u.s.running = &running{kind: j.Kind, key: j.Key}
		if err := run(ctx, u, j); err != nil {
			return err
		}
		if err := u.finish(ctx); err != nil {
			return err
		}
		if err := finishJob(ctx, u.s.tx, j); err != nil {
			return err
		}
		if next := u.s.running.next; next != nil {
			return u.s.tx.Enqueue(ctx, *next)
		}
		return nil
	})
	var lost *lostClaim
	if unsure && errors.As(err, &lost) {
		return nil // by the attempt that nothing was heard of
	}
	return err
}

// runOutside runs a handler outside any unit and finishes the job when it is done.
func (e *Engine) runOutside(ctx context.Context, h JobHandler, j storage.Job, left time.Duration) (err error) {
	err = func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("job %s panicked: %v", j.Kind, r)
			}
		}()
		claim, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		return h.outside(claim, e, j)
	}()
	if err != nil {
		return err
	}
	if err := e.settle(ctx, j, storage.Outcome{Done: true}); err != nil {
		if errors.Is(err, storage.ErrConflict) {
			return &lostClaim{err}
		}
		return err
	}
	return nil
}

func finishJob(ctx context.Context, tx storage.Tx, j storage.Job) error {
	err := tx.Finish(ctx, j, storage.Outcome{Done: true})
	if errors.Is(err, storage.ErrConflict) {
		return &lostClaim{err}
	}
	return err
}

// lostClaim is a conflict that running the unit again cannot mend.
type lostClaim struct{ err error }

func (l *lostClaim) Error() string { return l.err.Error() }
func (l *lostClaim) Unwrap() error { return l.err }
