package engine_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// README:record: a host's own record type, of which the library knows nothing
type Leaver struct {
	LeaverHead
	LeaverBody
}
type LeaverHead struct {
	storage.Meta
	Person  itsm.ID
	LastDay time.Time
	Revoked bool
}
type LeaverBody struct{ Checklist []string }

var (
	ByPerson  = storage.Col("person", func(h *LeaverHead) *itsm.ID { return &h.Person })
	ByLastDay = storage.TimeCol("last_day", func(h *LeaverHead) *time.Time { return &h.LastDay })
	ByRevoked = storage.BoolCol("revoked", func(h *LeaverHead) *bool { return &h.Revoked })
	Leavers   = storage.Define("leaver", storage.Def[Leaver, LeaverHead, LeaverBody]{
		Parts:   func(l *Leaver) (*LeaverHead, *LeaverBody) { return &l.LeaverHead, &l.LeaverBody },
		Columns: []storage.ColumnOf[LeaverHead]{ByPerson, ByLastDay, ByRevoked},
		Indexes: []storage.Index{storage.IndexOn(ByRevoked.Asc(), ByLastDay.Asc())},
	})
)

type Left struct{ Person itsm.ID }

func (Left) EventType() string { return "leaver.left.v1" }

type Offboarding struct{ e *engine.Engine }

func NewOffboarding(e *engine.Engine) (*Offboarding, error) {
	o := &Offboarding{e}
	return o, e.Use(engine.Module{
		Name: "offboarding", Tables: []*storage.Schema{Leavers.Schema()}, Events: []itsm.EventType{itsm.EventOf[Left]()},
		Reactions: []engine.Reaction{engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, left Left) error {
			_, err := u.AddNote(ctx, itsm.Ref{Kind: e.Kind, ID: e.Record}, itsm.Note{Text: "Collect the laptop of " + string(left.Person)})
			return err
		})},
		Jobs: []engine.JobHandler{engine.OnDue("leaver.revoke", func(ctx context.Context, u *engine.Unit, _ engine.Due, id itsm.ID) error {
			l, err := Leavers.Get(ctx, u, id)
			if err != nil {
				return err
			}
			l.Revoked = true
			return Leavers.Put(ctx, u, &l)
		})},
	})
}

type Leaving struct {
	itsm.Command
	Person  itsm.ID
	LastDay time.Time
}

func (o *Offboarding) Register(ctx context.Context, actor itsm.Actor, req Leaving) (Leaver, error) {
	call := engine.Call{Name: "leaver.register", Actor: actor, Command: req.Command, Request: req}
	return engine.Execute(ctx, o.e, Leavers, call, func(ctx context.Context, u *engine.Unit) (Leaver, error) {
		l := Leaver{LeaverHead: LeaverHead{storage.Meta{ID: u.NewID()}, req.Person, req.LastDay, false}, LeaverBody: LeaverBody{[]string{"laptop", "badge"}}}
		if err := Leavers.Put(ctx, u, &l); err != nil {
			return l, err
		}
		u.Emit(itsm.Event{Kind: "leaver", Record: l.ID, Action: "register", Data: Left{req.Person}})
		return l, u.Schedule(ctx, engine.Task{Kind: "leaver.revoke", Key: string(l.ID), Due: req.LastDay, Payload: l.ID})
	}, nil)
}

// README:end
func Example() {
	ctx, hr, monday := context.Background(), itsm.Actor{Tenant: "acme", ID: "hanna"}, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return monday }, IDs: itsm.SequentialIDs("L")})
	o, _ := NewOffboarding(e)
	l, _ := o.Register(ctx, hr, Leaving{Person: "paul", LastDay: monday.AddDate(0, 0, 4)})
	ran, _ := e.Tick(ctx, monday.AddDate(0, 0, 5))
	_ = e.View(ctx, hr, func(ctx context.Context, r storage.Reader) error {
		l, _ = Leavers.Get(ctx, r, l.ID)
		notes, _ := engine.Notes(ctx, r, itsm.Ref{Kind: "leaver", ID: l.ID}, true, "", 10)
		history, err := e.History(ctx, r, storage.EventQuery{Kind: "leaver", Record: l.ID})
		fmt.Println(ran.Jobs, l.Revoked, notes.Items[0].Text)
		fmt.Println(history[0].Type, history[0].Actor, history[1].Actor, history[1].Changes[0].Field)
		return err
	})
	// Output:
	// 1 true Collect the laptop of paul
	// leaver.left.v1 hanna system:leaver.revoke revoked
}
