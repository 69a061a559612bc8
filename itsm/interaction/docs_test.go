package interaction_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm/interaction"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

const page = "../../docs/interaction.md"

// TestTheDocumentationHasWhatTheTablesHave holds the generated parts of docs/interaction.md to what runs.
// Run with -update to write them anew.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	text := string(raw)
	for name, part := range map[string]string{
		"lifecycle": "```mermaid\n" + interaction.StandardLifecycle().Mermaid() + "```\n",
		"rules":     ruleTable(),
		"events":    eventList(),
	} {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(text, begin)
		require.True(t, ok, "the page has no place for %q", name)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok)
		text = before + begin + part + end + after
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(text), 0o644))
		return
	}
	require.Equal(t, text, string(raw), "run go test ./itsm/interaction -update")
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n")
	for _, r := range interaction.StandardLifecycle().Rules() {
		var from, needs []string
		for _, s := range r.From {
			from = append(from, "`"+string(s)+"`")
		}
		for _, f := range r.Needs {
			needs = append(needs, f.Name)
		}
		to := "`" + string(r.To) + "`"
		if r.Stay {
			to = "stays"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | `%s` |\n", strings.Join(from, ", "), r.On, to, strings.Join(needs, ", "), r.Permission)
	}
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, e := range interaction.EventTypes() {
		fmt.Fprintf(&b, "`%s`\n", e.Name)
	}
	return b.String()
}
