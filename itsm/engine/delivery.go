package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// place is the payload of a delivery: the first event of the record that the subscriber has not
// had. A dead letter's payload is the event it is about.
type place struct {
	Kind    string     `json:"kind"`
	Record  storage.ID `json:"record"`
	Version int64      `json:"version"`
	N       int        `json:"n"`
	// Attempts is how often the delivery of this event has failed.
	Attempts int `json:"attempts,omitempty"`
}

func (p place) payload() []byte {
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return raw
}

// deliver enqueues one job for each subscriber and record with an event that it is told of.
func (u *Unit) deliver(ctx context.Context) error {
	var jobs []storage.Job
	for _, sub := range u.e.r.subscribers {
		var seen map[recordKey]bool
		for _, e := range u.s.queue {
			if len(sub.Types) > 0 && !slices.Contains(sub.Types, e.Type) {
				continue
			}
			k := recordKey{e.Kind, e.Record}
			if seen[k] {
				continue
			}
			if seen == nil {
				seen = map[recordKey]bool{}
			}
			seen[k] = true
			key := deliveryKey(k)
			jobs = append(jobs, storage.Job{
				Kind: sub.kind(), Key: key, Subject: subjectOf(sub.kind(), key), Due: u.s.now, Keep: true,
				Payload: place{Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}.payload(),
			})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return u.s.tx.Enqueue(ctx, jobs...)
}

// deliveryKey names a record within a subscriber's deliveries; one too long for a key is hashed.
func deliveryKey(k recordKey) string {
	key := k.kind + "/" + string(k.id)
	if len(key) > storage.MaxKey {
		key = k.kind + "/" + digest(string(k.id))
	}
	return key
}

// subjectPrefix is what a subject is made of beside the delivery's kind, at the least.
const subjectPrefix = "/"

// subjectOf keeps the deliveries of one subscriber and record one at a time.
func subjectOf(kind, key string) string {
	if s := kind + subjectPrefix + key; len(s) <= storage.MaxKey {
		return s
	}
	return digest(kind, key)
}

// deliveryPage is how many events of a record are delivered under one claim.
const deliveryPage = 100

// runDelivery brings a subscriber what it has not had of one record. It stops at the first
// failure, at the end of the claim, or after a page, and leaves the job at the place it came to.
func (e *Engine) runDelivery(ctx context.Context, sub Subscriber, j storage.Job, now time.Time, left time.Duration) (done Ran, err error) {
	var at place
	if err := json.Unmarshal(j.Payload, &at); err != nil {
		return Ran{Dead: 1}, e.settle(ctx, j, storage.Outcome{Dead: true, Error: "the payload cannot be read"})
	}
	letter := j.Kind == sub.letter() // a dead letter that is tried again, alone
	limit := deliveryPage
	if letter {
		limit = 1
	}
	var events []storage.Event
	err = e.store.View(ctx, []storage.Tenant{j.Tenant}, func(ctx context.Context, r storage.Reader) error {
		var err error
		events, err = r.Events(ctx, storage.EventQuery{
			Kind: at.Kind, Record: at.Record, Limit: limit,
			After: storage.EventPosition{Tenant: j.Tenant, Kind: at.Kind, Record: at.Record, Version: at.Version, N: at.N - 1},
		})
		return err
	})
	if err != nil {
		return done, err
	}
	claim, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	var dead []storage.Job
	attempts := at.Attempts
	for i, stored := range events {
		if i > 0 && e.left(j, now) < e.r.lease/2 {
			// The rest is delivered under a claim that lasts.
			return done, e.settle(ctx, j, storage.Outcome{Due: now, Payload: at.payload(), Reset: true}, dead...)
		}
		at = place{Kind: stored.Kind, Record: stored.Record, Version: stored.Version, N: stored.N}
		if letter || len(sub.Types) == 0 || slices.Contains(sub.Types, stored.Type) {
			// Claims that never came back count too: what kills the process must not do so for ever.
			attempts = max(attempts+1, j.Attempts)
			failure := errNotBack
			if attempts <= e.r.jobAttempts {
				failure = e.deliverOne(claim, sub, stored)
			}
			switch {
			case failure == nil:
				done.Delivered++
			case ctx.Err() != nil:
				return done, ctx.Err() // stopped, not failed: the claim will end
			case attempts < e.r.jobAttempts:
				done.Failed++
				at.Attempts = attempts
				return done, e.settle(ctx, j, storage.Outcome{
					Due: now.Add(e.r.wait(attempts)), Error: failure.Error(), Payload: at.payload(), Reset: true,
				}, dead...)
			case letter:
				done.Dead++
				return done, e.settle(ctx, j, storage.Outcome{Dead: true, Error: failure.Error()})
			default:
				done.Dead++
				dead = append(dead, storage.Job{
					Kind: sub.letter(), Key: digest(j.Key, fmt.Sprint(at.Version), fmt.Sprint(at.N)), Subject: j.Subject, Due: now,
					Payload: at.payload(), Dead: true, Attempts: attempts, Error: plainText(failure.Error()),
				})
			}
		}
		attempts, j.Attempts = 0, 0
		at.N++
	}
	if len(events) == limit && !letter { // there may be more
		return done, e.settle(ctx, j, storage.Outcome{Due: now, Payload: at.payload(), Reset: true}, dead...)
	}
	return done, e.settle(ctx, j, storage.Outcome{Done: true, Payload: at.payload()}, dead...)
}

// errNotBack is the failure of what was claimed again and again and never finished.
var errNotBack = errors.New("did not come back from the attempts before: the process ended, or it took longer than its claim")

// deliverOne hands over one event; a panic is a failure of the delivery, not of the process.
func (e *Engine) deliverOne(ctx context.Context, sub Subscriber, stored storage.Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("subscriber %s panicked: %v", sub.Name, r)
		}
	}()
	ev, err := e.Decode(stored)
	if err != nil {
		return err
	}
	return sub.Deliver(ctx, ev)
}

// settle finishes a claim in a unit of its own, with the dead letters that came of it.
func (e *Engine) settle(ctx context.Context, j storage.Job, o storage.Outcome, dead ...storage.Job) error {
	o.Error = plainText(o.Error)
	for attempt := 1; ; attempt++ {
		err := e.store.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
			if len(dead) > 0 {
				if err := tx.Enqueue(ctx, dead...); err != nil {
					return err
				}
			}
			return tx.Finish(ctx, j, o)
		})
		if err == nil || attempt >= e.attempts || !isRetry(err) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// plainText keeps an error's text as every store can: valid UTF-8 without NUL, and not too long.
func plainText(s string) string {
	const most = 2000
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
