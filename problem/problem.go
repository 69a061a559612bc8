// This file holds the record: what a problem is, its table, and the columns to query by.

package problem

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a problem is: the name of its table, the first part of its
// permissions and event types.
const Kind = "problem"

// Problem is a cause, or potential cause, of one or more incidents (ITIL 4). Its JSON form is one flat
// object. All times are UTC microseconds; the zero time is absent.
type Problem struct {
	Head
	Body
}

// Source says what a problem was found by.
type Source string

// The sources.
const (
	SourceIncident      Source = "incident"
	SourceTrend         Source = "trend"
	SourceSupplier      Source = "supplier"
	SourceVulnerability Source = "vulnerability"
	SourceTest          Source = "test"
	SourceChange        Source = "change"
)

// Sources gives the sources that there are.
func Sources() []Source {
	return []Source{SourceIncident, SourceTrend, SourceSupplier, SourceVulnerability, SourceTest, SourceChange}
}

// Code says how a problem came to its end, or, while it is resolved, how it is going to.
type Code string

// The codes. A problem that was cancelled has none.
const (
	// CodeFixed: its cause is removed.
	CodeFixed Code = "fixed"
	// CodeRiskAccepted: its cause stays, and somebody answers for that.
	CodeRiskAccepted Code = "risk_accepted"
	// CodeDuplicate: another problem is about the same.
	CodeDuplicate Code = "duplicate"
)

// Codes gives the codes that there are.
func Codes() []Code { return []Code{CodeFixed, CodeRiskAccepted, CodeDuplicate} }

// Head is what queues show, filter and sort by: a typed column each.
type Head struct {
	storage.Meta
	// Number is for people: PRB0000001.
	Number string `json:"number"`
	// Title is the summary in one line, at most [MaxTitle] characters.
	Title string `json:"title"`
	State State  `json:"state"`
	// Open says whether there is work to do: the state's category is new, active or waiting.
	Open bool `json:"open"`
	// Priority follows from Impact and Urgency by the matrix; 0 is not set yet, and comes first.
	Priority itsm.Priority `json:"priority"`
	Impact   itsm.Impact   `json:"impact,omitempty"`
	Urgency  itsm.Urgency  `json:"urgency,omitempty"`
	Source   Source        `json:"source"`
	// Category classifies what it is about, Service is what it impairs; empty is unknown.
	Category string  `json:"category,omitempty"`
	Service  itsm.ID `json:"service,omitempty"`
	// Group works on it, Assignee is the person who owns it.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// HoldReason is why it waits, empty where it does not.
	HoldReason HoldReason `json:"hold_reason,omitempty"`
	// Code is how it ended, from when it was resolved, its risk accepted or it was marked a duplicate.
	Code Code `json:"code,omitempty"`
	// Restricted problems are for those alone who are named in it, and who may see restricted ones.
	Restricted bool `json:"restricted"`
	// Registered is when it was registered.
	Registered time.Time `json:"registered"`
	// ResolvedAt is when its fix was last verified; absent again when it is analysed anew.
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	// ClosedAt is when it came to its end: closed or cancelled.
	ClosedAt time.Time `json:"closed_at,omitzero"`
	// ReviewAt is when its accepted risk is to be looked at again.
	ReviewAt time.Time `json:"review_at,omitzero"`
}

// Body is the rest of a problem, which no list reads.
type Body struct {
	Description string `json:"description,omitempty"`
	// Symptom is what people see of it, Causes why it is so, Workaround how to live with it, Fix how it is
	// removed: each has a history of its own.
	Symptom    string      `json:"symptom,omitempty"`
	Causes     []Cause     `json:"causes,omitempty"`
	Workaround *Workaround `json:"workaround,omitempty"`
	Fix        *Fix        `json:"fix,omitempty"`
	// Whys and Tree are how the causes were found.
	Whys []Why      `json:"whys,omitempty"`
	Tree []TreeNode `json:"tree,omitempty"`
	// Risk is who accepted that it stays.
	Risk *Risk `json:"risk,omitempty"`
	// Lesson is what was learned, told when it was closed.
	Lesson string `json:"lesson,omitempty"`
	// Before is the state in which it was before it waited, and to which it goes back.
	Before State `json:"before,omitempty"`
	// HoldUntil is when it stops waiting by itself.
	HoldUntil time.Time `json:"hold_until,omitzero"`
	// DuplicateOf is the problem that is about the same.
	DuplicateOf itsm.ID `json:"duplicate_of,omitempty"`
	// KnownError is the known error that was drafted of it.
	KnownError itsm.ID `json:"known_error,omitempty"`
	// ObserveFrom is what the observation counts from: when it was resolved, or when it last recurred.
	ObserveFrom time.Time `json:"observe_from,omitzero"`
	// Recurrences counts how often it recurred since it was resolved; Holds, FailedFixes and Reanalyses
	// count over its life.
	Recurrences int `json:"recurrences,omitempty"`
	Holds       int `json:"holds,omitempty"`
	FailedFixes int `json:"failed_fixes,omitempty"`
	Reanalyses  int `json:"reanalyses,omitempty"`
	// Members are the people who may use a restricted problem beside those who have it.
	Members []itsm.ID `json:"members,omitempty"`
	// Watchers are people who follow it. Following gives no rights.
	Watchers []itsm.ID `json:"watchers,omitempty"`
	// Fields are the host's own fields.
	Fields itsm.Fields `json:"fields,omitempty"`
}

// Workaround is how to live with a problem: the latest version. [Practice.Workarounds] has them all.
type Workaround struct {
	// Version counts from 1.
	Version int       `json:"version"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	By      itsm.ID   `json:"by"`
}

// Fix is how a problem is to be removed: by changes, by another action, or both.
type Fix struct {
	Changes []FixChange `json:"changes,omitempty"`
	// Action is what is done where no change is needed.
	Action string `json:"action,omitempty"`
	// Notes are what is told of it when it was verified.
	Notes string `json:"notes,omitempty"`
}

// Outcome says how a change of a fix ended.
type Outcome string

// The outcomes; empty has not ended.
const (
	OutcomeSuccessful Outcome = "successful"
	OutcomeFailed     Outcome = "failed"
)

// FixChange is one change of a fix.
type FixChange struct {
	Change  itsm.Ref  `json:"change"`
	Outcome Outcome   `json:"outcome,omitempty"`
	EndedAt time.Time `json:"ended_at,omitzero"`
}

// ended says whether every change of the fix has ended, and whether all of them successfully.
func (f *Fix) ended() (all, successful bool) {
	all, successful = true, true
	for _, c := range f.Changes {
		all = all && c.Outcome != ""
		successful = successful && c.Outcome == OutcomeSuccessful
	}
	return all, successful
}

// Risk is the decision that a problem stays as it is.
type Risk struct {
	// Approver is the person who answers for it, By who recorded it.
	Approver      itsm.ID   `json:"approver"`
	By            itsm.ID   `json:"by"`
	At            time.Time `json:"at"`
	Justification string    `json:"justification"`
}

// The greatest lengths of texts, in characters.
const (
	MaxTitle = storage.MaxText
	MaxLong  = 65536 // of a description, symptom, workaround, fix or lesson
)

// MaxPeople is the greatest number of members or watchers that a command may name, MaxRefs of records.
const (
	MaxPeople = 200
	MaxRefs   = 200
)

// The columns of the table. They are the language of queries: [Query].
var (
	ByNumber     = storage.Col("number", func(h *Head) *string { return &h.Number })
	ByTitle      = storage.Col("title", func(h *Head) *string { return &h.Title })
	ByState      = storage.Col("state", func(h *Head) *State { return &h.State })
	ByOpen       = storage.BoolCol("open", func(h *Head) *bool { return &h.Open })
	ByPriority   = storage.Col("priority", func(h *Head) *itsm.Priority { return &h.Priority })
	ByImpact     = storage.Col("impact", func(h *Head) *itsm.Impact { return &h.Impact })
	ByUrgency    = storage.Col("urgency", func(h *Head) *itsm.Urgency { return &h.Urgency })
	BySource     = storage.Col("source", func(h *Head) *Source { return &h.Source })
	ByCategory   = storage.Col("category", func(h *Head) *string { return &h.Category })
	ByService    = storage.Col("service", func(h *Head) *itsm.ID { return &h.Service })
	ByGroup      = storage.Col("group", func(h *Head) *itsm.ID { return &h.Group })
	ByAssignee   = storage.Col("assignee", func(h *Head) *itsm.ID { return &h.Assignee })
	ByHoldReason = storage.Col("hold_reason", func(h *Head) *HoldReason { return &h.HoldReason })
	ByCode       = storage.Col("code", func(h *Head) *Code { return &h.Code })
	ByRestricted = storage.BoolCol("restricted", func(h *Head) *bool { return &h.Restricted })
	ByRegistered = storage.TimeCol("registered", func(h *Head) *time.Time { return &h.Registered })
	ByResolved   = storage.NullTimeCol("resolved_at", func(h *Head) *time.Time { return &h.ResolvedAt })
	ByClosed     = storage.NullTimeCol("closed_at", func(h *Head) *time.Time { return &h.ClosedAt })
	ByReview     = storage.NullTimeCol("review_at", func(h *Head) *time.Time { return &h.ReviewAt })
)

// Table is the table of problems. Declare a host's own columns on it with [storage.Custom] and give them
// to [New] in the [Options].
var Table = storage.Define(Kind, storage.Def[Problem, Head, Body]{
	Parts: func(p *Problem) (*Head, *Body) { return &p.Head, &p.Body },
	Columns: []storage.ColumnOf[Head]{
		ByNumber, ByTitle, ByState, ByOpen, ByPriority, ByImpact, ByUrgency, BySource, ByCategory, ByService, ByGroup, ByAssignee,
		ByHoldReason, ByCode, ByRestricted, ByRegistered, ByResolved, ByClosed, ByReview,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByOpen.Asc(), ByPriority.Asc(), ByRegistered.Asc()),
		storage.IndexOn(ByPriority.Asc(), ByRegistered.Asc()),
		storage.IndexOn(ByAssignee.Asc(), ByOpen.Asc(), ByPriority.Asc(), ByRegistered.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByOpen.Asc(), ByPriority.Asc(), ByRegistered.Asc()),
		storage.UniqueOn(ByNumber.Asc()),
	},
})

// byTenant is for reads that span tenants; commands and plain queries never need it.
var byTenant = Table.ByTenant()

// Ref names the problem for links.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }
