// Package enginetest runs the conformance suite and the practices' own tests on real database
// engines, through the drivers that hosts use. It is a module of its own so that the library
// itself requires no driver.
package enginetest
