// This file holds how the practice is a Directory: its answers come from the store.

package directory

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Person implements [Directory]. An erased person is given with the pseudonym, not active.
func (p *Practice) Person(ctx context.Context, r storage.Reader, id itsm.ID) (Person, error) {
	return stored{}.person(ctx, r, id)
}

// People implements [Directory].
func (p *Practice) People(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Person, error) {
	return stored{}.people(ctx, r, ids)
}

// GroupsOf implements [Directory].
func (p *Practice) GroupsOf(ctx context.Context, r storage.Reader, person itsm.ID) ([]Group, error) {
	return groupsOf(ctx, stored{}, r, person)
}

// GroupsOfPeople implements [Directory].
func (p *Practice) GroupsOfPeople(ctx context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID][]Group, error) {
	return groupsOfPeople(ctx, stored{}, r, people)
}

// MembersOf implements [Directory].
func (p *Practice) MembersOf(ctx context.Context, r storage.Reader, group itsm.ID) ([]Person, error) {
	return membersOf(ctx, stored{}, r, group)
}

// Group implements [Directory].
func (p *Practice) Group(ctx context.Context, r storage.Reader, id itsm.ID) (Group, error) {
	return GroupTable.Get(ctx, r, id)
}

// Organisation implements [Directory].
func (p *Practice) Organisation(ctx context.Context, r storage.Reader, id itsm.ID) (Organisation, error) {
	return OrganisationTable.Get(ctx, r, id)
}

// Site implements [Directory].
func (p *Practice) Site(ctx context.Context, r storage.Reader, id itsm.ID) (Site, error) {
	return SiteTable.Get(ctx, r, id)
}

// stored is the source of what the tables keep.
type stored struct{}

func (stored) person(ctx context.Context, r storage.Reader, id itsm.ID) (Person, error) {
	return PersonTable.Get(ctx, r, id)
}

func (stored) people(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Person, error) {
	if _, err := TenantOf(r); err != nil {
		return nil, err
	}
	ids = unseen(map[itsm.ID]bool{}, ids)
	found, err := among(ids, PersonTable.ByID(), func(q storage.Query[PersonHead]) (storage.Page[Person], error) {
		return PersonTable.Records(ctx, r, q)
	})
	if err != nil {
		return nil, err
	}
	place := make(map[itsm.ID]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(found, func(a, b Person) int { return place[a.ID] - place[b.ID] })
	return found, nil
}

func (stored) group(ctx context.Context, r storage.Reader, id itsm.ID) (Group, error) {
	return GroupTable.Get(ctx, r, id)
}

func (stored) groups(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]Group, error) {
	return among(ids, GroupTable.ByID(), func(q storage.Query[GroupHead]) (storage.Page[Group], error) {
		return GroupTable.Records(ctx, r, q)
	})
}

func (stored) below(ctx context.Context, r storage.Reader, groups []itsm.ID) ([]Group, error) {
	return among(groups, GroupByParent, func(q storage.Query[GroupHead]) (storage.Page[Group], error) {
		return GroupTable.Records(ctx, r, q)
	})
}

func (stored) members(ctx context.Context, r storage.Reader, groups []itsm.ID) ([]Person, error) {
	return among(groups, memberByGroup, func(q storage.Query[memberHead]) (storage.Page[Person], error) {
		return PersonTable.Records(ctx, r, storage.Query[PersonHead]{
			Where: storage.AllOf(PersonByActive.Is(true), storage.NamedBy[PersonHead](memberTable, memberByPerson, q.Where)), Limit: q.Limit, After: q.After,
		})
	})
}

func (stored) groupsOf(ctx context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID][]itsm.ID, error) {
	rows, err := headsOf(ctx, r, memberTable, memberByPerson, people)
	groups := make(map[itsm.ID][]itsm.ID, len(people))
	for _, m := range rows {
		groups[m.Person] = append(groups[m.Person], m.Group)
	}
	return groups, err
}

// groupsOfMember gives the groups of which a person is a member, by their ids.
func groupsOfMember(ctx context.Context, r storage.Reader, person itsm.ID) ([]itsm.ID, error) {
	rows, err := headsOf(ctx, r, memberTable, memberByPerson, []itsm.ID{person})
	ids := make([]itsm.ID, len(rows))
	for i, m := range rows {
		ids[i] = m.Group
	}
	slices.Sort(ids)
	return ids, err
}

// idsAtOnce is how many ids one query names.
const idsAtOnce = storage.MaxPage

// headsOf gives all heads that have one of the ids in the column.
func headsOf[R, H, B any](ctx context.Context, r storage.Reader, t storage.Table[R, H, B], by storage.Column[H, itsm.ID], ids []itsm.ID) ([]H, error) {
	return among(ids, by, func(q storage.Query[H]) (storage.Page[H], error) { return t.List(ctx, r, q) })
}

// among gives everything that a list gives of what has one of the ids in the column.
func among[H, T any](ids []itsm.ID, by storage.Column[H, itsm.ID], list func(storage.Query[H]) (storage.Page[T], error)) ([]T, error) {
	var out []T
	ids = slices.DeleteFunc(slices.Clone(ids), func(id itsm.ID) bool { return storage.CheckKey(string(id)) != "" })
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		q := storage.Query[H]{Where: by.In(chunk...), Limit: storage.MaxPage}
		for item, err := range storage.Pages(q, list) {
			if err != nil {
				return nil, err
			}
			out = append(out, item)
		}
	}
	return out, nil
}
