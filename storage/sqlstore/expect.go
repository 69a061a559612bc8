// This file holds what units expect of records that they do not write.

package sqlstore

import (
	"context"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// expectation is the version of a record that a unit goes by.
type expectation struct {
	table   *table
	id      storage.ID
	version int64
}

// Expect implements [storage.Tx]. It waits for the events that the unit appends next, and costs no round trip
// then: where a record has another version the id of an event is NULL, which no engine takes.
func (u *unit) Expect(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckExpect(s, id, version); err != nil {
		return err
	}
	u.expected = append(u.expected, expectation{u.s.table(s), id, version})
	return nil
}

// provided writes a value that is NULL where a record is not as it is expected to be.
func (u *unit) provided(st *statement, value any) {
	st.write("CASE WHEN ")
	for i, x := range u.expected {
		if i > 0 {
			st.write(" AND ")
		}
		st.write("COALESCE((").write(x.table.version).write(` WHERE "tenant" = `).arg(string(u.tenant))
		st.write(` AND "id" = `).arg(string(x.id)).write("), 0) = ").arg(x.version)
	}
	st.write(" THEN ").arg(value).write(" END")
}

// disappointed is what the unit fails with where a record is not as it was expected to be.
func (u *unit) disappointed(x expectation) error {
	u.o.broken = &storage.Error{Op: "expect", Table: x.table.schema.Name(), ID: x.id, Err: storage.ErrRetry}
	return u.o.broken
}

// settle runs at the end of the unit what was put off: the statement about jobs, and what it expects where nothing
// was written that it could go with.
func (u *unit) settle(ctx context.Context) error {
	if err := u.catchUp(ctx); err != nil {
		return err
	}
	for _, x := range u.expected {
		var version int64
		if _, err := u.o.t.one(ctx, x.table.current, []any{string(u.tenant), string(x.id)}, &version); err != nil {
			return u.failed(ctx, "expect", x.table.schema.Name(), x.id, err)
		}
		if version != x.version {
			return u.disappointed(x)
		}
	}
	u.expected = nil
	return nil
}

// nullPostgreSQL: not_null_violation.
func nullPostgreSQL(err error) bool { return sqlState(err) == "23502" }

// nullSQLite: drivers differ in the extended code that they give, and not in SQLite's text.
func nullSQLite(err error) bool { return strings.Contains(err.Error(), "NOT NULL constraint failed") }

// nullMySQL: a column cannot be null.
func nullMySQL(err error) bool { return mysqlNumber(err) == 1048 }
