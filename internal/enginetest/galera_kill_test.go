//go:build !race

package enginetest_test

// This file holds that a node of a cluster that is killed under load costs nothing that was acknowledged:
// clients with a list of the nodes go on, the node comes back, and all nodes have the same.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/enginetest/acknowledged"
	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	galeraRounds = flag.Int("galera.rounds", 1, "how often the test of a cluster kills one of its nodes, and has it come back; 50 is the whole")
	galeraSeed   = flag.Uint64("galera.seed", 0, "what the nodes and instants of these kills follow from; 0 is others each time")
)

// galeraClients is how many clients there are, each with connections and numbers of its own, as processes
// have them.
const galeraClients = 3

// failover is clients of a cluster whose nodes are killed.
type failover struct {
	cluster *throwaway.Cluster
	dsns    []string // of each node
	stores  []*sqlstore.Store
	heard   []*acknowledged.Heard // by round
}

func newFailover(t *testing.T) *failover {
	f := &failover{cluster: throwaway.GaleraForTest(t, throwaway.Options{})}
	require.NoError(t, f.cluster.Nodes()[0].CreateDatabase(t.Context(), "desk"))
	for _, dsn := range f.cluster.DSNs("desk") {
		f.dsns = append(f.dsns, dsn+"?"+galeraParameters)
	}
	for range galeraClients {
		s := open(t, galera, byNodes(t, f.cluster.DSNs("desk"))+"?"+galeraParameters, nil)
		f.stores = append(f.stores, s)
	}
	require.Eventually(t, func() bool { // the database is at each node
		return f.stores[0].Migrate(t.Context(), acknowledged.Schemas()...) == nil
	}, time.Minute, 50*time.Millisecond)
	return f
}

// work has the clients write and do jobs of one tenant, until the function that it gives is called.
func (f *failover) work(t *testing.T) (stop func()) {
	round := len(f.heard)
	heard := acknowledged.NewHeard()
	f.heard = append(f.heard, heard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, galeraClients)
	for i, s := range f.stores {
		w := &acknowledged.Work{Store: s, Tenant: acknowledged.TenantOf(round), Now: acknowledged.NowOf(round), First: 3 * i,
			Say: func(line string) { heard.Hear(line) }}
		go func() { ended <- w.Run(ctx) }()
	}
	t.Cleanup(cancel)
	return func() {
		cancel()
		for range galeraClients {
			require.NoError(t, <-ended)
		}
	}
}

// goOn waits until units are acknowledged that were not before, and says how long it took.
func (f *failover) goOn(t *testing.T) time.Duration {
	t.Helper()
	heard, since := f.heard[len(f.heard)-1], time.Now()
	before, _, _ := heard.Counts()
	require.Eventually(t, func() bool {
		done, _, _ := heard.Counts()
		return done > before+20
	}, time.Minute, 5*time.Millisecond, "the clients go on")
	return time.Since(since)
}

// finish does the jobs that are left, from all clients, and gives what is wrong with a round then.
func (f *failover) finish(t *testing.T, round int) []acknowledged.Problem {
	t.Helper()
	for idle := 0; idle < galeraClients; {
		idle = 0
		for _, s := range f.stores {
			rest := &acknowledged.Work{Store: s, Now: acknowledged.NowOf(len(f.heard)), Say: func(string) {}}
			var n int
			require.NoError(t, again(func() (err error) { n, err = rest.Do(t.Context()); return err }))
			if n == 0 {
				idle++
			}
		}
	}
	var found acknowledged.Found
	require.NoError(t, again(func() (err error) {
		found, err = acknowledged.Look(t.Context(), f.stores[round%galeraClients], acknowledged.TenantOf(round))
		return err
	}))
	return found.Problems(f.heard[round], true)
}

// contents tells what a node has: of each table how many rows, and a digest of them all.
func contents(t *testing.T, dsn string) (all map[string]string) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer db.Close()
	var tables []string
	each(t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()", func(row []byte) { tables = append(tables, string(bytes.TrimSuffix(row, []byte{0}))) })
	all = map[string]string{}
	for _, table := range tables {
		var lines [][]byte
		each(t, db, "SELECT * FROM `"+table+"`", func(row []byte) { lines = append(lines, row) })
		slices.SortFunc(lines, bytes.Compare)
		all[table] = fmt.Sprintf("%d rows, %x", len(lines), sha256.Sum256(bytes.Join(lines, []byte{'\n'})))
	}
	return all
}

// each gives the rows of a query, with a zero behind each value. No column may be NULL.
func each(t *testing.T, db *sql.DB, query string, take func(row []byte)) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, at := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		at[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(at...))
		var row []byte
		for _, v := range values {
			row = append(append(row, v...), 0)
		}
		take(row)
	}
	require.NoError(t, rows.Err())
}

// TestANodeThatIsKilledLosesNothingAcknowledged is, as a whole:
//
//	cd internal/enginetest && go test -run TestANodeThatIsKilled -v -galera.rounds=50 -timeout 2h
func TestANodeThatIsKilledLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	seed := *galeraSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-galera.seed=%d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 4))
	pause := func() { time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond)))) }
	f := newFailover(t)
	equal := func() bool {
		first := contents(t, f.dsns[0])
		for _, dsn := range f.dsns[1:] {
			if other := contents(t, dsn); fmt.Sprint(other) != fmt.Sprint(first) {
				t.Logf("%v\n%v", first, other)
				return false
			}
		}
		return len(first) > 0
	}
	for round := range *galeraRounds {
		victim := f.cluster.Nodes()[random.IntN(len(f.dsns))]
		stop := f.work(t)
		f.goOn(t)
		pause()
		require.NoError(t, victim.Kill())
		before, _, _ := f.heard[round].Counts()
		stalled := f.goOn(t)
		pause()
		away := time.Now()
		back(t, victim)
		f.goOn(t)
		took := time.Since(away)
		require.Eventually(t, func() bool { return commitsOf(t, victim) > 20 }, time.Minute, 20*time.Millisecond, "clients use the node again")
		done, failed, effects := f.heard[round].Counts()
		stop()
		require.Zero(t, failed, "whatever the nodes say, a unit can be tried again, or its outcome is unknown")
		require.Empty(t, f.finish(t, round), "round %d", round)
		require.True(t, equal(), "round %d: the nodes have the same", round)
		t.Logf("round %d: %d units acknowledged before the kill and %d in all, %d effects; the clients went on after %v, and the node was back after %v more",
			round, before, done, effects, stalled.Round(time.Millisecond), took.Round(time.Millisecond))
	}
	for round := range f.heard { // what later rounds did has harmed none
		require.Empty(t, f.finish(t, round), "round %d", round)
	}
	// What one node alone has would be found.
	_, err := f.cluster.Nodes()[2].Query(t.Context(), "desk", "SET wsrep_on = 0; DELETE FROM itsm_unit_row LIMIT 1")
	require.NoError(t, err)
	require.False(t, equal())
}

// back starts a node again. Now and then one cannot join at its first attempt.
func back(t *testing.T, s *throwaway.Server) {
	t.Helper()
	var err error
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = s.Restart(ctx)
		cancel()
		if err == nil {
			return
		}
		t.Log(err)
	}
	require.NoError(t, err)
}
