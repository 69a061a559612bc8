package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// The code of docs/tenants.md, which a test of the examples holds to this file.

// README:define
// The settings of the program, defined once. The names are for ever: what is kept is kept under them.
var (
	ReplyWithin = settings.Define("incident.reply_within_minutes", 60, func(minutes int) error {
		if minutes < 1 {
			return errors.New("must be at least 1")
		}
		return nil
	})
	Greeting = settings.Define("portal.greeting", "Welcome").Titled("Greeting of the portal")
	Contacts = settings.Define("portal.contacts", map[string]string{"phone": "112"}).Merging(settings.MergeKeys)
)

// README:end

// desk is an engine with the settings and a hierarchy: a provider, two customers, a division.
func desk(ctx context.Context) (*engine.Engine, *settings.Practice, itsm.Actor) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	if err != nil {
		panic(err)
	}
	// README:hierarchy
	p, err := settings.New(e, settings.Options{
		Settings: []settings.Definition{ReplyWithin, Greeting, Contacts},
		Registry: "northwind", // who stands below whom is kept in the provider's own tenant
	})
	if err != nil {
		panic(err)
	}
	// Nora works at the provider, and holds a role at two customers.
	nora := itsm.Actor{Tenant: "northwind", ID: "nora", Roles: []itsm.RoleName{itsm.RoleITServiceManager},
		Elsewhere: map[itsm.Tenant]itsm.Membership{
			"acme":   {Roles: []itsm.RoleName{itsm.RoleProcessOwner}},
			"globex": {Roles: []itsm.RoleName{itsm.RoleProcessOwner}},
		}}
	for _, place := range []struct{ tenant, parent itsm.Tenant }{
		{"northwind", ""}, {"acme", "northwind"}, {"globex", "northwind"}, {"acme-logistics", "acme"},
	} {
		if _, err := p.Place(ctx, nora, place.tenant, settings.Move{Parent: place.parent}); err != nil {
			panic(err)
		}
	}
	_, err = p.Present(ctx, nora, settings.Presentation{Name: "Northwind IT"})
	// README:end
	if err != nil {
		panic(err)
	}
	return e, p, nora
}

// A provider sets a value, a customer overrides it, and each tenant is told where its value comes from.
func Example() {
	ctx := context.Background()
	e, p, nora := desk(ctx)

	// README:override
	_, err := ReplyWithin.Set(ctx, p, nora, 30, itsm.Command{Reason: "new contract"})
	if err != nil {
		fmt.Println(err)
	}
	alva := itsm.Actor{Tenant: "acme", ID: "alva", Roles: []itsm.RoleName{itsm.RoleProcessOwner}}
	_, err = ReplyWithin.Set(ctx, p, alva, 15, itsm.Command{Reason: "the plant runs at night"})
	if err != nil {
		fmt.Println(err)
	}
	// What is due takes the values to the tenants below. A host runs it all the time by e.Run.
	if _, err := e.Tick(ctx, e.Now()); err != nil {
		fmt.Println(err)
	}
	for _, tenant := range []itsm.Tenant{"northwind", "acme", "acme-logistics", "globex"} {
		reader := itsm.Actor{Tenant: tenant, ID: "rita", Roles: []itsm.RoleName{itsm.RoleAuditor}}
		v, err := ReplyWithin.Get(ctx, p, reader)
		if err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%s: %d. %s\n", tenant, v.Value, v)
	}
	// README:end
	// Output:
	// northwind: 30. This value comes from Northwind IT, set by nora on 2 March 2026 at 09:00 UTC.
	// acme: 15. This value comes from acme, set by alva on 2 March 2026 at 09:00 UTC.
	// acme-logistics: 15. This value comes from the organisation above (inherited), set on 2 March 2026 at 09:00 UTC.
	// globex: 30. This value comes from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC.
}

// A locked setting cannot be overridden below; what was set there has no effect until it is unlocked.
func ExamplePractice_Lock() {
	ctx := context.Background()
	e, p, nora := desk(ctx)
	_, _ = Greeting.Set(ctx, p, nora, "Northwind is here", itsm.Command{})

	// README:lock
	impact, err := p.Preview(ctx, nora, settings.Proposal{Setting: Greeting.Name(), Action: settings.ActionLock})
	if err != nil {
		fmt.Println(err)
	}
	for _, t := range impact.Below {
		fmt.Printf("%s would have %s\n", t.Tenant, t.After.Value)
	}
	fmt.Println(impact.Unknown, "more that nora may not know")
	if _, err := p.Lock(ctx, nora, Greeting.Name(), itsm.Command{Reason: "corporate design"}); err != nil {
		fmt.Println(err)
	}
	if _, err := e.Tick(ctx, e.Now()); err != nil {
		fmt.Println(err)
	}
	_, err = Greeting.Set(ctx, p, nora.In("acme"), "Welcome to Acme", itsm.Command{})
	fmt.Println(err)
	// README:end
	// Output:
	// acme would have "Northwind is here"
	// globex would have "Northwind is here"
	// 1 more that nora may not know
	// settings portal.greeting: cannot set while locked: it is locked by Northwind IT
}

// A merged map has each key from the nearest tenant that sets it.
func ExampleSetting_Merging() {
	ctx := context.Background()
	e, p, nora := desk(ctx)
	_, _ = Contacts.Set(ctx, p, nora, map[string]string{"mail": "desk@northwind.example", "chat": "#desk"}, itsm.Command{})
	_, _ = Contacts.Set(ctx, p, nora.In("acme"), map[string]string{"chat": "#acme-it"}, itsm.Command{})
	_, _ = e.Tick(ctx, e.Now())
	v, err := Contacts.Get(ctx, p, nora.In("acme"))
	if err != nil {
		fmt.Println(err)
		return
	}
	raw, _ := json.Marshal(v.Value)
	fmt.Println(string(raw))
	for _, part := range v.Parts {
		fmt.Println(part.Keys, "from", part.Origin)
	}
	// Output:
	// {"chat":"#acme-it","mail":"desk@northwind.example","phone":"112"}
	// [phone] from the default
	// [mail] from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC
	// [chat] from acme, set by nora on 2 March 2026 at 09:00 UTC
}

// Configuration as code: everything that is wrong is told at once, and a dry run does nothing.
func ExamplePractice_Import() {
	ctx := context.Background()
	_, p, nora := desk(ctx)

	// README:import
	document, err := settings.ParseDocument([]byte(`{"format": 1, "settings": {
		"incident.reply_within_minutes": {"value": -5},
		"portal.greeting": {"value": 7, "lock": true},
		"portal.colour": {"value": "red"}
	}}`))
	if err != nil {
		fmt.Println(err)
	}
	_, err = p.Import(ctx, nora, settings.Import{Document: document, DryRun: true})
	var invalid *itsm.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			fmt.Println(f.Field, f.Problem)
		}
	}
	// README:end
	document.Settings = map[string]settings.Entry{
		ReplyWithin.Name(): {Value: json.RawMessage("20")},
		Greeting.Name():    {Value: json.RawMessage(`"Hello"`), Lock: true},
	}
	done, err := p.Import(ctx, nora, settings.Import{Document: document})
	if err != nil {
		fmt.Println(err)
	}
	for _, d := range done {
		fmt.Printf("%s %s: %s -> %s\n", d.Action, d.Setting, d.Before.Value, d.After.Value)
	}
	// Output:
	// settings has "portal.colour", which is not defined
	// settings.incident.reply_within_minutes.value must be at least 1
	// settings.portal.greeting.value must be a string, not a number
	// set incident.reply_within_minutes: 60 -> 20
	// set portal.greeting: "Welcome" -> "Hello"
	// lock portal.greeting: "Hello" -> "Hello"
}

// A provider compares two of its customers.
func ExamplePractice_Diff() {
	ctx := context.Background()
	e, p, nora := desk(ctx)
	_, _ = ReplyWithin.Set(ctx, p, nora.In("globex"), 45, itsm.Command{})
	_, _ = e.Tick(ctx, e.Now())
	different, err := p.Diff(ctx, nora, "acme", "globex")
	if err != nil {
		fmt.Println(err)
	}
	for _, d := range different {
		fmt.Printf("%s: %s and %s\n", d.Setting, d.A.Value, d.B.Value)
	}
	// Output:
	// incident.reply_within_minutes: 60 and 45
}
