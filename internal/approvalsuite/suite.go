// This file holds the entry and what all cases use: a desk over a store, a clock, people.

package approvalsuite

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
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
	{"VotesAtOnceAreAllCountedAndTheOutcomeIsToldOnce", votesTogether},
	{"OfRequestsAtOnceEachIsARoundOfItsOwn", requestsTogether},
	{"TheSameKeyVotesOnce", sameKey},
	{"C9_AMaterialEditOpensTheGateAgainAndTheOldVotesStayAsLapsed", rounds},
	{"RemindersAndExpiryComeByTheClock", timers},
	{"AnExpiredGateIsEscalatedToOthers", escalation},
	{"C21_OnHoldSuspendsVotesAndReleaseAsksAgain", hold},
	{"C11_ADelegateVotesBetweenTheDates", delegates},
	{"TheEndOfARecordWithdrawsItsApprovals", parentEnds},
	{"TenantsDoNotSeeEachOther", tenants},
	{"PagesShowEachEntryOnce", pages},
	{"ARequestInsideAUnitIsPartOfIt", nested},
}

// desk is the practice over a store, with a clock that stands until it is moved.
type desk struct {
	*ballot.Practice
	e    *engine.Engine
	host *tasksuite.Host
	mu   sync.Mutex
	now  time.Time
}

func open(t *testing.T, store storage.Store) *desk {
	t.Helper()
	d := &desk{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: d.clock})
	require.NoError(t, err)
	d.host, err = tasksuite.NewHost(d.e)
	require.NoError(t, err)
	d.Practice, err = ballot.New(d.e, ballot.Options{MayRead: tasksuite.MayRead, Resolve: resolve})
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

// board are the people of the group "board", in the order of their ids.
var board = []itsm.ID{"ada", "bob", "cyd", "dan", "eve"}

// resolve knows a group of five and a role that one person has.
func resolve(_ context.Context, _ storage.Reader, s approval.Source) ([]itsm.ID, error) {
	switch {
	case s.Kind == approval.SourcePerson:
		return []itsm.ID{itsm.ID(s.Name)}, nil
	case s == approval.Source{Kind: approval.SourceGroup, Name: "board"}:
		return board, nil
	case s == approval.Source{Kind: approval.SourceRole, Name: "director"}:
		return []itsm.ID{"zoe"}, nil
	}
	return nil, nil
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

// manager asks for approval in a tenant; member is somebody who may be asked.
func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
}

func member(t storage.Tenant, id itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: id, Name: string(id), Roles: []itsm.RoleName{itsm.RoleRequester}}
}

func (d *desk) order(t require.TestingT, ctx context.Context, tenant storage.Tenant) itsm.Ref {
	ref, err := d.host.Open(ctx, manager(tenant), "")
	require.NoError(t, err)
	return ref
}

// gates is a policy of one rule for all, with these gates.
func gates(g ...approval.Definition) approval.Policy {
	return approval.Policy{Name: "orders", Rules: []approval.Rule{{Name: "all", Gates: g}}}
}

// byBoard is a gate that the board decides.
func byBoard(quorum approval.Threshold) approval.Definition {
	return approval.Definition{Name: "board", Approvers: []approval.Source{{Kind: approval.SourceGroup, Name: "board"}}, Quorum: quorum}
}

func (d *desk) ask(t require.TestingT, ctx context.Context, tenant storage.Tenant, parent itsm.Ref, policy approval.Policy) ballot.Approval {
	a, err := d.Request(ctx, manager(tenant), ballot.Request{Parent: parent, Policy: policy, Subject: approval.Subject{Hash: "one"}})
	require.NoError(t, err)
	return a
}

// waiting are the gates that wait for a person's vote, with whose votes they are.
func (d *desk) waiting(t require.TestingT, ctx context.Context, actor itsm.Actor) (all []string) {
	for e, err := range d.AllWaiting(ctx, actor, ballot.ApproverQuery{Limit: 2}) {
		require.NoError(t, err)
		all = append(all, e.Gate+"/"+string(e.Approver))
	}
	slices.Sort(all)
	return all
}

// told are the types of an approval's events.
func (d *desk) told(t require.TestingT, ctx context.Context, a ballot.Approval) (types []string) {
	for _, e := range d.history(t, ctx, a) {
		types = append(types, e.Type)
	}
	return types
}

func (d *desk) history(t require.TestingT, ctx context.Context, a ballot.Approval) []itsm.Event {
	events, err := d.History(ctx, manager(a.Tenant), a.ID)
	require.NoError(t, err)
	return events
}
