// This file holds who may know and do what: permissions on an interaction, the scopes of lists, and what
// is taken out for those who may not read what is internal.

package interaction

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for beside those of the actions, which are "interaction." and the
// action: "interaction.become", "interaction.answer".
const (
	PermissionRead         itsm.Permission = "interaction.read"
	PermissionReadInternal itsm.Permission = "interaction.read_internal"
	PermissionLog          itsm.Permission = "interaction.log"
)

// subject is what an authorizer needs to know of an interaction.
func subject(h *Head) *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: h.ID, Assignee: h.Assignee}
	for _, person := range [...]itsm.ID{h.Contact, h.Requester, h.Affected} {
		if person != "" {
			s.Requesters = append(s.Requesters, person)
		}
	}
	if h.Group != "" {
		s.Groups = []itsm.ID{h.Group}
	}
	return s
}

// allows asks for a permission on an interaction. A refusal is false; another error of the authorizer is
// that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, h *Head) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, subject(h))
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// find reads an interaction that the actor may read. One that the actor may not read is not found, with
// the very error of one that is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Interaction, error) {
	i, err := Table.Get(ctx, r, id)
	if err != nil {
		return Interaction{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, &i.Head)
	if err != nil {
		return Interaction{}, err
	}
	if !may {
		return Interaction{}, &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
	}
	return i, nil
}

// MayRead gives nil where the actor may read an interaction, and otherwise the error of [Practice.Get]. It reads
// nothing but the interaction itself, by r: for whoever keeps records that hang on interactions.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

// mayKnow says whether the actor, reading an interaction, may know of a record. internal says whether
// the actor may read what is internal to the interaction.
func (p *Practice) mayKnow(ctx context.Context, r storage.Reader, actor itsm.Actor, internal bool, ref itsm.Ref) (bool, error) {
	if p.o.MayRead == nil {
		return internal, nil
	}
	err := p.o.MayRead(ctx, r, actor, ref)
	if errors.Is(err, itsm.ErrNotFound) || isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// shown is an interaction as the actor may see it.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, i Interaction) (Interaction, error) {
	internal, err := p.allows(ctx, actor, PermissionReadInternal, &i.Head)
	if err != nil {
		return Interaction{}, err
	}
	var known []Conversion
	current := false
	for _, c := range i.Became {
		may, err := p.mayKnow(ctx, r, actor, internal, c.Record)
		if err != nil {
			return Interaction{}, err
		}
		if may {
			known = append(known, c)
			current = current || c.Record == i.Record()
		}
	}
	i.Became = known
	if !current {
		i.RecordKind, i.RecordID = "", ""
	}
	if !internal {
		i.Address, i.DiscardReason = "", ""
		for n := range i.Became {
			i.Became[n].By = ""
		}
	}
	return i, nil
}

// scope gives the filter of the interactions on which the actor may use the permission: the answer of
// the authorizer's Authorize, record by record. Where it may on none, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor, permission itsm.Permission) (storage.Filter[Head], error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
	if err != nil {
		return storage.Filter[Head]{}, err
	}
	if len(scopes) == 0 {
		return storage.Filter[Head]{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: permission, Reason: "no role of the actor grants it"}
	}
	if slices.Contains(scopes, itsm.ScopeAll) || slices.Contains(scopes, itsm.ScopeRestricted) {
		return storage.Filter[Head]{}, nil // no interaction is restricted
	}
	var any []storage.Filter[Head]
	for _, s := range scopes {
		switch s {
		case itsm.ScopeGroup:
			if groups := actor.InGroups(); len(groups) > 0 {
				any = append(any, ByGroup.In(groups...))
			}
		case itsm.ScopeAssignee:
			any = append(any, ByAssignee.Is(actor.ID))
		case itsm.ScopeRequester:
			any = append(any, ByContact.Is(actor.ID), ByRequester.Is(actor.ID), ByAffected.Is(actor.ID))
		}
	}
	return storage.AnyOf(any...), nil
}

// isForbidden says whether an authorizer refused.
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }
