// This file holds the lifecycle: states, actions, and the table that says which leads where.

package task

import (
	"fmt"
	"strings"
	"sync"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is a state of a task's lifecycle. A host's lifecycle may have others.
type State string

// The states of the standard lifecycle.
const (
	// StatePending waits for its predecessors, or for its planned start.
	StatePending State = "pending"
	// StateReady can be started.
	StateReady      State = "ready"
	StateInProgress State = "in_progress"
	StateOnHold     State = "on_hold"
	// StateDone, StateFailed, StateSkipped and StateCancelled are the ends, one for each [Outcome].
	StateDone      State = "done"
	StateFailed    State = "failed"
	StateSkipped   State = "skipped"
	StateCancelled State = "cancelled"
)

// Action is what can be done with a task. A host's lifecycle may have others, which [Practice.Do]
// fires.
type Action string

// The actions that the standard lifecycle's rules are for.
const (
	// ActionRelease, ActionBlock and ActionRevive are the plan's: they make a task ready, let it
	// wait again, and take back that it was skipped by itself.
	ActionRelease Action = "release"
	ActionBlock   Action = "block"
	ActionRevive  Action = "revive"

	ActionAssign   Action = "assign"
	ActionAccept   Action = "accept"
	ActionReassign Action = "reassign"
	ActionStart    Action = "start"
	ActionHold     Action = "hold"
	ActionResume   Action = "resume"
	ActionComplete Action = "complete"
	ActionFail     Action = "fail"
	ActionSkip     Action = "skip"
	ActionCancel   Action = "cancel"
	ActionRetry    Action = "retry"
	// ActionPrecede puts another task before this one.
	ActionPrecede      Action = "precede"
	ActionEdit         Action = "edit"
	ActionRecordEffort Action = "record_effort"
	// ActionRemind tells that it is due.
	ActionRemind Action = "remind"

	// ActionAdd makes a task, before it has a state.
	ActionAdd Action = "add"
)

// Case is what the needs and guards of a lifecycle look at: the task with the input applied, as it
// was, and the facts that the practice has loaded. They must not change it.
type Case struct {
	// Task is the record as it would be, still in its old state.
	Task
	// Was is the record as it is.
	Was Task
	// Reason is that of the command.
	Reason string
	// Followers are the tasks that have been started because of the way in which this one ended.
	Followers []itsm.ID
	// ParentEnded says that the parent is closed, cancelled or deleted.
	ParentEnded bool
}

// Lifecycle is the table of states and rules of tasks.
type Lifecycle = itsm.Lifecycle[State, Action, *Case]

// Rule is one row of a [Lifecycle], and StateOf one state, for a host's own.
type (
	Rule    = itsm.Rule[State, Action, *Case]
	StateOf = itsm.State[State]
)

// attempt is what guards are given.
type attempt = itsm.Attempt[*Case]

// The fields that rules need. A host's own rules may use them.
var (
	// NeedsGroupOrAssignee is a group or a person to work on it.
	NeedsGroupOrAssignee = itsm.Field[*Case]{Name: "group or assignee", Empty: func(c *Case) bool { return c.Group == "" && c.Assignee == "" }}
	// NeedsAssignee is a person to work on it.
	NeedsAssignee = itsm.Field[*Case]{Name: "assignee", Hint: "accept it first, or have it assigned", Empty: func(c *Case) bool { return c.Assignee == "" }}
	// NeedsReason is the reason of the command.
	NeedsReason = itsm.Field[*Case]{Name: "reason", Empty: func(c *Case) bool { return strings.TrimSpace(c.Reason) == "" }}
)

// byPersonNotAnothers leaves accepting to people, and keeps them from taking what another has.
func byPersonNotAnothers(a attempt) string {
	if a.Actor.System {
		return "only a person accepts; assign it"
	}
	if who := a.Subject.Was.Assignee; who != "" && who != a.Actor.ID {
		return "it is assigned to someone else; reassign it"
	}
	return ""
}

func nobodyHasIt(a attempt) string {
	if a.Subject.Was.Assignee != "" {
		return "it is assigned to a person; reassign it"
	}
	return ""
}

func nothingCameOfIt(a attempt) string {
	switch n := len(a.Subject.Followers); {
	case a.Subject.ParentEnded:
		return "the record that it is about has ended"
	case n == 1:
		return "a task that follows its failure has started"
	case n > 1:
		return fmt.Sprintf("%d tasks that follow its failure have started", n)
	}
	return ""
}

func skippedByItself(a attempt) string {
	if !a.Subject.Was.AutoSkipped {
		return "it was skipped by a person"
	}
	return ""
}

var standard = sync.OnceValue(func() *Lifecycle {
	unstarted := []State{StatePending, StateReady}
	open := []State{StatePending, StateReady, StateInProgress, StateOnHold}
	all := append(open[:4:4], StateDone, StateFailed, StateSkipped, StateCancelled)
	reason := []itsm.Field[*Case]{NeedsReason}
	l, err := itsm.NewLifecycle(Kind, []State{StatePending},
		[]StateOf{
			{Name: StatePending, Category: itsm.CategoryNew},
			{Name: StateReady, Category: itsm.CategoryNew},
			{Name: StateInProgress, Category: itsm.CategoryActive},
			{Name: StateOnHold, Category: itsm.CategoryWaiting},
			{Name: StateDone, Category: itsm.CategoryClosed},
			{Name: StateFailed, Category: itsm.CategoryClosed},
			{Name: StateSkipped, Category: itsm.CategoryCancelled},
			{Name: StateCancelled, Category: itsm.CategoryCancelled},
		},
		Rule{From: []State{StatePending}, On: ActionRelease, To: StateReady, System: true},
		Rule{From: []State{StateReady}, On: ActionBlock, To: StatePending, System: true},
		Rule{From: []State{StateSkipped}, On: ActionRevive, To: StatePending, Guard: skippedByItself, System: true},
		Rule{From: unstarted, On: ActionAssign, Stay: true, Needs: []itsm.Field[*Case]{NeedsGroupOrAssignee}, Guard: nobodyHasIt},
		Rule{From: unstarted, On: ActionAccept, Stay: true, Guard: byPersonNotAnothers},
		Rule{From: open, On: ActionReassign, Stay: true, Needs: []itsm.Field[*Case]{NeedsGroupOrAssignee}},
		Rule{From: []State{StateReady}, On: ActionStart, To: StateInProgress, Needs: []itsm.Field[*Case]{NeedsAssignee}},
		Rule{From: []State{StateReady, StateInProgress}, On: ActionHold, To: StateOnHold, Needs: reason},
		Rule{From: []State{StateOnHold}, On: ActionResume, Return: []State{StateReady, StateInProgress}},
		Rule{From: []State{StateReady, StateInProgress}, On: ActionComplete, To: StateDone},
		Rule{From: []State{StateReady, StateInProgress, StateOnHold}, On: ActionFail, To: StateFailed, Needs: reason},
		Rule{From: []State{StatePending, StateReady, StateOnHold}, On: ActionSkip, To: StateSkipped, Needs: reason, Permission: PermissionManage},
		Rule{From: open, On: ActionCancel, To: StateCancelled, Needs: reason, Permission: PermissionManage},
		Rule{From: []State{StateFailed}, On: ActionRetry, To: StateReady, Needs: reason, Guard: nothingCameOfIt, Permission: PermissionManage},
		Rule{From: unstarted, On: ActionPrecede, Stay: true, Permission: PermissionManage},
		Rule{From: open, On: ActionEdit, Stay: true},
		Rule{From: all, On: ActionRecordEffort, Stay: true, Permission: PermissionEdit},
		Rule{From: open, On: ActionRemind, Stay: true, System: true},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardLifecycle is the lifecycle that tasks have by default. It is immutable: Extend, Replace and
// Without give another.
func StandardLifecycle() *Lifecycle { return standard() }

// needed are the rules without which a plan could not be kept: something would wait for ever.
var needed = []struct {
	from State
	on   Action
}{
	{StatePending, ActionRelease}, {StateReady, ActionBlock}, {StateSkipped, ActionRevive},
	{StatePending, ActionSkip}, {StateReady, ActionSkip},
}
