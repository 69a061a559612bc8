package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A host's own record; incidents are told of in the same way.
type Ticket struct {
	TicketHead
	TicketBody
}
type TicketHead struct{ storage.Meta }
type TicketBody struct {
	Title string `json:"title"`
}

var Tickets = storage.Define("ticket", storage.Def[Ticket, TicketHead, TicketBody]{
	Parts: func(t *Ticket) (*TicketHead, *TicketBody) { return &t.TicketHead, &t.TicketBody },
})

type Opened struct{}

func (Opened) EventType() string { return "ticket.opened.v1" }

// A receiver takes deliveries that are signed, and refuses others.
func Example() {
	ctx, now := context.Background(), time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var secret webhook.Secret
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if _, err := webhook.Verify(r.Header, body, now, secret); err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var event cloudevents.Event
		_ = json.Unmarshal(body, &event)
		fmt.Println(event.Type, "of", event.Subject, "from", event.Source)
	}))
	defer receiver.Close()

	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	sealer, _ := webhook.NewSealer([]byte("32 bytes from your secret store."))
	hooks, err := webhook.New(e, webhook.Options{
		Sealer: sealer, PublicKinds: []string{"ticket"},
		AllowPrivate: true, AllowHTTP: true, // the receiver is on this machine
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = e.Use(engine.Module{Name: "desk", Tables: []*storage.Schema{Tickets.Schema()}, Events: []itsm.EventType{itsm.EventOf[Opened]()}})

	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	_, secret, err = hooks.Define(ctx, mona, webhook.Definition{Name: "portal", URL: receiver.URL, Types: []string{"ticket.*"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("printed:", secret)
	_ = e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
		t := Ticket{TicketHead{storage.Meta{ID: "T1"}}, TicketBody{Title: "Mail is down"}}
		if err := Tickets.Put(ctx, u, &t); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "ticket", Record: t.ID, Action: "open", Data: Opened{}})
		return nil
	})
	_, _ = e.Tick(ctx, now)
	// Output:
	// printed: whsec_[hidden]
	// ticket.opened.v1 of ticket/T1 from urn:itsm:acme
}
