// This file holds the cases of rule sets: their life, their faults, providers.

package notifysuite

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// follow drafts a set and activates it.
func (h *desk) follow(t *testing.T, actor itsm.Actor, s notify.RuleSet) notify.Version {
	t.Helper()
	v, err := h.p.Draft(t.Context(), actor, notify.Draft{Set: s})
	require.NoError(t, err)
	v, err = h.p.Activate(t.Context(), actor, v.ID, itsm.Command{})
	require.NoError(t, err)
	return v
}

func ruleNames(m notify.Merged) (names []string) {
	for i, r := range m.Rules {
		names = append(names, r.Name+" of "+m.Sources[i].String())
	}
	return names
}

func layers(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	provider := manager(msp)
	provider.Elsewhere = map[storage.Tenant]itsm.Membership{acme: {Roles: []itsm.RoleName{itsm.RoleITServiceManager}}}
	require.ErrorIs(t, h.p.Publish(ctx, provider, notify.Publication{}, acme), itsm.ErrNotFound, "there is nothing to publish")
	h.follow(t, provider, notify.RuleSet{Rules: []notify.Rule{
		rule("opened", func(r *notify.Rule) { r.Template = "provider.opened" }), rule("resolved", func(r *notify.Rule) { r.Template = "provider.resolved" })}})
	err := h.p.Publish(ctx, provider, notify.Publication{}, acme, globex)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.ErrorContains(t, err, "tenant globex")
	require.NoError(t, h.p.Publish(ctx, provider, notify.Publication{}, acme), "again, which does nothing")
	h.follow(t, manager(acme), notify.RuleSet{Rules: []notify.Rule{
		{Name: "noted", Off: true}, rule("opened", func(r *notify.Rule) { r.Template = "own.opened" })}})
	m, err := h.p.Rules(ctx, manager(acme))
	require.NoError(t, err)
	require.Equal(t, []string{"opened of acme, version 1", "resolved of the provider's, version 1"}, ruleNames(m))
	tk := h.log(t, ctx, person(acme, "cem"), func(tk *ticket) { tk.Group = "" })
	h.write(t, ctx, person(acme, "cem"), tk.ID, "quiet", false)
	h.change(t, ctx, person(acme, "cem"), tk.ID, resolved{}, false, nil)
	h.pass(t, ctx, 0)
	require.Equal(t, []string{"rita email own.opened", "rita email provider.resolved"}, h.take())
	x, err := h.p.Explain(ctx, manager(acme), h.first(t, ctx, tk).ID)
	require.NoError(t, err)
	require.Equal(t, acme, x.Decisions[0].Source.Tenant)

	own := h.follow(t, manager(acme), notify.RuleSet{Alone: true, Rules: []notify.Rule{rule("noted")}})
	m, err = h.p.Rules(ctx, manager(acme))
	require.NoError(t, err)
	require.Equal(t, []string{"noted of acme, version 2"}, ruleNames(m))
	_, err = h.p.Retire(ctx, manager(acme), own.ID, itsm.Command{})
	require.NoError(t, err)
	m, err = h.p.Rules(ctx, manager(acme))
	require.NoError(t, err)
	require.Equal(t, []string{"opened of the provider's, version 1", "resolved of the provider's, version 1", "noted of shipped"}, ruleNames(m))
}

func refused(t *testing.T, store storage.Store) {
	h, ctx := start(t, store, notify.Options{}), t.Context()
	bad := notify.RuleSet{Rules: []notify.Rule{
		{Name: "empty"},
		rule("empty", func(r *notify.Rule) {
			r.RecordKind, r.Template = "order", "A B"
			r.Events, r.Until = []string{"ticket.lost.v1", "*", "ticket.opened.v1"}, []string{"incident.*"}
		}),
		rule("opened", func(r *notify.Rule) {
			r.When = storage.Condition{Op: storage.Equal, Column: "colour", Values: []any{"red"}}
			r.Audiences = []notify.Audience{{Kind: "everyone"}, {Kind: notify.AudienceRole}, {Kind: notify.AudienceRequester, Name: "x"}, {Kind: notify.AudienceWatchers}, {Kind: notify.AudienceWatchers},
				{Kind: notify.AudienceOnCall, Name: "days"}, {Kind: notify.AudienceOnCall, Name: "nights"}, {Kind: notify.AudienceRole, Name: "service_owner"}}
			r.Channels = []notify.Channel{"E-Mail", "sms", "sms"}
			r.CollapseSeconds, r.ExpireSeconds = 60, 60
		}),
	}}
	_, err := h.p.Draft(ctx, manager(acme), notify.Draft{Command: itsm.Command{Key: "a\x00b"}, Set: bad})
	require.Equal(t, []string{
		"key", "set.rules[0].record_kind", "set.rules[0].events", "set.rules[0].audiences", "set.rules[0].channels", "set.rules[0].template",
		"set.rules[1].name", "set.rules[1].record_kind", "set.rules[1].events[0]", "set.rules[1].events[1]", "set.rules[1].until[0]", "set.rules[1].template",
		"set.rules[2].when.column", "set.rules[2].audiences[0].kind", "set.rules[2].audiences[1].name", "set.rules[2].audiences[2].name", "set.rules[2].audiences[4]",
		"set.rules[2].audiences[5].name", "set.rules[2].audiences[7].name",
		"set.rules[2].channels[0]", "set.rules[2].channels[2]", "set.rules[2].collapse_seconds",
	}, fields(t, err))
	page, err := h.p.Versions(ctx, manager(acme), storage.Query[versioned.Head]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	for _, actor := range []itsm.Actor{person(acme, "ana"), person(acme, "rita")} {
		_, err = h.p.Draft(ctx, actor, notify.Draft{Set: bad})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Rules(ctx, actor)
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
}

func versions(t *testing.T, store storage.Store) {
	h, ctx, mona := start(t, store, notify.Options{}), t.Context(), manager(acme)
	set := notify.RuleSet{Rules: []notify.Rule{rule("opened")}}
	v, err := h.p.Draft(ctx, mona, notify.Draft{Command: itsm.Command{Key: "once"}, Set: set})
	require.NoError(t, err)
	again, err := h.p.Draft(ctx, mona, notify.Draft{Command: itsm.Command{Key: "once"}, Set: set})
	require.NoError(t, err)
	require.Equal(t, v, again)
	revised := notify.RuleSet{Rules: []notify.Rule{rule("noted")}}
	v, err = h.p.Revise(ctx, mona, v.ID, notify.Revision{Command: itsm.Command{IfVersion: v.Head.Version}, Set: revised})
	require.NoError(t, err)
	_, err = h.p.Revise(ctx, mona, v.ID, notify.Revision{Command: itsm.Command{IfVersion: 1}, Set: set})
	require.ErrorIs(t, err, itsm.ErrConflict)
	v, err = h.p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, versioned.StateActive, v.State)
	_, err = h.p.Revise(ctx, mona, v.ID, notify.Revision{Set: set})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = h.p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	var ids []itsm.ID
	for range 6 {
		v, err := h.p.Draft(ctx, mona, notify.Draft{Set: set})
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	require.NoError(t, errors.Join(together.Run(len(ids), func(i int) error {
		_, err := h.p.Activate(ctx, mona, ids[i], itsm.Command{})
		return err
	})...))
	page, err := h.p.Versions(ctx, mona, storage.Query[versioned.Head]{Where: versioned.ByState.Is(versioned.StateActive)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "of many activated at once one is active")
	got, err := h.p.Version(ctx, mona, v.ID)
	require.NoError(t, err)
	require.Equal(t, versioned.StateRetired, got.State)
	require.Equal(t, revised, got.Set)
	_, err = h.p.Version(ctx, mona, "none")
	require.ErrorIs(t, err, itsm.ErrNotFound)
}
