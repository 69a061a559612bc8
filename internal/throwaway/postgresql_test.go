package throwaway_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/itsmkit/itsmkit/internal/throwaway"
)

// dies names the variable that turns this test binary into a program that starts a server and
// waits to be killed.
const dies = "THROWAWAY_TEST_PROGRAM_THAT_DIES"

func TestMain(m *testing.M) {
	if os.Getenv(dies) != "" {
		programThatDies()
	}
	os.Exit(throwaway.Run(m))
}

func programThatDies() {
	s, err := throwaway.StartPostgreSQL(context.Background(), throwaway.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	folder, err := s.Query(context.Background(), "postgres", "SHOW data_directory")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(folder)
	select {}
}

func query(t *testing.T, s *throwaway.Server, database, sql string) string {
	t.Helper()
	out, err := s.Query(t.Context(), database, sql)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// footprint is what a running server has on the machine.
type footprint struct {
	folder    string // its temporary directory
	processes []int  // its main process first
	memory    string // the id of its System V shared memory segment
	port      string
}

// footprintOf reads it from the lock file in the server's data directory.
func footprintOf(t *testing.T, data string) footprint {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	pid, err := strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	f := footprint{
		folder:    filepath.Dir(data),
		processes: []int{pid},
		memory:    strings.Fields(lines[6])[1],
		port:      lines[3],
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		content, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		if fields[1] == lines[0] {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			if err != nil {
				t.Fatal(err)
			}
			f.processes = append(f.processes, child)
		}
	}
	if len(f.processes) < 3 {
		t.Fatalf("the server has too few processes to be one: %v", f.processes)
	}
	// What cannot be seen of a server that runs would not be missed after it either. A child
	// may have ended meanwhile.
	left := f.left(t)
	for _, part := range []string{"directory " + f.folder, "process " + lines[0], "shared memory " + f.memory, "port " + f.port} {
		if !slices.Contains(left, part) {
			t.Fatalf("the server runs, but there is no %s in %v", part, left)
		}
	}
	return f
}

// left lists what of the footprint is still there.
func (f footprint) left(t *testing.T) (left []string) {
	t.Helper()
	if _, err := os.Stat(f.folder); err == nil {
		left = append(left, "directory "+f.folder)
	}
	for _, pid := range f.processes {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			left = append(left, fmt.Sprintf("process %d", pid))
		}
	}
	segments, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(segments), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == f.memory {
			left = append(left, "shared memory "+f.memory)
		}
	}
	if conn, err := net.Dial("tcp", "127.0.0.1:"+f.port); err == nil {
		conn.Close()
		left = append(left, "port "+f.port)
	}
	return left
}

func TestServerAnswersQueriesInADatabaseOfItsOwn(t *testing.T) {
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
	f := footprintOf(t, data)
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

func TestDurableServerFlushesToTheDisk(t *testing.T) {
	s := throwaway.PostgreSQLForTest(t, throwaway.Options{Durable: true})
	if got := query(t, s, "postgres", "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
}

func TestKilledServerComesBackWithWhatWasCommitted(t *testing.T) {
	s := throwaway.PostgreSQLForTest(t, throwaway.Options{})
	query(t, s, "postgres", "CREATE TABLE t (a int)")
	dsn := s.DSN("postgres")
	for round := range 3 {
		data := query(t, s, "postgres", "SHOW data_directory")
		// A client that is in the middle of something, in a back end that would not notice
		// by itself that the main process is gone.
		busy, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() {
			_, err := s.Query(busy, "postgres",
				"BEGIN; INSERT INTO t VALUES (-1); SET application_name = 'busy'; DO 'BEGIN LOOP END LOOP; END'")
			ended <- err
		}()
		for query(t, s, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'busy'") != "1" {
			select {
			case err := <-ended:
				t.Fatalf("the busy client ended: %v", err)
			case <-time.After(5 * time.Millisecond):
			}
		}
		query(t, s, "postgres", fmt.Sprintf("INSERT INTO t VALUES (%d)", round))
		f := footprintOf(t, data)
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if left := f.left(t); len(left) != 1 || left[0] != "directory "+f.folder {
			t.Errorf("after the kill there should be the data alone, and there is: %v", left)
		}
		if err := <-ended; err == nil {
			t.Error("a query in a server that was killed gave no error")
		}
		if _, err := s.Query(t.Context(), "postgres", "SELECT 1"); err == nil {
			t.Error("a server that was killed answers")
		}
		if err := s.Kill(); err == nil {
			t.Error("a server that does not run was killed again")
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.DSN("postgres"); got != dsn {
			t.Errorf("the address changed from %s to %s", dsn, got)
		}
	}
	if got := query(t, s, "postgres", "SELECT string_agg(a::text, ',' ORDER BY a) FROM t"); got != "0,1,2" {
		t.Errorf("got rows %s", got)
	}
}

func TestRestartOfARunningServerKeepsItsData(t *testing.T) {
	s := throwaway.PostgreSQLForTest(t, throwaway.Options{})
	query(t, s, "postgres", "CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
	before := query(t, s, "postgres", "SELECT pg_postmaster_start_time()")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if query(t, s, "postgres", "SELECT pg_postmaster_start_time()") == before {
		t.Error("the server was not restarted")
	}
	if got := query(t, s, "postgres", "SELECT a FROM t"); got != "7" {
		t.Errorf("got %s", got)
	}
}

func TestStoppedServerLeavesNothing(t *testing.T) {
	for name, before := range map[string]func(*throwaway.Server) error{
		"running":   func(*throwaway.Server) error { return nil },
		"killed":    (*throwaway.Server).Kill,
		"restarted": func(s *throwaway.Server) error { return s.Restart(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := throwaway.PostgreSQLForTest(t, throwaway.Options{})
			data := query(t, s, "postgres", "SHOW data_directory")
			f := footprintOf(t, data)
			if err := before(s); err != nil {
				t.Fatal(err)
			}
			if name == "restarted" {
				f = footprintOf(t, data)
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			if left := f.left(t); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if err := s.Stop(); err != nil {
				t.Errorf("stopped again: %v", err)
			}
			if s.Kill() == nil || s.Restart(t.Context()) == nil {
				t.Error("a stopped server can be killed or restarted")
			}
		})
	}
}

func TestStartThatIsGivenUpLeavesNothing(t *testing.T) {
	throwaway.SharedPostgreSQL(t) // skips where there is no PostgreSQL
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := throwaway.StartPostgreSQL(ctx, throwaway.Options{})
		cancel()
		if err == nil {
			// The machine is faster than that.
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
		} else if ctx.Err() == nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 {
			t.Errorf("given up after %s, it left %v", after, left)
		}
	}
}

func TestProgramThatDiesLeavesNothing(t *testing.T) {
	throwaway.SharedPostgreSQL(t) // skips where there is no PostgreSQL
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dies+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		// Killed already, unless the test has failed before.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	data, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	f := footprintOf(t, strings.TrimSpace(data))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for len(f.left(t)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", f.left(t))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestEachTestHasAnEmptyDatabaseInTheSharedServer(t *testing.T) {
	s := throwaway.SharedPostgreSQL(t)
	if throwaway.SharedPostgreSQL(t) != s {
		t.Fatal("a test binary has two shared servers")
	}
	var names []string
	for range 2 {
		t.Run("test", func(t *testing.T) {
			dsn := s.DatabaseForTest(t)
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(u.Path, "/")
			names = append(names, name)
			if dsn != s.DSN(name) {
				t.Errorf("%s is not the address of %s", dsn, name)
			}
			query(t, s, name, "CREATE TABLE t (a int)")
		})
	}
	if names[0] == names[1] {
		t.Errorf("two tests shared the database %s", names[0])
	}
	if left := query(t, s, "postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'test%'"); left != "" {
		t.Errorf("the tests left the databases %s", left)
	}
}
