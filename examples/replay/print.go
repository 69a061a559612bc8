// This file holds the report as text.

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/incident"
)

// page gathers the text of a report.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// section begins a part of the report.
func (p *page) section(title, remark string) {
	p.line("")
	p.line("%s", title+strings.Repeat(" ", min(2, len(remark)))+remark)
	p.line("%s", strings.Repeat("─", max(len([]rune(title)), 3)))
}

// table writes rows in columns: the first to the left, the others to the right, but for those
// that begin with a tab, which stand to the left.
func (p *page) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(strings.TrimPrefix(c, "\t"))))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			text, left := strings.CutPrefix(c, "\t")
			pad := strings.Repeat(" ", widths[i]-len([]rune(text)))
			if i > 0 {
				b.WriteString("  ")
			}
			if i == 0 || left {
				b.WriteString(text + pad)
			} else {
				b.WriteString(pad + text)
			}
		}
		p.line("  %s", b.String())
	}
}

// print writes the report as text.
func (r *report) print(out io.Writer) error {
	p := &page{}
	f := &r.Figures
	p.line("%s", r.Log)
	p.line("%s", strings.Repeat("═", max(len([]rune(r.Log)), 3)))
	r.printImport(p)
	if f.Incidents > 0 {
		f.printStates(p)
		f.printTransitions(p)
		f.printPaths(p)
		f.printTimes(p)
		f.printQuality(p)
		f.printMatrix(p)
		f.printMonths(p)
		r.printLevels(p)
	}
	_, err := io.WriteString(out, p.String())
	return err
}

func (r *report) printImport(p *page) {
	f, i := &r.Figures, &r.Import
	speed := ""
	if i.Imported > 0 && r.Seconds > 0 {
		speed = fmt.Sprintf(" in %.1f s, %s rows a second", r.Seconds, thousands(int(float64(i.Imported)/r.Seconds)))
	}
	p.line("Imported %s rows into %s%s.", thousands(i.Imported), r.Store, speed)
	if i.Known > 0 {
		p.line("%s rows were there already.", thousands(i.Known))
	}
	if i.Conflicted > 0 {
		p.line("%s incidents have other rows than were imported before, and were left as they are:", thousands(i.Conflicted))
		for _, c := range i.Conflicts[:min(len(i.Conflicts), 5)] {
			p.line("  line %d: %s differs from its row %d", c.Line, c.Source, c.Row)
		}
	}
	p.line("The store holds:")
	p.line("")
	rows := [][]string{
		{"incidents", thousands(f.Incidents)},
		{"events", thousands(f.Events), fmt.Sprintf("\ta history has %s on average, %s in the median, %s at most", decimal(f.PerIncident.Mean, 1), decimal(f.PerIncident.Median, 0), decimal(f.PerIncident.Max, 0))},
		{"begun mid-life", thousands(f.MidLife), "\t" + percent(f.MidLife, f.Incidents) + " of histories do not begin with a new incident"},
		{"refused", thousands(f.Refused), "\tincidents with a step that the lifecycle does not have"},
		{"flagged rows", thousands(f.FlaggedRows), "\t" + flags(f.Flagged)},
		{"faulty rows", thousands(i.Faulty), "\tcould not be read and are not in the store"},
	}
	p.table(rows)
	if !f.FirstOpened.IsZero() {
		p.line("")
		p.line("  Opened from %s to %s. Now: %s.", f.FirstOpened.Format("2 January 2006"), f.LastOpened.Format("2 January 2006"), records(r.Records))
	}
	for _, stop := range i.Stops[:min(len(i.Stops), 5)] {
		p.line("  refused: line %d, %s: no action leads from %s to %s", stop.Line, stop.Source, stop.From, stop.To)
	}
	for _, fault := range i.Faults[:min(len(i.Faults), 5)] {
		var problems []string
		for _, x := range fault.Faults {
			problems = append(problems, x.Field+" "+x.Problem)
		}
		where := fmt.Sprintf("line %d", fault.Line)
		if fault.Source != "" {
			where += ", " + fault.Source
		}
		p.line("  faulty: %s: %s", where, strings.Join(problems, "; "))
	}
}

func records(by map[incident.State]int) string {
	var parts []string
	states := slices.SortedFunc(maps.Keys(by), func(a, b incident.State) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b))
	})
	for _, s := range states {
		parts = append(parts, thousands(by[s])+" "+strings.ReplaceAll(string(s), "_", " "))
	}
	return strings.Join(parts, ", ")
}

func flags(by map[incident.ImportFlag]int) string {
	var parts []string
	for _, flag := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, thousands(by[flag])+" "+strings.ReplaceAll(string(flag), "_", " "))
	}
	return strings.Join(parts, ", ")
}

func (f *figures) printStates(p *page) {
	p.section("Events by state", "")
	rows := [][]string{{"state", "events", "share", "first", "last"}}
	most := 0
	for _, s := range f.States {
		most = max(most, s.Events)
	}
	for _, s := range f.States {
		rows = append(rows, []string{s.Name, thousands(s.Events), percent(s.Events, f.Events), orDot(s.First), orDot(s.Last), "\t" + blocks(s.Events, most, 30)})
	}
	p.table(rows)
}

func (f *figures) printTransitions(p *page) {
	p.section("Transitions", fmt.Sprintf("%s changes of state, %d different; from the row to the column", thousands(f.StateChanges), f.DistinctChanges))
	// Names of several words stand above each other.
	lines := 0
	words := make([][]string, len(f.States))
	for i, s := range f.States {
		words[i] = strings.Fields(s.Name)
		lines = max(lines, len(words[i]))
	}
	var rows [][]string
	for n := range lines {
		row := []string{""}
		for i := range f.States {
			word := ""
			if k := n - (lines - len(words[i])); k >= 0 {
				word = words[i][k]
			}
			row = append(row, word)
		}
		rows = append(rows, row)
	}
	for _, from := range f.States {
		row := []string{from.Name}
		for _, to := range f.States {
			row = append(row, orDot(f.Transitions[from.Name][to.Name]))
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

func (f *figures) printPaths(p *page) {
	p.section("Ways through the states", fmt.Sprintf("the %d most common of %d", len(f.Paths), f.DistinctPaths))
	var rows [][]string
	for _, w := range f.Paths {
		rows = append(rows, []string{strings.Join(w.States, " → "), thousands(w.Incidents), percent(w.Incidents, f.Incidents)})
	}
	p.table(rows)
}

func (f *figures) printTimes(p *page) {
	p.section("Hours", "around the clock; percentiles by nearest rank")
	rows := [][]string{{"", "incidents", "mean", "median", "p75", "p90", "max"}}
	add := func(name string, d distribution) {
		rows = append(rows, []string{name, thousands(d.N), decimal(d.Mean, 1), decimal(d.Median, 1), decimal(d.P75, 1), decimal(d.P90, 1), decimal(d.Max, 1)})
	}
	add("opened to resolved", f.Resolution)
	for _, q := range f.Priorities {
		add("  "+q.Priority, q.Resolution)
	}
	add("opened to closed", f.Closure)
	add("resolved to closed", f.Confirmation)
	add("waiting", f.Paused)
	p.table(rows)
	p.line("")
	p.line("  %s of the resolved incidents waited at some time.", thousands(f.WithPause))
}

func (f *figures) printQuality(p *page) {
	p.section("Reassigned, reopened", "")
	rows := [][]string{{"priority", "incidents", "reassigned", "reopened"}}
	for _, q := range f.Priorities {
		rows = append(rows, []string{q.Priority, thousands(q.Incidents), rate(q.Reassigned), rate(q.Reopened)})
	}
	rows = append(rows, []string{"all", thousands(f.Incidents), rate(f.Reassigned.Rate), rate(f.Reopened.Rate)})
	p.table(rows)
	p.line("")
	p.line("  %s incidents were reassigned, %s times on average and %d at most; %s were reopened.",
		thousands(f.Reassigned.Incidents), decimal(float64(f.Reassigned.Sum)/float64(max(f.Reassigned.Incidents, 1)), 2), f.Reassigned.Max, thousands(f.Reopened.Incidents))

	p.section("First contact", "stand-ins, each stricter than the one before")
	rows = nil
	for _, x := range f.FirstContact {
		rows = append(rows, []string{x.Name, thousands(x.Incidents), rate(x.Rate), "\t" + blocks(x.Incidents, f.Incidents, 30)})
	}
	p.table(rows)
	if len(f.Channels) > 0 {
		names := slices.SortedFunc(maps.Keys(f.Channels), func(a, b string) int {
			return cmp.Or(cmp.Compare(f.Channels[b], f.Channels[a]), cmp.Compare(a, b))
		})
		var parts []string
		for _, name := range names {
			parts = append(parts, thousands(f.Channels[name])+" by "+strings.ReplaceAll(name, "_", " "))
		}
		p.line("")
		p.line("  Reported: %s.", strings.Join(parts, ", "))
	}
}

func (f *figures) printMatrix(p *page) {
	if len(f.Matrix) == 0 {
		return
	}
	p.section("Priority matrix", "as observed; "+rate(f.Conforming)+" of the rows as the standard matrix has it")
	var rows [][]string
	rows = append(rows, []string{"impact", "\turgency", "\tpriority", "events"})
	for _, c := range f.Matrix {
		rows = append(rows, []string{c.Impact, "\t" + c.Urgency, "\t" + c.Priority, thousands(c.Events)})
	}
	p.table(rows)
}

func (f *figures) printMonths(p *page) {
	if len(f.Months) == 0 {
		return
	}
	p.section("Backlog", "open when the month began; opened in the month and the mean hours to resolve those")
	most := 0
	for _, m := range f.Months {
		most = max(most, m.Backlog)
	}
	rows := [][]string{{"month", "opened", "hours", "open"}}
	for _, m := range f.Months {
		hours := "·"
		if m.Opened > 0 {
			hours = decimal(m.Resolution, 1)
		}
		rows = append(rows, []string{m.Month, orDot(m.Opened), hours, orDot(m.Backlog), "\t" + blocks(m.Backlog, most, 40)})
	}
	p.table(rows)
}

// blocks draws n as a bar, most being as wide as it gets; what there is, is seen.
func blocks(n, most, width int) string {
	if n <= 0 || most <= 0 {
		return ""
	}
	eighths := max(n*width*8/most, 1)
	return strings.Repeat("█", eighths/8) + strings.TrimSpace(string([]rune(" ▏▎▍▌▋▊▉")[eighths%8]))
}

// thousands writes a count as 17,709.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// decimal writes a number with so many decimals, its whole part in groups.
func decimal(v float64, decimals int) string {
	whole, rest, ok := strings.Cut(strconv.FormatFloat(v, 'f', decimals, 64), ".")
	n, _ := strconv.Atoi(whole)
	if s := thousands(n); ok {
		return s + "." + rest
	} else {
		return s
	}
}

func percent(n, of int) string { return rate(float64(n) / float64(max(of, 1))) }
func rate(r float64) string    { return decimal(r*100, 1) + " %" }

// orDot keeps noughts out of the way.
func orDot(n int) string {
	if n == 0 {
		return "·"
	}
	return thousands(n)
}
