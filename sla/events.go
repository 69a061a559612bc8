// This file holds the events: of the versions of calendars and policies, of timers, and of entitlements.

package sla

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// The events of the versions of calendars, policies and agreements.
type (
	// CalendarDrafted: a version of a calendar was made.
	CalendarDrafted = versioned.Drafted[Calendar]
	// CalendarRevised: a draft of a calendar was changed.
	CalendarRevised = versioned.Revised[Calendar]
	// CalendarActivated: timers that begin from now on count by the version. One of the base was published by its
	// provider.
	CalendarActivated = versioned.Activated[Calendar]
	// CalendarRetired: the version of the calendar is not followed any more, but by timers that have begun under it.
	CalendarRetired = versioned.Retired[Calendar]
	// PolicyDrafted: a version of a policy was made.
	PolicyDrafted = versioned.Drafted[Policy]
	// PolicyRevised: a draft of a policy was changed.
	PolicyRevised = versioned.Revised[Policy]
	// PolicyActivated: timers that begin from now on are of the version. One of the base was published by its
	// provider.
	PolicyActivated = versioned.Activated[Policy]
	// PolicyRetired: the version of the policy is not followed any more, but by timers that have begun under it.
	PolicyRetired = versioned.Retired[Policy]
	// AgreementDrafted: a version of an agreement was made.
	AgreementDrafted = versioned.Drafted[Agreement]
	// AgreementRevised: a draft of an agreement was changed.
	AgreementRevised = versioned.Revised[Agreement]
	// AgreementActivated: the version of the agreement holds from now on. One of the base was published by its provider.
	AgreementActivated = versioned.Activated[Agreement]
	// AgreementRetired: the version of the agreement does not hold any more.
	AgreementRetired = versioned.Retired[Agreement]
)

// About says which timer an event is about.
type About struct {
	Subject itsm.Ref   `json:"subject"`
	Policy  string     `json:"policy"`
	Target  string     `json:"target"`
	Type    timer.Type `json:"type"`
	// Customer is whom the timer is for, where that is known.
	Customer string `json:"customer,omitempty"`
	// Cycle is the place of the cycle, from 0.
	Cycle int `json:"cycle"`
}

// Paused: the clock was stopped, or is for another reason. While it is, the target is not due.
type Paused struct {
	About
	// For is the reason.
	For string `json:"for"`
	// Was is when it would have been due.
	Was time.Time `json:"was,omitzero"`
}

// Resumed: the clock goes on.
type Resumed struct {
	About
	Due time.Time `json:"due"`
}

// DueChanged: the target is due at another time, as its goal or calendar has changed, or as it
// goes on after it had stopped.
type DueChanged struct {
	About
	Was time.Time `json:"was,omitzero"`
	Due time.Time `json:"due,omitzero"`
	// Why says it in words.
	Why string `json:"why"`
}

// LateAfter is by how much what is due by itself may be told after its instant without being late: ticks come when the host makes them.
const LateAfter = time.Minute

// ThresholdReached: a point on the way to due, or after it, was reached. It is told once in a cycle.
type ThresholdReached struct {
	About
	Threshold string `json:"threshold"`
	// At is the instant of the threshold; Late says that it is told more than [LateAfter] after it.
	At   time.Time `json:"at"`
	Late bool      `json:"late,omitempty"`
	Due  time.Time `json:"due,omitzero"`
	// Actions are those that the policy names; none in a cycle that they themselves began. Whether they had an effect is in
	// the record's timeline.
	Actions []string `json:"actions,omitempty"`
}

// Breached: due has passed and the target was not reached. It is told once in a cycle.
type Breached struct {
	About
	Due time.Time `json:"due"`
	// Late says that it is told more than [LateAfter] after due.
	Late bool `json:"late,omitempty"`
}

// Met: the cycle ended, not after due.
type Met struct {
	About
	Due time.Time `json:"due,omitzero"`
	// Ended is when.
	Ended time.Time `json:"ended"`
}

// Missed: the cycle ended after due.
type Missed struct {
	About
	Due   time.Time `json:"due"`
	Ended time.Time `json:"ended"`
}

// Cancelled: the cycle ended without an outcome.
type Cancelled struct {
	About
	// Why is the reason.
	Why string `json:"why"`
}

// Rebased: the timer is computed by other versions.
type Rebased struct {
	About
	// From and To are the versions of the policy, before and after.
	From Pin       `json:"from"`
	To   Pin       `json:"to"`
	Was  time.Time `json:"was,omitzero"`
	Due  time.Time `json:"due,omitzero"`
}

// Rebuilt: the timer was computed anew from the history of its record, and is another than it was.
type Rebuilt struct {
	About
	Was time.Time `json:"was,omitzero"`
	Due time.Time `json:"due,omitzero"`
}

// DueSet: a person set a due date beside the one that is computed, or took it away.
type DueSet struct {
	About
	Was time.Time `json:"was,omitzero"`
	Due time.Time `json:"due,omitzero"`
}

// Assessed: a record was logged, and this is what its agreements make of it.
type Assessed struct {
	Subject itsm.Ref `json:"subject"`
	Finding
}

// Drawn: a record took units of a block.
type Drawn struct {
	Subject   itsm.Ref `json:"subject"`
	Agreement string   `json:"agreement"`
	Unit      Unit     `json:"unit"`
	Period    string   `json:"period"`
	// Units are those that were taken, Overdrawn those that were not left.
	Units     decimal.Decimal `json:"units"`
	Overdrawn decimal.Decimal `json:"overdrawn"`
}

// GivenBack: a record gave back what it had of blocks, or some of it.
type GivenBack struct {
	Subject   itsm.Ref `json:"subject"`
	Agreement string   `json:"agreement"`
	Unit      Unit     `json:"unit"`
	// Blocks is how much of each.
	Blocks []Taken `json:"blocks"`
}

// The names of the event types.
func (Paused) EventType() string           { return "sla_timer.paused.v1" }
func (Resumed) EventType() string          { return "sla_timer.resumed.v1" }
func (DueChanged) EventType() string       { return "sla_timer.due_changed.v1" }
func (ThresholdReached) EventType() string { return "sla_timer.threshold_reached.v1" }
func (Breached) EventType() string         { return "sla_timer.breached.v1" }
func (Met) EventType() string              { return "sla_timer.met.v1" }
func (Missed) EventType() string           { return "sla_timer.missed.v1" }
func (Cancelled) EventType() string        { return "sla_timer.cancelled.v1" }
func (Rebased) EventType() string          { return "sla_timer.rebased.v1" }
func (Rebuilt) EventType() string          { return "sla_timer.rebuilt.v1" }
func (DueSet) EventType() string           { return "sla_timer.due_set.v1" }
func (Assessed) EventType() string         { return "sla_entitlement.assessed.v1" }
func (Drawn) EventType() string            { return "sla_entitlement.drawn.v1" }
func (GivenBack) EventType() string        { return "sla_entitlement.given_back.v1" }

// EventTypes gives the types of all events, for documentation and for readers of the log.
func EventTypes() []itsm.EventType {
	all := slices.Concat(versioned.EventTypes[Calendar](), versioned.EventTypes[Policy](), versioned.EventTypes[Agreement]())
	return append(all,
		itsm.EventOf[Paused](), itsm.EventOf[Resumed](), itsm.EventOf[DueChanged](), itsm.EventOf[ThresholdReached](), itsm.EventOf[Breached](),
		itsm.EventOf[Met](), itsm.EventOf[Missed](), itsm.EventOf[Cancelled](), itsm.EventOf[Rebased](), itsm.EventOf[Rebuilt](), itsm.EventOf[DueSet](),
		itsm.EventOf[Assessed](), itsm.EventOf[Drawn](), itsm.EventOf[GivenBack](),
	)
}

// news is something to be told of a timer.
type news struct {
	at     time.Time
	action string
	data   itsm.Payload
	// reason is why it was commanded, where the unit does not know.
	reason string
	// cause is what it came of, where that is not what the unit's other events come of.
	cause itsm.Cause
}

func (c *clock) about(cycle int) About {
	return About{Subject: c.SubjectRef(), Policy: c.Policy, Target: c.Target, Type: c.Type, Customer: c.Customer, Cycle: cycle}
}

// note has what happened be told. That a cycle began is told by the event that began it.
func (c *clock) note(happened []timer.Happening) {
	for i := range happened {
		h := &happened[i]
		n := news{at: h.At}
		about := c.about(h.Cycle)
		switch h.What {
		case timer.DidPause:
			n.action, n.data = "pause", Paused{About: about, For: h.Reason, Was: h.Was}
		case timer.DidResume:
			n.action, n.data = "resume", Resumed{About: about, Due: h.Due}
		case timer.DidChangeGoal, timer.DidReopen:
			n.action, n.data = "change_due", DueChanged{About: about, Was: h.Was, Due: h.Due, Why: h.Why}
		case timer.DidStop, timer.DidReset:
			if h.Outcome == timer.OutcomeBreached {
				n.action, n.data = "miss", Missed{About: about, Due: h.Due, Ended: h.At}
			} else {
				n.action, n.data = "meet", Met{About: about, Due: h.Due, Ended: h.At}
			}
		case timer.DidCancel:
			n.action, n.data = "cancel", Cancelled{About: about, Why: h.Reason}
		case timer.DidFire:
			due, _, err := c.t.Due(c.State)
			if err != nil {
				due = time.Time{} // it is told without
			}
			actions := h.Actions
			if c.Cause.Has(agent(c.Policy, c.Target, h.Threshold)) {
				actions = nil // or they would go on for ever
			}
			n.action, n.cause = "reach_threshold", c.Cause
			n.data = ThresholdReached{About: about, Threshold: h.Threshold, At: h.At, Late: h.Fired.Sub(h.At) > LateAfter, Due: due, Actions: actions}
		default:
			continue
		}
		c.news = append(c.news, n)
	}
}
