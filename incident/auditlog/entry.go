package auditlog

import (
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Entry is one row of a log: an incident as another system had it after one change.
type Entry struct {
	// Line is where the row stands in the log, counted from 1, which is the header. It is not
	// part of what happened: the same row may stand elsewhere in a later export.
	Line int `json:"line,omitempty"`
	// Source is the incident's name in the other system: "INC0000045".
	Source string `json:"source"`
	// At is when the change was made, in UTC microseconds, and Author who made it.
	At     time.Time `json:"at"`
	Author string    `json:"author,omitempty"`
	// SourceState is the state as the other system calls it, State the state that it stands
	// for; State is empty where the mapping does not know SourceState. HoldReason is why the
	// incident waits, in a state that says so.
	SourceState string `json:"source_state"`
	State       string `json:"state,omitempty"`
	HoldReason  string `json:"hold_reason,omitempty"`

	// Title says in one line what it is about.
	Title string `json:"title,omitempty"`
	// Requester, Group and Assignee are named as the other system names them.
	Requester string `json:"requester,omitempty"`
	Group     string `json:"group,omitempty"`
	Assignee  string `json:"assignee,omitempty"`
	// Category, Subcategory and Service classify it, Channel is how it was reported.
	Category    string `json:"category,omitempty"`
	Subcategory string `json:"subcategory,omitempty"`
	Service     string `json:"service,omitempty"`
	Channel     string `json:"channel,omitempty"`
	// Impact, Urgency and Priority are 0 where the row has none.
	Impact   itsm.Impact   `json:"impact,omitempty"`
	Urgency  itsm.Urgency  `json:"urgency,omitempty"`
	Priority itsm.Priority `json:"priority,omitempty"`
	// Opened, Resolved and Closed are zero where the row has none. Some exports fill in the
	// final values on every row, before they came to be.
	Opened   time.Time `json:"opened,omitzero"`
	Resolved time.Time `json:"resolved,omitzero"`
	Closed   time.Time `json:"closed,omitzero"`
	// Code is how it was resolved, and Resolver by whom.
	Code     string `json:"code,omitempty"`
	Resolver string `json:"resolver,omitempty"`
	// Reassignments and Reopens are counted from the beginning up to this row.
	Reassignments int `json:"reassignments,omitempty"`
	Reopens       int `json:"reopens,omitempty"`
	// Values are all other columns of the row that are not missing, by their names.
	Values map[string]string `json:"values,omitempty"`
}

// Field names a field of an [Entry] that a column is read into, as its JSON form does.
type Field string

// The fields.
const (
	FieldSource        Field = "source"
	FieldAt            Field = "at"
	FieldAuthor        Field = "author"
	FieldState         Field = "state"
	FieldHoldReason    Field = "hold_reason"
	FieldTitle         Field = "title"
	FieldRequester     Field = "requester"
	FieldGroup         Field = "group"
	FieldAssignee      Field = "assignee"
	FieldCategory      Field = "category"
	FieldSubcategory   Field = "subcategory"
	FieldService       Field = "service"
	FieldChannel       Field = "channel"
	FieldImpact        Field = "impact"
	FieldUrgency       Field = "urgency"
	FieldPriority      Field = "priority"
	FieldOpened        Field = "opened"
	FieldResolved      Field = "resolved"
	FieldClosed        Field = "closed"
	FieldCode          Field = "code"
	FieldResolver      Field = "resolver"
	FieldReassignments Field = "reassignments"
	FieldReopens       Field = "reopens"
)

// RowError says that a row cannot be read, and everything that is wrong with it. The rows after
// it are not affected. It is itsm.ErrInvalid.
type RowError struct {
	// Line is where the row begins, counted from 1, which is the header.
	Line int
	// Source is the incident's name, where the row is good enough to have one.
	Source string
	// Faults are named by the log's columns; those of the row as a whole by "row".
	Faults []itsm.Fault
}

func (e *RowError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d", e.Line)
	if e.Source != "" {
		b.WriteString(" (" + e.Source + ")")
	}
	b.WriteString(": ")
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Field + " " + f.Problem)
	}
	return b.String()
}

// Is makes every RowError itsm.ErrInvalid.
func (e *RowError) Is(target error) bool { return target == itsm.ErrInvalid }
