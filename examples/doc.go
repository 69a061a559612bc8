// Package examples holds the programs that show the library at work. Each folder is one
// program, run from the repository's root: go run ./examples/NAME.
//
//   - quickstart takes one incident from the call to its end, on one screen.
//   - replay imports the incident log of another system and reports what the store then holds.
package examples
