// Package examples holds the programs that show the library at work. Each folder is one
// program, run from the repository's root: go run ./examples/NAME.
package examples
