// This file holds how events come to endpoints: queued in the order of each record, sent one after the
// other, tried again.

package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// of is the payload of the job that sends what an endpoint is to be told of one record.
type of struct {
	Endpoint itsm.ID `json:"endpoint"`
	Kind     string  `json:"kind"`
	Record   itsm.ID `json:"record"`
}

func schedule(ctx context.Context, u *engine.Unit, o of, due time.Time) error {
	return u.Schedule(ctx, engine.Task{Kind: jobDeliver, Key: digest.Of(string(o.Endpoint), o.Kind, string(o.Record)), Due: due, Payload: o})
}

// Deliver queues an event for the endpoints that want it. The practice subscribes it to every event of its
// engine; an event that is delivered again is not queued again.
func (p *Practice) Deliver(ctx context.Context, e itsm.Event) error {
	actor := itsm.SystemActor(e.Tenant, "webhook")
	var to []Endpoint
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{e.Tenant}, func(ctx context.Context, r storage.Reader) error {
		page, err := Table.Records(ctx, r, storage.Query[Head]{Where: ByState.Is(StateActive), Order: []storage.Order{ByName.Asc()}, Limit: storage.MaxPage})
		if err != nil {
			return err
		}
		to = slices.DeleteFunc(page.Items, func(x Endpoint) bool { return !p.tells(&x, &e) })
		return nil
	})
	if err != nil || len(to) == 0 {
		return err
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		for _, x := range to {
			if may, err := p.mayKnow(ctx, u, x, e); err != nil || !may {
				if err != nil {
					return err
				}
				continue
			}
			id := storage.ID(digest.Of(string(x.ID), string(e.ID)))
			_, err := DeliveryTable.Get(ctx, u.Quiet(), id)
			if err == nil {
				continue // queued already
			}
			if !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			d := Delivery{DeliveryHead: DeliveryHead{
				Meta: storage.Meta{ID: id, Created: u.Now(), Updated: u.Now()}, Endpoint: x.ID, State: DeliveryPending,
				Event: e.ID, EventType: e.Type, RecordKind: e.Kind, RecordID: e.Record, EventVersion: e.Version, EventN: e.N,
				Queued: u.Now(), Due: u.Now(),
			}, DeliveryBody: DeliveryBody{Enabled: x.Enabled}}
			if err := DeliveryTable.Put(ctx, u.Quiet(), &d); err != nil {
				return err
			}
			if err := schedule(ctx, u, of{x.ID, e.Kind, e.Record}, u.Now()); err != nil {
				return err
			}
		}
		return p.schedulePurge(ctx, u)
	})
}

// tells says whether an endpoint wants an event and its view has one.
func (p *Practice) tells(x *Endpoint, e *itsm.Event) bool {
	if x.Detail == DetailPublic && (e.Internal || !slices.Contains(p.o.PublicKinds, e.Kind)) {
		return false
	}
	return slices.ContainsFunc(x.Types, func(pattern string) bool { return wants(pattern, e.Type) })
}

// mayKnow says whether an endpoint may know of the record as it is now. A record of a kind that is not
// kept, or that is gone, is not restricted.
func (p *Practice) mayKnow(ctx context.Context, u *engine.Unit, x Endpoint, e itsm.Event) (bool, error) {
	if !x.Restricted {
		s, row, err := u.Load(ctx, itsm.Ref{Kind: e.Kind, ID: e.Record})
		switch {
		case err == nil:
			if hidden, _ := row.Value(s, "restricted").(bool); hidden {
				return false, nil
			}
		case !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrInvalid):
			return false, err
		}
	}
	if p.o.MayKnow == nil {
		return true, nil
	}
	return p.o.MayKnow(ctx, u, x, e)
}

// batch is how many deliveries one run of the job sends at most, so that it ends within its claim.
const batch = 4

// attempt is one delivery that is to be sent now.
type attempt struct {
	delivery Delivery
	url      string
	secrets  []Secret
	body     []byte
	at       time.Time
}

// answer is what came of it.
type answer struct {
	status     int
	err        string
	retryAfter time.Duration
}

func (a answer) taken() bool { return a.status >= 200 && a.status <= 299 }

// troubled says that the endpoint as a whole does not work, and not this delivery alone.
func (a answer) troubled() bool {
	return a.status == 0 || a.status == http.StatusRequestTimeout || a.status == http.StatusTooManyRequests || a.status >= 500
}

// run sends what an endpoint is to be told of one record, in order.
func (p *Practice) run(ctx context.Context, e *engine.Engine, due engine.Due, o of) error {
	actor := itsm.SystemActor(due.Tenant, "webhook")
	for n := 0; ; n++ {
		var next *attempt
		err := e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) (err error) {
			if n == batch {
				next = nil
				return schedule(ctx, u, o, u.Now())
			}
			next, err = p.next(ctx, u, o)
			return err
		})
		if err != nil || next == nil {
			return err
		}
		got := p.send(ctx, next)
		if ctx.Err() != nil && !got.taken() {
			return ctx.Err() // stopped, or the claim ended: the job runs again
		}
		failed := false
		err = e.Update(context.WithoutCancel(ctx), actor, func(ctx context.Context, u *engine.Unit) (err error) {
			failed, err = p.settle(ctx, u, o, next.delivery.ID, got)
			return err
		})
		if err != nil || failed {
			return err
		}
	}
}

// next gives what is to be sent now; nil where there is nothing, or not yet, in which case the job is
// scheduled for when there is.
func (p *Practice) next(ctx context.Context, u *engine.Unit, o of) (*attempt, error) {
	x, err := Table.Get(ctx, u, o.Endpoint)
	if err != nil {
		return nil, err
	}
	k, err := keysTable.Get(ctx, u.Quiet(), o.Endpoint)
	if err != nil {
		return nil, err
	}
	waiting, err := DeliveryTable.Records(ctx, u, storage.Query[DeliveryHead]{
		Where: storage.AllOf(DeliveryByEndpoint.Is(o.Endpoint), DeliveryByRecordKind.Is(o.Kind), DeliveryByRecordID.Is(o.Record), DeliveryByState.Is(DeliveryPending)),
		Order: []storage.Order{DeliveryByEventVersion.Asc(), DeliveryByEventN.Asc()}, Limit: 50,
	})
	if err != nil {
		return nil, err
	}
	over := func(d *Delivery, state DeliveryState, why string) error {
		d.State, d.Error, d.Updated = state, why, u.Now()
		return DeliveryTable.Put(ctx, u.Quiet(), d)
	}
	for i := range waiting.Items {
		d := &waiting.Items[i]
		if x.State != StateActive {
			if err := over(d, DeliveryDead, "the endpoint is "+string(x.State)); err != nil {
				return nil, err
			}
			continue
		}
		if d.Enabled != x.Enabled {
			if err := over(d, DeliveryDead, "the endpoint was disabled"); err != nil {
				return nil, err
			}
			continue
		}
		if !u.Now().Before(d.Queued.Add(p.o.MaxAge)) {
			if err := over(d, DeliveryDead, "too old: "+d.Error); err != nil {
				return nil, err
			}
			continue
		}
		if at := later(d.Due, k.RetryAt); at.After(u.Now()) {
			return nil, schedule(ctx, u, o, at)
		}
		e, body, err := p.told(ctx, u, &x, d)
		if err != nil {
			return nil, err
		}
		may := body != nil
		if may {
			if may, err = p.mayKnow(ctx, u, x, e); err != nil {
				return nil, err
			}
		}
		if !may {
			if err := over(d, DeliveryDropped, "the endpoint may not know of it"); err != nil {
				return nil, err
			}
			continue
		}
		a := &attempt{url: x.URL, body: body, at: u.Now()}
		for _, sealed := range k.valid(u.Now()) {
			plain, err := p.o.Sealer.Open(sealed.Sealed, sealName(u.Tenant(), x.ID))
			if err != nil {
				return nil, err
			}
			a.secrets = append(a.secrets, Secret{plain})
		}
		d.Attempts++ // so that an attempt after which the process dies counts
		d.Updated = u.Now()
		if err := DeliveryTable.Put(ctx, u.Quiet(), d); err != nil {
			return nil, err
		}
		a.delivery = *d
		return a, nil
	}
	if waiting.Next != "" {
		return nil, schedule(ctx, u, o, u.Now())
	}
	return nil, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// told gives the event of a delivery as the log has it, and what the endpoint is told of it: nil where
// its view has nothing to tell any more.
func (p *Practice) told(ctx context.Context, u *engine.Unit, x *Endpoint, d *Delivery) (itsm.Event, []byte, error) {
	events, err := p.e.History(ctx, u, storage.EventQuery{Kind: d.RecordKind, Record: d.RecordID, Limit: 1,
		After: storage.EventPosition{Tenant: u.Tenant(), Kind: d.RecordKind, Record: d.RecordID, Version: d.EventVersion, N: d.EventN - 1}})
	if err != nil {
		return itsm.Event{}, nil, err
	}
	if len(events) == 0 || events[0].ID != d.Event || !p.tells(x, &events[0]) {
		return itsm.Event{}, nil, nil
	}
	var event cloudevents.Event
	ok := true
	if x.Detail == DetailFull {
		event, err = p.o.Encoder.Full(events[0])
	} else {
		event, ok, err = p.o.Encoder.Public(events[0])
	}
	if err != nil || !ok {
		return itsm.Event{}, nil, err
	}
	body, err := json.Marshal(event)
	return events[0], body, err
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// webhookID names an event for its receivers; it has no full stop, as the scheme asks.
func webhookID(event itsm.ID) string {
	if s := string(event); plainID.MatchString(s) {
		return "msg_" + s
	}
	return "msg_" + digest.Of(string(event))
}

// send makes one attempt.
func (p *Practice) send(ctx context.Context, a *attempt) answer {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(a.body))
	if err != nil {
		return answer{err: "the URL cannot be called"}
	}
	id := webhookID(a.delivery.Event)
	req.Header.Set("Content-Type", cloudevents.ContentType+"; charset=utf-8")
	req.Header.Set("User-Agent", "itsmkit-webhook/1.0")
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(a.at.Unix(), 10))
	req.Header.Set(HeaderSignature, Sign(id, a.at, a.body, a.secrets...))
	res, err := p.c.Do(req)
	if err != nil {
		return answer{err: problem(err)}
	}
	defer func() { _ = res.Body.Close() }()
	// What the endpoint says beside its status is not kept, and read only so far as to use the
	// connection again.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	got := answer{status: res.StatusCode}
	if !got.taken() {
		got.err = fmt.Sprintf("the endpoint answered %d %s", res.StatusCode, http.StatusText(res.StatusCode))
		if seconds, err := strconv.ParseInt(res.Header.Get("Retry-After"), 10, 32); err == nil && seconds > 0 {
			got.retryAfter = min(time.Duration(seconds)*time.Second, 24*time.Hour)
		}
	}
	return got
}

// problem says what went wrong without the URL, which may hold a token, and without addresses.
func problem(err error) string {
	var timeout interface{ Timeout() bool }
	var called *url.Error
	switch {
	case errors.Is(err, errAddress):
		return errAddress.Error()
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the endpoint did not answer in time"
	case errors.As(err, &called) && strings.Contains(called.Err.Error(), "x509"):
		return "the certificate of the endpoint is not valid"
	}
	return "the endpoint could not be reached"
}

// settle keeps what came of an attempt, and says whether it failed, in which case the job is scheduled for
// the next one.
func (p *Practice) settle(ctx context.Context, u *engine.Unit, o of, id itsm.ID, got answer) (failed bool, err error) {
	d, err := DeliveryTable.Get(ctx, u.Quiet(), id)
	if err != nil {
		return true, err
	}
	k, err := keysTable.Get(ctx, u.Quiet(), o.Endpoint)
	if err != nil {
		return true, err
	}
	d.Status, d.Error, d.Updated, k.Updated = got.status, got.err, u.Now(), u.Now()
	if got.taken() {
		d.State, d.DeliveredAt = DeliveryDelivered, u.Now()
		if err := DeliveryTable.Put(ctx, u.Quiet(), &d); err != nil {
			return true, err
		}
		if k.Failures == 0 {
			return false, nil
		}
		k.Failures, k.FailingSince, k.RetryAt = 0, time.Time{}, time.Time{}
		return false, keysTable.Put(ctx, u.Quiet(), &k)
	}
	if d.State != DeliveryPending {
		return true, nil // it was settled by another
	}
	if k.Failures++; k.FailingSince.IsZero() {
		k.FailingSince = u.Now()
	}
	last := d.Attempts > len(p.o.Schedule)
	if last {
		d.State = DeliveryDead
	} else {
		d.Due = u.Now().Add(max(jittered(p.o.Schedule[d.Attempts-1], d.ID, d.Attempts), got.retryAfter))
	}
	if got.troubled() && len(p.o.Schedule) > 0 {
		wait := p.o.Schedule[min(k.Failures, len(p.o.Schedule))-1]
		k.RetryAt = u.Now().Add(max(jittered(wait, o.Endpoint, k.Failures), got.retryAfter))
	}
	if err := DeliveryTable.Put(ctx, u.Quiet(), &d); err != nil {
		return true, err
	}
	if err := keysTable.Put(ctx, u.Quiet(), &k); err != nil {
		return true, err
	}
	gone := got.status == http.StatusGone
	if gone || !u.Now().Before(k.FailingSince.Add(p.o.DisableAfter)) {
		x, err := Table.Get(ctx, u, o.Endpoint)
		if err != nil {
			return true, err
		}
		if x.State == StateActive {
			why := WhyFailing
			if gone {
				why = WhyGone
			}
			if err := p.disable(ctx, u, &x, why, got.status); err != nil {
				return true, err
			}
		}
		return true, schedule(ctx, u, o, u.Now()) // what waits becomes dead
	}
	if last {
		return true, schedule(ctx, u, o, later(u.Now(), k.RetryAt)) // those behind it
	}
	return true, schedule(ctx, u, o, later(d.Due, k.RetryAt))
}

// jittered adds up to a tenth to a wait, the same for the same attempt.
func jittered(wait time.Duration, id itsm.ID, attempt int) time.Duration {
	sum := sha256.Sum256([]byte(string(id) + "\x00" + strconv.Itoa(attempt)))
	return wait + time.Duration(float64(wait)/10*float64(binary.BigEndian.Uint16(sum[:2]))/65536).Truncate(time.Microsecond)
}

// The purge runs once a day in each tenant that has deliveries.
const (
	purgeKey   = "old"
	purgeEvery = 24 * time.Hour
	purgeSize  = 200
)

func (p *Practice) schedulePurge(ctx context.Context, u *engine.Unit) error {
	jobs, err := u.Jobs(ctx, storage.JobQuery{Kind: jobPurge, Key: purgeKey, Limit: 1})
	if err != nil || len(jobs) > 0 && !jobs[0].Dead {
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobPurge, Key: purgeKey, Due: u.Now().Add(purgeEvery)})
}

// purge deletes some deliveries that are through and older than the retention.
func (p *Practice) purge(ctx context.Context, u *engine.Unit, _ engine.Due, _ struct{}) error {
	page, err := DeliveryTable.List(ctx, u, storage.Query[DeliveryHead]{
		Where: storage.AllOf(DeliveryByState.In(DeliveryDelivered, DeliveryDead, DeliveryDropped), DeliveryByQueued.Below(u.Now().Add(-p.o.Retention))),
		Order: []storage.Order{DeliveryByQueued.Asc()}, Limit: purgeSize,
	})
	if err != nil {
		return err
	}
	for _, d := range page.Items {
		if err := u.Quiet().Delete(ctx, DeliveryTable.Schema(), d.ID, d.Version); err != nil {
			return err
		}
	}
	due := u.Now().Add(purgeEvery)
	if page.Next != "" {
		due = u.Now()
	} else if left, err := DeliveryTable.List(ctx, u, storage.Query[DeliveryHead]{Limit: 1}); err != nil || len(left.Items) == 0 {
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobPurge, Key: purgeKey, Due: due})
}
