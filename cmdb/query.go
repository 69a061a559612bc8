// This file holds the reading of CIs, their relations and groups: one, lists, histories.

package cmdb

import (
	"context"
	"iter"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Get gives a CI. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (ci CI, err error) {
	err = p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		ci, err = p.find(ctx, r, actor, id)
		return err
	})
	return ci, err
}

// List gives a page of CIs that the actor may read; without an order by their names. An actor who may read none at all gets
// ErrForbidden.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (page storage.Page[Head], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByName.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		q.Where = storage.AllOf(of.filter(), q.Where)
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// All walks a list page by page, of Limit items each. Nothing stays open between the pages, so that the loop may query and
// command as it likes. An error is the last thing it yields.
func (p *Practice) All(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) iter.Seq2[Head, error] {
	return storage.Pages(q, func(q storage.Query[Head]) (storage.Page[Head], error) { return p.List(ctx, actor, q) })
}

// CountBy counts the CIs that the actor may read for each combination of values that they have in the columns, in the order of
// these values; without columns all of them.
func (p *Practice) CountBy(ctx context.Context, actor itsm.Actor, where storage.Filter[Head], by ...storage.ColumnOf[Head]) (groups []storage.Group, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		groups, err = Table.CountBy(ctx, r, storage.AllOf(of.filter(), where), by...)
		return err
	})
	return groups, err
}

// Relation gives a relation. One of which the actor may not read both CIs is ErrNotFound.
func (p *Practice) Relation(ctx context.Context, actor itsm.Actor, id itsm.ID) (rel Relation, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if rel, err = RelationTable.Get(ctx, r, id); err != nil {
			return err
		}
		return p.mayReadRelation(ctx, r, actor, &rel)
	})
	if err != nil {
		return Relation{}, err
	}
	return rel, nil
}

// Relations gives a page of the relations of a CI, in both directions, ended ones too unless the query says otherwise. Those
// to CIs that the actor may not read are left out, so that a page may have fewer items than its limit, or none, though others
// follow: Next tells.
func (p *Practice) Relations(ctx context.Context, actor itsm.Actor, ci itsm.ID, q storage.Query[RelationHead]) (page storage.Page[RelationHead], err error) {
	q.Where = storage.AllOf(storage.AnyOf(RelationBySource.Is(ci), RelationByTarget.Is(ci)), q.Where)
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		if _, err := p.find(ctx, r, actor, ci); err != nil {
			return err
		}
		if page, err = RelationTable.List(ctx, r, q); err != nil {
			return err
		}
		var ids []itsm.ID
		for _, rel := range page.Items {
			ids = append(ids, other(&rel, ci))
		}
		may, err := headsOf(ctx, r, ids, of.filter())
		if err != nil {
			return err
		}
		kept := page.Items[:0]
		for _, rel := range page.Items {
			if _, ok := may[other(&rel, ci)]; ok {
				kept = append(kept, rel)
			}
		}
		page.Items = kept
		return nil
	})
	if err != nil {
		return storage.Page[RelationHead]{}, err
	}
	return page, nil
}

// Group gives a redundancy group. One whose owner the actor may not read is ErrNotFound. Members that the actor may not read
// have no id.
func (p *Practice) Group(ctx context.Context, actor itsm.Actor, id itsm.ID) (g Group, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		if g, err = GroupTable.Get(ctx, r, id); err != nil {
			return err
		}
		if err := p.mayReadGroup(ctx, r, actor, &g); err != nil {
			return err
		}
		return hideMembers(ctx, r, of, &g)
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// Groups gives the current redundancy groups that hold a CI up. Members that the actor may not read have no id.
func (p *Practice) Groups(ctx context.Context, actor itsm.Actor, owner itsm.ID) (groups []Group, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		if _, err := p.find(ctx, r, actor, owner); err != nil {
			return err
		}
		if groups, err = groupsOf(ctx, r, owner, ""); err != nil {
			return err
		}
		for i := range groups {
			if err := hideMembers(ctx, r, of, &groups[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

func hideMembers(ctx context.Context, r storage.Reader, of reach, g *Group) error {
	var ids []itsm.ID
	for _, m := range g.Members {
		ids = append(ids, m.CI)
	}
	may, err := headsOf(ctx, r, ids, of.filter())
	g.Members = slices.Clone(g.Members)
	for i := range g.Members {
		if _, ok := may[g.Members[i].CI]; !ok {
			g.Members[i].CI = ""
		}
	}
	return err
}

// read is view without a snapshot, for what one read answers but for who may see it.
func (p *Practice) read(ctx context.Context, actor itsm.Actor, fn func(context.Context, storage.Reader, reach) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	of, err := p.scope(ctx, actor)
	if err != nil {
		return err
	}
	return p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error { return fn(ctx, r, of) })
}

// History gives the events of a CI, oldest first: who did what, by whose word, and which fields it changed. A CI that the actor
// may not read is ErrNotFound. References in attributes to CIs that the actor may not read are told by id.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) (all []itsm.Event, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := p.find(ctx, r, actor, id); err != nil {
			return err
		}
		all, err = p.events(ctx, r, id)
		return err
	})
	return all, err
}

// events reads all events of a CI.
func (p *Practice) events(ctx context.Context, r storage.Reader, id itsm.ID) (all []itsm.Event, err error) {
	q := storage.EventQuery{Kind: Kind, Record: id, Limit: storage.MaxLimit}
	for {
		page, err := p.e.History(ctx, r, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < q.Limit {
			return all, nil
		}
		last := page[len(page)-1]
		q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
	}
}
