// This file holds who may know and do what: permissions on a record, the scopes of lists, and
// what is taken out for those who may not read what is internal.

package change

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for beside those of the actions, which are "change." and the action.
const (
	PermissionRead         itsm.Permission = "change.read"
	PermissionReadInternal itsm.Permission = "change.read_internal"
	PermissionDraft        itsm.Permission = "change.draft"
	PermissionAssess       itsm.Permission = "change.assess"
	PermissionEdit         itsm.Permission = "change.edit"
	PermissionAssign       itsm.Permission = "change.assign"
	PermissionRestrict     itsm.Permission = "change.restrict"
	// PermissionOverrideFreeze is for starting a change against a freeze, with a role that the freeze names and a reason.
	PermissionOverrideFreeze itsm.Permission = "change.override_freeze"
	// PermissionOverrideRisk is for setting the level of risk against the model.
	PermissionOverrideRisk itsm.Permission = "change.override_risk"
	// PermissionRecordRetrospectively is for recording what was made already, for cancelling what was so recorded, and for
	// saying of a change that it was not authorised.
	PermissionRecordRetrospectively itsm.Permission = "change.record_retrospectively"
	// PermissionConvene is for who keeps the minutes of the change advisory board.
	PermissionConvene itsm.Permission = "change.convene"
	// PermissionDo is what the standard roles have for a host's own actions: name it in their
	// rules, or leave it and grant "change.<action>".
	PermissionDo itsm.Permission = "change.do"
)

// Subject is what an authorizer needs to know of a change.
func (c *Change) Subject() *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: c.ID, Assignee: c.Assignee, Restricted: c.Restricted}
	if c.Requester != "" {
		s.Requesters = []itsm.ID{c.Requester}
	}
	if c.Group != "" {
		s.Groups = []itsm.ID{c.Group}
	}
	return s
}

// allows asks for a permission on a change. A refusal is false; another error of the
// authorizer is that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, c *Change) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, c.Subject())
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// find reads a change that the actor may read. One that the actor may not read is not found,
// with the very error of one that is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Change, error) {
	c, err := p.table.Get(ctx, r, id)
	if err != nil {
		return Change{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, &c)
	if err != nil {
		return Change{}, err
	}
	if !may {
		return Change{}, &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
	}
	return c, nil
}

// MayRead gives nil where the actor may read a change, and otherwise the error of [Practice.Get]. It reads
// nothing but the change itself, by r: for whoever keeps records that hang on changes.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

// MayReadEach asks what [Practice.MayRead] does about many changes at once: those that the actor may read are
// true in the answer.
func (p *Practice) MayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, ids []itsm.ID) (map[itsm.ID]bool, error) {
	may := make(map[itsm.ID]bool, len(ids))
	of, err := p.scope(ctx, actor, PermissionRead)
	if isForbidden(err) {
		return may, nil
	}
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(ids, mayReadChunk) {
		page, err := p.table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(of, p.table.ByID().In(some...)), Limit: mayReadChunk})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			may[h.ID] = true
		}
	}
	return may, nil
}

// mayReadChunk is of how many changes one statement asks.
const mayReadChunk = 200

// mayKnow says whether the actor, reading a change, may know of the record that it is linked to.
// internal says whether the actor may read what is internal to the change.
func (p *Practice) mayKnow(ctx context.Context, r storage.Reader, actor itsm.Actor, internal bool, ref itsm.Ref) (bool, error) {
	var err error
	switch {
	case ref.Kind == Kind:
		_, err = p.find(ctx, r, actor, ref.ID)
	case p.o.MayRead != nil:
		err = p.o.MayRead(ctx, r, actor, ref)
	default:
		return internal, nil
	}
	if errors.Is(err, itsm.ErrNotFound) || isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// shown is a change as the actor may see it. Those who may not read what is internal are told what is changed and
// when, and not how it is made, judged and decided.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, internal bool, c Change) (Change, error) {
	if len(c.For) > 0 {
		var known []itsm.Ref
		for _, ref := range c.For {
			may, err := p.mayKnow(ctx, r, actor, internal, ref)
			if err != nil {
				return Change{}, err
			}
			if may {
				known = append(known, ref)
			}
		}
		c.For = known
	}
	if internal {
		return c, nil
	}
	c.Body = Body{
		Description: c.Description, For: c.For, Outage: c.Outage, ActualEnd: c.ActualEnd, ActualOutage: c.ActualOutage,
		Fields: p.o.Fields.Public(c.Fields),
	}
	p.hideColumns(&c.Head)
	return c, nil
}

// hideColumns takes what stands in internal columns out of a head.
func (p *Practice) hideColumns(h *Head) {
	h.Risk, h.CausedIncidents, h.CausedMajor, h.Unauthorised, h.FollowUpOpen, h.Success, h.Score = 0, 0, 0, false, false, false, 0
	if len(h.Custom) == 0 {
		return
	}
	h.Custom = maps.Clone(h.Custom)
	for name := range p.internalColumns {
		delete(h.Custom, name)
	}
}

// ownInternal are the internal columns that every practice has: how it was judged, and what came of it.
var ownInternal = []storage.ColumnOf[Head]{ByRisk, ByCausedIncidents, ByCausedMajor, ByUnauthorised, ByFollowUpOpen, BySuccess, ByScore}

// scope gives the records on which the actor may use the permission: the answer of the authorizer's
// Authorize, record by record. Where it may on none, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor, permission itsm.Permission) (storage.Filter[Head], error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
	if err != nil {
		return storage.Filter[Head]{}, err
	}
	if slices.Contains(scopes, itsm.ScopeRestricted) {
		return storage.Filter[Head]{}, nil // which holds everywhere
	}
	if len(scopes) == 0 {
		return storage.Filter[Head]{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: permission, Reason: "no role of the actor grants it"}
	}
	var any []storage.Filter[Head]
	for _, s := range scopes {
		switch s {
		case itsm.ScopeAll:
			any = append(any, ByRestricted.Is(false))
		case itsm.ScopeGroup:
			if groups := actor.InGroups(); len(groups) > 0 {
				any = append(any, ByGroup.In(groups...))
			}
		case itsm.ScopeAssignee:
			any = append(any, ByAssignee.Is(actor.ID))
		case itsm.ScopeRequester:
			any = append(any, ByRequester.Is(actor.ID))
		}
	}
	return storage.AnyOf(any...), nil
}

// The first and last years that RFC 3339 can write.
const minYear, maxYear = 1, 9999

func writable(t time.Time) bool { return t.Year() >= minYear && t.Year() <= maxYear }
