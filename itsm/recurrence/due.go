// This file holds what is due: the occurrences that have come are entered, and each is done.

package recurrence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of jobs: the next occurrence of a schedule, of which the key is the schedule's id, and one
// occurrence to be done.
const (
	jobNext = "recurrence.next"
	jobRun  = "recurrence.run"
)

// atOnce is how many occurrences one job looks at before it makes way for others.
const atOnce = 100

// nextDue is the job that enters the occurrences of a schedule that have come, and goes on to the next.
func (p *Practice) nextDue(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	s, err := Table.Get(ctx, u, itsm.ID(due.Key))
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := u.Now()
	if s.State != StateActive || s.Next.IsZero() {
		return nil
	}
	if s.Next.After(now) {
		return enter(ctx, u, &s)
	}
	c, err := s.Rule.Compile()
	if err != nil {
		return fmt.Errorf("schedule %s: %w", s.ID, err) // it was checked when it was put
	}
	// Those that have come, at most some at a time, and the first that follows them.
	come := []time.Time{s.Next}
	s.Next = time.Time{}
	for at := range c.From(come[0].Add(time.Microsecond)) {
		if at.After(now) || len(come) == atOnce {
			s.Next = at
			break
		}
		come = append(come, at)
	}
	done, skip := come, []time.Time(nil)
	switch more := !s.Next.IsZero() && !s.Next.After(now); s.Missed {
	case MissedLast:
		n := len(come) - 1
		if more {
			n = len(come) // the last is among those that follow
		}
		done, skip = come[n:], come[:n]
	case MissedSkip:
		n := slices.IndexFunc(come, func(at time.Time) bool { return now.Sub(at) <= s.Grace })
		if n < 0 {
			n = len(come)
		}
		done, skip = come[n:], come[:n]
	}
	var events []itsm.Event
	if len(skip) > 0 {
		s.Skipped += int64(len(skip))
		events = append(events, event(&s, actionSkip, s.State, Skipped{Number: int64(len(skip)), First: skip[0], Last: skip[len(skip)-1]}))
	}
	for _, at := range done {
		s.Count++
		o := Occurrence{Schedule: s.ID, Title: s.Title, At: at, Number: s.Count, Data: s.Data}
		err := u.Schedule(ctx, engine.Task{
			Kind: jobRun, Key: keyOf(s.ID, at), Subject: jobRun + "/" + string(s.ID), Due: at,
			Payload: work{Handler: s.Handler, Occurrence: o},
		})
		if err != nil {
			return err
		}
		s.Last = at
	}
	if len(done) > 0 {
		events = append(events, event(&s, actionOccur, s.State, Occurred{At: done, Count: s.Count}))
	}
	if s.Next.IsZero() {
		s.State = StateEnded
		events = append(events, event(&s, actionEnd, StateActive, Ended{}))
	}
	return put(ctx, u, &s, events...)
}

// work is the payload of a job that does an occurrence.
type work struct {
	Handler    string     `json:"handler"`
	Occurrence Occurrence `json:"occurrence"`
}

// run is the job that does one occurrence.
func (p *Practice) run(ctx context.Context, u *engine.Unit, _ engine.Due, w work) error {
	h, known := p.handlers[w.Handler]
	if !known {
		return storage.Invalid(Kind, "handler", fmt.Sprintf("%.64q is not one of the host's any more", w.Handler))
	}
	return h.Do(ctx, u, w.Occurrence)
}
