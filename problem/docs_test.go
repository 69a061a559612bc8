package problem

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm"
)

// TestP4TheDocumentationHasWhatTheTablesHave holds docs/problem.md to what runs. Run with -update to write
// it anew.
func TestP4TheDocumentationHasWhatTheTablesHave(t *testing.T) {
	generated.Parts(t, "../docs/problem.md", map[string]string{
		"lifecycle":         "```mermaid\n" + StandardLifecycle().Mermaid() + "```\n",
		"states":            stateTable(),
		"rules":             ruleTable(StandardLifecycle().Rules()),
		"beside":            besideTable(),
		"publication":       "```mermaid\n" + StandardPublication().Mermaid() + "```\n",
		"publication rules": ruleTable(StandardPublication().Rules()),
		"events":            eventList(),
	})
}

func names[T ~string](list []T) string {
	parts := make([]string, len(list))
	for n, s := range list {
		parts[n] = "`" + string(s) + "`"
	}
	return strings.Join(parts, ", ")
}

func ruleTable[S, A ~string, T any](rules []itsm.Rule[S, A, T]) string {
	var b strings.Builder
	b.WriteString("| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n")
	for _, r := range rules {
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
		permission := "`" + string(r.Permission) + "`"
		if A(ActionReanalyse) == r.On {
			var all []itsm.Permission
			for _, c := range append([]Code{""}, Codes()...) {
				all = append(all, reanalysis(r.Permission, c))
			}
			permission = names(all) + ", by its code"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", names(r.From), action, to, strings.Join(needs, ", "), permission)
	}
	return b.String()
}

func stateTable() string {
	var b strings.Builder
	b.WriteString("| State | Category |\n|---|---|\n")
	for _, s := range StandardLifecycle().States() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.Name, s.Category)
	}
	return b.String()
}

func besideTable() string {
	var b strings.Builder
	b.WriteString("| Action | In states that are | Needs | Permission |\n|---|---|---|---|\n")
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
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", r.action, where, strings.Join(r.needs, ", "), r.permission)
	}
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, t := range slices.Concat(eventTypes(), knownErrorEventTypes(), proposalEventTypes(), vulnerabilityEventTypes()) {
		fmt.Fprintf(&b, "`%s`\n", t.Name)
	}
	return b.String()
}
