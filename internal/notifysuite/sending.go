// This file holds the cases of messages on their way: failures, repetitions, expiry, acknowledgement.

package notifysuite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/storage"
)

// toRita tells the requester alone.
func toRita(r *notify.Rule) {
	r.Audiences = []notify.Audience{{Kind: notify.AudienceRequester}}
}

func failedAgain(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", toRita))), t.Context()
	var ids []itsm.ID
	h.fail = func(n notify.Notification) error {
		ids = append(ids, n.ID)
		if len(ids) < 3 {
			return errDown
		}
		return nil
	}
	h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	n := h.messages(t, ctx, acme)[0]
	require.Equal(t, notify.StateFailed, n.State)
	require.Equal(t, errDown.Error(), n.Error)
	for range 2 {
		h.pass(t, ctx, time.Minute)
	}
	require.Equal(t, []itsm.ID{n.ID, n.ID, n.ID}, ids)
	n = h.messages(t, ctx, acme)[0]
	require.Equal(t, notify.StateSent, n.State)
	require.Equal(t, 3, n.Attempts)
	require.Equal(t, h.clock.Now(), n.SentAt)
	require.Empty(t, n.Error)
}

func undeliverable(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", toRita))), t.Context()
	h.fail = func(notify.Notification) error { return fmt.Errorf("no address: %w", notify.ErrUndeliverable) }
	h.log(t, ctx, person(acme, "cem"))
	ran := h.pass(t, ctx, 0)
	require.Zero(t, ran.Failed+ran.Dead)
	n := h.messages(t, ctx, acme)[0]
	require.Equal(t, notify.StateFailed, n.State)
	require.Equal(t, notify.WhyUndeliverable, n.Why)
	h.fail = nil
	h.pass(t, ctx, 24*time.Hour)
	require.Empty(t, h.take())
}

func deadLetter(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", toRita))), t.Context()
	h.fail = func(notify.Notification) error { return errDown }
	h.log(t, ctx, person(acme, "cem"))
	for range 3 {
		h.pass(t, ctx, time.Hour)
	}
	n := h.messages(t, ctx, acme)[0]
	letters, err := h.e.DeadLetters(ctx, manager(acme), storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, notify.JobSend, letters[0].Kind)
	require.Equal(t, string(n.ID), letters[0].Key)
	h.fail = nil
	h.pass(t, ctx, time.Hour)
	require.Empty(t, h.take())
	require.NoError(t, h.e.RetryDeadLetter(ctx, manager(acme), notify.JobSend, string(n.ID)))
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"rita email ticket.opened"}, h.take())
}

// diesAfterSending is a process that ends when the sender has the message and nothing is written yet: the
// engine sees its context end, as at a stop, and the claim is not finished.
func diesAfterSending(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", toRita))), t.Context()
	dying, die := context.WithCancel(ctx)
	h.after = func(notify.Notification) error { die(); return context.Canceled }
	h.log(t, ctx, person(acme, "cem"))
	_, err := h.e.Tick(dying, h.clock.Now())
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, h.got, 1)
	first := h.got[0].ID
	require.Equal(t, []string{"rita email ticket.opened"}, h.take())
	require.Equal(t, notify.StatePending, h.messages(t, ctx, acme)[0].State)
	h.after = nil
	h.pass(t, ctx, time.Hour) // the claim has ended
	require.Len(t, h.got, 1)
	require.Equal(t, first, h.got[0].ID)
	require.Equal(t, 2, h.got[0].Attempts)
	require.Equal(t, notify.StateSent, h.messages(t, ctx, acme)[0].State)
}

func expired(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(
		rule("opened", toRita, func(r *notify.Rule) { r.ExpireSeconds = 3600 }),
		rule("resolved", toRita, func(r *notify.Rule) { r.ExpireSeconds = 3600 }))), t.Context()
	h.fail = func(notify.Notification) error { return errDown }
	tk := h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	h.fail = nil
	// Nothing ran for months.
	h.pass(t, ctx, 90*24*time.Hour-time.Hour)
	require.Empty(t, h.take())
	require.Equal(t, notify.WhyExpired, h.messages(t, ctx, acme)[0].Why)
	// Nor does what would wait longer than it is of use.
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Choices: []notify.Choice{{Digest: notify.DigestDaily}}})
	e := h.change(t, ctx, person(acme, "cem"), tk.ID, resolved{}, false, nil)
	h.pass(t, ctx, 0)
	h.pass(t, ctx, 48*time.Hour)
	require.Empty(t, h.take())
	x, err := h.p.Explain(ctx, manager(acme), e)
	require.NoError(t, err)
	require.Equal(t, notify.WhyExpired, x.Decisions[0].Why)
}

func acknowledged(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", func(r *notify.Rule) {
		r.Events, r.Until, r.CollapseSeconds = []string{"ticket.opened.v1", "ticket.noted.v1"}, []string{"ticket.acknowledged.v1"}, 60
	}))), t.Context()
	tk := h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	e := h.change(t, ctx, person(acme, "ana"), tk.ID, acknowledge{}, false, nil)
	h.pass(t, ctx, 0)
	h.pass(t, ctx, 30*24*time.Hour)
	require.Empty(t, h.take())
	x, err := h.p.Explain(ctx, manager(acme), e)
	require.NoError(t, err)
	require.Len(t, x.Mooted, 3)
	for _, n := range h.messages(t, ctx, acme) {
		require.Equal(t, notify.WhyMoot, n.Why)
	}

	// A reader acknowledges a message: what the rule has to say later to that reader about it is moot.
	tk = h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	h.pass(t, ctx, time.Minute)
	require.Len(t, h.got, 3)
	var mine notify.Notification
	for _, n := range h.got {
		if n.Person == "ana" {
			mine = n
		}
	}
	h.take()
	h.write(t, ctx, person(acme, "cem"), tk.ID, "more", false)
	h.pass(t, ctx, 0)
	_, err = h.p.Acknowledge(ctx, person(acme, "bob"), mine.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound, "it is Ana's")
	_, err = h.p.Acknowledge(ctx, manager(acme), mine.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	for range 2 {
		n, err := h.p.Acknowledge(ctx, person(acme, "ana"), mine.ID, itsm.Command{Key: "k"})
		require.NoError(t, err)
		require.False(t, n.AcknowledgedAt.IsZero())
	}
	h.pass(t, ctx, time.Minute)
	require.Equal(t, []string{"bob email ticket.opened", "rita email ticket.opened"}, h.take())
}

func erased(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", toRita), rule("noted", toRita, func(r *notify.Rule) { r.CollapseSeconds = 600 }))), t.Context()
	h.prefer(t, ctx, acme, "rita", notify.Preferences{Choices: []notify.Choice{{Class: "her own words"}}})
	tk := h.log(t, ctx, person(acme, "cem"))
	h.write(t, ctx, person(acme, "cem"), tk.ID, "something private", false)
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 1)
	_, err := h.d.ErasePerson(ctx, manager(acme), "rita", itsm.Command{})
	require.NoError(t, err)
	h.pass(t, ctx, 0)
	h.pass(t, ctx, time.Hour)
	require.Empty(t, h.take())
	for _, n := range h.messages(t, ctx, acme) {
		require.Empty(t, n.Data)
		require.NotEqual(t, notify.StatePending, n.State)
	}
	pref, err := h.p.PreferencesOf(ctx, manager(acme), "rita")
	require.NoError(t, err)
	require.Empty(t, pref.Choices)
	require.NoError(t, h.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		events, err := r.Events(ctx, storage.EventQuery{Kind: notify.KindPreference, Limit: 10})
		require.Len(t, events, 2)
		for _, e := range events {
			require.NotContains(t, string(e.Envelope), "her own words")
		}
		return err
	}))
}

func purged(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{Retention: 10 * 24 * time.Hour}), t.Context()
	tk := h.log(t, ctx, person(acme, "cem"))
	h.pass(t, ctx, 0)
	e := h.first(t, ctx, tk)
	for range 9 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Len(t, h.messages(t, ctx, acme), 3)
	h.log(t, ctx, person(acme, "cem"))
	for range 3 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Len(t, h.messages(t, ctx, acme), 3, "those of the second ticket")
	_, err := h.p.Explain(ctx, manager(acme), e.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for range 12 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Empty(t, h.messages(t, ctx, acme))
	require.NoError(t, h.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 10})
		require.Empty(t, jobs, "nothing is left to be done")
		return err
	}))
}

func explained(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("noted", func(r *notify.Rule) {
		r.Audiences = append(r.Audiences, notify.Audience{Kind: notify.AudienceHost, Name: "nobody"})
	}))), t.Context()
	gone := false
	_, err := h.d.EditPerson(ctx, manager(acme), "bob", directory.PersonEdit{Active: &gone})
	require.NoError(t, err)
	h.prefer(t, ctx, acme, "ana", notify.Preferences{Choices: []notify.Choice{{Off: true}}})
	tk := h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Assignee, tk.Watchers, tk.Group = "ana", []itsm.ID{"cem", "rob", "bob"}, "" })
	e := h.write(t, ctx, person(acme, "cem"), tk.ID, "internal", true)
	public := h.write(t, ctx, person(acme, "cem"), tk.ID, "public", false)
	h.pass(t, ctx, 0)
	why := func(e itsm.ID) map[itsm.ID]notify.Why {
		x, err := h.p.Explain(ctx, manager(acme), e)
		require.NoError(t, err)
		require.Equal(t, "ticket.noted.v1", x.EventType)
		all := map[itsm.ID]notify.Why{}
		for _, d := range x.Decisions {
			all[d.Person] = d.Why
			require.Equal(t, "noted", d.Rule)
			require.Equal(t, d.Why == "", d.Message != "")
		}
		return all
	}
	require.Equal(t, map[itsm.ID]notify.Why{
		"ana": notify.WhySwitchedOff, "bob": notify.WhyInactive, "cem": notify.WhyActor,
		"nobody": notify.WhyUnknown, "rita": notify.WhyInternal, "rob": notify.WhyInternal,
	}, why(e))
	require.Equal(t, map[itsm.ID]notify.Why{
		"ana": notify.WhySwitchedOff, "bob": notify.WhyInactive, "cem": notify.WhyActor, "nobody": notify.WhyUnknown, "rita": "", "rob": "",
	}, why(public))
	_, err = h.p.Explain(ctx, person(acme, "rita"), public)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.Explain(ctx, manager(acme), "none")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	// Of a record that the manager may not read it says nothing.
	h.change(t, ctx, person(acme, "cem"), tk.ID, acknowledge{}, false, func(tk *ticket) { tk.Restricted = true })
	_, err = h.p.Explain(ctx, manager(acme), public)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func ownMessages(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, rules(rule("opened", func(r *notify.Rule) { r.Channels = []notify.Channel{notify.ChannelInApp} }))), t.Context()
	var all []ticket
	for range 3 {
		all = append(all, h.log(t, ctx, person(acme, "cem")))
		h.pass(t, ctx, time.Minute)
	}
	rita := person(acme, "rita")
	page, err := h.p.List(ctx, rita, storage.Query[notify.Head]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	for _, m := range page.Items {
		require.EqualValues(t, "rita", m.Person)
	}
	everyone, err := h.p.List(ctx, manager(acme), storage.Query[notify.Head]{})
	require.NoError(t, err)
	require.Len(t, everyone.Items, 9)
	for _, m := range everyone.Items {
		_, err := h.p.Get(ctx, rita, m.ID)
		if m.Person == "rita" {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, itsm.ErrNotFound)
		}
	}
	inbox, err := h.p.Inbox(ctx, rita, notify.ChannelInApp, "", 2)
	require.NoError(t, err)
	require.Equal(t, []itsm.ID{all[2].ID, all[1].ID}, []itsm.ID{inbox.Items[0].RecordID, inbox.Items[1].RecordID})
	inbox, err = h.p.Inbox(ctx, rita, notify.ChannelInApp, inbox.Next, 2)
	require.NoError(t, err)
	require.Len(t, inbox.Items, 1)

	// What a reader may not read any more is gone from the inbox.
	ana := person(acme, "ana")
	h.change(t, ctx, person(acme, "cem"), all[1].ID, acknowledge{}, false, func(tk *ticket) { tk.Restricted = true })
	inbox, err = h.p.Inbox(ctx, ana, notify.ChannelInApp, "", 0)
	require.NoError(t, err)
	require.Len(t, inbox.Items, 2)

	_, err = h.p.SetPreferences(ctx, rita, "ana", notify.PreferenceChange{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.PreferencesOf(ctx, rita, "ana")
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.SetPreferences(ctx, rita, "rita", notify.PreferenceChange{Preferences: notify.Preferences{
		Choices: []notify.Choice{{Channel: "E-Mail", Off: true, Digest: "weekly"}, {Digest: notify.DigestDaily, At: "8:00"}, {At: "08:00"}},
		Quiet:   directory.Hours{{Day: 9, From: 0, To: 60}},
	}})
	require.Equal(t, []string{"preferences.choices[0].channel", "preferences.choices[0].digest", "preferences.choices[0].digest", "preferences.choices[1].at", "preferences.choices[2].at", "preferences.quiet[0].day"}, fields(t, err))
	var week directory.Hours
	for d := time.Sunday; d <= time.Saturday; d++ {
		week = append(week, directory.Window{Day: d, From: 0, To: 1440})
	}
	_, err = h.p.SetPreferences(ctx, manager(acme), "rita", notify.PreferenceChange{Preferences: notify.Preferences{Quiet: week}})
	require.Equal(t, []string{"preferences.quiet"}, fields(t, err))
	_, err = h.p.List(ctx, itsm.Actor{Tenant: acme, ID: "eve"}, storage.Query[notify.Head]{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}
