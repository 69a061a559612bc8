// This file holds templates of standard changes: versioned, approved, suspended when they fail, and reinstated.

package change

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// KindTemplate is the kind of record that a version of a template is, and KindTemplateState that of whether the template may be used.
const (
	KindTemplate      = "change_template"
	KindTemplateState = "change_template_state"
)

// The permissions for templates. They are asked for on all templates of the tenant: a grant in a narrower scope gives
// nothing.
const (
	PermissionReadTemplate      itsm.Permission = "change_template.read"
	PermissionDefineTemplate    itsm.Permission = "change_template.define"
	PermissionApproveTemplate   itsm.Permission = "change_template.approve"
	PermissionSuspendTemplate   itsm.Permission = "change_template.suspend"
	PermissionReinstateTemplate itsm.Permission = "change_template.reinstate"
)

// Template is what standard changes of one sort are made by: one version of it. A change of it gets what it has, and keeps
// the plans.
type Template struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// Model is of the type standard; empty is [ModelStandard].
	Model    ModelName `json:"model,omitempty"`
	Plans    Plans     `json:"plans"`
	Category string    `json:"category,omitempty"`
	Service  itsm.ID   `json:"service,omitempty"`
	Group    itsm.ID   `json:"group,omitempty"`
	// RiskAnswers are by the factors of the risk model that have choices.
	RiskAnswers map[string]string `json:"risk_answers,omitempty"`
	// Tasks are added to each change of it.
	Tasks      *task.Plan `json:"tasks,omitempty"`
	Deployment bool       `json:"deployment,omitempty"`
}

// VersionKind makes templates what package versioned keeps.
func (Template) VersionKind() string { return KindTemplate }

// Clone gives a copy that shares nothing.
func (t Template) Clone() Template {
	t.RiskAnswers = maps.Clone(t.RiskAnswers)
	if t.Tasks != nil {
		plan := *t.Tasks
		plan.Tasks, plan.Edges = slices.Clone(plan.Tasks), slices.Clone(plan.Edges)
		for i := range plan.Edges {
			plan.Edges[i].When = slices.Clone(plan.Edges[i].When)
		}
		t.Tasks = &plan
	}
	return t
}

// TemplateTable is the table of versions. The family of one is the template's name.
var TemplateTable = versioned.Define[Template]()

// What package versioned keeps of templates.
type (
	// Version is one version of a template.
	Version = versioned.Version[Template]
	// TemplateHead is what versions are listed by.
	TemplateHead = versioned.Head
	// TemplateDraft is a request for a new version; its family is the template's name.
	TemplateDraft = versioned.Draft[Template]
	// TemplateRevision is a request to change a draft.
	TemplateRevision = versioned.Revision[Template]
)

// TemplateVersion is a version of a template that a change was drafted from.
type TemplateVersion struct {
	ID     itsm.ID `json:"id,omitempty"`
	Number int64   `json:"number,omitempty"`
}

// TemplateState says whether a template may be used.
type TemplateState struct {
	TemplateStateHead
	TemplateStateBody
}

// TemplateStateHead is what templates' states are listed by.
type TemplateStateHead struct {
	storage.Meta
	// Template is the family of the template.
	Template  string `json:"template"`
	Suspended bool   `json:"suspended"`
	// Since is when it was last suspended or reinstated, in microseconds since 1970 UTC. Failures before it was reinstated do
	// not count again.
	Since int64 `json:"since"`
}

// TemplateStateBody is the rest.
type TemplateStateBody struct {
	Reason string  `json:"reason,omitempty"`
	By     itsm.ID `json:"by,omitempty"`
	// Because is the change with which the threshold was reached, where it was suspended by itself.
	Because itsm.ID `json:"because,omitempty"`
	// Suspensions counts.
	Suspensions int64 `json:"suspensions,omitempty"`
}

var (
	templateByName      = storage.Col("template", func(h *TemplateStateHead) *string { return &h.Template })
	templateBySuspended = storage.BoolCol("suspended", func(h *TemplateStateHead) *bool { return &h.Suspended })
	templateBySince     = storage.Col("since", func(h *TemplateStateHead) *int64 { return &h.Since })
)

var templateStateTable = storage.Define(KindTemplateState, storage.Def[TemplateState, TemplateStateHead, TemplateStateBody]{
	Parts: func(s *TemplateState) (*TemplateStateHead, *TemplateStateBody) {
		return &s.TemplateStateHead, &s.TemplateStateBody
	},
	Columns: []storage.ColumnOf[TemplateStateHead]{templateByName, templateBySuspended, templateBySince},
	Indexes: []storage.Index{storage.IndexOn(templateBySuspended.Asc())},
})

// TemplatePolicy says when a template is suspended by itself. The zero value is the standard: when a change of it caused an
// incident of priority 1 or 2, or three failed within 90 days.
type TemplatePolicy struct {
	// Failures is how many changes that were backed out or failed suspend it, Within how far back they count. 0 is 3 and 90 days;
	// negative failures never do.
	Failures int           `json:"failures,omitempty"`
	Within   time.Duration `json:"within,omitempty"`
	// KeepAfterMajor keeps a template that caused an incident of priority 1 or 2.
	KeepAfterMajor bool `json:"keep_after_major,omitempty"`
}

func (p TemplatePolicy) withDefaults(f *itsm.Faults) TemplatePolicy {
	p.Failures = orElse(p.Failures, 3)
	p.Within = orElse(p.Within, 90*24*time.Hour)
	if p.Within < 0 {
		f.Add("templates.within", "must not be negative")
	}
	return p
}

// keepTemplates gives the keeper of their versions.
func (p *Practice) keepTemplates() *versioned.Keeper[Template] {
	return p.keeper(PermissionDefineTemplate)
}

func (p *Practice) keeper(manage itsm.Permission) *versioned.Keeper[Template] {
	return versioned.New(p.e, TemplateTable, PermissionReadTemplate, manage, versioned.Options[Template]{
		Family: func(name string, f *itsm.Faults) { f.Key("family", name) },
		Check: func(_ context.Context, _ *engine.Unit, _ string, _ versioned.Stack, t Template, f *itsm.Faults) {
			p.checkTemplate(&t, f)
		},
	})
}

// checkTemplate notes what is wrong with a template.
func (p *Practice) checkTemplate(t *Template, f *itsm.Faults) {
	w := &work{Case: &Case{}, p: p}
	w.Model = orElse(t.Model, ModelStandard)
	w.follow(w.Model, "model")
	if w.faults.Empty() && w.Type != TypeStandard {
		w.faults.Addf("model", "is of the type %s; it must be of the type %s", w.Type, TypeStandard)
	}
	w.Title, w.Description, w.Plans, w.Category, w.Service, w.Group = t.Title, t.Description, t.Plans, t.Category, t.Service, t.Group
	w.RiskAnswers, w.Requester = t.RiskAnswers, "nobody"
	_ = w.checkWords(context.Background()) // without records that it is for there is nothing to ask
	for _, plan := range []struct {
		name Plan
		text string
	}{{PlanRollout, t.Plans.Rollout}, {PlanTest, t.Plans.Test}, {PlanBackout, t.Plans.Backout}} {
		if w.Follows.requires(plan.name) && blank(plan.text) {
			w.fault("plans."+string(plan.name), "is required by the model")
		}
	}
	if t.Tasks != nil {
		if p.tasks == nil {
			w.faults.Add("tasks", "cannot be kept: the practice has none")
		}
		w.faults.Merge("tasks", t.Tasks.Validate())
	}
	f.Merge("", w.faults.Err(KindTemplate))
}

// DraftTemplate makes a new version of a template, which nobody uses until it is approved. It asks for
// "change_template.define".
func (p *Practice) DraftTemplate(ctx context.Context, actor itsm.Actor, r TemplateDraft) (Version, error) {
	return p.templates.Draft(ctx, actor, r)
}

// ReviseTemplate replaces a draft. A version that is or was approved is not changed any more.
func (p *Practice) ReviseTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r TemplateRevision) (Version, error) {
	return p.templates.Revise(ctx, actor, id, r)
}

// ApproveTemplate makes a version the one that standard changes are drafted from, in place of the one before. It asks for
// "change_template.approve". Nobody who has drafted or revised it, first or last, approves it, unless the Exemption of the [Options] lets them: then
// its name is kept as the reason.
func (p *Practice) ApproveTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version, error) {
	var v Version
	err := p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		subject := &itsm.Subject{Kind: KindTemplate, ID: id}
		if err := u.Authorize(ctx, PermissionApproveTemplate, subject); err != nil {
			return err
		}
		draft, err := TemplateTable.Get(ctx, u, id)
		if err != nil {
			return err
		}
		c := r
		if draft.IsAuthor(actor.ID) && !actor.System {
			if p.o.Exemption == nil {
				return &itsm.TransitionError{Kind: KindTemplate, ID: id, State: string(draft.State), Action: "approve", Reason: "who drafted or revised it does not approve it"}
			}
			c.Reason = clip(fmt.Sprintf("by the exemption %q. %s", p.o.Exemption.Name, r.Reason), itsm.MaxReason)
		}
		v, err = p.keeper(PermissionApproveTemplate).In(u.Store()).Activate(ctx, actor, id, c)
		return err
	})
	return v, err
}

// RetireTemplate has a template not be used any more. It asks for "change_template.approve".
func (p *Practice) RetireTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Version, error) {
	return p.keeper(PermissionApproveTemplate).In(p.e.Store()).Retire(ctx, actor, id, r)
}

// TemplateVersion gives a version of a template, TemplateVersions a page of them in the order asked for, and TemplateHistory who
// did what to one.
func (p *Practice) TemplateVersion(ctx context.Context, actor itsm.Actor, id itsm.ID) (Version, error) {
	return p.templates.Version(ctx, actor, id)
}

// TemplateVersions gives a page of versions.
func (p *Practice) TemplateVersions(ctx context.Context, actor itsm.Actor, q storage.Query[TemplateHead]) (storage.Page[TemplateHead], error) {
	return p.templates.Versions(ctx, actor, q)
}

// TemplateHistory gives the events of a version, oldest first.
func (p *Practice) TemplateHistory(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	return p.templates.VersionHistory(ctx, actor, id)
}

// ActiveTemplate gives the version of a template that changes are drafted from, and whether it may be used. One that has none is
// ErrNotFound. It asks for "change_template.read".
func (p *Practice) ActiveTemplate(ctx context.Context, actor itsm.Actor, name string) (v Version, s TemplateState, err error) {
	err = p.templates.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		active, err := p.activeTemplate(ctx, r, name)
		if err != nil {
			return err
		}
		if active == nil {
			return &storage.Error{Op: "get", Table: KindTemplate, ID: itsm.ID(name), Err: storage.ErrNotFound}
		}
		v = *active
		s, err = templateState(ctx, r, name)
		return err
	})
	return v, s, err
}

func (p *Practice) activeTemplate(ctx context.Context, r storage.Reader, name string) (*Version, error) {
	active, err := versioned.ReadActive(ctx, r, TemplateTable, name)
	if err != nil {
		return nil, err
	}
	if active.Own != nil {
		return active.Own, nil
	}
	return active.Base, nil
}

func templateStateID(name string) itsm.ID { return itsm.ID(digest.Of(name)) }

// templateState gives whether a template may be used, which is so where nobody said otherwise.
func templateState(ctx context.Context, r storage.Reader, name string) (TemplateState, error) {
	s, err := templateStateTable.Get(ctx, r, templateStateID(name))
	if isNotFound(err) {
		s = TemplateState{TemplateStateHead: TemplateStateHead{Template: name}}
		s.ID, err = templateStateID(name), nil
	}
	return s, err
}

// SuspendedTemplates gives a page of the templates that are suspended. It asks for "change_template.read".
func (p *Practice) SuspendedTemplates(ctx context.Context, actor itsm.Actor, limit int, after storage.Cursor) (page storage.Page[TemplateStateHead], err error) {
	err = p.templates.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = templateStateTable.List(ctx, r, storage.Query[TemplateStateHead]{Where: templateBySuspended.Is(true), Limit: limit, After: after})
		return err
	})
	return page, err
}

// SuspendTemplate has a template not be used, until it is reinstated: no change is drafted from it, submitted or started. The
// Reason of the command is required. It asks for "change_template.suspend".
func (p *Practice) SuspendTemplate(ctx context.Context, actor itsm.Actor, name string, r itsm.Command) (TemplateState, error) {
	return p.setTemplate(ctx, actor, "suspend", name, PermissionSuspendTemplate, r, true)
}

// ReinstateTemplate lets a suspended template be used again. What failed before does not count again. The Reason of the
// command is required. It asks for "change_template.reinstate".
func (p *Practice) ReinstateTemplate(ctx context.Context, actor itsm.Actor, name string, r itsm.Command) (TemplateState, error) {
	return p.setTemplate(ctx, actor, "reinstate", name, PermissionReinstateTemplate, r, false)
}

func (p *Practice) setTemplate(ctx context.Context, actor itsm.Actor, action, name string, permission itsm.Permission, r itsm.Command, suspend bool) (TemplateState, error) {
	call := engine.Call{Name: KindTemplate + "." + action, Actor: actor, Command: r, Target: templateStateID(name), Request: r}
	return engine.Execute(ctx, p.e, templateStateTable, call, func(ctx context.Context, u *engine.Unit) (TemplateState, error) {
		if err := u.Authorize(ctx, permission, &itsm.Subject{Kind: KindTemplate, ID: call.Target}); err != nil {
			return TemplateState{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Key("template", name)
		f.Text("reason", r.Reason, itsm.MaxReason, true)
		if err := f.Err(KindTemplate); err != nil {
			return TemplateState{}, err
		}
		s, err := templateState(ctx, u, name)
		if err != nil {
			return TemplateState{}, err
		}
		if s.Version == 0 {
			active, err := p.activeTemplate(ctx, u, name)
			if err != nil {
				return TemplateState{}, err
			}
			if active == nil {
				return TemplateState{}, &storage.Error{Op: "get", Table: KindTemplate, ID: itsm.ID(name), Err: storage.ErrNotFound}
			}
		}
		if s.Suspended == suspend {
			e := &itsm.TransitionError{Kind: KindTemplate, ID: s.ID, State: "suspended", Action: action, Reason: "it is suspended already", Permitted: []string{"reinstate"}}
			if !suspend {
				e.State, e.Reason, e.Permitted = "usable", "it is not suspended", []string{"suspend"}
			}
			return TemplateState{}, e
		}
		return s, p.putTemplateState(ctx, u, &s, suspend, r.Reason, "", itsm.Actor{ID: actor.ID})
	}, nil)
}

// putTemplateState writes and tells that a template is suspended, or not any more.
func (p *Practice) putTemplateState(ctx context.Context, u *engine.Unit, s *TemplateState, suspend bool, reason string, because itsm.ID, by itsm.Actor) error {
	s.Suspended, s.Since, s.Reason, s.By, s.Because = suspend, u.Now().UnixMicro(), reason, by.ID, because
	e := itsm.Event{Kind: KindTemplateState, Record: s.ID, Action: "reinstate", Data: TemplateReinstated{Template: s.Template}}
	if suspend {
		s.Suspensions++
		e.Action, e.Data = "suspend", TemplateSuspended{Template: s.Template, Because: because}
	}
	if by.System {
		e.Actor, e.ActorName, e.System, e.Reason = by.ID, by.Name, true, reason
	}
	if err := templateStateTable.Put(ctx, u, s); err != nil {
		return err
	}
	u.Emit(e)
	return nil
}

// templateProblem says why the template of a change cannot be used, "" where it can. A version that another has replaced is as good
// as it was for what was submitted; a draft needs the one that is active.
func (p *Practice) templateProblem(ctx context.Context, r storage.Reader, c *Change) (string, error) {
	if c.Template == "" {
		return "a standard change is drafted from a template", nil
	}
	s, err := templateState(ctx, r, c.Template)
	if err != nil {
		return "", err
	}
	if s.Suspended {
		return "its template is suspended: " + s.Reason, nil
	}
	if c.Approved != nil {
		return "", nil
	}
	active, err := p.activeTemplate(ctx, r, c.Template)
	switch {
	case err != nil:
		return "", err
	case active == nil:
		return "its template is not used any more", nil
	case active.ID != c.TemplateVersion.ID:
		return fmt.Sprintf("its template has another version now, %d; draft it anew", active.Number), nil
	}
	return "", nil
}

// useTemplate gives a new change what its template has.
func (w *work) useTemplate(ctx context.Context, r Draft) error {
	standard := w.Type == TypeStandard
	switch {
	case r.Template == "" && standard:
		w.faults.Add("template", "is required: a standard change is drafted from one")
		return nil
	case r.Template == "":
		return nil
	case !standard:
		w.faults.Addf("template", "is of standard changes; the model %.64q is of the type %s", w.Model, w.Type)
		return nil
	}
	before := len(w.faults.List())
	if w.faults.Key("template", r.Template); len(w.faults.List()) > before {
		return nil
	}
	active, err := w.p.activeTemplate(ctx, w.r, r.Template)
	if err != nil {
		return err
	}
	if active == nil {
		w.faults.Add("template", "is not found, or has no version that is approved")
		return nil
	}
	s, err := templateState(ctx, w.r, r.Template)
	if err != nil {
		return err
	}
	if s.Suspended {
		w.faults.Addf("template", "is suspended: %s", s.Reason)
	}
	t := active.Set.Clone()
	if model := orElse(t.Model, ModelStandard); model != w.Model && r.Model != "" {
		w.faults.Addf("model", "is %.64q; that of the template is %s", r.Model, model)
	} else {
		w.follow(model, "template")
	}
	w.TemplateVersion = TemplateVersion{ID: active.ID, Number: active.Number}
	if r.Plans != (Plans{}) && r.Plans != t.Plans {
		w.faults.Add("plans", "are those of its template")
	}
	w.Plans = t.Plans
	w.Title, w.Description = orElse(w.Title, t.Title), orElse(w.Description, t.Description)
	w.Category, w.Service, w.Group = orElse(w.Category, t.Category), orElse(w.Service, t.Service), orElse(w.Group, t.Group)
	w.Deployment = w.Deployment || t.Deployment
	answers := t.RiskAnswers
	for name, answer := range w.RiskAnswers {
		if answers == nil {
			answers = map[string]string{}
		}
		answers[name] = answer
	}
	w.RiskAnswers = answers
	if t.Tasks != nil && w.p.tasks != nil {
		plan := *t.Tasks
		plan.Command = itsm.Command{}
		w.after = append(w.after, func(ctx context.Context) error {
			_, err := w.p.tasks.In(w.u.Store()).Add(ctx, w.u.System(Kind), w.Ref(), plan)
			return err
		})
	}
	return nil
}

// judgeTemplate suspends the template of a change when it has failed too often, or too badly.
func (w *work) judgeTemplate(ctx context.Context) error {
	if w.Template == "" || !w.Implemented && (w.CausedMajor == 0 || !w.begun()) { // what was never begun caused nothing
		return nil
	}
	s, err := templateState(ctx, w.u, w.Template)
	if err != nil || s.Suspended {
		return err
	}
	policy, reason := w.p.o.Templates, ""
	if w.CausedMajor > 0 && !policy.KeepAfterMajor && (!w.Implemented || w.ImplementedAt >= s.Since) {
		reason = fmt.Sprintf("%s caused an incident of priority 1 or 2", w.Number)
	}
	if reason == "" && policy.Failures > 0 {
		since := max(s.Since, w.now.Add(-policy.Within).UnixMicro())
		failed, err := w.p.table.Count(ctx, w.u, storage.AllOf(ByTemplate.Is(w.Template), ByImplemented.Is(true),
			ByImplementedAt.AtLeast(since), ByOutcome.In(OutcomeBackedOut, OutcomeFailed)))
		if err != nil {
			return err
		}
		if failed >= int64(policy.Failures) {
			reason = fmt.Sprintf("%d changes of it failed within %d days", failed, int(policy.Within/(24*time.Hour)))
		}
	}
	if reason == "" {
		return nil
	}
	return w.p.putTemplateState(ctx, w.u, &s, true, reason, w.ID, w.u.System(Kind))
}
