package problem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A problem from its registration to the end of its observation, with the known error that tells others.
func Example() {
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("id-")})
	if err != nil {
		fmt.Println(err)
		return
	}
	problems, err := problem.New(e, problem.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleProblemManager}}

	p, _ := problems.Register(ctx, mona, problem.Registration{
		Title: "Mail is late on Mondays", Symptom: "Mail arrives hours late", Source: problem.SourceIncident,
		From: []itsm.Ref{{Kind: "incident", ID: "i1"}},
	})
	p, _ = problems.Accept(ctx, mona, p.ID, problem.Acceptance{Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyHigh})
	_, err = problems.PlanFix(ctx, mona, p.ID, problem.PlannedFix{Action: "More connections"})
	fmt.Println(err)

	p, _ = problems.Analyse(ctx, mona, p.ID, itsm.Command{})
	p, _ = problems.RecordWorkaround(ctx, mona, p.ID, problem.RecordedWorkaround{Text: "Send it again"})
	p, _ = problems.IdentifyCause(ctx, mona, p.ID, problem.IdentifiedCause{
		Causes: []problem.Cause{{Text: "The relay runs out of connections", CI: "relay-1"}},
	})
	known, _ := problems.PublishKnownError(ctx, mona, p.KnownError, itsm.Command{})
	fmt.Println(p.Number, p.State, p.Priority, known.Number, known.State, known.Workaround)

	p, _ = problems.PlanFix(ctx, mona, p.ID, problem.PlannedFix{Action: "More connections"})
	p, _ = problems.FixVerified(ctx, mona, p.ID, problem.Verification{})
	fmt.Println(p.State, p.Code)

	now = now.Add(problem.DefaultObservation)
	_, _ = e.Tick(ctx, now)
	p, _ = problems.Get(ctx, mona, p.ID)
	known, _ = problems.GetKnownError(ctx, mona, p.KnownError)
	fmt.Println(p.State, known.State)

	// Output:
	// problem id-000000001: cannot plan_fix while assessed; permitted: analyse, record_workaround, mark_duplicate, hold, cancel, record_analysis, classify, assign, edit, note, restrict, link, unlink
	// PRB0000001 known_error 2 - High KE0000001 published Send it again
	// resolved fixed
	// closed retired
}

// A cause tree is data, and drawn.
func ExampleMermaidTree() {
	fmt.Print(problem.MermaidTree([]problem.TreeNode{
		{ID: "late", Text: "Mail is late"},
		{ID: "queue", Parent: "late", Text: "The queue is full", Verdict: problem.VerdictConfirmed},
		{ID: "dns", Parent: "late", Text: "Names are not found", Verdict: problem.VerdictExcluded},
	}))
	// Output:
	// flowchart BT
	//     n0["Mail is late"]
	//     n1["The queue is full"]
	//     n2["Names are not found"]
	//     n1 ==> n0
	//     n2 -.-> n0
}
