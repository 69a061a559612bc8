package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/enginesuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestEngineOnMemory(t *testing.T) {
	enginesuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := engine.New(nil, engine.Options{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = engine.New(memory.New(), engine.Options{Attempts: -1, Backoff: -1, Lease: -1})
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	require.Len(t, v.Faults, 3)
}

// twice is an event that a module has twice.
type twice struct{}

func (twice) EventType() string { return "again.twice.v1" }

func TestModulesAreRegisteredOnceAndBeforeUse(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	_, err = NewOffboarding(e)
	require.NoError(t, err)
	_, err = NewOffboarding(e)
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	require.Len(t, v.Faults, 1, "its name: %v", v)
	again := engine.Module{
		Name: "again", Tables: []*storage.Schema{Leavers.Schema()}, Events: []itsm.EventType{itsm.EventOf[Left]()},
		Jobs: []engine.JobHandler{engine.OnDue("leaver.revoke", func(context.Context, *engine.Unit, engine.Due, itsm.ID) error { return nil })},
	}
	require.ErrorAs(t, e.Use(again), &v)
	require.Len(t, v.Faults, 3, "table, event and job: %v", v)
	require.ErrorIs(t, e.Use(engine.Module{
		Name: "empty", Events: []itsm.EventType{{}}, Reactions: []engine.Reaction{{}}, Jobs: []engine.JobHandler{{}}, Subscribers: []engine.Subscriber{{}},
	}), itsm.ErrInvalid)
	require.ErrorAs(t, e.Use(engine.Module{Name: "twice", Events: []itsm.EventType{itsm.EventOf[twice](), itsm.EventOf[twice]()}}), &v)
	require.Equal(t, "events", v.Faults[0].Field)
	require.NoError(t, e.Check(context.Background()))
	require.ErrorIs(t, e.Use(engine.Module{Name: "late"}), itsm.ErrInvalid)
}

func BenchmarkCommand(b *testing.B) {
	ctx := context.Background()
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(b, err)
	o, err := NewOffboarding(e)
	require.NoError(b, err)
	hr := itsm.Actor{Tenant: "acme", ID: "hanna"}
	day := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Register(ctx, hr, Leaving{Person: "paul", LastDay: day}); err != nil {
			b.Fatal(err)
		}
	}
}
