package throwaway_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/itsmkit/itsmkit/internal/throwaway"
)

// reached asks the address of the pair which server it leads to.
func reached(t *testing.T, p *throwaway.Pair) string {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal(err) // Debian has it there whenever it has the server
	}
	out, err := exec.Command(psql, "-X", "-A", "-t", "-d", p.DSN("postgres"), "-c", "SHOW port").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, s := range map[string]*throwaway.Server{"primary": p.Primary, "replica": p.Replica} {
		if strings.Contains(s.DSN(""), ":"+strings.TrimSpace(string(out))+"/") {
			return name
		}
	}
	return string(out)
}

func TestPromotedReplicaHasEveryCommit(t *testing.T) {
	p := throwaway.PostgreSQLPairForTest(t, throwaway.Options{})
	if got := reached(t, p); got != "primary" {
		t.Errorf("the address leads to the %s", got)
	}
	if err := p.Primary.CreateDatabase(t.Context(), "desk"); err != nil {
		t.Fatal(err)
	}
	query(t, p.Primary, "desk", "CREATE TABLE t (a int)")
	// A commit is not acknowledged before the replica has it, and so needs no waiting to be found.
	query(t, p.Primary, "desk", "INSERT INTO t VALUES (1)")
	if err := p.Primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Replica.Query(t.Context(), "desk", "INSERT INTO t VALUES (-1)"); err == nil {
		t.Error("a replica took a write")
	}
	if err := p.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := reached(t, p); got != "replica" {
		t.Errorf("after the promotion the address leads to the %s", got)
	}
	query(t, p.Replica, "desk", "INSERT INTO t VALUES (2)")
	if got := query(t, p.Replica, "desk", "SELECT string_agg(a::text, ',' ORDER BY a) FROM t"); got != "1,2" {
		t.Errorf("got rows %s", got)
	}
	if err := p.Promote(t.Context()); err == nil {
		t.Error("it was promoted twice")
	}
}

func TestCommitWaitsForTheReplica(t *testing.T) {
	p := throwaway.PostgreSQLPairForTest(t, throwaway.Options{})
	query(t, p.Primary, "postgres", "CREATE TABLE t (a int)")
	if err := p.Replica.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := p.Primary.Query(ctx, "postgres", "INSERT INTO t VALUES (1)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without the replica, a commit gave %v", err)
	}
	if err := p.Replica.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, p.Primary, "postgres", "INSERT INTO t VALUES (2)")
}
