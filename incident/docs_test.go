package incident

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

const docs = "../docs"

// TestTheDiagramIsThatOfTheTable holds the diagram in the documentation to the lifecycle that runs.
// Run with -update to write it anew.
func TestTheDiagramIsThatOfTheTable(t *testing.T) {
	held(t, "incident-lifecycle.md", func(string) string {
		return "# The lifecycle of incidents\n\nGenerated from the table that runs (`incident.StandardLifecycle().Mermaid()`).\n\n```mermaid\n" +
			StandardLifecycle().Mermaid() + "```\n"
	})
}

// TestTheDocumentationHasWhatTheTablesHave holds the tables of docs/incident.md to those that run.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	held(t, "incident.md", func(page string) string {
		for name, text := range map[string]string{
			"lifecycle":    "```mermaid\n" + StandardLifecycle().Mermaid() + "```\n",
			"rules":        ruleTable(),
			"beside":       besideTable(),
			"hold reasons": holdReasonTable(),
			"events":       eventList(),
		} {
			begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->"
			before, rest, ok := strings.Cut(page, begin)
			require.True(t, ok, "the page has no place for %q", name)
			_, after, ok := strings.Cut(rest, end)
			require.True(t, ok)
			page = before + begin + text + end + after
		}
		return page
	})
}

func held(t *testing.T, name string, want func(page string) string) {
	t.Helper()
	path := filepath.Join(docs, name)
	raw, err := os.ReadFile(path)
	if !os.IsNotExist(err) || !*update {
		require.NoError(t, err)
	}
	generated := want(string(raw))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(generated), 0o644))
		return
	}
	require.Equal(t, generated, string(raw), "run go test ./incident -update")
}

func names[T ~string](list []T) string {
	parts := make([]string, len(list))
	for n, s := range list {
		parts[n] = "`" + string(s) + "`"
	}
	return strings.Join(parts, ", ")
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n")
	for _, r := range StandardLifecycle().Rules() {
		to := "`" + string(r.To) + "`"
		switch {
		case r.Stay:
			to = "stays"
		case len(r.Return) > 0:
			to = "the state before"
		}
		var needs []string
		for _, f := range r.Needs {
			needs = append(needs, f.Name)
		}
		action := "`" + string(r.On) + "`"
		if r.System {
			action += " (by itself)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", names(r.From), action, to, strings.Join(needs, ", "), r.Permission)
	}
	return b.String()
}

func besideTable() string {
	var b strings.Builder
	b.WriteString("| Action | In states that are | Permission |\n|---|---|---|\n")
	categories := []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryWaiting, itsm.CategoryResolved, itsm.CategoryClosed, itsm.CategoryCancelled}
	for _, r := range besideRules {
		var in []string
		for _, c := range categories {
			if r.in(c) {
				in = append(in, string(c))
			}
		}
		where := strings.Join(in, ", ")
		if len(in) == len(categories) {
			where = "any"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", r.action, where, r.permission)
	}
	return b.String()
}

func holdReasonTable() string {
	var b strings.Builder
	yes := func(v bool) string {
		if v {
			return "yes"
		}
		return ""
	}
	b.WriteString("| Reason | Needs a public note | Needs a link | A reply resumes | The end of the linked record resumes |\n|---|---|---|---|---|\n")
	for _, r := range StandardHoldReasons() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.Reason, yes(r.NeedsNote), yes(r.NeedsLink), yes(r.ReplyResumes), yes(r.LinkResumes))
	}
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, t := range append(eventTypes(), importedEvents()...) {
		fmt.Fprintf(&b, "`%s`\n", t.Name)
	}
	return b.String()
}
