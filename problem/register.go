// This file holds how a problem comes into being.

package problem

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Registration is what [Practice.Register] records.
type Registration struct {
	itsm.Command
	// Title and Source are required.
	Title       string `json:"title"`
	Source      Source `json:"source"`
	Description string `json:"description,omitempty"`
	// Symptom is what people see of it.
	Symptom string `json:"symptom,omitempty"`
	// From are the records that it was found by: incidents, which it causes, a vulnerability, a change. It
	// is linked to them. They are at most [MaxRefs].
	From []itsm.Ref `json:"from,omitempty"`
	// CIs are the configuration items that it affects. It is linked to them.
	CIs []itsm.ID `json:"cis,omitempty"`
	// Impact and Urgency give the priority; it has none before both are known.
	Impact   itsm.Impact  `json:"impact,omitempty"`
	Urgency  itsm.Urgency `json:"urgency,omitempty"`
	Category string       `json:"category,omitempty"`
	Service  itsm.ID      `json:"service,omitempty"`
	// Group and Assignee assign it at once, which takes the permission "problem.assign".
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Restricted and Members take the permission "problem.restrict". Members are for restricted problems
	// only.
	Restricted bool      `json:"restricted,omitempty"`
	Members    []itsm.ID `json:"members,omitempty"`
	Watchers   []itsm.ID `json:"watchers,omitempty"`
	// Fields are the host's own fields, Columns values of the host's own columns.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
}

// Register records a new problem in the first initial state of the lifecycle. It asks for
// "problem.register".
func (p *Practice) Register(ctx context.Context, actor itsm.Actor, r Registration) (Problem, error) {
	call := engine.Call{Name: Kind + ".register", Actor: actor, Command: r.Command, Request: withColumns(r, r.Columns)}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Problem, error) {
		if err := u.Authorize(ctx, PermissionRegister, nil); err != nil {
			return Problem{}, err
		}
		w := p.workOn(u, Problem{})
		w.faults.Merge("", call.Validate())
		if err := w.register(ctx, r); err != nil {
			return Problem{}, err
		}
		return w.finish(ctx)
	})
}

// register makes the work's problem a new one.
func (w *work) register(ctx context.Context, r Registration) error {
	w.Problem = Problem{
		Head: Head{
			Title: r.Title, Source: r.Source, Impact: r.Impact, Urgency: r.Urgency, Category: r.Category, Service: r.Service,
			Group: r.Group, Assignee: r.Assignee, Restricted: r.Restricted, Registered: w.now,
		},
		Body: Body{Description: r.Description, Symptom: r.Symptom, Members: unique(r.Members), Watchers: unique(r.Watchers)},
	}
	var err error
	if w.internal, err = w.p.allows(ctx, w.actor, PermissionReadInternal, &w.Problem); err != nil {
		return err
	}
	w.setFields(r.Fields)
	w.setColumns(r.Columns)
	w.classify()
	w.faults.Text("title", w.Title, MaxTitle, true)
	w.faults.Text("description", w.Description, MaxLong, false)
	w.faults.Text("symptom", w.Symptom, MaxLong, false)
	if !slices.Contains(Sources(), w.Source) {
		w.faults.Addf("source", "must be one of: %s", list(Sources()))
	}
	w.checkID("group", w.Group)
	w.checkID("assignee", w.Assignee)
	if len(w.Members) > 0 && !w.Restricted {
		w.faults.Add("members", "are for restricted problems only")
	}
	w.checkPeople("members", w.Members)
	w.checkPeople("watchers", w.Watchers)
	links, err := w.origins(ctx, r)
	if err != nil {
		return err
	}
	if err := w.faults.Err(Kind); err != nil {
		return err
	}
	if err := w.mayRegister(ctx, &r); err != nil {
		return err
	}
	w.State, w.Open, w.action = w.p.o.Lifecycle.Initial()[0], true, ActionRegister
	if w.Number, err = draw(ctx, w.u, Kind, w.p.o.NumberPrefix); err != nil {
		return err
	}
	w.ID = w.u.NewID()
	w.tell("", w.State, Registered{Number: w.Number, Source: w.Source, Priority: w.Priority, From: r.From, CIs: r.CIs})
	for _, l := range links {
		l.From = w.Ref()
		w.after = append(w.after, func(ctx context.Context) error {
			_, err := w.u.AddLink(ctx, l)
			return err
		})
	}
	return nil
}

// KindIncident is the kind of the records that a problem causes: incidents.
const KindIncident = "incident"

// origins gives the links of a new problem, and notes those to what the actor may not know of.
func (w *work) origins(ctx context.Context, r Registration) ([]itsm.Link, error) {
	var links []itsm.Link
	add := func(field string, n int, l itsm.Link) error {
		if slices.Contains(links, l) {
			return nil
		}
		links = append(links, l)
		return w.checkRef(ctx, at(field, n), l.To)
	}
	if n := len(r.From); n > MaxRefs {
		w.faults.Addf("from", "are %d; at most %d are allowed", n, MaxRefs)
		return nil, nil
	}
	if n := len(r.CIs); n > MaxRefs {
		w.faults.Addf("cis", "are %d; at most %d are allowed", n, MaxRefs)
		return nil, nil
	}
	for n, ref := range r.From {
		l := itsm.Link{Type: itsm.LinkRelatedTo, To: ref}
		if ref.Kind == KindIncident {
			l.Type = itsm.LinkCauses
		}
		if err := add("from", n, l); err != nil {
			return nil, err
		}
	}
	for n, id := range r.CIs {
		if err := add("cis", n, itsm.Link{Type: itsm.LinkAffects, To: itemRef(id)}); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// mayRegister asks for what a registration needs beside its input being right.
func (w *work) mayRegister(ctx context.Context, r *Registration) error {
	s := w.Subject()
	// To register a matter is not to read it: who may restrict a problem may also register it so, for
	// others, and then not see it.
	s.Restricted = false
	asks := []itsm.Permission{PermissionRegister}
	if r.Group != "" || r.Assignee != "" {
		asks = append(asks, PermissionAssign)
	}
	if r.Restricted {
		asks = append(asks, PermissionRestrict)
	}
	for _, permission := range asks {
		if err := w.u.Authorize(ctx, permission, s); err != nil {
			return err
		}
	}
	return nil
}
