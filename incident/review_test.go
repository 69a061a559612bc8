package incident_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// restricted reports an incident for its requester and members alone.
func restricted(members ...itsm.ID) func(*incident.Report) {
	return func(r *incident.Report) { r.Restricted, r.Members = true, members }
}

func TestAChildTakesTheRightToEditBoth(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	own := d.report(func(r *incident.Report) { r.Group = "network" })
	other := d.report()
	for _, of := range []itsm.LinkType{itsm.LinkChildOf, itsm.LinkParentOf} {
		_, err := d.Link(ctx, sam, own.ID, incident.Relation{Type: of, To: other.Ref()})
		require.ErrorIs(t, err, itsm.ErrForbidden, "%s", of)
		_, err = d.Link(ctx, mona, own.ID, incident.Relation{Type: of, To: own.Ref()})
		require.Equal(t, []string{"to"}, faults(t, err))
	}
	_, err := d.Link(ctx, sam, own.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: other.Ref()})
	require.NoError(t, err, "what gives no power over the other needs no right there")

	_, err = d.Link(ctx, ana, own.ID, incident.Relation{Type: itsm.LinkParentOf, To: other.Ref()})
	require.NoError(t, err)
	_, err = d.Link(ctx, ana, own.ID, incident.Relation{Type: itsm.LinkChildOf, To: other.Ref()})
	require.Equal(t, []string{"to"}, faults(t, err))
	_, err = d.Link(ctx, ana, other.ID, incident.Relation{Type: itsm.LinkParentOf, To: own.Ref()})
	require.Equal(t, []string{"to"}, faults(t, err))
	_, err = d.Unlink(ctx, sam, own.ID, incident.Relation{Type: itsm.LinkParentOf, To: other.Ref()})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func TestTheNotesOfARestrictedParentStayWithIt(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	parent := d.report(restricted())
	open, closed := d.report(), d.report(restricted())
	for _, child := range []itsm.ID{open.ID, closed.ID} {
		_, err := d.Link(ctx, mona, child, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
		require.NoError(t, err)
	}
	_, err := d.Resolve(ctx, mona, parent.ID, fixed)
	require.NoError(t, err)
	d.wait(0)
	told := d.get(open.ID).Resolution
	require.Equal(t, incident.CodeFixed, told.Code)
	require.Equal(t, "Resolved with its parent incident.", told.Notes)
	require.Equal(t, fixed.Notes, d.get(closed.ID).Resolution.Notes)
}

func TestWhoMovesWithADuplicate(t *testing.T) {
	twice := func(of itsm.ID) incident.Cancellation {
		return incident.Cancellation{Command: itsm.Command{Reason: "Reported twice"}, DuplicateOf: of}
	}
	from := func(change ...func(*incident.Report)) func(*incident.Report) {
		return func(r *incident.Report) {
			r.Requester, r.Watchers = "rob", []itsm.ID{"willy"}
			for _, fn := range change {
				fn(r)
			}
		}
	}
	for _, c := range []struct {
		name      string
		original  []func(*incident.Report)
		duplicate func(*incident.Report)
		actor     itsm.Actor
		watch     []itsm.ID
		told      bool
	}{
		{"both open", nil, from(), mona, []itsm.ID{"rob", "willy"}, true},
		{"a restricted duplicate", nil, from(restricted()), mona, nil, true},
		{"both restricted", []func(*incident.Report){restricted()}, from(restricted()), mona, []itsm.ID{"rob", "willy"}, true},
		{"who may not edit the original", nil, func(r *incident.Report) { r.Requester, r.Watchers = "rita", []itsm.ID{"willy"} }, rita, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ctx := openDesk(t, incident.Options{}), t.Context()
			original, duplicate := d.report(c.original...), d.report(c.duplicate)
			_, err := d.Cancel(ctx, c.actor, duplicate.ID, twice(original.ID))
			require.NoError(t, err)
			require.Equal(t, c.watch, d.get(original.ID).Watchers)
			links, err := d.Links(ctx, mona, original.ID)
			require.NoError(t, err)
			require.Equal(t, []itsm.Link{{Type: itsm.LinkDuplicatedBy, From: original.Ref(), To: duplicate.Ref()}}, links)
			_, told := d.last(original.ID).Data.(incident.Duplicated)
			require.Equal(t, c.told, told)
		})
	}

	d, ctx := openDesk(t, incident.Options{}), t.Context()
	_, err := d.Cancel(ctx, mona, d.report().ID, twice(d.in(incident.StateClosed).ID))
	require.EqualError(t, err, "incident: invalid: duplicate_of is closed")

	full := d.report(func(r *incident.Report) {
		for n := range incident.MaxPeople - 1 {
			r.Watchers = append(r.Watchers, itsm.ID(fmt.Sprint("w", n)))
		}
	})
	_, err = d.Cancel(ctx, mona, d.report(from()).ID, twice(full.ID))
	require.NoError(t, err)
	watchers := d.get(full.ID).Watchers
	require.Len(t, watchers, incident.MaxPeople)
	require.Equal(t, itsm.ID("rob"), watchers[incident.MaxPeople-1])
}

// lockCounter is a store that counts the locks that are asked for.
type lockCounter struct {
	storage.Store
	locks int
}

type countedTx struct {
	storage.Tx
	store *lockCounter
}

func (s *lockCounter) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, countedTx{tx, s}) })
}

func (t countedTx) Lock(ctx context.Context, name string) error {
	t.store.locks++
	return t.Tx.Lock(ctx, name)
}

func TestNamingMembersKeepsNobodyWaiting(t *testing.T) {
	store := &lockCounter{Store: memory.New()}
	e, err := engine.New(store, engine.Options{})
	require.NoError(t, err)
	p, err := incident.New(e, incident.Options{})
	require.NoError(t, err)
	ctx := t.Context()
	require.NoError(t, e.Migrate(ctx))
	log := func(a itsm.Actor, members int) error {
		r := incident.Report{Title: "x", Requester: "rita", Restricted: true}
		for n := range members {
			r.Members = append(r.Members, itsm.ID(fmt.Sprint("m", n)))
		}
		store.locks = 0
		_, err := p.Log(ctx, a, r)
		return err
	}
	require.NoError(t, log(mona, 0))
	without := store.locks
	require.NoError(t, log(mona, 3))
	require.Equal(t, without, store.locks)
	require.Equal(t, []string{"members"}, faults(t, log(rita, 20_000)))
	require.LessOrEqual(t, store.locks, without)
	require.ErrorIs(t, log(rita, 3), itsm.ErrForbidden)
	require.LessOrEqual(t, store.locks, without)
}

func TestLinksThatHaveCommandsAreNotMadeByHand(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i, other := d.report(), d.report()
	before := d.snapshot()
	for of, by := range map[itsm.LinkType]string{
		itsm.LinkHeldFor: "Hold", itsm.LinkHolds: "Hold", itsm.LinkDuplicateOf: "Cancel", itsm.LinkDuplicatedBy: "Cancel",
		itsm.LinkFollowUpOf: "FollowUp", itsm.LinkFollowedUpBy: "FollowUp",
	} {
		for _, command := range []func(context.Context, itsm.Actor, itsm.ID, incident.Relation) (incident.Incident, error){d.Link, d.Unlink} {
			_, err := command(ctx, mona, i.ID, incident.Relation{Type: of, To: other.Ref()})
			require.Equal(t, []string{"type"}, faults(t, err))
			require.ErrorContains(t, err, by)
		}
	}
	require.Equal(t, before, d.snapshot())
}

func TestBlockingChildrenAreCountedForWhoMayReadThem(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Children: incident.ChildrenBlock}), t.Context()
	parent := d.report()
	missing := func() []string {
		_, err := d.Resolve(ctx, ana, parent.ID, fixed)
		var refused *itsm.TransitionError
		require.ErrorAs(t, err, &refused)
		return refused.Missing
	}
	link := func(child incident.Incident) {
		_, err := d.Link(ctx, mona, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
		require.NoError(t, err)
	}
	link(d.report(restricted()))
	require.Equal(t, []string{"something that you may not see must be finished first"}, missing())
	link(d.report())
	require.Equal(t, []string{"open child incidents: 1"}, missing())
}

func TestD16OnlyThoseWhoAreAskedReply(t *testing.T) {
	gateway := itsm.SystemActor("acme", "mail")
	for _, c := range []struct {
		name    string
		actor   itsm.Actor
		replies bool
	}{{"the requester", rita, true}, {"the affected person", rob, true}, {"a mail gateway", gateway, true}, {"an analyst", ana, false}} {
		t.Run(c.name, func(t *testing.T) {
			d, ctx := openDesk(t, incident.Options{ReopenOnReply: true}), t.Context()
			i := d.report(func(r *incident.Report) { r.Affected = "rob" })
			_, err := d.Hold(ctx, mona, i.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which?"})
			require.NoError(t, err)
			resolved := d.report(func(r *incident.Report) { r.Affected = "rob" })
			_, err = d.Resolve(ctx, mona, resolved.ID, fixed)
			require.NoError(t, err)

			held, err := d.Reply(ctx, c.actor, i.ID, incident.Reply{Text: "This one"})
			require.NoError(t, err)
			done, err := d.Reply(ctx, c.actor, resolved.ID, incident.Reply{Text: "No"})
			require.NoError(t, err)
			require.Equal(t, c.replies, held.State == incident.StateNew)
			require.Equal(t, c.replies, done.State == incident.StateInProgress)
			require.Equal(t, c.replies, done.FirstResponse.IsZero(), "the words of the requester are no response to them")
			if !c.replies {
				require.Equal(t, incident.StateOnHold, held.State)
				require.Equal(t, incident.StateResolved, done.State)
				noted, ok := d.last(i.ID).Data.(incident.Noted)
				require.True(t, ok)
				require.Equal(t, itsm.VisibilityPublic, noted.Visibility)
			}
			notes, err := d.Notes(ctx, rita, i.ID, "", 0)
			require.NoError(t, err)
			require.Len(t, notes.Items, 2)
		})
	}
}

func TestAReplyIsKeptWhereTheLifecycleRefusesMore(t *testing.T) {
	guarded := func(r *incident.Rule) { r.Guard = func(itsm.Attempt[*incident.Case]) string { return "not yet" } }
	needing := func(r *incident.Rule) { r.Needs = append(r.Needs, incident.NeedsCode, incident.NeedsAssignee) }
	for _, c := range []struct {
		name   string
		on     incident.Action
		state  incident.State
		change func(*incident.Rule)
	}{
		{"a guarded resume", incident.ActionResume, incident.StateOnHold, guarded},
		{"a resume that needs a field", incident.ActionResume, incident.StateOnHold, needing},
		{"a guarded reopen", incident.ActionReopen, incident.StateResolved, guarded},
		{"a reopen that needs a field", incident.ActionReopen, incident.StateResolved, needing},
	} {
		t.Run(c.name, func(t *testing.T) {
			standard := incident.StandardLifecycle()
			var rules []incident.Rule
			for _, r := range standard.Rules() {
				if r.On == c.on {
					c.change(&r)
					rules = append(rules, r)
				}
			}
			lifecycle, err := standard.Replace(rules...)
			require.NoError(t, err)
			d, ctx := openDesk(t, incident.Options{Lifecycle: lifecycle, ReopenOnReply: true}), t.Context()
			i := d.in(c.state)
			after, err := d.Reply(ctx, rita, i.ID, incident.Reply{Text: "This one"})
			require.NoError(t, err)
			require.Equal(t, c.state, after.State)
			require.Equal(t, i.HoldReason, after.HoldReason)
			require.Equal(t, i.Resolution, after.Resolution)
			require.Equal(t, i.Reopens, after.Reopens)
			require.IsType(t, incident.ReplyReceived{}, d.last(i.ID).Data)
			entries, err := d.Timeline(ctx, rita, i.ID)
			require.NoError(t, err)
			require.Equal(t, "This one", entries[len(entries)-1].Note.Text)
		})
	}
}

func TestAChangeOfPriorityTellsTheOldOne(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	steps := []struct {
		do   func() (incident.Incident, error)
		want itsm.Payload
	}{
		{func() (incident.Incident, error) {
			return d.Classify(ctx, ana, i.ID, incident.Classification{Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh})
		}, incident.Classified{From: 4, Priority: 1}},
		{func() (incident.Incident, error) {
			return d.OverridePriority(ctx, mona, i.ID, incident.Override{Command: itsm.Command{Reason: "Between us"}, Priority: 5})
		}, incident.PriorityOverridden{From: 1, Priority: 5}},
		{func() (incident.Incident, error) {
			return d.ClearOverride(ctx, mona, i.ID, itsm.Command{Reason: "Between us"})
		}, incident.OverrideCleared{From: 5, Priority: 1}},
	}
	for n, s := range steps {
		_, err := s.do()
		require.NoError(t, err)
		entries, err := d.Timeline(ctx, rita, i.ID)
		require.NoError(t, err)
		require.Len(t, entries, n+2)
		e := entries[n+1].Event
		require.Equal(t, s.want, e.Data)
		require.Empty(t, e.Reason)
		for _, c := range e.Changes {
			require.NotContains(t, string(c.Old)+string(c.New), "Between us")
		}
	}
}

func TestAListOverTenantsEndsTheSetupOfTheEngine(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	p, err := incident.New(e, incident.Options{})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "early"}))
	_, _ = p.List(t.Context(), mona, incident.Query{Tenants: []storage.Tenant{"acme"}}) // no tables yet
	require.Error(t, e.Use(engine.Module{Name: "late"}))
}

func TestWhoMayRestrictMayReportForOthersAlone(t *testing.T) {
	d := openDesk(t, incident.Options{})
	ctx := t.Context()
	i, err := d.Log(ctx, mona, incident.Report{Title: "Payslips on the printer", Requester: "rita"})
	require.NoError(t, err)
	require.False(t, i.Restricted)
	// An analyst may restrict what she may read; so she may also report it for the group that it is for.
	i, err = d.Log(ctx, ana, incident.Report{Title: "Payslips on the printer", Requester: "rita", Group: "hr", Restricted: true})
	require.NoError(t, err)
	require.True(t, i.Restricted)
	_, err = d.Get(ctx, ana, i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound, "and then it is not for her")
	_, err = d.Log(ctx, rita, incident.Report{Title: "Payslips on the printer", Requester: "rita", Group: "hr", Restricted: true})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func TestAQueueIsWalkedPageByPage(t *testing.T) {
	d := openDesk(t, incident.Options{})
	want := map[itsm.ID]bool{}
	for range 7 {
		i := d.report(func(r *incident.Report) { r.Group = "desk" })
		want[i.ID] = true
	}
	d.report()
	for h, err := range incident.Pages(t.Context(), ana, incident.Query{Limit: 2}, d.MyGroups) {
		require.NoError(t, err)
		require.True(t, want[h.ID])
		delete(want, h.ID)
	}
	require.Empty(t, want)
}
