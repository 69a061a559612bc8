// This file holds the entry and what all cases use: a desk over a store, a clock, people.

package incidentsuite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the
// tables of the practice where it is a storage.Migrator. What it opened it closes itself, with
// t.Cleanup. Each store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore) })
	}
	t.Run("G8X4Model", func(t *testing.T) { runModel(t, newStore) })
	t.Run("DeskModel", func(t *testing.T) { runDeskModel(t, newStore) })
	t.Run("I7I8I9Families", func(t *testing.T) { runFamilies(t, newStore) })
	t.Run("I13AlertModel", func(t *testing.T) { runAlertModel(t, newStore) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, newStore func(*testing.T) storage.Store)
}{
	{"G17ConcurrentCommandsLoseNoUpdate", concurrentCommands},
	{"G17OfManyWithOneVersionOneWins", oneVersionWins},
	{"NumbersAreUniqueUnderConcurrency", concurrentLogs},
	{"G18TheSameKeyGivesTheFirstResult", sameKey},
	{"G18AKeyConcurrentlyGivesOneIncident", sameKeyConcurrently},
	{"ANestedCommandIsPartOfItsUnit", nested},
	{"I20G13RestrictedIncidentsAreForThoseNamed", restricted},
	{"AHostsStateAndAction", hostsLifecycle},
	{"AHostsColumnFromReportToQueue", hostsColumn},
	{"I4I5AutoCloseAndHoldUntilComeDue", timers},
	{"I7ChildrenAreResolvedWithTheirParent", children},
	{"CommandsTogetherMakeNoCycleOfParents", cycleTogether},
	{"PagesShowEachIncidentOnce", pages},
	{"AReadSpansTheTenantsGranted", spanningTenants},
	{"D14Templates", templates},
	{"D14TemplateModel", templateModel},
	{"D15FollowUps", followUps},
	{"D15FollowUpModel", followUpModel},
	{"I13AlertsOfOneKeyAtOnceMakeOneIncident", alertsTogether},
	{"I13AlertsWhileTheirIncidentEndsMakeNoTwoOpenOnes", alertsWhileItEnds},
}

// clock is a clock that stands until it is moved.
func newClock() *testclock.Clock { return testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)) }

// desk is the practice over a store.
type desk struct {
	e     *engine.Engine
	p     *incident.Practice
	clock *testclock.Clock
}

func open(t *testing.T, store storage.Store, o incident.Options) *desk {
	t.Helper()
	c := newClock()
	e, err := engine.New(store, engine.Options{Clock: c.Now})
	require.NoError(t, err)
	p, err := incident.New(e, o)
	require.NoError(t, err)
	require.NoError(t, e.Migrate(t.Context()))
	return &desk{e: e, p: p, clock: c}
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

// The people of a tenant.
func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
}

func analyst(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
}

func specialist(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
}

func requester(t storage.Tenant, id itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: id, Roles: []itsm.RoleName{itsm.RoleRequester}}
}

// report logs an incident of rita's.
func (d *desk) report(t require.TestingT, ctx context.Context, change ...func(*incident.Report)) incident.Incident {
	r := incident.Report{Title: "Mail does not arrive", Requester: "rita", Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyHigh}
	for _, fn := range change {
		fn(&r)
	}
	i, err := d.p.Log(ctx, manager(acme), r)
	require.NoError(t, err)
	return i
}

// actions gives the actions of the events of an incident, in order.
func (d *desk) actions(t require.TestingT, ctx context.Context, actor itsm.Actor, id itsm.ID) []string {
	entries, err := d.p.Timeline(ctx, actor, id)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.Event != nil {
			names = append(names, e.Event.Action)
		}
	}
	return names
}

func numbered(format string, n int) string { return fmt.Sprintf(format, n) }
