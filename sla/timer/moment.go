// This file holds moments: what a timer is told of a record.

package timer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Moment is one event on a record, with what the record is after it. Moments are ordered by At, and then by
// Version and N. Conditions name:
//
//   - the record's values by their names in Values: columns, the host's own fields as "fields.<name>", and
//     facts, as package itsm/routing names them; what is not there is null;
//   - of the moment itself "event.type", "event.action", "event.from_category", "event.to_category",
//     "event.hold_reason" and "event.at".
type Moment struct {
	// Version and N are the event's place among those of the record, as [itsm.Event] has them. No two moments
	// of a record have the same. A host without such a place numbers them: Version from 1 up.
	Version int64 `json:"version"`
	N       int   `json:"n,omitempty"`
	// At is when it happened.
	At time.Time `json:"at"`

	// Type is the event's type, Action the lifecycle's action or the command's name.
	Type   string `json:"type,omitempty"`
	Action string `json:"action,omitempty"`
	// From and To are the categories of the record's state before and after; From is empty for the first.
	From itsm.Category `json:"from,omitempty"`
	To   itsm.Category `json:"to,omitempty"`
	// HoldReason is why the record waits after it, where it does.
	HoldReason string `json:"hold_reason,omitempty"`
	// Values are those of the record after it: string, int64 or bool, times as int64 microseconds since 1970.
	Values map[string]any `json:"values,omitempty"`
}

// MomentOf gives the moment of an event, with the hold reason and the values that the record has after it.
func MomentOf(e itsm.Event, holdReason string, values map[string]any) Moment {
	return Moment{Version: e.Version, N: e.N, At: e.At.UTC(), Type: e.Type, Action: e.Action,
		From: e.FromCategory, To: e.ToCategory, HoldReason: holdReason, Values: values}
}

// UnmarshalJSON reads the JSON form. Numbers must be integers of 64 bits.
func (m *Moment) UnmarshalJSON(raw []byte) error {
	type plain Moment
	var p plain
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return err
	}
	for name, v := range p.Values {
		switch v := v.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return itsm.Invalid("moment", "values."+clip(name), "is not a 64-bit integer")
			}
			p.Values[name] = n
		case nil, string, bool:
		default:
			return itsm.Invalid("moment", "values."+clip(name), "is neither text, integer nor boolean")
		}
	}
	*m = Moment(p)
	return nil
}

func (m *Moment) check() error {
	var f itsm.Faults
	if m.Version < 1 {
		f.Add("version", "must be 1 or more")
	}
	if m.N < 0 {
		f.Add("n", "must not be negative")
	}
	if m.At.IsZero() {
		f.Add("at", "is required")
	}
	for field, c := range map[string]itsm.Category{"from": m.From, "to": m.To} {
		if c != "" && !c.Valid() {
			f.Addf(field, "is %q; %s", clip(string(c)), oneOfCategories)
		}
	}
	return f.Err("moment")
}

const oneOfCategories = "it is one of: new, active, waiting, resolved, closed, cancelled"

func (m *Moment) position() Position { return Position{m.At.UTC().Round(0), m.Version, m.N} }

// The names that are the moment's own.
const (
	eventType    = "event.type"
	eventAction  = "event.action"
	eventFrom    = "event.from_category"
	eventTo      = "event.to_category"
	eventReason  = "event.hold_reason"
	eventAt      = "event.at"
	eventMoved   = "event.category_changed" // for what follows from what, not for conditions
	eventPrefix  = "event."
	changePrefix = "changed."
	beforePrefix = "before."
)

// get gives what a condition names.
func (m *Moment) get(name string) any {
	if strings.HasPrefix(name, eventPrefix) {
		switch name {
		case eventType:
			return orNull(m.Type)
		case eventAction:
			return orNull(m.Action)
		case eventFrom:
			return orNull(string(m.From))
		case eventTo:
			return orNull(string(m.To))
		case eventReason:
			return orNull(m.HoldReason)
		case eventAt:
			return m.At.UnixMicro()
		}
	}
	return m.Values[name]
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// holds evaluates a condition.
func (m *Moment) holds(c *storage.Condition) bool { return c.Op == storage.All || c.Match(m.get) }

// instant gives a time among the values.
func (m *Moment) instant(name string) (time.Time, bool) {
	micros, ok := m.get(name).(int64)
	return time.UnixMicro(micros).UTC(), ok
}

func (w *Match) holds(m *Moment) bool {
	switch {
	case len(w.Types) > 0 && !slices.Contains(w.Types, m.Type),
		len(w.Actions) > 0 && !slices.Contains(w.Actions, m.Action),
		len(w.Leaving)+len(w.Entering) > 0 && m.From == m.To,
		len(w.Leaving) > 0 && !slices.Contains(w.Leaving, m.From),
		len(w.Entering) > 0 && !slices.Contains(w.Entering, m.To),
		len(w.In) > 0 && !slices.Contains(w.In, m.To),
		len(w.Reasons) > 0 && !slices.Contains(w.Reasons, m.HoldReason):
		return false
	}
	return m.holds(&w.When)
}

func anyHolds(list []Match, m *Moment) bool {
	return slices.ContainsFunc(list, func(w Match) bool { return w.holds(m) })
}

// momentary says whether the match is of what happened, and not only of how the record is.
func (w *Match) momentary() bool {
	return len(w.Types)+len(w.Actions)+len(w.Leaving)+len(w.Entering) > 0 || namesEvent(w.When)
}

func namesEvent(c storage.Condition) bool {
	switch c.Column {
	case eventTo, eventReason: // how it is after
	default:
		if strings.HasPrefix(c.Column, eventPrefix) || strings.HasPrefix(c.Column, changePrefix) || strings.HasPrefix(c.Column, beforePrefix) {
			return true
		}
	}
	return slices.ContainsFunc(c.Of, namesEvent)
}

// Position is a moment's place in the order.
type Position struct {
	At      time.Time `json:"at"`
	Version int64     `json:"version"`
	N       int       `json:"n,omitempty"`
}

// Compare orders positions: by the instant, and at one instant by the place among the record's events.
func (p Position) Compare(other Position) int {
	return cmp.Or(p.At.Compare(other.At), cmp.Compare(p.Version, other.Version), cmp.Compare(p.N, other.N))
}

// ErrOutOfOrder says that a moment is before the last one that the state knows. The error is an [*OrderError].
var ErrOutOfOrder = errors.New("moment out of order")

// OrderError names a moment that is before the last one applied. It may have been applied before, or be late:
// [Timer.Replay] of all moments settles both.
type OrderError struct{ Last, Moment Position }

func (e *OrderError) Error() string {
	return fmt.Sprintf("%v: version %d.%d of %s is before version %d.%d of %s, which was applied", ErrOutOfOrder,
		e.Moment.Version, e.Moment.N, e.Moment.At.Format(time.RFC3339Nano), e.Last.Version, e.Last.N, e.Last.At.Format(time.RFC3339Nano))
}

// Is makes every OrderError [ErrOutOfOrder].
func (e *OrderError) Is(target error) bool { return target == ErrOutOfOrder }
