package interaction_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm/interaction"
)

const page = "../../docs/interaction.md"

// TestTheDocumentationHasWhatTheTablesHave holds the generated parts of docs/interaction.md to what runs.
// Run with -update to write them anew.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	generated.Parts(t, page, map[string]string{
		"lifecycle": "```mermaid\n" + interaction.StandardLifecycle().Mermaid() + "```\n",
		"rules":     ruleTable(),
		"events":    eventList(),
	})
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
