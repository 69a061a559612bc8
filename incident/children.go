// This file holds what the resolution of an incident means to its children.

package incident

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// childrenAtOnce is how many children one job resolves before it makes way for others.
const childrenAtOnce = 50

// notesOfParent are the notes of a child that more people read than its parent.
const notesOfParent = "Resolved with its parent incident."

// openChildren gives the open incidents that are children of one.
func (p *Practice) openChildren(ctx context.Context, r storage.Reader, id itsm.ID) ([]Incident, error) {
	links, err := engine.Links(ctx, r, itsm.Ref{Kind: Kind, ID: id})
	if err != nil {
		return nil, err
	}
	var open []Incident
	for _, l := range links {
		if l.Type != itsm.LinkParentOf || l.To.Kind != Kind {
			continue
		}
		child, err := p.table.Get(ctx, r, l.To.ID)
		switch {
		case errors.Is(err, itsm.ErrNotFound):
		case err != nil:
			return nil, err
		case child.Open:
			open = append(open, child)
		}
	}
	return open, nil
}

// takeChildren schedules the resolution of the children of an incident that was resolved.
func (w *work) takeChildren(ctx context.Context) error {
	if w.p.o.Children != ChildrenResolve {
		return nil
	}
	open, err := w.p.openChildren(ctx, w.u, w.ID)
	if err != nil || len(open) == 0 {
		return err
	}
	return w.u.Schedule(ctx, jobOf(jobChildren, w.ID, w.now))
}

// resolveChildren is the job that resolves the open children of a resolved incident, some at a
// time. A child that its own guards keep open is left to people. The notes of a parent that is
// restricted, or was when they were written, are not told to a child that is not.
func (p *Practice) resolveChildren(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	parent, err := p.table.Get(ctx, u, itsm.ID(due.Key))
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if c, _ := p.o.Lifecycle.Category(parent.State); c != itsm.CategoryResolved && c != itsm.CategoryClosed {
		return nil // it was reopened meanwhile
	}
	open, err := p.openChildren(ctx, u, parent.ID)
	if err != nil {
		return err
	}
	in, resolved := p.In(u.Store()), 0
	for _, child := range open {
		if resolved == childrenAtOnce {
			return u.Schedule(ctx, jobOf(jobChildren, parent.ID, u.Now()))
		}
		_, err := in.command(ctx, u.Actor(), child.ID, ActionResolve, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
			notes := parent.Resolution.Notes
			if parent.silenced(parent.ResolutionVersion) && !w.Restricted {
				notes = notesOfParent
			}
			return w.resolve(ctx, Resolved{Code: parent.Resolution.Code, Parent: parent.ID}, notes)
		})
		if err != nil && !refusedByState(err) && !errors.Is(err, itsm.ErrInvalid) {
			return err
		}
		if err == nil {
			resolved++
		}
	}
	return nil
}
