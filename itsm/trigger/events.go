// This file holds the events of triggers: of the versions of their sets, and of firings that did not
// go as they should.

package trigger

import (
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
)

// The events of the versions.
type (
	// Drafted: a version was made.
	Drafted = versioned.Drafted[Set]
	// Revised: a draft was changed.
	Revised = versioned.Revised[Set]
	// Activated: the triggers of the version fire from now on. One of the base was published by its
	// provider.
	Activated = versioned.Activated[Set]
	// Retired: the triggers of the version do not fire any more.
	Retired = versioned.Retired[Set]
)

// Stopped: a trigger was kept from firing, so that a chain of events comes to an end. It is about the
// firing.
type Stopped struct {
	Trigger string   `json:"trigger"`
	Record  itsm.Ref `json:"record"`
	// Event is the event that it would have answered, Chain what has answered before it.
	Event itsm.ID  `json:"event"`
	Chain []string `json:"chain"`
	// Why says which rule kept it: "repeated" or "too_deep".
	Why string `json:"why"`
}

// Failed: an action of a trigger failed for the first time, or what the trigger names is not there any
// more. It is about the firing.
type Failed struct {
	Trigger string   `json:"trigger"`
	Record  itsm.Ref `json:"record"`
	Event   itsm.ID  `json:"event"`
	Error   string   `json:"error"`
}

// Recovered: what had failed was done at a later attempt. It is about the firing.
type Recovered struct {
	Trigger  string   `json:"trigger"`
	Record   itsm.Ref `json:"record"`
	Event    itsm.ID  `json:"event"`
	Attempts int      `json:"attempts"`
}

// The names of the event types.
func (Stopped) EventType() string   { return "trigger.stopped.v1" }
func (Failed) EventType() string    { return "trigger.failed.v1" }
func (Recovered) EventType() string { return "trigger.recovered.v1" }

// EventTypes gives the types of all events, for documentation and for readers of the log.
func EventTypes() []itsm.EventType {
	return append(versioned.EventTypes[Set](), itsm.EventOf[Stopped](), itsm.EventOf[Failed](), itsm.EventOf[Recovered]())
}
