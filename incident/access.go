// This file holds who may know and do what: permissions on a record, the scopes of lists, and
// what is taken out for those who may not read what is internal.

package incident

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for beside those of the actions.
const (
	PermissionRead             itsm.Permission = "incident.read"
	PermissionReadInternal     itsm.Permission = "incident.read_internal"
	PermissionLog              itsm.Permission = "incident.log"
	PermissionAssign           itsm.Permission = "incident.assign"
	PermissionEdit             itsm.Permission = "incident.edit"
	PermissionRestrict         itsm.Permission = "incident.restrict"
	PermissionOverridePriority itsm.Permission = "incident.override_priority"
	PermissionReply            itsm.Permission = "incident.reply"
	PermissionResume           itsm.Permission = "incident.resume"
	PermissionTag              itsm.Permission = "incident.tag"
	PermissionLogWork          itsm.Permission = "incident.log_work"
	// PermissionReadCosts lets read all work and costs of an incident. Who may log work there
	// without it reads what they logged themselves.
	PermissionReadCosts itsm.Permission = "incident.read_costs"
	// PermissionFanOut is for who brings a service provider's incident to customers, and withdraws it.
	PermissionFanOut   itsm.Permission = "incident.fan_out"
	PermissionFollowUp itsm.Permission = "incident.follow_up"
	// PermissionReadMajor is for how an incident is handled as a major one, which takes PermissionRead
	// too.
	PermissionReadMajor itsm.Permission = "major_incident.read"
	// PermissionAlert is for monitoring systems: [Practice.Alert] and [Practice.ClearAlert].
	PermissionAlert itsm.Permission = "incident.alert"
	// PermissionDo is what the standard roles have for a host's own actions: name it in their
	// rules, or leave it and grant "incident.<action>".
	PermissionDo itsm.Permission = "incident.do"
)

// Subject is what an authorizer needs to know of an incident.
func (i *Incident) Subject() *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: i.ID, Assignee: i.Assignee, Restricted: i.Restricted, Members: i.Members}
	for _, person := range [...]itsm.ID{i.Requester, i.Affected} {
		if person != "" {
			s.Requesters = append(s.Requesters, person)
		}
	}
	if i.Group != "" {
		s.Groups = []itsm.ID{i.Group}
	}
	return s
}

// allows asks for a permission on an incident. A refusal is false; another error of the
// authorizer is that error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, i *Incident) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, i.Subject())
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// find reads an incident that the actor may read. One that the actor may not read is not found,
// with the very error of one that is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Incident, error) {
	i, err := p.table.Get(ctx, r, id)
	if err != nil {
		return Incident{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, &i)
	if err != nil {
		return Incident{}, err
	}
	if !may {
		return Incident{}, &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
	}
	return i, nil
}

// MayRead gives nil where the actor may read an incident, and otherwise the error of [Practice.Get]. It reads
// nothing but the incident itself, by r: for whoever keeps records that hang on incidents.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

// MayReadEach asks what [Practice.MayRead] does about many incidents at once: those that the actor may read are
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
		page, err := p.table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(of.all, p.table.ByID().In(some...)), Limit: mayReadChunk})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			may[h.ID] = true
		}
	}
	return may, nil
}

// mayReadChunk is of how many incidents one statement asks.
const mayReadChunk = 200

// mayKnow says whether the actor, reading an incident, may know of the record that it is linked to.
// internal says whether the actor may read what is internal to the incident.
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

// shown is an incident as the actor may see it.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, internal bool, i Incident) (Incident, error) {
	if i.HoldLink != nil {
		may := internal
		if may {
			var err error
			if may, err = p.mayKnow(ctx, r, actor, internal, *i.HoldLink); err != nil {
				return Incident{}, err
			}
		}
		if !may {
			i.HoldLink = nil
		}
	}
	if i.DuplicateOf != "" {
		may, err := p.mayKnow(ctx, r, actor, internal, itsm.Ref{Kind: Kind, ID: i.DuplicateOf})
		if err != nil {
			return Incident{}, err
		}
		if !may {
			i.DuplicateOf = ""
		}
	}
	if internal {
		return i, nil
	}
	i.HoldNote, i.PriorityOverride, i.Members, i.Watchers, i.Imported, i.Template = "", nil, nil, nil, nil, TemplateRef{}
	i.Tags, i.HierarchicalEscalations, i.Contact, i.BeyondFirstLevel = nil, 0, nil, false
	if s := i.Survey; s != nil && s.By != actor.ID {
		hidden := *s
		hidden.Comment = ""
		i.Survey = &hidden
	}
	i.Alerted, i.ProposedAt = false, time.Time{}
	i.Customers, i.SilentUntil, i.ResolutionVersion = 0, 0, 0
	i.Fields = p.o.Fields.Public(i.Fields)
	p.hideColumns(&i.Head)
	return i, nil
}

// ownInternal are the internal columns that every desk has: what it is measured by, and what monitoring
// proposes.
var ownInternal = []storage.ColumnOf[Head]{ByFirstContact, ByFirstLevel, ByResolutionProposed}

// hasInternal says whether a head has anything in an internal column.
func (p *Practice) hasInternal(h *Head) bool {
	if h.FirstContact != VerdictNone || h.FirstLevel != VerdictNone || h.ResolutionProposed {
		return true
	}
	for name := range h.Custom {
		if p.internalColumns[name] {
			return true
		}
	}
	return false
}

// hideColumns takes what stands in internal columns out of a head.
func (p *Practice) hideColumns(h *Head) {
	h.FirstContact, h.FirstLevel, h.ResolutionProposed = VerdictNone, VerdictNone, false
	if len(h.Custom) == 0 {
		return
	}
	h.Custom = maps.Clone(h.Custom)
	for name := range p.internalColumns {
		delete(h.Custom, name)
	}
}

// reach is the records on which an actor may use a permission in a tenant.
type reach struct {
	// all is the filter of them; plain of those that their heads tell of, which is all but those of
	// which the actor is a member, where that counts.
	all, plain storage.Filter[Head]
	member     bool
}

// scope gives the records on which the actor may use the permission: the answer of the authorizer's
// Authorize, record by record. Where it may on none, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor, permission itsm.Permission) (reach, error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
	if err != nil {
		return reach{}, err
	}
	if slices.Contains(scopes, itsm.ScopeRestricted) {
		return reach{}, nil // whose filters hold everywhere
	}
	if len(scopes) == 0 {
		return reach{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: permission, Reason: "no role of the actor grants it"}
	}
	var of reach
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
			any = append(any, ByRequester.Is(actor.ID), ByAffected.Is(actor.ID))
		case itsm.ScopeMember:
			of.member = true
		}
	}
	of.plain = storage.AnyOf(any...)
	if of.member {
		any = append(any, memberOf(actor.ID))
	}
	of.all = storage.AnyOf(any...)
	return of, nil
}

// hideInternal takes the internal columns out of the heads of which the actor may not read what
// is internal. Whether it is a member is asked for after the heads were read, and only of those of which
// nothing else tells; who is a member by then may read what was internal before, too.
func (p *Practice) hideInternal(ctx context.Context, r storage.Reader, actor itsm.Actor, heads []Head, internal map[storage.Tenant]reach) error {
	var asked []*Head
	var ids []itsm.ID
	for n := range heads {
		h := &heads[n]
		of, ok := internal[h.Tenant]
		switch {
		case !p.hasInternal(h):
		case ok && of.plain.Match(h):
		case ok && of.member:
			asked, ids = append(asked, h), append(ids, h.ID)
		default:
			p.hideColumns(h)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	member, err := membershipsAmong(ctx, r, actor.ID, ids)
	if err != nil {
		return err
	}
	for _, h := range asked {
		if !member[membership{h.Tenant, h.ID}] {
			p.hideColumns(h)
		}
	}
	return nil
}
