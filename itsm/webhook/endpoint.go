// This file holds the records: endpoints, their secrets and their health, and deliveries.

package webhook

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of records.
const (
	// Kind is the kind of record that an endpoint is: the name of its table, and the first part of the
	// permissions and event types.
	Kind = "webhook_endpoint"
	// KindDelivery is that of a delivery.
	KindDelivery = "webhook_delivery"
)

// State is where an endpoint stands.
type State string

// The states of an endpoint.
const (
	// StateActive: events are delivered to it.
	StateActive State = "active"
	// StateDisabled: nothing is delivered to it until it is enabled again.
	StateDisabled State = "disabled"
	// StateRetired: it is not used any more.
	StateRetired State = "retired"
)

// Why says why an endpoint is disabled.
type Why string

// The reasons.
const (
	WhyPerson Why = "person"
	// WhyGone: it answered 410 Gone.
	WhyGone Why = "gone"
	// WhyFailing: nothing was delivered to it for [Options].DisableAfter.
	WhyFailing Why = "failing"
)

// Detail says how much of events an endpoint may know.
type Detail string

// The details: those of package cloudevents.
const (
	// DetailPublic is of the events that are not internal, of the kinds of record that requesters have,
	// and says which record moved from which state to which.
	DetailPublic Detail = "public"
	// DetailFull is of every event, with everything. It is for systems that are trusted like staff.
	DetailFull Detail = "full"
)

// Endpoint is where a tenant has events delivered to. Its secrets are kept apart, sealed.
type Endpoint struct {
	Head
	Body
}

// Head is what endpoints are listed by.
type Head struct {
	storage.Meta
	Name  string `json:"name"`
	State State  `json:"state"`
	// Why is why it is disabled, DisabledAt since when.
	Why        Why       `json:"why,omitempty"`
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	Detail     Detail    `json:"detail"`
	// Restricted has it told of restricted records too.
	Restricted bool `json:"restricted"`
}

// Body is the rest of an endpoint.
type Body struct {
	URL string `json:"url"`
	// Types are the types of events that it wants, each as a whole ("incident.resolved.v1") or by its
	// beginning up to a dot ("incident.*").
	Types []string `json:"types"`
	// Enabled counts how often it was enabled: what was queued before the last time is not delivered.
	Enabled int `json:"enabled,omitempty"`
}

// The columns of endpoints.
var (
	ByName       = storage.Col("name", func(h *Head) *string { return &h.Name })
	ByState      = storage.Col("state", func(h *Head) *State { return &h.State })
	ByWhy        = storage.Col("why", func(h *Head) *Why { return &h.Why })
	ByDisabledAt = storage.NullTimeCol("disabled_at", func(h *Head) *time.Time { return &h.DisabledAt })
	ByDetail     = storage.Col("detail", func(h *Head) *Detail { return &h.Detail })
	ByRestricted = storage.BoolCol("restricted", func(h *Head) *bool { return &h.Restricted })
)

// Table is the table of endpoints.
var Table = storage.Define(Kind, storage.Def[Endpoint, Head, Body]{
	Parts:   func(e *Endpoint) (*Head, *Body) { return &e.Head, &e.Body },
	Columns: []storage.ColumnOf[Head]{ByName, ByState, ByWhy, ByDisabledAt, ByDetail, ByRestricted},
	Indexes: []storage.Index{storage.IndexOn(ByState.Asc(), ByName.Asc())},
})

// toldFields are the fields of endpoints whose values stand in the event log. A URL may hold a token.
var toldFields = []string{"name", "state", "why", "disabled_at", "detail", "restricted", "types"}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	// DeliveryPending: it waits for its turn, or for the next attempt.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered: the endpoint took it.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryDead: it is not tried any more. [Practice.Redeliver] has it tried again.
	DeliveryDead DeliveryState = "dead"
	// DeliveryDropped: the endpoint may not know of the record any more.
	DeliveryDropped DeliveryState = "dropped"
)

// Delivery is one event for one endpoint. What it says is made from the event log when it is sent.
type Delivery struct {
	DeliveryHead
	DeliveryBody
}

// DeliveryHead is what deliveries are listed by.
type DeliveryHead struct {
	storage.Meta
	Endpoint itsm.ID       `json:"endpoint"`
	State    DeliveryState `json:"state"`
	// Event is the event's id, EventType its type; RecordKind, RecordID, EventVersion and EventN are its
	// place in the log.
	Event        itsm.ID `json:"event"`
	EventType    string  `json:"event_type"`
	RecordKind   string  `json:"record_kind"`
	RecordID     itsm.ID `json:"record_id"`
	EventVersion int64   `json:"event_version"`
	EventN       int     `json:"event_n"`
	// Queued is since when it is to be delivered, Due when it is tried next.
	Queued time.Time `json:"queued"`
	Due    time.Time `json:"due"`
	// DeliveredAt is when the endpoint took it.
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	// Attempts counts how often it was sent, Status is the last answer's, 0 where there was none.
	Attempts int `json:"attempts"`
	Status   int `json:"status,omitempty"`
}

// DeliveryBody is the rest of a delivery.
type DeliveryBody struct {
	// Error is what went wrong last. It never has the URL.
	Error string `json:"error,omitempty"`
	// Enabled is how often the endpoint had been enabled when it was queued.
	Enabled int `json:"enabled,omitempty"`
}

// The columns of deliveries.
var (
	DeliveryByEndpoint     = storage.Col("endpoint", func(h *DeliveryHead) *itsm.ID { return &h.Endpoint })
	DeliveryByState        = storage.Col("state", func(h *DeliveryHead) *DeliveryState { return &h.State })
	DeliveryByEvent        = storage.Col("event", func(h *DeliveryHead) *itsm.ID { return &h.Event })
	DeliveryByEventType    = storage.Col("event_type", func(h *DeliveryHead) *string { return &h.EventType })
	DeliveryByRecordKind   = storage.Col("record_kind", func(h *DeliveryHead) *string { return &h.RecordKind })
	DeliveryByRecordID     = storage.Col("record_id", func(h *DeliveryHead) *itsm.ID { return &h.RecordID })
	DeliveryByEventVersion = storage.Col("event_version", func(h *DeliveryHead) *int64 { return &h.EventVersion })
	DeliveryByEventN       = storage.Col("event_n", func(h *DeliveryHead) *int { return &h.EventN })
	DeliveryByQueued       = storage.TimeCol("queued", func(h *DeliveryHead) *time.Time { return &h.Queued })
	DeliveryByDue          = storage.TimeCol("due", func(h *DeliveryHead) *time.Time { return &h.Due })
	DeliveryByDeliveredAt  = storage.NullTimeCol("delivered_at", func(h *DeliveryHead) *time.Time { return &h.DeliveredAt })
	DeliveryByAttempts     = storage.Col("attempts", func(h *DeliveryHead) *int { return &h.Attempts })
	DeliveryByStatus       = storage.Col("status", func(h *DeliveryHead) *int { return &h.Status })
)

// DeliveryTable is the table of deliveries.
var DeliveryTable = storage.Define(KindDelivery, storage.Def[Delivery, DeliveryHead, DeliveryBody]{
	Parts: func(d *Delivery) (*DeliveryHead, *DeliveryBody) { return &d.DeliveryHead, &d.DeliveryBody },
	Columns: []storage.ColumnOf[DeliveryHead]{
		DeliveryByEndpoint, DeliveryByState, DeliveryByEvent, DeliveryByEventType, DeliveryByRecordKind, DeliveryByRecordID,
		DeliveryByEventVersion, DeliveryByEventN, DeliveryByQueued, DeliveryByDue, DeliveryByDeliveredAt, DeliveryByAttempts, DeliveryByStatus,
	},
	Indexes: []storage.Index{
		storage.UniqueOn(DeliveryByEndpoint.Asc(), DeliveryByEvent.Asc()),
		// What is next for an endpoint and a record.
		storage.IndexOn(DeliveryByEndpoint.Asc(), DeliveryByRecordKind.Asc(), DeliveryByRecordID.Asc(), DeliveryByState.Asc(), DeliveryByEventVersion.Asc(), DeliveryByEventN.Asc()),
		storage.IndexOn(DeliveryByEndpoint.Asc(), DeliveryByState.Asc(), DeliveryByQueued.Asc()),
		storage.IndexOn(DeliveryByState.Asc(), DeliveryByQueued.Asc()),
	},
})

// keys are the secrets of an endpoint, whose id they have, and its health. They are written past the
// event log.
type keys struct {
	keysHead
	keysBody
}

type keysHead struct {
	storage.Meta
	// Failures counts those since the last delivery that was taken, FailingSince is the first of them.
	Failures     int
	FailingSince time.Time
	// RetryAt is until when the endpoint is left alone.
	RetryAt time.Time
}

type keysBody struct {
	Keys []key `json:"keys"`
}

type key struct {
	Sealed []byte `json:"sealed"`
	// Until is when it is not used any more, zero for the current one.
	Until time.Time `json:"until,omitzero"`
}

var (
	keysByFailures     = storage.Col("failures", func(h *keysHead) *int { return &h.Failures })
	keysByFailingSince = storage.NullTimeCol("failing_since", func(h *keysHead) *time.Time { return &h.FailingSince })
	keysByRetryAt      = storage.NullTimeCol("retry_at", func(h *keysHead) *time.Time { return &h.RetryAt })
	keysTable          = storage.Define("webhook_secret", storage.Def[keys, keysHead, keysBody]{
		Parts:   func(k *keys) (*keysHead, *keysBody) { return &k.keysHead, &k.keysBody },
		Columns: []storage.ColumnOf[keysHead]{keysByFailures, keysByFailingSince, keysByRetryAt},
	})
)
