//go:build !race

package main

// raced says that the race detector is on, under which the pure-Go SQLite is 16 times slower.
const raced = false
