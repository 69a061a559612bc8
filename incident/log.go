// This file holds how an incident comes into being: reported anew, or following up a closed one.

package incident

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Report is what [Practice.Log] records.
type Report struct {
	itsm.Command
	// Template is the template that it is logged by; none has no name. See [Practice.Log].
	Template TemplateRef `json:"template,omitzero"`
	// Title and Requester are required.
	Title       string  `json:"title"`
	Description string  `json:"description,omitempty"`
	Requester   itsm.ID `json:"requester"`
	// Affected is who suffers from it where that is not the requester.
	Affected itsm.ID `json:"affected,omitempty"`
	Channel  Channel `json:"channel,omitempty"`
	// Impact and Urgency give the priority; 0 is the default of the [Options].
	Impact      itsm.Impact  `json:"impact,omitempty"`
	Urgency     itsm.Urgency `json:"urgency,omitempty"`
	Category    string       `json:"category,omitempty"`
	Subcategory string       `json:"subcategory,omitempty"`
	Service     itsm.ID      `json:"service,omitempty"`
	// Group and Assignee assign it at once, which takes the permission "incident.assign".
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Occurred and Detected may be unknown; Reported is now where it is zero.
	Occurred time.Time `json:"occurred,omitzero"`
	Detected time.Time `json:"detected,omitzero"`
	Reported time.Time `json:"reported,omitzero"`
	// Restricted and Members take the permission "incident.restrict", as Restrict does: who is not
	// among those who may read the incident does not see it again. Members are for
	// restricted incidents only.
	Restricted bool      `json:"restricted,omitempty"`
	Members    []itsm.ID `json:"members,omitempty"`
	Watchers   []itsm.ID `json:"watchers,omitempty"`
	// Fields are the host's own fields, Columns values of the host's own columns.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
}

// Log records a report as a new incident in the first initial state of the lifecycle. It asks
// for "incident.log" on the incident as its requester's.
//
// A report by a template ([Template]) gets its predefined values where it has none of its own. What
// the template makes mandatory and is empty then, what it keeps from being changed and was given
// otherwise, and what it hides and was given by someone without "incident.read_internal" are faults,
// told together with all others. A template that is not there, is not active or is for others is not
// found; one that has another current version than the report names is ErrConflict. The values that
// come of the template take no permission of the actor, as whoever defined it had the right to.
func (p *Practice) Log(ctx context.Context, actor itsm.Actor, r Report) (Incident, error) {
	call := engine.Call{Name: Kind + ".log", Actor: actor, Command: r.Command, Request: withColumns(r, r.Columns)}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Incident, error) {
		if err := u.Authorize(ctx, PermissionLog, nil); err != nil {
			return Incident{}, err
		}
		w := p.workOn(u, Incident{})
		w.faults.Merge("", call.Validate())
		if err := w.report(ctx, r, false); err != nil {
			return Incident{}, err
		}
		told := func() itsm.Payload {
			return Logged{Number: w.Number, Priority: w.Priority, Template: w.Template}
		}
		if err := w.create(ctx, told, func(ctx context.Context) error { return w.mayLog(ctx, &r) }); err != nil {
			return Incident{}, err
		}
		if err := w.assignNew(ctx); err != nil {
			return Incident{}, err
		}
		return w.finish(ctx)
	})
}

// Preview gives the incident that [Practice.Log] would make of a report, or its error: nothing is
// written, so that it has neither an id nor a number, and is not routed. Who may define templates may try those that are
// not active, too.
func (p *Practice) Preview(ctx context.Context, actor itsm.Actor, r Report) (Incident, error) {
	var out Incident
	err := p.e.View(ctx, actor, func(ctx context.Context, rd storage.Reader) error {
		authorizer := p.e.Authorizer()
		if err := authorizer.Authorize(ctx, actor, PermissionLog, nil); err != nil {
			return err
		}
		defines := authorizer.Authorize(ctx, actor, PermissionDefineTemplate, templateSubject(""))
		if defines != nil && !isForbidden(defines) {
			return defines
		}
		w := &work{Case: &Case{Reason: r.Reason}, p: p, r: rd, actor: actor, now: p.e.Now()}
		w.faults.Merge("", r.Command.Validate())
		if err := w.report(ctx, r, defines == nil); err != nil {
			return err
		}
		if err := w.begun(ctx, func(ctx context.Context) error { return w.mayLog(ctx, &r) }); err != nil {
			return err
		}
		if err := w.assignNew(ctx); err != nil {
			return err
		}
		w.measure()
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &w.Incident)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, rd, actor, internal, w.Incident)
		return err
	})
	return out, err
}

// report makes the work's incident that of a report, and notes what is wrong with it.
func (w *work) report(ctx context.Context, r Report, inactive bool) error {
	w.Incident = r.incident(w.now)
	var err error
	if w.internal, err = w.p.allows(ctx, w.actor, PermissionReadInternal, &w.Incident); err != nil {
		return err
	}
	used, err := w.useTemplate(ctx, &r, inactive)
	if err != nil {
		return err
	}
	w.Incident = r.incident(w.now)
	w.setFields(r.Fields)
	w.setColumns(r.Columns)
	w.setPredefined(used.fields, used.columns)
	w.classify()
	w.checkNew()
	used.note(w)
	return nil
}

// incident is the report as a record, its fields and columns yet to be set.
func (r *Report) incident(now time.Time) Incident {
	return Incident{
		Head: Head{
			Title: r.Title, Impact: r.Impact, Urgency: r.Urgency, Category: r.Category, Subcategory: r.Subcategory,
			Service: r.Service, Requester: r.Requester, Affected: r.Affected, Group: r.Group, Assignee: r.Assignee,
			Channel: r.Channel, Restricted: r.Restricted, Reported: storage.Instant(orElse(r.Reported, now)),
		},
		Body: Body{
			Description: r.Description, Occurred: storage.Instant(r.Occurred), Detected: storage.Instant(r.Detected),
			Members: unique(r.Members), Watchers: unique(r.Watchers), Template: r.Template,
		},
	}
}

// assignNew assigns a new incident that was reported with a group or an assignee.
func (w *work) assignNew(ctx context.Context) error {
	if w.Group == "" && w.Assignee == "" || !w.p.o.Lifecycle.Has(w.State, ActionAssign) {
		return nil
	}
	w.Was = w.Incident
	if err := w.fire(ctx, ActionAssign, Assigned{Group: w.Group, Assignee: w.Assignee}); err != nil {
		return err
	}
	w.Was = Incident{}
	return nil
}

// route assigns a new incident that nobody has to whom the host's routing says.
func (w *work) route(ctx context.Context) error {
	o := &w.p.o
	if o.Route == nil || w.logged == nil || w.Group != "" || w.Assignee != "" ||
		w.category(w.State) != itsm.CategoryNew || !o.Lifecycle.Has(w.State, ActionAssign) {
		return nil
	}
	w.measure()
	asked := w.Incident
	asked.Tenant, asked.Version, asked.Created, asked.Updated = w.u.Tenant(), 1, w.now, w.now
	to, err := o.Route(ctx, w.u, asked)
	if err != nil || to.Group == "" && to.Assignee == "" {
		return err
	}
	actor, reason := w.actor, w.Reason
	w.actor, w.Reason, w.Was = w.u.System(routing), to.Reason, w.Incident
	w.assign(to.Group, to.Assignee)
	if err := w.fire(ctx, ActionAssign, Assigned{Group: w.Group, Assignee: w.Assignee}); err != nil {
		return err
	}
	e := &w.events[len(w.events)-1]
	e.Actor, e.ActorName, e.System, e.Reason = w.actor.ID, w.actor.Name, true, to.Reason
	w.actor, w.Reason, w.Was = actor, reason, Incident{}
	return nil
}

// routing names the part of the system that routes.
const routing = "routing"

// mayLog asks for what a report needs beside its input being right: for what was given itself, not for
// what came of a template.
func (w *work) mayLog(ctx context.Context, given *Report) error {
	s := w.Incident.Subject()
	// To report a matter is not to read it: who may restrict an incident may also log it so, for
	// others, and then not see it.
	s.Restricted = false
	asks := []itsm.Permission{}
	if given.Group != "" || given.Assignee != "" {
		asks = append(asks, PermissionAssign)
	}
	if given.Restricted {
		asks = append(asks, PermissionRestrict)
	}
	authorizer := w.p.e.Authorizer()
	for _, permission := range asks {
		if err := authorizer.Authorize(ctx, w.actor, permission, s); err != nil {
			return err
		}
	}
	// Being affected gives no right to report in another's name.
	s.Requesters = []itsm.ID{w.Requester}
	return authorizer.Authorize(ctx, w.actor, PermissionLog, s)
}

// checkNew fills in what a new incident has by default, and notes what is wrong with it.
func (w *work) checkNew() {
	w.Was = Incident{}
	if channels := w.p.o.Channels; w.Channel == "" {
		w.Channel = channels[len(channels)-1]
	}
	w.faults.Text("title", w.Title, MaxTitle, true)
	w.faults.Text("description", w.Description, MaxDescription, false)
	w.faults.Key("requester", string(w.Requester))
	w.checkID("affected", w.Affected)
	w.checkID("group", w.Group)
	w.checkID("assignee", w.Assignee)
	w.checkChannel()
	if len(w.Members) > 0 && !w.Restricted {
		w.faults.Add("members", "are for restricted incidents only")
	}
	w.checkPeople("members", w.Members)
	w.checkPeople("watchers", w.Watchers)
	w.checkTimes()
}

// create makes the work's incident, which was checked, a new one: authorised, numbered, and told of.
func (w *work) create(ctx context.Context, payload func() itsm.Payload, authorized func(context.Context) error) error {
	if err := w.begun(ctx, authorized); err != nil {
		return err
	}
	var err error
	if w.Number, _, err = w.p.drawNumber(ctx, w.u); err != nil {
		return err
	}
	w.ID = w.u.NewID()
	w.action, w.logged = ActionLog, payload
	w.tell("", w.State, payload())
	return nil
}

// begun puts the work's incident, which was checked, in its first state.
func (w *work) begun(ctx context.Context, authorized func(context.Context) error) error {
	w.State, w.Open = w.p.o.Lifecycle.Initial()[0], true
	if err := w.faults.Err(Kind); err != nil {
		return err
	}
	return authorized(ctx)
}

// FollowUp asks for more work on what is closed.
type FollowUp struct {
	itsm.Command
	// Title and Description replace those of the closed incident where they are not empty.
	Title       string  `json:"title,omitempty"`
	Description string  `json:"description,omitempty"`
	Channel     Channel `json:"channel,omitempty"`
}

// FollowUp logs a new incident that continues a closed one and is linked to it. What describes
// the matter is copied: title, description, classification, impact and urgency, service,
// requester, affected person, group, restriction, watchers, tags, and the host's own
// fields and columns. Its timestamps and counters begin anew. Where it is restricted, who worked on the
// closed one becomes a member: whoever could read that one can read this one. It gives the new
// incident.
func (p *Practice) FollowUp(ctx context.Context, actor itsm.Actor, id itsm.ID, r FollowUp) (Incident, error) {
	call := engine.Call{Name: Kind + "." + string(ActionFollowUp), Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Incident, error) {
		closed, err := p.begin(ctx, u, id)
		if err != nil {
			return Incident{}, err
		}
		if err := closed.authorize(ctx, closed.permission(ActionFollowUp)); err != nil {
			return Incident{}, err
		}
		next := p.workOn(u, closed.Incident.continued(r, u.Now()))
		next.internal = closed.internal
		next.recompute()
		next.checkNew()
		closed.faults.Merge("", call.Validate())
		closed.faults.Merge("", next.faults.Err(Kind))
		if err := closed.check(ctx, ActionFollowUp); err != nil {
			return Incident{}, err
		}
		permitted := func(context.Context) error { return nil } // by the follow-up's own permission
		payload := func() itsm.Payload {
			return Logged{Number: next.Number, Priority: next.Priority, FollowUpOf: id}
		}
		if err := next.create(ctx, payload, permitted); err != nil {
			return Incident{}, err
		}
		next.after = append(next.after, func(ctx context.Context) error {
			_, err := u.AddLink(ctx, itsm.Link{Type: itsm.LinkFollowUpOf, From: next.Ref(), To: closed.Ref()})
			return err
		})
		out, err := next.finish(ctx)
		if err != nil {
			return Incident{}, err
		}
		if err := closed.move(FollowedUp{By: next.ID}); err != nil {
			return Incident{}, err
		}
		_, err = closed.finish(ctx)
		return out, err
	})
}

// continued is a new report of what a closed incident was about.
func (i *Incident) continued(r FollowUp, now time.Time) Incident {
	n := Incident{
		Head: Head{
			Title: orElse(r.Title, i.Title), Impact: i.Impact, Urgency: i.Urgency, Category: i.Category, Subcategory: i.Subcategory,
			Service: i.Service, Requester: i.Requester, Affected: i.Affected, Group: i.Group, Channel: r.Channel,
			Restricted: i.Restricted, Reported: now,
		},
		Body: Body{
			Description: orElse(r.Description, i.Description), Fields: i.Fields.Clone(),
			Members: slices.Clone(i.Members), Watchers: slices.Clone(i.Watchers), Tags: slices.Clone(i.Tags),
		},
	}
	if i.Restricted && i.Assignee != "" && !slices.Contains(n.Members, i.Assignee) {
		n.Members = append(n.Members, i.Assignee)
	}
	n.Custom = cloneColumns(i.Custom)
	return n
}
