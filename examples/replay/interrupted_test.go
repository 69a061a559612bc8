package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestAnImportThatWasCancelledEndsAsOneThatWasNot(t *testing.T) {
	want := undisturbed(t)
	for _, s := range stores() {
		t.Run(s.name, func(t *testing.T) {
			d := openDesk(t, s.settings(t))
			// Twice, so that a continued import is broken off as well.
			stops := []int{1 + rand.IntN(17708), 1 + rand.IntN(17708)}
			imported := 0
			for _, stop := range stops {
				ctx, cancel := context.WithCancel(context.Background())
				report, err := d.incidents.Import(ctx, d.actor, "servicenow", func(yield func(incident.HistoryEntry, error) bool) {
					n := 0
					for e, err := range realLog(t) {
						if n++; n == stop {
							cancel()
						}
						if !yield(e, err) {
							return
						}
					}
				}, incident.ImportOptions{})
				cancel()
				require.ErrorIs(t, err, context.Canceled, "at row %d", stop)
				imported += report.Imported
				require.Less(t, imported, 17709)
			}
			report := d.load(t, realLog(t))
			require.Equal(t, 17709, imported+report.Imported)
			require.Equal(t, imported, report.Known)
			requireSame(t, want, d.dump(t, t.TempDir()), fmt.Sprintf("stopped at rows %v", stops))
		})
	}
}

// childEnv names the database that a child process imports into, to be killed at it.
const childEnv = "REPLAY_TEST_CHILD"

// child imports the real log, and says after each unit how many rows it has dealt with.
func child(db string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx := context.Background()
	store, _, err := openStore(ctx, settings{store: "sqlite", db: db})
	if err != nil {
		return fail(err)
	}
	d, err := newDesk(ctx, store, "replay", clock)
	if err != nil {
		return fail(err)
	}
	log, err := auditlog.Open(os.Getenv(childEnv+"_LOG"), auditlog.Mapping{})
	if err != nil {
		return fail(err)
	}
	_, err = d.incidents.Import(ctx, d.actor, "servicenow", log.Rows(), incident.ImportOptions{
		Progress: func(p incident.ImportProgress) { fmt.Println(p.Rows) },
	})
	if err != nil {
		return fail(err)
	}
	return 0
}

func TestAnImportWhoseProcessWasKilledEndsAsOneThatWasNot(t *testing.T) {
	notRaced(t)
	log := dataFile(t, logName)
	want := undisturbed(t)
	s := settings{store: "sqlite", db: t.TempDir() + "/replay.db"}
	told := 0
	for range 3 {
		// It is killed at a random time within one of its units.
		units, wait := 3+rand.IntN(15), time.Duration(rand.IntN(30))*time.Millisecond
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+s.db, childEnv+"_LOG="+log)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		last := 0
		for range units {
			require.True(t, lines.Scan(), "the child works")
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		time.Sleep(wait)
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() {
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		require.Error(t, cmd.Wait(), "it was killed, and did not end by itself")
		told = max(told, last)
	}
	d := openDesk(t, s)
	report := d.load(t, realLog(t))
	require.GreaterOrEqual(t, report.Known, told, "what was told as done is there")
	require.Less(t, report.Known, 17709)
	require.Equal(t, 17709, report.Known+report.Imported)
	requireSame(t, want, d.dump(t, t.TempDir()), "killed")
}

// faults are lines that are no rows, with the one fault that each has.
var faults = []struct{ line, field, problem string }{
	{"INC0000001,New,true", "row", "has 3 fields; the header has 36"},
	{strings.Repeat("x", 2<<20), "row", "is longer than 1 MiB, or has a quotation mark that is never closed"},
	{fullRow("number", "?"), "number", "is required"},
	{fullRow("sys_updated_at", "31/6/2016 10:00"), "sys_updated_at", `must be a time written as "2/1/2006 15:04"`},
	{fullRow("reassignment_count", "many"), "reassignment_count", "must be a number from 0 to 1000000, or a code that the mapping knows"},
	{fullRow("category", "\xff"), "category", "is not valid UTF-8"},
	{fullRow("location", "a\x00b"), "location", "holds a NUL character"},
	{fullRow("caller_id", strings.Repeat("c", 201)), "caller_id", "has 201 bytes; at most 200 are allowed"},
	{fullRow("u_symptom", `5" disk`), "row", "has a quotation mark inside a field that does not begin with one"},
}

// fullRow is a row of the real log with one other value.
func fullRow(column, value string) string {
	header := strings.Split("number,incident_state,active,reassignment_count,reopen_count,sys_mod_count,made_sla,caller_id,opened_by,opened_at,sys_created_by,sys_created_at,sys_updated_by,sys_updated_at,contact_type,location,category,subcategory,u_symptom,cmdb_ci,impact,urgency,priority,assignment_group,assigned_to,knowledge,u_priority_confirmation,notify,problem_id,rfc,vendor,caused_by,closed_code,resolved_by,resolved_at,closed_at", ",")
	row := strings.Split("INC0000045,New,true,0,0,0,true,Caller 2403,Opened by  8,29/2/2016 01:16,Created by 6,29/2/2016 01:23,Updated by 21,29/2/2016 01:23,Phone,Location 143,Category 55,Subcategory 170,Symptom 72,?,2 - Medium,2 - Medium,3 - Moderate,Group 56,?,true,false,Do Not Notify,?,?,?,?,code 5,Resolved by 149,29/2/2016 11:29,5/3/2016 12:00", ",")
	row[slices.Index(header, column)] = value
	return strings.Join(row, ",")
}

func TestFaultyRowsDoNotStopTheRest(t *testing.T) {
	want := undisturbed(t)
	zipped, err := os.Open(dataFile(t, logName))
	require.NoError(t, err)
	defer zipped.Close()
	text, err := gzip.NewReader(zipped)
	require.NoError(t, err)

	// After every thousandth row of the log comes one of the faulty ones.
	in, out := io.Pipe()
	defer in.Close()
	go func() {
		lines := bufio.NewScanner(text)
		for n := 0; lines.Scan(); n++ {
			fmt.Fprintln(out, lines.Text())
			if n > 0 && n%1000 == 0 {
				fmt.Fprintln(out, faults[n/1000%len(faults)].line)
			}
		}
		out.CloseWithError(lines.Err())
	}()
	log, err := auditlog.NewReader(in, auditlog.Mapping{})
	require.NoError(t, err)
	d := openDesk(t, settings{store: "memory"})
	report := d.load(t, log.Rows())
	require.Equal(t, 17709, report.Imported)
	require.Equal(t, 17, report.Faulty)
	require.Len(t, report.Faults, 17)
	for i, have := range report.Faults {
		f := faults[(i+1)%len(faults)]
		require.Equal(t, 1000*(i+1)+1+i+1, have.Line)
		require.Equal(t, []itsm.Fault{{Field: f.field, Problem: f.problem}}, have.Faults)
	}

	// The histories are those of the log without them; only where its rows stand is other.
	have := d.dump(t, t.TempDir())
	requireSame(t, withoutLines(t, want), withoutLines(t, have), "with faulty rows between")
}

// withoutLines writes a dump anew without the lines at which rows stood.
func withoutLines(t *testing.T, dump string) string {
	t.Helper()
	raw, err := os.ReadFile(dump)
	require.NoError(t, err)
	path := t.TempDir() + "/dump"
	require.NoError(t, os.WriteFile(path, regexp.MustCompile(`"line":\d+`).ReplaceAll(raw, nil), 0o600))
	return path
}

// Several processes that import the same log at the same time come to what one comes to.
func TestImportsOfTheSameLogAtTheSameTime(t *testing.T) {
	var log bytes.Buffer
	require.NoError(t, auditlog.Generate(&log, 300, 11))
	read := func() *auditlog.Reader {
		r, err := auditlog.NewReader(bytes.NewReader(log.Bytes()), auditlog.Mapping{})
		require.NoError(t, err)
		return r
	}
	one := openDesk(t, settings{store: "memory"})
	one.load(t, read().Rows())
	want := one.dump(t, t.TempDir())
	for _, s := range stores() {
		t.Run(s.name, func(t *testing.T) {
			d := openDesk(t, s.settings(t))
			type result struct {
				report incident.ImportReport
				err    error
			}
			const importers = 3
			done := make(chan result)
			for i := range importers {
				rows := read().Rows()
				go func() {
					report, err := d.incidents.Import(context.Background(), d.actor, "servicenow", rows, incident.ImportOptions{Batch: 7 + i})
					done <- result{report, err}
				}()
			}
			imported := 0
			for range importers {
				r := <-done
				require.NoError(t, r.err)
				require.Zero(t, r.report.Conflicted)
				imported += r.report.Imported
			}
			require.Equal(t, one.histories(t), imported, "each row once")
			requireSame(t, want, d.dump(t, t.TempDir()), "imported by several")
		})
	}
}
