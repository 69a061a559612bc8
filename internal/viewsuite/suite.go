// This file holds the entry, the host and the cases.

package viewsuite

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and the model.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	t.Run("ViewsAreSavedSharedRunAndDeleted", func(t *testing.T) { lives(t, newStore(t)) })
	t.Run("PinsAreEachPersonsOwn", func(t *testing.T) { pins(t, newStore(t)) })
	t.Run("ModelOfWhoSeesWhat", func(t *testing.T) { model(t, newStore(t)) })
}

func open(t *testing.T, store storage.Store) *view.Practice {
	t.Helper()
	e, err := engine.New(store, engine.Options{})
	require.NoError(t, err)
	p, err := view.New(e, view.Options{Tables: []*storage.Schema{task.Table.Schema()}})
	require.NoError(t, err)
	require.NoError(t, e.Migrate(t.Context()))
	return p
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

func person(id itsm.ID, role itsm.RoleName, groups ...itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: acme, ID: id, Roles: []itsm.RoleName{role}, Groups: groups}
}

var (
	ana  = person("ana", itsm.RoleServiceDeskAnalyst, "desk")
	sam  = person("sam", itsm.RoleSupportSpecialist, "network", "desk")
	mona = person("mona", itsm.RoleIncidentManager)
	rita = person("rita", itsm.RoleRequester)
	pat  = person("pat", itsm.RoleProviderTechnician, "network")
	otto = person("otto", itsm.RoleAuditor)
)

func definition(title string) view.Definition {
	return view.Definition{Title: title, RecordKind: task.Kind, Columns: []string{"title", "assignee"}, Order: []view.Order{{Column: "created", Descending: true}},
		Where: storage.Condition{Op: storage.Or, Of: []storage.Condition{
			{Op: storage.Equal, Column: "assignee", Values: []any{view.Me}}, {Op: storage.In, Column: "group", Values: []any{"all", view.MyGroups}},
		}}}
}

func lives(t *testing.T, store storage.Store) {
	p, ctx := open(t, store), t.Context()
	v, err := p.Save(ctx, ana, view.Draft{Definition: definition("Ours"), Sharing: view.SharedWithGroups, Groups: []itsm.ID{"desk"}})
	require.NoError(t, err)
	q, err := p.Run(ctx, sam, v.ID)
	require.NoError(t, err)
	require.Equal(t, storage.Condition{Op: storage.Or, Of: []storage.Condition{
		{Op: storage.Equal, Column: "assignee", Values: []any{"sam"}}, {Op: storage.In, Column: "group", Values: []any{"all", "network", "desk"}},
	}}, q.Where, "it is asked by whoever runs it")
	require.Equal(t, []storage.Order{{Column: "created", Descending: true}}, q.Order)
	require.Equal(t, []string{"title", "assignee"}, q.Columns)
	stored, err := p.Get(ctx, ana, v.ID)
	require.NoError(t, err)
	require.Equal(t, v, stored)

	// Others of the group see it, and only its owner changes it.
	_, err = p.Revise(ctx, sam, v.ID, view.Draft{Definition: definition("Mine")})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	for _, who := range []itsm.Actor{pat, rita, mona, {Tenant: globex, ID: "ana", Roles: ana.Roles, Groups: ana.Groups}} {
		_, err = p.Run(ctx, who, v.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = p.Revise(ctx, who, v.ID, view.Draft{Definition: definition("Mine")})
		require.ErrorIs(t, err, itsm.ErrNotFound)
		require.ErrorIs(t, p.Delete(ctx, who, v.ID, itsm.Command{}), itsm.ErrNotFound)
	}
	for _, d := range []view.Draft{{Sharing: view.SharedWithAll}, {Sharing: view.SharedWithGroups, Groups: []itsm.ID{"network"}}} {
		d.Definition = definition("Ours")
		_, err = p.Save(ctx, ana, d)
		require.ErrorIs(t, err, itsm.ErrForbidden, "neither with all nor with others' groups")
	}
	_, err = p.Save(ctx, rita, view.Draft{Definition: definition("x"), Sharing: view.SharedWithAll})
	require.ErrorIs(t, err, itsm.ErrForbidden)

	v, err = p.Revise(ctx, ana, v.ID, view.Draft{Command: itsm.Command{IfVersion: v.Version}, Definition: definition("Mine alone")})
	require.NoError(t, err)
	_, err = p.Get(ctx, sam, v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound, "it is shared no more")
	require.ErrorIs(t, p.Delete(ctx, ana, v.ID, itsm.Command{IfVersion: 1}), itsm.ErrConflict)
	require.NoError(t, p.Delete(ctx, ana, v.ID, itsm.Command{}))
	_, err = p.Get(ctx, ana, v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func pins(t *testing.T, store storage.Store) {
	p, ctx := open(t, store), t.Context()
	var ids []itsm.ID
	for i := range 3 {
		v, err := p.Save(ctx, mona, view.Draft{Definition: definition(fmt.Sprint("V", i)), Sharing: view.SharedWithAll})
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	own, err := p.Save(ctx, ana, view.Draft{Definition: definition("Own")})
	require.NoError(t, err)
	of := func(who itsm.Actor) (all []itsm.ID) {
		heads, err := p.Pinned(ctx, who, task.Kind)
		require.NoError(t, err)
		for _, h := range heads {
			all = append(all, h.ID)
		}
		return all
	}
	for _, order := range [][]itsm.ID{{ids[2], own.ID, ids[0]}, {ids[0], ids[1]}, {ids[1], own.ID, ids[2]}} {
		_, err := p.Pin(ctx, ana, view.Pins{RecordKind: task.Kind, Views: order})
		require.NoError(t, err)
		require.Equal(t, order, of(ana))
		require.Empty(t, of(sam))
	}
	_, err = p.Pin(ctx, sam, view.Pins{RecordKind: "other", Views: []itsm.ID{own.ID, ids[0], ids[0]}})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.NotEmpty(t, invalid.Faults)
	_, err = p.Revise(ctx, mona, ids[1], view.Draft{Definition: definition("Not for you")})
	require.NoError(t, err)
	require.Equal(t, []itsm.ID{own.ID, ids[2]}, of(ana), "what one may see no more is not shown")
	_, err = p.Pin(ctx, ana, view.Pins{RecordKind: task.Kind})
	require.NoError(t, err)
	require.Empty(t, of(ana))
}

// model: a list has exactly the views that Get gives, and these are those that a small model says.
func model(t *testing.T, store storage.Store) {
	p := open(t, store)
	people := []itsm.Actor{ana, sam, mona, rita, pat, otto}
	type known struct {
		owner   itsm.ID
		sharing view.Sharing
		groups  []itsm.ID
	}
	views := map[itsm.ID]known{}
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		if len(views) > 30 {
			for id, v := range views {
				i := slices.IndexFunc(people, func(a itsm.Actor) bool { return a.ID == v.owner })
				require.NoError(rt, p.Delete(ctx, people[i], id, itsm.Command{}))
				delete(views, id)
			}
		}
		who := rapid.SampledFrom(people[:5]).Draw(rt, "who")
		d := view.Draft{Definition: definition("V"), Sharing: rapid.SampledFrom([]view.Sharing{view.SharedWithNobody, view.SharedWithGroups, view.SharedWithAll}).Draw(rt, "sharing")}
		if d.Sharing == view.SharedWithGroups {
			d.Groups = rapid.SliceOfNDistinct(rapid.SampledFrom([]itsm.ID{"desk", "network"}), 1, 2, rapid.ID[itsm.ID]).Draw(rt, "groups")
		}
		v, err := p.Save(ctx, who, d)
		staff := who.ID == "ana" || who.ID == "sam" || who.ID == "mona"
		may := d.Sharing == view.SharedWithNobody || who.ID == "mona" ||
			d.Sharing == view.SharedWithGroups && staff && !slices.ContainsFunc(d.Groups, func(g itsm.ID) bool { return !who.InGroup(g) })
		if !may {
			require.ErrorIs(rt, err, itsm.ErrForbidden)
		} else {
			require.NoError(rt, err)
			views[v.ID] = known{who.ID, d.Sharing, d.Groups}
		}
		for _, a := range people {
			listed := map[itsm.ID]bool{}
			for h, err := range storage.Pages(storage.Query[view.Head]{Limit: 7}, func(q storage.Query[view.Head]) (storage.Page[view.Head], error) { return p.List(ctx, a, q) }) {
				require.NoError(rt, err)
				listed[h.ID] = true
			}
			for id, v := range views {
				sees := v.owner == a.ID || a.ID == "otto" || v.sharing == view.SharedWithAll && a.ID != "rita" && a.ID != "pat" ||
					v.sharing == view.SharedWithGroups && a.ID != "rita" && slices.ContainsFunc(v.groups, a.InGroup)
				require.Equal(rt, sees, listed[id], "%s of %+v", a.ID, v)
				_, err := p.Get(ctx, a, id)
				require.Equal(rt, sees, err == nil, "%v", err)
			}
		}
	})
}
