// Package testclock is a clock for tests, which stands until it is moved.
package testclock
