// This file holds the records: an approval, one for each round, and the entry of each person who is asked,
// with their tables and the columns to query by.

package ballot

import (
	"math"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that an approval is: the name of its table, the first part of the permissions
// and event types.
const Kind = "approval"

// Approval is one round of the approval of a record. Its JSON form is one flat object. All times are UTC
// microseconds; the zero time is absent.
type Approval struct {
	Head
	Body
}

// Head is what lists of approvals show, filter and sort by.
type Head struct {
	storage.Meta
	// ParentKind and ParentID name the record that is approved, Purpose what for, where it is approved for
	// several things. They never change.
	ParentKind string  `json:"parent_kind"`
	ParentID   itsm.ID `json:"parent_id"`
	Purpose    string  `json:"purpose,omitempty"`
	// Round counts from 1 for each purpose. Current says that there is no later one.
	Round   int64 `json:"round"`
	Current bool  `json:"current"`
	// State is open, approved, rejected, returned, withdrawn or lapsed; Open that it is open, and Suspended
	// that it waits for its record, which is on hold.
	State     approval.State `json:"state"`
	Open      bool           `json:"open"`
	Suspended bool           `json:"suspended"`
	// Hash is that of the subject, Policy the name of the policy.
	Hash   string `json:"hash"`
	Policy string `json:"policy"`
	// RequestedBy asked for it.
	RequestedBy itsm.ID `json:"requested_by"`
	// Ended is when it was decided, withdrawn, or lapsed.
	Ended time.Time `json:"ended_at,omitzero"`
}

// Body is the rest of an approval, which no list reads.
type Body struct {
	Process approval.Process `json:"process"`
}

// The columns of approvals. They are the language of queries: [Query].
var (
	ByParentKind  = storage.Col("parent_kind", func(h *Head) *string { return &h.ParentKind })
	ByParentID    = storage.Col("parent_id", func(h *Head) *itsm.ID { return &h.ParentID })
	ByPurpose     = storage.Col("purpose", func(h *Head) *string { return &h.Purpose })
	ByRound       = storage.Col("round", func(h *Head) *int64 { return &h.Round })
	ByCurrent     = storage.BoolCol("current", func(h *Head) *bool { return &h.Current })
	ByState       = storage.Col("state", func(h *Head) *approval.State { return &h.State })
	ByOpen        = storage.BoolCol("open", func(h *Head) *bool { return &h.Open })
	BySuspended   = storage.BoolCol("suspended", func(h *Head) *bool { return &h.Suspended })
	ByHash        = storage.Col("hash", func(h *Head) *string { return &h.Hash })
	ByPolicy      = storage.Col("policy", func(h *Head) *string { return &h.Policy })
	ByRequestedBy = storage.Col("requested_by", func(h *Head) *itsm.ID { return &h.RequestedBy })
	ByEnded       = storage.NullTimeCol("ended_at", func(h *Head) *time.Time { return &h.Ended })
)

// Table is the table of approvals.
var Table = storage.Define(Kind, storage.Def[Approval, Head, Body]{
	Parts: func(a *Approval) (*Head, *Body) { return &a.Head, &a.Body },
	Columns: []storage.ColumnOf[Head]{
		ByParentKind, ByParentID, ByPurpose, ByRound, ByCurrent, ByState, ByOpen, BySuspended, ByHash, ByPolicy, ByRequestedBy, ByEnded,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByParentKind.Asc(), ByParentID.Asc(), ByPurpose.Asc(), ByRound.Asc()),
		storage.IndexOn(ByParentKind.Asc(), ByParentID.Asc(), ByOpen.Asc()),
		storage.IndexOn(ByOpen.Asc(), storage.Order{Column: storage.ColumnCreated}),
		storage.IndexOn(storage.Order{Column: storage.ColumnCreated}),
	},
})

// Ref names the approval.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }

// Parent names the record that is approved.
func (h *Head) Parent() itsm.Ref { return itsm.Ref{Kind: h.ParentKind, ID: h.ParentID} }

// idOf is the id of a round, the same whoever asks for it: so of two who ask at the same time the second
// meets a conflict, runs again, and asks for the round after.
func idOf(parent itsm.Ref, purpose string, round int64) itsm.ID {
	return itsm.ID(digest.Of(Kind, parent.Kind, string(parent.ID), purpose, strconv.FormatInt(round, 10)))
}

// fill sets what of the head follows from the process.
func (a *Approval) fill() {
	p := &a.Process
	a.State, a.Open, a.Suspended, a.Hash, a.Policy, a.Ended = p.State, p.State == approval.StateOpen, p.Suspended, p.Subject.Hash, p.Policy, p.Ended
	a.Round = int64(p.Round)
}

// state and category are what events say of where it stands.
func (a *Approval) standing() (state string, category itsm.Category) {
	s := a.State
	if a.Open && a.Suspended {
		s = approval.StateSuspended
	}
	c, _ := approval.Lifecycle().Category(s)
	return string(s), c
}

// ApproverKind is the kind of record that the entry of an approver is.
const ApproverKind = "approver"

// EntryState says what an approver's entry is.
type EntryState string

// The states of entries.
const (
	// EntryRequested waits for the vote.
	EntryRequested EntryState = "requested"
	// EntrySuspended waits until the record is released.
	EntrySuspended EntryState = "suspended"
	// EntryApproved, EntryRejected, EntryReturned and EntryAbstained have voted; while the gate is open
	// they may vote again.
	EntryApproved  EntryState = "approved"
	EntryRejected  EntryState = "rejected"
	EntryReturned  EntryState = "returned"
	EntryAbstained EntryState = "abstained"
	// EntryNotRequired was not needed: the gate was decided without, or others were asked instead.
	EntryNotRequired EntryState = "not_required"
	// EntryLapsed: the record was changed, or is not to be approved any more.
	EntryLapsed EntryState = "lapsed"
)

// Approver is the entry of one person who is asked at one gate of one round. It is made when the gate opens.
// It is what "waits for my vote" is a list of; the vote itself stands in the approval.
type Approver struct {
	ApproverHead
	ApproverBody
}

// ApproverHead is all of an entry.
type ApproverHead struct {
	storage.Meta
	Approval   itsm.ID `json:"approval"`
	ParentKind string  `json:"parent_kind"`
	ParentID   itsm.ID `json:"parent_id"`
	Purpose    string  `json:"purpose,omitempty"`
	Gate       string  `json:"gate"`
	// Approver is who is asked.
	Approver itsm.ID    `json:"approver"`
	State    EntryState `json:"state"`
	// Open says that it waits for the vote.
	Open bool `json:"open"`
	// AskedAt is when the gate last asked, Due when it will have waited as long as it may.
	AskedAt time.Time `json:"asked_at"`
	Due     time.Time `json:"due,omitzero"`
	// DueOrder follows from Due, in microseconds since 1970 UTC, and is the greatest number where there is
	// none: lists are ordered by it, as an absent time is no order.
	DueOrder int64 `json:"-"`
}

// ApproverBody is empty: an entry has nothing that lists do not show.
type ApproverBody struct{}

// The columns of entries. They are the language of queries: [ApproverQuery].
var (
	ApproverByApproval   = storage.Col("approval", func(h *ApproverHead) *itsm.ID { return &h.Approval })
	ApproverByParentKind = storage.Col("parent_kind", func(h *ApproverHead) *string { return &h.ParentKind })
	ApproverByParentID   = storage.Col("parent_id", func(h *ApproverHead) *itsm.ID { return &h.ParentID })
	ApproverByPurpose    = storage.Col("purpose", func(h *ApproverHead) *string { return &h.Purpose })
	ApproverByGate       = storage.Col("gate", func(h *ApproverHead) *string { return &h.Gate })
	ApproverByPerson     = storage.Col("approver", func(h *ApproverHead) *itsm.ID { return &h.Approver })
	ApproverByState      = storage.Col("state", func(h *ApproverHead) *EntryState { return &h.State })
	ApproverByOpen       = storage.BoolCol("open", func(h *ApproverHead) *bool { return &h.Open })
	ApproverByAsked      = storage.TimeCol("asked_at", func(h *ApproverHead) *time.Time { return &h.AskedAt })
	ApproverByDue        = storage.NullTimeCol("due", func(h *ApproverHead) *time.Time { return &h.Due })
	ApproverByDueOrder   = storage.Col("due_order", func(h *ApproverHead) *int64 { return &h.DueOrder })
)

// ApproverTable is the table of entries.
var ApproverTable = storage.Define(ApproverKind, storage.Def[Approver, ApproverHead, ApproverBody]{
	Parts: func(a *Approver) (*ApproverHead, *ApproverBody) { return &a.ApproverHead, &a.ApproverBody },
	Columns: []storage.ColumnOf[ApproverHead]{
		ApproverByApproval, ApproverByParentKind, ApproverByParentID, ApproverByPurpose, ApproverByGate, ApproverByPerson,
		ApproverByState, ApproverByOpen, ApproverByAsked, ApproverByDue, ApproverByDueOrder,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ApproverByPerson.Asc(), ApproverByOpen.Asc(), ApproverByDueOrder.Asc()),
		storage.IndexOn(ApproverByOpen.Asc(), ApproverByDueOrder.Asc()),
		storage.IndexOn(ApproverByApproval.Asc()),
	},
})

// Parent names the record that is approved.
func (h *ApproverHead) Parent() itsm.Ref { return itsm.Ref{Kind: h.ParentKind, ID: h.ParentID} }

func entryID(of itsm.ID, gate string, person itsm.ID) itsm.ID {
	return itsm.ID(digest.Of(ApproverKind, string(of), gate, string(person)))
}

// dueOrder is what DueOrder is for a due time.
func dueOrder(due time.Time) int64 {
	if due.IsZero() {
		return math.MaxInt64
	}
	return due.UnixMicro()
}
