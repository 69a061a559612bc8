// This file holds the cases of values: how they come down, are overridden, locked, merged and kept.

package settingssuite

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage"
)

func comesDown(t *testing.T, store storage.Store) {
	d := family(t, store)
	require.Equal(t, "This value is the default.", d.text(t, acme).String())

	d.setText(t, msp, "from above")
	require.Equal(t, "from above", d.text(t, msp).Value, "at once in the tenant itself")
	require.Equal(t, "default text", d.text(t, acme).Value, "not before what is due has run")
	d.clock.Advance(time.Hour)
	d.settle(t)
	for _, tenant := range []storage.Tenant{acme, globex, logistics} {
		v := d.text(t, tenant)
		require.Equal(t, "from above", v.Value)
		require.Equal(t, settings.Provenance{Origin: settings.Origin{Kind: settings.OriginInherited, From: "Northwind IT",
			At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}}, v.Provenance)
		require.Equal(t, "This value comes from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC.", v.String())
		require.JSONEq(t, `{"value":"from above","origin":{"kind":"inherited","from":"Northwind IT","at":"2026-03-02T09:00:00Z"}}`, string(raw(t, v)))
	}
	d.setText(t, acme, "acme's own")
	d.settle(t)
	require.Equal(t, "This value comes from acme, set by owner of acme on 2 March 2026 at 10:00 UTC.", d.text(t, acme).String())
	require.Equal(t, "This value comes from the organisation above (inherited), set on 2 March 2026 at 10:00 UTC.", d.text(t, logistics).String())
	require.Equal(t, "from above", d.text(t, globex).Value)

	d.setText(t, msp, "again")
	d.settle(t)
	require.Equal(t, []string{"again", "acme's own", "acme's own", "again"},
		[]string{d.text(t, msp).Value, d.text(t, acme).Value, d.text(t, logistics).Value, d.text(t, globex).Value})

	effective, err := d.p.Effective(t.Context(), auditor(acme))
	require.NoError(t, err)
	var names []string
	for _, s := range effective {
		names = append(names, s.Setting)
		one, err := d.p.Get(t.Context(), auditor(acme), s.Setting)
		require.NoError(t, err)
		require.Equal(t, one, s)
	}
	require.Equal(t, []string{"desk.items", "desk.keys", "desk.limit", "desk.text"}, names)
	require.Equal(t, "Limit", effective[2].Title)
	require.Equal(t, &settings.Own{Value: raw(t, "acme's own")}, effective[3].Own)
}

func cleared(t *testing.T, store storage.Store) {
	d := family(t, store)
	d.setText(t, msp, "from above")
	d.setText(t, acme, "own")
	d.settle(t)
	d.setText(t, msp, "newer")
	d.settle(t)
	s := d.change(t, acme, text.Name(), settings.ActionClear)
	require.Nil(t, s.Own)
	require.JSONEq(t, `"newer"`, string(s.Value), "what is inherited now, at once")
	d.settle(t)
	require.Equal(t, "newer", d.text(t, logistics).Value)

	var none *itsm.TransitionError
	_, err := d.p.Clear(t.Context(), owner(acme), text.Name(), itsm.Command{})
	require.ErrorAs(t, err, &none)
	require.Equal(t, []string{"set", "lock"}, none.Permitted)

	d.change(t, msp, text.Name(), settings.ActionClear)
	d.settle(t)
	for _, tenant := range []storage.Tenant{msp, acme, logistics, globex} {
		require.Equal(t, "default text", d.text(t, tenant).Value)
		require.Equal(t, settings.OriginDefault, d.text(t, tenant).Origin.Kind)
	}
}

func locked(t *testing.T, store storage.Store) {
	d := family(t, store)
	d.setText(t, msp, "for all")
	d.setText(t, acme, "own")
	d.settle(t)
	s := d.change(t, msp, text.Name(), settings.ActionLock)
	require.True(t, s.LocksBelow)
	require.Empty(t, s.LockedBy, "who locks may change it")
	again := d.change(t, msp, text.Name(), settings.ActionLock)
	require.Equal(t, s, again, "nothing happens")
	d.settle(t)
	for _, tenant := range []storage.Tenant{acme, globex, logistics} {
		v := d.text(t, tenant)
		require.Equal(t, "for all", v.Value)
		require.Equal(t, "This value comes from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC, and is locked by Northwind IT.", v.String())
		var refused *itsm.TransitionError
		_, err := text.Set(t.Context(), d.p, owner(tenant), "no", itsm.Command{})
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "locked", refused.State)
		_, err = d.p.Lock(t.Context(), owner(tenant), text.Name(), itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition)
		_, err = d.p.Unlock(t.Context(), owner(tenant), text.Name(), itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition)
	}
	mine, err := d.p.Get(t.Context(), auditor(acme), text.Name())
	require.NoError(t, err)
	require.Equal(t, &settings.Own{Value: raw(t, "own")}, mine.Own, "kept without effect")

	d.setText(t, msp, "for all, newer")
	d.settle(t)
	require.Equal(t, "for all, newer", d.text(t, logistics).Value)
	d.change(t, msp, text.Name(), settings.ActionUnlock)
	d.settle(t)
	require.Equal(t, []string{"own", "own", "for all, newer"}, []string{d.text(t, acme).Value, d.text(t, logistics).Value, d.text(t, globex).Value})

	// A lock holds without a value too: those below have the default.
	_, err = limit.Set(t.Context(), d.p, owner(acme), 5, itsm.Command{})
	require.NoError(t, err)
	d.change(t, msp, limit.Name(), settings.ActionLock)
	d.settle(t)
	v, err := limit.Get(t.Context(), d.p, auditor(logistics))
	require.NoError(t, err)
	require.Equal(t, 10, v.Value)
	require.Equal(t, "This value is the default, and is locked by Northwind IT.", v.String())
	// What has no effect may be cleared.
	d.change(t, acme, limit.Name(), settings.ActionClear)
}

func private(t *testing.T, store storage.Store) {
	d := family(t, store)
	d.setText(t, msp, "for all")
	d.settle(t)
	_, err := d.p.Set(t.Context(), owner(acme), text.Name(), settings.Change{Value: raw(t, "ours alone"), Private: true})
	require.NoError(t, err)
	d.settle(t)
	require.Equal(t, "ours alone", d.text(t, acme).Value)
	require.Equal(t, "for all", d.text(t, logistics).Value)
	// The same value in the open is a change.
	d.setText(t, acme, "ours alone")
	d.settle(t)
	require.Equal(t, "ours alone", d.text(t, logistics).Value)
}

func merged(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	set := func(tenant storage.Tenant, m map[string]string, l []string) {
		_, err := keys.Set(ctx, d.p, owner(tenant), m, itsm.Command{})
		require.NoError(t, err)
		_, err = items.Set(ctx, d.p, owner(tenant), l, itsm.Command{})
		require.NoError(t, err)
	}
	set(msp, map[string]string{"b": "msp b", "c": "msp c"}, []string{"msp item", "default item"})
	d.settle(t)
	set(acme, map[string]string{"c": "acme c", "d": "acme d"}, []string{"acme item", "msp item", "acme item"})
	d.settle(t)
	m, err := keys.Get(ctx, d.p, auditor(logistics))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "default a", "b": "msp b", "c": "acme c", "d": "acme d"}, m.Value)
	parts := func(all []settings.Part) (out []string) {
		for _, p := range all {
			out = append(out, fmt.Sprint(p.Kind, " ", p.From, " ", p.Keys))
		}
		return out
	}
	require.Equal(t, []string{"default  [a]", "inherited Northwind IT [b]", "inherited the organisation above [c d]"}, parts(m.Parts))
	require.Equal(t, "This value is merged from the default; Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC and "+
		"the organisation above (inherited), set on 2 March 2026 at 09:00 UTC.", m.String())
	l, err := items.Get(ctx, d.p, auditor(acme))
	require.NoError(t, err)
	require.Equal(t, []string{"default item", "msp item", "acme item"}, l.Value)
	require.Equal(t, []string{`default  ["default item"]`, `inherited Northwind IT ["msp item"]`, `own acme ["acme item"]`}, parts(l.Parts))

	// What is below stays when what is above goes.
	d.change(t, msp, keys.Name(), settings.ActionClear)
	d.settle(t)
	m, err = keys.Get(ctx, d.p, auditor(acme))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "default a", "c": "acme c", "d": "acme d"}, m.Value)

	// A lock leaves those below no key of their own.
	d.change(t, msp, keys.Name(), settings.ActionLock)
	d.settle(t)
	m, err = keys.Get(ctx, d.p, auditor(acme))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "default a"}, m.Value)
	require.Equal(t, settings.OriginDefault, m.Origin.Kind)
	require.Empty(t, m.Parts)
}

func versions(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	first, err := limit.Set(ctx, d.p, owner(acme), 20, itsm.Command{Reason: "to begin with"})
	require.NoError(t, err)
	at := d.clock.Advance(time.Hour)
	same, err := limit.Set(ctx, d.p, owner(acme), 20, itsm.Command{Reason: "the same"})
	require.NoError(t, err)
	require.Equal(t, first, same, "nothing happens")
	second, err := limit.Set(ctx, d.p, manager(acme), 30, itsm.Command{Reason: "more", IfVersion: first.Version})
	require.NoError(t, err)
	require.Equal(t, first.Version+1, second.Version)
	_, err = limit.Set(ctx, d.p, manager(acme), 40, itsm.Command{IfVersion: first.Version})
	require.ErrorIs(t, err, itsm.ErrConflict)
	_, err = text.Set(ctx, d.p, manager(acme), "x", itsm.Command{IfVersion: 3})
	require.ErrorIs(t, err, itsm.ErrConflict, "there is none yet")
	_, err = d.p.Lock(ctx, manager(acme), limit.Name(), itsm.Command{Reason: "agreed"})
	require.NoError(t, err)
	_, err = d.p.Clear(ctx, manager(acme), limit.Name(), itsm.Command{Reason: "no more"})
	require.NoError(t, err)

	page, err := d.p.Versions(ctx, auditor(acme), limit.Name(), "", 3)
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	rest, err := d.p.Versions(ctx, auditor(acme), limit.Name(), page.Next, 3)
	require.NoError(t, err)
	require.Empty(t, rest.Next)
	var told []string
	for _, v := range append(page.Items, rest.Items...) {
		value := "none"
		if v.Own != nil {
			value = string(v.Own.Value)
		}
		told = append(told, fmt.Sprint(v.Number, " ", v.Action, " ", value, " ", v.Locks, " by ", v.By, ": ", v.Reason))
	}
	require.Equal(t, []string{
		"4 clear none true by mona: no more", "3 lock 30 true by mona: agreed",
		"2 set 30 false by mona: more", "1 set 20 false by owner of acme: to begin with",
	}, told)
	require.Equal(t, at, page.Items[0].Created)

	events, err := d.p.History(ctx, auditor(acme), limit.Name())
	require.NoError(t, err)
	told = nil
	for _, e := range events {
		told = append(told, fmt.Sprint(e.Action, " by ", e.Actor, ": ", e.Reason))
	}
	require.Equal(t, []string{"set by owner of acme: to begin with", "set by mona: more", "lock by mona: agreed", "clear by mona: no more"}, told)
	require.Equal(t, settings.Changed{Setting: limit.Name(), Action: settings.ActionSet, Number: 2}, events[1].Data)

	// What comes from above stands in the history, and raises the version that a caller has seen.
	seen, err := d.p.Get(ctx, auditor(globex), limit.Name())
	require.NoError(t, err)
	_, err = limit.Set(ctx, d.p, owner(msp), 50, itsm.Command{Reason: "the provider's own"})
	require.NoError(t, err)
	d.settle(t)
	now, err := d.p.Get(ctx, auditor(globex), limit.Name())
	require.NoError(t, err)
	require.Greater(t, now.Version, seen.Version)
	events, err = d.p.History(ctx, auditor(globex), limit.Name())
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, settings.Inherited{Setting: limit.Name()}, events[0].Data)
	require.True(t, events[0].System)
	require.Empty(t, events[0].Reason)
}

func refused(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	set := func(name string, c settings.Change) error {
		_, err := d.p.Set(ctx, owner(acme), name, c)
		return err
	}
	require.Equal(t, []string{"key", "value"}, fields(t, set(limit.Name(), settings.Change{Command: itsm.Command{Key: "a\x00"}, Value: raw(t, 101)})))
	require.Equal(t, []string{"value"}, fields(t, set(limit.Name(), settings.Change{Value: raw(t, "x")})))
	require.Equal(t, []string{"value"}, fields(t, set(limit.Name(), settings.Change{Value: json.RawMessage("1 2")})))
	require.Equal(t, []string{"value"}, fields(t, set(limit.Name(), settings.Change{})))
	require.Equal(t, []string{"setting"}, fields(t, set("desk.colour", settings.Change{Value: raw(t, 1)})))
	require.Equal(t, []string{"value"}, fields(t, set(text.Name(), settings.Change{Value: raw(t, string(make([]byte, settings.MaxValue)))})))
	// A validator is asked of the value as it will hold.
	_, err := items.Set(ctx, d.p, owner(msp), many12("m"), itsm.Command{})
	require.NoError(t, err)
	d.settle(t)
	require.Equal(t, []string{"value"}, fields(t, set(items.Name(), settings.Change{Value: raw(t, many12("a"))})))
	_, err = d.p.Present(ctx, owner(acme), settings.Presentation{Name: "two\nlines"})
	require.Equal(t, []string{"name"}, fields(t, err))

	page, err := d.p.Versions(ctx, auditor(acme), limit.Name(), "", 10)
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func many12(prefix string) (all []string) {
	for i := range 12 {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

func sameKey(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	c := itsm.Command{Key: "k"}
	first, err := limit.Set(ctx, d.p, owner(acme), 20, c)
	require.NoError(t, err)
	again, err := limit.Set(ctx, d.p, owner(acme), 20, c)
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = limit.Set(ctx, d.p, owner(acme), 21, c)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	stripped := owner(acme)
	stripped.Roles = nil
	_, err = limit.Set(ctx, d.p, stripped, 20, c)
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func many(t *testing.T, store storage.Store) {
	d := open(t, store, settings.Options{})
	d.place(t, msp, "")
	var below []storage.Tenant
	for i := range 215 {
		below = append(below, storage.Tenant(fmt.Sprintf("customer-%03d", i)))
	}
	for _, tenant := range below {
		d.place(t, tenant, msp)
	}
	d.settle(t)
	d.setText(t, msp, "one")
	_, err := d.e.Tick(t.Context(), d.clock.Now())
	require.NoError(t, err)
	d.setText(t, msp, "two")
	d.settle(t)
	for _, tenant := range below {
		require.Equal(t, "two", d.text(t, tenant).Value, tenant)
	}
}

// atOnce has commands, moves and workers meet. Where they have ended, the newest value holds.
func atOnce(t *testing.T, store storage.Store) {
	d := family(t, store)
	d.place(t, "msp-two", "")
	d.setText(t, "msp-two", "of the second")
	d.settle(t)
	const rounds = 12
	errs := together.Run(6, func(i int) error {
		for n := range rounds {
			var err error
			switch i {
			case 0:
				_, err = text.Set(context.Background(), d.p, owner(msp), fmt.Sprint("text ", n), itsm.Command{})
			case 1:
				_, err = keys.Set(context.Background(), d.p, owner(msp), map[string]string{"n": fmt.Sprint(n)}, itsm.Command{})
			case 2:
				_, err = d.p.Place(context.Background(), manager(registry), globex, settings.Move{Parent: []storage.Tenant{"msp-two", msp}[n%2]})
			default:
				_, err = d.e.Tick(context.Background(), d.clock.Now())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	d.clock.Advance(2 * time.Hour) // what was put off
	d.settle(t)
	for _, tenant := range []storage.Tenant{msp, acme, logistics, globex} {
		require.Equal(t, fmt.Sprint("text ", rounds-1), d.text(t, tenant).Value, tenant)
		m, err := keys.Get(t.Context(), d.p, auditor(tenant))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(rounds-1), m.Value["n"], tenant)
	}
	require.Equal(t, "of the second", d.text(t, "msp-two").Value)
}

func inAUnit(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	d.setText(t, msp, "for all")
	d.settle(t)
	require.NoError(t, d.e.Update(ctx, owner(acme), func(ctx context.Context, u *engine.Unit) error {
		require.Equal(t, []storage.Tenant{acme}, u.Tenants())
		v, err := text.Read(ctx, u)
		require.NoError(t, err)
		require.Equal(t, "for all", v.Value)
		_, err = text.Set(ctx, d.p.In(u.Store()), owner(acme), "in the unit", itsm.Command{})
		require.NoError(t, err)
		v, err = text.Read(ctx, u)
		require.NoError(t, err)
		require.Equal(t, "in the unit", v.Value, "it reads what it wrote")
		return nil
	}))
	require.Equal(t, "in the unit", d.text(t, acme).Value)
	boom := fmt.Errorf("boom")
	require.ErrorIs(t, d.e.Update(ctx, owner(acme), func(ctx context.Context, u *engine.Unit) error {
		_, err := text.Set(ctx, d.p.In(u.Store()), owner(acme), "never", itsm.Command{})
		require.NoError(t, err)
		return boom
	}), boom)
	d.settle(t)
	require.Equal(t, "in the unit", d.text(t, acme).Value)
	require.Equal(t, "in the unit", d.text(t, logistics).Value)
}

func named(t *testing.T, store storage.Store) {
	d := open(t, store, settings.Options{Names: func(_ context.Context, r storage.Reader, id itsm.ID) (string, error) {
		return fmt.Sprint("Mx ", id, " of ", r.Tenants()), nil
	}})
	d.place(t, msp, "")
	d.place(t, acme, msp)
	_, err := text.Set(t.Context(), d.p, manager(msp), "x", itsm.Command{})
	require.NoError(t, err)
	d.settle(t)
	require.Equal(t, "This value comes from msp, set by Mx mona of [msp] on 2 March 2026 at 09:00 UTC.", d.text(t, msp).String())
	require.Equal(t, "This value comes from the organisation above (inherited), set on 2 March 2026 at 09:00 UTC.", d.text(t, acme).String(),
		"who works above is not told")
	_, err = keys.Set(t.Context(), d.p, manager(acme), map[string]string{"z": "z"}, itsm.Command{})
	require.NoError(t, err)
	effective, err := d.p.Effective(t.Context(), auditor(acme))
	require.NoError(t, err)
	require.Equal(t, "Mx mona of [acme]", effective[1].Parts[1].ByName)
}

func permissions(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	analyst := itsm.Actor{Tenant: acme, ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	requester := itsm.Actor{Tenant: acme, ID: "rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	_, err := text.Get(ctx, d.p, analyst)
	require.NoError(t, err)
	change := settings.Change{Value: raw(t, "x")}
	for _, actor := range []itsm.Actor{analyst, requester, auditor(acme), owner(globex).In(acme), manager(msp).In(acme)} {
		_, err = d.p.Set(ctx, actor, text.Name(), change)
		require.ErrorIs(t, err, itsm.ErrForbidden)
		for _, a := range []settings.Action{settings.ActionClear, settings.ActionLock, settings.ActionUnlock} {
			_, err = d.do(actor, text.Name(), a, itsm.Command{})
			require.ErrorIs(t, err, itsm.ErrForbidden)
		}
		_, err = d.p.Present(ctx, actor, settings.Presentation{Name: "x"})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		require.ErrorIs(t, d.p.Refresh(ctx, actor), itsm.ErrForbidden)
		for _, dry := range []bool{true, false} {
			_, err = d.p.Import(ctx, actor, settings.Import{Document: settings.Document{Format: 1}, DryRun: dry})
			require.ErrorIs(t, err, itsm.ErrForbidden)
		}
	}
	for _, actor := range []itsm.Actor{requester, manager(globex).In(acme)} {
		for _, err := range reads(d, actor) {
			require.ErrorIs(t, err, itsm.ErrForbidden)
		}
	}
	// The hierarchy is for those of the tenant that keeps it, whatever a role gives elsewhere.
	for _, actor := range []itsm.Actor{manager(acme), manager(msp), owner(registry), auditor(registry)} {
		_, err = d.p.Place(ctx, actor, acme, settings.Move{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		require.NotContains(t, err.Error(), "registry\"")
		_, err = d.p.Places(ctx, actor, storage.Query[settings.PlaceHead]{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = d.p.PlaceHistory(ctx, actor, acme)
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	require.Equal(t, "default text", d.text(t, acme).Value)
	// Who may set and not lock may not lock by an import either.
	only := itsm.Role{Name: "setter", Grants: []itsm.Grant{{Permission: settings.PermissionSet}, {Permission: settings.PermissionRead}}}
	book, err := itsm.NewRoleBook(only)
	require.NoError(t, err)
	e, err := engine.New(store, engine.Options{Authorizer: book})
	require.NoError(t, err)
	p, err := settings.New(e, settings.Options{Settings: all})
	require.NoError(t, err)
	setter := itsm.Actor{Tenant: acme, ID: "sam", Roles: []itsm.RoleName{"setter"}}
	document := settings.Document{Format: 1, Settings: map[string]settings.Entry{text.Name(): {Value: raw(t, "x"), Lock: true}}}
	_, err = p.Import(ctx, setter, settings.Import{Document: document})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	document.Settings[text.Name()] = settings.Entry{Value: raw(t, "x")}
	_, err = p.Import(ctx, setter, settings.Import{Document: document})
	require.NoError(t, err)
}

// reads gives what every query says to an actor.
func reads(d *desk, actor itsm.Actor) (errs []error) {
	ctx := context.Background()
	add := func(_ any, err error) { errs = append(errs, err) }
	add(d.p.Get(ctx, actor, text.Name()))
	add(d.p.Effective(ctx, actor))
	add(d.p.Versions(ctx, actor, text.Name(), "", 0))
	add(d.p.History(ctx, actor, text.Name()))
	add(d.p.Profile(ctx, actor))
	add(d.p.Export(ctx, actor))
	add(d.p.Diff(ctx, actor, actor.Tenant, globex))
	add(d.p.Preview(ctx, actor, settings.Proposal{Setting: text.Name(), Action: settings.ActionLock}))
	return errs
}

func renamed(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	d.setText(t, msp, "x")
	d.change(t, msp, limit.Name(), settings.ActionLock)
	d.settle(t)
	who, err := d.p.Profile(ctx, auditor(msp))
	require.NoError(t, err)
	require.Equal(t, "Northwind IT", who.Name)
	_, err = d.p.Present(ctx, owner(msp), settings.Presentation{Command: itsm.Command{IfVersion: who.Version + 1}, Name: "Other"})
	require.ErrorIs(t, err, itsm.ErrConflict)
	changed, err := d.p.Present(ctx, owner(msp), settings.Presentation{Command: itsm.Command{IfVersion: who.Version}, Name: "Southwind"})
	require.NoError(t, err)
	same, err := d.p.Present(ctx, owner(msp), settings.Presentation{Name: "Southwind"})
	require.NoError(t, err)
	require.Equal(t, changed, same)
	d.settle(t)
	require.Equal(t, "Southwind", d.text(t, logistics).Origin.From)
	require.Equal(t, "Southwind", d.text(t, msp).Origin.From)
	v, err := limit.Get(ctx, d.p, auditor(logistics))
	require.NoError(t, err)
	require.Equal(t, "Southwind", v.LockedBy)
}
