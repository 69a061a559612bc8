// This file holds how long it takes until the graph of a tenant is in memory.

package enginetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// BenchmarkLoadConfiguration loads CIs and five times as many relations, a million CIs unless ITSMKIT_ESTATE says another number, in
// each engine. Writing them takes minutes.
func BenchmarkLoadConfiguration(b *testing.B) {
	n := estateCIs(b)
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			ctx := context.Background()
			store, db := e.store(b, sqlstore.Options{})
			eng, err := itsmengine.New(store, itsmengine.Options{})
			require.NoError(b, err)
			_, err = cmdb.New(eng, cmdb.Options{})
			require.NoError(b, err)
			require.NoError(b, eng.Migrate(ctx))
			putEstate(b, store, n)
			if e.dialect == sqlstore.PostgreSQL {
				// Its planner knows nothing of what was written a moment ago: where it runs, a background process sees to that.
				_, err = db.Exec("ANALYZE")
				require.NoError(b, err)
			}
			cora := itsm.Actor{Tenant: "acme", ID: "cora", Roles: []itsm.RoleName{itsm.RoleConfigurationManager}}
			for b.Loop() {
				b.StopTimer()
				eng, err := itsmengine.New(store, itsmengine.Options{})
				require.NoError(b, err)
				p, err := cmdb.New(eng, cmdb.Options{})
				require.NoError(b, err)
				b.StartTimer()
				var last cmdb.Progress
				_, err = p.Load(ctx, cora, func(now cmdb.Progress) { last = now })
				require.NoError(b, err)
				require.Equal(b, cmdb.Progress{CIs: n, Relations: 5 * n}, last)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(6*n), "µs/record")
		})
	}
}

// putEstate writes CIs and relations as rows, without their histories.
func putEstate(b *testing.B, store storage.Store, n int) {
	b.Helper()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	id := func(i int) itsm.ID { return itsm.ID(fmt.Sprintf("01890a5d-ac96-774b-bcce-%012d", i)) }
	const batch = 1000
	for from := 0; from < n; from += batch {
		require.NoError(b, store.Update(context.Background(), "acme", func(ctx context.Context, tx storage.Tx) error {
			var cis []*cmdb.CI
			var relations []*cmdb.Relation
			for i := from; i < min(from+batch, n); i++ {
				meta := storage.Meta{ID: id(i), Created: now, Updated: now}
				cis = append(cis, &cmdb.CI{Head: cmdb.Head{Meta: meta, Class: "host", Name: fmt.Sprint("host ", i), State: cmdb.StateLive, Current: true, Since: now}})
				for k := range 5 {
					meta.ID = itsm.ID(fmt.Sprintf("01890a5d-ac97-774b-bcce-%012d", 5*i+k))
					relations = append(relations, &cmdb.Relation{RelationHead: cmdb.RelationHead{Meta: meta, Type: "depends_on",
						Source: id(i), Target: id((i + 1 + random.IntN(n-1)) % n), Current: true, From: now}})
				}
			}
			if err := cmdb.Table.Put(ctx, tx, cis...); err != nil {
				return err
			}
			return cmdb.RelationTable.Put(ctx, tx, relations...)
		}))
	}
}
