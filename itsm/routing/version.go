// This file holds the records: the versions of rule sets, and whose turn it is in a group.

package routing

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a version of a rule set is: the name of its table, the first part
// of the permissions and event types.
const Kind = "routing"

// State is where a version stands.
type State string

// The states of a version.
const (
	// StateDraft: it can be revised, and has never been active.
	StateDraft State = "draft"
	// StateActive: its rules are followed. There is one at most of each kind of record and stack.
	StateActive State = "active"
	// StateRetired: another took its place. It can be made active again.
	StateRetired State = "retired"
)

// Stack says whose rules a version holds, of the two that make an effective set.
type Stack string

// The stacks.
const (
	// StackOwn are the tenant's own rules.
	StackOwn Stack = "own"
	// StackBase are those of its provider, as they were published to it. They are not changed
	// here.
	StackBase Stack = "base"
)

// Version is one version of a rule set of a tenant for one kind of record. Its JSON form is one
// flat object.
type Version struct {
	Head
	Body
}

// Head is what versions are listed by.
type Head struct {
	storage.Meta
	// RecordKind is the kind of record that it routes.
	RecordKind string `json:"record_kind"`
	Stack      Stack  `json:"stack"`
	// Number counts the versions of the kind and stack from 1.
	Number int64 `json:"number"`
	State  State `json:"state"`
	// DraftedBy made it; RevisedBy last changed it, where someone did.
	DraftedBy itsm.ID `json:"drafted_by"`
	RevisedBy itsm.ID `json:"revised_by,omitempty"`
	// ActivatedAt is when it was last made active, RetiredAt when another last took its place.
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	RetiredAt   time.Time `json:"retired_at,omitzero"`
	ActivatedBy itsm.ID   `json:"activated_by,omitempty"`
}

// Body is the set itself, and why.
type Body struct {
	Set RuleSet `json:"set"`
	// DraftReason and ActivateReason are what the commands gave as theirs.
	DraftReason    string `json:"draft_reason,omitempty"`
	ActivateReason string `json:"activate_reason,omitempty"`
	// Source is the provider's version that a base is a copy of.
	Source Source `json:"source,omitzero"`
}

// The columns of versions.
var (
	ByRecordKind  = storage.Col("record_kind", func(h *Head) *string { return &h.RecordKind })
	ByStack       = storage.Col("stack", func(h *Head) *Stack { return &h.Stack })
	ByNumber      = storage.Col("number", func(h *Head) *int64 { return &h.Number })
	ByState       = storage.Col("state", func(h *Head) *State { return &h.State })
	ByDraftedBy   = storage.Col("drafted_by", func(h *Head) *itsm.ID { return &h.DraftedBy })
	ByRevisedBy   = storage.Col("revised_by", func(h *Head) *itsm.ID { return &h.RevisedBy })
	ByActivatedAt = storage.NullTimeCol("activated_at", func(h *Head) *time.Time { return &h.ActivatedAt })
	ByRetiredAt   = storage.NullTimeCol("retired_at", func(h *Head) *time.Time { return &h.RetiredAt })
	ByActivatedBy = storage.Col("activated_by", func(h *Head) *itsm.ID { return &h.ActivatedBy })
)

// Table is the table of versions.
var Table = storage.Define(Kind, storage.Def[Version, Head, Body]{
	Parts: func(v *Version) (*Head, *Body) { return &v.Head, &v.Body },
	Columns: []storage.ColumnOf[Head]{
		ByRecordKind, ByStack, ByNumber, ByState, ByDraftedBy, ByRevisedBy, ByActivatedAt, ByRetiredAt, ByActivatedBy,
	},
	Indexes: []storage.Index{
		storage.UniqueOn(ByRecordKind.Asc(), ByStack.Asc(), ByNumber.Asc()),
		storage.IndexOn(ByRecordKind.Asc(), ByState.Asc()),
	},
})

// Layer gives the set of a version, with where it comes from: for a base its provider's version,
// otherwise the version itself.
func (v *Version) Layer() Layer {
	if v.Stack == StackBase {
		return Layer{Source: v.Source, Set: v.Set}
	}
	return Layer{Source: Source{Tenant: v.Tenant, Set: v.ID, Number: v.Number}, Set: v.Set}
}

// turn says who had the last turn in a group. Its id is the group's.
type turn struct {
	turnHead
	turnBody
}

type turnHead struct {
	storage.Meta
	Last itsm.ID
}

type turnBody struct{}

var turnByLast = storage.Col("last", func(h *turnHead) *itsm.ID { return &h.Last })

var turnTable = storage.Define("routing_turn", storage.Def[turn, turnHead, turnBody]{
	Parts:   func(t *turn) (*turnHead, *turnBody) { return &t.turnHead, &t.turnBody },
	Columns: []storage.ColumnOf[turnHead]{turnByLast},
})
