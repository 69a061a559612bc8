package cmdb_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

// TestTheDocumentationHasTheLifecycleThatRuns holds the diagram and the table of docs/configuration.md to the lifecycle. Run with -update
// to write them anew.
func TestTheDocumentationHasTheLifecycleThatRuns(t *testing.T) {
	const path = "../docs/configuration.md"
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var rules strings.Builder
	rules.WriteString("| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n")
	for _, r := range cmdb.StandardLifecycle().Rules() {
		var from, needs []string
		for _, s := range r.From {
			from = append(from, "`"+string(s)+"`")
		}
		for _, n := range r.Needs {
			needs = append(needs, n.Name)
		}
		fmt.Fprintf(&rules, "| %s | `%s` | `%s` | %s | `%s` |\n", strings.Join(from, ", "), r.On, r.To, strings.Join(needs, ", "), r.Permission)
	}
	page := string(raw)
	for name, text := range map[string]string{"lifecycle": "```mermaid\n" + cmdb.StandardLifecycle().Mermaid() + "```\n", "rules": rules.String()} {
		begin, end := "<!-- generated: ci "+name+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(page, begin)
		require.True(t, ok, "the page has no place for %q", name)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok)
		page = before + begin + text + end + after
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		return
	}
	require.Equal(t, page, string(raw), "run go test ./cmdb -update")
}

// Every action of every state is either permitted or refused as the table says.
func TestTheLifecycleValidates(t *testing.T) {
	require.NoError(t, cmdb.StandardLifecycle().Validate())
}
