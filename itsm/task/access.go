// This file holds who may know and do what: permissions on a task, what follows from its parent, the
// scopes of lists, and what is taken out for those who may not read what is internal.

package task

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions that are asked for beside those of the actions of work, which are "task." and the
// action: "task.start", "task.complete".
const (
	PermissionRead         itsm.Permission = "task.read"
	PermissionReadInternal itsm.Permission = "task.read_internal"
	// PermissionManage is for who plans: adding tasks and edges, skipping, cancelling, trying again.
	PermissionManage itsm.Permission = "task.manage"
	PermissionEdit   itsm.Permission = "task.edit"
	// PermissionDo is what the standard roles have for a host's own actions: name it in their rules,
	// or leave it and grant "task.<action>".
	PermissionDo itsm.Permission = "task.do"
)

// subject is what an authorizer needs to know of a task.
func subject(t *Task) *itsm.Subject { return subjectOf(&t.Head) }

func subjectOf(h *Head) *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: h.ID, Assignee: h.Assignee}
	if h.Group != "" {
		s.Groups = []itsm.ID{h.Group}
	}
	return s
}

// allows asks for a permission on a task. A refusal is false; another error of the authorizer is that
// error.
func (p *Practice) allows(ctx context.Context, actor itsm.Actor, permission itsm.Permission, h *Head) (bool, error) {
	err := p.e.Authorizer().Authorize(ctx, actor, permission, subjectOf(h))
	if isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// mayRead says whether the actor may know of a parent.
func (p *Practice) mayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, parent itsm.Ref) (bool, error) {
	if p.o.MayRead == nil || actor.System {
		return true, nil
	}
	err := p.o.MayRead(ctx, r, actor, parent)
	if errors.Is(err, itsm.ErrNotFound) || isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

// mayReadEach says of which parents the actor may know.
func (p *Practice) mayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, parents []itsm.Ref) (map[itsm.Ref]bool, error) {
	if p.o.MayRead != nil && p.o.MayReadEach != nil && !actor.System {
		return p.o.MayReadEach(ctx, r, actor, parents)
	}
	all := make(map[itsm.Ref]bool, len(parents))
	for _, parent := range parents {
		may, err := p.mayRead(ctx, r, actor, parent)
		if err != nil {
			return nil, err
		}
		all[parent] = may
	}
	return all, nil
}

// find reads a task that the actor may read. One that the actor may not read is not found, with the
// very error of one that is not there.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Task, error) {
	t, err := p.table.Get(ctx, r, id)
	if err != nil {
		return Task{}, err
	}
	may, err := p.allows(ctx, actor, PermissionRead, &t.Head)
	if err == nil && may {
		may, err = p.mayRead(ctx, r, actor, t.Parent())
	}
	if err != nil {
		return Task{}, err
	}
	if !may {
		return Task{}, &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
	}
	return t, nil
}

// MayRead gives nil where the actor may read a task, and otherwise the error of [Practice.Get]. It reads the
// task by r, and asks [Options].MayRead about its parent: for whoever keeps records that hang on tasks.
func (p *Practice) MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) error {
	_, err := p.find(ctx, r, actor, id)
	return err
}

// shown is a task as the actor may see it.
func (p *Practice) shown(ctx context.Context, actor itsm.Actor, t Task) (Task, error) {
	internal, err := p.allows(ctx, actor, PermissionReadInternal, &t.Head)
	if err != nil || internal {
		return t, err
	}
	t.Description, t.HoldReason, t.EndReason, t.Effort = "", "", "", nil
	return t, nil
}

// scope gives the filter of the tasks on which the actor may use the permission: the answer of the
// authorizer's Authorize, record by record, without what follows from the parents. Where it may on
// none, it is the refusal.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor, permission itsm.Permission) (storage.Filter[Head], error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, permission)
	if err != nil {
		return storage.Filter[Head]{}, err
	}
	if len(scopes) == 0 {
		return storage.Filter[Head]{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: permission, Reason: "no role of the actor grants it"}
	}
	var any []storage.Filter[Head]
	for _, s := range scopes {
		switch s {
		case itsm.ScopeAll, itsm.ScopeRestricted:
			return storage.Filter[Head]{}, nil
		case itsm.ScopeGroup:
			if groups := actor.InGroups(); len(groups) > 0 {
				any = append(any, ByGroup.In(groups...))
			}
		case itsm.ScopeAssignee:
			any = append(any, ByAssignee.Is(actor.ID))
		}
		// A task has no requester and no members.
	}
	return storage.AnyOf(any...), nil
}
