// This file holds restriction: incidents for named people alone.

package incident

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
)

// Restriction says for whom a restricted incident is, beside its group, assignee, requester,
// affected person and those with "incident.see_restricted".
type Restriction struct {
	itsm.Command
	// Members are all members from now on; those who are not named are none any more.
	Members []itsm.ID `json:"members,omitempty"`
}

// Restrict keeps an incident from all who are not named in it, or names other members.
func (p *Practice) Restrict(ctx context.Context, actor itsm.Actor, id itsm.ID, r Restriction) (Incident, error) {
	return p.command(ctx, actor, id, ActionRestrict, r.Command, r, func(ctx context.Context, w *work) error {
		w.Restricted, w.Members = true, unique(r.Members)
		w.checkPeople("members", w.Members)
		return w.change(ctx, ActionRestrict, Restricted{Members: w.Members})
	})
}

// silenced says whether what was written with a version of the incident stays with those who may read it
// while it is restricted: it is, or was since.
func (i *Incident) silenced(version int64) bool {
	return i.Restricted || i.SilentUntil > 0 && version <= i.SilentUntil
}

// Unrestrict opens an incident to all who may read incidents. It has no members any more. What was
// written before stays with it: its children and customers are not told of it later.
func (p *Practice) Unrestrict(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Incident, error) {
	return p.command(ctx, actor, id, ActionUnrestrict, r, r, func(ctx context.Context, w *work) error {
		w.Restricted, w.Members = false, nil
		w.SilentUntil = w.Version + 1
		if !w.Open {
			w.spread() // that it ended may be told from now on, but not in which words
		}
		return w.fire(ctx, ActionUnrestrict, Unrestricted{})
	})
}
