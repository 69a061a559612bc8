// This file holds the start of all calls at once.

package together

import "sync"

// Run calls fn with 0 to n-1, each in a goroutine of its own that waits until all are there, and
// gives their errors in that order when all have returned.
func Run(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			ready.Done()
			<-start
			errs[i] = fn(i)
		}()
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}
