// This file holds who may know and do what: permissions, the scopes of lists, and who may see which CI in an answer
// about the graph.

package cmdb

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for.
const (
	// PermissionRead is for a CI, its relations and history, and for questions about impact, whose answers name
	// those CIs alone that the actor may read.
	PermissionRead   itsm.Permission = "ci.read"
	PermissionAdd    itsm.Permission = "ci.add"
	PermissionUpdate itsm.Permission = "ci.update"
	// Those of the actions of the lifecycle.
	PermissionBuild     itsm.Permission = "ci.build"
	PermissionTest      itsm.Permission = "ci.test"
	PermissionRework    itsm.Permission = "ci.rework"
	PermissionGoLive    itsm.Permission = "ci.go_live"
	PermissionRetire    itsm.Permission = "ci.retire"
	PermissionReinstate itsm.Permission = "ci.reinstate"
	// PermissionRestrict is for restricting a CI to those who answer for it, and for ending that.
	PermissionRestrict itsm.Permission = "ci.restrict"
	// PermissionWriteControlled is for writing change-controlled attributes where the host has no rule of its own.
	PermissionWriteControlled itsm.Permission = "ci.write_controlled"
	// PermissionRelate is for relations and redundancy groups: on the CI that depends, and for a relation on the one that
	// it depends on too.
	PermissionRelate itsm.Permission = "ci.relate"
	// PermissionBaseline is for taking and removing baselines.
	PermissionBaseline itsm.Permission = "ci.take_baseline"
	// PermissionOutage is for recording outages, ending and amending them.
	PermissionOutage itsm.Permission = "ci.record_outage"
	// PermissionAssess is for saying which CIs a record concerns, computing what it impacts, and correcting that.
	PermissionAssess itsm.Permission = "ci.assess_impact"
	// PermissionManageGroups is for making, changing and removing dynamic groups.
	PermissionManageGroups itsm.Permission = "ci.manage_groups"
	// PermissionObserve is for telling what a source observed, one CI at a time or as an import: it may make and update CIs,
	// and relate them.
	PermissionObserve itsm.Permission = "ci.observe"
	// PermissionMerge is for making one CI of two, and for saying that two are not one.
	PermissionMerge itsm.Permission = "ci.merge"
	// PermissionReadModel is for the versions of the tenant's model, and PermissionManageModel for drafting, activating
	// and retiring them.
	PermissionReadModel   itsm.Permission = "ci.read_model"
	PermissionManageModel itsm.Permission = "ci.manage_model"
)

// allows asks for a permission on a CI. A refusal is false; another error of the authorizer is that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, h *Head) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, h.Subject())
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// find reads a CI that the actor may read. One that the actor may not read is not found, with the very error of one that
// is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (CI, error) {
	ci, err := Table.Get(ctx, r, id)
	if err != nil {
		return CI{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, &ci.Head)
	if err != nil {
		return CI{}, err
	}
	if !may {
		return CI{}, notFound(Kind, id)
	}
	return ci, nil
}

// MayRead gives nil where the actor may read a CI, and otherwise the error of [Practice.Get]. It reads by r: for whoever
// keeps records that hang on CIs.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

// MayReadEach asks what [Practice.MayRead] does about many CIs at once: those that the actor may read are true in the
// answer.
func (p *Practice) MayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, ids []itsm.ID) (map[itsm.ID]bool, error) {
	may := make(map[itsm.ID]bool, len(ids))
	of, err := p.scope(ctx, actor)
	if isForbidden(err) {
		return may, nil
	}
	if err != nil {
		return nil, err
	}
	heads, err := headsOf(ctx, r, ids, of.filter())
	for id := range heads {
		may[id] = true
	}
	return may, err
}

// askChunk is of how many records one statement asks by their ids.
const askChunk = 200

// headsOf reads the heads of CIs that meet a filter, by id.
func headsOf(ctx context.Context, r storage.Reader, ids []itsm.ID, where storage.Filter[Head]) (map[itsm.ID]Head, error) {
	heads := make(map[itsm.ID]Head, len(ids))
	for some := range slices.Chunk(ids, askChunk) {
		page, err := Table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(Table.ByID().In(some...), where), Limit: askChunk})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			heads[h.ID] = h
		}
	}
	return heads, nil
}

// reach is the CIs that an actor may read.
type reach struct {
	// every is all of them, and plain all that are not restricted.
	every, plain bool
	// groups and person are those whose CIs are in reach besides.
	groups []itsm.ID
	person itsm.ID
}

// scope gives the CIs that the actor may read: the answer of the authorizer's Authorize, record by record. Where it may
// read none, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor) (reach, error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, PermissionRead)
	if err != nil {
		return reach{}, err
	}
	var of reach
	for _, s := range scopes {
		switch s {
		case itsm.ScopeRestricted:
			of.every = true
		case itsm.ScopeAll:
			of.plain = true
		case itsm.ScopeGroup:
			of.groups = actor.InGroups()
		case itsm.ScopeAssignee:
			of.person = actor.ID
		}
	}
	if len(scopes) == 0 {
		return reach{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionRead, Reason: "no role of the actor grants it"}
	}
	return of, nil
}

// filter is what a list is narrowed to.
func (of reach) filter() storage.Filter[Head] {
	if of.every {
		return storage.Filter[Head]{}
	}
	var any []storage.Filter[Head]
	if of.plain {
		any = append(any, ByRestricted.Is(false))
	}
	if len(of.groups) > 0 {
		any = append(any, ByGroup.In(of.groups...))
	}
	if of.person != "" {
		any = append(any, ByOwner.Is(of.person))
	}
	return storage.AnyOf(any...)
}

// sees says whether a CI is in reach.
func (of reach) sees(h *Head) bool {
	return of.every || of.plain && !h.Restricted || of.person != "" && h.Owner == of.person ||
		h.Group != "" && slices.Contains(of.groups, h.Group)
}

// view runs fn on a snapshot of the actor's tenant, with what the actor may read there. An actor who may read nothing gets
// ErrForbidden.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, fn func(context.Context, storage.Reader, reach) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	of, err := p.scope(ctx, actor)
	if err != nil {
		return err
	}
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error { return fn(ctx, r, of) })
}
