package cmdb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/internal/generated"
)

// TestTheDocumentationHasTheLifecycleThatRuns holds the diagram and the table of docs/configuration.md to the lifecycle. Run with -update
// to write them anew.
func TestTheDocumentationHasTheLifecycleThatRuns(t *testing.T) {
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
	generated.Parts(t, "../docs/configuration.md", map[string]string{"ci lifecycle": "```mermaid\n" + cmdb.StandardLifecycle().Mermaid() + "```\n", "ci rules": rules.String()})
}

// Every action of every state is either permitted or refused as the table says.
func TestTheLifecycleValidates(t *testing.T) {
	require.NoError(t, cmdb.StandardLifecycle().Validate())
}
