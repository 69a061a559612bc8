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

// memoryKey is what the test remembers under.
type memoryKey struct{ n int }

func TestAUnitRemembersUntilTheKindIsWritten(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	_, err = NewOffboarding(e)
	require.NoError(t, err)
	hr := itsm.Actor{Tenant: "acme", ID: "hanna"}
	require.NoError(t, e.Update(t.Context(), hr, func(ctx context.Context, u *engine.Unit) error {
		require.Nil(t, u.Remembered(memoryKey{1}))
		u.Remember(memoryKey{1}, Leavers.Name(), "leavers")
		u.Remember(memoryKey{2}, "other", "others")
		require.NoError(t, e.In(u.Store()).Update(ctx, hr, func(ctx context.Context, nested *engine.Unit) error {
			require.Equal(t, "leavers", nested.Remembered(memoryKey{1}), "a nested unit is of the same one")
			l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: "l1"}, Person: "paul"}}
			return Leavers.Put(ctx, nested.Quiet(), &l)
		}))
		require.Nil(t, u.Remembered(memoryKey{1}))
		require.Equal(t, "others", u.Remembered(memoryKey{2}))
		return nil
	}))
	require.NoError(t, e.Update(t.Context(), hr, func(_ context.Context, u *engine.Unit) error {
		require.Nil(t, u.Remembered(memoryKey{2}), "it is of one unit")
		return nil
	}))
}

func TestAUnitSaysWhatChangedSinceAnEvent(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	var since [][]itsm.Change
	require.NoError(t, e.Use(engine.Module{Name: "late", Reactions: []engine.Reaction{
		engine.OnAny(func(_ context.Context, u *engine.Unit, e itsm.Event) error {
			since = append(since, u.Since(e))
			return nil
		}),
	}}))
	_, err = NewOffboarding(e)
	require.NoError(t, err)
	hr := itsm.Actor{Tenant: "acme", ID: "hanna"}
	day := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: "l1"}, Person: "paul"}}
	require.NoError(t, e.Update(t.Context(), hr, func(ctx context.Context, u *engine.Unit) error {
		for _, person := range []itsm.ID{"paul", "paula", "pia"} {
			l.Person = person
			if err := Leavers.Put(ctx, u, &l); err != nil {
				return err
			}
			if person != "pia" { // which no event tells of yet
				u.Emit(itsm.Event{Kind: Leavers.Name(), Record: l.ID, Action: "leave", At: day, Data: Left{}})
			}
		}
		return nil
	}))
	told := func(changes []itsm.Change) (all []string) {
		for _, c := range changes {
			if c.Field == "person" {
				all = append(all, string(c.Old)+" "+string(c.New))
			}
		}
		return all
	}
	require.Len(t, since, 3, "the third is of what was put without an event")
	require.Equal(t, []string{`"paul" "paula"`, `"paula" "pia"`}, told(since[0]))
	require.Equal(t, []string{`"paula" "pia"`}, told(since[1]))
	require.Empty(t, told(since[2]))
}
