package cloudevents_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
)

// Commented is a payload of a host's own.
type Commented struct {
	Note itsm.ID `json:"note"`
}

func (Commented) EventType() string { return "ticket.commented.v1" }

func Example() {
	encoder, err := cloudevents.NewEncoder(cloudevents.Options{Source: "https://desk.example.com", TypePrefix: "com.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	event := itsm.Event{
		Tenant: "acme", ID: "E1", Kind: "ticket", Record: "T1", Version: 2, Type: "ticket.commented.v1", At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		Actor: "ana", ActorName: "Ana", Action: "comment", Reason: "asked by phone", Data: Commented{Note: "N1"},
	}
	everything, _ := encoder.Full(event)
	fmt.Println(string(everything.Data))
	forThePortal, ok, _ := encoder.Public(event)
	raw, _ := json.MarshalIndent(forThePortal, "", "  ")
	fmt.Println(ok, string(raw))
	event.Internal = true
	_, ok, _ = encoder.Public(event)
	fmt.Println("an internal event:", ok)
	// Output:
	// {"kind":"ticket","record":"T1","version":2,"n":0,"action":"comment","tenant":"acme","recorded":"2026-11-23T09:00:00Z","actor":"ana","actor_name":"Ana","reason":"asked by phone","payload":{"note":"N1"}}
	// true {
	//   "specversion": "1.0",
	//   "id": "E1",
	//   "source": "https://desk.example.com/acme",
	//   "type": "com.example.ticket.commented.v1",
	//   "subject": "ticket/T1",
	//   "time": "2026-11-23T09:00:00Z",
	//   "datacontenttype": "application/json",
	//   "sequence": "0000000000000000002.00000",
	//   "data": {
	//     "kind": "ticket",
	//     "record": "T1",
	//     "version": 2,
	//     "n": 0,
	//     "action": "comment"
	//   }
	// }
	// an internal event: false
}
