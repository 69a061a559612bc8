// This file holds who may know and do what: permissions on a record, the scopes of lists, and what is
// taken out for those who may not read what is internal, or not what a problem names.

package problem

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for beside those of the actions.
const (
	PermissionRead         itsm.Permission = "problem.read"
	PermissionReadInternal itsm.Permission = "problem.read_internal"
	PermissionRegister     itsm.Permission = "problem.register"
	PermissionAssign       itsm.Permission = "problem.assign"
	PermissionEdit         itsm.Permission = "problem.edit"
	PermissionRestrict     itsm.Permission = "problem.restrict"
	// PermissionDo is what the standard roles have for a host's own actions: name it in their rules, or
	// leave it and grant "problem.<action>".
	PermissionDo itsm.Permission = "problem.do"
	// PermissionReanalyse is for analysing anew what is resolved and has no code. What ended with a code
	// takes the permission that goes by it.
	PermissionReanalyse             itsm.Permission = "problem.reanalyse"
	PermissionReanalyseFixed        itsm.Permission = "problem.reanalyse_fixed"
	PermissionReanalyseRiskAccepted itsm.Permission = "problem.reanalyse_risk_accepted"
	PermissionReanalyseDuplicate    itsm.Permission = "problem.reanalyse_duplicate"
)

// Subject is what an authorizer needs to know of a problem.
func (p *Problem) Subject() *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: p.ID, Assignee: p.Assignee, Restricted: p.Restricted, Members: p.Members}
	if p.Group != "" {
		s.Groups = []itsm.ID{p.Group}
	}
	return s
}

// allows asks for a permission on a problem. A refusal is false; another error of the authorizer is that
// error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, r *Problem) (bool, error) {
	return p.permits(ctx, actor, permission, r.Subject())
}

// permits is allows for a record of any kind.
func (p *Practice) permits(ctx context.Context, actor itsm.Actor, permission itsm.Permission, s *itsm.Subject) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, s)
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// find reads a problem that the actor may read. One that the actor may not read is not found, with the
// very error of one that is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Problem, error) {
	found, err := p.table.Get(ctx, r, id)
	if err != nil {
		return Problem{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, &found)
	if err != nil {
		return Problem{}, err
	}
	if !may {
		return Problem{}, notFound(Kind, id)
	}
	return found, nil
}

func notFound(kind string, id itsm.ID) error {
	return &storage.Error{Op: "get", Table: kind, ID: id, Err: storage.ErrNotFound}
}

// mayKnow says whether the actor, reading a problem, may know of the record that it names. internal says
// whether the actor may read what is internal to the problem.
func (p *Practice) mayKnow(ctx context.Context, r storage.Reader, actor itsm.Actor, internal bool, ref itsm.Ref) (bool, error) {
	var err error
	switch {
	case p.isOwn(ref.Kind):
		err = p.MayRead(ctx, r, actor, ref)
	case p.o.MayRead != nil:
		err = p.o.MayRead(ctx, r, actor, ref)
	default:
		return internal, nil
	}
	if isNotFound(err) || isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// isOwn says whether records of the kind are the practice's own.
func (p *Practice) isOwn(kind string) bool { return slices.Contains(kinds, kind) }

// kinds are those of the practice's own records that others may name.
var kinds = []string{Kind, KindKnownError, KindProposal, KindVulnerability}

// MayRead gives nil where the actor may read a record of the practice, of whatever kind it has, and
// otherwise ErrNotFound, or ErrForbidden where the actor may read none of the kind. It reads nothing but
// the record itself, by r: for whoever keeps records that name those of this practice.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
	switch ref.Kind {
	case Kind:
		_, err := p.find(ctx, r, actor, ref.ID)
		return err
	case KindKnownError:
		_, err := p.findKnownError(ctx, r, actor, ref.ID)
		return err
	case KindVulnerability:
		_, err := p.findVulnerability(ctx, r, actor, ref.ID)
		return err
	case KindProposal:
		_, err := p.findProposal(ctx, r, actor, ref.ID)
		return err
	}
	return notFound(ref.Kind, ref.ID)
}

// MayReadEach asks what [Practice.MayRead] does about many problems at once: those that the actor may read
// are true in the answer.
func (p *Practice) MayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, ids []itsm.ID) (map[itsm.ID]bool, error) {
	may := make(map[itsm.ID]bool, len(ids))
	of, err := p.scope(ctx, actor, PermissionRead)
	if isForbidden(err) {
		return may, nil
	}
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(ids, storage.MaxPage) {
		page, err := p.table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(of, p.table.ByID().In(some...)), Limit: storage.MaxPage})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			may[h.ID] = true
		}
	}
	return may, nil
}

// shown is a problem as the actor may see it.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, internal bool, s Problem) (Problem, error) {
	var failed error
	known := map[itsm.Ref]bool{}
	may := func(ref itsm.Ref) bool {
		if _, asked := known[ref]; !asked && failed == nil {
			known[ref], failed = p.mayKnow(ctx, r, actor, internal, ref)
		}
		return known[ref]
	}
	s.Causes = knownCauses(s.Causes, may)
	s.Tree = knownNodes(s.Tree, may)
	if s.Fix != nil {
		fix := *s.Fix
		fix.Changes = slices.DeleteFunc(slices.Clone(fix.Changes), func(c FixChange) bool { return !may(c.Change) })
		if len(fix.Changes) == 0 {
			fix.Changes = nil
		}
		s.Fix = &fix
	}
	if s.DuplicateOf != "" && !may(itsm.Ref{Kind: Kind, ID: s.DuplicateOf}) {
		s.DuplicateOf = ""
	}
	if s.KnownError != "" && !may(itsm.Ref{Kind: KindKnownError, ID: s.KnownError}) {
		s.KnownError = ""
	}
	if !internal {
		s.Members, s.Watchers = nil, nil
		s.Fields = p.o.Fields.Public(s.Fields)
	}
	return s, failed
}

// scope is the filter of the problems on which the actor may use the permission: the answer of the
// authorizer's Authorize, record by record. Where it may on none, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor, permission itsm.Permission) (storage.Filter[Head], error) {
	scopes, err := p.scopes(ctx, actor, permission)
	if err != nil || slices.Contains(scopes, itsm.ScopeRestricted) {
		return storage.Filter[Head]{}, err // whose zero value holds everywhere
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
		case itsm.ScopeMember:
			any = append(any, memberOf(actor.ID))
		}
	}
	return storage.AnyOf(any...), nil
}

// scopes gives those of a permission; none is the refusal.
func (p *Practice) scopes(ctx context.Context, actor itsm.Actor, permission itsm.Permission) ([]itsm.Scope, error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
	if err == nil && len(scopes) == 0 {
		err = &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: permission, Reason: "no role of the actor grants it"}
	}
	return scopes, err
}
