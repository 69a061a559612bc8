// This file holds policies as data, and how they are read from JSON.

package timer

import (
	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/storage"
)

// Type says between whom a policy is agreed.
type Type string

// The types. Empty is SLA.
const (
	SLA                  Type = "sla"                   // a service level agreement, with a customer
	OLA                  Type = "ola"                   // an operational level agreement, within the provider
	UnderpinningContract Type = "underpinning_contract" // with a supplier
)

// Policy is an agreement on times: to which records it applies, and its targets. It is plain data with a
// JSON form; [Compile] checks it and makes it answer.
type Policy struct {
	// Name is that by which people and other data call it.
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	Type  Type   `json:"type,omitempty"`
	// Kind is the kind of record that it is for: "incident". Those of other kinds are not asked about.
	Kind string `json:"kind"`
	// When says to which of them it applies; the zero condition is all. It is asked at every moment: when
	// it ceases to hold, a timer that runs is cancelled. See [Moment] for what it can name.
	When storage.Condition `json:"when,omitzero"`
	// Targets are at least one; each has a timer of its own.
	Targets []Target `json:"targets"`
}

// Target is one thing that is measured and promised: from when, until when, within what.
type Target struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`

	// Start begins a cycle where one of its matches does, unless one runs. One that only says how the record
	// is, not what happened, begins when it becomes so.
	Start []Match `json:"start"`
	// Pause stops the clock as long as one of its matches does; with Resume, from a moment that matches to
	// one that Resume matches.
	Pause  []Match `json:"pause,omitempty"`
	Resume []Match `json:"resume,omitempty"`
	// Stop ends the cycle: its target is met or breached.
	Stop []Match `json:"stop"`
	// Cancel ends it without an outcome.
	Cancel []Match `json:"cancel,omitempty"`
	// Reset ends it, as Stop does, and begins the next at once.
	Reset []Match `json:"reset,omitempty"`

	// Goals are asked in their order, and the first whose condition holds is the goal. They are asked at every
	// moment; where none holds there is no timer.
	Goals []Goal `json:"goals"`
	// Calendar names the calendar by which time counts. CalendarBy names a column, field or fact of the
	// record whose text names it; where that is null, or names none that there is, Calendar counts.
	Calendar   string `json:"calendar"`
	CalendarBy string `json:"calendar_by,omitempty"`
	// Edge says where a target ends that is used up exactly at closing. With [calendar.AtNextOpen] it is breached
	// when more open time has passed than the goal, and not before.
	Edge calendar.DueEdge `json:"edge,omitempty"`

	// CountFrom names a column, field or fact of the record that holds a time: a cycle that does not follow
	// on another counts from then, if it is earlier than the moment, and what would have paused it since is not
	// counted. Empty counts from the moment. So a group that is assigned late does not get a target that is
	// breached already, unless the agreement says so.
	CountFrom string `json:"count_from,omitempty"`
	// OnChange says from when another goal counts that the record comes to have.
	OnChange OnChange `json:"on_change,omitzero"`
	// Reopen says what becomes of a target when the record is reopened.
	Reopen Reopen `json:"reopen,omitzero"`

	// Thresholds are in order: shares among themselves, and offsets among themselves.
	Thresholds []Threshold `json:"thresholds,omitempty"`
}

// Match is a condition on a moment: on what happened, and on how the record is since. All that is given must
// hold; of the members of a list, one.
type Match struct {
	// Types are types of events, Actions those of the lifecycle or names of commands.
	Types   []string `json:"types,omitempty"`
	Actions []string `json:"actions,omitempty"`
	// Leaving and Entering are categories of the state before and after; that the category changed is part of it.
	Leaving  []itsm.Category `json:"leaving,omitempty"`
	Entering []itsm.Category `json:"entering,omitempty"`
	// In are categories of the state after the moment, whether it changed or not.
	In []itsm.Category `json:"in,omitempty"`
	// Reasons are hold reasons that the record has after the moment.
	Reasons []string `json:"reasons,omitempty"`
	// When is a condition on the record's values and on the event: see [Moment].
	When storage.Condition `json:"when,omitzero"`
}

// Goal is how long a target has where its condition holds. Exactly one of Within, WorkingDays and By is given.
type Goal struct {
	// Name is for people to read: "priority 1".
	Name string            `json:"name,omitempty"`
	When storage.Condition `json:"when,omitzero"`
	// Within is open time.
	Within Duration `json:"within,omitempty"`
	// WorkingDays is an instant some working days after the beginning.
	WorkingDays *WorkingDays `json:"working_days,omitempty"`
	// By names a column, field or fact of the record that holds the time; where it is null the goal
	// does not hold. A time before the beginning is the beginning.
	By string `json:"by,omitempty"`
}

// WorkingDays is an instant of the calendar: {1, "16:00"} is the next working day at four, as
// [calendar.Calendar.WorkingDays] counts. What is paused moves it by the open time of the pause.
type WorkingDays struct {
	Days int                `json:"days"`
	At   calendar.TimeOfDay `json:"at"`
}

// Origin says from when something counts.
type Origin string

// The origins. Empty is FromStart.
const (
	FromStart  Origin = "start"  // of the cycle, with all that was paused since
	FromChange Origin = "change" // the moment at which it changed
)

// OnChange says from when a goal, or a calendar, counts that takes the place of another: by what the change
// does to the target, so that one that is made more urgent and one that is made less so can be treated
// differently.
type OnChange struct {
	// Shorter is for one that is due earlier than before when it counts from the start, Longer for all others.
	Shorter Origin `json:"shorter,omitempty"`
	Longer  Origin `json:"longer,omitempty"`
}

// ReopenPolicy says what becomes of a target that has stopped when it is to start again.
type ReopenPolicy string

// The policies. Empty is ReopenNothing.
const (
	ReopenNothing ReopenPolicy = "nothing"   // what has stopped stays so
	ReopenResume  ReopenPolicy = "resume"    // the cycle runs on, without the time in between
	ReopenCycle   ReopenPolicy = "new_cycle" // another cycle begins
)

// Reopen says what reopens a target, and what then happens.
type Reopen struct {
	Policy ReopenPolicy `json:"policy,omitempty"`
	// On is what reopens it; empty is the target's Start.
	On []Match `json:"on,omitempty"`
}

// Threshold is a point on the way to due, or after it, at which something is to be done. It has either Share
// or Offset. Each fires once in a cycle, and never while it is paused.
type Threshold struct {
	// Name tells it from the others of the target. What has fired under a name does not fire again.
	Name string `json:"name"`
	// Share is of the goal: Percent(75), or more than all of it.
	Share Share `json:"share,omitzero"`
	// Offset is open time before due, where it is negative, or after it. One that would be before the beginning
	// is at the beginning.
	Offset Duration `json:"offset,omitempty"`
	// Actions name what is to be done, in this order.
	Actions []string `json:"actions,omitempty"`
}

// The bounds of a policy, so that one from outside cannot exhaust its reader.
const (
	MaxTargets    = 50
	MaxMatches    = 50 // in one list
	MaxNames      = 100
	MaxGoals      = 200
	MaxThresholds = 50
	MaxName       = 200 // bytes
	// MaxGoal is the longest goal and offset.
	MaxGoal = Duration(20 * 366 * 24 * 3600 * 1e9)
	// MaxDocument is the greatest length in bytes of the JSON that [Parse] reads.
	MaxDocument = 4 << 20
)

// Parse reads a policy from its JSON form. What is not one JSON object of these fields alone is ErrInvalid.
// What it says is checked by [Compile], which also knows the calendars.
func Parse(raw []byte) (Policy, error) {
	var p Policy
	if err := strictjson.Decode("policy", raw, MaxDocument, &p); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}
