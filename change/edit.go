// This file holds how a change is edited, and what an edit means to what was authorised.

package change

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Edit changes what describes a change. A nil field stays as it is.
type Edit struct {
	itsm.Command
	Title         *string           `json:"title,omitempty"`
	Description   *string           `json:"description,omitempty"`
	Justification *string           `json:"justification,omitempty"`
	For           *[]itsm.Ref       `json:"for,omitempty"`
	Category      *string           `json:"category,omitempty"`
	Service       *itsm.ID          `json:"service,omitempty"`
	Plans         *Plans            `json:"plans,omitempty"`
	CIs           *[]itsm.ID        `json:"cis,omitempty"`
	Planned       *Window           `json:"planned,omitempty"`
	Within        *Window           `json:"within,omitempty"`
	Outage        *Window           `json:"outage,omitempty"`
	RiskAnswers   map[string]string `json:"risk_answers,omitempty"`
	Proposals     *[]Proposal       `json:"proposals,omitempty"`
	Deployment    *bool             `json:"deployment,omitempty"`
	ReadyAt       *time.Time        `json:"ready_at,omitempty"`
	// Done and Outcome are of a retrospective change, until its gates have decided.
	Done    *Window  `json:"done,omitempty"`
	Outcome *Outcome `json:"outcome,omitempty"`
	// Fields are set by name; the JSON null removes one, and those not named stay.
	Fields itsm.Fields `json:"fields,omitempty"`
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head] `json:"-"`
}

// Edit changes what describes a change. Where nothing is another than before, nothing happens.
//
// Plans, configuration items, proposals, windows and the answers about its risk are what its gates decide about. Before
// they are asked they may be edited freely; assessments that were made are made again. After that an edit inside the
// [Envelope] passes, and a planned window that is moved inside of it is only rescheduled. One outside of it opens the
// gates again, or takes the change back to draft, as its model says: the votes lapse. Once the implementation has begun they
// stay as they were authorised. A level of risk that a person set below what the risk model makes of the edited change is
// dropped, which [RiskOverrideCleared] tells.
func (p *Practice) Edit(ctx context.Context, actor itsm.Actor, id itsm.ID, r Edit) (Change, error) {
	return p.command(ctx, actor, id, ActionEdit, r.Command, withColumns(r, r.Columns), func(ctx context.Context, w *work) error {
		w.edit(r)
		w.setFields(r.Fields)
		w.setColumns(r.Columns)
		if err := w.checkWords(ctx); err != nil {
			return err
		}
		return w.revise(ctx, ActionEdit, Edited{})
	})
}

// edit applies the fields.
func (w *work) edit(r Edit) {
	set(&w.Title, r.Title)
	set(&w.Description, r.Description)
	set(&w.Justification, r.Justification)
	set(&w.Category, r.Category)
	set(&w.Service, r.Service)
	set(&w.Plans, r.Plans)
	set(&w.Deployment, r.Deployment)
	if r.For != nil {
		w.For = slices.Clone(*r.For)
		if len(w.For) == 0 {
			w.For = nil
		}
	}
	if r.CIs != nil {
		w.CIs = sortedIDs(*r.CIs)
	}
	if r.Planned != nil {
		w.PlannedStart, w.PlannedEnd = storage.Instant(r.Planned.Start), storage.Instant(r.Planned.End)
	}
	if r.Within != nil {
		w.Within = r.Within.instant()
	}
	if r.Outage != nil {
		w.Outage = r.Outage.instant()
	}
	if r.RiskAnswers != nil {
		answers := maps.Clone(w.RiskAnswers)
		if answers == nil {
			answers = map[string]string{}
		}
		for name, answer := range r.RiskAnswers {
			if answer == "" {
				delete(answers, name)
				continue
			}
			answers[name] = answer
		}
		if len(answers) == 0 {
			answers = nil
		}
		w.RiskAnswers = answers
	}
	if r.Proposals != nil {
		w.Proposals = compactProposals(*r.Proposals)
	}
	if r.ReadyAt != nil {
		w.ReadyAt = storage.Instant(*r.ReadyAt)
	}
	if w.Type == TypeStandard && w.Plans != w.Was.Plans {
		w.faults.Add("plans", "are those of its template; draft a change of another model")
	}
	if r.Done == nil && r.Outcome == nil {
		return
	}
	if w.Type != TypeRetrospective {
		w.faults.Add("done", "and outcome are of retrospective changes; complete it")
		return
	}
	if r.Done != nil {
		done := r.Done.instant()
		w.ActualStart, w.ActualEnd, w.ImplementedAt = done.Start, done.End, done.End.UnixMicro()
	}
	set(&w.Change.Outcome, r.Outcome)
	w.checkDone()
}

func set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

// material are what the gates decide about, by the names of the fields of an edit.
func (w *work) material() []string {
	now, was := &w.Change, &w.Was
	var fields []string
	for _, f := range []struct {
		name  string
		other bool
	}{
		{"plans", now.Plans != was.Plans}, {"cis", !slices.Equal(now.CIs, was.CIs)},
		{"planned", now.Planned() != was.Planned()}, {"within", now.Within != was.Within}, {"outage", now.Outage != was.Outage},
		{"risk_answers", !maps.Equal(now.RiskAnswers, was.RiskAnswers)},
		{"proposals", !reflect.DeepEqual(now.Proposals, was.Proposals)},
		{"done", now.ActualStart != was.ActualStart || now.ActualEnd != was.ActualEnd}, {"outcome", now.Outcome != was.Outcome},
		{"model", now.Model != was.Model}, {"risk", now.RiskOverride != was.RiskOverride},
		{"service", now.Service != was.Service},
	} {
		if f.other {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// revise takes an action that sets fields, and then what it means to what was asked of the gates, or authorised.
func (w *work) revise(ctx context.Context, a Action, payload itsm.Payload) error {
	material := w.material()
	settled := w.Was.begun() || w.Was.Implemented && (w.Was.Type != TypeRetrospective || w.Was.Approved != nil)
	if len(material) > 0 && settled {
		for _, field := range material {
			if field != "service" {
				w.fault(field, "was authorised as it is, and is being made or was")
			}
		}
	}
	if !settled {
		if err := w.dropOverride(ctx, material); err != nil {
			return err
		}
	}
	if len(material) > 0 && !settled && w.Was.Risk != 0 && w.category(w.State) != itsm.CategoryNew {
		if err := w.assessRisk(ctx); err != nil {
			return err
		}
	}
	envelope := w.Was.Approved
	if envelope == nil {
		envelope = w.Was.Asked
	}
	if envelope == nil || settled || len(material) == 0 {
		if len(material) > 0 && len(w.Assessments) > 0 && !settled {
			w.Assessments = nil // they were about something else
		}
		return w.change(ctx, a, payload)
	}
	inside, err := w.inside(envelope)
	if err != nil {
		return err
	}
	if inside && !w.unplanned() {
		if w.Planned() != w.Was.Planned() && w.Was.Approved != nil && a == ActionEdit {
			payload = Rescheduled{From: w.Was.Planned(), To: w.Planned()}
		}
		return w.change(ctx, a, payload)
	}
	if err := w.change(ctx, a, payload); err != nil {
		return err
	}
	return w.rework(ctx, material)
}

// dropOverride ends a level of risk that a person set below what the risk model makes of the change now that it is another:
// they judged what it was. A level above that stands until somebody clears it, as an edit lowers nothing that was raised.
func (w *work) dropOverride(ctx context.Context, material []string) error {
	other := slices.ContainsFunc(material, func(field string) bool { return field != "risk" })
	if !other || w.RiskOverride == nil || w.RiskOverride != w.Was.RiskOverride || !w.faults.Empty() {
		return nil
	}
	level, err := w.modelRisk(ctx)
	if err != nil || w.RiskOverride.Level >= level {
		return err
	}
	w.RiskOverride = nil
	if w.Was.Risk != 0 { // a draft has none before it is submitted but for one that was set
		w.Risk = level
	}
	w.action = ActionClearRiskOverride
	w.tell(w.State, w.State, RiskOverrideCleared{From: w.Was.Risk, Level: level, Edited: true})
	return nil
}

// rework opens the gates of a change again that is not what was asked of them any more, or takes it back to draft.
func (w *work) rework(ctx context.Context, because []string) error {
	l := w.lifecycle()
	switch {
	case w.Follows.Rework == ReworkGates && l.Has(w.State, ActionReauthorise):
		if err := w.check(ctx, ActionReauthorise); err != nil {
			return err
		}
		return w.move(GatesReopened{Round: w.Round + 1, Because: because})
	case l.Has(w.State, ActionRedraft):
		if err := w.check(ctx, ActionRedraft); err != nil {
			return err
		}
		return w.move(Redrafted{Because: because})
	}
	return w.refusal(ctx, w.action, "it would not be what was authorised any more")
}

// Rescheduling moves the planned window of a change that is authorised.
type Rescheduling struct {
	itsm.Command
	Planned Window `json:"planned"`
	// Outage is when the service is out; nil moves the outage with the window.
	Outage *Window `json:"outage,omitempty"`
}

// Reschedule moves the planned window of a change inside the window that was authorised. Its risk is computed again. Outside of the
// window, or at a risk above the authorised one, it is refused: [Practice.Edit] has it authorised again.
func (p *Practice) Reschedule(ctx context.Context, actor itsm.Actor, id itsm.ID, r Rescheduling) (Change, error) {
	return p.command(ctx, actor, id, ActionReschedule, r.Command, r, func(ctx context.Context, w *work) error {
		by := storage.Instant(r.Planned.Start).Sub(w.PlannedStart)
		w.PlannedStart, w.PlannedEnd = storage.Instant(r.Planned.Start), storage.Instant(r.Planned.End)
		if r.Planned.IsZero() {
			w.faults.Add("planned", "is required")
		}
		switch {
		case r.Outage != nil:
			w.Outage = r.Outage.instant()
		case !w.Outage.IsZero() && !w.Was.Planned().IsZero():
			w.Outage = Window{Start: w.Outage.Start.Add(by), End: w.Outage.End.Add(by)}
		}
		w.checkWindow("planned", w.Planned())
		w.checkWindow("outage", w.Outage)
		if !w.Outage.IsZero() && !w.Planned().Covers(w.Outage) {
			w.fault("outage", "must lie in the planned window")
		}
		if w.Was.Risk != 0 && w.faults.Empty() {
			if err := w.assessRisk(ctx); err != nil { // what it conflicts with is a risk
				return err
			}
		}
		return w.change(ctx, ActionReschedule, Rescheduled{From: w.Was.Planned(), To: w.Planned()})
	})
}

// Remodelling has a draft follow another model.
type Remodelling struct {
	itsm.Command
	Model ModelName `json:"model"`
}

// ChangeModel has a draft follow another model. What was submitted keeps its model, and so its type, until it is a draft
// again. No change becomes a standard or a retrospective one, nor is one of these another.
func (p *Practice) ChangeModel(ctx context.Context, actor itsm.Actor, id itsm.ID, r Remodelling) (Change, error) {
	return p.command(ctx, actor, id, ActionChangeModel, r.Command, r, func(ctx context.Context, w *work) error {
		before := w.Follows
		if err := w.facts(ctx, ActionChangeModel); err != nil {
			return err
		}
		w.follow(r.Model, "model")
		if fixed := []Type{TypeStandard, TypeRetrospective}; w.Type != w.Was.Type && (slices.Contains(fixed, w.Type) || slices.Contains(fixed, w.Was.Type)) {
			w.faults.Addf("model", "is of the type %s, which a change of the type %s cannot become", w.Type, w.Was.Type)
		}
		next := w.Follows
		w.Follows = before // whose rules say whether it may
		if err := w.check(ctx, ActionChangeModel); err != nil {
			return err
		}
		w.Follows = next
		if w.Model == w.Was.Model {
			return nil
		}
		return w.move(ModelChanged{From: w.Was.Model, Model: w.Model})
	})
}
