// This file holds the records: the versions, where each stands, and what of them is active.

package versioned

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Set is what a version holds: a set of rules, a policy, a calendar. Its JSON form is kept.
type Set[S any] interface {
	// VersionKind is the kind of record that its versions are: the name of their table and the
	// beginning of the types of their events. It is the same for every value, the zero one too.
	VersionKind() string
	// Clone gives a copy that shares nothing that anyone changes.
	Clone() S
}

// State is where a version stands.
type State string

// The states of a version.
const (
	// StateDraft: it can be revised, and has never been active.
	StateDraft State = "draft"
	// StateActive: it is followed. There is one at most of each family and stack.
	StateActive State = "active"
	// StateRetired: another took its place, or it was retired by itself. It can be made active again.
	StateRetired State = "retired"
)

// Stack says whose a version is, of the two that make what holds in a tenant.
type Stack string

// The stacks.
const (
	// StackOwn are the tenant's own versions.
	StackOwn Stack = "own"
	// StackBase are those of its provider, as they were published to it. They are not changed here.
	StackBase Stack = "base"
)

// Version is one version of a tenant's set. What is or was active is never changed. Its JSON form is one
// flat object.
type Version[S any] struct {
	Head
	Body[S]
}

// Head is what versions are listed by.
type Head struct {
	storage.Meta
	// Family is what it is a version of; empty where the practice has one family.
	Family string `json:"family,omitempty"`
	Stack  Stack  `json:"stack"`
	// Number counts the versions of the family and stack from 1.
	Number int64 `json:"number"`
	State  State `json:"state"`
	// DraftedBy made it; RevisedBy last changed it, where someone did.
	DraftedBy itsm.ID `json:"drafted_by"`
	RevisedBy itsm.ID `json:"revised_by,omitempty"`
	// ActivatedAt is when it was last made active, RetiredAt when it last ceased to be.
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	RetiredAt   time.Time `json:"retired_at,omitzero"`
	ActivatedBy itsm.ID   `json:"activated_by,omitempty"`
}

// Body is the set itself, and why.
type Body[S any] struct {
	Set S `json:"set"`
	// DraftReason and ActivateReason are what the commands gave as theirs.
	DraftReason    string `json:"draft_reason,omitempty"`
	ActivateReason string `json:"activate_reason,omitempty"`
	// Revisers are all who have revised it while it was a draft, in the order in which they first did. Those of a draft
	// that was revised before they were kept are not all in it.
	Revisers []itsm.ID `json:"revisers,omitempty"`
	// Source is the provider's version that a base is a copy of. Who may not read versions in the
	// provider's tenant is given its number alone: what a provider calls its tenant and its versions is not
	// its customers' to know.
	Source Source `json:"source,omitzero"`
}

// The columns of versions.
var (
	ByFamily      = storage.Col("family", func(h *Head) *string { return &h.Family })
	ByStack       = storage.Col("stack", func(h *Head) *Stack { return &h.Stack })
	ByNumber      = storage.Col("number", func(h *Head) *int64 { return &h.Number })
	ByState       = storage.Col("state", func(h *Head) *State { return &h.State })
	ByDraftedBy   = storage.Col("drafted_by", func(h *Head) *itsm.ID { return &h.DraftedBy })
	ByRevisedBy   = storage.Col("revised_by", func(h *Head) *itsm.ID { return &h.RevisedBy })
	ByActivatedAt = storage.NullTimeCol("activated_at", func(h *Head) *time.Time { return &h.ActivatedAt })
	ByRetiredAt   = storage.NullTimeCol("retired_at", func(h *Head) *time.Time { return &h.RetiredAt })
	ByActivatedBy = storage.Col("activated_by", func(h *Head) *itsm.ID { return &h.ActivatedBy })
)

// IsAuthor says whether a person made the version or has revised it.
func (v *Version[S]) IsAuthor(person itsm.ID) bool {
	return v.DraftedBy == person || v.RevisedBy == person || slices.Contains(v.Revisers, person)
}

// Table is a table of versions.
type Table[S any] = storage.Table[Version[S], Head, Body[S]]

// Define makes the table of the versions of a set, under the name of their kind. There are indexes for
// the versions of a family and stack by their number, and for those of a state by their family.
func Define[S Set[S]]() Table[S] {
	return storage.Define(kindOf[S](), storage.Def[Version[S], Head, Body[S]]{
		Parts: func(v *Version[S]) (*Head, *Body[S]) { return &v.Head, &v.Body },
		Columns: []storage.ColumnOf[Head]{
			ByFamily, ByStack, ByNumber, ByState, ByDraftedBy, ByRevisedBy, ByActivatedAt, ByRetiredAt, ByActivatedBy,
		},
		Indexes: []storage.Index{
			storage.UniqueOn(ByFamily.Asc(), ByStack.Asc(), ByNumber.Asc()),
			storage.IndexOn(ByState.Asc(), ByFamily.Asc()),
		},
	})
}

func kindOf[S Set[S]]() string {
	var s S
	return s.VersionKind()
}

// Source says where a value comes from: a version of a tenant. The zero Source is the library, or the
// host's configuration of it.
type Source struct {
	Tenant storage.Tenant `json:"tenant,omitempty"`
	// Set is the id of the version in that tenant, Number its number there.
	Set    itsm.ID `json:"set,omitempty"`
	Number int64   `json:"number,omitempty"`
	// Provider says that it is the base of the tenant, which its provider published: Tenant and Set are
	// those of the tenant's own copy, and Number is that of the provider's version.
	Provider bool `json:"provider,omitempty"`
}

// String says it for people: "acme, version 3", "the provider's, version 7", and "shipped" of the zero
// Source.
func (s Source) String() string {
	switch {
	case s == (Source{}):
		return "shipped"
	case s.Provider:
		return fmt.Sprintf("the provider's, version %d", s.Number)
	}
	return fmt.Sprintf("%s, version %d", s.Tenant, s.Number)
}

// Layer is a set and where it comes from. The zero Layer has the zero set.
type Layer[S any] struct {
	Source Source `json:"source,omitzero"`
	Set    S      `json:"set"`
}

// Layer gives the set of a version, with where it comes from, as it may be told to everyone in the tenant:
// a base is the provider's, who is not named.
func (v *Version[S]) Layer() Layer[S] {
	from := Source{Tenant: v.Tenant, Set: v.ID, Number: v.Number}
	if v.Stack == StackBase {
		from.Number, from.Provider = v.Source.Number, true
	}
	return Layer[S]{Source: from, Set: v.Set}
}

// Active are the versions of a family that are followed; nil where a stack has none.
type Active[S any] struct {
	Base, Own *Version[S]
}

// ReadActive reads what is followed of a family in the reader's tenant. It asks for no permission: that
// is for the practice.
func ReadActive[S any](ctx context.Context, r storage.Reader, t Table[S], family string) (Active[S], error) {
	page, err := t.Records(ctx, r, storage.Query[Head]{Where: storage.AllOf(ByState.Is(StateActive), ByFamily.Is(family))})
	var a Active[S]
	for i := range page.Items {
		a = a.With(&page.Items[i])
	}
	return a, err
}

// With is what would be followed if a version were active.
func (a Active[S]) With(v *Version[S]) Active[S] {
	*a.of(v.Stack) = v
	return a
}

// Layers gives the layer of each stack, the zero Layer where none is active.
func (a Active[S]) Layers() (base, own Layer[S]) {
	if a.Base != nil {
		base = a.Base.Layer()
	}
	if a.Own != nil {
		own = a.Own.Layer()
	}
	return base, own
}

func (a *Active[S]) of(s Stack) **Version[S] {
	if s == StackBase {
		return &a.Base
	}
	return &a.Own
}
