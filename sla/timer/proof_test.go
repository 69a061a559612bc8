// This file proves the semantics on a real log: four policies over every eighth incident of a company, with the
// minutes and verdicts that were counted apart from this package.

package timer_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// The real log is not part of the repository. It is looked for beside the checkout, or where the environment says;
// the test is skipped without it, but not in CI.
const dataEnv = "ITSMKIT_DATA"

// table reads a compressed CSV file as rows by the names of their columns.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	folder := os.Getenv(dataEnv)
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(folder, "uci-servicenow-incidents", name))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the data are missing: %v; set %s", err, dataEnv)
		}
		t.Skipf("the data are not here: %v; set %s", err, dataEnv)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	all, err := csv.NewReader(z).ReadAll()
	require.NoError(t, err)
	rows := make([]map[string]string, 0, len(all))
	for _, r := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestRealIncidentsGetTheVerdictsThatWereCountedApart(t *testing.T) {
	log, truth := table(t, "incident_event_log_every8th.csv.gz"), table(t, "truth_incidents.csv.gz")

	calendars := map[string]*calendar.Calendar{
		"always": must(calendar.Compile(calendar.Definition{Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}, calendar.Options{})),
		"office": must(calendar.Compile(office("UTC", "09:00", "17:00"), calendar.Options{})),
	}
	awaiting := []timer.Match{{When: storage.Condition{Op: storage.Prefix, Column: "state", Values: []any{"Awaiting"}}}}
	policy := func(calendarName string, lowest time.Duration, pause []timer.Match) *timer.Timer {
		target := timer.Target{Name: "resolution", Start: []timer.Match{{Types: []string{"opened"}}}, Stop: []timer.Match{{Types: []string{"resolved"}}},
			Pause: pause, Calendar: calendarName, Edge: calendar.AtNextOpen,
			Goals: []timer.Goal{timer.ForPriority(1, 4*time.Hour), timer.ForPriority(2, 8*time.Hour), timer.ForPriority(3, 24*time.Hour), timer.ForPriority(4, lowest)}}
		c, err := timer.Compile(timer.Policy{Name: "trial", Kind: "incident", Targets: []timer.Target{target}}, calendars, timer.Options{})
		require.NoError(t, err)
		return c.Timers()[0]
	}
	policies := map[string]*timer.Timer{
		"A": policy("always", 72*time.Hour, nil), "B": policy("office", 40*time.Hour, nil),
		"C": policy("always", 72*time.Hour, awaiting), "D": policy("office", 40*time.Hour, awaiting),
	}

	read := func(text string) time.Time {
		at, err := time.Parse("2/1/2006 15:04", text)
		require.NoError(t, err)
		return at
	}
	priority := func(row map[string]string) any {
		n, err := strconv.ParseInt(row["priority"][:1], 10, 64)
		require.NoError(t, err)
		return n
	}
	histories := map[string][]map[string]string{}
	for _, row := range log {
		histories[row["number"]] = append(histories[row["number"]], row)
	}

	checked, breached := 0, map[string]int{}
	for _, want := range truth {
		if want["resolved_at"] == "" || want["resolved_at"] == "?" {
			continue
		}
		checked++
		rows := histories[want["number"]]
		final := rows[len(rows)-1]
		// It is opened in the state and with the priority of its first row, each row is a moment, and it is resolved at
		// the time that the log says, with the priority that it has in the end.
		moments := []timer.Moment{{Version: 1, At: read(final["opened_at"]), Type: "opened", Values: map[string]any{"priority": priority(rows[0])}}}
		var last time.Time
		for i, row := range rows {
			at := read(row["sys_updated_at"])
			if at.Before(last) {
				at = last // the log has one step back
			}
			last = at
			moments = append(moments, timer.Moment{Version: int64(i + 2), At: at, Type: "updated",
				Values: map[string]any{"priority": priority(row), "state": row["incident_state"]}})
		}
		resolved := read(final["resolved_at"])
		state := ""
		for _, m := range moments[1:] {
			if !m.At.After(resolved) {
				state = m.Values["state"].(string)
			}
		}
		end := map[string]any{"priority": priority(final), "state": state}
		moments = append(moments, timer.Moment{Version: 1_000_000, At: resolved, Type: "classified", Values: end},
			timer.Moment{Version: 1_000_001, At: resolved, Type: "resolved", Values: end})

		for name, clock := range policies {
			s, _, err := clock.Replay(moments)
			require.NoError(t, err)
			r, err := clock.Cycle(s, 0, resolved)
			require.NoError(t, err)
			about := fmt.Sprintf("policy %s, %s", name, want["number"])
			require.Equal(t, timer.PhaseStopped, r.Phase, about)
			require.Equal(t, want["policy"+name+"_breached"] == "true", r.Outcome == timer.OutcomeBreached, about)
			if r.Outcome == timer.OutcomeBreached {
				breached[name]++
			}
			kind := map[bool]string{true: "24x7", false: "business"}[name == "A" || name == "C"]
			minutes := func(column string) timer.Duration {
				n, err := strconv.Atoi(strings.TrimSpace(want[column+"_"+kind]))
				require.NoError(t, err)
				return timer.Duration(n) * timer.Duration(time.Minute)
			}
			paused := timer.Duration(0)
			if name >= "C" {
				paused = minutes("paused_minutes")
			}
			require.Equal(t, paused, r.PausedOpen, about)
			require.Equal(t, minutes("resolution_minutes")-paused, r.Open, about)
		}
	}
	require.Equal(t, 2908, checked)
	require.Equal(t, map[string]int{"A": 1413, "B": 889, "C": 1177, "D": 622}, breached)
}
