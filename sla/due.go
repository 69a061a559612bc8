// This file holds what happens by itself: thresholds and breaches, and the actions about them.

package sla

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of job. There is one of jobDue for a record: the first instant at which one of its timers has
// something to tell or do. One of jobAct is the actions of a threshold.
const (
	jobDue = "sla_timer.due"
	jobAct = "sla_timer.act"
)

// dueJob is the payload of jobDue.
type dueJob struct {
	Kind   string  `json:"kind"`
	Record itsm.ID `json:"record"`
}

// actJob is the payload of jobAct.
type actJob struct {
	Timer     itsm.ID   `json:"timer"`
	Cycle     int       `json:"cycle"`
	Threshold string    `json:"threshold"`
	Actions   []string  `json:"actions"`
	At        time.Time `json:"at"`
	Late      bool      `json:"late,omitempty"`
	// Cause is what the actions come of: the event of the threshold.
	Cause itsm.Cause `json:"cause,omitzero"`
}

// jobKey names the jobs of a record; one too long for a key is hashed.
func jobKey(ref itsm.Ref) string {
	if key := ref.Kind + "/" + string(ref.ID); len(key) <= storage.MaxKey-10 {
		return key
	}
	return string(idOf(ref.Kind, string(ref.ID)))
}

// jobSubject has the jobs of a record run one at a time.
func jobSubject(ref itsm.Ref) string { return "sla/" + jobKey(ref) }

// arrange has the job of a record be due when its timers want it. It is told of the record's events after they are
// committed: the timers themselves are written with the event, and what follows from them for later need not make
// the command wait. What was committed is delivered whatever becomes of the process, and before anything
// that falls due later.
func (p *Practice) arrange(ctx context.Context, e itsm.Event) error {
	if p.kinds[e.Kind] == nil {
		return nil
	}
	ref := itsm.Ref{Kind: e.Kind, ID: e.Record}
	actor := itsm.SystemActor(e.Tenant, "sla")
	arranged := false
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		clocks, err := p.ofSubject(ctx, r, ref)
		if err != nil {
			return err
		}
		if len(clocks) == 0 {
			arranged = true
			return nil
		}
		jobs, err := r.Jobs(ctx, storage.JobQuery{Kind: jobDue, Key: jobKey(ref), Limit: 1})
		if err != nil {
			return err
		}
		at, ok := earliest(clocks)
		// One that is claimed may be about to be set by what its worker read before.
		arranged = len(jobs) == 0 && !ok || len(jobs) == 1 && ok && !jobs[0].Dead && jobs[0].Lease.IsZero() && jobs[0].Due.Equal(at)
		return nil
	})
	if err != nil || arranged {
		return err
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := alone(ctx, u, ref); err != nil {
			return err
		}
		clocks, err := p.ofSubject(ctx, u, ref)
		if err != nil {
			return err
		}
		return p.schedule(ctx, u, ref, clocks)
	})
}

// alone waits for other units that set the job of a record. It comes before its timers are read for that, so that who
// sets the job last has read what all others had.
func alone(ctx context.Context, u *engine.Unit, ref itsm.Ref) error {
	return u.Lock(ctx, jobSubject(ref))
}

// schedule has the job of a record be due when its timers want it, in a unit that is alone.
func (p *Practice) schedule(ctx context.Context, u *engine.Unit, ref itsm.Ref, clocks []*clock) error {
	at, ok := earliest(clocks)
	return p.set(ctx, u, ref, at, ok)
}

// set has the job of a record be due at an instant, or not at all.
func (p *Practice) set(ctx context.Context, u *engine.Unit, ref itsm.Ref, at time.Time, ok bool) error {
	if !ok {
		return u.Cancel(ctx, jobDue, jobKey(ref))
	}
	return u.Schedule(ctx, engine.Task{Kind: jobDue, Key: jobKey(ref), Subject: jobSubject(ref), Due: at, Payload: dueJob{ref.Kind, ref.ID}})
}

// fire has a timer tell what is due by an instant: thresholds in their order, and the breach.
func (c *clock) fire(now time.Time) error {
	if c.State.Phase() != timer.PhaseRunning {
		return nil
	}
	s, happened, err := c.t.Fire(c.State, now)
	if err != nil {
		c.Fault, c.changed = faultText(err.Error()), true // and due may be known all the same
	}
	if len(happened) > 0 {
		c.State, c.changed = s, true
		c.note(happened)
	}
	if c.wasTold() && c.Outcome == timer.OutcomeBreached {
		return nil
	}
	due, ok, err := c.t.Due(c.State)
	if err != nil {
		c.Fault, c.changed = faultText(err.Error()), true
		return nil
	}
	if !ok || !now.After(due) {
		return nil
	}
	// Lists are to know it, whether it is told or was, of an earlier due of the cycle, and whether or not the calendar
	// knows now.
	c.Outcome, c.changed = timer.OutcomeBreached, true
	if c.wasTold() {
		return nil
	}
	cycle := len(c.State.Cycles) - 1
	c.Told = append(slices.Clone(c.Told), Breach{Cycle: cycle, Due: due, Noted: now})
	c.news = append(c.news, news{at: due.Add(1), action: "breach", // after what is to happen at due itself
		data: Breached{About: c.about(cycle), Due: due, Late: now.Sub(due) > LateAfter}})
	return nil
}

// due is the job: it has the timers of a record tell what is due, and sets itself for the next.
func (p *Practice) due(ctx context.Context, u *engine.Unit, _ engine.Due, j dueJob) error {
	ref := itsm.Ref{Kind: j.Kind, ID: j.Record}
	if err := alone(ctx, u, ref); err != nil {
		return err
	}
	clocks, err := p.ofSubject(ctx, u, ref)
	if err != nil {
		return err
	}
	for _, c := range clocks {
		if err := c.fire(u.Now()); err != nil {
			return err
		}
	}
	if err := p.write(ctx, u, clocks); err != nil {
		return err
	}
	return p.schedule(ctx, u, ref, clocks)
}

// plan has the actions of a threshold be done, by a job of its own: what fails is tried again, and holds up neither
// what is told nor the command in whose transaction it is.
func (p *Practice) plan(ctx context.Context, u *engine.Unit, e itsm.Event, r ThresholdReached) error {
	if len(r.Actions) == 0 {
		return nil
	}
	j := actJob{
		Timer: e.Record, Cycle: r.Cycle, Threshold: r.Threshold, Actions: r.Actions, At: r.At, Late: r.Late,
		Cause: e.Then(agent(r.Policy, r.Target, r.Threshold)),
	}
	return u.Schedule(ctx, engine.Task{
		Kind: jobAct, Subject: jobSubject(r.Subject), Due: r.At, // so that they are done in the order of the thresholds
		Key: j.key(), Payload: j,
	})
}

// agent names who acts for a threshold in the chain of a cause.
func agent(policy, target, threshold string) string {
	return "sla:" + policy + "/" + target + "/" + threshold
}

// key names the occasion: the threshold in its cycle.
func (j *actJob) key() string {
	return string(idOf(string(j.Timer), strconv.Itoa(j.Cycle), j.Threshold))
}

// act is the job that does the actions of a threshold, in their order, all of them or none.
func (p *Practice) act(ctx context.Context, u *engine.Unit, _ engine.Due, j actJob) error {
	t, err := TimerTable.Get(ctx, u.Quiet(), j.Timer)
	if err != nil {
		return err
	}
	actor := u.Actor()
	actor.Cause = j.Cause
	return p.e.In(u.Store()).Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		for _, name := range j.Actions {
			do, err := p.action(t.SubjectKind, name)
			if err != nil {
				return err
			}
			o := Occasion{Timer: t.TimerHead, Threshold: j.Threshold, Cycle: j.Cycle, At: j.At, Late: j.Late, Key: j.key() + "/" + name}
			if err := do(ctx, u, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// actApart is what follows where the record does not let one of the actions happen: that one is left out, and
// where there are several each is tried by itself, as it is not known which it was.
func (p *Practice) actApart(ctx context.Context, u *engine.Unit, due engine.Due, j actJob) error {
	if len(j.Actions) == 1 {
		return nil
	}
	t, err := TimerTable.Get(ctx, u.Quiet(), j.Timer)
	if err != nil {
		return err
	}
	tasks := make([]engine.Task, len(j.Actions))
	for i, name := range j.Actions {
		one := j
		one.Actions = []string{name}
		tasks[i] = engine.Task{
			Kind: jobAct, Subject: jobSubject(t.SubjectRef()), Key: string(idOf(j.key(), strconv.Itoa(i))), Payload: one,
			Due: due.At.Add(time.Duration(i) * time.Microsecond), // so that they are done in their order
		}
	}
	return u.Schedule(ctx, tasks...)
}
