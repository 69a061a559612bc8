package ballot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
)

// TestTheDocumentationHasWhatTheTablesHave holds the generated parts of docs/approval.md to what runs. Run with
// -update to write them anew.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	generated.Parts(t, "../../../docs/approval.md", map[string]string{
		"lifecycle": "```mermaid\n" + approval.Lifecycle().Mermaid() + "```\n",
		"rules":     ruleTable(),
		"quorum":    quorumTable(),
		"events":    eventList(),
	})
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| From | Action | To |\n|---|---|---|\n")
	for _, r := range approval.Lifecycle().Rules() {
		var from []string
		for _, s := range r.From {
			from = append(from, "`"+string(s)+"`")
		}
		to, action := "`"+string(r.To)+"`", "`"+string(r.On)+"`"
		if r.Stay {
			to = "stays"
		}
		if r.System {
			action += " (by itself)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(from, ", "), action, to)
	}
	return b.String()
}

// quorumTable shows how percentages are rounded.
func quorumTable() string {
	var b strings.Builder
	b.WriteString("| Approvers |")
	percents := []int{1, 25, 33, 34, 50, 51, 66, 67, 75, 100}
	for _, p := range percents {
		fmt.Fprintf(&b, " %d %% |", p)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(percents)) + "\n")
	for m := 1; m <= 8; m++ {
		fmt.Fprintf(&b, "| %d |", m)
		for _, p := range percents {
			fmt.Fprintf(&b, " %d |", approval.Threshold{Kind: approval.ThresholdPercent, Percent: p}.Needed(m))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, e := range ballot.EventTypes() {
		fmt.Fprintf(&b, "`%s`\n", e.Name)
	}
	return b.String()
}
