// Package sqlite is the embedded default store: the pure-Go SQLite driver, opened with the
// settings that the storage contract needs.
package sqlite

import (
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler
)
