package servicedesk_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// monday is when the tests begin: nine o'clock, UTC.
var monday = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

var (
	boss = itsm.Actor{Tenant: "acme", ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	ada  = itsm.Actor{Tenant: "acme", ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	ned  = itsm.Actor{Tenant: "acme", ID: "ned", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
	rosa = itsm.Actor{Tenant: "acme", ID: "rosa", Roles: []itsm.RoleName{itsm.RoleRequester}}
)

// fixture is a desk with people, whose time the test tells.
type fixture struct {
	*servicedesk.Desk
	now time.Time
}

func newDesk(t *testing.T, c servicedesk.Config) *fixture {
	t.Helper()
	f := &fixture{now: monday}
	c.Engine.Clock = func() time.Time { return f.now }
	var err error
	f.Desk, err = servicedesk.New(memory.New(), c)
	require.NoError(t, err)
	return f
}

// staff adds a VIP who reports, and a group of two.
func (f *fixture) staff(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for _, p := range []directory.NewPerson{
		{ID: "rosa", Name: "Rosa", VIP: true, Language: "fr"}, {ID: "ned", Name: "Ned"}, {ID: "nat", Name: "Nat", Zone: "Asia/Tokyo", Hours: directory.Hours{
			{Day: time.Monday, From: 540, To: 1020}}},
	} {
		_, err := f.Directory.AddPerson(ctx, boss, p)
		require.NoError(t, err)
	}
	for _, g := range []itsm.ID{"network", "vip"} {
		_, err := f.Directory.AddGroup(ctx, boss, directory.NewGroup{ID: g, Name: string(g)})
		require.NoError(t, err)
	}
	_, err := f.Directory.ChangeMembers(ctx, boss, "network", directory.MemberChange{Add: []itsm.ID{"ned", "nat"}})
	require.NoError(t, err)
}

func (f *fixture) rules(t *testing.T, text string) {
	t.Helper()
	set, err := routing.Parse([]byte(text))
	require.NoError(t, err)
	draft, err := f.Routing.Draft(t.Context(), boss, routing.Draft{Family: incident.Kind, Set: set})
	require.NoError(t, err)
	_, err = f.Routing.Activate(t.Context(), boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(t, err)
}

func TestADeskNeedsNothingButAStore(t *testing.T) {
	desk, err := servicedesk.New(memory.New(), servicedesk.Config{})
	require.NoError(t, err)
	require.NoError(t, desk.Migrate(t.Context()))
	logged, err := desk.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	require.Equal(t, incident.StateNew, logged.State, "without rules it stays with the desk")
	_, err = desk.Tick(t.Context(), time.Now())
	require.NoError(t, err)
	require.NoError(t, desk.Engine.Check(t.Context(), "acme"))
	_, err = servicedesk.New(nil, servicedesk.Config{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// D2: assignment by rules over category, site, organisation and who the requester is.
func TestD2IncidentsAreRoutedByRules(t *testing.T) {
	f := newDesk(t, servicedesk.Config{
		Facts: []routing.Fact{{Name: "ci.class", Kind: storage.Text}},
		FactsOf: func(_ context.Context, _ storage.Reader, i incident.Head) (map[string]any, error) {
			return map[string]any{"ci.class": i.Subcategory}, nil
		},
	})
	f.staff(t)
	f.rules(t, `{"rules": [
		{"name": "router", "group": "network", "when": {"op": "equal", "column": "ci.class", "values": ["router"]}, "person": {"method": "round_robin"}},
		{"name": "vip", "group": "vip", "when": {"op": "and", "of": [
			{"op": "equal", "column": "requester.vip", "values": [true]}, {"op": "equal", "column": "requester.language", "values": ["fr"]}]}}]}`)
	log := func(r incident.Report) incident.Incident {
		t.Helper()
		r.Title = "It does not work"
		i, err := f.Incidents.Log(t.Context(), ada, r)
		require.NoError(t, err)
		return i
	}
	who := func(i incident.Incident) []itsm.ID { return []itsm.ID{i.Group, i.Assignee} }
	require.Equal(t, []itsm.ID{"vip", ""}, who(log(incident.Report{Requester: "rosa"})))
	require.Equal(t, []itsm.ID{"", ""}, who(log(incident.Report{Requester: "stranger"})))
	require.Equal(t, []itsm.ID{"network", "ned"}, who(log(incident.Report{Requester: "rosa", Category: "c", Subcategory: "router"})))
	require.Equal(t, []itsm.ID{"network", "ned"}, who(log(incident.Report{Requester: "rosa", Category: "c", Subcategory: "router"})), "nat sleeps in Tokyo")
	require.Equal(t, []itsm.ID{"desk", ""}, who(log(incident.Report{Requester: "rosa", Group: "desk"})), "the desk said where it goes")
	f.now = time.Date(2026, time.March, 9, 1, 0, 0, 0, time.UTC) // ten in Tokyo
	require.Equal(t, []itsm.ID{"network", "nat"}, who(log(incident.Report{Requester: "rosa", Category: "c", Subcategory: "router"})))

	_, err := f.Routing.Draft(t.Context(), boss, routing.Draft{Family: incident.Kind, Set: routing.RuleSet{Default: "nowhere"}})
	require.ErrorIs(t, err, itsm.ErrInvalid, "a group that is not there")
}

// D3: of a group, who has the fewest open incidents is taken, up to their capacity.
func TestD3TheLeastLoadedIsTakenUpToTheirCapacity(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	for _, p := range []directory.NewPerson{{ID: "ned", Name: "Ned", Capacity: 2}, {ID: "nat", Name: "Nat", Capacity: 1}} {
		_, err := f.Directory.AddPerson(t.Context(), boss, p)
		require.NoError(t, err)
	}
	_, err := f.Directory.AddGroup(t.Context(), boss, directory.NewGroup{ID: "network", Name: "Network"})
	require.NoError(t, err)
	_, err = f.Directory.ChangeMembers(t.Context(), boss, "network", directory.MemberChange{Add: []itsm.ID{"ned", "nat"}})
	require.NoError(t, err)
	f.rules(t, `{"rules": [{"name": "all", "group": "network", "when": {}, "person": {"method": "least_load"}}]}`)
	var got []itsm.ID
	var last itsm.ID
	for range 4 {
		i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "Slow", Requester: "rosa"})
		require.NoError(t, err)
		require.Equal(t, itsm.ID("network"), i.Group)
		got = append(got, i.Assignee)
		if i.Assignee == "nat" {
			last = i.ID
		}
	}
	require.Equal(t, []itsm.ID{"nat", "ned", "ned", ""}, got)
	_, err = f.Incidents.Resolve(t.Context(), ada, last, incident.Resolution{Code: incident.CodeFixed, Notes: "Faster"})
	require.NoError(t, err)
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "Slow", Requester: "rosa"})
	require.NoError(t, err)
	require.Equal(t, itsm.ID("nat"), i.Assignee, "what is resolved is no load")
}

// I11: whoever takes the page has acknowledged the incident, and the other way round.
func TestI11PagesAndTheirIncidentsFollowEachOther(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.staff(t)
	ctx := t.Context()
	policy, err := f.OnCall.DefinePolicy(ctx, boss, oncall.PolicyDefinition{Name: "network", Ladder: oncall.Ladder{
		Steps: []oncall.Step{{Targets: []oncall.Target{{Kind: oncall.TargetGroup, ID: "network"}}, Minutes: 10}, {Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "boss"}}, Minutes: 10}},
	}})
	require.NoError(t, err)
	page := func() (incident.Incident, oncall.Escalation) {
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "The VPN is down", Requester: "rosa", Group: "network"})
		require.NoError(t, err)
		e, err := f.OnCall.Start(ctx, boss, oncall.Page{Subject: i.Ref(), Policy: policy.ID, Summary: i.Title})
		require.NoError(t, err)
		return i, e
	}
	i, e := page()
	require.ElementsMatch(t, []itsm.ID{"ned", "nat"}, e.Told.People, "the members of the group")
	f.now = f.now.Add(5 * time.Minute)
	_, err = f.OnCall.Acknowledge(ctx, ned, e.ID, itsm.Command{})
	require.NoError(t, err)
	i, err = f.Incidents.Get(ctx, ned, i.ID)
	require.NoError(t, err)
	require.Equal(t, f.now, i.Acknowledged)

	i, e = page()
	_, err = f.Incidents.Accept(ctx, ned, i.ID, itsm.Command{})
	require.NoError(t, err)
	f.now = f.now.Add(time.Hour)
	_, err = f.Tick(ctx, f.now)
	require.NoError(t, err)
	e, err = f.OnCall.Escalation(ctx, boss, e.ID)
	require.NoError(t, err)
	require.Equal(t, oncall.StateAcknowledged, e.State, "nobody else was woken")
	require.Equal(t, 1, e.Turn)
}

func TestOpenTasksKeepAnIncidentWhereTheDeskSaysSo(t *testing.T) {
	ctx := t.Context()
	for policy, blocked := range map[task.Blocking]bool{"": false, task.BlockMandatory: true} {
		f := newDesk(t, servicedesk.Config{OpenTasks: policy})
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No sound", Requester: "rosa"})
		require.NoError(t, err)
		_, err = f.Tasks.AddTask(ctx, boss, i.Ref(), task.Addition{Item: task.Item{Title: "Look"}})
		require.NoError(t, err)
		_, err = f.Incidents.Resolve(ctx, ada, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
		if !blocked {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, itsm.ErrTransition)
	}
}

// D6: what a record names is seen by those alone who may read that too.
func TestD6LinksAndTasksAreSeenByThoseWhoMayReadWhatTheyName(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	secret, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "Breach", Requester: "boss", Restricted: true})
	require.NoError(t, err)
	open, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "Log in fails", Requester: "rosa"})
	require.NoError(t, err)
	_, err = f.Incidents.Link(ctx, boss, open.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: secret.Ref()})
	require.NoError(t, err)
	_, err = f.Incidents.Link(ctx, boss, open.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: "order", ID: "7"}})
	require.NoError(t, err)
	hidden, err := f.Tasks.AddTask(ctx, boss, secret.Ref(), task.Addition{Item: task.Item{Title: "Look"}})
	require.NoError(t, err)
	seen := func(actor itsm.Actor) (kinds []string) {
		links, err := f.Incidents.Links(ctx, actor, open.ID)
		require.NoError(t, err)
		for _, l := range links {
			kinds = append(kinds, l.To.Kind)
		}
		return kinds
	}
	require.ElementsMatch(t, []string{"incident", "order"}, seen(boss))
	require.Equal(t, []string{"order"}, seen(ada))
	require.Empty(t, seen(rosa))
	_, err = f.Tasks.Get(ctx, ada, hidden.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

// The host's own people are asked through the same interface, and its own modules join.
func TestAHostBringsItsPeopleAndModules(t *testing.T) {
	people := directory.Static{"acme": {
		People:  []directory.Person{{PersonHead: directory.PersonHead{Meta: storage.Meta{ID: "ned"}, Name: "Ned", Active: true}}},
		Groups:  []directory.Group{{GroupHead: directory.GroupHead{Meta: storage.Meta{ID: "network"}, Name: "Network", Active: true}}},
		Members: map[itsm.ID][]itsm.ID{"network": {"ned"}},
	}}
	var told []string
	f := newDesk(t, servicedesk.Config{People: people, Modules: []engine.Module{{Name: "host", Subscribers: []engine.Subscriber{{
		Name: "mail", Types: []string{"incident.assigned.v1"}, Deliver: func(_ context.Context, e itsm.Event) error {
			told = append(told, e.Type)
			return nil
		},
	}}}}})
	require.Nil(t, f.Directory)
	f.rules(t, `{"default": "network"}`)
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	require.Equal(t, itsm.ID("network"), i.Group)
	_, err = f.Tick(t.Context(), f.now)
	require.NoError(t, err)
	require.Equal(t, []string{"incident.assigned.v1"}, told)
	require.Contains(t, f.Wiring(), `(["mail"])`)
}
