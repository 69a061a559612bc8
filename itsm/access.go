// This file holds who may do what: permissions, roles, and the book that answers.

package itsm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Permission is what an action needs: the kind of record, a dot, the action, as in
// "incident.resolve". In a grant it may be a pattern: "incident.*" is every action on
// incidents, "*.read" is reading every kind, "*" is everything.
type Permission string

// RoleName names a role within a [RoleBook].
type RoleName string

// Scope says on which records a permission holds.
type Scope string

const (
	// ScopeAll is every record that is not restricted.
	ScopeAll Scope = "all"
	// ScopeGroup is the records of a group in which the actor works.
	ScopeGroup Scope = "group"
	// ScopeAssignee is the records that are assigned to the actor.
	ScopeAssignee Scope = "assignee"
	// ScopeRequester is the records whose requester or affected person is the actor.
	ScopeRequester Scope = "requester"
	// ScopeMember is the records on which the actor is named as a member.
	ScopeMember Scope = "member"
	// ScopeRestricted is every record, restricted or not. It is never granted as such: it
	// follows from ScopeAll together with the permission "<kind>.see_restricted" for all
	// records.
	ScopeRestricted Scope = "restricted"
)

// Grant gives a permission on the records of the scopes.
type Grant struct {
	Permission Permission `json:"permission"`
	// Scopes are where it holds: in any of them. None means [ScopeAll].
	Scopes []Scope `json:"scopes,omitempty"`
}

// Role is a named set of grants.
type Role struct {
	Name    RoleName `json:"name"`
	Title   string   `json:"title,omitempty"`
	Purpose string   `json:"purpose,omitempty"`
	Grants  []Grant  `json:"grants"`
}

// Subject is what an authorizer needs to know of a record.
type Subject struct {
	Kind string
	ID   ID
	// Requesters are the people whose record it is: who asked for it, and who is affected.
	Requesters []ID
	// Groups are the groups to which it is assigned.
	Groups []ID
	// Assignee is the person to whom it is assigned.
	Assignee ID
	// Restricted takes [ScopeAll] away: only those with "<kind>.see_restricted" for all
	// records, the people of its groups, its assignee, its requesters and its members may
	// use on it what they may use on every record.
	Restricted bool
	// Members are people named for it: watchers, a security team.
	Members []ID
}

// Authorizer decides who may do what. [RoleBook] is one; a host may bring its own. It must be
// safe for use by several goroutines at once.
type Authorizer interface {
	// Authorize gives nil when the actor may use the permission on the record, and a
	// [*ForbiddenError] when it may not. Without a record it asks for the permission as
	// such: whether there are records that the actor may create or use it on.
	//
	// It never gives [ErrNotFound]. A practice that must not tell that a record exists
	// asks for "<kind>.read" first and makes [ErrNotFound] of a refusal.
	Authorize(ctx context.Context, a Actor, p Permission, s *Subject) error
	// Scopes says on which records the actor may use the permission: on those of any of
	// the scopes. None means on no record. A list filters by them and agrees with
	// Authorize, record by record.
	Scopes(ctx context.Context, a Actor, p Permission) ([]Scope, error)
}

// scopes is a set of Scope.
type scopes uint8

const (
	inAll scopes = 1 << iota
	inGroup
	inAssignee
	inRequester
	inMember
	inRestricted
)

var scopeOrder = [...]Scope{ScopeAll, ScopeGroup, ScopeAssignee, ScopeRequester, ScopeMember, ScopeRestricted}

const everyScope = inAll | inGroup | inAssignee | inRequester | inMember | inRestricted

func (set scopes) list() []Scope {
	var out []Scope
	for i, s := range scopeOrder {
		if set&(1<<i) != 0 {
			out = append(out, s)
		}
	}
	return out
}

// covers says whether the record is in one of the scopes of the set.
func (set scopes) covers(a Actor, s *Subject) bool {
	switch {
	case set&inRestricted != 0:
		return true
	case set&inAll != 0 && !s.Restricted:
		return true
	case set&inAssignee != 0 && a.ID == s.Assignee:
		return true
	case set&inRequester != 0 && slices.Contains(s.Requesters, a.ID):
		return true
	case set&inMember != 0 && slices.Contains(s.Members, a.ID):
		return true
	}
	return set&inGroup != 0 && slices.ContainsFunc(s.Groups, a.InGroup)
}

// compiledRole answers without going through the grants.
type compiledRole struct {
	role     Role
	exact    map[Permission]scopes
	byKind   map[string]scopes // "incident.*"
	byAction map[string]scopes // "*.read"
	always   scopes            // "*"
}

// RoleBook is an immutable set of roles that answers as an [Authorizer]. What an actor may do
// is the union of its roles; a role that the book does not have gives nothing. A system actor
// may do everything in its tenant. A nil book permits nothing to anyone else.
type RoleBook struct {
	order []RoleName
	roles map[RoleName]*compiledRole
}

var _ Authorizer = (*RoleBook)(nil)

// NewRoleBook makes a book of the roles, or of [StandardRoles] when there are none. It
// refuses, as [ErrInvalid] with every fault, roles without or with the same name, malformed
// permissions, and unknown scopes.
func NewRoleBook(roles ...Role) (*RoleBook, error) {
	if len(roles) == 0 {
		roles = StandardRoles()
	}
	var f Faults
	b := &RoleBook{roles: make(map[RoleName]*compiledRole, len(roles))}
	for i, r := range roles {
		at := fmt.Sprintf("roles[%d]", i)
		f.Key(at+".name", string(r.Name))
		if _, twice := b.roles[r.Name]; twice {
			f.Addf(at+".name", "%q is used twice", r.Name)
		}
		c := &compiledRole{
			role: copyRole(r), exact: map[Permission]scopes{},
			byKind: map[string]scopes{}, byAction: map[string]scopes{},
		}
		for j, g := range r.Grants {
			c.add(fmt.Sprintf("%s.grants[%d]", at, j), g, &f)
		}
		b.order = append(b.order, r.Name)
		b.roles[r.Name] = c
	}
	if err := f.Err("role book"); err != nil {
		return nil, err
	}
	return b, nil
}

func (c *compiledRole) add(at string, g Grant, f *Faults) {
	var set scopes
	for _, s := range g.Scopes {
		i := slices.Index(scopeOrder[:], s)
		if i < 0 || s == ScopeRestricted {
			f.Addf(at+".scopes", "has %q; allowed are all, group, assignee, requester and member", s)
			continue
		}
		set |= 1 << i
	}
	if len(g.Scopes) == 0 {
		set = inAll
	}
	if g.Permission == "*" {
		c.always |= set
		return
	}
	kind, action, ok := splitPermission(g.Permission)
	if !ok {
		f.Addf(at+".permission", `is %q; write "kind.action", "kind.*", "*.action" or "*"`, g.Permission)
		return
	}
	switch {
	case kind == "*" && action == "*":
		c.always |= set
	case kind == "*":
		c.byAction[action] |= set
	case action == "*":
		c.byKind[kind] |= set
	default:
		c.exact[g.Permission] |= set
	}
}

// splitPermission divides at the last dot, so that a host's kind may have dots of its own. A
// part is a star or has none.
func splitPermission(p Permission) (kind, action string, ok bool) {
	dot := strings.LastIndexByte(string(p), '.')
	if dot < 0 {
		return "", "", false
	}
	kind, action = string(p[:dot]), string(p[dot+1:])
	return kind, action, permissionPart(kind) && permissionPart(action)
}

func permissionPart(s string) bool {
	return s == "*" || s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '*' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// Authorize implements [Authorizer].
func (b *RoleBook) Authorize(_ context.Context, a Actor, p Permission, s *Subject) error {
	set, err := b.scopes(a, p)
	if err != nil {
		return err
	}
	if set != 0 && (s == nil || set.covers(a, s)) {
		return nil
	}
	refused := &ForbiddenError{Actor: a.ID, Tenant: a.Tenant, Permission: p, Reason: "no role of the actor grants it"}
	if s != nil {
		refused.Kind, refused.ID = s.Kind, s.ID
		switch {
		case set&inAll != 0:
			refused.Reason = "the record is restricted"
		case set != 0:
			var names []string
			for _, scope := range set.list() {
				names = append(names, string(scope))
			}
			refused.Reason = "it is granted only on records where the actor is: " + strings.Join(names, ", ")
		}
	}
	return refused
}

// Scopes implements [Authorizer]. A permission for all records comes with every narrower
// scope too: they are what remains of it on restricted records.
func (b *RoleBook) Scopes(_ context.Context, a Actor, p Permission) ([]Scope, error) {
	set, err := b.scopes(a, p)
	if err != nil {
		return nil, err
	}
	return set.list(), nil
}

// scopes is the one place where rights are computed; Authorize and Scopes both read it.
func (b *RoleBook) scopes(a Actor, p Permission) (scopes, error) {
	if err := a.Validate(); err != nil {
		return 0, err
	}
	kind, action, ok := splitPermission(p)
	if !ok || kind == "*" || action == "*" {
		return 0, Invalid("permission", "permission", fmt.Sprintf(`is %q; ask for one "kind.action"`, p))
	}
	if a.System {
		return everyScope, nil
	}
	if b == nil {
		return 0, nil
	}
	set := b.granted(a, p, kind, action)
	if set&inAll != 0 {
		set |= inGroup | inAssignee | inRequester | inMember
		if b.granted(a, Permission(kind+".see_restricted"), kind, "see_restricted")&inAll != 0 {
			set |= inRestricted
		}
	}
	return set, nil
}

func (b *RoleBook) granted(a Actor, p Permission, kind, action string) (set scopes) {
	for _, name := range a.Roles {
		if r, ok := b.roles[name]; ok {
			set |= r.exact[p] | r.byKind[kind] | r.byAction[action] | r.always
		}
	}
	return set
}

// Role gives a copy of the role with the name.
func (b *RoleBook) Role(name RoleName) (Role, bool) {
	if b == nil {
		return Role{}, false
	}
	c, ok := b.roles[name]
	if !ok {
		return Role{}, false
	}
	return copyRole(c.role), true
}

// Roles gives a copy of every role, in the order in which they were given.
func (b *RoleBook) Roles() []Role {
	if b == nil {
		return nil
	}
	out := make([]Role, 0, len(b.order))
	for _, name := range b.order {
		out = append(out, copyRole(b.roles[name].role))
	}
	return out
}

func copyRole(r Role) Role {
	r.Grants = slices.Clone(r.Grants)
	for i := range r.Grants {
		r.Grants[i].Scopes = slices.Clone(r.Grants[i].Scopes)
	}
	return r
}
