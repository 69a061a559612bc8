// This file holds imports by several processes over one database, and what a row of an import costs.

package enginetest_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var cora = itsm.Actor{Tenant: "acme", ID: "cora", Roles: []itsm.RoleName{itsm.RoleConfigurationManager}}

// hostRows are hosts at a site, each of which is known by its serial number, from one number to another.
func hostRows(from, to int, at time.Time) iter.Seq2[reconcile.Observation, error] {
	return func(yield func(reconcile.Observation, error) bool) {
		for i := from; i < to; i++ {
			o := reconcile.Observation{Source: "scan", Class: schema.ClassHost, Name: fmt.Sprint("host ", i), At: at,
				Attributes: schema.Values{"serial_number": schema.Text(fmt.Sprint("S", i)), "memory": schema.Integer(8)},
				Relations:  []reconcile.ObservedRelation{{Type: schema.RelationLocatedAt, Other: reconcile.Pointer{Class: schema.ClassSite, Name: "site"}}}}
			if i == from {
				o = reconcile.Observation{Source: "scan", Class: schema.ClassSite, Name: "site", At: at}
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

func configuration(tb testing.TB, store storage.Store) *cmdb.Practice {
	tb.Helper()
	eng, err := itsmengine.New(store, itsmengine.Options{})
	require.NoError(tb, err)
	p, err := cmdb.New(eng, cmdb.Options{})
	require.NoError(tb, err)
	require.NoError(tb, eng.Migrate(context.Background()))
	return p
}

// Processes that import the same file at once make each CI and each relation once.
func TestM13ImportsAtOnceMakeNoDuplicates(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			const n, processes = 60, 3
			at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
			stores := e.stores(t, processes)
			var all []*cmdb.Practice
			for _, store := range stores {
				all = append(all, configuration(t, store))
			}
			var wait sync.WaitGroup
			errs := make([]error, processes)
			created := make([]int, processes)
			for i, p := range all {
				wait.Add(1)
				go func() {
					defer wait.Done()
					var result cmdb.ImportResult
					result, errs[i] = p.Import(context.Background(), cora, fmt.Sprint("file ", i%2), hostRows(0, n, at), cmdb.ImportOptions{Batch: 5})
					created[i] = result.Created
				}()
			}
			wait.Wait()
			sum := 0
			for i := range all {
				require.NoError(t, errs[i])
				sum += created[i]
			}
			require.Equal(t, n, sum)
			for _, p := range all {
				names := map[string]int{}
				for h, err := range p.All(t.Context(), cora, storage.Query[cmdb.Head]{}) {
					require.NoError(t, err)
					names[h.Name]++
					if h.Class == schema.ClassSite {
						rels, err := p.Relations(t.Context(), cora, h.ID, storage.Query[cmdb.RelationHead]{Limit: storage.MaxPage})
						require.NoError(t, err)
						require.Len(t, rels.Items, n-1)
					}
				}
				require.Len(t, names, n)
				for name, times := range names {
					require.Equal(t, 1, times, name)
				}
			}
		})
	}
}

// BenchmarkImport imports rows into tenants of three sizes: new ones, and the same once more. A row costs the same in each.
func BenchmarkImport(b *testing.B) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	const rows = 1000
	for _, e := range engines {
		for _, size := range []int{0, 4_000, 16_000} {
			b.Run(fmt.Sprintf("%s/of %d", e.name, size), func(b *testing.B) {
				store, _ := e.store(b, sqlstore.Options{})
				p := configuration(b, store)
				next := 0
				for ; next < size; next += 4000 {
					_, err := p.Import(context.Background(), cora, "before", hostRows(next, next+4000, at), cmdb.ImportOptions{Partial: true, Batch: 1000})
					require.NoError(b, err)
				}
				for _, kind := range []string{"new", "same"} {
					b.Run(kind, func(b *testing.B) {
						done := 0
						for b.Loop() {
							if kind == "new" {
								next += rows
							}
							result, err := p.Import(context.Background(), cora, fmt.Sprint(next), hostRows(next, next+rows, at), cmdb.ImportOptions{})
							require.NoError(b, err)
							if kind == "new" {
								require.GreaterOrEqual(b, result.Created, rows-1)
							}
							done += rows
						}
						b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "rows/s")
					})
				}
			})
		}
	}
}
