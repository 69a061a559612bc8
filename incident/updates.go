// This file holds what the updates of an incident, its public notes, mean to its children.

package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// childUpdate is an update to be told: to all below its incident, or to some of them.
type childUpdate struct {
	Incident itsm.ID `json:"incident"`
	Note     itsm.ID `json:"note"`
	// Version is that of the incident with which it was written.
	Version int64     `json:"version"`
	To      []itsm.ID `json:"to,omitempty"`
}

func jobOfUpdate(u *engine.Unit, key string, up childUpdate) engine.Task {
	task := jobOf(jobUpdates, up.Incident, u.Now())
	task.Key, task.Payload = key, up
	return task
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
		children, err := relatives(ctx, w.u, []itsm.ID{w.ID}, itsm.LinkParentOf)
		if err != nil || len(children) == 0 {
			return err
		}
		return w.u.Schedule(ctx, jobOfUpdate(w.u, string(note), childUpdate{Incident: w.ID, Note: note, Version: version}))
	})
}

// tellUpdate is the job that tells an update to the open incidents below its own: to each once, however
// many ways lead there, as what it writes commits with the end of the job. The first such job makes one
// for every few of them.
func (p *Practice) tellUpdate(ctx context.Context, u *engine.Unit, due engine.Due, up childUpdate) error {
	from, err := p.table.Get(ctx, u, up.Incident)
	if err != nil {
		return ifThere(err)
	}
	if len(up.To) == 0 {
		return p.spreadUpdate(ctx, u, due, up)
	}
	note, err := engine.NoteTable.Get(ctx, u.Quiet(), up.Note)
	if err != nil {
		return ifThere(err)
	}
	in := p.In(u.Store())
	for _, id := range up.To {
		_, err := in.command(ctx, u.Actor(), id, ActionNote, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
			if !w.Open || from.silenced(up.Version) && !w.Restricted {
				return nil
			}
			w.Note, w.Public = note.Text, true
			return w.note(ctx, from.ID)
		})
		if err != nil && !refusedByState(err) && !errors.Is(err, itsm.ErrInvalid) && !errors.Is(err, itsm.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (p *Practice) spreadUpdate(ctx context.Context, u *engine.Unit, due engine.Due, up childUpdate) error {
	var below []itsm.ID
	seen := map[itsm.ID]bool{up.Incident: true}
	for level := []itsm.ID{up.Incident}; len(level) > 0; {
		next, err := relatives(ctx, u, level, itsm.LinkParentOf)
		if err != nil {
			return err
		}
		level = slices.DeleteFunc(next, func(id itsm.ID) bool { return seen[id] })
		for _, id := range level {
			seen[id] = true
		}
		below = append(below, level...)
	}
	n := 0
	for some := range slices.Chunk(below, childrenAtOnce) {
		up.To = some
		if err := u.Schedule(ctx, jobOfUpdate(u, fmt.Sprintf("%s/%d", due.Key, n), up)); err != nil {
			return err
		}
		n++
	}
	return nil
}
