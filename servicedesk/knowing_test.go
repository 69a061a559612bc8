package servicedesk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

// policy defines a policy that tells one person at once, or after some minutes.
func (f *fixture) policy(t *testing.T, id itsm.ID, after int, person itsm.ID) itsm.ID {
	t.Helper()
	p, err := f.OnCall.DefinePolicy(t.Context(), boss, oncall.PolicyDefinition{ID: id, Name: "Network", Ladder: oncall.Ladder{
		After: after, Steps: []oncall.Step{{Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: person}}, Minutes: 10}},
	}})
	require.NoError(t, err)
	require.Equal(t, id, p.ID)
	return p.ID
}

// Records that name each other in a circle can be read and written: an incident held for what hangs on it, of
// every kind, and two incidents held for each other; by the desk, and in an open transaction.
func TestRecordsThatNameEachOtherInACircleAreRead(t *testing.T) {
	for name, hanging := range map[string]func(t *testing.T, d *servicedesk.Desk, i incident.Incident, contact itsm.ID) itsm.Ref{
		"its task": func(t *testing.T, d *servicedesk.Desk, i incident.Incident, _ itsm.ID) itsm.Ref {
			one, err := d.Tasks.AddTask(t.Context(), boss, i.Ref(), task.Addition{Item: task.Item{Title: "Call the vendor"}})
			require.NoError(t, err)
			return itsm.Ref{Kind: task.Kind, ID: one.ID}
		},
		"a task of its task": func(t *testing.T, d *servicedesk.Desk, i incident.Incident, _ itsm.ID) itsm.Ref {
			one, err := d.Tasks.AddTask(t.Context(), boss, i.Ref(), task.Addition{Item: task.Item{Title: "Call the vendor"}})
			require.NoError(t, err)
			two, err := d.Tasks.AddTask(t.Context(), boss, itsm.Ref{Kind: task.Kind, ID: one.ID}, task.Addition{Item: task.Item{Title: "Find the number"}})
			require.NoError(t, err)
			return itsm.Ref{Kind: task.Kind, ID: two.ID}
		},
		"its contact": func(_ *testing.T, _ *servicedesk.Desk, _ incident.Incident, contact itsm.ID) itsm.Ref {
			return itsm.Ref{Kind: interaction.Kind, ID: contact}
		},
		"a task of its contact": func(t *testing.T, d *servicedesk.Desk, _ incident.Incident, contact itsm.ID) itsm.Ref {
			one, err := d.Tasks.AddTask(t.Context(), boss, itsm.Ref{Kind: interaction.Kind, ID: contact}, task.Addition{Item: task.Item{Title: "Ring back"}})
			require.NoError(t, err)
			return itsm.Ref{Kind: task.Kind, ID: one.ID}
		},
		"its page": func(t *testing.T, d *servicedesk.Desk, i incident.Incident, _ itsm.ID) itsm.Ref {
			e, err := d.OnCall.Start(t.Context(), boss, oncall.Page{Subject: i.Ref(), Policy: "network", Summary: "Come"})
			require.NoError(t, err)
			return itsm.Ref{Kind: oncall.KindEscalation, ID: e.ID}
		},
		"itself as a major one": func(t *testing.T, d *servicedesk.Desk, i incident.Incident, _ itsm.ID) itsm.Ref {
			_, err := d.Incidents.DeclareMajor(t.Context(), boss, i.ID, incident.Declaration{Command: itsm.Command{Reason: "All are down"}})
			require.NoError(t, err)
			return itsm.Ref{Kind: incident.MajorKind, ID: i.ID}
		},
		"one that is held for it": func(t *testing.T, d *servicedesk.Desk, i incident.Incident, _ itsm.ID) itsm.Ref {
			other, err := d.Incidents.Log(t.Context(), boss, incident.Report{Title: "The other", Requester: "rosa"})
			require.NoError(t, err)
			ref := i.Ref()
			_, err = d.Incidents.Hold(t.Context(), boss, other.ID, incident.Hold{HoldReason: incident.HoldVendor, Link: &ref})
			require.NoError(t, err)
			return other.Ref()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newDesk(t, servicedesk.Config{})
			f.policy(t, "network", 0, "ned")
			var i incident.Incident
			var link itsm.Ref
			circle := func(d *servicedesk.Desk) {
				c, err := d.Interactions.Log(t.Context(), ada, interaction.Contact{Subject: "No sound", Contact: "rosa"})
				require.NoError(t, err)
				c, err = d.Interactions.Become(t.Context(), ada, c.ID, interaction.Becoming{Classification: interaction.Incident})
				require.NoError(t, err)
				i, err = d.Incidents.Get(t.Context(), boss, c.RecordID)
				require.NoError(t, err)
				link = hanging(t, d, i, c.ID)
				i, err = d.Incidents.Hold(t.Context(), boss, i.ID, incident.Hold{HoldReason: incident.HoldVendor, Link: &link})
				require.NoError(t, err)
				require.Equal(t, &link, i.HoldLink)
			}
			reads := func(d *servicedesk.Desk, who itsm.Actor, may bool) {
				got, err := d.Incidents.Get(t.Context(), who, i.ID)
				if !may {
					require.ErrorIs(t, err, itsm.ErrNotFound)
					return
				}
				require.NoError(t, err)
				require.Equal(t, &link, got.HoldLink)
				_, err = d.Incidents.Timeline(t.Context(), who, i.ID)
				require.NoError(t, err)
				_, err = d.Tasks.List(t.Context(), who, task.Query{})
				require.NoError(t, err)
				_, err = d.Interactions.List(t.Context(), who, interaction.Query{})
				require.NoError(t, err)
				_, err = d.OnCall.Escalations(t.Context(), who, storage.Query[oncall.EscalationHead]{})
				require.NoError(t, err)
			}
			circle(f.Desk)
			reads(f.Desk, ada, true)
			require.NoError(t, f.Engine.Update(t.Context(), boss, func(_ context.Context, u *engine.Unit) error {
				in := f.In(u.Store())
				circle(in)
				reads(in, boss, true)
				return nil
			}))
			_, err := f.Incidents.Restrict(t.Context(), boss, i.ID, incident.Restriction{})
			require.NoError(t, err)
			reads(f.Desk, ada, false)
			reads(f.Desk, boss, true)
		})
	}
}

// hook is an endpoint that keeps what it was told.
type hook struct {
	mu   sync.Mutex
	got  []string
	down bool
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h.got = append(h.got, string(body))
}

func (h *hook) url(t *testing.T) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func hooks(t *testing.T) webhook.Options {
	sealer, err := webhook.NewSealer(make([]byte, 32))
	require.NoError(t, err)
	return webhook.Options{Sealer: sealer, AllowPrivate: true, AllowHTTP: true}
}

// What hangs on a restricted incident is as restricted, of whatever kind it is.
func TestEndpointsAreToldNothingThatHangsOnARestrictedIncident(t *testing.T) {
	broken := trigger.Define(trigger.Definition[struct{}]{Name: "broken", Title: "Break",
		Do: func(context.Context, *engine.Unit, trigger.Occasion, struct{}) error {
			return errors.New("SECRET fault")
		}})
	f := newDesk(t, servicedesk.Config{Webhook: hooks(t), Triggers: trigger.Options{Actions: []trigger.Action{broken}}, Incident: incident.Options{
		Customer: func(context.Context, storage.Tenant, storage.Tenant) (incident.Customer, bool, error) {
			return incident.Customer{Requester: "their"}, true, nil
		},
	}})
	f.staff(t)
	ctx := t.Context()
	set, err := trigger.Parse([]byte(`{"triggers": [{"name": "break", "on": {"kind": "incident", "types": ["incident.logged.v1"]}, "actions": [{"action": "broken", "with": {}}]}]}`))
	require.NoError(t, err)
	draft, err := f.Triggers.Draft(ctx, boss, trigger.Draft{Set: set})
	require.NoError(t, err)
	_, err = f.Triggers.Activate(ctx, boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(t, err)
	f.policy(t, "network", 0, "ned")

	var plain, trusted hook
	types := []string{"incident.*", "incident_customer.*", "major_incident.*", "task.*", "oncall.*", "interaction.*", "trigger.*"}
	_, _, err = f.Webhooks.Define(ctx, boss, webhook.Definition{Name: "plain", URL: plain.url(t), Types: types, Detail: webhook.DetailFull})
	require.NoError(t, err)
	_, _, err = f.Webhooks.Define(ctx, boss, webhook.Definition{Name: "trusted", URL: trusted.url(t), Types: types, Detail: webhook.DetailFull, Restricted: true})
	require.NoError(t, err)

	all := func(restricted bool) {
		i, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "SECRET title", Requester: "boss"})
		require.NoError(t, err)
		_, err = f.Incidents.FanOut(ctx, boss, i.ID, incident.FanOut{Tenants: []storage.Tenant{"globex"}, Title: "SECRET outage"})
		require.NoError(t, err)
		if restricted {
			_, err = f.Incidents.Restrict(ctx, boss, i.ID, incident.Restriction{})
			require.NoError(t, err)
		}
		_, err = f.Incidents.DeclareMajor(ctx, boss, i.ID, incident.Declaration{Command: itsm.Command{Reason: "SECRET reason"}})
		require.NoError(t, err)
		one, err := f.Tasks.AddTask(ctx, boss, i.Ref(), task.Addition{Item: task.Item{Title: "SECRET task"}})
		require.NoError(t, err)
		_, err = f.Tasks.AddTask(ctx, boss, itsm.Ref{Kind: task.Kind, ID: one.ID}, task.Addition{Item: task.Item{Title: "SECRET part of a task"}})
		require.NoError(t, err)
		_, err = f.Tasks.Complete(ctx, boss, one.ID, task.Ending{Code: "SECRET code"})
		require.NoError(t, err)
		_, err = f.OnCall.Start(ctx, boss, oncall.Page{Subject: i.Ref(), Policy: "network", Summary: "SECRET page"})
		require.NoError(t, err)
		c, err := f.Interactions.Log(ctx, boss, interaction.Contact{Subject: "SECRET contact", Contact: "rosa"})
		require.NoError(t, err)
		_, err = f.Interactions.Attach(ctx, boss, c.ID, interaction.Attachment{Classification: interaction.Incident, Record: i.Ref()})
		require.NoError(t, err)
		f.settled(t)
	}
	kinds := func(h *hook) []string {
		h.mu.Lock()
		defer h.mu.Unlock()
		var out []string
		for _, body := range h.got {
			kind := body[strings.Index(body, `"type":"`)+len(`"type":"`):]
			kind, _, _ = strings.Cut(kind, `"`)
			out = append(out, kind)
		}
		slices.Sort(out)
		h.got = nil
		return slices.Compact(out)
	}
	f.settled(t)
	require.Equal(t, []string{"oncall.policy_defined.v1", "trigger.activated.v1", "trigger.drafted.v1"}, kinds(&plain), "they hang on nothing")
	require.NotEmpty(t, kinds(&trusted))
	all(true)
	require.Empty(t, kinds(&plain))
	told := slices.DeleteFunc(kinds(&trusted), func(s string) bool { return s == "incident.restricted.v1" })
	all(false)
	require.Subset(t, kinds(&plain), told, "of what is not restricted it is told")
	for _, kind := range []string{"major_incident.", "incident_customer.", "task.all_ended", "oncall.paged", "interaction.", "trigger."} {
		require.True(t, slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, kind) }), "%s in %v", kind, told)
	}
}

// Of a host's own records nobody but the host can say whether they are restricted.
func TestEndpointsAreToldOfAHostsRecordsAsTheHostSays(t *testing.T) {
	for _, c := range []struct {
		may  func(context.Context, storage.Reader, webhook.Endpoint, itsm.Event) (bool, error)
		want int
	}{
		{nil, 0},
		{func(_ context.Context, _ storage.Reader, _ webhook.Endpoint, e itsm.Event) (bool, error) {
			return e.Kind == "door", nil
		}, 1},
	} {
		o := hooks(t)
		o.MayKnow = c.may
		f := newDesk(t, servicedesk.Config{Webhook: o, Modules: []engine.Module{{Name: "doors",
			Tables: []*storage.Schema{doors.Schema()}, Events: []itsm.EventType{itsm.EventOf[opened]()}}}})
		var told hook
		_, _, err := f.Webhooks.Define(t.Context(), boss, webhook.Definition{Name: "x", URL: told.url(t), Types: []string{"door.*"}, Detail: webhook.DetailFull})
		require.NoError(t, err)
		require.NoError(t, f.Engine.Update(t.Context(), boss, func(ctx context.Context, u *engine.Unit) error {
			d := door{doorHead: doorHead{storage.Meta{ID: "d1"}}}
			if err := doors.Put(ctx, u, &d); err != nil {
				return err
			}
			u.Emit(itsm.Event{Kind: "door", Record: d.ID, Action: "open", Data: opened{}})
			return nil
		}))
		f.settled(t)
		require.Len(t, told.got, c.want)
	}
}

// door is a record of a host's own, which does not say whether it is restricted.
type door struct {
	doorHead
	rest struct{}
}

type doorHead struct{ storage.Meta }

var doors = storage.Define("door", storage.Def[door, doorHead, struct{}]{
	Parts: func(d *door) (*doorHead, *struct{}) { return &d.doorHead, &d.rest },
})

type opened struct{}

func (opened) EventType() string { return "door.opened.v1" }

// What waited when an endpoint was disabled is not delivered when it is enabled again, until somebody asks.
func TestWhatWaitedWhenAnEndpointWasDisabledStaysUndelivered(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Webhook: hooks(t)})
	ctx := t.Context()
	to := hook{down: true}
	e, _, err := f.Webhooks.Define(ctx, boss, webhook.Definition{Name: "x", URL: to.url(t), Types: []string{"incident.*"}, Detail: webhook.DetailFull})
	require.NoError(t, err)
	_, err = f.Incidents.Log(ctx, boss, incident.Report{Title: "Before", Requester: "boss"})
	require.NoError(t, err)
	for range 2 {
		_, err = f.Tick(ctx, f.now)
		require.NoError(t, err)
	}
	_, err = f.Webhooks.Disable(ctx, boss, e.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = f.Webhooks.Enable(ctx, boss, e.ID, itsm.Command{})
	require.NoError(t, err)
	to.down = false
	after, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "After", Requester: "boss"})
	require.NoError(t, err)
	f.settled(t)
	f.settled(t)
	require.Len(t, to.got, 1)
	require.Contains(t, to.got[0], after.Number)
	dead, err := f.Webhooks.Deliveries(ctx, boss, storage.Query[webhook.DeliveryHead]{Where: webhook.DeliveryByState.Is(webhook.DeliveryDead)})
	require.NoError(t, err)
	require.Len(t, dead.Items, 1)
	_, err = f.Webhooks.Redeliver(ctx, boss, dead.Items[0].ID, itsm.Command{})
	require.NoError(t, err)
	f.settled(t)
	require.Len(t, to.got, 2)
}

// Pages about a restricted incident are for those who may read it, and for those who were told by them.
func TestPagesAreForThoseWhoMayReadWhatTheyAreAbout(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.staff(t)
	f.policy(t, "network", 0, "nat")
	ctx := t.Context()
	manager := itsm.Actor{Tenant: "acme", ID: "mia", Roles: []itsm.RoleName{itsm.RoleProcessOwner}}
	nat := itsm.Actor{Tenant: "acme", ID: "nat", Roles: []itsm.RoleName{itsm.RoleRequester}}
	i, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "SECRET title", Requester: "boss", Restricted: true})
	require.NoError(t, err)
	about := func(id itsm.ID) oncall.Page {
		return oncall.Page{Subject: itsm.Ref{Kind: incident.Kind, ID: id}, Policy: "network", Summary: "SECRET page"}
	}
	e, err := f.OnCall.Start(ctx, boss, about(i.ID))
	require.NoError(t, err)
	ref := itsm.Ref{Kind: oncall.KindEscalation, ID: e.ID}

	_, hidden := f.OnCall.Start(ctx, ada, about(i.ID))
	_, absent := f.OnCall.Start(ctx, ada, about("nope"))
	require.ErrorIs(t, hidden, itsm.ErrInvalid)
	require.Equal(t, absent.Error(), hidden.Error())
	_, hidden = f.OnCall.Escalation(ctx, ada, e.ID)
	require.ErrorIs(t, hidden, itsm.ErrNotFound)
	_, hidden = f.OnCall.History(ctx, ada, ref)
	require.ErrorIs(t, hidden, itsm.ErrNotFound)
	all := func(who itsm.Actor) int {
		page, err := f.OnCall.Escalations(ctx, who, storage.Query[oncall.EscalationHead]{})
		require.NoError(t, err)
		return len(page.Items)
	}
	require.Zero(t, all(ada))
	require.Equal(t, 1, all(boss))
	for _, command := range []func(context.Context, itsm.Actor, itsm.ID, itsm.Command) (oncall.Escalation, error){
		f.OnCall.Acknowledge, f.OnCall.Escalate, f.OnCall.Cancel,
	} {
		for _, who := range []itsm.Actor{ada, manager} {
			_, err := command(ctx, who, e.ID, itsm.Command{})
			require.ErrorIs(t, err, itsm.ErrNotFound)
		}
	}

	read, err := f.OnCall.Escalation(ctx, nat, e.ID)
	require.NoError(t, err, "nat was told")
	require.Equal(t, "SECRET page", read.Summary)
	_, err = f.OnCall.Acknowledge(ctx, nat, e.ID, itsm.Command{})
	require.NoError(t, err)

	// Who started one reads it no more when its subject is restricted.
	other, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "Slow", Requester: "rosa"})
	require.NoError(t, err)
	e, err = f.OnCall.Start(ctx, ada, about(other.ID))
	require.NoError(t, err)
	require.Equal(t, 1, all(ada))
	_, err = f.Incidents.Restrict(ctx, boss, other.ID, incident.Restriction{})
	require.NoError(t, err)
	_, err = f.OnCall.Escalation(ctx, ada, e.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

// A clock that is fast keeps nobody from taking what they are paged about.
func TestAPageAboutAReportFromTheFutureIsAcknowledged(t *testing.T) {
	for name, take := range map[string]func(f *fixture, e oncall.Escalation, i incident.Incident) error{
		"the page": func(f *fixture, e oncall.Escalation, _ incident.Incident) error {
			_, err := f.OnCall.Acknowledge(t.Context(), ned, e.ID, itsm.Command{})
			return err
		},
		"the incident": func(f *fixture, _ oncall.Escalation, i incident.Incident) error {
			_, err := f.Incidents.Accept(t.Context(), ned, i.ID, itsm.Command{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newDesk(t, servicedesk.Config{})
			f.staff(t)
			f.policy(t, "network", 0, "ned")
			reported := f.now.Add(3 * time.Minute)
			i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "The VPN is down", Requester: "rosa", Group: "network", Reported: reported})
			require.NoError(t, err)
			e, err := f.OnCall.Start(t.Context(), boss, oncall.Page{Subject: i.Ref(), Policy: "network", Summary: i.Title})
			require.NoError(t, err)
			require.NoError(t, take(f, e, i))
			i, err = f.Incidents.Get(t.Context(), boss, i.ID)
			require.NoError(t, err)
			require.Equal(t, reported, i.Acknowledged, "not before it was reported")
			e, err = f.OnCall.Escalation(t.Context(), boss, e.ID)
			require.NoError(t, err)
			require.Equal(t, oncall.StateAcknowledged, e.State)
		})
	}
}

// A policy that waits pages about what nobody has taken by then.
func TestNobodyIsPagedAboutWhatIsTakenInTime(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		take  func(f *fixture, i incident.Incident) error
		paged bool
	}{
		"nobody": {func(*fixture, incident.Incident) error { return nil }, true},
		"acknowledged": {func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Acknowledge(ctx, ada, i.ID, incident.Moment{})
			return err
		}, false},
		"accepted": {func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Accept(ctx, ned, i.ID, itsm.Command{})
			return err
		}, false},
		"assigned, and not taken": {func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Reassign(ctx, ada, i.ID, incident.Assignment{Group: "vip"})
			return err
		}, true},
		"resolved": {func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Resolve(ctx, ada, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Up"})
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newDesk(t, servicedesk.Config{})
			f.staff(t)
			f.policy(t, "critical", 15, "nat")
			i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "The VPN is down", Requester: "rosa", Group: "network"})
			require.NoError(t, err)
			e, err := f.OnCall.Start(ctx, boss, oncall.Page{Subject: i.Ref(), Policy: "critical", Summary: i.Title})
			require.NoError(t, err)
			require.Equal(t, []any{0, f.now.Add(15 * time.Minute)}, []any{e.Turn, e.Due})
			pass := func(d time.Duration) int {
				f.now = f.now.Add(d)
				_, err := f.Tick(ctx, f.now)
				require.NoError(t, err)
				e, err = f.OnCall.Escalation(ctx, boss, e.ID)
				require.NoError(t, err)
				return len(e.Told.People)
			}
			require.Zero(t, pass(10*time.Minute))
			require.NoError(t, c.take(f, i))
			require.Zero(t, pass(5*time.Minute-time.Microsecond))
			require.Equal(t, c.paged, pass(time.Microsecond) == 1)
			require.Equal(t, c.paged, pass(time.Hour) == 1)
		})
	}
}

// What is taken at the desk is taken on call: the pages of an incident end with its acknowledgement.
func TestAcknowledgingAnIncidentStopsItsPages(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.policy(t, "network", 0, "nat")
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "The VPN is down", Requester: "rosa"})
	require.NoError(t, err)
	e, err := f.OnCall.Start(t.Context(), boss, oncall.Page{Subject: i.Ref(), Policy: "network", Summary: i.Title})
	require.NoError(t, err)
	_, err = f.Incidents.Acknowledge(t.Context(), ada, i.ID, incident.Moment{})
	require.NoError(t, err)
	e, err = f.OnCall.Escalation(t.Context(), boss, e.ID)
	require.NoError(t, err)
	require.Equal(t, oncall.StateAcknowledged, e.State)
}

func TestASettingThatIsMisspeltIsToldAtOnce(t *testing.T) {
	_, err := servicedesk.New(newDesk(t, servicedesk.Config{}).Engine.Store(), servicedesk.Config{OpenTasks: "mandatry"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "open_tasks")
	require.ErrorContains(t, err, string(task.BlockMandatory))
}

// Analysts plan small work: they add tasks to incidents, and are told how a task is started.
func TestAnalystsAddTasksToIncidents(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "The VPN is down", Requester: "rosa"})
	require.NoError(t, err)
	one, err := f.Tasks.AddTask(t.Context(), ada, i.Ref(), task.Addition{Item: task.Item{Title: "Call the vendor", Group: "network"}})
	require.NoError(t, err)
	_, err = f.Tasks.Start(t.Context(), ned, one.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "accept it first")
	_, err = f.Tasks.Accept(t.Context(), ned, one.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = f.Tasks.Start(t.Context(), ned, one.ID, itsm.Command{})
	require.NoError(t, err)
}

// Counts of tasks leave out those of restricted incidents, of however many incidents there are.
func TestTasksOfRestrictedIncidentsAreNotCounted(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	const incidents = 450 // more than are asked about at once
	open := 0
	for n := range incidents {
		i, err := f.Incidents.Log(ctx, boss, incident.Report{Title: fmt.Sprint(n), Requester: "rosa", Restricted: n%2 == 0})
		require.NoError(t, err)
		if !i.Restricted {
			open++
		}
		_, err = f.Tasks.AddTask(ctx, boss, i.Ref(), task.Addition{Item: task.Item{Title: "Look", Group: itsm.ID(fmt.Sprint("g", n%3))}})
		require.NoError(t, err)
	}
	count := func(who itsm.Actor) (n int64) {
		groups, err := f.Tasks.CountBy(ctx, who, task.Query{}, task.ByGroup)
		require.NoError(t, err)
		require.Len(t, groups, 3)
		for _, g := range groups {
			n += g.Count
		}
		all, err := f.Tasks.Count(ctx, who, task.Query{})
		require.NoError(t, err)
		require.Equal(t, all, n)
		return n
	}
	require.EqualValues(t, open, count(ada))
	require.EqualValues(t, incidents, count(boss))
	seen := 0
	for _, err := range f.Tasks.All(ctx, ada, task.Query{Limit: 200}) {
		require.NoError(t, err)
		seen++
	}
	require.Equal(t, open, seen)
}
