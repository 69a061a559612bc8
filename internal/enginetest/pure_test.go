//go:build !race

package enginetest_test

// engines are those under test. The race detector makes the pure-Go SQLite some sixteen times
// slower, as it is C translated to Go and all of it is instrumented; under it the same engine
// runs through cgo alone.
var engines = []engine{sqlitePure, sqliteC, postgreSQL}
