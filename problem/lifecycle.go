// This file holds the lifecycle: states, actions, and the table that says which leads where.

package problem

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is a state of a problem's lifecycle. A host's lifecycle may have others.
type State string

// The states of the standard lifecycle.
const (
	StateNew      State = "new"
	StateAssessed State = "assessed"
	StateAnalysis State = "analysis"
	// StateKnownError: its causes are known, and it is not fixed.
	StateKnownError    State = "known_error"
	StateFixInProgress State = "fix_in_progress"
	StateOnHold        State = "on_hold"
	// StateResolved: its fix was verified; it is observed whether it recurs.
	StateResolved  State = "resolved"
	StateClosed    State = "closed"
	StateCancelled State = "cancelled"
)

// Action is what can be done with a problem. A host's lifecycle may have others, which [Practice.Do]
// fires.
type Action string

// The actions that the standard lifecycle's rules are for.
const (
	ActionAccept           Action = "accept"
	ActionAnalyse          Action = "analyse"
	ActionIdentifyCause    Action = "identify_cause"
	ActionRecordWorkaround Action = "record_workaround"
	ActionPlanFix          Action = "plan_fix"
	ActionFixVerified      Action = "fix_verified"
	ActionFixFailed        Action = "fix_failed"
	ActionAcceptRisk       Action = "accept_risk"
	ActionMarkDuplicate    Action = "mark_duplicate"
	ActionHold             Action = "hold"
	ActionResume           Action = "resume"
	ActionCancel           Action = "cancel"
	ActionClose            Action = "close"
	// ActionAutoClose is the system's.
	ActionAutoClose Action = "auto_close"
	ActionReanalyse Action = "reanalyse"
)

// The actions beside the lifecycle: they move nothing, and are permitted by the category of the state. A
// lifecycle that has a rule of its own for one of them in a state decides there.
const (
	ActionRegister       Action = "register"
	ActionRecordAnalysis Action = "record_analysis"
	ActionClassify       Action = "classify"
	ActionAssign         Action = "assign"
	ActionEdit           Action = "edit"
	ActionNote           Action = "note"
	ActionRestrict       Action = "restrict"
	ActionUnrestrict     Action = "unrestrict"
	ActionLink           Action = "link"
	ActionUnlink         Action = "unlink"
	ActionRenewRisk      Action = "renew_risk"
	ActionRecordOutcome  Action = "record_outcome"
	ActionRecur          Action = "recur"
)

// The actions of events that the system alone emits.
const (
	// ActionReview is that of [RiskReviewDue].
	ActionReview Action = "review"
	// ActionMoveLinks is that of [LinksMoved].
	ActionMoveLinks Action = "move_links"
)

// Case is what the needs and guards of a lifecycle look at: the problem with the input applied, as it
// was, and the facts that the practice has loaded. They must not change it.
type Case struct {
	// Problem is the record as it would be, still in its old state.
	Problem
	// Was is the record as it is.
	Was Problem
	// Reason is that of the command.
	Reason string
	// Written is the workaround that the command records.
	Written string
	// CloseAt is when the observation ends, zero for at once.
	CloseAt time.Time
	// Closes says that it is closed by itself at that time.
	Closes bool
	// Blockers name what must be finished before it is resolved: what [Options].Blockers gives.
	Blockers []string
	// Unfinished name the changes of the fix that have not ended successfully.
	Unfinished []string

	note   string
	public bool
}

// Lifecycle is the table of states and rules of problems.
type Lifecycle = itsm.Lifecycle[State, Action, *Case]

// Rule is one row of a [Lifecycle], and StateOf one state, for a host's own.
type (
	Rule    = itsm.Rule[State, Action, *Case]
	StateOf = itsm.State[State]
)

type attempt = itsm.Attempt[*Case]

func need(name string, empty func(*Case) bool) itsm.Field[*Case] {
	return itsm.Field[*Case]{Name: name, Empty: empty}
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// The fields that rules need. A host's own rules may use them.
var (
	// NeedsOwner is the person who answers for it.
	NeedsOwner = need("assignee", func(c *Case) bool { return c.Assignee == "" })
	// NeedsImpact and NeedsUrgency are what the priority follows from.
	NeedsImpact  = need("impact", func(c *Case) bool { return c.Impact == 0 })
	NeedsUrgency = need("urgency", func(c *Case) bool { return c.Urgency == 0 })
	// NeedsCauses is a cause that did more than to contribute.
	NeedsCauses = need("causes", func(c *Case) bool {
		return !slices.ContainsFunc(c.Causes, func(c Cause) bool { return !c.Contributing })
	})
	// NeedsWorkaround is the text of one, written with the action.
	NeedsWorkaround = need("text", func(c *Case) bool { return blank(c.Written) })
	// NeedsFix is a change, or another stated action.
	NeedsFix = need("changes or action", func(c *Case) bool { return c.Fix == nil || len(c.Fix.Changes) == 0 && blank(c.Fix.Action) })
	// NeedsApprover and NeedsReview are who accepts a risk, and when it is looked at again.
	NeedsApprover = need("approver", func(c *Case) bool { return c.Risk == nil || c.Risk.Approver == "" })
	NeedsReview   = need("review_at", func(c *Case) bool { return c.ReviewAt.IsZero() })
	// NeedsOriginal is the problem of which it is a duplicate.
	NeedsOriginal = need("of", func(c *Case) bool { return c.DuplicateOf == "" })
	// NeedsHoldReason is why it waits.
	NeedsHoldReason = need("hold_reason", func(c *Case) bool { return c.HoldReason == "" })
	// NeedsReason is the reason of the command.
	NeedsReason = need("reason", func(c *Case) bool { return blank(c.Reason) })
)

func fixed(a attempt) string {
	switch {
	case len(a.Subject.Unfinished) > 0:
		return "not every change of the fix has ended successfully"
	case len(a.Subject.Blockers) > 0:
		return "something must be finished first"
	}
	return ""
}

func observed(a attempt) string {
	if at := a.Subject.CloseAt; a.Now.Before(at) {
		return "it is observed until " + at.Format(time.DateTime) + " UTC whether it recurs"
	}
	return ""
}

func closingIsDue(a attempt) string {
	if !a.Subject.Closes {
		return "it is closed by people alone"
	}
	return observed(a)
}

var standard = sync.OnceValue(func() *Lifecycle {
	working := []State{StateNew, StateAssessed, StateAnalysis, StateKnownError, StateFixInProgress}
	open := append(working[:5:5], StateOnHold)
	l, err := itsm.NewLifecycle(Kind, []State{StateNew},
		[]StateOf{
			{Name: StateNew, Category: itsm.CategoryNew},
			{Name: StateAssessed, Category: itsm.CategoryActive},
			{Name: StateAnalysis, Category: itsm.CategoryActive},
			{Name: StateKnownError, Category: itsm.CategoryActive},
			{Name: StateFixInProgress, Category: itsm.CategoryActive},
			{Name: StateOnHold, Category: itsm.CategoryWaiting},
			{Name: StateResolved, Category: itsm.CategoryResolved},
			{Name: StateClosed, Category: itsm.CategoryClosed},
			{Name: StateCancelled, Category: itsm.CategoryCancelled},
		},
		Rule{From: []State{StateNew}, On: ActionAccept, To: StateAssessed, Needs: []itsm.Field[*Case]{NeedsOwner, NeedsImpact, NeedsUrgency}},
		Rule{From: []State{StateAssessed}, On: ActionAnalyse, To: StateAnalysis},
		Rule{From: []State{StateAnalysis}, On: ActionIdentifyCause, To: StateKnownError, Needs: []itsm.Field[*Case]{NeedsCauses}},
		Rule{From: open, On: ActionRecordWorkaround, Stay: true, Needs: []itsm.Field[*Case]{NeedsWorkaround}},
		Rule{From: []State{StateKnownError}, On: ActionPlanFix, To: StateFixInProgress, Needs: []itsm.Field[*Case]{NeedsFix}},
		Rule{From: []State{StateFixInProgress}, On: ActionFixVerified, To: StateResolved, Guard: fixed},
		Rule{From: []State{StateFixInProgress}, On: ActionFixFailed, To: StateKnownError, Needs: []itsm.Field[*Case]{NeedsReason}},
		Rule{From: []State{StateAnalysis, StateKnownError, StateFixInProgress}, On: ActionAcceptRisk, To: StateClosed,
			Needs: []itsm.Field[*Case]{NeedsApprover, NeedsReview, NeedsReason}},
		Rule{From: []State{StateNew, StateAssessed}, On: ActionMarkDuplicate, To: StateClosed, Needs: []itsm.Field[*Case]{NeedsOriginal}},
		Rule{From: working, On: ActionHold, To: StateOnHold, Needs: []itsm.Field[*Case]{NeedsHoldReason}},
		Rule{From: []State{StateOnHold}, On: ActionResume, Return: working},
		Rule{From: open, On: ActionCancel, To: StateCancelled, Needs: []itsm.Field[*Case]{NeedsReason}},
		Rule{From: []State{StateResolved}, On: ActionClose, To: StateClosed, Guard: observed},
		Rule{From: []State{StateResolved}, On: ActionAutoClose, To: StateClosed, Guard: closingIsDue, System: true},
		Rule{From: []State{StateResolved, StateClosed}, On: ActionReanalyse, To: StateAnalysis, Needs: []itsm.Field[*Case]{NeedsReason}},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardLifecycle is the lifecycle that problems have by default. It is immutable: Extend, Replace and
// Without give another.
func StandardLifecycle() *Lifecycle { return standard() }
