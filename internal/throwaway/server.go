// The part of a server that is the same for every engine: its directory, port, process and end.

package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrMissing says that the engine is not installed on this machine. Its text says how to
// install it.
var ErrMissing = errors.New("engine not installed")

// Options choose how a server runs. The zero value is what tests of behaviour want.
type Options struct {
	// Durable makes the server flush what it commits to the disk, as a real one does; set it
	// to measure. Without it a committed transaction still survives [Server.Kill], as the
	// operating system lives on, but would not survive a power cut.
	Durable bool
}

// Server is one running database server, and its methods may be called from any goroutine.
type Server struct {
	engine    engine
	options   Options
	account   *account
	scratch   *scratch
	data      string
	port      int
	databases atomic.Int64

	mu      sync.Mutex
	process *process // nil while the server does not run
	stopped bool
}

// engine is what one kind of server does in a way of its own.
type engine interface {
	// name is how its makers write it.
	name() string
	// create makes the data directory.
	create(ctx context.Context, s *Server) error
	// command gives the server's program and its arguments.
	command(s *Server) (program string, args []string)
	// ready reports whether the running server accepts connections, by what it says itself:
	// asking the port could meet another server there. log is what it wrote since its start.
	ready(s *Server, log string) bool
	// remains gives what removes, once a running server is killed, what it leaves outside its
	// directory.
	remains(s *Server) func() error
	// leave is the signal by which the server ends in order, whoever is connected; abandon
	// ends it at once, without writing out data that nobody will read.
	leave() os.Signal
	abandon() os.Signal
	// dsn is Server.DSN.
	dsn(s *Server, database string) string
	createDatabase(ctx context.Context, s *Server, name string) error
	// dropDatabase removes a database where it exists, and breaks the connections to it.
	dropDatabase(ctx context.Context, s *Server, name string) error
	query(ctx context.Context, s *Server, database, sql string) (string, error)
}

const (
	// maxConnections is enough for every test of one binary at once.
	maxConnections = 200

	// grace is how long a server may take to end when it is asked to, before it is killed.
	grace = 10 * time.Second
)

// supported says why there are no servers on this machine, where there are none.
func supported(name string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%s: %w: throwaway servers run on Linux only", name, ErrMissing)
	}
	return nil
}

// newServer makes the directory of a server that runs as the named account, and starts nothing.
func newServer(e engine, as string, o Options) (*Server, error) {
	account, err := unprivileged(as)
	if err != nil {
		return nil, err
	}
	scratch, err := newScratch("itsmkit-"+strings.ToLower(e.name())+"-", account)
	if err != nil {
		return nil, err
	}
	return &Server{
		engine:  e,
		options: o,
		account: account,
		scratch: scratch,
		data:    filepath.Join(scratch.dir, "data"),
	}, nil
}

// launch starts a new server of the engine, as the named account.
func launch(ctx context.Context, e engine, as string, o Options) (*Server, error) {
	s, err := newServer(e, as, o)
	if err != nil {
		return nil, err
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", e.name(), err), s.Stop())
	}
	return s, nil
}

// create makes the data directory and starts the server on a free port for the first time.
func (s *Server) create(ctx context.Context) error {
	if err := s.engine.create(ctx, s); err != nil {
		return err
	}
	// Another program may take the port between the look and the start.
	for attempt := 0; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
		err = s.start(ctx)
		if err == nil || attempt == 4 || !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

// freePort looks for a port on 127.0.0.1 that nothing listens on, below those that the system
// hands out to outgoing connections: while a killed server is down, a client that tries again
// and again could otherwise get the server's own port as its source and connect to itself.
func freePort() (int, error) {
	const low, high = 20000, 32000
	var last error
	for range 100 {
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1: %w", last)
}

// errPortTaken says that a server did not start because something listens on its port.
var errPortTaken = errors.New("port taken")

// start runs the server on its port and waits until it accepts connections.
func (s *Server) start(ctx context.Context) error {
	program, args := s.engine.command(s)
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	from, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = s.scratch.dir, environment()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := s.scratch.start(cmd, s.account)
	if err != nil {
		return err
	}
	s.process = p
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !s.engine.ready(s, s.logged(from)) {
		select {
		case <-poll.C:
		case <-p.done:
			s.process = nil
			return s.failure(from)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *Server) logFile() string { return filepath.Join(s.scratch.dir, "server.log") }

// logged is what the server has logged since offset from.
func (s *Server) logged(from int64) string {
	log, err := os.Open(s.logFile())
	if err != nil {
		return err.Error()
	}
	defer log.Close()
	text, err := io.ReadAll(io.NewSectionReader(log, from, math.MaxInt64-from))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// failure says why the server ended on its own, from what it logged since offset from.
func (s *Server) failure(from int64) error {
	text := strings.TrimSpace(s.logged(from))
	if strings.Contains(text, "Address already in use") {
		return fmt.Errorf("%w: 127.0.0.1:%d", errPortTaken, s.port)
	}
	return fmt.Errorf("the server ended: %s", text)
}

// DSN gives the address of a database of the server for its superuser: as a URL that pgx and
// libpq read for PostgreSQL, and as github.com/go-sql-driver/mysql has it for MariaDB. It stays
// the same over [Server.Kill] and [Server.Restart].
func (s *Server) DSN(database string) string { return s.engine.dsn(s, database) }

// CreateDatabase creates an empty database. The name may be any that the engine takes, and is
// not folded to lower case.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	return s.engine.createDatabase(ctx, s, name)
}

// Query runs SQL through the engine's own client, outside any driver under test, and gives the
// rows: one a line, columns parted by "|". NULL is empty in PostgreSQL and NULL in MariaDB. It
// stops at the first error.
func (s *Server) Query(ctx context.Context, database, sql string) (string, error) {
	return s.engine.query(ctx, s, database, sql)
}

// run calls a program to its end and gives what it prints.
func (s *Server) run(ctx context.Context, as *account, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = s.scratch.dir, environment()
	isolate(cmd, as)
	// Given up, it ends with what it has started itself.
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.WaitDelay = grace
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(problems.String()))
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// environment is this program's environment without what would lead an engine's programs to
// another server, and with messages in English, as some are read here.
func environment() []string {
	kept := []string{}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "MYSQL") &&
			!strings.HasPrefix(v, "MARIADB") && !strings.HasPrefix(v, "LC_ALL=") {
			kept = append(kept, v)
		}
	}
	return append(kept, "LC_ALL=C")
}

var (
	errStopped    = errors.New("the server has been stopped")
	errNotRunning = errors.New("the server is not running")
)

// Kill ends all of the server's processes at once with SIGKILL, as a crash does. Its data stays,
// and [Server.Restart] brings it back.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return errStopped
	case s.process == nil:
		return errNotRunning
	}
	return s.kill()
}

func (s *Server) kill() error {
	tidy := s.engine.remains(s)
	if err := s.process.kill(); err != nil {
		return err
	}
	s.process = nil
	return tidy()
}

// end asks the server to end by a signal, and kills it when it does not.
func (s *Server) end(signal os.Signal) error {
	if s.process == nil {
		return nil
	}
	if signal == syscall.SIGKILL {
		return s.kill()
	}
	if err := s.process.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-s.process.done:
		s.process = nil
		return nil
	case <-late.C:
		return s.kill()
	}
}

// Restart ends the server in order where it runs, and starts it again on the same data and
// port: after [Server.Kill] it recovers what was committed. It returns when the server accepts
// connections.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	if err := s.end(s.engine.leave()); err != nil {
		return fmt.Errorf("restart %s: %w", s.engine.name(), err)
	}
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("restart %s: %w", s.engine.name(), err)
	}
	return nil
}

// Stop ends the server and removes everything it kept. Stopping it again does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return errors.Join(s.end(s.engine.abandon()), s.scratch.remove())
}
