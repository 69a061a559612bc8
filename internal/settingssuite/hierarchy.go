// This file holds the cases of the hierarchy: moves, a host's own, previews, comparisons, imports.

package settingssuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage"
)

func moved(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	d.setText(t, msp, "of msp")
	d.setText(t, globex, "of globex")
	_, err := limit.Set(ctx, d.p, owner(acme), 33, itsm.Command{})
	require.NoError(t, err)
	d.settle(t)
	place, err := d.p.Place(ctx, manager(registry), logistics, settings.Move{Command: itsm.Command{Reason: "sold"}, Parent: globex})
	require.NoError(t, err)
	require.EqualValues(t, 2, place.Revision)
	again, err := d.p.Place(ctx, manager(registry), logistics, settings.Move{Parent: globex})
	require.NoError(t, err)
	require.Equal(t, place, again, "nothing happens")
	require.Equal(t, "of msp", d.text(t, logistics).Value, "until what is due has run")
	d.settle(t)
	require.Equal(t, "of globex", d.text(t, logistics).Value)
	v, err := limit.Get(ctx, d.p, auditor(logistics))
	require.NoError(t, err)
	require.Equal(t, 10, v.Value, "nothing stays of the parent before")

	// The parent before reaches it no more, the new one does.
	_, err = limit.Set(ctx, d.p, owner(acme), 44, itsm.Command{})
	require.NoError(t, err)
	d.setText(t, globex, "newer")
	d.settle(t)
	v, err = limit.Get(ctx, d.p, auditor(logistics))
	require.NoError(t, err)
	require.Equal(t, 10, v.Value)
	require.Equal(t, "newer", d.text(t, logistics).Value)

	d.place(t, logistics, "")
	d.settle(t)
	require.Equal(t, "default text", d.text(t, logistics).Value)

	events, err := d.p.PlaceHistory(ctx, manager(registry), logistics)
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		p := e.Data.(settings.Placed)
		told = append(told, fmt.Sprintf("%s -> %s by %s: %s", p.From, p.To, e.Actor, e.Reason))
	}
	require.Equal(t, []string{" -> acme by mona: ", "acme -> globex by mona: sold", "globex ->  by mona: "}, told)
	page, err := d.p.Places(ctx, manager(registry), storage.Query[settings.PlaceHead]{Where: settings.ByParent.Is(msp)})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
}

func circles(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	place := func(tenant, parent storage.Tenant, c itsm.Command) error {
		_, err := d.p.Place(ctx, manager(registry), tenant, settings.Move{Command: c, Parent: parent})
		return err
	}
	require.Equal(t, []string{"parent"}, fields(t, place(msp, logistics, itsm.Command{})))
	require.Contains(t, place(msp, logistics, itsm.Command{}).Error(), "msp -> acme-logistics -> acme -> msp")
	require.Equal(t, []string{"parent"}, fields(t, place(acme, acme, itsm.Command{})))
	require.Equal(t, []string{"parent"}, fields(t, place("new", "nowhere", itsm.Command{})))
	require.Equal(t, []string{"key", "tenant", "parent"}, fields(t, place("", "\x00", itsm.Command{Key: "\x00"})))
	require.ErrorIs(t, place("new", msp, itsm.Command{IfVersion: 1}), itsm.ErrConflict)

	// A chain of its own, as long as half the levels, under another of that length: and one more.
	chain := func(name string, n int) (all []storage.Tenant) {
		parent := storage.Tenant("")
		for i := range n {
			x := storage.Tenant(fmt.Sprint(name, i))
			require.NoError(t, place(x, parent, itsm.Command{}))
			all, parent = append(all, x), x
		}
		return all
	}
	a, b, c := chain("a", settings.MaxDepth/2), chain("b", settings.MaxDepth/2), chain("c", 2)
	require.NoError(t, place(b[0], a[len(a)-1], itsm.Command{}))
	require.Equal(t, []string{"parent"}, fields(t, place("more", b[len(b)-1], itsm.Command{})))
	require.NoError(t, place(c[0], b[len(b)-3], itsm.Command{}))
	require.Equal(t, []string{"parent"}, fields(t, place(c[0], b[len(b)-2], itsm.Command{})))
	require.NoError(t, place(c[1], "", itsm.Command{}))
	require.NoError(t, place(c[0], b[len(b)-2], itsm.Command{}), "it has become less high")
	require.Equal(t, []string{"parent"}, fields(t, place(c[1], c[0], itsm.Command{})))
	d.settle(t)
	d.setText(t, a[0], "to the last")
	d.settle(t)
	require.Equal(t, "to the last", d.text(t, b[len(b)-1]).Value)

	none := open(t, store, settings.Options{Hierarchy: &hosts{}})
	_, err := none.p.Place(ctx, manager(registry), acme, settings.Move{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// hosts is a hierarchy of the host's own.
type hosts struct {
	mu     sync.Mutex
	places map[storage.Tenant]settings.Placement
	fails  bool
}

func (h *hosts) put(t, parent storage.Tenant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.places[t]
	h.places[t] = settings.Placement{Tenant: t, Parent: parent, Revision: p.Revision + 1}
}

func (h *hosts) Place(_ context.Context, t storage.Tenant) (settings.Placement, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.places[t], nil
}

func (h *hosts) Below(_ context.Context, parent, after storage.Tenant, limit int) (out []settings.Placement, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails {
		return nil, errors.New("the directory is away")
	}
	for _, p := range h.places {
		if p.Parent == parent && p.Tenant > after {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b settings.Placement) int { return strings.Compare(string(a.Tenant), string(b.Tenant)) })
	return out[:min(limit, len(out))], nil
}

func ownHierarchy(t *testing.T, store storage.Store) {
	h, ctx := &hosts{places: map[storage.Tenant]settings.Placement{}}, t.Context()
	d := open(t, store, settings.Options{Hierarchy: h})
	h.put(acme, msp)
	h.put(globex, msp)
	d.setText(t, msp, "of msp")
	d.settle(t)
	require.Equal(t, "of msp", d.text(t, acme).Value)
	h.put(logistics, globex)
	require.NoError(t, d.p.Refresh(ctx, itsm.SystemActor(logistics, "host")))
	d.settle(t)
	require.Equal(t, "of msp", d.text(t, logistics).Value)
	h.put(logistics, "")
	require.NoError(t, d.p.Refresh(ctx, manager(logistics)))
	d.settle(t)
	require.Equal(t, "default text", d.text(t, logistics).Value)

	// What fails is tried again, and is not lost.
	h.fails = true
	d.setText(t, msp, "newer")
	ran, err := d.e.Tick(ctx, d.clock.Now())
	require.NoError(t, err)
	require.Equal(t, 1, ran.Failed)
	h.fails = false
	d.clock.Advance(1e12)
	d.settle(t)
	require.Equal(t, "newer", d.text(t, globex).Value)
}

// provider has roles at the provider and in some of the tenants below.
func provider(in ...storage.Tenant) itsm.Actor {
	a := owner(msp)
	a.Elsewhere = map[storage.Tenant]itsm.Membership{}
	for _, t := range in {
		a.Elsewhere[t] = itsm.Membership{Roles: []itsm.RoleName{itsm.RoleAuditor}}
	}
	return a
}

func previewed(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	d.setText(t, globex, "of globex")
	d.settle(t)
	set := settings.Proposal{Setting: text.Name(), Action: settings.ActionSet, Value: raw(t, "new")}
	look := func(actor itsm.Actor, p settings.Proposal) (names []string, unknown int) {
		impact, err := d.p.Preview(ctx, actor, p)
		require.NoError(t, err)
		require.False(t, impact.More)
		for _, a := range impact.Below {
			names = append(names, fmt.Sprintf("%s: %s -> %s", a.Tenant, a.Before.Value, a.After.Value))
		}
		return names, impact.Unknown
	}
	names, unknown := look(provider(acme, globex, logistics), set)
	require.Equal(t, []string{`acme: "default text" -> "new"`, `acme-logistics: "default text" -> "new"`}, names, "globex has its own")
	require.Zero(t, unknown)
	names, unknown = look(provider(globex, logistics), set)
	require.Empty(t, names)
	require.Equal(t, 1, unknown, "acme: and nothing is told of what is below it")
	names, unknown = look(provider(), set)
	require.Empty(t, names)
	require.Equal(t, 2, unknown)
	names, unknown = look(provider(acme, globex), settings.Proposal{Setting: text.Name(), Action: settings.ActionLock})
	require.Equal(t, []string{`acme: "default text" -> "default text"`, `globex: "of globex" -> "default text"`}, names)
	require.Equal(t, 1, unknown)
	names, _ = look(provider(acme, globex, logistics), settings.Proposal{Setting: text.Name(), Action: settings.ActionSet, Value: raw(t, "new"), Private: true})
	require.Empty(t, names)
	names, unknown = look(owner(logistics), set)
	require.Empty(t, names)
	require.Zero(t, unknown)

	for _, p := range []settings.Proposal{
		{Setting: "desk.colour", Action: settings.ActionLock}, {Setting: text.Name(), Action: "paint"},
		{Setting: limit.Name(), Action: settings.ActionSet, Value: raw(t, -1)},
	} {
		_, err := d.p.Preview(ctx, provider(), p)
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err := d.p.Preview(ctx, provider(), settings.Proposal{Setting: text.Name(), Action: settings.ActionClear})
	require.ErrorIs(t, err, itsm.ErrTransition)
	d.settle(t)
	require.Equal(t, "default text", d.text(t, msp).Value, "nothing was done")
}

func compared(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	d.setText(t, msp, "of msp")
	d.setText(t, globex, "of globex")
	_, err := limit.Set(ctx, d.p, owner(globex), 10, itsm.Command{})
	require.NoError(t, err)
	d.settle(t)
	found, err := d.p.Diff(ctx, provider(acme, globex), acme, globex)
	require.NoError(t, err)
	require.Len(t, found, 1, "a limit of its own that is the default is no difference")
	require.Equal(t, text.Name(), found[0].Setting)
	require.Equal(t, "This value comes from Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC.", found[0].A.String())
	require.JSONEq(t, `"of globex"`, string(found[0].B.Value))
	for _, actor := range []itsm.Actor{provider(acme), provider(globex), owner(acme), owner(globex)} {
		_, err = d.p.Diff(ctx, actor, acme, globex)
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	_, err = d.p.Diff(ctx, owner(acme), acme, acme)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	// Locked in one alone is a difference.
	d.change(t, acme, limit.Name(), settings.ActionLock)
	d.settle(t)
	found, err = d.p.Diff(ctx, provider(logistics, acme), acme, logistics)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, limit.Name(), found[0].Setting)
}

func imported(t *testing.T, store storage.Store) {
	d, ctx := family(t, store), t.Context()
	d.change(t, msp, limit.Name(), settings.ActionLock)
	d.setText(t, acme, "before")
	d.settle(t)
	entry := func(v any) settings.Entry { return settings.Entry{Value: raw(t, v)} }
	bad := settings.Document{Settings: map[string]settings.Entry{
		limit.Name(): entry(5), text.Name(): entry(7), keys.Name(): {Private: true}, "desk.colour": entry("red"), items.Name(): entry([]string{"fine"}),
	}}
	for _, dry := range []bool{true, false} {
		_, err := d.p.Import(ctx, owner(acme), settings.Import{Command: itsm.Command{Key: "k", IfVersion: 1}, Document: bad, DryRun: dry})
		require.Equal(t, []string{"key", "if_version", "format", "settings.desk.keys.private", "settings", "settings.desk.limit.value", "settings.desk.text.value"}, fields(t, err))
	}
	unchanged, err := items.Get(ctx, d.p, auditor(acme))
	require.NoError(t, err)
	require.Equal(t, settings.OriginDefault, unchanged.Origin.Kind)

	good := settings.Document{Format: settings.Format, Settings: map[string]settings.Entry{
		items.Name(): {Value: raw(t, []string{"fine"}), Private: true},
		keys.Name():  {Value: raw(t, map[string]string{"k": "v"}), Lock: true},
	}}
	request := settings.Import{Command: itsm.Command{Reason: "as code"}, Document: good, Prune: true, DryRun: true}
	told := func(done []settings.Imported) (all []string) {
		for _, x := range done {
			all = append(all, fmt.Sprintf("%s %s %s -> %s", x.Action, x.Setting, x.Before.Value, x.After.Value))
		}
		return all
	}
	would, err := d.p.Import(ctx, owner(acme), request)
	require.NoError(t, err)
	require.Equal(t, []string{
		`set desk.items ["default item"] -> ["default item","fine"]`,
		`set desk.keys {"a":"default a"} -> {"a":"default a","k":"v"}`,
		`lock desk.keys {"a":"default a","k":"v"} -> {"a":"default a","k":"v"}`,
		`clear desk.text "before" -> "default text"`,
	}, told(would))
	require.Equal(t, "before", d.text(t, acme).Value)
	request.DryRun = false
	done, err := d.p.Import(ctx, owner(acme), request)
	require.NoError(t, err)
	require.Equal(t, told(would), told(done))
	for _, dry := range []bool{true, false} {
		request.DryRun = dry
		done, err = d.p.Import(ctx, owner(acme), request)
		require.NoError(t, err)
		require.Empty(t, done, "what is so is left")
	}
	d.settle(t)
	require.Equal(t, "default text", d.text(t, logistics).Value)
	m, err := keys.Get(ctx, d.p, auditor(logistics))
	require.NoError(t, err)
	require.Equal(t, "the organisation above", m.LockedBy)
	page, err := d.p.Versions(ctx, auditor(acme), keys.Name(), "", 10)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Equal(t, "as code", page.Items[0].Reason)

	// What is exported is what is imported, in another tenant too, through its JSON form.
	out, err := d.p.Export(ctx, auditor(acme))
	require.NoError(t, err)
	require.Equal(t, good, out)
	read, err := settings.ParseDocument(raw(t, out))
	require.NoError(t, err)
	_, err = d.p.Import(ctx, owner(globex), settings.Import{Document: read})
	require.NoError(t, err)
	again, err := d.p.Export(ctx, auditor(globex))
	require.NoError(t, err)
	require.Equal(t, out, again)
}
