//go:build !race

package enginetest_test

import "os"

// engines are those under test. The race detector makes the pure-Go SQLite some sixteen times
// slower, as it is C translated to Go and all of it is instrumented; under it the same engine
// runs through cgo alone.
//
// scripts/test runs the others under the race detector, and sets ITSMKIT_ENGINES=pure for this run
// so as not to run them twice.
var engines = func() []engine {
	if os.Getenv("ITSMKIT_ENGINES") == "pure" {
		return []engine{sqlitePure}
	}
	return []engine{sqlitePure, sqliteC, postgreSQL, mariaDB}
}()

// suiteEngines are those on which the practices' suites run: with ITSMKIT_ENGINES=pure those that the
// other run leaves out.
var suiteEngines = func() []engine {
	if os.Getenv("ITSMKIT_ENGINES") == "pure" {
		return []engine{sqlitePure, postgreSQL, mariaDB}
	}
	return engines
}()

// sequences is how many random sequences of commands a model test runs on an engine.
const sequences = "20"
