// This file holds the cases of what triggers do.

package triggersuite

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
)

func snapshots(t *testing.T, h *host) {
	mona := manager(acme)
	h.follow(t, mona,
		on("urgent", "", cond(storage.AtMost, "priority", int64(1)), "is {{priority}}"),
		on("eased", "edited", cond(trigger.OpChangedFrom, "priority", int64(1)), "was {{before.priority}}, is {{priority}} in {{category}}"),
	)
	one := h.open(t, mona, "vpn", 1)
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 3 })
	h.edit(t, mona, one.ID, func(t *ticket) { t.Category = "wlan" })
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 1 })
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 4 })
	require.Empty(t, h.lines(t, mona, one.ID), "nothing happens before the tick")
	h.tick(t)
	require.Equal(t, []string{
		"urgent: is 1", "eased: was 1, is 3 in vpn", "urgent: is 1", "eased: was 1, is 4 in wlan",
	}, h.lines(t, mona, one.ID), "each event is seen as it was, though the record has gone on")
	require.Equal(t, []string{"urgent done", "eased done", "urgent done", "eased done"}, h.firings(t, mona, one.ID))
}

func changes(t *testing.T, h *host) {
	mona := manager(acme)
	none := storage.Condition{}
	byPerson := on("by-person", "edited", cond(storage.Equal, "event.system", false), "{{event.actor}}")
	entering := on("entering", "", none, "{{event.from}} to {{event.to}}")
	entering.On.Entering = []itsm.Category{itsm.CategoryResolved}
	leaving := on("leaving", "", none, "x")
	leaving.On.Leaving = []itsm.Category{itsm.CategoryActive}
	action := on("action", "", none, "{{event.action}}")
	action.On.Actions = []string{"resolve"}
	h.follow(t, mona,
		on("begun", "", cond(trigger.OpChangedTo, "priority", int64(2)), "begun"),
		on("any", "", cond(trigger.OpChanged, "priority"), "from {{before.priority}} to {{priority}}"),
		on("down", "", and(cond(trigger.OpChangedFrom, "priority", int64(2), int64(3)), cond(storage.Above, "priority", int64(3))), "down"),
		byPerson, entering, leaving, action,
	)
	one := h.open(t, mona, "vpn", 2)
	h.tick(t)
	require.Equal(t, []string{"begun: begun", "any: from  to 2"}, h.lines(t, mona, one.ID), "what a record begins with has changed to it")
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 4 })
	h.edit(t, itsm.SystemActor(acme, "night"), one.ID, func(t *ticket) { t.Category = "wlan" })
	h.resolve(t, mona, one.ID)
	h.tick(t)
	require.Equal(t, []string{
		"any: from 2 to 4", "down: down", "by-person: mona", "entering: new to resolved", "action: resolve",
	}, h.lines(t, mona, one.ID)[2:])
}

func customFields(t *testing.T, h *host) {
	mona := manager(acme)
	h.follow(t, mona,
		on("moved", "", cond(trigger.OpChanged, "fields.floor"), "from {{before.fields.floor}} to {{fields.floor}}"),
		on("red", "", cond(trigger.OpChangedTo, "fields.colour", "red"), "red"),
	)
	floor := func(n string, colour string) func(*ticket) {
		return func(t *ticket) {
			t.Fields = itsm.Fields{"floor": json.RawMessage(n), "colour": json.RawMessage(`"` + colour + `"`)}
		}
	}
	one := h.open(t, mona, "vpn", 2)
	h.edit(t, mona, one.ID, floor("7", "green"))
	h.edit(t, mona, one.ID, floor("7", "red"))
	h.edit(t, mona, one.ID, floor("8", "red"))
	h.tick(t)
	require.Equal(t, []string{"moved: from  to 7", "red: red", "moved: from 7 to 8"}, h.lines(t, mona, one.ID))
}

func deletion(t *testing.T, h *host) {
	mona := manager(acme)
	gone := on("gone", "", storage.Condition{}, "{{before.category}} {{category}}")
	gone.On.Types = []string{engine.Deleted{}.EventType()}
	h.follow(t, mona, gone, on("vpn", "opened", cond(storage.Equal, "category", "vpn"), "{{category}}"))
	one := h.open(t, mona, "vpn", 2)
	require.NoError(t, h.e.Update(t.Context(), mona, func(ctx context.Context, u *engine.Unit) error {
		return u.Delete(ctx, tickets.Schema(), one.ID, one.Version)
	}))
	h.tick(t)
	require.Equal(t, []string{"vpn: vpn", "gone: vpn "}, h.lines(t, mona, one.ID), "what was there is known from its history")
}

func inOrder(t *testing.T, h *host) {
	mona := manager(acme)
	late, early, middle := on("late", "opened", storage.Condition{}, "3"), on("early", "opened", storage.Condition{}, "1"), on("middle", "", storage.Condition{}, "2")
	late.Order, early.Order, middle.Order = 9, -5, 2
	two := on("two-steps", "opened", storage.Condition{}, "a")
	two.Order, two.Actions = 20, append(two.Actions, trigger.Step{Action: "write", With: []byte(`{"text":"b"}`)})
	off := on("off", "", storage.Condition{}, "never")
	off.Inactive = true
	h.follow(t, mona, late, two, off, early, middle)
	one := h.open(t, mona, "vpn", 2)
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 1 })
	h.tick(t)
	require.Equal(t, []string{"early: 1", "middle: 2", "late: 3", "two-steps: a", "two-steps: b", "middle: 2"}, h.lines(t, mona, one.ID))
}

func inTransaction(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	write := on("write", "", cond(storage.Equal, "category", "vpn"), "{{event.action}} {{before.priority}}->{{priority}}")
	write.During = trigger.DuringTransaction
	keep := trigger.Trigger{Name: "keep", Order: 1, During: trigger.DuringTransaction, On: trigger.Listen{Kind: "ticket", Types: []string{"ticket.edited.v1"}},
		When:    and(cond(trigger.OpChanged, "category"), cond(storage.Equal, "event.system", false)),
		Actions: []trigger.Step{{Action: trigger.ActionRefuse, With: []byte(`{"reason":"the category {{category}} is for the night"}`)}}}
	h.follow(t, mona, write, keep)
	one := h.open(t, mona, "vpn", 2)
	require.Equal(t, []string{"write: open ->2"}, h.lines(t, mona, one.ID), "it is there with the command")

	_, err := h.change(ctx, mona, one.ID, itsm.Event{Action: "edit", Data: edited{}}, func(t *ticket) { t.Category, t.Priority = "wlan", 5 })
	var refused *trigger.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, &trigger.RefusedError{Trigger: "keep", Kind: "ticket", ID: one.ID, Action: "edit", Reason: "the category wlan is for the night"}, refused)
	require.ErrorIs(t, err, itsm.ErrTransition)
	h.breaks("write", true)
	_, err = h.change(ctx, mona, one.ID, itsm.Event{Action: "edit", Data: edited{}}, func(t *ticket) { t.Priority = 5 })
	var failed *trigger.FailedError
	require.ErrorAs(t, err, &failed, "a failing action fails the command")
	require.ErrorIs(t, failed.Cause, errBroken)
	require.NotErrorIs(t, err, errBroken)
	require.NotContains(t, err.Error(), "write", "the one who commanded cannot do anything about it")
	h.breaks("write", false)
	require.Len(t, h.lines(t, mona, one.ID), 1, "what was refused left nothing")
	require.Equal(t, []string{"write done"}, h.firings(t, mona, one.ID))

	h.edit(t, itsm.SystemActor(acme, "night"), one.ID, func(t *ticket) { t.Category, t.Priority = "wlan", 5 })
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 4 })
	h.tick(t)
	require.Len(t, h.lines(t, mona, one.ID), 1, "it does not run again after the commit")
}

func bump(name string, when storage.Condition) trigger.Trigger {
	return trigger.Trigger{Name: name, On: trigger.Listen{Kind: "ticket"}, When: when, Actions: []trigger.Step{{Action: "bump", With: []byte(`{"by":1}`)}}}
}

func activatedWithin(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	one, two := h.open(t, mona, "vpn", 2), h.open(t, mona, "wlan", 2)
	now := func(name string) trigger.Trigger {
		x := on(name, "edited", storage.Condition{}, "x")
		x.During = trigger.DuringTransaction
		return x
	}
	next, err := h.p.Draft(ctx, mona, trigger.Draft{Set: set(now("next"))})
	require.NoError(t, err)
	swap := now("swap")
	swap.Actions, swap.Order = []trigger.Step{{Action: "activate", With: []byte(`{"text":"` + string(next.ID) + `"}`)}}, 1
	first := h.follow(t, mona, now("first"), swap)
	both := func() error {
		return h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			for _, id := range []itsm.ID{one.ID, two.ID} { // both events are there before one is answered
				x, err := tickets.Get(ctx, u, id)
				if err != nil {
					return err
				}
				x.Priority++
				if err := tickets.Put(ctx, u, &x); err != nil {
					return err
				}
				u.Emit(itsm.Event{Kind: "ticket", Record: id, Action: "edit", Data: edited{}})
			}
			return nil
		})
	}
	require.NoError(t, both())
	require.Equal(t, []string{"first done", "swap done"}, h.firings(t, mona, one.ID))
	require.Equal(t, []string{"next done"}, h.firings(t, mona, two.ID))

	// What a unit activated that was undone does not answer the next.
	_, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{})
	require.NoError(t, err)
	fail := errors.New("undone")
	require.ErrorIs(t, h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
		if _, err := h.p.In(u.Store()).Activate(ctx, mona, next.ID, itsm.Command{}); err != nil {
			return err
		}
		return fail
	}), fail)
	h.edit(t, itsm.SystemActor(acme, "night"), two.ID, func(t *ticket) { t.Priority++ })
	require.Equal(t, []string{"next done", "first done", "swap done"}, h.firings(t, mona, two.ID))
}

func loops(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	h.follow(t, mona, bump("ping", storage.Condition{}), bump("pong", cond(storage.Equal, "event.system", true)))
	one := h.open(t, mona, "vpn", 0)
	h.tick(t)
	got := func(id itsm.ID) (p ticket) {
		require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) (err error) {
			p, err = tickets.Get(ctx, r, id)
			return err
		}))
		return p
	}
	require.Equal(t, 2, got(one.ID).Priority, "each fires once in the chain")
	require.Equal(t, []string{"ping done", "ping stopped", "pong done", "ping stopped", "pong stopped"}, h.firings(t, mona, one.ID))
	// The record of it says why, and the log has it too.
	page, err := h.p.Firings(ctx, auditor(acme), storage.Query[trigger.FiringHead]{Where: trigger.FiringByOutcome.Is(trigger.OutcomeStopped), Order: []storage.Order{trigger.FiringByAt.Asc()}})
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	for _, item := range page.Items {
		f, err := h.p.Firing(ctx, mona, item.ID)
		require.NoError(t, err)
		require.Equal(t, "repeated", f.Why)
		require.Zero(t, f.Attempts)
		require.Equal(t, f.Depth, len(f.Chain))
		var events []itsm.Event
		require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) (err error) {
			events, err = h.e.History(ctx, r, storage.EventQuery{Kind: trigger.FiringKind, Record: f.ID})
			return err
		}))
		require.Len(t, events, 1)
		require.Equal(t, trigger.Stopped{Trigger: f.Trigger, Record: itsm.Ref{Kind: "ticket", ID: one.ID}, Event: f.Event, Chain: f.Chain, Why: "repeated"}, events[0].Data)
	}
	// A later command begins a chain of its own.
	h.edit(t, mona, one.ID, func(t *ticket) { t.Category = "wlan" })
	h.tick(t)
	require.Equal(t, 4, got(one.ID).Priority)

	// One that may repeat ends at the bound, after the commit and in the transaction alike.
	for _, during := range []trigger.During{trigger.DuringAfter, trigger.DuringTransaction} {
		again := bump("again", storage.Condition{})
		again.Repeat, again.During = true, during
		h.follow(t, mona, again)
		two := h.open(t, mona, "vpn", 0)
		h.tick(t)
		require.Equal(t, 4, got(two.ID).Priority, during)
		require.Equal(t, []string{"again done", "again done", "again done", "again done", "again stopped"}, h.firings(t, mona, two.ID))
		f, err := h.p.Firings(ctx, mona, storage.Query[trigger.FiringHead]{Where: storage.AllOf(
			trigger.FiringByRecordKind.Is("ticket"), trigger.FiringByRecord.Is(two.ID), trigger.FiringByOutcome.Is(trigger.OutcomeStopped))})
		require.NoError(t, err)
		whole, err := h.p.Firing(ctx, mona, f.Items[0].ID)
		require.NoError(t, err)
		require.Equal(t, "too_deep", whole.Why)
		require.Equal(t, strings.Fields(strings.Repeat("trigger:again ", 4)), whole.Chain)
	}
}

func throughReactions(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	h.echo = true
	once := bump("once", storage.Condition{})
	once.On.Types = []string{"ticket.edited.v1"}
	h.follow(t, mona, once)
	one := h.open(t, mona, "vpn", 0)
	h.edit(t, mona, one.ID, func(t *ticket) { t.Category = "wlan" })
	h.tick(t)
	var events []itsm.Event
	require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) (err error) {
		events, err = h.e.History(ctx, r, storage.EventQuery{Kind: "ticket", Record: one.ID})
		return err
	}))
	var told []string
	for _, e := range events {
		told = append(told, e.Action+" "+strings.Join(e.Cause.Chain, ","))
		if e.Cause.Depth() > 0 {
			require.NotEmpty(t, e.Cause.Event)
			require.EqualValues(t, "system:trigger:once", e.Actor)
		}
	}
	// Both of the person's edit are answered, and what the host's reaction does to the answers is theirs.
	require.Equal(t, []string{"open ", "edit ", "echo ", "edit trigger:once", "echo trigger:once", "edit trigger:once", "echo trigger:once"}, told)
	require.Equal(t, []string{"once done", "once done", "once stopped", "once stopped", "once stopped", "once stopped"}, h.firings(t, mona, one.ID))
}

func publicText(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	tell := func(text string) trigger.Trigger {
		x := on("tell", "", storage.Condition{}, text)
		x.Actions[0].Action = "tell"
		return x
	}
	for _, bad := range []string{"{{secret}}", "{{before.secret}}", "{{fields.margin}}", "{{event.reason}}", "a {{ secret }} b"} {
		_, err := h.p.Draft(ctx, mona, trigger.Draft{Set: set(tell(bad))})
		require.Len(t, faults(t, err), 1, bad)
		require.ErrorContains(t, err, "is read by requesters", bad)
	}
	h.follow(t, mona, tell("{{category}} {{priority}} {{fields.floor}} {{event.action}}"), on("inside", "", storage.Condition{}, "{{secret}}"))
	one, err := h.change(ctx, mona, "", itsm.Event{Action: "open", Data: opened{}}, func(t *ticket) { t.Category, t.Secret = "{{secret}}", "s3cret" })
	require.NoError(t, err)
	h.tick(t)
	require.Equal(t, []string{"tell: {{secret}} 0  open", "inside: s3cret"}, h.lines(t, mona, one.ID), "a value is put in as it is")
	// What an internal event tells stays out of public text.
	_, err = h.change(ctx, mona, one.ID, itsm.Event{Action: "grumble", Internal: true, Data: edited{}}, nil)
	require.NoError(t, err)
	h.tick(t)
	require.Equal(t, []string{"tell done", "inside done", "tell failing", "inside done"}, inTurn(h.firings(t, mona, one.ID), "tell", "inside"))
}

// inTurn orders what one event brought about as its triggers run.
func inTurn(all []string, first, second string) []string {
	for i := 0; i+1 < len(all); i += 2 {
		if strings.HasPrefix(all[i], second) && strings.HasPrefix(all[i+1], first) {
			all[i], all[i+1] = all[i+1], all[i]
		}
	}
	return all
}

func explained(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	quiet := on("quiet", "resolved", storage.Condition{}, "x")
	v := h.follow(t, mona,
		on("both", "", and(cond(storage.Equal, "category", "vpn"), cond(trigger.OpChangedTo, "priority", int64(1))), "x"),
		on("yes", "edited", cond(trigger.OpChanged, "priority"), "x"), quiet, bump("loop", storage.Condition{}))
	one := h.open(t, mona, "vpn", 3)
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 2 })
	h.edit(t, mona, one.ID, func(t *ticket) { t.Category = "wlan" })
	verdicts, err := h.p.Explain(ctx, mona, itsm.Ref{Kind: "ticket", ID: one.ID}, 2, 0)
	require.NoError(t, err)
	var told []string
	for _, v := range verdicts {
		told = append(told, v.String())
	}
	require.Equal(t, []string{
		"both (acme, version 1) does not fire: priority is 2, not one of 1",
		"yes (acme, version 1) fires",
		"quiet (acme, version 1) does not fire: it does not listen to the type ticket.edited.v1",
		"loop (acme, version 1) fires",
	}, told)
	require.Equal(t, []bool{true, false, true}, []bool{verdicts[0].Parts[0].Holds, verdicts[0].Parts[1].Holds, verdicts[0].Parts[2].Holds})
	require.Equal(t, "of[0]", verdicts[0].Parts[0].Path)
	require.Equal(t, "of[1]", verdicts[0].Failed[0].Path, "the place is that where it is written")
	require.Equal(t, v.ID, verdicts[0].Source.Set)
	require.Empty(t, h.firings(t, mona, one.ID), "nothing was done")
	h.tick(t)
	verdicts, err = h.p.Explain(ctx, auditor(acme), itsm.Ref{Kind: "ticket", ID: one.ID}, 4, 0)
	require.NoError(t, err)
	require.Equal(t, "loop (acme, version 1) does not fire: it has fired in this chain of events already", verdicts[3].String())

	for _, place := range []struct {
		id      itsm.ID
		version int64
		n       int
	}{{one.ID, 99, 0}, {one.ID, 1, 1}, {"no one", 1, 0}, {"", 1, 0}} {
		_, err = h.p.Explain(ctx, mona, itsm.Ref{Kind: "ticket", ID: place.id}, place.version, place.n)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	_, err = h.p.Explain(ctx, mona, itsm.Ref{Kind: "order", ID: one.ID}, 1, 0)
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func dryRun(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	h.follow(t, mona, on("kept", "opened", storage.Condition{}, "x"), on("narrowed", "", cond(storage.AtMost, "priority", int64(3)), "x"))
	for i := range 5 {
		one := h.open(t, mona, "vpn", i)
		h.edit(t, mona, one.ID, func(t *ticket) { t.Priority++ })
	}
	next, err := h.p.Draft(ctx, mona, trigger.Draft{Set: set(on("kept", "opened", storage.Condition{}, "y"), on("narrowed", "", cond(storage.AtMost, "priority", int64(1)), "x"),
		on("added", "edited", storage.Condition{}, "x"))})
	require.NoError(t, err)
	total, events, at := map[string][2]int{}, 0, storage.EventPosition{}
	var differences []trigger.Difference
	for {
		got, err := h.p.DryRun(ctx, mona, next.ID, trigger.History{Kind: "ticket", After: at, Limit: 3})
		require.NoError(t, err)
		events += got.Events
		differences = append(differences, got.Differences...)
		for name, n := range got.Fired {
			total[name] = [2]int{total[name][0] + n[0], total[name][1] + n[1]}
		}
		if at = got.Next; at == (storage.EventPosition{}) {
			break
		}
	}
	require.Equal(t, 10, events)
	require.Equal(t, map[string][2]int{"kept": {5, 5}, "narrowed": {7, 3}, "added": {0, 5}}, total)
	require.Len(t, differences, 4+5)
	for _, d := range differences {
		require.Equal(t, d.Trigger == "added", d.After.Fires)
	}
	_, err = h.p.DryRun(ctx, mona, next.ID, trigger.History{Kind: "order"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = h.p.DryRun(ctx, mona, "nothing", trigger.History{Kind: "ticket"})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func brokenOff(t *testing.T, h *host) {
	mona := manager(acme)
	h.follow(t, mona, on("first", "", storage.Condition{}, "1"), on("second", "", storage.Condition{}, "2"), on("third", "", storage.Condition{}, "3"))
	one := h.open(t, mona, "vpn", 2)
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	h.onWrite = func(l line) {
		if l.Trigger == "second" {
			cancel()
		}
	}
	_, err := h.e.Tick(ctx, h.clock.Now())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"first: 1"}, h.lines(t, mona, one.ID), "the second was not committed")
	h.onWrite = nil
	h.clock.Advance(2 * time.Minute) // past the lease
	h.tick(t)
	require.Equal(t, []string{"first: 1", "second: 2", "third: 3", "first: 1", "second: 2", "third: 3"}, h.lines(t, mona, one.ID))
	require.Len(t, h.firings(t, mona, one.ID), 6)
}

func failures(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	twice := on("twice", "opened", storage.Condition{}, "a {{priority}}")
	twice.Actions = append(twice.Actions, trigger.Step{Action: "write", With: []byte(`{"text":"b"}`)})
	panics := on("panics", "opened", storage.Condition{}, "never seen")
	panics.Actions = append(panics.Actions, trigger.Step{Action: "panic"})
	h.follow(t, mona, twice, panics, on("sound", "", storage.Condition{}, "c"))
	h.breaks("twice", true)
	one := h.open(t, mona, "vpn", 2)
	h.edit(t, mona, one.ID, func(t *ticket) { t.Priority = 1 })
	h.tick(t)
	require.Equal(t, []string{"sound: c", "sound: c"}, h.lines(t, mona, one.ID), "the others and later events went on")
	require.Equal(t, []string{"panics failing", "sound done", "twice failing", "sound done"}, h.firings(t, mona, one.ID))
	f, err := h.p.Firing(ctx, mona, trigger.FiringID(h.event(t, mona, one.ID, 1), "twice"))
	require.NoError(t, err)
	require.Contains(t, f.Error, errBroken.Error())

	h.breaks("twice", false)
	h.clock.Advance(time.Minute)
	h.tick(t)
	require.Equal(t, []string{"sound: c", "sound: c", "twice: a 2", "twice: b"}, h.lines(t, mona, one.ID), "as it was at the event")
	f, err = h.p.Firing(ctx, mona, f.ID)
	require.NoError(t, err)
	require.Equal(t, trigger.OutcomeDone, f.Outcome)
	require.Equal(t, 3, f.Attempts)
	require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: trigger.FiringKind, Record: f.ID})
		require.NoError(t, err)
		var types []string
		for _, e := range events {
			types = append(types, e.Type)
		}
		require.Equal(t, []string{"trigger.failed.v1", "trigger.recovered.v1"}, types)
		return nil
	}))
}

// event gives the id of the first event of a version of a ticket.
func (h *host) event(t *testing.T, actor itsm.Actor, id itsm.ID, version int64) (event itsm.ID) {
	t.Helper()
	require.NoError(t, h.e.View(t.Context(), actor, func(ctx context.Context, r storage.Reader) error {
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: "ticket", Record: id})
		for _, e := range events {
			if e.Version == version && e.N == 0 {
				event = e.ID
			}
		}
		return err
	}))
	return event
}

func deadLetters(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	old := h.follow(t, mona, on("bad", "opened", storage.Condition{}, "old"))
	h.breaks("bad", true)
	one := h.open(t, mona, "vpn", 2)
	for range 5 {
		h.tick(t)
		h.clock.Advance(time.Hour)
	}
	letters, err := h.e.DeadLetters(ctx, mona, storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	id := trigger.FiringID(h.event(t, mona, one.ID, 1), "bad")
	require.Equal(t, "trigger.fire", letters[0].Kind)
	require.EqualValues(t, id, letters[0].Key)
	require.Contains(t, letters[0].Error, errBroken.Error())
	require.Equal(t, []string{"bad failing"}, h.firings(t, mona, one.ID))

	// Tried again it is what it was then, whatever holds now.
	h.breaks("bad", false)
	h.follow(t, mona, on("bad", "opened", storage.Condition{}, "new"))
	require.NoError(t, h.e.RetryDeadLetter(ctx, mona, letters[0].Kind, letters[0].Key))
	h.tick(t)
	require.Equal(t, []string{"bad: old"}, h.lines(t, mona, one.ID))
	f, err := h.p.Firing(ctx, mona, id)
	require.NoError(t, err)
	require.Equal(t, trigger.OutcomeDone, f.Outcome)
	require.Equal(t, old.ID, f.Set)
	require.EqualValues(t, 1, f.Number)
}

func purged(t *testing.T, h *host) {
	mona, ctx := manager(acme), t.Context()
	h.follow(t, mona, on("good", "opened", storage.Condition{}, "1"), on("bad", "opened", cond(storage.Equal, "category", "bad"), "2"))
	days := func(n int) {
		t.Helper()
		for range n {
			h.clock.Advance(24 * time.Hour)
			h.tick(t)
		}
	}
	one := h.open(t, mona, "vpn", 2)
	h.breaks("bad", true)
	two := h.open(t, mona, "bad", 2)
	h.tick(t)
	days(80)
	three := h.open(t, mona, "vpn", 2)
	days(9)
	require.Equal(t, []string{"good done"}, h.firings(t, mona, one.ID), "it is 89 days old")
	days(3)
	require.Empty(t, h.firings(t, mona, one.ID))
	require.Equal(t, []string{"bad failing"}, h.firings(t, mona, two.ID), "it can be tried again")
	require.Equal(t, []string{"good done"}, h.firings(t, mona, three.ID))
	require.Len(t, h.lines(t, mona, one.ID), 1, "what it did stays")

	dead, err := h.e.DeadLetters(ctx, mona, storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.NoError(t, h.e.DropDeadLetter(ctx, mona, dead[0].Kind, dead[0].Key))
	days(2)
	require.Empty(t, h.firings(t, mona, two.ID))

	// What was not run for long delivers first what there is.
	h.clock.Advance(400 * 24 * time.Hour)
	h.tick(t)
	require.Len(t, h.firings(t, mona, three.ID), 1)
	days(2)
	require.Empty(t, h.firings(t, mona, three.ID))
	jobs := 0
	require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		all, err := r.Jobs(ctx, storage.JobQuery{Kind: "trigger.purge", Limit: 10})
		jobs = len(all)
		return err
	}))
	require.Zero(t, jobs, "there is nothing left to purge")
	_, err = trigger.New(h.e, trigger.Options{Retention: time.Hour})
	require.ErrorContains(t, err, "retention")
}

func newVersion(t *testing.T, h *host) {
	mona := manager(acme)
	h.follow(t, mona, on("first", "", storage.Condition{}, "1"), on("second", "", storage.Condition{}, "2"))
	one := h.open(t, mona, "vpn", 2)
	ctx, cancel := context.WithCancel(t.Context())
	h.onWrite = func(l line) {
		if l.Trigger == "second" {
			cancel()
		}
	}
	_, err := h.e.Tick(ctx, h.clock.Now())
	require.ErrorIs(t, err, context.Canceled)
	h.onWrite = nil
	h.follow(t, mona, on("first", "", storage.Condition{}, "1, other"), on("second", "", storage.Condition{}, "2, other"))
	h.clock.Advance(2 * time.Minute)
	h.tick(t)
	require.Equal(t, []string{"first: 1", "second: 2, other"}, h.lines(t, mona, one.ID))
}
