// Command sla is a desk with service levels: calendars, a policy by priority and one of the team
// beneath it, an agreement with contract hours and a block that was paid for, what thresholds do by
// themselves, and the report of a month. go run ./examples/sla
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var (
	ctx    = context.Background()
	london = must(time.LoadLocation("Europe/London"))
	boss   = itsm.Actor{Tenant: "desk", ID: "tara", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	rosa   = itsm.Actor{Tenant: "desk", ID: "rosa", Roles: []itsm.RoleName{itsm.RoleRequester}}
)

// README:desk

// keep drafts a version and has it hold from now on.
func keep[S versioned.Set[S]](k *versioned.Keeper[S], name string, set S) {
	v := must(k.Draft(ctx, boss, versioned.Draft[S]{Family: name, Set: set}))
	must(k.Activate(ctx, boss, v.ID, itsm.Command{Reason: "Agreed"}))
}

func main() {
	now := time.Date(2026, time.April, 2, 14, 0, 0, 0, london)
	tell := func(_ context.Context, e itsm.Event) error {
		switch x := e.Data.(type) {
		case sla.ThresholdReached:
			fmt.Println(e.At.In(london).Format("Mon 15:04"), x.Threshold, "of", x.Target, "is reached:", x.Actions)
		case sla.Breached:
			fmt.Println(e.At.In(london).Format("Mon 15:04"), x.Target, "of", x.Policy, "is breached")
		}
		return nil
	}
	desk := must(servicedesk.New(memory.New(), servicedesk.Config{
		Engine: engine.Options{Clock: func() time.Time { return now }},
		Modules: []engine.Module{{Name: "host", Subscribers: []engine.Subscriber{{
			Name: "told", Types: []string{"sla_timer.threshold_reached.v1", "sla_timer.breached.v1"}, Deliver: tell}}}},
	}))
	must(0, desk.Migrate(ctx))
	at := func(clock string) { // moves the time, and does what is due by then; a server calls desk.Run
		now = must(time.ParseInLocation("2006-01-02 15:04", "2026-04-"+clock, london))
		must(desk.Tick(ctx, now))
	}
	must(desk.Directory.AddGroup(ctx, boss, directory.NewGroup{ID: "network", Name: "Network"}))
	must(desk.Directory.AddOrganisation(ctx, boss, directory.NewOrganisation{ID: "initech", Name: "Initech"}))
	must(desk.Directory.AddPerson(ctx, boss, directory.NewPerson{ID: "rosa", Name: "Rosa", Organisation: "initech"}))
	levels := desk.ServiceLevels
	// README:calendars
	keep(levels.Calendars, "office", sla.Calendar{Definition: calendar.Definition{
		Name: "office", Zone: "Europe/London", Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}},
		Holidays: []calendar.Holiday{{Name: "Good Friday", Date: "2026-04-03"}, {Name: "Easter Monday", Date: "2026-04-06"}},
	}})
	keep(levels.Calendars, "always", sla.Calendar{Definition: calendar.Definition{
		Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}, // no days: all of them
	}})
	// README:policy
	response := timer.Response("always", []timer.Match{{Types: []string{"incident.acknowledged.v1"}}}, // by the clock on the wall
		timer.ForPriority(1, 30*time.Minute), timer.Within(4*time.Hour))
	resolution := timer.Resolution("office", []string{string(incident.HoldCaller)}, // pauses while it waits for the caller
		timer.ForPriority(1, 4*time.Hour), timer.ForPriority(2, 8*time.Hour), timer.Within(24*time.Hour)) // the last is for all others
	resolution.Thresholds = []timer.Threshold{
		{Name: "half", Share: timer.Percent(50)}, // is told of, and does nothing
		{Name: "most", Share: timer.Percent(75), Actions: []string{"reassign:network"}},
	}
	keep(levels.Policies, "gold", sla.Policy{CustomerBy: "requester.organisation", Policy: timer.Policy{
		Name: "gold", Kind: incident.Kind, Targets: []timer.Target{response, resolution}}})
	keep(levels.Policies, "network", sla.Policy{Policy: timer.Policy{ // what the team promises the desk
		Name: "network", Kind: incident.Kind, Type: timer.OLA,
		When:    storage.Condition{Op: storage.Equal, Column: "group", Values: []any{"network"}},
		Targets: []timer.Target{timer.Resolution("always", nil, timer.Within(2*time.Hour))}}})
	// README:agreement
	keep(levels.Agreements, "network", sla.Agreement{Name: "network", Type: timer.OLA, Provider: "network", Policy: "network"})
	keep(levels.Agreements, "initech", sla.Agreement{
		Name: "initech", Type: timer.SLA, Provider: "desk", Customer: "initech", Policy: "gold",
		Attainment: map[string]decimal.Decimal{"response": decimal.NewFromInt(90), "resolution": decimal.NewFromInt(80)},
		Fee:        must(itsm.ParseMoney("1000", "GBP")),
		Credits:    []sla.Credit{{Below: decimal.NewFromInt(80), Percent: decimal.NewFromInt(5)}},
		RestsOn:    map[string]sla.Rest{"resolution": {Agreement: "network", Target: "resolution"}},
		Entitlement: &sla.Entitlement{Kind: incident.Kind, CustomerBy: "requester.organisation", Hours: "office",
			Block: &sla.Block{Unit: sla.UnitMinutes, Amount: decimal.NewFromInt(300), Period: sla.PeriodMonth}},
	})
	chain := must(levels.CheckChain(ctx, boss, "initech", "resolution", "", now, now.AddDate(0, 1, 0))) // "" is the last goal
	fmt.Println("the chain is kept:", chain.Kept, "with at least", chain.Slack, "to spare")
	// README:day
	inc := must(desk.Incidents.Log(ctx, rosa, incident.Report{
		Title: "No calls come in", Requester: rosa.ID, Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyMedium})) // priority 2
	must(desk.Incidents.Acknowledge(ctx, boss, inc.ID, incident.Moment{}))
	at("02 16:00")
	must(desk.Incidents.Hold(ctx, boss, inc.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which extension?"}))
	at("07 10:00")
	must(desk.Incidents.Reply(ctx, rosa, inc.ID, incident.Reply{Text: "Extension 4"})) // resumes what waited for it
	due, first, _, err := levels.FirstBreach(ctx, boss, inc.Ref())
	must(0, err)
	fmt.Println("first to be breached:", first.Target, "after", due.In(london).Format("Mon 15:04"))
	at("07 12:00")
	at("07 14:00")
	must(desk.Incidents.LogWork(ctx, boss, inc.ID, incident.Work{Worked: 45 * time.Minute}))
	at("07 15:30")
	must(desk.Incidents.Resolve(ctx, boss, inc.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "The line card was replaced."}))
	for _, s := range must(levels.Of(ctx, boss, inc.Ref())) {
		fmt.Print("\n", must(levels.Explain(ctx, boss, s.ID, -1, now)))
	}
	// README:month
	at("08 22:00") // at night: outside the contract's hours, which is told and refuses nothing
	late := must(desk.Incidents.Log(ctx, rosa, incident.Report{
		Title: "All is down", Requester: rosa.ID, Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh}))
	found := must(levels.EntitlementOf(ctx, boss, late.Ref()))
	fmt.Printf("\n%s, says the agreement %s\n", found.Verdict, found.Agreement)
	for _, clock := range []string{"08 22:31", "09 11:00", "09 12:00", "09 13:01", "09 14:00"} {
		at(clock)
	}
	must(desk.Incidents.Resolve(ctx, boss, late.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Power is back."}))
	at("30 18:00")
	left := must(levels.Balance(ctx, boss, "initech", now))
	fmt.Printf("%s of %s minutes are left of %s\n\n", left.Left, left.Amount, left.Period)
	fmt.Print(must(levels.Report(ctx, boss, "initech", "2026-04", sla.Measured{})).Text())
	// README:end
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
