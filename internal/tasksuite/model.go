// This file holds the model test: random plans and commands, each compared with an oracle that knows
// only what people did and what the edges say, and finds each task's state by asking its predecessors.

package tasksuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

// modelEdge comes from another task.
type modelEdge struct {
	from   int
	allows task.Allows
	when   []string
}

func (e modelEdge) lets(s task.State, code string) bool {
	ok := map[task.Allows][]task.State{
		"":                       {task.StateDone},
		task.AllowsDone:          {task.StateDone},
		task.AllowsDoneOrSkipped: {task.StateDone, task.StateSkipped},
		task.AllowsFailed:        {task.StateFailed},
		task.AllowsAny:           {task.StateDone, task.StateFailed, task.StateSkipped, task.StateCancelled},
	}[e.allows]
	return slices.Contains(ok, s) && (len(e.when) == 0 || slices.Contains(e.when, code))
}

// modelTask is a task as the model has it. hand is the state that a person brought it to; empty is
// whatever the plan says.
type modelTask struct {
	id        itsm.ID
	edges     []modelEdge
	hand      task.State
	before    task.State
	code      string
	optional  bool
	notBefore time.Time
}

type model []modelTask

func ended(s task.State) bool {
	return slices.Contains([]task.State{task.StateDone, task.StateFailed, task.StateSkipped, task.StateCancelled}, s)
}

// state asks a task's predecessors, and they theirs.
func (m model) state(i int, now time.Time) task.State {
	t := m[i]
	if t.hand != "" {
		return t.hand
	}
	free := !now.Before(t.notBefore)
	for _, e := range t.edges {
		s := m.state(e.from, now)
		if !ended(s) {
			free = false
			continue
		}
		if !e.lets(s, m[e.from].code) {
			return task.StateSkipped
		}
	}
	if free {
		return task.StateReady
	}
	return task.StatePending
}

// dependsOn says whether one task comes after another, through however many.
func (m model) dependsOn(i, on int) bool {
	return i == on || slices.ContainsFunc(m[i].edges, func(e modelEdge) bool { return m.dependsOn(e.from, on) })
}

// undoes says whether a task that a person has started would not have been let to, were i open.
func (m model) undoes(i int, now time.Time) bool {
	again := slices.Clone(m)
	again[i].hand, again[i].code = task.StateReady, ""
	for j, t := range m {
		if !slices.Contains([]task.State{task.StateInProgress, task.StateOnHold, task.StateDone, task.StateFailed}, t.hand) || j == i {
			continue
		}
		for _, e := range t.edges {
			was, is := m.state(e.from, now), again.state(e.from, now)
			if e.lets(was, m[e.from].code) && !e.lets(is, again[e.from].code) {
				return true
			}
		}
	}
	return false
}

func (m model) counts(now time.Time) (all, mandatory task.Counts) {
	for i, t := range m {
		for _, c := range []*task.Counts{&all, &mandatory} {
			if c == &mandatory && t.optional {
				continue
			}
			switch m.state(i, now) {
			case task.StateDone:
				c.Done++
			case task.StateFailed:
				c.Failed++
			case task.StateSkipped:
				c.Skipped++
			case task.StateCancelled:
				c.Cancelled++
			default:
				c.Open++
			}
		}
	}
	return all, mandatory
}

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, d *desk) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, desk: d, ctx: t.Context()}
		m.actor = manager(storage.Tenant(fmt.Sprintf("model-%d", runs.Add(1))))
		m.parent = d.order(rt, m.ctx, m.actor.Tenant)
		m.plan()
		rt.Repeat(map[string]func(*rapid.T){
			"work":  func(rt *rapid.T) { m.T = rt; m.command(m.fitting()) },
			"again": func(rt *rapid.T) { m.T = rt; m.command(m.fitting()) },
			"any":   func(rt *rapid.T) { m.T = rt; m.command(pick(m, commands, "command")) },
			"edge":  func(rt *rapid.T) { m.T = rt; m.edge() },
			"add":   func(rt *rapid.T) { m.T = rt; m.one() },
			"clock": func(rt *rapid.T) { m.T = rt; m.clockGoesOn() },
			"":      func(rt *rapid.T) { m.T = rt; m.compare() },
		})
	})
}

// machine is one run.
type machine struct {
	*rapid.T
	*desk
	ctx    context.Context
	actor  itsm.Actor
	parent itsm.Ref
	model  model
	told   int
	at     int // the task that a command is about
}

func pick[V any](m *machine, from []V, what string) V { return rapid.SampledFrom(from).Draw(m.T, what) }

var (
	allowed = []task.Allows{"", task.AllowsDone, task.AllowsDoneOrSkipped, task.AllowsFailed, task.AllowsAny}
	codes   = []string{"", "yes", "no"}
)

func (m *machine) drawEdge(from int) modelEdge {
	e := modelEdge{from: from, allows: pick(m, allowed, "allows")}
	if rapid.IntRange(0, 3).Draw(m.T, "conditional") == 0 {
		e.when = []string{pick(m, codes[1:], "when")}
	}
	return e
}

func (m *machine) drawTask() modelTask {
	t := modelTask{optional: rapid.Bool().Draw(m.T, "optional")}
	if rapid.IntRange(0, 4).Draw(m.T, "planned") == 0 {
		t.notBefore = m.clock().Add(time.Duration(rapid.IntRange(-1, 3).Draw(m.T, "hours")) * time.Hour)
	}
	return t
}

// changed counts the tellings that a change of the model must bring.
func (m *machine) changed(before task.Counts) {
	after, _ := m.model.counts(m.clock())
	if after.Open == 0 && (before.Open > 0 || before.Total() != after.Total()) {
		m.told++
	}
}

func (m *machine) counted() task.Counts {
	c, _ := m.model.counts(m.clock())
	return c
}

// plan adds a random acyclic plan, its tasks in any order.
func (m *machine) plan() {
	n := rapid.IntRange(1, 8).Draw(m.T, "tasks")
	order := rapid.Permutation(numbers(n)).Draw(m.T, "order")
	tasks := make(model, n)
	p := task.Plan{}
	for i := range tasks {
		tasks[i] = m.drawTask()
		p.Tasks = append(p.Tasks, task.Item{
			Name: fmt.Sprint(i), Title: fmt.Sprint("Task ", i), Assignee: m.actor.ID, Optional: tasks[i].optional, NotBefore: tasks[i].notBefore,
		})
	}
	for later := range order {
		for earlier := range later {
			if rapid.IntRange(0, 2).Draw(m.T, "edge") > 0 {
				continue
			}
			from, to := order[earlier], order[later]
			e := m.drawEdge(from)
			tasks[to].edges = append(tasks[to].edges, e)
			p.Edges = append(p.Edges, task.Edge{From: fmt.Sprint(from), To: fmt.Sprint(to), Allows: e.allows, When: e.when})
		}
	}
	g := m.add(m.T, m.ctx, m.actor, m.parent, p)
	for i := range tasks {
		tasks[i].id = id(m.T, g, fmt.Sprint(i))
	}
	m.model = tasks
	m.changed(task.Counts{})
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// one adds a task behind others.
func (m *machine) one() {
	if len(m.model) > 15 {
		m.Skip("enough")
	}
	t := m.drawTask()
	before := m.counted()
	r := task.Addition{Item: task.Item{Title: "One more", Assignee: m.actor.ID, Optional: t.optional, NotBefore: t.notBefore}}
	for from := range m.model {
		if rapid.IntRange(0, 4).Draw(m.T, "after") == 0 {
			e := m.drawEdge(from)
			t.edges = append(t.edges, e)
			r.After = append(r.After, task.Dependency{Task: m.model[from].id, Allows: e.allows, When: e.when})
		}
	}
	added, err := m.AddTask(m.ctx, m.actor, m.parent, r)
	require.NoError(m, err)
	t.id = added.ID
	m.model = append(m.model, t)
	m.changed(before)
}

// edge puts a task before another.
func (m *machine) edge() {
	from, to := pick(m, numbers(len(m.model)), "from"), pick(m, numbers(len(m.model)), "to")
	e := m.drawEdge(from)
	s := m.model.state(to, m.clock())
	before := m.counted()
	_, err := m.AddEdge(m.ctx, m.actor, m.model[to].id, task.Precedence{Dependency: task.Dependency{Task: m.model[from].id, Allows: e.allows, When: e.when}})
	twice := slices.ContainsFunc(m.model[to].edges, func(o modelEdge) bool { return o.from == from })
	switch {
	case s != task.StatePending && s != task.StateReady:
		require.ErrorIs(m, err, itsm.ErrTransition)
	case twice || m.model.dependsOn(from, to):
		require.ErrorIs(m, err, itsm.ErrInvalid)
	default:
		require.NoError(m, err)
		m.model[to].edges = append(slices.Clip(m.model[to].edges), e)
		m.changed(before)
	}
}

func (m *machine) clockGoesOn() {
	now := m.advance(time.Duration(rapid.IntRange(0, 120).Draw(m.T, "minutes")) * time.Minute)
	ran, err := m.e.Tick(m.ctx, now)
	require.NoError(m, err)
	require.Zero(m, ran.Failed+ran.Dead, "%+v", ran)
}

var commands = []string{"start", "hold", "resume", "complete", "fail", "skip", "cancel", "retry"}

// fitting is a command that a task is in the state for.
func (m *machine) fitting() string {
	m.at = pick(m, numbers(len(m.model)), "task")
	return pick(m, map[task.State][]string{
		task.StatePending: {"skip", "cancel"}, task.StateReady: {"start", "complete", "fail", "skip", "hold"},
		task.StateInProgress: {"complete", "complete", "fail", "hold"}, task.StateOnHold: {"resume", "fail"},
		task.StateDone: {"start"}, task.StateFailed: {"retry"}, task.StateSkipped: {"retry"}, task.StateCancelled: {"cancel"},
	}[m.model.state(m.at, m.clock())], "command")
}

func (m *machine) command(name string) {
	if m.at >= len(m.model) || name == "" || rapid.IntRange(0, 9).Draw(m.T, "elsewhere") == 0 {
		m.at = pick(m, numbers(len(m.model)), "task")
	}
	t := m.model[m.at]
	s, now := m.model.state(m.at, m.clock()), m.clock()
	code := pick(m, codes, "code")
	c := itsm.Command{Reason: "It is so"}
	end := task.Ending{Command: c, Code: code}
	var err error
	from, to := []task.State{}, task.State("")
	switch name {
	case "start":
		from, to = []task.State{task.StateReady}, task.StateInProgress
		_, err = m.Start(m.ctx, m.actor, t.id, c)
	case "hold":
		from, to = []task.State{task.StateReady, task.StateInProgress}, task.StateOnHold
		_, err = m.Hold(m.ctx, m.actor, t.id, c)
	case "resume":
		from, to = []task.State{task.StateOnHold}, t.before
		_, err = m.Resume(m.ctx, m.actor, t.id, c)
	case "complete":
		from, to = []task.State{task.StateReady, task.StateInProgress}, task.StateDone
		_, err = m.Complete(m.ctx, m.actor, t.id, end)
	case "fail":
		from, to = []task.State{task.StateReady, task.StateInProgress, task.StateOnHold}, task.StateFailed
		_, err = m.Practice.Fail(m.ctx, m.actor, t.id, end)
	case "skip":
		from, to = []task.State{task.StatePending, task.StateReady, task.StateOnHold}, task.StateSkipped
		_, err = m.Practice.Skip(m.ctx, m.actor, t.id, end)
	case "cancel":
		from, to = []task.State{task.StatePending, task.StateReady, task.StateInProgress, task.StateOnHold}, task.StateCancelled
		_, err = m.Cancel(m.ctx, m.actor, t.id, c)
	case "retry":
		from = []task.State{task.StateFailed}
		_, err = m.Retry(m.ctx, m.actor, t.id, c)
	}
	if !slices.Contains(from, s) || name == "retry" && m.model.undoes(m.at, now) {
		require.ErrorIs(m, err, itsm.ErrTransition, "%s while %s", name, s)
		return
	}
	require.NoError(m, err, "%s while %s", name, s)
	before := m.counted()
	n := &m.model[m.at]
	n.code = ""
	if ended(to) && name != "cancel" {
		n.code = code
	}
	n.before = ""
	if name == "hold" {
		n.before = s
	}
	n.hand = to
	if to == task.StateReady { // the plan's again
		n.hand = ""
	}
	m.changed(before)
}

// log gives the events of all tasks of the run.
func (m *machine) log() map[itsm.ID][]itsm.Event {
	log := map[itsm.ID][]itsm.Event{}
	require.NoError(m, m.e.View(m.ctx, m.actor, func(ctx context.Context, r storage.Reader) error {
		clear(log)
		events, err := m.e.History(ctx, r, storage.EventQuery{Kind: task.Kind, Limit: storage.MaxLimit})
		require.Less(m, len(events), storage.MaxLimit)
		for _, e := range events {
			log[e.Record] = append(log[e.Record], e)
		}
		return err
	}))
	return log
}

// compare reads everything and compares it with the model, and with what the events add up to.
func (m *machine) compare() {
	now := m.clock()
	g, err := m.Graph(m.ctx, m.actor, m.parent)
	require.NoError(m, err)
	require.Len(m, g.Tasks, len(m.model))
	byID := map[itsm.ID]task.Task{}
	for _, t := range g.Tasks {
		byID[t.ID] = t
	}
	log := m.log()
	folded := task.Counts{}
	for i, want := range m.model {
		got := byID[want.id]
		state := m.model.state(i, now)
		require.Equal(m, state, got.State, "task %d", i)
		require.Equal(m, !ended(state), got.Open)
		require.Equal(m, ended(state), got.Outcome != "")
		require.Equal(m, ended(state), !got.EndedAt.IsZero())
		require.Equal(m, want.code, got.Code)
		require.Equal(m, want.hand == "" && state == task.StateSkipped, got.AutoSkipped)
		if got.AutoSkipped {
			require.NotEmpty(m, got.EndReason)
		}

		at := ""
		for _, e := range log[want.id] {
			require.Equal(m, at, e.From, "the states of its events make one chain")
			at = e.To
		}
		require.Equal(m, string(got.State), at)
		switch task.State(at) {
		case task.StateDone:
			folded.Done++
		case task.StateFailed:
			folded.Failed++
		case task.StateSkipped:
			folded.Skipped++
		case task.StateCancelled:
			folded.Cancelled++
		default:
			folded.Open++
		}
	}
	s := g.RollUp(now)
	all, mandatory := m.model.counts(now)
	require.Equal(m, folded, s.Tasks, "the roll-up is the fold of the events")
	require.Equal(m, all, s.Tasks)
	require.Equal(m, mandatory, s.Mandatory)
	require.Equal(m, all.AllDone(), s.ShareDone == 1)
	require.Equal(m, all.Open == 0, s.ShareEnded == 1)
	require.Equal(m, all.Open == 0, s.Finish.IsZero())

	n, last := m.ends(m.T, m.ctx, m.actor, m.parent)
	require.Equal(m, m.told, n, "the end of the last task is told each time, and no other time")
	if all.Open == 0 {
		require.Equal(m, [2]task.Counts{all, mandatory}, [2]task.Counts{last.Tasks, last.Mandatory})
		waits := slices.ContainsFunc(g.Tasks, func(t task.Task) bool { return t.Open })
		require.False(m, waits)
	} else if !slices.ContainsFunc(m.model, func(t modelTask) bool {
		return t.notBefore.After(now) || t.hand == task.StateInProgress || t.hand == task.StateOnHold
	}) {
		require.True(m, slices.ContainsFunc(g.Tasks, func(t task.Task) bool { return t.State == task.StateReady }), "something can always be done: nothing waits for ever")
	}
	block := task.Blockers[Order](m.Practice, task.BlockMandatory)
	require.NoError(m, m.e.View(m.ctx, m.actor, func(ctx context.Context, r storage.Reader) error {
		blockers, err := block(ctx, r, Order{OrderHead: OrderHead{Meta: storage.Meta{ID: m.parent.ID}}})
		require.Equal(m, mandatory.Open > 0, len(blockers) > 0)
		warnings, err2 := m.Warnings(ctx, r, m.parent)
		require.Equal(m, all.Done == all.Total(), len(warnings) == 0)
		return errors.Join(err, err2)
	}))
}
