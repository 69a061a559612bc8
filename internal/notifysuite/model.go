// This file holds the model test: random events, preferences and passing time, each compared with the
// model.

package notifysuite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, store storage.Store) {
	h := open(t, store, rules(
		rule("opened", func(r *notify.Rule) { r.Channels = []notify.Channel{"email", "in_app"} }),
		rule("noted"),
		rule("resolved", func(r *notify.Rule) { r.Urgent, r.Until = true, []string{"ticket.acknowledged.v1"} }),
	))
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, desk: h, ctx: t.Context(), tenant: storage.Tenant(fmt.Sprintf("run-%d", runs.Add(1))),
			wants: map[itsm.ID]notify.Preferences{}, sent: map[string]int{}}
		m.staffed(rt, m.ctx, m.tenant)
		rt.Repeat(map[string]func(*rapid.T){
			"log":    func(rt *rapid.T) { m.T = rt; m.log() },
			"change": func(rt *rapid.T) { m.T = rt; m.change() },
			"again":  func(rt *rapid.T) { m.T = rt; m.change() }, // most of what happens
			"prefer": func(rt *rapid.T) { m.T = rt; m.prefer() },
			"time":   func(rt *rapid.T) { m.T = rt; m.time() },
		})
		m.T = rt
		for range 30 { // everything comes in the end
			m.until(m.clock.Now().Add(time.Hour))
		}
		require.Empty(m, m.waiting)
	})
}

type machine struct {
	*rapid.T
	*desk
	ctx     context.Context
	tenant  storage.Tenant
	tickets []ticket
	wants   map[itsm.ID]notify.Preferences
	waiting []expected
	sent    map[string]int
}

// expected is a message that is to come at an instant: one by one, or in the digest of the instant.
type expected struct {
	due      time.Time
	digest   bool
	person   itsm.ID
	channel  notify.Channel
	template string
	ticket   itsm.ID
}

func (m *machine) log() {
	actor := person(m.tenant, rapid.SampledFrom([]itsm.ID{"ana", "bob", "cem", "rita"}).Draw(m.T, "actor"))
	tk := m.desk.log(m.T, m.ctx, actor, func(tk *ticket) {
		tk.Requester = rapid.SampledFrom([]itsm.ID{"rita", "rob"}).Draw(m.T, "requester")
		tk.Group = rapid.SampledFrom([]itsm.ID{"", "desk"}).Draw(m.T, "group")
		tk.Assignee = rapid.SampledFrom([]itsm.ID{"", "ana", "cem"}).Draw(m.T, "assignee")
		tk.Watchers = rapid.SliceOfDistinct(rapid.SampledFrom([]itsm.ID{"ana", "bob", "rita", "rob"}), rapid.ID).Draw(m.T, "watchers")
		tk.Restricted = rapid.IntRange(0, 4).Draw(m.T, "restricted") == 0
		tk.Members = []itsm.ID{"bob"}
	})
	m.tickets = append(m.tickets, tk)
	m.expect(tk, actor.ID, "opened", false, "email", "in_app")
	m.until(m.clock.Now())
}

func (m *machine) change() {
	if len(m.tickets) == 0 {
		return
	}
	tk := rapid.SampledFrom(m.tickets).Draw(m.T, "ticket")
	actor := person(m.tenant, rapid.SampledFrom([]itsm.ID{"ana", "bob", "cem"}).Draw(m.T, "actor"))
	switch rapid.SampledFrom([]string{"note", "internal", "resolve", "acknowledge"}).Draw(m.T, "what") {
	case "note":
		m.write(m.T, m.ctx, actor, tk.ID, "public", false)
		m.expect(tk, actor.ID, "noted", false, "email")
	case "internal":
		m.write(m.T, m.ctx, actor, tk.ID, "SECRET", true)
		m.expect(tk, actor.ID, "noted", true, "email")
	case "resolve":
		m.desk.change(m.T, m.ctx, actor, tk.ID, resolved{}, false, nil)
		m.expect(tk, actor.ID, "resolved", false, "email")
	case "acknowledge":
		m.desk.change(m.T, m.ctx, actor, tk.ID, acknowledge{}, false, nil)
		m.waiting = slices.DeleteFunc(m.waiting, func(x expected) bool { return x.ticket == tk.ID && x.template == "ticket.resolved" })
	}
	m.until(m.clock.Now())
}

// expect notes whom an event is told to.
func (m *machine) expect(tk ticket, actor itsm.ID, name string, internal bool, channels ...notify.Channel) {
	reached := append([]itsm.ID{tk.Requester, tk.Assignee}, tk.Watchers...)
	if tk.Group == "desk" {
		reached = append(reached, "ana", "bob")
	}
	slices.Sort(reached)
	for _, id := range slices.Compact(reached) {
		works := slices.Contains(staff, id)
		reads := works && (!tk.Restricted || id == "bob") || !works && (id == tk.Requester || !tk.Restricted)
		if id == "" || id == actor || !reads || internal && !works {
			continue
		}
		for _, channel := range channels {
			x := expected{due: m.clock.Now(), person: id, channel: channel, template: "ticket." + name, ticket: tk.ID}
			for _, c := range m.wants[id].Choices {
				if c.Class != "" && c.Class != name || c.Channel != "" && c.Channel != channel {
					continue
				}
				if c.Off {
					x.person = ""
				}
				if c.Digest == notify.DigestHourly && name != "resolved" {
					// No zone of these people is off by less than an hour.
					x.due, x.digest = m.clock.Now().Truncate(time.Hour).Add(time.Hour), true
				}
				break
			}
			if zone, err := time.LoadLocation(map[itsm.ID]string{"rita": "Pacific/Auckland", "rob": "America/New_York", "ana": "Europe/Berlin"}[id]); err == nil && len(m.wants[id].Quiet) > 0 && name != "resolved" && channel != "in_app" {
				for h := x.due.In(zone).Hour(); h >= 22 || h < 7; h = x.due.In(zone).Hour() {
					x.due = x.due.Truncate(time.Minute).Add(time.Minute)
				}
			}
			if x.person != "" {
				m.waiting = append(m.waiting, x)
			}
		}
	}
}

func (m *machine) prefer() {
	id := rapid.SampledFrom([]itsm.ID{"rita", "rob", "ana", "bob", "cem"}).Draw(m.T, "person")
	var p notify.Preferences
	for range rapid.IntRange(0, 2).Draw(m.T, "choices") {
		c := notify.Choice{
			Class:   rapid.SampledFrom([]string{"", "opened", "noted", "resolved"}).Draw(m.T, "class"),
			Channel: rapid.SampledFrom([]notify.Channel{"", "email", "in_app"}).Draw(m.T, "channel"),
		}
		switch rapid.IntRange(0, 2).Draw(m.T, "choice") {
		case 0:
			c.Off = true
		case 1:
			c.Digest = notify.DigestHourly
		}
		p.Choices = append(p.Choices, c)
	}
	if rapid.Bool().Draw(m.T, "quiet") {
		p.Quiet = everyNight()
	}
	m.desk.prefer(m.T, m.ctx, m.tenant, id, p)
	m.wants[id] = p
}

func (m *machine) time() {
	m.until(m.clock.Now().Add(time.Duration(rapid.IntRange(1, 12*60).Draw(m.T, "minutes")) * time.Minute))
}

// until lets the time pass and compares what came with what was to come. What is due between is due when
// the time has passed.
func (m *machine) until(now time.Time) {
	m.pass(m.T, m.ctx, now.Sub(m.clock.Now()))
	want := map[string]int{}
	digests := map[string]int{}
	m.waiting = slices.DeleteFunc(m.waiting, func(x expected) bool {
		if x.due.After(now) {
			return false
		}
		to := string(x.person) + " " + string(x.channel)
		if x.digest {
			digests[to+" "+x.template+" "+string(x.ticket)]++
		} else {
			want[to+" "+x.template+" "+string(x.ticket)]++
		}
		return true
	})
	got, gotDigests := map[string]int{}, map[string]int{}
	m.mu.Lock()
	for _, n := range m.got {
		require.Equal(m, m.tenant, n.Tenant)
		m.sent[string(n.ID)]++
		require.Equal(m, 1, m.sent[string(n.ID)], "each message once, as nothing failed")
		to := string(n.Person) + " " + string(n.Channel)
		if n.Template != notify.TemplateDigest {
			got[to+" "+n.Template+" "+string(n.RecordID)]++
			m.public(n.Person, n.Data)
			continue
		}
		require.NotEmpty(m, n.Items)
		for _, i := range n.Items {
			gotDigests[to+" "+i.Template+" "+string(i.RecordID)]++
			m.public(n.Person, i.Data)
		}
	}
	m.got = nil
	m.mu.Unlock()
	require.Equal(m, want, got)
	require.Equal(m, digests, gotDigests)
}

// public holds that who asks is never told what is internal.
func (m *machine) public(to itsm.ID, data map[string]any) {
	if !slices.Contains(staff, to) {
		require.False(m, strings.Contains(fmt.Sprint(data), "SECRET"), "%s was told %v", to, data)
	}
}
