// This file holds the cases of concurrency, idempotency, time, and nesting.

package problemsuite

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

const many = 8

func workaroundsTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	p := d.knownError(t, ctx)
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		_, err := d.RecordWorkaround(ctx, manager(acme), p.ID, problem.RecordedWorkaround{Text: fmt.Sprint("Way ", i)})
		return err
	})...))
	p, err := d.Get(ctx, manager(acme), p.ID)
	require.NoError(t, err)
	require.Equal(t, many, p.Workaround.Version)
	page, err := d.Workarounds(ctx, manager(acme), p.ID, "", 100)
	require.NoError(t, err)
	require.Len(t, page.Items, many)
	texts := map[string]bool{}
	for i, v := range page.Items {
		require.Equal(t, many-i, v.Number)
		texts[v.Text] = true
	}
	require.Len(t, texts, many)
	require.Equal(t, p.Workaround.Text, page.Items[0].Text)
	k, err := d.GetKnownError(ctx, manager(acme), p.KnownError)
	require.NoError(t, err)
	require.Equal(t, p.Workaround.Text, k.Workaround, "the known error has the last one")
}

func duplicatesTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	ring := []problem.Problem{d.register(t, ctx), d.register(t, ctx), d.register(t, ctx)}
	errs := together.Run(len(ring), func(i int) error {
		_, err := d.MarkDuplicate(ctx, manager(acme), ring[i].ID, problem.Duplication{Of: ring[(i+1)%len(ring)].ID})
		return err
	})
	refused := 0
	for _, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			refused++
		}
	}
	require.NotZero(t, refused)
	open, err := d.Count(ctx, manager(acme), problem.Query{Where: problem.ByOpen.Is(true)})
	require.NoError(t, err)
	require.NotZero(t, open, "one is worked on")
	for _, p := range ring {
		at, steps := p.ID, 0
		for ; at != "" && steps <= len(ring); steps++ {
			one, err := d.Get(ctx, manager(acme), at)
			require.NoError(t, err)
			at = one.DuplicateOf
		}
		require.LessOrEqual(t, steps, len(ring))
	}
}

func linksInBatches(t *testing.T, d *desk) {
	ctx := t.Context()
	original, p := d.register(t, ctx), d.register(t, ctx)
	const links = 230
	require.NoError(t, d.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
		for n := range links {
			l := itsm.Link{Type: itsm.LinkCauses, From: p.Ref(), To: itsm.Ref{Kind: "incident", ID: itsm.ID(fmt.Sprint("i", n))}}
			if n%2 == 0 {
				l = l.Inverse() // made from the incident
			}
			if n%50 == 0 {
				l = itsm.Link{Type: itsm.LinkHeldFor, From: l.From, To: l.To}
			}
			if _, err := u.AddLink(ctx, l); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err := d.MarkDuplicate(ctx, manager(acme), p.ID, problem.Duplication{Of: original.ID})
	require.NoError(t, err)
	for range 6 {
		d.tick(t, ctx, time.Second)
	}
	moved := 0
	for _, e := range d.events(t, ctx, manager(acme), p.ID) {
		if m, ok := e.Data.(problem.LinksMoved); ok {
			require.LessOrEqual(t, m.Count, 100)
			moved += m.Count
		}
	}
	require.Equal(t, links-5, moved)
	got, err := d.Links(ctx, manager(acme), original.ID)
	require.NoError(t, err)
	require.Len(t, got, links-5+1)
	left, err := d.Links(ctx, manager(acme), p.ID)
	require.NoError(t, err)
	require.Len(t, left, 5+1, "what waits for it waits on")
}

func changesTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	p := d.knownError(t, ctx)
	var changes []itsm.Ref
	for n := range many {
		changes = append(changes, itsm.Ref{Kind: "change", ID: itsm.ID(fmt.Sprint("c", n))})
	}
	_, err := d.PlanFix(ctx, manager(acme), p.ID, problem.PlannedFix{Changes: changes})
	require.NoError(t, err)
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		_, err := d.RecordOutcome(ctx, manager(acme), p.ID, problem.ChangeOutcome{Change: changes[i], Outcome: problem.OutcomeSuccessful})
		return err
	})...))
	events := d.events(t, ctx, manager(acme), p.ID)
	require.Equal(t, many, count(events, problem.FixEnded{}))
	require.Equal(t, 1, count(events, problem.FixesEnded{}))
	require.Equal(t, problem.FixesEnded{Successful: true}, events[len(events)-1].Data)
}

func occurrencesTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	program := itsm.SystemActor(acme, "desk")
	const all = 5 // as the standard rule for a CI asks for
	require.NoError(t, errors.Join(together.Run(all, func(i int) error {
		return d.Observe(ctx, program, problem.Occurrence{
			Record: itsm.Ref{Kind: "incident", ID: itsm.ID(fmt.Sprint("i", i))}, At: d.clock.Now(), CIs: []itsm.ID{"relay-1"}, Text: fmt.Sprint(i),
		})
	})...))
	var found []problem.ProposalHead
	for h, err := range d.AllProposals(ctx, manager(acme), problem.ProposalQuery{}) {
		require.NoError(t, err)
		found = append(found, h)
	}
	require.Len(t, found, 1, "whoever came last saw the others")
	s, err := d.GetProposal(ctx, manager(acme), found[0].ID)
	require.NoError(t, err)
	require.Len(t, s.Records, all)
	accepted := 0
	for _, err := range together.Run(4, func(int) error {
		_, err := d.AcceptProposal(ctx, manager(acme), s.ID, problem.ProposalAcceptance{})
		return err
	}) {
		if err == nil {
			accepted++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrTransition)
	}
	require.Equal(t, 1, accepted)
	n, err := d.Count(ctx, manager(acme), problem.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func publishedTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	var ids []itsm.ID
	for i := range many {
		k, err := d.DraftKnownError(ctx, manager(acme), problem.KnownErrorDraft{Title: "Relay drops mail", Symptom: fmt.Sprint("Number ", i), NoWorkaround: true})
		require.NoError(t, err)
		ids = append(ids, k.ID)
	}
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		_, err := d.PublishKnownError(ctx, manager(acme), ids[i], itsm.Command{})
		return err
	})...))
	_, err := d.WithdrawKnownError(ctx, manager(acme), ids[0], itsm.Command{Reason: "Wording"})
	require.NoError(t, err)
	found, err := d.Suggest(ctx, specialist(acme), problem.Matter{Title: "mail dropped by relay", Description: "it drops", Limit: 100})
	require.NoError(t, err)
	require.Len(t, found, many-1)
	for _, s := range found {
		require.NotEqual(t, ids[0], s.ID)
		for _, w := range s.What {
			require.EqualValues(t, [2]int64{many - 1, many - 1}, [2]int64{w.In, w.All})
		}
	}
}

func sameKey(t *testing.T, d *desk) {
	ctx := t.Context()
	r := problem.Registration{Command: itsm.Command{Key: "alarm-1"}, Title: "Mail is late", Source: problem.SourceTrend}
	ids := make([]itsm.ID, many)
	require.NoError(t, errors.Join(together.Run(many, func(i int) error {
		p, err := d.Register(ctx, manager(acme), r)
		ids[i] = p.ID
		return err
	})...))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	n, err := d.Count(ctx, manager(acme), problem.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func oneVersion(t *testing.T, d *desk) {
	ctx := t.Context()
	p := d.register(t, ctx)
	won := 0
	for _, err := range together.Run(many, func(i int) error {
		_, err := d.Assign(ctx, manager(acme), p.ID, problem.Assignment{Command: itsm.Command{IfVersion: p.Version}, Assignee: itsm.ID(fmt.Sprint("p", i))})
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrConflict)
	}
	require.Equal(t, 1, won)
}

func timers(t *testing.T, d *desk) {
	ctx := t.Context()
	held, fixed, accepted := d.register(t, ctx), d.knownError(t, ctx), d.knownError(t, ctx)
	_, err := d.Hold(ctx, manager(acme), held.ID, problem.Hold{HoldReason: problem.HoldSupplier, Until: d.clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	_, err = d.PlanFix(ctx, manager(acme), fixed.ID, problem.PlannedFix{Action: "More"})
	require.NoError(t, err)
	_, err = d.FixVerified(ctx, manager(acme), fixed.ID, problem.Verification{})
	require.NoError(t, err)
	_, err = d.AcceptRisk(ctx, owner(acme), accepted.ID, problem.RiskAcceptance{Command: itsm.Command{Reason: "Cheap"}, Approver: "olga", ReviewAt: d.clock.Now().Add(2 * time.Hour)})
	require.NoError(t, err)
	state := func(id itsm.ID) problem.State {
		p, err := d.Get(ctx, manager(acme), id)
		require.NoError(t, err)
		return p.State
	}
	require.Zero(t, d.tick(t, ctx, time.Hour-time.Microsecond).Jobs)
	require.Equal(t, 1, d.tick(t, ctx, time.Microsecond).Jobs)
	require.Equal(t, problem.StateNew, state(held.ID))
	require.Equal(t, 1, d.tick(t, ctx, time.Hour).Jobs)
	require.Equal(t, 1, count(d.events(t, ctx, manager(acme), accepted.ID), problem.RiskReviewDue{}))
	require.Equal(t, 1, d.tick(t, ctx, problem.DefaultObservation).Jobs)
	require.Equal(t, problem.StateClosed, state(fixed.ID))
	require.Zero(t, d.tick(t, ctx, 10*365*24*time.Hour).Jobs, "nothing is left")
}

func pages(t *testing.T, d *desk) {
	ctx := t.Context()
	var want []itsm.ID
	for n := range 23 {
		p, err := d.Register(ctx, manager(acme), problem.Registration{Title: fmt.Sprint(n), Source: problem.SourceTest,
			Impact: itsm.Impact(n % 4), Urgency: itsm.Urgency(n % 4), Restricted: n%5 == 0})
		require.NoError(t, err)
		if n%5 != 0 {
			want = append(want, p.ID)
		}
	}
	var got []itsm.ID
	before := itsm.Priority(0)
	for h, err := range d.All(ctx, owner(acme), problem.Query{Limit: 4}) {
		require.NoError(t, err)
		require.LessOrEqual(t, before, h.Priority)
		before = h.Priority
		got = append(got, h.ID)
	}
	require.ElementsMatch(t, want, got)
	groups, err := d.CountBy(ctx, owner(acme), problem.Query{}, problem.ByState)
	require.NoError(t, err)
	require.Equal(t, []storage.Group{{Values: []any{"new"}, Count: int64(len(want))}}, groups)
}

func nested(t *testing.T, d *desk) {
	ctx := t.Context()
	broken := errors.New("the host changed its mind")
	both := func(fail error) error {
		return d.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
			in := &desk{Practice: d.In(u.Store()), e: d.e, clock: d.clock}
			p := in.knownError(t, ctx)
			k, err := in.GetKnownError(ctx, manager(acme), p.KnownError)
			if err != nil || k.Problem != p.ID {
				return errors.Join(err, errors.New("the unit does not read its own writes"))
			}
			return fail
		})
	}
	require.ErrorIs(t, both(broken), broken)
	n, err := d.Count(ctx, manager(acme), problem.Query{})
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, both(nil))
	known, err := d.CountKnownErrors(ctx, manager(acme), problem.KnownErrorQuery{})
	require.NoError(t, err)
	require.EqualValues(t, 1, known)
}
