// This file holds the events of the schedule: what stands in the log, and what others react to.

package schedule

import "github.com/itsmkit/itsmkit/change/calendar"

// Booked: a change was put on the schedule, or is there otherwise than before.
type Booked struct {
	Planned   calendar.Span `json:"planned"`
	Conflicts int64         `json:"conflicts"`
}

// EventType gives the type's name in the log.
func (Booked) EventType() string { return "change_booking.booked.v1" }

// Released: a change was taken off the schedule.
type Released struct{}

// EventType gives the type's name in the log.
func (Released) EventType() string { return "change_booking.released.v1" }

// ConflictsChanged: something else was booked, moved or taken away, or a window was, and the change has other conflicts now.
type ConflictsChanged struct {
	Conflicts int64 `json:"conflicts"`
	// New is how many of them it did not have before.
	New int64 `json:"new"`
}

// EventType gives the type's name in the log.
func (ConflictsChanged) EventType() string { return "change_booking.conflicts_changed.v1" }

// WindowDefined: a freeze or maintenance window was made.
type WindowDefined struct {
	Kind calendar.WindowKind `json:"kind"`
}

// EventType gives the type's name in the log.
func (WindowDefined) EventType() string { return "change_window.defined.v1" }

// WindowRevised: it was changed.
type WindowRevised struct{}

// EventType gives the type's name in the log.
func (WindowRevised) EventType() string { return "change_window.revised.v1" }

// WindowWithdrawn: it does not count any more.
type WindowWithdrawn struct{}

// EventType gives the type's name in the log.
func (WindowWithdrawn) EventType() string { return "change_window.withdrawn.v1" }
