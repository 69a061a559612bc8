// This file holds what becomes of the relations and groups of a CI that is retired.

package cmdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxTogether is how many relations and groups one retirement ends.
const MaxTogether = 1000

// bonds are the current relations and groups of a CI.
type bonds struct {
	relations []RelationHead
	own       []Group // that it owns
	in        []Group // of which it is a member
	// resters are the CIs that rest on it.
	resters []itsm.ID
}

// bondsOf reads the bonds of a CI. More than [MaxTogether] are refused.
func (p *Practice) bondsOf(ctx context.Context, u *engine.Unit, h *Head) (*bonds, error) {
	model, err := p.ready.Of(ctx, u, "")
	if err != nil {
		return nil, err
	}
	var b bonds
	tooMany := func() error {
		return storage.Invalid(Kind, "relations", "are more than 1000, with its groups; end some of them first")
	}
	for _, side := range []storage.Column[RelationHead, itsm.ID]{RelationBySource, RelationByTarget} {
		q := storage.Query[RelationHead]{Where: storage.AllOf(side.Is(h.ID), RelationByCurrent.Is(true)), Limit: storage.MaxPage}
		for rel, err := range storage.Pages(q, func(q storage.Query[RelationHead]) (storage.Page[RelationHead], error) {
			return RelationTable.List(ctx, u, q)
		}) {
			if err != nil {
				return nil, err
			}
			if len(b.relations) == MaxTogether {
				return nil, tooMany()
			}
			b.relations = append(b.relations, rel)
			t, _ := model.Relation(rel.Type)
			if rests(t.Flow, rel.Source == h.ID) {
				b.resters = append(b.resters, other(&rel, h.ID))
			}
		}
	}
	if b.own, err = groupsOf(ctx, u, h.ID, ""); err != nil {
		return nil, err
	}
	if b.in, err = groupsWith(ctx, u, h.ID, MaxTogether+1); err != nil {
		return nil, err
	}
	for _, g := range b.in {
		b.resters = append(b.resters, g.Owner)
	}
	if len(b.relations)+len(b.own)+len(b.in) > MaxTogether {
		return nil, tooMany()
	}
	slices.Sort(b.resters)
	b.resters = slices.Compact(b.resters)
	return &b, nil
}

// rests says whether the other end of a relation depends on the CI, which is the source or the target.
func rests(f impact.Flow, isSource bool) bool {
	switch f {
	case impact.ToSource:
		return !isSource
	case impact.ToTarget:
		return isSource
	}
	return f == impact.Both
}

func other(rel *RelationHead, id itsm.ID) itsm.ID {
	if rel.Source == id {
		return rel.Target
	}
	return rel.Source
}

// groupsWith reads the current groups of which a CI is a member, up to a number of them.
func groupsWith(ctx context.Context, r storage.Reader, ci itsm.ID, most int) (groups []Group, err error) {
	q := storage.Query[memberHead]{Where: memberByCI.Is(ci), Limit: storage.MaxPage}
	for m, err := range storage.Pages(q, func(q storage.Query[memberHead]) (storage.Page[memberHead], error) {
		return memberTable.List(ctx, r, q)
	}) {
		if err != nil {
			return nil, err
		}
		if len(groups) == most {
			break
		}
		g, err := GroupTable.Get(ctx, r, m.Group)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// sees says whether the unit's actor may read a CI.
func (p *Practice) sees(ctx context.Context, u *engine.Unit, id itsm.ID) (bool, error) {
	err := p.MayRead(ctx, u, u.Actor(), id)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// leave takes a CI that is retired out of the graph with its bonds, as one revision.
func (p *Practice) leave(ctx context.Context, u *engine.Unit, h *Head, b *bonds, from Origin) (revision, error) {
	var f itsm.Faults
	var list []edit
	for _, rel := range b.relations {
		edge := rel.relation()
		list = append(list, edit{Op: opUnrelate, Relation: &edge})
	}
	smaller := make([]Group, 0, len(b.in))
	for _, g := range b.in {
		now := g
		now.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m Member) bool { return m.CI == h.ID })
		var own itsm.Faults
		checkNeed(&GroupDefinition{Members: now.Members, Need: now.Need, Empty: now.Empty}, &own)
		if !own.Empty() {
			sees, err := p.sees(ctx, u, g.Owner)
			if err != nil {
				return revision{}, err
			}
			title := "a group of type " + g.Type + ", of a CI that the actor may not read,"
			if sees {
				title = fmt.Sprintf("the group %s of type %s", quoted(g.Name), g.Type)
			}
			for _, fault := range own.List() {
				f.Addf("groups", "%s could not do without it: %s %s", title, fault.Field, fault.Problem)
			}
		}
		list = append(list, edit{Op: opPutGroup, Was: g.group(), Now: now.group()})
		smaller = append(smaller, now)
	}
	for _, g := range b.own {
		list = append(list, edit{Op: opRemoveGroup, Was: g.group()})
	}
	if err := f.Err(Kind); err != nil {
		return revision{}, err
	}
	now, err := record(ctx, u, append(list, edit{Op: opRemoveCI, CI: h.ID, Sight: sightOf(h)}))
	if err != nil {
		return revision{}, err
	}
	by := Touch{By: u.Actor().ID, Source: from.Source, Reason: u.Command().Reason, Revision: now.Revision}
	for _, head := range b.relations {
		rel, err := RelationTable.Get(ctx, u, head.ID)
		if err != nil {
			return revision{}, err
		}
		if err := endRelation(ctx, u, &rel, now.At, by); err != nil {
			return revision{}, err
		}
	}
	for i := range smaller {
		smaller[i].Put = by
		if err := putGroup(ctx, u, &b.in[i], &smaller[i]); err != nil {
			return revision{}, err
		}
		u.Emit(itsm.Event{Kind: KindGroup, Record: smaller[i].ID, Action: "put_group", Data: GroupPut{b.in[i].group(), *smaller[i].group(), now.Revision}})
	}
	for i := range b.own {
		if err := removeGroup(ctx, u, &b.own[i], now.At, by); err != nil {
			return revision{}, err
		}
	}
	return now, nil
}
