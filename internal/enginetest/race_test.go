//go:build race

package enginetest_test

var engines = []engine{sqliteC, postgreSQL, mariaDB}

// sequences is how many random sequences of commands a model test runs on an engine.
const sequences = "5"
