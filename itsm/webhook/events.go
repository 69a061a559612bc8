// This file holds the events of endpoints. All are internal: they are nothing for requesters.

package webhook

import "github.com/itsmkit/itsmkit/itsm"

// Defined: an endpoint was made.
type Defined struct{}

// Revised: an endpoint was changed; the changes say what, but for the URL.
type Revised struct{}

// Rotated: an endpoint has a new secret. The one before is used beside it for some time.
type Rotated struct{}

// Disabled: nothing is delivered to the endpoint any more.
type Disabled struct {
	Name string `json:"name"`
	Why  Why    `json:"why"`
	// Status is the last answer's, 0 where there was none.
	Status int `json:"status,omitempty"`
}

// Enabled: events are delivered to the endpoint again, those from now on.
type Enabled struct{}

// Retired: the endpoint is not used any more.
type Retired struct{}

// EventType gives the type's name in the log.
func (Defined) EventType() string  { return "webhook_endpoint.defined.v1" }
func (Revised) EventType() string  { return "webhook_endpoint.revised.v1" }
func (Rotated) EventType() string  { return "webhook_endpoint.rotated.v1" }
func (Disabled) EventType() string { return "webhook_endpoint.disabled.v1" }
func (Enabled) EventType() string  { return "webhook_endpoint.enabled.v1" }
func (Retired) EventType() string  { return "webhook_endpoint.retired.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Defined](), itsm.EventOf[Revised](), itsm.EventOf[Rotated](), itsm.EventOf[Disabled](),
		itsm.EventOf[Enabled](), itsm.EventOf[Retired](),
	}
}
