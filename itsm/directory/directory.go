// This file holds what the other packages ask a directory, whoever keeps it.

package directory

import (
	"cmp"
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Directory says who people are and in which groups they work. [Practice] is one that keeps them in
// the store, [Static] one made of values; a host that has its users elsewhere brings its own, and
// package directorytest shows that it keeps what is promised here.
//
// Every question is asked in a reader: a unit, so that a reaction sees what its transaction has
// written, or the snapshot of a view. Every answer is of the reader's one tenant ([TenantOf]); a host
// that keeps its people elsewhere takes no more of the reader than that. An id that is not there, or
// cannot be one, is [itsm.ErrNotFound]. No permission is asked: routing and notification work for
// everyone, and what a person is shown is for whoever shows it.
//
// A Directory is safe for any number of goroutines. What it gives is the caller's to change.
type Directory interface {
	// Person gives a person, one who is not active too.
	Person(ctx context.Context, r storage.Reader, id itsm.ID) (Person, error)
	// People gives those of several people that there are, each once, in the order in which they are
	// named first. Any number may be named.
	People(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Person, error)
	// GroupsOf gives the groups in which a person works, by their ids: those of which the person is a
	// member, and those above them. A group that is not active is not among them and leads to none
	// above it; a person who is not active works in none.
	GroupsOf(ctx context.Context, r storage.Reader, person itsm.ID) ([]Group, error)
	// GroupsOfPeople gives for each of several people that there are what GroupsOf gives: who is not in
	// the answer is not there, and who works in no group has none. Any number may be named, and what it
	// costs to ask is to hang on the depth of the groups, not on how many people are named.
	GroupsOfPeople(ctx context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID][]Group, error)
	// MembersOf gives the people who work in a group, by their ids: it is the inverse of GroupsOf.
	MembersOf(ctx context.Context, r storage.Reader, group itsm.ID) ([]Person, error)
	// Group, Organisation and Site give one of these, one that is not active too.
	Group(ctx context.Context, r storage.Reader, id itsm.ID) (Group, error)
	Organisation(ctx context.Context, r storage.Reader, id itsm.ID) (Organisation, error)
	Site(ctx context.Context, r storage.Reader, id itsm.ID) (Site, error)
}

// TenantOf gives the tenant that a question to a [Directory] is about. Where the reader has several
// it is ErrInvalid.
func TenantOf(r storage.Reader) (itsm.Tenant, error) {
	tenants := r.Tenants()
	if len(tenants) != 1 {
		return "", itsm.Invalid("directory", "tenant", "must be one, as a question is about one")
	}
	return tenants[0], nil
}

// source is what it takes to answer for nested groups.
type source interface {
	person(ctx context.Context, r storage.Reader, id itsm.ID) (Person, error)
	people(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Person, error)
	group(ctx context.Context, r storage.Reader, id itsm.ID) (Group, error)
	groups(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Group, error)
	// below gives the groups directly below any of these.
	below(ctx context.Context, r storage.Reader, groups []itsm.ID) ([]Group, error)
	// members gives the active own members of any of these groups, and groupsOf the groups of which
	// each of the people is a member.
	members(ctx context.Context, r storage.Reader, groups []itsm.ID) ([]Person, error)
	groupsOf(ctx context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID][]itsm.ID, error)
}

func groupsOf(ctx context.Context, s source, r storage.Reader, person itsm.ID) ([]Group, error) {
	all, err := groupsOfPeople(ctx, s, r, []itsm.ID{person})
	if err != nil {
		return nil, err
	}
	groups, there := all[person]
	if !there {
		return nil, &storage.Error{Op: "get", Table: KindPerson, ID: person, Err: storage.ErrNotFound}
	}
	return groups, nil
}

func groupsOfPeople(ctx context.Context, s source, r storage.Reader, people []itsm.ID) (map[itsm.ID][]Group, error) {
	found, err := s.people(ctx, r, people)
	if err != nil {
		return nil, err
	}
	out := make(map[itsm.ID][]Group, len(found))
	var active []itsm.ID
	for i := range found {
		out[found[i].ID] = nil
		if found[i].Active {
			active = append(active, found[i].ID)
		}
	}
	own, err := s.groupsOf(ctx, r, active)
	if err != nil {
		return nil, err
	}
	seen := map[itsm.ID]bool{}
	var next []itsm.ID
	for _, id := range active {
		next = append(next, unseen(seen, own[id])...)
	}
	groups := map[itsm.ID]Group{} // those that are active
	for len(next) > 0 {
		level, err := s.groups(ctx, r, next)
		if err != nil {
			return nil, err
		}
		next = nil
		for _, g := range level {
			if !g.Active {
				continue
			}
			if groups[g.ID] = g; g.Parent != "" {
				next = append(next, unseen(seen, []itsm.ID{g.Parent})...)
			}
		}
	}
	for _, id := range active {
		worksIn := map[itsm.ID]bool{}
		for _, at := range own[id] {
			for g, ok := groups[at]; ok && !worksIn[at]; g, ok = groups[at] {
				worksIn[at] = true
				out[id] = append(out[id], g)
				at = g.Parent
			}
		}
		slices.SortFunc(out[id], func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out, nil
}

func membersOf(ctx context.Context, s source, r storage.Reader, group itsm.ID) ([]Person, error) {
	g, err := s.group(ctx, r, group)
	if err != nil || !g.Active {
		return nil, err
	}
	seen := map[itsm.ID]bool{g.ID: true}
	groups := []itsm.ID{g.ID}
	for level := groups; len(level) > 0; {
		below, err := s.below(ctx, r, level)
		if err != nil {
			return nil, err
		}
		level = nil
		for _, g := range below {
			if g.Active {
				level = append(level, g.ID)
			}
		}
		level = unseen(seen, level)
		groups = append(groups, level...)
	}
	people, err := s.members(ctx, r, groups)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(people, func(a, b Person) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(people, func(a, b Person) bool { return a.ID == b.ID }), nil
}

// unseen gives those that were not seen before, each once, and remembers them.
func unseen(seen map[itsm.ID]bool, ids []itsm.ID) []itsm.ID {
	var out []itsm.ID
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
