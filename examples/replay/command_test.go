package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the expected output anew")

// command runs the program.
func command(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(context.Background(), args, &out, &errs)
	return out.String(), errs.String(), err
}

// figuresOf runs the program and reads the figures that it gives as JSON.
func figuresOf(t *testing.T, args ...string) report {
	t.Helper()
	out, _, err := command(t, append([]string{"-json"}, args...)...)
	require.NoError(t, err)
	var r report
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	return r
}

var speed = regexp.MustCompile(` in [0-9.]+ s, [0-9,]+ rows a second`)

func TestTheReportOfAnInventedLog(t *testing.T) {
	out, stderr, err := command(t, "-store", "memory", "-generate", "400", "-seed", "7")
	require.NoError(t, err)
	require.Empty(t, stderr, "no progress where there is no terminal")
	require.Regexp(t, speed, out)
	out = speed.ReplaceAllString(out, "")
	const golden = "testdata/invented.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(out), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out)
}

func TestTheStoreStaysAndIsGoneOnWith(t *testing.T) {
	notRaced(t)
	dir := t.TempDir()
	log, db := filepath.Join(dir, "log.csv.gz"), filepath.Join(dir, "desk.db")
	out, _, err := command(t, "-generate", "60", "-seed", "3", log)
	require.NoError(t, err)
	require.Empty(t, out)
	_, _, err = command(t, "-generate", "60", log)
	require.ErrorIs(t, err, os.ErrExist, "nothing is written over")

	first := figuresOf(t, "-db", db, log)
	require.Equal(t, "log.csv.gz", first.Log)
	require.Equal(t, 60, first.Import.Created)
	again := figuresOf(t, "-db", db, log)
	require.Zero(t, again.Import.Imported)
	require.Equal(t, first.Import.Imported, again.Import.Known)
	require.Equal(t, first.Figures, again.Figures)
	out, _, err = command(t, "-db", db, log)
	require.NoError(t, err)
	require.Contains(t, out, "rows were there already")

	// The same log straight from the generator, into memory.
	straight := figuresOf(t, "-store", "memory", "-generate", "60", "-seed", "3")
	require.Equal(t, first.Figures, straight.Figures)
	require.Equal(t, first.Records, straight.Records)
}

func TestALogOfAnotherFormIsReadByAMapping(t *testing.T) {
	dir := t.TempDir()
	log, mapping := filepath.Join(dir, "log.csv"), filepath.Join(dir, "mapping.json")
	require.NoError(t, os.WriteFile(log, []byte("Ticket;Changed;Status;Created;Solved\n"+
		"1;2026-05-01 08:00:00;open;2026-05-01 08:00:00;\n"+
		"1;2026-05-01 09:00:00;pending reply;2026-05-01 08:00:00;\n"+
		"1;2026-05-01 10:30:00;solved;2026-05-01 08:00:00;2026-05-01 10:30:00\n"), 0o600))
	require.NoError(t, os.WriteFile(mapping, []byte(`{
		"comma": ";", "time_layouts": ["2006-01-02 15:04:05"],
		"columns": {"source": "Ticket", "at": "Changed", "state": "Status", "opened": "Created", "resolved": "Solved"},
		"states": {"open": {"state": "new"}, "pending*": {"state": "on_hold", "hold_reason": "caller"}, "solved": {"state": "resolved"}}
	}`), 0o600))
	r := figuresOf(t, "-store", "memory", "-system", "zendesk", "-mapping", mapping, log)
	require.Equal(t, 1, r.Figures.Incidents)
	require.Equal(t, 2.5, r.Figures.Resolution.Mean)
	require.Equal(t, 1.5, r.Figures.Paused.Mean)
	require.Equal(t, []string{"open", "pending reply", "solved"}, r.Figures.Paths[0].States)
	require.Equal(t, "zendesk", r.Import.System)
	require.Equal(t, 1, r.Records["resolved"])
}

func TestWhatTheCommandLineCannotMeanIsSaid(t *testing.T) {
	dir := t.TempDir()
	bad, empty := filepath.Join(dir, "bad.json"), filepath.Join(dir, "empty.csv")
	require.NoError(t, os.WriteFile(bad, []byte(`{"colums": {}}`), 0o600))
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for want, args := range map[string][]string{
		"name a file":                           {},
		"2 files are named":                     {"a", "b"},
		`-store is "oracle"`:                    {"-store", "oracle", "-generate", "1"},
		"-generate must not be negative":        {"-generate", "-1"},
		"no such file":                          {"-store", "memory", filepath.Join(dir, "none.csv")},
		"bad.json: mapping: invalid":            {"-mapping", bad, "x"},
		"empty.csv: audit log: invalid: header": {"-store", "memory", empty},
		"-store postgres needs -dsn":            {"-store", "postgres", "-generate", "1"},
		"-db is for -store sqlite":              {"-store", "memory", "-db", "x", "-generate", "1"},
		"-dsn is for -store postgres":           {"-dsn", "x", "-generate", "1"},
		"not defined: -x":                       {"-x"},
	} {
		_, _, err := command(t, args...)
		require.ErrorContains(t, err, want)
	}
}

func TestAnEmptyLogIsReportedToo(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log.csv")
	require.NoError(t, os.WriteFile(log, []byte("number,incident_state,sys_updated_at\n"), 0o600))
	out, _, err := command(t, "-store", "memory", log)
	require.NoError(t, err)
	require.Contains(t, out, "Imported 0 rows into memory.")
}
