// This file holds what the updates of an incident, its public notes, mean to its children.

package incident

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// childUpdate is an update to be told: to all below its incident, or to one of them.
type childUpdate struct {
	Incident itsm.ID `json:"incident"`
	Note     itsm.ID `json:"note"`
	// Version is that of the incident with which it was written.
	Version int64   `json:"version"`
	To      itsm.ID `json:"to,omitempty"`
}

// updated schedules what a public note of those who work on an incident sets off. One that came from a
// parent is told to all below that parent already.
func (w *work) updated(note, parent itsm.ID) {
	w.spread()
	if w.p.o.Updates != UpdatesTell || parent != "" {
		return
	}
	version := w.Version + 1
	w.after = append(w.after, func(ctx context.Context) error {
		any, err := hasRelatives(ctx, w.u, w.ID, itsm.LinkParentOf)
		if err != nil || !any {
			return err
		}
		task := jobOf(jobUpdates, w.ID, w.now)
		task.Key, task.Payload = string(note), childUpdate{Incident: w.ID, Note: note, Version: version}
		return w.u.Schedule(ctx, task)
	})
}

// tellUpdate is the job that tells an update to the open incidents below its own: to each once, however
// many ways lead there, by a job for each. The first makes these; what each writes commits with its end,
// and a child that refuses keeps it from no other.
func (p *Practice) tellUpdate(ctx context.Context, u *engine.Unit, due engine.Due, up childUpdate) error {
	from, err := p.table.Get(ctx, u, up.Incident)
	if err != nil {
		return ifThere(err)
	}
	if up.To == "" {
		return p.spreadUpdate(ctx, u, due, up)
	}
	note, err := engine.NoteTable.Get(ctx, u.Quiet(), up.Note)
	if err != nil {
		return ifThere(err)
	}
	_, err = p.In(u.Store()).command(ctx, u.Actor(), up.To, ActionNote, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		if !w.Open || from.silenced(up.Version) && !w.Restricted {
			return nil
		}
		w.Note, w.Public, w.relays = note.Text, true, true
		return w.note(ctx, from.ID)
	})
	if errors.Is(err, itsm.ErrInvalid) {
		return nil
	}
	return ifThere(err)
}

// spreadUpdate schedules a job for each incident below. It keeps their ids alone.
func (p *Practice) spreadUpdate(ctx context.Context, u *engine.Unit, due engine.Due, up childUpdate) error {
	seen := map[itsm.ID]bool{up.Incident: true}
	for level := []itsm.ID{up.Incident}; len(level) > 0; {
		next, err := relatives(ctx, u, level, itsm.LinkParentOf)
		if err != nil {
			return err
		}
		level = slices.DeleteFunc(next, func(id itsm.ID) bool { return seen[id] })
		tasks := make([]engine.Task, 0, len(level))
		for _, id := range level {
			seen[id] = true
			up.To = id
			// Due when it was written, so that a child gets the updates of its parent in their order.
			task := jobOf(jobUpdates, id, due.At)
			task.Key, task.Payload = due.Key+"/"+string(pairID(due.Key, string(id))), up
			tasks = append(tasks, task)
		}
		if err := u.Schedule(ctx, tasks...); err != nil {
			return err
		}
	}
	return nil
}
