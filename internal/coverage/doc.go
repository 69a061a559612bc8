// Package coverage holds docs/coverage.md: what a desk is expected to do, row by row, and the tests
// that show it. A test carries the ids of its rows at the beginning of its name.
package coverage
