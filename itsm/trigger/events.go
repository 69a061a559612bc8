// This file holds the events of triggers: of the versions of their sets, and of firings that did not
// go as they should.

package trigger

import "github.com/itsmkit/itsmkit/itsm"

// Drafted: a version was made.
type Drafted struct {
	Number int64 `json:"number"`
}

// Revised: a draft was changed.
type Revised struct {
	Number int64 `json:"number"`
}

// Activated: the triggers of the version fire from now on. One of the base was published by its
// provider.
type Activated struct {
	Stack  Stack `json:"stack"`
	Number int64 `json:"number"`
	// Replaced is the version that was active before, where there was one.
	Replaced itsm.ID `json:"replaced,omitempty"`
}

// Retired: another version took its place.
type Retired struct {
	Stack  Stack `json:"stack"`
	Number int64 `json:"number"`
	// By is that version.
	By itsm.ID `json:"by"`
}

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
func (Drafted) EventType() string   { return "trigger.drafted.v1" }
func (Revised) EventType() string   { return "trigger.revised.v1" }
func (Activated) EventType() string { return "trigger.activated.v1" }
func (Retired) EventType() string   { return "trigger.retired.v1" }
func (Stopped) EventType() string   { return "trigger.stopped.v1" }
func (Failed) EventType() string    { return "trigger.failed.v1" }
func (Recovered) EventType() string { return "trigger.recovered.v1" }

// EventTypes gives the types of all events, for documentation and for readers of the log.
func EventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Drafted](), itsm.EventOf[Revised](), itsm.EventOf[Activated](), itsm.EventOf[Retired](),
		itsm.EventOf[Stopped](), itsm.EventOf[Failed](), itsm.EventOf[Recovered](),
	}
}
