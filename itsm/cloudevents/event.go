// This file holds the form of an event, and how it is made.

package cloudevents

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

const (
	// SpecVersion is the version of CloudEvents that is written.
	SpecVersion = "1.0"
	// ContentType is the media type of an event in the structured mode and the JSON format.
	ContentType = "application/cloudevents+json"
)

// Event is a CloudEvent. Its JSON form is the JSON format of CloudEvents 1.0.
type Event struct {
	SpecVersion string `json:"specversion"`
	// ID is the event's own, and unique within Source.
	ID     string `json:"id"`
	Source string `json:"source"`
	Type   string `json:"type"`
	// Subject is the record: its kind, a slash and its id, which is escaped as a segment of a path.
	Subject string `json:"subject"`
	// Time is when it happened, in UTC.
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	DataSchema      string    `json:"dataschema,omitempty"`
	// Sequence is the extension of that name: it orders the events of one subject as a text.
	Sequence string `json:"sequence"`
	// Data is a [Data] as JSON.
	Data json.RawMessage `json:"data"`
}

// Data is what an event says. In the public view the fields after ToCategory are absent.
type Data struct {
	// Kind and Record name the record, Version its version after the change, N the event's place
	// among those of that version.
	Kind    string  `json:"kind"`
	Record  itsm.ID `json:"record"`
	Version int64   `json:"version"`
	N       int     `json:"n"`
	// Action is the lifecycle's action or the command's name.
	Action string `json:"action,omitempty"`
	// From and To are the record's states before and after, with their categories.
	From         string        `json:"from,omitempty"`
	To           string        `json:"to,omitempty"`
	FromCategory itsm.Category `json:"from_category,omitempty"`
	ToCategory   itsm.Category `json:"to_category,omitempty"`

	// Tenant is whose record it is.
	Tenant itsm.Tenant `json:"tenant,omitempty"`
	// Recorded is when it was written, which is later than its time for imported history.
	Recorded time.Time `json:"recorded,omitzero"`
	// Actor did it; ActorName is their name at that time. System marks a background effect.
	Actor     itsm.ID `json:"actor,omitempty"`
	ActorName string  `json:"actor_name,omitempty"`
	System    bool    `json:"system,omitempty"`
	// Reason is what the command gave.
	Reason string `json:"reason,omitempty"`
	// Internal says that only those may know of it who may read what is internal to the record.
	Internal bool `json:"internal,omitempty"`
	// Cause says what brought the command about, where it was not the actor alone.
	Cause itsm.Cause `json:"cause,omitzero"`
	// Changes is the history of the record's fields.
	Changes []itsm.Change `json:"changes,omitempty"`
	// Payload is what events of the type say: see the catalogue.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Options are an encoder's settings; the zero value works.
type Options struct {
	// Source is the beginning of every source, an absolute URI without query and fragment, to which a
	// slash and the tenant are added. Empty is "urn:itsm", to which a colon and the tenant are.
	Source string
	// TypePrefix stands before every type: a name of yours the other way round, as "com.example".
	// Empty leaves types as the library calls them.
	TypePrefix string
	// SchemaBase is where you publish the schemas of [Schema]: the type and ".json" are added to it.
	// Empty leaves the attribute out.
	SchemaBase string
}

// Encoder makes CloudEvents. It is immutable.
type Encoder struct{ o Options }

var prefixForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// NewEncoder gives an encoder; ErrInvalid with every fault where an option cannot be.
func NewEncoder(o Options) (Encoder, error) {
	var f itsm.Faults
	absolute := func(field, value string) {
		if value == "" {
			return
		}
		if u, err := url.Parse(value); err != nil || !u.IsAbs() || u.RawQuery != "" || u.Fragment != "" {
			f.Add(field, "must be an absolute URI without query and fragment")
		}
	}
	absolute("source", o.Source)
	absolute("schema_base", o.SchemaBase)
	if o.TypePrefix != "" && !prefixForm.MatchString(o.TypePrefix) {
		f.Add("type_prefix", `must be lower-case letters, digits and dashes with dots between, as in "com.example"`)
	}
	o.Source, o.SchemaBase = strings.TrimSuffix(o.Source, "/"), strings.TrimSuffix(o.SchemaBase, "/")
	return Encoder{o}, f.Err("cloudevents options")
}

// Full gives the whole event.
func (c Encoder) Full(e itsm.Event) (Event, error) {
	d := public(e)
	d.Tenant, d.Recorded, d.Actor, d.ActorName, d.System = e.Tenant, storage.Instant(e.Recorded), e.Actor, e.ActorName, e.System
	d.Reason, d.Internal, d.Cause, d.Changes = e.Reason, e.Internal, e.Cause, e.Changes
	if e.Recorded.IsZero() {
		d.Recorded = storage.Instant(e.At)
	}
	if e.Data != nil {
		raw, err := json.Marshal(e.Data)
		if err != nil {
			return Event{}, fmt.Errorf("payload of event type %s: %w", e.Type, err)
		}
		d.Payload = raw
	}
	return c.event(e, d)
}

// Public gives what of an event everybody may know who may know of its record. ok is false for an event
// that is internal: it has no such form.
func (c Encoder) Public(e itsm.Event) (event Event, ok bool, err error) {
	if e.Internal {
		return Event{}, false, nil
	}
	event, err = c.event(e, public(e))
	return event, err == nil, err
}

// public is what both views have.
func public(e itsm.Event) Data {
	return Data{Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N, Action: e.Action, From: e.From, To: e.To,
		FromCategory: e.FromCategory, ToCategory: e.ToCategory}
}

func (c Encoder) event(e itsm.Event, d Data) (Event, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return Event{}, fmt.Errorf("event type %s: %w", e.Type, err)
	}
	event := Event{
		SpecVersion: SpecVersion, ID: string(e.ID), Source: "urn:itsm:" + url.PathEscape(string(e.Tenant)), Type: e.Type,
		Subject: e.Kind + "/" + url.PathEscape(string(e.Record)), Time: storage.Instant(e.At), DataContentType: "application/json",
		Sequence: fmt.Sprintf("%019d.%05d", e.Version, e.N), Data: raw,
	}
	if c.o.Source != "" {
		event.Source = c.o.Source + "/" + url.PathEscape(string(e.Tenant))
	}
	if c.o.TypePrefix != "" {
		event.Type = c.o.TypePrefix + "." + e.Type
	}
	if c.o.SchemaBase != "" {
		event.DataSchema = c.o.SchemaBase + "/" + url.PathEscape(e.Type) + ".json"
	}
	return event, nil
}
