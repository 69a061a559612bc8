// This file holds the events of schedules: what stands in the log, and what others react to.

package recurrence

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Defined: a schedule was made.
type Defined struct {
	Handler string    `json:"handler"`
	Next    time.Time `json:"next,omitzero"`
}

// Revised: it was changed.
type Revised struct {
	Next time.Time `json:"next,omitzero"`
}

// Paused: its occurrences pass.
type Paused struct{}

// Resumed: they are done again.
type Resumed struct {
	Next time.Time `json:"next,omitzero"`
}

// Occurred: occurrences came and were entered to be done, each in a job of its own.
type Occurred struct {
	// At are the occurrences, oldest first.
	At []time.Time `json:"at"`
	// Count is how many there were of the schedule, these included.
	Count int64 `json:"count"`
}

// Skipped: occurrences were missed and are not done.
type Skipped struct {
	// Number is how many, First and Last which.
	Number int64     `json:"number"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Ended: there are no more occurrences, or someone ended it.
type Ended struct{}

// EventType gives the type's name in the log.
func (Defined) EventType() string  { return "recurrence.defined.v1" }
func (Revised) EventType() string  { return "recurrence.revised.v1" }
func (Paused) EventType() string   { return "recurrence.paused.v1" }
func (Resumed) EventType() string  { return "recurrence.resumed.v1" }
func (Occurred) EventType() string { return "recurrence.occurred.v1" }
func (Skipped) EventType() string  { return "recurrence.skipped.v1" }
func (Ended) EventType() string    { return "recurrence.ended.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Defined](), itsm.EventOf[Revised](), itsm.EventOf[Paused](), itsm.EventOf[Resumed](),
		itsm.EventOf[Occurred](), itsm.EventOf[Skipped](), itsm.EventOf[Ended](),
	}
}
