// Package csvrows cuts CSV from outside into rows, so that what is wrong with one row costs that row alone and no row costs
// more memory than a bound. What the fields mean is the caller's.
package csvrows
