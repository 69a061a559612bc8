package interaction_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/internal/interactionsuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// exampleDesk makes the practice over a store in memory at a fixed time, with openers that make records
// of the host's.
func exampleDesk() *interaction.Practice {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("R")})
	if err != nil {
		panic(err)
	}
	if _, err := interactionsuite.NewHost(e); err != nil {
		panic(err)
	}
	calls, err := interaction.New(e, interaction.Options{Becomes: interactionsuite.Becomes()})
	if err != nil {
		panic(err)
	}
	return calls
}

var anAnalyst = itsm.Actor{Tenant: "acme", ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}

// A call is logged, taken for an incident, and was a request after all. Both records remain, linked.
func Example() {
	calls, ctx := exampleDesk(), context.Background()
	call, err := calls.Log(ctx, anAnalyst, interaction.Contact{Subject: "My mailbox is full", Contact: "rita", Channel: interaction.ChannelPhone})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(call.Number, call.State)
	if call, err = calls.Become(ctx, anAnalyst, call.ID, interaction.Becoming{Classification: interaction.Incident}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(call.State, call.Classification)
	call, err = calls.Reclassify(ctx, anAnalyst, call.ID, interaction.Reclassification{
		Command: itsm.Command{Reason: "She wants more space"}, Classification: interaction.Request,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range call.Became {
		fmt.Println(c.Classification, c.At.Format(time.TimeOnly))
	}
	first, err := calls.FirstContact(ctx, anAnalyst, call.Record())
	fmt.Println(first.Number, first.Channel, err)
	// Output:
	// INT0000001 new
	// linked incident
	// incident 09:00:00
	// request 09:00:00
	// INT0000001 phone <nil>
}

// A question is answered at once.
func ExamplePractice_Answer() {
	calls, ctx := exampleDesk(), context.Background()
	chat, err := calls.Log(ctx, anAnalyst, interaction.Contact{Subject: "When do you open?", Contact: "rita", Channel: interaction.ChannelChat})
	if err != nil {
		fmt.Println(err)
		return
	}
	chat, err = calls.Answer(ctx, anAnalyst, chat.ID, interaction.Reply{Answer: "At nine."})
	fmt.Println(chat.State, chat.Classification, err)
	// Output: answered question <nil>
}
