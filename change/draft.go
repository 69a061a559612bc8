// This file holds how a change comes into being: drafted, or recorded after it was made.

package change

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Draft is what [Practice.Draft] drafts.
type Draft struct {
	itsm.Command
	// Model is the model that it follows; empty is [ModelNormal], and [ModelStandard] with a template.
	Model ModelName `json:"model,omitempty"`
	// Template is the family of the template of a standard change, whose active version is used.
	Template string `json:"template,omitempty"`
	// Title is required, unless its template has one.
	Title         string `json:"title"`
	Description   string `json:"description,omitempty"`
	Justification string `json:"justification,omitempty"`
	// For are the records that it is made for; it is linked to them.
	For []itsm.Ref `json:"for,omitempty"`
	// Requester asked for it; empty is the actor. To draft in the name of another takes the permission on all changes.
	Requester itsm.ID `json:"requester,omitempty"`
	Category  string  `json:"category,omitempty"`
	Service   itsm.ID `json:"service,omitempty"`
	// Group and Assignee are who is to implement it.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Plans are those of the template where the change has one.
	Plans Plans     `json:"plans,omitzero"`
	CIs   []itsm.ID `json:"cis,omitempty"`
	// Planned, Within and Outage are the windows: see [Head] and [Body].
	Planned Window `json:"planned,omitzero"`
	Within  Window `json:"within,omitzero"`
	Outage  Window `json:"outage,omitzero"`
	// RiskAnswers are by the factors of the risk model that have choices.
	RiskAnswers map[string]string `json:"risk_answers,omitempty"`
	Proposals   []Proposal        `json:"proposals,omitempty"`
	// Deployment and ReadyAt are what the measures of deployments count: see [Head].
	Deployment bool      `json:"deployment,omitempty"`
	ReadyAt    time.Time `json:"ready_at,omitzero"`
	// Restricted takes the permission "change.restrict", too.
	Restricted bool `json:"restricted,omitempty"`
	// Fields are the host's own fields, Columns values of the host's own columns.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
}

// Draft makes a new change in the first state of its model's lifecycle. It asks for "change.draft". A retrospective
// change is not drafted: see [Practice.RecordRetrospectively]. A template that is not there or has no active version, and
// one that is suspended, is a fault.
func (p *Practice) Draft(ctx context.Context, actor itsm.Actor, r Draft) (Change, error) {
	call := engine.Call{Name: Kind + "." + string(ActionDraft), Actor: actor, Command: r.Command, Request: withColumns(r, r.Columns)}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Change, error) {
		return p.draft(ctx, u, call, r)
	})
}

func (p *Practice) draft(ctx context.Context, u *engine.Unit, call engine.Call, r Draft) (Change, error) {
	if err := u.Authorize(ctx, PermissionDraft, nil); err != nil {
		return Change{}, err
	}
	w := p.workOn(u, r.change(u))
	w.faults.Merge("", call.Validate())
	w.follow(r.Model, "model")
	if w.Type == TypeRetrospective {
		w.faults.Add("model", "is for changes that were made already; record it retrospectively")
	}
	if err := w.useTemplate(ctx, r); err != nil {
		return Change{}, err
	}
	return w.create(ctx, r.Fields, r.Columns, ActionDraft, func() itsm.Payload {
		return Drafted{Number: w.Number, Model: w.Model, Template: w.TemplateVersion}
	})
}

// change is the draft as a record, its fields and columns yet to be set.
func (r *Draft) change(u *engine.Unit) Change {
	model := r.Model
	if model == "" {
		model = ModelNormal
		if r.Template != "" {
			model = ModelStandard
		}
	}
	r.Model = model
	return Change{
		Head: Head{
			Model: model, Title: r.Title, Category: r.Category, Service: r.Service, Requester: orElse(r.Requester, u.Actor().ID),
			Group: r.Group, Assignee: r.Assignee, Restricted: r.Restricted, Template: r.Template,
			PlannedStart: storage.Instant(r.Planned.Start), PlannedEnd: storage.Instant(r.Planned.End),
			Deployment: r.Deployment, ReadyAt: storage.Instant(r.ReadyAt),
		},
		Body: Body{
			Author: u.Actor().ID, Description: r.Description, Justification: r.Justification, For: slices.Clone(r.For), Plans: r.Plans, CIs: sortedIDs(r.CIs),
			Within: r.Within.instant(), Outage: r.Outage.instant(), RiskAnswers: maps.Clone(r.RiskAnswers), Proposals: compactProposals(r.Proposals),
		},
	}
}

// follow sets the model, or notes that there is none of the name.
func (w *work) follow(name ModelName, field string) {
	m, ok := w.p.models[name]
	if !ok {
		names := make([]ModelName, len(w.p.o.Models))
		for i := range names {
			names[i] = w.p.o.Models[i].Name
		}
		w.faults.Addf(field, "is %.64q; allowed are %s", name, list(names))
		m = &w.p.o.Models[0] // to check the rest by
	}
	w.Follows, w.Model, w.Type = *m, name, m.Type
}

// create checks all that a new change has, and makes it.
func (w *work) create(ctx context.Context, fields itsm.Fields, columns []storage.Value[Head], a Action, payload func() itsm.Payload) (Change, error) {
	var err error
	if w.internal, err = w.p.allows(ctx, w.actor, PermissionReadInternal, &w.Change); err != nil {
		return Change{}, err
	}
	w.setFields(fields)
	w.setColumns(columns)
	if err := w.checkWords(ctx); err != nil {
		return Change{}, err
	}
	w.State = w.lifecycle().Initial()[0]
	w.Open = w.category(w.State).Open()
	if err := w.faults.Err(Kind); err != nil {
		return Change{}, err
	}
	if err := w.mayCreate(ctx, a); err != nil {
		return Change{}, err
	}
	if w.Number, err = w.p.drawNumber(ctx, w.u); err != nil {
		return Change{}, err
	}
	w.ID = w.u.NewID()
	w.action = a
	w.tell("", w.State, payload())
	return w.finish(ctx)
}

// mayCreate asks for what a new change needs beside its input being right.
func (w *work) mayCreate(ctx context.Context, a Action) error {
	permission := PermissionDraft
	if a == ActionRecordRetrospective {
		permission = PermissionRecordRetrospectively
	}
	s := w.Change.Subject()
	// To draft a matter is not to read it: who may restrict a change may also draft it so, for others.
	s.Restricted = false
	authorizer := w.p.e.Authorizer()
	if w.Restricted {
		if err := authorizer.Authorize(ctx, w.actor, PermissionRestrict, s); err != nil {
			return err
		}
	}
	return authorizer.Authorize(ctx, w.actor, permission, s)
}

// checkWords notes what is wrong with what people write of a change.
func (w *work) checkWords(ctx context.Context) error {
	w.faults.Text("title", w.Title, MaxTitle, true)
	w.faults.Text("description", w.Description, MaxDescription, false)
	w.faults.Text("justification", w.Justification, MaxDescription, false)
	w.faults.Text("plans.rollout", w.Plans.Rollout, MaxPlan, false)
	w.faults.Text("plans.test", w.Plans.Test, MaxPlan, false)
	w.faults.Text("plans.backout", w.Plans.Backout, MaxPlan, false)
	w.faults.Key("requester", string(w.Requester))
	w.checkID("service", w.Service)
	w.checkID("group", w.Group)
	w.checkID("assignee", w.Assignee)
	w.faults.Text("category", w.Category, storage.MaxText, false)
	if c := w.p.o.Categories; len(c) > 0 && w.Category != "" && !slices.Contains(c, w.Category) {
		w.faults.Addf("category", "must be one of: %s", list(c))
	}
	w.checkIDs("cis", w.CIs, MaxCIs)
	w.checkWindow("planned", w.Planned())
	w.checkWindow("within", w.Within)
	w.checkWindow("outage", w.Outage)
	if !w.Within.IsZero() && !w.Within.Covers(w.Planned()) {
		w.fault("within", "must cover the planned window")
	}
	if !w.Outage.IsZero() && !w.Planned().Covers(w.Outage) {
		w.fault("outage", "must lie in the planned window")
	}
	if !writable(w.ReadyAt) {
		w.fault("ready_at", "must be in the years 1 to 9999")
	}
	w.checkAnswers()
	w.checkProposals()
	if err := w.checkItems(ctx); err != nil {
		return err
	}
	if len(w.For) > MaxFor {
		w.faults.Addf("for", "are %d; at most %d are allowed", len(w.For), MaxFor)
		return nil
	}
	for i, ref := range w.For {
		if slices.Contains(w.Was.For, ref) {
			continue // it was there, whether the actor may know of it or not
		}
		if err := w.checkRef(ctx, at("for", i), ref); err != nil {
			return err
		}
	}
	return nil
}

// checkItems notes configuration items that were not named before and of which the actor may not know.
func (w *work) checkItems(ctx context.Context) error {
	if w.p.o.MayRead == nil || len(w.CIs) > MaxCIs {
		return nil
	}
	for i, ci := range w.CIs {
		if slices.Contains(w.Was.CIs, ci) || storage.CheckKey(string(ci)) != "" {
			continue
		}
		may, err := w.p.mayKnow(ctx, w.r, w.actor, w.internal, itsm.Ref{Kind: KindCI, ID: ci})
		if err != nil {
			return err
		}
		if !may {
			w.faults.Add(at("cis", i), "is not found")
		}
	}
	return nil
}

// Retrospective is what [Practice.RecordRetrospectively] records: a change that was made already.
type Retrospective struct {
	itsm.Command
	// Model is a retrospective one; empty is [ModelRetrospective].
	Model ModelName `json:"model,omitempty"`
	Title string    `json:"title"`
	// Description says what was done. It is required.
	Description   string     `json:"description"`
	Justification string     `json:"justification,omitempty"`
	For           []itsm.Ref `json:"for,omitempty"`
	// Requester had it made; empty is the actor.
	Requester itsm.ID   `json:"requester,omitempty"`
	Category  string    `json:"category,omitempty"`
	Service   itsm.ID   `json:"service,omitempty"`
	Group     itsm.ID   `json:"group,omitempty"`
	Assignee  itsm.ID   `json:"assignee,omitempty"`
	CIs       []itsm.ID `json:"cis,omitempty"`
	// Done is when it was made: both ends are required, and not in the future.
	Done   Window `json:"done"`
	Outage Window `json:"outage,omitzero"`
	// Outcome is how it went; empty is [OutcomeSuccessful].
	Outcome    Outcome   `json:"outcome,omitempty"`
	Deployment bool      `json:"deployment,omitempty"`
	ReadyAt    time.Time `json:"ready_at,omitzero"`
	// Unauthorised says that it was made without having been authorised, as by drift that nobody can explain. It is a
	// flag of its own, with a follow-up: an emergency that was agreed to by telephone is not unauthorised.
	Unauthorised bool                  `json:"unauthorised,omitempty"`
	Restricted   bool                  `json:"restricted,omitempty"`
	Fields       itsm.Fields           `json:"fields,omitempty"`
	Columns      []storage.Value[Head] `json:"-"`

	source *Drift
}

// RecordRetrospectively records a change that was made before anyone recorded it. Its gates are asked at once; when they
// approve it is reviewed. Where they reject it, it was unauthorised.
func (p *Practice) RecordRetrospectively(ctx context.Context, actor itsm.Actor, r Retrospective) (Change, error) {
	call := engine.Call{Name: Kind + "." + string(ActionRecordRetrospective), Actor: actor, Command: r.Command, Request: withColumns(r, r.Columns)}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Change, error) {
		return p.record(ctx, u, call, r)
	})
}

func (p *Practice) record(ctx context.Context, u *engine.Unit, call engine.Call, r Retrospective) (Change, error) {
	if err := u.Authorize(ctx, PermissionRecordRetrospectively, nil); err != nil {
		return Change{}, err
	}
	w := p.workOn(u, r.change(u))
	w.faults.Merge("", call.Validate())
	w.follow(w.Model, "model")
	if w.Type != TypeRetrospective {
		w.faults.Addf("model", "is of the type %s; it must be of the type %s", w.Type, TypeRetrospective)
	}
	w.faults.Text("description", r.Description, MaxDescription, true)
	w.checkDone()
	if err := w.assessRisk(ctx); err != nil {
		return Change{}, err
	}
	if r.Unauthorised {
		w.flagUnauthorised(r.Reason, r.source)
	}
	w.gates = gatesAsk
	if err := w.ask(); err != nil {
		return Change{}, err
	}
	return w.create(ctx, r.Fields, r.Columns, ActionRecordRetrospective, func() itsm.Payload {
		return RecordedRetrospectively{Number: w.Number, Unauthorised: w.Unauthorised, Outcome: w.Outcome}
	})
}

func (r *Retrospective) change(u *engine.Unit) Change {
	done := r.Done.instant()
	c := Change{
		Head: Head{
			Model: orElse(r.Model, ModelRetrospective), Title: r.Title, Category: r.Category, Service: r.Service,
			Requester: orElse(r.Requester, u.Actor().ID), Group: r.Group, Assignee: r.Assignee, Restricted: r.Restricted,
			ActualStart: done.Start, Implemented: true, ImplementedAt: done.End.UnixMicro(), Outcome: orElse(r.Outcome, OutcomeSuccessful),
			Deployment: r.Deployment, ReadyAt: storage.Instant(r.ReadyAt),
		},
		Body: Body{
			Author: u.Actor().ID, Description: r.Description, Justification: r.Justification, For: slices.Clone(r.For), CIs: sortedIDs(r.CIs),
			ActualEnd: done.End, ActualOutage: r.Outage.instant(),
		},
	}
	return c
}

// checkDone notes what is wrong with when a change was made, and how it went.
func (w *work) checkDone() {
	done := Window{Start: w.ActualStart, End: w.ActualEnd}
	if done.Start.IsZero() || done.End.IsZero() {
		w.fault("done", "must have a start and an end: it was made already")
	} else {
		w.checkWindow("done", done)
		if done.End.After(w.now) {
			w.fault("done", "must not be in the future")
		}
	}
	w.checkWindow("outage", w.ActualOutage)
	if !slices.Contains(Outcomes(), w.Outcome) {
		w.faults.Addf("outcome", "is %.64q; allowed are %s", w.Outcome, list(Outcomes()))
	}
}
