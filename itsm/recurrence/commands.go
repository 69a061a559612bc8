// This file holds the commands: define, revise, pause, resume, end.

package recurrence

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The actions of the events.
const (
	actionDefine = "define"
	actionRevise = "revise"
	actionPause  = "pause"
	actionResume = "resume"
	actionOccur  = "occur"
	actionSkip   = "skip"
	actionEnd    = "end"
)

// Definition is what a schedule is to be.
type Definition struct {
	itsm.Command
	Title string `json:"title"`
	// Handler is the name of one of the host's handlers, and Data what that is given, as JSON.
	Handler string          `json:"handler"`
	Data    json.RawMessage `json:"data,omitempty"`
	Rule    Rule            `json:"rule"`
	// Missed is what becomes of occurrences that came while nothing ran; empty is [MissedAll].
	Missed Missed `json:"missed,omitempty"`
	// Grace is how late an occurrence may be before it counts as missed, for [MissedSkip]; 0 is
	// [DefaultGrace].
	Grace time.Duration `json:"grace,omitempty"`
}

// Define makes a schedule. Its first occurrence is the first of the rule that is not past: what was
// before it was made is not missed. It asks for [PermissionManage] and what the handler asks for. Input
// that cannot be is ErrInvalid with every fault, and so is a rule without an occurrence to come.
func (p *Practice) Define(ctx context.Context, actor itsm.Actor, d Definition) (Schedule, error) {
	call := engine.Call{Name: Kind + "." + actionDefine, Actor: actor, Command: d.Command, Request: d}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Schedule, error) {
		s := Schedule{Head: Head{Meta: storage.Meta{ID: u.NewID()}, State: StateActive}, Body: Body{By: actor.ID}}
		// One that is due at this very instant is to come.
		if err := p.set(ctx, u, call, &s, d, u.Now()); err != nil {
			return Schedule{}, err
		}
		return s, put(ctx, u, &s, event(&s, actionDefine, "", Defined{Handler: s.Handler, Next: s.Next}))
	})
}

// Revise changes a schedule. From now on the new rule holds: of the old one no occurrence is done any
// more, but those that were entered. One that had ended is active again; one that is paused stays so.
// It asks for what Define does.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, d Definition) (Schedule, error) {
	call := engine.Call{Name: Kind + "." + actionRevise, Actor: actor, Command: d.Command, Target: id, Request: d}
	return p.command(ctx, call, func(ctx context.Context, u *engine.Unit, s *Schedule) error {
		was := s.State
		if s.State == StateEnded {
			s.State = StateActive
		}
		// One at this very instant may have been done by the old rule.
		if err := p.set(ctx, u, call, s, d, u.Now().Add(time.Microsecond)); err != nil {
			return err
		}
		return put(ctx, u, s, event(s, actionRevise, was, Revised{Next: s.Next}))
	})
}

// Pause lets the occurrences of a schedule pass until it is resumed. Those that were entered are done.
func (p *Practice) Pause(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Schedule, error) {
	return p.move(ctx, actor, id, r, actionPause, StateActive, func(u *engine.Unit, s *Schedule) (itsm.Payload, error) {
		s.State, s.Next = StatePaused, time.Time{}
		return Paused{}, nil
	})
}

// Resume lets the occurrences after now be done again. Where there are none, the schedule ends.
func (p *Practice) Resume(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Schedule, error) {
	return p.move(ctx, actor, id, r, actionResume, StatePaused, func(u *engine.Unit, s *Schedule) (itsm.Payload, error) {
		c, err := s.Rule.Compile()
		if err != nil {
			return nil, err
		}
		next, any := c.After(u.Now())
		if !any {
			s.State = StateEnded
			return Ended{}, nil
		}
		s.State, s.Next = StateActive, next
		return Resumed{Next: next}, nil
	})
}

// End ends a schedule. Occurrences that were entered are done.
func (p *Practice) End(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Schedule, error) {
	return p.move(ctx, actor, id, r, actionEnd, "", func(u *engine.Unit, s *Schedule) (itsm.Payload, error) {
		s.State, s.Next = StateEnded, time.Time{}
		return Ended{}, nil
	})
}

// move runs a command that needs a state; an empty one is any but ended.
func (p *Practice) move(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command, action string, from State, fn func(*engine.Unit, *Schedule) (itsm.Payload, error)) (Schedule, error) {
	call := engine.Call{Name: Kind + "." + action, Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, call, func(ctx context.Context, u *engine.Unit, s *Schedule) error {
		if err := call.Validate(); err != nil {
			return err
		}
		if s.State != from && (from != "" || s.State == StateEnded) {
			permitted := map[State][]string{
				StateActive: {actionPause, actionEnd, actionRevise}, StatePaused: {actionResume, actionEnd, actionRevise}, StateEnded: {actionRevise},
			}
			return &itsm.TransitionError{Kind: Kind, ID: id, State: string(s.State), Action: action, Permitted: permitted[s.State]}
		}
		was := s.State
		told, err := fn(u, s)
		if err != nil {
			return err
		}
		return put(ctx, u, s, event(s, action, was, told))
	})
}

// set makes a schedule what a definition says, from an instant on, or tells every fault.
func (p *Practice) set(ctx context.Context, u *engine.Unit, call engine.Call, s *Schedule, d Definition, from time.Time) error {
	var f itsm.Faults
	f.Merge("", call.Validate())
	f.Text("title", d.Title, storage.MaxText, true)
	h, known := p.handlers[d.Handler]
	switch {
	case d.Handler == "":
		f.Add("handler", "is required")
	case !known:
		f.Addf("handler", "is %.64q; allowed are %s", d.Handler, strings.Join(slices.Sorted(maps.Keys(p.handlers)), ", "))
	}
	if known && h.Permission != "" {
		if err := u.Authorize(ctx, h.Permission, nil); err != nil {
			return err
		}
	}
	data := bytes.TrimSpace(d.Data)
	switch {
	case len(data) > MaxData:
		f.Addf("data", "is longer than %d bytes", MaxData)
	case len(data) > 0 && !json.Valid(data):
		f.Add("data", "is not JSON")
	case known && h.Check != nil:
		f.Merge("data", h.Check(ctx, u, bytes.Clone(data)))
	}
	if d.Missed == "" {
		d.Missed = MissedAll
	}
	if !slices.Contains([]Missed{MissedAll, MissedLast, MissedSkip}, d.Missed) {
		f.Addf("missed", "is %.64q; allowed are all, last and skip", d.Missed)
	}
	switch {
	case d.Grace < 0:
		f.Add("grace", "must not be negative")
	case d.Grace == 0:
		d.Grace = DefaultGrace
	}
	c, err := d.Rule.Compile()
	f.Merge("rule", err)
	if err == nil {
		var any bool
		if s.Next, any = c.First(from); !any {
			f.Add("rule.rrule", "has no occurrence to come")
		}
	}
	if err := f.Err(Kind); err != nil {
		return err
	}
	if s.State == StatePaused {
		s.Next = time.Time{}
	}
	s.Title, s.Handler, s.Rule, s.Missed, s.Grace = d.Title, d.Handler, d.Rule, d.Missed, d.Grace
	s.Rule.Except = slices.Clone(d.Rule.Except)
	s.Data = nil
	if len(data) > 0 {
		s.Data = bytes.Clone(data)
	}
	return nil
}

// put puts a schedule, tells of it, and makes its job what it must be.
func put(ctx context.Context, u *engine.Unit, s *Schedule, events ...itsm.Event) error {
	if err := Table.Put(ctx, u, s); err != nil {
		return err
	}
	for _, e := range events {
		u.Emit(e)
	}
	if s.Next.IsZero() {
		return u.Cancel(ctx, jobNext, string(s.ID))
	}
	return enter(ctx, u, s)
}

// enter makes the job of the next occurrence of a schedule.
func enter(ctx context.Context, u *engine.Unit, s *Schedule) error {
	return u.Schedule(ctx, engine.Task{Kind: jobNext, Key: string(s.ID), Subject: Kind + "/" + string(s.ID), Due: s.Next})
}

func event(s *Schedule, action string, from State, data itsm.Payload) itsm.Event {
	return itsm.Event{Kind: Kind, Record: s.ID, Action: action, From: string(from), To: string(s.State),
		FromCategory: category(from), ToCategory: category(s.State), Data: data}
}

func category(s State) itsm.Category {
	switch s {
	case StateActive:
		return itsm.CategoryActive
	case StatePaused:
		return itsm.CategoryWaiting
	case StateEnded:
		return itsm.CategoryClosed
	}
	return ""
}

// execute runs a command for which PermissionManage is needed.
func (p *Practice) execute(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit) (Schedule, error)) (Schedule, error) {
	allowed := func(ctx context.Context, u *engine.Unit) error {
		return u.Authorize(ctx, PermissionManage, subject(call.Target))
	}
	return engine.Execute(ctx, p.e, Table, call, func(ctx context.Context, u *engine.Unit) (Schedule, error) {
		if err := allowed(ctx, u); err != nil {
			return Schedule{}, err
		}
		return fn(ctx, u)
	}, func(ctx context.Context, u *engine.Unit, s Schedule, again bool) (Schedule, error) {
		if !again {
			return s, nil
		}
		return s, allowed(ctx, u) // who may no longer manage does not learn it by an old key
	})
}

// command runs a command on one schedule.
func (p *Practice) command(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit, *Schedule) error) (Schedule, error) {
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Schedule, error) {
		s, err := Table.Get(ctx, u, call.Target)
		if err != nil {
			return Schedule{}, err
		}
		if err := fn(ctx, u, &s); err != nil {
			return Schedule{}, err
		}
		return s, nil
	})
}

// keyOf names an occurrence within its schedule.
func keyOf(id itsm.ID, at time.Time) string {
	return fmt.Sprintf("%s/%s", id, at.UTC().Format("20060102T150405Z"))
}
