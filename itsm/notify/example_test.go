package notify_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A host's own record; an incident is told of in the same way.
type Ticket struct {
	TicketHead
	TicketBody
}
type TicketHead struct {
	storage.Meta
	Requester itsm.ID
	Assignee  itsm.ID
}
type TicketBody struct {
	Title string `json:"title"`
}

var (
	ByRequester = storage.Col("requester", func(h *TicketHead) *itsm.ID { return &h.Requester })
	ByAssignee  = storage.Col("assignee", func(h *TicketHead) *itsm.ID { return &h.Assignee })
	Tickets     = storage.Define("ticket", storage.Def[Ticket, TicketHead, TicketBody]{
		Parts:   func(t *Ticket) (*TicketHead, *TicketBody) { return &t.TicketHead, &t.TicketBody },
		Columns: []storage.ColumnOf[TicketHead]{ByRequester, ByAssignee},
	})
)

type Opened struct{}

func (Opened) EventType() string { return "ticket.opened.v1" }

// Desk tells the practice of its tickets and sends what it is given.
type Desk struct{}

func (Desk) Audience(ctx context.Context, r storage.Reader, e itsm.Event, a notify.Audience) (notify.Readers, error) {
	t, err := Tickets.Get(ctx, r, e.Record)
	switch a.Kind {
	case notify.AudienceRequester:
		return notify.Readers{People: []itsm.ID{t.Requester}}, err
	case notify.AudienceAssignee:
		return notify.Readers{People: []itsm.ID{t.Assignee}}, err
	}
	return notify.Readers{}, err
}

func (Desk) CheckAudience(_ context.Context, _ storage.Reader, _ string, a notify.Audience) error {
	if a.Kind != notify.AudienceRequester && a.Kind != notify.AudienceAssignee {
		return itsm.Invalid("audience", "", "comes to nobody")
	}
	return nil
}

func (Desk) MayRead(ctx context.Context, r storage.Reader, record itsm.Ref, readers []notify.Reader) (map[itsm.ID]notify.Reading, error) {
	t, err := Tickets.Get(ctx, r, record.ID)
	may := map[itsm.ID]notify.Reading{t.Requester: notify.ReadPublic}
	for _, reader := range readers {
		if slices.Contains([]itsm.ID{"ana"}, reader.Person) { // the staff
			may[reader.Person] = notify.ReadInternal
		}
	}
	return may, err
}

func (Desk) MayShow(ctx context.Context, r storage.Reader, actor itsm.Actor, records []itsm.Ref) (map[itsm.Ref]notify.Reading, error) {
	var ids []itsm.ID
	for _, record := range records {
		ids = append(ids, record.ID)
	}
	page, err := Tickets.Records(ctx, r, storage.Query[TicketHead]{Where: Tickets.ByID().In(ids...), Limit: storage.MaxPage})
	may := map[itsm.Ref]notify.Reading{}
	for _, t := range page.Items {
		switch {
		case actor.Has(itsm.RoleServiceDeskAnalyst):
			may[itsm.Ref{Kind: "ticket", ID: t.ID}] = notify.ReadInternal
		case actor.ID == t.Requester:
			may[itsm.Ref{Kind: "ticket", ID: t.ID}] = notify.ReadPublic
		}
	}
	return may, err
}

func (Desk) Data(ctx context.Context, r storage.Reader, e itsm.Event, _ notify.Reading) (map[string]any, error) {
	t, err := Tickets.Get(ctx, r, e.Record)
	return map[string]any{"title": t.Title}, err
}

func (Desk) Send(_ context.Context, n notify.Notification) error {
	fmt.Printf("%s to %s: %s %v\n", n.Channel, n.Person, n.Template, n.Data["title"])
	return nil
}

// A ticket is opened: its requester and its assignee are told, each in their time.
func Example() {
	ctx, now := context.Background(), time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("R")})
	people := directory.Static{"acme": {People: []directory.Person{
		{PersonHead: directory.PersonHead{Meta: storage.Meta{ID: "ana"}, Active: true}},
		{PersonHead: directory.PersonHead{Meta: storage.Meta{ID: "rita"}, Active: true}, PersonBody: directory.PersonBody{Zone: "Europe/Berlin"}},
	}}}
	rules, err := notify.Parse([]byte(`{"rules": [{"name": "opened", "record_kind": "ticket", "events": ["ticket.opened.v1"],
		"audiences": [{"kind": "requester"}, {"kind": "assignee"}], "channels": ["email"], "template": "ticket.opened"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	messages, err := notify.New(e, Desk{}, people, Desk{}, notify.Options{Rules: &rules})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = e.Use(engine.Module{Name: "desk", Tables: []*storage.Schema{Tickets.Schema()}, Events: []itsm.EventType{itsm.EventOf[Opened]()}})

	rita := itsm.Actor{Tenant: "acme", ID: "rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	var nights directory.Hours
	for d := time.Sunday; d <= time.Saturday; d++ {
		nights = append(nights, directory.Window{Day: d, From: 20 * 60, To: 7 * 60})
	}
	_, err = messages.SetPreferences(ctx, rita, "rita", notify.PreferenceChange{Preferences: notify.Preferences{Quiet: nights}})
	if err != nil {
		fmt.Println(err)
	}
	_ = e.Update(ctx, itsm.SystemActor("acme", "mail"), func(ctx context.Context, u *engine.Unit) error {
		t := Ticket{TicketHead{Meta: storage.Meta{ID: "T1"}, Requester: "rita", Assignee: "ana"}, TicketBody{Title: "Mail is down"}}
		if err := Tickets.Put(ctx, u, &t); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "ticket", Record: t.ID, Action: "open", Data: Opened{}})
		return nil
	})
	fmt.Println("in the evening:")
	_, _ = e.Tick(ctx, now)
	now = now.Add(9 * time.Hour)
	fmt.Println("at seven in Berlin:")
	_, _ = e.Tick(ctx, now)
	// Output:
	// in the evening:
	// email to ana: ticket.opened Mail is down
	// at seven in Berlin:
	// email to rita: ticket.opened Mail is down
}
