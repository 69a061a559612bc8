// This file holds how a change is submitted, judged and assessed.

package change

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Submit hands a draft in: what its model requires must be there, and its risk is computed. A standard change is scheduled,
// an emergency goes to its gates at once, any other is assessed first.
func (p *Practice) Submit(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionSubmit, r, r, func(ctx context.Context, w *work) error {
		if err := w.assessRisk(ctx); err != nil {
			return err
		}
		if err := w.check(ctx, ActionSubmit); err != nil {
			return err
		}
		if w.Type == TypeStandard {
			e, err := w.envelope(nil)
			if err != nil {
				return err
			}
			e.At, e.Basis = w.now, BasisTemplate
			w.Approved = &e
		}
		score := 0
		if w.RiskAssessment != nil {
			score = w.RiskAssessment.Score
		}
		return w.move(Submitted{Risk: w.Risk, Score: score})
	})
}

// Finding is what someone found who assessed a change.
type Finding struct {
	itsm.Command
	// Name is one of the assessments of the model. Where only one is not made yet, it may be empty.
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

// Assess records an assessment. With the last one that its model requires the change goes to its gates. One that is
// made again replaces what was found before.
func (p *Practice) Assess(ctx context.Context, actor itsm.Actor, id itsm.ID, r Finding) (Change, error) {
	return p.command(ctx, actor, id, ActionRecordAssessment, r.Command, r, func(ctx context.Context, w *work) error {
		name, missing := r.Name, w.missingAssessments(&w.Follows)
		if name == "" && len(missing) == 1 {
			name = missing[0]
		}
		needed := len(w.Follows.Assessments) > 0
		if needed && !slices.Contains(w.Follows.Assessments, name) {
			w.faults.Addf("name", "is %.64q; allowed are %s", name, list(w.Follows.Assessments))
		}
		w.faults.Text("text", r.Text, MaxNotes, needed)
		if !needed && name != "" {
			w.faults.Text("name", name, 100, false)
		}
		if needed || r.Text != "" {
			w.Assessments = slices.DeleteFunc(slices.Clone(w.Assessments), func(a Assessment) bool { return a.Name == name })
			w.Assessments = append(w.Assessments, Assessment{Name: name, Text: r.Text, By: w.actor.ID, At: w.now})
		}
		if len(w.missingAssessments(&w.Follows)) > 0 {
			return w.fire(ctx, ActionRecordAssessment, AssessmentRecorded{Name: name})
		}
		return w.fire(ctx, ActionAssess, Assessed{Name: name})
	})
}

// historyYears is how far back the history of a sort of change is looked at.
const historyPeriod = 365 * 24 * time.Hour

// assessRisk computes the risk of the change as it is. A level that a person set stands.
func (w *work) assessRisk(ctx context.Context) error {
	facts := risk.Facts{Numbers: map[string]int64{
		risk.FactorItems: int64(len(w.CIs)), risk.FactorOutage: minutesOf(w.Outage),
	}, Choices: maps.Clone(w.RiskAnswers)}
	var err error
	if facts.History, err = w.p.history(ctx, w.r, &w.Change, w.now); err != nil {
		return err
	}
	if err := w.countConflicts(ctx, &facts); err != nil {
		return err
	}
	if w.p.o.RiskFacts != nil {
		more, err := w.p.o.RiskFacts(ctx, w.r, w.Change)
		if err != nil {
			return err
		}
		maps.Copy(facts.Numbers, more.Numbers)
		if facts.Choices == nil {
			facts.Choices = map[string]string{}
		}
		maps.Copy(facts.Choices, more.Choices)
		if more.History != (risk.History{}) {
			facts.History = more.History
		}
	}
	a, err := w.p.o.Risk.Assess(facts)
	if err != nil {
		if w.faults.Empty() {
			return err
		}
		return nil // an answer that cannot be is a fault already
	}
	w.RiskAssessment, w.Risk = &a, a.Level
	if w.RiskOverride != nil {
		w.Risk = w.RiskOverride.Level
	}
	return nil
}

// history counts the changes of the same template, or else of the same model and service, that were implemented within a year.
func (p *Practice) history(ctx context.Context, r storage.Reader, c *Change, now time.Time) (risk.History, error) {
	same := []storage.Filter[Head]{ByImplemented.Is(true), ByImplementedAt.AtLeast(now.Add(-historyPeriod).UnixMicro())}
	switch {
	case c.Template != "":
		same = append(same, ByTemplate.Is(c.Template))
	case c.Service != "":
		same = append(same, ByService.Is(c.Service), ByModel.Is(c.Model))
	default:
		return risk.History{}, nil
	}
	if c.ID != "" {
		same = append(same, p.table.ByID().IsNot(c.ID))
	}
	groups, err := p.table.CountBy(ctx, r, storage.AllOf(same...), BySuccess)
	if err != nil {
		return risk.History{}, err
	}
	var h risk.History
	for _, g := range groups {
		h.Implemented += g.Count
		if ok, _ := g.Values[0].(bool); ok {
			h.Successful += g.Count
		}
	}
	return h, nil
}

// checkAnswers notes answers to questions that the risk model does not have, or does not allow.
func (w *work) checkAnswers() {
	if len(w.RiskAnswers) > MaxAnswers {
		w.faults.Addf("risk_answers", "are %d; at most %d are allowed", len(w.RiskAnswers), MaxAnswers)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(w.RiskAnswers)) {
		i := slices.IndexFunc(w.p.o.Risk.Factors, func(f risk.Factor) bool { return f.Name == name && len(f.Choices) > 0 })
		if i < 0 {
			w.faults.Addf("risk_answers", "have %.64q, which is no question of the risk model", name)
			continue
		}
		choices := w.p.o.Risk.Factors[i].Choices
		if _, ok := choices[w.RiskAnswers[name]]; !ok {
			w.faults.Addf("risk_answers."+name, "is %.64q; allowed are %s", w.RiskAnswers[name], list(slices.Sorted(maps.Keys(choices))))
		}
	}
}

// RiskSetting is a level of risk that a person sets against the model. The Reason of its Command is required.
type RiskSetting struct {
	itsm.Command
	Level risk.Level `json:"level"`
}

// OverrideRisk sets the level of risk, whatever the model says; the explanation stays. A level above the authorised one is
// outside the envelope: see [Practice.Edit]. A party to the change, its requester, author or assignee, does not lower its
// risk, neither below what it is nor below what the model gives: that is ErrForbidden, unless the Exemption of the [Options]
// has their duty.
func (p *Practice) OverrideRisk(ctx context.Context, actor itsm.Actor, id itsm.ID, r RiskSetting) (Change, error) {
	return p.command(ctx, actor, id, ActionOverrideRisk, r.Command, r, func(ctx context.Context, w *work) error {
		if !r.Level.Valid() {
			w.faults.Add("level", "must be 1 (low), 2 (medium) or 3 (high)")
		}
		w.requireReason(r.Reason)
		if err := w.mayLower(ctx, ActionOverrideRisk, r.Level); err != nil {
			return err
		}
		w.RiskOverride = &RiskOverride{Level: r.Level, Reason: r.Reason, By: w.actor.ID, At: w.now}
		w.Risk = r.Level
		return w.revise(ctx, ActionOverrideRisk, RiskOverridden{From: w.Was.Risk, Level: r.Level})
	})
}

// mayLower refuses a party to the change that would lower its risk, below what it is or what the model makes of it.
func (w *work) mayLower(ctx context.Context, a Action, to risk.Level) error {
	duty := w.ownDuty()
	if duty == "" || w.actor.System {
		return nil
	}
	least := w.Was.Risk
	if a == ActionOverrideRisk {
		level, err := w.modelRisk(ctx)
		if err != nil {
			return err
		}
		least = max(least, level)
	}
	if to >= least {
		return nil
	}
	return &itsm.ForbiddenError{
		Actor: w.actor.ID, Tenant: w.actor.Tenant, Permission: PermissionOverrideRisk, Kind: Kind, ID: w.ID,
		Reason: "nobody lowers the risk of what is their own, of which they are the " + duty,
	}
}

// modelRisk gives the level that the risk model makes of the change as it is, whatever a person set.
func (w *work) modelRisk(ctx context.Context) (risk.Level, error) {
	of := *w.Case
	of.RiskOverride = nil
	probe := *w
	probe.Case, probe.faults = &of, itsm.Faults{}
	if err := probe.assessRisk(ctx); err != nil {
		return 0, err
	}
	return of.Risk, nil
}

// ClearRiskOverride lets the level of risk follow from the model again. It does not lower the risk for a party: see
// [Practice.OverrideRisk].
func (p *Practice) ClearRiskOverride(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionClearRiskOverride, r, r, func(ctx context.Context, w *work) error {
		w.requireReason(r.Reason)
		w.RiskOverride, w.Risk = nil, 0
		if w.RiskAssessment != nil {
			w.Risk = w.RiskAssessment.Level
		}
		if w.Was.RiskOverride != nil {
			if err := w.mayLower(ctx, ActionClearRiskOverride, w.Risk); err != nil {
				return err
			}
		}
		return w.revise(ctx, ActionClearRiskOverride, RiskOverrideCleared{From: w.Was.Risk, Level: w.Risk})
	})
}
