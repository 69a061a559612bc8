package notify_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm/notify"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

// TestTheShippedRulesAreOnTheirPage holds docs/notify.md to what is shipped; -update writes it.
func TestTheShippedRulesAreOnTheirPage(t *testing.T) {
	const path, begin, end = "../../docs/notify.md", "<!-- generated: rules -->\n", "<!-- end -->"
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(raw), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
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
	page := before + begin + table.String() + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		return
	}
	require.Equal(t, page, string(raw), "run go test ./itsm/notify -update")
}
