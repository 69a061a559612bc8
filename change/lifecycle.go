// This file holds the lifecycles: states, actions, and a table for each type of change that says which
// leads where.

package change

import (
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is a state of a change's lifecycle. A host's lifecycle may have others.
type State string

// The states of the standard lifecycles.
const (
	StateDraft        State = "draft"
	StateAssessing    State = "assessing"
	StateAuthorising  State = "authorising"
	StateScheduled    State = "scheduled"
	StateImplementing State = "implementing"
	StateReview       State = "review"
	StateClosed       State = "closed"
	StateRejected     State = "rejected"
	StateCancelled    State = "cancelled"
)

// Action is what can be done with a change. A host's lifecycle may have others, which [Practice.Do]
// fires.
type Action string

// The actions that the rules of the standard lifecycles are for.
const (
	ActionSubmit           Action = "submit"
	ActionChangeModel      Action = "change_model"
	ActionRecordAssessment Action = "record_assessment"
	ActionAssess           Action = "assess"
	// ActionAuthorise is the system's: every gate has approved.
	ActionAuthorise Action = "authorise"
	ActionReturn    Action = "return"
	ActionReject    Action = "reject"
	// ActionRedraft takes a change back to draft, and ActionReauthorise opens its gates again: what an edit outside
	// the envelope does.
	ActionRedraft     Action = "redraft"
	ActionReauthorise Action = "reauthorise"
	ActionReschedule  Action = "reschedule"
	ActionStart       Action = "start"
	ActionComplete    Action = "complete"
	ActionClose       Action = "close"
	ActionCancel      Action = "cancel"
)

// The actions beside the lifecycle: they move nothing, and are permitted by the category of
// the state. A lifecycle that has a rule of its own for one of them in a state decides there.
const (
	ActionDraft               Action = "draft"
	ActionRecordRetrospective Action = "record_retrospectively"
	ActionHold                Action = "hold"
	ActionRelease             Action = "release"
	ActionEdit                Action = "edit"
	ActionAssign              Action = "assign"
	ActionOverrideRisk        Action = "override_risk"
	ActionClearRiskOverride   Action = "clear_risk_override"
	ActionNote                Action = "note"
	ActionLink                Action = "link"
	ActionUnlink              Action = "unlink"
	ActionRestrict            Action = "restrict"
	ActionUnrestrict          Action = "unrestrict"
	ActionFlagUnauthorised    Action = "flag_unauthorised"
	ActionAnswerUnauthorised  Action = "answer_unauthorised"
	ActionMinute              Action = "minute"
	// ActionCause is the system's: an incident was found to be caused by the change, or not to be any more.
	ActionCause Action = "cause"
)

// Case is what the needs and guards of a lifecycle look at: the change with the input
// applied, as it was, and the facts that the practice has loaded. They must not change it.
type Case struct {
	// Change is the record as it would be, still in its old state.
	Change
	// Was is the record as it is.
	Was Change
	// Follows is the model that it follows.
	Follows Model
	// Reason is that of the command.
	Reason string
	// TemplateProblem says why its template cannot be used, "" where it can or there is none.
	TemplateProblem string
	// Authorised says that every gate has approved exactly what the change is now.
	Authorised bool
	// Decider says that the actor has decided about it in its gates, without an exemption for who implements it.
	Decider bool
	// Unready and OpenTasks name what its tasks leave to be done before it starts, and before it is complete.
	Unready   []string
	OpenTasks []string

	now time.Time // of the command or query
}

// Lifecycle is the table of states and rules of changes.
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

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// The fields that rules need. A host's own rules may use them.
var (
	// NeedsRollout, NeedsTest and NeedsBackout are the plans, where the model requires them.
	NeedsRollout = need("plans.rollout", func(c *Case) bool { return c.Follows.requires(PlanRollout) && blank(c.Plans.Rollout) })
	NeedsTest    = need("plans.test", func(c *Case) bool { return c.Follows.requires(PlanTest) && blank(c.Plans.Test) })
	NeedsBackout = need("plans.backout", func(c *Case) bool { return c.Follows.requires(PlanBackout) && blank(c.Plans.Backout) })
	// NeedsWindow is the planned window, where the model requires one.
	NeedsWindow = need("planned", func(c *Case) bool { return c.Follows.Window == WindowRequired && c.Planned().IsZero() })
	// NeedsCIs are the configuration items, where the model requires them.
	NeedsCIs = need("cis", func(c *Case) bool { return c.Follows.CIsRequired && len(c.CIs) == 0 })
	// NeedsJustification is why it cannot wait, or what it is made for, where the model requires it.
	NeedsJustification = need("justification", func(c *Case) bool { return c.Follows.Justified && blank(c.Justification) && len(c.For) == 0 })
	// NeedsAssignee is who implements it.
	NeedsAssignee = itsm.Field[*Case]{Name: "assignee", Hint: "assign it first", Empty: func(c *Case) bool { return c.Assignee == "" }}
	// NeedsAssessments are those of the model.
	NeedsAssessments = need("assessments", func(c *Case) bool { return len(c.Change.missingAssessments(&c.Follows)) > 0 })
	// NeedsOutcome is how the implementation went.
	NeedsOutcome = need("outcome", func(c *Case) bool { return c.Outcome == "" })
	// NeedsReview is the text of the review, where the outcome or the model demands it.
	NeedsReview = need("review", func(c *Case) bool {
		return c.Follows.Review.demands(&c.Change) && (c.Review == nil || blank(c.Review.Text))
	})
	// NeedsReason is the reason of the command.
	NeedsReason = need("reason", func(c *Case) bool { return blank(c.Reason) })
)

func templateIsUsable(a attempt) string { return a.Subject.TemplateProblem }

func everyGateApproved(a attempt) string {
	if !a.Subject.Authorised {
		return "not every gate has approved what it is now"
	}
	return ""
}

func maySchedule(a attempt) string {
	if !a.Subject.Authorised {
		return "the window lies outside the one that was authorised; edit it, which has it authorised again"
	}
	return ""
}

func mayStart(a attempt) string {
	c := a.Subject
	switch {
	case !c.Authorised:
		return "what it is now was not authorised"
	case c.Decider:
		return deciderReason
	case c.TemplateProblem != "":
		return c.TemplateProblem
	case c.outsideAuthorised(a.Now) != "" && c.Planned().IsZero():
		return c.outsideAuthorised(a.Now)
	case c.Planned().IsZero():
		if c.Follows.Window == WindowRequired {
			return "it has no planned window"
		}
	case !c.Planned().Contains(a.Now):
		return "it is outside its planned window, which is from " + c.PlannedStart.Format(time.DateTime) + " to " + c.PlannedEnd.Format(time.DateTime) + " UTC"
	}
	if len(c.Unready) > 0 {
		return "its tasks are not ready"
	}
	return ""
}

// deciderReason is why who has voted about a change does not start or complete it.
const deciderReason = "who has decided about it in its gates does not implement it"

func mayComplete(a attempt) string {
	if a.Subject.Decider {
		return deciderReason
	}
	return tasksHaveEnded(a)
}

func tasksHaveEnded(a attempt) string {
	if len(a.Subject.OpenTasks) > 0 {
		return "its tasks have not ended"
	}
	return ""
}

// StandardLifecycle gives the lifecycle that changes of a type have by default, nil for a type that there is not. It
// is immutable: Extend, Replace and Without give another, which a host gives its [Model].
func StandardLifecycle(t Type) *Lifecycle { return standard()[t] }

var standard = sync.OnceValue(func() map[Type]*Lifecycle {
	tables := map[Type]*Lifecycle{}
	for _, t := range Types() {
		l, err := tableOf(t)
		if err != nil {
			panic(err) // the table is wrong
		}
		tables[t] = l
	}
	return tables
})

var needsToSubmit = []itsm.Field[*Case]{NeedsRollout, NeedsTest, NeedsBackout, NeedsWindow, NeedsCIs, NeedsJustification}

func tableOf(t Type) (*Lifecycle, error) {
	reason := []itsm.Field[*Case]{NeedsReason}
	state := map[State]itsm.Category{
		StateDraft: itsm.CategoryNew, StateAssessing: itsm.CategoryActive, StateAuthorising: itsm.CategoryActive,
		StateScheduled: itsm.CategoryActive, StateImplementing: itsm.CategoryActive, StateReview: itsm.CategoryResolved,
		StateClosed: itsm.CategoryClosed, StateRejected: itsm.CategoryCancelled, StateCancelled: itsm.CategoryCancelled,
	}
	submitTo, initial := StateAssessing, StateDraft
	var before []State // implementing, in their order
	switch t {
	case TypeStandard:
		submitTo, before = StateScheduled, []State{StateDraft, StateScheduled}
	case TypeNormal:
		before = []State{StateDraft, StateAssessing, StateAuthorising, StateScheduled}
	case TypeEmergency:
		submitTo, before = StateAuthorising, []State{StateDraft, StateAuthorising, StateScheduled}
	case TypeRetrospective:
		submitTo, initial, before = StateAuthorising, StateAuthorising, []State{StateDraft, StateAuthorising}
	}
	after := []State{StateImplementing, StateReview, StateClosed}
	if t == TypeRetrospective {
		after = after[1:]
	}
	if t != TypeStandard {
		after = append(after, StateRejected)
	}
	var states []StateOf
	for _, s := range append(append(before[:len(before):len(before)], after...), StateCancelled) {
		states = append(states, StateOf{Name: s, Category: state[s]})
	}
	submitted := before[1:]
	rules := []Rule{
		{From: []State{StateDraft}, On: ActionSubmit, To: submitTo, Needs: needsToSubmit, Guard: templateIsUsable},
		{From: []State{StateDraft}, On: ActionChangeModel, Stay: true, Permission: PermissionEdit},
	}
	if t == TypeNormal {
		rules = append(rules,
			Rule{From: []State{StateAssessing}, On: ActionRecordAssessment, Stay: true, Permission: PermissionAssess},
			Rule{From: []State{StateAssessing}, On: ActionAssess, To: StateAuthorising, Needs: []itsm.Field[*Case]{NeedsAssessments}})
	}
	if t != TypeStandard {
		authorised := StateScheduled
		if t == TypeRetrospective {
			authorised = StateReview
		}
		reauthorised := []State{StateAuthorising}
		if t != TypeRetrospective {
			reauthorised = append(reauthorised, StateScheduled)
		}
		rules = append(rules,
			Rule{From: []State{StateAuthorising}, On: ActionAuthorise, To: authorised, Guard: everyGateApproved, System: true},
			Rule{From: []State{StateAuthorising}, On: ActionReturn, To: StateDraft, Needs: reason},
			Rule{From: []State{StateAuthorising}, On: ActionReject, To: StateRejected, Needs: reason},
			Rule{From: reauthorised, On: ActionReauthorise, To: StateAuthorising, Permission: PermissionEdit})
	}
	rules = append(rules, Rule{From: submitted, On: ActionRedraft, To: StateDraft, Permission: PermissionEdit})
	if t != TypeRetrospective {
		rules = append(rules,
			Rule{From: []State{StateScheduled}, On: ActionReschedule, Stay: true, Guard: maySchedule},
			Rule{From: []State{StateScheduled}, On: ActionStart, To: StateImplementing, Needs: []itsm.Field[*Case]{NeedsAssignee}, Guard: mayStart},
			Rule{From: []State{StateImplementing}, On: ActionComplete, To: StateReview, Needs: []itsm.Field[*Case]{NeedsOutcome}, Guard: mayComplete})
	}
	cancel := Rule{From: before, On: ActionCancel, To: StateCancelled, Needs: reason}
	if t == TypeRetrospective {
		cancel.Permission = PermissionRecordRetrospectively // it was recorded by mistake
	}
	rules = append(rules,
		Rule{From: []State{StateReview}, On: ActionClose, To: StateClosed, Needs: []itsm.Field[*Case]{NeedsReview}}, cancel)
	return itsm.NewLifecycle(Kind, []State{initial}, states, rules...)
}
