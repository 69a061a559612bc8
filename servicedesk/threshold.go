// This file holds what the thresholds of service levels can do to an incident at the desk.

package servicedesk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// ThresholdActions are what the thresholds of policies for incidents can do at the desk, by the names that
// they call them:
//
//   - reassign: to the group above the one that has the incident, a functional escalation
//   - reassign:GROUP: to the group of this id, in the same way; one that nobody has is assigned
//   - raise: a hierarchical escalation to the manager of the assignee or, without one, to the lead of the
//     group, or of the nearest group above it that has another lead than the assignee
//   - raise:person:ID: a hierarchical escalation to this person
//   - raise:priority: the priority one step up, as an override
//   - tell:assignee, tell:group: the event of the threshold is addressed to who has the incident
//   - tell:person:ID, tell:group:ID, tell:role:NAME: it is addressed to this person, these people, or to
//     who has this role
//
// They are commands of the incident practice as a system actor, in the unit of the threshold's actions. What
// has no meaning any more, as for an incident that is closed meanwhile, that has the group or the highest
// priority already, or above which there is nobody, does nothing. Whom the event is addressed to is told by
// the notification rules ([notify.AudienceNamed]), where there is a [Config.Sender]; the event names it in any case.
//
// A policy that names a group or person who is not there or not active is ErrInvalid, as is one that tells a role
// where there is a sender and no [Config.Holders]. One that ceases to be there later fails the action, which becomes a
// dead letter; who is only told does not. An action of the host's own that is called reassign or raise takes the place of that, and
// of the host's own kinds of record all names are the host's ([sla.Options].ActionOf).
func ThresholdActions() []string {
	return []string{
		"reassign", "reassign:GROUP", "raise", "raise:person:ID", "raise:priority",
		"tell:assignee", "tell:group", "tell:group:ID", "tell:person:ID", "tell:role:NAME",
	}
}

// isThresholdAction says whether a name is of the desk's own, and gives its parts.
func isThresholdAction(name string) (verb, of string, id itsm.ID, own bool) {
	verb, rest, _ := strings.Cut(name, ":")
	if verb == "reassign" {
		return verb, "", itsm.ID(rest), true
	}
	of, to, _ := strings.Cut(rest, ":")
	return verb, of, itsm.ID(to), verb == "raise" || verb == "tell"
}

// thresholdAction gives what a threshold can do by a name.
func (d *Desk) thresholdAction(kind, name string) (sla.Action, error) {
	verb, of, id, own := isThresholdAction(name)
	if host := d.config.SLA.ActionOf; host != nil && (!own || kind != incident.Kind) {
		return host(kind, name)
	}
	if own && kind != incident.Kind {
		return nil, refused(name, "is for incidents, not for "+kind)
	}
	switch {
	case name == "reassign":
		return d.onOpen(d.reassignUp), nil
	case verb == "reassign" && id != "":
		return d.onOpen(func(ctx context.Context, u *engine.Unit, i incident.Incident, o sla.Occasion) error {
			if err := d.canBeGiven(ctx, u, name, id); err != nil {
				return err
			}
			return d.reassignTo(ctx, u, i, id, o)
		}), nil
	case name == "raise":
		return d.onOpen(func(ctx context.Context, u *engine.Unit, i incident.Incident, o sla.Occasion) error {
			to, err := d.superior(ctx, u, i)
			if err != nil || to == "" {
				return err
			}
			return d.raiseTo(ctx, u, i, to, o)
		}), nil
	case name == "raise:priority":
		return d.onOpen(d.raisePriority), nil
	case verb == "raise" && of == "person" && id != "":
		return d.onOpen(func(ctx context.Context, u *engine.Unit, i incident.Incident, o sla.Occasion) error {
			if err := d.canBeTold(ctx, u, name, id); err != nil {
				return err
			}
			return d.raiseTo(ctx, u, i, id, o)
		}), nil
	case name == "tell:assignee", name == "tell:group",
		verb == "tell" && slices.Contains([]string{"group", "person", "role"}, of) && id != "":
		return alreadyTold, nil
	}
	all := ThresholdActions()
	if !own {
		verb = ""
		all = slices.AppendSeq(all, maps.Keys(d.config.SLA.Actions))
	}
	slices.Sort(all)
	all = slices.DeleteFunc(all, func(x string) bool { return !strings.HasPrefix(x, verb) })
	return nil, refused(name, "is unknown; there are: "+strings.Join(all, ", "))
}

// refused is what is wrong with an action.
func refused(name, problem string) error {
	return itsm.Invalid("sla action", "", fmt.Sprintf("%.64q %s", name, problem))
}

// checkThresholdAction refuses an action that names a group or person who is not there, or whom it cannot tell.
func (d *Desk) checkThresholdAction(ctx context.Context, r storage.Reader, kind, name string) error {
	verb, of, id, own := isThresholdAction(name)
	switch {
	case !own, kind != incident.Kind:
		if host := d.config.SLA.CheckAction; host != nil {
			return host(ctx, r, kind, name)
		}
	case verb == "reassign" && id != "", of == "group" && id != "":
		return d.canBeGiven(ctx, r, name, id)
	case of == "person":
		return d.canBeTold(ctx, r, name, id)
	case of == "role" && d.config.Sender != nil && d.config.Holders == nil:
		return refused(name, "comes to nobody: the desk knows no people by role")
	}
	return nil
}

// canBeGiven refuses a group that is not there or not active.
func (d *Desk) canBeGiven(ctx context.Context, r storage.Reader, name string, group itsm.ID) error {
	g, err := d.People.Group(ctx, r, group)
	switch {
	case errors.Is(err, itsm.ErrNotFound):
		return refused(name, "names a group that is not there")
	case err == nil && !g.Active:
		return refused(name, "names a group that is not active")
	}
	return err
}

// canBeTold refuses a person who is not there or not active.
func (d *Desk) canBeTold(ctx context.Context, r storage.Reader, name string, person itsm.ID) error {
	p, err := d.People.Person(ctx, r, person)
	switch {
	case errors.Is(err, itsm.ErrNotFound):
		return refused(name, "names a person who is not there")
	case err == nil && !p.Active:
		return refused(name, "names a person who is not active")
	}
	return err
}

// alreadyTold does nothing more: the event of the threshold, which names whom it is addressed to, was written
// before its actions are taken.
func alreadyTold(context.Context, *engine.Unit, sla.Occasion) error { return nil }

// onOpen makes an action of what is done to an incident that is open.
func (d *Desk) onOpen(do func(ctx context.Context, u *engine.Unit, i incident.Incident, o sla.Occasion) error) sla.Action {
	return func(ctx context.Context, u *engine.Unit, o sla.Occasion) error {
		i, err := d.Incidents.In(u.Store()).Get(ctx, u.Actor(), o.Timer.Subject)
		if err != nil {
			return ignoreNotFound(err)
		}
		if !i.Open {
			return nil
		}
		return do(ctx, u, i, o)
	}
}

// reason says of a command why it was given.
func reason(o sla.Occasion) itsm.Command {
	text := fmt.Sprintf("Threshold %q of target %q", o.Threshold, o.Timer.Target)
	if o.Cycle > 0 {
		text += fmt.Sprintf(", cycle %d", o.Cycle+1)
	}
	return itsm.Command{Reason: text}
}

// reassignTo gives an incident to another group.
func (d *Desk) reassignTo(ctx context.Context, u *engine.Unit, i incident.Incident, group itsm.ID, o sla.Occasion) error {
	if i.Group == group {
		return nil
	}
	incidents := d.Incidents.In(u.Store())
	if i.Group == "" && i.Assignee == "" && d.Incidents.Lifecycle().Has(i.State, incident.ActionAssign) {
		_, err := incidents.Assign(ctx, u.Actor(), i.ID, incident.Assignment{Command: reason(o), Group: group})
		return err
	}
	_, err := incidents.Escalate(ctx, u.Actor(), i.ID, incident.Escalation{Command: reason(o), Type: incident.EscalationFunctional, Group: group})
	return err
}

// reassignUp gives an incident to the group above the one that has it.
func (d *Desk) reassignUp(ctx context.Context, u *engine.Unit, i incident.Incident, o sla.Occasion) error {
	var above itsm.ID
	err := d.upwards(ctx, u, i.Group, func(g directory.Group) bool {
		if g.ID != i.Group && g.Active {
			above = g.ID
		}
		return above != ""
	})
	if err != nil || above == "" {
		return err
	}
	return d.reassignTo(ctx, u, i, above, o)
}

// upwards gives a group and those above it, the nearest first, until that is enough.
func (d *Desk) upwards(ctx context.Context, r storage.Reader, group itsm.ID, enough func(directory.Group) bool) error {
	seen := map[itsm.ID]bool{}
	for group != "" && !seen[group] {
		seen[group] = true
		g, err := d.People.Group(ctx, r, group)
		if err != nil {
			return ignoreNotFound(err)
		}
		if enough(g) {
			return nil
		}
		group = g.Parent
	}
	return nil
}

// superior gives who stands above those who have an incident; empty where nobody is known.
func (d *Desk) superior(ctx context.Context, r storage.Reader, i incident.Incident) (itsm.ID, error) {
	active := func(id itsm.ID) (itsm.ID, error) {
		if id == "" || id == i.Assignee {
			return "", nil
		}
		p, err := d.People.Person(ctx, r, id)
		if err != nil || !p.Active {
			return "", ignoreNotFound(err)
		}
		return id, nil
	}
	if i.Assignee != "" {
		p, err := d.People.Person(ctx, r, i.Assignee)
		if ignoreNotFound(err) != nil {
			return "", err
		}
		if to, err := active(p.Manager); err != nil || to != "" {
			return to, err
		}
	}
	var to itsm.ID
	var failed error
	err := d.upwards(ctx, r, i.Group, func(g directory.Group) bool {
		to, failed = active(g.Lead)
		return to != "" || failed != nil
	})
	return to, errors.Join(err, failed)
}

func (d *Desk) raiseTo(ctx context.Context, u *engine.Unit, i incident.Incident, to itsm.ID, o sla.Occasion) error {
	_, err := d.Incidents.In(u.Store()).Escalate(ctx, u.Actor(), i.ID, incident.Escalation{Command: reason(o), Type: incident.EscalationHierarchical, To: to})
	return err
}

func (d *Desk) raisePriority(ctx context.Context, u *engine.Unit, i incident.Incident, o sla.Occasion) error {
	if !(i.Priority - 1).Valid() {
		return nil
	}
	_, err := d.Incidents.In(u.Store()).OverridePriority(ctx, u.Actor(), i.ID, incident.Override{Command: reason(o), Priority: i.Priority - 1})
	return err
}

// addressees gives whom the event of a threshold is addressed to.
func (d *Desk) addressees(ctx context.Context, r storage.Reader, i *incident.Incident, reached sla.ThresholdReached) (readers notify.Readers, err error) {
	for _, name := range reached.Actions {
		verb, of, id, _ := isThresholdAction(name)
		if verb != "tell" {
			continue
		}
		switch {
		case of == "assignee":
			readers.People = append(readers.People, named(i.Assignee).People...)
		case of == "group":
			readers.Groups = append(readers.Groups, cmp.Or(id, i.Group))
		case of == "person":
			readers.People = append(readers.People, id)
		case of == "role" && d.config.Holders != nil:
			people, err := d.config.Holders(ctx, r, itsm.RoleName(id))
			if err != nil {
				return notify.Readers{}, err
			}
			readers.People = append(readers.People, people...)
		}
	}
	return readers, nil
}
