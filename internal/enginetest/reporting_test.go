// This file runs the statements of docs/reporting.md and holds them to what the library itself counts.

package enginetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

const reportingPage = "../../docs/reporting.md"

var (
	reportBlock = regexp.MustCompile("(?s)<!-- report: ([a-z]+) -->\n```sql\n(.*?)```\n")
	months      = []time.Month{time.January, time.February, time.March}
	// reportedAt is the present instant of the reports.
	reportedAt = time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC)
)

func TestThePageOnReportsShowsWhatRunsOnEveryEngine(t *testing.T) {
	page, err := os.ReadFile(reportingPage)
	require.NoError(t, err)
	blocks := reportBlock.FindAllStringSubmatch(string(page), -1)
	require.Equal(t, strings.Count(string(page), "```sql"), len(blocks), "every block has a name")
	require.Len(t, blocks, 5)
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			store, db := e.store(t, sqlstore.Options{})
			d := openDesk(t, store, deskBegin)
			d.seed(t)
			want := d.counted(t)
			require.Len(t, want, len(blocks))
			for _, b := range blocks {
				got := rowsOf(t, db, e.said(b[2]))
				require.NotEmpty(t, got, b[1])
				requireRows(t, want[b[1]], got, b[1])
			}
		})
	}
}

// said is a statement as the engine wants its names quoted.
func (e engine) said(statement string) string {
	if strings.HasPrefix(e.name, "MariaDB") || strings.HasPrefix(e.name, "MySQL") {
		return strings.ReplaceAll(statement, `"`, "`")
	}
	return statement
}

// rowsOf gives the rows of a statement as texts.
func rowsOf(t *testing.T, db *sql.DB, statement string) (all [][]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	require.NoError(t, err, statement)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		row, dest := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(t, rows.Scan(dest...))
		var texts []string
		for _, v := range row {
			texts = append(texts, v.String)
		}
		all = append(all, texts)
	}
	require.NoError(t, rows.Err())
	return all
}

// requireRows compares texts as texts and numbers as numbers: engines write 5, 5.0 and 5.00.
func requireRows(t *testing.T, want, got [][]string, where string) {
	t.Helper()
	require.Len(t, got, len(want), "%s: %v", where, got)
	for i := range want {
		require.Len(t, got[i], len(want[i]), "%s, row %d", where, i)
		for k := range want[i] {
			w, err1 := strconv.ParseFloat(want[i][k], 64)
			g, err2 := strconv.ParseFloat(got[i][k], 64)
			if err1 != nil || err2 != nil {
				require.Equal(t, want[i][k], got[i][k], "%s, row %d %v", where, i, got[i])
				continue
			}
			// What stands between two roundings engines round either way.
			_, decimals, _ := strings.Cut(want[i][k], ".")
			delta := 0.0
			if decimals != "" {
				delta = 1.001 * math.Pow10(-len(decimals))
			}
			require.InDelta(t, w, g, delta, "%s, row %d %v, where %v", where, i, got[i], want[i])
		}
	}
}

// counted is what the reports must say, asked of the library.
func (d *seededDesk) counted(t *testing.T) map[string][][]string {
	ctx := context.Background()
	want := map[string][][]string{}
	tell := func(report string, cells ...any) {
		var row []string
		for _, c := range cells {
			row = append(row, fmt.Sprint(c))
		}
		want[report] = append(want[report], row)
	}
	count := func(f storage.Filter[itsmincident.Head]) int64 {
		n, err := d.Incidents.Count(ctx, chief, itsmincident.Query{Where: f})
		require.NoError(t, err)
		return n
	}

	groups, err := d.Incidents.CountBy(ctx, chief, itsmincident.Query{Where: itsmincident.ByOpen.Is(true)}, itsmincident.ByPriority, itsmincident.ByGroup)
	require.NoError(t, err)
	for _, g := range groups {
		tell("open", g.Values[0], g.Values[1], g.Count)
	}

	for _, m := range months {
		begin := time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC)
		for priority := itsm.Priority(1); priority <= 5; priority++ {
			n, sum, longest := 0, time.Duration(0), time.Duration(0)
			for i, err := range d.Incidents.All(ctx, chief, itsmincident.Query{Where: storage.AllOf(itsmincident.ByPriority.Is(priority),
				itsmincident.ByResolved.AtLeast(begin), itsmincident.ByResolved.Below(begin.AddDate(0, 1, 0)))}) {
				require.NoError(t, err)
				took := i.ResolvedAt.Sub(i.Reported)
				n, sum, longest = n+1, sum+took, max(longest, took)
			}
			if n > 0 {
				tell("resolved", begin.Format("2006-01"), int64(priority), n, fmt.Sprintf("%.2f", sum.Hours()/float64(n)), fmt.Sprintf("%.2f", longest.Hours()))
			}
		}
	}

	days := func(n int) time.Time { return reportedAt.AddDate(0, 0, -n) }
	for _, a := range []struct {
		name         string
		least, below int
	}{{"under a week", 0, 7}, {"under a month", 7, 30}, {"under a quarter", 30, 91}, {"older", 91, 36500}} {
		open := storage.AllOf(itsmincident.ByOpen.Is(true), itsmincident.ByReported.AtMost(days(a.least)), itsmincident.ByReported.Above(days(a.below)))
		tell("backlog", a.name, count(open), count(storage.AllOf(open, itsmincident.ByPriority.AtMost(2))))
	}

	for _, policy := range []string{"gold", "silver"} {
		for _, m := range months {
			month := time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
			report, err := d.ServiceLevels.Report(ctx, chief, policy, month, sla.Measured{})
			require.NoError(t, err)
			require.Len(t, report.Targets, 1)
			c := report.Targets[0].Counts
			require.Positive(t, c.Met)
			require.Positive(t, c.Breached)
			tell("attainment", policy, month, c.Met, c.Breached, fmt.Sprintf("%.1f", 100*float64(c.Met)/float64(c.Met+c.Breached)))
		}
	}

	type category struct{ incidents, reassigned int }
	categories := map[string]*category{}
	for i, err := range d.Incidents.All(ctx, chief, itsmincident.Query{}) {
		require.NoError(t, err)
		if categories[i.Category] == nil {
			categories[i.Category] = &category{}
		}
		whole, err := d.Incidents.Get(ctx, chief, i.ID)
		require.NoError(t, err)
		categories[i.Category].incidents++
		categories[i.Category].reassigned += whole.Reassignments
	}
	for len(categories) > 0 {
		most := ""
		for name, c := range categories {
			if m := categories[most]; m == nil || c.reassigned > m.reassigned || c.reassigned == m.reassigned && name < most {
				most = name
			}
		}
		tell("reassigned", most, categories[most].incidents, categories[most].reassigned)
		delete(categories, most)
	}
	require.NotEqual(t, "0", want["reassigned"][0][2])
	return want
}

// The columns on the page are those of the tables. UPDATE_REPORTING=1 writes them anew.
func TestThePageOnReportsNamesTheColumnsThatThereAre(t *testing.T) {
	page, err := os.ReadFile(reportingPage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), "<!-- columns: incident sla_timer -->\n")
	require.True(t, ok)
	shown, after, ok := strings.Cut(rest, "<!-- end -->\n")
	require.True(t, ok)
	var b strings.Builder
	for _, s := range []*storage.Schema{itsmincident.Table.Schema(), sla.TimerTable.Schema()} {
		fmt.Fprintf(&b, "| Column of `itsm_%s` | |\n|---|---|\n", s.Name())
		for _, c := range s.Columns() {
			kind := map[storage.Kind]string{storage.Text: "text", storage.Int: "number", storage.Bool: "flag", storage.Time: "instant"}[c.Kind]
			if c.Nullable {
				kind += ", null"
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", c.Name, kind)
		}
		b.WriteString("\n")
	}
	want := strings.TrimSuffix(b.String(), "\n")
	if os.Getenv("UPDATE_REPORTING") != "" {
		text := before + "<!-- columns: incident sla_timer -->\n" + want + "<!-- end -->\n" + after
		require.NoError(t, os.WriteFile(reportingPage, []byte(text), 0o644))
		return
	}
	require.Equal(t, want, shown)
}
