package task_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
)

const page = "../../docs/task.md"

// TestTheDocumentationHasWhatTheTablesHave holds the generated parts of docs/task.md to what runs. Run
// with -update to write them anew.
func TestTheDocumentationHasWhatTheTablesHave(t *testing.T) {
	generated.Parts(t, page, map[string]string{
		"lifecycle": "```mermaid\n" + task.StandardLifecycle().Mermaid() + "```\n",
		"rules":     ruleTable(),
		"events":    eventList(),
		"plan":      "```mermaid\n" + failedUpgrade(t).Mermaid() + "```\n",
	})
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| From | Action | To | Needs | Permission |\n|---|---|---|---|---|\n")
	for _, r := range task.StandardLifecycle().Rules() {
		var from, needs []string
		for _, s := range r.From {
			from = append(from, "`"+string(s)+"`")
		}
		for _, f := range r.Needs {
			needs = append(needs, f.Name)
		}
		to := "`" + string(r.To) + "`"
		switch {
		case r.Stay:
			to = "stays"
		case len(r.Return) > 0:
			to = "the state before"
		}
		action, permission := "`"+string(r.On)+"`", "`"+string(r.Permission)+"`"
		if r.System {
			action, permission = action+" (by itself)", ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.Join(from, ", "), action, to, strings.Join(needs, ", "), permission)
	}
	return b.String()
}

func eventList() string {
	var b strings.Builder
	for _, e := range task.EventTypes() {
		fmt.Fprintf(&b, "`%s`\n", e.Name)
	}
	return b.String()
}

// upgrade is the plan of the page.
var upgrade = task.Plan{
	Tasks: []task.Item{
		{Name: "backup", Title: "Back up", PlannedMinutes: 30},
		{Name: "install", Title: "Install", PlannedMinutes: 60},
		{Name: "test", Title: "Test", PlannedMinutes: 20},
		{Name: "restore", Title: "Restore the backup", PlannedMinutes: 45},
		{Name: "tell", Title: "Tell the users", Optional: true},
	},
	Edges: []task.Edge{
		{From: "backup", To: "install"},
		{From: "install", To: "test"},
		{From: "install", To: "restore", Allows: task.AllowsFailed},
		{From: "test", To: "tell", Allows: task.AllowsDone, When: []string{"passed"}},
	},
}

// failedUpgrade is the plan after its second task failed.
func failedUpgrade(t *testing.T) task.Graph {
	d := openDesk(t, task.Options{}, engine.Options{})
	parent := d.order()
	g := d.add(parent, upgrade)
	backup, _ := g.Task("backup")
	install, _ := g.Task("install")
	_, err := d.Complete(t.Context(), mona, backup.ID, task.Ending{})
	require.NoError(t, err)
	_, err = d.Fail(t.Context(), mona, install.ID, task.Ending{Command: because("The disk is full"), Code: "disk_full"})
	require.NoError(t, err)
	g, err = d.Graph(t.Context(), mona, parent)
	require.NoError(t, err)
	return g
}

func TestADrawingTakesNoTextForSyntax(t *testing.T) {
	g := task.Graph{Tasks: []task.Task{{Head: task.Head{Title: `a"] --> b; %% <b>` + "\n(x|y)"}}}}
	box := strings.Split(g.Mermaid(), "\n")[1]
	require.Equal(t, `    t0["a#34;#93; --#62; b#59; #37;#37; #60;b#62; #40;x#124;y#41;<br/>"]:::active`, box)
}
