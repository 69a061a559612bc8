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

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// explain gives how an engine runs a statement.
func explain(t *testing.T, e engine, db *sql.DB, text string, args []any) string {
	t.Helper()
	how := "EXPLAIN QUERY PLAN "
	if e.dialect == sqlstore.PostgreSQL {
		how = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "
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
		out.WriteString(fmt.Sprint(*line[len(line)-1].(*any)) + "\n")
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

// merging matches what an engine says of putting pages together, of which each is a walk of its own:
// PostgreSQL merges them or sorts the rows of the pages, as SQLite does. A sort within one of the
// pages stands further in, and is not matched.
var merging = regexp.MustCompile(`(?m)^(  ->  (Incremental )?Sort \(.*\n| {8,14}(Sort|Presorted|Full-sort|Pre-sorted) .*: .*\n|SCAN b\d+\nUSE TEMP B-TREE FOR ORDER BY\n)`)

func TestAPageOfAQueueIsAWalkAlongItsIndex(t *testing.T) {
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
					_, err := db.ExecContext(t.Context(), "ANALYZE")
					require.NoError(t, err)
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
								plan = merging.ReplaceAllString(plan, "")
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

func TestARecordIsOneSeek(t *testing.T) {
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
					_, err := db.ExecContext(t.Context(), "ANALYZE")
					require.NoError(t, err)
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
					if strings.HasPrefix(text, "SELECT ") || strings.HasPrefix(text, "WITH ") {
						plan := explain(t, e, db, text, p.argsOf(text))
						require.NotContains(t, plan, "Seq Scan on itsm__job", text)
						require.NotContains(t, plan, "SCAN itsm__job\n", text)
					}
				}
			}
		})
	}
}
