// This file holds what brought a command about, so that effects that set each other off come to an end.

package itsm

import "slices"

// Cause says what brought a command about, where it was not its actor alone: an event to which
// something automatic answered. The zero value says that nothing else did.
//
// An effect gives its actor a cause, made by [Event.Then] of the event that it answers. Every event
// of the command has it, and so have those of the reactions to them: it tells an effect what has
// acted before it in the same chain. It ends at a job, which starts a chain of its own unless its
// handler gives its actor a cause again.
type Cause struct {
	// Event is the event that was answered last.
	Event ID `json:"event,omitempty"`
	// Chain names what has answered, from the first to the last: "trigger:greet".
	Chain []string `json:"chain,omitempty"`
}

// Depth is how many answers led here; 0 where nothing but the actor did.
func (c Cause) Depth() int { return len(c.Chain) }

// Has says whether the named has acted in the chain.
func (c Cause) Has(name string) bool { return slices.Contains(c.Chain, name) }

// IsZero says that nothing but the actor brought the command about.
func (c Cause) IsZero() bool { return c.Event == "" && len(c.Chain) == 0 }

// Then gives the cause of what the named does about the event.
func (e Event) Then(name string) Cause {
	return Cause{Event: e.ID, Chain: append(slices.Clone(e.Cause.Chain), name)}
}
