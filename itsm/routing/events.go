// This file holds the events of rule sets: what stands in the log, and what others react to. Each is
// about a version of a rule set.

package routing

import "github.com/itsmkit/itsmkit/itsm"

// Drafted: a version was made.
type Drafted struct {
	RecordKind string `json:"record_kind"`
	Number     int64  `json:"number"`
}

// Revised: a draft was changed.
type Revised struct {
	RecordKind string `json:"record_kind"`
	Number     int64  `json:"number"`
}

// Activated: the rules of the version are followed from now on. One of the base was published by
// its provider.
type Activated struct {
	RecordKind string `json:"record_kind"`
	Stack      Stack  `json:"stack"`
	Number     int64  `json:"number"`
	// Replaced is the version that was active before, where there was one.
	Replaced itsm.ID `json:"replaced,omitempty"`
}

// Retired: another version took its place.
type Retired struct {
	RecordKind string `json:"record_kind"`
	Stack      Stack  `json:"stack"`
	Number     int64  `json:"number"`
	// By is that version.
	By itsm.ID `json:"by"`
}

// The names of the event types.
func (Drafted) EventType() string   { return "routing.drafted.v1" }
func (Revised) EventType() string   { return "routing.revised.v1" }
func (Activated) EventType() string { return "routing.activated.v1" }
func (Retired) EventType() string   { return "routing.retired.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Drafted](), itsm.EventOf[Revised](), itsm.EventOf[Activated](), itsm.EventOf[Retired](),
	}
}
