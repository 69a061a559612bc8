// This file holds the practice: how it is made, who may do what, and its commands and readings.

package view

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. An authorizer is told of a view its owner as requester, and the groups that it is
// shared with; one that is not shared with all is restricted.
const (
	// PermissionRead lets read and run views.
	PermissionRead itsm.Permission = "view.read"
	// PermissionSave lets save, revise and delete them: the own ones where it is granted on those.
	PermissionSave itsm.Permission = "view.save"
	// PermissionShare lets share an own view with groups in which one works.
	PermissionShare itsm.Permission = "view.share"
	// PermissionPublish lets share one with all, and with any group.
	PermissionPublish itsm.Permission = "view.publish"
)

// Options are what a host sets.
type Options struct {
	// Tables are those of the kinds that views can be of, with the host's own columns. At least one is
	// required.
	Tables []*storage.Schema
}

// Practice keeps views over an engine. It is safe for any number of goroutines.
type Practice struct {
	e      *engine.Engine
	tables map[string]*storage.Schema
}

// New makes the practice and registers it on the engine. It is ErrInvalid, with every fault, where an
// option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	p := &Practice{e: e, tables: map[string]*storage.Schema{}}
	if len(o.Tables) == 0 {
		f.Add("tables", "are required: without one there is nothing to view")
	}
	for i, s := range o.Tables {
		at := fmt.Sprintf("tables[%d]", i)
		switch {
		case s == nil:
			f.Add(at, "is required")
		case p.tables[s.Name()] != nil:
			f.Addf(at, "is a second one of %s", s.Name())
		default:
			p.tables[s.Name()] = s
		}
	}
	if err := f.Err("view options"); err != nil {
		return nil, err
	}
	return p, e.Use(engine.Module{
		Name: Kind, Tables: []*storage.Schema{Table.Schema(), shareTable.Schema(), pinsTable.Schema()}, Events: eventTypes(),
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), tables: p.tables}
}

func subject(v *View) *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: v.ID, Restricted: v.Sharing != SharedWithAll}
	if v.Owner != "" {
		s.Requesters = []itsm.ID{v.Owner}
	}
	if v.Sharing == SharedWithGroups {
		s.Groups = v.Groups
	}
	return s
}

func notFound(id itsm.ID) error {
	return &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
}

// find reads a view that the actor may read; any other is not found.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (View, error) {
	v, err := Table.Get(ctx, r, id)
	if err != nil {
		return View{}, err
	}
	err = p.e.Authorizer().Authorize(ctx, actor, PermissionRead, subject(&v))
	if errors.Is(err, itsm.ErrForbidden) {
		return View{}, notFound(id)
	}
	return v, err
}

// Draft is what a view is to be.
type Draft struct {
	itsm.Command
	Definition
	// Sharing says with whom it is shared; empty is [SharedWithNobody]. Groups are for
	// [SharedWithGroups].
	Sharing Sharing   `json:"sharing,omitempty"`
	Groups  []itsm.ID `json:"groups,omitempty"`
}

// Save makes a view, of which the actor is the owner. It asks for [PermissionSave], and to share it for
// [PermissionShare] or [PermissionPublish]. What cannot be is ErrInvalid with every fault: see
// [Definition.Check].
func (p *Practice) Save(ctx context.Context, actor itsm.Actor, d Draft) (View, error) {
	call := engine.Call{Name: "view.save", Actor: actor, Command: d.Command, Request: d}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (View, error) {
		v := View{Head: Head{Meta: storage.Meta{ID: u.NewID()}, Owner: actor.ID, Sharing: SharedWithNobody}}
		if err := u.Authorize(ctx, PermissionSave, subject(&v)); err != nil {
			return View{}, err
		}
		return v, p.set(ctx, u, call, &v, d, "save")
	})
}

// Revise changes a view. It stays of its kind and its owner's.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, d Draft) (View, error) {
	call := engine.Call{Name: "view.revise", Actor: actor, Command: d.Command, Target: id, Request: d}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (View, error) {
		v, err := p.find(ctx, u, actor, id)
		if err != nil {
			return View{}, err
		}
		if err := u.Authorize(ctx, PermissionSave, subject(&v)); err != nil {
			return View{}, err
		}
		return v, p.set(ctx, u, call, &v, d, "revise")
	})
}

// set makes a view what a draft says, and puts it.
func (p *Practice) set(ctx context.Context, u *engine.Unit, call engine.Call, v *View, d Draft, action string) error {
	if d.Sharing == "" {
		d.Sharing = SharedWithNobody
	}
	var f itsm.Faults
	f.Merge("", call.Validate())
	if v.RecordKind != "" && d.RecordKind != v.RecordKind {
		f.Addf("record_kind", "is %s and stays so", v.RecordKind)
	} else if s := p.tables[d.RecordKind]; s == nil {
		f.Addf("record_kind", "is %.64q; allowed are %s", d.RecordKind, strings.Join(slices.Sorted(maps.Keys(p.tables)), ", "))
	} else {
		f.Merge("", d.Definition.Check(s))
	}
	switch {
	case !slices.Contains([]Sharing{SharedWithNobody, SharedWithGroups, SharedWithAll}, d.Sharing):
		f.Addf("sharing", "is %.64q; allowed are nobody, groups and all", d.Sharing)
	case d.Sharing == SharedWithGroups && len(d.Groups) == 0:
		f.Add("groups", "are required to share it with groups")
	case d.Sharing != SharedWithGroups && len(d.Groups) > 0:
		f.Add("groups", "have a meaning only where it is shared with groups")
	case len(d.Groups) > MaxGroups:
		f.Addf("groups", "are %d; at most %d are allowed", len(d.Groups), MaxGroups)
	}
	for i, g := range d.Groups[:min(len(d.Groups), MaxGroups)] {
		at := fmt.Sprintf("groups[%d]", i)
		if f.Key(at, string(g)); slices.Contains(d.Groups[:i], g) {
			f.Addf(at, "is named twice")
		}
	}
	if err := f.Err(Kind); err != nil {
		return err
	}
	was := *v
	v.RecordKind, v.Title, v.Sharing, v.Groups = d.RecordKind, d.Title, d.Sharing, slices.Clone(d.Groups)
	v.Where, v.Order, v.Columns = d.Where, slices.Clone(d.Order), slices.Clone(d.Columns)
	if v.Sharing != was.Sharing || !slices.Equal(v.Groups, was.Groups) {
		permission := PermissionPublish
		switch {
		case v.Sharing == SharedWithNobody:
			permission = PermissionSave
		case v.Sharing == SharedWithGroups && !slices.ContainsFunc(v.Groups, func(g itsm.ID) bool { return !u.Actor().InGroup(g) && !slices.Contains(was.Groups, g) }):
			permission = PermissionShare
		}
		if err := u.Authorize(ctx, permission, subject(&was)); err != nil {
			return err
		}
	}
	if err := Table.Put(ctx, u, v); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: v.ID, Action: action, Internal: true, Data: Saved{RecordKind: v.RecordKind, Sharing: v.Sharing}})
	return putShares(ctx, u, v)
}

// putShares makes the records of sharing what they must be after a change.
func putShares(ctx context.Context, u *engine.Unit, now *View) error {
	page, err := shareTable.Records(ctx, u, storage.Query[shareHead]{Where: shareByView.Is(now.ID), Limit: storage.MaxPage})
	if err != nil {
		return err
	}
	for i := range page.Items {
		if !slices.Contains(now.Groups, page.Items[i].Group) {
			if err := shareTable.Delete(ctx, u.Quiet(), &page.Items[i]); err != nil {
				return err
			}
		}
	}
	for _, g := range now.Groups {
		if slices.ContainsFunc(page.Items, func(s share) bool { return s.Group == g }) {
			continue
		}
		s := share{shareHead: shareHead{View: now.ID, Group: g}}
		s.ID, s.Created, s.Updated = u.NewID(), u.Now(), u.Now()
		if err := shareTable.Put(ctx, u.Quiet(), &s); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes a view for good. It asks for [PermissionSave] on it. Where IfVersion is not the
// version that it has, it is ErrConflict. Its history stays, ended by engine.Deleted; a reason has no
// place there.
func (p *Practice) Delete(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if r.Key != "" {
		return storage.Invalid(Kind, "key", "is of no use to delete: there is nothing to give again")
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		v, err := p.find(ctx, u, actor, id)
		if err != nil {
			return err
		}
		if err := u.Authorize(ctx, PermissionSave, subject(&v)); err != nil {
			return err
		}
		if r.IfVersion != 0 && r.IfVersion != v.Version {
			return &itsm.VersionError{Kind: Kind, ID: id, Seen: r.IfVersion, Current: v.Version}
		}
		if err := putShares(ctx, u, &View{Head: Head{Meta: storage.Meta{ID: id}}}); err != nil {
			return err
		}
		return Table.Delete(ctx, u, &v)
	})
}

func (p *Practice) execute(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit) (View, error)) (View, error) {
	return engine.Execute(ctx, p.e, Table, call, fn, func(ctx context.Context, u *engine.Unit, v View, again bool) (View, error) {
		if again {
			return p.find(ctx, u, call.Actor, v.ID)
		}
		return v, nil
	})
}

// Get gives a view. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (v View, err error) {
	err = p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		v, err = p.find(ctx, r, actor, id)
		return err
	})
	return v, err
}

// Run gives what a view asks for when the actor runs it. What was sound when it was saved is checked
// again, as the columns may have changed since: ErrInvalid with every fault.
func (p *Practice) Run(ctx context.Context, actor itsm.Actor, id itsm.ID) (Query, error) {
	v, err := p.Get(ctx, actor, id)
	if err != nil {
		return Query{}, err
	}
	s := p.tables[v.RecordKind]
	if s == nil {
		return Query{}, storage.Invalid(Kind, "record_kind", fmt.Sprintf("%.64q can no longer be viewed", v.RecordKind))
	}
	d := v.Definition()
	if err := d.Check(s); err != nil {
		return Query{}, err
	}
	q := d.Query(actor)
	return q, q.Where.Check(s) // the actor's groups may be many
}

// List gives a page of the views that the actor may read, without an order by their titles.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (page storage.Page[Head], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByTitle.Asc()}
	}
	err = p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		may, err := p.readable(ctx, actor)
		if err != nil {
			return err
		}
		q.Where = storage.AllOf(may, q.Where)
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// readable is the filter of the views that the actor may read: the answer of Authorize, view by view.
func (p *Practice) readable(ctx context.Context, actor itsm.Actor) (storage.Filter[Head], error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, PermissionRead)
	if err != nil {
		return storage.Filter[Head]{}, err
	}
	if len(scopes) == 0 {
		return storage.Filter[Head]{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionRead, Reason: "no role of the actor grants it"}
	}
	var any []storage.Filter[Head]
	for _, s := range scopes {
		switch s {
		case itsm.ScopeRestricted:
			return storage.Filter[Head]{}, nil
		case itsm.ScopeAll:
			any = append(any, BySharing.Is(SharedWithAll))
		case itsm.ScopeRequester:
			any = append(any, ByOwner.Is(actor.ID))
		case itsm.ScopeGroup:
			if groups := actor.InGroups(); len(groups) > 0 {
				any = append(any, storage.NamedBy[Head](shareTable, shareByView, shareByGroup.In(groups...)))
			}
		}
	}
	return storage.AnyOf(any...), nil
}

// Pins asks for views of a kind to be the first that a person sees, in this order.
type Pins struct {
	itsm.Command
	RecordKind string `json:"record_kind"`
	// Views are views of the kind that the actor may read; none takes all pins away.
	Views []itsm.ID `json:"views"`
}

// Pin sets the views of a kind that the actor has pinned, in their order, and gives them as Pinned does.
// It asks for [PermissionRead] on each.
func (p *Practice) Pin(ctx context.Context, actor itsm.Actor, r Pins) ([]Head, error) {
	call := engine.Call{Name: "view.pin", Actor: actor, Command: r.Command, Request: r}
	_, err := engine.Execute(ctx, p.e, pinsTable, call, func(ctx context.Context, u *engine.Unit) (pins, error) {
		if err := u.Authorize(ctx, PermissionRead, nil); err != nil {
			return pins{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		if p.tables[r.RecordKind] == nil {
			f.Addf("record_kind", "is %.64q; allowed are %s", r.RecordKind, strings.Join(slices.Sorted(maps.Keys(p.tables)), ", "))
		}
		if len(r.Views) > MaxPins {
			f.Addf("views", "are %d; at most %d are allowed", len(r.Views), MaxPins)
		} else {
			for i, id := range r.Views {
				at := fmt.Sprintf("views[%d]", i)
				v, err := p.find(ctx, u, actor, id)
				switch {
				case errors.Is(err, itsm.ErrNotFound):
					f.Add(at, "is not found")
				case err != nil:
					return pins{}, err
				case v.RecordKind != r.RecordKind:
					f.Addf(at, "is a view of %s", v.RecordKind)
				case slices.Contains(r.Views[:i], id):
					f.Add(at, "is pinned already")
				}
			}
		}
		if err := f.Err("pins"); err != nil {
			return pins{}, err
		}
		if err := u.Lock(ctx, KindPin+"/"+string(actor.ID)); err != nil {
			return pins{}, err
		}
		mine, err := pinned(ctx, u, actor, r.RecordKind)
		if err != nil {
			return pins{}, err
		}
		if mine.ID == "" {
			mine.ID, mine.Owner, mine.RecordKind = u.NewID(), actor.ID, r.RecordKind
		}
		mine.Views = slices.Clone(r.Views)
		if err := pinsTable.Put(ctx, u, &mine); err != nil {
			return pins{}, err
		}
		u.Emit(itsm.Event{Kind: KindPin, Record: mine.ID, Action: "pin", Internal: true, Data: Pinned{Views: mine.Views}})
		return mine, nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return p.Pinned(ctx, actor, r.RecordKind)
}

// Pinned gives the views of a kind that the actor has pinned, in their order: those that are still there
// for them.
func (p *Practice) Pinned(ctx context.Context, actor itsm.Actor, recordKind string) ([]Head, error) {
	var out []Head
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		mine, err := pinned(ctx, r, actor, recordKind)
		if err != nil || len(mine.Views) == 0 {
			return err
		}
		may, err := p.readable(ctx, actor)
		if err != nil {
			return err
		}
		page, err := Table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(Table.ByID().In(mine.Views...), may), Limit: storage.MaxPage})
		if err != nil {
			return err
		}
		for _, id := range mine.Views {
			if i := slices.IndexFunc(page.Items, func(h Head) bool { return h.ID == id }); i >= 0 {
				out = append(out, page.Items[i])
			}
		}
		return nil
	})
	return out, err
}

func pinned(ctx context.Context, r storage.Reader, actor itsm.Actor, recordKind string) (pins, error) {
	page, err := pinsTable.Records(ctx, r, storage.Query[pinsHead]{Where: storage.AllOf(pinsByOwner.Is(actor.ID), pinsByKind.Is(recordKind)), Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return pins{}, err
	}
	return page.Items[0], nil
}
