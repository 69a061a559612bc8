// This file holds the record: what a task is, its table, and the columns to query by.

package task

import (
	"math"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a task is: the name of its table, the first part of its
// permissions and event types.
const Kind = "task"

// Task is a piece of work on a parent record. Its JSON form is one flat object. All times are UTC
// microseconds; the zero time is absent.
type Task struct {
	Head
	Body
}

// Head is what queues show, filter and sort by: a typed column each.
type Head struct {
	storage.Meta
	// ParentKind and ParentID name the record that the task is about. They never change.
	ParentKind string  `json:"parent_kind"`
	ParentID   itsm.ID `json:"parent_id"`
	// Name tells it from the other tasks of its parent, as in the [Plan] it came from; it may be
	// empty.
	Name string `json:"name,omitempty"`
	// Title says in one line what is to be done, at most [MaxTitle] characters.
	Title string `json:"title"`
	State State  `json:"state"`
	// Category is that of the state, and Open says whether there is still work to do: new, active
	// or waiting.
	Category itsm.Category `json:"category"`
	Open     bool          `json:"open"`
	// Outcome is how it ended, empty while it is open. Code says more, in the host's words.
	Outcome Outcome `json:"outcome,omitempty"`
	Code    string  `json:"code,omitempty"`
	// Group and Assignee are who works on it.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Optional tasks do not decide what becomes of the parent.
	Optional bool `json:"optional"`
	// Position is its place among the tasks of its parent when they are listed. It orders no work;
	// that is for edges.
	Position int64 `json:"position"`
	// PlannedMinutes is how long it should take; 0 is unknown.
	PlannedMinutes int64 `json:"planned_minutes,omitempty"`
	// NotBefore is its planned start: it is not ready before. Due is when it should have ended.
	NotBefore time.Time `json:"not_before,omitzero"`
	Due       time.Time `json:"due,omitzero"`
	// StartedAt is when work on it began, EndedAt when it came to its end.
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// DueOrder follows from Due, in microseconds since 1970 UTC, and is the greatest number where
	// there is none: lists are ordered by it, as an absent time is no order.
	DueOrder int64 `json:"-"`
}

// Body is the rest of a task, which no list reads.
type Body struct {
	Description string `json:"description,omitempty"`
	// After are the tasks of the same parent that come before this one.
	After []Dependency `json:"after,omitempty"`
	// Before is the state in which it was before it waited, and to which it goes back, and
	// HoldReason why it waits.
	Before     State  `json:"before,omitempty"`
	HoldReason string `json:"hold_reason,omitempty"`
	// EndReason is why it failed, was skipped or was cancelled. AutoSkipped says that it was skipped
	// by itself, as a predecessor ended in a way that its edge does not allow.
	EndReason   string `json:"end_reason,omitempty"`
	AutoSkipped bool   `json:"auto_skipped,omitempty"`
	// Effort is the time and money spent on it.
	Effort []Effort `json:"effort,omitempty"`
	// Reminded is the Due of which [DueReached] has told.
	Reminded time.Time `json:"reminded,omitzero"`
	// Reassignments, Holds and Retries count.
	Reassignments int `json:"reassignments,omitempty"`
	Holds         int `json:"holds,omitempty"`
	Retries       int `json:"retries,omitempty"`
}

// Outcome is how a task ended.
type Outcome string

// The outcomes. A task that is open has none.
const (
	OutcomeNone      Outcome = ""
	OutcomeDone      Outcome = "done"
	OutcomeFailed    Outcome = "failed"
	OutcomeSkipped   Outcome = "skipped"
	OutcomeCancelled Outcome = "cancelled"
)

var outcomes = []Outcome{OutcomeDone, OutcomeFailed, OutcomeSkipped, OutcomeCancelled}

// Allows says which outcomes of its predecessor an edge allows.
type Allows string

// What an edge may allow. Empty is AllowsDone.
const (
	AllowsDone          Allows = "done"
	AllowsDoneOrSkipped Allows = "done_or_skipped"
	AllowsFailed        Allows = "failed"
	// AllowsAny lets the successor begin however the predecessor ended, cancelled too.
	AllowsAny Allows = "any"
)

// Has says whether it allows the outcome. None allows a task that is open.
func (a Allows) Has(o Outcome) bool {
	switch a {
	case "", AllowsDone:
		return o == OutcomeDone
	case AllowsDoneOrSkipped:
		return o == OutcomeDone || o == OutcomeSkipped
	case AllowsFailed:
		return o == OutcomeFailed
	case AllowsAny:
		return o != OutcomeNone
	}
	return false
}

// Dependency is an edge as its successor has it.
type Dependency struct {
	// Task is the predecessor, a task of the same parent.
	Task itsm.ID `json:"task"`
	// Allows are the outcomes of it that let the successor begin.
	Allows Allows `json:"allows,omitempty"`
	// When, where it is not empty, are the only codes that do.
	When []string `json:"when,omitempty"`
}

// met says whether a predecessor that stands so lets the successor begin.
func (d *Dependency) met(s standing) bool {
	return d.Allows.Has(s.outcome) && (len(d.When) == 0 || slices.Contains(d.When, s.code))
}

// The greatest lengths of texts, in characters.
const (
	MaxTitle       = storage.MaxText
	MaxDescription = 65536
	MaxCode        = 100
	MaxName        = 100
)

// The greatest numbers of what one parent or task has.
const (
	// MaxTasks is the greatest number of tasks of one parent.
	MaxTasks = 1000
	// MaxDependencies is the greatest number of predecessors of one task, MaxWhen that of the codes
	// of one edge.
	MaxDependencies = 200
	MaxWhen         = 20
	// MaxEfforts is the greatest number of effort entries of one task.
	MaxEfforts = 1000
	// MaxMinutes is the longest planned duration or effort: ten years.
	MaxMinutes = 10 * 366 * 24 * 60
)

// The columns of the table. They are the language of queries: [Query].
var (
	ByParentKind     = storage.Col("parent_kind", func(h *Head) *string { return &h.ParentKind })
	ByParentID       = storage.Col("parent_id", func(h *Head) *itsm.ID { return &h.ParentID })
	ByName           = storage.Col("name", func(h *Head) *string { return &h.Name })
	ByTitle          = storage.Col("title", func(h *Head) *string { return &h.Title })
	ByState          = storage.Col("state", func(h *Head) *State { return &h.State })
	ByCategory       = storage.Col("category", func(h *Head) *itsm.Category { return &h.Category })
	ByOpen           = storage.BoolCol("open", func(h *Head) *bool { return &h.Open })
	ByOutcome        = storage.Col("outcome", func(h *Head) *Outcome { return &h.Outcome })
	ByCode           = storage.Col("code", func(h *Head) *string { return &h.Code })
	ByGroup          = storage.Col("group", func(h *Head) *itsm.ID { return &h.Group })
	ByAssignee       = storage.Col("assignee", func(h *Head) *itsm.ID { return &h.Assignee })
	ByOptional       = storage.BoolCol("optional", func(h *Head) *bool { return &h.Optional })
	ByPosition       = storage.Col("position", func(h *Head) *int64 { return &h.Position })
	ByPlannedMinutes = storage.Col("planned_minutes", func(h *Head) *int64 { return &h.PlannedMinutes })
	ByNotBefore      = storage.NullTimeCol("not_before", func(h *Head) *time.Time { return &h.NotBefore })
	ByDue            = storage.NullTimeCol("due", func(h *Head) *time.Time { return &h.Due })
	ByStarted        = storage.NullTimeCol("started_at", func(h *Head) *time.Time { return &h.StartedAt })
	ByEnded          = storage.NullTimeCol("ended_at", func(h *Head) *time.Time { return &h.EndedAt })
	ByDueOrder       = storage.Col("due_order", func(h *Head) *int64 { return &h.DueOrder })
)

// Table is the table of tasks. Declare a host's own columns on it with [storage.Custom] and give
// them to [New] in the [Options].
var Table = storage.Define(Kind, storage.Def[Task, Head, Body]{
	Parts: func(t *Task) (*Head, *Body) { return &t.Head, &t.Body },
	Columns: []storage.ColumnOf[Head]{
		ByParentKind, ByParentID, ByName, ByTitle, ByState, ByCategory, ByOpen, ByOutcome, ByCode, ByGroup, ByAssignee,
		ByOptional, ByPosition, ByPlannedMinutes, ByNotBefore, ByDue, ByStarted, ByEnded, ByDueOrder,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByParentKind.Asc(), ByParentID.Asc(), ByPosition.Asc()),
		storage.IndexOn(ByOpen.Asc(), ByDueOrder.Asc()),
		storage.IndexOn(ByAssignee.Asc(), ByOpen.Asc(), ByDueOrder.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByAssignee.Asc(), ByState.Asc(), ByDueOrder.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByOpen.Asc(), ByDueOrder.Asc()),
		storage.IndexOn(ByDueOrder.Asc()),
	},
})

// Ref names the task, and Parent the record that it is about.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }

// Parent names the record that the task is about.
func (h *Head) Parent() itsm.Ref { return itsm.Ref{Kind: h.ParentKind, ID: h.ParentID} }

// dueOrder is what DueOrder is for a due time.
func dueOrder(due time.Time) int64 {
	if due.IsZero() {
		return math.MaxInt64
	}
	return due.UnixMicro()
}
