package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A host's own record. Triggers listen to incidents in the same way.
type Order struct {
	OrderHead
	OrderBody
}
type OrderHead struct {
	storage.Meta
	Customer string
	Urgency  int
}
type OrderBody struct{}

var (
	ByCustomer = storage.Col("customer", func(h *OrderHead) *string { return &h.Customer })
	ByUrgency  = storage.Col("urgency", func(h *OrderHead) *int { return &h.Urgency })
	Orders     = storage.Define("order", storage.Def[Order, OrderHead, OrderBody]{
		Parts:   func(o *Order) (*OrderHead, *OrderBody) { return &o.OrderHead, &o.OrderBody },
		Columns: []storage.ColumnOf[OrderHead]{ByCustomer, ByUrgency},
	})
)

type Placed struct{}

func (Placed) EventType() string { return "order.placed.v1" }

type Edited struct{}

func (Edited) EventType() string { return "order.edited.v1" }

// Message are the parameters of an action of the host.
type Message struct {
	Text string `json:"text"`
}

// desk gives a practice with an action "tell" that prints.
func desk() (*engine.Engine, *trigger.Practice) {
	monday := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return monday }, IDs: itsm.SequentialIDs("R")})
	p, err := trigger.New(e, trigger.Options{
		Kinds: []trigger.RecordKind{{Schema: Orders.Schema(), Public: []string{"id", "customer", "urgency"}}},
		Actions: []trigger.Action{trigger.Define(trigger.Definition[Message]{
			Name:   "tell",
			Public: func(Message) []string { return []string{"text"} },
			Check: func(m Message) error {
				var f itsm.Faults
				f.Text("text", m.Text, 500, true)
				return f.Err("message")
			},
			// A host schedules a job here, or gives a command of a practice in u.Store().
			Do: func(_ context.Context, u *engine.Unit, o trigger.Occasion, m Message) error {
				fmt.Printf("%s: %s\n", u.Actor().ID, m.Text)
				return nil
			},
		})},
	})
	if err != nil {
		panic(err)
	}
	_ = e.Use(engine.Module{Name: "orders", Tables: []*storage.Schema{Orders.Schema()},
		Events: []itsm.EventType{itsm.EventOf[Placed](), itsm.EventOf[Edited]()}})
	return e, p
}

// put is a command of the host.
func put(e *engine.Engine, actor itsm.Actor, o *Order, action string, data itsm.Payload) error {
	return e.Update(context.Background(), actor, func(ctx context.Context, u *engine.Unit) error {
		if err := Orders.Put(ctx, u, o); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "order", Record: o.ID, Action: action, Data: data})
		return nil
	})
}

// A trigger is drafted and activated; from then on it answers events.
func Example() {
	ctx := context.Background()
	e, triggers := desk()
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	set, err := trigger.Parse([]byte(`{"triggers": [
		{"name": "urgent", "title": "Tell the shift of what becomes urgent",
		 "on": {"kind": "order", "types": ["order.placed.v1", "order.edited.v1"]},
		 "when": {"op": "changed_to", "column": "urgency", "values": [1]},
		 "actions": [{"action": "tell", "with": {"text": "{{id}} of {{customer}}: urgency {{before.urgency}} -> {{urgency}}"}}]},
		{"name": "closed-shop", "during": "transaction",
		 "on": {"kind": "order", "types": ["order.placed.v1"]},
		 "when": {"op": "equal", "column": "customer", "values": ["Initech"]},
		 "actions": [{"action": "refuse", "with": {"reason": "we do not deliver to {{customer}}"}}]}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	draft, err := triggers.Draft(ctx, mona, trigger.Draft{Set: set})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = triggers.Activate(ctx, mona, draft.ID, itsm.Command{})

	order := Order{OrderHead: OrderHead{Meta: storage.Meta{ID: "O-1"}, Customer: "Hooli", Urgency: 3}}
	_ = put(e, mona, &order, "place", Placed{})
	order.Urgency = 1
	_ = put(e, mona, &order, "edit", Edited{})
	order.Urgency = 2
	_ = put(e, mona, &order, "edit", Edited{})
	_, _ = e.Tick(ctx, e.Now())

	err = put(e, mona, &Order{OrderHead: OrderHead{Meta: storage.Meta{ID: "O-2"}, Customer: "Initech"}}, "place", Placed{})
	fmt.Println(errors.Is(err, itsm.ErrTransition), err)

	verdicts, _ := triggers.Explain(ctx, mona, itsm.Ref{Kind: "order", ID: "O-1"}, 3, 0)
	for _, v := range verdicts {
		fmt.Println(v)
	}
	// Output:
	// system:trigger:urgent: O-1 of Hooli: urgency 3 -> 1
	// true order O-2: place is refused: we do not deliver to Initech
	// urgent (acme, version 1) does not fire: urgency is 2, not one of 1
	// closed-shop (acme, version 1) does not fire: it does not listen to the type order.edited.v1
}

// Everything that is wrong with a set is told at once when it is saved.
func ExamplePractice_Draft() {
	_, triggers := desk()
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	_, err := triggers.Draft(context.Background(), mona, trigger.Draft{Set: trigger.Set{Triggers: []trigger.Trigger{
		{Name: "late", On: trigger.Listen{Kind: "order", Types: []string{"order.lost.v1"}},
			When:    storage.Condition{Op: trigger.OpChangedTo, Column: "colour", Values: []any{"red"}},
			Actions: []trigger.Step{{Action: "launch"}, {Action: "tell", With: []byte(`{"text": "{{event.reason}}"}`)}}},
	}}})
	var invalid *itsm.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			fmt.Println(f.Field, f.Problem)
		}
	}
	// Output:
	// set.triggers[0].on.types[0] "order.lost.v1" is an event type that nobody registered
	// set.triggers[0].when.column "colour" is no column or field of order that can change
	// set.triggers[0].actions[0].action "launch" is unknown; there are: refuse, tell
	// set.triggers[0].actions[1].with.text is read by requesters, and event.reason is not public
}

// A tenant's trigger takes the place of its provider's of the same name.
func ExampleEffective() {
	base := trigger.Layer{Source: trigger.Source{Tenant: "msp", Set: "s1", Number: 7}, Set: trigger.Set{Triggers: []trigger.Trigger{
		{Name: "greet", Order: 1}, {Name: "survey", Order: 5},
	}}}
	own := trigger.Layer{Source: trigger.Source{Tenant: "acme", Set: "s2", Number: 2}, Set: trigger.Set{Triggers: []trigger.Trigger{
		{Name: "survey", Order: 5, Inactive: true}, {Name: "tag", Order: 3},
	}}}
	m := trigger.Effective(base, own)
	for i, t := range m.Triggers {
		fmt.Printf("%s comes from %s\n", t.Name, m.Sources[i])
	}
	// Output:
	// greet comes from msp, version 7
	// tag comes from acme, version 2
	// survey comes from acme, version 2
}
