package ways_test

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm"
)

// README:pure
// Your ticket, your table, your storage: only the rules are the library's.
type Ticket struct {
	Status  string
	Outcome string
}

type (
	ticketState  = itsm.State[string]
	ticketRule   = itsm.Rule[string, string, *Ticket]
	ticketNeeded = itsm.Field[*Ticket]
)

func Example_pureDomain() {
	priority, _ := itsm.StandardPriorityMatrix().Of(itsm.ImpactHigh, itsm.UrgencyMedium)
	fmt.Println(priority)

	outcome := ticketNeeded{Name: "outcome", Empty: func(t *Ticket) bool { return t.Outcome == "" }}
	lifecycle, err := itsm.NewLifecycle("ticket", []string{"todo"},
		[]ticketState{{Name: "todo", Category: itsm.CategoryNew}, {Name: "doing", Category: itsm.CategoryActive}, {Name: "done", Category: itsm.CategoryClosed}},
		ticketRule{From: []string{"todo"}, On: "start", To: "doing"},
		ticketRule{From: []string{"doing"}, On: "finish", To: "done", Needs: []ticketNeeded{outcome}},
	)
	if err != nil {
		fmt.Println(err) // unreachable states, dead ends, ambiguous rules
		return
	}
	t := &Ticket{Status: "todo"}
	_, err = lifecycle.Fire(context.Background(), t.Status, "finish", itsm.Attempt[*Ticket]{Subject: t})
	fmt.Println(err)
	t.Status, _ = lifecycle.Fire(context.Background(), t.Status, "start", itsm.Attempt[*Ticket]{Subject: t})
	_, err = lifecycle.Fire(context.Background(), t.Status, "finish", itsm.Attempt[*Ticket]{Subject: t})
	fmt.Println(err)
	fmt.Print(lifecycle.Mermaid())
	// Output:
	// 2 - High
	// ticket: cannot finish while todo; permitted: start
	// ticket: invalid: outcome is required to finish
	// stateDiagram-v2
	//     state "Todo" as s_todo
	//     state "Doing" as s_doing
	//     state "Done" as s_done
	//     [*] --> s_todo
	//     s_todo --> s_doing : Start
	//     s_doing --> s_done : Finish
	//     s_done --> [*]
}

// README:end
