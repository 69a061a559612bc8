// This file holds the cases of follow-ups: what waits is reminded of, and resolved in the end.

package incidentsuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

const hours = time.Hour

// waitingRules are the hold reasons of these cases.
func waitingRules() []incident.HoldRule {
	return []incident.HoldRule{
		{Reason: "caller", NeedsNote: true, ReplyResumes: true, Reminders: []time.Duration{24 * hours, 72 * hours},
			ResolveAfter: 120 * hours, ResolveCode: incident.CodeByRequester, ResolveNotes: "We have not heard from you."},
		{Reason: "delivery", Reminders: []time.Duration{48 * hours}},
		{Reason: "quiet", ResolveAfter: 10 * hours, ResolveCode: incident.CodeFixed, ResolveNotes: "It did not come back."},
		{Reason: "plain"},
	}
}

// told gives the follow-ups and ends of waits of an incident, in order.
func (d *desk) told(t require.TestingT, actor itsm.Actor, id itsm.ID) []string {
	entries, err := d.p.Timeline(context.Background(), actor, id)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		if e.Event == nil {
			continue
		}
		switch p := e.Event.Data.(type) {
		case incident.FollowUpDue:
			out = append(out, fmt.Sprintf("%s remind %s %d/%d resolves %s", e.At.Format("02T15:04"), p.HoldReason, p.Count, p.Of, p.Resolves.Format("02T15:04")))
		case incident.Resolved:
			out = append(out, fmt.Sprintf("%s resolved %s %s by %s", e.At.Format("02T15:04"), p.Code, p.WaitedFor, e.Event.Actor))
		case incident.Resumed:
			out = append(out, e.At.Format("02T15:04")+" resumed")
		}
	}
	return out
}

func (d *desk) hold(t require.TestingT, id itsm.ID, reason incident.HoldReason) incident.Incident {
	i, err := d.p.Hold(context.Background(), manager(acme), id, incident.Hold{HoldReason: reason, Note: "Please tell us more"})
	require.NoError(t, err)
	return i
}

// tickTo moves the clock in steps and ticks at each.
func (d *desk) tickTo(t require.TestingT, end time.Duration, step time.Duration) {
	for range int(end / step) {
		_, err := d.e.Tick(context.Background(), d.clock.Advance(step))
		require.NoError(t, err)
	}
}

func followUps(t *testing.T, newStore func(*testing.T) storage.Store) {
	t.Run("RemindsAndThenResolves", func(t *testing.T) {
		d := open(t, newStore(t), incident.Options{HoldReasons: waitingRules()})
		i := d.report(t, t.Context()) // on the 2nd at nine
		d.hold(t, i.ID, "caller")
		d.tickTo(t, 130*hours, hours)
		want := []string{
			"03T09:00 remind caller 1/2 resolves 07T09:00",
			"05T09:00 remind caller 2/2 resolves 07T09:00",
			"07T09:00 resolved by_requester caller by system:incident.follow_up",
		}
		require.Equal(t, want, d.told(t, manager(acme), i.ID))
		require.Equal(t, want, d.told(t, requester(acme, "rita"), i.ID), "the requester may see it")
		got, err := d.p.Get(t.Context(), manager(acme), i.ID)
		require.NoError(t, err)
		require.Equal(t, incident.Outcome{Code: incident.CodeByRequester, Notes: "We have not heard from you.", By: "system:incident.follow_up"}, got.Resolution)
		require.Zero(t, got.Reminders)
		require.True(t, got.RemindFrom.IsZero())

		// It is closed as any other, and may be taken up again: the next wait begins anew.
		_, err = d.p.Reopen(t.Context(), manager(acme), i.ID, incident.Reopening{})
		require.NoError(t, err)
		d.hold(t, i.ID, "caller")
		d.tickTo(t, 24*hours, hours)
		require.Equal(t, append(want, "08T19:00 remind caller 1/2 resolves 12T19:00"), d.told(t, manager(acme), i.ID))
	})

	t.Run("WhatEndsTheWaitCancelsThem", func(t *testing.T) {
		d, ctx := open(t, newStore(t), incident.Options{HoldReasons: waitingRules()}), t.Context()
		replied, changed, resumed, cancelled := d.report(t, ctx), d.report(t, ctx), d.report(t, ctx), d.report(t, ctx)
		for _, i := range []incident.Incident{replied, changed, resumed, cancelled} {
			d.hold(t, i.ID, "caller")
		}
		d.tickTo(t, 30*hours, hours)
		_, err := d.p.Reply(ctx, requester(acme, "rita"), replied.ID, incident.Reply{Text: "It is the blue one"})
		require.NoError(t, err)
		_, err = d.p.ChangeHoldReason(ctx, manager(acme), changed.ID, incident.Hold{HoldReason: "delivery"})
		require.NoError(t, err)
		_, err = d.p.Resume(ctx, manager(acme), resumed.ID, itsm.Command{})
		require.NoError(t, err)
		_, err = d.p.Cancel(ctx, manager(acme), cancelled.ID, incident.Cancellation{Command: itsm.Command{Reason: "void"}})
		require.NoError(t, err)
		d.tickTo(t, 300*hours, hours)
		first := "03T09:00 remind caller 1/2 resolves 07T09:00"
		require.Equal(t, []string{first, "03T15:00 resumed"}, d.told(t, manager(acme), replied.ID))
		require.Equal(t, []string{first, "05T15:00 remind delivery 1/1 resolves 01T00:00"}, d.told(t, manager(acme), changed.ID), "counted from the change")
		require.Equal(t, []string{first, "03T15:00 resumed"}, d.told(t, manager(acme), resumed.ID))
		require.Equal(t, []string{first}, d.told(t, manager(acme), cancelled.ID))
	})

	t.Run("WhoHasWrittenIsNotTakenForSilent", func(t *testing.T) {
		rules := waitingRules()
		rules[0].ReplyResumes = false
		d, ctx := open(t, newStore(t), incident.Options{HoldReasons: rules}), t.Context()
		i := d.report(t, ctx)
		d.hold(t, i.ID, "caller")
		d.tickTo(t, 100*hours, hours) // both reminders
		_, err := d.p.Reply(ctx, requester(acme, "rita"), i.ID, incident.Reply{Text: "I am asking my colleague"})
		require.NoError(t, err)
		d.tickTo(t, 24*hours, hours)
		told := d.told(t, manager(acme), i.ID)
		require.Len(t, told, 3)
		require.Equal(t, "07T13:00 remind caller 1/2 resolves 11T13:00", told[2])
	})

	t.Run("LateJobsLeaveTheTimeBetween", func(t *testing.T) {
		d := open(t, newStore(t), incident.Options{HoldReasons: waitingRules()})
		i := d.report(t, t.Context())
		d.hold(t, i.ID, "caller")
		d.tickTo(t, 240*hours, 240*hours) // nothing ran for ten days
		d.tickTo(t, 120*hours, hours)
		require.Equal(t, []string{
			"12T09:00 remind caller 1/2 resolves 16T09:00",
			"14T09:00 remind caller 2/2 resolves 16T09:00",
			"16T09:00 resolved by_requester caller by system:incident.follow_up",
		}, d.told(t, manager(acme), i.ID), "nobody is given up on without having been reminded")
	})

	t.Run("WhatMustBeFinishedFirstKeepsItOpen", func(t *testing.T) {
		blocked := true
		d := open(t, newStore(t), incident.Options{HoldReasons: waitingRules(), Blockers: func(context.Context, storage.Reader, incident.Incident) ([]string, error) {
			if blocked {
				return []string{"an open task"}, nil
			}
			return nil, nil
		}})
		i := d.report(t, t.Context())
		d.hold(t, i.ID, "quiet")
		d.tickTo(t, 20*hours, hours)
		require.Empty(t, d.told(t, manager(acme), i.ID))
		blocked = false
		d.tickTo(t, 15*hours, hours)
		require.Equal(t, []string{"03T19:00 resolved fixed quiet by system:incident.follow_up"}, d.told(t, manager(acme), i.ID), "it is tried again each day")
	})

	t.Run("EachOnceWhateverProcessesTickAndDie", func(t *testing.T) {
		store := newStore(t)
		d := open(t, store, incident.Options{HoldReasons: waitingRules()})
		others := []*desk{d}
		for range 2 {
			o := open(t, store, incident.Options{HoldReasons: waitingRules()})
			others = append(others, o)
		}
		var ids []itsm.ID
		for range 6 {
			i := d.report(t, t.Context())
			d.hold(t, i.ID, "caller")
			ids = append(ids, i.ID)
		}
		for range 24 {
			now := d.clock.Advance(6 * hours)
			errs := together.Run(len(others), func(n int) error {
				ctx, die := context.WithCancel(context.Background())
				defer time.AfterFunc(time.Duration(1+n*n)*time.Millisecond, die).Stop() // in the midst of its jobs
				defer die()
				_, err := others[n].e.Tick(ctx, now)
				if ctx.Err() != nil {
					return nil
				}
				return err
			})
			require.NoError(t, errors.Join(errs...))
			// What a process that died had claimed is taken over when its lease has ended.
			_, err := d.e.Tick(t.Context(), d.clock.Advance(2*time.Minute))
			require.NoError(t, err)
		}
		for _, id := range ids {
			told := d.told(t, manager(acme), id)
			require.Len(t, told, 3)
			for n, part := range []string{"remind caller 1/2", "remind caller 2/2", "resolved by_requester caller"} {
				require.Contains(t, told[n], part)
			}
		}
	})
}

// followUpModel: whatever is done with an incident, it is reminded of as a small model says.
func followUpModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	d := open(t, newStore(t), incident.Options{HoldReasons: waitingRules()})
	rules := map[incident.HoldReason]incident.HoldRule{}
	for _, r := range waitingRules() {
		rules[r.Reason] = r
	}
	reasons := []incident.HoldReason{"caller", "delivery", "quiet", "plain"}
	rapid.Check(t, func(rt *rapid.T) {
		i := d.report(rt, context.Background())
		// The model: why it waits, since when the next step counts, how many there were.
		waits, from, done := incident.HoldReason(""), time.Time{}, 0
		resolved := false
		var want []string
		begin := func(reason incident.HoldReason) { waits, from, done = reason, d.clock.Now(), 0 }
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			ctx, who := context.Background(), manager(acme)
			switch act := rapid.SampledFrom([]string{"pass", "pass", "pass", "hold", "change", "resume", "reply", "resolve"}).Draw(rt, "act"); {
			case act == "pass":
				now := d.clock.Advance(time.Duration(rapid.IntRange(1, 60).Draw(rt, "hours")) * hours)
				_, err := d.e.Tick(ctx, now)
				require.NoError(rt, err)
				if waits == "" {
					break
				}
				rule := rules[waits]
				spans := slices.Clone(rule.Reminders)
				if rule.ResolveAfter > 0 {
					spans = append(spans, rule.ResolveAfter)
				}
				if done >= len(spans) {
					break
				}
				span := spans[done]
				if done > 0 {
					span -= spans[done-1]
				}
				if now.Before(from.Add(span)) {
					break
				}
				if done < len(rule.Reminders) {
					done, from = done+1, now
					want = append(want, fmt.Sprintf("remind %d", done))
				} else {
					want = append(want, "resolved")
					waits, resolved = "", true
				}
			case act == "hold" && waits == "" && !resolved:
				reason := rapid.SampledFrom(reasons).Draw(rt, "reason")
				d.hold(rt, i.ID, reason)
				begin(reason)
			case act == "change" && waits != "":
				reason := rapid.SampledFrom(reasons).Draw(rt, "reason")
				if reason != waits {
					_, err := d.p.ChangeHoldReason(ctx, who, i.ID, incident.Hold{HoldReason: reason, Note: "Now for this"})
					require.NoError(rt, err)
					begin(reason)
				}
			case act == "resume" && waits != "":
				_, err := d.p.Resume(ctx, who, i.ID, itsm.Command{})
				require.NoError(rt, err)
				waits = ""
			case act == "reply" && !resolved:
				_, err := d.p.Reply(ctx, requester(acme, "rita"), i.ID, incident.Reply{Text: "Here I am"})
				require.NoError(rt, err)
				if waits == "caller" {
					waits = ""
				} else if waits != "" {
					begin(waits)
				}
			case act == "resolve" && !resolved:
				_, err := d.p.Resolve(ctx, who, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
				require.NoError(rt, err)
				waits, resolved = "", true
				want = append(want, "resolved")
			}
			if resolved {
				break
			}
		}
		var got []string
		entries, err := d.p.Timeline(context.Background(), manager(acme), i.ID)
		require.NoError(rt, err)
		for _, e := range entries {
			if e.Event == nil {
				continue
			}
			switch p := e.Event.Data.(type) {
			case incident.FollowUpDue:
				got = append(got, fmt.Sprintf("remind %d", p.Count))
			case incident.Resolved:
				got = append(got, "resolved")
			}
		}
		require.Equal(rt, want, got)
		if !resolved { // it must not meet the next one
			_, err := d.p.Cancel(context.Background(), manager(acme), i.ID, incident.Cancellation{Command: itsm.Command{Reason: "over"}})
			require.NoError(rt, err)
		}
	})
}
