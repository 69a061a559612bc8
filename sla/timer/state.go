// This file holds what is kept of a timer: the history from which everything else follows.

package timer

import (
	"slices"
	"time"
)

// State is what is kept of one timer on one record. It is a value with a JSON form; the zero value is that of a
// record of which nothing is known. It counts nothing: it is the history of cycles, pauses and goals, and
// what has fired. Functions that give another state leave the one that they were given as it is.
type State struct {
	// Cycles are in order; only the last can run. None means that the timer has not begun.
	Cycles []Cycle `json:"cycles,omitempty"`
	// Last is the last moment that was applied.
	Last Position `json:"last,omitzero"`
	// Held says that the record was as the target's start wants it after the last moment.
	Held bool `json:"held,omitempty"`
	// Pauses are all of the record, in cycles or not, where the target counts from before its moment.
	Pauses []Pause `json:"pauses,omitempty"`
}

// Cycle is one run of a timer.
type Cycle struct {
	// Start is from when it counts, and Since the moment at which it began, which is later where the target counts
	// from before.
	Start time.Time `json:"start"`
	Since time.Time `json:"since"`
	// Goals are what it had to reach, the last one being what counts.
	Goals []Basis `json:"goals"`
	// Pauses are in order and do not overlap. The last is open while it is paused.
	Pauses []Pause `json:"pauses,omitempty"`
	// End is when it ended, and Ended how, with the reason; they are zero while it runs.
	End    time.Time `json:"end,omitzero"`
	Ended  End       `json:"ended,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// Fired are the thresholds that have.
	Fired []Mark `json:"fired,omitempty"`
}

// End says how a cycle ended.
type End string

// The ends. EndStopped and EndReset are met or breached, cancelled ones neither.
const (
	EndStopped   End = "stopped"
	EndReset     End = "reset"
	EndCancelled End = "cancelled"
)

// Basis is a goal as it was found for the record.
type Basis struct {
	// At is the moment since which it is the goal, and From what it counts from.
	At   time.Time `json:"at"`
	From time.Time `json:"from"`
	// Rule is the goal's place among the target's, Name its name, and Calendar the calendar's name.
	Rule     int    `json:"rule"`
	Name     string `json:"name,omitempty"`
	Calendar string `json:"calendar"`
	// Open is the open time of it. For a goal that is an instant, Until is that without any pause, and Open the
	// open time up to it.
	Open  Duration  `json:"open"`
	Until time.Time `json:"until,omitzero"`
}

// PauseKind says what kept a span of time from counting.
type PauseKind string

// The kinds.
const (
	PauseHeld     PauseKind = "held"     // the target's pause
	PauseExcluded PauseKind = "excluded" // it had stopped, and was reopened
)

// Pause is a span of instants, [From, To), that does not count. To is zero while it lasts.
type Pause struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to,omitzero"`
	Kind   PauseKind `json:"kind"`
	Reason string    `json:"reason,omitempty"`
}

// Mark says that a threshold fired: for which instant, and when.
type Mark struct {
	Threshold string    `json:"threshold"`
	At        time.Time `json:"at"`
	Fired     time.Time `json:"fired"`
}

// Phase says what a timer does.
type Phase string

// The phases.
const (
	PhaseIdle    Phase = "idle" // it has not begun, or was cancelled
	PhaseRunning Phase = "running"
	PhasePaused  Phase = "paused"
	PhaseStopped Phase = "stopped"
)

// Phase gives what the timer does after the last moment.
func (s *State) Phase() Phase {
	c := s.last()
	switch {
	case c == nil || c.Ended == EndCancelled:
		return PhaseIdle
	case c.Ended != "":
		return PhaseStopped
	case c.open() != nil:
		return PhasePaused
	}
	return PhaseRunning
}

// last gives the last cycle, or nil.
func (s *State) last() *Cycle {
	if len(s.Cycles) == 0 {
		return nil
	}
	return &s.Cycles[len(s.Cycles)-1]
}

// open gives the pause that lasts, or nil.
func (c *Cycle) open() *Pause { return openPause(c.Pauses) }

func openPause(list []Pause) *Pause {
	if n := len(list); n > 0 && list[n-1].To.IsZero() {
		return &list[n-1]
	}
	return nil
}

// basis gives the goal that counts.
func (c *Cycle) basis() *Basis { return &c.Goals[len(c.Goals)-1] }

// fired says whether a threshold has.
func (c *Cycle) fired(name string) bool {
	return slices.ContainsFunc(c.Fired, func(m Mark) bool { return m.Threshold == name })
}

// Outcome says how a cycle stands.
type Outcome string

// The outcomes.
const (
	OutcomeOpen     Outcome = "open"     // it runs, and is not breached
	OutcomeMet      Outcome = "met"      // it ended, not after due
	OutcomeBreached Outcome = "breached" // it runs or ended, and due has passed
	OutcomeNone     Outcome = "none"     // it was cancelled
)

// What says what happened to a timer.
type What string

// What happens.
const (
	DidStart      What = "started"
	DidPause      What = "paused" // or is paused for another reason
	DidResume     What = "resumed"
	DidStop       What = "stopped"
	DidCancel     What = "cancelled"
	DidReset      What = "reset"    // the cycle ended, and the next began
	DidReopen     What = "reopened" // the cycle runs on
	DidChangeGoal What = "goal_changed"
	DidFire       What = "threshold"
	DidRebase     What = "rebased"
)

// Happening is what a moment, or time, did to a timer.
type Happening struct {
	What What      `json:"what"`
	At   time.Time `json:"at"`
	// Cycle is the place of the cycle that it is about, from 0.
	Cycle int `json:"cycle"`
	// Why says it for people, and Reason the pause's or the cancellation's.
	Why    string `json:"why"`
	Reason string `json:"reason,omitempty"`
	// Was and Due are when the cycle was due before and is now; zero where that is not defined.
	Was time.Time `json:"was,omitzero"`
	Due time.Time `json:"due,omitzero"`
	// Outcome is that of a cycle that ended.
	Outcome Outcome `json:"outcome,omitempty"`
	// Goal is of a cycle that began, and of a change of goal.
	Goal *Basis `json:"goal,omitempty"`
	// Threshold and Actions are of DidFire: At is the instant for which it fired, Fired when it did, and Late
	// that this was later.
	Threshold string    `json:"threshold,omitempty"`
	Actions   []string  `json:"actions,omitempty"`
	Fired     time.Time `json:"fired,omitzero"`
	Late      bool      `json:"late,omitempty"`
}
