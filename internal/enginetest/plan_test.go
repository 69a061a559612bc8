package enginetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// explain gives how an engine runs a statement.
func explain(t *testing.T, e engine, db *sql.DB, text string, args []any) string {
	t.Helper()
	how := "EXPLAIN QUERY PLAN "
	switch e.dialect {
	case sqlstore.PostgreSQL:
		how = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "
	case sqlstore.MySQL:
		how, text = "ANALYZE FORMAT=JSON ", strings.ReplaceAll(text, `"`, "`")
	}
	rows, err := db.QueryContext(t.Context(), how+text, args...)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var out strings.Builder
	for rows.Next() {
		line := make([]any, len(columns))
		for i := range line {
			line[i] = new(any)
		}
		require.NoError(t, rows.Scan(line...))
		last := *line[len(line)-1].(*any)
		if document, ok := last.([]byte); ok {
			last = planOfMariaDB(t, document)
		}
		out.WriteString(fmt.Sprint(last) + "\n")
	}
	require.NoError(t, rows.Err())
	return out.String()
}

// requireWalk says that a plan reads along an index, without sorting and without reading what
// it then throws away.
func requireWalk(t *testing.T, plan, index string) {
	t.Helper()
	require.Contains(t, plan, index)
	for _, bad := range []string{"Sort", "Seq Scan", "Rows Removed", "TEMP B-TREE", "SCAN "} {
		require.NotContains(t, plan, bad)
	}
}

// What engines say of putting pages together, of which each is a walk of its own. PostgreSQL merges them
// by their sort key, or sorts the rows of pages, which are cut already; so does SQLite. A sort within a
// page has no Limit below it, and is not matched.
var (
	merged = regexp.MustCompile(`(?m)^( *->  Merge Append .*\n) *Sort Key: .*\n`)
	sorted = regexp.MustCompile(`(?m)^ *->  (?:Incremental )?Sort \(.*\n(?: *(?:Sort|Presorted|Pre-sorted|Full-sort) .*\n)*( *->  (?:Limit|Append|Merge Append) )`)
	united = regexp.MustCompile(`SCAN b\d+\nUSE TEMP B-TREE FOR ORDER BY\n`)
)

// ofPages is what a plan says of the pages alone.
func ofPages(plan string) string {
	plan = united.ReplaceAllString(plan, "")
	return merged.ReplaceAllString(sorted.ReplaceAllString(plan, "$1"), "$1")
}

func TestAPageOfAQueueIsAWalkAlongItsIndex(t *testing.T) {
	t.Parallel()
	column := func(name string) string { return `"` + name + `"` }
	isOpen := storage.Condition{Op: storage.Equal, Column: "open", Values: []any{true}}
	ofTeam := storage.Condition{Op: storage.And, Of: []storage.Condition{isOpen,
		{Op: storage.Equal, Column: "team", Values: []any{"team-05"}}}}
	ofTeams := storage.Condition{Op: storage.And, Of: []storage.Condition{{Op: storage.In, Column: "team", Values: []any{"team-05", "team-07", "team-05"}}, isOpen}}
	inTenants := storage.Condition{Op: storage.And, Of: []storage.Condition{isOpen, {Op: storage.Or, Of: []storage.Condition{
		{Op: storage.And, Of: []storage.Condition{{Op: storage.Equal, Column: "tenant", Values: []any{"acme"}}, {Op: storage.In, Column: "team", Values: []any{"team-05", "team-07"}}}},
		{Op: storage.And, Of: []storage.Condition{{Op: storage.Equal, Column: "tenant", Values: []any{"umbra"}}, {Op: storage.Equal, Column: "team", Values: []any{"team-03"}}}},
	}}}}
	cases := []struct {
		name  string
		where storage.Condition
		order []storage.Order
		index string
		// tenants are those read where it is not one, each along the index.
		tenants []storage.Tenant
	}{
		{"one direction", isOpen, []storage.Order{{Column: "priority"}, {Column: "created"}}, "itsm_incident_open_priority_created_", nil},
		{"the other direction", isOpen, []storage.Order{{Column: "priority", Descending: true}, {Column: "created", Descending: true}}, "itsm_incident_open_priority_created_", nil},
		{"both directions", ofTeam, []storage.Order{{Column: "priority"}, {Column: "created", Descending: true}}, "itsm_incident_open_team_priority_created_", nil},
		{"several values of one column", ofTeams, []storage.Order{{Column: "priority"}, {Column: "created", Descending: true}}, "itsm_incident_open_team_priority_created_", nil},
		{"several tenants", isOpen, []storage.Order{{Column: "priority"}, {Column: "created"}}, "itsm_incident_open_priority_created_", []storage.Tenant{acme, "umbra"}},
		{"other values in each of several tenants", inTenants, []storage.Order{{Column: "priority"}, {Column: "created", Descending: true}}, "itsm_incident_open_team_priority_created_", []storage.Tenant{acme, "umbra"}},
		{"newest first", storage.Condition{}, []storage.Order{{Column: "updated", Descending: true}}, "itsm_incident_updated_", nil},
		{"by id", storage.Condition{}, nil, "", nil},
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			put(t, s, acme, 0, 6000)
			put(t, s, "umbra", 0, 500)
			db := e.db(t, dsn)
			for _, analyzed := range []bool{false, true} {
				if analyzed {
					e.analyze(t, db)
				} else if e.dialect == sqlstore.PostgreSQL {
					continue // it sorts what it takes for few rows, until its autovacuum has looked
				}
				for _, c := range cases {
					var after *storage.Position
					tenants := c.tenants
					if tenants == nil {
						tenants = []storage.Tenant{acme}
					}
					for page := range 4 {
						p.statements()
						require.NoError(t, s.View(t.Context(), tenants, func(ctx context.Context, r storage.Reader) error {
							rows, err := r.Query(ctx, incidents, storage.RowQuery{Where: c.where, Order: c.order, Limit: 50, After: after})
							require.NoError(t, err)
							require.Len(t, rows, 50)
							last := rows[49]
							after = &storage.Position{Tenant: last.Tenant, ID: last.ID}
							for _, o := range c.order {
								after.Values = append(after.Values, last.Value(incidents, o.Column))
							}
							return nil
						}))
						ran := p.statements()
						require.LessOrEqual(t, len(ran), 2, "statements of a page")
						for _, text := range ran {
							plan := explain(t, e, db, text, p.argsOf(text))
							if strings.Contains(text, "UNION ALL") {
								plan = ofPages(plan)
							}
							requireWalk(t, plan, c.index)
							if e.dialect == sqlstore.SQLite && page > 0 {
								require.Regexp(t, `[<>]`, plan, "it begins at the place: %s", c.name)
							}
							require.Contains(t, text, column("tenant"))
						}
					}
				}
			}
		})
	}
}

// members name incidents and the people who may see them.
var members = mustSchema("incident_member", 1, []storage.ColumnSpec{
	{Name: "incident", Kind: storage.Text},
	{Name: "person", Kind: storage.Text},
}, []storage.Index{{Columns: []storage.Order{{Column: "person"}, {Column: "incident"}}}})

// A queue of what a person may see has rows that are named by those of another table. It is a walk along
// the queue's index all the same, which looks the ids up among those that are named.
func TestAQueueOfWhatOthersNameIsAWalkAlongItsIndex(t *testing.T) {
	t.Parallel()
	equal := func(column string, v any) storage.Condition {
		return storage.Condition{Op: storage.Equal, Column: column, Values: []any{v}}
	}
	and := func(of ...storage.Condition) storage.Condition { return storage.Condition{Op: storage.And, Of: of} }
	named := storage.Condition{Op: storage.Named, By: &storage.Reference{Schema: members, Column: "incident", Where: equal("person", "person-0007")}}
	seen := storage.Condition{Op: storage.Or, Of: []storage.Condition{equal("major", false), equal("assignee", "person-0007"), equal("caller", "person-0007"), named}}
	in := func(tenant storage.Tenant) storage.Condition { return and(equal("tenant", string(tenant)), seen) }
	cases := []struct {
		name    string
		where   storage.Condition
		tenants []storage.Tenant
	}{
		{"of a tenant", and(equal("open", true), seen), []storage.Tenant{acme}},
		{"but those named", and(equal("open", true), storage.Condition{Op: storage.Not, Of: []storage.Condition{named}}), []storage.Tenant{acme}},
		{"of several tenants", and(equal("open", true), storage.Condition{Op: storage.Or, Of: []storage.Condition{in(acme), in("umbra")}}), []storage.Tenant{acme, "umbra"}},
	}
	order, index := []storage.Order{{Column: "priority"}, {Column: "created"}}, "itsm_incident_open_priority_created_"
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			require.NoError(t, s.Migrate(t.Context(), incidents, members))
			for tenant, n := range map[storage.Tenant]int{acme: 6000, "umbra": 500} {
				put(t, s, tenant, 0, n)
				require.NoError(t, s.Update(t.Context(), tenant, func(ctx context.Context, tx storage.Tx) error {
					for i := range n / 5 {
						row := storage.Row{Meta: storage.Meta{ID: storage.ID(fmt.Sprint(i)), Created: noon, Updated: noon},
							Columns: []any{string(incident(i * 5).ID), fmt.Sprintf("person-%04d", i%40)}, Body: []byte(`{}`)}
						if err := tx.Put(ctx, members, &row); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			db := e.db(t, dsn)
			e.analyze(t, db)
			for _, c := range cases {
				var after *storage.Position
				for range 3 {
					p.statements()
					require.NoError(t, s.View(t.Context(), c.tenants, func(ctx context.Context, r storage.Reader) error {
						rows, err := r.Query(ctx, incidents, storage.RowQuery{Where: c.where, Order: order, Limit: 50, After: after})
						require.NoError(t, err)
						require.Len(t, rows, 50)
						last := rows[49]
						after = &storage.Position{Tenant: last.Tenant, ID: last.ID}
						for _, o := range order {
							after.Values = append(after.Values, last.Value(incidents, o.Column))
						}
						return nil
					}))
					for _, text := range p.statements() {
						plan := explain(t, e, db, text, p.argsOf(text))
						if strings.Contains(text, "UNION ALL") {
							plan = ofPages(plan)
						}
						require.Contains(t, plan, index)
						require.Contains(t, plan, "itsm_incident_member_person_incident_")
						for _, bad := range []string{"Sort", "Seq Scan", "TEMP B-TREE", "SCAN ", "CORRELATED"} {
							require.NotContains(t, plan, bad, c.name)
						}
						if e.dialect == sqlstore.PostgreSQL {
							require.Contains(t, plan, "hashed SubPlan", c.name)
						}
						require.LessOrEqual(t, strings.Count(plan, "itsm_incident_member_person_incident_"), strings.Count(plan, index), "once a walk: %s", c.name)
					}
				}
			}
		})
	}
}

// Who is erased is taken out of the notes that they wrote, a page at a time, wherever these are.
func TestTheNotesOfAnAuthorAreAWalkAlongTheirIndex(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			notes := itsmengine.NoteTable
			require.NoError(t, s.Migrate(t.Context(), notes.Schema()))
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				for i := range 6000 {
					n := itsmengine.NoteRecord{NoteHead: itsmengine.NoteHead{
						Meta:        storage.Meta{ID: storage.ID(fmt.Sprintf("note-%05d", i)), Created: noon, Updated: noon},
						SubjectKind: "incident", Subject: storage.ID(fmt.Sprint(i % 500)), Author: storage.ID(fmt.Sprintf("person-%02d", i%10)), At: noon,
					}, NoteBody: itsmengine.NoteBody{Text: "x"}}
					if err := notes.Put(ctx, tx, &n); err != nil {
						return err
					}
				}
				return nil
			}))
			db := e.db(t, dsn)
			e.analyze(t, db)
			var after storage.Cursor
			for range 2 {
				p.statements()
				require.NoError(t, s.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
					page, err := notes.Records(ctx, r, storage.Query[itsmengine.NoteHead]{Where: itsmengine.NoteByAuthor.Is("person-07"), After: after, Limit: 60})
					require.Len(t, page.Items, 60)
					after = page.Next
					return err
				}))
				ran := p.statements()
				requireWalk(t, explain(t, e, db, ran[0], p.argsOf(ran[0])), "itsm_note_author_")
			}
		})
	}
}

func TestARecordIsOneSeek(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			put(t, s, acme, 0, 2000)
			p.statements()
			_, err := get(t, s, acme, incident(77).ID)
			require.NoError(t, err)
			text := p.statements()[0]
			requireWalk(t, explain(t, e, e.db(t, dsn), text, p.argsOf(text)), "")
		})
	}
}

// backlog enqueues jobs of many subjects and tenants.
func backlog(tb testing.TB, s storage.Store, tenants, each int, due func(tenant, n int) time.Time) {
	tb.Helper()
	for t := range tenants {
		require.NoError(tb, s.Update(context.Background(), storage.Tenant(fmt.Sprintf("tenant-%04d", t)), func(ctx context.Context, tx storage.Tx) error {
			jobs := make([]storage.Job, each)
			for n := range jobs {
				jobs[n] = storage.Job{Kind: "sla.timer", Key: fmt.Sprintf("%06d", n), Subject: fmt.Sprintf("s%05d", n/3), Due: due(t, n)}
			}
			return tx.Enqueue(ctx, jobs...)
		}))
	}
}

func TestAClaimReadsAlongIndexes(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			require.NoError(t, s.Migrate(t.Context()))
			// Every tenant has jobs to come; three have many that are due.
			backlog(t, s, 40, 300, func(tenant, n int) time.Time {
				if tenant%15 == 0 {
					return noon.Add(time.Duration(n) * time.Second)
				}
				return noon.Add(24 * time.Hour)
			})
			db := e.db(t, dsn)
			for _, analyzed := range []bool{false, true} {
				if analyzed {
					e.analyze(t, db)
				}
				p.statements()
				none, err := s.Claim(t.Context(), storage.Claim{Now: noon.Add(-time.Hour), Lease: time.Minute, Limit: 100})
				require.NoError(t, err)
				require.Empty(t, none)
				ran := p.statements()
				require.Len(t, ran, 1, "a claim that finds nothing")
				requireWalk(t, explain(t, e, db, ran[0], p.argsOf(ran[0])), "itsm__job_ready")

				got, err := s.Claim(t.Context(), storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 100})
				require.NoError(t, err)
				require.Len(t, got, 100)
				for _, text := range p.statements() {
					// What marks jobs finds none to mark now: of each of their subjects one is claimed.
					if strings.HasPrefix(text, "SELECT ") || strings.HasPrefix(text, "WITH ") || strings.HasPrefix(text, `UPDATE "itsm__job"`) {
						plan := explain(t, e, db, text, p.argsOf(text))
						require.NotContains(t, plan, "Seq Scan on itsm__job", text)
						require.NotContains(t, plan, "SCAN itsm__job\n", text)
						require.NotRegexp(t, wholeOnMariaDB, plan, text)
					}
				}
			}
		})
	}
}
