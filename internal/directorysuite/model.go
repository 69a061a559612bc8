// This file holds the model test: random commands, each compared with a model of the directory.

package directorysuite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	d := open(t, newStore(t), engine.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		n := runs.Add(1)
		m := &machine{T: rt, desk: d, ctx: t.Context(), model: map[storage.Tenant]*model{}}
		for _, name := range []string{"north", "south"} {
			tenant := storage.Tenant(fmt.Sprintf("%s-%d", name, n))
			m.tenants = append(m.tenants, tenant)
			m.model[tenant] = &model{people: map[itsm.ID]*modelPerson{}, groups: map[itsm.ID]*modelGroup{}}
		}
		// Both tenants have the same ids.
		m.people = []itsm.ID{"ana", "rita", "p1", "p2", "p3"}
		m.groups = []itsm.ID{"g1", "g2", "g3", "g4"}
		rt.Repeat(map[string]func(*rapid.T){
			"add person": m.with(m.addPerson), "edit person": m.with(m.editPerson), "erase": m.with(m.erase),
			"add group": m.with(m.addGroup), "edit group": m.with(m.editGroup), "members": m.with(m.members),
			"": m.with(m.compare),
		})
	})
}

type machine struct {
	*rapid.T
	*desk
	ctx            context.Context
	tenants        []storage.Tenant
	people, groups []itsm.ID
	model          map[storage.Tenant]*model
}

// model is one tenant.
type model struct {
	people map[itsm.ID]*modelPerson
	groups map[itsm.ID]*modelGroup
}

type modelPerson struct {
	name           string
	manager        itsm.ID
	active, erased bool
	version        int64
}

type modelGroup struct {
	parent  itsm.ID
	active  bool
	version int64
	members map[itsm.ID]bool
}

func (m *machine) with(fn func()) func(*rapid.T) {
	return func(rt *rapid.T) { m.T = rt; fn() }
}

func pick[V any](m *machine, from []V, what string) V { return rapid.SampledFrom(from).Draw(m.T, what) }

// who draws an actor of some tenant: most often one who may.
func (m *machine) who() (itsm.Actor, *model, itsm.Command) {
	tenant := pick(m, m.tenants, "tenant")
	a := pick(m, []itsm.Actor{manager(tenant), manager(tenant), manager(tenant), analyst(tenant), requester(tenant, "rita")}, "actor")
	return a, m.model[tenant], itsm.Command{IfVersion: rapid.SampledFrom([]int64{0, 0, 0, 1, 2}).Draw(m.T, "if version")}
}

// expect says what an error must be: nil for none.
func (m *machine) expect(err, want error) bool {
	if want == nil {
		require.NoError(m, err)
		return true
	}
	require.ErrorIs(m, err, want)
	return false
}

// mayChange says with what a command on a record fails before it is looked at: there says whether it is
// there, and own whether it is the actor's own.
func mayChange(a itsm.Actor, there, own, person bool, c itsm.Command, version int64) error {
	switch {
	case !there, person && !own && a.Has(itsm.RoleRequester):
		return itsm.ErrNotFound
	case !a.Has(itsm.RoleITServiceManager):
		return itsm.ErrForbidden
	case c.IfVersion != 0 && c.IfVersion != version:
		return itsm.ErrConflict
	}
	return nil
}

func (m *machine) addPerson() {
	a, model, c := m.who()
	c.IfVersion = 0
	id, name := pick(m, m.people, "person"), pick(m, []string{"Ada", "Bo", ""}, "name")
	boss := pick(m, append([]itsm.ID{"", ""}, m.people...), "manager")
	var want error
	switch {
	case !a.Has(itsm.RoleITServiceManager):
		want = itsm.ErrForbidden
	case model.people[id] != nil, name == "", boss != "" && (model.people[boss] == nil || model.people[boss].erased):
		want = itsm.ErrInvalid
	}
	_, err := m.p.AddPerson(m.ctx, a, directory.NewPerson{Command: c, ID: id, Name: name, Manager: boss})
	if m.expect(err, want) {
		model.people[id] = &modelPerson{name: name, manager: boss, active: true, version: 1}
	}
}

func (m *machine) editPerson() {
	a, model, c := m.who()
	id := pick(m, m.people, "person")
	p, there := model.people[id]
	if !there {
		p = &modelPerson{}
	}
	edit, now := directory.PersonEdit{Command: c}, *p
	if rapid.Bool().Draw(m.T, "name?") {
		now.name = pick(m, []string{"Ada", "Bo", ""}, "name")
		edit.Name = &now.name
	}
	if rapid.Bool().Draw(m.T, "manager?") {
		now.manager = pick(m, append([]itsm.ID{""}, m.people...), "manager")
		edit.Manager = &now.manager
	}
	if rapid.Bool().Draw(m.T, "active?") {
		now.active = rapid.Bool().Draw(m.T, "active")
		edit.Active = &now.active
	}
	want := mayChange(a, there, id == a.ID, true, c, p.version)
	if want == nil {
		switch {
		case p.erased:
			want = itsm.ErrTransition
		case now.name == "":
			want = itsm.ErrInvalid
		case now.manager != p.manager && now.manager != "":
			boss := model.people[now.manager]
			if boss == nil || boss.erased {
				want = itsm.ErrInvalid
			}
			for up := now.manager; up != "" && want == nil; up = model.people[up].manager {
				if up == id {
					want = itsm.ErrInvalid
				}
			}
		}
	}
	_, err := m.p.EditPerson(m.ctx, a, id, edit)
	if m.expect(err, want) && now != *p {
		now.version++
		*p = now
	}
}

func (m *machine) erase() {
	a, model, c := m.who()
	id := pick(m, m.people, "person")
	p, there := model.people[id]
	if !there {
		p = &modelPerson{}
	}
	got, err := m.p.ErasePerson(m.ctx, a, id, c)
	if !m.expect(err, mayChange(a, there, id == a.ID, true, c, p.version)) || p.erased {
		return
	}
	*p = modelPerson{name: got.Name, erased: true, version: p.version + 1}
	require.Regexp(m, "^Erased person ", got.Name)
	for _, g := range model.groups {
		if g.members[id] {
			delete(g.members, id)
			g.version++
		}
	}
}

func (m *machine) addGroup() {
	a, model, c := m.who()
	c.IfVersion = 0
	id, parent := pick(m, m.groups, "group"), pick(m, append([]itsm.ID{"", ""}, m.groups...), "parent")
	var want error
	switch {
	case !a.Has(itsm.RoleITServiceManager):
		want = itsm.ErrForbidden
	case model.groups[id] != nil, parent != "" && model.groups[parent] == nil:
		want = itsm.ErrInvalid
	}
	_, err := m.p.AddGroup(m.ctx, a, directory.NewGroup{Command: c, ID: id, Name: "Group", Parent: parent})
	if m.expect(err, want) {
		model.groups[id] = &modelGroup{parent: parent, active: true, version: 1, members: map[itsm.ID]bool{}}
	}
}

func (m *machine) editGroup() {
	a, model, c := m.who()
	id := pick(m, m.groups, "group")
	g, there := model.groups[id]
	if !there {
		g = &modelGroup{}
	}
	parent, active := g.parent, g.active
	edit := directory.GroupEdit{Command: c}
	if rapid.Bool().Draw(m.T, "parent?") {
		parent = pick(m, append([]itsm.ID{""}, m.groups...), "parent")
		edit.Parent = &parent
	}
	if rapid.Bool().Draw(m.T, "active?") {
		active = rapid.Bool().Draw(m.T, "active")
		edit.Active = &active
	}
	want := mayChange(a, there, false, false, c, g.version)
	if want == nil && parent != g.parent && parent != "" {
		if model.groups[parent] == nil {
			want = itsm.ErrInvalid
		}
		for up := parent; up != "" && want == nil; up = model.groups[up].parent {
			if up == id {
				want = itsm.ErrInvalid
			}
		}
	}
	_, err := m.p.EditGroup(m.ctx, a, id, edit)
	if m.expect(err, want) && (parent != g.parent || active != g.active) {
		g.parent, g.active = parent, active
		g.version++
	}
}

func (m *machine) members() {
	a, model, c := m.who()
	id := pick(m, m.groups, "group")
	g, there := model.groups[id]
	if !there {
		g = &modelGroup{}
	}
	some := rapid.SliceOfN(rapid.SampledFrom(m.people), 0, 2)
	r := directory.MemberChange{Command: c, Add: some.Draw(m.T, "add"), Remove: some.Draw(m.T, "remove")}
	want := mayChange(a, there, false, false, c, g.version)
	if want == nil {
		for _, person := range r.Add {
			if p := model.people[person]; p == nil || p.erased || slices.Contains(r.Remove, person) {
				want = itsm.ErrInvalid
			}
		}
	}
	_, err := m.p.ChangeMembers(m.ctx, a, id, r)
	if !m.expect(err, want) {
		return
	}
	before := maps.Clone(g.members)
	for _, person := range r.Add {
		g.members[person] = true
	}
	for _, person := range r.Remove {
		delete(g.members, person)
	}
	if !maps.Equal(before, g.members) {
		g.version++
	}
}

// worksIn says whether a person works in a group: is a member of one from which active groups alone
// lead up to it.
func (m *model) worksIn(person, group itsm.ID) bool {
	if !m.people[person].active {
		return false
	}
	for id, g := range m.groups {
		if !g.members[person] {
			continue
		}
		for up := id; up != "" && m.groups[up].active; up = m.groups[up].parent {
			if up == group {
				return true
			}
		}
	}
	return false
}

// compare compares everything of one tenant.
func (m *machine) compare() {
	tenant := pick(m, m.tenants, "tenant")
	model, all := m.model[tenant], manager(tenant)
	for _, id := range m.people {
		want, there := model.people[id]
		got, err := m.p.GetPerson(m.ctx, all, id)
		if !there {
			require.ErrorIs(m, err, itsm.ErrNotFound)
			continue
		}
		require.NoError(m, err)
		require.Equal(m, *want, modelPerson{got.Name, got.Manager, got.Active, got.Erased(), got.Version})
	}
	require.NoError(m, m.e.View(m.ctx, all, func(ctx context.Context, r storage.Reader) error {
		for _, id := range m.groups {
			want, there := model.groups[id]
			got, err := m.p.Group(ctx, r, id)
			if !there {
				require.ErrorIs(m, err, itsm.ErrNotFound)
				continue
			}
			require.NoError(m, err)
			require.Equal(m, []any{want.parent, want.active, want.version, len(want.members)}, []any{got.Parent, got.Active, got.Version, got.Size})
			var people []itsm.ID
			for person := range model.people {
				if model.worksIn(person, id) {
					people = append(people, person)
				}
			}
			slices.Sort(people)
			found, err := m.p.MembersOf(ctx, r, id)
			require.NoError(m, err)
			var ids []itsm.ID
			for _, p := range found {
				ids = append(ids, p.ID)
			}
			require.Equal(m, people, ids)
		}
		for person := range model.people {
			var want []itsm.ID
			for group := range model.groups {
				if model.worksIn(person, group) {
					want = append(want, group)
				}
			}
			slices.Sort(want)
			found, err := m.p.GroupsOf(ctx, r, person)
			require.NoError(m, err)
			var ids []itsm.ID
			for _, g := range found {
				ids = append(ids, g.ID)
			}
			require.Equal(m, want, ids)
		}
		return nil
	}))
	// What each sees in lists is what each may open.
	for _, a := range []itsm.Actor{all, analyst(tenant), requester(tenant, "rita")} {
		page, err := m.p.ListPeople(m.ctx, a, storage.Query[directory.PersonHead]{})
		require.NoError(m, err)
		listed := map[itsm.ID]bool{}
		for _, h := range page.Items {
			listed[h.ID] = true
		}
		for _, id := range m.people {
			_, err := m.p.GetPerson(m.ctx, a, id)
			require.Equal(m, err == nil, listed[id], "%s %s: %v", a.ID, id, err)
		}
	}
}
