// This file holds the events of changes: what stands in the log, and what others react to.
// Every event has its action, and the states before and after with their categories.

package change

import (
	"encoding/json"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
)

// Drafted: a change was drafted.
type Drafted struct {
	Number string    `json:"number"`
	Model  ModelName `json:"model"`
	// Template is the version of the template that it was drafted from.
	Template TemplateVersion `json:"template,omitzero"`
}

// RecordedRetrospectively: a change was recorded that had been made already.
type RecordedRetrospectively struct {
	Number       string  `json:"number"`
	Unauthorised bool    `json:"unauthorised,omitempty"`
	Outcome      Outcome `json:"outcome"`
}

// Submitted: it was handed in, and its risk computed.
type Submitted struct {
	Risk  risk.Level `json:"risk"`
	Score int        `json:"score"`
}

// ModelChanged: the draft follows another model.
type ModelChanged struct {
	From  ModelName `json:"from"`
	Model ModelName `json:"model"`
}

// AssessmentRecorded: one of the assessments was made, and others are to be made.
type AssessmentRecorded struct {
	Name string `json:"name,omitempty"`
}

// Assessed: the last assessment was made, and its gates are asked.
type Assessed struct {
	Name string `json:"name,omitempty"`
}

// Authorised: every gate has approved it.
type Authorised struct {
	// Hash is of what was authorised.
	Hash  string `json:"hash"`
	Basis Basis  `json:"basis"`
	Round int    `json:"round"`
}

// Returned: it is a draft again. The event's reason says why.
type Returned struct {
	// ByGates says that a gate returned it, and not whoever answers for the flow.
	ByGates bool `json:"by_gates,omitempty"`
}

// Rejected: it is not to be made. The event's reason says why.
type Rejected struct {
	// ByGates says that a gate rejected it.
	ByGates bool `json:"by_gates,omitempty"`
}

// Redrafted: it is a draft again, to be changed, or because it was.
type Redrafted struct {
	// Because names the fields by which it left its envelope; none where it was asked for.
	Because []string `json:"because,omitempty"`
}

// GatesReopened: it left its envelope, and its gates are asked anew.
type GatesReopened struct {
	Round   int      `json:"round"`
	Because []string `json:"because"`
}

// Rescheduled: its planned window was moved inside the authorised one.
type Rescheduled struct {
	From Window `json:"from"`
	To   Window `json:"to"`
}

// Started: its implementation began.
type Started struct {
	// Hash is of what was authorised, and is implemented.
	Hash             string `json:"hash"`
	FreezeOverridden bool   `json:"freeze_overridden,omitempty"`
}

// Completed: its implementation ended.
type Completed struct {
	Outcome Outcome `json:"outcome"`
	// Applied says that its proposed changes to configuration items were made.
	Applied bool `json:"applied,omitempty"`
}

// Closed: it was reviewed and is at its end.
type Closed struct {
	Outcome Outcome `json:"outcome"`
	Success bool    `json:"success"`
}

// Cancelled: it is not to be made any more. The event's reason says why.
type Cancelled struct{}

// Held: it waits. The event's reason says why.
type Held struct{}

// Released: it no longer waits.
type Released struct{}

// Edited: fields were changed; the changes say which.
type Edited struct{}

// ItemsChanged: it is about other configuration items.
type ItemsChanged struct {
	Added   []itsm.ID `json:"added,omitempty"`
	Removed []itsm.ID `json:"removed,omitempty"`
}

// Assigned: it was given to a group or a person to implement.
type Assigned struct {
	FromGroup    itsm.ID `json:"from_group,omitempty"`
	FromAssignee itsm.ID `json:"from_assignee,omitempty"`
	Group        itsm.ID `json:"group,omitempty"`
	Assignee     itsm.ID `json:"assignee,omitempty"`
}

// RiskOverridden: a person set the level of risk against the model.
type RiskOverridden struct {
	From  risk.Level `json:"from"`
	Level risk.Level `json:"level"`
}

// RiskOverrideCleared: the level of risk follows from the model again.
type RiskOverrideCleared struct {
	From  risk.Level `json:"from"`
	Level risk.Level `json:"level"`
	// Edited says that an edit made the change another than the one whose level was set.
	Edited bool `json:"edited,omitempty"`
}

// Noted: a note was written.
type Noted struct {
	Note       itsm.ID         `json:"note"`
	Visibility itsm.Visibility `json:"visibility"`
}

// Linked: it was linked to another record.
type Linked struct {
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// Unlinked: a link was taken away.
type Unlinked struct {
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// Restricted: it is for those alone who have to do with it.
type Restricted struct{}

// Unrestricted: it is no longer restricted.
type Unrestricted struct{}

// FlaggedUnauthorised: it was made without having been authorised. The event's reason says how that came about.
type FlaggedUnauthorised struct{}

// UnauthorisedAnswered: what was found out about an unauthorised change, and done, was written down.
type UnauthorisedAnswered struct{}

// IncidentCaused: an incident was found to be caused by it, or more is known of one.
type IncidentCaused struct {
	Incident itsm.ID       `json:"incident"`
	Priority itsm.Priority `json:"priority"`
	// First says that the incident did not count before.
	First bool `json:"first"`
}

// IncidentNotCaused: an incident was not caused by it after all.
type IncidentNotCaused struct {
	Incident itsm.ID `json:"incident"`
}

// Minuted: what a change advisory board said about it was written down.
type Minuted struct {
	Decision Decision `json:"decision,omitempty"`
}

// Acted: an action of the host's own lifecycle was taken; the event's action names it.
type Acted struct {
	Note itsm.ID `json:"note,omitempty"`
	// Data is what the host gave.
	Data json.RawMessage `json:"data,omitempty"`
}

// TemplateSuspended is about a [TemplateState]: the template may not be used. The event's reason says why.
type TemplateSuspended struct {
	Template string `json:"template"`
	// Because is the change with which its threshold was reached.
	Because itsm.ID `json:"because,omitempty"`
}

// TemplateReinstated is about a [TemplateState]: the template may be used again.
type TemplateReinstated struct {
	Template string `json:"template"`
}

// The events of the versions of templates, whose family is the template's name.
type (
	// TemplateDrafted: a version was made.
	TemplateDrafted = versioned.Drafted[Template]
	// TemplateRevised: a draft was changed.
	TemplateRevised = versioned.Revised[Template]
	// TemplateActivated: changes are drafted from the version from now on.
	TemplateActivated = versioned.Activated[Template]
	// TemplateRetired: no change is drafted from the version any more.
	TemplateRetired = versioned.Retired[Template]
)

// EventType gives the type's name in the log.
func (Drafted) EventType() string                 { return "change.drafted.v1" }
func (RecordedRetrospectively) EventType() string { return "change.recorded_retrospectively.v1" }
func (Submitted) EventType() string               { return "change.submitted.v1" }
func (ModelChanged) EventType() string            { return "change.model_changed.v1" }
func (AssessmentRecorded) EventType() string      { return "change.assessment_recorded.v1" }
func (Assessed) EventType() string                { return "change.assessed.v1" }
func (Authorised) EventType() string              { return "change.authorised.v1" }
func (Returned) EventType() string                { return "change.returned.v1" }
func (Rejected) EventType() string                { return "change.rejected.v1" }
func (Redrafted) EventType() string               { return "change.redrafted.v1" }
func (GatesReopened) EventType() string           { return "change.gates_reopened.v1" }
func (Rescheduled) EventType() string             { return "change.rescheduled.v1" }
func (Started) EventType() string                 { return "change.started.v1" }
func (Completed) EventType() string               { return "change.completed.v1" }
func (Closed) EventType() string                  { return "change.closed.v1" }
func (Cancelled) EventType() string               { return "change.cancelled.v1" }
func (Held) EventType() string                    { return "change.held.v1" }
func (Released) EventType() string                { return "change.released.v1" }
func (Edited) EventType() string                  { return "change.edited.v1" }
func (ItemsChanged) EventType() string            { return "change.items_changed.v1" }
func (Assigned) EventType() string                { return "change.assigned.v1" }
func (RiskOverridden) EventType() string          { return "change.risk_overridden.v1" }
func (RiskOverrideCleared) EventType() string     { return "change.risk_override_cleared.v1" }
func (Noted) EventType() string                   { return "change.noted.v1" }
func (Linked) EventType() string                  { return "change.linked.v1" }
func (Unlinked) EventType() string                { return "change.unlinked.v1" }
func (Restricted) EventType() string              { return "change.restricted.v1" }
func (Unrestricted) EventType() string            { return "change.unrestricted.v1" }
func (FlaggedUnauthorised) EventType() string     { return "change.flagged_unauthorised.v1" }
func (UnauthorisedAnswered) EventType() string    { return "change.unauthorised_answered.v1" }
func (IncidentCaused) EventType() string          { return "change.incident_caused.v1" }
func (IncidentNotCaused) EventType() string       { return "change.incident_not_caused.v1" }
func (Minuted) EventType() string                 { return "change.minuted.v1" }
func (Acted) EventType() string                   { return "change.acted.v1" }
func (TemplateSuspended) EventType() string       { return "change_template_state.suspended.v1" }
func (TemplateReinstated) EventType() string      { return "change_template_state.reinstated.v1" }

// eventTypes are those that the practice registers.
func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Drafted](), itsm.EventOf[RecordedRetrospectively](), itsm.EventOf[Submitted](), itsm.EventOf[ModelChanged](),
		itsm.EventOf[AssessmentRecorded](), itsm.EventOf[Assessed](), itsm.EventOf[Authorised](), itsm.EventOf[Returned](),
		itsm.EventOf[Rejected](), itsm.EventOf[Redrafted](), itsm.EventOf[GatesReopened](), itsm.EventOf[Rescheduled](),
		itsm.EventOf[Started](), itsm.EventOf[Completed](), itsm.EventOf[Closed](), itsm.EventOf[Cancelled](),
		itsm.EventOf[Held](), itsm.EventOf[Released](), itsm.EventOf[Edited](), itsm.EventOf[ItemsChanged](),
		itsm.EventOf[Assigned](), itsm.EventOf[RiskOverridden](), itsm.EventOf[RiskOverrideCleared](), itsm.EventOf[Noted](),
		itsm.EventOf[Linked](), itsm.EventOf[Unlinked](), itsm.EventOf[Restricted](), itsm.EventOf[Unrestricted](),
		itsm.EventOf[FlaggedUnauthorised](), itsm.EventOf[UnauthorisedAnswered](), itsm.EventOf[IncidentCaused](),
		itsm.EventOf[IncidentNotCaused](), itsm.EventOf[Minuted](), itsm.EventOf[Acted](),
	}
}

func templateEvents() []itsm.EventType {
	return append(versioned.EventTypes[Template](), itsm.EventOf[TemplateSuspended](), itsm.EventOf[TemplateReinstated]())
}

// isInternal says whether an event is for those alone who may read what is internal: all but what tells that a change comes, when,
// and how it ended.
func isInternal(p itsm.Payload) bool {
	switch e := p.(type) {
	case Drafted, Rescheduled, Started, Cancelled, Edited:
		return false
	case Noted:
		return e.Visibility != itsm.VisibilityPublic
	}
	return true
}
