// This file holds the model test: random commands and passing time, each compared with the model.

package oncallsuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, store storage.Store) {
	d := open(t, store)
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, desk: d, ctx: t.Context(), tenant: storage.Tenant(fmt.Sprintf("run-%d", runs.Add(1)))}
		m.define()
		m.start()
		rt.Repeat(map[string]func(*rapid.T){
			"start":   func(rt *rapid.T) { m.T = rt; m.start() },
			"command": func(rt *rapid.T) { m.T = rt; m.command() },
			"time":    func(rt *rapid.T) { m.T = rt; m.time() },
			"again":   func(rt *rapid.T) { m.T = rt; m.time() }, // time is most of what happens
			"end":     func(rt *rapid.T) { m.T = rt; m.endSubject() },
		})
		m.T = rt
		m.pass(m, m.ctx, 0)
		for _, r := range m.all {
			r.tick(m.clock.Now())
			m.compare(r)
			require.Equal(m, r.turn, m.pagesOf(r.is.ID), "a sender was told of each page once")
		}
	})
}

// machine is one run.
type machine struct {
	*rapid.T
	*desk
	ctx    context.Context
	tenant storage.Tenant
	// The schedules: two take turns, nobody is on call, one is from nine to five.
	turns, nobody, office itsm.ID
	policies              []modelPolicy
	subjects              []itsm.Ref
	ended                 map[itsm.ID]bool
	all                   []*record
}

type modelPolicy struct {
	is     oncall.Policy
	steps  []modelStep
	repeat int
	after  time.Duration
}

type modelStep struct {
	wait time.Duration
	who  func(at time.Time) []string
}

// record is an escalation as the model has it.
type record struct {
	is      oncall.Escalation
	subject itsm.Ref
	policy  modelPolicy
	state   oncall.State
	// next counts all steps of all rounds from 0.
	next    int
	due     time.Time
	turn    int
	reached bool
	told    map[string]bool
	by      itsm.ID
	story   []string
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func (m *machine) define() {
	m.ended = map[itsm.ID]bool{}
	m.turns, m.nobody = m.schedule(m, m.ctx, m.tenant, "ana", "ben").ID, m.schedule(m, m.ctx, m.tenant).ID
	office, err := m.p.DefineSchedule(m.ctx, manager(m.tenant), oncall.ScheduleDefinition{Name: "Office", Rota: oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{{
		Participants: []itsm.ID{"cleo"}, Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-01-01"},
		Windows: []oncall.Window{{From: "09:00", To: "17:00"}},
	}}}})
	require.NoError(m, err)
	m.office = office.ID
	targets := map[string]struct {
		target oncall.Target
		who    func(time.Time) []string
	}{
		"ana":   {to("ana"), func(time.Time) []string { return []string{"ana"} }},
		"dan":   {to("dan"), func(time.Time) []string { return []string{"dan"} }},
		"group": {toGroup("network"), func(time.Time) []string { return []string{"network"} }},
		"turns": {toSchedule(m.turns), func(at time.Time) []string {
			return []string{[]string{"ana", "ben"}[int(at.Sub(monday)/(24*time.Hour))%2]}
		}},
		"nobody": {toSchedule(m.nobody), func(time.Time) []string { return nil }},
		"office": {toSchedule(m.office), func(at time.Time) []string {
			if at.Hour() >= 9 && at.Hour() < 17 {
				return []string{"cleo"}
			}
			return nil
		}},
	}
	for range 2 {
		p := modelPolicy{repeat: rapid.IntRange(0, 2).Draw(m.T, "repeat")}
		var steps []oncall.Step
		for range rapid.IntRange(1, 4).Draw(m.T, "steps") {
			minutes := rapid.IntRange(1, 90).Draw(m.T, "minutes")
			names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ana", "dan", "group", "turns", "nobody", "nobody", "office", "office"}), 1, 2, rapid.ID).Draw(m.T, "targets")
			s := oncall.Step{Minutes: minutes}
			for _, n := range names {
				s.Targets = append(s.Targets, targets[n].target)
			}
			steps = append(steps, s)
			p.steps = append(p.steps, modelStep{time.Duration(minutes) * time.Minute, func(at time.Time) []string {
				var people, groups []string
				for _, n := range names {
					if n == "group" {
						groups = append(groups, targets[n].who(at)...)
						continue
					}
					people = append(people, targets[n].who(at)...)
				}
				slices.Sort(people)
				return append(slices.Compact(people), groups...)
			}})
		}
		after := rapid.SampledFrom([]int{0, 0, 15}).Draw(m.T, "after")
		p.after = time.Duration(after) * time.Minute
		var err error
		p.is, err = m.p.DefinePolicy(m.ctx, manager(m.tenant), oncall.PolicyDefinition{Name: "Random",
			Ladder: oncall.Ladder{After: after, Steps: steps, Repeat: p.repeat}})
		require.NoError(m, err)
		m.policies = append(m.policies, p)
	}
}

// take does what the step at a place comes to.
func (r *record) take(at time.Time, from int) (taken bool) {
	n := len(r.policy.steps)
	for i := from; i < min(from+n, n*(r.policy.repeat+1)); i++ {
		s := r.policy.steps[i%n]
		if who := s.who(at); len(who) > 0 {
			for _, w := range who {
				r.told[w] = true
			}
			r.story = append(r.story, "page "+strings.Join(who, " "))
			r.next, r.due, r.reached = i+1, at.Add(s.wait), true
			r.turn++
			return true
		}
	}
	return false
}

// takeOrEnd ends the escalation where nobody is left.
func (r *record) takeOrEnd(at time.Time, from int) {
	switch {
	case r.take(at, from):
	case r.reached:
		r.to(oncall.StateExhausted, "exhaust")
	default:
		r.to(oncall.StateUnreachable, "give_up")
	}
}

func (r *record) to(s oncall.State, action string) {
	r.state, r.due = s, time.Time{}
	r.story = append(r.story, action)
}

// tick does what is due.
func (r *record) tick(now time.Time) {
	if r.state == oncall.StateEscalating && !now.Before(r.due) {
		r.takeOrEnd(now, r.next)
	}
}

func (m *machine) start() {
	policy := rapid.SampledFrom(m.policies).Draw(m.T, "policy")
	if len(m.subjects) == 0 || rapid.IntRange(0, 2).Draw(m.T, "new subject") == 0 {
		m.subjects = append(m.subjects, m.alert(m, m.ctx, m.tenant))
	}
	subject := rapid.SampledFrom(m.subjects).Draw(m.T, "subject")
	is, err := m.p.Start(m.ctx, manager(m.tenant), oncall.Page{Subject: subject, Policy: policy.is.ID, Summary: "Mail is down"})
	if m.ended[subject.ID] {
		require.ErrorIs(m, err, itsm.ErrInvalid)
		return
	}
	require.NoError(m, err)
	for _, r := range m.all {
		if r.subject == subject && r.policy.is.ID == policy.is.ID && (r.state == oncall.StateEscalating || r.state == oncall.StateAcknowledged) {
			require.Equal(m, r.is.ID, is.ID)
			m.compare(r)
			return
		}
	}
	r := &record{is: is, subject: subject, policy: policy, state: oncall.StateEscalating, told: map[string]bool{}, story: []string{"start"}}
	for _, other := range m.all {
		require.NotEqual(m, other.is.ID, is.ID)
	}
	if r.due = m.clock.Now().Add(policy.after); policy.after == 0 {
		r.takeOrEnd(m.clock.Now(), 0)
	}
	m.all = append(m.all, r)
	m.compare(r)
}

func (m *machine) command() {
	r := rapid.SampledFrom(m.all).Draw(m.T, "escalation")
	who := rapid.SampledFrom([]string{"ana", "ben", "cleo", "dan", "network", "manager"}).Draw(m.T, "who")
	actor := person(m.tenant, itsm.ID(who))
	switch who {
	case "network":
		actor = person(m.tenant, "nora", "network")
	case "manager":
		actor = manager(m.tenant)
	}
	name := rapid.SampledFrom([]string{"acknowledge", "acknowledge", "escalate", "cancel"}).Draw(m.T, "command")
	run := map[string]func(context.Context, itsm.Actor, itsm.ID, itsm.Command) (oncall.Escalation, error){
		"acknowledge": m.p.Acknowledge, "escalate": m.p.Escalate, "cancel": m.p.Cancel,
	}[name]
	_, err := run(m.ctx, actor, r.is.ID, itsm.Command{})
	now := m.clock.Now()
	over := r.state == oncall.StateClosed || r.state == oncall.StateCancelled
	switch {
	case who != "manager" && !r.told[who]:
		require.ErrorIs(m, err, itsm.ErrNotFound)
	case who != "manager" && name == "cancel":
		require.ErrorIs(m, err, itsm.ErrForbidden)
	case over, name == "acknowledge" && r.state == oncall.StateAcknowledged:
		require.ErrorIs(m, err, itsm.ErrTransition)
	case name == "acknowledge":
		require.NoError(m, err)
		r.to(oncall.StateAcknowledged, "acknowledge")
		r.by = actor.ID
	case name == "cancel":
		require.NoError(m, err)
		r.to(oncall.StateCancelled, "cancel")
	default:
		require.NoError(m, err)
		from := r.state
		r.state, r.by = oncall.StateEscalating, ""
		r.story = append(r.story, "escalate")
		if from != oncall.StateEscalating || !r.take(now, r.next) {
			r.reached = false
			r.takeOrEnd(now, 0)
		}
	}
	m.compare(r)
}

func (m *machine) time() {
	now := m.clock.Advance(time.Duration(rapid.IntRange(0, 120).Draw(m.T, "minutes")) * time.Minute)
	if !rapid.Bool().Draw(m.T, "tick") {
		return
	}
	m.pass(m, m.ctx, 0)
	for _, r := range m.all {
		if r.state == oncall.StateEscalating {
			r.tick(now)
			m.compare(r)
		}
	}
}

func (m *machine) endSubject() {
	subject := rapid.SampledFrom(m.subjects).Draw(m.T, "subject")
	require.NoError(m, m.end(m.ctx, m.tenant, subject))
	m.ended[subject.ID] = true
	for _, r := range m.all {
		if r.subject != subject {
			continue
		}
		switch r.state {
		case oncall.StateEscalating:
			r.to(oncall.StateCancelled, "cancel")
		case oncall.StateAcknowledged, oncall.StateExhausted, oncall.StateUnreachable:
			r.to(oncall.StateClosed, "close")
		}
		m.compare(r)
	}
}

func (m *machine) compare(r *record) {
	got := m.get(m, m.ctx, r.is)
	require.Equal(m, r.state, got.State)
	require.Equal(m, r.state == oncall.StateEscalating || r.state == oncall.StateAcknowledged, got.Open)
	require.Equal(m, r.due, got.Due)
	require.Equal(m, r.turn, got.Turn)
	require.Equal(m, r.by, got.AcknowledgedBy)
	require.Len(m, r.told, len(got.Told.People)+len(got.Told.Groups))
	require.Equal(m, r.story, m.story(m, m.ctx, r.is))
	_, err := m.p.Escalation(m.ctx, person(m.tenant, "dan"), r.is.ID)
	if r.told["dan"] {
		require.NoError(m, err)
	} else if !errors.Is(err, itsm.ErrNotFound) {
		m.Fatalf("dan was not told and gets %v", err)
	}
}
