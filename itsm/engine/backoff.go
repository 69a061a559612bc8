package engine

import (
	"context"
	"math/rand/v2"
	"time"
)

// pause waits before a unit is run again: about a millisecond at first, doubling up to fifty,
// with jitter, so that those who collided do not collide again.
func pause(ctx context.Context, attempt int) error {
	most := min(time.Millisecond<<min(attempt, 6), 50*time.Millisecond)
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(most))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backoff is how long a job that failed for the n-th time waits: it doubles, up to a day.
func (r *registry) wait(attempts int) time.Duration {
	const day = 24 * time.Hour
	d := r.backoff
	for range attempts - 1 {
		if d *= 2; d >= day {
			return day
		}
	}
	return min(d, day)
}
