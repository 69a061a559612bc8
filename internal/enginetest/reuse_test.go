package enginetest_test

// This file holds stores whose tables an earlier test has made. To make the thirty tables of a practice
// on PostgreSQL takes longer than most tests of it, and there are hundreds of them.

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// used are schemas of the shared servers, without rows, that were migrated once: by their engine and what
// they were migrated with.
var used = struct {
	sync.Mutex
	names map[string][]string
}{names: map[string][]string{}}

// reusingStore gives an empty store, which is to be migrated. Its tables may have been made by an earlier test's migration, with
// the very same schemas; it is migrated all the same, and finds nothing to do. How tables are made
// is tested by tests that begin with none.
func (e engine) reusingStore(t *testing.T) storage.Store {
	t.Helper()
	return e.reusingStoreWith(t, sqlstore.Options{}, nil)
}

// reusingStoreWith is reusingStore with options, and through a tap where that is not nil.
func (e engine) reusingStoreWith(t *testing.T, o sqlstore.Options, p *tap) storage.Store {
	t.Helper()
	if e.dialect == sqlstore.SQLite {
		s, _ := e.store(t, o)
		return s
	}
	o.Volatile = true
	r := &reusing{t: t, e: e, options: o, tap: p}
	if e.dialect == sqlstore.MySQL {
		r.name = fmt.Sprintf("used_%d", schemas.Add(1))
		r.Store = r.open(e.dsn(t, r.name))
	} else {
		dsn := emptySchema(t)
		r.name = dsn[strings.LastIndex(dsn, "=")+1:]
		r.Store = r.open(dsn)
	}
	t.Cleanup(r.giveBack)
	return r
}

// reusing is a store that takes used tables for those that it is migrated with first.
type reusing struct {
	*sqlstore.Store
	t       *testing.T
	e       engine
	options sqlstore.Options
	tap     *tap
	name    string
	// close closes what was opened.
	close []func()

	mu   sync.Mutex
	made []string // what it was migrated with, each once
}

// open opens a database, until the store is given back: what a test does at its end may come before that.
func (r *reusing) open(dsn string) *sqlstore.Store {
	var db *sql.DB
	if r.tap != nil {
		db = r.tap.open(r.t, r.e, dsn)
	} else {
		var err error
		db, err = sql.Open(r.e.driver, dsn)
		require.NoError(r.t, err)
		db.SetMaxOpenConns(8)
	}
	s, err := sqlstore.New(db, r.e.dialect, r.options)
	require.NoError(r.t, err)
	r.close = append(r.close, func() {
		s.Close()
		if r.tap != nil {
			r.tap.running.Wait()
		}
		db.Close()
	})
	return s
}

// Migrate implements [storage.Migrator].
func (r *reusing) Migrate(ctx context.Context, schemas ...*storage.Schema) error {
	key := fmt.Sprint(r.e.name, " ", r.options.Serializable, keyOf(schemas))
	r.mu.Lock()
	if len(r.made) == 0 {
		r.take(key)
	}
	if !slices.Contains(r.made, key) {
		r.made = append(r.made, key)
	}
	r.mu.Unlock()
	return r.Store.Migrate(ctx, schemas...)
}

// take puts used tables in the place of the store's own, where there are some.
func (r *reusing) take(key string) {
	used.Lock()
	names := used.names[key]
	if len(names) == 0 {
		used.Unlock()
		if r.e.dialect == sqlstore.MySQL { // only now, as there is hardly a test that needs it
			r.e.administer(r.t, "CREATE DATABASE "+r.name)
		}
		return
	}
	name := names[len(names)-1]
	used.names[key] = names[:len(names)-1]
	used.Unlock()
	if r.e.dialect == sqlstore.MySQL {
		r.name = name
		r.Store = r.open(r.e.dsn(r.t, r.name))
		return
	}
	admin(r.t, fmt.Sprintf("DROP SCHEMA %[1]s CASCADE; ALTER SCHEMA %[2]s RENAME TO %[1]s", r.name, name))
}

// giveBack takes out all rows, and keeps the tables for a later test where only one migration made
// them.
func (r *reusing) giveBack() {
	for _, end := range r.close {
		end()
	}
	if r.e.dialect == sqlstore.MySQL {
		r.giveBackDatabase()
		return
	}
	if len(r.made) != 1 {
		return
	}
	name := fmt.Sprintf("used_%d", schemas.Add(1))
	admin(r.t, fmt.Sprintf(`
		DO $$ DECLARE t text; BEGIN
			FOR t IN SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname = '%[1]s' LOOP
				EXECUTE 'DELETE FROM ' || t;
			END LOOP;
		END $$;
		ALTER SCHEMA %[1]s RENAME TO %[2]s;
		CREATE SCHEMA %[1]s`, r.name, name))
	used.Lock()
	used.names[r.made[0]] = append(used.names[r.made[0]], name)
	used.Unlock()
}

func (r *reusing) giveBackDatabase() {
	if len(r.made) == 0 {
		return
	}
	if len(r.made) != 1 {
		r.e.administer(r.t, "DROP DATABASE "+r.name)
		return
	}
	db, err := sql.Open(r.e.driver, r.e.dsn(r.t, r.name))
	require.NoError(r.t, err)
	defer db.Close()
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	require.NoError(r.t, err)
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var table string
		require.NoError(r.t, rows.Scan(&table))
		tables = append(tables, table)
	}
	require.NoError(r.t, rows.Err())
	tx, err := db.Begin()
	require.NoError(r.t, err)
	for _, table := range tables {
		_, err := tx.Exec("DELETE FROM " + table)
		require.NoError(r.t, err)
	}
	require.NoError(r.t, tx.Commit())
	used.Lock()
	used.names[r.made[0]] = append(used.names[r.made[0]], r.name)
	used.Unlock()
}

// keyOf tells sets of schemas apart.
func keyOf(schemas []*storage.Schema) string {
	var key strings.Builder
	for _, s := range schemas {
		fmt.Fprintf(&key, "%s %d %+v %+v;", s.Name(), s.Layout(), s.Columns(), s.Indexes())
	}
	return key.String()
}
