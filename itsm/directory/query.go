// This file holds what people may read of the directory: one record, lists, counts, names, histories.

package directory

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// GetPerson gives a person as the actor may see one. One whom the actor may not read is ErrNotFound.
func (p *Practice) GetPerson(ctx context.Context, actor itsm.Actor, id itsm.ID) (Person, error) {
	return get(ctx, p, actor, PersonTable, id)
}

// GetOrganisation gives an organisation. One that the actor may not read is ErrNotFound.
func (p *Practice) GetOrganisation(ctx context.Context, actor itsm.Actor, id itsm.ID) (Organisation, error) {
	return get(ctx, p, actor, OrganisationTable, id)
}

// GetSite gives a site. One that the actor may not read is ErrNotFound.
func (p *Practice) GetSite(ctx context.Context, actor itsm.Actor, id itsm.ID) (Site, error) {
	return get(ctx, p, actor, SiteTable, id)
}

// GetGroup gives a group. One that the actor may not read is ErrNotFound.
func (p *Practice) GetGroup(ctx context.Context, actor itsm.Actor, id itsm.ID) (Group, error) {
	return get(ctx, p, actor, GroupTable, id)
}

// ListPeople gives a page of the people whom the actor may read, by their names where the query has
// no order. An actor who may read none at all gets ErrForbidden. storage.Pages walks all pages of
// this and the other lists.
func (p *Practice) ListPeople(ctx context.Context, actor itsm.Actor, q storage.Query[PersonHead]) (storage.Page[PersonHead], error) {
	return list(ctx, p, actor, PersonTable, q, PersonByName.Asc())
}

// ListOrganisations gives a page of organisations as [Practice.ListPeople] does.
func (p *Practice) ListOrganisations(ctx context.Context, actor itsm.Actor, q storage.Query[OrganisationHead]) (storage.Page[OrganisationHead], error) {
	return list(ctx, p, actor, OrganisationTable, q, OrganisationByName.Asc())
}

// ListSites gives a page of sites as [Practice.ListPeople] does.
func (p *Practice) ListSites(ctx context.Context, actor itsm.Actor, q storage.Query[SiteHead]) (storage.Page[SiteHead], error) {
	return list(ctx, p, actor, SiteTable, q, SiteByName.Asc())
}

// ListGroups gives a page of groups as [Practice.ListPeople] does.
func (p *Practice) ListGroups(ctx context.Context, actor itsm.Actor, q storage.Query[GroupHead]) (storage.Page[GroupHead], error) {
	return list(ctx, p, actor, GroupTable, q, GroupByName.Asc())
}

// CountPeople counts the people whom the actor may read for each combination of values that they have
// in the columns, in the order of these values. Without columns it is one group of all.
func (p *Practice) CountPeople(ctx context.Context, actor itsm.Actor, where storage.Filter[PersonHead], by ...storage.ColumnOf[PersonHead]) ([]storage.Group, error) {
	return count(ctx, p, actor, PersonTable, where, by)
}

// CountOrganisations counts organisations as [Practice.CountPeople] does.
func (p *Practice) CountOrganisations(ctx context.Context, actor itsm.Actor, where storage.Filter[OrganisationHead], by ...storage.ColumnOf[OrganisationHead]) ([]storage.Group, error) {
	return count(ctx, p, actor, OrganisationTable, where, by)
}

// CountSites counts sites as [Practice.CountPeople] does.
func (p *Practice) CountSites(ctx context.Context, actor itsm.Actor, where storage.Filter[SiteHead], by ...storage.ColumnOf[SiteHead]) ([]storage.Group, error) {
	return count(ctx, p, actor, SiteTable, where, by)
}

// CountGroups counts groups as [Practice.CountPeople] does.
func (p *Practice) CountGroups(ctx context.Context, actor itsm.Actor, where storage.Filter[GroupHead], by ...storage.ColumnOf[GroupHead]) ([]storage.Group, error) {
	return count(ctx, p, actor, GroupTable, where, by)
}

// read runs fn in the actor's tenant; fn reads once.
func (p *Practice) read(ctx context.Context, actor itsm.Actor, fn func(context.Context, storage.Reader) error) error {
	return p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, fn)
}

func get[R, H, B any](ctx context.Context, p *Practice, actor itsm.Actor, t storage.Table[R, H, B], id itsm.ID) (R, error) {
	var out R
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		out, err = find(ctx, p, r, actor, t, id)
		return err
	})
	return out, err
}

func list[R, H, B any](ctx context.Context, p *Practice, actor itsm.Actor, t storage.Table[R, H, B], q storage.Query[H], order storage.Order) (storage.Page[H], error) {
	var page storage.Page[H]
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		s, err := p.scope(ctx, actor, t.Name())
		if err != nil {
			return err
		}
		q := q
		q.Where = scoped(s, actor, t, q.Where)
		if len(q.Order) == 0 {
			q.Order = []storage.Order{order}
		}
		page, err = t.List(ctx, r, q)
		return err
	})
	return page, err
}

func count[R, H, B any](ctx context.Context, p *Practice, actor itsm.Actor, t storage.Table[R, H, B], where storage.Filter[H], by []storage.ColumnOf[H]) ([]storage.Group, error) {
	var groups []storage.Group
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		s, err := p.scope(ctx, actor, t.Name())
		if err != nil {
			return err
		}
		groups, err = t.CountBy(ctx, r, scoped(s, actor, t, where), by...)
		return err
	})
	return groups, err
}

// Name is all of a person that everyone may know.
type Name struct {
	ID   itsm.ID `json:"id"`
	Name string  `json:"name"`
}

// Names gives the names of people by their ids, as [Directory] gives people: erased ones under their
// pseudonyms. Who shows a log without names ([engine.Options].Nameless) asks here. It needs
// [PermissionReadNames] or [PermissionRead] on all people.
func (p *Practice) Names(ctx context.Context, actor itsm.Actor, ids []itsm.ID) ([]Name, error) {
	var out []Name
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.mayReadNames(ctx, actor); err != nil {
			return err
		}
		ids := unseen(map[itsm.ID]bool{}, ids)
		heads, err := headsOf(ctx, r, PersonTable, PersonTable.ByID(), ids)
		if err != nil {
			return err
		}
		out = nil
		names := make(map[itsm.ID]string, len(heads))
		for _, h := range heads {
			names[h.ID] = h.Name
		}
		for _, id := range ids {
			if name, ok := names[id]; ok {
				out = append(out, Name{id, name})
			}
		}
		return nil
	})
	return out, err
}

// FindNames gives a page of the active people whose names begin with the text, letter by letter, in
// the order of their names: for the choice of a colleague. It needs what [Practice.Names] does.
func (p *Practice) FindNames(ctx context.Context, actor itsm.Actor, begin string, after storage.Cursor, limit int) (storage.Page[Name], error) {
	var out storage.Page[Name]
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.mayReadNames(ctx, actor); err != nil {
			return err
		}
		page, err := PersonTable.List(ctx, r, storage.Query[PersonHead]{
			Where: storage.AllOf(PersonByActive.Is(true), PersonByName.HasPrefix(begin)),
			Order: []storage.Order{PersonByName.Asc()}, After: after, Limit: limit,
		})
		out = storage.Page[Name]{Next: page.Next}
		for _, h := range page.Items {
			out.Items = append(out.Items, Name{h.ID, h.Name})
		}
		return err
	})
	return out, err
}

func (p *Practice) mayReadNames(ctx context.Context, actor itsm.Actor) error {
	for _, permission := range []itsm.Permission{PermissionRead, PermissionReadNames} {
		scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
		if err != nil || slices.Contains(scopes, itsm.ScopeAll) || slices.Contains(scopes, itsm.ScopeRestricted) {
			return err
		}
	}
	return forbidden(actor, PermissionReadNames)
}

// History gives a page of the events of a person, an organisation, a site or a group, in their order,
// after the given place; limit is from 1 to storage.MaxLimit, or 0 for that. Who may not read the
// record gets ErrNotFound, and who may not read what is internal ErrForbidden: events have the reasons
// of commands.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, of itsm.Ref, after storage.EventPosition, limit int) ([]itsm.Event, error) {
	var out []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		var err error
		switch of.Kind {
		case KindPerson:
			_, err = find(ctx, p, r, actor, PersonTable, of.ID)
		case KindOrganisation:
			_, err = find(ctx, p, r, actor, OrganisationTable, of.ID)
		case KindSite:
			_, err = find(ctx, p, r, actor, SiteTable, of.ID)
		case KindGroup:
			_, err = find(ctx, p, r, actor, GroupTable, of.ID)
		default:
			err = itsm.Invalid("directory history", "kind", "must be person, organisation, site or group")
		}
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadInternal, subject(of.Kind, of.ID)); err != nil {
			return err
		}
		out, err = p.e.History(ctx, r, storage.EventQuery{Kind: of.Kind, Record: of.ID, After: after, Limit: limit})
		return err
	})
	return out, err
}
