// This file holds who works on an incident.

package incident

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
)

// Assignment says who works on an incident.
type Assignment struct {
	itsm.Command
	// Group is the support group; empty keeps the one it has.
	Group itsm.ID `json:"group,omitempty"`
	// Assignee is the person; empty is no one yet, for routing to the group.
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// assign applies an assignment.
func (w *work) assign(group, assignee itsm.ID) {
	w.checkID("group", group)
	w.checkID("assignee", assignee)
	w.Group, w.Assignee = orElse(group, w.Group), assignee
}

// Assign gives a new incident to a group or a person.
func (p *Practice) Assign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Incident, error) {
	return p.command(ctx, actor, id, ActionAssign, r.Command, r, func(ctx context.Context, w *work) error {
		w.assign(r.Group, r.Assignee)
		return w.fire(ctx, ActionAssign, Assigned{Group: w.Group, Assignee: w.Assignee})
	})
}

// Accept makes the actor, who is a person, its assignee, and acknowledges it if no one has. One that
// is assigned to someone else is reassigned instead.
func (p *Practice) Accept(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Incident, error) {
	return p.command(ctx, actor, id, ActionAccept, r, r, func(ctx context.Context, w *work) error {
		w.Assignee = actor.ID
		if now := w.now; w.Acknowledged.IsZero() && !now.Before(w.Reported) {
			w.Acknowledged = now
		}
		return w.fire(ctx, ActionAccept, Accepted{Assignee: actor.ID})
	})
}

// Start says that its assignee works on it.
func (p *Practice) Start(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Incident, error) {
	return p.command(ctx, actor, id, ActionStart, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionStart, Started{})
	})
}

// Reassign gives an incident to another group or person, and counts it. The state stays.
func (p *Practice) Reassign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Incident, error) {
	return p.command(ctx, actor, id, ActionReassign, r.Command, r, func(ctx context.Context, w *work) error {
		w.assign(r.Group, r.Assignee)
		if w.Group == w.Was.Group && w.Assignee == w.Was.Assignee && (w.Group != "" || w.Assignee != "") {
			w.faults.Add(NeedsGroupOrAssignee.Name, "must differ from what it is now")
		}
		w.Reassignments++
		return w.fire(ctx, ActionReassign, Reassigned{
			FromGroup: w.Was.Group, FromAssignee: w.Was.Assignee, Group: w.Group, Assignee: w.Assignee, Count: w.Reassignments,
		})
	})
}
