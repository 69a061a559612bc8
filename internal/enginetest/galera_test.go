//go:build !race

package enginetest_test

// This file is the store on a MariaDB Galera cluster of three nodes, with commands that go to all of them.
// What holds on every engine is asked of it where sites are; here is what only a cluster has. The race
// detector would find nothing there that it does not find on one server.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
	"github.com/itsmkit/itsmkit/storage/storagetest"
)

// What a host should have on a cluster.
const galeraParameters = "interpolateParams=true&wsrep_sync_wait=7"

// galera is the shared cluster by a list of its nodes, galeraInTurn has each unit at another node than the
// one before it, and galeraOne is one node.
var (
	galera       = ofGalera(engine{name: "Galera", driver: "mysql"}, byNodes)
	galeraInTurn = ofGalera(engine{name: "Galera in turn", driver: "mysql in turn"}, byNodes)
	galeraOne    = ofGalera(engine{name: "Galera, one node", driver: "mysql"}, func(_ testing.TB, dsns []string) string { return dsns[0] })
)

func ofGalera(e engine, by func(tb testing.TB, dsns []string) string) engine {
	e.parameters = galeraParameters
	e.address = func(tb testing.TB, database string) string {
		tb.Helper()
		return by(tb, throwaway.SharedGalera(tb).DSNs(database))
	}
	e = e.ofMariaDB()
	first := e.administer
	e.administer = func(tb testing.TB, statement string) {
		tb.Helper()
		first(tb, statement)
		// A connection names its database before it waits for anything.
		for i, dsn := range throwaway.SharedGalera(tb).DSNs("") {
			db, err := administrationOfNodes[i](dsn + "?" + galeraParameters)
			require.NoError(tb, err)
			var n int
			require.NoError(tb, db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM information_schema.schemata").Scan(&n))
		}
	}
	return e
}

// administrationOfNodes is a pool for each node.
var administrationOfNodes = []func(dsn string) (*sql.DB, error){onePool("mysql"), onePool("mysql"), onePool("mysql")}

// clusters are sites where each store is at a node of its own.
var clusters = []site{{name: galera.name, interleaves: true, atCommit: true, stores: func(tb testing.TB, n int, schemas ...*storage.Schema) []storage.Store {
	tb.Helper()
	return atNodes(tb, n, galera.emptyDatabase(tb), galeraParameters, schemas...)
}}}

// atNodes opens n stores on an empty database, each at the next node.
func atNodes(tb testing.TB, n int, database, parameters string, schemas ...*storage.Schema) []storage.Store {
	tb.Helper()
	dsns := throwaway.SharedGalera(tb).DSNs(database)
	all := make([]storage.Store, n)
	for i := range all {
		s := open(tb, galera, dsns[i%len(dsns)]+"?"+parameters, nil)
		if i == 0 {
			require.NoError(tb, s.Migrate(tb.Context(), schemas...))
		}
		all[i] = s
	}
	return all
}

// waits are the cases in which a unit waits for another one's lock. Locks are known to the other nodes at the
// commit: of two units that hold one at two nodes one is undone then, and to be run again. So who wants to
// see them wait is at one node; guarded_test.go and the histories show what a lock is worth at all of them.
var waits = []string{
	"Locks/a_lock_excludes_other_units",
	"Locks/other_names_and_other_tenants_do_not_wait",
	"Cancellation/who_waits_for_a_lock_stops_waiting",
}

func TestGaleraConformsWithEachUnitAtAnotherNode(t *testing.T) {
	t.Parallel()
	c := throwaway.SharedGalera(t)
	before := commits(t, c)
	all := t.Name() + "/"
	storagetest.Run(t, func(t *testing.T) storage.Store {
		if slices.Contains(waits, strings.TrimPrefix(t.Name(), all)) {
			return galeraOne.reusingStore(t)
		}
		return galeraInTurn.reusingStoreWith(t, sqlstore.Options{Statements: -1}, nil)
	})
	for i, n := range commits(t, c) {
		t.Logf("node %d: %d commits", i, n-before[i])
		require.Greater(t, n, before[i]+100, "node %d took part", i)
	}
}

// commits says how many transactions each node has committed for its own clients.
func commits(t *testing.T, c *throwaway.Cluster) (all []int) {
	t.Helper()
	for _, s := range c.Nodes() {
		all = append(all, commitsOf(t, s))
	}
	return all
}

func commitsOf(t *testing.T, node *throwaway.Server) int {
	t.Helper()
	out, err := node.Query(t.Context(), "", "SHOW STATUS LIKE 'wsrep_local_commits'")
	require.NoError(t, err)
	_, value, _ := strings.Cut(out, "|")
	n, err := strconv.Atoi(value)
	require.NoError(t, err)
	return n
}

// galeraMutants are what makes histories on a cluster wrong, though on one server it would do no harm.
var galeraMutants = []struct {
	fault  string
	kind   kindOfHistory
	stores func(tb testing.TB, schemas ...*storage.Schema) []storage.Store
}{
	{"nodes do not wait for what others have committed", recordHistory, func(tb testing.TB, schemas ...*storage.Schema) []storage.Store {
		return atNodes(tb, historyStores, galera.emptyDatabase(tb), "interpolateParams=true&wsrep_sync_wait=0", schemas...)
	}},
	{"a lock is no change of its row", lockHistory, func(tb testing.TB, schemas ...*storage.Schema) []storage.Store {
		database := galera.emptyDatabase(tb)
		stores := atNodes(tb, historyStores, database, galeraParameters, schemas...)
		for n := range 2 { // who makes the row changes it
			require.NoError(tb, stores[0].Update(tb.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				return tx.Lock(ctx, fmt.Sprint("l", n))
			}))
		}
		galera.administer(tb, "CREATE TRIGGER "+database+".kept BEFORE UPDATE ON "+database+".itsm__lock FOR EACH ROW SET NEW.n = OLD.n")
		return stores
	}},
}

func TestHistoriesOfAClusterThatIsUsedWronglyAreFoundWrong(t *testing.T) {
	t.Parallel()
	const most = 100
	for _, m := range galeraMutants {
		t.Run(m.fault, func(t *testing.T) {
			t.Parallel()
			for i, seed := range seeds(most) {
				h, err := m.kind.record(t.Context(), m.stores(t, m.kind.schemas()...), seed)
				require.NoError(t, err, "-histories.seed %d", seed)
				result, _, _ := m.kind.judge(h)
				require.NotEqual(t, porcupine.Unknown, result)
				if result == porcupine.Illegal {
					t.Logf("history %d", i+1)
					return
				}
			}
			t.Errorf("%d histories are right", most)
		})
	}
}

func TestACheckFindsSettingsOfAClusterThatLoseData(t *testing.T) {
	t.Parallel()
	dsns := throwaway.SharedGalera(t).DSNs(galera.emptyDatabase(t))
	require.NoError(t, open(t, galera, dsns[0]+"?"+galeraParameters, nil).Migrate(t.Context()))
	for parameters, want := range map[string]string{
		"":                                       "setting wsrep_sync_wait",
		"&wsrep_sync_wait=1":                     "setting wsrep_sync_wait",
		"&wsrep_sync_wait=3":                     "setting wsrep_sync_wait",
		"&wsrep_sync_wait=8":                     "setting wsrep_sync_wait",
		"&wsrep_sync_wait=7":                     "",
		"&wsrep_sync_wait=15":                    "",
		"&wsrep_sync_wait=7&wsrep_dirty_reads=1": "setting wsrep_dirty_reads",
		"&wsrep_sync_wait=7&wsrep_osu_method=%27RSU%27": "setting wsrep_osu_method",
		"&wsrep_sync_wait=7&interpolateParams=false":    "driver",
	} {
		err := open(t, galera, dsns[1]+"?interpolateParams=true"+parameters, nil).Check(t.Context())
		if want == "" {
			require.NoError(t, err, parameters)
		} else {
			require.ErrorIs(t, err, storage.ErrInvalid, parameters)
			require.ErrorContains(t, err, want, parameters)
		}
	}
}

// A transaction that another node's commit undoes while it prepares a statement is not told so, and what it
// does then is committed by itself: see sqlstore.MySQL.
func TestNothingIsPreparedOnACluster(t *testing.T) {
	t.Parallel()
	for _, e := range []engine{galera, mariaDB} {
		p := &tap{}
		s := open(t, e, e.empty(t), p)
		require.NoError(t, s.Migrate(t.Context(), registers))
		prepared := 0
		p.setFail(func(text string) error {
			if strings.HasPrefix(text, "PREPARE ") {
				prepared++
			}
			return nil
		})
		for n := range 5 {
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				row := register(storage.ID(fmt.Sprint(n)), "", 0, 1)
				return errors.Join(tx.Lock(ctx, "x"), tx.Put(ctx, registers, &row))
			}))
		}
		require.Equal(t, e.name == galera.name, prepared == 0, "%s: %d are prepared", e.name, prepared)
	}
}
