// This file holds the practice: how it is made, its options, and what it registers on the engine.

package webhook

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all endpoints of the tenant: a grant in a narrower scope gives
// nothing here.
const (
	// PermissionRead lets read endpoints and deliveries.
	PermissionRead itsm.Permission = "webhook_endpoint.read"
	// PermissionManage lets define, change, rotate, enable, disable and retire endpoints, and send
	// deliveries again.
	PermissionManage itsm.Permission = "webhook_endpoint.manage"
)

// StandardSchedule gives the waits before the second and each further attempt of a delivery: those of the
// example of Standard Webhooks 1.0.0, ten attempts over 75 hours and 35 minutes.
func StandardSchedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// Options are the practice's settings; the zero value works.
type Options struct {
	// Encoder writes the events; the zero value is that of the zero cloudevents.Options.
	Encoder cloudevents.Encoder
	// Sealer encrypts secrets before they are stored. Nil keeps them in a table of their own as they
	// are, which is for tests: whoever reads the database has them then.
	Sealer Sealer
	// Client calls endpoints. Nil is one of the practice's own, which refuses private addresses when it
	// connects; a host's own must see to that itself, or go by a proxy that does. Redirects are not
	// followed, and cookies not kept, whichever it is.
	Client *http.Client
	// AllowPrivate lets call private, local and reserved addresses, and AllowHTTP URLs without TLS.
	AllowPrivate bool
	AllowHTTP    bool
	// Timeout is how long an endpoint has for its answer; 0 is 15 seconds. Four times of it should be
	// less than the engine's lease.
	Timeout time.Duration
	// Schedule are the waits before the second and each further attempt; nil is [StandardSchedule]. To
	// each up to a tenth is added, so that what failed at once is not tried again at once.
	Schedule []time.Duration
	// MaxAge is how long an event may wait for its delivery; 0 is 5 days.
	MaxAge time.Duration
	// DisableAfter is how long an endpoint may fail without taking a single delivery before it is
	// disabled; 0 is 5 days.
	DisableAfter time.Duration
	// Retention is how long deliveries that are through are kept; 0 is 30 days.
	Retention time.Duration
	// PublicKinds are the kinds of record of which endpoints with the public view are told; nil is
	// incidents and requests.
	PublicKinds []string
	// MayKnow says whether an endpoint may be told of an event, beside what its own fields say. It is
	// asked when the event is queued and again before each attempt. Nil permits it.
	MayKnow func(ctx context.Context, r storage.Reader, to Endpoint, e itsm.Event) (bool, error)
	// Random is where secrets come from; nil is the system's.
	Random io.Reader
}

// Practice delivers events to endpoints, over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	o *Options
	c *http.Client
}

const (
	jobDeliver = "webhook.deliver"
	jobPurge   = "webhook.purge"
)

// New makes the practice and registers it on the engine. It is ErrInvalid, with every fault, where an
// option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		none  time.Duration
	}{
		{"timeout", &o.Timeout, 15 * time.Second}, {"max_age", &o.MaxAge, 5 * 24 * time.Hour},
		{"disable_after", &o.DisableAfter, 5 * 24 * time.Hour}, {"retention", &o.Retention, 30 * 24 * time.Hour},
	} {
		if *d.value < 0 {
			f.Add(d.name, "must not be negative")
		} else if *d.value == 0 {
			*d.value = d.none
		}
	}
	o.Schedule = slices.Clone(o.Schedule)
	if o.Schedule == nil {
		o.Schedule = StandardSchedule()
	}
	for i, wait := range o.Schedule {
		if wait <= 0 {
			f.Add(fmt.Sprintf("schedule[%d]", i), "must be more than 0")
		}
	}
	if o.Sealer == nil {
		o.Sealer = asItIs{}
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	o.PublicKinds = slices.Clone(o.PublicKinds)
	if o.PublicKinds == nil {
		o.PublicKinds = []string{"incident", "request"}
	}
	if err := f.Err("webhook options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, o: &o, c: client(&o)}
	return p, e.Use(engine.Module{
		Name:        "webhook",
		Tables:      []*storage.Schema{Table.Schema(), DeliveryTable.Schema(), keysTable.Schema()},
		Private:     map[string][]string{Kind: toldFields},
		Events:      eventTypes(),
		Jobs:        []engine.JobHandler{engine.OnDueOutside(jobDeliver, p.run), engine.OnDue(jobPurge, p.purge)},
		Subscribers: []engine.Subscriber{{Name: "webhook", Deliver: p.Deliver}},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an open
// unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice { return &Practice{e: p.e.In(s), o: p.o, c: p.c} }

// subject is what an authorizer is asked about: endpoints are nobody's own.
func subject(id itsm.ID) *itsm.Subject { return &itsm.Subject{Kind: Kind, ID: id} }
