// This file holds who acts: a person or a part of the system, in one tenant.

package itsm

import (
	"slices"
)

// Actor is who runs a command or a query. It is always in one tenant, and its roles and
// groups are those which it holds there. An Actor is a value: nothing here changes one.
type Actor struct {
	Tenant Tenant
	// ID is the person, or the part of the system.
	ID ID
	// Name is kept in the audit trail as it was at the time.
	Name string
	// System marks a background effect of the library or the host. It may do everything in
	// its tenant, and nothing in another.
	System bool
	// Roles are what the actor holds in the tenant, by the names of a [RoleBook].
	Roles []RoleName
	// Groups are the support groups in which the actor works in the tenant.
	Groups []ID
	// Elsewhere is what the actor holds in other tenants. An entry for the actor's own
	// tenant has no effect.
	Elsewhere map[Tenant]Membership
	// Cause is what made the actor act, for an effect that answers an event: see [Event.Then].
	Cause Cause

	home *home
}

// Membership is what an actor holds in another tenant.
type Membership struct {
	Roles  []RoleName
	Groups []ID
}

// home is what an actor held before it switched away.
type home struct {
	tenant Tenant
	system bool
	Membership
}

// SystemActor is the named part of the system in the tenant: its id is "system:" and the name.
func SystemActor(t Tenant, name string) Actor {
	return Actor{Tenant: t, ID: ID("system:" + name), Name: name, System: true}
}

// In gives the actor in the tenant t, with exactly the roles and groups that it was granted
// there (none, unless Elsewhere says so), and no others: switching never adds rights, and a
// system actor is none elsewhere. Going back to its own tenant restores what it had there.
func (a Actor) In(t Tenant) Actor {
	if t == a.Tenant {
		return a
	}
	if a.home == nil {
		a.home = &home{a.Tenant, a.System, Membership{a.Roles, a.Groups}}
	}
	granted, system := a.Elsewhere[t], false
	if t == a.home.tenant {
		granted, system = a.home.Membership, a.home.system
		a.home = nil
	}
	a.Tenant, a.System = t, system
	a.Roles, a.Groups = slices.Clone(granted.Roles), slices.Clone(granted.Groups)
	return a
}

// Validate gives [ErrInvalid] with every fault unless the tenant and the id are usable keys.
func (a Actor) Validate() error {
	var f Faults
	f.Key("tenant", string(a.Tenant))
	f.Key("id", string(a.ID))
	return f.Err("actor")
}

// Has says whether the actor holds the role in its tenant.
func (a Actor) Has(role RoleName) bool { return slices.Contains(a.Roles, role) }

// InGroups gives the groups in which the actor works in its tenant, without the empty id, which
// records of no group have.
func (a Actor) InGroups() []ID {
	return slices.DeleteFunc(slices.Clone(a.Groups), func(id ID) bool { return id == "" })
}

// InGroup says whether the actor works in the group. No one is in the group without an id.
func (a Actor) InGroup(id ID) bool { return id != "" && slices.Contains(a.Groups, id) }
