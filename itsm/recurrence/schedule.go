// This file holds the record: a schedule, its states and its table.

package recurrence

import (
	"encoding/json"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a schedule is: the name of its table, the first part of the
// permissions and event types.
const Kind = "recurrence"

// State is where a schedule stands.
type State string

// The states.
const (
	// StateActive: its occurrences are done.
	StateActive State = "active"
	// StatePaused: they pass, until it is resumed.
	StatePaused State = "paused"
	// StateEnded: it was ended, or there are no more. Another rule makes it active again.
	StateEnded State = "ended"
)

// Missed says what becomes of occurrences that came while nothing ran.
type Missed string

// The policies.
const (
	// MissedAll does each of them late. It is the default.
	MissedAll Missed = "all"
	// MissedLast does the last of those that are due together, and skips the others.
	MissedLast Missed = "last"
	// MissedSkip skips those that are late by more than the grace.
	MissedSkip Missed = "skip"
)

// DefaultGrace is how late an occurrence may be before it counts as missed.
const DefaultGrace = time.Hour

// Schedule is something that recurs. Its JSON form is one flat object.
type Schedule struct {
	Head
	Body
}

// Head is what schedules are listed by.
type Head struct {
	storage.Meta
	Title string `json:"title"`
	// Handler is the host's handler that does each occurrence.
	Handler string `json:"handler"`
	State   State  `json:"state"`
	// Next is the next occurrence; absent where there is none to come or it is not active.
	Next time.Time `json:"next,omitzero"`
}

// Body is the rest of a schedule.
type Body struct {
	Rule Rule `json:"rule"`
	// Data is what the handler is given.
	Data json.RawMessage `json:"data,omitempty"`
	// Missed and Grace say what becomes of occurrences that came while nothing ran.
	Missed Missed        `json:"missed"`
	Grace  time.Duration `json:"grace"`
	// Count is how many occurrences were entered to be done, Skipped how many were missed and not
	// done, and Last the last one that was entered.
	Count   int64     `json:"count,omitempty"`
	Skipped int64     `json:"skipped,omitempty"`
	Last    time.Time `json:"last,omitzero"`
	// By is who made it.
	By itsm.ID `json:"by"`
}

// The columns of schedules.
var (
	ByTitle   = storage.Col("title", func(h *Head) *string { return &h.Title })
	ByHandler = storage.Col("handler", func(h *Head) *string { return &h.Handler })
	ByState   = storage.Col("state", func(h *Head) *State { return &h.State })
	ByNext    = storage.NullTimeCol("next", func(h *Head) *time.Time { return &h.Next })
)

// Table is the table of schedules.
var Table = storage.Define(Kind, storage.Def[Schedule, Head, Body]{
	Parts:   func(s *Schedule) (*Head, *Body) { return &s.Head, &s.Body },
	Columns: []storage.ColumnOf[Head]{ByTitle, ByHandler, ByState, ByNext},
	Indexes: []storage.Index{storage.IndexOn(ByTitle.Asc()), storage.IndexOn(ByState.Asc(), ByTitle.Asc())},
})

// MaxData is the greatest length of what a handler is given, in bytes.
const MaxData = 32 << 10
