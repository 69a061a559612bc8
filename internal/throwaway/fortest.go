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
	return forTest(tb, StartPostgreSQL, o)
}

// MariaDBForTest is [PostgreSQLForTest] for MariaDB.
func MariaDBForTest(tb testing.TB, o Options) *Server {
	tb.Helper()
	return forTest(tb, StartMariaDB, o)
}

// stopper is a server or several.
type stopper interface{ Stop() error }

// forTest starts what the test wants, and stops it when the test ends.
func forTest[S stopper, O any](tb testing.TB, start func(context.Context, O) (S, error), o O) S {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := start(ctx, o)
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop: %v", err)
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

// shared is the one server, or cluster, of an engine in this test binary, started for the first
// test that wants it.
type shared[S stopper] struct {
	once   sync.Once
	server *S
	err    error
}

var (
	sharedPostgreSQL, sharedMariaDB shared[*Server]
	sharedGalera                    shared[*Cluster]
)

func (s *shared[S]) get(tb testing.TB, start func(context.Context, Options) (S, error)) S {
	tb.Helper()
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var server S
		if server, s.err = start(ctx, Options{}); s.err == nil {
			s.server = &server
		}
	})
	if s.err != nil {
		missing(tb, s.err)
	}
	return *s.server
}

// Stop stops it where it was started.
func (s *shared[S]) Stop() error {
	if s.server == nil {
		return nil
	}
	return (*s.server).Stop()
}

// SharedPostgreSQL gives the one server of this test binary, which the first call starts and
// [Run] stops. A test works in a database of its own, from [Server.DatabaseForTest], and never
// kills, restarts or stops this server. The test is skipped where PostgreSQL is not installed,
// and fails when CI is set too.
func SharedPostgreSQL(tb testing.TB) *Server {
	tb.Helper()
	return sharedPostgreSQL.get(tb, StartPostgreSQL)
}

// SharedMariaDB is [SharedPostgreSQL] for MariaDB.
func SharedMariaDB(tb testing.TB) *Server {
	tb.Helper()
	return sharedMariaDB.get(tb, StartMariaDB)
}

// SharedGalera is [SharedPostgreSQL] for a cluster, which takes a dozen seconds to start.
func SharedGalera(tb testing.TB) *Cluster {
	tb.Helper()
	return sharedGalera.get(tb, StartGalera)
}

// Run runs the tests of a binary, stops the shared servers and gives the exit code. It is the
// whole of a TestMain: os.Exit(throwaway.Run(m)).
func Run(m *testing.M) int {
	code := m.Run()
	for _, s := range []stopper{&sharedPostgreSQL, &sharedMariaDB, &sharedGalera} {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop a shared server:", err)
			code = max(code, 1)
		}
	}
	return code
}

// DatabaseForTest creates an empty database for the test, drops it when the test ends, and gives
// its address.
func (s *Server) DatabaseForTest(tb testing.TB) (dsn string) {
	tb.Helper()
	return s.DSN(s.databaseForTest(tb))
}

// databaseForTest is DatabaseForTest, and gives the name.
func (s *Server) databaseForTest(tb testing.TB) string {
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
		if err := s.engine.dropDatabase(ctx, s, name); err != nil {
			tb.Logf("%v", err)
		}
	})
	return name
}
