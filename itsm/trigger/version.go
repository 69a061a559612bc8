// This file holds the records that triggers are kept in: the versions of a tenant's set.

package trigger

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a version of a set is: the name of its table, the first part of the
// permissions and event types.
const Kind = "trigger"

// State is where a version stands.
type State string

// The states of a version.
const (
	// StateDraft: it can be revised, and has never been active.
	StateDraft State = "draft"
	// StateActive: its triggers fire. There is one at most of each stack.
	StateActive State = "active"
	// StateRetired: another took its place. It can be made active again.
	StateRetired State = "retired"
)

// Stack says whose triggers a version holds, of the two that make what is effective.
type Stack string

// The stacks.
const (
	// StackOwn are the tenant's own.
	StackOwn Stack = "own"
	// StackBase are those of its provider, as they were published to it. They are not changed here.
	StackBase Stack = "base"
)

// Version is one version of a tenant's set. What is or was active is never changed. Its JSON form is
// one flat object.
type Version struct {
	Head
	Body
}

// Head is what versions are listed by.
type Head struct {
	storage.Meta
	Stack Stack `json:"stack"`
	// Number counts the versions of the stack from 1.
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
	Set Set `json:"set"`
	// DraftReason and ActivateReason are what the commands gave as theirs.
	DraftReason    string `json:"draft_reason,omitempty"`
	ActivateReason string `json:"activate_reason,omitempty"`
	// Source is the provider's version that a base is a copy of.
	Source Source `json:"source,omitzero"`
}

// The columns of versions.
var (
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
		ByStack, ByNumber, ByState, ByDraftedBy, ByRevisedBy, ByActivatedAt, ByRetiredAt, ByActivatedBy,
	},
	Indexes: []storage.Index{
		storage.UniqueOn(ByStack.Asc(), ByNumber.Asc()),
		storage.IndexOn(ByState.Asc()),
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
