// Command msp is a managed service provider with three customers on one desk: shared configuration
// that each inherits or overrides, a major incident across two of them, and each sees only its own.
// go run ./examples/msp
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlite"
)

const provider = storage.Tenant("northwind")

var customers = []storage.Tenant{"acme", "globex", "initech"}

// replyWithin is configuration that the provider sets for all, and each customer may have its own.
var replyWithin = settings.Define("reply_within_minutes", 240, func(minutes int) error {
	if minutes < 5 {
		return storage.Invalid("setting", "value", "must be at least 5")
	}
	return nil
})

// in is a person of a tenant.
func in(t storage.Tenant, id itsm.ID, role itsm.RoleName) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: id, Name: string(id), Roles: []itsm.RoleName{role}}
}

func main() {
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	store := must(sqlite.Open(ctx, sqlite.Memory, sqlite.Options{}))
	defer store.Close()
	desk := must(servicedesk.New(store, servicedesk.Config{
		Engine:   engine.Options{Clock: func() time.Time { return now }},
		Settings: settings.Options{Settings: []settings.Definition{replyWithin}, Registry: provider},
		Incident: incident.Options{Customer: func(_ context.Context, from, to storage.Tenant) (incident.Customer, bool, error) {
			return incident.Customer{Requester: "contact"}, from == provider && to != provider, nil
		}},
	}))
	must(0, desk.Migrate(ctx))
	boss := in(provider, "tara", itsm.RoleITServiceManager)
	tick := func() {
		now = now.Add(time.Minute)
		must(desk.Tick(ctx, now))
	}

	// The hierarchy, and what holds where.
	must(desk.Settings.Place(ctx, boss, provider, settings.Move{}))
	for _, c := range customers {
		must(desk.Settings.Place(ctx, boss, c, settings.Move{Parent: provider}))
	}
	must(desk.Settings.Present(ctx, boss, settings.Presentation{Name: "Northwind IT"}))
	must(replyWithin.Set(ctx, desk.Settings, boss, 60, itsm.Command{Reason: "The standard contract"}))
	must(replyWithin.Set(ctx, desk.Settings, in("globex", "gus", itsm.RoleITServiceManager), 15, itsm.Command{Reason: "Trading floor"}))
	tick()
	for _, c := range customers {
		v := must(replyWithin.Get(ctx, desk.Settings, in(c, "it", itsm.RoleITServiceManager)))
		fmt.Printf("%-8s replies within %3d minutes. %s\n", c, v.Value, v.Provenance)
	}

	// A major incident of the provider's, which two customers suffer from.
	mia := in(provider, "mia", itsm.RoleMajorIncidentManager)
	outage := must(desk.Incidents.Log(ctx, mia, incident.Report{
		Title: "Firewall fw-7 lost its configuration", Requester: mia.ID, Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh,
	}))
	must(desk.Incidents.DeclareMajor(ctx, mia, outage.ID, incident.Declaration{Command: itsm.Command{Reason: "Two customers are cut off"}}))
	must(desk.Incidents.FanOut(ctx, boss, outage.ID, incident.FanOut{
		Tenants: []storage.Tenant{"acme", "globex"}, Title: "No connection to the data centre", Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh,
	}))
	must(desk.Incidents.Note(ctx, mia, outage.ID, incident.Note{Text: "Ned forgot to save it", Visibility: itsm.VisibilityInternal}))
	must(desk.Incidents.Note(ctx, mia, outage.ID, incident.Note{Text: "We expect the connection back at ten.", Visibility: itsm.VisibilityPublic}))
	tick()
	must(desk.Incidents.Resolve(ctx, mia, outage.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "The connection is back."}))
	tick()
	tick()

	for _, c := range append(customers, provider) {
		who := in(c, "contact", itsm.RoleRequester)
		if c == provider {
			who = mia
		}
		queue := must(desk.Incidents.List(ctx, who, incident.Query{}))
		fmt.Printf("%s sees %d\n", c, len(queue.Items))
		for _, h := range queue.Items {
			fmt.Printf("  %s %s: %s\n", h.Number, h.Title, h.State)
			for _, n := range must(desk.Incidents.Notes(ctx, who, h.ID, "", 10)).Items {
				fmt.Printf("    %q\n", n.Text)
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
