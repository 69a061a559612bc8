// This file holds who may know and do what.

package directory

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. The scope itsm.ScopeRequester is the actor's own record as a person.
const (
	// PermissionRead lets read people, without what is internal; of all people, also
	// organisations, sites, groups and who is in them.
	PermissionRead itsm.Permission = "directory.read"
	// PermissionReadInternal lets read the notes about people, and the history of any record.
	PermissionReadInternal itsm.Permission = "directory.read_internal"
	// PermissionReadNames lets read the names of people and nothing else of them, and
	// organisations, sites and groups: what a requester needs to choose a colleague. It is of a
	// kind of its own, so that a role reads names where it may not read people.
	PermissionReadNames itsm.Permission = "directory_names.read"
	// PermissionManage lets add and change all that is in the directory.
	PermissionManage itsm.Permission = "directory.manage"
	// PermissionErase lets erase the personal data of a person.
	PermissionErase itsm.Permission = "directory.erase"
)

// subject is what an authorizer needs to know of a record: a person's record is the person's own.
func subject(kind string, id itsm.ID) *itsm.Subject {
	s := &itsm.Subject{Kind: kind, ID: id}
	if kind == KindPerson {
		s.Requesters = []itsm.ID{id}
	}
	return s
}

func forbidden(actor itsm.Actor, p itsm.Permission) error {
	return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: p, Reason: "no role of the actor grants it"}
}

// allows asks for a permission on a record. A refusal is false; another error of the authorizer is
// that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, kind string, id itsm.ID) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, subject(kind, id))
	if errors.Is(err, itsm.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// mayRead says whether the actor may read a record.
func (p *Practice) mayRead(ctx context.Context, actor itsm.Actor, kind string, id itsm.ID) (bool, error) {
	may, err := p.allows(ctx, actor, PermissionRead, kind, id)
	if err == nil && !may && kind != KindPerson {
		may, err = p.allows(ctx, actor, PermissionReadNames, kind, id)
	}
	return may, err
}

// readable reads a record that the actor may read, whole. One that the actor may not read is not
// found, with the very error of one that is not there.
func readable[R, H, B any](ctx context.Context, p *Practice, r storage.Reader, actor itsm.Actor, t storage.Table[R, H, B], id itsm.ID) (R, error) {
	var none R
	rec, err := t.Get(ctx, r, id)
	if err != nil {
		return none, err
	}
	may, err := p.mayRead(ctx, actor, t.Name(), id)
	if err != nil {
		return none, err
	}
	if !may {
		return none, &storage.Error{Op: "get", Table: t.Name(), ID: id, Err: storage.ErrNotFound}
	}
	return rec, nil
}

// find is readable, as the actor may see it.
func find[R, H, B any](ctx context.Context, p *Practice, r storage.Reader, actor itsm.Actor, t storage.Table[R, H, B], id itsm.ID) (R, error) {
	rec, err := readable(ctx, p, r, actor, t, id)
	if err != nil {
		return rec, err
	}
	return shown(ctx, p, actor, rec)
}

// shown is a record as the actor may see it.
func shown[R any](ctx context.Context, p *Practice, actor itsm.Actor, rec R) (R, error) {
	person, ok := any(&rec).(*Person)
	if !ok || person.Notes == "" {
		return rec, nil
	}
	internal, err := p.allows(ctx, actor, PermissionReadInternal, KindPerson, person.ID)
	if !internal {
		person.Notes = ""
	}
	return rec, err
}

// scope is the records of a kind that an actor may read.
type scope int

const (
	scopeNone scope = iota
	scopeOwn
	scopeAll
)

// scope gives the answer of mayRead for all records of a kind. Where the actor has no permission at
// all, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor, kind string) (scope, error) {
	covers := func(permission itsm.Permission) (scope, bool, error) {
		scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
		switch {
		case slices.Contains(scopes, itsm.ScopeAll) || slices.Contains(scopes, itsm.ScopeRestricted):
			return scopeAll, true, err
		case kind == KindPerson && slices.Contains(scopes, itsm.ScopeRequester):
			return scopeOwn, true, err
		}
		return scopeNone, len(scopes) > 0, err
	}
	s, any, err := covers(PermissionRead)
	if err != nil {
		return scopeNone, err
	}
	if s == scopeNone && kind != KindPerson {
		names, some, err := covers(PermissionReadNames)
		if err != nil {
			return scopeNone, err
		}
		s, any = names, any || some
	}
	if !any {
		return scopeNone, forbidden(actor, PermissionRead)
	}
	return s, nil
}

// scoped narrows a filter to what the actor may read.
func scoped[R, H, B any](s scope, actor itsm.Actor, t storage.Table[R, H, B], where storage.Filter[H]) storage.Filter[H] {
	switch s {
	case scopeAll:
		return where
	case scopeOwn:
		return storage.AllOf(t.ByID().Is(actor.ID), where)
	}
	return storage.AnyOf[H]()
}
