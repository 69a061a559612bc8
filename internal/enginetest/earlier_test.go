// This file migrates databases of earlier programs, with what they kept in place.
//
// There has been no release, so an earlier schema is taken to be any prefix of today's: a table had fewer columns, whose values
// stood in the bodies, and fewer indexes, or was not there yet. A seed draws which.

package enginetest_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/portable"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	earlierSeed   = flag.Uint64("earlier.seed", 0, "the seed of the earlier schemas, for all rounds; 0 draws one for each")
	earlierRounds = flag.Int("earlier.rounds", 1, "how many earlier schemas are migrated on each engine")
)

// earlierTenants have the same records each, so that a table takes several pages to fill.
var earlierTenants = []storage.Tenant{"acme", "globex", "initech", "umbrella"}

// An earlier database with data is migrated by four processes at once, of which one is killed, and is then as a new one:
// the same tables, columns and indexes, and every tenant's records byte for byte.
func TestAnEarlierDatabaseIsMigratedByManyOfWhichOneIsKilled(t *testing.T) {
	desk := openDesk(t, memory.New(), deskBegin)
	desk.seed(t)
	want := desk.exported(t)
	_, want, _ = strings.Cut(want, "\n") // the first line names the tenant, and the last has its digest
	want = want[:strings.LastIndex(want, `"sha256"`)]
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			fresh := e.empty(t)
			openDesk(t, open(t, e, fresh, nil), deskBegin)
			catalogue := e.catalogue(t, e.db(t, fresh))
			for range *earlierRounds {
				seed := *earlierSeed
				if seed == 0 {
					seed = rand.Uint64()
				}
				t.Logf("-earlier.seed=%d", seed)
				random := rand.New(rand.NewPCG(seed, 1))
				dsn := e.empty(t)
				lacks := e.fillEarlier(t, dsn, desk, random)
				s := open(t, e, dsn, nil)
				schemas := desk.Engine.Schemas()
				err := s.Check(t.Context(), schemas...)
				var v *storage.ValidationError
				require.ErrorAs(t, err, &v, "it lacks %v", lacks)
				for _, f := range v.Faults {
					require.Contains(t, f.Problem, "run the migration", f.Field)
				}

				e.migrateTogether(t, dsn, 4, time.Duration(random.Int64N(int64(400*time.Millisecond))))

				require.NoError(t, s.Check(t.Context(), schemas...))
				plan, err := s.Plan(t.Context(), schemas...)
				require.NoError(t, err)
				require.Empty(t, plan)
				require.Equal(t, catalogue, e.catalogue(t, e.db(t, dsn)))
				for _, tenant := range earlierTenants {
					var b bytes.Buffer
					_, err := portable.Export(t.Context(), s, tenant, schemas, &b)
					require.NoError(t, err)
					_, got, _ := strings.Cut(b.String(), "\n")
					requireSame(t, want, got[:strings.LastIndex(got, `"sha256"`)], string(tenant))
				}
			}
		})
	}
}

// fillEarlier makes a database of an earlier program with the desk's records, and says what it lacks.
func (e engine) fillEarlier(t *testing.T, dsn string, desk *seededDesk, random *rand.Rand) (lacks []string) {
	t.Helper()
	ctx := context.Background()
	db := e.db(t, dsn)
	s, err := sqlstore.New(db, e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	defer s.Close()

	type part struct {
		today, then *storage.Schema
		rows        []storage.Row
	}
	var parts []part
	var older []*storage.Schema
	var events []storage.Event
	var jobs []storage.Job
	var sequences []storage.Sequence
	require.NoError(t, desk.Engine.Store().View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
		for _, today := range desk.Engine.Schemas() {
			rows := everyPage(t, func(after *storage.Row) ([]storage.Row, error) {
				q := storage.RowQuery{Limit: storage.MaxLimit, Bodies: true}
				if after != nil {
					q.After = &storage.Position{Tenant: acme, ID: after.ID}
				}
				return r.Query(ctx, today, q)
			})
			if len(rows) == 0 && random.IntN(3) == 0 {
				lacks = append(lacks, today.Name())
				continue // there was no such table
			}
			then := earlierSchema(today, random)
			if n := len(today.Columns()) - len(then.Columns()); n > 0 {
				lacks = append(lacks, fmt.Sprintf("%d columns of %s", n, today.Name()))
			}
			parts, older = append(parts, part{today, then, rows}), append(older, then)
		}
		events = everyPage(t, func(after *storage.Event) ([]storage.Event, error) {
			q := storage.EventQuery{Limit: storage.MaxLimit}
			if after != nil {
				q.After = after.Position()
			}
			return r.Events(ctx, q)
		})
		jobs = everyPage(t, func(after *storage.Job) ([]storage.Job, error) {
			q := storage.JobQuery{Limit: storage.MaxLimit}
			if after != nil {
				q.After = *after
			}
			return r.Jobs(ctx, q)
		})
		sequences, err = r.Sequences(ctx, storage.SequenceQuery{Limit: storage.MaxLimit})
		return err
	}))
	require.NotEmpty(t, lacks)
	require.NoError(t, s.Migrate(ctx, older...))
	for i := range jobs {
		jobs[i].Tried = true
	}
	for _, tenant := range earlierTenants {
		require.NoError(t, s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
			for _, p := range parts {
				var rows []storage.Row
				for _, row := range p.rows {
					rows = append(rows, earlierRow(t, p.today, p.then, row))
				}
				if err := tx.Restore(ctx, p.then, rows...); err != nil {
					return err
				}
			}
			if err := tx.Append(ctx, events...); err != nil {
				return err
			}
			for _, n := range sequences {
				if err := tx.Advance(ctx, n.Name, n.Next); err != nil {
					return err
				}
			}
			return tx.Enqueue(ctx, jobs...)
		}))
	}
	// The store's own tables had less once too: jobs had no lanes, and not all of their indexes.
	for _, index := range []string{"ready", "lane", "list", "dead"} {
		if index == "ready" || index == "lane" || random.IntN(2) == 0 { // the first two have the column
			_, err := db.ExecContext(ctx, e.dropIndex("itsm__job_"+index, "itsm__job"))
			require.NoError(t, err)
		}
	}
	_, err = db.ExecContext(ctx, e.sql(`ALTER TABLE "itsm__job" DROP COLUMN "lane"`))
	require.NoError(t, err)
	if random.IntN(2) == 0 { // a table of the store's own that the added column is entered in
		_, err = db.ExecContext(ctx, e.sql(`DROP TABLE "itsm__backfill"`))
		require.NoError(t, err)
	}
	return append(lacks, "lanes of jobs")
}

// everyPage gives what is on all pages.
func everyPage[T any](t *testing.T, page func(after *T) ([]T, error)) (all []T) {
	t.Helper()
	for {
		var after *T
		if len(all) > 0 {
			after = &all[len(all)-1]
		}
		got, err := page(after)
		require.NoError(t, err)
		if all = append(all, got...); len(got) < storage.MaxLimit {
			return all
		}
	}
}

// earlierSchema draws a prefix of a schema. Columns that a body would keep deeper than at its top stay, as taking a value out of there
// leaves the object that it stood in.
func earlierSchema(today *storage.Schema, random *rand.Rand) *storage.Schema {
	columns := today.Columns()
	for n := random.IntN(len(columns) + 1); n > 0 && len(columns[len(columns)-1].From) <= 1; n-- {
		columns = columns[:len(columns)-1]
	}
	has := func(o storage.Order) bool {
		return slices.Contains([]string{"version", "created", "updated"}, o.Column) ||
			slices.ContainsFunc(columns, func(c storage.ColumnSpec) bool { return c.Name == o.Column })
	}
	var indexes []storage.Index
	for _, ix := range today.Indexes() {
		if random.IntN(2) == 0 && !slices.ContainsFunc(ix.Columns, func(o storage.Order) bool { return !has(o) }) {
			indexes = append(indexes, ix)
		}
	}
	return mustSchema(today.Name(), today.Layout(), columns, indexes)
}

// earlierRow is a row as the earlier program wrote it: what are columns today is at the end of its body, times as JSON has them.
func earlierRow(t *testing.T, today, then *storage.Schema, row storage.Row) storage.Row {
	t.Helper()
	was := row
	was.Columns = row.Columns[:len(then.Columns())]
	for i, c := range today.Columns()[len(then.Columns()):] {
		v := row.Columns[len(then.Columns())+i]
		name := c.Name
		if len(c.From) == 1 {
			name = c.From[0]
		}
		if v == nil {
			continue
		}
		if micros, ok := v.(int64); ok && c.Kind == storage.Time {
			v = time.UnixMicro(micros).UTC()
		}
		value, err := json.Marshal(v)
		require.NoError(t, err)
		object, ok := bytes.CutSuffix(was.Body, []byte("}"))
		require.True(t, ok, "a body of %s is an object", today.Name())
		comma := ","
		if len(object) == 1 {
			comma = ""
		}
		was.Body = fmt.Appendf(nil, "%s%s%q:%s}", object, comma, name, value)
	}
	return was
}

// migrateTogether has processes migrate a database at once, and kills one of them.
func (e engine) migrateTogether(t *testing.T, dsn string, n int, killAfter time.Duration) {
	t.Helper()
	type process struct {
		cmd *exec.Cmd
		out bytes.Buffer
	}
	all := make([]*process, n)
	for i := range all {
		p := &process{cmd: exec.Command(os.Args[0])}
		p.cmd.Env = append(os.Environ(), childKey+"=migrate-desk "+e.name+" "+dsn)
		p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
		require.NoError(t, p.cmd.Start())
		all[i] = p
	}
	time.Sleep(killAfter)
	_ = all[0].cmd.Process.Kill() // it may be through
	_ = all[0].cmd.Wait()
	// If it had the lease the others wait for that to end, as they would in half a minute.
	e.expireQuietly(t, dsn)
	for _, p := range all[1:] {
		err := p.cmd.Wait()
		require.NoError(t, err, p.out.String())
	}
}

// expireQuietly ends the lease of a migration where there is one. Another process that has it meanwhile takes it again before each of
// its steps.
func (e engine) expireQuietly(t *testing.T, dsn string) {
	t.Helper()
	if e.dialect != sqlstore.SQLite {
		_, _ = e.db(t, dsn).ExecContext(t.Context(), e.sql(`UPDATE "itsm__lease" SET "until" = 0`))
	}
}

// catalogue describes the tables of a database: columns and indexes, whatever order they were made in.
func (e engine) catalogue(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	var queries []string
	switch e.dialect {
	case sqlstore.SQLite:
		queries = []string{
			`SELECT m.name || ' ' || p.name || ' ' || p.type || ' ' || p."notnull" || ' ' || coalesce(p.dflt_value, '-') || ' ' || p.pk
				FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS p WHERE m.type = 'table'`,
			`SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`,
		}
	case sqlstore.PostgreSQL:
		queries = []string{
			`SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '-') || ' ' || coalesce(collation_name, '-')
				FROM information_schema.columns WHERE table_schema = current_schema()`,
			`SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema()`,
		}
	case sqlstore.MySQL:
		queries = []string{
			`SELECT concat_ws(' ', table_name, column_name, column_type, is_nullable, coalesce(column_default, '-'), coalesce(collation_name, '-'), extra)
				FROM information_schema.columns WHERE table_schema = database()`,
			`SELECT concat_ws(' ', table_name, index_name, non_unique, group_concat(concat_ws(' ', column_name, sub_part, collation) ORDER BY seq_in_index))
				FROM information_schema.statistics WHERE table_schema = database() GROUP BY table_name, index_name, non_unique`,
		}
	default:
		t.Fatalf("say here how the tables of %s are described", e.name)
	}
	for _, q := range queries {
		for _, row := range rowsOf(t, db, q) {
			all = append(all, row[0])
		}
	}
	require.Greater(t, len(all), 200)
	slices.Sort(all)
	return all
}

// A unique index of an added column is made when its values are there: before, many rows have none.
func TestAUniqueIndexOfAnAddedColumnIsMadeAfterItsValuesAreMoved(t *testing.T) {
	before := mustSchema("badge", 1, nil, nil)
	after := mustSchema("badge", 1, []storage.ColumnSpec{{Name: "code", Kind: storage.Text}},
		[]storage.Index{{Columns: []storage.Order{{Column: "code"}}, Unique: true}})
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			s := open(t, e, dsn, nil)
			require.NoError(t, s.Migrate(t.Context(), before))
			put := func(id, body string) {
				require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
					return tx.Put(ctx, before, &storage.Row{Meta: storage.Meta{ID: storage.ID(id), Created: noon, Updated: noon}, Body: []byte(body)})
				}))
			}
			for n := range 3 {
				put(fmt.Sprint(n), fmt.Sprintf(`{"code":"A%d"}`, n))
			}
			plan, err := s.Plan(t.Context(), after)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(plan[len(plan)-1], "CREATE UNIQUE INDEX"), plan)
			require.NoError(t, s.Migrate(t.Context(), after))
			require.NoError(t, s.Check(t.Context(), after))

			// Where values are the same in truth it says so, with everything else in place; mended, it goes on.
			dsn = e.empty(t)
			s = open(t, e, dsn, nil)
			require.NoError(t, s.Migrate(t.Context(), before))
			put("1", `{"code":"A"}`)
			put("2", `{"code":"A"}`)
			err = s.Migrate(t.Context(), after)
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.ErrorContains(t, err, "have the same tenant, code, as [acme A] (2 rows)")
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error { return tx.Delete(ctx, before, "2", 1) }))
			require.NoError(t, s.Migrate(t.Context(), after))
			require.NoError(t, s.Check(t.Context(), after))
		})
	}
}
