// This file holds the events of problems: what stands in the log, and what others react to. Every event
// has its action, and the states before and after with their categories.

package problem

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Registered: a problem was registered.
type Registered struct {
	Number   string        `json:"number"`
	Source   Source        `json:"source"`
	Priority itsm.Priority `json:"priority,omitempty"`
	// From are the records that it was found by.
	From []itsm.Ref `json:"from,omitempty"`
	// CIs are the configuration items that it affects.
	CIs []itsm.ID `json:"cis,omitempty"`
}

// Accepted: somebody took it on.
type Accepted struct {
	Group    itsm.ID       `json:"group,omitempty"`
	Assignee itsm.ID       `json:"assignee"`
	Priority itsm.Priority `json:"priority"`
}

// AnalysisStarted: its causes are looked for.
type AnalysisStarted struct{}

// AnalysisRecorded: whys, a cause tree, or causes were recorded; the changes say which.
type AnalysisRecorded struct{}

// CauseIdentified: its causes are known. It is a known error.
type CauseIdentified struct {
	// Causes are how many.
	Causes int `json:"causes"`
	// KnownError is the known error that describes it.
	KnownError itsm.ID `json:"known_error"`
}

// WorkaroundRecorded: there is a workaround, or a better one.
type WorkaroundRecorded struct {
	Version int `json:"version"`
	// Tell says who is to be told of it.
	Tell Telling `json:"tell"`
}

// FixPlanned: it is decided how its causes are removed.
type FixPlanned struct {
	Changes []itsm.Ref `json:"changes,omitempty"`
	Action  string     `json:"action,omitempty"`
}

// FixEnded: a change of the fix ended.
type FixEnded struct {
	Change  itsm.Ref `json:"change"`
	Outcome Outcome  `json:"outcome"`
}

// FixesEnded: every change of the fix has ended.
type FixesEnded struct {
	// Successful says that all of them did so successfully.
	Successful bool `json:"successful"`
}

// FixVerified: its causes are removed.
type FixVerified struct {
	Notes string `json:"notes,omitempty"`
}

// FixFailed: the fix did not work.
type FixFailed struct {
	// Count is the number of fixes that did not, this one included.
	Count int `json:"count"`
}

// RiskAccepted: its causes stay, and somebody answers for that.
type RiskAccepted struct {
	Approver itsm.ID   `json:"approver"`
	ReviewAt time.Time `json:"review_at"`
}

// RiskRenewed: its risk is accepted on.
type RiskRenewed struct {
	Approver itsm.ID   `json:"approver"`
	ReviewAt time.Time `json:"review_at"`
}

// RiskReviewDue: its accepted risk is to be looked at again. Nothing else changed.
type RiskReviewDue struct {
	Approver itsm.ID   `json:"approver"`
	ReviewAt time.Time `json:"review_at"`
}

// MarkedDuplicate: another problem is about the same.
type MarkedDuplicate struct {
	Of itsm.ID `json:"of"`
}

// Duplicated: another problem was found to be a duplicate of this one.
type Duplicated struct {
	Duplicate itsm.ID `json:"duplicate"`
}

// LinksMoved: links of a duplicate became those of the other problem; of many, some at a time.
type LinksMoved struct {
	To    itsm.ID `json:"to"`
	Count int     `json:"count"`
}

// Held: it waits.
type Held struct {
	HoldReason HoldReason `json:"hold_reason"`
	Until      time.Time  `json:"until,omitzero"`
}

// Resumed: it no longer waits and is back in the state before.
type Resumed struct {
	// HoldReason is why it waited.
	HoldReason HoldReason `json:"hold_reason,omitempty"`
	// Until is the time that ended the wait, where nobody did.
	Until time.Time `json:"until,omitzero"`
}

// Recurred: it happened again after it was resolved.
type Recurred struct {
	// Record is by what that is known.
	Record *itsm.Ref `json:"record,omitempty"`
	// Count is the number of times since it was resolved, this one included.
	Count int `json:"count"`
}

// Closed: it is at its end.
type Closed struct {
	Code Code `json:"code"`
	// Auto says that it was closed by itself at the end of its observation.
	Auto bool `json:"auto"`
	// Lesson is what was learned, for the register of improvements.
	Lesson string `json:"lesson,omitempty"`
}

// Reanalysed: it was taken up again.
type Reanalysed struct {
	// Code is how it had ended.
	Code Code `json:"code,omitempty"`
	// Count is the number of times, this one included.
	Count int `json:"count"`
}

// Cancelled: it was none.
type Cancelled struct{}

// Classified: impact, urgency, category or service were set.
type Classified struct {
	// From is the priority before.
	From     itsm.Priority `json:"from,omitempty"`
	Priority itsm.Priority `json:"priority,omitempty"`
}

// Assigned: it was given to a group or a person.
type Assigned struct {
	FromGroup    itsm.ID `json:"from_group,omitempty"`
	FromAssignee itsm.ID `json:"from_assignee,omitempty"`
	Group        itsm.ID `json:"group,omitempty"`
	Assignee     itsm.ID `json:"assignee,omitempty"`
}

// Edited: fields were changed; the changes say which.
type Edited struct{}

// Noted: a note was written.
type Noted struct {
	Note       itsm.ID         `json:"note"`
	Visibility itsm.Visibility `json:"visibility"`
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

// Unlinked: a link was taken away.
type Unlinked struct {
	Type itsm.LinkType `json:"type"`
	To   itsm.Ref      `json:"to"`
}

// Acted: an action of the host's own lifecycle was taken; the event's action names it.
type Acted struct {
	Note itsm.ID `json:"note,omitempty"`
	// Data is what the host gave.
	Data json.RawMessage `json:"data,omitempty"`
}

// EventType gives the type's name in the log.
func (Registered) EventType() string         { return "problem.registered.v1" }
func (Accepted) EventType() string           { return "problem.accepted.v1" }
func (AnalysisStarted) EventType() string    { return "problem.analysis_started.v1" }
func (AnalysisRecorded) EventType() string   { return "problem.analysis_recorded.v1" }
func (CauseIdentified) EventType() string    { return "problem.cause_identified.v1" }
func (WorkaroundRecorded) EventType() string { return "problem.workaround_recorded.v1" }
func (FixPlanned) EventType() string         { return "problem.fix_planned.v1" }
func (FixEnded) EventType() string           { return "problem.fix_ended.v1" }
func (FixesEnded) EventType() string         { return "problem.fixes_ended.v1" }
func (FixVerified) EventType() string        { return "problem.fix_verified.v1" }
func (FixFailed) EventType() string          { return "problem.fix_failed.v1" }
func (RiskAccepted) EventType() string       { return "problem.risk_accepted.v1" }
func (RiskRenewed) EventType() string        { return "problem.risk_renewed.v1" }
func (RiskReviewDue) EventType() string      { return "problem.risk_review_due.v1" }
func (MarkedDuplicate) EventType() string    { return "problem.marked_duplicate.v1" }
func (Duplicated) EventType() string         { return "problem.duplicated.v1" }
func (LinksMoved) EventType() string         { return "problem.links_moved.v1" }
func (Held) EventType() string               { return "problem.held.v1" }
func (Resumed) EventType() string            { return "problem.resumed.v1" }
func (Recurred) EventType() string           { return "problem.recurred.v1" }
func (Closed) EventType() string             { return "problem.closed.v1" }
func (Reanalysed) EventType() string         { return "problem.reanalysed.v1" }
func (Cancelled) EventType() string          { return "problem.cancelled.v1" }
func (Classified) EventType() string         { return "problem.classified.v1" }
func (Assigned) EventType() string           { return "problem.assigned.v1" }
func (Edited) EventType() string             { return "problem.edited.v1" }
func (Noted) EventType() string              { return "problem.noted.v1" }
func (Restricted) EventType() string         { return "problem.restricted.v1" }
func (Unrestricted) EventType() string       { return "problem.unrestricted.v1" }
func (Linked) EventType() string             { return "problem.linked.v1" }
func (Unlinked) EventType() string           { return "problem.unlinked.v1" }
func (Acted) EventType() string              { return "problem.acted.v1" }

// eventTypes are those of problems.
func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Registered](), itsm.EventOf[Accepted](), itsm.EventOf[AnalysisStarted](), itsm.EventOf[AnalysisRecorded](),
		itsm.EventOf[CauseIdentified](), itsm.EventOf[WorkaroundRecorded](), itsm.EventOf[FixPlanned](), itsm.EventOf[FixEnded](),
		itsm.EventOf[FixesEnded](), itsm.EventOf[FixVerified](), itsm.EventOf[FixFailed](), itsm.EventOf[RiskAccepted](),
		itsm.EventOf[RiskRenewed](), itsm.EventOf[RiskReviewDue](), itsm.EventOf[MarkedDuplicate](), itsm.EventOf[Duplicated](),
		itsm.EventOf[LinksMoved](), itsm.EventOf[Held](), itsm.EventOf[Resumed](), itsm.EventOf[Recurred](), itsm.EventOf[Closed](),
		itsm.EventOf[Reanalysed](), itsm.EventOf[Cancelled](), itsm.EventOf[Classified](), itsm.EventOf[Assigned](),
		itsm.EventOf[Edited](), itsm.EventOf[Noted](), itsm.EventOf[Restricted](), itsm.EventOf[Unrestricted](),
		itsm.EventOf[Linked](), itsm.EventOf[Unlinked](), itsm.EventOf[Acted](),
	}
}

// isInternal says whether an event is for those alone who may read what is internal.
func isInternal(p itsm.Payload) bool {
	switch p := p.(type) {
	case Noted:
		return p.Visibility != itsm.VisibilityPublic
	case Restricted, Unrestricted:
		return true
	}
	return false
}

// noteOf is the id of the note that was written with the event.
func noteOf(p itsm.Payload) itsm.ID {
	switch p := p.(type) {
	case Noted:
		return p.Note
	case Acted:
		return p.Note
	}
	return ""
}

// hide takes out of a payload the records of which the reader may not know. It gives nil for one that says
// nothing without them.
func hide(p itsm.Payload, may func(itsm.Ref) bool) itsm.Payload {
	unknown := func(ref itsm.Ref) bool { return !may(ref) }
	problem := func(id itsm.ID) bool { return may(itsm.Ref{Kind: Kind, ID: id}) }
	switch p := p.(type) {
	case Registered:
		p.From = slices.DeleteFunc(slices.Clone(p.From), unknown)
		p.CIs = slices.DeleteFunc(slices.Clone(p.CIs), func(id itsm.ID) bool { return unknown(itemRef(id)) })
		return p
	case CauseIdentified:
		if !may(itsm.Ref{Kind: KindKnownError, ID: p.KnownError}) {
			p.KnownError = ""
		}
		return p
	case FixPlanned:
		p.Changes = slices.DeleteFunc(slices.Clone(p.Changes), unknown)
		return p
	case Recurred:
		if p.Record != nil && !may(*p.Record) {
			p.Record = nil
		}
		return p
	case MarkedDuplicate:
		if !problem(p.Of) {
			p.Of = ""
		}
		return p
	case FixEnded:
		if !may(p.Change) {
			return nil
		}
	case Duplicated:
		if !problem(p.Duplicate) {
			return nil
		}
	case LinksMoved:
		if !problem(p.To) {
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

// KnownErrorDrafted: a known error was drafted, of a problem or by itself.
type KnownErrorDrafted struct {
	Number  string  `json:"number"`
	Problem itsm.ID `json:"problem,omitempty"`
}

// KnownErrorFollowed: what of a known error follows from its problem changed; the changes say what.
type KnownErrorFollowed struct {
	Problem itsm.ID `json:"problem"`
}

// KnownErrorEdited: what a known error says was changed; the changes say what.
type KnownErrorEdited struct{}

// KnownErrorPublished: it is there for its audience.
type KnownErrorPublished struct {
	Audience Audience `json:"audience"`
}

// KnownErrorWithdrawn: it is a draft again.
type KnownErrorWithdrawn struct {
	// With is the problem by which it was: there is another workaround, or the problem is no longer
	// restricted, and nobody decided yet that everyone is to read it.
	With itsm.ID `json:"with,omitempty"`
}

// KnownErrorRetired: it describes nothing any more.
type KnownErrorRetired struct {
	// With is the problem at whose end it was retired.
	With itsm.ID `json:"with,omitempty"`
}

// KnownErrorRestored: it was retired, and is a draft again.
type KnownErrorRestored struct {
	// With is the problem whose causes were identified again.
	With itsm.ID `json:"with,omitempty"`
}

// EventType gives the type's name in the log.
func (KnownErrorDrafted) EventType() string   { return "known_error.drafted.v1" }
func (KnownErrorFollowed) EventType() string  { return "known_error.followed.v1" }
func (KnownErrorEdited) EventType() string    { return "known_error.edited.v1" }
func (KnownErrorPublished) EventType() string { return "known_error.published.v1" }
func (KnownErrorWithdrawn) EventType() string { return "known_error.withdrawn.v1" }
func (KnownErrorRetired) EventType() string   { return "known_error.retired.v1" }
func (KnownErrorRestored) EventType() string  { return "known_error.restored.v1" }

// knownErrorEventTypes are those of known errors.
func knownErrorEventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[KnownErrorDrafted](), itsm.EventOf[KnownErrorFollowed](), itsm.EventOf[KnownErrorEdited](),
		itsm.EventOf[KnownErrorPublished](), itsm.EventOf[KnownErrorWithdrawn](), itsm.EventOf[KnownErrorRetired](),
		itsm.EventOf[KnownErrorRestored](),
	}
}
