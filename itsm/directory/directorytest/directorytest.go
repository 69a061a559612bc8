// This file holds the suite and what it fills a directory with.

package directorytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case as a subtest.
//
// open gives a directory that has the content, and a store in whose readers it is asked: its own, or
// any (package memory) where it takes only the tenant of them. What it opened it closes itself, with
// t.Cleanup. Of people the suite looks at the id, name, e-mail, organisation and site, and whether they
// are active; of groups at the id, name, parent, and whether they are active.
func Run(t *testing.T, open func(t *testing.T, content directory.Static) (directory.Directory, storage.Store)) {
	content := Content()
	d, store := open(t, content)
	s := suite{d: d, store: store, content: content}
	t.Run("PeopleAreFoundByTheirIds", s.people)
	t.Run("SeveralPeopleComeOnceAndInOrder", s.several)
	t.Run("OrganisationsSitesAndGroupsAreFound", s.others)
	t.Run("WhatIsNotThereIsNotFound", s.missing)
	t.Run("GroupsNest", s.nested)
	t.Run("TheGroupsOfSeveralPeopleAreThoseOfEach", s.groupsOfSeveral)
	t.Run("GroupsOfAndMembersOfAgree", s.inverse)
	t.Run("AnAnswerIsOfOneTenant", s.tenants)
	t.Run("AnAnswerIsTheCallersToChange", s.copies)
	t.Run("ManyMayAskAtOnce", s.together)
}

// The tenants of the content.
const (
	acme   = itsm.Tenant("acme")
	globex = itsm.Tenant("globex")
)

// Content is what [Run] fills a directory with: two tenants whose people have the same ids. Each
// organisation, site and group stands after the one above it.
func Content() directory.Static {
	of := func(name string) directory.Content {
		var c directory.Content
		id := func(id itsm.ID) storage.Meta { return storage.Meta{ID: id} }
		person := func(i itsm.ID, active bool) {
			p := directory.Person{PersonHead: directory.PersonHead{
				Meta: id(i), Name: strings.ToUpper(string(i)) + " of " + name, Email: string(i) + "@" + name + ".example",
				Organisation: "works", Site: "floor", Active: active,
			}}
			p.Emails = []string{string(i) + "@home.example"}
			c.People = append(c.People, p)
		}
		for _, i := range []itsm.ID{"ana", "bob", "carl", "dora", "nia"} {
			person(i, true)
		}
		person("gone", false)
		c.Organisations = []directory.Organisation{
			{OrganisationHead: directory.OrganisationHead{Meta: id("whole"), Name: name, Active: true}},
			{OrganisationHead: directory.OrganisationHead{Meta: id("works"), Name: name + " works", Parent: "whole", Active: true}},
		}
		c.Sites = []directory.Site{
			{SiteHead: directory.SiteHead{Meta: id("house"), Name: name + " house", Active: true}},
			{SiteHead: directory.SiteHead{Meta: id("floor"), Name: name + " floor", Parent: "house", Active: true}},
		}
		group := func(i, parent itsm.ID, active bool, members ...itsm.ID) {
			c.Groups = append(c.Groups, directory.Group{GroupHead: directory.GroupHead{
				Meta: id(i), Name: name + " " + string(i), Parent: parent, Active: active, Size: len(members),
			}})
			if c.Members == nil {
				c.Members = map[itsm.ID][]itsm.ID{}
			}
			c.Members[i] = members
		}
		group("it", "", true)
		group("network", "it", true, "ana", "gone")
		group("wireless", "network", true, "bob", "ana")
		group("closed", "it", false, "carl", "bob")
		group("hidden", "closed", true, "dora")
		group("board", "", true, "dora", "ana")
		group("empty", "", true)
		return c
	}
	content := directory.Static{acme: of("acme"), globex: of("globex")}
	// Of the same ids, one tenant has what the other has not.
	other := content[globex]
	other.People = slices.DeleteFunc(other.People, func(p directory.Person) bool { return p.ID == "nia" })
	content[globex] = other
	return content
}

// worksIn says in which groups of acme each person works.
var worksIn = map[itsm.ID][]itsm.ID{
	"ana":  {"board", "it", "network", "wireless"},
	"bob":  {"it", "network", "wireless"},
	"carl": nil,
	"dora": {"board", "hidden"},
	"nia":  nil,
	"gone": nil,
}

type suite struct {
	d       directory.Directory
	store   storage.Store
	content directory.Static
}

// ask runs fn in a reader of the tenants.
func (s suite) ask(t *testing.T, fn func(ctx context.Context, r storage.Reader), tenants ...itsm.Tenant) {
	t.Helper()
	require.NoError(t, s.store.View(t.Context(), tenants, func(ctx context.Context, r storage.Reader) error {
		fn(ctx, r)
		return nil
	}))
}

// known is what the suite looks at of a person.
func known(p directory.Person) directory.PersonHead {
	return directory.PersonHead{
		Meta: storage.Meta{ID: p.ID}, Name: p.Name, Email: p.Email, Organisation: p.Organisation, Site: p.Site, Active: p.Active,
	}
}

func ids(people []directory.Person) (out []itsm.ID) {
	for _, p := range people {
		out = append(out, p.ID)
	}
	return out
}

func groupIDs(groups []directory.Group) (out []itsm.ID) {
	for _, g := range groups {
		out = append(out, g.ID)
	}
	return out
}

func (s suite) people(t *testing.T) {
	for tenant, content := range s.content {
		s.ask(t, func(ctx context.Context, r storage.Reader) {
			for _, want := range content.People {
				got, err := s.d.Person(ctx, r, want.ID)
				require.NoError(t, err)
				require.Equal(t, known(want), known(got))
			}
		}, tenant)
	}
}

func (s suite) several(t *testing.T) {
	many := []itsm.ID{"nobody", "dora", "", "gone", "dora", "ana"}
	for n := range 2500 {
		many = append(many, itsm.ID(fmt.Sprintf("nobody-%d", n)))
	}
	many = append(many, "bob", "ana", "\x00", itsm.ID(strings.Repeat("x", storage.MaxKey+1)))
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		got, err := s.d.People(ctx, r, many)
		require.NoError(t, err)
		require.Equal(t, []itsm.ID{"dora", "gone", "ana", "bob"}, ids(got))
		for _, p := range got {
			one, err := s.d.Person(ctx, r, p.ID)
			require.NoError(t, err)
			require.Equal(t, known(one), known(p))
		}
		for _, none := range [][]itsm.ID{nil, {}, {"nobody"}} {
			got, err := s.d.People(ctx, r, none)
			require.NoError(t, err)
			require.Empty(t, got)
		}
	}, acme)
}

func (s suite) others(t *testing.T) {
	for tenant, content := range s.content {
		s.ask(t, func(ctx context.Context, r storage.Reader) {
			for _, want := range content.Organisations {
				got, err := s.d.Organisation(ctx, r, want.ID)
				require.NoError(t, err)
				require.Equal(t, [3]string{string(want.ID), want.Name, string(want.Parent)}, [3]string{string(got.ID), got.Name, string(got.Parent)})
			}
			for _, want := range content.Sites {
				got, err := s.d.Site(ctx, r, want.ID)
				require.NoError(t, err)
				require.Equal(t, [3]string{string(want.ID), want.Name, string(want.Parent)}, [3]string{string(got.ID), got.Name, string(got.Parent)})
			}
			for _, want := range content.Groups {
				got, err := s.d.Group(ctx, r, want.ID)
				require.NoError(t, err)
				require.Equal(t, [3]string{string(want.ID), want.Name, string(want.Parent)}, [3]string{string(got.ID), got.Name, string(got.Parent)})
				require.Equal(t, want.Active, got.Active)
			}
		}, tenant)
	}
}

func (s suite) missing(t *testing.T) {
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		for _, id := range []itsm.ID{"nobody", "", "ANA", "ana ", "\x00", "\xff", itsm.ID(strings.Repeat("x", storage.MaxKey+1))} {
			_, err := s.d.Person(ctx, r, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%q", id)
			_, err = s.d.GroupsOf(ctx, r, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%q", id)
			_, err = s.d.MembersOf(ctx, r, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%q", id)
			_, err = s.d.Group(ctx, r, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%q", id)
			_, err = s.d.Organisation(ctx, r, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%q", id)
			_, err = s.d.Site(ctx, r, id)
			require.ErrorIs(t, err, itsm.ErrNotFound, "%q", id)
		}
	}, acme)
}

func (s suite) nested(t *testing.T) {
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		for person, want := range worksIn {
			groups, err := s.d.GroupsOf(ctx, r, person)
			require.NoError(t, err)
			require.Equal(t, want, groupIDs(groups), "%s works in", person)
		}
	}, acme)
}

func (s suite) groupsOfSeveral(t *testing.T) {
	many := []itsm.ID{"nobody", "", "\x00", "ana", itsm.ID(strings.Repeat("x", storage.MaxKey+1))}
	for person := range worksIn {
		many = append(many, person)
	}
	for n := range 1500 {
		many = append(many, itsm.ID(fmt.Sprintf("nobody-%d", n)))
	}
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		all, err := s.d.GroupsOfPeople(ctx, r, many)
		require.NoError(t, err)
		require.Len(t, all, len(worksIn), "who is not there is not in the answer")
		for person, want := range worksIn {
			groups, there := all[person]
			require.True(t, there, person)
			require.Equal(t, want, groupIDs(groups), "%s works in", person)
		}
		none, err := s.d.GroupsOfPeople(ctx, r, nil)
		require.NoError(t, err)
		require.Empty(t, none)
	}, acme)
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		_, err := s.d.GroupsOfPeople(ctx, r, []itsm.ID{"ana"})
		require.ErrorIs(t, err, itsm.ErrInvalid, "a question is about one tenant")
	}, acme, globex)
}

func (s suite) inverse(t *testing.T) {
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		for _, g := range s.content[acme].Groups {
			var want []itsm.ID
			for person, groups := range worksIn {
				if slices.Contains(groups, g.ID) {
					want = append(want, person)
				}
			}
			slices.Sort(want)
			people, err := s.d.MembersOf(ctx, r, g.ID)
			require.NoError(t, err)
			require.Equal(t, want, ids(people), "in %s work", g.ID)
		}
	}, acme)
}

func (s suite) tenants(t *testing.T) {
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		_, err := s.d.Person(ctx, r, "nia")
		require.ErrorIs(t, err, itsm.ErrNotFound)
		people, err := s.d.People(ctx, r, []itsm.ID{"nia", "ana"})
		require.NoError(t, err)
		require.Equal(t, []itsm.ID{"ana"}, ids(people))
		require.Equal(t, "ANA of globex", people[0].Name)
	}, globex)
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		_, err := s.d.Person(ctx, r, "ana")
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}, "initech")
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		_, err := s.d.Person(ctx, r, "ana")
		require.ErrorIs(t, err, itsm.ErrInvalid)
		_, err = s.d.People(ctx, r, []itsm.ID{"ana"})
		require.ErrorIs(t, err, itsm.ErrInvalid)
		_, err = s.d.GroupsOf(ctx, r, "ana")
		require.ErrorIs(t, err, itsm.ErrInvalid)
		_, err = s.d.MembersOf(ctx, r, "it")
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}, acme, globex)
}

func (s suite) copies(t *testing.T) {
	s.ask(t, func(ctx context.Context, r storage.Reader) {
		spoil := func(p directory.Person) {
			for i := range p.Emails {
				p.Emails[i] = "spoilt"
			}
		}
		p, err := s.d.Person(ctx, r, "ana")
		require.NoError(t, err)
		spoil(p)
		people, err := s.d.MembersOf(ctx, r, "it")
		require.NoError(t, err)
		for _, p := range people {
			require.NotContains(t, p.Emails, "spoilt")
			spoil(p)
		}
		people, err = s.d.People(ctx, r, []itsm.ID{"ana", "bob"})
		require.NoError(t, err)
		for _, p := range people {
			require.NotContains(t, p.Emails, "spoilt")
		}
	}, acme)
}

func (s suite) together(t *testing.T) {
	errs := make([]error, 8)
	var done sync.WaitGroup
	for n := range errs {
		done.Add(1)
		go func() {
			defer done.Done()
			errs[n] = s.store.View(t.Context(), []itsm.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
				people, err := s.d.MembersOf(ctx, r, "it")
				if err == nil && !slices.Equal(ids(people), []itsm.ID{"ana", "bob"}) {
					err = fmt.Errorf("in it work %q", ids(people))
				}
				return err
			})
		}()
	}
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}
