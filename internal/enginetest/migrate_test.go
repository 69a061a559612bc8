package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// The table of an older program, and of the newer one that has made columns of what stood in
// bodies.
var (
	oldAssets = mustSchema("asset", 1, []storage.ColumnSpec{{Name: "name", Kind: storage.Text}}, nil)
	newAssets = mustSchema("asset", 1, []storage.ColumnSpec{
		{Name: "name", Kind: storage.Text},
		{Name: "site", Kind: storage.Text},
		{Name: "cost", Kind: storage.Int, Nullable: true, From: []string{"purchase", "cost"}},
		{Name: "leased", Kind: storage.Bool},
		{Name: "bought", Kind: storage.Time, Nullable: true, From: []string{"purchase", "at"}},
	}, []storage.Index{{Columns: []storage.Order{{Column: "site"}, {Column: "name", Descending: true}}}})
)

// assetCount is enough for several pages of a back-fill.
const assetCount = 450

// oldAsset is as the older program wrote it, wantAsset as the newer one finds it.
func oldAsset(n int) storage.Row {
	return storage.Row{
		Meta:    storage.Meta{ID: storage.ID(fmt.Sprintf("a%04d", n)), Created: noon, Updated: noon.Add(time.Hour)},
		Columns: []any{fmt.Sprintf("asset %d", n)},
		Body: fmt.Appendf(nil, `{"serial":"S-%d", "site" : "site %d","purchase":{"cost":%d,"at":"2026-03-02T12:00:00.5Z","by":"ada"},"leased":%t,"tags":["<b>",1.0]}`,
			n, n%7, n, n%2 == 0),
	}
}

func wantAsset(n int) storage.Row {
	row := oldAsset(n)
	row.Tenant, row.Version, row.Layout = acme, 1, 1
	row.Columns = append(row.Columns, fmt.Sprintf("site %d", n%7), int64(n), n%2 == 0,
		time.Date(2026, time.March, 2, 12, 0, 0, 5e8, time.UTC).UnixMicro())
	row.Body = fmt.Appendf(nil, `{"serial":"S-%d","purchase":{"by":"ada"},"tags":["<b>",1.0]}`, n)
	return row
}

// older makes a database as the older program left it.
func older(t *testing.T, e engine) (dsn string) {
	t.Helper()
	dsn = e.empty(t)
	s := open(t, e, dsn, nil)
	require.NoError(t, s.Migrate(t.Context(), oldAssets))
	require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
		for n := range assetCount {
			row := oldAsset(n)
			if err := tx.Put(ctx, oldAssets, &row); err != nil {
				return err
			}
		}
		return nil
	}))
	return dsn
}

// open gives a store over a database, through a tap where there is one.
func open(tb testing.TB, e engine, dsn string, p *tap) *sqlstore.Store {
	tb.Helper()
	db := e.db(tb, dsn)
	if p != nil {
		db = p.db(tb, e, dsn)
	}
	s, err := sqlstore.New(db, e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Close() })
	return s
}

// requireNewer says that the database is as the newer program wants it, with everything there
// was.
func requireNewer(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	require.NoError(t, s.Check(t.Context(), newAssets))
	plan, err := s.Plan(t.Context(), newAssets)
	require.NoError(t, err)
	require.Empty(t, plan)
	require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		rows, err := r.Query(ctx, newAssets, storage.RowQuery{Limit: storage.MaxLimit, Bodies: true})
		require.NoError(t, err)
		require.Len(t, rows, assetCount)
		for n, row := range rows {
			want := wantAsset(n)
			require.Equal(t, string(want.Body), string(row.Body))
			require.Equal(t, want, row)
		}
		return nil
	}))
}

func TestMigrationMakesWhatIsMissing(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			require.ErrorIs(t, s.Check(t.Context(), incidents), storage.ErrInvalid)
			require.NoError(t, s.Migrate(t.Context(), incidents, newAssets))
			require.NoError(t, s.Check(t.Context(), incidents, newAssets))

			// Again it does nothing.
			p.statements()
			require.NoError(t, s.Migrate(t.Context(), incidents, newAssets))
			for _, text := range p.statements() {
				require.True(t, strings.HasPrefix(text, "SELECT "), text)
			}
		})
	}
}

func TestAnAddedColumnIsFilledFromBodies(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s := open(t, e, older(t, e), nil)
			require.NoError(t, s.Migrate(t.Context(), newAssets))
			requireNewer(t, s)
		})
	}
}

func TestAValueThatDoesNotFitItsColumnStaysInTheBody(t *testing.T) {
	t.Parallel()
	// What the body holds, and what becomes of column and body.
	cases := []struct {
		body   string
		column any
		rest   string
		kind   storage.Kind
		null   bool
	}{
		{`{"c":"x"}`, "x", `{}`, storage.Text, false},
		{`{"c":"\u00e9\ud83d\ude00"}`, "é😀", `{}`, storage.Text, false},
		{`{"c":"` + strings.Repeat("x", 256) + `"}`, "", "", storage.Text, false},
		{`{"c":"\u0000"}`, "", "", storage.Text, false},
		{`{"c":7}`, "", "", storage.Text, false},
		{`{"c":null}`, "", "", storage.Text, false},
		{`{"c":null}`, nil, `{}`, storage.Text, true},
		{`{"c":[]}`, nil, "", storage.Text, true},
		{`{"d":{"c":"x"}}`, "", "", storage.Text, false},
		{`["c"]`, "", "", storage.Text, false},
		{`"c"`, "", "", storage.Text, false},
		{`{"c":9223372036854775807}`, int64(9223372036854775807), `{}`, storage.Int, false},
		{`{"c":9223372036854775808}`, int64(0), "", storage.Int, false},
		{`{"c":1.5}`, int64(0), "", storage.Int, false},
		{`{"c":"7"}`, int64(0), "", storage.Int, false},
		{`{"c":true}`, true, `{}`, storage.Bool, false},
		{`{"c":1}`, false, "", storage.Bool, false},
		{`{"c":"2026-03-02T13:00:00.000001+01:00"}`, noon.Truncate(time.Second).UnixMicro() + 1, `{}`, storage.Time, false},
		{`{"c":12}`, int64(12), `{}`, storage.Time, false},
		{`{"c":"noon"}`, nil, "", storage.Time, true},
		{`{"a":1,"c":true}`, true, `{"a":1}`, storage.Bool, false},
		{` { "c" : true , "a" : 1 } `, true, ` {  "a" : 1 } `, storage.Bool, false},
		{`{"a,b":"{,","c":true,"d":[1,2]}`, true, `{"a,b":"{,","d":[1,2]}`, storage.Bool, false},
		{`{"c":false,"c":true}`, true, `{}`, storage.Bool, false},
		{`{"\u0063":true}`, true, `{}`, storage.Bool, false},
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{})
			for i, c := range cases {
				name := fmt.Sprintf("t%d", i)
				before := mustSchema(name, 1, nil, nil)
				after := mustSchema(name, 1, []storage.ColumnSpec{{Name: "c", Kind: c.kind, Nullable: c.null}}, nil)
				require.NoError(t, s.Migrate(t.Context(), before))
				require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
					return tx.Put(ctx, before, &storage.Row{Meta: storage.Meta{ID: "1"}, Body: []byte(c.body)})
				}))
				require.NoError(t, s.Migrate(t.Context(), after))
				require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					row, err := r.Get(ctx, after, acme, "1")
					require.NoError(t, err)
					if c.rest == "" {
						c.rest = c.body
					}
					require.Equal(t, c.rest, string(row.Body))
					require.Equal(t, []any{c.column}, row.Columns, c.body)
					return nil
				}))
			}
		})
	}
}

func TestAMigrationThatStopsAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			// Every statement that makes tables, and of the many that move values some.
			for at, all := 0, false; !all; at += 1 + at/12*40 {
				t.Run(fmt.Sprint(at), func(t *testing.T) { all = stopAndGoOn(t, e, at) })
			}
		})
	}
}

// stopAndGoOn stops a migration at a statement and says whether it came to its end before.
func stopAndGoOn(t *testing.T, e engine, at int) (all bool) {
	p := &tap{}
	dsn := older(t, e)
	s := open(t, e, dsn, p)
	n := 0
	p.setFail(func(text string) error {
		if strings.HasPrefix(text, "SELECT ") || preparing(text) || text == "CONNECT" || text == "ROLLBACK" {
			return nil
		}
		// From there on nothing works any more, as when the process has died.
		if n++; n > at {
			return errors.New("the process has died")
		}
		return nil
	})
	err := s.Migrate(t.Context(), newAssets)
	if n <= at {
		require.NoError(t, err)
		return true
	}
	require.Error(t, err)
	require.NotContains(t, err.Error(), "died", "the driver's text")
	p.setFail(nil)
	expire(t, e, dsn)
	again := open(t, e, dsn, nil)
	require.ErrorIs(t, again.Check(t.Context(), newAssets), storage.ErrInvalid)
	require.NoError(t, again.Migrate(t.Context(), newAssets))
	requireNewer(t, again)
	return false
}

// expire ends the lease of a migration whose process has died.
func expire(t *testing.T, e engine, dsn string) {
	if e.dialect == sqlstore.SQLite {
		return
	}
	_, err := e.db(t, dsn).ExecContext(t.Context(), e.sql(`UPDATE "itsm__lease" SET "until" = 0`))
	require.NoError(t, err)
}

func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			for _, dsn := range []string{e.empty(t), older(t, e)} {
				ctx := timed(t)
				errs := make([]error, 8)
				var done sync.WaitGroup
				for i := range errs {
					s := open(t, e, dsn, nil) // a pool of its own, as another process has
					done.Add(1)
					go func() {
						defer done.Done()
						errs[i] = s.Migrate(ctx, newAssets)
					}()
				}
				done.Wait()
				require.NoError(t, errors.Join(errs...))
				require.NoError(t, open(t, e, dsn, nil).Check(ctx, newAssets))
			}
		})
	}
}

func TestThePlanIsWhatAMigrationRuns(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			for name, dsn := range map[string]string{"empty": e.empty(t), "older": older(t, e)} {
				p := &tap{}
				s := open(t, e, dsn, p)
				plan, err := s.Plan(t.Context(), newAssets)
				require.NoError(t, err)
				require.NotEmpty(t, plan, name)
				for i := range plan {
					plan[i] = strings.ReplaceAll(plan[i], "`", `"`) // as the tap gives it
				}
				for _, text := range p.statements() {
					require.True(t, strings.HasPrefix(text, "SELECT "), "planning wrote: %s", text)
				}
				require.NoError(t, s.Migrate(t.Context(), newAssets))
				var ran []string
				for _, text := range p.statements() {
					reads := strings.HasPrefix(text, "SELECT ") && !slices.Contains(plan, text)
					lease := strings.Contains(text, `"itsm__lease"`) && !strings.HasPrefix(text, "CREATE ")
					switch {
					case reads, lease, text == "BEGIN IMMEDIATE":
					case !slices.Contains(ran, text):
						ran = append(ran, text)
					}
				}
				if e.dialect != sqlstore.SQLite {
					// The table of leases is made before the lease is taken.
					slices.Sort(plan)
					slices.Sort(ran)
				}
				require.Equal(t, plan, ran, name)
			}
		})
	}
}

func TestThePlanCanBeRunByTheHost(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			s := open(t, e, dsn, nil)
			plan, err := s.Plan(t.Context(), incidents)
			require.NoError(t, err)
			db := e.db(t, dsn)
			for _, text := range plan {
				if strings.HasPrefix(text, "CREATE ") {
					_, err := db.ExecContext(t.Context(), text)
					require.NoError(t, err, text)
				}
			}
			rest, err := s.Plan(t.Context(), incidents)
			require.NoError(t, err)
			require.Len(t, rest, 1, "the secret of cursors is left: %v", rest)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			require.NoError(t, s.Check(t.Context(), incidents))
		})
	}
}

func TestACheckFindsWhatIsMissing(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, db := e.store(t, sqlstore.Options{}, incidents, newAssets)
			exec := func(text string) {
				t.Helper()
				_, err := db.ExecContext(t.Context(), e.sql(text))
				require.NoError(t, err)
			}
			fields := func() (out []string) {
				t.Helper()
				err := s.Check(t.Context(), incidents, newAssets)
				var v *storage.ValidationError
				require.ErrorAs(t, err, &v)
				for _, f := range v.Faults {
					out = append(out, f.Field)
				}
				return out
			}
			exec(e.dropIndex("itsm__job_ready", "itsm__job"))
			require.Equal(t, []string{"index itsm__job_ready"}, fields())
			exec(`ALTER TABLE "itsm_asset" DROP COLUMN "leased"`)
			require.Equal(t, []string{"index itsm__job_ready", "column itsm_asset.leased"}, fields())
			exec(`DROP TABLE "itsm_incident"`)
			require.Contains(t, fields(), "table itsm_incident")
			exec(`DELETE FROM "itsm__setting"`)
			require.Contains(t, fields(), "setting cursor_key")
			require.NoError(t, s.Migrate(t.Context(), incidents, newAssets))
			require.NoError(t, s.Check(t.Context(), incidents, newAssets))

			exec(`DROP TABLE "itsm_asset"`)
			exec(`CREATE TABLE "itsm_asset" ("tenant" VARCHAR(10), "id" TEXT, "version" BIGINT, "created" BIGINT, "updated" BIGINT,
				"layout" BIGINT, "name" TEXT, "site" TEXT, "cost" BIGINT NOT NULL, "leased" REAL, "bought" BIGINT, "body" TEXT)`)
			got := fields()
			for _, c := range []string{"tenant", "id", "cost", "leased", "body"} {
				require.Contains(t, got, "column itsm_asset."+c)
			}
		})
	}
}

func TestACheckFindsAPoolOfAnotherDatabase(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			other, db := e.store(t, sqlstore.Options{})
			require.NoError(t, other.Check(t.Context()))
			s, _ := e.store(t, sqlstore.Options{Reader: db})
			require.ErrorIs(t, s.Check(t.Context()), storage.ErrInvalid)
		})
	}
}

func TestACheckFindsSettingsThatLoseData(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		for _, pragma := range []string{"synchronous(off)", "journal_mode(off)", "journal_mode(memory)", "encoding('UTF-16le')", "read_uncommitted(1)"} {
			dsn := fileURL(t, map[string][]string{"_pragma": {pragma}})
			db := sqlitePure.db(t, dsn)
			s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			err = s.Check(t.Context())
			require.ErrorIs(t, err, storage.ErrInvalid, pragma)
			require.ErrorContains(t, err, "PRAGMA "+strings.Split(pragma, "(")[0])
		}
	})
	t.Run("MariaDB", func(t *testing.T) {
		for setting, want := range map[string]string{
			"sql_mode=''": "sql_mode",
			"sql_mode='STRICT_TRANS_TABLES,EMPTY_STRING_IS_NULL'": "EMPTY_STRING_IS_NULL",
			"autocommit=0":         "autocommit",
			"unique_checks=0":      "unique_checks",
			"sql_select_limit=100": "sql_select_limit",
			"charset=latin1":       "character_set_client",
			"charset=utf8mb3":      "character_set_client",
		} {
			dsn := mariaDB.empty(t)
			writer, reader := mariaDB.db(t, dsn), mariaDB.db(t, dsn+"&"+strings.ReplaceAll(url.QueryEscape(setting), "%3D", "="))
			s, err := sqlstore.New(writer, sqlstore.MySQL, sqlstore.Options{Volatile: true, Reader: reader})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			require.ErrorContains(t, s.Check(t.Context()), want, setting)
		}
		isolated, _ := mariaDB.store(t, sqlstore.Options{ReadCommitted: true})
		require.ErrorContains(t, isolated.Check(t.Context()), "tx_isolation")
		s, db := mariaDB.store(t, sqlstore.Options{})
		require.NoError(t, s.Check(t.Context()))
		durable, err := sqlstore.New(db, sqlstore.MySQL, sqlstore.Options{})
		require.NoError(t, err)
		require.ErrorContains(t, durable.Check(t.Context()), "innodb_flush_log_at_trx_commit", "the throwaway server does not flush")
		for text, want := range map[string]string{
			"ALTER TABLE itsm__sequence ENGINE=Aria":                                                     "InnoDB",
			"ALTER TABLE itsm__event MODIFY record VARCHAR(200) COLLATE utf8mb4_bin NOT NULL DEFAULT ''": "utf8mb4_nopad_bin",
			"ALTER TABLE itsm__event MODIFY id VARCHAR(100) NOT NULL DEFAULT ''":                         "varchar(200)",
		} {
			_, err := db.ExecContext(t.Context(), text)
			require.NoError(t, err)
			require.ErrorContains(t, s.Check(t.Context()), want)
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		db := postgreSQL.db(t, postgreSQL.empty(t))
		s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		require.ErrorContains(t, s.Check(t.Context()), "fsync", "the throwaway server does not flush")
	})
}

func TestSchemasOfOneTableAreMigratedTogether(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{}, oldAssets, newAssets)
			require.NoError(t, s.Check(t.Context(), newAssets, oldAssets))
			other := mustSchema("asset", 1, []storage.ColumnSpec{{Name: "name", Kind: storage.Int}}, nil)
			require.ErrorIs(t, s.Migrate(t.Context(), oldAssets, other), storage.ErrInvalid)
			require.ErrorIs(t, s.Check(t.Context(), other), storage.ErrInvalid)
		})
	}
}

func TestLongNamesStayApart(t *testing.T) {
	long := strings.Repeat("x", 47)
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			one := mustSchema(long+"1", 1, []storage.ColumnSpec{{Name: long + "a", Kind: storage.Text}, {Name: long + "b", Kind: storage.Text}},
				[]storage.Index{{Columns: []storage.Order{{Column: long + "a"}, {Column: long + "b"}}},
					{Columns: []storage.Order{{Column: long + "a"}, {Column: long + "b", Descending: true}}}})
			two := mustSchema(long+"2", 1, nil, nil)
			s, _ := e.store(t, sqlstore.Options{Prefix: "twenty_characters__x"}, one, two)
			require.NoError(t, s.Check(t.Context(), one, two))
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				return tx.Put(ctx, one, &storage.Row{Meta: storage.Meta{ID: "1"}, Columns: []any{"a", "b"}, Body: []byte("{}")})
			}))
			require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
				_, err := r.Get(ctx, two, acme, "1")
				require.ErrorIs(t, err, storage.ErrNotFound)
				return nil
			}))
		})
	}
}

func TestAUniqueIndexIsNotMadeOverRowsThatAreAlike(t *testing.T) {
	columns := []storage.ColumnSpec{{Name: "number", Kind: storage.Text}, {Name: "site", Kind: storage.Text, Nullable: true}}
	plain := mustSchema("unit", 1, columns, nil)
	unique := mustSchema("unit", 1, columns, []storage.Index{{Columns: []storage.Order{{Column: "number"}, {Column: "site"}}, Unique: true}})
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{}, plain)
			for i, values := range [][]any{{"A1", "x"}, {"A1", "x"}, {"A1", nil}, {"A1", nil}, {"B2", "x"}} {
				require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
					return tx.Put(ctx, plain, &storage.Row{Meta: storage.Meta{ID: storage.ID(fmt.Sprint(i)), Created: noon, Updated: noon}, Columns: values, Body: []byte("{}")})
				}))
			}
			err := s.Migrate(t.Context(), unique)
			var v *storage.ValidationError
			require.ErrorAs(t, err, &v)
			require.Len(t, v.Faults, 1)
			require.Contains(t, v.Faults[0].Problem, "have the same tenant, number, site, as [acme A1 x] (2 rows)")
			require.NotContains(t, v.Faults[0].Problem, ";", "what is NULL is like nothing else")
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error { return tx.Delete(ctx, plain, "1", 1) }))
			require.NoError(t, s.Migrate(t.Context(), unique))
			require.NoError(t, s.Check(t.Context(), unique))
		})
	}
}
