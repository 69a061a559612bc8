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
	// subscribers took.
	Jobs, Delivered int
	// Failed is the number of attempts that failed and will be made again, Dead the number of
	// dead letters that came of it.
	Failed, Dead int
	// Lost is the number of claims that were no longer this worker's when it came to finish:
	// cancelled meanwhile, or taken over after the lease. Their effect was undone.
	Lost int
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
// does not fail the Tick: its error is one of the store or of ctx.
func (e *Engine) Tick(ctx context.Context, now time.Time) (Ran, error) {
	e.seal()
	now = storage.Instant(now)
	var ran Ran
	if len(e.r.kinds) == 0 {
		return ran, nil
	}
	for n := 0; n < e.r.tickLimit; {
		jobs, err := e.store.Claim(ctx, storage.Claim{Now: now, Lease: e.r.lease, Limit: min(claimSize, e.r.tickLimit-n), Kinds: e.r.kinds})
		if err != nil {
			if isRetry(err) && pause(ctx, 1) == nil {
				n++ // a bound for a store that is always busy
				continue
			}
			return ran, err
		}
		if len(jobs) == 0 {
			return ran, nil
		}
		n += len(jobs)
		for _, j := range jobs {
			did, err := e.runJob(ctx, j, now)
			ran.add(did)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return ran, ctx.Err()
			case errors.Is(err, storage.ErrConflict):
				ran.Lost++
			default:
				return ran, err
			}
		}
	}
	ran.More = true
	return ran, nil
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

func (e *Engine) runJob(ctx context.Context, j storage.Job, now time.Time) (Ran, error) {
	for _, s := range e.r.subscribers {
		if s.kind() == j.Kind {
			return e.runDelivery(ctx, s, j, now)
		}
	}
	h := e.r.jobs[j.Kind]
	err := e.update(ctx, itsm.SystemActor(j.Tenant, j.Kind), now, itsm.Command{}, func(ctx context.Context, u *Unit) (err error) {
		if err := runHandler(ctx, h, u, j); err != nil {
			return err
		}
		if err := u.s.tx.Finish(ctx, j, storage.Outcome{Done: true}); err != nil {
			if errors.Is(err, storage.ErrConflict) {
				return &lostClaim{err}
			}
			return err
		}
		return nil
	})
	var lost *lostClaim
	switch {
	case err == nil:
		return Ran{Jobs: 1}, nil
	case errors.As(err, &lost):
		return Ran{}, lost.Unwrap()
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

// runHandler runs a handler; its panic is a failure of the job, not of the process.
func runHandler(ctx context.Context, h JobHandler, u *Unit, j storage.Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("job %s panicked: %v", j.Kind, r)
		}
	}()
	return h.run(ctx, u, j)
}

// lostClaim is a conflict that running the unit again cannot mend.
type lostClaim struct{ err error }

func (l *lostClaim) Error() string { return l.err.Error() }
func (l *lostClaim) Unwrap() error { return l.err }

func isRetry(err error) bool { return errors.Is(err, storage.ErrRetry) }
