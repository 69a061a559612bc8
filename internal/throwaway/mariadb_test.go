package throwaway_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/throwaway"
)

func TestMariaDBAnswersQueriesInADatabaseOfItsOwn(t *testing.T) {
	// None of these may lead a program of MariaDB to another server.
	t.Setenv("MYSQL_HOST", "127.0.0.2")
	t.Setenv("MYSQL_TCP_PORT", "1")
	t.Setenv("MYSQL_UNIX_PORT", "/nonexistent")
	t.Setenv("MYSQL_PWD", "nonsense")
	s := throwaway.MariaDBForTest(t, throwaway.Options{})
	if err := s.CreateDatabase(t.Context(), "Service `Desk`"); err != nil {
		t.Fatal(err)
	}
	query(t, s, "Service `Desk`", `CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'ä'), (2, NULL)`)
	if got, want := query(t, s, "Service `Desk`", `SELECT a, b FROM t ORDER BY a`), "1|ä\n2|NULL"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := s.CreateDatabase(t.Context(), "Service `Desk`"); err == nil {
		t.Error("the same database was created twice")
	}
	if _, err := s.Query(t.Context(), "Service `Desk`", "SELECT 1; SELECT nonsense"); err == nil {
		t.Error("a query that fails gives no error")
	}
	for setting, want := range map[string]string{
		"bind_address":                   "127.0.0.1",
		"max_connections":                "200",
		"character_set_server":           "utf8mb4",
		"innodb_flush_log_at_trx_commit": "2",
		"innodb_doublewrite":             "1",
	} {
		if got := query(t, s, "mysql", "SELECT @@"+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got, want := s.DSN("Service `Desk`"), "root@tcp(127.0.0.1:"+query(t, s, "mysql", "SELECT @@port")+")/Service%20%60Desk%60"; got != want {
		t.Errorf("the address is %s, want %s", got, want)
	}
	if got := query(t, s, "mysql", "SHOW DATABASES"); got != "Service `Desk`\ninformation_schema\nmysql\nperformance_schema\nsys" {
		t.Errorf("the databases are %s", got)
	}
}

func TestDurableMariaDBFlushesToTheDisk(t *testing.T) {
	s := throwaway.MariaDBForTest(t, throwaway.Options{Durable: true})
	if got := query(t, s, "mysql", "SELECT @@innodb_flush_log_at_trx_commit, @@innodb_flush_method"); got != "1|O_DIRECT" {
		t.Errorf("got %s", got)
	}
}
