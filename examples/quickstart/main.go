// Command quickstart takes one incident from the call to its end, in SQLite, and prints its
// story: go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/sqlite"
)

func main() {
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

	store := must(sqlite.Open(ctx, sqlite.Memory, sqlite.Options{})) // or a file: "desk.db"
	defer store.Close()
	desk := must(engine.New(store, engine.Options{ // a server leaves both out
		Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("id-"),
	}))
	incidents := must(incident.New(desk, incident.Options{AutoClose: 3 * 24 * time.Hour}))
	must(0, desk.Migrate(ctx))

	ada := itsm.Actor{Tenant: "acme", ID: "ada", Name: "Ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	rosa := itsm.Actor{Tenant: "acme", ID: "rosa", Name: "Rosa", Roles: []itsm.RoleName{itsm.RoleRequester}}

	inc := must(incidents.Log(ctx, ada, incident.Report{Title: "Nobody in sales can print", Requester: rosa.ID, Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyHigh}))
	must(incidents.Accept(ctx, ada, inc.ID, itsm.Command{}))
	must(incidents.Hold(ctx, ada, inc.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which printer is it?"}))
	now = now.Add(20 * time.Minute)
	must(incidents.Reply(ctx, rosa, inc.ID, incident.Reply{Text: "The one on floor 3."})) // resumes what waited for it
	must(incidents.Resolve(ctx, ada, inc.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Restarted the print server."}))

	_, err := incidents.Start(ctx, ada, inc.ID, itsm.Command{})
	fmt.Println(err) // what is not permitted says what is

	now = now.AddDate(0, 0, 3)
	must(desk.Tick(ctx, now)) // a server calls desk.Run

	inc = must(incidents.Get(ctx, ada, inc.ID))
	fmt.Printf("%s, priority %s, is %s\n", inc.Number, inc.Priority, inc.State)
	for _, e := range must(incidents.Timeline(ctx, ada, inc.ID)) {
		fmt.Printf("  %s  %-10s %s\n", e.At.Format("Mon 15:04"), e.Event.Action, e.Event.ActorName)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
