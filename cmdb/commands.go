// This file holds the commands on a CI: it is added, updated, and taken through its lifecycle.

package cmdb

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Addition is a request for a new CI.
type Addition struct {
	itsm.Command
	// ID is the host's own, as that of a service that another practice keeps; empty makes one.
	ID itsm.ID `json:"id,omitempty"`
	// Class is one of the tenant's model that is not abstract.
	Class string `json:"class"`
	Name  string `json:"name"`
	// State is where it begins; empty is [StatePlanned], and it cannot be [StateRetired].
	State       State   `json:"state,omitempty"`
	Description string  `json:"description,omitempty"`
	Environment string  `json:"environment,omitempty"`
	Criticality int     `json:"criticality,omitempty"`
	Group       itsm.ID `json:"group,omitempty"`
	Owner       itsm.ID `json:"owner,omitempty"`
	Site        itsm.ID `json:"site,omitempty"`
	// Restricted takes [PermissionRestrict].
	Restricted bool `json:"restricted,omitempty"`
	// Attributes are values of the class's attributes, in the form of schema.Compiled.CanonicalValue or one that it reads.
	Attributes schema.Values `json:"attributes,omitempty"`
	// Source is who says so; empty is [SourceManual].
	Source string `json:"source,omitempty"`
	// Under is the record under which it is done, as a change.
	Under *itsm.Ref `json:"under,omitempty"`
}

// Add makes a CI. It asks for [PermissionAdd]. Change-controlled attributes that it brings are not asked about: nothing
// is changed by them.
func (p *Practice) Add(ctx context.Context, actor itsm.Actor, a Addition) (CI, error) {
	call := engine.Call{Name: "ci.add", Actor: actor, Command: a.Command, Request: a}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (CI, error) {
		if err := u.Authorize(ctx, PermissionAdd, (&Head{Group: a.Group, Owner: a.Owner}).Subject()); err != nil {
			return CI{}, err
		}
		// Before the model is read, so that no other is followed until the CI is there.
		if err := lockGraph(ctx, u); err != nil {
			return CI{}, err
		}
		ci, err := p.newCI(ctx, u, a, call.Validate())
		if err != nil {
			return CI{}, err
		}
		if err := Table.Put(ctx, u, &ci); err != nil {
			return CI{}, taken(err, a.ID)
		}
		if err := p.keepIdentity(ctx, u, turn{now: &ci}); err != nil {
			return CI{}, err
		}
		now, err := record(ctx, u, []edit{{Op: opAddCI, CI: ci.ID, Sight: sightOf(&ci.Head)}})
		if err != nil {
			return CI{}, err
		}
		category, _ := StandardLifecycle().Category(ci.State)
		u.Emit(itsm.Event{Kind: Kind, Record: ci.ID, Action: string(ActionAdd), To: string(ci.State), ToCategory: category,
			Data: Added{Class: ci.Class, Name: ci.Name, Source: orElse(a.Source, SourceManual), Revision: now.Revision}})
		return ci, nil
	})
}

// newCI checks an addition and gives what it makes. Command is what is wrong with the command that it embeds.
func (p *Practice) newCI(ctx context.Context, u *engine.Unit, a Addition, command error) (CI, error) {
	var f itsm.Faults
	f.Merge("", command)
	model, err := p.ready.Of(ctx, u, "")
	if err != nil {
		return CI{}, err
	}
	if a.ID != "" {
		f.Key("id", string(a.ID))
	}
	ci := CI{Head: Head{Meta: storage.Meta{ID: a.ID}, Class: a.Class, State: orElse(a.State, StatePlanned), Current: true, Since: u.Now()}}
	if a.Restricted {
		if err := u.Authorize(ctx, PermissionRestrict, nil); err != nil {
			return CI{}, err
		}
	}
	set := Fields{Name: &a.Name, Description: &a.Description, Environment: &a.Environment, Criticality: &a.Criticality,
		Group: &a.Group, Owner: &a.Owner, Site: &a.Site, Restricted: &a.Restricted}
	set.apply(&ci, &f)
	if c, known := StandardLifecycle().Category(ci.State); !known || !c.Open() {
		f.Add("state", "must be planned, build, test or live")
	}
	checkUnder(a.Under, &f)
	from := origin(a.Source, time.Time{}, u.Now(), &f)
	// What the class asks for is told with all that it was given.
	values, err := model.Canonical(a.Class, a.Attributes)
	f.Merge("", err)
	if err == nil {
		ci.Attributes = nil
		changed := map[string]bool{}
		for name, value := range values {
			changed[name] = true
			ci.set(name, value, from)
		}
		if err := p.checkReferences(ctx, u, model, &ci, values, changed, &f); err != nil {
			return CI{}, err
		}
		checkMissing(model, &ci, true, nil, &f)
	}
	if err := f.Err(Kind); err != nil {
		return CI{}, err
	}
	if ci.ID == "" {
		ci.ID = u.NewID()
	}
	return ci, nil
}

// taken makes of a conflict over an id that the host chose what it is.
func taken(err error, id itsm.ID) error {
	if id != "" && errors.Is(err, itsm.ErrConflict) {
		return itsm.Invalid(Kind, "id", "is taken")
	}
	return err
}

// Update is a request to change a CI.
type Update struct {
	itsm.Command
	Fields
	// Attributes are set by name; the zero schema.Value removes one.
	Attributes schema.Values `json:"attributes,omitempty"`
	// Source is who says so; empty is [SourceManual].
	Source string `json:"source,omitempty"`
	// At is when the source saw it so; zero is now.
	At time.Time `json:"at,omitzero"`
	// Observed says that the source found it so, as discovery does: what may not be written, because it is
	// change-controlled, is then kept as an observation, where the request would fail otherwise.
	Observed bool `json:"observed,omitempty"`
	// Under is the record under which it is done, as a change.
	Under *itsm.Ref `json:"under,omitempty"`
}

// Update changes fields and attributes of a CI that is not retired. It asks for [PermissionUpdate], for
// [PermissionRestrict] where Restricted changes, and for what [Options].Controlled asks where change-controlled attributes do. What
// is the same as before is not told of, and keeps its source.
func (p *Practice) Update(ctx context.Context, actor itsm.Actor, id itsm.ID, r Update) (CI, error) {
	call := engine.Call{Name: "ci.update", Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (CI, error) {
		was, err := p.find(ctx, u, actor, id)
		if err != nil {
			return CI{}, err
		}
		if err := u.Authorize(ctx, PermissionUpdate, was.Subject()); err != nil {
			return CI{}, err
		}
		if !was.Current {
			return CI{}, refused(&was.Head, string(ActionUpdate), "it is retired; reinstate it first")
		}
		if r.Restricted != nil && *r.Restricted != was.Restricted {
			if err := u.Authorize(ctx, PermissionRestrict, was.Subject()); err != nil {
				return CI{}, err
			}
		}
		rules, err := p.rules.Of(ctx, u, "")
		if err != nil {
			return CI{}, err
		}
		if r.touchesSight() || rules.touches(&r) {
			if err := lockGraph(ctx, u); err != nil {
				return CI{}, err
			}
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		ci, told, err := p.write(ctx, u, was, r, &f)
		if err != nil {
			return CI{}, err
		}
		if err := f.Err(Kind); err != nil {
			return CI{}, err
		}
		return p.putWritten(ctx, u, was, ci, told)
	})
}

// write applies what a request says to a CI, and gives it with what is to be told. Of attributes that are not mentioned,
// and are the same, nothing is looked at.
func (p *Practice) write(ctx context.Context, u *engine.Unit, ci CI, r Update, f *itsm.Faults) (CI, Updated, error) {
	model, err := p.ready.Of(ctx, u, "")
	if err != nil {
		return CI{}, Updated{}, err
	}
	was := ci.Name
	r.Fields.apply(&ci, f)
	checkUnder(r.Under, f)
	from := origin(r.Source, r.At, u.Now(), f)
	if r.Name != nil && *r.Name != was {
		ci.Origins = maps.Clone(ci.Origins)
		ci.tell(reconcile.Name, from)
	}
	h, err := p.hear(ctx, u, model, &ci, word{Values: r.Attributes, Origin: from, Under: r.Under, Observed: r.Observed}, f)
	if err != nil {
		return CI{}, Updated{}, err
	}
	checkMissing(model, &ci, false, h.Written, f)
	return ci, Updated{Source: from.Source, Attributes: h.Written, Observed: h.Kept, Under: r.Under}, nil
}

// putWritten puts a CI that was written and tells of it, unless nothing changed. Where who may see it changed, the graph is
// locked.
func (p *Practice) putWritten(ctx context.Context, u *engine.Unit, was, ci CI, told Updated) (CI, error) {
	same, err := same(&was, &ci)
	if err != nil || same {
		return was, err
	}
	if err := Table.Put(ctx, u, &ci); err != nil {
		return CI{}, err
	}
	if err := p.keepIdentity(ctx, u, turn{&was, &ci}); err != nil {
		return CI{}, err
	}
	if *sightOf(&was.Head) != *sightOf(&ci.Head) {
		now, err := record(ctx, u, []edit{{Op: opDescribe, CI: ci.ID, Sight: sightOf(&ci.Head)}})
		if err != nil {
			return CI{}, err
		}
		told.Revision = now.Revision
	}
	category, _ := StandardLifecycle().Category(ci.State)
	u.Emit(itsm.Event{Kind: Kind, Record: ci.ID, Action: string(ActionUpdate), From: string(ci.State), To: string(ci.State),
		FromCategory: category, ToCategory: category, Data: told})
	return ci, nil
}

// same says whether two CIs would be stored alike.
func same(a, b *CI) (bool, error) {
	x, err := Table.Encode(a)
	if err != nil {
		return false, err
	}
	y, err := Table.Encode(b)
	if err != nil {
		return false, err
	}
	if string(x.Body) != string(y.Body) || len(x.Columns) != len(y.Columns) {
		return false, nil
	}
	for i := range x.Columns {
		if x.Columns[i] != y.Columns[i] {
			return false, nil
		}
	}
	return true, nil
}

// Step is a request to take a CI through its lifecycle.
type Step struct {
	itsm.Command
	// Source is who says so; empty is [SourceManual].
	Source string `json:"source,omitempty"`
	// Under is the record under which it is done, as a change.
	Under *itsm.Ref `json:"under,omitempty"`
}

// Build begins to build a CI that was planned.
func (p *Practice) Build(ctx context.Context, actor itsm.Actor, id itsm.ID, s Step) (CI, error) {
	return p.move(ctx, actor, id, ActionBuild, s.Command, s, nil)
}

// Test begins to try a CI that was built.
func (p *Practice) Test(ctx context.Context, actor itsm.Actor, id itsm.ID, s Step) (CI, error) {
	return p.move(ctx, actor, id, ActionTest, s.Command, s, nil)
}

// Rework takes a CI that was tried back to be built.
func (p *Practice) Rework(ctx context.Context, actor itsm.Actor, id itsm.ID, s Step) (CI, error) {
	return p.move(ctx, actor, id, ActionRework, s.Command, s, nil)
}

// GoLive takes a CI into use.
func (p *Practice) GoLive(ctx context.Context, actor itsm.Actor, id itsm.ID, s Step) (CI, error) {
	return p.move(ctx, actor, id, ActionGoLive, s.Command, s, nil)
}

// Reinstate takes a CI that was retired back to be built. It needs a reason. Its relations are not made again. It is ErrInvalid where
// the model has the CI's class no more, or only as an abstract one.
func (p *Practice) Reinstate(ctx context.Context, actor itsm.Actor, id itsm.ID, s Step) (CI, error) {
	return p.move(ctx, actor, id, ActionReinstate, s.Command, s, nil)
}

// Retirement is a request to retire a CI.
type Retirement struct {
	Step
	// EndRelations ends the relations by which others rest on it, and takes it out of their groups. A group that could not
	// do with what is left is refused all the same. Without it the CI is refused while others rest on it.
	EndRelations bool `json:"end_relations,omitempty"`
}

// Retire takes a CI out of use and out of the graph. Its own relations, by which it rests on others, and its own groups end with it,
// as do those by which nothing rests on anything. It is ErrTransition, with up to ten of them named as Missing, while others that
// are not retired rest on it, unless the request ends that. More than [MaxTogether] relations and groups are not ended together: it
// is ErrInvalid.
func (p *Practice) Retire(ctx context.Context, actor itsm.Actor, id itsm.ID, r Retirement) (CI, error) {
	return p.move(ctx, actor, id, ActionRetire, r.Command, r.Step, &r)
}

// move fires an action of the lifecycle.
func (p *Practice) move(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, cmd itsm.Command, s Step, r *Retirement) (CI, error) {
	call := engine.Call{Name: "ci." + string(action), Actor: actor, Command: cmd, Target: id, Request: s}
	if r != nil {
		call.Request = *r
	}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (CI, error) {
		if err := lockGraph(ctx, u); err != nil {
			return CI{}, err
		}
		was, err := p.find(ctx, u, actor, id)
		if err != nil {
			return CI{}, err
		}
		l := StandardLifecycle()
		if err := u.Authorize(ctx, l.Permission(was.State, action), was.Subject()); err != nil {
			return CI{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		from := origin(s.Source, time.Time{}, u.Now(), &f)
		checkUnder(s.Under, &f)
		c := &Case{CI: was, Was: was, Reason: cmd.Reason}
		var bonds *bonds
		if r != nil && was.Current {
			if bonds, err = p.bondsOf(ctx, u, &was.Head); err != nil {
				return CI{}, err
			}
			if !r.EndRelations {
				c.Resting = bonds.resters
			}
		}
		model, err := p.ready.Of(ctx, u, "")
		if err != nil {
			return CI{}, err
		}
		if action == ActionReinstate {
			if class, has := model.Class(was.Class); !has || class.Abstract {
				f.Addf("class", "is %s, of which the model has no CIs any more", quoted(was.Class))
			}
		}
		if to, known := l.Leads(was.State, action, ""); known {
			next := was
			next.State = to
			checkMissing(model, &next, to != StateRetired, nil, &f)
		}
		to, err := l.Fire(ctx, was.State, action, itsm.Attempt[*Case]{Subject: c, ID: id, Actor: actor, Now: u.Now(), Faults: &f})
		if err != nil {
			return CI{}, p.named(ctx, u, err, c.Resting)
		}
		if err := f.Err(Kind); err != nil {
			return CI{}, err
		}
		ci := was
		category, _ := l.Category(to)
		ci.State, ci.Since, ci.Current = to, later(was.Updated, u.Now()), category.Open()
		if err := Table.Put(ctx, u, &ci); err != nil {
			return CI{}, err
		}
		if err := p.keepIdentity(ctx, u, turn{&was, &ci}); err != nil {
			return CI{}, err
		}
		var now revision
		switch {
		case was.Current && !ci.Current:
			now, err = p.leave(ctx, u, &was.Head, bonds, from)
		case !was.Current && ci.Current:
			now, err = record(ctx, u, []edit{{Op: opAddCI, CI: ci.ID, Sight: sightOf(&ci.Head)}})
		}
		if err != nil {
			return CI{}, err
		}
		before, _ := l.Category(was.State)
		u.Emit(itsm.Event{Kind: Kind, Record: id, Action: string(action), From: string(was.State), To: string(to),
			FromCategory: before, ToCategory: category, Data: moved(action, from.Source, s.Under, now.Revision)})
		return ci, nil
	})
}

func moved(action Action, source string, under *itsm.Ref, revision int64) itsm.Payload {
	switch action {
	case ActionBuild:
		return BuildBegun{source, under}
	case ActionTest:
		return TestBegun{source, under}
	case ActionRework:
		return Reworked{source, under}
	case ActionGoLive:
		return WentLive{source, under}
	case ActionRetire:
		return Retired{source, under, revision}
	default:
		return Reinstated{source, under, revision}
	}
}

// named tells, with a transition that was refused, which CIs rest on the one that was to be retired, of those that the actor may
// read.
func (p *Practice) named(ctx context.Context, u *engine.Unit, err error, resting []itsm.ID) error {
	var t *itsm.TransitionError
	if len(resting) == 0 || !errors.As(err, &t) {
		return err
	}
	of, scopeErr := p.scope(ctx, u.Actor())
	if scopeErr != nil {
		return scopeErr
	}
	heads, listErr := headsOf(ctx, u, resting, of.filter())
	if listErr != nil {
		return listErr
	}
	for _, id := range resting {
		if h, ok := heads[id]; ok && len(t.Missing) < 10 {
			t.Missing = append(t.Missing, h.Name)
		}
	}
	return err
}

// refused is an action beside the lifecycle that the state of a CI does not permit.
func refused(h *Head, action, reason string) error {
	return &itsm.TransitionError{Kind: Kind, ID: h.ID, State: string(h.State), Action: action, Reason: reason}
}
