package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
)

// What the program prints of the real log is what was computed from it by other means, on every
// store; and every store holds the same.
func TestTheReportIsTrue(t *testing.T) {
	known, incidents := truth(t), truthIncidents(t)
	plain := undisturbed(t)
	for _, s := range stores() {
		t.Run(s.name, func(t *testing.T) {
			d := openDesk(t, s.settings(t))
			began := time.Now()
			imported := d.load(t, realLog(t))
			t.Logf("imported %d rows at %.0f rows/s", imported.Imported, float64(imported.Imported)/time.Since(began).Seconds())
			require.Equal(t, 17709, imported.Imported)
			require.Equal(t, 3115, imported.Created)
			require.Zero(t, imported.Faulty)

			var outcomes []outcome
			timers, ended := newLevels(shipped(t)), verdicts{}
			timers.each = ended.take
			r, err := d.report(context.Background(), timers, func(o outcome) { outcomes = append(outcomes, o) })
			require.NoError(t, err)
			r.Import = imported
			requireTruth(t, known, &r.Figures)
			requireIncidents(t, incidents, outcomes)
			requireLevels(t, known, incidents, ended, r.Levels)
			require.Equal(t, map[incident.State]int{incident.StateClosed: 3113, incident.StateNew: 2}, r.Records,
				"those that the lifecycle refuses to close from new stay new")
			requirePrinted(t, known, &r)

			dump := d.dump(t, t.TempDir())
			requireSame(t, plain, dump, "the store in memory and this one")
			again := d.load(t, realLog(t))
			require.Equal(t, incident.ImportReport{
				System: "servicenow", Incidents: 3115, Unchanged: 3115, Rows: 17709, Known: 17709,
			}, again)
			requireSame(t, dump, d.dump(t, t.TempDir()), "importing twice")
		})
	}
}

// object and number read the truth.
func object(v any) map[string]any { return v.(map[string]any) }

func number(v any) float64 { return v.(float64) }

func integers(v any) map[string]int {
	out := map[string]int{}
	for k, n := range object(v) {
		out[k] = int(number(n))
	}
	return out
}

func requireDistribution(t *testing.T, want any, have distribution, what string) {
	t.Helper()
	w := object(want)
	require.Equal(t, distribution{
		N: int(number(w["n"])), Mean: number(w["mean"]), Median: number(w["median"]),
		P75: number(w["p75_nearest_rank"]), P90: number(w["p90_nearest_rank"]), P95: number(w["p95_nearest_rank"]),
		Min: number(w["min"]), Max: number(w["max"]), Sum: number(w["sum"]),
	}, have, what)
}

// requireTruth compares every figure of the report.
func requireTruth(t *testing.T, want map[string]any, f *figures) {
	t.Helper()
	require.EqualValues(t, want["incidents"], f.Incidents)
	require.EqualValues(t, want["events"], f.Events)
	requireDistribution(t, want["events_per_incident"], f.PerIncident, "events per incident")
	order := object(want["ordering"])
	require.EqualValues(t, order["sys_updated_at_goes_back"], f.Backward)
	require.EqualValues(t, order["sys_updated_at_ties"], f.Ties)
	opened := want["opened_at_range"].([]any)
	require.Equal(t, opened, []any{f.FirstOpened.Format("2006-01-02T15:04:05"), f.LastOpened.Format("2006-01-02T15:04:05")})

	events, first, last := map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range f.States {
		events[s.Name] = s.Events
		if s.First > 0 {
			first[s.Name] = s.First
		}
		if s.Last > 0 {
			last[s.Name] = s.Last
		}
	}
	require.Equal(t, integers(want["events_by_state"]), events)
	require.Equal(t, integers(want["first_state"]), first)
	require.Equal(t, integers(want["last_state"]), last)
	require.Equal(t, f.Incidents-first["New"], f.MidLife)

	transitions := map[string]map[string]int{}
	for from, row := range object(want["transitions_all"]) {
		transitions[from] = integers(row)
	}
	require.Equal(t, transitions, f.Transitions)
	require.EqualValues(t, want["state_changes_total"], f.StateChanges)
	require.EqualValues(t, want["distinct_state_changes"], f.DistinctChanges)
	require.EqualValues(t, want["state_variants_distinct"], f.DistinctPaths)
	for i, p := range f.Paths {
		variant := want["state_variants_top25"].([]any)[i].([]any)
		require.Equal(t, variant[0], strings.Join(p.States, " > "))
		require.EqualValues(t, variant[1], p.Incidents)
	}

	collapsed := object(want["collapsed_lifecycle"])
	names := map[string]incident.State{"New": "new", "InProgress": "in_progress", "OnHold": "on_hold", "Resolved": "resolved", "Closed": "closed"}
	moves := map[incident.State]map[incident.State]int{}
	for from, row := range object(collapsed["matrix"]) {
		moves[names[from]] = map[incident.State]int{}
		for to, n := range integers(row) {
			moves[names[from]][names[to]] = n
		}
	}
	require.Equal(t, moves, f.Moves)
	require.EqualValues(t, collapsed["incidents_needing_more"], f.Refused)
	require.Equal(t, f.Refused, f.Flagged[incident.FlagRefused])

	requireDistribution(t, want["resolution_hours_opened_to_resolved_24x7"], f.Resolution, "resolution")
	requireDistribution(t, want["closure_hours_opened_to_closed_24x7"], f.Closure, "closure")
	requireDistribution(t, want["resolved_to_closed_hours"], f.Confirmation, "confirmation")
	paused := object(want["paused_hours_24x7"])
	requireDistribution(t, paused, f.Paused, "paused")
	require.EqualValues(t, paused["incidents_with_pause"], f.WithPause)
	byPriority := object(want["by_priority_final_row"])
	require.Len(t, f.Priorities, len(byPriority))
	for _, p := range f.Priorities {
		w := object(byPriority[p.Priority])
		require.EqualValues(t, w["incidents"], p.Incidents)
		requireDistribution(t, w["resolution_hours"], p.Resolution, p.Priority)
		require.Equal(t, w["reassigned_rate"], p.Reassigned)
		require.Equal(t, w["reopened_rate"], p.Reopened)
	}

	histogram := func(v any) map[int]int {
		out := map[int]int{}
		for k, n := range integers(v) {
			i, err := strconv.Atoi(k)
			require.NoError(t, err)
			out[i] = n
		}
		return out
	}
	reassigned := object(want["reassignment"])
	require.EqualValues(t, reassigned["incidents_reassigned"], f.Reassigned.Incidents)
	require.Equal(t, reassigned["rate"], f.Reassigned.Rate)
	require.Equal(t, reassigned["mean_count"], f.Reassigned.Mean)
	require.EqualValues(t, reassigned["max"], f.Reassigned.Max)
	require.Equal(t, histogram(reassigned["histogram"]), f.Reassigned.Histogram)
	reopened := object(want["reopen"])
	require.EqualValues(t, reopened["incidents_reopened_by_reopen_count"], f.Reopened.Incidents)
	require.Equal(t, reopened["rate"], f.Reopened.Rate)
	require.EqualValues(t, reopened["sum_reopen_count"], f.Reopened.Sum)
	require.Equal(t, histogram(reopened["histogram"]), f.Reopened.Histogram)
	require.EqualValues(t, reopened["incidents_with_state_leaving_Resolved_or_Closed"], f.LeftResolved)

	contact := object(want["first_call_resolution_proxies"])
	for i, name := range []string{"no_reassignment_and_no_reopen", "plus_never_in_an_awaiting_state", "plus_resolved_within_60_minutes_of_opening"} {
		require.EqualValues(t, contact[name], f.FirstContact[i].Incidents)
		require.Equal(t, contact[name+"_rate"], f.FirstContact[i].Rate)
	}

	var matrix []any
	for _, c := range f.Matrix {
		matrix = append(matrix, []any{c.Impact, c.Urgency, c.Priority, float64(c.Events)})
	}
	require.Equal(t, want["impact_urgency_priority_events"], matrix)
	require.Equal(t, want["priority_matrix_conformance_events"], f.Conforming)

	channels := integers(want["by_contact_type_final_row"])
	require.Equal(t, map[string]int{
		"phone": channels["Phone"] + channels["IVR"], "portal": channels["Self service"], "email": channels["Email"],
	}, f.Channels)

	for at, n := range integers(object(want["backlog_open_at"])["counts"]) {
		midnight, err := time.Parse("2006-01-02T15:04", at)
		require.NoError(t, err)
		require.Equal(t, n, f.backlogAt(midnight), at)
		for _, m := range f.Months {
			if m.Month == at[:7] && strings.HasSuffix(at, "-01T00:00") {
				require.Equal(t, n, m.Backlog, at)
			}
		}
	}
	months := object(want["by_month_opened"])
	require.Len(t, f.Months, len(months))
	for _, m := range f.Months {
		w := object(months[m.Month])
		require.EqualValues(t, w["opened"], m.Opened)
		require.Equal(t, w["mean_resolution_hours"], m.Resolution, m.Month)
	}
}

// requireIncidents compares what every single incident comes to, and the backlog of every month
// with one that is counted from the file of incidents.
func requireIncidents(t *testing.T, want map[string]map[string]string, have []outcome) {
	t.Helper()
	require.Len(t, have, len(want))
	instant := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.Format(time.RFC3339)
	}
	for _, o := range have {
		w := want[o.source]
		require.NotNil(t, w, o.source)
		resolution, paused := "", ""
		if o.isResolved() {
			resolution, paused = fmt.Sprint(int(o.resolution.Minutes())), fmt.Sprint(int(o.paused.Minutes()))
		}
		require.Equal(t, []string{
			w["events"], w["first_state"], w["last_state"], w["priority"], w["reassignment_count"], w["reopen_count"],
			w["opened_at"], w["resolved_at"], w["closed_at"], w["resolution_minutes_24x7"], w["paused_minutes_24x7"],
		}, []string{
			fmt.Sprint(o.events), o.first, o.last, o.priority.String(), fmt.Sprint(o.reassignments), fmt.Sprint(o.reopens),
			instant(o.opened), instant(o.resolved), instant(o.closed), resolution, paused,
		}, o.source)
	}
}

// requirePrinted looks for the figures in the text, as the truth has them.
func requirePrinted(t *testing.T, want map[string]any, r *report) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.print(&b))
	lines := map[string]bool{}
	for _, line := range strings.Split(b.String(), "\n") {
		lines[words(strings.TrimRight(line, "█▉▊▋▌▍▎▏ "))] = true
	}
	expect := func(format string, args ...any) {
		t.Helper()
		line := words(fmt.Sprintf(format, args...))
		require.True(t, lines[line], "%q is not in\n%s", line, b.String())
	}
	dot := func(n int) string {
		if n == 0 {
			return "·"
		}
		return thousands(n)
	}
	events, first, last := integers(want["events_by_state"]), integers(want["first_state"]), integers(want["last_state"])
	var names []string
	for _, s := range r.Figures.States {
		names = append(names, s.Name)
	}
	for _, from := range names {
		expect("%s %s %.1f %% %s %s", from, thousands(events[from]), 100*float64(events[from])/17709, dot(first[from]), dot(last[from]))
		row := from
		for _, to := range names {
			n, _ := object(object(want["transitions_all"])[from])[to].(float64)
			row += " " + dot(int(n))
		}
		expect("%s", row)
	}
	times := func(name string, v any) {
		d := object(v)
		expect("%s %s %s %s %s %s %s", name, thousands(int(number(d["n"]))), decimal(number(d["mean"]), 1), decimal(number(d["median"]), 1),
			decimal(number(d["p75_nearest_rank"]), 1), decimal(number(d["p90_nearest_rank"]), 1), decimal(number(d["max"]), 1))
	}
	times("opened to resolved", want["resolution_hours_opened_to_resolved_24x7"])
	times("opened to closed", want["closure_hours_opened_to_closed_24x7"])
	times("resolved to closed", want["resolved_to_closed_hours"])
	times("waiting", want["paused_hours_24x7"])
	for priority, v := range object(want["by_priority_final_row"]) {
		p := object(v)
		times(priority, p["resolution_hours"])
		expect("%s %s %s %s", priority, thousands(int(number(p["incidents"]))), rate(number(p["reassigned_rate"])), rate(number(p["reopened_rate"])))
	}
	contact := object(want["first_call_resolution_proxies"])
	expect("no hand-off, not reopened %s %s", thousands(int(number(contact["no_reassignment_and_no_reopen"]))), rate(number(contact["no_reassignment_and_no_reopen_rate"])))
	for _, v := range want["impact_urgency_priority_events"].([]any) {
		c := v.([]any)
		expect("%s %s %s %s", c[0], c[1], c[2], thousands(int(number(c[3]))))
	}
	for i, m := range r.Figures.Months {
		w := object(object(want["by_month_opened"])[m.Month])
		if i > 0 { // in the first month the backlog is none
			expect("%s %s %s %s", m.Month, thousands(int(number(w["opened"]))), decimal(number(w["mean_resolution_hours"]), 1), thousands(m.Backlog))
		}
	}
}
