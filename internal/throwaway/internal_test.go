package throwaway

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// installed makes a folder with the programs of PostgreSQL, less those left out.
func installed(t *testing.T, folder string, leftOut ...string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"postgres", "initdb", "psql", "createdb", "dropdb", "pg_basebackup"} {
		if err := os.WriteFile(filepath.Join(folder, program), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range leftOut {
		if err := os.Remove(filepath.Join(folder, program)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestNewestInstallationIsUsed(t *testing.T) {
	root := t.TempDir()
	installed(t, filepath.Join(root, "9.6", "bin"))
	installed(t, filepath.Join(root, "17", "bin"))
	installed(t, filepath.Join(root, "18", "bin"), "initdb") // its clients alone
	installed(t, filepath.Join(root, "old", "bin"))
	onPath := installed(t, filepath.Join(root, "onpath"))
	got, err := findPostgreSQL(root, onPath)
	if want := filepath.Join(root, "17", "bin"); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestInstallationIsFoundThroughALinkOnThePath(t *testing.T) {
	root := t.TempDir()
	want := installed(t, filepath.Join(root, "opt", "bin"))
	links := t.TempDir()
	if err := os.Symlink(filepath.Join(want, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	got, err := findPostgreSQL(filepath.Join(root, "none"), t.TempDir()+string(filepath.ListSeparator)+links)
	if err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestMissingInstallationSaysWhatToInstall(t *testing.T) {
	root := t.TempDir()
	for _, folder := range []string{t.TempDir(), installed(t, filepath.Join(root, "part"), "postgres")} {
		_, err := findPostgreSQL(root, folder)
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt-get install postgresql") {
			t.Errorf("got %v", err)
		}
	}
}

func TestMissingMariaDBSaysWhatToInstall(t *testing.T) {
	folder := t.TempDir()
	for _, program := range []string{"", "mariadbd", "mariadb"} {
		if program != "" {
			if err := os.WriteFile(filepath.Join(folder, program), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_, err := findMariaDB(folder)
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt-get install mariadb-server") {
			t.Errorf("got %v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "mariadb-install-db"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if e, err := findMariaDB(folder); err != nil || e.server != filepath.Join(folder, "mariadbd") {
		t.Errorf("got %v, %v", e, err)
	}
}

// outcome is a testing.TB that notes how a test ended.
type outcome struct {
	testing.TB
	ended string
}

func (o *outcome) Helper()      {}
func (o *outcome) Skip(...any)  { o.end("skipped") }
func (o *outcome) Fatal(...any) { o.end("failed") }

func (o *outcome) end(how string) {
	o.ended = how
	panic(o)
}

func TestMissingEngineIsSkippedByADeveloperAndFailsInCI(t *testing.T) {
	_, absent := findPostgreSQL(t.TempDir(), "")
	for _, c := range []struct {
		ci   string
		err  error
		want string
	}{
		{ci: "", err: absent, want: "skipped"},
		{ci: "true", err: absent, want: "failed"},
		{ci: "false", err: absent, want: "failed"}, // set, whatever to
		{ci: "", err: errors.New("does not start"), want: "failed"},
		{ci: "true", err: errors.New("does not start"), want: "failed"},
	} {
		t.Setenv("CI", c.ci)
		o := &outcome{TB: t}
		func() {
			defer func() {
				if recover() != any(o) {
					t.Error("the test goes on")
				}
			}()
			missing(o, c.err)
		}()
		if o.ended != c.want {
			t.Errorf("CI=%q, %v: the test is %s, want %s", c.ci, c.err, o.ended, c.want)
		}
	}
}

func TestServerNeverSharesAPort(t *testing.T) {
	for name, start := range map[string]func(testing.TB, Options) *Server{
		"PostgreSQL": PostgreSQLForTest,
		"MariaDB":    MariaDBForTest,
	} {
		t.Run(name, func(t *testing.T) { neverSharesAPort(t, start(t, Options{})) })
	}
}

func neverSharesAPort(t *testing.T, s *Server) {
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, errPortTaken) {
		t.Errorf("started where something listens: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Errorf("the port is free again: %v", err)
	}
}

func TestFreePortsLieBelowThoseOfOutgoingConnections(t *testing.T) {
	for range 20 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if port < 20000 || port >= 32000 {
			t.Errorf("got %d", port)
		}
	}
}
