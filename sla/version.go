// This file holds what is kept in versions: calendars and policies.

package sla

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// The kinds of record that versions are: the names of their tables, and the first part of the types of
// their events.
const (
	CalendarKind = "sla_calendar"
	PolicyKind   = "sla_policy"
)

// Calendar is a business calendar as versions hold it. The family of a version is the calendar's name.
// Calendars that it refers to are those of their names that are active in the tenant.
type Calendar struct {
	calendar.Definition
}

// Policy is an agreement on times as versions hold it. The family of a version is the policy's name.
// Calendars that it refers to are those of their names that are active in the tenant.
type Policy struct {
	timer.Policy
	// CustomerBy names the column, field or fact of a record whose text names the customer, by whom timers can
	// be listed and counted. It is asked when a timer begins, and not again. Empty tells no customer.
	CustomerBy string `json:"customer_by,omitempty"`
}

// VersionKind makes calendars what package versioned keeps.
func (Calendar) VersionKind() string { return CalendarKind }

// VersionKind makes policies what package versioned keeps.
func (Policy) VersionKind() string { return PolicyKind }

// Clone gives a copy that shares nothing.
func (c Calendar) Clone() Calendar { return clone(c) }

// Clone gives a copy that shares nothing.
func (p Policy) Clone() Policy { return clone(p) }

// clone copies data by its JSON form. What has none was refused, and is given as it is.
func clone[S any](s S) S {
	raw, err := json.Marshal(s)
	if err != nil {
		return s
	}
	var own S
	if err := json.Unmarshal(raw, &own); err != nil {
		return s
	}
	return own
}

// CalendarTable and PolicyTable are the tables of versions.
var (
	CalendarTable = versioned.Define[Calendar]()
	PolicyTable   = versioned.Define[Policy]()
)

// What package versioned keeps of calendars and policies.
type (
	// CalendarVersion is one version of a calendar. What is or was active is never changed.
	CalendarVersion = versioned.Version[Calendar]
	// CalendarDraft is a request for a new version of a calendar.
	CalendarDraft = versioned.Draft[Calendar]
	// PolicyVersion is one version of a policy. What is or was active is never changed.
	PolicyVersion = versioned.Version[Policy]
	// PolicyDraft is a request for a new version of a policy.
	PolicyDraft = versioned.Draft[Policy]
)

// effective are the versions that hold in a tenant, by their names: its own, and its provider's where it
// has no own of the name.
func effective[S any](versions []versioned.Version[S]) map[string]*versioned.Version[S] {
	all := map[string]*versioned.Version[S]{}
	for i := range versions {
		v := &versions[i]
		if old := all[v.Family]; old == nil || v.Stack == versioned.StackOwn {
			all[v.Family] = v
		}
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
