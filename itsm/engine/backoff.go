package engine

import "time"

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
