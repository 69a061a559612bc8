package incident_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// hostLifecycle has an action of the host's into each category, and one of the system's.
func hostLifecycle(t *testing.T) *incident.Lifecycle {
	t.Helper()
	l, err := incident.StandardLifecycle().Extend(
		[]incident.StateOf{{Name: "parked", Category: itsm.CategoryWaiting}, {Name: "observed", Category: itsm.CategoryResolved}},
		incident.Rule{From: []incident.State{incident.StateAssigned}, On: "park", To: "parked", Permission: incident.PermissionDo},
		incident.Rule{From: []incident.State{"parked"}, On: "unpark", Return: []incident.State{incident.StateAssigned}, Permission: incident.PermissionDo},
		incident.Rule{From: []incident.State{incident.StateAssigned, "parked"}, On: "observe", To: "observed", Permission: incident.PermissionDo},
		incident.Rule{From: []incident.State{"observed"}, On: "sign_off", To: incident.StateClosed, System: true},
		incident.Rule{From: []incident.State{incident.StateAssigned}, On: "hand_over", Stay: true, Permission: incident.PermissionDo},
		incident.Rule{From: []incident.State{incident.StateClosed}, On: incident.ActionReopen, To: incident.StateInProgress},
		incident.Rule{From: []incident.State{incident.StateClosed}, On: incident.ActionEdit, Stay: true},
	)
	require.NoError(t, err)
	return l
}

func TestAHostsActionBringsWhatItNeeds(t *testing.T) {
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "rack", Type: itsm.FieldText})
	require.NoError(t, err)
	d, ctx := openDesk(t, incident.Options{Lifecycle: hostLifecycle(t), Fields: set}), t.Context()
	i := d.in(incident.StateAssigned)
	before := d.snapshot()
	_, err = d.Do(ctx, ana, i.ID, "park", incident.Input{
		Note: withNUL, Visibility: "secret", Group: itsm.ID(withNUL), HoldReason: "lunch", Until: d.now, Link: &itsm.Ref{Kind: "x"},
		Code: "magic", Notes: notUTF8, Fields: itsm.Fields{"row": json.RawMessage(`1`)}, Data: json.RawMessage("{"),
		Columns: []storage.Value[incident.Head]{incident.ByNumber.Value("INC1")},
	})
	require.ElementsMatch(t, []string{"note", "visibility", "group", "hold_reason", "until", "link.id", "code", "notes", "fields.row", "columns", "data"}, faults(t, err))
	_, err = d.Do(ctx, ana, i.ID, "park", incident.Input{Data: json.RawMessage(`"` + strings.Repeat("x", incident.MaxData) + `"`)})
	require.Equal(t, []string{"data"}, faults(t, err))
	_, err = d.Do(ctx, ana, i.ID, "unpark", incident.Input{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.Do(ctx, rita, i.ID, "park", incident.Input{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Do(ctx, mona, i.ID, "", incident.Input{})
	require.Equal(t, []string{"action"}, faults(t, err))
	require.Equal(t, before, d.snapshot())

	i, err = d.Do(ctx, ana, i.ID, "hand_over", incident.Input{Group: "network", Note: "Over to you", Visibility: itsm.VisibilityPublic,
		Fields: itsm.Fields{"rack": json.RawMessage(`"R7"`)}})
	require.NoError(t, err)
	require.Equal(t, [2]itsm.ID{"network", ""}, [2]itsm.ID{i.Group, i.Assignee})
	require.Equal(t, 1, i.Reassignments)
	require.Equal(t, d.now, i.FirstResponse)
	require.Equal(t, itsm.Fields{"rack": json.RawMessage(`"R7"`)}, i.Fields)

	park := incident.Input{HoldReason: incident.HoldVendor, Link: &itsm.Ref{Kind: "case", ID: "V1"}, Until: d.now.Add(time.Hour), Note: "Waiting"}
	_, err = d.Do(ctx, sam, i.ID, "park", park)
	require.Equal(t, []string{"until"}, faults(t, err), "nothing would resume it")
	park.Until = time.Time{}
	i, err = d.Do(ctx, sam, i.ID, "park", park)
	require.NoError(t, err)
	require.Equal(t, incident.HoldVendor, i.HoldReason)
	require.NotEmpty(t, i.HoldNote)
	i, err = d.Do(ctx, sam, i.ID, "observe", incident.Input{Code: incident.CodeFixed, Notes: "New cable"})
	require.NoError(t, err)
	require.Equal(t, incident.Outcome{Code: incident.CodeFixed, Notes: "New cable", By: "sam"}, i.Resolution)
	require.Empty(t, i.HoldReason)

	_, err = d.Do(ctx, mona, i.ID, "sign_off", incident.Input{})
	require.ErrorIs(t, err, itsm.ErrForbidden, "only the system takes it")
	i, err = d.Do(ctx, itsm.SystemActor("acme", "review"), i.ID, "sign_off", incident.Input{})
	require.NoError(t, err)
	require.Equal(t, incident.StateClosed, i.State)
	require.Equal(t, d.now, i.ClosedAt)
	require.Empty(t, jobsOf(d))

	// The host's closed incidents can be edited and reopened: its rules decide.
	i, err = d.Edit(ctx, mona, i.ID, incident.Edit{Title: ptr("Cable")})
	require.NoError(t, err)
	i, err = d.Reopen(ctx, mona, i.ID, incident.Reopening{})
	require.NoError(t, err)
	require.Equal(t, incident.StateInProgress, i.State)
	require.True(t, i.Open)
	require.Equal(t, 1, i.Reopens)
	require.Zero(t, i.ClosedAt)
}

func TestAShopSwitchesStepsOff(t *testing.T) {
	small, err := incident.StandardLifecycle().Without([]incident.State{incident.StateOnHold, incident.StateAssigned},
		incident.ActionAssign, incident.ActionAutoClose)
	require.NoError(t, err)
	d, ctx := openDesk(t, incident.Options{Lifecycle: small}), t.Context()
	i := d.report(func(r *incident.Report) { r.Assignee = "ana" })
	require.Equal(t, incident.StateNew, i.State, "there is no assigned state to go to")
	i, err = d.Start(ctx, ana, i.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.Hold(ctx, ana, i.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "?"})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	ran := d.wait(incident.DefaultAutoClose)
	require.Zero(t, ran.Failed)
	require.Equal(t, incident.StateResolved, d.get(i.ID).State, "nothing closes it but a person")
}

func TestAParentReopenedAtOnceLeavesItsChildren(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	parent, child := d.report(), d.report()
	_, err := d.Link(ctx, ana, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
	require.NoError(t, err)
	_, err = d.Resolve(ctx, ana, parent.ID, fixed)
	require.NoError(t, err)
	_, err = d.Reopen(ctx, ana, parent.ID, incident.Reopening{})
	require.NoError(t, err)
	d.wait(time.Minute)
	require.Equal(t, incident.StateNew, d.get(child.ID).State)

	kept := openDesk(t, incident.Options{Children: incident.ChildrenKeep})
	parent, child = kept.report(), kept.report()
	_, err = kept.Link(ctx, ana, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
	require.NoError(t, err)
	_, err = kept.Resolve(ctx, ana, parent.ID, fixed)
	require.NoError(t, err)
	kept.wait(time.Minute)
	require.Equal(t, incident.StateNew, kept.get(child.ID).State)
}

// A host's own waiting state that has no action resume: its requester can still write, and what an
// own action has no use for is a fault.
func TestAHostsWaitingStateOfItsOwn(t *testing.T) {
	l, err := incident.StandardLifecycle().Extend([]incident.StateOf{{Name: "with_vendor", Category: itsm.CategoryWaiting}},
		incident.Rule{From: []incident.State{incident.StateAssigned}, On: "send", To: "with_vendor"},
		incident.Rule{From: []incident.State{"with_vendor"}, On: "chase", Stay: true},
		incident.Rule{From: []incident.State{"with_vendor"}, On: "back", Return: []incident.State{incident.StateAssigned}},
		incident.Rule{From: []incident.State{incident.StateAssigned}, On: "poke", Stay: true})
	require.NoError(t, err)
	d, ctx := openDesk(t, incident.Options{Lifecycle: l}), t.Context()
	i := d.in(incident.StateAssigned)
	_, err = d.Do(ctx, mona, i.ID, "poke", incident.Input{Code: incident.CodeFixed, Notes: "n", HoldReason: incident.HoldCaller})
	require.ElementsMatch(t, []string{"code", "notes", "hold_reason"}, faults(t, err))
	_, err = d.Do(ctx, sam, i.ID, "typo", incident.Input{})
	require.ErrorIs(t, err, itsm.ErrTransition, "nobody lacks the permission for what does not exist")

	i, err = d.Do(ctx, mona, i.ID, "send", incident.Input{HoldReason: incident.HoldCaller, Note: "first", Data: json.RawMessage(`{"secret":1}`)})
	require.NoError(t, err)
	began := i.HoldNote
	require.NotEmpty(t, began)
	i, err = d.Do(ctx, mona, i.ID, "chase", incident.Input{Note: "second"})
	require.NoError(t, err)
	require.Equal(t, began, i.HoldNote, "it is the note with which the wait began")
	_, err = d.Reply(ctx, rita, i.ID, incident.Reply{Text: "Any news?"})
	require.NoError(t, err)
	i, err = d.Get(ctx, mona, i.ID)
	require.NoError(t, err)
	require.EqualValues(t, "with_vendor", i.State)

	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(entries)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
	require.NotContains(t, string(raw), string(began))
	entries, err = d.Timeline(ctx, mona, i.ID)
	require.NoError(t, err)
	raw, err = json.Marshal(entries)
	require.NoError(t, err)
	require.Contains(t, string(raw), "secret")
}

func TestMyGroupsAreThoseOfEachTenant(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	for tenant, group := range map[storage.Tenant]itsm.ID{"acme": "l2", "globex": "l3"} {
		manager := itsm.Actor{Tenant: tenant, ID: "m", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
		_, err := d.Log(ctx, manager, incident.Report{Title: "Down", Requester: "rita", Group: group})
		require.NoError(t, err)
		_, err = d.Log(ctx, manager, incident.Report{Title: "Down", Requester: "rita", Group: "home"})
		require.NoError(t, err)
	}
	in := func(groups ...itsm.ID) itsm.Membership {
		return itsm.Membership{Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: groups}
	}
	tara := itsm.Actor{Tenant: "msp", ID: "tara", Groups: []itsm.ID{"home"}, Elsewhere: map[storage.Tenant]itsm.Membership{"acme": in("l2"), "globex": in("l2", "l3")}}
	queue, err := d.MyGroups(ctx, tara, incident.Query{Tenants: []storage.Tenant{"acme", "globex"}})
	require.NoError(t, err)
	require.Len(t, queue.Items, 2)
	for _, h := range queue.Items {
		require.NotEqual(t, itsm.ID("home"), h.Group)
	}
}
