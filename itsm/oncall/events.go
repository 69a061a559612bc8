// This file holds the events: what stands in the log, and what senders and others react to.

package oncall

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// ScheduleDefined, ScheduleRevised and ScheduleRetired tell of a schedule; what was revised stands in
// the event's changes.
type (
	ScheduleDefined struct {
		Name string `json:"name"`
	}
	ScheduleRevised struct {
		Name string `json:"name"`
	}
	ScheduleRetired struct {
		Name string `json:"name"`
	}
)

// PolicyDefined, PolicyRevised and PolicyRetired tell of a policy; what was revised stands in the
// event's changes.
type (
	PolicyDefined struct {
		Name string `json:"name"`
	}
	PolicyRevised struct {
		Name string `json:"name"`
	}
	PolicyRetired struct {
		Name string `json:"name"`
	}
)

// Overridden: an override of a schedule was made.
type Overridden struct {
	Schedule itsm.ID `json:"schedule"`
	Override
}

// OverrideWithdrawn: an override was taken back, as a whole or, where it had begun, from now on.
type OverrideWithdrawn struct {
	Schedule itsm.ID `json:"schedule"`
	Override
}

// Started: an escalation began. Whether anybody was told is for the next event.
type Started struct {
	Subject itsm.Ref `json:"subject"`
	Summary string   `json:"summary"`
	Policy  itsm.ID  `json:"policy"`
	// PolicyVersion is the version of the policy that the escalation follows to its end.
	PolicyVersion int64 `json:"policy_version"`
}

// Paged: these people and groups are to be told now. It is emitted once for each step taken; whoever
// sends it out subscribes to it, and de-duplicates by the event's ID.
type Paged struct {
	Subject itsm.Ref `json:"subject"`
	Summary string   `json:"summary"`
	Policy  itsm.ID  `json:"policy"`
	// Turn counts the pages of the escalation, this one included.
	Turn int `json:"turn"`
	Place
	Told
	// Skipped are the steps that were passed over on the way to this one: they reached nobody.
	Skipped []Place `json:"skipped,omitempty"`
	// Until is when the next step is taken, or the escalation ends, unless somebody acknowledges it.
	Until time.Time `json:"until"`
}

// Acknowledged: the event's actor took it. Nobody else is told.
type Acknowledged struct {
	Subject itsm.Ref `json:"subject"`
	// Turn is the number of pages until then.
	Turn int `json:"turn"`
}

// Reescalated: the event's actor asked for the next step, or began again from the first.
type Reescalated struct {
	Subject itsm.Ref `json:"subject"`
}

// Exhausted: every step was taken as often as the policy says, and nobody acknowledged it.
type Exhausted struct {
	Subject itsm.Ref `json:"subject"`
	Summary string   `json:"summary"`
	Policy  itsm.ID  `json:"policy"`
	Turn    int      `json:"turn"`
	// Skipped are the steps that reached nobody at the end.
	Skipped []Place `json:"skipped,omitempty"`
}

// Unreachable: no step of the policy reached anybody when it began, or when it began again.
type Unreachable struct {
	Subject itsm.Ref `json:"subject"`
	Summary string   `json:"summary"`
	Policy  itsm.ID  `json:"policy"`
	Skipped []Place  `json:"skipped"`
}

// Closed: what had been acknowledged, or had ended without that, is done: its subject is.
type Closed struct {
	Subject itsm.Ref `json:"subject"`
}

// Why says why an escalation was cancelled.
type Why string

// Why an escalation may be cancelled.
const (
	// WhyPerson: somebody called it off.
	WhyPerson Why = "person"
	// WhySubject: its subject was resolved, closed, cancelled or deleted.
	WhySubject Why = "subject"
)

// Cancelled: it was called off before anybody acknowledged it, or by a person. Nobody else is told.
type Cancelled struct {
	Subject itsm.Ref `json:"subject"`
	Why     Why      `json:"why"`
}

// EventType is the name of the type with its version.
func (ScheduleDefined) EventType() string   { return "oncall.schedule_defined.v1" }
func (ScheduleRevised) EventType() string   { return "oncall.schedule_revised.v1" }
func (ScheduleRetired) EventType() string   { return "oncall.schedule_retired.v1" }
func (PolicyDefined) EventType() string     { return "oncall.policy_defined.v1" }
func (PolicyRevised) EventType() string     { return "oncall.policy_revised.v1" }
func (PolicyRetired) EventType() string     { return "oncall.policy_retired.v1" }
func (Overridden) EventType() string        { return "oncall.overridden.v1" }
func (OverrideWithdrawn) EventType() string { return "oncall.override_withdrawn.v1" }
func (Started) EventType() string           { return "oncall.started.v1" }
func (Paged) EventType() string             { return "oncall.paged.v1" }
func (Acknowledged) EventType() string      { return "oncall.acknowledged.v1" }
func (Reescalated) EventType() string       { return "oncall.reescalated.v1" }
func (Exhausted) EventType() string         { return "oncall.exhausted.v1" }
func (Unreachable) EventType() string       { return "oncall.unreachable.v1" }
func (Closed) EventType() string            { return "oncall.closed.v1" }
func (Cancelled) EventType() string         { return "oncall.cancelled.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[ScheduleDefined](), itsm.EventOf[ScheduleRevised](), itsm.EventOf[ScheduleRetired](),
		itsm.EventOf[PolicyDefined](), itsm.EventOf[PolicyRevised](), itsm.EventOf[PolicyRetired](),
		itsm.EventOf[Overridden](), itsm.EventOf[OverrideWithdrawn](),
		itsm.EventOf[Started](), itsm.EventOf[Paged](), itsm.EventOf[Acknowledged](), itsm.EventOf[Reescalated](),
		itsm.EventOf[Exhausted](), itsm.EventOf[Unreachable](), itsm.EventOf[Closed](), itsm.EventOf[Cancelled](),
	}
}
