// This file holds the events of major incidents. They are for those who may read what is internal;
// [MajorChanged] alone is the incident's own.

package incident

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// MajorChanged: the handling of the incident as a major one is in another state.
type MajorChanged struct {
	From MajorState `json:"from"`
	To   MajorState `json:"to"`
}

// MajorProposed: someone thinks that it is a major incident.
type MajorProposed struct{}

// MajorIncidentDeclared: it is handled as a major incident.
type MajorIncidentDeclared struct {
	Manager itsm.ID `json:"manager"`
	// Due is when the first update is due.
	Due time.Time `json:"due,omitzero"`
}

// MajorIncidentDemoted: it is no major incident, or not any more.
type MajorIncidentDemoted struct{}

// CommunicationPlanned: who is told of it, and how often, was set.
type CommunicationPlanned struct {
	Plan CommunicationPlan `json:"plan"`
	Due  time.Time         `json:"due,omitzero"`
}

// UpdatePosted: an update was written, for these audiences.
type UpdatePosted struct {
	Note      itsm.ID  `json:"note"`
	Audiences []string `json:"audiences,omitempty"`
	// Due is when the next one is.
	Due time.Time `json:"due,omitzero"`
}

// UpdateDue: an update was due and has not been posted.
type UpdateDue struct {
	Due time.Time `json:"due"`
	// Missed is how often it was told, this time included.
	Missed int `json:"missed"`
}

// MajorIncidentRestored: the service works again.
type MajorIncidentRestored struct {
	Restored time.Time `json:"restored"`
}

// ReviewRequested: it is to be reviewed.
type ReviewRequested struct {
	Reviewer itsm.ID   `json:"reviewer,omitempty"`
	Due      time.Time `json:"due,omitzero"`
}

// ReviewDue: the review was due and has not been made.
type ReviewDue struct {
	Due time.Time `json:"due"`
}

// MajorIncidentReviewed: what was learned from it was recorded.
type MajorIncidentReviewed struct {
	// Actions is the number of actions that came of it.
	Actions int `json:"actions,omitempty"`
}

// EventType gives the type's name in the log.
func (MajorChanged) EventType() string          { return "incident.major_changed.v1" }
func (MajorProposed) EventType() string         { return "major_incident.proposed.v1" }
func (MajorIncidentDeclared) EventType() string { return "major_incident.declared.v1" }
func (MajorIncidentDemoted) EventType() string  { return "major_incident.demoted.v1" }
func (CommunicationPlanned) EventType() string  { return "major_incident.planned.v1" }
func (UpdatePosted) EventType() string          { return "major_incident.update_posted.v1" }
func (UpdateDue) EventType() string             { return "major_incident.update_due.v1" }
func (MajorIncidentRestored) EventType() string { return "major_incident.restored.v1" }
func (ReviewRequested) EventType() string       { return "major_incident.review_requested.v1" }
func (ReviewDue) EventType() string             { return "major_incident.review_due.v1" }
func (MajorIncidentReviewed) EventType() string { return "major_incident.reviewed.v1" }

// majorEvents are those that the practice registers.
func majorEvents() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[MajorChanged](), itsm.EventOf[MajorProposed](), itsm.EventOf[MajorIncidentDeclared](),
		itsm.EventOf[MajorIncidentDemoted](), itsm.EventOf[CommunicationPlanned](), itsm.EventOf[UpdatePosted](),
		itsm.EventOf[UpdateDue](), itsm.EventOf[MajorIncidentRestored](), itsm.EventOf[ReviewRequested](),
		itsm.EventOf[ReviewDue](), itsm.EventOf[MajorIncidentReviewed](),
	}
}
