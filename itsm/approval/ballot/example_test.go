package ballot_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// exampleDesk makes the practice over a store in memory at a fixed time, with an order of the host's that is
// to be approved, and a reaction by which the host follows the outcome.
func exampleDesk() (*ballot.Practice, itsm.Ref) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("T")})
	if err != nil {
		panic(err)
	}
	host, err := tasksuite.NewHost(e)
	if err != nil {
		panic(err)
	}
	approvals, err := ballot.New(e, ballot.Options{})
	if err != nil {
		panic(err)
	}
	follow := engine.On(func(_ context.Context, _ *engine.Unit, _ itsm.Event, d ballot.Decided) error {
		fmt.Printf("the %s is %s: %s\n", d.Parent.Kind, d.State, d.Why)
		return nil
	})
	if err := e.Use(engine.Module{Name: "host", Reactions: []engine.Reaction{follow}}); err != nil {
		panic(err)
	}
	if err := e.Migrate(context.Background()); err != nil {
		panic(err)
	}
	order, err := host.Open(context.Background(), mona, "")
	if err != nil {
		panic(err)
	}
	return approvals, order
}

// An order is approved by both who are asked. The host's reaction runs in the transaction of the vote that
// decides.
func Example() {
	approvals, order := exampleDesk()
	ctx := context.Background()
	a, err := approvals.Request(ctx, mona, ballot.Request{
		Parent: order, Policy: policy(by("managers", "ada", "bob")),
		Subject: approval.Subject{Hash: "a1b2", Parties: []approval.Party{{Person: "rita", Duty: "requester"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, who := range []itsm.Actor{ada, bob} {
		waiting, err := approvals.Waiting(ctx, who, ballot.ApproverQuery{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(who.Name, "is asked at", waiting.Items[0].Gate)
		if _, err := approvals.Vote(ctx, who, waiting.Items[0].Approval, ballot.Vote{Choice: approval.ChoiceApprove}); err != nil {
			fmt.Println(err)
			return
		}
	}
	why, err := approvals.Explain(ctx, mona, a.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(why)
	// Output:
	// Ada is asked at managers
	// Bob is asked at managers
	// the order is approved: every gate has approved
	// policy "orders", round 1: approved: every gate has approved
	// gate "managers" of rule "all", stage 0: approved: 2 approvals of 2, and 2 approve
	//   ada: approve
	//   bob: approve
}

// What was approved is changed: the votes lapse, and those who cast them are asked again.
func ExamplePractice_Revise() {
	approvals, order := exampleDesk()
	ctx := context.Background()
	r := ballot.Request{Parent: order, Policy: policy(by("managers", "ada")), Subject: approval.Subject{Hash: "a1b2"}}
	a, err := approvals.Request(ctx, mona, r)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = approvals.Vote(ctx, ada, a.ID, ballot.Vote{Choice: approval.ChoiceApprove}); err != nil {
		fmt.Println(err)
		return
	}
	for _, hash := range []string{"a1b2", "c3d4"} {
		r.Subject.Hash = hash
		a, err = approvals.Revise(ctx, mona, r)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(hash, "round", a.Round, a.State)
	}
	// Output:
	// the order is approved: every gate has approved
	// a1b2 round 1 approved
	// c3d4 round 2 open
}

// Ada is away for a day, and Bob votes for her.
func ExamplePractice_Delegate() {
	approvals, order := exampleDesk()
	ctx := context.Background()
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	_, err := approvals.Delegate(ctx, ada, ballot.NewDelegation{Delegate: "bob", From: monday, Until: monday.AddDate(0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := approvals.Request(ctx, mona, ballot.Request{Parent: order, Policy: policy(by("managers", "ada")), Subject: approval.Subject{Hash: "a1b2"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err = approvals.Vote(ctx, bob, a.ID, ballot.Vote{For: "ada", Choice: approval.ChoiceApprove})
	if err != nil {
		fmt.Println(err)
		return
	}
	v := a.Process.Gates[0].Votes[0]
	fmt.Println(v.Choice, "of", v.Approver, "by", v.By)
	// Output:
	// the order is approved: every gate has approved
	// approve of ada by bob
}
