// This file holds what triggers listen to and can do at the desk.

package servicedesk

import (
	"context"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
)

// trigger makes the practice of triggers.
func (d *Desk) trigger(c Config) (err error) {
	o := c.Triggers
	o.Kinds = append([]trigger.RecordKind{{
		Schema: d.Incidents.Table().Schema(), Fields: c.Incident.Fields,
		Public: []string{"id", "number", "title", "state", "priority"},
		Subject: func(row storage.Row) (itsm.Subject, error) {
			i, err := d.Incidents.Table().Decode(row)
			if err != nil {
				return itsm.Subject{}, err
			}
			return *i.Subject(), nil
		},
	}}, o.Kinds...)
	o.Actions = append(d.StandardActions(), o.Actions...)
	d.Triggers, err = trigger.New(d.Engine, o)
	return err
}

// AssignParameters are those of the action "assign": it gives an incident to a group or a person, anew
// where it has one. Where it is so already nothing is done; a group alone that has it already keeps who
// works on it.
type AssignParameters struct {
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// NoteParameters are those of the action "note". A public note is read by requesters.
type NoteParameters struct {
	Text   string `json:"text"`
	Public bool   `json:"public,omitempty"`
}

// TagParameters are those of the action "tag".
type TagParameters struct {
	Tags []string `json:"tags"`
}

// PageParameters are those of the action "page": it starts an escalation by a policy about an incident that
// is open, and does nothing where there is one already. See oncall.Practice.Start.
type PageParameters struct {
	// Policy is the id of an escalation policy.
	Policy itsm.ID `json:"policy"`
}

// StandardActions are what triggers can do to an incident at the desk: "assign", "note", "page" and "tag".
// Each is a command of the incident practice, or of the on-call practice, as a system actor of the
// trigger's name.
func (d *Desk) StandardActions() []trigger.Action {
	return []trigger.Action{
		trigger.Define(trigger.Definition[AssignParameters]{
			Name: "assign", Title: "Assign",
			Check: func(p AssignParameters) error {
				var f itsm.Faults
				if p.Group == "" && p.Assignee == "" {
					f.Add("group", "or an assignee is required")
				}
				return f.Err("assign")
			},
			Do: d.assignByTrigger,
		}),
		trigger.Define(trigger.Definition[NoteParameters]{
			Name: "note", Title: "Write a note",
			Check: func(p NoteParameters) error {
				var f itsm.Faults
				f.Text("text", p.Text, itsm.MaxNote, true)
				return f.Err("note")
			},
			Public: func(p NoteParameters) []string {
				if p.Public {
					return []string{"text"}
				}
				return nil
			},
			Do: func(ctx context.Context, u *engine.Unit, o trigger.Occasion, p NoteParameters) error {
				visibility := itsm.VisibilityInternal
				if p.Public {
					visibility = itsm.VisibilityPublic
				}
				_, err := d.Incidents.In(u.Store()).Note(ctx, u.Actor(), o.Event.Record, incident.Note{Text: p.Text, Visibility: visibility})
				return err
			},
		}),
		trigger.Define(trigger.Definition[PageParameters]{
			Name: "page", Title: "Page who is on call",
			Check: func(p PageParameters) error {
				var f itsm.Faults
				f.Key("policy", string(p.Policy))
				return f.Err("page")
			},
			Do: func(ctx context.Context, u *engine.Unit, o trigger.Occasion, p PageParameters) error {
				i, err := d.Incidents.In(u.Store()).Get(ctx, u.Actor(), o.Event.Record)
				if err != nil {
					return err
				}
				return d.page(ctx, u, i.Head, p.Policy)
			},
		}),
		trigger.Define(trigger.Definition[TagParameters]{
			Name: "tag", Title: "Give tags",
			Check: func(p TagParameters) error {
				var f itsm.Faults
				if len(p.Tags) == 0 {
					f.Add("tags", "is required")
				}
				return f.Err("tag")
			},
			Do: func(ctx context.Context, u *engine.Unit, o trigger.Occasion, p TagParameters) error {
				_, err := d.Incidents.In(u.Store()).Tag(ctx, u.Actor(), o.Event.Record, incident.Tagging{Tags: p.Tags})
				return err
			},
		}),
	}
}

// assignByTrigger assigns a new incident, and reassigns another, where it is not so already.
func (d *Desk) assignByTrigger(ctx context.Context, u *engine.Unit, o trigger.Occasion, p AssignParameters) error {
	incidents := d.Incidents.In(u.Store())
	i, err := incidents.Get(ctx, u.Actor(), o.Event.Record)
	if err != nil {
		return err
	}
	if (p.Group == "" || p.Group == i.Group) && (p.Assignee == "" || p.Assignee == i.Assignee) {
		return nil
	}
	assignment := incident.Assignment{Group: p.Group, Assignee: p.Assignee}
	if d.Incidents.Lifecycle().Has(i.State, incident.ActionAssign) && i.Group == "" && i.Assignee == "" {
		_, err = incidents.Assign(ctx, u.Actor(), i.ID, assignment)
		return err
	}
	_, err = incidents.Reassign(ctx, u.Actor(), i.ID, assignment)
	return err
}
