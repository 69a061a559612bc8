package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// Dialect names the engine behind a database handle.
type Dialect uint8

const (
	// SQLite is SQLite 3.37 or later, through any driver.
	SQLite Dialect = iota + 1
	// PostgreSQL is PostgreSQL 12 or later, through a driver whose errors tell their SQLSTATE
	// (pgx and lib/pq do).
	PostgreSQL
	// MySQL is MariaDB 10.6 or later, or MySQL 8.0.19 or later, with InnoDB, through a driver whose
	// errors tell their number (go-sql-driver/mysql does). Statements are such as both servers take;
	// what is said of MySQL itself is designed for, and not tested.
	//
	// It may be a Galera cluster of MariaDB servers, with units at any of the nodes. There a driver must not
	// prepare statements in a transaction (go-sql-driver/mysql does not with interpolateParams=true): where
	// another node's commit undoes a transaction just while it prepares one, MariaDB 10.11 does not say
	// so, and what follows is committed without what came before. Check says where a driver does.
	MySQL
)

func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

// dialect is all that differs from one engine to another; every statement is written once.
type dialect struct {
	// numbered placeholders are $1, $2; otherwise they are question marks.
	numbered bool
	// argument is what stands for an argument where placeholders are question marks and one alone would not do.
	argument string
	// backticks says that names are quoted by them. Statements are written with double quotes, which
	// stand nowhere else in them.
	backticks bool
	// text, integer and boolean are the column types, yes and no the literals of the last. Where text
	// has a length, key is the type of what [storage.CheckKey] allows, and long that of documents.
	text, integer, boolean, yes, no string
	key, long                       string
	// tableOptions ends a CREATE TABLE. Where a collation has to be named, it ends with the one that
	// compares byte by byte, which collation asks the server for.
	tableOptions, collation string
	// wholeIndexes says that an index is of all rows, ends with the primary key by itself, and is best
	// made with its table.
	wholeIndexes bool
	// once ends an INSERT that leaves a row alone that is there already; where it is empty the INSERT
	// fails as a duplicate, which does the unit no harm.
	once string
	// rowsApart says that a comparison of row values is not one along an index, and has to be written
	// out.
	rowsApart bool
	// exact says that lower knows more letters than A to Z.
	exact bool
	// unit and snapshot are the options of the transactions of Update and View.
	unit, snapshot *sql.TxOptions
	// oneWriter says that a unit that writes keeps all others that would from beginning, so
	// that neither rows nor names need locks.
	oneWriter bool
	// skipLocked ends a SELECT that locks its rows of j and passes over those that another unit has
	// locked; lock locks a number for the rest of the transaction, tryLock does so to v.column1 without
	// waiting and says whether it could.
	skipLocked, lock, tryLock string
	// modifyingWith says that a WITH may have statements that write, which then cost no round trip.
	modifyingWith bool
	// lockRows says that what has no row of its own is locked by a row of the table of locks.
	lockRows bool
	// serial says that units are serializable, so that a claim need not lock what it looked at.
	serial bool
	// values begins a list of rows after IN.
	values string
	// lateral says that a subquery in FROM may use what stands before it, and jumps that a recursive
	// statement may go from one value of an index to the next, however many there are.
	lateral, jumps bool
	// forUpdate ends a SELECT that locks its rows.
	forUpdate string
	// place is the function that gives the place of one text in another, from 1, or 0.
	place string
	// clock is the engine's own time in microseconds, for leases between processes.
	clock string
	// columns lists the columns of tables whose names begin with a prefix, given twice: table,
	// name, type, whether it may be NULL, whether it is compared byte by byte. indexes lists the
	// names of such indexes.
	columns, indexes string
	// types is what columns calls the types of text, integer and boolean, and of key and long.
	types [5]string
	// check finds settings that would lose or confuse data.
	check func(ctx context.Context, s *core) ([]storage.Fault, error)
	// unprepared says whether a transaction that prepares a statement may be lost by that: then none is
	// prepared. Nil says so of none.
	unprepared func(ctx context.Context, db *sql.DB) (bool, error)
	// statements is how many prepared statements are kept where the options do not say.
	statements int
	// retry says whether an engine's error means that the unit did not happen for a reason that
	// passes, undone whether an error from COMMIT means that it did not happen.
	// unknown says that it means that a table or a column is not there, duplicate that a unique
	// index has the values already, null that a column is NULL that must not be.
	retry, undone, unknown, duplicate, null func(error) bool
	// elsewhere says that another connection may come to a server that can do it: this one is not used
	// again. Nil says so of no error.
	elsewhere func(error) bool
	// full says that the server prepares no more statements. Nil says so of no error.
	full func(error) bool
	// shared ends a SELECT that sees what is committed, and not only what the snapshot of a host's transaction has. It is
	// empty where an INSERT does not meet what the snapshot has not.
	shared string
}

var dialects = map[Dialect]*dialect{
	SQLite: {
		// A planner that has looked at what tables hold (ANALYZE, in a build with STAT4) plans a statement anew each
		// time an argument that a column is compared with has another value, which costs a short one as much again as
		// running it. It does not look through the sign, which does nothing to a value, text or number.
		argument: "+?",
		text:     "TEXT", integer: "INTEGER", boolean: "INTEGER", yes: "1", no: "0",
		tableOptions: " STRICT",
		key:          "TEXT", long: "TEXT",
		once:      " ON CONFLICT DO NOTHING",
		snapshot:  &sql.TxOptions{ReadOnly: true},
		oneWriter: true,
		jumps:     true,
		place:     "instr",
		columns: `SELECT m.name, p.name, p.type, p."notnull" = 0, 1 FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS p ` +
			`WHERE m.type = 'table' AND substr(m.name, 1, length(?)) = ?`,
		indexes:    "SELECT name FROM sqlite_schema WHERE type = 'index' AND substr(name, 1, length(?)) = ?",
		types:      [5]string{"TEXT", "INTEGER", "INTEGER", "TEXT", "TEXT"},
		check:      checkSQLite,
		statements: 256,
		retry:      retrySQLite,
		undone:     undoneSQLite,
		unknown:    unknownSQLite,
		duplicate:  duplicateSQLite,
		null:       nullSQLite,
	},
	PostgreSQL: {
		numbered: true,
		text:     `TEXT COLLATE "C"`, integer: "BIGINT", boolean: "BOOLEAN", yes: "TRUE", no: "FALSE",
		key: `TEXT COLLATE "C"`, long: `TEXT COLLATE "C"`,
		once:       " ON CONFLICT DO NOTHING",
		unit:       &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		snapshot:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		skipLocked: ` FOR UPDATE OF "j" SKIP LOCKED`,
		lock:       "SELECT pg_advisory_xact_lock(?)",
		forUpdate:  " FOR UPDATE",
		lateral:    true,
		jumps:      true,
		values:     "VALUES ",

		modifyingWith: true,

		place: "strpos",
		clock: "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
		columns: `SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES', COALESCE(collation_name, '') = 'C' ` +
			`FROM information_schema.columns WHERE table_schema = current_schema() AND left(table_name::text, length($1::text)) = $2::text`,
		indexes: `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid ` +
			`JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND i.indisvalid ` +
			`AND left(c.relname::text, length($1::text)) = $2::text`,
		types:   [5]string{"text", "bigint", "boolean", "text", "text"},
		check:   checkPostgreSQL,
		tryLock: `pg_try_advisory_xact_lock("v"."column1")`,
		retry:   retryPostgreSQL,
		undone:  undonePostgreSQL,
		unknown: unknownPostgreSQL,

		duplicate: duplicatePostgreSQL,
		null:      nullPostgreSQL,
		elsewhere: elsewherePostgreSQL,
	},
	MySQL: {
		backticks: true,
		text:      "VARCHAR(255)", integer: "BIGINT", boolean: "TINYINT(1)", yes: "1", no: "0",
		key: "VARCHAR(200)", long: "LONGTEXT",
		tableOptions: " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=",
		collation:    "SELECT MAX(collation_name) FROM information_schema.collations WHERE collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')",
		wholeIndexes: true,
		rowsApart:    true,
		exact:        true,
		unit:         &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		snapshot:     &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		skipLocked:   " FOR UPDATE SKIP LOCKED",
		lockRows:     true,
		forUpdate:    " FOR UPDATE",
		place:        "instr",
		// Of the time of day a server has one in a year twice; of UTC it has none.
		clock: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
		columns: `SELECT table_name, column_name, CASE data_type WHEN 'varchar' THEN column_type ELSE data_type END, is_nullable = 'YES', ` +
			`COALESCE(collation_name, '') IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') ` +
			`FROM information_schema.columns WHERE table_schema = DATABASE() AND LEFT(table_name, CHAR_LENGTH(?)) = ?`,
		indexes: `SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() ` +
			`AND LEFT(index_name, CHAR_LENGTH(?)) = ?`,
		types:      [5]string{"varchar(255)", "bigint", "tinyint", "varchar(200)", "longtext"},
		check:      checkMySQL,
		unprepared: onCluster,
		statements: 64,
		retry:      retryMySQL,
		undone:     undoneMySQL,
		unknown:    unknownMySQL,
		duplicate:  duplicateMySQL,
		null:       nullMySQL,
		elsewhere:  elsewhereMySQL,
		full:       fullMySQL,
		shared:     " LOCK IN SHARE MODE",
	},
}

// columnType is the type of a column.
func (d *dialect) columnType(c column) string {
	switch {
	case c.digest != "":
		return "BINARY(32)"
	case c.kind == storage.Text && c.form == key:
		return d.key
	case c.kind == storage.Text && c.form == long:
		return d.long
	case c.kind == storage.Text:
		return d.text
	case c.kind == storage.Bool:
		return d.boolean
	default:
		return d.integer
	}
}

// columnKind is what the engine calls that type.
func (d *dialect) columnKind(c column) string {
	switch {
	case c.digest != "":
		return "binary"
	case c.kind == storage.Text && c.form == key:
		return d.types[3]
	case c.kind == storage.Text && c.form == long:
		return d.types[4]
	case c.kind == storage.Text:
		return d.types[0]
	case c.kind == storage.Bool:
		return d.types[2]
	default:
		return d.types[1]
	}
}

// zero is the literal that a column of the kind has by default.
func (d *dialect) zero(k storage.Kind) string {
	switch k {
	case storage.Text:
		return "''"
	case storage.Bool:
		return d.no
	default:
		return "0"
	}
}

// quoted writes the names in a text as the engine wants them.
func (d *dialect) quoted(text string) string {
	if d.backticks {
		return strings.ReplaceAll(text, `"`, "`")
	}
	return text
}

// rebind writes the names and placeholders of a statement as the engine wants them. The statements
// of this package have a question mark nowhere else.
func (d *dialect) rebind(query string) string {
	if !d.numbered {
		if d.argument != "" {
			query = strings.ReplaceAll(query, "?", d.argument)
		}
		return d.quoted(query)
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for i := 0; i < len(query); i++ {
		if query[i] != '?' {
			b.WriteByte(query[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// statement collects the text of a statement and its arguments.
type statement struct {
	d    *dialect
	text strings.Builder
	args []any
}

func (d *dialect) statement() *statement {
	st := &statement{d: d}
	st.text.Grow(512)
	return st
}

// string gives the text for the engine.
func (st *statement) string() string { return st.d.quoted(st.text.String()) }

// write adds text.
func (st *statement) write(parts ...string) *statement {
	for _, p := range parts {
		st.text.WriteString(p)
	}
	return st
}

// arg adds a placeholder for the value.
func (st *statement) arg(v any) *statement {
	st.args = append(st.args, v)
	switch {
	case st.d.numbered:
		st.text.WriteByte('$')
		st.text.WriteString(strconv.Itoa(len(st.args)))
	case st.d.argument != "":
		st.text.WriteString(st.d.argument)
	default:
		st.text.WriteByte('?')
	}
	return st
}

// list adds placeholders for the values, with commas between.
func (st *statement) list(values []any) *statement {
	for i, v := range values {
		if i > 0 {
			st.text.WriteString(", ")
		}
		st.arg(v)
	}
	return st
}

// tuple adds the values in parentheses.
func (st *statement) tuple(values ...any) *statement {
	st.text.WriteByte('(')
	st.list(values)
	st.text.WriteByte(')')
	return st
}

// than adds that columns, which all have one direction, are greater than values, or less. Row values
// are compared along an index where the engine does; where it does not they are written out.
func (st *statement) than(columns []string, operator string, values []any) *statement {
	if !st.d.rowsApart || len(columns) == 1 {
		if len(columns) == 1 {
			return st.write(columns[0], operator).arg(values[0])
		}
		return st.write("(", strings.Join(columns, ", "), ")", operator).tuple(values...)
	}
	// All but the last have to be greater or equal, and nothing else.
	last := operator
	operator = operator[:2] + " "
	for i, c := range columns {
		if i == len(columns)-1 {
			st.write(c, last).arg(values[i])
			break
		}
		st.write("(", c, operator).arg(values[i]).write(" OR ", c, " = ").arg(values[i]).write(" AND ")
	}
	return st.write(strings.Repeat(")", len(columns)-1))
}

// readCommitted gives the dialect for connections whose transactions are at READ COMMITTED by themselves.
func (d *dialect) readCommitted() *dialect {
	r := *d
	r.unit = nil
	return &r
}

// serializable gives the dialect for units that are serializable, or nil where there is none.
func (d *dialect) serializable() *dialect {
	if d != dialects[PostgreSQL] {
		return nil
	}
	s := *d
	s.unit = &sql.TxOptions{Isolation: sql.LevelSerializable}
	s.snapshot = &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true}
	s.lock, s.tryLock, s.lockRows, s.serial = "", "", true, true
	return &s
}
