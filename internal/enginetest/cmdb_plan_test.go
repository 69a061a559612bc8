// This file holds how engines read what is asked of configuration items: along indexes, and no more than is given.

package enginetest_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// whole is a plan that reads all rows of a table which has many.
var whole = regexp.MustCompile(`(?:Seq Scan on|SCAN) itsm_ci(?:_relation|_group|_outage|_duplicate|_impacted|_identity|_known)?(?: |\n)`)

// removed is how many rows a plan reads that are not given, or of how many it gives a part.
var removed = regexp.MustCompile(`Rows Removed by \w+(?: \w+)?: (\d+)|Rows Removed: \S+ of (\d+)`)

// wasted says whether a plan reads many rows that are not given.
func wasted(plan string) bool {
	for _, m := range removed.FindAllStringSubmatch(plan, -1) {
		if n, err := strconv.Atoi(m[1] + m[2]); err != nil || n > 100 {
			return true
		}
	}
	return false
}

func TestConfigurationIsReadAlongIndexes(t *testing.T) {
	t.Parallel()
	const hosts = 2000
	at := noon
	cases := []struct {
		name string
		run  func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error
		// walk says that it is read in the order of an index, and nothing that is not given.
		walk bool
	}{
		{"CIs by name", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.List(ctx, cora, storage.Query[cmdb.Head]{Limit: 20})
			return err
		}, true},
		{"CIs in use by name", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.List(ctx, cora, storage.Query[cmdb.Head]{Where: cmdb.ByCurrent.Is(true), Limit: 20})
			return err
		}, true},
		{"CIs of a class by name", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.List(ctx, cora, storage.Query[cmdb.Head]{Where: storage.AllOf(cmdb.ByCurrent.Is(true), cmdb.ByClass.Is(schema.ClassHost)), Limit: 20})
			return err
		}, true},
		{"a CI by its name", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.List(ctx, cora, storage.Query[cmdb.Head]{Where: storage.AllOf(cmdb.ByName.Is("host 77"), cmdb.ByCurrent.Is(true)), Limit: 20})
			return err
		}, false},
		{"relations of a CI", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Relations(ctx, cora, id(77), storage.Query[cmdb.RelationHead]{Limit: 20})
			return err
		}, false},
		{"relations of a CI that have not ended", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Relations(ctx, cora, id(77), storage.Query[cmdb.RelationHead]{Where: cmdb.RelationByCurrent.Is(true), Limit: 20})
			return err
		}, false},
		{"groups of a CI", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Groups(ctx, cora, id(77))
			return err
		}, false},
		{"outages of a CI", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Outages(ctx, cora, storage.Query[cmdb.OutageHead]{Where: cmdb.OutageByCI.Is(id(77)), Limit: 20})
			return err
		}, false},
		{"duplicates that are open", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.Duplicates(ctx, cora, storage.Query[cmdb.DuplicateHead]{Where: cmdb.DuplicateByOpen.Is(true), Limit: 20})
			return err
		}, false},
		{"what a record impacts", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.Impacted(ctx, cora, itsm.Ref{Kind: "incident", ID: "i7"}, storage.Query[cmdb.ImpactedHead]{Limit: 20})
			return err
		}, false},
		{"what impacts a CI", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.ImpactedBy(ctx, cora, id(7), storage.Query[cmdb.ImpactedHead]{Limit: 20})
			return err
		}, false},
		{"an observation of a CI that is known", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			_, err := p.Observe(ctx, cora, cmdb.Sighting{Observation: reconcile.Observation{Source: "scan", Class: schema.ClassHost, Name: "host 77", At: at.Add(time.Hour),
				Attributes: schema.Values{"serial_number": schema.Text("S77"), "memory": schema.Integer(16)},
				Relations:  []reconcile.ObservedRelation{{Type: schema.RelationLocatedAt, Other: reconcile.Pointer{Class: schema.ClassSite, Name: "site"}}}}})
			return err
		}, false},
		{"an import of CIs that are known", func(ctx context.Context, p *cmdb.Practice, _ func(int) itsm.ID) error {
			result, err := p.Import(ctx, cora, "again", hostRows(0, 10, at.Add(time.Hour)), cmdb.ImportOptions{Partial: true})
			if err == nil && result.Unchanged != 10 {
				err = fmt.Errorf("%+v", result)
			}
			return err
		}, false},
		{"a relation that is made", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Relate(ctx, cora, cmdb.NewRelation{Type: schema.RelationDependsOn, Source: id(3), Target: id(1800)})
			return err
		}, false},
		{"a merge that is looked at", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Merge(ctx, cora, cmdb.Merger{Keep: id(3), Other: id(1), DryRun: true})
			return err
		}, false},
		{"a CI that is retired", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Retire(ctx, cora, id(5), cmdb.Retirement{EndRelations: true})
			return err
		}, false},
		{"the graph as it was", func(ctx context.Context, p *cmdb.Practice, id func(int) itsm.ID) error {
			_, err := p.Impact(ctx, cora, cmdb.Failures(id(3)), cmdb.Question{At: at, Outages: true})
			return err
		}, false},
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := t.Context()
			p := &tap{}
			dsn := e.empty(t)
			s, err := sqlstore.New(p.db(t, e, dsn), e.dialect, sqlstore.Options{Volatile: true})
			require.NoError(t, err)
			t.Cleanup(func() { s.Close() })
			now := at
			eng, err := itsmengine.New(s, itsmengine.Options{Clock: func() time.Time { return now }})
			require.NoError(t, err)
			practice, err := cmdb.New(eng, cmdb.Options{})
			require.NoError(t, err)
			require.NoError(t, eng.Migrate(ctx))
			_, err = practice.Import(ctx, cora, "before", hostRows(0, hosts, at), cmdb.ImportOptions{Partial: true, Batch: 1000})
			require.NoError(t, err)
			ids := map[string]itsm.ID{}
			for h, err := range practice.All(ctx, cora, storage.Query[cmdb.Head]{Limit: storage.MaxPage}) {
				require.NoError(t, err)
				ids[h.Name] = h.ID
			}
			id := func(i int) itsm.ID { return ids[fmt.Sprint("host ", i)] }
			putTies(t, s, hosts, id, at)
			_, err = practice.Load(ctx, cora, nil)
			require.NoError(t, err)
			db := e.db(t, dsn)
			e.analyze(t, db)
			now = at.Add(time.Hour)
			for _, c := range cases {
				p.statements()
				require.NoError(t, c.run(ctx, practice, id), c.name)
				ran := p.statements()
				slices.Sort(ran)
				for _, text := range slices.Compact(ran) {
					if !strings.HasPrefix(text, "SELECT ") || !strings.Contains(text, "itsm_ci") {
						continue
					}
					plan := explain(t, e, db, text, p.argsOf(text))
					few := strings.Contains(text, `"id" IN (`) // of so few rows an engine may as well read all
					if !few && (whole.MatchString(plan) || wasted(plan)) {
						t.Errorf("%s:\n%s\n%s", c.name, text, plan)
					}
					if c.walk {
						requireWalk(t, plan, "itsm_ci")
					}
				}
			}
		})
	}
}

// putTies writes relations, groups, outages, duplicates and impacts of CIs as rows.
func putTies(t *testing.T, s storage.Store, n int, id func(int) itsm.ID, at time.Time) {
	t.Helper()
	meta := func(kind string, i int) storage.Meta {
		return storage.Meta{ID: itsm.ID(fmt.Sprintf("%s-%06d", kind, i)), Created: at, Updated: at}
	}
	require.NoError(t, s.Update(t.Context(), cora.Tenant, func(ctx context.Context, tx storage.Tx) error {
		var relations []*cmdb.Relation
		var groups []*cmdb.Group
		var outages []*cmdb.Outage
		var duplicates []*cmdb.Duplicate
		var impacts []*cmdb.Impacted
		for i := 1; i < n; i++ {
			for k := range 4 {
				relations = append(relations, &cmdb.Relation{RelationHead: cmdb.RelationHead{Meta: meta("r", 4*i+k), Type: schema.RelationDependsOn, Source: id(i),
					Target: id(1 + (i*7+k*13)%(n-1)), Current: k > 0, From: at}})
			}
			groups = append(groups, &cmdb.Group{GroupHead: cmdb.GroupHead{Meta: meta("g", i), Owner: id(i), Type: schema.RelationDependsOn, Current: i%2 == 0, From: at}, GroupBody: cmdb.GroupBody{Empty: impact.EmptyOK}})
			outages = append(outages, &cmdb.Outage{OutageHead: cmdb.OutageHead{Meta: meta("o", i), CI: id(i), Severity: cmdb.SeverityDown, Begin: at.Add(-time.Duration(i) * time.Hour), End: at.Add(time.Minute - time.Duration(i)*time.Hour)}})
			duplicates = append(duplicates, &cmdb.Duplicate{DuplicateHead: cmdb.DuplicateHead{Meta: meta("d", i), First: id(i), Second: id(n - i), Open: i%20 == 0, Source: "scan"}})
			impacts = append(impacts, &cmdb.Impacted{ImpactedHead: cmdb.ImpactedHead{Meta: meta("i", i), RecordKind: "incident", Record: itsm.ID(fmt.Sprint("i", i%100)), CI: id(i),
				Origin: cmdb.OriginComputed, Severity: cmdb.SeverityDown}})
		}
		for _, put := range []func() error{
			func() error { return cmdb.RelationTable.Put(ctx, tx, relations...) },
			func() error { return cmdb.GroupTable.Put(ctx, tx, groups...) },
			func() error { return cmdb.OutageTable.Put(ctx, tx, outages...) },
			func() error { return cmdb.DuplicateTable.Put(ctx, tx, duplicates...) },
			func() error { return cmdb.ImpactedTable.Put(ctx, tx, impacts...) },
		} {
			if err := put(); err != nil {
				return err
			}
		}
		return nil
	}))
}
