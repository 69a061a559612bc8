// This file holds the entry and what all cases use: a host with tickets that are routed as they
// are opened.

package routingsuite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables
// of the practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup.
// Each store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, store storage.Store)
}{
	{"D2VersionsAreDraftedRevisedActivatedAndRetired", versions},
	{"D2AFaultySetIsRefusedAndNothingIsKept", refused},
	{"D2OfManyActivatedAtOnceOneIsActive", activatedAtOnce},
	{"D2DraftsAtOnceHaveNumbersOfTheirOwn", draftedAtOnce},
	{"D2TheSameKeyGivesTheFirstVersion", sameKey},
	{"D2ARecordIsRoutedInItsTransaction", routedAsOpened},
	{"D2WithoutActiveRulesNothingIsDecided", undecided},
	{"D2RulesThatNoLongerFitAreAnErrorThatLeavesTheUnitUsable", stale},
	{"D2WhatAUnitTookBackIsNeverFollowed", takenBack},
	{"D2ADecisionIsOfOneVersionWhateverIsActivatedBeside", activatedBeside},
	{"D2FactsAreAskedForWhereRulesNameThem", factsAsked},
	{"D2APreviewAndADryRunChangeNothing", tried},
	{"D3TurnsAreTakenInOrderByUnitsAtOnce", turnsAtOnce},
	{"D3LoadsAreFreshForUnitsAtOnce", loadsAtOnce},
	{"D3CapacityIsKeptByUnitsAtOnce", capacityAtOnce},
	{"D3AUnitThatFailsUsesNobodysTurn", failedTurn},
	{"D3SeveralRecordsOfOneUnitTakeTurns", severalOfOneUnit},
	{"D3OverflowGroupsInOppositeDirectionsEndWell", opposite},
	{"G7AProvidersRulesStandUnderThoseOfItsTenants", published},
	{"G7WhatIsPublishedIsCheckedInEachTenant", publishedInPart},
	{"PermissionsAreAsked", permissions},
	{"TenantsAreApart", tenantsApart},
	{"ACommandInAUnitIsPartOfIt", nested},
}

// The host's records.
type (
	ticket struct {
		ticketHead
		ticketBody
	}
	ticketHead struct {
		storage.Meta
		Category string
		Priority int
		Open     bool
		Group    itsm.ID
		Assignee itsm.ID
	}
	ticketBody struct {
		Fields itsm.Fields `json:"fields,omitempty"`
		Why    string      `json:"why,omitempty"`
	}
)

var (
	byCategory = storage.Col("category", func(h *ticketHead) *string { return &h.Category })
	byPriority = storage.Col("priority", func(h *ticketHead) *int { return &h.Priority })
	byOpen     = storage.BoolCol("open", func(h *ticketHead) *bool { return &h.Open })
	byGroup    = storage.Col("grp", func(h *ticketHead) *itsm.ID { return &h.Group })
	byAssignee = storage.Col("assignee", func(h *ticketHead) *itsm.ID { return &h.Assignee })
	tickets    = storage.Define("ticket", storage.Def[ticket, ticketHead, ticketBody]{
		Parts:   func(t *ticket) (*ticketHead, *ticketBody) { return &t.ticketHead, &t.ticketBody },
		Columns: []storage.ColumnOf[ticketHead]{byCategory, byPriority, byOpen, byGroup, byAssignee},
		Indexes: []storage.Index{storage.IndexOn(byOpen.Asc(), byAssignee.Asc())},
	})
)

type opened struct {
	VIP bool `json:"vip"`
}

func (opened) EventType() string { return "ticket.opened.v1" }

// host is a desk that routes each ticket in a reaction to its opening.
type host struct {
	e     *engine.Engine
	p     *routing.Practice
	clock *testclock.Clock
	// people are those of the groups, the same in every tenant; their loads are counted.
	people map[itsm.ID][]routing.Candidate
}

// Candidates counts the open tickets of everyone, in the unit at hand.
func (h *host) Candidates(ctx context.Context, r storage.Reader, kind string, group itsm.ID) ([]routing.Candidate, error) {
	if kind != "ticket" {
		return nil, fmt.Errorf("asked for %q", kind)
	}
	counts, err := tickets.CountBy(ctx, r, byOpen.Is(true), byAssignee)
	if err != nil {
		return nil, err
	}
	load := map[itsm.ID]int{}
	for _, c := range counts {
		load[itsm.ID(c.Values[0].(string))] = int(c.Count)
	}
	var all []routing.Candidate
	for _, c := range h.people[group] {
		c.Load = load[c.ID]
		all = append(all, c)
	}
	return all, nil
}

var floor = itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger}

func fieldSet(t *testing.T, definitions ...itsm.FieldDefinition) *itsm.FieldSet {
	t.Helper()
	set, err := itsm.NewFieldSet(definitions...)
	require.NoError(t, err)
	return set
}

func open(t *testing.T, store storage.Store, fields ...itsm.FieldDefinition) *host {
	t.Helper()
	if fields == nil {
		fields = []itsm.FieldDefinition{floor}
	}
	h := &host{clock: testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), people: map[itsm.ID][]routing.Candidate{
		"desk":    {person("ana"), person("bob"), person("cem"), person("dan")},
		"network": {person("nat"), person("ned")},
	}}
	v, err := routing.NewVocabulary(tickets.Schema(), fieldSet(t, fields...), routing.Fact{Name: "requester.vip", Kind: storage.Bool})
	require.NoError(t, err)
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now, Attempts: 60})
	require.NoError(t, err)
	h.p, err = routing.New(h.e, routing.Options{
		Vocabularies: []*routing.Vocabulary{v},
		Candidates:   h,
		MayRoute: func(_ context.Context, _ storage.Reader, kind string, group itsm.ID) error {
			if group == "nowhere" {
				return &storage.Error{Op: "get", Table: "group", ID: group, Err: storage.ErrNotFound}
			}
			return nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, h.e.Use(engine.Module{
		Name: "desk", Tables: []*storage.Schema{tickets.Schema()}, Events: []itsm.EventType{itsm.EventOf[opened]()},
		Reactions: []engine.Reaction{engine.On(h.route)},
	}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

func person(id itsm.ID) routing.Candidate {
	return routing.Candidate{ID: id, Active: true, Available: true}
}

// route is the reaction, as a host would write it.
func (h *host) route(ctx context.Context, u *engine.Unit, e itsm.Event, data opened) error {
	s, row, err := u.Load(ctx, itsm.Ref{Kind: e.Kind, ID: e.Record})
	if err != nil {
		return err
	}
	d, err := h.p.Route(ctx, u, s, row, map[string]any{"requester.vip": data.VIP})
	if errors.Is(err, itsm.ErrInvalid) {
		d = routing.Decision{Outcome: routing.OutcomeNone} // to be routed by hand
	} else if err != nil {
		return err
	}
	t, err := tickets.Decode(row)
	if err != nil {
		return err
	}
	t.Group, t.Assignee, t.Why = d.Group, d.Assignee, d.String()
	return tickets.Put(ctx, u, &t)
}

// ask is a ticket to be opened.
type ask struct {
	category string
	priority int
	vip      bool
	floor    int
}

// openTicket opens a ticket and gives it as it was routed.
func (h *host) openTicket(ctx context.Context, actor itsm.Actor, a ask) (ticket, error) {
	return engine.Execute(ctx, h.e, tickets, engine.Call{Name: "ticket.open", Actor: actor}, func(ctx context.Context, u *engine.Unit) (ticket, error) {
		return h.put(ctx, u, a)
	}, nil)
}

func (h *host) put(ctx context.Context, u *engine.Unit, a ask) (ticket, error) {
	t := ticket{ticketHead: ticketHead{Meta: storage.Meta{ID: u.NewID()}, Category: a.category, Priority: a.priority, Open: true}}
	if a.floor != 0 {
		t.Fields = itsm.Fields{"floor": json.RawMessage(fmt.Sprint(a.floor))}
	}
	if err := tickets.Put(ctx, u, &t); err != nil {
		return t, err
	}
	u.Emit(itsm.Event{Kind: "ticket", Record: t.ID, Action: "open", Data: opened{a.vip}})
	return t, nil
}

const acme, globex, msp = storage.Tenant("acme"), storage.Tenant("globex"), storage.Tenant("msp")

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func auditor(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "otto", Roles: []itsm.RoleName{itsm.RoleAuditor}}
}

func analyst(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
}

func equal(column string, v any) storage.Condition {
	return storage.Condition{Op: storage.Equal, Column: column, Values: []any{v}}
}

func rule(name string, when storage.Condition, group itsm.ID, method routing.Method) routing.Rule {
	return routing.Rule{Name: name, When: when, Group: group, Person: routing.Selection{Method: method}}
}

// everything sends all to one group.
func everything(group itsm.ID, method routing.Method) routing.RuleSet {
	return routing.RuleSet{Rules: []routing.Rule{rule("all", storage.Condition{}, group, method)}}
}

// follow drafts a set and activates it.
func (h *host) follow(t *testing.T, actor itsm.Actor, s routing.RuleSet) routing.Version {
	t.Helper()
	v, err := h.p.Draft(t.Context(), actor, routing.Draft{Family: "ticket", Set: s})
	require.NoError(t, err)
	v, err = h.p.Activate(t.Context(), actor, v.ID, itsm.Command{})
	require.NoError(t, err)
	return v
}

// fields gives the fields of a fault.
func fields(t *testing.T, err error) (all []string) {
	t.Helper()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var v *storage.ValidationError
	require.ErrorAs(t, err, &v)
	for _, f := range v.Faults {
		all = append(all, f.Field)
	}
	return all
}
