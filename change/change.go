// This file holds the record: what a change is, its table, and the columns to query by.

package change

import (
	"time"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a change is: the name of its table, the first part of its
// permissions and event types.
const Kind = "change"

// KindCI is the kind of record that a configuration item is, to which a change is linked by
// itsm.LinkAffects.
const KindCI = "ci"

// Change is the addition, modification or removal of anything that could have an effect on services
// (ITIL 4). Its JSON form is one flat object. All times are UTC microseconds; the zero time is absent.
type Change struct {
	Head
	Body
}

// Head is what queues show, filter and sort by: a typed column each.
type Head struct {
	storage.Meta
	// Number is for people: CHG0000001.
	Number string `json:"number"`
	// Title says in one line what is changed, at most [MaxTitle] characters.
	Title string `json:"title"`
	State State  `json:"state"`
	// Open says whether there is work to do: the state's category is new, active or waiting.
	Open bool `json:"open"`
	// Model is the model that it follows, Type the type of that model.
	Model ModelName `json:"model"`
	Type  Type      `json:"type"`
	// Risk is the level of its risk: computed, or set by a person. It is 0 before it was submitted.
	Risk risk.Level `json:"risk,omitempty"`
	// Category says what it is about, in the host's words; empty is unclassified.
	Category string `json:"category,omitempty"`
	// Service is the service that it changes.
	Service itsm.ID `json:"service,omitempty"`
	// Requester asked for it.
	Requester itsm.ID `json:"requester"`
	// Group and Assignee are who implements it.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Held says that it waits, whatever its state: see [Practice.Hold].
	Held bool `json:"held"`
	// Restricted changes are for those alone who are named in them, and who may see restricted ones.
	Restricted bool `json:"restricted"`
	// Unauthorised says that it was made without having been authorised. FollowUpOpen says that
	// what is to be done about that is not answered yet.
	Unauthorised bool `json:"unauthorised"`
	FollowUpOpen bool `json:"follow_up_open"`
	// PlannedStart and PlannedEnd are when it is to be implemented: from the first, before the second.
	PlannedStart time.Time `json:"planned_start,omitzero"`
	PlannedEnd   time.Time `json:"planned_end,omitzero"`
	// StartOrder is PlannedStart in microseconds since 1970, and the greatest number where it has
	// none: what calendars and agendas are ordered by, as an absent time is no order.
	StartOrder int64 `json:"-"`
	// ActualStart is when its implementation began.
	ActualStart time.Time `json:"actual_start,omitzero"`
	// Implemented says that its implementation ended, however it went, and ImplementedAt when, in
	// microseconds since 1970 UTC: what measures are taken by. Outcome is how it went.
	Implemented   bool    `json:"implemented"`
	ImplementedAt int64   `json:"implemented_at,omitempty"`
	Outcome       Outcome `json:"outcome,omitempty"`
	// Template is the family of the template that it was drafted from, with its version in the body.
	Template string `json:"template,omitempty"`
	// CausedIncidents is the number of incidents that it caused, CausedMajor of those of priority 1 and 2.
	CausedIncidents int64 `json:"caused_incidents"`
	CausedMajor     int64 `json:"caused_major"`
	// Success says that it was implemented with the outcome successful and caused no incident. Score is what it adds to the
	// change success score: see [ScoreOf].
	Success bool  `json:"success"`
	Score   int64 `json:"score,omitempty"`
	// Deployment says that it brings a new version of software into production: what the
	// four measures of DORA count.
	Deployment bool `json:"deployment"`
	// ReadyAt is when what a deployment brings was ready, such as when its first commit was made: where the lead
	// time begins. Zero is when the change was drafted.
	ReadyAt time.Time `json:"ready_at,omitzero"`
	// ClosedAt is when it came to its end: closed, rejected or cancelled.
	ClosedAt time.Time `json:"closed_at,omitzero"`
}

// Body is the rest of a change, which no list reads.
type Body struct {
	Description string `json:"description,omitempty"`
	// Author drafted it, or recorded it. It is empty of one that was drafted before this was kept.
	Author itsm.ID `json:"author,omitempty"`
	// Justification says why it is made, and for an emergency why it cannot wait.
	Justification string `json:"justification,omitempty"`
	// For are the records that it is made for: incidents, problems, vulnerabilities, requests.
	For []itsm.Ref `json:"for,omitempty"`
	// Plans are how it is made, tested and taken back.
	Plans Plans `json:"plans,omitzero"`
	// CIs are the configuration items that it changes, in order.
	CIs []itsm.ID `json:"cis,omitempty"`
	// Within is the wider window in which the planned one may be moved without being authorised
	// again; the zero window is the planned one itself.
	Within Window `json:"within,omitzero"`
	// Outage is when the service is out or impaired while it is made, apart from the planned window.
	Outage Window `json:"outage,omitzero"`
	// Assessments are those that were made, one for each name of the model that has been assessed.
	Assessments []Assessment `json:"assessments,omitempty"`
	// RiskAssessment explains the risk, and RiskOverride is what a person set in its stead.
	RiskAssessment *risk.Assessment `json:"risk_assessment,omitempty"`
	RiskOverride   *RiskOverride    `json:"risk_override,omitempty"`
	// RiskAnswers are the answers to the questions of the risk model, by factor.
	RiskAnswers map[string]string `json:"risk_answers,omitempty"`
	// Asked is what its gates were opened for, and Approved what all of them decided for: the
	// authorised envelope. Approved is nil while a gate is to be decided.
	Asked    *Envelope `json:"asked,omitempty"`
	Approved *Envelope `json:"approved,omitempty"`
	// Round counts how often its gates were opened.
	Round int `json:"round,omitempty"`
	// HoldReason is why it is held.
	HoldReason string `json:"hold_reason,omitempty"`
	// FreezeOverride says who started it against a freeze, and why.
	FreezeOverride *FreezeOverride `json:"freeze_override,omitempty"`
	// ActualEnd is when its implementation ended, and ActualOutage the outage that there was.
	ActualEnd    time.Time `json:"actual_end,omitzero"`
	ActualOutage Window    `json:"actual_outage,omitzero"`
	// CompletionNotes are what its implementer said at the end.
	CompletionNotes string `json:"completion_notes,omitempty"`
	// Proposals are the changes to configuration items that it makes, and Applied says that they were made.
	Proposals []Proposal `json:"proposals,omitempty"`
	Applied   bool       `json:"applied,omitempty"`
	// Review is the post-implementation review.
	Review *Review `json:"review,omitempty"`
	// Unauthorisation says how it came to be unauthorised, and what was done about it.
	Unauthorisation *Unauthorisation `json:"unauthorisation,omitempty"`
	// EndReason is why it was returned, rejected or cancelled last.
	EndReason string `json:"end_reason,omitempty"`
	// TemplateVersion is the version of the template that it was drafted from.
	TemplateVersion TemplateVersion `json:"template_version,omitzero"`
	// Caused counts the incidents that it caused by their priority.
	Caused map[itsm.Priority]int64 `json:"caused,omitempty"`
	// Minutes are what a change advisory board decided about it, oldest first.
	Minutes []Minute `json:"minutes,omitempty"`
	// Fields are the host's own fields.
	Fields itsm.Fields `json:"fields,omitempty"`
	// Returns counts how often it was returned to draft.
	Returns int `json:"returns,omitempty"`
}

// Plans are how a change is made, tested and taken back, each in words.
type Plans struct {
	Rollout string `json:"rollout,omitempty"`
	Test    string `json:"test,omitempty"`
	Backout string `json:"backout,omitempty"`
}

// Window is a span of time, from Start and before End, in UTC. The zero window is none.
type Window struct {
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// IsZero says that there is no window.
func (w Window) IsZero() bool { return w.Start.IsZero() && w.End.IsZero() }

// Contains says whether an instant is in the window. None is in the zero window.
func (w Window) Contains(at time.Time) bool { return !at.Before(w.Start) && at.Before(w.End) }

// Covers says whether the other window lies in this one, which both ends may touch. The zero window is covered by every
// one, and covers none but itself.
func (w Window) Covers(o Window) bool {
	switch {
	case o.IsZero():
		return true
	case w.IsZero():
		return false
	}
	return !o.Start.Before(w.Start) && !o.End.After(w.End)
}

func (w Window) instant() Window {
	return Window{Start: storage.Instant(w.Start), End: storage.Instant(w.End)}
}

// Planned is the window in which the change is to be implemented.
func (h *Head) Planned() Window { return Window{Start: h.PlannedStart, End: h.PlannedEnd} }

// Assessment is what someone found who looked at a change before it was authorised.
type Assessment struct {
	// Name is one of the assessments that the model requires.
	Name string    `json:"name"`
	Text string    `json:"text"`
	By   itsm.ID   `json:"by"`
	At   time.Time `json:"at"`
}

// RiskOverride is a level of risk that a person set, and why.
type RiskOverride struct {
	Level  risk.Level `json:"level"`
	Reason string     `json:"reason"`
	By     itsm.ID    `json:"by"`
	At     time.Time  `json:"at"`
}

// FreezeOverride says who started a change against a freeze, and why.
type FreezeOverride struct {
	By     itsm.ID   `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	// Freeze is what stood against it.
	Freeze string `json:"freeze"`
}

// Review is a post-implementation review.
type Review struct {
	Text string    `json:"text,omitempty"`
	By   itsm.ID   `json:"by"`
	At   time.Time `json:"at"`
}

// Outcome is how the implementation of a change went.
type Outcome string

// The outcomes.
const (
	OutcomeSuccessful Outcome = "successful"
	OutcomeWithIssues Outcome = "with_issues"
	OutcomeBackedOut  Outcome = "backed_out"
	OutcomeFailed     Outcome = "failed"
)

// Outcomes gives the outcomes that there are.
func Outcomes() []Outcome {
	return []Outcome{OutcomeSuccessful, OutcomeWithIssues, OutcomeBackedOut, OutcomeFailed}
}

// Failure says that what was to be changed was not: it was backed out or failed.
func (o Outcome) Failure() bool { return o == OutcomeBackedOut || o == OutcomeFailed }

// The greatest lengths of texts, in characters.
const (
	MaxTitle       = storage.MaxText
	MaxDescription = 65536
	MaxPlan        = 65536 // of each plan
	MaxNotes       = 65536 // of a completion, a review, an assessment
)

// The greatest numbers of what one change has.
const (
	MaxCIs       = 500
	MaxProposals = 500
	MaxMinutes   = 200
	MaxFor       = 50
	MaxAnswers   = 200
)

// The columns of the table. They are the language of queries: [Query].
var (
	ByNumber          = storage.Col("number", func(h *Head) *string { return &h.Number })
	ByTitle           = storage.Col("title", func(h *Head) *string { return &h.Title })
	ByState           = storage.Col("state", func(h *Head) *State { return &h.State })
	ByOpen            = storage.BoolCol("open", func(h *Head) *bool { return &h.Open })
	ByModel           = storage.Col("model", func(h *Head) *ModelName { return &h.Model })
	ByType            = storage.Col("type", func(h *Head) *Type { return &h.Type })
	ByRisk            = storage.Col("risk", func(h *Head) *risk.Level { return &h.Risk })
	ByCategory        = storage.Col("category", func(h *Head) *string { return &h.Category })
	ByService         = storage.Col("service", func(h *Head) *itsm.ID { return &h.Service })
	ByRequester       = storage.Col("requester", func(h *Head) *itsm.ID { return &h.Requester })
	ByGroup           = storage.Col("group", func(h *Head) *itsm.ID { return &h.Group })
	ByAssignee        = storage.Col("assignee", func(h *Head) *itsm.ID { return &h.Assignee })
	ByHeld            = storage.BoolCol("held", func(h *Head) *bool { return &h.Held })
	ByRestricted      = storage.BoolCol("restricted", func(h *Head) *bool { return &h.Restricted })
	ByUnauthorised    = storage.BoolCol("unauthorised", func(h *Head) *bool { return &h.Unauthorised })
	ByFollowUpOpen    = storage.BoolCol("follow_up_open", func(h *Head) *bool { return &h.FollowUpOpen })
	ByPlannedStart    = storage.NullTimeCol("planned_start", func(h *Head) *time.Time { return &h.PlannedStart })
	ByPlannedEnd      = storage.NullTimeCol("planned_end", func(h *Head) *time.Time { return &h.PlannedEnd })
	ByStartOrder      = storage.Col("start_order", func(h *Head) *int64 { return &h.StartOrder })
	ByActualStart     = storage.NullTimeCol("actual_start", func(h *Head) *time.Time { return &h.ActualStart })
	ByImplemented     = storage.BoolCol("implemented", func(h *Head) *bool { return &h.Implemented })
	ByImplementedAt   = storage.Col("implemented_at", func(h *Head) *int64 { return &h.ImplementedAt })
	ByOutcome         = storage.Col("outcome", func(h *Head) *Outcome { return &h.Outcome })
	ByTemplate        = storage.Col("template", func(h *Head) *string { return &h.Template })
	ByCausedIncidents = storage.Col("caused_incidents", func(h *Head) *int64 { return &h.CausedIncidents })
	ByCausedMajor     = storage.Col("caused_major", func(h *Head) *int64 { return &h.CausedMajor })
	BySuccess         = storage.BoolCol("success", func(h *Head) *bool { return &h.Success })
	ByScore           = storage.Col("score", func(h *Head) *int64 { return &h.Score })
	ByDeployment      = storage.BoolCol("deployment", func(h *Head) *bool { return &h.Deployment })
	ByReadyAt         = storage.NullTimeCol("ready_at", func(h *Head) *time.Time { return &h.ReadyAt })
	ByClosed          = storage.NullTimeCol("closed_at", func(h *Head) *time.Time { return &h.ClosedAt })
)

// Table is the table of changes. Declare a host's own columns on it with [storage.Custom] and
// give them to [New] in the [Options].
var Table = storage.Define(Kind, storage.Def[Change, Head, Body]{
	Parts: func(c *Change) (*Head, *Body) { return &c.Head, &c.Body },
	Columns: []storage.ColumnOf[Head]{
		ByNumber, ByTitle, ByState, ByOpen, ByModel, ByType, ByRisk, ByCategory, ByService, ByRequester, ByGroup,
		ByAssignee, ByHeld, ByRestricted, ByUnauthorised, ByFollowUpOpen, ByPlannedStart, ByPlannedEnd, ByStartOrder,
		ByActualStart, ByImplemented, ByImplementedAt, ByOutcome, ByTemplate, ByCausedIncidents, ByCausedMajor,
		BySuccess, ByScore, ByDeployment, ByReadyAt, ByClosed,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByOpen.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByStartOrder.Asc()),
		storage.IndexOn(ByState.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByAssignee.Asc(), ByOpen.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByAssignee.Asc(), ByOpen.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByOpen.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByRequester.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByService.Asc(), ByOpen.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByFollowUpOpen.Asc(), ByStartOrder.Asc()),
		storage.IndexOn(ByImplemented.Asc(), ByImplementedAt.Asc()),
		storage.IndexOn(ByTemplate.Asc(), ByImplemented.Asc(), ByImplementedAt.Asc()),
		storage.IndexOn(ByService.Asc(), ByImplemented.Asc(), ByImplementedAt.Asc()),
		storage.UniqueOn(ByNumber.Asc()),
	},
})

// byTenant is for reads that span tenants; commands and plain queries never need it.
var byTenant = Table.ByTenant()

// Ref names the change for links.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }

// measure sets the columns that follow from the others.
func (c *Change) measure() {
	c.StartOrder = noStart
	if !c.PlannedStart.IsZero() {
		c.StartOrder = c.PlannedStart.UnixMicro()
	}
	c.Success = c.Implemented && c.Outcome == OutcomeSuccessful && c.CausedIncidents == 0
	c.Score = ScoreOf(c)
	c.FollowUpOpen = c.Unauthorised && (c.Unauthorisation == nil || c.Unauthorisation.AnsweredAt.IsZero())
}

// noStart is the StartOrder of a change without a planned start.
const noStart int64 = 1<<63 - 1
