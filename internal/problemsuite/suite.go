// This file holds the entry and what all cases use: a practice over a store, a clock, people.

package problemsuite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of the
// practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each store must
// be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, newStore(t), problem.Options{})) })
	}
	t.Run("P1P4Model", func(t *testing.T) { runModel(t, open(t, newStore(t), problem.Options{})) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, d *desk)
}{
	{"P2VersionsOfAWorkaroundWrittenTogetherAreAllKept", workaroundsTogether},
	{"P7ProblemsThatBecomeDuplicatesOfEachOtherMakeNoCircle", duplicatesTogether},
	{"P7ADuplicateGivesItsLinksInBatches", linksInBatches},
	{"P9TheEndOfAllChangesIsToldOnceHoweverManyEndTogether", changesTogether},
	{"P10OccurrencesThatComeTogetherProposeOneProblem", occurrencesTogether},
	{"KnownErrorsPublishedTogetherAreAllCounted", publishedTogether},
	{"TheSameKeyTogetherRegistersOnce", sameKey},
	{"OfManyWithOneVersionOneWins", oneVersion},
	{"TimersComeByTheClock", timers},
	{"PagesShowEachProblemOnce", pages},
	{"ACommandInsideAUnitIsPartOfIt", nested},
}

// desk is the practice over a store.
type desk struct {
	*problem.Practice
	e     *engine.Engine
	clock *testclock.Clock
}

func open(t *testing.T, store storage.Store, o problem.Options) *desk {
	t.Helper()
	d := &desk{clock: testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: d.clock.Now})
	require.NoError(t, err)
	d.Practice, err = problem.New(d.e, o)
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

const acme = storage.Tenant("acme")

// The people of a tenant.
func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleProblemManager}}
}

func specialist(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
}

func owner(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "olga", Name: "Olga", Roles: []itsm.RoleName{itsm.RoleServiceOwner}}
}

func requester(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
}

func (d *desk) register(t require.TestingT, ctx context.Context) problem.Problem {
	p, err := d.Register(ctx, manager(acme), problem.Registration{Title: "Mail is late", Symptom: "Mail arrives late", Source: problem.SourceTrend, Group: "network"})
	require.NoError(t, err)
	return p
}

var relay = []problem.Cause{{Text: "The relay is full", CI: "relay-1"}}

// knownError gives a problem whose cause is known.
func (d *desk) knownError(t require.TestingT, ctx context.Context) problem.Problem {
	p := d.register(t, ctx)
	_, err := d.Accept(ctx, manager(acme), p.ID, problem.Acceptance{Impact: 1, Urgency: 1})
	require.NoError(t, err)
	_, err = d.Analyse(ctx, manager(acme), p.ID, itsm.Command{})
	require.NoError(t, err)
	p, err = d.IdentifyCause(ctx, manager(acme), p.ID, problem.IdentifiedCause{Causes: relay})
	require.NoError(t, err)
	return p
}

// tick does what is due after a while.
func (d *desk) tick(t require.TestingT, ctx context.Context, by time.Duration) engine.Ran {
	ran, err := d.e.Tick(ctx, d.clock.Advance(by))
	require.NoError(t, err)
	require.Zero(t, ran.Failed+ran.Dead+ran.Lost, "%+v", ran)
	return ran
}

// events gives those of a problem.
func (d *desk) events(t require.TestingT, ctx context.Context, actor itsm.Actor, id itsm.ID) (all []itsm.Event) {
	entries, err := d.Timeline(ctx, actor, id)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Event != nil {
			all = append(all, *e.Event)
		}
	}
	return all
}

func count(events []itsm.Event, p itsm.Payload) (n int) {
	for _, e := range events {
		if e.Type == p.EventType() {
			n++
		}
	}
	return n
}
