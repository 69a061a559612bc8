// This file holds the table of a gate's states and actions.

package approval

import (
	"sync"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is where a gate stands; a [Process] is open, approved, rejected, returned, withdrawn or lapsed.
type State string

// The states.
const (
	// StatePending is a gate whose stage has not come.
	StatePending State = "pending"
	// StateOpen waits for votes, StateSuspended for the record, which is on hold.
	StateOpen      State = "open"
	StateSuspended State = "suspended"
	// StateApproved, StateRejected and StateReturned are decided.
	StateApproved State = "approved"
	StateRejected State = "rejected"
	StateReturned State = "returned"
	// StateNotRequired is a gate that need not be asked any more, as another was not passed.
	StateNotRequired State = "not_required"
	// StateWithdrawn: the record is not to be approved any more. StateLapsed: it was changed, and another
	// round takes the place of this one.
	StateWithdrawn State = "withdrawn"
	StateLapsed    State = "lapsed"
)

// Action is what happens to a gate.
type Action string

// The actions. The first five are the voters' and are named as their [Choice].
const (
	ActionApprove Action = "approve"
	ActionReject  Action = "reject"
	ActionReturn  Action = "return"
	ActionAbstain Action = "abstain"
	ActionAsk     Action = "ask"
	// ActionOpen: its stage has come.
	ActionOpen Action = "open"
	// ActionPass, ActionFail and ActionSendBack are the outcomes of the votes, or of expiry.
	ActionPass     Action = "pass"
	ActionFail     Action = "fail"
	ActionSendBack Action = "send_back"
	// ActionRemind and ActionExpire: time has come. ActionEscalate asks others.
	ActionRemind   Action = "remind"
	ActionExpire   Action = "expire"
	ActionEscalate Action = "escalate"
	// ActionSuspend and ActionRelease follow a record that is held and released.
	ActionSuspend Action = "suspend"
	ActionRelease Action = "release"
	// ActionDrop: another gate was not passed.
	ActionDrop Action = "drop"
	// ActionWithdraw and ActionLapse end the round.
	ActionWithdraw Action = "withdraw"
	ActionLapse    Action = "lapse"
)

// GateLifecycle is the table of states and actions of gates. It is not the host's to change: that a gate
// which is decided has no action at all is what makes its votes last.
type GateLifecycle = itsm.Lifecycle[State, Action, *Gate]

var lifecycle = sync.OnceValue(func() *GateLifecycle {
	type rule = itsm.Rule[State, Action, *Gate]
	open, undecided := []State{StateOpen}, []State{StatePending, StateOpen, StateSuspended}
	l, err := itsm.NewLifecycle("gate", []State{StatePending},
		[]itsm.State[State]{
			{Name: StatePending, Category: itsm.CategoryNew},
			{Name: StateOpen, Category: itsm.CategoryActive},
			{Name: StateSuspended, Category: itsm.CategoryWaiting},
			{Name: StateApproved, Category: itsm.CategoryClosed},
			{Name: StateRejected, Category: itsm.CategoryClosed},
			{Name: StateReturned, Category: itsm.CategoryClosed},
			{Name: StateNotRequired, Category: itsm.CategoryCancelled},
			{Name: StateWithdrawn, Category: itsm.CategoryCancelled},
			{Name: StateLapsed, Category: itsm.CategoryCancelled},
		},
		rule{From: []State{StatePending}, On: ActionOpen, To: StateOpen, System: true},
		rule{From: open, On: ActionApprove, Stay: true},
		rule{From: open, On: ActionReject, Stay: true},
		rule{From: open, On: ActionReturn, Stay: true},
		rule{From: open, On: ActionAbstain, Stay: true},
		rule{From: open, On: ActionAsk, Stay: true},
		rule{From: open, On: ActionRemind, Stay: true, System: true},
		rule{From: open, On: ActionExpire, Stay: true, System: true},
		rule{From: open, On: ActionEscalate, Stay: true, System: true},
		rule{From: open, On: ActionPass, To: StateApproved, System: true},
		rule{From: open, On: ActionFail, To: StateRejected, System: true},
		rule{From: open, On: ActionSendBack, To: StateReturned, System: true},
		rule{From: open, On: ActionSuspend, To: StateSuspended, System: true},
		rule{From: []State{StateSuspended}, On: ActionRelease, To: StateOpen, System: true},
		rule{From: []State{StatePending, StateOpen}, On: ActionDrop, To: StateNotRequired, System: true},
		rule{From: undecided, On: ActionWithdraw, To: StateWithdrawn, System: true},
		rule{From: undecided, On: ActionLapse, To: StateLapsed, System: true},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// Lifecycle is the table of states and actions that every gate follows.
func Lifecycle() *GateLifecycle { return lifecycle() }

// undecided says whether a gate may still come to an outcome.
func (s State) undecided() bool {
	return s == StatePending || s == StateOpen || s == StateSuspended
}
