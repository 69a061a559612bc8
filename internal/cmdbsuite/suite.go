// This file holds the entry and what all cases use: practices over one store, a clock, people, a small model.

package cmdbsuite

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and the models.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of the practice. Each store must be
// apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, newStore(t))) })
	}
	t.Run("M19ModelOfGraphAndPast", func(t *testing.T) { model(t, newStore) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, d *desk)
}{
	{"M1M2ACIIsHeldToTheModel", heldToModel},
	{"M24TheLifecycleRestrictsActions", lifecycle},
	{"WhatTheModelHasNoMoreIsNotReinstated", reinstatedClass},
	{"M17AttributesHaveSourcesAndHistory", attributes},
	{"ChangeControlledAttributes", controlled},
	{"WhatCannotBeRelatedIsRefusedWithItsReason", refusals},
	{"M18RelationsEndAndStay", relationHistory},
	{"AGroupNeedsWhatItHas", groups},
	{"RetiringEndsRelationsAndIsRefusedWhileOthersRest", retiring},
	{"M12RestrictedCIsAreComputedThroughAndNeverTold", hidden},
	{"FollowersSeeEachOthersEdits", followers},
	{"AUnitThatIsUndoneLeavesNoTraceInTheGraph", undone},
	{"TheGraphIsAtLeastAtARevision", atLeast},
	{"TogetherEditsKeepTheirOrder", together},
	{"ATenantsOwnModel", ownModel},
	{"TenantsAreApart", tenants},
	{"WhatWasIsInOrderWhateverClocksSay", clockGoesBack},
	{"OutagesAreRecordedAndCountAsFailures", outages},
	{"M20BaselinesAndDrift", drift},
	{"TheSameCIsImpactTheSameWhateverNamesThem", oneFunction},
	{"WhatAPersonSaysOfAnImpactStands", corrections},
	{"AnImpactTellsNobodyOfWhatTheyMayNotRead", hiddenImpact},
	{"AGreatImpactIsCountedInFull", manyImpacted},
	{"M25ADynamicGroupHasWhoMeetsItsFilterWhenItIsRead", dynamicGroups},
	{"M21M22HealthCountsWhatIsMissingAloneStaleTwiceAndNotAsItShouldBe", healthOfCIs},
	{"M23HealthOfRelations", healthOfRelations},
	{"ObservationsMakeAndUpdateByTheRules", observing},
	{"ObservationsThatAreRefusedOrPassedOver", observedRefusals},
	{"DuplicatesAreToldOnce", flagged},
	{"OtherRulesTakeANewIndex", reindexed},
	{"AnotherModelTakesNoStepBeforeObservations", anotherModel},
	{"AFollowerAnswersByTheModelOfNow", followedModel},
	{"ImportsTakeRowsInAnyOrderAndTwice", importing},
	{"ImportsTellFaultyRows", faultyImports},
	{"ImportsThatWereStoppedGoOn", killedImports},
	{"RowsOfOneCIThatDisagreeAreTold", disagreeing},
	{"WhatDiffersInCaseAloneIsNoChange", caseAlone},
	{"ACommandUnderItsKeyIsDoneOnce", keyed},
	{"M16MergingMovesWhatTheOtherHad", merging},
	{"WhatRecordsImpactFollowsAMerge", mergedImpact},
	{"AMergeTellsNobodyOfWhatTheyMayNotRead", mergedHidden},
	{"AMergeIsPartOfTheHostsUnit", mergedInside},
	{"AMergeMakesNoGroupThatCannotBe", mergedGroups},
	{"ManyLinksFollowAMerge", mergedLinks},
	{"WhatIsKeptStaysWhereOneSourceToldOfTwo", mergedTwins},
}

// desk is two processes over one store, with a clock that both have.
type desk struct {
	t     *testing.T
	store storage.Store
	now   time.Time
	// p is the first process, and q the second.
	p, q *cmdb.Practice
	e    *engine.Engine
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func open(t *testing.T, store storage.Store) *desk {
	t.Helper()
	d := &desk{t: t, store: store, now: start}
	d.e, d.p = d.process(cmdb.Options{})
	_, d.q = d.process(cmdb.Options{})
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

// process gives another practice over the store, as another process would have.
func (d *desk) process(o cmdb.Options) (*engine.Engine, *cmdb.Practice) {
	e, err := engine.New(d.store, engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(d.t, err)
	m := small()
	o.Model = &m
	p, err := cmdb.New(e, o)
	require.NoError(d.t, err)
	return e, p
}

func (d *desk) ctx() context.Context { return d.t.Context() }

// later lets the clock go on.
func (d *desk) later(minutes int) time.Time {
	d.now = d.now.Add(time.Duration(minutes) * time.Minute)
	return d.now
}

// small is a model with a type of relation of each kind that matters to the commands.
func small() schema.Model {
	return schema.Model{
		Classes: []schema.Class{
			{Name: "item", Abstract: true, Attributes: []schema.Attribute{
				{Name: "serial", Type: schema.TypeText, MaximumLength: 20},
				{Name: "version", Type: schema.TypeText, ChangeControlled: true},
			}},
			{Name: "service", Parent: "item"},
			{Name: "application", Parent: "item", RequiredIn: map[string][]string{"live": {"serial"}}},
			{Name: "host", Parent: "item", Attributes: []schema.Attribute{
				{Name: "ram", Type: schema.TypeInteger, Minimum: schema.Integer(1)},
				{Name: "parent", Type: schema.TypeReference, Class: "host"},
			}},
			{Name: "feed", Parent: "item"},
		},
		Relations: []schema.RelationType{
			{Name: "depends_on", Inverse: "used_by", Flow: impact.ToSource, Propagation: impact.Full, Pairs: []schema.Pair{{Source: "item", Target: "item"}}},
			{Name: "runs_on", Inverse: "runs", Flow: impact.ToSource, Propagation: impact.Full, MaximumTargets: 2,
				Pairs: []schema.Pair{{Source: "application", Target: "host"}}},
			{Name: "feeds", Inverse: "fed_by", Flow: impact.ToTarget, Propagation: impact.Soften, Pairs: []schema.Pair{{Source: "feed", Target: "host"}}},
			{Name: "connected_to", Inverse: "connected_to", Flow: impact.Both, Propagation: impact.Cap, Pairs: []schema.Pair{{Source: "host", Target: "host"}}},
			{Name: "near", Inverse: "near", Flow: impact.NoFlow, Propagation: impact.None, Pairs: []schema.Pair{{Source: "item", Target: "item"}}},
		},
	}
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

func person(id itsm.ID, role itsm.RoleName, groups ...itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: acme, ID: id, Roles: []itsm.RoleName{role}, Groups: groups}
}

var (
	cora = person("cora", itsm.RoleConfigurationManager)
	ana  = person("ana", itsm.RoleServiceDeskAnalyst, "desk")
	rita = person("rita", itsm.RoleRequester)
)

// add makes a CI that is in use, under its name as its id.
func (d *desk) add(class string, names ...string) {
	d.t.Helper()
	for _, name := range names {
		_, err := d.p.Add(d.ctx(), cora, cmdb.Addition{ID: itsm.ID(name), Class: class, Name: name, State: cmdb.StateBuild})
		require.NoError(d.t, err)
	}
}

func (d *desk) relate(source itsm.ID, kind string, target itsm.ID) cmdb.Relation {
	d.t.Helper()
	r, err := d.p.Relate(d.ctx(), cora, cmdb.NewRelation{Type: kind, Source: source, Target: target})
	require.NoError(d.t, err)
	return r
}

// faults gives what an error says is wrong, by field.
func faults(t *testing.T, err error) map[string]string {
	t.Helper()
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	all := map[string]string{}
	for _, f := range v.Faults {
		all[f.Field] = f.Problem
	}
	return all
}

// down gives the ids of what is down when the named fail, these included, in order.
func down(t *testing.T, p *cmdb.Practice, actor itsm.Actor, failed ...itsm.ID) []string {
	t.Helper()
	a, err := p.Impact(t.Context(), actor, cmdb.Failures(failed...), cmdb.Question{})
	require.NoError(t, err)
	var ids []string
	for _, id := range failed {
		ids = append(ids, string(id))
	}
	for _, i := range a.List() {
		if i.State == impact.Down {
			ids = append(ids, i.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// at is an instant so many minutes after the start.
func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
