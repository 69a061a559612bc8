// This file holds the model test: random commands, each compared with the model.

package incidentsuite

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

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	d := open(t, newStore(t), incident.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		n := runs.Add(1)
		m := &machine{T: rt, desk: d, ctx: t.Context(), records: map[itsm.ID]*modelRecord{}}
		m.tenants = []storage.Tenant{storage.Tenant(fmt.Sprintf("north-%d", n)), storage.Tenant(fmt.Sprintf("south-%d", n))}
		for _, tenant := range m.tenants {
			m.actors = append(m.actors, manager(tenant), analyst(tenant), specialist(tenant), requester(tenant, "rita"), requester(tenant, "rob"))
		}
		m.log()
		rt.Repeat(map[string]func(*rapid.T){
			"log":     func(rt *rapid.T) { m.T = rt; m.log() },
			"command": func(rt *rapid.T) { m.T = rt; m.command() },
			"again":   func(rt *rapid.T) { m.T = rt; m.command() }, // commands are most of what happens
			"time":    func(rt *rapid.T) { m.T = rt; m.time() },
			"lists":   func(rt *rapid.T) { m.T = rt; m.lists() },
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
	tenants []storage.Tenant
	actors  []itsm.Actor
	records map[itsm.ID]*modelRecord
	ids     []itsm.ID // in the order in which they were logged
	keys    int
}

func pick[V any](m *machine, from []V, what string) V { return rapid.SampledFrom(from).Draw(m.T, what) }

func (m *machine) now() time.Time { return m.clock.Now() }

// manager is one who sees everything in the tenant of a record.
func (m *machine) manager(r *modelRecord) itsm.Actor { return manager(r.tenant) }

func (m *machine) add(i incident.Incident, r *modelRecord) {
	r.id, r.number, r.version, r.state = i.ID, i.Number, 1, incident.StateNew
	require.Nil(m, m.records[i.ID], "an id is used once")
	m.records[i.ID] = r
	m.ids = append(m.ids, i.ID)
}

func (m *machine) log() {
	a := pick(m, m.actors, "actor")
	r := &modelRecord{
		tenant: a.Tenant, requester: pick(m, []itsm.ID{"rita", "rob"}, "requester"),
		impact: itsm.Impact(rapid.IntRange(1, 3).Draw(m.T, "impact")), urgency: itsm.Urgency(rapid.IntRange(1, 3).Draw(m.T, "urgency")),
	}
	i, err := m.p.Log(m.ctx, a, incident.Report{Title: "Something is wrong", Requester: r.requester, Impact: r.impact, Urgency: r.urgency})
	if a.Has(itsm.RoleRequester) && a.ID != r.requester {
		require.ErrorIs(m, err, itsm.ErrForbidden, "no one reports in another's name")
		return
	}
	require.NoError(m, err)
	r.events = []modelEvent{{action: "log"}}
	m.add(i, r)
	m.compare(r)
}

// time moves the clock and, most often, lets the jobs run.
func (m *machine) time() {
	now := m.clock.Advance(time.Duration(rapid.IntRange(0, 5*24*60).Draw(m.T, "minutes")) * time.Minute)
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
	states     []incident.State
	// refuse says that a guard refuses, and bad that the input is not right.
	refuse, bad bool
	// bare commands carry neither version nor key.
	bare bool
	call func(a itsm.Actor, c itsm.Command) (incident.Incident, error)
	does func()
}

// foresee says what the command of the actor comes to.
func (r *modelRecord) foresee(a itsm.Actor, c itsm.Command, x trial) outcome {
	switch {
	case !r.visible(a):
		return notFound
	case !r.may(a, x.permission):
		return forbidden
	case c.IfVersion != 0 && c.IfVersion != r.version:
		return conflict
	case !slices.Contains(x.states, r.state):
		return refused
	case x.bad:
		return invalid
	case x.refuse:
		return refused
	}
	return happens
}

func (m *machine) command() {
	if len(m.ids) == 0 {
		return
	}
	r := m.records[pick(m, m.ids, "incident")]
	a := pick(m, m.actors, "actor")
	if rapid.IntRange(0, 3).Draw(m.T, "own tenant") > 0 {
		a = pick(m, m.actors[5*slices.Index(m.tenants, r.tenant):][:5], "colleague")
	}
	names := trialNames
	if rapid.Bool().Draw(m.T, "fitting") {
		names = fitting[r.state]
	}
	name := pick(m, names, "command")
	x := trials[name](m, r, a)
	c := itsm.Command{}
	if !x.bare && rapid.IntRange(0, 3).Draw(m.T, "with version") == 0 {
		c.IfVersion = max(r.version-int64(rapid.IntRange(0, 1).Draw(m.T, "behind")), 1)
	}
	if !x.bare && rapid.IntRange(0, 3).Draw(m.T, "with key") == 0 {
		m.keys++
		c.Key = fmt.Sprintf("key-%d", m.keys)
	}
	want := r.foresee(a, c, x)
	before := *r
	i, err := x.call(a, c)
	require.Equal(m, want, outcomeOf(err), "%s by %s of %s: %v", name, a.ID, a.Tenant, err)
	if want != happens {
		m.compare(&before)
		return
	}
	x.does()
	if name != "follow_up" {
		require.Equal(m, r.id, i.ID)
	}
	if c.Key != "" {
		repeated, err := x.call(a, c)
		if r.visible(a) {
			require.NoError(m, err)
			require.Equal(m, i.ID, repeated.ID)
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

// compare reads everything of a record and compares it with the model, and sees to it that the
// other tenant learns nothing.
func (m *machine) compare(r *modelRecord) {
	i, err := m.p.Get(m.ctx, m.manager(r), r.id)
	require.NoError(m, err)
	require.Equal(m, r.version, i.Version)
	require.Equal(m, r.number, i.Number)
	require.Equal(m, r.state, i.State)
	require.Equal(m, r.open(), i.Open)
	require.Equal(m, r.before, i.Before)
	require.Equal(m, r.holdReason, i.HoldReason)
	require.Equal(m, r.until, i.HoldUntil)
	require.Equal(m, r.link, i.HoldLink)
	require.Equal(m, r.group, i.Group)
	require.Equal(m, r.assignee, i.Assignee)
	require.Equal(m, r.requester, i.Requester)
	require.Equal(m, r.priority(), i.Priority)
	require.Equal(m, r.override != 0, i.PriorityOverride != nil)
	require.Equal(m, r.restricted, i.Restricted)
	require.ElementsMatch(m, r.members, i.Members)
	require.ElementsMatch(m, r.watchers, i.Watchers)
	require.Equal(m, [3]int{r.reassigned, r.reopened, r.holds}, [3]int{i.Reassignments, i.Reopens, i.Holds})
	require.Equal(m, r.resolvedAt, i.ResolvedAt)
	require.Equal(m, r.endsAt, i.ClosedAt)
	require.Equal(m, r.code, i.Resolution.Code)
	require.Equal(m, [3]bool{r.acknowledged, r.responded, r.restored}, [3]bool{!i.Acknowledged.IsZero(), !i.FirstResponse.IsZero(), !i.Restored.IsZero()})
	inOrder(m, i.Reported, i.Acknowledged)
	inOrder(m, i.Restored, i.ResolvedAt)
	inOrder(m, i.ResolvedAt, i.ClosedAt)
	m.compareTimeline(r)

	for _, a := range m.actors {
		if a.Tenant == r.tenant && r.visible(a) {
			continue
		}
		_, get := m.p.Get(m.ctx, a, r.id)
		_, timeline := m.p.Timeline(m.ctx, a, r.id)
		_, notes := m.p.Notes(m.ctx, a, r.id, "", 0)
		_, links := m.p.Links(m.ctx, a, r.id)
		_, actions := m.p.PermittedActions(m.ctx, a, r.id)
		for _, err := range []error{get, timeline, notes, links, actions} {
			require.ErrorIs(m, err, itsm.ErrNotFound)
		}
	}
}

func inOrder(m *machine, earlier, later time.Time) {
	if !earlier.IsZero() && !later.IsZero() {
		require.False(m, later.Before(earlier), "%v is before %v", later, earlier)
	}
}

// compareTimeline sees to it that no event is lost, doubled or out of place, and that the
// requester sees nothing internal.
func (m *machine) compareTimeline(r *modelRecord) {
	read := func(a itsm.Actor) (actions []string, public, internal int) {
		entries, err := m.p.Timeline(m.ctx, a, r.id)
		require.NoError(m, err)
		version, n, at := int64(0), -1, time.Time{}
		for _, e := range entries {
			require.NotNil(m, e.Event)
			require.False(m, e.At.Before(at))
			require.True(m, e.Event.Version > version || e.Event.Version == version && e.Event.N > n)
			version, n, at = e.Event.Version, e.Event.N, e.At
			actions = append(actions, e.Event.Action)
			switch {
			case e.Note == nil:
			case e.Note.Visibility == itsm.VisibilityPublic:
				public++
			default:
				internal++
			}
		}
		return actions, public, internal
	}
	var everything, open []string
	for _, e := range r.events {
		everything = append(everything, e.action)
		if !e.internal {
			open = append(open, e.action)
		}
	}
	actions, public, internal := read(m.manager(r))
	require.Equal(m, everything, actions)
	require.Equal(m, [2]int{r.public, r.internal}, [2]int{public, internal})
	actions, public, internal = read(requester(r.tenant, r.requester))
	require.Equal(m, open, actions)
	require.Equal(m, [2]int{r.public, 0}, [2]int{public, internal})
}

// lists compares what everyone's lists and counts have with what they may see.
func (m *machine) lists() {
	for _, a := range m.actors {
		var want, got []itsm.ID
		for _, id := range m.ids {
			if m.records[id].visible(a) {
				want = append(want, id)
			}
		}
		for h, err := range m.p.All(m.ctx, a, incident.Query{Limit: 7}) {
			require.NoError(m, err)
			require.Equal(m, a.Tenant, h.Tenant)
			got = append(got, h.ID)
		}
		require.ElementsMatch(m, want, got)
		n, err := m.p.Count(m.ctx, a, incident.Query{})
		require.NoError(m, err)
		require.EqualValues(m, len(want), n)
	}
}
