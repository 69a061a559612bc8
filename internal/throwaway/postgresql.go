package throwaway

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// StartPostgreSQL starts a new PostgreSQL server and returns when it accepts connections. ctx
// bounds the start alone: the server then runs until [Server.Stop]. The error wraps
// [ErrMissing] when PostgreSQL is not installed.
func StartPostgreSQL(ctx context.Context, o Options) (*Server, error) {
	e, err := installedPostgreSQL()
	if err != nil {
		return nil, err
	}
	return launch(ctx, e, superuser, o)
}

func installedPostgreSQL() (postgreSQL, error) {
	if err := supported("PostgreSQL"); err != nil {
		return postgreSQL{}, err
	}
	binaries, err := findPostgreSQL("/usr/lib/postgresql", os.Getenv("PATH"))
	return postgreSQL{binaries: binaries}, err
}

// superuser is both the account that Debian's package makes and the role that rules a server.
const superuser = "postgres"

// postgreSQL is the engine, with the programs of one folder.
type postgreSQL struct{ binaries string }

func (e postgreSQL) program(name string) string { return filepath.Join(e.binaries, name) }

func (postgreSQL) name() string { return "PostgreSQL" }

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

// hasPostgreSQL reports whether folder holds every program that is called here.
func hasPostgreSQL(folder string) bool {
	for _, program := range []string{"postgres", "initdb", "psql", "createdb", "dropdb", "pg_basebackup"} {
		info, err := os.Stat(filepath.Join(folder, program))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

func (e postgreSQL) create(ctx context.Context, s *Server) error {
	_, err := s.run(ctx, s.account, e.program("initdb"), "--no-sync", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "-U", superuser, "-D", s.data)
	return err
}

func (e postgreSQL) command(s *Server) (program string, args []string) {
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
	args = []string{"-D", s.data}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return e.program("postgres"), args
}

// ready reads the lock file of the data directory.
func (postgreSQL) ready(s *Server, _ string) bool {
	lock := lockFileOf(s)
	return lock.pid == s.process.pid() && lock.status == "ready"
}

// lockFile is what postmaster.pid holds: the server writes it line by line as it starts, and
// one that is killed leaves it as it was.
type lockFile struct {
	pid    int
	memory string // the id of the System V shared memory segment
	status string
}

func lockFileOf(s *Server) lockFile {
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

// remains is the segment by which PostgreSQL finds out whether an earlier server still lives. A
// server that ends in order removes it; nothing else would.
func (postgreSQL) remains(s *Server) func() error {
	lock := lockFileOf(s)
	if lock.pid != s.process.pid() || lock.memory == "" {
		return func() error { return nil }
	}
	return func() error {
		if out, err := exec.Command("ipcrm", "-m", lock.memory).CombinedOutput(); err != nil {
			return fmt.Errorf("ipcrm -m %s: %w: %s", lock.memory, err, bytes.TrimSpace(out))
		}
		return nil
	}
}

func (postgreSQL) leave() os.Signal   { return syscall.SIGINT }
func (postgreSQL) abandon() os.Signal { return syscall.SIGQUIT }

func (postgreSQL) dsn(s *Server, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (e postgreSQL) createDatabase(ctx context.Context, s *Server, name string) error {
	_, err := s.run(ctx, nil, e.program("createdb"), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-U", superuser, "--", name)
	return err
}

func (e postgreSQL) dropDatabase(ctx context.Context, s *Server, name string) error {
	_, err := s.run(ctx, nil, e.program("dropdb"), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-U", superuser, "--if-exists", "--force", "--", name)
	return err
}

func (e postgreSQL) query(ctx context.Context, s *Server, database, sql string) (string, error) {
	return s.run(ctx, nil, e.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-d", e.dsn(s, database), "-c", sql)
}
