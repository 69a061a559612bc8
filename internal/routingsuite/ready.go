// This file holds what comes of a practice keeping the sets ready that it has read.

package routingsuite

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// takenBack has a unit change a draft, follow it and fail. The draft that is changed otherwise and
// activated after that has the same id, the same version and the same times.
func takenBack(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	h.follow(t, mona, everything("desk", ""))
	route := func(u *engine.Unit) itsm.ID {
		d, err := h.p.RouteFacts(ctx, u, "ticket", routing.Facts{"category": "x"})
		require.NoError(t, err)
		return d.Group
	}
	draft, err := h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: everything("desk", "")})
	require.NoError(t, err)
	follow := func(group itsm.ID, then error) error {
		return h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			in := h.p.In(u.Store())
			if _, err := in.Revise(ctx, mona, draft.ID, routing.Revision{Set: everything(group, "")}); err != nil {
				return err
			}
			if _, err := in.Activate(ctx, mona, draft.ID, itsm.Command{}); err != nil {
				return err
			}
			require.Equal(t, group, route(u), "a unit follows what it has written")
			return then
		})
	}
	now := func() (group itsm.ID) {
		require.NoError(t, h.e.Update(ctx, mona, func(_ context.Context, u *engine.Unit) error {
			group = route(u)
			return nil
		}))
		return group
	}
	boom := errors.New("boom")
	require.Equal(t, itsm.ID("desk"), now())
	require.ErrorIs(t, follow("network", boom), boom)
	require.NoError(t, follow("vip", nil))
	require.Equal(t, itsm.ID("vip"), now())
}

// activatedBeside routes while versions are activated: each decision names the version that decided.
func activatedBeside(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	groups := []itsm.ID{"desk", "network", "vip"}
	versions := make([]routing.Version, len(groups))
	for n, group := range groups {
		var err error
		versions[n], err = h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: everything(group, "")})
		require.NoError(t, err)
	}
	_, err := h.p.Activate(ctx, mona, versions[0].ID, itsm.Command{})
	require.NoError(t, err)
	require.NoError(t, errors.Join(together.Run(4, func(worker int) error {
		for n := range 8 {
			if worker == 0 {
				if _, err := h.p.Activate(ctx, mona, versions[(n+1)%len(versions)].ID, itsm.Command{}); err != nil {
					return err
				}
				continue
			}
			err := h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
				d, err := h.p.RouteFacts(ctx, u, "ticket", routing.Facts{"category": "x"})
				if err == nil && (d.Outcome != routing.OutcomeRule || groups[d.Source.Number-1] != d.Group || versions[d.Source.Number-1].ID != d.Source.Set) {
					err = fmt.Errorf("version %d does not send to %s", d.Source.Number, d.Group)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})...))
}

// factsAsked counts when a host is asked for facts, and what of.
func factsAsked(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	var asked []string
	route := func() routing.Decision {
		asked = nil
		var d routing.Decision
		require.NoError(t, h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) (err error) {
			d, err = h.p.RouteAsking(ctx, u, "ticket", func(_ context.Context, named func(string) bool) (routing.Facts, error) {
				for _, term := range []string{"category", "priority", "requester.vip"} {
					if named(term) {
						asked = append(asked, term)
					}
				}
				return routing.Facts{"category": "x", "requester.vip": true}, nil
			})
			return err
		}))
		return d
	}
	require.Equal(t, routing.OutcomeNone, route().Outcome)
	require.Empty(t, asked, "there are no rules")
	h.follow(t, mona, routing.RuleSet{Default: "desk"})
	require.Equal(t, `no rule matches: default group of acme, version 1`, route().Reason())
	require.Empty(t, asked, "a default group asks for nothing")
	h.follow(t, mona, routing.RuleSet{Rules: []routing.Rule{rule("x", equal("category", "x"), "network", "")}})
	require.Equal(t, `rule "x" of acme, version 2`, route().Reason())
	require.Equal(t, []string{"category"}, asked)
	h.follow(t, mona, routing.RuleSet{Rules: []routing.Rule{rule("vip", storage.Condition{Op: storage.And, Of: []storage.Condition{
		equal("category", "x"), equal("requester.vip", true)}}, "vip", "")}})
	require.Equal(t, itsm.ID("vip"), route().Group)
	require.Equal(t, []string{"category", "requester.vip"}, asked)
}
