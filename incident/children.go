// This file holds what the resolution of an incident means to its children.

package incident

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// childrenAtOnce is of how many children one job looks at before it makes way for others.
const childrenAtOnce = 100

// notesOfParent are the notes of a child that more people read than its parent.
const notesOfParent = "Resolved with its parent incident."

// openChildren gives the open incidents that are children of one.
func (p *Practice) openChildren(ctx context.Context, r storage.Reader, id itsm.ID) ([]Incident, error) {
	children, err := relatives(ctx, r, []itsm.ID{id}, itsm.LinkParentOf)
	if err != nil {
		return nil, err
	}
	var open []Incident
	for some := range slices.Chunk(children, childrenAtOnce) {
		page, err := p.table.Records(ctx, r, storage.Query[Head]{Where: storage.AllOf(p.table.ByID().In(some...), ByOpen.Is(true)), Limit: storage.MaxPage})
		if err != nil {
			return nil, err
		}
		open = append(open, page.Items...)
	}
	return open, nil
}

// childrenLeft is what is left to do about the children of a resolved incident: to resolve one, or to go
// on from where the job before ended.
type childrenLeft struct {
	Parent itsm.ID        `json:"parent,omitempty"`
	Child  itsm.ID        `json:"child,omitempty"`
	From   *relativesLeft `json:"from,omitempty"`
}

// takeChildren schedules the resolution of the children of an incident that was resolved.
func (w *work) takeChildren(ctx context.Context) error {
	if w.p.o.Children != ChildrenResolve {
		return nil
	}
	any, err := hasRelatives(ctx, w.u, w.ID, itsm.LinkParentOf)
	if err != nil || !any {
		return err
	}
	return w.u.Schedule(ctx, jobOf(jobChildren, w.ID, w.now))
}

// resolveChildren is the job that resolves the open children of a resolved incident, by a job for each: a
// child that its own guards, or a trigger, keep open is left to people, and the others are resolved all
// the same. The notes of a parent that is restricted, or was when they were written, are not told to a
// child that is not.
func (p *Practice) resolveChildren(ctx context.Context, u *engine.Unit, due engine.Due, left childrenLeft) error {
	parent, err := p.table.Get(ctx, u, orElse(left.Parent, itsm.ID(due.Key)))
	if err != nil {
		return ifThere(err)
	}
	if c, _ := p.o.Lifecycle.Category(parent.State); c != itsm.CategoryResolved && c != itsm.CategoryClosed {
		return nil // it was reopened meanwhile
	}
	if left.Child == "" {
		return p.spreadResolution(ctx, u, due, &parent, left.From)
	}
	_, err = p.In(u.Store()).command(ctx, u.Actor(), left.Child, ActionResolve, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		if !w.Open {
			return nil
		}
		notes := parent.Resolution.Notes
		if parent.silenced(parent.ResolutionVersion) && !w.Restricted {
			notes = notesOfParent
		}
		return w.resolve(ctx, Resolved{Code: parent.Resolution.Code, Parent: parent.ID}, notes)
	})
	if errors.Is(err, itsm.ErrInvalid) {
		return nil
	}
	return ifThere(err)
}

// spreadResolution schedules a job for each open child, some at a time.
func (p *Practice) spreadResolution(ctx context.Context, u *engine.Unit, due engine.Due, parent *Incident, from *relativesLeft) error {
	children, rest, err := someRelatives(ctx, u, parent.ID, itsm.LinkParentOf, from, childrenAtOnce)
	if err != nil {
		return err
	}
	var tasks []engine.Task
	for some := range slices.Chunk(children, childrenAtOnce) {
		page, err := p.table.List(ctx, u, storage.Query[Head]{Where: storage.AllOf(p.table.ByID().In(some...), ByOpen.Is(true)), Limit: storage.MaxPage})
		if err != nil {
			return err
		}
		for _, h := range page.Items {
			task := jobOf(jobChildren, h.ID, due.At) // after the updates that were written before
			task.Key = string(pairID(string(parent.ID), string(h.ID)))
			task.Payload = childrenLeft{Parent: parent.ID, Child: h.ID}
			tasks = append(tasks, task)
		}
	}
	if rest != nil {
		next := jobOf(jobChildren, parent.ID, u.Now())
		next.Payload = childrenLeft{From: rest}
		tasks = append(tasks, next)
	}
	return u.Schedule(ctx, tasks...)
}
