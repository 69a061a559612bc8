// This file holds the clock.

package testclock

import (
	"sync"
	"time"
)

// Clock stands until it is moved. It is safe for any number of goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// New gives a clock that stands at an instant.
func New(now time.Time) *Clock { return &Clock{now: now} }

// Now is where it stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it, and gives where it stands then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}
