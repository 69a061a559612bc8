// This file holds the follow-ups of what waits: who has waited for long is reminded, and in the end it
// is resolved.

package incident

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// followUp gives what comes next in a wait: the number of the reminder, or 0 for the resolution, and
// how long after Body.RemindFrom. There is none where ok is false.
func (r *HoldRule) followUp(reminders int) (count int, after time.Duration, ok bool) {
	last := time.Duration(0)
	if done := min(reminders, len(r.Reminders)); done > 0 {
		last = r.Reminders[done-1]
	}
	switch {
	case reminders < len(r.Reminders):
		return reminders + 1, r.Reminders[reminders] - last, true
	case r.ResolveAfter > 0:
		return 0, r.ResolveAfter - last, true
	}
	return 0, 0, false
}

// followUpAt gives when somebody is to be reminded of an incident that waits, or it is to be resolved;
// zero is never.
func (p *Practice) followUpAt(i *Incident) time.Time {
	if category, _ := p.o.Lifecycle.Category(i.State); category != itsm.CategoryWaiting || i.RemindFrom.IsZero() {
		return time.Time{}
	}
	rule, _ := p.holdRule(i.HoldReason)
	_, after, ok := rule.followUp(i.Reminders)
	if !ok {
		return time.Time{}
	}
	return i.RemindFrom.Add(after)
}

// followUpDue is the job that reminds of what waits and in the end resolves it. Each step counts from
// when the one before was done, so that nobody is given less time between two of them than the rule
// says, however late the jobs run. Where something must be finished before it is resolved, that is tried
// again.
func (p *Practice) followUpDue(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionRemind, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		at := p.followUpAt(&w.Incident)
		switch {
		case at.IsZero():
			return nil // it waits no more, or for what nobody is reminded of
		case at.After(w.now):
			return u.Schedule(ctx, jobOf(jobFollowUp, id, at)) // the host has lengthened the time
		}
		rule, _ := p.holdRule(w.HoldReason)
		count, _, _ := rule.followUp(w.Reminders)
		if count == 0 {
			if !p.o.Lifecycle.Has(w.State, ActionResolve) {
				return nil // the host resolves otherwise
			}
			return w.resolve(ctx, Resolved{Code: rule.ResolveCode, WaitedFor: w.HoldReason}, rule.ResolveNotes)
		}
		w.Reminders, w.RemindFrom = count, w.now
		told := FollowUpDue{HoldReason: w.HoldReason, Count: count, Of: len(rule.Reminders)}
		if rule.ResolveAfter > 0 {
			told.Resolves = w.now.Add(rule.ResolveAfter - rule.Reminders[count-1])
		}
		w.action, w.to = ActionRemind, w.State
		w.tell(w.State, w.State, told)
		return nil
	})
	return ifThere(err)
}
