package notify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm/notify"
)

// TestTheShippedRulesAreOnTheirPage holds docs/notify.md to what is shipped; -update writes it.
func TestTheShippedRulesAreOnTheirPage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| `name` | Of | To | By | `template`, `class` |\n|---|---|---|---|---|\n")
	list := func(n int, word func(i int) string) string {
		words := make([]string, n)
		for i := range words {
			words[i] = "`" + word(i) + "`"
		}
		return strings.Join(words, ", ")
	}
	for _, r := range notify.StandardRules().Rules {
		how := list(len(r.Channels), func(i int) string { return string(r.Channels[i]) })
		if r.Urgent {
			how += "; urgent"
		}
		if len(r.When.Of) > 0 || r.When.Column != "" {
			how += "; under a condition"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | `%s`, `%s` |\n", r.Name, list(len(r.Events), func(i int) string { return r.Events[i] }),
			list(len(r.Audiences), func(i int) string { return r.Audiences[i].String() }), how, r.Template, r.Class)
	}
	generated.Parts(t, "../../docs/notify.md", map[string]string{"rules": table.String()})
}
