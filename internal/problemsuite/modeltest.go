// This file holds the model test: random commands, each compared with the model.

package problemsuite

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
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, d *desk) {
	rapid.Check(t, func(rt *rapid.T) {
		n := runs.Add(1)
		m := &machine{T: rt, desk: d, ctx: t.Context(), records: map[itsm.ID]*modelProblem{}}
		for _, tenant := range []storage.Tenant{storage.Tenant(fmt.Sprintf("north-%d", n)), storage.Tenant(fmt.Sprintf("south-%d", n))} {
			m.actors = append(m.actors, manager(tenant), specialist(tenant), owner(tenant), requester(tenant))
		}
		m.register()
		rt.Repeat(map[string]func(*rapid.T){
			"register": func(rt *rapid.T) { m.T = rt; m.register() },
			"fitting":  func(rt *rapid.T) { m.T = rt; m.command(true) },
			"more":     func(rt *rapid.T) { m.T = rt; m.command(true) },
			"again":    func(rt *rapid.T) { m.T = rt; m.command(true) }, // commands are most of what happens
			"any":      func(rt *rapid.T) { m.T = rt; m.command(false) },
			"time":     func(rt *rapid.T) { m.T = rt; m.time() },
			"lists":    func(rt *rapid.T) { m.T = rt; m.lists() },
		})
		m.T = rt
		for _, id := range m.ids {
			m.compare(m.records[id])
		}
		m.lists()
	})
}

// machine is one run.
type machine struct {
	*rapid.T
	*desk
	ctx     context.Context
	actors  []itsm.Actor // four of each tenant
	records map[itsm.ID]*modelProblem
	ids     []itsm.ID
	keys    int
}

func pick[V any](m *machine, from []V, what string) V { return rapid.SampledFrom(from).Draw(m.T, what) }

func (m *machine) register() {
	a := pick(m, m.actors, "actor")
	r := &modelProblem{
		tenant: a.Tenant, impact: rapid.IntRange(0, 3).Draw(m.T, "impact"), urgency: rapid.IntRange(0, 3).Draw(m.T, "urgency"),
		restricted: a.Has(itsm.RoleProblemManager) && rapid.IntRange(0, 4).Draw(m.T, "restricted") == 0,
	}
	if a.Has(itsm.RoleProblemManager) {
		r.group = pick(m, []itsm.ID{"", "network", "network", "servers"}, "group")
	}
	p, err := m.Register(m.ctx, a, problem.Registration{
		Title: "Something is wrong", Symptom: "It does not work", Source: pick(m, problem.Sources(), "source"), Group: r.group, Restricted: r.restricted,
		Impact: itsm.Impact(r.impact), Urgency: itsm.Urgency(r.urgency),
	})
	if a.Has(itsm.RoleRequester) || a.Has(itsm.RoleServiceOwner) {
		require.ErrorIs(m, err, itsm.ErrForbidden)
		return
	}
	require.NoError(m, err)
	r.id, r.version, r.state, r.events = p.ID, 1, "new", []string{"register"}
	require.Nil(m, m.records[p.ID])
	m.records[p.ID] = r
	m.ids = append(m.ids, p.ID)
	m.compare(r)
}

// time moves the clock and, most often, lets the jobs run.
func (m *machine) time() {
	now := m.clock.Advance(time.Duration(rapid.IntRange(0, 10*24*60).Draw(m.T, "minutes")) * time.Minute)
	if !rapid.Bool().Draw(m.T, "tick") {
		return
	}
	ran, err := m.e.Tick(m.ctx, now)
	require.NoError(m, err)
	require.Zero(m, ran.Failed+ran.Dead+ran.Lost, "%+v", ran)
	for _, id := range m.ids {
		if r := m.records[id]; r.due(now) {
			m.compare(r)
		}
	}
}

// trial is one command as the model foresees it: what it needs, and what it does.
type trial struct {
	permission string
	states     []string
	// refuse says that a guard refuses, and bad that the input is not right.
	refuse, bad bool
	call        func(a itsm.Actor, c itsm.Command) (problem.Problem, error)
	does        func(a itsm.Actor)
}

func (m *modelProblem) foresee(a itsm.Actor, c itsm.Command, x trial) outcome {
	switch {
	case !m.visible(a):
		return notFound
	case !m.may(a, x.permission):
		return forbidden
	case c.IfVersion != 0 && c.IfVersion != m.version:
		return conflict
	case !slices.Contains(x.states, m.state):
		return refused
	case x.bad:
		return invalid
	case x.refuse:
		return refused
	}
	return happens
}

var trialNames = []string{"accept", "analyse", "identify_cause", "record_workaround", "plan_fix", "fix_verified", "fix_failed", "record_outcome",
	"accept_risk", "mark_duplicate", "hold", "resume", "cancel", "close", "recur", "reanalyse", "assign", "publish"}

var fitting = map[string][]string{
	"new":             {"accept", "accept", "mark_duplicate", "hold", "assign", "record_workaround"},
	"assessed":        {"analyse", "analyse", "hold", "mark_duplicate", "assign"},
	"analysis":        {"identify_cause", "identify_cause", "hold", "accept_risk", "record_workaround"},
	"known_error":     {"plan_fix", "plan_fix", "publish", "record_workaround", "accept_risk", "hold", "cancel"},
	"fix_in_progress": {"record_outcome", "record_outcome", "fix_verified", "fix_failed", "hold", "publish"},
	"on_hold":         {"resume", "record_workaround", "cancel"},
	"resolved":        {"close", "recur", "reanalyse"},
	"closed":          {"reanalyse"},
	"cancelled":       {"assign"},
}

func (m *machine) command(fits bool) {
	if len(m.ids) == 0 {
		return
	}
	r := m.records[pick(m, m.ids, "problem")]
	a := pick(m, m.actors, "actor")
	if rapid.IntRange(0, 4).Draw(m.T, "manager") > 0 {
		a = manager(r.tenant)
	}
	name := pick(m, trialNames, "command")
	if fits {
		name = pick(m, fitting[r.state], "fitting")
	}
	if name == "mark_duplicate" {
		a = manager(r.tenant) // it takes a permission on the other, too
	}
	if name == "publish" {
		m.publish(r)
		return
	}
	x := m.trial(r, name)
	c := itsm.Command{Reason: "It is so"}
	if rapid.IntRange(0, 4).Draw(m.T, "with version") == 0 {
		c.IfVersion = max(r.version-int64(rapid.IntRange(0, 1).Draw(m.T, "behind")), 1)
	}
	if rapid.IntRange(0, 4).Draw(m.T, "with key") == 0 {
		m.keys++
		c.Key = fmt.Sprintf("key-%d", m.keys)
	}
	want := r.foresee(a, c, x)
	before := *r
	p, err := x.call(a, c)
	require.Equal(m, want, outcomeOf(err), "%s by %s of %s in %s: %v", name, a.ID, a.Tenant, r.state, err)
	if want != happens {
		m.compare(&before)
		return
	}
	x.does(a)
	require.Equal(m, r.id, p.ID)
	if c.Key != "" {
		repeated, err := x.call(a, c)
		if r.visible(a) {
			require.NoError(m, err)
			require.Equal(m, p.ID, repeated.ID)
		} else {
			require.ErrorIs(m, err, itsm.ErrNotFound)
		}
	}
	m.compare(r)
}

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return happens
	case errors.Is(err, itsm.ErrNotFound):
		return notFound
	case errors.Is(err, itsm.ErrConflict):
		return conflict
	case errors.Is(err, itsm.ErrForbidden):
		return forbidden
	case errors.Is(err, itsm.ErrTransition):
		return refused
	case errors.Is(err, itsm.ErrInvalid):
		return invalid
	}
	return outcome(err.Error())
}

// change names the changes of a fix in the model.
func change(n int) itsm.Ref { return itsm.Ref{Kind: "change", ID: itsm.ID(fmt.Sprint("c", n))} }

func (m *machine) trial(r *modelProblem, name string) trial {
	now := m.clock.Now()
	working := openStates[:5]
	move := func(to string) func(itsm.Actor) { return func(itsm.Actor) { r.moved(name, to, now) } }
	x := trial{permission: name}
	switch name {
	case "accept":
		impact, urgency := rapid.IntRange(0, 3).Draw(m.T, "impact"), rapid.IntRange(0, 3).Draw(m.T, "urgency")
		x.states = []string{"new"}
		x.bad = impact == 0 && r.impact == 0 || urgency == 0 && r.urgency == 0
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.Accept(m.ctx, a, r.id, problem.Acceptance{Command: c, Impact: itsm.Impact(impact), Urgency: itsm.Urgency(urgency)})
		}
		x.does = func(a itsm.Actor) {
			if impact > 0 {
				r.impact = impact
			}
			if urgency > 0 {
				r.urgency = urgency
			}
			if r.assignee == "" {
				r.assignee = a.ID
			}
			r.moved(name, "assessed", now)
		}
	case "analyse":
		x.states = []string{"assessed"}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) { return m.Analyse(m.ctx, a, r.id, c) }
		x.does = move("analysis")
	case "identify_cause":
		causes := pick(m, [][]problem.Cause{relay, append(slices.Clone(relay), problem.Cause{Text: "And this", Component: "mail", Contributing: true}), {}}, "causes")
		x.states, x.bad = []string{"analysis"}, len(causes) == 0
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.IdentifyCause(m.ctx, a, r.id, problem.IdentifiedCause{Command: c, Causes: causes})
		}
		x.does = func(itsm.Actor) {
			r.causes = len(causes)
			if r.known == "" || r.known == "retired" {
				r.known = "draft"
			}
			r.moved(name, "known_error", now)
		}
	case "record_workaround":
		text := pick(m, []string{"Restart it", "Wait", " "}, "text")
		x.states, x.bad = openStates, text == " "
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.RecordWorkaround(m.ctx, a, r.id, problem.RecordedWorkaround{Command: c, Text: text})
		}
		x.does = func(itsm.Actor) {
			r.workarounds++
			until, before := r.until, r.before
			r.moved(name, "", now)
			r.until, r.before = until, before
		}
	case "plan_fix":
		n := rapid.IntRange(0, 2).Draw(m.T, "changes")
		action := pick(m, []string{"", "Do it"}, "action")
		x.states, x.bad = []string{"known_error"}, n == 0 && action == ""
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			fix := problem.PlannedFix{Command: c, Action: action}
			for i := range n {
				fix.Changes = append(fix.Changes, change(i))
			}
			return m.PlanFix(m.ctx, a, r.id, fix)
		}
		x.does = func(itsm.Actor) {
			r.planned, r.changes = true, make([]string, n)
			r.moved(name, "fix_in_progress", now)
		}
	case "fix_verified":
		x.states = []string{"fix_in_progress"}
		x.refuse = slices.ContainsFunc(r.changes, func(o string) bool { return o != "successful" })
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.FixVerified(m.ctx, a, r.id, problem.Verification{Command: c})
		}
		x.does = move("resolved")
	case "fix_failed":
		x.states = []string{"fix_in_progress"}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) { return m.FixFailed(m.ctx, a, r.id, c) }
		x.does = func(itsm.Actor) {
			r.planned, r.changes = false, nil
			r.failed++
			r.moved(name, "known_error", now)
		}
	case "record_outcome":
		n, o := rapid.IntRange(0, 2).Draw(m.T, "change"), pick(m, []string{"successful", "successful", "failed"}, "outcome")
		x.states = openStates
		x.bad = r.planned && n >= len(r.changes)
		x.refuse = len(r.changes) == 0
		if r.planned && len(r.changes) == 0 {
			x.bad = true
		}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.RecordOutcome(m.ctx, a, r.id, problem.ChangeOutcome{Command: c, Change: change(n), Outcome: problem.Outcome(o)})
		}
		x.does = func(itsm.Actor) {
			if r.changes[n] == o {
				return
			}
			r.changes = slices.Clone(r.changes)
			r.changes[n] = o
			until, before := r.until, r.before
			r.moved(name, "", now)
			r.until, r.before = until, before
			if !slices.Contains(r.changes, "") {
				r.events = append(r.events, name)
			}
		}
	case "accept_risk":
		review := now.Add(time.Duration(rapid.IntRange(-1, 2).Draw(m.T, "years")) * 365 * 24 * time.Hour)
		x.states, x.bad = []string{"analysis", "known_error", "fix_in_progress"}, !review.After(now)
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.AcceptRisk(m.ctx, a, r.id, problem.RiskAcceptance{Command: c, Approver: "olga", ReviewAt: review})
		}
		x.does = func(itsm.Actor) {
			r.code = "risk_accepted"
			r.moved(name, "closed", now)
			r.review, r.reviewed = review, false
		}
	case "mark_duplicate":
		of := m.records[pick(m, m.ids, "of")]
		x.states = []string{"new", "assessed"}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.MarkDuplicate(m.ctx, a, r.id, problem.Duplication{Command: c, Of: of.id})
		}
		x.bad = of == r || of.tenant != r.tenant || !of.open()
		x.does = func(itsm.Actor) {
			r.code, r.duplicateOf = "duplicate", of
			r.moved(name, "closed", now)
			of.version++
			of.events = append(of.events, name)
		}
	case "hold":
		reason := pick(m, []problem.HoldReason{problem.HoldSupplier, "boredom"}, "reason")
		until := now.Add(time.Duration(rapid.IntRange(0, 72).Draw(m.T, "hours")) * time.Hour)
		x.states, x.bad = working, reason == "boredom" || !until.After(now)
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.Hold(m.ctx, a, r.id, problem.Hold{Command: c, HoldReason: reason, Until: until})
		}
		x.does = func(itsm.Actor) {
			r.moved(name, "on_hold", now)
			r.until = until
		}
	case "resume":
		x.states = []string{"on_hold"}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) { return m.Resume(m.ctx, a, r.id, c) }
		x.does = func(itsm.Actor) { r.moved(name, r.before, now) }
	case "cancel":
		x.states = openStates
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) { return m.Cancel(m.ctx, a, r.id, c) }
		x.does = move("cancelled")
	case "close":
		x.states, x.refuse = []string{"resolved"}, now.Before(r.observeFrom.Add(observation))
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.Close(m.ctx, a, r.id, problem.Closing{Command: c})
		}
		x.does = move("closed")
	case "recur":
		x.states = []string{"resolved"}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.Recur(m.ctx, a, r.id, problem.Recurrence{Command: c})
		}
		x.does = func(itsm.Actor) {
			r.recurred++
			r.observeFrom = now
			r.moved(name, "", now)
		}
	case "reanalyse":
		x.states = []string{"resolved", "closed"}
		if r.code != "" {
			x.permission = "reanalyse_" + r.code
		}
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) { return m.Reanalyse(m.ctx, a, r.id, c) }
		x.does = move("analysis")
	case "assign":
		group := pick(m, []itsm.ID{"network", "servers"}, "group")
		x.states = append(slices.Clone(openStates), "resolved")
		x.call = func(a itsm.Actor, c itsm.Command) (problem.Problem, error) {
			return m.Assign(m.ctx, a, r.id, problem.Assignment{Command: c, Group: group, Assignee: r.assignee})
		}
		x.does = func(itsm.Actor) {
			if group == r.group {
				return
			}
			r.group = group
			until, before := r.until, r.before
			r.moved(name, "", now)
			r.until, r.before = until, before
		}
	}
	return x
}

// publish publishes the known error of a problem, where there is a draft.
func (m *machine) publish(r *modelProblem) {
	p, err := m.Get(m.ctx, manager(r.tenant), r.id)
	require.NoError(m, err)
	require.Equal(m, r.known == "", p.KnownError == "")
	if r.known == "" {
		return
	}
	_, err = m.PublishKnownError(m.ctx, manager(r.tenant), p.KnownError, itsm.Command{})
	switch {
	case r.known != "draft":
		require.ErrorIs(m, err, itsm.ErrTransition)
	case r.workarounds == 0:
		require.ErrorIs(m, err, itsm.ErrInvalid)
	default:
		require.NoError(m, err)
		r.known = "published"
	}
	m.compare(r)
}

// compare reads everything of a problem and compares it with the model, and sees to it that nobody else
// learns anything.
func (m *machine) compare(r *modelProblem) {
	p, err := m.Get(m.ctx, manager(r.tenant), r.id)
	require.NoError(m, err)
	require.Equal(m, []any{r.version, r.state, r.open(), r.before, r.code}, []any{p.Version, string(p.State), p.Open, string(p.Before), string(p.Code)})
	require.Equal(m, []any{r.priority(), r.group, r.assignee, r.restricted}, []any{p.Priority, p.Group, p.Assignee, p.Restricted})
	require.Equal(m, []int{r.causes, r.holds, r.failed, r.reanalyses, r.recurred}, []int{len(p.Causes), p.Holds, p.FailedFixes, p.Reanalyses, p.Recurrences})
	require.Equal(m, []time.Time{r.until, r.observeFrom, r.closedAt, r.review}, []time.Time{p.HoldUntil, p.ObserveFrom, p.ClosedAt, p.ReviewAt})
	require.Equal(m, r.workarounds > 0, p.Workaround != nil)
	if p.Workaround != nil {
		require.Equal(m, r.workarounds, p.Workaround.Version)
	}
	require.Equal(m, r.planned, p.Fix != nil && (p.Fix.Action != "" || len(p.Fix.Changes) > 0))
	if p.Fix != nil {
		require.Len(m, p.Fix.Changes, len(r.changes))
		for i, c := range p.Fix.Changes {
			require.Equal(m, r.changes[i], string(c.Outcome))
		}
	}
	require.Equal(m, r.duplicateOf != nil, p.DuplicateOf != "")
	if r.known != "" {
		k, err := m.GetKnownError(m.ctx, manager(r.tenant), p.KnownError)
		require.NoError(m, err)
		require.Equal(m, []any{r.known, r.knownFix, r.restricted, r.group, r.workarounds > 0, r.code == "risk_accepted"},
			[]any{string(k.State), string(k.Fix), k.Restricted, k.Group, k.HasWorkaround, k.RiskAccepted})
		_, err = m.GetKnownError(m.ctx, requester(r.tenant), p.KnownError)
		require.ErrorIs(m, err, itsm.ErrNotFound, "it is for staff")
	}
	var actions []string
	state, version, n := "", int64(0), -1
	for _, e := range m.desk.events(m, m.ctx, manager(r.tenant), r.id) {
		require.Equal(m, state, e.From, "the states of its events make one chain")
		require.True(m, e.Version > version || e.Version == version && e.N > n)
		state, version, n = e.To, e.Version, e.N
		if e.Action != "review" && e.Action != "move_links" {
			actions = append(actions, e.Action)
		}
	}
	require.Equal(m, r.events, actions)
	require.Equal(m, r.state, state)
	for _, a := range m.actors {
		if r.visible(a) {
			continue
		}
		_, get := m.Get(m.ctx, a, r.id)
		_, timeline := m.Timeline(m.ctx, a, r.id)
		_, permitted := m.PermittedActions(m.ctx, a, r.id)
		for _, err := range []error{get, timeline, permitted} {
			require.ErrorIs(m, err, itsm.ErrNotFound)
		}
	}
}

// lists compares what everyone's lists and counts have with what they may see.
func (m *machine) lists() {
	for _, a := range m.actors {
		if a.Has(itsm.RoleRequester) {
			_, err := m.List(m.ctx, a, problem.Query{})
			require.ErrorIs(m, err, itsm.ErrForbidden)
			continue
		}
		var want, got []itsm.ID
		for _, id := range m.ids {
			if m.records[id].visible(a) {
				want = append(want, id)
			}
		}
		for h, err := range m.All(m.ctx, a, problem.Query{Limit: 7}) {
			require.NoError(m, err)
			require.Equal(m, a.Tenant, h.Tenant)
			got = append(got, h.ID)
		}
		require.ElementsMatch(m, want, got)
		n, err := m.Count(m.ctx, a, problem.Query{})
		require.NoError(m, err)
		require.EqualValues(m, len(want), n)
	}
}
