package routing_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A host's own record, which is routed as it is opened. An incident is routed in the same way.
type Ticket struct {
	TicketHead
	TicketBody
}
type TicketHead struct {
	storage.Meta
	Category string
	Open     bool
	Group    itsm.ID
	Assignee itsm.ID
}
type TicketBody struct{}

var (
	ByCategory = storage.Col("category", func(h *TicketHead) *string { return &h.Category })
	ByOpen     = storage.BoolCol("open", func(h *TicketHead) *bool { return &h.Open })
	ByGroup    = storage.Col("grp", func(h *TicketHead) *itsm.ID { return &h.Group })
	ByAssignee = storage.Col("assignee", func(h *TicketHead) *itsm.ID { return &h.Assignee })
	Tickets    = storage.Define("ticket", storage.Def[Ticket, TicketHead, TicketBody]{
		Parts:   func(t *Ticket) (*TicketHead, *TicketBody) { return &t.TicketHead, &t.TicketBody },
		Columns: []storage.ColumnOf[TicketHead]{ByCategory, ByOpen, ByGroup, ByAssignee},
		Indexes: []storage.Index{storage.IndexOn(ByOpen.Asc(), ByAssignee.Asc())},
	})
)

type Opened struct{}

func (Opened) EventType() string { return "ticket.opened.v1" }

// Staff knows who works in which group; how much each has is counted in the unit at hand.
type Staff map[itsm.ID][]routing.Candidate

func (s Staff) Candidates(ctx context.Context, r storage.Reader, _ string, group itsm.ID) ([]routing.Candidate, error) {
	var all []routing.Candidate
	for _, c := range s[group] {
		n, err := Tickets.Count(ctx, r, storage.AllOf(ByOpen.Is(true), ByAssignee.Is(c.ID)))
		if err != nil {
			return nil, err
		}
		c.Load = int(n)
		all = append(all, c)
	}
	return all, nil
}

// A rule set is kept and activated; from then on each ticket is routed in the transaction that opens
// it.
func Example() {
	ctx, monday := context.Background(), time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return monday }, IDs: itsm.SequentialIDs("R")})
	vocabulary, _ := routing.NewVocabulary(Tickets.Schema(), nil, routing.Fact{Name: "requester.vip", Kind: storage.Bool})
	staff := Staff{"network": {
		{ID: "nat", Active: true, Available: true, Capacity: 1, Skills: map[string]int{"vpn": 3}},
		{ID: "ned", Active: true, Available: true, Skills: map[string]int{"vpn": 1}},
	}}
	rules, err := routing.New(e, routing.Options{Vocabularies: []*routing.Vocabulary{vocabulary}, Candidates: staff})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = e.Use(engine.Module{
		Name: "desk", Tables: []*storage.Schema{Tickets.Schema()}, Events: []itsm.EventType{itsm.EventOf[Opened]()},
		Reactions: []engine.Reaction{engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, _ Opened) error {
			schema, row, err := u.Load(ctx, itsm.Ref{Kind: e.Kind, ID: e.Record})
			if err != nil {
				return err
			}
			d, err := rules.Route(ctx, u, schema, row, map[string]any{"requester.vip": false})
			if err != nil {
				return err
			}
			t, err := Tickets.Decode(row)
			if err != nil {
				return err
			}
			t.Group, t.Assignee = d.Group, d.Assignee
			fmt.Print(d)
			return Tickets.Put(ctx, u, &t)
		})},
	})

	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	draft, err := rules.Draft(ctx, mona, routing.Draft{
		Command: itsm.Command{Reason: "The network group takes the VPN"},
		Family:  "ticket",
		Set: routing.RuleSet{
			Rules: []routing.Rule{
				{Name: "vip", When: storage.Condition{Op: storage.Equal, Column: "requester.vip", Values: []any{true}}, Group: "vip desk"},
				{Name: "vpn", When: ByCategory.Is("vpn").Condition(), Group: "network",
					Person: routing.Selection{Method: routing.MethodSkill, Skills: []routing.Skill{{Name: "vpn", Level: 2}}}},
			},
			Default: "desk",
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = rules.Activate(ctx, mona, draft.ID, itsm.Command{})

	for range 2 {
		_ = e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			t := Ticket{TicketHead: TicketHead{Meta: storage.Meta{ID: u.NewID()}, Category: "vpn", Open: true}}
			if err := Tickets.Put(ctx, u, &t); err != nil {
				return err
			}
			u.Emit(itsm.Event{Kind: "ticket", Record: t.ID, Action: "open", Data: Opened{}})
			return nil
		})
	}
	// Output:
	// rule "vip" (acme, version 1) does not match: requester.vip is false, not true
	// rule "vpn" (acme, version 1) matches
	// ned of network has the skill vpn at level 1, not 2
	// network: nat has the fewest open records of those who can take it: 0
	// assigned to nat of network
	// rule "vip" (acme, version 1) does not match: requester.vip is false, not true
	// rule "vpn" (acme, version 1) matches
	// nat of network has 1 open records of 1
	// ned of network has the skill vpn at level 1, not 2
	// network: nobody can take it, and there is no overflow group, so network has it without a person
	// assigned to network
}

// The rules alone, without a store: facts in, a decision and its reasons out.
func ExampleRuleSet_Decide() {
	set, err := routing.Parse([]byte(`{
		"rules": [
			{"name": "network", "when": {"op": "equal", "column": "category", "values": ["network"]},
			 "group": "network", "person": {"method": "round_robin"}}
		],
		"default": "desk"
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	last := itsm.ID("")
	people := func(itsm.ID) (routing.Team, error) {
		return routing.Team{Last: last, Candidates: []routing.Candidate{
			{ID: "nat", Active: true, Available: true}, {ID: "ned", Active: true, Available: true},
		}}, nil
	}
	for range 3 {
		d, err := set.Decide(routing.Facts{"category": "network"}, people)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Group, d.Assignee)
		last = d.Last
	}
	d, _ := set.Decide(routing.Facts{"category": "printer"}, people)
	fmt.Print(d)
	// Output:
	// network nat
	// network ned
	// network nat
	// rule "network" does not match: category is "printer", not "network"
	// no rule matches, so the default group has it: desk
}

// Everything that is wrong with a set is told at once.
func ExampleRuleSet_Check() {
	v, _ := routing.NewVocabulary(Tickets.Schema(), nil)
	set := routing.RuleSet{
		Rules: []routing.Rule{
			{Name: "vpn", When: ByCategory.In("vpn", "network").Condition(), Group: "network"},
			{Name: "vpn only", When: ByCategory.Is("vpn").Condition(), Group: "vpn"},
			{Name: "urgent", When: storage.Condition{Op: storage.AtMost, Column: "urgency", Values: []any{int64(1)}}},
		},
		Overflow: map[itsm.ID]itsm.ID{"network": "desk", "desk": "network"},
	}
	var invalid *itsm.ValidationError
	if err := set.Check(v); errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			fmt.Println(f.Field, f.Problem)
		}
	}
	// Output:
	// rules[2].group is required
	// rules[2].when.column "urgency" is no column, field or fact of ticket
	// overflow goes in a circle: desk -> network -> desk
	// rules[1].when holds only where that of the rule "vpn" (rules[0]) before it does, so the rule is never reached
}

// A tenant's rules stand before its provider's, and each value tells where it comes from.
func ExampleEffective() {
	base := routing.Layer{Source: routing.Source{Tenant: "msp", Set: "s1", Number: 7}, Set: routing.RuleSet{
		Rules:   []routing.Rule{{Name: "network", When: ByCategory.Is("network").Condition(), Group: "msp network"}},
		Default: "msp desk",
	}}
	own := routing.Layer{Source: routing.Source{Tenant: "acme", Set: "s2", Number: 2}, Set: routing.RuleSet{
		Rules: []routing.Rule{{Name: "printers", When: ByCategory.Is("printer").Condition(), Group: "house"}},
	}}
	m := routing.Effective(base, own)
	for i, r := range m.Set.Rules {
		fmt.Printf("%s -> %s comes from %s\n", r.Name, r.Group, m.RuleSources[i])
	}
	fmt.Printf("default -> %s comes from %s\n", m.Set.Default, m.DefaultSource)
	// Output:
	// printers -> house comes from acme, version 2
	// network -> msp network comes from msp, version 7
	// default -> msp desk comes from msp, version 7
}
