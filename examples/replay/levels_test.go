package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// shipped are the four policies that are here.
func shipped(t *testing.T) []*timer.Compiled {
	t.Helper()
	files, err := filepath.Glob("policies/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	policies, err := readPolicies(files)
	require.NoError(t, err)
	return policies
}

// verdicts are what timers came to, by incident and policy.
type verdicts map[string]timer.Reading

func (v verdicts) take(source, policy, _ string, r timer.Reading) { v[source+" "+policy] = r }

// requireVerdicts compares every verdict, and every minute, with those that were computed by other means.
func requireVerdicts(t *testing.T, want map[string]map[string]string, have verdicts) {
	t.Helper()
	checked := 0
	for source, w := range want {
		if w["resolved_at"] == "" {
			continue
		}
		for _, policy := range []string{"A", "B", "C", "D"} {
			about := source + " " + policy
			r, ok := have[about]
			require.True(t, ok, about)
			checked++
			require.Equal(t, w["policy"+policy+"_breached"], strconv.FormatBool(r.Outcome == timer.OutcomeBreached), about)
			kind := map[string]string{"A": "24x7", "B": "business", "C": "24x7", "D": "business"}[policy]
			minutes := func(column string) int {
				n, err := strconv.Atoi(w[column+"_minutes_"+kind])
				require.NoError(t, err, about)
				return n
			}
			paused := 0
			if policy >= "C" {
				paused = minutes("paused")
			}
			const minute = 60_000_000_000
			require.EqualValues(t, paused*minute, r.PausedOpen, about)
			require.EqualValues(t, (minutes("resolution")-paused)*minute, r.Open, about)
		}
	}
	require.Equal(t, 4*2908, checked)
	require.Len(t, have, checked, "no other incident has a verdict")
}

// requireLevels compares the verdicts, and the figures of the report.
func requireLevels(t *testing.T, known map[string]any, want map[string]map[string]string, have verdicts, levels []attainment) {
	t.Helper()
	requireVerdicts(t, want, have)
	figures := map[string]attainment{}
	for _, a := range levels {
		figures[a.Policy+" "+a.Priority] = a
	}
	for name, replay := range object(known["sla_policy_replay"]) {
		if name == "note" {
			continue
		}
		r := object(replay)
		all := figures[name[:1]+" all"]
		require.EqualValues(t, []any{r["incidents"], r["breached"]}, []any{float64(all.Met + all.Breached), float64(all.Breached)}, name)
		require.Equal(t, number(object(r["elapsed_hours"])["mean"]), all.MeanHours, name)
		require.InDelta(t, number(r["breach_rate"]), 1-all.Rate, 1e-6, name)
		for priority, one := range object(r["by_priority"]) {
			a := figures[name[:1]+" "+priority]
			require.EqualValues(t, []any{object(one)["incidents"], object(one)["breached"]},
				[]any{float64(a.Met + a.Breached), float64(a.Breached)}, name+" "+priority)
		}
	}
}

// A timer that ran beside its record, with what came due between the events in its time, stands as one
// that is made from the history afterwards, in whatever order that is read.
func TestTimersThatRanStandAsThoseThatAreReplayed(t *testing.T) {
	d := openDesk(t, settings{store: "memory"})
	d.load(t, realLog(t))
	policies := shipped(t)
	histories := map[string][]incident.ImportedRow{}
	for row, err := range incident.ImportedRows(d.events(context.Background())) {
		require.NoError(t, err)
		histories[row.Entry.Source] = append(histories[row.Entry.Source], row)
	}
	require.Len(t, histories, 3115)
	fired := 0
	for source, rows := range histories {
		moments := momentsOf(d.incidents.Lifecycle().Category, rows)
		backwards := make([]timer.Moment, len(moments))
		for n, m := range moments {
			backwards[len(moments)-1-n] = m
		}
		for _, p := range policies {
			about := fmt.Sprint(source, " ", p.Policy().Name)
			clock := p.Timers()[0]
			ran, err := runLive(clock, moments)
			require.NoError(t, err, about)
			replayed, _, err := clock.Replay(backwards)
			require.NoError(t, err, about)
			for n := range ran.Cycles {
				fired += len(ran.Cycles[n].Fired)
				ran.Cycles[n].Fired = nil
			}
			require.Equal(t, replayed, ran, about)
		}
	}
	require.Positive(t, fired, "thresholds fired between the events")
}

func TestPoliciesThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"not there", "", "no such file"},
		{"a slip", `{"calenders": []}`, "calenders"},
		{"an unknown calendar", `{"policies": [{"name": "X", "kind": "incident", "targets": [{"name": "t", "start": [{"in": ["new"]}], "stop": [{"in": ["closed"]}],
			"goals": [{"within": "1h"}], "calendar": "nowhere"}]}]}`, "nowhere"},
		{"a zone that there is not", `{"calendars": [{"name": "c", "zone": "Mars/Olympus", "hours": [{"from": "00:00", "to": "24:00"}]}]}`, "Mars/Olympus"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "policies.json")
			if c.text != "" {
				require.NoError(t, os.WriteFile(file, []byte(c.text), 0o644))
			}
			_, _, err := command(t, "-store", "memory", "-generate", "10", "-sla", file)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "policies.json")
		})
	}
}

func TestServiceLevelsArePrinted(t *testing.T) {
	out, _, err := command(t, "-store", "memory", "-generate", "200", "-sla", "policies/a.json", "-sla", "policies/d.json")
	require.NoError(t, err)
	_, levels, ok := strings.Cut(out, "Service levels")
	require.True(t, ok)
	require.Regexp(t, `(?m)^  A +resolution +all +\d+ +\d+ +\d+ +[0-9.]+ % +[0-9.]+$`, levels)
	require.Regexp(t, `(?m)^  D +resolution +1 - Critical +`, levels)
}
