// This file holds the reading of incidents: one, lists, counts.

package incident

import (
	"context"
	"iter"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Query asks for a list of incidents. What it gives is always narrowed to what the actor may
// read.
type Query struct {
	// Where narrows the list further; the zero Filter does not. What storage.NamedBy tells of other
	// records is told whether the actor may read those or not.
	Where storage.Filter[Head]
	// Order is by columns that are never absent; none is by priority, then by when they were
	// reported.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before. It is good as long as the actor's groups,
	// memberships and roles are the same.
	After storage.Cursor
	// Tenants are those to read, where it is not the actor's own alone. In each the actor has
	// what it was granted there; one in which it may read nothing is ErrForbidden.
	Tenants []storage.Tenant
}

// DefaultOrder is the order of lists that name none.
func DefaultOrder() []storage.Order { return []storage.Order{ByPriority.Asc(), ByReported.Asc()} }

// Get gives an incident as the actor may see it. One that the actor may not read is ErrNotFound.
// Whether the actor may know of what the incident waits for is asked after the incident was read,
// and so may be the answer of a later state.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Incident, error) {
	var out Incident
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &i)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, r, actor, internal, i)
		return err
	})
	return out, err
}

// GetByNumber gives the incident with the number, as Get does.
func (p *Practice) GetByNumber(ctx context.Context, actor itsm.Actor, number string) (Incident, error) {
	none := &storage.Error{Op: "get", Table: Kind, Err: storage.ErrNotFound}
	var f itsm.Faults
	if f.Text("number", number, storage.MaxText, true); !f.Empty() {
		return Incident{}, none // no incident has such a number
	}
	page, err := p.List(ctx, actor, Query{Where: ByNumber.Is(number), Limit: 1})
	switch {
	case isForbidden(err):
		return Incident{}, none
	case err != nil:
		return Incident{}, err
	case len(page.Items) == 0:
		return Incident{}, none
	}
	return p.Get(ctx, actor, page.Items[0].ID)
}

// List gives a page of incidents that the actor may read. An actor who may read none at all
// gets ErrForbidden.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.view(ctx, actor, q, nil, func(ctx context.Context, r storage.Reader, where storage.Filter[Head], internal map[storage.Tenant]reach) error {
		order := q.Order
		if len(order) == 0 {
			order = DefaultOrder()
		}
		var err error
		page, err = p.table.List(ctx, r, storage.Query[Head]{Where: where, Order: order, Limit: q.Limit, After: q.After})
		if err != nil {
			return err
		}
		return p.hideInternal(ctx, r, actor, page.Items, internal)
	})
	return page, err
}

// All walks a list page by page, of Limit items each. Nothing stays open between the pages, so
// that the loop may query and command as it likes. An error is the last thing it yields.
func (p *Practice) All(ctx context.Context, actor itsm.Actor, q Query) iter.Seq2[Head, error] {
	return Pages(ctx, actor, q, p.List)
}

// Pages walks what a method lists as All walks List:
//
//	for i, err := range incident.Pages(ctx, actor, incident.Query{}, incidents.MyGroups) { … }
func Pages(ctx context.Context, actor itsm.Actor, q Query, list func(context.Context, itsm.Actor, Query) (storage.Page[Head], error)) iter.Seq2[Head, error] {
	return storage.Pages(storage.Query[Head]{Limit: q.Limit, After: q.After}, func(page storage.Query[Head]) (storage.Page[Head], error) {
		q.After = page.After
		return list(ctx, actor, q)
	})
}

// Count counts the incidents that the actor may read. Order, Limit and After of the query have
// no meaning.
func (p *Practice) Count(ctx context.Context, actor itsm.Actor, q Query) (int64, error) {
	groups, err := p.CountBy(ctx, actor, q)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	return groups[0].Count, nil
}

// CountBy counts the incidents that the actor may read for each combination of values that they
// have in the columns, in the order of these values.
func (p *Practice) CountBy(ctx context.Context, actor itsm.Actor, q Query, by ...storage.ColumnOf[Head]) ([]storage.Group, error) {
	q.Order = nil
	var groups []storage.Group
	err := p.view(ctx, actor, q, by, func(ctx context.Context, r storage.Reader, where storage.Filter[Head], _ map[storage.Tenant]reach) error {
		var err error
		groups, err = p.table.CountBy(ctx, r, where, by...)
		return err
	})
	return groups, err
}

// Mine lists the open incidents that are assigned to the actor.
func (p *Practice) Mine(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByAssignee.Is(actor.ID), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// MyGroups lists the open incidents of the actor's groups that no person has yet; in each tenant
// of the query, of the groups in which the actor works there.
func (p *Practice) MyGroups(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	groups := ByGroup.In(actor.InGroups()...)
	if len(q.Tenants) > 0 {
		var there []storage.Filter[Head]
		for _, tenant := range q.Tenants {
			there = append(there, storage.AllOf(byTenant.Is(tenant), ByGroup.In(actor.In(tenant).InGroups()...)))
		}
		groups = anyOf(there)
	}
	q.Where = storage.AllOf(groups, ByAssignee.Is(""), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// view runs fn, which reads a page or counts once, with the query's filter narrowed to what the actor may
// read, and what it may read the internal of in each tenant. All of that is one read, which needs no
// snapshot.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, q Query, by []storage.ColumnOf[Head], fn func(context.Context, storage.Reader, storage.Filter[Head], map[storage.Tenant]reach) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	tenants := q.Tenants
	if len(tenants) == 0 {
		tenants = []storage.Tenant{actor.Tenant}
	}
	return p.e.ReadTenants(ctx, actor, tenants, func(ctx context.Context, r storage.Reader) error {
		asks := p.asksInternal(q, by)
		var may, within []storage.Filter[Head]
		internal := map[storage.Tenant]reach{}
		for _, tenant := range r.Tenants() {
			there := actor.In(tenant)
			in := func(f storage.Filter[Head]) storage.Filter[Head] {
				if len(r.Tenants()) == 1 {
					return f
				}
				return storage.AllOf(byTenant.Is(tenant), f)
			}
			of, err := p.scope(ctx, there, PermissionRead)
			if err != nil {
				return err
			}
			may = append(may, in(of.all))
			of, err = p.scope(ctx, there, PermissionReadInternal)
			if isForbidden(err) {
				continue
			}
			if err != nil {
				return err
			}
			internal[tenant] = of
			within = append(within, in(of.all))
		}
		where := []storage.Filter[Head]{anyOf(may), q.Where}
		if asks {
			// Filters and orders tell of what they look at.
			where = append(where, anyOf(within))
		}
		return fn(ctx, r, storage.AllOf(where...), internal)
	})
}

func anyOf(fs []storage.Filter[Head]) storage.Filter[Head] {
	if len(fs) == 1 {
		return fs[0]
	}
	return storage.AnyOf(fs...)
}

// asksInternal says whether a query looks at a column or at tags, which not everyone may read.
func (p *Practice) asksInternal(q Query, by []storage.ColumnOf[Head]) bool {
	for _, o := range q.Order {
		if p.internalColumns[o.Column] {
			return true
		}
	}
	for _, c := range by {
		if c != nil && p.internalColumns[c.Spec().Name] {
			return true
		}
	}
	return p.namesInternal(q.Where.Condition())
}

func (p *Practice) namesInternal(c storage.Condition) bool {
	if p.internalColumns[c.Column] || c.Op == storage.Named && c.By != nil && c.By.Schema.Name() == tagTable.Name() {
		return true
	}
	for _, sub := range c.Of {
		if p.namesInternal(sub) {
			return true
		}
	}
	return false
}
