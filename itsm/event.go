// This file holds events: what happened to a record, for the audit trail and for reactions.

package itsm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// Payload is what an event of one type says. Its JSON form is kept for ever, so the type's
// name has a version: "incident.resolved.v1". It is a value, not a pointer.
type Payload interface {
	// EventType gives the name, the same for every value.
	EventType() string
}

// Change is the history of one field: its JSON form before and after. Old is empty where the
// field was not there before, New where it is not there any more. Both are empty where the values
// are private and kept out of the log: what is told is that the field changed.
type Change struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`
}

// Event is one thing that happened to one record. Events of a record are ordered by (Version,
// N). They are the audit trail, and what reactions and subscribers read.
type Event struct {
	Tenant Tenant
	ID     ID
	// Kind and Record name the record, Version its version after the change, N the event's
	// place among those of that version.
	Kind    string
	Record  ID
	Version int64
	N       int
	// Type is the name of the payload's type.
	Type string
	// At is when it happened.
	At time.Time
	// Recorded is when it was written: later than At for imported history. The zero value
	// means At.
	Recorded time.Time
	// Actor did it; ActorName is their name at that time. System marks a background effect.
	Actor     ID
	ActorName string
	System    bool
	// Action is the lifecycle's action or the command's name.
	Action string
	// From and To are the record's states before and after, with their categories. They are
	// empty for an event of a record without a lifecycle, and equal when the state stayed.
	From, To                 string
	FromCategory, ToCategory Category
	// Reason is what the command gave.
	Reason string
	// Internal hides the event from those who may not read internal notes.
	Internal bool
	// Cause says what brought the command about, where it was not the actor alone.
	Cause Cause
	// Changes is the history of the record's fields.
	Changes []Change
	// Data is the payload; [UnknownPayload] when no type is registered under the name.
	Data Payload
}

// EventType knows how to read the payloads of one type.
type EventType struct {
	Name   string
	Decode func([]byte) (Payload, error)

	holds reflect.Type // nil where it was not made by EventOf
}

// Holds says whether the payload is a value of this type, and so can be read back as what it is.
// The zero EventType holds nothing.
func (t EventType) Holds(p Payload) bool {
	if t.Name == "" || p == nil || t.holds != nil && reflect.TypeOf(p) != t.holds {
		return false
	}
	return p.EventType() == t.Name
}

// EventOf gives the type of the payload E, which reads its JSON form. It panics when E is a
// pointer or an interface, or its name is empty: both are errors of the program, not of its input.
func EventOf[E Payload]() EventType {
	if k := reflect.TypeFor[E]().Kind(); k == reflect.Pointer || k == reflect.Interface {
		panic(fmt.Sprintf("itsm: the payload %v must be a value type", reflect.TypeFor[E]()))
	}
	var zero E
	name := zero.EventType()
	if name == "" {
		panic(fmt.Sprintf("itsm: the payload %T has no event type", zero))
	}
	return EventType{Name: name, holds: reflect.TypeFor[E](), Decode: func(raw []byte) (Payload, error) {
		var e E
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("payload of event type %s: %w", name, err)
		}
		return e, nil
	}}
}

// UnknownPayload is what a reader gets for a type that nobody registered: nothing is lost.
type UnknownPayload struct {
	Type string
	JSON json.RawMessage
}

// EventType gives the name under which the payload was written.
func (u UnknownPayload) EventType() string { return u.Type }

// MarshalJSON gives the JSON as it was written.
func (u UnknownPayload) MarshalJSON() ([]byte, error) {
	if len(u.JSON) == 0 {
		return []byte("null"), nil
	}
	return u.JSON, nil
}

// envelope is what is stored of an event beside its columns, with the payload as it is written,
// or as the JSON that is read. The names are part of the stored layout: never reuse one for
// another meaning.
type envelope[D any] struct {
	// Recorded is in microseconds since 1970 UTC, and left out when it equals At.
	Recorded     *int64   `json:"recorded,omitempty"`
	Actor        ID       `json:"actor,omitempty"`
	ActorName    string   `json:"actor_name,omitempty"`
	System       bool     `json:"system,omitempty"`
	Action       string   `json:"action,omitempty"`
	From         string   `json:"from,omitempty"`
	To           string   `json:"to,omitempty"`
	FromCategory Category `json:"from_category,omitempty"`
	ToCategory   Category `json:"to_category,omitempty"`
	Reason       string   `json:"reason,omitempty"`
	Internal     bool     `json:"internal,omitempty"`
	Cause        Cause    `json:"cause,omitzero"`
	Changes      []Change `json:"changes,omitempty"`
	Data         D        `json:"data,omitempty"`
}

func (e *Event) envelope() envelope[Payload] {
	v := envelope[Payload]{
		Actor: e.Actor, ActorName: e.ActorName, System: e.System,
		Action: e.Action, From: e.From, To: e.To, FromCategory: e.FromCategory, ToCategory: e.ToCategory,
		Reason: e.Reason, Internal: e.Internal, Cause: e.Cause, Changes: e.Changes, Data: e.Data,
	}
	if at, recorded := storage.Instant(e.At), storage.Instant(e.Recorded); !recorded.IsZero() && !recorded.Equal(at) {
		micros := recorded.UnixMicro()
		v.Recorded = &micros
	}
	return v
}

// fill gives the event with what was read; its columns are there already.
func (e Event) fill(v *envelope[json.RawMessage], types func(name string) (EventType, bool)) Event {
	e.At = storage.Instant(e.At)
	e.Recorded = e.At
	if v.Recorded != nil {
		e.Recorded = time.UnixMicro(*v.Recorded).UTC()
	}
	e.Actor, e.ActorName, e.System = v.Actor, v.ActorName, v.System
	e.Action, e.From, e.To = v.Action, v.From, v.To
	e.FromCategory, e.ToCategory = v.FromCategory, v.ToCategory
	e.Reason, e.Internal, e.Cause, e.Changes, e.Data = v.Reason, v.Internal, v.Cause, v.Changes, nil
	if len(v.Data) == 0 || bytes.Equal(v.Data, []byte("null")) {
		return e
	}
	if types != nil {
		if known, ok := types(e.Type); ok {
			// One payload that cannot be read hides neither its event nor the history around it.
			if data, err := known.Decode(v.Data); err == nil {
				e.Data = data
				return e
			}
		}
	}
	e.Data = UnknownPayload{Type: e.Type, JSON: v.Data}
	return e
}

// Envelope gives everything of the event that a store has no column for, as compact JSON: all
// but Tenant, ID, Kind, Record, Version, N, Type and At. Times are kept in microseconds.
func (e Event) Envelope() ([]byte, error) {
	raw, err := json.Marshal(e.envelope())
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.Type, err)
	}
	return raw, nil
}

// OpenEnvelope is the inverse of [Event.Envelope]: e has what the columns hold (its Type and
// At are used), and gets the rest. types gives the registered types; for a name that it does
// not have, and when it is nil, Data is an [UnknownPayload]. Fields of a newer layout are
// ignored. On an error e is unchanged.
func OpenEnvelope(raw []byte, e *Event, types func(name string) (EventType, bool)) error {
	var v envelope[json.RawMessage]
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("event %s: stored envelope: %w", e.Type, err)
	}
	*e = e.fill(&v, types)
	return nil
}

// whole is the JSON form of a whole event: its columns, and the envelope's fields beside them.
type whole[D any] struct {
	Tenant   Tenant    `json:"tenant"`
	ID       ID        `json:"id"`
	Kind     string    `json:"kind"`
	Record   ID        `json:"record"`
	Version  int64     `json:"version"`
	N        int       `json:"n"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	Recorded time.Time `json:"recorded"` // hides the envelope's
	envelope[D]
}

// MarshalJSON gives the event as one flat object with the fields' names in snake case and
// times in RFC 3339, for exports and web hooks.
func (e Event) MarshalJSON() ([]byte, error) {
	w := whole[Payload]{
		Tenant: e.Tenant, ID: e.ID, Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N, Type: e.Type,
		At: storage.Instant(e.At), Recorded: storage.Instant(e.Recorded), envelope: e.envelope(),
	}
	if w.Recorded.IsZero() {
		w.Recorded = w.At
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what [Event.MarshalJSON] gives. Its payload is an [UnknownPayload], as
// JSON alone does not know the types.
func (e *Event) UnmarshalJSON(raw []byte) error {
	var w whole[json.RawMessage]
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	read := Event{Tenant: w.Tenant, ID: w.ID, Kind: w.Kind, Record: w.Record, Version: w.Version, N: w.N, Type: w.Type, At: w.At}.fill(&w.envelope, nil)
	if !w.Recorded.IsZero() {
		read.Recorded = storage.Instant(w.Recorded)
	}
	*e = read
	return nil
}
