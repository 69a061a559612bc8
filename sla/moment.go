// This file holds moments: what a timer is told of an event, live and from the history.

package sla

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/rewind"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// seen is a record as it was at an event.
type seen struct {
	values   map[string]any
	hold     string
	category itsm.Category
}

// look gives what is known of a record whose row is given, without facts.
func (k *speech) look(row storage.Row) (seen, error) {
	values, err := k.own.Facts(k.Schema, row, nil)
	s := seen{values: values}
	if k.HoldReason != "" {
		s.hold, _ = values[k.HoldReason].(string)
	}
	if k.Category != nil {
		s.category = k.Category(row)
	}
	return s, err
}

// by adds what conditions can name of the event beside what package timer knows.
func (s seen) by(e *itsm.Event) {
	s.values["event.internal"], s.values["event.system"] = e.Internal, e.System
	if e.Actor != "" {
		s.values["event.actor"] = string(e.Actor)
	}
}

// moment gives what a timer is told of an event after which the record is as it was seen. The instant is that of
// the event.
func (s seen) moment(e *itsm.Event, before itsm.Category, facts Facts) timer.Moment {
	values := s.values
	if len(facts) > 0 {
		values = maps.Clone(values)
		maps.Copy(values, facts)
	}
	m := timer.MomentOf(*e, s.hold, values)
	if m.To == "" {
		m.From, m.To = before, s.category
	}
	return m
}

// step is the fold: what one more moment makes of a timer, and whether it makes anything of it. Moments are
// taken in the order of the log: one that seems to be before the last that made something is taken as of that instant, so that
// clocks that are apart, and history that is written late, turn nothing round. Those before from tell only how the record was.
func step(t *timer.Timer, s timer.State, m timer.Moment, from time.Time) (next timer.State, happened []timer.Happening, changed bool, err error) {
	if m.At.Before(s.Last.At) {
		m.At = s.Last.At
	}
	next, happened, err = t.Apply(s, m)
	switch {
	case err != nil:
		return s, nil, false, err
	case m.At.Before(from), !hasBegun(next):
		return timer.State{Held: next.Held}, nil, next.Held != s.Held || len(s.Pauses) > 0, nil
	case len(happened) == 0 && next.Held == s.Held && slices.Equal(next.Pauses, s.Pauses):
		return s, nil, false, nil
	}
	return next, happened, true, nil
}

// hasBegun says that a state is more than what the record before an event tells, so that it must be kept.
func hasBegun(s timer.State) bool { return len(s.Cycles)+len(s.Pauses) > 0 }

// erase is step for the end of the record itself: what runs is cancelled.
func erase(s timer.State, e *itsm.Event) (timer.State, []timer.Happening, bool) {
	if p := s.Phase(); p != timer.PhaseRunning && p != timer.PhasePaused {
		return s, nil, false
	}
	s.Cycles = slices.Clone(s.Cycles)
	c := &s.Cycles[len(s.Cycles)-1]
	c.Pauses = slices.Clone(c.Pauses)
	at := e.At
	if at.Before(s.Last.At) {
		at = s.Last.At
	}
	if n := len(c.Pauses); n > 0 && c.Pauses[n-1].To.IsZero() {
		c.Pauses[n-1].To = at
	}
	c.End, c.Ended, c.Reason = at, timer.EndCancelled, "the record was deleted"
	s.Last = timer.Position{At: at, Version: e.Version, N: e.N}
	return s, []timer.Happening{{What: timer.DidCancel, At: at, Cycle: len(s.Cycles) - 1, Why: "cancelled: " + c.Reason, Reason: c.Reason, Outcome: timer.OutcomeNone}}, true
}

func isDeletion(e *itsm.Event) bool { return e.Type == engine.Deleted{}.EventType() }

// past is an event of the history with the record as it was after it. A deletion has nothing else.
type past struct {
	event   itsm.Event
	deleted bool
	seen    seen
	before  itsm.Category
}

// MaxHistory is how many events of a record can be taken into account when a timer is computed anew.
const MaxHistory = 100_000

// history reads all moments of a record from its events. What was kept out of the log is as it is now.
func (p *Practice) history(ctx context.Context, r storage.Reader, k *speech, ref itsm.Ref) ([]past, error) {
	tenant := r.Tenants()[0]
	row, err := quiet(r).Get(ctx, k.Schema, tenant, ref.ID)
	if isNotFound(err) {
		row = storage.Row{Columns: make([]any, len(k.Schema.Columns())), Body: []byte("{}")}
		row.Tenant, row.ID = tenant, ref.ID
	} else if err != nil {
		return nil, err
	}
	var events []itsm.Event
	q := storage.EventQuery{Kind: ref.Kind, Record: ref.ID, Limit: storage.MaxLimit}
	for {
		page, err := p.e.History(ctx, quiet(r), q)
		if err != nil {
			return nil, err
		}
		events = append(events, page...)
		if len(page) < q.Limit {
			break
		}
		if len(events) > MaxHistory {
			return nil, itsm.Invalid("timer", "events", "of the record are too many to be gone through again")
		}
		last := &page[len(page)-1]
		q.After = storage.EventPosition{Tenant: tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
	}
	all := make([]past, len(events))
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		all[i] = past{event: *e, deleted: isDeletion(e)}
		if !all[i].deleted {
			row.Version, row.Updated = e.Version, e.Recorded
			if all[i].seen, err = k.look(row); err != nil {
				return nil, err
			}
			all[i].seen.by(e)
		}
		earlier := rewind.Values{}
		earlier.Keep(e.Changes)
		if row, err = earlier.Apply(k.Schema, row); err != nil {
			return nil, err
		}
	}
	for i := 1; i < len(all); i++ {
		all[i].before = all[i-1].seen.category
	}
	return all, nil
}

// replay computes a timer's state from all moments. Where one cannot be taken into account it is passed over, and
// the fault says why. Begun is the moment by which there is a timer, or nil.
func replay(t *timer.Timer, all []past, from time.Time, facts Facts) (s timer.State, begun *past, fault string) {
	for i := range all {
		x := &all[i]
		if x.deleted {
			s, _, _ = erase(s, &x.event)
			continue
		}
		next, _, _, err := step(t, s, x.seen.moment(&x.event, x.before, facts), from)
		if err != nil {
			fault = faultOf(&x.event, err)
		}
		if s = next; begun == nil && hasBegun(s) {
			begun = x
		}
	}
	return s, begun, fault
}

// name keeps the customer whom a record names as it was seen. A name that no column can hold is a fault, and no
// reason to refuse what was commanded.
func (c *clock) name(s seen, facts Facts) {
	by := c.b.policy.CustomerBy
	if by == "" {
		return
	}
	name, _ := s.values[by].(string)
	if fact, ok := facts[by].(string); ok {
		name = fact
	}
	if err := checkCustomer(name); err != nil {
		c.Fault = faultText(err.Error())
		return
	}
	c.Customer = name
}

// checkCustomer refuses a customer's name that no column can hold: names come from the host, however long.
func checkCustomer(name string) error {
	var f itsm.Faults
	f.Text("customer", name, storage.MaxText, false)
	return f.Err("sla timer")
}

func faultOf(e *itsm.Event, err error) string {
	text := "version " + itoa(e.Version) + ": " + err.Error()
	return faultText(text)
}

// sameState says whether two states have the same JSON form, which is what is kept of them.
func sameState(a, b timer.State) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
