// This file holds the record of a message, and that of what was decided about an event.

package notify

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a message is: the name of its table, and the first part of the
// permissions on messages.
const Kind = "notification"

// State is where a message stands.
type State string

// The states of a message.
const (
	// StatePending: it waits to be sent, or for its digest.
	StatePending State = "pending"
	// StateSent: the sender took it.
	StateSent State = "sent"
	// StateFailed: the sender did not take it. It is tried again, unless the sender said that it
	// cannot be delivered; what fails too often is a dead letter of the engine, of the kind
	// [JobSend] and with the message's id as its key.
	StateFailed State = "failed"
	// StateSuppressed: it is not sent any more; Why says why.
	StateSuppressed State = "suppressed"
	// StateDigested: it was told as part of another message.
	StateDigested State = "digested"
)

// Why says why somebody was not told, or not any more.
type Why string

// The reasons.
const (
	// WhyActor: the person caused the event.
	WhyActor Why = "actor"
	// WhyUnknown: the directory does not have the person; WhyInactive: the person has left.
	WhyUnknown  Why = "unknown_person"
	WhyInactive Why = "inactive_person"
	// WhyMayNotRead: the person may not read the record.
	WhyMayNotRead Why = "may_not_read"
	// WhyInternal: the event is internal, and the person may not read what is.
	WhyInternal Why = "internal"
	// WhySwitchedOff: the person does not want it.
	WhySwitchedOff Why = "switched_off"
	// WhyExpired: it is too late.
	WhyExpired Why = "expired"
	// WhyMoot: another event made it moot, as the rule says.
	WhyMoot Why = "moot"
	// WhyAcknowledged: the reader acknowledged an earlier message about the same.
	WhyAcknowledged Why = "acknowledged"
	// WhyErased: the data of the person were erased.
	WhyErased Why = "erased"
)

// Reading is what of a record somebody may read.
type Reading string

// The readings.
const (
	// ReadNothing: the person may not know of the record.
	ReadNothing Reading = ""
	// ReadPublic: the record without what is internal to it.
	ReadPublic Reading = "public"
	// ReadInternal: everything.
	ReadInternal Reading = "internal"
)

// covers says whether who reads as r may read what was made for other.
func (r Reading) covers(other Reading) bool {
	return r == ReadInternal || r == ReadPublic && other != ReadInternal
}

// Notification is one message to one person on one channel. Its JSON form is one flat object.
type Notification struct {
	Head
	Body
}

// Head is what messages are listed by.
type Head struct {
	storage.Meta
	Person  itsm.ID `json:"person"`
	Channel Channel `json:"channel"`
	State   State   `json:"state"`
	// Why is why it is suppressed.
	Why Why `json:"why,omitempty"`
	// Event is the event that it tells of, the first one where it tells of several; of a digest it is
	// the message's own id.
	Event itsm.ID `json:"event"`
	// RecordKind and RecordID name the record that it is about; empty in a digest.
	RecordKind string  `json:"record_kind,omitempty"`
	RecordID   itsm.ID `json:"record_id,omitempty"`
	// Rule is the name of the rule that made it, empty in a digest.
	Rule     string `json:"rule,omitempty"`
	Class    string `json:"class,omitempty"`
	Template string `json:"template"`
	Urgent   bool   `json:"urgent"`
	// Digest says that it waits for a digest, or was told by one.
	Digest bool `json:"digest"`
	// Due is when it may be sent at the earliest, Expires when it may not be any more.
	Due     time.Time `json:"due"`
	Expires time.Time `json:"expires"`
	// SentAt is when the sender took it, AcknowledgedAt when the reader acknowledged it.
	SentAt         time.Time `json:"sent_at,omitzero"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
	// Attempts counts how often it was given to the sender.
	Attempts int `json:"attempts,omitempty"`
}

// Body is the rest of a message.
type Body struct {
	// EventType, Action and At are those of the event, of the last one where it tells of several.
	EventType string    `json:"event_type,omitempty"`
	Action    string    `json:"action,omitempty"`
	At        time.Time `json:"at,omitzero"`
	// Audiences are those as which the person is told.
	Audiences []Audience `json:"audiences,omitempty"`
	// Reading is what of the record the message may hold.
	Reading Reading `json:"reading,omitempty"`
	// Data is for the template: what the rule and the host gave.
	Data map[string]any `json:"data,omitempty"`
	// Count is how many events it tells of where they were collapsed, this one included; More are those
	// after the first.
	Count int       `json:"count,omitempty"`
	More  []itsm.ID `json:"more,omitempty"`
	// Items are what a digest tells, in the order of their times.
	Items []Item `json:"items,omitempty"`
	// DigestedIn is the digest by which it was told.
	DigestedIn itsm.ID `json:"digested_in,omitempty"`
	// Error is what the sender said last.
	Error string `json:"error,omitempty"`
}

// Item is one message of a digest.
type Item struct {
	// ID is that of the message.
	ID         itsm.ID        `json:"id"`
	RecordKind string         `json:"record_kind"`
	RecordID   itsm.ID        `json:"record_id"`
	EventType  string         `json:"event_type"`
	Action     string         `json:"action,omitempty"`
	At         time.Time      `json:"at"`
	Class      string         `json:"class"`
	Template   string         `json:"template"`
	Data       map[string]any `json:"data,omitempty"`
	Count      int            `json:"count"`
	// Reading is what of the record it may hold.
	Reading Reading `json:"reading"`
	// Named says that the event was addressed to the reader: see [AudienceNamed].
	Named bool `json:"named,omitempty"`
}

// Record names the record that the message is about.
func (h *Head) Record() itsm.Ref { return itsm.Ref{Kind: h.RecordKind, ID: h.RecordID} }

// The columns of messages.
var (
	ByPerson         = storage.Col("person", func(h *Head) *itsm.ID { return &h.Person })
	ByChannel        = storage.Col("channel", func(h *Head) *Channel { return &h.Channel })
	ByState          = storage.Col("state", func(h *Head) *State { return &h.State })
	ByWhy            = storage.Col("why", func(h *Head) *Why { return &h.Why })
	ByEvent          = storage.Col("event", func(h *Head) *itsm.ID { return &h.Event })
	ByRecordKind     = storage.Col("record_kind", func(h *Head) *string { return &h.RecordKind })
	ByRecordID       = storage.Col("record_id", func(h *Head) *itsm.ID { return &h.RecordID })
	ByRule           = storage.Col("rule", func(h *Head) *string { return &h.Rule })
	ByClass          = storage.Col("class", func(h *Head) *string { return &h.Class })
	ByTemplate       = storage.Col("template", func(h *Head) *string { return &h.Template })
	ByUrgent         = storage.BoolCol("urgent", func(h *Head) *bool { return &h.Urgent })
	ByDigest         = storage.BoolCol("digest", func(h *Head) *bool { return &h.Digest })
	ByDue            = storage.TimeCol("due", func(h *Head) *time.Time { return &h.Due })
	ByExpires        = storage.TimeCol("expires", func(h *Head) *time.Time { return &h.Expires })
	BySentAt         = storage.NullTimeCol("sent_at", func(h *Head) *time.Time { return &h.SentAt })
	ByAcknowledgedAt = storage.NullTimeCol("acknowledged_at", func(h *Head) *time.Time { return &h.AcknowledgedAt })
	ByAttempts       = storage.Col("attempts", func(h *Head) *int { return &h.Attempts })
)

// Table is the table of messages.
var Table = storage.Define(Kind, storage.Def[Notification, Head, Body]{
	Parts: func(n *Notification) (*Head, *Body) { return &n.Head, &n.Body },
	Columns: []storage.ColumnOf[Head]{
		ByPerson, ByChannel, ByState, ByWhy, ByEvent, ByRecordKind, ByRecordID, ByRule, ByClass, ByTemplate,
		ByUrgent, ByDigest, ByDue, ByExpires, BySentAt, ByAcknowledgedAt, ByAttempts,
	},
	Indexes: []storage.Index{
		// One message for each person, event and channel, whatever happens.
		storage.UniqueOn(ByEvent.Asc(), ByPerson.Asc(), ByChannel.Asc()),
		storage.IndexOn(ByPerson.Asc(), ByDue.Asc()),
		storage.IndexOn(ByPerson.Asc(), ByChannel.Asc(), ByState.Asc(), ByDue.Asc()),
		storage.IndexOn(ByRecordKind.Asc(), ByRecordID.Asc(), ByState.Asc(), ByDue.Asc()),
		storage.IndexOn(ByState.Asc(), ByDue.Asc()),
	},
})

// Decision is what was decided for one person and channel, or for one person as a whole.
type Decision struct {
	Person itsm.ID `json:"person"`
	// Channel is empty where the person is not told on any, whatever the channel.
	Channel Channel `json:"channel,omitempty"`
	// Rule is the first that reached the person, and Source where it comes from.
	Rule   string `json:"rule"`
	Source Source `json:"source,omitzero"`
	// Audiences are those of the rule to which the person belongs.
	Audiences []Audience `json:"audiences"`
	// Message is what tells the person; it is empty where Why says why not. Collapsed says that the
	// message was there and took this event up.
	Message   itsm.ID `json:"message,omitempty"`
	Collapsed bool    `json:"collapsed,omitempty"`
	Why       Why     `json:"why,omitempty"`
	// Due is when the message may be sent at the earliest, and Digest whether with others.
	Due    time.Time `json:"due,omitzero"`
	Digest bool      `json:"digest,omitempty"`
}

// plan is what was decided about an event, whose id it has: it keeps an event that is delivered again
// from being told again.
type plan struct {
	planHead
	planBody
}

type planHead struct {
	storage.Meta
	RecordKind string
	RecordID   itsm.ID
	At         time.Time
}

type planBody struct {
	EventType string     `json:"event_type"`
	Decisions []Decision `json:"decisions,omitempty"`
	// Unmatched are rules about the event whose condition did not hold.
	Unmatched []string `json:"unmatched,omitempty"`
	// Mooted are messages that the event made moot.
	Mooted []itsm.ID `json:"mooted,omitempty"`
}

var (
	planByRecordKind = storage.Col("record_kind", func(h *planHead) *string { return &h.RecordKind })
	planByRecordID   = storage.Col("record_id", func(h *planHead) *itsm.ID { return &h.RecordID })
	planByAt         = storage.TimeCol("at", func(h *planHead) *time.Time { return &h.At })
	planTable        = storage.Define("notification_plan", storage.Def[plan, planHead, planBody]{
		Parts:   func(p *plan) (*planHead, *planBody) { return &p.planHead, &p.planBody },
		Columns: []storage.ColumnOf[planHead]{planByRecordKind, planByRecordID, planByAt},
		Indexes: []storage.Index{storage.IndexOn(planByAt.Asc())},
	})
)
