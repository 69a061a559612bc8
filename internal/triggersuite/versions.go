// This file holds the cases of versions: their life, their faults, their permissions, providers and
// tenants.

package triggersuite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

func versions(t *testing.T, h *host) {
	ctx, mona, otto := t.Context(), manager(acme), auditor(acme)
	none := storage.Condition{}
	first, err := h.p.Draft(ctx, mona, trigger.Draft{Command: itsm.Command{Key: "k", Reason: "to begin with"}, Set: set(on("a", "", none, "1"))})
	require.NoError(t, err)
	require.Equal(t, versioned.StateDraft, first.State)
	again, err := h.p.Draft(ctx, mona, trigger.Draft{Command: itsm.Command{Key: "k", Reason: "to begin with"}, Set: set(on("a", "", none, "1"))})
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "the same key gives the first version")
	one := h.open(t, mona, "vpn", 1)
	h.tick(t)
	require.Empty(t, h.firings(t, mona, one.ID), "a draft does not fire")

	h.clock.Advance(time.Hour)
	revised := set(on("a", "opened", none, "2"))
	first, err = h.p.Revise(ctx, mona, first.ID, trigger.Revision{Command: itsm.Command{IfVersion: first.Version, Reason: "less"}, Set: revised})
	require.NoError(t, err)
	require.Equal(t, revised, first.Set)
	_, err = h.p.Revise(ctx, mona, first.ID, trigger.Revision{Command: itsm.Command{IfVersion: 1}, Set: revised})
	require.ErrorIs(t, err, itsm.ErrConflict)
	first, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{Reason: "agreed"})
	require.NoError(t, err)
	require.Equal(t, h.clock.Now(), first.ActivatedAt)
	var refused *itsm.TransitionError
	_, err = h.p.Revise(ctx, mona, first.ID, trigger.Revision{Set: revised})
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"retire"}, refused.Permitted)
	_, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)

	second := h.follow(t, mona, on("b", "", none, "3"))
	require.EqualValues(t, 2, second.Number)
	first, err = h.p.Version(ctx, otto, first.ID)
	require.NoError(t, err)
	require.Equal(t, versioned.StateRetired, first.State)
	require.Equal(t, revised, first.Set, "versions are kept")
	two := h.open(t, mona, "vpn", 1)
	h.tick(t)
	require.Equal(t, []string{"b: 3"}, h.lines(t, mona, two.ID))

	_, err = h.p.Activate(ctx, mona, first.ID, itsm.Command{Reason: "back"})
	require.NoError(t, err)
	page, err := h.p.Versions(ctx, otto, storage.Query[versioned.Head]{Where: versioned.ByState.Is(versioned.StateActive)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, first.ID, page.Items[0].ID)
	three := h.open(t, mona, "vpn", 1)
	h.tick(t)
	require.Equal(t, []string{"a: 2"}, h.lines(t, mona, three.ID))

	events, err := h.p.VersionHistory(ctx, otto, first.ID)
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		told = append(told, fmt.Sprintf("%s %s->%s %s %s", e.Action, e.From, e.To, e.Type, e.Reason))
	}
	require.Equal(t, []string{
		"draft ->draft trigger.drafted.v1 to begin with",
		"revise draft->draft trigger.revised.v1 less",
		"activate draft->active trigger.activated.v1 agreed",
		"retire active->retired trigger.retired.v1 ",
		"activate retired->active trigger.activated.v1 back",
	}, told)
	require.Equal(t, trigger.Activated{Stack: versioned.StackOwn, Number: 1, Replaced: second.ID}, events[4].Data)
}

func refused(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	_, err := h.p.Draft(ctx, mona, trigger.Draft{Command: itsm.Command{Key: "a\x00b"}, Set: set(
		trigger.Trigger{Name: "Bad Name", During: "sometimes", On: trigger.Listen{Kind: "order", Types: []string{"order.lost.v1"}, Entering: []itsm.Category{"done"}}},
		on("twice", "", cond(storage.Equal, "colour", "red"), "{{nothing}} {{"),
		on("twice", "", and(cond(trigger.OpChanged, "nothing"), cond(trigger.OpChangedTo, "priority", "high"), cond(trigger.OpChangedFrom, "priority"), cond(storage.Equal, "event.to_category", "done")), "x"),
		on("never", "opened", and(cond(trigger.OpChangedTo, "priority", int64(1)), cond(storage.Above, "priority", int64(1))), "x"),
		on("never-heard", "opened", cond(storage.Equal, "event.type", "ticket.edited.v1"), "x"),
		trigger.Trigger{Name: "steps", On: trigger.Listen{Kind: "ticket"}, Actions: []trigger.Step{
			{Action: "launch"}, {Action: trigger.ActionRefuse, With: []byte(`{"reason":"no"}`)}, {Action: "write", With: []byte(`{"text":"x","colour":1}`)},
			{Action: "write", With: []byte(`{"text":""}`)}, {Action: "write", With: []byte(`[]`)},
		}},
	)})
	got := faults(t, err)
	require.Equal(t, []string{
		`key holds a control character`,
		`set.triggers[0].name is "Bad Name"; write lower-case letters, digits, underscores and hyphens, a letter first, at most 60`,
		`set.triggers[0].during is "sometimes"; allowed are after and transaction`,
		`set.triggers[0].on.types[0] "order.lost.v1" is an event type that nobody registered`,
		`set.triggers[0].on.entering[0] is "done"; it is one of: new, active, waiting, resolved, closed, cancelled`,
		`set.triggers[0].on.kind "order" is no kind of record that triggers are told of`,
		`set.triggers[0].actions are required`,
		`set.triggers[1].when.column "colour" is no column, field or fact of ticket`,
		`set.triggers[1].actions[0].with.text has "{{" without a name and "}}" behind it`,
		`set.triggers[2].name "twice" is that of triggers[1] already`,
		`set.triggers[2].when.of[0].column "nothing" is no column or field of ticket that can change`,
		`set.triggers[2].when.of[2].values must be one or more for changed_from`,
		`set.triggers[2].when.of[3].values[0] event.to_category is never "done"; it is one of: new, active, waiting, resolved, closed, cancelled`,
		`set.triggers[2].when.of[1].values[0] priority takes int values, not text`,
		`set.triggers[3].when can never hold for an event that the trigger listens to`,
		`set.triggers[4].when can never hold for an event that the trigger listens to`,
		`set.triggers[5].actions[0].action "launch" is unknown; there are: activate, bump, panic, refuse, tell, write`,
		`set.triggers[5].actions[1].action refuse is for triggers that run in the transaction`,
		`set.triggers[5].actions[2].with cannot be read: json: unknown field "colour"`,
		`set.triggers[5].actions[3].with.text is required`,
		`set.triggers[5].actions[4].with cannot be read: json: cannot unmarshal array into Go value of type triggersuite.text`,
		`set.triggers[5].actions[4].with must be an object`,
	}, got)
	page, err := h.p.Versions(ctx, mona, storage.Query[versioned.Head]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func provider() itsm.Actor {
	a := manager(msp)
	a.Elsewhere = map[itsm.Tenant]itsm.Membership{
		acme: {Roles: []itsm.RoleName{itsm.RoleITServiceManager}}, globex: {Roles: []itsm.RoleName{itsm.RoleAuditor}},
	}
	return a
}

func published(t *testing.T, h *host) {
	ctx, none := t.Context(), storage.Condition{}
	pat := provider()
	require.ErrorIs(t, h.p.Publish(ctx, pat, trigger.Publication{}, acme), itsm.ErrNotFound)
	third := on("third", "", none, "provider")
	third.Order = 3
	base := h.follow(t, pat, on("greet", "", none, "provider"), on("noise", "", none, "provider"), third)
	require.NoError(t, h.p.Publish(ctx, pat, trigger.Publication{Command: itsm.Command{Reason: "for all"}}, acme))
	require.NoError(t, h.p.Publish(ctx, pat, trigger.Publication{}, acme), "it can be repeated")
	err := h.p.Publish(ctx, pat, trigger.Publication{}, globex)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.ErrorContains(t, err, "globex")

	mona := manager(acme)
	off := on("noise", "", none, "x")
	off.Inactive = true
	second := on("second", "", none, "own")
	second.Order = 2
	own := h.follow(t, mona, second, off, on("first", "", none, "own"))
	m, err := h.p.Effective(ctx, mona)
	require.NoError(t, err)
	var told []string
	for i, x := range m.Triggers {
		told = append(told, fmt.Sprintf("%s: %s", x.Name, m.Sources[i]))
	}
	require.Equal(t, []string{"noise: acme, version 1", "first: acme, version 1", "greet: the provider's, version 1", "second: acme, version 1", "third: the provider's, version 1"}, told)
	require.Equal(t, []string{"noise"}, m.Overridden)
	one := h.open(t, mona, "vpn", 1)
	h.tick(t)
	require.Equal(t, []string{"first: own", "greet: provider", "second: own", "third: provider"}, h.lines(t, mona, one.ID))
	f, err := h.p.Firing(ctx, mona, trigger.FiringID(h.event(t, mona, one.ID, 1), "greet"))
	require.NoError(t, err)
	active, err := h.p.Active(ctx, mona, "")
	require.NoError(t, err)
	require.Equal(t, []any{active.Base.ID, acme}, []any{f.Set, f.SetTenant}, "the tenant's copy")
	require.NotEqual(t, base.ID, f.Set)
	f, err = h.p.Firing(ctx, mona, trigger.FiringID(h.event(t, mona, one.ID, 1), "first"))
	require.NoError(t, err)
	require.Equal(t, own.ID, f.Set)

	// What fails of the base is tried again from the copy.
	h.breaks("greet", true)
	two := h.open(t, mona, "vpn", 1)
	h.tick(t)
	h.breaks("greet", false)
	h.clock.Advance(time.Hour)
	h.tick(t)
	require.Contains(t, h.lines(t, mona, two.ID), "greet: provider")

	_, err = h.p.Inherit(ctx, mona, trigger.Inheritance{Base: trigger.Layer{Source: trigger.Source{Tenant: acme}, Set: set(on("x", "", cond(storage.Equal, "colour", "x"), "x"))}})
	require.Equal(t, []string{"base.source.set is required", "base.source.number must be 1 or more", "base.source.tenant is the tenant itself",
		`base.set.triggers[0].when.column "colour" is no column, field or fact of ticket`}, faults(t, err))
}

func permissions(t *testing.T, h *host) {
	ctx, mona, none := t.Context(), manager(acme), storage.Condition{}
	v := h.follow(t, mona, on("a", "", none, "x"))
	one := h.open(t, mona, "vpn", 1)
	h.tick(t)
	owner := itsm.Actor{Tenant: acme, ID: "pia", Roles: []itsm.RoleName{itsm.RoleProcessOwner}}
	_, err := h.p.Draft(ctx, owner, trigger.Draft{Set: set(on("a", "", none, "x"))})
	require.NoError(t, err, "the owner of the process answers for them")
	ref := itsm.Ref{Kind: "ticket", ID: one.ID}
	_, err = h.p.Explain(ctx, owner, ref, 1, 0)
	require.ErrorIs(t, err, itsm.ErrNotFound, "who may not read the record does not learn of it")
	trial, err := h.p.DryRun(ctx, owner, v.ID, trigger.History{Kind: "ticket"})
	require.NoError(t, err)
	require.Equal(t, trigger.Trial{Events: 1, Unreadable: 1, Fired: map[string][2]int{"a": {}}}, trial)

	for _, who := range []struct {
		actor        itsm.Actor
		read, manage bool
	}{{mona, true, true}, {auditor(acme), true, false}, {analyst(acme), false, false}, {owner, true, true}} {
		allowed := func(want bool, err error) {
			t.Helper()
			if want {
				require.NotErrorIs(t, err, itsm.ErrForbidden)
			} else {
				require.ErrorIs(t, err, itsm.ErrForbidden)
			}
		}
		_, err := h.p.Version(ctx, who.actor, v.ID)
		allowed(who.read, err)
		_, err = h.p.Versions(ctx, who.actor, storage.Query[versioned.Head]{})
		allowed(who.read, err)
		_, err = h.p.VersionHistory(ctx, who.actor, v.ID)
		allowed(who.read, err)
		_, err = h.p.Effective(ctx, who.actor)
		allowed(who.read, err)
		_, err = h.p.Firings(ctx, who.actor, storage.Query[trigger.FiringHead]{})
		allowed(who.read, err)
		_, err = h.p.Firing(ctx, who.actor, "x")
		allowed(who.read, err)
		_, err = h.p.Explain(ctx, who.actor, ref, 1, 0)
		allowed(who.read, err)
		_, err = h.p.DryRun(ctx, who.actor, v.ID, trigger.History{Kind: "ticket"})
		allowed(who.read, err)
		_, err = h.p.Draft(ctx, who.actor, trigger.Draft{Set: set(on("a", "", none, "x"))})
		allowed(who.manage, err)
		_, err = h.p.Revise(ctx, who.actor, v.ID, trigger.Revision{Set: set(on("a", "", none, "x"))})
		allowed(who.manage, err)
		_, err = h.p.Activate(ctx, who.actor, v.ID, itsm.Command{})
		allowed(who.manage, err)
		_, err = h.p.Inherit(ctx, who.actor, trigger.Inheritance{})
		allowed(who.manage, err)
		err = h.p.Publish(ctx, who.actor, trigger.Publication{}, globex)
		require.ErrorIs(t, err, itsm.ErrForbidden)
		if who.manage {
			require.ErrorContains(t, err, "tenant globex", "it is the other tenant that refuses")
		} else {
			require.NotContains(t, err.Error(), "globex")
		}
	}
}

func tenantsApart(t *testing.T, h *host) {
	ctx, none := t.Context(), storage.Condition{}
	ours, theirs := manager(acme), manager(globex)
	v := h.follow(t, ours, on("a", "", none, "acme"))
	h.follow(t, theirs, on("a", "", none, "globex"))
	one, two := h.open(t, ours, "vpn", 1), h.open(t, theirs, "vpn", 1)
	h.tick(t)
	require.Equal(t, []string{"a: acme"}, h.lines(t, ours, one.ID))
	require.Equal(t, []string{"a: globex"}, h.lines(t, theirs, two.ID))
	_, err := h.p.Version(ctx, theirs, v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Activate(ctx, theirs, v.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Firing(ctx, theirs, trigger.FiringID(h.event(t, ours, one.ID, 1), "a"))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Explain(ctx, theirs, itsm.Ref{Kind: "ticket", ID: one.ID}, 1, 0)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := h.p.Firings(ctx, theirs, storage.Query[trigger.FiringHead]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.NoError(t, h.e.View(ctx, ours, func(ctx context.Context, r storage.Reader) error {
		n, err := trigger.FiringTable.Count(ctx, r, storage.Filter[trigger.FiringHead]{})
		require.EqualValues(t, 1, n)
		return err
	}))
}
