// This file holds the entry and what all cases use: a practice over a store, a clock, people, and a
// kind of record to be escalated.

package oncallsuite

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the
// tables of the practice where it is a storage.Migrator. What it opened it closes itself, with
// t.Cleanup. Each store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
	t.Run("I11Model", func(t *testing.T) { runModel(t, newStore(t)) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, store storage.Store)
}{
	{"I11StepsAreTakenUntilNobodyIsLeft", steps},
	{"I11ManyTickersPageOnce", manyTickers},
	{"I11AnAttemptThatFailedPagesNobody", failedAttempts},
	{"I11AStepThatHasPassedIsNotTakenAgain", claimedTogether},
	{"I11AcknowledgingStopsIt", acknowledging},
	{"I11NoPageFollowsAnAcknowledgement", acknowledgingWhileItTicks},
	{"I11EscalatingFurtherAndAgain", escalating},
	{"I11ARevisedPolicyIsForLaterEscalations", pinned},
	{"I11OverridesCountWhenTheStepIsTaken", overrides},
	{"I12AStepWithNobodyIsSkippedAtOnce", skipping},
	{"I12APolicyWithoutAnybodyEndsAtOnce", unreachable},
	{"AResolvedRecordPagesNobody", subjectEnds},
	{"StartingAndResolvingAtOnceLeavesNothingOpen", startAgainstEnd},
	{"StartingTwiceGivesOne", startTwice},
	{"NoLivePolicyNamesARetiredSchedule", retireAgainstDefine},
	{"AStartIsPartOfItsUnit", nested},
	{"AHostNamesItsSchedulesAndPolicies", named},
	{"TenantsStandApart", tenants},
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

// role is what the standard roles do not have: everything of the practice.
const role = itsm.RoleName("on_call_manager")

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Roles: []itsm.RoleName{role}}
}

// person has no role at all.
func person(t storage.Tenant, id itsm.ID, groups ...itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: id, Groups: groups}
}

// alert is the host's own record: what is escalated.
type alert struct {
	alertHead
	alertBody
}

type alertHead struct {
	storage.Meta
	Open bool
}

type alertBody struct{}

var alerts = storage.Define("alert", storage.Def[alert, alertHead, alertBody]{
	Parts:   func(a *alert) (*alertHead, *alertBody) { return &a.alertHead, &a.alertBody },
	Columns: []storage.ColumnOf[alertHead]{storage.BoolCol("open", func(h *alertHead) *bool { return &h.Open })},
})

type ended struct{}

func (ended) EventType() string { return "alert.ended.v1" }

// desk is the practice over a store.
type desk struct {
	e     *engine.Engine
	p     *oncall.Practice
	clock *testclock.Clock

	mu sync.Mutex
	// sent is of which escalation a sender was told, by the event's id.
	sent map[itsm.ID]itsm.ID
}

func open(t *testing.T, store storage.Store, more ...engine.Module) *desk {
	t.Helper()
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), itsm.Role{Name: role, Grants: []itsm.Grant{{Permission: "oncall.*"}}})...)
	require.NoError(t, err)
	d := &desk{clock: testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), sent: map[itsm.ID]itsm.ID{}}
	d.e, err = engine.New(store, engine.Options{Clock: d.clock.Now, Authorizer: book, Backoff: time.Second})
	require.NoError(t, err)
	d.p, err = oncall.New(d.e, oncall.Options{})
	require.NoError(t, err)
	require.NoError(t, d.e.Use(engine.Module{
		Name: "alerts", Tables: []*storage.Schema{alerts.Schema()}, Events: []itsm.EventType{itsm.EventOf[ended]()},
		Subscribers: []engine.Subscriber{{Name: "sender", Types: []string{oncall.Paged{}.EventType()}, Deliver: func(_ context.Context, e itsm.Event) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.sent[e.ID] = e.Record
			return nil
		}}},
	}))
	for _, m := range more {
		require.NoError(t, d.e.Use(m))
	}
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

// alert puts a record and gives its reference.
func (d *desk) alert(t require.TestingT, ctx context.Context, tenant storage.Tenant) itsm.Ref {
	var a alert
	require.NoError(t, d.e.Update(ctx, itsm.SystemActor(tenant, "monitoring"), func(ctx context.Context, u *engine.Unit) error {
		a = alert{alertHead: alertHead{Meta: storage.Meta{ID: u.NewID()}, Open: true}}
		return alerts.Put(ctx, u, &a)
	}))
	return itsm.Ref{Kind: "alert", ID: a.ID}
}

// end makes a record what nobody has to work on any more.
func (d *desk) end(ctx context.Context, tenant storage.Tenant, ref itsm.Ref) error {
	return d.e.Update(ctx, itsm.SystemActor(tenant, "monitoring"), func(ctx context.Context, u *engine.Unit) error {
		a, err := alerts.Get(ctx, u, ref.ID)
		if err != nil {
			return err
		}
		a.Open = false
		if err := alerts.Put(ctx, u, &a); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: ref.Kind, Record: ref.ID, Action: "end", FromCategory: itsm.CategoryActive, ToCategory: itsm.CategoryResolved, Data: ended{}})
		return nil
	})
}

func step(minutes int, targets ...oncall.Target) oncall.Step {
	return oncall.Step{Targets: targets, Minutes: minutes}
}

func to(id itsm.ID) oncall.Target {
	return oncall.Target{Kind: oncall.TargetPerson, ID: id}
}

func toGroup(id itsm.ID) oncall.Target {
	return oncall.Target{Kind: oncall.TargetGroup, ID: id}
}

func toSchedule(id itsm.ID) oncall.Target {
	return oncall.Target{Kind: oncall.TargetSchedule, ID: id}
}

func (d *desk) policy(t require.TestingT, ctx context.Context, tenant storage.Tenant, repeat int, steps ...oncall.Step) oncall.Policy {
	p, err := d.p.DefinePolicy(ctx, manager(tenant), oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Steps: steps, Repeat: repeat}})
	require.NoError(t, err)
	return p
}

// schedule has its people take daily turns at 09:00 UTC from the first day on.
func (d *desk) schedule(t require.TestingT, ctx context.Context, tenant storage.Tenant, people ...itsm.ID) oncall.Schedule {
	s, err := d.p.DefineSchedule(ctx, manager(tenant), oncall.ScheduleDefinition{Name: "Night", Rota: oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{
		{Participants: people, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2026-03-02"}},
	}}})
	require.NoError(t, err)
	return s
}

func (d *desk) start(t require.TestingT, ctx context.Context, policy oncall.Policy) oncall.Escalation {
	e, err := d.p.Start(ctx, manager(policy.Tenant), oncall.Page{Subject: d.alert(t, ctx, policy.Tenant), Policy: policy.ID, Summary: "Mail is down"})
	require.NoError(t, err)
	return e
}

// pass lets time pass and does what is due by then.
func (d *desk) pass(t require.TestingT, ctx context.Context, by time.Duration) {
	ran, err := d.e.Tick(ctx, d.clock.Advance(by))
	require.NoError(t, err)
	require.Zero(t, ran.Failed+ran.Dead, "%+v", ran)
}

func (d *desk) get(t require.TestingT, ctx context.Context, e oncall.Escalation) oncall.Escalation {
	got, err := d.p.Escalation(ctx, manager(e.Tenant), e.ID)
	require.NoError(t, err)
	return got
}

// story gives the events of an escalation: the action, and who was told where somebody was.
func (d *desk) story(t require.TestingT, ctx context.Context, e oncall.Escalation) (lines []string) {
	events, err := d.p.History(ctx, manager(e.Tenant), itsm.Ref{Kind: oncall.KindEscalation, ID: e.ID})
	require.NoError(t, err)
	for _, e := range events {
		line := e.Action
		if p, ok := e.Data.(oncall.Paged); ok {
			for _, id := range slices.Concat(p.People, p.Groups) {
				line += " " + string(id)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// steps counts the steps that are to come in the tenant.
func (d *desk) steps(t require.TestingT, ctx context.Context) int {
	var jobs []storage.Job
	require.NoError(t, d.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) (err error) {
		jobs, err = r.Jobs(ctx, storage.JobQuery{Kind: "oncall.step", Limit: 100})
		return err
	}))
	return len(jobs)
}

// pagesOf counts the pages of an escalation that the sender was told of.
func (d *desk) pagesOf(id itsm.ID) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, of := range d.sent {
		if of == id {
			n++
		}
	}
	return n
}
