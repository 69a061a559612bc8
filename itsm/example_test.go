package itsm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
)

// A record of one's own: a request for a parking place.
type parking struct {
	Place string
}

func placeLifecycle() (*itsm.Lifecycle[string, string, parking], error) {
	type (
		state = itsm.State[string]
		rule  = itsm.Rule[string, string, parking]
	)
	place := itsm.Field[parking]{Name: "place", Empty: func(p parking) bool { return p.Place == "" }}
	return itsm.NewLifecycle("parking", []string{"asked"},
		[]state{
			{Name: "asked", Category: itsm.CategoryNew},
			{Name: "queued", Category: itsm.CategoryWaiting},
			{Name: "given", Category: itsm.CategoryClosed},
			{Name: "withdrawn", Category: itsm.CategoryCancelled},
		},
		rule{From: []string{"asked"}, On: "queue", To: "queued"},
		rule{From: []string{"asked", "queued"}, On: "give", To: "given", Needs: []itsm.Field[parking]{place},
			Guard: func(a itsm.Attempt[parking]) string {
				if wd := a.Now.Weekday(); wd == time.Saturday || wd == time.Sunday {
					return "places are given on working days"
				}
				return ""
			}},
		rule{From: []string{"asked", "queued"}, On: "withdraw", To: "withdrawn"},
	)
}

func ExampleLifecycle_Fire() {
	l, err := placeLifecycle()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	monday := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

	state, err := l.Fire(ctx, "asked", "give", itsm.Attempt[parking]{Subject: parking{Place: "B12"}, Now: monday})
	fmt.Println(state, err)

	// What is missing, what a guard refuses and what the state does not have are different errors.
	_, err = l.Fire(ctx, "asked", "give", itsm.Attempt[parking]{Now: monday})
	fmt.Println(errors.Is(err, itsm.ErrInvalid), err)
	_, err = l.Fire(ctx, "asked", "give", itsm.Attempt[parking]{Subject: parking{Place: "B12"}, Now: monday.AddDate(0, 0, 5)})
	fmt.Println(errors.Is(err, itsm.ErrTransition), err)
	_, err = l.Fire(ctx, "withdrawn", "give", itsm.Attempt[parking]{Now: monday})
	fmt.Println(errors.Is(err, itsm.ErrTransition), err)
	// Output:
	// given <nil>
	// true parking: invalid: place is required to give
	// true parking: cannot give while asked: places are given on working days; permitted: queue, withdraw
	// true parking: cannot give while withdrawn; no action is permitted
}

func ExampleLifecycle_Actions() {
	l, err := placeLifecycle()
	if err != nil {
		fmt.Println(err)
		return
	}
	saturday := time.Date(2026, 5, 9, 9, 0, 0, 0, time.UTC)
	for _, a := range l.Actions("queued", itsm.Attempt[parking]{Now: saturday}) {
		fmt.Println(a.Title, "to", a.To, a.Permitted, a.Missing, a.Reason)
	}
	// Output:
	// Give to given false [place] places are given on working days
	// Withdraw to withdrawn true []
}

func ExampleLifecycle_Extend() {
	l, err := placeLifecycle()
	if err != nil {
		fmt.Println(err)
		return
	}
	// Rules that do not hold together are refused before anything runs.
	_, err = l.Extend([]itsm.State[string]{{Name: "lent", Category: itsm.CategoryActive}})
	fmt.Println(err)

	type rule = itsm.Rule[string, string, parking]
	extended, err := l.Extend([]itsm.State[string]{{Name: "lent", Category: itsm.CategoryActive}},
		rule{From: []string{"asked"}, On: "lend", To: "lent"},
		rule{From: []string{"lent"}, On: "return", To: "given"})
	fmt.Println(extended.Has("asked", "lend"), l.Has("asked", "lend"), err)
	// Output:
	// lifecycle of parking: invalid: states[4] (lent) cannot be reached from an initial state; states[4] (lent) is a dead end: it is not final and no rule leads out of it
	// true false <nil>
}

func ExampleLifecycle_Mermaid() {
	l, err := placeLifecycle()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(l.Mermaid())
	// Output:
	// stateDiagram-v2
	//     state "Asked" as s_asked
	//     state "Queued" as s_queued
	//     state "Given" as s_given
	//     state "Withdrawn" as s_withdrawn
	//     [*] --> s_asked
	//     s_asked --> s_queued : Queue
	//     s_asked --> s_given : Give
	//     s_queued --> s_given : Give
	//     s_asked --> s_withdrawn : Withdraw
	//     s_queued --> s_withdrawn : Withdraw
	//     s_given --> [*]
	//     s_withdrawn --> [*]
}

func ExamplePriorityMatrix() {
	p, err := itsm.StandardPriorityMatrix().Of(itsm.ImpactHigh, itsm.UrgencyMedium)
	fmt.Println(p, err)
	_, err = itsm.StandardPriorityMatrix().Of(itsm.ImpactHigh, 0)
	fmt.Println(err)
	// Output:
	// 2 - High <nil>
	// priority: invalid: urgency must be 1, 2 or 3, not 0
}

func ExampleRoleBook() {
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), itsm.Role{
		Name: "night_operator", Title: "Night operator",
		Grants: []itsm.Grant{{Permission: "incident.*", Scopes: []itsm.Scope{itsm.ScopeGroup}}},
	})...)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	ann := itsm.Actor{Tenant: "acme", ID: "ann", Roles: []itsm.RoleName{"night_operator"}, Groups: []itsm.ID{"operations"}}

	fmt.Println(book.Authorize(ctx, ann, "incident.resolve", &itsm.Subject{Kind: "incident", ID: "INC1", Groups: []itsm.ID{"operations"}}))
	fmt.Println(book.Authorize(ctx, ann, "incident.resolve", &itsm.Subject{Kind: "incident", ID: "INC2", Groups: []itsm.ID{"database"}}))
	fmt.Println(book.Scopes(ctx, ann, "incident.read"))
	// Output:
	// <nil>
	// ann lacks the permission incident.resolve in tenant acme on incident INC2: it is granted only on records where the actor is: group
	// [group] <nil>
}

func ExampleActor_In() {
	ann := itsm.Actor{
		Tenant: "provider", ID: "ann", Roles: []itsm.RoleName{itsm.RoleIncidentManager},
		Elsewhere: map[itsm.Tenant]itsm.Membership{"acme": {Roles: []itsm.RoleName{itsm.RoleProviderTechnician}}},
	}
	fmt.Println(ann.In("acme").Roles, ann.In("other").Roles, ann.In("acme").In("provider").Roles)
	// Output: [provider_technician] [] [incident_manager]
}

func ExampleMoney_Allocate() {
	invoice, err := itsm.ParseMoney("100.00", "EUR")
	if err != nil {
		fmt.Println(err)
		return
	}
	shares, err := invoice.Allocate(1, 1, 1)
	fmt.Println(shares, err)

	dollars, _ := itsm.MoneyFromMinor(1250, "USD")
	_, err = invoice.Add(dollars)
	fmt.Println(err)
	raw, _ := json.Marshal(dollars)
	fmt.Println(string(raw))
	// Output:
	// [33.34 EUR 33.33 EUR 33.33 EUR] <nil>
	// money: invalid: currency "EUR" and "USD" cannot be reckoned together
	// {"amount":"12.50","currency":"USD"}
}

func ExampleFieldSet() {
	set, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "cost_centre", Type: itsm.FieldText, Required: true, MaxLength: 10},
		itsm.FieldDefinition{Name: "rate", Type: itsm.FieldDecimal},
		itsm.FieldDefinition{Name: "colour", Type: itsm.FieldChoice, Choices: []string{"red", "green"}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	var faults itsm.Faults
	set.Check(itsm.Fields{"colour": json.RawMessage(`"blue"`), "size": json.RawMessage(`7`)}, &faults)
	for _, f := range faults.List() {
		fmt.Println(f.Field, f.Problem)
	}

	var values itsm.Fields
	if err := values.Set("rate", decimal.RequireFromString("0.1")); err != nil {
		fmt.Println(err)
	}
	rate, ok := values.Decimal("rate")
	fmt.Println(rate, ok)
	// Output:
	// fields.cost_centre is required
	// fields.colour must be one of: red, green
	// fields.size is not defined
	// 0.1 true
}

func ExampleFaults() {
	var f itsm.Faults
	f.Text("title", "", 160, true)
	f.Addf("impact", "must be from %d to %d", itsm.ImpactHigh, itsm.ImpactLow)
	err := f.Err("incident")
	fmt.Println(errors.Is(err, itsm.ErrInvalid))
	fmt.Println(err)
	// Output:
	// true
	// incident: invalid: title is required; impact must be from 1 to 3
}

func ExampleSequentialIDs() {
	ids := itsm.SequentialIDs("INC")
	fmt.Println(ids.New(), ids.New())
	// Output: INC000000001 INC000000002
}
