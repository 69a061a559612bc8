// This file holds the lifecycle: states, actions, and the table that says which leads where.

package incident

import (
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is a state of an incident's lifecycle. A host's lifecycle may have others.
type State string

// The states of the standard lifecycle.
const (
	StateNew        State = "new"
	StateAssigned   State = "assigned"
	StateInProgress State = "in_progress"
	StateOnHold     State = "on_hold"
	StateResolved   State = "resolved"
	StateClosed     State = "closed"
	StateCancelled  State = "cancelled"
)

// Action is what can be done with an incident. A host's lifecycle may have others, which
// [Practice.Do] fires.
type Action string

// The actions that the standard lifecycle's rules are for.
const (
	ActionAssign           Action = "assign"
	ActionAccept           Action = "accept"
	ActionStart            Action = "start"
	ActionReassign         Action = "reassign"
	ActionHold             Action = "hold"
	ActionChangeHoldReason Action = "change_hold_reason"
	ActionResume           Action = "resume"
	ActionResolve          Action = "resolve"
	ActionReopen           Action = "reopen"
	ActionConfirm          Action = "confirm"
	ActionAutoClose        Action = "auto_close"
	ActionCancel           Action = "cancel"
)

// The actions beside the lifecycle: they move nothing, and are permitted by the category of
// the state. A lifecycle that has a rule of its own for one of them in a state decides there.
const (
	ActionLog              Action = "log"
	ActionReply            Action = "reply"
	ActionNote             Action = "note"
	ActionClassify         Action = "classify"
	ActionOverridePriority Action = "override_priority"
	ActionClearOverride    Action = "clear_override"
	ActionAcknowledge      Action = "acknowledge"
	ActionRestore          Action = "restore"
	ActionSetTimes         Action = "set_times"
	ActionEdit             Action = "edit"
	ActionRestrict         Action = "restrict"
	ActionUnrestrict       Action = "unrestrict"
	ActionLink             Action = "link"
	ActionUnlink           Action = "unlink"
	ActionFollowUp         Action = "follow_up"
	ActionEscalate         Action = "escalate"
	ActionTag              Action = "tag"
	ActionUntag            Action = "untag"
	ActionAttach           Action = "attach"
	ActionDetach           Action = "detach"
	ActionLogWork          Action = "log_work"
	ActionAddCost          Action = "add_cost"
	ActionReverseCost      Action = "reverse_cost"
	ActionAnswerSurvey     Action = "answer_survey"
	// ActionLapseSurvey is the system's.
	ActionLapseSurvey Action = "lapse_survey"
	ActionFanOut      Action = "fan_out"
	ActionWithdraw    Action = "withdraw"
	ActionAlert       Action = "alert"
	ActionClearAlert  Action = "clear_alert"
)

// ActionRemind is that of the event [FollowUpDue]. The system alone takes it.
const ActionRemind Action = "remind"

// Case is what the needs and guards of a lifecycle look at: the incident with the input
// applied, as it was, and the facts that the practice has loaded. They must not change it.
type Case struct {
	// Incident is the record as it would be, still in its old state.
	Incident
	// Was is the record as it is.
	Was Incident
	// Note is the text written with the action, and Public says that its requester may read it.
	Note   string
	Public bool
	// Reason is that of the command.
	Reason string
	// Hold is the definition of the hold reason of Incident; zero where it has none.
	Hold HoldRule
	// ReopenUntil is the end of the window in which it may be reopened, zero for no end.
	ReopenUntil time.Time
	// CloseAt is when it is closed by itself, zero for never.
	CloseAt time.Time
	// ReviewDue says that closing waits for its review as a major incident.
	ReviewDue bool
	// Blockers name what must be finished before it is resolved.
	Blockers []string
	// AlertsElsewhere says that it is not open, and that alerts which went to it go to another
	// incident that is. A host's own rule that opens it again looks at it, so that no two open
	// incidents are about the same alerts.
	AlertsElsewhere bool

	now time.Time // of the command or query
}

// Lifecycle is the table of states and rules of incidents.
type Lifecycle = itsm.Lifecycle[State, Action, *Case]

// Rule is one row of a [Lifecycle], and StateOf one state, for a host's own.
type (
	Rule    = itsm.Rule[State, Action, *Case]
	StateOf = itsm.State[State]
)

// attempt is what guards are given.
type attempt = itsm.Attempt[*Case]

func need(name string, empty func(*Case) bool) itsm.Field[*Case] {
	return itsm.Field[*Case]{Name: name, Empty: empty}
}

// The fields that rules need. A host's own rules may use them.
var (
	// NeedsGroupOrAssignee is a group or a person to work on it.
	NeedsGroupOrAssignee = need("group or assignee", func(c *Case) bool { return c.Group == "" && c.Assignee == "" })
	// NeedsAssignee is a person to work on it.
	NeedsAssignee = need("assignee", func(c *Case) bool { return c.Assignee == "" })
	// NeedsHoldReason is why it waits; NeedsHoldNote and NeedsHoldLink are a public note and
	// a link where the definition of that reason asks for them.
	NeedsHoldReason = need("hold_reason", func(c *Case) bool { return c.HoldReason == "" })
	NeedsHoldNote   = need("note", func(c *Case) bool {
		return c.Hold.NeedsNote && (!c.Public || strings.TrimSpace(c.Note) == "")
	})
	NeedsHoldLink = need("link", func(c *Case) bool { return c.Hold.NeedsLink && c.HoldLink == nil })
	// NeedsCode and NeedsNotes are those of the resolution.
	NeedsCode  = need("code", func(c *Case) bool { return c.Resolution.Code == "" })
	NeedsNotes = need("notes", func(c *Case) bool { return strings.TrimSpace(c.Resolution.Notes) == "" })
	// NeedsReason is the reason of the command.
	NeedsReason = need("reason", func(c *Case) bool { return strings.TrimSpace(c.Reason) == "" })
)

// byPersonNotAnothers leaves accepting to people, and keeps them from taking what another has: that
// is a reassignment.
func byPersonNotAnothers(a attempt) string {
	if a.Actor.System {
		return "only a person accepts; assign it"
	}
	if who := a.Subject.Was.Assignee; who != "" && who != a.Actor.ID {
		return "it is assigned to someone else; reassign it"
	}
	return ""
}

func nothingOpen(a attempt) string {
	if len(a.Subject.Blockers) > 0 {
		return "something must be finished first"
	}
	return ""
}

func withinWindow(a attempt) string {
	if a.Subject.AlertsElsewhere {
		return "its alerts go to a later incident, which is open; work on that one"
	}
	if end := a.Subject.ReopenUntil; !end.IsZero() && a.Now.After(end) {
		return "the time to reopen it ended on " + end.Format(time.DateTime) + " UTC; log a new incident or follow up once it is closed"
	}
	return ""
}

func closingIsDue(a attempt) string {
	if at := a.Subject.CloseAt; at.IsZero() || a.Now.Before(at) {
		return "it is not due to be closed"
	}
	return reviewed(a)
}

func reviewed(a attempt) string {
	if a.Subject.ReviewDue {
		return "its review as a major incident comes first"
	}
	return ""
}

var standard = sync.OnceValue(func() *Lifecycle {
	working := []State{StateNew, StateAssigned, StateInProgress}
	open := append(working[:3:3], StateOnHold)
	holdNeeds := []itsm.Field[*Case]{NeedsHoldReason, NeedsHoldNote, NeedsHoldLink}
	l, err := itsm.NewLifecycle(Kind, []State{StateNew},
		[]StateOf{
			{Name: StateNew, Category: itsm.CategoryNew},
			{Name: StateAssigned, Category: itsm.CategoryActive},
			{Name: StateInProgress, Category: itsm.CategoryActive},
			{Name: StateOnHold, Category: itsm.CategoryWaiting},
			{Name: StateResolved, Category: itsm.CategoryResolved},
			{Name: StateClosed, Category: itsm.CategoryClosed},
			{Name: StateCancelled, Category: itsm.CategoryCancelled},
		},
		Rule{From: []State{StateNew}, On: ActionAssign, To: StateAssigned, Needs: []itsm.Field[*Case]{NeedsGroupOrAssignee}},
		Rule{From: []State{StateNew, StateAssigned}, On: ActionAccept, To: StateAssigned, Guard: byPersonNotAnothers},
		Rule{From: []State{StateNew, StateAssigned}, On: ActionStart, To: StateInProgress, Needs: []itsm.Field[*Case]{NeedsAssignee}},
		Rule{From: working, On: ActionReassign, Stay: true, Needs: []itsm.Field[*Case]{NeedsGroupOrAssignee}},
		Rule{From: working, On: ActionHold, To: StateOnHold, Needs: holdNeeds},
		Rule{From: []State{StateOnHold}, On: ActionChangeHoldReason, Stay: true, Needs: holdNeeds},
		Rule{From: []State{StateOnHold}, On: ActionResume, Return: working},
		Rule{From: open, On: ActionResolve, To: StateResolved, Needs: []itsm.Field[*Case]{NeedsCode, NeedsNotes}, Guard: nothingOpen},
		Rule{From: []State{StateResolved}, On: ActionReopen, To: StateInProgress, Guard: withinWindow},
		Rule{From: []State{StateResolved}, On: ActionConfirm, To: StateClosed, Guard: reviewed},
		Rule{From: []State{StateResolved}, On: ActionAutoClose, To: StateClosed, Guard: closingIsDue, System: true},
		Rule{From: open, On: ActionCancel, To: StateCancelled, Needs: []itsm.Field[*Case]{NeedsReason}},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardLifecycle is the lifecycle that incidents have by default. It is immutable: Extend,
// Replace and Without give another.
func StandardLifecycle() *Lifecycle { return standard() }
