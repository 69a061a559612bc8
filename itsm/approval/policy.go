// This file holds policies as data, and how they are read from JSON.

package approval

import (
	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Match says how many of the rules that match give gates.
type Match string

// The ways to match. Empty is MatchFirst.
const (
	// MatchFirst: the first rule that matches decides.
	MatchFirst Match = "first"
	// MatchAll: the gates of all rules that match are built. Automatic rules among them matter only where no
	// other matches.
	MatchAll Match = "all"
)

// Otherwise says what becomes of a record that no rule matches.
type Otherwise string

// What may become of it. Empty is OtherwiseReject.
const (
	OtherwiseReject  Otherwise = "reject"
	OtherwiseApprove Otherwise = "approve"
)

// Policy is a decision table: which gates a record has to pass. It is a value; [Policy.Check] says what is
// wrong with it, and [Build] refuses one that has faults.
type Policy struct {
	// Name is told in explanations and events, with whatever tells one version of the policy from another.
	Name      string    `json:"name"`
	Match     Match     `json:"match,omitempty"`
	Rules     []Rule    `json:"rules"`
	Otherwise Otherwise `json:"otherwise,omitempty"`
}

// Rule says what the records that it matches need.
type Rule struct {
	// Name tells the rule from the others of its policy.
	Name string `json:"name"`
	// When says which records it matches: columns, fields and facts as in package routing. The zero
	// condition matches all.
	When storage.Condition `json:"when"`
	// Gates are what they have to pass.
	Gates []Definition `json:"gates,omitempty"`
	// Automatic says that they are approved without a vote. A rule has gates or is automatic, not both.
	Automatic bool `json:"automatic,omitempty"`
}

// Definition is a gate as a policy writes it.
type Definition struct {
	// Name tells the gate from the others of its rule. Under MatchAll gates of one name are the same gate:
	// they must be equal in all rules, and are built once.
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Stage orders gates: those of one stage are open at the same time, and a stage opens when every gate of
	// a lesser one has approved.
	Stage int `json:"stage,omitempty"`
	// Approvers are who is asked, each person once.
	Approvers []Source `json:"approvers"`
	// Quorum is how many approvals it takes; the zero value is all.
	Quorum Threshold `json:"quorum,omitzero"`
	// Rejection is how many rejections reject; the zero value is the first. Whatever it says, the gate is
	// rejected as soon as the quorum is out of reach.
	Rejection Threshold `json:"rejection,omitzero"`
	// Exemption lets parties decide what is their own. Without one, nobody does.
	Exemption *Exemption `json:"exemption,omitempty"`
	// RemindAfterMinutes is how long after the gate asked its approvers those who have not voted are
	// reminded, once; 0 is never. It is time that passes, not time of work.
	RemindAfterMinutes int `json:"remind_after_minutes,omitempty"`
	// ExpireAfterMinutes is how long it waits for votes; 0 is for ever. OnExpiry is what then happens.
	ExpireAfterMinutes int    `json:"expire_after_minutes,omitempty"`
	OnExpiry           Expiry `json:"on_expiry,omitempty"`
	// EscalateTo is who is asked on expiry, with ExpiryEscalate, in the place of those who have not voted.
	EscalateTo []Source `json:"escalate_to,omitempty"`
}

// Expiry says what happens when a gate has waited for votes as long as it may.
type Expiry string

// What may happen.
const (
	// ExpiryStay leaves it open, and it is told.
	ExpiryStay Expiry = ""
	// ExpiryReject rejects, ExpiryReturn gives the record back to its author.
	ExpiryReject Expiry = "reject"
	ExpiryReturn Expiry = "return"
	// ExpiryEscalate asks others in the place of those who have not voted. It happens once to a gate, which
	// then stays open.
	ExpiryEscalate Expiry = "escalate"
)

// SourceKind says how a source names approvers.
type SourceKind string

// The kinds.
const (
	// SourcePerson is a person by id.
	SourcePerson SourceKind = "person"
	// SourceRole is who holds a role, by its name; SourceGroup is the people of a group, by its id.
	SourceRole  SourceKind = "role"
	SourceGroup SourceKind = "group"
	// SourceField is the person whose id stands in a column, field or fact of the record, and
	// SourceGroupField the people of the group whose id does: "requester.manager", "ci.owner".
	SourceField      SourceKind = "field"
	SourceGroupField SourceKind = "group_field"
)

// Source names approvers.
type Source struct {
	Kind SourceKind `json:"kind"`
	// Name is the id of the person or group, the role's name, or that of the column or fact.
	Name string `json:"name"`
}

// String names the source in a sentence: `group "cab"`.
func (s Source) String() string {
	switch s.Kind {
	case SourceGroupField:
		return "group in " + quoted(s.Name)
	case SourceField:
		return "person in " + quoted(s.Name)
	}
	return string(s.Kind) + " " + quoted(s.Name)
}

// Exemption lets parties vote on what is their own. It has a name so that each vote that it lets pass says
// by what.
type Exemption struct {
	Name string `json:"name"`
	// Of are the duties that it exempts, as in [Party]; none is every duty.
	Of []string `json:"of,omitempty"`
}

// The bounds of policies and processes, so that one from outside cannot exhaust an engine.
const (
	// MaxRules is how many rules a policy may have.
	MaxRules = 500
	// MaxGates is how many gates a rule, and a process, may have.
	MaxGates = 20
	// MaxSources is how many sources a gate may name, MaxApprovers how many persons it may ask.
	MaxSources   = 50
	MaxApprovers = 200
	// MaxParties is how many parties a subject may have.
	MaxParties = 200
	// MaxName and MaxTitle are the greatest lengths of names and titles, in characters.
	MaxName  = 100
	MaxTitle = storage.MaxText
	// MaxMinutes is the longest time until a reminder or expiry: ten years.
	MaxMinutes = 10 * 366 * 24 * 60
	// MaxStage is the greatest stage.
	MaxStage = 1000
	// MaxJSON is how long the JSON form of a policy may be, in bytes.
	MaxJSON = 1 << 20
	// MaxReason is the greatest length of the reason of a vote, in characters.
	MaxReason = itsm.MaxReason
	// MaxTurns is how often an approver may change the vote or ask in one gate.
	MaxTurns = 20
)

// Parse reads the JSON form of a policy: one object without unknown members, at most [MaxJSON] bytes. It
// does not know what conditions can speak of: Check does.
func Parse(raw []byte) (Policy, error) {
	var p Policy
	if err := strictjson.Decode("approval policy", raw, MaxJSON, &p); err != nil {
		return Policy{}, err
	}
	return p, nil
}
