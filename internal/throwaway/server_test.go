// What every kind of server promises, whichever the engine.

package throwaway_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	s, err := kinds[os.Getenv(dies)].start(context.Background(), throwaway.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	folder, err := s.Query(context.Background(), "", kinds[os.Getenv(dies)].folder)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(folder)
	select {}
}

// kind is an engine as these tests see it.
type kind struct {
	name    string
	start   func(context.Context, throwaway.Options) (*throwaway.Server, error)
	forTest func(testing.TB, throwaway.Options) *throwaway.Server
	shared  func(testing.TB) *throwaway.Server
	// database is one that every server has, for the superuser.
	database string
	// folder asks for the data directory, and rows for those of the table t as one line.
	folder, rows string
	// named finds the database in an address.
	named func(dsn string) string
	// busy begins a transaction that inserts -1 into t and goes on and on; isBusy counts those.
	busy, isBusy string
	// databases lists those of tests.
	databases string
	// processes is how many a server has at least.
	processes int
}

var kinds = map[string]kind{
	"PostgreSQL": {
		name:      "PostgreSQL",
		start:     throwaway.StartPostgreSQL,
		forTest:   throwaway.PostgreSQLForTest,
		shared:    throwaway.SharedPostgreSQL,
		database:  "postgres",
		folder:    "SHOW data_directory",
		rows:      "SELECT string_agg(a::text, ',' ORDER BY a) FROM t",
		busy:      "BEGIN; INSERT INTO t VALUES (-1); SET application_name = 'busy'; DO 'BEGIN LOOP END LOOP; END'",
		isBusy:    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'busy'",
		named:     func(dsn string) string { return strings.TrimSuffix(path.Base(dsn), "?sslmode=disable") },
		databases: "SELECT datname FROM pg_database WHERE datname LIKE 'test%'",
		processes: 3,
	},
	"MariaDB": {
		name:      "MariaDB",
		start:     throwaway.StartMariaDB,
		forTest:   throwaway.MariaDBForTest,
		shared:    throwaway.SharedMariaDB,
		database:  "mysql",
		folder:    "SELECT @@datadir",
		rows:      "SELECT group_concat(a ORDER BY a) FROM t",
		busy:      "BEGIN; INSERT INTO t VALUES (-1); SELECT SLEEP(600)",
		isBusy:    "SELECT count(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'",
		named:     path.Base,
		databases: "SHOW DATABASES LIKE 'test%'",
		processes: 1,
	},
}

// everyKind runs a test for each engine.
func everyKind(t *testing.T, test func(*testing.T, kind)) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) { test(t, k) })
	}
}

func query(t testing.TB, s *throwaway.Server, database, sql string) string {
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
	memory    string // the id of its System V shared memory segment, if it has one
	port      string
}

var portOf = regexp.MustCompile(`port=(\d+)`)

// footprintOf finds it from the data directory.
func (k kind) footprintOf(t *testing.T, data string) footprint {
	t.Helper()
	f := footprint{folder: filepath.Dir(filepath.Clean(data))}
	lock, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		lock, err = os.ReadFile(filepath.Join(f.folder, "pid"))
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(lock), "\n")
	pid, err := strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	f.processes = []int{pid}
	if len(lines) > 6 {
		f.memory = strings.Fields(lines[6])[1]
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	f.port = portOf.FindStringSubmatch(string(command))[1]
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
	if len(f.processes) < k.processes {
		t.Fatalf("the server has too few processes to be one: %v", f.processes)
	}
	// What cannot be seen of a server that runs would not be missed after it either. A child
	// may have ended meanwhile.
	left := f.left(t)
	parts := []string{"directory " + f.folder, "process " + lines[0], "port " + f.port}
	if f.memory != "" {
		parts = append(parts, "shared memory "+f.memory)
	}
	for _, part := range parts {
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

func TestKilledServerComesBackWithWhatWasCommitted(t *testing.T) {
	everyKind(t, killedServerComesBackWithWhatWasCommitted)
}

func killedServerComesBackWithWhatWasCommitted(t *testing.T, k kind) {
	s := k.forTest(t, throwaway.Options{})
	query(t, s, k.database, "CREATE TABLE t (a int)")
	dsn := s.DSN(k.database)
	for round := range 3 {
		data := query(t, s, k.database, k.folder)
		// A client that is in the middle of something, in a back end that would not notice
		// by itself that the main process is gone.
		busy, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() {
			_, err := s.Query(busy, k.database, k.busy)
			ended <- err
		}()
		for query(t, s, k.database, k.isBusy) != "1" {
			select {
			case err := <-ended:
				t.Fatalf("the busy client ended: %v", err)
			case <-time.After(5 * time.Millisecond):
			}
		}
		query(t, s, k.database, fmt.Sprintf("INSERT INTO t VALUES (%d)", round))
		f := k.footprintOf(t, data)
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if left := f.left(t); len(left) != 1 || left[0] != "directory "+f.folder {
			t.Errorf("after the kill there should be the data alone, and there is: %v", left)
		}
		if err := <-ended; err == nil {
			t.Error("a query in a server that was killed gave no error")
		}
		if _, err := s.Query(t.Context(), k.database, "SELECT 1"); err == nil {
			t.Error("a server that was killed answers")
		}
		if err := s.Kill(); err == nil {
			t.Error("a server that does not run was killed again")
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.DSN(k.database); got != dsn {
			t.Errorf("the address changed from %s to %s", dsn, got)
		}
	}
	if got := query(t, s, k.database, k.rows); got != "0,1,2" {
		t.Errorf("got rows %s", got)
	}
}

func TestRestartOfARunningServerKeepsItsData(t *testing.T) {
	everyKind(t, restartOfARunningServerKeepsItsData)
}

func restartOfARunningServerKeepsItsData(t *testing.T, k kind) {
	s := k.forTest(t, throwaway.Options{})
	query(t, s, k.database, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
	before := k.footprintOf(t, query(t, s, k.database, k.folder)).processes[0]
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.footprintOf(t, query(t, s, k.database, k.folder)).processes[0] == before {
		t.Error("the server was not restarted")
	}
	if got := query(t, s, k.database, "SELECT a FROM t"); got != "7" {
		t.Errorf("got %s", got)
	}
}

func TestStoppedServerLeavesNothing(t *testing.T) { everyKind(t, stoppedServerLeavesNothing) }

func stoppedServerLeavesNothing(t *testing.T, k kind) {
	for name, before := range map[string]func(*throwaway.Server) error{
		"running":   func(*throwaway.Server) error { return nil },
		"killed":    (*throwaway.Server).Kill,
		"restarted": func(s *throwaway.Server) error { return s.Restart(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := k.forTest(t, throwaway.Options{})
			data := query(t, s, k.database, k.folder)
			f := k.footprintOf(t, data)
			if err := before(s); err != nil {
				t.Fatal(err)
			}
			if name == "restarted" {
				f = k.footprintOf(t, data)
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

func TestStartThatIsGivenUpLeavesNothing(t *testing.T) { everyKind(t, startThatIsGivenUpLeavesNothing) }

func startThatIsGivenUpLeavesNothing(t *testing.T, k kind) {
	k.shared(t) // skips where the engine is not installed
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
		s, err := k.start(ctx, throwaway.Options{})
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

func TestProgramThatDiesLeavesNothing(t *testing.T) { everyKind(t, programThatDiesLeavesNothing) }

func programThatDiesLeavesNothing(t *testing.T, k kind) {
	k.shared(t) // skips where the engine is not installed
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dies+"="+k.name)
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
	f := k.footprintOf(t, strings.TrimSpace(data))
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
	everyKind(t, eachTestHasAnEmptyDatabaseInTheSharedServer)
}

func eachTestHasAnEmptyDatabaseInTheSharedServer(t *testing.T, k kind) {
	s := k.shared(t)
	if k.shared(t) != s {
		t.Fatal("a test binary has two shared servers")
	}
	var names []string
	for range 2 {
		t.Run("test", func(t *testing.T) {
			dsn := s.DatabaseForTest(t)
			name := k.named(dsn)
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
	if left := query(t, s, k.database, k.databases); left != "" {
		t.Errorf("the tests left the databases %s", left)
	}
}
