// This file holds the commands on templates, and their reading.

package incident

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The actions of the events of templates.
const (
	actionDefine     = "define"
	actionRevise     = "revise"
	actionReplace    = "replace"
	actionActivate   = "activate"
	actionDeactivate = "deactivate"
)

// TemplateDraft asks for a new template.
type TemplateDraft struct {
	itsm.Command
	// Name is not that of another template of the tenant. Title is required.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Inactive keeps it from being used until it is activated.
	Inactive bool          `json:"inactive,omitempty"`
	Rules    TemplateRules `json:"rules"`
}

// TemplateRevision asks for the next version of a template.
type TemplateRevision struct {
	itsm.Command
	Title string        `json:"title"`
	Rules TemplateRules `json:"rules"`
}

// DefineTemplate makes a template in its first version. It asks for [PermissionDefineTemplate]. One
// that names unknown fields, has rules that contradict each other or values that Log would refuse is
// ErrInvalid with every fault.
func (p *Practice) DefineTemplate(ctx context.Context, actor itsm.Actor, r TemplateDraft) (Template, error) {
	call := engine.Call{Name: KindTemplate + "." + actionDefine, Actor: actor, Command: r.Command, Request: r}
	return p.templateCommand(ctx, call, func(ctx context.Context, u *engine.Unit) (Template, error) {
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Text("name", r.Name, storage.MaxText, true)
		if f.Text("title", r.Title, storage.MaxText, true); r.Name != "" && storage.CheckKey(r.Name) != "" {
			f.Add("name", storage.CheckKey(r.Name))
		}
		var rules itsm.Faults
		p.checkTemplate(&rules, &r.Rules, u.Now())
		f.Merge("rules", rules.Err(KindTemplate))
		if storage.CheckKey(r.Name) == "" {
			if err := u.Lock(ctx, KindTemplate+"/"+r.Name); err != nil {
				return Template{}, err
			}
			switch _, err := currentTemplate(ctx, u, r.Name); {
			case err == nil:
				f.Add("name", "is that of a template already; revise it")
			case !errors.Is(err, itsm.ErrNotFound):
				return Template{}, err
			}
		}
		if err := f.Err(KindTemplate); err != nil {
			return Template{}, err
		}
		t := Template{TemplateHead: TemplateHead{Name: r.Name, Number: 1, Title: r.Title, Active: !r.Inactive}}
		return t, p.putVersion(ctx, u, &t, r.Rules, actionDefine, "")
	})
}

// ReviseTemplate makes the next version of a template of whose current version the id is given, and
// gives the new one. The old one stays as it was, and is not used any more. Where its successor was
// made already it is ErrTransition. It asks for and checks what DefineTemplate does.
func (p *Practice) ReviseTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r TemplateRevision) (Template, error) {
	call := engine.Call{Name: KindTemplate + "." + actionRevise, Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.templateCommand(ctx, call, func(ctx context.Context, u *engine.Unit) (Template, error) {
		was, err := lockedTemplate(ctx, u, id)
		if err != nil {
			return Template{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Text("title", r.Title, storage.MaxText, true)
		var rules itsm.Faults
		p.checkTemplate(&rules, &r.Rules, u.Now())
		f.Merge("rules", rules.Err(KindTemplate))
		if err := f.Err(KindTemplate); err != nil {
			return Template{}, err
		}
		if err := was.mustBeCurrent(actionRevise); err != nil {
			return Template{}, err
		}
		next := Template{TemplateHead: TemplateHead{Name: was.Name, Number: was.Number + 1, Title: r.Title, Active: was.Active}}
		next.ID = u.NewID()
		was.Current, was.Active = false, false
		if err := TemplateTable.Put(ctx, u, &was); err != nil {
			return Template{}, err
		}
		u.Emit(itsm.Event{Kind: KindTemplate, Record: was.ID, Action: actionReplace, Internal: true,
			Data: TemplateReplaced{Name: was.Name, Number: was.Number, By: next.ID}})
		return next, p.putVersion(ctx, u, &next, r.Rules, actionRevise, was.ID)
	})
}

// ActivateTemplate lets incidents be logged by the current version of a template. One that is active
// already stays as it is. Its rules are checked again: the host's fields may have changed since.
func (p *Practice) ActivateTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Template, error) {
	return p.switchTemplate(ctx, actor, id, r, actionActivate, true)
}

// DeactivateTemplate keeps incidents from being logged by a template.
func (p *Practice) DeactivateTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Template, error) {
	return p.switchTemplate(ctx, actor, id, r, actionDeactivate, false)
}

func (p *Practice) switchTemplate(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command, action string, active bool) (Template, error) {
	call := engine.Call{Name: KindTemplate + "." + action, Actor: actor, Command: r, Target: id, Request: r}
	return p.templateCommand(ctx, call, func(ctx context.Context, u *engine.Unit) (Template, error) {
		t, err := lockedTemplate(ctx, u, id)
		if err != nil {
			return Template{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		if active {
			p.checkTemplate(&f, &t.TemplateRules, u.Now())
		}
		if err := f.Err(KindTemplate); err != nil {
			return Template{}, err
		}
		if err := t.mustBeCurrent(action); err != nil || t.Active == active {
			return t, err
		}
		t.Active = active
		if err := TemplateTable.Put(ctx, u, &t); err != nil {
			return Template{}, err
		}
		var told itsm.Payload = TemplateDeactivated{Name: t.Name, Number: t.Number}
		if active {
			told = TemplateActivated{Name: t.Name, Number: t.Number}
		}
		u.Emit(itsm.Event{Kind: KindTemplate, Record: t.ID, Action: action, Internal: true, Data: told})
		return t, nil
	})
}

// putVersion puts a new version, with for whom it is.
func (p *Practice) putVersion(ctx context.Context, u *engine.Unit, t *Template, rules TemplateRules, action string, replaces itsm.ID) error {
	t.ID = orElse(t.ID, u.NewID())
	t.Current, t.Everyone = true, len(rules.Groups)+len(rules.Roles) == 0
	t.TemplateRules, t.By = rules, u.Actor().ID
	if err := TemplateTable.Put(ctx, u, t); err != nil {
		return err
	}
	for _, who := range whoOf(rules.Groups, rules.Roles) {
		a := audience{audienceHead: audienceHead{Template: t.ID, Who: who}}
		a.ID, a.Created, a.Updated = u.NewID(), u.Now(), u.Now()
		if err := audienceTable.Put(ctx, u.Quiet(), &a); err != nil {
			return err
		}
	}
	u.Emit(itsm.Event{Kind: KindTemplate, Record: t.ID, Action: action, Internal: true,
		Data: TemplateDefined{Name: t.Name, Number: t.Number, Replaces: replaces}})
	return nil
}

func (t *Template) mustBeCurrent(action string) error {
	if t.Current {
		return nil
	}
	return &itsm.TransitionError{Kind: KindTemplate, ID: t.ID, State: "replaced", Action: action, Reason: "there is a newer version of it"}
}

// templateCommand runs a command for which PermissionDefineTemplate is needed.
func (p *Practice) templateCommand(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit) (Template, error)) (Template, error) {
	allowed := func(ctx context.Context, u *engine.Unit) error {
		return u.Authorize(ctx, PermissionDefineTemplate, templateSubject(call.Target))
	}
	return engine.Execute(ctx, p.e, TemplateTable, call, func(ctx context.Context, u *engine.Unit) (Template, error) {
		if err := allowed(ctx, u); err != nil {
			return Template{}, err
		}
		return fn(ctx, u)
	}, func(ctx context.Context, u *engine.Unit, t Template, again bool) (Template, error) {
		if !again {
			return t, nil
		}
		return t, allowed(ctx, u) // who may no longer define does not learn it by an old key
	})
}

// lockedTemplate reads a version when no other command changes those of its template.
func lockedTemplate(ctx context.Context, u *engine.Unit, id itsm.ID) (Template, error) {
	t, err := TemplateTable.Get(ctx, u, id)
	if err != nil {
		return Template{}, err
	}
	if err := u.Lock(ctx, KindTemplate+"/"+t.Name); err != nil {
		return Template{}, err
	}
	return TemplateTable.Get(ctx, u, id)
}

// currentTemplate gives the current version of a template; ErrNotFound where there is none.
func currentTemplate(ctx context.Context, r storage.Reader, name string) (Template, error) {
	return oneTemplate(ctx, r, name, TemplateByCurrent.Is(true))
}

func oneTemplate(ctx context.Context, r storage.Reader, name string, where storage.Filter[TemplateHead]) (Template, error) {
	none := &storage.Error{Op: "get", Table: KindTemplate, Err: storage.ErrNotFound}
	if storage.CheckKey(name) != "" {
		return Template{}, none
	}
	page, err := TemplateTable.Records(ctx, r, storage.Query[TemplateHead]{Where: storage.AllOf(TemplateByName.Is(name), where), Limit: 1})
	if err != nil {
		return Template{}, err
	}
	if len(page.Items) == 0 {
		return Template{}, none
	}
	return page.Items[0], nil
}

// Template gives a version of a template: with Number 0 the current one. Who may neither read nor define
// all templates gets the current version of one that is active and for them, without what it hides from
// them and without whom else it is for; any other is ErrNotFound.
func (p *Practice) Template(ctx context.Context, actor itsm.Actor, ref TemplateRef) (Template, error) {
	var out Template
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		all, err := p.readsTemplates(ctx, actor)
		if err != nil {
			return err
		}
		where := TemplateByCurrent.Is(true)
		if ref.Number != 0 {
			where = TemplateByNumber.Is(ref.Number)
		}
		t, err := oneTemplate(ctx, r, ref.Name, where)
		if err != nil {
			return err
		}
		if !all && !(t.Active && t.isFor(actor)) {
			return &storage.Error{Op: "get", Table: KindTemplate, Err: storage.ErrNotFound}
		}
		if out = t; !all {
			internal, err := p.allows(ctx, actor, PermissionReadInternal, &Incident{})
			if err != nil {
				return err
			}
			out = p.templateFor(t, internal)
		}
		return nil
	})
	return out, err
}

// templateFor is a template as those may see it who only log by it, and may or may not read what is
// internal to incidents.
func (p *Practice) templateFor(t Template, internal bool) Template {
	t.Groups, t.Roles, t.By = nil, nil, ""
	if internal {
		return t
	}
	hidden := t.Hidden
	withheld := func(name string) bool { return slices.Contains(hidden, name) || p.isInternalField(name) }
	for _, field := range templateFields {
		if field.clear != nil && withheld(field.name) {
			field.clear(&t.Values)
		}
	}
	t.Values.Fields = maps.Clone(t.Values.Fields)
	maps.DeleteFunc(t.Values.Fields, func(name string, _ json.RawMessage) bool { return withheld(fieldsPrefix + name) })
	t.Values.Columns = maps.Clone(t.Values.Columns)
	maps.DeleteFunc(t.Values.Columns, func(name string, _ any) bool { return withheld(columnsPrefix + name) })
	public := func(names []string) []string { return slices.DeleteFunc(slices.Clone(names), p.isInternalField) }
	t.Mandatory, t.Hidden, t.ReadOnly = public(t.Mandatory), public(t.Hidden), public(t.ReadOnly)
	return t
}

// Templates gives a page of the current versions of templates, without an order by their titles: all to
// those who may read or define all, and to others who may log incidents those that are active and for
// them. To find the versions of one, who may read all filters by [TemplateByName] in [Practice.TemplateVersions].
func (p *Practice) Templates(ctx context.Context, actor itsm.Actor, q storage.Query[TemplateHead]) (storage.Page[TemplateHead], error) {
	var page storage.Page[TemplateHead]
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		all, err := p.readsTemplates(ctx, actor)
		if err != nil {
			return err
		}
		where := TemplateByCurrent.Is(true)
		if !all {
			// The roles of an actor are few, its groups may be many: both are asked for by the index.
			var mine []storage.Filter[TemplateHead]
			mine = append(mine, TemplateByEveryone.Is(true))
			if who := whoOf(actor.InGroups(), actor.Roles); len(who) > 0 {
				mine = append(mine, storage.NamedBy[TemplateHead](audienceTable, audienceByTemplate, audienceByWho.In(who...)))
			}
			if actor.System {
				mine = nil
			}
			where = TemplateByActive.Is(true)
			if len(mine) > 0 {
				where = storage.AllOf(where, storage.AnyOf(mine...))
			}
		}
		q.Where = storage.AllOf(where, q.Where)
		if len(q.Order) == 0 {
			q.Order = []storage.Order{TemplateByTitle.Asc()}
		}
		page, err = TemplateTable.List(ctx, r, q)
		return err
	})
	return page, err
}

// TemplateVersions gives a page of the versions of a template, the newest first, to those who may read
// or define all templates.
func (p *Practice) TemplateVersions(ctx context.Context, actor itsm.Actor, name string, after storage.Cursor, limit int) (storage.Page[TemplateHead], error) {
	var page storage.Page[TemplateHead]
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		all, err := p.readsTemplates(ctx, actor)
		if err != nil {
			return err
		}
		if !all {
			return p.e.Authorizer().Authorize(ctx, actor, PermissionReadTemplate, templateSubject(""))
		}
		page, err = TemplateTable.List(ctx, r, storage.Query[TemplateHead]{
			Where: TemplateByName.Is(name), Order: []storage.Order{TemplateByNumber.Desc()}, After: after, Limit: limit,
		})
		return err
	})
	return page, err
}

// readsTemplates says whether the actor may read all templates. Who may not even log incidents is
// refused.
func (p *Practice) readsTemplates(ctx context.Context, actor itsm.Actor) (bool, error) {
	authorizer := p.e.Authorizer()
	for _, permission := range []itsm.Permission{PermissionReadTemplate, PermissionDefineTemplate} {
		err := authorizer.Authorize(ctx, actor, permission, templateSubject(""))
		if err == nil || !isForbidden(err) {
			return err == nil, err
		}
	}
	return false, authorizer.Authorize(ctx, actor, PermissionLog, nil)
}
