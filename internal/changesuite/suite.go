// This file holds the entry and what all cases use: the practice over a store, a clock, people.

package changesuite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
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
	t.Run("C9C10NothingIsMadeThatWasNotDecidedForAsItIs", func(t *testing.T) { runModel(t, newStore) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, newStore func(*testing.T) storage.Store)
}{
	{"C1AChangeFromDraftToClosed", whole},
	{"C21HoldAndRelease", held},
	{"C2TemplatesFailAndAreSuspended", templates},
	{"C31MeasuresOfAPeriod", measures},
	{"NumbersAreUniqueUnderConcurrency", together},
	{"G17AnEditWhileAVoteDecidesLosesNeither", race},
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

func person(id itsm.ID, role itsm.RoleName, groups ...itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: acme, ID: id, Name: string(id), Roles: []itsm.RoleName{role}, Groups: groups}
}

var (
	mona = person("mona", itsm.RoleChangeManager)
	sam  = person("sam", itsm.RoleSupportSpecialist, "network")
	ian  = person("ian", itsm.RoleChangeImplementer, "network")
	aude = person("aude", itsm.RoleChangeAuthority)
	otto = person("otto", itsm.RoleChangeAuthority)
	root = person("root", itsm.RoleITServiceManager)
)

// office is the practice over a store.
type office struct {
	e       *engine.Engine
	p       *change.Practice
	ballots *ballot.Practice
	tasks   *task.Practice
	clock   *testclock.Clock
}

func open(t *testing.T, store storage.Store) *office {
	t.Helper()
	c := testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	e, err := engine.New(store, engine.Options{Clock: c.Now})
	require.NoError(t, err)
	o := &office{e: e, clock: c}
	o.ballots, err = ballot.New(e, ballot.Options{Resolve: func(context.Context, storage.Reader, approval.Source) ([]itsm.ID, error) {
		return []itsm.ID{"aude", "otto", "sam"}, nil
	}})
	require.NoError(t, err)
	o.tasks, err = task.New(e, task.Options{})
	require.NoError(t, err)
	o.p, err = change.New(e, o.ballots, change.Options{Tasks: o.tasks})
	require.NoError(t, err)
	require.NoError(t, e.Migrate(t.Context()))
	return o
}

var (
	medium = map[string]string{risk.FactorBackout: risk.BackoutManual, risk.FactorTested: risk.TestedNot, risk.FactorExperience: risk.ExperienceSome}
	plans  = change.Plans{Rollout: "Swap", Test: "Try", Backout: "Swap back"}
)

func (o *office) draft(t require.TestingT, ctx context.Context, with ...func(*change.Draft)) change.Change {
	now := o.clock.Now()
	r := change.Draft{
		Title: "Replace the relay", Plans: plans, CIs: []itsm.ID{"relay"}, Assignee: "ian", Requester: "sam", RiskAnswers: medium,
		Planned: change.Window{Start: now.Add(time.Hour), End: now.Add(3 * time.Hour)},
	}
	for _, fn := range with {
		fn(&r)
	}
	c, err := o.p.Draft(ctx, root, r)
	require.NoError(t, err)
	return c
}

// vote votes for a person in the open gate of a change, by the round that stands.
func (o *office) vote(ctx context.Context, by itsm.Actor, c itsm.ID, choice approval.Choice) error {
	return o.voteOn(ctx, by, c, choice, "")
}

func (o *office) voteOn(ctx context.Context, by itsm.Actor, c itsm.ID, choice approval.Choice, hash string) error {
	page, err := o.ballots.Of(ctx, root, itsm.Ref{Kind: change.Kind, ID: c}, ballot.Query{Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Items) == 0 {
		return itsm.ErrNotFound
	}
	_, err = o.ballots.Vote(ctx, by, page.Items[0].ID, ballot.Vote{Command: itsm.Command{Reason: "so"}, Choice: choice, Hash: hash})
	return err
}

// scheduled gives a normal change that Aude authorised.
func (o *office) scheduled(t require.TestingT, ctx context.Context, with ...func(*change.Draft)) change.Change {
	c := o.draft(t, ctx, with...)
	_, err := o.p.Submit(ctx, root, c.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = o.p.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"})
	require.NoError(t, err)
	require.NoError(t, o.vote(ctx, aude, c.ID, approval.ChoiceApprove))
	c, err = o.p.Get(ctx, root, c.ID)
	require.NoError(t, err)
	require.Equal(t, change.StateScheduled, c.State)
	return c
}

// standing gives the approval that stands for a change.
func (o *office) standing(ctx context.Context, id itsm.ID) (a ballot.Approval, there bool, err error) {
	err = o.e.View(ctx, root, func(ctx context.Context, r storage.Reader) error {
		a, there, err = o.ballots.Standing(ctx, r, itsm.Ref{Kind: change.Kind, ID: id}, change.PurposeAuthorise)
		return err
	})
	return a, there, err
}
