// This file holds the cases of versions: their life, their permissions, providers and tenants.

package routingsuite

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

func versions(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	mona, otto := manager(acme), auditor(acme)
	first, err := h.p.Draft(ctx, mona, routing.Draft{Command: itsm.Command{Reason: "to begin with"}, Family: "ticket", Set: everything("desk", "")})
	require.NoError(t, err)
	require.Equal(t, versioned.StateDraft, first.State)
	require.EqualValues(t, 1, first.Number)
	require.EqualValues(t, "mona", first.DraftedBy)
	require.Equal(t, "to begin with", first.DraftReason)

	h.clock.Advance(time.Hour)
	set := everything("network", routing.MethodRoundRobin)
	first, err = h.p.Revise(ctx, mona, first.ID, routing.Revision{Command: itsm.Command{IfVersion: first.Version, Reason: "in turn"}, Set: set})
	require.NoError(t, err)
	require.Equal(t, set, first.Set)
	_, err = h.p.Revise(ctx, mona, first.ID, routing.Revision{Command: itsm.Command{IfVersion: 1}, Set: set})
	require.ErrorIs(t, err, itsm.ErrConflict)

	at := h.clock.Advance(time.Hour)
	first, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{Reason: "agreed"})
	require.NoError(t, err)
	require.Equal(t, versioned.StateActive, first.State)
	require.Equal(t, at, first.ActivatedAt)
	require.Equal(t, "agreed", first.ActivateReason)
	m, err := h.p.Effective(ctx, otto, "ticket")
	require.NoError(t, err)
	require.Equal(t, set, m.Set)
	require.Equal(t, []routing.Source{{Tenant: acme, Set: first.ID, Number: 1}}, m.RuleSources)

	// What is active is not changed, and not activated again.
	var refused *itsm.TransitionError
	_, err = h.p.Revise(ctx, mona, first.ID, routing.Revision{Set: set})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"retire"}, refused.Permitted)
	_, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)

	second := h.follow(t, mona, everything("desk", routing.MethodLeastLoad))
	require.EqualValues(t, 2, second.Number)
	first, err = h.p.Version(ctx, otto, first.ID)
	require.NoError(t, err)
	require.Equal(t, versioned.StateRetired, first.State)
	require.Equal(t, h.clock.Now(), first.RetiredAt)
	require.Equal(t, set, first.Set, "versions are kept")

	// Going back is activating what was retired.
	first, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{Reason: "the second was no better"})
	require.NoError(t, err)
	require.Equal(t, versioned.StateActive, first.State)
	page, err := h.p.Versions(ctx, otto, storage.Query[versioned.Head]{Where: versioned.ByState.Is(versioned.StateActive)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, first.ID, page.Items[0].ID)

	// Who did what, when and why.
	events, err := h.p.VersionHistory(ctx, otto, first.ID)
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		require.EqualValues(t, "mona", e.Actor)
		told = append(told, fmt.Sprintf("%s %s->%s %s %s", e.Action, e.From, e.To, e.Type, e.Reason))
	}
	require.Equal(t, []string{
		"draft ->draft routing.drafted.v1 to begin with",
		"revise draft->draft routing.revised.v1 in turn",
		"activate draft->active routing.activated.v1 agreed",
		"retire active->retired routing.retired.v1 ",
		"activate retired->active routing.activated.v1 the second was no better",
	}, told)
	require.Equal(t, routing.Activated{Family: "ticket", Stack: versioned.StackOwn, Number: 1, Replaced: second.ID}, events[4].Data)
	require.Equal(t, routing.Retired{Family: "ticket", Stack: versioned.StackOwn, Number: 1, By: second.ID}, events[3].Data)
	require.Empty(t, events[0].Changes)
	changed := func(n int) (names []string) {
		for _, c := range events[n].Changes {
			names = append(names, c.Field)
		}
		return names
	}
	require.Equal(t, []string{"revised_by", "revisers", "set"}, changed(1))
	require.Equal(t, []string{"retired_at", "state"}, changed(3))
}

func refused(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	bad := routing.RuleSet{
		Rules: []routing.Rule{
			rule("", equal("colour", "x"), "desk", ""), rule("all", storage.Condition{}, "nowhere", ""), rule("last", equal("open", true), "desk", "chance"),
		},
		Overflow: map[itsm.ID]itsm.ID{"desk": "desk"},
	}
	_, err := h.p.Draft(ctx, mona, routing.Draft{Command: itsm.Command{Key: "a\x00b"}, Family: "ticket", Set: bad})
	require.Equal(t, []string{"key", "set.rules[0].name", "set.rules[0].when.column", "set.rules[2].person.method", "set.overflow", "set.rules[2].when"}, fields(t, err))
	sound := routing.RuleSet{Rules: []routing.Rule{rule("all", storage.Condition{}, "nowhere", "")}, Default: "nowhere"}
	_, err = h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: sound})
	require.Equal(t, []string{"set.rules[0].group"}, fields(t, err), "each group once")
	sound.Rules[0].Group = "desk"
	_, err = h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: sound})
	require.Equal(t, []string{"set.default"}, fields(t, err))
	_, err = h.p.Draft(ctx, mona, routing.Draft{Family: "order", Set: everything("desk", "")})
	require.Equal(t, []string{"family"}, fields(t, err))
	v, err := h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: everything("desk", "")})
	require.NoError(t, err)
	require.EqualValues(t, 1, v.Number, "nothing was kept")
	_, err = h.p.Revise(ctx, mona, v.ID, routing.Revision{Set: bad})
	require.Len(t, fields(t, err), 5)
	_, err = h.p.Revise(ctx, mona, "none", routing.Revision{Set: everything("desk", "")})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Activate(ctx, mona, "none", itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	after, err := h.p.Version(ctx, mona, v.ID)
	require.NoError(t, err)
	require.Equal(t, v, after)
	_, err = h.p.Effective(ctx, mona, "order")
	require.Equal(t, []string{"record_kind"}, fields(t, err))
}

func activatedAtOnce(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	const n = 8
	var ids []itsm.ID
	for range n {
		v, err := h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: everything("desk", "")})
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	require.NoError(t, errors.Join(together.Run(n, func(i int) error {
		_, err := h.p.Activate(ctx, mona, ids[i], itsm.Command{})
		return err
	})...))
	states := map[versioned.State]int{}
	page, err := h.p.Versions(ctx, mona, storage.Query[versioned.Head]{})
	require.NoError(t, err)
	for _, v := range page.Items {
		states[v.State]++
	}
	require.Equal(t, map[versioned.State]int{versioned.StateActive: 1, versioned.StateRetired: n - 1}, states)
}

func draftedAtOnce(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	const n = 12
	require.NoError(t, errors.Join(together.Run(n, func(int) error {
		_, err := h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: everything("desk", "")})
		return err
	})...))
	page, err := h.p.Versions(ctx, mona, storage.Query[versioned.Head]{Order: []storage.Order{versioned.ByNumber.Asc()}})
	require.NoError(t, err)
	require.Len(t, page.Items, n)
	for i, v := range page.Items {
		require.EqualValues(t, i+1, v.Number)
	}
}

func sameKey(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	r := routing.Draft{Command: itsm.Command{Key: "k"}, Family: "ticket", Set: everything("desk", "")}
	first, err := h.p.Draft(ctx, mona, r)
	require.NoError(t, err)
	again, err := h.p.Draft(ctx, mona, r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	r.Set = everything("network", "")
	_, err = h.p.Draft(ctx, mona, r)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	mona.Roles = nil
	r.Set = everything("desk", "")
	_, err = h.p.Draft(ctx, mona, r)
	require.ErrorIs(t, err, itsm.ErrForbidden, "also under an old key")
}

// published is a provider with two tenants, each with what it changes.
func published(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	provider := manager(msp)
	provider.Elsewhere = map[storage.Tenant]itsm.Membership{
		acme: {Roles: []itsm.RoleName{itsm.RoleITServiceManager}}, globex: {Roles: []itsm.RoleName{itsm.RoleITServiceManager}},
	}
	require.ErrorIs(t, h.p.Publish(ctx, provider, routing.Publication{Family: "ticket"}, acme), itsm.ErrNotFound, "it has none yet")
	base := routing.RuleSet{Rules: []routing.Rule{
		rule("network", equal("category", "network"), "network", routing.MethodRoundRobin), rule("printers", equal("category", "printer"), "msp printers", ""),
	}, Default: "msp desk"}
	v := h.follow(t, provider, base)
	own := h.follow(t, manager(acme), routing.RuleSet{Rules: []routing.Rule{rule("printers", equal("category", "printer"), "house", "")}})
	require.NoError(t, h.p.Publish(ctx, provider, routing.Publication{Command: itsm.Command{Reason: "rolled out"}, Family: "ticket"}, acme, globex))

	from := func(tenant storage.Tenant) routing.Source {
		active, err := h.p.Active(ctx, manager(tenant), "ticket")
		require.NoError(t, err)
		return routing.Source{Tenant: tenant, Set: active.Base.ID, Number: 1, Provider: true}
	}
	for tenant, want := range map[storage.Tenant]routing.Merged{
		acme: {
			Set:         routing.RuleSet{Rules: []routing.Rule{own.Set.Rules[0], base.Rules[0]}, Default: "msp desk"},
			RuleSources: []routing.Source{{Tenant: acme, Set: own.ID, Number: 1}, from(acme)}, DefaultSource: from(acme), Overridden: []string{"printers"},
		},
		globex: {Set: base, RuleSources: []routing.Source{from(globex), from(globex)}, DefaultSource: from(globex)},
	} {
		m, err := h.p.Effective(ctx, manager(tenant), "ticket")
		require.NoError(t, err)
		require.Equal(t, want, m)
	}
	for _, c := range []struct {
		tenant   storage.Tenant
		category string
		group    itsm.ID
		why      string
	}{
		{acme, "printer", "house", `rule "printers" (acme, version 1) matches`}, {globex, "printer", "msp printers", `rule "printers" (the provider's, version 1) matches`},
		{acme, "network", "network", `rule "network" (the provider's, version 1) matches`}, {acme, "mail", "msp desk", "the default group (the provider's, version 1) has it"},
	} {
		tk, err := h.openTicket(ctx, manager(c.tenant), ask{category: c.category})
		require.NoError(t, err)
		require.Equal(t, c.group, tk.Group)
		require.Contains(t, tk.Why, c.why)
	}

	// Publishing again changes nothing; a new version replaces the base, and the own rules stay.
	list := func() []versioned.Head {
		page, err := h.p.Versions(ctx, manager(acme), storage.Query[versioned.Head]{Where: versioned.ByStack.Is(versioned.StackBase), Order: []storage.Order{versioned.ByNumber.Asc()}})
		require.NoError(t, err)
		return page.Items
	}
	before := list()
	require.NoError(t, h.p.Publish(ctx, provider, routing.Publication{Family: "ticket"}, acme))
	require.Equal(t, before, list())
	base.Default = "night desk"
	h.follow(t, provider, base)
	require.NoError(t, h.p.Publish(ctx, provider, routing.Publication{Family: "ticket"}, acme))
	after := list()
	require.Len(t, after, 2)
	require.Equal(t, versioned.StateRetired, after[0].State)
	require.Equal(t, versioned.StateActive, after[1].State)
	events, err := h.p.VersionHistory(ctx, manager(acme), after[0].ID)
	require.NoError(t, err)
	require.Equal(t, "inherit", events[0].Action)
	require.Equal(t, "rolled out", events[0].Reason)
	require.Empty(t, events[0].Changes)
	m, err := h.p.Effective(ctx, manager(acme), "ticket")
	require.NoError(t, err)
	require.EqualValues(t, "night desk", m.Set.Default)
	require.EqualValues(t, 2, m.DefaultSource.Number)
	require.Equal(t, own.ID, m.RuleSources[0].Set)

	// The copy is the tenant's to see, the original is not.
	_, err = h.p.Version(ctx, manager(acme), v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	copied, err := h.p.Version(ctx, manager(acme), after[1].ID)
	require.NoError(t, err)
	_, err = h.p.Revise(ctx, manager(acme), copied.ID, routing.Revision{Set: base})
	require.ErrorIs(t, err, itsm.ErrTransition)
}

func publishedInPart(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	provider := manager(msp)
	provider.Elsewhere = map[storage.Tenant]itsm.Membership{acme: {Roles: []itsm.RoleName{itsm.RoleITServiceManager}}}
	set := everything("desk", routing.MethodLeastLoad)
	set.Overflow = map[itsm.ID]itsm.ID{"desk": "network"}
	v := h.follow(t, provider, set)
	err := h.p.Publish(ctx, provider, routing.Publication{Family: "ticket"}, acme, globex, msp)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "tenant globex: ")
	require.ErrorContains(t, err, "tenant msp: ")
	require.NotContains(t, err.Error(), "tenant acme: ")
	m, err := h.p.Effective(ctx, manager(acme), "ticket")
	require.NoError(t, err)
	require.Len(t, m.Set.Rules, 1)
	require.ErrorIs(t, h.p.Publish(ctx, provider, routing.Publication{Family: "ticket"}), itsm.ErrInvalid, "to nobody")
	require.ErrorIs(t, h.p.Publish(ctx, provider, routing.Publication{Family: "order"}, acme), itsm.ErrInvalid)
	require.ErrorIs(t, h.p.Publish(ctx, provider, routing.Publication{Command: itsm.Command{IfVersion: 1}, Family: "ticket"}, acme), itsm.ErrInvalid)

	// Its overflow groups and the tenant's own must not go in a circle together.
	own := everything("network", routing.MethodLeastLoad)
	own.Overflow = map[itsm.ID]itsm.ID{"network": "desk"}
	_, err = h.p.Draft(ctx, manager(acme), routing.Draft{Family: "ticket", Set: own})
	require.ErrorContains(t, err, "together with that of the provider goes in a circle: desk -> network -> desk")

	_, err = h.p.Inherit(ctx, manager(acme), routing.Inheritance{Family: "orders", Base: routing.Layer{Source: routing.Source{Tenant: acme}}})
	require.Equal(t, []string{"base.source.set", "base.source.number", "base.source.tenant", "family"}, fields(t, err))
	bad := routing.Layer{Source: v.Layer().Source, Set: routing.RuleSet{Rules: []routing.Rule{rule("a", equal("x", "y"), "g", "")}}}
	_, err = h.p.Inherit(ctx, manager(acme), routing.Inheritance{Family: "ticket", Base: bad})
	require.Equal(t, []string{"base.set.rules[0].when.column"}, fields(t, err))
}

func permissions(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	v := h.follow(t, manager(acme), everything("desk", ""))
	set := everything("network", "")
	none := func(func(routing.Past, error) bool) {}
	reads := map[string]func(itsm.Actor) error{
		"get":       func(a itsm.Actor) error { _, err := h.p.Version(ctx, a, v.ID); return err },
		"list":      func(a itsm.Actor) error { _, err := h.p.Versions(ctx, a, storage.Query[versioned.Head]{}); return err },
		"history":   func(a itsm.Actor) error { _, err := h.p.VersionHistory(ctx, a, v.ID); return err },
		"effective": func(a itsm.Actor) error { _, err := h.p.Effective(ctx, a, "ticket"); return err },
		"preview":   func(a itsm.Actor) error { _, err := h.p.Preview(ctx, a, "ticket", nil); return err },
		"dry run": func(a itsm.Actor) error {
			_, err := h.p.DryRun(ctx, a, v.ID, none, routing.DryRunOptions{})
			return err
		},
	}
	writes := map[string]func(itsm.Actor) error{
		"draft": func(a itsm.Actor) error {
			_, err := h.p.Draft(ctx, a, routing.Draft{Family: "ticket", Set: set})
			return err
		},
		"revise":   func(a itsm.Actor) error { _, err := h.p.Revise(ctx, a, v.ID, routing.Revision{Set: set}); return err },
		"activate": func(a itsm.Actor) error { _, err := h.p.Activate(ctx, a, v.ID, itsm.Command{}); return err },
		"inherit": func(a itsm.Actor) error {
			_, err := h.p.Inherit(ctx, a, routing.Inheritance{Family: "ticket", Base: routing.Layer{Source: routing.Source{Tenant: msp, Set: "x", Number: 1}, Set: set}})
			return err
		},
		"publish": func(a itsm.Actor) error { return h.p.Publish(ctx, a, routing.Publication{Family: "ticket"}, globex) },
	}
	for name, read := range reads {
		require.NoError(t, read(auditor(acme)), name)
		require.ErrorIs(t, read(analyst(acme)), itsm.ErrForbidden, name)
		require.ErrorIs(t, read(itsm.Actor{}), itsm.ErrInvalid, name)
	}
	for name, write := range writes {
		require.ErrorIs(t, write(auditor(acme)), itsm.ErrForbidden, name)
		require.ErrorIs(t, write(analyst(acme)), itsm.ErrForbidden, name)
	}
	// Whoever opens a ticket needs no permission of routing.
	tk, err := h.openTicket(ctx, analyst(acme), ask{})
	require.NoError(t, err)
	require.EqualValues(t, "desk", tk.Group)
}

func tenantsApart(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	mine := h.follow(t, manager(acme), everything("desk", routing.MethodRoundRobin))
	tk, err := h.openTicket(ctx, manager(globex), ask{})
	require.NoError(t, err)
	require.Empty(t, tk.Group, "another's rules are not followed")
	theirs := h.follow(t, manager(globex), everything("desk", routing.MethodRoundRobin))
	require.EqualValues(t, 1, theirs.Number)
	for range 3 {
		_, err := h.openTicket(ctx, manager(acme), ask{})
		require.NoError(t, err)
	}
	tk, err = h.openTicket(ctx, manager(globex), ask{})
	require.NoError(t, err)
	require.EqualValues(t, "ana", tk.Assignee, "turns and loads are each tenant's own")

	_, err = h.p.Version(ctx, manager(globex), mine.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.VersionHistory(ctx, manager(globex), mine.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Activate(ctx, manager(globex), mine.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Revise(ctx, manager(globex), mine.ID, routing.Revision{Set: everything("desk", "")})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.DryRun(ctx, manager(globex), mine.ID, nil, routing.DryRunOptions{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := h.p.Versions(ctx, manager(globex), storage.Query[versioned.Head]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

func nested(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	boom := errors.New("boom")
	for _, fails := range []bool{true, false} {
		err := h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			in := h.p.In(u.Store())
			v, err := in.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: everything("desk", "")})
			if err != nil {
				return err
			}
			if _, err = in.Activate(ctx, mona, v.ID, itsm.Command{}); err != nil {
				return err
			}
			d, err := h.p.RouteFacts(ctx, u, "ticket", routing.Facts{"category": "x"})
			if err != nil {
				return err
			}
			if d.Group != "desk" {
				return fmt.Errorf("the unit does not see its own rules: %v", d)
			}
			if fails {
				return boom
			}
			return nil
		})
		page, listed := h.p.Versions(ctx, mona, storage.Query[versioned.Head]{})
		require.NoError(t, listed)
		if fails {
			require.ErrorIs(t, err, boom)
			require.Empty(t, page.Items)
			continue
		}
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
	}
}
