package enginetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql" // "mysql", MariaDB
	"github.com/jackc/pgx/v5/stdlib"   // "pgx", PostgreSQL
	_ "github.com/mattn/go-sqlite3"    // "sqlite3", SQLite through cgo
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // "sqlite", SQLite in pure Go

	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// engine is a database engine with the driver that it is reached through.
type engine struct {
	name    string
	dialect sqlstore.Dialect
	// empty gives the address of a new database.
	empty func(tb testing.TB) string
	// open opens it.
	driver string
	// Of MariaDB: address gives that of a database by its name, parameters end it, and administer runs a
	// statement on the server, after which everyone sees what it did.
	address    func(tb testing.TB, database string) string
	parameters string
	administer func(tb testing.TB, statement string)
}

var (
	// sqlitePure and sqliteC are SQLite through its two usual drivers. Their settings are what
	// a host should choose.
	sqlitePure = engine{name: "SQLite/modernc", dialect: sqlstore.SQLite, driver: "sqlite", empty: func(tb testing.TB) string {
		return fileURL(tb, url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(normal)"}})
	}}
	sqliteC = engine{name: "SQLite/mattn", dialect: sqlstore.SQLite, driver: "sqlite3", empty: func(tb testing.TB) string {
		return fileURL(tb, url.Values{"_busy_timeout": {"10000"}, "_journal_mode": {"wal"}, "_synchronous": {"normal"}})
	}}
	postgreSQL = engine{name: "PostgreSQL/pgx", dialect: sqlstore.PostgreSQL, driver: "pgx", empty: emptySchema}
	// mariaDB has the setting that a host should choose: without it each statement that has arguments, and is not
	// kept, is prepared first. mariaDBOtherwise has it not, counts of changed rows are counts of rows found, and its
	// sessions are at READ COMMITTED, which the store is told.
	mariaDB          = overMariaDB("MariaDB/go-sql-driver", "interpolateParams=true")
	mariaDBOtherwise = overMariaDB("MariaDB/found rows", "clientFoundRows=true&"+readCommitted)
)

// readCommitted is the setting of a MariaDB session that [sqlstore.Options.ReadCommitted] promises.
const readCommitted = "tx_isolation=%27READ-COMMITTED%27"

func overMariaDB(name, parameters string) engine {
	return engine{name: name, driver: "mysql", parameters: parameters, address: func(tb testing.TB, database string) string {
		return throwaway.SharedMariaDB(tb).DSN(database)
	}}.ofMariaDB()
}

// ofMariaDB completes an engine of this dialect.
func (e engine) ofMariaDB() engine {
	e.dialect = sqlstore.MySQL
	// One pool for all tests, as below.
	administration := onePool("mysql")
	e.administer = func(tb testing.TB, statement string) {
		tb.Helper()
		db, err := administration(e.dsn(tb, ""))
		require.NoError(tb, err)
		_, err = db.ExecContext(context.Background(), statement)
		require.NoError(tb, err)
	}
	e.empty = func(tb testing.TB) string {
		tb.Helper()
		return e.dsn(tb, e.emptyDatabase(tb))
	}
	return e
}

// dsn gives the address of a MariaDB database, with the parameters.
func (e engine) dsn(tb testing.TB, database string) string {
	tb.Helper()
	return e.address(tb, database) + "?" + e.parameters
}

// emptyDatabase makes a database of the test's own in a shared MariaDB server, and gives its name.
func (e engine) emptyDatabase(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", schemas.Add(1))
	e.administer(tb, "CREATE DATABASE "+name)
	tb.Cleanup(func() { e.administer(tb, "DROP DATABASE "+name) })
	return name
}

// schemas counts the schemas that tests have had in the shared server.
var schemas atomic.Int64

// emptySchema makes a schema of the test's own in the shared server, which is as good as a
// database and made sooner.
func emptySchema(tb testing.TB) string {
	tb.Helper()
	dsn := throwaway.SharedPostgreSQL(tb).DSN("postgres")
	name := fmt.Sprintf("test_%d", schemas.Add(1))
	admin(tb, "CREATE SCHEMA "+name)
	tb.Cleanup(func() { admin(tb, "DROP SCHEMA "+name+" CASCADE") })
	return dsn + "&search_path=" + name
}

// admin runs statements on the shared server, each call in one round trip.
func admin(tb testing.TB, statements string) {
	tb.Helper()
	db, err := administration(throwaway.SharedPostgreSQL(tb).DSN("postgres"))
	require.NoError(tb, err)
	conn, err := db.Conn(context.Background())
	require.NoError(tb, err)
	defer conn.Close()
	require.NoError(tb, conn.Raw(func(driver any) error {
		// Several statements in one message, which database/sql has no call for.
		return driver.(*stdlib.Conn).Conn().PgConn().Exec(context.Background(), statements).Close()
	}))
}

// administration is one pool for all tests, so that not each of them opens connections of its own for
// what is done before and after it.
var administration = onePool("pgx")

func onePool(driver string) func(dsn string) (*sql.DB, error) {
	var once sync.Once
	var db *sql.DB
	var err error
	return func(dsn string) (*sql.DB, error) {
		once.Do(func() { db, err = sql.Open(driver, dsn) })
		return db, err
	}
}

// sql gives a statement with its names quoted as the engine wants them.
func (e engine) sql(text string) string {
	if e.dialect == sqlstore.MySQL {
		return strings.ReplaceAll(text, `"`, "`")
	}
	return text
}

// dropIndex gives the statement that drops an index of a table.
func (e engine) dropIndex(index, table string) string {
	if e.dialect == sqlstore.MySQL {
		return e.sql(`DROP INDEX "` + index + `" ON "` + table + `"`)
	}
	return `DROP INDEX "` + index + `"`
}

// analyze has the engine look at what its tables hold.
func (e engine) analyze(tb testing.TB, db *sql.DB) {
	tb.Helper()
	text := "ANALYZE"
	if e.dialect == sqlstore.MySQL {
		rows, err := db.QueryContext(context.Background(), "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
		require.NoError(tb, err)
		defer rows.Close()
		text = "ANALYZE TABLE"
		for rows.Next() {
			var name string
			require.NoError(tb, rows.Scan(&name))
			text += " `" + name + "`,"
		}
		text = strings.TrimSuffix(text, ",")
	}
	_, err := db.ExecContext(context.Background(), text)
	require.NoError(tb, err)
}

func fileURL(tb testing.TB, q url.Values) string {
	u := url.URL{Scheme: "file", Opaque: filepath.Join(tb.TempDir(), "test.db"), RawQuery: q.Encode()}
	return u.String()
}

// db opens a database.
func (e engine) db(tb testing.TB, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(e.driver, dsn)
	require.NoError(tb, err)
	db.SetMaxOpenConns(8)
	tb.Cleanup(func() { db.Close() })
	return db
}

// store gives a store in a new database, and the database.
func (e engine) store(tb testing.TB, o sqlstore.Options, schemas ...*storage.Schema) (*sqlstore.Store, *sql.DB) {
	tb.Helper()
	db := e.db(tb, e.empty(tb))
	o.Volatile = true // the throwaway server does not flush
	o.ReadCommitted = o.ReadCommitted || strings.Contains(e.parameters, readCommitted)
	s, err := sqlstore.New(db, e.dialect, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Close() })
	require.NoError(tb, s.Migrate(context.Background(), schemas...))
	return s, db
}
