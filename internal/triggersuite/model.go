// This file holds the model test: random triggers and commands, compared with an oracle that plays
// them through on plain values.

package triggersuite

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
)

// values are what the model knows of a ticket.
type values struct {
	category string
	priority int
}

// happening is an event as the model has it.
type happening struct {
	kind          string // opened or edited
	before, after values
	first         bool // there was nothing before
	system        bool
	chain         []string
	// delivered says that triggers after the commit have seen it.
	delivered bool
}

// rule is a trigger as the model has it.
type rule struct {
	trigger.Trigger
	holds func(e happening) bool
}

// imagined is a ticket of the model.
type imagined struct {
	id      itsm.ID
	now     values
	log     []*happening
	lines   []string
	firings map[string]int
}

type machine struct {
	*rapid.T
	t       *testing.T
	h       *host
	actor   itsm.Actor
	rules   []rule
	tickets []*imagined
}

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, h *host) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, t: t, h: h, actor: manager(storage.Tenant(fmt.Sprintf("model-%d", runs.Add(1))))}
		m.draw()
		rt.Repeat(map[string]func(*rapid.T){
			"open": func(rt *rapid.T) { m.T = rt; m.open() },
			"edit": func(rt *rapid.T) { m.T = rt; m.edit() },
			"tick": func(rt *rapid.T) { m.T = rt; m.tick() },
		})
		m.tick()
		m.compare()
	})
}

func (m *machine) draw() {
	for i := range rapid.IntRange(1, 6).Draw(m.T, "triggers") {
		r := rule{Trigger: trigger.Trigger{Name: fmt.Sprintf("t%d", i), On: trigger.Listen{Kind: "ticket"},
			Order: rapid.IntRange(0, 2).Draw(m.T, "order"), Repeat: rapid.Bool().Draw(m.T, "repeat"), Inactive: rapid.IntRange(0, 5).Draw(m.T, "inactive") == 0}}
		if rapid.Bool().Draw(m.T, "within") {
			r.During = trigger.DuringTransaction
		}
		kinds := rapid.SampledFrom([][]string{nil, {"opened"}, {"edited"}, {"opened", "edited"}}).Draw(m.T, "types")
		for _, k := range kinds {
			r.On.Types = append(r.On.Types, "ticket."+k+".v1")
		}
		n := rapid.IntRange(0, 3).Draw(m.T, "value")
		var holds func(e happening) bool
		switch rapid.IntRange(0, 5).Draw(m.T, "condition") {
		case 0:
			holds = func(happening) bool { return true }
		case 1:
			r.When, holds = cond(storage.AtMost, "priority", int64(n)), func(e happening) bool { return e.after.priority <= n }
		case 2:
			r.When, holds = cond(trigger.OpChanged, "priority"), func(e happening) bool { return e.first || e.before.priority != e.after.priority }
		case 3:
			r.When = cond(trigger.OpChangedFrom, "priority", int64(n))
			holds = func(e happening) bool {
				return !e.first && e.before.priority == n && e.after.priority != n
			}
		case 4:
			r.When = and(cond(trigger.OpChangedTo, "category", "vpn"), cond(storage.Equal, "event.system", false))
			holds = func(e happening) bool {
				return (e.first || e.before.category != "vpn") && e.after.category == "vpn" && !e.system
			}
		case 5:
			r.When = storage.Condition{Op: storage.Not, Of: []storage.Condition{cond(storage.Equal, "before.priority", int64(n))}}
			holds = func(e happening) bool { return e.first || e.before.priority != n }
		}
		r.holds = func(e happening) bool {
			return (len(kinds) == 0 || slices.Contains(kinds, e.kind)) && holds(e)
		}
		action := 2
		if i < 2 { // more of them would make more events than a page has
			action = rapid.IntRange(0, 2).Draw(m.T, "action")
		}
		switch action {
		case 0:
			r.Actions = []trigger.Step{{Action: "bump", With: []byte(`{"by":1}`)}}
		case 1:
			r.Actions = []trigger.Step{{Action: "bump", With: []byte(`{"by":1}`)}, {Action: "write", With: []byte(`{"text":"{{before.priority}}>{{priority}}"}`)}}
		default:
			r.Actions = []trigger.Step{{Action: "write", With: []byte(`{"text":"{{before.priority}}>{{priority}}"}`)}}
		}
		m.rules = append(m.rules, r)
	}
	var s trigger.Set
	for _, r := range m.rules {
		s.Triggers = append(s.Triggers, r.Trigger)
	}
	m.h.follow(m.t, m.actor, s.Triggers...)
	slices.SortStableFunc(m.rules, func(a, b rule) int { return a.Order - b.Order })
}

func (m *machine) open() {
	v := values{rapid.SampledFrom([]string{"vpn", "wlan"}).Draw(m.T, "category"), rapid.IntRange(0, 3).Draw(m.T, "priority")}
	got := m.h.open(m.t, m.actor, v.category, v.priority)
	x := &imagined{id: got.ID, now: v, firings: map[string]int{}}
	m.tickets = append(m.tickets, x)
	m.happen(x, &happening{kind: "opened", after: v, first: true})
}

func (m *machine) edit() {
	if len(m.tickets) == 0 {
		m.Skip("none to edit")
	}
	x := rapid.SampledFrom(m.tickets).Draw(m.T, "ticket")
	was := x.now
	actor, system := m.actor, rapid.Bool().Draw(m.T, "system")
	if system {
		actor = itsm.SystemActor(m.actor.Tenant, "night")
	}
	x.now = values{rapid.SampledFrom([]string{"vpn", "wlan"}).Draw(m.T, "category"), rapid.IntRange(0, 3).Draw(m.T, "priority")}
	m.h.edit(m.t, actor, x.id, func(t *ticket) { t.Category, t.Priority = x.now.category, x.now.priority })
	m.happen(x, &happening{kind: "edited", before: was, after: x.now, system: system})
}

// happen adds an event of a command, and plays what answers it in the transaction: the events of the
// transaction in turn, each of which finds the ticket as it left it.
func (m *machine) happen(x *imagined, e *happening) {
	x.log = append(x.log, e)
	for i := len(x.log) - 1; i < len(x.log); i++ {
		m.answer(x, *x.log[i], trigger.DuringTransaction)
	}
}

// answer plays the triggers that answer an event.
func (m *machine) answer(x *imagined, e happening, during trigger.During) {
	var fires []rule
	for _, r := range m.rules {
		d := r.During
		if d == "" {
			d = trigger.DuringAfter
		}
		if !r.Inactive && d == during && r.holds(e) {
			fires = append(fires, r)
		}
	}
	for _, r := range fires {
		agent := "trigger:" + r.Name
		if !r.Repeat && slices.Contains(e.chain, agent) || len(e.chain) >= 4 {
			x.firings[r.Name+" stopped"]++
			continue
		}
		x.firings[r.Name+" done"]++
		var next *happening
		for _, s := range r.Actions {
			if s.Action == "write" {
				before := fmt.Sprint(e.before.priority)
				if e.first {
					before = ""
				}
				x.lines = append(x.lines, fmt.Sprintf("%s: %s>%d", r.Name, before, e.after.priority))
				continue
			}
			was := x.now
			x.now.priority++
			next = &happening{kind: "edited", before: was, after: x.now, system: true, chain: append(slices.Clone(e.chain), agent)}
		}
		switch {
		case next == nil:
		case during == trigger.DuringTransaction:
			x.log = append(x.log, next) // it comes in its turn
		default:
			m.happen(x, next) // a transaction of its own
		}
	}
}

func (m *machine) tick() {
	m.h.tick(m.t)
	for _, x := range m.tickets {
		for i := 0; i < len(x.log); i++ {
			if e := x.log[i]; !e.delivered {
				e.delivered = true
				m.answer(x, *e, trigger.DuringAfter)
			}
		}
	}
}

func (m *machine) compare() {
	for _, x := range m.tickets {
		require.Equal(m, x.lines, m.h.lines(m.t, m.actor, x.id))
		got := map[string]int{}
		require.NoError(m, m.h.e.View(m.t.Context(), m.actor, func(ctx context.Context, r storage.Reader) error {
			groups, err := trigger.FiringTable.CountBy(ctx, r, trigger.FiringByRecord.Is(x.id), trigger.FiringByTrigger, trigger.FiringByOutcome)
			for _, g := range groups {
				got[fmt.Sprintf("%s %s", g.Values[0], g.Values[1])] = int(g.Count)
			}
			return err
		}))
		require.Equal(m, x.firings, got)
		m.explained(x)
		require.NoError(m, m.h.e.View(m.t.Context(), m.actor, func(ctx context.Context, r storage.Reader) error {
			now, err := tickets.Get(ctx, r, x.id)
			require.Equal(m, x.now, values{now.Category, now.Priority})
			return err
		}))
	}
}

// explained sees that Explain says of every event what came of it, in the transaction and after.
func (m *machine) explained(x *imagined) {
	var log []itsm.Event
	fired := map[string]trigger.Outcome{}
	require.NoError(m, m.h.e.View(m.t.Context(), m.actor, func(ctx context.Context, r storage.Reader) (err error) {
		if log, err = m.h.e.History(ctx, r, storage.EventQuery{Kind: "ticket", Record: x.id, Limit: storage.MaxLimit}); err != nil {
			return err
		}
		q := storage.Query[trigger.FiringHead]{Where: trigger.FiringByRecord.Is(x.id), Limit: storage.MaxPage}
		for f, err := range storage.Pages(q, func(q storage.Query[trigger.FiringHead]) (storage.Page[trigger.FiringHead], error) {
			return trigger.FiringTable.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			fired[fmt.Sprint(f.Event, f.Trigger)] = f.Outcome
		}
		return nil
	}))
	for _, e := range log[:min(len(log), 20)] {
		verdicts, err := m.h.p.Explain(m.t.Context(), m.actor, itsm.Ref{Kind: "ticket", ID: x.id}, e.Version, e.N)
		require.NoError(m, err)
		for _, v := range verdicts {
			outcome := fired[fmt.Sprint(e.ID, v.Trigger)]
			require.Equal(m, outcome == trigger.OutcomeDone, v.Fires, "%s at %d", v.Trigger, e.Version)
			require.Equal(m, outcome == trigger.OutcomeStopped, v.Stopped != "", "%s at %d", v.Trigger, e.Version)
		}
	}
}
