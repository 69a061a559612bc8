package throwaway

import (
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

// StartMariaDB starts a new MariaDB server and returns when it accepts connections. ctx bounds
// the start alone: the server then runs until [Server.Stop]. The error wraps [ErrMissing] when
// MariaDB is not installed.
func StartMariaDB(ctx context.Context, o Options) (*Server, error) {
	e, err := installedMariaDB()
	if err != nil {
		return nil, err
	}
	return launch(ctx, e, mariaDBAccount, o)
}

func installedMariaDB() (mariaDB, error) {
	if err := supported("MariaDB"); err != nil {
		return mariaDB{}, err
	}
	// Debian keeps servers where the PATH of an ordinary account does not lead.
	return findMariaDB(os.Getenv("PATH") + string(filepath.ListSeparator) + "/usr/sbin")
}

// mariaDBAccount is the account that Debian's package makes.
const mariaDBAccount = "mysql"

// mariaDB is the engine, with the paths of its programs.
type mariaDB struct{ server, install, client string }

// findMariaDB finds the programs in the folders of path.
func findMariaDB(path string) (mariaDB, error) {
	var e mariaDB
	for program, found := range map[string]*string{
		"mariadbd":           &e.server,
		"mariadb-install-db": &e.install,
		"mariadb":            &e.client,
	} {
		for _, folder := range filepath.SplitList(path) {
			// LookPath knows what can be run; with a slash in it a name is not searched for.
			if p, err := exec.LookPath(filepath.Join(folder, program)); err == nil && filepath.IsAbs(p) {
				*found = p
				break
			}
		}
		if *found == "" {
			return mariaDB{}, fmt.Errorf("MariaDB: %w: no %s: on Debian, apt-get install mariadb-server mariadb-client",
				ErrMissing, program)
		}
	}
	return e, nil
}

func (mariaDB) name() string { return "MariaDB" }

func (e mariaDB) create(ctx context.Context, s *Server) error {
	_, err := s.run(ctx, s.account, e.install, "--no-defaults", "--datadir="+s.data, "--tmpdir="+s.scratch.dir,
		// root without a password, nobody else, and no database that everyone may use.
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
		"--innodb-flush-method=nosync")
	return err
}

func (e mariaDB) command(s *Server) (program string, args []string) {
	args = []string{
		"--no-defaults",
		"--datadir=" + s.data,
		"--tmpdir=" + s.scratch.dir,
		"--socket=" + filepath.Join(s.scratch.dir, "socket"),
		"--pid-file=" + filepath.Join(s.scratch.dir, "pid"),
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(s.port),
		"--skip-name-resolve",
		"--max-connections=" + strconv.Itoa(maxConnections),
		// What Debian's own settings have.
		"--character-set-server=utf8mb4",
		"--collation-server=utf8mb4_general_ci",
	}
	if !s.options.Durable {
		// The log is written at each commit all the same, and so survives a kill.
		args = append(args, "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2")
	}
	return e.server, args
}

func (mariaDB) ready(_ *Server, log string) bool {
	return strings.Contains(log, "ready for connections.")
}

func (mariaDB) remains(*Server) func() error { return func() error { return nil } }

func (mariaDB) leave() os.Signal   { return syscall.SIGTERM }
func (mariaDB) abandon() os.Signal { return syscall.SIGKILL }

func (mariaDB) dsn(s *Server, database string) string {
	return fmt.Sprintf("root@tcp(%s)/%s", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), url.PathEscape(database))
}

func (e mariaDB) createDatabase(ctx context.Context, s *Server, name string) error {
	_, err := e.query(ctx, s, "", "CREATE DATABASE "+quoteMariaDB(name))
	return err
}

func (e mariaDB) dropDatabase(ctx context.Context, s *Server, name string) error {
	// A connection that holds a lock in the database would keep it for ever.
	ids, err := e.query(ctx, s, "information_schema", "SELECT id FROM processlist WHERE db = "+
		"CONVERT(0x"+fmt.Sprintf("%x", name)+" USING utf8mb4)")
	if err != nil {
		return err
	}
	for _, id := range strings.Fields(ids) {
		// It may have gone by itself meanwhile.
		_, _ = e.query(ctx, s, "", "KILL "+id)
	}
	_, err = e.query(ctx, s, "", "DROP DATABASE IF EXISTS "+quoteMariaDB(name))
	return err
}

func quoteMariaDB(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (e mariaDB) query(ctx context.Context, s *Server, database, sql string) (string, error) {
	out, err := s.run(ctx, nil, e.client, "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", strconv.Itoa(s.port),
		"-u", "root", "--default-character-set=utf8mb4", "--batch", "--raw", "--skip-column-names",
		"-e", sql, "--", database)
	return strings.ReplaceAll(out, "\t", "|"), err
}
