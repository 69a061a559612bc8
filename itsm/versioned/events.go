// This file holds the events: what stands in the log, and what others react to. Each is about a version.

package versioned

import "github.com/itsmkit/itsmkit/itsm"

// Drafted: a version was made.
type Drafted[S Set[S]] struct {
	// Family is what it is a version of, where the practice has more than one.
	Family string `json:"family,omitempty"`
	Number int64  `json:"number"`
}

// Revised: a draft was changed.
type Revised[S Set[S]] struct {
	// Family is what it is a version of, where the practice has more than one.
	Family string `json:"family,omitempty"`
	Number int64  `json:"number"`
}

// Activated: the version is followed from now on. One of the base was published by its provider.
type Activated[S Set[S]] struct {
	// Family is what it is a version of, where the practice has more than one.
	Family string `json:"family,omitempty"`
	Stack  Stack  `json:"stack"`
	Number int64  `json:"number"`
	// Replaced is the version that was active before, where there was one.
	Replaced itsm.ID `json:"replaced,omitempty"`
}

// Retired: the version is not followed any more.
type Retired[S Set[S]] struct {
	// Family is what it is a version of, where the practice has more than one.
	Family string `json:"family,omitempty"`
	Stack  Stack  `json:"stack"`
	Number int64  `json:"number"`
	// By is the version that took its place, where one did.
	By itsm.ID `json:"by,omitempty"`
}

// EventType is the kind of the versions, and "drafted.v1" behind it.
func (Drafted[S]) EventType() string { return kindOf[S]() + ".drafted.v1" }

// EventType is the kind of the versions, and "revised.v1" behind it.
func (Revised[S]) EventType() string { return kindOf[S]() + ".revised.v1" }

// EventType is the kind of the versions, and "activated.v1" behind it.
func (Activated[S]) EventType() string { return kindOf[S]() + ".activated.v1" }

// EventType is the kind of the versions, and "retired.v1" behind it.
func (Retired[S]) EventType() string { return kindOf[S]() + ".retired.v1" }

// EventTypes are the types of the events of the versions of a set, for the practice's module.
func EventTypes[S Set[S]]() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Drafted[S]](), itsm.EventOf[Revised[S]](), itsm.EventOf[Activated[S]](), itsm.EventOf[Retired[S]](),
	}
}
