package enginetest_test

// The drivers under test. The cgo one is what the race detector runs on: it makes the pure-Go
// one many times slower.
import (
	_ "github.com/jackc/pgx/v5/stdlib" // "pgx", PostgreSQL
	_ "github.com/mattn/go-sqlite3"    // "sqlite3", SQLite through cgo
	_ "modernc.org/sqlite"             // "sqlite", SQLite in pure Go
)
