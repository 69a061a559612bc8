// This file holds triggers as data, and how they are read from JSON.

package trigger

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Set is what triggers a tenant has. It is a value; a [Practice] says what is wrong with it.
type Set struct {
	Triggers []Trigger `json:"triggers"`
}

// Trigger does something about events: where it listens to one and its condition holds, its actions
// are taken in their order, all of them or none.
type Trigger struct {
	// Name tells the trigger from all others of the tenant, through all versions: what has fired for
	// an event under a name does not fire for it again. Lower-case letters, digits, underscores and
	// hyphens, a letter first, at most [MaxName].
	Name string `json:"name"`
	// Title is what people read.
	Title string `json:"title,omitempty"`
	// Order says which of those that fire for an event goes first: the least. Among equals the
	// tenant's own come before its provider's, and then it is the order of the set.
	Order int `json:"order,omitempty"`
	// Inactive triggers never fire. One of a tenant's own puts its provider's of the same name out.
	Inactive bool `json:"inactive,omitempty"`
	// During says when it runs; empty is DuringAfter.
	During During `json:"during,omitempty"`
	// On is what it listens to.
	On Listen `json:"on"`
	// When is what must hold besides: see the package's documentation for what it can name. The zero
	// condition always holds.
	When storage.Condition `json:"when"`
	// Actions are what is done, at least one.
	Actions []Step `json:"actions"`
	// Repeat lets it fire again in a chain of events in which it has fired already. The bound of
	// the chain's depth holds all the same.
	Repeat bool `json:"repeat,omitempty"`
}

// During says when a trigger runs.
type During string

// When triggers run.
const (
	// DuringAfter runs it after the commit, on the next Tick: the one who commanded does not wait for
	// it, and is not refused by it. The events of one record are gone through in their order. What
	// fails is tried again, and does not hold up other triggers or later events.
	DuringAfter During = "after"
	// DuringTransaction runs it within the command's own transaction, which fails where an action
	// does.
	DuringTransaction During = "transaction"
)

// Listen says which events a trigger looks at: those that meet all of its parts.
type Listen struct {
	// Kind is the kind of record that the event is about.
	Kind string `json:"kind"`
	// Types are event types; empty is every type.
	Types []string `json:"types,omitempty"`
	// Actions are the actions of lifecycles, or names of commands, as events have them; empty is all.
	Actions []string `json:"actions,omitempty"`
	// Leaving and Entering are the categories that the record's state leaves and enters by the event.
	// Where there are some, events that leave the category as it is are not listened to. Empty asks
	// for nothing.
	Leaving  []itsm.Category `json:"leaving,omitempty"`
	Entering []itsm.Category `json:"entering,omitempty"`
}

// Step is an action to be taken, with its parameters.
type Step struct {
	// Action is the name of one that the practice was given.
	Action string `json:"action"`
	// With is a JSON object, or nothing. Its texts may have substitutions, as in "{{priority}}".
	With json.RawMessage `json:"with,omitempty"`
}

// The bounds of a set.
const (
	// MaxTriggers is how many triggers a set may have.
	MaxTriggers = 1000
	// MaxSteps is how many actions a trigger may have, and MaxNames how many types, and how many
	// actions, it may listen to.
	MaxSteps = 20
	MaxNames = 100
	// MaxName is the greatest length of a trigger's name.
	MaxName = 60
	// MaxWith is how long the parameters of an action may be, in bytes, as they are written and with
	// their substitutions.
	MaxWith = 32 << 10
	// MaxJSON is how long the JSON form may be, in bytes.
	MaxJSON = 4 << 20
)

// Parse reads the JSON form of a set: one object without unknown members, at most [MaxJSON] bytes. It
// does not know what can be named: the commands of a [Practice] do.
func Parse(raw []byte) (Set, error) {
	var s Set
	if err := strictjson.Decode("triggers", raw, MaxJSON, &s); err != nil {
		return Set{}, err
	}
	return s, nil
}

func (t *Trigger) during() During {
	if t.During == "" {
		return DuringAfter
	}
	return t.During
}

// agent is what a trigger is called in a chain of events, and as the actor of what it does.
func (t *Trigger) agent() string { return Kind + ":" + t.Name }

// Merged is what holds for a tenant: triggers in the order in which they run, with their sources.
type Merged struct {
	Triggers []Trigger `json:"triggers"`
	// Sources are those of the triggers, place by place.
	Sources []Source `json:"sources"`
	// Overridden are the provider's triggers that the tenant has replaced by its own of the same
	// name.
	Overridden []string `json:"overridden,omitempty"`
}

// Effective gives what holds for a tenant that has triggers of its own on the base of its provider's.
// One that has the name of one of the base replaces it. Nothing that it is given is changed.
func Effective(base, own Layer) Merged {
	type sourced struct {
		t Trigger
		s Source
	}
	var m Merged
	var all []sourced
	names := make(map[string]bool, len(own.Set.Triggers))
	for _, t := range own.Set.Triggers {
		names[t.Name] = true
		all = append(all, sourced{t, own.Source})
	}
	for _, t := range base.Set.Triggers {
		if names[t.Name] {
			m.Overridden = append(m.Overridden, t.Name)
			continue
		}
		all = append(all, sourced{t, base.Source})
	}
	slices.SortStableFunc(all, func(a, b sourced) int { return cmp.Compare(a.t.Order, b.t.Order) })
	for _, x := range all {
		m.Triggers, m.Sources = append(m.Triggers, x.t), append(m.Sources, x.s)
	}
	return m
}
