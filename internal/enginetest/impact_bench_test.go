// This file holds the impact engine beside what a team would otherwise take: a graph library, and a
// recursive query. Each answers which CIs a failure reaches, redundancy not counted, as that is all
// that the others can; the engine also counts it. Each has the graph in memory, or in the server's
// buffers, and says how many CIs it reached:
//
//   - closure finds the failure by its id, and keeps the CIs that it reached in a list of numbers, nearest
//     first; their ids are not read;
//   - k-of-n does so too, with redundancy and severity, and keeps for each when it went down;
//   - gonum is given the failure by number, calls a function for each node that it reaches, and keeps none;
//   - PostgreSQL is given the failure by number, reads an index that covers the query, and sends back the
//     count alone.

package enginetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/traverse"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/internal/estate"
	"github.com/itsmkit/itsmkit/internal/throwaway"
)

// estateCIs is a million, or what ITSMKIT_ESTATE says.
func estateCIs(b *testing.B) int {
	n := 1_000_000
	if s := os.Getenv("ITSMKIT_ESTATE"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	return n
}

// cpu is the processor time of this process in nanoseconds, which says more than the clock where the
// machine is shared.
func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOf is the processor time of another process in nanoseconds, and 0 where the system does not say.
func cpuOf(pid int) (spent float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0
	}
	fmt.Sscan(string(text), &spent)
	return spent
}

// pairsOf gives every relation of an estate, those in groups included, as member and owner.
func pairsOf(e *estate.Estate, yield func(member, owner uint32)) {
	for i, owner := range e.Owner {
		yield(e.Member[i], owner)
	}
	for _, g := range e.Groups {
		for _, m := range g.Members {
			yield(m, g.Owner)
		}
	}
}

// BenchmarkImpactBesideOthers takes minutes and two gigabytes to load. An iteration is a turn of each, of
// some hundredths of a second at least, so that what else the machine does meets all of them, and each
// finds its own memory near. It reports the medians of the turns: processor time of a question, and how
// many times as much as the closure's of the same turn.
func BenchmarkImpactBesideOthers(b *testing.B) {
	e := estate.New(estateCIs(b))
	s := impactOf(b, e)
	b.Logf("impact: %.2f bytes for each CI and relation", float64(s.Bytes())/float64(s.Len()+e.Relations()))
	g := simple.NewDirectedGraph()
	pairsOf(e, func(member, owner uint32) {
		if member != owner {
			g.SetEdge(simple.Edge{F: simple.Node(member), T: simple.Node(owner)})
		}
	})
	db := edgesIn(b, e)
	server := 0 // the process that answers
	require.NoError(b, db.QueryRow("SELECT pg_backend_pid()").Scan(&server))

	type peer struct {
		name string
		ask  func(f estate.Failure) (int, error)
	}
	peers := []peer{
		{"closure", func(f estate.Failure) (int, error) {
			r, err := s.Reach(impact.Downstream, []string{e.IDs[f.CI]}, impact.Options{})
			if err != nil {
				return 0, err
			}
			return r.Len(), nil
		}},
		{"k-of-n", func(f estate.Failure) (int, error) {
			r, err := s.Impact(impact.Failed(e.IDs[f.CI]), impact.Options{})
			if err != nil {
				return 0, err
			}
			return r.Counts().Down, nil
		}},
		{"gonum", func(f estate.Failure) (int, error) {
			n := -1 // the failure itself
			walk := traverse.BreadthFirst{Visit: func(graph.Node) { n++ }}
			walk.Walk(g, simple.Node(f.CI), nil)
			return n, nil
		}},
		{"postgresql", func(f estate.Failure) (n int, err error) {
			err = db.QueryRow(`WITH RECURSIVE reached(ci) AS (
				VALUES ($1::int) UNION SELECT edge.owner FROM reached JOIN edge ON edge.member = reached.ci
			) SELECT count(*) - 1 FROM reached`, f.CI).Scan(&n)
			return n, err
		}},
	}
	// turn gives the processor time of a question, asked until there is enough to measure.
	turn := func(b *testing.B, p peer, f estate.Failure) float64 {
		const enough = 5e7
		runtime.GC() // so that nobody pays for what others left
		start := cpu() + cpuOf(server)
		for asked, until := 0, 1; ; until *= 2 {
			for ; asked < until; asked++ {
				if n, err := p.ask(f); err != nil || n != f.Impact {
					b.Fatalf("%s: %d impacted, want %d: %v", p.name, n, f.Impact, err)
				}
			}
			if spent := cpu() + cpuOf(server) - start; spent > enough {
				return spent / float64(asked)
			}
		}
	}
	for _, f := range e.Failures {
		b.Run(fmt.Sprintf("impacted=%d", f.Impact), func(b *testing.B) {
			spent, times := map[string][]float64{}, map[string][]float64{}
			for b.Loop() {
				for _, p := range peers {
					spent[p.name] = append(spent[p.name], turn(b, p, f))
					times[p.name] = append(times[p.name], spent[p.name][len(spent[p.name])-1]/spent["closure"][len(spent["closure"])-1])
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, p := range peers {
				b.ReportMetric(median(spent[p.name]), p.name+"-cpu-ns")
				if p.name != "closure" {
					b.ReportMetric(median(times[p.name]), p.name+"/closure")
				}
			}
		})
	}
}

func impactOf(b *testing.B, e *estate.Estate) *impact.Snapshot {
	l, err := impact.NewLoader([]impact.Kind{{Name: "depends on", Flow: impact.ToSource, Propagation: impact.Full}})
	require.NoError(b, err)
	for _, id := range e.IDs {
		l.CI(id)
	}
	for i, owner := range e.Owner {
		l.Relation(impact.Relation{Source: e.IDs[owner], Kind: "depends on", Target: e.IDs[e.Member[i]]})
	}
	for _, g := range e.Groups {
		var members []impact.Member
		for _, m := range g.Members {
			members = append(members, impact.Member{ID: e.IDs[m]})
		}
		l.Group(impact.Group{Owner: e.IDs[g.Owner], Kind: "depends on", Members: members, Need: impact.AtLeast(1)})
	}
	s, err := l.Snapshot(1)
	require.NoError(b, err)
	return s
}

// edgesIn gives a PostgreSQL database with the relations in a table that is indexed for the query.
func edgesIn(b *testing.B, e *estate.Estate) *sql.DB {
	db, err := sql.Open("pgx", throwaway.SharedPostgreSQL(b).DatabaseForTest(b))
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1) // so that one process answers
	ctx := context.Background()
	_, err = db.ExecContext(ctx, "CREATE TABLE edge (member int NOT NULL, owner int NOT NULL)")
	require.NoError(b, err)
	var members, owners []int32
	flush := func() {
		_, err := db.ExecContext(ctx, "INSERT INTO edge SELECT * FROM unnest($1::int[], $2::int[])", members, owners)
		require.NoError(b, err)
		members, owners = members[:0], owners[:0]
	}
	pairsOf(e, func(member, owner uint32) {
		if members, owners = append(members, int32(member)), append(owners, int32(owner)); len(members) == 100_000 {
			flush()
		}
	})
	flush()
	_, err = db.ExecContext(ctx, "CREATE INDEX edge_member ON edge (member) INCLUDE (owner)")
	require.NoError(b, err)
	_, err = db.ExecContext(ctx, "VACUUM ANALYZE edge")
	require.NoError(b, err)
	return db
}
