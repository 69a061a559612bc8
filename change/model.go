// This file holds models of change: the types, the models that are shipped, and their check.

package change

import (
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

// Type is the sort of path that a change takes.
type Type string

// The types.
const (
	// TypeStandard is authorised in advance, by a template: it is submitted and scheduled.
	TypeStandard Type = "standard"
	// TypeNormal is assessed and authorised.
	TypeNormal Type = "normal"
	// TypeEmergency cannot wait: it is authorised without assessments.
	TypeEmergency Type = "emergency"
	// TypeRetrospective was made before it was recorded. It is authorised, or not, afterwards.
	TypeRetrospective Type = "retrospective"
)

// Types gives the types that there are.
func Types() []Type { return []Type{TypeStandard, TypeNormal, TypeEmergency, TypeRetrospective} }

// ModelName names a model.
type ModelName string

// The models that are shipped.
const (
	ModelStandard      ModelName = "standard"
	ModelNormal        ModelName = "normal"
	ModelEmergency     ModelName = "emergency"
	ModelRetrospective ModelName = "retrospective"
)

// Plan is one of the plans of a change.
type Plan string

// The plans.
const (
	PlanRollout Plan = "rollout"
	PlanTest    Plan = "test"
	PlanBackout Plan = "backout"
)

// WindowRule says whether a change must have a planned window.
type WindowRule string

// The rules.
const (
	// WindowRequired: it is submitted with a window, and started inside of it. It is what an empty rule is.
	WindowRequired WindowRule = "required"
	// WindowOptional: without one it may start as soon as it is authorised.
	WindowOptional WindowRule = "optional"
)

// Rework says where an edit outside the authorised envelope takes a change.
type Rework string

// The ways.
const (
	// ReworkGates opens the gates again. It is what an empty rework is, but for a standard change, which has none.
	ReworkGates Rework = "gates"
	// ReworkDraft takes it back to draft.
	ReworkDraft Rework = "draft"
)

// ReviewRule says which changes are closed only with the text of a review.
type ReviewRule struct {
	// Always demands it of all, Outcomes of those with these outcomes.
	Always   bool      `json:"always,omitempty"`
	Outcomes []Outcome `json:"outcomes,omitempty"`
	// Caused demands it of those that caused an incident.
	Caused bool `json:"caused,omitempty"`
}

func (r ReviewRule) demands(c *Change) bool {
	return r.Always || slices.Contains(r.Outcomes, c.Outcome) || r.Caused && c.CausedIncidents > 0
}

// Model is how changes of one sort are made: data that a host can keep, and add to the shipped ones
// ([StandardModels]).
type Model struct {
	Name  ModelName `json:"name"`
	Title string    `json:"title,omitempty"`
	Type  Type      `json:"type"`
	// Plans are required to submit.
	Plans []Plan `json:"plans,omitempty"`
	// Window says whether a planned window is required; empty is [WindowRequired].
	Window WindowRule `json:"window,omitempty"`
	// CIsRequired requires a configuration item, Justified a justification or a record that it is made for.
	CIsRequired bool `json:"cis_required,omitempty"`
	Justified   bool `json:"justified,omitempty"`
	// Assessments are the names of those that are made before it is authorised; of a normal change alone.
	Assessments []string `json:"assessments,omitempty"`
	// Gates is the approval policy. It speaks of the columns of changes, of "fields.<name>" and of the facts of the
	// [Options]. A standard change has none: its template was approved.
	Gates approval.Policy `json:"gates,omitzero"`
	// Rework says what an edit outside the authorised envelope does.
	Rework Rework `json:"rework,omitempty"`
	// Review says when the text of a review is demanded.
	Review ReviewRule `json:"review,omitzero"`
	// Lifecycle is the table that it follows; nil is StandardLifecycle of its type.
	Lifecycle *Lifecycle `json:"-"`
}

func (m *Model) requires(p Plan) bool { return slices.Contains(m.Plans, p) }

// GroupCAB is the group that the shipped policy asks about a change of high risk: the change advisory board.
const GroupCAB = "cab"

func byRisk(name string, l risk.Level, r approval.Rule) approval.Rule {
	r.Name = name
	r.When = storage.Condition{Op: storage.Equal, Column: ByRisk.Spec().Name, Values: []any{int64(l)}}
	return r
}

func authority(title string) approval.Definition {
	return approval.Definition{
		Name: "authority", Title: title, Quorum: approval.Threshold{Kind: approval.ThresholdFirst},
		Approvers: []approval.Source{{Kind: approval.SourceRole, Name: string(itsm.RoleChangeAuthority)}},
	}
}

// StandardModels gives the models that are shipped, a fresh copy each time: a host takes them as they are, or changes
// and extends them before it gives them to [New].
func StandardModels() []Model {
	everything := []Plan{PlanRollout, PlanTest, PlanBackout}
	demanded := []Outcome{OutcomeWithIssues, OutcomeBackedOut, OutcomeFailed}
	return []Model{
		{
			Name: ModelStandard, Title: "Standard change", Type: TypeStandard, Plans: []Plan{PlanRollout, PlanBackout},
			Rework: ReworkDraft, Review: ReviewRule{Outcomes: []Outcome{OutcomeBackedOut, OutcomeFailed}},
		},
		{
			Name: ModelNormal, Title: "Normal change", Type: TypeNormal, Plans: everything, CIsRequired: true,
			Assessments: []string{"technical"}, Review: ReviewRule{Outcomes: demanded, Caused: true},
			Gates: approval.Policy{Name: "normal change", Rules: []approval.Rule{
				byRisk("low risk", risk.LevelLow, approval.Rule{Automatic: true}),
				byRisk("medium risk", risk.LevelMedium, approval.Rule{Gates: []approval.Definition{authority("Change authority")}}),
				byRisk("high risk", risk.LevelHigh, approval.Rule{Gates: []approval.Definition{{
					Name: "cab", Title: "Change advisory board", Quorum: approval.Threshold{Kind: approval.ThresholdPercent, Percent: 51},
					Approvers: []approval.Source{{Kind: approval.SourceGroup, Name: GroupCAB}},
				}}}),
			}},
		},
		{
			Name: ModelEmergency, Title: "Emergency change", Type: TypeEmergency, Plans: []Plan{PlanRollout, PlanBackout},
			Window: WindowOptional, Justified: true, Review: ReviewRule{Always: true},
			Gates: approval.Policy{Name: "emergency change", Rules: []approval.Rule{
				{Name: "every emergency", Gates: []approval.Definition{authority("Emergency change authority")}},
			}},
		},
		{
			Name: ModelRetrospective, Title: "Retrospective change", Type: TypeRetrospective, Window: WindowOptional,
			Review: ReviewRule{Always: true},
			Gates: approval.Policy{Name: "retrospective change", Rules: []approval.Rule{
				{Name: "every retrospective change", Gates: []approval.Definition{authority("Change authority")}},
			}},
		},
	}
}

// MaxModels and MaxAssessments bound what a host may define.
const (
	MaxModels      = 100
	MaxAssessments = 20
)

// normalized gives the model with what stands for its zero values, and notes what is wrong with it. vocabulary is what
// its policy can speak of.
func (m Model) normalized(at string, vocabulary approval.Vocabulary, f *itsm.Faults) Model {
	f.Text(at+".name", string(m.Name), 100, true)
	f.Text(at+".title", m.Title, storage.MaxText, false)
	m.Title = orElse(m.Title, string(m.Name))
	if !slices.Contains(Types(), m.Type) {
		f.Addf(at+".type", "is %.64q; allowed are %s", m.Type, list(Types()))
		return m
	}
	m.Plans = slices.Clone(m.Plans)
	for i, p := range m.Plans {
		if !slices.Contains([]Plan{PlanRollout, PlanTest, PlanBackout}, p) {
			f.Addf(fmt.Sprintf("%s.plans[%d]", at, i), "is %.64q; allowed are rollout, test and backout", p)
		}
	}
	m.Window = orElse(m.Window, WindowRequired)
	if m.Window != WindowRequired && m.Window != WindowOptional {
		f.Addf(at+".window", "is %.64q; allowed are required and optional", m.Window)
	}
	m.Assessments = slices.Clone(m.Assessments)
	for i, name := range m.Assessments {
		f.Text(fmt.Sprintf("%s.assessments[%d]", at, i), name, 100, true)
		if slices.Contains(m.Assessments[:i], name) {
			f.Addf(at+".assessments", "have %q twice", name)
		}
	}
	if len(m.Assessments) > MaxAssessments {
		f.Addf(at+".assessments", "are %d; at most %d are allowed", len(m.Assessments), MaxAssessments)
	}
	if len(m.Assessments) > 0 && m.Type != TypeNormal {
		f.Addf(at+".assessments", "are of normal changes alone: those of the type %s are not assessed", m.Type)
	}
	if m.Rework == "" {
		m.Rework = ReworkGates
		if m.Type == TypeStandard {
			m.Rework = ReworkDraft
		}
	}
	if m.Rework != ReworkGates && m.Rework != ReworkDraft {
		f.Addf(at+".rework", "is %.64q; allowed are gates and draft", m.Rework)
	}
	for i, o := range m.Review.Outcomes {
		if !slices.Contains(Outcomes(), o) {
			f.Addf(fmt.Sprintf("%s.review.outcomes[%d]", at, i), "is %.64q; allowed are %s", o, list(Outcomes()))
		}
	}
	if m.Type == TypeStandard {
		if len(m.Gates.Rules) > 0 {
			f.Add(at+".gates", "must be empty: a standard change is authorised by its template")
		}
		if m.Rework == ReworkGates {
			f.Add(at+".rework", "must be draft: a standard change has no gates to open again")
		}
	} else {
		f.Merge(at+".gates", m.Gates.Check(vocabulary))
	}
	if m.Lifecycle == nil {
		m.Lifecycle = StandardLifecycle(m.Type)
	}
	m.checkLifecycle(at+".lifecycle", f)
	return m
}

// checkLifecycle notes a table that could not keep what is promised of every change.
func (m *Model) checkLifecycle(at string, f *itsm.Faults) {
	l := m.Lifecycle
	if len(l.States()) == 0 {
		f.Add(at, "has no states; make it by itsm.NewLifecycle or from StandardLifecycle")
		return
	}
	if l.Kind() != Kind {
		f.Addf(at, "is of the kind %q; it must be of the kind %q", l.Kind(), Kind)
	}
	for _, s := range l.States() {
		f.Text(at+".states", string(s.Name), storage.MaxText, true)
	}
	want := StateDraft
	if m.Type == TypeRetrospective {
		want = StateAuthorising
	}
	if i := l.Initial(); len(i) != 1 || i[0] != want {
		f.Addf(at, "must begin in %s alone", want)
	}
	own := StandardLifecycle(m.Type)
	for _, r := range l.Rules() {
		to, _ := l.Category(r.To)
		switch {
		case r.To == StateImplementing && r.On != ActionStart:
			f.Addf(at, "leads to %s by %s; only %s may, which asks whether it is authorised", r.To, r.On, ActionStart)
		case r.On == ActionStart && r.To != StateImplementing:
			f.Addf(at, "has %s lead to %s; it must lead to %s", r.On, r.To, StateImplementing)
		case r.On == ActionAuthorise && !r.System:
			f.Addf(at, "lets people take %s, which is the system's", r.On)
		case to == itsm.CategoryWaiting:
			f.Addf(at, "has %s, which waits; waiting is a flag beside the state: Hold", r.To)
		case !isOwn(own, r.On) && (r.To == StateScheduled || r.To == StateReview):
			f.Addf(at, "leads to %s by %s; only the library's own actions may", r.To, r.On)
		}
	}
}

func isOwn(l *Lifecycle, a Action) bool {
	return slices.ContainsFunc(l.Rules(), func(r Rule) bool { return r.On == a })
}

// missingAssessments names those of the model that were not made.
func (c *Change) missingAssessments(m *Model) []string {
	var missing []string
	for _, name := range m.Assessments {
		if !slices.ContainsFunc(c.Assessments, func(a Assessment) bool { return a.Name == name }) {
			missing = append(missing, name)
		}
	}
	return missing
}

// UnknownModelError says that a change follows a model that the host no longer has. It is ErrInvalid.
type UnknownModelError struct {
	ID    itsm.ID
	Model ModelName
}

func (e *UnknownModelError) Error() string {
	return fmt.Sprintf("change %s follows the model %q, which there is not any more", e.ID, e.Model)
}

// Is makes every UnknownModelError ErrInvalid.
func (e *UnknownModelError) Is(target error) bool { return target == itsm.ErrInvalid }
