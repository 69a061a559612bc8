package incident_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func TestARequesterIsToldWhyItWasCancelledInWordsMeantForThem(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i, plain := d.report(), d.report()
	_, err := d.Cancel(ctx, ana, i.ID, incident.Cancellation{Command: itsm.Command{Reason: "Rita broke it herself again"}, Notes: "Your mailbox works"})
	require.NoError(t, err)
	_, err = d.Cancel(ctx, ana, plain.ID, incident.Cancellation{Command: itsm.Command{Reason: "Rita broke it herself again"}})
	require.NoError(t, err)
	for id, told := range map[itsm.ID]string{i.ID: "Your mailbox works", plain.ID: ""} {
		read, err := d.Get(ctx, rita, id)
		require.NoError(t, err)
		require.Equal(t, told, read.CancelReason)
		entries, err := d.Timeline(ctx, rita, id)
		require.NoError(t, err)
		require.NotContains(t, string(must(json.Marshal(entries))), "broke it")
	}
	require.Equal(t, "Rita broke it herself again", d.last(i.ID).Reason, "the trail has it")
}

func TestARequesterIsNotToldByWhatTheDeskIsMeasured(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{FirstLevel: []itsm.ID{"desk"}}), t.Context()
	i := d.report()
	_, err := d.Resolve(ctx, mona, i.ID, fixed)
	require.NoError(t, err)
	require.Equal(t, incident.VerdictMet, d.get(i.ID).FirstContact)

	read, err := d.Get(ctx, rita, i.ID)
	require.NoError(t, err)
	page, err := d.List(ctx, rita, incident.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	for _, h := range []incident.Head{read.Head, page.Items[0]} {
		require.Equal(t, [2]incident.Verdict{}, [2]incident.Verdict{h.FirstContact, h.FirstLevel})
	}
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	require.NotContains(t, string(must(json.Marshal(entries))), "first_")
	for _, q := range []incident.Query{
		{Where: incident.ByFirstContact.Is(incident.VerdictMet)}, {Where: incident.ByFirstLevel.Is(incident.VerdictMet)},
		{Where: incident.ByResolutionProposed.Is(false)}, {Order: []storage.Order{incident.ByFirstContact.Asc()}},
	} {
		page, err := d.List(ctx, rita, q)
		require.NoError(t, err)
		require.Empty(t, page.Items)
		page, err = d.List(ctx, ana, q)
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
	}
	groups, err := d.CountBy(ctx, rita, incident.Query{}, incident.ByFirstContact)
	require.NoError(t, err)
	require.Empty(t, groups)
}

func TestARequesterIsNotToldOfAlertsAndTriggers(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	_, err := d.Alert(ctx, mona, incident.AlertReport{DeduplicationKey: "relay", Title: "Queue is long", Requester: "rita"})
	require.NoError(t, err)
	_, err = d.ClearAlert(ctx, mona, incident.ClearReport{DeduplicationKey: "relay"})
	require.NoError(t, err)
	page, err := d.List(ctx, rita, incident.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	i, err := d.Get(ctx, rita, page.Items[0].ID)
	require.NoError(t, err)
	require.Equal(t, []any{false, time.Time{}, false}, []any{i.Alerted, i.ProposedAt, i.ResolutionProposed})
	require.False(t, page.Items[0].ResolutionProposed)

	trigger := itsm.SystemActor("acme", "vip-is-angry")
	trigger.Cause = itsm.Cause{Event: "e", Chain: []string{"trigger:vip-is-angry"}}
	_, err = d.Note(ctx, trigger, i.ID, incident.Note{Text: "We have it", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	require.False(t, d.last(i.ID).Cause.IsZero())
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	for _, e := range entries {
		require.True(t, e.Event.Cause.IsZero(), e.Event.Type)
	}
}

func TestARequesterHearsNothingOfAnEditThatShowsThemNothing(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	_, err := d.Edit(ctx, ana, i.ID, incident.Edit{Watchers: &[]itsm.ID{"willy"}})
	require.NoError(t, err)
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	title := "Mail is late"
	_, err = d.Edit(ctx, ana, i.ID, incident.Edit{Title: &title, Watchers: &[]itsm.ID{}})
	require.NoError(t, err)
	entries, err = d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Len(t, entries[1].Event.Changes, 1)
}

func TestWhoMayNotReadTheSurvivorDoesNotLearnItsID(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	survivor, duplicate := d.report(func(r *incident.Report) { r.Requester = "rob" }), d.report()
	_, err := d.Merge(ctx, mona, duplicate.ID, incident.Merging{Into: survivor.ID})
	require.NoError(t, err)
	_, err = d.Survivor(ctx, rita, duplicate.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	require.NotContains(t, err.Error(), string(survivor.ID))
	require.Contains(t, err.Error(), string(duplicate.ID))
}

func TestARefusalOffersWhatTheActorMayDo(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateCancelled)
	offered := func(actor itsm.Actor) []string {
		_, err := d.Reply(ctx, actor, i.ID, incident.Reply{Text: "But it does not work"})
		var refused *itsm.TransitionError
		require.ErrorAs(t, err, &refused)
		return refused.Permitted
	}
	require.Equal(t, []string{"attach", "detach"}, offered(rita))
	require.Contains(t, offered(mona), "restrict")
}

func TestATotalThatIsTooLongIsAFaultAndNeverWrong(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	for range 3445 {
		_, err := d.LogWork(ctx, mona, i.ID, incident.Work{Worked: incident.MaxWork})
		require.NoError(t, err)
	}
	_, err := d.SumCosts(ctx, mona, incident.Query{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.TotalCost(ctx, mona, i.ID)
	require.Equal(t, []string{"worked"}, faults(t, err))
	page, err := d.Costs(ctx, mona, i.ID, "", 10)
	require.NoError(t, err)
	for _, c := range page.Items {
		_, err := d.ReverseCost(ctx, mona, i.ID, incident.Reversal{Command: itsm.Command{Reason: "Nobody works that long"}, Entry: c.ID})
		require.NoError(t, err)
	}
	total, err := d.TotalCost(ctx, mona, i.ID)
	require.NoError(t, err)
	require.Equal(t, 3435*incident.MaxWork, total.Worked)
}

func TestFaultsOfWorkNameItsOwnFields(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	_, err := d.LogWork(ctx, mona, i.ID, incident.Work{Start: d.now.Add(time.Hour)})
	require.Equal(t, []string{"worked", "start"}, faults(t, err))
	for range incident.MaxAttachments {
		_, err := d.Attach(ctx, mona, i.ID, incident.Attachment{Name: "a", Reference: "a"})
		require.NoError(t, err)
	}
	_, err = d.Attach(ctx, mona, i.ID, incident.Attachment{Name: "a", Reference: "a"})
	require.ErrorContains(t, err, "attachments are 500 already; at most 500 are allowed")
}

func TestI9ACustomersIncidentHasTheCategoryByWhichItIsRouted(t *testing.T) {
	own := func(_ context.Context, _, tenant storage.Tenant) (incident.Customer, bool, error) {
		c := incident.Customer{Requester: "contact"}
		if tenant == "globex" {
			c.Category, c.Service = "telephony", "phones"
		}
		return c, true, nil
	}
	asked := map[storage.Tenant][]string{}
	d := openDesk(t, incident.Options{Customer: own, Route: func(_ context.Context, _ *engine.Unit, i incident.Incident) (incident.Assignment, error) {
		asked[i.Tenant] = []string{i.Category, i.Subcategory, string(i.Service)}
		return incident.Assignment{}, nil
	}})
	ctx := t.Context()
	i, err := d.Log(ctx, lead, incident.Report{Title: "x", Requester: "nora", Category: "mail", Subcategory: "relay", Service: "mail"})
	require.NoError(t, err)
	_, err = d.FanOut(ctx, lead, i.ID, fanOut("acme", "globex"))
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, []string{"mail", "relay", "mail"}, asked["acme"])
	require.Equal(t, []string{"telephony", "", "phones"}, asked["globex"])
}
