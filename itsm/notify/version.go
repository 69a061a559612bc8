// This file holds the records of rule sets: each version of a tenant's own rules, and of those that its
// provider published to it.

package notify

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// KindRules is the kind of record that a version of a rule set is: the name of its table, and the first
// part of the permissions on rules.
const KindRules = "notification_rules"

// VersionState is where a version stands.
type VersionState string

// The states of a version.
const (
	// VersionDraft: it can be revised, and has never been active.
	VersionDraft VersionState = "draft"
	// VersionActive: its rules are followed. There is one at most of each stack.
	VersionActive VersionState = "active"
	// VersionRetired: another took its place. It can be made active again.
	VersionRetired VersionState = "retired"
)

// Stack says whose rules a version holds.
type Stack string

// The stacks.
const (
	// StackOwn are the tenant's own rules.
	StackOwn Stack = "own"
	// StackBase are those of its provider, as they were published to it. They are not changed here.
	StackBase Stack = "base"
)

// Version is one version of a tenant's rule set. Its JSON form is one flat object.
type Version struct {
	VersionHead
	VersionBody
}

// VersionHead is what versions are listed by.
type VersionHead struct {
	storage.Meta
	Stack Stack `json:"stack"`
	// Number counts the versions of the stack from 1.
	Number int64        `json:"number"`
	State  VersionState `json:"state"`
	// DraftedBy made it; ActivatedBy last made it active.
	DraftedBy   itsm.ID   `json:"drafted_by"`
	ActivatedBy itsm.ID   `json:"activated_by,omitempty"`
	ActivatedAt time.Time `json:"activated_at,omitzero"`
}

// VersionBody is the set itself.
type VersionBody struct {
	Set RuleSet `json:"set"`
	// Source is the provider's version that a base is a copy of.
	Source Source `json:"source,omitzero"`
}

// The columns of versions.
var (
	VersionByStack       = storage.Col("stack", func(h *VersionHead) *Stack { return &h.Stack })
	VersionByNumber      = storage.Col("number", func(h *VersionHead) *int64 { return &h.Number })
	VersionByState       = storage.Col("state", func(h *VersionHead) *VersionState { return &h.State })
	VersionByDraftedBy   = storage.Col("drafted_by", func(h *VersionHead) *itsm.ID { return &h.DraftedBy })
	VersionByActivatedBy = storage.Col("activated_by", func(h *VersionHead) *itsm.ID { return &h.ActivatedBy })
	VersionByActivatedAt = storage.NullTimeCol("activated_at", func(h *VersionHead) *time.Time { return &h.ActivatedAt })
)

// VersionTable is the table of versions.
var VersionTable = storage.Define(KindRules, storage.Def[Version, VersionHead, VersionBody]{
	Parts: func(v *Version) (*VersionHead, *VersionBody) { return &v.VersionHead, &v.VersionBody },
	Columns: []storage.ColumnOf[VersionHead]{
		VersionByStack, VersionByNumber, VersionByState, VersionByDraftedBy, VersionByActivatedBy, VersionByActivatedAt,
	},
	Indexes: []storage.Index{
		storage.UniqueOn(VersionByStack.Asc(), VersionByNumber.Asc()),
		storage.IndexOn(VersionByState.Asc()),
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
