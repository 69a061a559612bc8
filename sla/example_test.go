package sla_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Repair is a host's own record. Its state is a category, so that it needs no lifecycle.
type (
	Repair     struct{ RepairHead }
	RepairHead struct {
		storage.Meta
		State  itsm.Category
		Reason string
	}
)

var Repairs = storage.Define("repair", storage.Def[Repair, RepairHead, struct{}]{
	Parts: func(r *Repair) (*RepairHead, *struct{}) { return &r.RepairHead, &struct{}{} },
	Columns: []storage.ColumnOf[RepairHead]{
		storage.Col("state", func(h *RepairHead) *itsm.Category { return &h.State }),
		storage.Col("reason", func(h *RepairHead) *string { return &h.Reason }),
	},
})

// shop is a workshop with repairs, whose clock the example moves.
type shop struct {
	now    time.Time
	e      *engine.Engine
	levels *sla.Practice
	mona   itsm.Actor
}

func open() (*shop, error) {
	s := &shop{now: time.Date(2026, 11, 27, 15, 0, 0, 0, time.UTC), mona: itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}}
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return s.now }})
	if err != nil {
		return nil, err
	}
	s.e = e
	s.levels, err = sla.New(e, sla.Options{
		Kinds: []sla.RecordKind{{Schema: Repairs.Schema(), HoldReason: "reason", Category: func(row storage.Row) itsm.Category {
			state, _ := row.Value(Repairs.Schema(), "state").(string)
			return itsm.Category(state)
		}}},
		Actions: map[string]sla.Action{"call_the_boss": func(_ context.Context, _ *engine.Unit, o sla.Occasion) error {
			fmt.Printf("%s of %s is reached: the boss is called\n", o.Threshold, o.Timer.Target)
			return nil
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := e.Use(engine.Module{Name: "shop", Tables: []*storage.Schema{Repairs.Schema()}}); err != nil {
		return nil, err
	}
	return s, e.Migrate(context.Background())
}

// agree makes the calendar and the policy hold.
func (s *shop) agree(ctx context.Context) error {
	office := calendar.Definition{Name: "office", Zone: "Europe/London", Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}
	c, err := s.levels.Calendars.Draft(ctx, s.mona, sla.CalendarDraft{Family: "office", Set: sla.Calendar{Definition: office}})
	if err != nil {
		return err
	}
	if _, err = s.levels.Calendars.Activate(ctx, s.mona, c.ID, itsm.Command{}); err != nil {
		return err
	}
	target := timer.Resolution("office", []string{"parts"}, timer.Within(8*time.Hour))
	target.Thresholds = []timer.Threshold{{Name: "three quarters", Share: timer.Percent(75), Actions: []string{"call_the_boss"}}}
	gold := timer.Policy{Name: "gold", Kind: "repair", Targets: []timer.Target{target}}
	p, err := s.levels.Policies.Draft(ctx, s.mona, sla.PolicyDraft{Family: "gold", Set: sla.Policy{Policy: gold}})
	if err != nil {
		return err
	}
	_, err = s.levels.Policies.Activate(ctx, s.mona, p.ID, itsm.Command{Reason: "Agreed with the customer"})
	return err
}

// put writes a repair; the timers follow in the same transaction.
func (s *shop) put(ctx context.Context, at string, r *Repair, state itsm.Category, reason string) {
	s.now, _ = time.Parse("2006-01-02 15:04", at)
	r.ID, r.State, r.Reason = "r1", state, reason
	if err := s.e.Update(ctx, s.mona, func(ctx context.Context, u *engine.Unit) error { return Repairs.Put(ctx, u, r) }); err != nil {
		fmt.Println(err)
	}
}

// A repair of eight hours, from Friday afternoon on, waits for parts over Tuesday.
func Example() {
	ctx := context.Background()
	s, err := open()
	if err == nil {
		err = s.agree(ctx)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	var r Repair
	due := func() {
		timers, _ := s.levels.Of(ctx, s.mona, itsm.Ref{Kind: "repair", ID: r.ID})
		fmt.Println(timers[0].Phase, timers[0].Due.Format("Mon 15:04"), timers[0].Reading.Remaining, "left")
	}
	s.put(ctx, "2026-11-27 15:00", &r, itsm.CategoryActive, "")
	due()
	s.put(ctx, "2026-11-30 13:00", &r, itsm.CategoryWaiting, "parts")
	s.put(ctx, "2026-12-02 09:00", &r, itsm.CategoryActive, "")
	due()
	s.now = s.now.Add(time.Hour)
	_, _ = s.e.Tick(ctx, s.now)

	timers, _ := s.levels.Of(ctx, s.mona, itsm.Ref{Kind: "repair", ID: r.ID})
	why, _ := s.levels.Explain(ctx, s.mona, timers[0].ID, -1, s.now)
	for _, x := range why.Segments {
		fmt.Println(x.From.Format("Mon 15:04"), "to", x.To.Format("Mon 15:04"), strings.TrimSpace(string(x.Reason)+" "+x.Name))
	}
	s.put(ctx, "2026-12-02 11:00", &r, itsm.CategoryResolved, "")
	timers, _ = s.levels.Of(ctx, s.mona, itsm.Ref{Kind: "repair", ID: r.ID})
	fmt.Println(timers[0].Outcome, "with", timers[0].Reading.Open, "of", timers[0].Reading.Goal)
	// Output:
	// running Mon 15:00 8h left
	// running Wed 11:00 2h left
	// three quarters of resolution is reached: the boss is called
	// Fri 15:00 to Fri 17:00 open
	// Fri 17:00 to Mon 09:00 closed
	// Mon 09:00 to Mon 13:00 open
	// Mon 13:00 to Wed 09:00 paused parts
	// Wed 09:00 to Wed 10:00 open
	// met with 8h of 8h
}

// A workshop has agreed on two repairs a month, brought in while it is open.
func ExamplePractice_EntitlementOf() {
	ctx := context.Background()
	s, err := open()
	if err == nil {
		err = s.agree(ctx)
	}
	var v sla.AgreementVersion
	if err == nil {
		v, err = s.levels.Agreements.Draft(ctx, s.mona, sla.AgreementDraft{Family: "fleet", Set: sla.Agreement{
			Name: "fleet", Type: timer.SLA, Provider: "workshop", Entitlement: &sla.Entitlement{
				Kind: "repair", Hours: "office",
				Block: &sla.Block{Unit: sla.UnitRecords, Amount: decimal.NewFromInt(2), Period: sla.PeriodMonth},
			}}})
	}
	if err == nil {
		_, err = s.levels.Agreements.Activate(ctx, s.mona, v.ID, itsm.Command{Reason: "Signed"})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	bring := func(at, id string) {
		s.now, _ = time.Parse("2006-01-02 15:04", at)
		r := Repair{RepairHead{State: itsm.CategoryNew}}
		r.ID = itsm.ID(id)
		_ = s.e.Update(ctx, s.mona, func(ctx context.Context, u *engine.Unit) error { return Repairs.Put(ctx, u, &r) })
		found, _ := s.levels.EntitlementOf(ctx, s.mona, itsm.Ref{Kind: "repair", ID: r.ID})
		fmt.Printf("%s %s: %s\n", id, found.Verdict, found.Reason)
	}
	bring("2026-11-27 15:00", "r1")
	bring("2026-11-27 17:00", "r2")
	bring("2026-11-30 09:00", "r3")

	said, _ := s.levels.Entitled(ctx, s.mona, sla.Question{Kind: "repair"})
	fmt.Println("another would be", said.Verdict)
	_, _ = s.levels.GiveBack(ctx, s.mona, itsm.Ref{Kind: "repair", ID: "r3"}, itsm.Command{Reason: "It was a fault of ours"})
	left, _ := s.levels.Balance(ctx, s.mona, "fleet", s.now)
	fmt.Println(left.Left, "of", left.Amount, "left for", left.Period)
	// Output:
	// r1 covered: fleet covers it, by the records for 2026-11
	// r2 outside_hours: fleet does not cover it: office is closed at 2026-11-27T17:00:00Z and opens at 2026-11-30T09:00:00Z
	// r3 covered: fleet covers it, by the records for 2026-11
	// another would be used_up
	// 1 of 2 left for 2026-11
}
