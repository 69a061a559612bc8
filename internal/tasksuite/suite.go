// This file holds the entry and what all cases use: a desk over a store, a clock, people.

package tasksuite

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of
// the practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each
// store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, newStore(t))) })
	}
	t.Run("Model", func(t *testing.T) { runModel(t, open(t, newStore(t))) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, d *desk)
}{
	{"S7_PredecessorsThatEndTogetherReleaseTheirSuccessorOnce", endTogether},
	{"S2_TheEndOfTheLastTaskIsToldOnceHoweverManyEndTogether", lastTogether},
	{"EdgesAddedTogetherMakeNoCycle", edgesTogether},
	{"NamesAddedTogetherAreUnique", namesTogether},
	{"TheSameKeyAddsAPlanOnce", sameKey},
	{"OfManyWithOneVersionOneWins", oneVersion},
	{"D12_EffortRecordedTogetherIsNotLost", effortTogether},
	{"PlannedStartAndDueComeByTheClock", timers},
	{"TheEndOfAParentIsOneTransactionWithThatOfItsTasks", parentEnds},
	{"TenantsDoNotSeeEachOther", tenants},
	{"PagesShowEachTaskOnce", pages},
	{"ACommandInsideAUnitIsPartOfIt", nested},
}

// desk is the practice over a store, with a clock that stands until it is moved.
type desk struct {
	*task.Practice
	e    *engine.Engine
	host *Host
	mu   sync.Mutex
	now  time.Time
}

func open(t *testing.T, store storage.Store) *desk {
	t.Helper()
	d := &desk{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: d.clock})
	require.NoError(t, err)
	d.host, err = NewHost(d.e)
	require.NoError(t, err)
	d.Practice, err = task.New(d.e, task.Options{MayRead: MayRead})
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) advance(by time.Duration) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
	return d.now
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

// manager may do everything with tasks in a tenant, member works in the group ops.
func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
}

func member(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"ops"}}
}

func (d *desk) order(t require.TestingT, ctx context.Context, tenant storage.Tenant) itsm.Ref {
	ref, err := d.host.Open(ctx, manager(tenant), "")
	require.NoError(t, err)
	return ref
}

// ends gives how often the end of all tasks of a parent was told, and the last telling.
func (d *desk) ends(t require.TestingT, ctx context.Context, actor itsm.Actor, parent itsm.Ref) (n int, last task.AllEnded) {
	require.NoError(t, d.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		n, last = 0, task.AllEnded{}
		events, err := d.e.History(ctx, r, storage.EventQuery{Kind: task.PlanKind, Types: []string{task.AllEnded{}.EventType()}})
		for _, e := range events {
			if told := e.Data.(task.AllEnded); told.Parent == parent {
				n, last = n+1, told
			}
		}
		return err
	}))
	return n, last
}

// events gives the types of the events of a task.
func (d *desk) events(t require.TestingT, ctx context.Context, id itsm.ID, actor itsm.Actor) (types []string) {
	events, err := d.History(ctx, actor, id)
	require.NoError(t, err)
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}
