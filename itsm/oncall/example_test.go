package oncall_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func ExampleRota_Compile() {
	table, err := oncall.Rota{Zone: "Europe/London", Layers: []oncall.Layer{
		{Participants: []itsm.ID{"ana", "ben"}, Rotation: oncall.Rotation{Every: oncall.Weekly, Weekday: oncall.Sunday, HandOver: "01:30", Start: "2026-03-22"}},
		{Participants: []itsm.ID{"dan"}, Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-03-22"},
			Windows: []oncall.Window{{Days: []oncall.Weekday{oncall.Tuesday}, From: "22:00", To: "06:00"}}},
	}}.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	saturday := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	fmt.Print(table.Week(saturday))
	next, _ := table.NextHandOver(saturday)
	fmt.Println(table.OnCall(saturday), "until", next) // 01:30 does not exist on that Sunday
	// Output:
	// Europe/London
	// Sat 2026-03-28  00:00 ana
	// Sun 2026-03-29  00:00 ana  02:00 ben  (23h)
	// Mon 2026-03-30  00:00 ben
	// Tue 2026-03-31  00:00 ben  22:00 dan
	// Wed 2026-04-01  00:00 dan  06:00 ben
	// Thu 2026-04-02  00:00 ben
	// Fri 2026-04-03  00:00 ben
	// [ana] until 2026-03-29 01:00:00 +0000 UTC
}

func ExampleTimetable_Shifts() {
	rota := oncall.Rota{Zone: "America/New_York", Layers: []oncall.Layer{
		{Participants: []itsm.ID{"ana", "ben"}, Rotation: oncall.Rotation{Every: oncall.Daily, HandOver: "09:00", Start: "2026-10-31"}},
	}}
	from := time.Date(2026, 10, 31, 13, 0, 0, 0, time.UTC)
	table, _ := rota.Compile(oncall.Override{
		From: from.Add(2 * time.Hour), To: from.Add(3 * time.Hour), Kind: oncall.OverrideReplace, Person: "cleo", Replaces: "ana",
	})
	for s := range table.Shifts(from, from.Add(48*time.Hour)) {
		fmt.Println(s.From.Format(time.DateTime), s.To.Sub(s.From), s.People)
	}
	// Output:
	// 2026-10-31 13:00:00 2h0m0s [ana]
	// 2026-10-31 15:00:00 1h0m0s [cleo]
	// 2026-10-31 16:00:00 22h0m0s [ana]
	// 2026-11-01 14:00:00 23h0m0s [ben]
}

func ExampleLadder_Forecast() {
	nights := oncall.Rota{Zone: "UTC"} // nobody is on call yet
	table, _ := nights.Compile()
	ladder := oncall.Ladder{Repeat: 1, Steps: []oncall.Step{
		{Minutes: 5, Targets: []oncall.Target{{Kind: oncall.TargetSchedule, ID: "nights"}}},
		{Minutes: 10, Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "ana"}}},
		{Minutes: 15, Targets: []oncall.Target{{Kind: oncall.TargetGroup, ID: "network"}}},
	}}
	turns, _ := ladder.Forecast(time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC), oncall.Timetables{"nights": table}.Reach)
	for _, t := range turns {
		fmt.Println(t.At.Format("15:04"), t.Round, t.Step, t.People, t.Groups, "skipped", t.Skipped)
	}
	// Output:
	// 22:00 1 2 [ana] [] skipped [{1 1}]
	// 22:10 1 3 [] [network] skipped []
	// 22:25 2 2 [ana] [] skipped [{2 1}]
	// 22:35 2 3 [] [network] skipped []
}

func Example() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }

	// The standard roles leave on-call to the IT service manager; a host grants more.
	everyone := itsm.Role{Name: "on_call", Grants: []itsm.Grant{{Permission: oncall.PermissionRead}, {Permission: oncall.PermissionPage}}}
	book, _ := itsm.NewRoleBook(append(itsm.StandardRoles(), everyone)...)
	e, _ := engine.New(memory.New(), engine.Options{Clock: clock, Authorizer: book, IDs: itsm.SequentialIDs("")})
	calls, _ := oncall.New(e, oncall.Options{})
	_ = e.Use(engine.Module{Name: "sender", Subscribers: []engine.Subscriber{{
		Name: "sms", Types: []string{oncall.Paged{}.EventType()},
		Deliver: func(_ context.Context, e itsm.Event) error {
			p := e.Data.(oncall.Paged)
			fmt.Println(e.At.Format("15:04"), "to", p.People, "about", p.Subject.ID+":", p.Summary)
			return nil
		},
	}}})
	_ = e.Migrate(ctx)

	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	ana := itsm.Actor{Tenant: "acme", ID: "ana"}
	ben := itsm.Actor{Tenant: "acme", ID: "ben"}
	nights, err := calls.DefineSchedule(ctx, mona, oncall.ScheduleDefinition{Name: "Nights", Rota: oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{
		{Participants: []itsm.ID{"ana", "ben"}, Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-03-02"}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := calls.DefinePolicy(ctx, mona, oncall.PolicyDefinition{Name: "Mail", Ladder: oncall.Ladder{Steps: []oncall.Step{
		{Minutes: 5, Targets: []oncall.Target{{Kind: oncall.TargetSchedule, ID: nights.ID}}},
		{Minutes: 5, Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "ben"}}},
		{Minutes: 5, Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "mona"}}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}

	alert := itsm.Ref{Kind: "alert", ID: "A-17"} // the host's own, which the engine does not keep
	page, err := calls.Start(ctx, mona, oncall.Page{Subject: alert, Policy: policy.ID, Summary: "Mail is down"})
	if err != nil {
		fmt.Println(err)
		return
	}
	tick := func(minutes int) {
		now = now.Add(time.Duration(minutes) * time.Minute)
		_, _ = e.Tick(ctx, now)
	}
	tick(0)
	tick(5)
	tick(1)
	_, err = calls.Acknowledge(ctx, ana, page.ID, itsm.Command{})
	fmt.Println("ana:", err)
	_, err = calls.Acknowledge(ctx, ben, page.ID, itsm.Command{})
	fmt.Println("ben:", err)
	tick(60)
	page, _ = calls.Escalation(ctx, ana, page.ID)
	fmt.Println(page.State, "by", page.AcknowledgedBy, "at", page.AcknowledgedAt.Format("15:04"))
	// Output:
	// 22:00 to [ana] about A-17: Mail is down
	// 22:05 to [ben] about A-17: Mail is down
	// ana: <nil>
	// ben: oncall_escalation 000000005: cannot acknowledge while acknowledged: ana took it; permitted: escalate, cancel
	// acknowledged by ana at 22:06
}
