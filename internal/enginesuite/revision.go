package enginesuite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// keeper keeps what a box says, as a practice keeps its rules, and counts how often it is read.
type keeper struct {
	e     *engine.Engine
	kept  engine.Kept[int]
	reads int
}

func newKeeper(t *testing.T, b *bench) *keeper {
	return &keeper{e: b.engine(t, engine.Options{}, engine.Module{})}
}

// of gives what the reader's tenant follows.
func (k *keeper) of(ctx context.Context, t *testing.T, r storage.Reader) (v int, any bool) {
	v, any, err := k.kept.Of(ctx, r, "box", "b", func(ctx context.Context) (int, int, error) {
		k.reads++
		box, err := boxes.Get(ctx, r, "b")
		return box.Count, 1, err
	})
	require.NoError(t, err)
	return v, any
}

// now is what a command follows.
func (k *keeper) now(t *testing.T, b *bench) (v int, any bool) {
	require.NoError(t, k.e.View(t.Context(), b.actor, func(ctx context.Context, r storage.Reader) error {
		v, any = k.of(ctx, t, r)
		return nil
	}))
	return v, any
}

// change fills the box by one and says so; with an error it is undone.
func (k *keeper) change(t *testing.T, b *bench, within func(ctx context.Context, u *engine.Unit), failure error) {
	err := k.e.Update(t.Context(), b.actor, func(ctx context.Context, u *engine.Unit) error {
		within(ctx, u)
		if _, err := fillIn(ctx, u, "b", 1); err != nil {
			return err
		}
		if err := u.Revise(ctx, "box"); err != nil {
			return err
		}
		within(ctx, u)
		return failure
	})
	require.ErrorIs(t, err, failure)
}

// revisions has two processes follow a box that both change.
func revisions(t *testing.T, b *bench) {
	here, there := newKeeper(t, b), newKeeper(t, b)
	nothing := func(context.Context, *engine.Unit) {}
	follows := func(k *keeper, want, reads int) {
		t.Helper()
		for range 2 {
			got, any := k.now(t, b)
			require.True(t, any)
			require.Equal(t, want, got)
		}
		require.Equal(t, reads, k.reads)
	}

	_, any := here.now(t, b)
	require.False(t, any, "nothing was ever there")
	require.Zero(t, here.reads)

	here.change(t, b, nothing, nil)
	follows(here, 1, 1)
	follows(there, 1, 1)
	there.change(t, b, nothing, nil)
	follows(here, 2, 2)
	follows(there, 2, 2)

	// A unit follows what it has written, and nobody else does when it is undone.
	var seen []int
	see := func(ctx context.Context, u *engine.Unit) {
		v, _ := here.of(ctx, t, u)
		seen = append(seen, v)
	}
	here.change(t, b, see, errTest)
	require.Equal(t, []int{2, 3}, seen)
	follows(here, 2, 4) // what was made of what was undone is not taken for it, and not kept beside it
	here.change(t, b, see, nil)
	require.Equal(t, []int{2, 3, 2, 3}, seen)
	follows(here, 3, 5)
	follows(there, 3, 3)

	// Another tenant has its own.
	other := b.actor.In(storage.Tenant("other-tenant"))
	require.NoError(t, here.e.View(t.Context(), other, func(ctx context.Context, r storage.Reader) error {
		_, any := here.of(ctx, t, r)
		require.False(t, any)
		return nil
	}))
	require.NoError(t, here.e.ViewTenants(t.Context(), b.actor, []storage.Tenant{b.actor.Tenant, other.Tenant}, func(ctx context.Context, r storage.Reader) error {
		_, _, err := here.kept.Of(ctx, r, "box", "b", nil)
		require.ErrorIs(t, err, itsm.ErrInvalid)
		return nil
	}))
}

// outdated has a process go by what another has changed since: neither what it would do nor what it would refuse by that stands.
func outdated(t *testing.T, b *bench) {
	here, there := newKeeper(t, b), newKeeper(t, b)
	nothing := func(context.Context, *engine.Unit) {}
	here.change(t, b, nothing, nil)
	refused := errors.New("the box says no")
	// say writes into a record of its own what the box says, or is refused by what it says.
	say := func(k *keeper, id storage.ID, refuse int) (said []int, err error) {
		err = k.e.Update(t.Context(), b.actor, func(ctx context.Context, u *engine.Unit) error {
			v, _ := k.of(ctx, t, u)
			said = append(said, v)
			if v == refuse {
				return refused
			}
			_, err := fillIn(ctx, u, id, v)
			return err
		})
		return said, err
	}
	for _, id := range []storage.ID{"first", "again"} {
		said, err := say(there, id, 0)
		require.NoError(t, err)
		require.Equal(t, []int{1}, said, "what has not changed is gone by at once")
	}
	here.change(t, b, nothing, nil)
	said, err := say(there, "later", 0)
	require.NoError(t, err)
	require.Equal(t, 2, said[len(said)-1], "what is written is by what the box says now")

	here.change(t, b, nothing, nil)
	said, err = say(there, "refused", 2)
	require.NoError(t, err, "it is refused by what the box said before")
	require.Equal(t, 3, said[len(said)-1])
	_, err = say(there, "refused", 3)
	require.ErrorIs(t, err, refused)

	// Who changes what it goes by does so from what there is, and what is undone is not gone by.
	here.change(t, b, nothing, nil)
	there.change(t, b, func(ctx context.Context, u *engine.Unit) { there.of(ctx, t, u) }, nil)
	there.change(t, b, nothing, errTest)
	for _, k := range []*keeper{here, there} {
		said, err = say(k, "last", 0)
		require.NoError(t, err)
		require.Equal(t, 5, said[len(said)-1])
	}
}

// overtaken has a unit read what it goes by, for the first time in its process, and another process change it before the unit ends: where
// the store lets both go on, what the first read does not stand.
func overtaken(t *testing.T, b *bench) {
	here, there := newKeeper(t, b), newKeeper(t, b)
	here.change(t, b, func(context.Context, *engine.Unit) {}, nil)
	changed := make(chan error, 1)
	var said []int
	meanwhile := false
	require.NoError(t, there.e.Update(t.Context(), b.actor, func(ctx context.Context, u *engine.Unit) error {
		v, _ := there.of(ctx, t, u)
		if said = append(said, v); len(said) == 1 {
			go func() {
				changed <- here.e.Update(context.Background(), b.actor, func(ctx context.Context, u *engine.Unit) error {
					if _, err := fillIn(ctx, u, "b", 1); err != nil {
						return err
					}
					return u.Revise(ctx, "box")
				})
			}()
			select {
			case err := <-changed:
				changed <- err
				meanwhile = true
			case <-time.After(500 * time.Millisecond): // it waits for this unit
			}
		}
		_, err := fillIn(ctx, u, "said", v)
		return err
	}))
	require.NoError(t, <-changed)
	want := []int{1}
	if meanwhile {
		want = []int{1, 2}
	}
	require.Equal(t, want, said)
}
