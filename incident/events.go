// This file holds the events of incidents: what stands in the log, and what others react to.
// Every event has its action, and the states before and after with their categories.

package incident

import (
	"encoding/json"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Logged: an incident was reported.
type Logged struct {
	Number   string        `json:"number"`
	Priority itsm.Priority `json:"priority"`
	// FollowUpOf is the closed incident that it continues.
	FollowUpOf itsm.ID `json:"follow_up_of,omitempty"`
	// Template is the version of the template that it was logged by.
	Template TemplateRef `json:"template,omitzero"`
}

// Assigned: it was given to a group or a person for the first time.
type Assigned struct {
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// Accepted: a person took it.
type Accepted struct {
	Assignee itsm.ID `json:"assignee"`
}

// Started: its assignee began to work.
type Started struct{}

// Reassigned: it was given to another group or person.
type Reassigned struct {
	FromGroup    itsm.ID `json:"from_group,omitempty"`
	FromAssignee itsm.ID `json:"from_assignee,omitempty"`
	Group        itsm.ID `json:"group,omitempty"`
	Assignee     itsm.ID `json:"assignee,omitempty"`
	// Count is the number of reassignments, this one included.
	Count int `json:"count"`
}

// Held: it waits.
type Held struct {
	HoldReason HoldReason `json:"hold_reason"`
	Until      time.Time  `json:"until,omitzero"`
	Link       *itsm.Ref  `json:"link,omitempty"`
	Note       itsm.ID    `json:"note,omitempty"`
}

// HoldReasonChanged: it waits on, for another reason: a segment of the wait ended and the next
// began.
type HoldReasonChanged struct {
	From       HoldReason `json:"from"`
	HoldReason HoldReason `json:"hold_reason"`
	Until      time.Time  `json:"until,omitzero"`
	Link       *itsm.Ref  `json:"link,omitempty"`
	Note       itsm.ID    `json:"note,omitempty"`
}

// ResumedBy says what ended a wait.
type ResumedBy string

// What can end a wait.
const (
	ResumedByPerson ResumedBy = "person"
	ResumedByReply  ResumedBy = "reply"
	ResumedByLink   ResumedBy = "link"
	ResumedByUntil  ResumedBy = "until"
)

// Resumed: it no longer waits and is back in the state before.
type Resumed struct {
	// HoldReason is why it waited.
	HoldReason HoldReason `json:"hold_reason,omitempty"`
	By         ResumedBy  `json:"by"`
}

// FollowUpDue: it has waited for as long as the reminders of its [HoldRule] say, and somebody is to be
// reminded: the requester, where it waits for an answer. Nothing else changed.
type FollowUpDue struct {
	HoldReason HoldReason `json:"hold_reason"`
	// Count is the number of the reminder, from 1, and Of how many there are.
	Count int `json:"count"`
	Of    int `json:"of"`
	// Resolves is when it will be resolved by the system if nothing happens; absent is never.
	Resolves time.Time `json:"resolves,omitzero"`
}

// ReplyReceived: its requester or affected person wrote. Where the category is resolved this is the alert to its
// assignee that the requester may not be content.
type ReplyReceived struct {
	Note itsm.ID `json:"note"`
}

// Resolved: its resolution was found and told.
type Resolved struct {
	Code Code `json:"code"`
	// Parent is the incident with which it was resolved.
	Parent itsm.ID `json:"parent,omitempty"`
	// WaitedFor is the reason for which it had waited in vain, where the system resolved it because
	// nothing happened: the ResolveAfter of its [HoldRule].
	WaitedFor HoldReason `json:"waited_for,omitempty"`
}

// Reopened: it was not resolved after all.
type Reopened struct {
	// Count is the number of times it was reopened, this one included.
	Count int     `json:"count"`
	Note  itsm.ID `json:"note,omitempty"`
}

// Closed: it is at its end.
type Closed struct {
	// Auto says that it was closed by itself, not confirmed.
	Auto bool `json:"auto"`
}

// Cancelled: it ended without being resolved.
type Cancelled struct {
	// DuplicateOf is the incident that describes the same.
	DuplicateOf itsm.ID `json:"duplicate_of,omitempty"`
}

// Duplicated: another incident was merged into this one, by someone who may edit this one. It took
// over the watchers, unless they are those of a restricted incident; [Linked] tells of the links that
// it took over.
type Duplicated struct {
	Duplicate itsm.ID `json:"duplicate"`
}

// FollowedUp: another incident continues this closed one.
type FollowedUp struct {
	By itsm.ID `json:"by"`
}

// Classified: impact, urgency, category or service were set.
type Classified struct {
	// From is the priority before.
	From     itsm.Priority `json:"from"`
	Priority itsm.Priority `json:"priority"`
}

// PriorityOverridden: a person set the priority against the matrix.
type PriorityOverridden struct {
	// From is the priority before.
	From     itsm.Priority `json:"from"`
	Priority itsm.Priority `json:"priority"`
}

// OverrideCleared: the priority follows from the matrix again.
type OverrideCleared struct {
	// From is the priority before.
	From     itsm.Priority `json:"from"`
	Priority itsm.Priority `json:"priority"`
}

// Acknowledged: a person took notice.
type Acknowledged struct {
	Acknowledged time.Time `json:"acknowledged"`
}

// Restored: the service works again.
type Restored struct {
	Restored time.Time `json:"restored"`
}

// TimesCorrected: timestamps were corrected; the changes say which.
type TimesCorrected struct{}

// Edited: fields were changed; the changes say which.
type Edited struct{}

// Noted: a note was written.
type Noted struct {
	Note       itsm.ID         `json:"note"`
	Visibility itsm.Visibility `json:"visibility"`
	// Parent is the incident whose update it is.
	Parent itsm.ID `json:"parent,omitempty"`
}

// Restricted: it is for its members alone, or has other members now.
type Restricted struct {
	Members []itsm.ID `json:"members,omitempty"`
}

// Unrestricted: it is no longer restricted.
type Unrestricted struct{}

// Linked: it was linked to another record.
type Linked struct {
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// FannedOut: the incident of a service provider was brought to customers.
type FannedOut struct {
	Tenants []storage.Tenant `json:"tenants"`
}

// Withdrawn: it does not concern these customers after all.
type Withdrawn struct {
	Tenants []storage.Tenant `json:"tenants"`
}

// CustomerAdded is about a [CustomerIncident]: the customer is to have the incident.
type CustomerAdded struct {
	Incident itsm.ID `json:"incident"`
}

// CustomerWithdrawn is about a [CustomerIncident]: the customer is not to have it any more.
type CustomerWithdrawn struct {
	Incident itsm.ID `json:"incident"`
}

// CustomerAnswered is about a [CustomerIncident]: what became of it in the customer's tenant.
type CustomerAnswered struct {
	Incident itsm.ID       `json:"incident"`
	State    State         `json:"state"`
	Category itsm.Category `json:"category"`
	Reopens  int64         `json:"reopens,omitempty"`
	Affected int64         `json:"affected"`
}

// Unlinked: a link was taken away.
type Unlinked struct {
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// ClearReceived: the last of its alerts that fired was cleared. Its resolution is proposed.
type ClearReceived struct {
	DeduplicationKey string `json:"deduplication_key"`
}

// AlertReturned: an alert that was cleared fires again. Its resolution is proposed no more.
type AlertReturned struct {
	DeduplicationKey string `json:"deduplication_key"`
}

// Acted: an action of the host's own lifecycle was taken; the event's action names it.
type Acted struct {
	Note itsm.ID `json:"note,omitempty"`
	// Data is what the host gave.
	Data json.RawMessage `json:"data,omitempty"`
}

// Escalated: it was escalated. A functional escalation is told by [Reassigned] too.
type Escalated struct {
	Type EscalationType `json:"type"`
	// FromGroup and Group are of a functional one, To is the person of a hierarchical one.
	FromGroup itsm.ID `json:"from_group,omitempty"`
	Group     itsm.ID `json:"group,omitempty"`
	To        itsm.ID `json:"to,omitempty"`
	// Count is the number of escalations of this type, this one included.
	Count int `json:"count"`
}

// TagsAdded: it has these tags, which it had not before.
type TagsAdded struct {
	Tags []string `json:"tags"`
}

// TagsRemoved: it no longer has these tags.
type TagsRemoved struct {
	Tags []string `json:"tags"`
}

// Attached: an attachment was added. Where it is kept stands in the attachment alone.
type Attached struct {
	Attachment itsm.ID         `json:"attachment"`
	Visibility itsm.Visibility `json:"visibility"`
	Name       string          `json:"name"`
	MediaType  string          `json:"media_type"`
	Size       int64           `json:"size"`
}

// Detached: an attachment was removed.
type Detached struct {
	Attachment itsm.ID         `json:"attachment"`
	Visibility itsm.Visibility `json:"visibility"`
	Name       string          `json:"name"`
}

// CostRecorded: work or another cost was recorded, or reversed.
type CostRecorded struct {
	Entry  itsm.ID  `json:"entry"`
	Kind   CostKind `json:"kind"`
	Person itsm.ID  `json:"person,omitempty"`
	Role   string   `json:"role,omitempty"`
	// Worked and Amount are what it adds to the totals: less than nothing for a reversal.
	Worked time.Duration `json:"worked,omitempty"`
	Amount itsm.Money    `json:"amount,omitzero"`
	// Reverses is the entry that it takes back.
	Reverses itsm.ID `json:"reverses,omitempty"`
	Task     itsm.ID `json:"task,omitempty"`
}

// SurveyOffered: its requester is asked how content they are.
type SurveyOffered struct {
	Questions []SurveyQuestion `json:"questions"`
	// Until is when the time to answer ends; zero is never.
	Until time.Time `json:"until,omitzero"`
}

// SurveyAnswered: its requester said how content they are. The comment stands in the incident.
type SurveyAnswered struct {
	CSAT *int `json:"csat,omitempty"`
	NPS  *int `json:"nps,omitempty"`
}

// SurveyLapsed: its requester did not answer in time.
type SurveyLapsed struct{}

// EventType gives the type's name in the log.
func (Logged) EventType() string             { return "incident.logged.v1" }
func (Assigned) EventType() string           { return "incident.assigned.v1" }
func (Accepted) EventType() string           { return "incident.accepted.v1" }
func (Started) EventType() string            { return "incident.started.v1" }
func (Reassigned) EventType() string         { return "incident.reassigned.v1" }
func (Held) EventType() string               { return "incident.held.v1" }
func (HoldReasonChanged) EventType() string  { return "incident.hold_reason_changed.v1" }
func (Resumed) EventType() string            { return "incident.resumed.v1" }
func (FollowUpDue) EventType() string        { return "incident.follow_up_due.v1" }
func (ReplyReceived) EventType() string      { return "incident.reply_received.v1" }
func (Resolved) EventType() string           { return "incident.resolved.v1" }
func (Reopened) EventType() string           { return "incident.reopened.v1" }
func (Closed) EventType() string             { return "incident.closed.v1" }
func (Cancelled) EventType() string          { return "incident.cancelled.v1" }
func (Duplicated) EventType() string         { return "incident.duplicated.v1" }
func (FollowedUp) EventType() string         { return "incident.followed_up.v1" }
func (Classified) EventType() string         { return "incident.classified.v1" }
func (PriorityOverridden) EventType() string { return "incident.priority_overridden.v1" }
func (OverrideCleared) EventType() string    { return "incident.override_cleared.v1" }
func (Acknowledged) EventType() string       { return "incident.acknowledged.v1" }
func (Restored) EventType() string           { return "incident.restored.v1" }
func (TimesCorrected) EventType() string     { return "incident.times_corrected.v1" }
func (Edited) EventType() string             { return "incident.edited.v1" }
func (Noted) EventType() string              { return "incident.noted.v1" }
func (Restricted) EventType() string         { return "incident.restricted.v1" }
func (Unrestricted) EventType() string       { return "incident.unrestricted.v1" }
func (Linked) EventType() string             { return "incident.linked.v1" }
func (Unlinked) EventType() string           { return "incident.unlinked.v1" }
func (ClearReceived) EventType() string      { return "incident.clear_received.v1" }
func (AlertReturned) EventType() string      { return "incident.alert_returned.v1" }
func (Acted) EventType() string              { return "incident.acted.v1" }
func (Escalated) EventType() string          { return "incident.escalated.v1" }
func (TagsAdded) EventType() string          { return "incident.tags_added.v1" }
func (TagsRemoved) EventType() string        { return "incident.tags_removed.v1" }
func (Attached) EventType() string           { return "incident.attached.v1" }
func (Detached) EventType() string           { return "incident.detached.v1" }
func (CostRecorded) EventType() string       { return "incident.cost_recorded.v1" }
func (SurveyOffered) EventType() string      { return "incident.survey_offered.v1" }
func (SurveyAnswered) EventType() string     { return "incident.survey_answered.v1" }
func (SurveyLapsed) EventType() string       { return "incident.survey_lapsed.v1" }
func (FannedOut) EventType() string          { return "incident.fanned_out.v1" }
func (Withdrawn) EventType() string          { return "incident.withdrawn.v1" }
func (CustomerAdded) EventType() string      { return "incident_customer.added.v1" }
func (CustomerWithdrawn) EventType() string  { return "incident_customer.withdrawn.v1" }
func (CustomerAnswered) EventType() string   { return "incident_customer.answered.v1" }

// eventTypes are those that the practice registers.
func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Logged](), itsm.EventOf[Assigned](), itsm.EventOf[Accepted](), itsm.EventOf[Started](),
		itsm.EventOf[Reassigned](), itsm.EventOf[Held](), itsm.EventOf[HoldReasonChanged](), itsm.EventOf[Resumed](),
		itsm.EventOf[FollowUpDue](), itsm.EventOf[ReplyReceived](), itsm.EventOf[Resolved](), itsm.EventOf[Reopened](), itsm.EventOf[Closed](),
		itsm.EventOf[Cancelled](), itsm.EventOf[Duplicated](), itsm.EventOf[FollowedUp](), itsm.EventOf[Classified](),
		itsm.EventOf[PriorityOverridden](), itsm.EventOf[OverrideCleared](), itsm.EventOf[Acknowledged](),
		itsm.EventOf[Restored](), itsm.EventOf[TimesCorrected](), itsm.EventOf[Edited](), itsm.EventOf[Noted](),
		itsm.EventOf[Restricted](), itsm.EventOf[Unrestricted](), itsm.EventOf[Linked](), itsm.EventOf[Unlinked](),
		itsm.EventOf[Escalated](), itsm.EventOf[TagsAdded](), itsm.EventOf[TagsRemoved](),
		itsm.EventOf[Attached](), itsm.EventOf[Detached](), itsm.EventOf[CostRecorded](),
		itsm.EventOf[SurveyOffered](), itsm.EventOf[SurveyAnswered](), itsm.EventOf[SurveyLapsed](),
		itsm.EventOf[Acted](), itsm.EventOf[FannedOut](), itsm.EventOf[Withdrawn](), itsm.EventOf[CustomerAdded](),
		itsm.EventOf[CustomerWithdrawn](), itsm.EventOf[CustomerAnswered](),
		itsm.EventOf[ClearReceived](), itsm.EventOf[AlertReturned](),
	}
}

// isInternal says whether an event is for those alone who may read what is internal.
func isInternal(p itsm.Payload) bool {
	switch p := p.(type) {
	case Noted:
		return p.Visibility != itsm.VisibilityPublic
	case Attached:
		return p.Visibility != itsm.VisibilityPublic
	case Detached:
		return p.Visibility != itsm.VisibilityPublic
	case Escalated:
		return p.Type != EscalationFunctional
	case TagsAdded, TagsRemoved, CostRecorded:
		return true
	case FannedOut, Withdrawn, Restricted, Unrestricted, ClearReceived, AlertReturned, Linked, Unlinked, TimesCorrected, Imported, HistoryImported:
		return true
	}
	return false
}

// noteOf is the id of the note that was written with the event.
func noteOf(p itsm.Payload) itsm.ID {
	switch p := p.(type) {
	case Held:
		return p.Note
	case HoldReasonChanged:
		return p.Note
	case ReplyReceived:
		return p.Note
	case Reopened:
		return p.Note
	case Noted:
		return p.Note
	case Acted:
		return p.Note
	}
	return ""
}

// hide takes out of a payload the records of which the reader may not know. It gives nil for
// one that says nothing without them.
func hide(p itsm.Payload, may func(itsm.Ref) bool) itsm.Payload {
	incident := func(id itsm.ID) itsm.ID {
		if id != "" && !may(itsm.Ref{Kind: Kind, ID: id}) {
			return ""
		}
		return id
	}
	switch p := p.(type) {
	case Logged:
		p.FollowUpOf = incident(p.FollowUpOf)
		return p
	case Held:
		if p.Link != nil && !may(*p.Link) {
			p.Link = nil
		}
		return p
	case HoldReasonChanged:
		if p.Link != nil && !may(*p.Link) {
			p.Link = nil
		}
		return p
	case Resolved:
		p.Parent = incident(p.Parent)
		return p
	case CostRecorded:
		if p.Task != "" && !may(taskRef(p.Task)) {
			p.Task = ""
		}
	case Noted:
		p.Parent = incident(p.Parent)
		return p
	case Cancelled:
		p.DuplicateOf = incident(p.DuplicateOf)
		return p
	case Duplicated:
		if incident(p.Duplicate) == "" {
			return nil
		}
	case FollowedUp:
		if incident(p.By) == "" {
			return nil
		}
	case Linked:
		if !may(p.To) {
			return nil
		}
	case Unlinked:
		if !may(p.To) {
			return nil
		}
	}
	return p
}
