// This file holds the graph, pure: cycles, the order of work, and which tasks are ready, blocked or
// can never be ready.

package task

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Graph is the tasks of one parent with what comes before what, as one may see them.
type Graph struct {
	Parent itsm.Ref `json:"parent"`
	// Tasks stand in the order of their positions.
	Tasks []Task `json:"tasks"`
}

// Task gives the task of the name.
func (g Graph) Task(name string) (Task, bool) {
	i := slices.IndexFunc(g.Tasks, func(t Task) bool { return t.Name == name && name != "" })
	if i < 0 {
		return Task{}, false
	}
	return g.Tasks[i], true
}

// RollUp sums the tasks up, as [RollUp] does.
func (g Graph) RollUp(now time.Time) Summary { return RollUp(g.Tasks, now) }

// places gives each task's place by its id.
func places(tasks []Task) map[itsm.ID]int {
	place := make(map[itsm.ID]int, len(tasks))
	for i := range tasks {
		place[tasks[i].ID] = i
	}
	return place
}

// before gives for each task the places of its predecessors. Those that are not among the tasks are
// left out.
func before(tasks []Task) [][]int {
	place := places(tasks)
	out := make([][]int, len(tasks))
	for i := range tasks {
		for _, d := range tasks[i].After {
			if n, ok := place[d.Task]; ok {
				out[i] = append(out[i], n)
			}
		}
	}
	return out
}

// inOrder gives the places so that each comes after its predecessors, and otherwise as they stand.
// What is on a cycle is left out.
func inOrder(before [][]int) []int {
	after := make([][]int, len(before))
	left := make([]int, len(before))
	for i, list := range before {
		left[i] = len(list)
		for _, b := range list {
			after[b] = append(after[b], i)
		}
	}
	order := make([]int, 0, len(before))
	for i, n := range left {
		if n == 0 {
			order = append(order, i)
		}
	}
	for k := 0; k < len(order); k++ {
		for _, next := range after[order[k]] {
			if left[next]--; left[next] == 0 {
				order = append(order, next)
			}
		}
	}
	return order
}

// maxCycles is how many cycles are told of at once.
const maxCycles = 20

// cycles gives a cycle for each edge that closes one in a walk through the graph, up to [maxCycles]:
// none where there is none. Each is told in the order of work, from the task that stands first.
func cycles(before [][]int) (found [][]int) {
	if len(inOrder(before)) == len(before) {
		return nil
	}
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]int, len(before))
	var way []int
	var visit func(n int)
	visit = func(n int) {
		state[n] = onPath
		way = append(way, n)
		for _, b := range before[n] {
			switch state[b] {
			case unseen:
				visit(b)
			case onPath:
				if len(found) == maxCycles {
					continue
				}
				cycle := slices.Clone(way[slices.Index(way, b):])
				slices.Reverse(cycle) // it was walked against the edges
				first := slices.Index(cycle, slices.Min(cycle))
				found = append(found, slices.Concat(cycle[first:], cycle[:first]))
			}
		}
		way = way[:len(way)-1]
		state[n] = done
	}
	for n := range before {
		if state[n] == unseen {
			visit(n)
		}
	}
	return found
}

// readiness says what is to become of a task that has not started.
type readiness int

const (
	waiting readiness = iota // for a predecessor or its planned start
	ready
	dead // it can never be ready
)

// move is what a plan does with one of its tasks.
type move struct {
	task int // its place
	to   readiness
	// because is the place of the predecessor that ended in a way that its edge does not allow.
	because int
}

// planned says whether the plan decides what becomes of the task: it has not started, and no person
// has ended it.
func planned(t *Task) bool {
	return t.State == StatePending || t.State == StateReady || t.State == StateSkipped && t.AutoSkipped
}

// standing is what the successors of a task look at.
type standing struct {
	outcome Outcome
	code    string
}

// moves gives what is to be done so that every task stands where its predecessors leave it, each
// after those of its predecessors, and how each then stands. One walk in the order of work is enough,
// as a task depends on nothing behind it.
func moves(tasks []Task, now time.Time) ([]move, []standing) {
	var out []move
	place := places(tasks)
	stands := make([]standing, len(tasks))
	for _, n := range inOrder(before(tasks)) {
		t := &tasks[n]
		stands[n] = standing{t.Outcome, t.Code}
		if !planned(t) {
			continue
		}
		m := move{task: n, to: ready, because: -1}
		for i := range t.After {
			d := &t.After[i]
			p, ok := place[d.Task]
			switch {
			case !ok || m.to == dead:
			case stands[p].outcome == OutcomeNone:
				m.to = waiting
			case !d.met(stands[p]):
				m.to, m.because = dead, p
			}
		}
		if m.to == ready && t.NotBefore.After(now) {
			m.to = waiting
		}
		stands[n] = standing{}
		if m.to == dead {
			stands[n].outcome = OutcomeSkipped
		}
		if is(t) != m.to {
			out = append(out, m)
		}
	}
	return out, stands
}

// is says how a task stands that the plan decides about.
func is(t *Task) readiness {
	switch t.State {
	case StatePending:
		return waiting
	case StateReady:
		return ready
	}
	return dead
}

// whyDead says why a task can never be ready.
func whyDead(d *Dependency, p *Task) string {
	allowed := map[Allows]string{
		"": "when done", AllowsDone: "when done", AllowsDoneOrSkipped: "when done or skipped", AllowsFailed: "when failed", AllowsAny: "in any case",
	}[d.Allows]
	if len(d.When) > 0 {
		allowed += " with the code " + list(d.When)
	}
	how := string(p.Outcome)
	if p.Code != "" {
		how += " with the code " + p.Code
	}
	return fmt.Sprintf("it comes after %q %s, which was %s", p.Title, allowed, how)
}

// followers gives the tasks that have started because of the way in which the task ended: those whose
// predecessors would no longer let them begin, were it open again.
func followers(tasks []Task, id itsm.ID, now time.Time) (ids []itsm.ID) {
	again := slices.Clone(tasks)
	place := places(again)
	n, ok := place[id]
	if !ok {
		return nil
	}
	again[n].State, again[n].Open, again[n].Outcome, again[n].Code = StateReady, true, OutcomeNone, ""
	_, stands := moves(again, now)
	for i := range again {
		t := &again[i]
		if planned(t) || t.Outcome == OutcomeSkipped || t.Outcome == OutcomeCancelled {
			continue
		}
		if slices.ContainsFunc(t.After, func(d Dependency) bool {
			p, ok := place[d.Task]
			return ok && !d.met(stands[p]) && d.met(standing{tasks[p].Outcome, tasks[p].Code})
		}) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
