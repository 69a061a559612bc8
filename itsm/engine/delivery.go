package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
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

func placeOf(e storage.Event) place {
	return place{Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}
}

// before says whether a place of the same record is an earlier one.
func (p place) before(o place) bool {
	return p.Version < o.Version || p.Version == o.Version && p.N < o.N
}

func (p place) payload() []byte {
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return raw
}

// deliveryKind is the kind of a record's delivery: the one job by which all subscribers are told of
// what happened to it, so that what a command writes does not grow with the number of subscribers.
// Who falls behind, as it fails or takes long, gets a delivery of its own for that record, of
// [Subscriber].kind, and holds nobody else up.
const deliveryKind = "deliver"

// deliver enqueues one job for each record with an event that somebody is told of.
func (u *Unit) deliver(ctx context.Context) error {
	var jobs []storage.Job
	seen := map[recordKey]bool{}
	for _, e := range u.s.queue {
		k := recordKey{e.Kind, e.Record}
		if seen[k] || !slices.ContainsFunc(u.e.r.subscribers, func(s Subscriber) bool { return s.wants(e.Kind, e.Type) }) {
			continue
		}
		seen[k] = true
		key := deliveryKey(k)
		jobs = append(jobs, storage.Job{
			Kind: deliveryKind, Key: key, Subject: subjectOf(deliveryKind, key), Due: u.s.now, Keep: true,
			Payload: place{Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}.payload(),
		})
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
		key = k.kind + "/" + digest.Of(string(k.id))
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
	return digest.Of(kind, key)
}

// deliveryPage is how many events of a record are delivered under one claim.
const deliveryPage = 100

// errUnreadable is what becomes of a delivery whose payload is not a place.
var errUnreadable = storage.Outcome{Dead: true, Error: "the payload cannot be read"}

// pending reads, at one instant, the events of a record from a place on, and the deliveries of it
// that are not dead, by kind.
func (e *Engine) pending(ctx context.Context, j storage.Job, at place, limit int) (events []storage.Event, others map[string]storage.Job, err error) {
	living := false
	read := func(ctx context.Context, r storage.Reader) error {
		var err error
		if events, err = r.Events(ctx, storage.EventQuery{
			Kind: at.Kind, Record: at.Record, Limit: limit,
			After: storage.EventPosition{Tenant: j.Tenant, Kind: at.Kind, Record: at.Record, Version: at.Version, N: at.N - 1},
		}); err != nil {
			return err
		}
		query := storage.JobQuery{Key: j.Key, Dead: &living, Limit: storage.MaxLimit}
		if j.Kind != deliveryKind {
			query.Kind = deliveryKind // that alone matters to a subscriber's own
		}
		jobs, err := r.Jobs(ctx, query)
		others = make(map[string]storage.Job, len(jobs))
		for _, other := range jobs {
			others[other.Kind] = other
		}
		return err
	}
	err = e.reading(ctx, func(ctx context.Context) error { return e.store.View(ctx, []storage.Tenant{j.Tenant}, read) })
	return events, others, err
}

// runDelivery tells all subscribers what they have not had of one record, one after the other. Each
// who fails, who is not come to while the claim lasts, or who has a delivery of its own, goes on
// with that; so does everyone after a claim that did not come back, so that who kills the process
// does it alone.
func (e *Engine) runDelivery(ctx context.Context, j storage.Job, now time.Time, left time.Duration) (done Ran, err error) {
	var at place
	if err := json.Unmarshal(j.Payload, &at); err != nil {
		return Ran{Dead: 1}, e.settle(ctx, j, errUnreadable)
	}
	events, others, err := e.pending(ctx, j, at, deliveryPage)
	if err != nil {
		return done, err
	}
	claim, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	var more []storage.Job
	for n, sub := range e.r.subscribers {
		first := slices.IndexFunc(events, func(stored storage.Event) bool { return sub.wants(stored.Kind, stored.Type) })
		if first < 0 {
			continue
		}
		b := brought{at: placeOf(events[first]), due: now}
		_, has := others[sub.kind()]
		if alone := has || j.Attempts > 1 || n > 0 && e.left(j, now) < e.r.lease/2; !alone {
			if b = e.bring(claim, sub, j, b.at, events[first:], now); ctx.Err() != nil {
				return done, ctx.Err() // stopped, not failed: the claim will end
			}
			done.add(b.ran)
			more = append(more, b.dead...)
		}
		if !b.due.IsZero() {
			more = append(more, storage.Job{
				Kind: sub.kind(), Key: j.Key, Subject: subjectOf(sub.kind(), j.Key), Due: b.due, Keep: true, Payload: b.at.payload(),
			})
		}
	}
	if len(events) > 0 {
		at = placeOf(events[len(events)-1])
		at.N++
	}
	o := storage.Outcome{Done: true, Payload: at.payload()}
	if len(events) == deliveryPage { // there may be more
		o = storage.Outcome{Due: now, Payload: at.payload(), Reset: true}
	}
	return done, e.settle(ctx, j, o, more...)
}

// runOwnDelivery brings one subscriber what it has not had of one record, as far as the record's
// delivery has come. It stops at the first failure, at the end of the claim, or after a page, and
// leaves the job at the place it came to. A dead letter that is tried again is such a delivery of
// its one event.
func (e *Engine) runOwnDelivery(ctx context.Context, sub Subscriber, j storage.Job, now time.Time, left time.Duration) (done Ran, err error) {
	var at place
	if err := json.Unmarshal(j.Payload, &at); err != nil {
		return Ran{Dead: 1}, e.settle(ctx, j, errUnreadable)
	}
	letter := j.Kind == sub.letter()
	limit := deliveryPage
	if letter {
		limit = 1
	}
	events, others, err := e.pending(ctx, j, at, limit)
	if err != nil {
		return done, err
	}
	full := len(events) == limit
	var until place
	if shared, ok := others[deliveryKind]; ok && !letter && json.Unmarshal(shared.Payload, &until) == nil {
		if n := slices.IndexFunc(events, func(stored storage.Event) bool { return !placeOf(stored).before(until) }); n >= 0 {
			events, full = events[:n], false // that brings the rest, or says so here
		}
	}
	claim, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	b := e.bring(claim, sub, j, at, events, now)
	switch {
	case ctx.Err() != nil:
		return b.ran, ctx.Err()
	case letter && len(b.dead) > 0:
		return b.ran, e.settle(ctx, j, storage.Outcome{Dead: true, Error: b.failure})
	case !b.due.IsZero():
		return b.ran, e.settle(ctx, j, storage.Outcome{Due: b.due, Error: b.failure, Payload: b.at.payload(), Reset: true}, b.dead...)
	case full && !letter:
		return b.ran, e.settle(ctx, j, storage.Outcome{Due: now, Payload: b.at.payload(), Reset: true}, b.dead...)
	}
	return b.ran, e.settle(ctx, j, storage.Outcome{Done: true, Payload: b.at.payload()}, b.dead...)
}

// brought is how far a subscriber came.
type brought struct {
	ran Ran
	// at is past the last event, or with due that with which to go on then.
	at      place
	due     time.Time
	failure string
	// dead are the letters of what it is not told any more.
	dead []storage.Job
}

// bring gives a subscriber events of a record, the first of them at a place with the attempts
// before, until one fails or too little is left of the claim.
func (e *Engine) bring(claim context.Context, sub Subscriber, j storage.Job, at place, events []storage.Event, now time.Time) brought {
	b := brought{at: at}
	attempts, claims := at.Attempts, j.Attempts
	for i, stored := range events {
		if i > 0 && e.left(j, now) < e.r.lease/2 {
			b.due = now // under a claim that lasts
			return b
		}
		b.at = placeOf(stored)
		if j.Kind == sub.letter() || sub.wants(stored.Kind, stored.Type) {
			// Claims that never came back count too: what kills the process must not do so for ever.
			attempts = max(attempts+1, claims)
			failure := errNotBack
			if attempts <= e.r.jobAttempts {
				failure = e.deliverOne(claim, sub, stored)
			}
			switch {
			case failure == nil:
				b.ran.Delivered++
			case attempts < e.r.jobAttempts:
				b.ran.Failed++
				b.at.Attempts = attempts
				b.due, b.failure = now.Add(e.r.wait(attempts)), failure.Error()
				return b
			default:
				b.ran.Dead++
				b.failure = failure.Error()
				b.dead = append(b.dead, storage.Job{
					Kind: sub.letter(), Key: digest.Of(j.Key, fmt.Sprint(b.at.Version), fmt.Sprint(b.at.N)), Subject: subjectOf(sub.kind(), j.Key), Due: now,
					Payload: b.at.payload(), Dead: true, Attempts: attempts, Error: plainText(b.failure),
				})
			}
		}
		attempts, claims = 0, 0
		b.at.N++
	}
	return b
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
	unsure := false
	err := e.repeating(ctx, func() error {
		err := e.store.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
			if len(dead) > 0 {
				if err := tx.Enqueue(ctx, dead...); err != nil {
					return err
				}
			}
			return tx.Finish(ctx, j, o)
		})
		unsure = unsure || isUnknown(err)
		return err
	})
	if unsure && errors.Is(err, storage.ErrConflict) {
		return nil // by the attempt that nothing was heard of
	}
	return err
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
