// This file holds escalation: to another group, or to a person higher up.

package incident

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
)

// EscalationType says where an incident is escalated to (ITIL 4).
type EscalationType string

// The types.
const (
	// EscalationFunctional is to another group, which has the skill or the rights that are needed.
	EscalationFunctional EscalationType = "functional"
	// EscalationHierarchical is to a person higher up, who is told and may decide; those who work
	// on the incident keep it.
	EscalationHierarchical EscalationType = "hierarchical"
)

// Escalation says to whom an incident is escalated. The Reason of its Command is required for a
// hierarchical one.
type Escalation struct {
	itsm.Command
	Type EscalationType `json:"type"`
	// Group is another group than it has, and Assignee a person in it, empty for no one yet: for a
	// functional escalation alone.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// To is the person higher up: for a hierarchical escalation alone.
	To itsm.ID `json:"to,omitempty"`
}

// Escalate escalates an open incident, and counts it. The state stays.
//
// A functional escalation gives it to another group, and is a reassignment too: counted as one, and
// told by [Reassigned] before [Escalated]. A hierarchical one changes nobody's work: the event, which
// is internal, names the person who is to be told, and gives no rights to them.
func (p *Practice) Escalate(ctx context.Context, actor itsm.Actor, id itsm.ID, r Escalation) (Incident, error) {
	return p.command(ctx, actor, id, ActionEscalate, r.Command, r, func(ctx context.Context, w *work) error {
		switch r.Type {
		case EscalationFunctional:
			w.faults.Key("group", string(r.Group))
			w.checkID("assignee", r.Assignee)
			if r.Group != "" && r.Group == w.Was.Group {
				w.faults.Add("group", "must differ from what it is now")
			}
			w.unused("to", r.To, EscalationHierarchical)
			w.Group, w.Assignee = r.Group, r.Assignee
			w.Reassignments++
			w.FunctionalEscalations++
		case EscalationHierarchical:
			w.faults.Key("to", string(r.To))
			w.requireReason(r.Reason)
			w.unused("group", r.Group, EscalationFunctional)
			w.unused("assignee", r.Assignee, EscalationFunctional)
			w.HierarchicalEscalations++
		default:
			w.faults.Addf("type", "must be %q or %q", EscalationFunctional, EscalationHierarchical)
		}
		if err := w.check(ctx, ActionEscalate); err != nil {
			return err
		}
		if r.Type == EscalationHierarchical {
			return w.move(Escalated{Type: r.Type, To: r.To, Count: w.HierarchicalEscalations})
		}
		if err := w.move(Reassigned{
			FromGroup: w.Was.Group, FromAssignee: w.Was.Assignee, Group: w.Group, Assignee: w.Assignee, Count: w.Reassignments,
		}); err != nil {
			return err
		}
		w.tell(w.State, w.State, Escalated{Type: r.Type, FromGroup: w.Was.Group, Group: w.Group, Count: w.FunctionalEscalations})
		return nil
	})
}

// unused notes a person or group that is for escalations of another type.
func (w *work) unused(field string, id itsm.ID, of EscalationType) {
	if id != "" {
		w.faults.Addf(field, "is for a %s escalation", of)
	}
}
