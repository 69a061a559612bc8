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

// A reaction that comes late to an event sees the record as the event left it, though the unit has gone on.
func TestARecordIsLoadedAsTheEventLeftIt(t *testing.T) {
	ctx, hanna := t.Context(), itsm.Actor{Tenant: "acme", ID: "hanna"}
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	var seen []itsm.ID
	require.NoError(t, e.Use(engine.Module{
		Name: "offboarding", Tables: []*storage.Schema{Leavers.Schema()}, Events: []itsm.EventType{itsm.EventOf[Left]()},
		Reactions: []engine.Reaction{engine.OnAny(func(ctx context.Context, u *engine.Unit, e itsm.Event) error {
			s, row, err := u.LoadAt(ctx, e)
			if err != nil {
				return err
			}
			require.Equal(t, Leavers.Schema(), s)
			require.Equal(t, e.Version, row.Version)
			l, err := Leavers.Decode(row)
			seen = append(seen, l.Person)
			return err
		})},
	}))
	l := Leaver{LeaverHead: LeaverHead{Person: "paul", LastDay: time.Unix(0, 0)}}
	l.ID = "1"
	write := func(u *engine.Unit, person itsm.ID, told bool) error {
		l.Person = person
		if err := Leavers.Put(ctx, u, &l); err != nil || !told {
			return err
		}
		u.Emit(itsm.Event{Kind: "leaver", Record: l.ID, Data: Left{person}})
		return nil
	}
	require.NoError(t, e.Update(ctx, hanna, func(_ context.Context, u *engine.Unit) error {
		for _, x := range []struct {
			person itsm.ID
			told   bool
		}{{"paul", true}, {"petra", true}, {"pia", false}} {
			if err := write(u, x.person, x.told); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, []itsm.ID{"paul", "petra", "pia"}, seen)
}
