package throwaway_test

import (
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/itsmkit/itsmkit/internal/throwaway"
)

func TestPostgreSQLAnswersQueriesInADatabaseOfItsOwn(t *testing.T) {
	// None of these may lead a program of PostgreSQL to another server.
	t.Setenv("PGHOST", "127.0.0.2")
	t.Setenv("PGPORT", "1")
	t.Setenv("PGUSER", "nobody")
	t.Setenv("PGOPTIONS", "-c nonsense=1")
	s := throwaway.PostgreSQLForTest(t, throwaway.Options{})
	if err := s.CreateDatabase(t.Context(), "Service Desk"); err != nil {
		t.Fatal(err)
	}
	query(t, s, "Service Desk", `CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'ä'), (2, NULL)`)
	if got, want := query(t, s, "Service Desk", `SELECT a, b FROM t ORDER BY a`), "1|ä\n2|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := s.CreateDatabase(t.Context(), "Service Desk"); err == nil {
		t.Error("the same database was created twice")
	}
	if _, err := s.Query(t.Context(), "Service Desk", "SELECT 1; SELECT nonsense"); err == nil {
		t.Error("a query that fails gives no error")
	}

	data := query(t, s, "postgres", "SHOW data_directory")
	f := kinds["PostgreSQL"].footprintOf(t, data)
	for setting, want := range map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": f.folder,
		"max_connections":         "200",
		"server_encoding":         "UTF8",
		"lc_collate":              "C.UTF-8",
		"fsync":                   "off",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
	} {
		if got := query(t, s, "postgres", "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 {
		t.Error("the server's data belongs to root")
	}
	u, err := url.Parse(s.DSN("Service Desk"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Host != "127.0.0.1:"+f.port || u.Path != "/Service Desk" {
		t.Errorf("the address %s does not lead to the database", u)
	}
}

func TestDurablePostgreSQLFlushesToTheDisk(t *testing.T) {
	s := throwaway.PostgreSQLForTest(t, throwaway.Options{Durable: true})
	if got := query(t, s, "postgres", "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
}
