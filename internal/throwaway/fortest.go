package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// patience bounds each step that a test waits for, on a machine that is busy with others.
const patience = 2 * time.Minute

// PostgreSQLForTest starts a server that is the test's own, to kill and restart as it likes, and
// stops it when the test ends. The test is skipped where PostgreSQL is not installed, and fails
// when CI is set too.
func PostgreSQLForTest(tb testing.TB, o Options) *Server {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := StartPostgreSQL(ctx, o)
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return s
}

// missing ends the test after err, by which a server did not start.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		tb.Skip(err)
	}
	tb.Fatal(err)
}

// shared is the one server of this test binary, started for the first test that wants it.
var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// SharedPostgreSQL gives the one server of this test binary, which the first call starts and
// [Run] stops. A test works in a database of its own, from [Server.DatabaseForTest], and never
// kills, restarts or stops this server. The test is skipped where PostgreSQL is not installed,
// and fails when CI is set too.
func SharedPostgreSQL(tb testing.TB) *Server {
	tb.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		shared.server, shared.err = StartPostgreSQL(ctx, Options{})
	})
	if shared.err != nil {
		missing(tb, shared.err)
	}
	return shared.server
}

// Run runs the tests of a binary, stops the shared server and gives the exit code. It is the
// whole of a TestMain: os.Exit(throwaway.Run(m)).
func Run(m *testing.M) int {
	code := m.Run()
	if shared.server == nil {
		return code
	}
	if err := shared.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		return 1
	}
	return code
}

// DatabaseForTest creates an empty database for the test, drops it when the test ends, and gives
// its address.
func (s *Server) DatabaseForTest(tb testing.TB) (dsn string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	if err := s.CreateDatabase(ctx, name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// A server that the test has killed or stopped needs no tidying.
		if err := s.dropDatabase(ctx, name); err != nil {
			tb.Logf("%v", err)
		}
	})
	return s.DSN(name)
}
