// This file holds a directory made of values: for tests, examples, and hosts whose people are few.

package directory

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Content is what a directory has of one tenant.
type Content struct {
	People        []Person
	Organisations []Organisation
	Sites         []Site
	Groups        []Group
	// Members are the people in each group itself.
	Members map[itsm.ID][]itsm.ID
}

// Static is a [Directory] of what each tenant has. It is not changed while it is in use, and each
// question looks through all of its tenant: it is for hundreds of people, not for thousands.
type Static map[itsm.Tenant]Content

var _ Directory = Static(nil)

// Person implements [Directory].
func (s Static) Person(_ context.Context, r storage.Reader, id itsm.ID) (Person, error) {
	c, err := s.of(r)
	if err != nil {
		return Person{}, err
	}
	p, err := one(KindPerson, c.People, id, func(p *Person) itsm.ID { return p.ID })
	return p.clone(), err
}

// People implements [Directory].
func (s Static) People(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Person, error) {
	return s.people(ctx, r, ids)
}

// GroupsOf implements [Directory].
func (s Static) GroupsOf(ctx context.Context, r storage.Reader, person itsm.ID) ([]Group, error) {
	return groupsOf(ctx, s, r, person)
}

// GroupsOfPeople implements [Directory].
func (s Static) GroupsOfPeople(ctx context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID][]Group, error) {
	return groupsOfPeople(ctx, s, r, people)
}

// MembersOf implements [Directory].
func (s Static) MembersOf(ctx context.Context, r storage.Reader, group itsm.ID) ([]Person, error) {
	return membersOf(ctx, s, r, group)
}

// Group implements [Directory].
func (s Static) Group(_ context.Context, r storage.Reader, id itsm.ID) (Group, error) {
	c, err := s.of(r)
	if err != nil {
		return Group{}, err
	}
	return one(KindGroup, c.Groups, id, func(g *Group) itsm.ID { return g.ID })
}

// Organisation implements [Directory].
func (s Static) Organisation(_ context.Context, r storage.Reader, id itsm.ID) (Organisation, error) {
	c, err := s.of(r)
	if err != nil {
		return Organisation{}, err
	}
	return one(KindOrganisation, c.Organisations, id, func(o *Organisation) itsm.ID { return o.ID })
}

// Site implements [Directory].
func (s Static) Site(_ context.Context, r storage.Reader, id itsm.ID) (Site, error) {
	c, err := s.of(r)
	if err != nil {
		return Site{}, err
	}
	return one(KindSite, c.Sites, id, func(s *Site) itsm.ID { return s.ID })
}

func (s Static) of(r storage.Reader) (Content, error) {
	tenant, err := TenantOf(r)
	return s[tenant], err
}

func one[R any](kind string, all []R, id itsm.ID, idOf func(*R) itsm.ID) (R, error) {
	for i := range all {
		if idOf(&all[i]) == id && id != "" {
			return all[i], nil
		}
	}
	var none R
	return none, &storage.Error{Op: "get", Table: kind, ID: id, Err: storage.ErrNotFound}
}

// clone gives a copy that shares nothing.
func (p Person) clone() Person {
	p.Emails, p.Hours, p.Skills = slices.Clone(p.Emails), slices.Clone(p.Hours), slices.Clone(p.Skills)
	return p
}

func (s Static) person(ctx context.Context, r storage.Reader, id itsm.ID) (Person, error) {
	return s.Person(ctx, r, id)
}

func (s Static) people(_ context.Context, r storage.Reader, ids []itsm.ID) ([]Person, error) {
	c, err := s.of(r)
	if err != nil {
		return nil, err
	}
	var out []Person
	for _, id := range unseen(map[itsm.ID]bool{}, ids) {
		if p, err := one(KindPerson, c.People, id, func(p *Person) itsm.ID { return p.ID }); err == nil {
			out = append(out, p.clone())
		}
	}
	return out, nil
}

func (s Static) group(ctx context.Context, r storage.Reader, id itsm.ID) (Group, error) {
	return s.Group(ctx, r, id)
}

func (s Static) groups(_ context.Context, r storage.Reader, ids []itsm.ID) ([]Group, error) {
	return s.groupsWhere(r, func(g *Group) bool { return slices.Contains(ids, g.ID) })
}

func (s Static) below(_ context.Context, r storage.Reader, groups []itsm.ID) ([]Group, error) {
	return s.groupsWhere(r, func(g *Group) bool { return slices.Contains(groups, g.Parent) })
}

func (s Static) groupsWhere(r storage.Reader, has func(*Group) bool) ([]Group, error) {
	c, err := s.of(r)
	var out []Group
	for i := range c.Groups {
		if has(&c.Groups[i]) {
			out = append(out, c.Groups[i])
		}
	}
	return out, err
}

func (s Static) members(ctx context.Context, r storage.Reader, groups []itsm.ID) ([]Person, error) {
	c, err := s.of(r)
	if err != nil {
		return nil, err
	}
	var ids []itsm.ID
	for _, g := range groups {
		ids = append(ids, c.Members[g]...)
	}
	people, err := s.people(ctx, r, ids)
	return slices.DeleteFunc(people, func(p Person) bool { return !p.Active }), err
}

func (s Static) groupsOf(_ context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID][]itsm.ID, error) {
	c, err := s.of(r)
	out := make(map[itsm.ID][]itsm.ID, len(people))
	for g, members := range c.Members {
		for _, person := range unseen(map[itsm.ID]bool{}, members) {
			if slices.Contains(people, person) {
				out[person] = append(out[person], g)
			}
		}
	}
	return out, err
}
