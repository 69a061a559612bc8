package change_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A change of medium risk is drafted, assessed, authorised by the change authority, made and closed.
func Example() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	ballots, err := ballot.New(e, ballot.Options{Resolve: func(context.Context, storage.Reader, approval.Source) ([]itsm.ID, error) {
		return []itsm.ID{"aude"}, nil // who is behind roles and groups
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := change.New(e, ballots, change.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := e.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	aude := itsm.Actor{Tenant: "acme", ID: "aude", Roles: []itsm.RoleName{itsm.RoleChangeAuthority}}

	c, err := changes.Draft(ctx, mona, change.Draft{
		Title: "Replace the relay", Assignee: "ian", CIs: []itsm.ID{"relay"},
		Plans:       change.Plans{Rollout: "Swap it", Test: "Send a mail", Backout: "Swap it back"},
		Planned:     change.Window{Start: now.Add(time.Hour), End: now.Add(3 * time.Hour)},
		RiskAnswers: map[string]string{risk.FactorBackout: risk.BackoutManual, risk.FactorTested: risk.TestedNot, risk.FactorExperience: risk.ExperienceOften},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func(c change.Change, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.Number, c.State, c.Risk)
	}
	show(changes.Submit(ctx, mona, c.ID, itsm.Command{}))
	show(changes.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	waiting, err := ballots.Waiting(ctx, aude, ballot.ApproverQuery{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := ballots.Vote(ctx, aude, waiting.Items[0].Approval, ballot.Vote{Choice: approval.ChoiceApprove}); err != nil {
		fmt.Println(err)
		return
	}
	show(changes.Get(ctx, mona, c.ID))
	now = now.Add(time.Hour)
	show(changes.Start(ctx, mona, c.ID, itsm.Command{}))
	show(changes.Complete(ctx, mona, c.ID, change.Completion{Outcome: change.OutcomeSuccessful}))
	show(changes.Close(ctx, mona, c.ID, change.Closing{}))
	// Output:
	// CHG0000001 assessing medium
	// CHG0000001 authorising medium
	// CHG0000001 scheduled medium
	// CHG0000001 implementing medium
	// CHG0000001 review medium
	// CHG0000001 closed medium
}

// A model is data; a host adds its own.
func ExampleModel() {
	laboratory := change.Model{
		Name: "laboratory", Title: "Change in the laboratory", Type: change.TypeNormal, Window: change.WindowOptional,
		Plans: []change.Plan{change.PlanBackout},
		Gates: approval.Policy{Name: "laboratory", Rules: []approval.Rule{{Name: "nobody is disturbed", Automatic: true}}},
	}
	e, err := engine.New(memory.New(), engine.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ballots, err := ballot.New(e, ballot.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := change.New(e, ballots, change.Options{Models: append(change.StandardModels(), laboratory)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range changes.Models() {
		fmt.Println(m.Name, m.Type, m.Rework)
	}
	// Output:
	// standard standard draft
	// normal normal gates
	// emergency emergency gates
	// retrospective retrospective gates
	// laboratory normal gates
}

// A host extends the lifecycle of a model: here a change is rehearsed before it is made.
func ExampleStandardLifecycle() {
	l, err := change.StandardLifecycle(change.TypeNormal).Extend(
		[]change.StateOf{{Name: "rehearsing", Category: itsm.CategoryActive}},
		change.Rule{From: []change.State{change.StateScheduled}, On: "rehearse", To: "rehearsing"},
		change.Rule{From: []change.State{"rehearsing"}, On: change.ActionStart, To: change.StateImplementing},
		change.Rule{From: []change.State{"rehearsing"}, On: change.ActionRedraft, To: change.StateDraft},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	to, _ := l.Leads(change.StateScheduled, "rehearse", "")
	fmt.Println(to)
	// Output: rehearsing
}
