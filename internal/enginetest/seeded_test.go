// This file is a desk that has some of everything, and half a year of incidents.

package enginetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

var (
	deskBegin  = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	chief      = itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	analystAda = itsm.Actor{Tenant: acme, ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	costCentre = storage.Custom[string](itsmincident.Table, "cost_centre")
)

// seededDesk is a desk whose time the test tells.
type seededDesk struct {
	*servicedesk.Desk
	now  *time.Time
	mail *postbox
}

// postbox is a sender that keeps what it is given.
type postbox struct {
	mu   sync.Mutex
	sent []string
}

func (p *postbox) Send(_ context.Context, n notify.Notification) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, string(n.Person)+" "+n.EventType)
	return nil
}

// newSeededDesk gives the desk over a store that has its tables.
func newSeededDesk(store storage.Store, now time.Time) (d *seededDesk, err error) {
	d = &seededDesk{now: &now, mail: &postbox{}}
	d.Desk, err = servicedesk.New(store, servicedesk.Config{
		Engine:   itsmengine.Options{Clock: func() time.Time { return *d.now }},
		Incident: itsmincident.Options{Columns: []storage.ColumnOf[itsmincident.Head]{costCentre}},
		Sender:   d.mail,
	})
	return d, err
}

// openDesk opens the desk over a store, with its tables.
func openDesk(t *testing.T, store storage.Store, now time.Time) *seededDesk {
	t.Helper()
	d, err := newSeededDesk(store, now)
	require.NoError(t, err)
	require.NoError(t, d.Migrate(context.Background()))
	return d
}

// tick does what is due.
func (d *seededDesk) tick(t *testing.T) {
	t.Helper()
	for range 4 {
		ran, err := d.Tick(context.Background(), *d.now)
		require.NoError(t, err)
		require.Zero(t, ran.Failed, "%+v", ran)
	}
}

// seed has people work at the desk from January to March.
func (d *seededDesk) seed(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	ok := func(_ any, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	ok(d.Directory.AddOrganisation(ctx, chief, directory.NewOrganisation{ID: "initech", Name: "Initech é\u0301"}))
	ok(d.Directory.AddSite(ctx, chief, directory.NewSite{ID: "oslo", Name: "Oslo"}))
	for _, id := range []itsm.ID{"ada", "ned", "rosa"} {
		ok(d.Directory.AddPerson(ctx, chief, directory.NewPerson{ID: id, Name: string(id), Organisation: "initech", Site: "oslo"}))
	}
	for _, id := range []itsm.ID{"network", "desktop"} {
		ok(d.Directory.AddGroup(ctx, chief, directory.NewGroup{ID: id, Name: string(id)}))
		ok(d.Directory.ChangeMembers(ctx, chief, id, directory.MemberChange{Add: []itsm.ID{"ned"}}))
	}
	rules, err := routing.Parse([]byte(`{"rules": [{"name": "network", "group": "network", "when": {"op": "equal", "column": "category", "values": ["network"]}}]}`))
	require.NoError(t, err)
	routes, err := d.Routing.Draft(ctx, chief, routing.Draft{Family: itsmincident.Kind, Set: rules})
	require.NoError(t, err)
	ok(d.Routing.Activate(ctx, chief, routes.ID, itsm.Command{Reason: "Agreed"}))
	set, err := trigger.Parse([]byte(`{"triggers": [{"name": "vip", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		"when": {"op": "equal", "column": "priority", "values": [1]}, "actions": [{"action": "tag", "with": {"tags": ["urgent"]}}]}]}`))
	require.NoError(t, err)
	triggers, err := d.Triggers.Draft(ctx, chief, trigger.Draft{Set: set})
	require.NoError(t, err)
	ok(d.Triggers.Activate(ctx, chief, triggers.ID, itsm.Command{Reason: "Agreed"}))
	standard, err := d.Notifications.Draft(ctx, chief, notify.Draft{Set: notify.StandardRules()})
	require.NoError(t, err)
	ok(d.Notifications.Activate(ctx, chief, standard.ID, itsm.Command{Reason: "Agreed"}))

	always, err := d.ServiceLevels.Calendars.Draft(ctx, chief, sla.CalendarDraft{Family: "always", Set: sla.Calendar{
		Definition: calendar.Definition{Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}}})
	require.NoError(t, err)
	ok(d.ServiceLevels.Calendars.Activate(ctx, chief, always.ID, itsm.Command{}))
	for name, goal := range map[string]time.Duration{"gold": 8 * time.Hour, "silver": 40 * time.Hour} {
		target := timer.Resolution("always", nil, timer.Within(goal))
		target.Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}}
		v, err := d.ServiceLevels.Policies.Draft(ctx, chief, sla.PolicyDraft{Family: name, Set: sla.Policy{
			Policy: timer.Policy{Name: name, Kind: itsmincident.Kind, Targets: []timer.Target{target}}}})
		require.NoError(t, err)
		ok(d.ServiceLevels.Policies.Activate(ctx, chief, v.ID, itsm.Command{}))
	}
	for _, name := range []string{"gold", "silver"} {
		v, err := d.ServiceLevels.Agreements.Draft(ctx, chief, sla.AgreementDraft{Family: name, Set: sla.Agreement{
			Name: name, Type: timer.SLA, Provider: "desk", Policy: name}})
		require.NoError(t, err)
		ok(d.ServiceLevels.Agreements.Activate(ctx, chief, v.ID, itsm.Command{}))
	}
	ladder := oncall.Ladder{Steps: []oncall.Step{{Targets: []oncall.Target{{Kind: oncall.TargetGroup, ID: "network"}}, Minutes: 10}, {Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "boss"}}, Minutes: 10}}}
	pages, err := d.OnCall.DefinePolicy(ctx, chief, oncall.PolicyDefinition{Name: "network", Ladder: ladder})
	require.NoError(t, err)
	ok(d.OnCall.DefineSchedule(ctx, chief, oncall.ScheduleDefinition{Name: "Nights", Rota: oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{
		{Participants: []itsm.ID{"ned"}, Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-01-05"}}}}}))
	data, err := json.Marshal(itsmincident.Report{Title: "Monthly check", Requester: "rosa", Category: "check"})
	require.NoError(t, err)
	ok(d.Recurrence.Define(ctx, chief, recurrence.Definition{Title: "Check", Handler: servicedesk.RecurIncident, Data: data,
		Rule: recurrence.Rule{Start: deskBegin.Format("2006-01-02T15:04:05"), RRule: "FREQ=MONTHLY;COUNT=6"}}))
	ok(d.Views.Save(ctx, analystAda, view.Draft{Definition: view.Definition{Title: "Mine", RecordKind: itsmincident.Kind, Columns: []string{"number", "title"}}}))

	categories := []string{"network", "hardware", "e-mail", "network"}
	for n := range 60 {
		*d.now = deskBegin.Add(time.Duration(n) * 33 * time.Hour)
		d.tick(t)
		report := itsmincident.Report{
			Command: itsm.Command{Key: fmt.Sprintf("report %d", n)}, Title: fmt.Sprintf("It does not work %d \U0001F600 ", n), Requester: "rosa",
			Impact: itsm.Impact(n%3 + 1), Urgency: itsm.Urgency(n/3%3 + 1), Category: categories[n%len(categories)], Description: "It \"stopped\"\nat once.",
		}
		if n%5 == 0 {
			report.Columns = []storage.Value[itsmincident.Head]{costCentre.Value(fmt.Sprintf("c%d", n%3))}
		}
		i, err := d.Incidents.Log(ctx, analystAda, report)
		require.NoError(t, err)
		if n%4 == 1 {
			ok(d.Incidents.Assign(ctx, chief, i.ID, itsmincident.Assignment{Group: "desktop"}))
		}
		*d.now = d.now.Add(time.Duration(1+n%7) * time.Hour)
		switch {
		case n%6 == 0:
			ok(d.Incidents.Reassign(ctx, chief, i.ID, itsmincident.Assignment{Group: "desktop", Assignee: "ned"}))
			ok(d.Incidents.Reassign(ctx, chief, i.ID, itsmincident.Assignment{Group: "network"}))
		case n%6 == 1:
			ok(d.Incidents.Note(ctx, analystAda, i.ID, itsmincident.Note{Text: "We are on it", Visibility: itsm.VisibilityPublic}))
			ok(d.Incidents.Tag(ctx, analystAda, i.ID, itsmincident.Tagging{Tags: []string{"vip"}}))
		case n == 2:
			ok(d.Tasks.AddTask(ctx, chief, i.Ref(), task.Addition{Item: task.Item{Title: "Call the vendor"}}))
			ok(d.Interactions.Log(ctx, analystAda, interaction.Contact{Subject: "No sound", Contact: "rosa"}))
		case n == 58:
			ok(d.OnCall.Start(ctx, chief, oncall.Page{Subject: i.Ref(), Policy: pages.ID, Summary: i.Title}))
			ok(d.Incidents.DeclareMajor(ctx, chief, i.ID, itsmincident.Declaration{Command: itsm.Command{Reason: "All are down"}}))
		}
		if n%3 != 2 && n < 55 {
			*d.now = d.now.Add(time.Duration(n%11) * time.Hour)
			ok(d.Incidents.Resolve(ctx, chief, i.ID, itsmincident.Resolution{Code: itsmincident.CodeFixed, Notes: "Repaired"}))
		}
	}
	// What is due next is left to be done.
	*d.now = d.now.Add(time.Minute)
}
