// This file holds who is in a group: as records of their own, so that both sides find them by an
// index.

package directory

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxMembers is the greatest number of people that a command may add to or remove from a group. How
// many a group has is not bounded.
const MaxMembers = 200

type memberRecord struct {
	memberHead
	memberBody
}

type memberHead struct {
	storage.Meta
	Group  itsm.ID
	Person itsm.ID
}

type memberBody struct{}

var (
	memberByGroup  = storage.Col("group", func(h *memberHead) *itsm.ID { return &h.Group })
	memberByPerson = storage.Col("person", func(h *memberHead) *itsm.ID { return &h.Person })
)

var memberTable = storage.Define("directory_member", storage.Def[memberRecord, memberHead, memberBody]{
	Parts:   func(r *memberRecord) (*memberHead, *memberBody) { return &r.memberHead, &r.memberBody },
	Columns: []storage.ColumnOf[memberHead]{memberByGroup, memberByPerson},
	Indexes: []storage.Index{
		storage.UniqueOn(memberByGroup.Asc(), memberByPerson.Asc()),
		storage.IndexOn(memberByPerson.Asc(), memberByGroup.Asc()),
	},
})

func memberID(group, person itsm.ID) itsm.ID {
	return itsm.ID(digest.Of(string(group), string(person)))
}

// MemberChange adds people to a group and removes people from it. Adding one who is a member, and
// removing one who is none, does nothing.
type MemberChange struct {
	itsm.Command
	Add    []itsm.ID `json:"add,omitempty"`
	Remove []itsm.ID `json:"remove,omitempty"`
}

// ChangeMembers changes who is in a group, and gives the group. The people added must be in the
// directory and not erased. Where nothing is another than before, nothing happens.
func (p *Practice) ChangeMembers(ctx context.Context, actor itsm.Actor, group itsm.ID, r MemberChange) (Group, error) {
	c := commandOf(GroupTable, actionChangeMembers, actor, group, r.Command, r)
	return run(ctx, p, GroupTable, c, PermissionManage, func(ctx context.Context, u *engine.Unit, g Group, f *itsm.Faults) (Group, error) {
		checkMembers("add", r.Add, f)
		checkMembers("remove", r.Remove, f)
		for i, person := range r.Remove {
			if slices.Contains(r.Add, person) {
				f.Add(at("remove", i), "is added too")
			}
		}
		if f.Empty() {
			// Whoever is erased meanwhile is not added: in one order, so that no two wait for each other.
			for _, person := range slices.Sorted(slices.Values(r.Add)) {
				if err := lockPerson(ctx, u, person); err != nil {
					return Group{}, err
				}
			}
			if err := checkPeople(ctx, u, f, "add", r.Add); err != nil {
				return Group{}, err
			}
		}
		if err := f.Err(KindGroup); err != nil {
			return Group{}, err
		}
		var told MembersChanged
		for _, person := range r.Add {
			if added, err := addMember(ctx, u, group, person); err != nil {
				return Group{}, err
			} else if added {
				told.Added = append(told.Added, person)
			}
		}
		for _, person := range r.Remove {
			if removed, err := removeMember(ctx, u, group, person); err != nil {
				return Group{}, err
			} else if removed {
				told.Removed = append(told.Removed, person)
			}
		}
		if len(told.Added)+len(told.Removed) == 0 {
			return g, nil
		}
		return putMembers(ctx, u, g, told, itsm.Event{})
	})
}

// putMembers puts the group after its members were changed, and tells of it.
func putMembers(ctx context.Context, u *engine.Unit, g Group, told MembersChanged, by itsm.Event) (Group, error) {
	g.Size += len(told.Added) - len(told.Removed)
	if err := GroupTable.Put(ctx, u, &g); err != nil {
		return Group{}, err
	}
	by.Kind, by.Record, by.Action, by.Data = KindGroup, g.ID, actionChangeMembers, told
	u.Emit(by)
	return g, nil
}

// addMember and removeMember go past the unit's field history: the group's own event tells of them.
func addMember(ctx context.Context, u *engine.Unit, group, person itsm.ID) (bool, error) {
	m := memberRecord{memberHead: memberHead{Group: group, Person: person}}
	m.ID, m.Created, m.Updated = memberID(group, person), u.Now(), u.Now()
	_, err := memberTable.Get(ctx, u.Quiet(), m.ID)
	if !errors.Is(err, storage.ErrNotFound) {
		return false, err
	}
	return true, memberTable.Put(ctx, u.Quiet(), &m)
}

func removeMember(ctx context.Context, u *engine.Unit, group, person itsm.ID) (bool, error) {
	m, err := memberTable.Get(ctx, u.Quiet(), memberID(group, person))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, memberTable.Delete(ctx, u.Quiet(), &m)
}

// lockPerson holds what names the person still until the end of the unit.
func lockPerson(ctx context.Context, u *engine.Unit, person itsm.ID) error {
	return u.Lock(ctx, "directory_member/"+digest.Of(string(person)))
}

func checkMembers(field string, people []itsm.ID, f *itsm.Faults) {
	if len(people) > MaxMembers {
		f.Addf(field, "are %d; at most %d are allowed", len(people), MaxMembers)
		return
	}
	for i, person := range people {
		f.Key(at(field, i), string(person))
	}
}

// checkPeople notes those who are not in the directory, and those who are erased.
func checkPeople(ctx context.Context, r storage.Reader, f *itsm.Faults, field string, people []itsm.ID) error {
	heads, err := headsOf(ctx, r, PersonTable, PersonTable.ByID(), people)
	if err != nil {
		return err
	}
	for i, person := range people {
		n := slices.IndexFunc(heads, func(h PersonHead) bool { return h.ID == person })
		switch {
		case n < 0:
			f.Add(at(field, i), "is not found")
		case heads[n].Erased():
			f.Add(at(field, i), "is erased")
		}
	}
	return nil
}

// checkPerson is checkPeople for one. Empty is none.
func checkPerson(ctx context.Context, r storage.Reader, f *itsm.Faults, field string, person itsm.ID) error {
	if person == "" {
		return nil
	}
	before := len(f.List())
	if f.Key(field, string(person)); len(f.List()) > before {
		return nil
	}
	p, err := PersonTable.Get(ctx, r, person)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		f.Add(field, "is not found")
		return nil
	case err != nil:
		return err
	case p.Erased():
		f.Add(field, "is erased")
	}
	return nil
}

// Members gives a page of the people who are in a group itself, not in those below it, active or
// not, by their ids. It needs the permission [PermissionRead] on all people.
func (p *Practice) Members(ctx context.Context, actor itsm.Actor, group itsm.ID, after storage.Cursor, limit int) (storage.Page[PersonHead], error) {
	var out storage.Page[PersonHead]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := find(ctx, p, r, actor, GroupTable, group); err != nil {
			return err
		}
		s, err := p.scope(ctx, actor, KindPerson)
		if err != nil {
			return err
		}
		if s != scopeAll {
			return forbidden(actor, PermissionRead)
		}
		page, err := memberTable.List(ctx, r, storage.Query[memberHead]{
			Where: memberByGroup.Is(group), Order: []storage.Order{memberByPerson.Asc()}, After: after, Limit: limit,
		})
		if err != nil {
			return err
		}
		ids := make([]itsm.ID, len(page.Items))
		for i, m := range page.Items {
			ids[i] = m.Person
		}
		out.Next = page.Next
		out.Items, err = headsOf(ctx, r, PersonTable, PersonTable.ByID(), ids)
		return err
	})
	return out, err
}
