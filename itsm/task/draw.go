// This file holds the drawing of a plan with the states of its tasks.

package task

import (
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
)

// Mermaid gives the plan as a Mermaid flowchart, the same text for the same tasks: a box for each
// task with its title and state, coloured by how it stands, and an arrow for each edge, which tells
// what it allows where that is not simply done. Optional tasks have round ends.
func (g Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i := range g.Tasks {
		t := &g.Tasks[i]
		open, shut := "[", "]"
		if t.Optional {
			open, shut = "([", "])"
		}
		state := string(t.State)
		if t.Code != "" {
			state += ": " + t.Code
		}
		fmt.Fprintf(&b, "    t%d%s\"%s<br/>%s\"%s:::%s\n", i, open, mermaidText(t.Title), mermaidText(state), shut, standsAs(t))
	}
	place := places(g.Tasks)
	for i := range g.Tasks {
		for _, d := range g.Tasks[i].After {
			from, ok := place[d.Task]
			if !ok {
				continue // of a task that the reader may not see
			}
			label := ""
			if text := d.label(); text != "" {
				label = "|\"" + mermaidText(text) + "\"|"
			}
			fmt.Fprintf(&b, "    t%d -->%s t%d\n", from, label, i)
		}
	}
	b.WriteString(`    classDef blocked fill:#eee,stroke:#999
    classDef ready fill:#def,stroke:#36c
    classDef active fill:#ffd,stroke:#c90
    classDef done fill:#dfd,stroke:#393
    classDef failed fill:#fdd,stroke:#c33
    classDef ended fill:#fff,stroke:#999,stroke-dasharray:4
`)
	return b.String()
}

// standsAs is the class of a task in a drawing.
func standsAs(t *Task) string {
	switch {
	case t.Outcome == OutcomeDone:
		return "done"
	case t.Outcome == OutcomeFailed:
		return "failed"
	case t.Outcome != OutcomeNone:
		return "ended"
	case t.State == StatePending:
		return "blocked"
	case t.Category == itsm.CategoryNew:
		return "ready"
	}
	return "active"
}

// label is what a drawing says of an edge.
func (d *Dependency) label() string {
	text := ""
	if d.Allows != "" && d.Allows != AllowsDone {
		text = strings.ReplaceAll(string(d.Allows), "_", " ")
	}
	if len(d.When) > 0 {
		if text != "" {
			text += ", "
		}
		text += "when " + strings.Join(d.When, " or ")
	}
	return text
}

// mermaidText writes what Mermaid could take for its own syntax as a numbered entity.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < 0x80 && strings.ContainsRune("\"#;:<>{}[]()|%&`\\", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
