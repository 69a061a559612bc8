// This file holds the cases of what is kept ready of the versions that are followed.

package versionedsuite

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// followed asks what is ready of a family in a tenant: the days, base first.
func followed(t *testing.T, h *host, c *versioned.Ready[calendar, string], tenant itsm.Tenant, family string) (made string) {
	t.Helper()
	require.NoError(t, h.e.View(t.Context(), manager(tenant), func(ctx context.Context, r storage.Reader) (err error) {
		made, err = c.Of(ctx, r, family)
		return err
	}))
	return made
}

// words counts how often it makes what is followed.
func words(made *int) *versioned.Ready[calendar, string] {
	return versioned.NewReady(calendars, func(family string, a versioned.Active[calendar]) (string, error) {
		*made++
		base, own := a.Layers()
		return family + ": " + strings.Join(append(base.Set.Days, own.Set.Days...), " "), nil
	})
}

func readyOnce(t *testing.T, h *host) {
	ctx, made := t.Context(), 0
	c := words(&made)
	h.follow(t, provider(acme), "office", days("mon"))
	require.NoError(t, h.Publish(ctx, provider(acme), versioned.Publication{Family: "office"}, acme))
	h.follow(t, manager(acme), "office", days("tue"))
	for range 3 {
		require.Equal(t, "office: mon tue", followed(t, h, c, acme, "office"))
		require.Equal(t, "night: ", followed(t, h, c, acme, "night"))
		require.Equal(t, "office: ", followed(t, h, c, globex, "office"))
		require.Equal(t, "office: mon", followed(t, h, c, msp, "office"))
	}
	require.Equal(t, 4, made, "each once")
	again := h.follow(t, manager(acme), "office", days("wed"))
	require.Equal(t, "office: mon wed", followed(t, h, c, acme, "office"))
	_, err := h.Retire(ctx, manager(acme), again.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, "office: mon", followed(t, h, c, acme, "office"))
	require.ErrorIs(t, h.e.ReadTenants(ctx, provider(acme), []storage.Tenant{msp, acme}, func(ctx context.Context, r storage.Reader) error {
		_, err := c.Of(ctx, r, "office")
		return err
	}), itsm.ErrInvalid)
}

var errUndone = errors.New("undone")

// readyUndone has a unit make a draft active that is undone: another makes it anew with other words, with the
// same id, version and time.
func readyUndone(t *testing.T, h *host) {
	ctx, made := t.Context(), 0
	c := words(&made)
	draft := h.draft(t, manager(acme), "office", days("mon"))
	try := func(day string, undo error) {
		err := h.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
			in := h.In(u.Store())
			if _, err := in.Revise(ctx, manager(acme), draft.ID, versioned.Revision[calendar]{Set: days(day)}); err != nil {
				return err
			}
			if _, err := in.Activate(ctx, manager(acme), draft.ID, itsm.Command{}); err != nil {
				return err
			}
			for range 2 {
				got, err := c.Of(ctx, u, "office")
				if err != nil {
					return err
				}
				require.Equal(t, "office: "+day, got, "a unit gets what it has written")
			}
			return undo
		})
		require.ErrorIs(t, err, undo)
	}
	try("tue", errUndone)
	require.Equal(t, "office: ", followed(t, h, c, acme, "office"))
	try("wed", errUndone)
	try("thu", nil)
	require.Equal(t, "office: thu", followed(t, h, c, acme, "office"))
}
