// This file holds what happens by the clock: reminders and expiry.

package ballot

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// remindDue is the job that tells who has not voted yet.
func (p *Practice) remindDue(ctx context.Context, u *engine.Unit, _ engine.Due, job gateJob) error {
	return p.due(ctx, u, jobRemind, job, func(w *work, g *approval.Gate) error {
		if err := w.Process.Remind(job.Gate, u.Now()); err != nil {
			return err
		}
		w.tell("remind", Reminded{About: w.about(), Gate: g.Name, Missing: g.Missing()})
		return nil
	})
}

// expireDue is the job that does what the policy says of a gate that has waited as long as it may.
func (p *Practice) expireDue(ctx context.Context, u *engine.Unit, _ engine.Due, job gateJob) error {
	return p.due(ctx, u, jobExpire, job, func(w *work, g *approval.Gate) error {
		told := Expired{About: w.about(), Gate: g.Name, Missing: g.Missing(), Then: g.OnExpiry}
		err := w.Process.Expire(ctx, job.Gate, u.Now(), p.resolve(u))
		switch {
		case errors.Is(err, itsm.ErrInvalid): // it stays open, and people see to it
			told.Problem = err.Error()
		case err != nil:
			return err
		}
		w.tell("expire", told)
		if after := w.Process.Gate(job.Gate); err == nil && g.OnExpiry == approval.ExpiryEscalate {
			w.tell("escalate", Escalated{About: w.about(), Gate: g.Name, Approvers: after.Missing()})
		}
		return nil
	})
}

// due runs fn where the gate is still due for what the job does; a job that comes too early, as the gate has
// asked again since, is put off.
func (p *Practice) due(ctx context.Context, u *engine.Unit, kind string, job gateJob, fn func(*work, *approval.Gate) error) error {
	a, err := Table.Get(ctx, u, job.Approval)
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	w := p.workOn(u, a)
	g := w.was.Process.Gate(job.Gate)
	if g == nil {
		return nil
	}
	at := g.RemindAt()
	if kind == jobExpire {
		at = g.ExpireAt()
	}
	switch {
	case at.IsZero():
		return nil
	case at.After(u.Now()):
		return u.Schedule(ctx, jobOf(kind, a.ID, job.Gate, at))
	}
	if err := fn(w, g); err != nil {
		return err
	}
	return w.finish(ctx)
}
