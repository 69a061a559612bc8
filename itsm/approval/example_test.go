package approval_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
)

var monday = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// A policy is data. The change is approved by the requester's manager, and then by half of the board.
func Example() {
	policy, err := approval.Parse([]byte(`{"name": "changes", "rules": [
		{"name": "standard", "when": {"op": "equal", "column": "type", "values": ["standard"]}, "automatic": true},
		{"name": "normal", "when": {}, "gates": [
			{"name": "manager", "approvers": [{"kind": "field", "name": "requester.manager"}]},
			{"name": "cab", "stage": 2, "approvers": [{"kind": "group", "name": "cab"}],
			 "quorum": {"kind": "percent", "percent": 50}, "rejection": {"kind": "all"}}]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	p, err := approval.Build(ctx, policy, approval.Case{
		Kind: "change", At: monday,
		Facts:   approval.Facts{"type": "normal", "requester.manager": "mona"},
		Subject: approval.Subject{Hash: "a1b2", Parties: []approval.Party{{Person: "carl", Duty: "requester"}}},
		Resolve: func(_ context.Context, s approval.Source) ([]itsm.ID, error) {
			if s.Kind == approval.SourceGroup {
				return []itsm.ID{"ada", "bob", "carl", "dora"}, nil
			}
			return []itsm.ID{itsm.ID(s.Name)}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range []approval.Cast{
		{Gate: "manager", By: "mona", Choice: approval.ChoiceApprove},
		{Gate: "cab", By: "ada", Choice: approval.ChoiceReject, Reason: "No fallback"},
		{Gate: "cab", By: "carl", Choice: approval.ChoiceApprove},
		{Gate: "cab", By: "bob", Choice: approval.ChoiceApprove},
	} {
		c.At = monday
		if err := p.Vote(c); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Print(p.Explain())
	// Output:
	// carl lacks the permission approval.vote on gate cab: nobody decides what is their own, and who votes is its requester
	// policy "changes", round 1: open
	// gate "manager" of rule "normal", stage 0: approved: 1 approval of 1, and 1 approve
	//   mona: approve
	// gate "cab" of rule "normal", stage 2: open: 1 vote of 3 still to come; 1 more approval approves it, 2 more rejections reject it
	//   ada: reject: No fallback
	//   bob: approve
	//   missing: dora
	//   barred: carl, its requester
}

// What nobody thought of does not pass.
func ExampleBuild_noRuleMatches() {
	policy := approval.Policy{Name: "requests", Rules: []approval.Rule{}}
	p, err := approval.Build(context.Background(), policy, approval.Case{Kind: "request", At: monday, Subject: approval.Subject{Hash: "a1b2"}})
	fmt.Println(p.State, "-", p.Reason, err)
	policy.Otherwise = approval.OtherwiseApprove
	p, err = approval.Build(context.Background(), policy, approval.Case{Kind: "request", At: monday, Subject: approval.Subject{Hash: "a1b2"}})
	fmt.Println(p.State, "-", p.Reason, err)
	// Output:
	// rejected - no rule of the policy matches, which rejects <nil>
	// approved - no rule of the policy matches, for which the policy says approved <nil>
}

// Half of three is two: percentages are rounded up, in whole numbers.
func ExampleThreshold_Needed() {
	half := approval.Threshold{Kind: approval.ThresholdPercent, Percent: 50}
	fmt.Println(half.Needed(2), half.Needed(3), half.Needed(4))
	// Output: 1 2 2
}
