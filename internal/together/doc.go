// Package together begins calls at the same moment, for tests of what happens when they meet.
package together
