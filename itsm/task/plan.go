// This file holds plans as they are given: tasks and edges as data, and the check of them.

package task

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Item is one task as it is given, in a [Plan] or alone.
type Item struct {
	// Name tells it from the others of its parent: what edges name it by. It is required in a plan
	// with edges from or to it.
	Name string `json:"name,omitempty"`
	// Title is required.
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// Group and Assignee are who works on it; it may be assigned later.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Optional tasks do not decide what becomes of the parent.
	Optional bool `json:"optional,omitempty"`
	// Position is its place in lists; 0 is after those that are there.
	Position int64 `json:"position,omitempty"`
	// PlannedMinutes is how long it should take, at most [MaxMinutes]; 0 is unknown.
	PlannedMinutes int64 `json:"planned_minutes,omitempty"`
	// NotBefore is its planned start: it is not ready before. Due is when it should have ended.
	NotBefore time.Time `json:"not_before,omitzero"`
	Due       time.Time `json:"due,omitzero"`
}

// Edge says that one task of a plan comes before another.
type Edge struct {
	// From and To are names of tasks of the plan: To begins after From.
	From string `json:"from"`
	To   string `json:"to"`
	// Allows are the outcomes of From that let To begin; empty is [AllowsDone].
	Allows Allows `json:"allows,omitempty"`
	// When, where it is not empty, are the only codes of From that do.
	When []string `json:"when,omitempty"`
}

// Plan is a graph of tasks as it is given: data that a host can keep. It may be added to any number of
// parents, and to one more than once where its names are others.
type Plan struct {
	itsm.Command
	Tasks []Item `json:"tasks"`
	Edges []Edge `json:"edges,omitempty"`
}

// Validate gives nil, or ErrInvalid with every fault of the plan: tasks without a title or with the
// name of another, edges that name an unknown task, lead from a task to itself or stand twice, unknown
// outcomes, cycles, and more of anything than the bounds of this package allow. It looks at nothing
// but the plan, so that a plan can be checked when it is written.
func (p Plan) Validate() error {
	var f itsm.Faults
	p.check(&f)
	return f.Err("plan")
}

func (p Plan) check(f *itsm.Faults) {
	if len(p.Tasks) == 0 {
		f.Add("tasks", "are required")
	}
	if len(p.Tasks) > MaxTasks {
		f.Addf("tasks", "are %d; at most %d are allowed", len(p.Tasks), MaxTasks)
		return
	}
	if len(p.Edges) > MaxTasks*MaxDependencies {
		f.Addf("edges", "are %d; at most %d are allowed", len(p.Edges), MaxTasks*MaxDependencies)
		return
	}
	place := make(map[string]int, len(p.Tasks))
	for i := range p.Tasks {
		t, at := &p.Tasks[i], fmt.Sprintf("tasks[%d]", i)
		t.check(at+".", f)
		if t.Name == "" {
			continue
		}
		if _, twice := place[t.Name]; twice {
			f.Addf(at+".name", "%q is used twice", t.Name)
			continue
		}
		place[t.Name] = i
	}
	type pair struct{ from, to int }
	seen := make(map[pair]bool, len(p.Edges))
	before := make([][]int, len(p.Tasks))
	for i := range p.Edges {
		e, at := &p.Edges[i], fmt.Sprintf("edges[%d]", i)
		checkAllows(at+".", e.Allows, e.When, f)
		from, known := p.end(at+".from", e.From, place, f)
		to, knownTo := p.end(at+".to", e.To, place, f)
		switch {
		case e.From == e.To && e.From != "":
			f.Addf(at, "leads from %q to itself", e.From)
		case !known || !knownTo:
		case seen[pair{from, to}]:
			f.Addf(at, "from %q to %q stands twice", e.From, e.To)
		default:
			seen[pair{from, to}] = true
			before[to] = append(before[to], from)
			if len(before[to]) == MaxDependencies+1 {
				f.Addf(at+".to", "%q has more than %d predecessors", e.To, MaxDependencies)
			}
		}
	}
	for _, c := range cycles(before) {
		names := make([]string, len(c))
		for i, n := range c {
			names[i] = p.Tasks[n].Name
		}
		f.Addf("edges", "make a cycle: %s", path(names))
	}
}

// end gives the task that an end of an edge names.
func (p Plan) end(field, name string, place map[string]int, f *itsm.Faults) (int, bool) {
	n, known := place[name]
	switch {
	case name == "":
		f.Add(field, "is required")
	case !known:
		f.Addf(field, "%q is not a task of the plan", clip(name))
	}
	return n, known
}

// check notes what is wrong with a task, its fields named after the prefix.
func (t *Item) check(prefix string, f *itsm.Faults) {
	if t.Name != "" {
		f.Text(prefix+"name", t.Name, MaxName, true)
	}
	f.Text(prefix+"title", t.Title, MaxTitle, true)
	f.Text(prefix+"description", t.Description, MaxDescription, false)
	checkID(f, prefix+"group", t.Group)
	checkID(f, prefix+"assignee", t.Assignee)
	checkMinutes(f, prefix+"planned_minutes", t.PlannedMinutes, 0)
	checkTime(f, prefix+"not_before", t.NotBefore)
	checkTime(f, prefix+"due", t.Due)
	if t.Position < 0 || t.Position > maxPosition {
		f.Addf(prefix+"position", "must be from 0 to %d", maxPosition)
	}
}

// maxPosition leaves room behind the greatest for what is added later.
const maxPosition = 1 << 40

func checkAllows(prefix string, a Allows, when []string, f *itsm.Faults) {
	all := []Allows{AllowsDone, AllowsDoneOrSkipped, AllowsFailed, AllowsAny}
	if a != "" && !slices.Contains(all, a) {
		f.Addf(prefix+"allows", "is %q; allowed are %s", clip(string(a)), list(all))
	}
	if len(when) > MaxWhen {
		f.Addf(prefix+"when", "has %d codes; at most %d are allowed", len(when), MaxWhen)
		return
	}
	for i, code := range when {
		f.Text(fmt.Sprintf("%swhen[%d]", prefix, i), code, MaxCode, true)
		if slices.Contains(when[:i], code) {
			f.Addf(prefix+"when", "has %q twice", clip(code))
		}
	}
}

func checkID(f *itsm.Faults, field string, id itsm.ID) {
	if id != "" {
		f.Key(field, string(id))
	}
}

func checkMinutes(f *itsm.Faults, field string, minutes, least int64) {
	if minutes < least || minutes > MaxMinutes {
		f.Addf(field, "must be from %d to %d", least, MaxMinutes)
	}
}

// The first and last years that RFC 3339 can write.
const minYear, maxYear = 1, 9999

func checkTime(f *itsm.Faults, field string, t time.Time) {
	if y := t.UTC().Year(); y < minYear || y > maxYear {
		f.Add(field, "must be in the years 1 to 9999")
	}
}

// clip keeps a text that a stranger chose from filling an error.
func clip(s string) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	return string(r[:min(len(r), 40)])
}

// path writes a cycle so that it can be read.
func path(names []string) string {
	const most = 20
	shown := names
	if len(names) > most {
		shown = append(slices.Clone(names[:most]), "…")
	}
	parts := make([]string, 0, len(shown)+1)
	for _, n := range append(slices.Clone(shown), names[0]) {
		parts = append(parts, clip(n))
	}
	return strings.Join(parts, " → ")
}

// new makes a task of the item.
func (t *Item) new(id itsm.ID, parent itsm.Ref) Task {
	n := Task{
		Head: Head{
			ParentKind: parent.Kind, ParentID: parent.ID, Name: t.Name, Title: t.Title, State: StatePending,
			Category: itsm.CategoryNew, Open: true, Group: t.Group, Assignee: t.Assignee, Optional: t.Optional,
			Position: t.Position, PlannedMinutes: t.PlannedMinutes,
			NotBefore: storage.Instant(t.NotBefore), Due: storage.Instant(t.Due),
		},
		Body: Body{Description: t.Description},
	}
	n.ID = id
	return n
}
