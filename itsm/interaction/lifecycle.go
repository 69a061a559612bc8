// This file holds the lifecycle: states, actions, and the table that says which leads where.

package interaction

import (
	"strings"
	"sync"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is a state of an interaction's lifecycle. A host's lifecycle may have others.
type State string

// The states of the standard lifecycle.
const (
	// StateNew came in, and nobody has it yet.
	StateNew State = "new"
	// StateOpen is handled by somebody.
	StateOpen State = "open"
	// StateLinked lives on in another record.
	StateLinked State = "linked"
	// StateAnswered was answered.
	StateAnswered State = "answered"
	// StateClosed is over.
	StateClosed State = "closed"
	// StateDiscarded is none of the desk's matters: spam, a wrong number, a test.
	StateDiscarded State = "discarded"
)

// Action is what can be done with an interaction. A host's lifecycle may have others, which
// [Practice.Do] fires.
type Action string

// The actions that the standard lifecycle's rules are for.
const (
	ActionTake       Action = "take"
	ActionAssign     Action = "assign"
	ActionClassify   Action = "classify"
	ActionBecome     Action = "become"
	ActionAttach     Action = "attach"
	ActionReclassify Action = "reclassify"
	ActionAnswer     Action = "answer"
	ActionReopen     Action = "reopen"
	ActionClose      Action = "close"
	ActionDiscard    Action = "discard"
	ActionRestore    Action = "restore"
	ActionEdit       Action = "edit"
	ActionNote       Action = "note"
	// ActionLog is that of a new interaction, which is in no state before.
	ActionLog Action = "log"
)

// Case is what the needs and guards of a lifecycle look at: the interaction with the input applied and
// as it was. They must not change it.
type Case struct {
	// Interaction is the record as it would be, still in its old state.
	Interaction
	// Was is the record as it is.
	Was Interaction
	// Reason is that of the command.
	Reason string
}

// Lifecycle is the table of states and rules of interactions.
type Lifecycle = itsm.Lifecycle[State, Action, *Case]

// Rule is one row of a [Lifecycle], and StateOf one state, for a host's own.
type (
	Rule    = itsm.Rule[State, Action, *Case]
	StateOf = itsm.State[State]
)

type attempt = itsm.Attempt[*Case]

func need(name string, empty func(*Case) bool) []itsm.Field[*Case] {
	return []itsm.Field[*Case]{{Name: name, Empty: empty}}
}

func byPersonNotAnothers(a attempt) string {
	if a.Actor.System {
		return "only a person takes it; assign it"
	}
	if who := a.Subject.Was.Assignee; who != "" && who != a.Actor.ID {
		return "someone else has it; assign it"
	}
	return ""
}

func notTooOften(a attempt) string {
	if len(a.Subject.Was.Became) >= MaxConversions {
		return "it became too many records already; log a new one"
	}
	return ""
}

var standard = sync.OnceValue(func() *Lifecycle {
	unsettled := []State{StateNew, StateOpen}
	before := append(unsettled[:2:2], StateAnswered)
	living := append(before[:3:3], StateLinked)
	all := append(living[:4:4], StateClosed, StateDiscarded)
	classification := need("classification", func(c *Case) bool { return c.Classification == "" })
	record := need("record", func(c *Case) bool { return c.RecordID == "" })
	reason := need("reason", func(c *Case) bool { return strings.TrimSpace(c.Reason) == "" })
	l, err := itsm.NewLifecycle(Kind, []State{StateNew},
		[]StateOf{
			{Name: StateNew, Category: itsm.CategoryNew},
			{Name: StateOpen, Category: itsm.CategoryActive},
			{Name: StateLinked, Category: itsm.CategoryResolved},
			{Name: StateAnswered, Category: itsm.CategoryResolved},
			{Name: StateClosed, Category: itsm.CategoryClosed},
			{Name: StateDiscarded, Category: itsm.CategoryCancelled},
		},
		Rule{From: unsettled, On: ActionTake, To: StateOpen, Guard: byPersonNotAnothers},
		Rule{From: unsettled, On: ActionAssign, Stay: true, Needs: need("group or assignee", func(c *Case) bool { return c.Group == "" && c.Assignee == "" })},
		Rule{From: unsettled, On: ActionClassify, Stay: true, Needs: classification},
		Rule{From: before, On: ActionBecome, To: StateLinked, Needs: classification, Guard: notTooOften},
		Rule{From: before, On: ActionAttach, To: StateLinked, Needs: record, Guard: notTooOften},
		Rule{From: []State{StateLinked}, On: ActionReclassify, Stay: true, Needs: classification, Guard: notTooOften},
		Rule{From: unsettled, On: ActionAnswer, To: StateAnswered, Needs: need("answer", func(c *Case) bool { return strings.TrimSpace(c.Answer) == "" })},
		Rule{From: []State{StateAnswered}, On: ActionReopen, To: StateOpen},
		Rule{From: living, On: ActionClose, To: StateClosed, Needs: classification},
		Rule{From: unsettled, On: ActionDiscard, To: StateDiscarded, Needs: reason},
		Rule{From: []State{StateDiscarded}, On: ActionRestore, To: StateNew},
		Rule{From: living, On: ActionEdit, Stay: true},
		Rule{From: all, On: ActionNote, Stay: true},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardLifecycle is the lifecycle that interactions have by default. It is immutable: Extend, Replace
// and Without give another.
func StandardLifecycle() *Lifecycle { return standard() }
