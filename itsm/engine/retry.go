// This file holds when something is run again that a store did not do: how often, after which pause,
// and what becomes of what may have been done.

package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The longest pauses: between the attempts of units that are in each other's way, and between those of
// what the store could not do, which may take it as long as a server needs to come back.
const (
	longestConflict = 50 * time.Millisecond
	longestRetry    = time.Second
)

// pause waits before what failed for the n-th time is run again: about a millisecond at first, doubling
// up to the longest pause, with jitter, so that those who collided do not collide again. It ends with
// the context, whose error it gives.
func pause(ctx context.Context, n int, failed error) error {
	most := longestRetry
	if !isRetry(failed) && !isUnknown(failed) {
		most = longestConflict
	}
	most = min(time.Millisecond<<min(n, 20), most)
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(most))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func isRetry(err error) bool { return errors.Is(err, storage.ErrRetry) && !isUnknown(err) }

func isUnknown(err error) bool { return errors.Is(err, storage.ErrUnknownOutcome) }

// again says whether a unit that failed so can be run again from its beginning.
func again(err error) bool {
	var stale *itsm.VersionError
	var lost *lostClaim
	if errors.As(err, &stale) || errors.As(err, &lost) {
		return false // another run cannot mend these
	}
	return errors.Is(err, storage.ErrConflict) || isRetry(err)
}

// fate is what became of a unit whose commit may have happened, as far as can be found out.
type fate int

const (
	// open: it may have been done, and still be; that it is run again does not do it twice.
	open fate = iota
	// undone: it was not done, and will not be.
	undone
	// done: it was done, and a unit that is run again finds what came of it.
	done
)

// doubt is what is known of a unit whose commit may have happened.
type doubt struct {
	// settle finds out. Nil means that nobody can tell.
	settle func(ctx context.Context) (fate, error)
	// err is the error by which it came to be unknown, nil once it is known that nothing was done, or of no account.
	err error
	// fate is what was found out last.
	fate fate
}

// met looks at an error of a unit and says whether the unit can be run again for its sake.
func (d *doubt) met(ctx context.Context, err error) bool {
	if !isUnknown(err) {
		return false
	}
	d.err, d.fate = err, open
	if d.settle == nil {
		return false
	}
	found, failed := d.settle(ctx)
	switch {
	case failed == nil:
	case ctx.Err() != nil:
		d.err = errors.Join(err, failed)
		return false
	default:
		return false // why it could not be found out says nothing of what was done
	}
	if d.fate = found; found != done {
		d.err = nil
	}
	return true
}

// last looks at an error of the last attempt of a unit, and says whether the unit was done all the same: one run more gives what
// came of it. Where it was not done, and will not be, the error is that of what can be tried again.
func (d *doubt) last(ctx context.Context, err error) (wasDone bool, _ error) {
	if !d.met(ctx, err) || d.fate == open {
		return false, err
	}
	if d.fate == done {
		return true, err
	}
	e := &storage.Error{Op: "commit", Err: storage.ErrRetry}
	if at := (*storage.Error)(nil); errors.As(err, &at) {
		e.Cause = at.Cause
	}
	return false, e
}

// end is the error that a unit ends with. One that may have happened is not said to have failed: what
// says that the last attempt did nothing says nothing of those before.
func (d *doubt) end(err error) error {
	switch {
	case d.err == nil || err == nil:
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errors.Join(d.err, err)
	case isRetry(err), isUnknown(err), errors.Is(err, storage.ErrConflict):
		return d.err
	}
	return err
}

// readKey is where a context carries the outermost read of this engine's.
type readKey struct{ r *registry }

// outerRead is a read that may be run again, unless something was commanded in it.
type outerRead struct{ commanded atomic.Bool }

// inUnit stands for the unit around a read, which is run again as a whole.
var inUnit = &outerRead{}

// commanding notes in the read around a command, where there is one, that it cannot be run again, and
// gives the context of the command, in which no read is.
func (e *Engine) commanding(ctx context.Context) context.Context {
	if o, ok := ctx.Value(readKey{e.r}).(*outerRead); ok && o != inUnit {
		o.commanded.Store(true)
	}
	return context.WithValue(ctx, readKey{e.r}, inUnit)
}

// reading runs a read again where the store could not do it. One inside another is left to that: it may
// read its snapshot, which is lost.
func (e *Engine) reading(ctx context.Context, read func(ctx context.Context) error) error {
	if _, inside := ctx.Value(readKey{e.r}).(*outerRead); inside || e.attempts == 1 {
		return read(ctx)
	}
	o := &outerRead{}
	inner := context.WithValue(ctx, readKey{e.r}, o)
	for attempt := 1; ; attempt++ {
		err := read(inner)
		if err == nil || attempt >= e.attempts || !isRetry(err) || o.commanded.Load() {
			return err
		}
		if err := pause(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// repeating runs again what does the same however often it is done.
func (e *Engine) repeating(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || attempt >= e.attempts || !isRetry(err) && !isUnknown(err) {
			return err
		}
		if err := pause(ctx, attempt, err); err != nil {
			return err
		}
	}
}
