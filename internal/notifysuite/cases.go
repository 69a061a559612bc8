// This file holds the cases of who is told, when, and of what never is.

package notifysuite

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/storage"
)

// start makes a desk with its people in acme.
func start(t *testing.T, store storage.Store, o notify.Options) *desk {
	t.Helper()
	h := open(t, store, o)
	h.staffed(t, t.Context(), acme)
	h.pass(t, t.Context(), 0)
	require.Empty(t, h.take())
	return h
}

func toldOnce(t *testing.T, store storage.Store) {
	both := func(r *notify.Rule) {
		r.Channels = []notify.Channel{notify.ChannelEmail, notify.ChannelInApp}
		r.Audiences = append(r.Audiences, notify.Audience{Kind: notify.AudiencePerson, Name: "bob"})
	}
	again := rule("again", func(r *notify.Rule) {
		r.Events, r.Channels = []string{"ticket.*"}, []notify.Channel{notify.ChannelInApp, notify.ChannelPush}
	})
	h, ctx := start(t, store, rules(rule("opened", both), again)), t.Context()
	tk := h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Assignee, tk.Watchers = "ana", []itsm.ID{"ana", "rita"} })
	h.pass(t, ctx, 0)
	require.Equal(t, []string{
		"ana email ticket.opened", "ana in_app ticket.opened", "ana push ticket.again",
		"bob email ticket.opened", "bob in_app ticket.opened", "bob push ticket.again",
		"rita email ticket.opened", "rita in_app ticket.opened", "rita push ticket.again",
	}, h.take())
	x, err := h.p.Explain(ctx, manager(acme), h.first(t, ctx, tk).ID)
	require.NoError(t, err)
	require.Equal(t, []notify.Audience{{Kind: notify.AudienceAssignee}, {Kind: notify.AudienceGroup}, {Kind: notify.AudienceWatchers}}, x.Decisions[0].Audiences)
	h.pass(t, ctx, time.Hour)
	require.Empty(t, h.take())
}

func actorNotTold(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened"), rule("resolved", func(r *notify.Rule) { r.TellActor = true }))), t.Context()
	tk := h.log(t, ctx, person(acme, "ana"))
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"bob email ticket.opened", "rita email ticket.opened"}, h.take())
	h.change(t, ctx, person(acme, "ana"), tk.ID, resolved{}, false, nil)
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"ana email ticket.resolved", "bob email ticket.resolved", "rita email ticket.resolved"}, h.take())
}

func deliveredAgain(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	tk := h.log(t, ctx, person(acme, "cem"))
	e := h.first(t, ctx, tk)
	for range 3 {
		require.NoError(t, h.p.Deliver(ctx, e))
	}
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 3)
	require.NoError(t, h.p.Deliver(ctx, e))
	h.pass(t, ctx, time.Hour)
	require.Empty(t, h.take())
	require.Len(t, h.messages(t, ctx, acme), 3)
}

// everyNight is from ten in the evening to seven in the morning.
func everyNight() (h directory.Hours) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		h = append(h, directory.Window{Day: d, From: 22 * 60, To: 7 * 60})
	}
	return h
}

func quietHours(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Quiet: everyNight()})
	h.prefer(t, ctx, acme, "ana", notify.Preferences{Quiet: everyNight()})
	// 09:00 UTC is 22:00 in Auckland and 10:00 in Berlin.
	h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"ana email ticket.opened", "bob email ticket.opened"}, h.take())
	h.pass(t, ctx, 9*time.Hour-time.Microsecond)
	require.Empty(t, h.take())
	h.pass(t, ctx, time.Microsecond)
	require.Equal(t, []string{"rita email ticket.opened"}, h.take(), "at seven in Auckland, 18:00 UTC")

	// The night in which Berlin loses an hour: 2026-03-29, from 22:00 (21:00 UTC) to 07:00 (05:00 UTC).
	h.pass(t, ctx, time.Date(2026, 3, 28, 22, 0, 0, 0, time.UTC).Sub(h.clock.Now()))
	h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Requester, tk.Group, tk.Assignee = "cem", "", "ana" })
	h.pass(t, ctx, 7*time.Hour-time.Microsecond)
	require.Empty(t, h.take())
	h.pass(t, ctx, time.Microsecond)
	require.Equal(t, []string{"ana email ticket.opened"}, h.take())
}

func urgent(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", func(r *notify.Rule) { r.Class = "ticket.new" }), rule("resolved", func(r *notify.Rule) { r.Urgent = true }))), t.Context()
	daily := []notify.Choice{{Digest: notify.DigestDaily}}
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Quiet: everyNight(), Choices: daily})
	h.prefer(t, ctx, acme, "bob", notify.Preferences{Choices: daily, Urgent: []string{"ticket.*"}})
	tk := h.log(t, ctx, person(acme, "ana"))
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"bob email ticket.opened"}, h.take())
	h.change(t, ctx, person(acme, "ana"), tk.ID, resolved{}, false, nil)
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"bob email ticket.resolved", "rita email ticket.resolved"}, h.take())
}

func digests(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	h.prefer(t, ctx, acme, "ana", notify.Preferences{Choices: []notify.Choice{{Class: "opened", Digest: notify.DigestHourly}}})
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Choices: []notify.Choice{{Channel: "email", Digest: notify.DigestDaily, At: "17:30"}}})
	h.pass(t, ctx, 10*time.Minute)
	first := h.log(t, ctx, person(acme, "bob"))
	h.pass(t, ctx, 10*time.Minute)
	second := h.log(t, ctx, person(acme, "bob"), func(tk *ticket) { tk.Title = "Phone is down" })
	h.pass(t, ctx, 39*time.Minute)
	require.Empty(t, h.take())
	h.pass(t, ctx, time.Minute)
	require.Len(t, h.got, 1)
	d := h.got[0]
	require.Equal(t, []string{"ana email digest"}, h.take())
	require.Len(t, d.Items, 2)
	require.Equal(t, []itsm.ID{first.ID, second.ID}, []itsm.ID{d.Items[0].RecordID, d.Items[1].RecordID})
	require.Equal(t, "Phone is down", d.Items[1].Data["title"])
	require.Equal(t, 2, d.Count)
	n, err := h.p.Get(ctx, person(acme, "ana"), d.Items[0].ID)
	require.NoError(t, err)
	require.Equal(t, notify.StateDigested, n.State)
	require.Equal(t, d.ID, n.DigestedIn)
	// 17:30 of the next day in Auckland is 04:30 UTC.
	h.pass(t, ctx, time.Date(2026, 3, 3, 4, 29, 0, 0, time.UTC).Sub(h.clock.Now()))
	require.Empty(t, h.take())
	h.pass(t, ctx, time.Minute)
	require.Equal(t, []string{"rita email digest"}, h.take())
}

func collapsed(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("noted", func(r *notify.Rule) {
		r.CollapseSeconds = 60
		r.Audiences = []notify.Audience{{Kind: notify.AudienceRequester}}
	}))), t.Context()
	tk := h.log(t, ctx, person(acme, "ana"))
	other := h.log(t, ctx, person(acme, "ana"))
	first := h.write(t, ctx, person(acme, "ana"), tk.ID, "one", false)
	h.write(t, ctx, person(acme, "ana"), other.ID, "elsewhere", false)
	h.pass(t, ctx, 0)
	h.pass(t, ctx, 30*time.Second)
	last := h.write(t, ctx, person(acme, "ana"), tk.ID, "two", false)
	h.pass(t, ctx, 0)
	h.pass(t, ctx, 29*time.Second)
	require.Empty(t, h.take())
	h.pass(t, ctx, time.Second)
	require.Len(t, h.got, 2)
	for _, n := range h.got {
		if n.RecordID == tk.ID {
			require.Equal(t, 2, n.Count)
			require.Equal(t, first, n.Event)
			require.Equal(t, []itsm.ID{last}, n.More)
			require.Equal(t, "two", n.Data["note"])
		} else {
			require.Equal(t, 1, n.Count)
		}
	}
	x, err := h.p.Explain(ctx, manager(acme), last)
	require.NoError(t, err)
	require.True(t, x.Decisions[0].Collapsed)
	h.take()
	h.write(t, ctx, person(acme, "ana"), tk.ID, "three", false)
	h.pass(t, ctx, 0)
	h.pass(t, ctx, time.Minute)
	require.Len(t, h.take(), 1, "what was sent takes up nothing")
}

func switchedOff(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened"), rule("noted"), rule("resolved", func(r *notify.Rule) { r.Mandatory = true }))), t.Context()
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Choices: []notify.Choice{{Class: "noted"}, {Off: true}}})
	tk := h.log(t, ctx, person(acme, "ana"), func(tk *ticket) { tk.Group = "" })
	h.pass(t, ctx, 0)
	require.Empty(t, h.take())
	h.write(t, ctx, person(acme, "ana"), tk.ID, "Which mailbox?", false)
	h.change(t, ctx, person(acme, "ana"), tk.ID, resolved{}, false, nil)
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"rita email ticket.noted", "rita email ticket.resolved"}, h.take())
}

func internalNotes(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	tk := h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Watchers = []itsm.ID{"rob"} })
	h.write(t, ctx, person(acme, "cem"), tk.ID, "SECRET the password was guessed", true)
	h.write(t, ctx, person(acme, "cem"), tk.ID, "We are on it", false)
	h.write(t, ctx, person(acme, "cem"), tk.ID, "SECRET again", true)
	h.pass(t, ctx, 0)
	outside := 0
	for _, n := range h.messages(t, ctx, acme) {
		raw, err := json.Marshal(n)
		require.NoError(t, err)
		if n.Person == "rita" || n.Person == "rob" {
			outside++
			require.NotContains(t, string(raw), "SECRET")
			require.Equal(t, notify.ReadPublic, n.Reading)
		}
	}
	require.Equal(t, 4, outside, "two people are told of the ticket and of the public note")
	require.Len(t, h.take(), 4+8)
}

func restricted(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	h.log(t, ctx, person(acme, "cem"), func(tk *ticket) {
		tk.Restricted, tk.Members, tk.Watchers = true, []itsm.ID{"bob"}, []itsm.ID{"rob"}
	})
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"bob email ticket.opened", "rita email ticket.opened"}, h.take())
}

func restrictedMeanwhile(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	hourly := notify.Preferences{Choices: []notify.Choice{{Digest: notify.DigestHourly}}}
	h.prefer(t, ctx, acme, "ana", hourly)
	h.fail = func(n notify.Notification) error { return errDown }
	tk := h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	h.change(t, ctx, person(acme, "cem"), tk.ID, acknowledge{}, false, func(tk *ticket) { tk.Restricted = true })
	h.fail = nil
	h.pass(t, ctx, 2*time.Hour)
	h.pass(t, ctx, 2*time.Hour)
	require.Equal(t, []string{"rita email ticket.opened"}, h.take())
	for _, n := range h.messages(t, ctx, acme) {
		if n.Person != "rita" {
			require.Equal(t, notify.WhyMayNotRead, n.Why)
		}
	}
}

func conditions(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(
		rule("opened", func(r *notify.Rule) {
			r.When = storage.Condition{Op: storage.AtMost, Column: "priority", Values: []any{int64(2)}}
		}),
		rule("by itself", func(r *notify.Rule) {
			r.Events, r.Template = []string{"ticket.opened.v1"}, "system"
			r.When = storage.Condition{Op: storage.Equal, Column: "event_system", Values: []any{true}}
		}))), t.Context()
	tk := h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	require.Empty(t, h.take())
	x, err := h.p.Explain(ctx, manager(acme), h.first(t, ctx, tk).ID)
	require.NoError(t, err)
	require.Equal(t, []string{"opened", "by itself"}, x.Unmatched)
	h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Priority = 2 })
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 3)
	h.log(t, ctx, itsm.SystemActor(acme, "monitor"))
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"ana email system", "bob email system", "rita email system"}, h.take())
}

func tenantsApart(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	h.staffed(t, ctx, globex)
	h.pass(t, ctx, 0)
	h.prefer(t, ctx, globex, "rita", notify.Preferences{Choices: []notify.Choice{{Off: true}}})
	h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	for _, n := range h.got {
		require.Equal(t, acme, n.Tenant)
	}
	require.Len(t, h.take(), 3)
	require.Empty(t, h.messages(t, ctx, globex))
	for _, n := range h.messages(t, ctx, acme) {
		_, err := h.p.Get(ctx, manager(globex), n.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = h.p.Explain(ctx, manager(globex), n.Event)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = h.p.Acknowledge(ctx, person(globex, n.Person), n.ID, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	page, err := h.p.List(ctx, manager(globex), storage.Query[notify.Head]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	h.log(t, ctx, person(globex, "cem"))
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 2, "Rita of globex wants nothing")
}

func addressed(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("noted", func(r *notify.Rule) {
		r.Audiences, r.CollapseSeconds = []notify.Audience{{Kind: notify.AudienceNamed}, {Kind: notify.AudienceRequester}}, 60
	}))), t.Context()
	h.prefer(t, ctx, acme, "rob", notify.Preferences{Choices: []notify.Choice{{Digest: notify.DigestHourly}}})
	tk := h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Named = []itsm.ID{"rob", "ana"} })
	secret := h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Named, tk.Restricted = []itsm.ID{"rob"}, true })
	e := h.write(t, ctx, person(acme, "cem"), tk.ID, "SECRET", true)
	h.write(t, ctx, person(acme, "cem"), secret.ID, "SECRET", true)
	h.pass(t, ctx, 0)
	why := map[itsm.ID]notify.Why{}
	x, err := h.p.Explain(ctx, manager(acme), e)
	require.NoError(t, err)
	for _, d := range x.Decisions {
		why[d.Person] = d.Why
	}
	require.Equal(t, map[itsm.ID]notify.Why{"ana": "", "rob": "", "rita": notify.WhyInternal}, why)
	h.pass(t, ctx, time.Minute)
	require.Equal(t, []string{"ana email ticket.noted"}, h.take())
	h.pass(t, ctx, time.Hour)
	require.Len(t, h.got, 1)
	require.Len(t, h.got[0].Items, 1, "not of what is restricted")
	require.True(t, h.got[0].Items[0].Named)
	require.Equal(t, map[string]any{"title": "Mail is down"}, h.got[0].Items[0].Data, "the public part")
	require.Equal(t, []string{"rob email digest"}, h.take())

	// Who was told as a watcher and is addressed meanwhile is told of both at once.
	other := h.log(t, ctx, person(acme, "cem"))
	h.write(t, ctx, person(acme, "cem"), other.ID, "We look", false)
	h.pass(t, ctx, 0)
	h.change(t, ctx, person(acme, "cem"), other.ID, noted{}, true, func(tk *ticket) { tk.Named = []itsm.ID{"rita"} })
	h.pass(t, ctx, 0)
	h.pass(t, ctx, time.Minute)
	require.Len(t, h.got, 1)
	require.Equal(t, 2, h.got[0].Count)
	require.Equal(t, []notify.Audience{{Kind: notify.AudienceRequester}, {Kind: notify.AudienceNamed}}, h.got[0].Audiences)
}

func ownHours(t *testing.T, store storage.Store) {
	channels := func(r *notify.Rule) { r.Channels = []notify.Channel{notify.ChannelEmail, notify.ChannelInApp} }
	h, ctx := start(t, store, rules(rule("opened", toRita, channels), rule("resolved", toRita, channels, func(r *notify.Rule) { r.ExpireSeconds = 3600 }))), t.Context()
	var days directory.Hours // all but Monday
	for d := time.Tuesday; d <= time.Saturday; d++ {
		days = append(days, directory.Window{Day: d, From: 0, To: 24 * 60})
	}
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Quiet: append(days, directory.Window{Day: time.Sunday, From: 0, To: 24 * 60})})
	h.pass(t, ctx, 24*time.Hour) // Tuesday night in Auckland
	tk := h.log(t, ctx, person(acme, "cem"))
	h.change(t, ctx, person(acme, "cem"), tk.ID, resolved{}, false, nil)
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"rita in_app ticket.opened", "rita in_app ticket.resolved"}, h.take(), "what she looks up disturbs nobody")
	for range 3 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Empty(t, h.take(), "past what a message may be old")
	for range 4 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Equal(t, []string{"rita email ticket.opened"}, h.take(), "on her Monday, and not what its rule says is of no use by then")
}
