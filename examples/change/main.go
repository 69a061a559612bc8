// Command change makes two changes at a desk, each printed as a timeline: an emergency change after a major incident, and a
// normal change of high risk through the change advisory board, with a freeze in its way. go run ./examples/change
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var (
	ctx  = context.Background()
	now  = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	tara = person("tara", itsm.RoleITServiceManager)
	mona = person("mona", itsm.RoleChangeManager)
	ian  = person("ian", itsm.RoleChangeImplementer)
	ella = person("ella", itsm.RoleChangeAuthority)
	kim  = person("kim", itsm.RoleSupportSpecialist)
	lee  = person("lee", itsm.RoleSupportSpecialist)
)

func person(id itsm.ID, role itsm.RoleName) itsm.Actor {
	return itsm.Actor{Tenant: "shop", ID: id, Roles: []itsm.RoleName{role}}
}

func main() {
	desk := open()
	emergency(desk)
	normal(desk)
}

// open gives a desk with an authority for emergencies, a board, and orders that rest on a database.
func open() *servicedesk.Desk {
	desk := must(servicedesk.New(memory.New(), servicedesk.Config{
		Engine: engine.Options{Clock: func() time.Time { return now }},
		Holders: func(_ context.Context, _ storage.Reader, role itsm.RoleName) ([]itsm.ID, error) {
			if role == itsm.RoleChangeAuthority {
				return []itsm.ID{ella.ID}, nil
			}
			return nil, nil
		},
	}))
	must(0, desk.Migrate(ctx))
	for _, a := range []itsm.Actor{tara, mona, ian, ella, kim, lee} {
		must(desk.Directory.AddPerson(ctx, tara, directory.NewPerson{ID: a.ID, Name: string(a.ID)}))
	}
	must(desk.Directory.AddGroup(ctx, tara, directory.NewGroup{ID: change.GroupCAB, Name: "Change advisory board"}))
	must(desk.Directory.ChangeMembers(ctx, tara, change.GroupCAB, directory.MemberChange{Add: []itsm.ID{ella.ID, kim.ID, lee.ID}}))
	for _, ci := range []cmdb.Addition{
		{ID: "db", Class: "database", Name: "Orders database"}, {ID: "orders", Class: "service", Name: "Taking orders"},
	} {
		ci.State, ci.Criticality = cmdb.StateLive, 5
		must(desk.Configuration.Add(ctx, tara, ci))
	}
	must(desk.Configuration.Relate(ctx, tara, cmdb.NewRelation{Source: "orders", Type: "depends_on", Target: "db"}))
	return desk
}

// emergency restores a major incident by a change that one person authorises.
func emergency(desk *servicedesk.Desk) {
	i := must(desk.Incidents.Log(ctx, tara, incident.Report{Title: "No orders come in", Requester: "rosa", Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh}))
	must(desk.Incidents.DeclareMajor(ctx, tara, i.ID, incident.Declaration{Command: itsm.Command{Reason: "All customers"}}))
	later(5 * time.Minute)
	c := must(desk.Changes.Draft(ctx, tara, change.Draft{
		Model: change.ModelEmergency, Title: "Fail over to the replica", For: []itsm.Ref{i.Ref()}, CIs: []itsm.ID{"db"}, Assignee: ian.ID,
		Plans: change.Plans{Rollout: "Promote the replica", Backout: "Start the old primary"},
	}))
	ref := c.Ref()
	must(desk.Incidents.Hold(ctx, tara, i.ID, incident.Hold{HoldReason: incident.HoldChange, Link: &ref}))
	must(desk.Changes.Submit(ctx, tara, c.ID, itsm.Command{}))
	later(2 * time.Minute)
	vote(desk, ella, c.ID)
	later(time.Minute)
	must(desk.Changes.Start(ctx, ian, c.ID, itsm.Command{}))
	later(12 * time.Minute)
	must(desk.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	must(desk.Incidents.RestoreMajor(ctx, tara, i.ID, incident.Moment{}))
	later(24 * time.Hour)
	_, err := desk.Changes.Close(ctx, mona, c.ID, change.Closing{}) // an emergency is reviewed always
	fmt.Println("closed without a review:", errors.Is(err, itsm.ErrInvalid))
	must(desk.Changes.Close(ctx, mona, c.ID, change.Closing{Review: "The replica was promoted by hand; it will be by itself."}))
	tell(desk, c.ID)
	waited := must(desk.Incidents.Get(ctx, tara, i.ID))
	fmt.Printf("%s waited for it and is %s\n\n", waited.Number, waited.State)
}

// normal goes through the board, and not into the freeze.
func normal(desk *servicedesk.Desk) {
	night := now.Truncate(24 * time.Hour).Add(46 * time.Hour) // tomorrow at ten in the evening
	must(desk.ChangeSchedule.DefineWindow(ctx, mona, schedule.WindowDefinition{Window: calendar.Window{
		Name: "End of the month", Kind: calendar.WindowFreeze, Scope: calendar.Scope{All: true}, Once: &calendar.Span{Begin: night, End: night.Add(4 * time.Hour)}}}))
	c := must(desk.Changes.Draft(ctx, mona, change.Draft{
		Title: "New database version", CIs: []itsm.ID{"db"}, Assignee: ian.ID, Requester: tara.ID,
		Plans:       change.Plans{Rollout: "Upgrade in place", Test: "Place an order", Backout: "Restore the dump"},
		Planned:     change.Window{Start: night.Add(time.Hour), End: night.Add(3 * time.Hour)},
		Within:      change.Window{Start: night, End: night.Add(24 * time.Hour)}, // where it may be moved without new votes
		RiskAnswers: map[string]string{risk.FactorBackout: risk.BackoutImpossible, risk.FactorTested: risk.TestedNot, risk.FactorExperience: risk.ExperienceNone},
	}))
	must(desk.Tick(ctx, now)) // what it impacts is computed
	must(desk.Changes.Submit(ctx, mona, c.ID, itsm.Command{}))
	for _, x := range must(desk.ChangeSchedule.Conflicts(ctx, mona, c.ID)) {
		fmt.Println("conflict:", x.Kind, x.Why)
	}
	must(desk.Changes.Assess(ctx, mona, c.ID, change.Finding{Text: "The vendor's notes were read"}))
	later(time.Hour)
	for _, item := range must(desk.Changes.Agenda(ctx, mona, change.AgendaQuery{})).Items {
		fmt.Println("agenda:", item.Number, item.Title, "waits for", item.Missing)
	}
	for _, member := range []itsm.Actor{ella, kim, lee} {
		vote(desk, member, c.ID)
	}
	must(desk.Changes.Minute(ctx, mona, c.ID, change.Minutes{Text: "Approved, when the freeze is over"}))
	now = night.Add(time.Hour)
	_, err := desk.Changes.Start(ctx, ian, c.ID, itsm.Command{})
	fmt.Println("started in the freeze:", err == nil)
	must(desk.Changes.Reschedule(ctx, mona, c.ID, change.Rescheduling{Planned: change.Window{Start: night.Add(5 * time.Hour), End: night.Add(7 * time.Hour)}}))
	now = night.Add(5 * time.Hour)
	must(desk.Changes.Start(ctx, ian, c.ID, itsm.Command{}))
	later(90 * time.Minute)
	must(desk.Changes.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	must(desk.Changes.Close(ctx, mona, c.ID, change.Closing{}))
	tell(desk, c.ID)
}

// vote approves what waits for somebody's vote about a change.
func vote(desk *servicedesk.Desk, by itsm.Actor, id itsm.ID) {
	for _, w := range must(desk.Approvals.Waiting(ctx, by, ballot.ApproverQuery{})).Items {
		if w.ParentID == id {
			must(desk.Approvals.Vote(ctx, by, w.Approval, ballot.Vote{Choice: approval.ChoiceApprove}))
		}
	}
}

// tell prints a change and its approvals as one timeline.
func tell(desk *servicedesk.Desk, id itsm.ID) {
	c := must(desk.Changes.Get(ctx, mona, id))
	fmt.Printf("%s %s: %s, risk %s\n", c.Number, c.Title, c.State, c.Risk)
	events := must(desk.Changes.History(ctx, mona, id))
	for _, a := range must(desk.Approvals.Of(ctx, mona, c.Ref(), ballot.Query{})).Items {
		events = append(events, must(desk.Approvals.History(ctx, mona, a.ID))...)
	}
	slices.SortStableFunc(events, func(a, b itsm.Event) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(string(a.ID), string(b.ID)))
	})
	for _, e := range events {
		fmt.Printf("  %s  %-6s %s\n", e.At.Format("Mon 15:04"), e.Actor, strings.TrimSuffix(e.Type, ".v1"))
	}
}

func later(d time.Duration) { now = now.Add(d) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
