// This file holds the entry and what all cases use: a host with incidents, and with orders of its own.

package slasuite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then random commands.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of
// the practices where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each
// store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, newStore(t))) })
	}
	t.Run("BlocksAreAPlainSumOfWhatWasTaken", func(t *testing.T) { runBlocks(t, open(t, newStore(t))) })
	t.Run("L23X7TimersAreWhatTheirEventsMakeOfThem", func(t *testing.T) { runRandom(t, open(t, newStore(t))) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, h *host)
}{
	{"L1ResponseAndResolutionBeginWithTheIncident", begins},
	{"L2AnUpdateTargetHasCycles", updates},
	{"L4SeveralPoliciesHoldForOneRecord", several},
	{"L6CalendarsAreVersions", calendars},
	{"L10TheHoldReasonDecides", holds},
	{"L12APriorityChangeCarriesThePauses", priority},
	{"L14AnInternalTargetCountsFromTheAssignment", internalTarget},
	{"L15InternalTimersAreForThoseWhoMayReadThem", readers},
	{"L16ThresholdsFireOnceInOrderAfterADowntime", downtime},
	{"L16WhatWasReachedFiresBeforeWhatEndsTheTimer", beforeTheEnd},
	{"L16AFailingActionIsTriedAgainAndHoldsUpNothing", failing},
	{"L16WhatARecordRefusesIsLeftOut", refusing},
	{"L17EscalationsComeBeforeAndAfterTheBreach", escalation},
	{"L16SeveralWorkersFireOnce", workers},
	{"L20ABreachIsAMicrosecondAfterDue", exact},
	{"L21AnEditTouchesNoRunningTimer", edits},
	{"L21X12ARebaseIsExplicitAndCanBeTriedBefore", rebase},
	{"L22ATimerIsRebuiltFromTheHistory", rebuild},
	{"L24AnExplanationSaysWhatCounted", explanation},
	{"L25TheNextBreachIsForeseen", forecast},
	{"L26WhatIsDueBeforeAnInstantIsListed", dueBefore},
	{"L29AReopenedIncidentGoesOn", reopened},
	{"L3AHostsOwnRecordsHaveTimers", ownRecords},
	{"L3TheEndOfARecordEndsItsTimers", ended},
	{"L3FactsAreKeptFromWhenATimerBegan", facts},
	{"L1ADateByHandStandsApart", byHand},
	{"L3EveryFaultOfAPolicyIsTold", faults},
	{"L3WhatHoldsMustFitTogether", fits},
	{"L3APolicyBeginsNothingOnWhatWasOpenBefore", openBefore},
	{"L8AnAnswerOutsideACalendarFailsNoCommand", horizon},
	{"G7AProvidersPoliciesStandUnderThoseOfItsTenants", provider},
	{"L15AgreementsNameThePolicyAndTheProvider", agreements},
	{"L27AChainNamesTheLinkThatBreaks", chains},
	{"L28AReportCountsExactlyAndGivesCredits", reports},
	{"L10AHoldReasonThatNoRecordHasIsRefused", unknownReasons},
	{"L15APolicyThatAnAgreementNeedsStays", policyInUse},
	{"L6ACalendarThatIsNeededStaysAndSaysForWhat", calendarInUse},
	{"L15NoAgreementRestsOnItself", circles},
	{"L16LateIsMoreThanAMinute", late},
	{"L16AThresholdIsLateAsABreachIs", lateThresholds},
	{"L27GoalsAreCalledByTheirNames", unknownGoal},
	{"L10APauseCannotEndBeforeItBegan", resumedBefore},
	{"L1ToBeGivenToAGroupIsNoResponse", routed},
	{"ReasonsTellTheTimeOfTheHours", zonedReasons},
	{"L28OnlyAPromiseThatWasNotKeptCostsSomething", creditsOfPromises},
	{"L28AMonthIsReportedByWhatHeldInIt", pastMonths},
	{"L28AMonthIsReportedByTheProvidersWhereThereIsNoOwn", pastBase},
	{"L28AMonthCountsThePolicyThatHeldInIt", pastPolicies},
	{"EveryFaultOfAnEntitlementIsTold", entitlementFaults},
	{"ARecordIsAssessedWhenItIsLogged", verdicts},
	{"TheBestOfSeveralAgreementsCounts", bestVerdict},
	{"ABlockOfRecordsIsTakenAndGivenBack", recordBlock},
	{"ABlockOfMinutesIsTakenByWork", minuteBlock},
	{"ABlockIsForATermOrAMonth", periods},
	{"SixteenAtOnceTakeNoMoreThanABlockHas", manyAtOnce},
	{"WhatIsRefusedLeavesNothing", refusal},
	{"EntitlementsAreForThoseWhoMayReadThem", entitlementReaders},
	{"HistoryIsNotAssessed", notAssessed},
	{"AHostsOwnRecordsAreAssessed", ownEntitlement},
	{"TheFirstEventTakesAndGivesBackAsOthersDo", firstEvents},
	{"ABlockForAMonthIsThatOfAMonthOfTheTerm", monthsOfTheTerm},
	{"ACustomerWhomNoColumnHoldsIsAssessed", unkeptCustomers},
	{"EntitlementsOfTenantsAreApart", entitlementsApart},
	{"PermissionsAreAsked", permissions},
	{"TenantsAreApart", tenantsApart},
	{"AUnitThatFailsLeavesNoTimer", undone},
	{"L8AThresholdOutsideACalendarSilencesNoOther", beyond},
	{"L28AReportCountsWhatIsBreachedAgain", again},
	{"L3ACustomerThatNoColumnHoldsFailsNoCommand", longNames},
	{"L21ARebaseAsksForTheFactsOfItsVersion", factsOfAVersion},
	{"L22WhatIsRebuiltHasItsCustomerAndReason", rebuilt},
	{"L21ARebaseUnderAnOldKeyTellsTheTimer", sameKey},
	{"L15FaultsAreNotForRequesters", quietFaults},
	{"L6ATenantHasACalendarForEachOfItsSites", manyCalendars},
	{"L21ATimerIsOfTheVersionUnderWhichItBegins", newVersion},
}

const acme storage.Tenant = "acme"

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func analyst(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
}

func requester(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "rosa", Roles: []itsm.RoleName{itsm.RoleRequester}}
}

// The host's own records: orders with a state of no lifecycle.
type (
	order struct {
		orderHead
		orderBody
	}
	orderHead struct {
		storage.Meta
		State    string
		Promised time.Time
	}
	orderBody struct {
		Fields itsm.Fields `json:"fields,omitempty"`
	}
)

var (
	orderByState    = storage.Col("state", func(h *orderHead) *string { return &h.State })
	orderByPromised = storage.NullTimeCol("promised", func(h *orderHead) *time.Time { return &h.Promised })
	orders          = storage.Define("order", storage.Def[order, orderHead, orderBody]{
		Parts:   func(o *order) (*orderHead, *orderBody) { return &o.orderHead, &o.orderBody },
		Columns: []storage.ColumnOf[orderHead]{orderByState, orderByPromised},
	})
)

// workedOn tells of work on an order.
type workedOn struct{ Worked time.Duration }

// EventType is order.worked_on.v1.
func (workedOn) EventType() string { return "order.worked_on.v1" }

// host is a desk with incidents and orders.
type host struct {
	e         *engine.Engine
	incidents *incident.Practice
	p         *sla.Practice
	clock     *testclock.Clock

	mu     sync.Mutex
	broken bool              // makes the action "tell" fail
	sites  map[string]string // of requesters
	floors map[string]string // of requesters
	asked  int               // how often facts were
}

var errBroken = errors.New("broken by the test")

// monday is when the clocks of all cases begin.
var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// open makes a host over a store, which logs nothing of which the verdict is to be refused.
func open(t *testing.T, store storage.Store, refuse ...sla.Verdict) *host {
	t.Helper()
	h := &host{clock: testclock.New(monday), sites: map[string]string{}, floors: map[string]string{}}
	var err error
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now, Attempts: 60, JobAttempts: 3})
	require.NoError(t, err)
	h.incidents, err = incident.New(h.e, incident.Options{})
	require.NoError(t, err)
	var reasons []string
	for _, r := range incident.StandardHoldReasons() {
		reasons = append(reasons, string(r.Reason))
	}
	h.p, err = sla.New(h.e, sla.Options{
		Kinds: []sla.RecordKind{
			{
				Schema: h.incidents.Table().Schema(), HoldReason: "hold_reason", HoldReasons: reasons,
				Category: func(row storage.Row) itsm.Category {
					state, _ := row.Value(incident.Table.Schema(), "state").(string)
					c, _ := h.incidents.Lifecycle().Category(incident.State(state))
					return c
				},
				Facts: []routing.Fact{{Name: "requester.site", Kind: storage.Text}, {Name: "requester.floor", Kind: storage.Text}},
				FactsOf: func(_ context.Context, _ storage.Reader, row storage.Row, named func(string) bool) (map[string]any, error) {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.asked++
					who, _ := row.Value(incident.Table.Schema(), "requester").(string)
					known := map[string]any{}
					if site := h.sites[who]; site != "" && named("requester.site") {
						known["requester.site"] = site
					}
					if floor := h.floors[who]; floor != "" && named("requester.floor") {
						known["requester.floor"] = floor
					}
					return known, nil
				},
				Worked: func(e itsm.Event) time.Duration {
					cost, _ := e.Data.(incident.CostRecorded)
					return cost.Worked
				},
			},
			{
				Schema: orders.Schema(),
				Worked: func(e itsm.Event) time.Duration {
					work, _ := e.Data.(workedOn)
					return work.Worked
				},
				Category: func(row storage.Row) itsm.Category {
					state, _ := row.Value(orders.Schema(), "state").(string)
					return itsm.Category(state)
				},
			},
		},
		Actions: map[string]sla.Action{"tell": h.tell}, ActionOf: h.actionOf, Refuse: refuse,
		MayRead: func(ctx context.Context, _ storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
			if ref.Kind == incident.Kind {
				_, err := h.incidents.Get(ctx, actor, ref.ID)
				return err
			}
			return nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, h.e.Use(engine.Module{Name: "shop", Tables: []*storage.Schema{orders.Schema()}, Events: []itsm.EventType{itsm.EventOf[workedOn]()}}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

// tell is the action: it writes a note on the record, in the unit.
func (h *host) tell(ctx context.Context, u *engine.Unit, o sla.Occasion) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken {
		return errBroken
	}
	text := fmt.Sprintf("%s %s %s", o.Timer.Target, o.Threshold, o.At.Format("Mon 15:04"))
	if o.Late {
		text += " late"
	}
	_, err := u.AddNote(ctx, o.Timer.SubjectRef(), itsm.Note{Text: text, Visibility: itsm.VisibilityInternal, Author: u.Actor().ID, At: u.Now()})
	return err
}

// told gives what the action has written on a record.
func (h *host) told(t require.TestingT, tenant storage.Tenant, on itsm.Ref) (all []string) {
	require.NoError(t, h.e.View(context.Background(), manager(tenant), func(ctx context.Context, r storage.Reader) error {
		all = nil
		page, err := engine.Notes(ctx, r, on, true, "", 500)
		for _, n := range page.Items {
			if strings.HasPrefix(string(n.Author), "system:sla_timer") {
				all = append(all, n.Text)
			}
		}
		return err
	}))
	return all
}

// actionOf gives actions with a parameter: "note:TEXT" writes it, "refuse:TEXT" writes it and is then refused.
func (h *host) actionOf(kind, name string) (sla.Action, error) {
	verb, text, _ := strings.Cut(name, ":")
	if kind != incident.Kind || text == "" || verb != "note" && verb != "refuse" {
		return nil, itsm.Invalid("action", "", "is none of the host's")
	}
	return func(ctx context.Context, u *engine.Unit, o sla.Occasion) error {
		_, err := h.incidents.In(u.Store()).Note(ctx, u.Actor(), o.Timer.Subject, incident.Note{Text: text})
		if err == nil && verb == "refuse" {
			_, err = h.incidents.In(u.Store()).Confirm(ctx, u.Actor(), o.Timer.Subject, itsm.Command{}) // it is not resolved
		}
		return err
	}, nil
}

func (h *host) breaks(b bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = b
}

func (h *host) tick(t require.TestingT) engine.Ran {
	ran, err := h.e.Tick(context.Background(), h.clock.Now())
	require.NoError(t, err)
	return ran
}

// office is open from nine to five, Monday to Friday, in UTC.
func office(name string) calendar.Definition {
	return calendar.Definition{Name: name, Zone: "UTC", Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}
}

func (h *host) activateCalendar(t require.TestingT, actor itsm.Actor, d calendar.Definition) sla.CalendarVersion {
	ctx := context.Background()
	v, err := h.p.Calendars.Draft(ctx, actor, sla.CalendarDraft{Family: d.Name, Set: sla.Calendar{Definition: d}})
	require.NoError(t, err)
	v, err = h.p.Calendars.Activate(ctx, actor, v.ID, itsm.Command{Reason: "agreed"})
	require.NoError(t, err)
	return v
}

func (h *host) activate(t require.TestingT, actor itsm.Actor, set sla.Policy) sla.PolicyVersion {
	ctx := context.Background()
	v, err := h.p.Policies.Draft(ctx, actor, sla.PolicyDraft{Family: set.Name, Set: set})
	require.NoError(t, err)
	v, err = h.p.Policies.Activate(ctx, actor, v.ID, itsm.Command{Reason: "agreed"})
	require.NoError(t, err)
	return v
}

// gold is a policy with the two usual targets.
func gold() sla.Policy {
	resolution := timer.Resolution("office", []string{"caller"}, timer.ForPriority(1, 4*time.Hour), timer.Within(16*time.Hour))
	resolution.Thresholds = []timer.Threshold{
		{Name: "half", Share: timer.Percent(50), Actions: []string{"tell"}},
		{Name: "most", Share: timer.Percent(75), Actions: []string{"tell"}},
		{Name: "due", Share: timer.Percent(100), Actions: []string{"tell"}},
	}
	return sla.Policy{Policy: timer.Policy{Name: "gold", Kind: incident.Kind, Targets: []timer.Target{
		timer.Response("office", nil, timer.Within(time.Hour)), resolution,
	}}}
}

// usual makes the calendar and the policy.
func (h *host) usual(t require.TestingT, tenant storage.Tenant) sla.PolicyVersion {
	h.activateCalendar(t, manager(tenant), office("office"))
	return h.activate(t, manager(tenant), gold())
}

func (h *host) log(t require.TestingT, tenant storage.Tenant) incident.Incident {
	i, err := h.incidents.Log(context.Background(), analyst(tenant), incident.Report{Title: "VPN", Requester: "rosa", Impact: 2, Urgency: 2})
	require.NoError(t, err)
	return i
}

func ref(i incident.Incident) itsm.Ref { return itsm.Ref{Kind: incident.Kind, ID: i.ID} }

// timers gives those of a record by policy and target.
func (h *host) timers(t require.TestingT, actor itsm.Actor, r itsm.Ref) map[string]sla.Standing {
	all, err := h.p.Of(context.Background(), actor, r)
	require.NoError(t, err)
	by := map[string]sla.Standing{}
	for _, s := range all {
		by[s.Policy+"."+s.Target] = s
	}
	return by
}

// happened gives what was told of a timer, in order.
func (h *host) happened(t require.TestingT, tenant storage.Tenant, id itsm.ID) (told []string) {
	events, err := h.p.History(context.Background(), manager(tenant), id, storage.EventPosition{}, 1000)
	require.NoError(t, err)
	for _, e := range events {
		line := strings.TrimSuffix(strings.TrimPrefix(e.Type, "sla_timer."), ".v1")
		switch x := e.Data.(type) {
		case sla.ThresholdReached:
			line += " " + x.Threshold
			if x.Late {
				line += " late"
			}
		case sla.Breached:
			if x.Late {
				line += " late"
			}
		case sla.Paused:
			line += " " + x.For
		}
		told = append(told, line)
	}
	return told
}

func at(day int, clock string) time.Time {
	c, err := time.Parse("15:04", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 3, day, c.Hour(), c.Minute(), 0, 0, time.UTC)
}

// goTo moves the clock to an instant.
func (h *host) goTo(t require.TestingT, when time.Time) {
	now := h.clock.Now()
	require.False(t, when.Before(now), "clocks are not put back")
	h.clock.Advance(when.Sub(now))
}
