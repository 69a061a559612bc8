package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
				Payload: place{e.Kind, e.Record, e.Version, e.N}.payload(),
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
	if len(key) > storage.MaxKey-32 { // room for a dead letter's place
		key = k.kind + "/" + digest(string(k.id))
	}
	return key
}

// subjectOf keeps the deliveries of one subscriber and record one at a time.
func subjectOf(kind, key string) string {
	if s := kind + "/" + key; len(s) <= storage.MaxKey {
		return s
	}
	return digest(kind, key)
}

// runDelivery brings a subscriber what it has not had of one record. It stops at the first
// failure, or after a page, and leaves the job at the place it came to.
func (e *Engine) runDelivery(ctx context.Context, sub Subscriber, j storage.Job, now time.Time) (done Ran, err error) {
	var at place
	if err := json.Unmarshal(j.Payload, &at); err != nil {
		return done, e.settle(ctx, j, storage.Outcome{Dead: true, Error: "the payload cannot be read"})
	}
	letter := j.Key != deliveryKey(recordKey{at.Kind, at.Record}) // a dead letter tried again
	limit := 100
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
	deadline, cancel := context.WithTimeout(ctx, e.r.lease)
	defer cancel()
	var dead []storage.Job
	attempts := j.Attempts
	for _, stored := range events {
		at = place{stored.Kind, stored.Record, stored.Version, stored.N}
		if letter || len(sub.Types) == 0 || slices.Contains(sub.Types, stored.Type) {
			failure := e.deliverOne(deadline, sub, stored)
			if failure != nil && ctx.Err() != nil {
				return done, ctx.Err() // stopped, not failed: the lease will end
			}
			if failure != nil && attempts < e.r.jobAttempts {
				done.Failed++
				return done, e.settle(ctx, j, storage.Outcome{
					Due: now.Add(e.r.wait(attempts)), Error: failure.Error(), Payload: at.payload(), Reset: attempts == 1 && j.Attempts > 1,
				}, dead...)
			}
			if failure != nil {
				done.Dead++
				if letter {
					return done, e.settle(ctx, j, storage.Outcome{Dead: true, Error: failure.Error()})
				}
				dead = append(dead, storage.Job{
					Kind: j.Kind, Key: fmt.Sprintf("%s#%d.%d", j.Key, at.Version, at.N), Subject: j.Subject, Due: now,
					Payload: at.payload(), Dead: true, Attempts: attempts, Error: failure.Error(),
				})
			} else {
				done.Delivered++
			}
			attempts = 1
		}
		at.N++
	}
	if len(events) == limit && !letter { // there may be more
		return done, e.settle(ctx, j, storage.Outcome{Due: now, Payload: at.payload(), Reset: true}, dead...)
	}
	return done, e.settle(ctx, j, storage.Outcome{Done: true, Payload: at.payload()}, dead...)
}

// deliverOne hands over one event; a panic of the subscriber is its failure.
func (e *Engine) deliverOne(ctx context.Context, sub Subscriber, stored storage.Event) (err error) {
	ev, err := e.Decode(stored)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("subscriber %s panicked: %v", sub.Name, r)
		}
	}()
	return sub.Deliver(ctx, ev)
}

// settle finishes a claim in a unit of its own, with the dead letters that came of it.
func (e *Engine) settle(ctx context.Context, j storage.Job, o storage.Outcome, dead ...storage.Job) error {
	o.Error = shorten(o.Error)
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

// shorten keeps an error's text within what a job keeps.
func shorten(s string) string {
	const most = 2000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
