// This file holds the events of interactions: what stands in the log, and what others react to. Every
// event has its action, and the states before and after with their categories.

package interaction

import (
	"github.com/itsmkit/itsmkit/itsm"
)

// Logged: there was a contact.
type Logged struct {
	Number    string    `json:"number"`
	Channel   Channel   `json:"channel"`
	Direction Direction `json:"direction"`
}

// Taken: a person handles it.
type Taken struct {
	Assignee itsm.ID `json:"assignee"`
}

// Assigned: it was given to a group or a person.
type Assigned struct {
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// Classified: somebody said what it is.
type Classified struct {
	// From is what it was taken for before.
	From           Classification `json:"from,omitempty"`
	Classification Classification `json:"classification"`
}

// Became: a record was made of it.
type Became struct {
	Classification Classification `json:"classification"`
	Record         itsm.Ref       `json:"record"`
}

// Attached: it is about a record that was there.
type Attached struct {
	Classification Classification `json:"classification"`
	Record         itsm.Ref       `json:"record"`
}

// Reclassified: it is something else than it was taken for, and another record stands for it.
type Reclassified struct {
	From           Classification `json:"from"`
	FromRecord     itsm.Ref       `json:"from_record"`
	Classification Classification `json:"classification"`
	Record         itsm.Ref       `json:"record"`
	// Count is the number of reclassifications, this one included.
	Count int `json:"count"`
}

// Answered: the contact was answered.
type Answered struct{}

// Reopened: the answer was not enough.
type Reopened struct {
	// Count is the number of times it was reopened, this one included.
	Count int `json:"count"`
}

// Closed: it is over.
type Closed struct{}

// Discarded: it is none of the desk's matters. The event's reason says why.
type Discarded struct{}

// Restored: it was discarded wrongly.
type Restored struct{}

// Edited: fields were changed; the changes say which.
type Edited struct{}

// Noted: a note was written.
type Noted struct {
	Note       itsm.ID         `json:"note"`
	Visibility itsm.Visibility `json:"visibility"`
}

// Acted: an action of the host's own lifecycle was taken; the event's action names it.
type Acted struct{}

// EventType gives the type's name in the log.
func (Logged) EventType() string       { return "interaction.logged.v1" }
func (Taken) EventType() string        { return "interaction.taken.v1" }
func (Assigned) EventType() string     { return "interaction.assigned.v1" }
func (Classified) EventType() string   { return "interaction.classified.v1" }
func (Became) EventType() string       { return "interaction.became.v1" }
func (Attached) EventType() string     { return "interaction.attached.v1" }
func (Reclassified) EventType() string { return "interaction.reclassified.v1" }
func (Answered) EventType() string     { return "interaction.answered.v1" }
func (Reopened) EventType() string     { return "interaction.reopened.v1" }
func (Closed) EventType() string       { return "interaction.closed.v1" }
func (Discarded) EventType() string    { return "interaction.discarded.v1" }
func (Restored) EventType() string     { return "interaction.restored.v1" }
func (Edited) EventType() string       { return "interaction.edited.v1" }
func (Noted) EventType() string        { return "interaction.noted.v1" }
func (Acted) EventType() string        { return "interaction.acted.v1" }

// EventTypes gives the types of all events, for documentation and for readers of the log.
func EventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Logged](), itsm.EventOf[Taken](), itsm.EventOf[Assigned](), itsm.EventOf[Classified](), itsm.EventOf[Became](),
		itsm.EventOf[Attached](), itsm.EventOf[Reclassified](), itsm.EventOf[Answered](), itsm.EventOf[Reopened](),
		itsm.EventOf[Closed](), itsm.EventOf[Discarded](), itsm.EventOf[Restored](), itsm.EventOf[Edited](), itsm.EventOf[Noted](),
		itsm.EventOf[Acted](),
	}
}

// isInternal says whether an event is for those alone who may read what is internal: what names records,
// and what the desk does among itself.
func isInternal(p itsm.Payload) bool {
	switch p := p.(type) {
	case Became, Attached, Reclassified, Discarded, Restored:
		return true
	case Noted:
		return p.Visibility != itsm.VisibilityPublic
	}
	return false
}
