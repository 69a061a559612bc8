package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
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
	options   Options
	binaries  string
	account   *account
	scratch   *scratch
	data      string
	port      int
	databases atomic.Int64

	mu      sync.Mutex
	process *process // nil while the server does not run
	stopped bool
}

const (
	superuser = "postgres"

	// maxConnections is enough for every test of one binary at once.
	maxConnections = 200

	// grace is how long a server may take to end when it is asked to, before it is killed.
	grace = 10 * time.Second
)

// StartPostgreSQL starts a new PostgreSQL server and returns when it accepts connections. ctx
// bounds the start alone: the server then runs until [Server.Stop]. The error wraps
// [ErrMissing] when PostgreSQL is not installed.
func StartPostgreSQL(ctx context.Context, o Options) (*Server, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("PostgreSQL: %w: throwaway servers run on Linux only", ErrMissing)
	}
	binaries, err := findPostgreSQL("/usr/lib/postgresql", os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	account, err := unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	scratch, err := newScratch("itsmkit-postgresql-", account)
	if err != nil {
		return nil, err
	}
	s := &Server{
		options:  o,
		binaries: binaries,
		account:  account,
		scratch:  scratch,
		data:     filepath.Join(scratch.dir, "data"),
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), s.Stop())
	}
	return s, nil
}

// findPostgreSQL gives the folder of the newest installation under root, which is laid out as
// VERSION/bin, or of the one on path. Debian's folders come first because what stands on a PATH
// may be a wrapper for the machine's own clusters.
func findPostgreSQL(root, path string) (string, error) {
	var found string
	var newest float64
	folders, err := filepath.Glob(filepath.Join(root, "*", "bin"))
	if err != nil {
		return "", err
	}
	for _, folder := range folders {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(folder)), 64)
		if err == nil && version > newest && hasPostgreSQL(folder) {
			found, newest = folder, version
		}
	}
	if found != "" {
		return found, nil
	}
	for _, folder := range filepath.SplitList(path) {
		program, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
		if err == nil && hasPostgreSQL(filepath.Dir(program)) {
			return filepath.Dir(program), nil
		}
	}
	return "", fmt.Errorf("PostgreSQL: %w: on Debian, apt-get install postgresql", ErrMissing)
}

// hasPostgreSQL reports whether folder holds every program that a [Server] calls.
func hasPostgreSQL(folder string) bool {
	for _, program := range []string{"postgres", "initdb", "psql", "createdb", "dropdb"} {
		info, err := os.Stat(filepath.Join(folder, program))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// create makes the data directory and starts the server on a free port for the first time.
func (s *Server) create(ctx context.Context) error {
	if _, err := s.run(ctx, s.account, "initdb", "--no-sync", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "-U", superuser, "-D", s.data); err != nil {
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
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(s.port),
		"unix_socket_directories=" + s.scratch.dir,
		"max_connections=" + strconv.Itoa(maxConnections),
		// In files of the data directory, which are removed with it, and not in /dev/shm.
		"dynamic_shared_memory_type=mmap",
	}
	if !s.options.Durable {
		// No more than this: without synchronous_commit or full_page_writes a server
		// that is killed could lose what it has acknowledged.
		settings = append(settings, "fsync=off")
	}
	args := []string{"-D", s.data}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	from, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.binaries, "postgres"), args...)
	cmd.Dir, cmd.Env = s.scratch.dir, environment()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := s.scratch.start(cmd, s.account)
	if err != nil {
		return err
	}
	s.process = p
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !s.ready() {
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

// failure says why the server ended on its own, from what it logged since offset from.
func (s *Server) failure(from int64) error {
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(log[from:]))
	if strings.Contains(text, "Address already in use") {
		return fmt.Errorf("%w: 127.0.0.1:%d", errPortTaken, s.port)
	}
	return fmt.Errorf("the server ended: %s", text)
}

// ready reports whether the server accepts connections, by what it says itself in the lock file
// of its data directory: asking the port could meet another server there.
func (s *Server) ready() bool {
	lock := s.lockFile()
	return lock.pid == s.process.pid() && lock.status == "ready"
}

// lockFile is what postmaster.pid holds: the server writes it line by line as it starts, and
// one that is killed leaves it as it was.
type lockFile struct {
	pid    int
	memory string // the id of the System V shared memory segment
	status string
}

func (s *Server) lockFile() lockFile {
	content, err := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	if err != nil {
		return lockFile{}
	}
	var lock lockFile
	for i, line := range strings.Split(string(content), "\n") {
		switch i {
		case 0:
			lock.pid, _ = strconv.Atoi(line)
		case 6:
			if fields := strings.Fields(line); len(fields) == 2 {
				lock.memory = fields[1]
			}
		case 7:
			lock.status = strings.TrimSpace(line)
		}
	}
	return lock
}

// DSN gives the address of a database of the server for its superuser, as a URL that pgx and
// libpq read. It stays the same over [Server.Kill] and [Server.Restart].
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase creates an empty database. The name may be any that PostgreSQL takes, and is
// not folded to lower case.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	_, err := s.run(ctx, nil, "createdb", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-U", superuser, "--", name)
	return err
}

// dropDatabase removes a database and breaks the connections to it.
func (s *Server) dropDatabase(ctx context.Context, name string) error {
	_, err := s.run(ctx, nil, "dropdb", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-U", superuser, "--if-exists", "--force", "--", name)
	return err
}

// Query runs SQL through psql, outside any driver under test, and gives the rows: one a line,
// columns parted by "|". It stops at the first error.
func (s *Server) Query(ctx context.Context, database, sql string) (string, error) {
	return s.run(ctx, nil, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-d", s.DSN(database), "-c", sql)
}

// run calls one of the installation's programs and gives what it prints.
func (s *Server) run(ctx context.Context, as *account, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries, program), args...)
	cmd.Dir, cmd.Env = s.scratch.dir, environment()
	isolate(cmd, as)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.WaitDelay = grace
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(problems.String()))
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// environment is this program's environment without what would lead PostgreSQL's programs to
// another server, and with messages in English, as some are read here.
func environment() []string {
	kept := []string{}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_ALL=") {
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
	lock, pid := s.lockFile(), s.process.pid()
	if err := s.process.kill(); err != nil {
		return err
	}
	s.process = nil
	if lock.pid != pid || lock.memory == "" {
		return nil
	}
	// The segment by which PostgreSQL finds out whether an earlier server still lives. A
	// server that ends in order removes it; nothing else would.
	if out, err := exec.Command("ipcrm", "-m", lock.memory).CombinedOutput(); err != nil {
		return fmt.Errorf("ipcrm -m %s: %w: %s", lock.memory, err, bytes.TrimSpace(out))
	}
	return nil
}

// end asks the server to end by a signal, and kills it when it does not.
func (s *Server) end(signal os.Signal) error {
	if s.process == nil {
		return nil
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
	// SIGINT: break the connections, keep the data.
	if err := s.end(syscall.SIGINT); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
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
	// SIGQUIT: at once, without writing out data that nobody will read.
	return errors.Join(s.end(syscall.SIGQUIT), s.scratch.remove())
}
