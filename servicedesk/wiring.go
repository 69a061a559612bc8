// This file holds the drawing of what is wired.

package servicedesk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm/engine"
)

// Wiring draws which module follows the events of which other, as a Mermaid flowchart: an arrow from
// the module whose event it is to the one that reacts to it in the same transaction, and a dotted one
// to each subscriber, which is told after the commit. It is made from what the modules have
// registered, the host's own too, and is the same text for the same registrations.
func (d *Desk) Wiring() string {
	registered := d.Engine.Registrations()
	owner := map[string]string{}
	for _, m := range registered {
		for _, event := range m.Events {
			owner[event] = m.Module
		}
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	for i, m := range registered {
		ids[m.Module] = fmt.Sprintf("m%d", i)
		fmt.Fprintf(&b, "    m%d[\"%s\"]\n", i, escape(m.Module))
	}
	b.WriteString("    any{{\"every event\"}}\n")
	arrow := func(line string, types []string, to string) {
		by := map[string][]string{}
		var order []string
		for _, t := range types {
			from := "any"
			if t != engine.AnyEvent {
				from = ids[owner[t]]
			}
			if from == "" {
				continue // an event that nobody registered is never emitted
			}
			if !slices.Contains(order, from) {
				order = append(order, from)
			}
			by[from] = append(by[from], t)
		}
		for _, from := range order {
			if from == "any" {
				fmt.Fprintf(&b, "    any %s %s\n", line, to)
				continue
			}
			fmt.Fprintf(&b, "    %s %s|\"%s\"| %s\n", from, line, escape(strings.Join(labels(by[from]), "<br/>")), to)
		}
	}
	for _, m := range registered {
		arrow("-->", m.Reactions, ids[m.Module])
	}
	n := 0
	for _, m := range registered {
		for _, s := range m.Subscribers {
			fmt.Fprintf(&b, "    s%d([\"%s\"])\n", n, escape(s.Name))
			arrow("-.->", s.Types, fmt.Sprintf("s%d", n))
			n++
		}
	}
	return b.String()
}

// labels are what an arrow says of events: the short name of each, with the kind before it where several kinds have
// events of that name.
func labels(types []string) []string {
	kinds := map[string]string{}
	several := map[string]bool{}
	for _, t := range types {
		kind, _, _ := strings.Cut(t, ".")
		if other, seen := kinds[short(t)]; seen && other != kind {
			several[short(t)] = true
		}
		kinds[short(t)] = kind
	}
	all := make([]string, len(types))
	for i, t := range types {
		all[i] = short(t)
		if kind, _, _ := strings.Cut(t, "."); several[all[i]] && all[i] != t {
			all[i] = strings.ReplaceAll(kind, "_", " ") + " " + all[i]
		}
	}
	return all
}

// short is an event's type without its kind and version.
func short(event string) string {
	parts := strings.Split(event, ".")
	if len(parts) == 3 {
		return strings.ReplaceAll(parts[1], "_", " ")
	}
	return event
}

// escape keeps a name from ending its label.
func escape(s string) string { return strings.ReplaceAll(s, `"`, "#quot;") }
