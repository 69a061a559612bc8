package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage"
)

func TestMain(m *testing.M) {
	if db := os.Getenv(childEnv); db != "" {
		os.Exit(child(db))
	}
	code := throwaway.Run(m)
	if plain.folder != "" {
		os.RemoveAll(plain.folder)
	}
	os.Exit(code)
}

// plain is the dump of an import of the real log into memory that nothing disturbed.
var plain struct {
	folder, dump string
}

// undisturbed gives that dump, which the first test that asks for it makes.
func undisturbed(t *testing.T) string {
	t.Helper()
	dataFile(t, logName)
	if plain.dump == "" {
		d := openDesk(t, settings{store: "memory"})
		d.load(t, realLog(t))
		folder, err := os.MkdirTemp("", "replay-test-")
		require.NoError(t, err)
		plain.folder = folder
		plain.dump = d.dump(t, folder)
	}
	return plain.dump
}

var fixed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return fixed }

// The real log is not part of the repository. It is looked for beside the checkout, or where
// the environment says; a test that needs it is skipped without it, but not in CI.
const (
	dataEnv  = "ITSMKIT_DATA"
	logName  = "uci-servicenow-incidents/incident_event_log_every8th.csv.gz"
	truths   = "uci-servicenow-incidents/truth.json"
	perTruth = "uci-servicenow-incidents/truth_incidents.csv.gz"
)

// notRaced skips what takes too long on the pure-Go SQLite under the race detector, on a developer's
// machine: CI runs this module without it.
func notRaced(t *testing.T) {
	t.Helper()
	if !raced {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this module is to be tested without the race detector")
	}
	t.Skip("SQLite in pure Go takes too long under the race detector")
}

func dataFile(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv(dataEnv)
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(folder, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the data are missing: %v; set %s", err, dataEnv)
		}
		t.Skipf("the data are not here: %v; set %s", err, dataEnv)
	}
	return path
}

// realLog reads the real log anew.
func realLog(t *testing.T) iter.Seq2[incident.HistoryEntry, error] {
	t.Helper()
	log, err := auditlog.Open(dataFile(t, logName), auditlog.Mapping{})
	require.NoError(t, err)
	t.Cleanup(func() { log.Close() })
	return log.Rows()
}

// stores are the engines that the program can use.
type testStore struct {
	name string
	// open gives settings that lead to a new, empty store.
	settings func(t *testing.T) settings
}

func stores() []testStore {
	all := []testStore{{"memory", func(*testing.T) settings { return settings{store: "memory"} }}}
	if raced {
		return all
	}
	return append(all,
		testStore{"SQLite", func(t *testing.T) settings {
			return settings{store: "sqlite", db: filepath.Join(t.TempDir(), "replay.db")}
		}},
		testStore{"PostgreSQL", func(t *testing.T) settings {
			return settings{store: "postgres", dsn: throwaway.SharedPostgreSQL(t).DatabaseForTest(t)}
		}},
	)
}

// testDesk is a desk over a store, at a fixed time.
type testDesk struct {
	*desk
	store storage.Store
}

func openDesk(t *testing.T, s settings) *testDesk {
	t.Helper()
	store, _, err := openStore(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	d, err := newDesk(context.Background(), store, "replay", clock)
	require.NoError(t, err)
	return &testDesk{d, store}
}

func (d *testDesk) load(t *testing.T, rows iter.Seq2[incident.HistoryEntry, error]) incident.ImportReport {
	t.Helper()
	report, err := d.incidents.Import(context.Background(), d.actor, "servicenow", rows, incident.ImportOptions{})
	require.NoError(t, err)
	return report
}

// dump writes all that the store has (records of every table, events, jobs) to a file in the
// folder, but for the names of events, which are made anew in every run.
func (d *testDesk) dump(t *testing.T, folder string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, "dump"))
	require.NoError(t, err)
	defer f.Close()
	out := bufio.NewWriter(f)
	tenants := []storage.Tenant{d.actor.Tenant}
	err = d.store.View(context.Background(), tenants, func(ctx context.Context, r storage.Reader) error {
		for _, s := range d.engine.Schemas() {
			q := storage.RowQuery{Limit: storage.MaxLimit, Bodies: true}
			for {
				rows, err := r.Query(ctx, s, q)
				if err != nil {
					return err
				}
				for _, row := range rows {
					fmt.Fprintf(out, "%s %s %d %d %d %v %s\n", s.Name(), row.ID, row.Version, row.Created.UnixMicro(), row.Updated.UnixMicro(), row.Columns, row.Body)
				}
				if len(rows) < q.Limit {
					break
				}
				last := rows[len(rows)-1]
				q.After = &storage.Position{Tenant: last.Tenant, ID: last.ID}
			}
		}
		events := storage.EventQuery{Limit: storage.MaxLimit}
		for {
			page, err := r.Events(ctx, events)
			if err != nil {
				return err
			}
			for _, e := range page {
				fmt.Fprintf(out, "event %v %s %d %s\n", e.Position(), e.Type, e.At.UnixMicro(), e.Envelope)
				events.After = e.Position()
			}
			if len(page) < events.Limit {
				break
			}
		}
		jobs := storage.JobQuery{Limit: storage.MaxLimit}
		for {
			page, err := r.Jobs(ctx, jobs)
			if err != nil {
				return err
			}
			for _, j := range page {
				fmt.Fprintf(out, "job %s %s %s %d %s %v %d %d\n", j.Kind, j.Key, j.Subject, j.Due.UnixMicro(), j.Payload, j.Dead, j.Attempts, j.Generation)
				jobs.After = j
			}
			if len(page) < jobs.Limit {
				break
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, out.Flush())
	return f.Name()
}

// requireSame fails with the first line that differs.
func requireSame(t *testing.T, want, have, what string) {
	t.Helper()
	a, err := os.Open(want)
	require.NoError(t, err)
	defer a.Close()
	b, err := os.Open(have)
	require.NoError(t, err)
	defer b.Close()
	x, y := bufio.NewReader(a), bufio.NewReader(b)
	for n := 1; ; n++ {
		left, errA := x.ReadString('\n')
		right, errB := y.ReadString('\n')
		if left != right {
			t.Fatalf("%s: line %d of the dumps differs:\n%s%s", what, n, left, right)
		}
		if errA != nil || errB != nil {
			require.Greater(t, n, 100, "the dumps are not empty")
			return
		}
	}
}

// truth is the figures that were computed from the log by other means.
func truth(t *testing.T) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(dataFile(t, truths))
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

// truthIncidents gives the rows of the file of incidents, by the names of its columns.
func truthIncidents(t *testing.T) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(dataFile(t, perTruth))
	require.NoError(t, err)
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	rows := csv.NewReader(unzipped)
	header, err := rows.Read()
	require.NoError(t, err)
	out := map[string]map[string]string{}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		named := map[string]string{}
		for i, name := range header {
			named[name] = row[i]
		}
		out[named["number"]] = named
	}
}

// words cuts a text at its spaces.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// histories is the number of rows that are stored.
func (d *testDesk) histories(t *testing.T) int {
	t.Helper()
	r, err := d.report(context.Background(), newLevels(nil), nil)
	require.NoError(t, err)
	return r.Figures.Events
}
