// This file holds the events of approvals and delegations: what stands in the log, and what other practices
// react to.

package ballot

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
)

// About is what every event of an approval has: the record that is approved, what for, and in which round.
type About struct {
	Parent  itsm.Ref `json:"parent"`
	Purpose string   `json:"purpose,omitempty"`
	Round   int64    `json:"round"`
}

// Requested: approval was asked for. Rules are those of the policy that matched.
type Requested struct {
	About
	Hash   string   `json:"hash"`
	Policy string   `json:"policy"`
	Rules  []string `json:"rules,omitempty"`
}

// GateOpened: a gate asks its approvers. Barred would be asked, but are parties.
type GateOpened struct {
	About
	Gate      string            `json:"gate"`
	Approvers []itsm.ID         `json:"approvers"`
	Barred    []approval.Barred `json:"barred,omitempty"`
	// Again says that it had asked before: the record was on hold.
	Again bool `json:"again,omitempty"`
}

// Voted: a vote was cast. The event's reason is that of the vote.
type Voted struct {
	About
	Gate string `json:"gate"`
	// Approver is whose vote it is, By who cast it.
	Approver itsm.ID         `json:"approver"`
	By       itsm.ID         `json:"by"`
	Choice   approval.Choice `json:"choice"`
	Hash     string          `json:"hash"`
	// Exemption is the name of that by which a party has voted on what is their own.
	Exemption string `json:"exemption,omitempty"`
	// Replaces is what the approver's vote was before.
	Replaces approval.Choice `json:"replaces,omitempty"`
}

// Asked: an approver has a question, which is the event's reason. The vote is still open.
type Asked struct {
	About
	Gate     string  `json:"gate"`
	Approver itsm.ID `json:"approver"`
	By       itsm.ID `json:"by"`
}

// GateDecided: a gate came to its outcome.
type GateDecided struct {
	About
	Gate  string         `json:"gate"`
	State approval.State `json:"state"`
	Tally approval.Tally `json:"tally"`
	// Why says in words what decided it.
	Why string `json:"why"`
}

// Decided: the round came to its outcome: approved, rejected or returned. It is what the practice whose
// record it is follows.
type Decided struct {
	About
	Hash  string         `json:"hash"`
	State approval.State `json:"state"`
	Basis approval.Basis `json:"basis"`
	Rules []string       `json:"rules,omitempty"`
	// Why says in words what decided it. Reasons are those of the votes that rejected or returned it.
	Why     string   `json:"why"`
	Reasons []string `json:"reasons,omitempty"`
	// Exemptions are the names of those by which parties have voted.
	Exemptions []string `json:"exemptions,omitempty"`
}

// Revised: its parties were changed, and what was voted on was not.
type Revised struct {
	About
	Parties []approval.Party `json:"parties,omitempty"`
}

// Suspended: its record is on hold, and no votes are asked for.
type Suspended struct{ About }

// Released: its record is no longer on hold, and the votes that are missing are asked for again.
type Released struct{ About }

// Withdrawn: the record is not to be approved any more.
type Withdrawn struct {
	About
	// ParentEnded says that it is because the record was closed, cancelled or deleted.
	ParentEnded bool `json:"parent_ended,omitempty"`
}

// Lapsed: the record was changed, and another round takes the place of this one.
type Lapsed struct {
	About
	// Next is the approval of that round.
	Next itsm.ID `json:"next"`
}

// Reminded: those who have not voted are reminded.
type Reminded struct {
	About
	Gate    string    `json:"gate"`
	Missing []itsm.ID `json:"missing"`
}

// Expired: a gate has waited for votes as long as it may.
type Expired struct {
	About
	Gate    string          `json:"gate"`
	Missing []itsm.ID       `json:"missing"`
	Then    approval.Expiry `json:"then,omitempty"`
	// Problem says why it could not be escalated, where it could not; the gate is still open.
	Problem string `json:"problem,omitempty"`
}

// Escalated: others are asked in the place of those who had not voted.
type Escalated struct {
	About
	Gate      string    `json:"gate"`
	Approvers []itsm.ID `json:"approvers"`
}

// Delegated: a person lets another vote in their place.
type Delegated struct {
	Delegator  itsm.ID   `json:"delegator"`
	Delegate   itsm.ID   `json:"delegate"`
	RecordKind string    `json:"record_kind,omitempty"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	// By is who set it up, where that is not the delegator.
	By itsm.ID `json:"by,omitempty"`
}

// DelegationRevoked: it holds no more from now on.
type DelegationRevoked struct {
	Delegator itsm.ID `json:"delegator"`
	Delegate  itsm.ID `json:"delegate"`
	// By is who ended it, where that is not the delegator.
	By itsm.ID `json:"by,omitempty"`
}

// EventType gives the type's name in the log.
func (Requested) EventType() string         { return "approval.requested.v1" }
func (GateOpened) EventType() string        { return "approval.gate_opened.v1" }
func (Voted) EventType() string             { return "approval.voted.v1" }
func (Asked) EventType() string             { return "approval.asked.v1" }
func (GateDecided) EventType() string       { return "approval.gate_decided.v1" }
func (Decided) EventType() string           { return "approval.decided.v1" }
func (Revised) EventType() string           { return "approval.revised.v1" }
func (Suspended) EventType() string         { return "approval.suspended.v1" }
func (Released) EventType() string          { return "approval.released.v1" }
func (Withdrawn) EventType() string         { return "approval.withdrawn.v1" }
func (Lapsed) EventType() string            { return "approval.lapsed.v1" }
func (Reminded) EventType() string          { return "approval.reminded.v1" }
func (Expired) EventType() string           { return "approval.expired.v1" }
func (Escalated) EventType() string         { return "approval.escalated.v1" }
func (Delegated) EventType() string         { return "approval_delegation.delegated.v1" }
func (DelegationRevoked) EventType() string { return "approval_delegation.revoked.v1" }

// EventTypes gives the types of all events, for documentation and for readers of the log.
func EventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Requested](), itsm.EventOf[GateOpened](), itsm.EventOf[Voted](), itsm.EventOf[Asked](), itsm.EventOf[GateDecided](),
		itsm.EventOf[Decided](), itsm.EventOf[Revised](), itsm.EventOf[Suspended](), itsm.EventOf[Released](), itsm.EventOf[Withdrawn](),
		itsm.EventOf[Lapsed](), itsm.EventOf[Reminded](), itsm.EventOf[Expired](), itsm.EventOf[Escalated](),
		itsm.EventOf[Delegated](), itsm.EventOf[DelegationRevoked](),
	}
}
