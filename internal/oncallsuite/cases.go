// This file holds the single cases.

package oncallsuite

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage"
)

func steps(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	e := d.start(t, ctx, d.policy(t, ctx, acme, 1, step(5, to("ana")), step(10, to("ben"), toGroup("network"))))
	require.Equal(t, oncall.StateEscalating, e.State)
	require.Equal(t, d.clock.Now().Add(5*time.Minute), e.Due)
	require.Equal(t, []string{"start", "page ana"}, d.story(t, ctx, e))

	d.pass(t, ctx, 5*time.Minute-time.Microsecond)
	require.Equal(t, []string{"start", "page ana"}, d.story(t, ctx, e))
	d.pass(t, ctx, time.Microsecond)
	require.Equal(t, []string{"start", "page ana", "page ben network"}, d.story(t, ctx, e))
	d.pass(t, ctx, 10*time.Minute)
	got := d.get(t, ctx, e)
	require.Equal(t, [3]int{2, 1, 3}, [3]int{got.Round, got.Step, got.Turn})

	// After an outage the next step is late, and the one after it does not catch up.
	d.pass(t, ctx, 3*time.Hour)
	require.Equal(t, []string{"start", "page ana", "page ben network", "page ana", "page ben network"}, d.story(t, ctx, e))
	require.Equal(t, d.clock.Now().Add(10*time.Minute), d.get(t, ctx, e).Due)
	d.pass(t, ctx, 10*time.Minute)
	got = d.get(t, ctx, e)
	require.Equal(t, oncall.StateExhausted, got.State)
	require.False(t, got.Open)
	require.Zero(t, got.Due)
	require.Equal(t, oncall.Told{People: []itsm.ID{"ana", "ben"}, Groups: []itsm.ID{"network"}}, got.Told)
	d.pass(t, ctx, 24*time.Hour)
	require.Equal(t, []string{"start", "page ana", "page ben network", "page ana", "page ben network", "exhaust"}, d.story(t, ctx, e))
	require.Len(t, d.sent, 4)

	// It may still be taken.
	got, err := d.p.Acknowledge(ctx, person(acme, "nora", "network"), e.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, oncall.StateAcknowledged, got.State)
}

func manyTickers(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(1, to("ana")), step(1, to("ben")), step(1, to("cleo")))
	var all []oncall.Escalation
	for range 5 {
		all = append(all, d.start(t, ctx, policy))
	}
	for range 3 {
		now := d.clock.Advance(time.Minute)
		for _, err := range together.Run(4, func(int) error { _, err := d.e.Tick(ctx, now); return err }) {
			require.NoError(t, err)
		}
	}
	d.pass(t, ctx, 0)
	for _, e := range all {
		require.Equal(t, []string{"start", "page ana", "page ben", "page cleo", "exhaust"}, d.story(t, ctx, e))
	}
	require.Len(t, d.sent, 15)
}

func failedAttempts(t *testing.T, store storage.Store) {
	var failures atomic.Int32
	boom := errors.New("boom")
	d := open(t, store, engine.Module{Name: "flaky", Reactions: []engine.Reaction{engine.On(func(_ context.Context, _ *engine.Unit, _ itsm.Event, p oncall.Paged) error {
		if p.Turn == 2 {
			switch failures.Add(1) {
			case 1, 2:
				return boom
			case 3:
				panic(boom)
			}
		}
		return nil
	})}})
	ctx := t.Context()
	e := d.start(t, ctx, d.policy(t, ctx, acme, 0, step(5, to("ana")), step(5, to("ben"))))
	for i := range 3 {
		ran, err := d.e.Tick(ctx, d.clock.Advance(5*time.Minute))
		require.NoError(t, err)
		require.Equal(t, 1, ran.Failed, "attempt %d", i+1)
		require.Equal(t, []string{"start", "page ana"}, d.story(t, ctx, e))
	}
	d.pass(t, ctx, 5*time.Minute)
	require.Equal(t, []string{"start", "page ana", "page ben"}, d.story(t, ctx, e))
	require.Equal(t, d.clock.Now().Add(5*time.Minute), d.get(t, ctx, e).Due, "counted from when ben was told")
	require.Len(t, d.sent, 2)
}

// Two steps are due and claimed together; the one that runs first has the other taken early, so that the
// other's job is of a step that has passed.
func claimedTogether(t *testing.T, store storage.Store) {
	var d *desk
	var both [2]oncall.Escalation
	d = open(t, store, engine.Module{Name: "eager", Reactions: []engine.Reaction{engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, p oncall.Paged) error {
		other := both[0]
		if other.ID == e.Record {
			other = both[1]
		}
		if p.Turn != 2 || other.ID == "" {
			return nil
		}
		now, err := d.p.In(u.Store()).Escalation(ctx, u.System("eager"), other.ID)
		if err != nil || now.Turn > 1 {
			return err
		}
		_, err = d.p.In(u.Store()).Escalate(ctx, u.System("eager"), other.ID, itsm.Command{})
		return err
	})}})
	ctx := t.Context()
	policy := d.policy(t, ctx, acme, 0, step(5, to("ana")), step(5, to("ben")), step(5, to("cleo")))
	both = [2]oncall.Escalation{d.start(t, ctx, policy), d.start(t, ctx, policy)}
	d.pass(t, ctx, 5*time.Minute)
	early := 0
	for _, e := range both {
		switch story := d.story(t, ctx, e); len(story) {
		case 3:
			require.Equal(t, []string{"start", "page ana", "page ben"}, story)
		default:
			require.Equal(t, []string{"start", "page ana", "escalate", "page ben"}, story)
			early++
		}
		require.Equal(t, d.clock.Now().Add(5*time.Minute), d.get(t, ctx, e).Due)
	}
	require.Equal(t, 1, early)
	require.Equal(t, 2, d.steps(t, ctx))
}

func acknowledging(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	e := d.start(t, ctx, d.policy(t, ctx, acme, 5, step(5, to("ana")), step(5, toGroup("network"))))

	// Who was not told and may not read it does not learn that it is there.
	_, err := d.p.Acknowledge(ctx, person(acme, "nora", "network"), e.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	d.pass(t, ctx, 5*time.Minute)

	d.clock.Advance(time.Minute)
	got, err := d.p.Acknowledge(ctx, person(acme, "nora", "network"), e.ID, itsm.Command{Key: "k", Reason: "I am on it"})
	require.NoError(t, err)
	require.Equal(t, oncall.StateAcknowledged, got.State)
	require.Equal(t, itsm.ID("nora"), got.AcknowledgedBy)
	require.Equal(t, d.clock.Now(), got.AcknowledgedAt)
	require.True(t, got.Open)
	require.Zero(t, got.Due)
	require.Zero(t, d.steps(t, ctx), "the next step was cancelled with it")
	again, err := d.p.Acknowledge(ctx, person(acme, "nora", "network"), e.ID, itsm.Command{Key: "k", Reason: "I am on it"})
	require.NoError(t, err)
	require.Equal(t, got, again)
	_, err = d.p.Acknowledge(ctx, person(acme, "ana"), e.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)

	d.pass(t, ctx, 90*24*time.Hour)
	require.Equal(t, []string{"start", "page ana", "page network", "acknowledge"}, d.story(t, ctx, e))
	require.Len(t, d.sent, 2)
}

func acknowledgingWhileItTicks(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(1, to("ana")), step(1, to("ben")))
	var all []oncall.Escalation
	for range 8 {
		all = append(all, d.start(t, ctx, policy))
	}
	now := d.clock.Advance(time.Minute)
	errs := together.Run(len(all)+2, func(i int) error {
		if i < len(all) {
			_, err := d.p.Acknowledge(ctx, person(acme, "ana"), all[i].ID, itsm.Command{})
			return err
		}
		_, err := d.e.Tick(ctx, now)
		return err
	})
	require.NoError(t, errors.Join(errs...))
	d.pass(t, ctx, time.Hour)
	for _, e := range all {
		story := d.story(t, ctx, e)
		require.Equal(t, "acknowledge", story[len(story)-1], "%v", story)
		require.Equal(t, oncall.StateAcknowledged, d.get(t, ctx, e).State)
	}
}

func escalating(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	e := d.start(t, ctx, d.policy(t, ctx, acme, 0, step(5, to("ana")), step(7, to("ben"))))
	d.clock.Advance(time.Minute)
	got, err := d.p.Escalate(ctx, person(acme, "ana"), e.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, d.clock.Now().Add(7*time.Minute), got.Due)
	got, err = d.p.Escalate(ctx, person(acme, "ben"), e.ID, itsm.Command{}) // there is none after ben: from the beginning
	require.NoError(t, err)
	require.Equal(t, [3]int{1, 1, 3}, [3]int{got.Round, got.Step, got.Turn})
	_, err = d.p.Acknowledge(ctx, person(acme, "ana"), e.ID, itsm.Command{})
	require.NoError(t, err)
	d.pass(t, ctx, time.Hour)
	got, err = d.p.Escalate(ctx, person(acme, "ana"), e.ID, itsm.Command{Reason: "It is not mine"})
	require.NoError(t, err)
	require.Equal(t, oncall.StateEscalating, got.State)
	require.Empty(t, got.AcknowledgedBy)
	require.Zero(t, got.AcknowledgedAt)
	d.pass(t, ctx, 5*time.Minute)
	d.pass(t, ctx, 7*time.Minute)
	require.Equal(t, []string{
		"start", "page ana", "escalate", "page ben", "escalate", "page ana", "acknowledge", "escalate", "page ana", "page ben", "exhaust",
	}, d.story(t, ctx, e))

	got, err = d.p.Cancel(ctx, manager(acme), e.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, oncall.StateCancelled, got.State)
	_, err = d.p.Escalate(ctx, manager(acme), e.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
}

func pinned(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(5, to("ana")), step(5, to("ben")))
	e := d.start(t, ctx, policy)
	revised, err := d.p.RevisePolicy(ctx, manager(acme), policy.ID, oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Steps: []oncall.Step{step(5, to("cleo"))}}})
	require.NoError(t, err)
	later := d.start(t, ctx, revised)
	_, err = d.p.RetirePolicy(ctx, manager(acme), policy.ID, itsm.Command{})
	require.NoError(t, err)
	d.pass(t, ctx, 5*time.Minute)
	require.Equal(t, []string{"start", "page ana", "page ben"}, d.story(t, ctx, e))
	require.Equal(t, []string{"start", "page cleo", "exhaust"}, d.story(t, ctx, later))
	require.Equal(t, [2]int64{1, 2}, [2]int64{d.get(t, ctx, e).PolicyVersion, d.get(t, ctx, later).PolicyVersion})
	_, err = d.p.Start(ctx, manager(acme), oncall.Page{Subject: d.alert(t, ctx, acme), Policy: policy.ID, Summary: "Mail is down"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func overrides(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	s := d.schedule(t, ctx, acme, "ana", "ben")
	e := d.start(t, ctx, d.policy(t, ctx, acme, 3, step(60, toSchedule(s.ID))))
	now := d.clock.Now()
	over := func(from, hours int, kind oncall.OverrideKind, person, replaces itsm.ID) oncall.OverrideRecord {
		begins := now.Add(time.Duration(from) * time.Hour)
		o, err := d.p.Override(ctx, manager(acme), s.ID, oncall.OverrideRequest{Override: oncall.Override{
			From: begins, To: begins.Add(time.Duration(hours) * time.Hour), Kind: kind, Person: person, Replaces: replaces}})
		require.NoError(t, err)
		return o
	}
	over(1, 3, oncall.OverrideReplace, "cleo", "ana")
	withdrawn := over(2, 1, oncall.OverrideReplace, "dan", "ana")
	over(2, 1, oncall.OverrideAdd, "eve", "")
	d.pass(t, ctx, time.Hour)
	_, err := d.p.WithdrawOverride(ctx, manager(acme), withdrawn.ID, itsm.Command{})
	require.NoError(t, err)
	d.pass(t, ctx, time.Hour)
	last := over(3, 1, oncall.OverrideReplace, "dan", "ana")
	d.pass(t, ctx, time.Hour)
	require.Equal(t, []string{"start", "page ana", "page cleo", "page cleo eve", "page dan"}, d.story(t, ctx, e))

	// One that has begun is withdrawn from now on; what was stays as it was.
	d.clock.Advance(30 * time.Minute)
	_, err = d.p.WithdrawOverride(ctx, manager(acme), last.ID, itsm.Command{})
	require.NoError(t, err)
	table, err := d.p.Timetable(ctx, manager(acme), s.ID, now, now.Add(48*time.Hour))
	require.NoError(t, err)
	var people [][]itsm.ID
	for s := range table.Shifts(now, now.Add(48*time.Hour)) {
		people = append(people, s.People)
	}
	require.Equal(t, [][]itsm.ID{{"ana"}, {"cleo"}, {"cleo", "eve"}, {"dan"}, {"cleo"}, {"ana"}, {"ben"}}, people)
	on, err := d.p.OnCall(ctx, manager(acme), s.ID, d.clock.Now())
	require.NoError(t, err)
	require.Equal(t, []itsm.ID{"cleo"}, on)
}

func skipping(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	nobody := d.schedule(t, ctx, acme)
	tomorrow := d.schedule(t, ctx, acme, "ana")
	off := d.clock.Now()
	_, err := d.p.Override(ctx, manager(acme), tomorrow.ID, oncall.OverrideRequest{Override: oncall.Override{To: off.Add(6 * time.Minute), Kind: oncall.OverrideRemove, Person: "ana"}})
	require.NoError(t, err)
	e := d.start(t, ctx, d.policy(t, ctx, acme, 1,
		step(30, toSchedule(nobody.ID)), step(5, to("ben")), step(30, toSchedule(tomorrow.ID)), step(5, to("cleo"))))
	require.Equal(t, []string{"start", "page ben"}, d.story(t, ctx, e))
	d.pass(t, ctx, 5*time.Minute) // ana is not on call yet: cleo at once
	d.pass(t, ctx, 5*time.Minute) // the second round, without its first step
	d.pass(t, ctx, 5*time.Minute) // ana is now
	require.Equal(t, []string{"start", "page ben", "page cleo", "page ben", "page ana"}, d.story(t, ctx, e))
	events, err := d.p.History(ctx, manager(acme), itsm.Ref{Kind: oncall.KindEscalation, ID: e.ID})
	require.NoError(t, err)
	require.Equal(t, []oncall.Place{{Round: 1, Step: 3}}, events[2].Data.(oncall.Paged).Skipped)
	require.Equal(t, []oncall.Place{{Round: 2, Step: 1}}, events[3].Data.(oncall.Paged).Skipped)

	// Where nobody is left at the end, it ends when the last one has had time.
	_, err = d.p.Override(ctx, manager(acme), tomorrow.ID, oncall.OverrideRequest{Override: oncall.Override{To: off.AddDate(1, 0, 0), Kind: oncall.OverrideRemove, Person: "ana"}})
	require.NoError(t, err)
	e = d.start(t, ctx, d.policy(t, ctx, acme, 0, step(5, to("ben")), step(30, toSchedule(tomorrow.ID))))
	d.pass(t, ctx, 5*time.Minute)
	require.Equal(t, []string{"start", "page ben", "exhaust"}, d.story(t, ctx, e))
}

func unreachable(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	nobody := d.schedule(t, ctx, acme)
	e := d.start(t, ctx, d.policy(t, ctx, acme, 3, step(5, toSchedule(nobody.ID)), step(5, toSchedule(nobody.ID))))
	require.Equal(t, oncall.StateUnreachable, e.State)
	require.False(t, e.Open)
	require.Equal(t, []string{"start", "give_up"}, d.story(t, ctx, e))
	events, err := d.p.History(ctx, manager(acme), itsm.Ref{Kind: oncall.KindEscalation, ID: e.ID})
	require.NoError(t, err)
	require.Equal(t, []oncall.Place{{Round: 1, Step: 1}, {Round: 1, Step: 2}}, events[1].Data.(oncall.Unreachable).Skipped)
	d.pass(t, ctx, time.Hour)
	require.Empty(t, d.sent)

	// Once there is somebody, it can begin again.
	_, err = d.p.Override(ctx, manager(acme), nobody.ID, oncall.OverrideRequest{Override: oncall.Override{To: d.clock.Now().Add(time.Hour), Kind: oncall.OverrideAdd, Person: "ana"}})
	require.NoError(t, err)
	_, err = d.p.Escalate(ctx, manager(acme), e.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, []string{"start", "give_up", "escalate", "page ana"}, d.story(t, ctx, e))

	// That somebody was told before does not count when it begins again.
	_, err = d.p.Acknowledge(ctx, person(acme, "ana"), e.ID, itsm.Command{})
	require.NoError(t, err)
	d.clock.Advance(time.Hour)
	e, err = d.p.Escalate(ctx, person(acme, "ana"), e.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, oncall.StateUnreachable, e.State)
}

func subjectEnds(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(5, to("ana")), step(5, to("ben")))
	waiting, taken, gone, other := d.start(t, ctx, policy), d.start(t, ctx, policy), d.start(t, ctx, policy), d.start(t, ctx, policy)
	_, err := d.p.Acknowledge(ctx, person(acme, "ana"), taken.ID, itsm.Command{})
	require.NoError(t, err)
	require.NoError(t, d.end(ctx, acme, waiting.Subject()))
	require.NoError(t, d.end(ctx, acme, taken.Subject()))
	require.NoError(t, d.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
		a, err := alerts.Get(ctx, u, gone.SubjectID)
		if err != nil {
			return err
		}
		return alerts.Delete(ctx, u, &a)
	}))
	require.Equal(t, 1, d.steps(t, ctx), "that of the record that is open")
	for _, months := range []int{1, 3, 12} {
		d.pass(t, ctx, time.Duration(months)*30*24*time.Hour)
	}
	require.Equal(t, []string{"start", "page ana", "cancel"}, d.story(t, ctx, waiting))
	require.Equal(t, []string{"start", "page ana", "acknowledge", "close"}, d.story(t, ctx, taken))
	require.Equal(t, []string{"start", "page ana", "cancel"}, d.story(t, ctx, gone))
	require.Equal(t, []string{"start", "page ana", "page ben", "exhaust"}, d.story(t, ctx, other))
	require.Equal(t, oncall.StateCancelled, d.get(t, ctx, waiting).State)
	require.Equal(t, oncall.StateClosed, d.get(t, ctx, taken).State)

	for _, e := range []oncall.Escalation{waiting, gone} {
		_, err = d.p.Start(ctx, manager(acme), oncall.Page{Subject: e.Subject(), Policy: policy.ID, Summary: "Mail is down"})
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err = d.p.Escalate(ctx, manager(acme), waiting.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
}

func startAgainstEnd(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(5, to("ana")))
	for range 10 {
		ref := d.alert(t, ctx, acme)
		errs := together.Run(2, func(i int) error {
			if i == 0 {
				return d.end(ctx, acme, ref)
			}
			_, err := d.p.Start(ctx, manager(acme), oncall.Page{Subject: ref, Policy: policy.ID, Summary: "Mail is down"})
			return err
		})
		require.NoError(t, errs[0])
		if errs[1] != nil {
			require.ErrorIs(t, errs[1], itsm.ErrInvalid)
		}
	}
	page, err := d.p.Escalations(ctx, manager(acme), storage.Query[oncall.EscalationHead]{Where: oncall.EscalationByOpen.Is(true)})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func startTwice(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(5, to("ana")))
	another := d.policy(t, ctx, acme, 0, step(5, to("ben")))
	page := oncall.Page{Subject: d.alert(t, ctx, acme), Policy: policy.ID, Summary: "Mail is down"}
	ids := make([]itsm.ID, 8)
	errs := together.Run(len(ids), func(i int) error {
		e, err := d.p.Start(ctx, manager(acme), page)
		ids[i] = e.ID
		return err
	})
	require.NoError(t, errors.Join(errs...))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	_, err := d.p.Acknowledge(ctx, person(acme, "ana"), ids[0], itsm.Command{})
	require.NoError(t, err)
	e, err := d.p.Start(ctx, manager(acme), page)
	require.NoError(t, err)
	require.Equal(t, ids[0], e.ID)
	require.Equal(t, []string{"start", "page ana", "acknowledge"}, d.story(t, ctx, e))
	page.Policy = another.ID
	e, err = d.p.Start(ctx, manager(acme), page)
	require.NoError(t, err)
	require.NotEqual(t, ids[0], e.ID)
	d.pass(t, ctx, 5*time.Minute)
	again, err := d.p.Start(ctx, manager(acme), page)
	require.NoError(t, err)
	require.NotEqual(t, e.ID, again.ID, "the one before has ended")
}

func retireAgainstDefine(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	for range 10 {
		s := d.schedule(t, ctx, acme, "ana")
		errs := together.Run(2, func(i int) error {
			if i == 0 {
				_, err := d.p.RetireSchedule(ctx, manager(acme), s.ID, itsm.Command{})
				return err
			}
			_, err := d.p.DefinePolicy(ctx, manager(acme), oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Steps: []oncall.Step{step(5, toSchedule(s.ID))}}})
			return err
		})
		switch {
		case errs[0] == nil:
			require.ErrorIs(t, errs[1], itsm.ErrInvalid)
		default:
			require.ErrorIs(t, errs[0], itsm.ErrTransition)
			require.NoError(t, errs[1])
		}
	}
}

func nested(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	policy := d.policy(t, ctx, acme, 0, step(5, to("ana")), step(5, to("ben")))
	boom := errors.New("boom")
	var e oncall.Escalation
	for _, fails := range []error{boom, nil} {
		err := d.e.Update(ctx, itsm.SystemActor(acme, "monitoring"), func(ctx context.Context, u *engine.Unit) error {
			a := alert{alertHead: alertHead{Meta: storage.Meta{ID: u.NewID()}, Open: true}}
			if err := alerts.Put(ctx, u, &a); err != nil {
				return err
			}
			var err error
			if e, err = d.p.In(u.Store()).Start(ctx, u.Actor(), oncall.Page{Subject: itsm.Ref{Kind: "alert", ID: a.ID}, Policy: policy.ID, Summary: "Mail is down"}); err != nil {
				return err
			}
			return fails
		})
		require.ErrorIs(t, err, fails)
	}
	d.pass(t, ctx, 5*time.Minute)
	page, err := d.p.Escalations(ctx, manager(acme), storage.Query[oncall.EscalationHead]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, []string{"start", "page ana", "page ben"}, d.story(t, ctx, e))
	require.Len(t, d.sent, 2)
}

func tenants(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	s := d.schedule(t, ctx, acme, "ana")
	policy := d.policy(t, ctx, acme, 0, step(5, toSchedule(s.ID)), step(5, to("ben")))
	e := d.start(t, ctx, policy)
	o, err := d.p.Override(ctx, manager(acme), s.ID, oncall.OverrideRequest{Override: oncall.Override{To: d.clock.Now().Add(time.Hour), Kind: oncall.OverrideAdd, Person: "eve"}})
	require.NoError(t, err)

	for _, stranger := range []itsm.Actor{manager(globex), person(globex, "ana"), itsm.SystemActor(globex, "monitoring")} {
		var errs []error
		add := func(_ any, err error) { errs = append(errs, err) }
		add(d.p.Escalation(ctx, stranger, e.ID))
		add(d.p.Acknowledge(ctx, stranger, e.ID, itsm.Command{}))
		add(d.p.Escalate(ctx, stranger, e.ID, itsm.Command{}))
		add(d.p.Cancel(ctx, stranger, e.ID, itsm.Command{}))
		add(d.p.Override(ctx, stranger, s.ID, oncall.OverrideRequest{Override: oncall.Override{To: d.clock.Now().Add(time.Hour), Kind: oncall.OverrideAdd, Person: "eve"}}))
		add(d.p.WithdrawOverride(ctx, stranger, o.ID, itsm.Command{}))
		for _, err := range errs {
			require.ErrorIs(t, err, itsm.ErrNotFound)
		}
	}
	boss := manager(globex)
	var errs []error
	add := func(_ any, err error) { errs = append(errs, err) }
	add(d.p.Schedule(ctx, boss, s.ID))
	add(d.p.OnCall(ctx, boss, s.ID, d.clock.Now()))
	add(d.p.Timetable(ctx, boss, s.ID, d.clock.Now(), d.clock.Now().Add(time.Hour)))
	add(d.p.Policy(ctx, boss, policy.ID))
	add(d.p.Forecast(ctx, boss, policy.ID, d.clock.Now()))
	add(d.p.ReviseSchedule(ctx, boss, s.ID, oncall.ScheduleDefinition{Name: "Mine", Rota: oncall.Rota{Zone: "UTC"}}))
	add(d.p.RetireSchedule(ctx, boss, s.ID, itsm.Command{}))
	add(d.p.RetirePolicy(ctx, boss, policy.ID, itsm.Command{}))
	for _, kind := range []string{oncall.KindSchedule, oncall.KindOverride, oncall.KindPolicy, oncall.KindEscalation} {
		id := map[string]itsm.ID{oncall.KindSchedule: s.ID, oncall.KindOverride: o.ID, oncall.KindPolicy: policy.ID, oncall.KindEscalation: e.ID}[kind]
		add(d.p.History(ctx, boss, itsm.Ref{Kind: kind, ID: id}))
	}
	for _, err := range errs {
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	for _, err := range []error{
		func() error {
			_, err := d.p.DefinePolicy(ctx, boss, oncall.PolicyDefinition{Name: "Mine", Ladder: oncall.Ladder{Steps: []oncall.Step{step(5, toSchedule(s.ID))}}})
			return err
		}(),
		func() error {
			_, err := d.p.Start(ctx, boss, oncall.Page{Subject: d.alert(t, ctx, globex), Policy: policy.ID, Summary: "Mail is down"})
			return err
		}(),
		func() error {
			_, err := d.p.Start(ctx, boss, oncall.Page{Subject: e.Subject(), Policy: d.policy(t, ctx, globex, 0, step(5, to("ana"))).ID, Summary: "Mail is down"})
			return err
		}(),
	} {
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	schedules, err := d.p.Schedules(ctx, boss, storage.Query[oncall.ScheduleHead]{})
	require.NoError(t, err)
	require.Empty(t, schedules.Items)
	overrides, err := d.p.Overrides(ctx, boss, storage.Query[oncall.OverrideHead]{})
	require.NoError(t, err)
	require.Empty(t, overrides.Items)
	escalations, err := d.p.Escalations(ctx, boss, storage.Query[oncall.EscalationHead]{})
	require.NoError(t, err)
	require.Empty(t, escalations.Items)

	// A record of the same kind and id that ends in the other tenant ends nothing here.
	require.NoError(t, d.e.Update(ctx, itsm.SystemActor(globex, "monitoring"), func(ctx context.Context, u *engine.Unit) error {
		a := alert{alertHead: alertHead{Meta: storage.Meta{ID: e.SubjectID}}}
		if err := alerts.Put(ctx, u, &a); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "alert", Record: a.ID, Action: "end", ToCategory: itsm.CategoryResolved, Data: ended{}})
		return nil
	}))
	d.pass(t, ctx, 5*time.Minute)
	require.Equal(t, []string{"start", "page ana", "page ben"}, d.story(t, ctx, e))
}

func named(t *testing.T, store storage.Store) {
	d, ctx := open(t, store), t.Context()
	night := oncall.ScheduleDefinition{ID: "night", Name: "Night", Rota: oncall.Rota{Zone: "UTC"}}
	mail := oncall.PolicyDefinition{ID: "mail", Name: "Mail", Ladder: oncall.Ladder{Steps: []oncall.Step{step(5, toSchedule("night"), to("ana"))}}}
	for _, tenant := range []storage.Tenant{acme, globex} { // the same name in each
		s, err := d.p.DefineSchedule(ctx, manager(tenant), night)
		require.NoError(t, err)
		require.EqualValues(t, "night", s.ID)
		p, err := d.p.DefinePolicy(ctx, manager(tenant), mail)
		require.NoError(t, err)
		require.EqualValues(t, "mail", p.ID)
	}
	boss := manager(acme)
	_, err := d.p.DefineSchedule(ctx, boss, night)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "is taken")
	_, err = d.p.DefinePolicy(ctx, boss, mail)
	require.ErrorContains(t, err, "is taken")
	for _, id := range []itsm.ID{"a\x00b", "other"} {
		night, mail := night, mail
		night.ID, mail.ID = id, id
		if id == "other" {
			_, err = d.p.ReviseSchedule(ctx, boss, "night", night)
			require.ErrorIs(t, err, itsm.ErrInvalid)
			_, err = d.p.RevisePolicy(ctx, boss, "mail", mail)
			require.ErrorIs(t, err, itsm.ErrInvalid)
			continue
		}
		_, err = d.p.DefineSchedule(ctx, boss, night)
		require.ErrorIs(t, err, itsm.ErrInvalid)
		_, err = d.p.DefinePolicy(ctx, boss, mail)
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	for _, id := range []itsm.ID{"night", ""} {
		night.ID, night.Description = id, "Revised "+string(id)
		s, err := d.p.ReviseSchedule(ctx, boss, "night", night)
		require.NoError(t, err)
		require.Equal(t, night.Description, s.Description)
	}
	mail.Description = "Revised"
	_, err = d.p.RevisePolicy(ctx, boss, "mail", mail)
	require.NoError(t, err)
}
