package incident_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// open makes a practice over a store in memory at a fixed time, which the pointer moves.
func open(now *time.Time, o incident.Options) (*engine.Engine, *incident.Practice) {
	*now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return *now }})
	if err != nil {
		panic(err)
	}
	p, err := incident.New(e, o)
	if err != nil {
		panic(err)
	}
	if err := e.Migrate(context.Background()); err != nil {
		panic(err)
	}
	return e, p
}

var (
	anAnalyst  = itsm.Actor{Tenant: "acme", ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	aRequester = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
)

// From the report to the end, with what its requester reads of it.
func Example() {
	var now time.Time
	e, incidents := open(&now, incident.Options{})
	ctx := context.Background()

	i, err := incidents.Log(ctx, aRequester, incident.Report{
		Title: "Mail does not arrive", Requester: "rita", Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyHigh,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(i.Number, i.State, "priority", i.Priority)

	steps := []func() error{
		func() error { _, err := incidents.Accept(ctx, anAnalyst, i.ID, itsm.Command{}); return err },
		func() error {
			_, err := incidents.Note(ctx, anAnalyst, i.ID, incident.Note{Text: "The relay again"})
			return err
		},
		func() error {
			_, err := incidents.Hold(ctx, anAnalyst, i.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which mailbox?"})
			return err
		},
		func() error {
			_, err := incidents.Reply(ctx, aRequester, i.ID, incident.Reply{Text: "The shared one"})
			return err
		},
		func() error {
			_, err := incidents.Resolve(ctx, anAnalyst, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Restarted the relay"})
			return err
		},
		func() error { // a week later
			now = now.Add(incident.DefaultAutoClose)
			_, err := e.Tick(ctx, now)
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			fmt.Println(err)
			return
		}
		now = now.Add(10 * time.Minute)
	}

	story, err := incidents.Timeline(ctx, aRequester, i.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, entry := range story {
		fmt.Print(entry.At.Format("Jan 2 15:04 "), entry.Event.Action, " -> ", entry.Event.To)
		if entry.Note != nil {
			fmt.Print(": ", entry.Note.Text)
		}
		fmt.Println()
	}
	// Output:
	// INC0000001 new priority 2 - High
	// Mar 2 09:00 log -> new
	// Mar 2 09:00 accept -> assigned
	// Mar 2 09:20 hold -> on_hold: Which mailbox?
	// Mar 2 09:30 reply -> on_hold: The shared one
	// Mar 2 09:30 resume -> assigned
	// Mar 2 09:40 resolve -> resolved
	// Mar 9 09:50 auto_close -> closed
}

// What a user interface needs for its buttons.
func ExamplePractice_PermittedActions() {
	var now time.Time
	_, incidents := open(&now, incident.Options{})
	ctx := context.Background()
	i, err := incidents.Log(ctx, aRequester, incident.Report{Title: "Mail does not arrive", Requester: "rita"})
	if err != nil {
		fmt.Println(err)
		return
	}
	actions, err := incidents.PermittedActions(ctx, aRequester, i.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range actions {
		switch {
		case a.Permitted:
			fmt.Println(a.Title, "- can be taken; missing:", a.Missing)
		case a.Action == "resolve":
			fmt.Println(a.Title, "-", strings.ReplaceAll(a.Reason, string(i.ID), "ID"))
		}
	}

	// The error of an action that the state does not permit names the others.
	_, err = incidents.Confirm(ctx, aRequester, i.ID, itsm.Command{})
	var refused *itsm.TransitionError
	if errors.As(err, &refused) {
		fmt.Println(refused.Action, "while", refused.State, "is refused; permitted:", refused.Permitted[:3], "…")
	}
	// Output:
	// Resolve - rita lacks the permission incident.resolve in tenant acme on incident ID: no role of the actor grants it
	// Cancel - can be taken; missing: [reason]
	// Reply - can be taken; missing: [text]
	// Attach - can be taken; missing: [name reference]
	// Detach - can be taken; missing: [attachment]
	// confirm while new is refused; permitted: [cancel reply attach] …
}

// A state, an action and a column of the host's own.
func ExamplePractice_Do() {
	const (
		awaitingParts = incident.State("awaiting_parts")
		orderParts    = incident.Action("order_parts")
		partsCame     = incident.Action("parts_came")
	)
	lifecycle, err := incident.StandardLifecycle().Extend(
		[]incident.StateOf{{Name: awaitingParts, Category: itsm.CategoryWaiting, Title: "Awaiting parts"}},
		incident.Rule{From: []incident.State{incident.StateAssigned}, On: orderParts, To: awaitingParts, Permission: incident.PermissionDo},
		incident.Rule{From: []incident.State{awaitingParts}, On: partsCame, Return: []incident.State{incident.StateAssigned}, Permission: incident.PermissionDo},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	orderNumber := storage.Custom[string](incident.Table, "order_number")
	var now time.Time
	_, incidents := open(&now, incident.Options{Lifecycle: lifecycle, Columns: []storage.ColumnOf[incident.Head]{orderNumber}})
	ctx := context.Background()

	i, err := incidents.Log(ctx, anAnalyst, incident.Report{Title: "Printer is dead", Requester: "rita", Assignee: "ana"})
	if err != nil {
		fmt.Println(err)
		return
	}
	i, err = incidents.Do(ctx, anAnalyst, i.ID, orderParts, incident.Input{
		Note: "A new fuser", Columns: []storage.Value[incident.Head]{orderNumber.Value("PO-17")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(i.State, "before that", i.Before)
	page, err := incidents.List(ctx, anAnalyst, incident.Query{Where: orderNumber.Is("PO-17")})
	if err != nil {
		fmt.Println(err)
		return
	}
	i, err = incidents.Do(ctx, anAnalyst, page.Items[0].ID, partsCame, incident.Input{})
	fmt.Println(i.State, err)
	// Output:
	// awaiting_parts before that assigned
	// assigned <nil>
}

// The queue of what matters most, as data to filter by.
func ExamplePractice_All() {
	var now time.Time
	_, incidents := open(&now, incident.Options{})
	ctx := context.Background()
	for impact, title := range map[itsm.Impact]string{itsm.ImpactHigh: "Mail is down", itsm.ImpactLow: "Mouse is dirty", itsm.ImpactMedium: "Printer is dead"} {
		if _, err := incidents.Log(ctx, anAnalyst, incident.Report{Title: title, Requester: "rita", Impact: impact, Urgency: itsm.UrgencyHigh}); err != nil {
			fmt.Println(err)
			return
		}
	}
	urgent := incident.Query{Where: storage.AllOf(incident.ByOpen.Is(true), incident.ByPriority.AtMost(itsm.PriorityHigh))}
	for head, err := range incidents.All(ctx, anAnalyst, urgent) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(head.Priority, head.Title)
	}
	// Output:
	// 1 - Critical Mail is down
	// 2 - High Printer is dead
}

// What an incident cost: the role of a person by their time by a rate, and what was recorded wrongly taken back.
func ExamplePractice_LogWork() {
	var now time.Time
	rate, err := itsm.ParseMoney("80", "EUR")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, incidents := open(&now, incident.Options{Costs: incident.CostModel{
		Rate: rate, Roles: map[string]incident.RoleCost{"expert": {Multiplier: decimal.RequireFromString("1.5")}},
	}})
	ctx := context.Background()
	i, err := incidents.Log(ctx, anAnalyst, incident.Report{Title: "Mail does not arrive", Requester: "rita"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range []incident.Work{{Worked: 20 * time.Minute}, {Role: "expert", Worked: 90 * time.Minute}} {
		if _, err = incidents.LogWork(ctx, anAnalyst, i.ID, w); err != nil {
			fmt.Println(err)
			return
		}
	}
	total, err := incidents.TotalCost(ctx, anAnalyst, i.ID)
	fmt.Println(total.Worked, total.Amounts, err)

	entries, err := incidents.Costs(ctx, anAnalyst, i.ID, "", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	expert := slices.IndexFunc(entries.Items, func(c incident.CostRecord) bool { return c.Role == "expert" })
	_, err = incidents.ReverseCost(ctx, anAnalyst, i.ID, incident.Reversal{
		Command: itsm.Command{Reason: "Was for another incident"}, Entry: entries.Items[expert].ID,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	total, err = incidents.TotalCost(ctx, anAnalyst, i.ID)
	fmt.Println(total.Worked, total.Amounts, err)
	// Output:
	// 1h50m0s [206.67 EUR] <nil>
	// 20m0s [26.67 EUR] <nil>
}
