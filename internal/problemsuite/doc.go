// Package problemsuite holds the promises of the problem practice over a store, whatever store it is: what
// happens together, what comes due, and a model that random commands are compared with. Tests of the
// practice itself, over the store in memory, stand beside it.
package problemsuite
