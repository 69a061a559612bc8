// This file holds the record: what an incident is, its table, and the columns to query by.

package incident

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that an incident is: the name of its table, the first part of its
// permissions and event types.
const Kind = "incident"

// Incident is an unplanned interruption to a service, or a reduction in its quality (ITIL 4).
// Its JSON form is one flat object. All times are UTC microseconds; the zero time is absent.
type Incident struct {
	Head
	Body
}

// Head is what queues show, filter and sort by: a typed column each.
type Head struct {
	storage.Meta
	// Number is for people: INC0000001.
	Number string `json:"number"`
	// Title is the summary in one line, at most [MaxTitle] characters.
	Title string `json:"title"`
	State State  `json:"state"`
	// Open says whether there is work to do: the state's category is new, active or waiting.
	Open bool `json:"open"`
	// Priority follows from Impact and Urgency by the matrix, unless it is overridden.
	Priority itsm.Priority `json:"priority"`
	Impact   itsm.Impact   `json:"impact"`
	Urgency  itsm.Urgency  `json:"urgency"`
	// Category and Subcategory classify what it is about; empty is unclassified.
	Category    string `json:"category,omitempty"`
	Subcategory string `json:"subcategory,omitempty"`
	// Service is the service that is impaired.
	Service itsm.ID `json:"service,omitempty"`
	// Requester is who reported it, Affected who suffers from it where that is another.
	Requester itsm.ID `json:"requester"`
	Affected  itsm.ID `json:"affected,omitempty"`
	// Group and Assignee are who works on it.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Channel is how it was reported.
	Channel Channel `json:"channel"`
	// HoldReason is why it waits, empty where it does not.
	HoldReason HoldReason `json:"hold_reason,omitempty"`
	// Restricted incidents are for those alone who are named in it, and who may see restricted ones.
	Restricted bool `json:"restricted"`
	// Major is the state in which it is handled as a major incident; empty is never.
	Major MajorState `json:"major,omitempty"`
	// ResolutionProposed says that it is open and that all alerts of it have been cleared: the work may
	// be done. It is internal.
	ResolutionProposed bool `json:"resolution_proposed,omitempty"`
	// Reported is when it was reported.
	Reported time.Time `json:"reported"`
	// ResolvedAt is when it was last resolved; absent again when it is reopened.
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	// ClosedAt is when it came to its end: closed or cancelled.
	ClosedAt time.Time `json:"closed_at,omitzero"`
	// FirstContact says whether it was resolved in the first contact, FirstLevel whether at the
	// first level: see [Verdict]. They are measures of the desk, and internal.
	FirstContact Verdict `json:"first_contact,omitempty"`
	FirstLevel   Verdict `json:"first_level,omitempty"`
	// SurveyState says whether its requester was asked how content they are, and answered. CSAT is
	// the answer from 1 to 5, NPS that from 0 to 10; nil is none.
	SurveyState SurveyState `json:"survey_state,omitempty"`
	CSAT        *int        `json:"csat,omitempty"`
	NPS         *int        `json:"nps,omitempty"`
}

// Body is the rest of an incident, which no list reads.
type Body struct {
	Description string `json:"description,omitempty"`
	// Before is the state in which it was before it waited, and to which it goes back.
	Before State `json:"before,omitempty"`
	// HoldUntil is when it stops waiting by itself.
	HoldUntil time.Time `json:"hold_until,omitzero"`
	// HoldLink is the record that it waits for.
	HoldLink *itsm.Ref `json:"hold_link,omitempty"`
	// HoldNote is the id of the note that was written when it began to wait.
	HoldNote itsm.ID `json:"hold_note,omitempty"`
	// Reminders is how often somebody was reminded of it since RemindFrom last began anew, and
	// RemindFrom what the next of the reminders of its [HoldRule] counts from: when it began to wait
	// for its reason, when its requester last wrote, or the last reminder.
	Reminders  int       `json:"reminders,omitempty"`
	RemindFrom time.Time `json:"remind_from,omitzero"`
	// Resolution is how it was resolved, ResolutionVersion the version with which that was written.
	Resolution        Outcome `json:"resolution,omitzero"`
	ResolutionVersion int64   `json:"resolution_version,omitempty"`
	// CancelReason is what its requester was told of why it was cancelled: the Notes of the [Cancellation].
	// The Reason of that command is internal.
	CancelReason string `json:"cancel_reason,omitempty"`
	// DuplicateOf is the incident into which this one was merged. It is shown to those who may read
	// that one.
	DuplicateOf itsm.ID `json:"duplicate_of,omitempty"`

	// Occurred is when the fault began, Detected when someone or something noticed.
	Occurred time.Time `json:"occurred,omitzero"`
	Detected time.Time `json:"detected,omitzero"`
	// Acknowledged is when a person took notice of the report.
	Acknowledged time.Time `json:"acknowledged,omitzero"`
	// FirstResponse is when someone other than its requester first wrote to the requester. What the system
	// writes is none, but where it brings the words of a person: an update of a parent or of the provider's.
	FirstResponse time.Time `json:"first_response,omitzero"`
	// Restored is when the service worked again, which may be before it was resolved.
	Restored time.Time `json:"restored,omitzero"`

	// PriorityOverride is the priority that a person set against the matrix.
	PriorityOverride *PriorityOverride `json:"priority_override,omitempty"`
	// Reassignments, Reopens and Holds count.
	Reassignments int `json:"reassignments,omitempty"`
	Reopens       int `json:"reopens,omitempty"`
	Holds         int `json:"holds,omitempty"`
	// FunctionalEscalations are those to another group, which Reassignments count too;
	// HierarchicalEscalations those to a person higher up.
	FunctionalEscalations   int `json:"functional_escalations,omitempty"`
	HierarchicalEscalations int `json:"hierarchical_escalations,omitempty"`
	// Contact is the first contact, nil before anyone took it up.
	Contact *Contact `json:"contact,omitempty"`
	// BeyondFirstLevel says that a group had it which is not of the first level.
	BeyondFirstLevel bool `json:"beyond_first_level,omitempty"`
	// Tags are labels in their normal form and in order.
	Tags []string `json:"tags,omitempty"`
	// Survey is what its requester is asked after it was closed.
	Survey *Survey `json:"survey,omitempty"`
	// Members are the people who may use a restricted incident beside those who have it.
	Members []itsm.ID `json:"members,omitempty"`
	// Watchers are people who follow it. Following gives no rights: who sends them news asks
	// whether they may read it.
	Watchers []itsm.ID `json:"watchers,omitempty"`
	// Customers is the number of customers' tenants to which a service provider's incident fans out.
	Customers int `json:"customers,omitempty"`
	// SilentUntil is the version up to which nothing that was written is told to its children and to the
	// customers any more, as it was restricted.
	SilentUntil int64 `json:"silent_until,omitempty"`
	// Provided says that it came from the service provider.
	Provided bool `json:"provided,omitempty"`
	// Alerted says that alerts went to it: [Practice.Alerts] has them. ProposedAt is since when its
	// resolution is proposed.
	Alerted    bool      `json:"alerted,omitempty"`
	ProposedAt time.Time `json:"proposed_at,omitzero"`
	// Fields are the host's own fields.
	Fields itsm.Fields `json:"fields,omitempty"`
	// Template is the version of the template that it was logged by.
	Template TemplateRef `json:"template,omitzero"`
	// Imported says where an imported incident comes from.
	Imported *Provenance `json:"imported,omitempty"`
}

// Outcome is how an incident was resolved.
type Outcome struct {
	Code  Code   `json:"code"`
	Notes string `json:"notes"`
	// By is who resolved it.
	By itsm.ID `json:"by"`
}

// PriorityOverride is a priority that a person set, and why.
type PriorityOverride struct {
	Priority itsm.Priority `json:"priority"`
	Reason   string        `json:"reason"`
	By       itsm.ID       `json:"by"`
}

// The greatest lengths of texts, in characters.
const (
	MaxTitle       = storage.MaxText
	MaxDescription = 65536
	MaxNotes       = 65536 // of a resolution
)

// MaxPeople is the greatest number of members or watchers that a command may name.
const MaxPeople = 200

// The columns of the table. They are the language of queries: [Query].
var (
	ByNumber      = storage.Col("number", func(h *Head) *string { return &h.Number })
	ByTitle       = storage.Col("title", func(h *Head) *string { return &h.Title })
	ByState       = storage.Col("state", func(h *Head) *State { return &h.State })
	ByOpen        = storage.BoolCol("open", func(h *Head) *bool { return &h.Open })
	ByPriority    = storage.Col("priority", func(h *Head) *itsm.Priority { return &h.Priority })
	ByImpact      = storage.Col("impact", func(h *Head) *itsm.Impact { return &h.Impact })
	ByUrgency     = storage.Col("urgency", func(h *Head) *itsm.Urgency { return &h.Urgency })
	ByCategory    = storage.Col("category", func(h *Head) *string { return &h.Category })
	BySubcategory = storage.Col("subcategory", func(h *Head) *string { return &h.Subcategory })
	ByService     = storage.Col("service", func(h *Head) *itsm.ID { return &h.Service })
	ByRequester   = storage.Col("requester", func(h *Head) *itsm.ID { return &h.Requester })
	ByAffected    = storage.Col("affected", func(h *Head) *itsm.ID { return &h.Affected })
	ByGroup       = storage.Col("group", func(h *Head) *itsm.ID { return &h.Group })
	ByAssignee    = storage.Col("assignee", func(h *Head) *itsm.ID { return &h.Assignee })
	ByChannel     = storage.Col("channel", func(h *Head) *Channel { return &h.Channel })
	ByHoldReason  = storage.Col("hold_reason", func(h *Head) *HoldReason { return &h.HoldReason })
	ByRestricted  = storage.BoolCol("restricted", func(h *Head) *bool { return &h.Restricted })
	ByMajor       = storage.Col("major", func(h *Head) *MajorState { return &h.Major })
	ByReported    = storage.TimeCol("reported", func(h *Head) *time.Time { return &h.Reported })
	ByResolved    = storage.NullTimeCol("resolved_at", func(h *Head) *time.Time { return &h.ResolvedAt })
	ByClosed      = storage.NullTimeCol("closed_at", func(h *Head) *time.Time { return &h.ClosedAt })

	ByFirstContact = storage.Col("first_contact", func(h *Head) *Verdict { return &h.FirstContact })
	ByFirstLevel   = storage.Col("first_level", func(h *Head) *Verdict { return &h.FirstLevel })
	BySurveyState  = storage.Col("survey_state", func(h *Head) *SurveyState { return &h.SurveyState })
	ByCSAT         = storage.NullCol("csat", func(h *Head) **int { return &h.CSAT })
	ByNPS          = storage.NullCol("nps", func(h *Head) **int { return &h.NPS })

	// ByResolutionProposed finds what may be resolved, as its alerts have been cleared.
	ByResolutionProposed = storage.BoolCol("resolution_proposed", func(h *Head) *bool { return &h.ResolutionProposed })
)

// Table is the table of incidents. Declare a host's own columns on it with [storage.Custom] and
// give them to [New] in the [Options].
var Table = storage.Define(Kind, storage.Def[Incident, Head, Body]{
	Parts: func(i *Incident) (*Head, *Body) { return &i.Head, &i.Body },
	Columns: []storage.ColumnOf[Head]{
		ByNumber, ByTitle, ByState, ByOpen, ByPriority, ByImpact, ByUrgency, ByCategory, BySubcategory,
		ByService, ByRequester, ByAffected, ByGroup, ByAssignee, ByChannel, ByHoldReason, ByRestricted,
		ByMajor, ByReported, ByResolved, ByClosed,
		ByFirstContact, ByFirstLevel, BySurveyState, ByCSAT, ByNPS,
		ByResolutionProposed,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByOpen.Asc(), ByPriority.Asc(), ByReported.Asc()),
		storage.IndexOn(ByPriority.Asc(), ByReported.Asc()),
		storage.IndexOn(ByAssignee.Asc(), ByOpen.Asc(), ByPriority.Asc(), ByReported.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByAssignee.Asc(), ByOpen.Asc(), ByPriority.Asc(), ByReported.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByOpen.Asc(), ByPriority.Asc(), ByReported.Asc()),
		storage.IndexOn(ByRequester.Asc(), ByPriority.Asc(), ByReported.Asc()),
		storage.IndexOn(ByAffected.Asc()),
		storage.IndexOn(ByResolutionProposed.Asc(), ByPriority.Asc(), ByReported.Asc()),
		storage.UniqueOn(ByNumber.Asc()),
	},
})

// byTenant is for reads that span tenants; commands and plain queries never need it.
var byTenant = Table.ByTenant()

// Ref names the incident for links.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }
