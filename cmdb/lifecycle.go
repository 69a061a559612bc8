// This file holds the lifecycle: states, actions, and the table that says which leads where.

package cmdb

import (
	"strings"
	"sync"

	"github.com/itsmkit/itsmkit/itsm"
)

// State is a state of a CI's lifecycle.
type State string

// The states.
const (
	// StatePlanned is decided on, and not there yet.
	StatePlanned State = "planned"
	// StateBuild is being bought, built or set up.
	StateBuild State = "build"
	// StateTest is being tried before it is used.
	StateTest State = "test"
	// StateLive is in use. Maintenance is a window and an [Outage] a record; neither is a state.
	StateLive State = "live"
	// StateRetired is in use no more, and in no relation. Its record and its history stay.
	StateRetired State = "retired"
)

// Action is what can be done with a CI.
type Action string

// The actions of the lifecycle.
const (
	ActionBuild     Action = "build"
	ActionTest      Action = "test"
	ActionRework    Action = "rework"
	ActionGoLive    Action = "go_live"
	ActionRetire    Action = "retire"
	ActionReinstate Action = "reinstate"
)

// The actions beside the lifecycle: they move nothing.
const (
	ActionAdd    Action = "add"
	ActionUpdate Action = "update"
)

// Case is what the needs and guards of the lifecycle look at: the CI with the input applied, still in
// its old state, and what the practice has loaded. They must not change it.
type Case struct {
	CI
	// Was is the record as it is.
	Was CI
	// Reason is that of the command.
	Reason string
	// Resting names, by id, CIs that are not retired and rest on this one: a few of them, where there are
	// many. It is loaded for [ActionRetire] alone.
	Resting []itsm.ID
}

// Lifecycle is the table of states and rules of CIs.
type Lifecycle = itsm.Lifecycle[State, Action, *Case]

// Rule is one row of a [Lifecycle].
type Rule = itsm.Rule[State, Action, *Case]

// NeedsReason is the reason of the command.
var NeedsReason = itsm.Field[*Case]{Name: "reason", Empty: func(c *Case) bool { return strings.TrimSpace(c.Reason) == "" }}

func nothingRests(a itsm.Attempt[*Case]) string {
	if len(a.Subject.Resting) > 0 {
		return "others that are not retired rest on it; relate them elsewhere, or end its relations with it"
	}
	return ""
}

var standard = sync.OnceValue(func() *Lifecycle {
	before := []State{StatePlanned, StateBuild, StateTest}
	l, err := itsm.NewLifecycle(Kind, append(before[:3:3], StateLive),
		[]itsm.State[State]{
			{Name: StatePlanned, Category: itsm.CategoryNew},
			{Name: StateBuild, Category: itsm.CategoryActive},
			{Name: StateTest, Category: itsm.CategoryActive},
			{Name: StateLive, Category: itsm.CategoryActive},
			{Name: StateRetired, Category: itsm.CategoryClosed},
		},
		Rule{From: []State{StatePlanned}, On: ActionBuild, To: StateBuild},
		Rule{From: []State{StateBuild}, On: ActionTest, To: StateTest},
		Rule{From: []State{StateTest}, On: ActionRework, To: StateBuild},
		Rule{From: before, On: ActionGoLive, To: StateLive},
		Rule{From: append(before[:3:3], StateLive), On: ActionRetire, To: StateRetired, Guard: nothingRests},
		Rule{From: []State{StateRetired}, On: ActionReinstate, To: StateBuild, Needs: []itsm.Field[*Case]{NeedsReason}},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardLifecycle is the lifecycle of CIs.
func StandardLifecycle() *Lifecycle { return standard() }
