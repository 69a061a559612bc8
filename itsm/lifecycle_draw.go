// This file holds a lifecycle's table for people and for other programs: diagrams and JSON, made
// from the very table that is fired.

package itsm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// edge is one arrow of a diagram.
type edge struct {
	from, to int // places in the states
	label    string
	back     bool
	system   bool
}

func (l *Lifecycle[S, A, T]) edges() []edge {
	place := make(map[S]int, len(l.states))
	for i, s := range l.states {
		place[s.Name] = i
	}
	var out []edge
	for _, r := range l.rules {
		for _, from := range r.From {
			e := edge{from: place[from], to: place[from], label: r.Title, system: r.System}
			if r.System {
				e.label += " (automatic)"
			}
			switch {
			case len(r.Return) > 0:
				e.back = true
				for _, to := range r.Return {
					e.to = place[to]
					out = append(out, e)
				}
				continue
			case r.To != "":
				e.to = place[r.To]
			}
			out = append(out, e)
		}
	}
	return out
}

// Mermaid gives the lifecycle as a Mermaid state diagram, the same text for the same table:
// arrows in table order, final states marked, returns and automatic actions named as such.
func (l *Lifecycle[S, A, T]) Mermaid() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	ids := make([]string, len(l.states))
	for i, s := range l.states {
		ids[i] = mermaidID(string(s.Name), i)
		fmt.Fprintf(&b, "    state \"%s\" as %s\n", mermaidText(s.Title), ids[i])
	}
	for i, s := range l.states {
		if slices.Contains(l.initial, s.Name) {
			fmt.Fprintf(&b, "    [*] --> %s\n", ids[i])
		}
	}
	for _, e := range l.edges() {
		label := e.label
		if e.back {
			label += " (back)"
		}
		fmt.Fprintf(&b, "    %s --> %s : %s\n", ids[e.from], ids[e.to], mermaidText(label))
	}
	for i, s := range l.states {
		if s.Category.Final() {
			fmt.Fprintf(&b, "    %s --> [*]\n", ids[i])
		}
	}
	return b.String()
}

// mermaidID keeps a plain name readable, and numbers any other, which Mermaid could take for
// its own syntax.
func mermaidID(name string, place int) string {
	plain := name != "" && strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0 && name[0] >= 'a' && name[0] <= 'z'
	if plain {
		return "s_" + name
	}
	return "s" + strconv.Itoa(place)
}

// mermaidText writes what is neither letter, digit nor harmless as Mermaid's numbered entity.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < 0x80 && strings.ContainsRune("\"#;:<>{}[]%&`\\", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// DOT gives the lifecycle as a Graphviz digraph, the same text for the same table: final
// states with a double border, returns dashed, automatic actions dotted.
func (l *Lifecycle[S, A, T]) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", dotText(l.kind))
	b.WriteString("    rankdir=LR;\n    node [shape=box, style=rounded];\n    start [shape=point];\n")
	for i, s := range l.states {
		peripheries := ""
		if s.Category.Final() {
			peripheries = ", peripheries=2"
		}
		fmt.Fprintf(&b, "    s%d [label=%s%s];\n", i, dotText(s.Title), peripheries)
	}
	for i, s := range l.states {
		if slices.Contains(l.initial, s.Name) {
			fmt.Fprintf(&b, "    start -> s%d;\n", i)
		}
	}
	for _, e := range l.edges() {
		style := ""
		switch {
		case e.back:
			style = ", style=dashed"
		case e.system:
			style = ", style=dotted"
		}
		fmt.Fprintf(&b, "    s%d -> s%d [label=%s%s];\n", e.from, e.to, dotText(e.label), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText quotes a text as DOT does: only the quote and the backslash are special in it.
func dotText(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "").Replace(s)
	return `"` + s + `"`
}

// MarshalJSON gives the table for other programs: kind, initial states, states and rules in
// table order, with the names of required fields. "guarded" says that a guard may refuse,
// which only this program knows.
func (l *Lifecycle[S, A, T]) MarshalJSON() ([]byte, error) {
	type stateJSON struct {
		Name     S        `json:"name"`
		Category Category `json:"category"`
		Title    string   `json:"title"`
	}
	type ruleJSON struct {
		From       []S        `json:"from"`
		On         A          `json:"on"`
		To         S          `json:"to,omitempty"`
		Return     []S        `json:"return,omitempty"`
		Stay       bool       `json:"stay,omitempty"`
		Needs      []string   `json:"needs,omitempty"`
		Guarded    bool       `json:"guarded,omitempty"`
		Permission Permission `json:"permission"`
		System     bool       `json:"system,omitempty"`
		Title      string     `json:"title"`
	}
	table := struct {
		Kind    string      `json:"kind"`
		Initial []S         `json:"initial"`
		States  []stateJSON `json:"states"`
		Rules   []ruleJSON  `json:"rules"`
	}{Kind: l.kind, Initial: l.initial}
	for _, s := range l.states {
		table.States = append(table.States, stateJSON(s))
	}
	for _, r := range l.rules {
		row := ruleJSON{From: r.From, On: r.On, To: r.To, Return: r.Return, Stay: r.Stay,
			Guarded: r.Guard != nil, Permission: r.Permission, System: r.System, Title: r.Title}
		for _, f := range r.Needs {
			row.Needs = append(row.Needs, f.Name)
		}
		table.Rules = append(table.Rules, row)
	}
	return json.Marshal(table)
}
