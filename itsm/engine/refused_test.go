package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestAJobWhoseUnitIsRefusedAtItsEndGoesAnotherWay(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	require.NoError(t, err)
	refusing, hr := true, itsm.Actor{Tenant: "acme", ID: "hanna"}
	put := func(ctx context.Context, u *engine.Unit, person itsm.ID) error {
		l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: u.NewID()}, Person: person, LastDay: now}}
		if err := Leavers.Put(ctx, u, &l); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "leaver", Record: l.ID, Action: "register", Data: Left{person}})
		return nil
	}
	require.NoError(t, e.Use(engine.Module{
		Name: "offboarding", Tables: []*storage.Schema{Leavers.Schema()}, Events: []itsm.EventType{itsm.EventOf[Left]()},
		Reactions: []engine.Reaction{engine.On(func(_ context.Context, _ *engine.Unit, e itsm.Event, left Left) error {
			if refusing && left.Person == "paul" {
				return &itsm.TransitionError{Kind: "leaver", ID: e.Record, Action: e.Action}
			}
			return nil
		})},
		Jobs: []engine.JobHandler{engine.IfRefused(engine.OnDue("leaver.add", func(ctx context.Context, u *engine.Unit, _ engine.Due, person itsm.ID) error {
			return put(ctx, u, person)
		}), func(ctx context.Context, u *engine.Unit, due engine.Due, person itsm.ID) error {
			if err := put(ctx, u, "instead of "+person); err != nil {
				return err
			}
			return u.Schedule(ctx, engine.Task{Kind: "leaver.add", Key: due.Key, Due: u.Now().Add(time.Hour), Payload: person})
		})},
	}))
	ctx := t.Context()
	require.NoError(t, e.Migrate(ctx))
	require.NoError(t, e.Update(ctx, hr, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "leaver.add", Key: "k", Due: now, Payload: "paul"})
	}))
	people := func() (names []itsm.ID) {
		require.NoError(t, e.View(ctx, hr, func(ctx context.Context, r storage.Reader) error {
			page, err := Leavers.List(ctx, r, storage.Query[LeaverHead]{})
			for _, h := range page.Items {
				names = append(names, h.Person)
			}
			return err
		}))
		return names
	}
	ran, err := e.Tick(ctx, now)
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Jobs: 1}, ran)
	require.Equal(t, []itsm.ID{"instead of paul"}, people(), "what was refused is undone")
	refusing = false
	_, err = e.Tick(ctx, now.Add(time.Hour))
	require.NoError(t, err)
	require.ElementsMatch(t, []itsm.ID{"instead of paul", "paul"}, people())
}
