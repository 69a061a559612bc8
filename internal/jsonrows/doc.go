// Package jsonrows cuts JSON from outside, an array or lines, into rows, so that what is wrong with one row costs that row
// alone and no row costs more memory than a bound. What the rows are is the caller's.
package jsonrows
