// This file holds the events: what stands in the log, and what others react to.

package settings

import (
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Changed: the tenant set, cleared, locked or unlocked a setting itself. It is about the tenant's
// record of the setting, whose id is the setting's name.
type Changed struct {
	Setting string `json:"setting"`
	Action  Action `json:"action"`
	// Number is that of the version.
	Number int64 `json:"number"`
}

// Inherited: what the tenant inherits of a setting is another from now on. Whether another value
// holds depends on its own.
type Inherited struct {
	Setting string `json:"setting"`
}

// Presented: the tenant presents itself to those below under another name.
type Presented struct{}

// Placed: a tenant got its place in the hierarchy. It is about the record of the place, in the tenant
// that keeps the hierarchy.
type Placed struct {
	// From and To are the tenants above it before and after, empty for none.
	From storage.Tenant `json:"from,omitempty"`
	To   storage.Tenant `json:"to,omitempty"`
}

// The names of the event types.
func (Changed) EventType() string   { return "settings.changed.v1" }
func (Inherited) EventType() string { return "settings.inherited.v1" }
func (Presented) EventType() string { return "settings.presented.v1" }
func (Placed) EventType() string    { return "settings.placed.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Changed](), itsm.EventOf[Inherited](), itsm.EventOf[Presented](), itsm.EventOf[Placed](),
	}
}
