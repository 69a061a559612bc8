package enginetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/stdlib" // "pgx", PostgreSQL
	_ "github.com/mattn/go-sqlite3"  // "sqlite3", SQLite through cgo
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
)

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
var administration = func() func(dsn string) (*sql.DB, error) {
	var once sync.Once
	var db *sql.DB
	var err error
	return func(dsn string) (*sql.DB, error) {
		once.Do(func() { db, err = sql.Open("pgx", dsn) })
		return db, err
	}
}()

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
	s, err := sqlstore.New(db, e.dialect, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Close() })
	require.NoError(tb, s.Migrate(context.Background(), schemas...))
	return s, db
}
