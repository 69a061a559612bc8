// Package changesuite holds the change practice to its promises over any store: cases of what must be so on every engine, and
// a model that random commands are compared with.
//
// [Run] runs them over a store that the caller makes.
package changesuite
