package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// failed makes an error of the engine into one of the contract. A context that has ended is the
// reason whatever the driver says, as drivers say different things then.
func (s *core) failed(ctx context.Context, op, table string, id storage.ID, err error) error {
	e := &storage.Error{Op: op, Table: table, ID: id, Cause: err}
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case s.d.retry(err), lost(err), unsent(err):
		e.Err = storage.ErrRetry
	case s.d.unknown(err):
		e.Err = storage.Invalid("database", "schema", "lacks a table, a column or an index: call Migrate")
	}
	return e
}

// duplicatePostgreSQL: unique_violation.
func duplicatePostgreSQL(err error) bool { return sqlState(err) == "23505" }

// duplicateSQLite: drivers differ in the extended code that they give, and not in SQLite's text.
func duplicateSQLite(err error) bool {
	return strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// unknownPostgreSQL: undefined_table and undefined_column.
func unknownPostgreSQL(err error) bool {
	code := sqlState(err)
	return code == "42P01" || code == "42703"
}

func unknownSQLite(err error) bool {
	return strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "no such column") || strings.Contains(err.Error(), "has no column named")
}

// lost says that the connection failed. Anywhere but in a commit this means that the engine
// rolls the unit back.
func lost(err error) bool {
	var n net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &n)
}

// unsent says that the driver says that it has sent nothing of what failed, as pgx does. Anywhere but in a
// commit the unit is not done then, whether it is true or not.
func unsent(err error) bool {
	var e interface{ SafeToRetry() bool }
	return errors.As(err, &e) && e.SafeToRetry()
}

// sqlState gives the SQLSTATE that an error carries, or "".
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

func retryPostgreSQL(err error) bool {
	switch code := sqlState(err); code {
	case "40001", // serialization_failure
		"40P01",                   // deadlock_detected
		"55P03",                   // lock_not_available: the host set a lock_timeout
		"53300",                   // too_many_connections
		"57P01", "57P02", "57P03", // the server is going down or coming up
		"25006": // read_only_sql_transaction: the server is a replica, or has become one
		return true
	default:
		return strings.HasPrefix(code, "08") // connection exceptions
	}
}

// elsewherePostgreSQL: the server is going down or coming up, or only reads.
func elsewherePostgreSQL(err error) bool {
	switch sqlState(err) {
	case "57P01", "57P02", "57P03", "25006":
		return true
	}
	return false
}

// undonePostgreSQL: the server reports these for a COMMIT that it has turned into a rollback.
func undonePostgreSQL(err error) bool {
	code := sqlState(err)
	if len(code) != 5 || code == "40003" { // statement_completion_unknown
		return false
	}
	switch code[:2] {
	case "23", "25", "40":
		return true
	}
	return false
}

// sqliteCode gives the primary result code that an error carries, or 0. Drivers differ: some
// have a method Code, others only SQLite's own text.
func sqliteCode(err error) int {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "database is locked"):
		return sqliteBusy
	case strings.Contains(text, "table is locked"), strings.Contains(text, "schema is locked"):
		return sqliteLocked
	case strings.Contains(text, "database or disk is full"):
		return sqliteFull
	case strings.Contains(text, "constraint failed"):
		return sqliteConstraint
	}
	return 0
}

// Primary result codes, https://sqlite.org/rescode.html.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteFull       = 13
	sqliteConstraint = 19
)

func retrySQLite(err error) bool {
	code := sqliteCode(err)
	return code == sqliteBusy || code == sqliteLocked
}

// undoneSQLite: a COMMIT that fails in these ways leaves the transaction open, or rolls it back;
// where it is open the driver rolls it back, and so does clean.
func undoneSQLite(err error) bool {
	code := sqliteCode(err)
	return code == sqliteBusy || code == sqliteLocked || code == sqliteFull || code == sqliteConstraint
}
