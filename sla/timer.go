// This file holds the record: a timer of one target on one record, its table, and the columns to query by.

package sla

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// TimerKind is the kind of record that a timer is: the name of its table.
const TimerKind = "sla_timer"

// Timer is one target of a policy on one record. It begins when the target's start does, and there is one at most
// for a record, policy and target: what begins again is another cycle of it. Its JSON form is one
// flat object.
type Timer struct {
	TimerHead
	TimerBody
}

// TimerHead is what lists of timers show, filter and sort by. All but the first five tell of the last
// cycle, as it was when the timer was last written: an event, a threshold or the breach wrote it.
type TimerHead struct {
	storage.Meta
	// SubjectKind and Subject name the record.
	SubjectKind string  `json:"subject_kind"`
	Subject     itsm.ID `json:"subject"`
	// Policy and Target are names. PolicyVersion is the version of the policy that is pinned.
	Policy        string  `json:"policy"`
	Target        string  `json:"target"`
	PolicyVersion itsm.ID `json:"policy_version"`
	// Type says between whom the policy is agreed: timers of others than [timer.SLA] are internal.
	Type timer.Type `json:"type"`
	// Customer is whom the policy's CustomerBy named when the timer began.
	Customer string `json:"customer,omitempty"`
	// Month is that in which the timer first began, in the time zone of its calendar: "2026-11".
	Month string `json:"month"`
	// Phase says what it does, Outcome how it stands.
	Phase   timer.Phase   `json:"phase"`
	Outcome timer.Outcome `json:"outcome"`
	// Open says that it runs or is paused.
	Open bool `json:"open"`
	// Cycles is how many there were. Met and Breaches are how many of those that ended were met, and
	// were not.
	Cycles   int `json:"cycles"`
	Met      int `json:"met"`
	Breaches int `json:"breaches"`
	// Started is when the cycle began, Ended when it did.
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	// Due is when it is due; absent while that is not defined, as it is paused. It is breached when the instant
	// is past.
	Due time.Time `json:"due,omitzero"`
	// ManualDue is a due date that a person has set: it is shown, and never touched by what is computed.
	ManualDue time.Time `json:"manual_due,omitzero"`
	// DueOrder follows from Due, in microseconds since 1970 UTC, and is the greatest number where there is
	// none or the timer is not open: lists are ordered by it, as an absent time is no order.
	DueOrder int64 `json:"-"`
}

// TimerBody is the rest of a timer, which no list reads.
type TimerBody struct {
	// PolicyNumber is the number of the policy's version, and Calendars are the versions of the calendars that
	// are pinned.
	PolicyNumber int64 `json:"policy_number"`
	Calendars    []Pin `json:"calendars"`
	// Basis names what the timer is computed by: policy and calendars.
	Basis itsm.ID `json:"basis"`
	// From is since when the policy holds for it: moments before tell only how the record was.
	From time.Time `json:"from"`
	// Facts are what was known of the record beside its own values when the timer began.
	Facts Facts `json:"facts,omitempty"`
	// State is the history from which everything else follows.
	State timer.State `json:"state"`
	// Told are the breaches that were told, one for a cycle.
	Told []Breach `json:"told,omitempty"`
	// Cause is what the last cycle began by, where it was something that acts by itself.
	Cause itsm.Cause `json:"cause,omitzero"`
	// Fault says why an event could not be taken into account, empty where all were: an answer outside the calendar's
	// horizon. Rebase, and RebaseAll for many, repair it once the calendar's active version goes further; Rebuild, which keeps to
	// the pinned versions, does not.
	Fault string `json:"fault,omitempty"`
	// ManualBy set ManualDue, for ManualReason.
	ManualBy     itsm.ID `json:"manual_by,omitempty"`
	ManualReason string  `json:"manual_reason,omitempty"`
}

// Facts are what is known of a record beside its own values, by name: string, int64 or bool, times as int64
// microseconds since 1970.
type Facts map[string]any

// UnmarshalJSON reads the JSON form. Numbers must be integers of 64 bits.
func (f *Facts) UnmarshalJSON(raw []byte) error {
	var m timer.Moment
	if err := json.Unmarshal(slices.Concat([]byte(`{"values":`), raw, []byte("}")), &m); err != nil {
		return err
	}
	*f = m.Values
	return nil
}

// Breach says that a cycle was not ended by its due.
type Breach struct {
	Cycle int       `json:"cycle"`
	Due   time.Time `json:"due"`
	// Noted is when that was noticed.
	Noted time.Time `json:"noted"`
}

// told are the fields whose values the log tells when they change; what the state was follows from the
// record's own events.
var told = []string{"policy_version", "type", "phase", "outcome", "open", "cycles", "met", "breaches", "started", "ended", "due", "manual_due",
	"policy_number", "calendars", "basis", "fault", "manual_by", "manual_reason"}

// The columns of timers.
var (
	BySubjectKind   = storage.Col("subject_kind", func(h *TimerHead) *string { return &h.SubjectKind })
	BySubject       = storage.Col("subject", func(h *TimerHead) *itsm.ID { return &h.Subject })
	ByPolicy        = storage.Col("policy", func(h *TimerHead) *string { return &h.Policy })
	ByTarget        = storage.Col("target", func(h *TimerHead) *string { return &h.Target })
	ByPolicyVersion = storage.Col("policy_version", func(h *TimerHead) *itsm.ID { return &h.PolicyVersion })
	ByType          = storage.Col("type", func(h *TimerHead) *timer.Type { return &h.Type })
	ByCustomer      = storage.Col("customer", func(h *TimerHead) *string { return &h.Customer })
	ByMonth         = storage.Col("month", func(h *TimerHead) *string { return &h.Month })
	ByPhase         = storage.Col("phase", func(h *TimerHead) *timer.Phase { return &h.Phase })
	ByOutcome       = storage.Col("outcome", func(h *TimerHead) *timer.Outcome { return &h.Outcome })
	ByOpen          = storage.BoolCol("open", func(h *TimerHead) *bool { return &h.Open })
	ByCycles        = storage.Col("cycles", func(h *TimerHead) *int { return &h.Cycles })
	ByMet           = storage.Col("met", func(h *TimerHead) *int { return &h.Met })
	ByBreaches      = storage.Col("breaches", func(h *TimerHead) *int { return &h.Breaches })
	ByStarted       = storage.NullTimeCol("started", func(h *TimerHead) *time.Time { return &h.Started })
	ByEnded         = storage.NullTimeCol("ended", func(h *TimerHead) *time.Time { return &h.Ended })
	ByDue           = storage.NullTimeCol("due", func(h *TimerHead) *time.Time { return &h.Due })
	ByManualDue     = storage.NullTimeCol("manual_due", func(h *TimerHead) *time.Time { return &h.ManualDue })
	ByDueOrder      = storage.Col("due_order", func(h *TimerHead) *int64 { return &h.DueOrder })
)

// TimerTable is the table of timers. Those of a record stand together by their ids; there are indexes for
// the open ones by when they are due, and for those of a policy and month.
var TimerTable = storage.Define(TimerKind, storage.Def[Timer, TimerHead, TimerBody]{
	Parts: func(t *Timer) (*TimerHead, *TimerBody) { return &t.TimerHead, &t.TimerBody },
	Columns: []storage.ColumnOf[TimerHead]{
		BySubjectKind, BySubject, ByPolicy, ByTarget, ByPolicyVersion, ByType, ByCustomer, ByMonth, ByPhase, ByOutcome, ByOpen,
		ByCycles, ByMet, ByBreaches, ByStarted, ByEnded, ByDue, ByManualDue, ByDueOrder,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByOpen.Asc(), ByDueOrder.Asc()),
		storage.IndexOn(ByPolicy.Asc(), ByMonth.Asc()),
	},
})

// SubjectRef names the record that the timer is of.
func (h *TimerHead) SubjectRef() itsm.Ref { return itsm.Ref{Kind: h.SubjectKind, ID: h.Subject} }

// Internal says that the timer is not for those whom the service is for: it is of an operational level
// agreement or an underpinning contract.
func (h *TimerHead) Internal() bool { return h.Type != timer.SLA }

// newTimer makes a timer that has not begun.
func newTimer(subject itsm.Ref, b *ready, target string, from time.Time, facts Facts) *Timer {
	t := &Timer{TimerHead: TimerHead{SubjectKind: subject.Kind, Subject: subject.ID, Policy: b.pin.Name, Target: target}}
	t.ID = timerID(subject, t.Policy, target)
	t.From, t.Facts = from, facts
	t.pin(b)
	return t
}

// timerID is the one id that a timer can have, so that it is begun once. Ids of one record stand together, and where those
// of records rise they do too, which is what stores write fastest.
func timerID(subject itsm.Ref, policy, target string) itsm.ID {
	return itsm.ID(idPrefix(subject)) + idOf(subject.Kind, string(subject.ID), policy, target)[:16]
}

// idPrefix begins the ids of all timers of a record. Records of several kinds can have the same.
func idPrefix(subject itsm.Ref) string {
	const rest = 1 + 16
	if len(subject.ID)+rest <= storage.MaxKey {
		return string(subject.ID) + "."
	}
	return string(idOf(string(subject.ID))) + "."
}

// pin has the timer be computed by a basis.
func (t *Timer) pin(b *ready) {
	t.Basis, t.PolicyVersion, t.PolicyNumber, t.Calendars = b.id, b.pin.Version, b.pin.Number, b.calendars
	if t.Type = b.policy.Type; t.Type == "" {
		t.Type = timer.SLA
	}
}

// idOf makes an id of parts that no other parts have.
func idOf(parts ...string) itsm.ID { return itsm.ID(digest.Of(parts...)[:32]) }

// clock is a timer with what computes it.
type clock struct {
	*Timer
	b *ready
	t *timer.Timer
	// changed says that it is to be written, news is what is to be told of it.
	changed bool
	news    []news
}

// clock makes a timer that was read answer. A target that its policy does not have is a fault of the program.
func (p *Practice) clock(ctx context.Context, r storage.Reader, t *Timer) (*clock, error) {
	b, err := p.basis(ctx, r, t.Basis)
	if err != nil {
		return nil, err
	}
	x, ok := b.compiled.Timer(t.Target)
	if !ok {
		return nil, fmt.Errorf("sla timer %s: policy %s, version %d, has no target %q", t.ID, t.Policy, t.PolicyNumber, t.Target)
	}
	return &clock{Timer: t, b: b, t: x}, nil
}

// settle has the columns say what the state does at an instant.
func (c *clock) settle(now time.Time) error {
	r, err := c.t.At(c.State, now)
	if err != nil {
		return err
	}
	c.Phase, c.Outcome, c.Cycles = r.Phase, r.Outcome, len(c.State.Cycles)
	c.Open = r.Phase == timer.PhaseRunning || r.Phase == timer.PhasePaused
	c.Started, c.Ended, c.Due, c.DueOrder = time.Time{}, time.Time{}, time.Time{}, math.MaxInt64
	c.Met, c.Breaches = 0, 0
	for i := range c.State.Cycles {
		x := &c.State.Cycles[i]
		if i == len(c.State.Cycles)-1 {
			c.Started, c.Ended = storage.Instant(x.Start), storage.Instant(x.End)
			if x.End.IsZero() {
				c.Ended = time.Time{}
			}
		}
		if x.Ended == "" || x.Ended == timer.EndCancelled {
			continue
		}
		reading, err := c.t.Cycle(c.State, i, now)
		if err != nil {
			return err
		}
		if reading.Outcome == timer.OutcomeBreached {
			c.Breaches++
		} else {
			c.Met++
		}
	}
	if r.HasDue {
		c.Due = storage.Instant(r.Due)
		if c.Open {
			c.DueOrder = c.Due.UnixMicro()
		}
	}
	if c.Month == "" && len(c.State.Cycles) > 0 {
		begun := &c.State.Cycles[0]
		c.Month = begun.Start.In(c.b.zones[begun.Goals[0].Calendar]).Format("2006-01")
	}
	return nil
}

// wasTold says whether the breach of the last cycle was told.
func (c *clock) wasTold() bool {
	n := len(c.Told)
	return n > 0 && c.Told[n-1].Cycle == len(c.State.Cycles)-1
}

// next gives the first instant at which something is to be told, done or written, in microseconds; false where
// there is none.
func (c *clock) next() (at time.Time, ok bool, err error) {
	// A threshold that lies outside the calendar comes after due, where the calendar knows that.
	if at, ok, err = c.t.NextThreshold(c.State); err != nil && !errors.Is(err, calendar.ErrHorizon) {
		return at, false, err
	}
	if ok {
		at = storage.Instant(at.Add(time.Microsecond - 1)) // not before it
	}
	if c.State.Phase() != timer.PhaseRunning || c.wasTold() && c.Outcome == timer.OutcomeBreached {
		return at, ok, nil
	}
	due, has, err := c.t.Due(c.State)
	if err != nil {
		return at, false, err
	}
	if has {
		if passed := storage.Instant(due).Add(time.Microsecond); !ok || passed.Before(at) {
			at, ok = passed, true
		}
	}
	return at, ok, nil
}
