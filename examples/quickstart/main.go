// Command quickstart takes one incident from the call to its end, in SQLite, and prints its
// story.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/sqlite"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	store, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Options{}) // or a file: "desk.db"
	if err != nil {
		return err
	}
	defer store.Close()

	// Time and ids come from outside, so that every run is the same. Leave both out in a server.
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	desk, err := engine.New(store, engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("id-")})
	if err != nil {
		return err
	}
	incidents, err := incident.New(desk, incident.Options{AutoClose: 3 * 24 * time.Hour})
	if err != nil {
		return err
	}
	if err := desk.Migrate(ctx); err != nil {
		return err
	}

	// An actor is who acts, in which tenant, with which roles of ITIL.
	ada := itsm.Actor{Tenant: "acme", ID: "ada", Name: "Ada (service desk)", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	rosa := itsm.Actor{Tenant: "acme", ID: "rosa", Name: "Rosa (sales)", Roles: []itsm.RoleName{itsm.RoleRequester}}

	inc, err := incidents.Log(ctx, ada, incident.Report{
		Title: "Nobody in sales can print", Requester: rosa.ID, Channel: incident.ChannelPhone,
		Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyHigh,
	})
	if err != nil {
		return err
	}
	id := inc.ID

	// Each step is one transaction: the record, its history and what is due, or nothing.
	for _, step := range []func() (incident.Incident, error){
		func() (incident.Incident, error) { return incidents.Accept(ctx, ada, id, itsm.Command{}) },
		func() (incident.Incident, error) { return incidents.Start(ctx, ada, id, itsm.Command{}) },
		func() (incident.Incident, error) {
			return incidents.Hold(ctx, ada, id, incident.Hold{Reason: incident.HoldCaller, Note: "Which printer is it?"})
		},
		func() (incident.Incident, error) { // which resumes what waited for it
			return incidents.Reply(ctx, rosa, id, incident.Reply{Text: "The one on floor 3."})
		},
		func() (incident.Incident, error) {
			return incidents.Resolve(ctx, ada, id, incident.Resolution{Code: incident.CodeFixed, Notes: "Restarted the print server."})
		},
	} {
		now = now.Add(10 * time.Minute)
		if _, err := step(); err != nil {
			return err
		}
	}

	// What the lifecycle does not permit is refused, and says what is permitted instead.
	_, err = incidents.Start(ctx, ada, id, itsm.Command{})
	fmt.Fprintln(out, err)

	// Three days later it closes itself. A server calls desk.Run, which ticks.
	now = now.AddDate(0, 0, 3)
	if _, err := desk.Tick(ctx, now); err != nil {
		return err
	}

	inc, err = incidents.Get(ctx, ada, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s %q, priority %s, is %s\n", inc.Number, inc.Title, inc.Priority, inc.State)
	timeline, err := incidents.Timeline(ctx, ada, id)
	if err != nil {
		return err
	}
	for _, e := range timeline {
		fmt.Fprintf(out, "  %s  %-12s %-12s %s\n", e.At.Format("Mon 15:04"), e.Event.Action, e.Event.To, e.Event.ActorName)
		if e.Note != nil {
			fmt.Fprintf(out, "             “%s”\n", e.Note.Text)
		}
	}
	return nil
}
