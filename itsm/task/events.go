// This file holds the events of tasks: what stands in the log, and what others react to. Every event
// has its action, and the states before and after with their categories.

package task

import (
	"encoding/json"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Added: a task was added to its parent.
type Added struct {
	Parent itsm.Ref `json:"parent"`
	Name   string   `json:"name,omitempty"`
}

// Released: every predecessor has ended as its edge allows, and its planned start has come.
type Released struct{}

// Blocked: it waits again, for a predecessor or for a later planned start.
type Blocked struct{}

// Revived: it was skipped by itself, and may become ready after all.
type Revived struct{}

// Assigned: it was given to a group or a person.
type Assigned struct {
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// Accepted: a person took it.
type Accepted struct {
	Assignee itsm.ID `json:"assignee"`
}

// Reassigned: it was given to another group or person.
type Reassigned struct {
	FromGroup    itsm.ID `json:"from_group,omitempty"`
	FromAssignee itsm.ID `json:"from_assignee,omitempty"`
	Group        itsm.ID `json:"group,omitempty"`
	Assignee     itsm.ID `json:"assignee,omitempty"`
	// Count is the number of reassignments, this one included.
	Count int `json:"count"`
}

// Started: its assignee began to work.
type Started struct{}

// Held: it waits. The event's reason says why.
type Held struct{}

// Resumed: it no longer waits and is back in the state before.
type Resumed struct{}

// Completed: it is done.
type Completed struct {
	Code string `json:"code,omitempty"`
}

// Failed: it could not be done. The event's reason says why.
type Failed struct {
	Code string `json:"code,omitempty"`
}

// Skipped: it need not be done. The event's reason says why.
type Skipped struct {
	Code string `json:"code,omitempty"`
	// Auto says that it was skipped by itself, as the task Because ended in a way that its edge does
	// not allow.
	Auto    bool    `json:"auto,omitempty"`
	Because itsm.ID `json:"because,omitempty"`
}

// Cancelled: it is not to be done any more. The event's reason says why.
type Cancelled struct {
	// Parent says that it was cancelled because its parent ended.
	Parent bool `json:"parent,omitempty"`
}

// Retried: it had failed and is tried again.
type Retried struct {
	// Count is the number of times it was, this one included.
	Count int `json:"count"`
}

// EdgeAdded: another task comes before it.
type EdgeAdded struct {
	Dependency
}

// Edited: fields were changed; the changes say which.
type Edited struct{}

// EffortRecorded: time or money was spent on it.
type EffortRecorded struct {
	Effort Effort `json:"effort"`
}

// DueReached: it is open at the time at which it should have ended. It is told once for each due time.
type DueReached struct {
	Parent   itsm.Ref  `json:"parent"`
	Due      time.Time `json:"due"`
	Group    itsm.ID   `json:"group,omitempty"`
	Assignee itsm.ID   `json:"assignee,omitempty"`
}

// Acted: an action of the host's own lifecycle was taken; the event's action names it.
type Acted struct {
	// Data is what the host gave.
	Data json.RawMessage `json:"data,omitempty"`
}

// AllEnded: the last open task of the parent has ended. It tells how each ended, so that nobody takes
// a parent for complete of which a task was skipped, has failed or was cancelled. It is told once for
// each time that the last open task ends: again where a task was added later or tried again.
type AllEnded struct {
	Parent itsm.Ref `json:"parent"`
	// Tasks counts all, Mandatory those that are not optional.
	Tasks     Counts `json:"tasks"`
	Mandatory Counts `json:"mandatory"`
}

// EventType gives the type's name in the log.
func (Added) EventType() string          { return "task.added.v1" }
func (Released) EventType() string       { return "task.released.v1" }
func (Blocked) EventType() string        { return "task.blocked.v1" }
func (Revived) EventType() string        { return "task.revived.v1" }
func (Assigned) EventType() string       { return "task.assigned.v1" }
func (Accepted) EventType() string       { return "task.accepted.v1" }
func (Reassigned) EventType() string     { return "task.reassigned.v1" }
func (Started) EventType() string        { return "task.started.v1" }
func (Held) EventType() string           { return "task.held.v1" }
func (Resumed) EventType() string        { return "task.resumed.v1" }
func (Completed) EventType() string      { return "task.completed.v1" }
func (Failed) EventType() string         { return "task.failed.v1" }
func (Skipped) EventType() string        { return "task.skipped.v1" }
func (Cancelled) EventType() string      { return "task.cancelled.v1" }
func (Retried) EventType() string        { return "task.retried.v1" }
func (EdgeAdded) EventType() string      { return "task.edge_added.v1" }
func (Edited) EventType() string         { return "task.edited.v1" }
func (EffortRecorded) EventType() string { return "task.effort_recorded.v1" }
func (DueReached) EventType() string     { return "task.due.v1" }
func (Acted) EventType() string          { return "task.acted.v1" }
func (AllEnded) EventType() string       { return "task.all_ended.v1" }

// EventTypes gives the types of all events, for documentation and for readers of the log.
func EventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Added](), itsm.EventOf[Released](), itsm.EventOf[Blocked](), itsm.EventOf[Revived](), itsm.EventOf[Assigned](),
		itsm.EventOf[Accepted](), itsm.EventOf[Reassigned](), itsm.EventOf[Started](), itsm.EventOf[Held](), itsm.EventOf[Resumed](),
		itsm.EventOf[Completed](), itsm.EventOf[Failed](), itsm.EventOf[Skipped](), itsm.EventOf[Cancelled](), itsm.EventOf[Retried](),
		itsm.EventOf[EdgeAdded](), itsm.EventOf[Edited](), itsm.EventOf[EffortRecorded](), itsm.EventOf[DueReached](),
		itsm.EventOf[Acted](), itsm.EventOf[AllEnded](),
	}
}
