package throwaway_test

import (
	"fmt"
	"testing"

	"github.com/itsmkit/itsmkit/internal/throwaway"
)

func TestClusterLivesOnWithoutANodeThatComesBack(t *testing.T) {
	c := throwaway.GaleraForTest(t, throwaway.Options{})
	nodes := c.Nodes()
	dsns := c.DatabaseForTest(t)
	if len(nodes) != 3 || len(dsns) != 3 {
		t.Fatalf("got %d nodes, %d addresses", len(nodes), len(dsns))
	}
	const database = "test_1"
	for i, dsn := range dsns {
		if want := nodes[i].DSN(database); dsn != want {
			t.Errorf("the address of node %d is %s, want %s", i, dsn, want)
		}
	}
	query(t, nodes[0], database, "CREATE TABLE t (a int PRIMARY KEY)")
	write := func(node, row int) {
		t.Helper()
		query(t, nodes[node], database, fmt.Sprintf("INSERT INTO t VALUES (%d)", row))
	}
	rows := func(node int, want string) {
		t.Helper()
		got := query(t, nodes[node], database, "SET wsrep_sync_wait = 7; SELECT group_concat(a ORDER BY a) FROM t")
		if got != want {
			t.Errorf("node %d has rows %s, want %s", node, got, want)
		}
	}
	for i := range nodes {
		write(i, i)
	}
	for i := range nodes {
		rows(i, "0,1,2")
	}
	// The founder is a node like any other.
	f := kinds["MariaDB"].footprintOf(t, query(t, nodes[0], database, "SELECT @@datadir"))
	if err := nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if left := f.left(t); len(left) != 1 || left[0] != "directory "+f.folder {
		t.Errorf("after the kill there should be the data alone, and there is: %v", left)
	}
	write(1, 3)
	write(2, 4)
	if err := nodes[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(0, 5)
	for i := range nodes {
		rows(i, "0,1,2,3,4,5")
	}
	if got := query(t, nodes[0], database, "SHOW STATUS LIKE 'wsrep_cluster_size'"); got != "wsrep_cluster_size|3" {
		t.Errorf("got %s", got)
	}
	var prints []footprint
	for _, s := range nodes {
		prints = append(prints, kinds["MariaDB"].footprintOf(t, query(t, s, database, "SELECT @@datadir")))
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, f := range prints {
		if left := f.left(t); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
