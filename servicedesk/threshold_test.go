package servicedesk_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// promise has incidents be resolved within four hours, by clocks that never stop, with thresholds.
func (f *fixture) promise(t *testing.T, change func(*timer.Target), thresholds ...timer.Threshold) {
	t.Helper()
	target := timer.Resolution("always", nil, timer.Within(4*time.Hour))
	target.Thresholds = thresholds
	if change != nil {
		change(&target)
	}
	f.always(t)
	v, err := f.ServiceLevels.Policies.Draft(t.Context(), boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(t.Context(), boss, v.ID, itsm.Command{})
	require.NoError(t, err)
}

func (f *fixture) always(t *testing.T) {
	t.Helper()
	d := calendar.Definition{Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}
	v, err := f.ServiceLevels.Calendars.Draft(t.Context(), boss, sla.CalendarDraft{Family: d.Name, Set: sla.Calendar{Definition: d}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Calendars.Activate(t.Context(), boss, v.ID, itsm.Command{})
	require.NoError(t, err)
}

// at moves the time on and does what is due by then.
func (f *fixture) at(t *testing.T, after time.Duration) {
	t.Helper()
	f.now = monday.Add(after)
	for range 4 {
		_, err := f.Tick(t.Context(), f.now)
		require.NoError(t, err)
	}
}

// noLetters says that nothing failed.
func (f *fixture) noLetters(t *testing.T) {
	t.Helper()
	require.NoError(t, f.Engine.View(t.Context(), boss, func(ctx context.Context, r storage.Reader) error {
		jobs, err := r.Jobs(ctx, storage.JobQuery{Kind: "sla_timer.act", Limit: 10})
		require.Empty(t, jobs)
		return err
	}))
}

// ranks gives the people and groups of the tests someone above them.
func (f *fixture) ranks(t *testing.T) {
	t.Helper()
	f.staff(t)
	ctx := t.Context()
	for _, p := range []itsm.ID{"mia", "lou", "sam", "top"} {
		f.person(t, p)
	}
	manager, lead, above := itsm.ID("mia"), itsm.ID("lou"), itsm.ID("infrastructure")
	f.group(t, above, "", "sam")
	_, err := f.Directory.EditPerson(ctx, boss, "ned", directory.PersonEdit{Manager: &manager})
	require.NoError(t, err)
	_, err = f.Directory.EditGroup(ctx, boss, "network", directory.GroupEdit{Parent: &above, Lead: &lead})
	require.NoError(t, err)
}

func share(percent int64, actions ...string) timer.Threshold {
	return timer.Threshold{Name: "at", Share: timer.Percent(percent), Actions: actions}
}

// L17: half of the time is over, and the incident is somebody else's, or somebody higher up knows, without any code
// of the host.
func TestL17AThresholdReassignsAndRaisesByItself(t *testing.T) {
	type view struct {
		Group, Assignee        itsm.ID
		Priority               itsm.Priority
		Functional, Hierarchic int
		To                     itsm.ID
	}
	for _, c := range []struct {
		action string
		report incident.Report
		want   view
	}{
		{"reassign:vip", incident.Report{Group: "network", Assignee: "ned"}, view{Group: "vip", Functional: 1, Priority: 3}},
		{"reassign:vip", incident.Report{}, view{Group: "vip", Priority: 3}},
		{"reassign:network", incident.Report{Group: "network", Assignee: "ned"}, view{Group: "network", Assignee: "ned", Priority: 3}},
		{"reassign", incident.Report{Group: "network", Assignee: "ned"}, view{Group: "infrastructure", Functional: 1, Priority: 3}},
		{"reassign", incident.Report{Group: "vip"}, view{Group: "vip", Priority: 3}},
		{"reassign", incident.Report{}, view{Priority: 3}},
		{"raise", incident.Report{Group: "network", Assignee: "ned"}, view{Group: "network", Assignee: "ned", Hierarchic: 1, To: "mia", Priority: 3}},
		{"raise", incident.Report{Group: "network", Assignee: "nat"}, view{Group: "network", Assignee: "nat", Hierarchic: 1, To: "lou", Priority: 3}},
		{"raise", incident.Report{Group: "network", Assignee: "lou"}, view{Group: "network", Assignee: "lou", Priority: 3}},
		{"raise", incident.Report{}, view{Priority: 3}},
		{"raise:person:top", incident.Report{Group: "vip"}, view{Group: "vip", Hierarchic: 1, To: "top", Priority: 3}},
		{"raise:priority", incident.Report{}, view{Priority: 2}},
		{"raise:priority", incident.Report{Impact: 1, Urgency: 1}, view{Priority: 1}},
	} {
		t.Run(c.action+" "+string(c.report.Group)+" "+string(c.report.Assignee), func(t *testing.T) {
			f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
			f.ranks(t)
			f.promise(t, nil, share(50, c.action))
			c.report.Title, c.report.Requester = "No sound", "rosa"
			if c.report.Impact == 0 {
				c.report.Impact, c.report.Urgency = 2, 2
			}
			i, err := f.Incidents.Log(ctx, ada, c.report)
			require.NoError(t, err)
			f.at(t, 119*time.Minute)
			before, err := f.Incidents.Get(ctx, boss, i.ID)
			require.NoError(t, err)
			require.Equal(t, i.Version, before.Version, "nothing yet")
			f.at(t, 2*time.Hour)
			f.at(t, 3*time.Hour)
			f.noLetters(t)
			i, err = f.Incidents.Get(ctx, boss, i.ID)
			require.NoError(t, err)
			got := view{Group: i.Group, Assignee: i.Assignee, Priority: i.Priority, Functional: i.FunctionalEscalations, Hierarchic: i.HierarchicalEscalations}
			timeline, err := f.Incidents.Timeline(ctx, boss, i.ID)
			require.NoError(t, err)
			for _, x := range timeline {
				if x.Event == nil || x.Event.Version == 1 {
					continue
				}
				require.True(t, x.Event.System)
				require.Equal(t, itsm.ID("system:sla_timer.act"), x.Event.Actor)
				require.Equal(t, `Threshold "at" of target "resolution"`, x.Event.Reason)
				require.Equal(t, []string{"sla:gold/resolution/at"}, x.Event.Cause.Chain)
				require.NotEmpty(t, x.Event.Cause.Event)
				if e, ok := x.Event.Data.(incident.Escalated); ok {
					got.To = e.To
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// L17: whom a threshold tells is told through the sender, of no more than they may read; where there is none the event
// says it.
func TestL17AThresholdTellsPeopleGroupsAndRoles(t *testing.T) {
	holders := func(_ context.Context, _ storage.Reader, role itsm.RoleName) ([]itsm.ID, error) {
		return map[itsm.RoleName][]itsm.ID{itsm.RoleServiceLevelManager: {"lou"}}[role], nil
	}
	actions := []string{"tell:assignee", "tell:group:infrastructure", "tell:person:top", "tell:role:service_level_manager"}
	log := func(f *fixture) incident.Incident {
		i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa", Group: "network", Assignee: "ned"})
		require.NoError(t, err)
		return i
	}
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail, Holders: holders})
	f.ranks(t)
	f.promise(t, nil, share(50, actions...))
	i := log(f)
	f.at(t, time.Hour)
	mail.sent = nil
	for _, minutes := range []int{120, 121, 130, 180} {
		f.at(t, time.Duration(minutes)*time.Minute)
	}
	f.noLetters(t)
	const told = "sla_timer.threshold_reached.v1 "
	// Who works in a group below works in the one above it, too.
	for _, person := range []itsm.ID{"ned", "nat", "sam", "top", "lou"} {
		require.Equal(t, []string{told}, mail.to(person), person)
	}
	for _, n := range mail.sent {
		require.Equal(t, []any{"gold", "resolution", "at", i.Number}, []any{n.Data["policy"], n.Data["target"], n.Data["threshold"], n.Data["number"]})
	}
	require.Empty(t, mail.to("rosa"))
	inbox, err := f.Notifications.Inbox(t.Context(), ned, notify.ChannelInApp, "", 10)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(inbox.Items, func(n notify.Notification) bool { return n.RecordKind == sla.TimerKind }))
	roles := func(a itsm.Actor, all ...itsm.RoleName) itsm.Actor { a.ID, a.Roles = "ned", all; return a }
	inbox, err = f.Notifications.Inbox(t.Context(), roles(rosa, itsm.RoleRequester), notify.ChannelInApp, "", 10)
	require.NoError(t, err)
	require.Empty(t, inbox.Items, "the incident is not that of who asks")

	// Restricted, only those who may read it.
	_, err = f.Incidents.Restrict(t.Context(), boss, log(f).ID, incident.Restriction{})
	require.NoError(t, err)
	mail.sent = nil
	for _, minutes := range []int{180 + 120, 180 + 121, 180 + 130} {
		f.at(t, time.Duration(minutes)*time.Minute)
	}
	require.Equal(t, []string{"incident.assigned.v1 ", told}, mail.to("ned"))
	require.Empty(t, mail.to("top"))
	require.Empty(t, mail.to("lou"))

	// Without a sender the event names them.
	f = newDesk(t, servicedesk.Config{})
	f.ranks(t)
	f.promise(t, nil, share(50, actions...))
	i = log(f)
	f.at(t, 2*time.Hour)
	f.noLetters(t)
	require.Equal(t, [][]string{actions}, f.reached(t, i.Ref()))
}

// reached gives the actions of the thresholds that were told of an incident's timer.
func (f *fixture) reached(t *testing.T, of itsm.Ref) (all [][]string) {
	t.Helper()
	timers, err := f.ServiceLevels.Of(t.Context(), boss, of)
	require.NoError(t, err)
	events, err := f.ServiceLevels.History(t.Context(), boss, timers[0].ID, storage.EventPosition{}, 100)
	require.NoError(t, err)
	for _, e := range events {
		if x, ok := e.Data.(sla.ThresholdReached); ok {
			all = append(all, x.Actions)
		}
	}
	return all
}

// L17: what a policy names is checked when it is drafted and activated, every fault with its place.
func TestL17AThresholdThatCannotActIsRefused(t *testing.T) {
	host := sla.Options{Actions: map[string]sla.Action{"page_me": func(context.Context, *engine.Unit, sla.Occasion) error { return nil }}}
	f, ctx := newDesk(t, servicedesk.Config{Sender: &outbox{}, SLA: host}), t.Context()
	f.ranks(t)
	f.always(t)
	inactive := false
	_, err := f.Directory.EditGroup(ctx, boss, "vip", directory.GroupEdit{Active: &inactive})
	require.NoError(t, err)
	draft := func(actions ...string) (sla.PolicyVersion, map[string]string) {
		target := timer.Resolution("always", nil, timer.Within(4*time.Hour))
		target.Thresholds = []timer.Threshold{share(50, actions...)}
		v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
			Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{target}}}})
		return v, faults(t, err)
	}
	v, wrong := draft("page_me", "reassign", "reassign:network", "raise", "raise:priority", "raise:person:mia", "tell:assignee", "tell:group", "tell:group:network", "tell:person:mia")
	require.Empty(t, wrong)
	_, wrong = draft("reassign:nowhere", "reassign:vip", "raise:person:nobody", "raise:nobody", "tell:role:service_level_manager", "tell", "tell:role:", "page_you", "reassign:")
	const at = "set.targets[0].thresholds[0].actions"
	require.Equal(t, map[string]string{
		at + "[0]": `"reassign:nowhere" names a group that is not there`,
		at + "[1]": `"reassign:vip" names a group that is not active`,
		at + "[2]": `"raise:person:nobody" names a person who is not there`,
		at + "[3]": `"raise:nobody" is unknown; there are: raise, raise:person:ID, raise:priority`,
		at + "[4]": `"tell:role:service_level_manager" comes to nobody: the desk knows no people by role`,
		at + "[5]": `"tell" is unknown; there are: tell:assignee, tell:group, tell:group:ID, tell:person:ID, tell:role:NAME`,
		at + "[6]": `"tell:role:" is unknown; there are: tell:assignee, tell:group, tell:group:ID, tell:person:ID, tell:role:NAME`,
		at + "[7]": `"page_you" is unknown; there are: page_me, raise, raise:person:ID, raise:priority, reassign, reassign:GROUP, tell:assignee, tell:group, tell:group:ID, tell:person:ID, tell:role:NAME`,
		at + "[8]": `"reassign:" is unknown; there are: reassign, reassign:GROUP`,
	}, wrong)
	_, err = f.Directory.EditGroup(ctx, boss, "network", directory.GroupEdit{Active: &inactive})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.Len(t, faults(t, err), 2, "reassign and tell name it")
}

func faults(t *testing.T, err error) map[string]string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	all := map[string]string{}
	for _, x := range invalid.Faults {
		all[x.Field] = x.Problem
	}
	return all
}

// L17: an incident that is closed meanwhile is left alone, and nobody hears of it; what the host does about it happens.
func TestL17WhatIsClosedMeanwhileRefusesNothing(t *testing.T) {
	done := 0
	count := func(context.Context, *engine.Unit, sla.Occasion) error { done++; return nil }
	f, ctx := newDesk(t, servicedesk.Config{SLA: sla.Options{Actions: map[string]sla.Action{"count": count}}}), t.Context()
	f.ranks(t)
	f.promise(t, nil, share(50, "reassign", "raise", "raise:priority", "tell:group", "count"))
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa", Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	// It is resolved after the threshold was reached, before anything ticked: the threshold is told with that, and
	// its actions come after.
	f.now = monday.Add(3 * time.Hour)
	_, err = f.Incidents.Resolve(ctx, ned, i.ID, incident.Resolution{Code: "fixed", Notes: "It works"})
	require.NoError(t, err)
	require.Len(t, f.reached(t, i.Ref()), 1)
	f.at(t, 3*time.Hour)
	f.at(t, 4*time.Hour)
	f.noLetters(t)
	require.Equal(t, 1, done)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Equal(t, []any{itsm.ID("network"), 0, 0, itsm.Priority(4)}, []any{i.Group, i.Reassignments, i.HierarchicalEscalations, i.Priority})
}

// L17: an action that begins the next cycle is not taken again in that, though the threshold is reached at once.
func TestL17AnActionDoesNotSetItselfOffForEver(t *testing.T) {
	f, ctx := newDesk(t, servicedesk.Config{}), t.Context()
	f.ranks(t)
	f.promise(t, func(target *timer.Target) {
		target.Reset = []timer.Match{{Actions: []string{"escalate"}}}
	}, timer.Threshold{Name: "at", Offset: -timer.Duration(10 * time.Hour), Actions: []string{"raise"}})
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa", Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	for n := range 20 {
		f.at(t, time.Duration(n)*time.Second)
	}
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Equal(t, 1, i.HierarchicalEscalations)
	require.Equal(t, [][]string{{"raise"}, nil}, f.reached(t, i.Ref()))
	// What a person does begins a cycle in which it is taken.
	_, err = f.Incidents.Escalate(ctx, boss, i.ID, incident.Escalation{Command: itsm.Command{Reason: "It is late"}, Type: incident.EscalationHierarchical, To: "top"})
	require.NoError(t, err)
	for n := range 20 {
		f.at(t, time.Minute+time.Duration(n)*time.Second)
	}
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Equal(t, 3, i.HierarchicalEscalations)
	f.noLetters(t)
}

// The example of docs/sla.md does what the page says.
func TestTheThresholdsOfTheDocumentationAct(t *testing.T) {
	raw, err := os.ReadFile("../docs/sla.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(raw), "<!-- thresholds -->\n```json\n")
	require.True(t, ok)
	text, _, ok = strings.Cut(text, "```")
	require.True(t, ok)
	policy, err := timer.Parse([]byte(text))
	require.NoError(t, err)
	mail := &outbox{}
	f, ctx := newDesk(t, servicedesk.Config{Sender: mail, Holders: func(context.Context, storage.Reader, itsm.RoleName) ([]itsm.ID, error) {
		return []itsm.ID{"top"}, nil
	}}), t.Context()
	f.ranks(t)
	f.always(t)
	v, err := f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: policy.Name, Set: sla.Policy{Policy: policy}})
	require.NoError(t, err)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa", Group: "network", Assignee: "ned", Impact: 2, Urgency: 2})
	require.NoError(t, err)
	for n := range 16 {
		f.at(t, time.Duration(n)*15*time.Minute)
	}
	f.noLetters(t)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Equal(t, []any{itsm.ID("infrastructure"), 1, itsm.Priority(2)}, []any{i.Group, i.HierarchicalEscalations, i.Priority})
	require.Contains(t, mail.to("ned"), "sla_timer.threshold_reached.v1 ")
	require.Contains(t, mail.to("top"), "sla_timer.threshold_reached.v1 ")
}

// parcel is a record of the host's own.
type parcel struct {
	parcelHead
	Nothing struct{}
}

type parcelHead struct {
	storage.Meta
	State string
}

var parcels = storage.Define("parcel", storage.Def[parcel, parcelHead, struct{}]{
	Parts:   func(p *parcel) (*parcelHead, *struct{}) { return &p.parcelHead, &p.Nothing },
	Columns: []storage.ColumnOf[parcelHead]{storage.Col("state", func(h *parcelHead) *string { return &h.State })},
})

// What a threshold does to a host's own records is the host's to say, whatever it is called.
func TestActionsForAHostsOwnRecordsAreTheHosts(t *testing.T) {
	var done, checked []string
	f, ctx := newDesk(t, servicedesk.Config{
		Modules: []engine.Module{{Name: "post", Tables: []*storage.Schema{parcels.Schema()}}},
		SLA: sla.Options{
			Kinds: []sla.RecordKind{{Schema: parcels.Schema(), Category: func(row storage.Row) itsm.Category {
				state, _ := row.Value(parcels.Schema(), "state").(string)
				return itsm.Category(state)
			}}},
			ActionOf: func(kind, name string) (sla.Action, error) {
				if kind != "parcel" || name == "raise:hell" {
					return nil, itsm.Invalid("action", "", "is none of the host's")
				}
				return func(context.Context, *engine.Unit, sla.Occasion) error { done = append(done, name); return nil }, nil
			},
			CheckAction: func(_ context.Context, _ storage.Reader, kind, name string) error {
				checked = append(checked, kind+" "+name)
				return nil
			},
		},
	}), t.Context()
	f.always(t)
	draft := func(actions ...string) (sla.PolicyVersion, error) {
		target := timer.Resolution("always", nil, timer.Within(4*time.Hour))
		target.Thresholds = []timer.Threshold{share(50, actions...)}
		return f.ServiceLevels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: "post", Set: sla.Policy{
			Policy: timer.Policy{Name: "post", Kind: "parcel", Targets: []timer.Target{target}}}})
	}
	_, err := draft("raise:hell")
	require.ErrorContains(t, err, "is none of the host's")
	v, err := draft("tell:carrier", "reassign:carrier")
	require.NoError(t, err)
	require.Equal(t, []string{"parcel tell:carrier", "parcel reassign:carrier"}, checked)
	_, err = f.ServiceLevels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
	require.NoError(t, err)
	require.NoError(t, f.Engine.Update(ctx, boss, func(ctx context.Context, u *engine.Unit) error {
		p := parcel{parcelHead: parcelHead{State: "active"}}
		p.ID = u.NewID()
		return parcels.Put(ctx, u, &p)
	}))
	f.at(t, time.Second)
	f.at(t, 2*time.Hour)
	f.noLetters(t)
	require.Equal(t, []string{"tell:carrier", "reassign:carrier"}, done)
}
