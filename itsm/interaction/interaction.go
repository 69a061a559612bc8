// This file holds the record: what an interaction is, its table, and the columns to query by.

package interaction

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that an interaction is: the name of its table, the first part of its
// permissions and event types.
const Kind = "interaction"

// Interaction is one contact with the service desk. Its JSON form is one flat object. All times are UTC
// microseconds; the zero time is absent.
type Interaction struct {
	Head
	Body
}

// Head is what queues show, filter and sort by: a typed column each.
type Head struct {
	storage.Meta
	// Number is for people: INT0000001.
	Number string `json:"number"`
	// Subject says in one line what it is about, at most [MaxSubject] characters.
	Subject string `json:"subject"`
	State   State  `json:"state"`
	// Open says whether there is work to do: the state's category is new, active or waiting.
	Open bool `json:"open"`
	// Classification is what it is, empty until somebody has said so.
	Classification Classification `json:"classification,omitempty"`
	Channel        Channel        `json:"channel"`
	Direction      Direction      `json:"direction"`
	// Contact is who spoke or wrote; empty where that is nobody who is known. Requester is on whose
	// behalf, and Affected who suffers, each where that is another person.
	Contact   itsm.ID `json:"contact,omitempty"`
	Requester itsm.ID `json:"requester,omitempty"`
	Affected  itsm.ID `json:"affected,omitempty"`
	// Group and Assignee are who handles it.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// RecordKind and RecordID name the record that it became or was attached to; empty where there is
	// none, and for those who may not know of it. [Practice.Of] finds by them.
	RecordKind string  `json:"record_kind,omitempty"`
	RecordID   itsm.ID `json:"record_id,omitempty"`
	// StartedAt and EndedAt are when the contact began and ended.
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Body is the rest of an interaction, which no list reads.
type Body struct {
	// Text is what was said or written.
	Text string `json:"text,omitempty"`
	// Address is where the contact came from: a telephone number, a mail address, a name in a network.
	Address string `json:"address,omitempty"`
	// Answer is what was answered, for the contact to read.
	Answer string `json:"answer,omitempty"`
	// Became is every record that it became or was attached to, the first first; the last is the one
	// that counts.
	Became []Conversion `json:"became,omitempty"`
	// DiscardReason is why it is none of the desk's matters.
	DiscardReason string `json:"discard_reason,omitempty"`
	// Reopens and Reclassifications count.
	Reopens           int `json:"reopens,omitempty"`
	Reclassifications int `json:"reclassifications,omitempty"`
}

// Conversion is a record that an interaction became or was attached to.
type Conversion struct {
	Classification Classification `json:"classification"`
	Record         itsm.Ref       `json:"record"`
	// Attached says that the record was there before.
	Attached bool      `json:"attached,omitempty"`
	At       time.Time `json:"at"`
	By       itsm.ID   `json:"by"`
}

// Classification says what an interaction is. A host may have others.
type Classification string

// The standard classifications.
const (
	// Incident: something does not work as it should.
	Incident Classification = "incident"
	// Request: the person asks for something that the desk offers.
	Request Classification = "request"
	// Complaint: the person is not content with how they were served.
	Complaint Classification = "complaint"
	// Feedback: praise, or an idea.
	Feedback Classification = "feedback"
	// Question: the person wants to know something.
	Question Classification = "question"
)

// StandardClassifications gives the standard classifications.
func StandardClassifications() []Classification {
	return []Classification{Incident, Request, Complaint, Feedback, Question}
}

// Channel is the way in which people and the desk spoke.
type Channel string

// The standard channels.
const (
	ChannelPhone      Channel = "phone"
	ChannelEmail      Channel = "email"
	ChannelChat       Channel = "chat"
	ChannelPortal     Channel = "portal"
	ChannelWalkIn     Channel = "walk_in"
	ChannelSocial     Channel = "social"
	ChannelMonitoring Channel = "monitoring"
	ChannelEvent      Channel = "event"
	ChannelOther      Channel = "other"
)

// StandardChannels gives the standard channels.
func StandardChannels() []Channel {
	return []Channel{ChannelPhone, ChannelEmail, ChannelChat, ChannelPortal, ChannelWalkIn, ChannelSocial,
		ChannelMonitoring, ChannelEvent, ChannelOther}
}

// Direction says who began the contact.
type Direction string

// The directions.
const (
	// Inbound: the person did.
	Inbound Direction = "inbound"
	// Outbound: the desk did.
	Outbound Direction = "outbound"
)

// The greatest lengths of texts, in characters.
const (
	MaxSubject = storage.MaxText
	MaxText    = 65536 // of what was said, and of an answer
	MaxAddress = 1000
)

// MaxConversions is how many records an interaction can become, one after the other.
const MaxConversions = 100

// The columns of the table. They are the language of queries: [Query]. Those of the record are for
// [Practice.Of] alone, as filters, orders and counts tell of what they look at.
var (
	ByNumber         = storage.Col("number", func(h *Head) *string { return &h.Number })
	BySubject        = storage.Col("subject", func(h *Head) *string { return &h.Subject })
	ByState          = storage.Col("state", func(h *Head) *State { return &h.State })
	ByOpen           = storage.BoolCol("open", func(h *Head) *bool { return &h.Open })
	ByClassification = storage.Col("classification", func(h *Head) *Classification { return &h.Classification })
	ByChannel        = storage.Col("channel", func(h *Head) *Channel { return &h.Channel })
	ByDirection      = storage.Col("direction", func(h *Head) *Direction { return &h.Direction })
	ByContact        = storage.Col("contact", func(h *Head) *itsm.ID { return &h.Contact })
	ByRequester      = storage.Col("requester", func(h *Head) *itsm.ID { return &h.Requester })
	ByAffected       = storage.Col("affected", func(h *Head) *itsm.ID { return &h.Affected })
	ByGroup          = storage.Col("group", func(h *Head) *itsm.ID { return &h.Group })
	ByAssignee       = storage.Col("assignee", func(h *Head) *itsm.ID { return &h.Assignee })
	byRecordKind     = storage.Col("record_kind", func(h *Head) *string { return &h.RecordKind })
	byRecordID       = storage.Col("record_id", func(h *Head) *itsm.ID { return &h.RecordID })
	ByStarted        = storage.TimeCol("started_at", func(h *Head) *time.Time { return &h.StartedAt })
	ByEnded          = storage.NullTimeCol("ended_at", func(h *Head) *time.Time { return &h.EndedAt })
)

// Table is the table of interactions.
var Table = storage.Define(Kind, storage.Def[Interaction, Head, Body]{
	Parts: func(i *Interaction) (*Head, *Body) { return &i.Head, &i.Body },
	Columns: []storage.ColumnOf[Head]{
		ByNumber, BySubject, ByState, ByOpen, ByClassification, ByChannel, ByDirection, ByContact, ByRequester, ByAffected,
		ByGroup, ByAssignee, byRecordKind, byRecordID, ByStarted, ByEnded,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByOpen.Asc(), ByStarted.Asc()),
		storage.IndexOn(ByStarted.Asc()),
		storage.IndexOn(ByAssignee.Asc(), ByOpen.Asc(), ByStarted.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByAssignee.Asc(), ByOpen.Asc(), ByStarted.Asc()),
		storage.IndexOn(ByContact.Asc(), ByStarted.Asc()),
		storage.IndexOn(ByRequester.Asc(), ByStarted.Asc()),
		storage.IndexOn(ByAffected.Asc(), ByStarted.Asc()),
		storage.IndexOn(byRecordKind.Asc(), byRecordID.Asc(), ByStarted.Asc()),
		storage.UniqueOn(ByNumber.Asc()),
	},
})

// Ref names the interaction.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }

// Record names the record that it became or was attached to; it is zero where there is none.
func (h *Head) Record() itsm.Ref { return itsm.Ref{Kind: h.RecordKind, ID: h.RecordID} }
