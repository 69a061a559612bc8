// This file holds the hold: a flag beside the state, with which approvals and tasks wait.

package change

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
)

// Hold lets a change wait, in whatever open state it is. The Reason of the command is required. The votes that its gates
// wait for are suspended, and its tasks that are ready or in work wait with it. Until it is released it can only be released or
// cancelled; notes can be written, and who may know of it can be set.
func (p *Practice) Hold(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionHold, r, r, func(ctx context.Context, w *work) error {
		w.requireReason(r.Reason)
		if err := w.check(ctx, ActionHold); err != nil {
			return err
		}
		w.Held, w.HoldReason = true, r.Reason
		w.gates = gatesSuspend
		w.after = append(w.after, w.holdTasks)
		return w.move(Held{})
	})
}

// Release ends the hold: the votes are asked for again, and the tasks that waited with the change go on. Those that
// somebody held by hand stay held.
func (p *Practice) Release(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionRelease, r, r, func(ctx context.Context, w *work) error {
		if err := w.check(ctx, ActionRelease); err != nil {
			return err
		}
		w.Held, w.HoldReason = false, ""
		w.gates = gatesRelease
		w.after = append(w.after, w.resumeTasks)
		return w.move(Released{})
	})
}
